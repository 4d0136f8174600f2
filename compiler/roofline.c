/* roofline.c - see roofline.h. */
#include "roofline.h"

#include "config.h"
#include "emit/emit.h"
#include "tuning.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- operations ---- */

/* Division and square root keep the unit busy for so many multiply-adds at least; a vector of random numbers is
 * about as long a hash. */
enum { SLOW = 8, RANDOM = 20 };

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static double count_operations(Arena *a, const char *code, size_t n);

/* Of one call: those of the function's body if it is made of others in the runtime's headers, else one. */
static double operations_of(Arena *a, const char *name)
{
    static const char *const headers[] = {"simd_math.h", "emitted.h"};
    static const struct {
        const char *name;
        int operations;
    } known[] = {{"v_set1", 0},   {"v_zero", 0},   {"v_iota", 0},    {"v_load", 0},        {"v_store", 0},
                 {"v_stream", 0}, {"v_div", SLOW}, {"v_sqrt", SLOW}, {"v_uniform", RANDOM}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, known[i].name) == 0) {
            return known[i].operations;
        }
    }
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        const char *head = strstr(embedded_text(headers[i]), arena_printf(a, "vf %s(", name));
        const char *body = head ? strstr(head, "\n{\n") : NULL, *end = body ? strstr(body, "\n}\n") : NULL;
        if (end) {
            return count_operations(a, body, (size_t)(end - body));
        }
    }
    return strncmp(name, "v_", 2) == 0;
}

/* Operations on vectors in some C over simd.h: its calls of functions v_... and nt_... */
static double count_operations(Arena *a, const char *code, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && is_word(code[end])) {
            end++;
        }
        if (end < n && code[end] == '(' && (strncmp(code + i, "v_", 2) == 0 || strncmp(code + i, "nt_", 3) == 0)) {
            sum += operations_of(a, arena_strndup(a, code + i, end - i));
        }
        i = end > i ? end : i + 1;
    }
    return sum;
}

/* Elements of a tensor, a sample, with the lanes that pad its channels. */
static double lanes_of(const Value *v)
{
    return v->kind == VALUE_TENSOR || v->kind == VALUE_INDEX
               ? (double)(v->shape.h * v->shape.w) * (double)v->layout.channels
               : 0;
}

static double largest(const Node *n)
{
    double most = 0;
    for (int k = 0; k < n->n_in; k++) {
        most = fmax(most, lanes_of(n->in[k]));
    }
    for (int k = 0; k < n->n_out; k++) {
        most = fmax(most, lanes_of(n->out[k]));
    }
    return most;
}

static void add_operations(const Roofline *r, RoofStep *s)
{
    const Group *group = s->step.group;
    const Node *anchor = group->anchor;
    const double batch = (double)r->batch;
    Arithmetic did = {.algorithm = ""};
    if (anchor && anchor->op->arithmetic) {
        did = anchor->op->arithmetic(anchor, r->target);
    } else if (anchor) {
        did.others = largest(anchor);
    }
    double tail = 0;
    for (int i = 0; i < group->n_tail; i++) {
        const char *code = group->tail[i]->op->elt->code;
        tail += batch * lanes_of(group->tail[i]->out[0]) * count_operations(r->arena, code, strlen(code));
    }
    const double kernel = batch * (did.products + did.others) + did.fixed;
    s->algorithm = did.algorithm ? did.algorithm : "";
    s->direct = batch * s->step.macs;
    s->products = batch * did.products;
    s->run = kernel + tail;
    s->needed = tail + (s->direct > 0 ? fmin(kernel, s->direct) : kernel);
}

/* ---- bytes ---- */

/* A place in memory that a step touches. Places are numbered: values of the graph, parameters, their gradients, the
 * optimizer's state, the batch as it was given. */
typedef struct Touch {
    int place;
    double bytes;
    bool read, written;
} Touch;

/* What one step touches, each place once. */
typedef struct Touches {
    Touch *items;
    int n, cap;
} Touches;

typedef struct Traffic {
    Roofline *roofline;
    const Graph *graph;
    RoofStep *steps;
    Touches *touches; /* a step */
    int n_steps;
    int *seen; /* by place: the search that saw it last */
    int search;
} Traffic;

static void touch(Traffic *t, int step, int place, double bytes, bool written)
{
    Touches *list = &t->touches[step];
    Touch *found = NULL;
    for (int i = 0; i < list->n && !found; i++) {
        found = list->items[i].place == place ? &list->items[i] : NULL;
    }
    if (!found) {
        list->items = vec_grow(t->roofline->arena, list->items, list->n, &list->cap, sizeof *list->items);
        found = &list->items[list->n++];
        *found = (Touch){.place = place};
    }
    found->bytes = fmax(found->bytes, bytes);
    found->read |= !written;
    found->written |= written;
}

static int param_place(const Traffic *t, int kind, int index)
{
    return t->graph->n_values + kind * t->graph->net->n_params + index;
}

