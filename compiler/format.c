/* format.c - the canonical form of a file: what `netc fmt` writes.
 *
 * The text is made twice. First every statement, head of an item and entry becomes one line, however long, in which
 * marks stand where it may or must be broken; then the line is laid out. Line breaks of the user are kept only where
 * they carry meaning for a reader: a body written on one line, blank lines between statements, comments. */
#include "ast.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INDENT = 4,
    LINE_MAX_WIDTH = 120,
    INLINE_MAX_WIDTH = 100 /* of a line with a body on it */
};

/* The marks in a line. No text of a file that parses has control characters. */
enum {
    BREAK_ARROW = 1, /* a blank before ->, the first choice for a line break */
    BREAK_COMMA = 2, /* a blank behind a comma, the second */
    BREAK_FORCED = 3,
    COMMENT = 4 /* the gap before a comment at the end of a line */
};

typedef struct Format {
    const Ast *ast;
    const Source *source;
    Str lines; /* what is laid out; gaps before comments are still marks */
    Str line;  /* what is being made */
    int level;
    int next_comment;
    bool inside; /* an inline body: marks would break it */
    bool at_start; /* of a body or the file: no blank line goes first */
    uint32_t last_end; /* of what was put out last, in the source */
} Format;

/* ---- expressions ---- */

static void add_text(Str *out, const char *text)
{
    str_addc(out, '"');
    for (const char *s = text; *s != '\0'; s++) {
        switch (*s) {
        case '\n': str_add(out, "\\n"); break;
        case '\t': str_add(out, "\\t"); break;
        case '"': str_add(out, "\\\""); break;
        case '\\': str_add(out, "\\\\"); break;
        default: str_addc(out, *s);
        }
    }
    str_addc(out, '"');
}

/* The shortest digits of value*scale that, divided by scale, read back as value. */
static void shortest(char *text, size_t size, double value, double scale)
{
    double magnitude = fabs(value * scale);
    bool plain = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e15); /* no exponent */
    for (int digits = plain ? 0 : 1; digits <= 21; digits++) {
        int n = snprintf(text, size, plain ? "%.*f" : "%.*g", digits, value * scale);
        if (n > 0 && strtod(text, NULL) / scale == value) {
            return;
        }
    }
}

/* Reads as a real, not as an integer. */
static void add_real(Str *out, double value)
{
    char text[40];
    shortest(text, sizeof text, value, 1);
    str_add(out, text);
    if (strpbrk(text, ".en") == NULL) {
        str_add(out, ".0");
    }
}

static void add_percent(Str *out, double value)
{
    char text[40];
    shortest(text, sizeof text, value, 100);
    str_printf(out, "%s%%", text);
}

static int precedence(const Expr *e)
{
    if (e->kind == EXPR_BINARY) {
        return e->op == '+' || e->op == '-' ? 1 : 2;
    }
    return e->kind == EXPR_NEG ? 3 : 4;
}

/* Comments that come before source offset `end` go into the line where it stands now. */
static void add_comments(Format *f, uint32_t end)
{
    while (f->next_comment < f->ast->n_comments && f->ast->comments[f->next_comment].loc.start < end) {
        const Comment *c = &f->ast->comments[f->next_comment++];
        if (f->line.len > 0 && f->line.data[f->line.len - 1] != BREAK_FORCED) {
            str_addc(&f->line, c->own_line ? BREAK_FORCED : COMMENT);
        }
        str_addn(&f->line, f->source->text + c->loc.start, c->loc.end - c->loc.start);
        str_addc(&f->line, BREAK_FORCED);
    }
}

static void add_expr(Format *f, Str *out, const Expr *e, int least_precedence);

/* Without f: plain text, no marks. */
static void add_args(Format *f, Str *out, const Arg *args, int n)
{
    for (int i = 0; i < n; i++) {
        if (i > 0) {
            str_addc(out, ',');
            str_addc(out, f == NULL || f->inside ? ' ' : BREAK_COMMA);
        }
        if (f != NULL) {
            add_comments(f, args[i].loc.start);
        }
        if (args[i].name != NULL) {
            str_printf(out, "%s=", args[i].name);
        }
        add_expr(f, out, args[i].value, 0);
    }
}

