/* batchnorm.c - batch normalisation (Ioffe and Szegedy, 2015), with PyTorch's conventions: biased variance for normalising, unbiased in the
 * running estimate. In training: statistics (a kernel), then normalising, an element-wise node. At inference: a scale and a shift a
 * channel, worked out once a pass (bn_fold) and applied in the tail of the product before. One whose weight and bias are both frozen does
 * the same in training, and leaves its running statistics alone: what is frozen gives what it gave where it was trained. */
#include "../emit/rules.h"
#include "../interp.h"
#include "../op.h"

#include <math.h>

enum { STAT_CHUNKS = 64 };

typedef struct BatchnormAttrs {
    double eps, momentum;
} BatchnormAttrs;

static const AttrDef batchnorm_attrs[] = {
    {.name = "eps", .type = ATTR_REAL, .offset = offsetof(BatchnormAttrs, eps), .standard = "1e-5", .min = 1e-12, .max = 1,
     .doc = "added to the variance"},
    {.name = "momentum", .type = ATTR_REAL, .offset = offsetof(BatchnormAttrs, momentum), .standard = "0.1", .min = 0, .max = 1,
     .doc = "share of the new batch in the running estimates"},
    {0},
};

enum { GAMMA, BETA, MEAN, VAR }; /* layer->params */

extern const OpDef op_bn_stats, op_bn_apply, op_bn_sums, op_bn_dx, op_bn_fold, op_scale_shift;

static bool batchnorm_shape(LayerCtx *cx)
{
    Layer *l = cx->layer;
    l->out = l->in;
    InitSpec one = {.name = "constant", .value = 1, .loc = loc_none()}, zero = {.name = "constant", .value = 0, .loc = loc_none()};
    layer_param(cx, "weight", PARAM_WEIGHT, l->in.c, one, false);
    layer_param(cx, "bias", PARAM_BIAS, l->in.c, zero, false);
    layer_param(cx, "running_mean", PARAM_STAT, l->in.c, zero, false);
    layer_param(cx, "running_var", PARAM_STAT, l->in.c, one, false);
    return true;
}

static Value *channel_value(Graph *g, Node *n, int64_t channels, const char *name)
{
    Value *v = graph_value(g, VALUE_CHANNEL, (Shape){1, 1, channels, true}, name);
    node_output(g, n, v);
    return v;
}

static void batchnorm_build(Graph *g, Layer *l, Value **in)
{
    Value *x = in[0];
    Value *p[4];
    for (int i = 0; i < 4; i++) {
        p[i] = graph_param(g, l->params[i]);
    }
    if (g->training && !l->params[MEAN]->frozen) {
        Value *stats_in[3] = {x, p[MEAN], p[VAR]};
        Node *stats = graph_node(g, &op_bn_stats, l->attrs, stats_in, 3);
        Value *mean = channel_value(g, stats, x->shape.c, arena_printf(g->arena, "%s_mean", l->name));
        Value *rstd = channel_value(g, stats, x->shape.c, arena_printf(g->arena, "%s_rstd", l->name));
        Value *apply_in[5] = {x, mean, rstd, p[GAMMA], p[BETA]};
        l->value = graph_apply(g, &op_bn_apply, l->attrs, apply_in, 5, x->shape, l->name);
    } else {
        Node *fold = graph_node(g, &op_bn_fold, l->attrs, p, 4);
        Value *scale = channel_value(g, fold, x->shape.c, arena_printf(g->arena, "%s_scale", l->name));
        Value *shift = channel_value(g, fold, x->shape.c, arena_printf(g->arena, "%s_shift", l->name));
        Value *apply_in[3] = {x, scale, shift};
        l->value = graph_apply(g, &op_scale_shift, l->attrs, apply_in, 3, x->shape, l->name);
    }
}

/* ---- bn_stats: x, running mean, running variance -> mean, 1/sqrt(variance + eps) ---- */

static void bn_stats_eval(Eval *ev, const Node *n)
{
    const BatchnormAttrs *a = n->attrs;
    const Value *x = n->in[0];
    double *mean = eval_vector(ev, n->out[0]), *rstd = eval_vector(ev, n->out[1]);
    double count = (double)ev->n * (double)(x->shape.h * x->shape.w);
    for (int64_t c = 0; c < x->shape.c; c++) {
        double sum = 0, square = 0;
        for (int pass = 0; pass < 2; pass++) {
            for (int i = 0; i < ev->n; i++) {
                for (int64_t h = 0; h < x->shape.h; h++) {
                    for (int64_t w = 0; w < x->shape.w; w++) {
                        double v = *eval_at(ev, x, i, h, w, c);
                        if (pass == 0) {
                            sum += v;
                        } else {
                            square += (v - mean[c]) * (v - mean[c]);
                        }
                    }
                }
            }
            mean[c] = sum / count;
        }
        double var = square / count;
        rstd[c] = 1 / sqrt(var + a->eps);
        if (ev->update_statistics) {
            double *running_mean = eval_vector(ev, n->in[1]), *running_var = eval_vector(ev, n->in[2]);
            running_mean[c] += a->momentum * (mean[c] - running_mean[c]);
            running_var[c] += a->momentum * ((count > 1 ? square / (count - 1) : 0) - running_var[c]);
        }
    }
}

