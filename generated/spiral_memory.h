/* spiral: where parameters and tensors lie, and what its two files share. Made by netc; do not edit. */
#ifndef SPIRAL_MEMORY_H
#define SPIRAL_MEMORY_H

#include "runtime/emitted.h"

/* Parameters, packed: offsets in elements. What is trained comes first, ranges of one rate and decay each in one
 * piece; then what is frozen, then statistics. */
enum {
    P_HIDDEN_WEIGHT = 0,
    P_HIDDEN_BIAS = 1008,
    P_OUT_WEIGHT = 208,
    P_OUT_BIAS = 1120,
    P_TRAINABLE = 1136,
    P_ALL = 1136
};

/* Memory map of training: offsets in elements, times the batch. What shares a place is never alive at the same step;
 * steps are the groups in order of execution. */
enum {
    T7_HIDDEN_RELU = 0, /* 100, steps 0..6 */
    T14_D_HIDDEN = 0, /* 100, steps 4..6, in place */
    T4_INPUT = 112, /* 2, steps 0..5 */
    T17_D_INPUT = 112, /* 2, steps 6..6 */
    T9_OUT = 128, /* 3, steps 1..6 */
    T10_D_OUT = 144, /* 3, steps 2..4 */
    T_SAMPLE = 160
};

/* Vectors and workspaces of training that do not grow with the batch: offsets behind the samples. */
enum {
    T18_D_HIDDEN_RELU_WORK = 0, /* 256 values, steps 4..4 */
    T19_D_INPUT_WORK = 0, /* 3328 values, steps 6..6 */
    T_FIXED = 3328
};

/* Memory map of inference: offsets in elements, times the batch. What shares a place is never alive at the same
 * step; steps are the groups in order of execution. */
enum {
    I7_HIDDEN_RELU = 0, /* 100, steps 0..1 */
    I4_INPUT = 112, /* 2, steps 0..0 */
    I9_OUT = 112, /* 3, steps 1..1 */
    I_SAMPLE = 128
};

/* Vectors and workspaces of inference that do not grow with the batch: offsets behind the samples. */
enum {
    I_FIXED = 0
};

/* A program holds both files twice: in float to train, in double to check gradients. */
#ifdef NT_DOUBLE
#define MODEL spiral_double_model
#define run_backward spiral_double_backward
#define run_input_gradient spiral_double_input_gradient
#else
#define MODEL spiral_model
#define run_backward spiral_backward
#define run_input_gradient spiral_input_gradient
#endif
extern const nt_model MODEL;

/* In spiral_backward.c. */
void run_backward(const nt_pass *p);
void run_input_gradient(const nt_pass *p);

#endif
