/* model.c - the skeleton of an emitted trainer: memory map, functions, passes, the description that the runtime reads. */
#include "emit.h"

#include "../config.h"
#include "../op.h"
#include "../steps.h"

#include <stdlib.h>
#include <string.h>

typedef struct NamedParam {
    const char *name;
    int index;
} NamedParam;

static int by_name(const void *x, const void *y)
{
    const NamedParam *a = x, *b = y;
    const int order = strcmp(a->name, b->name);
    return order != 0 ? order : a->index - b->index;
}

/* P_ and the name in capitals; where a_b.weight and a.b.weight come to the same, the second one begins with P2_. */
static const char **name_params(Arena *a, const Net *net)
{
    NamedParam *sorted = arena_array(a, (size_t)net->n_params + 1, sizeof *sorted);
    const char **names = arena_array(a, (size_t)net->n_params + 1, sizeof *names);
    for (int i = 0; i < net->n_params; i++) {
        sorted[i] = (NamedParam){c_upper(a, net->params[i]->name), i};
    }
    qsort(sorted, (size_t)net->n_params, sizeof *sorted, by_name);
    for (int i = 0, same = 1; i < net->n_params; i++) {
        same = i > 0 && strcmp(sorted[i].name, sorted[i - 1].name) == 0 ? same + 1 : 1;
        names[sorted[i].index] = same == 1 ? arena_printf(a, "P_%s", sorted[i].name) : arena_printf(a, "P%d_%s", same, sorted[i].name);
    }
    return names;
}

Emit emit_start(Arena *a, Net *net, const Target *t)
{
    return (Emit){.arena = a, .net = net, .target = t, .params = net->params, .n_params = net->n_params, .param_names = name_params(a, net)};
}

/* ---- addresses ---- */

static const Value *root_of(const Value *v)
{
    while (v->base) {
        v = v->base;
    }
    return v;
}

const char *offset_name(Emit *e, const Value *v)
{
    if (v->param) {
        return e->param_names[v->param->index];
    }
    return arena_printf(e->arena, "%s%d_%s", e->space, v->id, c_upper(e->arena, v->name));
}

/* Distance of the first interior element from the tensor's start. */
static int64_t interior(const Value *v)
{
    return v->layout.top * v->layout.row + v->layout.left * v->layout.pixel + (v->base ? v->base_channel : 0);
}

const char *address_of(Emit *e, const Value *v, int64_t delta)
{
    const char *name = offset_name(e, root_of(v));
    switch (v->kind) {
    case VALUE_PARAM:
        return arena_printf(e->arena, "w + %s", name);
    case VALUE_GRAD:
        return arena_printf(e->arena, "d + %s", name);
    case VALUE_CHANNEL:
    case VALUE_WORK:
        return delta ? arena_printf(e->arena, "f + %s + %lld", name, (long long)delta) : arena_printf(e->arena, "f + %s", name);
    case VALUE_INDEX:
        return arena_printf(e->arena, "(uint8_t *)(a + n * %s)", name);
    case VALUE_TENSOR:
        break;
    }
    int64_t inside = interior(v) + delta;
    if (inside == 0) {
        return arena_printf(e->arena, "a + n * %s", name);
    }
    return arena_printf(e->arena, "a + n * %s %c %lld", name, inside < 0 ? '-' : '+', (long long)llabs(inside));
}

/* ---- comments ---- */

static const char *count_text(Arena *a, double x)
{
    if (x >= 1e9) {
        return arena_printf(a, "%.1f G", x / 1e9);
    }
    if (x >= 1e5) {
        return arena_printf(a, "%.1f M", x / 1e6);
    }
    return arena_printf(a, "%.1f k", x / 1e3);
}

const char *group_comment(Emit *e, const Group *g)
{
    Arena *a = e->arena;
    const Node *first = g->anchor ? g->anchor : g->tail[0];
    const Layer *l = first->layer;
    const char *text = arena_printf(a, "%s%s: %s", l ? l->name : e->net->name, first->again_of ? " again" : "", first->op->name);
    for (int i = g->anchor ? 0 : 1; i < g->n_tail; i++) {
        text = arena_printf(a, "%s + %s", text, g->tail[i]->op->name);
    }
    const Node *last = g->n_tail ? g->tail[g->n_tail - 1] : first;
    if (first->n_in > 0 && last->n_out > 0 && last->out[0]->kind == VALUE_TENSOR) {
        text = arena_printf(a, "%s   %s -> %s", text, shape_text(a, first->in[0]->shape), shape_text(a, last->out[0]->shape));
    }
    if (g->anchor && l && l->macs > 0 && first->n_in == 2) {
        text = arena_printf(a, "%s   %sMAC", text, count_text(a, (double)l->macs));
    }
    if (l) {
        int line = 0, column = 0;
        diag_position(e->net->diags, l->loc, &line, &column);
        const char *path = e->net->diags->sources[l->loc.file].path, *slash = strrchr(path, '/');
        text = arena_printf(a, "%s   %s:%d", text, slash ? slash + 1 : path, line);
    }
    return text;
}

/* ---- passes ---- */

void clear_border(Emit *e, const Value *v)
{
    const Layout *l = &v->layout;
    if (l->top || l->left || l->bottom || l->right) {
        ct_line(e->calls, "nt_clear_border((int)n, %s, %lld, %lld, %lld, %lld, %lld, %d, %d, %d, %d);", address_of(e, v, 0),
                (long long)l->sample, (long long)l->row, (long long)l->pixel, (long long)v->shape.h, (long long)v->shape.w, l->top,
                l->left, l->bottom, l->right);
    }
}

/* Borders and untouched padding must be zero before a group writes the inside of a tensor for the first time. */
static void clear_before(Emit *e, int step)
{
    for (int i = e->begun_at[step]; i < e->begun_at[step + 1]; i++) {
        clear_border(e, e->begun[i]);
    }
}

/* Whether some step is the first to write this tensor, and its border with it. */
static bool begins(const Graph *g, const Value *v)
{
    return v->kind == VALUE_TENSOR && v->stored && !v->base && !v->in_place_of && v != g->input && v->first >= 0 &&
           v->first < g->n_groups;
}

/* Fills begun and begun_at: a search of all tensors at every step would be what deep networks wait for. */
static void sort_by_first_step(Emit *e)
{
    const Graph *g = e->graph;
    e->begun = arena_array(e->arena, (size_t)g->n_values + 1, sizeof *e->begun);
    e->begun_at = arena_array(e->arena, (size_t)g->n_groups + 2, sizeof *e->begun_at);
    for (int i = 0; i < g->n_values; i++) {
        if (begins(g, g->values[i])) {
            e->begun_at[g->values[i]->first + 2]++;
        }
    }
    for (int s = 2; s <= g->n_groups + 1; s++) {
        e->begun_at[s] += e->begun_at[s - 1];
    }
    for (int i = 0; i < g->n_values; i++) {
        if (begins(g, g->values[i])) {
            e->begun[e->begun_at[g->values[i]->first + 1]++] = g->values[i];
        }
    }
}

void emit_graph(Emit *e, Graph *g, const char *space)
{
    e->graph = g;
    e->space = space;
    sort_by_first_step(e);
}

