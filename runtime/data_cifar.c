/* data_cifar.c - CIFAR-10 in its binary form (Krizhevsky, 2009): records of a label byte, then 32x32 bytes of red, of
 * green and of blue. */
#include "data_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, PLANE = SIDE * SIDE, PIXELS = 3 * PLANE, RECORD = 1 + PIXELS, TRAIN_FILES = 5 };

bool nt_cifar_batch(const nt_data_request *q, const nt_file *file, nt_part *part, int64_t capacity, nt_error *err)
{
    if (file->size == 0 || file->size % RECORD != 0)
        return nt_fail(err,
                       "%s: has %zu bytes, which is not a whole number of records of %d bytes; the last one begins at "
                       "byte %zu: fetch "
                       "the binary version of CIFAR-10 again",
                       file->name, file->size, RECORD, file->size / RECORD * RECORD);
    int64_t records = (int64_t)(file->size / RECORD);
    if (records > capacity - part->count)
        return nt_fail(err, "%s: grew while it was read: try again", file->name);
    for (int64_t r = 0; r < records; r++) {
        const uint8_t *record = file->bytes + r * RECORD;
        if (record[0] >= q->outputs)
            return nt_fail(err,
                           "%s: record %lld (byte %lld) has label %d, the network's %d outputs are classes 0..%d: %s",
                           file->name, (long long)r, (long long)(r * RECORD), record[0], q->outputs, q->outputs - 1,
                           record[0] < 10 ? "make its last layer dense(10)"
                                          : "this is not the binary version of CIFAR-10");
        uint8_t *pixels = part->bytes + (part->count + r) * PIXELS;
        for (int i = 0; i < PLANE; i++)
            for (int c = 0; c < 3; c++)
                pixels[3 * i + c] = record[1 + c * PLANE + i];
        part->labels[part->count + r] = record[0];
    }
    part->count += records;
    return true;
}

/* Reads `n` files into one part. */
static bool load_files(const nt_data_request *q, nt_file *files, int n, nt_part *part, nt_error *err)
{
    int64_t capacity = 0;
    for (int i = 0; i < n; i++)
        capacity += (int64_t)(files[i].size / RECORD);
    part->bytes = nt_allocate(capacity, PIXELS, "the images of CIFAR-10", err);
    part->labels = nt_allocate(capacity, sizeof *part->labels, "the labels of CIFAR-10", err);
    if (!part->bytes || !part->labels)
        return false;
    for (int i = 0; i < n; i++)
        if (!nt_cifar_batch(q, &files[i], part, capacity, err))
            return false;
    return true;
}

static bool load_part(const nt_data_request *q, const char *folder, const char *const *names, int n, nt_part *part,
                      nt_error *err)
{
    char *paths[TRAIN_FILES] = {0};
    nt_file files[TRAIN_FILES] = {0};
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        paths[i] = nt_path_join(folder, names[i]);
        if (!paths[i])
            ok = nt_fail_memory(err, names[i], (double)strlen(folder));
        else if (!nt_path_exists(paths[i]))
            ok = nt_fail(err,
                         "%s: is missing: the binary version of CIFAR-10 has data_batch_1.bin to data_batch_5.bin and "
                         "test_batch.bin",
                         paths[i]);
        else
            ok = nt_file_read(paths[i], &files[i], err);
    }
    ok = ok && load_files(q, files, n, part, err);
    for (int i = 0; i < n; i++) {
        nt_file_free(&files[i]);
        free(paths[i]);
    }
    return ok;
}

/* Class names, a line each, from batches.meta.txt; without the file, or if their number does not fit, there are none.
 */
static bool load_names(const nt_data_request *q, const char *folder, nt_loaded *out, nt_error *err)
{
    char *path = nt_path_join(folder, "batches.meta.txt");
    nt_file file = {0};
    bool ok = path || nt_fail_memory(err, "batches.meta.txt", (double)strlen(folder));
    if (ok && nt_path_exists(path))
        ok = nt_file_read(path, &file, err);
    char **names = ok && file.size ? calloc((size_t)q->outputs, sizeof *names) : NULL;
    int n = 0;
    for (size_t i = 0, end; names && i < file.size; i = end + 1) {
        for (end = i; end < file.size && file.bytes[end] != '\n' && file.bytes[end] != '\r';)
            end++;
        if (end == i)
            continue;
        if (n < q->outputs)
            names[n] = nt_copy_text((const char *)file.bytes + i, end - i);
        n++;
    }
    out->names = names;
    if (names && n != q->outputs) {
        for (int i = 0; i < q->outputs; i++)
            free(names[i]);
        free(names);
        out->names = NULL;
    }
    for (int i = 0; ok && out->names && i < n; i++)
        if (!out->names[i])
            ok = nt_fail_memory(err, "class names", 64);
    nt_file_free(&file);
    free(path);
    return ok;
}

bool nt_load_cifar(const nt_data_request *q, const char *path, nt_loaded *out, nt_error *err)
{
    static const char *const train[TRAIN_FILES] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                                   "data_batch_4.bin", "data_batch_5.bin"};
    static const char *const test[1] = {"test_batch.bin"};
    if (!nt_path_is_folder(path))
        return nt_fail(err,
                       "%s: %s: cifar(\"...\") names the folder that holds data_batch_1.bin and so on",
                       path, nt_no_folder(path));
    if (!nt_check_shape(q, path, SIDE, SIDE, 3, err) || !load_names(q, path, out, err))
        return false;
    if ((q->parts & NT_PART_TRAIN) && !load_part(q, path, train, TRAIN_FILES, &out->train, err))
        return false;
    if (!(q->parts & NT_PART_TEST))
        return true;
    char *test_path = nt_path_join(path, test[0]);
    if (!test_path)
        return nt_fail_memory(err, test[0], (double)strlen(path));
    bool there = nt_path_exists(test_path) || q->parts == NT_PART_TEST;
    free(test_path);
    return !there || load_part(q, path, test, 1, &out->test, err);
}
