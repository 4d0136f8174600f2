/* lenet5 - 28x28x1 -> 10. Made by netc from lenet5.net for avx2; do not edit. */
#include "lenet5_memory.h"

#include <math.h>

/* input: 28x28x1, dense, into the input tensor */
static void load_input(int n, const real *restrict input, real *restrict x)
{
    enum { H = 28, W = 28, C = 1, P = 1, X_S = 1024, X_R = 32 };
#pragma omp for schedule(static)
    for (int row = 0; row < n * H; row++) {
        const real *from = input + (size_t)row * W * C;
        real *to = x + (size_t)(row / H) * X_S + (size_t)(row % H) * X_R;
        if (P == C) {
            memcpy(to, from, sizeof *to * W * C);
            continue;
        }
        for (int w = 0; w < W; w++) {
            for (int c = 0; c < P; c++) {
                to[w * P + c] = c < C ? from[w * C + c] : 0;
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
NT_INLINE
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
    enum { OUT_H = 28, OUT_W = 28, IN_S = 1024, IN_R = 32, IN_P = 1, MR = 8 };
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

/* c1: conv + bias + tanh   28x28x1 -> 28x28x6   0.1 MMAC   lenet5.net:6
 * also: c1_infer */
static void c1_forward(int n, const real *restrict x, const real *restrict w, const real *restrict bias, real *restrict result)
{
    enum { OUT_H = 28, OUT_W = 28, IN_G = 0, GROUPS = 1, TAPS = 5, RUN = 5, CO = 8, NR = 8, MR = 8, MB = 256,
           KB = 25 };
    static const int TAP[] = {0, 32, 64, 96, 128};
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
                            const vf v1 = v_load(bias + group * CO + channel + j);
                            const vf v2 = v_add(v0, v1);
                            const vf v3 = v_tanh(v2);
                            const size_t place = (size_t)(sample) * 6272 + (size_t)(row) * 224 + (size_t)(column) * 8 + (size_t)(group * CO + channel + j);
                            v_store(result + place, v3);
                        }
                        /* memory takes as long as some tiles; past a row's end these are lines a border's width before the next row's */
                        for (int j = 0; j < NR && j < width; j += NT_LINE) {
                            const size_t place = (size_t)(sample) * 6272 + (size_t)(row) * 224 + (size_t)(column + (1 + 64 / (TAPS * RUN)) * MR) * 8 + (size_t)(group * CO + channel + j);
                            nt_prefetch_far(result, (ptrdiff_t)place);
                        }
                        igemm_step(&sample, &row, &column);
                    }
                }
            }
        }
    }
}

/* Sums of `vectors` (1..4) times VL channels, or of their squares, over rows x columns pixels from `p` on. */
static inline void avgpool_window(const real *p, int rows, int columns, int vectors, vf *sum)
{
    enum { X_R = 224, X_P = 8, ROOT = 0 };
    for (int v = 0; v < vectors; v++)
        sum[v] = v_zero();
    for (int r = 0; r < rows; r++) {
        vf line[4];
        for (int v = 0; v < vectors; v++) {
            const vf x = v_load(p + r * X_R + v * VL);
            line[v] = ROOT ? v_mul(x, x) : x;
        }
        for (int q = 1; q < columns; q++)
            for (int v = 0; v < vectors; v++) {
                const vf x = v_load(p + r * X_R + q * X_P + v * VL);
                line[v] = ROOT ? v_fma(x, x, line[v]) : v_add(line[v], x);
            }
        for (int v = 0; v < vectors; v++)
            sum[v] = v_add(sum[v], line[v]);
    }
}

/* s2: avgpool   28x28x6 -> 14x14x6   lenet5.net:7
 * also: s2_infer */
static void s2_forward(int n, const real *restrict x, real *restrict result)
{
    enum { IN_H = 28, IN_W = 28, OUT_H = 14, OUT_W = 14, KH = 2, KW = 2, SH = 2, SW = 2, PT = 0, PL = 0,
           CP = 8, X_S = 6272, X_R = 224, X_P = 8, ROOT = 0 };
    /* As many vectors at a time as divide the channels evenly. */
    const int vectors = CP % (4 * VL) == 0 ? 4 : CP % (3 * VL) == 0 ? 3 : CP % (2 * VL) == 0 ? 2 : 1;
    const int pieces = OUT_H * OUT_W == 1 ? CP / (vectors * VL) : 1, width = CP / pieces;
#pragma omp for schedule(static)
    for (int piece = 0; piece < n * OUT_H * pieces; piece++) {
        const int i = piece / pieces / OUT_H, oh = piece / pieces % OUT_H, from = piece % pieces * width;
        const int h0 = oh * SH - PT, kh0 = h0 < 0 ? -h0 : 0, kh1 = h0 + KH > IN_H ? IN_H - h0 : KH;
        for (int ow = 0; ow < OUT_W; ow++) {
            const int w0 = ow * SW - PL, kw0 = w0 < 0 ? -w0 : 0, kw1 = w0 + KW > IN_W ? IN_W - w0 : KW;
            const real *p = x + (size_t)i * X_S + (h0 + kh0) * X_R + (w0 + kw0) * X_P;
            for (int c = from; c < from + width; c += vectors * VL) {
                vf sum[4];
                if (kh1 - kh0 == KH && kw1 - kw0 == KW)
                    avgpool_window(p + c, KH, KW, vectors, sum);
                else
                    avgpool_window(p + c, kh1 - kh0, kw1 - kw0, vectors, sum);
                for (int v = 0; v < vectors; v++) {
                    const vf value = ROOT ? v_sqrt(sum[v]) : v_mul(sum[v], v_set1((real)1 / (KH * KW)));
                    {
                        const vf v0 = value;
                        const size_t place = (size_t)(i) * 1568 + (size_t)(oh) * 112 + (size_t)(ow) * 8 + (size_t)(c + v * VL);
                        v_store(result + place, v0);
                    }
                }
            }
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
NT_INLINE int igemm_any_2(int count, int vectors, int first, const real *restrict x, const ptrdiff_t *restrict at,
                    const real *restrict w, const int *restrict taps, int n_taps, int r, int r_end, ptrdiff_t ahead,
                    int lines, real *restrict sums)
{
    enum { MR = 6 };
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
    enum { NR = 16 };
    return igemm_any_2(count, NR / VL, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
}

/* Where a block of pixels begins: blocks are as equal as whole tiles allow. */
static inline int igemm_limit_2(int pixels, int block, int blocks)
{
    enum { MR = 6 };
    int tiles = (pixels + MR - 1) / MR, first = (int)((int64_t)tiles * block / blocks) * MR;
    return first < pixels ? first : pixels;
}

/* Where the windows of a block's pixels begin. MR past the end, which a last tile may read, are the last pixel again. */
NT_APART void igemm_windows_2(int pixels, int block, int blocks, ptrdiff_t *restrict at)
{
    enum { OUT_H = 10, OUT_W = 10, IN_S = 1568, IN_R = 112, IN_P = 8, MR = 6 };
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
    enum { MR = 6, MB = 192 };
    const int blocks = (pixels + MB - 1) / MB, few = 16;
    return blocks * panels < few && blocks * panels % 2 == 1 && blocks * MR < pixels ? blocks + 1 : blocks;
}

/* c3: conv + bias + tanh   14x14x6 -> 10x10x16   0.2 MMAC   lenet5.net:8
 * also: c3_infer */
static void c3_forward(int n, const real *restrict x, const real *restrict w, const real *restrict bias, real *restrict result)
{
    enum { OUT_H = 10, OUT_W = 10, IN_G = 0, GROUPS = 1, TAPS = 25, RUN = 6, CO = 16, NR = 16, MR = 6,
           MB = 192, KB = 150 };
    static const int TAP[] = {0, 8, 16, 24, 32, 112, 120, 128, 136, 144, 224, 232, 240, 248, 256, 336,
        344, 352, 360, 368, 448, 456, 464, 472, 480};
    const int panels = (CO + NR - 1) / NR, width_last = CO - (panels - 1) * NR;
    const int taps = KB > RUN ? KB / RUN : 1, rows = KB < RUN ? KB : RUN;
    const int pixels = n * OUT_H * OUT_W, blocks = igemm_blocks_2(pixels, GROUPS * panels);
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
                                const size_t place = (size_t)(n_ahead) * 1600 + (size_t)(h_ahead) * 160 + (size_t)(w_ahead) * 16 + (size_t)(group * CO + channel + j);
                                nt_prefetch_far(result, (ptrdiff_t)place);
                            }
                            igemm_step(&n_ahead, &h_ahead, &w_ahead);
                        }
                    }
                    const ptrdiff_t ahead = coming + line * NT_LINE - (part - w);
                    next = i + igemm_next_2(count - i, begin, group_x, at + i, part, TAP + tap, tap_end - tap, r, r_end, ahead,
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
                            const vf v1 = v_load(bias + group * CO + channel + j);
                            const vf v2 = v_add(v0, v1);
                            const vf v3 = v_tanh(v2);
                            const size_t place = (size_t)(sample) * 1600 + (size_t)(row) * 160 + (size_t)(column) * 16 + (size_t)(group * CO + channel + j);
                            v_store(result + place, v3);
                        }
                        igemm_step(&sample, &row, &column);
                    }
                }
            }
        }
    }
}

