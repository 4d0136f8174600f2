/* arena.c - memory that lives as long as a compilation: handed out by moving a pointer, given back all at once. */
#define _DEFAULT_SOURCE /* madvise */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct ArenaBlock {
    ArenaBlock *next;
    size_t size; /* bytes behind this header */
};

enum { ALIGN = 16, FIRST_BLOCK = 1 << 14, LARGEST_STEP = 1 << 20 };

/* The header, rounded up so that what follows is aligned. */
static size_t header_size(void)
{
    return (sizeof(ArenaBlock) + ALIGN - 1) / ALIGN * ALIGN;
}

static char *block_data(ArenaBlock *b)
{
    return (char *)b + header_size();
}

/* All of a large block will be used. A system that can makes its pages at once, which takes less time than one by one (a quarter of
 * what it spends for `netc emit` of ResNet-152); elsewhere they come as they are touched. */
static void touch(ArenaBlock *b, size_t size)
{
#ifdef MADV_POPULATE_WRITE
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)b + page - 1) / page * page;
    const uintptr_t to = ((uintptr_t)b + size) / page * page;
    (void)madvise((void *)from, to - from, MADV_POPULATE_WRITE);
#else
    (void)b;
    (void)size;
#endif
}

static void new_block(Arena *a, size_t at_least)
{
    size_t size = FIRST_BLOCK;
    if (a->head != NULL) {
        size = a->head->size < LARGEST_STEP ? 2 * a->head->size : LARGEST_STEP;
    }
    if (size < at_least) {
        size = at_least;
    }
    if (size > SIZE_MAX - header_size()) {
        die("out of memory");
    }
    ArenaBlock *b = calloc(1, header_size() + size);
    if (b == NULL) {
        die("out of memory");
    }
    if (size == LARGEST_STEP) {
        touch(b, size);
    }
    b->next = a->head;
    b->size = size;
    a->head = b;
    a->used = 0;
}

void *arena_alloc(Arena *a, size_t size)
{
    if (size > SIZE_MAX - ALIGN) {
        die("out of memory");
    }
    size = size == 0 ? ALIGN : (size + ALIGN - 1) / ALIGN * ALIGN;
    if (a->head == NULL || a->head->size - a->used < size) {
        new_block(a, size);
    }
    void *p = block_data(a->head) + a->used;
    a->used += size;
    a->total += size;
    return p;
}

void *arena_array(Arena *a, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        die("out of memory");
    }
    return arena_alloc(a, count * size);
}

char *arena_strndup(Arena *a, const char *s, size_t n)
{
    if (n == SIZE_MAX) {
        die("out of memory");
    }
    char *copy = arena_alloc(a, n + 1);
    if (n > 0) {
        memcpy(copy, s, n);
    }
    return copy;
}

char *arena_strdup(Arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(Arena *a, const char *format, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    /* most texts are short and fit where the next piece begins: formatted there, they need not be measured first */
    const size_t room = a->head ? a->head->size - a->used : 0;
    char *there = room > 0 ? block_data(a->head) + a->used : NULL;
    int n = vsnprintf(there, room, format, ap);
    if (n < 0) {
        die("cannot format a message");
    }
    if ((size_t)n >= room && room > 0) {
        memset(there, 0, room); /* pieces are handed out zeroed */
    }
    char *text = arena_alloc(a, (size_t)n + 1);
    if (text != there && vsnprintf(text, (size_t)n + 1, format, again) != n) {
        die("cannot format a message");
    }
    va_end(again);
    return text;
}

char *arena_printf(Arena *a, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *text = arena_vprintf(a, format, ap);
    va_end(ap);
    return text;
}

void arena_free(Arena *a)
{
    while (a->head != NULL) {
        ArenaBlock *next = a->head->next;
        free(a->head);
        a->head = next;
    }
    *a = (Arena){0};
}
