/* test_winograd.c - runtime/kernels/winograd.k.c and winograd_weights.k.c, forward and to the input, against naive
 * loops. The kernels' constants are variables here, so that one build covers any number of shapes and tiles. */
#include "igemm_shapes.h"

#include <float.h>
#include <math.h>

static int K_T, K_OUT_H, K_OUT_W, K_IN_S, K_IN_R, K_IN_P, K_CI, K_CO, K_NR, K_MR, K_TB, K_KB, K_PG;
static int K_BACKWARD, K_CO_REAL, K_U_NR, K_S, K_R;
#define K_LAST (K_CO % K_NR)
#define K_T K_T /* tells the kernels that their constants are given */
#define K_S K_S
#define K_ARGS , real *restrict y, unsigned char *restrict calls
#define K_PASS , y, calls
#define K_AHEAD(n, h, w, c) ask_for(calls, n, h, w, c)
#define K_STORE(v, n, h, w, c) store(y, calls, v, (size_t)((((n)*K_OUT_H + (h)) * K_OUT_W + (w)) * K_CO + (c)))

enum { ASKED = 0x80 }; /* in `calls`, beside how often a vector was stored */

/* What is asked for exists, and was neither asked for nor stored yet. */
static void ask_for(unsigned char *calls, int n, int h, int w, int c)
{
    assert_true(h < K_OUT_H && w < K_OUT_W && c < K_CO);
    unsigned char *call = &calls[(((n * K_OUT_H + h) * K_OUT_W + w) * K_CO + c) / VL];
    assert_int_equal(*call, 0);
    *call = ASKED;
}

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

/* The algorithms: sides of the window and of the output tiles; and errors that are allowed, in rounding units of the
 * largest sum of absolute terms that an output has. The shapes below come to 4.2, 13.2 and 18.2. */
static const struct way {
    int window, tile;
    double bound;
} ways[] = {{3, 2, 8}, {3, 4, 24}, {5, 2, 24}};
enum { N_WAYS = sizeof ways / sizeof *ways };

