/* spiral - 2 -> 3. Made by netc from spiral.net for avx2; do not edit. */
#include "spiral_memory.h"

#include <math.h>

/* input: 2, dense, into the input tensor */
static void load_input(int n, const real *restrict input, real *restrict x)
{
    enum { H = 1, W = 1, C = 2, P = 2, X_S = 16, X_R = 2 };
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
    enum { OUT_H = 1, OUT_W = 1, IN_S = 16, IN_R = 2, IN_P = 2, MR = 6 };
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

/* hidden: conv + bias + relu   2 -> 100   0.2 kMAC   spiral.net:6
 * also: hidden_infer */
static void hidden_forward(int n, const real *restrict x, const real *restrict w, const real *restrict bias, real *restrict result)
{
    enum { OUT_H = 1, OUT_W = 1, IN_G = 0, GROUPS = 1, TAPS = 1, RUN = 2, CO = 104, NR = 16, MR = 6, MB = 192,
           KB = 2 };
    static const int TAP[] = {0};
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
                    if (width != NR)
                        next = i + igemm_next_last(count - i, begin, group_x, at + i, part, TAP + tap, tap_end - tap, r, r_end,
                                               ahead, lines, tile_sums);
                    else
                        next = i + igemm_next(count - i, begin, group_x, at + i, part, TAP + tap, tap_end - tap, r, r_end,
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
                            const vf v3 = v_max(v_zero(), v2);
                            const size_t place = (size_t)(sample) * 112 + (size_t)(group * CO + channel + j);
                            v_store(result + place, v3);
                        }
                        /* memory takes as long as some tiles; past a row's end these are lines a border's width before the next row's */
                        for (int j = 0; j < NR && j < width; j += NT_LINE) {
                            const size_t place = (size_t)(sample) * 112 + (size_t)(group * CO + channel + j);
                            nt_prefetch_far(result, (ptrdiff_t)place);
                        }
                        igemm_step(&sample, &row, &column);
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
    enum { OUT_H = 1, OUT_W = 1, IN_S = 112, IN_R = 104, IN_P = 104, MR = 8 };
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

/* out: conv + bias   100 -> 3   0.3 kMAC   spiral.net:7
 * also: out_infer */
static void out_forward(int n, const real *restrict x, const real *restrict w, const real *restrict bias, real *restrict result)
{
    enum { OUT_H = 1, OUT_W = 1, IN_G = 0, GROUPS = 1, TAPS = 1, RUN = 100, CO = 8, NR = 8, MR = 8, MB = 256,
           KB = 100 };
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
                                const size_t place = (size_t)(n_ahead) * 16 + (size_t)(group * CO + channel + j);
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
                            const size_t place = (size_t)(sample) * 16 + (size_t)(group * CO + channel + j);
                            v_store(result + place, v2);
                        }
                        igemm_step(&sample, &row, &column);
                    }
                }
            }
        }
    }
}

/* VL values from channel `c` on, with `other` in the lanes beyond the last channel. */
static inline vf cross_entropy_masked(vf v, int c, vf other)
{
    enum { C = 3 };
    return c + VL <= C ? v : v_select(v_lt(v_iota(), v_set1((real)(C - c))), v, other);
}

/* VL targets d from channel `c` on: of a dense vector, or, without one, of a label. */
static inline vf cross_entropy_target(const real *target, int label, int c)
{
    enum { C = 3 };
    if (target)
        return c + VL <= C ? v_load(target + c) : v_load_n(target + c, C - c);
    return v_select(v_eq(v_iota(), v_set1((real)(label - c))), v_set1(1), v_zero());
}

