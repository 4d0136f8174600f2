/* page_inside.c - what a run's page shows of the results inside the network: feature maps of two samples, and how
 * the values of each layer are spread. Both are of one batch of samples from all over the part that was tested, in
 * training mode without dropout, as that is where all results can be seen. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "laps.h"
#include "plot.h"
#include "run_page.h"
#include "stats.h"

enum {
    MOST_SAMPLES = 200,
    MAP_SAMPLES = 2, /* whose maps are shown */
    MAP_LAYERS = 4,
    MOST_MAPS = 32, /* of a layer */
    SMALLEST_MAP = 4,
    MOST_HISTOGRAMS = 48,
    SHOWN_SIDE = 64
};

/* Values of all layers and samples together that a page is worth looking at: some tenths of a second. */
static const double most_values = 1e7;

/* -- The batch --------------------------------------------------------------------------------------------------- */

static double values_of(const nt_place *place)
{
    return (double)place->h * place->w * place->c;
}

static int count_samples(const nt_engine *engine, const nt_split *split)
{
    double values = 1;
    for (int i = 0; i < engine->model->n_watched; i++)
        values += values_of(&engine->model->watched[i].result);
    int most = engine->batch < MOST_SAMPLES ? engine->batch : MOST_SAMPLES;
    double n = fmin(fmax(most_values / values, MAP_SAMPLES), most);
    return n < (double)split->count ? (int)n : (int)split->count;
}

/* Loads n samples from all over a split into the engine's buffers, and their places in the part into `places`. */
static bool load(nt_engine *engine, const nt_data *data, const nt_split *split, int n, int64_t *places, nt_error *error)
{
    nt_epoch epoch;
    for (int i = 0; i < n; i++) {
        int64_t sample = split->count * i / n;
        places[i] = split->index ? split->index[sample] : sample;
    }
    const nt_split few = {.count = n, .index = places, .part = split->part};
    if (!nt_epoch_begin(&epoch, data, &few, false, 0, 0, error))
        return false;
    nt_data_batch(&epoch, 0, n, engine->input, engine->labels, engine->targets);
    nt_epoch_end(&epoch);
    return true;
}

/* -- Feature maps ------------------------------------------------------------------------------------------------ */

typedef struct maps {
    const nt_pass *pass;
    const nt_watched *layers[MAP_LAYERS];
    float *values[MAP_LAYERS]; /* [sample][map][row][pixel] */
    int n;
    int samples[MAP_SAMPLES], n_samples; /* places in the batch */
} maps;

static int shown_maps(const nt_place *place)
{
    return place->c < MOST_MAPS ? place->c : MOST_MAPS;
}

/* The first result of each size, from the input on: further ones look alike. */
static void choose_layers(maps *m, const nt_model *model)
{
    int h = 0, w = 0;
    for (int i = 0; i < model->n_watched && m->n < MAP_LAYERS; i++) {
        const nt_place *place = &model->watched[i].result;
        if (place->h < SMALLEST_MAP || place->w < SMALLEST_MAP || (place->h == h && place->w == w))
            continue;
        h = place->h;
        w = place->w;
        m->layers[m->n++] = &model->watched[i];
    }
}

/* nt_laps.look: copies the maps that a step has just made. */
static void take_maps(void *context, int step)
{
    maps *m = context;
    for (int k = 0; k < m->n; k++) {
        const nt_place *place = &m->layers[k]->result;
        float *to = m->values[k];
        if (place->step != step)
            continue;
        for (int i = 0; i < m->n_samples; i++)
            for (int c = 0; c < shown_maps(place); c++)
                for (int y = 0; y < place->h; y++)
                    for (int x = 0; x < place->w; x++)
                        *to++ = (float)*(m->pass->arena + place->offset * (size_t)m->pass->n + place->inside +
                                         (ptrdiff_t)m->samples[i] * place->stride_sample +
                                         (ptrdiff_t)y * place->stride_row + (ptrdiff_t)x * place->stride_pixel + c);
    }
}

static bool compute_maps(maps *m, nt_engine *engine, int n)
{
    nt_laps laps = {.look = take_maps, .context = m};
    nt_pass *pass = &engine->pass;
    for (int k = 0; k < m->n; k++) {
        const nt_place *place = &m->layers[k]->result;
        m->values[k] = calloc((size_t)m->n_samples * (size_t)shown_maps(place) * (size_t)place->h * (size_t)place->w,
                              sizeof(float));
        if (!m->values[k])
            return false;
    }
    m->pass = pass;
    pass->n = n;
    pass->random = 0;
    pass->laps = &laps;
#pragma omp parallel num_threads(engine->threads)
    engine->model->loss(pass);
    pass->laps = NULL;
    pass->random = 1;
    return true;
}

