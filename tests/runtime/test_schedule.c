/* test_schedule.c - learning rates, and the nearest of some names. */
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
    nt_train_config c = {.schedule = NT_SCHED_CONSTANT, .lr = 0.1};
    near(rate(&c, 0.1, 0, 0), 0.1);
    near(rate(&c, 0.3, 9, 999), 0.3);
}

static void step_falls_after_so_many_epochs(void **state)
{
    (void)state;
    nt_train_config c = {.schedule = NT_SCHED_STEP, .lr = 1, .step_every = 3, .step_factor = 0.1};
    near(rate(&c, 1, 0, 0), 1);
    near(rate(&c, 1, 2, 299), 1);
    near(rate(&c, 1, 3, 300), 0.1);
    near(rate(&c, 1, 9, 900), 1e-3);
    c.schedule_per_step = 1;
    near(rate(&c, 1, 9, 2), 1);
    near(rate(&c, 1, 0, 3), 0.1);
}

static void piecewise_changes_at_its_places(void **state)
{
    (void)state;
    const double at[] = {2, 5}, lr[] = {0.1, 0.02, 0.003};
    nt_train_config c = {.schedule = NT_SCHED_PIECEWISE, .lr = 0.1, .piece_at = at, .piece_lr = lr, .n_pieces = 2};
    near(rate(&c, 0.1, 1, 0), 0.1);
    near(rate(&c, 0.1, 2, 0), 0.02);
    near(rate(&c, 0.1, 4, 0), 0.02);
    near(rate(&c, 0.1, 5, 0), 0.003);
    near(rate(&c, 0.2, 5, 0), 0.006); /* --lr moves all of it */
}

static void cosine_falls_from_all_to_the_final_share(void **state)
{
    (void)state;
    nt_train_config c = {.schedule = NT_SCHED_COSINE, .lr = 2, .cosine_final = 0.1};
    near(rate(&c, 2, 0, 0), 2);
    near(rate(&c, 2, 5, 0), 2 * 0.55);
    near(rate(&c, 2, 10, 0), 0.2);
    near(rate(&c, 2, 12, 0), 0.2); /* a run that is longer than planned stays there */
    c.schedule_per_step = 1;
    near(rate(&c, 2, 0, 500), 2 * 0.55);
    assert_true(rate(&c, 2, 0, 250) > rate(&c, 2, 0, 251));
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
        cmocka_unit_test(step_falls_after_so_many_epochs),
        cmocka_unit_test(piecewise_changes_at_its_places),
        cmocka_unit_test(cosine_falls_from_all_to_the_final_share),
        cmocka_unit_test(edits_are_counted),
        cmocka_unit_test(only_likely_slips_are_suggested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
