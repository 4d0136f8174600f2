/* dense_dx.k.c - the gradient of a large dense layer to its input, for few samples: weights are read once, as they
 * lie.
 *
 *   dx[n][p][c] = sum over o of  dy[n][o] * w[p*K_CI + c][o]      p: pixel of the input volume, c: its channel
 *
 * Sample n's outputs begin at dy + n*K_IN_S. w: the layer's forward panels of K_NR outputs, the last K_CO % K_NR
 * wide if that is not 0; a panel is K_PIXELS*K_CI rows of its width. K_CO (the padded outputs, which are zero in
 * dy) and K_NR are multiples of VL.
 *
 * The lanes of a vector of weights are outputs, over which the sum goes. So a sum is a vector while panels pass
 * by, and its lanes are added at the end, VL sums at a time. With samples enough to fill a vector's lanes these are
 * faster: dense_dx_many.k.c.
 *
 * An item of work is K_VB vectors of dx for up to K_MB samples. Its rows of about K_PB panels pass at a time, up
 * to three rows by four samples in registers; from one set of panels to the next the sums rest in the second-level
 * cache. Memory is asked, into that cache, with wide vectors into the first, for what lies K_FAR rows ahead in each
 * panel of the set, and at the end of an item's rows for the next set's. Every output is summed in the order of the
 * panels, whatever n, the sample's place and the number of threads.
 *
 * Hooks: K_STORE(v, n, h, w, c), once for each vector of dx, and K_AHEAD(n, h, w, c) before, for each line of the
 * caches that K_STORE will touch; h and w are 0, c is p*(K_CI padded to VL) + channel. Lanes that pad K_CI are
 * zero. */
#include "../simd.h"
#ifndef K_PIXELS
#define K_IN_S 48 /* elements between samples of dy */
#define K_PIXELS 4
#define K_CI 20  /* channels of a pixel */
#define K_CO 40  /* outputs, padded */
#define K_NR 16  /* width of w's panels */
#define K_LAST 8 /* K_CO % K_NR; not defined if it is 0 */
#define K_MB 8   /* samples of an item */
#define K_VB 4   /* vectors of dx of an item */
#define K_PB 2   /* panels that pass at a time, about */
#define K_FAR 32 /* rows of w between what is used and what is asked for */
#define K_ARGS , real *restrict dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) v_store(dx + (n) * K_PIXELS * ((K_CI + VL - 1) / VL * VL) + (c), v)
#define K_AHEAD(n, h, w, c) nt_prefetch_far(dx, (n) * K_PIXELS * ((K_CI + VL - 1) / VL * VL) + (c))
#endif
/* kernel { */

/* One register tile: adds the products of `samples` samples from dy on and `rows` rows of `panels` panels from w
 * on to the vectors sums[row*K_MB + sample], or sets these if the panels are the `first`. If `ahead` is not 0,
 * asks for the rows that lie so many elements ahead. */
NT_INLINE void k_tile(int samples, int rows, int width, int panels, int first, const real *restrict dy, ptrdiff_t dy_s,
                      const real *restrict w, ptrdiff_t panel_size, ptrdiff_t ahead, real *restrict sums)
{
    vf acc[3][4];
    for (int j = 0; j < rows; j++)
        for (int i = 0; i < samples; i++)
            acc[j][i] = first ? v_zero() : v_load(sums + (j * K_MB + i) * VL);
    for (int panel = 0; panel < panels; panel++) {
        for (int o = 0; o < width; o += VL) {
            vf b[3];
            for (int j = 0; j < rows; j++)
                b[j] = v_held(v_load(w + j * width + o));
            for (int i = 0; i < samples; i++) {
                vf a = v_held(v_load(dy + i * dy_s + o));
                for (int j = 0; j < rows; j++)
                    acc[j][i] = v_fma(a, b[j], acc[j][i]);
            }
        }
        if (ahead)
            for (int line = 0; line < rows * width; line += NT_LINE) {
                if (VL > 8) /* measured to be faster by a tenth; with others the second-level cache was */
                    nt_prefetch(w, ahead + line);
                else
                    nt_prefetch_far(w, ahead + line);
            }
        dy += width;
        w += panel_size;
    }
    for (int j = 0; j < rows; j++)
        for (int i = 0; i < samples; i++)
            v_store(sums + (j * K_MB + i) * VL, acc[j][i]);
}

/* `rows` rows for `count` samples, in tiles as equal as possible; the first asks for memory. */
NT_INLINE void k_samples(int count, int rows, int width, int panels, int first, const real *restrict dy, ptrdiff_t dy_s,
                         const real *restrict w, ptrdiff_t panel_size, ptrdiff_t ahead, real *restrict sums)
{
    for (int left = count, samples; left > 0; left -= samples) {
        const int tiles = (left + 3) / 4;
        samples = (left + tiles - 1) / tiles;
        if (samples == 4)
            k_tile(4, rows, width, panels, first, dy, dy_s, w, panel_size, ahead, sums);
        else if (samples == 3)
            k_tile(3, rows, width, panels, first, dy, dy_s, w, panel_size, ahead, sums);
        else if (samples == 2)
            k_tile(2, rows, width, panels, first, dy, dy_s, w, panel_size, ahead, sums);
        else
            k_tile(1, rows, width, panels, first, dy, dy_s, w, panel_size, ahead, sums);
        ahead = 0;
        dy += samples * dy_s;
        sums += samples * VL;
    }
}

