/* softmax.k.c - softmax over the channels of each pixel: y[c] = e^(x[c] - m) / sum over j of e^(x[j] - m), m = max x.
 *
 *   x   K_H x K_W pixels, strides K_X_S, K_X_R, K_X_P; padded lanes are ignored
 *   K_STORE(v, n, h, w, c)   takes VL channels of the output; its padded lanes are zero
 *
 * Ints: K_H K_W K_C (channels) K_CP (C up to a multiple of VL), K_X_S K_X_R K_X_P. */
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
#define K_Y_S 16
#define K_Y_R 16
#define K_Y_P 16
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict y
#define K_PASS , y
#define K_STORE(v, n, h, w, c) v_store(y + (size_t)(n) * K_Y_S + (h) * K_Y_R + (w) * K_Y_P + (c), v)
#endif

/* kernel { */
/* VL values from channel `c` on, with `other` in the lanes beyond the last channel. */
static inline vf k_masked(vf v, int c, vf other)
{
    return c + VL <= K_C ? v : v_select(v_lt(v_iota(), v_set1((real)(K_C - c))), v, other);
}

static void k_main(int n, const real *restrict x K_ARGS)
{
#pragma omp for schedule(static)
    for (int row = 0; row < n * K_H; row++) {
        const int i = row / K_H, h = row % K_H;
        real e[K_CP];
        for (int w = 0; w < K_W; w++) {
            const real *pixel = x + (size_t)i * K_X_S + h * K_X_R + w * K_X_P;
            vf top = v_set1(-(real)INFINITY), sum = v_zero();
            for (int c = 0; c < K_CP; c += VL)
                top = v_max(top, k_masked(v_load(pixel + c), c, top));
            top = v_set1(v_hmax(top));
            for (int c = 0; c < K_CP; c += VL) {
                const vf v = k_masked(v_exp(v_sub(v_load(pixel + c), top)), c, v_zero());
                v_store(e + c, v);
                sum = v_add(sum, v);
            }
            const vf scale = v_set1(1 / v_sum(sum));
            for (int c = 0; c < K_CP; c += VL) {
                const vf v = v_mul(v_load(e + c), scale);
                K_STORE(v, i, h, w, c);
            }
        }
    }
}
/* kernel } */
