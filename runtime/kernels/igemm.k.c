/* igemm.k.c - the product of layers: convolution, its gradient to the input, dense layers and theirs, in one implicit
 * matrix product.
 *
 *   y[pixel][c] = sum over taps t and r < K_RUN of  x[window of the pixel + K_TAP[t] + r] * w[t*K_RUN + r][c]
 *
 * Nothing is copied: x is read where it lies. Output pixels are numbered flat over (sample, row, column),
 * m = (n*K_OUT_H + h)*K_OUT_W + w, so that tiles run on across rows and samples and small images leave no ragged ends.
 * The window of a pixel begins at
 *   x + n*K_IN_S + h*K_IN_R + w*K_IN_P + group*K_IN_G
 * where x points at the first element of the first window, halo included, and K_IN_R and K_IN_P include the stride.
 *
 *   convolution        K_TAPS = kh*kw, K_TAP[i*kw + j] = i*dilation*R + j*dilation*P, K_RUN = channels of a group.
 *                      Where pixels lie without gaps (P = channels, one group, no dilation), a kernel row is one tap:
 *                      K_TAPS = kh, K_RUN = kw*channels.
 *   gradient to input  one call for each stride phase, with x = dy and w and K_TAP as pack_dx.k.c tells.
 *   dense              K_OUT_H = K_OUT_W = 1, K_IN_S the sample stride, taps the contiguous runs of the input volume.
 *                      (A stride that is a multiple of 1024 elements puts all samples on the same few places of the
 *                      first-level cache; 16 elements more cure that.)
 *
 * w: for each group, panels of K_NR output channels, the last K_CO % K_NR wide if that is not 0; a panel is
 * K_TAPS*K_RUN rows of its width. K_CO (a group's output channels) and K_NR are multiples of VL.
 *
 * Work is split into items of about K_MB pixels and one panel. An item goes through k in parts of about K_KB rows,
 * whose share of the panel stays in the first-level cache, or in the second where it is large, while the item's pixels pass by;
 * partial sums wait in `sums`.
 * Parts are whole taps if these are short; of long taps they are slices, and all taps are done for one slice before the
 * next. Items of the same pixels follow each other, so their input stays in the second-level cache. Memory is asked in
 * time for what comes: during a part for the panel's next part, during all items of some pixels, evenly, for the next
 * pixels' input, and before a tile's last part for what its hook will touch. With K_STREAM a panel's next part is asked
 * for row by row: where it is large, or there are few tiles to fetch it, many lines at once would wait for each other. It is asked into
 * the first-level cache if a single tile reads it, else into the second, as the part in use would be pushed out while
 * other tiles read it again. With K_EARLY the hook's lines are asked for some tiles ahead. The register tile is K_MR pixels by K_NR
 * channels; the last pixels of a block are divided into tiles as equal as possible, as a tile of fewer pixels costs proportionally less.
 * Every output is summed from zero in that order of k, whatever n, the pixel's place and the number of threads.
 *
 * What lies between two tiles is to be little: while multiply-adds wait for each other a processor reads on, but only some 300 to 450
 * instructions far, and what that leaves of the next tile is all that it has to do meanwhile. Branches that it guesses wrong cost more. So
 * windows are found without any, and so are the hooks' places with K_FLAT.
 *
 * Hooks: K_STORE(v, n, h, w, c), once for each output vector; c counts over the groups' padded channels:
 * group*K_CO + first channel. K_AHEAD(n, h, w, c) before, for each line of the caches that K_STORE will touch. With K_FLAT n and h are 0
 * and w is the pixel's number.
 *
 * Choosing constants: tests/kernels/bench_igemm.c has the rules as C (choose_igemm). */
