/* graph.h - the two forms of a network behind the syntax tree.
 *
 * Net: what the user wrote, expanded: one Layer an operator instance, with its attributes evaluated, its shape inferred and its
 * parameters named. Reports are made of it.
 *
 * Graph: what is computed: nodes in order of execution, each with values in and out, single assignment. Built from a Net
 * for training (forward, losses, backward) or for inference; passes rewrite it; emission and the reference interpreter
 * read it. Shapes are per sample: the batch is never part of one. */
#ifndef NETC_GRAPH_H
#define NETC_GRAPH_H

#include "diag.h"

typedef struct OpDef OpDef;
typedef struct Layer Layer;
typedef struct Node Node;
typedef struct Value Value;

/* height x width x channels; a vector is 1x1xc with `vector` set. */
typedef struct Shape {
    int64_t h, w, c;
    bool vector;
} Shape;

int64_t shape_size(Shape s);                      /* elements; shapes are checked to stay below 2^31 */
bool shape_equal(Shape a, Shape b);
const char *shape_text(Arena *a, Shape s);        /* "55x55x96", or "4096" */

/* ---- parameters ---- */

typedef enum ParamRole { PARAM_WEIGHT, PARAM_BIAS, PARAM_STAT } ParamRole;

/* How initial values are drawn; worked out from the fans when the layer is made. */
typedef enum InitLaw { INIT_CONSTANT, INIT_NORMAL, INIT_UNIFORM, INIT_ORTHOGONAL, INIT_LSUV } InitLaw;
typedef struct InitSpec {
    const char *name; /* "he_normal"; NULL: not given */
    double value;     /* its argument */
    Loc loc;
} InitSpec;

typedef struct NetParam {
    const char *name;      /* layer1.0.conv1.weight */
    const char *suffix;    /* weight */
    ParamRole role;
    Layer *layer;
    bool panels;           /* a product's weights, stored in panels; else a plain vector of `out` values */
    int64_t out, in, kh, kw; /* weights: output channels of all groups, input channels of one group, window; vectors: out, 1, 1, 1 */
    int groups;
    bool dense;            /* disk shape [out][in*kh*kw] */
    int64_t fan_in, fan_out;
    InitSpec init;
    InitLaw law;           /* from init, by init_resolve() */
    double law_value;
    Value *probed;         /* of INIT_LSUV: the result of its layer, in the probing graph */
    bool decays;
    bool frozen;           /* keeps the value that it starts with; of a statistic: all parameters of its operator do */
    int group;             /* 1 + index into the config's groups; 0: the optimizer's own rate and decay */
    bool one_product;      /* nothing but one direct product reads it, whose gradient rule has it updated last: see at_once */
    int index;             /* in net->params */
    /* set by the layout pass, the same for every graph of a net and target */
    int panel;             /* panel width */
    int64_t out_padded;    /* of one group */
    int64_t elements;      /* stored */
    int64_t offset;        /* in the parameter block */
    bool at_once;          /* training takes the optimizer's step where the gradient is made, piece by piece: it is never stored whole */
} NetParam;

/* Whether training changes it by its gradient: it is neither frozen nor a statistic. */
bool param_is_trained(const NetParam *p);
struct Net;
/* Elements of the parameter block that are trained: its first ones. Pre: layout_params. */
int64_t net_trained_elements(const struct Net *net);
/* Those of them whose gradients training stores: the first ones; behind them is what is updated at once. */
int64_t net_gradient_elements(const struct Net *net);

/* ---- the expanded network ---- */

typedef struct CallFrame CallFrame;
struct CallFrame {         /* the chain of block calls that led here, innermost first */
    const char *block;
    Loc loc;
    CallFrame *outer;
};

struct Layer {
    int index;
    const OpDef *op;
    void *attrs;           /* op->attrs_size bytes */
    Loc loc;               /* the operator in the file */
    CallFrame *frame;
    const char *name;      /* full name: label, or made up as language.md says */
    const char *path;      /* prefix of its parameters; often the name itself */
    bool labelled;
    Layer **inputs;
    int n_inputs;
    Shape in, out;         /* of the first input; of the result */
    Shape held;            /* of its value in a graph: out, or the volume whose flattening it is (see held_shape) */
    NetParam **params;
    int n_params;
    int64_t macs;          /* a sample */
    bool is_output;
    int reads;             /* how many layers read it */
    int chain;             /* layers of one statement's chain share this number: for reports */
    Value *value;          /* while a graph is built: the value of its result */
};

