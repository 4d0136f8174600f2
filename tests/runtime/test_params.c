/* test_params.c - where a value of the disk's order lies in packed memory, initial values, allocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "../../runtime/params.h"

/* 20 outputs in 2 groups, 3 inputs a group, 2x5 window, panels of 8: in each group a panel of 8 and one of 4. */
static const nt_param grouped = {
    .name = "g.weight",
    .layout = NT_PANELS,
    .disk_dims = {20, 3, 2, 5},
    .n_disk_dims = 4,
    .out = 20,
    .in = 3,
    .kh = 2,
    .kw = 5,
    .groups = 2,
    .panel = 8,
    .out_padded = 12,
    .offset = 7,
    .elements = 2 * 12 * 30,
    .init = NT_INIT_NORMAL,
    .init_a = 0.5,
    .init_stream = 3,
};

static const nt_param vector = {
    .name = "b",
    .layout = NT_VECTOR,
    .disk_dims = {5},
    .n_disk_dims = 1,
    .out = 5,
    .in = 1,
    .kh = 1,
    .kw = 1,
    .groups = 1,
    .offset = 7 + 720,
    .elements = 8,
    .init = NT_INIT_UNIFORM,
    .init_a = 0.25,
    .init_stream = 4,
};

enum { ELEMENTS = 7 + 720 + 8 };

static void panels_hold_rows_of_neighbouring_outputs(void **state)
{
    (void)state;
    /* Worked out by hand from the description in model.h. Disk index of [out][in][y][x] is ((out * 3 + in) * 2 + y) * 5
     * + x. */
    assert_int_equal(nt_param_index(&grouped, 0), 0);
    assert_int_equal(nt_param_index(&grouped, 30), 1);                   /* out 1: the next lane */
    assert_int_equal(nt_param_index(&grouped, 10), 8);                   /* in 1: the next row */
    assert_int_equal(nt_param_index(&grouped, 1), 3 * 8);                /* x 1: three inputs further */
    assert_int_equal(nt_param_index(&grouped, 5), 5 * 3 * 8);            /* y 1: a kernel row further */
    assert_int_equal(nt_param_index(&grouped, 8 * 30), 8 * 30);          /* out 8: the second panel, of width 4 ... */
    assert_int_equal(nt_param_index(&grouped, 8 * 30 + 10), 8 * 30 + 4); /* ... whose next row is 4 further */
    assert_int_equal(nt_param_index(&grouped, 9 * 30), 8 * 30 + 1);
    assert_int_equal(nt_param_index(&grouped, 10 * 30), 12 * 30); /* out 10: the second group */
    assert_int_equal(nt_param_index(&grouped, 20 * 30 - 1), 12 * 30 + 8 * 30 + 29 * 4 + 1);
}

static void places_are_distinct_and_inside(void **state)
{
    (void)state;
    char taken[720] = {0};
    size_t n = nt_param_count(&grouped);
    assert_int_equal(n, 600);
    for (size_t i = 0; i < n; i++) {
        size_t at = nt_param_index(&grouped, i);
        assert_true(at < grouped.elements && !taken[at]);
        taken[at] = 1;
    }
}

static void packing_goes_there_and_back(void **state)
{
    (void)state;
    float disk[600], back[600];
    real block[ELEMENTS];
    for (int i = 0; i < 600; i++)
        disk[i] = (float)(i + 1);
    for (int i = 0; i < ELEMENTS; i++)
        block[i] = -1;
    nt_param_pack(&grouped, block, disk);
    nt_param_unpack(&grouped, block, back);
    assert_memory_equal(disk, back, sizeof disk);
    int zeros = 0;
    for (int i = 7; i < 7 + 720; i++)
        zeros += block[i] == 0;
    assert_int_equal(zeros, 120);
    assert_true(block[6] == -1 && block[7 + 720] == -1); /* the neighbours */
}

static nt_model model_of(nt_param *list)
{
    list[0] = grouped;
    list[1] = vector;
    return (nt_model){.params = list,
                      .n_params = 2,
                      .trainable_elements = ELEMENTS,
                      .gradient_elements = ELEMENTS,
                      .params_elements = ELEMENTS,
                      .arena_sample = 100,
                      .arena_fixed = 10,
                      .infer_sample = 40,
                      .infer_fixed = 5,
                      .state_slots = 2};
}

static void initial_values_have_their_spread(void **state)
{
    (void)state;
    nt_param list[2];
    nt_model model = model_of(list);
    real block[ELEMENTS], other[ELEMENTS];
    float normal[600], uniform[5];
    assert_true(nt_params_initialise(&model, 1, block, NULL));
    nt_param_unpack(&grouped, block, normal);
    double sum = 0, squares = 0;
    for (int i = 0; i < 600; i++) {
        sum += (double)normal[i];
        squares += (double)normal[i] * (double)normal[i];
    }
    assert_true(fabs(sum / 600) < 0.08 && fabs(sqrt(squares / 600) - 0.5) < 0.06);
    nt_param_unpack(&vector, block, uniform);
    for (int i = 0; i < 5; i++)
        assert_true(uniform[i] >= -0.25f && uniform[i] < 0.25f && uniform[i] != uniform[(i + 1) % 5]);

    assert_true(nt_params_initialise(&model, 2, other, NULL));
    assert_memory_not_equal(block, other, sizeof block);
}

