/* model.h - the contract between an emitted model and the runtime: what a model.c says of itself.
 *
 * Layout. Every tensor of the model lives in one of four blocks that the runtime allocates (64-byte aligned):
 *   params   packed parameters: those that are trained, then frozen ones, then statistics (batchnorm's running mean and variance)
 *   grads    gradients, packed exactly like the parameters that are trained (the others have none); of those that are used up where
 *            they are made, which come last, only where a command looks at them
 *   state    what the optimizer keeps: `state_slots` copies the size of the gradients
 *   arena    activations and their gradients: `arena_sample` elements for each sample of the batch, then
 *            `arena_fixed` elements of workspace. A tensor of the plan at offset `o` begins at arena + o*n for a batch of n.
 * Sizes and offsets count elements of `real`, which is float; the gradient check compiles the same file with double. */
#ifndef NT_MODEL_H
#define NT_MODEL_H

#include "real.h"

#include <stddef.h>
#include <stdint.h>

enum { NT_ABI = 6 };

/* How a parameter is stored in memory.
 *   NT_VECTOR  `out` values, in order (bias, batchnorm's vectors, prelu's slopes).
 *   NT_PANELS  a convolution's or dense layer's weights. Disk: [out][in_group][kh][kw] as in PyTorch (a dense layer that reads
 *              a volume is a convolution whose window is the whole volume). Memory: for each group, panels of `panel` output channels
 *              (the last may be narrower); a panel holds k = kh*kw*in_group rows of its width, ordered kernel row, kernel column,
 *              input channel; output channels are padded with zeros to `out_padded` a group.  See nt_param_index(). */
typedef enum nt_layout { NT_VECTOR, NT_PANELS } nt_layout;

typedef enum nt_role { NT_WEIGHT, NT_BIAS, NT_STAT } nt_role;

typedef enum nt_init_kind {
    NT_INIT_CONSTANT,  /* a */
    NT_INIT_NORMAL,    /* mean 0, standard deviation a */
    NT_INIT_UNIFORM,   /* in [-a, a) */
    NT_INIT_ORTHOGONAL, /* PANELS: of each group's matrix [out][in*kh*kw] the rows, or the columns if they are fewer, are orthogonal and
                           of length a */
    NT_INIT_LSUV       /* the same, then scaled by what data gives (lsuv.h) */
} nt_init_kind;

typedef struct nt_param {
    const char *name;     /* as in PyTorch's state_dict: layer1.0.conv1.weight */
    nt_role role;
    nt_layout layout;
    int disk_dims[4];     /* shape on disk, n_disk_dims of them: conv 4, dense 2, vectors 1 */
    int n_disk_dims;
    int out, in, kh, kw;  /* PANELS: out channels (of all groups), in channels of a group, window; VECTOR: out = length, the rest 1 */
    int groups, panel, out_padded; /* PANELS; VECTOR: 1, -, - */
    size_t offset;        /* first element in params (and, if it is trained, in grads) */
    size_t elements;      /* as stored, padding included */
    nt_init_kind init;
    double init_a;        /* see nt_init_kind; already worked out from fan_in and fan_out by the compiler */
    int init_stream;      /* number of the parameter's own random stream */
    double decay;         /* factor on weight_decay and l1: 1 unless its group has another, 0 for what does not decay */
    double lr_scale;      /* factor on the rate: 1 unless its group has another */
    int frozen;           /* 1: keeps the value it starts with; of a statistic: is used in training as well, and stays */
    int at_once;          /* 1: a training step may use up its gradient where it is made: see nt_gradients */
} nt_param;

typedef enum nt_output { NT_OUTPUT_VALUES, NT_OUTPUT_SOFTMAX, NT_OUTPUT_SIGMOID } nt_output;

typedef struct nt_head {
    const char *name;     /* label of the output */
    int h, w, c;          /* shape; a vector is 1x1xc */
    size_t offset;        /* in the arena: of the forward pass in training / at inference */
    size_t infer_offset;  /* SIZE_MAX: infer() does not compute this head (an auxiliary one) */
    int stride_sample, stride_row, stride_pixel; /* elements between samples, rows, pixels; channels are contiguous */
    int loss;             /* index into losses of this head's first term, or -1 */
    nt_output output;     /* what the values that infer() leaves here have been through */
} nt_head;

