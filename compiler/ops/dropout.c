/* dropout.c - inverted dropout (Srivastava et al., 2014): the argument is the probability of dropping, what is kept is scaled by
 * 1/(1 - rate), and at inference nothing happens. The mask is no tensor: the counter-based generator gives it
 * again in the backward pass. */
#include "dropout.h"

static const AttrDef dropout_attrs[] = {
    {.name = "rate", .type = ATTR_REAL, .offset = offsetof(DropoutAttrs, rate), .positional = true, .standard = "0.5", .min = 0,
     .max = 0.999, .doc = "probability of dropping a unit"},
    {.name = "stream", .type = ATTR_INT, .offset = offsetof(DropoutAttrs, stream), .hidden = true, .standard = "0"},
    {0},
};

/* The oracle runs without randomness, as the gradient command does. */
static double dropout_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0];
}

static void dropout_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    Value *dy = grad_of(ad, n->out[0]);
    grad_add(ad, n->in[0], graph_apply(g, &op_dropout, n->attrs, &dy, 1, dy->shape, arena_printf(g->arena, "d_%s", n->in[0]->name)));
}

static void dropout_build(Graph *g, Layer *l, Value **in)
{
    DropoutAttrs *a = l->attrs;
    a->stream = l->index;
    if (!g->training || a->rate == 0) {
        l->value = in[0];
        return;
    }
    elt_build(g, l, in);
}

const OpDef op_dropout = {
    .name = "dropout",
    .kind = "layer",
    .summary = "drops units at random while training",
    .doc = "Inverted dropout: a unit is dropped with probability `rate`, the others are divided by 1 - rate; at inference units pass "
           "unchanged. Srivastava et al., 2014. One mask a step and layer, from a counter-based generator: the same for every number of "
           "threads.",
    .gradient_doc = "g through the same mask",
    .example = "dropout(0.5)",
    .traits = OP_FREE,
    .attrs = dropout_attrs,
    .attrs_size = sizeof(DropoutAttrs),
    .shape = elt_shape,
    .build = dropout_build,
    .gradient = dropout_gradient,
    .elt = &(const EltDef){.code = "nt_dropout($0, pass, $stream, $index, (real)$rate)", .eval = dropout_eval, .random = true},
};
