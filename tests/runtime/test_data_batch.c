/* Splits, normalization, augmentation and batches, against definitions written out naively here. */
#include "data_files.h"

#include "../../runtime/augment.h"
#include "../../runtime/rng.h"

#include <math.h>
#ifdef _OPENMP
#include <omp.h>
#endif

enum { SAMPLES = 200 };

/* A data set of bytes in IDX form (h x w, 1 channel) or NumPy form, made from the generator. */
static nt_data_config config;

static nt_data_request request_of(int h, int w, int c)
{
    return (nt_data_request){
        .config = &config, .h = h, .w = w, .c = c, .outputs = 4, .parts = NT_PART_TRAIN | NT_PART_TEST, .seed = 11};
}

/* Writes x_train.npy, uint8 or float, and y_train.npy; returns nothing: value i is value(i). */
static uint8_t byte_value(int64_t i)
{
    return (uint8_t)nt_random_below(77, (uint64_t)i, 256);
}

static void write_set(const folder *f, int h, int w, int c, bool bytes, int constant_channel)
{
    size_t n = (size_t)SAMPLES * (size_t)(h * w * c);
    uint8_t *file = malloc(256 + n * 4), *raw = malloc(n * 4), y[SAMPLES];
    for (size_t i = 0; i < n; i++) {
        uint8_t v = (int)(i % (size_t)c) == constant_channel ? 90 : byte_value((int64_t)i);
        float as_float = v * 0.37f - 20;
        if (bytes)
            raw[i] = v;
        else
            memcpy(raw + 4 * i, &as_float, 4);
    }
    for (int i = 0; i < SAMPLES; i++)
        y[i] = (uint8_t)(i % 4);
    char shape[64];
    if (h * w == 1)
        snprintf(shape, sizeof shape, "(%d, %d)", SAMPLES, c);
    else
        snprintf(shape, sizeof shape, "(%d, %d, %d, %d)", SAMPLES, h, w, c);
    write_file(path_in(f, "x_train.npy"), file, npy_bytes(file, bytes ? "|u1" : "<f4", shape, raw, bytes ? n : 4 * n));
    snprintf(shape, sizeof shape, "(%d,)", SAMPLES);
    write_file(path_in(f, "y_train.npy"), file, npy_bytes(file, "|u1", shape, y, SAMPLES));
    free(file);
    free(raw);
}

static nt_data load(const folder *f, int h, int w, int c)
{
    nt_error err = {""};
    nt_data d;
    nt_data_request q = request_of(h, w, c);
    config.source = NT_SOURCE_NPY;
    config.path = f->path;
    expect_ok(nt_data_load(&q, &d, &err), &err);
    return d;
}

/* Value i of a sample before normalization. */
static double raw_value(const nt_data *d, int64_t place, int64_t i)
{
    int64_t size = (int64_t)d->h * d->w * d->c;
    return d->train_part.bytes ? d->train_part.bytes[place * size + i] / 255.0
                               : (double)d->train_part.values[place * size + i];
}

static int64_t place_of(const nt_split *split, int64_t i)
{
    return split->index ? split->index[i] : i;
}

static void validation_is_held_out_at_random(void **state)
{
    const folder *f = *state;
    nt_error err = {""};
    write_set(f, 4, 3, 1, true, -1);
    config = (nt_data_config){.validation_share = 0.1};
    nt_data d = load(f, 4, 3, 1);
    assert_int_equal(d.validation.count, 20);
    assert_int_equal(d.train.count, 180);
    int seen[SAMPLES] = {0};
    for (int64_t i = 0; i < d.train.count; i++)
        seen[d.train.index[i]]++;
    for (int64_t i = 0; i < d.validation.count; i++)
        seen[d.validation.index[i]]++;
    for (int i = 0; i < SAMPLES; i++)
        assert_int_equal(seen[i], 1);
    for (int64_t i = 1; i < d.train.count; i++)
        assert_true(d.train.index[i] > d.train.index[i - 1]);
    assert_true(d.validation.index[19] - d.validation.index[0] > 100);
    int64_t first[20];
    memcpy(first, d.validation.index, sizeof first);
    nt_data_free(&d);

    config = (nt_data_config){.validation_count = 20};
    d = load(f, 4, 3, 1);
    assert_memory_equal(d.validation.index, first, sizeof first); /* the seed alone decides */
    nt_data_free(&d);
    nt_data_request q = request_of(4, 3, 1);
    q.seed = 12;
    expect_ok(nt_data_load(&q, &d, &err), &err);
    assert_memory_not_equal(d.validation.index, first, sizeof first);
    nt_data_free(&d);

    config.validation_count = SAMPLES;
    expect_message(nt_data_load(&q, &d, &err), &err, "validation takes 200 of 200", NULL);
    config.validation_count = 0;
    config.validation_share = 0.001;
    expect_message(nt_data_load(&q, &d, &err), &err, "validation = 0.1% of 200", "none", NULL);
}

