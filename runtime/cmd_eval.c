/* cmd_eval.c - EXE eval. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "committee.h"
#include "hill.h"
#include "progress.h"
#include "rejection.h"

/* Up to so many classes have a line each; the confusion matrix has a column each up to fewer. */
enum { MOST_CLASS_LINES = 40, MOST_MATRIX = 12 };

/* Shares of errors that rejection is asked to leave, and of rejected samples that have a line each. */
static const double wanted_errors[] = {0.05, 0.02, 0.01, 0.005, 0.002, 0.001};
static const double shown_shares[] = {0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5};

typedef struct options {
    const char *weights, *data, *format, *part, *by, *svg;
    int64_t batch, threads, hill; /* hill: a radius; 0: not asked for */
    uint64_t seed;
    bool json, rejection;
    nt_reject_rule rule;
} options;

/* All that is found out. */
typedef struct findings {
    nt_members members;
    nt_score scores[NT_MOST_MEMBERS];
    bool classes, kept; /* kept: answers are there, of a committee, for rejection or for hills */
    nt_answers answers;
    nt_agreement right; /* of a committee */
    double average_loss;
    nt_rejection rejection;
    nt_hill_distances hill;
} findings;

/* counts[true class * classes + predicted class] */
typedef struct confusion {
    int classes;
    int64_t *counts;
} confusion;

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv, int *rest)
{
    const nt_option list[] = {
        {"--weights", NT_OPTION_TEXT, &o->weights, "F", "weights to use, or a folder of train; several are a committee",
         0, NULL},
        {"--data", NT_OPTION_TEXT, &o->data, "P", "folder or file of the data, instead of the model's", 0, NULL},
        {"--part", NT_OPTION_TEXT, &o->part, "NAME", "test (the default), validation or train", 0, NULL},
        {"--format", NT_OPTION_TEXT, &o->format, "text|json", "of the result", 0, NULL},
        {"--seed", NT_OPTION_SEED, &o->seed, "N", "of the validation split, if the training run had its own", 0, NULL},
        {"--batch", NT_OPTION_COUNT, &o->batch, "N", "samples at a time", 1, NULL},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N",
         "threads (as many as are fastest, by trial); no result depends on them", 1, NULL},
        {"--rejection", NT_OPTION_FLAG, &o->rejection, NULL,
         "errors that are left where the network gives no answer when it is not sure", 0, NULL},
        {"--by", NT_OPTION_TEXT, &o->by, "margin|largest",
         "sure by the two largest outputs' difference (the default), or by the largest", 0, NULL},
        {"--svg", NT_OPTION_TEXT, &o->svg, "F", "with --rejection: its curve as a picture", 0, NULL},
        {"--hill", NT_OPTION_COUNT, &o->hill, "R",
         "answer and target as places in a row, each the centre of mass of the largest output and R to each side", 1,
         NULL},
    };
    const nt_usage usage = {
        context->exe, "eval",
        "[F ...]",    "Loss and metrics on the test set, of one network or of several beside their committee.",
        list,         sizeof list / sizeof *list,
    };
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, rest);
    if (parsed != NT_PARSED)
        return parsed;
    if (!nt_weights_given(context, "eval", o->weights))
        return NT_PARSED_WRONG;
    if ((o->by || o->svg) && !o->rejection) {
        fprintf(stderr, "error: %s says how to show rejection: add --rejection\n", o->by ? "--by" : "--svg");
        return NT_PARSED_WRONG;
    }
    if (!nt_reject_rule_named(o->by ? o->by : "margin", &o->rule))
        return NT_PARSED_WRONG;
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

/* The largest output. */
static int predicted_class(const nt_engine *engine, int sample, double *values)
{
    const nt_head *head = &engine->model->heads[0];
    nt_head_values(engine, head, head->infer_offset, sample, values);
    return nt_largest(values, head->c);
}

/* Runs one member over the split. Its answers are added to `answers`, if not NULL, and its classes to `confused`, if
 * that has room for them. */
static bool evaluate(nt_engine *engine, const nt_data *data, const nt_split *split, nt_score *score,
                     confusion *confused, nt_answers *answers, nt_error *error)
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
        for (int i = 0; confused->counts && !answers && i < n; i++)
            confused->counts[(size_t)engine->labels[i] * (size_t)confused->classes +
                             (size_t)predicted_class(engine, i, values)]++;
        if (answers)
            nt_answers_note(answers, engine, first, n, values);
    }
    nt_epoch_end(&epoch);
    free(values);
    return true;
}

