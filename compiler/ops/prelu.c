/* prelu.c - rectifier with a learnt slope a channel, or one for all (He et al., 2015). */
#include "bias.h"

#include "../emit/rules.h"
#include "../interp.h"

typedef struct PreluAttrs {
    bool shared;
} PreluAttrs;

static const AttrDef prelu_attrs[] = {
    {.name = "shared", .type = ATTR_BOOL, .offset = offsetof(PreluAttrs, shared), .standard = "no", .doc = "one slope for all channels"},
    {0},
};

static double prelu_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] > 0 ? in[0] : in[1] * in[0];
}

static double prelu_dx_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] > 0 ? in[2] : in[1] * in[2];
}

static double prelu_da_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] > 0 ? 0 : in[0] * in[1];
}

const OpDef op_prelu_dx = {
    .name = "prelu_dx",
    .elt = &(const EltDef){.code = "v_select(v_gt($0, v_zero()), $2, v_mul($1, $2))", .eval = prelu_dx_eval},
};

const OpDef op_prelu_da = {
    .name = "prelu_da",
    .elt = &(const EltDef){.code = "v_select(v_gt($0, v_zero()), v_zero(), v_mul($0, $1))", .eval = prelu_da_eval},
};

/* ---- total: the sum of a channel vector, for the shared slope ---- */

static void total_eval(Eval *ev, const Node *n)
{
    double sum = 0;
    for (int64_t c = 0; c < n->in[0]->shape.c; c++) {
        sum += eval_vector(ev, n->in[0])[c];
    }
    eval_vector(ev, n->out[0])[0] = sum;
}

static void total_emit(Emit *e, Node *n)
{
    emit_kernel(e, "total");
    emit_int(e, "C", n->in[0]->shape.c);
    emit_arg(e, n->in[0], 0);
    emit_arg(e, n->out[0], 0);
    emit_end(e);
}

const OpDef op_total = {
    .name = "total",
    .eval = total_eval,
    .emit = total_emit,
    .algorithm = "one thread, in order",
};

static void slope_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    Value *dy = grad_of(ad, n->out[0]), *x = n->in[0];
    NetParam *slope = n->in[1]->param;
    Value *da_in[2] = {x, dy};
    Value *da = graph_apply(g, &op_prelu_da, NULL, da_in, 2, x->shape, arena_printf(g->arena, "%s_da", n->layer->name));
    if (((const PreluAttrs *)n->attrs)->shared) {
        Node *sums = graph_node(g, &op_channel_sum, NULL, &da, 1);
        Value *channels = graph_value(g, VALUE_CHANNEL, (Shape){1, 1, x->shape.c, true}, arena_printf(g->arena, "%s_sums", n->layer->name));
        node_output(g, sums, channels);
        node_output(g, graph_node(g, &op_total, NULL, &channels, 1), graph_param_grad(g, slope));
    } else {
        channel_sum_into(g, da, slope);
    }
}

static void prelu_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    Value *dy = grad_of(ad, n->out[0]), *x = n->in[0];
    if (grad_wanted(ad, n->in[1])) {
        slope_gradient(ad, n);
    }
    if (grad_wanted(ad, x)) {
        Value *in[3] = {x, n->in[1], dy};
        grad_add(ad, x, graph_apply(g, &op_prelu_dx, NULL, in, 3, x->shape, arena_printf(g->arena, "d_%s", x->name)));
    }
}

static bool prelu_shape(LayerCtx *cx)
{
    Layer *l = cx->layer;
    const PreluAttrs *a = l->attrs;
    l->out = l->in;
    layer_param(cx, "weight", PARAM_WEIGHT, a->shared ? 1 : l->in.c, (InitSpec){.name = "constant", .value = 0.25, .loc = loc_none()},
                false);
    return true;
}

static void prelu_build(Graph *g, Layer *l, Value **in)
{
    Value *args[2] = {in[0], graph_param(g, l->params[0])};
    l->value = graph_apply(g, l->op, l->attrs, args, 2, args[0]->shape, l->name);
}

const OpDef op_prelu = {
    .name = "prelu",
    .kind = "activation",
    .summary = "x for x > 0, else a*x with a learnt for each channel",
    .doc = "He, Zhang, Ren and Sun, 2015. a starts at 0.25 and does not decay; `shared=yes` learns one for all channels.",
    .gradient_doc = "g where x > 0, else a*g; for a the sum of g*x where x <= 0",
    .example = "prelu",
    .attrs = prelu_attrs,
    .attrs_size = sizeof(PreluAttrs),
    .shape = prelu_shape,
    .build = prelu_build,
    .gradient = prelu_gradient,
    .elt = &(const EltDef){.code = "v_select(v_gt($0, v_zero()), $0, v_mul($1, $0))", .eval = prelu_eval},
};
