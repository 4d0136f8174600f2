/* pool.c - maxpool, avgpool and l2pool, and their gradients. */
#include "../emit/rules.h"
#include "../interp.h"
#include "../op.h"
#include "window.h"

#include <math.h>

typedef struct PoolAttrs {
    Window size;
    Size2 stride;
    Pad pad;
    /* set by the shape rule */
    int64_t out_h, out_w, pad_top, pad_left;
} PoolAttrs;

static const AttrDef pool_attrs[] = {
    {.name = "size", .type = ATTR_WINDOW, .offset = offsetof(PoolAttrs, size), .positional = true, .required = true, .min = 1,
     .max = 4096, .doc = "the window; `global`: the whole image"},
    {.name = "stride", .type = ATTR_SIZE2, .offset = offsetof(PoolAttrs, stride), .min = 1, .max = 4096,
     .doc = "distance between windows; if not given, the window"},
    {.name = "pad", .type = ATTR_PAD, .offset = offsetof(PoolAttrs, pad), .standard = "0", .min = 0, .max = 4096,
     .doc = "padding around the input, less than the window; `same`: as many as keep ceil(extent / stride)"},
    {0},
};

static bool pool_shape(LayerCtx *cx)
{
    Layer *l = cx->layer;
    PoolAttrs *a = l->attrs;
    Shape in = l->in;
    if (in.vector) {
        Diag *d = layer_error(cx, NULL, "%s reads a vector of %lld: it needs height x width x channels", l->op->name, (long long)in.c);
        layer_note_input(cx, d, 0);
        return false;
    }
    if (a->size.global) {
        a->size.h = in.h;
        a->size.w = in.w;
        if (a->pad.h || a->pad.w || a->pad.same || a->stride.h) {
            layer_error(cx, a->stride.h ? "stride" : "pad", "a global window takes neither stride nor pad");
            return false;
        }
    }
    if (a->stride.h == 0) {
        a->stride = (Size2){a->size.h, a->size.w};
    }
    if (a->pad.h >= a->size.h || a->pad.w >= a->size.w) {
        Diag *d = layer_error(cx, "pad", "padding of %lldx%lld with a %lldx%lld window: some windows would hold padding only",
                              (long long)a->pad.h, (long long)a->pad.w, (long long)a->size.h, (long long)a->size.w);
        diag_help(cx->diags, d, "pad must be smaller than the window");
        return false;
    }
    a->out_h = window_count(in.h, a->size.h, a->stride.h, 1, a->pad.same, a->pad.h, &a->pad_top);
    a->out_w = window_count(in.w, a->size.w, a->stride.w, 1, a->pad.same, a->pad.w, &a->pad_left);
    if (a->out_h < 1 || a->out_w < 1) {
        Diag *d = layer_error(cx, "size", "%s reads %s and asks for a %lldx%lld window: it does not fit", l->name,
                              shape_text(cx->arena, in), (long long)a->size.h, (long long)a->size.w);
        layer_note_input(cx, d, 0);
        diag_help(cx->diags, d, "the largest window here is %lldx%lld", (long long)(in.h + 2 * a->pad.h), (long long)(in.w + 2 * a->pad.w));
        return false;
    }
    l->out = (Shape){a->out_h, a->out_w, in.c, false};
    return true;
}

static const char *pool_why(Arena *arena, const Layer *l)
{
    const PoolAttrs *a = l->attrs;
    if (a->pad.same) {
        return arena_printf(arena, "ceil(%lld / %lld) = %lld", (long long)l->in.h, (long long)a->stride.h, (long long)a->out_h);
    }
    return arena_printf(arena, "(%lld + 2*%lld - %lld) / %lld + 1 = %lld", (long long)l->in.h, (long long)a->pad.h,
                        (long long)a->size.h, (long long)a->stride.h, (long long)a->out_h);
}

extern const OpDef op_maxpool, op_maxpool_dx, op_avgpool_dx, op_l2pool_dx, op_mul;

static void emit_pool(Emit *e, const Node *n, const Value *in, const Value *out)
{
    const PoolAttrs *a = n->attrs;
    emit_int(e, "IN_H", in->shape.h);
    emit_int(e, "IN_W", in->shape.w);
    emit_int(e, "OUT_H", out->shape.h);
    emit_int(e, "OUT_W", out->shape.w);
    emit_int(e, "KH", a->size.h);
    emit_int(e, "KW", a->size.w);
    emit_int(e, "SH", a->stride.h);
    emit_int(e, "SW", a->stride.w);
    emit_int(e, "PT", a->pad_top);
    emit_int(e, "PL", a->pad_left);
}