/* Sums of `vectors` (1..4) times VL channels, or of their squares, over rows x columns pixels from `p` on. */
static inline void avgpool_window_2(const real *p, int rows, int columns, int vectors, vf *sum)
{
    enum { X_R = 160, X_P = 16, ROOT = 0 };
    for (int v = 0; v < vectors; v++)
        sum[v] = v_zero();
    for (int r = 0; r < rows; r++) {
        vf line[4];
        for (int v = 0; v < vectors; v++) {
            const vf x = v_load(p + r * X_R + v * VL);
            line[v] = ROOT ? v_mul(x, x) : x;
        }
        for (int q = 1; q < columns; q++)
            for (int v = 0; v < vectors; v++) {
                const vf x = v_load(p + r * X_R + q * X_P + v * VL);
                line[v] = ROOT ? v_fma(x, x, line[v]) : v_add(line[v], x);
            }
        for (int v = 0; v < vectors; v++)
            sum[v] = v_add(sum[v], line[v]);
    }
}

/* s4: avgpool   10x10x16 -> 5x5x16   lenet5.net:9
 * also: s4_infer */
static void s4_forward(int n, const real *restrict x, real *restrict result)
{
    enum { IN_H = 10, IN_W = 10, OUT_H = 5, OUT_W = 5, KH = 2, KW = 2, SH = 2, SW = 2, PT = 0, PL = 0, CP = 16,
           X_S = 1600, X_R = 160, X_P = 16, ROOT = 0 };
    /* As many vectors at a time as divide the channels evenly. */
    const int vectors = CP % (4 * VL) == 0 ? 4 : CP % (3 * VL) == 0 ? 3 : CP % (2 * VL) == 0 ? 2 : 1;
    const int pieces = OUT_H * OUT_W == 1 ? CP / (vectors * VL) : 1, width = CP / pieces;
#pragma omp for schedule(static)
    for (int piece = 0; piece < n * OUT_H * pieces; piece++) {
        const int i = piece / pieces / OUT_H, oh = piece / pieces % OUT_H, from = piece % pieces * width;
        const int h0 = oh * SH - PT, kh0 = h0 < 0 ? -h0 : 0, kh1 = h0 + KH > IN_H ? IN_H - h0 : KH;
        for (int ow = 0; ow < OUT_W; ow++) {
            const int w0 = ow * SW - PL, kw0 = w0 < 0 ? -w0 : 0, kw1 = w0 + KW > IN_W ? IN_W - w0 : KW;
            const real *p = x + (size_t)i * X_S + (h0 + kh0) * X_R + (w0 + kw0) * X_P;
            for (int c = from; c < from + width; c += vectors * VL) {
                vf sum[4];
                if (kh1 - kh0 == KH && kw1 - kw0 == KW)
                    avgpool_window_2(p + c, KH, KW, vectors, sum);
                else
                    avgpool_window_2(p + c, kh1 - kh0, kw1 - kw0, vectors, sum);
                for (int v = 0; v < vectors; v++) {
                    const vf value = ROOT ? v_sqrt(sum[v]) : v_mul(sum[v], v_set1((real)1 / (KH * KW)));
                    {
                        const vf v0 = value;
                        const size_t place = (size_t)(i) * 400 + (size_t)(oh) * 80 + (size_t)(ow) * 16 + (size_t)(c + v * VL);
                        v_store(result + place, v0);
                    }
                }
            }
        }
    }
}

