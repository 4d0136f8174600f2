/* test_course.c - what a run does because of how it goes: plateaus, stopping rules, the limit of norm(auto). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "../../runtime/course.h"

static char note[NT_REASON];

/* Runs epochs with these losses until a rule ends them; returns how many. */
static int run(nt_course *course, const nt_train_config *config, const double *losses, int n)
{
    nt_course_begin(course);
    for (int i = 0; i < n; i++) {
        nt_result result = {.epoch = i + 1, .loss = losses[i], .validated = true, .norm = 1, .lr = 0.1, .change = NAN};
        nt_course_epoch(course, config, &result, note);
        if (nt_course_over(course, config, i + 1))
            return i + 1;
    }
    return n;
}

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

static void the_best_is_remembered(void **state)
{
    (void)state;
    const double losses[] = {3, 1, 2, NAN, 1};
    nt_course course;
    nt_train_config config = {.lr = 1};
    assert_int_equal(run(&course, &config, losses, COUNT(losses)), 5);
    assert_int_equal(course.best_epoch, 2);
    assert_int_equal(course.stale, 3);
    assert_true(course.best_loss == 1);
}

/* The factors after each epoch are those of PyTorch's ReduceLROnPlateau(factor=0.5, patience=1, threshold=0) for these
 * losses. */
static void a_plateau_lowers_the_rate(void **state)
{
    (void)state;
    const double losses[] = {5, 4, 4.5, 4.2, 3, 3.1, 3.2, 3.3, 3.4, 3.5, 2.9, 2.95, 2.99};
    const double want[] = {1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.125, 0.125, 0.0625};
    nt_train_config config = {.schedule = {.kind = NT_SCHEDULE_PLATEAU, .factor = 0.5, .patience = 2}, .lr = 0.4};
    nt_course course;
    nt_course_begin(&course);
    for (int i = 0; i < COUNT(losses); i++) {
        nt_result result = {.epoch = i + 1, .loss = losses[i], .lr = 0.4 * course.scale};
        nt_course_epoch(&course, &config, &result, note);
        assert_true(fabs(nt_course_scale(&course, &config) - want[i]) < 1e-15);
        assert_int_equal(note[0] != '\0', i > 0 && want[i] < want[i - 1]);
        if (i == 3)
            assert_string_equal(note, "plateau: lr 0.4 -> 0.2");
    }
}

static void a_plateau_stops_at_the_lowest_rate(void **state)
{
    (void)state;
    nt_train_config config = {.schedule = {.kind = NT_SCHEDULE_PLATEAU, .factor = 0.1, .patience = 1, .lowest = 0.03},
                              .lr = 1};
    nt_course course;
    nt_course_begin(&course);
    const double want[] = {1, 0.1, 0.03, 0.03};
    for (int i = 0; i < 4; i++) {
        nt_result result = {.epoch = i + 1, .loss = 1, .lr = course.scale};
        nt_course_epoch(&course, &config, &result, note);
        assert_true(fabs(course.scale - want[i]) < 1e-15);
    }
    assert_string_equal(note, "");
}

static void patience_ends(void **state)
{
    (void)state;
    const double losses[] = {3, 2, 2.5, 2, 2.1, 1, 1};
    nt_stop stop = {.kind = NT_STOP_PATIENCE, .epochs = 3, .factor = 0.1};
    nt_train_config config = {.stops = &stop, .n_stops = 1};
    nt_course course;
    assert_int_equal(run(&course, &config, losses, COUNT(losses)), 5);
    assert_string_equal(course.reason, "no better validation loss for 3 epochs");
    assert_int_equal(course.best_epoch, 2);
}

static void more_epochs_are_granted_at_a_lower_rate(void **state)
{
    (void)state;
    const double losses[] = {3, 4, 4, 4, 4, 4, 4};
    nt_stop stop = {.kind = NT_STOP_PATIENCE, .epochs = 1, .then = 3, .factor = 0.1};
    nt_train_config config = {.stops = &stop, .n_stops = 1};
    nt_course course;
    assert_int_equal(run(&course, &config, losses, 2), 2);
    assert_string_equal(note, "no better validation loss for 1 epoch: 3 more epochs at lr 0.01");
    assert_true(fabs(nt_course_scale(&course, &config) - 0.1) < 1e-15);
    assert_int_equal(run(&course, &config, losses, COUNT(losses)), 5);
    config.n_stops = 0; /* the rule was taken out of the model since */
    assert_false(nt_course_over(&course, &config, 5));
    assert_true(nt_course_scale(&course, &config) == 1);
}

