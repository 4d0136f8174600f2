/* cmd_eval.c - EXE eval. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "progress.h"

/* Up to so many classes have a line each; the confusion matrix has a column each up to fewer. */
enum { MOST_CLASS_LINES = 40, MOST_MATRIX = 12 };

typedef struct options {
    const char *weights, *data, *format, *part;
    int64_t batch, threads;
    uint64_t seed;
    bool json;
} options;

/* counts[true class * classes + predicted class] */
typedef struct confusion {
    int classes;
    int64_t *counts;
} confusion;

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv)
{
    const nt_option list[] = {
        {"--weights", NT_OPTION_TEXT, &o->weights, "F", "weights to use", 0, NULL},
        {"--data", NT_OPTION_TEXT, &o->data, "P", "folder or file of the data, instead of the model's", 0, NULL},
        {"--part", NT_OPTION_TEXT, &o->part, "NAME", "test (the default), validation or train", 0, NULL},
        {"--format", NT_OPTION_TEXT, &o->format, "text|json", "of the result", 0, NULL},
        {"--seed", NT_OPTION_SEED, &o->seed, "N", "of the validation split, if the training run had its own", 0, NULL},
        {"--batch", NT_OPTION_COUNT, &o->batch, "N", "samples at a time", 1, NULL},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N",
         "threads (as many as are fastest, by trial); no result depends on them", 1, NULL},
    };
    const nt_usage usage = {
        context->exe, "eval", NULL, "Loss and metrics on the test set.", list, sizeof list / sizeof *list,
    };
    int rest;
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, &rest);
    if (parsed != NT_PARSED)
        return parsed;
    if (!o->weights) {
        fprintf(stderr, "error: eval needs --weights F\n");
        return NT_PARSED_WRONG;
    }
    if (strcmp(o->part, "test") != 0 && strcmp(o->part, "validation") != 0 && strcmp(o->part, "train") != 0) {
        fprintf(stderr, "error: --part is test, validation or train, not '%s'\n", o->part);
        return NT_PARSED_WRONG;
    }
    return nt_format_is_json(o->format, &o->json) ? NT_PARSED : NT_PARSED_WRONG;
}

static const nt_split *chosen(const nt_data *data, const char *part)
{
    if (strcmp(part, "test") == 0)
        return &data->test;
    return strcmp(part, "train") == 0 ? &data->train : &data->validation;
}

