/* test_simd.c - runtime/simd.h: accuracy of the functions against double libm, lane handling, random streams. Built
 * once for each ISA. */
#include "../../runtime/simd.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

typedef vf unary(vf);

static double softplus(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

#ifdef NT_DOUBLE
static const double largest = DBL_MAX;
#else
static const double largest = FLT_MAX;
#endif

/* |got - exact| in units of the last place of a real as large as exact. */
static double ulps(real got, double exact)
{
    if (fabs(exact) > largest)
        return isinf((double)got) && (got > 0) == (exact > 0) ? 0 : 1e9;
    if (isnan((double)got) || isinf((double)got))
        return 1e9;
    int e;
    (void)frexp(exact, &e);
#ifdef NT_DOUBLE
    double ulp = ldexp(1, e - 53 < -1074 ? -1074 : e - 53);
#else
    double ulp = ldexp(1, e - 24 < -149 ? -149 : e - 24);
#endif
    return fabs((double)got - exact) / ulp;
}

static double worst_over(unary *f, double (*exact)(double), double low, double high)
{
    enum { STEPS = 200000 };
    double worst = 0, at = 0;
    for (int i = 0; i < STEPS; i += VL) {
        real x[VL], y[VL];
        for (int l = 0; l < VL; l++)
            x[l] = (real)(low + (high - low) * (i + l) / (STEPS - 1));
        v_store(y, f(v_load(x)));
        for (int l = 0; l < VL; l++) {
            double error = ulps(y[l], exact((double)x[l]));
            if (error > worst) {
                worst = error;
                at = (double)x[l];
            }
        }
    }
    printf("    on [%g, %g]: %.2f ulp at %.9g\n", low, high, worst, at);
    return worst;
}

static vf call_exp(vf a) { return v_exp(a); }
static vf call_expm1(vf a) { return v_expm1(a); }
static vf call_log(vf a) { return v_log(a); }
static vf call_log1p(vf a) { return v_log1p(a); }
static vf call_tanh(vf a) { return v_tanh(a); }
static vf call_sigmoid(vf a) { return v_sigmoid(a); }
static vf call_erf(vf a) { return v_erf(a); }
static vf call_softplus(vf a) { return v_softplus(a); }
static vf call_sqrt(vf a) { return v_sqrt(a); }

static void test_accuracy(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unary *f;
        double (*exact)(double);
        double low, high, limit;
    } rows[] = {
        {"exp", call_exp, exp, -1, 1, 2},
        {"exp", call_exp, exp, -110, 110, 2},
        {"exp", call_exp, exp, -1000, 1000, 2},
        {"expm1", call_expm1, expm1, -1e-3, 1e-3, 2},
        {"expm1", call_expm1, expm1, -2, 2, 2},
        {"expm1", call_expm1, expm1, -200, 100, 2},
        {"log", call_log, log, 1e-45, 1e-37, 2},
        {"log", call_log, log, 0.5, 2, 2},
        {"log", call_log, log, 1e-6, 1e4, 2},
        {"log", call_log, log, 1, 3e38, 2},
        {"log1p", call_log1p, log1p, -0.9, 1, 2},
        {"log1p", call_log1p, log1p, -1e-4, 1e-4, 2},
        {"log1p", call_log1p, log1p, 0, 3e38, 2},
        {"tanh", call_tanh, tanh, -1, 1, 3},
        {"tanh", call_tanh, tanh, -50, 50, 3},
        {"tanh", call_tanh, tanh, -1e-3, 1e-3, 3},
        {"sigmoid", call_sigmoid, sigmoid, -10, 10, 3},
        {"sigmoid", call_sigmoid, sigmoid, -80, 100, 3},
        {"erf", call_erf, erf, -2, 2, 3},
        {"erf", call_erf, erf, -50, 50, 3},
        {"erf", call_erf, erf, -1e-3, 1e-3, 3},
        {"softplus", call_softplus, softplus, -4, 4, 2},
        {"softplus", call_softplus, softplus, -90, 100, 2},
        {"sqrt", call_sqrt, sqrt, 0, 1e6, 0.501},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        printf("%s\n", rows[i].name);
        assert_true(worst_over(rows[i].f, rows[i].exact, rows[i].low, rows[i].high) <= rows[i].limit);
    }
}

