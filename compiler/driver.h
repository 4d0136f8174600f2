/* driver.h - from a file name to a checked network and planned graphs: what the commands share. */
#ifndef NETC_DRIVER_H
#define NETC_DRIVER_H

#include "machine.h"
#include "passes/passes.h"
#include "sema/sema.h"

enum { DEFINES_MAX = 64 }; /* constants set on the command line */

/* Options that commands share. */
typedef struct Options {
    const char *file;
    const char *define_texts[DEFINES_MAX]; /* "name=value" */
    int n_defines;
    const char *target, *output, *format, *kind, *weights;
    const char *dump; /* the stage whose result is printed, or NULL */
    const char *machine, *measured; /* of explain --roofline */
    int64_t batch, threads, seconds;
    int64_t memory;          /* 0: what the model says */
    const char *memory_text; /* as it was given */
    bool effective, check, roofline, pareto;
    char **args; /* of train: what follows the model, for the program */
    int n_args;
} Options;

typedef struct Front Front;               /* budget.h */
typedef struct TrainingPlan TrainingPlan;

/* One compilation: everything is freed by compilation_free. */
typedef struct Compilation {
    Arena arena;
    Diags diags;
    const Options *options;
    Ast *ast;
    Net *net;
    const Target *target;
    Graph *train, *infer;
    const Front *front;       /* with a limit of memory: what it was chosen among, ... */
    const TrainingPlan *plan; /* ... and what the training graph follows; else NULL */
    Graph *probe; /* what lsuv measures with; NULL where no weights start that way */
} Compilation;

/* Reads, parses, checks. False: diagnostics were printed (exit status 1). */
bool compile_front(Compilation *c, const Options *o);
/* Whether --dump can show what this stage leaves: ast, graph, or a pass's name. */
bool is_stage(const char *name);
/* All passes over a new graph. */
void run_passes(Graph *g, const Target *t);
/* Samples that memory is planned for: --batch, or the train section's. */
int64_t planned_batch(const Compilation *c);
/* Finds the target and lays out the parameters. Pre: compile_front succeeded. */
void compile_target(Compilation *c);
/* Builds and plans both graphs for the target. False: training does not fit into the memory that was asked for, and diagnostics were
 * printed (exit status 1). Pre: compile_front succeeded. */
bool compile_graphs(Compilation *c);
/* The batch of the options, if they have one, becomes the train section's. */
void take_batch(Compilation *c);
/* Takes the choices of the file beside the model, if it has one for this state of it, this batch and this target. False:
 * it is broken, and a message was printed (exit status 1). */
bool take_tuning(Compilation *c);
/* compile_graphs for that batch and by those choices: what the commands build that emit. False: as both say. */
bool compile_as_built(Compilation *c);
/* The same for commands that emit. False: the network is too large for emitted C, and diagnostics were printed (exit status 1). */
bool compile_code(Compilation *c);
bool code_fits(Compilation *c); /* its last part */
void compilation_free(Compilation *c);


/* Measures what this machine gives so many threads of code for the target: compiles a program and runs it, for about
 * a second. False: a message was printed. */
bool measure_machine(Compilation *c, int threads, Machine *m);

/* For commands that build and run programs: a folder to do it in (NULL: a message was printed), whose end
 * remove_scratch is; a trainer without what only gradcheck needs, made beside it (the exit status); a program run
 * with its output in a file (false: it failed). From scratch_folder on, SIGINT, SIGTERM and SIGHUP end what runs and
 * are noted: the command cleans up. */
char *scratch_folder(Compilation *c);
void remove_scratch(const char *folder);
int build_trainer(Compilation *c, const char *exe);
bool run_into(char *const argv[], const char *path);
bool was_interrupted(void);

/* The commands; each returns the exit status. */
int command_emit(const Options *o);
int command_build(const Options *o);
int command_train(const Options *o);
int command_report(const Options *o);
int command_explain(const Options *o);
int explain_roofline(const Options *o);
int command_graph(const Options *o);
int command_tune(const Options *o);
/* Writes a file of lang/ that is made from the tables of the compiler; o->file says which. */
int command_doc(const Options *o);

#endif
