/* bytes.c - sizes of memory with their units: 2GiB, 512MB. */
#include "base.h"

#include <string.h>

static const struct Unit {
    const char *name;
    int64_t bytes;
} units[] = {
    {"TiB", INT64_C(1) << 40}, {"GiB", 1 << 30},    {"MiB", 1 << 20}, {"KiB", 1 << 10},
    {"TB", INT64_C(1000000000000)}, {"GB", 1000000000}, {"MB", 1000000},   {"KB", 1000},
};

enum { N_UNITS = sizeof units / sizeof *units };

bool bytes_parse(const char *text, size_t n, int64_t *bytes)
{
    size_t i = 0;
    int64_t whole = 0, scale = 1;
    bool digits = false, fits = true, point = false;
    for (; i < n && (strchr("0123456789", text[i]) || (text[i] == '.' && !point)); i++) {
        if (text[i] == '.') {
            point = true;
            continue;
        }
        digits = true;
        fits = fits && checked_mul(whole, 10, &whole) && checked_add(whole, text[i] - '0', &whole);
        fits = fits && (!point || checked_mul(scale, 10, &scale));
    }
    for (int u = 0; u < N_UNITS && digits && fits; u++) {
        if (strlen(units[u].name) == n - i && strncmp(units[u].name, text + i, n - i) == 0) {
            int64_t product = 0;
            fits = checked_mul(whole, units[u].bytes, &product);
            *bytes = product / scale;
            return fits;
        }
    }
    return false;
}

const char *bytes_exact(Arena *a, int64_t bytes)
{
    for (int u = 0; u < N_UNITS; u++) {
        if (bytes > 0 && bytes % units[u].bytes == 0) {
            return arena_printf(a, "%lld%s", (long long)(bytes / units[u].bytes), units[u].name);
        }
    }
    return arena_printf(a, "%lld", (long long)bytes);
}
