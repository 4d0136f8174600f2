/* adadelta.k.c - the rule of ADADELTA (Zeiler, "ADADELTA: an adaptive learning rate method", 2012, algorithm 1), for
 * optimizer.k.c, as PyTorch's Adadelta:
 *   s = RHO s + (1 - RHO) g^2,   step = sqrt(d + EPS) / sqrt(s + EPS) * g,   d = RHO d + (1 - RHO) step^2
 *   w -= lr * step
 * The state is s and d, K_SLOT elements apart; both start at zero. Int: K_SLOT. Reals: K_RHO K_EPS. */
#include "../emitted.h"

#ifndef K_RHO
#define K_RHO 0.9
#define K_EPS 1e-6
#endif
#ifndef K_SLOT
#define K_SLOT 64
#endif

/* kernel { */
static inline nt_rates k_rates(const nt_pass *p)
{
    return (nt_rates){.lr = (real)p->lr};
}

/* RHO * mean + (1 - RHO) * x^2 */
static inline vf k_mean(vf mean, vf x)
{
    return v_fma(v_set1((real)(1 - K_RHO)), v_fma(x, x, v_neg(mean)), mean);
}

static inline vf k_rule(const nt_rates *r, vf w, vf g, real *state)
{
    const vf eps = v_set1((real)K_EPS), d = v_load(state + K_SLOT), s = k_mean(v_load(state), g);
    const vf step = v_mul(v_sqrt(v_div(v_add(d, eps), v_add(s, eps))), g);
    v_store(state, s);
    v_store(state + K_SLOT, k_mean(d, step));
    return v_fnma(v_set1(r->lr), step, w);
}

/* kernel } */