static int batch_place(const Traffic *t)
{
    return param_place(t, 3, 0);
}

/* The optimizer's step: a parameter, and its state, a copy of it for each slot. */
static void touch_stepped(Traffic *t, int step, const NetParam *p)
{
    const int slots = t->graph->net->config->optimizer->state_slots;
    const double bytes = 4 * (double)p->elements;
    for (int written = 0; written < 2; written++) {
        touch(t, step, param_place(t, 0, p->index), bytes, written);
        if (slots > 0) {
            touch(t, step, param_place(t, 2, p->index), slots * bytes, written);
        }
    }
}

static void touch_value(Traffic *t, int step, const Value *v, bool written)
{
    const double batch = (double)t->roofline->batch;
    if (v->kind == VALUE_GRAD && v->param->at_once) {
        touch_stepped(t, step, v->param);
        return;
    }
    if (v->kind == VALUE_PARAM || v->kind == VALUE_GRAD) {
        touch(t, step, param_place(t, v->kind == VALUE_GRAD, v->param->index), 4 * (double)v->param->elements, written);
        return;
    }
    const double bytes = v->kind == VALUE_TENSOR  ? 4 * batch * lanes_of(v)
                         : v->kind == VALUE_INDEX ? batch * lanes_of(v)
                                                  : 4 * (double)v->work_elements;
    while (v->base || v->in_place_of) {
        v = v->base ? v->base : v->in_place_of;
    }
    touch(t, step, v->id, bytes, written);
}

/* Elements of a node's workspace that are written and read. */
static double work_of(const Node *n, const Target *t)
{
    return n->op->arithmetic ? n->op->arithmetic(n, t).work : (double)n->work->work_elements;
}

static void touch_group(Traffic *t, int step, const Group *group)
{
    for (int i = 0; i <= group->n_tail; i++) {
        const Node *n = i == 0 ? group->anchor : group->tail[i - 1];
        for (int k = 0; n && k < n->n_in; k++) {
            const Value *v = n->in[k];
            const bool in_registers = v->def && v->def->group == n->group && !v->base;
            if (v->param || (v->stored && !in_registers)) {
                touch_value(t, step, v, false);
            }
        }
        for (int k = 0; n && k < n->n_out; k++) {
            if (n->out[k]->param || n->out[k]->stored) {
                touch_value(t, step, n->out[k], true);
            }
        }
        const double work = n && n->work ? work_of(n, t->roofline->target) : 0;
        if (work > 0) {
            touch(t, step, n->work->id, 4 * work, true);
            touch(t, step, n->work->id, 4 * work, false);
        }
    }
}

/* The parameters of an update, their gradients, and the state. */
static void touch_update(Traffic *t, int step)
{
    const Net *net = t->graph->net;
    for (int i = 0; i < net->n_params; i++) {
        const NetParam *p = net->params[i];
        if (p->role == PARAM_STAT || p->offset < t->steps[step].step.from || p->offset >= t->steps[step].step.to) {
            continue;
        }
        touch_stepped(t, step, p);
        touch(t, step, param_place(t, 1, i), 4 * (double)p->elements, false);
    }
}

static const Touch *touch_of(const Touches *list, int place)
{
    for (int i = 0; i < list->n; i++) {
        if (list->items[i].place == place) {
            return &list->items[i];
        }
    }
    return NULL;
}

/* Bytes of other places that are touched between this step and the nearest one before (way -1) or behind (way 1)
 * that touches `place`: passes repeat, so behind the last step comes the first. */
static double touched_between(Traffic *t, int step, int place, int way)
{
    double sum = 0;
    t->search++;
    t->seen[place] = t->search;
    for (int i = 1; i < t->n_steps; i++) {
        const Touches *list = &t->touches[(step + way * i + t->n_steps) % t->n_steps];
        if (touch_of(list, place)) {
            break;
        }
        for (int k = 0; k < list->n; k++) {
            const Touch *other = &list->items[k];
            if (t->seen[other->place] != t->search) {
                t->seen[other->place] = t->search;
                sum += other->bytes;
            }
        }
    }
    return sum;
}

/* Seconds that it takes to move so many bytes, of which caches hold what `between` leaves room for; *far: those that
 * none holds. */
static double transfer(const Machine *m, double bytes, double between, double *far)
{
    double seconds = 0, held = 0;
    for (int i = 0; i < m->n_caches; i++) {
        const double holds = fmin(bytes, fmax(m->caches[i].size - between, 0));
        seconds += fmax(holds - held, 0) / m->caches[i].rate;
        held = fmax(held, holds);
    }
    *far += bytes - held;
    return seconds + (bytes - held) / m->memory;
}