static void add_bare_expr(Format *f, Str *out, const Expr *e)
{
    switch (e->kind) {
    case EXPR_INT:
        if (e->text != NULL) {
            str_add(out, e->text);
        } else {
            str_printf(out, "%" PRId64, e->integer);
        }
        break;
    case EXPR_REAL:
    case EXPR_PERCENT:
        if (e->text != NULL) {
            str_add(out, e->text);
        } else if (e->kind == EXPR_REAL) {
            add_real(out, e->real);
        } else {
            add_percent(out, e->real);
        }
        break;
    case EXPR_SIZE:
        for (int i = 0; i < e->n_dims; i++) {
            str_printf(out, "%s%" PRId64, i == 0 ? "" : "x", e->dims[i]);
        }
        break;
    case EXPR_STRING: add_text(out, e->text); break;
    case EXPR_BOOL: str_add(out, e->boolean ? "yes" : "no"); break;
    case EXPR_NAME: str_add(out, e->text); break;
    case EXPR_LIST:
    case EXPR_CALL:
        str_printf(out, "%s%c", e->kind == EXPR_CALL ? e->text : "", e->kind == EXPR_CALL ? '(' : '[');
        add_args(f, out, e->args, e->n_args);
        if (f != NULL) {
            add_comments(f, e->loc.end);
        }
        str_addc(out, e->kind == EXPR_CALL ? ')' : ']');
        break;
    case EXPR_NEG:
        str_addc(out, '-');
        add_expr(f, out, e->left, 3);
        break;
    case EXPR_BINARY: {
        int own = precedence(e);
        add_expr(f, out, e->left, own);
        if (own == 1) {
            str_printf(out, " %c ", e->op);
        } else {
            str_addc(out, e->op);
        }
        add_expr(f, out, e->right, own + 1);
        break;
    }
    case EXPR_ERROR: str_add(out, "?"); break;
    }
}

/* In parentheses where it was written so, or where it binds less than its place asks for. */
static void add_expr(Format *f, Str *out, const Expr *e, int least_precedence)
{
    if (f != NULL) {
        add_comments(f, e->loc.start);
    }
    bool parens = e->parens || precedence(e) < least_precedence;
    if (parens) {
        str_addc(out, '(');
    }
    add_bare_expr(f, out, e);
    if (parens) {
        if (f != NULL) {
            add_comments(f, e->loc.end);
        }
        str_addc(out, ')');
    }
}

void expr_format(const Expr *e, Str *out)
{
    add_expr(NULL, out, e, 0);
}

/* ---- laying a line out ---- */

/* Columns of the n bytes at s: code points. */
static int width(const char *s, size_t n)
{
    int columns = 0;
    for (size_t i = 0; i < n; i++) {
        columns += ((unsigned char)s[i] & 0xC0) != 0x80;
    }
    return columns;
}

static void add_indent(Str *out, int level)
{
    for (int i = 0; i < level * INDENT; i++) {
        str_addc(out, ' ');
    }
}

/* The bytes of s up to the first of the given marks, or n. */
static size_t part(const char *s, size_t n, const char *marks)
{
    size_t i = 0;
    while (i < n && (s[i] == '\0' || strchr(marks, s[i]) == NULL)) {
        i++;
    }
    return i;
}

/* Adds s, marks shown as blanks. */
static void add_unmarked(Str *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        str_addc(out, s[i] == BREAK_ARROW || s[i] == BREAK_COMMA ? ' ' : s[i]);
    }
}

/* Fills lines with the parts of s between the marks `mark`; a part that fits on no line is filled by its commas.
 * `level` is of the lines behind the first. */
static void fill(Str *out, const char *s, size_t n, int *column, int level, char mark)
{
    const char marks[] = {mark, '\0'};
    for (bool first = true; n > 0; first = false) {
        size_t len = part(s, n, marks);
        int wide = width(s, len), start = level * INDENT;
        if (!first && *column + 1 + wide > LINE_MAX_WIDTH && *column > start) {
            str_addc(out, '\n');
            add_indent(out, level);
            *column = start;
        } else if (!first) {
            str_addc(out, ' ');
            *column += 1;
        }
        if (*column + wide > LINE_MAX_WIDTH && mark == BREAK_ARROW) {
            bool alone = first && len == n; /* no chain: nothing to tell its arguments from */
            fill(out, s, len, column, alone ? level : level + 1, BREAK_COMMA);
        } else {
            add_unmarked(out, s, len);
            *column += wide;
        }
        size_t taken = len < n ? len + 1 : len;
        s += taken;
        n -= taken;
    }
}

