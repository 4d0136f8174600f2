#include "schedule.h"

#include <math.h>

static double piecewise(const nt_train_config *config, double lr, double t)
{
    int piece = 0;
    while (piece < config->n_pieces && config->piece_at[piece] <= t)
        piece++;
    double scale = config->lr > 0 ? lr / config->lr : 1;
    return config->piece_lr[piece] * scale;
}

static double cosine(const nt_train_config *config, double lr, double t, double end)
{
    static const double pi = 3.14159265358979323846;
    double share = end > 0 ? fmin(t / end, 1) : 0;
    return lr * (config->cosine_final + (1 - config->cosine_final) * (1 + cos(pi * share)) / 2);
}

double nt_schedule_rate(const nt_train_config *config, double lr, nt_position at)
{
    double t = config->schedule_per_step ? (double)at.step : (double)at.epoch;
    double end = config->schedule_per_step ? (double)at.steps : (double)at.epochs;

    switch (config->schedule) {
    case NT_SCHED_STEP: return lr * pow(config->step_factor, floor(t / config->step_every));
    case NT_SCHED_PIECEWISE: return piecewise(config, lr, t);
    case NT_SCHED_COSINE: return cosine(config, lr, t, end);
    case NT_SCHED_CONSTANT: break;
    }
    return lr;
}
