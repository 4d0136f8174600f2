/* compare.c - holds what a trainer computed against stored values, tensor by tensor.
 *
 *   compare EXPECTED.safetensors GOT.safetensors [TOLERANCE]
 *
 * For every tensor of EXPECTED, GOT must hold one of the same name and shape with ||got - expected|| <= TOLERANCE * ||expected||
 * (Euclidean norms, worked out in double; where all of expected is zero, ||got|| <= TOLERANCE). What GOT holds beyond that is
 * not looked at. Prints a line a tensor. Exit status: 0 all agree, 1 a tensor differs or is missing, 2 wrong usage or a
 * file that cannot be read. Both files may be F32 or F64. Link with -ljansson -lm. */
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TOLERANCE 2e-5

typedef struct File {
    const char *path;
    unsigned char *bytes;
    size_t data;   /* where the tensors' bytes begin */
    size_t length; /* of the file */
    json_t *header;
} File;

typedef struct Tensor {
    const json_t *shape;
    const unsigned char *bytes;
    size_t count;
    size_t width; /* bytes a value: 4 or 8 */
} Tensor;

static _Noreturn void fail(const char *path, const char *what)
{
    fprintf(stderr, "compare: %s: %s\n", path, what);
    exit(2);
}

/* The whole file and its parsed header. */
static File file_open(const char *path)
{
    File f = {.path = path};
    FILE *in = fopen(path, "rb");
    if (!in) fail(path, "cannot be opened");
    size_t capacity = 1 << 16;
    f.bytes = malloc(capacity);
    while (f.bytes) {
        f.length += fread(f.bytes + f.length, 1, capacity - f.length, in);
        if (f.length < capacity) break;
        unsigned char *more = realloc(f.bytes, capacity *= 2);
        if (!more) free(f.bytes);
        f.bytes = more;
    }
    if (!f.bytes) fail(path, "does not fit in memory");
    if (ferror(in)) fail(path, "cannot be read");
    fclose(in);
    if (f.length < 8) fail(path, "is shorter than a safetensors header");
    uint64_t size = 0;
    for (int i = 7; i >= 0; i--) size = size << 8 | f.bytes[i];
    if (size > f.length - 8) fail(path, "ends inside its header");
    json_error_t error;
    f.header = json_loadb((const char *)f.bytes + 8, (size_t)size, 0, &error);
    if (!json_is_object(f.header)) fail(path, "has no JSON header");
    f.data = 8 + (size_t)size;
    return f;
}

static void file_close(File *f)
{
    json_decref(f->header);
    free(f->bytes);
}

/* The tensor that a header entry describes, with its bounds checked. */
static Tensor tensor_of(const File *f, const json_t *entry)
{
    Tensor t = {.shape = json_object_get(entry, "shape"), .count = 1};
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    const json_t *span = json_object_get(entry, "data_offsets");
    if (!dtype || !json_is_array(t.shape) || json_array_size(span) != 2) fail(f->path, "has a malformed entry");
    if (strcmp(dtype, "F32") == 0) t.width = 4;
    else if (strcmp(dtype, "F64") == 0) t.width = 8;
    else fail(f->path, "holds a tensor that is neither F32 nor F64");
    size_t available = f->length - f->data;
    for (size_t i = 0; i < json_array_size(t.shape); i++) {
        json_int_t dim = json_integer_value(json_array_get(t.shape, i));
        if (dim < 0 || (dim > 0 && t.count > available / (size_t)dim)) fail(f->path, "has a shape larger than the file");
        t.count *= (size_t)dim;
    }
    json_int_t begin = json_integer_value(json_array_get(span, 0)), end = json_integer_value(json_array_get(span, 1));
    if (begin < 0 || end < begin || (uint64_t)end > available) fail(f->path, "ends inside a tensor");
    if ((size_t)(end - begin) != t.count * t.width) fail(f->path, "has a tensor whose bytes do not fit its shape");
    t.bytes = f->bytes + f->data + begin;
    return t;
}

/* Value i. Files are little-endian; so are the machines this runs on. */
static double tensor_at(const Tensor *t, size_t i)
{
    if (t->width == 8) {
        double value;
        memcpy(&value, t->bytes + 8 * i, sizeof value);
        return value;
    }
    float value;
    memcpy(&value, t->bytes + 4 * i, sizeof value);
    return (double)value;
}

/* Prints the line of one tensor; true when it agrees. */
static bool compare(const char *name, const Tensor *expected, const Tensor *got, double tolerance)
{
    /* a scalar may be stored as [] or [1] */
    bool scalars = expected->count == 1 && got->count == 1;
    if (!scalars && !json_equal(expected->shape, got->shape)) {
        char *want = json_dumps(expected->shape, JSON_COMPACT), *have = json_dumps(got->shape, JSON_COMPACT);
        printf("  %-34s shape %s instead of %s   WRONG\n", name, have ? have : "?", want ? want : "?");
        free(want);
        free(have);
        return false;
    }
    double difference = 0, norm = 0;
    for (size_t i = 0; i < expected->count; i++) {
        double e = tensor_at(expected, i), d = tensor_at(got, i) - e;
        difference += d * d;
        norm += e * e;
    }
    double error = sqrt(norm > 0 ? difference / norm : difference);
    bool ok = error <= tolerance; /* false for NaN */
    printf("  %-34s %8zu values   error %8.1e%s\n", name, expected->count, error, ok ? "" : "   WRONG");
    return ok;
}

int main(int argc, char **argv)
{
    char *rest = NULL;
    double tolerance = argc == 4 ? strtod(argv[3], &rest) : DEFAULT_TOLERANCE;
    if (argc < 3 || argc > 4 || (rest && (*rest || rest == argv[3]))) {
        fprintf(stderr, "usage: compare EXPECTED.safetensors GOT.safetensors [TOLERANCE=%g]\n", DEFAULT_TOLERANCE);
        return 2;
    }
    File expected = file_open(argv[1]), got = file_open(argv[2]);
    int tensors = 0, wrong = 0;
    const char *name;
    json_t *entry;
    json_object_foreach (expected.header, name, entry) {
        if (strcmp(name, "__metadata__") == 0) continue;
        tensors++;
        const json_t *other = json_object_get(got.header, name);
        if (!other) {
            printf("  %-34s is missing   WRONG\n", name);
            wrong++;
            continue;
        }
        Tensor e = tensor_of(&expected, entry), g = tensor_of(&got, other);
        wrong += !compare(name, &e, &g, tolerance);
    }
    if (tensors == 0) fail(argv[1], "holds no tensor");
    if (wrong) printf("  %d of %d tensors wrong\n", wrong, tensors);
    file_close(&expected);
    file_close(&got);
    return wrong != 0;
}
