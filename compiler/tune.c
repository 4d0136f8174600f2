/* tune.c - `netc tune`: products computed otherwise than the cost models say, measured in the network where they stand.
 *
 * Steps have little influence on each other's time, so one program measures another choice for all of them at once
 * (`bench --per-layer`): first the compiler's own choices, then the two other tiles where Winograd's filtering fits,
 * then smaller and larger blocks with the tiles that were best. A last round, in turns with the compiler's own choices,
 * keeps what is still faster. Of several runs the fastest counts, as other load on the machine only slows. */
#include "config.h"
#include "driver.h"
#include "emit/emit.h"
#include "measured.h"
#include "tuning.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS = 60, ROUNDS = 2 };

/* What a choice must gain to be kept: less may be chance. */
static const double least_gain = 0.03;

/* A product of one of the passes. */
typedef struct Candidate {
    const char *layer;
    bool training;
    Direction direction;
    Choice own, tried, best; /* the compiler's; of the program that is built next; the fastest so far */
    double own_time, time;   /* seconds of the compiler's and of the fastest */
} Candidate;

typedef struct Tuner {
    Compilation *c;
    const char *folder;
    Candidate *list;
    int n;
    double began, limit; /* seconds */
    double longest;      /* that a program took to build and to measure */
    int left_out;        /* programs that there was no time for */
    int64_t batch, threads;
} Tuner;

/* Fastest times of one program: of the products, by candidate, and of the steps of inference and training together. */
typedef struct Times {
    double *products;
    double all[2];
} Times;

