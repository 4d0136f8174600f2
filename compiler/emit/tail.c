/* tail.c - the fused element-wise tail of a group: what happens to each vector between a kernel and memory. */
#include "emit.h"

#include "../op.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct Local {
    const Value *value;
    const char *name;
} Local;

typedef struct Tail {
    Emit *e;
    Ct *code;
    Local locals[256];
    int n_locals;
    const char *n, *h, *w, *c, *lanes;
    struct {
        const Layout *layout;
        const char *name;
    } places[GROUP_ARRAYS];
    int n_places;
} Tail;

static const Value *root_of(const Value *v)
{
    while (v->base) {
        v = v->base;
    }
    return v;
}

/* Values in one place of memory share a pointer: in place, restrict would be a lie otherwise. */
static bool same_memory(const Value *a, const Value *b)
{
    if (a == b) {
        return true;
    }
    if (a->kind != VALUE_TENSOR || b->kind != VALUE_TENSOR || !a->stored || !b->stored) {
        return false;
    }
    return a->offset == b->offset && a->base_channel == b->base_channel && root_of(a)->offset == root_of(b)->offset;
}

static const char *short_name(Arena *arena, const Value *v)
{
    if (v->param) {
        return arena_printf(arena, "%s%s", v->kind == VALUE_GRAD ? "d_" : "", v->param->suffix);
    }
    const char *last = strrchr(v->name, '_');
    return v->kind == VALUE_CHANNEL && last ? arena_printf(arena, "bn%s", last) : v->name;
}

static const char *pointer_to(Emit *e, const Value *v, bool written)
{
    for (int i = 0; i < e->n_pointers; i++) {
        Pointer *p = &e->pointers[i];
        if (same_memory(p->value, v)) {
            if (written && strncmp(p->declaration, "const ", 6) == 0) {
                p->declaration += 6;
            }
            return p->name;
        }
    }
    if (e->n_pointers == MAX_POINTERS) {
        die("internal error: a fused group reads more than %d arrays", MAX_POINTERS);
    }
    Pointer *p = &e->pointers[e->n_pointers++];
    p->value = v;
    if (v->kind == VALUE_TENSOR) {
        int same = 0;
        for (int i = 0; i + 1 < e->n_pointers; i++) {
            same += e->pointers[i].value->kind == VALUE_TENSOR && e->pointers[i].name[0] == (written ? 'r' : 'o');
        }
        const char *stem = written ? "result" : "other"; /* no kernel has locals of these names */
        p->name = same ? arena_printf(e->arena, "%s%d", stem, same + 1) : stem;
    } else {
        p->name = short_name(e->arena, v);
        for (int i = 0; i + 1 < e->n_pointers; i++) {
            if (strcmp(e->pointers[i].name, p->name) == 0) {
                p->name = arena_printf(e->arena, "%s%d", p->name, e->n_pointers);
            }
        }
    }
    p->declaration = arena_printf(e->arena, "%sreal *restrict %s", written ? "" : "const ", p->name);
    p->argument = address_of(e, v, 0);
    return p->name;
}

/* The place of the current pixel in tensors of this layout: one variable for all of them. */
static const char *place_in(Tail *t, const Value *v)
{
    const Layout *l = &v->layout;
    for (int i = 0; i < t->n_places; i++) {
        const Layout *q = t->places[i].layout;
        if (q->sample == l->sample && q->row == l->row && q->pixel == l->pixel) {
            return t->places[i].name;
        }
    }
    const char *name = t->n_places ? arena_printf(t->e->arena, "place%d", t->n_places + 1) : "place";
    const char *row = v->shape.h == 1 ? "" : arena_printf(t->e->arena, " + (size_t)(%s) * %lld", t->h, (long long)l->row);
    const char *pixel = v->shape.w == 1 ? "" : arena_printf(t->e->arena, " + (size_t)(%s) * %lld", t->w, (long long)l->pixel);
    ct_line(t->code, "const size_t %s = (size_t)(%s) * %lld%s%s + (size_t)(%s);", name, t->n, (long long)l->sample, row, pixel, t->c);
    if (t->n_places == GROUP_ARRAYS) {
        die("internal error: a fused group reads tensors of more than %d layouts", GROUP_ARRAYS);
    }
    t->places[t->n_places].layout = l;
    t->places[t->n_places++].name = name;
    return name;
}

static const char *local_of(Tail *t, const Value *v)
{
    for (int i = 0; i < t->n_locals; i++) {
        if (t->locals[i].value == v) {
            return t->locals[i].name;
        }
    }
    return NULL;
}

