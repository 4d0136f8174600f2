/* NumPy arrays: every type and order of dimensions that is understood, and a message for those that are not. */
#include "data_files.h"

static nt_data_config config = {.source = NT_SOURCE_NPY};

static nt_data_request request_of(int h, int w, int c, int outputs)
{
    return (nt_data_request){.config = &config,
                             .h = h,
                             .w = w,
                             .c = c,
                             .outputs = outputs,
                             .parts = NT_PART_TRAIN | NT_PART_TEST};
}

static bool read_inputs(const nt_data_request *q, const char *type, const char *shape, const void *values, size_t n,
                        nt_part *part, nt_error *err)
{
    uint8_t bytes[1024];
    nt_file file = file_of(bytes, npy_bytes(bytes, type, shape, values, n));
    *part = (nt_part){0};
    bool ok = nt_npy_inputs(q, &file, false, part, NULL, 0, err);
    nt_file_free(&file);
    return ok;
}

static bool read_answers(const nt_data_request *q, int64_t count, const char *type, const char *shape,
                         const void *values, size_t n, nt_part *part, nt_error *err)
{
    uint8_t bytes[1024];
    nt_file file = file_of(bytes, npy_bytes(bytes, type, shape, values, n));
    *part = (nt_part){.count = count};
    bool ok = nt_npy_answers(q, &file, part, err);
    nt_file_free(&file);
    return ok;
}

static void every_type_is_read(void **state)
{
    (void)state;
    static const float f4[6] = {1, -2, 3.5f, 4, 5, 6};
    static const double f8[6] = {1, -2, 3.5, 4, 5, 6};
    static const int32_t i4[6] = {1, -2, 3, 4, 5, 6};
    static const int64_t i8[6] = {1, -2, 3, 4, 5, 6};
    static const float whole[6] = {1, -2, 3, 4, 5, 6};
    static const uint8_t u1[6] = {1, 2, 3, 4, 5, 255};
    static const struct {
        const char *type;
        const void *values;
        size_t size;
        const float *expected;
    } cases[] = {{"<f4", f4, sizeof f4, f4},
                 {"<f8", f8, sizeof f8, f4},
                 {"<i4", i4, sizeof i4, whole},
                 {"<i8", i8, sizeof i8, whole}};
    nt_data_request q = request_of(1, 1, 2, 2);
    nt_error err = {""};
    nt_part part;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_ok(read_inputs(&q, cases[i].type, "(3, 2)", cases[i].values, cases[i].size, &part, &err), &err);
        assert_int_equal(part.count, 3);
        assert_memory_equal(part.values, cases[i].expected, 6 * sizeof(float));
        nt_part_free(&part);
    }
    expect_ok(read_inputs(&q, "|u1", "(3, 2)", u1, sizeof u1, &part, &err), &err);
    assert_memory_equal(part.bytes, u1, sizeof u1);
    assert_null(part.values);
    nt_part_free(&part);
}

static void channels_come_last_in_memory(void **state)
{
    (void)state;
    uint8_t first[2 * 3 * 2 * 4], last[2 * 2 * 4 * 3];
    float f_first[48], f_last[48];
    for (int s = 0; s < 2; s++)
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < 8; i++) {
                first[(s * 3 + c) * 8 + i] = last[(s * 8 + i) * 3 + c] = (uint8_t)(s * 100 + c * 10 + i);
                f_first[(s * 3 + c) * 8 + i] = f_last[(s * 8 + i) * 3 + c] = (float)(s * 100 + c * 10 + i);
            }
    nt_data_request q = request_of(2, 4, 3, 2);
    nt_error err = {""};
    nt_part part;
    expect_ok(read_inputs(&q, "|u1", "(2, 3, 2, 4)", first, sizeof first, &part, &err), &err);
    assert_memory_equal(part.bytes, last, sizeof last);
    nt_part_free(&part);
    expect_ok(read_inputs(&q, "|u1", "(2, 2, 4, 3)", last, sizeof last, &part, &err), &err);
    assert_memory_equal(part.bytes, last, sizeof last);
    nt_part_free(&part);
    expect_ok(read_inputs(&q, "<f4", "(2, 3, 2, 4)", f_first, sizeof f_first, &part, &err), &err);
    assert_memory_equal(part.values, f_last, sizeof f_last);
    nt_part_free(&part);
    q = request_of(6, 4, 1, 2);
    expect_ok(read_inputs(&q, "|u1", "(2, 6, 4)", first, sizeof first, &part, &err), &err);
    assert_memory_equal(part.bytes, first, sizeof first);
    nt_part_free(&part);
    q = request_of(5, 5, 1, 2);
    expect_message(read_inputs(&q, "|u1", "(2, 6, 4)", first, sizeof first, &part, &err), &err, "(2, 6, 4)",
                   "reads 5x5x1", "input(6x4x1)", NULL);
    q = request_of(1, 1, 7, 2);
    expect_message(read_inputs(&q, "|u1", "(48,)", first, sizeof first, &part, &err), &err, "(48,)", "(N, F)", NULL);
}

