/* hash.c - FNV-1a, 64 bits (Fowler, Noll and Vo; constants of draft-eastlake-fnv). */
#include "base.h"

#include <string.h>

uint64_t hash_start(void)
{
    return UINT64_C(14695981039346656037);
}

uint64_t hash_bytes(uint64_t h, const void *data, size_t n)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ bytes[i]) * UINT64_C(1099511628211);
    }
    return h;
}

/* The final NUL is hashed too: "ab" then "c" differs from "a" then "bc". */
uint64_t hash_text(uint64_t h, const char *s)
{
    return hash_bytes(h, s, strlen(s) + 1);
}
