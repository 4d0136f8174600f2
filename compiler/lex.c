/* lex.c - what the scanner's rules do: make names and numbers of the text, and explain what is none. */
#include "net.tab.h"
#include "parse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *text_at(const Parser *p, Loc at)
{
    return p->text + at.start;
}

static int length(Loc at)
{
    return (int)(at.end - at.start);
}

void lex_advance(Parser *p, uint32_t length, Loc *loc)
{
    *loc = (Loc){p->file, p->offset, p->offset + length};
    p->offset += length;
}

void lex_newline(Parser *p)
{
    p->line++;
    p->line_start = p->offset;
    p->line_begun = false;
}

void lex_comment(Parser *p, Loc at)
{
    if (p->text[at.end - 1] == '\r') {
        at.end--;
    }
    p->comments = vec_grow(p->arena, p->comments, p->n_comments, &p->cap_comments, sizeof *p->comments);
    p->comments[p->n_comments++] = (Comment){.loc = at, .own_line = !p->line_begun};
}

void lex_wrong_comment(Parser *p, Loc at)
{
    if (!p->told[SLIP_COMMENT]) {
        p->told[SLIP_COMMENT] = true;
        Loc sign = {at.file, at.start, at.start + 2};
        Diag *e = syntax_error(p, sign, "'%s' begins no comment", shown(p, sign));
        diag_help(p->d, e, "a comment is # to the end of the line: write # on each line of it");
    }
}

void lex_stray(Parser *p, Loc at)
{
    const char *text = text_at(p, at);
    Diag *e = syntax_error(p, at, "'%s' means nothing here", shown(p, at));
    if (*text == '%') {
        diag_help(p->d, e, "a percentage is written 10%%, without a blank");
    } else if (*text == '^') {
        diag_help(p->d, e, "there is no power: write k*k");
    } else if (*text == '<' || *text == '!' || *text == '?' || *text == '&') {
        diag_help(p->d, e, "there are no conditions: what varies is a parameter of a block, or a let constant");
    } else if (*text == '\'') {
        diag_help(p->d, e, "text is written in double quotes: \"text\"");
    } else if (*text == '.') {
        diag_help(p->d, e, "a name with dots is written without blanks: layer1.conv1");
    } else if (at.end - at.start >= 2 && memcmp(text, "\xC2\xA0", 2) == 0) {
        diag_help(p->d, e, "this is a no-break space, often a leftover of copying: write a plain one");
    }
}

/* A name longer than any sensible one is cut, so that messages and output stay of bounded length. */
const char *lex_name(Parser *p, Loc at)
{
    if (length(at) > NAME_MAX_LENGTH) {
        syntax_error(p, at, "a name has at most %d characters, this one has %d", NAME_MAX_LENGTH, length(at));
        return arena_strndup(p->arena, text_at(p, at), NAME_MAX_LENGTH);
    }
    return arena_strndup(p->arena, text_at(p, at), (size_t)length(at));
}

const char *lex_foreign_name(Parser *p, Loc at)
{
    syntax_error(p, at, "a name is made of the letters A to Z and a to z, digits and '_'");
    int n = length(at) < NAME_MAX_LENGTH ? length(at) : NAME_MAX_LENGTH;
    return arena_strndup(p->arena, text_at(p, at), (size_t)n);
}

/* ---- text in quotes ---- */

/* Resolves the escapes of the text between the quotes. */
static const char *unescape(Parser *p, Loc at, const char *text, size_t n)
{
    char *out = arena_alloc(p->arena, n + 1);
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] != '\\' || i + 1 == n) {
            out[len++] = text[i];
            continue;
        }
        i++;
        switch (text[i]) {
        case 'n': out[len++] = '\n'; break;
        case 't': out[len++] = '\t'; break;
        case '"': out[len++] = '"'; break;
        case '\\': out[len++] = '\\'; break;
        default: {
            uint32_t place = (uint32_t)(text - p->text) + (uint32_t)i - 1;
            Loc escape = {at.file, place, place + 2};
            Diag *e = syntax_error(p, escape, "'%s' is no escape: there are \\n, \\t, \\\" and \\\\", shown(p, escape));
            diag_help(p->d, e, "a backslash itself is written \\\\; in paths, '/' works everywhere");
            out[len++] = text[i];
        }
        }
    }
    return out;
}

const char *lex_string(Parser *p, Loc at)
{
    return unescape(p, at, text_at(p, at) + 1, at.end - at.start - 2);
}

const char *lex_wrongly_quoted(Parser *p, Loc at, uint32_t quote_length)
{
    const char *inner = text_at(p, at) + quote_length;
    size_t n = at.end - at.start - 2 * quote_length;
    Diag *e = syntax_error(p, at, "text is written in double quotes, the plain ones");
    diag_help(p->d, e, "write \"%s\"", shown(p, (Loc){at.file, at.start + quote_length, at.end - quote_length}));
    return arena_strndup(p->arena, inner, n);
}

