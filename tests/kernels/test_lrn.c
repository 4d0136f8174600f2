/* Local response normalisation: the formula in double, and its gradient by central differences of that. */
#include "nn_test.h"

static struct {
    int h, w, c, cp, size;
    double alpha, beta, k;
    int x_s, x_r, x_p;
} k;

#define K_H k.h
#define K_W k.w
#define K_C k.c
#define K_CP k.cp
#define K_SIZE k.size
#define K_ALPHA k.alpha
#define K_BETA k.beta
#define K_K k.k
#define K_X_S k.x_s
#define K_X_R k.x_r
#define K_X_P k.x_p
#define K_Y_S k.x_s
#define K_Y_R k.x_r
#define K_Y_P k.x_p
#define K_DX_S k.x_s
#define K_DX_R k.x_r
#define K_DX_P k.x_p
#define K_DY_S k.x_s
#define K_DY_R k.x_r
#define K_DY_P k.x_p

#define k_main forward
#define k_channels forward_channels
#define k_power forward_power
#include "../../runtime/kernels/lrn.k.c"
#undef k_main
#undef k_channels
#undef k_power
#undef K_ARGS
#undef K_PASS
#undef K_STORE

#define k_main backward
#define k_channels backward_channels
#define k_power backward_power
#define k_window backward_window
#include "../../runtime/kernels/lrn_dx.k.c"

static double naive(const double *x, int c)
{
    double sum = 0;
    for (int j = c - k.size / 2; j <= c + (k.size - 1) / 2; j++)
        if (j >= 0 && j < k.c)
            sum += x[j] * x[j];
    return x[c] / pow(k.k + k.alpha / k.size * sum, k.beta);
}

/* Change of sum over j of dy[j] y[j] with x[c]. */
static double naive_gradient(double *x, const real *dy, int c)
{
    const double step = 1e-5, at = x[c];
    double difference = 0;
    for (int j = 0; j < k.c; j++) {
        x[c] = at + step;
        const double more = naive(x, j);
        x[c] = at - step;
        difference += dy[j] * (more - naive(x, j));
    }
    x[c] = at;
    return difference / (2 * step);
}

static void check_shape(int n, int h, int w, int channels, int halo, double high)
{
    tensor x = tensor_new(n, h, w, channels, halo), y = tensor_new(n, h, w, channels, halo);
    tensor y2 = tensor_new(n, h, w, channels, halo), dy = tensor_new(n, h, w, channels, halo);
    tensor dx = tensor_new(n, h, w, channels, halo), dx2 = tensor_new(n, h, w, channels, halo);
    k.h = h, k.w = w, k.c = channels, k.cp = x.cp;
    k.x_s = x.sample, k.x_r = x.row, k.x_p = x.pixel;
    tensor_fill(&x, -high, high, 7);
    tensor_fill(&dy, -1, 1, 0);
    WITH_TEAM(1, forward(n, x.at, y.at));
    WITH_TEAM(2, forward(n, x.at, y2.at));
    tensor_check_same(&y, &y2);
    tensor_check_around(&y);
    tensor_check_padding(&y, "y");
    WITH_TEAM(1, backward(n, x.at, dy.at, dx.at));
    WITH_TEAM(2, backward(n, x.at, dy.at, dx2.at));
    tensor_check_same(&dx, &dx2);
    tensor_check_around(&dx);
    tensor_check_padding(&dx, "dx");
    for (int i = 0; i < n; i++)
        for (int r = 0; r < h; r++)
            for (int q = 0; q < w; q++) {
                double pixel[64];
                for (int c = 0; c < channels; c++)
                    pixel[c] = *tensor_ref(&x, i, r, q, c);
                for (int c = 0; c < channels; c++) {
                    check_close(*tensor_ref(&y, i, r, q, c), naive(pixel, c), 40 * unit * high, "y", i, r, q, c);
                    check_close(*tensor_ref(&dx, i, r, q, c), naive_gradient(pixel, tensor_ref(&dy, i, r, q, 0), c),
                                80 * unit * high + 1e-8, "dx", i, r, q, c);
                }
            }
    tensor_free(&x), tensor_free(&y), tensor_free(&y2), tensor_free(&dy), tensor_free(&dx), tensor_free(&dx2);
}

static void set_norm(int size, double alpha, double beta, double offset)
{
    k.size = size, k.alpha = alpha, k.beta = beta, k.k = offset;
}

static void test_alexnet(void **state)
{
    (void)state;
    set_norm(5, 1e-4, 0.75, 2);
    check_shape(2, 3, 5, 48, 0, 30);
    check_shape(1, 2, 3, 64, 1, 100);
}

/* Large alpha, so that neighbours matter; odd and even windows, also wider than all channels; each of the powers. */
static void test_random_norms(void **state)
{
    (void)state;
    static const double powers[] = {0.5, 0.75, 1.0, 0.6, 1.5};
    for (int round = 0; round < 150; round++) {
        set_norm(random_in(1, 9), random_real(0.1, 3), powers[round % 5], random_real(0.5, 2));
        check_shape(random_in(1, 3), random_in(1, 3), random_in(1, 4), random_in(1, 40), random_in(0, 2), 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alexnet),
        cmocka_unit_test(test_random_norms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
