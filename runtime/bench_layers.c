/* bench_layers.c - EXE bench --per-layer: the time of every step of the passes, beside what a perfect program would take.
 *
 * The roofline (Williams, Waterman, Patterson: Roofline: An Insightful Visual Performance Model for Multicore Architectures, CACM
 * 2009): a step takes at least its multiply-adds at the rate that the registers give, and at least its bytes at the rate of memory;
 * the larger is its roof. Both rates are measured when the command runs. Memory is an area as large as what the pass
 * works in: small networks live in caches. Winograd's products can be faster than their roof, as theirs are fewer than those
 * counted, and so can be steps that find in a near cache what the step before has left. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "progress.h"

/* What the machine gives with the bench's threads, a second. */
typedef struct machine {
    double flops, bytes;
} machine;

/* A row a step, a column a repetition. */
typedef struct table {
    const nt_model *model;
    double *seconds, *lap;
    int steps;
} table;

static void keep_laps(void *to, int i, double seconds)
{
    table *t = to;
    (void)seconds; /* the laps are its parts */
    for (int s = 0; s < t->model->n_costs; s++)
        t->seconds[(size_t)s * (size_t)t->steps + (size_t)i] = t->lap[s];
}

static bool runs_in(const nt_cost *cost, bool training)
{
    return training ? cost->phase != NT_INFERENCE && cost->phase != NT_INPUT_GRADIENT : cost->phase == NT_INFERENCE;
}

/* What one step came to. */
typedef struct figures {
    double seconds, least, roof, flops, bytes; /* least: the fastest run's, seconds: the median */
} figures;

static figures figures_of(const nt_cost *cost, int n, double seconds, const machine *machine)
{
    figures f = {.seconds = seconds, .flops = 2 * cost->macs * n, .bytes = cost->bytes_sample * n + cost->bytes_fixed};
    f.roof = fmax(f.flops / machine->flops, machine->bytes > 0 ? f.bytes / machine->bytes : 0);
    return f;
}

static const char *phase_name(nt_phase phase)
{
    switch (phase) {
    case NT_FORWARD: return "forward";
    case NT_LOSS: return "loss";
    case NT_BACKWARD: return "backward";
    case NT_INPUT_GRADIENT: return "input gradient";
    case NT_UPDATE: return "update";
    case NT_INFERENCE: return "inference";
    }
    return "";
}

/* ---- text ---- */

enum { NAME_WIDTH = 46 };

/* "c1 conv + bias + tanh", cut to the column's width. */
static void print_name(const char *layer, const char *what)
{
    char name[160];
    snprintf(name, sizeof name, "%s%s%s", layer, *layer ? "  " : "", what);
    printf("  %-*.*s", NAME_WIDTH, NAME_WIDTH, name);
}

static void print_figures(const figures *f, double whole, const machine *machine)
{
    printf(" %9.3f %5.1f%% %9.3f", f->seconds * 1e3, 100 * f->seconds / whole, f->roof * 1e3);
    if (f->flops > 0)
        printf(" %8.1f %4.0f%%", f->flops / f->seconds * 1e-9, 100 * f->flops / f->seconds / machine->flops);
    else
        printf(" %8s %5s", "-", "-");
    printf(" %9.2f %7.1f\n", f->bytes * 1e-6, f->bytes / f->seconds * 1e-9);
}

static void print_heading(const char *title)
{
    printf("\n%-*s %9s %6s %9s %8s %5s %9s %7s\n", NAME_WIDTH + 2, title, "ms", "time", "roof ms", "GFLOP/s", "peak", "MB", "GB/s");
}

/* Whether two steps are of one kind: the same operator at their heart. */
static bool is_like(const nt_cost *a, const nt_cost *b)
{
    size_t n = strcspn(a->what, " ");
    return strcspn(b->what, " ") == n && strncmp(a->what, b->what, n) == 0;
}

static void print_sums(const nt_model *model, const figures *all, bool training, double whole, const machine *machine)
{
    print_heading(training ? "training, by operator" : "inference, by operator");
    for (int i = 0; i < model->n_costs; i++) {
        const nt_cost *cost = &model->costs[i];
        bool counted = !runs_in(cost, training);
        for (int k = 0; k < i && !counted; k++)
            counted = runs_in(&model->costs[k], training) && is_like(cost, &model->costs[k]);
        if (counted)
            continue;
        figures sum = {0};
        for (int k = i; k < model->n_costs; k++)
            if (runs_in(&model->costs[k], training) && is_like(cost, &model->costs[k])) {
                sum.seconds += all[k].seconds;
                sum.roof += all[k].roof;
                sum.flops += all[k].flops;
                sum.bytes += all[k].bytes;
            }
        char what[64];
        snprintf(what, sizeof what, "%.*s", (int)strcspn(cost->what, " "), cost->what);
        print_name("", what);
        print_figures(&sum, whole, machine);
    }
}

