/* cmd_search.c - EXE search: hyper-parameters by random search, coarse to fine.
 *
 * The model gives ranges for rates of its optimizer. A stage is a number of trials: each draws a value from every
 * range (Bergstra and Bengio 2012: random draws try as many values of each rate as there are trials, a grid does
 * not), trains a few epochs from the same initial weights over the same order of samples, and is measured on the
 * validation part. Then each range shrinks to what the best quarter of the stage's trials spans, and the next stage
 * trains longer. What a trial draws is a function of the seed, its number and the results of earlier stages, so a
 * search that was stopped is gone on with from its log. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "command.h"
#include "plot.h"
#include "progress.h"
#include "rng.h"
#include "training.h"

enum { MOST_TRIALS = 100000, MOST_STAGES = 10, MOST_CHOICES = 32 };

/* A trial is given up when a step's loss is above so many times the first one's. */
static const double give_up = 3;

typedef struct options {
    const char *data, *out, *format;
    int64_t trials, stages, epochs, batch, threads;
    uint64_t seed;
    bool resume, plain, data_given, batch_given, epochs_given, seed_given;
} options;

/* What is left of a range, in its own scale: of a logarithm, the logarithms. */
typedef struct span {
    double from, to;
    bool allowed[MOST_CHOICES]; /* CHOICE */
} span;

typedef struct outcome {
    int64_t stage;           /* from 0 */
    double values[NT_RATES]; /* in the order of the config's ranges */
    nt_attempt_end end;
    double loss, accuracy, seconds;
    int64_t epochs, best_epoch;
} outcome;

typedef struct search {
    const nt_context *context;
    const nt_train_config *config;
    options o;
    bool json;
    nt_progress progress;
    nt_data data;
    bool classes; /* trials are compared by their accuracy, else by their loss */
    outcome *trials;
    int64_t done, all; /* trials */
    span spans[NT_RATES];
    FILE *log;
    char log_path[PATH_MAX], best_path[PATH_MAX], trial_path[PATH_MAX], settings_path[PATH_MAX], picture_path[PATH_MAX];
} search;

/* -- Comparing --------------------------------------------------------------------------------------------------- */

static bool is_measured(const outcome *a)
{
    return a->end == NT_ATTEMPT_DONE && isfinite(a->loss);
}

/* Below 0 if a is better than b: by accuracy if there is one, then by loss. */
static int compare(const search *s, const outcome *a, const outcome *b)
{
    if (is_measured(a) != is_measured(b))
        return is_measured(a) ? -1 : 1;
    if (!is_measured(a))
        return 0;
    if (s->classes && a->accuracy != b->accuracy)
        return a->accuracy > b->accuracy ? -1 : 1;
    return a->loss < b->loss ? -1 : a->loss > b->loss;
}

/* Sorts places of trials, the best first and equal ones by number: an insertion sort, as there are few. */
static void sort_trials(const search *s, int64_t *places, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        int64_t place = places[i], k = i;
        for (; k > 0 && compare(s, &s->trials[place], &s->trials[places[k - 1]]) < 0; k--)
            places[k] = places[k - 1];
        places[k] = place;
    }
}

/* The best of the first n trials; NULL where none was measured. */
static const outcome *best_of(const search *s, int64_t n)
{
    const outcome *best = NULL;
    for (int64_t i = 0; i < n; i++)
        if (is_measured(&s->trials[i]) && (!best || compare(s, &s->trials[i], best) < 0))
            best = &s->trials[i];
    return best;
}

/* -- Drawing ----------------------------------------------------------------------------------------------------- */

static double to_scale(const nt_range *range, double x)
{
    return range->kind == NT_RANGE_LOG ? log(x) : x;
}

static void begin_spans(search *s)
{
    for (int i = 0; i < s->config->n_ranges; i++) {
        const nt_range *range = &s->config->ranges[i];
        s->spans[i] = (span){.from = to_scale(range, range->from), .to = to_scale(range, range->to)};
        for (int k = 0; k < range->n_values; k++)
            s->spans[i].allowed[k] = true;
    }
}

