#include "rejection.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"

bool nt_reject_rule_named(const char *name, nt_reject_rule *rule)
{
    *rule = strcmp(name, "largest") == 0 ? NT_REJECT_LARGEST : NT_REJECT_MARGIN;
    if (*rule == NT_REJECT_LARGEST || strcmp(name, "margin") == 0)
        return true;
    fprintf(stderr,
            "error: --by is margin (the two largest outputs' difference) or largest (the largest output), not '%s'\n",
            name);
    return false;
}

double nt_confidence(const double *values, int n, nt_reject_rule rule)
{
    double first = -INFINITY, second = -INFINITY;
    if (n == 1)
        return nt_confidence((const double[]){values[0], 1 - values[0]}, 2, rule);
    for (int i = 0; i < n; i++) {
        if (isnan(values[i]))
            return -INFINITY;
        if (values[i] > first) {
            second = first;
            first = values[i];
        } else if (values[i] > second) {
            second = values[i];
        }
    }
    if (rule == NT_REJECT_LARGEST)
        return first;
    return first == second ? 0 : first - second; /* also of two infinities */
}

static int compare(const void *a, const void *b)
{
    double x = ((const nt_judged *)a)->confidence, y = ((const nt_judged *)b)->confidence;
    return (x > y) - (x < y);
}

bool nt_rejection_init(nt_rejection *rejection, nt_judged *judged, int64_t n, nt_error *error)
{
    *rejection = (nt_rejection){.judged = judged, .n = n, .wrong = calloc((size_t)n + 1, sizeof *rejection->wrong)};
    if (!rejection->wrong)
        return nt_fail_memory(error, "the rejection curve", (double)n * sizeof *rejection->wrong);
    qsort(judged, (size_t)n, sizeof *judged, compare);
    for (int64_t i = 0; i < n; i++)
        rejection->wrong[i + 1] = rejection->wrong[i] + !judged[i].right;
    return true;
}

void nt_rejection_free(nt_rejection *rejection)
{
    free(rejection->judged);
    free(rejection->wrong);
    *rejection = (nt_rejection){0};
}

static nt_rejection_point point_at(const nt_rejection *r, int64_t rejected, double threshold)
{
    int64_t left = r->n - rejected, wrong = r->wrong[r->n] - r->wrong[rejected];
    return (nt_rejection_point){
        .threshold = threshold,
        .rejected = rejected,
        .wrong = wrong,
        .share = (double)rejected / (double)r->n,
        .error = left > 0 ? (double)wrong / (double)left : 0,
    };
}

/* The first sample that is not below the threshold. */
nt_rejection_point nt_rejection_at(const nt_rejection *r, double threshold)
{
    int64_t low = 0, high = r->n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (r->judged[middle].confidence < threshold)
            low = middle + 1;
        else
            high = middle;
    }
    return point_at(r, low, threshold);
}

nt_rejection_point nt_rejection_of_share(const nt_rejection *r, double share)
{
    int64_t wanted = (int64_t)(share * (double)r->n + 0.5);
    if (wanted >= r->n)
        wanted = r->n - 1;
    return nt_rejection_at(r, r->judged[wanted].confidence);
}

bool nt_rejection_for_error(const nt_rejection *r, double error, nt_rejection_point *point)
{
    for (int64_t i = 0; i < r->n; i++) {
        if (i > 0 && r->judged[i].confidence <= r->judged[i - 1].confidence)
            continue; /* these two cannot be told apart */
        *point = point_at(r, i, r->judged[i].confidence);
        if (point->error <= error)
            return true;
    }
    return false;
}

void nt_rejection_draw(const nt_rejection *r, nt_reject_rule rule, nt_page *page)
{
    enum { POINTS = 101 };
    double share[POINTS], error[POINTS];
    nt_rejection_point point;
    for (int i = 0; i < POINTS; i++) {
        point = nt_rejection_of_share(r, i / 200.0);
        share[i] = 100 * point.share;
        error[i] = 100 * point.error;
    }
    const nt_series series = {.x = share, .y = error, .n = POINTS};
    nt_chart chart = {
        .caption = rule == NT_REJECT_MARGIN ? "Rejected where the two largest outputs are too close"
                                            : "Rejected where the largest output is too small",
        .x_title = "rejected, %",
        .y_title = "error of the rest, %",
        .series = &series,
        .n_series = 1,
        .from_zero = true,
    };
    if (error[0] > 1 && nt_rejection_for_error(r, 0.01, &point) && point.share <= 0.5) {
        chart.mark_text = "1% error";
        chart.mark = 100 * point.share;
    }
    nt_plot_lines(page, &chart);
}

bool nt_rejection_picture(const nt_rejection *r, nt_reject_rule rule, const char *path, nt_error *error)
{
    nt_page page;
    nt_page_begin_svg(&page);
    nt_rejection_draw(r, rule, &page);
    return nt_page_save(&page, path, error);
}
