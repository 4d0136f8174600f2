/* cmd_overfit.c - EXE overfit: a network that cannot learn a few samples by heart has a bug, or a learning rate that is
 * far off. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "diagnose.h"
#include "overfit.h"
#include "trial.h"

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

bool nt_overfit_learn(nt_engine *engine, const nt_data *data, const nt_split *split, const nt_overfit *task,
                      nt_progress *progress, nt_overfit_result *result, nt_error *error)
{
    const nt_train_config *config = engine->model->train_config;
    *result = (nt_overfit_result){0};
    engine->pass.seed = task->seed;
    engine->pass.random = 0;
    engine->pass.decay_scale = engine->pass.l1_scale = 0;
    engine->pass.lr = task->lr;
    for (int64_t number = 0; number < task->passes && !result->learnt; number++) {
        nt_epoch epoch;
        nt_step step = {.clip_norm = config->clip.kind == NT_CLIP_NORM ? config->clip.limit : 0};
        if (!nt_epoch_begin(&epoch, data, split, true, task->seed, (uint64_t)number, error))
            return false;
        engine->pass.step = (uint64_t)number;
        engine->pass.update_step = (uint64_t)number + 1;
        result->passes = number + 1;
        result->score = (nt_score){0};
        nt_step_outcome outcome = nt_engine_train_batch(engine, &epoch, 0, (int)split->count, &step, &result->score);
        nt_epoch_end(&epoch);
        if (outcome != NT_STEP_DONE) {
            nt_diagnose(engine, outcome, result->why, sizeof result->why);
            return true;
        }
        result->loss = nt_score_loss(&result->score);
        result->first_loss = number == 0 ? result->loss : result->first_loss;
        result->learnt = engine->classes ? result->score.correct == result->score.samples
                                         : result->loss <= small_share * result->first_loss;
        nt_progress_update(progress, &(nt_moment){.epoch = number + 1,
                                                  .epochs = task->passes,
                                                  .done = result->score.correct,
                                                  .total = engine->classes ? result->score.samples : 0,
                                                  .loss = result->loss,
                                                  .lr = task->lr,
                                                  .accuracy = engine->classes ? nt_score_accuracy(&result->score) : NAN,
                                                  .left = NAN});
    }
    return true;
}

static int report_result(const nt_engine *engine, const nt_overfit *task, const nt_overfit_result *result)
{
    long long passes = result->passes, samples = result->score.samples;
    if (result->learnt) {
        printf("learnt all %lld samples by heart in %lld passes: loss %.4f to %.4f\n", samples, passes, result->first_loss,
               result->loss);
        return NT_OK;
    }
    if (result->why[0]) {
        fprintf(stderr, "error: the loss is not finite in pass %lld: %s\nhelp: try --lr %.2g\n", passes, result->why,
                task->lr / 10);
        return NT_FAILED;
    }
    if (engine->classes)
        fprintf(stderr, "error: after %lld passes %lld of %lld samples are right\n", passes, (long long)result->score.correct,
                samples);
    else
        fprintf(stderr, "error: after %lld passes the loss is still %g\n", passes, result->loss);
    fprintf(stderr,
            "help: try another learning rate (--lr %.2g, --lr %.2g); then look at init and normalize; then check the "
            "gradients with gradcheck\n",
            task->lr / 10, task->lr * 10);
    return NT_FAILED;
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
    int64_t *chosen = nt_choose_samples(&data.train, n, seed);
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
        nt_overfit task = {o.epochs, o.lr_given ? o.lr : model->train_config->lr, seed};
        nt_overfit_result result;
        if (!nt_initial_parameters(&engine, &data, &split, seed, &error)) {
            status = nt_report(&error, NT_FAILED);
        } else if (!nt_overfit_learn(&engine, &data, &split, &task, &progress, &result, &error)) {
            status = nt_report(&error, NT_ENVIRONMENT);
        } else {
            nt_progress_clear(&progress);
            status = report_result(&engine, &task, &result);
        }
    }
    free(chosen);
    nt_engine_free(&engine);
    nt_data_free(&data);
    return status;
}
