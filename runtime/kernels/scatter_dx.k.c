/* scatter_dx.k.c - a convolution's gradient to the input where the output is much smaller than the input (stride 1, no
 * dilation, one group): every pixel of dy is spread over the window that it came from.
 *
 *   dx[h + i - K_PT][w + j - K_PL][ci] += dy[h][w][co] * weight[i][j][co][ci]
 *
 * That is as many products as the direct sum has. The product that gathers (igemm.k.c) computes every tap of every
 * pixel of dx, also those that meet the zeros around dy: for a window of 5x5 over 14x14 pixels twice as many.
 *
 * Pixel (n, h, w) of dy lies at dy + n*K_DY_S + h*K_DY_R + w*K_DY_P; no halo is needed. w is what pack_dx.k.c makes for
 * panels of VL: [panel of VL input channels][tap i*K_KW + j][co < K_CO_REAL][VL], zero for the channels that pad K_CI.
 *
 * An item of work is VL channels of a sample's dx. They are summed up in the first-level cache, with what reaches into
 * the padding: row by row of dy and of the window, K_X pixels (the last K_X_LAST) with their windows in registers. So
 * the order of every sum depends on constants only.
 *
 * Hook: K_STORE(v, n, h, w, c), once for each vector of dx. */
#include "../simd.h"
#ifndef K_OUT_H
#define K_IN_H 8 /* dx */
#define K_IN_W 9
#define K_OUT_H 6 /* dy */
#define K_OUT_W 7
#define K_DY_S 672
#define K_DY_R 112
#define K_DY_P 16
#define K_KH 3 /* the window */
#define K_KW 3
#define K_PT 0 /* padding above ... */
#define K_PL 0 /* ... and on the left */
#define K_CI 6
#define K_CO_REAL 16
#define K_X 4      /* pixels of a register tile; K_X + K_KW - 1 sums have room in registers */
#define K_X_LAST 3 /* K_OUT_W % K_X; not defined if it is 0 */
#define K_ARGS , real *restrict dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) \
    v_store(dx + (((n)*K_IN_H + (h)) * K_IN_W + (w)) * ((K_CI + VL - 1) / VL * VL) + (c), v)
#endif
/* kernel { */

/* Adds what `pixels` pixels of a row of dy give through one row of the window, whose weights begin at w, to a row of
 * sums. */
NT_INLINE void k_tile(int pixels, const real *restrict dy, const real *restrict w, real *restrict sums)
{
    vf acc[K_X + K_KW - 1];
    for (int x = 0; x < pixels + K_KW - 1; x++)
        acc[x] = v_load(sums + x * VL);
    for (int co = 0; co < K_CO_REAL; co++) {
        for (int j = 0; j < K_KW; j++) {
            vf b = v_load(w + (j * K_CO_REAL + co) * VL);
            for (int x = 0; x < pixels; x++)
                acc[x + j] = v_fma(v_set1(dy[x * K_DY_P + co]), b, acc[x + j]);
        }
    }
    for (int x = 0; x < pixels + K_KW - 1; x++)
        v_store(sums + x * VL, acc[x]);
}

static void k_main(int n, const real *restrict dy, const real *restrict w K_ARGS)
{
    const int panels = (K_CI + VL - 1) / VL, width = K_OUT_W + K_KW - 1;
    _Alignas(64) real sums[(K_OUT_H + K_KH - 1) * (K_OUT_W + K_KW - 1) * VL];
#pragma omp for schedule(static)
    for (int item = 0; item < n * panels; item++) {
        int sample = item / panels, panel = item % panels;
        const real *panel_w = w + panel * K_KH * K_KW * K_CO_REAL * VL;
        for (int i = 0; i < (K_OUT_H + K_KH - 1) * width; i++)
            v_store(sums + i * VL, v_zero());
        for (int h = 0; h < K_OUT_H; h++) {
            const real *row = dy + (ptrdiff_t)sample * K_DY_S + h * K_DY_R;
            for (int i = 0; i < K_KH; i++) {
                const real *row_w = panel_w + i * K_KW * K_CO_REAL * VL;
                for (int x = 0; x + K_X <= K_OUT_W; x += K_X)
                    k_tile(K_X, row + x * K_DY_P, row_w, sums + ((h + i) * width + x) * VL);
#ifdef K_X_LAST
                k_tile(K_X_LAST, row + (K_OUT_W - K_X_LAST) * K_DY_P, row_w,
                       sums + ((h + i) * width + K_OUT_W - K_X_LAST) * VL);
#endif
            }
        }
        for (int h = 0; h < K_IN_H; h++)
            for (int x = 0; x < K_IN_W; x++)
                K_STORE(v_load(sums + ((h + K_PT) * width + x + K_PL) * VL), sample, h, x, panel * VL);
    }
}
/* kernel } */