static void cost_number(Emit *e, const char *name, double x)
{
    if (x != 0) {
        ct_line(e->costs, " .%s = %s,", name, c_real(e->arena, x));
    }
}

/* Adds a step, which ends behind the calls so far, to the table, and its lap to the calls. */
static void end_step(Emit *e, Step s)
{
    static const char *const phases[] = {
        [STEP_FORWARD] = "NT_FORWARD", [STEP_LOSS] = "NT_LOSS", [STEP_BACKWARD] = "NT_BACKWARD",
        [STEP_INPUT_GRADIENT] = "NT_INPUT_GRADIENT", [STEP_UPDATE] = "NT_UPDATE", [STEP_INFERENCE] = "NT_INFERENCE",
    };
    if (!e->costs) {
        return;
    }
    Arena *a = e->arena;
    ct_line(e->calls, "nt_lap(p, %d);", e->n_costs++);
    ct_line(e->costs, "{.phase = %s, .layer = %s, .what = %s, .shape = %s,", phases[s.phase], c_string(a, s.layer), c_string(a, s.what),
            c_string(a, s.shape));
    ct_line(e->costs, " .how = %s,", c_string(a, s.how));
    cost_number(e, "macs", s.macs);
    cost_number(e, "bytes_sample", s.bytes_sample);
    cost_number(e, "bytes_fixed", s.bytes_fixed);
    ct_line(e->costs, "},");
}

static void emit_group(Emit *e, Group *group)
{
    e->group = group;
    e->part = 0;
    e->comment = group_comment(e, group);
    clear_before(e, group->step);
    if (group->anchor) {
        group->anchor->op->emit(e, group->anchor);
    } else {
        emit_map(e);
    }
}

static void emit_load_input(Emit *e)
{
    Value *x = e->graph->input;
    const Layout *l = &x->layout;
    e->group = NULL;
    e->part = 0;
    e->comment = arena_printf(e->arena, "input: %s, dense, into the input tensor", shape_text(e->arena, x->shape));
    clear_border(e, x);
    emit_kernel(e, "load_input");
    emit_int(e, "H", x->shape.h);
    emit_int(e, "W", x->shape.w);
    emit_int(e, "C", x->shape.c);
    emit_int(e, "P", l->pixel);
    emit_int(e, "X_S", l->sample);
    emit_int(e, "X_R", l->row);
    emit_arg_text(e, "p->input");
    emit_arg(e, x, 0);
    emit_end(e);
    end_step(e, step_load(e->arena, e->graph));
}

/* The calls of groups from..to-1: those that `skip` does not name, or, inverted, those that it does. NULL names none. */
Ct *pass_body(Emit *e, int from, int to, const bool *skip, bool invert)
{
    Ct *calls = ct_new(e->arena);
    e->calls = calls;
    for (int i = from; i < to; i++) {
        if ((skip && skip[i]) == invert) {
            emit_group(e, e->graph->groups[i]);
            end_step(e, step_of_group(e->arena, e->graph, e->graph->groups[i], e->target, invert));
            e->graph->groups[i]->lap = e->n_costs - 1;
        }
    }
    return calls;
}

/* What the calls of a pass are made of; unused ones are (void)ed rather than worked out. */
static void pass_pointers(const Emit *e, Ct *at, bool grads)
{
    ct_line(at, "const size_t n = (size_t)p->n;");
    ct_line(at, "real *const a = p->arena, *const w = p->params;");
    if (grads) {
        ct_line(at, "real *const d = p->grads;");
        ct_line(at, "(void)d;");
    }
    ct_line(at, "real *const f = a + n * %s_SAMPLE;", e->space);
    ct_line(at, "(void)f;");
    ct_line(at, "(void)w;");
}

static void emit_pass(Emit *e, Ct *out, const char *head, const char *comment, Ct *body, bool grads)
{
    if (ct_is_empty(body)) {
        Ct *f = ct_function(out, "%s", head);
        ct_line(f, "(void)p;");
        ct_blank(out);
        return;
    }
    ct_comment(out, "%s", comment);
    Ct *f = ct_function(out, "%s", head);
    pass_pointers(e, f, grads);
    ct_blank(f);
    ct_append(f, body);
    ct_blank(out);
}

/* ---- the memory map ---- */

static int by_offset(const void *x, const void *y)
{
    const Value *a = *(const Value *const *)x, *b = *(const Value *const *)y;
    if (a->offset != b->offset) {
        return a->offset < b->offset ? -1 : 1;
    }
    return a->first != b->first ? a->first - b->first : a->id - b->id;
}

void memory_map(Emit *e, Ct *out, const char *what)
{
    Graph *g = e->graph;
    const Value **items = arena_array(e->arena, (size_t)g->n_values + 1, sizeof *items);
    for (int area = 0; area < 2; area++) {
        int n = 0;
        for (int i = 0; i < g->n_values; i++) {
            const Value *v = g->values[i];
            bool scales = v->kind == VALUE_TENSOR || v->kind == VALUE_INDEX;
            bool planned = scales || v->kind == VALUE_CHANNEL || v->kind == VALUE_WORK;
            if (planned && v->stored && !v->base && scales == (area == 0)) {
                items[n++] = v;
            }
        }
        qsort(items, (size_t)n, sizeof *items, by_offset);
        ct_comment(out, area == 0 ? "Memory map of %s: offsets in elements, times the batch. What shares a place is never alive at the "
                                    "same step; steps are the groups in order of execution."
                                  : "Vectors and workspaces of %s that do not grow with the batch: offsets behind the samples.",
                   what);
        Ct *table = ct_table(out, "enum");
        for (int i = 0; i < n; i++) {
            const Value *v = items[i];
            const char *shape = v->kind == VALUE_WORK ? arena_printf(e->arena, "%lld values", (long long)v->work_elements)
                                                      : shape_text(e->arena, v->shape);
            ct_line(table, "%s = %lld, /* %s, steps %d..%d%s */", offset_name(e, v), (long long)v->offset, shape, v->first,
                    v->last > g->n_groups - 1 ? g->n_groups - 1 : v->last, v->in_place_of ? ", in place" : "");
        }
        ct_line(table, "%s_%s = %lld", e->space, area == 0 ? "SAMPLE" : "FIXED",
                (long long)(area == 0 ? g->sample_elements : g->fixed_elements));
        ct_blank(out);
    }
}

void parameter_map(Emit *e, Ct *out, bool training)
{
    ct_comment(out, training ? "Parameters, packed: offsets in elements. What is trained comes first, ranges of one rate and decay each in one piece; then what "
                               "is frozen, then statistics."
                             : "Parameters, packed: offsets in elements.");
    Ct *table = ct_table(out, "enum");
    int64_t end = 0;
    for (int i = 0; i < e->n_params; i++) {
        const NetParam *p = e->params[i];
        ct_line(table, "%s = %lld,", e->param_names[p->index], (long long)p->offset);
        end = p->offset + p->elements > end ? p->offset + p->elements : end;
    }
    if (training) {
        ct_line(table, "P_TRAINABLE = %lld,", (long long)net_trained_elements(e->net));
    }
    ct_line(table, "P_ALL = %lld", (long long)end);
    ct_blank(out);
}

