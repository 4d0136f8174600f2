/* cmd_bench.c - EXE bench. */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "progress.h"
#include "rng.h"

/* Passes before the clock counts: caches, pages and the processor's frequency settle. */
enum { WARM_UP = 3 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the times. */
static double median(double *times, int n)
{
    qsort(times, (size_t)n, sizeof *times, by_value);
    return n % 2 ? times[n / 2] : (times[n / 2 - 1] + times[n / 2]) / 2;
}

/* A batch of random inputs and answers. */
static void fill_batch(nt_engine *engine, int n)
{
    const nt_model *model = engine->model;
    uint64_t key = nt_key(model->train_config->seed, NT_KEY_USER);
    size_t values = (size_t)model->input_h * (size_t)model->input_w * (size_t)model->input_c * (size_t)n;
    for (size_t i = 0; i < values; i++)
        engine->input[i] = (float)nt_random_normal(key, i);
    for (int i = 0; i < n; i++)
        engine->labels[i] = (int32_t)nt_random_below(nt_key(key, 1), (uint64_t)i, (uint64_t)model->heads[0].c);
    for (int i = 0; i < n * engine->outputs; i++)
        engine->targets[i] = (float)nt_random_normal(nt_key(key, 2), (uint64_t)i);
    engine->pass.labels = nt_model_classifies(model) ? engine->labels : NULL;
    engine->pass.targets = nt_model_classifies(model) ? NULL : engine->targets;
    engine->pass.n = n;
}

static double time_training(nt_engine *engine, double *times, int steps)
{
    nt_step step = {.clip = engine->model->train_config->clip, .clip_at = engine->model->train_config->clip_at};
    for (int i = -WARM_UP; i < steps; i++) {
        double began = nt_seconds();
        nt_engine_step(engine, &step);
        if (i >= 0)
            times[i] = nt_seconds() - began;
        engine->pass.step++;
        engine->pass.update_step++;
    }
    return median(times, steps);
}

static double time_forward(nt_engine *engine, double *times, int steps)
{
    for (int i = -WARM_UP; i < steps; i++) {
        double began = nt_seconds();
#pragma omp parallel num_threads(engine->threads)
        engine->model->infer(&engine->pass);
        if (i >= 0)
            times[i] = nt_seconds() - began;
    }
    return median(times, steps);
}

int nt_cmd_bench(const nt_context *context, int argc, char **argv)
{
    const nt_model *model = context->model;
    int64_t batch = 0, threads_asked = 0, steps = 30;
    const nt_option list[] = {
        {"--batch", NT_OPTION_COUNT, &batch, "N", "samples a step", 1, NULL},
        {"--steps", NT_OPTION_COUNT, &steps, "N", "steps to take the median of (30)", 1, NULL},
        {"--threads", NT_OPTION_COUNT, &threads_asked, "N", "threads to use", 1, NULL},
    };
    const nt_usage usage = {
        context->exe, "bench",
        NULL,         "Median times of a training step (with the update) and of inference, on random data, as JSON.",
        list,         sizeof list / sizeof *list,
    };
    int rest;
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, &rest);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;

    nt_error error = {0};
    nt_engine engine;
    int n = nt_batch(model, batch), threads = nt_threads(model, threads_asked, n);
    double *times = calloc((size_t)steps, sizeof *times);
    if (!times || !nt_engine_init(&engine, model, n, NT_FOR_TRAINING, threads, &error)) {
        if (!times)
            nt_fail_memory(&error, "the times", (double)steps * sizeof *times);
        free(times);
        return nt_report(&error, NT_ENVIRONMENT);
    }
    nt_params_initialise(model, model->train_config->seed, engine.memory.params);
    fill_batch(&engine, n);
    /* So small a rate that the values stay what they are however many steps are timed. */
    engine.pass.lr = 1e-12;
    engine.pass.update_step = 1;
    double train = time_training(&engine, times, (int)steps);
    int status = NT_OK;
    if (engine.infer_batch < n)
        status = nt_report((nt_fail(&error, "inference of %d samples does not fit the training arena", n), &error),
                           NT_FAILED);
    else
        printf("{\"train_ms\":%.6g,\"forward_ms\":%.6g,\"samples_per_s\":%.6g,\"gflops\":%.6g,\"threads\":%d,\"batch\":"
               "%d}\n",
               train * 1e3, time_forward(&engine, times, (int)steps) * 1e3, n / train,
               model->flops_step * n / train * 1e-9, threads, n);
    free(times);
    nt_engine_free(&engine);
    return status;
}
