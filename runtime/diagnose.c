#include "diagnose.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

/* The first value that is not finite, as its index; n if there is none. */
static size_t first_bad(const real *values, size_t n)
{
    size_t i = 0;
    while (i < n && isfinite(values[i]))
        i++;
    return i;
}

static bool is_bad(const nt_param *param, const real *block)
{
    return first_bad(block + param->offset, param->elements) < param->elements;
}

/* Whether the backward pass has put this parameter's gradient into it. */
static bool was_stepped(const nt_engine *engine, const nt_param *param, nt_step_outcome outcome)
{
    return param->at_once && engine->pass.gradients == NT_GRADIENTS_USED && outcome == NT_STEP_NORM_NOT_FINITE;
}

/* The first parameter that is bad before the step. */
static const nt_param *bad_param(const nt_engine *engine, nt_step_outcome outcome)
{
    const nt_model *model = engine->model;
    for (int i = 0; i < model->n_params; i++) {
        const nt_param *param = &model->params[i];
        if (!was_stepped(engine, param, outcome) && is_bad(param, engine->pass.params))
            return param;
    }
    return NULL;
}

/* The backward pass reaches later layers first, so the last parameter is the first with a bad gradient. A gradient that was used up has
 * left its mark on the parameter. */
static const nt_param *bad_gradient(const nt_engine *engine, nt_step_outcome outcome)
{
    const nt_model *model = engine->model;
    const nt_param *found = NULL;
    for (int i = 0; i < model->n_params; i++) {
        const nt_param *param = &model->params[i];
        const real *block = was_stepped(engine, param, outcome) ? engine->pass.params : engine->pass.grads;
        if (nt_param_is_trained(param) && is_bad(param, block))
            found = param;
    }
    return found;
}

static bool overlap(const nt_model *model, int a, int b)
{
    size_t a0 = model->layer_offsets[a], b0 = model->layer_offsets[b];
    return a0 < b0 + model->layer_elements[b] && b0 < a0 + model->layer_elements[a];
}

/* A tensor that a later one shares memory with can no longer be seen after the pass. */
static bool overwritten(const nt_model *model, int layer)
{
    for (int later = layer + 1; later < model->n_layers; later++)
        if (overlap(model, layer, later))
            return true;
    return false;
}

static int bad_layer(const nt_engine *engine)
{
    const nt_model *model = engine->model;
    size_t n = (size_t)engine->pass.n;
    for (int i = 0; i < model->n_layers; i++) {
        const real *values = engine->pass.arena + model->layer_offsets[i] * n;
        size_t elements = model->layer_elements[i] * n;
        if (!overwritten(model, i) && first_bad(values, elements) < elements)
            return i;
    }
    return -1;
}

void nt_diagnose(nt_engine *engine, nt_step_outcome outcome, char *text, size_t size)
{
    const nt_model *model = engine->model;
    size_t inputs = (size_t)(model->input_h * model->input_w * model->input_c) * (size_t)engine->pass.n;
    const nt_param *param = bad_param(engine, outcome);

    if (first_bad(engine->pass.input, inputs) < inputs)
        snprintf(text, size, "the input has values that are not finite after normalization");
    else if (param)
        snprintf(text, size, "the parameter %s has values that are not finite", param->name);
    else if (outcome == NT_STEP_NORM_NOT_FINITE) {
        param = bad_gradient(engine, outcome);
        if (param)
            snprintf(text, size, "the loss is finite; going backward, the first gradient that is not is that of %s",
                     param->name);
        else
            snprintf(text, size, "every gradient is finite, but the sum of their squares is not");
    } else {
#pragma omp parallel num_threads(engine->threads)
        model->loss(&engine->pass);
        int layer = bad_layer(engine);
        if (layer >= 0)
            snprintf(text, size, "the first layer with values that are not finite is %s", model->layer_names[layer]);
        else
            snprintf(text, size, "every layer is finite, but the loss computed from them is not");
    }
}
