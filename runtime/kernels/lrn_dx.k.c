/* lrn_dx.k.c - gradient of lrn with respect to its input, from the input: with d[j] the base of the power at channel j,
 *   dx[c] = dy[c] d[c]^-BETA - 2 ALPHA BETA/SIZE x[c] sum over j of dy[j] x[j] d[j]^(-BETA-1),
 * where j runs over the channels whose window holds c, j = c - (SIZE-1)/2 .. c + SIZE/2: the mirror image of a window
 * when SIZE is even.
 *
 *   x, dy   K_H x K_W pixels, strides K_X_S, K_X_R, K_X_P and K_DY_S, K_DY_R, K_DY_P; padded lanes finite and ignored
 *   K_STORE(v, n, h, w, c)   takes VL channels of dx; its padded lanes are zero
 *
 * Ints: K_H K_W K_C (channels) K_CP (C up to a multiple of VL), K_SIZE, K_X_S K_X_R K_X_P, K_DY_S K_DY_R K_DY_P.
 * Reals: K_ALPHA K_BETA K_K (above 0). */
#include "../simd.h"

#ifndef K_H
#define K_H 8
#define K_W 8
#define K_C 16
#define K_CP 16
#define K_SIZE 5
#define K_ALPHA 1e-4
#define K_BETA 0.75
#define K_K 2.0
#define K_X_S 1024
#define K_X_R 128
#define K_X_P 16
#define K_DY_S 1024
#define K_DY_R 128
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
/* VL channels of a pixel from `c` on; zeros beyond the last. */
static inline vf k_channels(const real *pixel, int c)
{
    return c + VL <= K_C ? v_load(pixel + c) : v_load_n(pixel + c, K_C - c);
}

/* d^-BETA */
static inline vf k_power(vf d)
{
    if (K_BETA == 0.5)
        return v_div(v_set1(1), v_sqrt(d));
    if (K_BETA == 0.75)
        return v_div(v_set1(1), v_mul(v_sqrt(d), v_sqrt(v_sqrt(d))));
    if (K_BETA == 1.0)
        return v_div(v_set1(1), d);
    return v_pow(d, v_set1((real)-K_BETA));
}

/* Sum of SIZE neighbours for each of VL channels. */
static inline vf k_window(const real *p)
{
    vf sum = v_load(p);
    for (int j = 1; j < K_SIZE; j++)
        sum = v_add(sum, v_load(p + j));
    return sum;
}

static void k_main(int n, const real *restrict x, const real *restrict dy K_ARGS)
{
    const int below = K_SIZE / 2, above = (K_SIZE - 1) / 2;
#pragma omp for schedule(static)
    for (int row = 0; row < n * K_H; row++) {
        const int i = row / K_H, h = row % K_H;
        /* A pixel's squares, and its terms dy x d^(-BETA-1), between zeros for the sums that reach over the edges; and
         * dy d^-BETA. */
        real squares[K_CP + K_SIZE - 1], terms[K_CP + K_SIZE - 1], direct[K_CP];
        for (int j = 0; j < below; j++)
            squares[j] = terms[above + K_CP + j] = 0;
        for (int j = 0; j < above; j++)
            squares[below + K_CP + j] = terms[j] = 0;
        for (int w = 0; w < K_W; w++) {
            const real *pixel = x + (size_t)i * K_X_S + h * K_X_R + w * K_X_P;
            const real *gradient = dy + (size_t)i * K_DY_S + h * K_DY_R + w * K_DY_P;
            for (int c = 0; c < K_CP; c += VL) {
                const vf v = k_channels(pixel, c);
                v_store(squares + below + c, v_mul(v, v));
            }
            for (int c = 0; c < K_CP; c += VL) {
                const vf d = v_fma(v_set1((real)(K_ALPHA / K_SIZE)), k_window(squares + c), v_set1((real)K_K));
                const vf g = v_mul(k_channels(gradient, c), k_power(d));
                v_store(direct + c, g);
                v_store(terms + above + c, v_div(v_mul(g, k_channels(pixel, c)), d));
            }
            for (int c = 0; c < K_CP; c += VL) {
                const vf scaled = v_mul(v_set1((real)(2 * K_ALPHA * K_BETA / K_SIZE)), k_channels(pixel, c));
                const vf v = v_fnma(scaled, k_window(terms + c), v_load(direct + c));
                K_STORE(v, i, h, w, c);
            }
        }
    }
}
/* kernel } */
