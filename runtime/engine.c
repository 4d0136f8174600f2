#define _POSIX_C_SOURCE 200809L
#include "engine.h"

#include "loss.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"
#include "rng.h"

/* Gradients are summed in chunks of so many elements: a fixed size, so that the sum does not depend on the threads. */
enum { CHUNK = 16384 };

/* -- Memory ------------------------------------------------------------------------------------------------------ */

static int head_size(const nt_head *head)
{
    return head->h * head->w * head->c;
}

/* How many samples of inference fit into the arena that there is. */
static int inference_room(const nt_model *model, const nt_memory *memory, int batch)
{
    size_t elements = memory->arena_bytes / sizeof(real);
    if (elements < model->infer_fixed)
        return 0;
    size_t room = model->infer_sample > 0 ? (elements - model->infer_fixed) / model->infer_sample : (size_t)batch;
    return room < (size_t)batch ? (int)room : batch;
}

/* Whether training in such batches keeps to the memory that the model was built for. */
static bool keeps_limit(const nt_model *model, int batch, nt_error *error)
{
    const int64_t limit = model->train_config->memory;
    const size_t blocks = model->params_elements + model->gradient_elements + model->trainable_elements * (size_t)model->state_slots + model->arena_fixed;
    const double wanted = ((double)blocks + (double)model->arena_sample * batch) * sizeof(float);
    if (limit == 0 || wanted <= (double)limit)
        return true;
    const double most = ((double)limit / sizeof(float) - (double)blocks) / (double)model->arena_sample;
    char have[32], want[32], fits[64] = "";
    if (most >= 1)
        snprintf(fits, sizeof fits, "take batches of at most %lld samples, or ", (long long)most);
    return nt_fail(error, "training in batches of %d takes %s, and the model's memory is %s: %sbuild the trainer again, with --batch %d", batch,
                   nt_format_bytes(want, wanted), nt_format_bytes(have, (double)limit), fits, batch);
}

/* Whether the kernels, which count the pixels of a batch in an int, can count those of this one. */
static bool can_be_counted(const nt_model *model, int batch, nt_error *error)
{
    return model->most_samples == 0 || batch <= model->most_samples ||
           nt_fail(error, "a batch of %d samples has more than 2^31 pixels in a layer, which is as far as the program counts: take "
                          "batches of at most %lld samples",
                   batch, (long long)model->most_samples);
}

bool nt_engine_init(nt_engine *engine, const nt_model *model, int batch, nt_purpose purpose, int threads,
                    nt_error *error)
{
    *engine = (nt_engine){
        .model = model,
        .threads = threads,
        .training = nt_pace_begin(threads, true),
        .inference = nt_pace_begin(threads, true),
        .batch = batch,
        .outputs = head_size(&model->heads[0]),
    };
    if (!can_be_counted(model, batch, error))
        return false;
    if ((purpose == NT_FOR_TRAINING || purpose == NT_FOR_STUDY) && sizeof(real) == sizeof(float) && !keeps_limit(model, batch, error))
        return false;
    if (!nt_memory_init(&engine->memory, model, batch, purpose, error))
        return false;

    size_t n = (size_t)batch, values = (size_t)model->input_h * (size_t)model->input_w * (size_t)model->input_c;
    engine->infer_batch = inference_room(model, &engine->memory, batch);
    engine->n_chunks = (engine->memory.grads_bytes / sizeof(real) + CHUNK - 1) / CHUNK;
    engine->input = calloc(n * values, sizeof *engine->input);
    engine->labels = calloc(n, sizeof *engine->labels);
    engine->taught = calloc(n, sizeof *engine->taught);
    engine->targets = calloc(n * (size_t)engine->outputs, sizeof *engine->targets);
    engine->sample_loss = calloc(n, sizeof *engine->sample_loss);
    engine->sample_rank = calloc(n, sizeof *engine->sample_rank);
    engine->chunk_sums = calloc(engine->n_chunks + model->n_squares + 1, sizeof *engine->chunk_sums);
    engine->pass = (nt_pass){
        .params = engine->memory.params,
        .grads = engine->memory.grads,
        .state = engine->memory.state,
        .arena = engine->memory.arena,
        .input = engine->input,
        .labels = engine->labels,
        .random = 1,
        .loss_sample = calloc(n, sizeof(real)),
        .gradients = purpose == NT_FOR_TRAINING ? NT_GRADIENTS_USED : NT_GRADIENTS_KEPT,
        .momentum = model->train_config->momentum,
        .clip_scale = 1,
        .decay_scale = 1,
        .l1_scale = 1,
    };
    if (engine->input && engine->labels && engine->taught && engine->targets && engine->sample_loss &&
        engine->sample_rank && engine->chunk_sums && engine->pass.loss_sample && engine->infer_batch > 0)
        return true;
    nt_engine_free(engine);
    return nt_fail_memory(error, "a batch", (double)(n * (values + (size_t)engine->outputs)) * sizeof(float));
}

