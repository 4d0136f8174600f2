/* steps.h - the steps of a trainer's passes: the functions that emitted code calls one after another, each with what
 * it costs. One list for the emitted table that `EXE bench --per-layer` reads and for `netc explain --roofline`, so
 * that the two name the same things. */
#ifndef NETC_STEPS_H
#define NETC_STEPS_H

#include "op.h"

typedef enum StepPhase {
    STEP_FORWARD,
    STEP_LOSS,
    STEP_BACKWARD,
    STEP_INPUT_GRADIENT,
    STEP_UPDATE,
    STEP_INFERENCE
} StepPhase;

typedef struct Step {
    StepPhase phase;
    const Group *group;  /* NULL: the input is loaded, or parameters are updated */
    int64_t from, to;    /* of an update: the range of the parameter block, ... */
    const NetParam *first; /* ... and one of the parameters there */
    const char *layer;   /* "conv1"; of an update what its parameters have in common */
    const char *what;    /* "conv + bias + relu" */
    const char *shape;   /* "32x32x3 -> 32x32x16", or "" */
    const char *how;     /* what the operator's `describe` says, or "" */
    double macs;         /* a sample, in the direct sum; 0 where the step is no product */
    double bytes_sample; /* of tensors, each once and without padding: a sample */
    double bytes_fixed;  /* of parameters, their gradients and the optimizer's state */
} Step;

/* Of a planned graph: what copies the input into it, and one of its groups, which `input_gradient` says is of the
 * pass that only the input's gradient needs. */
Step step_load(Arena *a, const Graph *g);
Step step_of_group(Arena *a, const Graph *g, const Group *group, const Target *t, bool input_gradient);

/* The parameter whose gradient the group makes and uses up: the optimizer's step is part of it. NULL: none. */
const NetParam *stepped_at_once(const Group *group);

/* Where the first of a group's results goes: of its anchor, if it has one. */
Direction group_direction(const Group *group);

/* All steps of a training step (no input gradient), and of inference, in the order in which they are emitted; *n of
 * them. */
Step *steps_of_training(Arena *a, const Graph *g, const Target *t, int *n);
Step *steps_of_inference(Arena *a, const Graph *g, const Target *t, int *n);

/* The optimizer's step, range by range of the trained parameters: of each group, the one of those in none first, those that
 * decay and those that do not. A range that nothing is in ends where it begins. */
int step_update_ranges(const Net *net);
Step step_update(Arena *a, const Net *net, int range);

/* The first group behind the losses. */
int graph_backward_begin(const Graph *g);
/* For each group of a training graph, whether it serves nothing but the gradient of the input: training leaves it
 * out. */
const bool *graph_input_gradient_only(const Graph *g);

#endif