static void error_change_looks_over_its_window(void **state)
{
    (void)state;
    const double falling[] = {10, 9, 8, 7, 6, 5.9, 5.85, 5.8, 5.79};
    nt_stop stop = {.kind = NT_STOP_ERROR_CHANGE, .window = 2, .min_delta = 0.15};
    nt_train_config config = {.stops = &stop, .n_stops = 1};
    nt_course course;
    /* over two epochs: 2, 2, 2, 1.1, 0.15 (rounded a little above), then 0.1 */
    assert_int_equal(run(&course, &config, falling, COUNT(falling)), 8);
    assert_string_equal(course.reason, "the validation loss fell by 0.1 over 2 epochs, less than 0.15");
    stop.min_delta = 0;
    assert_int_equal(run(&course, &config, falling, COUNT(falling)), 9);
    assert_int_equal(course.struck, 0);
    const double level[] = {1, 1, 0.5, 0.7, 0.5, 0.4, 0.4, 0.4};
    assert_int_equal(run(&course, &config, level, COUNT(level)), 5); /* 0.5, 0.7, 0.5: not below it */
    assert_string_equal(course.reason, "the validation loss has not fallen over 2 epochs");
}

static void weights_that_stand_still_end_a_run(void **state)
{
    (void)state;
    nt_stop stop = {.kind = NT_STOP_WEIGHT_CHANGE, .window = 4, .rho = 0.01};
    nt_train_config config = {.stops = &stop, .n_stops = 1};
    nt_course course;
    nt_result result = {.epoch = 3, .loss = 1, .change = NAN};
    nt_course_begin(&course);
    nt_course_epoch(&course, &config, &result, note);
    assert_int_equal(course.struck, 0); /* not looked at */
    result = (nt_result){.epoch = 4, .loss = 1, .change = 0.02, .weight_norm = 10};
    nt_course_epoch(&course, &config, &result, note);
    assert_int_equal(course.struck, 0);
    stop.relative = 1;
    nt_course_epoch(&course, &config, &result, note);
    assert_int_equal(course.struck, 4);
    assert_string_equal(course.reason, "no weight changed by more than 0.02 over 4 epochs, less than 0.1");
    assert_ptr_equal(nt_weight_rule(&config), &stop);
}

static void a_flat_place_ends_a_run(void **state)
{
    (void)state;
    nt_stop stops[] = {{.kind = NT_STOP_PATIENCE, .epochs = 5}, {.kind = NT_STOP_GRADIENT_NORM, .below = 0.5}};
    nt_train_config config = {.stops = stops, .n_stops = 2};
    nt_course course;
    nt_result result = {.epoch = 1, .loss = 1, .norm = NAN};
    nt_course_begin(&course);
    nt_course_epoch(&course, &config, &result, note);
    assert_int_equal(course.struck, 0);
    result.norm = 0.25;
    nt_course_epoch(&course, &config, &result, note);
    assert_int_equal(course.struck, 1);
    assert_int_equal(course.rule, 1);
    assert_string_equal(course.reason, "the norm of the gradient is 0.25, below 0.5");
    assert_null(nt_weight_rule(&config));
}

static void the_limit_follows_the_median(void **state)
{
    (void)state;
    nt_clip clip = {.kind = NT_CLIP_NORM, .multiple = 2};
    nt_course course;
    nt_course_begin(&course);
    for (int i = 0; i < 9; i++)
        nt_history_add(&course.norms, i % 2 ? 1 + i : 100 - i);
    assert_true(nt_course_clip(&course, &clip) == 0); /* too few */
    nt_history_add(&course.norms, 50);
    /* 2 4 6 8 50 92 94 96 98 100 */
    assert_true(nt_course_clip(&course, &clip) == 2 * 71);
    for (int i = 1; i <= 150; i++)
        nt_history_add(&course.norms, i);
    assert_int_equal(course.norms.n, NT_HISTORY);
    assert_true(nt_course_clip(&course, &clip) == 2 * 100); /* of 50 .. 150 */
    clip.limit = 3;
    assert_true(nt_course_clip(&course, &clip) == 3);
    clip.kind = NT_CLIP_VALUE;
    assert_true(nt_course_clip(&course, &clip) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_is_remembered),
        cmocka_unit_test(a_plateau_lowers_the_rate),
        cmocka_unit_test(a_plateau_stops_at_the_lowest_rate),
        cmocka_unit_test(patience_ends),
        cmocka_unit_test(more_epochs_are_granted_at_a_lower_rate),
        cmocka_unit_test(error_change_looks_over_its_window),
        cmocka_unit_test(weights_that_stand_still_end_a_run),
        cmocka_unit_test(a_flat_place_ends_a_run),
        cmocka_unit_test(the_limit_follows_the_median),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
