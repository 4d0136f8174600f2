/* simd_neon.h - 8 floats a vector, as two of Advanced SIMD: every 64-bit Arm processor. See simd.h. */
#ifndef NT_SIMD_NEON_H
#define NT_SIMD_NEON_H

#include <arm_neon.h>

#define VL 8

typedef struct vf {
    float32x4_t low, high;
} vf;

typedef struct vm {
    uint32x4_t low, high; /* all bits of a lane set: true */
} vm;

static inline vf v_load(const real *p) { return (vf){vld1q_f32(p), vld1q_f32(p + 4)}; }
static inline void v_store(real *p, vf v)
{
    vst1q_f32(p, v.low);
    vst1q_f32(p + 4, v.high);
}
static inline void v_stream(real *p, vf v) { v_store(p, v); } /* there are no stores past the caches to ask for */
static inline void v_stream_end(void) {}
static inline vf v_held(vf v)
{
#ifdef __GNUC__
    __asm__("" : "+w"(v.low), "+w"(v.high));
#endif
    return v;
}
static inline vf v_set1(real a) { return (vf){vdupq_n_f32(a), vdupq_n_f32(a)}; }
static inline vf v_repeat(const real *p, int k)
{
    if (k == 1)
        return v_set1(*p);
    const float32x4_t half = k == 4 ? vld1q_f32(p) : vcombine_f32(vld1_f32(p), vld1_f32(p));
    return (vf){half, half};
}
static inline vf v_zero(void) { return v_set1(0); }
static inline vf v_iota(void)
{
    static const real lanes[VL] = {0, 1, 2, 3, 4, 5, 6, 7};
    return v_load(lanes);
}

static inline vf v_load_n(const real *p, int k)
{
    real lanes[VL] = {0};
    memcpy(lanes, p, (size_t)k * sizeof(real));
    return v_load(lanes);
}

static inline vf v_load_at(const real *p, int at, int k)
{
    real lanes[VL] = {0};
    memcpy(lanes + at, p, (size_t)k * sizeof(real));
    return v_load(lanes);
}

static inline void v_store_n(real *p, vf v, int k)
{
    real lanes[VL];
    v_store(lanes, v);
    memcpy(p, lanes, (size_t)k * sizeof(real));
}

static inline vf v_add(vf a, vf b) { return (vf){vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)}; }
static inline vf v_sub(vf a, vf b) { return (vf){vsubq_f32(a.low, b.low), vsubq_f32(a.high, b.high)}; }
static inline vf v_mul(vf a, vf b) { return (vf){vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)}; }
static inline vf v_div(vf a, vf b) { return (vf){vdivq_f32(a.low, b.low), vdivq_f32(a.high, b.high)}; }
static inline vf v_fma(vf a, vf b, vf c) { return (vf){vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)}; }
static inline vf v_fnma(vf a, vf b, vf c) { return (vf){vfmsq_f32(c.low, a.low, b.low), vfmsq_f32(c.high, a.high, b.high)}; }
static inline vf v_neg(vf a) { return (vf){vnegq_f32(a.low), vnegq_f32(a.high)}; }
static inline vf v_abs(vf a) { return (vf){vabsq_f32(a.low), vabsq_f32(a.high)}; }
static inline vf v_sqrt(vf a) { return (vf){vsqrtq_f32(a.low), vsqrtq_f32(a.high)}; }

static inline vm v_gt(vf a, vf b) { return (vm){vcgtq_f32(a.low, b.low), vcgtq_f32(a.high, b.high)}; }
static inline vm v_ge(vf a, vf b) { return (vm){vcgeq_f32(a.low, b.low), vcgeq_f32(a.high, b.high)}; }
static inline vm v_lt(vf a, vf b) { return v_gt(b, a); }
static inline vm v_le(vf a, vf b) { return v_ge(b, a); }
static inline vm v_eq(vf a, vf b) { return (vm){vceqq_f32(a.low, b.low), vceqq_f32(a.high, b.high)}; }
static inline vf v_select(vm m, vf a, vf b) { return (vf){vbslq_f32(m.low, a.low, b.low), vbslq_f32(m.high, a.high, b.high)}; }

/* The instructions for these would return a NaN of either side. */
static inline vf v_max(vf a, vf b) { return v_select(v_gt(a, b), a, b); }
static inline vf v_min(vf a, vf b) { return v_select(v_lt(a, b), a, b); }

static inline real v_sum(vf a)
{
    float32x4_t four = vaddq_f32(a.low, a.high);
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(vpadd_f32(two, two), 0);
}