/* out: cross_entropy   3 -> 3   spiral.net:7 */
static void out_cross_entropy(int n, const real *restrict x, const int32_t *restrict labels, const real *restrict targets,
                   real *restrict loss_sample, real *restrict result)
{
    enum { H = 1, W = 1, C = 3, CP = 8, X_S = 16, X_R = 8, X_P = 8, WITH_GRAD = 1 };
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
    enum { NESTEROV = 0 };
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

/* momentum: one step over a range of the parameters */
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
    load_input((int)n, p->input, a + n * T4_INPUT);
    nt_lap(p, 0);
    hidden_forward((int)n, a + n * T4_INPUT, w + P_HIDDEN_WEIGHT, w + P_HIDDEN_BIAS, a + n * T7_HIDDEN_RELU);
    nt_lap(p, 1);
    out_forward((int)n, a + n * T7_HIDDEN_RELU, w + P_OUT_WEIGHT, w + P_OUT_BIAS, a + n * T9_OUT);
    nt_lap(p, 2);
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

    out_cross_entropy((int)n, a + n * T9_OUT, p->labels, p->targets, p->loss_sample, a + n * T10_D_OUT);
    nt_lap(p, 3);
}

/* Forward at inference: running statistics, no dropout. */
static void infer(nt_pass *p)
{
    const size_t n = (size_t)p->n;
    real *const a = p->arena, *const w = p->params;
    real *const f = a + n * I_SAMPLE;
    (void)f;
    (void)w;

    load_input((int)n, p->input, a + n * I4_INPUT);
    nt_lap(p, 8);
    hidden_forward((int)n, a + n * I4_INPUT, w + P_HIDDEN_WEIGHT, w + P_HIDDEN_BIAS, a + n * I7_HIDDEN_RELU);
    nt_lap(p, 9);
    out_forward((int)n, a + n * I7_HIDDEN_RELU, w + P_OUT_WEIGHT, w + P_OUT_BIAS, a + n * I9_OUT);
    nt_lap(p, 10);
}