/* ---- the optimizer's step ---- */

void emit_optimizer(Emit *e, const char *file)
{
    const Config *c = e->net->config;
    const OptimizerDef *o = c->optimizer;
    emit_kernel(e, o->rule);
    emit_kernel_rest(e, "step");
    emit_kernel_rest(e, file);
    for (const AttrDef *a = o->attrs; a->name; a++) {
        if (a->type == ATTR_REAL) {
            emit_real(e, c_upper(e->arena, a->name), *(const double *)((const char *)&c->opt + a->offset));
        }
    }
    emit_int(e, "SLOT", net_trained_elements(e->net));
    emit_int(e, "STATES", o->state_slots);
    emit_int(e, "NESTEROV", o->nesterov);
    emit_int(e, "WITH_MOMENTUM", o->with_momentum);
    emit_int(e, "COUPLED", !o->decoupled);
    const ClipKind clip = (ClipKind)c->clip.form->kind;
    const ClipArgs *limits = c->clip.args;
    emit_int(e, "NOISE", c->gradient_noise.form->kind != NOISE_NONE);
    emit_real(e, "CLIP_VALUE", clip == CLIP_VALUE ? limits->limit : 0);
    emit_real(e, "CLIP_SIGN", clip == CLIP_SIGN ? limits->size : 0);
}

void emit_step_args(Emit *e, const NetParam *p)
{
    const Config *c = e->net->config;
    const GroupArgs *group = p->group > 0 ? c->groups[p->group - 1].args : &(GroupArgs){.lr_scale = 1, .decay_scale = 1};
    const double decay = p->decays ? group->decay_scale : 0;
    emit_arg_text(e, c_real(e->arena, group->lr_scale));
    emit_arg_text(e, c_real(e->arena, decay * c->opt.weight_decay));
    emit_arg_text(e, c_real(e->arena, decay * c->opt.l1));
}

const char *emit_squares(Emit *e, int64_t n)
{
    const int64_t first = e->n_squares;
    e->n_squares += n;
    return arena_printf(e->arena, "p->squares ? p->squares + %lld : NULL", (long long)first);
}

/* One call of the optimizer's kernel, over elements from..to-1 of the parameters, which are stepped like p. */
static void emit_step(Emit *e, const NetParam *p, int64_t from, int64_t to)
{
    e->comment = arena_printf(e->arena, "%s: one step over a range of the parameters", e->net->config->optimizer->name);
    emit_optimizer(e, "optimizer");
    emit_arg_text(e, "p");
    emit_arg_text(e, arena_printf(e->arena, "%lld", (long long)from));
    emit_arg_text(e, arena_printf(e->arena, "%lld", (long long)to));
    emit_step_args(e, p);
    emit_end(e);
}

static Ct *update_body(Emit *e)
{
    Ct *calls = ct_new(e->arena);
    e->calls = calls;
    e->group = NULL;
    e->part = 0;
    for (int i = 0; i < step_update_ranges(e->net); i++) {
        const Step step = step_update(e->arena, e->net, i);
        if (step.to > step.from) {
            emit_step(e, step.first, step.from, step.to);
            end_step(e, step);
        }
    }
    if (net_gradient_elements(e->net) < net_trained_elements(e->net)) {
        emit_if(e, "p->gradients == NT_GRADIENTS_KEPT"); /* of commands that look at them */
        for (int i = 0; i < e->net->n_params; i++) {
            const NetParam *p = e->net->params[i];
            if (p->at_once) {
                emit_step(e, p, p->offset, p->offset + p->elements);
            }
        }
        emit_endif(e);
    }
    return calls;
}

/* ---- descriptions ---- */

const char *c_string(Arena *a, const char *s)
{
    Str out = {0};
    str_addc(&out, '"');
    for (; *s; s++) {
        unsigned char ch = (unsigned char)*s;
        if (ch == '"' || ch == '\\') {
            str_printf(&out, "\\%c", ch);
        } else if (ch < 32 || ch > 126 || ch == '?' || ch == '@' || ch == '^') {
            str_printf(&out, "\\%03o", ch);
        } else {
            str_addc(&out, (char)ch);
        }
    }
    str_addc(&out, '"');
    const char *text = arena_strndup(a, out.data, out.len);
    str_free(&out);
    return text;
}

static void describe_params(Emit *e, Ct *out)
{
    static const char *const roles[] = {[PARAM_WEIGHT] = "NT_WEIGHT", [PARAM_BIAS] = "NT_BIAS", [PARAM_STAT] = "NT_STAT"};
    static const char *const laws[] = {
        [INIT_CONSTANT] = "NT_INIT_CONSTANT",
        [INIT_NORMAL] = "NT_INIT_NORMAL",
        [INIT_UNIFORM] = "NT_INIT_UNIFORM",
        [INIT_ORTHOGONAL] = "NT_INIT_ORTHOGONAL",
        [INIT_LSUV] = "NT_INIT_LSUV",
    };
    if (e->net->n_params == 0) {
        return;
    }
    Ct *table = ct_table(out, "static const nt_param params[] =");
    for (int i = 0; i < e->net->n_params; i++) {
        const NetParam *p = e->net->params[i];
        const char *dims;
        int n_dims = !p->panels ? 1 : p->dense ? 2 : 4;
        if (!p->panels) {
            dims = arena_printf(e->arena, "%lld", (long long)p->out);
        } else if (p->dense) {
            dims = arena_printf(e->arena, "%lld, %lld", (long long)p->out, (long long)(p->in * p->kh * p->kw));
        } else {
            dims = arena_printf(e->arena, "%lld, %lld, %lld, %lld", (long long)p->out, (long long)p->in, (long long)p->kh, (long long)p->kw);
        }
        ct_line(table, "{.name = %s, .role = %s, .layout = %s, .disk_dims = {%s}, .n_disk_dims = %d,", c_string(e->arena, p->name),
                roles[p->role], p->panels ? "NT_PANELS" : "NT_VECTOR", dims, n_dims);
        ct_line(table, " .out = %lld, .in = %lld, .kh = %lld, .kw = %lld, .groups = %d, .panel = %d, .out_padded = %lld,", (long long)p->out,
                (long long)p->in, (long long)p->kh, (long long)p->kw, p->groups, p->panel, (long long)p->out_padded);
        ct_line(table, " .offset = %s, .elements = %lld, .init = %s, .init_a = %s, .init_stream = %d,", e->param_names[p->index],
                (long long)p->elements, laws[p->law], c_real(e->arena, p->law_value), i);
        const GroupArgs *group = p->group ? e->net->config->groups[p->group - 1].args : NULL;
        const double decay = !p->decays ? 0 : group ? group->decay_scale : 1;
        ct_line(table, " .decay = %s, .lr_scale = %s, .frozen = %d%s},", c_real(e->arena, decay), c_real(e->arena, group ? group->lr_scale : 1),
                p->frozen, p->at_once ? ", .at_once = 1" : "");
    }
    ct_blank(out);
}

