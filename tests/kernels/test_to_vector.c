/* A volume as a vector in channel, height, width order and back, against naive loops: any shape and border. */
#include "nn_test.h"

static struct {
    int h, w, c, cp;
    int x_s, x_r, x_p, y_s;
} shape;

#define K_H shape.h
#define K_W shape.w
#define K_C shape.c
#define K_CP shape.cp
#define K_X_S shape.x_s
#define K_X_R shape.x_r
#define K_X_P shape.x_p
#define K_Y_S shape.y_s
#define K_DX_S shape.x_s
#define K_DX_R shape.x_r
#define K_DX_P shape.x_p
#define K_DY_S shape.y_s

#define k_main forward
#include "../../runtime/kernels/to_vector.k.c"
#undef k_main
#undef K_ARGS
#undef K_PASS
#undef K_STORE

#define k_main backward
#include "../../runtime/kernels/to_vector_dx.k.c"

static void check_shape(int n, int h, int w, int channels, int halo)
{
    tensor x = tensor_new(n, h, w, channels, halo), dx = tensor_new(n, h, w, channels, halo);
    tensor y = tensor_new(n, 1, 1, h * w * channels, 0), y2 = tensor_new(n, 1, 1, h * w * channels, 0);
    tensor dx2 = tensor_new(n, h, w, channels, halo);
    shape.h = h, shape.w = w, shape.c = channels;
    shape.x_s = x.sample, shape.x_r = x.row, shape.x_p = x.pixel, shape.y_s = y.sample;
    tensor_fill(&x, -1, 1, 7);
    shape.cp = y.cp;
    WITH_TEAM(1, forward(n, x.at, y.at));
    WITH_TEAM(2, forward(n, x.at, y2.at));
    tensor_check_same(&y, &y2);
    tensor_check_padding(&y, "y");
    shape.cp = dx.cp;
    WITH_TEAM(1, backward(n, y.at, dx.at));
    WITH_TEAM(2, backward(n, y.at, dx2.at));
    tensor_check_same(&dx, &dx2);
    tensor_check_around(&dx);
    tensor_check_padding(&dx, "dx");
    for (int i = 0; i < n; i++)
        for (int r = 0; r < h; r++)
            for (int q = 0; q < w; q++)
                for (int c = 0; c < channels; c++) {
                    const real want = *tensor_ref(&x, i, r, q, c);
                    check_close(*tensor_ref(&y, i, 0, 0, (c * h + r) * w + q), want, 0, "y", i, r, q, c);
                    check_close(*tensor_ref(&dx, i, r, q, c), want, 0, "dx", i, r, q, c);
                }
    tensor_free(&x), tensor_free(&y), tensor_free(&y2), tensor_free(&dx), tensor_free(&dx2);
}

static void test_random_shapes(void **state)
{
    (void)state;
    check_shape(2, 7, 7, 64, 1);
    for (int round = 0; round < 150; round++)
        check_shape(random_in(1, 3), random_in(1, 7), random_in(1, 7), random_in(1, 40), random_in(0, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_shapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
