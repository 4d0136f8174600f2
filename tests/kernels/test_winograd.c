/* test_winograd.c - runtime/kernels/winograd.k.c and winograd_weights.k.c, forward and to the input, against naive
 * loops. The kernels' constants are variables here, so that one build covers any number of shapes and tiles. */
#include "igemm_shapes.h"

#include <float.h>
#include <math.h>

static int K_T, K_OUT_H, K_OUT_W, K_IN_S, K_IN_R, K_IN_P, K_CI, K_CO, K_NR, K_MR, K_TB, K_KB, K_PG;
static int K_BACKWARD, K_CO_REAL, K_U_NR;
#define K_LAST (K_CO % K_NR)
#define K_T K_T /* tells the kernels that their constants are given */
#define K_ARGS , real *restrict y, unsigned char *restrict calls
#define K_PASS , y, calls
#define K_STORE(v, n, h, w, c) store(y, calls, v, (size_t)((((n)*K_OUT_H + (h)) * K_OUT_W + (w)) * K_CO + (c)))

static void store(real *y, unsigned char *calls, vf v, size_t at)
{
    v_store(y + at, v);
    calls[at / VL]++;
}

#include "../../runtime/kernels/winograd.k.c"
#define k_main k_weights
#include "../../runtime/kernels/winograd_weights.k.c"
#undef k_main

#ifdef NT_DOUBLE
static const double rounding = DBL_EPSILON / 2;
#else
static const double rounding = FLT_EPSILON / 2;
#endif

/* Room for U, which begins at a multiple of a vector's size. */
static real *new_u(size_t elements)
{
    size_t unit = VL * sizeof(real);
    real *u = aligned_alloc(unit, (elements * sizeof(real) + unit - 1) / unit * unit);
    assert_non_null(u);
    return u;
}

static layer random_winograd(int largest)
{
    layer l = {.n = random_int(1, 3), .groups = 1, .kh = 3, .kw = 3, .sh = 1, .sw = 1, .dh = 1, .dw = 1};
    do {
        l.h = random_int(1, 20);
        l.w = random_int(1, 20);
        l.ph = random_int(0, 2);
        l.pw = random_int(0, 3) ? l.ph : random_int(0, 2);
    } while (l.h + 2 * l.ph < 3 || l.w + 2 * l.pw < 3);
    l.ci = random_int(0, 2) ? random_int(1, largest) : random_int(1, largest / VL) * VL;
    l.co = random_int(0, 2) ? random_int(1, largest) : random_int(1, largest / VL) * VL;
    finish_layer(&l);
    return l;
}

static void random_tile(void)
{
    static const int tiles[][2] = {{6, 2}, {6, 2}, {4, 3}, {8, 1}, {12, 1}, {1, 1}, {2, 4}, {3, 2}, {5, 1}};
    int t = random_int(0, 8);
    K_MR = tiles[t][0];
    K_NR = K_U_NR = tiles[t][1] * VL;
    K_TB = random_int(1, 6) * K_MR;
    K_KB = random_int(1, 5) * VL;
    K_PG = random_int(1, 4);
}

/* One direction of a layer, ready to be run: x is its input, in a tensor whose surplus border is NaN, so that a stray
 * read shows; y is expected[sample][row][column][padded channel], and size what the terms of each sum add up to. */
typedef struct job {
    int n, backward;
    tensor x;
    const real *first;
    real *u, *y;
    double *expected, *size;
    size_t outputs;
} job;

/* Zero in the interior and `halo` pixels around it, NaN in the rest of the tensor's border. */
static tensor new_input(int n, int h, int w, int p, const int halo[4])
{
    enum { MORE = 3 };
    tensor t = new_tensor(n, h, w, p, 2 + MORE, 2 + MORE);
    for (int s = 0; s < n; s++)
        for (int y = -2 - MORE; y < h + 2 + MORE; y++)
            for (int x = -2 - MORE; x < w + 2 + MORE; x++)
                for (int c = 0; c < p; c++)
                    if (y < -halo[0] || x < -halo[1] || y >= h + halo[2] || x >= w + halo[3])
                        t.base[(ptrdiff_t)s * t.s + y * t.r + x * t.p + c] = (real)NAN;
    return t;
}

