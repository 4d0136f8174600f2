/* whiten_input.k.c - a batch of dense images into the model's input tensor, between its zero border, each value a sum over all values of
 * its image: matrix * image + shift. Then zeros up to the pixel's padded size.
 *
 * matrix: K_H*K_W*K_C rows of as many values, row-major in the order height, width, channel.
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
static void k_main(int n, const real *restrict input, const real *restrict matrix, const real *restrict shift, real *restrict x)
{
    enum { size = K_H * K_W * K_C };
#pragma omp for schedule(static)
    for (int row = 0; row < n * K_H; row++) {
        const real *from = input + (size_t)(row / K_H) * size;
        real *to = x + (size_t)(row / K_H) * K_X_S + (size_t)(row % K_H) * K_X_R;
        for (int i = 0; i < K_W * K_P; i++) {
            const int w = i / K_P, c = i % K_P, value = (row % K_H * K_W + w) * K_C + c;
            if (c >= K_C) {
                to[i] = 0;
                continue;
            }
            const real *weights = matrix + (size_t)value * size;
            vf sum = v_zero();
            int j = 0;
            for (; j + VL <= size; j += VL) {
                sum = v_fma(v_load(weights + j), v_load(from + j), sum);
            }
            sum = v_fma(v_load_n(weights + j, size - j), v_load_n(from + j, size - j), sum);
            to[i] = v_sum(sum) + shift[value];
        }
    }
}
/* kernel } */
