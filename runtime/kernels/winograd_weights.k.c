/* winograd_weights.k.c - a convolution's forward panels in the space in which winograd.k.c multiplies: U = G g G'
 * for each pair of channels, where g is the 3x3 or 5x5 weights, or for the gradient to the input these turned by half a circle
 * and with the two channels' roles exchanged. See winograd.k.c for the points of interpolation.
 *
 * w: [panel of K_NR co][tap][ci < K_CI][width], K_CO the padded output channels.
 * u, with `rows` channels that are summed over and `channels` that come out:
 *   forward           rows = K_CI,      channels = K_CO
 *   K_BACKWARD = 1    rows = K_CO_REAL, channels = K_CI padded to VL, zero for those that pad
 * [group of K_PG panels of K_U_NR channels][part of K_KB rows][position][panel of the group][row of the part][width],
 * every last one as small as what is left. In all that is K_S^2 * rows * channels elements, the first at a
 * multiple of a vector's size. What the second-level cache cannot keep is written past it, in half the time. */
#include "../simd.h"
#ifndef K_S
#define K_S 6 /* input pixels of a tile's side, 4 or 6 */
#define K_R 3 /* side of the window: 3, or 5 if K_S is 6 */
#define K_BACKWARD 0
#define K_CI 20 /* input channels */
#define K_CO 24 /* output channels, padded */
#define K_CO_REAL 23
#define K_NR 16   /* width of w's panels */
#define K_U_NR 16 /* width of u's */
#define K_KB 16   /* rows of a part, a multiple of VL */
#define K_PG 2    /* panels of a group */
#endif
/* kernel { */

/* t = G g for one line of weights. */
NT_INLINE void k_line(const vf *restrict g, vf *restrict t)
{
    if (K_S == 4) {
        vf even = v_mul(v_set1((real)0.5), v_add(g[0], g[2])), odd = v_mul(v_set1((real)0.5), g[1]);
        t[0] = g[0];
        t[1] = v_add(even, odd);
        t[2] = v_sub(even, odd);
        t[3] = g[2];
    } else { /* a = 11/16, b = 3/2; the scales are 1/(aabb), 1/(2aa(aa - bb)), 1/(2bb(bb - aa)) */
        const real aa = (real)0.47265625, bb = (real)2.25, at_0 = 1 / (aa * bb), at_a = 1 / (2 * aa * (aa - bb)),
                   at_b = 1 / (2 * bb * (bb - aa));
        vf even_a = v_fma(v_set1(at_a * aa), g[2], v_mul(v_set1(at_a), g[0]));
        vf even_b = v_fma(v_set1(at_b * bb), g[2], v_mul(v_set1(at_b), g[0]));
        vf odd_a = v_mul(v_set1(at_a * (real)0.6875), g[1]), odd_b = v_mul(v_set1(at_b * (real)1.5), g[1]);
        if (K_R == 5) {
            even_a = v_fma(v_set1(at_a * aa * aa), g[K_R - 1], even_a);
            even_b = v_fma(v_set1(at_b * bb * bb), g[K_R - 1], even_b);
            odd_a = v_fma(v_set1(at_a * (real)0.324951171875), g[K_R - 2], odd_a); /* a to the third */
            odd_b = v_fma(v_set1(at_b * (real)3.375), g[K_R - 2], odd_b);
        }
        t[0] = v_mul(v_set1(at_0), g[0]);
        t[1] = v_add(even_a, odd_a);
        t[2] = v_sub(even_a, odd_a);
        t[3] = v_add(even_b, odd_b);
        t[4] = v_sub(even_b, odd_b);
        t[5] = g[K_R - 1];
    }
}

/* The weights, g[tap][row], of VL rows from `row` and VL channels from `channel` on, those that exist. */
static inline void k_load(int row, int channel, const real *restrict w, vf (*g)[VL])
{
    int co = K_BACKWARD ? row : channel, ci = K_BACKWARD ? channel : row; /* the first */
    int first = co / K_NR * K_NR, width = K_CO - first < K_NR ? K_CO - first : K_NR;
    for (int tap = 0; tap < K_R * K_R; tap++) {
        const real *from = w + (ptrdiff_t)K_R * K_R * K_CI * first + (ptrdiff_t)(tap * K_CI + ci) * width + (co - first);
        vf *to = g[K_BACKWARD ? K_R * K_R - 1 - tap : tap];
        for (int i = 0; i < VL; i++)
            to[i] = ci + i < K_CI ? v_load(from + i * width) : v_zero();
        if (K_BACKWARD)
            v_transpose(to);
    }
}

static void k_main(const real *restrict w, real *restrict u)
{
    const int rows = K_BACKWARD ? K_CO_REAL : K_CI;
    const int channels = K_BACKWARD ? (K_CI + VL - 1) / VL * VL : K_CO, panels = (channels + K_U_NR - 1) / K_U_NR;
    const int chunks = (rows + VL - 1) / VL, large = 1 << 18;
    vf g[K_R * K_R][VL], line[K_R], lines[K_S][K_R], t[K_S];
    _Alignas(64) real block[K_S * K_S][VL * K_U_NR]; /* [position][row][channel of the panel] */
#pragma omp for schedule(static)
    for (int item = 0; item < panels * chunks; item++) {
        int channel = item / chunks * K_U_NR, row = item % chunks * VL;
        int width = channels - channel < K_U_NR ? channels - channel : K_U_NR;
        int part_rows = rows - row / K_KB * K_KB < K_KB ? rows - row / K_KB * K_KB : K_KB;
        int block_rows = rows - row < VL ? rows - row : VL;
        for (int c = 0; c < width; c += VL) {
            k_load(row, channel + c, w, g);
            for (int r = 0; r < block_rows; r++) {
                for (int i = 0; i < K_R; i++) {
                    for (int j = 0; j < K_R; j++)
                        line[j] = g[i * K_R + j][r];
                    k_line(line, t);
                    for (int j = 0; j < K_S; j++)
                        lines[j][i] = t[j];
                }
                for (int j = 0; j < K_S; j++) {
                    k_line(lines[j], t);
                    for (int i = 0; i < K_S; i++)
                        v_store(block[i * K_S + j] + r * width + c, t[i]);
                }
            }
        }
        int group = channel / (K_PG * K_U_NR) * (K_PG * K_U_NR); /* its first channel, and its width */
        int group_width = channels - group < K_PG * K_U_NR ? channels - group : K_PG * K_U_NR;
        real *to = u + (ptrdiff_t)K_S * K_S * ((ptrdiff_t)rows * group + (ptrdiff_t)group_width * (row / K_KB * K_KB))
                   + (channel - group) * part_rows + row % K_KB * width;
        for (int position = 0; position < K_S * K_S; position++, to += group_width * part_rows) {
            for (int i = 0; i < block_rows * width; i += VL) {
                if ((ptrdiff_t)K_S * K_S * rows * channels > large)
                    v_stream(to + i, v_load(block[position] + i));
                else
                    v_store(to + i, v_load(block[position] + i));
            }
        }
        v_stream_end();
    }
}
/* kernel } */