/* What made the values that inference leaves in a head: the end of NT_OUTPUT_... */
static const char *head_output(const Value *v)
{
    unsigned traits = v && v->def ? v->def->op->traits : 0;
    return traits & OP_SOFTMAX ? "SOFTMAX" : traits & OP_SIGMOID ? "SIGMOID" : "VALUES";
}

static void describe_heads(Emit *e, Ct *out, Graph *train, Graph *infer)
{
    const Net *net = e->net;
    Ct *heads = ct_table(out, "static const nt_head heads[] =");
    for (int i = 0; i < net->n_outputs; i++) {
        const Value *t = train->outputs[i], *v = infer->outputs[i];
        int loss = -1;
        for (int k = net->n_losses - 1; k >= 0; k--) {
            loss = net->losses[k].head == i ? k : loss;
        }
        e->graph = train;
        e->space = "T";
        const char *train_at = offset_name(e, root_of(t));
        e->graph = infer;
        e->space = "I";
        const char *infer_at = v ? offset_name(e, root_of(v)) : "SIZE_MAX";
        if (interior(t) != 0 || (v && (interior(v) != 0 || t->layout.sample != v->layout.sample))) {
            die("internal error: the output %s does not lie plainly", net->outputs[i]->name);
        }
        ct_line(heads, "{.name = %s, .h = %lld, .w = %lld, .c = %lld, .offset = %s, .infer_offset = %s,",
                c_string(e->arena, net->outputs[i]->name), (long long)t->shape.h, (long long)t->shape.w, (long long)t->shape.c, train_at,
                infer_at);
        ct_line(heads, " .stride_sample = %lld, .stride_row = %lld, .stride_pixel = %lld, .loss = %d, .output = NT_OUTPUT_%s},",
                (long long)t->layout.sample, (long long)t->layout.row, (long long)t->layout.pixel, loss,
                head_output(v));
    }
    ct_blank(out);
    if (net->n_losses > 0) {
        Ct *losses = ct_table(out, "static const nt_loss losses[] =");
        for (int i = 0; i < net->n_losses; i++) {
            const LossTerm *t = &net->losses[i];
            const char *kind = c_upper(e->arena, arena_printf(e->arena, "NT_LOSS_%s", t->op->name));
            ct_line(losses, "{.kind = %s, .head = %d, .weight = %s, .parameter = %s},", kind, t->head, c_real(e->arena, t->weight),
                    c_real(e->arena, t->attrs->parameter));
        }
        ct_blank(out);
    }
}

const char *real_list(Emit *e, Ct *out, const char *name, const double *x, int n)
{
    if (n == 0 || !x) {
        return "NULL";
    }
    const char *text = "";
    for (int i = 0; i < n; i++) {
        text = arena_printf(e->arena, "%s%s%s", text, i ? ", " : "", c_real(e->arena, x[i]));
    }
    ct_line(out, "static const double %s[] = {%s};", name, text);
    return name;
}

static void describe_data(Emit *e, Ct *out)
{
    static const char *const sources[] = {
        [SOURCE_NONE] = "NONE", [SOURCE_IDX] = "IDX",     [SOURCE_CSV] = "CSV",       [SOURCE_IMAGES] = "IMAGES",
        [SOURCE_NPY] = "NPY",   [SOURCE_CIFAR] = "CIFAR", [SOURCE_SPIRAL] = "SPIRAL", [SOURCE_ROAD] = "ROAD",
    };
    static const char *const norms[] = {
        [NORMALIZE_NONE] = "NONE",
        [NORMALIZE_CENTER_IMAGE] = "CENTER_IMAGE",
        [NORMALIZE_CENTER_CHANNEL] = "CENTER_CHANNEL",
        [NORMALIZE_STANDARDIZE] = "STANDARDIZE",
        [NORMALIZE_SCALE] = "SCALE",
        [NORMALIZE_GIVEN] = "GIVEN",
        [NORMALIZE_WHITEN] = "WHITEN",
    };
    static const char *const augments[AUGMENT_KINDS] = {
        [AUGMENT_SHIFT] = "SHIFT", [AUGMENT_MIRROR] = "MIRROR",   [AUGMENT_CROP] = "CROP", [AUGMENT_ROTATE] = "ROTATE",
        [AUGMENT_SCALE] = "SCALE", [AUGMENT_SHEAR] = "SHEAR",     [AUGMENT_DISTORT] = "DISTORT",
        [AUGMENT_BLUR] = "BLUR",   [AUGMENT_COLOR] = "COLOR",     [AUGMENT_NOISE] = "NOISE",
    };
    const Config *c = e->net->config;
    Arena *a = e->arena;
    const char *mean = real_list(e, out, "given_mean", c->given_mean, c->n_given);
    const char *std = real_list(e, out, "given_std", c->given_std, c->n_given);
    if (c->n_augment > 0) {
        Ct *t = ct_table(out, "static const nt_augment augment[] =");
        for (int i = 0; i < c->n_augment; i++) {
            const Augment *g = &c->augment[i];
            ct_line(t, "{.kind = NT_AUG_%s, .pixels = %lld, .amount = %s, .sigma = %s},", augments[g->kind], (long long)g->pixels,
                    c_real(a, g->amount), c_real(a, g->sigma));
        }
    }
    if (c->n_classes > 0) {
        Ct *t = ct_table(out, "static const char *const classes[] =");
        for (int i = 0; i < c->n_classes; i++) {
            ct_line(t, "%s,", c_string(a, c->classes[i]));
        }
    }
    Ct *t = ct_table(out, "static const nt_data_config data_config =");
    ct_line(t, ".source = NT_SOURCE_%s,", sources[c->source]);
    if (c->path) {
        ct_line(t, ".path = %s,", c_string(a, c->path));
    }
    if (c->label) {
        ct_line(t, ".label = %s,", c_string(a, c->label));
    }
    if (c->source == SOURCE_SPIRAL) {
        ct_line(t, ".spiral_classes = %lld, .spiral_points = %lld, .spiral_noise = %s,", (long long)c->spiral_classes,
                (long long)c->spiral_points, c_real(a, c->spiral_noise));
    }
    if (c->source == SOURCE_ROAD) {
        ct_line(t, ".road_images = %lld, .road_replace = %lld,", (long long)c->road_images, (long long)c->road_replace);
    }
    if (c->validation_auto || c->folds > 0) {
        ct_line(t, ".validation_auto = %d, .folds = %lld,", c->validation_auto, (long long)c->folds);
    }
    if (c->hard_examples > 0) {
        ct_line(t, ".hard_examples = %s,", c_real(a, c->hard_examples));
    }
    ct_line(t, ".validation_share = %s, .validation_count = %lld,", c_real(a, c->validation_share), (long long)c->validation_count);
    ct_line(t, ".normalize = NT_NORM_%s, .norm_scale = %s, .given_mean = %s, .given_std = %s, .n_given = %d,", norms[c->normalize],
            c_real(a, c->norm_scale), mean, std, c->n_given);
    if (c->normalize == NORMALIZE_WHITEN) {
        ct_line(t, ".whiten_pca = %d, .whiten_eps = %s,", c->whiten_pca, c_real(a, c->whiten_eps));
    }
    ct_line(t, ".augment = %s, .n_augment = %d,", c->n_augment ? "augment" : "NULL", c->n_augment);
    ct_line(t, ".classes = %s, .n_classes = %d,", c->n_classes ? "classes" : "NULL", c->n_classes);
    ct_blank(out);
}

