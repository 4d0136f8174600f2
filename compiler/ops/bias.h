/* bias.h - what other operators use of bias.c. */
#ifndef NETC_OPS_BIAS_H
#define NETC_OPS_BIAS_H

#include "../op.h"

extern const OpDef op_bias, op_channel_sum;

/* Adds the node that sums x over samples and pixels into the gradient of a vector parameter. */
void channel_sum_into(Graph *g, Value *x, NetParam *p);

/* The gradients of an element-wise node that reads x and a parameter of one value a channel. dx and dp are element-wise operators that
 * read x, the parameter and the gradient of the result; what dp gives is summed into the parameter's gradient. */
void channel_param_gradient(Autodiff *ad, Node *n, const OpDef *dx, const OpDef *dp);

#endif