static int64_t stats_work(const Node *n, const Target *t)
{
    (void)t;
    return STAT_CHUNKS * 2 * n->in[0]->layout.channels;
}

static void bn_stats_emit(Emit *e, Node *n)
{
    const BatchnormAttrs *a = n->attrs;
    Value *x = n->in[0];
    emit_kernel(e, "bn_stats");
    emit_int(e, "H", x->shape.h);
    emit_int(e, "W", x->shape.w);
    emit_int(e, "C", x->shape.c);
    emit_int(e, "CP", x->layout.channels);
    emit_strides(e, "X", x);
    emit_int(e, "CHUNKS", STAT_CHUNKS);
    emit_real(e, "EPS", a->eps);
    emit_real(e, "MOMENTUM", a->momentum);
    emit_arg(e, x, 0);
    emit_arg(e, n->out[0], 0);
    emit_arg(e, n->out[1], 0);
    emit_arg(e, n->in[1], 0);
    emit_arg(e, n->in[2], 0);
    emit_arg_text(e, "update_statistics");
    emit_arg(e, n->work, 0);
    emit_end(e);
}

const OpDef op_bn_stats = {
    .name = "bn_stats",
    .traits = OP_SIDE_EFFECT,
    .eval = bn_stats_eval,
    .work = stats_work,
    .emit = bn_stats_emit,
    .algorithm = "one pass, shifted sums combined pairwise",
};

/* ---- bn_apply: x, mean, rstd, gamma, beta ---- */

static double bn_apply_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return (in[0] - in[1]) * in[2] * in[3] + in[4];
}

/* A result of bn_sums: the gradient of a parameter, or, where that is frozen, a sum that only the gradient of the input reads. */
static Value *sum_into(Autodiff *ad, Node *sums, Value *param)
{
    Graph *g = grad_graph(ad);
    if (!grad_wanted(ad, param)) {
        return channel_value(g, sums, param->shape.c, arena_printf(g->arena, "%s_d%s", g->layer->name, param->param->suffix));
    }
    Value *d = graph_param_grad(g, param->param);
    node_output(g, sums, d);
    return d;
}

static void bn_apply_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    Value *x = n->in[0], *mean = n->in[1], *rstd = n->in[2], *gamma = n->in[3], *beta = n->in[4];
    Value *dy = grad_of(ad, n->out[0]);
    Value *sums_in[4] = {dy, x, mean, rstd};
    Node *sums = graph_node(g, &op_bn_sums, n->attrs, sums_in, 4);
    Value *d_beta = sum_into(ad, sums, beta), *d_gamma = sum_into(ad, sums, gamma);
    if (grad_wanted(ad, x)) {
        Value *in[7] = {x, dy, mean, rstd, gamma, d_beta, d_gamma};
        grad_add(ad, x, graph_apply(g, &op_bn_dx, n->attrs, in, 7, x->shape, arena_printf(g->arena, "d_%s", x->name)));
    }
}

const OpDef op_bn_apply = {
    .name = "bn_apply",
    .gradient = bn_apply_gradient,
    .elt = &(const EltDef){.code = "v_fma(v_mul(v_sub($0, $1), $2), $3, $4)", .eval = bn_apply_eval},
};

/* ---- bn_sums: dy, x, mean, rstd -> sum dy (gradient of beta), sum dy*xhat (gradient of gamma) ---- */

static void bn_sums_eval(Eval *ev, const Node *n)
{
    const Value *dy = n->in[0], *x = n->in[1];
    const double *mean = eval_vector(ev, n->in[2]), *rstd = eval_vector(ev, n->in[3]);
    double *beta = eval_vector(ev, n->out[0]), *gamma = eval_vector(ev, n->out[1]);
    for (int64_t c = 0; c < x->shape.c; c++) {
        beta[c] = gamma[c] = 0;
        for (int i = 0; i < ev->n; i++) {
            for (int64_t h = 0; h < x->shape.h; h++) {
                for (int64_t w = 0; w < x->shape.w; w++) {
                    double g = *eval_at(ev, dy, i, h, w, c);
                    beta[c] += g;
                    gamma[c] += g * (*eval_at(ev, x, i, h, w, c) - mean[c]) * rstd[c];
                }
            }
        }
    }
}

static int64_t sums_work(const Node *n, const Target *t)
{
    (void)t;
    return STAT_CHUNKS * 2 * n->in[1]->layout.channels;
}

