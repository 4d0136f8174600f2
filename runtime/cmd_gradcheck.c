/* cmd_gradcheck.c - EXE gradcheck: the gradients that the emitted code works out, against central differences of the
 * loss in double.
 *
 * Three things are compared, tensor by tensor: central differences, which need nothing but the forward pass; the
 * backward pass compiled for double; and the backward pass in float, which is what trains.
 *
 * Differences against double. A tensor w moves along a direction d of random signs times the root mean square of w's
 * own values, u. If the gradient has an error e, the slope along d has the error e.d, whose square is u^2 |e|^2 on the
 * average; so a few directions measure the error of the whole tensor, not of some places in it. What is printed is
 * sqrt(mean (slope - gradient.d)^2) / (u |gradient|).
 *
 * The step is the narrowest at which rounding of the loss takes an eighth of the tolerance: kinks (of relu, of a
 * maximum) are the fewer the narrower it is. One that lies within the step nevertheless shows, as the slope is another
 * one at half the step, or those of the two sides differ by more than curvature explains. A difference says nothing of
 * the gradient then, and the step is narrowed as far as rounding allows. If there is no step without a kink the
 * direction is left out, counted, and another one taken. Whether the slope is the gradient's has no part in that
 * decision, so a wrong gradient cannot choose its directions. A tensor without any direction left has not been checked,
 * which is a failure.
 *
 * Float against double. Both have the whole gradient, and all of it is compared. Where the sums of the gradient cancel
 * (batchnorm takes away what the layers before it add) or an activation lies nearer to its kink than float can tell,
 * float cannot be near double however right the code is. How far rounding may take it is measured: all values are moved
 * by a last digit of float, at random, a few times, and float should follow double. By as much as it does not, it may
 * be off; a wrong formula is off by the same everywhere, and finds no excuse in this. What differs between two runs at
 * the same point is no rounding either, and wrong. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "gradcheck_double.h"
#include "progress.h"
#include "rng.h"

/* What rounding leaves in a mean loss near 1. */
static const double loss_rounding = 4e-16;

/* What of the tolerance may go into rounding. */
static const double rounding_share = 1.0 / 8;

/* Steps, as a share of a tensor's size: none wider, none narrower. */
static const double widest = 1e-3, narrowest = 1e-9;

enum {
    ATTEMPTS = 8, /* directions tried for each that is wanted */
    SHAKES = 3    /* points at which the rounding of float is measured */
};

/* How much further off than at the points of measurement float may be at another: they are few. */
static const double rounding_slack = 4;

/* Random streams. */
enum { INPUTS = NT_KEY_USER, LABELS, TARGETS, JITTER, DIRECTIONS, SHAKING };

typedef struct options {
    const char *weights, *set;
    int64_t batch, directions, threads;
    uint64_t seed;
    double tolerance, noise, gain;
    bool seed_given;
} options;

/* One tensor's comparison. Errors are sums of squares. */
typedef struct comparison {
    size_t values;
    int checked, kinks, lost; /* directions measured, left out for kinks, and with a slope that rounding hides */
    double size;              /* u, see above */
    double difference_error, difference_norm; /* over the directions measured */
    double lost_slope;                        /* the steepest of those that rounding hides */
    double float_error, float_norm, double_norm;
    double shaken_error; /* of float's following, over all shakes */
    bool unsteady;       /* not the same when worked out again */
} comparison;