static double draw_choice(const nt_range *range, const span *span, double u)
{
    int left = 0, n = 0;
    for (int k = 0; k < range->n_values; k++)
        n += span->allowed[k];
    left = (int)(u * n);
    for (int k = 0; k < range->n_values; k++)
        if (span->allowed[k] && left-- == 0)
            return range->values[k];
    return range->values[0];
}

/* Four digits: so many are printed, and so the command that is printed repeats the trial to the bit. */
static double rounded(double x)
{
    char text[32];
    snprintf(text, sizeof text, "%.4g", x);
    return strtod(text, NULL);
}

/* The values of a stage's i-th trial. */
static void draw(const search *s, int64_t stage, int64_t i, double *values)
{
    uint64_t key = nt_key(nt_key(s->o.seed, NT_KEY_SEARCH), (uint64_t)stage);
    for (int r = 0; r < s->config->n_ranges; r++) {
        const nt_range *range = &s->config->ranges[r];
        const span *span = &s->spans[r];
        double u = nt_random_uniform(key, (uint64_t)i * NT_RATES + (uint64_t)range->rate);
        double x = span->from + u * (span->to - span->from);
        values[r] = range->kind == NT_RANGE_CHOICE ? draw_choice(range, span, u)
                    : range->kind == NT_RANGE_LOG  ? fmin(fmax(rounded(exp(x)), range->from), range->to)
                                                   : fmin(fmax(rounded(x), range->from), range->to);
    }
}

/* Shrinks each range to what the best quarter of a stage's trials spans, two at least, and a tenth of the present
 * width more at each end. False if nothing was measured. */
static bool narrow(search *s, int64_t stage)
{
    int64_t first = stage * s->o.trials, n = 0, *places = malloc((size_t)s->o.trials * sizeof *places);
    if (!places)
        return false;
    for (int64_t i = first; i < first + s->o.trials; i++)
        if (is_measured(&s->trials[i]))
            places[n++] = i;
    sort_trials(s, places, n);
    int64_t quarter = s->o.trials / 4 > 2 ? s->o.trials / 4 : 2, best = n < quarter ? n : quarter;
    for (int r = 0; r < s->config->n_ranges && n > 0; r++) {
        const nt_range *range = &s->config->ranges[r];
        span *span = &s->spans[r], next = {.from = INFINITY, .to = -INFINITY};
        for (int64_t i = 0; i < best; i++) {
            double value = s->trials[places[i]].values[r];
            next.from = fmin(next.from, to_scale(range, value));
            next.to = fmax(next.to, to_scale(range, value));
            for (int k = 0; k < range->n_values; k++)
                next.allowed[k] |= range->values[k] == value;
        }
        double margin = (span->to - span->from) / 10;
        next.from = fmax(next.from - margin, span->from);
        next.to = fmin(next.to + margin, span->to);
        *span = next;
    }
    free(places);
    return n > 0;
}

/* -- The log ----------------------------------------------------------------------------------------------------- */

static const char *const end_names[] = {"done", "loss too high", "not finite"};

static json_t *number_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *range_json(const nt_range *range)
{
    static const char *const kinds[] = {"log", "uniform", "choice"};
    json_t *values = json_array();
    if (range->kind != NT_RANGE_CHOICE) {
        json_array_append_new(values, json_real(range->from));
        json_array_append_new(values, json_real(range->to));
    }
    for (int i = 0; i < range->n_values; i++)
        json_array_append_new(values, json_real(range->values[i]));
    return json_pack("{s:s, s:s, s:o}", "name", nt_rate_names[range->rate], "kind", kinds[range->kind], "values",
                     values);
}

