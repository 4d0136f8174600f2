/* simd_libm.h - the mathematical functions of simd.h, lane by lane by libm: exact to its accuracy in any precision.
 * Included by the header of an ISA, after its arithmetic. */
#ifndef NT_SIMD_LIBM_H
#define NT_SIMD_LIBM_H

#include <math.h>

#ifdef NT_DOUBLE
#define NT_LIBM(name) name
#else
#define NT_LIBM(name) name##f
#endif

static inline vf v_exp(vf a)
{
    real lane[VL];
    v_store(lane, a);
    for (int i = 0; i < VL; i++)
        lane[i] = NT_LIBM(exp)(lane[i]);
    return v_load(lane);
}

static inline vf v_expm1(vf a)
{
    real lane[VL];
    v_store(lane, a);
    for (int i = 0; i < VL; i++)
        lane[i] = NT_LIBM(expm1)(lane[i]);
    return v_load(lane);
}

static inline vf v_log(vf a)
{
    real lane[VL];
    v_store(lane, a);
    for (int i = 0; i < VL; i++)
        lane[i] = NT_LIBM(log)(lane[i]);
    return v_load(lane);
}

static inline vf v_log1p(vf a)
{
    real lane[VL];
    v_store(lane, a);
    for (int i = 0; i < VL; i++)
        lane[i] = NT_LIBM(log1p)(lane[i]);
    return v_load(lane);
}

static inline vf v_tanh(vf a)
{
    real lane[VL];
    v_store(lane, a);
    for (int i = 0; i < VL; i++)
        lane[i] = NT_LIBM(tanh)(lane[i]);
    return v_load(lane);
}

static inline vf v_sigmoid(vf a)
{
    real lane[VL];
    v_store(lane, a);
    for (int i = 0; i < VL; i++)
        lane[i] = 1 / (1 + NT_LIBM(exp)(-lane[i]));
    return v_load(lane);
}

static inline real v_softplus_lane(real a)
{
    return (a > 0 ? a : 0) + NT_LIBM(log1p)(NT_LIBM(exp)(-NT_LIBM(fabs)(a)));
}

static inline vf v_softplus(vf a)
{
    real lane[VL];
    v_store(lane, a);
    for (int i = 0; i < VL; i++)
        lane[i] = v_softplus_lane(lane[i]);
    return v_load(lane);
}

static inline vf v_erf(vf a)
{
    real lane[VL];
    v_store(lane, a);
    for (int i = 0; i < VL; i++)
        lane[i] = NT_LIBM(erf)(lane[i]);
    return v_load(lane);
}

static inline vf v_pow(vf a, vf b)
{
    real base[VL], exponent[VL];
    v_store(base, a);
    v_store(exponent, b);
    for (int i = 0; i < VL; i++)
        base[i] = NT_LIBM(pow)(base[i], exponent[i]);
    return v_load(base);
}

static inline void v_store_u8(uint8_t *p, vf v)
{
    real lane[VL];
    v_store(lane, v);
    for (int i = 0; i < VL; i++)
        p[i] = (uint8_t)lane[i];
}

static inline vf v_uniform(uint64_t key, uint64_t index)
{
    real lane[VL];
    for (int i = 0; i < VL; i++)
        lane[i] = (real)nt_uniform_bits(key, index + (uint64_t)i) * (real)0x1p-24;
    return v_load(lane);
}

#undef NT_LIBM

#endif
