/* run_log.h - the epochs of a run as its log has them, whatever process wrote them. */
#ifndef NT_RUN_LOG_H
#define NT_RUN_LOG_H

#include "error.h"

typedef enum nt_column {
    NT_LOG_TRAIN_LOSS,
    NT_LOG_VAL_LOSS,
    NT_LOG_TRAIN_ACCURACY,
    NT_LOG_VAL_ACCURACY,
    NT_LOG_LR,
    NT_LOG_MOMENTUM,
    NT_LOG_BATCH,
    NT_LOG_NORM,
    NT_LOG_SECONDS,
    NT_LOG_COLUMNS
} nt_column;

typedef struct nt_run_log {
    int n;                          /* epochs */
    double *epoch;                  /* their numbers, ascending */
    double *values[NT_LOG_COLUMNS]; /* n each; NAN where the log has none */
    int known[NT_LOG_COLUMNS];      /* how many are no NAN */
} nt_run_log;

/* Reads a log that `train` wrote, a JSON object a line. Lines that are no epoch, as the one that a stop cut off may
 * be, are passed over; of several for one epoch the last counts. On failure nothing is held. */
bool nt_run_log_read(const char *path, nt_run_log *log, nt_error *error);
void nt_run_log_free(nt_run_log *log);

#endif
