/* cmd_overfit.c - EXE overfit: a network that cannot learn a few samples by heart has a bug, or a learning rate that is
 * far off. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "diagnose.h"
#include "lsuv.h"
#include "progress.h"
#include "rng.h"
#include "start.h"

/* Without classes: the loss has to fall to this share of where it began. */
static const double small_share = 1e-3;

typedef struct options {
    const char *data;
    int64_t samples, epochs, threads;
    uint64_t seed;
    double lr;
    bool plain, seed_given, lr_given;
} options;

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv)
{
    const nt_option list[] = {
        {"--data", NT_OPTION_TEXT, &o->data, "P", "folder or file of the data, instead of the model's", 0, NULL},
        {"--epochs", NT_OPTION_COUNT, &o->epochs, "N", "passes over the samples before giving up (1000)", 1, NULL},
        {"--lr", NT_OPTION_NUMBER, &o->lr, "X", "learning rate", 0, &o->lr_given},
        {"--seed", NT_OPTION_SEED, &o->seed, "N", "of the initial values and the choice of samples", 0, &o->seed_given},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N",
         "threads (as many as are fastest, by trial); no result depends on them", 1, NULL},
        {"--plain", NT_OPTION_FLAG, &o->plain, NULL, "no updating line, no colours", 0, NULL},
    };
    const nt_usage usage = {
        context->exe, "overfit",
        "[N]",        "Trains on N=20 samples until all are right, without dropout, augmentation and decay.",
        list,         sizeof list / sizeof *list,
    };
    int n;
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, &n);
    if (parsed != NT_PARSED)
        return parsed;
    const char *count = n > 0 ? argv[0] : "20";
    char *end;
    o->samples = strtoll(count[0] == 'N' && count[1] == '=' ? count + 2 : count, &end, 10);
    if (n > 1 || *end || o->samples < 1 || o->samples > INT32_MAX) {
        fprintf(stderr, "error: overfit takes one number of samples, from 1\n");
        return NT_PARSED_WRONG;
    }
    return NT_PARSED;
}

