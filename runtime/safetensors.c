#define _POSIX_C_SOURCE 200809L
#include "safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LENGTH_BYTES = 8, LONGEST_HEADER = 100 * 1000 * 1000, HEADER_ALIGNMENT = 8 };

static const struct dtype {
    const char *name;
    int bytes;
} dtypes[] = {{"F32", 4},  {"F16", 2}, {"BF16", 2}, {"F64", 8}, {"I64", 8},     {"I32", 4},     {"I16", 2}, {"I8", 1},
              {"BOOL", 1}, {"U8", 1},  {"U16", 2},  {"U32", 4}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"U64", 8}};

static const struct dtype *find_dtype(const char *name)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return &dtypes[i];
    return NULL;
}

/* -- Reading ----------------------------------------------------------------------------------------------------- */

static uint64_t little_endian(const unsigned char *bytes, int n)
{
    uint64_t value = 0;
    for (int i = n - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

const char *nt_dims_text(char *text, const int64_t *dims, int n_dims)
{
    int used = snprintf(text, NT_DIMS_TEXT, "[");
    for (int i = 0; i < n_dims; i++)
        used += snprintf(text + used, (size_t)(NT_DIMS_TEXT - used), "%s%lld", i > 0 ? ", " : "", (long long)dims[i]);
    snprintf(text + used, (size_t)(NT_DIMS_TEXT - used), "]");
    return text;
}

/* Shape and type of one entry of the header. `end` receives where its data ends, counted from the first value. */
static bool read_entry(nt_tensor *tensor, const char *path, json_t *entry, const unsigned char *values,
                       uint64_t n_values, uint64_t *end, nt_error *error)
{
    json_t *dtype = json_object_get(entry, "dtype"), *shape = json_object_get(entry, "shape");
    json_t *offsets = json_object_get(entry, "data_offsets");
    if (!json_is_string(dtype) || !json_is_array(shape) || !json_is_array(offsets) || json_array_size(offsets) != 2)
        return nt_fail(error, "%s: the header's entry for '%s' needs dtype, shape and two data_offsets", path,
                       tensor->name);

    const struct dtype *type = find_dtype(json_string_value(dtype));
    if (!type)
        return nt_fail(error, "%s: '%s' has the unknown dtype '%.20s'", path, tensor->name, json_string_value(dtype));
    tensor->dtype = type->name;

    if (json_array_size(shape) > NT_TENSOR_DIMS)
        return nt_fail(error, "%s: '%s' has %zu dimensions, at most %d are supported", path, tensor->name,
                       json_array_size(shape), NT_TENSOR_DIMS);
    tensor->n_dims = (int)json_array_size(shape);
    uint64_t count = 1;
    for (int i = 0; i < tensor->n_dims; i++) {
        json_t *dim = json_array_get(shape, (size_t)i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return nt_fail(error, "%s: the shape of '%s' is not a list of sizes", path, tensor->name);
        uint64_t size = (uint64_t)json_integer_value(dim);
        if (size > 0 && count > UINT64_MAX / 16 / size)
            return nt_fail(error, "%s: the shape of '%s' is larger than any file", path, tensor->name);
        count *= size;
        tensor->dims[i] = json_integer_value(dim);
    }

    json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    if (!json_is_integer(first) || !json_is_integer(last) || json_integer_value(first) < 0 ||
        json_integer_value(last) < json_integer_value(first))
        return nt_fail(error, "%s: the data_offsets of '%s' are not a range", path, tensor->name);
    uint64_t begin = (uint64_t)json_integer_value(first);
    *end = (uint64_t)json_integer_value(last);
    if (*end > n_values)
        return nt_fail(error,
                       "%s: '%s' ends at offset %llu of the values, but the file has only %llu bytes of them: "
                       "it was cut short; copy or download it again",
                       path, tensor->name, (unsigned long long)*end, (unsigned long long)n_values);
    if (*end - begin != count * (uint64_t)type->bytes)
        return nt_fail(error, "%s: '%s' has %llu bytes, its shape and dtype need %llu", path, tensor->name,
                       (unsigned long long)(*end - begin), (unsigned long long)(count * (uint64_t)type->bytes));
    tensor->count = (size_t)count;
    tensor->data = values + begin;
    return true;
}

static int by_data(const void *a, const void *b)
{
    const nt_tensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->count > y->count) - (x->count < y->count); /* empty tensors first */
}

static size_t tensor_bytes(const nt_tensor *tensor)
{
    return tensor->count * (size_t)find_dtype(tensor->dtype)->bytes;
}

/* Without holes and overlaps each tensor begins where the one before it ends. */
static bool check_cover(const nt_tensors *t, const unsigned char *values, uint64_t n_values, nt_error *error)
{
    const unsigned char *expected = values;
    for (size_t i = 0; i < t->n; i++) {
        if (t->list[i].data != expected)
            return nt_fail(error,
                           "%s: the data of '%s' begins at offset %llu of the values; without %s it would be %llu",
                           t->path, t->list[i].name, (unsigned long long)(t->list[i].data - values),
                           t->list[i].data < expected ? "overlap" : "hole", (unsigned long long)(expected - values));
        expected += tensor_bytes(&t->list[i]);
    }
    if (expected != values + n_values)
        return nt_fail(error, "%s: %llu bytes after the last tensor", t->path,
                       (unsigned long long)(values + n_values - expected));
    return true;
}

static bool parse_header(nt_tensors *t, size_t size, nt_error *error)
{
    if (size < LENGTH_BYTES)
        return nt_fail(error, "%s: not a safetensors file: it has only %zu bytes", t->path, size);
    uint64_t length = little_endian(t->bytes, LENGTH_BYTES);
    if (length > LONGEST_HEADER || length > size - LENGTH_BYTES)
        return nt_fail(error,
                       "%s: not a safetensors file, or cut short: the header should have %llu bytes, the file has %zu",
                       t->path, (unsigned long long)length, size);

    json_error_t where;
    t->header = json_loadb((const char *)t->bytes + LENGTH_BYTES, (size_t)length, JSON_REJECT_DUPLICATES, &where);
    if (!t->header)
        return nt_fail(error, "%s: the header is not valid at offset %d: %s", t->path, where.position + LENGTH_BYTES,
                       where.text);
    if (!json_is_object(t->header))
        return nt_fail(error, "%s: the header is not a JSON object", t->path);

    const char *key;
    json_t *value, *metadata = json_object_get(t->header, "__metadata__");
    if (metadata && !json_is_object(metadata))
        return nt_fail(error, "%s: __metadata__ is not an object of strings", t->path);
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return nt_fail(error, "%s: __metadata__ has a value that is not a string, '%s'", t->path, key);
    }

    t->list = calloc(json_object_size(t->header) + 1, sizeof *t->list);
    if (!t->list)
        return nt_fail(error, "%s: not enough memory for its header", t->path);
    const unsigned char *values = t->bytes + LENGTH_BYTES + length;
    uint64_t n_values = size - LENGTH_BYTES - length, end;
    json_object_foreach(t->header, key, value)
    {
        if (strcmp(key, "__metadata__") == 0)
            continue;
        t->list[t->n].name = key;
        if (!read_entry(&t->list[t->n], t->path, value, values, n_values, &end, error))
            return false;
        t->n++;
    }
    qsort(t->list, t->n, sizeof *t->list, by_data);
    return check_cover(t, values, n_values, error);
}

bool nt_tensors_parse(nt_tensors *tensors, const char *path, unsigned char *bytes, size_t size, nt_error *error)
{
    *tensors = (nt_tensors){.path = strdup(path), .bytes = bytes};
    if (tensors->path && parse_header(tensors, size, error))
        return true;
    if (!tensors->path)
        nt_fail(error, "%s: not enough memory", path);
    nt_tensors_free(tensors);
    return false;
}

/* The whole file, or NULL. */
static unsigned char *read_file(const char *path, size_t *size, nt_error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (file < 0 || fstat(file, &about) != 0) {
        nt_fail(error, "%s: cannot open: %s", path, strerror(errno));
        if (file >= 0)
            close(file);
        return NULL;
    }
    if (!S_ISREG(about.st_mode)) {
        nt_fail(error, "%s: not a file%s", path,
                S_ISDIR(about.st_mode) ? ": name the weights in it, such as best.safetensors" : "");
        close(file);
        return NULL;
    }
    *size = (size_t)about.st_size;
    unsigned char *bytes = malloc(*size + 1);
    size_t done = 0;
    ssize_t n = 1;
    while (bytes && done < *size && n > 0) {
        n = read(file, bytes + done, *size - done);
        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    if (!bytes)
        nt_fail(error, "%s: not enough memory to read its %zu bytes", path, *size);
    else if (n < 0)
        nt_fail(error, "%s: cannot read at offset %zu: %s", path, done, strerror(errno));
    else if (done < *size)
        nt_fail(error, "%s: became shorter while it was read", path);
    close(file);
    if (done == *size && bytes)
        return bytes;
    free(bytes);
    return NULL;
}

bool nt_tensors_read(nt_tensors *tensors, const char *path, nt_error *error)
{
    size_t size;
    unsigned char *bytes = read_file(path, &size, error);
    if (!bytes) {
        *tensors = (nt_tensors){0};
        return false;
    }
    return nt_tensors_parse(tensors, path, bytes, size, error);
}

void nt_tensors_free(nt_tensors *tensors)
{
    json_decref(tensors->header);
    free(tensors->list);
    free(tensors->bytes);
    free(tensors->path);
    *tensors = (nt_tensors){0};
}

const nt_tensor *nt_tensors_find(const nt_tensors *tensors, const char *name)
{
    for (size_t i = 0; i < tensors->n; i++)
        if (strcmp(tensors->list[i].name, name) == 0)
            return &tensors->list[i];
    return NULL;
}

const char *nt_tensors_metadata(const nt_tensors *tensors, const char *key)
{
    return json_string_value(json_object_get(json_object_get(tensors->header, "__metadata__"), key));
}

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
static double half(uint64_t bits)
{
    double sign = bits >> 15 ? -1 : 1, fraction = (double)(bits & 0x3ff);
    int exponent = (int)(bits >> 10 & 0x1f);
    if (exponent == 0x1f)
        return fraction > 0 ? NAN : sign * INFINITY;
    return exponent > 0 ? sign * ldexp(1024 + fraction, exponent - 25) : sign * ldexp(fraction, -24);
}

static float float_of_bits(uint64_t bits)
{
    uint32_t word = (uint32_t)bits;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

static double double_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double value_of_half(uint64_t bits)
{
    return half(bits);
}
static double value_of_bfloat(uint64_t bits)
{
    return float_of_bits(bits << 16);
}
static double value_of_float(uint64_t bits)
{
    return float_of_bits(bits);
}
static double value_of_unsigned(uint64_t bits)
{
    return (double)bits;
}
static double value_of_i8(uint64_t bits)
{
    return (double)(int64_t)(bits ^ 0x80) - 0x80;
}
static double value_of_i16(uint64_t bits)
{
    return (double)(int64_t)(bits ^ 0x8000) - 0x8000;
}
static double value_of_i32(uint64_t bits)
{
    return (double)(int64_t)(bits ^ 0x80000000) - 0x80000000LL;
}
static double value_of_i64(uint64_t bits)
{
    return bits >> 63 ? -(double)(~bits + 1) : (double)bits;
}

static const struct conversion {
    const char *dtype;
    double (*value)(uint64_t bits);
} conversions[] = {{"F32", value_of_float},    {"F64", double_of_bits},    {"F16", value_of_half},
                   {"BF16", value_of_bfloat},  {"I8", value_of_i8},        {"I16", value_of_i16},
                   {"I32", value_of_i32},      {"I64", value_of_i64},      {"U8", value_of_unsigned},
                   {"U16", value_of_unsigned}, {"U32", value_of_unsigned}, {"U64", value_of_unsigned},
                   {"BOOL", value_of_unsigned}};

static const struct conversion *find_conversion(const char *dtype)
{
    for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++)
        if (strcmp(conversions[i].dtype, dtype) == 0)
            return &conversions[i];
    return NULL;
}

bool nt_tensor_floats(const nt_tensor *tensor, float *values)
{
    const struct conversion *conversion = find_conversion(tensor->dtype);
    if (!conversion)
        return false;
    int width = find_dtype(tensor->dtype)->bytes;
    if (conversion->value == value_of_float) { /* no way through double, which may lose the bits of a NaN */
        for (size_t i = 0; i < tensor->count; i++)
            values[i] = float_of_bits(little_endian(tensor->data + i * 4, 4));
        return true;
    }
    for (size_t i = 0; i < tensor->count; i++)
        values[i] = (float)conversion->value(little_endian(tensor->data + i * (size_t)width, width));
    return true;
}

/* -- Writing ----------------------------------------------------------------------------------------------------- */

static size_t count_of(const nt_tensor_out *tensor)
{
    size_t count = 1;
    for (int i = 0; i < tensor->n_dims; i++)
        count *= (size_t)tensor->dims[i];
    return count;
}

/* The header's text, to be freed, or NULL where memory ran out. */
static char *build_header(const nt_tensor_out *tensors, size_t n, json_t *metadata)
{
    json_t *header = json_object();
    bool good = header && (!metadata || json_object_set(header, "__metadata__", metadata) == 0);
    size_t begin = 0;
    for (size_t i = 0; i < n && good; i++) {
        size_t end = begin + 4 * count_of(&tensors[i]);
        json_t *shape = json_array();
        for (int d = 0; d < tensors[i].n_dims && good; d++)
            good = json_array_append_new(shape, json_integer(tensors[i].dims[d])) == 0;
        json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets",
                                  (json_int_t)begin, (json_int_t)end);
        good = good && json_object_set_new(header, tensors[i].name, entry) == 0;
        begin = end;
    }
    char *text = good ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    return text;
}

static bool write_length(FILE *file, uint64_t length)
{
    unsigned char bytes[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++)
        bytes[i] = (unsigned char)(length >> 8 * i);
    return fwrite(bytes, 1, sizeof bytes, file) == sizeof bytes;
}

static bool write_floats(FILE *file, const float *values, size_t n)
{
    unsigned char bytes[4096];
    for (size_t i = 0; i < n;) {
        size_t used = 0;
        for (; i < n && used < sizeof bytes; i++, used += 4) {
            uint32_t word;
            memcpy(&word, &values[i], sizeof word);
            for (int b = 0; b < 4; b++)
                bytes[used + (size_t)b] = (unsigned char)(word >> 8 * b);
        }
        if (fwrite(bytes, 1, used, file) != used)
            return false;
    }
    return true;
}

/* Everything that goes into the file; on failure errno says why. */
static bool write_contents(FILE *file, const nt_tensor_out *tensors, size_t n, json_t *metadata, nt_tensor_fill *fill,
                           void *context)
{
    size_t largest = 1;
    for (size_t i = 0; i < n; i++)
        largest = count_of(&tensors[i]) > largest ? count_of(&tensors[i]) : largest;
    char *header = build_header(tensors, n, metadata);
    float *values = malloc(largest * sizeof *values);
    bool good = header && values;
    if (!good)
        errno = ENOMEM;
    size_t length = header ? strlen(header) : 0;
    size_t padding = (HEADER_ALIGNMENT - length % HEADER_ALIGNMENT) % HEADER_ALIGNMENT;
    good = good && write_length(file, length + padding) && fwrite(header, 1, length, file) == length &&
           fwrite("        ", 1, padding, file) == padding;
    for (size_t i = 0; i < n && good; i++) {
        fill(context, i, values);
        good = write_floats(file, values, count_of(&tensors[i]));
    }
    free(header);
    free(values);
    return good;
}

/* After a rename the folder has to reach the disk too. Not every file system lets a folder be synced: no failure
 * then. */
static void sync_folder(const char *path)
{
    char *folder = strdup(path);
    if (!folder)
        return;
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int handle = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (handle >= 0) {
        (void)fsync(handle);
        close(handle);
    }
    free(folder);
}

/* Opens the file, fills it and closes it; on failure errno says why. */
static bool write_file(const char *path, const nt_tensor_out *tensors, size_t n, json_t *metadata, nt_tensor_fill *fill,
                       void *context)
{
    FILE *file = fopen(path, "wbe");
    if (!file)
        return false;
    bool good = write_contents(file, tensors, n, metadata, fill, context);
    int reason = errno;
    if (fclose(file) != 0 && good) {
        good = false;
        reason = errno;
    }
    errno = reason;
    return good;
}

/* A pipe or device is written to, and not replaced. */
static bool is_replaced(const char *path)
{
    struct stat there;
    return stat(path, &there) != 0 || S_ISREG(there.st_mode);
}

/* PATH.tmp, to be freed, or NULL where memory ran out. */
static char *temporary_name(const char *path)
{
    size_t length = strlen(path) + sizeof ".tmp";
    char *name = malloc(length);
    if (name)
        snprintf(name, length, "%s.tmp", path);
    else
        errno = ENOMEM;
    return name;
}

static bool cannot_write(const char *path, nt_error *error)
{
    int reason = errno;
    return nt_fail(error, "%s: cannot write: %s%s", path, strerror(reason), nt_write_advice(reason));
}

/* Waits for the disk; on failure errno says why. */
static bool sync_file(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool good = file >= 0 && fsync(file) == 0;
    int reason = errno;
    if (file >= 0)
        close(file);
    errno = reason;
    return good;
}

static bool sync_staged(const char *path)
{
    char *temporary = temporary_name(path);
    bool good = temporary && sync_file(temporary);
    free(temporary);
    return good;
}

static bool rename_staged(const char *path)
{
    char *temporary = temporary_name(path);
    bool good = temporary && rename(temporary, path) == 0;
    free(temporary);
    return good;
}

bool nt_tensors_replace(const char *const *paths, size_t n, nt_durability durability, nt_error *error)
{
    bool good = true;
    for (size_t i = 0; i < n && good && durability == NT_SURVIVES_MACHINE; i++)
        good = !is_replaced(paths[i]) || sync_staged(paths[i]) || cannot_write(paths[i], error);
    for (size_t i = 0; i < n && good; i++)
        good = !is_replaced(paths[i]) || rename_staged(paths[i]) || cannot_write(paths[i], error);
    for (size_t i = 0; i < n && good && durability == NT_SURVIVES_MACHINE; i++)
        sync_folder(paths[i]);
    if (!good)
        nt_tensors_discard(paths, n);
    return good;
}

void nt_tensors_discard(const char *const *paths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *temporary = temporary_name(paths[i]);
        if (temporary)
            unlink(temporary);
        free(temporary);
    }
}

bool nt_tensors_write(const char *path, const nt_tensor_out *tensors, size_t n, json_t *metadata, nt_tensor_fill *fill,
                      void *context, nt_durability durability, nt_error *error)
{
    if (!is_replaced(path))
        return write_file(path, tensors, n, metadata, fill, context) || cannot_write(path, error);
    char *temporary = temporary_name(path);
    bool good = temporary && write_file(temporary, tensors, n, metadata, fill, context);
    if (!good) {
        cannot_write(path, error);
        nt_tensors_discard(&path, 1);
    }
    free(temporary);
    return good && (durability == NT_STAGED || nt_tensors_replace(&path, 1, durability, error));
}

bool nt_tensors_sync(const char *path, nt_error *error)
{
    if (!sync_file(path))
        return nt_fail(error, "%s: cannot write to the disk: %s%s", path, strerror(errno), nt_write_advice(errno));
    sync_folder(path);
    return true;
}
