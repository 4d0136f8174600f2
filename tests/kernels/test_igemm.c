/* test_igemm.c - runtime/kernels/igemm.k.c as convolution and dense layer, forwards, against naive loops.
 * The kernel's constants are variables here, so that one build covers any number of shapes and tiles. */
#include "igemm_shapes.h"

static int K_OUT_H, K_OUT_W, K_IN_S, K_IN_R, K_IN_P, K_IN_G, K_GROUPS, K_TAPS, K_RUN, K_CO, K_NR, K_MR, K_MB, K_KB,
    K_STREAM;
static int K_TAP[512];
#define K_OUT_H K_OUT_H /* tells the kernel that its constants are given */
#define K_STREAM K_STREAM
#define K_LAST (K_CO % K_NR)
#define K_ARGS , real *restrict y, unsigned char *restrict calls
#define K_PASS , y, calls
#define K_AHEAD(n, h, w, c) ask_for(calls, n, h, w, c)
#define K_STORE(v, n, h, w, c)                                                                                         \
    store(y, calls, v, (size_t)((((n)*K_OUT_H + (h)) * K_OUT_W + (w)) * K_GROUPS * K_CO + (c)))

/* What is asked for exists, and was not stored yet. */
static void ask_for(const unsigned char *calls, int n, int h, int w, int c)
{
#ifdef K_FLAT
    assert_true(n == 0 && h == 0 && c < K_GROUPS * K_CO);
#else
    assert_true(h < K_OUT_H && w < K_OUT_W && c < K_GROUPS * K_CO);
#endif
    assert_int_equal(calls[(((n * K_OUT_H + h) * K_OUT_W + w) * K_GROUPS * K_CO + c) / VL], 0);
}

static void store(real *y, unsigned char *calls, vf v, size_t at)
{
    v_store(y + at, v);
    calls[at / VL]++;
}

#include "../../runtime/kernels/igemm.k.c"

/* Sets the constants for a layer whose input is x; merged: kernel rows as single taps, for inputs without gaps. */
static void set_constants(const layer *l, const tensor *x, int merged)
{
    K_OUT_H = l->oh;
    K_OUT_W = l->ow;
    K_IN_S = x->s;
    K_IN_R = l->sh * x->r;
    K_IN_P = l->sw * x->p;
    K_IN_G = l->ci;
    K_GROUPS = l->groups;
    K_TAPS = merged ? l->kh : l->kh * l->kw;
    K_RUN = merged ? l->kw * l->ci : l->ci;
    for (int i = 0; i < l->kh; i++) {
        for (int j = 0; j < l->kw; j++)
            K_TAP[merged ? i : i * l->kw + j] = merged ? i * l->dh * x->r : i * l->dh * x->r + j * l->dw * x->p;
    }
    K_CO = l->co_padded;
}

static void random_tile(void)
{
    static const int tiles[][2] = {{6, 2}, {6, 2}, {4, 3}, {8, 1}, {12, 1}, {1, 1}, {2, 4}, {3, 2}, {14, 2}, {5, 1}};
    int t = random_int(0, 9);
    K_MR = tiles[t][0];
    K_NR = tiles[t][1] * VL;
    K_MB = random_int(1, 10) * K_MR;
    K_KB = random_int(1, 80);
    K_STREAM = random_int(1, 2);
}

static void run(const layer *l, const tensor *x, const real *w, real *y, unsigned char *calls, int threads)
{
    const real *first = x->base - l->ph * x->r - l->pw * x->p;
    memset(calls, 0, (size_t)(l->n * l->oh * l->ow * l->groups * l->co_padded / VL));
    (void)threads;
#pragma omp parallel num_threads(threads)
    k_main(l->n, first, w, y, calls);
}