static void add_bytes(Traffic *t, int step)
{
    RoofStep *s = &t->steps[step];
    const Machine *m = &t->roofline->machine;
    double moving = 0;
    for (int i = 0; i < t->touches[step].n; i++) {
        const Touch *touched = &t->touches[step].items[i];
        for (int written = 0; written < 2; written++) {
            if (written ? touched->written : touched->read) {
                const double between = touched_between(t, step, touched->place, written ? 1 : -1);
                moving += transfer(m, touched->bytes, between, &s->far);
                s->bytes += touched->bytes;
            }
        }
    }
    const double computing = 2 * s->run / m->flops;
    s->predicted = fmax(computing, moving);
    s->bound = computing >= moving ? BOUND_COMPUTE : s->far / m->memory > moving / 2 ? BOUND_MEMORY : BOUND_CACHE;
}

/* ---- all steps ---- */

static const char *direction_of(const Step *s)
{
    switch (s->phase) {
    case STEP_LOSS:
        return "loss";
    case STEP_UPDATE:
        return "update";
    case STEP_FORWARD:
    case STEP_INFERENCE:
    case STEP_BACKWARD:
    case STEP_INPUT_GRADIENT:
        break;
    }
    return direction_name(s->group ? group_direction(s->group) : FORWARD);
}

/* Works out the steps first..end-1: those of one pass. */
static void work_out(Roofline *r, const Graph *g, int first, int end)
{
    Traffic t = {.roofline = r, .graph = g, .steps = r->steps + first, .n_steps = end - first};
    t.touches = arena_array(r->arena, (size_t)t.n_steps, sizeof *t.touches);
    t.seen = arena_array(r->arena, (size_t)batch_place(&t) + 1, sizeof *t.seen);
    for (int i = 0; i < t.n_steps; i++) {
        RoofStep *s = &t.steps[i];
        if (s->step.group) {
            add_operations(r, s);
            touch_group(&t, i, s->step.group);
        } else if (s->step.phase == STEP_UPDATE) {
            const char *rule = embedded_text(arena_printf(r->arena, "kernels/%s.k.c", g->net->config->optimizer->rule));
            s->run = s->needed = (double)(s->step.to - s->step.from) * count_operations(r->arena, rule, strlen(rule));
            touch_update(&t, i);
        } else {
            s->run = s->needed = (double)r->batch * lanes_of(g->input);
            touch(&t, i, batch_place(&t), 4 * (double)r->batch * (double)shape_size(g->input->shape), false);
            touch_value(&t, i, g->input, true);
        }
    }
    for (int i = 0; i < t.n_steps; i++) {
        add_bytes(&t, i);
    }
}

Roofline roofline_make(Arena *a, Graph *train, Graph *infer, const Target *target, const Machine *m, int64_t batch,
                       int64_t threads)
{
    Roofline r = {.arena = a, .net = train->net, .target = target, .machine = *m, .batch = batch, .threads = threads};
    int n_inference = 0;
    const Step *training = steps_of_training(a, train, target, &r.n_training);
    const Step *inference = steps_of_inference(a, infer, target, &n_inference);
    r.n_steps = r.n_training + n_inference;
    r.steps = arena_array(a, (size_t)r.n_steps, sizeof *r.steps);
    for (int i = 0; i < r.n_steps; i++) {
        const Step s = i < r.n_training ? training[i] : inference[i - r.n_training];
        r.steps[i] = (RoofStep){.step = s, .direction = direction_of(&s), .algorithm = ""};
    }
    work_out(&r, train, 0, r.n_training);
    work_out(&r, infer, r.n_training, r.n_steps);
    return r;
}

double roofline_lost(const Roofline *r, const RoofStep *s)
{
    const double took = s->measured > 0 ? s->measured : s->predicted;
    return fmax(took - 2 * s->needed / r->machine.flops, 0);
}

/* ---- measured times ---- */

static bool measure_pass(Roofline *r, const Measured *m, const char *path, int first, int end)
{
    const bool training = first == 0;
    int at = measured_begin(m, training);
    r->measured[training] = at < m->n_steps;
    for (int i = first; i < end && r->measured[training]; i++, at++) {
        RoofStep *s = &r->steps[i];
        if (!measured_is(m, at, &s->step)) {
            fprintf(
                stderr,
                "netc: %s: its steps are not those of this model: it has no \"%s  %s\" in its place, or one that is "
                "computed otherwise\n"
                "  help: build the trainer anew with this netc and measure it again; -D must be the same for both\n",
                path, s->step.layer, s->step.what);
            return false;
        }
        s->measured = m->steps[at].seconds;
    }
    return true;
}

bool roofline_measure(Roofline *r, const Measured *m, const char *path)
{
    if (strcmp(m->network, r->net->name) != 0) {
        fprintf(stderr, "netc: %s holds times of the network %s, and the model is %s\n", path, m->network,
                r->net->name);
        return false;
    }
    return measure_pass(r, m, path, 0, r->n_training) && measure_pass(r, m, path, r->n_training, r->n_steps);
}
