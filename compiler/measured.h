/* measured.h - what `EXE bench --per-layer --format json` has written: the times of a trainer's steps. */
#ifndef NETC_MEASURED_H
#define NETC_MEASURED_H

#include "base.h"

typedef struct MeasuredStep {
    const char *phase, *layer, *what, *how; /* as the emitted table has them */
    double seconds;
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

#endif
