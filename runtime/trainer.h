/* trainer.h - the program around an emitted model: EXE train, eval, predict, ... */
#ifndef NT_TRAINER_H
#define NT_TRAINER_H

#include "model.h"
#include "sketch.h"

/* Exit statuses. */
enum {
    NT_OK = 0,
    NT_FAILED = 1,      /* the data, the weights, the model or the run are at fault */
    NT_USAGE = 2,       /* the command line is */
    NT_ENVIRONMENT = 3, /* the machine is: memory, disk, folders */
    NT_INTERRUPTED = 130
};

/* Runs the command that argv[1] names and returns the exit status. `model_double` is the same model compiled with
 * NT_DOUBLE, for gradcheck, or NULL; `sketch` what the page about a run shows of the network itself, or NULL. */
int nt_trainer_main(const nt_model *model, const nt_model *model_double, const nt_sketch *sketch, int argc, char **argv);

#endif
