/* spiral: the backward pass. Made by netc from spiral.net for avx2; do not edit. */
#include "spiral_memory.h"

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

/* Rows of the next tile where `left` are to do: of small ones two about as large, of the sizes that igemm_dw_rows has. */
static inline int igemm_dw_rows(int left)
{
    enum { MR = 8 };
    int rows = left >= 2 * MR - 2 ? MR : left > MR ? (left + 1) / 2 : left;
    return rows > MR - 3 ? rows : rows >= MR / 2 ? MR / 2 : 1;
}

NT_INLINE void igemm_dw_any(int rows, int vectors, int x_follows, int dy_lies, int count, int first,
                     const real *const *restrict row, const ptrdiff_t *restrict at, real *restrict packed_x,
                     const real *restrict dy, const ptrdiff_t *restrict dy_at, real *restrict packed_dy,
                     const real *restrict ahead, const ptrdiff_t *restrict ahead_at, int lines, int step,
                     real *restrict dw)
{
    enum { MR = 8 };
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
    enum { NR = 8 };
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
    enum { OUT_H = 1, OUT_W = 1, IN_S = 112, IN_R = 104, IN_P = 104, DY_S = 16, DY_R = 8, DY_P = 8 };
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
static inline int igemm_dw_first_block(int blocks, int chunk)
{
    enum { CHUNKS = 1 };
    return (int)((int64_t)blocks * chunk / CHUNKS);
}

/* out: conv_dw   0.3 kMAC   spiral.net:7 */
static void out_conv_dw(int n, const real *restrict x, const real *restrict dy, real *restrict dw, real *restrict db,
                   real *restrict work)
{
    enum { OUT_H = 1, OUT_W = 1, IN_G = 0, GROUPS = 1, TAPS = 1, RUN = 100, DY_G = 0, CO = 8, NR = 8, MR = 8,
           MB = 32, PB = 1, KS = 100, CHUNKS = 1, BIAS = 1 };
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
    enum { NR = 8 };
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

/* out: conv_dx + relu_dx   3 -> 100   0.3 kMAC   spiral.net:7 */
static void out_conv_dx(int n, const real *restrict dy, const real *restrict w, real *restrict turned, real *restrict other)
{
    enum { IN_S = 16, PIXELS = 1, CI = 100, CO = 8, NR = 8, MB = 32, VB = 7, PB = 4, ABREAST = 1 };
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
                    const size_t place = (size_t)(first + i) * 112 + (size_t)(begin * VL / NT_LINE * NT_LINE);
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
                        const size_t place = (size_t)(first + j) * 112 + (size_t)((v + 1) * VL);
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
                            const size_t place = (size_t)(first + i + j) * 112 + (size_t)(v * VL);
                            const vf v1 = v_load(other + place);
                            const vf v2 = v_select(v_gt(v1, v_zero()), v0, v_zero());
                            v_store(other + place, v2);
                        }
                    }
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

/* Rows of the next tile where `left` are to do: of small ones two about as large, of the sizes that igemm_dw_rows_2 has. */
static inline int igemm_dw_rows_2(int left)
{
    enum { MR = 6 };
    int rows = left >= 2 * MR - 2 ? MR : left > MR ? (left + 1) / 2 : left;
    return rows > MR - 3 ? rows : rows >= MR / 2 ? MR / 2 : 1;
}

NT_INLINE void igemm_dw_any_2(int rows, int vectors, int x_follows, int dy_lies, int count, int first,
                     const real *const *restrict row, const ptrdiff_t *restrict at, real *restrict packed_x,
                     const real *restrict dy, const ptrdiff_t *restrict dy_at, real *restrict packed_dy,
                     const real *restrict ahead, const ptrdiff_t *restrict ahead_at, int lines, int step,
                     real *restrict dw)
{
    enum { MR = 6 };
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
    enum { NR = 16 };
    igemm_dw_any_2(rows, NR / VL, x_follows, dy_lies, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
          lines, step, dw);
}

static void igemm_dw_rows_of_last(int rows, int x_follows, int dy_lies, int count, int first, const real *const *restrict row,
                           const ptrdiff_t *restrict at, real *restrict packed_x, const real *restrict dy,
                           const ptrdiff_t *restrict dy_at, real *restrict packed_dy, const real *restrict ahead,
                           const ptrdiff_t *restrict ahead_at, int lines, int step, real *restrict dw)
{
    enum { LAST = 8 };
    igemm_dw_any_2(rows, LAST / VL, x_follows, dy_lies, count, first, row, at, packed_x, dy, dy_at, packed_dy, ahead, ahead_at,
          lines, step, dw);
}

/* Where the windows of `count` pixels from `first` on lie in x, and the pixels in dy. */
static inline void igemm_dw_places_2(int first, int count, ptrdiff_t *at, ptrdiff_t *dy_at)
{
    enum { OUT_H = 1, OUT_W = 1, IN_S = 16, IN_R = 2, IN_P = 2, DY_S = 112, DY_R = 104, DY_P = 104 };
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

/* hidden: conv_dw   0.2 kMAC   spiral.net:6 */
static void hidden_conv_dw(int n, const real *restrict x, const real *restrict dy, real *restrict dw, real *restrict db,
                   real *restrict work)
{
    enum { OUT_H = 1, OUT_W = 1, IN_G = 0, GROUPS = 1, TAPS = 1, RUN = 2, DY_G = 0, CO = 104, NR = 16, MR = 6,
           MB = 32, PB = 4, KS = 6, CHUNKS = 1, BIAS = 1 };
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
                if (width != NR)
                    igemm_dw_rows_of_last(tile, x_follows, dy_lies, count, begin, row_x, at, to_x, panel_dy, dy_at, to_dy, ahead,
                                   ahead_at, lines, step, to);
                else
                    igemm_dw_rows_of_2(tile, x_follows, dy_lies, count, begin, row_x, at, to_x, panel_dy, dy_at, to_dy, ahead,
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

/* The same for the two widths that a panel may have. Layers share these functions, most of what there is to
 * compile. */
NT_APART void dense_dx_set_2(int rows, int vectors, int panels, int first, const real *restrict w, ptrdiff_t panel_size,
                    const real *restrict turned, int turn, int every, ptrdiff_t ahead, real *restrict sums)
{
    enum { NR = 16 };
    if (vectors == 2)
        dense_dx_rows(rows, 2, NR, panels, first, w, panel_size, turned, turn, every, ahead, sums);
    else
        dense_dx_rows(rows, 1, NR, panels, first, w, panel_size, turned, turn, every, ahead, sums);
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
    enum { IN_S = 112, ABREAST = 1 };
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

/* hidden: conv_dx   100 -> 2   0.2 kMAC   spiral.net:6 */
static void hidden_conv_dx(int n, const real *restrict dy, const real *restrict w, real *restrict turned, real *restrict result)
{
    enum { IN_S = 112, PIXELS = 1, CI = 2, CO = 104, NR = 16, LAST = 8, MB = 32, VB = 1, PB = 4, ABREAST = 1 };
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
                    const size_t place = (size_t)(first + i) * 16 + (size_t)(begin * VL / NT_LINE * NT_LINE);
                    nt_prefetch_far(result, (ptrdiff_t)place);
                }
                for (int part = 0; part < parts; part++) {
                    const int width = part < parts - 1 ? 2 : last;
                    dense_dx_set_2(rows, width, set, s == 0, slice_w + panel * panel_size, panel_size,
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
                        const size_t place = (size_t)(first + j) * 16 + (size_t)((v + 1) * VL);
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
                            const vf v0 = sum;
                            const size_t place = (size_t)(first + i + j) * 16 + (size_t)(v * VL);
                            v_store(result + place, v0);
                        }
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

    out_conv_dw((int)n, a + n * T7_HIDDEN_RELU, a + n * T10_D_OUT, d + P_OUT_WEIGHT, d + P_OUT_BIAS, NULL);
    nt_lap(p, 4);
    out_conv_dx((int)n, a + n * T10_D_OUT, w + P_OUT_WEIGHT, f + T18_D_HIDDEN_RELU_WORK, a + n * T7_HIDDEN_RELU);
    nt_lap(p, 5);
    hidden_conv_dw((int)n, a + n * T4_INPUT, a + n * T14_D_HIDDEN, d + P_HIDDEN_WEIGHT, d + P_HIDDEN_BIAS, NULL);
    nt_lap(p, 6);
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

    hidden_conv_dx((int)n, a + n * T14_D_HIDDEN, w + P_HIDDEN_WEIGHT, f + T19_D_INPUT_WORK, a + n * T17_D_INPUT);
    nt_lap(p, 7);
}

