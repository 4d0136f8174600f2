/* dense_dx.k.c - the gradient of a dense layer to its input; weights are read as they lie.
 *
 *   dx[n][p][c] = sum over o of  dy[n][o] * w[p*K_CI + c][o]      p: pixel of the input volume, c: its channel
 *
 * Sample n's outputs begin at dy + n*K_IN_S. w: the layer's forward panels of K_NR outputs, the last K_CO % K_NR
 * wide if that is not 0; a panel is K_PIXELS*K_CI rows of its width. K_CO (the padded outputs, which are zero in
 * dy) and K_NR are multiples of VL.
 *
 * The lanes of a vector are VL/K_ABREAST samples, each with K_ABREAST outputs that follow each other, which are added in the end:
 * 1, or 2 or 4 where samples are few. So weights are read as they lie, one, two or four repeated in all lanes, and what is turned
 * is dy, which is much smaller, and the results of an item, once. Lanes without a sample are zero and not stored.
 *
 * Up to K_MB samples pass at a time. Their dy is turned by all threads into `turned`, of K_CO elements for each of the K_MB samples
 * rounded up to two vectors of them: [part of two vectors][o/K_ABREAST][sample][o%K_ABREAST]. Then an item of work is K_VB vectors of
 * dx for all of them. Its rows of K_PB panels, which the second-level cache has room for, pass once for each part of the samples,
 * whose share of `turned` fits the first-level cache, six rows by two vectors in registers, or twelve by one; from one set of
 * panels to the next the sums rest in the second-level cache. While they pass, memory is asked for the next set's.
 * Every output is summed in the same order, whatever n, the sample's place and the number of threads.
 *
 * Hooks: K_STORE(v, n, h, w, c), once for each vector of dx, and K_AHEAD(n, h, w, c) before, for each line of the
 * caches that K_STORE will touch; h and w are 0, c is p*(K_CI padded to VL) + channel. Lanes that pad K_CI are
 * zero. */
#include "../simd.h"
#ifndef K_PIXELS
#define K_IN_S 48 /* elements between samples of dy */
#define K_PIXELS 4
#define K_CI 20  /* channels of a pixel */
#define K_CO 40  /* outputs, padded */
#define K_NR 16  /* width of w's panels */
#define K_LAST 8 /* K_CO % K_NR; not defined if it is 0 */
#define K_ABREAST 1 /* outputs of a sample in a vector: 1, 2 or 4 */
#define K_MB 32     /* samples that pass at a time */
#define K_VB 4      /* vectors of dx of an item */
#define K_PB 2      /* panels that pass at a time */
#define K_ARGS , real *restrict dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) v_store(dx + (n) * K_PIXELS * ((K_CI + VL - 1) / VL * VL) + (c), v)
#define K_AHEAD(n, h, w, c) nt_prefetch_far(dx, (n) * K_PIXELS * ((K_CI + VL - 1) / VL * VL) + (c))
#endif
/* kernel { */

/* One register tile: adds the products of `rows` rows of `panels` panels from w on and `vectors` vectors of samples to
 * sums[rows][2*VL], or sets these if the panels are the `first`. Of each `every`th panel from number `turn` on it asks for
 * the rows that lie `ahead` elements ahead. */
