/* Gaussian noise: each number is the one that its two uniform numbers give by the formula in double; a million of them are normal. */
#include "nn_test.h"

#include "../../runtime/emitted.h"

static nt_pass pass_of(uint64_t seed, uint64_t step)
{
    return (nt_pass){.n = 1, .seed = seed, .step = step, .random = 1};
}

static void test_formula(void **state)
{
    (void)state;
    const nt_pass p = pass_of(5, 3);
    const uint64_t key = nt_layer_key(&p, 7), second = nt_uniform_block(key, 1);
    for (uint64_t index = 0; index < 200000; index += VL) {
        real lanes[VL];
        v_store(lanes, nt_noise(&p, 7, index, 1));
        for (int i = 0; i < VL; i++) {
            const double u = 1 - nt_uniform_bits(key, index + (uint64_t)i) * 0x1p-24;
            const double v = nt_uniform_bits(second, index + (uint64_t)i) * 0x1p-24;
            /* -cos, as v is taken from -1/2 on; the polynomial bounds the error in double */
            check_close(lanes[i], -sqrt(-2 * log(u)) * cos(2 * acos(-1) * v), 40 * unit + 1.5e-7, "noise", (int)index, 0, 0, i);
        }
    }
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void draw(const nt_pass *p, double *z, int count)
{
#pragma omp for
    for (int index = 0; index < count; index += VL) {
        real lanes[VL];
        v_store(lanes, nt_noise(p, 2, (uint64_t)index, (real)0.5));
        for (int i = 0; i < VL; i++)
            z[index + i] = 2 * (double)lanes[i];
    }
}

/* Moments, and the largest distance from the normal's distribution function (Kolmogorov): above 1.95/sqrt(n) once in a thousand. */
static void test_distribution(void **state)
{
    (void)state;
    enum { COUNT = 1 << 20 };
    const nt_pass p = pass_of(1, 1);
    double *z = checked(malloc(COUNT * sizeof *z)), mean = 0, square = 0, fourth = 0, product = 0, farthest = 0;
    WITH_TEAM(2, draw(&p, z, COUNT));
    for (int i = 0; i < COUNT; i++) {
        mean += z[i] / COUNT;
        square += z[i] * z[i] / COUNT;
        fourth += z[i] * z[i] * z[i] * z[i] / COUNT;
        product += z[i] * z[(i + 1) % COUNT] / COUNT;
    }
    check_close(mean, 0, 4e-3, "mean", 0, 0, 0, 0);
    check_close(square, 1, 6e-3, "variance", 0, 0, 0, 0);
    check_close(fourth, 3, 0.04, "fourth moment", 0, 0, 0, 0);
    check_close(product, 0, 4e-3, "product of neighbours", 0, 0, 0, 0);
    qsort(z, COUNT, sizeof *z, ascending);
    for (int i = 0; i < COUNT; i++) {
        const double below = 0.5 * erfc(-z[i] / sqrt(2));
        farthest = fmax(farthest, fmax(fabs(below - (double)i / COUNT), fabs(below - (i + 1.0) / COUNT)));
    }
    assert_true(farthest < 1.95 / sqrt(COUNT));
    assert_true(z[COUNT - 1] > 4.5 && z[0] < -4.5);
    free(z);
}

/* Another step, layer or seed is another stream; without randomness there is no noise. */
static void test_streams(void **state)
{
    (void)state;
    nt_pass p = pass_of(1, 1);
    real lanes[4][VL];
    v_store(lanes[0], nt_noise(&p, 2, 0, 1));
    v_store(lanes[1], nt_noise(&p, 3, 0, 1));
    p.step = 2;
    v_store(lanes[2], nt_noise(&p, 2, 0, 1));
    p = pass_of(2, 1);
    v_store(lanes[3], nt_noise(&p, 2, 0, 1));
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < a; b++)
            assert_memory_not_equal(lanes[a], lanes[b], sizeof lanes[a]);
    p.random = 0;
    v_store(lanes[0], nt_noise(&p, 2, 0, 1));
    for (int i = 0; i < VL; i++)
        assert_true(lanes[0][i] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_distribution),
        cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
