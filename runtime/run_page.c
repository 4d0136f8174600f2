#include "run_page.h"

#include <math.h>
#include <stdio.h>

#include "command.h"
#include "plot.h"
#include "progress.h"
#include "run_log.h"

enum { TEXT = 96 };

/* -- Summary ----------------------------------------------------------------------------------------------------- */

/* What is known of the run's result, largest. */
static int result_facts(const nt_run_page *p, nt_fact *facts, char (*text)[TEXT])
{
    const nt_verdict *v = p->verdict;
    int n = 0;
    if (!v)
        return 0;
    char count[32], all[32];
    if (v->classes) {
        snprintf(text[0], TEXT, "%s accuracy", p->part);
        snprintf(text[1], TEXT, "%.2f%%", 100 * nt_score_accuracy(&v->score));
        snprintf(text[2], TEXT, "%s of %s wrong", nt_format_count(count, v->score.samples - v->score.correct),
                 nt_format_count(all, v->score.samples));
        facts[n++] = (nt_fact){text[0], text[1], text[2]};
    }
    snprintf(text[3], TEXT, "%s loss", p->part);
    snprintf(text[4], TEXT, nt_score_loss(&v->score) < 100 ? "%.4f" : "%.6g", nt_score_loss(&v->score));
    snprintf(text[5], TEXT, "%s samples", nt_format_count(all, v->score.samples));
    facts[n++] = (nt_fact){text[3], text[4], v->classes ? NULL : text[5]};
    return n;
}

static void add_summary(nt_page *page, const nt_run_page *p)
{
    const nt_run *run = p->run;
    char result[6][TEXT], epochs[TEXT], best[TEXT], validation[TEXT], number[TEXT], parameters[32], time[32], train[32],
        share[32];
    nt_fact facts[8];
    int n = result_facts(p, facts, result);
    snprintf(epochs, sizeof epochs, "%lld of %lld", (long long)run->epoch, (long long)run->epochs);
    facts[n++] = (nt_fact){"epochs", epochs, p->state};
    if (run->course.best_epoch > 0) {
        snprintf(best, sizeof best, "%lld", (long long)run->course.best_epoch);
        snprintf(validation, sizeof validation, "%s loss %.4f", run->validation_count > 0 ? "validation" : "training",
                 run->course.best_loss);
        facts[n++] = (nt_fact){"best epoch", best, validation};
    }
    facts[n++] = (nt_fact){"training samples", nt_format_count(train, run->train_count), NULL};
    if (run->validation_count > 0) {
        snprintf(number, sizeof number, "and %s for validation", nt_format_count(share, run->validation_count));
        facts[n - 1].note = number;
    }
    facts[n++] = (nt_fact){"parameters", nt_format_count(parameters, p->model->parameters), NULL};
    facts[n++] = (nt_fact){"training time", nt_format_time(time, run->seconds + run->epoch_seconds), NULL};
    nt_page_add(page, "<p class=\"quiet\">");
    nt_page_text(page, p->sketch ? p->sketch->shapes : "");
    nt_page_text(page, p->sketch ? " \xc2\xb7 " : "");
    nt_page_text(page, p->model->file);
    nt_page_add(page, " \xc2\xb7 %s \xc2\xb7 lr %g", p->model->train_config->optimizer, run->rates[NT_RATE_LR]);
    if (run->rates[NT_RATE_MOMENTUM] > 0)
        nt_page_add(page, " \xc2\xb7 momentum %g", run->rates[NT_RATE_MOMENTUM]);
    if (run->rates[NT_RATE_WEIGHT_DECAY] > 0)
        nt_page_add(page, " \xc2\xb7 weight decay %g", run->rates[NT_RATE_WEIGHT_DECAY]);
    nt_page_add(page, " \xc2\xb7 batch %lld \xc2\xb7 seed %llu</p>\n", (long long)run->batch,
                (unsigned long long)run->seed);
    nt_page_facts(page, facts, n);
    if (p->run->course.reason[0])
        nt_page_paragraph(page, "Stopped early: %s.", p->run->course.reason);
}

/* -- Learning curves --------------------------------------------------------------------------------------------- */

/* Whether so many values are so much smaller than the largest that only a logarithmic axis shows them. (The last
 * rates of a cosine may be as small as they like.) */
static bool spans_decades(const nt_run_log *log, nt_column column, double factor)
{
    double high = 0;
    int small = 0;
    for (int i = 0; i < log->n; i++)
        high = fmax(high, log->values[column][i]); /* of a number and NAN, the number */
    for (int i = 0; i < log->n; i++)
        small += log->values[column][i] > 0 && log->values[column][i] * factor < high;
    return small > log->known[column] / 4;
}

static bool varies(const nt_run_log *log, nt_column column)
{
    for (int i = 1; i < log->n; i++)
        if (log->values[column][i] != log->values[column][0])
            return true;
    return false;
}

