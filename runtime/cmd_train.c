/* cmd_train.c - EXE train. */
#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint.h"
#include "command.h"
#include "diagnose.h"
#include "lsuv.h"
#include "progress.h"
#include "rng.h"
#include "run_page.h"
#include "schedule.h"
#include "start.h"
#include "training.h"

/* The gradient's norm is worked out every so many steps where clipping does not need it anyway. */
enum { NORM_EVERY = 16 };

/* The page about the run is made again at most so often, and so seldom that its making takes no more than this share of
 * the time. */
static const double page_pause = 2, page_share = 0.02;

/* Seconds between two checkpoints for which the disk is waited for. */
static const double sync_pause = 1;

/* What one run of several came to. */
typedef struct part_result {
    double loss, accuracy; /* of a fold, on the part that was held out; accuracy NAN without classes */
    int64_t tested;        /* samples of the test part */
} part_result;

typedef struct trainer {
    const nt_context *context;
    const nt_model *model;
    nt_train_options o;
    nt_run run;
    nt_data data;
    nt_engine engine;
    nt_progress progress;
    json_t *metadata;
    FILE *log;
    char best_path[PATH_MAX], last_path[PATH_MAX], state_path[PATH_MAX], log_path[PATH_MAX], page_path[PATH_MAX];
    char new_log_path[PATH_MAX + 8]; /* of a new run whose log has not yet taken the place of an earlier one's; else "" */
    char replaced[64];     /* of an earlier run whose files are in the folder: how far it came; else "" */
    bool own;              /* the files in the folder are of this run: it was resumed from them, or has saved some */
    nt_start start;        /* the model's, or --weights */
    nt_batch_plan plan;    /* of the batches: the model's, or --batch */
    uint64_t steps;        /* of all epochs */
    double lr;             /* of the last step */
    real *earlier;         /* the weights that weight_change compares with: the last slot of the state; or NULL */
    double epoch_began;    /* when this process began with the epoch */
    double began;          /* when it began with the run ... */
    int64_t samples_since; /* ... and the samples trained on since */
    bool unsaved;          /* the last attempt to save failed */
    bool best_unsynced;    /* the best weights are in their file, but maybe not yet on the disk */
    double synced;         /* when the disk was last waited for */
    nt_verdict verdict;    /* on the test part, or else the validation part, by the best weights; without samples before the end */
    double page_made, page_took; /* when the page about the run was last made, and how long that took */
    part_result *part;     /* of a fold or a member of a committee: where the result goes; else NULL */
    nt_attempt *trial;     /* NULL: an ordinary run */
} trainer;

/* -- Signals ----------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t stop_asked;

/* The first asks for an end after the step; the second ends the process at once. */
static void on_signal(int number)
{
    (void)number;
    if (stop_asked)
        _exit(NT_INTERRUPTED);
    stop_asked = 1;
}

static void catch_signals(void)
{
    struct sigaction act = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&act.sa_mask);
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGPIPE, &ignore, NULL); /* a closed pipe is an error of one write, not the end of the run */
}

/* -- Setting up -------------------------------------------------------------------------------------------------- */

const char *const nt_rate_names[NT_RATES] = {"lr", "momentum", "weight_decay", "l1"};
static const char *const rate_options[NT_RATES] = {"--lr", "--momentum", "--weight-decay", "--l1"};

double nt_rate_of_model(const nt_train_config *config, nt_rate rate)
{
    switch (rate) {
    case NT_RATE_LR: return config->lr;
    case NT_RATE_MOMENTUM: return config->momentum;
    case NT_RATE_WEIGHT_DECAY: return config->weight_decay;
    case NT_RATE_L1: return config->l1;
    case NT_RATES: break;
    }
    return 0;
}

/* What an optimizer does without is not in its code: it cannot be given here. */
static bool check_rates(const nt_train_config *config, const nt_train_options *o)
{
    for (int i = 0; i < NT_RATES; i++) {
        if (!o->rates_given[i])
            continue;
        if (nt_rate_of_model(config, (nt_rate)i) == 0) {
            fprintf(stderr, "error: %s: the model's optimizer has no %s; write %s=... there first\n", rate_options[i],
                    nt_rate_names[i], nt_rate_names[i]);
            return false;
        }
        if (i == NT_RATE_MOMENTUM && o->rates[i] >= 1) {
            fprintf(stderr, "error: --momentum must be less than 1, not %g\n", o->rates[i]);
            return false;
        }
    }
    return true;
}

static bool check_fold(int folds, const nt_train_options *o)
{
    if (o->fold <= folds)
        return true;
    if (folds > 0)
        fprintf(stderr, "error: --fold %lld: there are %d folds\n", (long long)o->fold, folds);
    else
        fprintf(stderr, "error: --fold: the model has no folds; write validation = k_fold(5) under data\n");
    return false;
}

static bool check_members(int folds, const nt_train_options *o)
{
    const char *alone = o->member > 0 ? "--member" : o->bootstrap ? "--bootstrap" : NULL;
    if (o->members == 0 && alone)
        fprintf(stderr, "error: %s is for a committee: add --members K\n", alone);
    else if (o->member > o->members)
        fprintf(stderr, "error: --member %lld: there are %lld members\n", (long long)o->member, (long long)o->members);
    else if (o->members > NT_MOST_MEMBERS)
        fprintf(stderr, "error: --members takes at most %d\n", NT_MOST_MEMBERS);
    else if (o->members > 0 && folds > 0)
        fprintf(stderr, "error: --members: the model has folds, of which each is a run already; "
                        "give validation a share or a count\n");
    else if (o->log && o->members > 0 && o->member == 0)
        fprintf(stderr, "error: --log: each member writes its own, DIR/memberN/log.jsonl\n");
    else
        return true;
    return false;
}

