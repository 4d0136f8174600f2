/* page_mistakes.c - what a run's page shows of the test: what is taken for what, the mistakes that the network is
 * surest of, what rejection leaves of them, and for outputs that are no classes the answers beside the targets. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "plot.h"
#include "progress.h"
#include "run_page.h"

enum {
    MOST_MATRIX = 100, /* classes of a matrix that can be looked at */
    NAMED_MATRIX = 40, /* and with names at its sides */
    MOST_PAIRS = 12,   /* lines of the list of confusions */
    MOST_ROWS = 20,    /* mistakes without pictures */
    SMALLEST_PICTURE = 4,
    LARGEST_PICTURE = 96, /* pixels of a side that samples are shown with */
    MOST_CHARTED = 200,   /* values of an answer that is drawn as a curve */
};

static const nt_weights no_weights;

static const char *class_name(const nt_run_page *p, int i, char *text)
{
    return nt_class_name(p->data, &no_weights, i, text);
}

/* -- Samples as pictures ----------------------------------------------------------------------------------------- */

static bool has_pictures(const nt_data *data)
{
    return data->h >= SMALLEST_PICTURE && data->w >= SMALLEST_PICTURE;
}

static int64_t place_of(const nt_split *split, int64_t sample)
{
    return split->index ? split->index[sample] : sample;
}

/* A volume of bytes or of values (one of them is given) as an image: in colours, or, where it has other than three
 * channels, their mean. Bytes are shown as they are, values from `low` to `high`. The caller frees the image's
 * bytes, which are NULL where memory ran out. */
static nt_image make_image(const uint8_t *bytes, const float *values, int h, int w, int c, double low, double high)
{
    size_t shown = c == 3 ? 3 : 1, taken = c == 3 ? 1 : (size_t)c, n = (size_t)h * (size_t)w * shown;
    float *means = malloc(n * sizeof *means);
    uint8_t *image = malloc(n);
    if (!means || !image) {
        free(means);
        free(image);
        return (nt_image){0};
    }
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t k = i * taken; k < (i + 1) * taken; k++)
            sum += bytes ? bytes[k] : values[k];
        means[i] = (float)(sum / (double)taken);
    }
    nt_image_bytes(means, n, bytes ? 0 : low, bytes ? 255 : high, image);
    free(means);
    return (nt_image){.bytes = image, .h = h, .w = w, .c = (int)shown};
}

static void find_range(const float *values, size_t n, double *low, double *high)
{
    for (size_t i = 0; i < n; i++) {
        *low = fmin(*low, values[i]);
        *high = fmax(*high, values[i]);
    }
}

/* The sample at a place of the part, as it was read; values that are no bytes from their smallest to their largest. */
static nt_image sample_image(const nt_data *data, const nt_split *split, int64_t place)
{
    size_t n = (size_t)data->h * (size_t)data->w * (size_t)data->c, first = (size_t)place * n;
    const uint8_t *bytes = split->part.bytes ? split->part.bytes + first : NULL;
    const float *values = bytes ? NULL : split->part.values + first;
    double low = INFINITY, high = -INFINITY;
    if (values)
        find_range(values, n, &low, &high);
    return make_image(bytes, values, data->h, data->w, data->c, low, high);
}

static int shown_side(const nt_data *data)
{
    int side = data->h > data->w ? data->h : data->w;
    return side < 24 ? 64 : side <= 48 ? 2 * side : LARGEST_PICTURE;
}

void nt_page_sample(nt_page *page, const nt_run_page *p, int64_t place)
{
    const nt_part *part = &p->verdict->split->part;
    char text[32];
    nt_image image = sample_image(p->data, p->verdict->split, place);
    if (image.bytes)
        nt_plot_images(page, p->verdict->classes && part->labels ? class_name(p, part->labels[place], text) : "sample",
                       &image, 1, LARGEST_PICTURE);
    else
        page->lost = true;
    free((void *)(uintptr_t)image.bytes);
}

/* -- Classes ----------------------------------------------------------------------------------------------------- */

static void add_matrix(nt_page *page, const nt_run_page *p)
{
    const nt_verdict *v = p->verdict;
    int n = v->n_classes;
    double *values = calloc((size_t)n * (size_t)n, sizeof *values);
    const char **names = calloc((size_t)n, sizeof *names);
    char(*numbers)[32] = calloc((size_t)n, sizeof *numbers);
    if (values && names && numbers) {
        for (int i = 0; i < n * n; i++)
            values[i] = (double)v->counts[i];
        for (int i = 0; i < n; i++)
            names[i] = class_name(p, i, numbers[i]);
        const char *const *shown = n <= NAMED_MATRIX ? names : NULL;
        nt_plot_matrix(page, &(nt_matrix){.caption = "What is taken for what (number of samples)",
                                          .row_title = "true class",
                                          .column_title = "given class",
                                          .values = values,
                                          .rows = n,
                                          .columns = n,
                                          .row_names = shown,
                                          .column_names = shown,
                                          .confusion = true});
    } else {
        page->lost = true;
    }
    free(values);
    free(names);
    free(numbers);
}

