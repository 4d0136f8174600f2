/* loss.h - the losses as inference judges by them: in double, from a head's values. (Training computes them, gradient and all, in emitted
 * kernels.) */
#ifndef NT_LOSS_H
#define NT_LOSS_H

#include "model.h"

/* The loss of one sample, without its weight. `values` is the head's first value of that sample, in the head's strides; `target` its
 * h*w*c wanted values, densely, or NULL: 1 at element `label` and 0 elsewhere. Where the head's values have been through the loss's own
 * softmax or sigmoid already, their logarithm is taken, limited so that a probability of 0 costs 103 and not infinity. */
double nt_loss_value(const nt_loss *loss, const nt_head *head, const real *values, int label, const real *target);

#endif
