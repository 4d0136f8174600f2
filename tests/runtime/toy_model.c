/* toy_model.c - a model written by hand, so that the trainer can be tested without the compiler.
 *
 *   input 2 -> dense 12 -> centre -> relu -> dropout 10% -> dense 3, cross entropy, momentum, on the spiral
 *
 * `centre` subtracts the batch's mean of each unit, and a running mean at inference: it is here for its statistic.
 * Plain loops, as near to the definitions as can be. TOY_WRONG makes one gradient wrong, which the gradient check has
 * to notice. */
#include <math.h>
#include <stdlib.h>

#include "../../runtime/model.h"
#include "../../runtime/rng.h"
#include "../../runtime/trainer.h"

enum { IN = 2, HIDDEN = 12, PANEL = 8, HIDDEN_PADDED = 16, OUT = 3, OUT_PADDED = 8 };

/* The parameters, as offsets. */
enum {
    W1 = 0,
    B1 = W1 + IN * HIDDEN_PADDED,
    W2 = B1 + HIDDEN_PADDED,
    B2 = W2 + HIDDEN * OUT_PADDED,
    TRAINABLE = B2 + OUT_PADDED,
    MEAN = TRAINABLE,
    ALL = MEAN + HIDDEN_PADDED
};

/* The arena, as offsets for each sample; every tensor has its padded width. */
enum {
    Z = 0,
    H = Z + HIDDEN_PADDED,
    KEEP = H + HIDDEN_PADDED,
    Y = KEEP + HIDDEN_PADDED,
    DY = Y + OUT_PADDED,
    DH = DY + OUT_PADDED,
    DX = DH + HIDDEN_PADDED,
    ARENA = DX + IN
};

static const double drop_rate = 0.1, statistic_momentum = 0.1, weight_decay = 1e-4;

/* dense1.weight and dense2.weight are stored in panels: the row of an input holds PANEL outputs side by side. */
static size_t w1_at(int in, int out)
{
    return (size_t)(W1 + out / PANEL * PANEL * IN + in * PANEL + out % PANEL);
}

static size_t w2_at(int in, int out)
{
    return (size_t)(W2 + in * OUT_PADDED + out);
}

static real *tensor(const nt_pass *p, int offset, int width, int sample)
{
    return p->arena + (size_t)offset * (size_t)p->n + (size_t)width * (size_t)sample;
}

static void hidden_sums(nt_pass *p)
{
#pragma omp for schedule(static)
    for (int s = 0; s < p->n; s++) {
        real *z = tensor(p, Z, HIDDEN_PADDED, s);
        for (int j = 0; j < HIDDEN; j++) {
            z[j] = p->params[B1 + j];
            for (int i = 0; i < IN; i++)
                z[j] += p->params[w1_at(i, j)] * p->input[s * IN + i];
        }
    }
}

/* Subtracts the batch's mean from z; updates the running mean if asked to. */
static void centre(nt_pass *p, int update_statistic)
{
#pragma omp for schedule(static)
    for (int j = 0; j < HIDDEN; j++) {
        real mean = 0;
        for (int s = 0; s < p->n; s++)
            mean += tensor(p, Z, HIDDEN_PADDED, s)[j] / (real)p->n;
        for (int s = 0; s < p->n; s++)
            tensor(p, Z, HIDDEN_PADDED, s)[j] -= mean;
        if (update_statistic)
            p->params[MEAN + j] += (real)statistic_momentum * (mean - p->params[MEAN + j]);
    }
}

static void outputs(nt_pass *p)
{
#pragma omp for schedule(static)
    for (int s = 0; s < p->n; s++) {
        const real *h = tensor(p, H, HIDDEN_PADDED, s);
        real *y = tensor(p, Y, OUT_PADDED, s);
        for (int k = 0; k < OUT; k++) {
            y[k] = p->params[B2 + k];
            for (int j = 0; j < HIDDEN; j++)
                y[k] += p->params[w2_at(j, k)] * h[j];
        }
    }
}

static void relu_and_dropout(nt_pass *p)
{
    uint64_t key = nt_key(nt_key(p->seed, NT_KEY_DROPOUT), p->step);
#pragma omp for schedule(static)
    for (int s = 0; s < p->n; s++) {
        const real *z = tensor(p, Z, HIDDEN_PADDED, s);
        real *h = tensor(p, H, HIDDEN_PADDED, s), *keep = tensor(p, KEEP, HIDDEN_PADDED, s);
        for (int j = 0; j < HIDDEN; j++) {
            int kept = !p->random || nt_random_uniform(key, (uint64_t)(s * HIDDEN + j)) >= drop_rate;
            keep[j] = !kept ? 0 : p->random ? (real)(1 / (1 - drop_rate)) : 1;
            h[j] = z[j] > 0 || isnan(z[j]) ? z[j] * keep[j] : 0;
        }
    }
}

