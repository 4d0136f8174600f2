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

/* One register tile: `rows` pixels, whose windows begin at x + at[i], by `vectors` vectors of channels, over some taps
 * and r_begin..r_end-1 of each. Adds to sums[rows][vectors*VL], or sets them if it is the `first` block. Both
 * sizes are constants where it is called. It asks memory for so many lines that lie `ahead` of w. */
NT_INLINE void igemm_tile(int rows, int vectors, int first, const real *restrict x, const ptrdiff_t *restrict at,
                      const real *restrict w, const int *restrict taps, int n_taps, int r_begin, int r_end,
                      ptrdiff_t ahead, int lines, real *restrict sums)
{
    enum { NR = 16, MR = 6 };
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
    enum { MR = 6 };
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
NT_INLINE
int igemm_next(int count, int first, const real *restrict x, const ptrdiff_t *restrict at, const real *restrict w,
           const int *restrict taps, int n_taps, int r, int r_end, ptrdiff_t ahead, int lines,
           real *restrict sums)
{
    enum { NR = 16 };
    return igemm_any(count, NR / VL, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
}

NT_INLINE
int igemm_next_last(int count, int first, const real *restrict x, const ptrdiff_t *restrict at,
                const real *restrict w, const int *restrict taps, int n_taps, int r, int r_end, ptrdiff_t ahead,
                int lines, real *restrict sums)
{
    enum { LAST = 8 };
    return igemm_any(count, LAST / VL, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
}

/* Rows r..r_end-1 of the panel that begins at channel c of the `width` of volume pixel `group`, from the
 * forward panels. */
NT_INLINE void igemm_turn(const real *restrict w, int group, int c, int width, int r, int r_end, real *restrict turned)
{
    enum { GROUPS = 1, TURN_NR = 8, TURN_CO = 8, TURN_CI = 100 };
    for (; r < r_end; r += VL, turned += VL * width) {
        int first = r / TURN_NR * TURN_NR; /* channel with which r's forward panel begins, and that panel's width */
        int forward = TURN_CO - first < TURN_NR ? TURN_CO - first : TURN_NR;
        const real *from = w + ((ptrdiff_t)first * GROUPS + (ptrdiff_t)group * forward) * TURN_CI + (r - first);
        for (int j = 0; j < width; j += VL) {
            vf square[VL];
            for (int i = 0; i < VL; i++)
                square[i] = c + j + i < TURN_CI ? v_load(from + (ptrdiff_t)(c + j + i) * forward) : v_zero();
            v_transpose(square);
            for (int i = 0; i < VL; i++)
                v_store(turned + i * width + j, square[i]);
        }
    }
}

/* Where in w line number `line` lies of those that igemm_turn will read from row r on; at r = RUN, from the start of the
 * next panel. */
static inline ptrdiff_t igemm_turn_line(int group, int c, int r, int line)
{
    enum { GROUPS = 1, RUN = 3, NR = 16, TURN_NR = 8, TURN_CO = 8, TURN_CI = 100 };
    const int lines = NR * TURN_NR / NT_LINE; /* that a panel of NR channels has in a forward panel */
    int is_next = r == RUN, first = ((is_next ? 0 : r / TURN_NR) + line / lines) * TURN_NR;
    int forward = TURN_CO - first < TURN_NR ? TURN_CO - first : TURN_NR;
    return ((ptrdiff_t)first * GROUPS + (ptrdiff_t)group * forward) * TURN_CI
           + (ptrdiff_t)(c + is_next * NR) * forward + line % lines * NT_LINE;
}

/* Where a block of pixels begins: blocks are as equal as whole tiles allow. */
static inline int igemm_limit(int pixels, int block, int blocks)
{
    enum { MR = 6 };
    int tiles = (pixels + MR - 1) / MR, first = (int)((int64_t)tiles * block / blocks) * MR;
    return first < pixels ? first : pixels;
}

/* Output pixel number `pixel`, as the hooks take it, and the one after that. */
static inline void igemm_place(int pixel, int *n, int *h, int *w)
{
    enum { OUT_H = 1, OUT_W = 1 };
    *n = pixel / (OUT_H * OUT_W);
    *h = pixel / OUT_W % OUT_H;
    *w = pixel % OUT_W;
}

static inline void igemm_step(int *n, int *h, int *w)
{
    enum { OUT_H = 1, OUT_W = 1 };
    if (++*w == OUT_W) {
        *w = 0;
        if (++*h == OUT_H) {
            *h = 0;
            ++*n;
        }
    }
}

/* Where the windows of a block's pixels begin. MR past the end, which a last tile may read, are the last pixel again. */
NT_APART void igemm_windows(int pixels, int block, int blocks, ptrdiff_t *restrict at)
{
    enum { OUT_H = 1, OUT_W = 1, IN_S = 16, IN_R = 0, IN_P = 0, MR = 6 };
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
    enum { MR = 6, MB = 192 };
    const int blocks = (pixels + MB - 1) / MB, few = 16;
    return blocks * panels < few && blocks * panels % 2 == 1 && blocks * MR < pixels ? blocks + 1 : blocks;
}

/* out: conv_dx + relu_dx   3 -> 100   0.3 kMAC   spiral.net:7 */
static void out_conv_dx(int n, const real *restrict x, const real *restrict w, real *restrict other)
{
    enum { OUT_H = 1, OUT_W = 1, IN_G = 0, GROUPS = 1, TAPS = 1, RUN = 3, CO = 104, NR = 16, MR = 6, MB = 192,
           KB = 8, TURN = 1 };
    static const int TAP[] = {0};
    const int panels = (CO + NR - 1) / NR, width_last = CO - (panels - 1) * NR;
    const int taps = KB > RUN ? KB / RUN : 1, rows = KB < RUN ? KB : RUN;
    const int pixels = n * OUT_H * OUT_W, blocks = igemm_blocks(pixels, GROUPS * panels);
    _Alignas(64) real sums[(MB + MR) * NR];
    _Alignas(64) real turned[TURN ? (KB + VL) * NR : 1];
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
                if (TURN) {
                    igemm_turn(w, group, channel, width, r, r_end, turned);
                    part = turned;
                }
                for (int i = 0, next; i < count; i = next) {
                    real *tile_sums = sums + i * width;
                    const int asked = 0; /* what comes lies elsewhere: see below */
                    const ptrdiff_t ahead = 0;
                    if (width != NR)
                        next = i + igemm_next_last(count - i, begin, group_x, at + i, part, TAP + tap, tap_end - tap, r, r_end,
                                               ahead, asked, tile_sums);
                    else
                        next = i + igemm_next(count - i, begin, group_x, at + i, part, TAP + tap, tap_end - tap, r, r_end,
                                          ahead, asked, tile_sums);
                    for (int k = line; TURN && k < line + lines; k++)
                        nt_prefetch(w, igemm_turn_line(group, channel, r_end, k));
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
                            const size_t place = (size_t)(sample) * 112 + (size_t)(group * CO + channel + j);
                            const vf v1 = v_load(other + place);
                            const vf v2 = v_select(v_gt(v1, v_zero()), v0, v_zero());
                            v_store(other + place, v2);
                        }
                        /* memory takes as long as some tiles; past a row's end these are lines a border's width before the next row's */
                        for (int j = 0; j < NR && j < width; j += NT_LINE) {
                            const size_t place = (size_t)(sample) * 112 + (size_t)(group * CO + channel + j);
                            nt_prefetch_far(other, (ptrdiff_t)place);
                        }
                        igemm_step(&sample, &row, &column);
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

/* One register tile: `rows` pixels, whose windows begin at x + at[i], by `vectors` vectors of channels, over some taps
 * and r_begin..r_end-1 of each. Adds to sums[rows][vectors*VL], or sets them if it is the `first` block. Both
 * sizes are constants where it is called. It asks memory for so many lines that lie `ahead` of w. */
NT_INLINE void igemm_tile_2(int rows, int vectors, int first, const real *restrict x, const ptrdiff_t *restrict at,
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
NT_INLINE int igemm_any_2(int count, int vectors, int first, const real *restrict x, const ptrdiff_t *restrict at,
                    const real *restrict w, const int *restrict taps, int n_taps, int r, int r_end, ptrdiff_t ahead,
                    int lines, real *restrict sums)
{
    enum { MR = 8 };
    int tiles = (count + MR - 1) / MR, rows = count < 2 * MR ? (count + tiles - 1) / tiles : MR;
    if (rows == MR) {
        igemm_tile_2(MR, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
        return MR;
    }
    if (MR > 2 && rows == MR - 1) {
        igemm_tile_2(MR - 1, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
        return MR - 1;
    }
    if (MR > 3 && rows > MR / 2) {
        igemm_tile_2(MR - 2, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
        return MR - 2;
    }
    if (MR > 3 && rows > 1) {
        igemm_tile_2(MR / 2, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
        return MR / 2;
    }
    igemm_tile_2(1, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
    return 1;
}

/* The same for the two widths that a panel may have. Layers share these functions, most of what there is to compile:
 * they depend on the tile's size alone. Apart, their loops have registers for all pointers. But where there are few rows of k,
 * knowing how many gains more. */
NT_APART
int igemm_next_2(int count, int first, const real *restrict x, const ptrdiff_t *restrict at, const real *restrict w,
           const int *restrict taps, int n_taps, int r, int r_end, ptrdiff_t ahead, int lines,
           real *restrict sums)
{
    enum { NR = 8 };
    return igemm_any_2(count, NR / VL, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
}

/* Rows r..r_end-1 of the panel that begins at channel c of the `width` of volume pixel `group`, from the
 * forward panels. */
NT_INLINE void igemm_turn_2(const real *restrict w, int group, int c, int width, int r, int r_end, real *restrict turned)
{
    enum { GROUPS = 1, TURN_NR = 16, TURN_CO = 104, TURN_CI = 2 };
    for (; r < r_end; r += VL, turned += VL * width) {
        int first = r / TURN_NR * TURN_NR; /* channel with which r's forward panel begins, and that panel's width */
        int forward = TURN_CO - first < TURN_NR ? TURN_CO - first : TURN_NR;
        const real *from = w + ((ptrdiff_t)first * GROUPS + (ptrdiff_t)group * forward) * TURN_CI + (r - first);
        for (int j = 0; j < width; j += VL) {
            vf square[VL];
            for (int i = 0; i < VL; i++)
                square[i] = c + j + i < TURN_CI ? v_load(from + (ptrdiff_t)(c + j + i) * forward) : v_zero();
            v_transpose(square);
            for (int i = 0; i < VL; i++)
                v_store(turned + i * width + j, square[i]);
        }
    }
}

/* Where in w line number `line` lies of those that igemm_turn_2 will read from row r on; at r = RUN, from the start of the
 * next panel. */
static inline ptrdiff_t igemm_turn_line_2(int group, int c, int r, int line)
{
    enum { GROUPS = 1, RUN = 100, NR = 8, TURN_NR = 16, TURN_CO = 104, TURN_CI = 2 };
    const int lines = NR * TURN_NR / NT_LINE; /* that a panel of NR channels has in a forward panel */
    int is_next = r == RUN, first = ((is_next ? 0 : r / TURN_NR) + line / lines) * TURN_NR;
    int forward = TURN_CO - first < TURN_NR ? TURN_CO - first : TURN_NR;
    return ((ptrdiff_t)first * GROUPS + (ptrdiff_t)group * forward) * TURN_CI
           + (ptrdiff_t)(c + is_next * NR) * forward + line % lines * NT_LINE;
}

/* Where a block of pixels begins: blocks are as equal as whole tiles allow. */
static inline int igemm_limit_2(int pixels, int block, int blocks)
{
    enum { MR = 8 };
    int tiles = (pixels + MR - 1) / MR, first = (int)((int64_t)tiles * block / blocks) * MR;
    return first < pixels ? first : pixels;
}

/* Where the windows of a block's pixels begin. MR past the end, which a last tile may read, are the last pixel again. */
NT_APART void igemm_windows_2(int pixels, int block, int blocks, ptrdiff_t *restrict at)
{
    enum { OUT_H = 1, OUT_W = 1, IN_S = 112, IN_R = 0, IN_P = 0, MR = 8 };
    const int first = igemm_limit_2(pixels, block, blocks), count = igemm_limit_2(pixels, block + 1, blocks) - first;
    for (int i = 0; i < count + MR; i++) {
        const unsigned pixel = (unsigned)(first + (i < count ? i : count - 1));
        at[i] = (ptrdiff_t)(pixel / (OUT_H * OUT_W)) * IN_S + (ptrdiff_t)(pixel / OUT_W % OUT_H) * IN_R
                + (ptrdiff_t)(pixel % OUT_W) * IN_P;
    }
}

/* So many blocks of pixels as there have to be. Where items are few one more, if that makes them even: two threads have as much to do. */
static inline int igemm_blocks_2(int pixels, int panels)
{
    enum { MR = 8, MB = 256 };
    const int blocks = (pixels + MB - 1) / MB, few = 16;
    return blocks * panels < few && blocks * panels % 2 == 1 && blocks * MR < pixels ? blocks + 1 : blocks;
}

/* hidden: conv_dx   100 -> 2   0.2 kMAC   spiral.net:6 */
static void hidden_conv_dx(int n, const real *restrict x, const real *restrict w, real *restrict result)
{
    enum { OUT_H = 1, OUT_W = 1, IN_G = 0, GROUPS = 1, TAPS = 1, RUN = 100, CO = 8, NR = 8, MR = 8, MB = 256,
           KB = 104, TURN = 1 };
    static const int TAP[] = {0};
    const int panels = (CO + NR - 1) / NR, width_last = CO - (panels - 1) * NR;
    const int taps = KB > RUN ? KB / RUN : 1, rows = KB < RUN ? KB : RUN;
    const int pixels = n * OUT_H * OUT_W, blocks = igemm_blocks_2(pixels, GROUPS * panels);
    _Alignas(64) real sums[(MB + MR) * NR];
    _Alignas(64) real turned[TURN ? (KB + VL) * NR : 1];
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
        int first = igemm_limit_2(pixels, block, blocks), count = igemm_limit_2(pixels, block + 1, blocks) - first;
        int sample, row, column;
        igemm_place(first, &sample, &row, &column);
        int channel = panel * NR, width = panel < panels - 1 ? NR : width_last;
        const real *group_x = x + group * IN_G;
        ptrdiff_t panel_at = (ptrdiff_t)TAPS * RUN * (group * CO + channel);
        int tiles = (count + MR - 1) / MR, lines = (taps * rows * width / NT_LINE + tiles - 1) / tiles;
        const ptrdiff_t *at = places[block % 2], *next_at = places[(block + 1) % 2];
        if (block != block_at) {
            if (block != block_at + 1)
                igemm_windows_2(pixels, block, blocks, places[block % 2]);
            if (block + 1 < blocks)
                igemm_windows_2(pixels, block + 1, blocks, places[(block + 1) % 2]);
            block_at = block;
        }
        if (panel == 0)
            fetched = due = 0;
        int coming_pixels = block + 1 < blocks ? igemm_limit_2(pixels, block + 2, blocks) - first - count : 0;
        int64_t share = ((int64_t)coming_pixels * run_lines << 16) / (tiles * turns); /* a tile's */
        for (int r = 0; r < RUN; r += rows) {
            for (int tap = 0; tap < TAPS; tap += taps) {
                int tap_end = tap + taps < TAPS ? tap + taps : TAPS, r_end = r + rows < RUN ? r + rows : RUN;
                int line = 0, begin = tap == 0 && r == 0, last = tap_end == TAPS && r_end == RUN;
                const real *part = w + panel_at + (tap * RUN + r) * width;
                if (TURN) {
                    igemm_turn_2(w, group, channel, width, r, r_end, turned);
                    part = turned;
                }
                for (int i = 0, next; i < count; i = next) {
                    real *tile_sums = sums + i * width;
                    if (last) { /* a tile takes long enough for memory to answer */
                        int n_ahead = sample, h_ahead = row, w_ahead = column;
                        for (int p = i; p < i + MR && p < count; p++) {
                            for (int j = 0; j < NR && j < width; j += NT_LINE) {
                                const size_t place = (size_t)(n_ahead) * 16 + (size_t)(group * CO + channel + j);
                                nt_prefetch_far(result, (ptrdiff_t)place);
                            }
                            igemm_step(&n_ahead, &h_ahead, &w_ahead);
                        }
                    }
                    const int asked = 0; /* what comes lies elsewhere: see below */
                    const ptrdiff_t ahead = 0;
                    next = i + igemm_next_2(count - i, begin, group_x, at + i, part, TAP + tap, tap_end - tap, r, r_end, ahead,
                                      asked, tile_sums);
                    for (int k = line; TURN && k < line + lines; k++)
                        nt_prefetch(w, igemm_turn_line_2(group, channel, r_end, k));
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
                            const size_t place = (size_t)(sample) * 16 + (size_t)(group * CO + channel + j);
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

    out_conv_dw((int)n, a + n * T7_HIDDEN_RELU, a + n * T10_D_OUT, d + P_OUT_WEIGHT, d + P_OUT_BIAS, NULL);
    nt_lap(p, 4);
    out_conv_dx((int)n, a + n * T10_D_OUT, w + P_OUT_WEIGHT, a + n * T7_HIDDEN_RELU);
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

    hidden_conv_dx((int)n, a + n * T14_D_HIDDEN, w + P_HIDDEN_WEIGHT, a + n * T17_D_INPUT);
    nt_lap(p, 7);
}