/* Makes the input, U and the expected output of one direction, and sets the kernel's constants for it. */
static job new_job(const layer *l, int t, int backward, int gapless)
{
    job j = {.n = l->n, .backward = backward};
    int ci = backward ? l->co : l->ci, co = backward ? l->ci_padded : l->co_padded;
    int h = backward ? l->oh : l->h, w = backward ? l->ow : l->w; /* of the input */
    int ph = backward ? 2 - l->ph : l->ph, pw = backward ? 2 - l->pw : l->pw;
    int rows = h + 2 * ph - 2, columns = w + 2 * pw - 2; /* of the output */
    const int halo[4] = {ph, pw, ph, pw};
    j.x = new_input(l->n, h, w, gapless ? ci : round_up(ci, VL), halo);
    fill_tensor(&j.x, l->n, h, w, 0, ci, 1);
    j.first = j.x.base - ph * j.x.r - pw * j.x.p;
    random_tile();
    K_T = t;
    K_BACKWARD = backward;
    K_CI = l->ci;
    K_CO = l->co_padded;
    K_CO_REAL = l->co;
    real *panels = new_panels(l, K_NR, 1);
    j.u = new_u((size_t)((t + 2) * (t + 2) * ci * co));
    k_weights(panels, j.u);
    K_CI = ci;
    K_CO = co;
    K_OUT_H = rows;
    K_OUT_W = columns;
    K_IN_S = j.x.s;
    K_IN_R = j.x.r;
    K_IN_P = j.x.p;
    j.outputs = (size_t)(l->n * rows * columns * co);
    j.y = allocate(j.outputs * sizeof(real));
    j.expected = allocate(j.outputs * sizeof(double));
    j.size = allocate(j.outputs * sizeof(double));
    size_t at = 0;
    for (int n = 0; n < l->n; n++) {
        for (int i = 0; i < rows * columns; i++) {
            for (int c = 0; c < co; c++, at++) {
                for (int tap = 0; tap < 9 && c < (backward ? l->ci : l->co); tap++) {
                    int y = i / columns + tap / 3 - ph, x = i % columns + tap % 3 - pw;
                    if (y < 0 || x < 0 || y >= h || x >= w)
                        continue;
                    for (int r = 0; r < ci; r++) {
                        int k = backward ? (8 - tap) * l->ci + c : tap * l->ci + r;
                        size_t index = panel_index(0, k, backward ? r : c, 9 * l->ci, l->co_padded, K_NR);
                        double term = value(&j.x, n, y, x, r) * (double)panels[index];
                        j.expected[at] += term;
                        j.size[at] += fabs(term);
                    }
                }
            }
        }
    }
    free(panels);
    return j;
}

static void run(const job *j, int n, const real *x, real *y, unsigned char *calls, int threads)
{
    (void)threads;
#pragma omp parallel num_threads(threads)
    k_main(n, x, j->u, y, calls);
}

static void free_job(job *j)
{
    free(j->x.memory);
    free(j->u);
    free(j->y);
    free(j->expected);
    free(j->size);
}

/* Largest error of the outputs, in rounding units of the largest sum of terms' sizes; every vector was stored once. */
static double check_job(const layer *l, const job *j, double bound)
{
    unsigned char *calls = allocate(j->outputs / VL);
    run(j, j->n, j->first, j->y, calls, 1);
    double largest = 0, worst = 0;
    for (size_t i = 0; i < j->outputs; i++)
        largest = fmax(largest, j->size[i]);
    for (size_t i = 0; i < j->outputs; i++) {
        double error = fabs((double)j->y[i] - j->expected[i]) / (rounding * largest);
        if (!(error <= bound) || calls[i / VL] != 1) {
            print_layer(l);
            print_message("T %d, %s, tile %dx%d, block %d, part %d, group %d\n", K_T,
                          j->backward ? "to input" : "forward", K_MR, K_NR, K_TB, K_KB, K_PG);
            fail_msg("output %zu of %zu: %g instead of %g, error %g; stored %d times", i, j->outputs, (double)j->y[i],
                     j->expected[i], error, calls[i / VL]);
        }
        worst = fmax(worst, error);
    }
    free(calls);
    return worst;
}

