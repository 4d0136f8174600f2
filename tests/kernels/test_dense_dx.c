/* test_dense_dx.c - runtime/kernels/dense_dx.k.c against naive loops: volumes of 1 to 40 channels and more, panels
 * of any width, any number of samples. The kernel's constants are variables here. */
#include "igemm_shapes.h"

static int K_PIXELS, K_IN_S, K_CI, K_CO, K_NR, K_MB, K_VB, K_PB, K_ABREAST;
#define K_PIXELS K_PIXELS /* tells the kernel that its constants are given */
#define K_LAST (K_CO % K_NR)
#define K_ARGS , const tensor *dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) store(dx, v, n, h, w, c)
#define K_AHEAD(n, h, w, c) asked(n, h, w, c)

static int samples;

static void store(const tensor *dx, vf v, int n, int h, int w, int c)
{
    assert_true(n >= 0 && n < samples && h == 0 && w == 0 && c >= 0 && c + VL <= dx->s);
    real *p = dx->base + (ptrdiff_t)n * dx->s + c;
    v_store(p, v_add(v, v_load(p))); /* dx is zero: a second call would show */
}

static void asked(int n, int h, int w, int c)
{
    assert_true(n >= 0 && n < samples && h == 0 && w == 0 && c >= 0 && c % NT_LINE == 0);
}

#include "../../runtime/kernels/dense_dx.k.c"

static layer random_dense(void)
{
    layer l = {.n = random_int(1, 40), .h = random_int(1, 5), .w = random_int(1, 5), .groups = 1};
    l.sh = l.sw = l.dh = l.dw = 1;
    l.ci = random_int(0, 3) ? random_int(1, 40) : random_int(1, 90);
    l.co = random_int(0, 2) ? random_int(1, 150) : random_int(1, 8) * VL;
    l.kh = l.h;
    l.kw = l.w;
    finish_layer(&l);
    return l;
}

static void random_constants(const layer *l)
{
    K_PIXELS = l->h * l->w;
    K_CI = l->ci;
    K_CO = l->co_padded;
    K_NR = random_int(1, 4) * VL;
    K_MB = random_int(1, 40);
    K_VB = random_int(1, 9);
    K_PB = random_int(1, 5);
    K_ABREAST = 1 << random_int(0, 2);
}

static tensor run(const layer *l, const tensor *dy, const real *w, int first, int n, int threads)
{
    tensor dx = new_tensor(n, l->h, l->w, l->ci_padded, 0, 0);
    K_IN_S = dy->s;
    samples = n;
    (void)threads;
    const int of_part = 2 * VL / K_ABREAST;
    real *turned = malloc((size_t)((K_MB + of_part - 1) / of_part * of_part * l->co_padded) * sizeof *turned);
    assert_non_null(turned);
#pragma omp parallel num_threads(threads)
    k_main(n, dy->base + (ptrdiff_t)first * dy->s, w, turned, &dx);
    free(turned);
    return dx;
}

static void check(const layer *l, const tensor *dx, const tensor *dy, const real *w)
{
    const int rows = l->h * l->w * l->ci;
    for (int n = 0; n < l->n; n++) {
        for (int p = 0; p < l->h * l->w; p++) {
            for (int c = 0; c < l->ci_padded; c++) {
                double sum = 0, got = (double)dx->base[(ptrdiff_t)n * dx->s + p * l->ci_padded + c];
                for (int o = 0; o < l->co && c < l->ci; o++) {
                    size_t place = panel_index(0, p * l->ci + c, o, rows, l->co_padded, K_NR);
                    sum += value(dy, n, 0, 0, o) * (double)w[place];
                }
                if (got != sum) {
                    print_layer(l);
                    print_message("panels of %d, %d at a time, %d outputs abreast, %d samples by %d vectors\n", K_NR, K_PB,
                                  K_ABREAST, K_MB, K_VB);
                    fail_msg("sample %d, pixel %d, channel %d: %g instead of %g", n, p, c, got, sum);
                }
            }
        }
    }
}

static void test_sums(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        layer l = random_dense();
        tensor dy = new_tensor(l.n, 1, 1, l.co_padded, 0, 0);
        fill_tensor(&dy, l.n, 1, 1, 0, l.co, 0);
        random_constants(&l);
        real *w = new_panels(&l, K_NR, 0);
        tensor dx = run(&l, &dy, w, 0, l.n, 1);
        check(&l, &dx, &dy, w);
        free(dx.memory);
        free(dy.memory);
        free(w);
    }
}

/* Neither the number of threads nor the samples beside it change a bit of a sample's result. */
static void test_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        layer l = random_dense();
        tensor dy = new_tensor(l.n, 1, 1, l.co_padded, 0, 0);
        fill_tensor(&dy, l.n, 1, 1, 0, l.co, 1);
        random_constants(&l);
        real *w = new_panels(&l, K_NR, 1);
        tensor dx = run(&l, &dy, w, 0, l.n, 1), other = run(&l, &dy, w, 0, l.n, 3);
        tensor last = run(&l, &dy, w, l.n - 1, 1, 2);
        assert_memory_equal(dx.memory, other.memory, dx.elements * sizeof(real));
        assert_memory_equal(dx.base + (ptrdiff_t)(l.n - 1) * dx.s, last.memory, last.elements * sizeof(real));
        free(dx.memory);
        free(other.memory);
        free(last.memory);
        free(dy.memory);
        free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
