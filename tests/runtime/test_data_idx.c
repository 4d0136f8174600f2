/* IDX files (MNIST), CIFAR-10's binary files, and the spiral: what they hold comes out, and what is broken is refused
 * with its place. */
#include "data_files.h"

#include <math.h>

static const uint32_t image_dims[3] = {5, 3, 2};
static const uint32_t label_dims[1] = {5};
static const uint8_t pixels[30] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13,  14,
                                   15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 254, 255};
static const uint8_t labels[5] = {2, 0, 1, 2, 1};

static nt_data_request request_of(const nt_data_config *config, int h, int w, int c, int outputs)
{
    return (nt_data_request){
        .config = config, .h = h, .w = w, .c = c, .outputs = outputs, .parts = NT_PART_TRAIN | NT_PART_TEST, .seed = 1};
}

static void write_mnist(const folder *f, const char *prefix, char separator, bool gzip)
{
    uint8_t bytes[64];
    char name[64];
    void (*write)(const char *, const void *, size_t) = gzip ? write_gzip : write_file;
    snprintf(name, sizeof name, "%s-images%cidx3-ubyte%s", prefix, separator, gzip ? ".gz" : "");
    write(path_in(f, name), bytes, idx_bytes(bytes, 3, image_dims, pixels));
    snprintf(name, sizeof name, "%s-labels%cidx1-ubyte%s", prefix, separator, gzip ? ".gz" : "");
    write(path_in(f, name), bytes, idx_bytes(bytes, 1, label_dims, labels));
}

static void assert_part(const nt_part *part)
{
    assert_int_equal(part->count, 5);
    assert_memory_equal(part->bytes, pixels, sizeof pixels);
    for (int i = 0; i < 5; i++)
        assert_int_equal(part->labels[i], labels[i]);
}

static void plain_and_gzip_load_alike(void **state)
{
    const folder *f = *state;
    nt_error err = {""};
    nt_data d;
    nt_data_config config = {.source = NT_SOURCE_IDX, .path = f->path};
    nt_data_request q = request_of(&config, 3, 2, 1, 3);
    write_mnist(f, "train", '-', true);
    write_mnist(f, "t10k", '.', false);
    expect_ok(nt_data_load(&q, &d, &err), &err);
    assert_part(&d.train_part);
    assert_part(&d.test_part);
    assert_null(d.class_names);
    nt_data_free(&d);

    q = request_of(&config, 1, 1, 6, 3); /* a vector of as many values */
    q.parts = NT_PART_TEST;
    expect_ok(nt_data_load(&q, &d, &err), &err);
    assert_int_equal(d.train.count, 0);
    assert_part(&d.test_part);
    nt_data_free(&d);

    q = request_of(&config, 1, 1, 6, 3); /* in colour, three times two pixels are in no order */
    assert_false(nt_check_shape(&q, "colour", 1, 2, 3, &err));
    assert_non_null(strstr(err.text, "colour: holds pictures of 1x2x3, the network reads 6 values in no order: write input(1x2x3)"));

    static const char *const names[] = {"zero", "one", "two"};
    config.classes = names;
    config.n_classes = 3;
    config.path = "elsewhere";
    q.path = f->path;
    expect_ok(nt_data_load(&q, &d, &err), &err);
    assert_string_equal(d.class_names[2], "two");
    nt_data_free(&d);
}