static bool is_closing(char c)
{
    return strchr(" \t\r,)]};", c) != NULL;
}

/* The text runs to the end of the line, but a comment and closing brackets there were hardly meant to belong to it. */
uint32_t lex_unclosed(Parser *p, Loc at)
{
    const char *text = text_at(p, at);
    uint32_t n = at.end - at.start;
    for (uint32_t i = 1; i + 1 < n; i++) {
        if (text[i] == ' ' && text[i + 1] == '#') {
            n = i;
            break;
        }
    }
    while (n > 1 && is_closing(text[n - 1])) {
        n--;
    }
    at.end = at.start + n;
    Diag *e = syntax_error(p, at, "this text has no closing '\"' on its line");
    if (n > 1) {
        diag_help(p->d, e, "write %s\"", shown(p, at));
    } else {
        diag_help(p->d, e, "there is one '\"' too many on this line, or one too few");
    }
    return n;
}

void lex_wrong_arrow(Parser *p, Loc at)
{
    Diag *e = syntax_error(p, at, "'%s' is no arrow here", shown(p, at));
    diag_help(p->d, e, "operators are chained with '->'");
}

/* ---- numbers ---- */

static Expr *broken_literal(Parser *p, Loc at)
{
    return new_expr(p, EXPR_ERROR, at);
}

static Expr *literal(Parser *p, ExprKind kind, Loc at)
{
    Expr *e = new_expr(p, kind, at);
    e->text = arena_strndup(p->arena, text_at(p, at), (size_t)length(at));
    return e;
}

/* Reads the digits from *s on; false where they do not fit. */
static bool read_digits(const char **s, const char *end, int64_t *value)
{
    *value = 0;
    bool fits = true;
    for (; *s < end && **s >= '0' && **s <= '9'; (*s)++) {
        fits = fits && checked_mul(*value, 10, value) && checked_add(*value, **s - '0', value);
    }
    return fits;
}

Expr *lex_integer(Parser *p, Loc at)
{
    const char *s = text_at(p, at), *end = p->text + at.end;
    Expr *e = literal(p, EXPR_INT, at);
    if (!read_digits(&s, end, &e->integer)) {
        syntax_error(p, at, "%s is too large: integers go up to %lld", shown(p, at), (long long)INT64_MAX);
        return broken_literal(p, at);
    }
    if (length(at) > 1 && e->text[0] == '0') {
        Diag *d = syntax_error(p, at, "a number does not begin with 0");
        diag_help(p->d, d, "write %lld", (long long)e->integer);
    }
    return e;
}

/* The value of `text`, or NaN after a message. */
static double read_real(Parser *p, Loc at, const char *text)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (isinf(value)) {
        syntax_error(p, at, "%s is too large: reals go up to 1.8e308", shown(p, at));
        return NAN;
    }
    if (value == 0 && errno == ERANGE) {
        syntax_error(p, at, "%s is too small: it would be 0", shown(p, at));
        return NAN;
    }
    return value;
}

Expr *lex_real(Parser *p, Loc at)
{
    Expr *e = literal(p, EXPR_REAL, at);
    e->real = read_real(p, at, e->text);
    return isnan(e->real) ? broken_literal(p, at) : e;
}

Expr *lex_percent(Parser *p, Loc at)
{
    Expr *e = literal(p, EXPR_PERCENT, at);
    e->real = read_real(p, at, e->text) / 100;
    return isnan(e->real) ? broken_literal(p, at) : e;
}

/* 2GiB: an integer, in bytes. */
Expr *lex_bytes(Parser *p, Loc at)
{
    Expr *e = literal(p, EXPR_INT, at);
    if (!bytes_parse(e->text, (size_t)length(at), &e->integer)) {
        syntax_error(p, at, "%s is too large: integers go up to %lld bytes", shown(p, at), (long long)INT64_MAX);
        return broken_literal(p, at);
    }
    return e;
}

Expr *lex_size(Parser *p, Loc at)
{
    Expr *e = literal(p, EXPR_SIZE, at);
    const char *s = e->text, *end = e->text + length(at);
    for (;;) {
        const char *part = s;
        int64_t value;
        if (!read_digits(&s, end, &value)) {
            syntax_error(p, at, "%s is too large: integers go up to %lld", shown(p, at), (long long)INT64_MAX);
            return broken_literal(p, at);
        }
        if (e->n_dims == SIZE_MAX_DIMS) {
            Diag *d = syntax_error(p, at, "%s has more than %d parts", shown(p, at), SIZE_MAX_DIMS);
            diag_help(p->d, d, "a shape is height x width x channels, a window height x width");
            return broken_literal(p, at);
        }
        if (s - part > 1 && *part == '0') {
            syntax_error(p, at, "a number does not begin with 0");
            return broken_literal(p, at);
        }
        e->dims[e->n_dims++] = value;
        if (s == end) {
            return e;
        }
        s++; /* the x */
    }
}

