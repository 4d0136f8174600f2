/* check_roofline.c - `netc explain --roofline --format json` on standard input: that it adds up, that no prediction is
 * below what the machine allows, and that figures worked out by hand come out.
 *
 *   check_roofline [KEY=VALUE ...]   KEY: PASS/LAYER/DIRECTION/FIGURE of a step, or PASS/all/FIGURE of the totals
 *   check_roofline --as-measured     writes what `bench --per-layer` would if every step took 1.25 times its roof, and a
 *                                    microsecond: a measurement that does not change */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed;

static void expect(int good, const char *pass, const char *what)
{
    if (!good) {
        printf("FAIL %s: %s\n", pass, what);
        failed = 1;
    }
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    expect(json_is_number(value), "there is no number", key);
    return json_number_value(value);
}

static int is_near(double a, double b)
{
    return fabs(a - b) <= 1e-4 * (fabs(a) + fabs(b)) + 1e-9;
}

static const char *const figures[] = {"direct_flops", "executed_flops", "needed_flops",
                                      "bytes",        "memory_bytes",   "predicted_ms"};

enum { FIGURES = sizeof figures / sizeof *figures };

/* A step: within the roofs of the peak (FLOP a second) and of the fastest place (bytes a second). */
static void check_step(const json_t *step, const char *pass, double peak, double fastest)
{
    const char *layer = json_string_value(json_object_get(step, "layer")),
               *bound = json_string_value(json_object_get(step, "bound"));
    const double run = number(step, "executed_flops"), needed = number(step, "needed_flops"),
                 bytes = number(step, "bytes");
    const double seconds = number(step, "predicted_ms") * 1e-3, far = number(step, "memory_bytes");
    expect(layer && bound && json_is_string(json_object_get(step, "how")), pass,
           "a step has a layer, a bound and a how");
    expect(needed <= run * (1 + 1e-5), pass, "no more is needed than executed");
    expect(far <= bytes * (1 + 1e-5), pass, "no more comes from memory than is moved");
    expect(seconds >= run / peak * (1 - 1e-4), pass, "the prediction is no faster than the peak");
    expect(seconds >= bytes / fastest * (1 - 1e-4), pass, "the prediction is no faster than the nearest place");
    expect((bound && strcmp(bound, "compute") == 0) == (fabs(seconds - run / peak) <= 1e-4 * seconds), pass,
           "compute is the bound where it takes longest");
    expect(is_near(number(step, "predicted_peak") * seconds * peak, number(step, "direct_flops")), pass,
           "the share of the peak");
}

static void check_pass(const json_t *all, const char *pass, double peak, double fastest)
{
    const json_t *object = json_object_get(all, pass), *steps = json_object_get(object, "steps"),
                 *worst = json_object_get(object, "worst");
    const json_t *total = json_object_get(json_object_get(object, "totals"), "all");
    double sums[FIGURES] = {0}, last = INFINITY;
    size_t i;
    const json_t *step;
    expect(json_array_size(steps) > 0, pass, "there are steps");
    json_array_foreach(steps, i, step)
    {
        check_step(step, pass, peak, fastest);
        for (int k = 0; k < FIGURES; k++) {
            sums[k] += number(step, figures[k]);
        }
    }
    for (int k = 0; k < FIGURES; k++) {
        expect(is_near(sums[k], number(total, figures[k])), pass, figures[k]);
    }
    expect(json_array_size(worst) > 0, pass, "there are steps that lose time");
    json_array_foreach(worst, i, step)
    {
        const double lost = number(step, "lost_ms");
        expect(lost <= last, pass, "the worst come first");
        expect(is_near(lost, number(json_array_get(steps, (size_t)number(step, "step")), "lost_ms")), pass,
               "their numbers");
        last = lost;
    }
}

/* The object that a key means; its last part is the figure. */
static const json_t *find(const json_t *all, char *parts[4], int n)
{
    const json_t *pass = json_object_get(all, parts[0]), *steps = json_object_get(pass, "steps"), *step;
    if (n == 3) {
        return json_object_get(json_object_get(pass, "totals"), parts[1]);
    }
    size_t i;
    json_array_foreach(steps, i, step)
    {
        const char *layer = json_string_value(json_object_get(step, "layer"));
        const char *direction = json_string_value(json_object_get(step, "direction"));
        if (layer && direction && strcmp(layer, parts[1]) == 0 && strcmp(direction, parts[2]) == 0) {
            return step;
        }
    }
    return NULL;
}

static void check_value(const json_t *all, char *argument)
{
    char *equals = strchr(argument, '='), *parts[4], *copy = argument;
    int n = 0;
    expect(equals != NULL, argument, "is not KEY=VALUE");
    if (!equals) {
        return;
    }
    *equals = '\0';
    for (char *part = strtok(copy, "/"); part && n < 4; part = strtok(NULL, "/")) {
        parts[n++] = part;
    }
    const json_t *object = n >= 3 ? find(all, parts, n) : NULL;
    const double is = object ? number(object, parts[n - 1]) : NAN, wanted = strtod(equals + 1, NULL);
    if (!is_near(is, wanted)) {
        printf("FAIL %s %s %s: %.10g instead of %s\n", parts[0], n > 1 ? parts[1] : "", n > 2 ? parts[n - 1] : "", is,
               equals + 1);
        failed = 1;
    }
}

/* A member of an object, as text or as a number, in the other's words. */
static void copy(json_t *to, const char *name, const json_t *from, const char *key)
{
    json_object_set(to, name, json_object_get(from, key));
}

static void write_measurement(const json_t *all)
{
    static const char *const passes[] = {"training", "inference"};
    json_t *file = json_object(), *list = json_array();
    copy(file, "network", all, "network");
    copy(file, "target", all, "target");
    copy(file, "built_for", all, "batch");
    copy(file, "batch", all, "batch");
    copy(file, "threads", all, "threads");
    copy(file, "machine", all, "machine");
    for (int i = 0; i < 2; i++) {
        size_t k;
        const json_t *step;
        json_array_foreach(json_object_get(json_object_get(all, passes[i]), "steps"), k, step) {
            json_t *s = json_object();
            copy(s, "phase", step, "phase");
            copy(s, "layer", step, "layer");
            copy(s, "what", step, "what");
            copy(s, "how", step, "how");
            json_object_set_new(s, "ms", json_real(1.25 * number(step, "predicted_ms") + 1e-3));
            json_array_append_new(list, s);
        }
    }
    json_object_set_new(file, "steps", list);
    json_dumpf(file, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    json_decref(file);
}

int main(int argc, char **argv)
{
    json_error_t error;
    json_t *all = json_loadf(stdin, 0, &error);
    if (!all) {
        printf("FAIL json: %s in line %d\n", error.text, error.line);
        return 1;
    }
    if (argc > 1 && strcmp(argv[1], "--as-measured") == 0) {
        write_measurement(all);
        json_decref(all);
        return failed;
    }
    const char *machine = json_string_value(json_object_get(all, "machine"));
    double peak = 0, fastest = 0;
    for (const char *at = machine; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        const double rate = strchr(at, '=') ? strtod(strchr(at, '=') + 1, NULL) * 1e9 : 0;
        if (strncmp(at, "peak", 4) == 0) {
            peak = rate;
        } else {
            fastest = fmax(fastest, rate);
        }
    }
    expect(peak > 0 && fastest > 0, "machine", "has a peak and a rate");
    check_pass(all, "training", peak, fastest);
    check_pass(all, "inference", peak, fastest);
    for (int i = 1; i < argc; i++) {
        check_value(all, argv[i]);
    }
    json_decref(all);
    return failed;
}