/* An operation for each place of each window, forward and backward. */
static Arithmetic pool_arithmetic(const Node *n, const Target *t)
{
    const PoolAttrs *a = n->attrs;
    const int64_t channels = round_up(n->out[0]->shape.c, t->vl);
    return (Arithmetic){.others = (double)(a->out_h * a->out_w * channels) * (double)(a->size.h * a->size.w)};
}

/* Calls visit for every window and every pixel of the image in it. */
typedef void Visit(Eval *ev, const Node *n, int i, int64_t oh, int64_t ow, int64_t c, int64_t h, int64_t w, int64_t position);

static void for_windows(Eval *ev, const Node *n, Shape in, Shape out, Visit *visit)
{
    const PoolAttrs *a = n->attrs;
    for (int i = 0; i < ev->n; i++) {
        for (int64_t c = 0; c < out.c; c++) {
            for (int64_t oh = 0; oh < out.h; oh++) {
                for (int64_t ow = 0; ow < out.w; ow++) {
                    for (int64_t k = 0; k < a->size.h * a->size.w; k++) {
                        int64_t h = oh * a->stride.h + k / a->size.w - a->pad_top;
                        int64_t w = ow * a->stride.w + k % a->size.w - a->pad_left;
                        if (h >= 0 && h < in.h && w >= 0 && w < in.w) {
                            visit(ev, n, i, oh, ow, c, h, w, k);
                        }
                    }
                }
            }
        }
    }
}

/* ---- maxpool ---- */

static void maxpool_build(Graph *g, Layer *l, Value **in)
{
    l->value = graph_apply(g, &op_maxpool, l->attrs, in, 1, l->out, l->name);
    if (g->training) {
        const PoolAttrs *a = l->attrs;
        Shape s = l->out;
        s.w *= a->size.h * a->size.w <= 256 ? 1 : 2; /* two planes a pixel for large windows */
        Value *arg = graph_value(g, VALUE_INDEX, s, arena_printf(g->arena, "%s_arg", l->name));
        node_output(g, l->value->def, arg);
    }
}

static void maxpool_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    Value *in[2] = {grad_of(ad, n->out[0]), n->out[1]};
    grad_add(ad, n->in[0], graph_apply(g, &op_maxpool_dx, n->attrs, in, 2, n->in[0]->shape,
                                       arena_printf(g->arena, "d_%s", n->in[0]->name)));
}

static void maxpool_emit(Emit *e, Node *n)
{
    Value *x = n->in[0];
    emit_kernel(e, "maxpool");
    emit_pool(e, n, x, n->out[0]);
    emit_int(e, "CP", x->layout.channels);
    emit_strides(e, "X", x);
    emit_int(e, "ARG", n->n_out > 1);
    emit_arg(e, x, 0);
    if (n->n_out > 1) {
        emit_arg(e, n->out[1], 0);
    } else {
        emit_arg_text(e, "NULL");
    }
    emit_end(e);
}

static void maxpool_dx_emit(Emit *e, Node *n)
{
    Value *dy = n->in[0];
    emit_kernel(e, "maxpool_dx");
    emit_pool(e, n, n->out[0], dy);
    emit_int(e, "CP", n->out[0]->layout.channels);
    emit_strides(e, "DY", dy);
    emit_arg(e, dy, 0);
    emit_arg(e, n->in[1], 0);
    emit_end(e);
}

static void maxpool_visit(Eval *ev, const Node *n, int i, int64_t oh, int64_t ow, int64_t c, int64_t h, int64_t w, int64_t position)
{
    double x = *eval_at(ev, n->in[0], i, h, w, c), *best = eval_at(ev, n->out[0], i, oh, ow, c);
    /* positions are visited in order, so the first of equals stays */
    double *arg = n->n_out > 1 ? eval_at(ev, n->out[1], i, oh, ow, c) : NULL;
    if (*best == -INFINITY || x > *best) {
        *best = x;
        if (arg) {
            *arg = (double)position;
        }
    }
}

static void maxpool_eval(Eval *ev, const Node *n)
{
    eval_fill(ev, n->out[0], -INFINITY);
    for_windows(ev, n, n->in[0]->shape, n->out[0]->shape, maxpool_visit);
}

static void maxpool_dx_visit(Eval *ev, const Node *n, int i, int64_t oh, int64_t ow, int64_t c, int64_t h, int64_t w, int64_t position)
{
    if (*eval_at(ev, n->in[1], i, oh, ow, c) == (double)position) {
        *eval_at(ev, n->out[0], i, h, w, c) += *eval_at(ev, n->in[0], i, oh, ow, c);
    }
}

static void maxpool_dx_eval(Eval *ev, const Node *n)
{
    eval_clear(ev, n->out[0]);
    for_windows(ev, n, n->out[0]->shape, n->in[0]->shape, maxpool_dx_visit);
}

