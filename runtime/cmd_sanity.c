/* cmd_sanity.c - EXE sanity: what can be known to be wrong before any training (Li, Karpathy, Johnson: CS231n, lecture 5, 2016, "babysitting
 * the learning process"): the loss of a network that knows nothing, gradients that reach every parameter, a penalty that is felt, and a
 * few samples learnt by heart. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loss.h"
#include "overfit.h"
#include "trial.h"

/* How far the first loss may be from that of a network that knows nothing, as a share of it: of classes; of other losses, to which the
 * spread of the outputs adds. */
static const double classes_tolerance = 0.25, other_tolerance = 1;
/* What the penalty's own step is made to take of the weights, so that it shows beside the gradient's. */
static const double shown_decay = 0.02;

enum { LOSS_SAMPLES = 1000 };

typedef struct options {
    const char *data, *format;
    int64_t random, samples, passes, threads;
    uint64_t seed;
    double lr;
    bool seed_given, lr_given, plain, json;
} options;

typedef struct sanity {
    const options *o;
    nt_trial *trial;
    double loss;
    int checks, failed;
} sanity;

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv)
{
    const nt_option list[] = {
        {"--samples", NT_OPTION_COUNT, &o->samples, "N", "samples to learn by heart (20)", 1, NULL},
        {"--epochs", NT_OPTION_COUNT, &o->passes, "N", "passes over them before giving up (1000)", 1, NULL},
        {"--lr", NT_OPTION_NUMBER, &o->lr, "X", "learning rate", 0, &o->lr_given},
        {"--data", NT_OPTION_TEXT, &o->data, "P", "folder or file of the data, instead of the model's", 0, NULL},
        {"--random", NT_OPTION_COUNT, &o->random, "N", "N samples of standard normals with random answers, instead of data", 1,
         NULL},
        {"--seed", NT_OPTION_SEED, &o->seed, "N", "of the initial values and the choice of samples", 0, &o->seed_given},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N", "threads (as many as are fastest, by trial); no result depends on them",
         1, NULL},
        {"--format", NT_OPTION_TEXT, &o->format, "text|json", "of the result", 0, NULL},
        {"--plain", NT_OPTION_FLAG, &o->plain, NULL, "no updating line, no colours", 0, NULL},
    };
    const nt_usage usage = {
        context->exe,
        "sanity",
        NULL,
        "Checks before training: the first loss, the gradients, the penalty of weight decay, a few samples by heart.\n"
        "The exit status is 1 if one of them fails.",
        list,
        sizeof list / sizeof *list,
    };
    int rest;
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, &rest);
    if (parsed == NT_PARSED && o->random > 0 && o->data) {
        fprintf(stderr, "error: --random takes the place of the data: leave out --data\n");
        return NT_PARSED_WRONG;
    }
    if (parsed == NT_PARSED && !nt_format_is_json(o->format, &o->json))
        return NT_PARSED_WRONG;
    return parsed;
}

/* -- Verdicts ---------------------------------------------------------------------------------------------------- */

typedef enum verdict { PASS, FAIL, NOT_CHECKED } verdict;

