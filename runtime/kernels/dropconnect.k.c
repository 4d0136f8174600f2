/* dropconnect.k.c - a dense layer whose weights are dropped at random, anew for each sample:
 *   y[n,o] = 1/(1 - rate) * sum over h, w, c of x[n,h,w,c] * weights[row(h,w,c)][o] * kept(n, row, o)
 * with kept = 1 where number row*UNITS + o of sample n's random stream is `rate` or more, else 0; that stream is the n-th
 * below `key`. The masks are no arrays: dropconnect_dx and dropconnect_dw make the same ones again. With rate 0 it is a
 * plain product. There are fewer than 2^31 weights, so that an int counts them.
 *
 *   x        K_H x K_W pixels of K_C channels, strides K_X_S, K_X_R, K_X_P
 *   weights  K_H*K_W*K_C rows in panels of K_NR of the K_CO columns (the last may be narrower); a row's columns in the
 *            panel follow each other
 *   K_STORE(v, n, h, w, c)   takes VL units of y, h and w 0
 *
 * Ints: K_H K_W K_C K_UNITS K_CO (UNITS up to a multiple of VL) K_NR, K_X_S K_X_R K_X_P. */
#include "../simd.h"

#ifndef K_H
#define K_H 1
#define K_W 1
#define K_C 30
#define K_UNITS 20
#define K_CO 24
#define K_NR 16
#define K_X_S 32
#define K_X_R 32
#define K_X_P 32
#define K_Y_S 32
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict y
#define K_PASS , y
#define K_STORE(v, n, h, w, c) v_store(y + (size_t)(n) * K_Y_S + (h) + (w) + (c), v)
#endif

/* kernel { */
static void k_main(int n, const real *restrict x, const real *restrict weights, uint64_t key, real rate K_ARGS)
{
    const int rows = K_H * K_W * K_C, panels = (K_CO + K_NR - 1) / K_NR;
    const vf least = v_set1(rate), scale = v_set1(1 / (1 - rate));
#pragma omp for schedule(static)
    for (int item = 0; item < n * panels; item++) {
        const int i = item / panels, first = item % panels * K_NR, width = K_CO - first < K_NR ? K_CO - first : K_NR;
        const real *w = weights + (size_t)first * rows;
        const uint64_t stream = nt_uniform_block(key, (uint32_t)i);
        vf sum[K_NR / VL];
        for (int v = 0; v < width / VL; v++)
            sum[v] = v_zero();
        for (int row = 0; row < rows; row++, w += width) {
            const int h = row / (K_W * K_C), q = row / K_C % K_W, c = row % K_C;
            const vf value = v_set1(x[(size_t)i * K_X_S + h * K_X_R + q * K_X_P + c]);
            const uint32_t index = (uint32_t)(row * K_UNITS + first);
            for (int v = 0; v < width / VL; v++) {
                const vf kept = v_select(v_ge(v_uniform(stream, index + (uint32_t)(v * VL)), least), v_load(w + v * VL), v_zero());
                sum[v] = v_fma(value, kept, sum[v]);
            }
        }
        for (int v = 0; v < width / VL; v++) {
            const vf scaled = v_mul(scale, sum[v]);
            K_STORE(scaled, i, 0, 0, first + v * VL);
        }
    }
}
/* kernel } */
