/* budget.h - training in less memory: which results of the forward pass the backward pass computes again, and what that costs. */
#ifndef NETC_BUDGET_H
#define NETC_BUDGET_H

#include "driver.h"

/* A way to train: all that the trainer allocates, in bytes for the front's batch, and the time that a step is predicted to take with one
 * thread. */
struct TrainingPlan {
    Recompute recompute;
    int64_t memory, activations, workspace;
    double seconds;
    int order;      /* in which it was tried */
    int copies;     /* nodes that are computed again */
    double macs;    /* of their products: multiply-adds a sample */
};

/* Plans of which none is better than another: the first keeps everything and takes the least time, the last takes the least memory. */
struct Front {
    TrainingPlan *plans;
    int n;
    int64_t batch;
};

/* Tries plans for batches of so many samples. Everything is in the compilation's arena. Pre: compile_target. */
Front *budget_front(Compilation *c, int64_t batch);

/* The fastest plan that fits into so many bytes, or NULL. */
const TrainingPlan *budget_choose(const Front *f, int64_t bytes);

/* Time that a plan takes beyond the first one, as a share of the first one's. */
double budget_extra_time(const Front *f, const TrainingPlan *p);

/* "at most 400.0 MB: 18 operators are computed again, ...": what the plan does for its limit. */
const char *budget_sentence(Arena *a, const Compilation *c);

/* Reports that the limit is less than the least memory of the front, with what can be done about it. */
void budget_report(Compilation *c, const Front *f);

#endif
