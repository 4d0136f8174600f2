/* maxpool.k.c - maximum over windows: y[n,h,w,c] = max over (kh, kw) of x[n, h*SH - PT + kh, w*SW - PL + kw, c].
 *
 * As PyTorch's max_pool2d: padding never wins (windows are clamped to the image), among equal values the first in
 * row-major window order wins, and a NaN in a window makes its maximum NaN (its place is then any element's). Each
 * window must hold at least one pixel of the image.
 *
 *   x     K_IN_H x K_IN_W pixels, strides K_X_S (sample), K_X_R (row), K_X_P (pixel)
 *   arg   with K_ARG 1: where each maximum was, for maxpool_dx; dense bytes [n][OUT_H][OUT_W][K_CP] that hold
 *         kh*KW + kw. A window of more than 256 elements takes two planes a pixel, [n][OUT_H][OUT_W][2][K_CP]: kh,
 *         then kw (each below 256). With K_ARG 0 it is not used and may be NULL.
 *   K_STORE(v, n, h, w, c)   takes VL channels of the output
 *
 * Ints: K_IN_H K_IN_W K_OUT_H K_OUT_W, K_KH K_KW window, K_SH K_SW stride, K_PT K_PL padding above and on the left,
 * K_CP channels with padding (a multiple of VL), K_X_S K_X_R K_X_P, K_ARG. */
#include "../simd.h"

#ifndef K_IN_H
#define K_IN_H 8
#define K_IN_W 8
#define K_OUT_H 4
#define K_OUT_W 4
#define K_KH 3
#define K_KW 3
#define K_SH 2
#define K_SW 2
#define K_PT 1
#define K_PL 1
#define K_CP 16
#define K_X_S 1024
#define K_X_R 128
#define K_X_P 16
#define K_Y_S 256
#define K_Y_R 64
#define K_Y_P 16
#define K_ARG 1
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict y
#define K_PASS , y
#define K_STORE(v, n, h, w, c) v_store(y + (size_t)(n) * K_Y_S + (h) * K_Y_R + (w) * K_Y_P + (c), v)
#endif

/* kernel { */
/* Maximum of VL channels over rows kh0..kh1 and columns kw0..kw1 of a window; `p` points to its element (kh0, kw0). */
static inline vf k_window(const real *p, int kh0, int kh1, int kw0, int kw1, uint8_t *arg)
{
    vf best = v_load(p), row = v_set1((real)kh0), column = v_set1((real)kw0), place = v_set1((real)(kh0 * K_KW + kw0));
    vf size = v_abs(best); /* the sum of all magnitudes: NaN if and only if one of them is */
    for (int kh = kh0; kh < kh1; kh++) {
        for (int kw = kw0; kw < kw1; kw++) {
            if (kh == kh0 && kw == kw0)
                continue;
            const vf v = v_load(p + (kh - kh0) * K_X_R + (kw - kw0) * K_X_P);
            const vm greater = v_gt(v, best);
            best = v_select(greater, v, best);
            size = v_add(size, v_abs(v));
            if (K_ARG && K_KH * K_KW <= 256) {
                place = v_select(greater, v_set1((real)(kh * K_KW + kw)), place);
            } else if (K_ARG) {
                row = v_select(greater, v_set1((real)kh), row);
                column = v_select(greater, v_set1((real)kw), column);
            }
        }
    }
    if (K_ARG && K_KH * K_KW <= 256) {
        v_store_u8(arg, place);
    } else if (K_ARG) {
        v_store_u8(arg, row);
        v_store_u8(arg + K_CP, column);
    }
    return v_select(v_eq(size, size), best, size);
}

static void k_main(int n, const real *restrict x, uint8_t *restrict arg K_ARGS)
{
    /* A row of the output is one piece of work; a global window is split by channels instead. */
    const int pieces = K_OUT_H * K_OUT_W == 1 ? K_CP / VL : 1, width = K_CP / pieces;
    const int planes = K_KH * K_KW <= 256 ? 1 : 2;
#pragma omp for schedule(static)
    for (int piece = 0; piece < n * K_OUT_H * pieces; piece++) {
        const int i = piece / pieces / K_OUT_H, oh = piece / pieces % K_OUT_H, from = piece % pieces * width;
        const int h0 = oh * K_SH - K_PT, kh0 = h0 < 0 ? -h0 : 0, kh1 = h0 + K_KH > K_IN_H ? K_IN_H - h0 : K_KH;
        for (int ow = 0; ow < K_OUT_W; ow++) {
            const int w0 = ow * K_SW - K_PL, kw0 = w0 < 0 ? -w0 : 0, kw1 = w0 + K_KW > K_IN_W ? K_IN_W - w0 : K_KW;
            const int whole = kh1 - kh0 == K_KH && kw1 - kw0 == K_KW;
            const real *p = x + (size_t)i * K_X_S + (h0 + kh0) * K_X_R + (w0 + kw0) * K_X_P;
            uint8_t *a = K_ARG ? arg + ((size_t)(i * K_OUT_H + oh) * K_OUT_W + ow) * planes * K_CP : arg;
            for (int c = from; c < from + width; c += VL) {
                uint8_t *here = K_ARG ? a + c : a;
                const vf v = whole ? k_window(p + c, 0, K_KH, 0, K_KW, here)
                                   : k_window(p + c, kh0, kh1, kw0, kw1, here);
                K_STORE(v, i, oh, ow, c);
            }
        }
    }
}
/* kernel } */
