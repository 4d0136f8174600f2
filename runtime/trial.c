#include "trial.h"

#include <stdlib.h>

#include "lsuv.h"
#include "rng.h"
#include "start.h"

/* -- Data -------------------------------------------------------------------------------------------------------- */

static void fill_targets(const nt_model *model, uint64_t key, nt_part *part, size_t outputs)
{
    bool binary = false;
    for (int i = 0; i < model->n_losses; i++)
        binary = binary || model->losses[i].kind == NT_LOSS_BINARY_CROSS_ENTROPY;
    for (size_t i = 0; i < (size_t)part->count * outputs; i++)
        part->targets[i] = binary ? (float)nt_random_below(key, i, 2) : (float)nt_random_normal(key, i);
}

/* Standard normals as the training part, and answers that have nothing to do with them. */
static bool make_random(const nt_model *model, int64_t count, uint64_t seed, nt_data *data, nt_error *error)
{
    static const nt_data_config as_it_is = {.normalize = NT_NORM_NONE};
    const nt_head *head = &model->heads[0];
    const uint64_t key = nt_key(seed, NT_KEY_USER);
    size_t n = (size_t)count, outputs = (size_t)head->h * (size_t)head->w * (size_t)head->c;
    size_t values = (size_t)model->input_h * (size_t)model->input_w * (size_t)model->input_c;
    bool classes = nt_model_classifies(model);
    *data = (nt_data){.h = model->input_h, .w = model->input_w, .c = model->input_c, .outputs = (int)outputs};
    nt_part *part = &data->train_part;
    part->count = count;
    part->values = malloc(n * values * sizeof *part->values);
    part->labels = classes ? malloc(n * sizeof *part->labels) : NULL;
    part->targets = classes ? NULL : malloc(n * outputs * sizeof *part->targets);
    if (!part->values || (classes ? !part->labels : !part->targets) ||
        !nt_normalizer_init(&data->normalizer, &as_it_is, data->h, data->w, data->c, error)) {
        nt_data_free(data);
        return nt_fail_memory(error, "random samples", (double)count * (double)(values + outputs) * sizeof(float));
    }
    for (size_t i = 0; i < n * values; i++)
        part->values[i] = (float)nt_random_normal(key, i);
    for (size_t i = 0; classes && i < n; i++)
        part->labels[i] = (int32_t)nt_random_below(nt_key(key, 1), i, (uint64_t)head->c);
    if (!classes)
        fill_targets(model, nt_key(key, 2), part, outputs);
    data->train = (nt_split){.count = count, .part = *part};
    return true;
}

static bool load_data(nt_trial *trial, const nt_trial_request *request, nt_error *error)
{
    if (request->random > 0)
        return make_random(trial->model, request->random, request->seed, &trial->data, error);
    nt_data_request wanted = nt_engine_request(trial->model, request->data, request->parts, request->seed);
    if (!nt_data_load(&wanted, &trial->data, error))
        return false;
    const char *missing = (request->parts & NT_PART_TRAIN) && trial->data.train.count == 0 ? "train on"
                          : (request->parts & NT_PART_TEST) && trial->data.test.count == 0 ? "test with" : NULL;
    return !missing || nt_fail(error, "there are no samples to %s", missing);
}

void nt_trial_batch(nt_engine *engine, const nt_epoch *epoch, int64_t first, int n)
{
    engine->pass.n = n;
#pragma omp parallel num_threads(engine->threads)
    nt_engine_load_batch(engine, epoch, first, n);
}

static int by_place(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t *nt_choose_samples(const nt_split *split, int64_t n, uint64_t seed)
{
    int64_t *order = malloc((size_t)split->count * sizeof *order);
    if (!order)
        return NULL;
    nt_random_permutation(nt_key(seed, NT_KEY_USER), order, split->count);
    for (int64_t i = 0; i < n; i++)
        order[i] = split->index ? split->index[order[i]] : order[i];
    qsort(order, (size_t)n, sizeof *order, by_place);
    return order;
}

/* -- Parameters -------------------------------------------------------------------------------------------------- */

bool nt_initial_parameters(nt_engine *engine, const nt_data *data, const nt_split *split, uint64_t seed, nt_error *error)
{
    const nt_model *model = engine->model;
    int layers, samples;
    nt_origin *origins = calloc((size_t)model->n_params + 1, sizeof *origins);
    bool good = origins ? nt_params_initialise(model, seed, engine->memory.params, error)
                        : nt_fail_memory(error, "the list of parameters", (double)model->n_params * sizeof *origins);
    good = good && nt_start_load(&model->train_config->start, model, engine->memory.params, origins, NULL, error) &&
           nt_lsuv(engine, data, split, origins, seed, &layers, &samples, error);
    free(origins);
    return good;
}

static bool set_parameters(nt_trial *trial, const nt_trial_request *request, nt_error *error)
{
    if (request->weights && request->random > 0) {
        trial->loaded = nt_weights_load(&trial->weights, trial->model, request->weights, trial->engine.memory.params, error);
        nt_engine_use_data(&trial->engine, &trial->data);
        return trial->loaded;
    }
    if (request->weights) {
        trial->loaded = nt_load_for_use(trial->model, request->weights, request->data, &trial->engine, &trial->data,
                                        &trial->weights, error);
        return trial->loaded;
    }
    nt_engine_use_data(&trial->engine, &trial->data);
    return nt_initial_parameters(&trial->engine, &trial->data, &trial->data.train, request->seed, error);
}

/* -- Both -------------------------------------------------------------------------------------------------------- */

static int largest_batch(const nt_trial *trial, int64_t asked)
{
    int64_t train = trial->data.train.count, test = trial->data.test.count, most = train > test ? train : test;
    int64_t batch = asked > 0 ? asked : nt_batch(trial->model, 0);
    if (asked == 0 && trial->model->train_config->batch_plan.kind == NT_BATCH_ALL)
        batch = most;
    return (int)(batch < most ? batch : most);
}

int nt_trial_begin(nt_trial *trial, const nt_model *model, const nt_trial_request *request, nt_error *error)
{
    *trial = (nt_trial){.model = model, .seed = request->seed};
    int status = NT_OK;
    if (!load_data(trial, request, error)) {
        trial->data = (nt_data){0};
        return NT_FAILED;
    }
    int batch = largest_batch(trial, request->batch);
    if (!nt_engine_init(&trial->engine, model, batch, request->purpose, nt_threads(model, request->threads, batch), error))
        status = NT_ENVIRONMENT;
    else if (!set_parameters(trial, request, error))
        status = NT_FAILED;
    trial->engine.pass.seed = request->seed;
    if (status == NT_OK && request->threads == 0)
        nt_engine_adapt(&trial->engine);
    if (status != NT_OK)
        nt_trial_end(trial);
    return status;
}

void nt_trial_end(nt_trial *trial)
{
    if (trial->loaded)
        nt_weights_free(&trial->weights);
    nt_engine_free(&trial->engine);
    nt_data_free(&trial->data);
}
