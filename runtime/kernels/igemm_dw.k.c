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
 * An item of work is a chunk's sum for K_PB panels by K_KS rows of dw, in tiles of K_MR rows by K_NR channels, block
 * of pixels by block. A tile's partial sums rest in dw between blocks. There are two forms:
 *
 *   K_PACK not defined   dy's block is packed densely, panel by panel. Then the item goes down the rows of dw, all panels
 *                        of a row tile in turn, and reads x where it lies: for few panels or pixels.
 *   K_PACK               x is packed, too. The item goes through its panels, all tiles of a panel in turn, so that the
 *                        panel's part of dy stays in the first-level cache. Tiles pack on the way what they are the
 *                        first to read, of which arithmetic hides most: the first panel's tiles their rows of x, and
 *                        each panel's first tile its part of dy.
 *
 * What is dense is read faster: a tile takes few rows of many windows, and with many channels windows lie a multiple of
 * some KB apart, so that they share few sets of the first-level cache and push each other out of it. Memory is asked in
 * time for the next tile's sums and, within all tiles of a block, evenly, for the pixels of what the thread does next: the
 * next block, or the next item's first.
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
#define K_CO 24  /* output channels of a group, padded */
#define K_NR 16  /* channels of a register tile */
#define K_LAST 8 /* K_CO % K_NR, the width of the last panel; not defined if it is 0 */
#define K_MR 6   /* rows of a register tile */
#define K_MB 64  /* pixels of a block */
#define K_PB 2   /* panels of an item */
#define K_KS 72  /* rows of an item */
#define K_PACK 1 /* defined where x is packed, too */
#define K_CHUNKS 2
#define K_BIAS 1
#endif
/* kernel { */

/* One register tile: `rows` rows of dw by `vectors` vectors of channels, over `count` pixels. Adds to dw, or sets it if
 * this is the `first` block. Where x is read as it lies (`x_lies`), row i's values are at row[i] + at[p], or at
 * row[0] + at[p] + i if these rows follow each other (`x_follows`), which takes one pointer only; if more do, up to a
 * whole number of vectors, they can be packed on the way (`x_packs`). Otherwise x comes from packed_x, pixel by pixel.
 * dy is read at dy + dy_at[p] and packed (`dy_lies`), or comes from packed_dy. All these are constants where the
 * function is called. Every `step` pixels memory is asked for so many `lines` at the next place of ahead_at. */
