/* losses.c - what training makes small. A loss node reads a head and gives the gradient of the batch's mean loss to it, times the term's
 * weight; each sample's loss goes to the pass. The target of a sample is a vector of the head's shape: given as such, or one-hot from a
 * class label. All losses are sums over the head's values, and means over samples. */
#include "../emit/rules.h"
#include "../interp.h"
#include "../op.h"

#include <math.h>

static void loss_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    g->phase = PHASE_LOSS;
    Value *dx = graph_tensor(g, n->in[0]->shape, arena_printf(g->arena, "d_%s", n->in[0]->name));
    g->phase = PHASE_BACKWARD;
    node_output(g, n, dx);
    grad_add(ad, n->in[0], dx);
}

static double weight_of(const Node *n)
{
    return ((const LossTerm *)n->attrs)->weight;
}

static double parameter_of(const Node *n)
{
    return ((const LossTerm *)n->attrs)->attrs->parameter;
}

/* The constants of every loss kernel; `weight` may hold more than the term's. */
static void begin_loss(Emit *e, const Node *n, const char *kernel, double weight)
{
    Value *x = n->in[0];
    emit_kernel(e, kernel);
    emit_int(e, "H", x->shape.h);
    emit_int(e, "W", x->shape.w);
    emit_int(e, "C", x->shape.c);
    emit_int(e, "CP", x->layout.channels);
    emit_strides(e, "X", x);
    emit_int(e, "WITH_GRAD", n->n_out > 0);
    emit_real(e, "WEIGHT", weight);
}

static void end_loss(Emit *e, const Node *n)
{
    emit_arg(e, n->in[0], 0);
    emit_arg_text(e, "p->labels");
    emit_arg_text(e, "p->targets");
    emit_arg_text(e, "p->loss_sample");
    emit_end(e);
}

/* Element k of sample i's target. */
static double target_at(const Eval *ev, Shape s, int i, int64_t k)
{
    return ev->targets ? ev->targets[(int64_t)i * shape_size(s) + k] : ev->labels[i] == k;
}

/* Sums a loss that is a function of each value and its target by itself, and stores the gradient. */
typedef double ElementLoss(double x, double target, double parameter, double *slope);

static void eval_elements(Eval *ev, const Node *n, ElementLoss *loss)
{
    const Value *x = n->in[0];
    Shape s = x->shape;
    for (int i = 0; i < ev->n; i++) {
        for (int64_t k = 0; k < shape_size(s); k++) {
            int64_t h = k / (s.w * s.c), w = k / s.c % s.w, c = k % s.c;
            double slope = 0, scale = weight_of(n) / ev->n;
            ev->loss += scale * loss(*eval_at(ev, x, i, h, w, c), target_at(ev, s, i, k), parameter_of(n), &slope);
            if (n->n_out > 0) {
                *eval_at(ev, n->out[0], i, h, w, c) = scale * slope;
            }
        }
    }
}

/* ---- cross entropy ---- */

static const AttrDef cross_entropy_attrs[] = {
    {.name = "smoothing", .type = ATTR_REAL, .offset = offsetof(LossAttrs, parameter), .standard = "0", .min = 0, .max = 0.999,
     .doc = "share of the target that is spread evenly over all classes"},
    {0},
};

static void cross_entropy_emit(Emit *e, Node *n)
{
    begin_loss(e, n, "cross_entropy", weight_of(n));
    emit_real(e, "SMOOTHING", parameter_of(n));
    end_loss(e, n);
}

static void cross_entropy_eval(Eval *ev, const Node *n)
{
    const Value *x = n->in[0];
    Shape s = x->shape;
    double smoothing = parameter_of(n), scale = weight_of(n) / ev->n;
    for (int i = 0; i < ev->n; i++) {
        double most = -INFINITY, sum = 0, mass = 0;
        for (int64_t c = 0; c < s.c; c++) {
            most = fmax(most, *eval_at(ev, x, i, 0, 0, c));
        }
        for (int64_t c = 0; c < s.c; c++) {
            sum += exp(*eval_at(ev, x, i, 0, 0, c) - most);
            mass += (1 - smoothing) * target_at(ev, s, i, c) + smoothing / (double)s.c;
        }
        for (int64_t c = 0; c < s.c; c++) {
            double target = (1 - smoothing) * target_at(ev, s, i, c) + smoothing / (double)s.c;
            double log_p = *eval_at(ev, x, i, 0, 0, c) - most - log(sum);
            ev->loss -= scale * target * log_p;
            if (n->n_out > 0) {
                *eval_at(ev, n->out[0], i, 0, 0, c) = scale * (mass * exp(log_p) - target);
            }
        }
    }
}

