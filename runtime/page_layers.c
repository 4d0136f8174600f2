/* page_layers.c - what a run's page shows from inside the network: the weights of the first layer as pictures. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "plot.h"
#include "run_page.h"

enum { MOST_TILES = 128, MOST_TILE_VALUES = 1 << 16, SHOWN_SIDE = 64 /* of a small picture, pixels of the screen */ };

/* A whole number of pixels for each pixel, where that fits. */
static int shown_side(int side)
{
    return side < SHOWN_SIDE ? SHOWN_SIDE / side * side : SHOWN_SIDE;
}

/* The first layer's weights, if a window of at least 2x2 looks at the input with them; else NULL. */
static const nt_param *first_filters(const nt_model *model)
{
    for (int i = 0; i < model->n_params; i++) {
        const nt_param *param = &model->params[i];
        if (param->layout == NT_PANELS)
            return param->kh > 1 && param->kw > 1 && param->in * param->groups == model->input_c ? param : NULL;
    }
    return NULL;
}

/* The bytes of one tile: a filter in colours, or one channel of it. `disk` is in PyTorch's order. Zero is the
 * middle, and the largest weight of the filter the end. */
static void make_tile(const nt_param *param, const float *disk, int filter, int channel, int channels, uint8_t *bytes)
{
    size_t window = (size_t)param->kh * (size_t)param->kw, all = window * (size_t)param->in;
    const float *from = disk + (size_t)filter * all;
    double most = 0;
    for (size_t i = 0; i < all; i++)
        most = fmax(most, fabs((double)from[i]));
    for (int c = 0; c < channels; c++)
        for (size_t i = 0; i < window; i++)
            nt_image_bytes(from + (size_t)(channel + c) * window + i, 1, -most, most,
                           bytes + i * (size_t)channels + (size_t)c);
}

/* The first filters' weights in PyTorch's order. The caller frees them. */
static float *first_weights(const nt_param *param, const real *params, int filters)
{
    size_t n = (size_t)filters * (size_t)param->in * (size_t)param->kh * (size_t)param->kw;
    float *values = malloc(n * sizeof *values);
    for (size_t i = 0; values && i < n; i++)
        values[i] = (float)params[param->offset + nt_param_index(param, i)];
    return values;
}

static void add_tiles(nt_page *page, const nt_param *param, const real *params)
{
    int channels = param->in == 3 ? 3 : 1, each = param->in / channels, tiles = param->out * each;
    int n = tiles < MOST_TILES ? tiles : MOST_TILES, side = param->kh > param->kw ? param->kh : param->kw;
    size_t size = (size_t)param->kh * (size_t)param->kw * (size_t)channels;
    float *weights = first_weights(param, params, (n + each - 1) / each);
    uint8_t *bytes = malloc((size_t)n * size);
    nt_image *images = calloc((size_t)n, sizeof *images);
    char caption[300], part[64] = "";
    bool good = weights && bytes && images;
    for (int i = 0; good && i < n; i++) {
        make_tile(param, weights, i / each, i % each, channels, bytes + (size_t)i * size);
        images[i] = (nt_image){.bytes = bytes + (size_t)i * size, .h = param->kh, .w = param->kw, .c = channels};
    }
    if (n < tiles)
        snprintf(part, sizeof part, "; the first %d of %d", n, tiles);
    snprintf(caption, sizeof caption, "%.100s, %dx%d%s%s. Middle grey is 0; %s the filter's largest weight",
             param->name, param->kh, param->kw, part,
             channels == 1 && param->in > 1 ? "; each channel by itself, filter after filter" : "",
             channels == 3 ? "a colour is strongest at" : "black and white are");
    if (good)
        nt_plot_images(page, caption, images, n, shown_side(side));
    page->lost = page->lost || !good;
    free(weights);
    free(bytes);
    free(images);
}

void nt_page_filters(nt_page *page, const nt_model *model, const real *params)
{
    const nt_param *param = first_filters(model);
    if (!param || param->kh * param->kw > MOST_TILE_VALUES)
        return;
    nt_page_section(page, "Filters of the first layer");
    add_tiles(page, param, params);
}