const OpDef op_maxpool_dx = {
    .name = "maxpool_dx",
    .traits = OP_EPILOGUE,
    .attrs = pool_attrs,
    .arithmetic = pool_arithmetic,
    .emit = maxpool_dx_emit,
    .eval = maxpool_dx_eval,
    .algorithm = "gathered from the windows over each pixel",
};

const OpDef op_maxpool = {
    .name = "maxpool",
    .kind = "layer",
    .summary = "maximum over windows",
    .doc = "Padding never wins. `stride` is the window unless given, so `maxpool(2x2)` halves height and width. Among equal values the first in "
           "row-major order takes the gradient.",
    .gradient_doc = "g to the pixel that was largest",
    .example = "maxpool(2x2)",
    .traits = OP_EPILOGUE,
    .attrs = pool_attrs,
    .attrs_size = sizeof(PoolAttrs),
    .shape = pool_shape,
    .build = maxpool_build,
    .why = pool_why,
    .gradient = maxpool_gradient,
    .arithmetic = pool_arithmetic,
    .emit = maxpool_emit,
    .eval = maxpool_eval,
    .algorithm = "direct; remembers the position of each maximum in a byte",
};

/* ---- avgpool ---- */

static void pool_build(Graph *g, Layer *l, Value **in)
{
    l->value = graph_apply(g, l->op, l->attrs, in, 1, l->out, l->name);
}

static Value *pool_dx(Graph *g, const OpDef *op, const Node *n, Value *dy, const char *name)
{
    return graph_apply(g, op, n->attrs, &dy, 1, n->in[0]->shape, name);
}

static void avgpool_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    grad_add(ad, n->in[0], pool_dx(g, &op_avgpool_dx, n, grad_of(ad, n->out[0]), arena_printf(g->arena, "d_%s", n->in[0]->name)));
}

/* avgpool.k.c and avgpool_dx.k.c serve l2pool as well: `root`. */
static void emit_sums(Emit *e, const Node *n, bool root)
{
    Value *x = n->in[0];
    emit_kernel(e, "avgpool");
    emit_pool(e, n, x, n->out[0]);
    emit_int(e, "CP", x->layout.channels);
    emit_strides(e, "X", x);
    emit_int(e, "ROOT", root);
    emit_arg(e, x, 0);
    emit_end(e);
}

static void emit_sums_dx(Emit *e, const Node *n, bool root)
{
    Value *dy = n->in[0];
    emit_kernel(e, "avgpool_dx");
    emit_pool(e, n, n->out[0], dy);
    emit_int(e, "CP", n->out[0]->layout.channels);
    emit_strides(e, "DY", dy);
    emit_int(e, "ROOT", root);
    emit_arg(e, dy, 0);
    emit_end(e);
}

static void avgpool_emit(Emit *e, Node *n)
{
    emit_sums(e, n, false);
}

static void avgpool_dx_emit(Emit *e, Node *n)
{
    emit_sums_dx(e, n, false);
}

static double window_size(const Node *n)
{
    const PoolAttrs *a = n->attrs;
    return (double)(a->size.h * a->size.w);
}

static void avgpool_visit(Eval *ev, const Node *n, int i, int64_t oh, int64_t ow, int64_t c, int64_t h, int64_t w, int64_t position)
{
    (void)position;
    *eval_at(ev, n->out[0], i, oh, ow, c) += *eval_at(ev, n->in[0], i, h, w, c) / window_size(n);
}

static void avgpool_eval(Eval *ev, const Node *n)
{
    eval_clear(ev, n->out[0]);
    for_windows(ev, n, n->in[0]->shape, n->out[0]->shape, avgpool_visit);
}

static void avgpool_dx_visit(Eval *ev, const Node *n, int i, int64_t oh, int64_t ow, int64_t c, int64_t h, int64_t w, int64_t position)
{
    (void)position;
    *eval_at(ev, n->out[0], i, h, w, c) += *eval_at(ev, n->in[0], i, oh, ow, c) / window_size(n);
}

static void avgpool_dx_eval(Eval *ev, const Node *n)
{
    eval_clear(ev, n->out[0]);
    for_windows(ev, n, n->out[0]->shape, n->in[0]->shape, avgpool_dx_visit);
}

const OpDef op_avgpool_dx = {
    .name = "avgpool_dx",
    .traits = OP_EPILOGUE,
    .attrs = pool_attrs,
    .arithmetic = pool_arithmetic,
    .emit = avgpool_dx_emit,
    .eval = avgpool_dx_eval,
    .algorithm = "gathered from the windows over each pixel",
};

