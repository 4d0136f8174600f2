/* channel_sum.k.c - sum of an expression for each channel:
 *   sum[c] = sum over n, h, w of the hook's value at (n, h, w, c).
 * The gradients of biases, prelu's slopes and the like.
 *
 * Runs of at most 64 pixels are summed in registers, runs in chunks, chunks in order; all depend on n and the shape
 * only.
 *
 *   sum    K_CP values; padded lanes come out zero, whatever the hook gives there
 *   work   K_CHUNKS * K_CP values of scratch
 *   K_LOAD(v, n, h, w, c)   a statement that sets `v`, a vf, to the expression at VL channels of a pixel
 *
 * Ints: K_H K_W pixels, K_C channels, K_CP with padding (a multiple of VL), K_CHUNKS (64 serves). */
#include "../simd.h"

#ifndef K_H
#define K_H 8
#define K_W 8
#define K_C 16
#define K_CP 16
#define K_X_S 1024
#define K_X_R 128
#define K_X_P 16
#define K_CHUNKS 64
#endif
#ifndef K_LOAD
#define K_ARGS , const real *restrict x
#define K_PASS , x
#define K_LOAD(v, n, h, w, c) v = v_load(x + (size_t)(n) * K_X_S + (h) * K_X_R + (w) * K_X_P + (c))
#endif

/* kernel { */
/* Adds the sums of `vectors` (1..4) times VL channels from `c` on, over pixels from..to of the batch, to `partial`. */
static inline void k_run(int from, int to, int c, int vectors, real *restrict partial K_ARGS)
{
    vf s[4];
    for (int b = 0; b < vectors; b++)
        s[b] = v_zero();
    for (int at = from; at < to;) {
        const int i = at / (K_H * K_W), h = at / K_W % K_H, w0 = at % K_W, w1 = to - at < K_W - w0 ? w0 + to - at : K_W;
        for (int w = w0; w < w1; w++) {
            for (int b = 0; b < vectors; b++) {
                vf v;
                K_LOAD(v, i, h, w, c + b * VL);
                s[b] = v_add(s[b], v);
            }
        }
        at += w1 - w0;
    }
    for (int b = 0; b < vectors; b++)
        v_store(partial + c + b * VL, v_add(v_load(partial + c + b * VL), s[b]));
}

static void k_main(int n, real *restrict sum, real *restrict work K_ARGS)
{
    const int pixels = n * K_H * K_W, run = 64, runs = (pixels + run - 1) / run;
    const int chunks = runs < K_CHUNKS ? runs : K_CHUNKS;
    const int vectors = K_CP % (4 * VL) == 0 ? 4 : K_CP % (3 * VL) == 0 ? 3 : K_CP % (2 * VL) == 0 ? 2 : 1;
    /* Single pixels make few runs, and often have many channels: split those as well. */
    const int pieces = K_H * K_W == 1 ? K_CP / (vectors * VL) : 1, width = K_CP / pieces;
#pragma omp for schedule(static)
    for (int piece = 0; piece < chunks * pieces; piece++) {
        const int chunk = piece / pieces, begin = piece % pieces * width;
        const int run0 = (int)((int64_t)runs * chunk / chunks);
        const int run1 = (int)((int64_t)runs * (chunk + 1) / chunks);
        real *partial = work + chunk * K_CP;
        for (int c = begin; c < begin + width; c += VL)
            v_store(partial + c, v_zero());
        for (int r = run0; r < run1; r++)
            for (int c = begin; c < begin + width; c += vectors * VL)
                k_run(r * run, pixels - r * run < run ? pixels : (r + 1) * run, c, vectors, partial K_PASS);
    }
#pragma omp for schedule(static)
    for (int c = 0; c < K_CP; c += VL) {
        vf s = v_zero();
        for (int chunk = 0; chunk < chunks; chunk++)
            s = v_add(s, v_load(work + chunk * K_CP + c));
        v_store(sum + c, v_select(v_lt(v_iota(), v_set1((real)(K_C - c))), s, v_zero()));
    }
}
/* kernel } */
