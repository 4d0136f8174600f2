#include "course.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEWEST_NORMS = 10 };

void nt_history_add(nt_history *history, double value)
{
    if (history->n == NT_HISTORY) {
        history->n--;
        memmove(history->values, history->values + 1, (NT_HISTORY - 1) * sizeof *history->values);
    }
    history->values[history->n++] = value;
}

void nt_course_begin(nt_course *course)
{
    *course = (nt_course){.best_loss = INFINITY, .scale = 1};
}

/* -- Plateaus ---------------------------------------------------------------------------------------------------- */

static void wait_on_plateau(nt_course *course, const nt_schedule *plateau, const nt_result *result, bool best,
                            char *note)
{
    course->waited = best ? 0 : course->waited + 1;
    if (course->waited < plateau->patience)
        return;
    course->waited = 0;
    double next = fmax(result->lr * plateau->factor, plateau->lowest);
    if (!(next < result->lr))
        return;
    course->scale *= next / result->lr;
    snprintf(note, NT_REASON, "plateau: lr %.3g -> %.3g", result->lr, next);
}

/* -- Stopping ---------------------------------------------------------------------------------------------------- */

static const char *loss_name(const nt_result *result)
{
    return result->validated ? "validation loss" : "training loss";
}

/* By how much the loss has fallen over the last `window` epochs; NAN before there are as many. */
static double fall(const nt_history *losses, int64_t window)
{
    if (losses->n <= window)
        return NAN;
    const double *past = losses->values + (losses->n - 1 - window);
    double least = INFINITY;
    for (int64_t i = 1; i <= window; i++)
        least = fmin(least, past[i]);
    return past[0] - least;
}

/* Whether the rule strikes; then course->reason says why. */
static bool strikes(nt_course *course, const nt_stop *stop, const nt_result *result)
{
    char *why = course->reason;
    double limit, fallen;
    switch (stop->kind) {
    case NT_STOP_PATIENCE:
        snprintf(why, NT_REASON, "no better %s for %lld epoch%s", loss_name(result), (long long)course->stale,
                 course->stale == 1 ? "" : "s");
        return course->stale >= stop->epochs;
    case NT_STOP_ERROR_CHANGE:
        fallen = fall(&course->losses, stop->window);
        if (fallen > 0)
            snprintf(why, NT_REASON, "the %s fell by %.3g over %lld epochs, less than %.3g", loss_name(result), fallen,
                     (long long)stop->window, stop->min_delta);
        else
            snprintf(why, NT_REASON, "the %s has not fallen over %lld epochs", loss_name(result),
                     (long long)stop->window);
        return fallen <= 0 || fallen < stop->min_delta;
    case NT_STOP_WEIGHT_CHANGE:
        limit = stop->relative ? stop->rho * result->weight_norm : stop->rho;
        snprintf(why, NT_REASON, "no weight changed by more than %.3g over %lld epochs, less than %.3g", result->change,
                 (long long)stop->window, limit);
        return result->change < limit;
    case NT_STOP_GRADIENT_NORM:
        snprintf(why, NT_REASON, "the norm of the gradient is %.3g, below %.3g", result->norm, stop->below);
        return result->norm < stop->below;
    }
    return false;
}

static void judge(nt_course *course, const nt_train_config *config, const nt_result *result, char *note)
{
    for (int i = 0; i < config->n_stops; i++) {
        const nt_stop *stop = &config->stops[i];
        if (!strikes(course, stop, result))
            continue;
        course->struck = result->epoch;
        course->rule = i;
        if (stop->then > 0)
            snprintf(note, NT_REASON, "%.100s: %lld more epoch%s at lr %.3g", course->reason, (long long)stop->then,
                     stop->then == 1 ? "" : "s", result->lr * stop->factor);
        return;
    }
    course->reason[0] = '\0';
}

bool nt_course_epoch(nt_course *course, const nt_train_config *config, const nt_result *result, char *note)
{
    bool best = result->loss < course->best_loss;
    note[0] = '\0';
    course->stale = best ? 0 : course->stale + 1;
    if (best) {
        course->best_loss = result->loss;
        course->best_epoch = result->epoch;
    }
    nt_history_add(&course->losses, result->loss);
    if (config->schedule.kind == NT_SCHEDULE_PLATEAU)
        wait_on_plateau(course, &config->schedule, result, best, note);
    if (course->struck == 0)
        judge(course, config, result, note);
    return best;
}

/* The rule that struck; NULL where none has, or the model file has lost it since. */
static const nt_stop *struck_rule(const nt_course *course, const nt_train_config *config)
{
    return course->struck > 0 && course->rule < config->n_stops ? &config->stops[course->rule] : NULL;
}

double nt_course_scale(const nt_course *course, const nt_train_config *config)
{
    const nt_stop *stop = struck_rule(course, config);
    return course->scale * (stop ? stop->factor : 1);
}

bool nt_course_over(const nt_course *course, const nt_train_config *config, int64_t epochs_done)
{
    const nt_stop *stop = struck_rule(course, config);
    return stop && epochs_done >= course->struck + stop->then;
}

const nt_stop *nt_weight_rule(const nt_train_config *config)
{
    for (int i = 0; i < config->n_stops; i++)
        if (config->stops[i].kind == NT_STOP_WEIGHT_CHANGE)
            return &config->stops[i];
    return NULL;
}

/* -- Clipping ---------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const nt_history *history)
{
    double sorted[NT_HISTORY];
    int64_t n = history->n;
    memcpy(sorted, history->values, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

double nt_course_clip(const nt_course *course, const nt_clip *clip)
{
    if (clip->kind != NT_CLIP_NORM)
        return 0;
    if (clip->limit > 0)
        return clip->limit;
    return course->norms.n < FEWEST_NORMS ? 0 : clip->multiple * median(&course->norms);
}
