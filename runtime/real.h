/* real.h - the scalar of emitted models: float, or double where the gradient check compiles them a second time. */
#ifndef NT_REAL_H
#define NT_REAL_H

#ifdef NT_DOUBLE
typedef double real;
#else
typedef float real;
#endif

#include <stddef.h>

/* The sum of squares of n values, in double, as the squares of a network that diverges may be too large for float. Eight sums that do not
 * wait for each other. */
static inline double nt_square_sum(const real *values, size_t n)
{
    double sums[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            sums[k] += (double)values[i + (size_t)k] * (double)values[i + (size_t)k];
    for (; i < n; i++)
        sums[0] += (double)values[i] * (double)values[i];
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

#endif
