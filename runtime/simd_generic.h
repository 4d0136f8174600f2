/* simd_generic.h - vectors as arrays of 8 reals, in plain C: any processor, float and double. With libm's mathematical
 * functions this is also the reference which other ISAs are tested against. See simd.h. */
#ifndef NT_SIMD_GENERIC_H
#define NT_SIMD_GENERIC_H

#include <math.h>

#ifdef NT_DOUBLE
#define NT_LIBM(name) name
#else
#define NT_LIBM(name) name##f
#endif

#define VL 8

typedef struct vf {
    real lane[VL];
} vf;

typedef struct vm {
    int lane[VL];
} vm;

static inline vf v_load(const real *p)
{
    vf v;
    memcpy(v.lane, p, sizeof v.lane);
    return v;
}

static inline void v_store(real *p, vf v)
{
    memcpy(p, v.lane, sizeof v.lane);
}

static inline void v_stream(real *p, vf v)
{
    v_store(p, v);
}

static inline void v_stream_end(void)
{
}

static inline vf v_held(vf v)
{
    return v;
}

static inline vf v_set1(real a)
{
    vf v;
    for (int i = 0; i < VL; i++)
        v.lane[i] = a;
    return v;
}

static inline vf v_repeat(const real *p, int k)
{
    vf v;
    for (int i = 0; i < VL; i++)
        v.lane[i] = p[i % k];
    return v;
}

static inline vf v_zero(void)
{
    return v_set1(0);
}

static inline vf v_iota(void)
{
    vf v;
    for (int i = 0; i < VL; i++)
        v.lane[i] = (real)i;
    return v;
}

static inline vf v_load_n(const real *p, int k)
{
    vf v = v_zero();
    for (int i = 0; i < k; i++)
        v.lane[i] = p[i];
    return v;
}

static inline vf v_load_at(const real *p, int at, int k)
{
    vf v = v_zero();
    for (int i = 0; i < k; i++)
        v.lane[at + i] = p[i];
    return v;
}

static inline void v_store_n(real *p, vf v, int k)
{
    for (int i = 0; i < k; i++)
        p[i] = v.lane[i];
}

static inline vf v_add(vf a, vf b)
{
    for (int i = 0; i < VL; i++)
        a.lane[i] = a.lane[i] + b.lane[i];
    return a;
}

static inline vf v_sub(vf a, vf b)
{
    for (int i = 0; i < VL; i++)
        a.lane[i] = a.lane[i] - b.lane[i];
    return a;
}

static inline vf v_mul(vf a, vf b)
{
    for (int i = 0; i < VL; i++)
        a.lane[i] = a.lane[i] * b.lane[i];
    return a;
}

static inline vf v_div(vf a, vf b)
{
    for (int i = 0; i < VL; i++)
        a.lane[i] = a.lane[i] / b.lane[i];
    return a;
}

static inline vf v_fma(vf a, vf b, vf c)
{
    for (int i = 0; i < VL; i++)
        c.lane[i] = a.lane[i] * b.lane[i] + c.lane[i];
    return c;
}

static inline vf v_fnma(vf a, vf b, vf c)
{
    for (int i = 0; i < VL; i++)
        c.lane[i] = c.lane[i] - a.lane[i] * b.lane[i];
    return c;
}

static inline vf v_max(vf a, vf b)
{
    for (int i = 0; i < VL; i++)
        a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
    return a;
}

static inline vf v_min(vf a, vf b)
{
    for (int i = 0; i < VL; i++)
        a.lane[i] = a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i];
    return a;
}

static inline vf v_neg(vf a)
{
    for (int i = 0; i < VL; i++)
        a.lane[i] = -a.lane[i];
    return a;
}

static inline vf v_abs(vf a)
{
    for (int i = 0; i < VL; i++)
        a.lane[i] = NT_LIBM(fabs)(a.lane[i]);
    return a;
}

static inline vf v_sqrt(vf a)
{
    for (int i = 0; i < VL; i++)
        a.lane[i] = NT_LIBM(sqrt)(a.lane[i]);
    return a;
}

static inline vm v_gt(vf a, vf b)
{
    vm m;
    for (int i = 0; i < VL; i++)
        m.lane[i] = a.lane[i] > b.lane[i];
    return m;
}

static inline vm v_ge(vf a, vf b)
{
    vm m;
    for (int i = 0; i < VL; i++)
        m.lane[i] = a.lane[i] >= b.lane[i];
    return m;
}

static inline vm v_lt(vf a, vf b)
{
    vm m;
    for (int i = 0; i < VL; i++)
        m.lane[i] = a.lane[i] < b.lane[i];
    return m;
}

static inline vm v_le(vf a, vf b)
{
    vm m;
    for (int i = 0; i < VL; i++)
        m.lane[i] = a.lane[i] <= b.lane[i];
    return m;
}

static inline vm v_eq(vf a, vf b)
{
    vm m;
    for (int i = 0; i < VL; i++)
        m.lane[i] = a.lane[i] == b.lane[i];
    return m;
}

static inline vf v_select(vm m, vf a, vf b)
{
    for (int i = 0; i < VL; i++)
        b.lane[i] = m.lane[i] ? a.lane[i] : b.lane[i];
    return b;
}

static inline real v_sum(vf a)
{
    for (int half = VL / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a.lane[i] += a.lane[i + half];
    return a.lane[0];
}

static inline real v_hmax(vf a)
{
    for (int half = VL / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a.lane[i] = a.lane[i] > a.lane[i + half] ? a.lane[i] : a.lane[i + half];
    return a.lane[0];
}

static inline void v_transpose(vf rows[VL])
{
    for (int i = 0; i < VL; i++) {
        for (int j = 0; j < i; j++) {
            real a = rows[i].lane[j];
            rows[i].lane[j] = rows[j].lane[i];
            rows[j].lane[i] = a;
        }
    }
}

static inline vm v_eq_u8(const uint8_t *p, int t)
{
    vm m;
    for (int i = 0; i < VL; i++)
        m.lane[i] = p[i] == t;
    return m;
}

#undef NT_LIBM

#include "simd_libm.h"

#endif
