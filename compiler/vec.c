/* vec.c - growing arrays in an arena. */
#include "base.h"

#include <limits.h>
#include <string.h>

void *vec_grow(Arena *a, void *items, int len, int *cap, size_t elem_size)
{
    if (len < *cap) {
        return items;
    }
    if (*cap > INT_MAX / 2) {
        die("out of memory");
    }
    int new_cap = *cap == 0 ? 2 : 2 * *cap;
    void *grown = arena_array(a, (size_t)new_cap, elem_size);
    if (len > 0) {
        memcpy(grown, items, (size_t)len * elem_size);
    }
    *cap = new_cap;
    return grown;
}