/* A sample's maps of one layer, all on one scale. */
static void add_maps(nt_page *page, const nt_watched *layer, const float *values)
{
    const nt_place *place = &layer->result;
    int n = shown_maps(place), longer = place->h > place->w ? place->h : place->w;
    size_t size = (size_t)place->h * (size_t)place->w;
    nt_image images[MOST_MAPS];
    uint8_t *bytes = malloc(size * (size_t)n);
    char caption[260], part[48] = "";
    double low = INFINITY, high = -INFINITY;
    if (!bytes) {
        page->lost = true;
        return;
    }
    for (size_t i = 0; i < size * (size_t)n; i++) {
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    nt_image_bytes(values, size * (size_t)n, low, high, bytes);
    for (int c = 0; c < n; c++)
        images[c] = (nt_image){.bytes = bytes + (size_t)c * size, .h = place->h, .w = place->w, .c = 1};
    if (n < place->c)
        snprintf(part, sizeof part, ", %d of %d", n, place->c);
    snprintf(caption, sizeof caption, "%.60s (%.60s), %dx%d%s: %.3g is black, %.3g white", layer->layer, layer->what,
             place->h, place->w, part, low, high);
    nt_plot_images(page, caption, images, n, longer < SHOWN_SIDE ? SHOWN_SIDE / longer * longer : SHOWN_SIDE);
    free(bytes);
}

static void add_feature_maps(nt_page *page, const nt_run_page *p, const int64_t *places, int n)
{
    maps m = {.n_samples = n < MAP_SAMPLES ? n : MAP_SAMPLES};
    choose_layers(&m, p->model);
    if (m.n == 0)
        return;
    nt_page_section(page, "Feature maps");
    for (int i = 0; i < m.n_samples; i++)
        m.samples[i] = n * i / m.n_samples;
    bool good = compute_maps(&m, p->engine, n);
    for (int i = 0; i < m.n_samples && good; i++) {
        nt_page_add(page, "<div>\n");
        nt_page_sample(page, p, places[m.samples[i]]);
        for (int k = 0; k < m.n; k++) {
            const nt_place *place = &m.layers[k]->result;
            add_maps(page, m.layers[k],
                     m.values[k] + (size_t)i * (size_t)shown_maps(place) * (size_t)place->h * (size_t)place->w);
        }
        nt_page_add(page, "</div>\n");
    }
    for (int k = 0; k < m.n; k++)
        free(m.values[k]);
    page->lost = page->lost || !good;
}

/* -- Histograms -------------------------------------------------------------------------------------------------- */

/* Of a layer, not of the input, that has values to show. */
static void add_histogram(nt_page *page, const nt_layer_stats *layer)
{
    const nt_sums *sums = &layer->result;
    double heights[NT_STATS_BINS], zeros = 100 * (double)sums->zeros / (double)sums->count;
    char caption[140], figures[140], dead[40] = "";
    if (sums->not_finite == sums->count)
        return;
    for (int i = 0; i < NT_STATS_BINS; i++)
        heights[i] = 100 * (double)sums->bins[i] / (double)sums->count;
    snprintf(caption, sizeof caption, "%.60s\n%.60s", layer->watched->layer, layer->watched->what);
    if (layer->dead > 0)
        snprintf(dead, sizeof dead, ", %d of %d dead", layer->dead, layer->units);
    snprintf(figures, sizeof figures, "mean %.2g, std %.2g%s", nt_sums_mean(sums), nt_sums_std(sums), dead);
    if (zeros >= 1)
        snprintf(figures + strlen(figures), sizeof figures - strlen(figures), ", %.0f%% zero", zeros);
    nt_plot_bars(page, &(nt_bars){.caption = caption,
                                  .x_title = figures,
                                  .values = heights,
                                  .n = NT_STATS_BINS,
                                  .from = sums->low,
                                  .to = sums->high > sums->low ? sums->high : sums->low + 1,
                                  .y_log = zeros > 20,
                                  .width = 265,
                                  .height = 170});
}

static void add_histograms(nt_page *page, const nt_run_page *p, int n)
{
    nt_stats stats;
    nt_error error = {0};
    if (!nt_stats_begin(&stats, p->engine, &error)) {
        page->lost = true;
        return;
    }
    nt_stats_add(&stats, n);
    stats.binning = true;
    nt_stats_add(&stats, n);
    int every = (stats.n + MOST_HISTOGRAMS - 1) / MOST_HISTOGRAMS;
    nt_page_section(page, "Values in the layers");
    nt_page_paragraph(
        page, "Shares of the results in %%, over %d samples%s. Where many results are 0 the axis is logarithmic.", n,
        every > 1 ? "; some of the layers" : "");
    for (int i = 1; i < stats.n; i += every)
        add_histogram(page, &stats.layers[i]);
    nt_stats_end(&stats);
}

void nt_page_inside(nt_page *page, const nt_run_page *p)
{
    int64_t places[MOST_SAMPLES];
    nt_error error = {0};
    if (!p->verdict || p->model->n_watched == 0)
        return;
    const nt_split *split = p->verdict->split;
    int n = count_samples(p->engine, split);
    if (!load(p->engine, p->data, split, n, places, &error)) {
        page->lost = true;
        return;
    }
    add_feature_maps(page, p, places, n);
    add_histograms(page, p, n);
}
