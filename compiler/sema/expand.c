/* expand.c - walks the bodies, expands blocks and repeats, makes the layers and names their parameters.
 *
 * A result that could not be made is NULL from then on ("poisoned"): what reads it is skipped in silence, so that one
 * mistake is one message; arguments are still checked. */
#include "sema.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_LAYERS = 20000, MAX_ELEMENTS = 10 * MAX_LAYERS, MAX_DEPTH = 64, MAX_REPEAT = 10000 };

const char *const structural_words[] = {"seq", "repeat", "from", "output", NULL};

/* Where names are made: the nearest enclosing label or number. */
typedef struct NameCount NameCount;
struct NameCount {
    const char *name;
    int count;
    NameCount *next;
};
typedef struct NameScope {
    const char *prefix; /* "" or "layer1.0" */
    bool numbered;      /* inside a labelled seq */
    int next_number;
    NameCount *counts;
} NameScope;

/* The labels of a body and of those around it, up to the network or block. */
typedef struct Label Label;
struct Label {
    const char *name;
    Loc loc;
    Layer *layer;
    Label *next;
};
typedef struct LabelScope LabelScope;
struct LabelScope {
    Label *labels;
    LabelScope *outer;
};

typedef struct Body {
    Scope *scope; /* constants and parameters */
    NameScope *names;
    LabelScope *labels;
    bool in_merge; /* the statements are branches */
    bool is_network;
} Body;

static Layer *expand_body(Sema *s, const StmtList *list, Body *body, Layer *input);

/* ---- names ---- */

static const char *join(Sema *s, const char *prefix, const char *name)
{
    return *prefix ? arena_printf(s->arena, "%s.%s", prefix, name) : name;
}

static const char *next_number(Sema *s, NameScope *ns)
{
    return join(s, ns->prefix, arena_printf(s->arena, "%d", ns->next_number++));
}

static const char *counted(Sema *s, NameScope *ns, const char *op)
{
    NameCount *c = ns->counts;
    while (c && strcmp(c->name, op) != 0) {
        c = c->next;
    }
    if (!c) {
        c = arena_alloc(s->arena, sizeof *c);
        c->name = op;
        c->next = ns->counts;
        ns->counts = c;
    }
    return join(s, ns->prefix, arena_printf(s->arena, "%s%d", op, c->count++));
}

void sema_note_calls(Sema *s, Diag *d, CallFrame *frame)
{
    int shown = 0;
    for (CallFrame *f = frame; f && shown < 6; f = f->outer, shown++) {
        diag_note(s->diags, d, f->loc, "in block '%s', called here", f->block);
    }
}

/* ---- layers ---- */

Diag *layer_error(LayerCtx *cx, const char *attr, const char *format, ...)
{
    Loc at = cx->layer->loc;
    for (int i = 0; attr && i < attr_count(cx->layer->op->attrs); i++) {
        if (strcmp(cx->layer->op->attrs[i].name, attr) == 0 && cx->attr_locs && cx->attr_locs[i].file >= 0) {
            at = cx->attr_locs[i];
        }
    }
    va_list ap;
    va_start(ap, format);
    const char *text = arena_vprintf(cx->arena, format, ap);
    va_end(ap);
    Diag *d = diag_error(cx->diags, at, "%s", text);
    Sema s = {.diags = cx->diags};
    sema_note_calls(&s, d, cx->layer->frame);
    return d;
}

void layer_note_input(LayerCtx *cx, Diag *d, int input)
{
    const Layer *from = cx->layer->inputs[input];
    while (from->op->elt && from->n_inputs == 1) {
        from = from->inputs[0]; /* what is element-wise left the shape as it found it */
    }
    const char *why = from->op->why ? from->op->why(cx->arena, from) : NULL;
    diag_note(cx->diags, d, from->loc, "%s gives %s%s%s", from->name, shape_text(cx->arena, from->out), why ? ": " : "",
              why ? why : "");
}

static NetParam *add_param(LayerCtx *cx, const char *suffix, ParamRole role, InitSpec init)
{
    Layer *l = cx->layer;
    Net *net = cx->net;
    NetParam *p = arena_alloc(cx->arena, sizeof *p);
    p->suffix = suffix;
    p->name = arena_printf(cx->arena, "%s.%s", l->path, suffix);
    p->role = role;
    p->layer = l;
    p->init = init;
    NetParam **params = arena_array(cx->arena, (size_t)l->n_params + 1, sizeof *params);
    if (l->n_params > 0) {
        memcpy(params, l->params, (size_t)l->n_params * sizeof *params);
    }
    params[l->n_params++] = p;
    l->params = params;
    p->index = net->n_params;
    net->params = vec_grow(cx->arena, net->params, net->n_params, &net->cap_params, sizeof *net->params);
    net->params[net->n_params++] = p;
    return p;
}