static void what_does_not_fit_is_explained(void **state)
{
    const folder *f = *state;
    nt_error err = {""};
    nt_data d;
    nt_data_config config = {.source = NT_SOURCE_IDX, .path = f->path};
    nt_data_request q = request_of(&config, 3, 2, 1, 3);
    expect_message(nt_data_load(&q, &d, &err), &err, f->path, "train-images-idx3-ubyte", NULL);
    write_mnist(f, "train", '-', false);
    expect_ok(nt_data_load(&q, &d, &err), &err); /* the test part may be missing ... */
    assert_int_equal(d.test.count, 0);
    nt_data_free(&d);
    q.parts = NT_PART_TEST; /* ... until it is wanted by itself */
    expect_message(nt_data_load(&q, &d, &err), &err, "t10k-images-idx3-ubyte", NULL);
    q = request_of(&config, 28, 28, 1, 3);
    expect_message(nt_data_load(&q, &d, &err), &err, "train-images-idx3-ubyte: holds samples of 3x2x1", "reads 28x28x1",
                   "input(3x2x1)", NULL);
    q = request_of(&config, 3, 2, 1, 2);
    expect_message(nt_data_load(&q, &d, &err), &err, "train-labels-idx1-ubyte: sample 0 (byte 8) has label 2",
                   "classes 0..1", NULL);
    config.path = "/nowhere";
    expect_message(nt_data_load(&q, &d, &err), &err, "/nowhere", "there is no such folder", NULL);
    config.source = NT_SOURCE_NONE;
    expect_message(nt_data_load(&q, &d, &err), &err, "no data section", NULL);
}

static void headers_are_not_trusted(void **state)
{
    (void)state;
    nt_error err = {""};
    nt_data_config config = {.source = NT_SOURCE_IDX};
    nt_data_request q = request_of(&config, 3, 2, 1, 3);
    uint8_t bytes[64];
    size_t n = idx_bytes(bytes, 3, image_dims, pixels);
    for (size_t cut = 0; cut <= n + 1; cut++) {
        bytes[n] = 0;
        nt_file file = file_of(bytes, cut);
        nt_part part = {0};
        bool ok = nt_idx_images(&q, &file, &part, &err);
        if (cut == n)
            expect_ok(ok, &err);
        else
            expect_message(ok, &err, "the file: ", NULL);
        nt_part_free(&part);
        nt_file_free(&file);
    }
    static const struct {
        int at;
        uint8_t value;
        const char *word;
    } damage[] = {{0, 0x1f, "begins with bytes 1f 00"},
                  {2, 0x0d, "type 0x0d"},
                  {3, 1, "labels file"},
                  {3, 9, "9 dimensions"},
                  {4, 0xff, "announces"},
                  {7, 4, "something else"},
                  {7, 0, "dimension 1"},
                  {11, 0, "dimension 2 at byte 8"}};
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        nt_file file = file_of(bytes, n);
        nt_part part = {0};
        file.bytes[damage[i].at] = damage[i].value;
        expect_message(nt_idx_images(&q, &file, &part, &err), &err, "the file: ", damage[i].word, NULL);
        nt_part_free(&part);
        nt_file_free(&file);
    }
    /* Sizes whose product is the file's only modulo 2^64. */
    uint8_t wrap[16] = {0, 0, 8, 3, 0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 4};
    nt_file file = file_of(wrap, sizeof wrap);
    nt_part part = {0};
    expect_message(nt_idx_images(&q, &file, &part, &err), &err, "announces", NULL);
    nt_file_free(&file);
    part.count = 4;
    n = idx_bytes(bytes, 1, label_dims, labels);
    file = file_of(bytes, n);
    expect_message(nt_idx_labels(&q, &file, &part, &err), &err, "5 labels", "4 images", NULL);
    nt_file_free(&file);
}

