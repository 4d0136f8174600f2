/* test_winograd_dw.c - runtime/kernels/winograd_dw.k.c against naive loops. The kernel's constants are variables here.
 * test_winograd_dw_chunks.c includes this with K_CHUNKS defined. */
#include "igemm_shapes.h"

#include <float.h>
#include <math.h>

static int K_T, K_S, K_OUT_H, K_OUT_W, K_IN_S, K_IN_R, K_IN_P, K_DY_S, K_DY_R, K_DY_P, K_CI, K_CO, K_NR, K_MR, K_TB, K_TG;
static int K_BIAS;
#define K_T K_T /* tells the kernel that its constants are given */
#define K_S K_S
#define K_LAST (K_CO % K_NR)

#include "../../runtime/kernels/winograd_dw.k.c"

#ifdef NT_DOUBLE
static const double rounding = DBL_EPSILON / 2;
#else
static const double rounding = FLT_EPSILON / 2;
#endif

/* A layer's tensors and the gradient as the kernel computes it. */
typedef struct job {
    layer l;
    tensor x, dy;
    real *w, *b;
    size_t n_w;
} job;

/* The algorithms: sides of the window and of the output tiles; and errors that are allowed, in rounding units of the
 * largest sum of absolute terms that a weight has. The shapes below come to 4.2, 22.2 and 28. */
static const struct way {
    int window, tile;
    double bound;
} ways[] = {{3, 2, 9}, {3, 4, 30}, {5, 2, 40}};
enum { N_WAYS = sizeof ways / sizeof *ways };

static layer random_winograd(int window, int largest)
{
    layer l = {.n = random_int(1, 4), .groups = 1, .kh = window, .kw = window, .sh = 1, .sw = 1, .dh = 1, .dw = 1};
    do {
        l.h = random_int(1, 20);
        l.w = random_int(1, 20);
        l.ph = random_int(0, window - 1);
        l.pw = random_int(0, 3) ? l.ph : random_int(0, window - 1);
    } while (l.h + 2 * l.ph < window || l.w + 2 * l.pw < window);
    l.ci = random_int(0, 2) ? random_int(1, largest) : random_int(1, largest / VL) * VL;
    l.co = random_int(0, 2) ? random_int(1, largest) : random_int(1, largest / VL) * VL;
    finish_layer(&l);
    return l;
}

/* Random tensors and constants. Behind its zero halo x has NaN, so that a stray read shows, and so has dy's border. */
static job new_job(layer l, const struct way *way)
{
    enum { MORE = 2 };
    static const int tiles[][2] = {{6, 2}, {8, 2}, {4, 3}, {8, 1}, {12, 1}, {1, 1}, {2, 4}, {3, 2}, {5, 1}};
    int tile = random_int(0, 8);
    job j = {.l = l};
    j.x = new_tensor(l.n, l.h, l.w, l.ci <= 4 && random_int(0, 1) ? l.ci : round_up(l.ci, VL), l.ph + MORE, l.pw + MORE);
    j.dy = new_tensor(l.n, l.oh, l.ow, l.co_padded, MORE, MORE);
    for (int s = 0; s < l.n; s++) {
        for (int y = -l.ph - MORE; y < l.h + l.ph + MORE; y++)
            for (int x = -l.pw - MORE; x < l.w + l.pw + MORE; x++)
                for (int c = 0; c < j.x.p; c++)
                    if (y < -l.ph || x < -l.pw || y >= l.h + l.ph || x >= l.w + l.pw)
                        j.x.base[(ptrdiff_t)s * j.x.s + y * j.x.r + x * j.x.p + c] = (real)NAN;
        for (int y = -MORE; y < l.oh + MORE; y++)
            for (int x = -MORE; x < l.ow + MORE; x++)
                for (int c = 0; c < j.dy.p; c++)
                    if (y < 0 || x < 0 || y >= l.oh || x >= l.ow)
                        j.dy.base[(ptrdiff_t)s * j.dy.s + y * j.dy.r + x * j.dy.p + c] = (real)NAN;
    }
    fill_tensor(&j.x, l.n, l.h, l.w, 0, l.ci, 1);
    fill_tensor(&j.dy, l.n, l.oh, l.ow, 0, l.co, 1);
    K_T = way->tile;
    K_S = way->tile + way->window - 1;
    K_OUT_H = l.oh;
    K_OUT_W = l.ow;
    K_IN_S = j.x.s;
    K_IN_R = j.x.r;
    K_IN_P = j.x.p;
    K_DY_S = j.dy.s;
    K_DY_R = j.dy.r;
    K_DY_P = j.dy.p;
    K_CI = l.ci;
    K_CO = l.co_padded;
    K_MR = tiles[tile][0];
    K_NR = tiles[tile][1] * VL;
    K_TB = random_int(1, 50);
    K_TG = random_int(1, 9);
    K_BIAS = random_int(0, 1);
#ifdef K_CHUNKS
    K_CHUNKS = random_int(1, 20);
#endif
    j.n_w = (size_t)(l.kh * l.kw * l.ci * l.co_padded);
    j.w = allocate(j.n_w * sizeof(real));
    j.b = allocate((size_t)l.co_padded * sizeof(real));
    return j;
}