typedef struct LossAttrs {
    double parameter;      /* the loss's argument, if it has one: smoothing, delta */
} LossAttrs;

typedef struct LossTerm {
    const OpDef *op;       /* an operator with the `loss` trait */
    LossAttrs *attrs;
    int head;              /* index into net->outputs */
    double weight;
    Loc loc;
} LossTerm;

struct Config;             /* config.h: the init, data and train sections */

/* Where a product's result goes. */
typedef enum Direction { FORWARD, TO_INPUT, TO_WEIGHTS } Direction;

struct Tuning;             /* tuning.h: choices that were measured */

typedef struct Net {
    Arena *arena;
    Diags *diags;
    const char *name;
    Loc loc;
    const char *file;      /* base name of the model file */
    Layer **layers;
    int n_layers, cap_layers;
    NetParam **params;
    int n_params, cap_params;
    Layer *input;
    Layer **outputs;
    const char **output_names; /* as output(...) calls them; a single output: its statement's label, or its layer's name */
    int n_outputs;
    struct Config *config;
    int64_t inference_batch; /* samples that inference is tuned for; 0: as many as training */
    LossTerm *losses;
    int n_losses;
    const struct Tuning *tuning; /* NULL: the compiler chooses by its own models */
} Net;

/* ---- the graph ---- */

typedef enum ValueKind {
    VALUE_TENSOR,  /* activations or their gradients: one `shape` a sample */
    VALUE_INDEX,   /* bytes, one `shape` a sample: which input a maximum came from */
    VALUE_PARAM,   /* a parameter or statistic */
    VALUE_GRAD,    /* the gradient of a parameter, stored like it */
    VALUE_CHANNEL, /* a vector of shape.c values for the whole batch (means, sums) */
    VALUE_WORK     /* workspace: `work_elements` values for the whole batch */
} ValueKind;

/* Where a tensor lies: distances in elements between samples, rows, pixels; channels are contiguous. */
typedef struct Layout {
    int64_t sample, row, pixel;
    int top, left, bottom, right; /* the zero border that readers want */
    int64_t channels;             /* padded */
} Layout;

struct Value {
    int id;
    ValueKind kind;
    Shape shape;
    const char *name;      /* conv1, d_conv1, bn1_mean */
    NetParam *param;       /* PARAM, GRAD */
    Node *def;             /* NULL: the network's input, parameters */
    Layer *layer;          /* whose result it is, or whose gradient */
    bool is_grad;          /* a gradient: padded lanes hold zeros */
    Value *grad;           /* of a forward result: its gradient, all contributions added; NULL: none */
    int64_t work_elements;
    Value *base;           /* by layout: a slice of the channels of another tensor, from base_channel on; else NULL */
    int64_t base_channel;
    Value *in_place_of;    /* shares the memory of this one */
    Layout layout;
    int64_t offset;        /* in its block, elements (times the batch for tensors and indices) */
    int first, last;       /* steps of the schedule between which it is alive */
    bool keep;             /* an output: alive to the end */
    bool lasts;            /* by plan: made of parameters alone, and alive from one pass to the next: see Graph.lasting */
    bool stored;           /* has memory: some other group reads it; else it lives in registers */
    int uses;              /* number of reading nodes, by graph_count_uses() */
};

typedef enum Phase { PHASE_FORWARD, PHASE_LOSS, PHASE_BACKWARD } Phase;

struct Node {
    int id;
    const OpDef *op;
    Layer *layer;
    Phase phase;
    void *attrs;
    Value **in;
    int n_in;
    Value **out;
    int n_out;
    bool dead;
    int group;             /* by fuse: index into graph->groups */
    Value *work;           /* its workspace, by layout */
    const Node *again_of;  /* a copy of a forward node, made by recompute for the backward pass; else NULL */
    int burst;             /* of a copy: the same number for all that were made for one reader, from 1 on */
    const char *why_alone; /* element-wise and not fused: the reason, for explain */
};

enum { GROUP_ARRAYS = 64 }; /* a group's tail reads and writes at most so many */

/* Nodes that run as one function: an anchor (a kernel, or NULL: a loop over the elements) and the element-wise tail applied
 * to each of its results before it is stored. */
typedef struct Group {
    Node *anchor;
    Node **tail;
    int n_tail, cap_tail;
    int arrays;            /* that the tail may read or write */
    int step;              /* position in the schedule */
    int lap;               /* by emission: number of its step in the emitted table of costs */
} Group;

