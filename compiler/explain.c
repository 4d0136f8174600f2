/* explain.c - `netc explain`: what the compiler made of a network. A paragraph a function of the emitted code: its
 * algorithm, what was fused into it, how its results lie in memory; then what could not be fused and why, and the
 * memory plan. */
#include "budget.h"
#include "report.h"
#include "tuning.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER = 4, WIDTH = 100, BIGGEST = 8 };

typedef struct Explain {
    Arena *arena;
    Graph *g;
    const Target *target;
    int64_t batch;
    Str *out;
} Explain;

static bool is_data(const Value *v)
{
    return v->kind == VALUE_TENSOR || v->kind == VALUE_INDEX || v->kind == VALUE_CHANNEL || v->kind == VALUE_WORK;
}

static bool per_sample(const Value *v)
{
    return v->kind == VALUE_TENSOR || v->kind == VALUE_INDEX;
}

/* Has a place of its own in the plan. */
static bool is_placed(const Value *v)
{
    return is_data(v) && v->stored && !v->base && !v->in_place_of;
}

static int64_t bytes_of(const Explain *x, const Value *v)
{
    return times(4, per_sample(v) ? times(v->layout.sample, x->batch) : v->work_elements);
}

/* ---- a function of the emitted code ---- */

static const char *dims(const Explain *x, const Value *v)
{
    return v->kind == VALUE_WORK ? arena_printf(x->arena, "%lld values", (long long)v->work_elements)
                                 : shape_text(x->arena, v->shape);
}

/* "55x55x96, border 2" */
static const char *layout_of(const Explain *x, const Value *v)
{
    Arena *a = x->arena;
    const char *text = arena_printf(a, "%s %s", v->name, dims(x, v));
    if (v->kind == VALUE_INDEX) {
        text = arena_printf(a, "%s, a byte each", text);
    }
    if (v->kind == VALUE_CHANNEL) {
        return text;
    }
    const Layout *l = &v->layout;
    if (v->base) {
        return arena_printf(a, "%s, channels %lld..%lld of %s", text, (long long)v->base_channel,
                            (long long)(v->base_channel + v->shape.c - 1), v->base->name);
    }
    if (l->channels > v->shape.c) {
        text = arena_printf(a, "%s, padded to %lld channels", text, (long long)l->channels);
    }
    if (l->top || l->left || l->bottom || l->right) {
        bool even = l->top == l->left && l->top == l->bottom && l->top == l->right;
        text = even ? arena_printf(a, "%s, border %d", text, l->top)
                    : arena_printf(a, "%s, border %d above %d left %d below %d right", text, l->top, l->left, l->bottom,
                                   l->right);
    }
    return v->in_place_of ? arena_printf(a, "%s, in place of %s", text, v->in_place_of->name) : text;
}

enum { TIE = '\1' }; /* a space where no line ends */

static const char *tied_bytes(const Explain *x, int64_t bytes)
{
    char *text = arena_strdup(x->arena, bytes_text(x->arena, bytes));
    text[strcspn(text, " ")] = TIE;
    return text;
}

/* A line under a function, wrapped between words. */
static void add_line(const Explain *x, const char *label, const char *text)
{
    int indent = NUMBER + 11, at = indent;
    str_printf(x->out, "%*s%-7s", NUMBER + 4, "", label);
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (at > indent && at + 1 + n > WIDTH) {
            str_printf(x->out, "\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            str_addc(x->out, ' ');
            at++;
        }
        for (int i = 0; i < n; i++) {
            str_addc(x->out, text[i] == TIE ? ' ' : text[i]);
        }
        at += n;
        text += n + (text[n] == ' ');
    }
    str_addc(x->out, '\n');
}

/* The other tensors that an element-wise operator reads besides what the function has in registers. */
static const char *operand_text(const Explain *x, const Node *n)
{
    const char *text = n->op->name;
    for (int k = 0; k < n->n_in; k++) {
        const Value *v = n->in[k];
        if (v->kind == VALUE_TENSOR && (!v->def || v->def->group != n->group || v->base)) {
            text = arena_printf(x->arena, "%s %s", text, v->name);
        }
    }
    return text;
}

static void add_by(const Explain *x, const Group *group)
{
    const Node *n = group->anchor;
    if (!n) {
        add_line(x, "by", "a loop over the elements");
        return;
    }
    const char *constants = n->op->describe ? n->op->describe(x->arena, n, x->target) : NULL;
    if (n->op->choice && n->op->choice(n)->tuned) {
        constants = arena_printf(x->arena, "%s (tuned)", constants);
    }
    add_line(x, "by", constants ? arena_printf(x->arena, "%s: %s", n->op->algorithm, constants) : n->op->algorithm);
}

