/* measured.c - see measured.h. */
#include "measured.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char advice[] = "  help: EXE bench --per-layer --format json >FILE writes one\n";

static bool is_missing(const char *path, const char *what)
{
    fprintf(stderr, "netc: %s: %s is missing or is not of the kind that it should be\n%s", path, what, advice);
    return false;
}

/* A member that is text, and one that is a whole number from 1 on. */
static bool take_text(Arena *a, const json_t *object, const char *key, const char **to)
{
    const char *text = json_string_value(json_object_get(object, key));
    *to = text ? arena_strdup(a, text) : NULL;
    return text != NULL;
}

static bool take_count(const json_t *object, const char *key, int64_t *to)
{
    const json_t *x = json_object_get(object, key);
    *to = json_is_integer(x) ? json_integer_value(x) : 0;
    return *to >= 1;
}

static bool take_steps(Arena *a, const char *path, const json_t *list, Measured *m)
{
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > INT32_MAX) {
        return is_missing(path, "the list \"steps\"");
    }
    m->n_steps = (int)json_array_size(list);
    m->steps = arena_array(a, (size_t)m->n_steps, sizeof *m->steps);
    for (int i = 0; i < m->n_steps; i++) {
        const json_t *step = json_array_get(list, (size_t)i), *ms = json_object_get(step, "ms");
        MeasuredStep *s = &m->steps[i];
        s->seconds = json_number_value(ms) * 1e-3;
        s->least = json_number_value(json_object_get(step, "least_ms")) * 1e-3;
        if (!json_is_number(ms) || !(s->seconds >= 0) || !take_text(a, step, "phase", &s->phase) ||
            !take_text(a, step, "layer", &s->layer) || !take_text(a, step, "what", &s->what) ||
            !take_text(a, step, "how", &s->how)) {
            return is_missing(path, arena_printf(a, "phase, layer, what, how or ms of step %d", i + 1));
        }
    }
    return true;
}

static bool take_all(Arena *a, const char *path, const json_t *file, Measured *m)
{
    if (!take_text(a, file, "network", &m->network) || !take_text(a, file, "target", &m->target) ||
        !take_text(a, file, "machine", &m->machine)) {
        return is_missing(path, "network, target or machine");
    }
    if (!take_count(file, "built_for", &m->built_for) || !take_count(file, "batch", &m->batch) ||
        !take_count(file, "threads", &m->threads)) {
        return is_missing(path, "built_for, batch or threads");
    }
    return take_steps(a, path, json_object_get(file, "steps"), m);
}

bool measured_read(Arena *a, const char *path, Measured *m)
{
    size_t len = 0;
    char *text = file_read(path, &len);
    if (!text) {
        fprintf(stderr, "netc: cannot read %s: %s\n", path, strerror(errno));
        return false;
    }
    json_error_t error;
    json_t *file = json_loadb(text, len, 0, &error);
    free(text);
    if (!file) {
        fprintf(stderr, "netc: %s:%d:%d: %s\n%s", path, error.line, error.column, error.text, advice);
        return false;
    }
    const bool ok = take_all(a, path, file, m);
    json_decref(file);
    return ok;
}

int measured_begin(const Measured *m, bool training)
{
    int at = 0;
    while (at < m->n_steps && (strcmp(m->steps[at].phase, "inference") != 0) != training) {
        at++;
    }
    return at;
}

const char *phase_name(StepPhase phase)
{
    switch (phase) {
    case STEP_FORWARD:
        return "forward";
    case STEP_LOSS:
        return "loss";
    case STEP_BACKWARD:
        return "backward";
    case STEP_INPUT_GRADIENT:
        return "input gradient";
    case STEP_UPDATE:
        return "update";
    case STEP_INFERENCE:
        return "inference";
    }
    return "";
}

bool measured_is(const Measured *m, int at, const Step *s)
{
    if (at >= m->n_steps) {
        return false;
    }
    const MeasuredStep *is = &m->steps[at];
    return strcmp(is->phase, phase_name(s->phase)) == 0 && strcmp(is->layer, s->layer) == 0 &&
           strcmp(is->what, s->what) == 0 && strcmp(is->how, s->how) == 0;
}
