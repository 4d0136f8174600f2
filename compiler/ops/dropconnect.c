/* dropconnect.c - a dense layer that drops weights rather than units while training (Wan et al., 2013). Every sample has a mask of its
 * own, over weights and bias, as the paper found to be needed: one mask a batch regularises too little. What is kept is divided by
 * 1 - rate, so that the layer's result is right in the mean, and inference is a plain dense layer. (The paper draws its outputs at
 * inference from a normal distribution fitted to the masked sum; its mean is that same dense layer.)
 *
 * No mask is stored: the counter-based generator gives bit (sample, input, unit) of this step again in both products of the backward
 * pass. */
#include "dropconnect.h"

#include "../emit/rules.h"
#include "../interp.h"
#include "bias.h"
#include "dropout.h"

enum { BIAS_STREAM = 1 << 30 }; /* added to a layer's number: no layer has such a number */

extern const OpDef op_dropconnect, op_dropconnect_dx, op_dropconnect_dw;


/* ---- the products ---- */

static void dropconnect_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    Value *x = n->in[0], *w = n->in[1], *dy = grad_of(ad, n->out[0]);
    if (grad_wanted(ad, w)) {
        Value *dw_in[2] = {x, dy};
        node_output(g, graph_node(g, &op_dropconnect_dw, n->attrs, dw_in, 2), graph_param_grad(g, w->param));
    }
    if (grad_wanted(ad, x)) {
        Value *dx_in[2] = {dy, w};
        grad_add(ad, x, graph_apply(g, &op_dropconnect_dx, n->attrs, dx_in, 2, x->shape, arena_printf(g->arena, "d_%s", x->name)));
    }
}

/* The volume x, and the weights' columns. */
static void emit_sizes(Emit *e, const Value *x, const NetParam *w)
{
    emit_int(e, "H", x->shape.h);
    emit_int(e, "W", x->shape.w);
    emit_int(e, "C", x->shape.c);
    emit_int(e, "UNITS", w->out);
    emit_int(e, "CO", w->out_padded);
    emit_int(e, "NR", w->panel);
}

/* Kernels take the stream's key and the rate, which is 0 in passes without randomness. */
static void emit_mask(Emit *e, const Node *n)
{
    const DropoutAttrs *a = n->attrs;
    emit_arg_text(e, arena_printf(emit_arena(e), "nt_layer_key(p, %lld)", (long long)a->stream));
    emit_arg_text(e, arena_printf(emit_arena(e), "(real)(p->random ? %.17g : 0)", a->rate));
}

static void dropconnect_emit(Emit *e, Node *n)
{
    emit_kernel(e, "dropconnect");
    emit_sizes(e, n->in[0], n->in[1]->param);
    emit_strides(e, "X", n->in[0]);
    emit_arg(e, n->in[0], 0);
    emit_arg(e, n->in[1], 0);
    emit_mask(e, n);
    emit_end(e);
}

static void dropconnect_dx_emit(Emit *e, Node *n)
{
    emit_kernel(e, "dropconnect_dx");
    emit_sizes(e, n->out[0], n->in[1]->param);
    emit_int(e, "CP", n->out[0]->layout.channels);
    emit_int(e, "DY_S", n->in[0]->layout.sample);
    emit_arg(e, n->in[0], 0);
    emit_arg(e, n->in[1], 0);
    emit_mask(e, n);
    emit_end(e);
}

static void dropconnect_dw_emit(Emit *e, Node *n)
{
    emit_kernel(e, "dropconnect_dw");
    emit_sizes(e, n->in[0], n->out[0]->param);
    emit_strides(e, "X", n->in[0]);
    emit_int(e, "DY_S", n->in[1]->layout.sample);
    emit_arg(e, n->in[0], 0);
    emit_arg(e, n->in[1], 0);
    emit_arg(e, n->out[0], 0);
    emit_mask(e, n);
    emit_end(e);
}

static bool reads_any_pixels(const Node *n, int input)
{
    (void)n;
    return input == 0;
}

/* Calls visit for every sample, unit and place of the volume; w is the weight's place on disk. The oracle runs without randomness. */
typedef void Visit(Eval *ev, const Node *n, int i, int64_t o, int64_t h, int64_t q, int64_t c, int64_t w);

static void for_weights(Eval *ev, const Node *n, Shape s, int64_t units, Visit *visit)
{
    for (int i = 0; i < ev->n; i++) {
        for (int64_t o = 0; o < units; o++) {
            for (int64_t k = 0; k < shape_size(s); k++) {
                visit(ev, n, i, o, k / s.w % s.h, k % s.w, k / (s.h * s.w), o * shape_size(s) + k);
            }
        }
    }
}

static void forward_visit(Eval *ev, const Node *n, int i, int64_t o, int64_t h, int64_t q, int64_t c, int64_t w)
{
    *eval_at(ev, n->out[0], i, 0, 0, o) += *eval_at(ev, n->in[0], i, h, q, c) * eval_vector(ev, n->in[1])[w];
}

