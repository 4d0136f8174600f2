/* sketch.h - what the page about a run shows of the network itself: made by the compiler, which knows layers. */
#ifndef NT_SKETCH_H
#define NT_SKETCH_H

#include <stdint.h>

typedef struct nt_sketch_layer {
    const char *name, *what, *shape; /* "conv1", "conv 11x11 /4 + relu", "55x55x96"; what is "" for the input */
    int64_t activations, parameters, macs; /* a sample's values, 0 where it has none of its own; multiply-adds a sample */
} nt_sketch_layer;

typedef struct nt_sketch {
    const nt_sketch_layer *layers;
    int n_layers;
    const char *shapes;          /* "28x28x1 -> 10" */
    const char *const *settings; /* lines, NULL behind the last: init, data and train as the compiler understood them */
    const char *const *graph;    /* lines of an SVG; none where the network is too large for a picture */
} nt_sketch;

#endif
