/* op.h - what an operator is: one const OpDef, in one file of ops/, holds everything the compiler knows of it.
 *
 * A language operator (documented) has attributes, a shape rule, parameters, counts and `build`, which adds graph nodes. A graph operator has
 * a gradient rule (which builds more nodes), a naive evaluation (the test oracle, in double) and emission. Many are
 * both; backward kernels are graph operators only. The registry (op_registry) is generated from the files. */
#ifndef NETC_OP_H
#define NETC_OP_H

#include "graph.h"
#include "target.h"

typedef enum AttrType {
    ATTR_INT,    /* int64_t */
    ATTR_REAL,   /* double; integers and percentages are accepted */
    ATTR_REAL_OR_AUTO, /* double; 0 is the word auto, which min keeps apart */
    ATTR_BOOL,   /* bool */
    ATTR_SIZE2,  /* Size2: HxW, or a number for both */
    ATTR_WINDOW, /* Window: HxW, a number, or `global` */
    ATTR_PAD,    /* Pad: HxW, a number, or `same` */
    ATTR_SHAPE,  /* Shape: HxWxC, a number, or a list */
    ATTR_CHOICE, /* int: index into choices */
    ATTR_INIT,   /* InitSpec */
    ATTR_STRING, /* const char *: a string */
    ATTR_COLUMN, /* const char *: a name, a string, or a number from 0 (kept as text) */
    ATTR_REALS,  /* Reals: a list of numbers */
    ATTR_NAMES,  /* Names: a list of labels, and of patterns in quotes */
    ATTR_LEARNT, /* Learnt: a number, or `learn` */
    ATTR_RATE    /* double; of a range, its middle, with the Range at `range_offset` */
} AttrType;

typedef struct Size2 {
    int64_t h, w;
} Size2;
typedef struct Window {
    int64_t h, w;
    bool global;
} Window;
typedef struct Pad {
    int64_t h, w;
    bool same;
} Pad;

typedef struct Reals {
    double *items;
    int n;
} Reals;

/* What parameters are chosen by: labels, and patterns of them. */
typedef struct Names {
    const char **items;
    Loc *locs;
    int n;
} Names;

typedef struct Learnt {
    double value; /* unless learnt */
    bool learnt;
} Learnt;

/* What `search` draws a number from: log(from, to), uniform(from, to), or choice(values ...). */
typedef enum RangeKind { RANGE_NONE, RANGE_LOG, RANGE_UNIFORM, RANGE_CHOICE } RangeKind;
typedef struct Range {
    RangeKind kind;      /* NONE: it is a plain number */
    double from, to;     /* from < to, of LOG above 0 */
    Reals values;        /* of CHOICE, rising */
} Range;
/* What stands for the range where one number is needed: sqrt(from * to), (from + to) / 2, the middle value or the one above the
 * middle. It is above 0 where the range is not below. */
double range_middle(const Range *r);
extern const char *const range_names[]; /* by RangeKind */

typedef struct AttrDef {
    const char *name;
    AttrType type;
    size_t offset;       /* in the attrs struct */
    size_t range_offset; /* RATE: of its Range */
    bool positional;     /* positional arguments fill these in order */
    bool required;
    const char *standard; /* default as the user would write it; NULL with !required: left zero and `given` is false */
    double min, max;     /* numbers must lie in [min, max]; both 0: no limits; sizes: each part */
    const char *const *choices; /* NULL-terminated, for CHOICE */
    bool hidden;         /* not the user's to set: filled in by build */
    const char *doc;
} AttrDef;

/* Everything a rule may ask when a layer is being made; errors go to the diagnostics at the right place. */
typedef struct LayerCtx {
    Arena *arena;
    Diags *diags;
    Net *net;
    Layer *layer;        /* op, attrs, inputs, in are set */
    const Loc *attr_locs; /* where each attribute was written; file -1: a default */
} LayerCtx;

