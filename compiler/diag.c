/* diag.c - collects diagnostics, and turns them into text: place, message, source line, caret, notes, help. */
#include "diag.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEPT_MAX = 1000,       /* errors kept, and warnings; more are only counted, so that they never fill the memory */
    MESSAGE_MAX = 1000,    /* bytes of one message */
    WINDOW = 110,          /* columns of source shown at most */
    BEFORE_CARET = 60,     /* of these, before the caret when the line is longer */
    TAB = 4,               /* columns between tab stops when source is shown */
    NAME_MAX_COMPARED = 64 /* no name that long is a slip for another */
};

/* One line below the caret. */
typedef struct Remark {
    bool is_help;
    Loc at;
    const char *text;
} Remark;

struct Diag {
    DiagKind kind;
    Loc at;
    const char *text;
    Remark *remarks;
    int n_remarks, cap_remarks;
    int order; /* as reported: the last word in sorting */
    bool dropped;
};

/* ---- collecting ---- */

int diag_add_source(Diags *d, const char *path, const char *text, uint32_t len)
{
    static const char bom[] = "\xEF\xBB\xBF";
    d->sources = vec_grow(d->arena, d->sources, d->n_sources, &d->cap_sources, sizeof *d->sources);
    Source *s = &d->sources[d->n_sources];
    uint32_t skip = len >= 3 && memcmp(text, bom, 3) == 0 ? 3 : 0;
    *s = (Source){.path = path, .text = text + skip, .len = len - skip};
    return d->n_sources++;
}

Loc loc_join(Loc a, Loc b)
{
    return (Loc){a.file, a.start, b.end > a.start ? b.end : a.start};
}

Loc loc_none(void)
{
    return (Loc){-1, 0, 0};
}

/* Cuts at a code point's start, so that a cut message is still UTF-8. */
static const char *message(Arena *a, const char *format, va_list ap)
{
    char *text = arena_vprintf(a, format, ap);
    size_t len = strlen(text);
    if (len <= MESSAGE_MAX) {
        return text;
    }
    size_t end = MESSAGE_MAX;
    while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80) {
        end--;
    }
    return arena_printf(a, "%.*s...", (int)end, text);
}

static bool same_loc(Loc a, Loc b)
{
    return a.file == b.file && a.start == b.start && a.end == b.end;
}

/* Was there an error at this very place, or this very warning? Such a second one says nothing new. */
static bool is_repeated(const Diags *d, DiagKind kind, Loc at, const char *text)
{
    for (int i = 0; i < d->len; i++) {
        const Diag *old = &d->items[i];
        bool same_place = old->kind == kind && same_loc(old->at, at);
        if (same_place && ((kind == DIAG_ERROR && at.file >= 0) || strcmp(old->text, text) == 0)) {
            return true;
        }
    }
    return false;
}

/* Takes the notes and helps of a diagnostic that is not kept. */
static Diag *dropped(void)
{
    static Diag nothing = {.dropped = true};
    return &nothing;
}

static Diag *add(Diags *d, DiagKind kind, Loc at, const char *format, va_list ap)
{
    int *count = kind == DIAG_ERROR ? &d->errors : &d->warnings;
    if (*count >= KEPT_MAX) {
        *count += 1;
        return dropped();
    }
    const char *text = message(d->arena, format, ap);
    if (is_repeated(d, kind, at, text)) {
        return dropped();
    }
    *count += 1;
    d->items = vec_grow(d->arena, d->items, d->len, &d->cap, sizeof *d->items);
    Diag *diag = &d->items[d->len];
    *diag = (Diag){.kind = kind, .at = at, .text = text, .order = d->len};
    d->len++;
    return diag;
}

Diag *diag_error(Diags *d, Loc at, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    Diag *diag = add(d, DIAG_ERROR, at, format, ap);
    va_end(ap);
    return diag;
}

Diag *diag_warning(Diags *d, Loc at, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    Diag *diag = add(d, DIAG_WARNING, at, format, ap);
    va_end(ap);
    return diag;
}