/* A check's line: what was found; and where it failed, what to look at. */
#if defined(__GNUC__)
__attribute__((format(printf, 5, 6)))
#endif
static void tell(sanity *s, verdict verdict, const char *name, const char *look_at, const char *format, ...)
{
    static const char *const words[] = {"pass", "FAIL", "-   "}, *const values[] = {"true", "false", "null"};
    char found[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(found, sizeof found, format, args);
    va_end(args);
    s->failed += verdict == FAIL;
    if (s->o->json) {
        printf("%s{\"check\":\"%s\",\"pass\":%s,\"found\":\"%s\"", s->checks ? ",\n" : "", name, values[verdict], found);
        printf(verdict == FAIL ? ",\"look_at\":\"%s\"}" : "}", look_at);
    } else {
        printf("%s  %-15s %s\n", words[verdict], name, found);
        if (verdict == FAIL)
            printf("      %-15s look at: %s\n", "", look_at);
    }
    s->checks++;
    fflush(stdout);
}

/* -- The first loss ---------------------------------------------------------------------------------------------- */

/* What a head gives where all that it is made of is 0. */
static real indifferent(const nt_loss *loss, const nt_head *head)
{
    if (loss->kind == NT_LOSS_CROSS_ENTROPY || loss->kind == NT_LOSS_BINARY_CROSS_ENTROPY)
        return 0; /* they are given what is before softmax and sigmoid */
    return head->output == NT_OUTPUT_SIGMOID ? (real)0.5 : head->output == NT_OUTPUT_SOFTMAX ? (real)1 / (real)head->c : 0;
}

/* The loss of the n samples in the buffers for a network whose outputs know nothing, summed. False without memory. */
static bool add_indifferent_loss(const nt_engine *engine, int n, double *sum)
{
    const nt_model *model = engine->model;
    for (int i = 0; i < model->n_losses; i++) {
        const nt_loss *loss = &model->losses[i];
        nt_head head = model->heads[loss->head];
        size_t room = (size_t)head.h * (size_t)head.stride_row + (size_t)head.w * (size_t)head.stride_pixel + (size_t)head.c;
        real *values = calloc(room, sizeof *values);
        if (!values)
            return false;
        for (size_t k = 0; k < room; k++)
            values[k] = indifferent(loss, &head);
        head.output = NT_OUTPUT_VALUES;
        for (int k = 0; k < n; k++) {
            const real *target = engine->pass.targets ? engine->pass.targets + (size_t)k * (size_t)engine->outputs : NULL;
            *sum += loss->weight * nt_loss_value(loss, &head, values, engine->pass.labels ? engine->labels[k] : 0, target);
        }
        free(values);
    }
    return true;
}

static bool check_loss(sanity *s, const nt_epoch *epoch, nt_error *error)
{
    nt_engine *engine = &s->trial->engine;
    const nt_model *model = engine->model;
    int64_t all = epoch->split->count < LOSS_SAMPLES ? epoch->split->count : LOSS_SAMPLES;
    double sum = 0, indifferent_sum = 0;
    engine->pass.random = 0;
    for (int64_t first = 0; first < all; first += engine->batch) {
        int n = all - first < engine->batch ? (int)(all - first) : engine->batch;
        nt_trial_batch(engine, epoch, first, n);
#pragma omp parallel num_threads(engine->threads)
        model->loss(&engine->pass);
        for (int i = 0; i < n; i++)
            sum += (double)engine->pass.loss_sample[i];
        if (!add_indifferent_loss(engine, n, &indifferent_sum))
            return nt_fail_memory(error, "the outputs", engine->outputs * sizeof(real));
    }
    engine->pass.random = 1;
    s->loss = sum / (double)all;
    bool classes = nt_model_classifies(model), loaded = model->train_config->start.path != NULL;
    double expected = indifferent_sum / (double)all, tolerance = (classes ? classes_tolerance : other_tolerance) * expected;
    bool good = s->loss <= expected + tolerance && (loaded || s->loss >= expected - tolerance);
    char why[64] = "";
    if (classes && model->n_losses == 1 && model->losses[0].weight == 1)
        snprintf(why, sizeof why, " (ln %d)", model->heads[0].c);
    tell(s, good ? PASS : FAIL, "first loss",
         isfinite(s->loss) && s->loss < expected ? "labels that the input gives away, targets, the loss"
                                                 : "initial values (smaller in the last layer), normalize, the labels",
         "%.4f; a network that knows nothing has %.4f%s", s->loss, expected, why);
    return true;
}

/* -- Gradients --------------------------------------------------------------------------------------------------- */

static bool is_all_zero(const nt_param *param, const real *grads)
{
    for (size_t i = 0; i < param->elements; i++)
        if (grads[param->offset + i] != 0)
            return false;
    return true;
}

static bool is_finite(const nt_param *param, const real *grads)
{
    for (size_t i = 0; i < param->elements; i++)
        if (!isfinite(grads[param->offset + i]))
            return false;
    return true;
}

/* On the batch in the buffers. */
static void check_gradients(sanity *s)
{
    nt_engine *engine = &s->trial->engine;
    const nt_model *model = engine->model;
    const nt_param *none = NULL, *broken = NULL;
    int trained = 0, without = 0;
    engine->pass.random = 0;
#pragma omp parallel num_threads(engine->threads)
    model->gradient(&engine->pass);
    engine->pass.random = 1;
    for (int i = 0; i < model->n_params; i++) {
        const nt_param *param = &model->params[i];
        if (!nt_param_is_trained(param))
            continue;
        trained++;
        if (!is_finite(param, engine->memory.grads)) {
            broken = param; /* the backward pass comes to later layers first */
        } else if (is_all_zero(param, engine->memory.grads)) {
            none = none ? none : param;
            without++;
        }
    }
    if (broken)
        tell(s, FAIL, "gradients", "the layers behind it: `stats`; initial values; normalize", "that of %s is not finite",
             broken->name);
    else if (without > 0)
        tell(s, FAIL, "gradients", "initial values that are all the same, dead units: `stats`",
             "%d of %d parameters get none, %s among them", without, trained, none->name);
    else
        tell(s, PASS, "gradients", "", "reach all %d parameters", trained);
}

/* -- The penalty ------------------------------------------------------------------------------------------------- */

/* weight_decay/2 of the sum of squares and l1 of the sum of magnitudes, of what decays; and the norm of that. */
static double penalty(const nt_engine *engine, double *norm)
{
    const nt_model *model = engine->model;
    const nt_train_config *config = model->train_config;
    double sum = 0, squares = 0;
    for (int i = 0; i < model->n_params; i++) {
        const nt_param *param = &model->params[i];
        if (!nt_param_is_trained(param) || param->decay == 0)
            continue;
        for (size_t k = 0, n = nt_param_count(param); k < n; k++) {
            double x = (double)engine->memory.params[param->offset + nt_param_index(param, k)];
            sum += param->decay * (config->weight_decay / 2 * x * x + config->l1 * fabs(x));
            squares += x * x;
        }
    }
    *norm = sqrt(squares);
    return sum;
}

/* The norm of what decays after the same step with the decay times `scale`; the parameters are as before afterwards. */
static bool norm_after_step(sanity *s, double scale, double *norm, nt_error *error)
{
    nt_engine *engine = &s->trial->engine;
    const nt_model *model = engine->model;
    size_t bytes = model->params_elements * sizeof(real);
    real *kept = malloc(bytes + 1);
    if (!kept)
        return nt_fail_memory(error, "a copy of the weights", (double)bytes);
    memcpy(kept, engine->memory.params, bytes);
    memset(engine->memory.state, 0, engine->memory.state_bytes);
    nt_step step = {0};
    engine->pass.decay_scale = engine->pass.l1_scale = scale;
    engine->pass.update_step = 1;
    engine->pass.lr = s->o->lr_given ? s->o->lr : model->train_config->lr;
    nt_engine_step(engine, &step);
    penalty(engine, norm);
    memcpy(engine->memory.params, kept, bytes);
    memset(engine->memory.state, 0, engine->memory.state_bytes);
    engine->pass.decay_scale = engine->pass.l1_scale = 1;
    free(kept);
    return true;
}

static bool check_penalty(sanity *s, nt_error *error)
{
    nt_engine *engine = &s->trial->engine;
    const nt_train_config *config = engine->model->train_config;
    double norm, without, with, rate = s->o->lr_given ? s->o->lr : config->lr, felt = rate * (config->weight_decay + config->l1);
    if (config->weight_decay == 0 && config->l1 == 0) {
        tell(s, NOT_CHECKED, "penalty", "", "the model has neither weight_decay nor l1");
        return true;
    }
    double added = penalty(engine, &norm), scale = felt > 0 && felt < shown_decay ? shown_decay / felt : 1;
    if (!norm_after_step(s, 0, &without, error) || !norm_after_step(s, scale, &with, error))
        return false;
    bool rises = added > 0 && isfinite(added), shrinks = with < without;
    char strength[48] = "";
    if (config->weight_decay > 0)
        snprintf(strength, sizeof strength, "weight_decay %g", config->weight_decay);
    if (config->l1 > 0)
        snprintf(strength + strlen(strength), sizeof strength - strlen(strength), "%sl1 %g", strength[0] ? ", " : "", config->l1);
    tell(s, rises && shrinks ? PASS : FAIL, "penalty",
         rises ? "the rate: the step is larger than the weights" : "which parameters decay: `netc report --effective`",
         "%s raises the loss from %.4f to %.4f, and a step with it leaves the weights %s", strength, s->loss, s->loss + added,
         shrinks ? "smaller" : "no smaller");
    return true;
}

/* -- A few samples by heart -------------------------------------------------------------------------------------- */

static bool check_overfit(sanity *s, nt_error *error)
{
    nt_trial *trial = s->trial;
    const nt_split *train = &trial->data.train;
    int64_t n = s->o->samples < train->count ? s->o->samples : train->count;
    int64_t *chosen = nt_choose_samples(train, n, trial->seed);
    if (!chosen)
        return nt_fail_memory(error, "the order of the samples", (double)train->count * 8);
    nt_split split = {.count = n, .index = chosen, .part = train->part};
    nt_overfit task = {s->o->passes, s->o->lr_given ? s->o->lr : trial->model->train_config->lr, trial->seed};
    nt_overfit_result result;
    nt_progress progress;
    nt_progress_init(&progress, stderr, s->o->plain);
    bool good = nt_overfit_learn(&trial->engine, &trial->data, &split, &task, &progress, &result, error);
    nt_progress_clear(&progress);
    free(chosen);
    if (!good)
        return false;
    if (result.learnt)
        tell(s, PASS, "by heart", "", "%lld samples in %lld passes, loss %.4f to %.4f", (long long)n, (long long)result.passes,
             result.first_loss, result.loss);
    else if (result.why[0])
        tell(s, FAIL, "by heart", "a lower rate: `lr-range`", "not finite in pass %lld: %s", (long long)result.passes, result.why);
    else if (!trial->engine.classes)
        tell(s, FAIL, "by heart", "the rate: `lr-range`; more passes; initial values: `stats`; `gradcheck`; normalize",
             "after %lld passes over %lld samples the loss is %.4f, from %.4f: a thousandth of that is wanted",
             (long long)result.passes, (long long)n, result.loss, result.first_loss);
    else
        tell(s, FAIL, "by heart", "the rate: `lr-range`; initial values: `stats`; `gradcheck`; normalize",
             "after %lld passes over %lld samples %lld are right, loss %.4f to %.4f", (long long)result.passes, (long long)n,
             (long long)result.score.correct, result.first_loss, result.loss);
    return true;
}

static bool check_all(sanity *s, nt_error *error)
{
    nt_epoch epoch;
    if (!nt_epoch_begin(&epoch, &s->trial->data, &s->trial->data.train, true, s->trial->seed, 0, error))
        return false;
    bool good = check_loss(s, &epoch, error);
    if (good)
        check_gradients(s);
    good = good && check_penalty(s, error);
    nt_epoch_end(&epoch);
    return good && check_overfit(s, error);
}

int nt_cmd_sanity(const nt_context *context, int argc, char **argv)
{
    const nt_model *model = context->model;
    options o = {.format = "text", .samples = 20, .passes = 1000};
    nt_parsed parsed = parse(context, &o, argc, argv);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;

    nt_error error = {0};
    nt_trial trial;
    nt_trial_request request = {
        .data = o.data,
        .random = o.random,
        .batch = nt_batch(model, 0) > o.samples ? 0 : o.samples,
        .threads = o.threads,
        .parts = NT_PART_TRAIN,
        .purpose = NT_FOR_STUDY,
        .seed = o.seed_given ? o.seed : model->train_config->seed,
    };
    int status = nt_trial_begin(&trial, model, &request, &error);
    if (status != NT_OK)
        return nt_report(&error, status);
    sanity s = {.o = &o, .trial = &trial};
    trial.data.augmenter.n = 0;
    if (o.json)
        printf("{\"network\":\"%s\",\"checks\":[\n", model->name);
    if (!check_all(&s, &error))
        status = nt_report(&error, NT_ENVIRONMENT);
    if (o.json)
        printf("],\"pass\":%s}\n", s.failed == 0 && status == NT_OK ? "true" : "false");
    nt_trial_end(&trial);
    return status != NT_OK ? status : s.failed ? NT_FAILED : NT_OK;
}
