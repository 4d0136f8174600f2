/* graph.c - making values and nodes; building a graph from a network. */
#include "graph.h"
#include "config.h"
#include "op.h"

#include <string.h>

extern const OpDef op_copy;

int64_t shape_size(Shape s)
{
    return s.h * s.w * s.c;
}

bool shape_equal(Shape a, Shape b)
{
    return a.h == b.h && a.w == b.w && a.c == b.c;
}

const char *shape_text(Arena *a, Shape s)
{
    if (s.vector) {
        return arena_printf(a, "%lld", (long long)s.c);
    }
    return arena_printf(a, "%lldx%lldx%lld", (long long)s.h, (long long)s.w, (long long)s.c);
}

Value *graph_value(Graph *g, ValueKind kind, Shape shape, const char *name)
{
    Value *v = arena_alloc(g->arena, sizeof *v);
    v->id = g->n_values;
    v->kind = kind;
    v->shape = shape;
    v->name = name;
    v->layer = g->layer;
    v->is_grad = g->phase != PHASE_FORWARD;
    g->values = vec_grow(g->arena, g->values, g->n_values, &g->cap_values, sizeof *g->values);
    g->values[g->n_values++] = v;
    return v;
}

Value *graph_tensor(Graph *g, Shape shape, const char *name)
{
    return graph_value(g, VALUE_TENSOR, shape, name);
}

Value *graph_work(Graph *g, int64_t elements, const char *name)
{
    Value *v = graph_value(g, VALUE_WORK, (Shape){1, 1, 1, true}, name);
    v->work_elements = elements;
    return v;
}

Value *graph_param(Graph *g, NetParam *p)
{
    return g->param_values[p->index];
}

Value *graph_param_grad(Graph *g, NetParam *p)
{
    if (!g->param_grads[p->index]) {
        Value *v = graph_value(g, VALUE_GRAD, (Shape){1, 1, p->out, true}, arena_printf(g->arena, "d_%s", p->name));
        v->param = p;
        v->layer = p->layer;
        g->param_grads[p->index] = v;
    }
    return g->param_grads[p->index];
}

Node *graph_node(Graph *g, const OpDef *op, const void *attrs, Value *const *in, int n_in)
{
    Node *n = arena_alloc(g->arena, sizeof *n);
    n->id = g->n_nodes;
    n->op = op;
    n->layer = g->layer;
    n->phase = g->phase;
    n->attrs = (void *)(uintptr_t)attrs;
    n->in = arena_array(g->arena, (size_t)n_in, sizeof *n->in);
    memcpy(n->in, in, (size_t)n_in * sizeof *in);
    n->n_in = n_in;
    n->group = -1;
    g->nodes = vec_grow(g->arena, g->nodes, g->n_nodes, &g->cap_nodes, sizeof *g->nodes);
    g->nodes[g->n_nodes++] = n;
    return n;
}

void node_output(Graph *g, Node *n, Value *v)
{
    Value **out = arena_array(g->arena, (size_t)n->n_out + 1, sizeof *out);
    if (n->n_out > 0) {
        memcpy(out, n->out, (size_t)n->n_out * sizeof *out);
    }
    out[n->n_out++] = v;
    n->out = out;
    v->def = n;
}

Value *graph_apply(Graph *g, const OpDef *op, const void *attrs, Value *const *in, int n_in, Shape shape,
                   const char *name)
{
    Node *n = graph_node(g, op, attrs, in, n_in);
    Value *v = graph_tensor(g, shape, name);
    node_output(g, n, v);
    return v;
}

Value *value_root(Value *v)
{
    while (v->base) {
        v = v->base;
    }
    return v;
}

const char *graph_purpose(const Graph *g)
{
    return g->probe ? "measuring" : g->training ? "training" : "inference";
}

void graph_count_uses(Graph *g)
{
    for (int i = 0; i < g->n_values; i++) {
        g->values[i]->uses = 0;
    }
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        for (int k = 0; !n->dead && k < n->n_in; k++) {
            n->in[k]->uses++;
            if (n->in[k]->base) {
                n->in[k]->base->uses++;
            }
        }
    }
    for (int i = 0; i < g->n_values; i++) {
        const Value *v = g->values[i];
        if (v->keep && v->base) {
            v->base->uses++;
        }
    }
}

/* What a layer reads, in the shape in which it is held: as written, unless the layer has no need of an order. */
static Value **inputs_of(Graph *g, const Layer *l)
{
    const bool takes_volumes = (l->op->traits & OP_TAKES_VOLUME) || !shape_equal(l->held, l->out);
    Value **in = arena_array(g->arena, (size_t)l->n_inputs, sizeof *in);
    for (int k = 0; k < l->n_inputs; k++) {
        const Layer *from = l->inputs[k];
        in[k] = takes_volumes ? from->value : graph_as_written(g, from->out, from->value);
    }
    return in;
}

/* The layers' forward part; outputs are left empty. */
static Graph *build_layers(Net *net, bool training)
{
    Graph *g = arena_alloc(net->arena, sizeof *g);
    g->arena = net->arena;
    g->net = net;
    g->training = training;
    /* a library's workspace is the caller's, between calls too; and a limit of memory is kept to before anything else */
    g->lasting = !training && net->inference_batch == 0 && net->config->memory == 0;
    g->param_values = arena_array(net->arena, (size_t)net->n_params + 1, sizeof *g->param_values);
    g->param_grads = arena_array(net->arena, (size_t)net->n_params + 1, sizeof *g->param_grads);
    for (int i = 0; i < net->n_params; i++) {
        NetParam *p = net->params[i];
        g->layer = p->layer;
        Value *v = graph_value(g, VALUE_PARAM, (Shape){1, 1, p->out, true}, p->name);
        v->param = p;
        g->param_values[i] = v;
    }
    for (int i = 0; i < net->n_layers; i++) {
        Layer *l = net->layers[i];
        g->layer = l;
        l->value = NULL;
        if (l == net->input) {
            l->value = graph_tensor(g, l->out, "input");
            g->input = l->value;
            continue;
        }
        l->op->build(g, l, inputs_of(g, l));
        if (!shape_equal(l->value->shape, l->held)) {
            die("internal error: %s is held as %s, not %s", l->name, shape_text(g->arena, l->value->shape),
                shape_text(g->arena, l->held));
        }
    }
    g->outputs = arena_array(g->arena, (size_t)net->n_outputs, sizeof *g->outputs);
    return g;
}

