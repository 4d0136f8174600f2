/* avgpool_dx.k.c - gradient of avgpool with respect to its input, gathered:
 *   dx[n,h,w,c] = 1/(KH*KW) sum of dy[n,oh,ow,c] over the windows (oh, ow) that hold pixel (h, w).
 *
 *   dy    K_OUT_H x K_OUT_W pixels, strides K_DY_S, K_DY_R, K_DY_P; padded lanes zero
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
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) v_store(dx + (size_t)(n) * K_DX_S + (h) * K_DX_R + (w) * K_DX_P + (c), v)
#endif

/* kernel { */
static void k_main(int n, const real *restrict dy K_ARGS)
{
#pragma omp for schedule(static)
    for (int row = 0; row < n * K_IN_H; row++) {
        const int i = row / K_IN_H, h = row % K_IN_H, th = h + K_PT;
        /* The windows that hold row h: oh*SH <= th < oh*SH + KH. */
        const int oh0 = th < K_KH ? 0 : (th - K_KH) / K_SH + 1, oh1 = th / K_SH < K_OUT_H ? th / K_SH + 1 : K_OUT_H;
        for (int w = 0; w < K_IN_W; w++) {
            const int tw = w + K_PL;
            const int ow0 = tw < K_KW ? 0 : (tw - K_KW) / K_SW + 1, ow1 = tw / K_SW < K_OUT_W ? tw / K_SW + 1 : K_OUT_W;
            for (int c = 0; c < K_CP; c += VL) {
                vf g = v_zero();
                for (int oh = oh0; oh < oh1; oh++)
                    for (int ow = ow0; ow < ow1; ow++)
                        g = v_add(g, v_load(dy + (size_t)i * K_DY_S + oh * K_DY_R + ow * K_DY_P + c));
                g = v_mul(g, v_set1((real)1 / (K_KH * K_KW)));
                K_STORE(g, i, h, w, c);
            }
        }
    }
}
/* kernel } */