static void remark(Diags *d, Diag *diag, bool is_help, Loc at, const char *format, va_list ap)
{
    if (diag->dropped) {
        return;
    }
    diag->remarks =
        vec_grow(d->arena, diag->remarks, diag->n_remarks, &diag->cap_remarks, sizeof *diag->remarks);
    diag->remarks[diag->n_remarks++] = (Remark){is_help, at, message(d->arena, format, ap)};
}

void diag_note(Diags *d, Diag *diag, Loc at, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    remark(d, diag, false, at, format, ap);
    va_end(ap);
}

void diag_help(Diags *d, Diag *diag, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    remark(d, diag, true, loc_none(), format, ap);
    va_end(ap);
}

/* ---- which name was meant ---- */

static int min3(int a, int b, int c)
{
    int m = a < b ? a : b;
    return m < c ? m : c;
}

/* Edit distance with insertion, deletion, substitution and the swap of neighbours (Damerau 1964, restricted to one edit
 * a place), blind to case. Both names are at most NAME_MAX_COMPARED long. */
static int distance(const char *a, int na, const char *b, int nb)
{
    int row[3][NAME_MAX_COMPARED + 1]; /* the rows i, i-1, i-2 of the table, taking turns */
    for (int j = 0; j <= nb; j++) {
        row[0][j] = j;
    }
    for (int i = 1; i <= na; i++) {
        int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= nb; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && y == tolower((unsigned char)a[i - 2])) {
                int swapped = before[j - 2] + 1;
                now[j] = swapped < now[j] ? swapped : now[j];
            }
        }
    }
    return row[na % 3][nb];
}

const char *did_you_mean(const char *name, const char *const *names, int n)
{
    size_t len = strlen(name);
    if (len == 0 || len > NAME_MAX_COMPARED) {
        return NULL;
    }
    const char *best = NULL;
    int best_distance = len == 1 ? 0 : len < 6 ? 1 : (int)len / 3;
    for (int i = 0; i < n; i++) {
        size_t other = names[i] == NULL ? 0 : strlen(names[i]);
        if (other == 0 || other > NAME_MAX_COMPARED) {
            continue;
        }
        int gap = distance(name, (int)len, names[i], (int)other);
        if (gap < best_distance || (gap == best_distance && best == NULL)) {
            best = names[i];
            best_distance = gap;
        }
    }
    return best;
}

/* ---- text as it is shown ---- */

/* Decodes one code point of s (n > 0 bytes left) into *code and returns its length in bytes; an invalid byte gives
 * length 1 and code -1. */
static uint32_t decode(const char *s, uint32_t n, int32_t *code)
{
    const unsigned char *u = (const unsigned char *)s;
    uint32_t len = u[0] < 0x80 ? 1 : u[0] < 0xC2 ? 0 : u[0] < 0xE0 ? 2 : u[0] < 0xF0 ? 3 : u[0] < 0xF5 ? 4 : 0;
    *code = -1;
    if (len == 0 || len > n) {
        return 1;
    }
    int32_t c = len == 1 ? u[0] : u[0] & (0x7F >> len);
    for (uint32_t i = 1; i < len; i++) {
        if ((u[i] & 0xC0) != 0x80) {
            return 1;
        }
        c = c << 6 | (u[i] & 0x3F);
    }
    bool overlong = (len == 3 && c < 0x800) || (len == 4 && c < 0x10000);
    if (overlong || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) {
        return 1;
    }
    *code = c;
    return len;
}

typedef struct Range {
    int32_t first, last;
} Range;