/* One step of the optimizer. */
static void update(nt_pass *p)
{
    momentum(p, 0, 1008, 1.0, 0.0001, 0.0);
    nt_lap(p, 11);
    momentum(p, 1008, 1136, 1.0, 0.0, 0.0);
    nt_lap(p, 12);
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
    {.phase = NT_FORWARD, .layer = "input", .what = "load", .shape = "2",
     .how = "",
     .bytes_sample = 16.0,
    },
    {.phase = NT_FORWARD, .layer = "hidden", .what = "conv + bias + relu", .shape = "2 -> 100",
     .how = "implicit GEMM, direct, tile 6x16, blocks of 192 pixels and 2 of 2 products",
     .macs = 2e+02,
     .bytes_sample = 408.0,
     .bytes_fixed = 1.28e+03,
    },
    {.phase = NT_FORWARD, .layer = "out", .what = "conv + bias", .shape = "100 -> 3",
     .how = "implicit GEMM, direct, tile 8x8, blocks of 256 pixels and 100 of 100 products",
     .macs = 3e+02,
     .bytes_sample = 412.0,
     .bytes_fixed = 3264.0,
    },
    {.phase = NT_LOSS, .layer = "out", .what = "cross_entropy", .shape = "100 -> 3",
     .how = "",
     .bytes_sample = 24.0,
    },
    {.phase = NT_BACKWARD, .layer = "out", .what = "conv_dw", .shape = "100 -> 3",
     .how = "implicit GEMM, tile 8x8, blocks of 32 pixels, 1 chunk",
     .macs = 3e+02,
     .bytes_sample = 412.0,
     .bytes_fixed = 3264.0,
    },
    {.phase = NT_BACKWARD, .layer = "out", .what = "conv_dx + relu_dx", .shape = "100 -> 3",
     .how = "weights as they lie, dy turned, tile 6x16, 4 panels at a time, blocks of 32 samples and 7 x 8 inputs",
     .macs = 3e+02,
     .bytes_sample = 812.0,
     .bytes_fixed = 3.2e+03,
    },
    {.phase = NT_BACKWARD, .layer = "hidden", .what = "conv_dw", .shape = "2 -> 100",
     .how = "implicit GEMM, tile 6x16, blocks of 32 pixels, 1 chunk",
     .macs = 2e+02,
     .bytes_sample = 408.0,
     .bytes_fixed = 1.28e+03,
    },
    {.phase = NT_INPUT_GRADIENT, .layer = "hidden", .what = "conv_dx", .shape = "2 -> 100",
     .how = "weights as they lie, dy turned, tile 6x16, 4 panels at a time, blocks of 32 samples and 1 x 8 inputs",
     .macs = 2e+02,
     .bytes_sample = 408.0,
     .bytes_fixed = 832.0,
    },
    {.phase = NT_INFERENCE, .layer = "input", .what = "load", .shape = "2",
     .how = "",
     .bytes_sample = 16.0,
    },
    {.phase = NT_INFERENCE, .layer = "hidden", .what = "conv + bias + relu", .shape = "2 -> 100",
     .how = "implicit GEMM, direct, tile 6x16, blocks of 192 pixels and 2 of 2 products",
     .macs = 2e+02,
     .bytes_sample = 408.0,
     .bytes_fixed = 1.28e+03,
    },
    {.phase = NT_INFERENCE, .layer = "out", .what = "conv + bias", .shape = "100 -> 3",
     .how = "implicit GEMM, direct, tile 8x8, blocks of 256 pixels and 100 of 100 products",
     .macs = 3e+02,
     .bytes_sample = 412.0,
     .bytes_fixed = 3264.0,
    },
    {.phase = NT_UPDATE, .layer = "parameters that decay", .what = "momentum", .shape = "",
     .how = "",
     .bytes_fixed = 2.016e+04,
    },
    {.phase = NT_UPDATE, .layer = "other parameters", .what = "momentum", .shape = "",
     .how = "",
     .bytes_fixed = 2.56e+03,
    },
};
static const nt_param params[] = {
    {.name = "hidden.weight", .role = NT_WEIGHT, .layout = NT_PANELS, .disk_dims = {100, 2}, .n_disk_dims = 2,
     .out = 100, .in = 2, .kh = 1, .kw = 1, .groups = 1, .panel = 16, .out_padded = 104,
     .offset = P_HIDDEN_WEIGHT, .elements = 208, .init = NT_INIT_NORMAL, .init_a = 1.0, .init_stream = 0,
     .decay = 1.0, .lr_scale = 1.0, .frozen = 0},
    {.name = "hidden.bias", .role = NT_BIAS, .layout = NT_VECTOR, .disk_dims = {100}, .n_disk_dims = 1,
     .out = 100, .in = 1, .kh = 1, .kw = 1, .groups = 1, .panel = 1, .out_padded = 104,
     .offset = P_HIDDEN_BIAS, .elements = 112, .init = NT_INIT_CONSTANT, .init_a = 0.0, .init_stream = 1,
     .decay = 0.0, .lr_scale = 1.0, .frozen = 0},
    {.name = "out.weight", .role = NT_WEIGHT, .layout = NT_PANELS, .disk_dims = {3, 100}, .n_disk_dims = 2,
     .out = 3, .in = 100, .kh = 1, .kw = 1, .groups = 1, .panel = 8, .out_padded = 8,
     .offset = P_OUT_WEIGHT, .elements = 800, .init = NT_INIT_NORMAL, .init_a = 0.1414213562373095, .init_stream = 2,
     .decay = 1.0, .lr_scale = 1.0, .frozen = 0},
    {.name = "out.bias", .role = NT_BIAS, .layout = NT_VECTOR, .disk_dims = {3}, .n_disk_dims = 1,
     .out = 3, .in = 1, .kh = 1, .kw = 1, .groups = 1, .panel = 1, .out_padded = 8,
     .offset = P_OUT_BIAS, .elements = 16, .init = NT_INIT_CONSTANT, .init_a = 0.0, .init_stream = 3,
     .decay = 0.0, .lr_scale = 1.0, .frozen = 0},
};

static const nt_head heads[] = {
    {.name = "out", .h = 1, .w = 1, .c = 3, .offset = T9_OUT, .infer_offset = I9_OUT,
     .stride_sample = 16, .stride_row = 8, .stride_pixel = 8, .loss = 0, .output = NT_OUTPUT_VALUES},
};

