/* test_igemm_dw.c - runtime/kernels/igemm_dw.k.c against naive loops. The kernel's constants are variables here. */
#include "igemm_dw_shapes.h"

static int K_CHUNKS;
#include "../../runtime/kernels/igemm_dw.k.c"

typedef struct gradient {
    real *w, *b;
    size_t n_w, n_b;
} gradient;

/* Memory of exactly the sizes promised, full of what must be overwritten. */
static gradient run(const layer *l, const tensor *x, const tensor *dy, int threads)
{
    gradient d = {.n_w = (size_t)(l->groups * l->kh * l->kw * l->ci * l->co_padded),
                  .n_b = (size_t)(K_BIAS ? l->groups * l->co_padded : 0)};
    d.w = allocate(d.n_w * sizeof(real));
    d.b = allocate(d.n_b * sizeof(real));
    real *work = K_CHUNKS > 1 ? allocate((size_t)K_CHUNKS * (d.n_w + d.n_b) * sizeof(real)) : NULL;
    for (size_t i = 0; i < d.n_w; i++)
        d.w[i] = 7;
    for (size_t i = 0; i < d.n_b; i++)
        d.b[i] = 7;
    for (size_t i = 0; work && i < (size_t)K_CHUNKS * (d.n_w + d.n_b); i++)
        work[i] = 7;
    const real *first = x->base - l->ph * x->r - l->pw * x->p;
    (void)threads;
#pragma omp parallel num_threads(threads)
    k_main(l->n, first, dy->base, d.w, d.b, work);
    free(work);
    return d;
}

static void free_gradient(gradient *d)
{
    free(d->w);
    free(d->b);
}

static void check_layer(const layer *l)
{
    tensor x = new_tensor(l->n, l->h, l->w, random_int(0, 1) ? l->groups * l->ci : round_up(l->groups * l->ci, VL),
                          l->ph, l->pw);
    fill_tensor(&x, l->n, l->h, l->w, 0, l->groups * l->ci, 0);
    tensor dy = new_tensor(l->n, l->oh, l->ow, l->groups * l->co_padded, random_int(0, 2), random_int(0, 2));
    for (int g = 0; g < l->groups; g++)
        fill_tensor(&dy, l->n, l->oh, l->ow, g * l->co_padded, l->co, 0);
    set_constants(l, &x, &dy);
    K_CHUNKS = random_int(0, 1) ? 1 : random_int(2, 9);
    gradient d = run(l, &x, &dy, 1);
    int rows = l->kh * l->kw * l->ci;
    for (int gc = 0; gc < l->groups * l->co_padded; gc++) {
        int g = gc / l->co_padded, c = gc % l->co_padded;
        for (int k = 0; k < rows; k++) {
            int i = k / l->ci / l->kw, j = k / l->ci % l->kw;
            double sum = 0;
            for (int n = 0; n < l->n; n++) {
                for (int oh = 0; oh < l->oh; oh++) {
                    for (int ow = 0; ow < l->ow; ow++) {
                        int h, v;
                        if (input_row(oh, i, l->sh, l->dh, l->ph, l->h, &h)
                            && input_row(ow, j, l->sw, l->dw, l->pw, l->w, &v))
                            sum += value(&x, n, h, v, g * l->ci + k % l->ci) * value(&dy, n, oh, ow, gc);
                    }
                }
            }
            double got = (double)d.w[panel_index(g, k, c, rows, l->co_padded, K_NR)];
            if (got != sum) {
                print_layer(l);
                print_message("tile %dx%d block %d panels %d slice %d chunks %d\n", K_MR, K_NR, K_MB, K_PB, K_KS,
                              K_CHUNKS);
                fail_msg("group %d, row %d, channel %d: %g instead of %g", g, k, c, got, sum);
            }
        }
        if (K_BIAS) {
            double sum = 0;
            for (int n = 0; n < l->n; n++)
                for (int oh = 0; oh < l->oh; oh++)
                    for (int ow = 0; ow < l->ow; ow++)
                        sum += value(&dy, n, oh, ow, gc);
            assert_true((double)d.b[gc] == sum);
        }
    }
    free_gradient(&d);
    free(x.memory);
    free(dy.memory);
}

static void test_random_convolutions(void **state)
{
    (void)state;
    for (int i = 0; i < 400; i++) {
        layer l = random_layer();
        check_layer(&l);
    }
}

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
        check_layer(&l);
    }
}

static void test_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        layer l = random_layer();
        tensor x = new_tensor(l.n, l.h, l.w, round_up(l.groups * l.ci, VL), l.ph, l.pw);
        tensor dy = new_tensor(l.n, l.oh, l.ow, l.groups * l.co_padded, 0, 0);
        fill_tensor(&x, l.n, l.h, l.w, 0, l.groups * l.ci, 1);
        for (int g = 0; g < l.groups; g++)
            fill_tensor(&dy, l.n, l.oh, l.ow, g * l.co_padded, l.co, 1);
        set_constants(&l, &x, &dy);
        gradient expected = run(&l, &x, &dy, 1);
        for (int threads = 2; threads <= 3; threads++) {
            gradient d = run(&l, &x, &dy, threads);
            assert_memory_equal(expected.w, d.w, d.n_w * sizeof(real));
            assert_memory_equal(expected.b, d.b, d.n_b * sizeof(real));
            free_gradient(&d);
        }
        free_gradient(&expected);
        free(x.memory);
        free(dy.memory);
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
