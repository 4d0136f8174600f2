/* winograd.k.c - convolution with a 3x3 or 5x5 window and stride 1, forward and to the input, with fewer products: Winograd's
 * minimal filtering F(T x T, R x R) (Lavin and Gray 2016).
 *
 * The output is cut into tiles of T x T pixels, T = K_T; with windows of R x R a tile reads S x S input pixels,
 * S = K_S = T + R - 1: S = 4 for T = 2 and R = 3, S = 6 for T = 4 and R = 3 or T = 2 and R = 5. With d a tile's input,
 * g a window's weights and o the product element by element,
 *
 *   y = sum over ci of  A' ((B' d B) o (G g G')) A  =  A' (sum over ci of  V o U) A
 *
 * so that each of the S*S positions of V and U is a matrix product of its own over channels, [tiles x ci] [ci x co]: 16
 * products instead of 36 for 4 pixels (S = 4), 36 instead of 144 for 16 (T = 4), 36 instead of 100 for 4 (R = 5). winograd_weights.k.c makes U, once
 * for all uses of the weights. Channels lie in the vectors' lanes in all three transforms.
 *
 * The matrices interpolate at 0, 1, -1 and infinity (S = 4), and at 0, 11/16, -11/16, 3/2, -3/2 and infinity (S = 6):
 * of the points with short binary fractions those with the least rounding error. In float, with 8 to 512 channels of
 * random numbers, outputs are off by at most 1.2e-6 (T = 2) and 4.5e-6 (T = 4) of the largest output, where direct sums
 * in order are off by up to 3.5e-6; in the mean by 0.6 and 1.8 times as much as those. (Points 0, +-1, +-2, as in the
 * paper, double the mean error and quadruple the largest.)
 *
 *   x         points at the first element of the first window, the zero halo included; K_IN_S, K_IN_R, K_IN_P are its
 *             sample, row and pixel strides. Rows and columns 0..K_OUT_H+R-2 and 0..K_OUT_W+R-2 from there are read,
 *             and no others: tiles that reach over that edge take zeros instead.
 *   u         U, as winograd_weights.k.c lays it out for the same K_S, K_CI, K_CO, K_NR, K_KB and K_PG: just as it is
 *             read here, group of panels by group.
 *   to input  x = dy's first pixel, R - 1 - pad rows and columns back, with its halo; K_CI = channels of y (no padding),
 *             K_CO = channels of x, padded.
 *
 * Tiles are numbered flat over (sample, row, column). An item of work is a block of about K_TB tiles by a group of K_PG
 * panels of K_NR output channels. It takes the input channels in parts of K_KB: their transform, V, and then for each
 * position the products with the group's panels, which are added up in `sums`; it ends with the inverse transform.
 * Items of the same tiles follow each other, and V is kept if there is one part only. All scratch is on the stack,
 * S*S * (K_TB * (K_KB + K_PG*K_NR) + 4*NT_LINE) elements; the rules keep it to about 520 KB in float. It should have
 * room in the second-level cache, and what a position needs of V and of one panel in the first-level cache.
 * Every output is summed in the order of ci, whatever n, the tile's place and the number of threads.
 *
 * Hooks: K_STORE(v, n, h, w, c), once for each output vector, and K_AHEAD(n, h, w, c) before, for each line of the caches that
 * K_STORE will touch, evenly during the products of the last part. K_CO and K_NR are multiples of VL, the last panel is
 * K_CO % K_NR wide if that is not 0; K_TB is a multiple of K_MR, K_KB of VL.
 *
 * Choosing constants: tests/kernels/bench_winograd.c has the rules as C (choose_winograd). */
#include "../simd.h"
#ifndef K_T
#define K_T 4       /* output pixels of a tile's side */
#define K_S 6       /* input pixels of it, 4 or 6 */
#define K_OUT_H 8   /* output rows */
#define K_OUT_W 8   /* output columns */
#define K_IN_S 1600 /* elements between samples of x */
#define K_IN_R 160  /* ... rows */
#define K_IN_P 16   /* ... pixels */
#define K_CI 16     /* input channels */
#define K_CO 24     /* output channels, padded */
#define K_NR 16     /* channels of a register tile */
#define K_MR 6      /* tiles of a register tile */
#define K_TB 24     /* tiles of a block */
#define K_KB 16     /* input channels of a part */
#define K_PG 2      /* panels of a group */
#define K_LAST 8    /* K_CO % K_NR, the width of the last panel; not defined if it is 0 */
#define K_ARGS , real *restrict y
#define K_PASS , y
#define K_STORE(v, n, h, w, c) v_store(y + (((n)*K_OUT_H + (h)) * K_OUT_W + (w)) * K_CO + (c), v)
#define K_AHEAD(n, h, w, c) nt_prefetch_far(y, (((n)*K_OUT_H + (h)) * K_OUT_W + (w)) * K_CO + (c))
#endif
/* kernel { */