static double now(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- products ---- */

static const Choice *choice_of(const Step *s)
{
    const Node *anchor = s->group ? s->group->anchor : NULL;
    return anchor && anchor->op->choice ? anchor->op->choice(anchor) : NULL;
}

static bool is_same(const Choice *a, const Choice *b)
{
    return a->tile == b->tile && a->blocks == b->blocks;
}

/* The steps of a pass of the graphs as they are now. */
static Step *steps_of(const Tuner *t, bool training, int *n)
{
    Compilation *c = t->c;
    return training ? steps_of_training(&c->arena, c->train, c->target, n)
                    : steps_of_inference(&c->arena, c->infer, c->target, n);
}

/* The candidate of a step; NULL: the step is no product. */
static Candidate *candidate_of(const Tuner *t, const Step *s, bool training)
{
    for (int i = 0; i < t->n && choice_of(s); i++) {
        Candidate *x = &t->list[i];
        if (x->training == training && x->direction == group_direction(s->group) && strcmp(x->layer, s->layer) == 0) {
            return x;
        }
    }
    return NULL;
}

static void list_candidates(Tuner *t)
{
    int n[2];
    const Step *lists[2] = {steps_of(t, false, &n[0]), steps_of(t, true, &n[1])};
    t->list = arena_array(&t->c->arena, (size_t)(n[0] + n[1]), sizeof *t->list);
    for (int training = 1; training >= 0; training--) {
        for (int i = 0; i < n[training]; i++) {
            const Step *s = &lists[training][i];
            const Choice *own = choice_of(s);
            if (own && !candidate_of(t, s, training)) {
                t->list[t->n++] =
                    (Candidate){s->layer, training, group_direction(s->group), *own, *own, *own, INFINITY, INFINITY};
            }
        }
    }
}

/* Builds the graphs by the choices to be tried; where Winograd's filtering does not fit, they stay the compiler's. What
 * came of it replaces what was to be tried; *differs: whether anything is other than the compiler's. False: nothing can be
 * built that way, and a message was printed. */
static bool use_choices(Tuner *t, bool *differs)
{
    Arena *a = &t->c->arena;
    Tuning *tuning = arena_alloc(a, sizeof *tuning);
    tuning->steps = arena_array(a, (size_t)t->n + 1, sizeof *tuning->steps);
    for (int i = 0; i < t->n; i++) {
        const Candidate *x = &t->list[i];
        tuning->steps[tuning->n_steps++] =
            (TunedStep){.layer = x->layer, .training = x->training, .direction = x->direction, .choice = x->tried};
    }
    t->c->net->tuning = tuning;
    *differs = false;
    if (!compile_graphs(t->c)) {
        return false;
    }
    for (int training = 0; training < 2; training++) {
        int n = 0;
        const Step *steps = steps_of(t, training, &n);
        for (int i = 0; i < n; i++) {
            Candidate *x = candidate_of(t, &steps[i], training);
            if (x) {
                x->tried = *choice_of(&steps[i]);
                *differs |= !is_same(&x->tried, &x->own);
            }
        }
    }
    return true;
}

/* ---- programs ---- */

static const char *program(const Tuner *t, const char *name)
{
    return arena_printf(&t->c->arena, "%s/%s", t->folder, name);
}

/* Runs a pass of a program that was built from the graphs as they are, and takes its times where they are shorter. */
static bool measure_pass(const Tuner *t, const char *name, bool training, Times *times)
{
    Arena *a = &t->c->arena;
    const char *path = program(t, "times");
    char *seconds = arena_printf(a, "%.2f", fmin(t->limit / SECONDS, 1) * (training ? 1.5 : 0.5));
    char *command = arena_printf(
        a, "bench --per-layer --format json --steps 2000 --only %s --batch %lld --threads %lld --seconds %s",
        training ? "training" : "inference", (long long)t->batch, (long long)t->threads, seconds);
    char *argv[16] = {arena_strdup(a, program(t, name))};
    int n_args = 1;
    for (char *word = strtok(command, " "); word && n_args < 15; word = strtok(NULL, " ")) {
        argv[n_args++] = word;
    }
    Measured m = {0};
    if (!run_into(argv, path) || !measured_read(a, path, &m)) {
        return false;
    }
    int n = 0, at = measured_begin(&m, training);
    const Step *steps = steps_of(t, training, &n);
    double all = 0;
    for (int i = 0; i < n; i++, at++) {
        if (!measured_is(&m, at, &steps[i])) {
            die("internal error: the trainer's steps are not those of the graph");
        }
        const double took = m.steps[at].least;
        all += took;
        const Candidate *x = candidate_of(t, &steps[i], training);
        if (x) {
            double *fastest = &times->products[x - t->list];
            *fastest = fmin(*fastest, took);
        }
    }
    times->all[training] = fmin(times->all[training], all);
    return true;
}

static bool measure(const Tuner *t, const char *name, Times *times)
{
    return measure_pass(t, name, true, times) && measure_pass(t, name, false, times);
}

static Times no_times(const Tuner *t)
{
    Times times = {.products = arena_array(&t->c->arena, (size_t)t->n + 1, sizeof *times.products),
                   .all = {INFINITY, INFINITY}};
    for (int i = 0; i < t->n; i++) {
        times.products[i] = INFINITY;
    }
    return times;
}

/* ---- the search ---- */

/* Whether there is time for so many more programs. */
static bool has_time(const Tuner *t, double programs)
{
    return !was_interrupted() && now() - t->began + programs * t->longest < t->limit;
}

/* Builds a program `name` from the graphs as they are, measures it, and keeps what is faster than all before. */
static bool explore(Tuner *t, const char *name, const char *title)
{
    const double began = now();
    Times times = no_times(t);
    if (build_trainer(t->c, program(t, name)) != 0 || !measure(t, name, &times)) {
        return false;
    }
    for (int i = 0; i < t->n; i++) {
        Candidate *x = &t->list[i];
        if (times.products[i] < x->time) {
            x->time = times.products[i];
            x->best = x->tried;
        }
        if (is_same(&x->tried, &x->own)) {
            x->own_time = fmin(x->own_time, times.products[i]);
        }
    }
    t->longest = fmax(t->longest, now() - began);
    fprintf(stderr, "%-16s training step %8.3f ms   inference %8.3f ms   (%.0f s)\n", title, times.all[1] * 1e3,
            times.all[0] * 1e3, now() - t->began);
    return true;
}

static Choice other_tile(const Candidate *x, int which)
{
    static const int tiles[] = {0, 2, 4};
    for (int i = 0; i < 3; i++) {
        if (tiles[i] != x->own.tile && which-- == 0) {
            return (Choice){.tile = tiles[i]};
        }
    }
    return x->own;
}

static bool search(Tuner *t)
{
    static const char *const titles[] = {"another tile", "the third tile", "smaller blocks", "larger blocks"};
    bool differs = false;
    if (!use_choices(t, &differs) || !explore(t, "own", "as compiled")) {
        return false;
    }
    for (int v = 0; v < 4; v++) {
        if (!has_time(t, 3)) {
            t->left_out = 4 - v;
            break;
        }
        for (int i = 0; i < t->n; i++) {
            Candidate *x = &t->list[i];
            x->tried = v < 2 ? other_tile(x, v) : (Choice){.tile = x->best.tile, .blocks = v == 2 ? -1 : 1};
        }
        if (!use_choices(t, &differs) || (differs && !explore(t, "variant", titles[v]))) {
            return false;
        }
    }
    return !was_interrupted();
}

/* The best of each product, in turns with the compiler's own: both are measured anew. False: a program failed. */
static bool judge(Tuner *t, Times *own, Times *best, bool *any)
{
    *own = no_times(t);
    *best = no_times(t);
    for (int i = 0; i < t->n; i++) {
        Candidate *x = &t->list[i];
        x->best = x->time < (1 - least_gain) * x->own_time ? x->best : x->own;
        x->tried = x->best;
    }
    if (!use_choices(t, any) || (*any && build_trainer(t->c, program(t, "tuned")) != 0)) {
        return false;
    }
    for (int round = 0; round < ROUNDS && *any; round++) {
        for (int tuned = 0; tuned < 2; tuned++) {
            for (int i = 0; i < t->n; i++) {
                t->list[i].tried = tuned ? t->list[i].best : t->list[i].own;
            }
            bool differs = false;
            if (!use_choices(t, &differs) || !measure(t, tuned ? "tuned" : "own", tuned ? best : own)) {
                return false;
            }
        }
    }
    return !was_interrupted();
}

/* ---- the result ---- */

/* What the last round confirmed: the compiler's choice has the better of all its measurements. */
static Tuning result_of(const Tuner *t, const Times *own, const Times *best)
{
    Arena *a = &t->c->arena;
    Tuning result = {.path = tuning_path(a, t->c->options->file),
                     .target = t->c->target->name,
                     .batch = t->batch,
                     .threads = t->threads,
                     .model = architecture_hash(t->c->net)};
    result.steps = arena_array(a, (size_t)t->n + 1, sizeof *result.steps);
    for (int i = 0; i < t->n; i++) {
        const Candidate *x = &t->list[i];
        const double before = fmin(own->products[i], x->own_time), after = best->products[i];
        if (!is_same(&x->best, &x->own) && after < (1 - least_gain) * before) {
            result.steps[result.n_steps++] = (TunedStep){x->layer, x->training, x->direction, x->best, before, after};
        }
    }
    return result;
}

/* Seconds that a pass is shorter. */
static double gain(const Tuning *result, bool training)
{
    double sum = 0;
    for (int i = 0; i < result->n_steps; i++) {
        const TunedStep *s = &result->steps[i];
        sum += s->training == training ? s->before - s->after : 0;
    }
    return sum;
}

static void print_result(const Tuner *t, const Tuning *result)
{
    Arena *a = &t->c->arena;
    for (int i = 0, k = 0; i < t->n && k < result->n_steps; i++) {
        const Candidate *x = &t->list[i];
        const TunedStep *s = &result->steps[k];
        if (x->training == s->training && x->direction == s->direction && strcmp(x->layer, s->layer) == 0) {
            printf("  %-9s  %-28s %-10s  %-12s -> %-28s %9.3f -> %9.3f ms\n", s->training ? "training" : "inference",
                   s->layer, direction_name(s->direction), choice_text(a, &x->own), choice_text(a, &s->choice),
                   s->before * 1e3, s->after * 1e3);
            k++;
        }
    }
}

/* Writes the file, or removes one that is there if nothing is to be in it. */
static int keep_result(const Tuner *t, const Tuning *result)
{
    if (result->n_steps == 0) {
        if (unlink(result->path) != 0 && errno != ENOENT) {
            fprintf(stderr, "netc: cannot remove %s: %s\n", result->path, strerror(errno));
            return 3;
        }
        printf("%s: nothing is faster by %.0f%% than what the compiler chooses: there is no %s\n", t->c->net->name,
               100 * least_gain, result->path);
        return 0;
    }
    Str text = {0};
    tuning_write(result, &text);
    const bool ok = file_write(result->path, text.data, text.len);
    if (!ok) {
        fprintf(stderr, "netc: cannot write %s: %s\n", result->path, strerror(errno));
    }
    str_free(&text);
    return ok ? 0 : 3;
}

static int tune(Tuner *t)
{
    Times own, best;
    bool any = false;
    const bool searched = search(t);
    if (searched && t->left_out > 0) {
        fprintf(stderr, "netc: no time for %d of 4 other programs: --seconds gives more than %.0f\n", t->left_out,
                t->limit);
    }
    if (searched && t->left_out == 4) {
        return 3;
    }
    if (!searched || !judge(t, &own, &best, &any)) {
        if (!was_interrupted()) {
            fprintf(stderr, "netc: a trainer of %s could not be built or measured: %s stays as it is\n",
                    t->c->net->name, tuning_path(&t->c->arena, t->c->options->file));
        }
        return was_interrupted() ? 130 : 3;
    }
    const Tuning result = result_of(t, &own, &best);
    const int status = keep_result(t, &result);
    if (status == 0 && result.n_steps > 0) {
        print_result(t, &result);
        printf("%s: %d of %d products are computed otherwise: %.3f ms less of a training step of %.3f, %.3f ms less of "
               "%.3f "
               "of inference\n",
               result.path, result.n_steps, t->n, gain(&result, true) * 1e3, own.all[1] * 1e3,
               gain(&result, false) * 1e3, own.all[0] * 1e3);
    }
    return status;
}

int command_tune(const Options *o)
{
    Compilation c = {0};
    int status = 1;
    const bool good = compile_front(&c, o);
    if (good) {
        take_batch(&c);
        c.net->config->memory =
            0; /* with everything kept: what is computed again to save memory is computed the same way */
    }
    if (good && compile_graphs(&c) && code_fits(&c)) {
        Tuner t = {.c = &c,
                   .began = now(),
                   .limit = (double)(o->seconds ? o->seconds : SECONDS),
                   .batch = c.net->config->batch,
                   .threads = o->threads ? o->threads : 1};
        t.folder = scratch_folder(&c);
        status = 3;
        if (t.folder) {
            list_candidates(&t);
            fprintf(stderr, "%s for %s, batch %lld, %lld thread%s: %d products, about %.0f s at most\n", c.net->name,
                    c.target->name, (long long)t.batch, (long long)t.threads, t.threads == 1 ? "" : "s", t.n, t.limit);
            status = tune(&t);
            remove_scratch(t.folder);
        }
    }
    compilation_free(&c);
    return status;
}