bool param_is_trained(const NetParam *p)
{
    return p->role != PARAM_STAT && !p->frozen;
}

int64_t net_trained_elements(const Net *net)
{
    int64_t end = 0;
    for (int i = 0; i < net->n_params; i++) {
        const NetParam *p = net->params[i];
        if (param_is_trained(p) && p->offset + p->elements > end) {
            end = p->offset + p->elements;
        }
    }
    return end;
}

int64_t net_gradient_elements(const Net *net)
{
    int64_t end = 0;
    for (int i = 0; i < net->n_params; i++) {
        const NetParam *p = net->params[i];
        if (param_is_trained(p) && !p->at_once && p->offset + p->elements > end) {
            end = p->offset + p->elements;
        }
    }
    return end;
}

bool net_has_lsuv(const Net *net)
{
    for (int i = 0; i < net->n_params; i++) {
        if (net->params[i]->law == INIT_LSUV) {
            return true;
        }
    }
    return false;
}

Graph *graph_build_probe(Net *net)
{
    Graph *g = build_layers(net, true);
    g->probe = true;
    for (int i = 0; i < net->n_params; i++) {
        NetParam *p = net->params[i];
        if (p->law == INIT_LSUV) {
            p->probed = p->layer->value;
            p->probed->keep = true;
        }
    }
    return g;
}

/* Whether a node with frozen parameters lies below everything that is trained: nothing but the input's gradient would go back through it. */
static bool frozen_below(const Graph *g)
{
    bool *trained = arena_array(g->arena, (size_t)g->n_values + 1, sizeof *trained);
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        bool above = false, frozen = false, reads = false;
        for (int k = 0; k < n->n_in; k++) {
            const Value *v = n->in[k];
            above |= trained[v->id] || (v->kind == VALUE_PARAM && param_is_trained(v->param));
            frozen |= v->kind == VALUE_PARAM && v->param->frozen;
            reads |= v->kind == VALUE_TENSOR;
        }
        if (frozen && reads && !above) {
            return true;
        }
        for (int k = 0; k < n->n_out; k++) {
            trained[n->out[k]->id] = above;
        }
    }
    return false;
}

Graph *graph_build(Net *net, bool training)
{
    Graph *g = build_layers(net, training);
    g->input_gradient = training && !frozen_below(g);
    int n_heads = training ? net->n_outputs : 1; /* auxiliary heads serve training only */
    for (int i = 0; i < n_heads; i++) {
        Layer *l = net->outputs[i];
        g->layer = l;
        g->outputs[i] = graph_as_written(g, l->out, l->value);
        if (l->reads > 0 || g->outputs[i] == g->input) {
            /* others read it and may want it between zeros or among other channels: results lie plainly */
            g->outputs[i] = graph_apply(g, &op_copy, NULL, &g->outputs[i], 1, l->out,
                                        arena_printf(g->arena, "%s_result", l->name));
        }
        g->outputs[i]->keep = true;
    }
    if (training) {
        g->phase = PHASE_LOSS;
        for (int i = 0; i < net->n_losses; i++) {
            const LossTerm *t = &net->losses[i];
            g->layer = net->outputs[t->head];
            Value *in[1] = {g->outputs[t->head]};
            const Node *def = in[0]->def;
            unsigned has = def ? def->op->traits : 0, takes = t->op->traits;
            if ((has & OP_SOFTMAX && takes & OP_TAKES_SOFTMAX) || (has & OP_SIGMOID && takes & OP_TAKES_SIGMOID)) {
                in[0] = def->in[0];
            }
            graph_node(g, t->op, t, in, 1);
        }
        autodiff(g);
    }
    return g;
}

bool node_repeatable(const Node *n)
{
    bool repeatable = n->phase == PHASE_FORWARD && !(n->op->traits & OP_SIDE_EFFECT);
    for (int k = 0; k < n->n_out; k++) {
        const Value *v = n->out[k];
        repeatable &= (v->kind == VALUE_TENSOR || v->kind == VALUE_INDEX) && !v->keep;
    }
    return repeatable;
}

void graph_dump(const Graph *g, Str *out)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        if (n->dead) {
            continue;
        }
        str_printf(out, "%-9s", n->phase == PHASE_FORWARD ? "forward" : n->phase == PHASE_LOSS ? "loss" : "backward");
        for (int k = 0; k < n->n_out; k++) {
            const Value *v = n->out[k];
            str_printf(out, "%s%%%d %s:%s", k ? ", " : " ", v->id, v->name,
                       v->kind == VALUE_WORK ? "work" : shape_text(g->arena, v->shape));
            if (v->stored && !v->param) {
                str_printf(out, "@%lld", (long long)v->offset);
            }
        }
        str_printf(out, " = %s(", n->op->name);
        for (int k = 0; k < n->n_in; k++) {
            const Value *v = n->in[k];
            str_printf(out, "%s%%%d %s", k ? ", " : "", v->id, v->name);
        }
        str_add(out, ")");
        if (n->group >= 0) {
            str_printf(out, "  group %d", n->group);
        }
        str_addc(out, '\n');
    }
}
