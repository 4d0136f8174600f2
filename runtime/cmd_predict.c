/* cmd_predict.c - EXE predict. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "committee.h"
#include "rejection.h"

typedef struct options {
    const char *weights, *data, *format, *by;
    int64_t top, threads;
    double reject;
    bool json, rejects;
    nt_reject_rule rule;
} options;

/* How the outputs are to be read. */
typedef struct reading {
    bool classes;       /* the largest names a class */
    bool probabilities; /* ... and they sum to 1 */
} reading;

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv, int *n)
{
    const nt_option list[] = {
        {"--weights", NT_OPTION_TEXT, &o->weights, "F",
         "weights to use, or a folder of train; of a committee the average", 0, NULL},
        {"--top", NT_OPTION_COUNT, &o->top, "N", "classes to name (3)", 1, NULL},
        {"--format", NT_OPTION_TEXT, &o->format, "text|json", "json: an object a line, with all probabilities", 0,
         NULL},
        {"--data", NT_OPTION_TEXT, &o->data, "P",
         "training data, where weights without preprocessing constants need it", 0, NULL},
        {"--reject", NT_OPTION_NUMBER, &o->reject, "T",
         "no answer where the network is less sure than T: see eval --rejection", 0, &o->rejects},
        {"--by", NT_OPTION_TEXT, &o->by, "margin|largest",
         "sure by the two largest outputs' difference (the default), or by the largest", 0, NULL},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N", "the result is the same for any number", 1, NULL},
    };
    const nt_usage usage = {
        context->exe,
        "predict",
        "INPUT ...",
        "Classes and probabilities of JPEG or PNG images, and of the samples in .npy and .csv files.\n"
        "INPUTs that end in .safetensors are further members of a committee.",
        list,
        sizeof list / sizeof *list,
    };
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, n);
    if (parsed != NT_PARSED)
        return parsed;
    if (!nt_weights_given(context, "predict", o->weights))
        return NT_PARSED_WRONG;
    if (*n == 0) {
        fprintf(stderr, "error: predict needs at least one INPUT\n");
        return NT_PARSED_WRONG;
    }
    if (o->by && !o->rejects) {
        fprintf(stderr, "error: --by says how --reject decides: add --reject T\n");
        return NT_PARSED_WRONG;
    }
    if (!nt_reject_rule_named(o->by ? o->by : "margin", &o->rule))
        return NT_PARSED_WRONG;
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

/* A class with what speaks for it. */
static void print_class(const double *values, int class, reading as, const nt_data *data, const nt_weights *weights)
{
    char text[32];
    const char *name = nt_class_name(data, weights, class, text);
    if (as.probabilities)
        printf("  %s %.1f%%", name, 100 * values[class]);
    else
        printf("  %s %.3f", name, values[class]);
}

static void print_text(const char *name, const options *o, const double *values, int n, reading as, bool rejected,
                       const nt_data *data, const nt_weights *weights)
{
    printf("%s%s", name, rejected ? "  rejected" : "");
    for (int i = 0; i < n && !as.classes; i++)
        printf("  %.6g", values[i]);
    int class = as.classes ? next_class(values, n, -1) : -1;
    for (int64_t i = 0; class >= 0 && i < o->top; i++) {
        print_class(values, class, as, data, weights);
        class = next_class(values, n, class);
    }
    putchar('\n');
}

/* What was rejected has no class. */
static bool print_json(const char *name, const options *o, const double *values, int n, reading as, bool rejected,
                       const nt_data *data, const nt_weights *weights)
{
    char text[32];
    json_t *object = json_object(), *list = json_array();
    json_t *input = json_string(name);
    int failed = json_object_set_new(object, "input", input ? input : json_string("?")); /* a path that is not UTF-8 */
    for (int i = 0; i < n; i++)
        failed |= json_array_append_new(list, json_real(values[i]));
    if (o->rejects)
        failed |= json_object_set_new(object, "rejected", json_boolean(rejected));
    if (as.classes && !rejected) {
        int class = next_class(values, n, -1);
        failed |= json_object_set_new(object, "class", json_string(nt_class_name(data, weights, class, text)));
        failed |= json_object_set_new(object, "index", json_integer(class));
        if (as.probabilities)
            failed |= json_object_set_new(object, "probability", json_real(values[class]));
    }
    failed |= json_object_set_new(object, as.probabilities ? "probabilities" : "output", list);
    failed |= json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(object);
    return !failed;
}