/* An error at the operator (or at attribute `attr`, by name, where it was written), with the call chain. */
Diag *layer_error(LayerCtx *cx, const char *attr, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* "note: conv1 gives 55x55x96: ..." for an input of the layer. */
void layer_note_input(LayerCtx *cx, Diag *d, int input);
NetParam *layer_param(LayerCtx *cx, const char *suffix, ParamRole role, int64_t length, InitSpec init, bool decays);
NetParam *layer_param_panels(LayerCtx *cx, const char *suffix, int64_t out, int64_t in, int64_t kh, int64_t kw, int groups,
                             bool dense, InitSpec init);

/* Element-wise operators: C over simd.h, and the same for one element in double. Inputs are tensors of the result's shape, or
 * channel vectors (VALUE_PARAM, VALUE_CHANNEL). */
typedef struct EltDef {
    const char *code;   /* an expression of type vf: $0 $1 .. inputs, $alpha an attribute, $plane height*width of the result,
                           $index the number of the first lane's element in the batch */
    double (*eval)(const Node *n, const double *in, int batch); /* in[k]: the element of input k */
    const OpDef *dx;    /* gradient of a unary operator: element-wise, $0 what was saved, $1 the gradient of the result */
    bool from_output;   /* what is saved is the result, not the input */
    bool random;        /* its code uses the pass, for the keys of random streams */
} EltDef;

/* How a product's kernel is made, where that is measured or estimated: by its operator's cost model, or by `netc tune`. */
typedef struct Choice {
    int tile;   /* side of Winograd's output tiles, 2 or 4; 0: the direct sum */
    int blocks; /* -1 or 1: blocks of work half or twice as large as the target's rule says; 0: as it says */
    bool tuned; /* by a file, not by the model */
} Choice;

/* What a kernel executes, its tail apart: multiply-adds, and operations that take the place of one in the vector unit. Lanes that pad
 * channels count. `products` are those whose number the operator's `macs` gives for the direct sum; `others` is what an algorithm adds. */
typedef struct Arithmetic {
    const char *algorithm;  /* in a word or two, for tables: "direct", "Winograd 4x4" */
    double products, others; /* a sample */
    double fixed;            /* others, for a batch of any size */
    double work;             /* elements of its workspace that one part of the kernel writes and another reads */
} Arithmetic;

typedef struct Emit Emit;   /* emit/rules.h */
typedef struct Eval Eval;   /* interp.h: naive evaluation */

typedef enum Trait {
    OP_MERGE = 1 << 0,         /* takes branches or names; joins any number of inputs */
    OP_EPILOGUE = 1 << 1,      /* its kernel applies an element-wise tail to its first output */
    OP_SUMS_DY = 1 << 2,       /* can also give the channel sums of its second input (bias gradient), as a second output */
    OP_CHANNEL_SUM = 1 << 3,   /* sums its input over samples and pixels: an OP_SUMS_DY node may do it on the way */
    OP_SIDE_EFFECT = 1 << 4,   /* not removed when nobody reads it (losses, running statistics) */
    OP_FREE = 1 << 5,          /* in reports: has no memory of its own (views, what is fused) */
    OP_FLATTENS = 1 << 6,      /* changes only how a shape is seen */
    OP_LOSS = 1 << 7,          /* a loss of the train section */
    OP_LABELS = 1 << 8,        /* a loss of classes: it reads a vector of 2 values or more */
    OP_SOFTMAX = 1 << 9,       /* a softmax: a loss with OP_TAKES_SOFTMAX reads what it reads instead */
    OP_TAKES_SOFTMAX = 1 << 10,
    OP_TAKES_VOLUME = 1 << 11, /* reads a flattened vector as the volume that it was, in place */
    OP_SIGMOID = 1 << 12,      /* a sigmoid: a loss with OP_TAKES_SIGMOID reads what it reads instead */
    OP_TAKES_SIGMOID = 1 << 13,
    OP_PARTS = 1 << 14,        /* takes tensors apart by their channels: may be a view of its input */
    OP_PREPARES = 1 << 15      /* at inference its workspace is made of parameters alone */
} Trait;

struct OpDef {
    const char *name;
    const char *summary;   /* one line; NULL: a graph operator that users never name */
    const char *doc;       /* Markdown paragraph: formula, source, notes */
    const char *example;   /* a chain that compiles after input(8x8x4); of a loss, what the train section says */
    const char *kind;      /* heading of the reference: "layer", "activation", "merge", "loss" */
    const char *gradient_doc; /* one line: the derivative */
    unsigned traits;
    const AttrDef *attrs;  /* ends with name NULL; may be NULL */
    size_t attrs_size;

    /* language side */
    /* an operator that stands for others makes their layers and returns the last, or the input itself; *done is false if it is
     * a layer of its own after all */
    Layer *(*expand)(LayerCtx *cx, bool *done);
    bool (*shape)(LayerCtx *cx);      /* checks inputs, sets layer->out, declares parameters, sets macs; false: reported */
    void (*build)(Graph *g, Layer *l, Value **in); /* sets l->value */
    /* the arithmetic of the output's extent, for notes: "(227 + 2*0 - 11) / 4 + 1 = 55"; may be NULL */
    const char *(*why)(Arena *a, const Layer *l);

    /* graph side */
    const EltDef *elt;     /* set: element-wise */
    void (*gradient)(Autodiff *ad, Node *n);
    void (*halo)(const Node *n, int input, int *top, int *left, int *bottom, int *right); /* zero border wanted of an input */
    bool (*dense_pixels)(const Node *n, int input); /* true: reads that input with an unpadded pixel stride as well */
    int64_t (*work)(const Node *n, const Target *t); /* elements of workspace the kernel wants; NULL: none */
    Direction towards; /* of a product: forward, to its input, to its weights */
    double (*macs)(const Node *n); /* of a product: multiply-adds a sample, those with padding's zeros included; else NULL */
    /* what is executed of that; NULL: an operation for each element of its largest tensor */
    Arithmetic (*arithmetic)(const Node *n, const Target *t);
    void (*emit)(Emit *e, Node *n);   /* names kernels and their constants: emit/rules.h */
    void (*eval)(Eval *ev, const Node *n);
    const Choice *(*choice)(const Node *n); /* of a product; NULL: there is none */
    const char *algorithm; /* for explain: "implicit GEMM, direct" */
    const char *(*describe)(Arena *a, const Node *n, const Target *t); /* for explain: the constants chosen for its kernel */
};

/* ---- making layers (sema/expand.c) ---- */

/* A layer of `op` that reads `inputs`; its name and the prefix of its parameters are `path`. attrs is a filled attrs struct of the
 * operator. NULL: an error was reported. For operators that stand for several (shortcut). */
Layer *layer_make(LayerCtx *cx, const OpDef *op, const char *path, void *attrs, Layer **inputs, int n_inputs);
/* attrs of an operator with all defaults set. */
void *layer_default_attrs(LayerCtx *cx, const OpDef *op);
/* Sets one of them by name. */
void layer_set_int(const OpDef *op, void *attrs, const char *name, int64_t x);
void layer_set_bool(const OpDef *op, void *attrs, const char *name, bool x);
void layer_set_size(const OpDef *op, void *attrs, const char *name, int64_t h, int64_t w);

extern const OpDef *const op_registry[]; /* NULL-terminated; generated */
const OpDef *op_find(const char *name);  /* language operators only */

/* Element-wise operators share these: a layer of the input's shape; a node of the operator; a node of elt->dx. */
bool elt_shape(LayerCtx *cx);
void elt_build(Graph *g, Layer *l, Value **in);
void elt_gradient(Autodiff *ad, Node *n);

#endif