/* Loads, then checks the constants and every value of an unaugmented pass against the definitions. */
static void check_normalization(const folder *f, int h, int w, int c, bool bytes, int constant_channel)
{
    nt_error err = {""};
    write_set(f, h, w, c, bytes, constant_channel);
    nt_data d = load(f, h, w, c);
    int64_t size = (int64_t)h * w * c;
    int n = config.normalize == NT_NORM_CENTER_IMAGE ? (int)size : c;
    double *mean = calloc((size_t)n, sizeof *mean), *std = calloc((size_t)n, sizeof *std), scale = 1;
    for (int g = 0; g < n; g++)
        std[g] = 1;
    if (nt_normalizer_estimated(config.normalize)) {
        double count = (double)d.train.count * (double)(size / n);
        for (int64_t s = 0; s < d.train.count; s++)
            for (int64_t i = 0; i < size; i++)
                mean[i % n] += raw_value(&d, place_of(&d.train, s), i) / count;
        for (int g = 0; g < n && config.normalize == NT_NORM_STANDARDIZE; g++) {
            double variance = 0;
            for (int64_t s = 0; s < d.train.count; s++)
                for (int64_t i = g; i < size; i += n)
                    variance += pow(raw_value(&d, place_of(&d.train, s), i) - mean[g], 2) / count;
            std[g] = g == constant_channel ? 1 : sqrt(variance);
        }
        assert_int_equal(d.normalizer.n, n);
    } else if (config.normalize == NT_NORM_GIVEN) {
        for (int g = 0; g < n; g++) {
            mean[g] = config.given_mean[config.n_given == 1 ? 0 : g];
            std[g] = config.given_std ? config.given_std[config.n_given == 1 ? 0 : g] : 1;
        }
    } else if (config.normalize == NT_NORM_SCALE) {
        scale = config.norm_scale;
    }
    for (int g = 0; g < d.normalizer.n; g++) {
        assert_true(fabs((d.normalizer.mean ? d.normalizer.mean[g] : 0) - mean[g]) < 1e-10 * (1 + fabs(mean[g])));
        assert_true(fabs((d.normalizer.std ? d.normalizer.std[g] : 1) - std[g]) < 1e-10 * std[g]);
    }
    nt_epoch e;
    expect_ok(nt_epoch_begin(&e, &d, &d.train, false, 0, 0, &err), &err);
    float *x = malloc((size_t)(d.train.count * size) * sizeof *x);
    int32_t labels[SAMPLES];
    nt_data_batch(&e, 0, (int)d.train.count, x, labels, NULL);
    for (int64_t s = 0; s < d.train.count; s++) {
        int64_t place = place_of(&d.train, s);
        assert_int_equal(labels[s], place % 4);
        for (int64_t i = 0; i < size; i++) {
            double y = scale * (raw_value(&d, place, i) - mean[i % n]) / std[i % n];
            double tolerance = 3e-7 * (fabs(y) + fabs(mean[i % n]) / std[i % n] * scale + 1e-3);
            if (fabs(x[s * size + i] - y) > tolerance)
                fail_msg("sample %d value %d: %.9g, expected %.9g", (int)s, (int)i, (double)x[s * size + i], y);
        }
    }
    free(x);
    free(mean);
    free(std);
    nt_epoch_end(&e);
    nt_data_free(&d);
}

