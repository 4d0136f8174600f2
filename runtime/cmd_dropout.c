/* cmd_dropout.c - EXE dropout: the mean of many passes with dropout beside the one pass without it that stands for them all (Srivastava et
 * al., 2014: with dropout that scales what it keeps, the test pass leaves the network as it is). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "committee.h"
#include "progress.h"
#include "rng.h"
#include "trial.h"

enum { FACTOR = 4, MOST_ROWS = 16 }; /* rows are of 1, 4, 16 ... passes */

typedef struct options {
    const char *weights, *data, *format;
    int64_t passes, samples, batch, threads;
    uint64_t seed;
    bool seed_given, json;
} options;

/* What so many passes come to. */
typedef struct row {
    int64_t passes, correct;
    double distance; /* of their mean from the test pass: over samples and outputs */
} row;

typedef struct comparison {
    const options *o;
    nt_trial *trial;
    row rows[MOST_ROWS];
    int n;
    int64_t samples, test_correct;
    double *test, *sum, *values; /* outputs of a batch, of the test pass and added over passes; of one sample */
} comparison;

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv)
{
    const nt_option list[] = {
        {"--weights", NT_OPTION_TEXT, &o->weights, "F", "weights to use, or a folder of train", 0, NULL},
        {"--passes", NT_OPTION_COUNT, &o->passes, "N", "passes with dropout (256)", 1, NULL},
        {"--samples", NT_OPTION_COUNT, &o->samples, "N", "test samples to take (1000, or all there are)", 1, NULL},
        {"--data", NT_OPTION_TEXT, &o->data, "P", "folder or file of the data, instead of the model's", 0, NULL},
        {"--batch", NT_OPTION_COUNT, &o->batch, "N", "samples at a time", 1, NULL},
        {"--seed", NT_OPTION_SEED, &o->seed, "N", "of the masks", 0, &o->seed_given},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N", "threads to use; no result depends on them", 1, NULL},
        {"--format", NT_OPTION_TEXT, &o->format, "text|json", "of the result", 0, NULL},
    };
    const nt_usage usage = {
        context->exe,
        "dropout",
        NULL,
        "The mean of many passes with dropout, as in training, beside the pass without it that predictions are made with.",
        list,
        sizeof list / sizeof *list,
    };
    int rest;
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, &rest);
    if (parsed == NT_PARSED && !nt_weights_given(context, "dropout", o->weights))
        return NT_PARSED_WRONG;
    if (parsed == NT_PARSED && !nt_format_is_json(o->format, &o->json))
        return NT_PARSED_WRONG;
    return parsed;
}

/* -- Comparing --------------------------------------------------------------------------------------------------- */

/* Whether `sum`, the answers of so many passes to sample i added up, names its class. */
static bool is_right(const comparison *c, const double *sum, int64_t passes, int i)
{
    const nt_engine *engine = &c->trial->engine;
    int guess = engine->outputs == 1 ? sum[0] > 0.5 * (double)passes : nt_largest(sum, engine->outputs);
    return engine->classes && guess == engine->labels[i];
}

/* What the passes so far come to, for the batch in the buffers. */
static void add_row(comparison *c, row *row, int64_t passes)
{
    const nt_engine *engine = &c->trial->engine;
    size_t outputs = (size_t)engine->outputs;
    row->passes = passes;
    for (int i = 0; i < engine->pass.n; i++) {
        const double *test = c->test + (size_t)i * outputs, *sum = c->sum + (size_t)i * outputs;
        for (size_t k = 0; k < outputs; k++)
            row->distance += fabs(sum[k] / (double)passes - test[k]) / (double)outputs;
        row->correct += is_right(c, sum, passes, i);
    }
}

static void compare_batch(comparison *c, int n)
{
    nt_engine *engine = &c->trial->engine;
    size_t outputs = (size_t)engine->outputs;
#pragma omp parallel num_threads(engine->threads)
    engine->model->infer(&engine->pass);
    for (int i = 0; i < n; i++) {
        nt_answer(engine, i, c->test + (size_t)i * outputs);
        c->test_correct += is_right(c, c->test + (size_t)i * outputs, 1, i);
    }
    memset(c->sum, 0, (size_t)n * outputs * sizeof *c->sum);
    engine->pass.random = 1;
    for (int64_t pass = 1, row = 0; pass <= c->o->passes; pass++) {
        engine->pass.step = (uint64_t)pass;
#pragma omp parallel num_threads(engine->threads)
        engine->model->loss(&engine->pass);
        for (int i = 0; i < n; i++) {
            nt_answer_at(engine, engine->model->heads[0].offset, i, c->values);
            for (size_t k = 0; k < outputs; k++)
                c->sum[(size_t)i * outputs + k] += c->values[k];
        }
        if (row < c->n && pass == c->rows[row].passes)
            add_row(c, &c->rows[row++], pass);
    }
}

