/* cmd_predict.c - EXE predict. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"

typedef struct options {
    const char *weights, *data, *format;
    int64_t top, threads;
    bool json;
} options;

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv, int *n)
{
    const nt_option list[] = {
        {"--weights", NT_OPTION_TEXT, &o->weights, "F", "weights to use", 0, NULL},
        {"--top", NT_OPTION_COUNT, &o->top, "N", "classes to name (3)", 1, NULL},
        {"--format", NT_OPTION_TEXT, &o->format, "text|json", "json: an object a line, with all probabilities", 0,
         NULL},
        {"--data", NT_OPTION_TEXT, &o->data, "P",
         "training data, where weights without preprocessing constants need it", 0, NULL},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N", "the result is the same for any number", 1, NULL},
    };
    const nt_usage usage = {
        context->exe, "predict",
        "INPUT ...",  "Classes and probabilities of JPEG or PNG images, and of the samples in .npy and .csv files.",
        list,         sizeof list / sizeof *list,
    };
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, n);
    if (parsed != NT_PARSED)
        return parsed;
    if (!o->weights || *n == 0) {
        fprintf(stderr, "error: predict needs %s\n", o->weights ? "at least one INPUT" : "--weights F");
        return NT_PARSED_WRONG;
    }
    return nt_format_is_json(o->format, &o->json) ? NT_PARSED : NT_PARSED_WRONG;
}

/* "x.png", or "rows.csv:3" for the third of several samples. */
static void sample_name(char *text, size_t size, const char *path, int64_t sample, int64_t samples)
{
    if (samples == 1)
        snprintf(text, size, "%s", path);
    else
        snprintf(text, size, "%s:%lld", path, (long long)sample + 1);
}

/* Does class a come before class b? The larger value first, of equals the first class; what is not a number last. */
static bool before(const double *values, int a, int b)
{
    if (values[a] > values[b] || (isnan(values[b]) && !isnan(values[a])))
        return true;
    return !(values[b] > values[a]) && isnan(values[a]) == isnan(values[b]) && a < b;
}

/* The class that comes next after class `last`; the first one for -1; -1 at the end. */
static int next_class(const double *values, int n, int last)
{
    int best = -1;
    for (int i = 0; i < n; i++)
        if (i != last && (last < 0 || before(values, last, i)) && (best < 0 || before(values, i, best)))
            best = i;
    return best;
}

static void print_text(const char *name, const options *o, const double *values, int n, bool classes,
                       const nt_data *data, const nt_weights *weights)
{
    char text[32];
    printf("%s", name);
    for (int i = 0; i < n && !classes; i++)
        printf("  %.6g", values[i]);
    int class = classes ? next_class(values, n, -1) : -1;
    for (int64_t i = 0; class >= 0 && i < o->top; i++) {
        printf("  %s %.1f%%", nt_class_name(data, weights, class, text), 100 * values[class]);
        class = next_class(values, n, class);
    }
    putchar('\n');
}

static bool print_json(const char *name, const double *values, int n, bool classes, const nt_data *data,
                       const nt_weights *weights)
{
    char text[32];
    json_t *object = json_object(), *list = json_array();
    json_t *input = json_string(name);
    int failed = json_object_set_new(object, "input", input ? input : json_string("?")); /* a path that is not UTF-8 */
    for (int i = 0; i < n; i++)
        failed |= json_array_append_new(list, json_real(values[i]));
    if (classes) {
        int class = next_class(values, n, -1);
        failed |= json_object_set_new(object, "class", json_string(nt_class_name(data, weights, class, text)));
        failed |= json_object_set_new(object, "index", json_integer(class));
        failed |= json_object_set_new(object, "probability", json_real(values[class]));
    }
    failed |= json_object_set_new(object, classes ? "probabilities" : "output", list);
    failed |= json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(object);
    return !failed;
}

/* Everything in one file. */
static bool predict_file(const options *o, const char *path, nt_engine *engine, const nt_data *data,
                         const nt_weights *weights, nt_error *error)
{
    const nt_head *head = &engine->model->heads[0];
    bool classes = nt_model_classifies(engine->model) && head->h * head->w == 1, good;
    /* what binary cross entropy trained are probabilities behind a sigmoid, which may not be in the network */
    bool sigmoid = head->loss >= 0 && engine->model->losses[head->loss].kind == NT_LOSS_BINARY_CROSS_ENTROPY &&
                   head->output != NT_OUTPUT_SIGMOID;
    int n = engine->outputs;
    nt_epoch epoch;
    nt_score score = {0};
    double *values = calloc((size_t)n, sizeof *values);
    good = values ? nt_epoch_begin(&epoch, data, &data->test, false, 0, 0, error)
                  : nt_fail_memory(error, "the outputs", (double)n * sizeof *values);
    bool begun = good;
    for (int64_t first = 0; first < data->test.count && good; first++) {
        char name[512];
        nt_engine_infer_batch(engine, &epoch, first, 1, &score);
        nt_head_values(engine, head, head->infer_offset, 0, values);
        if (classes && head->output != NT_OUTPUT_SOFTMAX)
            nt_softmax(values, n);
        for (int i = 0; i < n && sigmoid; i++)
            values[i] = 1 / (1 + exp(-values[i]));
        sample_name(name, sizeof name, path, first, data->test.count);
        if (!o->json)
            print_text(name, o, values, n, classes, data, weights);
        else if (!print_json(name, values, n, classes, data, weights))
            good = nt_fail(error, "%s: the output cannot be written as JSON", name);
    }
    if (begun)
        nt_epoch_end(&epoch);
    free(values);
    return good;
}

int nt_cmd_predict(const nt_context *context, int argc, char **argv)
{
    const nt_model *model = context->model;
    options o = {.format = "text", .top = 3};
    int n;
    nt_parsed parsed = parse(context, &o, argc, argv, &n);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;

    nt_error error = {0};
    nt_engine engine;
    int status = NT_OK, threads = nt_threads(model, o.threads, 1);
    if (!nt_engine_init(&engine, model, 1, NT_FOR_INFERENCE, threads, &error))
        return nt_report(&error, NT_ENVIRONMENT);
    /* An input that cannot be read does not keep the others from being answered. */
    for (int i = 0; i < n; i++) {
        nt_data_request request = nt_engine_request(model, NULL, NT_PART_TEST, 0);
        nt_data data = {0};
        nt_weights weights = {0};
        if (!nt_data_load_inputs(&request, argv[i], &data, &error) ||
            !nt_load_for_use(model, o.weights, o.data, &engine, &data, &weights, &error) ||
            !predict_file(&o, argv[i], &engine, &data, &weights, &error))
            status = nt_report(&error, NT_FAILED);
        nt_weights_free(&weights);
        nt_data_free(&data);
    }
    nt_engine_free(&engine);
    return status;
}