/* {.kind = NT_SCHEDULE_STEP, .every = 3, ...}: enumerators and members of the runtime are called as forms and arguments are. */
static const char *form_initializer(Emit *e, const char *kind, const FormValue *v)
{
    Arena *a = e->arena;
    const char *text = arena_printf(a, "{.kind = NT_%s_%s", kind, c_upper(a, v->form->name));
    for (const AttrDef *attr = v->form->attrs; attr && attr->name; attr++) {
        const void *at = (const char *)v->args + attr->offset;
        text = arena_printf(a, "%s, .%s = ", text, attr->name);
        switch (attr->type) {
        case ATTR_INT:
            text = arena_printf(a, "%s%lld", text, (long long)*(const int64_t *)at);
            break;
        case ATTR_REAL:
        case ATTR_REAL_OR_AUTO:
            text = arena_printf(a, "%s%s", text, c_real(a, *(const double *)at));
            break;
        case ATTR_BOOL:
            text = arena_printf(a, "%s%d", text, *(const bool *)at);
            break;
        case ATTR_CHOICE: /* `per` is the only one */
            text = arena_printf(a, "%s%s", text, *(const int *)at == 0 ? "NT_EPOCHS" : "NT_STEPS");
            break;
        case ATTR_REALS: {
            const Reals *list = at;
            text = arena_printf(a, "%s(const double[]){", text);
            for (int i = 0; i < list->n; i++) {
                text = arena_printf(a, "%s%s%s", text, i ? ", " : "", c_real(a, list->items[i]));
            }
            text = arena_printf(a, "%s}, .n_%s = %d", text, attr->name, list->n);
            break;
        }
        case ATTR_LEARNT:
        case ATTR_RATE:
        case ATTR_NAMES:
        case ATTR_SIZE2:
        case ATTR_WINDOW:
        case ATTR_PAD:
        case ATTR_SHAPE:
        case ATTR_INIT:
        case ATTR_STRING:
        case ATTR_COLUMN:
            die("internal error: a setting has an argument '%s' that cannot be emitted", attr->name);
        }
    }
    return arena_printf(a, "%s}", text);
}

/* Where `search` looks for the optimizer's rates: a table if there are any. Their number. */
static int describe_ranges(Emit *e, Ct *out)
{
    const OptimizerAttrs *o = &e->net->config->opt;
    const struct {
        const char *name;
        const Range *range;
    } rates[] = {{"LR", &o->lr_range}, {"MOMENTUM", &o->momentum_range}, {"WEIGHT_DECAY", &o->weight_decay_range},
                 {"L1", &o->l1_range}};
    Arena *a = e->arena;
    Ct *table = NULL;
    int n = 0;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        const Range *r = rates[i].range;
        if (r->kind == RANGE_NONE) {
            continue;
        }
        table = table ? table : ct_table(out, "static const nt_range ranges[] =");
        const char *kind = c_upper(a, range_names[r->kind]);
        if (r->kind == RANGE_CHOICE) {
            const char *values = "";
            for (int k = 0; k < r->values.n; k++) {
                values = arena_printf(a, "%s%s%s", values, k ? ", " : "", c_real(a, r->values.items[k]));
            }
            ct_line(table, "{NT_RATE_%s, NT_RANGE_%s, .values = (const double[]){%s}, .n_values = %d},", rates[i].name,
                    kind, values, r->values.n);
        } else {
            ct_line(table, "{NT_RATE_%s, NT_RANGE_%s, .from = %s, .to = %s},", rates[i].name, kind, c_real(a, r->from),
                    c_real(a, r->to));
        }
        n++;
    }
    return n;
}

static void describe_training(Emit *e, Ct *out)
{
    const Config *c = e->net->config;
    Arena *a = e->arena;
    if (c->n_stops > 0) {
        Ct *stops = ct_table(out, "static const nt_stop stops[] =");
        for (int i = 0; i < c->n_stops; i++) {
            ct_line(stops, "%s,", form_initializer(e, "STOP", &c->stops[i]));
        }
    }
    const WeightsArgs *start = c->weights.form->kind == WEIGHTS_FILE ? c->weights.args : NULL;
    if (start && start->except.n > 0) {
        Ct *except = ct_table(out, "static const char *const start_except[] =");
        for (int i = 0; i < start->except.n; i++) {
            ct_line(except, "%s,", c_string(a, start->except.items[i]));
        }
    }
    const int ranges = describe_ranges(e, out);
    Ct *t = ct_table(out, "static const nt_train_config train_config =");
    ct_line(t, ".optimizer = %s, .lr = %s, .momentum = %s, .weight_decay = %s, .l1 = %s,", c_string(a, c->optimizer->name),
            c_real(a, c->opt.lr), c_real(a, c->opt.momentum), c_real(a, c->opt.weight_decay), c_real(a, c->opt.l1));
    if (ranges > 0) {
        ct_line(t, ".ranges = ranges, .n_ranges = %d,", ranges);
    }
    ct_line(t, ".schedule = %s,", form_initializer(e, "SCHEDULE", &c->schedule));
    if (c->warmup.form) {
        ct_line(t, ".warmup = %s,", form_initializer(e, "SCHEDULE", &c->warmup));
    }
    ct_line(t, ".momentum_schedule = %s,", form_initializer(e, "SCHEDULE", &c->momentum_schedule));
    ct_line(t, ".batch = %lld, .epochs = %lld,", (long long)c->batch, (long long)c->epochs);
    if (c->batch_plan.form) {
        ct_line(t, ".batch_plan = %s,", form_initializer(e, "BATCH", &c->batch_plan));
    }
    ct_line(t, ".clip = %s,", form_initializer(e, "CLIP", &c->clip));
    ct_line(t, ".gradient_noise = %s,", form_initializer(e, "NOISE", &c->gradient_noise));
    if (c->n_stops > 0) {
        ct_line(t, ".stops = stops, .n_stops = %d,", c->n_stops);
    }
    if (c->memory > 0) {
        ct_line(t, ".memory = %lld,", (long long)c->memory);
    }
    if (start) {
        ct_line(t, ".start = {.path = %s, .except = %s, .n_except = %d, .partial = %d},", c_string(a, start->path),
                start->except.n > 0 ? "start_except" : "NULL", start->except.n, start->partial);
    }
    ct_line(t, ".disturb_label = %s, .seed = %lldu,", c_real(a, c->disturb_label), (long long)c->seed);
    ct_line(t, ".metric_accuracy = %d, .top_k = %lld,", c->metric_accuracy, (long long)c->top_k);
    ct_blank(out);
}

