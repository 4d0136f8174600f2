/* Maxout, forward and backward, against naive loops: any number of channels and pieces, ties, NaN. */
#include "nn_test.h"

static struct {
    int h, w, c, cp, pieces, dx_cp, arg;
    int x_s, x_r, x_p, y_s, y_r, y_p;
} k;

#define K_H k.h
#define K_W k.w
#define K_C k.c
#define K_CP k.cp
#define K_PIECES k.pieces
#define K_DX_CP k.dx_cp
#define K_ARG k.arg
#define K_X_S k.x_s
#define K_X_R k.x_r
#define K_X_P k.x_p
#define K_Y_S k.y_s
#define K_Y_R k.y_r
#define K_Y_P k.y_p
#define K_DX_S k.x_s
#define K_DX_R k.x_r
#define K_DX_P k.x_p
#define K_DY_S k.y_s
#define K_DY_R k.y_r
#define K_DY_P k.y_p

#define k_main forward
#include "../../runtime/kernels/maxout.k.c"
#undef k_main
#undef K_ARGS
#undef K_PASS
#undef K_STORE

#define k_main backward
#include "../../runtime/kernels/maxout_dx.k.c"

static void check_shape(int n, int h, int w, int channels, int pieces, int halo, double nan_rate)
{
    tensor x = tensor_new(n, h, w, channels * pieces, halo), y = tensor_new(n, h, w, channels, halo);
    tensor y2 = tensor_new(n, h, w, channels, halo), dy = tensor_new(n, h, w, channels, halo);
    tensor dx = tensor_new(n, h, w, channels * pieces, halo), dx2 = tensor_new(n, h, w, channels * pieces, halo);
    k.h = h, k.w = w, k.c = channels, k.cp = y.cp, k.pieces = pieces, k.dx_cp = x.cp;
    k.x_s = x.sample, k.x_r = x.row, k.x_p = x.pixel;
    k.y_s = y.sample, k.y_r = y.row, k.y_p = y.pixel;
    tensor_fill(&x, -3, 3, 7);
    tensor_fill(&dy, -1, 1, 0);
    for (int i = 0; i < n; i++)
        for (int q = 0; q < h * w; q++)
            for (int c = 0; c < channels * pieces; c++) {
                real *v = tensor_ref(&x, i, q / w, q % w, c);
                *v = random_real(0, 1) < nan_rate ? (real)NAN : (real)floor((double)*v); /* few values: many ties */
            }
    const size_t arg_bytes = (size_t)n * h * w * k.cp;
    uint8_t *arg = checked(malloc(arg_bytes)), *arg2 = checked(malloc(arg_bytes));
    k.arg = 1;
    WITH_TEAM(1, forward(n, x.at, arg, y.at));
    WITH_TEAM(2, forward(n, x.at, arg2, y2.at));
    tensor_check_same(&y, &y2);
    assert_memory_equal(arg, arg2, arg_bytes);
    k.arg = 0;
    WITH_TEAM(2, forward(n, x.at, NULL, y2.at));
    tensor_check_same(&y, &y2);
    tensor_check_around(&y);
    tensor_check_padding(&y, "y");
    WITH_TEAM(1, backward(n, dy.at, arg, dx.at));
    WITH_TEAM(2, backward(n, dy.at, arg, dx2.at));
    tensor_check_same(&dx, &dx2);
    tensor_check_around(&dx);
    tensor_check_padding(&dx, "dx");
    for (int i = 0; i < n; i++)
        for (int r = 0; r < h; r++)
            for (int q = 0; q < w; q++)
                for (int c = 0; c < channels; c++) {
                    int place = 0;
                    for (int j = 1; j < pieces; j++) {
                        const real v = *tensor_ref(&x, i, r, q, c * pieces + j);
                        if (v > *tensor_ref(&x, i, r, q, c * pieces + place) || isnan(v))
                            place = j;
                    }
                    const real top = *tensor_ref(&x, i, r, q, c * pieces + place), g = *tensor_ref(&dy, i, r, q, c);
                    check_close(*tensor_ref(&y, i, r, q, c), top, 0, "y", i, r, q, c);
                    for (int j = 0; j < pieces; j++)
                        check_close(*tensor_ref(&dx, i, r, q, c * pieces + j), j == place ? g : 0, 0, "dx", i, r, q,
                                    c * pieces + j);
                }
    tensor_free(&x), tensor_free(&y), tensor_free(&y2), tensor_free(&dy), tensor_free(&dx), tensor_free(&dx2);
    free(arg), free(arg2);
}

static void test_random_shapes(void **state)
{
    (void)state;
    for (int round = 0; round < 150; round++)
        check_shape(random_in(1, 4), random_in(1, 4), random_in(1, 4), random_in(1, 40), random_in(1, 5),
                    random_in(0, 2), round % 3 == 0 ? 0.05 : 0);
}

static void test_many_pieces(void **state)
{
    (void)state;
    check_shape(2, 1, 1, 3, 256, 0, 0);
    check_shape(2, 1, 1, 240, 2, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_many_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
