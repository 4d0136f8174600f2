/* Softmax over channels: the formula in double, and its gradient by central differences of that; large and
 * infinite logits. */
#include "nn_test.h"

static struct {
    int h, w, c, cp;
    int x_s, x_r, x_p;
} k;

#define K_H k.h
#define K_W k.w
#define K_C k.c
#define K_CP k.cp
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
#define k_masked forward_masked
#include "../../runtime/kernels/softmax.k.c"
#undef k_main
#undef k_masked
#undef K_ARGS
#undef K_PASS
#undef K_STORE

#define k_main backward
#define k_channels backward_channels
#include "../../runtime/kernels/softmax_dx.k.c"

static double naive(const double *x, int c)
{
    double top = x[0], sum = 0;
    for (int j = 1; j < k.c; j++)
        top = x[j] > top ? x[j] : top;
    for (int j = 0; j < k.c; j++)
        sum += exp(x[j] - top);
    return exp(x[c] - top) / sum;
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

static void check_shape(int n, int h, int w, int channels, int halo, double low, double high)
{
    tensor x = tensor_new(n, h, w, channels, halo), y = tensor_new(n, h, w, channels, halo);
    tensor y2 = tensor_new(n, h, w, channels, halo), dy = tensor_new(n, h, w, channels, halo);
    tensor dx = tensor_new(n, h, w, channels, halo), dx2 = tensor_new(n, h, w, channels, halo);
    k.h = h, k.w = w, k.c = channels, k.cp = x.cp;
    k.x_s = x.sample, k.x_r = x.row, k.x_p = x.pixel;
    tensor_fill(&x, low, high, high + 5);
    tensor_fill(&dy, -1, 1, 0);
    WITH_TEAM(1, forward(n, x.at, y.at));
    WITH_TEAM(2, forward(n, x.at, y2.at));
    tensor_check_same(&y, &y2);
    tensor_check_around(&y);
    tensor_check_padding(&y, "y");
    for (int i = 0; i < n; i++) /* the gradient's kernel must not need y's padding */
        for (int q = 0; q < h * w; q++)
            for (int c = channels; c < y.cp; c++)
                *tensor_ref(&y, i, q / w, q % w, c) = 3;
    WITH_TEAM(1, backward(n, y.at, dy.at, dx.at));
    WITH_TEAM(2, backward(n, y.at, dy.at, dx2.at));
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
                    const double want = naive(pixel, c);
                    /* x - max is rounded: its error is a relative one of the result */
                    check_close(*tensor_ref(&y, i, r, q, c), want, (20 + high - low) * unit * want + 1e-44, "y", i,
                                r, q, c);
                    check_close(*tensor_ref(&dx, i, r, q, c), naive_gradient(pixel, tensor_ref(&dy, i, r, q, 0), c),
                                (20 + high - low) * unit + 1e-9, "dx", i, r, q, c);
                }
            }
    tensor_free(&x), tensor_free(&y), tensor_free(&y2), tensor_free(&dy), tensor_free(&dx), tensor_free(&dx2);
}

static void test_random_shapes(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++)
        check_shape(random_in(1, 5), random_in(1, 3), random_in(1, 3), random_in(1, 40), random_in(0, 2), -3, 3);
    check_shape(9, 1, 1, 10, 0, -20, 20);
}

/* Far from zero the result must be as good as near it. */
static void test_large_logits(void **state)
{
    (void)state;
    check_shape(4, 1, 1, 13, 0, 1000, 1010);
    check_shape(4, 1, 1, 13, 0, -1010, -1000);
    check_shape(4, 1, 1, 8, 0, -300, 300);
}

static void test_not_numbers(void **state)
{
    (void)state;
    tensor x = tensor_new(1, 1, 3, 5, 0), y = tensor_new(1, 1, 3, 5, 0);
    k.h = 1, k.w = 3, k.c = 5, k.cp = x.cp;
    k.x_s = x.sample, k.x_r = x.row, k.x_p = x.pixel;
    tensor_fill(&x, -1, 1, 0);
    *tensor_ref(&x, 0, 0, 0, 2) = (real)-INFINITY;
    *tensor_ref(&x, 0, 0, 1, 3) = (real)NAN;
    WITH_TEAM(1, forward(1, x.at, y.at));
    check_close(*tensor_ref(&y, 0, 0, 0, 2), 0, 0, "y", 0, 0, 0, 2);
    assert_true(*tensor_ref(&y, 0, 0, 0, 1) > 0);
    for (int c = 0; c < 5; c++) {
        assert_true(isnan(*tensor_ref(&y, 0, 0, 1, c)));
        assert_false(isnan(*tensor_ref(&y, 0, 0, 2, c)));
    }
    tensor_free(&x), tensor_free(&y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_large_logits),
        cmocka_unit_test(test_not_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