/* What the backward pass computes again instead of finding it in memory. */
typedef struct Recompute {
    const bool *again; /* by id of a forward node: its results are not kept for the backward pass; NULL: all are */
    int reach;         /* copies with more than so many products between them and what the backward pass reads are not kept either: only
                          those of products are */
} Recompute;

typedef struct Graph {
    Arena *arena;
    Net *net;
    bool training;
    bool probe;            /* the forward pass of training alone, as far as lsuv measures */
    bool input_gradient;   /* is wanted */
    bool lasting;          /* what is made of parameters alone stays for the passes that follow (nt_pass.prepared) */
    const Recompute *recompute; /* for the pass of that name; NULL: everything is kept */
    Value **values;
    int n_values, cap_values;
    Node **nodes;
    int n_nodes, cap_nodes;
    Group **groups;        /* in order of execution, after fuse */
    int n_groups, cap_groups;
    Value *input, *d_input;
    Value **outputs;       /* one a head; at inference the first only, the others are NULL */
    Value **param_values;  /* by net->params index */
    Value **param_grads;
    int forward_groups;    /* groups before the first of the backward phase */
    int64_t sample_elements, fixed_elements; /* by plan */
    int64_t unplanned_sample, unplanned_fixed;
    Phase phase;           /* of nodes being added */
    Layer *layer;          /* of nodes being added */
} Graph;

/* ---- building ---- */

Value *graph_tensor(Graph *g, Shape shape, const char *name);
Value *graph_value(Graph *g, ValueKind kind, Shape shape, const char *name);
Value *graph_work(Graph *g, int64_t elements, const char *name);
Value *graph_param(Graph *g, NetParam *p);
Value *graph_param_grad(Graph *g, NetParam *p);
/* A node with n_in inputs; outputs are added with node_output. attrs may be NULL. */
Node *graph_node(Graph *g, const OpDef *op, const void *attrs, Value *const *in, int n_in);
void node_output(Graph *g, Node *n, Value *v);
/* A node with one tensor result. */
Value *graph_apply(Graph *g, const OpDef *op, const void *attrs, Value *const *in, int n_in, Shape shape, const char *name);
/* The tensor that a slice is part of; the value itself if it is none. */
Value *value_root(Value *v);
/* The value as the language sees it: a volume that was flattened is copied into a plain vector, channel by channel. */
Value *graph_as_written(Graph *g, Shape shape, Value *v);
/* "training", "inference" or "measuring", for people. */
const char *graph_purpose(const Graph *g);
/* Counts the readers of each value among nodes that are not dead. */
void graph_count_uses(Graph *g);

/* The graph of a checked network: forward; with `training` also losses, backward and the gradient of the input. That one is left out
 * where frozen parameters lie between the input and what is trained: only for it would the backward pass go through them, and what they
 * need for it would be kept. */
Graph *graph_build(Net *net, bool training);
/* Whether a parameter's initial values depend on data (INIT_LSUV); and, if so, the graph that measures for it: the forward part as in
 * training, with the results of such layers kept to the end. It must be the last graph that is built. */
bool net_has_lsuv(const Net *net);
Graph *graph_build_probe(Net *net);

/* Reverse-mode differentiation of the forward part (autodiff.c). */
typedef struct Autodiff Autodiff;
void autodiff(Graph *g);
/* For gradient rules: the gradient of a node's output (NULL: none reaches it), whether an input wants one, and handing it one. */
Value *grad_of(Autodiff *ad, Value *v);
bool grad_wanted(Autodiff *ad, Value *v);
void grad_add(Autodiff *ad, Value *v, Value *contribution);
Graph *grad_graph(Autodiff *ad);

/* Whether a node can be computed a second time: it has no side effect, and its results are tensors that nobody wants kept. */
bool node_repeatable(const Node *n);

/* Bytes that are read and written, a sample, each tensor once and without padding: by an operator run by itself; by a group, whose values
 * in registers cost nothing. And what the group reads of parameters and writes of their gradients, which is for the whole batch. */
double node_traffic(const Node *n);
double group_traffic(const Group *g);
double group_parameter_traffic(const Group *g);

/* Ends the compiler with the list of broken rules if the graph is not well formed (called between passes). */
void graph_verify(const Graph *g, const char *after);
/* A line a node: its phase, results (with their places once they are planned), operator, inputs, and its group once it has one. */
void graph_dump(const Graph *g, Str *out);

#endif