/* What the search was asked for; the log's first line. */
static json_t *search_json(const search *s)
{
    json_t *ranges = json_array();
    for (int i = 0; i < s->config->n_ranges; i++)
        json_array_append_new(ranges, range_json(&s->config->ranges[i]));
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "search", s->context->model->name, "hash",
                     s->context->model->hash, "seed", (json_int_t)s->o.seed, "trials", (json_int_t)s->o.trials,
                     "stages", (json_int_t)s->o.stages, "epochs", (json_int_t)s->o.epochs, "batch",
                     (json_int_t)s->o.batch, "data", s->o.data ? s->o.data : "", "ranges", ranges);
}

static json_t *trial_json(const search *s, int64_t number)
{
    const outcome *t = &s->trials[number];
    json_t *line = json_pack("{s:I, s:I}", "trial", (json_int_t)number + 1, "stage", (json_int_t)t->stage + 1);
    for (int i = 0; i < s->config->n_ranges; i++)
        json_object_set_new(line, nt_rate_names[s->config->ranges[i].rate], json_real(t->values[i]));
    json_object_set_new(line, "end", json_string(end_names[t->end]));
    json_object_set_new(line, "val_loss", number_or_null(t->loss));
    json_object_set_new(line, "val_accuracy", number_or_null(t->accuracy));
    json_object_set_new(line, "epochs", json_integer(t->epochs));
    json_object_set_new(line, "best_epoch", json_integer(t->best_epoch));
    json_object_set_new(line, "seconds", json_real(t->seconds));
    return line;
}

/* Takes `line` over. False, with the error set, if it could not be written. */
static bool write_line(search *s, json_t *line, nt_error *error)
{
    bool good =
        line && json_dumpf(line, s->log, JSON_COMPACT) == 0 && fputc('\n', s->log) != EOF && fflush(s->log) == 0;
    json_decref(line);
    return good || nt_fail(error, "%s: cannot write: %s", s->log_path, strerror(errno));
}

static double real_or_nan(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static bool read_trial(const search *s, const json_t *line, outcome *t)
{
    const char *end = json_string_value(json_object_get(line, "end"));
    int kind = 0;
    while (kind < 3 && (!end || strcmp(end, end_names[kind]) != 0))
        kind++;
    if (kind == 3)
        return false;
    *t = (outcome){
        .stage = json_integer_value(json_object_get(line, "stage")) - 1,
        .end = (nt_attempt_end)kind,
        .loss = real_or_nan(line, "val_loss"),
        .accuracy = real_or_nan(line, "val_accuracy"),
        .epochs = json_integer_value(json_object_get(line, "epochs")),
        .best_epoch = json_integer_value(json_object_get(line, "best_epoch")),
        .seconds = real_or_nan(line, "seconds"),
    };
    for (int i = 0; i < s->config->n_ranges; i++)
        t->values[i] = real_or_nan(line, nt_rate_names[s->config->ranges[i].rate]);
    return true;
}

/* The trials of the log, s->done of them; what a kill left unfinished at its end is cut off. */
static bool read_log(search *s, nt_error *error)
{
    FILE *file = fopen(s->log_path, "r");
    if (!file)
        return nt_fail(error, "%s: there is no search to resume; leave out --resume, or name its folder with --out",
                       s->log_path);
    char *text = NULL;
    size_t room = 0;
    long good = 0;
    bool right = false;
    for (int64_t number = -1; number < s->all; number++) {
        ssize_t length = getline(&text, &room, file);
        json_t *line = length > 0 && text[length - 1] == '\n' ? json_loads(text, 0, NULL) : NULL;
        if (!line)
            break;
        if (number < 0) {
            json_t *asked = search_json(s);
            right = json_equal(line, asked);
            json_decref(asked);
        } else if (read_trial(s, line, &s->trials[number])) {
            s->done = number + 1;
        } else {
            right = false;
        }
        json_decref(line);
        if (!right)
            break;
        good = ftell(file);
    }
    free(text);
    fclose(file);
    if (!right)
        return nt_fail(error, "%s: not the log of this very search: --resume wants the same model and the same options",
                       s->log_path);
    if (good < 0 || truncate(s->log_path, (off_t)good) != 0)
        return nt_fail(error, "%s: cannot be shortened to its whole lines: %s", s->log_path, strerror(errno));
    return true;
}

static bool open_log(search *s, nt_error *error)
{
    if (!s->o.resume && access(s->log_path, F_OK) == 0)
        fprintf(stderr, "note: replacing the search in %s; --resume would go on with it\n", s->o.out);
    if (s->o.resume && !read_log(s, error))
        return false;
    s->log = fopen(s->log_path, s->o.resume ? "ae" : "we");
    if (!s->log)
        return nt_fail(error, "%s: cannot write: %s", s->log_path, strerror(errno));
    return s->o.resume || write_line(s, search_json(s), error);
}

/* -- Results ----------------------------------------------------------------------------------------------------- */

/* "lr 0.00123  weight_decay 1e-05", or with `mark` options of a command line. */
static void describe_values(const search *s, const outcome *t, bool as_options, char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < s->config->n_ranges && used < size; i++) {
        const char *name = nt_rate_names[s->config->ranges[i].rate];
        if (as_options)
            name = s->config->ranges[i].rate == NT_RATE_WEIGHT_DECAY ? " --weight-decay"
                   : s->config->ranges[i].rate == NT_RATE_MOMENTUM   ? " --momentum"
                   : s->config->ranges[i].rate == NT_RATE_L1         ? " --l1"
                                                                     : " --lr";
        used += (size_t)snprintf(text + used, size - used, as_options ? "%s %.4g" : "%s %-9.4g  ", name, t->values[i]);
    }
}

