/* huber.k.c - Huber's loss (1964), and its gradient in one go: quadratic up to a distance of DELTA from the target, then
 * straight, with the same slope where they meet. With d = x - target, per sample
 *   loss_sample += WEIGHT * sum over h, w, c of (|d| <= DELTA: d^2/2, else DELTA (|d| - DELTA/2))
 *   dx = WEIGHT/n * (d limited to -DELTA..DELTA)
 * so that dx is the gradient of the batch's mean. (1/DELTA of it is smooth_l1.)
 *
 *   x             K_H x K_W pixels, strides K_X_S, K_X_R, K_X_P; padded lanes are ignored
 *   targets       n dense samples of H*W*C values; or NULL: one-hot, element labels[i] of sample i is 1
 *   labels        n indices in 0..H*W*C-1 (the caller has checked them); not used with targets
 *   loss_sample   n values that the loss is added to
 *   K_STORE(v, n, h, w, c)   takes VL channels of dx, padded lanes zero; not reached with K_WITH_GRAD 0, which
 *                            computes the loss only
 *
 * Ints: K_H K_W K_C (channels) K_CP (C up to a multiple of VL), K_X_S K_X_R K_X_P, K_WITH_GRAD. Reals: K_WEIGHT
 * K_DELTA. */
#include "../simd.h"

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
#define K_DELTA 1.0
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) v_store(dx + (size_t)(n) * K_DX_S + (h) * K_DX_R + (w) * K_DX_P + (c), v)
#endif

/* kernel { */
static void k_main(int n, const real *restrict x, const int32_t *restrict labels, const real *restrict targets,
                   real *restrict loss_sample K_ARGS)
{
    const vf scale = v_set1((real)(K_WEIGHT / n));
#pragma omp for schedule(static)
    for (int i = 0; i < n; i++) {
        vf sum = v_zero();
        for (int q = 0; q < K_H * K_W; q++) {
            const int h = q / K_W, w = q % K_W;
            const real *pixel = x + (size_t)i * K_X_S + h * K_X_R + w * K_X_P;
            const real *target = targets ? targets + ((size_t)i * K_H * K_W + q) * K_C : NULL;
            for (int c = 0; c < K_CP; c += VL) {
                const int lanes = c + VL <= K_C ? VL : K_C - c;
                const vf z = lanes == VL ? v_load(pixel + c) : v_load_n(pixel + c, lanes);
                vf t;
                if (target)
                    t = lanes == VL ? v_load(target + c) : v_load_n(target + c, lanes);
                else
                    t = v_select(v_eq(v_iota(), v_set1((real)(labels[i] - q * K_C - c))), v_set1(1), v_zero());
                vf d = v_sub(z, t);
                if (!target && lanes < VL)
                    d = v_select(v_lt(v_iota(), v_set1((real)lanes)), d, v_zero());
                /* with s = d limited: s (|d| - |s|/2) in the sign of d, which is s d - s^2/2 */
                const vf s = v_min(v_set1((real)K_DELTA), v_max(v_set1((real)-K_DELTA), d));
                sum = v_fma(s, v_fnma(v_set1((real)0.5), s, d), sum);
                if (K_WITH_GRAD) {
                    const vf v = v_mul(scale, s);
                    K_STORE(v, i, h, w, c);
                }
            }
        }
        loss_sample[i] += (real)(K_WEIGHT * v_sum(sum));
    }
}
/* kernel } */
