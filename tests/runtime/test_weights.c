/* test_weights.c - safetensors files: sound ones go there and back, others are refused with a message that says why. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../runtime/weights.h"

static char folder[] = "/tmp/nt_weights_XXXXXX", path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/w.safetensors", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

/* A file of a header and as many bytes of values, in memory. */
static unsigned char *file_of(const char *header, const void *values, size_t n_values, size_t *size)
{
    size_t length = strlen(header);
    unsigned char *bytes = calloc(1, 8 + length + n_values + 1);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(bytes + 8, header, length);
    if (values)
        memcpy(bytes + 8 + length, values, n_values);
    *size = 8 + length + n_values;
    return bytes;
}

/* Is the header refused, with this in the message? */
static void refused(const char *header, size_t n_values, const char *because)
{
    nt_tensors tensors;
    nt_error error = {0};
    size_t size;
    unsigned char *bytes = file_of(header, NULL, n_values, &size);
    assert_false(nt_tensors_parse(&tensors, "x.safetensors", bytes, size, &error));
    if (!strstr(error.text, because) || !strstr(error.text, "x.safetensors"))
        fail_msg("'%s' should say '%s'", error.text, because);
    assert_null(tensors.bytes);
}

static void unsound_headers_are_refused(void **state)
{
    (void)state;
    refused("", 0, "header is not valid");
    refused("[1]", 0, "not a JSON object");
    refused("{\"a\":1}", 0, "'a' needs dtype");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"a\":{\"dtype\":\"F32\",\"shape\":[2],"
            "\"data_offsets\":[0,8]}}",
            8, "duplicate");
    refused("{\"a\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "unknown dtype 'F31'");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, "cut short");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, "1 bytes after the last tensor");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8,
            "has 8 bytes, its shape and dtype need 12");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,8]}}", 8, "not a list of sizes");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,8]}}", 8, "not a list of sizes");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "not a range");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, "not a range");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
            "larger than any file");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,0],\"data_offsets\":[0,0]}}", 0,
            "larger than any file");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "9 dimensions");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],"
            "\"data_offsets\":[4,12]}}",
            12, "overlap");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, "hole");
    refused("{\"__metadata__\":[]}", 0, "__metadata__");
    refused("{\"__metadata__\":{\"a\":1}}", 0, "not a string");
}

static void lengths_are_checked_against_the_file(void **state)
{
    (void)state;
    nt_tensors tensors;
    nt_error error = {0};
    for (size_t size = 0; size < 12; size++) {
        unsigned char *bytes = calloc(1, 16);
        assert_non_null(bytes);
        memset(bytes, 0xff, 8);
        assert_false(nt_tensors_parse(&tensors, "x", bytes, size, &error));
    }
    assert_non_null(strstr(error.text, "cut short"));
}

static void types_are_converted(void **state)
{
    (void)state;
    static const unsigned char values[] = {
        0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0x00, 0x7c, /* F16: 1, -2, 2^-24, inf */
        0x80, 0x3f, 0x20, 0xc1,                         /* BF16: 1, -10 */
        0,    0,    0,    0,    0,    0,    0xf8, 0x3f, /* F64: 1.5 */
        0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* I64: -2 */
        0xfd, 0xff, 0xff, 0xff,                         /* I32: -3 */
        0xff, 0x80,                                     /* U8: 255; I8: -128 */
    };
    static const char header[] = "{\"h\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[0,8]},"
                                 "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[8,12]},"
                                 "\"d\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[12,20]},"
                                 "\"l\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[20,28]},"
                                 "\"i\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[28,32]},"
                                 "\"u\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[32,33]},"
                                 "\"c\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[33,34]}}";
    nt_tensors tensors;
    nt_error error = {0};
    size_t size;
    float f[4];
    unsigned char *bytes = file_of(header, values, sizeof values, &size);
    assert_true(nt_tensors_parse(&tensors, "x", bytes, size, &error));
    assert_true(nt_tensor_floats(nt_tensors_find(&tensors, "h"), f));
    assert_true(f[0] == 1 && f[1] == -2 && f[2] == 0x1p-24f && isinf(f[3]));
    assert_true(nt_tensor_floats(nt_tensors_find(&tensors, "b"), f) && f[0] == 1 && f[1] == -10);
    assert_true(nt_tensor_floats(nt_tensors_find(&tensors, "d"), f) && f[0] == 1.5);
    assert_true(nt_tensor_floats(nt_tensors_find(&tensors, "l"), f) && f[0] == -2);
    assert_true(nt_tensor_floats(nt_tensors_find(&tensors, "i"), f) && f[0] == -3);
    assert_true(nt_tensor_floats(nt_tensors_find(&tensors, "u"), f) && f[0] == 255);
    assert_true(nt_tensor_floats(nt_tensors_find(&tensors, "c"), f) && f[0] == -128);
    assert_null(nt_tensors_find(&tensors, "none"));
    nt_tensors_free(&tensors);
}

