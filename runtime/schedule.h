/* schedule.h - what changes from step to step by a rule: the learning rate, the momentum, the batch, the noise of the
 * gradient. What depends on how the training goes is in course.h. */
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
 *   constant     lr
 *   power        lr / (1 + t/s)
 *   exponential  lr * 0.1^(t/s)
 *   step         lr * factor^floor(t / every)
 *   piecewise    values[i], i = how many of `at` are <= t; scaled by lr / config->lr, so that --lr moves them all
 *   cosine       lr * (final + (1 - final) * (1 + cos(pi * t / T)) / 2)   (Loshchilov & Hutter 2017, without restarts)
 *   one_cycle    straight lines through lr at 0, peak * lr at c/2, lr at c = (1 - rest) T, final * lr at T (Smith 2018)
 *   plateau      lr (what it has been multiplied by so far is nt_course's)
 * A warm-up of length n before it, with u its own time, gives the rate of t = 0 times (u + 1) / (n + 1) while u < n,
 * and then counts t and T from its end. Where it counts epochs and the schedule steps, or the other way round, its end is
 * converted by T's ratio. */
double nt_schedule_rate(const nt_train_config *config, double lr, nt_position at);

/* The momentum of the step, from m = `momentum` (config->momentum, or what --momentum says):
 *   constant    m
 *   piecewise   values[i], as above
 *   linear      m + (to - m) * min(t / length, 1)
 *   one_cycle   straight lines through m at 0, low at c/2, m at c and from there on */
double nt_schedule_momentum(const nt_train_config *config, double momentum, nt_position at);

/* Samples of a step in an epoch, for the plan and, where that is NT_BATCH_FIXED or ALL, the batch of the run:
 *   grow   min(last, round(first * factor^floor(epoch / every))) */
int64_t nt_batch_of_epoch(const nt_batch_plan *plan, int64_t batch, int64_t epoch);

/* Steps of all epochs from 0 to `epochs` - 1 over `samples` samples each. */
uint64_t nt_steps_of_epochs(const nt_batch_plan *plan, int64_t batch, int64_t samples, int64_t epochs);

/* Standard deviation of the gradient's noise: sqrt(eta / (1 + step)^gamma), or 0 (Neelakantan et al. 2015). */
double nt_noise_std(const nt_gradient_noise *noise, uint64_t step);

#endif
