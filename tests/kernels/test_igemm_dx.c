/* test_igemm_dx.c - the gradient of convolutions to the input: runtime/kernels/pack_dx.k.c with igemm.k.c, against naive loops.
 * The kernels' constants are variables here; plan_dx() is the reference of how to compute them. */
#include "igemm_shapes.h"

enum { MAX_TAPS = 256, MAX_PHASES = 64 };

static int K_GROUPS, K_TAPS, K_CI, K_CO, K_CO_REAL, K_NR, K_DX_NR, K_PHASES;
static int K_BEGIN[MAX_PHASES + 1], K_ORDER[MAX_TAPS];

#define K_TAPS K_TAPS /* tells the kernel that its constants are given */
#define k_main pack_main
#include "../../runtime/kernels/pack_dx.k.c"
#undef k_main
#define K_NR K_DX_NR /* the product's tile */

static int K_OUT_H, K_OUT_W, K_IN_S, K_IN_R, K_IN_P, K_IN_G, K_RUN, K_MR, K_MB, K_KB;
static int K_TAP[MAX_TAPS];
#define K_OUT_H K_OUT_H           /* tells the kernel that its constants are given */
static int hook_row, hook_column; /* dx row and column of the phase's first pixel */
static const layer *hook_layer;
#define K_LAST (K_CO % K_NR)
#define K_ARGS , const tensor *dx
#define K_PASS , dx
#define K_AHEAD(n, h, w, c) (void)(c)
#define K_STORE(v, n, h, w, c) store(dx, v, n, h, w, c)

static void store(const tensor *dx, vf v, int n, int h, int w, int c)
{
    const layer *l = hook_layer;
    real *p = dx->base + (ptrdiff_t)n * dx->s + (h * l->sh + hook_row) * dx->r + (w * l->sw + hook_column) * dx->p + c;
    v_store(p, v_add(v, v_load(p))); /* dx is zero: a second call would show */
}

#include "../../runtime/kernels/igemm.k.c"
#undef K_NR

typedef struct phase {
    int row, column, out_h, out_w, taps;
    int offset[MAX_TAPS]; /* K_TAP, K_LOW = 0 */
} phase;

/* Phases of a convolution's gradient to the input for a dy of the given strides, in pack_dx's order, with pack_dx's
 * tables and the halo that dy needs: rows before the first and after the last, columns likewise. */
static int plan_dx(const layer *l, int dy_r, int dy_p, phase *phases, int *begin, int *order, int halo[4])
{
    int count = 0, position = 0;
    for (int i = 0; i < 4; i++)
        halo[i] = 0;
    for (int a = 0; a < l->sh; a++) {
        for (int b = 0; b < l->sw; b++) {
            phase *f = &phases[count];
            f->row = a;
            f->column = b;
            f->out_h = a < l->h ? (l->h - a + l->sh - 1) / l->sh : 0;
            f->out_w = b < l->w ? (l->w - b + l->sw - 1) / l->sw : 0;
            f->taps = 0;
            begin[count++] = position;
            for (int i = 0; i < l->kh; i++) {
                for (int j = 0; j < l->kw; j++) {
                    int up = a + l->ph - i * l->dh, left = b + l->pw - j * l->dw;
                    if (up % l->sh != 0 || left % l->sw != 0)
                        continue;
                    int row = up / l->sh, column = left / l->sw; /* exact, also below zero */
                    int past_row = row + f->out_h - l->oh, past_column = column + f->out_w - l->ow;
                    halo[0] = -row > halo[0] ? -row : halo[0];
                    halo[1] = past_row > halo[1] ? past_row : halo[1];
                    halo[2] = -column > halo[2] ? -column : halo[2];
                    halo[3] = past_column > halo[3] ? past_column : halo[3];
                    f->offset[f->taps++] = row * dy_r + column * dy_p;
                    order[position++] = i * l->kw + j;
                }
            }
        }
    }
    begin[count] = position;
    return count;
}

static void random_tile(void)
{
    static const int tiles[][2] = {{6, 2}, {6, 2}, {4, 3}, {8, 1}, {12, 1}, {1, 1}, {2, 4}, {3, 2}, {14, 2}, {5, 1}};
    int t = random_int(0, 9);
    K_MR = tiles[t][0];
    K_DX_NR = tiles[t][1] * VL;
    K_NR = random_int(1, 4) * VL;
    K_MB = random_int(1, 10) * K_MR;
    K_KB = random_int(1, 80);
}

