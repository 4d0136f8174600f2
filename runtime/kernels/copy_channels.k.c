/* copy_channels.k.c - copies C channels of every pixel of x into a range of y's channels, neither of which need begin or end on a whole
 * vector. x and y point at the first channels of their ranges. Up to CP, the channels that follow in y become zero: where the range is y's
 * last, they are padding.
 *
 * Ints: K_H K_W pixels, K_C channels, K_CP (C or more), K_X_S K_X_R K_X_P and K_Y_S K_Y_R K_Y_P strides of sample, row, pixel. No hooks. */
#include "../simd.h"

#ifndef K_H
#define K_H 8
#define K_W 8
#define K_C 10
#define K_CP 16
#define K_X_S 1024
#define K_X_R 128
#define K_X_P 16
#define K_Y_S 2048
#define K_Y_R 256
#define K_Y_P 32
#endif
#ifndef K_ARGS
#define K_ARGS
#define K_PASS
#endif

/* kernel { */
static void k_main(int n, const real *restrict x, real *restrict y K_ARGS)
{
#pragma omp for schedule(static)
    for (int row = 0; row < n * K_H; row++) {
        const real *from = x + (size_t)(row / K_H) * K_X_S + row % K_H * K_X_R;
        real *to = y + (size_t)(row / K_H) * K_Y_S + row % K_H * K_Y_R;
        for (int w = 0; w < K_W; w++) {
            memcpy(to + w * K_Y_P, from + w * K_X_P, K_C * sizeof *to);
            memset(to + w * K_Y_P + K_C, 0, (K_CP - K_C) * sizeof *to);
        }
    }
}
/* kernel } */