static void set_local(Tail *t, const Value *v, const char *name)
{
    if (t->n_locals == 256) {
        die("internal error: a fused group has more than 256 values");
    }
    t->locals[t->n_locals++] = (Local){v, name};
}

/* By lanes where stores are: a whole vector could reach over the end of the last tensor or parameter. */
static const char *load(const Tail *t, const char *from, const char *place)
{
    return t->lanes ? arena_printf(t->e->arena, "v_load_n(%s + %s, %s)", from, place, t->lanes)
                    : arena_printf(t->e->arena, "v_load(%s + %s)", from, place);
}

/* What a node of so many channels reads. */
static const char *operand(Tail *t, const Value *v, int64_t channels)
{
    const char *name = local_of(t, v);
    if (name) {
        return name;
    }
    if (v->kind == VALUE_TENSOR) {
        const char *place = place_in(t, v); /* declares it before the line that loads */
        name = load(t, pointer_to(t->e, v, false), place);
    } else if (v->shape.c == 1 && channels > 1) {
        name = arena_printf(t->e->arena, "v_set1(%s[0])", pointer_to(t->e, v, false)); /* one value for all channels */
    } else {
        name = load(t, pointer_to(t->e, v, false), t->c);
    }
    /* read once, used as often as needed */
    const char *local = arena_printf(t->e->arena, "v%d", t->n_locals);
    ct_line(t->code, "const vf %s = %s;", local, name);
    set_local(t, v, local);
    return local;
}

static const char *attr_text(Tail *t, const Node *n, const char *name, size_t len)
{
    for (const AttrDef *a = n->op->attrs; a && a->name; a++) {
        if (strlen(a->name) == len && strncmp(a->name, name, len) == 0) {
            const char *field = (const char *)n->attrs + a->offset;
            if (a->type == ATTR_REAL || a->type == ATTR_LEARNT) { /* of the latter, its value */
                double x = 0;
                memcpy(&x, field, sizeof x);
                return c_real(t->e->arena, x);
            }
            int64_t i = 0;
            memcpy(&i, field, sizeof i);
            return arena_printf(t->e->arena, "%lld", (long long)i);
        }
    }
    die("internal error: %s has no attribute for its code: %.*s", n->op->name, (int)len, name);
}

/* Fills in a row's text: $0 operands, $name attributes. */
static const char *expression(Tail *t, const Node *n)
{
    Arena *arena = t->e->arena;
    const char *operands[8] = {0};
    for (int k = 0; k < n->n_in; k++) {
        operands[k] = operand(t, n->in[k], n->out[0]->shape.c);
    }
    Shape s = n->out[0]->shape;
    Str out = {0};
    for (const char *p = n->op->elt->code; *p; p++) {
        if (*p != '$') {
            str_addc(&out, *p);
            continue;
        }
        p++;
        size_t len = 0;
        while (isalnum((unsigned char)p[len]) || p[len] == '_') {
            len++;
        }
        if (isdigit((unsigned char)*p)) {
            str_add(&out, operands[*p - '0']);
        } else if (len == 5 && strncmp(p, "plane", 5) == 0) {
            str_printf(&out, "%lld", (long long)(s.h * s.w));
        } else if (len == 5 && strncmp(p, "index", 5) == 0) {
            str_printf(&out, "((((uint64_t)(%s) * %lld + (uint64_t)(%s)) * %lld + (uint64_t)(%s)) * %lld + (uint64_t)(%s))", t->n,
                       (long long)s.h, t->h, (long long)s.w, t->w, (long long)s.c, t->c);
        } else {
            str_add(&out, attr_text(t, n, p, len));
        }
        p += len - 1;
    }
    const char *text = arena_strndup(arena, out.data, out.len);
    str_free(&out);
    return text;
}

static bool needs_store(const Value *v)
{
    return v->stored && v->kind == VALUE_TENSOR;
}

static void store(Tail *t, const Value *v)
{
    const char *place = place_in(t, v);
    const char *to = pointer_to(t->e, v, true), *local = local_of(t, v);
    if (t->lanes) {
        ct_line(t->code, "v_store_n(%s + %s, %s, %s);", to, place, local, t->lanes);
    } else {
        ct_line(t->code, "v_store(%s + %s, %s);", to, place, local);
    }
}

