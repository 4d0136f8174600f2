/* bn_fold.k.c - batch normalisation at inference as a scale and a shift a channel:
 *   scale = gamma / sqrt(var + EPS),   shift = beta - mean * scale.
 * All vectors have K_CP elements, padding included; padded lanes of gamma and beta are zero. Int: K_CP. Real: K_EPS. No hooks. */
#include "../simd.h"

#ifndef K_CP
#define K_CP 16
#define K_EPS 1e-5
#endif

/* kernel { */
static void k_main(const real *restrict gamma, const real *restrict beta, const real *restrict mean, const real *restrict var,
                   real *restrict scale, real *restrict shift)
{
#pragma omp for schedule(static)
    for (int c = 0; c < K_CP; c += VL) {
        const vf s = v_div(v_load(gamma + c), v_sqrt(v_add(v_load(var + c), v_set1((real)K_EPS))));
        v_store(scale + c, s);
        v_store(shift + c, v_fnma(v_load(mean + c), s, v_load(beta + c)));
    }
}
/* kernel } */
