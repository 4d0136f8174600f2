#define _POSIX_C_SOURCE 200809L
#include "trainer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "command.h"
#include "suggest.h"

static const struct command {
    const char *name, *arguments, *summary;
    int (*run)(const nt_context *context, int argc, char **argv);
} commands[] = {
    {"train", "", "train, with a checkpoint every epoch", nt_cmd_train},
    {"eval", "--weights F [F ...]", "loss and metrics on the test set; committees, rejection", nt_cmd_eval},
    {"predict", "--weights F INPUT ...", "classes and probabilities of images, .npy or csv rows", nt_cmd_predict},
    {"gradient", "--weights F --batch B --out G", "one forward and backward pass, written to a file", nt_cmd_gradient},
    {"gradcheck", "", "the backward code against central differences in double precision", nt_cmd_gradcheck},
    {"overfit", "[N]", "can the network learn N=20 samples by heart? It must", nt_cmd_overfit},
    {"sanity", "", "before training: first loss, gradients, penalty, a few samples by heart", nt_cmd_sanity},
    {"stats", "", "mean and spread of activations and gradients, dead units, size of a step", nt_cmd_stats},
    {"lr-range", "", "how the loss goes while the learning rate grows: which rates are worth trying", nt_cmd_lr_range},
    {"adversarial", "--weights F", "accuracy that small changes against the network leave", nt_cmd_adversarial},
    {"dropout", "--weights F", "the mean of many passes with dropout beside the pass without", nt_cmd_dropout},
    {"search", "", "random search over the ranges of the model's optimizer, coarse to fine", nt_cmd_search},
    {"samples", "[--out FILE.png]", "a picture of training samples as the augmentation makes them", nt_cmd_samples},
    {"report", "[--run DIR]", "the page about a run, made anew", nt_cmd_report},
    {"bench", "", "time of a training step and of inference", nt_cmd_bench},
    {"info", "", "size, hash and memory of this model", nt_cmd_info},
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

/* -- What the commands share ------------------------------------------------------------------------------------- */

int nt_report(const nt_error *error, int status)
{
    fprintf(stderr, "error: %s\n", error->text);
    return status;
}

int nt_threads(const nt_model *model, int64_t asked, int batch)
{
#ifdef _OPENMP
    /* Below this many operations a step, waiting for each other costs threads more than they share. */
    static const double flops_a_thread = 1e6;
    enum { most_threads = 1024 };
    if (asked <= 0) {
        double worth = model->flops_step * batch / flops_a_thread;
        int most = omp_get_max_threads();
        asked = worth < 1 ? 1 : worth < most ? (int64_t)worth : most;
    }
    asked = asked < most_threads ? asked : most_threads;
    omp_set_num_threads((int)asked);
    return (int)asked;
#else
    (void)model, (void)asked, (void)batch;
    return 1;
#endif
}

int nt_batch(const nt_model *model, int64_t asked)
{
    return asked > 0 ? (int)asked : model->train_config->batch;
}

bool nt_weights_given(const nt_context *context, const char *command, const char *weights)
{
    if (!weights)
        fprintf(stderr, "error: %s needs --weights F: a training writes runs/%s/best.safetensors\n", command,
                context->model->name);
    return weights != NULL;
}

bool nt_format_is_json(const char *format, bool *json)
{
    *json = strcmp(format, "json") == 0;
    if (*json || strcmp(format, "text") == 0)
        return true;
    fprintf(stderr, "error: --format is text or json, not '%s'\n", format);
    return false;
}

const char *nt_class_name(const nt_data *data, const nt_weights *weights, int i, char *text)
{
    const char *name = data->class_names ? data->class_names[i] : nt_weights_class(weights, i);
    if (name)
        return name;
    snprintf(text, 32, "%d", i);
    return text;
}

/* Estimates the normalizer's constants from the training part. */
static bool estimate_again(const nt_model *model, const char *data_path, nt_normalizer *normalizer, nt_error *error)
{
    nt_data_request request = nt_engine_request(model, data_path, NT_PART_TRAIN, model->train_config->seed);
    nt_data data;
    if (!nt_data_load(&request, &data, error))
        return false;
    const nt_normalizer *from = &data.normalizer;
    bool good = nt_normalizer_set(normalizer, from->mean, from->std, from->n, from->scale, from->matrix, error);
    nt_data_free(&data);
    return good;
}

bool nt_load_for_use(const nt_model *model, const char *weights_path, const char *data_path, nt_engine *engine,
                     nt_data *data, nt_weights *weights, nt_error *error)
{
    bool found;
    if (!nt_weights_load(weights, model, weights_path, engine->memory.params, error))
        return false;
    if (weights->other_model)
        fprintf(stderr, "note: %s was written for another version of this model; names and shapes fit\n", weights_path);
    bool good = nt_weights_normalizer(weights, &data->normalizer, &found, error);
    if (good && !found && nt_normalizer_estimated(data->normalizer.kind)) {
        fprintf(stderr, "note: %s holds no preprocessing constants: they are estimated again from the training data\n",
                weights_path);
        good = estimate_again(model, data_path, &data->normalizer, error);
    }
    if (good)
        nt_engine_use_data(engine, data);
    else
        nt_weights_free(weights);
    return good;
}

/* -- main -------------------------------------------------------------------------------------------------------- */

static void print_usage(const nt_context *context, FILE *to)
{
    fprintf(to, "%s, from %s\n\nusage: %s COMMAND [options]\n\n", context->model->name, context->model->file,
            context->exe);
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-11s %-31s %s\n", commands[i].name, commands[i].arguments, commands[i].summary);
    fprintf(to, "\n`%s COMMAND --help` lists the options of a command.\n", context->exe);
}

static int unknown_command(const nt_context *context, const char *word)
{
    const char *names[N_COMMANDS];
    for (int i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i].name;
    const char *near = nt_suggest(word, names, N_COMMANDS);
    fprintf(stderr, "error: unknown command '%s'", word);
    if (near)
        fprintf(stderr, "; did you mean '%s'?", near);
    fprintf(stderr, "\nhelp: `%s --help` lists the commands\n", context->exe);
    return NT_USAGE;
}

/* Results that did not get to where they were sent are no results. A command that failed has said why. */
static int checked_results(int status)
{
    bool lost = ferror(stdout) != 0; /* an earlier write: its reason is no longer known */
    errno = 0;
    lost = fflush(stdout) != 0 || lost;
    if (!lost || status != NT_OK)
        return status;
    int reason = errno;
    fprintf(stderr, "error: cannot write the results%s%s\n", reason ? ": " : "", reason ? strerror(reason) : "");
    return NT_ENVIRONMENT;
}

/* Whether this processor has the instructions that the model's code is made of: without them it would die at the first one. */
static bool processor_has(const char *target)
{
#if defined(__x86_64__) && defined(__GNUC__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (strcmp(target, "avx2") == 0)
        return avx2;
    if (strcmp(target, "avx512") == 0)
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
               && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    (void)target;
#endif
    return true;
}

int nt_trainer_main(const nt_model *model, const nt_model *model_double, const nt_sketch *sketch, int argc, char **argv)
{
    nt_context context = {
        .model = model, .model_double = model_double, .sketch = sketch, .exe = argc > 0 ? argv[0] : model->name,
    };
    if (model->abi != NT_ABI) {
        fprintf(stderr, "error: %s was emitted for version %d of the runtime, this is %d: build it again\n",
                model->file, model->abi, NT_ABI);
        return NT_ENVIRONMENT;
    }
    /* A limit on file sizes is an error of one write, with a message, not the end of the program. */
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGXFSZ, &ignore, NULL);
    if (argc < 2) {
        print_usage(&context, stderr);
        return NT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(&context, stdout);
        return checked_results(NT_OK);
    }
    if (!processor_has(model->target)) {
        fprintf(stderr,
                "error: %s was compiled for processors with %s, which this one has not\n"
                "help: `netc build %s` on this machine makes one for it; `--target generic` one that runs everywhere\n",
                context.exe, model->target, model->file);
        return NT_ENVIRONMENT;
    }
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return checked_results(commands[i].run(&context, argc - 2, argv + 2));
    return unknown_command(&context, argv[1]);
}
