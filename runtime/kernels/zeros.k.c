/* zeros.k.c - pixels whose sum has no terms: in the gradient to the input of a strided convolution, those between the
 * windows. They go to memory pixel by pixel, not panel by panel, as it takes whole runs of lines fastest.
 *
 * Ints: K_OUT_H, K_OUT_W the pixels' rows and columns, K_CHANNELS, padded. Hook: K_STORE(v, n, h, w, c) for each vector. */
#include "../simd.h"

#ifndef K_OUT_H
#define K_OUT_H 8
#define K_OUT_W 8
#define K_CHANNELS 16
#define K_ARGS , real *restrict y
#define K_STORE(v, n, h, w, c) v_store(y + (((n)*K_OUT_H + (h)) * K_OUT_W + (w)) * K_CHANNELS + (c), v)
#endif

/* kernel { */
static void k_main(int n K_ARGS)
{
#pragma omp for schedule(static)
    for (int row = 0; row < n * K_OUT_H; row++)
        for (int w = 0; w < K_OUT_W; w++)
            for (int c = 0; c < K_CHANNELS; c += VL)
                K_STORE(v_zero(), row / K_OUT_H, row % K_OUT_H, w, c);
}
/* kernel } */
