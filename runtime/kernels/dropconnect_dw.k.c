/* dropconnect_dw.k.c - gradient of dropconnect with respect to its weights, through the same masks:
 *   dw[row(h,w,c)][o] = 1/(1 - rate) * sum over n of x[n,h,w,c] * dy[n,o] * kept(n, row, o)
 * with kept as dropconnect.k.c has it. Samples are added in order.
 *
 *   x    K_H x K_W pixels of K_C channels, strides K_X_S, K_X_R, K_X_P
 *   dy   n samples of K_CO values, K_DY_S apart; those beyond K_UNITS are zero
 *   dw   like the weights of dropconnect.k.c; columns beyond K_UNITS become zero
 *
 * Ints: K_H K_W K_C K_UNITS K_CO (UNITS up to a multiple of VL) K_NR, K_X_S K_X_R K_X_P, K_DY_S. */
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
#define K_DY_S 32
#endif
#ifndef K_ARGS
#define K_ARGS
#define K_PASS
#endif

/* kernel { */
static void k_main(int n, const real *restrict x, const real *restrict dy, real *restrict dw, uint64_t key, real rate K_ARGS)
{
    const int rows = K_H * K_W * K_C, panels = (K_CO + K_NR - 1) / K_NR;
    const vf least = v_set1(rate), scale = v_set1(1 / (1 - rate));
#pragma omp for schedule(static)
    for (int item = 0; item < panels * rows; item++) {
        const int row = item % rows, first = item / rows * K_NR, width = K_CO - first < K_NR ? K_CO - first : K_NR;
        const real *value = x + row / (K_W * K_C) * K_X_R + row / K_C % K_W * K_X_P + row % K_C;
        const uint32_t index = (uint32_t)(row * K_UNITS + first);
        vf sum[K_NR / VL];
        for (int v = 0; v < width / VL; v++)
            sum[v] = v_zero();
        for (int i = 0; i < n; i++) {
            const uint64_t stream = nt_uniform_block(key, (uint32_t)i);
            const vf factor = v_set1(value[(size_t)i * K_X_S]);
            const real *g = dy + (size_t)i * K_DY_S + first;
            for (int v = 0; v < width / VL; v++) {
                const vf kept = v_select(v_ge(v_uniform(stream, index + (uint32_t)(v * VL)), least), v_load(g + v * VL), v_zero());
                sum[v] = v_fma(factor, kept, sum[v]);
            }
        }
        for (int v = 0; v < width / VL; v++)
            v_store(dw + (size_t)first * rows + (size_t)row * width + v * VL, v_mul(scale, sum[v]));
    }
}
/* kernel } */
