/* sampling.h - which training samples come in an epoch, and in what order. */
#ifndef NT_SAMPLING_H
#define NT_SAMPLING_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a run finds out about its training samples and goes by later, where the model asks for that: a run that is
 * resumed needs it back. One block of NT_RECALL_ROWS * count floats, from `last` on. */
typedef struct nt_recall {
    int64_t count;  /* training samples; 0: nothing is kept */
    float *last;    /* each sample's loss when it was last trained on; 0: not yet */
    float *before;  /* the same as it was when the epoch began: what the epoch's order follows from */
    float *picture; /* of a source that replaces samples: the number of the one in each place, a whole number */
} nt_recall;

enum { NT_RECALL_ROWS = 3 };

bool nt_recall_init(nt_recall *recall, int64_t count, nt_error *err);
void nt_recall_free(nt_recall *recall);

/* The order of an epoch: a permutation of 0..n-1. Where losses of an earlier epoch are known, a share `hard` of it is
 * drawn instead, with replacement and with probabilities in proportion to them, and is mixed with the rest (LeCun et
 * al., 1998, "Efficient BackProp": examples with a large error come more often). A function of the key and the losses. */
bool nt_sampling_order(const nt_recall *recall, double hard, uint64_t key, int64_t *order, int64_t n, nt_error *err);

/* A bootstrap sample (Breiman, 1996): n of the n places, drawn uniformly with replacement, in ascending order. */
void nt_sampling_bootstrap(const int64_t *places, int64_t n, uint64_t key, int64_t *drawn);

#endif
