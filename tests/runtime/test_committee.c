/* test_committee.c - the vote, how sure a network is, and the rejection curve, on numbers small enough to check by
 * hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime/committee.h"
#include "../../runtime/hill.h"
#include "../../runtime/rejection.h"

static void majority(void **state)
{
    (void)state;
    const double means[] = {0.2, 0.5, 0.3};
    assert_int_equal(nt_vote(means, (const int32_t[]){3, 2, 0}, 3), 0); /* whatever the means are */
    assert_int_equal(nt_vote(means, (const int32_t[]){2, 1, 2}, 3), 2); /* of two with as many votes, the larger mean */
    assert_int_equal(nt_vote(means, (const int32_t[]){1, 1, 1}, 3), 1);
}

/* Two samples, three members of a single output each. */
static void single_output(void **state)
{
    (void)state;
    double values[] = {0.4, 0.6};
    int32_t votes[] = {2, 1}, labels[] = {1, 1};
    const nt_answers answers = {
        .samples = 2, .outputs = 1, .members = 3, .values = values, .votes = votes, .labels = labels};
    nt_agreement right = nt_answers_right(&answers);
    assert_int_equal(right.vote, 1);    /* the first: 2 of 3 say yes */
    assert_int_equal(right.average, 1); /* the second: 0.6 is above 1/2 */
    assert_int_equal(nt_answers_class(&answers, 0), 0);
    assert_int_equal(nt_answers_class(&answers, 1), 1);
}

static void hills(void **state)
{
    (void)state;
    const double values[] = {0.5, 0, 1, 3, 1, 0.25, -8};
    assert_true(nt_hill_place(values, 7, 1) == 3);
    assert_true(fabs(nt_hill_place(values, 7, 2) - (2 + 9 + 4 + 1.25) / 5.25) < 1e-15);
    assert_true(fabs(nt_hill_place(values, 7, INT32_MAX) - (2 + 9 + 4 + 1.25) / 5.75) < 1e-15); /* -8 weighs nothing */
    assert_true(nt_hill_place((const double[]){2, 1, 9}, 2, 5) == 1 / 3.0);
    assert_true(nt_hill_place((const double[]){-3, -1, -1}, 3, 1) == 1);
    assert_true(isnan(nt_hill_place((const double[]){1, 0, NAN}, 3, 1)));
}

/* Answers at 1.5, 0 and 2; targets at 1, 2 and 2, as vectors and as classes. */
static void hill_distances(void **state)
{
    (void)state;
    double values[] = {0, 1, 1, 4, 0, 0, 0, 0, 7};
    float targets[] = {0, 0.5f, 0, 0, 0.1f, 0.3f, 0.25f, 0, 1};
    int32_t labels[] = {1, 2, 2};
    nt_error error;
    nt_hill_distances d;
    nt_answers answers = {.samples = 3, .outputs = 3, .members = 1, .values = values, .labels = labels};
    assert_true(nt_hill_compare(&answers, 1, &d, &error));
    assert_true(fabs(d.mean - 2.5 / 3) < 1e-15 && fabs(d.rms - sqrt(4.25 / 3)) < 1e-15 && d.largest == 2);
    answers.targets = targets; /* at 1, 1.75 and 2 */
    assert_true(nt_hill_compare(&answers, 1, &d, &error));
    assert_true(fabs(d.mean - 2.25 / 3) < 1e-7 && fabs(d.largest - 1.75) < 1e-7);
    values[0] = NAN; /* of the first sample, so that the others might make one forget it */
    assert_true(nt_hill_compare(&answers, 1, &d, &error));
    assert_true(isnan(d.mean) && isnan(d.rms) && isnan(d.largest));
}

static void confidence(void **state)
{
    (void)state;
    const double values[] = {-0.5, 0.875, 0.25, 0.625};
    assert_true(nt_confidence(values, 4, NT_REJECT_MARGIN) == 0.25);
    assert_true(nt_confidence(values, 4, NT_REJECT_LARGEST) == 0.875);
    assert_true(nt_confidence((const double[]){1, 1}, 2, NT_REJECT_MARGIN) == 0);
    assert_true(nt_confidence((const double[]){1, NAN, 2}, 3, NT_REJECT_MARGIN) == -INFINITY);
    assert_true(nt_confidence((const double[]){INFINITY, INFINITY}, 2, NT_REJECT_MARGIN) == 0);
}

/* Ten samples; confidence and whether the answer is right: 0.1 wrong, 0.2 right, 0.3 wrong, 0.3 right, 0.5 wrong,
 * the others right. */
static void curve(void **state)
{
    (void)state;
    static const nt_judged all[] = {{0.9, true},  {0.3, true},  {0.6, true}, {0.1, false}, {0.7, true},
                                    {0.5, false}, {0.3, false}, {0.8, true}, {0.2, true},  {1.0, true}};
    nt_judged *judged = malloc(sizeof all);
    nt_rejection r;
    nt_error error = {0};
    assert_non_null(judged);
    memcpy(judged, all, sizeof all);
    assert_true(nt_rejection_init(&r, judged, 10, &error));

    nt_rejection_point p = nt_rejection_at(&r, 0);
    assert_int_equal(p.rejected, 0);
    assert_true(fabs(p.error - 0.3) < 1e-12);
    p = nt_rejection_at(&r, 0.3); /* equal to the threshold is sure enough */
    assert_int_equal(p.rejected, 2);
    assert_int_equal(p.wrong, 2);
    assert_true(fabs(p.error - 0.25) < 1e-12);
    p = nt_rejection_at(&r, 2);
    assert_int_equal(p.rejected, 10);
    assert_true(p.error == 0);

    p = nt_rejection_of_share(&r, 0.3); /* three would part the two of 0.3 */
    assert_int_equal(p.rejected, 2);
    p = nt_rejection_of_share(&r, 0.4);
    assert_int_equal(p.rejected, 4);
    assert_true(p.threshold == 0.5 && fabs(p.error - 1.0 / 6) < 1e-12);
    p = nt_rejection_of_share(&r, 1); /* the surest is always answered */
    assert_int_equal(p.rejected, 9);

    assert_true(nt_rejection_for_error(&r, 0.2, &p)); /* with 1, 2 rejected it is 2/9, 2/8; with 4, 1/6 */
    assert_int_equal(p.rejected, 4);
    assert_true(nt_rejection_for_error(&r, 0, &p));
    assert_int_equal(p.rejected, 5);
    assert_true(p.threshold == 0.6);
    nt_rejection_free(&r);
}

/* Where the surest answer is wrong, no threshold helps. */
static void hopeless(void **state)
{
    (void)state;
    nt_judged *judged = calloc(2, sizeof *judged);
    nt_rejection r;
    nt_rejection_point p;
    nt_error error = {0};
    assert_non_null(judged);
    judged[0] = (nt_judged){1, false};
    judged[1] = (nt_judged){0.5, true};
    assert_true(nt_rejection_init(&r, judged, 2, &error));
    assert_false(nt_rejection_for_error(&r, 0.4, &p));
    assert_true(nt_rejection_for_error(&r, 0.5, &p));
    assert_int_equal(p.rejected, 0);
    nt_rejection_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(majority),       cmocka_unit_test(single_output), cmocka_unit_test(hills),
        cmocka_unit_test(hill_distances), cmocka_unit_test(confidence),    cmocka_unit_test(curve),
        cmocka_unit_test(hopeless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
