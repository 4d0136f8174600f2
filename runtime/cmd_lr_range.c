/* cmd_lr_range.c - EXE lr-range: one short run in which the rate grows by the same factor at every step, to see from where
 * on it teaches the network anything and from where on it is too high (Smith: Cyclical Learning Rates for Training Neural
 * Networks, 2017).
 *
 * With l[i] the loss of step i's batch before that step, the curve is s[i] = a[i] / (1 - beta^(i+1)),
 * a[i] = beta a[i-1] + (1 - beta) l[i], beta = 0.9: a mean over the last ten steps or so, without the bias of its start, as
 * fast.ai's rate finder has it (Gugger: How Do You Find A Good Learning Rate, 2018). The run ends where s[i] is more than
 * four times the lowest s so far, or where something is not finite. Suggested is a tenth of the rate at which s is lowest:
 * at the lowest point the last steps have already undone what they gained, and the curve lags behind.
 *
 * Where the fall is steepest cannot be read off s: s[i] - s[i-1] is little more than the noise of l[i]. So the part of s up to
 * its lowest point is smoothed once more in the same way, from its end backwards, to t. A difference of t is one of two
 * means of ten steps or so, to the left and to the right; and t does not lag, as the one delay undoes the other. Within ten
 * steps of either end (a quarter of a short curve) there is nothing on one side to take a mean of: it is not looked for
 * there. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "plot.h"
#include "progress.h"
#include "schedule.h"
#include "trial.h"

static const double beta = 0.9, diverged_from = 4, suggested_share = 0.1;
/* The loss falls from where it has lost this share of all that it will lose, for good; a fall of less than `no_fall` is none. */
static const double begun = 0.2, no_fall = 0.01;

/* What smoothing by beta takes the mean of, in steps: 1/(1 - beta). */
enum { SMOOTHED_STEPS = 10 };

enum { CHART_COLUMNS = 64, CHART_ROWS = 10 };

typedef struct options {
    const char *weights, *data, *format, *picture;
    int64_t batch, steps, threads;
    uint64_t seed;
    double from, to;
    bool seed_given, plain, json;
} options;

typedef struct range {
    const options *o;
    nt_trial *trial;
    double *lr, *loss, *smoothed; /* n steps that were taken */
    double *both_ways;     /* 0..lowest: smoothed backwards as well */
    int n;
    bool diverged;
    char why[512];         /* where something was not finite, what; else "" */
    int lowest;            /* the step where the smoothed loss is lowest */
    int begins, steepest;  /* of its fall; -1 where there is none */
    double suggested;      /* NAN where there is none */
} range;

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv)
{
    const nt_option list[] = {
        {"--from", NT_OPTION_NUMBER, &o->from, "X", "first rate (1e-7)", 0, NULL},
        {"--to", NT_OPTION_NUMBER, &o->to, "X", "last rate (10)", 0, NULL},
        {"--steps", NT_OPTION_COUNT, &o->steps, "N", "training steps between them (100)", 2, NULL},
        {"--batch", NT_OPTION_COUNT, &o->batch, "N", "samples a step", 1, NULL},
        {"--weights", NT_OPTION_TEXT, &o->weights, "F", "start from these weights, or those of a folder of train", 0, NULL},
        {"--data", NT_OPTION_TEXT, &o->data, "P", "folder or file of the data, instead of the model's", 0, NULL},
        {"--seed", NT_OPTION_SEED, &o->seed, "N", "of every random choice", 0, &o->seed_given},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N", "threads (as many as are fastest, by trial); no result depends on them",
         1, NULL},
        {"--picture", NT_OPTION_TEXT, &o->picture, "F", "draw the curve into F, an .svg or .html file", 0, NULL},
        {"--format", NT_OPTION_TEXT, &o->format, "text|json", "of the result; json has every step", 0, NULL},
        {"--plain", NT_OPTION_FLAG, &o->plain, NULL, "no updating line, plain characters", 0, NULL},
    };
    const nt_usage usage = {
        context->exe,
        "lr-range",
        NULL,
        "Trains while the learning rate grows by the same factor at every step: where does the loss fall, where does it\n"
        "explode? No file is changed, the model's schedule is left aside.",
        list,
        sizeof list / sizeof *list,
    };
    int rest;
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, &rest);
    if (parsed != NT_PARSED)
        return parsed;
    if (!(o->from > 0) || !(o->to > o->from)) {
        fprintf(stderr, "error: --from %g --to %g: the rates grow from a number above 0 to a larger one\n", o->from, o->to);
        return NT_PARSED_WRONG;
    }
    return nt_format_is_json(o->format, &o->json) ? NT_PARSED : NT_PARSED_WRONG;
}

