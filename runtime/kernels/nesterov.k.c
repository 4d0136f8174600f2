/* nesterov.k.c - gradient descent with Nesterov's momentum in one pass over the elements begin..end of flat arrays, as
 * PyTorch's SGD(momentum, nesterov) (Sutskever et al., "On the importance of initialization and momentum in deep
 * learning", 2013, rewritten for the weights at the look-ahead point):
 *   g = clip(clip_scale * grad) + decay * w,   velocity = MOMENTUM * velocity + g
 *   w -= lr * (g + MOMENTUM * velocity)
 * The velocity starts at zero. decay is the coupled L2 factor; clip limits to +-clip_value, and does nothing if
 * clip_value is 0. A NaN stays a NaN.
 * Real: K_MOMENTUM. No hooks. */
#include "../simd.h"

#include <math.h>

#ifndef K_MOMENTUM
#define K_MOMENTUM 0.9
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
static inline void k_step(real *w, const real *grad, real *velocity, int lanes, vf lr, vf scale, vf limit, vf decay)
{
    const vf old = k_get(w, lanes);
    const vf g = v_fma(decay, old, v_max(v_neg(limit), v_min(limit, v_mul(scale, k_get(grad, lanes)))));
    const vf momentum = v_set1((real)K_MOMENTUM), u = v_fma(momentum, k_get(velocity, lanes), g);
    k_put(velocity, u, lanes);
    k_put(w, v_fnma(lr, v_fma(momentum, u, g), old), lanes);
}

static void k_main(size_t begin, size_t end, real *restrict w, const real *restrict grad, real *restrict velocity,
                   real lr, real clip_scale, real clip_value, real decay K_ARGS)
{
    const size_t size = 4096, chunks = (end - begin + size - 1) / size;
    const vf rate = v_set1(lr), scale = v_set1(clip_scale), weight_decay = v_set1(decay);
    const vf limit = v_set1(clip_value > 0 ? clip_value : (real)INFINITY);
#pragma omp for schedule(static)
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        const size_t from = begin + chunk * size, to = end - from < size ? end : from + size;
        size_t at = from;
        for (; to - at >= VL; at += VL)
            k_step(w + at, grad + at, velocity + at, VL, rate, scale, limit, weight_decay);
        if (at < to)
            k_step(w + at, grad + at, velocity + at, (int)(to - at), rate, scale, limit, weight_decay);
    }
}
/* kernel } */
