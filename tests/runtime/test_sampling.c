/* Which samples are trained on: splits, folds, bootstrap samples, hard examples, and the road's buffer. */
#include "data_files.h"

#include "../../runtime/rng.h"
#include "../../runtime/road.h"
#include "../../runtime/sampling.h"

#include <math.h>

enum { SAMPLES = 103 };

static nt_data_config config;

static nt_data load_spiral(int fold, int bootstrap)
{
    nt_error err = {""};
    nt_data d;
    config.source = NT_SOURCE_SPIRAL;
    config.spiral_classes = 1;
    nt_data_request q = {.config = &config, .h = 1, .w = 1, .c = 2, .outputs = 1, .parts = NT_PART_TRAIN, .seed = 3,
                         .fold = fold, .bootstrap = bootstrap};
    expect_ok(nt_data_load(&q, &d, &err), &err);
    return d;
}

/* Every sample is held out in exactly one fold; the folds' sizes differ by one at most; train is the rest, ascending. */
static void folds_are_a_partition(void **state)
{
    (void)state;
    for (int k = 2; k <= 10; k += 4) {
        int held[SAMPLES] = {0};
        config = (nt_data_config){.spiral_points = SAMPLES, .folds = k};
        for (int fold = 0; fold < k; fold++) {
            nt_data d = load_spiral(fold, 0);
            int here[SAMPLES] = {0};
            assert_in_range(d.validation.count, SAMPLES / k, SAMPLES / k + 1);
            assert_int_equal(d.train.count + d.validation.count, SAMPLES);
            for (int64_t i = 0; i < d.validation.count; i++) {
                held[d.validation.index[i]]++;
                here[d.validation.index[i]]++;
            }
            for (int64_t i = 0; i < d.train.count; i++) {
                here[d.train.index[i]]++;
                assert_true(i == 0 || d.train.index[i] > d.train.index[i - 1]);
            }
            for (int i = 0; i < SAMPLES; i++)
                assert_int_equal(here[i], 1);
            nt_data_free(&d);
        }
        for (int i = 0; i < SAMPLES; i++)
            assert_int_equal(held[i], 1);
    }
    nt_error err = {""};
    nt_data d;
    config = (nt_data_config){.source = NT_SOURCE_SPIRAL, .spiral_classes = 1, .spiral_points = 4, .folds = 5};
    nt_data_request q = {.config = &config, .h = 1, .w = 1, .c = 2, .outputs = 1, .parts = NT_PART_TRAIN};
    expect_message(nt_data_load(&q, &d, &err), &err, "k_fold(5) of 4 training samples", NULL);
}