static void answers_are_labels_or_targets(void **state)
{
    (void)state;
    static const int64_t i8[3] = {2, 0, 1};
    static const int32_t i4[3] = {2, 0, 1}, bad[3] = {2, -1, 1};
    static const uint8_t u1[3] = {2, 0, 1};
    static const float f4[6] = {0, .5f, 1, 1.5f, 2, 2.5f};
    nt_data_request q = request_of(1, 1, 2, 3);
    nt_error err = {""};
    nt_part part;
    static const struct {
        const char *type;
        const void *values;
        size_t size;
    } cases[] = {{"<i8", i8, sizeof i8}, {"<i4", i4, sizeof i4}, {"|u1", u1, sizeof u1}};
    for (size_t i = 0; i < 3; i++) {
        expect_ok(read_answers(&q, 3, cases[i].type, "(3,)", cases[i].values, cases[i].size, &part, &err), &err);
        assert_memory_equal(part.labels, i4, sizeof i4);
        nt_part_free(&part);
    }
    expect_message(read_answers(&q, 3, "<i4", "(3,)", bad, sizeof bad, &part, &err), &err,
                   "sample 1 (byte 132) has label -1", NULL);
    nt_part_free(&part);
    expect_message(read_answers(&q, 4, "<i4", "(3,)", i4, sizeof i4, &part, &err), &err, "3 rows", "4 samples", NULL);
    expect_message(read_answers(&q, 3, "<f4", "(3, 2)", f4, sizeof f4, &part, &err), &err,
                   "cross_entropy needs class indices, or 3 values a sample", "argmax", NULL);
    expect_ok(read_answers(&q, 2, "<f4", "(2, 3)", f4, sizeof f4, &part, &err), &err); /* shares of the classes */
    assert_memory_equal(part.targets, f4, sizeof f4);
    nt_part_free(&part);
    expect_message(read_answers(&q, 6, "<f4", "(6,)", f4, sizeof f4, &part, &err), &err, "y.astype('int64')", NULL);
    q.dense = true;
    expect_ok(read_answers(&q, 2, "<f4", "(2, 3)", f4, sizeof f4, &part, &err), &err);
    assert_memory_equal(part.targets, f4, sizeof f4);
    nt_part_free(&part);
    expect_message(read_answers(&q, 3, "<f4", "(3, 2)", f4, sizeof f4, &part, &err), &err, "3 outputs", "dense(2)",
                   NULL);
    q.outputs = 1;
    expect_ok(read_answers(&q, 6, "<f4", "(6,)", f4, sizeof f4, &part, &err), &err);
    assert_memory_equal(part.targets, f4, sizeof f4);
    nt_part_free(&part);
    expect_message(read_answers(&q, 1, "<f4", "(1, 2, 3)", f4, sizeof f4, &part, &err), &err, "(1, 2, 3)", NULL);
    static const float channels_last[6] = {0, 1.5f, .5f, 2, 1, 2.5f};
    q.outputs = 6, q.out_h = 1, q.out_w = 3;
    expect_ok(read_answers(&q, 1, "<f4", "(1, 1, 3, 2)", f4, sizeof f4, &part, &err), &err);
    assert_memory_equal(part.targets, f4, sizeof f4);
    nt_part_free(&part);
    expect_ok(read_answers(&q, 1, "<f4", "(1, 2, 1, 3)", f4, sizeof f4, &part, &err), &err);
    assert_memory_equal(part.targets, channels_last, sizeof channels_last);
    nt_part_free(&part);
    expect_message(read_answers(&q, 1, "<f4", "(1, 6)", f4, sizeof f4, &part, &err), &err, "the network gives 1x3x2",
                   "(N, 1, 3, 2)", "(N, 2, 1, 3)", NULL);
    q.outputs = 3;
    expect_ok(read_answers(&q, 2, "<f4", "(2, 1, 3)", f4, sizeof f4, &part, &err), &err);
    assert_memory_equal(part.targets, f4, sizeof f4);
    nt_part_free(&part);
}

