#define _POSIX_C_SOURCE 200809L
#include "run_log.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const keys[NT_LOG_COLUMNS] = {
    [NT_LOG_TRAIN_LOSS] = "train_loss",
    [NT_LOG_VAL_LOSS] = "val_loss",
    [NT_LOG_TRAIN_ACCURACY] = "train_accuracy",
    [NT_LOG_VAL_ACCURACY] = "val_accuracy",
    [NT_LOG_LR] = "lr",
    [NT_LOG_MOMENTUM] = "momentum",
    [NT_LOG_BATCH] = "batch",
    [NT_LOG_NORM] = "grad_norm",
    [NT_LOG_SECONDS] = "seconds",
};

static bool grow(double **values, int room)
{
    double *more = realloc(*values, (size_t)room * sizeof *more);
    *values = more ? more : *values;
    return more != NULL;
}

static bool make_room(nt_run_log *log, int *room)
{
    if (log->n < *room)
        return true;
    *room = *room ? 2 * *room : 64;
    bool good = grow(&log->epoch, *room);
    for (int c = 0; c < NT_LOG_COLUMNS; c++)
        good = good && grow(&log->values[c], *room);
    return good;
}

/* Adds a line, in place of what there is of this epoch and later ones: a run that was resumed from before them went
 * through them again. */
static bool add_epoch(nt_run_log *log, int *room, json_t *line)
{
    json_t *epoch = json_object_get(line, "epoch");
    if (!json_is_integer(epoch))
        return true;
    double number = (double)json_integer_value(epoch);
    while (log->n > 0 && log->epoch[log->n - 1] >= number)
        log->n--;
    if (!make_room(log, room))
        return false;
    log->epoch[log->n] = number;
    for (int c = 0; c < NT_LOG_COLUMNS; c++) {
        json_t *value = json_object_get(line, keys[c]);
        log->values[c][log->n] = json_is_number(value) ? json_number_value(value) : NAN;
    }
    log->n++;
    return true;
}

bool nt_run_log_read(const char *path, nt_run_log *log, nt_error *error)
{
    *log = (nt_run_log){0};
    struct stat kind;
    if (stat(path, &kind) == 0 && !S_ISREG(kind.st_mode)) /* a pipe or device: it may never end */
        return nt_fail(error, "%s: cannot read the log: not a file", path);
    FILE *file = fopen(path, "re");
    if (!file)
        return nt_fail(error, "%s: cannot read the log: %s", path, strerror(errno));
    char *text = NULL;
    size_t size = 0;
    int room = 0;
    bool good = true;
    errno = 0;
    while (good && getline(&text, &size, file) >= 0) {
        json_t *line = json_loads(text, 0, NULL);
        good = add_epoch(log, &room, line) ||
               nt_fail_memory(error, "the log of the run", room * sizeof(double) * NT_LOG_COLUMNS);
        json_decref(line);
    }
    if (good && ferror(file))
        good = nt_fail(error, "%s: cannot read the log: %s", path, strerror(errno));
    free(text);
    if (fclose(file) != 0 && good)
        good = nt_fail(error, "%s: cannot read the log: %s", path, strerror(errno));
    for (int c = 0; c < NT_LOG_COLUMNS; c++)
        for (int i = 0; i < log->n; i++)
            log->known[c] += !isnan(log->values[c][i]);
    if (!good)
        nt_run_log_free(log);
    return good;
}

void nt_run_log_free(nt_run_log *log)
{
    free(log->epoch);
    for (int c = 0; c < NT_LOG_COLUMNS; c++)
        free(log->values[c]);
    *log = (nt_run_log){0};
}
