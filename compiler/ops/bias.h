/* bias.h - what other operators use of bias.c. */
#ifndef NETC_OPS_BIAS_H
#define NETC_OPS_BIAS_H

#include "../op.h"

extern const OpDef op_bias, op_channel_sum;

/* Adds the node that sums x over samples and pixels into the gradient of a vector parameter. */
void channel_sum_into(Graph *g, Value *x, NetParam *p);

#endif
