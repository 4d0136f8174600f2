/* rules.h - what an operator's emission rule may say: which kernel, with which constants and arguments.
 *
 * A rule calls emit_kernel, then names constants and arguments in the order of the kernel's signature (after `n`), then emit_end. A
 * rule may emit several kernels. The group's element-wise tail and the stores are put in at the kernel's K_STORE. */
#ifndef NETC_EMIT_RULES_H
#define NETC_EMIT_RULES_H

#include "../graph.h"
#include "../target.h"

typedef struct Emit Emit;

void emit_kernel(Emit *e, const char *file);
/* The kernel is in several files: this one's text comes after those before it, and the last one's has k_main. */
void emit_kernel_rest(Emit *e, const char *file);
/* The kernel `file` that takes the optimizer's step (step.k.c), with the constants of the model's optimizer. */
void emit_optimizer(Emit *e, const char *file);
/* The arguments of such a kernel that say how the step is taken: factor on the rate, decay, l1, of a parameter. */
void emit_step_args(Emit *e, const NetParam *p);
void emit_int(Emit *e, const char *name, int64_t value);
void emit_real(Emit *e, const char *name, double value);
void emit_table(Emit *e, const char *name, const int64_t *values, int n);
/* NAME_S, NAME_R, NAME_P: strides of a tensor. */
void emit_strides(Emit *e, const char *name, const Value *v);
/* A pointer to the value's first element, `delta` elements on. */
void emit_arg(Emit *e, Value *v, int64_t delta);
/* An argument that is no value of the plan: "NULL", "p->labels". */
void emit_arg_text(Emit *e, const char *text);
/* The pixel that K_STORE's (h, w) stands for: (h*step_h + from_h, w*step_w + from_w). Without it, (h, w). */
void emit_pixels(Emit *e, int64_t step_h, int64_t from_h, int64_t step_w, int64_t from_w);
/* K_STORE's channels count padded groups of `padded` that hold `real` channels each: stores are by lanes. */
void emit_ragged(Emit *e, int64_t padded, int64_t real);
/* K_STORE's channel counts through a volume's pixels: ((h*width + w)*channels + c). */
void emit_flat_channels(Emit *e, int64_t height, int64_t width, int64_t channels);
/* Whether the hooks of a kernel with so many rows and columns of results need no more than the pixel's number, as rows and samples of all
 * their tensors follow each other without gaps; and how many tensors they read. */
bool emit_tail_is_flat(const Emit *e, int64_t height, int64_t width);
int emit_tail_reads(const Emit *e);
/* The tensor that the kernel's K_LOAD reads. */
void emit_load(Emit *e, Value *v);
void emit_end(Emit *e);
/* What is emitted until emit_endif is done only if the C expression is true. */
void emit_if(Emit *e, const char *condition);
void emit_endif(Emit *e);
/* The same for what makes a value out of parameters alone: where it lasts, only if an earlier pass has not left it. */
void emit_once(Emit *e, const Value *v);
void emit_end_once(Emit *e, const Value *v);
/* Room for so many sums of squares of gradients that are never stored; returns where they begin, a C expression that is NULL where nobody asks for them. */
const char *emit_squares(Emit *e, int64_t n);
const Target *emit_target(const Emit *e);
Arena *emit_arena(const Emit *e);

#endif
