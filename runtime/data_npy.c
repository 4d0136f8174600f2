/* data_npy.c - arrays in NumPy's .npy format, versions 1 to 3: a magic, a version, the header's length, a Python
 * dictionary, the data. */
#include "data_source.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DIMS = 4 };

typedef enum npy_type { NPY_U1, NPY_F4, NPY_F8, NPY_I4, NPY_I8 } npy_type;

static const struct {
    const char *name, *other_name; /* a byte has no order, but some writers give it one */
    size_t size;
} types[] = {[NPY_U1] = {"|u1", "<u1", 1},
             [NPY_F4] = {"<f4", "f4", 4},
             [NPY_F8] = {"<f8", "f8", 8},
             [NPY_I4] = {"<i4", "i4", 4},
             [NPY_I8] = {"<i8", "i8", 8}};

typedef struct npy_array {
    npy_type type;
    int n_dims;
    int64_t dims[MAX_DIMS];
    size_t begin; /* first byte of the data */
} npy_array;

/* ----------------------------------------------------------------------------------------------------------- header */

/* A place in the header; it is text, and every byte looked at is checked against its end. */
typedef struct cursor {
    const char *at, *end;
} cursor;

static bool take(cursor *c, char wanted)
{
    while (c->at < c->end && isspace((unsigned char)*c->at))
        c->at++;
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* A quoted string, without escapes: none of the keys and types has any. */
static bool take_text(cursor *c, char *text, size_t size)
{
    char quote = take(c, '\'') ? '\'' : take(c, '"') ? '"' : '\0';
    size_t n = 0;
    while (quote && c->at < c->end && *c->at != quote && n + 1 < size)
        text[n++] = *c->at++;
    text[n] = '\0';
    return quote && take(c, quote);
}

static bool take_word(cursor *c, const char *word)
{
    size_t length = strlen(word);
    while (c->at < c->end && *c->at == ' ')
        c->at++;
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0)
        return false;
    c->at += length;
    return true;
}

static bool take_number(cursor *c, int64_t *value)
{
    while (c->at < c->end && *c->at == ' ')
        c->at++;
    const char *first = c->at;
    for (*value = 0; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        if (*value > (INT64_MAX - 9) / 10)
            return false;
        *value = *value * 10 + (*c->at - '0');
    }
    return c->at > first;
}

static bool read_shape(cursor *c, const nt_file *file, npy_array *array, nt_error *err)
{
    bool ok = take(c, '(');
    array->n_dims = 0;
    while (ok && !take(c, ')')) {
        if (array->n_dims == MAX_DIMS)
            return nt_fail(err,
                           "%s: has more than %d dimensions: at most (samples, height, width, channels) is understood",
                           file->name, MAX_DIMS);
        ok = take_number(c, &array->dims[array->n_dims]);
        if (ok && array->dims[array->n_dims] < 1)
            return nt_fail(err, "%s: dimension %d of its shape is 0: there is nothing in it", file->name,
                           array->n_dims + 1);
        array->n_dims++;
        ok = ok && (take(c, ',') || (c->at < c->end && *c->at == ')'));
    }
    return ok || nt_fail(err, "%s: the shape in its header, before byte %zu, cannot be read", file->name,
                         (size_t)(c->at - (const char *)file->bytes));
}

static bool read_dictionary(cursor *c, const nt_file *file, npy_array *array, nt_error *err)
{
    bool has_type = false, has_order = false, has_shape = false;
    char key[32], text[32];
    bool ok = take(c, '{');
    while (ok && !take(c, '}')) {
        ok = take_text(c, key, sizeof key) && take(c, ':');
        if (ok && strcmp(key, "descr") == 0) {
            if (!take_text(c, text, sizeof text))
                return nt_fail(
                    err,
                    "%s: holds records, not plain numbers: save an array of uint8, float32, float64, int32 or int64",
                    file->name);
            for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
                if (strcmp(text, types[i].name) == 0 || strcmp(text, types[i].other_name) == 0) {
                    array->type = (npy_type)i;
                    has_type = true;
                }
            }
            if (!has_type)
                return nt_fail(err,
                               "%s: holds values of type '%s': save it as uint8, float32, float64, int32 or int64 "
                               "(little-endian), "
                               "for example by x.astype('float32')",
                               file->name, text);
        } else if (ok && strcmp(key, "fortran_order") == 0) {
            if (take_word(c, "True"))
                return nt_fail(err, "%s: is stored in Fortran order: save numpy.ascontiguousarray(x)", file->name);
            ok = has_order = take_word(c, "False");
        } else if (ok && strcmp(key, "shape") == 0) {
            if (!read_shape(c, file, array, err))
                return false;
            has_shape = true;
        } else {
            ok = false;
        }
        ok = ok && (take(c, ',') || (c->at < c->end && *c->at == '}'));
    }
    return (ok && has_type && has_order && has_shape) ||
           nt_fail(err, "%s: its header cannot be read near byte %zu: save the array again with numpy.save", file->name,
                   (size_t)(c->at - (const char *)file->bytes));
}