/* Loss of each sample, and dy = (softmax(y) - one_hot) / n. */
static void cross_entropy(nt_pass *p)
{
#pragma omp for schedule(static)
    for (int s = 0; s < p->n; s++) {
        const real *y = tensor(p, Y, OUT_PADDED, s);
        real *dy = tensor(p, DY, OUT_PADDED, s), largest = y[0], sum = 0;
        for (int k = 1; k < OUT; k++)
            largest = y[k] > largest ? y[k] : largest;
        for (int k = 0; k < OUT; k++)
            sum += (real)exp((double)(y[k] - largest));
        for (int k = 0; k < OUT; k++)
            dy[k] = ((real)exp((double)(y[k] - largest)) / sum - (real)(k == p->labels[s])) / (real)p->n;
        p->loss_sample[s] = (real)log((double)sum) + largest - y[p->labels[s]];
    }
}

static void forward(nt_pass *p, int update_statistic)
{
    hidden_sums(p);
    centre(p, update_statistic);
    relu_and_dropout(p);
    outputs(p);
    cross_entropy(p);
}

/* dh, through dropout and relu, and through the subtraction of the mean: dz = dh - mean(dh). */
static void hidden_gradients(nt_pass *p)
{
#pragma omp for schedule(static)
    for (int j = 0; j < HIDDEN; j++) {
        real mean = 0;
        for (int s = 0; s < p->n; s++) {
            const real *dy = tensor(p, DY, OUT_PADDED, s);
            real *dh = tensor(p, DH, HIDDEN_PADDED, s);
            dh[j] = 0;
            for (int k = 0; k < OUT; k++)
                dh[j] += p->params[w2_at(j, k)] * dy[k];
            dh[j] *= tensor(p, Z, HIDDEN_PADDED, s)[j] > 0 ? tensor(p, KEEP, HIDDEN_PADDED, s)[j] : 0;
            mean += dh[j] / (real)p->n;
        }
#ifndef TOY_WRONG
        for (int s = 0; s < p->n; s++)
            tensor(p, DH, HIDDEN_PADDED, s)[j] -= mean;
#endif
    }
}

static void parameter_gradients(nt_pass *p)
{
#pragma omp for schedule(static)
    for (int j = 0; j < HIDDEN; j++) {
        for (int k = 0; k < OUT; k++) {
            real sum = 0;
            for (int s = 0; s < p->n; s++)
                sum += tensor(p, H, HIDDEN_PADDED, s)[j] * tensor(p, DY, OUT_PADDED, s)[k];
            p->grads[w2_at(j, k)] = sum;
        }
        real bias = 0;
        for (int i = 0; i < IN; i++) {
            real sum = 0;
            for (int s = 0; s < p->n; s++)
                sum += p->input[s * IN + i] * tensor(p, DH, HIDDEN_PADDED, s)[j];
            p->grads[w1_at(i, j)] = sum;
        }
        for (int s = 0; s < p->n; s++)
            bias += tensor(p, DH, HIDDEN_PADDED, s)[j];
        p->grads[B1 + j] = bias;
    }
#pragma omp for schedule(static)
    for (int k = 0; k < OUT; k++) {
        p->grads[B2 + k] = 0;
        for (int s = 0; s < p->n; s++)
            p->grads[B2 + k] += tensor(p, DY, OUT_PADDED, s)[k];
    }
}

static void input_gradient(nt_pass *p)
{
#pragma omp for schedule(static)
    for (int s = 0; s < p->n; s++)
        for (int i = 0; i < IN; i++) {
            real sum = 0;
            for (int j = 0; j < HIDDEN; j++)
                sum += p->params[w1_at(i, j)] * tensor(p, DH, HIDDEN_PADDED, s)[j];
            tensor(p, DX, IN, s)[i] = sum;
        }
}

static void toy_train(nt_pass *p)
{
    forward(p, 1);
    hidden_gradients(p);
    parameter_gradients(p);
}

static void toy_gradient(nt_pass *p)
{
    forward(p, 0);
    hidden_gradients(p);
    parameter_gradients(p);
    input_gradient(p);
}

static void toy_loss(nt_pass *p)
{
    forward(p, 0);
}

static void toy_infer(nt_pass *p)
{
    hidden_sums(p);
#pragma omp for schedule(static)
    for (int s = 0; s < p->n; s++)
        for (int j = 0; j < HIDDEN; j++) {
            real z = tensor(p, Z, HIDDEN_PADDED, s)[j] - p->params[MEAN + j];
            tensor(p, H, HIDDEN_PADDED, s)[j] = z > 0 ? z : 0;
        }
    outputs(p);
}

static void toy_update(nt_pass *p)
{
#pragma omp for schedule(static)
    for (int i = 0; i < TRAINABLE; i++) {
        int decays = (i >= W1 && i < B1) || (i >= W2 && i < B2);
        double g = (double)p->grads[i] * p->clip_scale;
        g += decays * weight_decay * p->decay_scale * (double)p->params[i];
        p->state[i] = (real)(p->momentum * (double)p->state[i] + g);
        p->params[i] -= (real)(p->lr * (double)p->state[i]);
    }
}