static void add_fused(const Explain *x, const Group *group)
{
    const char *text = "";
    for (int i = 0; i < group->n_tail; i++) {
        text = arena_printf(x->arena, "%s%s%s", text, i ? ", " : "", operand_text(x, group->tail[i]));
    }
    if (group->n_tail > 0) {
        add_line(x, group->anchor ? "fused" : "does", text);
    }
}

static void add_results(const Explain *x, const Group *group)
{
    const char *text = "";
    for (int i = -1; i < group->n_tail; i++) {
        const Node *n = i < 0 ? group->anchor : group->tail[i];
        for (int k = 0; n && k < n->n_out; k++) {
            const Value *v = n->out[k];
            const char *between = *text ? "; " : "";
            if (v->kind == VALUE_GRAD) {
                text = arena_printf(x->arena, "%s%sgradient of %s", text, between, v->param->name);
            } else if (v->stored && is_data(v)) {
                text = arena_printf(x->arena, "%s%s%s", text, between, layout_of(x, v));
            }
        }
    }
    if (group->anchor && group->anchor->work) {
        text = arena_printf(x->arena, "%s; workspace of %s", text,
                            tied_bytes(x, 4 * group->anchor->work->work_elements));
    }
    add_line(x, "writes", *text ? text : "nothing but its side effect");
}

static void add_group(const Explain *x, const Group *group)
{
    const Node *first = group->anchor ? group->anchor : group->tail[0];
    const Node *last = group->n_tail > 0 ? group->tail[group->n_tail - 1] : first;
    const char *shapes = "";
    if (first->n_in > 0 && per_sample(first->in[0])) {
        shapes = dims(x, first->in[0]);
        if (last->n_out > 0 && per_sample(last->out[0])) {
            shapes = arena_printf(x->arena, "%s -> %s", shapes, dims(x, last->out[0]));
        }
    }
    str_printf(x->out, "%*d  %s%s: %s  %s\n", NUMBER, group->step + 1,
               first->layer ? first->layer->name : x->g->net->name, first->again_of ? ", again" : "",
               group->anchor ? first->op->name : "element-wise", shapes);
    add_by(x, group);
    add_fused(x, group);
    add_results(x, group);
}

/* ---- passes over memory ---- */

static int64_t whole(double x)
{
    return x < 9e18 ? (int64_t)x : INT64_MAX;
}

static void add_passes(const Explain *x)
{
    Graph *g = x->g;
    int operators = 0;
    double fused = 0, apart = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        Node *n = g->nodes[i];
        if (!n->dead) {
            operators++;
            apart += (double)x->batch * node_traffic(n);
        }
    }
    for (int i = 0; i < g->n_groups; i++) {
        const Group *group = g->groups[i];
        fused += (double)x->batch * group_traffic(group);
    }
    str_printf(x->out, "%d operators in %d passes over memory; they move %s of activations", operators, g->n_groups,
               bytes_text(x->arena, whole(fused)));
    str_printf(x->out, " (one by one %s)\n", bytes_text(x->arena, whole(apart)));
}

/* Whether an operator stands alone like an earlier one, in whose line it is listed. */
static bool is_like(const Node *n, const Node *first)
{
    return !n->dead && n->why_alone && n->op == first->op && strcmp(n->why_alone, first->why_alone) == 0;
}

static void add_alone(const Explain *x)
{
    const Graph *g = x->g;
    bool any = false;
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *first = g->nodes[i];
        bool listed = first->dead || !first->why_alone;
        for (int k = 0; k < i && !listed; k++) {
            listed = is_like(g->nodes[k], first);
        }
        if (listed) {
            continue;
        }
        if (!any) {
            str_add(x->out, "\nelement-wise operators left alone\n");
        }
        any = true;
        str_printf(x->out, "%*s%s: %s\n", NUMBER + 2, "", first->op->name, first->why_alone);
        Str steps = {0};
        for (int k = i; k < g->n_nodes; k++) {
            if (is_like(g->nodes[k], first)) {
                str_printf(&steps, "%s%d", steps.len ? " " : "", g->nodes[k]->group + 1);
            }
        }
        add_line(x, "steps", steps.data);
        str_free(&steps);
    }
    if (!any) {
        str_add(x->out, "\nno element-wise operator is left alone\n");
    }
}

/* ---- memory ---- */

typedef struct Place {
    const Value *v;
    int64_t bytes;
} Place;