static void normalization_is_what_it_says(void **state)
{
    const folder *f = *state;
    static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
    for (int bytes = 0; bytes < 2; bytes++) {
        for (int validation = 0; validation < 30; validation += 29) {
            static const nt_normalize kinds[] = {NT_NORM_NONE, NT_NORM_CENTER_IMAGE, NT_NORM_CENTER_CHANNEL,
                                                 NT_NORM_STANDARDIZE};
            for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
                config = (nt_data_config){.normalize = kinds[k], .validation_count = validation};
                check_normalization(f, 5, 4, 3, bytes, -1);
                check_normalization(f, 5, 4, 3, bytes, 1);
                check_normalization(f, 1, 1, 7, bytes, 2);    /* features of a vector */
                check_normalization(f, 9, 153, 3, bytes, -1); /* constants for a row, not for the whole sample */
            }
            config =
                (nt_data_config){.normalize = NT_NORM_SCALE, .norm_scale = 1 / 3.0, .validation_count = validation};
            check_normalization(f, 5, 4, 3, bytes, -1);
            config = (nt_data_config){.normalize = NT_NORM_GIVEN, .given_mean = mean, .given_std = std, .n_given = 3};
            check_normalization(f, 5, 4, 3, bytes, -1);
            config.n_given = 1;
            check_normalization(f, 5, 4, 3, bytes, -1);
            config.given_std = NULL;
            check_normalization(f, 5, 4, 1, bytes, -1);
        }
    }
}

static void bad_constants_are_refused(void **state)
{
    (void)state;
    static const double zero[1] = {0}, two[2] = {1, 2};
    double nan = strtod("nan", NULL);
    nt_normalizer z;
    nt_error err = {""};
    config = (nt_data_config){.normalize = NT_NORM_GIVEN, .given_mean = two, .n_given = 2};
    expect_message(nt_normalizer_init(&z, &config, 4, 4, 3, &err), &err, "given has 2 numbers", "3 channels", NULL);
    config = (nt_data_config){.normalize = NT_NORM_GIVEN, .given_std = zero, .n_given = 1};
    expect_message(nt_normalizer_init(&z, &config, 4, 4, 3, &err), &err, "std number 1 is 0", NULL);
    config = (nt_data_config){.normalize = NT_NORM_SCALE};
    expect_message(nt_normalizer_init(&z, &config, 4, 4, 3, &err), &err, "scale is 0", NULL);
    config = (nt_data_config){.normalize = NT_NORM_STANDARDIZE};
    expect_ok(nt_normalizer_init(&z, &config, 4, 4, 3, &err), &err);
    assert_false(z.ready);
    expect_message(nt_normalizer_set(&z, two, two, 2, 1, NULL, &err), &err, "2 normalization constants do not fit", "48",
                   NULL);
    expect_message(nt_normalizer_set(&z, &nan, NULL, 3, 1, NULL, &err), &err, "mean number 1", NULL);
    nt_normalizer_free(&z);
}

/* ----------------------------------------------------------------------------------------------------- augmentation */

/* One sample with a border, moved or mirrored one step at a time; -1 marks what is empty. */
static void naive_augment(const nt_augment *list, int n, uint64_t key, int h, int w, int c, double *image)
{
    double *from = malloc((size_t)(h * w * c) * sizeof *from);
    for (int k = 0; k < n; k++) {
        uint64_t own = nt_key(key, (uint64_t)k);
        memcpy(from, image, (size_t)(h * w * c) * sizeof *from);
        bool mirror = list[k].kind == NT_AUG_MIRROR && nt_random(own, 0) >> 63;
        int dy = 0, dx = 0;
        if (list[k].kind != NT_AUG_MIRROR) {
            dy = (int)nt_random_below(own, 0, 2 * (uint64_t)list[k].pixels + 1) - list[k].pixels;
            dx = (int)nt_random_below(own, 1, 2 * (uint64_t)list[k].pixels + 1) - list[k].pixels;
        }
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                for (int i = 0; i < c; i++) {
                    int sy = y + dy, sx = mirror ? w - 1 - x : x + dx;
                    bool inside = sy >= 0 && sy < h && sx >= 0 && sx < w;
                    image[(y * w + x) * c + i] = inside ? from[(sy * w + sx) * c + i] : 0;
                }
    }
    free(from);
}

