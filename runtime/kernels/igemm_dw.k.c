/* igemm_dw.k.c - gradient of a convolution's or dense layer's weights, and of its bias.
 *
 *   dw[t*K_RUN + r][c] = sum over pixels of x[window of the pixel + K_TAP[t] + r] * dy[pixel][c]
 *   db[c] = sum over pixels of dy[pixel][c]
 *
 * The constants that igemm.k.c has too mean the same here: pixels are those of the output, their windows lie in x, taps
 * and runs make the rows k, and dw is written (not added to) in the panels of w, padding included: dy's padded channels
 * are zero. dy points at its first pixel, and pixel (n, h, w) of group g begins at
 *   dy + n*K_DY_S + h*K_DY_R + w*K_DY_P + g*K_DY_G
 * where a group has K_CO channels, padding included.
 *
 * Pixels come in blocks of K_MB. The blocks are divided into K_CHUNKS runs that are summed apart, each into its own
 * copy of dw and db in `work`, and added in the order of the chunks at the end: this feeds many threads where dw is too
 * small to. With K_CHUNKS = 1 dw is written directly and work may be NULL; otherwise it holds
 * K_CHUNKS * (K_GROUPS*K_TAPS*K_RUN*K_CO + (K_BIAS ? K_GROUPS*K_CO : 0)) elements.
 *
 * An item of work is a chunk's sum for K_PB panels by K_KS rows of dw. For each block of pixels it packs dy's block
 * densely, panel by panel, then goes down the rows of dw in tiles of K_MR rows by K_NR channels, all panels of a row
 * tile in turn. A tile's partial sums rest in dw between blocks. Memory is asked in time for the next tile's sums and,
 * during all tiles of a block, evenly, for the next block's pixels.
 *
 * A tile reads few rows of many windows. With many channels the windows lie a multiple of some KB apart, so that they
 * share a few sets of the first-level cache and push each other out of it. With K_X_P, the item's rows of a block are
 * therefore copied to pixels that lie K_X_P elements apart, best an odd number of lines. Tiles read the copy as they
 * read x. Few panels do not use the copy often enough to pay for it.
 * Every element is summed in the order of the pixels, within chunks whose limits depend on n and the constants only.
 *
 * With K_AT_ONCE the gradient of the weights is used up where it is made: each tile, once it has all its pixels, goes through the
 * optimizer's step (step.k.c, whose text then comes before this one's) to the parameters from element `place` on, and dw is never
 * stored: the tiles of an item rest in memory of the thread's own between blocks. K_CHUNKS is 1. An item's sum of squares is left in
 * squares[item] if that is not NULL; there are ceil(panels/K_PB) * ceil(K_TAPS*K_RUN/K_KS) items a group.
 *
 * Choosing constants: tests/kernels/bench_igemm.c has the rules as C (choose_igemm_dw). */
#include "../simd.h"
#ifndef K_OUT_H
#define K_OUT_H 8   /* output rows */
#define K_OUT_W 8   /* output columns */
#define K_IN_S 1600 /* elements between samples of x */
#define K_IN_R 160  /* ... output rows, times the stride */
#define K_IN_P 16   /* ... output columns, times the stride */
#define K_IN_G 0    /* ... groups */
#define K_DY_S 1536 /* elements between samples of dy */
#define K_DY_R 192  /* ... rows */
#define K_DY_P 24   /* ... pixels */
#define K_DY_G 0    /* ... groups */
#define K_GROUPS 1
#define K_TAPS 9
#define K_RUN 16
static const int K_TAP[] = {0, 16, 32, 160, 176, 192, 320, 336, 352};
#define K_CO 24 /* output channels of a group, padded */
#define K_NR 16 /* channels of a register tile */
#define K_LAST 8 /* K_CO % K_NR, the width of the last panel; not defined if it is 0 */
#define K_MR 6  /* rows of a register tile */
#define K_MB 64 /* pixels of a block */
#define K_PB 2  /* panels of an item */
#define K_KS 72 /* rows of an item */
#define K_X_P 80 /* elements between pixels of packed x, K_KS or more; not defined if x is not packed */
#define K_CHUNKS 2
#define K_BIAS 1
#endif
/* kernel { */

/* One register tile: `rows` rows of dw by `vectors` vectors of channels, over `count` pixels: row i's values of x are at
 * row[i] + at[p]. Adds to dw, or sets it if this is the `first` block. */
