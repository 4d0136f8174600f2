/* cmd_gradient.c - EXE gradient: one forward and backward pass whose results other programs can compare with theirs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

typedef struct options {
    const char *weights, *batch, *out;
    int64_t threads;
} options;

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv)
{
    const nt_option list[] = {
        {"--weights", NT_OPTION_TEXT, &o->weights, "F", "weights to use, or a folder of train", 0, NULL},
        {"--batch", NT_OPTION_TEXT, &o->batch, "B", "file with `input` (N,C,H,W or N,F) and `target` (N, or N,F)", 0,
         NULL},
        {"--out", NT_OPTION_TEXT, &o->out, "G", "file for `loss`, `output` and the gradients", 0, NULL},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N", "the result is the same for any number", 1, NULL},
    };
    const nt_usage usage = {
        context->exe,
        "gradient",
        NULL,
        "One forward and backward pass in training mode, without dropout and noise; all files are safetensors.\n"
        "The input is taken as it is: not normalized.",
        list,
        sizeof list / sizeof *list,
    };
    int rest;
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, &rest);
    if (parsed == NT_PARSED && (!o->weights || !o->batch || !o->out)) {
        fprintf(stderr, "error: gradient needs --weights F, --batch B and --out G\n");
        return NT_PARSED_WRONG;
    }
    return parsed;
}

/* The shape of n samples in a file: N,C,H,W, or N,F of vectors. Returns how many dimensions that is. */
static int sample_dims(int h, int w, int c, int64_t n, int64_t *dims)
{
    dims[0] = n;
    dims[1] = c;
    dims[2] = h;
    dims[3] = w;
    return h * w == 1 ? 2 : 4;
}

static int input_dims(const nt_model *model, int64_t n, int64_t *dims)
{
    return sample_dims(model->input_h, model->input_w, model->input_c, n, dims);
}

/* Channel-first to channel-last, n samples of c channels. */
static void channels_last(float *to, const float *from, int64_t n, size_t c, size_t pixels)
{
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t k = 0; k < c; k++)
            for (size_t p = 0; p < pixels; p++)
                to[(i * pixels + p) * c + k] = from[(i * c + k) * pixels + p];
}

static bool set_labels(nt_engine *engine, const nt_tensors *batch, const float *values, int64_t n, nt_error *error)
{
    int classes = engine->model->heads[0].c;
    for (int64_t i = 0; i < n; i++) {
        if (!(values[i] >= 0 && values[i] < (float)classes && values[i] == floorf(values[i])))
            return nt_fail(error, "%s: target %lld is %g: not one of the classes 0 to %d", batch->path, (long long)i,
                           (double)values[i], classes - 1);
        engine->labels[i] = (int32_t)values[i];
    }
    engine->pass.labels = engine->labels;
    return true;
}

static bool set_target(nt_engine *engine, const nt_tensors *batch, const nt_tensor *target, int64_t n, nt_error *error)
{
    char shape[NT_DIMS_TEXT], want[NT_DIMS_TEXT];
    const nt_head *head = &engine->model->heads[0];
    int64_t dims[4];
    int n_dims = sample_dims(head->h, head->w, head->c, n, dims);
    bool dense = target->n_dims == n_dims && memcmp(dims, target->dims, (size_t)n_dims * sizeof *dims) == 0;
    if (!dense && (target->n_dims != 1 || target->dims[0] != n))
        return nt_fail(error, "%s: target is %s; for %lld inputs it should be [%lld] or %s", batch->path,
                       nt_dims_text(shape, target->dims, target->n_dims), (long long)n, (long long)n,
                       nt_dims_text(want, dims, n_dims));
    float *values = calloc(target->count + 1, sizeof *values);
    if (!values || !nt_tensor_floats(target, values)) {
        free(values);
        return nt_fail(error, "%s: target of type %s cannot be read", batch->path, target->dtype);
    }
    engine->pass.labels = NULL;
    engine->pass.targets = NULL;
    bool good = true;
    if (dense) {
        channels_last(engine->targets, values, n, (size_t)head->c, (size_t)head->h * (size_t)head->w);
        engine->pass.targets = engine->targets;
    } else if (engine->outputs == 1 && !nt_model_classifies(engine->model)) {
        memcpy(engine->targets, values, target->count * sizeof *values);
        engine->pass.targets = engine->targets;
    } else {
        good = set_labels(engine, batch, values, n, error);
    }
    free(values);
    return good;
}

/* Loads the batch into an engine that it makes, of just that many samples. */
static bool load_batch(nt_engine *engine, const nt_model *model, const char *path, int64_t threads, nt_error *error)
{
    char have[NT_DIMS_TEXT], want[NT_DIMS_TEXT];
    int64_t dims[4];
    nt_tensors batch;
    if (!nt_tensors_read(&batch, path, error))
        return false;
    const nt_tensor *input = nt_tensors_find(&batch, "input"), *target = nt_tensors_find(&batch, "target");
    bool good = input && target;
    if (!good)
        nt_fail(error, "%s: there is no tensor '%s'", path, input ? "target" : "input");
    int64_t n = good && input->n_dims > 0 ? input->dims[0] : 0;
    int n_dims = input_dims(model, n, dims);
    if (good && (n < 1 || n > INT32_MAX || input->n_dims != n_dims ||
                 memcmp(dims, input->dims, (size_t)n_dims * sizeof *dims) != 0)) {
        dims[0] = n > 0 ? n : 1;
        good = nt_fail(error, "%s: input is %s, the network reads %s (samples first, channels before rows and columns)",
                       path, nt_dims_text(have, input->dims, input->n_dims), nt_dims_text(want, dims, n_dims));
    }
    float *values = good ? calloc(input->count + 1, sizeof *values) : NULL;
    if (good && (!values || !nt_tensor_floats(input, values)))
        good = nt_fail(error, "%s: input of type %s cannot be read", path, input->dtype);
    good = good && nt_engine_init(engine, model, (int)n, NT_FOR_GRADIENT, nt_threads(model, threads, (int)n), error);
    if (good) {
        engine->pass.n = (int)n;
        engine->pass.random = 0;
        channels_last(engine->input, values, n, (size_t)model->input_c, (size_t)model->input_h * (size_t)model->input_w);
        good = set_target(engine, &batch, target, n, error);
    }
    free(values);
    nt_tensors_free(&batch);
    return good;
}