static nt_parsed parse(const nt_context *context, nt_train_options *o, int argc, char **argv)
{
    const nt_option list[] = {
        {"--data", NT_OPTION_TEXT, &o->data, "P", "folder or file of the data, instead of the model's", 0,
         &o->data_given},
        {"--epochs", NT_OPTION_COUNT, &o->epochs, "N", "passes over the training set", 1, &o->epochs_given},
        {"--batch", NT_OPTION_COUNT, &o->batch, "N", "samples a step", 1, &o->batch_given},
        {"--lr", NT_OPTION_NUMBER, &o->rates[NT_RATE_LR], "X", "learning rate, which the schedule starts from", 0,
         &o->rates_given[NT_RATE_LR]},
        {"--momentum", NT_OPTION_NUMBER, &o->rates[NT_RATE_MOMENTUM], "X", "the optimizer's momentum", 0,
         &o->rates_given[NT_RATE_MOMENTUM]},
        {"--weight-decay", NT_OPTION_NUMBER, &o->rates[NT_RATE_WEIGHT_DECAY], "X", "the optimizer's weight decay", 0,
         &o->rates_given[NT_RATE_WEIGHT_DECAY]},
        {"--l1", NT_OPTION_NUMBER, &o->rates[NT_RATE_L1], "X", "the optimizer's l1", 0, &o->rates_given[NT_RATE_L1]},
        {"--seed", NT_OPTION_SEED, &o->seed, "N", "of every random choice", 0, &o->seed_given},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N",
         "threads (as many as are fastest, by trial); no result depends on them", 1, NULL},
        {"--out", NT_OPTION_TEXT, &o->out, "DIR", "where checkpoints go (runs/NAME)", 0, NULL},
        {"--resume", NT_OPTION_FLAG, &o->resume, NULL, "go on where the run in DIR stopped", 0, NULL},
        {"--weights", NT_OPTION_TEXT, &o->weights, "F", "start from the weights in F, a file or a folder of train, whatever the model says", 0, NULL},
        {"--except", NT_OPTION_TEXT, &o->except, "A,B", "names of what starts as without the file: a new head", 0, NULL},
        {"--partial", NT_OPTION_FLAG, &o->partial, NULL, "of the file take what fits and leave the rest", 0, NULL},
        {"--log", NT_OPTION_TEXT, &o->log, "F", "a JSON line an epoch (DIR/log.jsonl)", 0, NULL},
        {"--fold", NT_OPTION_COUNT, &o->fold, "N", "with validation = k_fold(k): only fold N, of 1 to k", 1, NULL},
        {"--members", NT_OPTION_COUNT, &o->members, "K", "a committee of K networks, in DIR/member1 to DIR/memberK", 2,
         NULL},
        {"--member", NT_OPTION_COUNT, &o->member, "N", "only member N of it", 1, NULL},
        {"--bootstrap", NT_OPTION_FLAG, &o->bootstrap, NULL,
         "each member has training samples of its own, drawn with replacement", 0, NULL},
        {"--no-report", NT_OPTION_FLAG, &o->no_report, NULL, "leave out DIR/report.html, the page about the run", 0, NULL},
        {"--plain", NT_OPTION_FLAG, &o->plain, NULL, "no updating line, no colours", 0, NULL},
    };
    const nt_usage usage = {
        context->exe, "train", NULL, "Trains the network and keeps the best weights.", list, sizeof list / sizeof *list,
    };
    int rest;
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, &rest);
    if (parsed != NT_PARSED)
        return parsed;
    if (o->resume && o->members == 0 && (o->weights || o->except || o->partial)) {
        fprintf(stderr, "error: --resume goes on from the saved state, %s starts from a file: give one of them\n",
                o->weights ? "--weights" : o->except ? "--except" : "--partial");
        return NT_PARSED_WRONG;
    }
    bool good = check_rates(context->model->train_config, o) && check_fold(context->model->data->folds, o) &&
                check_members(context->model->data->folds, o);
    return good ? NT_PARSED : NT_PARSED_WRONG;
}

static bool set_path(char *path, const char *folder, const char *name, nt_error *error)
{
    return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX || nt_fail(error, "--out: the path is too long");
}

static bool set_paths(trainer *t, nt_error *error)
{
    static char folder[PATH_MAX];
    char name[PATH_MAX], part[32];
    if (!t->o.out) {
        snprintf(name, sizeof name, "runs/%s", t->model->name);
        t->o.out = name;
    }
    snprintf(part, sizeof part, "%s%lld", t->o.fold > 0 ? "fold" : "member",
             (long long)(t->o.fold > 0 ? t->o.fold : t->o.member));
    bool good = t->part ? set_path(folder, t->o.out, part, error)
                        : snprintf(folder, PATH_MAX, "%s", t->o.out) < PATH_MAX ||
                              nt_fail(error, "--out: the path is too long");
    t->o.out = folder;
    return good && set_path(t->best_path, folder, "best.safetensors", error) &&
           set_path(t->last_path, folder, "last.safetensors", error) &&
           set_path(t->state_path, folder, "state.safetensors", error) && set_path(t->page_path, folder, "report.html", error);
}

bool nt_make_folder(const char *path, nt_error *error)
{
    char part[PATH_MAX];
    bool good = true;
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1; *p && good; p++)
        if (*p == '/') {
            *p = '\0';
            good = mkdir(part, 0777) == 0 || errno == EEXIST;
            *p = good ? '/' : '\0';
        }
    if (!good || (mkdir(part, 0777) != 0 && errno != EEXIST))
        return nt_fail(error, "%s: cannot make the folder: %s; choose another with --out", part, strerror(errno));
    if (access(path, W_OK | X_OK) != 0)
        return nt_fail(error, "%s: cannot write there: %s; choose another folder with --out", path, strerror(errno));
    return true;
}

/* A new run, as the options and else the model say. */
static void begin_run(trainer *t)
{
    const nt_train_config *config = t->model->train_config;
    uint64_t seed = t->o.seed_given ? t->o.seed : config->seed;
    t->run = (nt_run){
        .seed = t->o.member > 0 ? seed + (uint64_t)t->o.member - 1 : seed,
        .data_seed = seed,
        .bootstrap = t->o.bootstrap ? t->o.member : 0,
        .batch = t->o.batch_given ? t->o.batch : config->batch,
        .batch_given = t->o.batch_given,
        .epochs = t->o.epochs_given ? t->o.epochs : config->epochs,
    };
    for (int i = 0; i < NT_RATES; i++)
        t->run.rates[i] = t->o.rates_given[i] ? t->o.rates[i] : nt_rate_of_model(config, (nt_rate)i);
    nt_course_begin(&t->run.course);
}

/* Applies what may change on --resume, and says so. */
static bool merge_options(trainer *t, nt_error *error)
{
    nt_run *run = &t->run;
    const nt_train_options *o = &t->o;
    if (o->seed_given && o->seed != run->data_seed)
        return nt_fail(error, "--seed %llu: the run began with seed %llu and can only go on with it",
                       (unsigned long long)o->seed, (unsigned long long)run->data_seed);
    if (o->bootstrap && run->bootstrap == 0)
        return nt_fail(error, "--bootstrap: the run in %s began without it and can only go on so", o->out);
    if (o->data_given && strcmp(o->data, run->data) != 0)
        fprintf(stderr, "note: --data is now %s, was %s\n", o->data, run->data[0] ? run->data : "the model's own");
    if (o->batch_given && o->batch != run->batch)
        fprintf(stderr, "note: --batch is now %lld, was %lld\n", (long long)o->batch, (long long)run->batch);
    if (o->epochs_given && o->epochs != run->epochs)
        fprintf(stderr, "note: --epochs is now %lld, was %lld\n", (long long)o->epochs, (long long)run->epochs);
    for (int i = 0; i < NT_RATES; i++) {
        if (o->rates_given[i] && o->rates[i] != run->rates[i])
            fprintf(stderr, "note: %s is now %g, was %g\n", rate_options[i], o->rates[i], run->rates[i]);
        run->rates[i] = o->rates_given[i] ? o->rates[i] : run->rates[i];
    }
    run->batch = o->batch_given ? o->batch : run->batch;
    run->batch_given |= o->batch_given;
    run->epochs = o->epochs_given ? o->epochs : run->epochs;
    return true;
}

