/* attrs.c - arguments of a call into an attribute struct, as an AttrDef table describes it. Operators, initialisers,
 * optimizers, schedules and data sources all go through here. */
#include "sema.h"

#include <math.h>
#include <string.h>

enum { CHOICES_MAX = 32 };

int attr_count(const AttrDef *attrs)
{
    int n = 0;
    while (attrs && attrs[n].name) {
        n++;
    }
    return n;
}

static void *field(void *base, const AttrDef *a)
{
    return (char *)base + a->offset;
}

static bool in_range(Sema *s, const char *owner, const AttrDef *a, double x, const Val *v)
{
    if (a->min == 0 && a->max == 0) {
        return true;
    }
    if (x >= a->min && x <= a->max) {
        return true;
    }
    Diag *d;
    if (isinf(a->max)) {
        d = diag_error(s->diags, v->loc, "%s of %s must be at least %.10g, and this is %s", a->name, owner, a->min,
                       val_text(s->arena, v));
    } else {
        d = diag_error(s->diags, v->loc, "%s of %s must lie between %.10g and %.10g, and this is %s", a->name, owner,
                       a->min, a->max, val_text(s->arena, v));
    }
    sema_note_calls(s, d, s->frame);
    return false;
}

static bool wrong_type(Sema *s, const char *owner, const AttrDef *a, const Val *v, const char *wanted)
{
    Diag *d;
    if (v->kind == VAL_NAME) {
        d = diag_error(s->diags, v->loc, "%s of %s must be %s, and '%s' is not a constant known here", a->name, owner,
                       wanted, v->text);
    } else {
        d = diag_error(s->diags, v->loc, "%s of %s must be %s, and this is %s: %s", a->name, owner, wanted,
                       val_kind_text(v), val_text(s->arena, v));
    }
    if (v->kind == VAL_REAL && v->expr && v->expr->kind == EXPR_BINARY && v->expr->op == '/') {
        /* an inexact division: show the operands, as the language promises */
        Str left = {0}, right = {0};
        expr_format(v->expr->left, &left);
        expr_format(v->expr->right, &right);
        diag_note(s->diags, d, v->expr->loc, "%s / %s does not come out even: it is %.10g", left.data, right.data,
                  v->real);
        str_free(&left);
        str_free(&right);
    }
    sema_note_calls(s, d, s->frame);
    return false;
}

/* "size, stride, pad": those of n names that are not NULL, each with `after` behind it. */
static const char *listed(Sema *s, const char *const *names, int n, const char *after)
{
    const char *list = "";
    for (int i = 0; i < n; i++) {
        if (names[i]) {
            list = arena_printf(s->arena, "%s%s%s%s", list, *list ? ", " : "", names[i], after);
        }
    }
    return list;
}

static bool set_size2(Sema *s, const char *owner, const AttrDef *a, const Val *v, int64_t *h, int64_t *w,
                      const char *wanted)
{
    if (v->kind == VAL_INT) {
        *h = *w = v->integer;
    } else if (v->kind == VAL_SIZE && v->n_dims == 2) {
        *h = v->dims[0];
        *w = v->dims[1];
    } else if (v->kind == VAL_LIST && v->n_items == 2 && v->items[0].kind == VAL_INT && v->items[1].kind == VAL_INT) {
        *h = v->items[0].integer;
        *w = v->items[1].integer;
    } else {
        return wrong_type(s, owner, a, v, wanted);
    }
    return in_range(s, owner, a, (double)*h, v) && (*h == *w || in_range(s, owner, a, (double)*w, v));
}

static bool set_shape(Sema *s, const char *owner, const AttrDef *a, void *out, const Val *v)
{
    Shape *p = field(out, a);
    int64_t d[3];
    if (v->kind == VAL_INT) {
        *p = (Shape){1, 1, v->integer, true};
        return in_range(s, owner, a, (double)v->integer, v);
    }
    if (v->kind == VAL_SIZE && v->n_dims == 3) {
        memcpy(d, v->dims, sizeof d);
    } else if (v->kind == VAL_LIST && v->n_items == 3 && v->items[0].kind == VAL_INT && v->items[1].kind == VAL_INT &&
               v->items[2].kind == VAL_INT) {
        for (int i = 0; i < 3; i++) {
            d[i] = v->items[i].integer;
        }
    } else {
        return wrong_type(s, owner, a, v, "a shape: HxWxC such as 28x28x1, a list [h, w, c], or a number");
    }
    *p = (Shape){d[0], d[1], d[2], false};
    for (int i = 0; i < 3; i++) {
        if (!in_range(s, owner, a, (double)d[i], v)) {
            return false;
        }
    }
    return true;
}