/* In memory of exactly the size promised, full of what must be overwritten. */
static void run(job *j, int threads)
{
    size_t positions = (size_t)(K_S * K_S), groups = (size_t)((K_TB + K_TG - 1) / K_TG);
    size_t size = positions * (size_t)(K_TB * (k_pitch(K_CI) + k_pitch(K_CO)) + K_CI * K_CO);
#ifdef K_CHUNKS
    size = K_CHUNKS * (size + (size_t)K_CO);
    (void)groups;
#else
    size += groups * (size_t)K_CO;
#endif
    real *work = allocate(size * sizeof(real));
    for (size_t i = 0; i < size; i++)
        work[i] = (real)NAN;
    for (size_t i = 0; i < j->n_w; i++)
        j->w[i] = (real)NAN;
    for (int i = 0; i < K_CO; i++)
        j->b[i] = 7;
    const real *first = j->x.base - j->l.ph * j->x.r - j->l.pw * j->x.p;
    (void)threads;
#pragma omp parallel num_threads(threads)
    k_main(j->l.n, first, j->dy.base, j->w, j->b, work);
    free(work);
}

static void free_job(job *j)
{
    free(j->x.memory);
    free(j->dy.memory);
    free(j->w);
    free(j->b);
}

/* One weight's gradient by its definition, and the sum of the terms' sizes. */
static double naive(const job *j, int tap, int ci, int co, double *size)
{
    const layer *l = &j->l;
    double sum = 0;
    *size = 0;
    for (int n = 0; n < l->n; n++) {
        for (int oh = 0; oh < l->oh; oh++) {
            for (int ow = 0; ow < l->ow; ow++) {
                int h = oh + tap / l->kw - l->ph, w = ow + tap % l->kw - l->pw;
                if (h < 0 || w < 0 || h >= l->h || w >= l->w)
                    continue;
                double term = value(&j->x, n, h, w, ci) * value(&j->dy, n, oh, ow, co);
                sum += term;
                *size += fabs(term);
            }
        }
    }
    return sum;
}

static double check_job(job *j, double bound)
{
    const layer *l = &j->l;
    const int taps = l->kh * l->kw;
    double *expected = allocate(j->n_w * sizeof *expected), largest = 0, worst = 0;
    for (int tap = 0; tap < taps; tap++) {
        for (int ci = 0; ci < l->ci; ci++) {
            for (int co = 0; co < l->co; co++) {
                double size;
                expected[panel_index(0, tap * l->ci + ci, co, taps * l->ci, l->co_padded, K_NR)] = naive(j, tap, ci, co, &size);
                largest = fmax(largest, size);
            }
        }
    }
    run(j, 1);
    for (size_t i = 0; i < j->n_w; i++) {
        double error = fabs((double)j->w[i] - expected[i]) / (rounding * largest);
        if (!(error <= bound)) {
            print_layer(l);
            print_message("F(%d, %d), tile %dx%d, block %d, group %d\n", K_T, l->kh, K_MR, K_NR, K_TB, K_TG);
            fail_msg("weight %zu of %zu: %g instead of %g, error %g", i, j->n_w, (double)j->w[i], expected[i], error);
        }
        worst = fmax(worst, error);
    }
    for (int c = 0; c < l->co_padded; c++) {
        double sum = 0, size = 0;
        for (int n = 0; n < l->n; n++)
            for (int i = 0; i < l->oh * l->ow; i++) {
                sum += value(&j->dy, n, i / l->ow, i % l->ow, c);
                size += fabs(value(&j->dy, n, i / l->ow, i % l->ow, c));
            }
        assert_true(K_BIAS ? fabs((double)j->b[c] - sum) <= 8 * rounding * size : j->b[c] == 7);
    }
    free(expected);
    return worst;
}

static void test_random_layers(void **state)
{
    (void)state;
    double worst[N_WAYS] = {0};
    for (int i = 0; i < 600; i++) {
        int w = i % N_WAYS;
        job j = new_job(random_winograd(ways[w].window, 40), &ways[w]);
        worst[w] = fmax(worst[w], check_job(&j, ways[w].bound));
        free_job(&j);
    }
    for (int w = 0; w < N_WAYS; w++)
        print_message("F(%d, %d): errors up to %.2f rounding units of the largest sum of sizes\n", ways[w].tile,
                      ways[w].window, worst[w]);
}

static void test_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        job j = new_job(random_winograd(ways[i % N_WAYS].window, 24), &ways[i % N_WAYS]);
        real *w = allocate(j.n_w * sizeof(real)), *b = allocate((size_t)K_CO * sizeof(real));
        run(&j, 1);
        memcpy(w, j.w, j.n_w * sizeof(real));
        memcpy(b, j.b, (size_t)K_CO * sizeof(real));
        for (int threads = 2; threads <= 3; threads++) {
            run(&j, threads);
            assert_memory_equal(w, j.w, j.n_w * sizeof(real));
            assert_memory_equal(b, j.b, (size_t)K_CO * sizeof(real));
        }
        free(w);
        free(b);
        free_job(&j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_layers),
        cmocka_unit_test(test_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
