/* step.k.c - what every optimizer does to some elements in a row: it scales and clips the gradient, adds noise and penalties, and hands
 * weight, gradient and state to the rule. The rule itself is another file (sgd.k.c, momentum.k.c, adam.k.c, adagrad.k.c, adadelta.k.c,
 * rmsprop.k.c), whose text comes before this one's; k_rule gets w and
 *   g = clip(clip_scale * grad) + noise + decay * w + l1 * sign(w)
 * where clip(x) is x; with K_CLIP_VALUE > 0 x limited to +-K_CLIP_VALUE; with K_CLIP_SIGN > 0 K_CLIP_SIGN * sign(x),
 * and sign(0) = 0. A NaN stays a NaN. The noise (K_NOISE) is normal with standard deviation p->noise, a function of the
 * seed, the step and the element's place. With K_COUPLED 0 the decay is left to the rule.
 *
 * The rate is p->lr times lr_scale. decay is multiplied by p->decay_scale, l1 by p->l1_scale.
 * Behind it comes the text of a kernel that calls k_step: optimizer.k.c for a range of the parameters whose gradients are stored,
 * igemm_dw.k.c for gradients that it has just made.
 * Ints: K_NOISE K_COUPLED K_SLOT K_STATES (elements of a slot of the state, slots). Reals: K_CLIP_VALUE K_CLIP_SIGN. No hooks. */
#include "../emitted.h"

#ifndef K_COUPLED
#include "sgd.k.c"
#define K_NOISE 1
#define K_COUPLED 1
#define K_CLIP_VALUE 0.5
#define K_CLIP_SIGN 0.0
#define K_STATES 0
#define K_SLOT 64
#endif

/* kernel { */
/* The gradient as the rule gets it, but for the noise and the penalties. */
static inline vf k_clipped(vf g)
{
    if (K_CLIP_VALUE > 0)
        g = v_max(v_set1((real)-K_CLIP_VALUE), v_min(v_set1((real)K_CLIP_VALUE), g));
    if (K_CLIP_SIGN > 0)
        g = nt_signed(v_set1((real)K_CLIP_SIGN), g);
    return g;
}

/* What the rule is given besides, for parameters with this factor on the rate and this decay. */
static inline nt_rates k_rates_of(const nt_pass *p, double lr_scale, double decay)
{
    nt_pass own = *p;
    own.lr *= lr_scale;
    nt_rates rates = k_rates(&own);
    rates.decay = (real)(decay * p->decay_scale);
    return rates;
}

/* One step of elements begin..end-1 of the parameters, both multiples of VL. `grad` is the gradient of the first. */
static inline void k_step(const nt_pass *p, const nt_rates *rates, double l1, const real *restrict grad, size_t begin, size_t end)
{
    const vf scale = v_set1((real)p->clip_scale), l2 = v_set1(rates->decay), lasso = v_set1((real)(l1 * p->l1_scale));
    const uint64_t key = nt_noise_key(p);
    real *const restrict w = p->params, *const restrict state = p->state;
    for (size_t i = begin; i < end; i += VL) {
        const vf old = v_load(w + i);
        vf g = k_clipped(v_mul(scale, v_load(grad + (i - begin))));
        if (K_NOISE)
            g = v_fma(v_set1((real)p->noise), nt_normal(key, i), g);
        if (K_COUPLED)
            g = v_fma(l2, old, g);
        if (l1 > 0)
            g = v_add(g, nt_signed(lasso, old));
        v_store(w + i, k_rule(rates, old, g, state + i));
    }
}
/* kernel } */
