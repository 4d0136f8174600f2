/* eigen.h - eigenvalues and eigenvectors of symmetric matrices. */
#ifndef NT_EIGEN_H
#define NT_EIGEN_H

#include "error.h"

#include <stdbool.h>

/* Of the symmetric matrix a[n*n], n >= 1, finite. values[n] receives the eigenvalues, largest first; row k of a then
 * holds the eigenvector of values[k], of length 1, its largest element positive. The same bits for every number of
 * threads. Fails for want of memory only. */
bool nt_eigen(double *a, int n, double *values, nt_error *err);

#endif