/* Finds out what is to be run: the options of a new run, or those that were saved. */
static int plan_run(trainer *t, nt_error *error)
{
    nt_run earlier;
    bool exists = access(t->state_path, F_OK) == 0;
    if (!t->o.resume) {
        begin_run(t);
        if (exists && nt_checkpoint_peek(t->state_path, t->model, &earlier, error))
            snprintf(t->replaced, sizeof t->replaced, "%lld of %lld epochs", (long long)earlier.epoch,
                     (long long)earlier.epochs);
        else if (exists)
            snprintf(t->replaced, sizeof t->replaced, "of another model");
    } else if (!exists) {
        nt_fail(error, "%s: there is no run to resume; leave out --resume, or name its folder with --out",
                t->state_path);
        return NT_FAILED;
    } else {
        if (!nt_checkpoint_peek(t->state_path, t->model, &t->run, error))
            return NT_FAILED;
        if (!merge_options(t, error))
            return NT_USAGE;
    }
    if (t->o.data && (size_t)snprintf(t->run.data, sizeof t->run.data, "%s", t->o.data) >= sizeof t->run.data) {
        nt_fail(error, "--data: the path is too long");
        return NT_USAGE;
    }
    return NT_OK;
}

static bool read_data(trainer *t, nt_error *error)
{
    nt_data_request request = nt_engine_request(t->model, t->run.data[0] ? t->run.data : NULL,
                                                NT_PART_TRAIN | NT_PART_TEST, t->run.data_seed);
    request.bootstrap = (int)t->run.bootstrap;
    request.fold = t->o.fold > 0 ? (int)t->o.fold - 1 : 0;
    return nt_data_load(&request, &t->data, error);
}

/* Says so where classes have no training sample, as of an empty folder: what is never shown is never learnt. */
static bool note_missing_classes(const nt_data *data, nt_error *error)
{
    const nt_split *train = &data->train;
    if (!train->part.labels || data->outputs < 2 || train->count == 0)
        return true;
    char text[32];
    int missing = 0, first = -1;
    bool *shown = calloc((size_t)data->outputs, sizeof *shown);
    if (!shown)
        return nt_fail_memory(error, "the list of classes", data->outputs);
    for (int64_t i = 0; i < train->count; i++)
        shown[train->part.labels[train->index ? train->index[i] : i]] = true;
    for (int i = data->outputs - 1; i >= 0; i--) {
        missing += !shown[i];
        first = shown[i] ? first : i;
    }
    free(shown);
    snprintf(text, sizeof text, "%d", first);
    if (missing > 0)
        fprintf(stderr, "note: %d of %d classes %s no training sample, %s%s\n", missing, data->outputs,
                missing == 1 ? "has" : "have", missing == 1 ? "which is " : "the first is ",
                data->class_names ? data->class_names[first] : text);
    return true;
}

static bool load_data(trainer *t, nt_error *error)
{
    if (t->trial)
        t->data = *t->trial->data;
    else if (!read_data(t, error) || !note_missing_classes(&t->data, error))
        return false;
    int64_t train = t->data.train.count, validation = t->data.validation.count;
    if (t->o.resume && (train != t->run.train_count || validation != t->run.validation_count))
        return nt_fail(error,
                       "the data has %lld samples to train and %lld to validate on, the run in %s began with %lld and "
                       "%lld: name the same data with --data",
                       (long long)train, (long long)validation, t->o.out, (long long)t->run.train_count,
                       (long long)t->run.validation_count);
    if (train == 0)
        return nt_fail(error, "there are no samples to train on");
    t->run.train_count = train;
    t->run.validation_count = validation;
    if (t->model->train_config->disturb_label > 0 && !t->data.train_part.labels)
        return nt_fail(error, "disturb_label draws class labels at random, and this data has vectors to predict: leave "
                              "it out of the model");
    if (t->plan.kind == NT_BATCH_ALL && train > INT32_MAX)
        return nt_fail(error, "batch = all of %lld samples is too large a batch: write a number", (long long)train);
    if (t->plan.kind == NT_BATCH_ALL)
        t->run.batch = train;
    t->steps = nt_steps_of_epochs(&t->plan, t->run.batch, train, t->run.epochs);
    t->metadata = nt_weights_metadata(t->model, &t->data.normalizer, t->data.class_names, t->data.outputs);
    return t->metadata || nt_fail_memory(error, "the names of the classes", 0);
}

/* Samples of a step in the current epoch. */
static int64_t batch_now(const trainer *t)
{
    return nt_batch_of_epoch(&t->plan, t->run.batch, t->run.epoch);
}

/* Batches of so many samples are in an epoch. */
static int64_t steps_for(const trainer *t, int64_t samples)
{
    int64_t batch = batch_now(t);
    return (samples + batch - 1) / batch;
}

/* No step has more samples than there are. */
static int largest_batch(const trainer *t)
{
    int64_t samples = t->run.train_count, batch = nt_batch_of_epoch(&t->plan, t->run.batch, t->run.epochs - 1);
    return (int)(batch < samples ? batch : samples);
}

static void put_weights_aside(trainer *t)
{
    if (t->earlier)
        memcpy(t->earlier, t->engine.memory.params, t->model->trainable_elements * sizeof *t->earlier);
}

/* Initial values, and over them weights from a file. */
static bool begin_parameters(trainer *t, nt_error *error)
{
    nt_engine *engine = &t->engine;
    int layers, samples;
    nt_origin *origins = calloc((size_t)t->model->n_params + 1, sizeof *origins);
    if (!origins)
        return nt_fail_memory(error, "the list of parameters", (double)t->model->n_params * sizeof *origins);
    bool good = nt_params_initialise(t->model, t->run.seed, engine->memory.params, error) &&
                nt_start_load(&t->start, t->model, engine->memory.params, origins, t->trial ? NULL : stderr, error) &&
                nt_lsuv(engine, &t->data, &t->data.train, origins, t->run.seed, &layers, &samples, error);
    free(origins);
    if (good && layers > 0 && !t->trial)
        fprintf(stderr, "lsuv: %d layer%s scaled to unit variance over %d samples\n", layers, layers == 1 ? "" : "s",
                samples);
    return good;
}

