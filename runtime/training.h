/* training.h - one training run: what `train` makes of its command line, and `search` of each of its draws. */
#ifndef NT_TRAINING_H
#define NT_TRAINING_H

#include "checkpoint.h"
#include "command.h"

typedef struct nt_train_options {
    const char *data, *out, *weights, *except, *log;
    int64_t epochs, batch, threads;
    uint64_t seed;
    double rates[NT_RATES];
    bool rates_given[NT_RATES];
    bool resume, plain, partial, no_report;
    int64_t fold;    /* of k_fold, from 1; 0: all, one after the other */
    int64_t members; /* of a committee; 0: a single network */
    int64_t member;  /* of them, from 1; 0: all, one after the other */
    bool bootstrap;
    bool epochs_given, batch_given, seed_given, data_given;
} nt_train_options;

typedef enum nt_attempt_end {
    NT_ATTEMPT_DONE,      /* all epochs, or as many as early stopping left */
    NT_ATTEMPT_HOPELESS,  /* the loss rose above give_up times the first */
    NT_ATTEMPT_NOT_FINITE /* a loss or gradient was NaN or infinite */
} nt_attempt_end;

/* A run whose result is wanted, not the run itself: it says nothing but the updating line, leaves no state behind,
 * looks at no test sample, and ends where it is hopeless. */
typedef struct nt_attempt {
    nt_data *data;         /* loaded by the caller, whose it stays */
    double give_up;        /* times the loss of the first step */
    const char *best_path; /* where the weights of the best epoch go */
    /* results */
    nt_attempt_end end;
    double first_loss;     /* of the first step, before any update */
    double loss, accuracy; /* of the best epoch, on the validation part; NAN: none was finished, there are no classes */
    int64_t best_epoch, epochs; /* epochs that were finished */
    double seconds;
} nt_attempt;

/* Names of the rates as the model file and the log call them. */
extern const char *const nt_rate_names[NT_RATES];

/* What the model file says of a rate. */
double nt_rate_of_model(const nt_train_config *config, nt_rate rate);

/* Makes the folder of --out, parents included, and sees that it can be written to before hours are spent on what
 * goes into it. */
bool nt_make_folder(const char *path, nt_error *error);

/* Runs one trial. NT_OK also where it ended early (trial->end says so); NT_INTERRUPTED after a signal; else what is
 * wrong has been reported. */
int nt_train_attempt(const nt_context *context, const nt_train_options *options, nt_attempt *trial);

#endif
