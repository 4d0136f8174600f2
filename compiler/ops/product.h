/* product.h - the geometry of a product: what convolutions and dense layers share. A dense layer is a convolution whose window is the whole
 * volume, so the same graph operators (in conv.c) compute both. */
#ifndef NETC_OPS_PRODUCT_H
#define NETC_OPS_PRODUCT_H

#include "../op.h"

typedef struct Geometry {
    int64_t in_h, in_w, in_c;    /* the volume read */
    int64_t out_h, out_w, out_c;
    int64_t kh, kw, stride_h, stride_w, dilation_h, dilation_w;
    int64_t pad_top, pad_left;
    int64_t groups;
    bool exact;                  /* sums in direct order only */
    Choice choices[3];           /* by Direction; set when the graph is built, ... */
    int64_t samples;             /* ... for batches of so many */
    bool prepared;               /* transformed weights are made once for many passes: see Graph.lasting */
} Geometry;

/* Adds product and, with `bias`, the node that adds it; returns the result. */
Value *product_build(Graph *g, Layer *l, Value *x, const Geometry *geo, NetParam *weight, NetParam *bias);

/* The size of a block of work as the choice has it: half, all or twice `size`, a multiple of `unit`. */
int64_t choice_size(const Choice *c, int64_t size, int64_t unit);

/* A kernel's constants for `out` (padded) channels in panels of nr. */
void emit_panels(Emit *e, int64_t out, int64_t nr);

#endif