typedef enum nt_loss_kind {
    NT_LOSS_CROSS_ENTROPY,        /* softmax and log-likelihood; parameter: smoothing */
    NT_LOSS_BINARY_CROSS_ENTROPY, /* sigmoid and log-likelihood of each value */
    NT_LOSS_MSE,                  /* half the sum of squares */
    NT_LOSS_SQUARED_ERROR,        /* the sum of squares */
    NT_LOSS_HUBER,                /* parameter: delta */
    NT_LOSS_SMOOTH_L1             /* parameter: delta */
} nt_loss_kind;

typedef struct nt_loss {
    nt_loss_kind kind;
    int head;
    double weight;
    double parameter; /* see nt_loss_kind; else 0 */
} nt_loss;

typedef enum nt_source_kind {
    NT_SOURCE_NONE, NT_SOURCE_IDX, NT_SOURCE_CSV, NT_SOURCE_IMAGES, NT_SOURCE_NPY, NT_SOURCE_CIFAR, NT_SOURCE_SPIRAL,
    NT_SOURCE_ROAD
} nt_source_kind;

typedef enum nt_normalize {
    NT_NORM_NONE,
    NT_NORM_CENTER_IMAGE,   /* minus the mean image */
    NT_NORM_CENTER_CHANNEL, /* minus the mean of each channel */
    NT_NORM_STANDARDIZE,    /* minus the mean, over the standard deviation, of each channel (images) or each feature (vectors) */
    NT_NORM_SCALE,          /* times norm_scale */
    NT_NORM_GIVEN,          /* minus given_mean, over given_std, each channel */
    NT_NORM_WHITEN          /* minus the mean of each value, times a matrix: whiten.h */
} nt_normalize;

/* What each does, and with which of its numbers, is in augment.h. */
typedef enum nt_augment_kind {
    NT_AUG_SHIFT, NT_AUG_MIRROR, NT_AUG_CROP, NT_AUG_ROTATE, NT_AUG_SCALE, NT_AUG_SHEAR, NT_AUG_DISTORT, NT_AUG_BLUR, NT_AUG_COLOR,
    NT_AUG_NOISE
} nt_augment_kind;

typedef struct nt_augment {
    nt_augment_kind kind;
    int pixels;
    double amount, sigma;
} nt_augment;

enum { NT_MOST_FOLDS = 100, NT_MOST_MEMBERS = 100 };

typedef struct nt_data_config {
    nt_source_kind source;
    const char *path;       /* folder or file, NULL for spiral */
    const char *label;      /* csv: name of the label column, or NULL: the last one */
    int spiral_classes, spiral_points; /* spiral(classes=3, points=100) */
    double spiral_noise;
    int road_images;        /* road(images=200, replace=15): pictures there are at a time ... */
    int road_replace;       /* ... and how many of them give way to new ones after each epoch */
    double validation_share; /* 0..1 of the training set, used when validation_count is 0 */
    int64_t validation_count;
    int validation_auto;    /* 1: 10,000 samples or a tenth, whichever is less */
    int folds;              /* above 0: one of so many parts, in turn */
    double hard_examples;   /* share of an epoch that is drawn by the samples' losses */
    nt_normalize normalize;
    double norm_scale;
    int whiten_pca;         /* 1: PCA, 0: ZCA */
    double whiten_eps;
    const double *given_mean, *given_std;
    int n_given;
    const nt_augment *augment;
    int n_augment;
    const char *const *classes; /* names, or NULL */
    int n_classes;
} nt_data_config;

/* The settings of training. Kinds and members are called as the language calls forms and arguments; which members count follows from
 * the kind. Formulas: schedule.h, course.h. */
typedef enum nt_unit { NT_EPOCHS, NT_STEPS } nt_unit;

