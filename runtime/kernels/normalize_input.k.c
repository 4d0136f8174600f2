/* normalize_input.k.c - a batch of dense images into the model's input tensor, between its zero border, each value times a factor plus a
 * shift: the channels of a pixel, then zeros up to the pixel's padded size.
 *
 * factor and shift hold constants for a row of pixels, W*C each; next_row is the distance to those of the row below, 0 where all rows
 * have the same.
 *
 * Ints: K_H K_W K_C, K_P padded channels of a pixel, K_X_S K_X_R strides of sample and row of the tensor. No hooks. */
#include "../simd.h"

#ifndef K_H
#define K_H 8
#define K_W 8
#define K_C 3
#define K_P 8
#define K_X_S 1024
#define K_X_R 64
#endif

/* kernel { */
static void k_main(int n, const real *restrict input, const real *restrict factor, const real *restrict shift, size_t next_row,
                   real *restrict x)
{
#pragma omp for schedule(static)
    for (int row = 0; row < n * K_H; row++) {
        const size_t constants = (size_t)(row % K_H) * next_row;
        const real *from = input + (size_t)row * K_W * K_C, *times = factor + constants, *plus = shift + constants;
        real *to = x + (size_t)(row / K_H) * K_X_S + (size_t)(row % K_H) * K_X_R;
        if (K_P == K_C) {
            for (int i = 0; i < K_W * K_C; i++) {
                to[i] = from[i] * times[i] + plus[i];
            }
            continue;
        }
        for (int w = 0; w < K_W; w++) {
            for (int c = 0; c < K_C; c++) {
                to[w * K_P + c] = from[w * K_C + c] * times[w * K_C + c] + plus[w * K_C + c];
            }
            for (int c = K_C; c < K_P; c++) {
                to[w * K_P + c] = 0;
            }
        }
    }
}
/* kernel } */
