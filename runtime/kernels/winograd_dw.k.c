/* winograd_dw.k.c - gradient of the weights of a 3x3 or 5x5 convolution with stride 1, and of its bias, with fewer products:
 * winograd.k.c turned round. There y = A' ((B' d B) o (G g G')) A, which is linear in the weights g, so that
 *
 *   dg = sum over tiles of  G' ((B' d B) o (A e A')) G  =  G' (sum over tiles of  V o M) G
 *
 * with d the S x S pixels of x that a tile of T x T outputs reads, e the tile's dy, o the product element by
 * element. Each of the positions of V and M is a matrix product of its own, [ci x tiles] [tiles x co]. The points of
 * interpolation, and with them the error, are winograd.k.c's.
 *
 *   x     as in winograd.k.c, for the same K_T, K_S, K_OUT_H, K_OUT_W, K_IN_S, K_IN_R and K_IN_P
 *   dy    points at its first pixel; K_DY_S, K_DY_R, K_DY_P are its sample, row and pixel strides; its padded channels
 *         are zero
 *   dw    is written (not added to) in the panels of w: [panel of K_NR co][tap][ci < K_CI][width]
 *   db    the sum of dy over the pixels, if K_BIAS
 *   work  K_S^2 * (K_TB * (pitch of K_CI + pitch of K_CO) + K_CI * K_CO) + (K_TB/K_TG rounded up) * K_CO elements,
 *         where a pitch is an odd number of cache lines, at most 2*NT_LINE elements more than the channels rounded up
 *         to 16;
 *         with K_CHUNKS that many times K_S^2 * (K_TB * (pitch of K_CI + pitch of K_CO) + K_CI * K_CO) + K_CO
 *
 * Tiles are numbered flat over (sample, row, column) and come in blocks of at most K_TB. Of a block all threads make V
 * and M, [position][tile][channel], in groups of K_TG tiles; then they add each position's product to
 * U, [position][panel][ci][channel of the panel]. A position of V and of a panel of M should have room in the
 * second-level cache. After the last block dg comes from U.
 *
 * Where channels are few the threads would meet after every few microseconds. With K_CHUNKS the tiles are cut into that
 * many chunks, each with blocks and with a U of its own, which one thread works on alone; the chunks' U are added in the end.
 *
 * Every element is summed in the order of the tiles, in blocks and chunks that depend on n and the constants only. */
#include "../forward.h"
#ifndef K_T
#define K_T 4       /* output pixels of a tile's side */
#define K_S 6       /* input pixels of it: winograd.k.c */
#define K_OUT_H 8   /* output rows */
#define K_OUT_W 8   /* output columns */
#define K_IN_S 1600 /* elements between samples of x */
#define K_IN_R 160  /* ... rows */
#define K_IN_P 16   /* ... pixels */
#define K_DY_S 1536 /* elements between samples of dy */
#define K_DY_R 192  /* ... rows */
#define K_DY_P 24   /* ... pixels */
#define K_CI 16     /* input channels */
#define K_CO 24     /* output channels, padded */
#define K_NR 16     /* channels of a register tile */
#define K_MR 6      /* input channels of a register tile */
#define K_TB 48     /* tiles of a block */
#define K_TG 8      /* tiles of a group */
#define K_LAST 8    /* K_CO % K_NR, the width of the last panel; not defined if it is 0 */
#define K_BIAS 1
#endif
/* kernel { */

/* Elements between tiles of V or M: an odd number of cache lines, so that one channel of all tiles is spread over the
 * cache's sets, with room for whole vectors, which may be longer than a line. */
static inline int k_pitch(int channels)
{
    const int whole = VL > NT_LINE ? VL : NT_LINE;
    return ((channels + whole - 1) / whole * (whole / NT_LINE) | 1) * NT_LINE;
}

/* t = B' d, for one line of pixels: winograd.k.c has the same. */
NT_INLINE void k_input(const vf *restrict d, vf *restrict t)
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