const OpDef op_avgpool = {
    .name = "avgpool",
    .kind = "layer",
    .summary = "mean over windows",
    .doc = "Padding counts as zeros and in the divisor, as in PyTorch. `avgpool(global)` is the mean of each channel.",
    .gradient_doc = "g / window size to every pixel of the window",
    .example = "avgpool(2x2)",
    .traits = OP_EPILOGUE,
    .attrs = pool_attrs,
    .attrs_size = sizeof(PoolAttrs),
    .shape = pool_shape,
    .build = pool_build,
    .why = pool_why,
    .gradient = avgpool_gradient,
    .arithmetic = pool_arithmetic,
    .emit = avgpool_emit,
    .eval = avgpool_eval,
    .algorithm = "direct",
};

/* ---- l2pool: y = sqrt(sum of x^2), dx = x * (sum over the windows of dy/y) ---- */

static double l2pool_ratio_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] > 0 ? in[1] / in[0] : 0;
}

const OpDef op_l2pool_ratio = {
    .name = "l2pool_ratio",
    .elt = &(const EltDef){.code = "v_select(v_gt($0, v_zero()), v_div($1, $0), v_zero())", .eval = l2pool_ratio_eval},
};

static void l2pool_gradient(Autodiff *ad, Node *n)
{
    if (!grad_wanted(ad, n->in[0])) {
        return;
    }
    Graph *g = grad_graph(ad);
    Value *ratio_in[2] = {n->out[0], grad_of(ad, n->out[0])};
    Value *ratio = graph_apply(g, &op_l2pool_ratio, NULL, ratio_in, 2, n->out[0]->shape, arena_printf(g->arena, "%s_ratio", n->layer->name));
    Value *in[2] = {n->in[0], pool_dx(g, &op_l2pool_dx, n, ratio, arena_printf(g->arena, "%s_ratios", n->layer->name))};
    grad_add(ad, n->in[0], graph_apply(g, &op_mul, NULL, in, 2, n->in[0]->shape, arena_printf(g->arena, "d_%s", n->in[0]->name)));
}

static void l2pool_emit(Emit *e, Node *n)
{
    emit_sums(e, n, true);
}

static void l2pool_dx_emit(Emit *e, Node *n)
{
    emit_sums_dx(e, n, true);
}

static void l2pool_visit(Eval *ev, const Node *n, int i, int64_t oh, int64_t ow, int64_t c, int64_t h, int64_t w, int64_t position)
{
    (void)position;
    double x = *eval_at(ev, n->in[0], i, h, w, c), *y = eval_at(ev, n->out[0], i, oh, ow, c);
    *y = sqrt(*y * *y + x * x);
}

static void l2pool_eval(Eval *ev, const Node *n)
{
    eval_clear(ev, n->out[0]);
    for_windows(ev, n, n->in[0]->shape, n->out[0]->shape, l2pool_visit);
}

static void l2pool_dx_visit(Eval *ev, const Node *n, int i, int64_t oh, int64_t ow, int64_t c, int64_t h, int64_t w, int64_t position)
{
    (void)position;
    *eval_at(ev, n->out[0], i, h, w, c) += *eval_at(ev, n->in[0], i, oh, ow, c);
}

static void l2pool_dx_eval(Eval *ev, const Node *n)
{
    eval_clear(ev, n->out[0]);
    for_windows(ev, n, n->out[0]->shape, n->in[0]->shape, l2pool_dx_visit);
}

const OpDef op_l2pool_dx = {
    .name = "l2pool_dx",
    .traits = OP_EPILOGUE,
    .attrs = pool_attrs,
    .arithmetic = pool_arithmetic,
    .emit = l2pool_dx_emit,
    .eval = l2pool_dx_eval,
    .algorithm = "gathered from the windows over each pixel",
};

const OpDef op_l2pool = {
    .name = "l2pool",
    .kind = "layer",
    .summary = "root of the sum of squares over windows",
    .doc = "y = sqrt(sum of x^2), without a divisor, as PyTorch's LPPool2d of norm 2; `l2pool(global)` is the length of each channel. Padding "
           "counts as zeros. Sermanet, Chintala and LeCun, 2012.",
    .gradient_doc = "g*x/y to every pixel of the window, 0 where y is 0",
    .example = "l2pool(2x2)",
    .traits = OP_EPILOGUE,
    .attrs = pool_attrs,
    .attrs_size = sizeof(PoolAttrs),
    .shape = pool_shape,
    .build = pool_build,
    .why = pool_why,
    .gradient = l2pool_gradient,
    .arithmetic = pool_arithmetic,
    .emit = l2pool_emit,
    .eval = l2pool_eval,
    .algorithm = "direct",
};
