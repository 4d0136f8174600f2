/* test_schedule.c - learning rates, momenta, batches and noise over time, and the nearest of some names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "../../runtime/schedule.h"
#include "../../runtime/suggest.h"

static double rate(const nt_train_config *config, double lr, int64_t epoch, uint64_t step)
{
    return nt_schedule_rate(config, lr, (nt_position){.epoch = epoch, .epochs = 10, .step = step, .steps = 1000});
}

static void near(double got, double want)
{
    assert_true(fabs(got - want) <= 1e-12 * fabs(want));
}

static void constant_is_constant(void **state)
{
    (void)state;
    nt_train_config c = {.lr = 0.1};
    near(rate(&c, 0.1, 0, 0), 0.1);
    near(rate(&c, 0.3, 9, 999), 0.3);
}

static void power_halves_at_s(void **state)
{
    (void)state;
    nt_train_config c = {.schedule = {.kind = NT_SCHEDULE_POWER, .s = 4}, .lr = 0.2};
    near(rate(&c, 0.2, 0, 0), 0.2);
    near(rate(&c, 0.2, 4, 0), 0.1);
    near(rate(&c, 0.2, 8, 0), 0.2 / 3);
    c.schedule.per = NT_STEPS;
    near(rate(&c, 0.2, 8, 2), 0.2 / 1.5);
}

static void exponential_is_a_tenth_at_s(void **state)
{
    (void)state;
    nt_train_config c = {.schedule = {.kind = NT_SCHEDULE_EXPONENTIAL, .s = 5}, .lr = 0.2};
    near(rate(&c, 0.2, 0, 0), 0.2);
    near(rate(&c, 0.2, 5, 0), 0.02);
    near(rate(&c, 0.2, 10, 0), 0.002);
}

static void step_falls_after_so_many_epochs(void **state)
{
    (void)state;
    nt_train_config c = {.schedule = {.kind = NT_SCHEDULE_STEP, .every = 3, .factor = 0.1}, .lr = 1};
    near(rate(&c, 1, 0, 0), 1);
    near(rate(&c, 1, 2, 299), 1);
    near(rate(&c, 1, 3, 300), 0.1);
    near(rate(&c, 1, 9, 900), 1e-3);
    c.schedule.per = NT_STEPS;
    near(rate(&c, 1, 9, 2), 1);
    near(rate(&c, 1, 0, 3), 0.1);
}

static void piecewise_changes_at_its_places(void **state)
{
    (void)state;
    const double at[] = {2, 5}, values[] = {0.1, 0.02, 0.003};
    nt_train_config c = {
        .schedule = {.kind = NT_SCHEDULE_PIECEWISE, .at = at, .n_at = 2, .values = values, .n_values = 3}, .lr = 0.1};
    near(rate(&c, 0.1, 1, 0), 0.1);
    near(rate(&c, 0.1, 2, 0), 0.02);
    near(rate(&c, 0.1, 4, 0), 0.02);
    near(rate(&c, 0.1, 5, 0), 0.003);
    near(rate(&c, 0.2, 5, 0), 0.006); /* --lr moves all of it */
}

static void cosine_falls_from_all_to_the_final_share(void **state)
{
    (void)state;
    nt_train_config c = {.schedule = {.kind = NT_SCHEDULE_COSINE, .final = 0.1}, .lr = 2};
    near(rate(&c, 2, 0, 0), 2);
    near(rate(&c, 2, 5, 0), 2 * 0.55);
    near(rate(&c, 2, 10, 0), 0.2);
    near(rate(&c, 2, 12, 0), 0.2); /* a run that is longer than planned stays there */
    c.schedule.per = NT_STEPS;
    near(rate(&c, 2, 0, 500), 2 * 0.55);
    assert_true(rate(&c, 2, 0, 250) > rate(&c, 2, 0, 251));
}

static void one_cycle_goes_up_and_down_and_out(void **state)
{
    (void)state;
    nt_train_config c = {
        .schedule = {.kind = NT_SCHEDULE_ONE_CYCLE, .per = NT_STEPS, .peak = 10, .final = 0.01, .rest = 0.2},
        .momentum_schedule = {.kind = NT_SCHEDULE_ONE_CYCLE, .per = NT_STEPS, .low = 0.85, .rest = 0.2},
        .lr = 0.1,
        .momentum = 0.95,
    };
    const struct {
        uint64_t step;
        double lr, momentum;
    } points[] = {{0, 0.1, 0.95},   {200, 0.55, 0.9},    {400, 1, 0.85},     {600, 0.55, 0.9},
                  {800, 0.1, 0.95}, {900, 0.0505, 0.95}, {1000, 0.001, 0.95}};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        nt_position at = {.step = points[i].step, .steps = 1000};
        near(nt_schedule_rate(&c, 0.1, at), points[i].lr);
        near(nt_schedule_momentum(&c, c.momentum, at), points[i].momentum);
    }
    c.schedule.rest = c.momentum_schedule.rest = 0;
    near(rate(&c, 0.1, 0, 500), 1);
    near(rate(&c, 0.1, 0, 1000), 0.1);
}