typedef enum nt_schedule_kind {
    NT_SCHEDULE_CONSTANT, NT_SCHEDULE_POWER, NT_SCHEDULE_EXPONENTIAL, NT_SCHEDULE_STEP, NT_SCHEDULE_PIECEWISE, NT_SCHEDULE_COSINE,
    NT_SCHEDULE_ONE_CYCLE, NT_SCHEDULE_PLATEAU, NT_SCHEDULE_WARMUP, NT_SCHEDULE_LINEAR
} nt_schedule_kind;

typedef struct nt_schedule {
    nt_schedule_kind kind;
    nt_unit per;             /* what time is counted in */
    double s;                /* POWER, EXPONENTIAL */
    int64_t every;           /* STEP */
    double factor;           /* STEP, PLATEAU */
    const double *at, *values; /* PIECEWISE: from at[i] on it is values[i+1]; before at[0] it is values[0] */
    int n_at, n_values;
    double final;            /* COSINE, ONE_CYCLE: the last rate as a share of lr */
    double peak, low, rest;  /* ONE_CYCLE */
    int64_t patience;        /* PLATEAU, in epochs */
    double lowest;           /* PLATEAU */
    double length, to;       /* WARMUP, LINEAR */
} nt_schedule;

typedef enum nt_batch_kind { NT_BATCH_FIXED, NT_BATCH_ALL, NT_BATCH_GROW } nt_batch_kind;

typedef struct nt_batch_plan {
    nt_batch_kind kind;
    int64_t first, last, every; /* GROW: every so many epochs times factor, rounded, from first up to last */
    double factor;
} nt_batch_plan;

typedef enum nt_clip_kind { NT_CLIP_NONE, NT_CLIP_NORM, NT_CLIP_VALUE, NT_CLIP_SIGN } nt_clip_kind;

/* VALUE and SIGN are compiled into the update; NORM is the engine's work. */
typedef struct nt_clip {
    nt_clip_kind kind;
    double limit;            /* NORM: 0 for `multiple` times the running median of the norm; VALUE */
    double multiple, size;
} nt_clip;

typedef enum nt_noise_kind { NT_NOISE_NONE, NT_NOISE_ANNEALED } nt_noise_kind;

typedef struct nt_gradient_noise {
    nt_noise_kind kind;
    double eta, gamma;       /* variance eta / (1 + step)^gamma */
} nt_gradient_noise;

typedef enum nt_stop_kind { NT_STOP_PATIENCE, NT_STOP_ERROR_CHANGE, NT_STOP_WEIGHT_CHANGE, NT_STOP_GRADIENT_NORM } nt_stop_kind;

typedef struct nt_stop {
    nt_stop_kind kind;
    int64_t epochs, window, then; /* then: epochs that are still run once it strikes, their rate times factor */
    double min_delta, rho, below, factor;
    int relative;
} nt_stop;

/* Where probe() leaves the result of the layer that a parameter of NT_INIT_LSUV belongs to. */
typedef struct nt_probe {
    int param;            /* index into params */
    int h, w, c;
    size_t offset;        /* in the arena, times the batch; then `inside` elements on is the first */
    int inside;
    int stride_sample, stride_row, stride_pixel;
} nt_probe;

/* What training starts from: nothing where path is NULL. The rules are in start.h. */
typedef struct nt_start {
    const char *path;
    const char *const *except; /* names and patterns of what starts as it would without the file */
    int n_except;
    int partial;               /* 1: takes what fits and leaves the rest */
} nt_start;

/* What of the optimizer the command line may change, and `search` looks for. The others are constants of the emitted code. */
typedef enum nt_rate { NT_RATE_LR, NT_RATE_MOMENTUM, NT_RATE_WEIGHT_DECAY, NT_RATE_L1, NT_RATES } nt_rate;

typedef enum nt_range_kind { NT_RANGE_LOG, NT_RANGE_UNIFORM, NT_RANGE_CHOICE } nt_range_kind;

/* Where a rate is looked for: log(from, to), uniform(from, to) or choice(values ...). */
typedef struct nt_range {
    nt_rate rate;
    nt_range_kind kind;
    double from, to;         /* LOG: above 0 */
    const double *values;    /* CHOICE, rising */
    int n_values;
} nt_range;