static int by_size(const void *a, const void *b)
{
    const Place *p = a, *q = b;
    return p->bytes != q->bytes ? (p->bytes > q->bytes ? -1 : 1) : p->v->id - q->v->id;
}

static void add_peak(const Explain *x, Place *places, int n)
{
    const Graph *g = x->g;
    int64_t *alive = arena_array(x->arena, (size_t)g->n_groups, sizeof *alive);
    int peak = 0;
    for (int i = 0; i < n; i++) {
        for (int s = places[i].v->first; s <= places[i].v->last && s < g->n_groups; s++) {
            alive[s] = plus(alive[s], places[i].bytes);
        }
    }
    for (int s = 0; s < g->n_groups; s++) {
        peak = alive[s] > alive[peak] ? s : peak;
    }
    const Group *at = g->groups[peak];
    const Node *node = at->anchor ? at->anchor : at->tail[0];
    str_printf(x->out, "most is alive at step %d (%s: %s): %s, the largest of it\n", peak + 1,
               node->layer ? node->layer->name : "", node->op->name, bytes_text(x->arena, alive[peak]));
    qsort(places, (size_t)n, sizeof *places, by_size);
    for (int i = 0, shown = 0; i < n && shown < BIGGEST; i++) {
        const Value *v = places[i].v;
        if (v->first <= peak && peak <= v->last) {
            str_printf(x->out, "%*s%-30s %-16s %10s  steps %d..%d\n", NUMBER + 2, "", v->name, dims(x, v),
                       bytes_text(x->arena, places[i].bytes), v->first + 1,
                       v->last < g->n_groups ? v->last + 1 : g->n_groups);
            shown++;
        }
    }
}

static void add_memory(const Explain *x)
{
    const Graph *g = x->g;
    Place *places = arena_array(x->arena, (size_t)g->n_values + 1, sizeof *places);
    int n = 0;
    for (int i = 0; i < g->n_values; i++) {
        if (is_placed(g->values[i])) {
            places[n++] = (Place){g->values[i], bytes_of(x, g->values[i])};
        }
    }
    int64_t sample = times(4, times(g->sample_elements, x->batch)), fixed = times(4, g->fixed_elements);
    int64_t unplanned = times(4, plus(times(g->unplanned_sample, x->batch), g->unplanned_fixed));
    str_printf(x->out, "\nmemory: %s = activations %s + workspace %s; %s without reuse\n",
               bytes_text(x->arena, plus(sample, fixed)), bytes_text(x->arena, sample), bytes_text(x->arena, fixed),
               bytes_text(x->arena, unplanned));
    if (g->n_groups > 0) {
        add_peak(x, places, n);
    }
}

/* Results that are computed again rather than kept, where they were made and where they are made again. Bytes are what the forward pass
 * would have had to keep. */
static void add_again(const Explain *x, const char *sentence)
{
    const Graph *g = x->g;
    str_printf(x->out, "\n%s\n", sentence);
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i], *made = n->again_of;
        for (int k = 0; made && !n->dead && k < n->n_out; k++) {
            const Value *v = made->out[k];
            if (per_sample(v) && v->stored) {
                str_printf(x->out, "%*s%-30s %-16s %10s  steps %d and %d\n", NUMBER + 2, "", v->name, dims(x, v),
                           bytes_text(x->arena, bytes_of(x, v)), made->group + 1, n->group + 1);
            }
        }
    }
}

static void explain_graph(Explain *x, Graph *g, const char *title)
{
    x->g = g;
    str_printf(x->out, "%s\n", title);
    add_passes(x);
    for (int i = 0; i < g->n_groups; i++) {
        const Group *group = g->groups[i];
        if (i == 0) {
            str_add(x->out, "\nforward\n");
        } else if (i == g->forward_groups) {
            str_add(x->out, "\nlosses and backward\n");
        }
        add_group(x, group);
    }
    add_alone(x);
    add_memory(x);
}

/* ---- what is frozen ---- */

/* "conv1, bn1, \"layer?.*\"", as the model has it. */
static const char *listed_names(const Explain *x, const Names *names)
{
    const char *text = "";
    for (int i = 0; i < names->n; i++) {
        text = arena_printf(x->arena, "%s%s%s", text, i ? ", " : "", names->items[i]);
    }
    return text;
}