typedef struct checker {
    const nt_model *model;
    const options *o;
    uint64_t seed;
    nt_engine engine;
    nt_d_check *check;
    float *values;       /* of the tensor at hand, in the order that nt_d_check uses */
    double *direction;   /* of the tensor at hand */
    float *deviation;    /* of the whole gradient: float - double, where nothing is shaken */
    real *params;        /* of the float model, where nothing is shaken; ... */
    float *input;        /* ... and its input */
    comparison *tensors; /* see of_tensor */
    double base_loss;    /* in double, where nothing is moved */
} checker;

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv)
{
    const nt_option list[] = {
        {"--batch", NT_OPTION_COUNT, &o->batch, "N", "random samples in the batch (4)", 1, NULL},
        {"--directions", NT_OPTION_COUNT, &o->directions, "N", "random directions for each tensor (3)", 1, NULL},
        {"--seed", NT_OPTION_SEED, &o->seed, "N", "of values, inputs and directions", 0, &o->seed_given},
        {"--tolerance", NT_OPTION_NUMBER, &o->tolerance, "X", "largest relative error that passes (2e-5)", 0, NULL},
        {"--weights", NT_OPTION_TEXT, &o->weights, "F", "check at these weights, or those of a folder of train, not at random ones", 0, NULL},
        {"--set", NT_OPTION_TEXT, &o->set, "NAME=X", "parameters of that name, or ending in .NAME, start from X", 0,
         NULL},
        {"--gain", NT_OPTION_NUMBER, &o->gain, "X", "factor on initial values drawn at random (1)", 0, NULL},
        {"--noise", NT_OPTION_NUMBER, &o->noise, "X", "standard deviation of what is added to constants (0.1)", 0,
         NULL},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N", "the result is the same for any number", 1, NULL},
    };
    const nt_usage usage = {
        context->exe, "gradcheck",
        NULL,         "Compares the emitted code's gradients with central differences in double precision.",
        list,         sizeof list / sizeof *list,
    };
    int rest;
    return nt_options_parse(&usage, argc, argv, &rest);
}

/* -- Setting up -------------------------------------------------------------------------------------------------- */

static size_t input_values(const checker *c)
{
    return (size_t)c->model->input_h * (size_t)c->model->input_w * (size_t)c->model->input_c * (size_t)c->o->batch;
}

static void random_batch(checker *c)
{
    nt_engine *engine = &c->engine;
    const nt_model *model = c->model;
    int n = (int)c->o->batch;
    bool classes = nt_model_classifies(model);
    for (size_t i = 0; i < input_values(c); i++)
        engine->input[i] = (float)nt_random_normal(nt_key(c->seed, INPUTS), i);
    for (int i = 0; i < n; i++)
        engine->labels[i] = (int32_t)nt_random_below(nt_key(c->seed, LABELS), (uint64_t)i, (uint64_t)model->heads[0].c);
    for (int i = 0; i < n * engine->outputs; i++)
        engine->targets[i] = (float)nt_random_normal(nt_key(c->seed, TARGETS), (uint64_t)i);
    engine->pass.n = n;
    engine->pass.random = 0;
    engine->pass.labels = classes ? engine->labels : NULL;
    engine->pass.targets = classes ? NULL : engine->targets;
}

/* --gain X: for weights that begin so small that the loss hardly depends on the first layers. */
static void scale_random(const checker *c, real *params)
{
    for (int p = 0; p < c->model->n_params; p++) {
        const nt_param *param = &c->model->params[p];
        if (param->init == NT_INIT_CONSTANT)
            continue;
        for (size_t i = 0; i < param->elements; i++)
            params[param->offset + i] *= (real)c->o->gain;
    }
}

/* --set NAME=X: for constants that put the network where rounding grows from layer to layer. */
static bool set_constants(const checker *c, real *params, nt_error *error)
{
    const char *equals = strchr(c->o->set, '=');
    size_t length = equals ? (size_t)(equals - c->o->set) : 0;
    char *end = NULL;
    double value = equals ? strtod(equals + 1, &end) : NAN;
    int found = 0;
    if (length == 0 || end == equals + 1 || *end != '\0' || !isfinite(value))
        return nt_fail(error, "--set %s: this is no NAME=NUMBER", c->o->set);
    for (int p = 0; p < c->model->n_params; p++) {
        const nt_param *param = &c->model->params[p];
        size_t n = strlen(param->name), count = nt_param_count(param);
        if (n < length || (n > length && param->name[n - length - 1] != '.') ||
            memcmp(param->name + n - length, c->o->set, length) != 0)
            continue;
        for (size_t i = 0; i < count; i++)
            params[param->offset + nt_param_index(param, i)] = (real)value;
        found++;
    }
    return found > 0 ||
           nt_fail(error, "--set %s: no parameter has this name, or ends in a dot and this name", c->o->set);
}

