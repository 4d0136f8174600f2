/* adagrad.k.c - the rule of AdaGrad (Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and
 * stochastic optimization", 2011, with the diagonal of the matrix), for optimizer.k.c, as PyTorch's Adagrad:
 *   s += g^2,   w -= lr * g / (sqrt(s) + EPS)
 * The sum s, the only state, starts at zero. Real: K_EPS. */
#include "../emitted.h"

#ifndef K_EPS
#define K_EPS 1e-8
#endif

/* kernel { */
static inline nt_rates k_rates(const nt_pass *p)
{
    return (nt_rates){.lr = (real)p->lr};
}

static inline vf k_rule(const nt_rates *r, vf w, vf g, real *sum)
{
    const vf s = v_fma(g, g, v_load(sum));
    v_store(sum, s);
    return v_fnma(v_set1(r->lr), v_div(g, v_add(v_sqrt(s), v_set1((real)K_EPS))), w);
}

/* kernel } */
