/* load_input.k.c - a batch of dense images into the model's input tensor, between its zero border: the channels of a pixel, then zeros
 * up to the pixel's padded size.
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
static void k_main(int n, const real *restrict input, real *restrict x)
{
#pragma omp for schedule(static)
    for (int row = 0; row < n * K_H; row++) {
        const real *from = input + (size_t)row * K_W * K_C;
        real *to = x + (size_t)(row / K_H) * K_X_S + (size_t)(row % K_H) * K_X_R;
        if (K_P == K_C) {
            memcpy(to, from, sizeof *to * K_W * K_C);
            continue;
        }
        for (int w = 0; w < K_W; w++) {
            for (int c = 0; c < K_P; c++) {
                to[w * K_P + c] = c < K_C ? from[w * K_C + c] : 0;
            }
        }
    }
}
/* kernel } */