static void dx_visit(Eval *ev, const Node *n, int i, int64_t o, int64_t h, int64_t q, int64_t c, int64_t w)
{
    *eval_at(ev, n->out[0], i, h, q, c) += *eval_at(ev, n->in[0], i, 0, 0, o) * eval_vector(ev, n->in[1])[w];
}

static void dw_visit(Eval *ev, const Node *n, int i, int64_t o, int64_t h, int64_t q, int64_t c, int64_t w)
{
    eval_vector(ev, n->out[0])[w] += *eval_at(ev, n->in[0], i, h, q, c) * *eval_at(ev, n->in[1], i, 0, 0, o);
}

static void dropconnect_eval(Eval *ev, const Node *n)
{
    eval_clear(ev, n->out[0]);
    for_weights(ev, n, n->in[0]->shape, n->out[0]->shape.c, forward_visit);
}

static void dropconnect_dx_eval(Eval *ev, const Node *n)
{
    eval_clear(ev, n->out[0]);
    for_weights(ev, n, n->out[0]->shape, n->in[0]->shape.c, dx_visit);
}

static void dropconnect_dw_eval(Eval *ev, const Node *n)
{
    eval_clear(ev, n->out[0]);
    for_weights(ev, n, n->in[0]->shape, n->in[1]->shape.c, dw_visit);
}

/* The same number forward and for either gradient; masked weights count. */
static double dropconnect_macs(const Node *n)
{
    return (double)n->layer->macs;
}

static Arithmetic dropconnect_arithmetic(const Node *n, const Target *t)
{
    (void)t;
    return (Arithmetic){.algorithm = "direct", .products = dropconnect_macs(n)};
}

const OpDef op_dropconnect_dx = {
    .name = "dropconnect_dx",
    .towards = TO_INPUT,
    .traits = OP_EPILOGUE,
    .macs = dropconnect_macs,
    .arithmetic = dropconnect_arithmetic,
    .emit = dropconnect_dx_emit,
    .eval = dropconnect_dx_eval,
    .algorithm = "rows of the weights, masked again on the way",
};

const OpDef op_dropconnect_dw = {
    .name = "dropconnect_dw",
    .towards = TO_WEIGHTS,
    .dense_pixels = reads_any_pixels,
    .macs = dropconnect_macs,
    .arithmetic = dropconnect_arithmetic,
    .emit = dropconnect_dw_emit,
    .eval = dropconnect_dw_eval,
    .algorithm = "samples in order, masked again on the way",
};

const OpDef op_dropconnect = {
    .name = "dropconnect",
    .traits = OP_EPILOGUE,
    .gradient = dropconnect_gradient,
    .dense_pixels = reads_any_pixels,
    .macs = dropconnect_macs,
    .arithmetic = dropconnect_arithmetic,
    .emit = dropconnect_emit,
    .eval = dropconnect_eval,
    .algorithm = "a sample at a time, weights masked on the way",
};

/* ---- the bias ---- */

static const AttrDef masked_bias_attrs[] = {
    {.name = "rate", .type = ATTR_REAL, .offset = offsetof(DropoutAttrs, rate)},
    {.name = "stream", .type = ATTR_INT, .offset = offsetof(DropoutAttrs, stream)},
    {0},
};

static double masked_bias_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] + in[1];
}

static void masked_bias_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    Value *dy = grad_of(ad, n->out[0]);
    if (grad_wanted(ad, n->in[1])) {
        Value *kept = graph_apply(g, &op_dropout, n->attrs, &dy, 1, dy->shape, arena_printf(g->arena, "%s_dbias", n->layer->name));
        channel_sum_into(g, kept, n->in[1]->param);
    }
    grad_add(ad, n->in[0], dy);
}

const OpDef op_masked_bias = {
    .name = "masked_bias",
    .attrs = masked_bias_attrs,
    .gradient = masked_bias_gradient,
    .elt = &(const EltDef){.code = "v_add($0, nt_dropout($1, pass, $stream, $index, (real)$rate))", .eval = masked_bias_eval, .random = true},
};

Value *dropconnect_build(Graph *g, Layer *l, Value *x, double rate, NetParam *weight, NetParam *bias)
{
    DropoutAttrs *attrs = arena_array(g->arena, 2, sizeof *attrs);
    attrs[0] = (DropoutAttrs){.rate = rate, .stream = l->index};
    attrs[1] = (DropoutAttrs){.rate = rate, .stream = BIAS_STREAM + l->index};
    Value *in[2] = {x, graph_param(g, weight)};
    Value *y = graph_apply(g, &op_dropconnect, &attrs[0], in, 2, l->out, bias ? arena_printf(g->arena, "%s_product", l->name) : l->name);
    if (!bias) {
        return y;
    }
    Value *sum[2] = {y, graph_param(g, bias)};
    return graph_apply(g, &op_masked_bias, &attrs[1], sum, 2, l->out, l->name);
}
