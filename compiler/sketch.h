/* sketch.h - what a trainer's page shows of the network itself. */
#ifndef NETC_SKETCH_H
#define NETC_SKETCH_H

#include "driver.h"
#include "emit/emit.h"

/* Adds NAME_sketch.h to the trainer's files. */
void sketch_file(Compilation *c, Output *output);

#endif