/* -- The run ----------------------------------------------------------------------------------------------------- */

static double rate_of(const options *o, int64_t i)
{
    return o->from * pow(o->to / o->from, (double)i / (double)(o->steps - 1));
}

/* Books a step's loss; false where the run is to end. */
static bool note(range *r, double lr, double loss)
{
    int i = r->n++;
    double before = i > 0 ? r->smoothed[i - 1] * (1 - pow(beta, i)) : 0;
    r->lr[i] = lr;
    r->loss[i] = loss;
    r->smoothed[i] = (beta * before + (1 - beta) * loss) / (1 - pow(beta, i + 1));
    r->lowest = r->smoothed[i] < r->smoothed[r->lowest] ? i : r->lowest;
    r->diverged = r->smoothed[i] > diverged_from * r->smoothed[r->lowest];
    return !r->diverged;
}

static bool run_epoch(range *r, int64_t number, nt_progress *progress, nt_error *error)
{
    nt_engine *engine = &r->trial->engine;
    const nt_train_config *config = engine->model->train_config;
    nt_epoch epoch;
    if (!nt_epoch_begin(&epoch, &r->trial->data, &r->trial->data.train, true, r->trial->seed, (uint64_t)number, error))
        return false;
    bool on = true;
    for (int64_t first = 0; first < epoch.split->count && r->n < r->o->steps && on; first += engine->batch) {
        int64_t left = epoch.split->count - first;
        nt_step step = {.clip_norm = config->clip.kind == NT_CLIP_NORM ? config->clip.limit : 0, .want_norm = true};
        nt_score score = {0};
        engine->pass.lr = rate_of(r->o, r->n);
        engine->pass.noise = nt_noise_std(&config->gradient_noise, (uint64_t)r->n);
        engine->pass.step = (uint64_t)r->n;
        engine->pass.update_step = (uint64_t)r->n + 1;
        nt_step_outcome outcome = nt_engine_train_batch(engine, &epoch, first,
                                                        left < engine->batch ? (int)left : engine->batch, &step, &score);
        if (outcome != NT_STEP_DONE) {
            nt_diagnose(engine, outcome, r->why, sizeof r->why);
            r->diverged = true;
            break;
        }
        on = note(r, engine->pass.lr, step.loss);
        nt_progress_update(progress, &(nt_moment){.epoch = number + 1, .epochs = number + 1, .done = r->n, .total = r->o->steps,
                                                  .loss = r->smoothed[r->n - 1], .accuracy = NAN, .lr = engine->pass.lr,
                                                  .rate = NAN, .left = NAN});
    }
    nt_epoch_end(&epoch);
    return true;
}

/* Smooths what is smoothed once more, from its lowest point backwards. */
static void smooth_backwards(range *r)
{
    double sum = 0;
    for (int i = r->lowest; i >= 0 && r->n > 0; i--) {
        sum = beta * sum + (1 - beta) * r->smoothed[i];
        r->both_ways[i] = sum / (1 - pow(beta, r->lowest - i + 1));
    }
}

/* Where the smoothed loss begins to fall, and falls most for a factor on the rate. */
static void find_fall(range *r)
{
    double start = r->n > 0 ? r->smoothed[0] : NAN, fall = r->n > 0 ? start - r->smoothed[r->lowest] : 0, most = 0;
    r->begins = r->steepest = -1;
    r->suggested = NAN;
    if (!(fall > no_fall * fabs(start)))
        return;
    smooth_backwards(r);
    int margin = r->lowest / 4 < SMOOTHED_STEPS ? r->lowest / 4 : SMOOTHED_STEPS;
    for (int i = 1; i <= r->lowest; i++) {
        bool inside = i > margin && i <= r->lowest - margin;
        if (r->begins < 0 || start - r->smoothed[i - 1] < begun * fall)
            r->begins = i;
        if (inside && r->both_ways[i - 1] - r->both_ways[i] > most) {
            most = r->both_ways[i - 1] - r->both_ways[i];
            r->steepest = i;
        }
    }
    r->suggested = suggested_share * r->lr[r->lowest];
}

