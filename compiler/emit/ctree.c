/* ctree.c - the tree of emitted C, and its renderer. */
#include "ctree.h"

#include <string.h>

typedef enum CtKind { CT_SEQ, CT_LINE, CT_BLANK, CT_BLOCK, CT_FUNCTION, CT_TABLE, CT_COMMENT, CT_DIRECTIVE, CT_RAW } CtKind;

struct Ct {
    CtKind kind;
    const char *text;
    Arena *arena;
    Ct **items;
    int len, cap;
};

static Ct *add(Ct *at, CtKind kind, const char *text)
{
    Ct *n = arena_alloc(at->arena, sizeof *n);
    n->kind = kind;
    n->text = text;
    n->arena = at->arena;
    at->items = vec_grow(at->arena, at->items, at->len, &at->cap, sizeof *at->items);
    at->items[at->len++] = n;
    return n;
}

static Ct *add_format(Ct *at, CtKind kind, const char *format, va_list ap)
{
    return add(at, kind, arena_vprintf(at->arena, format, ap));
}

Ct *ct_new(Arena *a)
{
    Ct *n = arena_alloc(a, sizeof *n);
    n->kind = CT_SEQ;
    n->arena = a;
    return n;
}

void ct_line(Ct *at, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    add_format(at, CT_LINE, format, ap);
    va_end(ap);
}

void ct_blank(Ct *at)
{
    add(at, CT_BLANK, NULL);
}

Ct *ct_block(Ct *at, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    Ct *n = add_format(at, CT_BLOCK, format, ap);
    va_end(ap);
    return n;
}

Ct *ct_function(Ct *at, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    Ct *n = add_format(at, CT_FUNCTION, format, ap);
    va_end(ap);
    return n;
}

Ct *ct_table(Ct *at, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    Ct *n = add_format(at, CT_TABLE, format, ap);
    va_end(ap);
    return n;
}

void ct_comment(Ct *at, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    add_format(at, CT_COMMENT, format, ap);
    va_end(ap);
}

void ct_directive(Ct *at, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    add_format(at, CT_DIRECTIVE, format, ap);
    va_end(ap);
}

void ct_raw(Ct *at, const char *text)
{
    add(at, CT_RAW, text);
}

void ct_append(Ct *at, Ct *other)
{
    at->items = vec_grow(at->arena, at->items, at->len, &at->cap, sizeof *at->items);
    at->items[at->len++] = other;
}

bool ct_is_empty(const Ct *tree)
{
    bool empty = tree->kind == CT_SEQ;
    for (int i = 0; i < tree->len && empty; i++) {
        empty = ct_is_empty(tree->items[i]);
    }
    return empty;
}

static void pad(Str *out, int indent)
{
    for (int i = 0; i < indent; i++) {
        str_add(out, "    ");
    }
}

static void render_lines(const char *text, int indent, Str *out)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n > 0) {
            pad(out, indent);
            str_addn(out, text, n);
        }
        str_addc(out, '\n');
        text += n + (text[n] == '\n');
    }
}

enum { WIDTH = 120 };

/* Comments are wrapped between words; a line break in the text stays one. */
static void render_comment(const char *text, int indent, Str *out)
{
    size_t column = (size_t)indent * 4 + 3;
    pad(out, indent);
    str_add(out, "/* ");
    while (*text) {
        size_t n = strcspn(text, " \n");
        if (column + n + 3 > WIDTH && column > (size_t)indent * 4 + 3) {
            while (out->len > 0 && out->data[out->len - 1] == ' ') {
                out->data[--out->len] = '\0';
            }
            str_addc(out, '\n');
            pad(out, indent);
            str_add(out, " * ");
            column = (size_t)indent * 4 + 3;
        }
        str_addn(out, text, n);
        column += n;
        text += n;
        if (*text == ' ') {
            str_addc(out, ' ');
            column++;
            text++;
        } else if (*text == '\n') {
            str_addc(out, '\n');
            pad(out, indent);
            str_add(out, " * ");
            column = (size_t)indent * 4 + 3;
            text++;
        }
    }
    str_add(out, " */\n");
}

void ct_render(const Ct *t, int indent, Str *out)
{
    int inner = indent;
    switch (t->kind) {
    case CT_SEQ:
        break;
    case CT_LINE:
        render_lines(t->text, indent, out);
        return;
    case CT_BLANK:
        str_addc(out, '\n');
        return;
    case CT_COMMENT:
        render_comment(t->text, indent, out);
        return;
    case CT_DIRECTIVE:
        str_printf(out, "#%s\n", t->text);
        return;
    case CT_RAW:
        str_add(out, t->text);
        return;
    case CT_BLOCK:
    case CT_TABLE:
        pad(out, indent);
        str_printf(out, "%s%s{\n", t->text, *t->text ? " " : "");
        inner++;
        break;
    case CT_FUNCTION:
        pad(out, indent);
        str_printf(out, "%s\n", t->text);
        pad(out, indent);
        str_add(out, "{\n");
        inner++;
        break;
    }
    for (int i = 0; i < t->len; i++) {
        ct_render(t->items[i], inner, out);
    }
    if (t->kind != CT_SEQ) {
        pad(out, indent);
        str_add(out, t->kind == CT_TABLE ? "};\n" : "}\n");
    }
}