static int by_place(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* A random choice of n of the training samples: the first ones may all be of one class. The list is to be freed. */
static int64_t *choose(const nt_split *train, int64_t n, uint64_t seed)
{
    int64_t *order = malloc((size_t)train->count * sizeof *order);
    if (!order)
        return NULL;
    nt_random_permutation(nt_key(seed, NT_KEY_USER), order, train->count);
    for (int64_t i = 0; i < n; i++)
        order[i] = train->index ? train->index[order[i]] : order[i];
    qsort(order, (size_t)n, sizeof *order, by_place);
    return order;
}

/* What training would start from. */
static bool begin_parameters(nt_engine *engine, const nt_data *data, const nt_split *split, uint64_t seed, nt_error *error)
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

static int give_up(const options *o, const nt_score *score, bool classes, double lr)
{
    if (classes)
        fprintf(stderr, "error: after %lld passes %lld of %lld samples are right\n", (long long)o->epochs,
                (long long)score->correct, (long long)score->samples);
    else
        fprintf(stderr, "error: after %lld passes the loss is still %g\n", (long long)o->epochs, nt_score_loss(score));
    fprintf(stderr,
            "help: try another learning rate (--lr %.2g, --lr %.2g); then look at init and normalize; then check the "
            "gradients with gradcheck\n",
            lr / 10, lr * 10);
    return NT_FAILED;
}

static int learn(const options *o, nt_engine *engine, const nt_data *data, const nt_split *split, nt_progress *progress,
                 uint64_t seed, double lr, nt_error *error)
{
    const nt_train_config *config = engine->model->train_config;
    bool classes = engine->classes;
    nt_score score = {0};
    double first_loss = 0;
    engine->pass.seed = seed;
    engine->pass.random = 0;
    engine->pass.decay_scale = engine->pass.l1_scale = 0;
    engine->pass.lr = lr;
    for (int64_t number = 0; number < o->epochs; number++) {
        nt_epoch epoch;
        nt_step step = {.clip_norm = config->clip.kind == NT_CLIP_NORM ? config->clip.limit : 0};
        if (!nt_epoch_begin(&epoch, data, split, true, seed, (uint64_t)number, error))
            return nt_report(error, NT_ENVIRONMENT);
        engine->pass.step = (uint64_t)number;
        engine->pass.update_step = (uint64_t)number + 1;
        score = (nt_score){0};
        nt_step_outcome outcome = nt_engine_train_batch(engine, &epoch, 0, (int)split->count, &step, &score);
        nt_epoch_end(&epoch);
        if (outcome != NT_STEP_DONE) {
            char why[512];
            nt_diagnose(engine, outcome, why, sizeof why);
            nt_progress_clear(progress);
            fprintf(stderr, "error: the loss is not finite in pass %lld: %s\nhelp: try --lr %.2g\n",
                    (long long)number + 1, why, lr / 10);
            return NT_FAILED;
        }
        double loss = nt_score_loss(&score);
        first_loss = number == 0 ? loss : first_loss;
        nt_progress_update(progress, &(nt_moment){.epoch = number + 1,
                                                  .epochs = o->epochs,
                                                  .done = score.correct,
                                                  .total = classes ? score.samples : 0,
                                                  .loss = loss,
                                                  .lr = lr,
                                                  .accuracy = classes ? nt_score_accuracy(&score) : NAN,
                                                  .left = NAN});
        if (classes ? score.correct == score.samples : loss <= small_share * first_loss) {
            nt_progress_clear(progress);
            printf("learnt all %lld samples by heart in %lld passes: loss %.4f to %.4f\n", (long long)score.samples,
                   (long long)number + 1, first_loss, loss);
            return NT_OK;
        }
    }
    nt_progress_clear(progress);
    return give_up(o, &score, classes, lr);
}

int nt_cmd_overfit(const nt_context *context, int argc, char **argv)
{
    const nt_model *model = context->model;
    options o = {.epochs = 1000};
    nt_parsed parsed = parse(context, &o, argc, argv);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;

    nt_error error = {0};
    nt_data data = {0};
    nt_engine engine = {0};
    nt_progress progress;
    int threads = nt_threads(model, o.threads, (int)o.samples), status;
    uint64_t seed = o.seed_given ? o.seed : model->train_config->seed;
    nt_data_request request = nt_engine_request(model, o.data, NT_PART_TRAIN, seed);
    nt_progress_init(&progress, stderr, o.plain);
    if (!nt_data_load(&request, &data, &error))
        return nt_report(&error, NT_FAILED);
    int64_t n = data.train.count < o.samples ? data.train.count : o.samples;
    int64_t *chosen = choose(&data.train, n, seed);
    if (n == 0)
        status = nt_report((nt_fail(&error, "there are no samples to train on"), &error), NT_FAILED);
    else if (!chosen)
        status = nt_report((nt_fail_memory(&error, "the order of the samples", (double)data.train.count * 8), &error),
                           NT_ENVIRONMENT);
    else if (!nt_engine_init(&engine, model, (int)n, NT_FOR_TRAINING, threads, &error))
        status = nt_report(&error, NT_ENVIRONMENT);
    else {
        nt_split split = {.count = n, .index = chosen, .part = data.train.part};
        data.augmenter.n = 0;
        if (o.threads == 0)
            nt_engine_adapt(&engine);
        nt_engine_use_data(&engine, &data);
        if (!begin_parameters(&engine, &data, &split, seed, &error))
            status = nt_report(&error, NT_FAILED);
        else
            status = learn(&o, &engine, &data, &split, &progress, seed, o.lr_given ? o.lr : model->train_config->lr,
                           &error);
    }
    free(chosen);
    nt_engine_free(&engine);
    nt_data_free(&data);
    return status;
}