/* -- A model's weights ------------------------------------------------------------------------------------------- */

enum { CONV = 8 * 2 * 9, ELEMENTS = CONV + 8 + 8 };

static const nt_param net_params[] = {
    {.name = "conv1.weight",
     .layout = NT_PANELS,
     .disk_dims = {5, 2, 3, 3},
     .n_disk_dims = 4,
     .out = 5,
     .in = 2,
     .kh = 3,
     .kw = 3,
     .groups = 1,
     .panel = 8,
     .out_padded = 8,
     .offset = 0,
     .elements = CONV,
     .init = NT_INIT_NORMAL,
     .init_a = 1},
    {.name = "conv1.bias",
     .role = NT_BIAS,
     .disk_dims = {5},
     .n_disk_dims = 1,
     .out = 5,
     .groups = 1,
     .offset = CONV,
     .elements = 8,
     .init = NT_INIT_NORMAL,
     .init_a = 1,
     .init_stream = 1},
    {.name = "bn1.running_mean",
     .role = NT_STAT,
     .disk_dims = {5},
     .n_disk_dims = 1,
     .out = 5,
     .groups = 1,
     .offset = CONV + 8,
     .elements = 8,
     .init = NT_INIT_NORMAL,
     .init_a = 1,
     .init_stream = 2},
};

static const nt_model net = {.name = "net",
                             .hash = "0123456789abcdef",
                             .params = net_params,
                             .n_params = 3,
                             .trainable_elements = CONV + 8,
                             .gradient_elements = CONV + 8,
                             .params_elements = ELEMENTS};

static void weights_go_there_and_back(void **state)
{
    (void)state;
    double mean[] = {0.1, 0.2}, std[] = {1.0 / 3, 2};
    char *names[] = {"cat", "d\xc3\xb6g"};
    nt_normalizer from = {.kind = NT_NORM_STANDARDIZE, .n = 2, .mean = mean, .std = std, .scale = 1};
    nt_normalizer to = {.kind = NT_NORM_STANDARDIZE, .h = 1, .w = 1, .c = 2};
    nt_error error = {0};
    nt_weights weights;
    real params[ELEMENTS], back[ELEMENTS];
    bool found;
    assert_true(nt_params_initialise(&net, 1, params, NULL));
    json_t *metadata = nt_weights_metadata(&net, &from, names, 2);
    assert_non_null(metadata);
    assert_true(nt_weights_save(&net, params, metadata, path, NT_SURVIVES_MACHINE, &error));
    json_decref(metadata);

    assert_true(nt_weights_load(&weights, &net, path, back, &error));
    assert_memory_equal(params, back, sizeof params);
    assert_false(weights.other_model);
    assert_string_equal(nt_weights_class(&weights, 1), "d\xc3\xb6g");
    assert_null(nt_weights_class(&weights, 2));
    assert_true(nt_weights_normalizer(&weights, &to, &found, &error) && found);
    assert_true(to.n == 2 && to.mean[1] == 0.2 && to.std[0] == 1.0 / 3);
    nt_normalizer_free(&to);
    nt_weights_free(&weights);
}

static void another_model_s_hash_is_noticed(void **state)
{
    (void)state;
    nt_model other = net;
    nt_error error = {0};
    nt_weights weights;
    real params[ELEMENTS];
    other.hash = "another";
    assert_true(nt_weights_load(&weights, &other, path, params, &error));
    assert_true(weights.other_model);
    nt_weights_free(&weights);
}

/* Writes F32 tensors of these names and shapes, all values 0. */
static void fill_zero(void *context, size_t index, float *values)
{
    const nt_tensor_out *out = (const nt_tensor_out *)context + index;
    size_t n = 1;
    for (int i = 0; i < out->n_dims; i++)
        n *= (size_t)out->dims[i];
    memset(values, 0, n * sizeof *values);
}

static void misfits_are_listed(void **state)
{
    (void)state;
    nt_tensor_out out[] = {{"conv1.weigth", 4, {5, 2, 3, 3}},
                           {"conv1.bias", 1, {6}},
                           {"bn1.running_mean", 1, {5}},
                           {"bn1.num_batches_tracked", 0, {0}},
                           {"extra", 1, {1}}};
    nt_error error = {0};
    nt_weights weights;
    real params[ELEMENTS] = {7};
    assert_true(nt_tensors_write(path, out, 5, NULL, fill_zero, out, NT_SURVIVES_PROCESS, &error));
    assert_false(nt_weights_load(&weights, &net, path, params, &error));
    assert_non_null(strstr(
        error.text, "missing     conv1.weight [5, 2, 3, 3]; the file has conv1.weigth [5, 2, 3, 3]: did you mean"));
    assert_non_null(strstr(error.text, "shape       conv1.bias is [6] in the file, [5] in the network"));
    assert_non_null(strstr(error.text, "unexpected  extra [1]"));
    assert_null(strstr(error.text, "num_batches_tracked"));
    assert_true(params[0] == 7); /* untouched */
}