/* Reads the header and checks that exactly the announced data follows it. */
static bool read_header(const nt_file *file, npy_array *array, nt_error *err)
{
    const uint8_t *p = file->bytes;
    if (file->size < 10 || memcmp(p, "\x93NUMPY", 6) != 0)
        return nt_fail(err, "%s: does not begin as a .npy file does: save the array with numpy.save", file->name);
    size_t begin = p[6] == 1 ? 10 : 12;
    if (p[6] < 1 || p[6] > 3)
        return nt_fail(err, "%s: byte 6 gives format version %d; 1 to 3 are understood", file->name, p[6]);
    if (file->size < begin)
        return nt_fail(err, "%s: ends at byte %zu, inside its header: fetch or save it again", file->name, file->size);
    size_t length = p[8] | (size_t)p[9] << 8;
    if (begin == 12)
        length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (length > file->size - begin)
        return nt_fail(err, "%s: ends at byte %zu, inside its header of %zu bytes: fetch or save it again", file->name,
                       file->size, begin + length);
    cursor c = {(const char *)p + begin, (const char *)p + begin + length};
    if (!read_dictionary(&c, file, array, err))
        return false;
    array->begin = begin + length;
    size_t left = file->size - array->begin, size = types[array->type].size;
    size_t values = nt_product(array->dims, array->n_dims);
    return (left % size == 0 && left / size == values) ||
           nt_fail(err,
                   "%s: has %zu bytes of data from byte %zu on, which is not what its shape and type announce: fetch "
                   "or save it again",
                   file->name, file->size - array->begin, array->begin);
}

/* ----------------------------------------------------------------------------------------------------------- values */

/* Integers below 2^53 in size, and floats, as double. The file is little-endian, as is every machine this is built for;
 * memcpy because nothing in a file is aligned. */
static double value_at(const uint8_t *p, npy_type type)
{
    float f4;
    double f8;
    int32_t i4;
    int64_t i8;
    switch (type) {
    case NPY_F4:
        memcpy(&f4, p, sizeof f4);
        return f4;
    case NPY_F8:
        memcpy(&f8, p, sizeof f8);
        return f8;
    case NPY_I4:
        memcpy(&i4, p, sizeof i4);
        return i4;
    case NPY_I8:
        memcpy(&i8, p, sizeof i8);
        return (double)i8;
    case NPY_U1:
        break;
    }
    return *p;
}

static nt_shape_text tuple_name(const npy_array *a)
{
    nt_shape_text shape = {"("};
    size_t at = 1;
    for (int i = 0; i < a->n_dims && at < sizeof shape.text; i++)
        at += (size_t)snprintf(shape.text + at, sizeof shape.text - at, "%s%lld", i ? ", " : "", (long long)a->dims[i]);
    if (at < sizeof shape.text)
        snprintf(shape.text + at, sizeof shape.text - at, a->n_dims == 1 ? ",)" : ")");
    return shape;
}

/* Converts an array to finite floats, `samples` rows of `planes` planes of `size` values; planes > 1: channels first on
 * disk, last in memory. */
static bool convert(const nt_file *file, const npy_array *a, int64_t samples, int64_t planes, int64_t size,
                    float *values, nt_error *err)
{
    size_t width = types[a->type].size;
    const uint8_t *p = file->bytes + a->begin;
    for (int64_t s = 0; s < samples; s++) {
        for (int64_t k = 0; k < planes; k++) {
            for (int64_t i = 0; i < size; i++, p += width) {
                float v = (float)value_at(p, a->type);
                if (!isfinite(v))
                    return nt_fail(err,
                                   "%s: sample %lld has a value that is not finite as a float, at byte %zu: clean the "
                                   "data, for example "
                                   "with numpy.nan_to_num",
                                   file->name, (long long)s, (size_t)(p - file->bytes));
                values[(s * size + i) * planes + k] = v;
            }
        }
    }
    return true;
}

/* How the array's dimensions are samples of h x w x c; *planes is the number of channels if they come first, else 1. */
static const char *match_samples(const npy_array *a, int64_t h, int64_t w, int64_t c, int64_t *planes)
{
    const int64_t *d = a->dims;
    *planes = 1;
    if (a->n_dims == 4 && d[1] == h && d[2] == w && d[3] == c)
        return "(sample, row, column, channel)";
    if (a->n_dims == 4 && d[1] == c && d[2] == h && d[3] == w) {
        *planes = c;
        return "(sample, channel, row, column)";
    }
    if (a->n_dims == 3 && d[1] == h && d[2] == w && c == 1)
        return "(sample, row, column)";
    if (a->n_dims == 2 && h == 1 && w == 1 && d[1] == c)
        return "(sample, feature)";
    return NULL;
}

