/* maxout.k.c - maximum over groups of PIECES adjacent channels (Goodfellow et al., "Maxout networks", 2013):
 *   y[c] = max over j < PIECES of x[c*PIECES + j]
 * Among equal values the first wins, a NaN wins over every number.
 *
 *   x     K_H x K_W pixels of K_C * K_PIECES channels, strides K_X_S, K_X_R, K_X_P
 *   arg   with K_ARG 1: the piece j of each maximum, for maxout_dx; dense bytes [n][K_H][K_W][K_CP]. Otherwise it may
 *         be NULL.
 *   K_STORE(v, n, h, w, c)   takes VL channels of the output; its padded lanes are zero
 *
 * Ints: K_H K_W, K_C channels of the output, K_CP (C up to a multiple of VL), K_PIECES (at most 256), K_X_S K_X_R
 * K_X_P, K_ARG. */
#include "../simd.h"

#ifndef K_H
#define K_H 8
#define K_W 8
#define K_C 8
#define K_CP 8
#define K_PIECES 2
#define K_X_S 1024
#define K_X_R 128
#define K_X_P 16
#define K_Y_S 512
#define K_Y_R 64
#define K_Y_P 8
#define K_ARG 1
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict y
#define K_PASS , y
#define K_STORE(v, n, h, w, c) v_store(y + (size_t)(n) * K_Y_S + (h) * K_Y_R + (w) * K_Y_P + (c), v)
#endif

/* kernel { */
static void k_main(int n, const real *restrict x, uint8_t *restrict arg K_ARGS)
{
#pragma omp for schedule(static)
    for (int row = 0; row < n * K_H; row++) {
        const int i = row / K_H, h = row % K_H;
        /* The maxima and places of one pixel: channels of a group are neighbours, so that this part is left to the C
         * compiler. */
        real best[K_CP], place[K_CP];
        for (int c = K_C; c < K_CP; c++)
            best[c] = place[c] = 0;
        for (int w = 0; w < K_W; w++) {
            const real *pixel = x + (size_t)i * K_X_S + h * K_X_R + w * K_X_P;
            for (int c = 0; c < K_C; c++) {
                real top = pixel[c * K_PIECES], at = 0;
                for (int j = 1; j < K_PIECES; j++) {
                    const real v = pixel[c * K_PIECES + j];
                    const int wins = (v > top) | (v != v);
                    top = wins ? v : top;
                    at = wins ? (real)j : at;
                }
                best[c] = top;
                place[c] = at;
            }
            for (int c = 0; c < K_CP; c += VL) {
                const vf v = v_load(best + c);
                if (K_ARG)
                    v_store_u8(arg + ((size_t)row * K_W + w) * K_CP + c, v_load(place + c));
                K_STORE(v, i, h, w, c);
            }
        }
    }
}
/* kernel } */