static int64_t epochs_of_stage(const search *s, int64_t stage)
{
    int64_t epochs = s->o.epochs;
    for (int64_t i = 0; i < stage && epochs <= INT32_MAX / 2; i++)
        epochs *= 2;
    return epochs;
}

/* The command that trains as the trial did. */
static void repeat_command(const search *s, const outcome *t, char *text, size_t size)
{
    char values[160];
    describe_values(s, t, true, values, sizeof values);
    int used = snprintf(text, size, "%s train%s --epochs %lld --seed %llu", s->context->exe, values,
                        (long long)epochs_of_stage(s, t->stage), (unsigned long long)s->o.seed);
    if (s->o.batch_given && used > 0 && (size_t)used < size)
        used += snprintf(text + used, size - (size_t)used, " --batch %lld", (long long)s->o.batch);
    if (s->o.data_given && used > 0 && (size_t)used < size)
        snprintf(text + used, size - (size_t)used, " --data %s", s->o.data);
}

static json_t *best_json(const search *s, const outcome *best)
{
    char command[PATH_MAX + 512];
    json_t *line = trial_json(s, best - s->trials);
    repeat_command(s, best, command, sizeof command);
    json_object_set_new(line, "weights", json_string(s->best_path));
    json_object_set_new(line, "command", json_string(command));
    return line;
}

static bool keep_best(search *s, nt_error *error)
{
    const outcome *best = best_of(s, s->done + 1), *newest = &s->trials[s->done];
    if (best != newest)
        return true;
    if (rename(s->trial_path, s->best_path) != 0)
        return nt_fail(error, "%s: cannot be written: %s", s->best_path, strerror(errno));
    json_t *line = best_json(s, best);
    bool good = line && json_dump_file(line, s->settings_path, JSON_INDENT(2)) == 0;
    json_decref(line);
    return good || nt_fail(error, "%s: cannot be written: %s", s->settings_path, strerror(errno));
}

