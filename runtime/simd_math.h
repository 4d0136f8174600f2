/* simd_math.h - exp, log and their relatives, and the random stream, for float vectors, in terms of an ISA's arithmetic. Included by the ISA's
 * header, which gives, besides what simd.h lists,
 *   v_round(x)      nearest integer, |x| < 2^22
 *   v_pow2i(x)      2^x for integral x in -126..127
 *   v_split(x, &e)  for normal x > 0: returns m in [sqrt(1/2), sqrt(2)) with x = m * 2^e
 *   v_uniform_in_block(low, block)  v_uniform of lanes that lie in one block of the stream
 *
 * Polynomials are minimax fits of the function named at each, made with the weight that bounds the result's relative
 * error. */
#ifndef NT_SIMD_MATH_H
#define NT_SIMD_MATH_H

#include <math.h>

#define NT_LN2_HIGH 0.693145751953125f    /* 15 bits: its product with an exponent is exact */
#define NT_LN2_LOW 1.428606820309417e-06f /* ln 2 - NT_LN2_HIGH */
#define NT_LOG2_E 1.442695040888963f

/* x = n ln 2 + r with integral n and |r| <= ln(2)/2: returns r. */
static inline vf v_reduce_exp(vf x, vf *n)
{
    *n = v_round(v_mul(x, v_set1(NT_LOG2_E)));
    return v_fnma(*n, v_set1(NT_LN2_LOW), v_fnma(*n, v_set1(NT_LN2_HIGH), x));
}

/* e^x = 2^n e^r, e^r = 1 + r + r^2 q(r). Scaling takes two steps, as 2^n itself may be infinite or subnormal. */
static inline vf v_exp(vf x)
{
    vf n;
    x = v_min(v_set1(89.0f), v_max(v_set1(-104.0f), x));
    vf r = v_reduce_exp(x, &n);
    vf q = v_set1(1.38131449677e-3f);
    q = v_fma(q, r, v_set1(8.36941882203e-3f));
    q = v_fma(q, r, v_set1(4.16684567792e-2f));
    q = v_fma(q, r, v_set1(1.66665147916e-1f));
    q = v_fma(q, r, v_set1(4.99999930508e-1f));
    vf e = v_add(v_fma(v_mul(r, r), q, r), v_set1(1.0f));
    vf half = v_round(v_mul(n, v_set1(0.5f)));
    return v_mul(v_mul(e, v_pow2i(half)), v_pow2i(v_sub(n, half)));
}

/* e^x - 1 = 2^n p + (2^n - 1), p = e^r - 1 = r + r^2 q(r); computed with 2^(n-1), which stays finite, and doubled. */
static inline vf v_expm1(vf x)
{
    vf n;
    x = v_min(v_set1(89.0f), v_max(v_set1(-30.0f), x));
    vf r = v_reduce_exp(x, &n);
    vf q = v_set1(1.99646351859e-4f);
    q = v_fma(q, r, v_set1(1.39443139249e-3f));
    q = v_fma(q, r, v_set1(8.33321534301e-3f));
    q = v_fma(q, r, v_set1(4.16663130333e-2f));
    q = v_fma(q, r, v_set1(1.66666669172e-1f));
    q = v_fma(q, r, v_set1(5.00000005636e-1f));
    vf p = v_fma(v_mul(r, r), q, r);
    vf half_scale = v_pow2i(v_sub(n, v_set1(1.0f)));
    vf half = v_fma(half_scale, p, v_sub(half_scale, v_set1(0.5f)));
    return v_add(half, half);
}

/* log(1 + f) = f - f^2/2 + f^3 R(f) for 1 + f in [sqrt(1/2), sqrt(2)): R(f). */
static inline vf v_log_tail(vf f)
{
    vf q = v_set1(6.7466403058e-2f);
    q = v_fma(q, f, v_set1(-1.16756513143e-1f));
    q = v_fma(q, f, v_set1(1.18881620676e-1f));
    q = v_fma(q, f, v_set1(-1.24055889949e-1f));
    q = v_fma(q, f, v_set1(1.42195524007e-1f));
    q = v_fma(q, f, v_set1(-1.66679958507e-1f));
    q = v_fma(q, f, v_set1(2.00021186567e-1f));
    q = v_fma(q, f, v_set1(-2.50000095995e-1f));
    return v_fma(q, f, v_set1(3.33333126041e-1f));
}

/* Brings subnormal x into the normal range and splits it; the exponent returned is of x itself. */
static inline vf v_split_any(vf x, vf *e)
{
    vm tiny = v_lt(x, v_set1(1.17549435e-38f));
    vf m = v_split(v_select(tiny, v_mul(x, v_set1(16777216.0f)), x), e);
    *e = v_select(tiny, v_sub(*e, v_set1(24.0f)), *e);
    return m;
}

static inline vf v_log(vf x)
{
    vf e;
    vf f = v_sub(v_split_any(x, &e), v_set1(1.0f));
    vf f2 = v_mul(f, f);
    vf low = v_fma(v_mul(f2, f), v_log_tail(f), v_mul(e, v_set1(NT_LN2_LOW)));
    low = v_fma(f2, v_set1(-0.5f), low);
    vf y = v_fma(e, v_set1(NT_LN2_HIGH), v_add(f, low));
    y = v_select(v_eq(x, v_set1(INFINITY)), x, y);
    y = v_select(v_eq(x, v_zero()), v_set1(-INFINITY), y);
    return v_select(v_ge(x, v_zero()), y, v_set1(NAN));
}