/* Moves f->line, if there is anything in it, to f->lines. */
static void end_line(Format *f)
{
    static const char forced[] = {BREAK_FORCED, '\0'}, comment[] = {COMMENT, '\0'};
    static const char blanks[] = {' ', BREAK_ARROW, BREAK_COMMA, '\0'};
    const char *s = f->line.data;
    size_t n = f->line.len;
    for (int level = f->level; n > 0; level = f->level + 1) {
        size_t len = part(s, n, forced), behind = part(s, len, comment), code = behind;
        while (code > 0 && strchr(blanks, s[code - 1]) != NULL) {
            code--;
        }
        if (*s == ')' || *s == ']') { /* closes what the first line opened */
            level = f->level;
        }
        add_indent(&f->lines, level);
        int column = level * INDENT;
        if (*s == '#') {
            str_addn(&f->lines, s, code);
        } else {
            fill(&f->lines, s, code, &column, f->level + 1, BREAK_ARROW);
        }
        str_addn(&f->lines, s + behind, len - behind); /* the comment */
        str_addc(&f->lines, '\n');
        size_t taken = len < n ? len + 1 : len;
        s += taken;
        n -= taken;
    }
    f->line.len = 0;
    f->at_start = false;
}

/* ---- comments and blank lines ---- */

/* Was there a blank line in the source before offset `start`, behind what was put out last? */
static bool blank_before(const Format *f, uint32_t start)
{
    int newlines = 0;
    for (uint32_t i = f->last_end; i < start && i < f->source->len; i++) {
        newlines += f->source->text[i] == '\n';
    }
    return newlines > 1;
}

/* Keeps one blank line before what begins at `start`, or makes one. */
static void blank_line(Format *f, uint32_t start, bool always)
{
    if (!f->at_start && (always || blank_before(f, start))) {
        str_addc(&f->lines, '\n');
    }
}

/* The comments before `end`, each on a line of its own. */
static void comment_lines(Format *f, uint32_t end, bool *want_blank)
{
    while (f->next_comment < f->ast->n_comments && f->ast->comments[f->next_comment].loc.start < end) {
        const Comment *c = &f->ast->comments[f->next_comment++];
        blank_line(f, c->loc.start, *want_blank);
        *want_blank = false;
        str_addn(&f->line, f->source->text + c->loc.start, c->loc.end - c->loc.start);
        end_line(f);
        f->last_end = c->loc.end;
    }
}

/* A comment before `end` on the line just made stays on it. */
static void trailing_comment(Format *f, uint32_t end)
{
    if (f->next_comment < f->ast->n_comments) {
        const Comment *c = &f->ast->comments[f->next_comment];
        if (!c->own_line && c->loc.start < end) {
            str_addc(&f->line, COMMENT);
            str_addn(&f->line, f->source->text + c->loc.start, c->loc.end - c->loc.start);
            f->next_comment++;
            f->last_end = c->loc.end;
        }
    }
}

static void open_line(Format *f, uint32_t start, bool always_blank)
{
    bool want_blank = always_blank;
    comment_lines(f, start, &want_blank);
    blank_line(f, start, want_blank);
}

/* Ends the line of what ends at `end`; `next` is where the next thing begins. */
static void close_line(Format *f, uint32_t end, uint32_t next)
{
    f->last_end = end;
    trailing_comment(f, next);
    end_line(f);
}

/* "{" and what follows it on its line. */
static void open_body(Format *f, uint32_t first)
{
    str_add(&f->line, " {");
    trailing_comment(f, first);
    end_line(f);
    f->level++;
    f->at_start = true;
}

static void close_body(Format *f, uint32_t end)
{
    bool want_blank = false;
    comment_lines(f, end, &want_blank);
    f->level--;
    f->at_start = false;
    str_addc(&f->line, '}');
}

/* ---- statements ---- */

static void add_body(Format *f, const StmtList *body);

/* A body or section that its author wrote on one line, with no comment just before it either. */
static bool is_on_one_line(const Format *f, Loc at)
{
    if (f->next_comment < f->ast->n_comments && f->ast->comments[f->next_comment].loc.start < at.end) {
        return false;
    }
    return memchr(f->source->text + at.start, '\n', at.end - at.start) == NULL;
}

static void add_chain(Format *f, const Stmt *s);