static void show_trial(search *s, const outcome *t)
{
    char number[64], values[160], result[64], seconds[32];
    describe_values(s, t, false, values, sizeof values);
    int digits = snprintf(NULL, 0, "%lld", (long long)s->all);
    snprintf(number, sizeof number, "trial %*lld/%lld", digits, (long long)(t - s->trials) + 1, (long long)s->all);
    if (t->end != NT_ATTEMPT_DONE)
        snprintf(result, sizeof result, "%s",
                 t->end == NT_ATTEMPT_HOPELESS ? "given up: the loss rises" : "given up: not finite");
    else if (s->classes)
        snprintf(result, sizeof result, "accuracy %6.2f%%  loss %.4f", 100 * t->accuracy, t->loss);
    else
        snprintf(result, sizeof result, "loss %.6g", t->loss);
    const char *fields[] = {number, values, result, nt_format_time(seconds, t->seconds),
                            best_of(s, t - s->trials + 1) == t ? "best" : ""};
    nt_progress_clear(&s->progress);
    nt_progress_fields(&s->progress, fields, fields[4][0] ? 5 : 4);
}

/* A best value in the outer twentieth of its range: what is beyond may be better. */
static void warn_of_edges(const search *s, const outcome *best)
{
    for (int i = 0; i < s->config->n_ranges; i++) {
        const nt_range *range = &s->config->ranges[i];
        if (range->kind == NT_RANGE_CHOICE)
            continue;
        double from = to_scale(range, range->from), to = to_scale(range, range->to);
        double at = (to_scale(range, best->values[i]) - from) / (to - from);
        if (at < 0.05 || at > 0.95)
            fprintf(stderr, "note: the best %s, %.4g, is at the %s end of its range: better ones may lie beyond\n",
                    nt_rate_names[range->rate], best->values[i], at < 0.5 ? "lower" : "upper");
    }
}

static void print_table(const search *s, const int64_t *places, int64_t n)
{
    printf("place  %s", s->classes ? "accuracy  " : "");
    printf("%-10s", "loss");
    for (int i = 0; i < s->config->n_ranges; i++)
        printf("  %-12s", nt_rate_names[s->config->ranges[i].rate]);
    printf("  stage  epochs  trial\n");
    for (int64_t i = 0; i < n; i++) {
        const outcome *t = &s->trials[places[i]];
        if (!is_measured(t))
            continue;
        printf("%5lld  ", (long long)i + 1);
        if (s->classes)
            printf("%7.2f%%  ", 100 * t->accuracy);
        printf("%-10.4f", t->loss);
        for (int k = 0; k < s->config->n_ranges; k++)
            printf("  %-12.4g", t->values[k]);
        printf("  %5lld  %6lld  %5lld\n", (long long)t->stage + 1, (long long)t->epochs, (long long)places[i] + 1);
    }
    int64_t given_up[3] = {0};
    for (int64_t i = 0; i < n; i++)
        given_up[s->trials[i].end]++;
    if (given_up[NT_ATTEMPT_HOPELESS] + given_up[NT_ATTEMPT_NOT_FINITE] > 0)
        printf("given up: %lld whose loss rose above %g times its start, %lld with a loss or gradient that was not "
               "finite\n",
               (long long)given_up[NT_ATTEMPT_HOPELESS], give_up, (long long)given_up[NT_ATTEMPT_NOT_FINITE]);
}

/* Which range goes upwards: the first but one that is no choice between a few numbers, else any; 0: there is only
 * one. */
static int second_range(const nt_train_config *config)
{
    for (int i = 1; i < config->n_ranges; i++)
        if (config->ranges[i].kind != NT_RANGE_CHOICE)
            return i;
    return config->n_ranges > 1;
}

/* The trials as points: two of their rates, or the only one and the result, in groups of a quarter of those that
 * were measured, and those that were given up. */