/* Tensors that hold a layer's forward result until the backward pass: where to look for the first value that is not finite. */
static int describe_layers(Emit *e, Ct *out, Graph *g)
{
    const Value **list = arena_array(e->arena, (size_t)g->n_values + 1, sizeof *list);
    int n = 0;
    for (int i = 0; i < g->n_values; i++) {
        const Value *v = g->values[i];
        bool forward = v->def && v->def->phase == PHASE_FORWARD;
        if (v->kind == VALUE_TENSOR && v->stored && !v->base && forward && v->last >= g->forward_groups) {
            list[n++] = v;
        }
    }
    if (n == 0) {
        return 0;
    }
    e->graph = g;
    e->space = "T";
    Ct *names = ct_table(out, "static const char *const layer_names[] =");
    for (int i = 0; i < n; i++) {
        ct_line(names, "%s,", c_string(e->arena, list[i]->name));
    }
    Ct *offsets = ct_table(out, "static const size_t layer_offsets[] =");
    for (int i = 0; i < n; i++) {
        ct_line(offsets, "%s,", offset_name(e, list[i]));
    }
    Ct *sizes = ct_table(out, "static const size_t layer_elements[] =");
    for (int i = 0; i < n; i++) {
        ct_line(sizes, "%lld,", (long long)list[i]->layout.sample);
    }
    ct_blank(out);
    return n;
}

/* Where a tensor lies in the arena right after the step that makes it. */
static const char *place_of(Emit *e, const Value *v)
{
    const Layout *l = &v->layout;
    return arena_printf(e->arena,
                        "{.step = %d, .h = %lld, .w = %lld, .c = %lld, .offset = %s, .inside = %lld, .stride_sample = %lld, "
                        ".stride_row = %lld, .stride_pixel = %lld}",
                        e->graph->groups[v->def->group]->lap, (long long)v->shape.h, (long long)v->shape.w, (long long)v->shape.c,
                        offset_name(e, root_of(v)), (long long)interior(v), (long long)l->sample, (long long)l->row, (long long)l->pixel);
}

static bool is_watched(const Value *v)
{
    return v && v->kind == VALUE_TENSOR && v->stored && v->def && !v->def->dead;
}

/* What `stats` looks at: the results of layers that the forward pass writes to memory, each with the gradient that the backward pass
 * writes for it. Where that one lives in registers only, as before an activation that is applied on the way, it is the gradient of
 * what the same step had made before. */
static int describe_watched(Emit *e, Ct *out, Graph *g)
{
    Arena *a = e->arena;
    e->graph = g;
    e->space = "T";
    int n = 0;
    Ct *table = ct_table(out, "static const nt_watched watched[] =");
    for (int i = 0; i < g->forward_groups; i++) {
        const Group *group = g->groups[i];
        const Node *first = group->anchor ? group->anchor : group->tail[0], *acted = first;
        const Value *derived = NULL; /* the latest result whose gradient is written */
        const char *what = NULL;
        const Layer *last = NULL;
        for (int k = group->anchor ? -1 : 0; k < group->n_tail; k++) {
            const Node *node = k < 0 ? group->anchor : group->tail[k];
            const Value *v = node->n_out > 0 ? node->out[0] : NULL;
            if (node->layer && node->layer != last) {
                what = what ? arena_printf(a, "%s + %s", what, node->layer->op->name) : node->layer->op->name;
                last = node->layer;
            }
            acted = node->op->elt && node->op->elt->random ? acted : node;
            derived = v && is_watched(v->grad) ? v : derived;
            if (!is_watched(v) || node->again_of || !node->layer) {
                continue;
            }
            ct_line(table, "{.layer = %s, .what = %s, .acted = %s,", c_string(a, first->layer ? first->layer->name : node->layer->name),
                    c_string(a, what), c_string(a, acted->op->name));
            ct_line(table, " .result = %s,", place_of(e, v));
            if (derived) {
                ct_line(table, " .gradient_of = %s,", c_string(a, derived->name));
                ct_line(table, " .gradient = %s,", place_of(e, derived->grad));
            }
            ct_line(table, "},");
            n++;
        }
    }
    ct_blank(out);
    return n;
}

uint64_t architecture_hash(const Net *net)
{
    uint64_t h = hash_start();
    for (int i = 0; i < net->n_layers; i++) {
        const Layer *l = net->layers[i];
        h = hash_text(h, l->op->name);
        int64_t dims[3] = {l->out.h, l->out.w, l->out.c};
        h = hash_bytes(h, dims, sizeof dims);
    }
    for (int i = 0; i < net->n_params; i++) {
        const NetParam *p = net->params[i];
        int64_t dims[4] = {p->out, p->in, p->kh, p->kw};
        h = hash_text(h, p->name);
        h = hash_bytes(h, dims, sizeof dims);
    }
    return h;
}

/* Where lsuv finds the results of its layers. */
static int describe_probes(Emit *e, Ct *out, Graph *probe)
{
    if (!probe) {
        return 0;
    }
    e->graph = probe;
    e->space = "M";
    int n = 0;
    Ct *table = ct_table(out, "static const nt_probe probes[] =");
    for (int i = 0; i < e->net->n_params; i++) {
        const Value *v = e->net->params[i]->probed;
        if (!v) {
            continue;
        }
        ct_line(table, "{.param = %d, .h = %lld, .w = %lld, .c = %lld, .offset = %s, .inside = %lld,", i, (long long)v->shape.h,
                (long long)v->shape.w, (long long)v->shape.c, offset_name(e, root_of(v)), (long long)interior(v));
        ct_line(table, " .stride_sample = %lld, .stride_row = %lld, .stride_pixel = %lld},", (long long)v->layout.sample,
                (long long)v->layout.row, (long long)v->layout.pixel);
        n++;
    }
    ct_blank(out);
    return n;
}

/* Multiply-adds of a training step, a sample: forward, and the gradients that are worked out. */
static double step_macs(Emit *e)
{
    const Graph *g = e->graph;
    const bool *skip = graph_input_gradient_only(g);
    double macs = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        const bool skipped = n->dead || (n->phase == PHASE_BACKWARD && skip[n->group]);
        macs += n->op->macs && !skipped ? (double)n->layer->macs : 0;
    }
    return macs;
}