typedef struct nt_train_config {
    const char *optimizer;   /* for messages: "sgd", "momentum", "nesterov", "adam" ... */
    double lr, momentum, weight_decay, l1; /* of a range, its middle */
    const nt_range *ranges;  /* in the order of nt_rate */
    int n_ranges;
    nt_schedule schedule, momentum_schedule;
    nt_schedule warmup;      /* before the schedule; kind CONSTANT: none */
    int batch, epochs;       /* batch: the largest that the file names */
    nt_batch_plan batch_plan;
    nt_clip clip;
    nt_gradient_noise gradient_noise;
    const nt_stop *stops;    /* early stopping: the first that strikes counts */
    int n_stops;
    int64_t memory;          /* bytes that the four blocks may take in training; 0: no limit */
    double disturb_label;    /* share of the training samples that get a random label */
    nt_start start;
    uint64_t seed;
    int metric_accuracy, top_k; /* top_k 0: not asked for */
} nt_train_config;

/* The passes as `bench --per-layer` tells them apart: nt_model's train() is the first three, gradient() runs four. */
typedef enum nt_phase {
    NT_FORWARD, NT_LOSS, NT_BACKWARD, NT_INPUT_GRADIENT, NT_UPDATE, NT_INFERENCE
} nt_phase;

/* A step: one function of a pass with what it calls before it (borders, packing of weights). What it costs, without padding. */
typedef struct nt_cost {
    nt_phase phase;
    const char *layer;       /* its label: layer1.0.conv1 */
    const char *what;        /* operators, the kernel's first: "conv + bias + relu" */
    const char *shape;       /* the layer's: "56x56x64 -> 56x56x64" */
    const char *how;         /* the kernel's algorithm and constants, or "" */
    double macs;             /* a sample; 0 where the step is no product */
    double bytes_sample;     /* of tensors, read and written, each once: a sample */
    double bytes_fixed;      /* of parameters, their gradients and the optimizer's state */
} nt_cost;

/* Time that a pass's steps take: each is the difference to the step before. Or, with `look`, a look at what they leave. */
typedef struct nt_laps {
    double began;            /* nt_seconds() */
    double *seconds;         /* a value for each of nt_model's costs; those of the pass are written */
    void (*look)(void *context, int step); /* called after each step by one thread, while the others wait; or NULL: times are taken */
    void *context;
} nt_laps;

/* Where a tensor lies right after the step that makes it; another one may take its place later. */
typedef struct nt_place {
    int step;             /* index into costs */
    int h, w, c;
    size_t offset;        /* in the arena of training, times the batch; then `inside` elements on is the first */
    int inside;
    int stride_sample, stride_row, stride_pixel;
} nt_place;

/* A result of the forward pass in training that is written to memory, with its gradient. */
typedef struct nt_watched {
    const char *layer;    /* label of the layer that the step begins with: conv1 */
    const char *what;     /* operators of the language up to here: "conv + relu" */
    const char *acted;    /* the last of them that is not random: "relu" */
    nt_place result;
    const char *gradient_of; /* the result whose gradient follows: relu1, or conv1 where only its gradient is written; NULL: none is */
    nt_place gradient;
} nt_watched;

/* What becomes of the gradients of parameters that are marked at_once, large weights of dense layers. */
typedef enum nt_gradients {
    NT_GRADIENTS_KEPT,    /* they are stored, like all others; update() takes their step */
    NT_GRADIENTS_USED,    /* train() takes the step of these parameters as it goes backward, if the loss is finite; update() takes the others' */
    NT_GRADIENTS_LEFT_OUT /* they are not worked out, nor are those of these layers' biases: of a look at the layers' results */
} nt_gradients;