/* t = A e, for one line of pixels of dy. */
NT_INLINE void k_output(const vf *restrict e, vf *restrict t)
{
    t[0] = e[0];
    if (K_S == 4) {
        t[1] = v_add(e[0], e[1]);
        t[2] = v_sub(e[0], e[1]);
        t[3] = e[1];
    } else {
        const vf a = v_set1((real)0.6875), aa = v_set1((real)0.47265625), b = v_set1((real)1.5),
                 bb = v_set1((real)2.25);
        vf even_a = e[0], odd_a = e[1], even_b = e[0], odd_b = e[1];
        if (K_T == 4) {
            even_a = v_fma(aa, e[K_T - 2], even_a);
            odd_a = v_fma(aa, e[K_T - 1], odd_a);
            even_b = v_fma(bb, e[K_T - 2], even_b);
            odd_b = v_fma(bb, e[K_T - 1], odd_b);
        }
        odd_a = v_mul(a, odd_a);
        odd_b = v_mul(b, odd_b);
        t[1] = v_add(even_a, odd_a);
        t[2] = v_sub(even_a, odd_a);
        t[3] = v_add(even_b, odd_b);
        t[4] = v_sub(even_b, odd_b);
        t[5] = e[K_T - 1];
    }
}

/* g = G' m, for one line of positions. */
NT_INLINE void k_weights(const vf *restrict m, vf *restrict g)
{
    vf even_a = v_add(m[1], m[2]), odd_a = v_sub(m[1], m[2]);
    if (K_S == 4) {
        const vf half = v_set1((real)0.5);
        g[0] = v_fma(half, even_a, m[0]);
        g[1] = v_mul(half, odd_a);
        g[2] = v_fma(half, even_a, m[3]);
    } else { /* the scales are those of winograd_weights.k.c */
        const real aa = (real)0.47265625, bb = (real)2.25, at_0 = 1 / (aa * bb), at_a = 1 / (2 * aa * (aa - bb)),
                   at_b = 1 / (2 * bb * (bb - aa));
        vf even_b = v_add(m[3], m[4]), odd_b = v_sub(m[3], m[4]);
        g[0] = v_fma(v_set1(at_b), even_b, v_fma(v_set1(at_a), even_a, v_mul(v_set1(at_0), m[0])));
        g[1] = v_fma(v_set1(at_b * (real)1.5), odd_b, v_mul(v_set1(at_a * (real)0.6875), odd_a));
        vf g_2 = v_fma(v_set1(at_b * bb), even_b, v_mul(v_set1(at_a * aa), even_a));
        if (K_S - K_T == 2) {
            g[2] = v_add(g_2, m[5]);
        } else {
            g[2] = g_2;
            g[3] = v_fma(v_set1(at_b * (real)3.375), odd_b, v_mul(v_set1(at_a * (real)0.324951171875), odd_a));
            g[4] = v_fma(v_set1(at_b * bb * bb), even_b, v_fma(v_set1(at_a * aa * aa), even_a, m[5]));
        }
    }
}

/* V of a tile's vector of channels, of which there are `lanes`; x has strides of row and pixel, v of position. Pixels
 * outside the first rows and columns are zero. */
NT_INLINE void k_tile_x(const real *restrict x, ptrdiff_t row, ptrdiff_t pixel, int lanes, int rows, int columns,
                        real *restrict v, ptrdiff_t position)
{
    vf lines[K_S][K_S], d[K_S], t[K_S];
    for (int j = 0; j < K_S; j++) {
        for (int i = 0; i < K_S; i++) {
            const real *from = x + i * row + j * pixel;
            d[i] = i >= rows || j >= columns ? v_zero() : lanes == VL ? v_load(from) : v_load_n(from, lanes);
        }
        k_input(d, t);
        for (int i = 0; i < K_S; i++)
            lines[i][j] = t[i];
    }
    for (int i = 0; i < K_S; i++) {
        k_input(lines[i], t);
        for (int j = 0; j < K_S; j++)
            v_store(v + (i * K_S + j) * position, t[j]);
    }
}

/* The same for whole tiles and for those at an edge. Layers share these functions and those below that have their
 * strides as arguments: they depend on the tile's size alone. */
static void k_whole_x(const real *restrict x, ptrdiff_t row, ptrdiff_t pixel, real *restrict v, ptrdiff_t position)
{
    k_tile_x(x, row, pixel, VL, K_S, K_S, v, position);
}

