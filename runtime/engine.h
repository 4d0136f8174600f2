/* engine.h - runs a model's passes over batches: memory, buffers for a batch, threads, losses and metrics. */
#ifndef NT_ENGINE_H
#define NT_ENGINE_H

#include <signal.h>

#include "data.h"
#include "error.h"
#include "model.h"
#include "pace.h"
#include "params.h"

typedef struct nt_engine {
    const nt_model *model;
    int threads;
    nt_pace training, inference; /* threads of batches: `threads`, unless nt_engine_adapt was called */
    nt_memory memory;
    int batch, infer_batch; /* samples a training pass and an inference pass have room for */
    int outputs;            /* of the main head: h*w*c */
    int prepared;           /* samples of the last inference pass of an epoch: see nt_pass */
    nt_pass pass;           /* its blocks and buffers belong to the engine */
    float *input;           /* batch * h*w*c */
    int32_t *labels;        /* batch; with `classes` also where the data has targets: the largest of each */
    int32_t *taught;        /* batch: labels as training is told them, some disturbed */
    bool classes;           /* the data tells each sample's class, so that there is an accuracy */
    float *targets;         /* batch * outputs */
    double *sample_loss;    /* batch: losses at inference */
    int *sample_rank;       /* batch: the right class's place among the outputs, 0 the largest; -1 without a label */
    double *chunk_sums;     /* partial sums of squares of the gradients */
    size_t n_chunks;
    double disturb;       /* share of labels that are disturbed in training (nt_disturbed_label) ... */
    uint64_t disturb_key; /* ... from this stream */
} nt_engine;

/* Sums over samples, so that the figures of a part can be kept, saved and carried on with. */
typedef struct nt_score {
    double loss;                   /* sum of the samples' losses, added in order of samples */
    int64_t samples, correct, top; /* correct: right class first; top: right class among the first top_k */
} nt_score;

/* Figures of a score; NAN where there are none. */
double nt_score_loss(const nt_score *score);
double nt_score_accuracy(const nt_score *score);

bool nt_engine_init(nt_engine *engine, const nt_model *model, int batch, nt_purpose purpose, int threads,
                    nt_error *error);
void nt_engine_free(nt_engine *engine);

/* From now on nt_engine_train_batch and nt_engine_infer_batch use as many threads as they measure to be fastest, up to
 * engine->threads. Results stay the same. */
void nt_engine_adapt(nt_engine *engine);

/* Whether the largest of the main head's values is taken for a class and measured, be the loss what it may. */
bool nt_model_measures_classes(const nt_model *model);

/* Whether the model's outputs are classes of which one is right: some loss is cross entropy. */
bool nt_model_classifies(const nt_model *model);

/* What to ask the data for, with the model's configuration. */
nt_data_request nt_engine_request(const nt_model *model, const char *path, unsigned parts, uint64_t seed);

/* Points the pass to labels and targets as the data has them. */
void nt_engine_use_data(nt_engine *engine, const nt_data *data);

typedef enum nt_step_outcome {
    NT_STEP_DONE,
    NT_STEP_LOSS_NOT_FINITE, /* nothing was updated */
    NT_STEP_NORM_NOT_FINITE  /* the loss is fine, the gradient is not; nothing was updated but what is as it goes (NT_GRADIENTS_USED) */
} nt_step_outcome;

typedef struct nt_step {
    double clip_norm; /* the gradient is scaled down to this norm; 0: as it is */
    bool want_norm;   /* work out the gradient's norm even if nothing is clipped by it */
    double loss;      /* result: mean over the batch */
    double norm;      /* result: of the gradient before clipping, NAN if not worked out */
} nt_step;

/* One training step on the batch that is in the engine's buffers (n samples, pass.lr, step and update_step set by the
 * caller): the training pass, then, if loss and gradient are finite, clipping and the update. */
nt_step_outcome nt_engine_step(nt_engine *engine, nt_step *step);

/* The label that training gets for the sample at a place of the epoch: with probability `share` one drawn uniformly from all
 * classes, the true one among them, else `label` (Xie et al., "DisturbLabel", 2016). */
int32_t nt_disturbed_label(double share, uint64_t key, uint64_t place, int32_t label, int classes);

/* The same on samples first .. first+n-1 of an epoch, in one parallel region with their loading. Adds to `score`, whose
 * accuracy is of the labels as they are. */
nt_step_outcome nt_engine_train_batch(nt_engine *engine, const nt_epoch *epoch, int64_t first, int n, nt_step *step,
                                      nt_score *score);

/* Loads samples first .. first+n-1 into the buffers, n <= batch, with the classes that target vectors stand for; called by
 * every thread of a team. */
void nt_engine_load_batch(nt_engine *engine, const nt_epoch *epoch, int64_t first, int n);

/* Runs inference over samples first .. first+n-1, n <= infer_batch, and adds to `score` as far as the data has labels
 * or targets. Until the epoch's last sample the caller changes no parameters and runs no other pass: from first = 0 on, what follows
 * from the parameters alone is made once. */
void nt_engine_infer_batch(nt_engine *engine, const nt_epoch *epoch, int64_t first, int n, nt_score *score);

/* The same over a whole split. False if memory ran out, or, without an error, as soon as *stop is not 0 (NULL:
 * never). */
bool nt_engine_evaluate(nt_engine *engine, const nt_data *data, const nt_split *split,
                        volatile const sig_atomic_t *stop, nt_score *score, nt_error *error);

/* Copies a head's values of sample i, in order of height, width, channel, to `values`; `offset` is the head's in the
 * arena. */
void nt_head_values(const nt_engine *engine, const nt_head *head, size_t offset, int i, double *values);

/* values[0..n) into probabilities, in place. */
void nt_softmax(double *values, int n);

#endif