static bool set_choice(Sema *s, const char *owner, const AttrDef *a, void *out, const Val *v)
{
    int n = 0;
    for (; a->choices[n]; n++) {
        if ((v->kind == VAL_NAME || v->kind == VAL_STRING) && strcmp(a->choices[n], v->text) == 0) {
            *(int *)field(out, a) = n;
            return true;
        }
    }
    Diag *d = diag_error(s->diags, v->loc, "%s of %s is one of %s, and this is %s", a->name, owner,
                         listed(s, a->choices, n, ""), val_text(s->arena, v));
    const char *near = v->kind == VAL_NAME ? did_you_mean(v->text, a->choices, n) : NULL;
    if (near) {
        diag_help(s->diags, d, "did you mean '%s'?", near);
    }
    return false;
}

static bool set_reals(Sema *s, const char *owner, const AttrDef *a, void *out, const Val *v)
{
    if (v->kind != VAL_LIST) {
        return wrong_type(s, owner, a, v, "a list of numbers");
    }
    Reals *p = field(out, a);
    p->n = v->n_items;
    p->items = arena_array(s->arena, (size_t)v->n_items + 1, sizeof *p->items);
    for (int i = 0; i < v->n_items; i++) {
        const Val *item = &v->items[i];
        if (!val_is_number(item)) {
            return wrong_type(s, owner, a, item, "a list of numbers");
        }
        if (!in_range(s, owner, a, item->real, item)) {
            return false;
        }
        p->items[i] = item->real;
    }
    return true;
}

Names val_names(Arena *a, const Val *list)
{
    Names names = {
        .items = arena_array(a, (size_t)list->n_items + 1, sizeof *names.items),
        .locs = arena_array(a, (size_t)list->n_items + 1, sizeof *names.locs),
        .n = list->n_items,
    };
    for (int i = 0; i < list->n_items; i++) {
        names.items[i] = list->items[i].text;
        names.locs[i] = list->items[i].loc;
    }
    return names;
}

static bool set_names(Sema *s, const char *owner, const AttrDef *a, void *out, const Val *v)
{
    if (v->kind == VAL_NAME || v->kind == VAL_STRING) {
        Diag *d = diag_error(s->diags, v->loc, "%s of %s is a list", a->name, owner);
        diag_help(s->diags, d, "write [%s]", val_text(s->arena, v));
        return false;
    }
    if (v->kind != VAL_LIST) {
        return wrong_type(s, owner, a, v, "a list of names");
    }
    for (int i = 0; i < v->n_items; i++) {
        if (v->items[i].kind != VAL_NAME && v->items[i].kind != VAL_STRING) {
            return wrong_type(s, owner, a, &v->items[i], "a list of names");
        }
    }
    *(Names *)field(out, a) = val_names(s->arena, v);
    return true;
}

/* ---- ranges ---- */

const char *const range_names[] = {
    [RANGE_NONE] = "", [RANGE_LOG] = "log", [RANGE_UNIFORM] = "uniform", [RANGE_CHOICE] = "choice", NULL,
};

double range_middle(const Range *r)
{
    switch (r->kind) {
    case RANGE_NONE:
        break;
    case RANGE_LOG:
        return sqrt(r->from) * sqrt(r->to);
    case RANGE_UNIFORM:
        return r->from + (r->to - r->from) / 2;
    case RANGE_CHOICE:
        return r->values.items[r->values.n / 2];
    }
    return 0;
}

static RangeKind range_kind(const Val *v)
{
    for (int i = RANGE_LOG; v->kind == VAL_CALL && range_names[i]; i++) {
        if (strcmp(v->text, range_names[i]) == 0) {
            return (RangeKind)i;
        }
    }
    return RANGE_NONE;
}

/* A range where a number is compiled into the code. */
static bool not_searched(Sema *s, const char *owner, const AttrDef *a, const Val *v)
{
    Diag *d =
        diag_error(s->diags, v->loc, "%s of %s is part of the emitted code: it cannot be a range", a->name, owner);
    diag_help(s->diags, d,
              "ranges are for lr, momentum, weight_decay and l1 of an optimizer; write a number here, or a "
              "constant by `let`, and change it with -D");
    sema_note_calls(s, d, s->frame);
    return false;
}