static void k_edge_x(const real *restrict x, ptrdiff_t row, ptrdiff_t pixel, int lanes, int rows, int columns,
                     real *restrict v, ptrdiff_t position)
{
    k_tile_x(x, row, pixel, lanes, rows, columns, v, position);
}

/* M of a tile's vector of channels; adds its pixels to `sums`. */
NT_INLINE void k_tile_dy(const real *restrict dy, ptrdiff_t row, ptrdiff_t pixel, int rows, int columns,
                         real *restrict m, ptrdiff_t position, real *restrict sums)
{
    vf lines[K_S][K_T], e[K_T], t[K_S], sum = v_zero();
    for (int j = 0; j < K_T; j++) {
        for (int i = 0; i < K_T; i++) {
            e[i] = i >= rows || j >= columns ? v_zero() : v_load(dy + i * row + j * pixel);
            sum = v_add(sum, e[i]);
        }
        k_output(e, t);
        for (int i = 0; i < K_S; i++)
            lines[i][j] = t[i];
    }
    for (int i = 0; i < K_S; i++) {
        k_output(lines[i], t);
        for (int j = 0; j < K_S; j++)
            v_store(m + (i * K_S + j) * position, t[j]);
    }
    v_store(sums, v_add(v_load(sums), sum));
}

static void k_whole_dy(const real *restrict dy, ptrdiff_t row, ptrdiff_t pixel, real *restrict m, ptrdiff_t position,
                       real *restrict sums)
{
    k_tile_dy(dy, row, pixel, K_T, K_T, m, position, sums);
}

static void k_edge_dy(const real *restrict dy, ptrdiff_t row, ptrdiff_t pixel, int rows, int columns,
                      real *restrict m, ptrdiff_t position, real *restrict sums)
{
    k_tile_dy(dy, row, pixel, rows, columns, m, position, sums);
}

/* V of the tiles from..end-1, which come `at` tiles into their block. */
static void k_group_x(int from, int end, int at, const real *restrict x, real *restrict v)
{
    const int across = (K_OUT_W + K_T - 1) / K_T, down = (K_OUT_H + K_T - 1) / K_T;
    const ptrdiff_t position = (ptrdiff_t)K_TB * k_pitch(K_CI);
    for (int i = from; i < end; i++) {
        int row = i / across % down * K_T, column = i % across * K_T;
        int rows = K_OUT_H + K_S - K_T - row, columns = K_OUT_W + K_S - K_T - column;
        const real *tile =
            x + (ptrdiff_t)(i / across / down) * K_IN_S + (ptrdiff_t)row * K_IN_R + column * K_IN_P;
        for (int c = 0; c < K_CI; c += VL) {
            int lanes = K_CI - c < VL ? K_CI - c : VL;
            real *to = v + (at + i - from) * k_pitch(K_CI) + c;
            if (lanes == VL && rows >= K_S && columns >= K_S)
                k_whole_x(tile + c, K_IN_R, K_IN_P, to, position);
            else
                k_edge_x(tile + c, K_IN_R, K_IN_P, lanes, rows, columns, to, position);
        }
    }
}

/* M likewise; adds to the group's sums of dy, or sets them if this is the `first` block. */
static void k_group_dy(int from, int end, int at, int first, const real *restrict dy, real *restrict m,
                       real *restrict sums)
{
    const int across = (K_OUT_W + K_T - 1) / K_T, down = (K_OUT_H + K_T - 1) / K_T;
    const ptrdiff_t position = (ptrdiff_t)K_TB * k_pitch(K_CO);
    for (int c = 0; first && c < K_CO; c += VL)
        v_store(sums + c, v_zero());
    for (int i = from; i < end; i++) {
        int row = i / across % down * K_T, column = i % across * K_T;
        int rows = K_OUT_H - row, columns = K_OUT_W - column;
        const real *tile =
            dy + (ptrdiff_t)(i / across / down) * K_DY_S + (ptrdiff_t)row * K_DY_R + column * K_DY_P;
        for (int c = 0; c < K_CO; c += VL) {
            real *to = m + (at + i - from) * k_pitch(K_CO) + c;
            if (rows >= K_T && columns >= K_T)
                k_whole_dy(tile + c, K_DY_R, K_DY_P, to, position, sums + c);
            else
                k_edge_dy(tile + c, K_DY_R, K_DY_P, rows, columns, to, position, sums + c);
        }
    }
}

