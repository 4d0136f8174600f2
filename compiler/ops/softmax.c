/* softmax.c - softmax over channels. Before a cross entropy it is left to the loss, which fuses both. */
#include "../emit/rules.h"
#include "../interp.h"
#include "../op.h"

#include <math.h>

extern const OpDef op_softmax, op_softmax_dx;

static void softmax_build(Graph *g, Layer *l, Value **in)
{
    l->value = graph_apply(g, &op_softmax, NULL, in, 1, l->out, l->name);
}

static void softmax_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    Value *in[2] = {n->out[0], grad_of(ad, n->out[0])};
    grad_add(ad, n->in[0], graph_apply(g, &op_softmax_dx, NULL, in, 2, n->in[0]->shape,
                                       arena_printf(g->arena, "d_%s", n->in[0]->name)));
}

static void emit_shape(Emit *e, const Value *v)
{
    emit_int(e, "H", v->shape.h);
    emit_int(e, "W", v->shape.w);
    emit_int(e, "C", v->shape.c);
    emit_int(e, "CP", v->layout.channels);
}

static void softmax_emit(Emit *e, Node *n)
{
    emit_kernel(e, "softmax");
    emit_shape(e, n->out[0]);
    emit_strides(e, "X", n->in[0]);
    emit_arg(e, n->in[0], 0);
    emit_end(e);
}

static void softmax_dx_emit(Emit *e, Node *n)
{
    emit_kernel(e, "softmax_dx");
    emit_shape(e, n->out[0]);
    emit_strides(e, "Y", n->in[0]);
    emit_strides(e, "DY", n->in[1]);
    emit_arg(e, n->in[0], 0);
    emit_arg(e, n->in[1], 0);
    emit_end(e);
}

static void softmax_eval(Eval *ev, const Node *n)
{
    Shape s = n->out[0]->shape;
    for (int i = 0; i < ev->n; i++) {
        for (int64_t p = 0; p < s.h * s.w; p++) {
            double most = -INFINITY, sum = 0;
            for (int64_t c = 0; c < s.c; c++) {
                most = fmax(most, *eval_at(ev, n->in[0], i, p / s.w, p % s.w, c));
            }
            for (int64_t c = 0; c < s.c; c++) {
                sum += exp(*eval_at(ev, n->in[0], i, p / s.w, p % s.w, c) - most);
            }
            for (int64_t c = 0; c < s.c; c++) {
                *eval_at(ev, n->out[0], i, p / s.w, p % s.w, c) = exp(*eval_at(ev, n->in[0], i, p / s.w, p % s.w, c) - most) / sum;
            }
        }
    }
}

static void softmax_dx_eval(Eval *ev, const Node *n)
{
    Shape s = n->out[0]->shape;
    for (int i = 0; i < ev->n; i++) {
        for (int64_t p = 0; p < s.h * s.w; p++) {
            double sum = 0;
            for (int64_t c = 0; c < s.c; c++) {
                sum += *eval_at(ev, n->in[0], i, p / s.w, p % s.w, c) * *eval_at(ev, n->in[1], i, p / s.w, p % s.w, c);
            }
            for (int64_t c = 0; c < s.c; c++) {
                *eval_at(ev, n->out[0], i, p / s.w, p % s.w, c) =
                    *eval_at(ev, n->in[0], i, p / s.w, p % s.w, c) * (*eval_at(ev, n->in[1], i, p / s.w, p % s.w, c) - sum);
            }
        }
    }
}

const OpDef op_softmax_dx = {
    .name = "softmax_dx",
    .traits = OP_EPILOGUE,
    .emit = softmax_dx_emit,
    .eval = softmax_dx_eval,
    .algorithm = "a pixel at a time",
};

const OpDef op_softmax = {
    .name = "softmax",
    .kind = "activation",
    .summary = "e^x over its sum, along the channels",
    .doc = "The maximum is subtracted first. At the end of a network trained with cross_entropy it is part of the loss: `dense(10) -> softmax` trains "
           "and costs the same as `dense(10)`, and the output is probabilities.",
    .gradient_doc = "y*(g - sum of g*y)",
    .example = "softmax",
    .traits = OP_EPILOGUE | OP_SOFTMAX,
    .shape = elt_shape,
    .build = softmax_build,
    .gradient = softmax_gradient,
    .emit = softmax_emit,
    .eval = softmax_eval,
    .algorithm = "a pixel at a time",
};
