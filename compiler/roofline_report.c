/* roofline_report.c - the formats of `netc explain --roofline`, and the command. */
#include "driver.h"
#include "roofline.h"
#include "tuning.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const bound_names[] = {
    [BOUND_COMPUTE] = "compute", [BOUND_CACHE] = "cache", [BOUND_MEMORY] = "memory"};

/* Operations a byte that is moved. */
static double intensity(const RoofStep *s)
{
    return s->bytes > 0 ? 2 * s->run / s->bytes : 0;
}

/* Of the machine's peak, what the direct sum's products come to in so many seconds: with Winograd's it may be more
 * than 1. */
static double share_of_peak(const Roofline *r, const RoofStep *s, double seconds)
{
    return seconds > 0 ? 2 * s->direct / seconds / r->machine.flops : 0;
}

/* A sum of steps. */
static void add_to(RoofStep *sum, const RoofStep *s)
{
    sum->direct += s->direct;
    sum->products += s->products;
    sum->run += s->run;
    sum->needed += s->needed;
    sum->bytes += s->bytes;
    sum->far += s->far;
    sum->predicted += s->predicted;
    sum->measured += s->measured;
}

static bool is_in(const Roofline *r, int i, bool training)
{
    return (i < r->n_training) == training;
}

/* All steps of a pass, or those of one direction. */
static RoofStep sum_of(const Roofline *r, bool training, const char *direction)
{
    RoofStep sum = {0};
    for (int i = 0; i < r->n_steps; i++) {
        if (is_in(r, i, training) && (!direction || strcmp(direction, r->steps[i].direction) == 0)) {
            add_to(&sum, &r->steps[i]);
        }
    }
    return sum;
}

static const char *const directions[] = {"forward", "loss", "to input", "to weights", "update"};

enum { DIRECTIONS = sizeof directions / sizeof *directions };

/* ---- the worst ---- */

typedef struct Worst {
    const RoofStep *step;
    double lost;
    int index;
} Worst;

static int by_loss(const void *a, const void *b)
{
    const Worst *x = a, *y = b;
    return x->lost != y->lost ? (x->lost > y->lost ? -1 : 1) : x->index - y->index;
}

/* The steps of a pass, those that lose most first. */
static Worst *worst_steps(const Roofline *r, bool training, int *n)
{
    Worst *list = arena_array(r->arena, (size_t)r->n_steps + 1, sizeof *list);
    *n = 0;
    for (int i = 0; i < r->n_steps; i++) {
        if (is_in(r, i, training)) {
            list[(*n)++] = (Worst){&r->steps[i], roofline_lost(r, &r->steps[i]), i};
        }
    }
    qsort(list, (size_t)*n, sizeof *list, by_loss);
    return list;
}

/* What the time is lost to, as far as the figures say. */
static const char *reason(const Roofline *r, const RoofStep *s)
{
    Arena *a = r->arena;
    const char *text = "";
    if (s->measured > 0 && s->measured > 1.1 * s->predicted) {
        text = arena_printf(a, "%.1f times its roof; ", s->measured / s->predicted);
    }
    if (s->bound != BOUND_COMPUTE) {
        return arena_printf(a, "%swaits for the %s", text, bound_names[s->bound]);
    }
    if (s->direct > 0 && s->products > 1.1 * s->direct) {
        return arena_printf(a, "%sexecutes %.1f times the direct sum", text, s->products / s->direct);
    }
    const size_t n = strlen(text);
    return n > 2 ? arena_strndup(a, text, n - 2) : "";
}

/* ---- text ---- */

enum { NAME_LEAST = 24, NAME_MOST = 44, SHOWN = 10 };

/* "c3  conv to input + tanh": of products the layer's operator and the direction, of others what runs. */
static const char *name_of(const Roofline *r, const RoofStep *s)
{
    const Step *step = &s->step;
    const Node *anchor = step->group ? step->group->anchor : NULL;
    const char *what = step->what;
    if (anchor && anchor->layer && step->macs > 0) {
        const char *towards = strcmp(s->direction, "forward") == 0 ? "" : arena_printf(r->arena, " %s", s->direction);
        const char *own = strstr(what, anchor->op->name); /* behind "again: " where it is computed a second time */
        what = arena_printf(r->arena, "%.*s%s%s%s", (int)(own - what), what, anchor->layer->op->name, towards,
                            own + strlen(anchor->op->name));
    }
    return arena_printf(r->arena, "%s  %s", step->layer, what);
}