/* A rate over the one that is in the emitted update. */
static double share_of_model(const trainer *t, nt_rate rate)
{
    double emitted = nt_rate_of_model(t->model->train_config, rate);
    return emitted > 0 ? t->run.rates[rate] / emitted : 1;
}

/* Those of a new run, or the saved state. */
static bool set_parameters(trainer *t, nt_error *error)
{
    nt_engine *engine = &t->engine;
    engine->pass.seed = t->run.seed;
    engine->disturb = t->model->train_config->disturb_label;
    engine->pass.decay_scale = share_of_model(t, NT_RATE_WEIGHT_DECAY);
    engine->pass.l1_scale = share_of_model(t, NT_RATE_L1);
    if (nt_weight_rule(t->model->train_config))
        t->earlier = engine->memory.state + (size_t)(t->model->state_slots - 1) * t->model->trainable_elements;
    if (t->o.resume) {
        nt_run saved;
        return nt_checkpoint_load(t->state_path, t->model, &engine->memory, &t->data.recall, &saved, error) &&
               nt_data_recalled(&t->data, error);
    }
    if (!begin_parameters(t, error))
        return false;
    put_weights_aside(t);
    return true;
}

/* The log of a new run is written beside that of an earlier one, which it replaces once something has been saved. */
static bool open_log(trainer *t, nt_error *error)
{
    struct stat there;
    bool fits = t->o.log ? snprintf(t->log_path, PATH_MAX, "%s", t->o.log) < PATH_MAX
                         : snprintf(t->log_path, PATH_MAX, "%s/log.jsonl", t->o.out) < PATH_MAX;
    if (!fits)
        return nt_fail(error, "--log: the path is too long");
    if (!t->o.resume && stat(t->log_path, &there) == 0 && S_ISREG(there.st_mode) && access(t->log_path, W_OK) == 0)
        snprintf(t->new_log_path, sizeof t->new_log_path, "%s.tmp", t->log_path);
    t->log = fopen(t->new_log_path[0] ? t->new_log_path : t->log_path, t->o.resume ? "ae" : "we");
    if (!t->log)
        t->new_log_path[0] = '\0';
    return t->log ||
           nt_fail(error, "%s: cannot write the log: %s; name another file with --log", t->log_path, strerror(errno));
}

static void replace_log(trainer *t)
{
    if (t->new_log_path[0] && rename(t->new_log_path, t->log_path) != 0)
        fprintf(stderr, "warning: the log stays in %s: %s\n", t->new_log_path, strerror(errno));
    t->new_log_path[0] = '\0';
}

/* Where the model gives ranges and the command line no numbers. */
static void tell_middles(const trainer *t)
{
    const nt_train_config *config = t->model->train_config;
    int n = 0;
    for (int i = 0; i < config->n_ranges; i++) {
        nt_rate rate = config->ranges[i].rate;
        if (!t->o.rates_given[rate])
            fprintf(stderr, "%s%s %.4g", n++ > 0 ? ", " : "note: ", nt_rate_names[rate], t->run.rates[rate]);
    }
    if (n > 0)
        fprintf(stderr, ": the middle%s; `%s search` looks for better ones\n", n > 1 ? "s of ranges" : " of its range",
                t->context->exe);
}

static void print_header(trainer *t)
{
    if (t->replaced[0])
        fprintf(stderr, "note: replacing the run in %s (%s)%s\n", t->o.out, t->replaced,
                isdigit((unsigned char)t->replaced[0]) ? "; --resume would go on with it" : "");
    if (!t->o.resume)
        tell_middles(t);
    char parameters[64], threads[32], train[64], validation[64], test[64], number[32];
    snprintf(parameters, sizeof parameters, "%s parameters", nt_format_count(number, t->model->parameters));
    snprintf(threads, sizeof threads, "%d thread%s", t->engine.threads, t->engine.threads == 1 ? "" : "s");
    snprintf(train, sizeof train, "%s train", nt_format_count(number, t->data.train.count));
    snprintf(validation, sizeof validation, "%s validation", nt_format_count(number, t->data.validation.count));
    snprintf(test, sizeof test, "%s test", nt_format_count(number, t->data.test.count));
    const char *fields[] = {t->model->name, parameters, t->model->target, threads, train, validation, test};
    nt_progress_fields(&t->progress, fields, sizeof fields / sizeof *fields);
    if (t->data.note[0])
        nt_progress_fields(&t->progress, (const char *[]){t->data.note}, 1);
}

/* -- Saving ------------------------------------------------------------------------------------------------------ */

/* Of a trial, only the best weights are of use. */
static bool save_trial(trainer *t, bool best)
{
    nt_error error = {0};
    const char *path = t->trial->best_path;
    bool good = !best || nt_weights_save(t->model, t->engine.memory.params, t->metadata, path, NT_SURVIVES_PROCESS,
                                         &error);
    if (!good) {
        nt_progress_clear(&t->progress);
        nt_report(&error, NT_ENVIRONMENT);
    }
    t->unsaved = !good;
    return good;
}

/* The files of one moment: all take their places, or none does. */
static bool save_files(trainer *t, bool best, nt_durability durability, nt_error *error)
{
    real *params = t->engine.memory.params;
    const char *const paths[] = {t->state_path, t->last_path, t->best_path};
    const size_t n = best ? 3 : 2;
    bool good = nt_checkpoint_save(t->state_path, t->model, &t->engine.memory, &t->data.recall, &t->run, NT_STAGED, error) &&
                nt_weights_save(t->model, params, t->metadata, t->last_path, NT_STAGED, error) &&
                (!best || nt_weights_save(t->model, params, t->metadata, t->best_path, NT_STAGED, error));
    if (!good)
        nt_tensors_discard(paths, n);
    return good && nt_tensors_replace(paths, n, durability, error);
}

/* What was saved before, also by an earlier run, stays as it was if this fails; the run goes on and tries again after the
 * next epoch. The disk is not waited for at each of many short epochs. */
static bool save(trainer *t, bool best, bool last)
{
    nt_error error = {0};
    if (t->trial)
        return save_trial(t, best);
    bool wait = last || nt_seconds() - t->synced >= sync_pause;
    bool good = save_files(t, best, wait ? NT_SURVIVES_MACHINE : NT_SURVIVES_PROCESS, &error);
    if (good && wait && t->best_unsynced && !best)
        good = nt_tensors_sync(t->best_path, &error);
    if (good) {
        t->best_unsynced = !wait && (best || t->best_unsynced);
        t->synced = wait ? nt_seconds() : t->synced;
        t->own = true;
        replace_log(t);
    } else {
        nt_progress_clear(&t->progress);
        nt_report(&error, NT_ENVIRONMENT);
    }
    t->unsaved = !good;
    return good;
}