/* Constant initial values are special places (all biases 0: symmetric units, activations at their kinks); a little
 * noise makes them general. */
static void jitter_constants(const checker *c, real *params)
{
    for (int p = 0; p < c->model->n_params; p++) {
        const nt_param *param = &c->model->params[p];
        if (param->init != NT_INIT_CONSTANT || param->role == NT_STAT)
            continue;
        uint64_t key = nt_key(nt_key(c->seed, JITTER), (uint64_t)p);
        size_t count = nt_param_count(param);
        for (size_t i = 0; i < count; i++)
            params[param->offset + nt_param_index(param, i)] += (float)(c->o->noise * nt_random_normal(key, i));
    }
}

static bool is_checked(const checker *c, int tensor)
{
    return tensor == NT_D_INPUT ? c->model->input_grad != SIZE_MAX : nt_param_is_trained(&c->model->params[tensor]);
}

/* Tensors are gone through from the input, which is NT_D_INPUT. */
static comparison *of_tensor(checker *c, int tensor)
{
    return &c->tensors[tensor - NT_D_INPUT];
}

static bool allocate(checker *c, nt_error *error)
{
    const nt_model *model = c->model;
    size_t largest = input_values(c), all = model->trainable_elements + largest;
    c->tensors = calloc((size_t)model->n_params + 1, sizeof *c->tensors);
    for (int i = 0; i < model->n_params; i++) {
        size_t count = nt_param_count(&model->params[i]);
        largest = count > largest ? count : largest;
    }
    c->values = calloc(largest, sizeof *c->values);
    c->direction = calloc(largest, sizeof *c->direction);
    c->deviation = calloc(all, sizeof *c->deviation);
    c->params = calloc(model->params_elements + 1, sizeof *c->params);
    c->input = calloc(input_values(c), sizeof *c->input);
    if (!c->tensors || !c->values || !c->direction || !c->deviation || !c->params || !c->input)
        return nt_fail_memory(error, "the gradient check", (double)(largest * 12 + (all + model->params_elements) * 4));
    for (int tensor = NT_D_INPUT; tensor < model->n_params; tensor++)
        of_tensor(c, tensor)->values = tensor == NT_D_INPUT ? input_values(c) : nt_param_count(&model->params[tensor]);
    return true;
}

static bool set_up(checker *c, const nt_model *model_double, nt_error *error)
{
    nt_weights weights;
    const nt_model *model = c->model;
    int n = (int)c->o->batch, threads = nt_threads(model, c->o->threads, n);
    if (!nt_engine_init(&c->engine, model, n, NT_FOR_GRADIENT, threads, error) || !allocate(c, error))
        return false;
    if (!nt_params_initialise(model, c->seed, c->engine.memory.params, error))
        return false;
    scale_random(c, c->engine.memory.params);
    if (c->o->set && !set_constants(c, c->engine.memory.params, error))
        return false;
    jitter_constants(c, c->engine.memory.params);
    if (c->o->weights) {
        if (!nt_weights_load(&weights, model, c->o->weights, c->engine.memory.params, error))
            return false;
        nt_weights_free(&weights);
    }
    random_batch(c);
    memcpy(c->params, c->engine.memory.params, model->params_elements * sizeof *c->params);
    memcpy(c->input, c->engine.input, input_values(c) * sizeof *c->input);
    c->check = nt_d_check_new(model_double, n, threads, c->engine.pass.labels, c->engine.pass.targets,
                              (size_t)(n * c->engine.outputs), error);
    return c->check != NULL;
}

static void tear_down(checker *c)
{
    nt_engine_free(&c->engine);
    nt_d_check_free(c->check);
    free(c->tensors);
    free(c->values);
    free(c->direction);
    free(c->deviation);
    free(c->params);
    free(c->input);
}