/* The same weights whatever the panels are. */
static void initial_values_do_not_depend_on_packing(void **state)
{
    (void)state;
    nt_param list[2];
    nt_model model = model_of(list);
    real block[ELEMENTS], other[ELEMENTS];
    float a[600], b[600];
    assert_true(nt_params_initialise(&model, 1, block, NULL));
    nt_param_unpack(&list[0], block, a);
    list[0].panel = 12;
    assert_true(nt_params_initialise(&model, 1, other, NULL));
    nt_param_unpack(&list[0], other, b);
    assert_memory_equal(a, b, sizeof a);
}

/* Whether vectors i and j of a matrix are at right angles, or, if they are one, of length `size`. Value k of vector i is
 * at i * step + k * stride. */
static void at_right_angles(const float *matrix, int i, int j, int length, int step, int stride, double size)
{
    double sum = 0;
    for (int k = 0; k < length; k++)
        sum += (double)matrix[i * step + k * stride] * (double)matrix[j * step + k * stride];
    assert_true(fabs(sum - (i == j ? size * size : 0)) < 1e-6);
}

static void orthogonal_matrices_are(void **state)
{
    (void)state;
    nt_param list[2];
    nt_model model = model_of(list);
    real block[ELEMENTS], other[ELEMENTS];
    float matrix[600];
    list[0].init = NT_INIT_ORTHOGONAL;
    list[0].init_a = 1.5;
    assert_true(nt_params_initialise(&model, 1, block, NULL));
    nt_param_unpack(&list[0], block, matrix);
    for (int group = 0; group < 2; group++) /* 10 rows of 30 */
        for (int i = 0; i < 10; i++)
            for (int j = 0; j <= i; j++)
                at_right_angles(matrix + 300 * group, i, j, 30, 30, 1, 1.5);
    assert_true(fabs((double)matrix[0] - (double)matrix[300]) > 1e-3); /* each group has its own */

    /* 20 rows of 6: the columns are */
    list[0].disk_dims[1] = list[0].in = 1;
    list[0].disk_dims[2] = list[0].kh = 3;
    list[0].disk_dims[3] = list[0].kw = 2;
    list[0].groups = 1;
    list[0].out_padded = 20;
    list[0].elements = 120;
    list[0].init = NT_INIT_LSUV; /* as far as it goes without data */
    assert_true(nt_params_initialise(&model, 1, block, NULL));
    nt_param_unpack(&list[0], block, matrix);
    for (int i = 0; i < 6; i++)
        for (int j = 0; j <= i; j++)
            at_right_angles(matrix, i, j, 20, 1, 6, 1.5);

#ifdef _OPENMP
    omp_set_num_threads(3);
    assert_true(nt_params_initialise(&model, 1, other, NULL));
    assert_memory_equal(block + list[0].offset, other + list[0].offset, 120 * sizeof *block);
    omp_set_num_threads(1);
#endif
    assert_true(nt_params_initialise(&model, 2, other, NULL));
    assert_memory_not_equal(block + list[0].offset, other + list[0].offset, 120 * sizeof *block);
}

static void memory_is_what_the_plan_says(void **state)
{
    (void)state;
    nt_param list[2];
    nt_model model = model_of(list);
    nt_memory memory;
    nt_error error;
    assert_true(nt_memory_init(&memory, &model, 3, NT_FOR_TRAINING, &error));
    assert_int_equal(nt_memory_bytes(&memory), (4 * ELEMENTS + 310) * sizeof(real));
    assert_int_equal((uintptr_t)memory.params % 64 + (uintptr_t)memory.grads % 64 + (uintptr_t)memory.state % 64 +
                         (uintptr_t)memory.arena % 64,
                     0);
    assert_true(memory.arena[309] == 0);
    nt_memory_free(&memory);

    assert_true(nt_memory_init(&memory, &model, 3, NT_FOR_INFERENCE, &error));
    assert_null(memory.grads);
    assert_null(memory.state);
    assert_int_equal(nt_memory_bytes(&memory), (ELEMENTS + 125) * sizeof(real));
    nt_memory_free(&memory);
}

static void too_much_memory_is_an_error(void **state)
{
    (void)state;
    nt_param list[2];
    nt_model model = model_of(list);
    nt_memory memory;
    nt_error error = {0};
    model.arena_sample = SIZE_MAX / 8;
    assert_false(nt_memory_init(&memory, &model, 1000, NT_FOR_TRAINING, &error));
    assert_non_null(strstr(error.text, "not enough memory"));
    assert_null(memory.params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panels_hold_rows_of_neighbouring_outputs),
        cmocka_unit_test(places_are_distinct_and_inside),
        cmocka_unit_test(packing_goes_there_and_back),
        cmocka_unit_test(initial_values_have_their_spread),
        cmocka_unit_test(initial_values_do_not_depend_on_packing),
        cmocka_unit_test(orthogonal_matrices_are),
        cmocka_unit_test(memory_is_what_the_plan_says),
        cmocka_unit_test(too_much_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
