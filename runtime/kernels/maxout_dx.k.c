/* maxout_dx.k.c - gradient of maxout with respect to its input: dx[c*PIECES + j] = dy[c] where piece j was the
 * maximum, else zero.
 *
 *   dy    K_H x K_W pixels of K_C channels, strides K_DY_S, K_DY_R, K_DY_P
 *   arg   as maxout.k.c wrote it
 *   K_STORE(v, n, h, w, c)   takes VL channels of dx; its padded lanes are zero
 *
 * Ints: K_H K_W, K_C channels of the output, K_CP (C up to a multiple of VL), K_PIECES, K_DX_CP (C*PIECES up to a
 * multiple of VL), K_DY_S K_DY_R K_DY_P. */
#include "../simd.h"

#ifndef K_H
#define K_H 8
#define K_W 8
#define K_C 8
#define K_CP 8
#define K_PIECES 2
#define K_DX_CP 16
#define K_DY_S 512
#define K_DY_R 64
#define K_DY_P 8
#define K_DX_S 1024
#define K_DX_R 128
#define K_DX_P 16
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) v_store(dx + (size_t)(n) * K_DX_S + (h) * K_DX_R + (w) * K_DX_P + (c), v)
#endif

/* kernel { */
static void k_main(int n, const real *restrict dy, const uint8_t *restrict arg K_ARGS)
{
#pragma omp for schedule(static)
    for (int row = 0; row < n * K_H; row++) {
        const int i = row / K_H, h = row % K_H;
        real spread[K_DX_CP]; /* dx of one pixel */
        for (int c = K_C * K_PIECES; c < K_DX_CP; c++)
            spread[c] = 0;
        for (int w = 0; w < K_W; w++) {
            const real *gradient = dy + (size_t)i * K_DY_S + h * K_DY_R + w * K_DY_P;
            const uint8_t *place = arg + ((size_t)row * K_W + w) * K_CP;
            for (int c = 0; c < K_C; c++)
                for (int j = 0; j < K_PIECES; j++)
                    spread[c * K_PIECES + j] = place[c] == j ? gradient[c] : 0;
            for (int c = 0; c < K_DX_CP; c += VL) {
                const vf v = v_load(spread + c);
                K_STORE(v, i, h, w, c);
            }
        }
    }
}
/* kernel } */
