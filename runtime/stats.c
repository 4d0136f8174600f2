#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double saturated_from = 0.99;

double nt_sums_mean(const nt_sums *sums)
{
    return sums->count > sums->not_finite ? sums->sum / (double)(sums->count - sums->not_finite) : NAN;
}

double nt_sums_std(const nt_sums *sums)
{
    double mean = nt_sums_mean(sums), n = (double)(sums->count - sums->not_finite);
    return sqrt(fmax(sums->squares / n - mean * mean, 0));
}

bool nt_stats_can_die(const char *acted)
{
    return strcmp(acted, "relu") == 0 || strcmp(acted, "abrelu") == 0;
}

double nt_stats_saturation(const char *acted)
{
    if (strcmp(acted, "tanh") == 0)
        return saturated_from;
    if (strcmp(acted, "lecun_tanh") == 0)
        return saturated_from * 1.7159;
    return strcmp(acted, "sigmoid") == 0 ? saturated_from / 2 : 0;
}

/* What a value is compared with: its distance from the middle of its range. */
static double middle_of(const char *acted)
{
    return strcmp(acted, "sigmoid") == 0 ? 0.5 : 0;
}

static void add_value(nt_sums *sums, double x, double middle, double limit)
{
    sums->count++;
    if (!isfinite(x)) {
        sums->not_finite++;
        return;
    }
    sums->sum += x;
    sums->squares += x * x;
    sums->low = fmin(sums->low, x);
    sums->high = fmax(sums->high, x);
    sums->zeros += x == 0;
    sums->saturated += limit > 0 && fabs(x - middle) > limit;
}

static void bin_value(nt_sums *sums, double x)
{
    double width = (sums->high - sums->low) / NT_STATS_BINS;
    if (!isfinite(x))
        return;
    int bin = width > 0 ? (int)((x - sums->low) / width) : 0;
    sums->bins[bin < NT_STATS_BINS ? bin : NT_STATS_BINS - 1]++;
}

/* What is done with every value of a tensor. */
typedef struct taker {
    nt_sums *sums;
    double factor, middle, limit;
    uint8_t *alive; /* a byte a channel, or NULL */
    bool binning;
} taker;

static void take(const taker *t, double x, int channel)
{
    if (t->binning) {
        bin_value(t->sums, x * t->factor);
        return;
    }
    add_value(t->sums, x * t->factor, t->middle, t->limit);
    if (t->alive && x != 0)
        t->alive[channel] = 1;
}

static void take_place(const taker *t, const nt_pass *pass, const nt_place *place)
{
    const real *base = pass->arena + place->offset * (size_t)pass->n + place->inside;
    for (int i = 0; i < pass->n; i++)
        for (int y = 0; y < place->h; y++)
            for (int x = 0; x < place->w; x++) {
                const real *pixel = base + (ptrdiff_t)i * place->stride_sample + (ptrdiff_t)y * place->stride_row +
                                    (ptrdiff_t)x * place->stride_pixel;
                for (int c = 0; c < place->c; c++)
                    take(t, (double)pixel[c], c);
            }
}

/* nt_laps.look: the tensors that a step has just written. */
static void look(void *context, int step)
{
    nt_stats *stats = context;
    const nt_pass *pass = &stats->engine->pass;
    for (int i = 1; i < stats->n; i++) {
        nt_layer_stats *layer = &stats->layers[i];
        const nt_watched *watched = layer->watched;
        if (watched->result.step == step)
            take_place(&(taker){.sums = &layer->result,
                                .factor = 1,
                                .middle = middle_of(watched->acted),
                                .limit = nt_stats_saturation(watched->acted),
                                .alive = layer->alive,
                                .binning = stats->binning},
                       pass, &watched->result);
        if (watched->gradient_of && watched->gradient.step == step)
            take_place(&(taker){.sums = &layer->gradient, .factor = pass->n, .binning = stats->binning}, pass,
                       &watched->gradient);
    }
}

bool nt_stats_begin(nt_stats *stats, nt_engine *engine, nt_error *error)
{
    const nt_model *model = engine->model;
    *stats = (nt_stats){.engine = engine, .n = model->n_watched + 1};
    stats->layers = calloc((size_t)stats->n, sizeof *stats->layers);
    bool good = stats->layers != NULL;
    for (int i = 0; i < stats->n && good; i++) {
        nt_layer_stats *layer = &stats->layers[i];
        *layer = (nt_layer_stats){.watched = i > 0 ? &model->watched[i - 1] : NULL, .dead = -1};
        layer->result.low = layer->gradient.low = INFINITY;
        layer->result.high = layer->gradient.high = -INFINITY;
        layer->units = i > 0 ? layer->watched->result.c : model->input_c;
        layer->alive = calloc((size_t)layer->units, 1);
        good = layer->alive != NULL;
    }
    if (good)
        return true;
    nt_stats_end(stats);
    return nt_fail_memory(error, "the statistics of the layers", (double)model->n_watched * sizeof(nt_layer_stats));
}

void nt_stats_end(nt_stats *stats)
{
    for (int i = 0; stats->layers && i < stats->n; i++)
        free(stats->layers[i].alive);
    free(stats->layers);
    *stats = (nt_stats){0};
}

static void count_dead(nt_layer_stats *layer)
{
    if (!layer->watched || !nt_stats_can_die(layer->watched->acted))
        return;
    layer->dead = 0;
    for (int c = 0; c < layer->units; c++)
        layer->dead += !layer->alive[c];
}

double nt_stats_add(nt_stats *stats, int n)
{
    nt_engine *engine = stats->engine;
    const nt_model *model = engine->model;
    nt_laps laps = {.look = look, .context = stats};
    int random = engine->pass.random;
    engine->pass.n = n;
    engine->pass.random = 0;
    nt_gradients gradients = engine->pass.gradients;
    engine->pass.laps = &laps;
    if (gradients == NT_GRADIENTS_USED) /* a look at the layers is no step of training */
        engine->pass.gradients = NT_GRADIENTS_LEFT_OUT;
#pragma omp parallel num_threads(engine->threads)
    model->gradient(&engine->pass);
    engine->pass.gradients = gradients;
    engine->pass.laps = NULL;
    engine->pass.random = random;

    size_t values = (size_t)model->input_h * (size_t)model->input_w * (size_t)model->input_c;
    const taker input = {.sums = &stats->layers[0].result, .factor = 1, .binning = stats->binning};
    for (size_t i = 0; i < (size_t)n * values; i++)
        take(&input, (double)engine->input[i], 0);
    double loss = 0;
    for (int i = 0; i < n; i++)
        loss += (double)engine->pass.loss_sample[i];
    for (int i = 0; i < stats->n; i++)
        count_dead(&stats->layers[i]);
    return loss;
}
