/* swish.c - x*sigmoid(beta*x) (Ramachandran, Zoph and Le, 2017), with beta given or learnt, one a channel. */
#include "bias.h"

#include <math.h>

typedef struct SwishAttrs {
    Learnt beta;
} SwishAttrs;

static const AttrDef swish_attrs[] = {
    {.name = "beta", .type = ATTR_LEARNT, .offset = offsetof(SwishAttrs, beta), .positional = true, .standard = "1", .min = -100,
     .max = 100, .doc = "factor inside the sigmoid; learn: one for each channel, from 1 on"},
    {0},
};

static double swish(double x, double beta)
{
    return x / (1 + exp(-beta * x));
}

static double swish_slope(double x, double beta)
{
    double s = 1 / (1 + exp(-beta * x));
    return s * (1 + beta * x * (1 - s));
}

/* ---- beta given ---- */

static double beta_of(const Node *n)
{
    return ((const SwishAttrs *)n->attrs)->beta.value;
}

static double swish_eval(const Node *n, const double *in, int batch)
{
    (void)batch;
    return swish(in[0], beta_of(n));
}

static double swish_dx_eval(const Node *n, const double *in, int batch)
{
    (void)batch;
    return in[1] * swish_slope(in[0], beta_of(n));
}

const OpDef op_swish_dx = {
    .name = "swish_dx",
    .attrs = swish_attrs,
    .elt = &(const EltDef){.code = "v_mul($1, v_swish_slope($0, v_set1($beta)))", .eval = swish_dx_eval},
};

/* ---- beta learnt ---- */

static double learnt_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return swish(in[0], in[1]);
}

static double learnt_dx_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[2] * swish_slope(in[0], in[1]);
}

static double learnt_dbeta_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    double s = 1 / (1 + exp(-in[1] * in[0]));
    return in[2] * in[0] * in[0] * s * (1 - s);
}

const OpDef op_swish_learnt_dx = {
    .name = "swish_learnt_dx",
    .elt = &(const EltDef){.code = "v_mul($2, v_swish_slope($0, $1))", .eval = learnt_dx_eval},
};

const OpDef op_swish_learnt_dbeta = {
    .name = "swish_learnt_dbeta",
    .elt = &(const EltDef){.code = "v_mul($2, v_swish_slope_beta($0, $1))", .eval = learnt_dbeta_eval},
};

static void learnt_gradient(Autodiff *ad, Node *n)
{
    channel_param_gradient(ad, n, &op_swish_learnt_dx, &op_swish_learnt_dbeta);
}

const OpDef op_swish_learnt = {
    .name = "swish_learnt",
    .gradient = learnt_gradient,
    .elt = &(const EltDef){.code = "v_mul($0, v_sigmoid(v_mul($1, $0)))", .eval = learnt_eval},
};

/* ---- the language's operator ---- */

static bool swish_shape(LayerCtx *cx)
{
    Layer *l = cx->layer;
    const SwishAttrs *a = l->attrs;
    l->out = l->in;
    if (a->beta.learnt) {
        layer_param(cx, "beta", PARAM_WEIGHT, l->in.c, (InitSpec){.name = "constant", .value = 1, .loc = loc_none()}, false);
    }
    return true;
}

static void swish_build(Graph *g, Layer *l, Value **in)
{
    const SwishAttrs *a = l->attrs;
    if (!a->beta.learnt) {
        elt_build(g, l, in);
        return;
    }
    Value *args[2] = {in[0], graph_param(g, l->params[0])};
    l->value = graph_apply(g, &op_swish_learnt, l->attrs, args, 2, args[0]->shape, l->name);
}

const OpDef op_swish = {
    .name = "swish",
    .kind = "activation",
    .summary = "x*sigmoid(beta*x)",
    .doc = "Ramachandran, Zoph and Le, 2017; with beta 1 also known as SiLU. With `beta=learn` the parameter `beta` has a value for each "
           "channel, which starts at 1 and does not decay.",
    .gradient_doc = "g*s*(1 + beta*x*(1 - s)), s = sigmoid(beta*x); for a learnt beta the sum of g*x^2*s*(1 - s)",
    .example = "swish(beta=learn)",
    .attrs = swish_attrs,
    .attrs_size = sizeof(SwishAttrs),
    .shape = swish_shape,
    .build = swish_build,
    .gradient = elt_gradient,
    .elt = &(const EltDef){.code = "v_mul($0, v_sigmoid(v_mul(v_set1($beta), $0)))", .eval = swish_eval, .dx = &op_swish_dx},
};
