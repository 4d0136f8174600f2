/* simd_avx512_double.h - 16 doubles a vector, as two of AVX-512: for the gradient check's copy of a model that is made for
 * AVX-512 (the layout is the float model's, so a vector is as many elements). The mathematical functions are libm's. See
 * simd.h. */
#ifndef NT_SIMD_AVX512_DOUBLE_H
#define NT_SIMD_AVX512_DOUBLE_H

#include <immintrin.h>

#define VL 16

typedef struct vf {
    __m512d low, high;
} vf;
typedef __mmask16 vm; /* a bit a lane */

static inline vf v_load(const real *p) { return (vf){_mm512_loadu_pd(p), _mm512_loadu_pd(p + 8)}; }
static inline void v_store(real *p, vf v)
{
    _mm512_storeu_pd(p, v.low);
    _mm512_storeu_pd(p + 8, v.high);
}
static inline void v_stream(real *p, vf v)
{
    _mm512_stream_pd(p, v.low);
    _mm512_stream_pd(p + 8, v.high);
}
static inline void v_stream_end(void) { _mm_sfence(); }
static inline vf v_held(vf v) { return v; } /* speed is not what doubles are for */
static inline vf v_zero(void) { return (vf){_mm512_setzero_pd(), _mm512_setzero_pd()}; }
static inline vf v_set1(real a) { return (vf){_mm512_set1_pd(a), _mm512_set1_pd(a)}; }
static inline vf v_repeat(const real *p, int k)
{
    const __m512d half = k == 4   ? _mm512_broadcast_f64x4(_mm256_loadu_pd(p))
                         : k == 2 ? _mm512_broadcast_f64x2(_mm_loadu_pd(p))
                                  : _mm512_set1_pd(*p);
    return (vf){half, half};
}
static inline vf v_iota(void)
{
    return (vf){_mm512_setr_pd(0, 1, 2, 3, 4, 5, 6, 7), _mm512_setr_pd(8, 9, 10, 11, 12, 13, 14, 15)};
}

/* Masks of both halves, from one of the first k lanes. */
static inline __mmask16 v_first_lanes(int k) { return (__mmask16)((1u << k) - 1); }
static inline __mmask8 v_low(__mmask16 m) { return (__mmask8)m; }
static inline __mmask8 v_high(__mmask16 m) { return (__mmask8)(m >> 8); }

static inline vf v_load_n(const real *p, int k)
{
    const __mmask16 m = v_first_lanes(k);
    return (vf){_mm512_maskz_loadu_pd(v_low(m), p), _mm512_maskz_loadu_pd(v_high(m), p + 8)};
}
static inline vf v_load_at(const real *p, int at, int k)
{
    const __mmask16 m = (__mmask16)(v_first_lanes(k) << at);
    p = nt_lane_0(p, at);
    return (vf){_mm512_maskz_loadu_pd(v_low(m), p), _mm512_maskz_loadu_pd(v_high(m), p + 8)};
}
static inline void v_store_n(real *p, vf v, int k)
{
    const __mmask16 m = v_first_lanes(k);
    _mm512_mask_storeu_pd(p, v_low(m), v.low);
    _mm512_mask_storeu_pd(p + 8, v_high(m), v.high);
}

static inline vf v_add(vf a, vf b) { return (vf){_mm512_add_pd(a.low, b.low), _mm512_add_pd(a.high, b.high)}; }
static inline vf v_sub(vf a, vf b) { return (vf){_mm512_sub_pd(a.low, b.low), _mm512_sub_pd(a.high, b.high)}; }
static inline vf v_mul(vf a, vf b) { return (vf){_mm512_mul_pd(a.low, b.low), _mm512_mul_pd(a.high, b.high)}; }
static inline vf v_div(vf a, vf b) { return (vf){_mm512_div_pd(a.low, b.low), _mm512_div_pd(a.high, b.high)}; }
static inline vf v_fma(vf a, vf b, vf c)
{
    return (vf){_mm512_fmadd_pd(a.low, b.low, c.low), _mm512_fmadd_pd(a.high, b.high, c.high)};
}
static inline vf v_fnma(vf a, vf b, vf c)
{
    return (vf){_mm512_fnmadd_pd(a.low, b.low, c.low), _mm512_fnmadd_pd(a.high, b.high, c.high)};
}
static inline vf v_max(vf a, vf b) { return (vf){_mm512_max_pd(a.low, b.low), _mm512_max_pd(a.high, b.high)}; }
static inline vf v_min(vf a, vf b) { return (vf){_mm512_min_pd(a.low, b.low), _mm512_min_pd(a.high, b.high)}; }
static inline vf v_neg(vf a)
{
    return (vf){_mm512_xor_pd(a.low, _mm512_set1_pd(-0.0)), _mm512_xor_pd(a.high, _mm512_set1_pd(-0.0))};
}
static inline vf v_abs(vf a)
{
    return (vf){_mm512_andnot_pd(_mm512_set1_pd(-0.0), a.low), _mm512_andnot_pd(_mm512_set1_pd(-0.0), a.high)};
}
static inline vf v_sqrt(vf a) { return (vf){_mm512_sqrt_pd(a.low), _mm512_sqrt_pd(a.high)}; }

static inline vm v_both(__mmask8 low, __mmask8 high) { return (vm)((unsigned)high << 8 | low); }

static inline vm v_gt(vf a, vf b)
{
    return v_both(_mm512_cmp_pd_mask(a.low, b.low, _CMP_GT_OQ), _mm512_cmp_pd_mask(a.high, b.high, _CMP_GT_OQ));
}
static inline vm v_ge(vf a, vf b)
{
    return v_both(_mm512_cmp_pd_mask(a.low, b.low, _CMP_GE_OQ), _mm512_cmp_pd_mask(a.high, b.high, _CMP_GE_OQ));
}
static inline vm v_lt(vf a, vf b) { return v_gt(b, a); }
static inline vm v_le(vf a, vf b) { return v_ge(b, a); }
static inline vm v_eq(vf a, vf b)
{
    return v_both(_mm512_cmp_pd_mask(a.low, b.low, _CMP_EQ_OQ), _mm512_cmp_pd_mask(a.high, b.high, _CMP_EQ_OQ));
}
static inline vf v_select(vm m, vf a, vf b)
{
    return (vf){_mm512_mask_blend_pd(v_low(m), b.low, a.low), _mm512_mask_blend_pd(v_high(m), b.high, a.high)};
}

static inline real v_sum(vf a)
{
    __m512d eight = _mm512_add_pd(a.low, a.high);
    __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1));
    __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

static inline real v_hmax(vf a)
{
    __m512d eight = _mm512_max_pd(a.low, a.high);
    __m256d four = _mm256_max_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1));
    __m128d two = _mm_max_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)));
}

static inline void v_transpose(vf rows[VL])
{
    real lanes[VL][VL];
    for (int i = 0; i < VL; i++)
        v_store(lanes[i], rows[i]);
    for (int i = 0; i < VL; i++) {
        real column[VL];
        for (int j = 0; j < VL; j++)
            column[j] = lanes[j][i];
        rows[i] = v_load(column);
    }
}

static inline vm v_eq_u8(const uint8_t *p, int t)
{
    return _mm_cmpeq_epi8_mask(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8((char)t));
}

#include "simd_libm.h"

#endif
