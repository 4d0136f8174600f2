/* bn_stats.k.c - batch normalisation's statistics: for each channel, over the m = n*H*W values of a batch,
 *   mean = 1/m sum x,   rstd = 1 / sqrt(1/m sum (x - mean)^2 + EPS)
 * and, when `update` is set, the running estimates (as PyTorch: the variance there is the unbiased one; with m = 1 it
 * counts as 0)
 *   running_mean += MOMENTUM (mean - running_mean),   running_var += MOMENTUM (m/(m-1) var - running_var).
 *
 * One pass over memory, safe where the mean is large against the deviation: a run of at most 64 pixels is summed about
 * its first pixel, which loses at most a factor 64 of the variance's relative precision whatever the data; means and
 * sums of squares of runs, then of chunks, are combined by Chan, Golub and LeVeque's update ("Updating formulae and a
 * pairwise algorithm for computing sample variances", 1979). Means are kept
 * relative to the batch's first pixel until the end. Runs and chunks depend on n and the shape only. A run goes through
 * its pixels once for each few channels, so memory is asked for the next run's meanwhile.
 *
 *   x                         K_H x K_W pixels, strides K_X_S, K_X_R, K_X_P; padded lanes finite
 *   mean, rstd                K_CP values each
 *   running_mean, running_var K_C values, read and written only if `update`
 *   work                      K_CHUNKS * 2 * K_CP values of scratch
 *
 * Ints: K_H K_W K_C (channels) K_CP (with padding, a multiple of VL), K_X_S K_X_R K_X_P, K_CHUNKS (64 serves). Reals:
 * K_EPS K_MOMENTUM. No hooks. */
#include "../simd.h"

#ifndef K_H
#define K_H 8
#define K_W 8
#define K_C 16
#define K_CP 16
#define K_X_S 1024
#define K_X_R 128
#define K_X_P 16
#define K_CHUNKS 64
#define K_EPS 1e-5
#define K_MOMENTUM 0.1
#endif
#ifndef K_ARGS
#define K_ARGS
#define K_PASS
#endif

/* kernel { */
/* Mean, less the batch's first pixel, and sum of squared deviations of `vectors` (1..4) times VL channels from `c` on,
 * over pixels from..to of the batch; `run` pixels on is where the next call for them will read. */
static inline void k_run(const real *restrict x, int from, int to, int run, int c, int vectors, vf *mean, vf *squares)
{
    vf shift[4], s[4], q[4];
    const real *first = x + (size_t)(from / (K_H * K_W)) * K_X_S + from / K_W % K_H * K_X_R + from % K_W * K_X_P + c;
    for (int v = 0; v < vectors; v++) {
        shift[v] = v_load(first + v * VL);
        s[v] = q[v] = v_zero();
    }
    for (int at = from; at < to;) {
        const int w = at % K_W, columns = to - at < K_W - w ? to - at : K_W - w;
        const real *p = x + (size_t)(at / (K_H * K_W)) * K_X_S + at / K_W % K_H * K_X_R + w * K_X_P + c;
        for (int j = 0; j < columns; j++) {
            for (int line = 0; K_CP > 4 * VL && line < vectors * VL; line += NT_LINE)
                nt_prefetch_far(p, (ptrdiff_t)(j + run) * K_X_P + line);
            for (int v = 0; v < vectors; v++) {
                const vf d = v_sub(v_load(p + j * K_X_P + v * VL), shift[v]);
                s[v] = v_add(s[v], d);
                q[v] = v_fma(d, d, q[v]);
            }
        }
        at += columns;
    }
    const vf scale = v_set1((real)1 / (real)(to - from));
    for (int v = 0; v < vectors; v++) {
        const vf off = v_mul(s[v], scale);
        mean[v] = v_add(v_sub(shift[v], v_load(x + c + v * VL)), off);
        squares[v] = v_max(v_zero(), v_fnma(off, s[v], q[v]));
    }
}

/* Adds `count` values of the given mean and sum of squares to `before` values whose own are in *mean and *squares. */
static inline void k_combine(vf *mean, vf *squares, int before, vf mean_more, vf squares_more, int count)
{
    const real share = (real)count / (real)(before + count);
    const vf delta = v_sub(mean_more, *mean), step = v_mul(delta, v_set1(share));
    *mean = v_add(*mean, step);
    *squares = v_add(*squares, v_fma(delta, v_mul(step, v_set1((real)before)), squares_more));
}

static void k_main(int n, const real *restrict x, real *restrict mean, real *restrict rstd, real *restrict running_mean,
                   real *restrict running_var, int update, real *restrict work K_ARGS)
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
        real *chunk_mean = work + chunk * 2 * K_CP, *chunk_squares = chunk_mean + K_CP;
        for (int c = begin; c < begin + width; c += VL) {
            v_store(chunk_mean + c, v_zero());
            v_store(chunk_squares + c, v_zero());
        }
        for (int r = run0; r < run1; r++) {
            const int from = r * run, to = pixels - from < run ? pixels : from + run;
            for (int c = begin; c < begin + width; c += vectors * VL) {
                vf run_mean[4], run_squares[4];
                k_run(x, from, to, run, c, vectors, run_mean, run_squares);
                for (int v = 0; v < vectors; v++) {
                    vf m = v_load(chunk_mean + c + v * VL), q = v_load(chunk_squares + c + v * VL);
                    k_combine(&m, &q, from - run0 * run, run_mean[v], run_squares[v], to - from);
                    v_store(chunk_mean + c + v * VL, m);
                    v_store(chunk_squares + c + v * VL, q);
                }
            }
        }
    }
#pragma omp for schedule(static)
    for (int c = 0; c < K_CP; c += VL) {
        vf m = v_zero(), q = v_zero();
        for (int chunk = 0; chunk < chunks; chunk++) {
            const int run0 = (int)((int64_t)runs * chunk / chunks);
            const int run1 = (int)((int64_t)runs * (chunk + 1) / chunks);
            const int from = run0 * run, to = run1 == runs ? pixels : run1 * run;
            const real *partial = work + chunk * 2 * K_CP + c;
            k_combine(&m, &q, from, v_load(partial), v_load(partial + K_CP), to - from);
        }
        const vf batch_mean = v_add(v_load(x + c), m), variance = v_div(q, v_set1((real)pixels));
        v_store(mean + c, batch_mean);
        v_store(rstd + c, v_div(v_set1(1), v_sqrt(v_add(variance, v_set1((real)K_EPS)))));
        if (update) {
            const int lanes = K_C - c < VL ? K_C - c : VL;
            const vf momentum = v_set1((real)K_MOMENTUM);
            const vf unbiased = v_div(q, v_set1((real)(pixels > 1 ? pixels - 1 : 1)));
            const vf old_mean = v_load_n(running_mean + c, lanes), old_var = v_load_n(running_var + c, lanes);
            v_store_n(running_mean + c, v_fma(momentum, v_sub(batch_mean, old_mean), old_mean), lanes);
            v_store_n(running_var + c, v_fma(momentum, v_sub(unbiased, old_var), old_var), lanes);
        }
    }
}
/* kernel } */