/* Makes the page about the run anew; not before something of the run is there, as that of an earlier one may be. */
static bool make_page(trainer *t, const char *state, nt_error *error)
{
    if (t->o.no_report || !t->own)
        return true;
    double began = nt_seconds();
    const nt_run_page page = {
        .model = t->model,
        .sketch = t->context->sketch,
        .run = &t->run,
        .log = t->log_path,
        .state = state,
        .data = &t->data,
        .engine = &t->engine,
        .verdict = t->verdict.score.samples > 0 ? &t->verdict : NULL,
        .part = t->data.test.count > 0 ? "test" : "validation",
    };
    bool good = nt_run_page_write(&page, t->page_path, error);
    t->page_made = nt_seconds();
    t->page_took = t->page_made - began;
    return good;
}

/* After an epoch, if it is time; what fails now is tried again. */
static void update_page(trainer *t)
{
    nt_error error = {0};
    double since = nt_seconds() - t->page_made;
    if (t->page_made > 0 && (since < page_pause || since * page_share < t->page_took))
        return;
    if (!make_page(t, "in training", &error)) {
        nt_progress_clear(&t->progress);
        fprintf(stderr, "warning: %s\n", error.text);
    }
}

/* -- The loop ---------------------------------------------------------------------------------------------------- */

static nt_position position(const trainer *t)
{
    return (nt_position){
        .epoch = t->run.epoch,
        .epochs = t->run.epochs,
        .step = t->run.step,
        .steps = t->steps,
    };
}

static bool with_accuracy(const trainer *t)
{
    return t->engine.classes;
}

static double accuracy(const trainer *t, const nt_score *score)
{
    return with_accuracy(t) ? nt_score_accuracy(score) : NAN;
}

static void show_progress(trainer *t)
{
    const nt_run *run = &t->run;
    double elapsed = nt_seconds() - t->began;
    double left = (double)((run->epochs - run->epoch) * run->train_count - run->first);
    double rate = elapsed > 0 ? (double)t->samples_since / elapsed : 0;
    nt_moment moment = {
        .epoch = run->epoch + 1,
        .epochs = run->epochs,
        .done = steps_for(t, run->first),
        .total = steps_for(t, run->train_count),
        .loss = nt_score_loss(&run->score),
        .accuracy = accuracy(t, &run->score),
        .lr = t->lr,
        .rate = rate,
        .left = rate > 0 ? left / rate : NAN,
    };
    nt_progress_update(&t->progress, &moment);
}

/* A fresh classifier knows nothing: its loss is that of guessing. Far from it, something is wrong with the initial
 * values or with the inputs' scale. */
static void compare_first_loss(trainer *t, double loss)
{
    double expected = 0;
    for (int i = 0; i < t->model->n_losses; i++) {
        if (t->model->losses[i].kind != NT_LOSS_CROSS_ENTROPY)
            return;
        expected += t->model->losses[i].weight * log(t->model->heads[t->model->losses[i].head].c);
    }
    if (t->run.step > 0 || t->start.path || !(expected > 0) || (loss < 2 * expected && loss > expected / 2))
        return;
    nt_progress_clear(&t->progress);
    fprintf(stderr,
            "hint: the loss starts at %.2f, where guessing among %d classes gives %.2f: look at init and normalize\n",
            loss, t->model->heads[0].c, expected);
}

static int report_not_finite(trainer *t, nt_step_outcome outcome)
{
    char why[512];
    nt_diagnose(&t->engine, outcome, why, sizeof why);
    nt_progress_clear(&t->progress);
    fprintf(stderr, "error: %s is not finite at step %llu (epoch %lld): %s\n",
            outcome == NT_STEP_LOSS_NOT_FINITE ? "the loss" : "the gradient", (unsigned long long)t->run.step + 1,
            (long long)t->run.epoch + 1, why);
    fprintf(stderr, "help: try a lower learning rate (--lr %.2g), or clip the gradient (clip = norm(1) under train)\n",
            t->lr / 10);
    if (t->run.epoch > 0)
        fprintf(stderr, "note: what was saved after epoch %lld is in %s\n", (long long)t->run.epoch, t->o.out);
    return NT_FAILED;
}

/* Rate and momentum of the step at a position: for the update, and to be shown. */
static void set_rates(trainer *t, nt_position at)
{
    const nt_train_config *config = t->model->train_config;
    t->lr = nt_schedule_rate(config, t->run.rates[NT_RATE_LR], at) * nt_course_scale(&t->run.course, config);
    t->engine.pass.lr = t->lr;
    t->engine.pass.momentum = nt_schedule_momentum(config, t->run.rates[NT_RATE_MOMENTUM], at);
}

/* Whether each step's limit follows from the norms of those before it. */
static bool clips_by_median(const nt_train_config *config)
{
    return config->clip.kind == NT_CLIP_NORM && config->clip.limit == 0;
}

/* What the next step is taken with. `last`: it is the epoch's last. */
static nt_step prepare_step(trainer *t, bool last)
{
    const nt_train_config *config = t->model->train_config;
    const nt_run *run = &t->run;
    nt_pass *pass = &t->engine.pass;
    set_rates(t, position(t));
    pass->noise = nt_noise_std(&config->gradient_noise, run->step);
    pass->step = run->step;
    pass->update_step = run->step + 1;
    return (nt_step){
        .clip_norm = nt_course_clip(&run->course, &config->clip),
        .want_norm = clips_by_median(config) || run->step % NORM_EVERY == 0 || last,
    };
}

static void book_step(trainer *t, const nt_step *step, int64_t samples)
{
    nt_run *run = &t->run;
    if (!isnan(step->norm)) {
        run->norm_sum += step->norm;
        run->norm_count++;
        if (clips_by_median(t->model->train_config))
            nt_history_add(&run->course.norms, step->norm);
    }
    run->first += samples;
    run->step++;
    t->samples_since += samples;
}

/* Whether a step has shown that nothing will come of the trial. */
static bool trial_is_over(trainer *t, nt_step_outcome outcome, double loss)
{
    nt_attempt *trial = t->trial;
    if (t->run.step == 0)
        trial->first_loss = loss;
    if (outcome != NT_STEP_DONE)
        trial->end = NT_ATTEMPT_NOT_FINITE;
    else if (loss > trial->give_up * trial->first_loss)
        trial->end = NT_ATTEMPT_HOPELESS;
    return trial->end != NT_ATTEMPT_DONE;
}