/* 5 x 5, 5X5, 5×5: clear what is meant, but there is one spelling. */
Expr *lex_loose_size(Parser *p, Loc at)
{
    const char *s = text_at(p, at), *end = p->text + at.end;
    Str meant = {0};
    for (bool in_number = true; s < end; s++) {
        bool digit = *s >= '0' && *s <= '9';
        if (digit && !in_number) {
            str_addc(&meant, 'x');
        }
        if (digit) {
            str_addc(&meant, *s);
        }
        in_number = digit;
    }
    Diag *d = syntax_error(p, at, "a size is written with a small x and without blanks");
    if (meant.len <= 40) {
        diag_help(p->d, d, "write %s", meant.data);
    }
    str_free(&meant);
    return broken_literal(p, at);
}

Expr *lex_wrong_number(Parser *p, Loc at)
{
    const char *text = text_at(p, at);
    int n = length(at), digits = 0;
    while (digits < n && text[digits] >= '0' && text[digits] <= '9') {
        digits++;
    }
    Diag *d = syntax_error(p, at, "'%s' is no number and no name", shown(p, at));
    if (digits < n && text[digits] == 'x') {
        diag_help(p->d, d, "a size is made of numbers, 5x5; with names in it, it is a list: [5, k]");
    } else if (digits < n && (text[digits] == 'e' || text[digits] == 'E')) {
        diag_help(p->d, d, "an exponent needs digits: 1e-4");
    } else if (digits < n && strchr("kKmMgGtT", text[digits]) && (digits + 1 == n || text[n - 1] == 'B' || text[n - 1] == 'b')) {
        diag_help(p->d, d, "memory has the units KB, MB, GB, TB and KiB, MiB, GiB, TiB: 2GiB");
    } else if (digits < n && text[digits] == '.') {
        diag_help(p->d, d, "a real number has one point: 0.5");
    } else {
        diag_help(p->d, d, "a name begins with a letter or '_'; a product is written 4*width");
    }
    return broken_literal(p, at);
}

/* ---- the whole text ---- */

/* The length of the well-formed UTF-8 sequence at s (RFC 3629), or 0. s ends in NUL, which continues no sequence. */
static uint32_t utf8_length(const unsigned char *s)
{
    uint32_t n = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
    for (uint32_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xED && s[1] >= 0xA0;
    bool too_large = s[0] == 0xF4 && s[1] >= 0x90;
    return overlong || surrogate || too_large ? 0 : n;
}

/* Reports the first byte that text in UTF-8 does not have. */
static void check_characters(Parser *p)
{
    uint32_t n;
    for (uint32_t i = 0; i < p->text_len; i += n) {
        Loc at = {p->file, i, i + 1};
        unsigned char c = (unsigned char)p->text[i];
        n = utf8_length((const unsigned char *)p->text + i);
        if (n == 0) {
            Diag *e = syntax_error(p, at, "the file is not UTF-8: byte %u is 0x%02X", (unsigned)i, (unsigned)c);
            diag_help(p->d, e, "save it as UTF-8");
            return;
        }
        if (c == '\0' || c == 0x7F || (c < ' ' && strchr("\t\n\r\f\v", c) == NULL)) {
            Diag *e =
                syntax_error(p, at, "byte %u of the file is the control character 0x%02X", (unsigned)i, (unsigned)c);
            diag_help(p->d, e, "a model is a text file in UTF-8");
            return;
        }
        p->line += c == '\n';
    }
}

bool lex_check_text(Parser *p)
{
    if (p->text_len > TEXT_MAX) {
        Loc start = {p->file, 0, 0};
        syntax_error(p, start, "the file has %u bytes: a model has at most %d", (unsigned)p->text_len, TEXT_MAX);
        return false;
    }
    check_characters(p);
    p->line = 1;
    return true;
}

/* ---- tokens ---- */

/* Columns before the first token of its line. */
static uint32_t indentation(const Parser *p, uint32_t at)
{
    enum { FAR = 1000 };
    uint32_t columns = 0;
    for (uint32_t i = p->line_start; i < at && columns < FAR && strchr(" \t", p->text[i]) != NULL; i++) {
        columns += p->text[i] == '\t' ? 4 : 1;
    }
    return columns;
}

void lex_add_token(Parser *p, int kind, Loc at, const char *text, Expr *literal)
{
    TokenList *list = &p->tokens;
    const Token *last = list->len > 0 ? &list->items[list->len - 1] : NULL;
    Token t = {.kind = kind, .loc = at, .text = text, .literal = literal, .line = p->line, .opener = -1, .closer = -1};
    t.first = !p->line_begun;
    t.indent = t.first || last == NULL ? indentation(p, at.start) : last->indent;
    p->line_begun = true;
    if (kind == T_END && last != NULL) { /* the end is best shown right behind what is there */
        t.loc.start = t.loc.end = last->loc.end;
        t.line = last->line;
    }
    list->items = vec_grow(p->arena, list->items, list->len, &list->cap, sizeof *list->items);
    list->items[list->len++] = t;
}
