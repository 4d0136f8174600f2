#define _DEFAULT_SOURCE /* madvise */
#include "params.h"

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
    if (!inference)
        good = good && allocate(memory, &memory->grads, &memory->grads_bytes, model->trainable_elements, "gradients", error);
    if (purpose == NT_FOR_TRAINING)
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

void nt_params_initialise(const nt_model *model, uint64_t seed, real *params)
{
    for (int p = 0; p < model->n_params; p++) {
        const nt_param *param = &model->params[p];
        uint64_t key = nt_key(nt_key(seed, NT_KEY_INIT), (uint64_t)param->init_stream);
        size_t count = nt_param_count(param);
        real *to = params + param->offset;
        memset(to, 0, param->elements * sizeof *to);
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
}
