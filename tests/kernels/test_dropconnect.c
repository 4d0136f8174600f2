/* The dense product with weights dropped for each sample, and its gradients, against naive loops in double over the same random numbers;
 * what the mask does to the mean. */
#include "nn_test.h"

static struct {
    int h, w, c, cp, units, co, nr;
    int x_s, x_r, x_p, y_s;
} k;

enum { WIDEST = 4 * VL };

#define K_H k.h
#define K_W k.w
#define K_C k.c
#define K_CP k.cp
#define K_UNITS k.units
#define K_CO k.co
#define K_NR k.nr
#define K_X_S k.x_s
#define K_X_R k.x_r
#define K_X_P k.x_p
#define K_Y_S k.y_s
#define K_DX_S k.x_s
#define K_DX_R k.x_r
#define K_DX_P k.x_p
#define K_DY_S k.y_s

#define k_main forward
#include "../../runtime/kernels/dropconnect.k.c"
#undef k_main
#undef K_ARGS
#undef K_PASS
#undef K_STORE

#define k_main backward
#include "../../runtime/kernels/dropconnect_dx.k.c"
#undef k_main
#undef K_ARGS
#undef K_PASS
#undef K_STORE

#define k_main weights
#include "../../runtime/kernels/dropconnect_dw.k.c"

/* Where the panels hold the weight of a row and unit. */
static int place(int row, int o)
{
    const int rows = k.h * k.w * k.c, first = o / k.nr * k.nr, width = k.co - first < k.nr ? k.co - first : k.nr;
    return first * rows + row * width + o - first;
}

static double kept(uint64_t key, double rate, int i, int row, int o)
{
    const uint64_t stream = nt_uniform_block(key, (uint32_t)i);
    return nt_uniform_bits(stream, (uint64_t)(row * k.units + o)) * 0x1p-24 >= rate ? 1 / (1 - rate) : 0;
}

static void check_shape(int n, int h, int w, int channels, int units, int panel, int halo, double rate)
{
    const uint64_t key = UINT64_C(0x123456789abcdef) + (uint64_t)random_bits();
    tensor x = tensor_new(n, h, w, channels, halo), y = tensor_new(n, 1, 1, units, halo);
    tensor y2 = tensor_new(n, 1, 1, units, halo), dy = tensor_new(n, 1, 1, units, halo);
    tensor dx = tensor_new(n, h, w, channels, halo), dx2 = tensor_new(n, h, w, channels, halo);
    k.h = h, k.w = w, k.c = channels, k.cp = x.cp, k.units = units, k.co = y.cp, k.nr = panel;
    k.x_s = x.sample, k.x_r = x.row, k.x_p = x.pixel, k.y_s = y.sample;
    const int rows = h * w * channels;
    real *weight = values_new((size_t)rows * y.cp), *dw = values_new((size_t)rows * y.cp), *dw2 = values_new((size_t)rows * y.cp);
    tensor_fill(&x, -1, 1, 9);
    tensor_fill(&dy, -1, 1, 0);
    for (int row = 0; row < rows; row++)
        for (int o = 0; o < y.cp; o++)
            weight[place(row, o)] = (real)(o < units ? random_real(-1, 1) : 0);
    WITH_TEAM(1, forward(n, x.at, weight, key, (real)rate, y.at));
    WITH_TEAM(3, forward(n, x.at, weight, key, (real)rate, y2.at));
    WITH_TEAM(1, backward(n, dy.at, weight, key, (real)rate, dx.at));
    WITH_TEAM(3, backward(n, dy.at, weight, key, (real)rate, dx2.at));
    WITH_TEAM(1, weights(n, x.at, dy.at, dw, key, (real)rate));
    WITH_TEAM(3, weights(n, x.at, dy.at, dw2, key, (real)rate));
    tensor_check_same(&y, &y2);
    tensor_check_same(&dx, &dx2);
    assert_memory_equal(dw, dw2, (size_t)rows * y.cp * sizeof *dw);
    tensor_check_around(&y);
    tensor_check_around(&dx);
    tensor_check_padding(&y, "y");
    tensor_check_padding(&dx, "dx");
    rate = (real)rate; /* as the kernels have it */
    const double most = 2 / (1 - rate);
    for (int i = 0; i < n; i++) {
        for (int o = 0; o < units; o++) {
            double sum = 0;
            for (int row = 0; row < rows; row++)
                sum += kept(key, rate, i, row, o) * weight[place(row, o)] *
                       *tensor_ref(&x, i, row / channels / w, row / channels % w, row % channels);
            check_close(*tensor_ref(&y, i, 0, 0, o), sum, (4 + rows) * unit * most, "y", i, 0, 0, o);
        }
        for (int row = 0; row < rows; row++) {
            const int r = row / channels / w, q = row / channels % w, c = row % channels;
            double sum = 0;
            for (int o = 0; o < units; o++)
                sum += kept(key, rate, i, row, o) * weight[place(row, o)] * *tensor_ref(&dy, i, 0, 0, o);
            check_close(*tensor_ref(&dx, i, r, q, c), sum, (4 + units) * unit * most, "dx", i, r, q, c);
        }
    }
    for (int row = 0; row < rows; row++)
        for (int o = 0; o < y.cp; o++) {
            double sum = 0;
            for (int i = 0; i < n && o < units; i++)
                sum += kept(key, rate, i, row, o) * *tensor_ref(&dy, i, 0, 0, o) *
                       *tensor_ref(&x, i, row / channels / w, row / channels % w, row % channels);
            check_close(dw[place(row, o)], sum, (4 + n) * unit * most, "dw", row, 0, 0, o);
        }
    tensor_free(&x), tensor_free(&y), tensor_free(&y2), tensor_free(&dy), tensor_free(&dx), tensor_free(&dx2);
    free(weight), free(dw), free(dw2);
}

