/* diagnose.h - where a value that is not finite came from. */
#ifndef NT_DIAGNOSE_H
#define NT_DIAGNOSE_H

#include <stddef.h>

#include "engine.h"

/* Says, for the batch in the engine's buffers whose training step just failed, what is not finite first: the input, a
 * parameter, a layer in forward order, the loss itself, or a gradient. Runs the forward pass again. */
void nt_diagnose(nt_engine *engine, nt_step_outcome outcome, char *text, size_t size);

#endif