NT_INLINE void k_tile(int rows, int vectors, int width, int panels, int first, const real *restrict w, ptrdiff_t panel_size,
                      const real *restrict turned, int turn, int every, ptrdiff_t ahead, real *restrict sums)
{
    vf acc[12][2];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            acc[i][j] = first ? v_zero() : v_load(sums + (i * 2 + j) * VL);
    for (int panel = 0; panel < panels; panel++) {
        for (int o = 0; o < width; o += K_ABREAST) {
            vf b[2];
            for (int j = 0; j < vectors; j++)
                b[j] = v_load(turned + j * VL);
            turned += vectors * VL;
            for (int i = 0; i < rows; i++) {
                vf a = v_repeat(w + i * width + o, K_ABREAST);
                for (int j = 0; j < vectors; j++)
                    acc[i][j] = v_fma(a, b[j], acc[i][j]);
            }
        }
        if (panel == turn) {
            for (int line = 0; line < rows * width; line += NT_LINE)
                nt_prefetch_far(w, ahead + line);
            turn += every;
        }
        w += panel_size;
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            v_store(sums + (i * 2 + j) * VL, acc[i][j]);
}

/* The rows of an item. */
NT_INLINE void k_rows(int rows, int vectors, int width, int panels, int first, const real *restrict w, ptrdiff_t panel_size,
                      const real *restrict turned, int turn, int every, ptrdiff_t ahead, real *restrict sums)
{
    const int most = vectors == 2 ? 6 : 12;
    for (; rows >= most; rows -= most, w += most * width, sums += most * 2 * VL)
        k_tile(most, vectors, width, panels, first, w, panel_size, turned, turn, every, ahead, sums);
    for (; rows >= 3; rows -= 3, w += 3 * width, sums += 3 * 2 * VL)
        k_tile(3, vectors, width, panels, first, w, panel_size, turned, turn, every, ahead, sums);
    for (; rows > 0; rows--, w += width, sums += 2 * VL)
        k_tile(1, vectors, width, panels, first, w, panel_size, turned, turn, every, ahead, sums);
}

/* The same for the two widths that a panel may have. Layers share these functions, most of what there is to
 * compile. */
NT_APART void k_set(int rows, int vectors, int panels, int first, const real *restrict w, ptrdiff_t panel_size,
                    const real *restrict turned, int turn, int every, ptrdiff_t ahead, real *restrict sums)
{
    if (vectors == 2)
        k_rows(rows, 2, K_NR, panels, first, w, panel_size, turned, turn, every, ahead, sums);
    else
        k_rows(rows, 1, K_NR, panels, first, w, panel_size, turned, turn, every, ahead, sums);
}

#ifdef K_LAST
NT_APART void k_set_last(int rows, int vectors, int first, const real *restrict w, const real *restrict turned, real *restrict sums)
{
    if (vectors == 2)
        k_rows(rows, 2, K_LAST, 1, first, w, 0, turned, 1, 1, 0, sums);
    else
        k_rows(rows, 1, K_LAST, 1, first, w, 0, turned, 1, 1, 0, sums);
}
#endif

/* VL outputs, from dy on, of `count` samples, to turned[o/K_ABREAST][vectors*VL]. */
NT_INLINE void k_turn(int count, int vectors, const real *restrict dy, real *restrict turned)
{
    const int lanes = VL / K_ABREAST;
    for (int j = 0; j < vectors; j++) {
        if (K_ABREAST == 1) {
            vf square[VL];
            for (int i = 0; i < VL; i++)
                square[i] = j * VL + i < count ? v_load(dy + (ptrdiff_t)(j * VL + i) * K_IN_S) : v_zero();
            v_transpose(square);
            for (int i = 0; i < VL; i++)
                v_store(turned + (i * vectors + j) * VL, square[i]);
            continue;
        }
        for (int i = 0; i < lanes; i++) {
            const int is_sample = j * lanes + i < count;
            const real *from = dy + (is_sample ? (ptrdiff_t)(j * lanes + i) * K_IN_S : 0);
            for (int o = 0; o < lanes; o++)
                for (int k = 0; k < K_ABREAST; k++)
                    turned[(o * vectors + j) * VL + i * K_ABREAST + k] = is_sample ? from[o * K_ABREAST + k] : 0;
        }
    }
}

static void k_main(int n, const real *restrict dy, const real *restrict w, real *restrict turned K_ARGS)
{
    const int lanes = VL / K_ABREAST, of_part = 2 * lanes; /* samples of a vector, and of two */
    const int of_pixel = (K_CI + VL - 1) / VL, vectors = K_PIXELS * of_pixel, slices = (vectors + K_VB - 1) / K_VB;
    const int panels = K_CO / K_NR, sets = (panels + K_PB - 1) / K_PB, blocks = (n + K_MB - 1) / K_MB;
    const ptrdiff_t panel_size = (ptrdiff_t)K_PIXELS * K_CI * K_NR, turned_size = (ptrdiff_t)K_CO * of_part;
    _Alignas(64) real sums[(K_MB + of_part - 1) / of_part * K_VB * VL * 2 * VL];
    for (int block = 0; block < blocks; block++) {
        const int first = (int)((int64_t)n * block / blocks), count = (int)((int64_t)n * (block + 1) / blocks) - first;
        const int parts = (count + of_part - 1) / of_part, last = (count - (parts - 1) * of_part + lanes - 1) / lanes; /* its vectors */
#pragma omp for schedule(static)
        for (int i = 0; i < K_CO / VL * parts; i++) {
            const int part = i % parts, o = i / parts * VL, width = part < parts - 1 ? 2 : last;
            k_turn(count - part * of_part, width, dy + (ptrdiff_t)(first + part * of_part) * K_IN_S + o,
                   turned + part * turned_size + o * width * lanes);
        }
#pragma omp for schedule(static)
        for (int slice = 0; slice < slices; slice++) {
            const int begin = slice * K_VB, end = begin + K_VB < vectors ? begin + K_VB : vectors;
            const int row_begin = begin / of_pixel * K_CI + begin % of_pixel * VL;
            const int row_end = end / of_pixel * K_CI + end % of_pixel * VL, rows = row_end - row_begin;
            const real *slice_w = w + (ptrdiff_t)row_begin * K_NR;
            for (int s = 0; s < sets; s++) {
                const int panel = (int)((int64_t)panels * s / sets), set = (int)((int64_t)panels * (s + 1) / sets) - panel;
                const ptrdiff_t ahead = s + 1 < sets ? set * panel_size : (ptrdiff_t)rows * K_NR - panel * panel_size;
                for (int i = 0; i < count && s + 1 == sets; i++)
                    K_AHEAD(first + i, 0, 0, begin * VL / NT_LINE * NT_LINE);
                for (int part = 0; part < parts; part++) {
                    const int width = part < parts - 1 ? 2 : last;
                    k_set(rows, width, set, s == 0, slice_w + panel * panel_size, panel_size,
                          turned + part * turned_size + panel * K_NR * width * lanes, part, parts, ahead,
                          sums + (ptrdiff_t)part * K_VB * VL * 2 * VL);
                }
            }
#ifdef K_LAST
            for (int part = 0; part < parts; part++) {
                const int width = part < parts - 1 ? 2 : last;
                k_set_last(rows, width, panels == 0, w + panels * panel_size + (ptrdiff_t)row_begin * K_LAST,
                           turned + part * turned_size + panels * K_NR * width * lanes, sums + (ptrdiff_t)part * K_VB * VL * 2 * VL);
            }
#endif
            for (int v = begin; v < end; v++) {
                const int c = v % of_pixel * VL, row = v / of_pixel * K_CI + c - row_begin;
                const int is_line = v + 1 < end && (v + 1) * VL % NT_LINE == 0; /* that the next vector begins */
                for (int i = 0; i < count; i += lanes) {
                    for (int j = i; j < i + lanes && j < count && is_line; j++)
                        K_AHEAD(first + j, 0, 0, (v + 1) * VL);
                    const real *from = sums + ((ptrdiff_t)(i / of_part) * K_VB * VL + row) * 2 * VL + i % of_part * K_ABREAST;
                    vf square[VL];
                    for (int j = 0; j < VL; j++)
                        square[j] = c + j < K_CI ? v_load(from + j * 2 * VL) : v_zero();
                    v_transpose(square);
                    for (int j = 0; j < lanes && i + j < count; j++) {
                        vf sum = square[j * K_ABREAST];
                        for (int k = 1; k < K_ABREAST; k++)
                            sum = v_add(sum, square[j * K_ABREAST + k]);
                        K_STORE(sum, first + i + j, 0, 0, v * VL);
                    }
                }
            }
        }
    }
}
/* kernel } */
