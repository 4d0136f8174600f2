/* simd_avx512.h - 16 floats a vector: AVX-512 F, BW, DQ and VL (Skylake-X, Zen 4 and later). See simd.h. */
#ifndef NT_SIMD_AVX512_H
#define NT_SIMD_AVX512_H

#include <immintrin.h>

#define VL 16

typedef __m512 vf;
typedef __mmask16 vm; /* a bit a lane */

static inline vf v_load(const real *p) { return _mm512_loadu_ps(p); }
static inline void v_store(real *p, vf v) { _mm512_storeu_ps(p, v); }
static inline void v_stream(real *p, vf v) { _mm512_stream_ps(p, v); }
static inline void v_stream_end(void) { _mm_sfence(); }
static inline vf v_held(vf v)
{
#ifdef __GNUC__
    __asm__("" : "+v"(v));
#endif
    return v;
}
static inline vf v_zero(void) { return _mm512_setzero_ps(); }
static inline vf v_set1(real a) { return _mm512_set1_ps(a); }
static inline vf v_repeat(const real *p, int k)
{
    double pair;
    if (k == 1)
        return v_set1(*p);
    if (k == 4)
        return _mm512_broadcast_f32x4(_mm_loadu_ps(p));
    memcpy(&pair, p, sizeof pair);
    return _mm512_castpd_ps(_mm512_set1_pd(pair));
}
static inline __m512i v_indices(void) { return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
static inline vf v_iota(void) { return _mm512_cvtepi32_ps(v_indices()); }

static inline __mmask16 v_first_lanes(int k) { return (__mmask16)((1u << k) - 1); }
static inline vf v_load_n(const real *p, int k) { return _mm512_maskz_loadu_ps(v_first_lanes(k), p); }
static inline vf v_load_at(const real *p, int at, int k)
{
    return _mm512_maskz_loadu_ps((__mmask16)(v_first_lanes(k) << at), nt_lane_0(p, at));
}
static inline void v_store_n(real *p, vf v, int k) { _mm512_mask_storeu_ps(p, v_first_lanes(k), v); }

static inline vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static inline vf v_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
static inline vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf v_neg(vf a) { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }
static inline vf v_abs(vf a) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a); }
static inline vf v_sqrt(vf a) { return _mm512_sqrt_ps(a); }

static inline vm v_gt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
static inline vm v_ge(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
static inline vm v_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline vm v_le(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
static inline vm v_eq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
static inline vf v_select(vm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }

static inline real v_sum(vf a)
{
    __m256 e = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline real v_hmax(vf a)
{
    __m256 e = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

/* rows[i] lane j <-> rows[j] lane i: squares of 4 in each quarter, then the quarters. */
static inline void v_transpose(vf rows[VL])
{
    __m512 fours[VL];
    for (int i = 0; i < VL; i += 4) {
        __m512 low = _mm512_unpacklo_ps(rows[i], rows[i + 1]), high = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
        __m512 low2 = _mm512_unpacklo_ps(rows[i + 2], rows[i + 3]), high2 = _mm512_unpackhi_ps(rows[i + 2], rows[i + 3]);
        fours[i] = _mm512_shuffle_ps(low, low2, 0x44);
        fours[i + 1] = _mm512_shuffle_ps(low, low2, 0xEE);
        fours[i + 2] = _mm512_shuffle_ps(high, high2, 0x44);
        fours[i + 3] = _mm512_shuffle_ps(high, high2, 0xEE);
    }
    for (int i = 0; i < 4; i++) {
        /* quarters 0 and 2, 1 and 3 of the upper and of the lower eight rows */
        __m512 even = _mm512_shuffle_f32x4(fours[i], fours[i + 4], 0x88), odd = _mm512_shuffle_f32x4(fours[i], fours[i + 4], 0xDD);
        __m512 even2 = _mm512_shuffle_f32x4(fours[i + 8], fours[i + 12], 0x88), odd2 = _mm512_shuffle_f32x4(fours[i + 8], fours[i + 12], 0xDD);
        rows[i] = _mm512_shuffle_f32x4(even, even2, 0x88);
        rows[i + 8] = _mm512_shuffle_f32x4(even, even2, 0xDD);
        rows[i + 4] = _mm512_shuffle_f32x4(odd, odd2, 0x88);
        rows[i + 12] = _mm512_shuffle_f32x4(odd, odd2, 0xDD);
    }
}

static inline vf v_round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

static inline vf v_pow2i(vf a)
{
    __m512i e = _mm512_add_epi32(_mm512_cvtps_epi32(a), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(e, 23));
}

static inline vf v_split(vf a, vf *e)
{
    /* Subtracting the bits of sqrt(1/2) makes the exponent field round towards the mantissa wanted. */
    __m512i bits = _mm512_sub_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(0x3F3504F3));
    __m512i exponent = _mm512_srai_epi32(bits, 23);
    __m512i mantissa = _mm512_and_si512(bits, _mm512_set1_epi32(0x007FFFFF));
    *e = _mm512_cvtepi32_ps(exponent);
    return _mm512_castsi512_ps(_mm512_add_epi32(mantissa, _mm512_set1_epi32(0x3F3504F3)));
}

static inline vm v_eq_u8(const uint8_t *p, int t)
{
    return _mm_cmpeq_epi8_mask(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8((char)t));
}

static inline void v_store_u8(uint8_t *p, vf v)
{
    _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(v)));
}

static inline __m512i v_xorshift(__m512i x, unsigned bits) { return _mm512_xor_si512(x, _mm512_srli_epi32(x, bits)); }
static inline __m512i v_multiply(__m512i x, uint32_t m) { return _mm512_mullo_epi32(x, _mm512_set1_epi32((int)m)); }

/* Numbers low..low+VL-1 of a block of the stream: see nt_uniform_bits. */
static inline vf v_uniform_in_block(uint32_t low, uint64_t block)
{
    __m512i x = _mm512_add_epi32(_mm512_set1_epi32((int)low), v_indices());
    x = _mm512_xor_si512(x, _mm512_set1_epi32((int)(uint32_t)block));
    x = v_multiply(v_xorshift(x, 16), UINT32_C(0x85EBCA6B));
    x = v_multiply(v_xorshift(x, 13), UINT32_C(0xC2B2AE35));
    x = _mm512_add_epi32(v_xorshift(x, 16), _mm512_set1_epi32((int)(uint32_t)(block >> 32)));
    x = v_multiply(v_xorshift(x, 15), UINT32_C(0x2C1B3C6D));
    x = v_multiply(v_xorshift(x, 12), UINT32_C(0x297A2D39));
    x = _mm512_srli_epi32(v_xorshift(x, 15), 8);
    return _mm512_mul_ps(_mm512_cvtepi32_ps(x), _mm512_set1_ps(0x1p-24f));
}

#include "simd_math.h"

#endif