/* -- Printing ---------------------------------------------------------------------------------------------------- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *point_json(const nt_rejection_point *point)
{
    return json_pack("{s:o, s:I, s:o, s:I, s:o}", "threshold", number(point->threshold), "rejected",
                     (json_int_t)point->rejected, "share", number(point->share), "wrong", (json_int_t)point->wrong,
                     "error", number(point->error));
}

/* A point for each hundredth that is rejected, and those that leave few errors. */
static json_t *rejection_json(const nt_rejection *rejection, nt_reject_rule rule)
{
    json_t *curve = json_array(), *wanted = json_array();
    nt_rejection_point point;
    int failed = 0;
    for (int percent = 0; percent < 100; percent++) {
        point = nt_rejection_of_share(rejection, percent / 100.0);
        failed |= json_array_append_new(curve, point_json(&point));
    }
    for (size_t i = 0; i < sizeof wanted_errors / sizeof *wanted_errors; i++)
        if (nt_rejection_for_error(rejection, wanted_errors[i], &point)) {
            json_t *object = point_json(&point);
            failed |= json_object_set_new(object, "at_most", json_real(wanted_errors[i]));
            failed |= json_array_append_new(wanted, object);
        }
    json_t *object = json_pack("{s:s, s:o, s:o}", "by", rule == NT_REJECT_MARGIN ? "margin" : "largest", "curve", curve,
                               "for_error", wanted);
    return failed ? NULL : object;
}

static json_t *members_json(const findings *found)
{
    json_t *list = json_array();
    int failed = 0;
    for (int i = 0; i < found->members.n; i++) {
        const nt_score *score = &found->scores[i];
        json_t *name = json_string(found->members.paths[i]); /* NULL for a path that is not UTF-8 */
        json_t *member =
            json_pack("{s:o, s:o}", "weights", name ? name : json_null(), "loss", number(nt_score_loss(score)));
        if (found->classes)
            failed |= json_object_set_new(member, "accuracy", number(nt_score_accuracy(score)));
        failed |= json_array_append_new(list, member);
    }
    return failed ? NULL : list;
}

