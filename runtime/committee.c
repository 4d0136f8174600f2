#define _POSIX_C_SOURCE 200809L
#include "committee.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loss.h"

/* -- Files ------------------------------------------------------------------------------------------------------- */

static bool add_path(nt_members *members, const char *path, nt_error *error)
{
    if (members->n == NT_MOST_MEMBERS)
        return nt_fail(error, "%s: a committee has at most %d members", path, NT_MOST_MEMBERS);
    if (!members->paths)
        members->paths = calloc(NT_MOST_MEMBERS, sizeof *members->paths);
    char *copy = strdup(path);
    if (!copy || !members->paths) {
        free(copy);
        return nt_fail_memory(error, "the list of weights files", (double)strlen(path));
    }
    members->paths[members->n++] = copy;
    return true;
}

static bool is_folder(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

static bool add_folder(nt_members *members, const char *folder, nt_error *error)
{
    char path[NT_WEIGHTS_PATH];
    int before = members->n;
    if (strlen(folder) + sizeof "/member1000/best.safetensors" > sizeof path)
        return nt_fail(error, "%s: the path is too long", folder);
    for (int i = 1;; i++) {
        snprintf(path, sizeof path, "%s/member%d", folder, i);
        if (!is_folder(path))
            break;
        strcat(path, "/best.safetensors");
        if (access(path, F_OK) != 0)
            return nt_fail(error, "%s is not there: member %d has not finished an epoch; name the files to be used",
                           path, i);
        if (!add_path(members, path, error))
            return false;
    }
    return members->n > before || (nt_weights_find(folder, path, error) && add_path(members, path, error));
}

bool nt_members_find(nt_members *members, const char *const *words, int n, nt_error *error)
{
    *members = (nt_members){0};
    bool good = true;
    for (int i = 0; i < n && good; i++)
        good = is_folder(words[i]) ? add_folder(members, words[i], error) : add_path(members, words[i], error);
    if (!good)
        nt_members_free(members);
    return good;
}

void nt_members_free(nt_members *members)
{
    for (int i = 0; i < members->n; i++)
        free(members->paths[i]);
    free(members->paths);
    *members = (nt_members){0};
}

/* -- Answers ----------------------------------------------------------------------------------------------------- */

/* Whether the main head's loss is of that kind. */
static bool trained_by(const nt_model *model, nt_loss_kind kind)
{
    const nt_head *head = &model->heads[0];
    return head->loss >= 0 && model->losses[head->loss].kind == kind;
}

bool nt_answers_with_class(const nt_model *model)
{
    const nt_head *head = &model->heads[0];
    return head->h * head->w == 1 && head->c > 1 && (nt_model_classifies(model) || nt_model_measures_classes(model));
}

bool nt_answers_yes_or_no(const nt_model *model)
{
    const nt_head *head = &model->heads[0];
    return head->h * head->w * head->c == 1 && trained_by(model, NT_LOSS_BINARY_CROSS_ENTROPY);
}

void nt_answer(const nt_engine *engine, int sample, double *values)
{
    nt_answer_at(engine, engine->model->heads[0].infer_offset, sample, values);
}

void nt_answer_at(const nt_engine *engine, size_t offset, int sample, double *values)
{
    const nt_model *model = engine->model;
    const nt_head *head = &model->heads[0];
    nt_head_values(engine, head, offset, sample, values);
    if (nt_model_classifies(model) && head->h * head->w == 1 && head->output != NT_OUTPUT_SOFTMAX)
        nt_softmax(values, engine->outputs);
    if (trained_by(model, NT_LOSS_BINARY_CROSS_ENTROPY) && head->output != NT_OUTPUT_SIGMOID)
        for (int i = 0; i < engine->outputs; i++)
            values[i] = 1 / (1 + exp(-values[i]));
}

int nt_largest(const double *values, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

bool nt_answers_init(nt_answers *answers, const nt_engine *engine, const nt_split *split, nt_error *error)
{
    size_t samples = (size_t)split->count, outputs = (size_t)engine->outputs;
    *answers = (nt_answers){.samples = split->count, .outputs = engine->outputs};
    answers->values = calloc(samples * outputs, sizeof *answers->values);
    answers->votes = calloc(samples * outputs, sizeof *answers->votes);
    bool targets = engine->pass.targets != NULL;
    if (engine->classes)
        answers->labels = calloc(samples, sizeof *answers->labels);
    if (targets)
        answers->targets = calloc(samples * outputs, sizeof *answers->targets);
    if (answers->values && answers->votes && (answers->labels || !engine->classes) && (answers->targets || !targets))
        return true;
    nt_answers_free(answers);
    return nt_fail_memory(error, "the answers to all samples", (double)samples * (double)outputs * 12);
}

void nt_answers_free(nt_answers *answers)
{
    free(answers->values);
    free(answers->votes);
    free(answers->labels);
    free(answers->targets);
    *answers = (nt_answers){0};
}

/* The class that values stand for; of a single output, 1 where it is more probable than not. */
static int class_of(const double *values, int n)
{
    return n == 1 ? values[0] > 0.5 : nt_largest(values, n);
}

void nt_answers_note(nt_answers *answers, const nt_engine *engine, int64_t first, int n, double *values)
{
    size_t outputs = (size_t)answers->outputs;
    for (int i = 0; i < n; i++) {
        size_t sample = (size_t)(first + i), at = sample * outputs;
        nt_answer(engine, i, values);
        for (size_t k = 0; k < outputs; k++)
            answers->values[at + k] += values[k];
        int class = class_of(values, answers->outputs);
        if (outputs > 1)
            answers->votes[at + (size_t) class]++;
        else
            answers->votes[at] += class;
        if (answers->labels)
            answers->labels[sample] = engine->labels[i];
        for (size_t k = 0; k < outputs && answers->targets; k++)
            answers->targets[at + k] = engine->targets[(size_t)i * outputs + k];
    }
}

void nt_answers_done(nt_answers *answers, int members)
{
    size_t all = (size_t)answers->samples * (size_t)answers->outputs;
    answers->members = members;
    for (size_t i = 0; i < all; i++)
        answers->values[i] /= members;
}

int nt_vote(const double *means, const int32_t *votes, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (votes[i] > votes[best] || (votes[i] == votes[best] && means[i] > means[best]))
            best = i;
    return best;
}

/* The majority's class for a sample. */
static int voted_class(const nt_answers *a, size_t at)
{
    if (a->outputs > 1)
        return nt_vote(a->values + at, a->votes + at, a->outputs);
    int yes = 2 * a->votes[at];
    return yes == a->members ? a->values[at] > 0.5 : yes > a->members;
}

int nt_answers_class(const nt_answers *answers, int64_t sample)
{
    return class_of(answers->values + (size_t)sample * (size_t)answers->outputs, answers->outputs);
}

nt_agreement nt_answers_right(const nt_answers *answers)
{
    nt_agreement right = {0};
    for (int64_t i = 0; i < answers->samples && answers->labels; i++) {
        right.vote += voted_class(answers, (size_t)i * (size_t)answers->outputs) == answers->labels[i];
        right.average += nt_answers_class(answers, i) == answers->labels[i];
    }
    return right;
}

/* The main head, as a place where averages stand that have been through softmax or sigmoid. */
static nt_head averaged_head(const nt_model *model)
{
    nt_head head = model->heads[0];
    head.stride_pixel = head.c;
    head.stride_row = head.w * head.c;
    if (trained_by(model, NT_LOSS_CROSS_ENTROPY))
        head.output = NT_OUTPUT_SOFTMAX;
    if (trained_by(model, NT_LOSS_BINARY_CROSS_ENTROPY))
        head.output = NT_OUTPUT_SIGMOID;
    return head;
}

bool nt_answers_loss(const nt_answers *answers, const nt_model *model, double *loss, nt_error *error)
{
    nt_head head = averaged_head(model);
    size_t outputs = (size_t)answers->outputs;
    *loss = NAN;
    for (int i = 0; i < model->n_losses; i++)
        if (model->losses[i].head != 0 && model->heads[model->losses[i].head].infer_offset != SIZE_MAX)
            return true;
    real *values = calloc(outputs, 2 * sizeof *values);
    if (!values)
        return nt_fail_memory(error, "the averages", (double)outputs * 2 * sizeof *values);
    real *target = values + outputs;
    double sum = 0;
    for (int64_t s = 0; s < answers->samples; s++) {
        size_t at = (size_t)s * outputs;
        for (size_t k = 0; k < outputs; k++) {
            values[k] = (real)answers->values[at + k];
            target[k] = answers->targets ? (real)answers->targets[at + k] : 0;
        }
        for (int i = 0; i < model->n_losses; i++)
            if (model->losses[i].head == 0)
                sum += model->losses[i].weight * nt_loss_value(&model->losses[i], &head, values,
                                                               answers->labels ? answers->labels[s] : 0,
                                                               answers->targets ? target : NULL);
    }
    free(values);
    *loss = sum / (double)answers->samples;
    return true;
}
