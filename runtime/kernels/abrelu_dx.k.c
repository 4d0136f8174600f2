/* abrelu_dx.k.c - gradient of abrelu with respect to its input. With g = dy where y > 0, else 0:
 *   dx = g - ALPHA * (mean of g over the sample's whole volume),
 * as every element of x is part of the mean that was taken from all.
 *
 *   y, dy   K_H x K_W pixels of K_C channels, strides K_Y_S, K_Y_R, K_Y_P and K_DY_S, K_DY_R, K_DY_P; padded lanes of dy
 *           are zero
 *   K_STORE(v, n, h, w, c)   takes VL channels of dx, padded lanes zero
 *
 * Each row is summed in float, rows are added in double. Ints: K_H K_W K_C K_CP (C up to a multiple of VL), the strides.
 * Real: K_ALPHA. */
#include "../simd.h"

#ifndef K_H
#define K_H 4
#define K_W 4
#define K_C 10
#define K_CP 16
#define K_Y_S 256
#define K_Y_R 64
#define K_Y_P 16
#define K_DY_S 256
#define K_DY_R 64
#define K_DY_P 16
#define K_DX_S 256
#define K_DX_R 64
#define K_DX_P 16
#define K_ALPHA 1.0
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) v_store(dx + (size_t)(n) * K_DX_S + (h) * K_DX_R + (w) * K_DX_P + (c), v)
#endif

/* kernel { */
/* VL channels of g. */
static inline vf k_open(const real *y, const real *dy)
{
    return v_select(v_gt(v_load(y), v_zero()), v_load(dy), v_zero());
}

static void k_main(int n, const real *restrict y, const real *restrict dy K_ARGS)
{
#pragma omp for schedule(static)
    for (int i = 0; i < n; i++) {
        const real *yi = y + (size_t)i * K_Y_S, *dyi = dy + (size_t)i * K_DY_S;
        double total = 0;
        for (int h = 0; h < K_H; h++) {
            vf sum = v_zero();
            for (int w = 0; w < K_W; w++)
                for (int c = 0; c < K_CP; c += VL)
                    sum = v_add(sum, k_open(yi + h * K_Y_R + w * K_Y_P + c, dyi + h * K_DY_R + w * K_DY_P + c));
            total += (double)v_sum(sum);
        }
        const vf mean = v_set1((real)(K_ALPHA * total / ((double)K_H * K_W * K_C)));
        for (int h = 0; h < K_H; h++) {
            for (int w = 0; w < K_W; w++) {
                for (int c = 0; c < K_CP; c += VL) {
                    vf v = v_sub(k_open(yi + h * K_Y_R + w * K_Y_P + c, dyi + h * K_DY_R + w * K_DY_P + c), mean);
                    if (c + VL > K_C)
                        v = v_select(v_lt(v_iota(), v_set1((real)(K_C - c))), v, v_zero());
                    K_STORE(v, i, h, w, c);
                }
            }
        }
    }
}
/* kernel } */