static void pytorch_files_need_no_metadata(void **state)
{
    (void)state;
    nt_tensor_out out[] = {{"conv1.weight", 4, {5, 2, 3, 3}},
                           {"conv1.bias", 1, {5}},
                           {"bn1.running_mean", 1, {5}},
                           {"bn1.num_batches_tracked", 0, {0}}};
    nt_error error = {0};
    nt_weights weights;
    nt_normalizer to = {.kind = NT_NORM_STANDARDIZE};
    real params[ELEMENTS];
    bool found = true;
    assert_true(nt_tensors_write(path, out, 4, NULL, fill_zero, out, NT_SURVIVES_PROCESS, &error));
    assert_true(nt_weights_load(&weights, &net, path, params, &error));
    assert_true(nt_weights_normalizer(&weights, &to, &found, &error));
    assert_false(found || weights.other_model);
    nt_weights_free(&weights);
}

static void what_cannot_be_written_is_said(void **state)
{
    (void)state;
    nt_tensor_out out[] = {{"a", 1, {5}}};
    nt_error error = {0};
    assert_false(
        nt_tensors_write("/proc/none/w.safetensors", out, 1, NULL, fill_zero, out, NT_SURVIVES_MACHINE, &error));
    assert_non_null(strstr(error.text, "/proc/none/w.safetensors: cannot write"));
}

/* The rename comes last: whatever fails before it leaves the old file. */
static void a_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    char temporary[128];
    nt_tensor_out out[] = {{"a", 1, {5}}}, large[] = {{"a", 1, {1000}}};
    nt_error error = {0};
    nt_tensors tensors;
    assert_true(nt_tensors_write(path, out, 1, NULL, fill_zero, out, NT_SURVIVES_PROCESS, &error));
    /* A full disk: the temporary file is a link to the device that is always full. */
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    assert_int_equal(symlink("/dev/full", temporary), 0);
    assert_false(nt_tensors_write(path, large, 1, NULL, fill_zero, large, NT_SURVIVES_PROCESS, &error));
    assert_non_null(strstr(error.text, "free some space"));
    assert_int_not_equal(access(temporary, F_OK), 0);
    assert_true(nt_tensors_read(&tensors, path, &error));
    assert_int_equal(nt_tensors_find(&tensors, "a")->count, 5);
    nt_tensors_free(&tensors);
}

/* What is no file stays what it is: a rename would put one in its place. A symbolic link to it, so that the device
 * itself is out of reach of a mistake here. */
static void pipes_and_devices_are_written_to(void **state)
{
    (void)state;
    char temporary[128];
    nt_tensor_out out[] = {{"a", 1, {1000}}};
    nt_error error = {0};
    struct stat there;
    snprintf(temporary, sizeof temporary, "%s.tmp", path);

    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    bool written = nt_tensors_write(path, out, 1, NULL, fill_zero, out, NT_SURVIVES_MACHINE, &error);
    assert_int_equal(lstat(path, &there), 0);
    assert_true(S_ISFIFO(there.st_mode));
    assert_true(written);
    unsigned char bytes[8192];
    ssize_t n = read(reader, bytes, sizeof bytes);
    assert_int_equal(n, 8 + bytes[0] + 4 * 1000); /* the header of this one is shorter than 256 */
    assert_int_equal(close(reader), 0);
    assert_int_equal(unlink(path), 0);

    assert_int_equal(symlink("/dev/full", path), 0);
    written = nt_tensors_write(path, out, 1, NULL, fill_zero, out, NT_SURVIVES_PROCESS, &error);
    assert_int_equal(lstat(path, &there), 0);
    assert_true(S_ISLNK(there.st_mode));
    assert_false(written);
    assert_non_null(strstr(error.text, "free some space"));
    assert_int_equal(unlink(path), 0);
    assert_int_not_equal(access(temporary, F_OK), 0);
}

static void files_that_are_not_there(void **state)
{
    (void)state;
    nt_tensors tensors;
    nt_error error = {0};
    assert_false(nt_tensors_read(&tensors, "/none.safetensors", &error));
    assert_non_null(strstr(error.text, "/none.safetensors: cannot open"));
    assert_false(nt_tensors_read(&tensors, "/tmp", &error));
    assert_non_null(strstr(error.text, "not a file: name the weights in it"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsound_headers_are_refused),
        cmocka_unit_test(lengths_are_checked_against_the_file),
        cmocka_unit_test(types_are_converted),
        cmocka_unit_test(weights_go_there_and_back),
        cmocka_unit_test(another_model_s_hash_is_noticed),
        cmocka_unit_test(misfits_are_listed),
        cmocka_unit_test(pytorch_files_need_no_metadata),
        cmocka_unit_test(what_cannot_be_written_is_said),
        cmocka_unit_test(a_failed_write_leaves_the_old_file),
        cmocka_unit_test(pipes_and_devices_are_written_to),
        cmocka_unit_test(files_that_are_not_there),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