static layer random_winograd(int window, int largest)
{
    layer l = {.n = random_int(1, 3), .groups = 1, .kh = window, .kw = window, .sh = 1, .sw = 1, .dh = 1, .dw = 1};
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

static void random_tile(void)
{
    static const int tiles[][2] = {{6, 2}, {8, 2}, {4, 3}, {8, 1}, {12, 1}, {1, 1}, {2, 4}, {3, 2}, {5, 1}};
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
    enum { MORE = 7 };
    tensor t = new_tensor(n, h, w, p, MORE, MORE);
    for (int s = 0; s < n; s++)
        for (int y = -MORE; y < h + MORE; y++)
            for (int x = -MORE; x < w + MORE; x++)
                for (int c = 0; c < p; c++)
                    if (y < -halo[0] || x < -halo[1] || y >= h + halo[2] || x >= w + halo[3])
                        t.base[(ptrdiff_t)s * t.s + y * t.r + x * t.p + c] = (real)NAN;
    return t;
}

/* Makes the input, U and the expected output of one direction, and sets the kernel's constants for it. */
static job new_job(const layer *l, const struct way *way, int backward, int gapless)
{
    const int side = way->window, taps = side * side, span = side + way->tile - 1;
    job j = {.n = l->n, .backward = backward};
    int ci = backward ? l->co : l->ci, co = backward ? l->ci_padded : l->co_padded;
    int h = backward ? l->oh : l->h, w = backward ? l->ow : l->w; /* of the input */
    int ph = backward ? side - 1 - l->ph : l->ph, pw = backward ? side - 1 - l->pw : l->pw;
    int rows = h + 2 * ph - side + 1, columns = w + 2 * pw - side + 1; /* of the output */
    const int halo[4] = {ph, pw, ph, pw};
    j.x = new_input(l->n, h, w, gapless ? ci : round_up(ci, VL), halo);
    fill_tensor(&j.x, l->n, h, w, 0, ci, 1);
    j.first = j.x.base - ph * j.x.r - pw * j.x.p;
    random_tile();
    K_T = way->tile;
    K_R = side;
    K_S = span;
    K_BACKWARD = backward;
    K_CI = l->ci;
    K_CO = l->co_padded;
    K_CO_REAL = l->co;
    real *panels = new_panels(l, K_NR, 1);
    j.u = new_u((size_t)(span * span * ci * co));
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
                for (int tap = 0; tap < taps && c < (backward ? l->ci : l->co); tap++) {
                    int y = i / columns + tap / side - ph, x = i % columns + tap % side - pw;
                    if (y < 0 || x < 0 || y >= h || x >= w)
                        continue;
                    for (int r = 0; r < ci; r++) {
                        int k = backward ? (taps - 1 - tap) * l->ci + c : tap * l->ci + r;
                        size_t index = panel_index(0, k, backward ? r : c, taps * l->ci, l->co_padded, K_NR);
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

/* What the calls for the vector of output i should be: it is stored once, and each line of a group's channels asked for before if there are several samples. */
static int expected_calls(int n, size_t i)
{
    const int line_of = VL > NT_LINE ? VL : NT_LINE, c = (int)(i % (size_t)K_CO) % (K_PG * K_NR) / VL * VL;
    return n > 1 && c % line_of == 0 ? ASKED + 1 : 1;
}

/* Largest error of the outputs, in rounding units of the largest sum of terms' sizes. */
static double check_job(const layer *l, const job *j, double bound)
{
    unsigned char *calls = allocate(j->outputs / VL);
    run(j, j->n, j->first, j->y, calls, 1);
    double largest = 0, worst = 0;
    for (size_t i = 0; i < j->outputs; i++)
        largest = fmax(largest, j->size[i]);
    for (size_t i = 0; i < j->outputs; i++) {
        double error = fabs((double)j->y[i] - j->expected[i]) / (rounding * largest);
        if (!(error <= bound) || calls[i / VL] != expected_calls(j->n, i)) {
            print_layer(l);
            print_message("F(%d, %d), %s, tile %dx%d, block %d, part %d, group %d\n", K_T, K_R,
                          j->backward ? "to input" : "forward", K_MR, K_NR, K_TB, K_KB, K_PG);
            fail_msg("output %zu of %zu: %g instead of %g, error %g; calls %x", i, j->outputs, (double)j->y[i],
                     j->expected[i], error, (unsigned)calls[i / VL]);
        }
        worst = fmax(worst, error);
    }
    free(calls);
    return worst;
}

static void check_direction(int backward)
{
    double worst[N_WAYS] = {0};
    for (int i = 0; i < 600; i++) {
        int w = i % N_WAYS;
        layer l = random_winograd(ways[w].window, 40);
        job j = new_job(&l, &ways[w], backward, i % 4 == 0 && (backward ? l.co : l.ci) <= 4);
        worst[w] = fmax(worst[w], check_job(&l, &j, ways[w].bound));
        free_job(&j);
    }
    for (int w = 0; w < N_WAYS; w++)
        print_message("F(%d, %d): errors up to %.2f rounding units of the largest sum of sizes\n", ways[w].tile,
                      ways[w].window, worst[w]);
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
    for (int i = 0; i < 2 * N_WAYS; i++) {
        const struct way *way = &ways[i / 2];
        layer l = {.n = 2, .h = 5, .w = 6, .ci = 150, .co = 119, .groups = 1};
        l.kh = l.kw = way->window;
        l.ph = l.pw = way->window / 2;
        l.sh = l.sw = l.dh = l.dw = 1;
        finish_layer(&l);
        job j = new_job(&l, way, i % 2, 0);
        check_job(&l, &j, way->bound);
        free_job(&j);
    }
}

/* Neither the number of threads nor the other samples of the batch change a single bit. */
static void test_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        const struct way *way = &ways[i % N_WAYS];
        layer l = random_winograd(way->window, 24);
        job j = new_job(&l, way, i / N_WAYS % 2, 0);
        size_t sample = j.outputs / (size_t)l.n;
        real *again = allocate(j.outputs * sizeof(real));
        unsigned char *calls = allocate(j.outputs / VL);
        run(&j, l.n, j.first, j.y, calls, 1);
        for (int threads = 2; threads <= 3; threads++) {
            memset(again, 0, j.outputs * sizeof(real));
            memset(calls, 0, j.outputs / VL);
            run(&j, l.n, j.first, again, calls, threads);
            assert_memory_equal(j.y, again, j.outputs * sizeof(real));
        }
        memset(calls, 0, j.outputs / VL);
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
        const struct way *way = &ways[i % N_WAYS];
        layer l = random_winograd(way->window, 40);
        random_tile();
        K_R = way->window;
        K_S = way->window + way->tile - 1;
        K_BACKWARD = i / N_WAYS % 2;
        K_CI = l.ci;
        K_CO = l.co_padded;
        K_CO_REAL = l.co;
        size_t elements = (size_t)(K_S * K_S * (K_BACKWARD ? l.co * l.ci_padded : l.ci * l.co_padded));
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
