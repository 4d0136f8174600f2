/* test_loss.c - the losses of inference against closed forms: labels and dense targets, values before and behind a softmax or sigmoid,
 * volumes with strides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "../../runtime/loss.h"

static nt_head vector_of(int n, nt_output output)
{
    return (nt_head){.h = 1, .w = 1, .c = n, .stride_sample = n, .stride_row = n, .stride_pixel = n, .output = output};
}

static void check(nt_loss_kind kind, double parameter, const nt_head *head, const real *values, int label,
                  const real *target, double want)
{
    const nt_loss loss = {.kind = kind, .weight = 7, .parameter = parameter}; /* the weight is the caller's affair */
    const double got = nt_loss_value(&loss, head, values, label, target);
    if (!(fabs(got - want) <= 1e-6 * fmax(1, fabs(want))))
        fail_msg("kind %d: %.9g should be %.9g", (int)kind, got, want);
}

static void cross_entropy(void **state)
{
    (void)state;
    const nt_head plain = vector_of(3, NT_OUTPUT_VALUES), softmax = vector_of(3, NT_OUTPUT_SOFTMAX);
    const real values[] = {0, (real)log(2), (real)log(5)}, shares[] = {0.125f, 0.25f, 0.625f};
    const real soft[] = {0.5f, 0.25f, 0.25f}, heavy[] = {2, 1, 1}, zero[] = {0, 1, 0}, wide[] = {1000, 0, -1000};
    check(NT_LOSS_CROSS_ENTROPY, 0, &plain, values, 2, NULL, -log(0.625));
    check(NT_LOSS_CROSS_ENTROPY, 0, &softmax, shares, 2, NULL, -log(0.625));
    const double mean = -(log(0.125) + log(0.25) + log(0.625)) / 3;
    check(NT_LOSS_CROSS_ENTROPY, 0.3, &plain, values, 1, NULL, -0.7 * log(0.25) + 0.3 * mean);
    check(NT_LOSS_CROSS_ENTROPY, 0.3, &softmax, shares, 1, NULL, -0.7 * log(0.25) + 0.3 * mean);
    const double of_soft = -0.5 * log(0.125) - 0.25 * log(0.25) - 0.25 * log(0.625);
    check(NT_LOSS_CROSS_ENTROPY, 0, &plain, values, 0, soft, of_soft);
    check(NT_LOSS_CROSS_ENTROPY, 0, &softmax, shares, 0, soft, of_soft);
    check(NT_LOSS_CROSS_ENTROPY, 0, &plain, values, 0, heavy, 4 * of_soft); /* targets need not add up to 1 */
    check(NT_LOSS_CROSS_ENTROPY, 0.5, &plain, values, 0, soft, 0.5 * of_soft + 0.5 * mean);
    check(NT_LOSS_CROSS_ENTROPY, 0, &plain, wide, 2, NULL, 2000);
    check(NT_LOSS_CROSS_ENTROPY, 0, &softmax, zero, 1, NULL, 0); /* the others' probability of 0 costs nothing, ... */
    check(NT_LOSS_CROSS_ENTROPY, 0, &softmax, zero, 0, NULL, -log(1e-45)); /* ... the right one's is not infinite */
}

static void binary_cross_entropy(void **state)
{
    (void)state;
    const nt_head plain = vector_of(2, NT_OUTPUT_VALUES), sigmoid = vector_of(2, NT_OUTPUT_SIGMOID);
    const real values[] = {(real)log(3), 0}, p[] = {0.75f, 0.5f}, target[] = {0.9f, 0.2f}, far[] = {800, -800};
    const double of_label = -log(0.75) - log(0.5);
    check(NT_LOSS_BINARY_CROSS_ENTROPY, 0, &plain, values, 0, NULL, of_label);
    check(NT_LOSS_BINARY_CROSS_ENTROPY, 0, &sigmoid, p, 0, NULL, of_label);
    const double of_target = -0.9 * log(0.75) - 0.1 * log(0.25) - log(0.5);
    check(NT_LOSS_BINARY_CROSS_ENTROPY, 0, &plain, values, 0, target, of_target);
    check(NT_LOSS_BINARY_CROSS_ENTROPY, 0, &sigmoid, p, 0, target, of_target);
    check(NT_LOSS_BINARY_CROSS_ENTROPY, 0, &plain, far, 1, NULL, 1600);
    check(NT_LOSS_BINARY_CROSS_ENTROPY, 0, &plain, far, 0, NULL, 0);
}

/* Distances 0.5, 3, -1 in a volume of 1 x 3 x 1 whose pixels are 4 apart. */
static void distances(void **state)
{
    (void)state;
    const nt_head head = {.h = 1, .w = 3, .c = 1, .stride_sample = 12, .stride_row = 12, .stride_pixel = 4};
    const real values[12] = {[0] = 1.5f, [4] = 3, [8] = 0}, target[] = {1, 0, 1};
    check(NT_LOSS_MSE, 0, &head, values, 0, target, (0.25 + 9 + 1) / 2);
    check(NT_LOSS_SQUARED_ERROR, 0, &head, values, 0, target, 0.25 + 9 + 1);
    check(NT_LOSS_HUBER, 1, &head, values, 0, target, 0.125 + 2.5 + 0.5);
    check(NT_LOSS_HUBER, 2, &head, values, 0, target, 0.125 + 4 + 0.5);
    check(NT_LOSS_SMOOTH_L1, 1, &head, values, 0, target, 0.125 + 2.5 + 0.5);
    check(NT_LOSS_SMOOTH_L1, 0.25, &head, values, 0, target, 0.375 + 2.875 + 0.875);
    check(NT_LOSS_MSE, 0, &head, values, 1, NULL, (2.25 + 4 + 0) / 2); /* one-hot */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cross_entropy),
        cmocka_unit_test(binary_cross_entropy),
        cmocka_unit_test(distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
