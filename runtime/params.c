#define _DEFAULT_SOURCE /* madvise */
#include "params.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "rng.h"

/* A block starts on a cache line, a large one on a huge page: weights of many megabytes are walked through several times
 * a step, and then the processor's table of 4 KiB pages is what runs out first. */
enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20, LARGE = 2 * HUGE_PAGE };

/* An optimizer reads and writes the same element of several blocks at once. Blocks that started at the same place in
 * their pages would have each of its loads wait for the store before it (only the low 12 bits of an address are compared
 * at first), so each starts this many bytes after the one before. */
enum { STAGGER = 1088 };

static bool allocate(nt_memory *memory, real **block, size_t *bytes, size_t elements, const char *what, nt_error *error)
{
    size_t offset = (size_t)memory->n_held * STAGGER, alignment = ALIGNMENT;
    void *held = NULL;
    bool good = elements <= (SIZE_MAX - offset) / sizeof(real);
    *bytes = elements * sizeof(real);
    if (*bytes >= LARGE)
        alignment = HUGE_PAGE;
    if (!good || posix_memalign(&held, alignment, *bytes + offset + (*bytes == 0)) != 0)
        return nt_fail_memory(error, what, (double)elements * sizeof(real));
#ifdef MADV_HUGEPAGE
    if (*bytes >= LARGE)
        (void)madvise(held, *bytes + offset, MADV_HUGEPAGE); /* a wish: small pages do as well, slower */
#endif
    memory->held[memory->n_held++] = held;
    *block = (real *)(void *)((char *)held + offset);
    memset(*block, 0, *bytes);
    return true;
}

bool nt_memory_init(nt_memory *memory, const nt_model *model, int batch, nt_purpose purpose, nt_error *error)
{
    bool inference = purpose == NT_FOR_INFERENCE;
    size_t sample = inference ? model->infer_sample : model->arena_sample;
    size_t fixed = inference ? model->infer_fixed : model->arena_fixed;

    *memory = (nt_memory){.batch = batch};
    if (sample > 0 && (SIZE_MAX - fixed) / sample < (size_t)batch)
        return nt_fail_memory(error, "activations", (double)sample * batch * sizeof(real));
    size_t arena = sample * (size_t)batch + fixed, one = model->infer_sample + model->infer_fixed;
    if (arena < one) /* validation runs in the training arena, at least a sample at a time */
        arena = one;
    bool good = allocate(memory, &memory->params, &memory->params_bytes, model->params_elements, "parameters", error) &&
                allocate(memory, &memory->arena, &memory->arena_bytes, arena, "activations", error);
    size_t gradients = purpose == NT_FOR_TRAINING ? model->gradient_elements : model->trainable_elements;
    if (!inference)
        good = good && allocate(memory, &memory->grads, &memory->grads_bytes, gradients, "gradients", error);
    if (purpose == NT_FOR_TRAINING || purpose == NT_FOR_STUDY)
        good = good && allocate(memory, &memory->state, &memory->state_bytes,
                                model->trainable_elements * (size_t)model->state_slots, "the optimizer", error);
    if (!good)
        nt_memory_free(memory);
    return good;
}

void nt_memory_free(nt_memory *memory)
{
    for (int i = 0; i < memory->n_held; i++)
        free(memory->held[i]);
    *memory = (nt_memory){0};
}

size_t nt_memory_bytes(const nt_memory *memory)
{
    return memory->params_bytes + memory->grads_bytes + memory->state_bytes + memory->arena_bytes;
}

size_t nt_param_count(const nt_param *param)
{
    size_t count = 1;
    for (int i = 0; i < param->n_disk_dims; i++)
        count *= (size_t)param->disk_dims[i];
    return count;
}

size_t nt_param_index(const nt_param *param, size_t disk)
{
    if (param->layout == NT_VECTOR)
        return disk;

    size_t window = (size_t)param->kh * (size_t)param->kw, rows = window * (size_t)param->in;
    size_t out_of_group = (size_t)(param->out / param->groups), padded = (size_t)param->out_padded;
    size_t panel = (size_t)param->panel;

    /* [out][in][kh][kw] on disk ... */
    size_t place = disk % window, in = disk / window % (size_t)param->in, out = disk / rows;
    size_t group = out / out_of_group, channel = out % out_of_group;
    /* ... [group][panel][kh][kw][in][channel of the panel] in memory, where the last panel may be narrower. */
    size_t first = channel / panel * panel;
    size_t width = padded - first < panel ? padded - first : panel;
    size_t row = place * (size_t)param->in + in;
    return (group * padded + first) * rows + row * width + channel - first;
}