/* The numbers of a range into `range`: rising, distinct, and each of them a value that the attribute may have. */
static bool read_range(Sema *s, const char *owner, const AttrDef *a, const Val *v, Range *range)
{
    const char *name = range_names[range->kind], *how = range->kind == RANGE_CHOICE ? "choice(0.5, 0.9, 0.95)"
                                                        : range->kind == RANGE_LOG  ? "log(1e-5, 1e-1)"
                                                                                    : "uniform(0.5, 0.95)";
    Reals *values = &range->values;
    values->items = arena_array(s->arena, (size_t)v->n_items + 1, sizeof *values->items);
    for (int i = 0; i < v->n_items; i++) {
        const Val *item = &v->items[i];
        if (v->names[i] || !val_is_number(item)) {
            bool unknown = item->kind == VAL_NAME && !v->names[i];
            Diag *d = unknown ? diag_error(s->diags, item->loc,
                                           "%s takes numbers, and '%s' is not a constant known here", name, item->text)
                              : diag_error(s->diags, item->loc, "%s takes numbers, without names", name);
            diag_help(s->diags, d, "write %s", how);
            return false;
        }
        if (!in_range(s, owner, a, item->real, item)) {
            return false;
        }
        if (i > 0 && !(item->real > values->items[i - 1])) {
            Diag *d = diag_error(s->diags, item->loc, "the numbers of %s must rise, and %s comes after %s", name,
                                 val_text(s->arena, item), val_text(s->arena, &v->items[i - 1]));
            diag_help(s->diags, d, "write %s", how);
            return false;
        }
        values->items[values->n++] = item->real;
    }
    if (range->kind == RANGE_CHOICE ? values->n < 2 || values->n > CHOICES_MAX : values->n != 2) {
        Diag *d = diag_error(s->diags, v->loc, "%s takes %s, and here %s %d", name,
                             range->kind == RANGE_CHOICE ? "2 to 32 numbers" : "the two ends of the range",
                             values->n == 1 ? "is" : "are", values->n);
        diag_help(s->diags, d, "write %s", how);
        return false;
    }
    range->from = values->items[0];
    range->to = values->items[values->n - 1];
    if (range->kind == RANGE_LOG && !(range->from > 0)) {
        Diag *d = diag_error(s->diags, v->items[0].loc, "a range on a logarithmic scale cannot begin at 0");
        diag_help(s->diags, d,
                  "begin with what is as good as none, such as log(1e-7, %.10g), or write uniform(0, %.10g)", range->to,
                  range->to);
        return false;
    }
    return true;
}

static bool set_rate(Sema *s, const char *owner, const AttrDef *a, void *out, const Val *v)
{
    Range range = {.kind = range_kind(v)};
    if (range.kind == RANGE_NONE && !val_is_number(v)) {
        bool list = v->kind == VAL_LIST;
        wrong_type(s, owner, a, v,
                   list ? "a number, or a range: choice(a, b, ...)" : "a number, or a range such as log(1e-5, 1e-1)");
        return false;
    }
    if (range.kind != RANGE_NONE && !read_range(s, owner, a, v, &range)) {
        return false;
    }
    *(double *)field(out, a) = range.kind == RANGE_NONE ? v->real : range_middle(&range);
    *(Range *)(void *)((char *)out + a->range_offset) = range;
    return range.kind != RANGE_NONE || in_range(s, owner, a, v->real, v);
}