/* Frozen batchnorms, and those of them that are part of another function. */
static int count_frozen_batchnorms(const Graph *g, int *fused)
{
    int n = 0;
    *fused = 0;
    for (int i = 0; i < g->net->n_layers; i++) {
        const Layer *l = g->net->layers[i];
        bool statistics = false;
        for (int k = 0; k < l->n_params; k++) {
            statistics |= l->params[k]->role == PARAM_STAT && l->params[k]->frozen;
        }
        n += statistics;
        for (int k = 0; statistics && k < g->n_nodes; k++) {
            const Node *node = g->nodes[k];
            if (!node->dead && node->layer == l && node->op->elt && node->phase == PHASE_FORWARD) {
                const Group *group = g->groups[node->group];
                *fused += group->anchor || group->tail[0] != node;
            }
        }
    }
    return n;
}

/* What freezing left out of the training step, beside what there would be without. */
static void add_frozen(const Explain *x, Compilation *c)
{
    Arena *a = x->arena;
    const Config *config = c->net->config;
    const int64_t frozen = report_frozen(c->net);
    if (frozen == 0) {
        return;
    }
    int64_t all = 0;
    const NetParam *lowest = NULL;
    for (int i = 0; i < c->net->n_params; i++) {
        const NetParam *p = c->net->params[i];
        all += p->role == PARAM_STAT ? 0 : p->out * p->in * p->kh * p->kw;
        lowest = !lowest && param_is_trained(p) ? p : lowest;
    }
    str_printf(x->out, "FROZEN: %s%s; %s of %s parameters\n", config->trainable_given ? "all but " : "",
               listed_names(x, config->trainable_given ? &config->trainable : &config->freeze), grouped(a, frozen),
               grouped(a, all));
    const Memory now = report_training(c, c->train, c->infer, x->batch);
    const Backward back = report_backward(c->train);
    int fused = 0;
    const int batchnorms = count_frozen_batchnorms(c->train, &fused);
    const Thawed thawed = report_thawed(c, x->batch);
    add_line(x, "back",
             arena_printf(a,
                          "the backward pass ends at %s: %d operator%s in %d function%s; with nothing frozen %d in %d",
                          lowest->layer->name, back.operators, back.operators == 1 ? "" : "s", back.functions,
                          back.functions == 1 ? "" : "s", thawed.backward.operators, thawed.backward.functions));
    if (!c->train->input_gradient) {
        add_line(x, "", "the gradient of the input, which `gradient` gives, is left out: it alone would go on");
    }
    if (batchnorms > 0) {
        add_line(
            x, "norm",
            arena_printf(
                a,
                "%d batchnorm%s with running statistics, which stay: a scale and a shift, %d of them in the function "
                "of what comes before",
                batchnorms, batchnorms == 1 ? "" : "s", fused));
    }
    add_line(x, "memory",
             arena_printf(a,
                          "training takes %s; with nothing frozen %s: gradients %s and %s, optimizer %s and %s, "
                          "activations %s and %s",
                          tied_bytes(x, now.training), tied_bytes(x, thawed.memory.training),
                          tied_bytes(x, now.gradients), tied_bytes(x, thawed.memory.gradients),
                          tied_bytes(x, now.optimizer), tied_bytes(x, thawed.memory.optimizer),
                          tied_bytes(x, now.activations), tied_bytes(x, thawed.memory.activations)));
    str_addc(x->out, '\n');
}

int command_explain(const Options *o)
{
    if (o->roofline) {
        return explain_roofline(o);
    }
    if (o->format || o->machine || o->measured || o->threads) {
        fprintf(stderr, "netc: explain takes --format, --machine, --measured and --threads with --roofline only\n");
        return 2;
    }
    Compilation c = {0};
    if (!compile_front(&c, o) || !compile_as_built(&c)) {
        compilation_free(&c);
        return 1;
    }
    Str out = {0};
    Explain x = {
        .arena = &c.arena, .target = c.target, .batch = o->batch ? o->batch : c.net->config->batch, .out = &out};
    str_printf(&out, "%s for %s, batch %lld\n", c.net->name, c.target->name, (long long)x.batch);
    if (c.net->tuning) {
        str_printf(&out, "choices marked \"tuned\" are measured ones, of %s\n", c.net->tuning->path);
    }
    str_addc(&out, '\n');
    add_frozen(&x, &c);
    explain_graph(&x, c.train, "A TRAINING STEP");
    if (c.plan) {
        add_again(&x, budget_sentence(&c.arena, &c));
    }
    str_addc(&out, '\n');
    explain_graph(&x, c.infer, "INFERENCE");
    bool ok = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    if (!ok) {
        fprintf(stderr, "netc: cannot write the explanation: %s\n", strerror(errno));
    }
    str_free(&out);
    compilation_free(&c);
    return ok ? 0 : 3;
}