#define DENSE(called, outs, ins, padded, at, std, stream)                                                             \
    {                                                                                                                 \
        .name = called ".weight", .role = NT_WEIGHT, .layout = NT_PANELS, .disk_dims = {outs, ins}, .n_disk_dims = 2, \
        .out = outs, .in = ins, .kh = 1, .kw = 1, .groups = 1, .panel = PANEL, .out_padded = padded, .offset = at,    \
        .elements = (ins) * (padded), .init = NT_INIT_NORMAL, .init_a = std, .init_stream = stream, .decay = 1        \
    }
#define VECTOR(called, of_role, length, padded, at)                                                                   \
    {                                                                                                                 \
        .name = called, .role = of_role, .layout = NT_VECTOR, .disk_dims = {length}, .n_disk_dims = 1, .out = length, \
        .in = 1, .kh = 1, .kw = 1, .groups = 1, .offset = at, .elements = padded, .init = NT_INIT_CONSTANT            \
    }

static const nt_param params[] = {
    DENSE("dense1", HIDDEN, IN, HIDDEN_PADDED, W1, 1, 0),
    VECTOR("dense1.bias", NT_BIAS, HIDDEN, HIDDEN_PADDED, B1),
    DENSE("dense2", OUT, HIDDEN, OUT_PADDED, W2, 0.4, 1),
    VECTOR("dense2.bias", NT_BIAS, OUT, OUT_PADDED, B2),
    VECTOR("centre.running_mean", NT_STAT, HIDDEN, HIDDEN_PADDED, MEAN),
};

static const nt_head heads[] = {
    {.name = "dense2",
     .h = 1,
     .w = 1,
     .c = OUT,
     .offset = Y,
     .infer_offset = Y,
     .stride_sample = OUT_PADDED,
     .stride_row = OUT_PADDED,
     .stride_pixel = OUT_PADDED,
     .loss = 0},
};

static const nt_loss losses[] = {{NT_LOSS_CROSS_ENTROPY, 0, 1, 0}};

static const char *const classes[] = {"red", "green", "blue"};

static const nt_data_config data = {
    .source = NT_SOURCE_SPIRAL,
    .spiral_classes = OUT,
    .spiral_points = 150,
    .spiral_noise = 0.1,
    .validation_share = 0.2,
    .normalize = NT_NORM_STANDARDIZE,
    .classes = classes,
    .n_classes = OUT,
};

static const nt_train_config train_config = {
    .optimizer = "momentum",
    .lr = 0.1,
    .momentum = 0.9,
    .schedule = {.kind = NT_SCHEDULE_COSINE, .final = 0.05, .per = NT_STEPS},
    .batch = 16,
    .epochs = 20,
    .clip = {.kind = NT_CLIP_NORM, .limit = 5},
    .seed = 7,
    .metric_accuracy = 1,
    .top_k = 2,
};

static const char *const layer_names[] = {"centre", "relu", "dense2"};
static const size_t layer_offsets[] = {Z, H, Y}, layer_elements[] = {HIDDEN_PADDED, HIDDEN_PADDED, OUT_PADDED};

#ifdef NT_DOUBLE
const nt_model toy_model_double;
const nt_model toy_model_double = {
#else
extern const nt_model toy_model_double;
static const nt_model toy_model = {
#endif
    .abi = NT_ABI,
    .name = "toy",
    .file = "toy.net",
    .target = "generic",
    .hash = "00000000000000aa",
    .input_h = 1,
    .input_w = 1,
    .input_c = IN,
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .trainable_elements = TRAINABLE,
    .gradient_elements = TRAINABLE,
    .params_elements = ALL,
    .state_slots = 1,
    .arena_sample = ARENA,
    .arena_fixed = 0,
    .infer_sample = DY,
    .infer_fixed = 0,
    .heads = heads,
    .n_heads = 1,
    .losses = losses,
    .n_losses = 1,
    .parameters = IN * HIDDEN + HIDDEN + HIDDEN * OUT + OUT,
    .macs_forward = IN * HIDDEN + HIDDEN * OUT,
    .flops_step = 6 * (IN * HIDDEN + HIDDEN * OUT),
    .input_grad = DX,
    .input_grad_stride_sample = IN,
    .input_grad_stride_row = IN,
    .input_grad_stride_pixel = IN,
    .train = toy_train,
    .gradient = toy_gradient,
    .loss = toy_loss,
    .update = toy_update,
    .infer = toy_infer,
    .layer_names = layer_names,
    .layer_offsets = layer_offsets,
    .layer_elements = layer_elements,
    .n_layers = 3,
    .data = &data,
    .train_config = &train_config,
};

#ifndef NT_DOUBLE
/* TOY_PATIENCE in the environment turns early stopping on. */
int main(int argc, char **argv)
{
    nt_train_config own = train_config;
    nt_model model = toy_model;
    const char *patience = getenv("TOY_PATIENCE");
    nt_stop stop = {.kind = NT_STOP_PATIENCE, .epochs = patience ? atoi(patience) : 0, .factor = 1};
    own.stops = &stop;
    own.n_stops = patience != NULL;
    model.train_config = &own;
    return nt_trainer_main(&model, &toy_model_double, NULL, argc, argv);
}
#endif