const OpDef op_cross_entropy = {
    .name = "cross_entropy",
    .kind = "loss",
    .summary = "softmax and log-likelihood of the true class, fused",
    .doc = "-sum of t*log softmax(x), the mean over samples; t is 1 at the label and 0 elsewhere, or a target vector, such as shares of the "
           "classes. Trains linear outputs; a softmax at the end of the network is taken into it. With `smoothing=s`, t becomes (1 - s)*t + "
           "s/classes (Szegedy et al., 2016).",
    .gradient_doc = "(sum(t)*softmax(x) - t) / samples",
    .example = "cross_entropy(smoothing=0.1)",
    .traits = OP_LOSS | OP_LABELS | OP_SIDE_EFFECT | OP_EPILOGUE | OP_TAKES_SOFTMAX,
    .attrs = cross_entropy_attrs,
    .attrs_size = sizeof(LossAttrs),
    .gradient = loss_gradient,
    .emit = cross_entropy_emit,
    .eval = cross_entropy_eval,
    .algorithm = "softmax, loss and gradient of a sample at a time",
};

/* ---- binary cross entropy ---- */

static void binary_cross_entropy_emit(Emit *e, Node *n)
{
    begin_loss(e, n, "binary_cross_entropy", weight_of(n));
    end_loss(e, n);
}

static double binary_cross_entropy(double x, double target, double parameter, double *slope)
{
    (void)parameter;
    *slope = 1 / (1 + exp(-x)) - target;
    return fmax(x, 0) + log1p(exp(-fabs(x))) - target * x; /* log(1 + e^x) - t*x */
}

static void binary_cross_entropy_eval(Eval *ev, const Node *n)
{
    eval_elements(ev, n, binary_cross_entropy);
}

const OpDef op_binary_cross_entropy = {
    .name = "binary_cross_entropy",
    .kind = "loss",
    .summary = "sigmoid and cross entropy of each output by itself, fused",
    .doc = "-sum over outputs of t*log p + (1 - t)*log(1 - p) with p = sigmoid(x), the mean over samples. For outputs that do not exclude each "
           "other, or one output that says yes or no; t is a target vector (or number) in 0..1, or one-hot from a class label. Trains linear "
           "outputs; a sigmoid at the end of the network is taken into it.",
    .gradient_doc = "(sigmoid(x) - t) / samples",
    .example = "binary_cross_entropy",
    .traits = OP_LOSS | OP_SIDE_EFFECT | OP_EPILOGUE | OP_TAKES_SIGMOID,
    .attrs_size = sizeof(LossAttrs),
    .gradient = loss_gradient,
    .emit = binary_cross_entropy_emit,
    .eval = binary_cross_entropy_eval,
    .algorithm = "loss and gradient of a sample at a time",
};

/* ---- squared errors ---- */

static void mse_emit(Emit *e, Node *n)
{
    begin_loss(e, n, "mse", weight_of(n));
    end_loss(e, n);
}

static double half_square(double x, double target, double parameter, double *slope)
{
    (void)parameter;
    *slope = x - target;
    return 0.5 * (x - target) * (x - target);
}

static void mse_eval(Eval *ev, const Node *n)
{
    eval_elements(ev, n, half_square);
}

const OpDef op_mse = {
    .name = "mse",
    .kind = "loss",
    .summary = "half the squared distance to the target, the mean over samples",
    .doc = "1/p sum over samples of 1/2 sum over outputs of (y - d)^2. The target is a dense vector, or one-hot from a class label.",
    .gradient_doc = "(y - d) / samples",
    .example = "mse",
    .traits = OP_LOSS | OP_SIDE_EFFECT | OP_EPILOGUE,
    .attrs_size = sizeof(LossAttrs),
    .gradient = loss_gradient,
    .emit = mse_emit,
    .eval = mse_eval,
    .algorithm = "loss and gradient of a sample at a time",
};

static void squared_error_emit(Emit *e, Node *n)
{
    begin_loss(e, n, "mse", 2 * weight_of(n));
    end_loss(e, n);
}

