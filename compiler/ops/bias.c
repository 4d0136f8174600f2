/* bias.c - a value a channel added to a tensor: the bias of products. Its gradient is a sum over samples and pixels. */
#include "bias.h"

#include "../emit/rules.h"
#include "../interp.h"

enum { SUM_CHUNKS = 64 };

static double bias_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] + in[1];
}

void channel_sum_into(Graph *g, Value *x, NetParam *p)
{
    Node *sum = graph_node(g, &op_channel_sum, NULL, &x, 1);
    node_output(g, sum, graph_param_grad(g, p));
}

void channel_param_gradient(Autodiff *ad, Node *n, const OpDef *dx, const OpDef *dp)
{
    Graph *g = grad_graph(ad);
    Value *x = n->in[0], *in[3] = {x, n->in[1], grad_of(ad, n->out[0])};
    NetParam *p = n->in[1]->param;
    if (grad_wanted(ad, n->in[1])) {
        channel_sum_into(g, graph_apply(g, dp, n->attrs, in, 3, x->shape, arena_printf(g->arena, "%s_d%s", n->layer->name, p->suffix)), p);
    }
    if (grad_wanted(ad, x)) {
        grad_add(ad, x, graph_apply(g, dx, n->attrs, in, 3, x->shape, arena_printf(g->arena, "d_%s", x->name)));
    }
}

static void bias_gradient(Autodiff *ad, Node *n)
{
    Value *g = grad_of(ad, n->out[0]);
    if (grad_wanted(ad, n->in[1])) {
        channel_sum_into(grad_graph(ad), g, n->in[1]->param);
    }
    grad_add(ad, n->in[0], g);
}

const OpDef op_bias = {
    .name = "bias",
    .gradient = bias_gradient,
    .elt = &(const EltDef){.code = "v_add($0, $1)", .eval = bias_eval},
};

/* ---- channel_sum: x -> sum over samples and pixels of each channel ---- */

static void channel_sum_eval(Eval *ev, const Node *n)
{
    Shape s = n->in[0]->shape;
    double *sum = eval_vector(ev, n->out[0]);
    for (int64_t c = 0; c < s.c; c++) {
        sum[c] = 0;
        for (int i = 0; i < ev->n; i++) {
            for (int64_t h = 0; h < s.h; h++) {
                for (int64_t w = 0; w < s.w; w++) {
                    sum[c] += *eval_at(ev, n->in[0], i, h, w, c);
                }
            }
        }
    }
}

static int64_t channel_sum_work(const Node *n, const Target *t)
{
    (void)t;
    return SUM_CHUNKS * n->in[0]->layout.channels;
}

static void channel_sum_emit(Emit *e, Node *n)
{
    Value *x = n->in[0];
    emit_kernel(e, "channel_sum");
    emit_int(e, "H", x->shape.h);
    emit_int(e, "W", x->shape.w);
    emit_int(e, "C", x->shape.c);
    emit_int(e, "CP", x->layout.channels);
    emit_int(e, "CHUNKS", SUM_CHUNKS);
    emit_arg(e, n->out[0], 0);
    emit_arg(e, n->work, 0);
    emit_load(e, x);
    emit_end(e);
}

const OpDef op_channel_sum = {
    .name = "channel_sum",
    .traits = OP_CHANNEL_SUM,
    .eval = channel_sum_eval,
    .work = channel_sum_work,
    .emit = channel_sum_emit,
    .algorithm = "sums in registers over runs of 64 pixels, runs in chunks, chunks in order",
};
