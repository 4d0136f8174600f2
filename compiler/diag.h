/* diag.h - source files, locations and diagnostics.
 *
 * A location is a span of bytes in a file; line, column and the caret line are computed only when a diagnostic is
 * printed. Diagnostics are collected, sorted by place, and printed at the end of a run (at most DIAG_MAX errors). */
#ifndef NETC_DIAG_H
#define NETC_DIAG_H

#include "base.h"

enum { DIAG_MAX = 20 };

typedef struct Loc {
    int file;            /* index into Sources; -1: no place (a command line option, a file that cannot be opened) */
    uint32_t start, end; /* byte offsets, end exclusive */
} Loc;

typedef struct Source {
    const char *path; /* as the user wrote it, or relative to the file that `use`d it */
    const char *text; /* NUL-terminated; BOM removed; CRLF kept */
    uint32_t len;
} Source;

typedef enum DiagKind { DIAG_ERROR, DIAG_WARNING } DiagKind;
typedef struct Diag Diag;

typedef struct Diags {
    Arena *arena;
    Source *sources;
    int n_sources, cap_sources;
    Diag *items;
    int len, cap;
    int errors, warnings; /* as counted, also past DIAG_MAX */
} Diags;

/* Adds a source text (already in the arena) and returns its index. */
int diag_add_source(Diags *d, const char *path, const char *text, uint32_t len);

/* The location that spans from the start of a to the end of b (same file). */
Loc loc_join(Loc a, Loc b);
Loc loc_none(void);

/* Starts a diagnostic. The returned one takes notes, helps and call frames until the next is started. A second error at exactly
 * the same span is dropped (it would be a cascade), and so are its notes. */
Diag *diag_error(Diags *d, Loc at, const char *format, ...) __attribute__((format(printf, 3, 4)));
Diag *diag_warning(Diags *d, Loc at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* `note: text      file:line:col` (the place only where `at` has one). */
void diag_note(Diags *d, Diag *diag, Loc at, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* `help: text` */
void diag_help(Diags *d, Diag *diag, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The closest of n names to `name` by Damerau-Levenshtein distance, or NULL where none is near (over a third of the length,
 * at least 1, wrong). Names may be NULL: skipped. */
const char *did_you_mean(const char *name, const char *const *names, int n);

/* Line and column (both from 1; columns count UTF-8 code points) of a byte offset. */
void diag_position(const Diags *d, Loc at, int *line, int *column);

/* All diagnostics, sorted by file and place, in the form that language.md shows, into `out`. With `color`, ANSI colours. */
void diag_render(const Diags *d, Str *out, bool color);

#endif
