/* maxout.c - maximum over groups of adjacent channels (Goodfellow et al., 2013). */
#include "../emit/rules.h"
#include "../interp.h"
#include "../op.h"

typedef struct MaxoutAttrs {
    int64_t pieces;
} MaxoutAttrs;

static const AttrDef maxout_attrs[] = {
    {.name = "pieces", .type = ATTR_INT, .offset = offsetof(MaxoutAttrs, pieces), .positional = true, .standard = "2", .min = 2,
     .max = 256, .doc = "channels that compete for each result"},
    {0},
};

extern const OpDef op_maxout, op_maxout_dx;

static bool maxout_shape(LayerCtx *cx)
{
    Layer *l = cx->layer;
    const MaxoutAttrs *a = l->attrs;
    if (l->in.c % a->pieces != 0) {
        Diag *d = layer_error(cx, "pieces", "maxout of %lld pieces does not divide the %lld channels", (long long)a->pieces,
                              (long long)l->in.c);
        layer_note_input(cx, d, 0);
        diag_help(cx->diags, d, "%lld channels here would give %lld", (long long)(l->in.c / a->pieces * a->pieces + a->pieces),
                  (long long)(l->in.c / a->pieces + 1));
        return false;
    }
    l->out = l->in;
    l->out.c /= a->pieces;
    return true;
}

static void maxout_build(Graph *g, Layer *l, Value **in)
{
    l->value = graph_apply(g, &op_maxout, l->attrs, in, 1, l->out, l->name);
    if (g->training) {
        Value *arg = graph_value(g, VALUE_INDEX, l->out, arena_printf(g->arena, "%s_arg", l->name));
        node_output(g, l->value->def, arg);
    }
}

static void maxout_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    Value *in[2] = {grad_of(ad, n->out[0]), n->out[1]};
    grad_add(ad, n->in[0], graph_apply(g, &op_maxout_dx, n->attrs, in, 2, n->in[0]->shape,
                                       arena_printf(g->arena, "d_%s", n->in[0]->name)));
}

static void maxout_emit(Emit *e, Node *n)
{
    const MaxoutAttrs *a = n->attrs;
    const Value *y = n->out[0];
    emit_kernel(e, "maxout");
    emit_int(e, "H", y->shape.h);
    emit_int(e, "W", y->shape.w);
    emit_int(e, "C", y->shape.c);
    emit_int(e, "CP", y->layout.channels);
    emit_int(e, "PIECES", a->pieces);
    emit_strides(e, "X", n->in[0]);
    emit_int(e, "ARG", n->n_out > 1);
    emit_arg(e, n->in[0], 0);
    if (n->n_out > 1) {
        emit_arg(e, n->out[1], 0);
    } else {
        emit_arg_text(e, "NULL");
    }
    emit_end(e);
}

static void maxout_dx_emit(Emit *e, Node *n)
{
    const MaxoutAttrs *a = n->attrs;
    const Value *dy = n->in[0];
    emit_kernel(e, "maxout_dx");
    emit_int(e, "H", dy->shape.h);
    emit_int(e, "W", dy->shape.w);
    emit_int(e, "C", dy->shape.c);
    emit_int(e, "CP", dy->layout.channels);
    emit_int(e, "DX_CP", n->out[0]->layout.channels);
    emit_int(e, "PIECES", a->pieces);
    emit_strides(e, "DY", dy);
    emit_arg(e, n->in[0], 0);
    emit_arg(e, n->in[1], 0);
    emit_end(e);
}

static void maxout_eval(Eval *ev, const Node *n)
{
    const MaxoutAttrs *a = n->attrs;
    Shape s = n->out[0]->shape;
    for (int i = 0; i < ev->n; i++) {
        for (int64_t k = 0; k < shape_size(s); k++) {
            int64_t h = k / (s.w * s.c), w = k / s.c % s.w, c = k % s.c, best = 0;
            for (int64_t j = 1; j < a->pieces; j++) {
                if (*eval_at(ev, n->in[0], i, h, w, c * a->pieces + j) > *eval_at(ev, n->in[0], i, h, w, c * a->pieces + best)) {
                    best = j;
                }
            }
            *eval_at(ev, n->out[0], i, h, w, c) = *eval_at(ev, n->in[0], i, h, w, c * a->pieces + best);
            if (n->n_out > 1) {
                *eval_at(ev, n->out[1], i, h, w, c) = (double)best;
            }
        }
    }
}

static void maxout_dx_eval(Eval *ev, const Node *n)
{
    const MaxoutAttrs *a = n->attrs;
    Shape s = n->in[0]->shape;
    for (int i = 0; i < ev->n; i++) {
        for (int64_t k = 0; k < shape_size(s); k++) {
            int64_t h = k / (s.w * s.c), w = k / s.c % s.w, c = k % s.c;
            for (int64_t j = 0; j < a->pieces; j++) {
                bool won = *eval_at(ev, n->in[1], i, h, w, c) == (double)j;
                *eval_at(ev, n->out[0], i, h, w, c * a->pieces + j) = won ? *eval_at(ev, n->in[0], i, h, w, c) : 0;
            }
        }
    }
}

const OpDef op_maxout_dx = {
    .name = "maxout_dx",
    .traits = OP_EPILOGUE,
    .emit = maxout_dx_emit,
    .eval = maxout_dx_eval,
    .algorithm = "a pixel at a time",
};

const OpDef op_maxout = {
    .name = "maxout",
    .kind = "activation",
    .summary = "maximum over groups of adjacent channels",
    .doc = "y[c] = max of x[c*pieces .. c*pieces + pieces - 1]. `dense(2*n) -> maxout(2)` is max(w1 x + b1, w2 x + b2). Goodfellow et al., "
           "2013.",
    .gradient_doc = "g to the channel that was largest; to the first of equals",
    .example = "conv(8, 3x3, pad=1) -> maxout(2)",
    .traits = OP_EPILOGUE,
    .attrs = maxout_attrs,
    .attrs_size = sizeof(MaxoutAttrs),
    .shape = maxout_shape,
    .build = maxout_build,
    .gradient = maxout_gradient,
    .emit = maxout_emit,
    .eval = maxout_eval,
    .algorithm = "a pixel at a time; remembers the winner in a byte",
};
