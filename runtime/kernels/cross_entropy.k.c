/* cross_entropy.k.c - softmax and cross entropy fused, loss and gradient in one go. Per sample, with t[c] the target
 * (1 - SMOOTHING) d[c] + SMOOTHING/C, T the sum of t, and the mean taken over the sample's H*W pixels (one for a
 * vector):
 *   loss_sample += WEIGHT * mean of (T log sum over j of e^x[j] - sum over c of t[c] x[c])
 *   dx = WEIGHT/(n*H*W) * (T softmax(x) - t)
 * so that dx is the gradient of the batch's mean. d is 1 at the label, or a vector. As PyTorch's cross_entropy.
 *
 *   x             K_H x K_W pixels of logits, strides K_X_S, K_X_R, K_X_P; padded lanes are ignored
 *   labels        n*H*W class indices, each in 0..K_C-1 (the caller has checked them); not used with targets
 *   targets       n dense samples of H*W*C values d; or NULL: labels count
 *   loss_sample   n values that the loss is added to
 *   K_STORE(v, n, h, w, c)   takes VL channels of dx, padded lanes zero; not reached with K_WITH_GRAD 0, which
 *                            computes the loss only
 *
 * Ints: K_H K_W K_C (classes) K_CP (C up to a multiple of VL), K_X_S K_X_R K_X_P, K_WITH_GRAD. Reals: K_WEIGHT
 * K_SMOOTHING. */
#include "../simd.h"

#include <math.h>

#ifndef K_H
#define K_H 1
#define K_W 1
#define K_C 10
#define K_CP 16
#define K_X_S 16
#define K_X_R 16
#define K_X_P 16
#define K_DX_S 16
#define K_DX_R 16
#define K_DX_P 16
#define K_WITH_GRAD 1
#define K_WEIGHT 1.0
#define K_SMOOTHING 0.0
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) v_store(dx + (size_t)(n) * K_DX_S + (h) * K_DX_R + (w) * K_DX_P + (c), v)
#endif

/* kernel { */
/* VL values from channel `c` on, with `other` in the lanes beyond the last channel. */
static inline vf k_masked(vf v, int c, vf other)
{
    return c + VL <= K_C ? v : v_select(v_lt(v_iota(), v_set1((real)(K_C - c))), v, other);
}

/* VL targets d from channel `c` on: of a dense vector, or, without one, of a label. */
static inline vf k_target(const real *target, int label, int c)
{
    if (target)
        return c + VL <= K_C ? v_load(target + c) : v_load_n(target + c, K_C - c);
    return v_select(v_eq(v_iota(), v_set1((real)(label - c))), v_set1(1), v_zero());
}

static void k_main(int n, const real *restrict x, const int32_t *restrict labels, const real *restrict targets,
                   real *restrict loss_sample K_ARGS)
{
    const real mean_scale = (real)(K_WEIGHT / ((double)n * K_H * K_W));
#pragma omp for schedule(static)
    for (int i = 0; i < n; i++) {
        double loss = 0;
        vf e[K_CP / VL];
        for (int q = 0; q < K_H * K_W; q++) {
            const int h = q / K_W, w = q % K_W, label = targets ? 0 : labels[i * K_H * K_W + q];
            const real *pixel = x + (size_t)i * K_X_S + h * K_X_R + w * K_X_P;
            const real *target = targets ? targets + ((size_t)i * K_H * K_W + q) * K_C : NULL;
            vf top = v_set1(-(real)INFINITY), sum = v_zero(), total = v_zero(), mass = v_zero(), dot = v_zero();
            for (int c = 0; c < K_CP; c += VL)
                top = v_max(top, k_masked(v_load(pixel + c), c, top));
            top = v_set1(v_hmax(top));
            for (int c = 0; c < K_CP; c += VL) {
                const vf d = v_sub(v_load(pixel + c), top), v = k_masked(v_exp(d), c, v_zero());
                if (K_WITH_GRAD)
                    e[c / VL] = v;
                sum = v_add(sum, v);
                if (K_SMOOTHING > 0)
                    total = v_add(total, k_masked(d, c, v_zero()));
                if (target) {
                    const vf t = k_target(target, label, c);
                    mass = v_add(mass, t);
                    dot = v_fma(t, k_masked(d, c, v_zero()), dot);
                }
            }
            const real norm = v_sum(sum), hit = target ? v_sum(dot) : pixel[label] - v_hmax(top);
            const real share = target ? (real)((1 - K_SMOOTHING) * v_sum(mass) + K_SMOOTHING) : 1; /* T */
            loss += share * log((double)norm) - (1 - K_SMOOTHING) * hit;
            if (K_SMOOTHING > 0)
                loss -= K_SMOOTHING / K_C * v_sum(total);
            if (K_WITH_GRAD) {
                const vf scale = v_set1(mean_scale * share / norm), off = v_set1(mean_scale * (real)(K_SMOOTHING / K_C));
                const vf factor = v_set1(mean_scale * (real)(1 - K_SMOOTHING));
                for (int c = 0; c < K_CP; c += VL) {
                    const vf t = v_fma(factor, k_target(target, label, c), off);
                    const vf v = k_masked(v_sub(v_mul(e[c / VL], scale), t), c, v_zero());
                    K_STORE(v, i, h, w, c);
                }
            }
        }
        loss_sample[i] += (real)(K_WEIGHT / (K_H * K_W) * loss);
    }
}
/* kernel } */
