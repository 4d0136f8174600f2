/* gradcheck_double.c - compiled with NT_DOUBLE, as the model that it runs. */
#include "gradcheck_double.h"

#include <stdlib.h>
#include <string.h>

#include "params.h"

#ifndef NT_DOUBLE
#error "this file goes with a model in double: compile it with -DNT_DOUBLE"
#endif

struct nt_d_check {
    const nt_model *model;
    int threads;
    nt_memory memory;
    nt_pass pass;
    size_t inputs;
    real *input;
    real *input_gradient; /* dense; the arena is used again by the next loss */
    int32_t *labels;
    real *targets;
    real *moved;            /* first value of what nt_d_check_aim chose, in params or input, NULL before: ... */
    size_t n_moved;         /* ... how many values it has as stored, ... */
    real *kept, *direction; /* ... what they were set to, and the direction, stored alike */
};

void nt_d_check_free(nt_d_check *check)
{
    if (!check)
        return;
    nt_memory_free(&check->memory);
    free(check->input);
    free(check->input_gradient);
    free(check->labels);
    free(check->targets);
    free(check->kept);
    free(check->direction);
    free(check->pass.loss_sample);
    free(check);
}

static size_t largest_tensor(const nt_model *model, size_t inputs)
{
    size_t largest = inputs;
    for (int i = 0; i < model->n_params; i++)
        largest = model->params[i].elements > largest ? model->params[i].elements : largest;
    return largest;
}

nt_d_check *nt_d_check_new(const nt_model *model, int n, int threads, const int32_t *labels, const float *targets,
                           size_t n_targets, nt_error *error)
{
    nt_d_check *check = calloc(1, sizeof *check);
    size_t samples = (size_t)n,
           inputs = samples * (size_t)model->input_h * (size_t)model->input_w * (size_t)model->input_c,
           largest = largest_tensor(model, inputs);
    if (!check || !nt_memory_init(&check->memory, model, n, NT_FOR_GRADIENT, error)) {
        if (!check)
            nt_fail_memory(error, "the gradient check", sizeof *check);
        free(check);
        return NULL;
    }
    check->model = model;
    check->threads = threads;
    check->inputs = inputs;
    check->input = calloc(inputs, sizeof(real));
    check->input_gradient = calloc(inputs, sizeof(real));
    check->labels = calloc(samples, sizeof *check->labels);
    check->targets = calloc(n_targets + 1, sizeof(real));
    check->kept = calloc(largest, sizeof(real));
    check->direction = calloc(largest, sizeof(real));
    check->pass.loss_sample = calloc(samples, sizeof(real));
    if (!check->input || !check->input_gradient || !check->labels || !check->targets || !check->kept ||
        !check->direction || !check->pass.loss_sample) {
        nt_fail_memory(error, "the gradient check", (double)(inputs + largest) * 2 * sizeof(real));
        nt_d_check_free(check);
        return NULL;
    }
    for (size_t i = 0; targets && i < n_targets; i++)
        check->targets[i] = targets[i];
    if (labels)
        memcpy(check->labels, labels, samples * sizeof *labels);
    check->pass.n = n;
    check->pass.params = check->memory.params;
    check->pass.grads = check->memory.grads;
    check->pass.arena = check->memory.arena;
    check->pass.input = check->input;
    check->pass.labels = labels ? check->labels : NULL;
    check->pass.targets = targets ? check->targets : NULL;
    check->pass.clip_scale = check->pass.decay_scale = check->pass.l1_scale = 1;
    return check;
}

void nt_d_check_set(nt_d_check *check, int tensor, const float *values)
{
    if (tensor != NT_D_INPUT) {
        nt_param_pack(&check->model->params[tensor], check->memory.params, values);
        return;
    }
    for (size_t i = 0; i < check->inputs; i++)
        check->input[i] = values[i];
}

void nt_d_check_aim(nt_d_check *check, int tensor, const double *direction)
{
    if (tensor == NT_D_INPUT) {
        check->moved = check->input;
        check->n_moved = check->inputs;
        memcpy(check->direction, direction, check->inputs * sizeof(real));
    } else {
        const nt_param *p = &check->model->params[tensor];
        check->moved = check->memory.params + p->offset;
        check->n_moved = p->elements;
        memset(check->direction, 0, p->elements * sizeof(real));
        for (size_t i = 0; i < nt_param_count(p); i++)
            check->direction[nt_param_index(p, i)] = direction[i];
    }
    memcpy(check->kept, check->moved, check->n_moved * sizeof(real));
}

double nt_d_check_loss(nt_d_check *check, double by)
{
    double sum = 0;
    for (size_t i = 0; by != 0 && i < check->n_moved; i++)
        check->moved[i] = check->kept[i] + by * check->direction[i];
#pragma omp parallel num_threads(check->threads)
    check->model->loss(&check->pass);
    for (int i = 0; i < check->pass.n; i++)
        sum += check->pass.loss_sample[i];
    if (by != 0)
        memcpy(check->moved, check->kept, check->n_moved * sizeof(real));
    return sum / check->pass.n;
}

/* Where the gradient of one input value lies in the arena. */
static size_t input_gradient_at(const nt_model *model, size_t n, size_t index)
{
    size_t c = (size_t)model->input_c, w = (size_t)model->input_w, h = (size_t)model->input_h;
    size_t sample = index / (c * w * h), y = index / (c * w) % h, x = index / c % w;
    return model->input_grad * n + sample * (size_t)model->input_grad_stride_sample +
           y * (size_t)model->input_grad_stride_row + x * (size_t)model->input_grad_stride_pixel + index % c;
}

void nt_d_check_backward(nt_d_check *check)
{
#pragma omp parallel num_threads(check->threads)
    check->model->gradient(&check->pass);
    if (check->model->input_grad == SIZE_MAX)
        return;
    for (size_t i = 0; i < check->inputs; i++)
        check->input_gradient[i] = check->memory.arena[input_gradient_at(check->model, (size_t)check->pass.n, i)];
}

double nt_d_check_gradient(const nt_d_check *check, int tensor, size_t index)
{
    if (tensor == NT_D_INPUT)
        return check->input_gradient[index];
    const nt_param *p = &check->model->params[tensor];
    return check->memory.grads[p->offset + nt_param_index(p, index)];
}
