/* forward.h - the few things that emitted forward passes use besides kernels: zero borders, deformed exponentials, the number of threads. */
#ifndef NT_FORWARD_H
#define NT_FORWARD_H

#include "simd.h"

#ifdef _OPENMP
#include <omp.h>
#elif defined __GNUC__
#pragma GCC diagnostic ignored "-Wunknown-pragmas" /* without OpenMP its pragmas mean nothing, as they should */
#endif

/* Zeroes the border of n images: height x width pixels at `x` (the first interior element) with strides as given, and top, left, bottom,
 * right rows and columns around them. Part of a team's work; ends without a barrier, as the kernel that fills the interior has one. */
static inline void nt_clear_border(int n, real *x, ptrdiff_t sample, ptrdiff_t row, ptrdiff_t pixel, int height, int width, int top,
                                   int left, int bottom, int right)
{
#pragma omp for schedule(static) nowait
    for (int i = 0; i < n; i++) {
        real *image = x + i * sample - top * row - left * pixel;
        const size_t line = (size_t)((left + width + right) * pixel) * sizeof *x;
        for (int h = 0; h < top + height + bottom; h++, image += row) {
            if (h < top || h >= top + height) {
                memset(image, 0, line);
            } else {
                memset(image, 0, (size_t)(left * pixel) * sizeof *x);
                memset(image + (left + width) * pixel, 0, (size_t)(right * pixel) * sizeof *x);
            }
        }
    }
}

/* The deformed exponential less 1 for x <= 0, [1 + (1-t)x]_+^(1/(1-t)) - 1, as expm1(log1p((1-t)x) / (1-t)): small |x| lose no digits.
 * Where the bracket is 0, log1p is minus infinity and expm1 of that -1, as it should be. Any x gives a finite value. */
static inline vf v_deformed(vf x, double t)
{
    const vf b = v_max(v_set1(-1), v_mul(v_set1((real)(1 - t)), v_min(x, v_zero())));
    return v_expm1(v_mul(v_set1((real)(1 / (1 - t))), v_log1p(b)));
}

/* Zeroes `lanes` channels of every pixel, from x on: the padding of a tensor whose kernel writes some lanes of a vector. Like the above. */
static inline void nt_clear_padding(int n, real *x, ptrdiff_t sample, ptrdiff_t row, ptrdiff_t pixel, int height, int width, int lanes)
{
#pragma omp for schedule(static) nowait
    for (int i = 0; i < n; i++) {
        for (int h = 0; h < height; h++) {
            for (int w = 0; w < width; w++) {
                memset(x + i * sample + h * row + w * pixel, 0, (size_t)lanes * sizeof *x);
            }
        }
    }
}

/* The number of the calling thread in its team, from 0: for scratch memory of its own. */
static inline int nt_worker(void)
{
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

/* How many threads so many operations are worth: below a million each, waiting for one another costs more than they share. Never
 * more than OpenMP is set to use. */
static inline int nt_team(double operations)
{
#ifdef _OPENMP
    const int most = omp_get_max_threads();
    return operations >= 1e6 * most ? most : operations >= 2e6 ? (int)(operations / 1e6) : 1;
#else
    (void)operations;
    return 1;
#endif
}

#endif