static void check_augmentation(const folder *f, const nt_augment *list, int n, nt_normalize normalize, int h, int w,
                               int c, bool bytes)
{
    nt_error err = {""};
    write_set(f, h, w, c, bytes, -1);
    config = (nt_data_config){.normalize = normalize, .augment = list, .n_augment = n, .validation_count = 10};
    nt_data d = load(f, h, w, c);
    int64_t size = (int64_t)h * w * c;
    nt_epoch e;
    expect_ok(nt_epoch_begin(&e, &d, &d.train, true, 5, 3, &err), &err);
    float *x = malloc((size_t)(d.train.count * size) * sizeof *x);
    double *image = malloc((size_t)size * sizeof *image);
    nt_data_batch(&e, 0, (int)d.train.count, x, NULL, NULL);
    for (int64_t s = 0; s < d.train.count; s++) {
        int64_t place = d.train.index[e.order[s]];
        for (int64_t i = 0; i < size; i++)
            image[i] = raw_value(&d, place, i);
        naive_augment(list, n, nt_key(e.augment_key, (uint64_t)s), h, w, c, image);
        for (int64_t i = 0; i < size; i++) {
            const nt_normalizer *z = &d.normalizer;
            double y = (image[i] - z->mean[i % z->n]) / (z->std ? z->std[i % z->n] : 1);
            if (fabs(x[s * size + i] - y) > 4e-6)
                fail_msg("sample %d value %d: %.9g, expected %.9g", (int)s, (int)i, (double)x[s * size + i], y);
        }
    }
    free(x);
    free(image);
    nt_epoch_end(&e);
    nt_data_free(&d);
}

static void augmentation_is_what_it_says(void **state)
{
    const folder *f = *state;
    static const nt_augment shift[] = {{.kind = NT_AUG_SHIFT, .pixels = 2}}, mirror[] = {{.kind = NT_AUG_MIRROR}}, crop[] = {{.kind = NT_AUG_CROP, .pixels = 4}};
    static const nt_augment all[] = {{.kind = NT_AUG_SHIFT, .pixels = 1},
                                     {.kind = NT_AUG_MIRROR},
                                     {.kind = NT_AUG_CROP, .pixels = 3},
                                     {.kind = NT_AUG_MIRROR},
                                     {.kind = NT_AUG_SHIFT, .pixels = 2}};
    static const nt_augment far[] = {{.kind = NT_AUG_SHIFT, .pixels = 50}, {.kind = NT_AUG_MIRROR}, {.kind = NT_AUG_SHIFT, .pixels = 5}};
    for (int i = 0; i < 4; i++) {
        nt_normalize normalize = i & 1 ? NT_NORM_CENTER_IMAGE : NT_NORM_STANDARDIZE;
        bool bytes = i & 2;
        for (int c = 1; c <= 4; c++) {
            check_augmentation(f, shift, 1, normalize, 6, 7, c, bytes);
            check_augmentation(f, mirror, 1, normalize, 6, 7, c, bytes);
            check_augmentation(f, crop, 1, normalize, 6, 7, c, bytes);
            check_augmentation(f, all, 5, normalize, 6, 7, c, bytes);
            check_augmentation(f, far, 3, normalize, 6, 7, c, bytes);
        }
        check_augmentation(f, all, 5, normalize, 9, 153, 3, bytes);
    }
    nt_error err = {""};
    nt_data d;
    config = (nt_data_config){.source = NT_SOURCE_NPY, .path = f->path, .augment = all, .n_augment = 2};
    nt_data_request q = request_of(1, 1, 42);
    expect_message(nt_data_load(&q, &d, &err), &err, "augment = shift needs images", NULL);
}

static void draws_are_evenly_spread(void **state)
{
    (void)state;
    static const nt_augment list[] = {{.kind = NT_AUG_SHIFT, .pixels = 2}, {.kind = NT_AUG_MIRROR}};
    int dy[5] = {0}, dx[5] = {0}, mirrored = 0;
    enum { DRAWS = 20000 };
    for (uint64_t key = 0; key < DRAWS; key++) {
        nt_placement p = nt_augment_draw(list, 1, 28, 28, key);
        dy[p.y_shift + 2]++;
        dx[p.x_shift + 2]++;
        mirrored += nt_augment_draw(list, 2, 28, 28, key).x_step < 0;
    }
    for (int i = 0; i < 5; i++) {
        assert_in_range(dy[i], DRAWS / 5 - 300, DRAWS / 5 + 300);
        assert_in_range(dx[i], DRAWS / 5 - 300, DRAWS / 5 + 300);
    }
    assert_in_range(mirrored, DRAWS / 2 - 400, DRAWS / 2 + 400);
}

/* ----------------------------------------------------------------------------------------------------------- epochs */