NetParam *layer_param(LayerCtx *cx, const char *suffix, ParamRole role, int64_t length, InitSpec init, bool decays)
{
    NetParam *p = add_param(cx, suffix, role, init);
    p->out = length;
    p->in = p->kh = p->kw = 1;
    p->groups = 1;
    p->fan_in = p->fan_out = length;
    p->decays = decays;
    return p;
}

NetParam *layer_param_panels(LayerCtx *cx, const char *suffix, int64_t out, int64_t in, int64_t kh, int64_t kw,
                             int groups, bool dense, InitSpec init)
{
    NetParam *p = add_param(cx, suffix, PARAM_WEIGHT, init);
    p->panels = true;
    p->out = out;
    p->in = in;
    p->kh = kh;
    p->kw = kw;
    p->groups = groups;
    p->dense = dense;
    p->fan_in = in * kh * kw;
    p->fan_out = dense ? out : out / groups * kh * kw;
    p->decays = true;
    return p;
}

/* Pre: layer->out is set. Sizes beyond these are mistakes, and what fits them cannot overflow later arithmetic. */
static bool size_fits(LayerCtx *cx)
{
    const Layer *l = cx->layer;
    int64_t n = 0, limit = INT64_C(1) << 31;
    if (!checked_mul(l->out.h, l->out.w, &n) || !checked_mul(n, l->out.c, &n) || n >= limit) {
        Diag *d = layer_error(cx, NULL, "%s gives %s: more than 2^31 values a sample", l->name,
                              shape_text(cx->arena, l->out));
        diag_help(cx->diags, d, "use fewer channels, a larger stride or pooling");
        return false;
    }
    for (int i = 0; i < l->n_params; i++) {
        const NetParam *p = l->params[i];
        int64_t m = p->out;
        if (!checked_mul(m, p->in, &m) || !checked_mul(m, p->kh, &m) || !checked_mul(m, p->kw, &m) || m >= limit) {
            layer_error(cx, NULL, "%s has %lld*%lld*%lld*%lld values: more than 2^31", p->name, (long long)p->out,
                        (long long)p->in, (long long)p->kh, (long long)p->kw);
            return false;
        }
    }
    return true;
}

/* How a layer's result is held in graphs. A vector that was a volume stays one, and nothing is copied, as long as no reader needs an
 * order: that is, through element-wise operators, whose branches must be volumes of one shape, but not those with a parameter for each
 * element. All others read plain vectors, whose order is PyTorch's. */
static Shape held_shape(const Layer *l)
{
    bool any_order = (l->op->traits & OP_FLATTENS) || (l->op->elt && l->n_params == 0);
    for (int i = 0; i < l->n_inputs; i++) {
        any_order &= shape_equal(l->inputs[i]->held, l->inputs[0]->held);
    }
    return any_order && l->n_inputs > 0 ? l->inputs[0]->held : l->out;
}

/* Pre: cx->layer has op, attrs, loc, frame, name, path, inputs. */
static Layer *finish_layer(LayerCtx *cx)
{
    Layer *l = cx->layer;
    Net *net = cx->net;
    if (net->n_layers >= MAX_LAYERS) {
        if (net->n_layers == MAX_LAYERS) {
            net->n_layers++; /* say it once */
            layer_error(cx, NULL, "the network expands to more than %d operators", MAX_LAYERS);
        }
        return NULL;
    }
    if (l->n_inputs > 0) {
        l->in = l->inputs[0]->out;
    }
    if (!l->op->shape(cx) || !size_fits(cx)) {
        return NULL;
    }
    l->held = held_shape(l);
    for (int i = 0; i < l->n_inputs; i++) {
        l->inputs[i]->reads++;
    }
    l->index = net->n_layers;
    net->layers = vec_grow(cx->arena, net->layers, net->n_layers, &net->cap_layers, sizeof *net->layers);
    net->layers[net->n_layers++] = l;
    return l;
}

Layer *layer_make(LayerCtx *cx, const OpDef *op, const char *path, void *attrs, Layer **inputs, int n_inputs)
{
    Layer *l = arena_alloc(cx->arena, sizeof *l);
    l->op = op;
    l->attrs = attrs;
    l->loc = cx->layer->loc;
    l->frame = cx->layer->frame;
    l->name = l->path = path;
    l->labelled = cx->layer->labelled;
    l->chain = cx->layer->chain;
    l->inputs = inputs;
    l->n_inputs = n_inputs;
    LayerCtx inner = {.arena = cx->arena, .diags = cx->diags, .net = cx->net, .layer = l};
    return finish_layer(&inner);
}

void *layer_default_attrs(LayerCtx *cx, const OpDef *op)
{
    Sema s = {.arena = cx->arena, .diags = cx->diags, .net = cx->net};
    void *attrs = arena_alloc(cx->arena, op->attrs_size + 1);
    int n = attr_count(op->attrs);
    Loc *locs = arena_array(cx->arena, (size_t)n + 1, sizeof *locs);
    Val none = {.kind = VAL_CALL, .loc = cx->layer->loc};
    AttrDef *optional = arena_array(cx->arena, (size_t)n + 1, sizeof *optional);
    for (int i = 0; i < n; i++) {
        optional[i] = op->attrs[i];
        optional[i].required = false;
    }
    sema_attrs_val(&s, op->name, optional, attrs, locs, &none);
    return attrs;
}

