/* cmd_gradcheck.c - EXE gradcheck: the gradient that the emitted code works out in float, against central differences
 * of the loss in double.
 *
 * At a kink (of relu, of maxpool, ...) a difference says nothing of the gradient, and a large network has kinks all
 * around. So the steps begin wide, where rounding matters least, and become narrower while something shows that a kink
 * lies inside: the slopes of two step sizes, or of the two sides, do not fit each other. Where no step is free of kinks
 * another place is taken. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "gradcheck_double.h"
#include "progress.h"
#include "rng.h"

/* Steps of the differences. */
static const double step_sizes[] = {1e-4, 1e-5, 1e-6, 1e-7, 1e-8};
enum { N_STEP_SIZES = sizeof step_sizes / sizeof *step_sizes };

/* What rounding may leave in a loss near 1, over all the sums that lead to it. */
static const double loss_rounding = 4e-15;

/* Below this share of the whole gradient's norm float keeps too few digits: what is checked there is the same code in
 * double. */
static const double float_floor = 1e-6;

/* Random streams. */
enum { INPUTS = NT_KEY_USER, LABELS, TARGETS, JITTER, PLACES, DIRECTIONS };

typedef struct options {
    const char *weights;
    int64_t batch, samples, threads;
    uint64_t seed;
    double tolerance;
    bool seed_given;
} options;

/* One tensor's comparison, over the places that were checked. */
typedef struct comparison {
    int checked, kinks;
    double float_error, double_error; /* sums of squares: of differences to the central differences, ... */
    double float_norm, double_norm, difference_norm; /* ... and of the values themselves */
} comparison;