/* Elements between positions of an array of so many elements each: an odd number of cache lines, so that one place of
 * all positions is spread over the cache's sets. Less than 2*NT_LINE more than the elements. */
static inline int k_pitch(int elements)
{
    return ((elements + NT_LINE - 1) / NT_LINE | 1) * NT_LINE;
}

/* t = B' d, for one line of S pixels. */
NT_INLINE void k_forth(const vf *restrict d, vf *restrict t)
{
    if (K_S == 4) {
        t[0] = v_sub(d[0], d[2]);
        t[1] = v_add(d[2], d[1]);
        t[2] = v_sub(d[2], d[1]);
        t[3] = v_sub(d[3], d[1]);
    } else { /* a = 11/16, b = 3/2 */
        const vf a = v_set1((real)0.6875), aa = v_set1((real)0.47265625), b = v_set1((real)1.5),
                 bb = v_set1((real)2.25), aabb = v_set1((real)1.0634765625), both = v_set1((real)2.72265625);
        vf even_a = v_fnma(bb, d[2], d[4]), odd_a = v_fnma(bb, d[1], d[3]);
        vf even_b = v_fnma(aa, d[2], d[4]), odd_b = v_fnma(aa, d[1], d[3]);
        t[0] = v_fma(aabb, d[0], v_fnma(both, d[2], d[4]));
        t[1] = v_fma(a, odd_a, even_a);
        t[2] = v_fnma(a, odd_a, even_a);
        t[3] = v_fma(b, odd_b, even_b);
        t[4] = v_fnma(b, odd_b, even_b);
        t[5] = v_fma(aabb, d[1], v_fnma(both, d[3], d[5]));
    }
}

/* y = A' t, for one line: S positions to T pixels. */
NT_INLINE void k_back(const vf *restrict t, vf *restrict y)
{
    vf even_a = v_add(t[1], t[2]), odd_a = v_sub(t[1], t[2]);
    if (K_S == 4) {
        y[0] = v_add(t[0], even_a);
        y[1] = v_add(t[3], odd_a);
    } else {
        const vf a = v_set1((real)0.6875), aa = v_set1((real)0.47265625), aaa = v_set1((real)0.324951171875),
                 b = v_set1((real)1.5), bb = v_set1((real)2.25), bbb = v_set1((real)3.375);
        vf even_b = v_add(t[3], t[4]), odd_b = v_sub(t[3], t[4]);
        y[0] = v_add(v_add(t[0], even_a), even_b);
        y[1] = v_fma(b, odd_b, K_T == 2 ? v_fma(a, odd_a, t[5]) : v_mul(a, odd_a));
        if (K_T == 4) {
            y[2] = v_fma(bb, even_b, v_mul(aa, even_a));
            y[3] = v_fma(bbb, odd_b, v_fma(aaa, odd_a, t[5]));
        }
    }
}

/* The transform of one tile's vector of channels, of which there are `lanes`; x has strides of row and pixel, and v's
 * positions are `pitch` apart. Pixels outside the first rows and columns are zero. */
NT_INLINE void k_tile_in(const real *restrict x, ptrdiff_t row, ptrdiff_t pixel, int lanes, int rows, int columns,
                         real *restrict v, ptrdiff_t pitch)
{
    vf lines[K_S][K_S], d[K_S], t[K_S];
    for (int j = 0; j < K_S; j++) {
        for (int i = 0; i < K_S; i++) {
            const real *from = x + i * row + j * pixel;
            d[i] = i >= rows || j >= columns ? v_zero() : lanes == VL ? v_load(from) : v_load_n(from, lanes);
        }
        k_forth(d, t);
        for (int i = 0; i < K_S; i++)
            lines[i][j] = t[i];
    }
    for (int i = 0; i < K_S; i++) {
        k_forth(lines[i], t);
        for (int j = 0; j < K_S; j++)
            v_store(v + (i * K_S + j) * pitch, t[j]);
    }
}