/* ---- elements ---- */

typedef struct Place { /* where in which statement an element stands */
    const Stmt *stmt;
    int index;
    const char *path; /* its name, made by element_path */
    int chain;
} Place;

/* Names an element that counts as one operator; structural elements without a label are transparent and do not come
 * here. */
static const char *element_path(Sema *s, Body *b, const Stmt *st, int index, const char *op)
{
    NameScope *ns = b->names;
    if (st->label) {
        const char *first = join(s, ns->prefix, st->label);
        return index == 0 ? first : arena_printf(s->arena, "%s.%s", first, op);
    }
    return ns->numbered ? next_number(s, ns) : counted(s, ns, op);
}

static NameScope *inner_names(Sema *s, Body *b, const Stmt *st, int index, const char *op, bool numbered_is_one)
{
    bool labelled = st->label != NULL;
    if (!labelled && !(b->names->numbered && numbered_is_one)) {
        return b->names;
    }
    NameScope *ns = arena_alloc(s->arena, sizeof *ns);
    ns->prefix = element_path(s, b, st, index, op);
    return ns;
}

static BlockDef *find_block(Sema *s, const char *name)
{
    for (BlockDef *b = s->blocks; b; b = b->next) {
        if (strcmp(b->item->name, name) == 0) {
            return b;
        }
    }
    return NULL;
}

/* The layer a label stands for. False: no such label (reported). *out may be NULL: poisoned. */
static bool find_label(Sema *s, LabelScope *labels, const char *name, Loc at, Layer **out)
{
    const char *known[256];
    int n = 0;
    for (LabelScope *ls = labels; ls; ls = ls->outer) {
        for (Label *l = ls->labels; l; l = l->next) {
            if (strcmp(l->name, name) == 0) {
                *out = l->layer;
                return true;
            }
            if (n < 256) {
                known[n++] = l->name;
            }
        }
    }
    Diag *d = diag_error(s->diags, at, "no earlier statement has the label '%s'", name);
    const char *near = did_you_mean(name, known, n);
    if (near) {
        diag_help(s->diags, d, "did you mean '%s'?", near);
    } else {
        diag_help(s->diags, d, "a label stands before the statement it names: `%s: conv(...)`", name);
    }
    return false;
}

static void unexpected_body(Sema *s, const Element *e)
{
    Diag *d = diag_error(s->diags, e->name_loc, "'%s' takes no body in braces", e->name);
    diag_help(s->diags, d, "seq, repeat and the merges add, mul, concat, max take one");
}

/* The parameter that an argument is for, or -1: reported. *next is the first that no positional argument was for. */
static int block_slot(Sema *s, const Item *item, const Arg *a, int *next)
{
    if (!a->name && *next < item->n_params) {
        return (*next)++;
    }
    Diag *d;
    if (a->name) {
        const char **names = arena_array(s->arena, (size_t)item->n_params + 1, sizeof *names);
        for (int i = 0; i < item->n_params; i++) {
            names[i] = item->params[i].name;
            if (strcmp(names[i], a->name) == 0) {
                return i;
            }
        }
        d = diag_error(s->diags, a->name_loc, "block '%s' has no parameter '%s'", item->name, a->name);
        const char *near = did_you_mean(a->name, names, item->n_params);
        if (near) {
            diag_help(s->diags, d, "did you mean '%s'?", near);
        }
    } else {
        d = diag_error(s->diags, a->loc, "too many arguments for block '%s': it takes %d", item->name, item->n_params);
    }
    diag_note(s->diags, d, item->name_loc, "the block is defined here");
    return -1;
}

/* The values of a block's parameters for a call, as a scope around which there are only constants. Arguments are
 * evaluated where the call stands, defaults where the block does, with the parameters to the left. NULL: reported. */
