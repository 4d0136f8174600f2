/* machine.h - what a machine gives at most, as `netc explain --roofline` is told or finds out. */
#ifndef NETC_MACHINE_H
#define NETC_MACHINE_H

#include "base.h"

enum { MACHINE_CACHES = 8 };

typedef struct Machine {
    double flops;  /* a second, a multiply-add counting two */
    double memory; /* bytes a second */
    struct {
        double size, rate;    /* bytes that can be kept near, and bytes a second that come from there */
    } caches[MACHINE_CACHES]; /* the smallest first */
    int n_caches;
} Machine;

/* Reads "peak=118.2,bandwidth=21.3,1M=99.6,16M=61.8": GFLOP/s, GB/s of memory, then GB/s of what stays in so many
 * bytes (K, M or G of 1024). NULL; or what is wrong with it. */
const char *machine_parse(Arena *a, const char *text, Machine *m);
/* The same text of a machine. */
const char *machine_text(Arena *a, const Machine *m);

#endif
