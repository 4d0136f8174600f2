/* Channel sums against loops in double, for the plain hook and for one that reads two tensors, as prelu's gradient
 * does. */
#include "nn_test.h"

static struct {
    int h, w, c, cp, chunks;
    int x_s, x_r, x_p;
} k;

#define K_H k.h
#define K_W k.w
#define K_C k.c
#define K_CP k.cp
#define K_CHUNKS k.chunks
#define K_X_S k.x_s
#define K_X_R k.x_r
#define K_X_P k.x_p

#define k_main plain
#define k_run plain_run
#include "../../runtime/kernels/channel_sum.k.c"
#undef k_main
#undef k_run
#undef K_ARGS
#undef K_PASS
#undef K_LOAD

/* dy * min(x, 0): where x > 0 nothing. */
#define K_ARGS , const real *restrict x, const real *restrict dy
#define K_PASS , x, dy
#define K_AT(n, h, w, c) ((size_t)(n) * K_X_S + (h) * K_X_R + (w) * K_X_P + (c))
#define K_LOAD(v, n, h, w, c) v = v_mul(v_load(dy + K_AT(n, h, w, c)), v_min(v_zero(), v_load(x + K_AT(n, h, w, c))))
#define k_main slopes
#define k_run slopes_run
#include "../../runtime/kernels/channel_sum.k.c"

static void check_shape(int n, int h, int w, int channels, int halo)
{
    tensor x = tensor_new(n, h, w, channels, halo), dy = tensor_new(n, h, w, channels, halo);
    k.h = h, k.w = w, k.c = channels, k.cp = x.cp;
    k.x_s = x.sample, k.x_r = x.row, k.x_p = x.pixel;
    tensor_fill(&x, -1, 1, -7);
    tensor_fill(&dy, -1, 1, 5); /* padded lanes may hold anything */
    real *out[2], *work = values_new((size_t)k.chunks * k.cp);
    for (int team = 1; team <= 2; team++) {
        out[team - 1] = values_new(2 * k.cp);
        WITH_TEAM(team, plain(n, out[team - 1], work, x.at));
        WITH_TEAM(team, slopes(n, out[team - 1] + k.cp, work, x.at, dy.at));
    }
    assert_memory_equal(out[0], out[1], 2 * k.cp * sizeof(real));
    for (int c = 0; c < k.cp; c++) {
        double sum = 0, slope = 0, size = 0;
        for (int i = 0; i < n && c < channels; i++)
            for (int q = 0; q < h * w; q++) {
                const double v = *tensor_ref(&x, i, q / w, q % w, c), g = *tensor_ref(&dy, i, q / w, q % w, c);
                sum += v;
                size += fabs(v);
                slope += v > 0 ? 0 : g * v;
            }
        check_close(out[0][c], sum, 8 * unit * size, "sum", 0, 0, 0, c);
        check_close(out[0][k.cp + c], slope, 8 * unit * size, "slope", 0, 0, 0, c);
    }
    tensor_free(&x), tensor_free(&dy);
    free(out[0]), free(out[1]), free(work);
}

static void test_random_shapes(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        k.chunks = round % 2 ? 64 : random_in(1, 9);
        check_shape(random_in(1, 9), random_in(1, 9), random_in(1, 9), random_in(1, 40), random_in(0, 2));
    }
    k.chunks = 64;
    check_shape(50, 14, 13, 16, 1);
    check_shape(1, 1, 1, 7, 0);
}

static void test_dense_shapes(void **state)
{
    (void)state;
    k.chunks = 64;
    check_shape(128, 1, 1, 200, 0);
    check_shape(333, 1, 1, 10, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_dense_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