static Scope *bind_parameters(Sema *s, const Body *b, const Element *e, const Item *item)
{
    Scope *scope = arena_alloc(s->arena, sizeof *scope);
    scope->outer = s->globals;
    bool ok = true;
    Binding *slots = arena_array(s->arena, (size_t)item->n_params + 1, sizeof *slots);
    int next = 0;
    for (int k = 0; k < e->n_args; k++) {
        const Arg *a = &e->args[k];
        int slot = block_slot(s, item, a, &next);
        if (slot < 0) {
            ok = false;
        } else if (slots[slot].state == BIND_DONE) {
            diag_error(s->diags, a->loc, "parameter '%s' of block '%s' is given twice", item->params[slot].name,
                       item->name);
            ok = false;
        } else {
            slots[slot].state = BIND_DONE;
            slots[slot].val = sema_eval(s, b->scope, a->value);
            ok &= slots[slot].val.kind != VAL_NONE;
        }
    }
    for (int i = 0; i < item->n_params; i++) {
        const Param *p = &item->params[i];
        if (slots[i].state != BIND_DONE && p->default_value) {
            slots[i].val = sema_eval(s, scope, p->default_value);
            ok &= slots[i].val.kind != VAL_NONE;
        } else if (slots[i].state != BIND_DONE && ok) { /* a misspelt name has been reported already */
            Diag *d = diag_error(s->diags, e->loc, "block '%s' needs '%s'", item->name, p->name);
            diag_note(s->diags, d, p->loc, "'%s' has no default", p->name);
            sema_note_calls(s, d, s->frame);
            ok = false;
        }
        slots[i].name = p->name;
        slots[i].loc = p->loc;
        slots[i].state = BIND_DONE;
        slots[i].next = scope->bindings;
        scope->bindings = &slots[i];
    }
    return ok ? scope : NULL;
}

static Layer *expand_block(Sema *s, Body *b, const Place *at, const Element *e, BlockDef *def, Layer *input)
{
    const Item *item = def->item;
    if (e->body) {
        unexpected_body(s, e);
    }
    if (def->busy || s->depth >= MAX_DEPTH) {
        Diag *d = diag_error(s->diags, e->name_loc,
                             def->busy ? "block '%s' calls itself" : "block calls nested too deeply at '%s'",
                             item->name);
        sema_note_calls(s, d, s->frame);
        return NULL;
    }
    Scope *scope = bind_parameters(s, b, e, item);
    if (!scope) {
        return NULL;
    }
    CallFrame *frame = arena_alloc(s->arena, sizeof *frame);
    *frame = (CallFrame){.block = item->name, .loc = e->loc, .outer = s->frame};
    LabelScope labels = {0};
    Body inner = {.scope = scope, .labels = &labels, .names = inner_names(s, b, at->stmt, at->index, e->name, true)};
    s->frame = frame;
    s->depth++;
    def->busy = true;
    Layer *out = expand_body(s, &item->body, &inner, input);
    def->busy = false;
    s->depth--;
    s->frame = frame->outer;
    return out;
}

/* Nothing more is expanded: there are too many layers, or calls that make none but call others again and again. */
static bool too_large(const Sema *s)
{
    return s->net->n_layers > MAX_LAYERS || s->elements > MAX_ELEMENTS;
}

static Layer *expand_repeat(Sema *s, Body *b, const Place *at, const Element *e, Layer *input)
{
    static const AttrDef attrs[] = {
        {.name = "times",
         .type = ATTR_INT,
         .offset = 0,
         .positional = true,
         .required = true,
         .min = 1,
         .max = MAX_REPEAT,
         .doc = "the number of rounds"},
        {0},
    };
    int64_t times = 0;
    Loc locs[1];
    bool ok = sema_attrs(s, b->scope, "repeat", attrs, &times, locs, e->args, e->n_args, e->loc);
    if (!e->body) {
        Diag *d = diag_error(s->diags, e->loc, "repeat needs a body in braces");
        diag_help(s->diags, d, "write repeat(3) { ... }");
        return NULL;
    }
    const char *path = at->stmt->label ? element_path(s, b, at->stmt, at->index, "repeat") : NULL;
    int errors = s->diags->errors;
    for (int64_t k = 0; k < (ok ? times : 1); k++) {
        NameScope round = {.prefix = path ? arena_printf(s->arena, "%s.%lld", path, (long long)k) : ""};
        LabelScope labels = {.outer = b->labels};
        Body inner = {.scope = b->scope, .labels = &labels, .names = path ? &round : b->names};
        input = expand_body(s, e->body, &inner, input);
        if (!input || s->diags->errors > errors || too_large(s)) {
            return NULL; /* later rounds would only repeat it */
        }
    }
    return ok ? input : NULL;
}

/* Fills an operator's layer and makes it. inputs may hold NULL: poisoned, then only the arguments are checked. */
static Layer *expand_op(Sema *s, Body *b, const Place *at, const Element *e, const OpDef *op, Layer **inputs,
                        int n_inputs, const Arg *args, int n_args)
{
    Layer *l = arena_alloc(s->arena, sizeof *l);
    l->op = op;
    l->loc = e->loc;
    l->frame = s->frame;
    l->chain = at->chain;
    l->labelled = at->stmt->label && at->index == 0;
    l->name = l->path = at->path ? at->path : element_path(s, b, at->stmt, at->index, op->name);
    l->attrs = arena_alloc(s->arena, op->attrs_size + 1);
    l->inputs = inputs;
    l->n_inputs = n_inputs;
    Loc *locs = arena_array(s->arena, (size_t)attr_count(op->attrs) + 1, sizeof *locs);
    bool ok = sema_attrs(s, b->scope, op->name, op->attrs, l->attrs, locs, args, n_args, e->loc);
    for (int i = 0; i < n_inputs; i++) {
        ok &= inputs[i] != NULL;
    }
    if (!ok) {
        return NULL;
    }
    LayerCtx cx = {.arena = s->arena, .diags = s->diags, .net = s->net, .layer = l, .attr_locs = locs};
    if (op->expand) {
        l->in = inputs[0]->out;
        bool done = true;
        Layer *last = op->expand(&cx, &done);
        if (done) {
            return last;
        }
    }
    return finish_layer(&cx);
}