NT_APART
int igemm_next_last(int count, int first, const real *restrict x, const ptrdiff_t *restrict at,
                const real *restrict w, const int *restrict taps, int n_taps, int r, int r_end, ptrdiff_t ahead,
                int lines, real *restrict sums)
{
    enum { LAST = 8 };
    return igemm_any_2(count, LAST / VL, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
}

/* Output pixel number `pixel`, as the hooks take it, and the one after that. */
static inline void igemm_place_2(int pixel, int *n, int *h, int *w)
{
    enum { OUT_H = 1, OUT_W = 1 };
    *n = pixel / (OUT_H * OUT_W);
    *h = pixel / OUT_W % OUT_H;
    *w = pixel % OUT_W;
}

static inline void igemm_step_2(int *n, int *h, int *w)
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
NT_APART void igemm_windows_3(int pixels, int block, int blocks, ptrdiff_t *restrict at)
{
    enum { OUT_H = 1, OUT_W = 1, IN_S = 400, IN_R = 80, IN_P = 16, MR = 6 };
    const int first = igemm_limit_2(pixels, block, blocks), count = igemm_limit_2(pixels, block + 1, blocks) - first;
    for (int i = 0; i < count + MR; i++) {
        const unsigned pixel = (unsigned)(first + (i < count ? i : count - 1));
        at[i] = (ptrdiff_t)(pixel / (OUT_H * OUT_W)) * IN_S + (ptrdiff_t)(pixel / OUT_W % OUT_H) * IN_R
                + (ptrdiff_t)(pixel % OUT_W) * IN_P;
    }
}

/* c5: conv + bias + tanh   5x5x16 -> 1x1x120   48.0 kMAC   lenet5.net:10
 * also: c5_infer */
static void c5_forward(int n, const real *restrict x, const real *restrict w, const real *restrict bias, real *restrict result)
{
    enum { OUT_H = 1, OUT_W = 1, IN_G = 0, GROUPS = 1, TAPS = 1, RUN = 400, CO = 120, NR = 16, MR = 6,
           MB = 192, KB = 200 };
    static const int TAP[] = {0};
    const int panels = (CO + NR - 1) / NR, width_last = CO - (panels - 1) * NR;
    const int taps = KB > RUN ? KB / RUN : 1, rows = KB < RUN ? KB : RUN;
    const int pixels = n * OUT_H * OUT_W, blocks = igemm_blocks_2(pixels, GROUPS * panels);
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
        int first = igemm_limit_2(pixels, block, blocks), count = igemm_limit_2(pixels, block + 1, blocks) - first;
        int sample, row, column;
        igemm_place_2(first, &sample, &row, &column);
        int channel = panel * NR, width = panel < panels - 1 ? NR : width_last;
        const real *group_x = x + group * IN_G;
        ptrdiff_t panel_at = (ptrdiff_t)TAPS * RUN * (group * CO + channel);
        int tiles = (count + MR - 1) / MR, lines = (taps * rows * width / NT_LINE + tiles - 1) / tiles;
        const ptrdiff_t *at = places[block % 2], *next_at = places[(block + 1) % 2];
        if (block != block_at) {
            if (block != block_at + 1)
                igemm_windows_3(pixels, block, blocks, places[block % 2]);
            if (block + 1 < blocks)
                igemm_windows_3(pixels, block + 1, blocks, places[(block + 1) % 2]);
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
                                const size_t place = (size_t)(n_ahead) * 128 + (size_t)(group * CO + channel + j);
                                nt_prefetch_far(result, (ptrdiff_t)place);
                            }
                            igemm_step_2(&n_ahead, &h_ahead, &w_ahead);
                        }
                    }
                    const ptrdiff_t ahead = coming + line * NT_LINE - (part - w);
                    if (width != NR)
                        next = i + igemm_next_last(count - i, begin, group_x, at + i, part, TAP + tap, tap_end - tap, r, r_end,
                                               ahead, lines, tile_sums);
                    else
                        next = i + igemm_next_2(count - i, begin, group_x, at + i, part, TAP + tap, tap_end - tap, r, r_end,
                                          ahead, lines, tile_sums);
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
                            const vf v1 = v_load(bias + group * CO + channel + j);
                            const vf v2 = v_add(v0, v1);
                            const vf v3 = v_tanh(v2);
                            const size_t place = (size_t)(sample) * 128 + (size_t)(group * CO + channel + j);
                            v_store(result + place, v3);
                        }
                        igemm_step_2(&sample, &row, &column);
                    }
                }
            }
        }
    }
}

/* Where the windows of a block's pixels begin. MR past the end, which a last tile may read, are the last pixel again. */
NT_APART void igemm_windows_4(int pixels, int block, int blocks, ptrdiff_t *restrict at)
{
    enum { OUT_H = 1, OUT_W = 1, IN_S = 128, IN_R = 120, IN_P = 120, MR = 6 };
    const int first = igemm_limit_2(pixels, block, blocks), count = igemm_limit_2(pixels, block + 1, blocks) - first;
    for (int i = 0; i < count + MR; i++) {
        const unsigned pixel = (unsigned)(first + (i < count ? i : count - 1));
        at[i] = (ptrdiff_t)(pixel / (OUT_H * OUT_W)) * IN_S + (ptrdiff_t)(pixel / OUT_W % OUT_H) * IN_R
                + (ptrdiff_t)(pixel % OUT_W) * IN_P;
    }
}

/* f6: conv + bias + tanh   1x1x120 -> 84   10.1 kMAC   lenet5.net:11
 * also: f6_infer */
static void f6_forward(int n, const real *restrict x, const real *restrict w, const real *restrict bias, real *restrict result)
{
    enum { OUT_H = 1, OUT_W = 1, IN_G = 0, GROUPS = 1, TAPS = 1, RUN = 120, CO = 88, NR = 16, MR = 6, MB = 192,
           KB = 120 };
    static const int TAP[] = {0};
    const int panels = (CO + NR - 1) / NR, width_last = CO - (panels - 1) * NR;
    const int taps = KB > RUN ? KB / RUN : 1, rows = KB < RUN ? KB : RUN;
    const int pixels = n * OUT_H * OUT_W, blocks = igemm_blocks_2(pixels, GROUPS * panels);
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
        int first = igemm_limit_2(pixels, block, blocks), count = igemm_limit_2(pixels, block + 1, blocks) - first;
        int sample, row, column;
        igemm_place_2(first, &sample, &row, &column);
        int channel = panel * NR, width = panel < panels - 1 ? NR : width_last;
        const real *group_x = x + group * IN_G;
        ptrdiff_t panel_at = (ptrdiff_t)TAPS * RUN * (group * CO + channel);
        int tiles = (count + MR - 1) / MR, lines = (taps * rows * width / NT_LINE + tiles - 1) / tiles;
        const ptrdiff_t *at = places[block % 2], *next_at = places[(block + 1) % 2];
        if (block != block_at) {
            if (block != block_at + 1)
                igemm_windows_4(pixels, block, blocks, places[block % 2]);
            if (block + 1 < blocks)
                igemm_windows_4(pixels, block + 1, blocks, places[(block + 1) % 2]);
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
                                const size_t place = (size_t)(n_ahead) * 96 + (size_t)(group * CO + channel + j);
                                nt_prefetch_far(result, (ptrdiff_t)place);
                            }
                            igemm_step_2(&n_ahead, &h_ahead, &w_ahead);
                        }
                    }
                    const ptrdiff_t ahead = coming + line * NT_LINE - (part - w);
                    if (width != NR)
                        next = i + igemm_next_last(count - i, begin, group_x, at + i, part, TAP + tap, tap_end - tap, r, r_end,
                                               ahead, lines, tile_sums);
                    else
                        next = i + igemm_next_2(count - i, begin, group_x, at + i, part, TAP + tap, tap_end - tap, r, r_end,
                                          ahead, lines, tile_sums);
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
                            const vf v1 = v_load(bias + group * CO + channel + j);
                            const vf v2 = v_add(v0, v1);
                            const vf v3 = v_tanh(v2);
                            const size_t place = (size_t)(sample) * 96 + (size_t)(group * CO + channel + j);
                            v_store(result + place, v3);
                        }
                        igemm_step_2(&sample, &row, &column);
                    }
                }
            }
        }
    }
}

/* Where the windows of a block's pixels begin. MR past the end, which a last tile may read, are the last pixel again. */
NT_APART void igemm_windows_5(int pixels, int block, int blocks, ptrdiff_t *restrict at)
{
    enum { OUT_H = 1, OUT_W = 1, IN_S = 96, IN_R = 88, IN_P = 88, MR = 6 };
    const int first = igemm_limit_2(pixels, block, blocks), count = igemm_limit_2(pixels, block + 1, blocks) - first;
    for (int i = 0; i < count + MR; i++) {
        const unsigned pixel = (unsigned)(first + (i < count ? i : count - 1));
        at[i] = (ptrdiff_t)(pixel / (OUT_H * OUT_W)) * IN_S + (ptrdiff_t)(pixel / OUT_W % OUT_H) * IN_R
                + (ptrdiff_t)(pixel % OUT_W) * IN_P;
    }
}

