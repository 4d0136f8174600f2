/* cmd_stats.c - EXE stats: what the layers' results and gradients are like, and how large a step is beside the weights. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "progress.h"
#include "schedule.h"
#include "stats.h"
#include "trial.h"

/* What is said to be worth a look: shares of units and values, and how far the steps may be from the rule of thumb, a thousandth of the
 * weights. */
static const double many_dead = 0.4, many_saturated = 0.5, usual_ratio = 1e-3, far_off = 30;
/* Results whose spread has come down to this share of the input's carry nothing on. */
static const double vanished = 1e-3;

enum { MOST_NAMED = 3 }; /* of parameters with the same fault */

typedef struct options {
    const char *weights, *data, *format;
    int64_t random, samples, batch, steps, threads;
    uint64_t seed;
    double lr;
    bool seed_given, lr_given, json;
} options;

/* One parameter before the last step, and what the step did. */
typedef struct param_stats {
    const nt_param *param;
    nt_sums value, gradient;
    double update; /* norm */
} param_stats;

typedef struct report {
    const options *o;
    nt_trial *trial;
    nt_stats stats;
    param_stats *params; /* those that are trained */
    int n_params;
    int64_t samples;
    double loss, lr;
} report;

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv)
{
    const nt_option list[] = {
        {"--weights", NT_OPTION_TEXT, &o->weights, "F", "weights to look at, or a folder of train (what training would start from)", 0, NULL},
        {"--samples", NT_OPTION_COUNT, &o->samples, "N", "training samples to look at (1000, or all there are)", 1, NULL},
        {"--batch", NT_OPTION_COUNT, &o->batch, "N", "samples at a time, and of the step", 1, NULL},
        {"--steps", NT_OPTION_COUNT, &o->steps, "N", "training steps to try, of which the last is shown (1)", 1, NULL},
        {"--lr", NT_OPTION_NUMBER, &o->lr, "X", "learning rate of the steps", 0, &o->lr_given},
        {"--data", NT_OPTION_TEXT, &o->data, "P", "folder or file of the data, instead of the model's", 0, NULL},
        {"--random", NT_OPTION_COUNT, &o->random, "N", "N samples of standard normals with random answers, instead of data", 1,
         NULL},
        {"--seed", NT_OPTION_SEED, &o->seed, "N", "of the initial values and the choice of samples", 0, &o->seed_given},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N", "threads to use; no result depends on them", 1, NULL},
        {"--format", NT_OPTION_TEXT, &o->format, "text|json", "of the tables", 0, NULL},
    };
    const nt_usage usage = {
        context->exe,
        "stats",
        NULL,
        "Mean and spread of each layer's results and of the gradients to them, dead and saturated units, and the\n"
        "size of a training step beside that of the weights. No file is changed.",
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

/* -- Measuring --------------------------------------------------------------------------------------------------- */

static nt_sums sums_of(const nt_param *param, const real *block)
{
    nt_sums sums = {.low = INFINITY, .high = -INFINITY};
    for (size_t k = 0, n = nt_param_count(param); k < n; k++) {
        double x = (double)block[param->offset + nt_param_index(param, k)];
        sums.count++;
        sums.sum += x;
        sums.squares += x * x;
    }
    return sums;
}

static double distance(const nt_param *param, const real *a, const real *b)
{
    double squares = 0;
    for (size_t k = 0, n = nt_param_count(param); k < n; k++) {
        size_t at = param->offset + nt_param_index(param, k);
        squares += ((double)a[at] - (double)b[at]) * ((double)a[at] - (double)b[at]);
    }
    return sqrt(squares);
}

static void measure_layers(report *r, const nt_epoch *epoch)
{
    nt_engine *engine = &r->trial->engine;
    for (int64_t first = 0; first < r->samples; first += engine->batch) {
        int64_t left = r->samples - first;
        int n = left < engine->batch ? (int)left : engine->batch;
        nt_trial_batch(engine, epoch, first, n);
        r->loss += nt_stats_add(&r->stats, n);
    }
    r->loss /= (double)r->samples;
}

/* Training steps on the batches from the epoch's first on, with the rate that training would have there. */
static bool try_steps(report *r, const nt_epoch *epoch, real *before, nt_error *error)
{
    nt_engine *engine = &r->trial->engine;
    const nt_train_config *config = r->trial->model->train_config;
    int64_t count = epoch->split->count, a_pass = (count + engine->batch - 1) / engine->batch;
    for (int64_t i = 0; i < r->o->steps; i++) {
        int64_t first = i % a_pass * engine->batch, left = count - first;
        nt_position at = {.epoch = i / a_pass, .epochs = config->epochs, .step = (uint64_t)i,
                          .steps = (uint64_t)a_pass * (uint64_t)config->epochs};
        nt_step step = {.clip_norm = config->clip.kind == NT_CLIP_NORM ? config->clip.limit : 0, .want_norm = true};
        nt_score score = {0};
        r->lr = nt_schedule_rate(config, r->o->lr_given ? r->o->lr : config->lr, at);
        engine->pass.lr = r->lr;
        engine->pass.momentum = nt_schedule_momentum(config, config->momentum, at);
        engine->pass.noise = nt_noise_std(&config->gradient_noise, (uint64_t)i);
        engine->pass.step = (uint64_t)i;
        engine->pass.update_step = (uint64_t)i + 1;
        memcpy(before, engine->memory.params, r->trial->model->trainable_elements * sizeof *before);
        nt_step_outcome outcome = nt_engine_train_batch(engine, epoch, first,
                                                        left < engine->batch ? (int)left : engine->batch, &step, &score);
        if (outcome != NT_STEP_DONE) {
            char why[512];
            nt_diagnose(engine, outcome, why, sizeof why);
            return nt_fail(error, "step %lld cannot be taken: %s", (long long)i + 1, why);
        }
    }
    return true;
}

static bool measure_params(report *r, const nt_epoch *epoch, nt_error *error)
{
    const nt_model *model = r->trial->model;
    const nt_memory *memory = &r->trial->engine.memory;
    real *before = malloc((model->trainable_elements + 1) * sizeof *before);
    r->params = calloc((size_t)model->n_params + 1, sizeof *r->params);
    bool good = (before && r->params) ||
                nt_fail_memory(error, "the weights before the step", (double)model->trainable_elements * sizeof *before);
    good = good && try_steps(r, epoch, before, error);
    for (int i = 0; i < model->n_params && good; i++) {
        const nt_param *param = &model->params[i];
        if (!nt_param_is_trained(param))
            continue;
        r->params[r->n_params++] = (param_stats){
            .param = param,
            .value = sums_of(param, before),
            .gradient = sums_of(param, memory->grads),
            .update = distance(param, memory->params, before),
        };
    }
    free(before);
    return good;
}

/* NAN where the weights are all 0, as biases are at first. */
static double ratio_of(const param_stats *p)
{
    return p->value.squares > 0 ? p->update / sqrt(p->value.squares) : NAN;
}

/* -- Printing ---------------------------------------------------------------------------------------------------- */

static const char *name_of(const nt_layer_stats *layer)
{
    return layer->watched ? layer->watched->layer : "input";
}

static const char *what_of(const nt_layer_stats *layer)
{
    return layer->watched ? layer->watched->what : "";
}

static const char *shape_of(const nt_model *model, const nt_layer_stats *layer, char text[48])
{
    const nt_place *place = layer->watched ? &layer->watched->result : NULL;
    int h = place ? place->h : model->input_h, w = place ? place->w : model->input_w, c = layer->units;
    if (h * w == 1)
        snprintf(text, 48, "%d", c);
    else
        snprintf(text, 48, "%dx%dx%d", h, w, c);
    return text;
}

/* A share in a column of 7; a figure that does not apply is a dash. */
static void print_share(double share)
{
    if (isnan(share))
        printf(" %7s", "-");
    else
        printf(" %6.1f%%", 100 * share);
}

static void print_figure(double x)
{
    if (isnan(x))
        printf(" %10s", "-");
    else
        printf(" %10.3g", x);
}

static double dead_share(const nt_layer_stats *layer)
{
    return layer->dead < 0 ? NAN : (double)layer->dead / layer->units;
}

static double saturated_share(const nt_layer_stats *layer)
{
    if (!layer->watched || nt_stats_saturation(layer->watched->acted) == 0)
        return NAN;
    return (double)layer->result.saturated / (double)layer->result.count;
}

static int longest_name(const report *r)
{
    size_t width = 9;
    for (int i = 0; i < r->stats.n; i++)
        width = strlen(name_of(&r->stats.layers[i])) > width ? strlen(name_of(&r->stats.layers[i])) : width;
    for (int i = 0; i < r->n_params; i++)
        width = strlen(r->params[i].param->name) > width ? strlen(r->params[i].param->name) : width;
    return (int)width;
}

static void print_layers(const report *r, int width)
{
    char shape[48];
    int widest = 4;
    for (int i = 0; i < r->stats.n; i++) {
        int length = (int)strlen(what_of(&r->stats.layers[i]));
        widest = length > widest ? length : widest;
    }
    printf("  %-*s  %-*s  %-11s %10s %10s %7s %7s %7s %10s %10s\n", width, "layer", widest, "", "result", "mean", "std", "zero",
           "dead", "satur.", "grad mean", "grad std");
    for (int i = 0; i < r->stats.n; i++) {
        const nt_layer_stats *layer = &r->stats.layers[i];
        bool backward = layer->gradient.count > 0;
        printf("  %-*s  %-*s  %-11s", width, name_of(layer), widest, what_of(layer),
               shape_of(r->trial->model, layer, shape));
        print_figure(nt_sums_mean(&layer->result));
        print_figure(nt_sums_std(&layer->result));
        print_share((double)layer->result.zeros / (double)layer->result.count);
        print_share(dead_share(layer));
        print_share(saturated_share(layer));
        print_figure(backward ? nt_sums_mean(&layer->gradient) : NAN);
        print_figure(backward ? nt_sums_std(&layer->gradient) : NAN);
        printf("\n");
    }
}

static void print_params(const report *r, int width)
{
    char number[32];
    printf("\n  %-*s  %12s %10s %10s %10s %14s\n", width, "parameter", "values", "mean", "std", "grad std", "update/weight");
    for (int i = 0; i < r->n_params; i++) {
        const param_stats *p = &r->params[i];
        printf("  %-*s  %12s", width, p->param->name, nt_format_count(number, p->value.count));
        print_figure(nt_sums_mean(&p->value));
        print_figure(nt_sums_std(&p->value));
        print_figure(nt_sums_std(&p->gradient));
        if (isnan(ratio_of(p)))
            printf(" %14s\n", "-");
        else
            printf(" %14.2e\n", ratio_of(p));
    }
}

/* What stands out, each with what to try. */
static void print_findings(const report *r)
{
    const nt_layer_stats *first = &r->stats.layers[0], *last = &r->stats.layers[r->stats.n - 1];
    for (int i = 0; i < r->stats.n; i++) {
        const nt_layer_stats *layer = &r->stats.layers[i];
        if (layer->result.not_finite > 0 || layer->gradient.not_finite > 0)
            printf("look at %s: it has values that are not finite, which its figures leave out\n", name_of(layer));
        if (dead_share(layer) > many_dead)
            printf("look at %s: %d of its %d units gave 0 for every sample; try a smaller rate, he_normal, leaky_relu\n",
                   name_of(layer), layer->dead, layer->units);
        if (saturated_share(layer) > many_saturated)
            printf("look at %s: %.0f%% of its values are saturated, and let no gradient through; start from smaller weights\n",
                   name_of(layer), 100 * saturated_share(layer));
    }
    if (nt_sums_std(&last->result) < vanished * nt_sums_std(&first->result))
        printf("look at init: of the input's spread %.1e is left at %s\n",
               nt_sums_std(&last->result) / nt_sums_std(&first->result), name_of(last));
    int without = 0, off = 0;
    for (int i = 0; i < r->n_params; i++) {
        double ratio = ratio_of(&r->params[i]);
        bool slow = ratio < usual_ratio / far_off, fast = ratio > usual_ratio * far_off;
        if (r->params[i].gradient.squares == 0) {
            if (without++ < MOST_NAMED)
                printf("look at %s: no gradient reaches it\n", r->params[i].param->name);
        } else if (r->params[i].param->role == NT_WEIGHT && (slow || fast) && off++ < MOST_NAMED) {
            printf("look at %s: a step changes it by %.1e of its size, where about %.0e is usual: the rate may be too %s\n",
                   r->params[i].param->name, ratio, usual_ratio, slow ? "low" : "high");
        }
    }
    if (without > MOST_NAMED)
        printf("no gradient reaches %d others\n", without - MOST_NAMED);
    if (off > MOST_NAMED)
        printf("%d others are as far from it\n", off - MOST_NAMED);
}

static void print_text(const report *r)
{
    char samples[32];
    int width = longest_name(r);
    printf("%s, %s, %s %s samples: loss %.6g, rate %.3g\n\n", r->trial->model->name,
           r->o->weights ? r->o->weights : "what training starts from", nt_format_count(samples, r->samples),
           r->o->random > 0 ? "random" : "training", r->loss, r->lr);
    print_layers(r, width);
    print_params(r, width);
    printf("\n");
    print_findings(r);
}

static void json_number(const char *name, double x)
{
    if (isfinite(x))
        printf(",\"%s\":%.9g", name, x);
    else
        printf(",\"%s\":null", name);
}

static void json_layer(const report *r, const nt_layer_stats *layer)
{
    const nt_sums *x = &layer->result;
    const nt_place *place = layer->watched ? &layer->watched->result : NULL;
    printf("{\"layer\":\"%s\",\"operators\":\"%s\"", name_of(layer), what_of(layer));
    printf(",\"shape\":[%d,%d,%d]", place ? place->h : r->trial->model->input_h, place ? place->w : r->trial->model->input_w,
           layer->units);
    json_number("mean", nt_sums_mean(x));
    json_number("std", nt_sums_std(x));
    json_number("min", x->low);
    json_number("max", x->high);
    json_number("zero", (double)x->zeros / (double)x->count);
    json_number("dead", dead_share(layer));
    json_number("saturated", saturated_share(layer));
    printf(",\"not_finite\":%lld", (long long)(x->not_finite + layer->gradient.not_finite));
    if (layer->gradient.count > 0) {
        printf(",\"gradient_of\":\"%s\"", layer->watched->gradient_of);
        json_number("gradient_mean", nt_sums_mean(&layer->gradient));
        json_number("gradient_std", nt_sums_std(&layer->gradient));
    }
    printf("}");
}

static void json_param(const param_stats *p)
{
    printf("{\"name\":\"%s\",\"values\":%lld", p->param->name, (long long)p->value.count);
    json_number("mean", nt_sums_mean(&p->value));
    json_number("std", nt_sums_std(&p->value));
    json_number("norm", sqrt(p->value.squares));
    json_number("gradient_mean", nt_sums_mean(&p->gradient));
    json_number("gradient_std", nt_sums_std(&p->gradient));
    json_number("gradient_norm", sqrt(p->gradient.squares));
    json_number("update_norm", p->update);
    json_number("update_ratio", ratio_of(p));
    printf("}");
}

static void print_json(const report *r)
{
    printf("{\"network\":\"%s\",\"samples\":%lld,\"random\":%s,\"steps\":%lld", r->trial->model->name, (long long)r->samples,
           r->o->random > 0 ? "true" : "false", (long long)r->o->steps);
    json_number("loss", r->loss);
    json_number("lr", r->lr);
    printf(",\n\"layers\":[\n");
    for (int i = 0; i < r->stats.n; i++) {
        json_layer(r, &r->stats.layers[i]);
        printf(i + 1 < r->stats.n ? ",\n" : "],\n");
    }
    printf("\"parameters\":[\n");
    for (int i = 0; i < r->n_params; i++) {
        json_param(&r->params[i]);
        printf(i + 1 < r->n_params ? ",\n" : "");
    }
    printf("]}\n");
}

/* -- The command ------------------------------------------------------------------------------------------------- */

static bool measure(report *r, nt_error *error)
{
    nt_trial *trial = r->trial;
    nt_epoch epoch;
    r->samples = r->o->samples < trial->data.train.count ? r->o->samples : trial->data.train.count;
    if (!nt_epoch_begin(&epoch, &trial->data, &trial->data.train, true, trial->seed, 0, error))
        return false;
    bool good = nt_stats_begin(&r->stats, &trial->engine, error);
    if (good) {
        measure_layers(r, &epoch);
        good = measure_params(r, &epoch, error);
    }
    nt_epoch_end(&epoch);
    return good;
}

int nt_cmd_stats(const nt_context *context, int argc, char **argv)
{
    options o = {.format = "text", .samples = 1000, .steps = 1};
    nt_parsed parsed = parse(context, &o, argc, argv);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;

    nt_error error = {0};
    nt_trial trial;
    nt_trial_request request = {
        .weights = o.weights,
        .data = o.data,
        .random = o.random,
        .batch = o.batch,
        .threads = o.threads,
        .parts = NT_PART_TRAIN,
        .purpose = NT_FOR_STUDY,
        .seed = o.seed_given ? o.seed : context->model->train_config->seed,
    };
    int status = nt_trial_begin(&trial, context->model, &request, &error);
    if (status != NT_OK)
        return nt_report(&error, status);
    report r = {.o = &o, .trial = &trial};
    if (!measure(&r, &error))
        status = nt_report(&error, NT_FAILED);
    else if (o.json)
        print_json(&r);
    else
        print_text(&r);
    nt_stats_end(&r.stats);
    free(r.params);
    nt_trial_end(&trial);
    return status;
}