/* The largest output; the first of equals. */
static int predicted_class(const nt_engine *engine, int sample, double *values)
{
    const nt_head *head = &engine->model->heads[0];
    nt_head_values(engine, head, head->infer_offset, sample, values);
    int best = 0;
    for (int i = 1; i < head->c; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

static bool evaluate(nt_engine *engine, const nt_data *data, const nt_split *split, nt_score *score,
                     confusion *confused, nt_error *error)
{
    nt_epoch epoch;
    double *values = calloc((size_t)engine->outputs, sizeof *values);
    *score = (nt_score){0};
    if (!values || !nt_epoch_begin(&epoch, data, split, false, 0, 0, error)) {
        free(values);
        return nt_fail_memory(error, "the outputs", (double)engine->outputs * sizeof *values);
    }
    for (int64_t first = 0; first < split->count; first += engine->infer_batch) {
        int64_t left = split->count - first;
        int n = left < engine->infer_batch ? (int)left : engine->infer_batch;
        nt_engine_infer_batch(engine, &epoch, first, n, score);
        for (int i = 0; confused->counts && i < n; i++)
            confused->counts[(size_t)engine->labels[i] * (size_t)confused->classes +
                             (size_t)predicted_class(engine, i, values)]++;
    }
    nt_epoch_end(&epoch);
    free(values);
    return true;
}

static void print_json(const nt_model *model, const nt_score *score, bool classes)
{
    if (isfinite(nt_score_loss(score)))
        printf("{\"loss\":%.9g", nt_score_loss(score));
    else
        printf("{\"loss\":null");
    if (classes)
        printf(",\"accuracy\":%.9g", nt_score_accuracy(score));
    if (classes && model->train_config->top_k > 0)
        printf(",\"top_%d\":%.9g", model->train_config->top_k, (double)score->top / (double)score->samples);
    printf(",\"samples\":%lld}\n", (long long)score->samples);
}

static int64_t row_sum(const confusion *m, int row)
{
    int64_t sum = 0;
    for (int i = 0; i < m->classes; i++)
        sum += m->counts[(size_t)row * (size_t)m->classes + (size_t)i];
    return sum;
}

/* The wrong class that a class is most often taken for, or -1. */
static int worst(const confusion *m, int row)
{
    const int64_t *counts = m->counts + (size_t)row * (size_t)m->classes;
    int found = -1;
    for (int i = 0; i < m->classes; i++)
        if (i != row && counts[i] > 0 && (found < 0 || counts[i] > counts[found]))
            found = i;
    return found;
}

/* A line a class, with its row of the confusion matrix if that is narrow enough. */
static void print_classes(const confusion *m, const nt_data *data, const nt_weights *weights)
{
    char text[32], other[32];
    int width = 5;
    for (int i = 0; i < m->classes; i++) {
        int length = (int)strlen(nt_class_name(data, weights, i, text));
        width = length > width ? length : width;
    }
    bool matrix = m->classes <= MOST_MATRIX;
    printf("\n%-*s  samples   right  %s\n", width, "class",
           matrix ? "taken for, in the order of the classes" : "most often taken for");
    for (int row = 0; row < m->classes; row++) {
        const int64_t *counts = m->counts + (size_t)row * (size_t)m->classes;
        int64_t sum = row_sum(m, row);
        if (sum == 0)
            continue;
        printf("%-*s  %7lld  %5.1f%%", width, nt_class_name(data, weights, row, text), (long long)sum,
               100 * (double)counts[row] / (double)sum);
        int wrong = worst(m, row);
        for (int i = 0; i < m->classes && matrix; i++)
            printf(" %5lld", (long long)counts[i]);
        if (!matrix && wrong >= 0)
            printf("  %s (%.1f%%)", nt_class_name(data, weights, wrong, other),
                   100 * (double)counts[wrong] / (double)sum);
        putchar('\n');
    }
}

static void print_text(const nt_model *model, const options *o, const nt_data *data, const nt_weights *weights,
                       const nt_score *score, bool classes, const confusion *confused)
{
    char number[32];
    printf("%s  %s samples", o->part, nt_format_count(number, score->samples));
    if (isfinite(nt_score_loss(score)))
        printf("  loss %.4f", nt_score_loss(score));
    if (classes)
        printf("  accuracy %.2f%%", 100 * nt_score_accuracy(score));
    if (classes && model->train_config->top_k > 0)
        printf("  top-%d %.2f%%", model->train_config->top_k, 100 * (double)score->top / (double)score->samples);
    putchar('\n');
    if (confused->counts && confused->classes <= MOST_CLASS_LINES)
        print_classes(confused, data, weights);
}

/* With everything loaded. */
static bool run(const nt_model *model, const options *o, nt_engine *engine, const nt_data *data,
                const nt_weights *weights, nt_error *error)
{
    const nt_split *split = chosen(data, o->part);
    if (split->count == 0)
        return nt_fail(error, "the data has no %s samples", o->part);
    confusion confused = {.classes = engine->outputs};
    nt_score score;
    if (engine->classes && confused.classes > 1) {
        confused.counts = calloc((size_t)confused.classes * (size_t)confused.classes, sizeof *confused.counts);
        if (!confused.counts)
            return nt_fail_memory(error, "the confusion matrix", (double)confused.classes * confused.classes * 8);
    }
    bool good = evaluate(engine, data, split, &score, &confused, error);
    if (good && o->json)
        print_json(model, &score, engine->classes);
    else if (good)
        print_text(model, o, data, weights, &score, engine->classes, &confused);
    free(confused.counts);
    return good;
}

int nt_cmd_eval(const nt_context *context, int argc, char **argv)
{
    const nt_model *model = context->model;
    options o = {.format = "text", .part = "test", .seed = model->train_config->seed};
    nt_parsed parsed = parse(context, &o, argc, argv);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;

    nt_error error = {0};
    nt_data data = {0};
    nt_engine engine = {0};
    nt_weights weights = {0};
    int threads = nt_threads(model, o.threads, nt_batch(model, o.batch));
    unsigned parts = strcmp(o.part, "test") == 0 ? NT_PART_TEST : NT_PART_TRAIN;
    nt_data_request request = nt_engine_request(model, o.data, parts, o.seed);
    int status = NT_OK;
    if (!nt_data_load(&request, &data, &error))
        status = nt_report(&error, NT_FAILED);
    else if (!nt_engine_init(&engine, model, nt_batch(model, o.batch), NT_FOR_INFERENCE, threads, &error))
        status = nt_report(&error, NT_ENVIRONMENT);
    else {
        if (o.threads == 0)
            nt_engine_adapt(&engine);
        if (!nt_load_for_use(model, o.weights, o.data, &engine, &data, &weights, &error) ||
            !run(model, &o, &engine, &data, &weights, &error))
            status = nt_report(&error, NT_FAILED);
    }
    nt_weights_free(&weights);
    nt_engine_free(&engine);
    nt_data_free(&data);
    return status;
}
