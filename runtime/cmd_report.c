/* cmd_report.c - EXE report: the page about a run that `train` has left, made anew: of a run that was killed, with
 * another weights file, on other data. */
#define _POSIX_C_SOURCE 200809L
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint.h"
#include "command.h"
#include "run_page.h"

typedef struct options {
    const char *folder, *weights, *data, *out, *log;
    int64_t threads, fold;
} options;

/* Where everything is. */
typedef struct places {
    char folder[PATH_MAX], state[PATH_MAX], weights[PATH_MAX], log[PATH_MAX], page[PATH_MAX];
} places;

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv)
{
    const nt_option list[] = {
        {"--run", NT_OPTION_TEXT, &o->folder, "DIR", "what --out of train was (runs/NAME)", 0, NULL},
        {"--weights", NT_OPTION_TEXT, &o->weights, "F", "weights to show, or a folder of train (DIR/best.safetensors)", 0, NULL},
        {"--data", NT_OPTION_TEXT, &o->data, "P", "folder or file of the data, instead of the run's", 0, NULL},
        {"--log", NT_OPTION_TEXT, &o->log, "F", "the run's log (DIR/log.jsonl)", 0, NULL},
        {"--out", NT_OPTION_TEXT, &o->out, "F.html", "where the page goes (DIR/report.html)", 0, NULL},
        {"--fold", NT_OPTION_COUNT, &o->fold, "N", "with validation = k_fold(k): which fold the run held out (1)", 1,
         NULL},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N", "the page is the same for any number", 1, NULL},
    };
    const nt_usage usage = {
        context->exe, "report",
        NULL,         "Makes the page about a run anew: DIR/report.html.",
        list,         sizeof list / sizeof *list,
    };
    int rest;
    return nt_options_parse(&usage, argc, argv, &rest);
}

static bool join(char *path, const char *folder, const char *name, const char *asked)
{
    int n = asked ? snprintf(path, PATH_MAX, "%s", asked) : snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return n < PATH_MAX;
}

static bool find(const nt_model *model, const options *o, places *at, nt_error *error)
{
    return (join(at->folder, "runs", model->name, o->folder) &&
            join(at->state, at->folder, "state.safetensors", NULL) &&
            join(at->weights, at->folder, "best.safetensors", o->weights) &&
            join(at->log, at->folder, "log.jsonl", o->log) && join(at->page, at->folder, "report.html", o->out)) ||
           nt_fail(error, "a path is too long");
}

/* Whether members have been trained into the folder: the runs are a level below then. */
static bool holds_a_committee(const char *folder)
{
    char path[PATH_MAX];
    return join(path, folder, "member1/state.safetensors", NULL) && access(path, F_OK) == 0;
}

/* How far the run is, in words. */
static const char *state_of(const nt_model *model, const nt_run *run)
{
    return run->epoch >= run->epochs                                       ? "finished"
           : nt_course_over(&run->course, model->train_config, run->epoch) ? "stopped early"
                                                                           : "not finished";
}

static bool make(const nt_context *context, const places *at, const nt_run *run, nt_engine *engine, const nt_data *data,
                 nt_error *error)
{
    nt_verdict verdict = {0};
    bool test = data->test.count > 0;
    const nt_split *split = test ? &data->test : &data->validation;
    if (split->count > 0 && !nt_verdict_make(&verdict, engine, data, split, NULL, error))
        return false;
    const nt_run_page page = {
        .model = context->model,
        .sketch = context->sketch,
        .run = run,
        .log = at->log,
        .state = state_of(context->model, run),
        .data = data,
        .engine = engine,
        .verdict = verdict.score.samples > 0 ? &verdict : NULL,
        .part = test ? "test" : "validation",
    };
    bool good = nt_run_page_write(&page, at->page, error);
    nt_verdict_free(&verdict);
    return good;
}

int nt_cmd_report(const nt_context *context, int argc, char **argv)
{
    const nt_model *model = context->model;
    options o = {0};
    nt_parsed parsed = parse(context, &o, argc, argv);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;

    nt_error error = {0};
    places at;
    nt_run run;
    nt_data data = {0};
    nt_engine engine = {0};
    nt_weights weights = {0};
    if (!find(model, &o, &at, &error))
        return nt_report(&error, NT_USAGE);
    if (access(at.state, F_OK) != 0) {
        nt_fail(&error, "%s: there is no run; name its folder with --run%s", at.state,
                holds_a_committee(at.folder) ? ": that of one member, such as member1" : "");
        return nt_report(&error, NT_FAILED);
    }
    if (!nt_checkpoint_peek(at.state, model, &run, &error))
        return nt_report(&error, NT_FAILED);
    int batch = (int)(run.batch < run.train_count ? run.batch : run.train_count), status = NT_OK;
    nt_data_request request = nt_engine_request(model,
                                                o.data        ? o.data
                                                : run.data[0] ? run.data
                                                              : NULL,
                                                NT_PART_TRAIN | NT_PART_TEST, run.data_seed);
    request.bootstrap = (int)run.bootstrap;
    request.fold = o.fold > 0 ? (int)o.fold - 1 : 0;
    if (!nt_data_load(&request, &data, &error)) {
        status = nt_report(&error, NT_FAILED);
    } else if (!nt_engine_init(&engine, model, batch, NT_FOR_GRADIENT, nt_threads(model, o.threads, batch), &error)) {
        status = nt_report(&error, NT_ENVIRONMENT);
    } else if (!nt_load_for_use(model, at.weights, o.data, &engine, &data, &weights, &error)) {
        status = nt_report(&error, NT_FAILED);
    } else if (!make(context, &at, &run, &engine, &data, &error)) {
        status = nt_report(&error, NT_ENVIRONMENT);
    } else {
        printf("page  %s\n", at.page);
    }
    nt_weights_free(&weights);
    nt_engine_free(&engine);
    nt_data_free(&data);
    return status;
}