/* out: conv + bias   84 -> 10   0.8 kMAC   lenet5.net:12
 * also: out_infer */
static void out_forward(int n, const real *restrict x, const real *restrict w, const real *restrict bias, real *restrict result)
{
    enum { OUT_H = 1, OUT_W = 1, IN_G = 0, GROUPS = 1, TAPS = 1, RUN = 84, CO = 16, NR = 16, MR = 6, MB = 192,
           KB = 84 };
    static const int TAP[] = {0};
    const int panels = (CO + NR - 1) / NR, width_last = CO - (panels - 1) * NR;
    const int taps = KB > RUN ? KB / RUN : 1, rows = KB < RUN ? KB : RUN;
    const int pixels = n * OUT_H * OUT_W, blocks = igemm_blocks_2(pixels, GROUPS * panels);
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
        int first = igemm_limit_2(pixels, block, blocks), count = igemm_limit_2(pixels, block + 1, blocks) - first;
        int sample, row, column;
        igemm_place_2(first, &sample, &row, &column);
        int channel = panel * NR, width = panel < panels - 1 ? NR : width_last;
        const real *group_x = x + group * IN_G;
        ptrdiff_t panel_at = (ptrdiff_t)TAPS * RUN * (group * CO + channel);
        int tiles = (count + MR - 1) / MR, lines = (taps * rows * width / NT_LINE + tiles - 1) / tiles;
        const ptrdiff_t *at = places[block % 2], *next_at = places[(block + 1) % 2];
        if (block != block_at) {
            if (block != block_at + 1)
                igemm_windows_5(pixels, block, blocks, places[block % 2]);
            if (block + 1 < blocks)
                igemm_windows_5(pixels, block + 1, blocks, places[(block + 1) % 2]);
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
                                const size_t place = (size_t)(n_ahead) * 16 + (size_t)(group * CO + channel + j);
                                nt_prefetch_far(result, (ptrdiff_t)place);
                            }
                            igemm_step_2(&n_ahead, &h_ahead, &w_ahead);
                        }
                    }
                    const ptrdiff_t ahead = coming + line * NT_LINE - (part - w);
                    next = i + igemm_next_2(count - i, begin, group_x, at + i, part, TAP + tap, tap_end - tap, r, r_end, ahead,
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
                            const vf v1 = v_load(bias + group * CO + channel + j);
                            const vf v2 = v_add(v0, v1);
                            const size_t place = (size_t)(sample) * 16 + (size_t)(group * CO + channel + j);
                            v_store(result + place, v2);
                        }
                        igemm_step_2(&sample, &row, &column);
                    }
                }
            }
        }
    }
}

/* VL values from channel `c` on, with `other` in the lanes beyond the last channel. */
static inline vf cross_entropy_masked(vf v, int c, vf other)
{
    enum { C = 10 };
    return c + VL <= C ? v : v_select(v_lt(v_iota(), v_set1((real)(C - c))), v, other);
}

/* VL targets d from channel `c` on: of a dense vector, or, without one, of a label. */
static inline vf cross_entropy_target(const real *target, int label, int c)
{
    enum { C = 10 };
    if (target)
        return c + VL <= C ? v_load(target + c) : v_load_n(target + c, C - c);
    return v_select(v_eq(v_iota(), v_set1((real)(label - c))), v_set1(1), v_zero());
}

/* out: cross_entropy   10 -> 10   lenet5.net:12 */
static void out_cross_entropy(int n, const real *restrict x, const int32_t *restrict labels, const real *restrict targets,
                   real *restrict loss_sample, real *restrict result)
{
    enum { H = 1, W = 1, C = 10, CP = 16, X_S = 16, X_R = 16, X_P = 16, WITH_GRAD = 1 };
    const real mean_scale = (real)(1.0 / ((double)n * H * W));
#pragma omp for schedule(static)
    for (int i = 0; i < n; i++) {
        double loss = 0;
        vf e[CP / VL];
        for (int q = 0; q < H * W; q++) {
            const int h = q / W, w = q % W, label = targets ? 0 : labels[i * H * W + q];
            const real *pixel = x + (size_t)i * X_S + h * X_R + w * X_P;
            const real *target = targets ? targets + ((size_t)i * H * W + q) * C : NULL;
            vf top = v_set1(-(real)INFINITY), sum = v_zero(), total = v_zero(), mass = v_zero(), dot = v_zero();
            for (int c = 0; c < CP; c += VL)
                top = v_max(top, cross_entropy_masked(v_load(pixel + c), c, top));
            top = v_set1(v_hmax(top));
            for (int c = 0; c < CP; c += VL) {
                const vf d = v_sub(v_load(pixel + c), top), v = cross_entropy_masked(v_exp(d), c, v_zero());
                if (WITH_GRAD)
                    e[c / VL] = v;
                sum = v_add(sum, v);
                if (0.0 > 0)
                    total = v_add(total, cross_entropy_masked(d, c, v_zero()));
                if (target) {
                    const vf t = cross_entropy_target(target, label, c);
                    mass = v_add(mass, t);
                    dot = v_fma(t, cross_entropy_masked(d, c, v_zero()), dot);
                }
            }
            const real norm = v_sum(sum), hit = target ? v_sum(dot) : pixel[label] - v_hmax(top);
            const real share = target ? (real)((1 - 0.0) * v_sum(mass) + 0.0) : 1; /* T */
            loss += share * log((double)norm) - (1 - 0.0) * hit;
            if (0.0 > 0)
                loss -= 0.0 / C * v_sum(total);
            if (WITH_GRAD) {
                const vf scale = v_set1(mean_scale * share / norm), off = v_set1(mean_scale * (real)(0.0 / C));
                const vf factor = v_set1(mean_scale * (real)(1 - 0.0));
                for (int c = 0; c < CP; c += VL) {
                    const vf t = v_fma(factor, cross_entropy_target(target, label, c), off);
                    const vf v = cross_entropy_masked(v_sub(v_mul(e[c / VL], scale), t), c, v_zero());
                    {
                        const vf v0 = v;
                        const size_t place = (size_t)(i) * 16 + (size_t)(c);
                        v_store(result + place, v0);
                    }
                }
            }
        }
        loss_sample[i] += (real)(1.0 / (H * W) * loss);
    }
}

static inline nt_rates momentum_rates(const nt_pass *p)
{
    return (nt_rates){.lr = (real)p->lr, .momentum = (real)p->momentum};
}

static inline vf momentum_rule(const nt_rates *r, vf w, vf g, real *velocity)
{
    enum { NESTEROV = 1 };
    const vf momentum = v_set1(r->momentum), u = v_fma(momentum, v_load(velocity), g);
    v_store(velocity, u);
    return v_fnma(v_set1(r->lr), NESTEROV ? v_fma(momentum, u, g) : u, w);
}

/* The gradient as the rule gets it, but for the noise and the penalties. */
static inline vf momentum_clipped(vf g)
{
    if (0.0 > 0)
        g = v_max(v_set1((real)-0.0), v_min(v_set1((real)0.0), g));
    if (0.0 > 0)
        g = nt_signed(v_set1((real)0.0), g);
    return g;
}