NT_INLINE void k_tile(int rows, int vectors, int x_lies, int x_follows, int x_packs, int dy_lies, int count, int first,
                      const real *const *restrict row, const ptrdiff_t *restrict at, real *restrict packed_x,
                      const real *restrict dy, const ptrdiff_t *restrict dy_at, real *restrict packed_dy,
                      const real *restrict ahead, const ptrdiff_t *restrict ahead_at, int lines, int step,
                      real *restrict dw)
{
    const real *x[K_MR];
    vf acc[K_MR][K_NR / VL];
    for (int i = 0; i < rows; i++) {
        x[i] = x_lies ? row[i] : packed_x;
        for (int j = 0; j < vectors; j++)
            acc[i][j] = first ? v_zero() : v_load(dw + (i * vectors + j) * VL);
    }
    for (int p = 0; p < count;) {
        const int stop = step < count - p ? p + step : count;
        for (int line = 0; line < lines; line++)
            nt_prefetch_far(ahead, *ahead_at + line * NT_LINE);
        ahead_at++;
        for (; p < stop; p++) {
            vf b[K_NR / VL];
            for (int j = 0; j < vectors; j++) {
                b[j] = v_load(dy_lies ? dy + dy_at[p] + j * VL : packed_dy + j * VL);
                if (dy_lies)
                    v_store(packed_dy + j * VL, b[j]);
            }
            packed_dy += vectors * VL;
            for (int i = 0; i < rows; i++) {
                vf a = v_set1(x_follows ? row[0][at[p] + i] : x_lies ? x[i][at[p]] : packed_x[i]);
                for (int j = 0; j < vectors; j++)
                    acc[i][j] = v_fma(a, b[j], acc[i][j]);
            }
            for (int i = 0; x_packs && i < rows; i += VL) /* the next pixel takes the place of what is too much */
                v_store(packed_x + i, v_load(row[0] + at[p] + i));
            if (x_packs || !x_lies)
                packed_x += rows;
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            v_store(dw + (i * vectors + j) * VL, acc[i][j]);
}

/* Rows of the next tile where `left` are to do: of small ones two about as large, of the sizes that k_any has. */
static inline int k_rows(int left)
{
    int rows = left >= 2 * K_MR - 2 ? K_MR : left > K_MR ? (left + 1) / 2 : left;
    return rows > K_MR - 3 ? rows : rows >= K_MR / 2 ? K_MR / 2 : 1;
}

NT_INLINE void k_any(int rows, int vectors, int x_follows, int dy_lies, int count, int first,
                     const real *const *restrict row, const ptrdiff_t *restrict at, real *restrict packed_x,
                     const real *restrict dy, const ptrdiff_t *restrict dy_at, real *restrict packed_dy,
                     const real *restrict ahead, const ptrdiff_t *restrict ahead_at, int lines, int step,
                     real *restrict dw)
{
#ifdef K_PACK
    if (rows == K_MR && x_follows)
        k_tile(K_MR, vectors, 1, 1, 1, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else if (rows == K_MR && dy_lies)
        k_tile(K_MR, vectors, 0, 0, 0, 1, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else if (rows == K_MR)
        k_tile(K_MR, vectors, 0, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at, lines,
               step, dw);
    else if (K_MR > 1 && rows == K_MR - 1)
        k_tile(K_MR - 1, vectors, 0, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else if (K_MR > 2 && rows == K_MR - 2)
        k_tile(K_MR - 2, vectors, 0, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else if (K_MR > 4 && rows == K_MR / 2)
        k_tile(K_MR / 2, vectors, 0, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else
        k_tile(1, vectors, 0, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at, lines, step,
               dw);
#else
    (void)dy_lies;
    if (rows == K_MR && x_follows)
        k_tile(K_MR, vectors, 1, 1, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else if (rows == K_MR)
        k_tile(K_MR, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at, lines,
               step, dw);
    else if (K_MR > 1 && rows == K_MR - 1)
        k_tile(K_MR - 1, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else if (K_MR > 2 && rows == K_MR - 2)
        k_tile(K_MR - 2, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else if (K_MR > 4 && rows == K_MR / 2)
        k_tile(K_MR / 2, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else
        k_tile(1, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at, lines, step,
               dw);
#endif
}

/* The same for the two widths that a panel may have. Layers share these functions, most of what there is to compile:
 * they depend on the tile's size and the form alone. */
static void k_rows_of(int rows, int x_follows, int dy_lies, int count, int first, const real *const *restrict row,
                      const ptrdiff_t *restrict at, real *restrict packed_x, const real *restrict dy,
                      const ptrdiff_t *restrict dy_at, real *restrict packed_dy, const real *restrict ahead,
                      const ptrdiff_t *restrict ahead_at, int lines, int step, real *restrict dw)
{
    k_any(rows, K_NR / VL, x_follows, dy_lies, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
          lines, step, dw);
}

#ifdef K_LAST
static void k_rows_of_last(int rows, int x_follows, int dy_lies, int count, int first, const real *const *restrict row,
                           const ptrdiff_t *restrict at, real *restrict packed_x, const real *restrict dy,
                           const ptrdiff_t *restrict dy_at, real *restrict packed_dy, const real *restrict ahead,
                           const ptrdiff_t *restrict ahead_at, int lines, int step, real *restrict dw)
{
    k_any(rows, K_LAST / VL, x_follows, dy_lies, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
          lines, step, dw);
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

/* One panel of `count` pixels of dy, densely. Their sums are stored to db if that is not NULL, or added if it is not the
 * `first` block. */
static inline void k_pack_dy(int width, int count, int first, const real *restrict dy, const ptrdiff_t *restrict dy_at,
                             real *restrict packed, real *restrict db)
{
    vf sum[K_NR / VL];
    for (int j = 0; j < K_NR / VL; j++)
        sum[j] = v_zero();
    for (int p = 0; p < count; p++) {
        for (int j = 0; j < K_NR / VL; j++) {
            if (j * VL >= width)
                break;
            vf v = v_load(dy + dy_at[p] + j * VL);
            v_store(packed + p * width + j * VL, v);
            sum[j] = v_add(sum[j], v);
        }
    }
    for (int j = 0; db && j < width; j += VL)
        v_store(db + j, first ? sum[j / VL] : v_add(v_load(db + j), sum[j / VL]));
}

#ifdef K_PACK
/* Rows of `count` pixels of x, pixel by pixel: what a tile does not pack on the way. */
static inline void k_pack_x(int rows, int count, const real *const *restrict row, const ptrdiff_t *restrict at,
                            real *restrict packed)
{
    for (int p = 0; p < count; p++)
        for (int i = 0; i < rows; i++)
            packed[p * rows + i] = row[i][at[p]];
}
#endif

/* The first block of a chunk. */
static inline int k_first_block(int blocks, int chunk)
{
    return (int)((int64_t)blocks * chunk / K_CHUNKS);
}

#ifdef K_AT_ONCE
static void k_main(int n, const real *restrict x, const real *restrict dy, const nt_pass *pass, size_t place,
                   double lr_scale, double decay, double l1, double *squares, real *restrict db)
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
#ifdef K_PACK
    const int whole = (K_MR + VL - 1) / VL * VL;
#endif
    const int panel_sets = (panels + K_PB - 1) / K_PB, slices = (rows + K_KS - 1) / K_KS;
    const int pixels = n * K_OUT_H * K_OUT_W, blocks = (pixels + K_MB - 1) / K_MB;
    const int items = K_CHUNKS * K_GROUPS * panel_sets * slices;
#ifdef K_PACK
    _Alignas(64) real packed[K_MB * K_NR], packed_x[K_MB * K_KS + VL];
#else
    _Alignas(64) real packed[K_PB * K_MB * K_NR];
#endif
#ifdef K_AT_ONCE
    _Alignas(64) real sums[K_PB * K_KS * K_NR];
    const nt_rates rates = k_rates_of(pass, lr_scale, decay);
#endif
    /* of this block's pixels and of those that come, and room for the places that the last tile to ask goes on to */
    ptrdiff_t x_places[2][K_MB + K_MB / (VL > 8 ? 2 : 8) + 1], dy_places[2][K_MB + K_MB / (VL > 8 ? 2 : 8) + 1];
    int side = 0, placed = -1; /* which of them is this block's, and the item whose first block's places are there */
#pragma omp for schedule(static)
    for (int item = 0; item < items; item++) {
        int slice = item % slices, panel_set = item / slices % panel_sets;
        int group = item / slices / panel_sets % K_GROUPS, chunk = item / slices / panel_sets / K_GROUPS;
        int first_block = k_first_block(blocks, chunk), end_block = k_first_block(blocks, chunk + 1);
        int row_begin = slice * K_KS, row_end = row_begin + K_KS < rows ? row_begin + K_KS : rows;
        int panel_begin = panel_set * K_PB, panel_end = panel_begin + K_PB < panels ? panel_begin + K_PB : panels;
#ifdef K_AT_ONCE
        real *sum_b = db;
        double square = 0;
#else
        real *sum_w = K_CHUNKS > 1 ? work + (ptrdiff_t)chunk * total : dw;
        real *sum_b = K_CHUNKS > 1 ? sum_w + weights : db;
#endif
        for (int block = first_block; block < end_block; block++) {
            int begin = block == first_block, count = k_pixels(pixels, block);
            const ptrdiff_t *at = x_places[side], *dy_at = dy_places[side];
            if (begin && placed != item)
                k_places(block * K_MB, count, x_places[side], dy_places[side]);
            side = !side;
            ptrdiff_t *next_at = x_places[side], *next_dy_at = dy_places[side];
            /* what comes: of its rows those in their last tap, which meets most pixels first, and its panels */
            int next_block = block + 1, next_slice = slice, next_panel = panel_begin, next_group = group;
            if (next_block == end_block) {
                placed = item + 1 < items ? item + 1 : item; /* the last may ask for what is there */
                next_slice = placed % slices;
                next_panel = placed / slices % panel_sets * K_PB;
                next_group = placed / slices / panel_sets % K_GROUPS;
                next_block = k_first_block(blocks, placed / slices / panel_sets / K_GROUPS);
            }
            int coming = next_block < blocks ? k_pixels(pixels, next_block) : 0; /* an empty chunk may be the last */
            k_places(next_block * K_MB, coming, next_at, next_dy_at);
            int next_begin = next_slice * K_KS, next_end = next_begin + K_KS < rows ? next_begin + K_KS : rows;
            int tap = (next_end - 1) / K_RUN, run = next_begin > tap * K_RUN ? next_begin - tap * K_RUN : 0;
            const real *next_x = x + next_group * K_IN_G + K_TAP[tap] + run;
            const real *next_dy = dy + next_group * K_DY_G + next_panel * K_NR;
            /* Up to four lines of each pixel at a time, column by column of such; so many pixels of one by each tile. */
            const int next_panels = panels - next_panel < K_PB ? panels - next_panel : K_PB;
            const int x_lines = (next_end - tap * K_RUN - run + NT_LINE - 1) / NT_LINE, x_columns = (x_lines + 3) / 4;
            const int dy_lines = (next_panels * K_NR + NT_LINE - 1) / NT_LINE, columns = x_columns + (dy_lines + 3) / 4;
            const int tiles = (row_end - row_begin + K_MR - 1) / K_MR * (panel_end - panel_begin);
            /* every eighth pixel costs little; where tiles are few, so is what they read, but wide vectors make few of much */
            const int most = VL > 8 ? (count + 1) / 2 : (count + 7) / 8;
            int share = (coming * columns + tiles - 1) / tiles, column = 0, pixel = 0;
            share = share < 1 ? 1 : share < most ? share : most;
            const int step = (count + share - 1) / share;
            for (int p = coming; p < coming + share; p++) { /* a tile may ask for so many more */
                next_at[p] = at[0];
                next_dy_at[p] = dy_at[0];
            }
#ifndef K_PACK
            for (int panel = panel_begin; panel < panel_end; panel++)
                k_pack_dy(panel < panels - 1 ? K_NR : width_last, count, begin, dy + group * K_DY_G + panel * K_NR,
                          dy_at, packed + (panel - panel_begin) * K_MB * K_NR,
                          K_BIAS && slice == 0 ? sum_b + group * K_CO + panel * K_NR : NULL);
#endif
            const real *row_x[K_MR];
            for (int k = row_begin, panel = panel_begin; k < row_end && panel < panel_end;) {
                const int tile = k_rows(row_end - k), width = panel < panels - 1 ? K_NR : width_last;
                for (int i = 0; i < tile && panel == panel_begin; i++) /* later panels find them, or a packed copy */
                    row_x[i] = x + group * K_IN_G + K_TAP[(k + i) / K_RUN] + (k + i) % K_RUN;
                const real *panel_dy = dy + group * K_DY_G + panel * K_NR;
#ifdef K_PACK
                real *to_dy = packed, *to_x = packed_x + (k - row_begin) * K_MB;
                int x_follows = panel == panel_begin, dy_lies = k == row_begin;
                if (dy_lies && (tile < K_MR || (K_BIAS && slice == 0))) {
                    k_pack_dy(width, count, begin, panel_dy, dy_at, to_dy,
                              K_BIAS && slice == 0 ? sum_b + group * K_CO + panel * K_NR : NULL);
                    dy_lies = 0;
                }
                if (x_follows && (tile < K_MR || dy_lies || k % K_RUN + whole > K_RUN)) {
                    k_pack_x(tile, count, row_x, at, to_x);
                    x_follows = 0;
                }
#else
                real *to_dy = packed + (panel - panel_begin) * K_MB * K_NR, *to_x = NULL;
                const int x_follows = k % K_RUN + tile <= K_RUN, dy_lies = 0;
#endif
                const ptrdiff_t element = (ptrdiff_t)rows * (group * K_CO + panel * K_NR) + k * width;
#ifdef K_AT_ONCE
                /* where all pixels are in one block, the next tile can take the same place */
                real *to = sums;
                if (blocks > 1)
                    to += ((panel - panel_begin) * K_KS + k - row_begin) * K_NR;
                for (int line = 0; line < K_MR * width && block + 1 == end_block; line += NT_LINE)
                    for (int array = 0; array <= K_STATES; array++) /* the parameters, then the state */
                        nt_prefetch(array == 0 ? pass->params : pass->state + (ptrdiff_t)(array - 1) * K_SLOT,
                                    (ptrdiff_t)place + element + tile * width + line);
#else
                real *to = sum_w + element;
                for (int line = 0; line < K_MR * width; line += NT_LINE)
                    nt_prefetch(to, tile * width + line);
#endif
                const int of_x = column < x_columns, line = 4 * (of_x ? column : column - x_columns);
                const real *ahead = (of_x ? next_x : next_dy) + line * NT_LINE;
                const ptrdiff_t *ahead_at = (of_x ? next_at : next_dy_at) + pixel;
                const int left = (of_x ? x_lines : dy_lines) - line, lines = left < 4 ? left : 4;
                pixel += share;
                if (pixel >= coming) {
                    pixel = 0;
                    column = column + 1 < columns ? column + 1 : 0;
                }
#ifdef K_LAST
                if (width != K_NR)
                    k_rows_of_last(tile, x_follows, dy_lies, count, begin, row_x, at, to_x, panel_dy, dy_at, to_dy, ahead,
                                   ahead_at, lines, step, to);
                else
                    k_rows_of(tile, x_follows, dy_lies, count, begin, row_x, at, to_x, panel_dy, dy_at, to_dy, ahead,
                              ahead_at, lines, step, to);
#else
                k_rows_of(tile, x_follows, dy_lies, count, begin, row_x, at, to_x, panel_dy, dy_at, to_dy, ahead, ahead_at,
                          lines, step, to);
#endif
#ifdef K_AT_ONCE
                if (block + 1 == end_block) {
                    const size_t first = place + (size_t)element;
                    square += squares ? nt_square_sum(to, (size_t)(tile * width)) : 0;
                    k_step(pass, &rates, l1, to, first, first + (size_t)(tile * width));
                }
#endif
#ifdef K_PACK
                k += tile;
                if (k == row_end) {
                    k = row_begin;
                    panel++;
                }
#else
                panel++;
                if (panel == panel_end) {
                    panel = panel_begin;
                    k += tile;
                }
#endif
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
