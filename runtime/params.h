/* params.h - a model's memory: allocation, the order of parameters on disk and in memory, initial values. */
#ifndef NT_PARAMS_H
#define NT_PARAMS_H

#include <stdbool.h>

#include "error.h"
#include "model.h"

/* The gradient check holds a model in double next to the one in float: there params.c is compiled a second time. */
#ifdef NT_DOUBLE
#define nt_memory_init nt_d_memory_init
#define nt_memory_free nt_d_memory_free
#define nt_memory_bytes nt_d_memory_bytes
#define nt_param_count nt_d_param_count
#define nt_param_index nt_d_param_index
#define nt_param_pack nt_d_param_pack
#define nt_param_unpack nt_d_param_unpack
#define nt_params_initialise nt_d_params_initialise
#endif

/* The blocks of nt_pass. Those a command does not need stay NULL. */
typedef struct nt_memory {
    real *params, *grads, *state, *arena;
    size_t params_bytes, grads_bytes, state_bytes, arena_bytes; /* what was asked for, which is what the plan says */
    int batch;                                                  /* the largest n that the arena has room for */
    void *held[4];                                              /* what was allocated: a block may start behind it */
    int n_held;
} nt_memory;

typedef enum nt_purpose {
    NT_FOR_INFERENCE, /* params and the inference arena */
    NT_FOR_GRADIENT,  /* and grads, with the training arena */
    NT_FOR_TRAINING,  /* and the optimizer's state; of gradients those that a step stores */
    NT_FOR_STUDY      /* training with all gradients, for commands that look at them after a step */
} nt_purpose;

/* Allocates, zeroed, for batches of up to `batch` samples. False with the error set (how many bytes were asked for)
 * when there is not enough memory; then nothing is held. */
bool nt_memory_init(nt_memory *memory, const nt_model *model, int batch, nt_purpose purpose, nt_error *error);
void nt_memory_free(nt_memory *memory);
size_t nt_memory_bytes(const nt_memory *memory);

/* Whether training changes it by its gradient: the others have neither a gradient nor a state. */
static inline bool nt_param_is_trained(const nt_param *param)
{
    return param->role != NT_STAT && !param->frozen;
}

/* Values of a parameter on disk: the product of its disk_dims. */
size_t nt_param_count(const nt_param *param);

/* Where the value with index `disk` (0..nt_param_count, row-major over disk_dims) lies in memory, counted from
 * param->offset. */
size_t nt_param_index(const nt_param *param, size_t disk);

/* Copies one parameter between its packed place in `block` (params, grads, or a slot of state: whatever begins at the
 * element that `offset` counts from) and `disk`, which has nt_param_count values. Packing also zeroes the padding. */
void nt_param_pack(const nt_param *param, real *block, const float *disk);
void nt_param_unpack(const nt_param *param, const real *block, float *disk);

/* Initial values of all parameters and statistics. Each parameter draws from its own stream, keyed by the seed and its
 * init_stream, at the index a value has on disk: the values depend on neither packing, nor threads, nor on other
 * parameters. NT_INIT_LSUV is left orthogonal: see lsuv.h. False, with the error set, where there is not enough memory
 * to make a matrix orthogonal in. */
bool nt_params_initialise(const nt_model *model, uint64_t seed, real *params, nt_error *error);

#endif
