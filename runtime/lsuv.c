#define _POSIX_C_SOURCE 200809L
#include "lsuv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SAMPLES = 256, MOST_ROUNDS = 10 };

static const double tolerance = 0.1;

/* Variance of a layer's results in the arena, over all samples, pixels and channels. */
static double variance(const nt_pass *pass, const nt_probe *probe)
{
    double sum = 0, squares = 0;
    const real *base = pass->arena + probe->offset * (size_t)pass->n + probe->inside;
    for (int i = 0; i < pass->n; i++)
        for (int y = 0; y < probe->h; y++)
            for (int x = 0; x < probe->w; x++) {
                const real *pixel = base + (ptrdiff_t)i * probe->stride_sample + (ptrdiff_t)y * probe->stride_row +
                                    (ptrdiff_t)x * probe->stride_pixel;
                for (int c = 0; c < probe->c; c++) {
                    sum += (double)pixel[c];
                    squares += (double)pixel[c] * (double)pixel[c];
                }
            }
    double count = (double)pass->n * probe->h * probe->w * probe->c, mean = sum / count;
    return squares / count - mean * mean;
}

static bool scale_layer(nt_engine *engine, nt_pass *pass, const nt_probe *probe, nt_error *error)
{
    const nt_model *model = engine->model;
    const nt_param *param = &model->params[probe->param];
    for (int round = 0; round < MOST_ROUNDS; round++) {
#pragma omp parallel num_threads(engine->threads)
        model->probe(pass);
        double now = variance(pass, probe);
        if (!(isfinite(now) && now > 0))
            return nt_fail(
                error,
                "lsuv: the results of %s have variance %g on the first training samples, which no factor makes "
                "1: look at the data and its normalization, or give it another init",
                param->name, now);
        if (fabs(now - 1) < tolerance)
            break;
        real *weights = engine->memory.params + param->offset;
        for (size_t i = 0; i < param->elements; i++)
            weights[i] = (real)((double)weights[i] / sqrt(now));
    }
    return true;
}

static bool is_scaled(const nt_probe *probe, const nt_origin *origins)
{
    return origins[probe->param] != NT_LOADED;
}

bool nt_lsuv(nt_engine *engine, const nt_data *data, const nt_split *split, const nt_origin *origins, uint64_t seed,
             int *layers, int *samples, nt_error *error)
{
    const nt_model *model = engine->model;
    size_t values = (size_t)model->input_h * (size_t)model->input_w * (size_t)model->input_c;
    double room = ((double)engine->memory.arena_bytes / sizeof(real) - (double)model->probe_fixed) /
                  (double)(model->probe_sample > 0 ? model->probe_sample : 1);
    int64_t n = room < 1 ? 1 : room < MOST_SAMPLES ? (int64_t)room : MOST_SAMPLES;
    n = n < split->count ? n : split->count;
    *layers = 0;
    *samples = (int)n;
    for (int i = 0; i < model->n_probes; i++)
        *layers += is_scaled(&model->probes[i], origins);
    if (*layers == 0)
        return true;

    nt_epoch epoch = {0};
    nt_pass pass = engine->pass;
    size_t elements = (size_t)n * model->probe_sample + model->probe_fixed;
    float *input = calloc((size_t)n * values, sizeof *input);
    void *arena = NULL;
    bool good = input && posix_memalign(&arena, 64, elements * sizeof(real)) == 0;
    if (!good)
        nt_fail_memory(error, "lsuv", (double)elements * sizeof(real));
    good = good && nt_epoch_begin(&epoch, data, split, true, seed, 0, error);
    if (good) {
        nt_data_batch(&epoch, 0, (int)n, input, NULL, NULL);
        memset(arena, 0, elements * sizeof(real)); /* padding is read, and must be finite */
        pass.n = (int)n;
        pass.input = input;
        pass.arena = arena;
        pass.random = 0;
    }
    for (int i = 0; i < model->n_probes && good; i++)
        good = !is_scaled(&model->probes[i], origins) || scale_layer(engine, &pass, &model->probes[i], error);
    nt_epoch_end(&epoch);
    free(input);
    free(arena);
    return good;
}
