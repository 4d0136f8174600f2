/* checkpoint.h - everything a run needs to go on as if it had never stopped, in one file. */
#ifndef NT_CHECKPOINT_H
#define NT_CHECKPOINT_H

#include "course.h"
#include "engine.h"
#include "error.h"
#include "model.h"
#include "params.h"
#include "safetensors.h"

enum { NT_RUN_TEXT = 1024 };

/* A training run: what it was asked to do, and how far it is. */
typedef struct nt_run {
    /* asked for */
    uint64_t seed;      /* of weights, order, augmentation ... */
    uint64_t data_seed; /* of the validation part, and of bootstrap samples: one for all members of a committee */
    int64_t bootstrap;  /* the member that it is, where it has a bootstrap sample; else 0 */
    int64_t batch, epochs;
    int64_t batch_given; /* 1: every batch is of `batch` samples, whatever the model says */
    double rates[NT_RATES];
    char data[NT_RUN_TEXT]; /* --data; "" where the model's own path is used */
    /* samples that there were */
    int64_t train_count, validation_count;
    /* position: `epoch` epochs are done, and of the next one the first `first` samples */
    int64_t epoch, first;
    uint64_t step;
    /* sums of the unfinished epoch */
    nt_score score;
    double norm_sum;
    int64_t norm_count;
    double epoch_seconds;
    /* results so far */
    nt_course course;
    double seconds;     /* of the finished epochs */
} nt_run;

/* Writes the run, the parameters, the optimizer's state and what is known of the samples; see nt_tensors_write for what
 * it guarantees. */
bool nt_checkpoint_save(const char *path, const nt_model *model, const nt_memory *memory, const nt_recall *recall,
                        const nt_run *run, nt_durability durability, nt_error *error);

/* Reads them back. False, and `run`, `recall` and `memory` unchanged, where the file is not a run of this very model. */
bool nt_checkpoint_load(const char *path, const nt_model *model, nt_memory *memory, nt_recall *recall, nt_run *run,
                        nt_error *error);

/* Only the run: position and options, to look at before the memory is there. */
bool nt_checkpoint_peek(const char *path, const nt_model *model, nt_run *run, nt_error *error);

#endif
