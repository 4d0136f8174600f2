/* lrn.k.c - local response normalisation over channels (Krizhevsky, Sutskever and Hinton, "ImageNet classification
 * with deep convolutional neural networks", 2012, section 3.3; scaled as in PyTorch's local_response_norm):
 *   y[c] = x[c] / (K + ALPHA/SIZE * sum of x[j]^2 for j = c - SIZE/2 .. c + (SIZE-1)/2 inside the channels)^BETA
 *
 *   x   K_H x K_W pixels, strides K_X_S, K_X_R, K_X_P; padded lanes finite and ignored
 *   K_STORE(v, n, h, w, c)   takes VL channels of the output; its padded lanes are zero
 *
 * Ints: K_H K_W K_C (channels) K_CP (C up to a multiple of VL), K_SIZE, K_X_S K_X_R K_X_P. Reals: K_ALPHA K_BETA K_K
 * (above 0). BETA of 1/2, 3/4 and 1 need no power function. */
#include "../simd.h"

#ifndef K_H
#define K_H 8
#define K_W 8
#define K_C 16
#define K_CP 16
#define K_SIZE 5
#define K_ALPHA 1e-4
#define K_BETA 0.75
#define K_K 2.0
#define K_X_S 1024
#define K_X_R 128
#define K_X_P 16
#define K_Y_S 1024
#define K_Y_R 128
#define K_Y_P 16
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict y
#define K_PASS , y
#define K_STORE(v, n, h, w, c) v_store(y + (size_t)(n) * K_Y_S + (h) * K_Y_R + (w) * K_Y_P + (c), v)
#endif

/* kernel { */
/* VL channels of a pixel from `c` on; zeros beyond the last. */
static inline vf k_channels(const real *pixel, int c)
{
    return c + VL <= K_C ? v_load(pixel + c) : v_load_n(pixel + c, K_C - c);
}

/* d^-BETA */
static inline vf k_power(vf d)
{
    if (K_BETA == 0.5)
        return v_div(v_set1(1), v_sqrt(d));
    if (K_BETA == 0.75)
        return v_div(v_set1(1), v_mul(v_sqrt(d), v_sqrt(v_sqrt(d))));
    if (K_BETA == 1.0)
        return v_div(v_set1(1), d);
    return v_pow(d, v_set1((real)-K_BETA));
}

static void k_main(int n, const real *restrict x K_ARGS)
{
    const int below = K_SIZE / 2, above = (K_SIZE - 1) / 2;
#pragma omp for schedule(static)
    for (int row = 0; row < n * K_H; row++) {
        const int i = row / K_H, h = row % K_H;
        /* Squares of a pixel's channels between zeros for the windows that reach over the edges. */
        real squares[K_CP + K_SIZE - 1];
        for (int j = 0; j < below; j++)
            squares[j] = 0;
        for (int j = 0; j < above; j++)
            squares[below + K_CP + j] = 0;
        for (int w = 0; w < K_W; w++) {
            const real *pixel = x + (size_t)i * K_X_S + h * K_X_R + w * K_X_P;
            for (int c = 0; c < K_CP; c += VL) {
                const vf v = k_channels(pixel, c);
                v_store(squares + below + c, v_mul(v, v));
            }
            for (int c = 0; c < K_CP; c += VL) {
                vf sum = v_load(squares + c);
                for (int j = 1; j < K_SIZE; j++)
                    sum = v_add(sum, v_load(squares + c + j));
                const vf d = v_fma(v_set1((real)(K_ALPHA / K_SIZE)), sum, v_set1((real)K_K));
                const vf v = v_mul(k_channels(pixel, c), k_power(d));
                K_STORE(v, i, h, w, c);
            }
        }
    }
}
/* kernel } */
