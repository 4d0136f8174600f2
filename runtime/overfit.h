/* overfit.h - learning a few samples by heart: what every network that is put together right can do. */
#ifndef NT_OVERFIT_H
#define NT_OVERFIT_H

#include "data.h"
#include "engine.h"
#include "progress.h"

typedef struct nt_overfit {
    int64_t passes; /* over the samples before giving up */
    double lr;
    uint64_t seed;
} nt_overfit;

typedef struct nt_overfit_result {
    bool learnt;    /* all right; without classes: the loss is a thousandth of what it was */
    int64_t passes; /* that were made */
    nt_score score; /* of the last one */
    double first_loss, loss;
    char why[512]; /* where something was not finite, what; else "" */
} nt_overfit_result;

/* Trains on all samples of the split at once, without dropout, decay and schedule. Pre: the engine is for training, has room for so many
 * and has its parameters; what augments the data has been taken out. False only where memory runs out. */
bool nt_overfit_learn(nt_engine *engine, const nt_data *data, const nt_split *split, const nt_overfit *task,
                      nt_progress *progress, nt_overfit_result *result, nt_error *error);

#endif
