/* eval.c - the value of an expression. Integers are exact and checked for overflow; `/` between integers must come out
 * even; what fails is reported once and becomes VAL_NONE, which everything passes on in silence. */
#include "sema.h"

#include <math.h>
#include <string.h>

static Val none(Loc loc)
{
    return (Val){.kind = VAL_NONE, .loc = loc};
}

static Val make_int(int64_t i, const Expr *e)
{
    return (Val){.kind = VAL_INT, .loc = e->loc, .integer = i, .real = (double)i, .expr = e};
}

static Val make_real(double r, const Expr *e)
{
    return (Val){.kind = VAL_REAL, .loc = e->loc, .real = r, .expr = e};
}

const char *val_kind_text(const Val *v)
{
    static const char *const text[] = {
        [VAL_NONE] = "nothing",   [VAL_INT] = "an integer", [VAL_REAL] = "a real number", [VAL_PERCENT] = "a percentage",
        [VAL_BOOL] = "yes or no", [VAL_STRING] = "a string", [VAL_SIZE] = "a size",        [VAL_NAME] = "a name",
        [VAL_LIST] = "a list",    [VAL_CALL] = "a call",
    };
    return text[v->kind];
}

const char *val_text(Arena *a, const Val *v)
{
    switch (v->kind) {
    case VAL_INT:
        return arena_printf(a, "%lld", (long long)v->integer);
    case VAL_REAL:
        return arena_printf(a, "%.10g", v->real);
    case VAL_PERCENT:
        return arena_printf(a, "%.10g%%", v->real * 100);
    case VAL_BOOL:
        return v->boolean ? "yes" : "no";
    case VAL_STRING:
        return arena_printf(a, "\"%s\"", v->text);
    case VAL_SIZE: {
        const char *t = arena_printf(a, "%lld", (long long)v->dims[0]);
        for (int i = 1; i < v->n_dims; i++) {
            t = arena_printf(a, "%sx%lld", t, (long long)v->dims[i]);
        }
        return t;
    }
    case VAL_NAME:
        return v->text;
    case VAL_LIST:
    case VAL_CALL: {
        const char *t = v->kind == VAL_LIST ? "[" : arena_printf(a, "%s(", v->text);
        for (int i = 0; i < v->n_items; i++) {
            const char *name = v->kind == VAL_CALL ? v->names[i] : NULL;
            t = arena_printf(a, "%s%s%s%s%s", t, i ? ", " : "", name ? name : "", name ? "=" : "",
                             val_text(a, &v->items[i]));
        }
        return arena_printf(a, "%s%s", t, v->kind == VAL_LIST ? "]" : ")");
    }
    case VAL_NONE:
        break;
    }
    return "?";
}

Binding *scope_find(Scope *scope, const char *name)
{
    for (; scope; scope = scope->outer) {
        for (Binding *b = scope->bindings; b; b = b->next) {
            if (strcmp(b->name, name) == 0) {
                return b;
            }
        }
    }
    return NULL;
}

static Val eval_name(Sema *s, Scope *scope, const Expr *e)
{
    Binding *b = scope_find(scope, e->text);
    if (!b) {
        return (Val){.kind = VAL_NAME, .loc = e->loc, .text = e->text, .expr = e};
    }
    b->used = true;
    if (b->state == BIND_BUSY) {
        Diag *d = diag_error(s->diags, b->loc, "the constant '%s' is defined by itself", b->name);
        diag_note(s->diags, d, e->loc, "its value is needed here to work out its value");
        return none(e->loc);
    }
    if (b->state == BIND_NEW) {
        b->state = BIND_BUSY;
        b->val = sema_eval(s, s->globals, b->expr);
        b->state = BIND_DONE;
    }
    Val v = b->val;
    v.loc = e->loc;
    return v;
}

bool val_is_number(const Val *v)
{
    return v->kind == VAL_INT || v->kind == VAL_REAL || v->kind == VAL_PERCENT;
}

