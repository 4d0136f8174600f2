/* winograd.h - 3x3 and 5x5 convolutions of stride 1 with fewer products: the choice, and the emission of runtime/kernels/winograd.k.c and
 * winograd_dw.k.c. */
#ifndef NETC_OPS_WINOGRAD_H
#define NETC_OPS_WINOGRAD_H

#include "product.h"

#include "../emit/rules.h"

/* Whether a convolution can go that way, with output tiles of such a side. */
bool winograd_fits(const Geometry *g, int side);

/* Side of the output tiles, 2 or 4, or 0 where the direct product is the better one. `samples` is a likely batch: the weights
 * are transformed, or, where they are prepared, read, once for all of them. */
int winograd_tile(const Geometry *g, int64_t samples);

/* The same for the gradient of the weights. */
int winograd_dw_tile(const Geometry *g, int64_t samples);

/* Elements of the transformed weights; `backward`: of those for the gradient to the input. */
int64_t winograd_work(const Geometry *g, const Target *t, bool backward);

/* The transform of the weights (value w) into n->work, and the product of `from` (x, or with `backward` the gradient dy). */
void winograd_emit(Emit *e, Node *n, Value *from, Value *w, bool backward);

const char *winograd_describe(Arena *a, const Geometry *g, const Target *t, bool backward);
Arithmetic winograd_arithmetic(const Geometry *g, const Target *t, bool backward);

/* The gradient of the weights, and of the bias if n has that too: elements of work, emission, and two figures for `netc explain`. */
int64_t winograd_dw_work(const Geometry *g, const Target *t);
void winograd_dw_emit(Emit *e, Node *n);
const char *winograd_dw_describe(Arena *a, const Geometry *g, const Target *t);
Arithmetic winograd_dw_arithmetic(const Geometry *g, const Target *t);

#endif