/* As PyTorch's LinearLR(start_factor=1/(n+1), total_iters=n). */
static void a_warmup_rises_to_what_comes_after_it(void **state)
{
    (void)state;
    nt_train_config c = {.warmup = {.kind = NT_SCHEDULE_WARMUP, .length = 4},
                         .schedule = {.kind = NT_SCHEDULE_STEP, .every = 2, .factor = 0.5},
                         .lr = 1};
    const double want[] = {0.2, 0.4, 0.6, 0.8, 1, 1, 0.5, 0.5, 0.25, 0.25};
    for (int epoch = 0; epoch < 10; epoch++)
        near(rate(&c, 1, epoch, 0), want[epoch]);

    c.schedule = (nt_schedule){.kind = NT_SCHEDULE_COSINE}; /* over the six epochs that are left */
    near(rate(&c, 1, 4, 0), 1);
    near(rate(&c, 1, 7, 0), 0.5);

    c.warmup.per = NT_STEPS; /* 400 steps are 4 epochs of 100 */
    c.warmup.length = 400;
    near(rate(&c, 1, 0, 19), 20.0 / 401);
    near(rate(&c, 1, 7, 700), 0.5);

    const double at[] = {2}, values[] = {0.3, 0.1};
    c.schedule = (nt_schedule){.kind = NT_SCHEDULE_PIECEWISE, .at = at, .n_at = 1, .values = values, .n_values = 2};
    near(rate(&c, 1, 0, 200), 0.3 * 201 / 401); /* towards the first of the rates */
    near(rate(&c, 1, 6, 600), 0.1);
}

static void momentum_follows_its_schedule(void **state)
{
    (void)state;
    const double at[] = {5}, values[] = {0.5, 0.9};
    nt_train_config c = {.momentum = 0.5};
    near(nt_schedule_momentum(&c, c.momentum, (nt_position){.epoch = 7}), 0.5);
    c.momentum_schedule =
        (nt_schedule){.kind = NT_SCHEDULE_PIECEWISE, .at = at, .n_at = 1, .values = values, .n_values = 2};
    near(nt_schedule_momentum(&c, c.momentum, (nt_position){.epoch = 4}), 0.5);
    near(nt_schedule_momentum(&c, c.momentum, (nt_position){.epoch = 5}), 0.9);
    c.momentum_schedule = (nt_schedule){.kind = NT_SCHEDULE_LINEAR, .to = 0.9, .length = 8};
    near(nt_schedule_momentum(&c, c.momentum, (nt_position){.epoch = 2}), 0.6);
    near(nt_schedule_momentum(&c, c.momentum, (nt_position){.epoch = 9}), 0.9);
}

static void batches_grow(void **state)
{
    (void)state;
    nt_batch_plan plan = {.kind = NT_BATCH_GROW, .first = 32, .last = 256, .every = 5, .factor = 2};
    const int64_t want[] = {32, 32, 64, 64, 128, 256, 256};
    const int64_t epochs[] = {0, 4, 5, 9, 10, 15, 1000000};
    for (int i = 0; i < 7; i++)
        assert_int_equal(nt_batch_of_epoch(&plan, 7, epochs[i]), want[i]);
    assert_int_equal(nt_steps_of_epochs(&plan, 7, 100, 11), 5 * 4 + 5 * 2 + 1);
    plan.factor = 1.5;
    assert_int_equal(nt_batch_of_epoch(&plan, 7, 5), 48);
    assert_int_equal(nt_batch_of_epoch(&plan, 7, 15), 108);
    plan.kind = NT_BATCH_FIXED;
    assert_int_equal(nt_batch_of_epoch(&plan, 7, 5), 7);
    assert_int_equal(nt_steps_of_epochs(&plan, 7, 100, 3), 45);
}

static void noise_is_annealed(void **state)
{
    (void)state;
    nt_gradient_noise noise = {.kind = NT_NOISE_ANNEALED, .eta = 0.3, .gamma = 0.55};
    near(nt_noise_std(&noise, 0), sqrt(0.3));
    near(nt_noise_std(&noise, 99), sqrt(0.3 / pow(100, 0.55)));
    noise.kind = NT_NOISE_NONE;
    assert_true(nt_noise_std(&noise, 5) == 0);
}

static void edits_are_counted(void **state)
{
    (void)state;
    assert_int_equal(nt_edit_distance("", ""), 0);
    assert_int_equal(nt_edit_distance("momentum", "momentun"), 1);
    assert_int_equal(nt_edit_distance("trian", "train"), 1);
    assert_int_equal(nt_edit_distance("abc", ""), 3);
    assert_int_equal(nt_edit_distance("kitten", "sitting"), 3);
}

static void only_likely_slips_are_suggested(void **state)
{
    (void)state;
    const char *const names[] = {"--epochs", NULL, "--batch", "--lr"};
    assert_string_equal(nt_suggest("--epoch", names, 4), "--epochs");
    assert_string_equal(nt_suggest("--bacth", names, 4), "--batch");
    assert_null(nt_suggest("--completely-else", names, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_is_constant),
        cmocka_unit_test(power_halves_at_s),
        cmocka_unit_test(exponential_is_a_tenth_at_s),
        cmocka_unit_test(step_falls_after_so_many_epochs),
        cmocka_unit_test(piecewise_changes_at_its_places),
        cmocka_unit_test(cosine_falls_from_all_to_the_final_share),
        cmocka_unit_test(one_cycle_goes_up_and_down_and_out),
        cmocka_unit_test(a_warmup_rises_to_what_comes_after_it),
        cmocka_unit_test(momentum_follows_its_schedule),
        cmocka_unit_test(batches_grow),
        cmocka_unit_test(noise_is_annealed),
        cmocka_unit_test(edits_are_counted),
        cmocka_unit_test(only_likely_slips_are_suggested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
