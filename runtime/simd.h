/* simd.h - vectors of VL reals: the only way kernels and emitted code touch the processor's vector unit.
 *
 * A target defines NT_TARGET_<ISA> on the compiler's command line, and this file includes the header of that ISA for
 * float, or for double; without one simd_generic.h (plain C) serves. An ISA's header gives the types and functions below;
 * those whose arithmetic is polynomials in float (v_exp ... v_pow) it gets from simd_math.h, which is written in terms
 * of the others, and in double from simd_libm.h.
 *
 *   VL                       reals a vector
 *   vf, vm                   VL reals; VL truth values
 *   v_load(p) v_store(p, v)  VL elements from or to any address (of a real)
 *   v_load_n(p, k)           the first k (0..VL) elements, the other lanes zero; touches no memory past them
 *   v_load_at(p, at, k)      the k elements at p in the lanes from `at` on (at + k: 0..VL), the other lanes zero; touches
 *                            no other memory
 *   v_store_n(p, v, k)       the first k lanes only
 *   v_stream(p, v)           v_store to a multiple of a vector's size, past the caches: for whole lines of large arrays
 *                            that are read much later. Before other threads may read, v_stream_end().
 *   v_held(v)                v, which the compiler then keeps in a register: it would read an operand of many products from
 *                            memory for each, which takes more loads than there is time for
 *   v_zero() v_set1(a)
 *   v_repeat(p, k)           the k elements at p (1, 2 or 4) again and again
 *   v_iota()                 0, 1, 2, ... VL-1
 *   v_add v_sub v_mul v_div v_neg v_abs v_sqrt
 *   v_fma(a, b, c)           a*b + c        v_fnma(a, b, c)  c - a*b        (one rounding where the processor can)
 *   v_max(a, b) v_min(a, b)  a if it is the larger (smaller), otherwise b: a NaN in b is kept, so write v_max(zero, x)
 *   v_gt v_ge v_lt v_le v_eq comparisons; false with a NaN
 *   v_select(m, a, b)        a where m is true, else b
 *   v_sum v_hmax             sum and maximum of the lanes, as a balanced tree: lane i with lane i + VL/2 first
 *   v_transpose(rows)        VL vectors: lane j of rows[i] and lane i of rows[j] change places
 *   v_exp v_log v_log1p v_expm1 v_tanh v_sigmoid v_erf v_softplus v_pow(a > 0, b)
 *   v_eq_u8(p, t)            which of the VL bytes at p equal t
 *   v_store_u8(p, v)         VL bytes; the lanes hold integers 0..255
 *   v_uniform(key, index)    lane i: number index + i of the random stream `key`, in [0, 1); see nt_uniform_bits()
 *
 * Accuracy (float, against the exact value; tests/kernels/test_simd.c measures it): exp, log, log1p, expm1, softplus 2
 * ulp; tanh, sigmoid, erf 3 ulp; pow 3 ulp where |b log a| < 16. Every finite argument in the domain gives a value that
 * is not NaN: what overflows is infinite, what underflows is zero or subnormal. */
#ifndef NT_SIMD_H
#define NT_SIMD_H

#include "real.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* For the parts of a kernel that only become good code once their constant arguments are known, and for inner loops that would not
 * find registers enough among all that their caller keeps in some. */
#ifdef __GNUC__
#define NT_INLINE static inline __attribute__((always_inline))
#define NT_APART static __attribute__((noinline))
#else
#define NT_INLINE static inline
#define NT_APART static
#endif

enum { NT_LINE = 64 / sizeof(real) }; /* reals in a line of the caches */

/* Asks for the line of base[i] ahead of its use. Any i does: nothing is read. */
NT_INLINE void nt_prefetch(const real *base, ptrdiff_t i)
{
#ifdef __GNUC__
    __builtin_prefetch((const void *)((uintptr_t)base + (uintptr_t)i * sizeof(real)));
#else
    (void)base;
    (void)i;
#endif
}

/* The same, into the second-level cache: for what is used later than soon. */
NT_INLINE void nt_prefetch_far(const real *base, ptrdiff_t i)
{
#ifdef __GNUC__
    __builtin_prefetch((const void *)((uintptr_t)base + (uintptr_t)i * sizeof(real)), 0, 2);
#else
    (void)base;
    (void)i;
#endif
}

/* Where lane 0 would lie if lane `at` lay at p: for loads whose masks leave out what lies before p. */
static inline const real *nt_lane_0(const real *p, int at)
{
    return (const real *)((uintptr_t)p - (uintptr_t)at * sizeof(real));
}

/* Keys of the lanes' hash for one 32-bit block of a stream: 64-bit mixing of the stream's key and the counter's upper
 * half. */
static inline uint64_t nt_uniform_block(uint64_t key, uint32_t index_high)
{
    uint64_t z = key + (index_high + UINT64_C(1)) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 32)) * UINT64_C(0xD6E8FEB86659FD93);
    z = (z ^ (z >> 29)) * UINT64_C(0xA0761D6478BD642F);
    return z ^ (z >> 32);
}

/* The generator behind v_uniform: 24 random bits for number `index` of stream `key`. Counter based, so that any number
 * can be made by any thread in any order. The counter's lower half goes through two keyed rounds of multiply and
 * xor-shift, a bijection of 32 bits whose steps every vector unit has; v_uniform is this times 2^-24. */
static inline uint32_t nt_uniform_bits(uint64_t key, uint64_t index)
{
    uint64_t block = nt_uniform_block(key, (uint32_t)(index >> 32));
    uint32_t x = (uint32_t)index ^ (uint32_t)block;
    x = (x ^ (x >> 16)) * UINT32_C(0x85EBCA6B);
    x = (x ^ (x >> 13)) * UINT32_C(0xC2B2AE35);
    x = (x ^ (x >> 16)) + (uint32_t)(block >> 32);
    x = (x ^ (x >> 15)) * UINT32_C(0x2C1B3C6D);
    x = (x ^ (x >> 12)) * UINT32_C(0x297A2D39);
    return (x ^ (x >> 15)) >> 8;
}

#if defined(NT_TARGET_AVX512) && defined(NT_DOUBLE)
#include "simd_avx512_double.h"
#elif defined(NT_TARGET_AVX512)
#include "simd_avx512.h"
#elif defined(NT_TARGET_AVX2) && defined(NT_DOUBLE)
#include "simd_avx2_double.h"
#elif defined(NT_TARGET_AVX2)
#include "simd_avx2.h"
#elif defined(NT_TARGET_NEON) && !defined(NT_DOUBLE)
#include "simd_neon.h"
#else
#include "simd_generic.h"
#endif

#endif