static Layer *expand_merge(Sema *s, Body *b, const Place *at, const Element *e, const OpDef *op, Layer *input)
{
    Layer **inputs = NULL;
    int n = 0, cap = 0;
    Place here = *at;
    if (e->body) {
        if (e->n_args > 0) {
            Diag *d = diag_error(s->diags, e->loc, "'%s' has both arguments and branches", e->name);
            diag_help(s->diags, d, "write either %s(a, b) or %s { ... }", e->name, e->name);
            return NULL;
        }
        LabelScope labels = {.outer = b->labels};
        Body inner = {.scope = b->scope, .labels = &labels, .in_merge = true};
        inner.names = inner_names(s, b, at->stmt, at->index, e->name, true);
        here.path = inner.names != b->names ? inner.names->prefix : NULL;
        for (int i = 0; i < e->body->len; i++) {
            StmtList one = {.items = &e->body->items[i], .len = 1, .loc = e->body->items[i].loc};
            inputs = vec_grow(s->arena, inputs, n, &cap, sizeof *inputs);
            inputs[n++] = expand_body(s, &one, &inner, input);
        }
        if (!here.path) {
            here.path = counted(s, b->names, e->name);
        }
    } else {
        for (int i = 0; i < e->n_args; i++) {
            const Arg *a = &e->args[i];
            Layer *l = NULL;
            if (a->name || a->value->kind != EXPR_NAME) {
                diag_error(s->diags, a->loc, "'%s' joins labels: %s(conv2, conv5)", e->name, e->name);
            } else {
                find_label(s, b->labels, a->value->text, a->value->loc, &l);
            }
            inputs = vec_grow(s->arena, inputs, n, &cap, sizeof *inputs);
            inputs[n++] = l;
        }
    }
    if (n < 2) {
        Diag *d = diag_error(s->diags, e->loc, "'%s' joins at least two branches, and there %s %d", e->name,
                             n == 1 ? "is" : "are", n);
        diag_help(s->diags, d,
                  "write %s { branch  branch } or %s(label, label); `identity` is a branch that passes its input on",
                  e->name, e->name);
        return NULL;
    }
    return expand_op(s, b, &here, e, op, inputs, n, NULL, 0);
}

static void expand_output(Sema *s, Body *b, const Element *e)
{
    Net *net = s->net;
    if (!b->is_network) {
        diag_error(s->diags, e->loc, "output stands at the end of a network, not inside a body");
        return;
    }
    if (net->n_outputs > 0) {
        diag_error(s->diags, e->loc, "the network has a second output statement");
        return;
    }
    if (e->n_args == 0) {
        Diag *d = diag_error(s->diags, e->loc, "output needs the labels of the network's results");
        diag_help(s->diags, d, "write output(main, aux1)");
        return;
    }
    net->outputs = arena_array(s->arena, (size_t)e->n_args, sizeof *net->outputs);
    for (int i = 0; i < e->n_args; i++) {
        const Arg *a = &e->args[i];
        Layer *l = NULL;
        if (a->name || a->value->kind != EXPR_NAME) {
            diag_error(s->diags, a->loc, "output takes labels: output(main, aux1)");
        } else if (find_label(s, b->labels, a->value->text, a->value->loc, &l) && l) {
            if (l->is_output) {
                diag_error(s->diags, a->loc, "'%s' is named twice", a->value->text);
            }
            l->is_output = true;
            net->outputs[net->n_outputs++] = l;
        }
    }
}

static void unknown_name(Sema *s, const Element *e)
{
    const char *names[512];
    int n = 0;
    for (int i = 0; op_registry[i] && n < 400; i++) {
        if (op_registry[i]->summary && !(op_registry[i]->traits & OP_LOSS)) {
            names[n++] = op_registry[i]->name;
        }
    }
    for (int i = 0; structural_words[i]; i++) {
        names[n++] = structural_words[i];
    }
    for (BlockDef *b = s->blocks; b && n < 512; b = b->next) {
        names[n++] = b->item->name;
    }
    Diag *d = diag_error(s->diags, e->name_loc, "no operator or block is called '%s'", e->name);
    const char *near = did_you_mean(e->name, names, n);
    if (near) {
        diag_help(s->diags, d, "did you mean '%s'?", near);
        return;
    }
    const char *list = "";
    for (int i = 0; i < n; i++) {
        list = arena_printf(s->arena, "%s%s%s", list, i ? ", " : "", names[i]);
    }
    diag_help(s->diags, d, "there are %s", list);
}

