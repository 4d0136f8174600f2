/* lsuv.h - layer-sequential unit variance: initial values that depend on the data (Mishkin and Matas, "All you need is
 * a good init", 2015, algorithm 1). */
#ifndef NT_LSUV_H
#define NT_LSUV_H

#include "engine.h"
#include "start.h"

/* For each layer whose weights start by NT_INIT_LSUV, from the input on: divides its weights by the standard deviation
 * of its results over up to 256 samples of the training part, as they come in the first epoch, until the variance is
 * within 0.1 of 1, ten times at most. As many samples are taken as fit into the memory that training has for
 * activations, one at least. Pre: the parameters are as nt_params_initialise and nt_start_load left them; those that were
 * loaded, as `origins` tells, stay. Does nothing where no such layer is left.
 *
 * *layers is how many there were, *samples how many samples they were measured on. False, with the error set, where
 * memory runs out, or a layer's results are all the same, or not finite. */
bool nt_lsuv(nt_engine *engine, const nt_data *data, const nt_split *split, const nt_origin *origins, uint64_t seed, int *layers,
             int *samples, nt_error *error);

#endif
