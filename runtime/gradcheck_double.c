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
    real *input, *input_kept; /* as it was set */
    real *input_gradient;     /* dense; the arena is used again by the next loss */
    real *params_kept;
    int32_t *labels;
    real *targets;
};

void nt_d_check_free(nt_d_check *check)
{
    if (!check)
        return;
    nt_memory_free(&check->memory);
    free(check->input);
    free(check->input_kept);
    free(check->input_gradient);
    free(check->params_kept);
    free(check->labels);
    free(check->targets);
    free(check->pass.loss_sample);
    free(check);
}

nt_d_check *nt_d_check_new(const nt_model *model, int n, int threads, const float *input, const int32_t *labels,
                           const float *targets, size_t n_targets, nt_error *error)
{
    nt_d_check *check = calloc(1, sizeof *check);
    size_t samples = (size_t)n,
           inputs = samples * (size_t)model->input_h * (size_t)model->input_w * (size_t)model->input_c;
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
    check->input_kept = calloc(inputs, sizeof(real));
    check->input_gradient = calloc(inputs, sizeof(real));
    check->params_kept = calloc(model->params_elements + 1, sizeof(real));
    check->labels = calloc(samples, sizeof *check->labels);
    check->targets = calloc(n_targets + 1, sizeof(real));
    check->pass.loss_sample = calloc(samples, sizeof(real));
    if (!check->input || !check->input_kept || !check->input_gradient || !check->params_kept || !check->labels ||
        !check->targets || !check->pass.loss_sample) {
        nt_fail_memory(error, "the gradient check", (double)(2 * inputs + model->params_elements) * sizeof(real));
        nt_d_check_free(check);
        return NULL;
    }
    for (size_t i = 0; i < inputs; i++)
        check->input[i] = check->input_kept[i] = input[i];
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
    check->pass.clip_scale = check->pass.decay_scale = 1;
    return check;
}

void nt_d_check_set(nt_d_check *check, int param, const float *values)
{
    const nt_param *p = &check->model->params[param];
    nt_param_pack(p, check->memory.params, values);
    memcpy(check->params_kept + p->offset, check->memory.params + p->offset, p->elements * sizeof(real));
}

static real *value(nt_d_check *check, int tensor, size_t index)
{
    if (tensor == NT_D_INPUT)
        return &check->input[index];
    const nt_param *p = &check->model->params[tensor];
    return &check->memory.params[p->offset + nt_param_index(p, index)];
}

void nt_d_check_move(nt_d_check *check, int tensor, size_t index, double by)
{
    *value(check, tensor, index) += by;
}

void nt_d_check_move_along(nt_d_check *check, int tensor, const double *direction, double by)
{
    size_t n = tensor == NT_D_INPUT ? check->inputs : nt_param_count(&check->model->params[tensor]);
    for (size_t i = 0; i < n; i++)
        *value(check, tensor, i) += by * direction[i];
}

void nt_d_check_restore(nt_d_check *check, int tensor)
{
    if (tensor == NT_D_INPUT) {
        memcpy(check->input, check->input_kept, check->inputs * sizeof(real));
        return;
    }
    const nt_param *p = &check->model->params[tensor];
    memcpy(check->memory.params + p->offset, check->params_kept + p->offset, p->elements * sizeof(real));
}

double nt_d_check_loss(nt_d_check *check)
{
    double sum = 0;
#pragma omp parallel num_threads(check->threads)
    check->model->loss(&check->pass);
    for (int i = 0; i < check->pass.n; i++)
        sum += check->pass.loss_sample[i];
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