static void broken_arrays_are_refused(void **state)
{
    (void)state;
    nt_data_request q = request_of(1, 1, 2, 2);
    nt_error err = {""};
    nt_part part;
    float values[6] = {1, 2, 3, 4, 5, 6};
    uint8_t bytes[1024];
    size_t n = npy_bytes(bytes, "<f4", "(3, 2)", values, sizeof values);
    for (size_t cut = 0; cut <= n + 1; cut++) {
        bytes[n] = 0;
        nt_file file = file_of(bytes, cut);
        part = (nt_part){0};
        bool ok = nt_npy_inputs(&q, &file, false, &part, NULL, 0, &err);
        if (cut == n)
            expect_ok(ok, &err);
        else
            expect_message(ok, &err, "the file: ", NULL);
        nt_part_free(&part);
        nt_file_free(&file);
    }
    static const struct {
        const char *type, *shape, *word;
    } cases[] = {
        {">f4", "(3, 2)", "type '>f4'"},
        {"<c8", "(3, 2)", "type '<c8'"},
        {"", "(3, 2)", "type ''"},
        {"<f4", "(3, 2, 1, 1, 1)", "more than 4 dimensions"},
        {"<f4", "(0, 2)", "dimension 1 of its shape is 0"},
        {"<f4", "(3, -2)", "the shape in its header"},
        {"<f4", "(3, 2", "the shape in its header"},
        {"<f4", "(99999999999999999999, 2)", "the shape in its header"},
        {"<f4", "(4611686018427387905, 4, 1)",
         "not what its shape"}, /* 6 values modulo 2^64 if multiplied carelessly */
        {"<f4", "(3, 3)", "has 24 bytes of data"},
        {"<f4", "(3, 2), 'more': 1", "header cannot be read"},
        {"<f4', 'fortran_order': True, 'descr': '<f4", "(3, 2)", "Fortran order"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_message(read_inputs(&q, cases[i].type, cases[i].shape, values, sizeof values, &part, &err), &err,
                       "the file: ", cases[i].word, NULL);
    values[3] = (float)(1 / strtod("0", NULL));
    expect_message(read_inputs(&q, "<f4", "(3, 2)", values, sizeof values, &part, &err), &err,
                   "sample 1 has a value that is not finite", "byte 140", NULL);
    nt_part_free(&part);
    double large[2] = {1e300, 1};
    expect_message(read_inputs(&q, "<f8", "(1, 2)", large, sizeof large, &part, &err), &err, "sample 0",
                   "not finite as a float", NULL);
    nt_part_free(&part);
}

static void write_array(const char *path, const char *type, const char *shape, const void *values, size_t n)
{
    uint8_t bytes[1024];
    write_file(path, bytes, npy_bytes(bytes, type, shape, values, n));
}

static void folders_and_predictions(void **state)
{
    const folder *f = *state;
    static const float x[4] = {1, 2, 3, 4};
    static const uint8_t bytes[4] = {1, 2, 3, 4}, y[2] = {1, 0};
    nt_error err = {""};
    nt_data d;
    config.path = f->path;
    nt_data_request q = request_of(1, 1, 2, 2);
    expect_message(nt_data_load(&q, &d, &err), &err, "x_train.npy", NULL);
    write_array(path_in(f, "x_train.npy"), "<f4", "(2, 2)", x, sizeof x);
    expect_message(nt_data_load(&q, &d, &err), &err, "y_train.npy", NULL);
    write_array(path_in(f, "y_train.npy"), "|u1", "(2,)", y, sizeof y);
    expect_ok(nt_data_load(&q, &d, &err), &err);
    assert_int_equal(d.test.count, 0);
    assert_non_null(strstr(d.note, "(2, 2) is read as (sample, feature)"));
    nt_data_free(&d);
    write_array(path_in(f, "x_test.npy"), "|u1", "(2, 2)", bytes, sizeof bytes);
    expect_message(nt_data_load(&q, &d, &err), &err, "y_test.npy", NULL);
    write_array(path_in(f, "y_test.npy"), "|u1", "(2,)", y, sizeof y);
    expect_message(nt_data_load(&q, &d, &err), &err, "one of x_train.npy and x_test.npy holds uint8", NULL);
    write_array(path_in(f, "x_test.npy"), "<f4", "(2, 2)", x, sizeof x);
    expect_ok(nt_data_load(&q, &d, &err), &err);
    assert_int_equal(d.test.count, 2);
    nt_data_free(&d);

    expect_ok(nt_data_load_inputs(&q, path_in(f, "x_test.npy"), &d, &err), &err);
    assert_int_equal(d.test.count, 2);
    assert_memory_equal(d.test_part.values, x, sizeof x);
    nt_data_free(&d);
    write_array(path_in(f, "one.npy"), "<f4", "(2,)", x, 2 * sizeof *x); /* a single sample */
    expect_ok(nt_data_load_inputs(&q, path_in(f, "one.npy"), &d, &err), &err);
    assert_int_equal(d.test.count, 1);
    nt_data_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(channels_come_last_in_memory),
        cmocka_unit_test(answers_are_labels_or_targets),
        cmocka_unit_test(broken_arrays_are_refused),
        cmocka_unit_test_setup_teardown(folders_and_predictions, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