static void test_shapes(void **state)
{
    (void)state;
    for (int round = 0; round < 60; round++) {
        const int panel = VL * random_in(1, WIDEST / VL);
        const double rate = round % 3 ? random_real(0, 0.9) : 0;
        check_shape(random_in(1, 6), 1, 1, random_in(1, 40), random_in(1, 40), panel, random_in(0, 2), rate);
        check_shape(random_in(1, 4), random_in(1, 4), random_in(1, 4), random_in(1, 12), random_in(1, 20), panel, random_in(0, 2), rate);
    }
}

/* The mean over many samples is the plain product, and the spread is that of independent masks: sum of (x w)^2 rate/(1 - rate). */
static void test_mean(void **state)
{
    (void)state;
    enum { SAMPLES = 4000, ROWS = 30, UNITS = VL };
    const double rate = 0.4;
    tensor x = tensor_new(SAMPLES, 1, 1, ROWS, 0), y = tensor_new(SAMPLES, 1, 1, UNITS, 0);
    real weight[ROWS * UNITS];
    k.h = k.w = 1, k.c = ROWS, k.cp = x.cp, k.units = k.co = k.nr = UNITS;
    k.x_s = x.sample, k.x_r = x.row, k.x_p = x.pixel, k.y_s = y.sample;
    for (int i = 0; i < SAMPLES; i++)
        for (int c = 0; c < ROWS; c++)
            *tensor_ref(&x, i, 0, 0, c) = (real)(0.5 + c * 0.01);
    values_fill(weight, ROWS * UNITS, -1, 1);
    WITH_TEAM(2, forward(SAMPLES, x.at, weight, 77, (real)rate, y.at));
    for (int o = 0; o < UNITS; o++) {
        double mean = 0, square = 0, plain = 0, variance = 0;
        for (int c = 0; c < ROWS; c++) {
            const double term = (0.5 + c * 0.01) * weight[c * UNITS + o];
            plain += term;
            variance += term * term * rate / (1 - rate);
        }
        for (int i = 0; i < SAMPLES; i++)
            mean += *tensor_ref(&y, i, 0, 0, o) / SAMPLES;
        for (int i = 0; i < SAMPLES; i++)
            square += (*tensor_ref(&y, i, 0, 0, o) - mean) * (*tensor_ref(&y, i, 0, 0, o) - mean) / SAMPLES;
        check_close(mean, plain, 4 * sqrt(variance / SAMPLES), "mean", 0, 0, 0, o);
        check_close(square, variance, 0.15 * variance, "variance", 0, 0, 0, o);
    }
    tensor_free(&x), tensor_free(&y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
