/* verdict.h - what a network makes of a part of the data, sample by sample: its scores, what it takes for what, its
 * worst mistakes. */
#ifndef NT_VERDICT_H
#define NT_VERDICT_H

#include "data.h"
#include "engine.h"
#include "rejection.h"

enum {
    NT_MOST_MISTAKES = 60,  /* that are kept */
    NT_MOST_CONFUSED = 2000, /* classes up to which they are counted against each other */
    NT_MOST_VALUES = 1 << 18, /* of an answer that is kept: of NT_FEW_SHOWN samples, or, of */
    NT_FEW_VALUES = 8,        /* values at most, of NT_MANY_SHOWN */
    NT_FEW_SHOWN = 4,
    NT_MANY_SHOWN = 400
};

/* A sample and what was made of it. Of classes: the wrong one's probability. Otherwise its loss. */
typedef struct nt_mistake {
    int64_t sample; /* in the split */
    int truth, guess;
    double weight; /* probability, or loss: the larger, the worse */
} nt_mistake;

typedef struct nt_verdict {
    nt_score score;
    const nt_split *split;
    int outputs;
    bool classes;    /* the data tells the class of each sample: */
    int n_classes;   /* outputs, or 2 for a single one */
    int64_t *counts; /* [true class * n_classes + class given]; NULL with too many */
    nt_mistake worst[NT_MOST_MISTAKES]; /* the worst first, of equals the first sample */
    int n_worst;
    nt_rejection rejection; /* by margin; n is 0 without classes, or of a single output */
    /* without classes, and with answers that are not too long: [n][outputs], what was answered to the NT_FEW_SHOWN
     * worst, and to samples spread over the split */
    float *worst_answers, *shown_answers;
    int64_t shown[NT_MANY_SHOWN];
    int n_shown;
} nt_verdict;

/* Judges a whole split by the weights in the engine. Probabilities are softmax's, or of a single output the
 * sigmoid's. False if memory ran out, or, without an error, as soon as *stop is not 0 (NULL: never); then nothing is
 * held. */
bool nt_verdict_make(nt_verdict *verdict, nt_engine *engine, const nt_data *data, const nt_split *split,
                     volatile const sig_atomic_t *stop, nt_error *error);

/* What the main head has just said of a sample of the batch, as probabilities: a value a class, two for a single
 * output. */
void nt_verdict_probabilities(const nt_engine *engine, int sample, double *values);

void nt_verdict_free(nt_verdict *verdict);

#endif