static void bn_sums_emit(Emit *e, Node *n)
{
    Value *x = n->in[1];
    emit_kernel(e, "bn_dx_sums");
    emit_int(e, "H", x->shape.h);
    emit_int(e, "W", x->shape.w);
    emit_int(e, "CP", x->layout.channels);
    emit_strides(e, "DY", n->in[0]);
    emit_strides(e, "X", x);
    emit_int(e, "CHUNKS", STAT_CHUNKS);
    for (int i = 0; i < 4; i++) {
        emit_arg(e, n->in[i], 0);
    }
    emit_arg(e, n->out[0], 0);
    emit_arg(e, n->out[1], 0);
    emit_arg(e, n->work, 0);
    emit_end(e);
}

const OpDef op_bn_sums = {
    .name = "bn_sums",
    .eval = bn_sums_eval,
    .work = sums_work,
    .emit = bn_sums_emit,
    .algorithm = "sums in registers over runs of 64 pixels, runs in chunks, chunks in order",
};

/* ---- bn_dx: x, dy, mean, rstd, gamma, sum dy, sum dy*xhat ---- */

static double bn_dx_eval(const Node *n, const double *in, int batch)
{
    double m = (double)batch * (double)(n->in[0]->shape.h * n->in[0]->shape.w);
    double xhat = (in[0] - in[2]) * in[3];
    return in[4] * in[3] * (in[1] - in[5] / m - xhat * in[6] / m);
}

const OpDef op_bn_dx = {
    .name = "bn_dx",
    .elt = &(const EltDef){.code = "v_mul(v_mul($4, $3), v_sub($1, v_mul(v_set1((real)1 / ((real)n * $plane)), "
                                   "v_fma(v_mul(v_sub($0, $2), $3), $6, $5))))",
                           .eval = bn_dx_eval},
};

/* ---- at inference, and where it is frozen ---- */

static void bn_fold_eval(Eval *ev, const Node *n)
{
    const BatchnormAttrs *a = n->attrs;
    const double *gamma = eval_vector(ev, n->in[0]), *beta = eval_vector(ev, n->in[1]);
    const double *mean = eval_vector(ev, n->in[2]), *var = eval_vector(ev, n->in[3]);
    double *scale = eval_vector(ev, n->out[0]), *shift = eval_vector(ev, n->out[1]);
    for (int64_t c = 0; c < n->in[0]->shape.c; c++) {
        scale[c] = gamma[c] / sqrt(var[c] + a->eps);
        shift[c] = beta[c] - mean[c] * scale[c];
    }
}

static void bn_fold_emit(Emit *e, Node *n)
{
    const BatchnormAttrs *a = n->attrs;
    emit_once(e, n->out[0]);
    emit_kernel(e, "bn_fold");
    emit_int(e, "CP", round_up(n->in[0]->shape.c, emit_target(e)->vl));
    emit_real(e, "EPS", a->eps);
    for (int i = 0; i < 4; i++) {
        emit_arg(e, n->in[i], 0);
    }
    emit_arg(e, n->out[0], 0);
    emit_arg(e, n->out[1], 0);
    emit_end(e);
    emit_end_once(e, n->out[0]);
}

const OpDef op_bn_fold = {
    .name = "bn_fold",
    .eval = bn_fold_eval,
    .emit = bn_fold_emit,
    .algorithm = "a scale and a shift a channel",
};

static double scale_shift_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] * in[1] + in[2];
}

static double scale_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] * in[1];
}

const OpDef op_scale = {
    .name = "scale",
    .elt = &(const EltDef){.code = "v_mul($0, $1)", .eval = scale_eval},
};

/* Scale and shift do not depend on x. */
static void scale_shift_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    Value *x = n->in[0], *in[2] = {grad_of(ad, n->out[0]), n->in[1]};
    grad_add(ad, x, graph_apply(g, &op_scale, NULL, in, 2, x->shape, arena_printf(g->arena, "d_%s", x->name)));
}

const OpDef op_scale_shift = {
    .name = "scale_shift",
    .gradient = scale_shift_gradient,
    .elt = &(const EltDef){.code = "v_fma($0, $1, $2)", .eval = scale_shift_eval},
};

const OpDef op_batchnorm = {
    .name = "batchnorm",
    .kind = "layer",
    .summary = "normalises each channel over the batch",
    .doc = "y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and biased variance of the batch over samples, height and width "
           "(per activation after dense) while training, and running estimates at inference (`running_mean`, `running_var`; new = (1 - momentum)*old + "
           "momentum*batch, with the unbiased variance). `weight` starts at 1, `bias` at 0; neither decays. Ioffe and Szegedy, 2015.",
    .gradient_doc = "weight/sqrt(var + eps) * (g - mean(g) - xhat*mean(g*xhat)), through the statistics",
    .example = "batchnorm",
    .traits = OP_FREE,
    .attrs = batchnorm_attrs,
    .attrs_size = sizeof(BatchnormAttrs),
    .shape = batchnorm_shape,
    .build = batchnorm_build,
};
