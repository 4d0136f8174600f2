/* The zero-padding shortcut, forward and backward, against naive loops: any stride and any first channel. */
#include "nn_test.h"

static struct {
    int in_h, in_w, in_c, in_cp, out_h, out_w, cp, from, stride;
    int x_s, x_r, x_p, y_s, y_r, y_p;
} k;

#define K_IN_H k.in_h
#define K_IN_W k.in_w
#define K_IN_C k.in_c
#define K_IN_CP k.in_cp
#define K_OUT_H k.out_h
#define K_OUT_W k.out_w
#define K_CP k.cp
#define K_FROM k.from
#define K_STRIDE k.stride
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
#include "../../runtime/kernels/pad_shortcut.k.c"
#undef k_main
#undef K_ARGS
#undef K_PASS
#undef K_STORE

#define k_main backward
#include "../../runtime/kernels/pad_shortcut_dx.k.c"

static void check_shape(int n, int h, int w, int channels, int out_channels, int from, int stride, int halo)
{
    const int out_h = (h + stride - 1) / stride, out_w = (w + stride - 1) / stride;
    tensor x = tensor_new(n, h, w, channels, halo), dx = tensor_new(n, h, w, channels, halo);
    tensor y = tensor_new(n, out_h, out_w, out_channels, halo), dy = tensor_new(n, out_h, out_w, out_channels, halo);
    tensor y2 = tensor_new(n, out_h, out_w, out_channels, halo), dx2 = tensor_new(n, h, w, channels, halo);
    k.in_h = h, k.in_w = w, k.in_c = channels, k.in_cp = x.cp, k.out_h = out_h, k.out_w = out_w, k.cp = y.cp;
    k.from = from, k.stride = stride;
    k.x_s = x.sample, k.x_r = x.row, k.x_p = x.pixel;
    k.y_s = y.sample, k.y_r = y.row, k.y_p = y.pixel;
    tensor_fill(&x, -1, 1, 7);
    tensor_fill(&dy, -1, 1, 0);
    WITH_TEAM(1, forward(n, x.at, y.at));
    WITH_TEAM(2, forward(n, x.at, y2.at));
    tensor_check_same(&y, &y2);
    tensor_check_around(&y);
    tensor_check_padding(&y, "y");
    WITH_TEAM(1, backward(n, dy.at, dx.at));
    WITH_TEAM(2, backward(n, dy.at, dx2.at));
    tensor_check_same(&dx, &dx2);
    tensor_check_around(&dx);
    tensor_check_padding(&dx, "dx");
    for (int i = 0; i < n; i++)
        for (int r = 0; r < h; r++)
            for (int q = 0; q < w; q++)
                for (int c = 0; c < out_channels; c++) {
                    const int taken = r % stride == 0 && q % stride == 0, source = c - from;
                    const int inside = source >= 0 && source < channels;
                    if (taken) {
                        const real want = inside ? *tensor_ref(&x, i, r, q, source) : 0;
                        check_close(*tensor_ref(&y, i, r / stride, q / stride, c), want, 0, "y", i, r, q, c);
                    }
                    if (inside) {
                        const real want = taken ? *tensor_ref(&dy, i, r / stride, q / stride, c) : 0;
                        check_close(*tensor_ref(&dx, i, r, q, source), want, 0, "dx", i, r, q, source);
                    }
                }
    tensor_free(&x), tensor_free(&y), tensor_free(&y2), tensor_free(&dy), tensor_free(&dx), tensor_free(&dx2);
}

static void test_resnet(void **state)
{
    (void)state;
    check_shape(2, 32, 32, 16, 32, 8, 2, 1);
    check_shape(2, 16, 16, 32, 64, 16, 2, 1);
}

static void test_random_shapes(void **state)
{
    (void)state;
    for (int round = 0; round < 150; round++) {
        const int channels = random_in(1, 30), from = random_in(0, 20);
        check_shape(random_in(1, 3), random_in(1, 7), random_in(1, 7), channels, channels + from + random_in(0, 20),
                    from, random_in(1, 3), random_in(0, 2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resnet),
        cmocka_unit_test(test_random_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