static void print_text(const nt_model *model, const figures *all, bool training, const machine *machine)
{
    figures sum = {0};
    for (int i = 0; i < model->n_costs; i++)
        if (runs_in(&model->costs[i], training)) {
            sum.seconds += all[i].seconds;
            sum.roof += all[i].roof;
            sum.flops += all[i].flops;
            sum.bytes += all[i].bytes;
        }
    const nt_cost *last = NULL;
    for (int i = 0; i < model->n_costs; i++) {
        const nt_cost *cost = &model->costs[i];
        if (!runs_in(cost, training))
            continue;
        if (!last || last->phase != cost->phase)
            print_heading(phase_name(cost->phase));
        last = cost;
        print_name(cost->layer, cost->what);
        print_figures(&all[i], sum.seconds, machine);
    }
    print_sums(model, all, training, sum.seconds, machine);
    print_name("", "all");
    print_figures(&sum, sum.seconds, machine);
}

/* ---- JSON ---- */

/* Layers' names and what describes them are ASCII without quotes and backslashes: they come from identifiers and tables. */
static void print_json(const nt_model *model, const figures *all, bool training, const machine *machine, bool *first)
{
    for (int i = 0; i < model->n_costs; i++) {
        const nt_cost *cost = &model->costs[i];
        const figures *f = &all[i];
        if (!runs_in(cost, training))
            continue;
        printf("%s\n {\"phase\":\"%s\",\"layer\":\"%s\",\"what\":\"%s\",\"shape\":\"%s\",\"how\":\"%s\",\"ms\":%.6g,"
               "\"least_ms\":%.6g,\"roof_ms\":%.6g,\"gflops\":%.6g,\"peak\":%.4g,\"bytes\":%.0f}",
               *first ? "" : ",", phase_name(cost->phase), cost->layer, cost->what, cost->shape, cost->how, f->seconds * 1e3,
               f->least * 1e3, f->roof * 1e3, f->flops / f->seconds * 1e-9, f->flops / f->seconds / machine->flops, f->bytes);
        *first = false;
    }
}

/* What was measured of what, and on what: `netc explain --measured` asks whether it is the same program. */
static void start_json(const nt_bench *bench, const machine *machine)
{
    const nt_engine *engine = bench->engine;
    const nt_model *model = engine->model;
    char text[NT_MACHINE_TEXT];
    nt_machine_text(engine->threads, model->fma, text);
    printf("{\"network\":\"%s\",\"target\":\"%s\",\"built_for\":%d,\"batch\":%d,\"threads\":%d,\"machine\":\"%s\","
           "\"peak_gflops\":%.6g,\"moved_gb_s\":%.6g,\"steps\":[",
           model->name, model->target, model->train_config->batch, engine->pass.n, engine->threads, text, machine->flops * 1e-9,
           machine->bytes * 1e-9);
}

/* ---- the command ---- */

static void measure(const nt_bench *bench, bool training, table *t, const machine *machine, figures *all)
{
    const nt_model *model = bench->engine->model;
    int done = nt_bench_repeat(bench, training ? nt_bench_train : nt_bench_infer, keep_laps, t);
    for (int i = 0; i < model->n_costs; i++)
        if (runs_in(&model->costs[i], training)) {
            double *seconds = t->seconds + (size_t)i * (size_t)t->steps;
            all[i] = figures_of(&model->costs[i], bench->engine->pass.n, nt_median(seconds, done), machine);
            all[i].least = seconds[0]; /* they are sorted now */
        }
}

bool nt_bench_layers(const nt_bench *bench, bool json, nt_error *error)
{
    nt_engine *engine = bench->engine;
    const nt_model *model = engine->model;
    if (model->n_costs == 0)
        return nt_fail(error, "%s does not say what its steps are", model->file);
    size_t costs = (size_t)model->n_costs, cells = costs * (size_t)bench->steps;
    table t = {.model = model, .steps = bench->steps};
    t.seconds = calloc(cells, sizeof *t.seconds);
    t.lap = calloc(costs, sizeof *t.lap);
    figures *all = calloc(costs, sizeof *all);
    bool ok = t.seconds && t.lap && all;
    if (ok) {
        nt_laps laps = {.seconds = t.lap};
        machine machine = {nt_machine_flops(engine->threads, model->fma),
                           nt_machine_bandwidth(engine->threads, nt_memory_bytes(&engine->memory))};
        engine->pass.laps = &laps;
        if (json)
            start_json(bench, &machine);
        else
            printf("%s, batch %d, %d thread%s: at most %.1f GFLOP/s in registers, %.1f GB/s moved in as much memory\n",
                   model->name, engine->pass.n, engine->threads, engine->threads > 1 ? "s" : "", machine.flops * 1e-9,
                   machine.bytes * 1e-9);
        bool first = true;
        for (int training = 1; training >= 0; training--) {
            if (!(training ? bench->training : bench->inference))
                continue;
            measure(bench, training, &t, &machine, all);
            if (json)
                print_json(model, all, training, &machine, &first);
            else
                print_text(model, all, training, &machine);
        }
        if (json)
            printf("\n]}\n");
        engine->pass.laps = NULL;
    } else {
        nt_fail_memory(error, "the times of the steps", (double)cells * sizeof(double));
    }
    free(t.seconds);
    free(t.lap);
    free(all);
    return ok;
}
