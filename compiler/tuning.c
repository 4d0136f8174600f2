/* tuning.c - see tuning.h. The file is JSON, a choice a line:
 *
 *   {"netc_tune": 1, "model": "0123456789abcdef", "target": "avx2", "batch": 64, "threads": 1, "choices": [
 *    {"pass": "training", "layer": "conv1", "direction": "to input", "winograd": 4, "blocks": 0,
 *     "before_ms": 1.52, "after_ms": 1.31}]} */
#include "tuning.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *const directions[] = {[FORWARD] = "forward", [TO_INPUT] = "to input", [TO_WEIGHTS] = "to weights"};

enum { DIRECTIONS = sizeof directions / sizeof *directions, VERSION = 1 };

const char *direction_name(Direction d)
{
    return directions[d];
}

const char *choice_text(Arena *a, const Choice *c)
{
    static const char *const blocks[] = {", smaller blocks", "", ", larger blocks"};
    const char *algorithm = c->tile ? arena_printf(a, "Winograd %dx%d", c->tile, c->tile) : "direct";
    return arena_printf(a, "%s%s", algorithm, blocks[c->blocks + 1]);
}

const Choice *tuning_find(const Tuning *t, const char *layer, bool training, Direction direction)
{
    for (int i = 0; t && i < t->n_steps; i++) {
        const TunedStep *s = &t->steps[i];
        if (s->training == training && s->direction == direction && strcmp(s->layer, layer) == 0) {
            return &s->choice;
        }
    }
    return NULL;
}

const char *tuning_path(Arena *a, const char *model)
{
    const size_t n = strlen(model), end = n > 4 && strcmp(model + n - 4, ".net") == 0 ? n - 4 : n;
    return arena_printf(a, "%.*s.tune", (int)end, model);
}

/* ---- reading ---- */

/* A whole number within limits. */
static bool take_number(const json_t *object, const char *key, int64_t least, int64_t most, int64_t *to)
{
    const json_t *x = json_object_get(object, key);
    *to = json_integer_value(x);
    return json_is_integer(x) && *to >= least && *to <= most;
}

static bool take_text(Arena *a, const json_t *object, const char *key, const char **to)
{
    const char *text = json_string_value(json_object_get(object, key));
    *to = text ? arena_strdup(a, text) : NULL;
    return text != NULL;
}

static bool take_step(Arena *a, const json_t *object, TunedStep *s)
{
    const char *pass = NULL, *direction = NULL;
    int64_t tile = 0, blocks = 0;
    if (!take_text(a, object, "pass", &pass) || !take_text(a, object, "layer", &s->layer) ||
        !take_text(a, object, "direction", &direction) || !take_number(object, "winograd", 0, 4, &tile) ||
        !take_number(object, "blocks", -1, 1, &blocks) || tile % 2 != 0) {
        return false;
    }
    int d = 0;
    while (d < DIRECTIONS && strcmp(direction, directions[d]) != 0) {
        d++;
    }
    s->training = strcmp(pass, "training") == 0;
    s->direction = (Direction)d;
    s->choice = (Choice){.tile = (int)tile, .blocks = (int)blocks, .tuned = true};
    s->before = json_number_value(json_object_get(object, "before_ms")) * 1e-3;
    s->after = json_number_value(json_object_get(object, "after_ms")) * 1e-3;
    return d < DIRECTIONS && (s->training || strcmp(pass, "inference") == 0);
}

static const char *take_all(Arena *a, const json_t *file, Tuning *t)
{
    const char *model = NULL;
    char *end = NULL;
    int64_t version = 0;
    if (!take_number(file, "netc_tune", VERSION, VERSION, &version)) {
        return "it is no file of `netc tune`, or one of another version of netc";
    }
    if (!take_text(a, file, "model", &model) || !take_text(a, file, "target", &t->target) ||
        !take_number(file, "batch", 1, INT32_MAX, &t->batch) ||
        !take_number(file, "threads", 1, INT32_MAX, &t->threads)) {
        return "model, target, batch or threads is missing or not what it should be";
    }
    t->model = strtoull(model, &end, 16);
    const json_t *list = json_object_get(file, "choices");
    if (end == model || *end || !json_is_array(list) || json_array_size(list) > INT32_MAX) {
        return "model or choices is not what it should be";
    }
    t->n_steps = (int)json_array_size(list);
    t->steps = arena_array(a, (size_t)t->n_steps + 1, sizeof *t->steps);
    for (int i = 0; i < t->n_steps; i++) {
        TunedStep *s = &t->steps[i];
        if (!take_step(a, json_array_get(list, (size_t)i), s)) {
            return arena_printf(a, "choice %d lacks pass, layer, direction, winograd (0, 2, 4) or blocks (-1, 0, 1)",
                                i + 1);
        }
        const Tuning before = {.steps = t->steps, .n_steps = i};
        if (tuning_find(&before, s->layer, s->training, s->direction)) {
            return arena_printf(a, "choice %d is a second one for %s %s", i + 1, s->layer, directions[s->direction]);
        }
    }
    return NULL;
}

bool tuning_read(Arena *a, const char *path, Tuning *t, const char **error)
{
    size_t len = 0;
    json_error_t wrong;
    *t = (Tuning){.path = path};
    *error = NULL;
    char *text = file_read(path, &len);
    if (!text) {
        *error = errno == ENOENT ? NULL : arena_strdup(a, strerror(errno));
        return false;
    }
    json_t *file = json_loadb(text, len, JSON_REJECT_DUPLICATES, &wrong);
    free(text);
    *error =
        file ? take_all(a, file, t) : arena_printf(a, "line %d, column %d: %s", wrong.line, wrong.column, wrong.text);
    json_decref(file);
    return !*error;
}

/* ---- writing ---- */

void tuning_write(const Tuning *t, Str *out)
{
    str_printf(out,
               "{\"netc_tune\": %d, \"model\": \"%016" PRIx64 "\", \"target\": \"%s\", \"batch\": %" PRId64
               ", \"threads\": %" PRId64 ", \"choices\": [",
               VERSION, t->model, t->target, t->batch, t->threads);
    for (int i = 0; i < t->n_steps; i++) {
        const TunedStep *s = &t->steps[i];
        str_printf(out,
                   "%s\n {\"pass\": \"%s\", \"layer\": \"%s\", \"direction\": \"%s\", \"winograd\": %d, \"blocks\": %d,"
                   " \"before_ms\": %.4g, \"after_ms\": %.4g}",
                   i ? "," : "", s->training ? "training" : "inference", s->layer, directions[s->direction],
                   s->choice.tile, s->choice.blocks, s->before * 1e3, s->after * 1e3);
    }
    str_add(out, "\n]}\n");
}