/* -- Float against double ---------------------------------------------------------------------------------------- */

/* At all points but 0: a last digit of float more or less. */
static void shake(const checker *c, int point, int tensor, float *values, size_t n)
{
    uint64_t key = nt_key(nt_key(nt_key(c->seed, SHAKING), (uint64_t)point), (uint64_t)(tensor - NT_D_INPUT));
    if (point == 0)
        return;
    for (size_t i = 0; i < n; i++)
        values[i] = nextafterf(values[i], nt_random(key, i) & 1 ? HUGE_VALF : -HUGE_VALF);
}

/* Puts both models at a point: 0 as they were set up, or a shaken one. */
static void go_to(checker *c, int point)
{
    const nt_model *model = c->model;
    memcpy(c->engine.input, c->input, input_values(c) * sizeof *c->input);
    shake(c, point, NT_D_INPUT, c->engine.input, input_values(c));
    nt_d_check_set(c->check, NT_D_INPUT, c->engine.input);
    for (int i = 0; i < model->n_params; i++) {
        nt_param_unpack(&model->params[i], c->params, c->values);
        if (model->params[i].role != NT_STAT)
            shake(c, point, i, c->values, of_tensor(c, i)->values);
        nt_param_pack(&model->params[i], c->engine.memory.params, c->values);
        nt_d_check_set(c->check, i, c->values);
    }
}

/* The float gradient of a tensor into c->values. */
static void fetch_gradient(checker *c, int tensor)
{
    const nt_model *model = c->model;
    if (tensor != NT_D_INPUT) {
        nt_param_unpack(&model->params[tensor], c->engine.memory.grads, c->values);
        return;
    }
    float *to = c->values;
    const real *base = c->engine.memory.arena + model->input_grad * (size_t)c->engine.pass.n;
    for (int i = 0; i < c->engine.pass.n; i++)
        for (int y = 0; y < model->input_h; y++)
            for (int x = 0; x < model->input_w; x++)
                for (int k = 0; k < model->input_c; k++)
                    *to++ = base[(ptrdiff_t)i * model->input_grad_stride_sample +
                                 (ptrdiff_t)y * model->input_grad_stride_row +
                                 (ptrdiff_t)x * model->input_grad_stride_pixel + k];
}

static double square(double x)
{
    return x * x;
}

/* At point 0, how far float is from double, and the second time whether that is still the same; at another, how far it
 * is from following. Leaves both models and their gradients there. */
static void compare_precisions(checker *c, int point, bool again)
{
    go_to(c, point);
#pragma omp parallel num_threads(c->engine.threads)
    c->model->gradient(&c->engine.pass);
    nt_d_check_backward(c->check);
    float *deviation = c->deviation;
    for (int tensor = NT_D_INPUT; tensor < c->model->n_params; tensor++) {
        comparison *r = of_tensor(c, tensor);
        if (!is_checked(c, tensor))
            continue;
        fetch_gradient(c, tensor);
        for (size_t i = 0; i < r->values; i++) {
            double in_float = (double)c->values[i], in_double = nt_d_check_gradient(c->check, tensor, i);
            if (point > 0) {
                r->shaken_error += square(in_float - in_double - (double)deviation[i]);
            } else if (again) {
                r->unsteady = r->unsteady || deviation[i] != (float)(in_float - in_double);
            } else {
                deviation[i] = (float)(in_float - in_double);
                r->float_error += square(in_float - in_double);
                r->float_norm += square(in_float);
                r->double_norm += square(in_double);
            }
        }
        deviation += r->values;
    }
}

/* -- Double against differences ---------------------------------------------------------------------------------- */

/* What rounding leaves in the loss, and so, divided by the step, in a slope. */
static double rounding_of_loss(const checker *c)
{
    return loss_rounding * fmax(1, fabs(c->base_loss));
}