static void check_layer(const layer *l, int gapless)
{
    int merged = gapless && l->groups == 1 && l->dw == 1;
    tensor x =
        new_tensor(l->n, l->h, l->w, gapless ? l->groups * l->ci : round_up(l->groups * l->ci, VL), l->ph, l->pw);
    fill_tensor(&x, l->n, l->h, l->w, 0, l->groups * l->ci, 0);
    set_constants(l, &x, merged);
    random_tile();
    real *w = new_panels(l, K_NR, 0);
    size_t outputs = (size_t)(l->n * l->oh * l->ow * l->groups * l->co_padded);
    real *y = allocate(outputs * sizeof(real));
    unsigned char *calls = allocate(outputs / VL);
    run(l, &x, w, y, calls, 1);
    const real *out = y;
    int rows = l->kh * l->kw * l->ci;
    for (int n = 0; n < l->n; n++) {
        for (int oh = 0; oh < l->oh; oh++) {
            for (int ow = 0; ow < l->ow; ow++) {
                for (int gc = 0; gc < l->groups * l->co_padded; gc++, out++) {
                    int g = gc / l->co_padded, c = gc % l->co_padded;
                    double sum = 0;
                    for (int i = 0; i < l->kh; i++) {
                        for (int j = 0; j < l->kw; j++) {
                            int h, v;
                            if (!input_row(oh, i, l->sh, l->dh, l->ph, l->h, &h)
                                || !input_row(ow, j, l->sw, l->dw, l->pw, l->w, &v))
                                continue;
                            for (int ci = 0; ci < l->ci; ci++)
                                sum += value(&x, n, h, v, g * l->ci + ci)
                                       * (double)
                                           w[panel_index(g, (i * l->kw + j) * l->ci + ci, c, rows, l->co_padded, K_NR)];
                        }
                    }
                    if ((double)*out != sum) {
                        print_layer(l);
                        print_message("tile %dx%d block %d k block %d\n", K_MR, K_NR, K_MB, K_KB);
                        fail_msg("sample %d, pixel %d %d, channel %d: %g instead of %g", n, oh, ow, gc, (double)*out,
                                 sum);
                    }
                }
            }
        }
    }
    for (size_t i = 0; i < outputs / VL; i++)
        assert_int_equal(calls[i], 1);
    free(x.memory);
    free(w);
    free(y);
    free(calls);
}

static void test_random_convolutions(void **state)
{
    (void)state;
    for (int i = 0; i < 400; i++) {
        layer l = random_layer();
        check_layer(&l, i % 2);
    }
}

/* A dense layer over a volume is the convolution whose window is the volume. */
static void test_dense(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        layer l = {.n = random_int(1, 40),
                   .h = random_int(1, 5),
                   .w = random_int(1, 5),
                   .ci = random_int(1, 150),
                   .co = random_int(1, 150),
                   .groups = 1,
                   .sh = 1,
                   .sw = 1,
                   .dh = 1,
                   .dw = 1};
        l.kh = l.h;
        l.kw = l.w;
        finish_layer(&l);
        check_layer(&l, i % 2);
    }
}

/* Neither the number of threads nor the other samples of the batch change a single bit. */
static void test_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        layer l = random_layer();
        tensor x = new_tensor(l.n, l.h, l.w, round_up(l.groups * l.ci, VL), l.ph, l.pw);
        fill_tensor(&x, l.n, l.h, l.w, 0, l.groups * l.ci, 1);
        set_constants(&l, &x, 0);
        random_tile();
        real *w = new_panels(&l, K_NR, 1);
        size_t sample = (size_t)(l.oh * l.ow * l.groups * l.co_padded), outputs = sample * (size_t)l.n;
        real *expected = allocate(outputs * sizeof(real)), *y = allocate(outputs * sizeof(real));
        unsigned char *calls = allocate(outputs / VL);
        run(&l, &x, w, expected, calls, 1);
        for (int threads = 2; threads <= 3; threads++) {
            memset(y, 0, outputs * sizeof(real));
            run(&l, &x, w, y, calls, threads);
            assert_memory_equal(expected, y, outputs * sizeof(real));
        }
        layer one = l;
        one.n = 1;
        tensor last = x;
        last.base += (size_t)x.s * (size_t)(l.n - 1);
        run(&one, &last, w, y, calls, 1);
        assert_memory_equal(expected + sample * (size_t)(l.n - 1), y, sample * sizeof(real));
        free(x.memory);
        free(w);
        free(y);
        free(expected);
        free(calls);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_convolutions),
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