/* The next most frequent confusion after that of `last` samples at index `after`; -1: there is none. */
static int64_t next_pair(const nt_verdict *v, int64_t last, int64_t after)
{
    int64_t n = v->n_classes, found = -1;
    for (int64_t i = 0; i < n * n; i++) {
        int64_t count = v->counts[i];
        bool later = count < last || (count == last && i > after);
        if (i / n != i % n && count > 0 && later && (found < 0 || count > v->counts[found]))
            found = i;
    }
    return found;
}

static int64_t samples_of(const nt_verdict *v, int truth)
{
    int64_t sum = 0;
    for (int i = 0; i < v->n_classes; i++)
        sum += v->counts[(int64_t)truth * v->n_classes + i];
    return sum;
}

static void add_pairs(nt_page *page, const nt_run_page *p)
{
    const nt_verdict *v = p->verdict;
    int64_t last = INT64_MAX, at = -1;
    char a[32], b[32], count[32], share[32];
    nt_page_add(page, "<figure>\n<figcaption>The most frequent confusions</figcaption>\n");
    nt_page_table(page, "llrr", (const char *const[]){"true class", "taken for", "samples", "of the class"});
    for (int i = 0; i < MOST_PAIRS && (at = next_pair(v, last, at)) >= 0; i++) {
        int truth = (int)(at / v->n_classes), guess = (int)(at % v->n_classes);
        last = v->counts[at];
        nt_format_count(count, last);
        snprintf(share, sizeof share, "%.1f%%", 100 * (double)last / (double)samples_of(v, truth));
        nt_page_row(page, (const char *const[]){class_name(p, truth, a), class_name(p, guess, b), count, share});
    }
    nt_page_table_end(page);
    nt_page_add(page, "</figure>\n");
}

static void free_images(nt_image *images, int n)
{
    for (int i = 0; images && i < n; i++)
        free((void *)(uintptr_t)images[i].bytes);
    free(images);
}

static void add_pictures(nt_page *page, const nt_run_page *p, const char *caption)
{
    enum { LABEL = 200 };
    const nt_verdict *v = p->verdict;
    char a[32], b[32], (*labels)[LABEL] = calloc(NT_MOST_MISTAKES, sizeof *labels);
    nt_image *images = calloc(NT_MOST_MISTAKES, sizeof *images);
    bool good = labels && images;
    for (int i = 0; i < v->n_worst && good; i++) {
        const nt_mistake *m = &v->worst[i];
        images[i] = sample_image(p->data, v->split, place_of(v->split, m->sample));
        good = images[i].bytes != NULL;
        if (v->classes)
            snprintf(labels[i], LABEL, "%s \xe2\x86\x92 %s\n%.1f%%", class_name(p, m->truth, a),
                     class_name(p, m->guess, b), 100 * m->weight);
        else
            snprintf(labels[i], LABEL, "loss %.3g", m->weight);
        images[i].label = labels[i];
    }
    if (good)
        nt_plot_images(page, caption, images, v->n_worst, shown_side(p->data));
    page->lost = page->lost || !good;
    free_images(images, v->n_worst);
    free(labels);
}

static void add_mistake_rows(nt_page *page, const nt_run_page *p)
{
    const nt_verdict *v = p->verdict;
    char number[32], a[32], b[32], probability[32], values[160];
    bool few = p->data->h * p->data->w * p->data->c <= NT_FEW_VALUES && v->split->part.values;
    nt_page_table(page, "rlllr",
                  (const char *const[]){"sample", few ? "values" : "", "true class", "taken for", "probability"});
    for (int i = 0; i < v->n_worst && i < MOST_ROWS; i++) {
        const nt_mistake *m = &v->worst[i];
        size_t n = few ? (size_t)(p->data->h * p->data->w * p->data->c) : 0, used = 0;
        int64_t place = place_of(v->split, m->sample);
        values[0] = '\0';
        for (size_t k = 0; k < n; k++)
            used += (size_t)snprintf(values + used, sizeof values - used, "%s%.4g", k ? ", " : "",
                                     (double)v->split->part.values[(size_t)place * n + k] + 0.0); /* no -0 */
        nt_format_count(number, place + 1);
        snprintf(probability, sizeof probability, "%.1f%%", 100 * m->weight);
        nt_page_row(page, (const char *const[]){number, values, class_name(p, m->truth, a), class_name(p, m->guess, b),
                                                probability});
    }
    nt_page_table_end(page);
}