/* The step for slopes of about `scale`. */
static double step_for(const checker *c, double scale)
{
    return fmin(widest, fmax(narrowest, rounding_of_loss(c) / (rounding_share * c->o->tolerance * scale)));
}

/* The slope over both sides, and how much the right side's exceeds the left side's. */
typedef struct slopes {
    double mean, bend;
} slopes;

static slopes slopes_of(checker *c, double h)
{
    double right = nt_d_check_loss(c->check, h), left = nt_d_check_loss(c->check, -h);
    return (slopes){(right - left) / (2 * h), (right - 2 * c->base_loss + left) / h};
}

/* Whether slopes at a step and at half of it are those of a smooth loss: the mean is the same, and the sides differ by
 * nothing or by curvature, which is half as much at half the step. A kink at distance s, where the slope jumps by J,
 * makes the sides differ by J(1 - s/h) and the mean wrong by half of that. Many together may cancel at one step by
 * chance, but hardly at two. `rounding`: of a slope at the full step; its factors are what adds up in each sum. */
static bool is_smooth(slopes full, slopes half, double allowed, double rounding)
{
    bool level = fabs(full.bend) <= allowed + 4 * rounding;
    bool curved = fabs(full.bend - 2 * half.bend) <= allowed + 12 * rounding;
    return (level || curved) && fabs(full.mean - half.mean) <= allowed + 3 * rounding;
}

typedef enum outcome { MEASURED, KINK, LOST } outcome;

/* The slope along the direction aimed at, where slopes of about `scale` are usual. */
static outcome measure_slope(checker *c, double scale, double *slope)
{
    double rounding = rounding_of_loss(c), h = step_for(c, scale);
    slopes full = slopes_of(c, h);
    if (fabs(full.mean) > 10 * scale) { /* not as expected: a step for the slope as it is */
        scale = fabs(full.mean);
        h = step_for(c, scale);
        full = slopes_of(c, h);
    }
    double allowed = c->o->tolerance / 4 * fmax(scale, fabs(full.mean));
    *slope = full.mean;
    if (!isfinite(full.mean) || !isfinite(allowed))
        return MEASURED; /* there is no gradient, and judge() will say so */
    if (rounding / h > allowed)
        return LOST;
    for (; rounding / h <= allowed; h /= 2) {
        slopes half = slopes_of(c, h / 2);
        if (is_smooth(full, half, allowed, rounding / h))
            return MEASURED;
        full = half;
        *slope = full.mean;
    }
    return KINK;
}

/* A random sign times the root mean square of the tensor's values, for each of them. Returns that. */
static double choose_direction(checker *c, int tensor, size_t n, int64_t number)
{
    uint64_t key = nt_key(nt_key(nt_key(c->seed, DIRECTIONS), (uint64_t)(tensor - NT_D_INPUT)), (uint64_t)number);
    double sum = 0;
    if (tensor == NT_D_INPUT)
        memcpy(c->values, c->input, n * sizeof *c->values);
    else
        nt_param_unpack(&c->model->params[tensor], c->params, c->values);
    for (size_t i = 0; i < n; i++)
        sum += square((double)c->values[i]);
    double size = sum > 0 ? sqrt(sum / (double)n) : 1;
    for (size_t i = 0; i < n; i++)
        c->direction[i] = nt_random(key, i) & 1 ? size : -size;
    return size;
}

static void compare_with_differences(checker *c, int tensor)
{
    comparison *r = of_tensor(c, tensor);
    int64_t wanted = c->o->directions;
    for (int64_t i = 0; i < ATTEMPTS * wanted && r->checked + r->lost < wanted; i++) {
        double slope, expected = 0;
        r->size = choose_direction(c, tensor, r->values, i);
        nt_d_check_aim(c->check, tensor, c->direction);
        for (size_t k = 0; k < r->values; k++)
            expected += nt_d_check_gradient(c->check, tensor, k) * c->direction[k];
        switch (measure_slope(c, r->size * sqrt(r->double_norm), &slope)) {
        case MEASURED:
            r->checked++;
            r->difference_error += square(slope - expected);
            r->difference_norm += square(slope);
            break;
        case KINK:
            r->kinks++;
            break;
        case LOST:
            r->lost++;
            r->lost_slope = fmax(r->lost_slope, fabs(slope));
            break;
        }
    }
}