static bool run(range *r, nt_error *error)
{
    size_t room = (size_t)r->o->steps;
    nt_progress progress;
    nt_progress_init(&progress, stderr, r->o->plain);
    const nt_train_config *config = r->trial->model->train_config;
    r->trial->engine.pass.momentum = nt_schedule_momentum(config, config->momentum, (nt_position){.epochs = 1, .steps = 1});
    r->lr = calloc(room, sizeof *r->lr);
    r->loss = calloc(room, sizeof *r->loss);
    r->smoothed = calloc(room, sizeof *r->smoothed);
    r->both_ways = calloc(room, sizeof *r->both_ways);
    bool good = (r->lr && r->loss && r->smoothed && r->both_ways) ||
                nt_fail_memory(error, "the curve", 4.0 * (double)room * sizeof(double));
    for (int64_t number = 0; good && r->n < r->o->steps && !r->diverged; number++)
        good = run_epoch(r, number, &progress, error);
    nt_progress_clear(&progress);
    if (good)
        find_fall(r);
    return good;
}

/* -- Printing ---------------------------------------------------------------------------------------------------- */

/* The curve as columns of blocks, an eighth of a line apart where the terminal has such characters. What is above the first loss by more
 * than half of the fall is cut off. */
static void print_chart(const range *r)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    nt_progress terminal;
    int columns = r->n < CHART_COLUMNS ? r->n : CHART_COLUMNS;
    double low = r->smoothed[r->lowest], high = r->smoothed[0];
    nt_progress_init(&terminal, stdout, r->o->plain);
    high = high > low ? high + (high - low) / 2 : low + 1;
    for (int row = CHART_ROWS; row > 0; row--) {
        bool labelled = row == CHART_ROWS || row == 1;
        if (labelled)
            printf("  %10.4g ", row == 1 ? low : high);
        else
            printf("  %10s ", "");
        for (int k = 0; k < columns; k++) {
            double value = r->smoothed[(int64_t)k * (r->n - 1) / (columns > 1 ? columns - 1 : 1)];
            double height = CHART_ROWS * fmin(fmax((value - low) / (high - low), 0), 1) - (row - 1);
            int eighths = (int)(8 * height + 0.5);
            eighths = eighths < 0 ? 0 : eighths > 8 ? 8 : eighths;
            eighths = row == 1 && eighths == 0 ? 1 : eighths;
            fputs(terminal.utf8 ? blocks[eighths] : eighths >= 4 || row == 1 ? "#" : " ", stdout);
        }
        printf("\n");
    }
    printf("  %10s %-8.2g%*.2g\n\n", "rate", r->lr[0], columns > 8 ? columns - 8 : 8, r->lr[r->n - 1]);
}

static void print_rates(const range *r)
{
    if (r->diverged)
        printf("  diverges at     %.2g   %s\n", r->n < r->o->steps ? rate_of(r->o, r->n) : r->lr[r->n - 1],
               r->why[0] ? r->why : "the loss is four times its lowest");
    else
        printf("  diverges at     -         not up to %.2g: a higher --to shows where\n", r->o->to);
    printf("  lowest at       %.2g   loss %.4g\n", r->lr[r->lowest], r->smoothed[r->lowest]);
    if (r->begins < 0) {
        printf("\nThe loss falls nowhere between %.2g and %.2g: try another range, more --steps, and `overfit`\n", r->o->from, r->o->to);
        return;
    }
    if (r->steepest >= 0)
        printf("  steepest at     %.2g   of the curve smoothed forwards and backwards (exponentially, by %g a step)\n",
               r->lr[r->steepest], beta);
    printf("  falls from      %.2g on\n", r->lr[r->begins]);
    printf("\nsuggested rate  %.2g   a tenth of where the loss is lowest; worth a search between %.2g and %.2g\n", r->suggested,
           r->lr[r->begins], r->lr[r->lowest]);
}

