/* lenet5: where parameters and tensors lie, and what its two files share. Made by netc; do not edit. */
#ifndef LENET5_MEMORY_H
#define LENET5_MEMORY_H

#include "runtime/emitted.h"

/* Parameters, packed: offsets in elements. What is trained comes first, ranges of one rate and decay each in one
 * piece; then what is frozen, then statistics. */
enum {
    P_C1_WEIGHT = 0,
    P_C1_BIAS = 62512,
    P_C3_WEIGHT = 208,
    P_C3_BIAS = 62528,
    P_C5_WEIGHT = 2608,
    P_C5_BIAS = 62544,
    P_F6_WEIGHT = 50608,
    P_F6_BIAS = 62672,
    P_OUT_WEIGHT = 61168,
    P_OUT_BIAS = 62768,
    P_TRAINABLE = 62784,
    P_ALL = 62784
};

/* Memory map of training: offsets in elements, times the batch. What shares a place is never alive at the same step;
 * steps are the groups in order of execution. */
enum {
    T17_C3_TANH = 0, /* 10x10x16, steps 2..16 */
    T40_D_C3 = 0, /* 10x10x16, steps 14..16, in place */
    T45_D_C1 = 0, /* 28x28x6, steps 17..19 */
    T14_S2 = 1600, /* 14x14x6, steps 1..15 */
    T18_S4 = 3168, /* 5x5x16, steps 3..12 */
    T38_D_S4 = 3168, /* 5x5x16, steps 13..14 */
    T21_C5_TANH = 3568, /* 1x1x120, steps 4..13 */
    T35_D_C5 = 3568, /* 1x1x120, steps 11..13, in place */
    T24_F6_TANH = 3696, /* 84, steps 5..11 */
    T31_D_F6 = 3696, /* 84, steps 9..11, in place */
    T27_D_OUT = 3792, /* 10, steps 7..9 */
    T13_C1_TANH = 8192, /* 28x28x6, steps 0..17 */
    T48_D_INPUT = 8192, /* 28x28x1, steps 19..19 */
    T43_D_S2 = 14464, /* 14x14x6, steps 16..17 */
    T10_INPUT = 16032, /* 28x28x1, steps 0..18 */
    T26_OUT = 17056, /* 10, steps 6..19 */
    T_SAMPLE = 17072
};

/* Vectors and workspaces of training that do not grow with the batch: offsets behind the samples. */
enum {
    T49_D_F6_TANH_WORK = 0, /* 512 values, steps 9..9 */
    T50_D_C5_TANH_WORK = 0, /* 2816 values, steps 11..11 */
    T51_D_S4_WORK = 0, /* 3840 values, steps 13..13 */
    T52_D_C3_WEIGHT_WORK = 0, /* 4832 values, steps 15..15 */
    T53_D_S2_WORK = 0, /* 3200 values, steps 16..16 */
    T54_D_C1_WEIGHT_WORK = 0, /* 1664 values, steps 18..18 */
    T55_D_INPUT_WORK = 0, /* 1200 values, steps 19..19 */
    T_FIXED = 4832
};

/* Memory map of inference: offsets in elements, times the batch. What shares a place is never alive at the same
 * step; steps are the groups in order of execution. */
enum {
    I13_C1_TANH = 0, /* 28x28x6, steps 0..1 */
    I17_C3_TANH = 0, /* 10x10x16, steps 2..3 */
    I21_C5_TANH = 0, /* 1x1x120, steps 4..5 */
    I26_OUT = 0, /* 10, steps 6..6 */
    I24_F6_TANH = 128, /* 84, steps 5..6 */
    I18_S4 = 1600, /* 5x5x16, steps 3..4 */
    I10_INPUT = 6272, /* 28x28x1, steps 0..0 */
    I14_S2 = 6272, /* 14x14x6, steps 1..2 */
    I_SAMPLE = 7840
};

/* Vectors and workspaces of inference that do not grow with the batch: offsets behind the samples. */
enum {
    I_FIXED = 0
};

/* A program holds both files twice: in float to train, in double to check gradients. */
#ifdef NT_DOUBLE
#define MODEL lenet5_double_model
#define run_backward lenet5_double_backward
#define run_input_gradient lenet5_double_input_gradient
#else
#define MODEL lenet5_model
#define run_backward lenet5_backward
#define run_input_gradient lenet5_input_gradient
#endif
extern const nt_model MODEL;

/* In lenet5_backward.c. */
void run_backward(const nt_pass *p);
void run_input_gradient(const nt_pass *p);

#endif