static Layer *expand_element(Sema *s, Body *b, const Place *at, const Element *e, Layer *input)
{
    const char *name = e->name;
    if (too_large(s)) {
        return NULL;
    }
    if (++s->elements > MAX_ELEMENTS) {
        diag_error(s->diags, e->loc, "the network expands to more than %d calls of blocks and operators", MAX_ELEMENTS);
        return NULL;
    }
    BlockDef *block = find_block(s, name);
    if (block) {
        return expand_block(s, b, at, e, block, input);
    }
    if (strcmp(name, "seq") == 0) {
        if (e->n_args > 0) {
            diag_error(s->diags, e->loc, "seq takes no arguments");
        }
        if (!e->body) {
            diag_error(s->diags, e->loc, "seq needs a body in braces");
            return NULL;
        }
        LabelScope labels = {.outer = b->labels};
        Body inner = {.scope = b->scope, .labels = &labels, .names = b->names};
        if (at->stmt->label) {
            inner.names = inner_names(s, b, at->stmt, at->index, name, false);
            inner.names->numbered = true;
        }
        return expand_body(s, e->body, &inner, input);
    }
    if (strcmp(name, "repeat") == 0) {
        return expand_repeat(s, b, at, e, input);
    }
    if (strcmp(name, "from") == 0) {
        Layer *l = NULL;
        if (e != at->stmt->chain) {
            Diag *d = diag_error(s->diags, e->loc, "from stands at the start of a chain");
            diag_help(s->diags, d, "begin a new statement with it");
            return NULL;
        }
        if (e->n_args != 1 || e->args[0].name || e->args[0].value->kind != EXPR_NAME || e->body) {
            Diag *d = diag_error(s->diags, e->loc, "from takes one label");
            diag_help(s->diags, d, "write from(conv3) -> ...");
            return NULL;
        }
        find_label(s, b->labels, e->args[0].value->text, e->args[0].value->loc, &l);
        return l;
    }
    const OpDef *op = op_find(name);
    if (!op || (op->traits & OP_LOSS)) {
        unknown_name(s, e);
        for (int i = 0; i < e->n_args; i++) {
            sema_eval(s, b->scope, e->args[i].value);
        }
        return NULL;
    }
    if (op->traits & OP_MERGE) {
        return expand_merge(s, b, at, e, op, input);
    }
    if (e->body) {
        unexpected_body(s, e);
        return NULL;
    }
    Layer **inputs = arena_array(s->arena, 1, sizeof *inputs);
    inputs[0] = input;
    return expand_op(s, b, at, e, op, inputs, 1, e->args, e->n_args);
}

static Layer *expand_input(Sema *s, Body *b, const Place *at, const Element *e, const OpDef *op)
{
    Net *net = s->net;
    if (!b->is_network || at->index > 0) {
        diag_error(s->diags, e->loc, "input is the first statement of a network");
        return NULL;
    }
    if (net->input) {
        Diag *d = diag_error(s->diags, e->loc, "a network has one input");
        diag_note(s->diags, d, net->input->loc, "it is here");
        return NULL;
    }
    Place here = *at;
    here.path = at->stmt->label ? at->stmt->label : "input";
    Layer *l = expand_op(s, b, &here, e, op, NULL, 0, e->args, e->n_args);
    if (l) {
        net->input = l;
    }
    return l;
}

static Layer *expand_stmt(Sema *s, Body *b, const Stmt *st, Layer *input, bool first)
{
    Layer *cur = input;
    bool poisoned = st->broken;
    static const char no_input[] = "'%s' has nothing to read: a network begins with input(...)";
    for (int i = 0; i < st->n_chain; i++) {
        const Element *e = &st->chain[i];
        /* `from` is no operator: the label names what follows it */
        int index = i > 0 && strcmp(st->chain[0].name, "from") == 0 ? i - 1 : i;
        Place at = {.stmt = st, .index = index, .chain = (int)st->loc.start};
        const OpDef *op = op_find(e->name);
        bool is_input = op && strcmp(e->name, "input") == 0;
        if (strcmp(e->name, "output") == 0 && !find_block(s, e->name)) {
            expand_output(s, b, e);
            continue;
        }
        if (is_input) {
            cur = expand_input(s, b, &at, e, op);
            poisoned |= !cur;
            continue;
        }
        if (b->is_network && first && i == 0 && !s->net->input) {
            diag_error(s->diags, e->name_loc, no_input, e->name);
            poisoned = true;
        }
        cur = expand_element(s, b, &at, e, poisoned ? NULL : cur);
        poisoned = poisoned || !cur;
        if (too_large(s)) {
            return NULL;
        }
    }
    return poisoned ? NULL : cur;
}