static void test_pow(void **state)
{
    (void)state;
    static const double exponents[] = {-0.75, 0.75, 0.5, 2, -1, 1.7, 0};
    double worst = 0;
    for (size_t k = 0; k < sizeof exponents / sizeof exponents[0]; k++) {
        for (int i = 0; i < 40000; i += VL) {
            real x[VL], y[VL];
            for (int l = 0; l < VL; l++)
                x[l] = (real)exp(-9 + 18.0 * (i + l) / 40000);
            v_store(y, v_pow(v_load(x), v_set1((real)exponents[k])));
            for (int l = 0; l < VL; l++) {
                double error = ulps(y[l], pow((double)x[l], (double)(real)exponents[k]));
                worst = error > worst ? error : worst;
            }
        }
    }
    printf("pow: %.2f ulp\n", worst);
    assert_true(worst <= 3);
    real y[VL];
    v_store(y, v_pow(v_set1(10), v_set1((real)1000)));
    assert_true(isinf((double)y[0]) && y[0] > 0);
    v_store(y, v_pow(v_set1(10), v_set1((real)-1000)));
    assert_true(y[0] == 0);
}

static real first(vf v)
{
    real y[VL];
    v_store(y, v);
    return y[0];
}

static void test_extremes(void **state)
{
    (void)state;
    static const double arguments[] = {0, 1e-38, 1, 50, 87.3, 88.72, 88.8, 100, 103.9, 104.5, 1000, 1e38, 3e38};
    static unary *const everywhere[] = {call_exp, call_expm1, call_tanh, call_sigmoid, call_erf, call_softplus};
    for (size_t i = 0; i < sizeof arguments / sizeof arguments[0]; i++) {
        for (size_t f = 0; f < sizeof everywhere / sizeof everywhere[0]; f++) {
            assert_false(isnan((double)first(everywhere[f](v_set1((real)arguments[i])))));
            assert_false(isnan((double)first(everywhere[f](v_set1((real)-arguments[i])))));
        }
    }
    assert_true(first(v_tanh(v_set1(50))) == 1 && first(v_tanh(v_set1(-50))) == -1);
    assert_true(first(v_erf(v_set1(50))) == 1 && first(v_erf(v_set1(-50))) == -1);
    assert_true(first(v_exp(v_zero())) == 1 && first(v_expm1(v_zero())) == 0 && first(v_tanh(v_zero())) == 0);
    assert_true(first(v_exp(v_set1((real)-1e30))) == 0 && first(v_sigmoid(v_set1((real)-1e30))) == 0);
    assert_true(first(v_softplus(v_set1(100))) == 100);
    assert_true(isinf((double)first(v_log(v_zero()))) && first(v_log(v_zero())) < 0);
    assert_true(isnan((double)first(v_log(v_set1(-1)))) && isnan((double)first(v_exp(v_set1((real)NAN)))));
    assert_true(isnan((double)first(v_tanh(v_set1((real)NAN)))) && isnan((double)first(v_sigmoid(v_set1((real)NAN)))));
    assert_true(isnan((double)first(v_max(v_zero(), v_set1((real)NAN)))));
    assert_true(isinf((double)first(v_log(v_set1((real)INFINITY))))
                && isinf((double)first(v_log1p(v_set1((real)INFINITY)))));
    assert_true(isinf((double)first(v_log1p(v_set1(-1)))));
}

