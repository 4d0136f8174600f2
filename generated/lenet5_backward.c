/* lenet5: the backward pass. Made by netc from lenet5.net for avx2; do not edit. */
#include "lenet5_memory.h"

#include <math.h>

/* One register tile: `rows` rows of dw by `vectors` vectors of channels, over `count` pixels. Adds to dw, or sets it if
 * this is the `first` block. Where x is read as it lies (`x_lies`), row i's values are at row[i] + at[p], or at
 * row[0] + at[p] + i if these rows follow each other (`x_follows`), which takes one pointer only; if more do, up to a
 * whole number of vectors, they can be packed on the way (`x_packs`). Otherwise x comes from packed_x, pixel by pixel.
 * dy is read at dy + dy_at[p] and packed (`dy_lies`), or comes from packed_dy. All these are constants where the
 * function is called. Every `step` pixels memory is asked for so many `lines` at the next place of ahead_at. */
NT_INLINE void igemm_dw_tile(int rows, int vectors, int x_lies, int x_follows, int x_packs, int dy_lies, int count, int first,
                      const real *const *restrict row, const ptrdiff_t *restrict at, real *restrict packed_x,
                      const real *restrict dy, const ptrdiff_t *restrict dy_at, real *restrict packed_dy,
                      const real *restrict ahead, const ptrdiff_t *restrict ahead_at, int lines, int step,
                      real *restrict dw)
{
    enum { NR = 16, MR = 6 };
    const real *x[MR];
    vf acc[MR][NR / VL];
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
            vf b[NR / VL];
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

/* Rows of the next tile where `left` are to do: of small ones two about as large, of the sizes that igemm_dw_rows has. */
static inline int igemm_dw_rows(int left)
{
    enum { MR = 6 };
    int rows = left >= 2 * MR - 2 ? MR : left > MR ? (left + 1) / 2 : left;
    return rows > MR - 3 ? rows : rows >= MR / 2 ? MR / 2 : 1;
}

NT_INLINE void igemm_dw_any(int rows, int vectors, int x_follows, int dy_lies, int count, int first,
                     const real *const *restrict row, const ptrdiff_t *restrict at, real *restrict packed_x,
                     const real *restrict dy, const ptrdiff_t *restrict dy_at, real *restrict packed_dy,
                     const real *restrict ahead, const ptrdiff_t *restrict ahead_at, int lines, int step,
                     real *restrict dw)
{
    enum { MR = 6 };
    (void)dy_lies;
    if (rows == MR && x_follows)
        igemm_dw_tile(MR, vectors, 1, 1, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else if (rows == MR)
        igemm_dw_tile(MR, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at, lines,
               step, dw);
    else if (MR > 1 && rows == MR - 1)
        igemm_dw_tile(MR - 1, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else if (MR > 2 && rows == MR - 2)
        igemm_dw_tile(MR - 2, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else if (MR > 4 && rows == MR / 2)
        igemm_dw_tile(MR / 2, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else
        igemm_dw_tile(1, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at, lines, step,
               dw);
}

/* The same for the two widths that a panel may have. Layers share these functions, most of what there is to compile:
 * they depend on the tile's size and the form alone. */
static void igemm_dw_rows_of(int rows, int x_follows, int dy_lies, int count, int first, const real *const *restrict row,
                      const ptrdiff_t *restrict at, real *restrict packed_x, const real *restrict dy,
                      const ptrdiff_t *restrict dy_at, real *restrict packed_dy, const real *restrict ahead,
                      const ptrdiff_t *restrict ahead_at, int lines, int step, real *restrict dw)
{
    enum { NR = 16 };
    igemm_dw_any(rows, NR / VL, x_follows, dy_lies, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
          lines, step, dw);
}

static inline int igemm_dw_pixels(int pixels, int block)
{
    enum { MB = 32 };
    return pixels - block * MB < MB ? pixels - block * MB : MB;
}

/* Where the windows of `count` pixels from `first` on lie in x, and the pixels in dy. */
static inline void igemm_dw_places(int first, int count, ptrdiff_t *at, ptrdiff_t *dy_at)
{
    enum { OUT_H = 1, OUT_W = 1, IN_S = 96, IN_R = 88, IN_P = 88, DY_S = 16, DY_R = 16, DY_P = 16 };
    int n = first / (OUT_H * OUT_W), h = first / OUT_W % OUT_H, w = first % OUT_W;
    for (int p = 0; p < count; p++) {
        at[p] = (ptrdiff_t)n * IN_S + h * IN_R + w * IN_P;
        dy_at[p] = (ptrdiff_t)n * DY_S + h * DY_R + w * DY_P;
        if (++w == OUT_W) {
            w = 0;
            if (++h == OUT_H) {
                h = 0;
                n++;
            }
        }
    }
}

/* One panel of `count` pixels of dy, densely. Their sums are stored to db if that is not NULL, or added if it is not the
 * `first` block. */
static inline void igemm_dw_pack_dy(int width, int count, int first, const real *restrict dy, const ptrdiff_t *restrict dy_at,
                             real *restrict packed, real *restrict db)
{
    enum { NR = 16 };
    vf sum[NR / VL];
    for (int j = 0; j < NR / VL; j++)
        sum[j] = v_zero();
    for (int p = 0; p < count; p++) {
        for (int j = 0; j < NR / VL; j++) {
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

/* The first block of a chunk. */
static inline int igemm_dw_first_block(int blocks, int chunk)
{
    enum { CHUNKS = 1 };
    return (int)((int64_t)blocks * chunk / CHUNKS);
}

/* out: conv_dw   0.8 kMAC   lenet5.net:12 */
static void out_conv_dw(int n, const real *restrict x, const real *restrict dy, real *restrict dw, real *restrict db,
                   real *restrict work)
{
    enum { OUT_H = 1, OUT_W = 1, IN_G = 0, GROUPS = 1, TAPS = 1, RUN = 84, DY_G = 0, CO = 16, NR = 16, MR = 6,
           MB = 32, PB = 1, KS = 84, CHUNKS = 1, BIAS = 1 };
    static const int TAP[] = {0};
    const int rows = TAPS * RUN;
    const int weights = GROUPS * rows * CO, total = weights + (BIAS ? GROUPS * CO : 0);
    const int panels = (CO + NR - 1) / NR, width_last = CO - (panels - 1) * NR;
    const int panel_sets = (panels + PB - 1) / PB, slices = (rows + KS - 1) / KS;
    const int pixels = n * OUT_H * OUT_W, blocks = (pixels + MB - 1) / MB;
    const int items = CHUNKS * GROUPS * panel_sets * slices;
    _Alignas(64) real packed[PB * MB * NR];
    /* of this block's pixels and of those that come, and room for the places that the last tile to ask goes on to */
    ptrdiff_t x_places[2][MB + MB / (VL > 8 ? 2 : 8) + 1], dy_places[2][MB + MB / (VL > 8 ? 2 : 8) + 1];
    int side = 0, placed = -1; /* which of them is this block's, and the item whose first block's places are there */
#pragma omp for schedule(static)
    for (int item = 0; item < items; item++) {
        int slice = item % slices, panel_set = item / slices % panel_sets;
        int group = item / slices / panel_sets % GROUPS, chunk = item / slices / panel_sets / GROUPS;
        int first_block = igemm_dw_first_block(blocks, chunk), end_block = igemm_dw_first_block(blocks, chunk + 1);
        int row_begin = slice * KS, row_end = row_begin + KS < rows ? row_begin + KS : rows;
        int panel_begin = panel_set * PB, panel_end = panel_begin + PB < panels ? panel_begin + PB : panels;
        real *sum_w = CHUNKS > 1 ? work + (ptrdiff_t)chunk * total : dw;
        real *sum_b = CHUNKS > 1 ? sum_w + weights : db;
        for (int block = first_block; block < end_block; block++) {
            int begin = block == first_block, count = igemm_dw_pixels(pixels, block);
            const ptrdiff_t *at = x_places[side], *dy_at = dy_places[side];
            if (begin && placed != item)
                igemm_dw_places(block * MB, count, x_places[side], dy_places[side]);
            side = !side;
            ptrdiff_t *next_at = x_places[side], *next_dy_at = dy_places[side];
            /* what comes: of its rows those in their last tap, which meets most pixels first, and its panels */
            int next_block = block + 1, next_slice = slice, next_panel = panel_begin, next_group = group;
            if (next_block == end_block) {
                placed = item + 1 < items ? item + 1 : item; /* the last may ask for what is there */
                next_slice = placed % slices;
                next_panel = placed / slices % panel_sets * PB;
                next_group = placed / slices / panel_sets % GROUPS;
                next_block = igemm_dw_first_block(blocks, placed / slices / panel_sets / GROUPS);
            }
            int coming = next_block < blocks ? igemm_dw_pixels(pixels, next_block) : 0; /* an empty chunk may be the last */
            igemm_dw_places(next_block * MB, coming, next_at, next_dy_at);
            int next_begin = next_slice * KS, next_end = next_begin + KS < rows ? next_begin + KS : rows;
            int tap = (next_end - 1) / RUN, run = next_begin > tap * RUN ? next_begin - tap * RUN : 0;
            const real *next_x = x + next_group * IN_G + TAP[tap] + run;
            const real *next_dy = dy + next_group * DY_G + next_panel * NR;
            /* Up to four lines of each pixel at a time, column by column of such; so many pixels of one by each tile. */
            const int next_panels = panels - next_panel < PB ? panels - next_panel : PB;
            const int x_lines = (next_end - tap * RUN - run + NT_LINE - 1) / NT_LINE, x_columns = (x_lines + 3) / 4;
            const int dy_lines = (next_panels * NR + NT_LINE - 1) / NT_LINE, columns = x_columns + (dy_lines + 3) / 4;
            const int tiles = (row_end - row_begin + MR - 1) / MR * (panel_end - panel_begin);
            /* every eighth pixel costs little; where tiles are few, so is what they read, but wide vectors make few of much */
            const int most = VL > 8 ? (count + 1) / 2 : (count + 7) / 8;
            int share = (coming * columns + tiles - 1) / tiles, column = 0, pixel = 0;
            share = share < 1 ? 1 : share < most ? share : most;
            const int step = (count + share - 1) / share;
            for (int p = coming; p < coming + share; p++) { /* a tile may ask for so many more */
                next_at[p] = at[0];
                next_dy_at[p] = dy_at[0];
            }
            for (int panel = panel_begin; panel < panel_end; panel++)
                igemm_dw_pack_dy(panel < panels - 1 ? NR : width_last, count, begin, dy + group * DY_G + panel * NR,
                          dy_at, packed + (panel - panel_begin) * MB * NR,
                          BIAS && slice == 0 ? sum_b + group * CO + panel * NR : NULL);
            const real *row_x[MR];
            for (int k = row_begin, panel = panel_begin; k < row_end && panel < panel_end;) {
                const int tile = igemm_dw_rows(row_end - k), width = panel < panels - 1 ? NR : width_last;
                for (int i = 0; i < tile && panel == panel_begin; i++) /* later panels find them, or a packed copy */
                    row_x[i] = x + group * IN_G + TAP[(k + i) / RUN] + (k + i) % RUN;
                const real *panel_dy = dy + group * DY_G + panel * NR;
                real *to_dy = packed + (panel - panel_begin) * MB * NR, *to_x = NULL;
                const int x_follows = k % RUN + tile <= RUN, dy_lies = 0;
                const ptrdiff_t element = (ptrdiff_t)rows * (group * CO + panel * NR) + k * width;
                real *to = sum_w + element;
                for (int line = 0; line < MR * width; line += NT_LINE)
                    nt_prefetch(to, tile * width + line);
                const int of_x = column < x_columns, line = 4 * (of_x ? column : column - x_columns);
                const real *ahead = (of_x ? next_x : next_dy) + line * NT_LINE;
                const ptrdiff_t *ahead_at = (of_x ? next_at : next_dy_at) + pixel;
                const int left = (of_x ? x_lines : dy_lines) - line, lines = left < 4 ? left : 4;
                pixel += share;
                if (pixel >= coming) {
                    pixel = 0;
                    column = column + 1 < columns ? column + 1 : 0;
                }
                igemm_dw_rows_of(tile, x_follows, dy_lies, count, begin, row_x, at, to_x, panel_dy, dy_at, to_dy, ahead, ahead_at,
                          lines, step, to);
                panel++;
                if (panel == panel_end) {
                    panel = panel_begin;
                    k += tile;
                }
            }
        }
    }
    if (CHUNKS > 1) {
#pragma omp for schedule(static)
        for (int i = 0; i < total; i += VL) {
            vf sum = v_zero();
            for (int chunk = 0; chunk < CHUNKS; chunk++)
                if ((int64_t)blocks * chunk / CHUNKS < (int64_t)blocks * (chunk + 1) / CHUNKS) /* not empty */
                    sum = v_add(sum, v_load(work + (ptrdiff_t)chunk * total + i));
            v_store(i < weights ? dw + i : db + (i - weights), sum);
        }
    }
}

/* One register tile: adds the products of `rows` rows of `panels` panels from w on and `vectors` vectors of samples to
 * sums[rows][2*VL], or sets these if the panels are the `first`. Of each `every`th panel from number `turn` on it asks for
 * the rows that lie `ahead` elements ahead. */
NT_INLINE void dense_dx_tile(int rows, int vectors, int width, int panels, int first, const real *restrict w, ptrdiff_t panel_size,
                      const real *restrict turned, int turn, int every, ptrdiff_t ahead, real *restrict sums)
{
    enum { ABREAST = 1 };
    vf acc[12][2];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            acc[i][j] = first ? v_zero() : v_load(sums + (i * 2 + j) * VL);
    for (int panel = 0; panel < panels; panel++) {
        for (int o = 0; o < width; o += ABREAST) {
            vf b[2];
            for (int j = 0; j < vectors; j++)
                b[j] = v_load(turned + j * VL);
            turned += vectors * VL;
            for (int i = 0; i < rows; i++) {
                vf a = v_repeat(w + i * width + o, ABREAST);
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
NT_INLINE void dense_dx_rows(int rows, int vectors, int width, int panels, int first, const real *restrict w, ptrdiff_t panel_size,
                      const real *restrict turned, int turn, int every, ptrdiff_t ahead, real *restrict sums)
{
    const int most = vectors == 2 ? 6 : 12;
    for (; rows >= most; rows -= most, w += most * width, sums += most * 2 * VL)
        dense_dx_tile(most, vectors, width, panels, first, w, panel_size, turned, turn, every, ahead, sums);
    for (; rows >= 3; rows -= 3, w += 3 * width, sums += 3 * 2 * VL)
        dense_dx_tile(3, vectors, width, panels, first, w, panel_size, turned, turn, every, ahead, sums);
    for (; rows > 0; rows--, w += width, sums += 2 * VL)
        dense_dx_tile(1, vectors, width, panels, first, w, panel_size, turned, turn, every, ahead, sums);
}

/* The same for the two widths that a panel may have. Layers share these functions, most of what there is to
 * compile. */
NT_APART void dense_dx_set(int rows, int vectors, int panels, int first, const real *restrict w, ptrdiff_t panel_size,
                    const real *restrict turned, int turn, int every, ptrdiff_t ahead, real *restrict sums)
{
    enum { NR = 16 };
    if (vectors == 2)
        dense_dx_rows(rows, 2, NR, panels, first, w, panel_size, turned, turn, every, ahead, sums);
    else
        dense_dx_rows(rows, 1, NR, panels, first, w, panel_size, turned, turn, every, ahead, sums);
}

/* VL outputs, from dy on, of `count` samples, to turned[o/ABREAST][vectors*VL]. */
NT_INLINE void dense_dx_turn(int count, int vectors, const real *restrict dy, real *restrict turned)
{
    enum { IN_S = 16, ABREAST = 1 };
    const int lanes = VL / ABREAST;
    for (int j = 0; j < vectors; j++) {
        if (ABREAST == 1) {
            vf square[VL];
            for (int i = 0; i < VL; i++)
                square[i] = j * VL + i < count ? v_load(dy + (ptrdiff_t)(j * VL + i) * IN_S) : v_zero();
            v_transpose(square);
            for (int i = 0; i < VL; i++)
                v_store(turned + (i * vectors + j) * VL, square[i]);
            continue;
        }
        for (int i = 0; i < lanes; i++) {
            const int is_sample = j * lanes + i < count;
            const real *from = dy + (is_sample ? (ptrdiff_t)(j * lanes + i) * IN_S : 0);
            for (int o = 0; o < lanes; o++)
                for (int k = 0; k < ABREAST; k++)
                    turned[(o * vectors + j) * VL + i * ABREAST + k] = is_sample ? from[o * ABREAST + k] : 0;
        }
    }
}

/* out: conv_dx + tanh_dx   10 -> 84   0.8 kMAC   lenet5.net:12 */
static void out_conv_dx(int n, const real *restrict dy, const real *restrict w, real *restrict turned, real *restrict other)
{
    enum { IN_S = 16, PIXELS = 1, CI = 84, CO = 16, NR = 16, MB = 32, VB = 6, PB = 4, ABREAST = 1 };
    const int lanes = VL / ABREAST, of_part = 2 * lanes; /* samples of a vector, and of two */
    const int of_pixel = (CI + VL - 1) / VL, vectors = PIXELS * of_pixel, slices = (vectors + VB - 1) / VB;
    const int panels = CO / NR, sets = (panels + PB - 1) / PB, blocks = (n + MB - 1) / MB;
    const ptrdiff_t panel_size = (ptrdiff_t)PIXELS * CI * NR, turned_size = (ptrdiff_t)CO * of_part;
    _Alignas(64) real sums[(MB + of_part - 1) / of_part * VB * VL * 2 * VL];
    for (int block = 0; block < blocks; block++) {
        const int first = (int)((int64_t)n * block / blocks), count = (int)((int64_t)n * (block + 1) / blocks) - first;
        const int parts = (count + of_part - 1) / of_part, last = (count - (parts - 1) * of_part + lanes - 1) / lanes; /* its vectors */
#pragma omp for schedule(static)
        for (int i = 0; i < CO / VL * parts; i++) {
            const int part = i % parts, o = i / parts * VL, width = part < parts - 1 ? 2 : last;
            dense_dx_turn(count - part * of_part, width, dy + (ptrdiff_t)(first + part * of_part) * IN_S + o,
                   turned + part * turned_size + o * width * lanes);
        }
#pragma omp for schedule(static)
        for (int slice = 0; slice < slices; slice++) {
            const int begin = slice * VB, end = begin + VB < vectors ? begin + VB : vectors;
            const int row_begin = begin / of_pixel * CI + begin % of_pixel * VL;
            const int row_end = end / of_pixel * CI + end % of_pixel * VL, rows = row_end - row_begin;
            const real *slice_w = w + (ptrdiff_t)row_begin * NR;
            for (int s = 0; s < sets; s++) {
                const int panel = (int)((int64_t)panels * s / sets), set = (int)((int64_t)panels * (s + 1) / sets) - panel;
                const ptrdiff_t ahead = s + 1 < sets ? set * panel_size : (ptrdiff_t)rows * NR - panel * panel_size;
                for (int i = 0; i < count && s + 1 == sets; i++) {
                    const size_t place = (size_t)(first + i) * 96 + (size_t)(begin * VL / NT_LINE * NT_LINE);
                    nt_prefetch_far(other, (ptrdiff_t)place);
                }
                for (int part = 0; part < parts; part++) {
                    const int width = part < parts - 1 ? 2 : last;
                    dense_dx_set(rows, width, set, s == 0, slice_w + panel * panel_size, panel_size,
                          turned + part * turned_size + panel * NR * width * lanes, part, parts, ahead,
                          sums + (ptrdiff_t)part * VB * VL * 2 * VL);
                }
            }
            for (int v = begin; v < end; v++) {
                const int c = v % of_pixel * VL, row = v / of_pixel * CI + c - row_begin;
                const int is_line = v + 1 < end && (v + 1) * VL % NT_LINE == 0; /* that the next vector begins */
                for (int i = 0; i < count; i += lanes) {
                    for (int j = i; j < i + lanes && j < count && is_line; j++) {
                        const size_t place = (size_t)(first + j) * 96 + (size_t)((v + 1) * VL);
                        nt_prefetch_far(other, (ptrdiff_t)place);
                    }
                    const real *from = sums + ((ptrdiff_t)(i / of_part) * VB * VL + row) * 2 * VL + i % of_part * ABREAST;
                    vf square[VL];
                    for (int j = 0; j < VL; j++)
                        square[j] = c + j < CI ? v_load(from + j * 2 * VL) : v_zero();
                    v_transpose(square);
                    for (int j = 0; j < lanes && i + j < count; j++) {
                        vf sum = square[j * ABREAST];
                        for (int k = 1; k < ABREAST; k++)
                            sum = v_add(sum, square[j * ABREAST + k]);
                        {
                            const vf v0 = sum;
                            const size_t place = (size_t)(first + i + j) * 96 + (size_t)(v * VL);
                            const vf v1 = v_load(other + place);
                            const vf v2 = v_mul(v0, v_fnma(v1, v1, v_set1(1)));
                            v_store(other + place, v2);
                        }
                    }
                }
            }
        }
    }
}

static void igemm_dw_rows_of_last(int rows, int x_follows, int dy_lies, int count, int first, const real *const *restrict row,
                           const ptrdiff_t *restrict at, real *restrict packed_x, const real *restrict dy,
                           const ptrdiff_t *restrict dy_at, real *restrict packed_dy, const real *restrict ahead,
                           const ptrdiff_t *restrict ahead_at, int lines, int step, real *restrict dw)
{
    enum { LAST = 8 };
    igemm_dw_any(rows, LAST / VL, x_follows, dy_lies, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
          lines, step, dw);
}

/* Where the windows of `count` pixels from `first` on lie in x, and the pixels in dy. */
static inline void igemm_dw_places_2(int first, int count, ptrdiff_t *at, ptrdiff_t *dy_at)
{
    enum { OUT_H = 1, OUT_W = 1, IN_S = 128, IN_R = 120, IN_P = 120, DY_S = 96, DY_R = 88, DY_P = 88 };
    int n = first / (OUT_H * OUT_W), h = first / OUT_W % OUT_H, w = first % OUT_W;
    for (int p = 0; p < count; p++) {
        at[p] = (ptrdiff_t)n * IN_S + h * IN_R + w * IN_P;
        dy_at[p] = (ptrdiff_t)n * DY_S + h * DY_R + w * DY_P;
        if (++w == OUT_W) {
            w = 0;
            if (++h == OUT_H) {
                h = 0;
                n++;
            }
        }
    }
}

/* f6: conv_dw   10.1 kMAC   lenet5.net:11 */
static void f6_conv_dw(int n, const real *restrict x, const real *restrict dy, real *restrict dw, real *restrict db,
                   real *restrict work)
{
    enum { OUT_H = 1, OUT_W = 1, IN_G = 0, GROUPS = 1, TAPS = 1, RUN = 120, DY_G = 0, CO = 88, NR = 16, MR = 6,
           MB = 32, PB = 4, KS = 120, CHUNKS = 1, BIAS = 1 };
    static const int TAP[] = {0};
    const int rows = TAPS * RUN;
    const int weights = GROUPS * rows * CO, total = weights + (BIAS ? GROUPS * CO : 0);
    const int panels = (CO + NR - 1) / NR, width_last = CO - (panels - 1) * NR;
    const int panel_sets = (panels + PB - 1) / PB, slices = (rows + KS - 1) / KS;
    const int pixels = n * OUT_H * OUT_W, blocks = (pixels + MB - 1) / MB;
    const int items = CHUNKS * GROUPS * panel_sets * slices;
    _Alignas(64) real packed[PB * MB * NR];
    /* of this block's pixels and of those that come, and room for the places that the last tile to ask goes on to */
    ptrdiff_t x_places[2][MB + MB / (VL > 8 ? 2 : 8) + 1], dy_places[2][MB + MB / (VL > 8 ? 2 : 8) + 1];
    int side = 0, placed = -1; /* which of them is this block's, and the item whose first block's places are there */
#pragma omp for schedule(static)
    for (int item = 0; item < items; item++) {
        int slice = item % slices, panel_set = item / slices % panel_sets;
        int group = item / slices / panel_sets % GROUPS, chunk = item / slices / panel_sets / GROUPS;
        int first_block = igemm_dw_first_block(blocks, chunk), end_block = igemm_dw_first_block(blocks, chunk + 1);
        int row_begin = slice * KS, row_end = row_begin + KS < rows ? row_begin + KS : rows;
        int panel_begin = panel_set * PB, panel_end = panel_begin + PB < panels ? panel_begin + PB : panels;
        real *sum_w = CHUNKS > 1 ? work + (ptrdiff_t)chunk * total : dw;
        real *sum_b = CHUNKS > 1 ? sum_w + weights : db;
        for (int block = first_block; block < end_block; block++) {
            int begin = block == first_block, count = igemm_dw_pixels(pixels, block);
            const ptrdiff_t *at = x_places[side], *dy_at = dy_places[side];
            if (begin && placed != item)
                igemm_dw_places_2(block * MB, count, x_places[side], dy_places[side]);
            side = !side;
            ptrdiff_t *next_at = x_places[side], *next_dy_at = dy_places[side];
            /* what comes: of its rows those in their last tap, which meets most pixels first, and its panels */
            int next_block = block + 1, next_slice = slice, next_panel = panel_begin, next_group = group;
            if (next_block == end_block) {
                placed = item + 1 < items ? item + 1 : item; /* the last may ask for what is there */
                next_slice = placed % slices;
                next_panel = placed / slices % panel_sets * PB;
                next_group = placed / slices / panel_sets % GROUPS;
                next_block = igemm_dw_first_block(blocks, placed / slices / panel_sets / GROUPS);
            }
            int coming = next_block < blocks ? igemm_dw_pixels(pixels, next_block) : 0; /* an empty chunk may be the last */
            igemm_dw_places_2(next_block * MB, coming, next_at, next_dy_at);
            int next_begin = next_slice * KS, next_end = next_begin + KS < rows ? next_begin + KS : rows;
            int tap = (next_end - 1) / RUN, run = next_begin > tap * RUN ? next_begin - tap * RUN : 0;
            const real *next_x = x + next_group * IN_G + TAP[tap] + run;
            const real *next_dy = dy + next_group * DY_G + next_panel * NR;
            /* Up to four lines of each pixel at a time, column by column of such; so many pixels of one by each tile. */
            const int next_panels = panels - next_panel < PB ? panels - next_panel : PB;
            const int x_lines = (next_end - tap * RUN - run + NT_LINE - 1) / NT_LINE, x_columns = (x_lines + 3) / 4;
            const int dy_lines = (next_panels * NR + NT_LINE - 1) / NT_LINE, columns = x_columns + (dy_lines + 3) / 4;
            const int tiles = (row_end - row_begin + MR - 1) / MR * (panel_end - panel_begin);
            /* every eighth pixel costs little; where tiles are few, so is what they read, but wide vectors make few of much */
            const int most = VL > 8 ? (count + 1) / 2 : (count + 7) / 8;
            int share = (coming * columns + tiles - 1) / tiles, column = 0, pixel = 0;
            share = share < 1 ? 1 : share < most ? share : most;
            const int step = (count + share - 1) / share;
            for (int p = coming; p < coming + share; p++) { /* a tile may ask for so many more */
                next_at[p] = at[0];
                next_dy_at[p] = dy_at[0];
            }
            for (int panel = panel_begin; panel < panel_end; panel++)
                igemm_dw_pack_dy(panel < panels - 1 ? NR : width_last, count, begin, dy + group * DY_G + panel * NR,
                          dy_at, packed + (panel - panel_begin) * MB * NR,
                          BIAS && slice == 0 ? sum_b + group * CO + panel * NR : NULL);
            const real *row_x[MR];
            for (int k = row_begin, panel = panel_begin; k < row_end && panel < panel_end;) {
                const int tile = igemm_dw_rows(row_end - k), width = panel < panels - 1 ? NR : width_last;
                for (int i = 0; i < tile && panel == panel_begin; i++) /* later panels find them, or a packed copy */
                    row_x[i] = x + group * IN_G + TAP[(k + i) / RUN] + (k + i) % RUN;
                const real *panel_dy = dy + group * DY_G + panel * NR;
                real *to_dy = packed + (panel - panel_begin) * MB * NR, *to_x = NULL;
                const int x_follows = k % RUN + tile <= RUN, dy_lies = 0;
                const ptrdiff_t element = (ptrdiff_t)rows * (group * CO + panel * NR) + k * width;
                real *to = sum_w + element;
                for (int line = 0; line < MR * width; line += NT_LINE)
                    nt_prefetch(to, tile * width + line);
                const int of_x = column < x_columns, line = 4 * (of_x ? column : column - x_columns);
                const real *ahead = (of_x ? next_x : next_dy) + line * NT_LINE;
                const ptrdiff_t *ahead_at = (of_x ? next_at : next_dy_at) + pixel;
                const int left = (of_x ? x_lines : dy_lines) - line, lines = left < 4 ? left : 4;
                pixel += share;
                if (pixel >= coming) {
                    pixel = 0;
                    column = column + 1 < columns ? column + 1 : 0;
                }
                if (width != NR)
                    igemm_dw_rows_of_last(tile, x_follows, dy_lies, count, begin, row_x, at, to_x, panel_dy, dy_at, to_dy, ahead,
                                   ahead_at, lines, step, to);
                else
                    igemm_dw_rows_of(tile, x_follows, dy_lies, count, begin, row_x, at, to_x, panel_dy, dy_at, to_dy, ahead,
                              ahead_at, lines, step, to);
                panel++;
                if (panel == panel_end) {
                    panel = panel_begin;
                    k += tile;
                }
            }
        }
    }
    if (CHUNKS > 1) {
#pragma omp for schedule(static)
        for (int i = 0; i < total; i += VL) {
            vf sum = v_zero();
            for (int chunk = 0; chunk < CHUNKS; chunk++)
                if ((int64_t)blocks * chunk / CHUNKS < (int64_t)blocks * (chunk + 1) / CHUNKS) /* not empty */
                    sum = v_add(sum, v_load(work + (ptrdiff_t)chunk * total + i));
            v_store(i < weights ? dw + i : db + (i - weights), sum);
        }
    }
}

NT_APART void dense_dx_set_last(int rows, int vectors, int first, const real *restrict w, const real *restrict turned, real *restrict sums)
{
    enum { LAST = 8 };
    if (vectors == 2)
        dense_dx_rows(rows, 2, LAST, 1, first, w, 0, turned, 1, 1, 0, sums);
    else
        dense_dx_rows(rows, 1, LAST, 1, first, w, 0, turned, 1, 1, 0, sums);
}

/* VL outputs, from dy on, of `count` samples, to turned[o/ABREAST][vectors*VL]. */
NT_INLINE void dense_dx_turn_2(int count, int vectors, const real *restrict dy, real *restrict turned)
{
    enum { IN_S = 96, ABREAST = 1 };
    const int lanes = VL / ABREAST;
    for (int j = 0; j < vectors; j++) {
        if (ABREAST == 1) {
            vf square[VL];
            for (int i = 0; i < VL; i++)
                square[i] = j * VL + i < count ? v_load(dy + (ptrdiff_t)(j * VL + i) * IN_S) : v_zero();
            v_transpose(square);
            for (int i = 0; i < VL; i++)
                v_store(turned + (i * vectors + j) * VL, square[i]);
            continue;
        }
        for (int i = 0; i < lanes; i++) {
            const int is_sample = j * lanes + i < count;
            const real *from = dy + (is_sample ? (ptrdiff_t)(j * lanes + i) * IN_S : 0);
            for (int o = 0; o < lanes; o++)
                for (int k = 0; k < ABREAST; k++)
                    turned[(o * vectors + j) * VL + i * ABREAST + k] = is_sample ? from[o * ABREAST + k] : 0;
        }
    }
}

/* f6: conv_dx + tanh_dx   84 -> 1x1x120   10.1 kMAC   lenet5.net:11 */
static void f6_conv_dx(int n, const real *restrict dy, const real *restrict w, real *restrict turned, real *restrict other)
{
    enum { IN_S = 96, PIXELS = 1, CI = 120, CO = 88, NR = 16, LAST = 8, MB = 32, VB = 8, PB = 4, ABREAST = 1 };
    const int lanes = VL / ABREAST, of_part = 2 * lanes; /* samples of a vector, and of two */
    const int of_pixel = (CI + VL - 1) / VL, vectors = PIXELS * of_pixel, slices = (vectors + VB - 1) / VB;
    const int panels = CO / NR, sets = (panels + PB - 1) / PB, blocks = (n + MB - 1) / MB;
    const ptrdiff_t panel_size = (ptrdiff_t)PIXELS * CI * NR, turned_size = (ptrdiff_t)CO * of_part;
    _Alignas(64) real sums[(MB + of_part - 1) / of_part * VB * VL * 2 * VL];
    for (int block = 0; block < blocks; block++) {
        const int first = (int)((int64_t)n * block / blocks), count = (int)((int64_t)n * (block + 1) / blocks) - first;
        const int parts = (count + of_part - 1) / of_part, last = (count - (parts - 1) * of_part + lanes - 1) / lanes; /* its vectors */
#pragma omp for schedule(static)
        for (int i = 0; i < CO / VL * parts; i++) {
            const int part = i % parts, o = i / parts * VL, width = part < parts - 1 ? 2 : last;
            dense_dx_turn_2(count - part * of_part, width, dy + (ptrdiff_t)(first + part * of_part) * IN_S + o,
                   turned + part * turned_size + o * width * lanes);
        }
#pragma omp for schedule(static)
        for (int slice = 0; slice < slices; slice++) {
            const int begin = slice * VB, end = begin + VB < vectors ? begin + VB : vectors;
            const int row_begin = begin / of_pixel * CI + begin % of_pixel * VL;
            const int row_end = end / of_pixel * CI + end % of_pixel * VL, rows = row_end - row_begin;
            const real *slice_w = w + (ptrdiff_t)row_begin * NR;
            for (int s = 0; s < sets; s++) {
                const int panel = (int)((int64_t)panels * s / sets), set = (int)((int64_t)panels * (s + 1) / sets) - panel;
                const ptrdiff_t ahead = s + 1 < sets ? set * panel_size : (ptrdiff_t)rows * NR - panel * panel_size;
                for (int i = 0; i < count && s + 1 == sets; i++) {
                    const size_t place = (size_t)(first + i) * 128 + (size_t)(begin * VL / NT_LINE * NT_LINE);
                    nt_prefetch_far(other, (ptrdiff_t)place);
                }
                for (int part = 0; part < parts; part++) {
                    const int width = part < parts - 1 ? 2 : last;
                    dense_dx_set(rows, width, set, s == 0, slice_w + panel * panel_size, panel_size,
                          turned + part * turned_size + panel * NR * width * lanes, part, parts, ahead,
                          sums + (ptrdiff_t)part * VB * VL * 2 * VL);
                }
            }
            for (int part = 0; part < parts; part++) {
                const int width = part < parts - 1 ? 2 : last;
                dense_dx_set_last(rows, width, panels == 0, w + panels * panel_size + (ptrdiff_t)row_begin * LAST,
                           turned + part * turned_size + panels * NR * width * lanes, sums + (ptrdiff_t)part * VB * VL * 2 * VL);
            }
            for (int v = begin; v < end; v++) {
                const int c = v % of_pixel * VL, row = v / of_pixel * CI + c - row_begin;
                const int is_line = v + 1 < end && (v + 1) * VL % NT_LINE == 0; /* that the next vector begins */
                for (int i = 0; i < count; i += lanes) {
                    for (int j = i; j < i + lanes && j < count && is_line; j++) {
                        const size_t place = (size_t)(first + j) * 128 + (size_t)((v + 1) * VL);
                        nt_prefetch_far(other, (ptrdiff_t)place);
                    }
                    const real *from = sums + ((ptrdiff_t)(i / of_part) * VB * VL + row) * 2 * VL + i % of_part * ABREAST;
                    vf square[VL];
                    for (int j = 0; j < VL; j++)
                        square[j] = c + j < CI ? v_load(from + j * 2 * VL) : v_zero();
                    v_transpose(square);
                    for (int j = 0; j < lanes && i + j < count; j++) {
                        vf sum = square[j * ABREAST];
                        for (int k = 1; k < ABREAST; k++)
                            sum = v_add(sum, square[j * ABREAST + k]);
                        {
                            const vf v0 = sum;
                            const size_t place = (size_t)(first + i + j) * 128 + (size_t)(v * VL);
                            const vf v1 = v_load(other + place);
                            const vf v2 = v_mul(v0, v_fnma(v1, v1, v_set1(1)));
                            v_store(other + place, v2);
                        }
                    }
                }
            }
        }
    }
}

/* Where the windows of `count` pixels from `first` on lie in x, and the pixels in dy. */
static inline void igemm_dw_places_3(int first, int count, ptrdiff_t *at, ptrdiff_t *dy_at)
{
    enum { OUT_H = 1, OUT_W = 1, IN_S = 400, IN_R = 80, IN_P = 16, DY_S = 128, DY_R = 120, DY_P = 120 };
    int n = first / (OUT_H * OUT_W), h = first / OUT_W % OUT_H, w = first % OUT_W;
    for (int p = 0; p < count; p++) {
        at[p] = (ptrdiff_t)n * IN_S + h * IN_R + w * IN_P;
        dy_at[p] = (ptrdiff_t)n * DY_S + h * DY_R + w * DY_P;
        if (++w == OUT_W) {
            w = 0;
            if (++h == OUT_H) {
                h = 0;
                n++;
            }
        }
    }
}

/* c5: conv_dw   48.0 kMAC   lenet5.net:10 */
static void c5_conv_dw(int n, const real *restrict x, const real *restrict dy, real *restrict dw, real *restrict db,
                   real *restrict work)
{
    enum { OUT_H = 1, OUT_W = 1, IN_G = 0, GROUPS = 1, TAPS = 1, RUN = 400, DY_G = 0, CO = 120, NR = 16,
           MR = 6, MB = 32, PB = 4, KS = 102, CHUNKS = 1, BIAS = 1 };
    static const int TAP[] = {0};
    const int rows = TAPS * RUN;
    const int weights = GROUPS * rows * CO, total = weights + (BIAS ? GROUPS * CO : 0);
    const int panels = (CO + NR - 1) / NR, width_last = CO - (panels - 1) * NR;
    const int panel_sets = (panels + PB - 1) / PB, slices = (rows + KS - 1) / KS;
    const int pixels = n * OUT_H * OUT_W, blocks = (pixels + MB - 1) / MB;
    const int items = CHUNKS * GROUPS * panel_sets * slices;
    _Alignas(64) real packed[PB * MB * NR];
    /* of this block's pixels and of those that come, and room for the places that the last tile to ask goes on to */
    ptrdiff_t x_places[2][MB + MB / (VL > 8 ? 2 : 8) + 1], dy_places[2][MB + MB / (VL > 8 ? 2 : 8) + 1];
    int side = 0, placed = -1; /* which of them is this block's, and the item whose first block's places are there */
#pragma omp for schedule(static)
    for (int item = 0; item < items; item++) {
        int slice = item % slices, panel_set = item / slices % panel_sets;
        int group = item / slices / panel_sets % GROUPS, chunk = item / slices / panel_sets / GROUPS;
        int first_block = igemm_dw_first_block(blocks, chunk), end_block = igemm_dw_first_block(blocks, chunk + 1);
        int row_begin = slice * KS, row_end = row_begin + KS < rows ? row_begin + KS : rows;
        int panel_begin = panel_set * PB, panel_end = panel_begin + PB < panels ? panel_begin + PB : panels;
        real *sum_w = CHUNKS > 1 ? work + (ptrdiff_t)chunk * total : dw;
        real *sum_b = CHUNKS > 1 ? sum_w + weights : db;
        for (int block = first_block; block < end_block; block++) {
            int begin = block == first_block, count = igemm_dw_pixels(pixels, block);
            const ptrdiff_t *at = x_places[side], *dy_at = dy_places[side];
            if (begin && placed != item)
                igemm_dw_places_3(block * MB, count, x_places[side], dy_places[side]);
            side = !side;
            ptrdiff_t *next_at = x_places[side], *next_dy_at = dy_places[side];
            /* what comes: of its rows those in their last tap, which meets most pixels first, and its panels */
            int next_block = block + 1, next_slice = slice, next_panel = panel_begin, next_group = group;
            if (next_block == end_block) {
                placed = item + 1 < items ? item + 1 : item; /* the last may ask for what is there */
                next_slice = placed % slices;
                next_panel = placed / slices % panel_sets * PB;
                next_group = placed / slices / panel_sets % GROUPS;
                next_block = igemm_dw_first_block(blocks, placed / slices / panel_sets / GROUPS);
            }
            int coming = next_block < blocks ? igemm_dw_pixels(pixels, next_block) : 0; /* an empty chunk may be the last */
            igemm_dw_places_3(next_block * MB, coming, next_at, next_dy_at);
            int next_begin = next_slice * KS, next_end = next_begin + KS < rows ? next_begin + KS : rows;
            int tap = (next_end - 1) / RUN, run = next_begin > tap * RUN ? next_begin - tap * RUN : 0;
            const real *next_x = x + next_group * IN_G + TAP[tap] + run;
            const real *next_dy = dy + next_group * DY_G + next_panel * NR;
            /* Up to four lines of each pixel at a time, column by column of such; so many pixels of one by each tile. */
            const int next_panels = panels - next_panel < PB ? panels - next_panel : PB;
            const int x_lines = (next_end - tap * RUN - run + NT_LINE - 1) / NT_LINE, x_columns = (x_lines + 3) / 4;
            const int dy_lines = (next_panels * NR + NT_LINE - 1) / NT_LINE, columns = x_columns + (dy_lines + 3) / 4;
            const int tiles = (row_end - row_begin + MR - 1) / MR * (panel_end - panel_begin);
            /* every eighth pixel costs little; where tiles are few, so is what they read, but wide vectors make few of much */
            const int most = VL > 8 ? (count + 1) / 2 : (count + 7) / 8;
            int share = (coming * columns + tiles - 1) / tiles, column = 0, pixel = 0;
            share = share < 1 ? 1 : share < most ? share : most;
            const int step = (count + share - 1) / share;
            for (int p = coming; p < coming + share; p++) { /* a tile may ask for so many more */
                next_at[p] = at[0];
                next_dy_at[p] = dy_at[0];
            }
            for (int panel = panel_begin; panel < panel_end; panel++)
                igemm_dw_pack_dy(panel < panels - 1 ? NR : width_last, count, begin, dy + group * DY_G + panel * NR,
                          dy_at, packed + (panel - panel_begin) * MB * NR,
                          BIAS && slice == 0 ? sum_b + group * CO + panel * NR : NULL);
            const real *row_x[MR];
            for (int k = row_begin, panel = panel_begin; k < row_end && panel < panel_end;) {
                const int tile = igemm_dw_rows(row_end - k), width = panel < panels - 1 ? NR : width_last;
                for (int i = 0; i < tile && panel == panel_begin; i++) /* later panels find them, or a packed copy */
                    row_x[i] = x + group * IN_G + TAP[(k + i) / RUN] + (k + i) % RUN;
                const real *panel_dy = dy + group * DY_G + panel * NR;
                real *to_dy = packed + (panel - panel_begin) * MB * NR, *to_x = NULL;
                const int x_follows = k % RUN + tile <= RUN, dy_lies = 0;
                const ptrdiff_t element = (ptrdiff_t)rows * (group * CO + panel * NR) + k * width;
                real *to = sum_w + element;
                for (int line = 0; line < MR * width; line += NT_LINE)
                    nt_prefetch(to, tile * width + line);
                const int of_x = column < x_columns, line = 4 * (of_x ? column : column - x_columns);
                const real *ahead = (of_x ? next_x : next_dy) + line * NT_LINE;
                const ptrdiff_t *ahead_at = (of_x ? next_at : next_dy_at) + pixel;
                const int left = (of_x ? x_lines : dy_lines) - line, lines = left < 4 ? left : 4;
                pixel += share;
                if (pixel >= coming) {
                    pixel = 0;
                    column = column + 1 < columns ? column + 1 : 0;
                }
                if (width != NR)
                    igemm_dw_rows_of_last(tile, x_follows, dy_lies, count, begin, row_x, at, to_x, panel_dy, dy_at, to_dy, ahead,
                                   ahead_at, lines, step, to);
                else
                    igemm_dw_rows_of(tile, x_follows, dy_lies, count, begin, row_x, at, to_x, panel_dy, dy_at, to_dy, ahead,
                              ahead_at, lines, step, to);
                panel++;
                if (panel == panel_end) {
                    panel = panel_begin;
                    k += tile;
                }
            }
        }
    }
    if (CHUNKS > 1) {
#pragma omp for schedule(static)
        for (int i = 0; i < total; i += VL) {
            vf sum = v_zero();
            for (int chunk = 0; chunk < CHUNKS; chunk++)
                if ((int64_t)blocks * chunk / CHUNKS < (int64_t)blocks * (chunk + 1) / CHUNKS) /* not empty */
                    sum = v_add(sum, v_load(work + (ptrdiff_t)chunk * total + i));
            v_store(i < weights ? dw + i : db + (i - weights), sum);
        }
    }
}

/* VL outputs, from dy on, of `count` samples, to turned[o/ABREAST][vectors*VL]. */
NT_INLINE void dense_dx_turn_3(int count, int vectors, const real *restrict dy, real *restrict turned)
{
    enum { IN_S = 128, ABREAST = 1 };
    const int lanes = VL / ABREAST;
    for (int j = 0; j < vectors; j++) {
        if (ABREAST == 1) {
            vf square[VL];
            for (int i = 0; i < VL; i++)
                square[i] = j * VL + i < count ? v_load(dy + (ptrdiff_t)(j * VL + i) * IN_S) : v_zero();
            v_transpose(square);
            for (int i = 0; i < VL; i++)
                v_store(turned + (i * vectors + j) * VL, square[i]);
            continue;
        }
        for (int i = 0; i < lanes; i++) {
            const int is_sample = j * lanes + i < count;
            const real *from = dy + (is_sample ? (ptrdiff_t)(j * lanes + i) * IN_S : 0);
            for (int o = 0; o < lanes; o++)
                for (int k = 0; k < ABREAST; k++)
                    turned[(o * vectors + j) * VL + i * ABREAST + k] = is_sample ? from[o * ABREAST + k] : 0;
        }
    }
}

/* c5: conv_dx   1x1x120 -> 5x5x16   48.0 kMAC   lenet5.net:10 */
static void c5_conv_dx(int n, const real *restrict dy, const real *restrict w, real *restrict turned, real *restrict result)
{
    enum { IN_S = 128, PIXELS = 25, CI = 16, CO = 120, NR = 16, LAST = 8, MB = 32, VB = 9, PB = 4, ABREAST = 1 };
    const int lanes = VL / ABREAST, of_part = 2 * lanes; /* samples of a vector, and of two */
    const int of_pixel = (CI + VL - 1) / VL, vectors = PIXELS * of_pixel, slices = (vectors + VB - 1) / VB;
    const int panels = CO / NR, sets = (panels + PB - 1) / PB, blocks = (n + MB - 1) / MB;
    const ptrdiff_t panel_size = (ptrdiff_t)PIXELS * CI * NR, turned_size = (ptrdiff_t)CO * of_part;
    _Alignas(64) real sums[(MB + of_part - 1) / of_part * VB * VL * 2 * VL];
    for (int block = 0; block < blocks; block++) {
        const int first = (int)((int64_t)n * block / blocks), count = (int)((int64_t)n * (block + 1) / blocks) - first;
        const int parts = (count + of_part - 1) / of_part, last = (count - (parts - 1) * of_part + lanes - 1) / lanes; /* its vectors */
#pragma omp for schedule(static)
        for (int i = 0; i < CO / VL * parts; i++) {
            const int part = i % parts, o = i / parts * VL, width = part < parts - 1 ? 2 : last;
            dense_dx_turn_3(count - part * of_part, width, dy + (ptrdiff_t)(first + part * of_part) * IN_S + o,
                   turned + part * turned_size + o * width * lanes);
        }
#pragma omp for schedule(static)
        for (int slice = 0; slice < slices; slice++) {
            const int begin = slice * VB, end = begin + VB < vectors ? begin + VB : vectors;
            const int row_begin = begin / of_pixel * CI + begin % of_pixel * VL;
            const int row_end = end / of_pixel * CI + end % of_pixel * VL, rows = row_end - row_begin;
            const real *slice_w = w + (ptrdiff_t)row_begin * NR;
            for (int s = 0; s < sets; s++) {
                const int panel = (int)((int64_t)panels * s / sets), set = (int)((int64_t)panels * (s + 1) / sets) - panel;
                const ptrdiff_t ahead = s + 1 < sets ? set * panel_size : (ptrdiff_t)rows * NR - panel * panel_size;
                for (int i = 0; i < count && s + 1 == sets; i++) {
                    const int volume_pixel = (begin * VL / NT_LINE * NT_LINE) / 16, real_channel = (begin * VL / NT_LINE * NT_LINE) % 16;
                    const size_t place = (size_t)(first + i) * 400 + (size_t)(volume_pixel / 5) * 80 + (size_t)(volume_pixel % 5) * 16 + (size_t)(real_channel);
                    nt_prefetch_far(result, (ptrdiff_t)place);
                }
                for (int part = 0; part < parts; part++) {
                    const int width = part < parts - 1 ? 2 : last;
                    dense_dx_set(rows, width, set, s == 0, slice_w + panel * panel_size, panel_size,
                          turned + part * turned_size + panel * NR * width * lanes, part, parts, ahead,
                          sums + (ptrdiff_t)part * VB * VL * 2 * VL);
                }
            }
            for (int part = 0; part < parts; part++) {
                const int width = part < parts - 1 ? 2 : last;
                dense_dx_set_last(rows, width, panels == 0, w + panels * panel_size + (ptrdiff_t)row_begin * LAST,
                           turned + part * turned_size + panels * NR * width * lanes, sums + (ptrdiff_t)part * VB * VL * 2 * VL);
            }
            for (int v = begin; v < end; v++) {
                const int c = v % of_pixel * VL, row = v / of_pixel * CI + c - row_begin;
                const int is_line = v + 1 < end && (v + 1) * VL % NT_LINE == 0; /* that the next vector begins */
                for (int i = 0; i < count; i += lanes) {
                    for (int j = i; j < i + lanes && j < count && is_line; j++) {
                        const int volume_pixel = ((v + 1) * VL) / 16, real_channel = ((v + 1) * VL) % 16;
                        const size_t place = (size_t)(first + j) * 400 + (size_t)(volume_pixel / 5) * 80 + (size_t)(volume_pixel % 5) * 16 + (size_t)(real_channel);
                        nt_prefetch_far(result, (ptrdiff_t)place);
                    }
                    const real *from = sums + ((ptrdiff_t)(i / of_part) * VB * VL + row) * 2 * VL + i % of_part * ABREAST;
                    vf square[VL];
                    for (int j = 0; j < VL; j++)
                        square[j] = c + j < CI ? v_load(from + j * 2 * VL) : v_zero();
                    v_transpose(square);
                    for (int j = 0; j < lanes && i + j < count; j++) {
                        vf sum = square[j * ABREAST];
                        for (int k = 1; k < ABREAST; k++)
                            sum = v_add(sum, square[j * ABREAST + k]);
                        {
                            const int volume_pixel = (v * VL) / 16, real_channel = (v * VL) % 16;
                            const vf v0 = sum;
                            const size_t place = (size_t)(first + i + j) * 400 + (size_t)(volume_pixel / 5) * 80 + (size_t)(volume_pixel % 5) * 16 + (size_t)(real_channel);
                            v_store(result + place, v0);
                        }
                    }
                }
            }
        }
    }
}

/* Sum of rows x columns windows of a sample from (oh, ow) on; there may be none. */
static inline vf avgpool_dx_windows(const real *dy, int oh, int ow, int rows, int columns)
{
    enum { DY_R = 80, DY_P = 16 };
    vf g = v_zero();
    for (int r = 0; r < rows; r++)
        for (int q = 0; q < columns; q++)
            g = v_add(g, v_load(dy + (oh + r) * DY_R + (ow + q) * DY_P));
    return g;
}

/* s4: avgpool_dx + tanh_dx   5x5x16 -> 10x10x16   lenet5.net:9 */
static void s4_avgpool_dx(int n, const real *restrict dy, real *restrict other)
{
    enum { IN_H = 10, IN_W = 10, OUT_H = 5, OUT_W = 5, KH = 2, KW = 2, SH = 2, SW = 2, PT = 0, PL = 0, CP = 16,
           DY_S = 400, ROOT = 0 };
    const int most_rows = (KH + SH - 1) / SH, most_columns = (KW + SW - 1) / SW;
#pragma omp for schedule(static)
    for (int line = 0; line < n * IN_H; line++) {
        const int i = line / IN_H, h = line % IN_H, th = h + PT;
        const real *dyi = dy + (size_t)i * DY_S;
        /* The windows that hold row h: oh*SH <= th < oh*SH + KH. */
        const int oh = th < KH ? 0 : (th - KH) / SH + 1, oh_end = th / SH < OUT_H ? th / SH + 1 : OUT_H;
        for (int w = 0; w < IN_W; w++) {
            const int tw = w + PL, ow = tw < KW ? 0 : (tw - KW) / SW + 1;
            const int ow_end = tw / SW < OUT_W ? tw / SW + 1 : OUT_W;
            const int rows = oh_end - oh, columns = ow_end - ow;
            for (int c = 0; c < CP; c += VL) {
                /* The usual number of windows as a constant. */
                const int usual = rows == most_rows && columns == most_columns;
                const vf sum = usual ? avgpool_dx_windows(dyi + c, oh, ow, most_rows, most_columns)
                                     : avgpool_dx_windows(dyi + c, oh, ow, rows, columns);
                const vf g = ROOT ? sum : v_mul(sum, v_set1((real)1 / (KH * KW)));
                {
                    const vf v0 = g;
                    const size_t place = (size_t)(i) * 1600 + (size_t)(h) * 160 + (size_t)(w) * 16 + (size_t)(c);
                    const vf v1 = v_load(other + place);
                    const vf v2 = v_mul(v0, v_fnma(v1, v1, v_set1(1)));
                    v_store(other + place, v2);
                }
            }
        }
    }
}

static inline int igemm_dw_pixels_2(int pixels, int block)
{
    enum { MB = 178 };
    return pixels - block * MB < MB ? pixels - block * MB : MB;
}

/* Where the windows of `count` pixels from `first` on lie in x, and the pixels in dy. */
static inline void igemm_dw_places_4(int first, int count, ptrdiff_t *at, ptrdiff_t *dy_at)
{
    enum { OUT_H = 10, OUT_W = 10, IN_S = 1568, IN_R = 112, IN_P = 8, DY_S = 1600, DY_R = 160, DY_P = 16 };
    int n = first / (OUT_H * OUT_W), h = first / OUT_W % OUT_H, w = first % OUT_W;
    for (int p = 0; p < count; p++) {
        at[p] = (ptrdiff_t)n * IN_S + h * IN_R + w * IN_P;
        dy_at[p] = (ptrdiff_t)n * DY_S + h * DY_R + w * DY_P;
        if (++w == OUT_W) {
            w = 0;
            if (++h == OUT_H) {
                h = 0;
                n++;
            }
        }
    }
}

/* The first block of a chunk. */
static inline int igemm_dw_first_block_2(int blocks, int chunk)
{
    enum { CHUNKS = 2 };
    return (int)((int64_t)blocks * chunk / CHUNKS);
}

/* c3: conv_dw   0.2 MMAC   lenet5.net:8 */
static void c3_conv_dw(int n, const real *restrict x, const real *restrict dy, real *restrict dw, real *restrict db,
                   real *restrict work)
{
    enum { OUT_H = 10, OUT_W = 10, IN_G = 0, GROUPS = 1, TAPS = 25, RUN = 6, DY_G = 0, CO = 16, NR = 16,
           MR = 6, MB = 178, PB = 1, KS = 150, CHUNKS = 2, BIAS = 1 };
    static const int TAP[] = {0, 8, 16, 24, 32, 112, 120, 128, 136, 144, 224, 232, 240, 248, 256, 336,
        344, 352, 360, 368, 448, 456, 464, 472, 480};
    const int rows = TAPS * RUN;
    const int weights = GROUPS * rows * CO, total = weights + (BIAS ? GROUPS * CO : 0);
    const int panels = (CO + NR - 1) / NR, width_last = CO - (panels - 1) * NR;
    const int panel_sets = (panels + PB - 1) / PB, slices = (rows + KS - 1) / KS;
    const int pixels = n * OUT_H * OUT_W, blocks = (pixels + MB - 1) / MB;
    const int items = CHUNKS * GROUPS * panel_sets * slices;
    _Alignas(64) real packed[PB * MB * NR];
    /* of this block's pixels and of those that come, and room for the places that the last tile to ask goes on to */
    ptrdiff_t x_places[2][MB + MB / (VL > 8 ? 2 : 8) + 1], dy_places[2][MB + MB / (VL > 8 ? 2 : 8) + 1];
    int side = 0, placed = -1; /* which of them is this block's, and the item whose first block's places are there */
#pragma omp for schedule(static)
    for (int item = 0; item < items; item++) {
        int slice = item % slices, panel_set = item / slices % panel_sets;
        int group = item / slices / panel_sets % GROUPS, chunk = item / slices / panel_sets / GROUPS;
        int first_block = igemm_dw_first_block_2(blocks, chunk), end_block = igemm_dw_first_block_2(blocks, chunk + 1);
        int row_begin = slice * KS, row_end = row_begin + KS < rows ? row_begin + KS : rows;
        int panel_begin = panel_set * PB, panel_end = panel_begin + PB < panels ? panel_begin + PB : panels;
        real *sum_w = CHUNKS > 1 ? work + (ptrdiff_t)chunk * total : dw;
        real *sum_b = CHUNKS > 1 ? sum_w + weights : db;
        for (int block = first_block; block < end_block; block++) {
            int begin = block == first_block, count = igemm_dw_pixels_2(pixels, block);
            const ptrdiff_t *at = x_places[side], *dy_at = dy_places[side];
            if (begin && placed != item)
                igemm_dw_places_4(block * MB, count, x_places[side], dy_places[side]);
            side = !side;
            ptrdiff_t *next_at = x_places[side], *next_dy_at = dy_places[side];
            /* what comes: of its rows those in their last tap, which meets most pixels first, and its panels */
            int next_block = block + 1, next_slice = slice, next_panel = panel_begin, next_group = group;
            if (next_block == end_block) {
                placed = item + 1 < items ? item + 1 : item; /* the last may ask for what is there */
                next_slice = placed % slices;
                next_panel = placed / slices % panel_sets * PB;
                next_group = placed / slices / panel_sets % GROUPS;
                next_block = igemm_dw_first_block_2(blocks, placed / slices / panel_sets / GROUPS);
            }
            int coming = next_block < blocks ? igemm_dw_pixels_2(pixels, next_block) : 0; /* an empty chunk may be the last */
            igemm_dw_places_4(next_block * MB, coming, next_at, next_dy_at);
            int next_begin = next_slice * KS, next_end = next_begin + KS < rows ? next_begin + KS : rows;
            int tap = (next_end - 1) / RUN, run = next_begin > tap * RUN ? next_begin - tap * RUN : 0;
            const real *next_x = x + next_group * IN_G + TAP[tap] + run;
            const real *next_dy = dy + next_group * DY_G + next_panel * NR;
            /* Up to four lines of each pixel at a time, column by column of such; so many pixels of one by each tile. */
            const int next_panels = panels - next_panel < PB ? panels - next_panel : PB;
            const int x_lines = (next_end - tap * RUN - run + NT_LINE - 1) / NT_LINE, x_columns = (x_lines + 3) / 4;
            const int dy_lines = (next_panels * NR + NT_LINE - 1) / NT_LINE, columns = x_columns + (dy_lines + 3) / 4;
            const int tiles = (row_end - row_begin + MR - 1) / MR * (panel_end - panel_begin);
            /* every eighth pixel costs little; where tiles are few, so is what they read, but wide vectors make few of much */
            const int most = VL > 8 ? (count + 1) / 2 : (count + 7) / 8;
            int share = (coming * columns + tiles - 1) / tiles, column = 0, pixel = 0;
            share = share < 1 ? 1 : share < most ? share : most;
            const int step = (count + share - 1) / share;
            for (int p = coming; p < coming + share; p++) { /* a tile may ask for so many more */
                next_at[p] = at[0];
                next_dy_at[p] = dy_at[0];
            }
            for (int panel = panel_begin; panel < panel_end; panel++)
                igemm_dw_pack_dy(panel < panels - 1 ? NR : width_last, count, begin, dy + group * DY_G + panel * NR,
                          dy_at, packed + (panel - panel_begin) * MB * NR,
                          BIAS && slice == 0 ? sum_b + group * CO + panel * NR : NULL);
            const real *row_x[MR];
            for (int k = row_begin, panel = panel_begin; k < row_end && panel < panel_end;) {
                const int tile = igemm_dw_rows(row_end - k), width = panel < panels - 1 ? NR : width_last;
                for (int i = 0; i < tile && panel == panel_begin; i++) /* later panels find them, or a packed copy */
                    row_x[i] = x + group * IN_G + TAP[(k + i) / RUN] + (k + i) % RUN;
                const real *panel_dy = dy + group * DY_G + panel * NR;
                real *to_dy = packed + (panel - panel_begin) * MB * NR, *to_x = NULL;
                const int x_follows = k % RUN + tile <= RUN, dy_lies = 0;
                const ptrdiff_t element = (ptrdiff_t)rows * (group * CO + panel * NR) + k * width;
                real *to = sum_w + element;
                for (int line = 0; line < MR * width; line += NT_LINE)
                    nt_prefetch(to, tile * width + line);
                const int of_x = column < x_columns, line = 4 * (of_x ? column : column - x_columns);
                const real *ahead = (of_x ? next_x : next_dy) + line * NT_LINE;
                const ptrdiff_t *ahead_at = (of_x ? next_at : next_dy_at) + pixel;
                const int left = (of_x ? x_lines : dy_lines) - line, lines = left < 4 ? left : 4;
                pixel += share;
                if (pixel >= coming) {
                    pixel = 0;
                    column = column + 1 < columns ? column + 1 : 0;
                }
                igemm_dw_rows_of(tile, x_follows, dy_lies, count, begin, row_x, at, to_x, panel_dy, dy_at, to_dy, ahead, ahead_at,
                          lines, step, to);
                panel++;
                if (panel == panel_end) {
                    panel = panel_begin;
                    k += tile;
                }
            }
        }
    }
    if (CHUNKS > 1) {
#pragma omp for schedule(static)
        for (int i = 0; i < total; i += VL) {
            vf sum = v_zero();
            for (int chunk = 0; chunk < CHUNKS; chunk++)
                if ((int64_t)blocks * chunk / CHUNKS < (int64_t)blocks * (chunk + 1) / CHUNKS) /* not empty */
                    sum = v_add(sum, v_load(work + (ptrdiff_t)chunk * total + i));
            v_store(i < weights ? dw + i : db + (i - weights), sum);
        }
    }
}

/* c3: conv_dx   10x10x16 -> 14x14x6   0.2 MMAC   lenet5.net:8 */
static void c3_conv_dx(const real *restrict w, real *restrict out)
{
    enum { GROUPS = 1, TAPS = 25, CI = 6, CO = 16, CO_REAL = 16, NR = 16, DX_NR = 8 };
    static const int BEGIN[] = {0, 25};
    static const int ORDER[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        16, 17, 18, 19, 20, 21, 22, 23, 24};
    const int channels = (CI + VL - 1) / VL * VL, panels = (channels + DX_NR - 1) / DX_NR;
#pragma omp for schedule(static)
    for (int item = 0; item < TAPS * GROUPS * panels; item++) {
        int panel = item % panels, group = item / panels % GROUPS, position = item / panels / GROUPS, phase = 0;
        while (position >= BEGIN[phase + 1])
            phase++;
        int phase_taps = BEGIN[phase + 1] - BEGIN[phase], c = panel * DX_NR;
        int width = channels - c < DX_NR ? channels - c : DX_NR;
        real *to = out
                   + (ptrdiff_t)CO_REAL
                         * (BEGIN[phase] * GROUPS * channels + phase_taps * (group * channels + c)
                            + (position - BEGIN[phase]) * width);
        for (int co = 0; co < CO_REAL; co += VL, to += VL * width) {
            int first = co / NR * NR, from_width = CO - first < NR ? CO - first : NR;
            const real *from = w + (ptrdiff_t)TAPS * CI * (group * CO + first)
                               + (ptrdiff_t)ORDER[position] * CI * from_width + (co - first);
            for (int j = 0; j < width; j += VL) {
                vf square[VL];
                for (int i = 0; i < VL; i++)
                    square[i] = c + j + i < CI ? v_load(from + (ptrdiff_t)(c + j + i) * from_width) : v_zero();
                v_transpose(square);
                for (int i = 0; i < VL; i++)
                    if (co + i < CO_REAL)
                        v_store(to + i * width + j, square[i]);
            }
        }
    }
}

/* Adds what `pixels` pixels of a row of dy give through one row of the window, whose weights begin at w, to a row of
 * sums. */
NT_INLINE void scatter_dx_tile(int pixels, const real *restrict dy, const real *restrict w, real *restrict sums)
{
    enum { DY_P = 16, KW = 5, CO_REAL = 16, X = 10 };
    vf acc[X + KW - 1];
    for (int x = 0; x < pixels + KW - 1; x++)
        acc[x] = v_load(sums + x * VL);
    for (int co = 0; co < CO_REAL; co++) {
        for (int j = 0; j < KW; j++) {
            vf b = v_load(w + (j * CO_REAL + co) * VL);
            for (int x = 0; x < pixels; x++)
                acc[x + j] = v_fma(v_set1(dy[x * DY_P + co]), b, acc[x + j]);
        }
    }
    for (int x = 0; x < pixels + KW - 1; x++)
        v_store(sums + x * VL, acc[x]);
}

/* c3: conv_dx   10x10x16 -> 14x14x6   0.2 MMAC   lenet5.net:8 */
static void c3_conv_dx_2(int n, const real *restrict dy, const real *restrict w, real *restrict result)
{
    enum { IN_H = 14, IN_W = 14, OUT_H = 10, OUT_W = 10, DY_S = 1600, DY_R = 160, DY_P = 16, KH = 5, KW = 5,
           PT = 0, PL = 0, CI = 6, CO_REAL = 16, X = 10 };
    const int panels = (CI + VL - 1) / VL, width = OUT_W + KW - 1;
    _Alignas(64) real sums[(OUT_H + KH - 1) * (OUT_W + KW - 1) * VL];
#pragma omp for schedule(static)
    for (int item = 0; item < n * panels; item++) {
        int sample = item / panels, panel = item % panels;
        const real *panel_w = w + panel * KH * KW * CO_REAL * VL;
        for (int i = 0; i < (OUT_H + KH - 1) * width; i++)
            v_store(sums + i * VL, v_zero());
        for (int h = 0; h < OUT_H; h++) {
            const real *row = dy + (ptrdiff_t)sample * DY_S + h * DY_R;
            for (int i = 0; i < KH; i++) {
                const real *row_w = panel_w + i * KW * CO_REAL * VL;
                for (int x = 0; x + X <= OUT_W; x += X)
                    scatter_dx_tile(X, row + x * DY_P, row_w, sums + ((h + i) * width + x) * VL);
            }
        }
        for (int h = 0; h < IN_H; h++)
            for (int x = 0; x < IN_W; x++) {
                const vf v0 = v_load(sums + ((h + PT) * width + x + PL) * VL);
                const size_t place = (size_t)(sample) * 1568 + (size_t)(h) * 112 + (size_t)(x) * 8 + (size_t)(panel * VL);
                v_store(result + place, v0);
            }
    }
}

/* Sum of rows x columns windows of a sample from (oh, ow) on; there may be none. */
static inline vf avgpool_dx_windows_2(const real *dy, int oh, int ow, int rows, int columns)
{
    enum { DY_R = 112, DY_P = 8 };
    vf g = v_zero();
    for (int r = 0; r < rows; r++)
        for (int q = 0; q < columns; q++)
            g = v_add(g, v_load(dy + (oh + r) * DY_R + (ow + q) * DY_P));
    return g;
}

/* s2: avgpool_dx + tanh_dx   14x14x6 -> 28x28x6   lenet5.net:7 */
static void s2_avgpool_dx(int n, const real *restrict dy, const real *restrict other, real *restrict result)
{
    enum { IN_H = 28, IN_W = 28, OUT_H = 14, OUT_W = 14, KH = 2, KW = 2, SH = 2, SW = 2, PT = 0, PL = 0,
           CP = 8, DY_S = 1568, ROOT = 0 };
    const int most_rows = (KH + SH - 1) / SH, most_columns = (KW + SW - 1) / SW;
#pragma omp for schedule(static)
    for (int line = 0; line < n * IN_H; line++) {
        const int i = line / IN_H, h = line % IN_H, th = h + PT;
        const real *dyi = dy + (size_t)i * DY_S;
        /* The windows that hold row h: oh*SH <= th < oh*SH + KH. */
        const int oh = th < KH ? 0 : (th - KH) / SH + 1, oh_end = th / SH < OUT_H ? th / SH + 1 : OUT_H;
        for (int w = 0; w < IN_W; w++) {
            const int tw = w + PL, ow = tw < KW ? 0 : (tw - KW) / SW + 1;
            const int ow_end = tw / SW < OUT_W ? tw / SW + 1 : OUT_W;
            const int rows = oh_end - oh, columns = ow_end - ow;
            for (int c = 0; c < CP; c += VL) {
                /* The usual number of windows as a constant. */
                const int usual = rows == most_rows && columns == most_columns;
                const vf sum = usual ? avgpool_dx_windows_2(dyi + c, oh, ow, most_rows, most_columns)
                                     : avgpool_dx_windows_2(dyi + c, oh, ow, rows, columns);
                const vf g = ROOT ? sum : v_mul(sum, v_set1((real)1 / (KH * KW)));
                {
                    const vf v0 = g;
                    const size_t place = (size_t)(i) * 6272 + (size_t)(h) * 224 + (size_t)(w) * 8 + (size_t)(c);
                    const vf v1 = v_load(other + place);
                    const vf v2 = v_mul(v0, v_fnma(v1, v1, v_set1(1)));
                    const size_t place2 = (size_t)(i) * 8192 + (size_t)(h) * 256 + (size_t)(w) * 8 + (size_t)(c);
                    v_store(result + place2, v2);
                }
            }
        }
    }
}

/* One register tile: `rows` rows of dw by `vectors` vectors of channels, over `count` pixels. Adds to dw, or sets it if
 * this is the `first` block. Where x is read as it lies (`x_lies`), row i's values are at row[i] + at[p], or at
 * row[0] + at[p] + i if these rows follow each other (`x_follows`), which takes one pointer only; if more do, up to a
 * whole number of vectors, they can be packed on the way (`x_packs`). Otherwise x comes from packed_x, pixel by pixel.
 * dy is read at dy + dy_at[p] and packed (`dy_lies`), or comes from packed_dy. All these are constants where the
 * function is called. Every `step` pixels memory is asked for so many `lines` at the next place of ahead_at. */
NT_INLINE void igemm_dw_tile_2(int rows, int vectors, int x_lies, int x_follows, int x_packs, int dy_lies, int count, int first,
                      const real *const *restrict row, const ptrdiff_t *restrict at, real *restrict packed_x,
                      const real *restrict dy, const ptrdiff_t *restrict dy_at, real *restrict packed_dy,
                      const real *restrict ahead, const ptrdiff_t *restrict ahead_at, int lines, int step,
                      real *restrict dw)
{
    enum { NR = 8, MR = 8 };
    const real *x[MR];
    vf acc[MR][NR / VL];
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
            vf b[NR / VL];
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

/* Rows of the next tile where `left` are to do: of small ones two about as large, of the sizes that igemm_dw_rows_2 has. */
static inline int igemm_dw_rows_2(int left)
{
    enum { MR = 8 };
    int rows = left >= 2 * MR - 2 ? MR : left > MR ? (left + 1) / 2 : left;
    return rows > MR - 3 ? rows : rows >= MR / 2 ? MR / 2 : 1;
}

NT_INLINE void igemm_dw_any_2(int rows, int vectors, int x_follows, int dy_lies, int count, int first,
                     const real *const *restrict row, const ptrdiff_t *restrict at, real *restrict packed_x,
                     const real *restrict dy, const ptrdiff_t *restrict dy_at, real *restrict packed_dy,
                     const real *restrict ahead, const ptrdiff_t *restrict ahead_at, int lines, int step,
                     real *restrict dw)
{
    enum { MR = 8 };
    (void)dy_lies;
    if (rows == MR && x_follows)
        igemm_dw_tile_2(MR, vectors, 1, 1, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else if (rows == MR)
        igemm_dw_tile_2(MR, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at, lines,
               step, dw);
    else if (MR > 1 && rows == MR - 1)
        igemm_dw_tile_2(MR - 1, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else if (MR > 2 && rows == MR - 2)
        igemm_dw_tile_2(MR - 2, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else if (MR > 4 && rows == MR / 2)
        igemm_dw_tile_2(MR / 2, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
               lines, step, dw);
    else
        igemm_dw_tile_2(1, vectors, 1, 0, 0, 0, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at, lines, step,
               dw);
}

/* The same for the two widths that a panel may have. Layers share these functions, most of what there is to compile:
 * they depend on the tile's size and the form alone. */
static void igemm_dw_rows_of_2(int rows, int x_follows, int dy_lies, int count, int first, const real *const *restrict row,
                      const ptrdiff_t *restrict at, real *restrict packed_x, const real *restrict dy,
                      const ptrdiff_t *restrict dy_at, real *restrict packed_dy, const real *restrict ahead,
                      const ptrdiff_t *restrict ahead_at, int lines, int step, real *restrict dw)
{
    enum { NR = 8 };
    igemm_dw_any_2(rows, NR / VL, x_follows, dy_lies, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
          lines, step, dw);
}

static inline int igemm_dw_pixels_3(int pixels, int block)
{
    enum { MB = 185 };
    return pixels - block * MB < MB ? pixels - block * MB : MB;
}

/* Where the windows of `count` pixels from `first` on lie in x, and the pixels in dy. */
static inline void igemm_dw_places_5(int first, int count, ptrdiff_t *at, ptrdiff_t *dy_at)
{
    enum { OUT_H = 28, OUT_W = 28, IN_S = 1024, IN_R = 32, IN_P = 1, DY_S = 8192, DY_R = 256, DY_P = 8 };
    int n = first / (OUT_H * OUT_W), h = first / OUT_W % OUT_H, w = first % OUT_W;
    for (int p = 0; p < count; p++) {
        at[p] = (ptrdiff_t)n * IN_S + h * IN_R + w * IN_P;
        dy_at[p] = (ptrdiff_t)n * DY_S + h * DY_R + w * DY_P;
        if (++w == OUT_W) {
            w = 0;
            if (++h == OUT_H) {
                h = 0;
                n++;
            }
        }
    }
}

/* One panel of `count` pixels of dy, densely. Their sums are stored to db if that is not NULL, or added if it is not the
 * `first` block. */
static inline void igemm_dw_pack_dy_2(int width, int count, int first, const real *restrict dy, const ptrdiff_t *restrict dy_at,
                             real *restrict packed, real *restrict db)
{
    enum { NR = 8 };
    vf sum[NR / VL];
    for (int j = 0; j < NR / VL; j++)
        sum[j] = v_zero();
    for (int p = 0; p < count; p++) {
        for (int j = 0; j < NR / VL; j++) {
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

/* The first block of a chunk. */
static inline int igemm_dw_first_block_3(int blocks, int chunk)
{
    enum { CHUNKS = 8 };
    return (int)((int64_t)blocks * chunk / CHUNKS);
}

/* c1: conv_dw   0.1 MMAC   lenet5.net:6 */
static void c1_conv_dw(int n, const real *restrict x, const real *restrict dy, real *restrict dw, real *restrict db,
                   real *restrict work)
{
    enum { OUT_H = 28, OUT_W = 28, IN_G = 0, GROUPS = 1, TAPS = 5, RUN = 5, DY_G = 0, CO = 8, NR = 8, MR = 8,
           MB = 185, PB = 1, KS = 25, CHUNKS = 8, BIAS = 1 };
    static const int TAP[] = {0, 32, 64, 96, 128};
    const int rows = TAPS * RUN;
    const int weights = GROUPS * rows * CO, total = weights + (BIAS ? GROUPS * CO : 0);
    const int panels = (CO + NR - 1) / NR, width_last = CO - (panels - 1) * NR;
    const int panel_sets = (panels + PB - 1) / PB, slices = (rows + KS - 1) / KS;
    const int pixels = n * OUT_H * OUT_W, blocks = (pixels + MB - 1) / MB;
    const int items = CHUNKS * GROUPS * panel_sets * slices;
    _Alignas(64) real packed[PB * MB * NR];
    /* of this block's pixels and of those that come, and room for the places that the last tile to ask goes on to */
    ptrdiff_t x_places[2][MB + MB / (VL > 8 ? 2 : 8) + 1], dy_places[2][MB + MB / (VL > 8 ? 2 : 8) + 1];
    int side = 0, placed = -1; /* which of them is this block's, and the item whose first block's places are there */
#pragma omp for schedule(static)
    for (int item = 0; item < items; item++) {
        int slice = item % slices, panel_set = item / slices % panel_sets;
        int group = item / slices / panel_sets % GROUPS, chunk = item / slices / panel_sets / GROUPS;
        int first_block = igemm_dw_first_block_3(blocks, chunk), end_block = igemm_dw_first_block_3(blocks, chunk + 1);
        int row_begin = slice * KS, row_end = row_begin + KS < rows ? row_begin + KS : rows;
        int panel_begin = panel_set * PB, panel_end = panel_begin + PB < panels ? panel_begin + PB : panels;
        real *sum_w = CHUNKS > 1 ? work + (ptrdiff_t)chunk * total : dw;
        real *sum_b = CHUNKS > 1 ? sum_w + weights : db;
        for (int block = first_block; block < end_block; block++) {
            int begin = block == first_block, count = igemm_dw_pixels_3(pixels, block);
            const ptrdiff_t *at = x_places[side], *dy_at = dy_places[side];
            if (begin && placed != item)
                igemm_dw_places_5(block * MB, count, x_places[side], dy_places[side]);
            side = !side;
            ptrdiff_t *next_at = x_places[side], *next_dy_at = dy_places[side];
            /* what comes: of its rows those in their last tap, which meets most pixels first, and its panels */
            int next_block = block + 1, next_slice = slice, next_panel = panel_begin, next_group = group;
            if (next_block == end_block) {
                placed = item + 1 < items ? item + 1 : item; /* the last may ask for what is there */
                next_slice = placed % slices;
                next_panel = placed / slices % panel_sets * PB;
                next_group = placed / slices / panel_sets % GROUPS;
                next_block = igemm_dw_first_block_3(blocks, placed / slices / panel_sets / GROUPS);
            }
            int coming = next_block < blocks ? igemm_dw_pixels_3(pixels, next_block) : 0; /* an empty chunk may be the last */
            igemm_dw_places_5(next_block * MB, coming, next_at, next_dy_at);
            int next_begin = next_slice * KS, next_end = next_begin + KS < rows ? next_begin + KS : rows;
            int tap = (next_end - 1) / RUN, run = next_begin > tap * RUN ? next_begin - tap * RUN : 0;
            const real *next_x = x + next_group * IN_G + TAP[tap] + run;
            const real *next_dy = dy + next_group * DY_G + next_panel * NR;
            /* Up to four lines of each pixel at a time, column by column of such; so many pixels of one by each tile. */
            const int next_panels = panels - next_panel < PB ? panels - next_panel : PB;
            const int x_lines = (next_end - tap * RUN - run + NT_LINE - 1) / NT_LINE, x_columns = (x_lines + 3) / 4;
            const int dy_lines = (next_panels * NR + NT_LINE - 1) / NT_LINE, columns = x_columns + (dy_lines + 3) / 4;
            const int tiles = (row_end - row_begin + MR - 1) / MR * (panel_end - panel_begin);
            /* every eighth pixel costs little; where tiles are few, so is what they read, but wide vectors make few of much */
            const int most = VL > 8 ? (count + 1) / 2 : (count + 7) / 8;
            int share = (coming * columns + tiles - 1) / tiles, column = 0, pixel = 0;
            share = share < 1 ? 1 : share < most ? share : most;
            const int step = (count + share - 1) / share;
            for (int p = coming; p < coming + share; p++) { /* a tile may ask for so many more */
                next_at[p] = at[0];
                next_dy_at[p] = dy_at[0];
            }
            for (int panel = panel_begin; panel < panel_end; panel++)
                igemm_dw_pack_dy_2(panel < panels - 1 ? NR : width_last, count, begin, dy + group * DY_G + panel * NR,
                          dy_at, packed + (panel - panel_begin) * MB * NR,
                          BIAS && slice == 0 ? sum_b + group * CO + panel * NR : NULL);
            const real *row_x[MR];
            for (int k = row_begin, panel = panel_begin; k < row_end && panel < panel_end;) {
                const int tile = igemm_dw_rows_2(row_end - k), width = panel < panels - 1 ? NR : width_last;
                for (int i = 0; i < tile && panel == panel_begin; i++) /* later panels find them, or a packed copy */
                    row_x[i] = x + group * IN_G + TAP[(k + i) / RUN] + (k + i) % RUN;
                const real *panel_dy = dy + group * DY_G + panel * NR;
                real *to_dy = packed + (panel - panel_begin) * MB * NR, *to_x = NULL;
                const int x_follows = k % RUN + tile <= RUN, dy_lies = 0;
                const ptrdiff_t element = (ptrdiff_t)rows * (group * CO + panel * NR) + k * width;
                real *to = sum_w + element;
                for (int line = 0; line < MR * width; line += NT_LINE)
                    nt_prefetch(to, tile * width + line);
                const int of_x = column < x_columns, line = 4 * (of_x ? column : column - x_columns);
                const real *ahead = (of_x ? next_x : next_dy) + line * NT_LINE;
                const ptrdiff_t *ahead_at = (of_x ? next_at : next_dy_at) + pixel;
                const int left = (of_x ? x_lines : dy_lines) - line, lines = left < 4 ? left : 4;
                pixel += share;
                if (pixel >= coming) {
                    pixel = 0;
                    column = column + 1 < columns ? column + 1 : 0;
                }
                igemm_dw_rows_of_2(tile, x_follows, dy_lies, count, begin, row_x, at, to_x, panel_dy, dy_at, to_dy, ahead, ahead_at,
                          lines, step, to);
                panel++;
                if (panel == panel_end) {
                    panel = panel_begin;
                    k += tile;
                }
            }
        }
    }
    if (CHUNKS > 1) {
#pragma omp for schedule(static)
        for (int i = 0; i < total; i += VL) {
            vf sum = v_zero();
            for (int chunk = 0; chunk < CHUNKS; chunk++)
                if ((int64_t)blocks * chunk / CHUNKS < (int64_t)blocks * (chunk + 1) / CHUNKS) /* not empty */
                    sum = v_add(sum, v_load(work + (ptrdiff_t)chunk * total + i));
            v_store(i < weights ? dw + i : db + (i - weights), sum);
        }
    }
}

/* c1: conv_dx   28x28x6 -> 28x28x1   0.1 MMAC   lenet5.net:6 */
static void c1_conv_dx(const real *restrict w, real *restrict out)
{
    enum { GROUPS = 1, TAPS = 25, CI = 1, CO = 8, CO_REAL = 6, NR = 8, DX_NR = 8 };
    static const int BEGIN[] = {0, 25};
    static const int ORDER[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        16, 17, 18, 19, 20, 21, 22, 23, 24};
    const int channels = (CI + VL - 1) / VL * VL, panels = (channels + DX_NR - 1) / DX_NR;
#pragma omp for schedule(static)
    for (int item = 0; item < TAPS * GROUPS * panels; item++) {
        int panel = item % panels, group = item / panels % GROUPS, position = item / panels / GROUPS, phase = 0;
        while (position >= BEGIN[phase + 1])
            phase++;
        int phase_taps = BEGIN[phase + 1] - BEGIN[phase], c = panel * DX_NR;
        int width = channels - c < DX_NR ? channels - c : DX_NR;
        real *to = out
                   + (ptrdiff_t)CO_REAL
                         * (BEGIN[phase] * GROUPS * channels + phase_taps * (group * channels + c)
                            + (position - BEGIN[phase]) * width);
        for (int co = 0; co < CO_REAL; co += VL, to += VL * width) {
            int first = co / NR * NR, from_width = CO - first < NR ? CO - first : NR;
            const real *from = w + (ptrdiff_t)TAPS * CI * (group * CO + first)
                               + (ptrdiff_t)ORDER[position] * CI * from_width + (co - first);
            for (int j = 0; j < width; j += VL) {
                vf square[VL];
                for (int i = 0; i < VL; i++)
                    square[i] = c + j + i < CI ? v_load(from + (ptrdiff_t)(c + j + i) * from_width) : v_zero();
                v_transpose(square);
                for (int i = 0; i < VL; i++)
                    if (co + i < CO_REAL)
                        v_store(to + i * width + j, square[i]);
            }
        }
    }
}

/* One register tile: `rows` pixels, whose windows begin at x + at[i], by `vectors` vectors of channels, over some taps
 * and r_begin..r_end-1 of each. Adds to sums[rows][vectors*VL], or sets them if it is the `first` block. Both
 * sizes are constants where it is called. It asks memory for so many lines that lie `ahead` of w. */
NT_INLINE void igemm_tile(int rows, int vectors, int first, const real *restrict x, const ptrdiff_t *restrict at,
                      const real *restrict w, const int *restrict taps, int n_taps, int r_begin, int r_end,
                      ptrdiff_t ahead, int lines, real *restrict sums)
{
    enum { NR = 8, MR = 8 };
    const real *first_w = w, *window[MR];
    vf acc[MR][NR / VL];
    for (int i = 0; i < rows; i++) {
        window[i] = x + at[i];
        for (int j = 0; j < vectors; j++)
            acc[i][j] = first ? v_zero() : v_load(sums + (i * vectors + j) * VL);
    }
    for (int tap = 0; tap < n_taps; tap++) {
        for (ptrdiff_t r = taps[tap] + r_begin; r < taps[tap] + r_end; r++) {
            vf b[NR / VL];
            for (int j = 0; j < vectors; j++)
                b[j] = v_load(w + j * VL);
            w += vectors * VL;
            for (int i = 0; i < rows; i++) {
                vf a = v_set1(window[i][r]);
                for (int j = 0; j < vectors; j++)
                    acc[i][j] = v_fma(a, b[j], acc[i][j]);
            }
        }
    }
    for (int line = 0; line < lines; line++)
        nt_prefetch(first_w, ahead + line * NT_LINE);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            v_store(sums + (i * vectors + j) * VL, acc[i][j]);
}

/* The next tile of the `count` pixels still to do; returns how many it did, which may be more by less than MR: `at`
 * and `sums` have room for that. The pixels are divided into tiles as equal as possible. */
NT_INLINE int igemm_any(int count, int vectors, int first, const real *restrict x, const ptrdiff_t *restrict at,
                    const real *restrict w, const int *restrict taps, int n_taps, int r, int r_end, ptrdiff_t ahead,
                    int lines, real *restrict sums)
{
    enum { MR = 8 };
    int tiles = (count + MR - 1) / MR, rows = count < 2 * MR ? (count + tiles - 1) / tiles : MR;
    if (rows == MR) {
        igemm_tile(MR, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
        return MR;
    }
    if (MR > 2 && rows == MR - 1) {
        igemm_tile(MR - 1, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
        return MR - 1;
    }
    if (MR > 3 && rows > MR / 2) {
        igemm_tile(MR - 2, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
        return MR - 2;
    }
    if (MR > 3 && rows > 1) {
        igemm_tile(MR / 2, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
        return MR / 2;
    }
    igemm_tile(1, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
    return 1;
}

/* The same for the two widths that a panel may have. Layers share these functions, most of what there is to compile:
 * they depend on the tile's size alone. Apart, their loops have registers for all pointers. But where there are few rows of k,
 * knowing how many gains more. */
NT_APART
int igemm_next(int count, int first, const real *restrict x, const ptrdiff_t *restrict at, const real *restrict w,
           const int *restrict taps, int n_taps, int r, int r_end, ptrdiff_t ahead, int lines,
           real *restrict sums)
{
    enum { NR = 8 };
    return igemm_any(count, NR / VL, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
}

/* Where a block of pixels begins: blocks are as equal as whole tiles allow. */
static inline int igemm_limit(int pixels, int block, int blocks)
{
    enum { MR = 8 };
    int tiles = (pixels + MR - 1) / MR, first = (int)((int64_t)tiles * block / blocks) * MR;
    return first < pixels ? first : pixels;
}

/* Output pixel number `pixel`, as the hooks take it, and the one after that. */
static inline void igemm_place(int pixel, int *n, int *h, int *w)
{
    *n = *h = 0;
    *w = pixel;
}

static inline void igemm_step(int *n, int *h, int *w)
{
    *n = *h = 0;
    ++*w;
}

/* Where the windows of a block's pixels begin. MR past the end, which a last tile may read, are the last pixel again. */
NT_APART void igemm_windows(int pixels, int block, int blocks, ptrdiff_t *restrict at)
{
    enum { OUT_H = 28, OUT_W = 28, IN_S = 8192, IN_R = 256, IN_P = 8, MR = 8 };
    const int first = igemm_limit(pixels, block, blocks), count = igemm_limit(pixels, block + 1, blocks) - first;
    for (int i = 0; i < count + MR; i++) {
        const unsigned pixel = (unsigned)(first + (i < count ? i : count - 1));
        at[i] = (ptrdiff_t)(pixel / (OUT_H * OUT_W)) * IN_S + (ptrdiff_t)(pixel / OUT_W % OUT_H) * IN_R
                + (ptrdiff_t)(pixel % OUT_W) * IN_P;
    }
}

/* So many blocks of pixels as there have to be. Where items are few one more, if that makes them even: two threads have as much to do. */
static inline int igemm_blocks(int pixels, int panels)
{
    enum { MR = 8, MB = 256 };
    const int blocks = (pixels + MB - 1) / MB, few = 16;
    return blocks * panels < few && blocks * panels % 2 == 1 && blocks * MR < pixels ? blocks + 1 : blocks;
}

/* c1: conv_dx   28x28x6 -> 28x28x1   0.1 MMAC   lenet5.net:6 */
static void c1_conv_dx_2(int n, const real *restrict x, const real *restrict w, real *restrict result)
{
    enum { OUT_H = 28, OUT_W = 28, IN_G = 0, GROUPS = 1, TAPS = 25, RUN = 6, CO = 8, NR = 8, MR = 8, MB = 256,
           KB = 150 };
    static const int TAP[] = {528, 520, 512, 504, 496, 272, 264, 256, 248, 240, 16, 8, 0, -8, -16, -240,
        -248, -256, -264, -272, -496, -504, -512, -520, -528};
    const int panels = (CO + NR - 1) / NR, width_last = CO - (panels - 1) * NR;
    const int taps = KB > RUN ? KB / RUN : 1, rows = KB < RUN ? KB : RUN;
    const int pixels = n * OUT_H * OUT_W, blocks = igemm_blocks(pixels, GROUPS * panels);
    _Alignas(64) real sums[(MB + MR) * NR];
    /* Of the next block, the last tap of its windows is fetched, which meets most pixels first: in as many turns as the
     * block's tiles are passed. */
    const int run_lines = (RUN + NT_LINE - 1) / NT_LINE;
    const int turns = panels * ((TAPS + taps - 1) / taps) * ((RUN + rows - 1) / rows);
    ptrdiff_t places[2][MB + MR];
    int block_at = -2;        /* the block whose windows are known */
    int fetched = 0;          /* lines of the next one that were asked for, ... */
    int64_t due = 0;          /* and that should have been by now, in 65536ths */
#pragma omp for schedule(static)
    for (int item = 0; item < blocks * GROUPS * panels; item++) {
        int panel = item % panels, group = item / panels % GROUPS, block = item / panels / GROUPS;
        int first = igemm_limit(pixels, block, blocks), count = igemm_limit(pixels, block + 1, blocks) - first;
        int sample, row, column;
        igemm_place(first, &sample, &row, &column);
        int channel = panel * NR, width = panel < panels - 1 ? NR : width_last;
        const real *group_x = x + group * IN_G;
        ptrdiff_t panel_at = (ptrdiff_t)TAPS * RUN * (group * CO + channel);
        int tiles = (count + MR - 1) / MR, lines = (taps * rows * width / NT_LINE + tiles - 1) / tiles;
        const ptrdiff_t *at = places[block % 2], *next_at = places[(block + 1) % 2];
        if (block != block_at) {
            if (block != block_at + 1)
                igemm_windows(pixels, block, blocks, places[block % 2]);
            if (block + 1 < blocks)
                igemm_windows(pixels, block + 1, blocks, places[(block + 1) % 2]);
            block_at = block;
        }
        if (panel == 0)
            fetched = due = 0;
        int coming_pixels = block + 1 < blocks ? igemm_limit(pixels, block + 2, blocks) - first - count : 0;
        int64_t share = ((int64_t)coming_pixels * run_lines << 16) / (tiles * turns); /* a tile's */
        for (int r = 0; r < RUN; r += rows) {
            for (int tap = 0; tap < TAPS; tap += taps) {
                int tap_end = tap + taps < TAPS ? tap + taps : TAPS, r_end = r + rows < RUN ? r + rows : RUN;
                int line = 0, begin = tap == 0 && r == 0, last = tap_end == TAPS && r_end == RUN;
                const real *part = w + panel_at + (tap * RUN + r) * width;
                ptrdiff_t coming = panel_at + (ptrdiff_t)TAPS * RUN * width; /* the part after this one */
                if (tap_end < TAPS)
                    coming = panel_at + (tap_end * RUN + r) * width;
                else if (r_end < RUN)
                    coming = panel_at + r_end * width;
                else if (group == GROUPS - 1 && panel == panels - 1)
                    coming = 0;
                for (int i = 0, next; i < count; i = next) {
                    real *tile_sums = sums + i * width;
                    if (last) { /* a tile takes long enough for memory to answer */
                        int n_ahead = sample, h_ahead = row, w_ahead = column;
                        for (int p = i; p < i + MR && p < count; p++) {
                            for (int j = 0; j < NR && j < width; j += NT_LINE) {
                                const size_t place = (size_t)(n_ahead) * 6272 + (size_t)(h_ahead) * 224 + (size_t)(w_ahead) * 8 + (size_t)(group * CO + channel + j);
                                nt_prefetch_far(result, (ptrdiff_t)place);
                            }
                            igemm_step(&n_ahead, &h_ahead, &w_ahead);
                        }
                    }
                    const ptrdiff_t ahead = coming + line * NT_LINE - (part - w);
                    next = i + igemm_next(count - i, begin, group_x, at + i, part, TAP + tap, tap_end - tap, r, r_end, ahead,
                                      lines, tile_sums);
                    line += lines;
                    due += share;
                    for (; fetched < due >> 16; fetched++)
                        nt_prefetch_far(group_x + TAP[TAPS - 1],
                                        next_at[fetched / run_lines] + fetched % run_lines * NT_LINE);
                    if (!last)
                        continue;
                    for (const int end = next < count ? next : count; i < end; i++) {
                        for (int j = 0; j < NR && j < width; j += VL) {
                            const vf v0 = v_load(sums + i * width + j);
                            const size_t place = (size_t)(sample) * 6272 + (size_t)(row) * 224 + (size_t)(column) * 8 + (size_t)(group * CO + channel + j);
                            v_store(result + place, v0);
                        }
                        igemm_step(&sample, &row, &column);
                    }
                }
            }
        }
    }
}

/* Gradients of all parameters. */
void run_backward(const nt_pass *p)
{
    const size_t n = (size_t)p->n;
    real *const a = p->arena, *const w = p->params;
    real *const d = p->grads;
    (void)d;
    real *const f = a + n * T_SAMPLE;
    (void)f;
    (void)w;

    out_conv_dw((int)n, a + n * T24_F6_TANH, a + n * T27_D_OUT, d + P_OUT_WEIGHT, d + P_OUT_BIAS, NULL);
    nt_lap(p, 9);
    out_conv_dx((int)n, a + n * T27_D_OUT, w + P_OUT_WEIGHT, f + T49_D_F6_TANH_WORK, a + n * T24_F6_TANH);
    nt_lap(p, 10);
    f6_conv_dw((int)n, a + n * T21_C5_TANH, a + n * T31_D_F6, d + P_F6_WEIGHT, d + P_F6_BIAS, NULL);
    nt_lap(p, 11);
    f6_conv_dx((int)n, a + n * T31_D_F6, w + P_F6_WEIGHT, f + T50_D_C5_TANH_WORK, a + n * T21_C5_TANH);
    nt_lap(p, 12);
    c5_conv_dw((int)n, a + n * T18_S4, a + n * T35_D_C5, d + P_C5_WEIGHT, d + P_C5_BIAS, NULL);
    nt_lap(p, 13);
    c5_conv_dx((int)n, a + n * T35_D_C5, w + P_C5_WEIGHT, f + T51_D_S4_WORK, a + n * T38_D_S4);
    nt_lap(p, 14);
    s4_avgpool_dx((int)n, a + n * T38_D_S4, a + n * T17_C3_TANH);
    nt_lap(p, 15);
    c3_conv_dw((int)n, a + n * T14_S2, a + n * T40_D_C3, d + P_C3_WEIGHT, d + P_C3_BIAS, f + T52_D_C3_WEIGHT_WORK);
    nt_lap(p, 16);
    c3_conv_dx(w + P_C3_WEIGHT, f + T53_D_S2_WORK);
    c3_conv_dx_2((int)n, a + n * T40_D_C3, f + T53_D_S2_WORK, a + n * T43_D_S2);
    nt_lap(p, 17);
    nt_clear_border((int)n, a + n * T45_D_C1 + 528, 8192, 256, 8, 28, 28, 2, 2, 2, 2);
    s2_avgpool_dx((int)n, a + n * T43_D_S2, a + n * T13_C1_TANH, a + n * T45_D_C1 + 528);
    nt_lap(p, 18);
    c1_conv_dw((int)n, a + n * T10_INPUT, a + n * T45_D_C1 + 528, d + P_C1_WEIGHT, d + P_C1_BIAS, f + T54_D_C1_WEIGHT_WORK);
    nt_lap(p, 19);
}

/* What only the gradient of the input needs. */
void run_input_gradient(const nt_pass *p)
{
    const size_t n = (size_t)p->n;
    real *const a = p->arena, *const w = p->params;
    real *const d = p->grads;
    (void)d;
    real *const f = a + n * T_SAMPLE;
    (void)f;
    (void)w;

    c1_conv_dx(w + P_C1_WEIGHT, f + T55_D_INPUT_WORK);
    c1_conv_dx_2((int)n, a + n * T45_D_C1 + 528, f + T55_D_INPUT_WORK, a + n * T48_D_INPUT);
    nt_lap(p, 20);
}

