/* ast.c - the tree as text: one node a line, indented, with the place where it begins. */
#include "ast.h"

#include <inttypes.h>

typedef struct Dump {
    const Source *source;
    Str *out;
    uint32_t at; /* the place last shown; places mostly come in rising order, so lines are counted from here */
    int line, column;
} Dump;

static void add_place(Dump *d, Loc loc)
{
    if (loc.start < d->at) {
        d->at = 0;
        d->line = d->column = 1;
    }
    for (; d->at < loc.start && d->at < d->source->len; d->at++) {
        char c = d->source->text[d->at];
        d->line += c == '\n';
        d->column = c == '\n' ? 1 : d->column + (((unsigned char)c & 0xC0) != 0x80);
    }
    str_printf(d->out, " @%d:%d\n", d->line, d->column);
}

static void indent(Dump *d, int level)
{
    for (int i = 0; i < level; i++) {
        str_add(d->out, "    ");
    }
}

static void dump_expr(Dump *d, const Expr *e, int level, const char *name);

static void dump_args(Dump *d, const Arg *args, int n, int level)
{
    for (int i = 0; i < n; i++) {
        dump_expr(d, args[i].value, level, args[i].name);
    }
}

/* An expression, as `name = ...` where it has a name. */
static void dump_expr(Dump *d, const Expr *e, int level, const char *name)
{
    indent(d, level);
    if (name != NULL) {
        str_printf(d->out, "%s = ", name);
    }
    switch (e->kind) {
    case EXPR_INT: str_printf(d->out, "int %" PRId64, e->integer); break;
    case EXPR_REAL: str_printf(d->out, "real %.17g", e->real); break;
    case EXPR_PERCENT: str_printf(d->out, "percent %.17g", e->real); break;
    case EXPR_SIZE:
        for (int i = 0; i < e->n_dims; i++) {
            str_printf(d->out, "%s%" PRId64, i == 0 ? "size " : "x", e->dims[i]);
        }
        break;
    case EXPR_STRING:
    case EXPR_BOOL:
    case EXPR_NAME:
        str_add(d->out, e->kind == EXPR_STRING ? "string " : e->kind == EXPR_NAME ? "name " : "");
        expr_format(e, d->out);
        break;
    case EXPR_LIST: str_add(d->out, "list"); break;
    case EXPR_CALL: str_printf(d->out, "call %s", e->text); break;
    case EXPR_NEG: str_add(d->out, "negative"); break;
    case EXPR_BINARY: str_printf(d->out, "binary %c", e->op); break;
    case EXPR_ERROR: str_add(d->out, "error"); break;
    }
    add_place(d, e->loc);
    if (e->left != NULL) {
        dump_expr(d, e->left, level + 1, NULL);
    }
    if (e->right != NULL) {
        dump_expr(d, e->right, level + 1, NULL);
    }
    dump_args(d, e->args, e->n_args, level + 1);
}

static void dump_body(Dump *d, const StmtList *body, int level)
{
    for (int i = 0; i < body->len; i++) {
        const Stmt *s = &body->items[i];
        indent(d, level);
        str_printf(d->out, "statement%s%s%s", s->label != NULL ? " " : "", s->label != NULL ? s->label : "",
                   s->broken ? " (broken)" : "");
        add_place(d, s->loc);
        for (int k = 0; k < s->n_chain; k++) {
            const Element *e = &s->chain[k];
            indent(d, level + 1);
            str_add(d->out, e->name);
            add_place(d, e->loc);
            dump_args(d, e->args, e->n_args, level + 2);
            if (e->body != NULL) {
                indent(d, level + 2);
                str_add(d->out, "body");
                add_place(d, e->body->loc);
                dump_body(d, e->body, level + 3);
            }
        }
    }
}

static void dump_item(Dump *d, const Item *item)
{
    static const char *const words[] = {"use", "let", "block", "network", "section"};
    str_printf(d->out, "%s ", words[item->kind]);
    expr_format(&(Expr){.kind = item->kind == ITEM_USE ? EXPR_STRING : EXPR_NAME, .text = item->name}, d->out);
    str_add(d->out, item->broken ? " (broken)" : "");
    add_place(d, item->loc);
    for (int i = 0; i < item->n_params; i++) {
        indent(d, 1);
        str_printf(d->out, "parameter %s", item->params[i].name);
        add_place(d, item->params[i].loc);
        if (item->params[i].default_value != NULL) {
            dump_expr(d, item->params[i].default_value, 2, NULL);
        }
    }
    if (item->value != NULL) {
        dump_expr(d, item->value, 1, NULL);
    }
    dump_body(d, &item->body, 1);
    for (int i = 0; i < item->n_entries; i++) {
        dump_expr(d, item->entries[i].value, 1, item->entries[i].key);
    }
}

void ast_dump(const Ast *ast, const Diags *d, Str *out)
{
    Dump dump = {.source = &d->sources[ast->file], .out = out, .line = 1, .column = 1};
    for (int i = 0; i < ast->n_items; i++) {
        dump_item(&dump, &ast->items[i]);
    }
}