/* What the rule is given besides, for parameters with this factor on the rate and this decay. */
static inline nt_rates momentum_rates_of(const nt_pass *p, double lr_scale, double decay)
{
    nt_pass own = *p;
    own.lr *= lr_scale;
    nt_rates rates = momentum_rates(&own);
    rates.decay = (real)(decay * p->decay_scale);
    return rates;
}

/* One step of elements begin..end-1 of the parameters, both multiples of VL. `grad` is the gradient of the first. */
static inline void momentum_step(const nt_pass *p, const nt_rates *rates, double l1, const real *restrict grad, size_t begin, size_t end)
{
    enum { COUPLED = 1, NOISE = 0 };
    const vf scale = v_set1((real)p->clip_scale), l2 = v_set1(rates->decay), lasso = v_set1((real)(l1 * p->l1_scale));
    const uint64_t key = nt_noise_key(p);
    real *const restrict w = p->params, *const restrict state = p->state;
    for (size_t i = begin; i < end; i += VL) {
        const vf old = v_load(w + i);
        vf g = momentum_clipped(v_mul(scale, v_load(grad + (i - begin))));
        if (NOISE)
            g = v_fma(v_set1((real)p->noise), nt_normal(key, i), g);
        if (COUPLED)
            g = v_fma(l2, old, g);
        if (l1 > 0)
            g = v_add(g, nt_signed(lasso, old));
        v_store(w + i, momentum_rule(rates, old, g, state + i));
    }
}

/* nesterov: one step over a range of the parameters */
static void momentum(const nt_pass *p, size_t begin, size_t end, double lr_scale, double decay, double l1)
{
    enum { CHUNK = 4096 };
    const nt_rates rates = momentum_rates_of(p, lr_scale, decay);
#pragma omp for schedule(static)
    for (size_t chunk = begin; chunk < end; chunk += CHUNK)
        momentum_step(p, &rates, l1, p->grads + chunk, chunk, end - chunk < CHUNK ? end : chunk + CHUNK);
}

/* Forward in training mode. */
static void run_forward(const nt_pass *p, int update_statistics)
{
    const size_t n = (size_t)p->n;
    real *const a = p->arena, *const w = p->params;
    real *const d = p->grads;
    (void)d;
    real *const f = a + n * T_SAMPLE;
    (void)f;
    (void)w;

    (void)update_statistics;
    nt_clear_border((int)n, a + n * T10_INPUT + 66, 1024, 32, 1, 28, 28, 2, 2, 2, 2);
    load_input((int)n, p->input, a + n * T10_INPUT + 66);
    nt_lap(p, 0);
    c1_forward((int)n, a + n * T10_INPUT, w + P_C1_WEIGHT, w + P_C1_BIAS, a + n * T13_C1_TANH);
    nt_lap(p, 1);
    s2_forward((int)n, a + n * T13_C1_TANH, a + n * T14_S2);
    nt_lap(p, 2);
    c3_forward((int)n, a + n * T14_S2, w + P_C3_WEIGHT, w + P_C3_BIAS, a + n * T17_C3_TANH);
    nt_lap(p, 3);
    s4_forward((int)n, a + n * T17_C3_TANH, a + n * T18_S4);
    nt_lap(p, 4);
    c5_forward((int)n, a + n * T18_S4, w + P_C5_WEIGHT, w + P_C5_BIAS, a + n * T21_C5_TANH);
    nt_lap(p, 5);
    f6_forward((int)n, a + n * T21_C5_TANH, w + P_F6_WEIGHT, w + P_F6_BIAS, a + n * T24_F6_TANH);
    nt_lap(p, 6);
    out_forward((int)n, a + n * T24_F6_TANH, w + P_OUT_WEIGHT, w + P_OUT_BIAS, a + n * T26_OUT);
    nt_lap(p, 7);
}

/* Each head's loss and the gradient to it. */
static void run_losses(const nt_pass *p)
{
    const size_t n = (size_t)p->n;
    real *const a = p->arena, *const w = p->params;
    real *const d = p->grads;
    (void)d;
    real *const f = a + n * T_SAMPLE;
    (void)f;
    (void)w;

    out_cross_entropy((int)n, a + n * T26_OUT, p->labels, p->targets, p->loss_sample, a + n * T27_D_OUT);
    nt_lap(p, 8);
}

/* Forward at inference: running statistics, no dropout. */
static void infer(nt_pass *p)
{
    const size_t n = (size_t)p->n;
    real *const a = p->arena, *const w = p->params;
    real *const f = a + n * I_SAMPLE;
    (void)f;
    (void)w;

    nt_clear_border((int)n, a + n * I10_INPUT + 66, 1024, 32, 1, 28, 28, 2, 2, 2, 2);
    load_input((int)n, p->input, a + n * I10_INPUT + 66);
    nt_lap(p, 21);
    c1_forward((int)n, a + n * I10_INPUT, w + P_C1_WEIGHT, w + P_C1_BIAS, a + n * I13_C1_TANH);
    nt_lap(p, 22);
    s2_forward((int)n, a + n * I13_C1_TANH, a + n * I14_S2);
    nt_lap(p, 23);
    c3_forward((int)n, a + n * I14_S2, w + P_C3_WEIGHT, w + P_C3_BIAS, a + n * I17_C3_TANH);
    nt_lap(p, 24);
    s4_forward((int)n, a + n * I17_C3_TANH, a + n * I18_S4);
    nt_lap(p, 25);
    c5_forward((int)n, a + n * I18_S4, w + P_C5_WEIGHT, w + P_C5_BIAS, a + n * I21_C5_TANH);
    nt_lap(p, 26);
    f6_forward((int)n, a + n * I21_C5_TANH, w + P_F6_WEIGHT, w + P_F6_BIAS, a + n * I24_F6_TANH);
    nt_lap(p, 27);
    out_forward((int)n, a + n * I24_F6_TANH, w + P_OUT_WEIGHT, w + P_OUT_BIAS, a + n * I26_OUT);
    nt_lap(p, 28);
}

/* One step of the optimizer. */
static void update(nt_pass *p)
{
    momentum(p, 0, 62512, 1.0, 0.0, 0.0);
    nt_lap(p, 29);
    momentum(p, 62512, 62784, 1.0, 0.0, 0.0);
    nt_lap(p, 30);
}

/* The loss alone: running statistics stay as they are. */
static void loss(nt_pass *p)
{
    run_forward(p, 0);
    nt_clear_losses(p);
    run_losses(p);
}

/* Forward, losses, backward. */
static void train(nt_pass *p)
{
    run_forward(p, 1);
    nt_clear_losses(p);
    run_losses(p);
    run_backward(p);
}

/* The same with the gradient of the input. */
static void gradient(nt_pass *p)
{
    loss(p);
    run_backward(p);
    run_input_gradient(p);
}

