/* dropconnect_dx.k.c - gradient of dropconnect with respect to its input, through the same masks:
 *   dx[n,h,w,c] = 1/(1 - rate) * sum over o of dy[n,o] * weights[row(h,w,c)][o] * kept(n, row, o)
 * with kept as dropconnect.k.c has it.
 *
 *   dy       n samples of K_CO values, K_DY_S apart; those beyond K_UNITS are zero
 *   weights  as in dropconnect.k.c
 *   K_STORE(v, n, h, w, c)   takes VL channels of dx, padded lanes zero
 *
 * Ints: K_H K_W K_C K_CP (C up to a multiple of VL) K_UNITS K_CO K_NR, K_DY_S. */
#include "../simd.h"

#ifndef K_H
#define K_H 1
#define K_W 1
#define K_C 30
#define K_CP 32
#define K_UNITS 20
#define K_CO 24
#define K_NR 16
#define K_DY_S 32
#define K_DX_S 32
#define K_DX_R 32
#define K_DX_P 32
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) v_store(dx + (size_t)(n) * K_DX_S + (h) * K_DX_R + (w) * K_DX_P + (c), v)
#endif

/* kernel { */
/* Sum over the columns of one row of the masked weights, times dy. */
static inline real k_row(const real *weights, const real *dy, int row, uint64_t stream, vf least)
{
    vf sum = v_zero();
    for (int first = 0; first < K_CO; first += K_NR) {
        const int width = K_CO - first < K_NR ? K_CO - first : K_NR;
        const real *w = weights + (size_t)first * (K_H * K_W * K_C) + (size_t)row * width;
        for (int o = 0; o < width; o += VL) {
            const vf kept = v_select(v_ge(v_uniform(stream, (uint32_t)(row * K_UNITS + first + o)), least), v_load(w + o), v_zero());
            sum = v_fma(v_load(dy + first + o), kept, sum);
        }
    }
    return v_sum(sum);
}

static void k_main(int n, const real *restrict dy, const real *restrict weights, uint64_t key, real rate K_ARGS)
{
    const vf least = v_set1(rate), scale = v_set1(1 / (1 - rate));
    const int vectors = K_CP / VL;
#pragma omp for schedule(static)
    for (int item = 0; item < n * K_H * K_W * vectors; item++) {
        const int i = item / vectors / (K_H * K_W), pixel = item / vectors % (K_H * K_W), first = item % vectors * VL;
        const int h = pixel / K_W, w = pixel % K_W;
        const uint64_t stream = nt_uniform_block(key, (uint32_t)i);
        real sums[VL] = {0};
        for (int c = first; c < K_C && c < first + VL; c++) {
            const int row = pixel * K_C + c;
            sums[c - first] = k_row(weights, dy + (size_t)i * K_DY_S, row, stream, least);
        }
        const vf scaled = v_mul(scale, v_load(sums));
        K_STORE(scaled, i, h, w, first);
    }
}
/* kernel } */