static bool set_attr(Sema *s, const char *owner, const AttrDef *a, void *out, const Val *v)
{
    switch (a->type) {
    case ATTR_INT:
        if (range_kind(v) != RANGE_NONE) {
            return not_searched(s, owner, a, v);
        }
        if (v->kind != VAL_INT) {
            return wrong_type(s, owner, a, v, "an integer");
        }
        *(int64_t *)field(out, a) = v->integer;
        return in_range(s, owner, a, (double)v->integer, v);
    case ATTR_REAL:
        if (range_kind(v) != RANGE_NONE) {
            return not_searched(s, owner, a, v);
        }
        if (!val_is_number(v)) {
            return wrong_type(s, owner, a, v, "a number");
        }
        *(double *)field(out, a) = v->real;
        return in_range(s, owner, a, v->real, v);
    case ATTR_RATE:
        return set_rate(s, owner, a, out, v);
    case ATTR_REAL_OR_AUTO:
        if (range_kind(v) != RANGE_NONE) {
            return not_searched(s, owner, a, v);
        }
        if (v->kind == VAL_NAME && strcmp(v->text, "auto") == 0) {
            *(double *)field(out, a) = 0;
            return true;
        }
        if (!val_is_number(v)) {
            return wrong_type(s, owner, a, v, "a number, or `auto`");
        }
        *(double *)field(out, a) = v->real;
        return in_range(s, owner, a, v->real, v);
    case ATTR_BOOL:
        if (v->kind != VAL_BOOL) {
            return wrong_type(s, owner, a, v, "yes or no");
        }
        *(bool *)field(out, a) = v->boolean;
        return true;
    case ATTR_SIZE2: {
        Size2 *p = field(out, a);
        return set_size2(s, owner, a, v, &p->h, &p->w, "a number or a size HxW");
    }
    case ATTR_WINDOW: {
        Window *p = field(out, a);
        if (v->kind == VAL_NAME && strcmp(v->text, "global") == 0) {
            p->global = true;
            return true;
        }
        return set_size2(s, owner, a, v, &p->h, &p->w, "a number, a size HxW, or `global`");
    }
    case ATTR_PAD: {
        Pad *p = field(out, a);
        if (v->kind == VAL_NAME && strcmp(v->text, "same") == 0) {
            p->same = true;
            return true;
        }
        return set_size2(s, owner, a, v, &p->h, &p->w, "a number, a size HxW, or `same`");
    }
    case ATTR_SHAPE:
        return set_shape(s, owner, a, out, v);
    case ATTR_CHOICE:
        return set_choice(s, owner, a, out, v);
    case ATTR_INIT:
        return sema_init(s, v, field(out, a));
    case ATTR_STRING:
        if (v->kind != VAL_STRING) {
            return wrong_type(s, owner, a, v, "a string in quotes");
        }
        *(const char **)field(out, a) = v->text;
        return true;
    case ATTR_COLUMN:
        if (v->kind == VAL_INT && v->integer >= 0) {
            *(const char **)field(out, a) = val_text(s->arena, v);
        } else if (v->kind == VAL_NAME || v->kind == VAL_STRING) {
            *(const char **)field(out, a) = v->text;
        } else {
            return wrong_type(s, owner, a, v, "a column: its name, or its number counted from 0");
        }
        return true;
    case ATTR_REALS:
        return set_reals(s, owner, a, out, v);
    case ATTR_NAMES:
        return set_names(s, owner, a, out, v);
    case ATTR_LEARNT: {
        Learnt *p = field(out, a);
        p->learnt = v->kind == VAL_NAME && strcmp(v->text, "learn") == 0;
        if (p->learnt) {
            return true;
        }
        if (!val_is_number(v)) {
            return wrong_type(s, owner, a, v, "a number or `learn`");
        }
        p->value = v->real;
        return in_range(s, owner, a, v->real, v);
    }
    }
    return false;
}

/* Defaults are written as the user would write them, so they are parsed like it. */
static void set_default(Sema *s, const char *owner, const AttrDef *a, void *out)
{
    if (!a->standard) {
        return;
    }
    uint32_t len = (uint32_t)strlen(a->standard);
    int file = diag_add_source(s->diags, "default", a->standard, len);
    Expr *e = ast_parse_expr(s->arena, s->diags, file);
    Val v = sema_eval(s, NULL, e);
    set_attr(s, owner, a, out, &v);
    s->diags->n_sources--;
}

/* Names of the arguments that users can give; NULL for the hidden ones and, with `keywords`, for the positional ones.
 */
static const char **attr_names(Sema *s, const AttrDef *attrs, int n, bool keywords)
{
    const char **names = arena_array(s->arena, (size_t)n + 1, sizeof *names);
    for (int i = 0; i < n; i++) {
        names[i] = attrs[i].hidden || (keywords && attrs[i].positional) ? NULL : attrs[i].name;
    }
    return names;
}