static const nt_loss losses[] = {
    {.kind = NT_LOSS_CROSS_ENTROPY, .head = 0, .weight = 1.0, .parameter = 0.0},
};

static const nt_data_config data_config = {
    .source = NT_SOURCE_SPIRAL,
    .spiral_classes = 3, .spiral_points = 100, .spiral_noise = 0.2,
    .validation_share = 0.0, .validation_count = 0,
    .normalize = NT_NORM_NONE, .norm_scale = 0.0, .given_mean = NULL, .given_std = NULL, .n_given = 0,
    .augment = NULL, .n_augment = 0,
    .classes = NULL, .n_classes = 0,
};

static const nt_train_config train_config = {
    .optimizer = "momentum", .lr = 0.1, .momentum = 0.9, .weight_decay = 0.0001, .l1 = 0.0,
    .schedule = {.kind = NT_SCHEDULE_CONSTANT},
    .momentum_schedule = {.kind = NT_SCHEDULE_CONSTANT},
    .batch = 32, .epochs = 200,
    .clip = {.kind = NT_CLIP_NONE},
    .gradient_noise = {.kind = NT_NOISE_NONE},
    .disturb_label = 0.0, .seed = 1u,
    .metric_accuracy = 1, .top_k = 0,
};

static const char *const layer_names[] = {
    "hidden.relu",
    "out",
};
static const size_t layer_offsets[] = {
    T7_HIDDEN_RELU,
    T9_OUT,
};
static const size_t layer_elements[] = {
    112,
    16,
};

static const nt_watched watched[] = {
    {.layer = "hidden", .what = "dense + relu", .acted = "relu",
     .result = {.step = 1, .h = 1, .w = 1, .c = 100, .offset = T7_HIDDEN_RELU, .inside = 0, .stride_sample = 112, .stride_row = 104, .stride_pixel = 104},
     .gradient_of = "hidden",
     .gradient = {.step = 5, .h = 1, .w = 1, .c = 100, .offset = T14_D_HIDDEN, .inside = 0, .stride_sample = 112, .stride_row = 104, .stride_pixel = 104},
    },
    {.layer = "out", .what = "dense", .acted = "bias",
     .result = {.step = 2, .h = 1, .w = 1, .c = 3, .offset = T9_OUT, .inside = 0, .stride_sample = 16, .stride_row = 8, .stride_pixel = 8},
     .gradient_of = "out",
     .gradient = {.step = 3, .h = 1, .w = 1, .c = 3, .offset = T10_D_OUT, .inside = 0, .stride_sample = 16, .stride_row = 8, .stride_pixel = 8},
    },
};

const nt_model MODEL = {
    .abi = NT_ABI, .name = "spiral", .file = "spiral.net", .target = "avx2", .hash = "cc334c1c5858131a",
    .input_h = 1, .input_w = 1, .input_c = 2,
    .params = params, .n_params = 4, .trainable_elements = P_TRAINABLE, .params_elements = P_ALL, .state_slots = 1,
    .gradient_elements = 1136, .n_squares = 0,
    .arena_sample = T_SAMPLE, .arena_fixed = T_FIXED, .infer_sample = I_SAMPLE, .infer_fixed = I_FIXED,
    .most_samples = 85896724,
    .heads = heads, .n_heads = 1, .losses = losses, .n_losses = 1,
    .parameters = 603, .macs_forward = 5e+02, .flops_step = 2.6e+03,
    .input_grad = T17_D_INPUT, .input_grad_stride_sample = 16, .input_grad_stride_row = 8,
    .input_grad_stride_pixel = 8,
    .train = train, .gradient = gradient, .loss = loss, .update = update, .infer = infer,
    .layer_names = layer_names, .layer_offsets = layer_offsets, .layer_elements = layer_elements, .n_layers = 2,
    .costs = costs, .n_costs = 13, .fma = nt_fma,
    .watched = watched, .n_watched = 2,
    .data = &data_config, .train_config = &train_config,
};
