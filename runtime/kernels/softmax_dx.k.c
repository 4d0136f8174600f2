/* softmax_dx.k.c - gradient of softmax with respect to its input, from its output:
 *   dx[c] = y[c] (dy[c] - sum over j of dy[j] y[j])
 *
 *   y, dy   K_H x K_W pixels, strides K_Y_S, K_Y_R, K_Y_P and K_DY_S, K_DY_R, K_DY_P; padded lanes finite and ignored
 *   K_STORE(v, n, h, w, c)   takes VL channels of dx; its padded lanes are zero
 *
 * Ints: K_H K_W K_C (channels) K_CP (C up to a multiple of VL), K_Y_S K_Y_R K_Y_P, K_DY_S K_DY_R K_DY_P. */
#include "../simd.h"

#ifndef K_H
#define K_H 1
#define K_W 1
#define K_C 10
#define K_CP 16
#define K_Y_S 16
#define K_Y_R 16
#define K_Y_P 16
#define K_DY_S 16
#define K_DY_R 16
#define K_DY_P 16
#define K_DX_S 16
#define K_DX_R 16
#define K_DX_P 16
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) v_store(dx + (size_t)(n) * K_DX_S + (h) * K_DX_R + (w) * K_DX_P + (c), v)
#endif

/* kernel { */
/* VL channels of a pixel from `c` on; zeros beyond the last. */
static inline vf k_channels(const real *pixel, int c)
{
    return c + VL <= K_C ? v_load(pixel + c) : v_load_n(pixel + c, K_C - c);
}

static void k_main(int n, const real *restrict y, const real *restrict dy K_ARGS)
{
#pragma omp for schedule(static)
    for (int row = 0; row < n * K_H; row++) {
        const int i = row / K_H, h = row % K_H;
        for (int w = 0; w < K_W; w++) {
            const real *out = y + (size_t)i * K_Y_S + h * K_Y_R + w * K_Y_P;
            const real *gradient = dy + (size_t)i * K_DY_S + h * K_DY_R + w * K_DY_P;
            vf dot = v_zero();
            for (int c = 0; c < K_CP; c += VL)
                dot = v_fma(k_channels(out, c), k_channels(gradient, c), dot);
            dot = v_set1(v_sum(dot));
            for (int c = 0; c < K_CP; c += VL) {
                const vf v = v_mul(k_channels(out, c), v_sub(k_channels(gradient, c), dot));
                K_STORE(v, i, h, w, c);
            }
        }
    }
}
/* kernel } */
