/* cmd_info.c - EXE info. */
#include <stdio.h>

#include "command.h"
#include "progress.h"

/* Allocates for a purpose, as training or inference would, and gives it back. */
static bool measure(const nt_model *model, int batch, nt_purpose purpose, nt_memory *sizes, nt_error *error)
{
    if (!nt_memory_init(sizes, model, batch, purpose, error))
        return false;
    nt_memory held = *sizes;
    nt_memory_free(&held);
    return true;
}

static void print_json(const nt_model *model, int batch, const nt_memory *training, const nt_memory *inference)
{
    printf("{\"network\":\"%s\",\"hash\":\"%s\",\"target\":\"%s\",\"parameters\":%lld,\"batch\":%d,", model->name,
           model->hash, model->target, (long long)model->parameters, batch);
    printf("\"memory\":{\"inference\":%zu,\"training\":%zu,\"parameters\":%zu,\"gradients\":%zu,\"optimizer\":%zu,"
           "\"arena\":%zu,\"inference_arena\":%zu}}\n",
           nt_memory_bytes(inference), nt_memory_bytes(training), training->params_bytes, training->grads_bytes,
           training->state_bytes, training->arena_bytes, inference->arena_bytes);
}

static void print_bytes(const char *name, size_t bytes)
{
    char number[32];
    char size[32];
    printf("  %-18s %15s  %s\n", name, nt_format_count(number, (int64_t)bytes), nt_format_bytes(size, (double)bytes));
}

static void print_text(const nt_model *model, int batch, const nt_memory *training, const nt_memory *inference)
{
    char number[32];
    printf("%s, from %s  hash %s  target %s\n", model->name, model->file, model->hash, model->target);
    printf("  %s parameters  %.6g MMAC a sample\n", nt_format_count(number, model->parameters),
           model->macs_forward * 1e-6);
    printf("memory at batch %d, in bytes\n", batch);
    print_bytes("parameters", training->params_bytes);
    print_bytes("gradients", training->grads_bytes);
    print_bytes("optimizer", training->state_bytes);
    print_bytes("training arena", training->arena_bytes);
    print_bytes("training in all", nt_memory_bytes(training));
    print_bytes("inference arena", inference->arena_bytes);
    print_bytes("inference in all", nt_memory_bytes(inference));
}

int nt_cmd_info(const nt_context *context, int argc, char **argv)
{
    const char *format = "text";
    int64_t batch = 0;
    const nt_option list[] = {
        {"--batch", NT_OPTION_COUNT, &batch, "N", "samples to plan for", 1, NULL},
        {"--format", NT_OPTION_TEXT, &format, "text|json", "of the result", 0, NULL},
    };
    const nt_usage usage = {
        context->exe, "info",
        NULL,         "Size and hash of this model, and the memory that it allocates, to the byte.",
        list,         sizeof list / sizeof *list,
    };
    int rest;
    bool json;
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, &rest);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;
    if (!nt_format_is_json(format, &json))
        return NT_USAGE;

    nt_error error = {0};
    nt_memory training, inference;
    int n = nt_batch(context->model, batch);
    if (!measure(context->model, n, NT_FOR_TRAINING, &training, &error) ||
        !measure(context->model, n, NT_FOR_INFERENCE, &inference, &error))
        return nt_report(&error, NT_ENVIRONMENT);
    if (json)
        print_json(context->model, n, &training, &inference);
    else
        print_text(context->model, n, &training, &inference);
    return NT_OK;
}
