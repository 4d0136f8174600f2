/* emit.h - from planned graphs to C text. */
#ifndef NETC_EMIT_EMIT_H
#define NETC_EMIT_EMIT_H

#include "../graph.h"
#include "../target.h"
#include "ctree.h"
#include "rules.h"

/* A file of the runtime, embedded in the compiler as bytes. */
typedef struct EmbeddedFile {
    const char *name; /* "kernels/igemm.k.c", "simd.h" */
    const char *text;
} EmbeddedFile;
extern const EmbeddedFile embedded_files[]; /* ends with name NULL; generated */
const char *embedded_text(const char *name);

/* A function that was emitted: the text without its name is its identity, so that equal layers share one. */
typedef struct EmittedFunction {
    const char *name;   /* conv1 */
    const char *text;   /* with @ for the name and ^ for the same in capitals */
    size_t len;         /* of the text */
    const char *comment;
    const char *users;  /* further layers */
    bool is_helper;     /* of kernels: its comment is in its text */
} EmittedFunction;

/* A kernel's copy. */
typedef struct Splice {
    const char *key;    /* all that it depends on */
    size_t len;
    uint64_t hash;
    int function;       /* in Functions.items */
    bool hooked;        /* it has the group's tail in it, with its pointers */
    bool samples;       /* its first parameter is the number of samples */
} Splice;

/* The functions of one emitted file. */
typedef struct Functions {
    EmittedFunction *items;
    int n, cap;
    Splice *splices;
    int n_splices, cap_splices;
} Functions;

/* A pointer parameter of a function being made. */
typedef struct Pointer {
    const char *name;
    const char *declaration; /* "const real *restrict bias" */
    const char *argument;    /* at the call */
    const Value *value;
} Pointer;

typedef struct Constant {
    const char *name;
    bool is_real;
    int64_t integer;
    double real;
    const int64_t *table;
    int n_table;
} Constant;

enum { MAX_CONSTANTS = 64, MAX_POINTERS = GROUP_ARRAYS, MAX_HELPERS = 32 };

struct Emit {
    Arena *arena;
    Net *net;
    Graph *graph;            /* being emitted */
    const Value **begun;     /* its tensors by the step that writes them first: those of step s from begun_at[s] on */
    int *begun_at;
    const Target *target;
    const char *space;       /* prefix of its tensors' offsets: T training, M measuring, I inference */
    NetParam **params;       /* those that the emitted code stores */
    int n_params;
    const char **param_names; /* P_CONV1_WEIGHT; by net->params index */
    Functions functions;     /* of the file that is being made */
    Ct *calls;               /* of the pass being emitted */
    Ct *outside;             /* between emit_if and emit_endif: what `calls` was */
    int64_t n_squares;       /* sums of squares that the model's passes leave */
    Ct *costs;               /* the table of what steps cost, for passes with laps; NULL: without */
    int n_costs;
    Group *group;
    const char *comment;     /* of the group's function */
    /* the kernel being named */
    const char *kernel, *rest[2]; /* rest: files whose text follows the kernel's, or NULL */
    Constant constants[MAX_CONSTANTS];
    int n_constants;
    const char *args[MAX_POINTERS]; /* of the kernel's own parameters */
    int n_args;
    Pointer pointers[MAX_POINTERS]; /* of the tail */
    int n_pointers;
    bool has_tail;           /* the kernel or loop being named has the tail in it; a group's others do not */
    int64_t step_h, from_h, step_w, from_w;
    int64_t ragged_padded, ragged_real;
    int64_t flat_h, flat_w, flat_channels;
    Value *load;
    int part;                /* kernels of this group so far */
    const Group *cleared;    /* the last group whose results' padding is zeroed apart */
};

/* The sources of a trainer or library. */
typedef struct OutputFile {
    const char *name;
    Str text;
} OutputFile;
typedef struct Output {
    OutputFile *files;
    int n, cap;
} Output;

/* Whether emitted C can count what the network needs; else the error is in the net's diagnostics. train NULL: inference only. Pre: the
 * graphs are planned. */
