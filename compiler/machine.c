/* machine.c - see machine.h. */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

static const char units[] = "KMG";

/* "16M" as bytes; 0: it is no size. */
static double size_of(const char *text)
{
    char *end = NULL;
    const double number = strtod(text, &end);
    const char *unit = end != text && *end && end[1] == '\0' ? strchr(units, *end) : NULL;
    double bytes = unit && number > 0 ? number : 0;
    for (int i = 0; unit && i <= unit - units; i++) {
        bytes *= 1024;
    }
    return bytes;
}

static bool add_cache(Machine *m, double size, double rate)
{
    if (m->n_caches == MACHINE_CACHES) {
        return false;
    }
    int i = m->n_caches++;
    for (; i > 0 && m->caches[i - 1].size > size; i--) {
        m->caches[i] = m->caches[i - 1];
    }
    m->caches[i].size = size;
    m->caches[i].rate = rate;
    return true;
}

const char *machine_parse(Arena *a, const char *text, Machine *m)
{
    *m = (Machine){0};
    for (const char *at = text; *at;) {
        const size_t n = strcspn(at, ",");
        char *part = arena_strndup(a, at, n), *equals = strchr(part, '=');
        at += n + (at[n] == ',');
        char *end = NULL;
        const double rate = equals ? strtod(equals + 1, &end) : 0;
        if (!equals || end == equals + 1 || *end || !(rate > 0) || rate > 1e9) {
            return arena_printf(a, "'%s' is not NAME=NUMBER", part);
        }
        *equals = '\0';
        if (strcmp(part, "peak") == 0) {
            m->flops = rate * 1e9;
        } else if (strcmp(part, "bandwidth") == 0) {
            m->memory = rate * 1e9;
        } else if (size_of(part) == 0) {
            return arena_printf(a, "'%s' is neither peak nor bandwidth nor a size such as 512K or 16M", part);
        } else if (!add_cache(m, size_of(part), rate * 1e9)) {
            return arena_printf(a, "more than %d sizes", MACHINE_CACHES);
        }
    }
    return m->flops == 0 ? "peak is missing" : m->memory == 0 ? "bandwidth is missing" : NULL;
}

const char *machine_text(Arena *a, const Machine *m)
{
    const char *text = arena_printf(a, "peak=%.4g,bandwidth=%.4g", m->flops * 1e-9, m->memory * 1e-9);
    for (int i = 0; i < m->n_caches; i++) {
        double size = m->caches[i].size / 1024;
        int unit = 0;
        for (; unit < 2 && size >= 1024; unit++) {
            size /= 1024;
        }
        text = arena_printf(a, "%s,%g%c=%.4g", text, size, units[unit], m->caches[i].rate * 1e-9);
    }
    return text;
}
