/* activations.c - the element-wise activations without parameters: a row of text, a function in double and a derivative each.
 *
 * A gradient's $0 is what was saved (the result where that is enough, since the next layer keeps it anyway), $1 the gradient of the
 * result. Formulas: coverage of the lectures, and the papers named in the rows. */
#include "../op.h"

#include <math.h>

typedef struct AlphaAttrs {
    double alpha;
} AlphaAttrs;

static double alpha_of(const Node *n)
{
    return ((const AlphaAttrs *)n->attrs)->alpha;
}

/* ---- relu ---- */

static double relu_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] > 0 ? in[0] : 0;
}

static double relu_dx_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] > 0 ? in[1] : 0;
}

const OpDef op_relu_dx = {
    .name = "relu_dx",
    .elt = &(const EltDef){.code = "v_select(v_gt($0, v_zero()), $1, v_zero())", .eval = relu_dx_eval},
};

const OpDef op_relu = {
    .name = "relu",
    .kind = "activation",
    .summary = "rectifier: max(0, x)",
    .doc = "Nair and Hinton, 2010. The gradient at 0 is 0.",
    .gradient_doc = "g where y > 0, else 0",
    .example = "relu",
    .shape = elt_shape,
    .build = elt_build,
    .gradient = elt_gradient,
    .elt = &(const EltDef){.code = "v_max(v_zero(), $0)", .eval = relu_eval, .dx = &op_relu_dx, .from_output = true},
};

/* ---- leaky_relu ---- */

static double leaky_relu_eval(const Node *n, const double *in, int batch)
{
    (void)batch;
    return in[0] > 0 ? in[0] : alpha_of(n) * in[0];
}

static double leaky_relu_dx_eval(const Node *n, const double *in, int batch)
{
    (void)batch;
    return in[0] > 0 ? in[1] : alpha_of(n) * in[1];
}

static const AttrDef leaky_attrs[] = {
    {.name = "alpha", .type = ATTR_REAL, .offset = offsetof(AlphaAttrs, alpha), .positional = true, .standard = "0.01", .min = 0,
     .max = 1, .doc = "slope for negative x"},
    {0},
};

const OpDef op_leaky_relu_dx = {
    .name = "leaky_relu_dx",
    .attrs = leaky_attrs,
    .elt = &(const EltDef){.code = "v_select(v_gt($0, v_zero()), $1, v_mul($1, v_set1($alpha)))", .eval = leaky_relu_dx_eval},
};

const OpDef op_leaky_relu = {
    .name = "leaky_relu",
    .kind = "activation",
    .summary = "x for x > 0, else alpha*x",
    .doc = "Maas, Hannun and Ng, 2013.",
    .gradient_doc = "g where x > 0, else alpha*g",
    .example = "leaky_relu(0.1)",
    .attrs = leaky_attrs,
    .attrs_size = sizeof(AlphaAttrs),
    .shape = elt_shape,
    .build = elt_build,
    .gradient = elt_gradient,
    .elt = &(const EltDef){.code = "v_select(v_gt($0, v_zero()), $0, v_mul($0, v_set1($alpha)))", .eval = leaky_relu_eval,
                           .dx = &op_leaky_relu_dx},
};

/* ---- elu ---- */

static double elu_eval(const Node *n, const double *in, int batch)
{
    (void)batch;
    return in[0] > 0 ? in[0] : alpha_of(n) * expm1(in[0]);
}

static double elu_dx_eval(const Node *n, const double *in, int batch)
{
    (void)batch;
    return in[0] > 0 ? in[1] : in[1] * alpha_of(n) * exp(in[0]);
}

static const AttrDef elu_attrs[] = {
    {.name = "alpha", .type = ATTR_REAL, .offset = offsetof(AlphaAttrs, alpha), .positional = true, .standard = "1", .min = 0,
     .max = 100, .doc = "limit for x towards minus infinity is -alpha"},
    {0},
};

const OpDef op_elu_dx = {
    .name = "elu_dx",
    .attrs = elu_attrs,
    .elt = &(const EltDef){.code = "v_select(v_gt($0, v_zero()), $1, v_mul($1, v_mul(v_set1($alpha), v_exp(v_min($0, v_zero())))))",
                           .eval = elu_dx_eval},
};

const OpDef op_elu = {
    .name = "elu",
    .kind = "activation",
    .summary = "x for x > 0, else alpha*(e^x - 1)",
    .doc = "Clevert, Unterthiner and Hochreiter, 2016.",
    .gradient_doc = "g where x > 0, else g*alpha*e^x",
    .example = "elu",
    .attrs = elu_attrs,
    .attrs_size = sizeof(AlphaAttrs),
    .shape = elt_shape,
    .build = elt_build,
    .gradient = elt_gradient,
    .elt = &(const EltDef){.code = "v_select(v_gt($0, v_zero()), $0, v_mul(v_set1($alpha), v_expm1(v_min($0, v_zero()))))",
                           .eval = elu_eval, .dx = &op_elu_dx},
};

