/* losses.c - cross_entropy and mse. A loss node reads a head and gives the gradient of the batch's mean loss to it, times the term's
 * weight; each sample's loss goes to the pass. */
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

static void emit_loss(Emit *e, const Node *n)
{
    Value *x = n->in[0];
    emit_int(e, "H", x->shape.h);
    emit_int(e, "W", x->shape.w);
    emit_int(e, "C", x->shape.c);
    emit_int(e, "CP", x->layout.channels);
    emit_strides(e, "X", x);
    emit_int(e, "WITH_GRAD", 1);
    emit_real(e, "WEIGHT", weight_of(n));
}

/* ---- cross entropy ---- */

static void cross_entropy_emit(Emit *e, Node *n)
{
    emit_kernel(e, "cross_entropy");
    emit_loss(e, n);
    emit_real(e, "SMOOTHING", 0);
    emit_arg(e, n->in[0], 0);
    emit_arg_text(e, "p->labels");
    emit_arg_text(e, "p->loss_sample");
    emit_end(e);
}

static void cross_entropy_eval(Eval *ev, const Node *n)
{
    const Value *x = n->in[0];
    Shape s = x->shape;
    for (int i = 0; i < ev->n; i++) {
        for (int64_t p = 0; p < s.h * s.w; p++) {
            double most = -INFINITY, sum = 0, scale = weight_of(n) / ((double)ev->n * (double)(s.h * s.w));
            int label = ev->labels[(int64_t)i * s.h * s.w + p];
            for (int64_t c = 0; c < s.c; c++) {
                most = fmax(most, *eval_at(ev, x, i, p / s.w, p % s.w, c));
            }
            for (int64_t c = 0; c < s.c; c++) {
                sum += exp(*eval_at(ev, x, i, p / s.w, p % s.w, c) - most);
            }
            ev->loss += scale * (most + log(sum) - *eval_at(ev, x, i, p / s.w, p % s.w, label));
            for (int64_t c = 0; n->n_out > 0 && c < s.c; c++) {
                double q = exp(*eval_at(ev, x, i, p / s.w, p % s.w, c) - most) / sum;
                *eval_at(ev, n->out[0], i, p / s.w, p % s.w, c) = scale * (q - (c == label));
            }
        }
    }
}

const OpDef op_cross_entropy = {
    .name = "cross_entropy",
    .kind = "loss",
    .summary = "softmax and log-likelihood of the true class, fused",
    .doc = "-log softmax(x)[label], the mean over samples. Trains linear outputs; a softmax at the end of the network is taken into it.",
    .gradient_doc = "(softmax(x) - onehot(label)) / samples",
    .traits = OP_LOSS | OP_LABELS | OP_SIDE_EFFECT | OP_EPILOGUE | OP_TAKES_SOFTMAX,
    .gradient = loss_gradient,
    .emit = cross_entropy_emit,
    .eval = cross_entropy_eval,
    .algorithm = "softmax, loss and gradient of a sample at a time",
};

/* ---- mean squared error ---- */

static void mse_emit(Emit *e, Node *n)
{
    emit_kernel(e, "mse");
    emit_loss(e, n);
    emit_arg(e, n->in[0], 0);
    emit_arg_text(e, "p->labels");
    emit_arg_text(e, "p->targets");
    emit_arg_text(e, "p->loss_sample");
    emit_end(e);
}

static void mse_eval(Eval *ev, const Node *n)
{
    const Value *x = n->in[0];
    Shape s = x->shape;
    for (int i = 0; i < ev->n; i++) {
        for (int64_t k = 0; k < shape_size(s); k++) {
            double target = ev->targets ? ev->targets[(int64_t)i * shape_size(s) + k] : ev->labels[i] == k;
            double diff = *eval_at(ev, x, i, k / (s.w * s.c), k / s.c % s.w, k % s.c) - target;
            ev->loss += weight_of(n) * 0.5 * diff * diff / ev->n;
            if (n->n_out > 0) {
                *eval_at(ev, n->out[0], i, k / (s.w * s.c), k / s.c % s.w, k % s.c) = weight_of(n) * diff / ev->n;
            }
        }
    }
}

const OpDef op_mse = {
    .name = "mse",
    .kind = "loss",
    .summary = "half the squared distance to the target, the mean over samples",
    .doc = "1/p sum over samples of 1/2 sum over outputs of (y - d)^2. The target is a dense vector, or one-hot from a class label.",
    .gradient_doc = "(y - d) / samples",
    .traits = OP_LOSS | OP_SIDE_EFFECT | OP_EPILOGUE,
    .gradient = loss_gradient,
    .emit = mse_emit,
    .eval = mse_eval,
    .algorithm = "loss and gradient of a sample at a time",
};
