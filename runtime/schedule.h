/* schedule.h - the learning rate of a step. */
#ifndef NT_SCHEDULE_H
#define NT_SCHEDULE_H

#include "model.h"

/* Where training stands, counted from 0, and where it will end. */
typedef struct nt_position {
    int64_t epoch, epochs;
    uint64_t step, steps; /* over all epochs */
} nt_position;

/* The rate of the step at `at`, for the base rate `lr` (config->lr, or what --lr says).
 * With t = at.epoch, or at.step where the schedule counts steps, and T = at.epochs or at.steps:
 *   constant   lr
 *   step       lr * factor^floor(t / every)
 *   piecewise  piece_lr[i], i = how many piece_at are <= t; scaled by lr / config->lr, so that --lr moves the whole
 * staircase cosine     lr * (final + (1 - final) * (1 + cos(pi * t / T)) / 2)      (Loshchilov & Hutter 2017, without
 * restarts) */
double nt_schedule_rate(const nt_train_config *config, double lr, nt_position at);

#endif