static void automatic_validation_is_the_lesser(void **state)
{
    (void)state;
    static const struct {
        int points, held;
    } cases[] = {{103, 10}, {1, 0}, {99990, 9999}, {100000, 10000}, {150000, 10000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        config = (nt_data_config){.spiral_points = cases[i].points, .validation_auto = 1};
        nt_data d = load_spiral(0, 0);
        assert_int_equal(d.validation.count, cases[i].held);
        nt_data_free(&d);
    }
}

/* As many as there were, from among them, about 1 - 1/e of them at all (Breiman, 1996); another for each member. */
static void bootstrap_draws_with_replacement(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    int64_t first[MANY];
    for (int member = 1; member <= 2; member++) {
        config = (nt_data_config){.spiral_points = MANY + 1000, .validation_count = 1000};
        nt_data all = load_spiral(0, 0), d = load_spiral(0, member);
        assert_int_equal(d.train.count, MANY);
        int *times = calloc(MANY + 1000, sizeof *times), distinct = 0, twice = 0;
        for (int64_t i = 0; i < MANY; i++) {
            distinct += times[d.train.index[i]] == 0;
            times[d.train.index[i]]++;
            assert_true(i == 0 || d.train.index[i] >= d.train.index[i - 1]);
        }
        for (int64_t i = 0; i < all.validation.count; i++)
            assert_int_equal(times[all.validation.index[i]], 0);
        for (int64_t i = 0; i < MANY; i++)
            twice += times[all.train.index[i]] == 2;
        assert_in_range(distinct, MANY * 0.632 - 250, MANY * 0.632 + 250);
        assert_in_range(twice, MANY * 0.184 - 250, MANY * 0.184 + 250);
        assert_memory_equal(d.validation.index, all.validation.index, 1000 * sizeof *d.validation.index);
        if (member == 1)
            memcpy(first, d.train.index, sizeof first);
        else
            assert_memory_not_equal(first, d.train.index, sizeof first);
        free(times);
        nt_data_free(&all);
        nt_data_free(&d);
    }
}

/* Samples with a loss of 3 come three times as often among those that are drawn by it as samples with 1; the others
 * come as they always do; nothing is where it would be without. */
static void hard_examples_come_more_often(void **state)
{
    (void)state;
    enum { N = 1000, EPOCHS = 200, EASY = 600, HARD = 300 }; /* and the last hundred with a loss of 0 */
    nt_recall recall, none = {0};
    nt_error err = {""};
    static int64_t order[N], plain[N];
    double easy = 0, hard = 0, zero = 0, front = 0;
    expect_ok(nt_recall_init(&recall, N, &err), &err);
    expect_ok(nt_sampling_order(&recall, 0.4, 7, order, N, &err), &err);
    expect_ok(nt_sampling_order(&none, 0.4, 7, plain, N, &err), &err);
    assert_memory_equal(order, plain, sizeof order); /* nothing is known yet */
    for (int i = 0; i < N; i++)
        recall.before[i] = i < EASY ? 1 : i < EASY + HARD ? 3 : 0;
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        expect_ok(nt_sampling_order(&recall, 0.4, epoch, order, N, &err), &err);
        expect_ok(nt_sampling_order(&recall, 0.4, epoch, plain, N, &err), &err);
        assert_memory_equal(order, plain, sizeof order);
        for (int i = 0; i < N; i++) {
            assert_in_range(order[i], 0, N - 1);
            easy += order[i] < EASY;
            hard += order[i] >= EASY && order[i] < EASY + HARD;
            zero += order[i] >= EASY + HARD;
            front += i < N / 2 && order[i] >= EASY && order[i] < EASY + HARD;
        }
    }
    /* 600 of the thousand evenly, 400 as 600 : 900 : 0 */
    assert_true(fabs(easy / EPOCHS - (0.6 * EASY + 400 * 600 / 1500.)) < 4);
    assert_true(fabs(hard / EPOCHS - (0.6 * HARD + 400 * 900 / 1500.)) < 4);
    assert_true(fabs(zero / EPOCHS - 60) < 3);
    assert_true(fabs(front / hard - 0.5) < 0.01); /* mixed with the rest */
    nt_recall_free(&recall);
}

/* The target is the Gaussian of the lecture about the wheel's position, and that is where the road goes. */
static void roads_show_where_to_steer(void **state)
{
    (void)state;
    enum { PIXELS = NT_ROAD_HEIGHT * NT_ROAD_WIDTH, PICTURES = 600 };
    float values[PIXELS], target[NT_ROAD_UNITS], again[PIXELS];
    double sum_xy = 0, sum_x = 0, sum_y = 0, sum_xx = 0, sum_yy = 0;
    int inside = 0;
    for (int64_t k = 0; k < PICTURES; k++) {
        nt_road_picture(5, k, values, target);
        nt_road_picture(5, k, again, target);
        assert_memory_equal(values, again, sizeof values);
        int best = 0;
        for (int i = 0; i < NT_ROAD_UNITS; i++)
            best = target[i] > target[best] ? i : best;
        if (best > 0 && best < NT_ROAD_UNITS - 1) {
            /* log d = -(i - p)^2 / 10: the neighbours give the position */
            double p = best + 2.5 * (log((double)target[best + 1]) - log((double)target[best - 1]));
            for (int i = 0; i < NT_ROAD_UNITS; i++)
                assert_true(fabs((double)target[i] - exp(-(i - p) * (i - p) / 10)) < 1e-5);
            inside++;
        }
        /* The brighter half of a row about twelve metres ahead: its middle goes with the wheel. */
        double mean = 0, weight = 0, middle = 0;
        for (int x = 0; x < NT_ROAD_WIDTH; x++) {
            assert_true(values[9 * NT_ROAD_WIDTH + x] >= 0 && values[9 * NT_ROAD_WIDTH + x] <= 1);
            mean += (double)values[9 * NT_ROAD_WIDTH + x] / NT_ROAD_WIDTH;
        }
        for (int x = 0; x < NT_ROAD_WIDTH; x++) {
            double bright = fmax((double)values[9 * NT_ROAD_WIDTH + x] - mean, 0);
            weight += bright;
            middle += bright * x;
        }
        middle /= weight;
        sum_x += middle / PICTURES;
        sum_y += best / (double)PICTURES;
        sum_xx += middle * middle / PICTURES;
        sum_yy += best * best / (double)PICTURES;
        sum_xy += middle * best / PICTURES;
    }
    double correlation = (sum_xy - sum_x * sum_y) / sqrt((sum_xx - sum_x * sum_x) * (sum_yy - sum_y * sum_y));
    assert_true(correlation > 0.9);
    assert_true(inside > PICTURES * 0.8);
    assert_true(fabs(sum_y - 14.5) < 1.5);
}

