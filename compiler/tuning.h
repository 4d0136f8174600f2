/* tuning.h - choices for products that were measured instead of estimated: what `netc tune` finds, and the file
 * beside the model, MODEL.tune, that keeps it. The file counts for one target and one batch, as the choices depend
 * on both. */
#ifndef NETC_TUNING_H
#define NETC_TUNING_H

#include "op.h"

typedef struct TunedStep {
    const char *layer;
    bool training; /* or of the inference graph */
    Direction direction;
    Choice choice;
    double before, after; /* seconds with the compiler's own choice and with this one, when it was measured */
} TunedStep;

typedef struct Tuning {
    const char *path;
    const char *target;
    int64_t batch, threads;
    uint64_t model; /* hash of the architecture */
    TunedStep *steps;
    int n_steps;
} Tuning;

/* NULL: there is none (t may be NULL). */
const Choice *tuning_find(const Tuning *t, const char *layer, bool training, Direction direction);

/* "examples/lenet5.tune" for "examples/lenet5.net". */
const char *tuning_path(Arena *a, const char *model);

/* Reads the file. False with *error set to a text without the file's name, or to NULL if there is no file. */
bool tuning_read(Arena *a, const char *path, Tuning *t, const char **error);
void tuning_write(const Tuning *t, Str *out);

/* "forward", "to input", "to weights" */
const char *direction_name(Direction d);
/* "Winograd 4x4, smaller blocks" */
const char *choice_text(Arena *a, const Choice *c);

#endif
