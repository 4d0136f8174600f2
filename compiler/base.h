/* base.h - what every part of the compiler stands on: memory, growing arrays, strings.
 *
 * A compilation owns one Arena. Passes allocate from it and never free; the driver frees it whole.
 * Running out of memory ends the process with exit status 3 and a message: no caller checks for NULL. */
#ifndef NETC_BASE_H
#define NETC_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ArenaBlock ArenaBlock;
typedef struct Arena {
    ArenaBlock *head;
    size_t used, total; /* bytes used in the head block; bytes handed out in all */
} Arena;

/* Zeroed memory of `size` bytes, aligned to 16. */
void *arena_alloc(Arena *a, size_t size);
/* Zeroed array of count elements; overflow of count*size ends the process like running out of memory. */
void *arena_array(Arena *a, size_t count, size_t size);
char *arena_strdup(Arena *a, const char *s);
char *arena_strndup(Arena *a, const char *s, size_t n);
/* printf into the arena. */
char *arena_printf(Arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *a, const char *format, va_list ap);
void arena_free(Arena *a);

/* Makes room for one more element in an arena array of `len` elements and room for `*cap`; returns the array,
 * moved if it had to grow. Use: v->items = vec_grow(a, v->items, v->len, &v->cap, sizeof *v->items). */
void *vec_grow(Arena *a, void *items, int len, int *cap, size_t elem_size);

/* A growing text buffer on the heap (not in the arena): output files, tables, messages. */
typedef struct Str {
    char *data; /* always ends in NUL once something was added; NULL when empty and new */
    size_t len, cap;
} Str;
void str_add(Str *s, const char *text);
void str_addn(Str *s, const char *text, size_t n);
void str_addc(Str *s, char c);
void str_printf(Str *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void str_vprintf(Str *s, const char *format, va_list ap);
void str_free(Str *s);

/* Checked arithmetic for shapes and sizes: false, and *out untouched, when the result leaves int64. */
bool checked_add(int64_t a, int64_t b, int64_t *out);
bool checked_sub(int64_t a, int64_t b, int64_t *out);
bool checked_mul(int64_t a, int64_t b, int64_t *out);

/* A size of memory with its unit, 2GiB or 1.5MB, in bytes. False: it is none, or does not fit. */
bool bytes_parse(const char *text, size_t n, int64_t *bytes);
/* The same size as it would be written: in the largest unit that it is a whole number of; without one, in bytes. */
const char *bytes_exact(Arena *a, int64_t bytes);

/* A stable 64-bit hash (FNV-1a, Fowler, Noll, Vo): the same on every machine. Start with hash_start(). */
uint64_t hash_start(void);
uint64_t hash_bytes(uint64_t h, const void *data, size_t n);
uint64_t hash_text(uint64_t h, const char *s);

/* Whole file into memory, NUL-terminated. Returns NULL and leaves errno on failure. The caller frees. */
char *file_read(const char *path, size_t *len);
/* Writes a whole file through a temporary name and rename(2), so that a reader never sees half of it. False and errno
 * on failure. */
bool file_write(const char *path, const char *data, size_t len);
/* The same, but a file that holds exactly this is left alone, its time of modification with it: what make built of it stays
 * up to date. */
bool file_update(const char *path, const char *data, size_t len);

/* Ends the process with status 3: "netc: " and the message on standard error. For the environment's failures only. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