/* ---- selu: lambda*elu(x; alpha), the constants of Klambauer et al., 2017 ---- */

static const double selu_lambda = 1.0507009873554805, selu_alpha = 1.6732632423543772;

static double selu_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return selu_lambda * (in[0] > 0 ? in[0] : selu_alpha * expm1(in[0]));
}

static double selu_dx_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[1] * selu_lambda * (in[0] > 0 ? 1 : selu_alpha * exp(in[0]));
}

const OpDef op_selu_dx = {
    .name = "selu_dx",
    .elt = &(const EltDef){.code = "v_mul($1, v_select(v_gt($0, v_zero()), v_set1((real)1.0507009873554805), "
                                   "v_mul(v_set1((real)1.7580993408473766), v_exp(v_min($0, v_zero())))))",
                           .eval = selu_dx_eval},
};

const OpDef op_selu = {
    .name = "selu",
    .kind = "activation",
    .summary = "lambda*elu(x; alpha), lambda 1.0507009873554805, alpha 1.6732632423543772",
    .doc = "Klambauer, Unterthiner, Mayr and Hochreiter, 2017.",
    .gradient_doc = "lambda*g where x > 0, else g*lambda*alpha*e^x",
    .example = "selu",
    .shape = elt_shape,
    .build = elt_build,
    .gradient = elt_gradient,
    .elt = &(const EltDef){.code = "v_select(v_gt($0, v_zero()), v_mul(v_set1((real)1.0507009873554805), $0), "
                                   "v_mul(v_set1((real)1.7580993408473766), v_expm1(v_min($0, v_zero()))))",
                           .eval = selu_eval, .dx = &op_selu_dx},
};

/* ---- gelu ---- */

typedef struct GeluAttrs {
    int approximate; /* 0 none, 1 tanh */
} GeluAttrs;

static const char *const gelu_choices[] = {"none", "tanh", NULL};

static const AttrDef gelu_attrs[] = {
    {.name = "approximate", .type = ATTR_CHOICE, .offset = offsetof(GeluAttrs, approximate), .standard = "none",
     .choices = gelu_choices, .doc = "none: x*Phi(x) by erf; tanh: 0.5x(1 + tanh(sqrt(2/pi)(x + 0.044715x^3)))"},
    {0},
};

static const double inv_sqrt2 = 0.70710678118654752440, inv_sqrt2pi = 0.39894228040143267794, sqrt_2_pi = 0.79788456080286535588;

static double gelu_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return 0.5 * in[0] * (1 + erf(in[0] * inv_sqrt2));
}

static double gelu_dx_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    double x = in[0];
    return in[1] * (0.5 * (1 + erf(x * inv_sqrt2)) + x * inv_sqrt2pi * exp(-0.5 * x * x));
}

static double gelu_tanh_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    double x = in[0];
    return 0.5 * x * (1 + tanh(sqrt_2_pi * (x + 0.044715 * x * x * x)));
}

static double gelu_tanh_dx_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    double x = in[0], t = tanh(sqrt_2_pi * (x + 0.044715 * x * x * x));
    return in[1] * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * sqrt_2_pi * (1 + 3 * 0.044715 * x * x));
}

const OpDef op_gelu_dx = {
    .name = "gelu_dx",
    .elt = &(const EltDef){.code = "v_mul($1, v_fma($0, v_mul(v_set1((real)0.39894228040143268), "
                                   "v_exp(v_mul(v_set1((real)-0.5), v_mul($0, $0)))), "
                                   "v_mul(v_set1((real)0.5), v_add(v_set1(1), v_erf(v_mul($0, v_set1((real)0.70710678118654752)))))))",
                           .eval = gelu_dx_eval},
};

const OpDef op_gelu_tanh_dx = {
    .name = "gelu_tanh_dx",
    .elt = &(const EltDef){.code = "v_mul($1, v_gelu_tanh_slope($0))", .eval = gelu_tanh_dx_eval},
};

const OpDef op_gelu_tanh = {
    .name = "gelu_tanh",
    .gradient = elt_gradient,
    .elt = &(const EltDef){.code = "v_mul(v_mul(v_set1((real)0.5), $0), v_add(v_set1(1), v_tanh(v_mul(v_set1((real)0.79788456080286536), "
                                   "v_fma(v_mul(v_mul($0, $0), $0), v_set1((real)0.044715), $0)))))",
                           .eval = gelu_tanh_eval, .dx = &op_gelu_tanh_dx},
};

static void gelu_build(Graph *g, Layer *l, Value **in)
{
    extern const OpDef op_gelu;
    const GeluAttrs *a = l->attrs;
    l->value = graph_apply(g, a->approximate ? &op_gelu_tanh : &op_gelu, NULL, in, 1, in[0]->shape, l->name);
}