/* -- Judging ----------------------------------------------------------------------------------------------------- */

/* ||a - b|| / max(||a||, ||b||), from sums of squares. */
static double relative(double error, double a, double b)
{
    double larger = fmax(a, b);
    return error == 0 ? 0 : sqrt(error / larger);
}

static double error_in_double(const comparison *r)
{
    return relative(r->difference_error, r->checked * square(r->size) * r->double_norm, r->difference_norm);
}

static double error_in_float(const comparison *r)
{
    return relative(r->float_error, r->float_norm, r->double_norm);
}

/* What rounding in float comes to; the difference of two points' deviations has twice its variance. */
static double float_rounding(const comparison *r)
{
    return relative(r->shaken_error / (2 * SHAKES), r->float_norm, r->double_norm);
}

typedef enum verdict {
    RIGHT,
    RIGHT_BUT_ROUNDED,
    ZERO,
    WRONG_IN_DOUBLE,
    WRONG_IN_FLOAT,
    UNSTEADY,
    KINKS,
    TOO_SMALL
} verdict;

static verdict judge(const checker *c, const comparison *r)
{
    double nothing = 10 * rounding_of_loss(c) / widest;
    bool finite = isfinite(r->float_error) && isfinite(r->double_norm) && isfinite(r->difference_error);
    bool zero = r->lost > 0 && r->lost_slope <= nothing && r->size * sqrt(r->double_norm) <= nothing;
    if (!finite || (r->checked > 0 && error_in_double(r) > c->o->tolerance))
        return WRONG_IN_DOUBLE;
    if (r->unsteady)
        return UNSTEADY;
    if (r->checked == 0 && !zero)
        return r->lost > 0 ? TOO_SMALL : KINKS;
    bool near = error_in_float(r) <= c->o->tolerance;
    if (!near && error_in_float(r) > rounding_slack * float_rounding(r))
        return WRONG_IN_FLOAT;
    return zero ? ZERO : near ? RIGHT : RIGHT_BUT_ROUNDED;
}

static const char *const words[] = {
    [RIGHT] = "ok",
    [RIGHT_BUT_ROUNDED] = "ok, float as near as its rounding lets it",
    [ZERO] = "zero, by both",
    [WRONG_IN_DOUBLE] = "WRONG",
    [WRONG_IN_FLOAT] = "WRONG in float",
    [UNSTEADY] = "WRONG: another one the second time",
    [KINKS] = "not checked: kinks everywhere",
    [TOO_SMALL] = "not checked: differences are too small for double",
};

/* What all tensors together come to. */
typedef struct summary {
    int of_verdict[TOO_SMALL + 1];
    int directions, kinks;
    double worst, worst_float;
    const char *worst_name, *worst_float_name;
} summary;

static void keep_worst(double *worst, const char **worst_name, double error, const char *name)
{
    if (!(error <= *worst)) {
        *worst = error;
        *worst_name = name;
    }
}

static void check_and_print(checker *c, int tensor, int width, summary *sum)
{
    char number[32];
    const char *name = tensor == NT_D_INPUT ? "input" : c->model->params[tensor].name;
    compare_with_differences(c, tensor);
    const comparison *r = of_tensor(c, tensor);
    verdict v = judge(c, r);
    printf("%-*s  %11s  %10d  %5d", width, name, nt_format_count(number, (int64_t)r->values), r->checked, r->kinks);
    if (r->checked == 0)
        printf("  %11s  %8s  %8s", "-", "-", "-");
    else
        printf("  %11.1e  %8.1e  %8.1e", error_in_double(r), error_in_float(r), float_rounding(r));
    printf("  %s\n", words[v]);
    fflush(stdout);
    sum->of_verdict[v]++;
    sum->directions += r->checked;
    sum->kinks += r->kinks;
    if (r->checked > 0) {
        keep_worst(&sum->worst, &sum->worst_name, error_in_double(r), name);
        keep_worst(&sum->worst_float, &sum->worst_float_name, error_in_float(r), name);
    }
}

