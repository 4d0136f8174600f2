/* measured.h - what `EXE bench --per-layer --format json` has written: the times of a trainer's steps. */
#ifndef NETC_MEASURED_H
#define NETC_MEASURED_H

#include "steps.h"

typedef struct MeasuredStep {
    const char *phase, *layer, *what, *how; /* as the emitted table has them */
    double seconds, least;                  /* the median and the fastest of its runs */
} MeasuredStep;

typedef struct Measured {
    const char *network, *target, *machine; /* machine: for machine_parse */
    int64_t built_for;                      /* the batch that the trainer was compiled for */
    int64_t batch, threads;                 /* of the measurement */
    MeasuredStep *steps;
    int n_steps;
} Measured;

/* Reads the file into the arena. False, with a message that names the place, if it is not such a file. */
bool measured_read(Arena *a, const char *path, Measured *m);

/* The first step of a pass, of which a file has all in order, or none (bench --only): then n_steps. */
int measured_begin(const Measured *m, bool training);
/* "forward", "inference": a pass's part as files name it. */
const char *phase_name(StepPhase phase);
/* Whether the file's step `at` is that step of the compiler's. */
bool measured_is(const Measured *m, int at, const Step *s);

#endif