/* The same for whole tiles and for those at an edge. Layers share these functions and k_next_of, most of what there is to
 * compile: they depend on the tile's size alone. */
static void k_whole_in(const real *restrict x, ptrdiff_t row, ptrdiff_t pixel, real *restrict v, ptrdiff_t pitch)
{
    k_tile_in(x, row, pixel, VL, K_S, K_S, v, pitch);
}

static void k_edge_in(const real *restrict x, ptrdiff_t row, ptrdiff_t pixel, int lanes, int rows, int columns,
                      real *restrict v, ptrdiff_t pitch)
{
    k_tile_in(x, row, pixel, lanes, rows, columns, v, pitch);
}

/* V of tiles first..first + count - 1 and channels c_begin..c_end-1: v[position][tile][channel]. What a last register
 * tile reads past them becomes zero. */
static void k_in(int first, int count, int c_begin, int c_end, const real *restrict x, real *restrict v)
{
    const int across = (K_OUT_W + K_T - 1) / K_T, down = (K_OUT_H + K_T - 1) / K_T, pitch = k_pitch(K_TB * K_KB);
    for (int i = 0; i < (count + K_MR - 1) / K_MR * K_MR; i++) {
        int row = (first + i) / across % down * K_T, column = (first + i) % across * K_T;
        int rows = i < count ? K_OUT_H + K_S - K_T - row : 0, columns = K_OUT_W + K_S - K_T - column;
        const real *from =
            x + (ptrdiff_t)((first + i) / across / down) * K_IN_S + (ptrdiff_t)row * K_IN_R + column * K_IN_P;
        for (int c = c_begin; c < c_end; c += VL) {
            int lanes = c_end - c < VL ? c_end - c : VL;
            real *to = v + i * K_KB + (c - c_begin);
            if (lanes == VL && rows >= K_S && columns >= K_S)
                k_whole_in(from + c, K_IN_R, K_IN_P, to, pitch);
            else
                k_edge_in(from + c, K_IN_R, K_IN_P, lanes, rows, columns, to, pitch);
        }
    }
}

/* Products at one position of `rows` tiles and a panel of `vectors` vectors, over `depth` channels: added to
 * sums[rows][vectors*VL], or set if these are the `first` channels; v has a stride of `tile`. Both sizes are constants where it is called.
 * On the way it asks memory for so many lines that lie `ahead` of u, evenly: many at once would wait for each other. A channel asks for as
 * many as it reads, which may be two: a single register tile has to ask for all. */