static void add_label(Sema *s, Body *b, const Stmt *st, Layer *l)
{
    for (Label *old = b->labels->labels; old; old = old->next) {
        if (strcmp(old->name, st->label) == 0) {
            Diag *d = diag_error(s->diags, st->label_loc, "the label '%s' is used twice here", st->label);
            diag_note(s->diags, d, old->loc, "first used here");
            return;
        }
    }
    Label *n = arena_alloc(s->arena, sizeof *n);
    n->name = st->label;
    n->loc = st->label_loc;
    n->layer = l;
    n->next = b->labels->labels;
    b->labels->labels = n;
}

static Layer *expand_body(Sema *s, const StmtList *list, Body *body, Layer *input)
{
    Layer *cur = input;
    for (int i = 0; i < list->len; i++) {
        const Stmt *st = &list->items[i];
        bool is_output = st->n_chain > 0 && strcmp(st->chain[0].name, "output") == 0;
        Layer *out = expand_stmt(s, body, st, cur, i == 0);
        if (body->is_network && s->net->n_outputs > 0 && !is_output) {
            diag_error(s->diags, st->loc, "output is the last statement of a network");
        }
        if (st->label) {
            add_label(s, body, st, out);
        }
        if (!is_output) {
            cur = out;
        }
        if (too_large(s)) {
            return NULL;
        }
    }
    return cur;
}

/* ---- the whole file ---- */

static int compare_params(const void *a, const void *b)
{
    const NetParam *p = *(NetParam *const *)a, *q = *(NetParam *const *)b;
    int order = strcmp(p->name, q->name);
    return order ? order : p->index - q->index;
}

static void check_names(Sema *s)
{
    Net *net = s->net;
    if (net->n_params == 0) {
        return;
    }
    NetParam **sorted = arena_array(s->arena, (size_t)net->n_params, sizeof *sorted);
    memcpy(sorted, net->params, (size_t)net->n_params * sizeof *sorted);
    qsort(sorted, (size_t)net->n_params, sizeof *sorted, compare_params);
    for (int i = 1; i < net->n_params; i++) {
        const NetParam *p = sorted[i - 1], *q = sorted[i];
        if (strcmp(p->name, q->name) == 0) {
            Diag *d = diag_error(s->diags, q->layer->loc, "two parameters would be called '%s'", q->name);
            diag_note(s->diags, d, p->layer->loc, "the other one is here");
            diag_help(s->diags, d, "give one of the operators a label of its own");
            sema_note_calls(s, d, q->layer->frame);
        }
    }
}

static void check_reads(Sema *s)
{
    Net *net = s->net;
    for (int i = 0; i < net->n_layers; i++) {
        const Layer *l = net->layers[i];
        if (l->reads == 0 && !l->is_output) {
            Diag *d = diag_warning(s->diags, l->loc, "nobody reads the result of %s, and it is no output", l->name);
            diag_help(s->diags, d, "remove it, read it with from(...), or name it in output(...)");
        }
    }
}

static void add_items(Sema *s, const Ast *ast, bool main_file, const Item **network);

static const char *folder_of(Arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? arena_strndup(a, path, (size_t)(slash - path) + 1) : "";
}

static void add_used_file(Sema *s, const Item *use, const char *from)
{
    const char *path = use->name[0] == '/' ? use->name
                                           : arena_printf(s->arena, "%s%s", folder_of(s->arena, from), use->name);
    for (int i = 0; i < s->diags->n_sources; i++) {
        if (strcmp(s->diags->sources[i].path, path) == 0) {
            return; /* each file once: `use` may be circular */
        }
    }
    size_t len = 0;
    char *text = file_read(path, &len);
    if (!text) {
        Diag *d = diag_error(s->diags, use->name_loc, "cannot read \"%s\"", use->name);
        diag_help(s->diags, d, "the file is looked for at %s", path);
        return;
    }
    int file = diag_add_source(s->diags, path, arena_strndup(s->arena, text, len), (uint32_t)len);
    free(text);
    const Ast *ast = ast_parse(s->arena, s->diags, file);
    const Item *network = NULL;
    add_items(s, ast, false, &network);
}

static void add_let(Sema *s, const Item *item)
{
    Binding *old = scope_find(s->globals, item->name);
    if (old) {
        if (old->from_command_line) {
            old->used = true; /* the command line wins */
            return;
        }
        Diag *d = diag_error(s->diags, item->name_loc, "the constant '%s' is defined twice", item->name);
        diag_note(s->diags, d, old->loc, "first defined here");
        return;
    }
    Binding *b = arena_alloc(s->arena, sizeof *b);
    b->name = item->name;
    b->loc = item->name_loc;
    b->expr = item->value;
    b->next = s->globals->bindings;
    s->globals->bindings = b;
}