/* A tail at a hook of these arguments: how they count is the kernel's rule's to say. */
static void start_tail(Tail *t, Emit *e, const char *n, const char *h, const char *w, const char *c)
{
    Arena *arena = e->arena;
    e->has_tail = true;
    *t = (Tail){.e = e, .code = ct_new(arena), .n = n, .h = h, .w = w, .c = c};
    if (e->flat_channels) {
        ct_line(t->code, "const int volume_pixel = (%s) / %lld, real_channel = (%s) %% %lld;", c, (long long)e->flat_channels, c,
                (long long)e->flat_channels);
        t->h = arena_printf(arena, "volume_pixel / %lld", (long long)e->flat_w);
        t->w = arena_printf(arena, "volume_pixel %% %lld", (long long)e->flat_w);
        t->c = "real_channel";
    }
    if (e->step_h > 0) {
        t->h = e->step_h == 1 ? h : arena_printf(arena, "(%s) * %lld + %lld", h, (long long)e->step_h, (long long)e->from_h);
        t->w = e->step_w == 1 ? w : arena_printf(arena, "(%s) * %lld + %lld", w, (long long)e->step_w, (long long)e->from_w);
    }
    if (e->ragged_padded) {
        ct_line(t->code, "const int in_group = (%s) %% %lld, real_channel = (%s) / %lld * %lld + in_group;", c,
                (long long)e->ragged_padded, c, (long long)e->ragged_padded, (long long)e->ragged_real);
        t->c = "real_channel";
    }
}

static Ct *in_block(const Tail *t)
{
    Ct *block = ct_new(t->e->arena);
    ct_append(ct_block(block, "%s", ""), t->code);
    return block;
}

Ct *emit_tail(Emit *e, const char *vector, const char *n, const char *h, const char *w, const char *c)
{
    Arena *arena = e->arena;
    Tail tail, *const t = &tail;
    start_tail(t, e, n, h, w, c);
    if (e->ragged_padded) {
        ct_line(t->code, "const int lanes = %lld - in_group < VL ? %lld - in_group : VL;", (long long)e->ragged_real,
                (long long)e->ragged_real);
        t->lanes = "lanes";
    }
    const Group *g = e->group;
    if (g->anchor && g->anchor->n_out == 0) { /* a loss of what is frozen: its kernel never comes here */
        ct_line(t->code, "(void)(%s);", vector);
    } else if (g->anchor) {
        const Value *result = g->anchor->out[0];
        ct_line(t->code, "const vf v0 = %s;", vector);
        set_local(t, result, "v0");
        if (needs_store(result)) {
            store(t, result);
        } else if (g->n_tail == 0) {
            ct_line(t->code, "(void)v0;"); /* computed again for the sake of another result: where the maxima are */
        }
    }
    for (int i = 0; i < g->n_tail; i++) {
        const Node *node = g->tail[i];
        const Value *result = node->out[0];
        const char *code = expression(t, node), *local = arena_printf(arena, "v%d", t->n_locals);
        ct_line(t->code, "const vf %s = %s;", local, code);
        set_local(t, result, local);
        if (needs_store(result)) {
            store(t, result);
        }
    }
    return in_block(t);
}

/* Asks for the line of a tensor, unless it was computed here or asked for already. */
static void ask_for(Tail *t, const Value *v, bool written)
{
    if (v->kind != VALUE_TENSOR || local_of(t, v)) {
        return;
    }
    const char *place = place_in(t, v), *pointer = pointer_to(t->e, v, written);
    bool asked = false; /* for another value in the same memory */
    for (int i = 0; i < t->n_locals; i++) {
        asked |= strcmp(t->locals[i].name, pointer) == 0;
    }
    if (!asked) {
        ct_line(t->code, "nt_prefetch_far(%s, (ptrdiff_t)%s);", pointer, place);
    }
    set_local(t, v, pointer);
}

static void ask_for_result(Tail *t, const Value *v)
{
    if (needs_store(v)) {
        ask_for(t, v, true);
    } else {
        set_local(t, v, ""); /* in registers only */
    }
}

Ct *emit_tail_ahead(Emit *e, const char *n, const char *h, const char *w, const char *c)
{
    (void)emit_tail(e, "", n, h, w, c); /* the pointers, in the order that other kernels' calls have too */
    Tail tail, *const t = &tail;
    start_tail(t, e, n, h, w, c);
    const Group *g = e->group;
    if (g->anchor && g->anchor->n_out > 0) {
        ask_for_result(t, g->anchor->out[0]);
    }
    for (int i = 0; i < g->n_tail; i++) {
        const Node *node = g->tail[i];
        for (int k = 0; k < node->n_in; k++) {
            ask_for(t, node->in[k], false);
        }
        ask_for_result(t, node->out[0]);
    }
    return in_block(t);
}

static bool is_flat(const Value *v, int64_t height, int64_t width)
{
    const Layout *l = &v->layout;
    return !needs_store(v) || (l->sample == height * l->row && l->row == width * l->pixel);
}