const OpDef op_gelu = {
    .name = "gelu",
    .kind = "activation",
    .summary = "x*Phi(x), Phi the normal distribution's cumulative function",
    .doc = "Hendrycks and Gimpel, 2016.",
    .gradient_doc = "g*(Phi(x) + x*phi(x))",
    .example = "gelu",
    .attrs = gelu_attrs,
    .attrs_size = sizeof(GeluAttrs),
    .shape = elt_shape,
    .build = gelu_build,
    .gradient = elt_gradient,
    .elt = &(const EltDef){.code = "v_mul(v_mul(v_set1((real)0.5), $0), v_add(v_set1(1), v_erf(v_mul($0, "
                                   "v_set1((real)0.70710678118654752)))))",
                           .eval = gelu_eval, .dx = &op_gelu_dx},
};

/* ---- softplus ---- */

static double softplus_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return (in[0] > 0 ? in[0] : 0) + log1p(exp(-fabs(in[0])));
}

static double softplus_dx_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[1] / (1 + exp(-in[0]));
}

const OpDef op_softplus_dx = {
    .name = "softplus_dx",
    .elt = &(const EltDef){.code = "v_mul($1, v_sigmoid($0))", .eval = softplus_dx_eval},
};

const OpDef op_softplus = {
    .name = "softplus",
    .kind = "activation",
    .summary = "log(1 + e^x)",
    .doc = "Dugas et al., 2001; computed so that large |x| neither overflows nor loses digits.",
    .gradient_doc = "g*sigmoid(x)",
    .example = "softplus",
    .shape = elt_shape,
    .build = elt_build,
    .gradient = elt_gradient,
    .elt = &(const EltDef){.code = "v_softplus($0)", .eval = softplus_eval, .dx = &op_softplus_dx},
};

/* ---- tanh ---- */

static double tanh_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return tanh(in[0]);
}

static double tanh_dx_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[1] * (1 - in[0] * in[0]);
}

const OpDef op_tanh_dx = {
    .name = "tanh_dx",
    .elt = &(const EltDef){.code = "v_mul($1, v_fnma($0, $0, v_set1(1)))", .eval = tanh_dx_eval},
};

const OpDef op_tanh = {
    .name = "tanh",
    .kind = "activation",
    .summary = "hyperbolic tangent",
    .doc = "LeCun et al., 1998.",
    .gradient_doc = "g*(1 - y^2)",
    .example = "tanh",
    .shape = elt_shape,
    .build = elt_build,
    .gradient = elt_gradient,
    .elt = &(const EltDef){.code = "v_tanh($0)", .eval = tanh_eval, .dx = &op_tanh_dx, .from_output = true},
};

/* ---- lecun_tanh: the tanh whose slope and curvature suit inputs and targets of +-1 ---- */

static double lecun_tanh_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return 1.7159 * tanh(2 * in[0] / 3);
}

static double lecun_tanh_dx_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    double tanh_x = in[0] / 1.7159;
    return in[1] * 1.7159 * 2 / 3 * (1 - tanh_x * tanh_x);
}

const OpDef op_lecun_tanh_dx = {
    .name = "lecun_tanh_dx",
    .elt = &(const EltDef){.code = "v_mul($1, v_fnma(v_mul($0, $0), v_set1((real)(2 / 3.0 / 1.7159)), v_set1((real)(2 / 3.0 * 1.7159))))",
                           .eval = lecun_tanh_dx_eval},
};

const OpDef op_lecun_tanh = {
    .name = "lecun_tanh",
    .kind = "activation",
    .summary = "1.7159 tanh(2x/3)",
    .doc = "LeCun et al., 1998, \"Efficient BackProp\": it passes through (1, 1) and (-1, -1), where it is still far from flat.",
    .gradient_doc = "g*2/3*(1.7159 - y^2/1.7159)",
    .example = "lecun_tanh",
    .shape = elt_shape,
    .build = elt_build,
    .gradient = elt_gradient,
    .elt = &(const EltDef){.code = "v_mul(v_set1((real)1.7159), v_tanh(v_mul(v_set1((real)(2 / 3.0)), $0)))",
                           .eval = lecun_tanh_eval, .dx = &op_lecun_tanh_dx, .from_output = true},
};

/* ---- sigmoid ---- */

static double sigmoid_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return 1 / (1 + exp(-in[0]));
}

static double sigmoid_dx_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[1] * in[0] * (1 - in[0]);
}

const OpDef op_sigmoid_dx = {
    .name = "sigmoid_dx",
    .elt = &(const EltDef){.code = "v_mul($1, v_fnma($0, $0, $0))", .eval = sigmoid_dx_eval},
};

const OpDef op_sigmoid = {
    .name = "sigmoid",
    .kind = "activation",
    .summary = "logistic function 1/(1 + e^-x)",
    .doc = "Rumelhart, Hinton and Williams, 1986. At the end of a network trained with binary_cross_entropy it is part of the loss.",
    .gradient_doc = "g*y*(1 - y)",
    .example = "sigmoid",
    .traits = OP_SIGMOID,
    .shape = elt_shape,
    .build = elt_build,
    .gradient = elt_gradient,
    .elt = &(const EltDef){.code = "v_sigmoid($0)", .eval = sigmoid_eval, .dx = &op_sigmoid_dx, .from_output = true},
};