/* dx, which must be zero, in fresh memory. */
static tensor run_convolution(const layer *l, const tensor *dy, const real *w, phase *phases, int count, int threads)
{
    tensor dx = new_tensor(l->n, l->h, l->w, round_up((l->groups - 1) * l->ci_padded + l->ci_padded, VL), 0, 0);
    real *turned = allocate((size_t)(l->kh * l->kw * l->groups * l->co * l->ci_padded) * sizeof(real));
    hook_layer = l;
    K_GROUPS = l->groups;
    K_TAPS = l->kh * l->kw;
    K_CI = l->ci;
    K_CO = l->co_padded;
    K_CO_REAL = l->co;
    K_PHASES = count;
    (void)threads;
#pragma omp parallel num_threads(threads)
    pack_main(w, turned);
    K_IN_S = dy->s;
    K_IN_R = dy->r;
    K_IN_P = dy->p;
    K_IN_G = l->co_padded;
    K_RUN = l->co;
    K_CO = l->ci_padded;
    for (int f = 0; f < count; f++) {
        K_OUT_H = phases[f].out_h;
        K_OUT_W = phases[f].out_w;
        K_TAPS = phases[f].taps;
        hook_row = phases[f].row;
        hook_column = phases[f].column;
        memcpy(K_TAP, phases[f].offset, sizeof K_TAP);
        const real *panels = turned + (size_t)(K_BEGIN[f] * l->groups * l->co * l->ci_padded);
        if (K_OUT_H == 0 || K_OUT_W == 0 || K_TAPS == 0) /* stride beyond a tiny input; pixels that are zeros.k.c's */
            continue;
#pragma omp parallel num_threads(threads)
        k_main(l->n, dy->base, panels, &dx);
    }
    free(turned);
    return dx;
}

static void check(const layer *l, const tensor *dx, const tensor *dy, const real *w)
{
    int rows = l->kh * l->kw * l->ci;
    for (int n = 0; n < l->n; n++) {
        for (int h = 0; h < l->h; h++) {
            for (int v = 0; v < l->w; v++) {
                for (int gc = 0; gc < l->groups * l->ci_padded; gc++) {
                    int g = gc / l->ci_padded, ci = gc % l->ci_padded;
                    double sum = 0;
                    for (int oh = 0; oh < l->oh && ci < l->ci; oh++) {
                        for (int i = 0; i < l->kh; i++) {
                            if (oh * l->sh + i * l->dh - l->ph != h)
                                continue;
                            for (int ow = 0; ow < l->ow; ow++) {
                                for (int j = 0; j < l->kw; j++) {
                                    if (ow * l->sw + j * l->dw - l->pw != v)
                                        continue;
                                    for (int c = 0; c < l->co; c++)
                                        sum += value(dy, n, oh, ow, g * l->co_padded + c)
                                               * (double)w[panel_index(g, (i * l->kw + j) * l->ci + ci, c, rows,
                                                                       l->co_padded, K_NR)];
                                }
                            }
                        }
                    }
                    double got = value(dx, n, h, v, gc);
                    if (got != sum) {
                        print_layer(l);
                        print_message("tile %dx%d from panels of %d, block %d k block %d\n", K_MR, K_DX_NR, K_NR, K_MB,
                                      K_KB);
                        fail_msg("sample %d, pixel %d %d, channel %d: %g instead of %g", n, h, v, gc, got, sum);
                    }
                }
            }
        }
    }
}

static tensor new_dy(const layer *l, int halo_h, int halo_w, int fractions)
{
    tensor dy = new_tensor(l->n, l->oh, l->ow, l->groups * l->co_padded, halo_h, halo_w);
    for (int g = 0; g < l->groups; g++)
        fill_tensor(&dy, l->n, l->oh, l->ow, g * l->co_padded, l->co, fractions);
    return dy;
}

static void test_random_convolutions(void **state)
{
    (void)state;
    static phase phases[MAX_PHASES];
    for (int i = 0; i < 400; i++) {
        layer l = random_layer();
        int halo[4];
        plan_dx(&l, 0, 0, phases, K_BEGIN, K_ORDER, halo);
        tensor dy =
            new_dy(&l, halo[0] > halo[1] ? halo[0] : halo[1], halo[2] > halo[3] ? halo[2] : halo[3], i % 8 == 0);
        int count = plan_dx(&l, dy.r, dy.p, phases, K_BEGIN, K_ORDER, halo);
        random_tile();
        real *w = new_panels(&l, K_NR, i % 8 == 0);
        tensor dx = run_convolution(&l, &dy, w, phases, count, 1);
        if (i % 8 != 0) {
            check(&l, &dx, &dy, w);
        } else { /* fractions: the number of threads does not change a bit */
            tensor other = run_convolution(&l, &dy, w, phases, count, 2);
            assert_memory_equal(dx.memory, other.memory, dx.elements * sizeof(real));
            free(other.memory);
        }
        free(dx.memory);
        free(dy.memory);
        free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_convolutions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
