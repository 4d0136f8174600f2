/* nn_test.h - what the kernels' tests share: tensors with halos and padded lanes in the activations' layout, random
 * numbers, and checks.
 *
 * A test defines a kernel's K_* constants as fields of a struct, includes the kernel, and runs it over many shapes; the
 * naive loops it compares with compute in double. Memory around the tensors is NaN, so that a stray read shows in the
 * results and a stray write shows in tensor_check_around(); the address sanitizer sees the rest. */
#ifndef NT_NN_TEST_H
#define NT_NN_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../runtime/simd.h"

static int team_size = 1;

/* Makes a call to a kernel by every thread of a team. */
#ifdef _OPENMP
#define WITH_TEAM(threads, call)                            \
    do {                                                    \
        team_size = threads;                                \
        _Pragma("omp parallel num_threads(team_size)") call; \
    } while (0)
#else
#define WITH_TEAM(threads, call) \
    do {                         \
        team_size = threads;     \
        call;                    \
    } while (0)
#endif

/* Rounding unit of the scalar type. */
static const double unit = sizeof(real) == sizeof(float) ? 0x1p-24 : 0x1p-53;

static uint64_t random_state = 1;

static inline uint32_t random_bits(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33);
}

static inline int random_in(int low, int high)
{
    return low + (int)(random_bits() % (uint32_t)(high - low + 1));
}

static inline double random_real(double low, double high)
{
    return low + (high - low) * random_bits() / 0x1p31;
}

static inline int round_up(int channels)
{
    return (channels + VL - 1) / VL * VL;
}

/* n samples of h x w pixels of c channels (cp with padding), strides sample, row and pixel; `at` is the first interior
 * element. */
typedef struct tensor {
    int n, h, w, c, cp, sample, row, pixel;
    size_t elements;
    real *memory, *at;
} tensor;

static inline void *checked(void *memory)
{
    if (!memory)
        fail_msg("out of memory");
    return memory;
}

/* Interior channels and padded lanes are left at zero, all else is NaN. */
static inline tensor tensor_new(int n, int h, int w, int c, int halo)
{
    tensor t = {.n = n, .h = h, .w = w, .c = c, .cp = round_up(c)};
    t.pixel = t.cp + (halo > 1 ? VL : 0);
    t.row = (w + 2 * halo) * t.pixel;
    t.sample = (h + 2 * halo) * t.row;
    t.elements = (size_t)n * t.sample;
    t.memory = checked(malloc(t.elements * sizeof *t.memory));
    t.at = t.memory + halo * t.row + halo * t.pixel;
    for (size_t e = 0; e < t.elements; e++)
        t.memory[e] = (real)NAN;
    for (int pixel = 0; pixel < n * h * w; pixel++)
        memset(t.at + pixel / (h * w) * t.sample + pixel / w % h * t.row + pixel % w * t.pixel, 0, t.cp * sizeof *t.at);
    return t;
}

static inline void tensor_free(tensor *t)
{
    free(t->memory);
}

static inline real *tensor_ref(const tensor *t, int i, int h, int w, int c)
{
    return t->at + (size_t)i * t->sample + h * t->row + w * t->pixel + c;
}

/* Channels uniform in [low, high); `padding` in the padded lanes. */
static inline void tensor_fill(tensor *t, double low, double high, double padding)
{
    for (int i = 0; i < t->n; i++)
        for (int h = 0; h < t->h; h++)
            for (int w = 0; w < t->w; w++)
                for (int c = 0; c < t->cp; c++)
                    *tensor_ref(t, i, h, w, c) = (real)(c < t->c ? random_real(low, high) : padding);
}

/* Fails unless the memory between the tensor's pixels is still NaN. */
static inline void tensor_check_around(const tensor *t)
{
    size_t numbers = 0, inside = 0;
    for (size_t e = 0; e < t->elements; e++)
        numbers += !isnan(t->memory[e]);
    for (int i = 0; i < t->n; i++)
        for (int h = 0; h < t->h; h++)
            for (int w = 0; w < t->w; w++)
                for (int c = 0; c < t->cp; c++)
                    inside += !isnan(*tensor_ref(t, i, h, w, c));
    assert_int_equal(numbers, inside);
}

/* Fails unless |got - want| <= tolerance, or both are NaN. */
static inline void check_close(double got, double want, double tolerance, const char *what, int i, int h, int w, int c)
{
    if (!(fabs(got - want) <= tolerance) && !(isnan(got) && isnan(want)) && got != want)
        fail_msg("%s[%d][%d][%d][%d] is %.9g, not %.9g (difference %.3g, allowed %.3g)", what, i, h, w, c, got, want,
                 fabs(got - want), tolerance);
}

/* Fails unless every padded lane is zero. */
static inline void tensor_check_padding(const tensor *t, const char *what)
{
    for (int i = 0; i < t->n; i++)
        for (int h = 0; h < t->h; h++)
            for (int w = 0; w < t->w; w++)
                for (int c = t->c; c < t->cp; c++)
                    check_close(*tensor_ref(t, i, h, w, c), 0, 0, what, i, h, w, c);
}

/* Fails unless two tensors of one shape are equal bit for bit. */
static inline void tensor_check_same(const tensor *a, const tensor *b)
{
    assert_int_equal(a->elements, b->elements);
    assert_memory_equal(a->memory, b->memory, a->elements * sizeof *a->memory);
}

static inline real *values_new(size_t count)
{
    real *v = checked(malloc((count ? count : 1) * sizeof *v));
    for (size_t e = 0; e < count; e++)
        v[e] = (real)NAN;
    return v;
}

static inline void values_fill(real *v, size_t count, double low, double high)
{
    for (size_t e = 0; e < count; e++)
        v[e] = (real)random_real(low, high);
}

#endif
