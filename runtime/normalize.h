/* normalize.h - what is done to every input value before the network reads it: y = (x - mean) / std, y = scale * x, or
 * y = matrix * (x - mean).
 *
 * The constants are estimated once, on the training part alone, kept with the weights, and applied wherever the model
 * runs. Bytes count as 0..1 (x = byte / 255) before anything else. */
#ifndef NT_NORMALIZE_H
#define NT_NORMALIZE_H

#include "error.h"
#include "model.h"

#include <stdbool.h>

struct nt_split;

typedef struct nt_normalizer {
    nt_normalize kind;
    int h, w, c; /* shape of a sample; a vector is 1x1xc */
    bool ready;  /* constants are there: false between nt_normalizer_init and nt_normalizer_estimate or _set */
    int n; /* how many constants there are: c (one a channel; for a vector one a feature), h*w*c (a mean image), or 0 */
    double *mean; /* n values, or NULL for none: 0 */
    double *std;  /* n values, each > 0, or NULL for none: 1 */
    double scale; /* SCALE: the factor; otherwise 1 */
    float *matrix; /* of all h*w*c values, square: what becomes of them after that, or NULL */
    float *packed; /* the same as nt_whiten_apply reads it */
    bool whiten_pca;
    double whiten_eps;

    /* The same as y = x * factor + shift, spread out so that a row of pixels needs no index arithmetic: `period` values
     * each, where the period is a row (w*c), or the whole sample (h*w*c) for a mean image or a small sample.
     * byte_factor has the 1/255 in it. */
    int period;
    float *factor, *byte_factor, *shift;
} nt_normalizer;

/* Does this kind need training data (true for center_image, center_channel, standardize, whiten)? */
bool nt_normalizer_estimated(nt_normalize kind);

/* Prepares the normalizer a data section asks for. Kinds that need no data are ready at once. Fails on a given() whose
 * lengths do not fit c, or whose std or a scale is not a finite number above 0 (a scale may be below). */
bool nt_normalizer_init(nt_normalizer *z, const nt_data_config *config, int h, int w, int c, nt_error *err);

/* Estimates the constants from a split's samples: means and (population) standard deviations, in double, in an order
 * that does not depend on threads. Where every value of a channel or feature is the same, its std is 1. Does nothing
 * for a kind that needs no data. */
bool nt_normalizer_estimate(nt_normalizer *z, const struct nt_split *split, nt_error *err);

/* Takes constants from elsewhere (a weights file) instead. `mean` and `std` may be NULL; each has n values, n being c,
 * h*w*c, or 0 when both are NULL; `matrix`, or NULL, has (h*w*c)^2. Replaces what was there; the kind stays. */
bool nt_normalizer_set(nt_normalizer *z, const double *mean, const double *std, int n, double scale,
                       const float *matrix, nt_error *err);

void nt_normalizer_free(nt_normalizer *z);

#endif
