#include "schedule.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* Time as a schedule counts it: now, and at the end. */
typedef struct span {
    double now, end;
} span;

static span time_in(nt_unit unit, nt_position at)
{
    return unit == NT_STEPS ? (span){(double)at.step, (double)at.steps} : (span){(double)at.epoch, (double)at.epochs};
}

static double piecewise(const nt_schedule *schedule, double t)
{
    int piece = 0;
    while (piece < schedule->n_at && schedule->at[piece] <= t)
        piece++;
    return schedule->values[piece];
}

/* A value that goes in straight lines from 1 to `turn` in the middle of the cycle, back to 1 at its end, and then to
 * `final`. */
static double cycle(span t, double rest, double turn, double final)
{
    double share = t.end > 0 ? fmin(t.now / t.end, 1) : 0, end = 1 - rest, half = end / 2;
    if (share < half)
        return 1 + (turn - 1) * share / half;
    if (share < end || rest <= 0)
        return turn + (1 - turn) * (share - half) / half;
    return 1 + (final - 1) * (share - end) / rest;
}

/* The rate over lr. */
static double shape(const nt_train_config *config, span t)
{
    const nt_schedule *s = &config->schedule;
    switch (s->kind) {
    case NT_SCHEDULE_POWER: return 1 / (1 + t.now / s->s);
    case NT_SCHEDULE_EXPONENTIAL: return pow(0.1, t.now / s->s);
    case NT_SCHEDULE_STEP: return pow(s->factor, floor(t.now / (double)s->every));
    case NT_SCHEDULE_PIECEWISE: return piecewise(s, t.now) / config->lr;
    case NT_SCHEDULE_COSINE:
        return s->final + (1 - s->final) * (1 + cos(pi * (t.end > 0 ? fmin(t.now / t.end, 1) : 0))) / 2;
    case NT_SCHEDULE_ONE_CYCLE: return cycle(t, s->rest, s->peak, s->final);
    case NT_SCHEDULE_CONSTANT:
    case NT_SCHEDULE_PLATEAU:
    case NT_SCHEDULE_WARMUP:
    case NT_SCHEDULE_LINEAR: break;
    }
    return 1;
}

double nt_schedule_rate(const nt_train_config *config, double lr, nt_position at)
{
    span t = time_in(config->schedule.per, at);
    if (config->warmup.kind == NT_SCHEDULE_WARMUP) {
        span u = time_in(config->warmup.per, at);
        double length = config->warmup.length;
        if (u.now < length)
            return lr * shape(config, (span){0, t.end}) * (u.now + 1) / (length + 1);
        if (config->warmup.per != config->schedule.per)
            length *= u.end > 0 ? t.end / u.end : 0;
        t = (span){fmax(t.now - length, 0), t.end - length};
    }
    return lr * shape(config, t);
}

double nt_schedule_momentum(const nt_train_config *config, double momentum, nt_position at)
{
    const nt_schedule *s = &config->momentum_schedule;
    span t = time_in(s->per, at);
    if (s->kind == NT_SCHEDULE_PIECEWISE)
        return piecewise(s, t.now);
    if (s->kind == NT_SCHEDULE_LINEAR)
        return momentum + (s->to - momentum) * fmin(t.now / s->length, 1);
    if (s->kind == NT_SCHEDULE_ONE_CYCLE)
        return momentum * cycle(t, s->rest, s->low / momentum, 1);
    return momentum;
}

int64_t nt_batch_of_epoch(const nt_batch_plan *plan, int64_t batch, int64_t epoch)
{
    if (plan->kind != NT_BATCH_GROW)
        return batch;
    double size = (double)plan->first * pow(plan->factor, (double)(epoch / plan->every));
    return size < (double)plan->last ? llround(size) : plan->last;
}

uint64_t nt_steps_of_epochs(const nt_batch_plan *plan, int64_t batch, int64_t samples, int64_t epochs)
{
    uint64_t steps = 0;
    for (int64_t epoch = 0; epoch < epochs; epoch++) {
        int64_t size = nt_batch_of_epoch(plan, batch, epoch);
        steps += (uint64_t)((samples + size - 1) / size);
    }
    return steps;
}

double nt_noise_std(const nt_gradient_noise *noise, uint64_t step)
{
    return noise->kind == NT_NOISE_ANNEALED ? sqrt(noise->eta / pow(1 + (double)step, noise->gamma)) : 0;
}