NT_INLINE void k_tile(int rows, int vectors, int count, int first, const real *const *restrict row,
                      const ptrdiff_t *restrict at, const real *restrict dy, real *restrict dw)
{
    const real *x[K_MR];
    vf acc[K_MR][K_NR / VL];
    for (int i = 0; i < rows; i++) {
        x[i] = row[i];
        for (int j = 0; j < vectors; j++)
            acc[i][j] = first ? v_zero() : v_load(dw + (i * vectors + j) * VL);
    }
    for (int p = 0; p < count; p++) {
        vf b[K_NR / VL];
        for (int j = 0; j < vectors; j++)
            b[j] = v_load(dy + j * VL);
        dy += vectors * VL;
        for (int i = 0; i < rows; i++) {
            vf a = v_set1(x[i][at[p]]);
            for (int j = 0; j < vectors; j++)
                acc[i][j] = v_fma(a, b[j], acc[i][j]);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            v_store(dw + (i * vectors + j) * VL, acc[i][j]);
}

/* Rows of the next tile where `left` are to do: as equal as possible, of the sizes that k_any has. */
static inline int k_rows(int left)
{
    int rows = left >= 2 * K_MR ? K_MR : left > K_MR ? (left + 1) / 2 : left;
    return rows > K_MR - 3 ? rows : rows >= K_MR / 2 ? K_MR / 2 : 1;
}

NT_INLINE void k_any(int rows, int vectors, int count, int first, const real *const *restrict row,
                     const ptrdiff_t *restrict at, const real *restrict dy, real *restrict dw)
{
    if (rows == K_MR)
        k_tile(K_MR, vectors, count, first, row, at, dy, dw);
    else if (K_MR > 1 && rows == K_MR - 1)
        k_tile(K_MR - 1, vectors, count, first, row, at, dy, dw);
    else if (K_MR > 2 && rows == K_MR - 2)
        k_tile(K_MR - 2, vectors, count, first, row, at, dy, dw);
    else if (K_MR > 4 && rows == K_MR / 2)
        k_tile(K_MR / 2, vectors, count, first, row, at, dy, dw);
    else
        k_tile(1, vectors, count, first, row, at, dy, dw);
}

/* The same for the two widths that a panel may have. Layers share these functions, most of what there is to compile:
 * they depend on the tile's size alone. */
static void k_rows_of(int rows, int count, int first, const real *const *restrict row, const ptrdiff_t *restrict at,
                      const real *restrict dy, real *restrict dw)
{
    k_any(rows, K_NR / VL, count, first, row, at, dy, dw);
}

#ifdef K_LAST
static void k_rows_of_last(int rows, int count, int first, const real *const *restrict row,
                           const ptrdiff_t *restrict at, const real *restrict dy, real *restrict dw)
{
    k_any(rows, K_LAST / VL, count, first, row, at, dy, dw);
}
#endif

static inline int k_pixels(int pixels, int block)
{
    return pixels - block * K_MB < K_MB ? pixels - block * K_MB : K_MB;
}

/* Where the windows of `count` pixels from `first` on lie in x, and the pixels in dy. */
static inline void k_places(int first, int count, ptrdiff_t *at, ptrdiff_t *dy_at)
{
    int n = first / (K_OUT_H * K_OUT_W), h = first / K_OUT_W % K_OUT_H, w = first % K_OUT_W;
    for (int p = 0; p < count; p++) {
        at[p] = (ptrdiff_t)n * K_IN_S + h * K_IN_R + w * K_IN_P;
        dy_at[p] = (ptrdiff_t)n * K_DY_S + h * K_DY_R + w * K_DY_P;
        if (++w == K_OUT_W) {
            w = 0;
            if (++h == K_OUT_H) {
                h = 0;
                n++;
            }
        }
    }
}

#ifdef K_X_P
/* Rows begin..end-1 of `count` pixels, whose windows lie at x + at[p], pixel by pixel: K_X_P elements apart. */
static inline void k_pack_x(const real *restrict x, int begin, int end, int count, const ptrdiff_t *restrict at,
                            real *restrict packed)
{
    for (int k = begin, length; k < end; k += length) {
        length = K_RUN - k % K_RUN < end - k ? K_RUN - k % K_RUN : end - k;
        for (int p = 0; p < count; p++) {
            const real *from = x + K_TAP[k / K_RUN] + k % K_RUN + at[p];
            real *to = packed + p * K_X_P + (k - begin);
            int i = 0;
            for (; i + VL <= length; i += VL)
                v_store(to + i, v_load(from + i));
            for (; i < length; i++)
                to[i] = from[i];
        }
    }
}
#endif

#ifdef K_AT_ONCE
static void k_main(int n, const real *restrict x, const real *restrict dy, const nt_pass *pass, size_t place, double lr_scale,
                   double decay, double l1, double *squares, real *restrict db)
#else
static void k_main(int n, const real *restrict x, const real *restrict dy, real *restrict dw, real *restrict db,
                   real *restrict work)
#endif
{
    const int rows = K_TAPS * K_RUN;
#ifndef K_AT_ONCE
    const int weights = K_GROUPS * rows * K_CO, total = weights + (K_BIAS ? K_GROUPS * K_CO : 0);
#endif
    const int panels = (K_CO + K_NR - 1) / K_NR, width_last = K_CO - (panels - 1) * K_NR;
    const int panel_sets = (panels + K_PB - 1) / K_PB, slices = (rows + K_KS - 1) / K_KS;
    const int pixels = n * K_OUT_H * K_OUT_W, blocks = (pixels + K_MB - 1) / K_MB;
    _Alignas(64) real packed[K_PB * K_MB * K_NR];
#ifdef K_AT_ONCE
    _Alignas(64) real sums[K_PB * K_KS * K_NR];
    const nt_rates rates = k_rates_of(pass, lr_scale, decay);
#endif
    ptrdiff_t x_places[2][K_MB], dy_places[2][K_MB];
#ifdef K_X_P
    _Alignas(64) real packed_x[K_MB * K_X_P];
    ptrdiff_t packed_places[K_MB];
    for (int p = 0; p < K_MB; p++)
        packed_places[p] = (ptrdiff_t)p * K_X_P;
#endif
#pragma omp for schedule(static)
    for (int item = 0; item < K_CHUNKS * K_GROUPS * panel_sets * slices; item++) {
        int slice = item % slices, panel_set = item / slices % panel_sets;
        int group = item / slices / panel_sets % K_GROUPS, chunk = item / slices / panel_sets / K_GROUPS;
        int first_block = (int)((int64_t)blocks * chunk / K_CHUNKS);
        int end_block = (int)((int64_t)blocks * (chunk + 1) / K_CHUNKS);
        int row_end = (slice + 1) * K_KS < rows ? (slice + 1) * K_KS : rows;
        int panel_end = (panel_set + 1) * K_PB < panels ? (panel_set + 1) * K_PB : panels;
#ifdef K_AT_ONCE
        real *sum_b = db;
        double square = 0;
#else
        real *sum_w = K_CHUNKS > 1 ? work + (ptrdiff_t)chunk * total : dw;
        real *sum_b = K_CHUNKS > 1 ? sum_w + weights : db;
#endif
        /* of a pixel: the item's rows in their last tap, which meets most pixels first, and the item's panels */
        int tap = (row_end - 1) / K_RUN, run = slice * K_KS > tap * K_RUN ? slice * K_KS - tap * K_RUN : 0;
        int x_lines = (row_end - tap * K_RUN - run + NT_LINE - 1) / NT_LINE;
        int pixel_lines = x_lines + ((panel_end - panel_set * K_PB) * K_NR + NT_LINE - 1) / NT_LINE;
        for (int block = first_block; block < end_block; block++) {
            int begin = block == first_block, count = k_pixels(pixels, block);
            int coming = block + 1 < end_block ? k_pixels(pixels, block + 1) : 0;
            const ptrdiff_t *at = x_places[block % 2], *next_at = x_places[(block + 1) % 2];
            const ptrdiff_t *dy_at = dy_places[block % 2], *next_dy_at = dy_places[(block + 1) % 2];
            if (begin)
                k_places(block * K_MB, count, x_places[block % 2], dy_places[block % 2]);
            k_places((block + 1) * K_MB, coming, x_places[(block + 1) % 2], dy_places[(block + 1) % 2]);
            int turns = ((row_end - slice * K_KS + K_MR - 1) / K_MR) * (panel_end - panel_set * K_PB);
            int to_fetch = coming * pixel_lines, share = (to_fetch + turns - 1) / turns;
            int fetched = 0, due = 0; /* lines asked for, and to be asked for by now */
            for (int panel = panel_set * K_PB; panel < panel_end; panel++) {
                int width = panel < panels - 1 ? K_NR : width_last, c = group * K_CO + panel * K_NR;
                const real *from = dy + group * K_DY_G + panel * K_NR;
                real *to = packed + (panel - panel_set * K_PB) * K_MB * K_NR;
                vf bias[K_NR / VL];
                for (int j = 0; j < K_NR / VL; j++)
                    bias[j] = v_zero();
                for (int p = 0; p < count; p++) {
                    for (int j = 0; j < K_NR / VL; j++) {
                        if (j * VL >= width)
                            break;
                        vf v = v_load(from + dy_at[p] + j * VL);
                        v_store(to + p * width + j * VL, v);
                        bias[j] = v_add(bias[j], v);
                    }
                }
                if (K_BIAS && slice == 0)
                    for (int j = 0; j < width; j += VL)
                        v_store(sum_b + c + j, begin ? bias[j / VL] : v_add(v_load(sum_b + c + j), bias[j / VL]));
            }
#ifdef K_X_P
            k_pack_x(x + group * K_IN_G, slice * K_KS, row_end, count, at, packed_x);
            at = packed_places;
#endif
            for (int k = slice * K_KS, tile; k < row_end; k += tile) {
                const real *row_x[K_MR];
                tile = k_rows(row_end - k);
                for (int i = 0; i < tile; i++)
#ifdef K_X_P
                    row_x[i] = packed_x + (k + i - slice * K_KS);
#else
                    row_x[i] = x + group * K_IN_G + K_TAP[(k + i) / K_RUN] + (k + i) % K_RUN;
#endif
                for (int panel = panel_set * K_PB; panel < panel_end; panel++) {
                    int width = panel < panels - 1 ? K_NR : width_last;
                    const real *panel_dy = packed + (panel - panel_set * K_PB) * K_MB * K_NR;
                    const ptrdiff_t element = (ptrdiff_t)rows * (group * K_CO + panel * K_NR) + k * width;
#ifdef K_AT_ONCE
                    /* where all pixels are in one block, the next tile can take the same place */
                    real *to = sums;
                    if (blocks > 1)
                        to += ((panel - panel_set * K_PB) * K_KS + k - slice * K_KS) * K_NR;
                    for (int line = 0; line < K_MR * width && block + 1 == end_block; line += NT_LINE)
                        for (int array = 0; array <= K_STATES; array++) /* the parameters, then the state */
                            nt_prefetch(array == 0 ? pass->params : pass->state + (ptrdiff_t)(array - 1) * K_SLOT,
                                        (ptrdiff_t)place + element + tile * width + line);
#else
                    real *to = sum_w + element;
                    for (int line = 0; line < K_MR * width; line += NT_LINE) {
                        nt_prefetch(to, tile * width + line);
                    }
#endif
#ifdef K_LAST
                    if (width != K_NR)
                        k_rows_of_last(tile, count, begin, row_x, at, panel_dy, to);
                    else
                        k_rows_of(tile, count, begin, row_x, at, panel_dy, to);
#else
                    k_rows_of(tile, count, begin, row_x, at, panel_dy, to);
#endif
#ifdef K_AT_ONCE
                    if (block + 1 == end_block) {
                        const size_t first = place + (size_t)element;
                        square += squares ? nt_square_sum(to, (size_t)(tile * width)) : 0;
                        k_step(pass, &rates, l1, to, first, first + (size_t)(tile * width));
                    }
#endif
                    due = due + share < to_fetch ? due + share : to_fetch;
                    for (; fetched < due; fetched++) {
                        int p = fetched / pixel_lines, line = fetched % pixel_lines;
                        if (line < x_lines)
                            nt_prefetch_far(x + group * K_IN_G + K_TAP[tap], next_at[p] + run + line * NT_LINE);
                        else
                            nt_prefetch_far(dy + group * K_DY_G + panel_set * K_PB * K_NR,
                                            next_dy_at[p] + (line - x_lines) * NT_LINE);
                    }
                }
            }
        }
#ifdef K_AT_ONCE
        if (squares)
            squares[item] = square;
#endif
    }
#ifndef K_AT_ONCE
    if (K_CHUNKS > 1) {
#pragma omp for schedule(static)
        for (int i = 0; i < total; i += VL) {
            vf sum = v_zero();
            for (int chunk = 0; chunk < K_CHUNKS; chunk++)
                if ((int64_t)blocks * chunk / K_CHUNKS < (int64_t)blocks * (chunk + 1) / K_CHUNKS) /* not empty */
                    sum = v_add(sum, v_load(work + (ptrdiff_t)chunk * total + i));
            v_store(i < weights ? dw + i : db + (i - weights), sum);
        }
    }
#endif
}
/* kernel } */