static void describe_model(Emit *e, Ct *out, Graph *train, int n_layers, int n_probes, int n_watched)
{
    const Net *net = e->net;
    Arena *a = e->arena;
    int64_t parameters = 0, macs = 0;
    for (int i = 0; i < net->n_params; i++) {
        const NetParam *p = net->params[i];
        parameters += p->role == PARAM_STAT ? 0 : p->out * p->in * p->kh * p->kw;
    }
    for (int i = 0; i < net->n_layers; i++) {
        macs += net->layers[i]->macs;
    }
    e->graph = train;
    const Shape in = net->input->out;
    Ct *t = ct_table(out, "const nt_model MODEL =");
    ct_line(t, ".abi = NT_ABI, .name = %s, .file = %s, .target = %s, .hash = \"%016llx\",", c_string(a, net->name),
            c_string(a, net->file), c_string(a, e->target->name), (unsigned long long)architecture_hash(net));
    ct_line(t, ".input_h = %lld, .input_w = %lld, .input_c = %lld,", (long long)in.h, (long long)in.w, (long long)in.c);
    ct_line(t, ".params = %s, .n_params = %d, .trainable_elements = P_TRAINABLE, .params_elements = P_ALL, .state_slots = %d,",
            net->n_params ? "params" : "NULL", net->n_params, config_state_slots(net->config));
    ct_line(t, ".gradient_elements = %lld, .n_squares = %lld,", (long long)net_gradient_elements(net), (long long)e->n_squares);
    ct_line(t, ".arena_sample = T_SAMPLE, .arena_fixed = T_FIXED, .infer_sample = I_SAMPLE, .infer_fixed = I_FIXED,");
    ct_line(t, ".most_samples = %lld,", (long long)emit_most_samples(train));
    ct_line(t, ".heads = heads, .n_heads = %d, .losses = %s, .n_losses = %d,", net->n_outputs, net->n_losses ? "losses" : "NULL",
            net->n_losses);
    ct_line(t, ".parameters = %lld, .macs_forward = %s, .flops_step = %s,", (long long)parameters, c_real(a, (double)macs),
            c_real(a, 2 * step_macs(e)));
    const Value *d = train->d_input;
    if (d) {
        e->graph = train;
        e->space = "T";
        ct_line(t, ".input_grad = %s, .input_grad_stride_sample = %lld, .input_grad_stride_row = %lld,", offset_name(e, root_of(d)),
                (long long)d->layout.sample, (long long)d->layout.row);
        ct_line(t, ".input_grad_stride_pixel = %lld,", (long long)d->layout.pixel);
    } else {
        ct_line(t, ".input_grad = SIZE_MAX,");
    }
    ct_line(t, ".train = train, .gradient = gradient, .loss = loss, .update = update, .infer = infer,");
    if (n_layers > 0) {
        ct_line(t, ".layer_names = layer_names, .layer_offsets = layer_offsets, .layer_elements = layer_elements, .n_layers = %d,", n_layers);
    }
    ct_line(t, ".costs = costs, .n_costs = %d, .fma = nt_fma,", e->n_costs);
    if (n_probes > 0) {
        ct_line(t, ".probe = probe, .probes = probes, .n_probes = %d, .probe_sample = M_SAMPLE, .probe_fixed = M_FIXED,", n_probes);
    }
    if (n_watched > 0) {
        ct_line(t, ".watched = watched, .n_watched = %d,", n_watched);
    }
    ct_line(t, ".data = &data_config, .train_config = &train_config,");
}

/* ---- files ---- */

void add_file(Arena *a, Output *out, const char *name, Str text)
{
    out->files = vec_grow(a, out->files, out->n, &out->cap, sizeof *out->files);
    out->files[out->n++] = (OutputFile){name, text};
}

void output_free(Output *out)
{
    for (int i = 0; i < out->n; i++) {
        str_free(&out->files[i].text);
    }
    *out = (Output){0};
}

const char *put_name(Arena *a, const char *text, const char *name)
{
    Str out = {0};
    const char *upper = c_upper(a, name);
    for (const char *p = text; *p;) {
        const size_t plain = strcspn(p, "@^");
        str_addn(&out, p, plain);
        p += plain;
        if (*p == '@') {
            str_add(&out, name);
            p++;
        } else if (*p == '^' && p[1] == '_') {
            str_add(&out, upper);
            p++;
        } else if (*p) {
            str_addc(&out, *p++);
        }
    }
    const char *done = arena_strndup(a, out.data ? out.data : "", out.len);
    str_free(&out);
    return done;
}

static void render_function(Emit *e, const EmittedFunction *f, Ct *out)
{
    if (!f->is_helper) {
        const char *comment = f->comment ? f->comment : f->name;
        ct_comment(out, "%s%s%s", comment, f->users ? "\nalso: " : "", f->users ? f->users : "");
    }
    ct_raw(out, put_name(e->arena, f->text, f->name));
    ct_blank(out);
}

void render_functions(Emit *e, Ct *out)
{
    for (int i = 0; i < e->functions.n; i++) {
        render_function(e, &e->functions.items[i], out);
    }
}

/* ---- the trainer's files ---- */

static void start_graph(Emit *e, Graph *g, Ct *maps)
{
    emit_graph(e, g, g->probe ? "M" : g->training ? "T" : "I");
    memory_map(e, maps, graph_purpose(g));
}

/* The call that loads the input, as the first of a pass. */
static Ct *load_body(Emit *e)
{
    Ct *calls = ct_new(e->arena);
    e->calls = calls;
    emit_load_input(e);
    return calls;
}

static bool reads_param(const Group *group, const NetParam *p)
{
    for (int i = 0; i <= group->n_tail; i++) {
        const Node *n = i == 0 ? group->anchor : group->tail[i - 1];
        for (int k = 0; n && k < n->n_in; k++) {
            if (n->in[k]->kind == VALUE_PARAM && n->in[k]->param == p) {
                return true;
            }
        }
    }
    return false;
}

/* Weights that the backward pass updates must have been read by all of its steps that do. */
static void check_updated_last(const Graph *g, const bool *input_gradient_only)
{
    for (int i = 0; i < g->n_groups; i++) {
        const NetParam *p = stepped_at_once(g->groups[i]);
        for (int k = i + 1; p && k < g->n_groups; k++) {
            if (!input_gradient_only[k] && reads_param(g->groups[k], p)) {
                die("internal error: step %d reads %s, which step %d has updated", k, p->name, i);
            }
        }
    }
}

static void forward_passes(Emit *e, Graph *g, Ct *passes)
{
    const int losses = g->forward_groups;
    Ct *forward = ct_new(e->arena);
    ct_line(forward, "(void)update_statistics;");
    ct_append(forward, load_body(e));
    ct_append(forward, pass_body(e, 0, losses, NULL, false));
    Ct *heads = pass_body(e, losses, graph_backward_begin(g), NULL, false);
    emit_pass(e, passes, "static void run_forward(const nt_pass *p, int update_statistics)", "Forward in training mode.", forward,
              true);
    emit_pass(e, passes, "static void run_losses(const nt_pass *p)", "Each head's loss and the gradient to it.", heads, true);
}

static void backward_passes(Emit *e, Graph *g, Ct *passes)
{
    const int backward = graph_backward_begin(g);
    const bool *skip = graph_input_gradient_only(g);
    check_updated_last(g, skip);
    emit_pass(e, passes, "void run_backward(const nt_pass *p)", "Gradients of all parameters.",
              pass_body(e, backward, g->n_groups, skip, false), true);
    emit_pass(e, passes, "void run_input_gradient(const nt_pass *p)", "What only the gradient of the input needs.",
              pass_body(e, backward, g->n_groups, skip, true), true);
}

static void inference_pass(Emit *e, Graph *g, Ct *passes)
{
    Ct *body = load_body(e);
    ct_append(body, pass_body(e, 0, g->n_groups, NULL, false));
    emit_pass(e, passes, "static void infer(nt_pass *p)", "Forward at inference: running statistics, no dropout.", body, false);
}

/* What lsuv measures with, before training: no part of a step, so its costs are nobody's. */
static void probing_pass(Emit *e, Graph *g, Ct *passes)
{
    Ct *const costs = e->costs;
    e->costs = NULL;
    Ct *body = ct_new(e->arena);
    ct_line(body, "const int update_statistics = 0;");
    ct_line(body, "(void)update_statistics;");
    ct_append(body, load_body(e));
    ct_append(body, pass_body(e, 0, g->n_groups, NULL, false));
    emit_pass(e, passes, "static void probe(nt_pass *p)", "Forward in training mode, with what lsuv measures left in the arena.", body,
              false);
    e->costs = costs;
}

