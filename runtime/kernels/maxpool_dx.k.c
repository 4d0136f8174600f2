/* maxpool_dx.k.c - gradient of maxpool with respect to its input, gathered:
 *   dx[n,h,w,c] = sum of dy[n,oh,ow,c] over the windows (oh, ow) that hold pixel (h, w) and whose maximum was there.
 *
 *   dy    K_OUT_H x K_OUT_W pixels, strides K_DY_S, K_DY_R, K_DY_P; padded lanes zero
 *   arg   as maxpool.k.c wrote it
 *   K_STORE(v, n, h, w, c)   takes VL channels of dx, for every pixel of the input once; windows are added in
 *                            row-major order
 *
 * Ints: K_IN_H K_IN_W K_OUT_H K_OUT_W, K_KH K_KW window, K_SH K_SW stride, K_PT K_PL padding above and on the left,
 * K_CP channels with padding, K_DY_S K_DY_R K_DY_P. */
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
#define K_DY_S 256
#define K_DY_R 64
#define K_DY_P 16
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
/* What window (oh, ow) of a sample passes on to its element (kh, kw): dy where the maximum was there, else zero. */
static inline vf k_window(const real *dy, const uint8_t *arg, int oh, int ow, int kh, int kw, int c)
{
    const vf g = v_load(dy + oh * K_DY_R + ow * K_DY_P + c);
    if (K_KH * K_KW <= 256)
        return v_select(v_eq_u8(arg + (oh * K_OUT_W + ow) * K_CP + c, kh * K_KW + kw), g, v_zero());
    const uint8_t *planes = arg + (oh * K_OUT_W + ow) * 2 * K_CP + c;
    return v_select(v_eq_u8(planes, kh), v_select(v_eq_u8(planes + K_CP, kw), g, v_zero()), v_zero());
}

/* The sum of that over rows x columns windows from (oh, ow) on, which hold the pixel (th, tw) of the padded image. */
static inline vf k_windows(const real *dy, const uint8_t *arg, int oh, int ow, int rows, int columns, int th, int tw,
                           int c)
{
    vf g = v_zero();
    for (int r = 0; r < rows; r++)
        for (int q = 0; q < columns; q++)
            g = v_add(g, k_window(dy, arg, oh + r, ow + q, th - (oh + r) * K_SH, tw - (ow + q) * K_SW, c));
    return g;
}

static void k_main(int n, const real *restrict dy, const uint8_t *restrict arg K_ARGS)
{
    const size_t arg_sample = (size_t)K_OUT_H * K_OUT_W * K_CP * (K_KH * K_KW <= 256 ? 1 : 2);
    const int most_rows = (K_KH + K_SH - 1) / K_SH, most_columns = (K_KW + K_SW - 1) / K_SW;
#pragma omp for schedule(static)
    for (int line = 0; line < n * K_IN_H; line++) {
        const int i = line / K_IN_H, h = line % K_IN_H, th = h + K_PT;
        const real *dyi = dy + (size_t)i * K_DY_S;
        const uint8_t *argi = arg + i * arg_sample;
        /* The windows that hold row h: oh*SH <= th < oh*SH + KH. */
        const int oh = th < K_KH ? 0 : (th - K_KH) / K_SH + 1, oh_end = th / K_SH < K_OUT_H ? th / K_SH + 1 : K_OUT_H;
        for (int w = 0; w < K_IN_W; w++) {
            const int tw = w + K_PL, ow = tw < K_KW ? 0 : (tw - K_KW) / K_SW + 1;
            const int ow_end = tw / K_SW < K_OUT_W ? tw / K_SW + 1 : K_OUT_W;
            const int rows = oh_end - oh, columns = ow_end - ow;
            for (int c = 0; c < K_CP; c += VL) {
                /* The usual numbers of windows as constants. */
                vf g;
                if (rows == most_rows && columns == most_columns)
                    g = k_windows(dyi, argi, oh, ow, most_rows, most_columns, th, tw, c);
                else if (rows == 1 && columns == 1)
                    g = k_windows(dyi, argi, oh, ow, 1, 1, th, tw, c);
                else
                    g = k_windows(dyi, argi, oh, ow, rows, columns, th, tw, c);
                K_STORE(g, i, h, w, c);
            }
        }
    }
}
/* kernel } */
