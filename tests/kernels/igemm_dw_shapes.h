/* igemm_dw_shapes.h - what the tests of igemm_dw.k.c share: the kernel's constants, which are variables here. */
#include "igemm_shapes.h"

static int K_OUT_H, K_OUT_W, K_IN_S, K_IN_R, K_IN_P, K_IN_G, K_DY_S, K_DY_R, K_DY_P, K_DY_G, K_GROUPS, K_TAPS, K_RUN,
    K_CO, K_NR, K_MR;
static int K_MB, K_PB, K_KS, K_BIAS;
static int K_TAP[512];
#define K_OUT_H K_OUT_H /* tells the kernel that its constants are given */

#define K_LAST (K_CO % K_NR)

static void set_constants(const layer *l, const tensor *x, const tensor *dy)
{
    K_OUT_H = l->oh;
    K_OUT_W = l->ow;
    K_IN_S = x->s;
    K_IN_R = l->sh * x->r;
    K_IN_P = l->sw * x->p;
    K_IN_G = l->ci;
    K_DY_S = dy->s;
    K_DY_R = dy->r;
    K_DY_P = dy->p;
    K_DY_G = l->co_padded;
    K_GROUPS = l->groups;
    K_TAPS = l->kh * l->kw;
    K_RUN = l->ci;
    for (int i = 0; i < l->kh; i++)
        for (int j = 0; j < l->kw; j++)
            K_TAP[i * l->kw + j] = i * l->dh * x->r + j * l->dw * x->p;
    K_CO = l->co_padded;
    static const int tiles[][2] = {{6, 2}, {6, 2}, {4, 3}, {8, 1}, {12, 1}, {1, 1}, {2, 4}, {3, 2}, {14, 2}, {5, 1}};
    int t = random_int(0, 9);
    K_MR = tiles[t][0];
    K_NR = tiles[t][1] * VL;
    K_MB = random_int(1, 60);
    K_PB = random_int(1, 3);
    K_KS = random_int(1, 120);
    K_BIAS = random_int(0, 1);
}