static bool draw_trials(const search *s, const int64_t *places, nt_error *error)
{
    enum { GROUPS = 5, NAME = 64 };
    static const char *const quarters[] = {"best quarter", "second", "third", "last"};
    const int second = second_range(s->config);
    const nt_range *across = &s->config->ranges[0], *up = second > 0 ? &s->config->ranges[second] : NULL;
    double *x = malloc(2 * (size_t)s->done * sizeof *x), *y = x + s->done;
    if (!x)
        return nt_fail_memory(error, "the picture", 2 * (double)s->done * sizeof *x);
    int64_t measured = 0;
    for (int64_t i = 0; i < s->done; i++) {
        const outcome *t = &s->trials[places[i]];
        x[i] = t->values[0];
        y[i] = up ? t->values[second] : s->classes ? t->accuracy : t->loss;
        measured += is_measured(t);
    }
    char names[GROUPS][NAME];
    nt_series series[GROUPS];
    int n = 0;
    for (int64_t g = 0; g < GROUPS; g++) {
        int64_t first = g < 4 ? g * measured / 4 : measured, end = g < 4 ? (g + 1) * measured / 4 : s->done;
        if (first == end)
            continue;
        const outcome *a = &s->trials[places[first]], *b = &s->trials[places[end - 1]];
        if (g == 4)
            snprintf(names[n], NAME, "given up");
        else if (s->classes)
            snprintf(names[n], NAME, "%s: %.1f%% to %.1f%%", quarters[g], 100 * a->accuracy, 100 * b->accuracy);
        else
            snprintf(names[n], NAME, "%s: %.3g to %.3g", quarters[g], a->loss, b->loss);
        series[n] = (nt_series){
            .name = names[n], .x = x + first, .y = y + first, .n = (int)(end - first), .style = NT_STYLE_POINTS};
        n++;
    }
    nt_page page;
    nt_page_begin_svg(&page);
    nt_plot_lines(&page, &(nt_chart){
                             .caption = s->context->model->name,
                             .x_title = nt_rate_names[across->rate],
                             .y_title = up           ? nt_rate_names[up->rate]
                                        : s->classes ? "accuracy"
                                                     : "loss",
                             .series = series,
                             .n_series = n,
                             .x_log = across->kind == NT_RANGE_LOG,
                             .y_log = up && up->kind == NT_RANGE_LOG,
                         });
    free(x);
    return nt_page_save(&page, s->picture_path, error);
}

