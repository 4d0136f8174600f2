/* bn_dx_sums.k.c - the two sums that batch normalisation's gradients need, for each channel over n, h and w:
 *   sum_dy = sum dy   (the gradient of beta),   sum_dy_xhat = sum dy * (x - mean) * rstd   (the gradient of gamma).
 * (Ioffe and Szegedy, "Batch normalization", 2015, section 3. With m = n*H*W the input's gradient, which the compiler
 * emits as an element-wise expression, is dx = gamma * rstd * (dy - sum_dy/m - xhat * sum_dy_xhat/m).)
 *
 * Runs of at most 64 pixels are summed in registers, runs in chunks, chunks in order; all depend on n and the shape
 * only. A run goes through its pixels once for each few channels, so memory is asked for the next run's meanwhile.
 *
 *   dy, x                  K_H x K_W pixels, strides K_DY_S, K_DY_R, K_DY_P and K_X_S, K_X_R, K_X_P; padded lanes of
 *                          dy zero, of x finite
 *   mean, rstd             K_CP values each, from bn_stats
 *   sum_dy, sum_dy_xhat    K_CP values each, padded lanes come out zero
 *   work                   K_CHUNKS * 2 * K_CP values of scratch
 *
 * Ints: K_H K_W K_CP (channels with padding, a multiple of VL), K_DY_S K_DY_R K_DY_P, K_X_S K_X_R K_X_P, K_CHUNKS
 * (64 serves). No hooks. */
#include "../simd.h"

#ifndef K_H
#define K_H 8
#define K_W 8
#define K_CP 16
#define K_DY_S 1024
#define K_DY_R 128
#define K_DY_P 16
#define K_X_S 1024
#define K_X_R 128
#define K_X_P 16
#define K_CHUNKS 64
#endif
#ifndef K_ARGS
#define K_ARGS
#define K_PASS
#endif

/* kernel { */
/* Adds sum dy and sum dy * (x - mean) of `vectors` (1..4) times VL channels from `c` on, over pixels from..to of the
 * batch, to `partial` (K_CP sums of the one, then of the other); `run` pixels on is where the next call for them will
 * read. */
static inline void k_run(const real *restrict dy, const real *restrict x, const real *restrict mean, int from, int to,
                         int run, int c, int vectors, real *restrict partial)
{
    vf center[4], s[4], q[4];
    for (int v = 0; v < vectors; v++) {
        center[v] = v_load(mean + c + v * VL);
        s[v] = q[v] = v_zero();
    }
    for (int at = from; at < to;) {
        const int i = at / (K_H * K_W), h = at / K_W % K_H, w = at % K_W;
        const int columns = to - at < K_W - w ? to - at : K_W - w;
        const real *g = dy + (size_t)i * K_DY_S + h * K_DY_R + w * K_DY_P + c;
        const real *p = x + (size_t)i * K_X_S + h * K_X_R + w * K_X_P + c;
        for (int j = 0; j < columns; j++) {
            for (int line = 0; K_CP > 4 * VL && line < vectors * VL; line += NT_LINE) {
                nt_prefetch_far(g, (ptrdiff_t)(j + run) * K_DY_P + line);
                nt_prefetch_far(p, (ptrdiff_t)(j + run) * K_X_P + line);
            }
            for (int v = 0; v < vectors; v++) {
                const vf a = v_load(g + j * K_DY_P + v * VL);
                s[v] = v_add(s[v], a);
                q[v] = v_fma(a, v_sub(v_load(p + j * K_X_P + v * VL), center[v]), q[v]);
            }
        }
        at += columns;
    }
    for (int v = 0; v < vectors; v++) {
        real *sum = partial + c + v * VL;
        v_store(sum, v_add(v_load(sum), s[v]));
        v_store(sum + K_CP, v_add(v_load(sum + K_CP), q[v]));
    }
}

static void k_main(int n, const real *restrict dy, const real *restrict x, const real *restrict mean,
                   const real *restrict rstd, real *restrict sum_dy, real *restrict sum_dy_xhat,
                   real *restrict work K_ARGS)
{
    const int pixels = n * K_H * K_W, run = 64, runs = (pixels + run - 1) / run;
    const int chunks = runs < K_CHUNKS ? runs : K_CHUNKS;
    const int vectors = K_CP % (4 * VL) == 0 ? 4 : K_CP % (3 * VL) == 0 ? 3 : K_CP % (2 * VL) == 0 ? 2 : 1;
    /* Single pixels make few runs, and often have many channels: split those as well. */
    const int pieces = K_H * K_W == 1 ? K_CP / (vectors * VL) : 1, width = K_CP / pieces;
#pragma omp for schedule(static)
    for (int piece = 0; piece < chunks * pieces; piece++) {
        const int chunk = piece / pieces, begin = piece % pieces * width;
        const int run0 = (int)((int64_t)runs * chunk / chunks);
        const int run1 = (int)((int64_t)runs * (chunk + 1) / chunks);
        real *partial = work + chunk * 2 * K_CP;
        for (int c = begin; c < begin + width; c += VL) {
            v_store(partial + c, v_zero());
            v_store(partial + K_CP + c, v_zero());
        }
        for (int r = run0; r < run1; r++)
            for (int c = begin; c < begin + width; c += vectors * VL)
                k_run(dy, x, mean, r * run, pixels - r * run < run ? pixels : (r + 1) * run, run, c, vectors, partial);
    }
#pragma omp for schedule(static)
    for (int c = 0; c < K_CP; c += VL) {
        vf s = v_zero(), q = v_zero();
        for (int chunk = 0; chunk < chunks; chunk++) {
            s = v_add(s, v_load(work + chunk * 2 * K_CP + c));
            q = v_add(q, v_load(work + (chunk * 2 + 1) * K_CP + c));
        }
        v_store(sum_dy + c, s);
        v_store(sum_dy_xhat + c, v_mul(q, v_load(rstd + c)));
    }
}
/* kernel } */