static void damaged_gzip_is_refused_everywhere(void **state)
{
    const folder *f = *state;
    uint8_t noise[3000];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(i * i >> 3);
    write_gzip(path_in(f, "whole.gz"), noise, sizeof noise);
    nt_file whole = slurp(path_in(f, "whole.gz")), file;
    nt_error err = {""};
    expect_ok(nt_file_read(path_in(f, "whole.gz"), &file, &err), &err);
    assert_int_equal(file.size, sizeof noise);
    assert_memory_equal(file.bytes, noise, sizeof noise);
    nt_file_free(&file);
    const char *cut = path_in(f, "cut.gz");
    for (size_t n = 2; n < whole.size; n++) {
        write_file(cut, whole.bytes, n);
        expect_message(nt_file_read(cut, &file, &err), &err, "cut.gz: ends at byte", NULL);
    }
    whole.bytes[whole.size / 2] ^= 0x40;
    write_file(cut, whole.bytes, whole.size);
    expect_message(nt_file_read(cut, &file, &err), &err, "cut.gz: is corrupt before byte", "fetch it again", NULL);
    nt_file_free(&whole);
    expect_message(nt_file_read(path_in(f, "none"), &file, &err), &err, "none: cannot be opened", NULL);
    expect_message(nt_file_read(f->path, &file, &err), &err, "is not a file", NULL);
    write_text(path_in(f, "empty"), "");
    expect_ok(nt_file_read(path_in(f, "empty"), &file, &err), &err);
    assert_int_equal(file.size, 0);
    nt_file_free(&file);
}

/* ------------------------------------------------------------------------------------------------------------ CIFAR */

enum { RECORD = 1 + 3 * 1024 };

/* A record whose bytes are a function of image, channel and place. */
static void cifar_record(uint8_t *to, int image, uint8_t label)
{
    to[0] = label;
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 1024; i++)
            to[1 + 1024 * c + i] = (uint8_t)(image * 31 + c * 7 + i);
}

static void write_cifar(const folder *f, int batches)
{
    static uint8_t bytes[2 * RECORD];
    char name[32];
    for (int b = 0; b <= batches; b++) {
        cifar_record(bytes, 2 * b, (uint8_t)b);
        cifar_record(bytes + RECORD, 2 * b + 1, 9);
        snprintf(name, sizeof name, b < batches ? "data_batch_%d.bin" : "test_batch.bin", b + 1);
        write_file(path_in(f, name), bytes, sizeof bytes);
    }
}