/* Asks memory for a line of the next block's pixels, on the way through a product. Only where chunks are worked on alone: otherwise what a
 * position's product reads and sums would push the line out again. */
NT_INLINE void k_ask(const real *ahead, ptrdiff_t at)
{
#ifdef K_CHUNKS
    nt_prefetch_far(ahead, at);
#else
    (void)ahead;
    (void)at;
#endif
}

/* One position's product over `count` tiles for `rows` input channels and a panel of `vectors` vectors: added to
 * u[row][vectors*VL], or set if this is the `first` block. rows and vectors are constants where it is called. */
NT_INLINE void k_product(int rows, int vectors, int count, int first, const real *restrict v, ptrdiff_t v_pitch,
                         const real *restrict m, ptrdiff_t m_pitch, const real *restrict ahead, ptrdiff_t stride, real *restrict u)
{
    vf acc[K_MR][K_NR / VL];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            acc[i][j] = first ? v_zero() : v_load(u + (i * vectors + j) * VL);
    for (int t = 0; t < count; t++, v += v_pitch, m += m_pitch) {
        vf b[K_NR / VL];
        for (int j = 0; j < vectors; j++)
            b[j] = v_load(m + j * VL);
        k_ask(ahead, t * stride);
        for (int i = 0; i < rows; i++) {
            vf a = v_set1(v[i]);
            for (int j = 0; j < vectors; j++)
                acc[i][j] = v_fma(a, b[j], acc[i][j]);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
            v_store(u + (i * vectors + j) * VL, acc[i][j]);
}

/* One position and panel for `channels` input channels, in register tiles that are as equal as their sizes allow. The
 * next tile's sums, which were last touched a block ago, are asked for while one is computed. */
NT_INLINE void k_panel(int channels, int vectors, int count, int first, const real *restrict v, ptrdiff_t v_pitch,
                       const real *restrict m, ptrdiff_t m_pitch, const real *restrict ahead, ptrdiff_t elements, real *restrict u)
{
    const int turns = (channels + K_MR - 1) / K_MR * count;
    const ptrdiff_t stride = turns > 0 ? (elements + turns - 1) / turns : 0;
    for (int left = channels, rows; left > 0; left -= rows, v += rows, u += rows * vectors * VL, ahead += count * stride) {
        rows = left >= 2 * K_MR ? K_MR : left > K_MR ? (left + 1) / 2 : left;
        for (int line = 0; line < K_MR * vectors * VL; line += NT_LINE)
            nt_prefetch(u, rows * vectors * VL + line);
        if (rows == K_MR) {
            k_product(K_MR, vectors, count, first, v, v_pitch, m, m_pitch, ahead, stride, u);
        } else if (K_MR > 2 && rows == K_MR - 1) {
            k_product(K_MR - 1, vectors, count, first, v, v_pitch, m, m_pitch, ahead, stride, u);
        } else if (K_MR > 4 && rows == K_MR - 2) {
            k_product(K_MR - 2, vectors, count, first, v, v_pitch, m, m_pitch, ahead, stride, u);
        } else if (K_MR > 3 && rows >= K_MR / 2) {
            rows = K_MR / 2;
            k_product(K_MR / 2, vectors, count, first, v, v_pitch, m, m_pitch, ahead, stride, u);
        } else {
            rows = 1;
            k_product(1, vectors, count, first, v, v_pitch, m, m_pitch, ahead, stride, u);
        }
    }
}

/* The two widths that a panel may have. */
static void k_panel_of(int channels, int count, int first, const real *restrict v, ptrdiff_t v_pitch,
                       const real *restrict m, ptrdiff_t m_pitch, const real *restrict ahead, ptrdiff_t elements, real *restrict u)
{
    k_panel(channels, K_NR / VL, count, first, v, v_pitch, m, m_pitch, ahead, elements, u);
}

#ifdef K_LAST
static void k_panel_of_last(int channels, int count, int first, const real *restrict v, ptrdiff_t v_pitch,
                            const real *restrict m, ptrdiff_t m_pitch, const real *restrict ahead, ptrdiff_t elements, real *restrict u)
{
    k_panel(channels, K_LAST / VL, count, first, v, v_pitch, m, m_pitch, ahead, elements, u);
}
#endif

/* One position's product for the panel that begins at an output channel. */
NT_INLINE void k_panel_at(int position, int channel, int count, int first, const real *restrict v,
                          const real *restrict m, const real *restrict ahead, ptrdiff_t elements, real *restrict u)
{
    v += (ptrdiff_t)position * K_TB * k_pitch(K_CI);
    m += (ptrdiff_t)position * K_TB * k_pitch(K_CO) + channel;
    u += (ptrdiff_t)position * K_CI * K_CO + channel * K_CI;
#ifdef K_LAST
    if (channel + K_NR > K_CO)
        k_panel_of_last(K_CI, count, first, v, k_pitch(K_CI), m, k_pitch(K_CO), ahead, elements, u);
    else
        k_panel_of(K_CI, count, first, v, k_pitch(K_CI), m, k_pitch(K_CO), ahead, elements, u);
#else
    k_panel_of(K_CI, count, first, v, k_pitch(K_CI), m, k_pitch(K_CO), ahead, elements, u);
#endif
}

/* The gradient of all taps for one input channel and one vector of output channels. */
static void k_finish(const real *restrict u, ptrdiff_t position, real *restrict dw, ptrdiff_t tap)
{
    const int side = K_S - K_T + 1; /* of the window */
    vf lines[K_S - K_T + 1][K_S], m[K_S], g[K_S - K_T + 1];
    for (int j = 0; j < K_S; j++) {
        for (int i = 0; i < K_S; i++)
            m[i] = v_load(u + (i * K_S + j) * position);
        k_weights(m, g);
        for (int i = 0; i < side; i++)
            lines[i][j] = g[i];
    }
    for (int i = 0; i < side; i++) {
        k_weights(lines[i], g);
        for (int j = 0; j < side; j++)
            v_store(dw + (i * side + j) * tap, g[j]);
    }
}

#ifdef K_CHUNKS
/* What product `item` of `items` asks for: its share of the pixels of tiles begin..end-1, so many elements from there on, of x in the
 * first half, of dy in the second. Tiles follow each other as their rows do in memory, about. */
static const real *k_ahead(int begin, int end, int item, int items, const real *restrict x, const real *restrict dy, ptrdiff_t *elements)
{
    const int across = (K_OUT_W + K_T - 1) / K_T, down = (K_OUT_H + K_T - 1) / K_T, of_x = 2 * item < items;
    const ptrdiff_t sample = of_x ? K_IN_S : K_DY_S, row = (ptrdiff_t)K_T * (of_x ? K_IN_R : K_DY_R);
    const ptrdiff_t from = begin / across / down * sample + begin / across % down * row;
    const ptrdiff_t to = end / across / down * sample + end / across % down * row;
    const int half = (items + 1) / 2, share = of_x ? item : item - half;
    *elements = (to - from + half - 1) / half;
    return (of_x ? x : dy) + from + share * *elements;
}

/* U of the tiles begin..end-1, and the sums of their dy; v and m are the thread's own. */
static void k_chunk(int begin, int end, const real *restrict x, const real *restrict dy, real *restrict v,
                    real *restrict m, real *restrict u, real *restrict sums)
{
    const int positions = K_S * K_S, panels = (K_CO + K_NR - 1) / K_NR, blocks = end > begin ? (end - begin + K_TB - 1) / K_TB : 1;
    for (int block = 0; block < blocks; block++) {
        int from = begin + (int)((int64_t)(end - begin) * block / blocks);
        int to = begin + (int)((int64_t)(end - begin) * (block + 1) / blocks);
        int next = block + 2 <= blocks ? begin + (int)((int64_t)(end - begin) * (block + 2) / blocks) : to;
        k_group_x(from, to, 0, x, v);
        k_group_dy(from, to, 0, block == 0, dy, m, sums);
        for (int position = 0; position < positions; position++)
            for (int channel = 0; channel < K_CO; channel += K_NR) {
                ptrdiff_t elements;
                const real *ahead = k_ahead(to, next, position * panels + channel / K_NR, positions * panels, x, dy, &elements);
                k_panel_at(position, channel, to - from, block == 0, v, m, ahead, elements, u);
            }
    }
}
#endif

static void k_main(int n, const real *restrict x, const real *restrict dy, real *restrict dw, real *restrict db,
                   real *restrict work)
{
    const int positions = K_S * K_S, taps = (K_S - K_T + 1) * (K_S - K_T + 1), panels = (K_CO + K_NR - 1) / K_NR;
    const int tiles = n * ((K_OUT_H + K_T - 1) / K_T) * ((K_OUT_W + K_T - 1) / K_T);
    const ptrdiff_t size_v = (ptrdiff_t)positions * K_TB * k_pitch(K_CI), size_m = (ptrdiff_t)positions * K_TB * k_pitch(K_CO);
    const ptrdiff_t size_u = (ptrdiff_t)positions * K_CI * K_CO;
#ifdef K_CHUNKS
    const int parts = K_CHUNKS;
    real *u = work, *sums = u + K_CHUNKS * size_u;
#pragma omp for schedule(static)
    for (int chunk = 0; chunk < K_CHUNKS; chunk++) {
        /* scratch of the thread's own: chunks go to the first K_CHUNKS threads only */
        real *v = sums + K_CHUNKS * K_CO + nt_worker() * (size_v + size_m);
        k_chunk((int)((int64_t)tiles * chunk / K_CHUNKS), (int)((int64_t)tiles * (chunk + 1) / K_CHUNKS), x, dy, v,
                v + size_v, u + chunk * size_u, sums + chunk * K_CO);
    }
#pragma omp for schedule(static)
    for (int position = 0; position < positions; position++) {
        for (int chunk = 1; chunk < K_CHUNKS; chunk++) {
            real *to = u + position * K_CI * K_CO;
            for (int i = 0; i < K_CI * K_CO; i += VL)
                v_store(to + i, v_add(v_load(to + i), v_load(to + chunk * size_u + i)));
        }
    }
#else
    const int parts = (K_TB + K_TG - 1) / K_TG, blocks = (tiles + K_TB - 1) / K_TB;
    real *v = work, *m = v + size_v, *u = m + size_m, *sums = u + size_u;
    for (int block = 0; block < blocks; block++) {
        int begin = (int)((int64_t)tiles * block / blocks), end = (int)((int64_t)tiles * (block + 1) / blocks);
#pragma omp for schedule(static)
        for (int item = 0; item < 2 * parts; item++) {
            int at = item / 2 * K_TG, from = begin + at < end ? begin + at : end, to = end - from < K_TG ? end : from + K_TG;
            if (item % 2 == 0)
                k_group_x(from, to, at, x, v);
            else
                k_group_dy(from, to, at, block == 0, dy, m, sums + item / 2 * K_CO);
        }
#pragma omp for schedule(static)
        for (int item = 0; item < positions * panels; item++)
            k_panel_at(item / panels, item % panels * K_NR, end - begin, block == 0, v, m, NULL, 0, u);
    }
#endif
#pragma omp for schedule(static)
    for (int item = 0; item < panels * K_CI; item++) {
        int channel = item / K_CI * K_NR, ci = item % K_CI, width = K_CO - channel < K_NR ? K_CO - channel : K_NR;
        for (int c = 0; c < width; c += VL)
            k_finish(u + channel * K_CI + ci * width + c, size_u / positions,
                     dw + (ptrdiff_t)taps * channel * K_CI + ci * width + c, (ptrdiff_t)K_CI * width);
        for (int c = 0; K_BIAS && ci == 0 && c < width; c += VL) {
            vf sum = v_zero();
            for (int part = 0; part < parts; part++)
                sum = v_add(sum, v_load(sums + part * K_CO + channel + c));
            v_store(db + channel + c, sum);
        }
    }
}
/* kernel } */