static void add_block(Sema *s, const Item *item)
{
    const BlockDef *old = find_block(s, item->name);
    if (old) {
        Diag *d = diag_error(s->diags, item->name_loc, "the block '%s' is defined twice", item->name);
        diag_note(s->diags, d, old->item->name_loc, "first defined here");
        return;
    }
    bool taken = op_find(item->name) != NULL;
    for (int i = 0; structural_words[i]; i++) {
        taken |= strcmp(structural_words[i], item->name) == 0;
    }
    if (taken) {
        diag_error(s->diags, item->name_loc, "a block cannot be called '%s': there is an operator of that name",
                   item->name);
        return;
    }
    for (int i = 0; i < item->n_params; i++) {
        for (int k = 0; k < i; k++) {
            if (strcmp(item->params[i].name, item->params[k].name) == 0) {
                diag_error(s->diags, item->params[i].loc, "block '%s' has two parameters '%s'", item->name,
                           item->params[i].name);
            }
        }
    }
    BlockDef *b = arena_alloc(s->arena, sizeof *b);
    b->item = item;
    b->next = s->blocks;
    s->blocks = b;
}

static void add_items(Sema *s, const Ast *ast, bool main_file, const Item **network)
{
    for (int i = 0; i < ast->n_items; i++) {
        const Item *item = &ast->items[i];
        switch (item->kind) {
        case ITEM_USE: add_used_file(s, item, s->diags->sources[ast->file].path); break;
        case ITEM_LET: add_let(s, item); break;
        case ITEM_BLOCK: add_block(s, item); break;
        case ITEM_NETWORK:
            if (!main_file) {
                Diag *d = diag_error(s->diags, item->name_loc, "a file brought in by use holds a network");
                diag_help(s->diags, d, "only blocks and constants are shared: move them to a file of their own");
            } else if (*network) {
                Diag *d = diag_error(s->diags, item->name_loc, "a model file holds one network");
                diag_note(s->diags, d, (*network)->name_loc, "the first is here");
            } else {
                *network = item;
            }
            break;
        case ITEM_SECTION:
            if (!main_file) {
                diag_error(s->diags, item->name_loc, "'%s' belongs in the model file, not in one brought in by use",
                           item->name);
            }
            break;
        }
    }
}

static void add_defines(Sema *s, const Define *defines, int n)
{
    for (int i = 0; i < n; i++) {
        Binding *b = arena_alloc(s->arena, sizeof *b);
        b->name = defines[i].name;
        b->loc = loc_none();
        b->expr = defines[i].value;
        b->from_command_line = true;
        b->next = s->globals->bindings;
        s->globals->bindings = b;
    }
}

Net *sema_network(Arena *a, Diags *d, Ast *ast, const Define *defines, int n_defines)
{
    Net *net = arena_alloc(a, sizeof *net);
    Scope *globals = arena_alloc(a, sizeof *globals);
    Sema s = {.arena = a, .diags = d, .net = net, .globals = globals};
    net->arena = a;
    net->diags = d;
    const char *path = d->sources[ast->file].path, *slash = strrchr(path, '/');
    net->file = slash ? slash + 1 : path;
    add_defines(&s, defines, n_defines);
    const Item *network = NULL;
    add_items(&s, ast, true, &network);
    for (Binding *b = globals->bindings; b; b = b->next) {
        bool known = !b->from_command_line;
        for (int i = 0; i < ast->n_items; i++) {
            known |= ast->items[i].kind == ITEM_LET && strcmp(ast->items[i].name, b->name) == 0;
        }
        if (!known && !b->used) {
            Diag *e = diag_error(d, loc_none(), "-D %s: the model has no constant of that name", b->name);
            diag_help(d, e, "constants are defined by `let %s = ...`", b->name);
        }
        if (b->state == BIND_NEW) {
            b->state = BIND_BUSY;
            b->val = sema_eval(&s, globals, b->expr);
            b->state = BIND_DONE;
        }
    }
    if (!network) {
        if (d->errors == 0) {
            Diag *e = diag_error(d, (Loc){ast->file, 0, 0}, "the file holds no network");
            diag_help(d, e, "write: network name { input(28x28x1)  ... }");
        }
        return NULL;
    }
    net->name = network->name;
    net->loc = network->name_loc;
    LabelScope labels = {0};
    NameScope names = {.prefix = ""};
    Body body = {.scope = globals, .names = &names, .labels = &labels, .is_network = true};
    Layer *last = expand_body(&s, &network->body, &body, NULL);
    if (network->body.len == 0) {
        Diag *e = diag_error(d, network->name_loc, "network '%s' is empty", network->name);
        diag_help(d, e, "it begins with its input: input(28x28x1)");
    }
    if (net->n_outputs == 0 && last) {
        net->outputs = arena_array(a, 1, sizeof *net->outputs);
        net->outputs[net->n_outputs++] = last;
        last->is_output = true;
        if (last == net->input) {
            diag_error(d, net->loc, "network '%s' computes nothing: it has only an input", net->name);
        }
    }
    if (d->errors == 0) {
        check_names(&s);
        check_reads(&s);
    }
    s.in_section = true;
    sema_sections(&s, ast, globals);
    return d->errors == 0 ? net : NULL;
}
