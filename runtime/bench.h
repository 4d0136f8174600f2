/* bench.h - what the parts of EXE bench share. */
#ifndef NT_BENCH_H
#define NT_BENCH_H

#include "engine.h"

/* What is measured, and for how long: at most `steps` of each pass, and once `seconds` are over (0: no limit) no more. */
typedef struct nt_bench {
    nt_engine *engine;
    int steps;
    double seconds;
    bool training, inference;
} nt_bench;

/* Sorts the times. */
double nt_median(double *times, int n);

/* One training step, and one inference pass, of the engine's batch. */
void nt_bench_train(nt_engine *engine);
void nt_bench_infer(nt_engine *engine);

/* Runs `pass` a few times for nothing, then as often as the bench says, at least once, and calls `note` after each with its time.
 * Returns how often. */
int nt_bench_repeat(const nt_bench *bench, void (*pass)(nt_engine *engine), void (*note)(void *to, int i, double seconds),
                    void *to);

/* EXE bench --per-layer: the time of every step of the passes beside what the machine would take at least. False with the error
 * set if there is no memory for the times. */
bool nt_bench_layers(const nt_bench *bench, bool json, nt_error *error);

#endif
