/* cmd_bench.c - EXE bench. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
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

double nt_median(double *times, int n)
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

void nt_bench_train(nt_engine *engine)
{
    const nt_clip *clip = &engine->model->train_config->clip;
    nt_step step = {.clip_norm = clip->kind == NT_CLIP_NORM ? clip->limit : 0, .want_norm = clip->kind == NT_CLIP_NORM};
    nt_engine_step(engine, &step);
    engine->pass.prepared = 0;
    engine->pass.step++;
    engine->pass.update_step++;
}

void nt_bench_infer(nt_engine *engine)
{
#pragma omp parallel num_threads(engine->threads)
    engine->model->infer(&engine->pass);
    engine->pass.prepared = engine->pass.n; /* the first pass, for warming up, has made it */
}

int nt_bench_repeat(const nt_bench *bench, void (*pass)(nt_engine *engine), void (*note)(void *to, int i, double seconds),
                    void *to)
{
    /* a pass that takes long settles what there is to settle by itself */
    double start = nt_seconds();
    for (int i = 0; i < WARM_UP && (i == 0 || bench->seconds == 0 || nt_seconds() - start < bench->seconds); i++)
        pass(bench->engine);
    start = nt_seconds();
    int done = 0;
    do {
        double began = nt_seconds();
        if (bench->engine->pass.laps)
            bench->engine->pass.laps->began = began;
        pass(bench->engine);
        note(to, done, nt_seconds() - began);
        done++;
    } while (done < bench->steps && (bench->seconds == 0 || nt_seconds() - start < bench->seconds));
    return done;
}

static void keep_time(void *to, int i, double seconds)
{
    double *times = to;
    times[i] = seconds;
}

/* The most memory that the process has had, in bytes; 0 where the system does not say. (Not getrusage: its figure begins with what
 * the program had that started this one.) */
static double peak_memory(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    double kilobytes = 0;
    char line[128];
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kilobytes = strtod(line + 6, NULL);
    if (status)
        fclose(status);
    return kilobytes * 1024;
}

static bool print_medians(const nt_bench *bench, nt_error *error)
{
    const nt_engine *engine = bench->engine;
    double *times = calloc((size_t)bench->steps, sizeof *times);
    if (!times)
        return nt_fail_memory(error, "the times", (double)bench->steps * sizeof *times);
    double train = 0, forward = 0;
    if (bench->training)
        train = nt_median(times, nt_bench_repeat(bench, nt_bench_train, keep_time, times));
    if (bench->inference)
        forward = nt_median(times, nt_bench_repeat(bench, nt_bench_infer, keep_time, times));
    free(times);
    int n = engine->pass.n;
    double flops = n * (bench->training ? engine->model->flops_step : 2 * engine->model->macs_forward);
    double seconds = bench->training ? train : forward;
    printf("{");
    if (bench->training)
        printf("\"train_ms\":%.6g,", train * 1e3);
    if (bench->inference)
        printf("\"forward_ms\":%.6g,", forward * 1e3);
    printf("\"samples_per_s\":%.6g,\"gflops\":%.6g,\"threads\":%d,\"batch\":%d,\"peak_memory\":%.0f}\n", n / seconds,
           flops / seconds * 1e-9, engine->threads, n, peak_memory());
    return true;
}

/* "training", "inference" or, if it is not given, both; false, with a message, for anything else. */
static bool choose_passes(const char *only, nt_bench *bench)
{
    bench->training = !only || strcmp(only, "training") == 0;
    bench->inference = !only || strcmp(only, "inference") == 0;
    if (!bench->training && !bench->inference)
        fprintf(stderr, "error: --only takes training or inference, not '%s'\n", only);
    return bench->training || bench->inference;
}

int nt_cmd_bench(const nt_context *context, int argc, char **argv)
{
    const nt_model *model = context->model;
    int64_t batch = 0, threads_asked = 0, steps = 30;
    double seconds = 0;
    const char *only = NULL, *format = "text";
    bool per_layer = false, json = false;
    const nt_option list[] = {
        {"--batch", NT_OPTION_COUNT, &batch, "N", "samples a step", 1, NULL},
        {"--steps", NT_OPTION_COUNT, &steps, "N", "steps to take the median of (30)", 1, NULL},
        {"--seconds", NT_OPTION_NUMBER, &seconds, "S", "fewer steps: what fits into so much time for each pass", 0, NULL},
        {"--threads", NT_OPTION_COUNT, &threads_asked, "N", "threads to use", 1, NULL},
        {"--only", NT_OPTION_TEXT, &only, "PASS", "training or inference", 0, NULL},
        {"--per-layer", NT_OPTION_FLAG, &per_layer, NULL, "each step of the passes: time, rate, share of the machine's peak", 0,
         NULL},
        {"--format", NT_OPTION_TEXT, &format, "F", "of --per-layer: text (default) or json", 0, NULL},
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
    nt_bench bench = {.engine = &engine, .steps = (int)steps, .seconds = seconds};
    if (!choose_passes(only, &bench) || !nt_format_is_json(format, &json))
        return NT_USAGE;
    int n = nt_batch(model, batch), threads = nt_threads(model, threads_asked, n);
    if (!nt_engine_init(&engine, model, n, bench.training ? NT_FOR_TRAINING : NT_FOR_INFERENCE, threads, &error))
        return nt_report(&error, NT_ENVIRONMENT);
    if (!nt_params_initialise(model, model->train_config->seed, engine.memory.params, &error)) {
        nt_engine_free(&engine);
        return nt_report(&error, NT_ENVIRONMENT);
    }
    fill_batch(&engine, n);
    /* So small a rate that the values stay what they are however many steps are timed. */
    engine.pass.lr = 1e-12;
    engine.pass.update_step = 1;
    bool ok = false;
    if (bench.inference && engine.infer_batch < n)
        nt_fail(&error, "inference of %d samples does not fit the training arena: add --only inference", n);
    else
        ok = per_layer ? nt_bench_layers(&bench, json, &error) : print_medians(&bench, &error);
    nt_engine_free(&engine);
    return ok ? NT_OK : nt_report(&error, NT_FAILED);
}
