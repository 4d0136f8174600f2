/* gradcheck_double.h - the half of the gradient check that runs in double precision: losses and gradients of a model
 * compiled with NT_DOUBLE.
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

/* A batch of n samples with the labels and targets of nt_pass (either may be NULL; n_targets values in all); tensors are
 * zero until they are set. NULL, with the error set, where memory runs out. */
nt_d_check *nt_d_check_new(const nt_model *model, int n, int threads, const int32_t *labels, const float *targets,
                           size_t n_targets, nt_error *error);
void nt_d_check_free(nt_d_check *check);

/* Sets all values of a tensor. */
void nt_d_check_set(nt_d_check *check, int tensor, const float *values);

/* The direction in which nt_d_check_loss moves a tensor: as many values as it has. */
void nt_d_check_aim(nt_d_check *check, int tensor, const double *direction);

/* The mean loss of the batch with the tensor last aimed at moved by `by` times its direction; 0 is where everything was
 * set. The tensor is put back, exactly. */
double nt_d_check_loss(nt_d_check *check, double by);

/* The gradient by the emitted code, in double: after nt_d_check_backward, single values of it. */
void nt_d_check_backward(nt_d_check *check);
double nt_d_check_gradient(const nt_d_check *check, int tensor, size_t index);

#endif
