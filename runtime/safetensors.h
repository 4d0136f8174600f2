/* safetensors.h - files of named tensors: 8 bytes of header length, a JSON header, then the values, little endian.
 *
 * Reading trusts nothing: header length, shapes and offsets are checked against the file's size, and the tensors must
 * cover the values exactly, without hole or overlap. Writing is atomic: whoever reads the path sees the old file or the
 * new one. */
#ifndef NT_SAFETENSORS_H
#define NT_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "error.h"

enum { NT_TENSOR_DIMS = 8 };

typedef struct nt_tensor {
    const char *name;
    const char *dtype; /* "F32", ...: one of the format's own names */
    int n_dims;
    int64_t dims[NT_TENSOR_DIMS];
    size_t count; /* values */
    const unsigned char *data;
} nt_tensor;

typedef struct nt_tensors {
    char *path; /* for messages */
    unsigned char *bytes;
    json_t *header;
    nt_tensor *list; /* in the order of their data */
    size_t n;
} nt_tensors;

/* Reads a whole file. False with the error set, and nothing held, where it cannot be opened or is not sound. */
bool nt_tensors_read(nt_tensors *tensors, const char *path, nt_error *error);

/* The same for `size` bytes in memory, which it takes over and frees (with free()), also on failure. */
bool nt_tensors_parse(nt_tensors *tensors, const char *path, unsigned char *bytes, size_t size, nt_error *error);

void nt_tensors_free(nt_tensors *tensors);

const nt_tensor *nt_tensors_find(const nt_tensors *tensors, const char *name);

/* A value of __metadata__, or NULL. */
const char *nt_tensors_metadata(const nt_tensors *tensors, const char *key);

/* All values as floats. F64, F16, BF16 and the integer types are converted; false for other types. */
bool nt_tensor_floats(const nt_tensor *tensor, float *values);

/* "[64, 3, 7, 7]" into `text`. */
enum { NT_DIMS_TEXT = 24 * NT_TENSOR_DIMS };
const char *nt_dims_text(char *text, const int64_t *dims, int n_dims);

/* A tensor to write: F32, `count` = product of dims. Its values come from fill(context, index of the tensor,
 * values). */
typedef struct nt_tensor_out {
    const char *name;
    int n_dims;
    int64_t dims[NT_TENSOR_DIMS];
} nt_tensor_out;

typedef void nt_tensor_fill(void *context, size_t index, float *values);

/* What a file has to survive: the end of this process, or that of the machine too, for which the disk is waited for.
 * NT_STAGED: it is written, but does not take its place before nt_tensors_replace. */
typedef enum nt_durability { NT_STAGED, NT_SURVIVES_PROCESS, NT_SURVIVES_MACHINE } nt_durability;

/* Writes PATH.tmp and renames it to PATH, or with NT_STAGED leaves it at that. On failure the error says what to do, PATH
 * is as it was and the temporary file is gone. What is at PATH and no regular file, such as a pipe, is written to instead,
 * and nothing is waited for. `metadata` is an object of strings, or NULL. */
bool nt_tensors_write(const char *path, const nt_tensor_out *tensors, size_t n, json_t *metadata, nt_tensor_fill *fill,
                      void *context, nt_durability durability, nt_error *error);

/* Puts files that were staged in their places, all or (as far as file systems can promise that) none: those of one
 * state belong together. On failure the staged ones are gone. */
bool nt_tensors_replace(const char *const *paths, size_t n, nt_durability durability, nt_error *error);

/* Removes what was staged for these paths, if anything was. */
void nt_tensors_discard(const char *const *paths, size_t n);

/* Waits until a file that was written with NT_SURVIVES_PROCESS is on the disk. */
bool nt_tensors_sync(const char *path, nt_error *error);

#endif