/* The rest of the epoch's steps. NT_INTERRUPTED if a signal asked for an end. */
static int train_epoch(trainer *t, nt_error *error)
{
    nt_run *run = &t->run;
    nt_epoch epoch;
    if (!nt_epoch_begin(&epoch, &t->data, &t->data.train, true, run->seed, (uint64_t)run->epoch, error))
        return nt_report(error, NT_ENVIRONMENT);
    int status = NT_OK;
    t->engine.disturb_key = nt_key(nt_key(run->seed, NT_KEY_DISTURB), (uint64_t)run->epoch);
    if (run->step > 0) { /* where only the validation is left to do, these are the rates to log */
        nt_position last = position(t);
        last.step--;
        set_rates(t, last);
    }
    while (run->first < run->train_count && status == NT_OK) {
        int64_t left = run->train_count - run->first, batch = batch_now(t), n = left < batch ? left : batch;
        nt_step step = prepare_step(t, n == left);
        nt_step_outcome outcome = nt_engine_train_batch(&t->engine, &epoch, run->first, (int)n, &step, &run->score);
        if (t->trial && trial_is_over(t, outcome, step.loss))
            break;
        if (outcome != NT_STEP_DONE) {
            status = report_not_finite(t, outcome);
            break;
        }
        if (!t->trial)
            compare_first_loss(t, step.loss);
        book_step(t, &step, n);
        show_progress(t);
        status = stop_asked ? NT_INTERRUPTED : NT_OK;
    }
    nt_epoch_end(&epoch);
    return status;
}

static void print_number(FILE *to, const char *name, double value)
{
    if (isfinite(value))
        fprintf(to, ",\"%s\":%.9g", name, value);
    else
        fprintf(to, ",\"%s\":null", name);
}

static void log_epoch(trainer *t, const nt_score *train, const nt_score *val, double norm, double seconds,
                      const char *note)
{
    int top_k = t->model->train_config->top_k;
    fprintf(t->log, "{\"epoch\":%lld,\"step\":%llu", (long long)t->run.epoch, (unsigned long long)t->run.step);
    print_number(t->log, "train_loss", nt_score_loss(train));
    print_number(t->log, "train_accuracy", accuracy(t, train));
    print_number(t->log, "val_loss", nt_score_loss(val));
    print_number(t->log, "val_accuracy", accuracy(t, val));
    if (top_k > 0 && val->samples > 0)
        print_number(t->log, "val_top_k", (double)val->top / (double)val->samples);
    print_number(t->log, "lr", t->lr);
    if (t->model->train_config->momentum_schedule.kind != NT_SCHEDULE_CONSTANT)
        print_number(t->log, "momentum", t->engine.pass.momentum);
    if (t->plan.kind == NT_BATCH_GROW)
        print_number(t->log, "batch", (double)nt_batch_of_epoch(&t->plan, t->run.batch, t->run.epoch - 1));
    print_number(t->log, "grad_norm", norm);
    print_number(t->log, "seconds", seconds);
    if (note[0]) /* our own words: nothing in them needs escaping */
        fprintf(t->log, ",\"note\":\"%s\"", note);
    fputs("}\n", t->log);
    if (fflush(t->log) != 0 || ferror(t->log)) {
        nt_progress_clear(&t->progress);
        fprintf(stderr, "warning: cannot write the log: %s\n", strerror(errno));
        clearerr(t->log);
    }
}

/* Whether a stopping rule has ended the run. */
static bool is_over(const trainer *t)
{
    return nt_course_over(&t->run.course, t->model->train_config, t->run.epoch);
}

/* How far the weights have come since they were put aside, where it is time for weight_change to look, and the norm of
 * all of them. */
static void compare_weights(trainer *t, nt_result *result)
{
    const nt_stop *rule = nt_weight_rule(t->model->train_config);
    if (!rule || result->epoch % rule->window != 0)
        return;
    double change = 0, square = 0;
    for (int i = 0; i < t->model->n_params; i++) {
        const nt_param *param = &t->model->params[i];
        if (!nt_param_is_trained(param))
            continue;
        const real *now = t->engine.memory.params + param->offset, *earlier = t->earlier + param->offset;
        size_t count = nt_param_count(param);
        for (size_t k = 0; k < count; k++) { /* padding does not count */
            size_t at = nt_param_index(param, k);
            change = fmax(change, fabs((double)now[at] - (double)earlier[at]));
            square += (double)now[at] * (double)now[at];
        }
    }
    result->change = change;
    result->weight_norm = sqrt(square);
    put_weights_aside(t);
}

/* What comes after an epoch's steps: validation, then the books, then saving. */
static int finish_epoch(trainer *t, nt_error *error)
{
    nt_run *run = &t->run;
    nt_score val = {0};
    if (t->data.validation.count > 0 &&
        !nt_engine_evaluate(&t->engine, &t->data, &t->data.validation, &stop_asked, &val, error))
        return stop_asked ? NT_INTERRUPTED : nt_report(error, NT_ENVIRONMENT);

    double now = nt_seconds(), seconds = run->epoch_seconds + now - t->epoch_began;
    nt_score train = run->score;
    nt_result result = {
        .epoch = run->epoch + 1,
        .loss = val.samples > 0 ? nt_score_loss(&val) : nt_score_loss(&train),
        .validated = val.samples > 0,
        .norm = run->norm_count > 0 ? run->norm_sum / (double)run->norm_count : NAN,
        .lr = t->lr,
        .change = NAN,
    };
    char note[NT_REASON];
    compare_weights(t, &result);
    const double kept_loss = run->course.best_loss;
    const int64_t kept_epoch = run->course.best_epoch;
    bool best = nt_course_epoch(&run->course, t->model->train_config, &result, note);

    nt_data_next_epoch(&t->data, run->seed, (uint64_t)run->epoch);
    run->epoch++;
    run->first = 0;
    run->score = (nt_score){0};
    run->norm_sum = run->epoch_seconds = 0;
    run->norm_count = 0;
    run->seconds += seconds;
    t->epoch_began = now;
    if (!save(t, best, run->epoch == run->epochs || is_over(t))) { /* the best are those that are kept */
        run->course.best_loss = kept_loss;
        run->course.best_epoch = kept_epoch;
    }
    if (t->trial) {
        t->trial->epochs = run->epoch;
        if (best) {
            t->trial->best_epoch = run->epoch;
            t->trial->loss = result.loss;
            t->trial->accuracy = accuracy(t, &val);
        }
        return NT_OK;
    }
    log_epoch(t, &train, &val, result.norm, seconds, is_over(t) ? run->course.reason : note);
    nt_epoch_summary summary = {
        .epoch = run->epoch,
        .epochs = run->epochs,
        .train_loss = nt_score_loss(&train),
        .train_accuracy = accuracy(t, &train),
        .val_loss = nt_score_loss(&val),
        .val_accuracy = accuracy(t, &val),
        .lr = t->lr,
        .seconds = seconds,
        .best = best,
    };
    nt_progress_epoch(&t->progress, &summary);
    if (note[0])
        nt_progress_fields(&t->progress, (const char *[]){note}, 1);
    if (run->epoch < run->epochs && !is_over(t))
        update_page(t);
    return NT_OK;
}

