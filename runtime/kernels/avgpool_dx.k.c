/* avgpool_dx.k.c - gradient of avgpool with respect to its input, gathered:
 *   dx[n,h,w,c] = 1/(KH*KW) sum of dy[n,oh,ow,c] over the windows (oh, ow) that hold pixel (h, w);
 * with K_ROOT 1 the sum itself, for the gradient of l2pool.
 *
 *   dy    K_OUT_H x K_OUT_W pixels, strides K_DY_S, K_DY_R, K_DY_P; padded lanes zero
 *   K_STORE(v, n, h, w, c)   takes VL channels of dx, for every pixel of the input once; windows are added in
 *                            row-major order
 *
 * Ints: K_IN_H K_IN_W K_OUT_H K_OUT_W, K_KH K_KW window, K_SH K_SW stride, K_PT K_PL padding above and on the left,
 * K_CP channels with padding, K_DY_S K_DY_R K_DY_P, K_ROOT. */
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
#define K_DY_S 256
#define K_DY_R 64
#define K_DY_P 16
#define K_DX_S 1024
#define K_DX_R 128
#define K_DX_P 16
#define K_ROOT 0
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) v_store(dx + (size_t)(n) * K_DX_S + (h) * K_DX_R + (w) * K_DX_P + (c), v)
#endif

/* kernel { */
/* Sum of rows x columns windows of a sample from (oh, ow) on; there may be none. */
static inline vf k_windows(const real *dy, int oh, int ow, int rows, int columns)
{
    vf g = v_zero();
    for (int r = 0; r < rows; r++)
        for (int q = 0; q < columns; q++)
            g = v_add(g, v_load(dy + (oh + r) * K_DY_R + (ow + q) * K_DY_P));
    return g;
}

static void k_main(int n, const real *restrict dy K_ARGS)
{
    const int most_rows = (K_KH + K_SH - 1) / K_SH, most_columns = (K_KW + K_SW - 1) / K_SW;
#pragma omp for schedule(static)
    for (int line = 0; line < n * K_IN_H; line++) {
        const int i = line / K_IN_H, h = line % K_IN_H, th = h + K_PT;
        const real *dyi = dy + (size_t)i * K_DY_S;
        /* The windows that hold row h: oh*SH <= th < oh*SH + KH. */
        const int oh = th < K_KH ? 0 : (th - K_KH) / K_SH + 1, oh_end = th / K_SH < K_OUT_H ? th / K_SH + 1 : K_OUT_H;
        for (int w = 0; w < K_IN_W; w++) {
            const int tw = w + K_PL, ow = tw < K_KW ? 0 : (tw - K_KW) / K_SW + 1;
            const int ow_end = tw / K_SW < K_OUT_W ? tw / K_SW + 1 : K_OUT_W;
            const int rows = oh_end - oh, columns = ow_end - ow;
            for (int c = 0; c < K_CP; c += VL) {
                /* The usual number of windows as a constant. */
                const int usual = rows == most_rows && columns == most_columns;
                const vf sum = usual ? k_windows(dyi + c, oh, ow, most_rows, most_columns)
                                     : k_windows(dyi + c, oh, ow, rows, columns);
                const vf g = K_ROOT ? sum : v_mul(sum, v_set1((real)1 / (K_KH * K_KW)));
                K_STORE(g, i, h, w, c);
            }
        }
    }
}
/* kernel } */