void nt_param_pack(const nt_param *param, real *block, const float *disk)
{
    size_t count = nt_param_count(param);
    real *to = block + param->offset;
    if (param->elements != count)
        memset(to, 0, param->elements * sizeof *to);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++)
        to[nt_param_index(param, i)] = (real)disk[i];
}

void nt_param_unpack(const nt_param *param, const real *block, float *disk)
{
    size_t count = nt_param_count(param);
    const real *from = block + param->offset;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++)
        disk[i] = (float)from[nt_param_index(param, i)];
}

/* -- Initial values ---------------------------------------------------------------------------------------------- */

static void draw(const nt_param *param, uint64_t key, real *to)
{
    size_t count = nt_param_count(param);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) {
        double value = param->init_a;
        if (param->init == NT_INIT_NORMAL)
            value *= nt_random_normal(key, i);
        else if (param->init == NT_INIT_UNIFORM)
            value *= 2 * nt_random_uniform(key, i) - 1;
        to[nt_param_index(param, i)] = (real)(float)value;
    }
}

/* In eight interleaved sums that a compiler can keep in vectors. */
static double dot(const double *x, const double *y, size_t n)
{
    double sums[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++)
            sums[k] += x[i + k] * y[i + k];
    for (; i < n; i++)
        sums[0] += x[i] * y[i];
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

/* Makes n vectors of `length` values, n <= length, orthogonal and of length 1: modified Gram and Schmidt, each vector
 * the work of one thread at a time. */
static void orthonormalise(double *vectors, size_t n, size_t length)
{
#pragma omp parallel
    for (size_t k = 0; k < n; k++) {
        double *v = vectors + k * length;
#pragma omp single
        {
            double scale = 1 / sqrt(dot(v, v, length));
            for (size_t i = 0; i < length; i++)
                v[i] *= scale;
        }
#pragma omp for schedule(static)
        for (size_t j = k + 1; j < n; j++) {
            double *u = vectors + j * length, along = dot(u, v, length);
            for (size_t i = 0; i < length; i++)
                u[i] -= along * v[i];
        }
    }
}

/* The rows of each group's matrix [out][in*kh*kw], or its columns if they are fewer, from a normal one. */
static bool draw_orthogonal(const nt_param *param, uint64_t key, real *to, nt_error *error)
{
    size_t rows = (size_t)(param->out / param->groups), columns = nt_param_count(param) / (size_t)param->out;
    bool by_rows = rows <= columns;
    size_t n = by_rows ? rows : columns, length = by_rows ? columns : rows;
    double *vectors = malloc(n * length * sizeof *vectors);
    if (!vectors)
        return nt_fail_memory(error, param->name, (double)(n * length) * sizeof *vectors);
    for (size_t group = 0; group < (size_t)param->groups; group++) {
        size_t first = group * rows * columns;
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < rows * columns; i++)
            vectors[by_rows ? i : i % columns * length + i / columns] = nt_random_normal(key, first + i);
        orthonormalise(vectors, n, length);
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < rows * columns; i++) {
            double value = vectors[by_rows ? i : i % columns * length + i / columns];
            to[nt_param_index(param, first + i)] = (real)(float)(param->init_a * value);
        }
    }
    free(vectors);
    return true;
}

bool nt_params_initialise(const nt_model *model, uint64_t seed, real *params, nt_error *error)
{
    for (int p = 0; p < model->n_params; p++) {
        const nt_param *param = &model->params[p];
        uint64_t key = nt_key(nt_key(seed, NT_KEY_INIT), (uint64_t)param->init_stream);
        real *to = params + param->offset;
        memset(to, 0, param->elements * sizeof *to);
        if (param->init != NT_INIT_ORTHOGONAL && param->init != NT_INIT_LSUV)
            draw(param, key, to);
        else if (!draw_orthogonal(param, key, to, error))
            return false;
    }
    return true;
}