static void add_classes(nt_page *page, const nt_run_page *p)
{
    const nt_verdict *v = p->verdict;
    int64_t wrong = v->score.samples - v->score.correct;
    char caption[200], count[32];
    nt_page_section(page, "Mistakes");
    if (wrong == 0) {
        nt_page_paragraph(page, "Every one of the %s samples of the %s part is given its class.",
                          nt_format_count(count, v->score.samples), p->part);
        return;
    }
    if (v->n_classes <= MOST_MATRIX)
        add_matrix(page, p);
    else
        nt_page_paragraph(page, "%d classes are too many for a matrix that can be looked at.", v->n_classes);
    if (v->counts && v->n_classes > 2)
        add_pairs(page, p);
    snprintf(
        caption, sizeof caption,
        "%s %s samples that are taken for another class: true \xe2\x86\x92 given, and how sure of it the network is",
        v->n_worst < wrong ? "The surest of the" : "All", nt_format_count(count, wrong));
    if (has_pictures(p->data)) {
        add_pictures(page, p, caption);
    } else {
        nt_page_paragraph(page, "%s.", caption);
        add_mistake_rows(page, p);
    }
}

/* -- Rejection --------------------------------------------------------------------------------------------------- */

/* What is left of the mistakes where the network may keep silent. */
static void add_rejection(nt_page *page, const nt_run_page *p)
{
    static const double errors[] = {0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001};
    const nt_rejection *r = &p->verdict->rejection;
    char error[32], share[32], threshold[32];
    int64_t before = 0;
    if (r->n == 0 || r->wrong[r->n] == 0)
        return;
    nt_page_section(page, "Rejection");
    nt_page_paragraph(page,
                      "A network that is not sure may give no answer: where its two largest outputs are closer than a "
                      "threshold. eval --rejection tells more, and predict --reject T does it.");
    nt_rejection_draw(r, NT_REJECT_MARGIN, page);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        nt_rejection_point point;
        if (!nt_rejection_for_error(r, errors[i], &point) || point.rejected == before)
            continue;
        if (before == 0) {
            nt_page_add(page, "<figure>\n<figcaption>What is rejected to leave so many errors</figcaption>\n");
            nt_page_table(page, "rrr", (const char *const[]){"error of the rest", "rejected", "threshold"});
        }
        before = point.rejected;
        snprintf(error, sizeof error, "%.3g%%", 100 * errors[i]);
        snprintf(share, sizeof share, "%.2f%%", 100 * point.share);
        snprintf(threshold, sizeof threshold, "%.4g", point.threshold);
        nt_page_row(page, (const char *const[]){error, share, threshold});
    }
    if (before > 0) {
        nt_page_table_end(page);
        nt_page_add(page, "</figure>\n");
    }
}

/* -- Other outputs ----------------------------------------------------------------------------------------------- */

static const float *target_of(const nt_verdict *v, int64_t sample)
{
    return v->split->part.targets + (size_t)place_of(v->split, sample) * (size_t)v->outputs;
}

/* Answer against target of many samples, a colour an output, with the line on which they should be. */
static void add_scatter(nt_page *page, const nt_verdict *v)
{
    int n = v->n_shown, outputs = v->outputs;
    double *values = calloc(2 * (size_t)n * (size_t)outputs + 2, sizeof *values);
    nt_series series[NT_FEW_VALUES + 1];
    char names[NT_FEW_VALUES][32];
    if (!values) {
        page->lost = true;
        return;
    }
    double *ends = values + 2 * (size_t)n * (size_t)outputs;
    ends[0] = INFINITY, ends[1] = -INFINITY;
    for (int k = 0; k < outputs; k++) {
        double *target = values + 2 * (size_t)k * (size_t)n, *answer = target + n;
        for (int i = 0; i < n; i++) {
            target[i] = target_of(v, v->shown[i])[k];
            answer[i] = v->shown_answers[i * outputs + k];
            ends[0] = fmin(ends[0], target[i]);
            ends[1] = fmax(ends[1], target[i]);
        }
        snprintf(names[k], sizeof names[k], "output %d", k + 1);
        series[k] = (nt_series){.name = names[k], .x = target, .y = answer, .n = n, .style = NT_STYLE_POINTS};
    }
    series[outputs] = (nt_series){.name = "as it should be", .x = ends, .y = ends, .n = 2, .style = NT_STYLE_DASHED};
    nt_plot_lines(page, &(nt_chart){.caption = "Answers against targets",
                                    .x_title = "target",
                                    .y_title = "answer",
                                    .series = series,
                                    .n_series = outputs + 1,
                                    .width = 480,
                                    .height = 420});
    free(values);
}