/* A figure in 8 columns, with four digits or more. */
static const char *figure(Arena *a, double x)
{
    return x == 0 ? "-" : arena_printf(a, "%.*f", x < 10 ? 3 : x < 100 ? 2 : x < 1000 ? 1 : 0, x);
}

static const char *percent(Arena *a, double share)
{
    return share > 0 ? arena_printf(a, "%.0f%%", 100 * share) : "-";
}

static void add_row(const Roofline *r, Str *out, int width, const char *name, const RoofStep *s, const char *bound,
                    bool measured)
{
    Arena *a = r->arena;
    str_printf(out, "  %-*.*s %-12s %8s %8s %8s %8s %6s %-7s %8s %5s", width, width, name,
               s->algorithm ? s->algorithm : "", figure(a, s->direct * 1e-6), figure(a, s->run * 1e-6),
               figure(a, s->bytes * 1e-6), figure(a, s->far * 1e-6),
               s->bytes > 0 ? arena_printf(a, "%.1f", intensity(s)) : "-", bound, figure(a, s->predicted * 1e3),
               percent(a, share_of_peak(r, s, s->predicted)));
    if (measured) {
        str_printf(out, " %8s %8s %5s %6s", figure(a, s->measured * 1e3),
                   s->direct > 0 && s->measured > 0 ? arena_printf(a, "%.1f", 2e-9 * s->direct / s->measured) : "-",
                   percent(a, share_of_peak(r, s, s->measured)),
                   s->predicted > 0 && s->measured > 0 ? arena_printf(a, "%.2f", s->measured / s->predicted) : "-");
    }
    str_addc(out, '\n');
}

static void add_heading(Str *out, const char *title, int width, bool measured)
{
    str_printf(out, "\n%-*s %-12s %8s %8s %8s %8s %6s %-7s %8s %5s%s\n", width + 2, title, "algorithm", "MMAC",
               "executed", "MB", "memory", "FLOP/B", "bound", "roof ms", "peak",
               measured ? "       ms  GFLOP/s  peak ms/roof" : "");
}

static int name_width(const Roofline *r)
{
    int width = NAME_LEAST;
    for (int i = 0; i < r->n_steps; i++) {
        const int n = (int)strlen(name_of(r, &r->steps[i]));
        width = n > width ? n : width;
    }
    return width > NAME_MOST ? NAME_MOST : width;
}

static void add_worst(const Roofline *r, Str *out, bool training, int width)
{
    int n = 0;
    const Worst *list = worst_steps(r, training, &n);
    const RoofStep all = sum_of(r, training, NULL);
    const bool measured = r->measured[training];
    double lost = 0;
    for (int i = 0; i < n; i++) {
        lost += list[i].lost;
    }
    str_printf(out, "\nwhere the next optimisation is found: %.3f of %.3f ms %s are no needed arithmetic\n", lost * 1e3,
               (measured ? all.measured : all.predicted) * 1e3, measured ? "measured" : "predicted");
    for (int i = 0; i < n && i < SHOWN && list[i].lost > lost / 100; i++) {
        const char *why = reason(r, list[i].step);
        str_printf(out, "  %-*.*s %8.3f ms %4.0f%%%s%s\n", width, width, name_of(r, list[i].step), list[i].lost * 1e3,
                   100 * list[i].lost / lost, *why ? "  " : "", why);
    }
}

