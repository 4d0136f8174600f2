/* emitted.h - the few things that emitted models use besides kernels and forward.h: losses, dropout and noise, slopes, and what the
 * optimizers' rules share. */
#ifndef NT_EMITTED_H
#define NT_EMITTED_H

#include "forward.h"
#include "laps.h"
#include "model.h"

/* Sets each sample's loss to zero: the losses add to it. */
static inline void nt_clear_losses(const nt_pass *p)
{
#pragma omp for schedule(static)
    for (int i = 0; i < p->n; i++) {
        p->loss_sample[i] = 0;
    }
}

/* Whether the batch's loss, a sum over its samples, is a finite number. Each thread finds out for itself. */
static inline int nt_loss_is_finite(const nt_pass *p)
{
    double sum = 0;
    for (int i = 0; i < p->n; i++) {
        sum += (double)p->loss_sample[i];
    }
    return sum - sum == 0;
}

/* The end of a pass's step: with laps all threads meet here, and the step's time is noted. */
static inline void nt_lap(const nt_pass *p, int step)
{
    if (p->laps) {
        nt_lap_end(p->laps, step);
    }
}

/* What this thread's registers give at most: 12 independent sums hide the latency of two units. Returns the number of operations, a
 * multiply-add counting two; the sums are looked at so that no compiler removes them. */
static inline double nt_fma(int rounds)
{
    enum { SUMS = 12 };
    vf sums[SUMS];
    const vf x = v_set1((real)0.999), y = v_set1((real)1e-3);
    for (int s = 0; s < SUMS; s++) {
        sums[s] = v_set1((real)s);
    }
    for (int r = 0; r < rounds; r++) {
        for (int s = 0; s < SUMS; s++) {
            sums[s] = v_fma(sums[s], x, y);
        }
    }
    vf all = sums[0];
    for (int s = 1; s < SUMS; s++) {
        all = v_add(all, sums[s]);
    }
    return v_sum(all) < 0 ? 0 : 2.0 * SUMS * VL * rounds;
}

/* The random stream of a layer in this step. */
static inline uint64_t nt_layer_key(const nt_pass *p, uint64_t layer)
{
    return nt_uniform_block(nt_uniform_block(p->seed, (uint32_t)layer), (uint32_t)p->step);
}

/* Inverted dropout of VL elements, the first of which has number `index` in the batch: the mask of this step and layer, from the
 * counter-based generator, so that the backward pass makes the same one again. */
static inline vf nt_dropout(vf x, const nt_pass *p, uint64_t layer, uint64_t index, real rate)
{
    if (!p->random) {
        return x;
    }
    const uint64_t key = nt_layer_key(p, layer);
    return v_select(v_ge(v_uniform(key, index), v_set1(rate)), v_mul(x, v_set1(1 / (1 - rate))), v_zero());
}

/* VL standard normals, from number `index` of the stream `key` on: sqrt(-2 log u) cos(2 pi v) with u in (0, 1] and v from two streams (Box
 * and Muller, 1958). The cosine is 1 - 2 sin^2(pi v); the sine of pi times -1/2..1/2 is a polynomial whose relative error is below
 * 6e-9. */
static inline vf nt_normal(uint64_t key, uint64_t index)
{
    const vf u = v_sub(v_set1(1), v_uniform(key, index));
    const vf v = v_sub(v_uniform(nt_uniform_block(key, 1), index), v_set1((real)0.5)), v2 = v_mul(v, v);
    vf sine = v_set1((real)0.077560387);
    sine = v_fma(sine, v2, v_set1((real)-0.598242126));
    sine = v_fma(sine, v2, v_set1((real)2.55006973));
    sine = v_fma(sine, v2, v_set1((real)-5.16770968));
    sine = v_mul(v_fma(sine, v2, v_set1((real)3.14159264)), v);
    const vf radius = v_sqrt(v_mul(v_set1(-2), v_log(u)));
    return v_mul(radius, v_fnma(v_add(sine, sine), sine, v_set1(1)));
}

/* std times a standard normal, for VL elements from number `index` of the batch on. */
static inline vf nt_noise(const nt_pass *p, uint64_t layer, uint64_t index, real std)
{
    return p->random ? v_mul(v_set1(std), nt_normal(nt_layer_key(p, layer), index)) : v_zero();
}

/* The stream of the gradient's noise in this step: beyond those of the layers. */
static inline uint64_t nt_noise_key(const nt_pass *p)
{
    return nt_layer_key(p, UINT32_MAX);
}

/* What an optimizer's rule is given besides the element at hand: this step's rate and momentum, the decay where the rule sees to it, and
 * whatever else it works out once a step. */
typedef struct nt_rates {
    real lr, momentum, decay, first, second;
} nt_rates;

/* size * sign(x): 0 for 0, and a NaN stays a NaN. */
static inline vf nt_signed(vf size, vf x)
{
    return v_select(v_gt(x, v_zero()), size, v_select(v_lt(x, v_zero()), v_neg(size), x));
}

/* d/dx of x*sigmoid(beta*x). */
static inline vf v_swish_slope(vf x, vf beta)
{
    const vf s = v_sigmoid(v_mul(beta, x));
    return v_mul(s, v_fma(v_mul(beta, x), v_sub(v_set1(1), s), v_set1(1)));
}

/* d/dbeta of x*sigmoid(beta*x). */
static inline vf v_swish_slope_beta(vf x, vf beta)
{
    const vf s = v_sigmoid(v_mul(beta, x));
    return v_mul(v_mul(x, x), v_fnma(s, s, s));
}

/* d/dx of v_deformed(x, t): [1 + (1-t)x]_+^(t/(1-t)), and 0 from where the bracket is 0. */
static inline vf v_deformed_slope(vf x, double t)
{
    const vf b = v_mul(v_set1((real)(1 - t)), v_min(x, v_zero()));
    const vm inside = v_gt(b, v_set1(-1));
    const vf y = v_exp(v_mul(v_set1((real)(t / (1 - t))), v_log1p(v_select(inside, b, v_zero()))));
    return v_select(inside, y, v_zero());
}

/* d/dx of x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
static inline vf v_gelu_tanh_slope(vf x)
{
    const vf x2 = v_mul(x, x), root = v_set1((real)0.79788456080286536);
    const vf t = v_tanh(v_mul(root, v_fma(v_mul(x2, x), v_set1((real)0.044715), x)));
    const vf inner = v_mul(root, v_fma(x2, v_set1((real)0.134145), v_set1(1)));
    const vf slope = v_mul(v_mul(x, v_fnma(t, t, v_set1(1))), inner);
    return v_mul(v_set1((real)0.5), v_add(v_add(v_set1(1), t), slope));
}

#endif