#include "../simd.h"
#ifndef K_OUT_H
#define K_OUT_H 8   /* output rows */
#define K_OUT_W 8   /* output columns */
#define K_IN_S 1600 /* elements between samples of x */
#define K_IN_R 160  /* ... output rows, times the stride */
#define K_IN_P 16   /* ... output columns, times the stride */
#define K_IN_G 0    /* ... groups */
#define K_GROUPS 1
#define K_TAPS 9
#define K_RUN 16
static const int K_TAP[] = {0, 16, 32, 160, 176, 192, 320, 336, 352};
#define K_CO 24      /* output channels of a group, padded */
#define K_NR 16      /* channels of a register tile */
#define K_LAST 8     /* K_CO % K_NR, the width of the last panel; not defined if it is 0 */
#define K_SHORT 1    /* defined where the rows of k are few */
#define K_EARLY 1    /* defined where they are so few that a tile is over before memory answers */
#define K_FLAT 1     /* defined where the hooks' tensors have no gaps between rows and samples, and at most one of them is read */
#define K_STREAM 1   /* defined where weights are asked for row by row: 1 if a block is one tile, else 2 */
#define K_MR 6       /* pixels of a register tile */
#define K_MB 48      /* pixels of a block of work, a multiple of K_MR */
#define K_KB 96      /* rows of k that pass at a time */
#define K_ARGS , real *restrict y
#define K_PASS , y
#define K_STORE(v, n, h, w, c) v_store(y + (((n)*K_OUT_H + (h)) * K_OUT_W + (w)) * K_GROUPS * K_CO + (c), v)
#define K_AHEAD(n, h, w, c) nt_prefetch_far(y, (((n)*K_OUT_H + (h)) * K_OUT_W + (w)) * K_GROUPS * K_CO + (c))
#endif
/* kernel { */

/* One register tile: `rows` pixels, whose windows begin at x + at[i], by `vectors` vectors of channels, over some taps
 * and r_begin..r_end-1 of each. Adds to sums[rows][vectors*VL], or sets them if it is the `first` block. Both
 * sizes are constants where it is called. It asks memory for so many lines that lie `ahead` of w. */
NT_INLINE void k_tile(int rows, int vectors, int first, const real *restrict x, const ptrdiff_t *restrict at,
                      const real *restrict w, const int *restrict taps, int n_taps, int r_begin, int r_end,
                      ptrdiff_t ahead, int lines, real *restrict sums)
{
    const real *first_w = w, *window[K_MR];
    vf acc[K_MR][K_NR / VL];
    for (int i = 0; i < rows; i++) {
        window[i] = x + at[i];
        for (int j = 0; j < vectors; j++)
            acc[i][j] = first ? v_zero() : v_load(sums + (i * vectors + j) * VL);
    }
#ifdef K_STREAM
    const int steps = n_taps * (r_end - r_begin);
    const ptrdiff_t stride = (lines * NT_LINE + steps - 1) / steps;
#endif
    for (int tap = 0; tap < n_taps; tap++) {
        for (ptrdiff_t r = taps[tap] + r_begin; r < taps[tap] + r_end; r++) {
            vf b[K_NR / VL];
            for (int j = 0; j < vectors; j++)
                b[j] = v_load(w + j * VL);
            w += vectors * VL;
#ifdef K_STREAM
            if (K_STREAM > 1)
                nt_prefetch_far(first_w, ahead);
            else
                for (int line = 0; line < vectors * VL; line += NT_LINE) /* a single tile asks for all lines of a row */
                    nt_prefetch(first_w, ahead + line);
            ahead += stride;
#endif
            for (int i = 0; i < rows; i++) {
                vf a = v_set1(window[i][r]);
                for (int j = 0; j < vectors; j++)
                    acc[i][j] = v_fma(a, b[j], acc[i][j]);
            }
        }
    }
#ifndef K_STREAM
    for (int line = 0; line < lines; line++)
        nt_prefetch(first_w, ahead + line * NT_LINE);
#endif
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            v_store(sums + (i * vectors + j) * VL, acc[i][j]);
}

/* The next tile of the `count` pixels still to do; returns how many it did, which may be more by less than K_MR: `at`
 * and `sums` have room for that. The pixels are divided into tiles as equal as possible. */