static const char *match_inputs(const nt_data_request *q, const npy_array *a, int64_t *planes)
{
    return match_samples(a, q->h, q->w, q->c, planes);
}

bool nt_npy_inputs(const nt_data_request *q, nt_file *file, bool single, nt_part *part, char *note, size_t note_size,
                   nt_error *err)
{
    npy_array a = {0};
    int64_t planes;
    if (!read_header(file, &a, err))
        return false;
    const char *order = match_inputs(q, &a, &planes);
    if (!order && single && a.n_dims < MAX_DIMS) {
        npy_array one = a;
        one.n_dims++;
        one.dims[0] = 1;
        memcpy(one.dims + 1, a.dims, (size_t)a.n_dims * sizeof *a.dims);
        order = match_inputs(q, &one, &planes);
        a = order ? one : a;
    }
    if (!order) {
        nt_shape_text found = tuple_name(&a), reads = nt_shape_name(q->h, q->w, q->c);
        nt_shape_text hint = {"..."};
        if (a.n_dims == 4)
            hint = nt_shape_name(a.dims[1], a.dims[2], a.dims[3]);
        else if (a.n_dims == 3)
            hint = nt_shape_name(a.dims[1], a.dims[2], 1);
        else if (a.n_dims == 2)
            hint = nt_shape_name(1, 1, a.dims[1]);
        return nt_fail(err,
                       "%s: has the shape %s, the network reads %s: (N, H, W, C), (N, C, H, W), (N, H, W) for one "
                       "channel and (N, F) "
                       "for vectors are understood; write input(%s), or reshape the array",
                       file->name, found.text, reads.text, hint.text);
    }
    if (note)
        snprintf(note, note_size, "%s %s is read as %s", file->name, tuple_name(&a).text, order);
    int64_t count = a.dims[0], size = (int64_t)q->h * q->w * q->c;
    part->count = count;
    if (a.type == NPY_U1 && planes == 1) {
        memmove(file->bytes, file->bytes + a.begin, file->size - a.begin);
        part->bytes = file->bytes;
        file->bytes = NULL;
        return true;
    }
    if (a.type == NPY_U1) {
        part->bytes = nt_allocate(count, (size_t)size, file->name, err);
        const uint8_t *p = file->bytes + a.begin;
        for (int64_t s = 0; part->bytes && s < count; s++)
            for (int64_t k = 0; k < planes; k++)
                for (int64_t i = 0; i < size / planes; i++)
                    part->bytes[s * size + i * planes + k] = *p++;
        return part->bytes != NULL;
    }
    part->values = nt_allocate(count, (size_t)size * sizeof *part->values, file->name, err);
    return part->values && convert(file, &a, count, planes, size / planes, part->values, err);
}

/* Class indices of an integer array. */
static bool read_labels(const nt_data_request *q, const nt_file *file, const npy_array *a, nt_part *part, nt_error *err)
{
    part->labels = nt_allocate(part->count, sizeof *part->labels, file->name, err);
    if (!part->labels)
        return false;
    size_t width = types[a->type].size;
    for (int64_t s = 0; s < part->count; s++) {
        size_t at = a->begin + (size_t)s * width;
        double label = value_at(file->bytes + at, a->type);
        if (label < 0 || label >= q->outputs)
            return nt_fail(
                err,
                "%s: sample %lld (byte %zu) has label %.0f, the network's %d outputs are classes 0..%d: make its last "
                "layer wider, or number the classes from 0",
                file->name, (long long)s, at, label, q->outputs, q->outputs - 1);
        part->labels[s] = (int32_t)label;
    }
    return true;
}

/* Says what targets should look like instead. */
static bool refuse_targets(const nt_data_request *q, const nt_file *file, const npy_array *a, nt_error *err)
{
    nt_shape_text found = tuple_name(a);
    bool integers = a->type != NPY_F4 && a->type != NPY_F8;
    if (!q->dense)
        return nt_fail(err,
                       "%s: has the shape %s of %s, but cross_entropy needs class indices, or %d values a sample: save "
                       "(N,) integers, for example %s",
                       file->name, found.text, integers ? "integers" : "floats", q->outputs,
                       a->n_dims == 1 ? "y.astype('int64')" : "y.argmax(1)");
    if (q->out_h * q->out_w > 1) {
        int c = q->outputs / (q->out_h * q->out_w);
        return nt_fail(err,
                       "%s: has the shape %s, the network gives %s: (N, %d, %d, %d), channels last, or (N, %d, %d, %d) "
                       "are understood",
                       file->name, found.text, nt_shape_name(q->out_h, q->out_w, c).text, q->out_h, q->out_w, c, c,
                       q->out_h, q->out_w);
    }
    if (a->n_dims > 2)
        return nt_fail(err, "%s: has the shape %s, the network gives a vector: labels are (N,) integers, targets (N, %d)",
                       file->name, found.text, q->outputs);
    long long values = a->n_dims == 2 ? (long long)a->dims[1] : 1;
    return nt_fail(err, "%s: has the shape %s, the network has %d outputs: make its last layer dense(%lld)", file->name,
                   found.text, q->outputs, values);
}