static Val eval_binary(Sema *s, Scope *scope, const Expr *e)
{
    Val l = sema_eval(s, scope, e->left), r = sema_eval(s, scope, e->right);
    if (l.kind == VAL_NONE || r.kind == VAL_NONE) {
        return none(e->loc);
    }
    if (!val_is_number(&l) || !val_is_number(&r)) {
        const Val *bad = val_is_number(&l) ? &r : &l;
        if (bad->kind == VAL_CALL || (bad->kind == VAL_NAME && s->in_section)) {
            return (Val){.kind = VAL_CALL, .loc = e->loc, .text = "?", .expr = e}; /* a sum of losses: the section takes it apart */
        }
        if (bad->kind == VAL_NAME) {
            diag_error(s->diags, bad->loc, "'%c' needs numbers on both sides, and '%s' is not a constant known here", e->op, bad->text);
            return none(e->loc);
        }
        diag_error(s->diags, bad->loc, "'%c' needs numbers on both sides, and this is %s", e->op, val_kind_text(bad));
        return none(e->loc);
    }
    if (l.kind == VAL_INT && r.kind == VAL_INT) {
        int64_t out = 0;
        bool fits = true;
        switch (e->op) {
        case '+':
            fits = checked_add(l.integer, r.integer, &out);
            break;
        case '-':
            fits = checked_sub(l.integer, r.integer, &out);
            break;
        case '*':
            fits = checked_mul(l.integer, r.integer, &out);
            break;
        default:
            if (r.integer == 0) {
                diag_error(s->diags, e->loc, "division by zero: %lld / 0", (long long)l.integer);
                return none(e->loc);
            }
            if (r.integer == -1) {
                fits = checked_sub(0, l.integer, &out);
            } else if (l.integer % r.integer != 0) {
                /* exact as a real; where an integer is needed the attribute's check shows both operands */
                return make_real((double)l.integer / (double)r.integer, e);
            } else {
                out = l.integer / r.integer;
            }
        }
        if (!fits) {
            diag_error(s->diags, e->loc, "%lld %c %lld does not fit in 64 bits", (long long)l.integer, e->op, (long long)r.integer);
            return none(e->loc);
        }
        return make_int(out, e);
    }
    double x = 0;
    switch (e->op) {
    case '+':
        x = l.real + r.real;
        break;
    case '-':
        x = l.real - r.real;
        break;
    case '*':
        x = l.real * r.real;
        break;
    default:
        if (r.real == 0) {
            diag_error(s->diags, e->loc, "division by zero: %.10g / 0", l.real);
            return none(e->loc);
        }
        x = l.real / r.real;
    }
    if (!isfinite(x)) {
        diag_error(s->diags, e->loc, "%.10g %c %.10g is too large", l.real, e->op, r.real);
        return none(e->loc);
    }
    return make_real(x, e);
}

static Val eval_items(Sema *s, Scope *scope, const Expr *e)
{
    Val v = {.kind = e->kind == EXPR_LIST ? VAL_LIST : VAL_CALL, .loc = e->loc, .text = e->text, .name_loc = e->name_loc,
             .n_items = e->n_args, .expr = e};
    v.items = arena_array(s->arena, (size_t)e->n_args + 1, sizeof *v.items);
    v.names = arena_array(s->arena, (size_t)e->n_args + 1, sizeof *v.names);
    v.name_locs = arena_array(s->arena, (size_t)e->n_args + 1, sizeof *v.name_locs);
    bool failed = false;
    for (int i = 0; i < e->n_args; i++) {
        v.items[i] = sema_eval(s, scope, e->args[i].value);
        v.names[i] = e->args[i].name;
        v.name_locs[i] = e->args[i].name_loc;
        failed |= v.items[i].kind == VAL_NONE;
    }
    return failed ? none(e->loc) : v;
}

Val sema_eval(Sema *s, Scope *scope, const Expr *e)
{
    switch (e->kind) {
    case EXPR_INT:
        return make_int(e->integer, e);
    case EXPR_REAL:
        return make_real(e->real, e);
    case EXPR_PERCENT: {
        Val v = make_real(e->real, e);
        v.kind = VAL_PERCENT;
        return v;
    }
    case EXPR_SIZE: {
        Val v = {.kind = VAL_SIZE, .loc = e->loc, .n_dims = e->n_dims, .expr = e};
        memcpy(v.dims, e->dims, sizeof v.dims);
        return v;
    }
    case EXPR_STRING:
        return (Val){.kind = VAL_STRING, .loc = e->loc, .text = e->text, .expr = e};
    case EXPR_BOOL:
        return (Val){.kind = VAL_BOOL, .loc = e->loc, .boolean = e->boolean, .expr = e};
    case EXPR_NAME:
        return eval_name(s, scope, e);
    case EXPR_LIST:
    case EXPR_CALL:
        return eval_items(s, scope, e);
    case EXPR_NEG: {
        Val v = sema_eval(s, scope, e->left);
        if (v.kind == VAL_NONE) {
            return v;
        }
        if (v.kind == VAL_INT) {
            int64_t out = 0;
            if (!checked_sub(0, v.integer, &out)) {
                diag_error(s->diags, e->loc, "-(%lld) does not fit in 64 bits", (long long)v.integer);
                return none(e->loc);
            }
            return make_int(out, e);
        }
        if (v.kind == VAL_REAL || v.kind == VAL_PERCENT) {
            v.real = -v.real;
            v.loc = e->loc;
            return v;
        }
        diag_error(s->diags, e->loc, "'-' needs a number, and this is %s", val_kind_text(&v));
        return none(e->loc);
    }
    case EXPR_BINARY:
        return eval_binary(s, scope, e);
    case EXPR_ERROR:
        break;
    }
    return none(e->loc);
}
