/* page_plane.c - what a run's page shows of a network that reads points of the plane: the class it gives to every
 * one of them, and the samples that it was tested on. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "plot.h"
#include "run_page.h"

enum { GRID = 120, MOST_CLASSES = 8, MOST_POINTS = 500 };

/* The colours of the series of plot.h as they are on white. */
static const uint8_t colours[MOST_CLASSES][3] = {
    {0x00, 0x72, 0xb2}, {0xd5, 0x5e, 0x00}, {0x00, 0x9e, 0x73}, {0xb6, 0x54, 0x9a},
    {0xb9, 0x8b, 0x00}, {0x4a, 0xa3, 0xdf}, {0x8c, 0x56, 0x4b}, {0x6b, 0x74, 0x80},
};

typedef struct plane {
    double from[2], to[2]; /* of both inputs */
    float values[GRID * GRID * 2];
    uint8_t bytes[GRID * GRID * 3];
    double x[MOST_CLASSES][MOST_POINTS], y[MOST_CLASSES][MOST_POINTS];
    int n[MOST_CLASSES];
} plane;

/* The samples, a class a series, and the plane around them. */
static void gather(plane *q, const nt_split *split)
{
    for (int k = 0; k < 2; k++) {
        q->from[k] = INFINITY;
        q->to[k] = -INFINITY;
    }
    int64_t every = split->count / MOST_POINTS + 1;
    for (int64_t i = 0; i < split->count; i += every) {
        int64_t place = split->index ? split->index[i] : i;
        const float *value = split->part.values + 2 * place;
        int class = split->part.labels[place];
        q->x[class][q->n[class]] = value[0];
        q->y[class][q->n[class]++] = value[1];
        for (int k = 0; k < 2; k++) {
            q->from[k] = fmin(q->from[k], value[k]);
            q->to[k] = fmax(q->to[k], value[k]);
        }
    }
    for (int k = 0; k < 2; k++) {
        double margin = q->to[k] > q->from[k] ? 0.1 * (q->to[k] - q->from[k]) : 1;
        q->from[k] -= margin;
        q->to[k] += margin;
    }
    for (int i = 0; i < GRID * GRID; i++) {
        q->values[2 * i] = (float)(q->from[0] + (q->to[0] - q->from[0]) * (i % GRID + 0.5) / GRID);
        q->values[2 * i + 1] = (float)(q->to[1] - (q->to[1] - q->from[1]) * (i / GRID + 0.5) / GRID);
    }
}

/* The class's colour, paler the less sure the answer is. */
static void paint(const nt_engine *engine, int i, uint8_t *pixel)
{
    double values[MOST_CLASSES] = {0};
    int class = 0, classes = engine->outputs > 1 ? engine->outputs : 2;
    nt_verdict_probabilities(engine, i, values);
    for (int k = 1; k < classes; k++)
        class = values[k] > values[class] ? k : class;
    double sure = (values[class] - 1.0 / classes) / (1 - 1.0 / classes), share = 0.08 + 0.37 * fmax(0, fmin(1, sure));
    for (int k = 0; k < 3; k++)
        pixel[k] = (uint8_t)lround(255 + share * (colours[class][k] - 255));
}

static bool answer(plane *q, const nt_run_page *p, nt_error *error)
{
    nt_split split = {.count = GRID * GRID, .part = {.count = GRID * GRID, .values = q->values}};
    nt_epoch epoch;
    nt_score score = {0};
    if (!nt_epoch_begin(&epoch, p->data, &split, false, 0, 0, error))
        return false;
    for (int first = 0; first < GRID * GRID; first += p->engine->infer_batch) {
        int left = GRID * GRID - first, n = left < p->engine->infer_batch ? left : p->engine->infer_batch;
        nt_engine_infer_batch(p->engine, &epoch, first, n, &score);
        for (int i = 0; i < n; i++)
            paint(p->engine, i, q->bytes + 3 * (first + i));
    }
    nt_epoch_end(&epoch);
    return true;
}

static void draw(nt_page *page, const nt_run_page *p, const plane *q)
{
    static const nt_weights none;
    const nt_image ground = {.bytes = q->bytes, .h = GRID, .w = GRID, .c = 3};
    nt_series series[MOST_CLASSES];
    char names[MOST_CLASSES][32];
    int classes = p->verdict->n_classes;
    for (int k = 0; k < classes; k++)
        series[k] = (nt_series){.name = nt_class_name(p->data, &none, k, names[k]),
                                .x = q->x[k],
                                .y = q->y[k],
                                .n = q->n[k],
                                .style = NT_STYLE_POINTS};
    nt_plot_lines(
        page,
        &(nt_chart){.caption = "What is given to each point of the plane (the paler, the less sure), and the samples",
                    .x_title = "first value",
                    .y_title = "second value",
                    .series = series,
                    .n_series = classes,
                    .ground = &ground,
                    .ground_x = {q->from[0], q->to[0]},
                    .ground_y = {q->from[1], q->to[1]},
                    .width = 520,
                    .height = 500});
}

void nt_page_plane(nt_page *page, const nt_run_page *p)
{
    const nt_data *data = p->data;
    const nt_verdict *v = p->verdict;
    nt_error error = {0};
    if (!v || !v->classes || v->n_classes > MOST_CLASSES || data->h * data->w != 1 || data->c != 2 ||
        !v->split->part.values || !v->split->part.labels)
        return;
    plane *q = calloc(1, sizeof *q);
    if (!q) {
        page->lost = true;
        return;
    }
    gather(q, v->split);
    nt_page_section(page, "The plane");
    if (answer(q, p, &error))
        draw(page, p, q);
    else
        nt_page_paragraph(page, "%s.", error.text);
    free(q);
}
