/* clear_panels.k.c - zeroes the padding columns of weight panels. Where the channels of a group do not fill whole vectors, igemm_dw.k.c
 * reads the neighbouring group's gradients in their place, so the padding of dw must be cleared: norms and optimizers see it.
 *
 * Ints: K_GROUPS, K_ROWS rows of a panel, K_CO padded channels of a group, K_CO_REAL of them real, K_NR width of panels. No hooks. */
#include "../simd.h"

#ifndef K_GROUPS
#define K_GROUPS 2
#define K_ROWS 9
#define K_CO 16
#define K_CO_REAL 10
#define K_NR 16
#endif

/* kernel { */
static void k_main(real *restrict dw)
{
#pragma omp for schedule(static)
    for (int row = 0; row < K_GROUPS * K_ROWS; row++) {
        real *group = dw + (size_t)(row / K_ROWS) * K_ROWS * K_CO;
        for (int c = K_CO_REAL; c < K_CO; c++) {
            int first = c / K_NR * K_NR, width = K_CO - first < K_NR ? K_CO - first : K_NR;
            group[(size_t)first * K_ROWS + (size_t)(row % K_ROWS) * width + (c - first)] = 0;
        }
    }
}
/* kernel } */