bool emit_fits(const Net *net, const Graph *train, const Graph *probe, const Graph *infer);

/* The largest batch for which the kernels, whose loops count pixels or groups of channels of all samples in an int, do not
 * overflow. Where elements are, is worked out in size_t and ptrdiff_t. */
int64_t emit_most_samples(const Graph *g);

/* Forgets the files' texts. */
void output_free(Output *out);

/* Fills out with the trainer's own files: NAME.c and NAME_backward.c, which compile side by side, NAME_memory.h, which both include, and
 * NAME_main.c, which includes the sketch.h of the commands. Pre: both graphs are planned. */
void emit_model(Arena *a, Net *net, Graph *train, Graph *probe, Graph *infer, const Target *t, Output *out);

/* Fills out with an inference library's own files (NAME.h, NAME.c, NAME_load.c, NAME_example.c, Makefile) and, given the path of a
 * safetensors file, NAME_weights.c, which holds its values. False, with a message, if that file is not the network's. Pre: the
 * graph is planned. */
bool emit_library(Arena *a, Net *net, Graph *infer, const Target *t, const char *weights, Output *out);

/* Identifies the architecture: parameters by name and shape, operators, shapes. Not training settings. */
uint64_t architecture_hash(const Net *net);

/* ---- inside emit/ ---- */

/* For all of the net's parameters. */
Emit emit_start(Arena *a, Net *net, const Target *t);
/* What follows is of this graph; `space` begins the names of its tensors' offsets. */
void emit_graph(Emit *e, Graph *g, const char *space);
/* conv1.weight -> conv1_weight; capitals for enumerators. Different names may become one. */
const char *c_name(Arena *a, const char *name);
const char *c_upper(Arena *a, const char *name);
/* A real constant as C: shortest digits that give the same double. */
const char *c_real(Arena *a, double x);
/* C expression of the address of a value's first interior element, `delta` elements on. */
const char *address_of(Emit *e, const Value *v, int64_t delta);
/* The named offset of a value: T_CONV1. */
const char *offset_name(Emit *e, const Value *v);
/* Adds the function with this text (see EmittedFunction), or finds it; returns its name. */
const char *emit_function(Emit *e, const char *text);

/* The block that stands for one K_STORE(vector, n, h, w, c): the group's tail and its stores. */
Ct *emit_tail(Emit *e, const char *vector, const char *n, const char *h, const char *w, const char *c);
/* The block that stands for one K_AHEAD(n, h, w, c): asks for the lines that K_STORE will touch there. */
Ct *emit_tail_ahead(Emit *e, const char *n, const char *h, const char *w, const char *c);
/* The function and call of a group without a kernel: a loop over the elements. */
void emit_map(Emit *e);
/* Declarations and arguments of the tail's pointers, each with a leading comma. */
const char *pointer_declarations(Emit *e);
const char *pointer_arguments(Emit *e);
const char *pointer_names(Emit *e); /* between the kernel's own functions */
/* One line about a group, for its function. */
const char *group_comment(Emit *e, const Group *g);

/* Parts that trainers and libraries share. */
/* Text with a name for @ and its capitals for ^. */
const char *put_name(Arena *a, const char *text, const char *name);
/* A C string literal. */
const char *c_string(Arena *a, const char *s);
/* A table of doubles; returns its name, or "NULL" where there are none. */
const char *real_list(Emit *e, Ct *out, const char *name, const double *x, int n);
/* Enumerators for the offsets of parameters, and of all that e->graph stores. */
void parameter_map(Emit *e, Ct *out, bool training);
void memory_map(Emit *e, Ct *out, const char *what);
/* The call that zeroes a tensor's border, if it has one. */
void clear_border(Emit *e, const Value *v);
/* The calls of the groups from..to of e->graph: those with skip[i] == invert, or all without `skip`. */
Ct *pass_body(Emit *e, int from, int to, const bool *skip, bool invert);
/* All functions of e->functions. */
void render_functions(Emit *e, Ct *out);
/* Takes the text over. */
void add_file(Arena *a, Output *out, const char *name, Str text);

#endif