void nt_engine_free(nt_engine *engine)
{
    nt_memory_free(&engine->memory);
    free(engine->input);
    free(engine->labels);
    free(engine->taught);
    free(engine->targets);
    free(engine->sample_loss);
    free(engine->sample_rank);
    free(engine->chunk_sums);
    free(engine->pass.loss_sample);
    *engine = (nt_engine){0};
}

void nt_engine_adapt(nt_engine *engine)
{
    engine->training = nt_pace_begin(engine->threads, false);
    engine->inference = nt_pace_begin(engine->threads, false);
}

/* -- Data -------------------------------------------------------------------------------------------------------- */

bool nt_model_classifies(const nt_model *model)
{
    for (int i = 0; i < model->n_losses; i++)
        if (model->losses[i].kind == NT_LOSS_CROSS_ENTROPY)
            return true;
    return false;
}

nt_data_request nt_engine_request(const nt_model *model, const char *path, unsigned parts, uint64_t seed)
{
    bool shares = nt_model_classifies(model), binary = false;
    for (int i = 0; i < model->n_losses; i++)
        binary = binary || model->losses[i].kind == NT_LOSS_BINARY_CROSS_ENTROPY;
    return (nt_data_request){
        .config = model->data,
        .path = path,
        .h = model->input_h,
        .w = model->input_w,
        .c = model->input_c,
        .outputs = head_size(&model->heads[0]),
        .out_h = model->heads[0].h,
        .out_w = model->heads[0].w,
        .dense = !shares,
        .most_target = binary ? 1 : shares ? FLT_MAX : 0,
        .parts = parts,
        .seed = seed,
    };
}

bool nt_model_measures_classes(const nt_model *model)
{
    const nt_head *head = &model->heads[0];
    const nt_train_config *config = model->train_config;
    return head->h * head->w == 1 && head->c > 1 && (config->metric_accuracy || config->top_k > 0);
}

/* Whether a target vector stands for a class: shares of classes, yes and no as 1 and 0, or whatever it is where the
 * model asks for its accuracy. */
static bool targets_are_classes(const nt_model *model)
{
    if (nt_model_measures_classes(model))
        return true;
    for (int i = 0; i < model->n_losses; i++) {
        const nt_loss *loss = &model->losses[i];
        if (loss->head == 0 && (loss->kind == NT_LOSS_CROSS_ENTROPY ||
                                (loss->kind == NT_LOSS_BINARY_CROSS_ENTROPY && model->heads[0].c == 1)))
            return true;
    }
    return false;
}

void nt_engine_use_data(nt_engine *engine, const nt_data *data)
{
    const nt_part *part = data->train_part.count > 0 ? &data->train_part : &data->test_part;
    const nt_head *head = &engine->model->heads[0];
    engine->pass.labels = part->labels ? engine->labels : NULL;
    engine->pass.targets = part->targets ? engine->targets : NULL;
    engine->classes = head->h * head->w == 1 && (part->labels || (part->targets && targets_are_classes(engine->model)));
}

/* -- Losses and metrics ------------------------------------------------------------------------------------------ */

double nt_score_loss(const nt_score *score)
{
    return score->samples > 0 ? score->loss / (double)score->samples : NAN;
}

double nt_score_accuracy(const nt_score *score)
{
    return score->samples > 0 ? (double)score->correct / (double)score->samples : NAN;
}

static const real *head_pixel(const nt_engine *engine, const nt_head *head, size_t offset, int sample, int y, int x)
{
    return engine->pass.arena + offset * (size_t)engine->pass.n + (size_t)sample * (size_t)head->stride_sample +
           (size_t)y * (size_t)head->stride_row + (size_t)x * (size_t)head->stride_pixel;
}

void nt_head_values(const nt_engine *engine, const nt_head *head, size_t offset, int i, double *values)
{
    for (int y = 0; y < head->h; y++)
        for (int x = 0; x < head->w; x++) {
            const real *pixel = head_pixel(engine, head, offset, i, y, x);
            for (int c = 0; c < head->c; c++)
                *values++ = pixel[c];
        }
}

void nt_softmax(double *values, int n)
{
    double largest = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++)
        largest = fmax(largest, values[i]);
    for (int i = 0; i < n; i++)
        sum += values[i] = exp(values[i] - largest);
    for (int i = 0; i < n; i++)
        values[i] /= sum;
}

