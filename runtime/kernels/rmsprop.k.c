/* rmsprop.k.c - the rule of RMSProp (Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5, 2012),
 * for optimizer.k.c, as PyTorch's RMSprop:
 *   s = RHO s + (1 - RHO) g^2,   u = g / (sqrt(s) + EPS),   w -= lr * u
 * and with K_WITH_MOMENTUM
 *   velocity = momentum * velocity + u,   w -= lr * velocity
 * The state is s, then the velocity, K_SLOT elements on; both start at zero.
 * Ints: K_SLOT K_WITH_MOMENTUM. Reals: K_RHO K_EPS. */
#include "../emitted.h"

#ifndef K_RHO
#define K_RHO 0.9
#define K_EPS 1e-8
#endif
#ifndef K_SLOT
#define K_SLOT 64
#endif
#ifndef K_WITH_MOMENTUM
#define K_WITH_MOMENTUM 1
#endif

/* kernel { */
static inline nt_rates k_rates(const nt_pass *p)
{
    return (nt_rates){.lr = (real)p->lr, .momentum = (real)p->momentum};
}

static inline vf k_rule(const nt_rates *r, vf w, vf g, real *state)
{
    const vf old = v_load(state), s = v_fma(v_set1((real)(1 - K_RHO)), v_fma(g, g, v_neg(old)), old);
    vf u = v_div(g, v_add(v_sqrt(s), v_set1((real)K_EPS)));
    v_store(state, s);
    if (K_WITH_MOMENTUM) {
        u = v_fma(v_set1(r->momentum), v_load(state + K_SLOT), u);
        v_store(state + K_SLOT, u);
    }
    return v_fnma(v_set1(r->lr), u, w);
}

/* kernel } */
