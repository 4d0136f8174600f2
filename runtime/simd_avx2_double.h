/* simd_avx2_double.h - 8 doubles a vector, as two of AVX2: for the gradient check's copy of a model that is made for
 * AVX2 (the layout is the float model's, so a vector is as many elements). The mathematical functions are libm's. See
 * simd.h. */
#ifndef NT_SIMD_AVX2_DOUBLE_H
#define NT_SIMD_AVX2_DOUBLE_H

#include <immintrin.h>

#define VL 8

typedef struct vf {
    __m256d low, high;
} vf;
typedef vf vm; /* all bits of a lane set: true */

static inline vf v_load(const real *p) { return (vf){_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4)}; }
static inline void v_store(real *p, vf v)
{
    _mm256_storeu_pd(p, v.low);
    _mm256_storeu_pd(p + 4, v.high);
}
static inline void v_stream(real *p, vf v)
{
    _mm256_stream_pd(p, v.low);
    _mm256_stream_pd(p + 4, v.high);
}
static inline void v_stream_end(void) { _mm_sfence(); }
static inline vf v_held(vf v) { return v; } /* speed is not what doubles are for */
static inline vf v_zero(void) { return (vf){_mm256_setzero_pd(), _mm256_setzero_pd()}; }
static inline vf v_set1(real a) { return (vf){_mm256_set1_pd(a), _mm256_set1_pd(a)}; }
static inline vf v_repeat(const real *p, int k)
{
    const __m256d half = k == 4 ? _mm256_loadu_pd(p) : k == 2 ? _mm256_broadcast_pd((const __m128d *)p) : _mm256_set1_pd(*p);
    return (vf){half, half};
}
static inline vf v_iota(void) { return (vf){_mm256_setr_pd(0, 1, 2, 3), _mm256_setr_pd(4, 5, 6, 7)}; }

/* Of lanes first..first+3, those below k. */
static inline __m256i v_lanes_below(int k, int first)
{
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(k - first), _mm256_setr_epi64x(0, 1, 2, 3));
}

static inline vf v_load_n(const real *p, int k)
{
    return (vf){_mm256_maskload_pd(p, v_lanes_below(k, 0)), _mm256_maskload_pd(p + 4, v_lanes_below(k, 4))};
}
static inline vf v_load_at(const real *p, int at, int k)
{
    p = nt_lane_0(p, at);
    return (vf){_mm256_maskload_pd(p, _mm256_andnot_si256(v_lanes_below(at, 0), v_lanes_below(at + k, 0))),
                _mm256_maskload_pd(p + 4, _mm256_andnot_si256(v_lanes_below(at, 4), v_lanes_below(at + k, 4)))};
}
static inline void v_store_n(real *p, vf v, int k)
{
    _mm256_maskstore_pd(p, v_lanes_below(k, 0), v.low);
    _mm256_maskstore_pd(p + 4, v_lanes_below(k, 4), v.high);
}

static inline vf v_add(vf a, vf b) { return (vf){_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)}; }
static inline vf v_sub(vf a, vf b) { return (vf){_mm256_sub_pd(a.low, b.low), _mm256_sub_pd(a.high, b.high)}; }
static inline vf v_mul(vf a, vf b) { return (vf){_mm256_mul_pd(a.low, b.low), _mm256_mul_pd(a.high, b.high)}; }
static inline vf v_div(vf a, vf b) { return (vf){_mm256_div_pd(a.low, b.low), _mm256_div_pd(a.high, b.high)}; }
static inline vf v_fma(vf a, vf b, vf c)
{
    return (vf){_mm256_fmadd_pd(a.low, b.low, c.low), _mm256_fmadd_pd(a.high, b.high, c.high)};
}
static inline vf v_fnma(vf a, vf b, vf c)
{
    return (vf){_mm256_fnmadd_pd(a.low, b.low, c.low), _mm256_fnmadd_pd(a.high, b.high, c.high)};
}
static inline vf v_max(vf a, vf b) { return (vf){_mm256_max_pd(a.low, b.low), _mm256_max_pd(a.high, b.high)}; }
static inline vf v_min(vf a, vf b) { return (vf){_mm256_min_pd(a.low, b.low), _mm256_min_pd(a.high, b.high)}; }
static inline vf v_neg(vf a)
{
    return (vf){_mm256_xor_pd(a.low, _mm256_set1_pd(-0.0)), _mm256_xor_pd(a.high, _mm256_set1_pd(-0.0))};
}
static inline vf v_abs(vf a)
{
    return (vf){_mm256_andnot_pd(_mm256_set1_pd(-0.0), a.low), _mm256_andnot_pd(_mm256_set1_pd(-0.0), a.high)};
}
static inline vf v_sqrt(vf a) { return (vf){_mm256_sqrt_pd(a.low), _mm256_sqrt_pd(a.high)}; }

static inline vm v_gt(vf a, vf b)
{
    return (vm){_mm256_cmp_pd(a.low, b.low, _CMP_GT_OQ), _mm256_cmp_pd(a.high, b.high, _CMP_GT_OQ)};
}
static inline vm v_ge(vf a, vf b)
{
    return (vm){_mm256_cmp_pd(a.low, b.low, _CMP_GE_OQ), _mm256_cmp_pd(a.high, b.high, _CMP_GE_OQ)};
}
static inline vm v_lt(vf a, vf b) { return v_gt(b, a); }
static inline vm v_le(vf a, vf b) { return v_ge(b, a); }
static inline vm v_eq(vf a, vf b)
{
    return (vm){_mm256_cmp_pd(a.low, b.low, _CMP_EQ_OQ), _mm256_cmp_pd(a.high, b.high, _CMP_EQ_OQ)};
}
static inline vf v_select(vm m, vf a, vf b)
{
    return (vf){_mm256_blendv_pd(b.low, a.low, m.low), _mm256_blendv_pd(b.high, a.high, m.high)};
}

static inline real v_sum(vf a)
{
    __m256d four = _mm256_add_pd(a.low, a.high);
    __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

static inline real v_hmax(vf a)
{
    __m256d four = _mm256_max_pd(a.low, a.high);
    __m128d two = _mm_max_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)));
}

static inline void v_transpose(vf rows[VL])
{
    real lanes[VL][VL];
    for (int i = 0; i < VL; i++)
        v_store(lanes[i], rows[i]);
    for (int i = 0; i < VL; i++) {
        rows[i].low = _mm256_setr_pd(lanes[0][i], lanes[1][i], lanes[2][i], lanes[3][i]);
        rows[i].high = _mm256_setr_pd(lanes[4][i], lanes[5][i], lanes[6][i], lanes[7][i]);
    }
}

static inline vm v_eq_u8(const uint8_t *p, int t)
{
    int32_t bytes[2];
    memcpy(bytes, p, VL);
    __m256i value = _mm256_set1_epi64x(t);
    return (vm){_mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_cvtepu8_epi64(_mm_cvtsi32_si128(bytes[0])), value)),
                _mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_cvtepu8_epi64(_mm_cvtsi32_si128(bytes[1])), value))};
}

#include "simd_libm.h"

#endif