/* What one pass over a batch needs and gives. One is shared by all threads of the team. */
typedef struct nt_pass {
    int n;                   /* samples in this batch */
    real *params, *grads, *state, *arena;
    const real *input;       /* n samples of h*w*c values, dense, height-width-channel */
    const int32_t *labels;   /* n class indices; or NULL, with targets */
    const real *targets;     /* n dense vectors or volumes; or NULL: one-hot of labels */
    uint64_t seed, step;     /* keys of the random streams (dropout) of this step */
    int random;              /* 0: dropout passes everything on (gradient, gradcheck) */
    real *loss_sample;       /* n values, written by the training pass: each sample's weighted loss */
    double lr, momentum;     /* for update: this step's rate and momentum */
    double clip_scale;       /* for update: factor on every gradient, 1 without clipping by the norm */
    double noise;            /* for update: standard deviation of the gradient's noise, if the model has it */
    uint64_t update_step;    /* for update: 1 at the first update (adam's bias correction) */
    double decay_scale, l1_scale; /* for update: factors on weight decay and l1: 1, 0 to train without them, or what
                                   * makes of them what the command line asks for */
    int prepared;            /* for infer: n, if the pass before was infer too, with as many samples and the same parameters, so that
                              * what it made of these alone is still in the arena; 0: it is made again */
    nt_gradients gradients;  /* unless KEPT, grads has room for nt_model's gradient_elements only */
    double *squares;         /* of USED: where to leave n_squares sums of squares that make up these gradients; NULL: nowhere */
    nt_laps *laps;           /* where to note the time of each step; NULL: nowhere */
} nt_pass;

/* The passes are called by every thread of an OpenMP team (orphaned worksharing inside), or by one thread alone. */
typedef struct nt_model {
    int abi;                 /* NT_ABI */
    const char *name;        /* of the network */
    const char *file;        /* base name of the .net file */
    const char *target;      /* "avx2" */
    const char *hash;        /* of the architecture, 16 hex digits */
    int input_h, input_w, input_c; /* a vector is 1x1xc */
    const nt_param *params;
    int n_params;
    size_t trainable_elements; /* of params that are trained: they come first */
    size_t gradient_elements;  /* of these, those whose gradients training stores: they come first */
    size_t n_squares;          /* sums that train() leaves of the squares of the other gradients */
    size_t params_elements;    /* with statistics */
    int state_slots;           /* the optimizer's, and with the stopping rule weight_change a last one, for the weights it compares with */
    size_t arena_sample, arena_fixed; /* training */
    size_t infer_sample, infer_fixed;
    int64_t most_samples;    /* the largest batch whose pixels the kernels can count; 0: any */
    const nt_head *heads;    /* the first is the main one */
    int n_heads;
    const nt_loss *losses;
    int n_losses;
    int64_t parameters;      /* without padding */
    double macs_forward;     /* a sample */
    double flops_step;       /* of a training step, a sample: forward and backward products, 2 a MAC */
    size_t input_grad;       /* offset of the input's gradient in the arena after gradient(), SIZE_MAX where the pass has none */
    int input_grad_stride_sample, input_grad_stride_row, input_grad_stride_pixel;
    void (*train)(nt_pass *p);    /* forward in training mode, losses, backward: fills arena, grads, statistics, loss_sample */
    void (*gradient)(nt_pass *p); /* like train, with the input's gradient as well, and without touching running statistics */
    void (*loss)(nt_pass *p);     /* forward in training mode and losses only: loss_sample; running statistics untouched */
    void (*update)(nt_pass *p);   /* one optimizer step: params, state */
    void (*infer)(nt_pass *p);    /* forward at inference */
    const char *const *layer_names;  /* for NaN reports: names of the tensors in forward order */
    const size_t *layer_offsets;     /* their offsets in the training arena ... */
    const size_t *layer_elements;    /* ... and sizes a sample */
    int n_layers;
    const nt_cost *costs;         /* of the steps, in the order of nt_lap()'s numbers */
    int n_costs;
    double (*fma)(int rounds);    /* floating-point operations of so many rounds of fused multiply-adds in registers */
    void (*probe)(nt_pass *p);    /* forward in training mode, statistics untouched; NULL without probes */
    const nt_probe *probes;       /* in the order of the layers */
    int n_probes;
    size_t probe_sample, probe_fixed; /* the arena that probe() takes */
    const nt_watched *watched;    /* in forward order */
    int n_watched;
    const nt_data_config *data;   /* never NULL: source NONE without a data section */
    const nt_train_config *train_config;
} nt_model;

#endif