static void cifar_planes_become_pixels(void **state)
{
    const folder *f = *state;
    nt_error err = {""};
    nt_data d;
    nt_data_config config = {.source = NT_SOURCE_CIFAR, .path = f->path};
    nt_data_request q = request_of(&config, 32, 32, 3, 10);
    write_cifar(f, 5);
    write_text(path_in(f, "batches.meta.txt"),
               "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
    expect_ok(nt_data_load(&q, &d, &err), &err);
    assert_int_equal(d.train.count, 10);
    assert_int_equal(d.test.count, 2);
    assert_string_equal(d.class_names[0], "airplane");
    assert_string_equal(d.class_names[9], "truck");
    for (int image = 0; image < 10; image++) {
        assert_int_equal(d.train_part.labels[image], image & 1 ? 9 : image / 2);
        for (int i = 0; i < 1024; i++)
            for (int c = 0; c < 3; c++)
                assert_int_equal(d.train_part.bytes[(image * 1024 + i) * 3 + c], (uint8_t)(image * 31 + c * 7 + i));
    }
    nt_data_free(&d);
    write_text(path_in(f, "batches.meta.txt"), "one\ntwo\n");
    expect_ok(nt_data_load(&q, &d, &err), &err);
    assert_null(d.class_names);
    nt_data_free(&d);
}

static void cifar_damage_is_placed(void **state)
{
    const folder *f = *state;
    nt_error err = {""};
    nt_data d;
    nt_data_config config = {.source = NT_SOURCE_CIFAR, .path = f->path};
    nt_data_request q = request_of(&config, 32, 32, 3, 10);
    write_cifar(f, 4); /* data_batch_5.bin is missing */
    expect_message(nt_data_load(&q, &d, &err), &err, "data_batch_5.bin: is missing", NULL);
    static uint8_t bytes[2 * RECORD];
    cifar_record(bytes, 0, 1);
    cifar_record(bytes + RECORD, 1, 77);
    write_file(path_in(f, "data_batch_5.bin"), bytes, sizeof bytes);
    expect_message(nt_data_load(&q, &d, &err), &err, "data_batch_5.bin: record 1 (byte 3073) has label 77", NULL);
    write_file(path_in(f, "data_batch_5.bin"), bytes, RECORD + 100);
    expect_message(nt_data_load(&q, &d, &err), &err, "data_batch_5.bin: has 3173 bytes", "begins at byte 3073", NULL);
    q = request_of(&config, 28, 28, 1, 10);
    expect_message(nt_data_load(&q, &d, &err), &err, "32x32x3", "28x28x1", NULL);
    config.path = path_in(f, "data_batch_1.bin");
    expect_message(nt_data_load(&q, &d, &err), &err, "is not a folder", NULL);
    config.path = path_in(f, "nowhere");
    expect_message(nt_data_load(&q, &d, &err), &err, "there is no such folder", NULL);
}

/* ----------------------------------------------------------------------------------------------------------- spiral */

static void spiral_arms_are_where_they_should_be(void **state)
{
    (void)state;
    nt_error err = {""};
    nt_data d;
    nt_data_config config = {.source = NT_SOURCE_SPIRAL, .spiral_classes = 3, .spiral_points = 101};
    nt_data_request q = request_of(&config, 1, 1, 2, 3);
    expect_ok(nt_data_load(&q, &d, &err), &err);
    assert_int_equal(d.train.count, 303);
    for (int s = 0; s < 303; s++) {
        double radius = (s % 101) / 100.0, angle = 2 * acos(-1) * (s / 101) / 3 + 4 * radius;
        assert_int_equal(d.train_part.labels[s], s / 101);
        assert_true(fabs(d.train_part.values[2 * s] - radius * sin(angle)) < 1e-6);
        assert_true(fabs(d.train_part.values[2 * s + 1] - radius * cos(angle)) < 1e-6);
    }
    nt_data_free(&d);

    config.spiral_noise = 0.2;
    expect_ok(nt_data_load(&q, &d, &err), &err);
    double squares = 0;
    int differ = 0;
    for (int s = 0; s < 303; s++) {
        double radius = (s % 101) / 100.0, angle = 2 * acos(-1) * (s / 101) / 3 + 4 * radius;
        double x = d.train_part.values[2 * s], y = d.train_part.values[2 * s + 1];
        assert_true(fabs(hypot(x, y) - radius) < 1e-6); /* the noise turns points, it does not move them outwards */
        if (radius > 0) {
            double off = remainder(atan2(x, y) - angle, 2 * acos(-1));
            squares += off * off;
        }
        differ += memcmp(&d.train_part.values[2 * s], &d.test_part.values[2 * s], 8) != 0;
    }
    assert_true(fabs(sqrt(squares / 300) - 0.2) < 5 * 0.2 / sqrt(600));
    assert_true(differ > 295); /* all but the points at the origin */
    nt_data_free(&d);

    q.outputs = 4;
    expect_message(nt_data_load(&q, &d, &err), &err, "spiral(classes=3)", "4 outputs", "dense(3)", NULL);
    q = request_of(&config, 28, 28, 1, 3);
    expect_message(nt_data_load(&q, &d, &err), &err, "spiral: holds samples of 2", "input(2)", NULL);
    config.spiral_points = 0;
    expect_message(nt_data_load(&q, &d, &err), &err, "points=0", NULL);
    config.spiral_points = 5;
    config.spiral_noise = -1;
    expect_message(nt_data_load(&q, &d, &err), &err, "noise=-1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_and_gzip_load_alike, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_explained, make_folder, remove_folder),
        cmocka_unit_test(headers_are_not_trusted),
        cmocka_unit_test_setup_teardown(damaged_gzip_is_refused_everywhere, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(cifar_planes_become_pixels, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(cifar_damage_is_placed, make_folder, remove_folder),
        cmocka_unit_test(spiral_arms_are_where_they_should_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