/* Adds what the network says of every sample of the input to `sums`. */
static bool add_member(nt_engine *engine, const nt_data *data, double *values, double *sums, nt_error *error)
{
    nt_epoch epoch;
    nt_score score = {0};
    if (!nt_epoch_begin(&epoch, data, &data->test, false, 0, 0, error))
        return false;
    for (int64_t i = 0; i < data->test.count; i++) {
        nt_engine_infer_batch(engine, &epoch, i, 1, &score);
        nt_answer(engine, 0, values);
        for (int k = 0; k < engine->outputs; k++)
            sums[i * engine->outputs + k] += values[k];
    }
    nt_epoch_end(&epoch);
    return true;
}

static bool print_all(const options *o, const char *path, const nt_engine *engine, const nt_data *data,
                      const nt_weights *weights, double *sums, int members, nt_error *error)
{
    const nt_head *head = &engine->model->heads[0];
    bool probabilities = nt_model_classifies(engine->model) && head->h * head->w == 1;
    const reading as = {probabilities || nt_answers_with_class(engine->model), probabilities};
    const int n = engine->outputs;
    for (int64_t i = 0; i < data->test.count; i++) {
        double *values = sums + i * n;
        char name[512];
        for (int k = 0; k < n; k++)
            values[k] /= members;
        sample_name(name, sizeof name, path, i, data->test.count);
        bool rejected = o->rejects && nt_confidence(values, n, o->rule) < o->reject;
        if (!o->json)
            print_text(name, o, values, n, as, rejected, data, weights);
        else if (!print_json(name, o, values, n, as, rejected, data, weights))
            return nt_fail(error, "%s: the output cannot be written as JSON", name);
    }
    return true;
}

/* Everything in one file. */
static bool predict_file(const options *o, const char *path, nt_engine *engine, const nt_members *members,
                         nt_error *error)
{
    const nt_model *model = engine->model;
    nt_data_request request = nt_engine_request(model, NULL, NT_PART_TEST, 0);
    nt_data data = {0};
    nt_weights weights = {0};
    if (!nt_data_load_inputs(&request, path, &data, error))
        return false;
    const size_t outputs = (size_t)engine->outputs, all = (size_t)data.test.count * outputs;
    double *sums = calloc(all + outputs, sizeof *sums);
    bool good = sums || nt_fail_memory(error, "the outputs", (double)(all + outputs) * sizeof *sums);
    for (int i = 0; i < members->n && good; i++) {
        nt_weights_free(&weights);
        good = nt_load_for_use(model, members->paths[i], o->data, engine, &data, &weights, error) &&
               add_member(engine, &data, sums + all, sums, error);
    }
    good = good && print_all(o, path, engine, &data, &weights, sums, members->n, error);
    free(sums);
    nt_weights_free(&weights);
    nt_data_free(&data);
    return good;
}

static bool is_weights(const char *word)
{
    static const char end[] = ".safetensors";
    size_t length = strlen(word);
    return length >= sizeof end && strcmp(word + length - (sizeof end - 1), end) == 0;
}

/* Sorts words into weights files and inputs, which stay in `words`. */
static bool find_members(const options *o, char **words, int *n, nt_members *members, nt_error *error)
{
    const char *weights[NT_MOST_MEMBERS] = {o->weights};
    int files = 1, inputs = 0;
    for (int i = 0; i < *n; i++) {
        if (!is_weights(words[i]))
            words[inputs++] = words[i];
        else if (files < NT_MOST_MEMBERS)
            weights[files++] = words[i];
        else
            return nt_fail(error, "%s: a committee has at most %d members", words[i], NT_MOST_MEMBERS);
    }
    *n = inputs;
    return inputs > 0 ? nt_members_find(members, weights, files, error)
                      : nt_fail(error, "predict needs at least one INPUT");
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
    nt_members members;
    if (o.rejects && !nt_answers_with_class(model) && !nt_answers_yes_or_no(model)) {
        nt_fail(&error, "--reject: the network answers neither with one of several classes nor with yes or no (a single "
                        "output and loss = binary_cross_entropy)");
        return nt_report(&error, NT_USAGE);
    }
    if (!find_members(&o, argv, &n, &members, &error))
        return nt_report(&error, NT_USAGE);
    int status = NT_OK, threads = nt_threads(model, o.threads, 1);
    if (!nt_engine_init(&engine, model, 1, NT_FOR_INFERENCE, threads, &error)) {
        nt_members_free(&members);
        return nt_report(&error, NT_ENVIRONMENT);
    }
    /* An input that cannot be read does not keep the others from being answered. */
    for (int i = 0; i < n; i++)
        if (!predict_file(&o, argv[i], &engine, &members, &error))
            status = nt_report(&error, NT_FAILED);
    nt_engine_free(&engine);
    nt_members_free(&members);
    return status;
}
