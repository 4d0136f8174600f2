/* trial.h - a model with data and the values that training would start from, or weights from a file, for commands that look at it or try
 * steps on it and leave nothing behind. */
#ifndef NT_TRIAL_H
#define NT_TRIAL_H

#include "command.h"

typedef struct nt_trial {
    const nt_model *model;
    nt_data data;
    nt_engine engine;
    nt_weights weights;
    bool loaded; /* the parameters are from a weights file */
    uint64_t seed;
} nt_trial;

typedef struct nt_trial_request {
    const char *weights; /* NULL: initial values, and what the model itself starts from */
    const char *data;    /* NULL: the model's */
    int64_t random;      /* above 0: so many samples of standard normals instead of data, with random classes, or yes and no, or
                            normals to predict */
    int64_t batch, threads; /* 0: the model's; as many as are fastest */
    unsigned parts;
    nt_purpose purpose;
    uint64_t seed;
} nt_trial_request;

/* Loads the data, then the parameters. There are samples in what `parts` asks for, and no batch is larger than the largest part. Where that
 * fails, the message is in `error` and the exit status is returned; else NT_OK, and *trial is to be given to nt_trial_end. */
int nt_trial_begin(nt_trial *trial, const nt_model *model, const nt_trial_request *request, nt_error *error);
void nt_trial_end(nt_trial *trial);

/* What training would start from: initial values, over them the model's own weights file, then lsuv on `split`. */
bool nt_initial_parameters(nt_engine *engine, const nt_data *data, const nt_split *split, uint64_t seed, nt_error *error);

/* Loads samples first .. first+n-1 of an epoch into the engine's buffers, with as many threads as it has. */
void nt_trial_batch(nt_engine *engine, const nt_epoch *epoch, int64_t first, int n);

/* A random choice of n of a split's samples, as their places in the part, ascending: the first ones may all be of one class. NULL without
 * memory; else to be freed. */
int64_t *nt_choose_samples(const nt_split *split, int64_t n, uint64_t seed);

#endif
