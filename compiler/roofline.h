/* roofline.h - `netc explain --roofline`: what each step of a trainer's passes takes at least on a machine.
 *
 * The roofline model (Williams, Waterman, Patterson: Roofline: An Insightful Visual Performance Model for Multicore
 * Architectures, CACM 2009): a step takes at least its operations at the rate of the registers, and at least its bytes
 * at the rate of the places where they lie; the longer of both is predicted.
 *
 * Operations are those that the chosen algorithm executes: multiply-adds, and what takes the place of one in the
 * vector unit, lanes that pad channels included. Bytes are each tensor and parameter that the step reads or writes,
 * once. Where they come from follows from the order of the steps: of a value that was last touched some steps ago, a
 * cache still holds at most what the values touched since then have left room for; and what it will not hold until
 * the next touch of a value that is written has to be written back. That is the best that any cache can do for one
 * value alone, so the times are lower bounds. */
#ifndef NETC_ROOFLINE_H
#define NETC_ROOFLINE_H

#include "machine.h"
#include "measured.h"
#include "steps.h"

typedef enum Bound { BOUND_COMPUTE, BOUND_CACHE, BOUND_MEMORY } Bound;

typedef struct RoofStep {
    Step step;
    const char *direction; /* "forward", "to input", "to weights"; "loss", "update" */
    const char *algorithm; /* "direct", "Winograd 4x4"; "" where there is but one */
    /* multiply-adds, or operations in the place of one, of the batch */
    double direct;        /* of a product, as the sum is written; else 0 */
    double products, run; /* executed of those; executed in all */
    double needed;        /* the least of them: no padding in the direct sum, or the algorithm that needs fewer */
    double bytes, far;    /* moved, and of these from memory or to it */
    Bound bound;
    double predicted; /* seconds */
    double measured;  /* seconds; 0: not measured */
} RoofStep;

typedef struct Roofline {
    Arena *arena;
    const Net *net;
    const Target *target;
    Machine machine;
    int64_t batch, threads;
    RoofStep *steps; /* a training step in order, then inference */
    int n_steps, n_training;
    bool measured[2]; /* whether inference, training was */
} Roofline;

/* All steps and their predictions. Pre: both graphs are planned. */
Roofline roofline_make(Arena *a, Graph *train, Graph *infer, const Target *t, const Machine *m, int64_t batch,
                       int64_t threads);
/* Sets the measured times. False, with a message, if the file is of another network or of a trainer that was
 * compiled otherwise. */
bool roofline_measure(Roofline *r, const Measured *m, const char *path);

/* Time that is no needed arithmetic, of the measurement or else of the prediction. */
double roofline_lost(const Roofline *r, const RoofStep *s);

void roofline_text(const Roofline *r, Str *out);
void roofline_json(const Roofline *r, Str *out);

#endif
