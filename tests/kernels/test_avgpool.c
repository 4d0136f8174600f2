/* Average pooling and the sums of l2pool, forward and backward, against naive loops in double. */
#include "nn_test.h"

#include <stdbool.h>

static struct {
    int in_h, in_w, out_h, out_w, kh, kw, sh, sw, pt, pl, cp, root;
    int x_s, x_r, x_p, y_s, y_r, y_p;
} k;

#define K_IN_H k.in_h
#define K_IN_W k.in_w
#define K_OUT_H k.out_h
#define K_OUT_W k.out_w
#define K_KH k.kh
#define K_KW k.kw
#define K_SH k.sh
#define K_SW k.sw
#define K_PT k.pt
#define K_PL k.pl
#define K_CP k.cp
#define K_ROOT k.root
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
#include "../../runtime/kernels/avgpool.k.c"
#undef k_main
#undef K_ARGS
#undef K_PASS
#undef K_STORE

#define k_main backward
#define k_windows backward_windows
#include "../../runtime/kernels/avgpool_dx.k.c"

static void check_kind(int n, int channels, int halo, bool root)
{
    k.root = root;
    k.out_h = (k.in_h + 2 * k.pt - k.kh) / k.sh + 1;
    k.out_w = (k.in_w + 2 * k.pl - k.kw) / k.sw + 1;
    tensor x = tensor_new(n, k.in_h, k.in_w, channels, halo), y = tensor_new(n, k.out_h, k.out_w, channels, halo);
    tensor y2 = tensor_new(n, k.out_h, k.out_w, channels, halo), dy = tensor_new(n, k.out_h, k.out_w, channels, halo);
    tensor dx = tensor_new(n, k.in_h, k.in_w, channels, halo), dx2 = tensor_new(n, k.in_h, k.in_w, channels, halo);
    k.cp = x.cp;
    k.x_s = x.sample, k.x_r = x.row, k.x_p = x.pixel;
    k.y_s = y.sample, k.y_r = y.row, k.y_p = y.pixel;
    tensor_fill(&x, -1, 3, 7);
    tensor_fill(&dy, -1, 1, 0);

    WITH_TEAM(1, forward(n, x.at, y.at));
    WITH_TEAM(2, forward(n, x.at, y2.at));
    tensor_check_same(&y, &y2);
    tensor_check_around(&y);
    double *want = checked(calloc((size_t)n * k.in_h * k.in_w * channels, sizeof *want));
    const double area = root ? 1 : (double)k.kh * k.kw;
    for (int i = 0; i < n; i++)
        for (int oh = 0; oh < k.out_h; oh++)
            for (int ow = 0; ow < k.out_w; ow++)
                for (int c = 0; c < channels; c++) {
                    double sum = 0;
                    for (int kh = 0; kh < k.kh; kh++)
                        for (int kw = 0; kw < k.kw; kw++) {
                            const int h = oh * k.sh - k.pt + kh, w = ow * k.sw - k.pl + kw;
                            if (h < 0 || h >= k.in_h || w < 0 || w >= k.in_w)
                                continue;
                            const double v = *tensor_ref(&x, i, h, w, c);
                            sum += root ? v * v : v;
                            want[(((size_t)i * k.in_h + h) * k.in_w + w) * channels + c] +=
                                *tensor_ref(&dy, i, oh, ow, c) / area;
                        }
                    check_close(*tensor_ref(&y, i, oh, ow, c), root ? sqrt(sum) : sum / area, 40 * unit * (root ? 1 + sqrt(sum) : 1), "y", i, oh, ow, c);
                }

    WITH_TEAM(1, backward(n, dy.at, dx.at));
    WITH_TEAM(2, backward(n, dy.at, dx2.at));
    tensor_check_same(&dx, &dx2);
    tensor_check_around(&dx);
    tensor_check_padding(&dx, "dx");
    for (int i = 0; i < n; i++)
        for (int h = 0; h < k.in_h; h++)
            for (int w = 0; w < k.in_w; w++)
                for (int c = 0; c < channels; c++) {
                    const double sum = want[(((size_t)i * k.in_h + h) * k.in_w + w) * channels + c];
                    check_close(*tensor_ref(&dx, i, h, w, c), sum, (root ? 100 : 40) * unit, "dx", i, h, w, c);
                }
    tensor_free(&x), tensor_free(&y), tensor_free(&y2), tensor_free(&dy), tensor_free(&dx), tensor_free(&dx2);
    free(want);
}

static void check_shape(int n, int channels, int halo)
{
    check_kind(n, channels, halo, false);
    check_kind(n, channels, halo, true);
}

static void set_window(int in_h, int in_w, int kh, int kw, int sh, int sw, int pt, int pl)
{
    k.in_h = in_h, k.in_w = in_w, k.kh = kh, k.kw = kw, k.sh = sh, k.sw = sw, k.pt = pt, k.pl = pl;
}

static void test_usual_windows(void **state)
{
    (void)state;
    set_window(28, 28, 2, 2, 2, 2, 0, 0);
    check_shape(2, 6, 2);
    set_window(7, 9, 2, 2, 2, 2, 0, 0); /* the last row and column belong to no window */
    check_shape(2, 5, 1);
    set_window(14, 14, 5, 5, 3, 3, 0, 0);
    check_shape(2, 24, 1);
    set_window(10, 8, 2, 1, 3, 4, 0, 0); /* gaps between windows */
    check_shape(2, 9, 1);
}

static void test_global_windows(void **state)
{
    (void)state;
    set_window(8, 8, 8, 8, 8, 8, 0, 0);
    check_shape(3, 64, 0);
    set_window(7, 7, 7, 7, 1, 1, 0, 0);
    check_shape(1, 512, 0);
    set_window(33, 20, 33, 20, 1, 1, 0, 0);
    check_shape(2, 11, 1);
}

static void test_random_windows(void **state)
{
    (void)state;
    for (int round = 0; round < 120; round++) {
        const int kh = random_in(1, 5), kw = random_in(1, 5), pt = random_in(0, kh / 2), pl = random_in(0, kw / 2);
        set_window(random_in(kh, 12), random_in(kw, 12), kh, kw, random_in(1, 4), random_in(1, 4), pt, pl);
        check_shape(random_in(1, 4), random_in(1, 40), random_in(0, 2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usual_windows),
        cmocka_unit_test(test_global_windows),
        cmocka_unit_test(test_random_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
