/* test_dense_dx_many.c - test_dense_dx.c for the kernel whose lanes are samples. */
#define MANY 1

#include "test_dense_dx.c"
