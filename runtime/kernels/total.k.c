/* total.k.c - the sum of K_C values, in order: a few hundred at most, so one thread does it. Int: K_C. No hooks. */
#include "../simd.h"

#ifndef K_C
#define K_C 16
#endif

/* kernel { */
static void k_main(const real *restrict x, real *restrict sum)
{
#pragma omp single
    {
        real total = 0;
        for (int c = 0; c < K_C; c++) {
            total += x[c];
        }
        *sum = total;
    }
}
/* kernel } */
