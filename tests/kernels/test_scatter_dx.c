/* test_scatter_dx.c - runtime/kernels/scatter_dx.k.c against naive loops: 1 to 40 channels, odd windows, any padding.
 * The kernel's constants are variables here. */
#include "igemm_shapes.h"

static int K_IN_H, K_IN_W, K_OUT_H, K_OUT_W, K_DY_S, K_DY_R, K_DY_P, K_KH, K_KW, K_PT, K_PL, K_CI, K_CO_REAL, K_X,
    K_X_LAST;
#define K_OUT_H K_OUT_H   /* tells the kernel that its constants are given ... */
#define K_X_LAST K_X_LAST /* ... this one, too: a tile of no pixels changes nothing */
#define K_ARGS , const tensor *dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) store(dx, v, n, h, w, c)

static void store(const tensor *dx, vf v, int n, int h, int w, int c)
{
    real *p = dx->base + (ptrdiff_t)n * dx->s + h * dx->r + w * dx->p + c;
    v_store(p, v_add(v, v_load(p))); /* dx is zero: a second call would show */
}

#include "../../runtime/kernels/scatter_dx.k.c"

static layer random_shape(void)
{
    layer l = {.n = random_int(1, 4), .h = random_int(1, 12), .w = random_int(1, 12), .groups = 1};
    l.sh = l.sw = l.dh = l.dw = 1;
    do {
        l.kh = random_int(1, 7);
        l.kw = random_int(1, 9);
        l.ph = random_int(0, l.kh - 1);
        l.pw = random_int(0, l.kw - 1);
    } while (l.kh > l.h + 2 * l.ph || l.kw > l.w + 2 * l.pw);
    l.ci = random_int(1, 40);
    l.co = random_int(1, 40);
    finish_layer(&l);
    return l;
}

/* Where the weight of a tap and two channels lies. */
static size_t weight_at(const layer *l, int tap, int co, int ci)
{
    return (size_t)((((ci / VL) * l->kh * l->kw + tap) * l->co + co) * VL + ci % VL);
}

static tensor run(const layer *l, const tensor *dy, const real *w, int threads)
{
    tensor dx = new_tensor(l->n, l->h, l->w, l->ci_padded, 0, 0);
    K_IN_H = l->h;
    K_IN_W = l->w;
    K_OUT_H = l->oh;
    K_OUT_W = l->ow;
    K_DY_S = dy->s;
    K_DY_R = dy->r;
    K_DY_P = dy->p;
    K_KH = l->kh;
    K_KW = l->kw;
    K_PT = l->ph;
    K_PL = l->pw;
    K_CI = l->ci;
    K_CO_REAL = l->co;
    K_X_LAST = K_OUT_W % K_X;
    (void)threads;
#pragma omp parallel num_threads(threads)
    k_main(l->n, dy->base, w, &dx);
    return dx;
}

static void check(const layer *l, const tensor *dx, const tensor *dy, const real *w)
{
    for (int n = 0; n < l->n; n++) {
        for (int p = 0; p < l->h * l->w; p++) {
            for (int ci = 0; ci < l->ci_padded; ci++) {
                const int h = p / l->w, v = p % l->w;
                double sum = 0;
                for (int tap = 0; tap < l->kh * l->kw; tap++) {
                    int oh = h + l->ph - tap / l->kw, ow = v + l->pw - tap % l->kw;
                    if (oh < 0 || oh >= l->oh || ow < 0 || ow >= l->ow)
                        continue;
                    for (int co = 0; co < l->co; co++)
                        sum += value(dy, n, oh, ow, co) * (double)w[weight_at(l, tap, co, ci)];
                }
                if (value(dx, n, h, v, ci) != sum) {
                    print_layer(l);
                    fail_msg("tiles of %d pixels, sample %d, pixel %d %d, channel %d: %g instead of %g", K_X, n, h, v,
                             ci, value(dx, n, h, v, ci), sum);
                }
            }
        }
    }
}

static void test_random_layers(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        const int fractions = i % 8 == 0;
        layer l = random_shape();
        tensor dy = new_tensor(l.n, l.oh, l.ow, l.co_padded, random_int(0, 2), random_int(0, 2));
        fill_tensor(&dy, l.n, l.oh, l.ow, 0, l.co, fractions);
        real *w = allocate((size_t)(l.kh * l.kw * l.co * l.ci_padded) * sizeof *w);
        for (int tap = 0; tap < l.kh * l.kw; tap++)
            for (int co = 0; co < l.co; co++)
                for (int ci = 0; ci < l.ci; ci++)
                    w[weight_at(&l, tap, co, ci)] =
                        fractions ? (real)random_int(-9999, 9999) / 10000 : (real)random_int(-4, 4);
        K_X = random_int(1, 14);
        tensor dx = run(&l, &dy, w, 1);
        if (fractions) { /* the number of threads does not change a bit */
            tensor other = run(&l, &dy, w, 3);
            assert_memory_equal(dx.memory, other.memory, dx.elements * sizeof(real));
            free(other.memory);
        } else {
            check(&l, &dx, &dy, w);
        }
        free(dx.memory);
        free(dy.memory);
        free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_layers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