/* How many outputs beat the right one; of equals the first wins. An output that is not a number beats everything, so
 * that a broken model is never right. One output tells two classes apart: above one half, or above 0 before the sigmoid,
 * it says 1. */
static int rank_of(const nt_engine *engine, size_t offset, int sample, int label)
{
    const nt_head *head = &engine->model->heads[0];
    const real *values = head_pixel(engine, head, offset, sample, 0, 0);
    int rank = 0;
    if (head->c == 1) {
        const real border = head->output == NT_OUTPUT_SIGMOID ? (real)0.5 : 0;
        return !(label ? values[0] > border : values[0] <= border);
    }
    for (int i = 0; i < head->c; i++)
        rank += i != label && !(values[i] < values[label]) && (values[i] != values[label] || i < label);
    return rank;
}

/* The loss as training defines it, of the heads that inference computes. */
static double inference_loss(const nt_engine *engine, int sample)
{
    const nt_model *model = engine->model;
    double sum = 0;
    for (int i = 0; i < model->n_losses; i++) {
        const nt_loss *loss = &model->losses[i];
        const nt_head *head = &model->heads[loss->head];
        if (head->infer_offset == SIZE_MAX)
            continue;
        const nt_pass *pass = &engine->pass;
        const real *target = pass->targets ? pass->targets + (size_t)sample * (size_t)head_size(head) : NULL;
        sum += loss->weight * nt_loss_value(loss, head, head_pixel(engine, head, head->infer_offset, sample, 0, 0),
                                            engine->labels[sample], target);
    }
    return sum;
}

static void add_ranks(const nt_engine *engine, nt_score *score)
{
    int top_k = engine->model->train_config->top_k;
    for (int i = 0; i < engine->pass.n; i++) {
        int rank = engine->sample_rank[i];
        score->correct += rank == 0;
        score->top += rank >= 0 && rank < top_k;
    }
}

/* Ranks of the whole batch; called by the team. */
static void rank_batch(nt_engine *engine, size_t offset)
{
#pragma omp for schedule(static)
    for (int i = 0; i < engine->pass.n; i++)
        engine->sample_rank[i] = engine->classes ? rank_of(engine, offset, i, engine->labels[i]) : -1;
}

void nt_engine_load_batch(nt_engine *engine, const nt_epoch *epoch, int64_t first, int n)
{
    nt_data_batch(epoch, first, n, engine->input, engine->labels, engine->targets);
    if (!engine->classes || !engine->pass.targets)
        return;
#pragma omp for schedule(static)
    for (int i = 0; i < n; i++) {
        const float *target = engine->targets + (size_t)i * (size_t)engine->outputs;
        int largest = engine->outputs == 1 && target[0] > 0.5f;
        for (int k = 1; k < engine->outputs; k++)
            largest = target[k] > target[largest] ? k : largest;
        engine->labels[i] = largest;
    }
}

/* -- Steps ------------------------------------------------------------------------------------------------------- */

static double batch_loss(const nt_pass *pass)
{
    double sum = 0;
    for (int i = 0; i < pass->n; i++)
        sum += (double)pass->loss_sample[i];
    return sum;
}

/* What the threads of a step share. */
typedef struct shared_step {
    nt_step *step;
    nt_step_outcome outcome;
    bool with_norm;
} shared_step;

static void judge_loss(nt_engine *engine, shared_step *shared)
{
    shared->step->loss = batch_loss(&engine->pass) / engine->pass.n;
    shared->step->norm = NAN;
    shared->outcome = isfinite(shared->step->loss) ? NT_STEP_DONE : NT_STEP_LOSS_NOT_FINITE;
    engine->pass.clip_scale = 1;
}

static void judge_norm(nt_engine *engine, shared_step *shared)
{
    const bool used = engine->pass.gradients == NT_GRADIENTS_USED;
    double sum = 0;
    for (size_t i = 0; i < engine->n_chunks + (used ? engine->model->n_squares : 0); i++)
        sum += engine->chunk_sums[i];
    double norm = shared->step->norm = sqrt(sum);
    if (!isfinite(norm))
        shared->outcome = NT_STEP_NORM_NOT_FINITE;
    else if (shared->step->clip_norm > 0 && norm > shared->step->clip_norm)
        engine->pass.clip_scale = shared->step->clip_norm / norm;
}