/* Of one network its loss and metrics; of a committee those of the averages, then the vote and each member. */
static bool print_json(const nt_model *model, const options *o, const findings *found, nt_error *error)
{
    const nt_score *score = &found->scores[0];
    const bool committee = found->members.n > 1;
    const double samples = (double)score->samples;
    json_t *object = json_pack("{s:o}", "loss", number(committee ? found->average_loss : nt_score_loss(score)));
    int failed = object ? 0 : -1;
    if (found->classes)
        failed |= json_object_set_new(
            object, "accuracy", number(committee ? (double)found->right.average / samples : nt_score_accuracy(score)));
    if (found->classes && model->train_config->top_k > 0 && !committee) {
        char name[32];
        snprintf(name, sizeof name, "top_%d", model->train_config->top_k);
        failed |= json_object_set_new(object, name, number((double)score->top / samples));
    }
    failed |= json_object_set_new(object, "samples", json_integer(score->samples));
    if (committee && found->classes)
        failed |= json_object_set_new(object, "vote",
                                      json_pack("{s:o}", "accuracy", number((double)found->right.vote / samples)));
    if (committee)
        failed |= json_object_set_new(object, "members", members_json(found));
    if (o->rejection)
        failed |= json_object_set_new(object, "rejection", rejection_json(&found->rejection, o->rule));
    if (o->hill > 0)
        failed |= json_object_set_new(object, "hill",
                                      json_pack("{s:I, s:o, s:o, s:o}", "radius", (json_int_t)o->hill, "mean",
                                                number(found->hill.mean), "rms", number(found->hill.rms), "largest",
                                                number(found->hill.largest)));
    failed |= json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(object);
    return !failed || nt_fail(error, "the result cannot be written as JSON");
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

static void print_single(const nt_model *model, const nt_score *score, bool classes)
{
    if (isfinite(nt_score_loss(score)))
        printf("  loss %.4f", nt_score_loss(score));
    if (classes)
        printf("  accuracy %.2f%%", 100 * nt_score_accuracy(score));
    if (classes && model->train_config->top_k > 0)
        printf("  top-%d %.2f%%", model->train_config->top_k, 100 * (double)score->top / (double)score->samples);
    putchar('\n');
}

/* A line of the committee's table; what is no number is left blank. */
static void print_line(double loss, double accuracy, const char *name)
{
    if (isnan(loss))
        printf("%10s", "");
    else
        printf("%10.4f", loss);
    if (!isnan(accuracy))
        printf("  %8.2f%%  %6.2f%%", 100 * accuracy, 100 - 100 * accuracy);
    printf("  %s\n", name);
}

static void print_committee(const findings *found)
{
    const int n = found->members.n;
    const double samples = (double)found->answers.samples;
    double loss = 0, accuracy = 0;
    printf("  %d members\n\n%10s%s\n", n, "loss", found->classes ? "   accuracy    error" : "");
    for (int i = 0; i < n; i++) {
        const nt_score *score = &found->scores[i];
        double right = found->classes ? nt_score_accuracy(score) : NAN;
        print_line(nt_score_loss(score), right, found->members.paths[i]);
        loss += nt_score_loss(score) / n;
        accuracy += right / n;
    }
    print_line(loss, accuracy, "mean of the members");
    if (found->classes)
        print_line(NAN, (double)found->right.vote / samples, "majority vote");
    print_line(found->average_loss, found->classes ? (double)found->right.average / samples : NAN,
               "average of the outputs");
}

static void print_rejection(const nt_rejection *rejection, nt_reject_rule rule)
{
    nt_rejection_point point;
    printf("\nno answer where %s is below a threshold\n  rejected  error of the rest  threshold\n",
           rule == NT_REJECT_MARGIN ? "the two largest outputs' difference" : "the largest output");
    int64_t before = -1;
    for (size_t i = 0; i < sizeof shown_shares / sizeof *shown_shares; i++) {
        point = nt_rejection_of_share(rejection, shown_shares[i]);
        if (point.rejected == before)
            continue;
        before = point.rejected;
        printf("  %7.2f%%  %16.2f%%  %9.4g\n", 100 * point.share, 100 * point.error, point.threshold);
    }
    double without = nt_rejection_of_share(rejection, 0).error;
    putchar('\n');
    for (size_t i = 0; i < sizeof wanted_errors / sizeof *wanted_errors; i++) {
        if (wanted_errors[i] >= without)
            continue;
        if (nt_rejection_for_error(rejection, wanted_errors[i], &point))
            printf("  an error of %.3g%%: %.2f%% rejected, threshold %.4g\n", 100 * wanted_errors[i], 100 * point.share,
                   point.threshold);
        else
            printf("  an error of %.3g%%: not with any threshold\n", 100 * wanted_errors[i]);
    }
}

static void print_text(const nt_model *model, const options *o, const nt_data *data, const nt_weights *weights,
                       const findings *found, const confusion *confused)
{
    char text[32];
    printf("%s  %s samples", o->part, nt_format_count(text, found->scores[0].samples));
    if (found->members.n > 1)
        print_committee(found);
    else
        print_single(model, &found->scores[0], found->classes);
    if (confused->counts && confused->classes <= MOST_CLASS_LINES)
        print_classes(confused, data, weights);
    if (o->rejection)
        print_rejection(&found->rejection, o->rule);
    if (o->hill > 0)
        printf("\nhill  %.3f outputs from the target's on average, root mean square %.3f, at most %.3f\n",
               found->hill.mean, found->hill.rms, found->hill.largest);
}

/* -- Evaluation -------------------------------------------------------------------------------------------------- */

/* The curve of what the averages say. */
static bool find_rejection(const options *o, findings *found, nt_error *error)
{
    const nt_answers *answers = &found->answers;
    nt_judged *judged = calloc((size_t)answers->samples, sizeof *judged);
    if (!judged)
        return nt_fail_memory(error, "the rejection curve", (double)answers->samples * sizeof *judged);
    for (int64_t i = 0; i < answers->samples; i++) {
        const double *values = answers->values + (size_t)i * (size_t)answers->outputs;
        judged[i] = (nt_judged){nt_confidence(values, answers->outputs, o->rule),
                                nt_answers_class(answers, i) == answers->labels[i]};
    }
    return nt_rejection_init(&found->rejection, judged, answers->samples, error) &&
           (!o->svg || nt_rejection_picture(&found->rejection, o->rule, o->svg, error));
}

/* What follows from the answers of all members. */
static bool conclude(const nt_model *model, const options *o, findings *found, confusion *confused, nt_error *error)
{
    nt_answers *answers = &found->answers;
    nt_answers_done(answers, found->members.n);
    for (int64_t i = 0; i < answers->samples && confused->counts; i++)
        confused
            ->counts[(size_t)answers->labels[i] * (size_t)confused->classes + (size_t)nt_answers_class(answers, i)]++;
    found->right = nt_answers_right(answers);
    return nt_answers_loss(answers, model, &found->average_loss, error) &&
           (!o->rejection || find_rejection(o, found, error)) &&
           (o->hill == 0 || nt_hill_compare(answers, (int)o->hill, &found->hill, error));
}

/* With data and engine: each member over the split, the last one's weights being left for the names of classes. */
static bool run(const nt_model *model, const options *o, nt_engine *engine, nt_data *data, nt_weights *weights,
                findings *found, confusion *confused, nt_error *error)
{
    const nt_split *split = chosen(data, o->part);
    const size_t classes = (size_t)engine->outputs;
    if (split->count == 0)
        return nt_fail(error, "the data has no %s samples", o->part);
    nt_engine_use_data(engine, data);
    found->classes = engine->classes;
    if (o->rejection && (!engine->classes || (engine->outputs < 2 && !nt_answers_yes_or_no(model))))
        return nt_fail(error, "--rejection: the network answers neither with one of several classes nor with yes or no (a "
                              "single output and loss = binary_cross_entropy)");
    const nt_head *head = &model->heads[0];
    if (o->hill > 0 && (head->h * head->w > 1 || head->c < 2))
        return nt_fail(error, "--hill: the network does not answer with a row of values, but with %dx%dx%d", head->h,
                       head->w, head->c);
    *confused = (confusion){.classes = engine->outputs};
    if (engine->classes && classes > 1 && !(confused->counts = calloc(classes * classes, sizeof *confused->counts)))
        return nt_fail_memory(error, "the confusion matrix", (double)classes * (double)classes * 8);
    found->kept = found->members.n > 1 || o->rejection || o->hill > 0;
    if (found->kept && !nt_answers_init(&found->answers, engine, split, error))
        return false;
    for (int i = 0; i < found->members.n; i++) {
        nt_weights_free(weights);
        if (!nt_load_for_use(model, found->members.paths[i], o->data, engine, data, weights, error) ||
            !evaluate(engine, data, split, &found->scores[i], confused, found->kept ? &found->answers : NULL, error))
            return false;
    }
    if (found->kept && !conclude(model, o, found, confused, error))
        return false;
    if (o->json)
        return print_json(model, o, found, error);
    print_text(model, o, data, weights, found, confused);
    return true;
}

static int eval(const nt_context *context, const options *o, const char *const *words, int n)
{
    const nt_model *model = context->model;
    nt_error error = {0};
    nt_data data = {0};
    nt_engine engine = {0};
    nt_weights weights = {0};
    findings found = {.average_loss = NAN};
    confusion confused = {0};
    int threads = nt_threads(model, o->threads, nt_batch(model, o->batch));
    unsigned parts = strcmp(o->part, "test") == 0 ? NT_PART_TEST : NT_PART_TRAIN;
    nt_data_request request = nt_engine_request(model, o->data, parts, o->seed);
    int status = NT_OK;
    if (!nt_members_find(&found.members, words, n, &error) || !nt_data_load(&request, &data, &error))
        status = nt_report(&error, NT_FAILED);
    else if (!nt_engine_init(&engine, model, nt_batch(model, o->batch), NT_FOR_INFERENCE, threads, &error))
        status = nt_report(&error, NT_ENVIRONMENT);
    else {
        if (o->threads == 0)
            nt_engine_adapt(&engine);
        if (!run(model, o, &engine, &data, &weights, &found, &confused, &error))
            status = nt_report(&error, NT_FAILED);
    }
    free(confused.counts);
    nt_rejection_free(&found.rejection);
    nt_answers_free(&found.answers);
    nt_members_free(&found.members);
    nt_weights_free(&weights);
    nt_engine_free(&engine);
    nt_data_free(&data);
    return status;
}

int nt_eval_committee(const nt_context *context, const char *folder, const char *data, int64_t threads)
{
    const options o = {.data = data, .part = "test", .threads = threads, .seed = context->model->train_config->seed};
    return eval(context, &o, &folder, 1);
}

int nt_cmd_eval(const nt_context *context, int argc, char **argv)
{
    options o = {.format = "text", .part = "test", .seed = context->model->train_config->seed};
    int rest;
    nt_parsed parsed = parse(context, &o, argc, argv, &rest);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;
    /* --weights F and what is left over, which stands at the front of argv */
    const char *words[NT_MOST_MEMBERS] = {o.weights};
    if (rest >= NT_MOST_MEMBERS) {
        fprintf(stderr, "error: --weights: a committee has at most %d members\n", NT_MOST_MEMBERS);
        return NT_USAGE;
    }
    for (int i = 0; i < rest; i++)
        words[i + 1] = argv[i];
    return eval(context, &o, words, rest + 1);
}
