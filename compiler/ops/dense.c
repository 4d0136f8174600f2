/* dense.c - fully connected layer. It flattens what it reads: a convolution whose window is the whole volume. */
#include "dropconnect.h"
#include "product.h"

typedef struct DenseAttrs {
    int64_t units;
    bool bias;
    double dropconnect;
    InitSpec init;
    Geometry geo; /* set by build, when the volume that is read is known */
} DenseAttrs;

static const AttrDef dense_attrs[] = {
    {.name = "units", .type = ATTR_INT, .offset = offsetof(DenseAttrs, units), .positional = true, .required = true, .min = 1,
     .max = 1 << 24, .doc = "the number of outputs"},
    {.name = "bias", .type = ATTR_BOOL, .offset = offsetof(DenseAttrs, bias), .standard = "yes", .doc = "add a learnt value a unit"},
    {.name = "dropconnect", .type = ATTR_REAL, .offset = offsetof(DenseAttrs, dropconnect), .standard = "0", .min = 0, .max = 0.999,
     .doc = "probability of dropping a weight while training"},
    {.name = "init", .type = ATTR_INIT, .offset = offsetof(DenseAttrs, init), .doc = "initialiser of the weights; if not given, the init section's"},
    {0},
};

static bool dense_shape(LayerCtx *cx)
{
    Layer *l = cx->layer;
    DenseAttrs *a = l->attrs;
    Shape v = l->inputs[0]->held; /* so that weights are stored as its channels, height and width demand */
    l->out = (Shape){1, 1, a->units, true};
    layer_param_panels(cx, "weight", a->units, v.c, v.h, v.w, 1, true, a->init)->one_product = a->dropconnect == 0;
    if (a->bias) {
        layer_param(cx, "bias", PARAM_BIAS, a->units, (InitSpec){0}, false);
    }
    l->macs = shape_size(l->in) * a->units;
    return true;
}

static void dense_build(Graph *g, Layer *l, Value **in)
{
    DenseAttrs *a = l->attrs;
    NetParam *bias = a->bias ? l->params[1] : NULL;
    if (g->training && a->dropconnect > 0) {
        l->value = dropconnect_build(g, l, in[0], a->dropconnect, l->params[0], bias);
        return;
    }
    Shape v = in[0]->shape;
    a->geo = (Geometry){.in_h = v.h, .in_w = v.w, .in_c = v.c, .out_h = 1, .out_w = 1, .out_c = a->units, .kh = v.h, .kw = v.w,
                        .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1, .groups = 1};
    l->value = product_build(g, l, in[0], &a->geo, l->params[0], bias);
}

const OpDef op_dense = {
    .name = "dense",
    .kind = "layer",
    .summary = "fully connected layer",
    .doc = "y = W x + b over the flattened input. A volume is read in place; on disk the weights have PyTorch's order: channel, height, width. "
           "Parameters: `weight` and, unless `bias=no`, `bias`. With `dropconnect=p` each weight and bias is dropped with probability p while "
           "training, anew for each sample, and the others are divided by 1 - p (Wan et al., 2013); at inference all are used as they "
           "are, which is the mean of what training computes.",
    .gradient_doc = "to x W^T g, to weight g x^T, to bias g; with dropconnect through the same masks",
    .example = "dense(10)",
    .traits = OP_TAKES_VOLUME,
    .attrs = dense_attrs,
    .attrs_size = sizeof(DenseAttrs),
    .shape = dense_shape,
    .build = dense_build,
};