/* Errors that are allowed, in rounding units of the largest sum of absolute terms that an output has. The shapes below
 * come to 4.2 and 13.2. */
static const double bounds[] = {[2] = 8, [4] = 24};

static void check_direction(int backward)
{
    double worst[5] = {0};
    for (int i = 0; i < 400; i++) {
        layer l = random_winograd(40);
        int t = i % 2 ? 2 : 4;
        job j = new_job(&l, t, backward, i % 3 == 0 && (backward ? l.co : l.ci) <= 4);
        worst[t] = fmax(worst[t], check_job(&l, &j, bounds[t]));
        free_job(&j);
    }
    print_message("largest errors, in rounding units of the largest sum of sizes: %.2f (T = 2), %.2f (T = 4)\n",
                  worst[2], worst[4]);
}

static void test_forward(void **state)
{
    (void)state;
    check_direction(0);
}

static void test_to_input(void **state)
{
    (void)state;
    check_direction(1);
}

/* Weights whose transform is written past the caches. */
static void test_large(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        layer l = {.n = 2, .h = 5, .w = 6, .ci = 150, .co = 119, .groups = 1, .kh = 3, .kw = 3, .ph = 1, .pw = 1};
        l.sh = l.sw = l.dh = l.dw = 1;
        finish_layer(&l);
        int t = i % 2 ? 2 : 4;
        job j = new_job(&l, t, i / 2, 0);
        check_job(&l, &j, bounds[t]);
        free_job(&j);
    }
}

/* Neither the number of threads nor the other samples of the batch change a single bit. */
static void test_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        layer l = random_winograd(24);
        job j = new_job(&l, i % 2 ? 2 : 4, i / 2 % 2, 0);
        size_t sample = j.outputs / (size_t)l.n;
        real *again = allocate(j.outputs * sizeof(real));
        unsigned char *calls = allocate(j.outputs / VL);
        run(&j, l.n, j.first, j.y, calls, 1);
        for (int threads = 2; threads <= 3; threads++) {
            memset(again, 0, j.outputs * sizeof(real));
            run(&j, l.n, j.first, again, calls, threads);
            assert_memory_equal(j.y, again, j.outputs * sizeof(real));
        }
        run(&j, 1, j.first + (ptrdiff_t)(l.n - 1) * j.x.s, again, calls, 1);
        assert_memory_equal(j.y + sample * (size_t)(l.n - 1), again, sample * sizeof(real));
        free(again);
        free(calls);
        free_job(&j);
    }
}

/* U does not depend on the number of threads, and all of it is written. */
static void test_weights_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        layer l = random_winograd(40);
        random_tile();
        K_T = i % 2 ? 2 : 4;
        K_BACKWARD = i / 2 % 2;
        K_CI = l.ci;
        K_CO = l.co_padded;
        K_CO_REAL = l.co;
        size_t elements = (size_t)((K_T + 2) * (K_T + 2) * (K_BACKWARD ? l.co * l.ci_padded : l.ci * l.co_padded));
        real *w = new_panels(&l, K_NR, 1);
        real *u = new_u(elements), *again = new_u(elements);
        for (size_t k = 0; k < elements; k++)
            u[k] = again[k] = (real)NAN;
        k_weights(w, u);
#pragma omp parallel num_threads(2)
        k_weights(w, again);
        for (size_t k = 0; k < elements; k++)
            assert_false(isnan((double)u[k]));
        assert_memory_equal(u, again, elements * sizeof(real));
        free(w);
        free(u);
        free(again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_to_input),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_weights_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