static const nt_cost costs[] = {
    {.phase = NT_FORWARD, .layer = "input", .what = "load", .shape = "28x28x1",
     .how = "",
     .bytes_sample = 6272.0,
    },
    {.phase = NT_FORWARD, .layer = "c1", .what = "conv + bias + tanh", .shape = "28x28x1 -> 28x28x6",
     .how = "implicit GEMM, direct, tile 8x8, blocks of 256 pixels and 25 of 25 products",
     .macs = 1.176e+05,
     .bytes_sample = 21952.0,
     .bytes_fixed = 896.0,
    },
    {.phase = NT_FORWARD, .layer = "s2", .what = "avgpool", .shape = "28x28x6 -> 14x14x6",
     .how = "",
     .bytes_sample = 2.352e+04,
    },
    {.phase = NT_FORWARD, .layer = "c3", .what = "conv + bias + tanh", .shape = "14x14x6 -> 10x10x16",
     .how = "implicit GEMM, direct, tile 6x16, blocks of 192 pixels and 150 of 150 products",
     .macs = 2.4e+05,
     .bytes_sample = 11104.0,
     .bytes_fixed = 9664.0,
    },
    {.phase = NT_FORWARD, .layer = "s4", .what = "avgpool", .shape = "10x10x16 -> 5x5x16",
     .how = "",
     .bytes_sample = 8e+03,
    },
    {.phase = NT_FORWARD, .layer = "c5", .what = "conv + bias + tanh", .shape = "5x5x16 -> 1x1x120",
     .how = "implicit GEMM, direct, tile 6x16, blocks of 192 pixels and 200 of 400 products",
     .macs = 4.8e+04,
     .bytes_sample = 2.08e+03,
     .bytes_fixed = 192512.0,
    },
    {.phase = NT_FORWARD, .layer = "f6", .what = "conv + bias + tanh", .shape = "1x1x120 -> 84",
     .how = "implicit GEMM, direct, tile 6x16, blocks of 192 pixels and 120 of 120 products",
     .macs = 1.008e+04,
     .bytes_sample = 816.0,
     .bytes_fixed = 42624.0,
    },
    {.phase = NT_FORWARD, .layer = "out", .what = "conv + bias", .shape = "84 -> 10",
     .how = "implicit GEMM, direct, tile 6x16, blocks of 192 pixels and 84 of 84 products",
     .macs = 8.4e+02,
     .bytes_sample = 376.0,
     .bytes_fixed = 5.44e+03,
    },
    {.phase = NT_LOSS, .layer = "out", .what = "cross_entropy", .shape = "84 -> 10",
     .how = "",
     .bytes_sample = 8e+01,
    },
    {.phase = NT_BACKWARD, .layer = "out", .what = "conv_dw", .shape = "84 -> 10",
     .how = "implicit GEMM, tile 6x16, blocks of 32 pixels, 1 chunk",
     .macs = 8.4e+02,
     .bytes_sample = 376.0,
     .bytes_fixed = 5.44e+03,
    },
    {.phase = NT_BACKWARD, .layer = "out", .what = "conv_dx + tanh_dx", .shape = "84 -> 10",
     .how = "weights as they lie, dy turned, tile 6x16, 4 panels at a time, blocks of 32 samples and 6 x 8 inputs",
     .macs = 8.4e+02,
     .bytes_sample = 712.0,
     .bytes_fixed = 5376.0,
    },
    {.phase = NT_BACKWARD, .layer = "f6", .what = "conv_dw", .shape = "1x1x120 -> 84",
     .how = "implicit GEMM, tile 6x16, blocks of 32 pixels, 1 chunk",
     .macs = 1.008e+04,
     .bytes_sample = 816.0,
     .bytes_fixed = 42624.0,
    },
    {.phase = NT_BACKWARD, .layer = "f6", .what = "conv_dx + tanh_dx", .shape = "1x1x120 -> 84",
     .how = "weights as they lie, dy turned, tile 6x16, 4 panels at a time, blocks of 32 samples and 8 x 8 inputs",
     .macs = 1.008e+04,
     .bytes_sample = 1296.0,
     .bytes_fixed = 4.224e+04,
    },
    {.phase = NT_BACKWARD, .layer = "c5", .what = "conv_dw", .shape = "5x5x16 -> 1x1x120",
     .how = "implicit GEMM, tile 6x16, blocks of 32 pixels, 1 chunk",
     .macs = 4.8e+04,
     .bytes_sample = 2.08e+03,
     .bytes_fixed = 192512.0,
    },
    {.phase = NT_BACKWARD, .layer = "c5", .what = "conv_dx", .shape = "5x5x16 -> 1x1x120",
     .how = "weights as they lie, dy turned, tile 6x16, 4 panels at a time, blocks of 32 samples and 9 x 8 inputs",
     .macs = 4.8e+04,
     .bytes_sample = 2.08e+03,
     .bytes_fixed = 1.92e+05,
    },
    {.phase = NT_BACKWARD, .layer = "s4", .what = "avgpool_dx + tanh_dx", .shape = "10x10x16 -> 5x5x16",
     .how = "",
     .bytes_sample = 1.44e+04,
    },
    {.phase = NT_BACKWARD, .layer = "c3", .what = "conv_dw", .shape = "14x14x6 -> 10x10x16",
     .how = "implicit GEMM, tile 6x16, blocks of 178 pixels, 2 chunks",
     .macs = 2.4e+05,
     .bytes_sample = 11104.0,
     .bytes_fixed = 9664.0,
    },
    {.phase = NT_BACKWARD, .layer = "c3", .what = "conv_dx", .shape = "14x14x6 -> 10x10x16",
     .how = "each pixel spread over its window, direct, tile 10x8",
     .macs = 2.4e+05,
     .bytes_sample = 11104.0,
     .bytes_fixed = 9.6e+03,
    },
    {.phase = NT_BACKWARD, .layer = "s2", .what = "avgpool_dx + tanh_dx", .shape = "28x28x6 -> 14x14x6",
     .how = "",
     .bytes_sample = 42336.0,
    },
    {.phase = NT_BACKWARD, .layer = "c1", .what = "conv_dw", .shape = "28x28x1 -> 28x28x6",
     .how = "implicit GEMM, tile 8x8, blocks of 185 pixels, 8 chunks",
     .macs = 1.176e+05,
     .bytes_sample = 21952.0,
     .bytes_fixed = 896.0,
    },
    {.phase = NT_INPUT_GRADIENT, .layer = "c1", .what = "conv_dx", .shape = "28x28x1 -> 28x28x6",
     .how = "implicit GEMM, direct, tile 8x8, blocks of 256 pixels and 150 of 150 products",
     .macs = 1.176e+05,
     .bytes_sample = 21952.0,
     .bytes_fixed = 832.0,
    },
    {.phase = NT_INFERENCE, .layer = "input", .what = "load", .shape = "28x28x1",
     .how = "",
     .bytes_sample = 6272.0,
    },
    {.phase = NT_INFERENCE, .layer = "c1", .what = "conv + bias + tanh", .shape = "28x28x1 -> 28x28x6",
     .how = "implicit GEMM, direct, tile 8x8, blocks of 256 pixels and 25 of 25 products",
     .macs = 1.176e+05,
     .bytes_sample = 21952.0,
     .bytes_fixed = 896.0,
    },
    {.phase = NT_INFERENCE, .layer = "s2", .what = "avgpool", .shape = "28x28x6 -> 14x14x6",
     .how = "",
     .bytes_sample = 2.352e+04,
    },
    {.phase = NT_INFERENCE, .layer = "c3", .what = "conv + bias + tanh", .shape = "14x14x6 -> 10x10x16",
     .how = "implicit GEMM, direct, tile 6x16, blocks of 192 pixels and 150 of 150 products",
     .macs = 2.4e+05,
     .bytes_sample = 11104.0,
     .bytes_fixed = 9664.0,
    },
    {.phase = NT_INFERENCE, .layer = "s4", .what = "avgpool", .shape = "10x10x16 -> 5x5x16",
     .how = "",
     .bytes_sample = 8e+03,
    },
    {.phase = NT_INFERENCE, .layer = "c5", .what = "conv + bias + tanh", .shape = "5x5x16 -> 1x1x120",
     .how = "implicit GEMM, direct, tile 6x16, blocks of 192 pixels and 200 of 400 products",
     .macs = 4.8e+04,
     .bytes_sample = 2.08e+03,
     .bytes_fixed = 192512.0,
    },
    {.phase = NT_INFERENCE, .layer = "f6", .what = "conv + bias + tanh", .shape = "1x1x120 -> 84",
     .how = "implicit GEMM, direct, tile 6x16, blocks of 192 pixels and 120 of 120 products",
     .macs = 1.008e+04,
     .bytes_sample = 816.0,
     .bytes_fixed = 42624.0,
    },
    {.phase = NT_INFERENCE, .layer = "out", .what = "conv + bias", .shape = "84 -> 10",
     .how = "implicit GEMM, direct, tile 6x16, blocks of 192 pixels and 84 of 84 products",
     .macs = 8.4e+02,
     .bytes_sample = 376.0,
     .bytes_fixed = 5.44e+03,
    },
    {.phase = NT_UPDATE, .layer = "parameters that decay", .what = "nesterov", .shape = "",
     .how = "",
     .bytes_fixed = 1.25024e+06,
    },
    {.phase = NT_UPDATE, .layer = "other parameters", .what = "nesterov", .shape = "",
     .how = "",
     .bytes_fixed = 5.44e+03,
    },
};
static const nt_param params[] = {
    {.name = "c1.weight", .role = NT_WEIGHT, .layout = NT_PANELS, .disk_dims = {6, 1, 5, 5}, .n_disk_dims = 4,
     .out = 6, .in = 1, .kh = 5, .kw = 5, .groups = 1, .panel = 8, .out_padded = 8,
     .offset = P_C1_WEIGHT, .elements = 208, .init = NT_INIT_NORMAL, .init_a = 0.2, .init_stream = 0,
     .decay = 1.0, .lr_scale = 1.0, .frozen = 0},
    {.name = "c1.bias", .role = NT_BIAS, .layout = NT_VECTOR, .disk_dims = {6}, .n_disk_dims = 1,
     .out = 6, .in = 1, .kh = 1, .kw = 1, .groups = 1, .panel = 1, .out_padded = 8,
     .offset = P_C1_BIAS, .elements = 16, .init = NT_INIT_CONSTANT, .init_a = 0.0, .init_stream = 1,
     .decay = 0.0, .lr_scale = 1.0, .frozen = 0},
    {.name = "c3.weight", .role = NT_WEIGHT, .layout = NT_PANELS, .disk_dims = {16, 6, 5, 5}, .n_disk_dims = 4,
     .out = 16, .in = 6, .kh = 5, .kw = 5, .groups = 1, .panel = 16, .out_padded = 16,
     .offset = P_C3_WEIGHT, .elements = 2400, .init = NT_INIT_NORMAL, .init_a = 0.08164965809277261, .init_stream = 2,
     .decay = 1.0, .lr_scale = 1.0, .frozen = 0},
    {.name = "c3.bias", .role = NT_BIAS, .layout = NT_VECTOR, .disk_dims = {16}, .n_disk_dims = 1,
     .out = 16, .in = 1, .kh = 1, .kw = 1, .groups = 1, .panel = 1, .out_padded = 16,
     .offset = P_C3_BIAS, .elements = 16, .init = NT_INIT_CONSTANT, .init_a = 0.0, .init_stream = 3,
     .decay = 0.0, .lr_scale = 1.0, .frozen = 0},
    {.name = "c5.weight", .role = NT_WEIGHT, .layout = NT_PANELS, .disk_dims = {120, 16, 5, 5}, .n_disk_dims = 4,
     .out = 120, .in = 16, .kh = 5, .kw = 5, .groups = 1, .panel = 16, .out_padded = 120,
     .offset = P_C5_WEIGHT, .elements = 48000, .init = NT_INIT_NORMAL, .init_a = 0.05, .init_stream = 4,
     .decay = 1.0, .lr_scale = 1.0, .frozen = 0},
    {.name = "c5.bias", .role = NT_BIAS, .layout = NT_VECTOR, .disk_dims = {120}, .n_disk_dims = 1,
     .out = 120, .in = 1, .kh = 1, .kw = 1, .groups = 1, .panel = 1, .out_padded = 120,
     .offset = P_C5_BIAS, .elements = 128, .init = NT_INIT_CONSTANT, .init_a = 0.0, .init_stream = 5,
     .decay = 0.0, .lr_scale = 1.0, .frozen = 0},
    {.name = "f6.weight", .role = NT_WEIGHT, .layout = NT_PANELS, .disk_dims = {84, 120}, .n_disk_dims = 2,
     .out = 84, .in = 120, .kh = 1, .kw = 1, .groups = 1, .panel = 16, .out_padded = 88,
     .offset = P_F6_WEIGHT, .elements = 10560, .init = NT_INIT_NORMAL, .init_a = 0.09128709291752768, .init_stream = 6,
     .decay = 1.0, .lr_scale = 1.0, .frozen = 0},
    {.name = "f6.bias", .role = NT_BIAS, .layout = NT_VECTOR, .disk_dims = {84}, .n_disk_dims = 1,
     .out = 84, .in = 1, .kh = 1, .kw = 1, .groups = 1, .panel = 1, .out_padded = 88,
     .offset = P_F6_BIAS, .elements = 96, .init = NT_INIT_CONSTANT, .init_a = 0.0, .init_stream = 7,
     .decay = 0.0, .lr_scale = 1.0, .frozen = 0},
    {.name = "out.weight", .role = NT_WEIGHT, .layout = NT_PANELS, .disk_dims = {10, 84}, .n_disk_dims = 2,
     .out = 10, .in = 84, .kh = 1, .kw = 1, .groups = 1, .panel = 16, .out_padded = 16,
     .offset = P_OUT_WEIGHT, .elements = 1344, .init = NT_INIT_NORMAL, .init_a = 0.10910894511799618, .init_stream = 8,
     .decay = 1.0, .lr_scale = 1.0, .frozen = 0},
    {.name = "out.bias", .role = NT_BIAS, .layout = NT_VECTOR, .disk_dims = {10}, .n_disk_dims = 1,
     .out = 10, .in = 1, .kh = 1, .kw = 1, .groups = 1, .panel = 1, .out_padded = 16,
     .offset = P_OUT_BIAS, .elements = 16, .init = NT_INIT_CONSTANT, .init_a = 0.0, .init_stream = 9,
     .decay = 0.0, .lr_scale = 1.0, .frozen = 0},
};

