/* pack_dx.k.c - turns a convolution's forward panels into those that igemm.k.c needs for the gradient to the input.
 *
 * For rows (columns likewise) with stride s, window row i, dilation d, padding p, the gradient to the input is
 *   dx[h][ci] = sum over i, oh, co with  oh*s + i*d - p = h  of  dy[oh][co] * w[i][ci][co]
 * Rows h = a + s*m, a = 0..s-1, form phase a. Window row i reaches it if (a + p - i*d) mod s = 0, and then
 * oh = m + (a + p - i*d)/s: within a phase the gradient is a product of stride 1 over dy with a fixed list of taps. So
 * each pair (a, b) of row and column phase is one call of igemm.k.c, with, for the phase,
 *
 *   K_OUT_H = ceil((H - a)/s_h), K_OUT_W = ceil((W - b)/s_w); the hook's (h, w) is dx's (a + s_h*h, b + s_w*w)
 *   x = dy's first pixel; K_IN_S, K_IN_R, K_IN_P = dy's strides; K_IN_G = elements between dy's groups
 *   K_RUN = K_CO_REAL; K_TAP[t] = ((a + p_h - i*d_h)/s_h)*R + ((b + p_w - j*d_w)/s_w)*P for the t-th tap (i, j)
 *   K_CO = K_CI padded to VL; K_NR = K_DX_NR
 *
 * K_TAP has offsets of both signs: dy needs a zero halo wherever these rows and columns leave it, which are the rows
 * from (a + p - i*d)/s to K_OUT_H - 1 + (a + p - i*d)/s, over all phases and taps.
 * Phases are numbered a*s_w + b; taps in a phase are ordered by i, then j. A phase without taps (s > window) has
 * gradient zero. Stride 1 is one phase of all taps. (A dense layer needs no packing: see dense_dx.k.c.)
 *
 * Tables: K_ORDER[q] is the window tap i*kw + j at position q of all phases' lists laid end to end, and
 * K_BEGIN[f]..K_BEGIN[f+1]-1 are the positions of phase f. tests/kernels/test_igemm_dx.c computes them in C (plan_dx).
 *
 * w: [group][panel of K_NR co][tap][ci < K_CI][width], K_CO a group (padded).
 * out, for each phase f from K_BEGIN[f] * K_GROUPS * K_CO_REAL * padded(K_CI) on:
 *   [group][panel of K_DX_NR ci][tap of the phase][co < K_CO_REAL][width], zero for the ci that pad K_CI.
 * In all that is K_TAPS * K_GROUPS * K_CO_REAL * padded(K_CI) elements. */
#include "../simd.h"
#ifndef K_TAPS
#define K_GROUPS 1
#define K_TAPS 9
#define K_CI 20 /* input channels of a group */
#define K_CO 24 /* output channels of a group, padded */
#define K_CO_REAL 23
#define K_NR 16    /* width of w's panels */
#define K_DX_NR 16 /* width of out's */
#define K_PHASES 4
static const int K_BEGIN[] = {0, 1, 3, 5, 9};
static const int K_ORDER[] = {4, 3, 5, 1, 7, 0, 2, 6, 8};
#endif
/* kernel { */
static void k_main(const real *restrict w, real *restrict out)
{
    const int channels = (K_CI + VL - 1) / VL * VL, panels = (channels + K_DX_NR - 1) / K_DX_NR;
#pragma omp for schedule(static)
    for (int item = 0; item < K_TAPS * K_GROUPS * panels; item++) {
        int panel = item % panels, group = item / panels % K_GROUPS, position = item / panels / K_GROUPS, phase = 0;
        while (position >= K_BEGIN[phase + 1])
            phase++;
        int phase_taps = K_BEGIN[phase + 1] - K_BEGIN[phase], c = panel * K_DX_NR;
        int width = channels - c < K_DX_NR ? channels - c : K_DX_NR;
        real *to = out
                   + (ptrdiff_t)K_CO_REAL
                         * (K_BEGIN[phase] * K_GROUPS * channels + phase_taps * (group * channels + c)
                            + (position - K_BEGIN[phase]) * width);
        for (int co = 0; co < K_CO_REAL; co += VL, to += VL * width) {
            int first = co / K_NR * K_NR, from_width = K_CO - first < K_NR ? K_CO - first : K_NR;
            const real *from = w + (ptrdiff_t)K_TAPS * K_CI * (group * K_CO + first)
                               + (ptrdiff_t)K_ORDER[position] * K_CI * from_width + (co - first);
            for (int j = 0; j < width; j += VL) {
                vf square[VL];
                for (int i = 0; i < VL; i++)
                    square[i] = c + j + i < K_CI ? v_load(from + (ptrdiff_t)(c + j + i) * from_width) : v_zero();
                v_transpose(square);
                for (int i = 0; i < VL; i++)
                    if (co + i < K_CO_REAL)
                        v_store(to + i * width + j, square[i]);
            }
        }
    }
}
/* kernel } */
