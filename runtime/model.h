/* model.h - the contract between an emitted model and the runtime: what a model.c says of itself.
 *
 * Layout. Every tensor of the model lives in one of four blocks that the runtime allocates (64-byte aligned):
 *   params   packed parameters, then statistics (batchnorm's running mean and variance)
 *   grads    gradients, packed exactly like the parameters (statistics have none)
 *   state    what the optimizer keeps: `state_slots` copies the size of the trainable parameters
 *   arena    activations and their gradients: `arena_sample` elements for each sample of the batch, then
 *            `arena_fixed` elements of workspace. A tensor of the plan at offset `o` begins at arena + o*n for a batch of n.
 * Sizes and offsets count elements of `real`, which is float; the gradient check compiles the same file with double. */
#ifndef NT_MODEL_H
#define NT_MODEL_H

#include "real.h"

#include <stddef.h>
#include <stdint.h>

enum { NT_ABI = 2 };

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
    NT_INIT_UNIFORM    /* in [-a, a) */
} nt_init_kind;

typedef struct nt_param {
    const char *name;     /* as in PyTorch's state_dict: layer1.0.conv1.weight */
    nt_role role;
    nt_layout layout;
    int disk_dims[4];     /* shape on disk, n_disk_dims of them: conv 4, dense 2, vectors 1 */
    int n_disk_dims;
    int out, in, kh, kw;  /* PANELS: out channels (of all groups), in channels of a group, window; VECTOR: out = length, the rest 1 */
    int groups, panel, out_padded; /* PANELS; VECTOR: 1, -, - */
    size_t offset;        /* first element in params (and, unless a statistic, in grads) */
    size_t elements;      /* as stored, padding included */
    nt_init_kind init;
    double init_a;        /* see nt_init_kind; already worked out from fan_in and fan_out by the compiler */
    int init_stream;      /* number of the parameter's own random stream */
    float decay;          /* factor on weight_decay: 1, or 0 for what does not decay */
} nt_param;

typedef struct nt_head {
    const char *name;     /* label of the output */
    int h, w, c;          /* shape; a vector is 1x1xc */
    size_t offset;        /* in the arena: of the forward pass in training / at inference */
    size_t infer_offset;  /* SIZE_MAX: infer() does not compute this head (an auxiliary one) */
    int stride_sample, stride_row, stride_pixel; /* elements between samples, rows, pixels; channels are contiguous */
    int loss;             /* index into losses of this head's first term, or -1 */
    int probabilities;    /* 1: infer() leaves probabilities here (the network ends in softmax), 0: values before any softmax */
} nt_head;

typedef enum nt_loss_kind { NT_LOSS_CROSS_ENTROPY, NT_LOSS_MSE } nt_loss_kind;

typedef struct nt_loss {
    nt_loss_kind kind;
    int head;
    double weight;
} nt_loss;

typedef enum nt_source_kind {
    NT_SOURCE_NONE, NT_SOURCE_IDX, NT_SOURCE_CSV, NT_SOURCE_IMAGES, NT_SOURCE_NPY, NT_SOURCE_CIFAR, NT_SOURCE_SPIRAL
} nt_source_kind;

typedef enum nt_normalize {
    NT_NORM_NONE,
    NT_NORM_CENTER_IMAGE,   /* minus the mean image */
    NT_NORM_CENTER_CHANNEL, /* minus the mean of each channel */
    NT_NORM_STANDARDIZE,    /* minus the mean, over the standard deviation, of each channel (images) or each feature (vectors) */
    NT_NORM_SCALE,          /* times norm_scale */
    NT_NORM_GIVEN           /* minus given_mean, over given_std, each channel */
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

typedef struct nt_data_config {
    nt_source_kind source;
    const char *path;       /* folder or file, NULL for spiral */
    const char *label;      /* csv: name of the label column, or NULL: the last one */
    int spiral_classes, spiral_points; /* spiral(classes=3, points=100) */
    double spiral_noise;
    double validation_share; /* 0..1 of the training set, used when validation_count is 0 */
    int64_t validation_count;
    nt_normalize normalize;
    double norm_scale;
    const double *given_mean, *given_std;
    int n_given;
    const nt_augment *augment;
    int n_augment;
    const char *const *classes; /* names, or NULL */
    int n_classes;
} nt_data_config;

typedef enum nt_schedule_kind { NT_SCHED_CONSTANT, NT_SCHED_STEP, NT_SCHED_PIECEWISE, NT_SCHED_COSINE } nt_schedule_kind;
typedef enum nt_clip_kind { NT_CLIP_NONE, NT_CLIP_NORM, NT_CLIP_VALUE } nt_clip_kind;

typedef struct nt_train_config {
    const char *optimizer;   /* for messages: "sgd", "momentum", "nesterov", "adam" */
    double lr, weight_decay;
    nt_schedule_kind schedule;
    int schedule_per_step;   /* 1: counted in steps, 0: in epochs */
    double step_every, step_factor;
    const double *piece_at, *piece_lr; /* from piece_at[i] on the rate is piece_lr[i+1]; before piece_at[0] it is piece_lr[0] */
    int n_pieces;            /* elements of piece_at; piece_lr has one more */
    double cosine_final;     /* rate at the end, as a share of lr */
    int batch, epochs;
    nt_clip_kind clip;
    double clip_at;
    int patience;            /* early stopping: epochs without a better validation loss; 0: off */
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

/* Time that a pass's steps take: each is the difference to the step before. */
typedef struct nt_laps {
    double began;            /* nt_seconds() */
    double *seconds;         /* a value for each of nt_model's costs; those of the pass are written */
} nt_laps;

/* What one pass over a batch needs and gives. One is shared by all threads of the team. */
typedef struct nt_pass {
    int n;                   /* samples in this batch */
    real *params, *grads, *state, *arena;
    const real *input;       /* n samples of h*w*c values, dense, height-width-channel */
    const int32_t *labels;   /* n class indices, for cross_entropy; or NULL */
    const real *targets;     /* n dense vectors, for mse; or NULL: one-hot of labels */
    uint64_t seed, step;     /* keys of the random streams (dropout) of this step */
    int random;              /* 0: dropout passes everything on (gradient, gradcheck) */
    real *loss_sample;       /* n values, written by the training pass: each sample's weighted loss */
    double lr;               /* for update: this step's rate */
    double clip_scale;       /* for update: factor on every gradient, 1 without clipping */
    double clip_value;       /* for update: limit on each gradient's size, 0 without */
    uint64_t update_step;    /* for update: 1 at the first update (adam's bias correction) */
    double decay_scale;      /* for update: factor on weight decay: 1, or 0 to train without it */
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
    size_t trainable_elements; /* of params that are not statistics: they come first */
    size_t params_elements;    /* with statistics */
    int state_slots;
    size_t arena_sample, arena_fixed; /* training */
    size_t infer_sample, infer_fixed;
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
    const nt_data_config *data;   /* never NULL: source NONE without a data section */
    const nt_train_config *train_config;
} nt_model;

#endif
