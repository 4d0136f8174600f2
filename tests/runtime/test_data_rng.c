/* Random numbers: distributions, independence of streams, and that they are functions of key and index alone. */
#include "data_files.h"

#include "../../runtime/rng.h"

#include <math.h>

/* Chi-squared of observed counts that should be equal; for k cells it has mean k-1 and variance 2(k-1). */
static double chi_squared(const int64_t *count, int cells, double total)
{
    double expected = total / cells, sum = 0;
    for (int i = 0; i < cells; i++)
        sum += ((double)count[i] - expected) * ((double)count[i] - expected) / expected;
    return sum;
}

static void assert_plausible(const int64_t *count, int cells, double total)
{
    double sum = chi_squared(count, cells, total), off = (sum - (cells - 1)) / sqrt(2.0 * (cells - 1));
    if (fabs(off) > 5)
        fail_msg("chi-squared %.1f over %d cells is %.1f standard deviations off", sum, cells, off);
}

static void uniform_fills_its_range_evenly(void **state)
{
    (void)state;
    enum { CELLS = 1000, DRAWS = 1000000 };
    static int64_t count[CELLS];
    double sum = 0;
    for (int i = 0; i < DRAWS; i++) {
        double u = nt_random_uniform(7, (uint64_t)i);
        assert_true(u >= 0 && u < 1);
        count[(int)(u * CELLS)]++;
        sum += u;
    }
    assert_plausible(count, CELLS, DRAWS);
    assert_true(fabs(sum / DRAWS - 0.5) < 5 * sqrt(1.0 / 12 / DRAWS));
}

/* Flipping one bit of the key or of the index flips each bit of the result half of the time. */
static void every_input_bit_moves_every_output_bit(void **state)
{
    (void)state;
    enum { TRIES = 4000 };
    for (int bit = 0; bit < 128; bit++) {
        int flips[64] = {0};
        for (uint64_t i = 0; i < TRIES; i++) {
            uint64_t key = i * 3, index = i;
            uint64_t flipped = bit < 64 ? nt_random(key ^ UINT64_C(1) << bit, index)
                                        : nt_random(key, index ^ UINT64_C(1) << (bit - 64));
            uint64_t change = nt_random(key, index) ^ flipped;
            for (int b = 0; b < 64; b++)
                flips[b] += change >> b & 1;
        }
        for (int b = 0; b < 64; b++)
            if (fabs(flips[b] - TRIES / 2.0) > 6 * sqrt(TRIES / 4.0))
                fail_msg("input bit %d flips output bit %d in %d of %d tries", bit, b, flips[b], TRIES);
    }
}

/* Keys that differ by a multiple of the generator's own step must not give one stream at two offsets. */
static void streams_do_not_overlap(void **state)
{
    (void)state;
    for (uint64_t step = 1; step < 50; step++)
        for (uint64_t i = 0; i < 50; i++)
            assert_true(nt_random(1 + step * UINT64_C(0x9e3779b97f4a7c15), i) != nt_random(1, i + step));
}

static void neighbouring_keys_are_uncorrelated(void **state)
{
    (void)state;
    enum { DRAWS = 200000 };
    for (uint64_t part = 0; part < 4; part++) {
        uint64_t a = nt_key(1, part), b = nt_key(1, part + 1);
        double sum = 0;
        for (uint64_t i = 0; i < DRAWS; i++)
            sum += (nt_random_uniform(a, i) - 0.5) * (nt_random_uniform(b, i) - 0.5);
        assert_true(fabs(sum / DRAWS) < 5 / 12.0 / sqrt(DRAWS));
    }
}

static void normal_has_its_moments(void **state)
{
    (void)state;
    enum { DRAWS = 1000000 };
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0, pairs = 0;
    int64_t inside = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        double z = nt_random_normal(3, i);
        assert_true(isfinite(z) && fabs(z) < 8.7);
        m1 += z;
        m2 += z * z;
        m3 += z * z * z;
        m4 += z * z * z * z;
        inside += fabs(z) < 1;
        pairs += z * nt_random_normal(3, i ^ 1);
    }
    double root = sqrt(DRAWS);
    assert_true(fabs(m1 / DRAWS) < 5 / root);
    assert_true(fabs(m2 / DRAWS - 1) < 5 * sqrt(2) / root);
    assert_true(fabs(m3 / DRAWS) < 5 * sqrt(15) / root);
    assert_true(fabs(m4 / DRAWS - 3) < 5 * sqrt(96) / root);
    assert_true(fabs((double)inside / DRAWS - 0.6826894921) < 5 * 0.47 / root);
    assert_true(fabs(pairs / DRAWS) < 5 * 1.5 / root);
}

static void below_is_even_where_a_remainder_would_not_be(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 2, 3, 7, 10, 100, 129};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int64_t count[129] = {0};
        for (uint64_t i = 0; i < 100000; i++) {
            uint64_t v = nt_random_below(9 + k, i, sizes[k]);
            assert_true(v < sizes[k]);
            count[v]++;
        }
        if (sizes[k] > 1)
            assert_plausible(count, (int)sizes[k], 100000);
    }
    /* Three quarters of 2^64: a remainder would hit the first third twice as often. */
    uint64_t large = UINT64_C(3) << 62;
    int64_t thirds[3] = {0};
    for (uint64_t i = 0; i < 30000; i++)
        thirds[nt_random_below(1, i, large) / (large / 3)]++;
    assert_plausible(thirds, 3, 30000);
}

static void permutations_are_permutations_and_all_of_them(void **state)
{
    (void)state;
    int64_t order[1000], seen[1000] = {0};
    nt_random_permutation(5, order, 1000);
    for (int i = 0; i < 1000; i++)
        seen[order[i]]++;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(seen[i], 1);
    int64_t count[24] = {0};
    for (uint64_t key = 0; key < 24000; key++) {
        nt_random_permutation(key, order, 4);
        int rank = 0;
        for (int i = 0; i < 4; i++) {
            int smaller = 0;
            for (int j = i + 1; j < 4; j++)
                smaller += order[j] < order[i];
            rank = rank * (4 - i) + smaller;
        }
        count[rank]++;
    }
    assert_plausible(count, 24, 24000);
    nt_random_permutation(1, order, 1);
    assert_int_equal(order[0], 0);
    nt_random_permutation(1, order, 0);
}

static void messages_fit_and_do_no_harm(void **state)
{
    (void)state;
    nt_error err;
    char name[2 * NT_ERROR_MAX];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_false(nt_fail(&err, "%s", name));
    assert_int_equal(strlen(err.text), NT_ERROR_MAX - 1);
    assert_string_equal(err.text + NT_ERROR_MAX - 4, "...");
    nt_fail(&err, "a\x1b[31mb\x7f\n");
    assert_string_equal(err.text, "a?[31mb?\n");
    nt_fail_memory(&err, "the images", 2e6);
    assert_non_null(strstr(err.text, "the images (2.0 MB)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_fills_its_range_evenly),
        cmocka_unit_test(every_input_bit_moves_every_output_bit),
        cmocka_unit_test(streams_do_not_overlap),
        cmocka_unit_test(neighbouring_keys_are_uncorrelated),
        cmocka_unit_test(normal_has_its_moments),
        cmocka_unit_test(below_is_even_where_a_remainder_would_not_be),
        cmocka_unit_test(permutations_are_permutations_and_all_of_them),
        cmocka_unit_test(messages_fit_and_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