static int print_results(const search *s)
{
    int64_t *places = malloc((size_t)s->done * sizeof *places + 1);
    const outcome *best = best_of(s, s->done);
    nt_error error = {0};
    if (!places) {
        nt_fail_memory(&error, "the table", (double)s->done * sizeof *places);
        return nt_report(&error, NT_ENVIRONMENT);
    }
    for (int64_t i = 0; i < s->done; i++)
        places[i] = i;
    sort_trials(s, places, s->done);
    if (!draw_trials(s, places, &error))
        fprintf(stderr, "warning: %s\n", error.text);
    if (s->json) {
        json_t *all = search_json(s), *list = json_array();
        for (int64_t i = 0; i < s->done; i++)
            json_array_append_new(list, trial_json(s, places[i]));
        json_object_set_new(all, "results", list);
        json_object_set_new(all, "best", best_json(s, best));
        json_dumpf(all, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(all);
    } else {
        char command[PATH_MAX + 512];
        print_table(s, places, s->done);
        repeat_command(s, best, command, sizeof command);
        printf("best   trial %lld  %s\nagain  %s\n", (long long)(best - s->trials) + 1, s->best_path, command);
    }
    warn_of_edges(s, best);
    free(places);
    return NT_OK;
}

/* -- The command ------------------------------------------------------------------------------------------------- */

static bool load_data(search *s, nt_error *error)
{
    nt_data_request request = nt_engine_request(s->context->model, s->o.data, NT_PART_TRAIN, s->o.seed);
    return nt_data_load(&request, &s->data, error);
}

static int run_trial(search *s, int64_t stage, int64_t i, nt_error *error)
{
    outcome *t = &s->trials[s->done];
    nt_train_options options = {
        .data = s->o.data,
        .out = s->o.out,
        .epochs = epochs_of_stage(s, stage),
        .epochs_given = true,
        .batch = s->o.batch,
        .batch_given = s->o.batch_given,
        .threads = s->o.threads,
        .seed = s->o.seed,
        .seed_given = true,
        .plain = s->o.plain,
    };
    *t = (outcome){.stage = stage};
    draw(s, stage, i, t->values);
    for (int r = 0; r < s->config->n_ranges; r++) {
        options.rates[s->config->ranges[r].rate] = t->values[r];
        options.rates_given[s->config->ranges[r].rate] = true;
    }
    /* What a run learns about its samples, and what of them it replaces, is none of the next one's. */
    if (s->done > 0 && (s->data.hard > 0 || s->data.replace > 0)) {
        nt_data_free(&s->data);
        if (!load_data(s, error))
            return nt_report(error, NT_FAILED);
    }
    nt_attempt trial = {.data = &s->data, .give_up = give_up, .best_path = s->trial_path};
    int status = nt_train_attempt(s->context, &options, &trial);
    if (status != NT_OK)
        return status;
    t->end = trial.end;
    t->loss = trial.loss;
    t->accuracy = trial.accuracy;
    t->epochs = trial.epochs;
    t->best_epoch = trial.best_epoch;
    t->seconds = trial.seconds;
    s->classes |= isfinite(t->accuracy);
    if (!keep_best(s, error) || !write_line(s, trial_json(s, s->done), error))
        return nt_report(error, NT_ENVIRONMENT);
    show_trial(s, t);
    s->done++;
    return NT_OK;
}

static int nothing_measured(const search *s, int64_t stage)
{
    fprintf(stderr, "error: no trial of stage %lld came to an end: in all of them the loss rose or was not finite\n",
            (long long)stage + 1);
    fprintf(stderr, "help: let the range of lr begin lower; %s has what was tried\n", s->log_path);
    return NT_FAILED;
}

static int run_stages(search *s, nt_error *error)
{
    int64_t recorded = s->done;
    for (int64_t stage = 0; stage < s->o.stages; stage++) {
        for (int64_t i = 0; i < s->o.trials; i++) {
            if (stage * s->o.trials + i < recorded)
                continue;
            int status = run_trial(s, stage, i, error);
            if (status == NT_INTERRUPTED)
                fprintf(stderr, "stopped after trial %lld of %lld\nthe same command with --resume goes on from here\n",
                        (long long)s->done, (long long)s->all);
            if (status != NT_OK)
                return status;
        }
        if (!narrow(s, stage))
            return nothing_measured(s, stage);
    }
    return print_results(s);
}

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv)
{
    const nt_option list[] = {
        {"--trials", NT_OPTION_COUNT, &o->trials, "N", "trials of a stage (20)", 1, NULL},
        {"--stages", NT_OPTION_COUNT, &o->stages, "N", "each over narrower ranges and twice the epochs (2)", 1, NULL},
        {"--epochs", NT_OPTION_COUNT, &o->epochs, "N", "of a trial of the first stage (a tenth of the model's)", 1,
         &o->epochs_given},
        {"--data", NT_OPTION_TEXT, &o->data, "P", "folder or file of the data, instead of the model's", 0,
         &o->data_given},
        {"--batch", NT_OPTION_COUNT, &o->batch, "N", "samples a step", 1, &o->batch_given},
        {"--seed", NT_OPTION_SEED, &o->seed, "N", "of the draws, and of every trial", 0, &o->seed_given},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N",
         "threads (as many as are fastest, by trial); no result depends on them", 1, NULL},
        {"--out", NT_OPTION_TEXT, &o->out, "DIR", "where the log and the best weights go (runs/NAME/search)", 0, NULL},
        {"--resume", NT_OPTION_FLAG, &o->resume, NULL, "go on where the search in DIR stopped", 0, NULL},
        {"--format", NT_OPTION_TEXT, &o->format, "text|json", "of the result", 0, NULL},
        {"--plain", NT_OPTION_FLAG, &o->plain, NULL, "no updating line, no colours", 0, NULL},
    };
    const nt_usage usage = {
        context->exe,
        "search",
        NULL,
        "Looks for the optimizer's rates in the ranges that the model gives, at random and coarse to fine.",
        list,
        sizeof list / sizeof *list,
    };
    int rest;
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, &rest);
    if (parsed == NT_PARSED && (o->trials > MOST_TRIALS || o->stages > MOST_STAGES)) {
        fprintf(stderr, "error: --trials goes up to %d and --stages up to %d\n", MOST_TRIALS, MOST_STAGES);
        return NT_PARSED_WRONG;
    }
    return parsed;
}