bool nt_npy_answers(const nt_data_request *q, const nt_file *file, nt_part *part, nt_error *err)
{
    npy_array a = {0};
    if (!read_header(file, &a, err))
        return false;
    if (a.n_dims < 1)
        return nt_fail(err, "%s: is a single value: labels are (N,) integers, targets (N, F)", file->name);
    if (a.dims[0] != part->count)
        return nt_fail(err, "%s: has %lld rows, but there are %lld samples: these two files do not belong together",
                       file->name, (long long)a.dims[0], (long long)part->count);
    bool integers = a.type != NPY_F4 && a.type != NPY_F8;
    if (a.n_dims == 1 && integers && !(q->dense && q->outputs == 1))
        return read_labels(q, file, &a, part, err);
    int64_t pixels = q->out_h * q->out_w > 1 ? (int64_t)q->out_h * q->out_w : 1, planes = 1;
    bool numbers = a.n_dims == 1 && q->outputs == 1;
    if (!numbers && !match_samples(&a, pixels > 1 ? q->out_h : 1, pixels > 1 ? q->out_w : 1, q->outputs / pixels, &planes))
        return refuse_targets(q, file, &a, err);
    part->targets = nt_allocate(part->count, (size_t)q->outputs * sizeof *part->targets, file->name, err);
    return part->targets && convert(file, &a, part->count, planes, q->outputs / planes, part->targets, err);
}

/* ------------------------------------------------------------------------------------------------------------ files */

static bool load_part(const nt_data_request *q, const char *x_path, const char *y_path, nt_part *part, char *note,
                      size_t note_size, nt_error *err)
{
    nt_file file;
    if (!nt_file_read(x_path, &file, err))
        return false;
    bool ok = nt_npy_inputs(q, &file, false, part, note, note_size, err);
    nt_file_free(&file);
    if (!ok || !nt_file_read(y_path, &file, err))
        return false;
    ok = nt_npy_answers(q, &file, part, err);
    nt_file_free(&file);
    return ok;
}

static bool load_named_part(const nt_data_request *q, const char *folder, const char *name, bool required,
                            nt_part *part, nt_loaded *out, nt_error *err)
{
    char x_name[32], y_name[32];
    snprintf(x_name, sizeof x_name, "x_%s.npy", name);
    snprintf(y_name, sizeof y_name, "y_%s.npy", name);
    char *x_path = nt_path_join(folder, x_name), *y_path = nt_path_join(folder, y_name);
    bool ok = true;
    if (!x_path || !y_path)
        ok = nt_fail_memory(err, folder, (double)strlen(folder));
    else if (required || nt_path_exists(x_path) || nt_path_exists(y_path))
        ok = load_part(q, x_path, y_path, part, out->note, sizeof out->note, err);
    free(x_path);
    free(y_path);
    return ok;
}

bool nt_load_npy(const nt_data_request *q, const char *path, nt_loaded *out, nt_error *err)
{
    if (!nt_path_is_folder(path))
        return nt_fail(
            err,
            "%s: %s: npy(\"...\") names the folder that holds x_train.npy, y_train.npy, x_test.npy and "
            "y_test.npy",
            path, nt_no_folder(path));
    if ((q->parts & NT_PART_TRAIN) && !load_named_part(q, path, "train", true, &out->train, out, err))
        return false;
    if ((q->parts & NT_PART_TEST) && !load_named_part(q, path, "test", q->parts == NT_PART_TEST, &out->test, out, err))
        return false;
    if (out->train.count && out->test.count && !out->train.bytes != !out->test.bytes)
        return nt_fail(err,
                       "%s: one of x_train.npy and x_test.npy holds uint8, which counts as 0..1, and the other does "
                       "not: save both with "
                       "one type",
                       path);
    return true;
}

bool nt_inputs_npy(const nt_data_request *q, const char *path, nt_part *out, nt_error *err)
{
    nt_file file;
    if (!nt_file_read(path, &file, err))
        return false;
    bool ok = nt_npy_inputs(q, &file, true, out, NULL, 0, err);
    nt_file_free(&file);
    return ok;
}
