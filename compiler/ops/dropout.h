/* dropout.h - what dropconnect uses of dropout.c. */
#ifndef NETC_OPS_DROPOUT_H
#define NETC_OPS_DROPOUT_H

#include "../op.h"

typedef struct DropoutAttrs {
    double rate;
    int64_t stream; /* number of the random stream that decides */
} DropoutAttrs;

/* Element-wise: drops with probability rate and scales the rest, by a mask that rate and stream determine. Its gradient is itself. */
extern const OpDef op_dropout;

#endif
