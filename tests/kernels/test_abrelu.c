/* Average biased rectifier and its gradient: the formulas in double; the gradient also by central differences of the first. */
#include "nn_test.h"

static struct {
    int h, w, c, cp;
    double alpha;
    int x_s, x_r, x_p;
} k;

#define K_H k.h
#define K_W k.w
#define K_C k.c
#define K_CP k.cp
#define K_ALPHA k.alpha
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
#include "../../runtime/kernels/abrelu.k.c"
#undef k_main
#undef K_ARGS
#undef K_PASS
#undef K_STORE

#define k_main backward
#include "../../runtime/kernels/abrelu_dx.k.c"

static double *element(double *sample, int h, int w, int c)
{
    return sample + (h * k.w + w) * k.c + c;
}

static void naive(const double *x, double *y)
{
    const int size = k.h * k.w * k.c;
    double sum = 0;
    for (int j = 0; j < size; j++)
        sum += x[j];
    for (int j = 0; j < size; j++)
        y[j] = fmax(0, x[j] - k.alpha * sum / size);
}

/* Change of sum over j of dy[j] y[j] with x[at]. */
static double difference(double *x, const double *dy, double *y, int at)
{
    const int size = k.h * k.w * k.c;
    const double step = 1e-7, middle = x[at];
    double change = 0;
    x[at] = middle + step;
    naive(x, y);
    for (int j = 0; j < size; j++)
        change += dy[j] * y[j];
    x[at] = middle - step;
    naive(x, y);
    for (int j = 0; j < size; j++)
        change -= dy[j] * y[j];
    x[at] = middle;
    return change / (2 * step);
}

static void check_shape(int n, int h, int w, int channels, int halo, double alpha)
{
    tensor x = tensor_new(n, h, w, channels, halo), y = tensor_new(n, h, w, channels, halo);
    tensor y2 = tensor_new(n, h, w, channels, halo), dy = tensor_new(n, h, w, channels, halo);
    tensor dx = tensor_new(n, h, w, channels, halo), dx2 = tensor_new(n, h, w, channels, halo);
    k.h = h, k.w = w, k.c = channels, k.cp = x.cp, k.alpha = alpha;
    k.x_s = x.sample, k.x_r = x.row, k.x_p = x.pixel;
    tensor_fill(&x, -1, 3, 100);
    tensor_fill(&dy, -1, 1, 0);
    WITH_TEAM(1, forward(n, x.at, y.at));
    WITH_TEAM(2, forward(n, x.at, y2.at));
    WITH_TEAM(1, backward(n, y.at, dy.at, dx.at));
    WITH_TEAM(2, backward(n, y.at, dy.at, dx2.at));
    tensor_check_same(&y, &y2);
    tensor_check_same(&dx, &dx2);
    tensor_check_around(&y);
    tensor_check_around(&dx);
    tensor_check_padding(&dx, "dx");
    const int size = h * w * channels;
    double *in = checked(malloc(size * sizeof *in)), *out = checked(malloc(size * sizeof *out));
    double *g = checked(malloc(size * sizeof *g)), *work = checked(malloc(size * sizeof *work));
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < size; j++) {
            in[j] = *tensor_ref(&x, i, j / channels / w, j / channels % w, j % channels);
            g[j] = *tensor_ref(&dy, i, j / channels / w, j / channels % w, j % channels);
        }
        naive(in, out);
        for (int j = 0; j < size; j++) {
            const int row = j / channels / w, column = j / channels % w, c = j % channels;
            check_close(*tensor_ref(&y, i, row, column, c), *element(out, row, column, c), 20 * unit, "y", i, row, column, c);
            if (j % 5 == 0 && fabs(out[j]) > 1e-4)
                check_close(*tensor_ref(&dx, i, row, column, c), difference(in, g, work, j), 1e-6, "dx", i, row, column, c);
        }
    }
    tensor_free(&x), tensor_free(&y), tensor_free(&y2), tensor_free(&dy), tensor_free(&dx), tensor_free(&dx2);
    free(in), free(out), free(g), free(work);
}

static void test_shapes(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        const double alpha = round % 4 ? 1 : round % 8 ? -0.5 : 0.7;
        check_shape(random_in(1, 5), 1, 1, random_in(1, 40), random_in(0, 2), alpha);
        check_shape(random_in(1, 3), random_in(1, 5), random_in(1, 5), random_in(1, 20), random_in(0, 2), alpha);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
