/* lrn.c - local response normalisation across channels (Krizhevsky et al., 2012, section 3.3). */
#include "../emit/rules.h"
#include "../interp.h"
#include "../op.h"

#include <math.h>

typedef struct LrnAttrs {
    int64_t n;
    double alpha, beta, k;
} LrnAttrs;

static const AttrDef lrn_attrs[] = {
    {.name = "n", .type = ATTR_INT, .offset = offsetof(LrnAttrs, n), .positional = true, .standard = "5", .min = 1, .max = 1024,
     .doc = "channels in the sum"},
    {.name = "alpha", .type = ATTR_REAL, .offset = offsetof(LrnAttrs, alpha), .standard = "1e-4", .min = 0, .max = 100,
     .doc = "factor of the mean square"},
    {.name = "beta", .type = ATTR_REAL, .offset = offsetof(LrnAttrs, beta), .standard = "0.75", .min = 0, .max = 10, .doc = "power"},
    {.name = "k", .type = ATTR_REAL, .offset = offsetof(LrnAttrs, k), .standard = "2", .min = 1e-6, .max = 1000,
     .doc = "added to the sum"},
    {0},
};

extern const OpDef op_lrn, op_lrn_dx;

static void lrn_build(Graph *g, Layer *l, Value **in)
{
    l->value = graph_apply(g, &op_lrn, l->attrs, in, 1, l->out, l->name);
}

static void lrn_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    Value *in[2] = {n->in[0], grad_of(ad, n->out[0])};
    grad_add(ad, n->in[0], graph_apply(g, &op_lrn_dx, n->attrs, in, 2, n->in[0]->shape,
                                       arena_printf(g->arena, "d_%s", n->in[0]->name)));
}

static void emit_lrn(Emit *e, const Node *n)
{
    const LrnAttrs *a = n->attrs;
    const Value *x = n->in[0];
    emit_int(e, "H", x->shape.h);
    emit_int(e, "W", x->shape.w);
    emit_int(e, "C", x->shape.c);
    emit_int(e, "CP", n->out[0]->layout.channels);
    emit_int(e, "SIZE", a->n);
    emit_real(e, "ALPHA", a->alpha);
    emit_real(e, "BETA", a->beta);
    emit_real(e, "K", a->k);
    emit_strides(e, "X", x);
}

static void lrn_emit(Emit *e, Node *n)
{
    emit_kernel(e, "lrn");
    emit_lrn(e, n);
    emit_arg(e, n->in[0], 0);
    emit_end(e);
}

static void lrn_dx_emit(Emit *e, Node *n)
{
    emit_kernel(e, "lrn_dx");
    emit_lrn(e, n);
    emit_strides(e, "DY", n->in[1]);
    emit_arg(e, n->in[0], 0);
    emit_arg(e, n->in[1], 0);
    emit_end(e);
}

/* k + alpha/n * sum of squares around channel c. */
static double base_at(Eval *ev, const Node *n, int i, int64_t h, int64_t w, int64_t c)
{
    const LrnAttrs *a = n->attrs;
    double sum = 0;
    for (int64_t j = c - a->n / 2; j <= c + (a->n - 1) / 2; j++) {
        if (j >= 0 && j < n->in[0]->shape.c) {
            double x = *eval_at(ev, n->in[0], i, h, w, j);
            sum += x * x;
        }
    }
    return a->k + a->alpha / (double)a->n * sum;
}

static void lrn_eval_element(Eval *ev, const Node *n, int i, int64_t h, int64_t w, int64_t c, bool backward)
{
    const LrnAttrs *a = n->attrs;
    if (!backward) {
        *eval_at(ev, n->out[0], i, h, w, c) = *eval_at(ev, n->in[0], i, h, w, c) * pow(base_at(ev, n, i, h, w, c), -a->beta);
        return;
    }
    double sum = 0, x = *eval_at(ev, n->in[0], i, h, w, c);
    for (int64_t j = c - (a->n - 1) / 2; j <= c + a->n / 2; j++) {
        if (j >= 0 && j < n->in[0]->shape.c) {
            sum += *eval_at(ev, n->in[1], i, h, w, j) * *eval_at(ev, n->in[0], i, h, w, j) *
                   pow(base_at(ev, n, i, h, w, j), -a->beta - 1);
        }
    }
    *eval_at(ev, n->out[0], i, h, w, c) = *eval_at(ev, n->in[1], i, h, w, c) * pow(base_at(ev, n, i, h, w, c), -a->beta) -
                                          2 * a->alpha * a->beta / (double)a->n * x * sum;
}

static void lrn_eval_all(Eval *ev, const Node *n, bool backward)
{
    Shape s = n->in[0]->shape;
    for (int i = 0; i < ev->n; i++) {
        for (int64_t k = 0; k < shape_size(s); k++) {
            lrn_eval_element(ev, n, i, k / (s.w * s.c), k / s.c % s.w, k % s.c, backward);
        }
    }
}

static void lrn_eval(Eval *ev, const Node *n)
{
    lrn_eval_all(ev, n, false);
}

static void lrn_dx_eval(Eval *ev, const Node *n)
{
    lrn_eval_all(ev, n, true);
}

const OpDef op_lrn_dx = {
    .name = "lrn_dx",
    .traits = OP_EPILOGUE,
    .emit = lrn_dx_emit,
    .eval = lrn_dx_eval,
    .algorithm = "squares and terms of a pixel in a row, then windows",
};

const OpDef op_lrn = {
    .name = "lrn",
    .kind = "layer",
    .summary = "local response normalisation across channels",
    .doc = "y = x / (k + alpha/n * sum of x^2 over n channels around it)^beta. Krizhevsky, Sutskever and Hinton, 2012, whose alpha is ours "
           "over n: as in PyTorch.",
    .gradient_doc = "g*d^-beta - 2*alpha*beta/n * x * sum of g*x*d^(-beta-1), d the base of the power",
    .example = "lrn(5, alpha=1e-4, beta=0.75, k=2)",
    .traits = OP_EPILOGUE,
    .attrs = lrn_attrs,
    .attrs_size = sizeof(LrnAttrs),
    .shape = elt_shape,
    .build = lrn_build,
    .gradient = lrn_gradient,
    .emit = lrn_emit,
    .eval = lrn_eval,
    .algorithm = "squares of a pixel in a row, then windows",
};