static double square(double x, double target, double parameter, double *slope)
{
    (void)parameter;
    *slope = 2 * (x - target);
    return (x - target) * (x - target);
}

static void squared_error_eval(Eval *ev, const Node *n)
{
    eval_elements(ev, n, square);
}

const OpDef op_squared_error = {
    .name = "squared_error",
    .kind = "loss",
    .summary = "the squared distance to the target, the mean over samples: twice mse",
    .doc = "1/p sum over samples of the sum over outputs of (y - d)^2. The target is a dense vector, or one-hot from a class label.",
    .gradient_doc = "2*(y - d) / samples",
    .example = "squared_error",
    .traits = OP_LOSS | OP_SIDE_EFFECT | OP_EPILOGUE,
    .attrs_size = sizeof(LossAttrs),
    .gradient = loss_gradient,
    .emit = squared_error_emit,
    .eval = squared_error_eval,
    .algorithm = "loss and gradient of a sample at a time",
};

/* ---- quadratic near the target, straight far from it ---- */

static const AttrDef delta_attrs[] = {
    {.name = "delta", .type = ATTR_REAL, .offset = offsetof(LossAttrs, parameter), .standard = "1", .min = 1e-6, .max = 1e6,
     .doc = "distance from the target at which the loss becomes straight"},
    {0},
};

static void huber_emit(Emit *e, Node *n)
{
    begin_loss(e, n, "huber", weight_of(n));
    emit_real(e, "DELTA", parameter_of(n));
    end_loss(e, n);
}

static double huber(double x, double target, double delta, double *slope)
{
    double d = x - target;
    if (fabs(d) <= delta) {
        *slope = d;
        return 0.5 * d * d;
    }
    *slope = copysign(delta, d);
    return delta * (fabs(d) - 0.5 * delta);
}

static void huber_eval(Eval *ev, const Node *n)
{
    eval_elements(ev, n, huber);
}

const OpDef op_huber = {
    .name = "huber",
    .kind = "loss",
    .summary = "half the square up to a distance of delta, then straight with slope delta",
    .doc = "The sum over outputs of d^2/2 where |d| <= delta, else delta*(|d| - delta/2), d = y - target; the mean over samples. Outliers "
           "pull with a limited force. The target is a dense vector, or one-hot from a class label. Huber, 1964.",
    .gradient_doc = "d limited to -delta..delta, / samples",
    .example = "huber(delta=0.5)",
    .traits = OP_LOSS | OP_SIDE_EFFECT | OP_EPILOGUE,
    .attrs = delta_attrs,
    .attrs_size = sizeof(LossAttrs),
    .gradient = loss_gradient,
    .emit = huber_emit,
    .eval = huber_eval,
    .algorithm = "loss and gradient of a sample at a time",
};

static void smooth_l1_emit(Emit *e, Node *n)
{
    begin_loss(e, n, "huber", weight_of(n) / parameter_of(n));
    emit_real(e, "DELTA", parameter_of(n));
    end_loss(e, n);
}

static double smooth_l1(double x, double target, double delta, double *slope)
{
    double d = x - target;
    *slope = fabs(d) <= delta ? d / delta : copysign(1, d);
    return fabs(d) <= delta ? 0.5 * d * d / delta : fabs(d) - 0.5 * delta;
}

static void smooth_l1_eval(Eval *ev, const Node *n)
{
    eval_elements(ev, n, smooth_l1);
}

const OpDef op_smooth_l1 = {
    .name = "smooth_l1",
    .kind = "loss",
    .summary = "the distance to the target, rounded off below delta: huber/delta",
    .doc = "The sum over outputs of d^2/(2*delta) where |d| <= delta, else |d| - delta/2, d = y - target; the mean over samples. The slope is "
           "1 far from the target for every delta; with delta 1 it is huber. The target is a dense vector, or one-hot from a class label. "
           "Girshick, 2015.",
    .gradient_doc = "d/delta limited to -1..1, / samples",
    .example = "smooth_l1(delta=0.5)",
    .traits = OP_LOSS | OP_SIDE_EFFECT | OP_EPILOGUE,
    .attrs = delta_attrs,
    .attrs_size = sizeof(LossAttrs),
    .gradient = loss_gradient,
    .emit = smooth_l1_emit,
    .eval = smooth_l1_eval,
    .algorithm = "loss and gradient of a sample at a time",
};