static void test_lanes(void **state)
{
    (void)state;
    real a[VL], b[VL], out[VL + 1];
    for (int i = 0; i < VL; i++) {
        a[i] = (real)(i + 1);
        b[i] = (real)((i * 5) % VL) - 3;
    }
    for (int k = 0; k <= VL; k++) {
        v_store(out, v_load_n(a, k));
        for (int i = 0; i < VL; i++)
            assert_true(out[i] == (i < k ? a[i] : 0));
        for (int at = 0; at + k <= VL; at++) {
            v_store(out, v_load_at(a, at, k));
            for (int i = 0; i < VL; i++)
                assert_true(out[i] == (i >= at && i < at + k ? a[i - at] : 0));
        }
        for (int i = 0; i <= VL; i++)
            out[i] = -7;
        v_store_n(out, v_load(a), k);
        for (int i = 0; i <= VL; i++)
            assert_true(out[i] == (i < k ? a[i] : -7));
    }
    _Alignas(VL * sizeof(real)) real streamed[2 * VL] = {0};
    v_stream(streamed + VL, v_load(a));
    v_stream_end();
    for (int i = 0; i < VL; i++)
        assert_true(streamed[i] == 0 && streamed[VL + i] == a[i]);
    real once[VL], twice[VL], four[VL];
    v_store(once, v_repeat(a, 1));
    v_store(twice, v_repeat(a, 2));
    v_store(four, v_repeat(a, 4));
    for (int i = 0; i < VL; i++)
        assert_true(once[i] == a[0] && twice[i] == a[i % 2] && four[i] == a[i % 4]);
    vf x = v_load(a), y = v_load(b), z = v_set1(3);
    real add[VL], sub[VL], mul[VL], quotient[VL], fma_[VL], fnma[VL], most[VL], least[VL], minus[VL], size[VL];
    v_store(add, v_add(x, y));
    v_store(sub, v_sub(x, y));
    v_store(mul, v_mul(x, y));
    v_store(quotient, v_div(y, x));
    v_store(fma_, v_fma(x, y, z));
    v_store(fnma, v_fnma(x, y, z));
    v_store(most, v_max(x, y));
    v_store(least, v_min(x, y));
    v_store(minus, v_neg(y));
    v_store(size, v_abs(y));
    real chosen[5][VL];
    v_store(chosen[0], v_select(v_gt(y, z), x, y));
    v_store(chosen[1], v_select(v_ge(y, z), x, y));
    v_store(chosen[2], v_select(v_lt(y, z), x, y));
    v_store(chosen[3], v_select(v_le(y, z), x, y));
    v_store(chosen[4], v_select(v_eq(y, z), x, y));
    real sum = 0, greatest = b[0];
    for (int i = 0; i < VL; i++) {
        assert_true(add[i] == a[i] + b[i] && sub[i] == a[i] - b[i] && mul[i] == a[i] * b[i]
                    && quotient[i] == b[i] / a[i]);
        assert_true(fma_[i] == a[i] * b[i] + 3 && fnma[i] == 3 - a[i] * b[i]);
        assert_true(most[i] == (a[i] > b[i] ? a[i] : b[i]) && least[i] == (a[i] < b[i] ? a[i] : b[i]));
        assert_true(minus[i] == -b[i] && size[i] == (b[i] < 0 ? -b[i] : b[i]));
        assert_true(chosen[0][i] == (b[i] > 3 ? a[i] : b[i]) && chosen[1][i] == (b[i] >= 3 ? a[i] : b[i]));
        assert_true(chosen[2][i] == (b[i] < 3 ? a[i] : b[i]) && chosen[3][i] == (b[i] <= 3 ? a[i] : b[i]));
        assert_true(chosen[4][i] == (b[i] == 3 ? a[i] : b[i]));
        sum += b[i];
        greatest = b[i] > greatest ? b[i] : greatest;
    }
    assert_true(v_sum(y) == sum && v_hmax(y) == greatest);
}

static void test_transpose(void **state)
{
    (void)state;
    real in[VL][VL], out[VL];
    vf rows[VL];
    for (int i = 0; i < VL; i++) {
        for (int j = 0; j < VL; j++)
            in[i][j] = (real)(i * VL + j);
        rows[i] = v_load(in[i]);
    }
    v_transpose(rows);
    for (int i = 0; i < VL; i++) {
        v_store(out, rows[i]);
        for (int j = 0; j < VL; j++)
            assert_true(out[j] == in[j][i]);
    }
}

static void test_bytes(void **state)
{
    (void)state;
    uint8_t bytes[VL + 1];
    real values[VL], out[VL];
    for (int i = 0; i < VL; i++)
        values[i] = (real)((i * 97 + 3) % 256);
    bytes[VL] = 42;
    v_store_u8(bytes, v_load(values));
    for (int i = 0; i < VL; i++)
        assert_int_equal(bytes[i], (i * 97 + 3) % 256);
    assert_int_equal(bytes[VL], 42);
    v_store(out, v_select(v_eq_u8(bytes, 100), v_set1(1), v_zero()));
    for (int i = 0; i < VL; i++)
        assert_true(out[i] == (bytes[i] == 100));
}

/* Lanes equal the scalar definition, also where the counter's lower half wraps, and some values are pinned: streams
 * must never change. */
static void test_uniform_is_nt_uniform_bits(void **state)
{
    (void)state;
    static const uint64_t starts[] = {
        0, 1, 8, 1000003, UINT32_MAX - 10, UINT32_MAX - 3, UINT32_MAX, UINT64_C(1) << 40, UINT64_MAX - 2};
    for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++) {
        for (uint64_t key = 0; key < 5; key++) {
            real lanes[VL];
            v_store(lanes, v_uniform(key * UINT64_C(0x123456789ABCDEF), starts[s]));
            for (int i = 0; i < VL; i++) {
                uint32_t bits = nt_uniform_bits(key * UINT64_C(0x123456789ABCDEF), starts[s] + (uint64_t)i);
                assert_true(bits < 1u << 24 && lanes[i] == (real)bits / 16777216);
            }
        }
    }
    assert_int_equal(nt_uniform_bits(0, 0), 3823267);
    assert_int_equal(nt_uniform_bits(1, 2), 211107);
    assert_int_equal(nt_uniform_bits(UINT64_C(0xFEDCBA9876543210), UINT64_C(0x100000001)), 9616917);
}

