/* data_source.h - what the loaders of data_*.c share; only they and data.c include it.
 *
 * A file is read into memory whole, unpacked if it is gzip, and only then looked at: sizes in its header are compared
 * with the bytes that are really there before anything is allocated from them. */
#ifndef NT_DATA_SOURCE_H
#define NT_DATA_SOURCE_H

#include "data.h"

/* A file's content. `name` is the path as the user knows it, for messages. */
typedef struct nt_file {
    const char *name;
    uint8_t *bytes;
    size_t size;
} nt_file;

/* Reads a file, unpacking gzip, into *file; `path` must outlive it. */
bool nt_file_read(const char *path, nt_file *file, nt_error *err);
void nt_file_free(nt_file *file);

/* "dir/name" in new memory; NULL when there is none. */
char *nt_path_join(const char *dir, const char *name);

bool nt_path_exists(const char *path);
bool nt_path_is_folder(const char *path);

/* What to say of a path that is no folder: whether anything is there. */
const char *nt_no_folder(const char *path);

/* malloc(count * size), checked for overflow; at least one byte, so that NULL always means failure, which is reported
 * for `what`. */
void *nt_allocate(int64_t count, size_t size, const char *what, nt_error *err);

/* A copy of a string, not longer than n bytes; NULL when there is no memory. */
char *nt_copy_text(const char *text, size_t n);

/* The product of n dimensions, each at least 0; SIZE_MAX where it is larger than a size_t holds. 1 of no dimensions. */
size_t nt_product(const int64_t *dims, int n);

void nt_part_free(nt_part *part);

/* "28x28x1", or "784" for a vector. */
typedef struct nt_shape_text {
    char text[48];
} nt_shape_text;
nt_shape_text nt_shape_name(int64_t h, int64_t w, int64_t c);

/* Checks that samples of h x w x c are what the network reads; a vector also takes images of as many values. The
 * message, after `name`, gives both shapes and the input line to write. */
bool nt_check_shape(const nt_data_request *request, const char *name, int64_t h, int64_t w, int64_t c, nt_error *err);

/* Each loader fills *train and *test as far as request->parts asks for them and the source has them, and *names with
 * request->outputs names if the source knows them. On failure what was filled is freed by the caller. */
typedef struct nt_loaded {
    nt_part train, test;
    char **names;
    char note[512];
} nt_loaded;

bool nt_load_idx(const nt_data_request *request, const char *path, nt_loaded *out, nt_error *err);
bool nt_load_cifar(const nt_data_request *request, const char *path, nt_loaded *out, nt_error *err);
bool nt_load_images(const nt_data_request *request, const char *path, nt_loaded *out, nt_error *err);
bool nt_load_npy(const nt_data_request *request, const char *path, nt_loaded *out, nt_error *err);
bool nt_load_csv(const nt_data_request *request, const char *path, nt_loaded *out, nt_error *err);
bool nt_load_road(const nt_data_request *request, nt_loaded *out, nt_error *err);
bool nt_load_spiral(const nt_data_request *request, nt_loaded *out, nt_error *err);

/* Inputs without labels, for prediction, from one file each. */
bool nt_inputs_image(const nt_data_request *request, const char *path, nt_part *out, nt_error *err);
bool nt_inputs_npy(const nt_data_request *request, const char *path, nt_part *out, nt_error *err);
bool nt_inputs_csv(const nt_data_request *request, const char *path, nt_part *out, nt_error *err);

/* The parts of loaders that work on bytes in memory, which is also where tests and fuzzers come in. Each takes over
 * file->bytes or leaves them; the caller frees the file in any case. nt_npy_inputs: `single` allows an array of one
 * sample without the dimension of samples. */
bool nt_idx_images(const nt_data_request *request, nt_file *file, nt_part *part, nt_error *err);
bool nt_idx_labels(const nt_data_request *request, const nt_file *file, nt_part *part, nt_error *err);
bool nt_cifar_batch(const nt_data_request *request, const nt_file *file, nt_part *part, int64_t capacity,
                    nt_error *err);
bool nt_npy_inputs(const nt_data_request *request, nt_file *file, bool single, nt_part *part, char *note,
                   size_t note_size, nt_error *err);
bool nt_npy_answers(const nt_data_request *request, const nt_file *file, nt_part *part, nt_error *err);
bool nt_csv_table(const nt_data_request *request, nt_file *train, nt_file *test, nt_loaded *out, nt_error *err);
bool nt_image_decode(const nt_file *file, int h, int w, int c, uint8_t *pixels, nt_error *err);

#endif
