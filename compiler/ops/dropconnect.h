/* dropconnect.h - a dense layer's product in training, with weights dropped at random. */
#ifndef NETC_OPS_DROPCONNECT_H
#define NETC_OPS_DROPCONNECT_H

#include "../op.h"

/* Adds the product of x and the weights, each dropped with probability `rate` anew for each sample, and with `bias` the bias, dropped
 * likewise; what is kept is divided by 1 - rate. Returns the result. */
Value *dropconnect_build(Graph *g, Layer *l, Value *x, double rate, NetParam *weight, NetParam *bias);

#endif