static void print_text(const range *r)
{
    char number[32];
    printf("%s, %d steps of %s samples, rate from %.2g to %.2g\n\n", r->trial->model->name, r->n,
           nt_format_count(number, r->trial->engine.batch), r->o->from, r->o->to);
    if (r->n > 0) {
        print_chart(r);
        print_rates(r);
    } else {
        printf("the first step fails: %s\n", r->why);
    }
}

static void json_numbers(const char *name, const double *values, int n)
{
    printf(",\n\"%s\":[", name);
    for (int i = 0; i < n; i++)
        printf(i ? ",%.9g" : "%.9g", values[i]);
    printf("]");
}

static void json_rate(const char *name, const range *r, int i)
{
    if (i >= 0 && i < r->n)
        printf(",\"%s\":%.9g", name, r->lr[i]);
    else
        printf(",\"%s\":null", name);
}

static void print_json(const range *r)
{
    printf("{\"network\":\"%s\",\"batch\":%d,\"diverged\":%s", r->trial->model->name, r->trial->engine.batch,
           r->diverged ? "true" : "false");
    json_rate("lowest", r, r->lowest);
    json_rate("steepest", r, r->steepest);
    printf(",\"steepest_of\":\"exponential smoothing by %g a step, forwards and backwards\"", beta);
    json_rate("falls_from", r, r->begins);
    if (isfinite(r->suggested))
        printf(",\"suggested\":%.9g", r->suggested);
    else
        printf(",\"suggested\":null");
    json_numbers("lr", r->lr, r->n);
    json_numbers("loss", r->loss, r->n);
    json_numbers("smoothed", r->smoothed, r->n);
    printf("}\n");
}

/* -- The picture ------------------------------------------------------------------------------------------------- */

static bool draw(const range *r, nt_error *error)
{
    const char *path = r->o->picture;
    size_t length = strlen(path);
    bool svg = length > 4 && strcmp(path + length - 4, ".svg") == 0;
    double low = r->n > 0 ? r->smoothed[r->lowest] : 0, start = r->n > 0 ? r->smoothed[0] : 0;
    const nt_series curves[] = {
        {.name = "loss of a step", .x = r->lr, .y = r->loss, .n = r->n, .style = NT_STYLE_POINTS},
        {.name = "smoothed", .x = r->lr, .y = r->smoothed, .n = r->n},
    };
    const nt_chart chart = {
        .caption = "Loss while the learning rate grows",
        .x_title = "learning rate",
        .y_title = "loss",
        .series = curves,
        .n_series = 2,
        .x_log = true,
        .least = low - 0.1 * fabs(start - low),
        .most = start + fabs(start - low) / 2,
        .mark_text = isfinite(r->suggested) ? "suggested" : NULL,
        .mark = r->suggested,
    };
    nt_page page;
    if (svg) {
        nt_page_begin_svg(&page);
    } else {
        nt_page_begin(&page, r->trial->model->name);
        nt_page_section(&page, "Learning rates");
    }
    nt_plot_lines(&page, &chart);
    return nt_page_save(&page, path, error);
}

int nt_cmd_lr_range(const nt_context *context, int argc, char **argv)
{
    options o = {.format = "text", .from = 1e-7, .to = 10, .steps = 100};
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
        .parts = NT_PART_TRAIN,
        .purpose = NT_FOR_TRAINING,
        .seed = o.seed_given ? o.seed : context->model->train_config->seed,
    };
    int status = nt_trial_begin(&trial, context->model, &request, &error);
    if (status != NT_OK)
        return nt_report(&error, status);
    range r = {.o = &o, .trial = &trial};
    if (!run(&r, &error)) {
        status = nt_report(&error, NT_ENVIRONMENT);
    } else {
        if (o.json)
            print_json(&r);
        else
            print_text(&r);
        if (o.picture && r.n > 0 && !draw(&r, &error))
            status = nt_report(&error, NT_ENVIRONMENT);
        if (status == NT_OK && r.n == 0)
            status = NT_FAILED;
    }
    free(r.lr);
    free(r.loss);
    free(r.smoothed);
    free(r.both_ways);
    nt_trial_end(&trial);
    return status;
}