/* Saves the middle of the epoch. */
static int interrupted(trainer *t)
{
    t->run.epoch_seconds += nt_seconds() - t->epoch_began;
    nt_progress_clear(&t->progress);
    char state[64];
    nt_error error = {0};
    if (t->trial)
        return NT_INTERRUPTED;
    if (!save(t, false, true)) {
        if (t->own)
            fprintf(stderr, "note: what was saved before is still in %s\n", t->o.out);
        return NT_ENVIRONMENT;
    }
    snprintf(state, sizeof state, "stopped in epoch %lld", (long long)t->run.epoch + 1);
    if (!make_page(t, state, &error))
        fprintf(stderr, "warning: %s\n", error.text);
    if (t->run.first > 0)
        fprintf(stderr, "stopped in epoch %lld after step %lld of %lld", (long long)t->run.epoch + 1,
                (long long)steps_for(t, t->run.first), (long long)steps_for(t, t->run.train_count));
    else
        fprintf(stderr, "stopped after epoch %lld", (long long)t->run.epoch);
    fprintf(stderr, "; everything is saved in %s\nthe same command with --resume goes on from here\n", t->o.out);
    return NT_INTERRUPTED;
}

static void print_test(const trainer *t, const nt_score *score)
{
    char number[32];
    printf("test  loss %.4f", nt_score_loss(score));
    if (with_accuracy(t))
        printf("  accuracy %.2f%%", 100 * nt_score_accuracy(score));
    if (with_accuracy(t) && t->model->train_config->top_k > 0)
        printf("  top-%d %.2f%%", t->model->train_config->top_k, 100 * (double)score->top / (double)score->samples);
    printf("  %s samples\n", nt_format_count(number, score->samples));
}

/* The best weights' figures on the test part; the last ones' where the best could not be kept. Without a test part the
 * page shows what they make of the validation part. */
static bool final_test(trainer *t, nt_error *error)
{
    nt_weights weights;
    nt_score score;
    if (t->part)
        t->part->tested = t->data.test.count;
    const nt_split *split = t->data.test.count > 0 ? &t->data.test : t->o.no_report ? NULL : &t->data.validation;
    if ((!split && t->o.fold == 0) || t->run.epoch == 0)
        return true;
    bool kept = t->run.course.best_epoch > 0,
         best = kept && nt_weights_load(&weights, t->model, t->best_path, t->engine.memory.params, error);
    if (best)
        nt_weights_free(&weights);
    else if (kept)
        fprintf(stderr, "note: the last weights are tested, not the best: %s\n", error->text);
    if (t->o.fold > 0) {
        if (!nt_engine_evaluate(&t->engine, &t->data, &t->data.validation, &stop_asked, &score, error))
            return stop_asked != 0;
        t->part->loss = nt_score_loss(&score);
        t->part->accuracy = accuracy(t, &score);
    }
    if (split && split->count > 0 && !nt_verdict_make(&t->verdict, &t->engine, &t->data, split, &stop_asked, error))
        return stop_asked != 0;
    if (t->data.test.count == 0)
        return true;
    print_test(t, &t->verdict.score);
    if (best)
        printf("best  epoch %lld  %s\n", (long long)t->run.course.best_epoch, t->best_path);
    return true;
}

static int run_epochs(trainer *t, nt_error *error)
{
    int status = NT_OK;
    t->began = t->epoch_began = nt_seconds();
    if (t->run.epoch >= t->run.epochs)
        fprintf(stderr, "note: the run has finished its %lld epochs; --epochs N goes on\n", (long long)t->run.epochs);
    while (status == NT_OK && t->run.epoch < t->run.epochs && !is_over(t)) {
        status = train_epoch(t, error);
        if (status == NT_OK && t->trial && t->trial->end != NT_ATTEMPT_DONE)
            break;
        if (status == NT_OK)
            status = finish_epoch(t, error);
        if (status == NT_OK && stop_asked)
            status = NT_INTERRUPTED;
    }
    if (status == NT_INTERRUPTED)
        return interrupted(t);
    if (status != NT_OK || t->trial)
        return status;
    if (is_over(t))
        fprintf(stderr, "stopped early: %s; best epoch %lld kept\n", t->run.course.reason,
                (long long)t->run.course.best_epoch);
    if (!final_test(t, error) || !make_page(t, is_over(t) ? "stopped early" : "finished", error))
        return nt_report(error, NT_ENVIRONMENT);
    if (!t->o.no_report && t->own)
        printf("page  %s\n", t->page_path);
    return t->unsaved ? NT_ENVIRONMENT : NT_OK;
}

static int report_no_room(const trainer *t, const nt_error *error)
{
    int status = nt_report(error, NT_ENVIRONMENT);
    if (t->plan.kind == NT_BATCH_ALL)
        fprintf(stderr, "help: batch = all takes all %lld samples in one step; --batch N takes fewer\n",
                (long long)t->run.train_count);
    return status;
}

/* At most one of `part` and `trial`. */
static int train(const nt_context *context, const nt_train_options *asked, part_result *part, nt_attempt *trial)
{
    trainer t = {.context = context, .model = context->model, .o = *asked, .part = part, .trial = trial};
    t.own = asked->resume;
    nt_error error = {0};
    if (!set_paths(&t, &error))
        return nt_report(&error, NT_USAGE);
    int status = plan_run(&t, &error);
    if (status != NT_OK)
        return nt_report(&error, status);

    if (!t.run.batch_given)
        t.plan = t.model->train_config->batch_plan;
    nt_progress_init(&t.progress, stderr, t.o.plain);
    if (!nt_start_choose(&t.start, &t.model->train_config->start, asked->weights, asked->except, asked->partial, &error))
        status = nt_report(&error, NT_USAGE);
    else if (!load_data(&t, &error))
        status = nt_report(&error, NT_FAILED);
    else if (!nt_engine_init(&t.engine, t.model, largest_batch(&t), NT_FOR_TRAINING,
                             nt_threads(t.model, t.o.threads, largest_batch(&t)), &error))
        status = report_no_room(&t, &error);
    else if (!set_parameters(&t, &error))
        status = nt_report(&error, NT_FAILED);
    else if (!trial && (!nt_make_folder(t.o.out, &error) || !open_log(&t, &error)))
        status = nt_report(&error, NT_ENVIRONMENT);
    else {
        if (t.o.threads == 0)
            nt_engine_adapt(&t.engine);
        nt_engine_use_data(&t.engine, &t.data);
        if (!trial)
            print_header(&t);
        catch_signals();
        status = run_epochs(&t, &error);
    }
    if (t.log && fclose(t.log) != 0)
        fprintf(stderr, "warning: cannot write the log: %s\n", strerror(errno));
    if (t.new_log_path[0])
        unlink(t.new_log_path);
    if (t.replaced[0] && t.log && !t.own)
        fprintf(stderr, "note: nothing was saved: the earlier run in %s is as it was\n", t.o.out);
    json_decref(t.metadata);
    nt_verdict_free(&t.verdict);
    nt_start_free(&t.start);
    nt_engine_free(&t.engine);
    if (!trial)
        nt_data_free(&t.data);
    return status;
}