/* -- Results ----------------------------------------------------------------------------------------------------- */

/* The output file's tensors: loss, output, the parameters, and the input where the model has its gradient. */
enum { LOSS, OUTPUT, FIRST_PARAM };

typedef struct results {
    const nt_engine *engine;
    const nt_param **params; /* of each tensor, NULL where it is none */
} results;

/* The main head's values: N,C, or N,C,H,W for a volume. */
static void fill_output(const nt_engine *engine, float *values)
{
    const nt_head *head = &engine->model->heads[0];
    const real *base = engine->pass.arena + head->offset * (size_t)engine->pass.n;
    for (int i = 0; i < engine->pass.n; i++)
        for (int c = 0; c < head->c; c++)
            for (int y = 0; y < head->h; y++)
                for (int x = 0; x < head->w; x++)
                    *values++ = base[(ptrdiff_t)i * head->stride_sample + (ptrdiff_t)y * head->stride_row +
                                     (ptrdiff_t)x * head->stride_pixel + c];
}

static void fill_input_gradient(const nt_engine *engine, float *values)
{
    const nt_model *model = engine->model;
    const real *base = engine->pass.arena + model->input_grad * (size_t)engine->pass.n;
    for (int i = 0; i < engine->pass.n; i++)
        for (int c = 0; c < model->input_c; c++)
            for (int y = 0; y < model->input_h; y++)
                for (int x = 0; x < model->input_w; x++)
                    *values++ = base[(ptrdiff_t)i * model->input_grad_stride_sample +
                                     (ptrdiff_t)y * model->input_grad_stride_row +
                                     (ptrdiff_t)x * model->input_grad_stride_pixel + c];
}

static void fill(void *context, size_t index, float *values)
{
    const results *r = context;
    const nt_engine *engine = r->engine;
    double sum = 0;
    for (int i = 0; i < engine->pass.n; i++)
        sum += (double)engine->pass.loss_sample[i];
    if (index == LOSS)
        *values = (float)(sum / engine->pass.n);
    else if (index == OUTPUT)
        fill_output(engine, values);
    else if (r->params[index])
        nt_param_unpack(r->params[index], engine->pass.grads, values);
    else
        fill_input_gradient(engine, values);
}

static bool write_results(const nt_engine *engine, const char *path, nt_error *error)
{
    const nt_model *model = engine->model;
    const nt_head *head = &model->heads[0];
    size_t most = FIRST_PARAM + (size_t)model->n_params + 1, n = FIRST_PARAM;
    nt_tensor_out *out = calloc(most, sizeof *out);
    const nt_param **params = calloc(most, sizeof(*params));
    bool good = out && params;
    if (good) {
        out[LOSS] = (nt_tensor_out){.name = "loss"};
        out[OUTPUT] = (nt_tensor_out){.name = "output",
                                      .n_dims = head->h * head->w == 1 ? 2 : 4,
                                      .dims = {engine->pass.n, head->c, head->h, head->w}};
        for (int i = 0; i < model->n_params; i++) {
            const nt_param *param = &model->params[i];
            if (!nt_param_is_trained(param))
                continue;
            params[n] = param;
            out[n].name = param->name;
            out[n].n_dims = param->n_disk_dims;
            for (int d = 0; d < param->n_disk_dims; d++)
                out[n].dims[d] = param->disk_dims[d];
            n++;
        }
        if (model->input_grad != SIZE_MAX) {
            out[n].name = "input";
            out[n].n_dims = input_dims(model, engine->pass.n, out[n].dims);
            n++;
        }
        good = nt_tensors_write(path, out, n, NULL, fill, &(results){engine, params}, NT_SURVIVES_PROCESS, error);
    } else {
        nt_fail_memory(error, path, (double)most * sizeof *out);
    }
    free(out);
    free(params);
    return good;
}

int nt_cmd_gradient(const nt_context *context, int argc, char **argv)
{
    const nt_model *model = context->model;
    options o = {0};
    nt_parsed parsed = parse(context, &o, argc, argv);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;

    nt_error error = {0};
    nt_engine engine = {0};
    nt_weights weights = {0};
    int status = NT_OK;
    if (!load_batch(&engine, model, o.batch, o.threads, &error) ||
        !nt_weights_load(&weights, model, o.weights, engine.memory.params, &error)) {
        status = nt_report(&error, NT_FAILED);
    } else {
#pragma omp parallel num_threads(engine.threads)
        model->gradient(&engine.pass);
        if (!write_results(&engine, o.out, &error))
            status = nt_report(&error, NT_ENVIRONMENT);
        else if (model->input_grad == SIZE_MAX)
            fprintf(stderr, "note: there is no gradient of the input: what it would go through is frozen\n");
    }
    nt_weights_free(&weights);
    nt_engine_free(&engine);
    return status;
}