static void update_pass(Emit *e, Ct *passes)
{
    Ct *update = update_body(e);
    ct_comment(passes, "One step of the optimizer.");
    Ct *f = ct_function(passes, "static void update(nt_pass *p)");
    if (ct_is_empty(update)) {
        ct_line(f, "(void)p;");
    } else {
        ct_append(f, update);
    }
    ct_blank(passes);
}

/* The functions that the runtime calls, made of those above. */
static void entry_points(Ct *passes, bool at_once)
{
    ct_raw(passes, "/* The loss alone: running statistics stay as they are. */\n"
                   "static void loss(nt_pass *p)\n{\n"
                   "    run_forward(p, 0);\n    nt_clear_losses(p);\n    run_losses(p);\n}\n\n"
                   "/* Forward, losses, backward. */\n"
                   "static void train(nt_pass *p)\n{\n"
                   "    run_forward(p, 1);\n    nt_clear_losses(p);\n    run_losses(p);\n");
    if (at_once) {
        ct_raw(passes, "    if (p->gradients == NT_GRADIENTS_USED && !nt_loss_is_finite(p))\n        return; /* no step is taken */\n");
    }
    ct_raw(passes, "    run_backward(p);\n}\n\n"
                   "/* The same with the gradient of the input. */\n"
                   "static void gradient(nt_pass *p)\n{\n"
                   "    loss(p);\n    run_backward(p);\n    run_input_gradient(p);\n}\n\n");
}

static void add_tree(Emit *e, Output *out, const char *name, const Ct *tree)
{
    Str text = {0};
    ct_render(tree, 0, &text);
    add_file(e->arena, out, name, text);
}

static void add_main(Emit *e, Output *out, const char *name)
{
    Ct *file = ct_new(e->arena);
    ct_comment(file, "The trainer of %s. Made by netc; do not edit.", e->net->name);
    ct_directive(file, "include \"runtime/trainer.h\"");
    ct_directive(file, "include \"%s_sketch.h\"", name);
    ct_blank(file);
    ct_directive(file, "include <stddef.h>");
    ct_blank(file);
    ct_line(file, "extern const nt_model %s_model;", name);
    ct_directive(file, "ifdef NT_TRAIN_ONLY /* without what gradcheck needs: it takes as long to compile as the rest */");
    ct_directive(file, "define DOUBLE_MODEL NULL");
    ct_directive(file, "else");
    ct_line(file, "extern const nt_model %s_double_model;", name);
    ct_directive(file, "define DOUBLE_MODEL &%s_double_model", name);
    ct_directive(file, "endif");
    ct_blank(file);
    Ct *f = ct_function(file, "int main(int argc, char **argv)");
    ct_line(f, "return nt_trainer_main(&%s_model, DOUBLE_MODEL, &sketch, argc, argv);", name);
    add_tree(e, out, arena_printf(e->arena, "%s_main.c", name), file);
}

/* What the two files share: where everything lies, and the passes of the second. */
static void add_memory(Emit *e, Output *out, const char *name, Ct *maps)
{
    Ct *file = ct_new(e->arena);
    ct_comment(file, "%s: where parameters and tensors lie, and what its two files share. Made by netc; do not edit.", e->net->name);
    ct_directive(file, "ifndef %s_MEMORY_H", c_upper(e->arena, name));
    ct_directive(file, "define %s_MEMORY_H", c_upper(e->arena, name));
    ct_blank(file);
    ct_directive(file, "include \"runtime/emitted.h\"");
    ct_blank(file);
    ct_append(file, maps);
    ct_raw(file, put_name(e->arena,
                          "/* A program holds both files twice: in float to train, in double to check gradients. */\n"
                          "#ifdef NT_DOUBLE\n"
                          "#define MODEL @_double_model\n"
                          "#define run_backward @_double_backward\n"
                          "#define run_input_gradient @_double_input_gradient\n"
                          "#else\n"
                          "#define MODEL @_model\n"
                          "#define run_backward @_backward\n"
                          "#define run_input_gradient @_input_gradient\n"
                          "#endif\n"
                          "extern const nt_model MODEL;\n\n"
                          "/* In @_backward.c. */\n"
                          "void run_backward(const nt_pass *p);\n"
                          "void run_input_gradient(const nt_pass *p);\n\n",
                          name));
    ct_directive(file, "endif");
    add_tree(e, out, arena_printf(e->arena, "%s_memory.h", name), file);
}

static void include_shared(Ct *file, const char *name)
{
    ct_directive(file, "include \"%s_memory.h\"", name);
    ct_blank(file);
    ct_directive(file, "include <math.h>");
    ct_blank(file);
}

/* The file of the backward pass, with functions of its own: it takes as long to compile as all the rest. */
static void add_backward(Emit *e, Output *out, const char *name, Graph *train)
{
    const Functions others = e->functions;
    Ct *passes = ct_new(e->arena), *file = ct_new(e->arena);
    e->functions = (Functions){0};
    backward_passes(e, train, passes);
    ct_comment(file, "%s: the backward pass. Made by netc from %s for %s; do not edit.", e->net->name, e->net->file, e->target->name);
    include_shared(file, name);
    render_functions(e, file);
    ct_append(file, passes);
    add_tree(e, out, arena_printf(e->arena, "%s_backward.c", name), file);
    e->functions = others;
}

void emit_model(Arena *arena, Net *net, Graph *train, Graph *probe, Graph *infer, const Target *target, Output *output)
{
    Emit emit = emit_start(arena, net, target), *e = &emit;
    const char *name = c_name(arena, net->name);
    Ct *passes = ct_new(arena), *maps = ct_new(arena), *tables = ct_new(arena), *file = ct_new(arena);
    e->costs = ct_table(tables, "static const nt_cost costs[] =");
    parameter_map(e, maps, true);
    start_graph(e, train, maps);
    forward_passes(e, train, passes);
    add_backward(e, output, name, train);
    if (probe) {
        start_graph(e, probe, maps);
        probing_pass(e, probe, passes);
    }
    start_graph(e, infer, maps);
    inference_pass(e, infer, passes);
    update_pass(e, passes);
    entry_points(passes, net_gradient_elements(net) < net_trained_elements(net));

    describe_params(e, tables);
    describe_heads(e, tables, train, infer);
    describe_data(e, tables);
    describe_training(e, tables);
    int n_layers = describe_layers(e, tables, train), n_probes = describe_probes(e, tables, probe);
    int n_watched = describe_watched(e, tables, train);
    describe_model(e, tables, train, n_layers, n_probes, n_watched);

    ct_comment(file, "%s - %s -> %s. Made by netc from %s for %s; do not edit.", net->name, shape_text(arena, net->input->out),
               shape_text(arena, net->outputs[0]->out), net->file, target->name);
    include_shared(file, name);
    render_functions(e, file);
    ct_append(file, passes);
    ct_append(file, tables);
    add_memory(e, output, name, maps);
    add_tree(e, output, arena_printf(arena, "%s.c", name), file);
    add_main(e, output, name);
}
