/* adam.k.c - the rule of Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1), for
 * optimizer.k.c, as PyTorch's Adam:
 *   m += (1 - BETA1) (g - m),   v += (1 - BETA2) (g^2 - v)
 *   w -= lr / (1 - BETA1^step) * m / (sqrt(v / (1 - BETA2^step)) + EPS)
 * With K_COUPLED 0 it is AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019): first
 *   w -= lr * decay * w
 * The state is m and v, K_SLOT elements apart; both start at zero, and step counts from 1.
 * Ints: K_SLOT K_COUPLED. Reals: K_BETA1 K_BETA2 K_EPS. */
#include "../emitted.h"

#include <math.h>

#ifndef K_BETA1
#define K_BETA1 0.9
#define K_BETA2 0.999
#define K_EPS 1e-8
#endif
#ifndef K_SLOT
#define K_SLOT 64
#endif
#ifndef K_COUPLED
#define K_COUPLED 0
#endif

/* kernel { */
static inline nt_rates k_rates(const nt_pass *p)
{
    const double step = (double)p->update_step;
    return (nt_rates){
        .lr = (real)p->lr,
        .first = (real)(p->lr / (1 - pow(K_BETA1, step))),
        .second = (real)(1 / sqrt(1 - pow(K_BETA2, step))),
    };
}

static inline vf k_rule(const nt_rates *r, vf w, vf g, real *state)
{
    const vf old_m = v_load(state), old_v = v_load(state + K_SLOT);
    const vf m = v_fma(v_set1((real)(1 - K_BETA1)), v_sub(g, old_m), old_m);
    const vf v = v_fma(v_set1((real)(1 - K_BETA2)), v_fma(g, g, v_neg(old_v)), old_v);
    v_store(state, m);
    v_store(state + K_SLOT, v);
    if (!K_COUPLED)
        w = v_fnma(v_set1(r->lr * r->decay), w, w);
    return v_fnma(v_set1(r->first), v_div(m, v_fma(v_sqrt(v), v_set1(r->second), v_set1((real)K_EPS))), w);
}

/* kernel } */
