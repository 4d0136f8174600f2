/* noise.c - Gaussian noise added while training (Sietsma and Dow, 1991): y = x + std * z, z standard normal. Numbers come from the
 * counter-based generator. The gradient is g itself, so that nothing is kept for it. */
#include "../op.h"

typedef struct NoiseAttrs {
    double std;
    int64_t stream; /* of this layer, set by build */
} NoiseAttrs;

static const AttrDef noise_attrs[] = {
    {.name = "std", .type = ATTR_REAL, .offset = offsetof(NoiseAttrs, std), .positional = true, .required = true, .min = 0, .max = 1e6,
     .doc = "the standard deviation of the noise"},
    {.name = "stream", .type = ATTR_INT, .offset = offsetof(NoiseAttrs, stream), .hidden = true, .standard = "0"},
    {0},
};

/* The oracle runs without randomness, as the gradient command does. */
static double noise_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0];
}

static void noise_gradient(Autodiff *ad, Node *n)
{
    grad_add(ad, n->in[0], grad_of(ad, n->out[0]));
}

static void noise_build(Graph *g, Layer *l, Value **in)
{
    NoiseAttrs *a = l->attrs;
    a->stream = l->index;
    if (!g->training || a->std == 0) {
        l->value = in[0];
        return;
    }
    elt_build(g, l, in);
}

const OpDef op_noise = {
    .name = "noise",
    .kind = "layer",
    .summary = "adds Gaussian noise while training",
    .doc = "y = x + std*z with z normal of variance 1, drawn anew for each step, sample and element; at inference y = x. Sietsma and Dow, 1991; "
           "for small std it acts like a penalty on the network's slope (Bishop, 1995). The numbers are the same for every number of threads.",
    .gradient_doc = "g",
    .example = "noise(0.1)",
    .traits = OP_FREE,
    .attrs = noise_attrs,
    .attrs_size = sizeof(NoiseAttrs),
    .shape = elt_shape,
    .build = noise_build,
    .gradient = noise_gradient,
    .elt = &(const EltDef){.code = "v_add($0, nt_noise(pass, $stream, $index, (real)$std))", .eval = noise_eval, .random = true},
};