typedef struct checker {
    const nt_model *model;
    const options *o;
    nt_engine engine;
    nt_d_check *check;
    float *gradient; /* of the tensor at hand, as the float code has it, in the order that nt_d_check uses */
    double *direction;
    size_t *order;     /* places of the tensor at hand: the largest gradients, then random ones */
    double total_norm; /* of the whole gradient, in float */
    double base_loss;  /* in double, where nothing is moved */
    int level;         /* the step size that was right the last time, as an index */
} checker;

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv)
{
    const nt_option list[] = {
        {"--batch", NT_OPTION_COUNT, &o->batch, "N", "random samples in the batch (4)", 1, NULL},
        {"--samples", NT_OPTION_COUNT, &o->samples, "N", "places to check in each parameter (10)", 2, NULL},
        {"--seed", NT_OPTION_SEED, &o->seed, "N", "of values, inputs and places", 0, &o->seed_given},
        {"--tolerance", NT_OPTION_NUMBER, &o->tolerance, "X", "largest relative error that passes (2e-5)", 0, NULL},
        {"--weights", NT_OPTION_TEXT, &o->weights, "F", "check at these weights, not at random ones", 0, NULL},
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

static size_t input_values(const nt_model *model)
{
    return (size_t)model->input_h * (size_t)model->input_w * (size_t)model->input_c;
}

static void random_batch(nt_engine *engine, int n, uint64_t seed)
{
    const nt_model *model = engine->model;
    bool classes = nt_model_classifies(model);
    for (size_t i = 0; i < input_values(model) * (size_t)n; i++)
        engine->input[i] = (float)nt_random_normal(nt_key(seed, INPUTS), i);
    for (int i = 0; i < n; i++)
        engine->labels[i] = (int32_t)nt_random_below(nt_key(seed, LABELS), (uint64_t)i, (uint64_t)model->heads[0].c);
    for (int i = 0; i < n * engine->outputs; i++)
        engine->targets[i] = (float)nt_random_normal(nt_key(seed, TARGETS), (uint64_t)i);
    engine->pass.n = n;
    engine->pass.random = 0;
    engine->pass.labels = classes ? engine->labels : NULL;
    engine->pass.targets = classes ? NULL : engine->targets;
}

/* Constant initial values are special places (all biases 0: symmetric units, activations at their kinks); a little
 * noise makes them general. */
static void jitter_constants(const nt_model *model, uint64_t seed, real *params)
{
    for (int p = 0; p < model->n_params; p++) {
        const nt_param *param = &model->params[p];
        if (param->init != NT_INIT_CONSTANT || param->role == NT_STAT)
            continue;
        uint64_t key = nt_key(nt_key(seed, JITTER), (uint64_t)p);
        size_t count = nt_param_count(param);
        for (size_t i = 0; i < count; i++)
            params[param->offset + nt_param_index(param, i)] += (float)(0.1 * nt_random_normal(key, i));
    }
}

static size_t largest_tensor(const checker *c)
{
    size_t largest = input_values(c->model) * (size_t)c->engine.pass.n;
    for (int i = 0; i < c->model->n_params; i++) {
        size_t count = nt_param_count(&c->model->params[i]);
        largest = count > largest ? count : largest;
    }
    return largest;
}

static bool set_up(checker *c, const nt_model *model, const nt_model *model_double, const options *o, nt_error *error)
{
    nt_weights weights;
    uint64_t seed = o->seed_given ? o->seed : model->train_config->seed;
    int n = (int)o->batch, threads = nt_threads(model, o->threads, n);
    c->model = model;
    c->o = o;
    if (!nt_engine_init(&c->engine, model, n, NT_FOR_GRADIENT, threads, error))
        return false;
    if (!nt_params_initialise(model, seed, c->engine.memory.params, error))
        return false;
    jitter_constants(model, seed, c->engine.memory.params);
    if (o->weights) {
        if (!nt_weights_load(&weights, model, o->weights, c->engine.memory.params, error))
            return false;
        nt_weights_free(&weights);
    }
    random_batch(&c->engine, n, seed);
    c->check = nt_d_check_new(model_double, n, threads, c->engine.input, c->engine.pass.labels, c->engine.pass.targets,
                              (size_t)(n * c->engine.outputs), error);
    if (!c->check)
        return false;
    size_t largest = largest_tensor(c);
    c->gradient = calloc(largest, sizeof *c->gradient);
    c->direction = calloc(largest, sizeof *c->direction);
    c->order = calloc(largest, sizeof *c->order);
    if (!c->gradient || !c->direction || !c->order)
        return nt_fail_memory(error, "the gradient check", (double)largest * 20);
    for (int i = 0; i < model->n_params; i++) {
        nt_param_unpack(&model->params[i], c->engine.memory.params, c->gradient);
        nt_d_check_set(c->check, i, c->gradient);
    }
    return true;
}

static void tear_down(checker *c)
{
    nt_engine_free(&c->engine);
    nt_d_check_free(c->check);
    free(c->gradient);
    free(c->direction);
    free(c->order);
}

/* -- Comparing --------------------------------------------------------------------------------------------------- */

/* The float gradient of a tensor into c->gradient. Returns how many values it has. */
static size_t fetch_gradient(checker *c, int tensor)
{
    const nt_model *model = c->model;
    if (tensor != NT_D_INPUT) {
        nt_param_unpack(&model->params[tensor], c->engine.memory.grads, c->gradient);
        return nt_param_count(&model->params[tensor]);
    }
    float *to = c->gradient;
    const real *base = c->engine.memory.arena + model->input_grad * (size_t)c->engine.pass.n;
    for (int i = 0; i < c->engine.pass.n; i++)
        for (int y = 0; y < model->input_h; y++)
            for (int x = 0; x < model->input_w; x++)
                for (int k = 0; k < model->input_c; k++)
                    *to++ = base[(ptrdiff_t)i * model->input_grad_stride_sample +
                                 (ptrdiff_t)y * model->input_grad_stride_row +
                                 (ptrdiff_t)x * model->input_grad_stride_pixel + k];
    return (size_t)(to - c->gradient);
}

static double norm_of(const float *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

/* The places to try, in order: every other one the largest gradient left, the rest a random permutation; all of them
 * distinct. Only the first `wanted` are ever looked at. */
static size_t choose_places(checker *c, int tensor, size_t n, size_t wanted)
{
    uint64_t key = nt_key(nt_key(c->o->seed, PLACES), (uint64_t)(tensor + 1));
    wanted = wanted < n ? wanted : n;
    for (size_t i = 0; i < n; i++)
        c->order[i] = i;
    for (size_t i = 0; i < wanted; i++) {
        size_t pick = i;
        if (i % 2)
            pick = i + (size_t)nt_random_below(key, i, n - i);
        else
            for (size_t k = i; k < n; k++)
                if (fabsf(c->gradient[c->order[k]]) > fabsf(c->gradient[c->order[pick]]))
                    pick = k;
        size_t place = c->order[pick];
        c->order[pick] = c->order[i];
        c->order[i] = place;
    }
    return wanted;
}

/* The loss with a tensor moved: one value of it, or all along a direction where that is not NULL. */
static double loss_at(checker *c, int tensor, size_t index, const double *direction, double by)
{
    if (direction)
        nt_d_check_move_along(c->check, tensor, direction, by);
    else
        nt_d_check_move(c->check, tensor, index, by);
    double loss = nt_d_check_loss(c->check);
    nt_d_check_restore(c->check, tensor);
    return loss;
}

/* The slope over both sides, and how much the right side's exceeds the left side's. */
typedef struct slopes {
    double mean, bend;
} slopes;

static slopes slopes_of(checker *c, int tensor, size_t index, const double *direction, double h)
{
    double right = loss_at(c, tensor, index, direction, h), left = loss_at(c, tensor, index, direction, -h);
    return (slopes){(right - left) / (2 * h), (right - 2 * c->base_loss + left) / h};
}

/* The derivative by two central differences and Richardson's extrapolation; false where kinks are all around. `scale`
 * is the size that derivatives of this tensor have.
 *
 * Without a kink the mean slopes of h and h/2 agree and the bend is proportional to h. With one at distance s, where
 * the slope jumps by J, the former differ by J s / 2h for s < h/2 and the bends by J (3 s/h - 1): not both are small
 * unless J is. */
static bool derivative(checker *c, int tensor, size_t index, const double *direction, double scale, double *value)
{
    for (int level = c->level; level < N_STEP_SIZES; level++) {
        double h = step_sizes[level], rounding = loss_rounding * fmax(1, fabs(c->base_loss)) / h;
        slopes wide = slopes_of(c, tensor, index, direction, h), narrow = slopes_of(c, tensor, index, direction, h / 2);
        double size = fmax(scale, fmax(fabs(wide.mean), fabs(narrow.mean)));
        double allowed = c->o->tolerance / 4 * size;
        *value = (4 * narrow.mean - wide.mean) / 3;
        if (fabs(wide.mean - narrow.mean) <= allowed + 2 * rounding &&
            fabs(wide.bend - 2 * narrow.bend) <= allowed + 8 * rounding) {
            c->level = level;
            return true;
        }
        if (rounding / 10 > allowed) /* narrower steps would only measure rounding */
            break;
    }
    return false;
}

static void compare(comparison *r, double in_float, double in_double, double difference)
{
    r->checked++;
    r->float_error += (in_float - difference) * (in_float - difference);
    r->double_error += (in_double - difference) * (in_double - difference);
    r->float_norm += in_float * in_float;
    r->double_norm += in_double * in_double;
    r->difference_norm += difference * difference;
}

/* Half along the gradient, where the slope is large, and half at random, where components that are missing show. */
static void choose_direction(checker *c, int tensor, size_t n, double norm)
{
    uint64_t key = nt_key(nt_key(c->o->seed, DIRECTIONS), (uint64_t)(tensor + 1));
    double scale = sqrt((double)n);
    for (size_t i = 0; i < n; i++)
        c->direction[i] = (norm > 0 ? (double)c->gradient[i] / norm : 0) + nt_random_normal(key, i) / scale;
}

static comparison check_tensor(checker *c, int tensor)
{
    comparison r = {0};
    double value;
    size_t n = fetch_gradient(c, tensor);
    c->level = c->level > 0 ? c->level - 1 : 0; /* this one may do with a wider step */
    double norm = norm_of(c->gradient, n);
    /* Places enough that kinks can be passed over. */
    size_t places = choose_places(c, tensor, n, 3 * (size_t)c->o->samples);
    for (size_t i = 0; i < places && r.checked < c->o->samples; i++) {
        if (derivative(c, tensor, c->order[i], NULL, norm / sqrt((double)n), &value))
            compare(&r, (double)c->gradient[c->order[i]], nt_d_check_gradient(c->check, tensor, c->order[i]), value);
        else
            r.kinks++;
    }
    choose_direction(c, tensor, n, norm);
    if (derivative(c, tensor, 0, c->direction, norm, &value)) {
        double in_float = 0, in_double = 0;
        for (size_t i = 0; i < n; i++) {
            in_float += (double)c->gradient[i] * c->direction[i];
            in_double += nt_d_check_gradient(c->check, tensor, i) * c->direction[i];
        }
        compare(&r, in_float, in_double, value);
    } else {
        r.kinks++;
    }
    return r;
}

/* ||a - b|| / max(||a||, ||b||), from sums of squares. */
static double relative(double error, double a, double b)
{
    double larger = fmax(a, b);
    return larger > 0 ? sqrt(error / larger) : 0;
}

typedef enum verdict { RIGHT, RIGHT_IN_DOUBLE, ZERO, WRONG, UNKNOWN } verdict;

static verdict judge(const checker *c, const comparison *r, double *error)
{
    double in_double = relative(r->double_error, r->double_norm, r->difference_norm);
    *error = relative(r->float_error, r->float_norm, r->difference_norm);
    if (r->checked == 0)
        return UNKNOWN;
    if (!(isfinite(r->float_error) && isfinite(r->double_error)))
        return WRONG;
    if (*error <= c->o->tolerance && r->difference_norm > 0)
        return RIGHT;
    double floor = float_floor * c->total_norm;
    if (r->float_norm > floor * floor)
        return WRONG;
    /* Too small for float: is it nothing at all, or small and right? */
    double nothing = 10 * loss_rounding * fmax(1, fabs(c->base_loss)) / step_sizes[1] * sqrt((double)r->checked);
    if (sqrt(r->difference_norm) <= nothing && sqrt(r->double_norm) <= nothing)
        return ZERO;
    *error = in_double;
    return in_double <= c->o->tolerance ? RIGHT_IN_DOUBLE : WRONG;
}

static const char *const words[] = {
    [RIGHT] = "ok",
    [RIGHT_IN_DOUBLE] = "ok, in double: too small for float",
    [ZERO] = "zero, by both",
    [WRONG] = "WRONG",
    [UNKNOWN] = "not checked: kinks everywhere",
};

/* What all tensors together come to. */
typedef struct summary {
    int right, wrong, unknown, zero;
    double worst;
    const char *worst_name;
} summary;

static void check_and_print(checker *c, int tensor, const char *name, int width, summary *sum)
{
    char number[32];
    double error;
    comparison r = check_tensor(c, tensor);
    verdict v = judge(c, &r, &error);
    size_t n = tensor == NT_D_INPUT ? input_values(c->model) * (size_t)c->engine.pass.n
                                    : nt_param_count(&c->model->params[tensor]);
    printf("%-*s  %11s  %7d  %5d  %8.1e  %8.1e  %s\n", width, name, nt_format_count(number, (int64_t)n), r.checked,
           r.kinks, relative(r.float_error, r.float_norm, r.difference_norm),
           relative(r.double_error, r.double_norm, r.difference_norm), words[v]);
    fflush(stdout);
    sum->right += v == RIGHT || v == RIGHT_IN_DOUBLE;
    sum->wrong += v == WRONG;
    sum->unknown += v == UNKNOWN;
    sum->zero += v == ZERO;
    if ((v == RIGHT || v == RIGHT_IN_DOUBLE || v == WRONG) && !(error <= sum->worst)) {
        sum->worst = error;
        sum->worst_name = name;
    }
}

static int conclude(const checker *c, const summary *sum)
{
    if (sum->worst_name)
        printf("\nlargest relative error %.1e, of %s; tolerance %g\n", sum->worst, sum->worst_name, c->o->tolerance);
    if (sum->right == 0 && sum->wrong == 0)
        printf("no gradient is other than zero: nothing was checked\n");
    else if (sum->wrong > 0)
        printf("%d gradient%s wrong\n", sum->wrong, sum->wrong == 1 ? " is" : "s are");
    else
        printf("%d gradients agree%s\n", sum->right, sum->zero > 0 ? ", the others are zero" : "");
    if (sum->unknown > 0)
        printf("%d could not be checked: try another --seed\n", sum->unknown);
    return sum->right > 0 && sum->wrong == 0 && sum->unknown == 0 ? NT_OK : NT_FAILED;
}

static int run(checker *c)
{
    const nt_model *model = c->model;
    summary sum = {0};
    int width = 9;
    for (int i = 0; i < model->n_params; i++)
        width = (int)strlen(model->params[i].name) > width ? (int)strlen(model->params[i].name) : width;

#pragma omp parallel num_threads(c->engine.threads)
    model->gradient(&c->engine.pass);
    nt_d_check_backward(c->check);
    c->base_loss = nt_d_check_loss(c->check);
    c->total_norm = norm_of(c->engine.memory.grads, model->trainable_elements);

    printf("relative error of the gradients against central differences in double, batch %d\n\n", c->engine.pass.n);
    printf("%-*s  %11s  checked  kinks     float    double\n", width, "tensor", "values");
    for (int i = 0; i < model->n_params; i++)
        if (model->params[i].role != NT_STAT)
            check_and_print(c, i, model->params[i].name, width, &sum);
    if (model->input_grad != SIZE_MAX)
        check_and_print(c, NT_D_INPUT, "input", width, &sum);
    return conclude(c, &sum);
}

int nt_cmd_gradcheck(const nt_context *context, int argc, char **argv)
{
    options o = {.batch = 4, .samples = 10, .tolerance = 2e-5};
    nt_parsed parsed = parse(context, &o, argc, argv);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;
    if (!context->model_double) {
        fprintf(stderr, "error: this trainer was built without the model in double precision, which gradcheck needs\n");
        return NT_ENVIRONMENT;
    }
    nt_error error = {0};
    checker c = {0};
    int status = set_up(&c, context->model, context->model_double, &o, &error) ? run(&c) : nt_report(&error, NT_FAILED);
    tear_down(&c);
    return status;
}