/* "{ statements }" behind what is in the line. False where it becomes too long. */
static bool add_inline_body(Format *f, const StmtList *body)
{
    str_add(&f->line, " {");
    for (int i = 0; i < body->len; i++) {
        str_add(&f->line, i == 0 ? " " : "  ");
        add_chain(f, &body->items[i]);
        if (f->line.len > 8 * INLINE_MAX_WIDTH) {
            return false;
        }
    }
    str_add(&f->line, " }");
    return true;
}

/* Tries to put `body` behind the line's text, whose element begins at byte `from`; leaves the line as it was if that
 * does not fit. */
static bool try_inline(Format *f, const StmtList *body, size_t from)
{
    if (!f->inside && !is_on_one_line(f, body->loc)) {
        return false;
    }
    size_t before = f->line.len;
    bool outermost = !f->inside;
    f->inside = true;
    bool fits = add_inline_body(f, body);
    if (!outermost) {
        return true;
    }
    f->inside = false;
    if (fits && f->level * INDENT + width(f->line.data + from, f->line.len - from) <= INLINE_MAX_WIDTH) {
        return true;
    }
    f->line.len = before;
    return false;
}

static void add_element(Format *f, const Element *e)
{
    static const char *const reserved[] = {"network", "block", "let"}; /* before a name they would begin an item */
    size_t from = f->line.len;
    add_comments(f, e->loc.start);
    str_add(&f->line, e->name);
    bool parens = e->n_args > 0;
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        parens = parens || strcmp(e->name, reserved[i]) == 0;
    }
    if (parens) {
        str_addc(&f->line, '(');
        add_args(f, &f->line, e->args, e->n_args);
    }
    add_comments(f, e->loc.end);
    if (parens) {
        str_addc(&f->line, ')');
    }
    if (e->body == NULL || try_inline(f, e->body, from)) {
        return;
    }
    open_body(f, e->body->len > 0 ? e->body->items[0].loc.start : e->body->loc.end);
    add_body(f, e->body);
    close_body(f, e->body->loc.end);
}

static void add_chain(Format *f, const Stmt *s)
{
    if (s->label != NULL) {
        str_printf(&f->line, "%s: ", s->label);
    }
    for (int i = 0; i < s->n_chain; i++) {
        if (i > 0) {
            add_comments(f, s->chain[i].loc.start);
            if (f->line.len > 0 && f->line.data[f->line.len - 1] != BREAK_FORCED) {
                str_addc(&f->line, f->inside ? ' ' : BREAK_ARROW);
            }
            str_add(&f->line, "-> ");
        }
        add_element(f, &s->chain[i]);
    }
}

static void add_body(Format *f, const StmtList *body)
{
    for (int i = 0; i < body->len; i++) {
        const Stmt *s = &body->items[i];
        open_line(f, s->loc.start, false);
        add_chain(f, s);
        close_line(f, s->loc.end, i + 1 < body->len ? body->items[i + 1].loc.start : body->loc.end);
    }
}

/* ---- items ---- */

static void add_entries(Format *f, const Item *item)
{
    for (int i = 0; i < item->n_entries; i++) {
        const Entry *entry = &item->entries[i];
        open_line(f, entry->key_loc.start, false);
        str_printf(&f->line, "%s = ", entry->key);
        add_expr(f, &f->line, entry->value, 0);
        close_line(f, entry->value->loc.end,
                   i + 1 < item->n_entries ? item->entries[i + 1].key_loc.start : item->loc.end);
    }
}

static bool try_inline_entries(Format *f, const Item *item)
{
    if (!is_on_one_line(f, item->loc)) {
        return false;
    }
    size_t before = f->line.len;
    str_add(&f->line, " {");
    for (int i = 0; i < item->n_entries; i++) {
        str_printf(&f->line, "%s%s = ", i == 0 ? " " : "  ", item->entries[i].key);
        expr_format(item->entries[i].value, &f->line);
    }
    str_add(&f->line, " }");
    if (width(f->line.data, f->line.len) <= INLINE_MAX_WIDTH) {
        return true;
    }
    f->line.len = before;
    return false;
}

static void add_section(Format *f, const Item *item)
{
    str_add(&f->line, item->name);
    if (!try_inline_entries(f, item)) {
        open_body(f, item->n_entries > 0 ? item->entries[0].key_loc.start : item->loc.end);
        add_entries(f, item);
        close_body(f, item->loc.end);
    }
}