static bool in_ranges(int32_t c, const Range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

/* Columns of a terminal that a printable code point takes (Unicode Standard Annex 11, by block: enough for a caret). */
static int code_width(int32_t c)
{
    static const Range zero[] = {{0x300, 0x36F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};
    static const Range two[] = {{0x1100, 0x115F}, {0x2E80, 0x303E}, {0x3041, 0x4DBF},   {0x4E00, 0xA4CF},
                                {0xAC00, 0xD7A3}, {0xF900, 0xFAFF}, {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
                                {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
    if (in_ranges(c, zero, sizeof zero / sizeof zero[0])) {
        return 0;
    }
    return in_ranges(c, two, sizeof two / sizeof two[0]) ? 2 : 1;
}

/* Control characters, and the marks that reorder or hide text around them. */
static bool must_escape(int32_t c)
{
    static const Range hidden[] = {{0, 0x1F},        {0x7F, 0x9F},     {0x200B, 0x200F},
                                   {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}};
    return in_ranges(c, hidden, sizeof hidden / sizeof hidden[0]);
}

/* Adds to `out` the code point at s as it is shown when it starts in column `column` (from 0). Returns its width and,
 * in *bytes, what it took of s. With a `tab` of 0, a tab is escaped like other control characters. */
static int show_code(Str *out, const char *s, uint32_t n, int column, int tab, uint32_t *bytes)
{
    int32_t c;
    *bytes = decode(s, n, &c);
    if (c == '\t' && tab > 0) {
        int width = tab - column % tab;
        for (int i = 0; i < width; i++) {
            str_addc(out, ' ');
        }
        return width;
    }
    if (c >= 0 && !must_escape(c)) {
        str_addn(out, s, *bytes);
        return code_width(c);
    }
    size_t before = out->len;
    if (c < 0x80) {
        str_printf(out, "\\x%02X", (unsigned)(unsigned char)*s);
    } else {
        str_printf(out, "<U+%04X>", (unsigned)c);
    }
    return (int)(out->len - before);
}

/* A message or a path: nothing in it may move the terminal's cursor. */
static void add_safe(Str *out, const char *text)
{
    uint32_t len = (uint32_t)strlen(text), bytes;
    for (uint32_t i = 0; i < len; i += bytes) {
        (void)show_code(out, text + i, len - i, 0, 0, &bytes);
    }
}

/* ---- places ---- */

static uint32_t line_start(const Source *s, uint32_t at)
{
    while (at > 0 && s->text[at - 1] != '\n') {
        at--;
    }
    return at;
}

/* The offset behind the last character of the line: CR and LF left out. */
static uint32_t line_end(const Source *s, uint32_t at)
{
    uint32_t start = at;
    while (at < s->len && s->text[at] != '\n') {
        at++;
    }
    return at > start && s->text[at - 1] == '\r' ? at - 1 : at;
}

static bool has_place(const Diags *d, Loc at)
{
    return at.file >= 0 && at.file < d->n_sources;
}

void diag_position(const Diags *d, Loc at, int *line, int *column)
{
    *line = *column = 1;
    if (!has_place(d, at)) {
        return;
    }
    const Source *s = &d->sources[at.file];
    uint32_t offset = at.start < s->len ? at.start : s->len;
    for (uint32_t i = 0; i < offset; i++) {
        *line += s->text[i] == '\n';
    }
    uint32_t bytes;
    for (uint32_t i = line_start(s, offset); i < offset; i += bytes) {
        int32_t code;
        bytes = decode(s->text + i, offset - i, &code);
        *column += 1;
    }
}

/* ---- rendering ---- */

typedef struct Palette {
    const char *bold, *error, *warning, *note, *help, *gutter, *off;
} Palette;

static const Palette PLAIN = {"", "", "", "", "", "", ""};
static const Palette COLOR = {"\033[1m",    "\033[1;31m", "\033[1;33m", "\033[1;36m",
                              "\033[1;32m", "\033[34m",   "\033[0m"};

static void add_place(const Diags *d, Loc at, Str *out)
{
    int line, column;
    diag_position(d, at, &line, &column);
    add_safe(out, d->sources[at.file].path);
    str_printf(out, ":%d:%d", line, column);
}

/* The first offset to show, so that a caret at `at` in a long line is in view. Looks at a bounded number of bytes. */
static uint32_t window_start(const Source *s, uint32_t start, uint32_t at)
{
    uint32_t i = at;
    int left = BEFORE_CARET;
    while (i > start && left > 0) {
        i--;
        left -= ((unsigned char)s->text[i] & 0xC0) != 0x80;
    }
    return i;
}

/* The source line under `at` and the caret line below it. */
static void add_source_line(const Diags *d, const Diag *diag, const Palette *p, Str *out)
{
    const Source *s = &d->sources[diag->at.file];
    uint32_t at = diag->at.start < s->len ? diag->at.start : s->len;
    uint32_t start = line_start(s, at), end = line_end(s, start);
    uint32_t caret_end = diag->at.end > at ? diag->at.end : at + 1;
    int line, unused;
    diag_position(d, diag->at, &line, &unused);

    uint32_t first = end - start > WINDOW && at - start > BEFORE_CARET ? window_start(s, start, at) : start;
    Str text = {0}, marks = {0};
    int column = 0;
    bool marked = false;
    if (first > start) {
        str_add(&text, "...");
        str_add(&marks, "   ");
        column = 3;
    }
    uint32_t bytes;
    for (uint32_t i = first; i < end; i += bytes) {
        if (column >= WINDOW) {
            str_add(&text, "...");
            break;
        }
        int width = show_code(&text, s->text + i, end - i, column, TAB, &bytes);
        column += width;
        for (int k = 0; k < width && i < caret_end; k++) {
            str_addc(&marks, i < at ? ' ' : marked ? '~' : '^');
            marked = marked || i >= at;
        }
    }
    if (!marked) { /* behind the last character, or under one of no width */
        str_addc(&marks, '^');
    }
    const char *color = diag->kind == DIAG_ERROR ? p->error : p->warning;
    str_printf(out, "%s%5d |%s%s", p->gutter, line, p->off, text.len > 0 ? " " : "");
    str_addn(out, text.len > 0 ? text.data : "", text.len);
    str_printf(out, "\n%s%5s |%s %s%s%s\n", p->gutter, "", p->off, color, marks.data, p->off);
    str_free(&text);
    str_free(&marks);
}

static void render_one(const Diags *d, const Diag *diag, const Palette *p, Str *out)
{
    str_add(out, p->bold);
    if (has_place(d, diag->at)) {
        add_place(d, diag->at, out);
    } else {
        str_add(out, "netc");
    }
    str_printf(out, ":%s %s%s:%s %s", p->off, diag->kind == DIAG_ERROR ? p->error : p->warning,
               diag->kind == DIAG_ERROR ? "error" : "warning", p->off, p->bold);
    add_safe(out, diag->text);
    str_printf(out, "%s\n", p->off);
    if (has_place(d, diag->at)) {
        add_source_line(d, diag, p, out);
    }
    for (int i = 0; i < diag->n_remarks; i++) {
        const Remark *r = &diag->remarks[i];
        str_printf(out, "  %s%s:%s ", r->is_help ? p->help : p->note, r->is_help ? "help" : "note", p->off);
        add_safe(out, r->text);
        if (has_place(d, r->at)) {
            str_add(out, "      ");
            add_place(d, r->at, out);
        }
        str_addc(out, '\n');
    }
}

static int compare(const void *left, const void *right)
{
    const Diag *a = *(const Diag *const *)left, *b = *(const Diag *const *)right;
    if (a->at.file != b->at.file) {
        return a->at.file < b->at.file ? -1 : 1;
    }
    if (a->at.start != b->at.start) {
        return a->at.start < b->at.start ? -1 : 1;
    }
    if (a->kind != b->kind) {
        return a->kind == DIAG_ERROR ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

void diag_render(const Diags *d, Str *out, bool color)
{
    if (d->len == 0) {
        return;
    }
    const Palette *p = color ? &COLOR : &PLAIN;
    const Diag **sorted = malloc((size_t)d->len * sizeof *sorted);
    if (sorted == NULL) {
        die("out of memory");
    }
    for (int i = 0; i < d->len; i++) {
        sorted[i] = &d->items[i];
    }
    qsort(sorted, (size_t)d->len, sizeof *sorted, compare);
    int shown[2] = {0, 0};
    for (int i = 0; i < d->len; i++) {
        if (shown[sorted[i]->kind] < DIAG_MAX) {
            shown[sorted[i]->kind]++;
            render_one(d, sorted[i], p, out);
        }
    }
    free(sorted);
    if (d->errors > DIAG_MAX) {
        int more = d->errors - DIAG_MAX;
        str_printf(out, "%d more error%s not shown\n", more, more == 1 ? "" : "s");
    }
    if (d->warnings > DIAG_MAX) {
        int more = d->warnings - DIAG_MAX;
        str_printf(out, "%d more warning%s not shown\n", more, more == 1 ? "" : "s");
    }
}