/* The rows of one vector of dx. */
NT_INLINE void k_rows(int count, int rows, int width, int panels, int first, const real *restrict dy, ptrdiff_t dy_s,
                      const real *restrict w, ptrdiff_t panel_size, ptrdiff_t ahead, real *restrict sums)
{
    for (; rows >= 3; rows -= 3) {
        k_samples(count, 3, width, panels, first, dy, dy_s, w, panel_size, ahead, sums);
        w += 3 * width;
        sums += 3 * K_MB * VL;
    }
    if (rows == 2)
        k_samples(count, 2, width, panels, first, dy, dy_s, w, panel_size, ahead, sums);
    else if (rows == 1)
        k_samples(count, 1, width, panels, first, dy, dy_s, w, panel_size, ahead, sums);
}

/* The same for the two widths that a panel may have. Layers share these functions, most of what there is to
 * compile. */
static void k_set(int count, int rows, int panels, int first, const real *restrict dy, ptrdiff_t dy_s,
                  const real *restrict w, ptrdiff_t panel_size, ptrdiff_t ahead, real *restrict sums)
{
    k_rows(count, rows, K_NR, panels, first, dy, dy_s, w, panel_size, ahead, sums);
}

#ifdef K_LAST
static void k_set_last(int count, int rows, int first, const real *restrict dy, ptrdiff_t dy_s, const real *restrict w,
                       ptrdiff_t ahead, real *restrict sums)
{
    k_rows(count, rows, K_LAST, 1, first, dy, dy_s, w, 0, ahead, sums);
}
#endif

static void k_main(int n, const real *restrict dy, const real *restrict w K_ARGS)
{
    const int of_pixel = (K_CI + VL - 1) / VL, vectors = K_PIXELS * of_pixel, slices = (vectors + K_VB - 1) / K_VB;
    const int panels = K_CO / K_NR, sets = (panels + K_PB - 1) / K_PB, blocks = (n + K_MB - 1) / K_MB;
    const ptrdiff_t panel_size = (ptrdiff_t)K_PIXELS * K_CI * K_NR;
    _Alignas(64) real sums[K_VB * VL * K_MB * VL];
#pragma omp for schedule(static)
    for (int item = 0; item < blocks * slices; item++) {
        int block = item / slices, slice = item % slices;
        int first = (int)((int64_t)n * block / blocks), count = (int)((int64_t)n * (block + 1) / blocks) - first;
        int begin = slice * K_VB, end = begin + K_VB < vectors ? begin + K_VB : vectors;
        int row_begin = begin / of_pixel * K_CI + begin % of_pixel * VL;
        int row_end = end / of_pixel * K_CI + end % of_pixel * VL;
        const real *block_dy = dy + (ptrdiff_t)first * K_IN_S;
        for (int s = 0; s < sets; s++) {
            int panel = (int)((int64_t)panels * s / sets), set = (int)((int64_t)panels * (s + 1) / sets) - panel;
            for (int v = begin; v < end; v++) {
                int c = v % of_pixel * VL, row = v / of_pixel * K_CI + c;
                ptrdiff_t ahead = K_FAR * K_NR;
                if (row + K_FAR >= row_end)
                    ahead += set * panel_size - (ptrdiff_t)(row_end - row_begin) * K_NR;
                if (s + 1 == sets && v * VL % NT_LINE == 0)
                    for (int i = 0; i < count; i++)
                        K_AHEAD(first + i, 0, 0, v * VL);
                k_set(count, K_CI - c < VL ? K_CI - c : VL, set, s == 0, block_dy + panel * K_NR, K_IN_S,
                      w + panel * panel_size + (ptrdiff_t)row * K_NR, panel_size, ahead,
                      sums + (v - begin) * VL * K_MB * VL);
            }
        }
#ifdef K_LAST
        for (int v = begin; v < end; v++) {
            int c = v % of_pixel * VL, row = v / of_pixel * K_CI + c;
            k_set_last(count, K_CI - c < VL ? K_CI - c : VL, panels == 0, block_dy + panels * K_NR, K_IN_S,
                       w + panels * panel_size + (ptrdiff_t)row * K_LAST, K_FAR * K_LAST,
                       sums + (v - begin) * VL * K_MB * VL);
        }
#endif
        for (int i = 0; i < count; i++) {
            for (int v = begin; v < end; v++) {
                int rows = K_CI - v % of_pixel * VL;
                vf square[VL];
                for (int j = 0; j < VL; j++)
                    square[j] = j < rows ? v_load(sums + (((v - begin) * VL + j) * K_MB + i) * VL) : v_zero();
                v_transpose(square);
                for (int half = VL / 2; half > 0; half /= 2)
                    for (int j = 0; j < half; j++)
                        square[j] = v_add(square[j], square[j + half]);
                K_STORE(square[0], first + i, 0, 0, v * VL);
            }
        }
    }
}
/* kernel } */