/* Fifteen pictures give way: ten of the smallest losses and five others; a resumed run has the same pictures. */
static void the_road_s_buffer_is_renewed(void **state)
{
    (void)state;
    enum { IMAGES = 60, SIZE = NT_ROAD_HEIGHT * NT_ROAD_WIDTH };
    nt_error err = {""};
    nt_data d, other;
    config = (nt_data_config){.source = NT_SOURCE_ROAD, .road_images = IMAGES, .road_replace = 15};
    nt_data_request q = {.config = &config, .h = 30, .w = 32, .c = 1, .outputs = 30, .dense = true,
                         .least_target = 0, .most_target = 1, .parts = NT_PART_TRAIN | NT_PART_TEST};
    expect_ok(nt_data_load(&q, &d, &err), &err);
    expect_ok(nt_data_load(&q, &other, &err), &err);
    assert_int_equal(d.recall.count, IMAGES);
    static float before[IMAGES * SIZE];
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        nt_epoch e;
        real losses[IMAGES];
        memcpy(before, d.train_part.values, sizeof before);
        expect_ok(nt_epoch_begin(&e, &d, &d.train, true, 1, epoch, &err), &err);
        for (int i = 0; i < IMAGES; i++)
            losses[i] = (real)(1 + e.order[i]); /* place 0 is the easiest */
        nt_data_note_losses(&e, 0, 25, losses);
        nt_data_note_losses(&e, 25, IMAGES - 25, losses + 25);
        nt_epoch_end(&e);
        nt_data_next_epoch(&d, 1, epoch);
        int replaced = 0, low = 0;
        for (int i = 0; i < IMAGES; i++) {
            bool changed = memcmp(before + i * SIZE, d.train_part.values + i * SIZE, SIZE * sizeof *before) != 0;
            assert_int_equal(changed, d.recall.picture[i] >= (float)(IMAGES + 15 * epoch));
            assert_true((d.recall.before[i] == 0) == changed);
            replaced += changed;
            low += changed && i < 15;
        }
        assert_int_equal(replaced, 15);
        assert_true(low >= 10);
    }
    assert_memory_not_equal(d.train_part.values, other.train_part.values, sizeof before);
    memcpy(other.recall.last, d.recall.last, NT_RECALL_ROWS * IMAGES * sizeof *d.recall.last);
    expect_ok(nt_data_recalled(&other, &err), &err);
    assert_memory_equal(d.train_part.values, other.train_part.values, sizeof before);
    assert_memory_equal(d.train_part.targets, other.train_part.targets, IMAGES * 30 * sizeof *before);
    other.recall.picture[7] = 1e30f;
    expect_message(nt_data_recalled(&other, &err), &err, "sample 7", NULL);
    nt_data_free(&d);
    nt_data_free(&other);
    q.outputs = 10;
    expect_message(nt_data_load(&q, &d, &err), &err, "30 positions", "dense(30)", NULL);
    q.outputs = 30;
    q.h = 32;
    expect_message(nt_data_load(&q, &d, &err), &err, "holds samples of 30x32x1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_are_a_partition),
        cmocka_unit_test(automatic_validation_is_the_lesser),
        cmocka_unit_test(bootstrap_draws_with_replacement),
        cmocka_unit_test(hard_examples_come_more_often),
        cmocka_unit_test(roads_show_where_to_steer),
        cmocka_unit_test(the_road_s_buffer_is_renewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
