/* gradcheck_double.h - the half of the gradient check that runs in double precision: losses of a model compiled with
 * NT_DOUBLE.
 *
 * Tensors are numbered as the model's parameters are, with NT_D_INPUT for the input; their values are addressed in disk
 * order, the input's as [sample][row][pixel][channel]. */
#ifndef NT_GRADCHECK_DOUBLE_H
#define NT_GRADCHECK_DOUBLE_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "model.h"

enum { NT_D_INPUT = -1 };

typedef struct nt_d_check nt_d_check;

/* The fixed batch: n samples, labels and targets as in nt_pass (either may be NULL). NULL, with the error set, where
 * memory runs out. */
nt_d_check *nt_d_check_new(const nt_model *model, int n, int threads, const float *input, const int32_t *labels,
                           const float *targets, size_t n_targets, nt_error *error);
void nt_d_check_free(nt_d_check *check);

/* Sets all values of a parameter. */
void nt_d_check_set(nt_d_check *check, int param, const float *values);

/* Adds to one value, or to all values of a tensor along a direction; nt_d_check_restore takes all of it back,
 * exactly. */
void nt_d_check_move(nt_d_check *check, int tensor, size_t index, double by);
void nt_d_check_move_along(nt_d_check *check, int tensor, const double *direction, double by);
void nt_d_check_restore(nt_d_check *check, int tensor);

/* The mean loss of the batch, where the parameters are now. */
double nt_d_check_loss(nt_d_check *check);

/* The gradient by the emitted code, in double: after nt_d_check_backward, single values of it. */
void nt_d_check_backward(nt_d_check *check);
double nt_d_check_gradient(const nt_d_check *check, int tensor, size_t index);

#endif
