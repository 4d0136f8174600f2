/* Batch normalisation's statistics and gradient sums against two-pass loops in double, also where the mean is large
 * against the deviation and where the first value is an outlier. */
#include "nn_test.h"

static struct {
    int h, w, c, cp, chunks;
    double eps, momentum;
    int x_s, x_r, x_p, dy_s, dy_r, dy_p;
} k = {.eps = 1e-5, .momentum = 0.1};

#define K_H k.h
#define K_W k.w
#define K_C k.c
#define K_CP k.cp
#define K_CHUNKS k.chunks
#define K_EPS k.eps
#define K_MOMENTUM k.momentum
#define K_X_S k.x_s
#define K_X_R k.x_r
#define K_X_P k.x_p
#define K_DY_S k.dy_s
#define K_DY_R k.dy_r
#define K_DY_P k.dy_p

#define k_main statistics
#define k_run statistics_run
#define k_combine statistics_combine
#include "../../runtime/kernels/bn_stats.k.c"
#undef k_main
#undef k_run
#undef k_combine

#define k_main sums
#define k_run sums_run
#include "../../runtime/kernels/bn_dx_sums.k.c"

typedef enum data_kind { CENTRED, LARGE_MEAN, OUTLIER, CONSTANT } data_kind;

static void fill(tensor *x, data_kind kind)
{
    tensor_fill(x, -1.5, 2, 7);
    for (int i = 0; i < x->n; i++)
        for (int q = 0; q < x->h * x->w; q++)
            for (int c = 0; c < x->c; c++) {
                real *v = tensor_ref(x, i, q / x->w, q % x->w, c);
                if (kind == LARGE_MEAN)
                    *v += (real)(c % 2 ? 3000 : -1000);
                else if (kind == OUTLIER && i + q == 0)
                    *v = 1000;
                else if (kind == CONSTANT)
                    *v = (real)(0.1 + c);
            }
}

/* `precision` is the relative error allowed of the deviation, in rounding units. */
static void check_shape(int n, int h, int w, int channels, int halo, data_kind kind, double precision)
{
    tensor x = tensor_new(n, h, w, channels, halo), dy = tensor_new(n, h, w, channels, halo ? 0 : 1);
    k.h = h, k.w = w, k.c = channels, k.cp = x.cp;
    k.x_s = x.sample, k.x_r = x.row, k.x_p = x.pixel;
    k.dy_s = dy.sample, k.dy_r = dy.row, k.dy_p = dy.pixel;
    fill(&x, kind);
    tensor_fill(&dy, -1, 1, 0);
    real *out[2], *work = values_new((size_t)k.chunks * 2 * k.cp), *running = values_new(2 * channels);
    real *old = values_new(2 * channels);
    values_fill(old, 2 * channels, 0.5, 1.5);
    for (int team = 1; team <= 2; team++) {
        real *o = out[team - 1] = values_new(4 * k.cp), *mean = o, *rstd = o + k.cp;
        memcpy(running, old, 2 * channels * sizeof *old);
        WITH_TEAM(team, statistics(n, x.at, mean, rstd, running, running + channels, 1, work));
        WITH_TEAM(team, sums(n, dy.at, x.at, mean, rstd, o + 2 * k.cp, o + 3 * k.cp, work));
        if (team == 1)
            WITH_TEAM(2, statistics(n, x.at, mean, rstd, NULL, NULL, 0, work));
    }
    assert_memory_equal(out[0], out[1], 4 * k.cp * sizeof(real));

    const double m = (double)n * h * w;
    for (int c = 0; c < k.cp; c++) {
        long double sum = 0;
        double squares = 0, sum_dy = 0, sum_dy_xhat = 0, size = 0, magnitude = 0, furthest = 0;
        for (int i = 0; i < n; i++)
            for (int q = 0; q < h * w; q++)
                sum += *tensor_ref(&x, i, q / w, q % w, c);
        const double mean = (double)(sum / m);
        for (int i = 0; i < n; i++)
            for (int q = 0; q < h * w; q++) {
                const double d = *tensor_ref(&x, i, q / w, q % w, c) - mean, g = *tensor_ref(&dy, i, q / w, q % w, c);
                squares += d * d;
                sum_dy += g;
                sum_dy_xhat += g * d;
                size += fabs(g);
                magnitude += fabs(g * d);
                furthest = fabs(d) > furthest ? fabs(d) : furthest;
            }
        const double rstd = 1 / sqrt(squares / m + k.eps);
        check_close(out[0][c], mean, unit * (fabs(mean) + 8 * furthest), "mean", 0, 0, 0, c);
        check_close(out[0][k.cp + c], rstd, precision * unit * rstd, "rstd", 0, 0, 0, c);
        check_close(out[0][2 * k.cp + c], sum_dy, 8 * unit * size, "sum_dy", 0, 0, 0, c);
        /* The kernel's mean is a real: what it is off by enters with sum |dy|. */
        check_close(out[0][3 * k.cp + c], sum_dy_xhat * rstd,
                    ((precision + 8) * magnitude + (fabs(mean) + 8 * furthest) * size) * unit * rstd, "sum_dy_xhat",
                    0, 0, 0, c);
        if (c >= channels) {
            check_close(out[0][2 * k.cp + c], 0, 0, "sum_dy", 0, 0, 0, c);
            check_close(out[0][3 * k.cp + c], 0, 0, "sum_dy_xhat", 0, 0, 0, c);
            continue;
        }
        const double unbiased = squares / (m > 1 ? m - 1 : 1);
        check_close(running[c], old[c] + k.momentum * (mean - old[c]), 4 * unit * (1 + fabs(mean) + furthest),
                    "running_mean", 0, 0, 0, c);
        check_close(running[channels + c], old[channels + c] + k.momentum * (unbiased - old[channels + c]),
                    4 * unit + 2 * precision * unit * unbiased, "running_var", 0, 0, 0, c);
    }
    tensor_free(&x), tensor_free(&dy);
    free(out[0]), free(out[1]), free(work), free(running), free(old);
}

static void test_random_shapes(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        k.chunks = round % 2 ? 64 : random_in(1, 9);
        check_shape(random_in(1, 9), random_in(1, 9), random_in(1, 9), random_in(1, 40), random_in(0, 2), CENTRED, 40);
    }
    k.chunks = 64;
    check_shape(40, 13, 11, 16, 1, CENTRED, 40);
    check_shape(300, 1, 1, 72, 0, CENTRED, 40);
}

static void test_hard_data(void **state)
{
    (void)state;
    k.chunks = 64;
    check_shape(8, 16, 16, 16, 0, LARGE_MEAN, 40);
    check_shape(128, 1, 1, 24, 0, LARGE_MEAN, 40);
    check_shape(8, 16, 16, 16, 1, OUTLIER, 600);
    check_shape(5, 7, 7, 40, 1, CONSTANT, 40);
}

/* One value a channel: variance 0, and no NaN in the running estimate. */
static void test_single_value(void **state)
{
    (void)state;
    k.chunks = 64;
    check_shape(1, 1, 1, 10, 0, CENTRED, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_hard_data),
        cmocka_unit_test(test_single_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