NT_INLINE void k_product(int rows, int vectors, int first, int depth, const real *restrict v, ptrdiff_t tile,
                         const real *restrict u, ptrdiff_t ahead, int lines, real *restrict sums)
{
    const real *first_u = u;
    const ptrdiff_t stride = (lines * NT_LINE + depth - 1) / depth;
    vf acc[K_MR][K_NR / VL];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            acc[i][j] = first ? v_zero() : v_load(sums + (i * vectors + j) * VL);
    for (int c = 0; c < depth; c++) {
        vf b[K_NR / VL];
        for (int j = 0; j < vectors; j++)
            b[j] = v_load(u + (c * vectors + j) * VL);
        for (int line = 0; line < vectors * VL; line += NT_LINE)
            nt_prefetch(first_u, ahead + line);
        ahead += stride;
        for (int i = 0; i < rows; i++) {
            vf a = v_set1(v[i * tile + c]);
            for (int j = 0; j < vectors; j++)
                acc[i][j] = v_fma(a, b[j], acc[i][j]);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            v_store(sums + (i * vectors + j) * VL, acc[i][j]);
}

/* The products of the next of `count` tiles still to do; returns how many it did, which may be some more, but not past
 * a multiple of K_MR. The tiles are divided as equally as possible. */
NT_INLINE int k_next(int count, int vectors, int first, int depth, const real *restrict v, ptrdiff_t tile,
                     const real *restrict u, ptrdiff_t ahead, int lines, real *restrict sums)
{
    int shares = (count + K_MR - 1) / K_MR, rows = count < 2 * K_MR ? (count + shares - 1) / shares : K_MR;
    if (rows == K_MR) {
        k_product(K_MR, vectors, first, depth, v, tile, u, ahead, lines, sums);
        return K_MR;
    }
    if (K_MR > 2 && rows == K_MR - 1) {
        k_product(K_MR - 1, vectors, first, depth, v, tile, u, ahead, lines, sums);
        return K_MR - 1;
    }
    if (K_MR > 3 && rows > K_MR / 2) {
        k_product(K_MR - 2, vectors, first, depth, v, tile, u, ahead, lines, sums);
        return K_MR - 2;
    }
    if (K_MR > 3 && rows > 1) {
        k_product(K_MR / 2, vectors, first, depth, v, tile, u, ahead, lines, sums);
        return K_MR / 2;
    }
    k_product(1, vectors, first, depth, v, tile, u, ahead, lines, sums);
    return 1;
}

/* The two widths that a panel may have. */
NT_APART int k_next_of(int count, int first, int depth, const real *restrict v, ptrdiff_t tile, const real *restrict u,
                     ptrdiff_t ahead, int lines, real *restrict sums)
{
    return k_next(count, K_NR / VL, first, depth, v, tile, u, ahead, lines, sums);
}

#ifdef K_LAST
NT_APART int k_next_of_last(int count, int first, int depth, const real *restrict v, ptrdiff_t tile,
                          const real *restrict u, ptrdiff_t ahead, int lines, real *restrict sums)
{
    return k_next(count, K_LAST / VL, first, depth, v, tile, u, ahead, lines, sums);
}
#endif

/* Inverse transform of a block's sums[position][panel][tile][channel] for `width` channels from `channel` on. */
NT_INLINE void k_out(int first, int count, int channel, int width, const real *restrict sums K_ARGS)
{
    const int across = (K_OUT_W + K_T - 1) / K_T, down = (K_OUT_H + K_T - 1) / K_T;
    const int pitch = k_pitch(K_TB * K_PG * K_NR);
    for (int i = 0; i < count; i++) {
        int sample = (first + i) / across / down, row = (first + i) / across % down * K_T;
        int column = (first + i) % across * K_T;
        int rows = K_OUT_H - row < K_T ? K_OUT_H - row : K_T, columns = K_OUT_W - column < K_T ? K_OUT_W - column : K_T;
        for (int c = 0; c < width; c += VL) {
            int panel = c / K_NR * K_NR, panel_width = width - panel < K_NR ? width - panel : K_NR;
            const real *from = sums + panel * K_TB + i * panel_width + (c - panel);
            vf t[K_S], lines[K_T][K_S], pixels[K_T];
            for (int q = 0; q < K_S; q++) {
                for (int p = 0; p < K_S; p++)
                    t[p] = v_load(from + (p * K_S + q) * pitch);
                k_back(t, pixels);
                for (int h = 0; h < K_T; h++)
                    lines[h][q] = pixels[h];
            }
            for (int h = 0; h < rows; h++) {
                k_back(lines[h], pixels);
                for (int w = 0; w < columns; w++)
                    K_STORE(pixels[w], sample, row + h, column + w, channel + c);
            }
        }
    }
}

/* Asks memory for one line of channels of a row of the pixels that a tile reads and that its neighbours do not. */
NT_INLINE void k_ask_x(int tile, int h, int c, const real *restrict x)
{
    const int across = (K_OUT_W + K_T - 1) / K_T, down = (K_OUT_H + K_T - 1) / K_T, edge = (K_S - K_T) / 2;
    const ptrdiff_t at = (ptrdiff_t)(tile / across / down) * K_IN_S + (ptrdiff_t)(tile / across % down * K_T + h + edge) * K_IN_R
                         + (ptrdiff_t)(tile % across * K_T + edge) * K_IN_P + c;
    for (int w = 0; w < K_T; w++)
        nt_prefetch_far(x, at + w * K_IN_P);
}

/* Where a block of tiles begins: blocks are as equal as whole register tiles allow. */
static inline int k_limit(int tiles, int block, int blocks)
{
    int shares = (tiles + K_MR - 1) / K_MR, first = (int)((int64_t)shares * block / blocks) * K_MR;
    return first < tiles ? first : tiles;
}

/* So many blocks as there have to be. Where items are few one more, if that makes them even: two threads have as much to do. */
static inline int k_blocks(int tiles, int groups)
{
    const int blocks = (tiles + K_TB - 1) / K_TB, few = 16;
    return blocks * groups < few && blocks * groups % 2 == 1 && blocks * K_MR < tiles ? blocks + 1 : blocks;
}

static void k_main(int n, const real *restrict x, const real *restrict u K_ARGS)
{
    const int positions = K_S * K_S, groups = (K_CO + K_PG * K_NR - 1) / (K_PG * K_NR);
    const int v_pitch = k_pitch(K_TB * K_KB), sums_pitch = k_pitch(K_TB * K_PG * K_NR);
    const int tiles = n * ((K_OUT_H + K_T - 1) / K_T) * ((K_OUT_W + K_T - 1) / K_T);
    const int blocks = k_blocks(tiles, groups);
    const int across = (K_OUT_W + K_T - 1) / K_T, down = (K_OUT_H + K_T - 1) / K_T, line_of = VL > NT_LINE ? VL : NT_LINE;
    _Alignas(64) real v[K_S * K_S * (K_TB * K_KB + 2 * NT_LINE)];
    _Alignas(64) real sums[K_S * K_S * (K_TB * K_PG * K_NR + 2 * NT_LINE)];
    int block_at = -1;
#pragma omp for schedule(static)
    for (int item = 0; item < blocks * groups; item++) {
        int group = item % groups, block = item / groups;
        int first = k_limit(tiles, block, blocks), count = k_limit(tiles, block + 1, blocks) - first;
        int channel = group * K_PG * K_NR, width = K_CO - channel < K_PG * K_NR ? K_CO - channel : K_PG * K_NR;
        /* lines asked for, unless a single sample's are near: what k_out will touch, and the next block's input where it does not come in parts, many times */
        int out_lines = (width + line_of - 1) / line_of, in_lines = (K_CI + line_of - 1) / line_of, out_asked = 0, in_asked = 0;
        ptrdiff_t at = (ptrdiff_t)positions * K_CI * channel; /* of the part of u to be read next */
        for (int c = 0; c < K_CI; c += K_KB) {
            int depth = K_CI - c < K_KB ? K_CI - c : K_KB, last = c + depth == K_CI;
            int step = 0, steps = positions * ((width + K_NR - 1) / K_NR) * ((count + K_MR - 1) / K_MR);
            if (K_CI > K_KB || block != block_at)
                k_in(first, count, c, c + depth, x, v);
            for (int position = 0; position < positions; position++) {
                for (int panel = 0; panel < width; panel += K_NR) {
                    int panel_width = width - panel < K_NR ? width - panel : K_NR;
                    int shares = (count + K_MR - 1) / K_MR, line = 0;
                    int lines = (depth * panel_width / NT_LINE + shares - 1) / shares;
                    const real *part = u + at;
                    at += depth * panel_width;
                    for (int i = 0, next; i < count; i = next) {
                        step++;
                        for (; n > 1 && last && out_asked < count * out_lines * K_T * step / steps; out_asked++) {
                            int tile = first + out_asked / K_T / out_lines, sample = tile / across / down;
                            int h = tile / across % down * K_T + out_asked % K_T, column = tile % across * K_T;
                            for (int w = column; w < column + K_T && w < K_OUT_W && h < K_OUT_H; w++)
                                K_AHEAD(sample, h, w, channel + out_asked / K_T % out_lines * line_of);
                        }
                        for (; n > 1 && K_CI <= K_KB && in_asked < count * in_lines * K_T * step / steps; in_asked++)
                            k_ask_x(first + count + in_asked / K_T / in_lines, in_asked % K_T, in_asked / K_T % in_lines * line_of, x);
                        const real *tile_v = v + position * v_pitch + i * K_KB;
                        real *tile_sums = sums + position * sums_pitch + panel * K_TB + i * panel_width;
#ifdef K_LAST
                        if (panel_width == K_NR)
                            next = i + k_next_of(count - i, c == 0, depth, tile_v, K_KB, part, at + line * NT_LINE - (part - u), lines, tile_sums);
                        else
                            next = i + k_next_of_last(count - i, c == 0, depth, tile_v, K_KB, part, at + line * NT_LINE - (part - u), lines, tile_sums);
#else
                        next = i + k_next_of(count - i, c == 0, depth, tile_v, K_KB, part, at + line * NT_LINE - (part - u), lines, tile_sums);
#endif
                        line += lines;
                    }
                }
            }
        }
        block_at = block;
        k_out(first, count, channel, width, sums K_PASS);
    }
}
/* kernel } */