static inline real v_hmax(vf a)
{
    real lanes[VL];
    v_store(lanes, a);
    for (int half = VL / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
    return lanes[0];
}

/* rows[0..3] lane j <-> rows[j] lane i, of four lanes each: neighbours, then pairs. */
static inline void v_transpose_4(float32x4_t rows[4])
{
    float32x4x2_t a = vtrnq_f32(rows[0], rows[1]), b = vtrnq_f32(rows[2], rows[3]);
    rows[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    rows[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    rows[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    rows[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

/* Squares of four, of which those off the diagonal change places. */
static inline void v_transpose(vf rows[VL])
{
    float32x4_t squares[2][2][4];
    for (int i = 0; i < VL; i++) {
        squares[i / 4][0][i % 4] = rows[i].low;
        squares[i / 4][1][i % 4] = rows[i].high;
    }
    for (int i = 0; i < 4; i++)
        v_transpose_4(squares[i / 2][i % 2]);
    for (int i = 0; i < VL; i++)
        rows[i] = (vf){squares[0][i / 4][i % 4], squares[1][i / 4][i % 4]};
}

static inline vf v_round(vf a) { return (vf){vrndnq_f32(a.low), vrndnq_f32(a.high)}; }

static inline float32x4_t v_pow2i_4(float32x4_t a)
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(a), vdupq_n_s32(127)), 23));
}
static inline vf v_pow2i(vf a) { return (vf){v_pow2i_4(a.low), v_pow2i_4(a.high)}; }

static inline float32x4_t v_split_4(float32x4_t a, float32x4_t *e)
{
    /* Subtracting the bits of sqrt(1/2) makes the exponent field round towards the mantissa wanted. */
    int32x4_t bits = vsubq_s32(vreinterpretq_s32_f32(a), vdupq_n_s32(0x3F3504F3));
    *e = vcvtq_f32_s32(vshrq_n_s32(bits, 23));
    return vreinterpretq_f32_s32(vaddq_s32(vandq_s32(bits, vdupq_n_s32(0x007FFFFF)), vdupq_n_s32(0x3F3504F3)));
}
static inline vf v_split(vf a, vf *e)
{
    vf m;
    m.low = v_split_4(a.low, &e->low);
    m.high = v_split_4(a.high, &e->high);
    return m;
}

static inline vm v_eq_u8(const uint8_t *p, int t)
{
    uint16x8_t lanes = vmovl_u8(vceq_u8(vld1_u8(p), vdup_n_u8((uint8_t)t)));
    uint32x4_t zero = vdupq_n_u32(0);
    return (vm){vcgtq_u32(vmovl_u16(vget_low_u16(lanes)), zero), vcgtq_u32(vmovl_u16(vget_high_u16(lanes)), zero)};
}

static inline void v_store_u8(uint8_t *p, vf v)
{
    uint16x8_t words = vcombine_u16(vmovn_u32(vcvtnq_u32_f32(v.low)), vmovn_u32(vcvtnq_u32_f32(v.high)));
    vst1_u8(p, vmovn_u16(words));
}

/* Lanes low..low+3 of a block of the stream: see nt_uniform_bits. */
static inline float32x4_t v_uniform_4(uint32_t low, uint64_t block)
{
    static const uint32_t steps[4] = {0, 1, 2, 3};
    uint32x4_t x = veorq_u32(vaddq_u32(vdupq_n_u32(low), vld1q_u32(steps)), vdupq_n_u32((uint32_t)block));
    x = vmulq_u32(veorq_u32(x, vshrq_n_u32(x, 16)), vdupq_n_u32(UINT32_C(0x85EBCA6B)));
    x = vmulq_u32(veorq_u32(x, vshrq_n_u32(x, 13)), vdupq_n_u32(UINT32_C(0xC2B2AE35)));
    x = vaddq_u32(veorq_u32(x, vshrq_n_u32(x, 16)), vdupq_n_u32((uint32_t)(block >> 32)));
    x = vmulq_u32(veorq_u32(x, vshrq_n_u32(x, 15)), vdupq_n_u32(UINT32_C(0x2C1B3C6D)));
    x = vmulq_u32(veorq_u32(x, vshrq_n_u32(x, 12)), vdupq_n_u32(UINT32_C(0x297A2D39)));
    x = vshrq_n_u32(veorq_u32(x, vshrq_n_u32(x, 15)), 8);
    return vmulq_f32(vcvtq_f32_u32(x), vdupq_n_f32(0x1p-24f));
}

/* Numbers low..low+VL-1 of a block of the stream: see nt_uniform_bits. */
static inline vf v_uniform_in_block(uint32_t low, uint64_t block)
{
    return (vf){v_uniform_4(low, block), v_uniform_4(low + 4, block)};
}

#include "simd_math.h"

#endif