/* Counts of events with expectation `mean` each, as a chi-squared statistic turned into standard deviations from its
 * own mean. */
static double chi_squared_sigmas(const int *counts, int n, double mean)
{
    double chi = 0;
    for (int i = 0; i < n; i++)
        chi += (counts[i] - mean) * (counts[i] - mean) / mean;
    return fabs(chi - (n - 1)) / sqrt(2.0 * (n - 1));
}

/* Uniform in one dimension, in pairs of neighbours, in pairs of streams with neighbouring keys, and in pairs of blocks;
 * high bits and low. */
static void test_uniform_distribution(void **state)
{
    (void)state;
    enum { DRAWS = 1 << 20, CELLS = 32 };
    static int one[4096], low[4096], pair[CELLS * CELLS], keys[CELLS * CELLS], blocks[CELLS * CELLS],
        skip[CELLS * CELLS];
    double sum = 0, square = 0, lag = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint32_t a = nt_uniform_bits(7, i), b = nt_uniform_bits(7, i + 1), c = nt_uniform_bits(8, i);
        uint32_t d = nt_uniform_bits(7, i + (UINT64_C(1) << 32)), e = nt_uniform_bits(7, i + 4096);
        one[a >> 12]++;
        low[a & 4095]++;
        pair[(a >> 19) * CELLS + (b >> 19)]++;
        keys[(a >> 19) * CELLS + (c >> 19)]++;
        blocks[(a >> 19) * CELLS + (d >> 19)]++;
        skip[(a >> 19) * CELLS + (e >> 19)]++;
        double u = a / 16777216.0 - 0.5, w = b / 16777216.0 - 0.5;
        sum += u;
        square += u * u;
        lag += u * w;
    }
    double sigmas[] = {chi_squared_sigmas(one, 4096, DRAWS / 4096.0),
                       chi_squared_sigmas(low, 4096, DRAWS / 4096.0),
                       chi_squared_sigmas(pair, CELLS * CELLS, DRAWS / 1024.0),
                       chi_squared_sigmas(keys, CELLS * CELLS, DRAWS / 1024.0),
                       chi_squared_sigmas(blocks, CELLS * CELLS, DRAWS / 1024.0),
                       chi_squared_sigmas(skip, CELLS * CELLS, DRAWS / 1024.0),
                       fabs(sum) / sqrt(DRAWS / 12.0),
                       fabs(square - DRAWS / 12.0) / sqrt(DRAWS / 180.0),
                       fabs(lag) / (sqrt(DRAWS) / 12)};
    for (size_t i = 0; i < sizeof sigmas / sizeof sigmas[0]; i++) {
        printf("    statistic %zu: %.2f sigma\n", i, sigmas[i]);
        assert_true(sigmas[i] < 4);
    }
}

/* One changed bit of key or counter changes each of the 24 bits half of the time. */
static void test_uniform_avalanche(void **state)
{
    (void)state;
    for (int bit = 0; bit < 128; bit++) {
        int flips[24] = {0};
        enum { TRIES = 4000 };
        for (uint64_t i = 0; i < TRIES; i++) {
            uint64_t key = i * UINT64_C(0x9E3779B97F4A7C15), index = i * UINT64_C(0xD1342543DE82EF95);
            uint32_t a = nt_uniform_bits(key, index);
            uint32_t b = bit < 64 ? nt_uniform_bits(key ^ UINT64_C(1) << bit, index)
                                  : nt_uniform_bits(key, index ^ UINT64_C(1) << (bit - 64));
            for (int o = 0; o < 24; o++)
                flips[o] += (a ^ b) >> o & 1;
        }
        for (int o = 0; o < 24; o++)
            assert_true(fabs(flips[o] - TRIES / 2.0) < 6 * sqrt(TRIES / 4.0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_pow),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_uniform_is_nt_uniform_bits),
        cmocka_unit_test(test_uniform_distribution),
        cmocka_unit_test(test_uniform_avalanche),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