/* Called by every thread of the team. */
static void step_in_team(nt_engine *engine, shared_step *shared)
{
    const nt_model *model = engine->model;
    model->train(&engine->pass);
#pragma omp single
    judge_loss(engine, shared);

    if (shared->outcome == NT_STEP_DONE && shared->with_norm) {
#pragma omp for schedule(static)
        for (size_t i = 0; i < engine->n_chunks; i++) {
            size_t first = i * CHUNK, left = engine->memory.grads_bytes / sizeof(real) - first;
            engine->chunk_sums[i] = nt_square_sum(engine->pass.grads + first, left < CHUNK ? left : CHUNK);
        }
#pragma omp single
        judge_norm(engine, shared);
    }
    if (shared->outcome == NT_STEP_DONE)
        model->update(&engine->pass);
}

static shared_step share(nt_engine *engine, nt_step *step)
{
    const bool with_norm = step->want_norm || step->clip_norm > 0;
    engine->pass.squares = with_norm ? engine->chunk_sums + engine->n_chunks : NULL;
    return (shared_step){.step = step, .with_norm = with_norm};
}

nt_step_outcome nt_engine_step(nt_engine *engine, nt_step *step)
{
    shared_step shared = share(engine, step);
#pragma omp parallel num_threads(engine->threads)
    step_in_team(engine, &shared);
    return shared.outcome;
}

int32_t nt_disturbed_label(double share, uint64_t key, uint64_t place, int32_t label, int classes)
{
    if (nt_random_uniform(nt_key(key, 0), place) >= share)
        return label;
    return (int32_t)nt_random_below(nt_key(key, 1), place, (uint64_t)classes);
}

/* The labels of samples first .. first+n-1 of an epoch as training is told them; called by the team. */
static void disturb_labels(nt_engine *engine, int64_t first, int n)
{
#pragma omp for schedule(static)
    for (int i = 0; i < n; i++)
        engine->taught[i] = nt_disturbed_label(engine->disturb, engine->disturb_key, (uint64_t)(first + i),
                                               engine->labels[i], engine->outputs);
}

nt_step_outcome nt_engine_train_batch(nt_engine *engine, const nt_epoch *epoch, int64_t first, int n, nt_step *step,
                                      nt_score *score)
{
    shared_step shared = share(engine, step);
    bool disturb = engine->disturb > 0 && engine->pass.labels;
    engine->pass.n = n;
    if (disturb)
        engine->pass.labels = engine->taught;
    double start = nt_seconds();
#pragma omp parallel num_threads(nt_pace_threads(&engine->training))
    {
        nt_engine_load_batch(engine, epoch, first, n);
        if (disturb)
            disturb_labels(engine, first, n);
        step_in_team(engine, &shared);
        rank_batch(engine, engine->model->heads[0].offset);
    }
    nt_pace_note(&engine->training, nt_seconds() - start, n);
    if (disturb)
        engine->pass.labels = engine->labels;
    if (shared.outcome == NT_STEP_DONE) {
        nt_data_note_losses(epoch, first, n, engine->pass.loss_sample);
        score->loss += batch_loss(&engine->pass);
        score->samples += n;
        add_ranks(engine, score);
    }
    return shared.outcome;
}

void nt_engine_infer_batch(nt_engine *engine, const nt_epoch *epoch, int64_t first, int n, nt_score *score)
{
    engine->pass.n = n;
    engine->pass.prepared = first > 0 ? engine->prepared : 0;
    bool judged = engine->pass.labels || engine->pass.targets;
    double start = nt_seconds();
#pragma omp parallel num_threads(nt_pace_threads(&engine->inference))
    {
        nt_engine_load_batch(engine, epoch, first, n);
        engine->model->infer(&engine->pass);
        rank_batch(engine, engine->model->heads[0].infer_offset);
#pragma omp for schedule(static)
        for (int i = 0; i < n; i++)
            engine->sample_loss[i] = judged ? inference_loss(engine, i) : 0;
    }
    engine->prepared = n;
    engine->pass.prepared = 0; /* for passes that others run */
    nt_pace_note(&engine->inference, nt_seconds() - start, n);
    for (int i = 0; i < n; i++)
        score->loss += engine->sample_loss[i];
    score->samples += n;
    add_ranks(engine, score);
}

bool nt_engine_evaluate(nt_engine *engine, const nt_data *data, const nt_split *split,
                        volatile const sig_atomic_t *stop, nt_score *score, nt_error *error)
{
    nt_epoch epoch;
    bool finished = true;
    *score = (nt_score){0};
    if (!nt_epoch_begin(&epoch, data, split, false, 0, 0, error))
        return false;
    for (int64_t first = 0; first < split->count && finished; first += engine->infer_batch) {
        int64_t left = split->count - first;
        nt_engine_infer_batch(engine, &epoch, first, left < engine->infer_batch ? (int)left : engine->infer_batch,
                              score);
        finished = !stop || !*stop;
    }
    nt_epoch_end(&epoch);
    return finished;
}
