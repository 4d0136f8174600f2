/* pad_shortcut.k.c - ResNet's shortcut without parameters (He et al., "Deep residual learning for image recognition",
 * 2015, option A): every STRIDE-th pixel, its channels between zeros,
 *   y[n,h,w,c] = x[n, h*STRIDE, w*STRIDE, c - FROM] where that channel exists, else 0.
 *
 *   x   strides K_X_S, K_X_R, K_X_P; at least (K_OUT_H - 1) * STRIDE + 1 rows, and likewise columns
 *   K_STORE(v, n, h, w, c)   takes VL channels of the output; its padded lanes are zero
 *
 * Ints: K_OUT_H K_OUT_W, K_CP channels of the output up to a multiple of VL, K_IN_C channels of x, K_FROM, K_STRIDE,
 * K_X_S K_X_R K_X_P. */
#include "../simd.h"

#ifndef K_OUT_H
#define K_OUT_H 4
#define K_OUT_W 4
#define K_CP 32
#define K_IN_C 16
#define K_FROM 8
#define K_STRIDE 2
#define K_X_S 1024
#define K_X_R 128
#define K_X_P 16
#define K_Y_S 512
#define K_Y_R 128
#define K_Y_P 32
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict y
#define K_PASS , y
#define K_STORE(v, n, h, w, c) v_store(y + (size_t)(n) * K_Y_S + (h) * K_Y_R + (w) * K_Y_P + (c), v)
#endif

/* kernel { */
/* VL channels of a pixel from `c` on, which may be negative or past the last; zeros where there is none. */
static inline vf k_channels(const real *pixel, int c)
{
    const int first = c > 0 ? c : 0, end = c + VL < K_IN_C ? c + VL : K_IN_C;
    if (first >= end)
        return v_zero();
    return end - first == VL ? v_load(pixel + first) : v_load_at(pixel + first, first - c, end - first);
}

static void k_main(int n, const real *restrict x K_ARGS)
{
#pragma omp for schedule(static)
    for (int row = 0; row < n * K_OUT_H; row++) {
        const int i = row / K_OUT_H, h = row % K_OUT_H;
        for (int w = 0; w < K_OUT_W; w++) {
            const real *pixel = x + (size_t)i * K_X_S + h * K_STRIDE * K_X_R + w * K_STRIDE * K_X_P;
            for (int c = 0; c < K_CP; c += VL) {
                const vf v = k_channels(pixel, c - K_FROM);
                K_STORE(v, i, h, w, c);
            }
        }
    }
}
/* kernel } */
