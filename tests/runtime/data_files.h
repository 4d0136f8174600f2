/* data_files.h - small data files for the tests, made when they run, in a folder of their own that goes away
 * afterwards. */
#ifndef DATA_FILES_H
#define DATA_FILES_H

#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700 /* mkdtemp, nftw */
#endif

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "../../runtime/data_source.h"

/* A folder for one test. */
typedef struct folder {
    char path[256];
} folder;

static inline int make_folder(void **state)
{
    folder *f = malloc(sizeof *f);
    assert_non_null(f);
    const char *base = getenv("TMPDIR");
    snprintf(f->path, sizeof f->path, "%s/nt_data_XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(f->path));
    *state = f;
    return 0;
}

static inline int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static inline int remove_folder(void **state)
{
    folder *f = *state;
    int failed = nftw(f->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return failed;
}

/* "folder/name" in one of a few buffers that are used in turn; makes the folders on the way. */
static inline const char *path_in(const folder *f, const char *name)
{
    static char paths[8][512];
    static int turn;
    char *path = paths[turn++ % 8];
    snprintf(path, 512, "%s/%s", f->path, name);
    for (char *slash = path + strlen(f->path) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    return path;
}

static inline void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
}

static inline void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

static inline void write_gzip(const char *path, const void *bytes, size_t n)
{
    gzFile out = gzopen(path, "wb6");
    assert_non_null(out);
    assert_int_equal(gzwrite(out, bytes, (unsigned)n), (int)n);
    assert_int_equal(gzclose(out), Z_OK);
}

/* Bytes of a file that exists. */
static inline nt_file slurp(const char *path)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    nt_file f = {.name = path, .bytes = malloc(1 << 20)};
    assert_non_null(f.bytes);
    f.size = fread(f.bytes, 1, 1 << 20, in);
    fclose(in);
    return f;
}

/* A file in memory, under a name for messages; in a block of exactly its size, so that the sanitizer sees a read past
 * its end. */
static inline nt_file file_of(const void *bytes, size_t n)
{
    nt_file f = {.name = "the file", .bytes = malloc(n ? n : 1), .size = n};
    assert_non_null(f.bytes);
    if (n)
        memcpy(f.bytes, bytes, n);
    return f;
}

/* IDX: header and values, `n_dims` of them. Returns the size. */
static inline size_t idx_bytes(uint8_t *to, int n_dims, const uint32_t *dims, const uint8_t *values)
{
    size_t count = 1;
    to[0] = to[1] = 0;
    to[2] = 8;
    to[3] = (uint8_t)n_dims;
    for (int i = 0; i < n_dims; i++) {
        for (int b = 0; b < 4; b++)
            to[4 + 4 * i + b] = (uint8_t)(dims[i] >> (24 - 8 * b));
        count *= dims[i];
    }
    memcpy(to + 4 + 4 * n_dims, values, count);
    return 4 + 4 * (size_t)n_dims + count;
}

/* NumPy: version 1.0 as numpy.save writes it. Returns the size. */
static inline size_t npy_bytes(uint8_t *to, const char *type, const char *shape, const void *values, size_t n)
{
    char header[128];
    int length = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type, shape);
    int padded = (10 + length + 1 + 63) / 64 * 64 - 10;
    memcpy(to, "\x93NUMPY\x01\x00", 8);
    to[8] = (uint8_t)padded;
    to[9] = (uint8_t)(padded >> 8);
    memset(to + 10, ' ', (size_t)padded);
    memcpy(to + 10, header, (size_t)length);
    to[10 + padded - 1] = '\n';
    memcpy(to + 10 + padded, values, n);
    return 10 + (size_t)padded + n;
}

/* Fails the test unless `what` failed with a message that holds every one of the words (ended by NULL). */
static inline void expect_message(bool ok, const nt_error *err, ...)
{
    va_list words;
    assert_false(ok);
    va_start(words, err);
    for (const char *word; (word = va_arg(words, const char *)) != NULL;)
        if (!strstr(err->text, word))
            fail_msg("'%s' is not in the message: %s", word, err->text);
    va_end(words);
}

static inline void expect_ok(bool ok, const nt_error *err)
{
    if (!ok)
        fail_msg("unexpected error: %s", err->text);
}

#endif