static void add_pass(const Roofline *r, Str *out, bool training, int width)
{
    const bool measured = r->measured[training];
    const char *last = "";
    str_printf(out, "\n%s\n", training ? "A TRAINING STEP" : "INFERENCE");
    for (int i = 0; i < r->n_steps; i++) {
        const RoofStep *s = &r->steps[i];
        if (!is_in(r, i, training)) {
            continue;
        }
        const char *title = s->step.phase == STEP_BACKWARD ? "backward" : s->direction;
        if (strcmp(title, last) != 0) {
            add_heading(out, title, width, measured);
        }
        last = title;
        add_row(r, out, width, name_of(r, s), s, bound_names[s->bound], measured);
    }
    add_heading(out, "sums", width, measured);
    for (int i = 0; i < DIRECTIONS && training; i++) {
        const RoofStep sum = sum_of(r, training, directions[i]);
        add_row(r, out, width, directions[i], &sum, "", measured);
    }
    const RoofStep all = sum_of(r, training, NULL);
    add_row(r, out, width, "all", &all, "", measured);
    add_worst(r, out, training, width);
}

void roofline_text(const Roofline *r, Str *out)
{
    const int width = name_width(r);
    str_printf(out, "%s for %s, batch %lld, %lld thread%s\n", r->net->name, r->target->name, (long long)r->batch,
               (long long)r->threads, r->threads == 1 ? "" : "s");
    if (r->net->tuning) {
        str_printf(out, "choices are those of %s\n", r->net->tuning->path);
    }
    str_printf(out, "machine %s: memory is the bound below %.1f FLOP a byte\n", machine_text(r->arena, &r->machine),
               r->machine.flops / r->machine.memory);
    str_add(out, "MMAC: multiply-adds of the direct sum; executed: with padding, transforms and tails; MB: moved, "
                 "memory: of these from or to it\n");
    add_pass(r, out, true, width);
    add_pass(r, out, false, width);
}

/* ---- JSON ---- */

static void set(json_t *object, const char *key, json_t *value)
{
    if (!value || json_object_set_new(object, key, value) != 0) {
        die("out of memory");
    }
}

static void append(json_t *array, json_t *value)
{
    if (!value || json_array_append_new(array, value) != 0) {
        die("out of memory");
    }
}

static json_t *figures_json(const Roofline *r, const RoofStep *s, bool measured)
{
    json_t *o = json_object();
    set(o, "direct_flops", json_real(2 * s->direct));
    set(o, "executed_flops", json_real(2 * s->run));
    set(o, "needed_flops", json_real(2 * s->needed));
    set(o, "bytes", json_real(s->bytes));
    set(o, "memory_bytes", json_real(s->far));
    set(o, "intensity", json_real(intensity(s)));
    set(o, "predicted_ms", json_real(s->predicted * 1e3));
    set(o, "predicted_peak", json_real(share_of_peak(r, s, s->predicted)));
    if (measured) {
        set(o, "measured_ms", json_real(s->measured * 1e3));
        set(o, "gflops", json_real(s->measured > 0 ? 2e-9 * s->direct / s->measured : 0));
        set(o, "peak", json_real(share_of_peak(r, s, s->measured)));
    }
    return o;
}

static json_t *step_json(const Roofline *r, const RoofStep *s, bool training)
{
    json_t *o = figures_json(r, s, r->measured[training]);
    set(o, "phase", json_string(phase_name(s->step.phase)));
    set(o, "layer", json_string(s->step.layer));
    set(o, "what", json_string(s->step.what));
    set(o, "shape", json_string(s->step.shape));
    set(o, "direction", json_string(s->direction));
    set(o, "algorithm", json_string(s->algorithm));
    set(o, "how", json_string(s->step.how));
    set(o, "bound", json_string(bound_names[s->bound]));
    set(o, "lost_ms", json_real(roofline_lost(r, s) * 1e3));
    return o;
}

static json_t *pass_json(const Roofline *r, bool training)
{
    json_t *o = json_object(), *steps = json_array(), *worst = json_array(), *totals = json_object();
    for (int i = 0; i < r->n_steps; i++) {
        if (is_in(r, i, training)) {
            append(steps, step_json(r, &r->steps[i], training));
        }
    }
    for (int i = 0; i < DIRECTIONS && training; i++) {
        const RoofStep sum = sum_of(r, training, directions[i]);
        set(totals, directions[i], figures_json(r, &sum, r->measured[training]));
    }
    const RoofStep all = sum_of(r, training, NULL);
    set(totals, "all", figures_json(r, &all, r->measured[training]));
    int n = 0;
    const Worst *list = worst_steps(r, training, &n);
    for (int i = 0; i < n && i < SHOWN && list[i].lost > 0; i++) {
        json_t *w = json_object();
        set(w, "step", json_integer(training ? list[i].index : list[i].index - r->n_training));
        set(w, "lost_ms", json_real(list[i].lost * 1e3));
        set(w, "why", json_string(reason(r, list[i].step)));
        append(worst, w);
    }
    set(o, "steps", steps);
    set(o, "totals", totals);
    set(o, "worst", worst);
    return o;
}

