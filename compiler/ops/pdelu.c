/* pdelu.c - parametric deformable exponential linear unit (Cheng et al., 2020): below 0 the exponential of elu is replaced by the deformed
 * one, exp_t(x) = [1 + (1-t)x]_+^(1/(1-t)), which tends to e^x as t tends to 1; its factor a is learnt, one a channel. */
#include "bias.h"

#include <math.h>

typedef struct PdeluAttrs {
    double t;
} PdeluAttrs;

static const AttrDef pdelu_attrs[] = {
    {.name = "t", .type = ATTR_REAL, .offset = offsetof(PdeluAttrs, t), .positional = true, .standard = "0.9", .min = 0, .max = 0.99,
     .doc = "deformation of the exponential: 0 a straight line down to x = -1, towards 1 the exponential itself"},
    {0},
};

/* [1 + (1-t)x]_+ */
static double bracket(double t, double x)
{
    return fmax(0, 1 + (1 - t) * x);
}

static double t_of(const Node *n)
{
    return ((const PdeluAttrs *)n->attrs)->t;
}

static double pdelu_eval(const Node *n, const double *in, int batch)
{
    (void)batch;
    double t = t_of(n);
    return in[0] > 0 ? in[0] : in[1] * (pow(bracket(t, in[0]), 1 / (1 - t)) - 1);
}

static double pdelu_dx_eval(const Node *n, const double *in, int batch)
{
    (void)batch;
    double t = t_of(n), base = bracket(t, in[0]);
    return in[0] > 0 ? in[2] : base > 0 ? in[2] * in[1] * pow(base, t / (1 - t)) : 0;
}

static double pdelu_da_eval(const Node *n, const double *in, int batch)
{
    (void)batch;
    double t = t_of(n);
    return in[0] > 0 ? 0 : in[2] * (pow(bracket(t, in[0]), 1 / (1 - t)) - 1);
}

const OpDef op_pdelu_dx = {
    .name = "pdelu_dx",
    .attrs = pdelu_attrs,
    .elt = &(const EltDef){.code = "v_mul($2, v_select(v_gt($0, v_zero()), v_set1(1), v_mul($1, v_deformed_slope($0, $t))))",
                           .eval = pdelu_dx_eval},
};

const OpDef op_pdelu_da = {
    .name = "pdelu_da",
    .attrs = pdelu_attrs,
    .elt = &(const EltDef){.code = "v_select(v_gt($0, v_zero()), v_zero(), v_mul($2, v_deformed($0, $t)))", .eval = pdelu_da_eval},
};

static void pdelu_gradient(Autodiff *ad, Node *n)
{
    channel_param_gradient(ad, n, &op_pdelu_dx, &op_pdelu_da);
}

static bool pdelu_shape(LayerCtx *cx)
{
    Layer *l = cx->layer;
    l->out = l->in;
    layer_param(cx, "weight", PARAM_WEIGHT, l->in.c, (InitSpec){.name = "constant", .value = 1, .loc = loc_none()}, false);
    return true;
}

static void pdelu_build(Graph *g, Layer *l, Value **in)
{
    Value *args[2] = {in[0], graph_param(g, l->params[0])};
    l->value = graph_apply(g, l->op, l->attrs, args, 2, args[0]->shape, l->name);
}

const OpDef op_pdelu = {
    .name = "pdelu",
    .kind = "activation",
    .summary = "x for x > 0, else a*([1 + (1-t)x]_+^(1/(1-t)) - 1) with a learnt for each channel",
    .doc = "The parametric deformable exponential linear unit of Cheng et al., 2020: an elu whose exponential is deformed by t, and cut off at "
           "x = -1/(1-t). a, the parameter `weight`, starts at 1 and does not decay.",
    .gradient_doc = "g where x > 0, else g*a*[1 + (1-t)x]_+^(t/(1-t)); for a the sum of g*y/a where x <= 0",
    .example = "pdelu",
    .attrs = pdelu_attrs,
    .attrs_size = sizeof(PdeluAttrs),
    .shape = pdelu_shape,
    .build = pdelu_build,
    .gradient = pdelu_gradient,
    .elt = &(const EltDef){.code = "v_select(v_gt($0, v_zero()), $0, v_mul($1, v_deformed($0, $t)))", .eval = pdelu_eval},
};
