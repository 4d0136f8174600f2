#define _POSIX_C_SOURCE 200809L
#include "checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights.h"

static const char state_version[] = "4";

typedef enum field_kind { SIGNED, UNSIGNED, REAL, HISTORY, TEXT, REASON } field_kind;

/* The members of nt_run as they stand in the file's metadata. */
static const struct run_field {
    const char *name;
    field_kind kind;
    size_t at;
} run_fields[] = {
    {"run.seed", UNSIGNED, offsetof(nt_run, seed)},
    {"run.data_seed", UNSIGNED, offsetof(nt_run, data_seed)},
    {"run.bootstrap", SIGNED, offsetof(nt_run, bootstrap)},
    {"run.batch", SIGNED, offsetof(nt_run, batch)},
    {"run.epochs", SIGNED, offsetof(nt_run, epochs)},
    {"run.lr", REAL, offsetof(nt_run, rates[NT_RATE_LR])},
    {"run.momentum", REAL, offsetof(nt_run, rates[NT_RATE_MOMENTUM])},
    {"run.weight_decay", REAL, offsetof(nt_run, rates[NT_RATE_WEIGHT_DECAY])},
    {"run.l1", REAL, offsetof(nt_run, rates[NT_RATE_L1])},
    {"run.batch_given", SIGNED, offsetof(nt_run, batch_given)},
    {"run.data", TEXT, offsetof(nt_run, data)},
    {"run.train_count", SIGNED, offsetof(nt_run, train_count)},
    {"run.validation_count", SIGNED, offsetof(nt_run, validation_count)},
    {"run.epoch", SIGNED, offsetof(nt_run, epoch)},
    {"run.first", SIGNED, offsetof(nt_run, first)},
    {"run.step", UNSIGNED, offsetof(nt_run, step)},
    {"run.score.loss", REAL, offsetof(nt_run, score.loss)},
    {"run.score.samples", SIGNED, offsetof(nt_run, score.samples)},
    {"run.score.correct", SIGNED, offsetof(nt_run, score.correct)},
    {"run.score.top", SIGNED, offsetof(nt_run, score.top)},
    {"run.norm_sum", REAL, offsetof(nt_run, norm_sum)},
    {"run.norm_count", SIGNED, offsetof(nt_run, norm_count)},
    {"run.epoch_seconds", REAL, offsetof(nt_run, epoch_seconds)},
    {"run.best_loss", REAL, offsetof(nt_run, course.best_loss)},
    {"run.best_epoch", SIGNED, offsetof(nt_run, course.best_epoch)},
    {"run.stale", SIGNED, offsetof(nt_run, course.stale)},
    {"run.scale", REAL, offsetof(nt_run, course.scale)},
    {"run.waited", SIGNED, offsetof(nt_run, course.waited)},
    {"run.losses", HISTORY, offsetof(nt_run, course.losses)},
    {"run.norms", HISTORY, offsetof(nt_run, course.norms)},
    {"run.struck", SIGNED, offsetof(nt_run, course.struck)},
    {"run.rule", SIGNED, offsetof(nt_run, course.rule)},
    {"run.reason", REASON, offsetof(nt_run, course.reason)},
    {"run.seconds", REAL, offsetof(nt_run, seconds)},
};

enum { N_FIELDS = sizeof run_fields / sizeof *run_fields };

