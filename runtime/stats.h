/* stats.h - what the tensors of a training step hold: means, standard deviations, dead and saturated units. */
#ifndef NT_STATS_H
#define NT_STATS_H

#include "data.h"
#include "engine.h"

enum { NT_STATS_BINS = 40 };

/* Sums over values; the figures are of a population: divided by the number of values. */
typedef struct nt_sums {
    int64_t count, zeros, saturated, not_finite; /* not_finite values are in none of the others but count */
    double sum, squares, low, high;
    int64_t bins[NT_STATS_BINS]; /* of equal width from low to high, by nt_stats_histograms */
} nt_sums;

double nt_sums_mean(const nt_sums *sums);
double nt_sums_std(const nt_sums *sums);

/* Whether results of this operator (a word of nt_watched.acted) can be dead: are 0 where nothing gets through. And beyond what magnitude
 * they count as saturated: 99% of the way to where they end; 0: never. (A sigmoid is judged by its distance from one half.) */
bool nt_stats_can_die(const char *acted);
double nt_stats_saturation(const char *acted);

/* One row: the network's input, then model->watched. */
typedef struct nt_layer_stats {
    const nt_watched *watched; /* NULL: the input */
    nt_sums result, gradient;  /* gradient.count 0: there is none */
    int units, dead;           /* channels; those that were 0 for all samples, at all pixels. dead is -1 where none can be */
    uint8_t *alive;            /* units */
} nt_layer_stats;

typedef struct nt_stats {
    nt_engine *engine;
    nt_layer_stats *layers;
    int n;
    bool binning; /* fills histograms between the bounds that an earlier pass has found */
} nt_stats;

bool nt_stats_begin(nt_stats *stats, nt_engine *engine, nt_error *error);
void nt_stats_end(nt_stats *stats);

/* Forward and backward pass on the n samples in the engine's buffers, without dropout and noise and with running statistics untouched;
 * adds to all rows. Gradients are of a sample's own loss: they do not depend on the size of the batch. The sum of the samples' losses is
 * returned. Pre: the engine is for gradients or training, and points to labels or targets. */
double nt_stats_add(nt_stats *stats, int n);

#endif
