/* momentum.k.c - the rule of gradient descent with momentum, for optimizer.k.c, as PyTorch's SGD(momentum):
 *   velocity = momentum * velocity + g,   w -= lr * velocity
 * and with K_NESTEROV, for the weights at the point looked ahead to (Sutskever et al., "On the importance of
 * initialization and momentum in deep learning", 2013):
 *   w -= lr * (g + momentum * velocity)
 * The velocity, the only state, starts at zero. Int: K_NESTEROV. */
#include "../emitted.h"

#ifndef K_NESTEROV
#define K_NESTEROV 1
#endif

/* kernel { */
static inline nt_rates k_rates(const nt_pass *p)
{
    return (nt_rates){.lr = (real)p->lr, .momentum = (real)p->momentum};
}

static inline vf k_rule(const nt_rates *r, vf w, vf g, real *velocity)
{
    const vf momentum = v_set1(r->momentum), u = v_fma(momentum, v_load(velocity), g);
    v_store(velocity, u);
    return v_fnma(v_set1(r->lr), K_NESTEROV ? v_fma(momentum, u, g) : u, w);
}

/* kernel } */
