/* data_idx.c - the IDX files of MNIST and its relatives (format: LeCun, Cortes and Burges, "The MNIST database").
 *
 * Big-endian: two zero bytes, a type (8: unsigned byte), the number of dimensions, each dimension in 4 bytes, then the
 * values. */
#include "data_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DIMS = 4, TYPE_UBYTE = 8 };

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Reads the header and checks that the file holds exactly what it announces. Returns the header's length, 0 on failure.
 */
static size_t read_header(const nt_file *file, int min_dims, int max_dims, int64_t dims[MAX_DIMS], int *n_dims,
                          nt_error *err)
{
    const uint8_t *p = file->bytes;
    if (file->size < 4) {
        nt_fail(err, "%s: has %zu bytes, too few for an IDX header: fetch it again", file->name, file->size);
        return 0;
    }
    if (p[0] != 0 || p[1] != 0) {
        nt_fail(err, "%s: begins with bytes %02x %02x, an IDX file with 00 00: this is another kind of file",
                file->name, p[0], p[1]);
        return 0;
    }
    if (p[2] != TYPE_UBYTE) {
        nt_fail(err, "%s: byte 2 gives value type 0x%02x; only unsigned bytes (0x08) can be read", file->name, p[2]);
        return 0;
    }
    *n_dims = p[3];
    if (*n_dims < min_dims || *n_dims > max_dims) {
        nt_fail(err, "%s: byte 3 gives %d dimensions; %s", file->name, p[3],
                max_dims == 1 ? "labels have 1: is this the images file?"
                              : "images have 3 or 4: is this the labels file?");
        return 0;
    }
    size_t header = 4 + 4 * (size_t)*n_dims;
    if (file->size < header) {
        nt_fail(err, "%s: ends at byte %zu, inside its header of %zu bytes: fetch it again", file->name, file->size,
                header);
        return 0;
    }
    for (int i = 0; i < *n_dims; i++) {
        dims[i] = big_endian(p + 4 + 4 * i);
        if (dims[i] == 0) {
            nt_fail(err, "%s: dimension %d at byte %d is 0: there are no samples in it", file->name, i + 1, 4 + 4 * i);
            return 0;
        }
    }
    size_t values = nt_product(dims, *n_dims), there = file->size - header;
    if (values != there) {
        char sizes[64] = "";
        for (int i = 0, at = 0; i < *n_dims; i++)
            at += snprintf(sizes + at, sizeof sizes - (size_t)at, "%s%lld", i ? " x " : "", (long long)dims[i]);
        nt_fail(err, "%s: has %zu bytes after its header, which announces %s values: %s", file->name, there, sizes,
                values < there ? "something else follows them" : "it is cut short; fetch it again");
        return 0;
    }
    return header;
}

bool nt_idx_images(const nt_data_request *q, nt_file *file, nt_part *part, nt_error *err)
{
    int64_t dims[MAX_DIMS] = {0};
    int n_dims = 0;
    size_t header = read_header(file, 3, 4, dims, &n_dims, err);
    if (!header || !nt_check_shape(q, file->name, dims[1], dims[2], n_dims == 4 ? dims[3] : 1, err))
        return false;
    memmove(file->bytes, file->bytes + header, file->size - header);
    part->count = dims[0];
    part->bytes = file->bytes;
    file->bytes = NULL;
    return true;
}

bool nt_idx_labels(const nt_data_request *q, const nt_file *file, nt_part *part, nt_error *err)
{
    int64_t dims[MAX_DIMS] = {0};
    int n_dims = 0;
    size_t header = read_header(file, 1, 1, dims, &n_dims, err);
    if (!header)
        return false;
    if (dims[0] != part->count)
        return nt_fail(err, "%s: has %lld labels, but there are %lld images: these two files do not belong together",
                       file->name, (long long)dims[0], (long long)part->count);
    part->labels = nt_allocate(part->count, sizeof *part->labels, "labels", err);
    if (!part->labels)
        return false;
    for (int64_t i = 0; i < part->count; i++) {
        part->labels[i] = file->bytes[header + (size_t)i];
        if (part->labels[i] >= q->outputs)
            return nt_fail(
                err,
                "%s: sample %lld (byte %zu) has label %d, the network's %d outputs are classes 0..%d: make its last "
                "layer wider, or use other data",
                file->name, (long long)i, header + (size_t)i, part->labels[i], q->outputs, q->outputs - 1);
    }
    return true;
}

/* Finds PREFIX-images-idx3-ubyte, or labels and idx1, under its usual names: with "-" or "." before "idx", plain or
 * .gz. New memory, or NULL if there is none. */
static char *find_file(const char *folder, const char *prefix, const char *what, const char *type)
{
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s-%s%c%s%s", prefix, what, i & 1 ? '.' : '-', type, i & 2 ? ".gz" : "");
        char *path = nt_path_join(folder, name);
        if (!path || nt_path_exists(path))
            return path;
        free(path);
    }
    return NULL;
}

static bool load_part(const nt_data_request *q, const char *images_path, const char *labels_path, nt_part *part,
                      nt_error *err)
{
    nt_file file;
    if (!nt_file_read(images_path, &file, err))
        return false;
    bool ok = nt_idx_images(q, &file, part, err);
    nt_file_free(&file);
    if (!ok || !nt_file_read(labels_path, &file, err))
        return false;
    ok = nt_idx_labels(q, &file, part, err);
    nt_file_free(&file);
    return ok;
}

static bool load_named_part(const nt_data_request *q, const char *folder, const char *prefix, bool required,
                            nt_part *part, nt_error *err)
{
    char *images = find_file(folder, prefix, "images", "idx3-ubyte"),
         *labels = find_file(folder, prefix, "labels", "idx1-ubyte");
    bool ok = true;
    if (images && labels)
        ok = load_part(q, images, labels, part, err);
    else if (images || labels || required)
        ok = nt_fail(err,
                     "%s: has no %s-%s, nor the same with .gz: a folder of idx files holds train-images-idx3-ubyte, "
                     "train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte",
                     folder, prefix, images ? "labels-idx1-ubyte" : "images-idx3-ubyte");
    free(images);
    free(labels);
    return ok;
}

bool nt_load_idx(const nt_data_request *q, const char *path, nt_loaded *out, nt_error *err)
{
    if (!nt_path_is_folder(path))
        return nt_fail(
            err, "%s: %s: idx(\"...\") names the folder that holds train-images-idx3-ubyte and so on",
            path, nt_no_folder(path));
    if ((q->parts & NT_PART_TRAIN) && !load_named_part(q, path, "train", true, &out->train, err))
        return false;
    return !(q->parts & NT_PART_TEST) || load_named_part(q, path, "t10k", q->parts == NT_PART_TEST, &out->test, err);
}
