/* avgpool.k.c - mean over windows: y[n,h,w,c] = 1/(KH*KW) sum over (kh, kw) of x[n, h*SH - PT + kh, w*SW - PL + kw, c];
 * with K_ROOT 1 the root of the sum of squares instead (l2pool).
 *
 * As PyTorch's avg_pool2d with count_include_pad: padding counts as zeros, the divisor is always the whole window.
 * Global pooling is a window of the whole image, which is split over samples and channels. A window's rows are summed
 * first, then added up. Each window must hold at least one pixel of the image.
 *
 *   x     K_IN_H x K_IN_W pixels, strides K_X_S (sample), K_X_R (row), K_X_P (pixel)
 *   K_STORE(v, n, h, w, c)   takes VL channels of the output
 *
 * Ints: K_IN_H K_IN_W K_OUT_H K_OUT_W, K_KH K_KW window, K_SH K_SW stride, K_PT K_PL padding above and on the left,
 * K_CP channels with padding (a multiple of VL), K_X_S K_X_R K_X_P, K_ROOT. */
#include "../simd.h"

#ifndef K_IN_H
#define K_IN_H 8
#define K_IN_W 8
#define K_OUT_H 4
#define K_OUT_W 4
#define K_KH 2
#define K_KW 2
#define K_SH 2
#define K_SW 2
#define K_PT 0
#define K_PL 0
#define K_CP 16
#define K_X_S 1024
#define K_X_R 128
#define K_X_P 16
#define K_Y_S 256
#define K_Y_R 64
#define K_Y_P 16
#define K_ROOT 0
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict y
#define K_PASS , y
#define K_STORE(v, n, h, w, c) v_store(y + (size_t)(n) * K_Y_S + (h) * K_Y_R + (w) * K_Y_P + (c), v)
#endif

/* kernel { */
/* Sums of `vectors` (1..4) times VL channels, or of their squares, over rows x columns pixels from `p` on. */
static inline void k_window(const real *p, int rows, int columns, int vectors, vf *sum)
{
    for (int v = 0; v < vectors; v++)
        sum[v] = v_zero();
    for (int r = 0; r < rows; r++) {
        vf line[4];
        for (int v = 0; v < vectors; v++) {
            const vf x = v_load(p + r * K_X_R + v * VL);
            line[v] = K_ROOT ? v_mul(x, x) : x;
        }
        for (int q = 1; q < columns; q++)
            for (int v = 0; v < vectors; v++) {
                const vf x = v_load(p + r * K_X_R + q * K_X_P + v * VL);
                line[v] = K_ROOT ? v_fma(x, x, line[v]) : v_add(line[v], x);
            }
        for (int v = 0; v < vectors; v++)
            sum[v] = v_add(sum[v], line[v]);
    }
}

static void k_main(int n, const real *restrict x K_ARGS)
{
    /* As many vectors at a time as divide the channels evenly. */
    const int vectors = K_CP % (4 * VL) == 0 ? 4 : K_CP % (3 * VL) == 0 ? 3 : K_CP % (2 * VL) == 0 ? 2 : 1;
    const int pieces = K_OUT_H * K_OUT_W == 1 ? K_CP / (vectors * VL) : 1, width = K_CP / pieces;
#pragma omp for schedule(static)
    for (int piece = 0; piece < n * K_OUT_H * pieces; piece++) {
        const int i = piece / pieces / K_OUT_H, oh = piece / pieces % K_OUT_H, from = piece % pieces * width;
        const int h0 = oh * K_SH - K_PT, kh0 = h0 < 0 ? -h0 : 0, kh1 = h0 + K_KH > K_IN_H ? K_IN_H - h0 : K_KH;
        for (int ow = 0; ow < K_OUT_W; ow++) {
            const int w0 = ow * K_SW - K_PL, kw0 = w0 < 0 ? -w0 : 0, kw1 = w0 + K_KW > K_IN_W ? K_IN_W - w0 : K_KW;
            const real *p = x + (size_t)i * K_X_S + (h0 + kh0) * K_X_R + (w0 + kw0) * K_X_P;
            for (int c = from; c < from + width; c += vectors * VL) {
                vf sum[4];
                if (kh1 - kh0 == K_KH && kw1 - kw0 == K_KW)
                    k_window(p + c, K_KH, K_KW, vectors, sum);
                else
                    k_window(p + c, kh1 - kh0, kw1 - kw0, vectors, sum);
                for (int v = 0; v < vectors; v++) {
                    const vf value = K_ROOT ? v_sqrt(sum[v]) : v_mul(sum[v], v_set1((real)1 / (K_KH * K_KW)));
                    K_STORE(value, i, oh, ow, c + v * VL);
                }
            }
        }
    }
}
/* kernel } */