static bool run(comparison *c, nt_error *error)
{
    nt_trial *trial = c->trial;
    nt_engine *engine = &trial->engine;
    int batch = engine->batch < engine->infer_batch ? engine->batch : engine->infer_batch;
    size_t room = (size_t)batch * (size_t)engine->outputs;
    nt_epoch epoch;
    for (int64_t passes = 1; c->n < MOST_ROWS && passes <= c->o->passes; passes *= FACTOR)
        c->rows[c->n++].passes = passes;
    c->samples = c->o->samples < trial->data.test.count ? c->o->samples : trial->data.test.count;
    c->test = calloc(room, sizeof *c->test);
    c->sum = calloc(room, sizeof *c->sum);
    c->values = calloc((size_t)engine->outputs, sizeof *c->values);
    if (!c->test || !c->sum || !c->values)
        return nt_fail_memory(error, "the outputs", 2.0 * (double)room * sizeof(double));
    if (!nt_epoch_begin(&epoch, &trial->data, &trial->data.test, false, 0, 0, error))
        return false;
    for (int64_t first = 0; first < c->samples; first += batch) {
        int n = c->samples - first < batch ? (int)(c->samples - first) : batch;
        nt_trial_batch(engine, &epoch, first, n);
        engine->pass.seed = nt_key(trial->seed, (uint64_t)first);
        compare_batch(c, n);
    }
    nt_epoch_end(&epoch);
    return c->rows[0].distance > 0 ||
           nt_fail(error, "a pass with dropout and one without are the same: is there any dropout in %s?", trial->model->name);
}

/* -- Printing ---------------------------------------------------------------------------------------------------- */

static void print_text(const comparison *c)
{
    char number[32];
    bool classes = c->trial->engine.classes;
    printf("%s, %s test samples: passes with dropout, and the one without\n\n", c->trial->model->name,
           nt_format_count(number, c->samples));
    printf("  %-12s  %14s%s\n", "passes", "mean distance", classes ? "   accuracy" : "");
    for (int i = 0; i < c->n; i++) {
        printf("  %-12lld  %14.5f", (long long)c->rows[i].passes, c->rows[i].distance / (double)c->samples);
        if (classes)
            printf("  %8.2f%%", 100.0 * (double)c->rows[i].correct / (double)c->samples);
        printf("\n");
    }
    printf("  %-12s  %14s", "without", "-");
    if (classes)
        printf("  %8.2f%%", 100.0 * (double)c->test_correct / (double)c->samples);
    printf("\n");
}

static void print_json(const comparison *c)
{
    printf("{\"network\":\"%s\",\"samples\":%lld", c->trial->model->name, (long long)c->samples);
    if (c->trial->engine.classes)
        printf(",\"accuracy\":%.9g", (double)c->test_correct / (double)c->samples);
    printf(",\"masked\":[\n");
    for (int i = 0; i < c->n; i++) {
        printf("{\"passes\":%lld,\"distance\":%.9g", (long long)c->rows[i].passes, c->rows[i].distance / (double)c->samples);
        if (c->trial->engine.classes)
            printf(",\"accuracy\":%.9g", (double)c->rows[i].correct / (double)c->samples);
        printf(i + 1 < c->n ? "},\n" : "}");
    }
    printf("]}\n");
}

int nt_cmd_dropout(const nt_context *context, int argc, char **argv)
{
    options o = {.format = "text", .passes = 256, .samples = 1000};
    nt_parsed parsed = parse(context, &o, argc, argv);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;

    nt_error error = {0};
    nt_trial trial;
    nt_trial_request request = {
        .weights = o.weights,
        .data = o.data,
        .batch = o.batch,
        .threads = o.threads,
        .parts = NT_PART_TEST,
        .purpose = NT_FOR_GRADIENT,
        .seed = o.seed_given ? o.seed : context->model->train_config->seed,
    };
    int status = nt_trial_begin(&trial, context->model, &request, &error);
    if (status != NT_OK)
        return nt_report(&error, status);
    comparison c = {.o = &o, .trial = &trial};
    if (!run(&c, &error))
        status = nt_report(&error, NT_FAILED);
    else if (o.json)
        print_json(&c);
    else
        print_text(&c);
    free(c.test);
    free(c.sum);
    free(c.values);
    nt_trial_end(&trial);
    return status;
}
