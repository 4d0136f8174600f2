/* test_zeros.c - runtime/kernels/zeros.k.c: the hook is called once for each vector, with zero, by any number of threads. */
#include "igemm_shapes.h"

#include <string.h>

static int K_OUT_H, K_OUT_W, K_CHANNELS;
#define K_OUT_H K_OUT_H /* tells the kernel that its constants are given */
#define K_ARGS , real *restrict y, unsigned char *restrict calls
#define K_STORE(v, n, h, w, c) store(y, calls, v, (size_t)((((n)*K_OUT_H + (h)) * K_OUT_W + (w)) * K_CHANNELS + (c)))

static void store(real *y, unsigned char *calls, vf v, size_t at)
{
    v_store(y + at, v);
    calls[at / VL]++;
}

#include "../../runtime/kernels/zeros.k.c"

static void test_zeros(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        const int n = random_int(1, 4), threads = random_int(1, 3);
        K_OUT_H = random_int(1, 6);
        K_OUT_W = random_int(1, 6);
        K_CHANNELS = random_int(1, 5) * VL;
        const size_t outputs = (size_t)(n * K_OUT_H * K_OUT_W * K_CHANNELS);
        real *y = allocate(outputs * sizeof(real));
        unsigned char *calls = allocate(outputs / VL);
        memset(calls, 0, outputs / VL);
        for (size_t k = 0; k < outputs; k++)
            y[k] = 7;
        (void)threads;
#pragma omp parallel num_threads(threads)
        k_main(n, y, calls);
        for (size_t k = 0; k < outputs; k++)
            assert_true(y[k] == 0 && calls[k / VL] == 1);
        free(y);
        free(calls);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_zeros)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