int nt_train_attempt(const nt_context *context, const nt_train_options *options, nt_attempt *trial)
{
    double began = nt_seconds();
    trial->end = NT_ATTEMPT_DONE;
    trial->first_loss = trial->loss = trial->accuracy = NAN;
    trial->best_epoch = trial->epochs = 0;
    int status = train(context, options, NULL, trial);
    trial->seconds = nt_seconds() - began;
    return status;
}

/* Mean and standard deviation (of a sample: over n - 1) of one figure of all folds. */
static void print_spread(const char *name, const double *values, int n, double unit, const char *mark)
{
    double mean = 0, squares = 0;
    for (int i = 0; i < n; i++)
        mean += values[i] / n;
    for (int i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    printf("  %s %.*f%s +- %.*f", name, unit > 1 ? 2 : 4, unit * mean, mark, unit > 1 ? 2 : 4,
           n > 1 ? unit * sqrt(squares / (n - 1)) : 0);
}

static void print_folds(const part_result *results, int n)
{
    double loss[NT_MOST_FOLDS], right[NT_MOST_FOLDS];
    for (int i = 0; i < n; i++) {
        loss[i] = results[i].loss;
        right[i] = results[i].accuracy;
    }
    printf("%d folds, each held out once:", n);
    print_spread("loss", loss, n, 1, "");
    if (!isnan(right[0]))
        print_spread(" accuracy", right, n, 100, "%");
    printf("\n");
}

/* One of several runs; what it has to say can be read before the next one is through. */
static int train_part(const nt_context *context, const nt_train_options *options, part_result *result)
{
    int status = train(context, options, result, NULL);
    if (fflush(stdout) == 0)
        return status;
    fprintf(stderr, "error: cannot write the result: %s\n", strerror(errno));
    return NT_ENVIRONMENT;
}

static int train_folds(const nt_context *context, const nt_train_options *asked)
{
    part_result results[NT_MOST_FOLDS] = {{0}};
    int folds = context->model->data->folds, status = NT_OK;
    for (int i = 0; i < folds && status == NT_OK; i++) {
        nt_train_options one = *asked;
        one.fold = i + 1;
        fprintf(stderr, "%sfold %d of %d\n", i ? "\n" : "", i + 1, folds);
        status = train_part(context, &one, &results[i]);
    }
    if (status == NT_OK)
        print_folds(results, folds);
    return status;
}

/* -- Committees -------------------------------------------------------------------------------------------------- */

/* DIR/memberN/NAME, or DIR/memberN where NAME is NULL. */
static bool member_path(char path[PATH_MAX], const char *folder, int64_t member, const char *name)
{
    return snprintf(path, PATH_MAX, "%s/member%lld%s%s", folder, (long long)member, name ? "/" : "", name ? name : "") <
           PATH_MAX;
}

static bool member_exists(const char *folder, int64_t member, const char *name)
{
    char path[PATH_MAX];
    return member_path(path, folder, member, name) && access(path, F_OK) == 0;
}

/* With --resume: what was asked for when the committee was begun holds for the members that have not begun, where the
 * command line does not say it again. */
static int recall_options(const nt_context *context, nt_train_options *o, nt_run *run)
{
    nt_error error = {0};
    char path[PATH_MAX];
    int64_t first = 1;
    while (first <= o->members && !member_exists(o->out, first, "state.safetensors"))
        first++;
    if (first > o->members) {
        nt_fail(&error, "%s: there is no committee to resume; leave out --resume, or name its folder with --out",
                o->out);
        return nt_report(&error, NT_FAILED);
    }
    if (!member_path(path, o->out, first, "state.safetensors") ||
        !nt_checkpoint_peek(path, context->model, run, &error))
        return nt_report(&error, NT_FAILED);
    if (!o->seed_given)
        o->seed = run->data_seed;
    if (!o->epochs_given)
        o->epochs = run->epochs;
    if (!o->batch_given && run->batch_given)
        o->batch = run->batch;
    o->batch_given |= run->batch_given != 0;
    if (!o->data_given && run->data[0])
        o->data = run->data;
    for (int i = 0; i < NT_RATES; i++) {
        if (!o->rates_given[i])
            o->rates[i] = run->rates[i];
        o->rates_given[i] |= run->rates[i] != nt_rate_of_model(context->model->train_config, (nt_rate)i);
    }
    o->seed_given = o->epochs_given = true;
    o->bootstrap |= run->bootstrap > 0;
    return NT_OK;
}

/* Trains members one after the other, or the one that is asked for; then the whole committee is measured. */
static int train_members(const nt_context *context, const nt_train_options *asked)
{
    nt_train_options o = *asked;
    nt_run begun;
    char folder[PATH_MAX];
    int status = NT_OK;
    snprintf(folder, sizeof folder, "runs/%s", context->model->name);
    o.out = o.out ? o.out : folder;
    if (o.resume && (status = recall_options(context, &o, &begun)) != NT_OK)
        return status;
    if (!o.resume && member_exists(o.out, o.members + 1, NULL))
        fprintf(stderr, "note: %s/member%lld is of an earlier committee; eval and predict will count it as a member\n",
                o.out, (long long)o.members + 1);
    part_result result = {0};
    int64_t first = o.member > 0 ? o.member : 1, last = o.member > 0 ? o.member : o.members;
    for (int64_t i = first; i <= last && status == NT_OK; i++) {
        nt_train_options one = o;
        one.member = i;
        one.resume = o.resume && member_exists(o.out, i, "state.safetensors");
        if (one.resume) {
            one.weights = one.except = NULL;
            one.partial = false;
        }
        fprintf(stderr, "%smember %lld of %lld\n", i > first ? "\n" : "", (long long)i, (long long)o.members);
        status = train_part(context, &one, &result);
    }
    if (status != NT_OK || o.member > 0 || result.tested == 0)
        return status;
    printf("\n");
    return nt_eval_committee(context, o.out, o.data, o.threads);
}

int nt_cmd_train(const nt_context *context, int argc, char **argv)
{
    nt_train_options o = {0};
    nt_parsed parsed = parse(context, &o, argc, argv);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;
    if (o.members > 0)
        return train_members(context, &o);
    if (context->model->data->folds > 0 && o.fold == 0)
        return train_folds(context, &o);
    part_result result = {0};
    return train(context, &o, o.fold > 0 ? &result : NULL, NULL);
}