/* log(1 + x) = log(u) + (x - (u - 1))/u with u = 1 + x rounded: the second term is what rounding lost. */
static inline vf v_log1p(vf x)
{
    vf u = v_add(v_set1(1.0f), x);
    vf lost = v_div(v_sub(x, v_sub(u, v_set1(1.0f))), u);
    vm plain = v_lt(v_abs(lost), v_set1(1.0f)); /* not where u is 0 or infinite */
    return v_add(v_log(u), v_select(plain, lost, v_zero()));
}

/* With t = e^(2|x|) - 1, tanh |x| = t/(t + 2). From 10 on it rounds to 1. */
static inline vf v_tanh(vf x)
{
    vf a = v_min(v_set1(10.0f), v_abs(x));
    vf t = v_expm1(v_add(a, a));
    vf y = v_div(t, v_add(t, v_set1(2.0f)));
    return v_select(v_lt(x, v_zero()), v_neg(y), y);
}

static inline vf v_sigmoid(vf x)
{
    return v_div(v_set1(1.0f), v_add(v_set1(1.0f), v_exp(v_neg(x))));
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). */
static inline vf v_softplus(vf x)
{
    return v_add(v_max(v_zero(), x), v_log1p(v_exp(v_neg(v_abs(x)))));
}

/* |x| < 1: x P(x^2), P fitted to erf(x)/x. Beyond: 1 - e^Q(|x|), Q fitted to log erfc on [1, 4]; from 4 on it rounds
 * to 1. */
static inline vf v_erf(vf x)
{
    vf u = v_mul(x, x);
    vf p = v_set1(7.85386083668e-5f);
    p = v_fma(p, u, v_set1(-8.01019346307e-4f));
    p = v_fma(p, u, v_set1(5.18832766669e-3f));
    p = v_fma(p, u, v_set1(-2.68538119251e-2f));
    p = v_fma(p, u, v_set1(1.12835851484e-1f));
    p = v_fma(p, u, v_set1(-3.76126258242e-1f));
    p = v_fma(p, u, v_set1(1.12837916573f));
    vf a = v_min(v_set1(4.0f), v_abs(x));
    vf q = v_set1(1.86379135432e-4f);
    q = v_fma(q, a, v_set1(-2.94765778275e-3f));
    q = v_fma(q, a, v_set1(2.18380620643e-2f));
    q = v_fma(q, a, v_set1(-1.0310675068e-1f));
    q = v_fma(q, a, v_set1(-6.38144837082e-1f));
    q = v_fma(q, a, v_set1(-1.12708918768f));
    q = v_fma(q, a, v_set1(-3.4152361426e-4f));
    vf far = v_sub(v_set1(1.0f), v_exp(q));
    far = v_select(v_lt(x, v_zero()), v_neg(far), far);
    return v_select(v_lt(v_abs(x), v_set1(1.0f)), v_mul(x, p), far);
}

/* a^b = e^(b log a) with the logarithm as a sum of two floats, as its rounding error is multiplied by b log a. */
static inline vf v_pow(vf a, vf b)
{
    vf e;
    vf f = v_sub(v_split_any(a, &e), v_set1(1.0f));
    vf f2 = v_mul(f, f);
    vf f2_low = v_fma(f, f, v_neg(f2));
    vf half_f2 = v_mul(v_set1(-0.5f), f2);
    vf scale = v_mul(e, v_set1(NT_LN2_HIGH));
    vf high = v_add(scale, f); /* |scale| > |f| or scale = 0: the error of the sum is exact */
    vf low = v_sub(f, v_sub(high, scale));
    low = v_select(v_eq(e, v_zero()), v_zero(), low);
    vf sum = v_add(high, half_f2); /* |high| > |f2/2| likewise */
    low = v_add(low, v_sub(half_f2, v_sub(sum, high)));
    low = v_fma(v_set1(-0.5f), f2_low, low);
    low = v_fma(e, v_set1(NT_LN2_LOW), low);
    low = v_fma(v_mul(f2, f), v_log_tail(f), low);
    vf log_a = v_add(sum, low);
    vf rest = v_sub(low, v_sub(log_a, sum));
    vf y = v_mul(b, log_a);
    vf y_low = v_fma(b, rest, v_fma(b, log_a, v_neg(y)));
    vm small = v_lt(v_abs(y), v_set1(104.0f));
    vf r = v_exp(y);
    return v_select(small, v_fma(r, y_low, r), r);
}

#undef NT_LN2_HIGH
#undef NT_LN2_LOW
#undef NT_LOG2_E

static inline vf v_uniform(uint64_t key, uint64_t index)
{
    uint32_t low = (uint32_t)index;
    if (low > UINT32_MAX - (VL - 1)) { /* the lanes lie in two blocks */
        real lanes[VL];
        for (int i = 0; i < VL; i++)
            lanes[i] = (real)nt_uniform_bits(key, index + (uint64_t)i) * 0x1p-24f;
        return v_load(lanes);
    }
    return v_uniform_in_block(low, nt_uniform_block(key, (uint32_t)(index >> 32)));
}

#endif
