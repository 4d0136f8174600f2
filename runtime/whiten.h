/* whiten.h - the matrix that takes a sample, centred, to values which are uncorrelated and of variance 1.
 *
 * With the covariance of the training part S = (1/n) sum (x - mean)(x - mean)' = sum_k l_k u_k u_k', l_k its eigenvalues
 * from the largest on and u_k the eigenvectors,
 *
 *     PCA   y_k = u_k'(x - mean) / sqrt(l_k + eps)
 *     ZCA   y   = sum_k u_k u_k'(x - mean) / sqrt(l_k + eps)
 *
 * ZCA turns what PCA gives back to where it came from: of all matrices that whiten it changes samples least, and
 * pictures stay pictures (Bell and Sejnowski, 1997). Directions in which the training part does not vary, l_k below
 * 1e-6 of the largest, are left out: what a sample has there says nothing. */
#ifndef NT_WHITEN_H
#define NT_WHITEN_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

struct nt_split;

/* Values of a sample at most: the matrix has their square. */
enum { NT_WHITEN_MOST = 4096 };

/* Estimates the matrix from a split's samples of `size` values (1 .. NT_WHITEN_MOST), and their mean, size values. The
 * same bits for every number of threads. The matrix, size * size values with the weights of one y in a row, is new
 * memory; NULL where memory ran out. */
float *nt_whiten_estimate(const struct nt_split *split, int size, const double *mean, bool pca, double eps,
                          nt_error *err);

/* The same matrix as nt_whiten_apply reads it: columns of a few rows together. New memory; NULL where there is none. */
float *nt_whiten_pack(const float *matrix, int size);

/* y[n][size] = x[n][size] times the matrix, which is packed. Not in place. */
void nt_whiten_apply(const float *packed, int size, const float *x, int n, float *y);

#endif
