/* adam.k.c - Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1) in one pass over
 * the elements begin..end of flat arrays, as PyTorch's Adam:
 *   g = clip(clip_scale * grad) + decay * w,   m += (1 - BETA1) (g - m),   v += (1 - BETA2) (g^2 - v)
 *   w -= lr / (1 - BETA1^step) * m / (sqrt(v / (1 - BETA2^step)) + EPS)
 * m and v start at zero, step counts from 1. decay is the coupled L2 factor; clip limits to +-clip_value, and does
 * nothing if clip_value is 0. A NaN stays a NaN.
 * Reals: K_BETA1 K_BETA2 K_EPS. No hooks. */
#include "../simd.h"

#include <math.h>

#ifndef K_BETA1
#define K_BETA1 0.9
#define K_BETA2 0.999
#define K_EPS 1e-8
#endif
#ifndef K_ARGS
#define K_ARGS
#define K_PASS
#endif

/* kernel { */
static inline vf k_get(const real *p, int lanes)
{
    return lanes == VL ? v_load(p) : v_load_n(p, lanes);
}

static inline void k_put(real *p, vf v, int lanes)
{
    if (lanes == VL)
        v_store(p, v);
    else
        v_store_n(p, v, lanes);
}

/* One step of `lanes` (1..VL) elements. */
static inline void k_step(real *w, const real *grad, real *m, real *v, int lanes, vf lr, vf scale, vf limit, vf decay,
                          vf root_scale)
{
    const vf old = k_get(w, lanes);
    const vf g = v_fma(decay, old, v_max(v_neg(limit), v_min(limit, v_mul(scale, k_get(grad, lanes)))));
    const vf old_m = k_get(m, lanes), old_v = k_get(v, lanes);
    const vf new_m = v_fma(v_set1((real)(1 - K_BETA1)), v_sub(g, old_m), old_m);
    const vf new_v = v_fma(v_set1((real)(1 - K_BETA2)), v_fma(g, g, v_neg(old_v)), old_v);
    k_put(m, new_m, lanes);
    k_put(v, new_v, lanes);
    k_put(w, v_fnma(lr, v_div(new_m, v_fma(v_sqrt(new_v), root_scale, v_set1((real)K_EPS))), old), lanes);
}

static void k_main(size_t begin, size_t end, real *restrict w, const real *restrict grad, real *restrict m,
                   real *restrict v, real lr, real clip_scale, real clip_value, real decay, uint64_t step K_ARGS)
{
    const size_t size = 4096, chunks = (end - begin + size - 1) / size;
    const vf scale = v_set1(clip_scale), weight_decay = v_set1(decay);
    const vf limit = v_set1(clip_value > 0 ? clip_value : (real)INFINITY);
    const vf rate = v_set1((real)(lr / (1 - pow(K_BETA1, (double)step))));
    const vf root_scale = v_set1((real)(1 / sqrt(1 - pow(K_BETA2, (double)step))));
#pragma omp for schedule(static)
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        const size_t from = begin + chunk * size, to = end - from < size ? end : from + size;
        size_t at = from;
        for (; to - at >= VL; at += VL)
            k_step(w + at, grad + at, m + at, v + at, VL, rate, scale, limit, weight_decay, root_scale);
        if (at < to)
            k_step(w + at, grad + at, m + at, v + at, (int)(to - at), rate, scale, limit, weight_decay, root_scale);
    }
}
/* kernel } */
