/* abrelu.c - average biased rectifier (Dubey and Chakraborty, 2021): the threshold is the mean of the sample's whole volume, and the
 * gradient goes through it. */
#include "../emit/rules.h"
#include "../interp.h"
#include "../op.h"

typedef struct AbreluAttrs {
    double alpha;
} AbreluAttrs;

static const AttrDef abrelu_attrs[] = {
    {.name = "alpha", .type = ATTR_REAL, .offset = offsetof(AbreluAttrs, alpha), .positional = true, .standard = "1", .min = -100,
     .max = 100, .doc = "factor of the mean"},
    {0},
};

extern const OpDef op_abrelu, op_abrelu_dx;

static double alpha_of(const Node *n)
{
    return ((const AbreluAttrs *)n->attrs)->alpha;
}

static void abrelu_gradient(Autodiff *ad, Node *n)
{
    if (!grad_wanted(ad, n->in[0])) {
        return;
    }
    Graph *g = grad_graph(ad);
    Value *in[2] = {n->out[0], grad_of(ad, n->out[0])};
    grad_add(ad, n->in[0], graph_apply(g, &op_abrelu_dx, n->attrs, in, 2, n->in[0]->shape,
                                       arena_printf(g->arena, "d_%s", n->in[0]->name)));
}

static void emit_volume(Emit *e, const Node *n)
{
    Shape s = n->out[0]->shape;
    emit_int(e, "H", s.h);
    emit_int(e, "W", s.w);
    emit_int(e, "C", s.c);
    emit_int(e, "CP", n->out[0]->layout.channels);
    emit_real(e, "ALPHA", alpha_of(n));
}

static void abrelu_emit(Emit *e, Node *n)
{
    emit_kernel(e, "abrelu");
    emit_volume(e, n);
    emit_strides(e, "X", n->in[0]);
    emit_arg(e, n->in[0], 0);
    emit_end(e);
}

static void abrelu_dx_emit(Emit *e, Node *n)
{
    emit_kernel(e, "abrelu_dx");
    emit_volume(e, n);
    emit_strides(e, "Y", n->in[0]);
    emit_strides(e, "DY", n->in[1]);
    emit_arg(e, n->in[0], 0);
    emit_arg(e, n->in[1], 0);
    emit_end(e);
}

static double *element(Eval *ev, const Value *v, int i, int64_t k)
{
    Shape s = v->shape;
    return eval_at(ev, v, i, k / (s.w * s.c), k / s.c % s.w, k % s.c);
}

static void abrelu_eval(Eval *ev, const Node *n)
{
    int64_t size = shape_size(n->out[0]->shape);
    for (int i = 0; i < ev->n; i++) {
        double sum = 0;
        for (int64_t k = 0; k < size; k++) {
            sum += *element(ev, n->in[0], i, k);
        }
        for (int64_t k = 0; k < size; k++) {
            double y = *element(ev, n->in[0], i, k) - alpha_of(n) * sum / (double)size;
            *element(ev, n->out[0], i, k) = y > 0 ? y : 0;
        }
    }
}

static void abrelu_dx_eval(Eval *ev, const Node *n)
{
    int64_t size = shape_size(n->out[0]->shape);
    for (int i = 0; i < ev->n; i++) {
        double sum = 0;
        for (int64_t k = 0; k < size; k++) {
            sum += *element(ev, n->in[0], i, k) > 0 ? *element(ev, n->in[1], i, k) : 0;
        }
        for (int64_t k = 0; k < size; k++) {
            double open = *element(ev, n->in[0], i, k) > 0 ? *element(ev, n->in[1], i, k) : 0;
            *element(ev, n->out[0], i, k) = open - alpha_of(n) * sum / (double)size;
        }
    }
}

const OpDef op_abrelu_dx = {
    .name = "abrelu_dx",
    .traits = OP_EPILOGUE,
    .emit = abrelu_dx_emit,
    .eval = abrelu_dx_eval,
    .algorithm = "the mean of a sample, then its elements",
};

const OpDef op_abrelu = {
    .name = "abrelu",
    .kind = "activation",
    .summary = "average biased rectifier: max(0, x - alpha*mean(x))",
    .doc = "The mean is of the sample's whole volume: all its pixels and channels. Dubey and Chakraborty, 2021, whose alpha is 1.",
    .gradient_doc = "with h = g where y > 0, else 0: h - alpha*mean(h), as every x is part of the mean",
    .example = "abrelu",
    .traits = OP_EPILOGUE,
    .attrs = abrelu_attrs,
    .attrs_size = sizeof(AbreluAttrs),
    .shape = elt_shape,
    .build = elt_build,
    .gradient = abrelu_gradient,
    .emit = abrelu_emit,
    .eval = abrelu_eval,
    .algorithm = "the mean of a sample, then its elements",
};