static const nt_head heads[] = {
    {.name = "out", .h = 1, .w = 1, .c = 10, .offset = T26_OUT, .infer_offset = I26_OUT,
     .stride_sample = 16, .stride_row = 16, .stride_pixel = 16, .loss = 0, .output = NT_OUTPUT_VALUES},
};

static const nt_loss losses[] = {
    {.kind = NT_LOSS_CROSS_ENTROPY, .head = 0, .weight = 1.0, .parameter = 0.0},
};

static const nt_augment augment[] = {
    {.kind = NT_AUG_SHIFT, .pixels = 1, .amount = 0.0, .sigma = 0.0},
};
static const nt_data_config data_config = {
    .source = NT_SOURCE_IDX,
    .path = "data/mnist",
    .validation_share = 0.1, .validation_count = 0,
    .normalize = NT_NORM_STANDARDIZE, .norm_scale = 0.0, .given_mean = NULL, .given_std = NULL, .n_given = 0,
    .augment = augment, .n_augment = 1,
    .classes = NULL, .n_classes = 0,
};

static const nt_train_config train_config = {
    .optimizer = "nesterov", .lr = 0.05, .momentum = 0.9, .weight_decay = 0.0, .l1 = 0.0,
    .schedule = {.kind = NT_SCHEDULE_COSINE, .final = 0.0, .per = NT_STEPS},
    .momentum_schedule = {.kind = NT_SCHEDULE_CONSTANT},
    .batch = 32, .epochs = 10,
    .clip = {.kind = NT_CLIP_NONE},
    .gradient_noise = {.kind = NT_NOISE_NONE},
    .disturb_label = 0.0, .seed = 1u,
    .metric_accuracy = 1, .top_k = 0,
};