/* Values with a blank behind each. */
static json_t *history_text(const nt_history *history)
{
    char text[NT_HISTORY * 32] = "";
    for (int64_t i = 0, used = 0; i < history->n; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%a ", history->values[i]);
    return json_string(text);
}

static bool read_history(nt_history *history, const char *text)
{
    char *end;
    for (history->n = 0; *text; text = end + 1) {
        double value = strtod(text, &end);
        if (end == text || *end != ' ' || history->n == NT_HISTORY)
            return false;
        history->values[history->n++] = value;
    }
    return true;
}

/* Reals are written in hexadecimal: exact, infinities included. */
static json_t *field_text(const nt_run *run, const struct run_field *field)
{
    const char *at = (const char *)run + field->at;
    char text[64];
    switch (field->kind) {
    case SIGNED: snprintf(text, sizeof text, "%lld", (long long)*(const int64_t *)(const void *)at); break;
    case UNSIGNED: snprintf(text, sizeof text, "%llu", (unsigned long long)*(const uint64_t *)(const void *)at); break;
    case REAL: snprintf(text, sizeof text, "%a", *(const double *)(const void *)at); break;
    case HISTORY: return history_text((const nt_history *)(const void *)at);
    case TEXT:
    case REASON: return json_string(at);
    }
    return json_string(text);
}

static bool read_field(nt_run *run, const struct run_field *field, const char *text)
{
    char *at = (char *)run + field->at, *end = NULL;
    switch (field->kind) {
    case SIGNED: *(int64_t *)(void *)at = strtoll(text, &end, 10); break;
    case UNSIGNED: *(uint64_t *)(void *)at = strtoull(text, &end, 10); break;
    case REAL: *(double *)(void *)at = strtod(text, &end); break;
    case HISTORY: return read_history((nt_history *)(void *)at, text);
    case TEXT: return snprintf(at, NT_RUN_TEXT, "%s", text) < NT_RUN_TEXT;
    case REASON: return snprintf(at, NT_REASON, "%s", text) < NT_REASON;
    }
    return end != text && *end == '\0';
}

/* -- Tensors: the parameters, then each slot of the optimizer's state under "optimizer.SLOT." -------------------- */

typedef struct state_items {
    nt_param recall; /* the recall, as a vector */
    nt_item *items;
    char **names; /* of the slots' items */
    size_t n, n_names;
} state_items;

static void free_items(state_items *s)
{
    for (size_t i = 0; i < s->n_names; i++)
        free(s->names[i]);
    free(s->names);
    free(s->items);
}

static bool list_items(state_items *s, const nt_model *model, const nt_memory *memory, const nt_recall *recall)
{
    size_t n = (size_t)model->n_params, slots = (size_t)model->state_slots;
    *s = (state_items){.items = calloc(n * (slots + 1) + 2, sizeof *s->items),
                       .names = calloc(n * slots + 1, sizeof *s->names)};
    if (!s->items || !s->names)
        return false;
    for (size_t i = 0; i < n; i++)
        s->items[s->n++] = (nt_item){model->params[i].name, &model->params[i], memory->params};
    for (size_t slot = 0; slot < slots; slot++)
        for (size_t i = 0; i < n; i++) {
            const nt_param *param = &model->params[i];
            if (!nt_param_is_trained(param))
                continue;
            size_t length = strlen(param->name) + 48;
            char *name = malloc(length);
            if (!name)
                return false;
            snprintf(name, length, "optimizer.%zu.%s", slot, param->name);
            s->names[s->n_names++] = name;
            s->items[s->n++] = (nt_item){name, param, memory->state + slot * model->trainable_elements};
        }
    if (recall->count > 0) {
        int size = (int)(NT_RECALL_ROWS * recall->count);
        s->recall = (nt_param){.name = "data.recall",
                               .layout = NT_VECTOR,
                               .disk_dims = {size},
                               .n_disk_dims = 1,
                               .out = size,
                               .elements = (size_t)size};
        s->items[s->n++] = (nt_item){s->recall.name, &s->recall, recall->last};
    }
    return true;
}

/* What a run's parameters are that have a state: a hash of their names (FNV-1a, 64 bits). */
static const char *trained_text(const nt_model *model, char text[24])
{
    uint64_t hash = 14695981039346656037u;
    for (int i = 0; i < model->n_params; i++)
        for (const char *p = model->params[i].name; nt_param_is_trained(&model->params[i]) && p; p = *p ? p + 1 : NULL)
            hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    snprintf(text, 24, "%016llx", (unsigned long long)hash);
    return text;
}

/* -- Save and load ----------------------------------------------------------------------------------------------- */

bool nt_checkpoint_save(const char *path, const nt_model *model, const nt_memory *memory, const nt_recall *recall,
                        const nt_run *run, nt_durability durability, nt_error *error)
{
    char trained[24];
    json_t *metadata = json_pack("{s:s, s:s, s:s, s:s}", "netc.state", state_version, "netc.network", model->name,
                                 "netc.hash", model->hash, "netc.trained", trained_text(model, trained));
    int failed = metadata ? 0 : -1;
    for (int i = 0; i < N_FIELDS; i++)
        failed |= json_object_set_new(metadata, run_fields[i].name, field_text(run, &run_fields[i]));
    state_items s = {0};
    bool good = !failed && list_items(&s, model, memory, recall);
    if (good)
        good = nt_items_write(path, s.items, s.n, metadata, durability, error);
    else
        nt_fail_memory(error, path, 0);
    free_items(&s);
    json_decref(metadata);
    return good;
}

/* Reads the run into `run`, which may be spoilt on failure. */
static bool read_run(const nt_tensors *tensors, const nt_model *model, nt_run *run, nt_error *error)
{
    const char *version = nt_tensors_metadata(tensors, "netc.state"), *hash = nt_tensors_metadata(tensors, "netc.hash");
    if (!version || !hash)
        return nt_fail(error, "%s: not the state of a training run", tensors->path);
    if (strcmp(version, state_version) != 0)
        return nt_fail(error,
                       "%s: written by another version of netc (format %s, this is %s): train anew, or from its "
                       "last.safetensors with --weights",
                       tensors->path, version, state_version);
    const char *network = nt_tensors_metadata(tensors, "netc.network");
    if (network && strcmp(network, model->name) != 0)
        return nt_fail(error,
                       "%s: the run was of the network %s, this is %s: train anew into another folder with --out, or go on "
                       "with the program of %s",
                       tensors->path, network, model->name, network);
    if (strcmp(hash, model->hash) != 0)
        return nt_fail(error,
                       "%s: the run was of another model (%s, this is %s): train anew into another folder with --out, "
                       "or go back to the model it began with",
                       tensors->path, hash, model->hash);
    char own[24];
    const char *trained = nt_tensors_metadata(tensors, "netc.trained");
    if (trained && strcmp(trained, trained_text(model, own)) != 0)
        return nt_fail(error,
                       "%s: the run had other parameters frozen: train anew from its last.safetensors with --weights, into "
                       "another folder with --out, or go back to the model it began with",
                       tensors->path);
    for (int i = 0; i < N_FIELDS; i++) {
        const char *text = nt_tensors_metadata(tensors, run_fields[i].name);
        if (!text || !read_field(run, &run_fields[i], text))
            return nt_fail(error, "%s: %s is missing or not valid in its __metadata__", tensors->path,
                           run_fields[i].name);
    }
    if (run->batch < 1 || run->batch > INT32_MAX || run->epochs < 1 || run->epoch < 0 || run->first < 0 ||
        run->first > run->train_count || !(run->rates[NT_RATE_LR] >= 0) || !(run->course.scale > 0) || run->course.rule < 0 ||
        run->bootstrap < 0 || run->bootstrap > NT_MOST_MEMBERS)
        return nt_fail(error, "%s: the position in its __metadata__ makes no sense", tensors->path);
    return true;
}

bool nt_checkpoint_peek(const char *path, const nt_model *model, nt_run *run, nt_error *error)
{
    nt_tensors tensors;
    nt_run found = {0};
    if (!nt_tensors_read(&tensors, path, error))
        return false;
    bool good = read_run(&tensors, model, &found, error);
    nt_tensors_free(&tensors);
    if (good)
        *run = found;
    return good;
}

bool nt_checkpoint_load(const char *path, const nt_model *model, nt_memory *memory, nt_recall *recall, nt_run *run,
                        nt_error *error)
{
    nt_tensors tensors;
    nt_run found = {0};
    if (!nt_tensors_read(&tensors, path, error))
        return false;
    state_items s = {0};
    bool good = read_run(&tensors, model, &found, error);
    if (good && !list_items(&s, model, memory, recall))
        good = nt_fail_memory(error, path, 0);
    good = good && nt_items_read(&tensors, s.items, s.n, model->name, error);
    free_items(&s);
    nt_tensors_free(&tensors);
    if (good)
        *run = found;
    return good;
}