/* An answer of many values beside its target, as two curves. */
static void add_answer(nt_page *page, const nt_verdict *v, int64_t sample, const float *answer)
{
    double *values = calloc(2 * (size_t)v->outputs, sizeof *values);
    char caption[80];
    if (!values) {
        page->lost = true;
        return;
    }
    for (int k = 0; k < v->outputs; k++) {
        values[k] = target_of(v, sample)[k];
        values[v->outputs + k] = answer[k];
    }
    const nt_series series[] = {{.name = "target", .y = values, .n = v->outputs, .style = NT_STYLE_DASHED},
                                {.name = "answer", .y = values + v->outputs, .n = v->outputs}};
    snprintf(caption, sizeof caption, "Sample %lld", (long long)place_of(v->split, sample) + 1);
    nt_plot_lines(
        page,
        &(nt_chart){
            .caption = caption, .x_title = "output", .series = series, .n_series = 2, .width = 270, .height = 200});
    free(values);
}

static bool head_is_picture(const nt_run_page *p)
{
    return p->model->heads[0].h >= SMALLEST_PICTURE && p->model->heads[0].w >= SMALLEST_PICTURE;
}

/* A sample, its target and the answer as pictures, the last two on one scale. */
static void add_volumes(nt_page *page, const nt_run_page *p, int64_t sample, const float *answer)
{
    const nt_head *head = &p->model->heads[0];
    const nt_verdict *v = p->verdict;
    const float *target = target_of(v, sample);
    double low = INFINITY, high = -INFINITY;
    char caption[64];
    nt_image images[3];
    find_range(target, (size_t)v->outputs, &low, &high);
    find_range(answer, (size_t)v->outputs, &low, &high);
    images[0] = sample_image(p->data, v->split, place_of(v->split, sample));
    images[1] = make_image(NULL, target, head->h, head->w, head->c, low, high);
    images[2] = make_image(NULL, answer, head->h, head->w, head->c, low, high);
    images[0].label = "sample";
    images[1].label = "target";
    images[2].label = "answer";
    snprintf(caption, sizeof caption, "Sample %lld", (long long)place_of(v->split, sample) + 1);
    if (images[0].bytes && images[1].bytes && images[2].bytes)
        nt_plot_images(page, caption, images, 3, LARGEST_PICTURE);
    else
        page->lost = true;
    for (int i = 0; i < 3; i++)
        free((void *)(uintptr_t)images[i].bytes);
}

static void add_one_answer(nt_page *page, const nt_run_page *p, int64_t sample, const float *answer)
{
    if (head_is_picture(p) && has_pictures(p->data))
        add_volumes(page, p, sample, answer);
    else
        add_answer(page, p->verdict, sample, answer);
}

static void add_answers(nt_page *page, const nt_run_page *p)
{
    const nt_verdict *v = p->verdict;
    size_t n = (size_t)v->outputs;
    nt_page_section(page, "Answers");
    if (v->outputs <= NT_FEW_VALUES) {
        add_scatter(page, v);
    } else if (v->shown_answers && (v->outputs <= MOST_CHARTED || (head_is_picture(p) && has_pictures(p->data)))) {
        nt_page_paragraph(page, "Samples from all over the %s part:", p->part);
        for (int i = 0; i < v->n_shown; i++)
            add_one_answer(page, p, v->shown[i], v->shown_answers + (size_t)i * n);
        nt_page_paragraph(page, "And those with the largest loss:");
        for (int i = 0; i < v->n_worst && i < NT_FEW_SHOWN; i++)
            add_one_answer(page, p, v->worst[i].sample, v->worst_answers + (size_t)i * n);
    } else {
        nt_page_paragraph(page, "Answers of %d values are not shown.", v->outputs);
    }
    if (has_pictures(p->data))
        add_pictures(page, p, "The samples with the largest loss");
}

void nt_page_mistakes(nt_page *page, const nt_run_page *p)
{
    if (!p->verdict)
        return;
    if (p->verdict->classes) {
        add_classes(page, p);
        add_rejection(page, p);
    } else if (p->verdict->split->part.targets) {
        add_answers(page, p);
    }
}
