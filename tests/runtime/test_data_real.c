/* Real data, where it is at hand: the folder in NETC_DATA may hold mnist/ (the four idx files), fashion-mnist/ and
 * cifar10/ (train/CLASS/x.jpg, test/CLASS/x.jpg). A test whose folder is missing says so and is skipped. */
#include "data_files.h"

#include <math.h>

static nt_data_config config;

/* The folder of a data set; skips the test if there is none. */
static const char *find(const char *name)
{
    static char path[512];
    const char *base = getenv("NETC_DATA");
    snprintf(path, sizeof path, "%s/%s", base ? base : "", name);
    if (!base || !nt_path_is_folder(path)) {
        print_message("skipped: %s is not there; NETC_DATA names the folder that holds %s/\n",
                      base ? path : "NETC_DATA", name);
        skip();
    }
    return path;
}

static nt_data load(nt_source_kind source, const char *path, int h, int w, int c)
{
    nt_error err = {""};
    nt_data d;
    config.source = source;
    config.path = path;
    nt_data_request q =
        {.config = &config, .h = h, .w = w, .c = c, .outputs = 10, .parts = NT_PART_TRAIN | NT_PART_TEST, .seed = 1};
    expect_ok(nt_data_load(&q, &d, &err), &err);
    return d;
}

/* Mean and standard deviation of the whole training part, as published for each set. */
static void check_constants(const nt_data *d, int channels, const double *mean, const double *std)
{
    assert_int_equal(d->normalizer.n, channels);
    for (int c = 0; c < channels; c++) {
        if (fabs(d->normalizer.mean[c] - mean[c]) > 1e-3 || fabs(d->normalizer.std[c] - std[c]) > 1e-3)
            fail_msg("channel %d: mean %.4f, std %.4f, expected %.4f, %.4f", c, d->normalizer.mean[c],
                     d->normalizer.std[c], mean[c], std[c]);
    }
}

static void mnist(void **state)
{
    (void)state;
    static const double mean[] = {0.1307}, std[] = {0.3081};
    config = (nt_data_config){.normalize = NT_NORM_STANDARDIZE};
    nt_data d = load(NT_SOURCE_IDX, find("mnist"), 28, 28, 1);
    assert_int_equal(d.train.count, 60000);
    assert_int_equal(d.test.count, 10000);
    static const int32_t first[] = {5, 0, 4, 1, 9};
    assert_memory_equal(d.train_part.labels, first, sizeof first);
    check_constants(&d, 1, mean, std);
    nt_data_free(&d);
}

static void fashion_mnist(void **state)
{
    (void)state;
    static const double mean[] = {0.2860}, std[] = {0.3530};
    config = (nt_data_config){.normalize = NT_NORM_STANDARDIZE};
    nt_data d = load(NT_SOURCE_IDX, find("fashion-mnist"), 28, 28, 1);
    assert_int_equal(d.train.count, 60000);
    int64_t count[10] = {0};
    for (int i = 0; i < 10000; i++)
        count[d.test_part.labels[i]]++;
    for (int i = 0; i < 10; i++)
        assert_int_equal(count[i], 1000);
    check_constants(&d, 1, mean, std);
    nt_data_free(&d);
}

/* The published constants are of the lossless images; those of the JPEGs differ in the third digit. */
static void cifar10_as_jpeg(void **state)
{
    (void)state;
    static const double mean[] = {0.4914, 0.4822, 0.4465}, std[] = {0.2455, 0.2429, 0.2607};
    config = (nt_data_config){.normalize = NT_NORM_STANDARDIZE};
    nt_data d = load(NT_SOURCE_IMAGES, find("cifar10"), 32, 32, 3);
    assert_int_equal(d.train.count, 50000);
    assert_int_equal(d.test.count, 10000);
    assert_string_equal(d.class_names[0], "airplane");
    assert_string_equal(d.class_names[9], "truck");
    check_constants(&d, 3, mean, std);
    nt_data_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mnist),
        cmocka_unit_test(fashion_mnist),
        cmocka_unit_test(cifar10_as_jpeg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