/* The two curves of training and validation, as far as there are any. */
static void add_pair(nt_page *page, const nt_run_page *p, const nt_run_log *log, nt_column train, nt_column validation,
                     const nt_chart *like)
{
    nt_series series[2];
    nt_chart chart = *like;
    int n = 0;
    if (log->known[train] > 0)
        series[n++] = (nt_series){.name = "training", .x = log->epoch, .y = log->values[train], .n = log->n};
    if (log->known[validation] > 0)
        series[n++] = (nt_series){.name = "validation", .x = log->epoch, .y = log->values[validation], .n = log->n};
    if (n == 0)
        return;
    chart.x_title = "epoch";
    chart.series = series;
    chart.n_series = n;
    chart.mark = (double)p->run->course.best_epoch;
    chart.mark_text = p->run->course.best_epoch > 0 && log->n > 1 ? "best" : NULL;
    nt_plot_lines(page, &chart);
}

static void add_small(nt_page *page, const nt_run_log *log, nt_column column, const char *caption)
{
    nt_series series = {.x = log->epoch, .y = log->values[column], .n = log->n};
    if (log->known[column] > 0)
        nt_plot_lines(page, &(nt_chart){.caption = caption,
                                        .x_title = "epoch",
                                        .series = &series,
                                        .n_series = 1,
                                        .from_zero = true,
                                        .y_log = spans_decades(log, column, 50),
                                        .width = 360,
                                        .height = 200});
}

static void percent(nt_run_log *log, nt_column column)
{
    for (int i = 0; i < log->n; i++)
        log->values[column][i] *= 100;
}

static void add_curves(nt_page *page, const nt_run_page *p)
{
    nt_run_log log;
    nt_error error = {0};
    nt_page_section(page, "Learning curves");
    if (!nt_run_log_read(p->log, &log, &error)) {
        nt_page_paragraph(page, "There are none: %s.", error.text);
        return;
    }
    if (log.n == 0)
        nt_page_paragraph(page, "They begin with the first epoch.");
    bool log_loss = spans_decades(&log, NT_LOG_TRAIN_LOSS, 30) || spans_decades(&log, NT_LOG_VAL_LOSS, 30);
    percent(&log, NT_LOG_TRAIN_ACCURACY);
    percent(&log, NT_LOG_VAL_ACCURACY);
    add_pair(page, p, &log, NT_LOG_TRAIN_LOSS, NT_LOG_VAL_LOSS, &(nt_chart){.caption = "Loss", .y_log = log_loss});
    add_pair(page, p, &log, NT_LOG_TRAIN_ACCURACY, NT_LOG_VAL_ACCURACY, &(nt_chart){.caption = "Accuracy, %"});
    if (log.n > 0)
        nt_page_add(page, "<br/>\n");
    add_small(page, &log, NT_LOG_LR, "Learning rate, at the end of the epoch");
    add_small(page, &log, NT_LOG_NORM, "Norm of the gradient, mean of the epoch");
    if (varies(&log, NT_LOG_MOMENTUM))
        add_small(page, &log, NT_LOG_MOMENTUM, "Momentum");
    if (varies(&log, NT_LOG_BATCH))
        add_small(page, &log, NT_LOG_BATCH, "Samples a step");
    nt_run_log_free(&log);
}

/* -- The network ------------------------------------------------------------------------------------------------- */

static void count_or_none(char text[32], int64_t value)
{
    text[0] = '\0';
    if (value > 0)
        nt_format_count(text, value);
}

static void add_layers(nt_page *page, const nt_sketch *sketch)
{
    char values[32], parameters[32], macs[32];
    nt_page_table(
        page, "lllrrr",
        (const char *const[]){"layer", "operator", "output", "values a sample", "parameters", "multiply-adds"});
    for (int i = 0; i < sketch->n_layers; i++) {
        const nt_sketch_layer *layer = &sketch->layers[i];
        count_or_none(values, layer->activations);
        count_or_none(parameters, layer->parameters);
        count_or_none(macs, layer->macs);
        nt_page_row(page, (const char *const[]){layer->name, layer->what, layer->shape, values, parameters, macs});
    }
    nt_page_table_end(page);
}

static void add_network(nt_page *page, const nt_sketch *sketch)
{
    nt_page_section(page, "The network");
    nt_page_add(page, "<div class=\"beside\">\n");
    if (sketch->graph[0]) {
        nt_page_add(page, "<div class=\"tall graph\">\n");
        for (const char *const *line = sketch->graph; *line; line++)
            nt_page_add(page, "%s\n", *line);
        nt_page_add(page, "</div>\n");
    }
    nt_page_add(page, "<div class=\"tall\">\n");
    add_layers(page, sketch);
    nt_page_add(page, "</div>\n</div>\n");
    if (!sketch->graph[0])
        nt_page_paragraph(page, "It has too many layers for a picture here; netc graph draws all of it.");
    nt_page_add(page, "<details>\n<summary>All settings of the model file</summary>\n<pre>");
    for (const char *const *line = sketch->settings; *line; line++) {
        nt_page_text(page, *line);
        nt_page_add(page, "\n");
    }
    nt_page_add(page, "</pre>\n</details>\n");
}

/* -- The page ---------------------------------------------------------------------------------------------------- */

bool nt_run_page_write(const nt_run_page *p, const char *path, nt_error *error)
{
    nt_page page;
    nt_page_begin(&page, p->model->name);
    add_summary(&page, p);
    add_curves(&page, p);
    nt_page_plane(&page, p);
    nt_page_mistakes(&page, p);
    nt_page_filters(&page, p->model, p->engine->memory.params);
    nt_page_inside(&page, p);
    if (p->sketch)
        add_network(&page, p->sketch);
    return nt_page_save(&page, path, error);
}
