/* test_pace.c - the number of threads follows the speed. Machines are functions from time and threads to seconds a batch, so nothing here
 * depends on the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "../../runtime/pace.h"
#include "../../runtime/rng.h"

typedef double machine(double now, int threads);

/* Works for so many seconds and returns how many batches were done; *now goes on. */
static int64_t work(nt_pace *pace, machine *takes, double *now, double seconds)
{
    int64_t done = 0;
    for (double end = *now + seconds; *now < end; done++) {
        double batch = takes(*now, nt_pace_threads(pace));
        nt_pace_note(pace, batch, 32);
        *now += batch;
    }
    return done;
}

/* The share of what could have been done with `threads` from the start. */
static double share(nt_pace *pace, machine *takes, double *now, double seconds, int threads)
{
    double batch = takes(*now, threads);
    return (double)work(pace, takes, now, seconds) * batch / seconds;
}

static double scales(double now, int threads)
{
    (void)now;
    return 1e-3 / threads + 1e-5;
}

static double waits(double now, int threads)
{
    (void)now;
    return 1e-4 / threads + 1e-4 * threads;
}

static double four_are_best(double now, int threads)
{
    (void)now;
    return 16e-3 / threads + 1e-3 * threads;
}

static double is_slow(double now, int threads)
{
    (void)now;
    return 10.0 / threads;
}

/* Another program takes a core from second 20 to 40; threads that wait for one another then get nowhere. */
static double is_shared(double now, int threads)
{
    bool busy = now >= 20 && now < 40;
    return threads == 1 ? 2e-3 : busy ? 30e-3 : 1.1e-3;
}

static double is_noisy(double now, int threads)
{
    double noise = nt_random_uniform(nt_key(7, (uint64_t)threads), (uint64_t)(now * 1e6));
    return (threads == 1 ? 2e-3 : 1.2e-3) * (0.8 + 0.4 * noise);
}

static void fixed_stays(void **state)
{
    (void)state;
    nt_pace pace = nt_pace_begin(16, true);
    double now = 0;
    work(&pace, waits, &now, 10);
    assert_int_equal(nt_pace_threads(&pace), 16);
}

static void one_stays(void **state)
{
    (void)state;
    nt_pace pace = nt_pace_begin(1, false);
    double now = 0;
    work(&pace, scales, &now, 10);
    assert_int_equal(nt_pace_threads(&pace), 1);
}

static void all_stay_where_they_help(void **state)
{
    (void)state;
    for (int most = 2; most <= 16; most++) {
        nt_pace pace = nt_pace_begin(most, false);
        double now = 0;
        assert_true(share(&pace, scales, &now, 60, most) > 0.97);
        assert_int_equal(pace.used, most);
    }
}

static void one_where_the_rest_waits(void **state)
{
    (void)state;
    for (int most = 2; most <= 16; most++) {
        nt_pace pace = nt_pace_begin(most, false);
        double now = 0;
        work(&pace, waits, &now, 2);
        assert_int_equal(pace.used, 1);
        assert_true(share(&pace, waits, &now, 60, 1) > 0.97);
    }
}

static void the_best_in_between(void **state)
{
    (void)state;
    nt_pace pace = nt_pace_begin(16, false);
    double now = 0;
    work(&pace, four_are_best, &now, 4);
    assert_int_equal(pace.used, 4);
    assert_true(share(&pace, four_are_best, &now, 60, 4) > 0.95);
}

static void slow_steps_are_tried_seldom(void **state)
{
    (void)state;
    nt_pace pace = nt_pace_begin(2, false);
    double now = 0;
    assert_true(share(&pace, is_slow, &now, 36000, 2) > 0.95);
}

static void gives_way_and_comes_back(void **state)
{
    (void)state;
    nt_pace pace = nt_pace_begin(2, false);
    double now = 0;
    assert_true(share(&pace, is_shared, &now, 20, 2) > 0.97);
    work(&pace, is_shared, &now, 1);
    assert_int_equal(pace.used, 1);
    assert_true(share(&pace, is_shared, &now, 18, 1) > 0.9);
    work(&pace, is_shared, &now, 12);
    assert_int_equal(pace.used, 2);
}

static void noise_does_not_matter(void **state)
{
    (void)state;
    nt_pace pace = nt_pace_begin(2, false);
    double now = 0;
    assert_true((double)work(&pace, is_noisy, &now, 60) * 1.2e-3 / 60 > 0.95);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_stays),
        cmocka_unit_test(one_stays),
        cmocka_unit_test(all_stay_where_they_help),
        cmocka_unit_test(one_where_the_rest_waits),
        cmocka_unit_test(the_best_in_between),
        cmocka_unit_test(slow_steps_are_tried_seldom),
        cmocka_unit_test(gives_way_and_comes_back),
        cmocka_unit_test(noise_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