static int conclude(const checker *c, const summary *sum)
{
    int right = sum->of_verdict[RIGHT] + sum->of_verdict[RIGHT_BUT_ROUNDED];
    int wrong = sum->of_verdict[WRONG_IN_DOUBLE] + sum->of_verdict[WRONG_IN_FLOAT] + sum->of_verdict[UNSTEADY];
    int unknown = sum->of_verdict[KINKS] + sum->of_verdict[TOO_SMALL], zero = sum->of_verdict[ZERO];
    if (sum->worst_name)
        printf("\nlargest relative error %.1e, of %s; in float %.1e, of %s; tolerance %g\n"
               "%d directions measured, %d left out for kinks\n",
               sum->worst, sum->worst_name, sum->worst_float, sum->worst_float_name, c->o->tolerance, sum->directions,
               sum->kinks);
    if (right == 0 && wrong == 0)
        printf("no gradient is other than zero: nothing was checked\n");
    else if (wrong > 0)
        printf("%d gradient%s wrong\n", wrong, wrong == 1 ? " is" : "s are");
    else
        printf("%d gradient%s agree%s%s\n", right, right == 1 ? "" : "s", right == 1 ? "s" : "",
               zero > 0 ? ", those not measured are zero" : "");
    int frozen = 0;
    for (int i = 0; i < c->model->n_params; i++)
        frozen += c->model->params[i].frozen && c->model->params[i].role != NT_STAT;
    if (frozen > 0)
        printf("%d tensor%s frozen%s\n", frozen, frozen == 1 ? " is" : "s are",
               is_checked(c, NT_D_INPUT) ? "" : ", so that the input has no gradient either");
    if (unknown > 0)
        printf("%d could not be checked: try another --seed, a larger --batch or --gain\n", unknown);
    return right > 0 && wrong == 0 && unknown == 0 ? NT_OK : NT_FAILED;
}

static int run(checker *c)
{
    const nt_model *model = c->model;
    summary sum = {0};
    int width = 9;
    for (int i = 0; i < model->n_params; i++)
        width = (int)strlen(model->params[i].name) > width ? (int)strlen(model->params[i].name) : width;
    for (int point = 0; point <= SHAKES; point++)
        compare_precisions(c, point, false);
    compare_precisions(c, 0, true);
    c->base_loss = nt_d_check_loss(c->check, 0);

    printf(
        "relative errors of the gradients, batch %d: in double against central differences; float against double, and\n"
        "what rounding in float comes to\n\n",
        c->engine.pass.n);
    printf("%-*s  %11s  directions  kinks  differences     float  rounding\n", width, "tensor", "values");
    for (int i = 0; i < model->n_params; i++)
        if (is_checked(c, i))
            check_and_print(c, i, width, &sum);
    if (is_checked(c, NT_D_INPUT))
        check_and_print(c, NT_D_INPUT, width, &sum);
    return conclude(c, &sum);
}

int nt_cmd_gradcheck(const nt_context *context, int argc, char **argv)
{
    options o = {.batch = 4, .directions = 3, .tolerance = 2e-5, .noise = 0.1, .gain = 1};
    nt_parsed parsed = parse(context, &o, argc, argv);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;
    if (!context->model_double) {
        fprintf(stderr, "error: this trainer was built without the model in double precision, which gradcheck needs\n");
        return NT_ENVIRONMENT;
    }
    nt_error error = {0};
    checker c = {.model = context->model, .o = &o, .seed = o.seed_given ? o.seed : context->model->train_config->seed};
    int status = set_up(&c, context->model_double, &error) ? run(&c) : nt_report(&error, NT_FAILED);
    tear_down(&c);
    return status;
}