static void add_definition(Format *f, const Item *item)
{
    str_printf(&f->line, "%s %s", item->kind == ITEM_BLOCK ? "block" : "network", item->name);
    for (int i = 0; i < item->n_params; i++) {
        str_addc(&f->line, i == 0 ? '(' : ',');
        if (i > 0) {
            str_addc(&f->line, BREAK_COMMA);
        }
        add_comments(f, item->params[i].loc.start);
        str_add(&f->line, item->params[i].name);
        if (item->params[i].default_value != NULL) {
            str_addc(&f->line, '=');
            add_expr(f, &f->line, item->params[i].default_value, 0);
        }
    }
    if (item->n_params > 0) {
        str_addc(&f->line, ')');
    }
    if (!try_inline(f, &item->body, 0)) {
        open_body(f, item->body.len > 0 ? item->body.items[0].loc.start : item->body.loc.end);
        add_body(f, &item->body);
        close_body(f, item->body.loc.end);
    }
}

static bool is_large(const Item *item)
{
    return item->kind != ITEM_USE && item->kind != ITEM_LET;
}

static void add_item(Format *f, const Item *item)
{
    switch (item->kind) {
    case ITEM_USE:
        str_add(&f->line, "use ");
        add_text(&f->line, item->name);
        break;
    case ITEM_LET:
        str_printf(&f->line, "let %s = ", item->name);
        add_expr(f, &f->line, item->value, 0);
        break;
    case ITEM_BLOCK:
    case ITEM_NETWORK: add_definition(f, item); break;
    case ITEM_SECTION: add_section(f, item); break;
    }
}

/* ---- comments of neighbours begin in one column ---- */

/* Lines longer than this have their comment right behind them. */
enum { ALIGN_MAX_WIDTH = 44 };

static size_t line_length(const char *s)
{
    return strcspn(s, "\n");
}

/* The column of the comments of a group: the lines from s on that are not blank and have the same indentation, *bytes
 * of them. */
static int comment_column(const char *s, size_t *bytes)
{
    static const char comment[] = {COMMENT, '\0'};
    int column = 0;
    size_t indent = strspn(s, " ");
    for (*bytes = 0; s[*bytes] != '\0' && s[*bytes] != '\n' && strspn(s + *bytes, " ") == indent;) {
        const char *line = s + *bytes;
        size_t n = line_length(line), code = part(line, n, comment);
        int end = width(line, code);
        if (code < n && end <= ALIGN_MAX_WIDTH && end + 2 > column) {
            column = end + 2;
        }
        *bytes += n + (line[n] == '\n');
    }
    return column;
}

/* Ends every line, sets comments into their column, and leaves out blanks at ends of lines. */
static void align_comments(const char *s, Str *out)
{
    static const char comment[] = {COMMENT, '\0'};
    const char *group_end = s;
    int column = 0;
    while (*s != '\0') {
        size_t n = line_length(s), code = part(s, n, comment), kept = n;
        if (s >= group_end) {
            size_t bytes;
            column = comment_column(s, &bytes);
            group_end = s + bytes;
        }
        while (kept > 0 && strchr(" \t\r", s[kept - 1]) != NULL) {
            kept--;
        }
        str_addn(out, s, code < kept ? code : kept);
        if (code < n) {
            int gap = column - width(s, code);
            str_printf(out, "%*s", gap < 2 ? 2 : gap, "");
            str_addn(out, s + code + 1, kept - code - 1);
        }
        str_addc(out, '\n');
        s += n + (s[n] == '\n');
    }
}

void ast_format(const Ast *ast, const Diags *d, Str *out)
{
    Format f = {.ast = ast, .source = &d->sources[ast->file], .at_start = true};
    for (int i = 0; i < ast->n_items; i++) {
        const Item *item = &ast->items[i];
        open_line(&f, item->loc.start, i > 0 && (is_large(item) || is_large(&ast->items[i - 1])));
        add_item(&f, item);
        close_line(&f, item->loc.end, i + 1 < ast->n_items ? ast->items[i + 1].loc.start : UINT32_MAX);
    }
    bool want_blank = false;
    comment_lines(&f, UINT32_MAX, &want_blank);
    if (f.lines.len > 0) {
        align_comments(f.lines.data, out);
    }
    str_free(&f.lines);
    str_free(&f.line);
}
