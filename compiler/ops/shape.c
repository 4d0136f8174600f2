/* shape.c - input, flatten, identity: what computes nothing. */
#include "../emit/rules.h"
#include "../interp.h"
#include "../op.h"

typedef struct InputAttrs {
    Shape shape;
} InputAttrs;

static const AttrDef input_attrs[] = {
    {.name = "shape", .type = ATTR_SHAPE, .offset = offsetof(InputAttrs, shape), .positional = true, .required = true, .min = 1,
     .max = 1 << 24, .doc = "height x width x channels, or the length of a vector"},
    {0},
};

static bool input_shape(LayerCtx *cx)
{
    const InputAttrs *a = cx->layer->attrs;
    cx->layer->out = a->shape;
    return true;
}

static void no_build(Graph *g, Layer *l, Value **in)
{
    (void)g;
    l->value = in[0];
}

const OpDef op_input = {
    .name = "input",
    .kind = "layer",
    .summary = "shape of the network's input",
    .doc = "First statement of every network. Pixels arrive as 0..1, then normalised as the data section says.",
    .example = "identity",
    .attrs = input_attrs,
    .attrs_size = sizeof(InputAttrs),
    .shape = input_shape,
    .build = no_build,
};

/* ---- flatten: the value stays the volume it is; graph_as_written copies where a plain vector is needed (see held_shape) ---- */

static bool flatten_shape(LayerCtx *cx)
{
    cx->layer->out = (Shape){1, 1, shape_size(cx->layer->in), true};
    return true;
}

const OpDef op_flatten = {
    .name = "flatten",
    .kind = "layer",
    .summary = "a volume as a vector",
    .doc = "Channel after channel, each row by row, as PyTorch's `flatten` does: so are parameters of what reads it, and the network's output. dense "
           "flattens by itself; flatten costs nothing where dense or element-wise layers read it.",
    .gradient_doc = "g in the input's shape",
    .example = "flatten -> dense(10)",
    .traits = OP_FREE | OP_FLATTENS,
    .shape = flatten_shape,
    .build = no_build,
};

const OpDef op_identity = {
    .name = "identity",
    .kind = "layer",
    .summary = "passes its input on",
    .doc = "The empty branch of a merge.",
    .gradient_doc = "g",
    .example = "identity",
    .traits = OP_FREE | OP_FLATTENS,
    .shape = elt_shape,
    .build = no_build,
};

/* ---- copy: a result that others read as well gets a place of its own ---- */

static double copy_element(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0];
}

static void copy_gradient(Autodiff *ad, Node *n)
{
    grad_add(ad, n->in[0], grad_of(ad, n->out[0]));
}

const OpDef op_copy = {
    .name = "copy",
    .gradient = copy_gradient,
    .elt = &(const EltDef){.code = "$0", .eval = copy_element},
};

/* ---- to_vector and its gradient: a volume's values in channel, height, width order ---- */

extern const OpDef op_to_vector, op_to_vector_dx;

Value *graph_as_written(Graph *g, Shape shape, Value *v)
{
    if (shape_equal(shape, v->shape)) {
        return v;
    }
    return graph_apply(g, &op_to_vector, NULL, &v, 1, shape, arena_printf(g->arena, "%s_flat", v->name));
}

static void to_vector_gradient(Autodiff *ad, Node *n)
{
    Value *dy = grad_of(ad, n->out[0]);
    Graph *g = grad_graph(ad);
    grad_add(ad, n->in[0], graph_apply(g, &op_to_vector_dx, NULL, &dy, 1, n->in[0]->shape,
                                       arena_printf(g->arena, "d_%s", n->in[0]->name)));
}

static void copy_eval(Eval *ev, const Value *volume, const Value *vector, bool forward)
{
    Shape s = volume->shape;
    for (int i = 0; i < ev->n; i++) {
        for (int64_t k = 0; k < shape_size(s); k++) {
            double *a = eval_at(ev, volume, i, k / s.w % s.h, k % s.w, k / (s.h * s.w)), *b = eval_at(ev, vector, i, 0, 0, k);
            *(forward ? b : a) = *(forward ? a : b);
        }
    }
}

static void to_vector_eval(Eval *ev, const Node *n)
{
    copy_eval(ev, n->in[0], n->out[0], true);
}

static void to_vector_dx_eval(Eval *ev, const Node *n)
{
    copy_eval(ev, n->out[0], n->in[0], false);
}

static void to_vector_emit(Emit *e, Node *n)
{
    Value *x = n->in[0];
    emit_kernel(e, "to_vector");
    emit_int(e, "H", x->shape.h);
    emit_int(e, "W", x->shape.w);
    emit_int(e, "C", x->shape.c);
    emit_int(e, "CP", n->out[0]->layout.channels);
    emit_strides(e, "X", x);
    emit_arg(e, x, 0);
    emit_end(e);
}

static void to_vector_dx_emit(Emit *e, Node *n)
{
    Value *dx = n->out[0];
    emit_kernel(e, "to_vector_dx");
    emit_int(e, "H", dx->shape.h);
    emit_int(e, "W", dx->shape.w);
    emit_int(e, "C", dx->shape.c);
    emit_int(e, "CP", dx->layout.channels);
    emit_int(e, "DY_S", n->in[0]->layout.sample);
    emit_arg(e, n->in[0], 0);
    emit_end(e);
}

const OpDef op_to_vector = {
    .name = "to_vector",
    .traits = OP_EPILOGUE,
    .gradient = to_vector_gradient,
    .emit = to_vector_emit,
    .eval = to_vector_eval,
    .algorithm = "copy",
};

const OpDef op_to_vector_dx = {
    .name = "to_vector_dx",
    .traits = OP_EPILOGUE,
    .emit = to_vector_dx_emit,
    .eval = to_vector_dx_eval,
    .algorithm = "copy",
};
