/* sgd.k.c - the rule of plain gradient descent, for optimizer.k.c: w - lr * g. */
#include "../emitted.h"

/* kernel { */
static inline nt_rates k_rates(const nt_pass *p)
{
    return (nt_rates){.lr = (real)p->lr};
}

static inline vf k_rule(const nt_rates *r, vf w, vf g, real *state)
{
    (void)state;
    return v_fnma(v_set1(r->lr), g, w);
}

/* kernel } */