static int find_attr(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (names[i] && strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static void unknown_attr(Sema *s, const char *owner, const char *const *names, int n, const char *name, Loc at)
{
    Diag *d = diag_error(s->diags, at, "unknown key '%s' for %s", name, owner);
    const char *near = did_you_mean(name, names, n);
    if (near) {
        diag_help(s->diags, d, "did you mean '%s'?", near);
    } else if (n > 0) {
        diag_help(s->diags, d, "%s takes %s", owner, listed(s, names, n, ""));
    } else {
        diag_help(s->diags, d, "%s takes no arguments", owner);
    }
}

/* A positional argument that no place is left for, or that comes after one with a name. */
static void misplaced_argument(Sema *s, const char *owner, const AttrDef *attrs, int n, const Val *v, bool keyword_seen)
{
    if (v->kind == VAL_NONE) {
        return;
    }
    if (keyword_seen) {
        Diag *d = diag_error(s->diags, v->loc, "a positional argument of %s after one with a name", owner);
        diag_help(s->diags, d, "write the arguments without names first");
        return;
    }
    if (n == 0) {
        diag_error(s->diags, v->loc, "%s takes no arguments", owner);
        return;
    }
    int most = 0;
    for (int i = 0; i < n; i++) {
        most += attrs[i].positional;
    }
    Diag *d = diag_error(s->diags, v->loc, "too many arguments for %s: it takes %d without a name", owner, most);
    const char *others = listed(s, attr_names(s, attrs, n, true), n, "=");
    if (*others) {
        diag_help(s->diags, d, "the others are written with their names: %s", others);
    }
}

static void missing_argument(Sema *s, const char *owner, const AttrDef *attrs, int n, const AttrDef *missing, Loc call)
{
    Diag *d = diag_error(s->diags, call, "%s needs %s", owner, missing->doc);
    const char *how = "";
    for (int i = 0; i < n; i++) {
        if (attrs[i].required) {
            how = arena_printf(s->arena, "%s%s%s%s", how, *how ? ", " : "", attrs[i].name,
                               attrs[i].positional ? "" : "=...");
        }
    }
    diag_help(s->diags, d, "write %s(%s)", owner, how);
    sema_note_calls(s, d, s->frame);
}

bool sema_attrs_val(Sema *s, const char *owner, const AttrDef *attrs, void *out, Loc *locs, const Val *call)
{
    int n = attr_count(attrs), next = 0;
    bool ok = true, keyword_seen = false;
    bool *given = arena_array(s->arena, (size_t)n + 1, sizeof *given);
    const char *const *names = attr_names(s, attrs, n, false);
    for (int i = 0; i < n; i++) {
        locs[i] = loc_none();
        set_default(s, owner, &attrs[i], out);
    }
    for (int k = 0; k < call->n_items; k++) {
        const Val *v = &call->items[k];
        const char *name = call->names[k];
        int at = -1;
        if (name) {
            keyword_seen = true;
            at = find_attr(names, n, name);
            if (at < 0) {
                unknown_attr(s, owner, names, n, name, call->name_locs[k]);
            }
        } else {
            while (next < n && !attrs[next].positional) {
                next++;
            }
            if (keyword_seen || next >= n) {
                misplaced_argument(s, owner, attrs, n, v, keyword_seen);
            } else {
                at = next++;
            }
        }
        if (at < 0) {
            ok = false;
            continue;
        }
        if (given[at]) {
            Diag *d = diag_error(s->diags, name ? call->name_locs[k] : v->loc, "%s of %s is given twice",
                                 attrs[at].name, owner);
            diag_note(s->diags, d, locs[at], "first given here");
            ok = false;
            continue;
        }
        given[at] = true;
        locs[at] = v->loc;
        ok &= v->kind != VAL_NONE && set_attr(s, owner, &attrs[at], out, v);
    }
    for (int i = 0; i < n; i++) {
        if (attrs[i].required && !given[i] && ok) {
            missing_argument(s, owner, attrs, n, &attrs[i], call->loc);
            ok = false;
        }
    }
    return ok;
}

bool sema_attrs(Sema *s, Scope *scope, const char *owner, const AttrDef *attrs, void *out, Loc *locs, const Arg *args,
                int n_args, Loc call)
{
    Val v = {.kind = VAL_CALL, .loc = call, .text = owner, .n_items = n_args};
    v.items = arena_array(s->arena, (size_t)n_args + 1, sizeof *v.items);
    v.names = arena_array(s->arena, (size_t)n_args + 1, sizeof *v.names);
    v.name_locs = arena_array(s->arena, (size_t)n_args + 1, sizeof *v.name_locs);
    for (int i = 0; i < n_args; i++) {
        v.items[i] = sema_eval(s, scope, args[i].value);
        v.names[i] = args[i].name;
        v.name_locs[i] = args[i].name_loc;
    }
    return sema_attrs_val(s, owner, attrs, out, locs, &v);
}
