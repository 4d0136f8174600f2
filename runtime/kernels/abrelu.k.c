/* abrelu.k.c - average biased rectifier: y = max(0, x - ALPHA * m), m the mean of the sample's whole volume.
 *
 *   x     K_H x K_W pixels of K_C channels, strides K_X_S (sample), K_X_R (row), K_X_P (pixel); padded lanes are finite
 *         and no part of the mean
 *   K_STORE(v, n, h, w, c)   takes VL channels of y
 *
 * Each row is summed in float, rows are added in double. Ints: K_H K_W K_C K_CP (C up to a multiple of VL), K_X_S K_X_R
 * K_X_P. Real: K_ALPHA. */
#include "../simd.h"

#ifndef K_H
#define K_H 4
#define K_W 4
#define K_C 10
#define K_CP 16
#define K_X_S 256
#define K_X_R 64
#define K_X_P 16
#define K_Y_S 256
#define K_Y_R 64
#define K_Y_P 16
#define K_ALPHA 1.0
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict y
#define K_PASS , y
#define K_STORE(v, n, h, w, c) v_store(y + (size_t)(n) * K_Y_S + (h) * K_Y_R + (w) * K_Y_P + (c), v)
#endif

/* kernel { */
static void k_main(int n, const real *restrict x K_ARGS)
{
    const int whole = K_C / VL * VL; /* channels in whole vectors */
#pragma omp for schedule(static)
    for (int i = 0; i < n; i++) {
        double total = 0;
        for (int h = 0; h < K_H; h++) {
            vf sum = v_zero();
            for (int w = 0; w < K_W; w++) {
                const real *pixel = x + (size_t)i * K_X_S + h * K_X_R + w * K_X_P;
                for (int c = 0; c < whole; c += VL)
                    sum = v_add(sum, v_load(pixel + c));
                if (whole < K_C)
                    sum = v_add(sum, v_load_n(pixel + whole, K_C - whole));
            }
            total += (double)v_sum(sum);
        }
        const vf bias = v_set1((real)(K_ALPHA * total / ((double)K_H * K_W * K_C)));
        for (int h = 0; h < K_H; h++) {
            for (int w = 0; w < K_W; w++) {
                const real *pixel = x + (size_t)i * K_X_S + h * K_X_R + w * K_X_P;
                for (int c = 0; c < K_CP; c += VL) {
                    const vf v = v_max(v_zero(), v_sub(v_load(pixel + c), bias));
                    K_STORE(v, i, h, w, c);
                }
            }
        }
    }
}
/* kernel } */