void roofline_json(const Roofline *r, Str *out)
{
    json_t *o = json_object();
    set(o, "network", json_string(r->net->name));
    set(o, "target", json_string(r->target->name));
    set(o, "batch", json_integer(r->batch));
    set(o, "threads", json_integer(r->threads));
    set(o, "tuning", r->net->tuning ? json_string(r->net->tuning->path) : json_null());
    set(o, "machine", json_string(machine_text(r->arena, &r->machine)));
    set(o, "training", pass_json(r, true));
    set(o, "inference", pass_json(r, false));
    char *text = json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    if (!text) {
        die("out of memory");
    }
    str_add(out, text);
    str_addc(out, '\n');
    free(text);
    json_decref(o);
}

/* ---- the command ---- */

static int cannot_use(const char *option, const char *what)
{
    fprintf(stderr, "netc: %s: %s\n", option, what);
    return 2;
}

/* The machine: as told, as the measurement's file has it, or as it measures now. */
static int find_machine(Compilation *c, const Measured *file, Machine *m)
{
    const Options *o = c->options;
    const char *text = o->machine ? o->machine : o->measured ? file->machine : NULL;
    const char *wrong = text ? machine_parse(&c->arena, text, m) : NULL;
    if (wrong) {
        const char *example = "write --machine peak=118.2,bandwidth=21.3,1M=99.6,16M=61.8 (GFLOP/s; GB/s of memory and "
                              "of what stays in a size)";
        return cannot_use(o->machine ? "--machine" : o->measured, arena_printf(&c->arena, "%s: %s", wrong, example));
    }
    return text || measure_machine(c, (int)o->threads, m) ? 0 : 3;
}

static int explain(Compilation *c, const Options *o, const Measured *file, int64_t batch)
{
    Machine machine;
    if (!compile_front(c, o)) {
        return 1;
    }
    if (!compile_as_built(c)) {
        return 1;
    }
    const int status = find_machine(c, file, &machine);
    if (status != 0) {
        return status;
    }
    Roofline r = roofline_make(&c->arena, c->train, c->infer, c->target, &machine,
                               batch ? batch : c->net->config->batch, o->threads);
    if (o->measured && !roofline_measure(&r, file, o->measured)) {
        return 1;
    }
    Str out = {0};
    if (o->format && strcmp(o->format, "json") == 0) {
        roofline_json(&r, &out);
    } else {
        roofline_text(&r, &out);
    }
    const bool written = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    str_free(&out);
    return written ? 0 : 3;
}

int explain_roofline(const Options *given)
{
    Compilation c = {0};
    Options o = *given;
    Measured file = {0};
    if (o.format && strcmp(o.format, "text") != 0 && strcmp(o.format, "json") != 0) {
        fprintf(stderr, "netc: --format %s: it is text or json\n", o.format);
        return 2;
    }
    if (o.measured && (o.batch || o.threads)) {
        return cannot_use("--measured",
                          "the file says for how many samples and threads: leave out --batch and --threads");
    }
    if (o.measured && !measured_read(&c.arena, o.measured, &file)) {
        compilation_free(&c);
        return 1;
    }
    if (o.measured) {
        /* the same trainer: what the compiler chooses depends on the batch that it compiles for */
        o.target = file.target;
        o.batch = file.built_for;
    }
    o.threads = o.measured ? file.threads : o.threads ? o.threads : 1;
    if (!target_find(o.target)) {
        fprintf(stderr, "netc: %s: no target '%s': there are %s\n", o.measured, o.target, target_names());
        compilation_free(&c);
        return 1;
    }
    const int status = explain(&c, &o, &file, file.batch);
    compilation_free(&c);
    return status;
}