bool emit_tail_is_flat(const Emit *e, int64_t height, int64_t width)
{
    const Group *g = e->group;
    bool flat = width > 1 && /* else places have no term for columns, see place_in */
                (e->step_h == 0 || (e->step_h == 1 && e->step_w == 1)) && !e->flat_channels;
    if (g->anchor && g->anchor->n_out > 0) {
        flat = flat && is_flat(g->anchor->out[0], height, width);
    }
    for (int i = 0; i < g->n_tail; i++) {
        for (int k = 0; k < g->tail[i]->n_in; k++) {
            flat = flat && is_flat(g->tail[i]->in[k], height, width);
        }
        flat = flat && is_flat(g->tail[i]->out[0], height, width);
    }
    return flat;
}

/* Whether node number `n` of the tail reads v from memory, and none before it. */
static bool reads_first(const Group *g, int n, const Value *v)
{
    bool first = v->kind == VALUE_TENSOR && !(g->anchor && g->anchor->n_out > 0 && g->anchor->out[0] == v);
    for (int i = 0; i < n; i++) {
        first = first && g->tail[i]->out[0] != v;
        for (int k = 0; k < g->tail[i]->n_in; k++) {
            first = first && g->tail[i]->in[k] != v;
        }
    }
    return first;
}

int emit_tail_reads(const Emit *e)
{
    const Group *g = e->group;
    int reads = 0;
    for (int i = 0; i < g->n_tail; i++) {
        for (int k = 0; k < g->tail[i]->n_in; k++) {
            reads += reads_first(g, i, g->tail[i]->in[k]);
        }
    }
    return reads;
}

static bool uses_pass(const Emit *e)
{
    for (int i = 0; e->has_tail && i < e->group->n_tail; i++) {
        if (e->group->tail[i]->op->elt->random) {
            return true;
        }
    }
    return false;
}

const char *pointer_declarations(Emit *e)
{
    const char *text = uses_pass(e) ? ", const nt_pass *pass" : "";
    for (int i = 0; i < e->n_pointers; i++) {
        text = arena_printf(e->arena, "%s, %s", text, e->pointers[i].declaration);
    }
    return text;
}

const char *pointer_names(Emit *e)
{
    const char *text = uses_pass(e) ? ", pass" : "";
    for (int i = 0; i < e->n_pointers; i++) {
        text = arena_printf(e->arena, "%s, %s", text, e->pointers[i].name);
    }
    return text;
}

const char *pointer_arguments(Emit *e)
{
    const char *text = uses_pass(e) ? ", p" : "";
    for (int i = 0; i < e->n_pointers; i++) {
        text = arena_printf(e->arena, "%s, %s", text, e->pointers[i].argument);
    }
    return text;
}

void emit_map(Emit *e)
{
    Arena *arena = e->arena;
    const Value *y = e->group->tail[e->group->n_tail - 1]->out[0];
    Shape s = y->shape;
    int64_t channels = round_up(s.c, e->target->vl);
    e->n_pointers = 0;
    e->step_h = e->ragged_padded = e->flat_channels = 0;
    Ct *body = ct_new(arena);
    const char *h = s.h > 1 ? arena_printf(arena, "row %% %lld", (long long)s.h) : "0";
    const char *sample = s.h > 1 ? arena_printf(arena, "row / %lld", (long long)s.h) : "row";
    Ct *tail = emit_tail(e, "", "i", "h", "w", "c");
    ct_directive(body, "pragma omp for schedule(static)");
    Ct *rows = s.h > 1 ? ct_block(body, "for (int row = 0; row < n * %lld; row++)", (long long)s.h)
                       : ct_block(body, "for (int row = 0; row < n; row++)");
    ct_line(rows, "const int i = %s, h = %s;", sample, h);
    if (s.h == 1) {
        ct_line(rows, "(void)h;");
    }
    Ct *pixels = ct_block(rows, "for (int w = 0; w < %lld; w++)", (long long)s.w);
    Ct *vectors = ct_block(pixels, "for (int c = 0; c < %lld; c += VL)", (long long)channels);
    ct_append(vectors, tail);
    Ct *whole = ct_new(arena);
    Ct *function = ct_function(whole, "static void @(int n%s)", pointer_declarations(e));
    ct_append(function, body);
    Str text = {0};
    ct_render(whole, 0, &text);
    const char *name = emit_function(e, arena_strndup(arena, text.data, text.len));
    str_free(&text);
    ct_line(e->calls, "%s((int)n%s);", name, pointer_arguments(e));
}