/* What a search needs of the model. */
static bool can_search(const nt_model *model, nt_error *error)
{
    const nt_data_config *data = model->data;
    if (model->train_config->n_ranges == 0)
        return nt_fail(error, "the model has no ranges to search: write lr=log(1e-5, 1e-1) in its optimizer");
    if (data->folds > 0)
        return nt_fail(error,
                       "a search compares by one validation part, and the model has k_fold: write validation = 10%%");
    return true;
}

static bool set_paths(search *s, nt_error *error)
{
    static char folder[PATH_MAX];
    if (!s->o.out)
        snprintf(folder, sizeof folder, "runs/%s/search", s->context->model->name);
    s->o.out = s->o.out ? s->o.out : folder;
    const struct {
        char *to;
        const char *name;
    } paths[] = {{s->log_path, "search.jsonl"},
                 {s->best_path, "best.safetensors"},
                 {s->trial_path, "trial.safetensors"},
                 {s->settings_path, "best.json"},
                 {s->picture_path, "search.svg"}};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (snprintf(paths[i].to, PATH_MAX, "%s/%s", s->o.out, paths[i].name) >= PATH_MAX)
            return nt_fail(error, "--out: the path is too long");
    return true;
}

static int run_search(search *s)
{
    nt_error error = {0};
    if (!can_search(s->context->model, &error) || !set_paths(s, &error))
        return nt_report(&error, NT_USAGE);
    s->trials = calloc((size_t)s->all, sizeof *s->trials);
    if (!s->trials) {
        nt_fail_memory(&error, "the trials", (double)s->all * sizeof *s->trials);
        return nt_report(&error, NT_ENVIRONMENT);
    }
    if (!load_data(s, &error))
        return nt_report(&error, NT_FAILED);
    if (s->data.validation.count == 0) {
        nt_fail(&error,
                "a search compares by the validation part, and there is none: write validation = 10%% under data");
        return nt_report(&error, NT_FAILED);
    }
    if (!nt_make_folder(s->o.out, &error) || !open_log(s, &error))
        return nt_report(&error, NT_ENVIRONMENT);
    begin_spans(s);
    s->classes = s->done > 0 && isfinite(best_of(s, s->done) ? best_of(s, s->done)->accuracy : NAN);
    nt_progress_init(&s->progress, stderr, s->o.plain);
    return run_stages(s, &error);
}

int nt_cmd_search(const nt_context *context, int argc, char **argv)
{
    const nt_train_config *config = context->model->train_config;
    search s = {
        .context = context,
        .config = config,
        .o = {.trials = 20,
              .stages = 2,
              .seed = config->seed,
              .format = "text",
              .epochs = config->epochs > 10 ? config->epochs / 10 : 1,
              .batch = config->batch},
    };
    nt_parsed parsed = parse(context, &s.o, argc, argv);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;
    if (!nt_format_is_json(s.o.format, &s.json))
        return NT_USAGE;
    s.all = s.o.trials * s.o.stages;
    int status = run_search(&s);
    if (s.log && fclose(s.log) != 0)
        fprintf(stderr, "warning: cannot write the log: %s\n", strerror(errno));
    remove(s.trial_path);
    nt_data_free(&s.data);
    free(s.trials);
    return status;
}