NT_INLINE int k_any(int count, int vectors, int first, const real *restrict x, const ptrdiff_t *restrict at,
                    const real *restrict w, const int *restrict taps, int n_taps, int r, int r_end, ptrdiff_t ahead,
                    int lines, real *restrict sums)
{
    int tiles = (count + K_MR - 1) / K_MR, rows = count < 2 * K_MR ? (count + tiles - 1) / tiles : K_MR;
    if (rows == K_MR) {
        k_tile(K_MR, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
        return K_MR;
    }
    if (K_MR > 2 && rows == K_MR - 1) {
        k_tile(K_MR - 1, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
        return K_MR - 1;
    }
    if (K_MR > 3 && rows > K_MR / 2) {
        k_tile(K_MR - 2, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
        return K_MR - 2;
    }
    if (K_MR > 3 && rows > 1) {
        k_tile(K_MR / 2, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
        return K_MR / 2;
    }
    k_tile(1, vectors, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
    return 1;
}

/* The same for the two widths that a panel may have. Layers share these functions, most of what there is to compile:
 * they depend on the tile's size alone. Apart, their loops have registers for all pointers. But where there are few rows of k,
 * knowing how many gains more. */
#ifdef K_SHORT
NT_INLINE
#else
NT_APART
#endif
int k_next(int count, int first, const real *restrict x, const ptrdiff_t *restrict at, const real *restrict w,
           const int *restrict taps, int n_taps, int r, int r_end, ptrdiff_t ahead, int lines,
           real *restrict sums)
{
    return k_any(count, K_NR / VL, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
}

#ifdef K_LAST
#ifdef K_SHORT
NT_INLINE
#else
NT_APART
#endif
int k_next_last(int count, int first, const real *restrict x, const ptrdiff_t *restrict at,
                const real *restrict w, const int *restrict taps, int n_taps, int r, int r_end, ptrdiff_t ahead,
                int lines, real *restrict sums)
{
    return k_any(count, K_LAST / VL, first, x, at, w, taps, n_taps, r, r_end, ahead, lines, sums);
}
#endif

/* Where a block of pixels begins: blocks are as equal as whole tiles allow. */
static inline int k_limit(int pixels, int block, int blocks)
{
    int tiles = (pixels + K_MR - 1) / K_MR, first = (int)((int64_t)tiles * block / blocks) * K_MR;
    return first < pixels ? first : pixels;
}

/* Output pixel number `pixel`, as the hooks take it, and the one after that. */
static inline void k_place(int pixel, int *n, int *h, int *w)
{
#ifdef K_FLAT
    *n = *h = 0;
    *w = pixel;
#else
    *n = pixel / (K_OUT_H * K_OUT_W);
    *h = pixel / K_OUT_W % K_OUT_H;
    *w = pixel % K_OUT_W;
#endif
}

static inline void k_step(int *n, int *h, int *w)
{
#ifdef K_FLAT
    *n = *h = 0;
    ++*w;
#else
    if (++*w == K_OUT_W) {
        *w = 0;
        if (++*h == K_OUT_H) {
            *h = 0;
            ++*n;
        }
    }
#endif
}

/* Where the windows of a block's pixels begin. K_MR past the end, which a last tile may read, are the last pixel again. */
NT_APART void k_windows(int pixels, int block, int blocks, ptrdiff_t *restrict at)
{
    const int first = k_limit(pixels, block, blocks), count = k_limit(pixels, block + 1, blocks) - first;
    for (int i = 0; i < count + K_MR; i++) {
        const unsigned pixel = (unsigned)(first + (i < count ? i : count - 1));
        at[i] = (ptrdiff_t)(pixel / (K_OUT_H * K_OUT_W)) * K_IN_S + (ptrdiff_t)(pixel / K_OUT_W % K_OUT_H) * K_IN_R
                + (ptrdiff_t)(pixel % K_OUT_W) * K_IN_P;
    }
}

/* So many blocks of pixels as there have to be. Where items are few one more, if that makes them even: two threads have as much to do. */
static inline int k_blocks(int pixels, int panels)
{
    const int blocks = (pixels + K_MB - 1) / K_MB, few = 16;
    return blocks * panels < few && blocks * panels % 2 == 1 && blocks * K_MR < pixels ? blocks + 1 : blocks;
}

static void k_main(int n, const real *restrict x, const real *restrict w K_ARGS)
{
    const int panels = (K_CO + K_NR - 1) / K_NR, width_last = K_CO - (panels - 1) * K_NR;
    const int taps = K_KB > K_RUN ? K_KB / K_RUN : 1, rows = K_KB < K_RUN ? K_KB : K_RUN;
    const int pixels = n * K_OUT_H * K_OUT_W, blocks = k_blocks(pixels, K_GROUPS * panels);
    _Alignas(64) real sums[(K_MB + K_MR) * K_NR];
    /* Of the next block, the last tap of its windows is fetched, which meets most pixels first: in as many turns as the
     * block's tiles are passed. */
    const int run_lines = (K_RUN + NT_LINE - 1) / NT_LINE;
    const int turns = panels * ((K_TAPS + taps - 1) / taps) * ((K_RUN + rows - 1) / rows);
    ptrdiff_t places[2][K_MB + K_MR];
    int block_at = -2;        /* the block whose windows are known */
    int fetched = 0;          /* lines of the next one that were asked for, ... */
    int64_t due = 0;          /* and that should have been by now, in 65536ths */
#pragma omp for schedule(static)
    for (int item = 0; item < blocks * K_GROUPS * panels; item++) {
        int panel = item % panels, group = item / panels % K_GROUPS, block = item / panels / K_GROUPS;
        int first = k_limit(pixels, block, blocks), count = k_limit(pixels, block + 1, blocks) - first;
        int sample, row, column;
        k_place(first, &sample, &row, &column);
        int channel = panel * K_NR, width = panel < panels - 1 ? K_NR : width_last;
        const real *group_x = x + group * K_IN_G;
        ptrdiff_t panel_at = (ptrdiff_t)K_TAPS * K_RUN * (group * K_CO + channel);
        int tiles = (count + K_MR - 1) / K_MR, lines = (taps * rows * width / NT_LINE + tiles - 1) / tiles;
        const ptrdiff_t *at = places[block % 2], *next_at = places[(block + 1) % 2];
        if (block != block_at) {
            if (block != block_at + 1)
                k_windows(pixels, block, blocks, places[block % 2]);
            if (block + 1 < blocks)
                k_windows(pixels, block + 1, blocks, places[(block + 1) % 2]);
            block_at = block;
        }
        if (panel == 0)
            fetched = due = 0;
        int coming_pixels = block + 1 < blocks ? k_limit(pixels, block + 2, blocks) - first - count : 0;
        int64_t share = ((int64_t)coming_pixels * run_lines << 16) / (tiles * turns); /* a tile's */
        for (int r = 0; r < K_RUN; r += rows) {
            for (int tap = 0; tap < K_TAPS; tap += taps) {
                int tap_end = tap + taps < K_TAPS ? tap + taps : K_TAPS, r_end = r + rows < K_RUN ? r + rows : K_RUN;
                int line = 0, begin = tap == 0 && r == 0, last = tap_end == K_TAPS && r_end == K_RUN;
                const real *part = w + panel_at + (tap * K_RUN + r) * width;
                ptrdiff_t coming = panel_at + (ptrdiff_t)K_TAPS * K_RUN * width; /* the part after this one */
                if (tap_end < K_TAPS)
                    coming = panel_at + (tap_end * K_RUN + r) * width;
                else if (r_end < K_RUN)
                    coming = panel_at + r_end * width;
                else if (group == K_GROUPS - 1 && panel == panels - 1)
                    coming = 0;
                for (int i = 0, next; i < count; i = next) {
                    real *tile_sums = sums + i * width;
#ifndef K_EARLY
                    if (last) { /* a tile takes long enough for memory to answer */
                        int n_ahead = sample, h_ahead = row, w_ahead = column;
                        for (int p = i; p < i + K_MR && p < count; p++) {
                            for (int j = 0; j < K_NR && j < width; j += NT_LINE)
                                K_AHEAD(n_ahead, h_ahead, w_ahead, group * K_CO + channel + j);
                            k_step(&n_ahead, &h_ahead, &w_ahead);
                        }
                    }
#endif
                    const ptrdiff_t ahead = coming + line * NT_LINE - (part - w);
#ifdef K_LAST
                    if (width != K_NR)
                        next = i + k_next_last(count - i, begin, group_x, at + i, part, K_TAP + tap, tap_end - tap, r, r_end,
                                               ahead, lines, tile_sums);
                    else
                        next = i + k_next(count - i, begin, group_x, at + i, part, K_TAP + tap, tap_end - tap, r, r_end,
                                          ahead, lines, tile_sums);
#else
                    next = i + k_next(count - i, begin, group_x, at + i, part, K_TAP + tap, tap_end - tap, r, r_end, ahead,
                                      lines, tile_sums);
#endif
                    line += lines;
                    due += share;
                    for (; fetched < due >> 16; fetched++)
                        nt_prefetch_far(group_x + K_TAP[K_TAPS - 1],
                                        next_at[fetched / run_lines] + fetched % run_lines * NT_LINE);
                    if (!last)
                        continue;
                    for (const int end = next < count ? next : count; i < end; i++) {
                        for (int j = 0; j < K_NR && j < width; j += VL)
                            K_STORE(v_load(sums + i * width + j), sample, row, column, group * K_CO + channel + j);
#ifdef K_EARLY
                        /* memory takes as long as some tiles; past a row's end these are lines a border's width before the next row's */
                        for (int j = 0; j < K_NR && j < width; j += NT_LINE)
                            K_AHEAD(sample, row, column + (1 + 64 / (K_TAPS * K_RUN)) * K_MR, group * K_CO + channel + j);
#endif
                        k_step(&sample, &row, &column);
                    }
                }
            }
        }
    }
}
/* kernel } */
