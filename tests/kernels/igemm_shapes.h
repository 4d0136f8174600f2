/* igemm_shapes.h - what the tests of the product kernels share: random layers, tensors with halos, weight panels, naive
 * loops. Values are small integers, so that every sum is exact and kernels must agree with the naive loops to the
 * bit. */
#ifndef IGEMM_SHAPES_H
#define IGEMM_SHAPES_H

#include "../../runtime/simd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#ifdef _OPENMP
#include <omp.h>
#endif

/* A convolution; channels count a group's. A dense layer is one whose window is the whole input. */
typedef struct layer {
    int n, h, w, ci, co, groups, kh, kw, sh, sw, dh, dw, ph, pw;
    int oh, ow, ci_padded, co_padded; /* derived: see finish_layer */
} layer;

typedef struct tensor {
    real *memory, *base; /* base: first interior element */
    size_t elements;
    int s, r, p;
} tensor;

static unsigned random_state = 1;

static inline int random_int(int low, int high)
{
    random_state = random_state * 1664525u + 1013904223u;
    return low + (int)((random_state >> 8) % (unsigned)(high - low + 1));
}

static inline int round_up(int a, int to)
{
    return (a + to - 1) / to * to;
}

static inline void finish_layer(layer *l)
{
    l->oh = (l->h + 2 * l->ph - l->dh * (l->kh - 1) - 1) / l->sh + 1;
    l->ow = (l->w + 2 * l->pw - l->dw * (l->kw - 1) - 1) / l->sw + 1;
    l->ci_padded = round_up(l->ci, VL);
    l->co_padded = round_up(l->co, VL);
}

static inline layer random_layer(void)
{
    static const int windows[] = {1, 1, 2, 3, 3, 3, 4, 5, 7, 11};
    layer l = {.n = random_int(1, 7),
               .h = random_int(1, 12),
               .w = random_int(1, 12),
               .groups = random_int(0, 3) ? 1 : random_int(2, 4)};
    do {
        l.kh = windows[random_int(0, 9)];
        l.kw = random_int(0, 2) ? l.kh : windows[random_int(0, 9)];
        l.dh = random_int(0, 3) ? 1 : random_int(1, 3);
        l.dw = random_int(0, 3) ? l.dh : random_int(1, 3);
        l.ph = random_int(0, l.kh / 2 + 1);
        l.pw = random_int(0, l.kw / 2 + 1);
    } while (l.dh * (l.kh - 1) + 1 > l.h + 2 * l.ph || l.dw * (l.kw - 1) + 1 > l.w + 2 * l.pw);
    l.sh = random_int(1, 3);
    l.sw = random_int(0, 2) ? l.sh : random_int(1, 3);
    l.ci = random_int(0, 2) ? random_int(1, 40) : random_int(1, 4) * VL;
    l.co = random_int(0, 2) ? random_int(1, 40) : random_int(1, 4) * VL;
    finish_layer(&l);
    return l;
}

static inline void print_layer(const layer *l)
{
    print_message("n %d  %dx%dx%d -> %dx%dx%d  groups %d  window %dx%d  stride %dx%d  dilation %dx%d  pad %dx%d\n",
                  l->n, l->h, l->w, l->ci, l->oh, l->ow, l->co, l->groups, l->kh, l->kw, l->sh, l->sw, l->dh, l->dw,
                  l->ph, l->pw);
}

static inline void *allocate(size_t bytes)
{
    void *memory = calloc(bytes ? bytes : 1, 1);
    assert_non_null(memory);
    return memory;
}

/* n samples of h rows of w pixels of p elements with zero halos of the given widths; interiors stay zero. */
static inline tensor new_tensor(int n, int h, int w, int p, int halo_h, int halo_w)
{
    tensor t = {.p = p, .r = (w + 2 * halo_w) * p};
    t.s = (h + 2 * halo_h) * t.r;
    t.elements = (size_t)n * (size_t)t.s;
    t.memory = allocate(t.elements * sizeof(real));
    t.base = t.memory + halo_h * t.r + halo_w * p;
    return t;
}

/* Sets `channels` channels from `first` on of every pixel to small integers, or to arbitrary fractions. */
static inline void fill_tensor(tensor *t, int n, int h, int w, int first, int channels, int fractions)
{
    for (int s = 0; s < n; s++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                for (int c = first; c < first + channels; c++)
                    t->base[(size_t)s * (size_t)t->s + (size_t)(y * t->r + x * t->p + c)] =
                        fractions ? (real)random_int(-9999, 9999) / 10000 : (real)random_int(-4, 4);
}

static inline double value(const tensor *t, int n, int y, int x, int c)
{
    return (double)t->base[(ptrdiff_t)n * t->s + y * t->r + x * t->p + c];
}

/* Weights as panels: where row k, channel c of group g lies. */
static inline size_t panel_index(int g, int k, int c, int rows, int co_padded, int nr)
{
    int first = c / nr * nr, width = co_padded - first < nr ? co_padded - first : nr;
    return (size_t)rows * (size_t)(g * co_padded + first) + (size_t)(k * width + c - first);
}

static inline real *new_panels(const layer *l, int nr, int fractions)
{
    int rows = l->kh * l->kw * l->ci;
    real *w = allocate((size_t)(l->groups * rows * l->co_padded) * sizeof(real));
    for (int g = 0; g < l->groups; g++)
        for (int k = 0; k < rows; k++)
            for (int c = 0; c < l->co; c++)
                w[panel_index(g, k, c, rows, l->co_padded, nr)] =
                    fractions ? (real)random_int(-9999, 9999) / 10000 : (real)random_int(-4, 4);
    return w;
}

/* Whether window row i at output row o is in the input (likewise columns), and which row it is. */
static inline int input_row(int o, int i, int stride, int dilation, int pad, int size, int *row)
{
    *row = o * stride + i * dilation - pad;
    return *row >= 0 && *row < size;
}

#endif