static const char *const layer_names[] = {
    "c1.tanh",
    "s2",
    "c3.tanh",
    "s4",
    "c5.tanh",
    "f6.tanh",
    "out",
};
static const size_t layer_offsets[] = {
    T13_C1_TANH,
    T14_S2,
    T17_C3_TANH,
    T18_S4,
    T21_C5_TANH,
    T24_F6_TANH,
    T26_OUT,
};
static const size_t layer_elements[] = {
    6272,
    1568,
    1600,
    400,
    128,
    96,
    16,
};

static const nt_watched watched[] = {
    {.layer = "c1", .what = "conv + tanh", .acted = "tanh",
     .result = {.step = 1, .h = 28, .w = 28, .c = 6, .offset = T13_C1_TANH, .inside = 0, .stride_sample = 6272, .stride_row = 224, .stride_pixel = 8},
     .gradient_of = "c1",
     .gradient = {.step = 18, .h = 28, .w = 28, .c = 6, .offset = T45_D_C1, .inside = 528, .stride_sample = 8192, .stride_row = 256, .stride_pixel = 8},
    },
    {.layer = "s2", .what = "avgpool", .acted = "avgpool",
     .result = {.step = 2, .h = 14, .w = 14, .c = 6, .offset = T14_S2, .inside = 0, .stride_sample = 1568, .stride_row = 112, .stride_pixel = 8},
     .gradient_of = "s2",
     .gradient = {.step = 17, .h = 14, .w = 14, .c = 6, .offset = T43_D_S2, .inside = 0, .stride_sample = 1568, .stride_row = 112, .stride_pixel = 8},
    },
    {.layer = "c3", .what = "conv + tanh", .acted = "tanh",
     .result = {.step = 3, .h = 10, .w = 10, .c = 16, .offset = T17_C3_TANH, .inside = 0, .stride_sample = 1600, .stride_row = 160, .stride_pixel = 16},
     .gradient_of = "c3",
     .gradient = {.step = 15, .h = 10, .w = 10, .c = 16, .offset = T40_D_C3, .inside = 0, .stride_sample = 1600, .stride_row = 160, .stride_pixel = 16},
    },
    {.layer = "s4", .what = "avgpool", .acted = "avgpool",
     .result = {.step = 4, .h = 5, .w = 5, .c = 16, .offset = T18_S4, .inside = 0, .stride_sample = 400, .stride_row = 80, .stride_pixel = 16},
     .gradient_of = "s4",
     .gradient = {.step = 14, .h = 5, .w = 5, .c = 16, .offset = T38_D_S4, .inside = 0, .stride_sample = 400, .stride_row = 80, .stride_pixel = 16},
    },
    {.layer = "c5", .what = "conv + tanh", .acted = "tanh",
     .result = {.step = 5, .h = 1, .w = 1, .c = 120, .offset = T21_C5_TANH, .inside = 0, .stride_sample = 128, .stride_row = 120, .stride_pixel = 120},
     .gradient_of = "c5",
     .gradient = {.step = 12, .h = 1, .w = 1, .c = 120, .offset = T35_D_C5, .inside = 0, .stride_sample = 128, .stride_row = 120, .stride_pixel = 120},
    },
    {.layer = "f6", .what = "dense + tanh", .acted = "tanh",
     .result = {.step = 6, .h = 1, .w = 1, .c = 84, .offset = T24_F6_TANH, .inside = 0, .stride_sample = 96, .stride_row = 88, .stride_pixel = 88},
     .gradient_of = "f6",
     .gradient = {.step = 10, .h = 1, .w = 1, .c = 84, .offset = T31_D_F6, .inside = 0, .stride_sample = 96, .stride_row = 88, .stride_pixel = 88},
    },
    {.layer = "out", .what = "dense", .acted = "bias",
     .result = {.step = 7, .h = 1, .w = 1, .c = 10, .offset = T26_OUT, .inside = 0, .stride_sample = 16, .stride_row = 16, .stride_pixel = 16},
     .gradient_of = "out",
     .gradient = {.step = 8, .h = 1, .w = 1, .c = 10, .offset = T27_D_OUT, .inside = 0, .stride_sample = 16, .stride_row = 16, .stride_pixel = 16},
    },
};

const nt_model MODEL = {
    .abi = NT_ABI, .name = "lenet5", .file = "lenet5.net", .target = "avx2", .hash = "4a983d8fca3af4ab",
    .input_h = 28, .input_w = 28, .input_c = 1,
    .params = params, .n_params = 10, .trainable_elements = P_TRAINABLE, .params_elements = P_ALL, .state_slots = 1,
    .gradient_elements = 62784, .n_squares = 0,
    .arena_sample = T_SAMPLE, .arena_fixed = T_FIXED, .infer_sample = I_SAMPLE, .infer_fixed = I_FIXED,
    .most_samples = 2739053,
    .heads = heads, .n_heads = 1, .losses = losses, .n_losses = 1,
    .parameters = 61706, .macs_forward = 4.1652e+05, .flops_step = 2.26392e+06,
    .input_grad = T48_D_INPUT, .input_grad_stride_sample = 6272, .input_grad_stride_row = 224,
    .input_grad_stride_pixel = 8,
    .train = train, .gradient = gradient, .loss = loss, .update = update, .infer = infer,
    .layer_names = layer_names, .layer_offsets = layer_offsets, .layer_elements = layer_elements, .n_layers = 7,
    .costs = costs, .n_costs = 31, .fma = nt_fma,
    .watched = watched, .n_watched = 7,
    .data = &data_config, .train_config = &train_config,
};