static void epochs_shuffle_by_seed_and_number(void **state)
{
    const folder *f = *state;
    nt_error err = {""};
    write_set(f, 4, 3, 1, true, -1);
    config = (nt_data_config){.validation_count = 50};
    nt_data d = load(f, 4, 3, 1);
    nt_epoch a, b;
    expect_ok(nt_epoch_begin(&a, &d, &d.train, true, 1, 4, &err), &err);
    int seen[SAMPLES] = {0};
    for (int i = 0; i < 150; i++)
        seen[a.order[i]]++;
    for (int i = 0; i < 150; i++)
        assert_int_equal(seen[i], 1);
    static const struct {
        uint64_t seed, number;
    } others[] = {{1, 4}, {1, 5}, {2, 4}};
    for (int i = 0; i < 3; i++) {
        expect_ok(nt_epoch_begin(&b, &d, &d.train, true, others[i].seed, others[i].number, &err), &err);
        assert_int_equal(memcmp(a.order, b.order, 150 * sizeof *a.order) == 0, i == 0);
        nt_epoch_end(&b);
    }
    nt_epoch_end(&a);
    expect_ok(nt_epoch_begin(&a, &d, &d.validation, false, 1, 4, &err), &err);
    assert_null(a.order);
    nt_epoch_end(&a);
    nt_data_free(&d);
}

/* Batches cut anywhere, by any number of threads, are the same bits. */
static void batches_do_not_depend_on_cuts_or_threads(void **state)
{
    const folder *f = *state;
    static const nt_augment list[] = {{.kind = NT_AUG_CROP, .pixels = 4}, {.kind = NT_AUG_MIRROR}};
    nt_error err = {""};
    write_set(f, 8, 8, 3, true, -1);
    config = (nt_data_config){.normalize = NT_NORM_CENTER_IMAGE, .augment = list, .n_augment = 2};
    nt_data d = load(f, 8, 8, 3);
    enum { SIZE = 192 };
    static float whole[SAMPLES * SIZE], cut[SAMPLES * SIZE];
    static int32_t whole_labels[SAMPLES], cut_labels[SAMPLES];
    nt_epoch e;
    expect_ok(nt_epoch_begin(&e, &d, &d.train, true, 5, 3, &err), &err);
    nt_data_batch(&e, 0, SAMPLES, whole, whole_labels, NULL);
    for (int threads = 1; threads <= 3; threads++) {
        memset(cut, 0, sizeof cut);
#ifdef _OPENMP
        omp_set_num_threads(threads);
#endif
        for (int first = 0, n; first < SAMPLES; first += n) {
            n = SAMPLES - first < 7 * threads ? SAMPLES - first : 7 * threads;
#pragma omp parallel
            nt_data_batch(&e, first, n, cut + first * SIZE, cut_labels + first, NULL);
        }
        assert_memory_equal(whole, cut, sizeof whole);
        assert_memory_equal(whole_labels, cut_labels, sizeof whole_labels);
    }
    nt_epoch_end(&e);
    nt_data_free(&d);
}

static void requests_are_checked(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b"};
    nt_error err = {""};
    nt_data d;
    config = (nt_data_config){.source = NT_SOURCE_SPIRAL, .spiral_classes = 4, .spiral_points = 3};
    nt_data_request q = request_of(1, 1, 2);
    config.classes = names;
    config.n_classes = 2;
    expect_message(nt_data_load(&q, &d, &err), &err, "classes = [...] has 2 names, the network has 4 outputs", NULL);
    config.classes = NULL;
    q.h = 1 << 20;
    q.w = 1 << 20;
    expect_message(nt_data_load(&q, &d, &err), &err, "1048576x1048576x2", NULL);
    q = request_of(1, 1, 2);
    q.config = &(nt_data_config){.source = NT_SOURCE_IDX};
    expect_message(nt_data_load(&q, &d, &err), &err, "no path", "--data", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(validation_is_held_out_at_random, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(normalization_is_what_it_says, make_folder, remove_folder),
        cmocka_unit_test(bad_constants_are_refused),
        cmocka_unit_test_setup_teardown(augmentation_is_what_it_says, make_folder, remove_folder),
        cmocka_unit_test(draws_are_evenly_spread),
        cmocka_unit_test_setup_teardown(epochs_shuffle_by_seed_and_number, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(batches_do_not_depend_on_cuts_or_threads, make_folder, remove_folder),
        cmocka_unit_test(requests_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
