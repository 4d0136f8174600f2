/* simd_avx2.h - 8 floats a vector: AVX2 and FMA (Haswell, Zen and later). See simd.h. */
#ifndef NT_SIMD_AVX2_H
#define NT_SIMD_AVX2_H

#include <immintrin.h>

#define VL 8

typedef __m256 vf;
typedef __m256 vm; /* all bits of a lane set: true */

static inline vf v_load(const real *p) { return _mm256_loadu_ps(p); }
static inline void v_store(real *p, vf v) { _mm256_storeu_ps(p, v); }
static inline void v_stream(real *p, vf v) { _mm256_stream_ps(p, v); }
static inline void v_stream_end(void) { _mm_sfence(); }
static inline vf v_held(vf v)
{
#ifdef __GNUC__
    __asm__("" : "+x"(v));
#endif
    return v;
}
static inline vf v_zero(void) { return _mm256_setzero_ps(); }
static inline vf v_set1(real a) { return _mm256_set1_ps(a); }
static inline vf v_repeat(const real *p, int k)
{
    double pair;
    if (k == 1)
        return v_set1(*p);
    if (k == 4)
        return _mm256_broadcast_ps((const __m128 *)p);
    memcpy(&pair, p, sizeof pair);
    return _mm256_castpd_ps(_mm256_set1_pd(pair));
}
static inline vf v_iota(void) { return _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7); }

static inline __m256i v_first_lanes(int k)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(k), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline vf v_load_n(const real *p, int k) { return _mm256_maskload_ps(p, v_first_lanes(k)); }
static inline vf v_load_at(const real *p, int at, int k)
{
    return _mm256_maskload_ps(nt_lane_0(p, at), _mm256_andnot_si256(v_first_lanes(at), v_first_lanes(at + k)));
}
static inline void v_store_n(real *p, vf v, int k) { _mm256_maskstore_ps(p, v_first_lanes(k), v); }

static inline vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static inline vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static inline vf v_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
static inline vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static inline vf v_neg(vf a) { return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f)); }
static inline vf v_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
static inline vf v_sqrt(vf a) { return _mm256_sqrt_ps(a); }

static inline vm v_gt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
static inline vm v_ge(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
static inline vm v_lt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static inline vm v_le(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
static inline vm v_eq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
static inline vf v_select(vm m, vf a, vf b) { return _mm256_blendv_ps(b, a, m); }

static inline real v_sum(vf a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline real v_hmax(vf a)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

/* rows[i] lane j <-> rows[j] lane i: interleave neighbours, then pairs, then halves. */
static inline void v_transpose(vf rows[VL])
{
    __m256 pairs[VL], fours[VL];
    for (int i = 0; i < VL; i += 2) {
        pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < VL; i += 4) {
        fours[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
        fours[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xEE);
        fours[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
        fours[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xEE);
    }
    for (int i = 0; i < VL / 2; i++) {
        rows[i] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20);
        rows[i + 4] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31);
    }
}

static inline vf v_round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

static inline vf v_pow2i(vf a)
{
    __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(e, 23));
}

static inline vf v_split(vf a, vf *e)
{
    /* Subtracting the bits of sqrt(1/2) makes the exponent field round towards the mantissa wanted. */
    __m256i bits = _mm256_sub_epi32(_mm256_castps_si256(a), _mm256_set1_epi32(0x3F3504F3));
    __m256i exponent = _mm256_srai_epi32(bits, 23);
    __m256i mantissa = _mm256_and_si256(bits, _mm256_set1_epi32(0x007FFFFF));
    *e = _mm256_cvtepi32_ps(exponent);
    return _mm256_castsi256_ps(_mm256_add_epi32(mantissa, _mm256_set1_epi32(0x3F3504F3)));
}

static inline vm v_eq_u8(const uint8_t *p, int t)
{
    long long bytes;
    memcpy(&bytes, p, 8);
    __m256i lanes = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bytes));
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(lanes, _mm256_set1_epi32(t)));
}

static inline void v_store_u8(uint8_t *p, vf v)
{
    __m256i lanes = _mm256_cvtps_epi32(v);
    __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
    long long bytes = _mm_cvtsi128_si64(_mm_packus_epi16(words, words));
    memcpy(p, &bytes, 8);
}

static inline __m256i v_xorshift(__m256i x, int bits) { return _mm256_xor_si256(x, _mm256_srli_epi32(x, bits)); }
static inline __m256i v_multiply(__m256i x, uint32_t m) { return _mm256_mullo_epi32(x, _mm256_set1_epi32((int)m)); }

/* Numbers low..low+VL-1 of a block of the stream: see nt_uniform_bits. */
static inline vf v_uniform_in_block(uint32_t low, uint64_t block)
{
    __m256i x = _mm256_add_epi32(_mm256_set1_epi32((int)low), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    x = _mm256_xor_si256(x, _mm256_set1_epi32((int)(uint32_t)block));
    x = v_multiply(v_xorshift(x, 16), UINT32_C(0x85EBCA6B));
    x = v_multiply(v_xorshift(x, 13), UINT32_C(0xC2B2AE35));
    x = _mm256_add_epi32(v_xorshift(x, 16), _mm256_set1_epi32((int)(uint32_t)(block >> 32)));
    x = v_multiply(v_xorshift(x, 15), UINT32_C(0x2C1B3C6D));
    x = v_multiply(v_xorshift(x, 12), UINT32_C(0x297A2D39));
    x = _mm256_srli_epi32(v_xorshift(x, 15), 8);
    return _mm256_mul_ps(_mm256_cvtepi32_ps(x), _mm256_set1_ps(0x1p-24f));
}

#include "simd_math.h"

#endif
