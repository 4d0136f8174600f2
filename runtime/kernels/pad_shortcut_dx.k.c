/* pad_shortcut_dx.k.c - gradient of pad_shortcut with respect to its input:
 *   dx[n,h,w,c] = dy[n, h/STRIDE, w/STRIDE, c + FROM] where STRIDE divides h and w, else 0.
 *
 *   dy   strides K_DY_S, K_DY_R, K_DY_P
 *   K_STORE(v, n, h, w, c)   takes VL channels of dx, for every pixel of the input once; its padded lanes are zero
 *
 * Ints: K_IN_H K_IN_W, K_IN_C channels of the input, K_IN_CP those up to a multiple of VL, K_FROM, K_STRIDE, K_DY_S
 * K_DY_R K_DY_P. */
#include "../simd.h"

#ifndef K_IN_H
#define K_IN_H 8
#define K_IN_W 8
#define K_IN_C 16
#define K_IN_CP 16
#define K_FROM 8
#define K_STRIDE 2
#define K_DY_S 512
#define K_DY_R 128
#define K_DY_P 32
#define K_DX_S 1024
#define K_DX_R 128
#define K_DX_P 16
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) v_store(dx + (size_t)(n) * K_DX_S + (h) * K_DX_R + (w) * K_DX_P + (c), v)
#endif

/* kernel { */
static void k_main(int n, const real *restrict dy K_ARGS)
{
#pragma omp for schedule(static)
    for (int row = 0; row < n * K_IN_H; row++) {
        const int i = row / K_IN_H, h = row % K_IN_H;
        for (int w = 0; w < K_IN_W; w++) {
            const int taken = h % K_STRIDE == 0 && w % K_STRIDE == 0;
            const real *pixel = dy + (size_t)i * K_DY_S + h / K_STRIDE * K_DY_R + w / K_STRIDE * K_DY_P + K_FROM;
            for (int c = 0; c < K_IN_CP; c += VL) {
                vf v = v_zero();
                if (taken)
                    v = c + VL <= K_IN_C ? v_load(pixel + c) : v_load_n(pixel + c, K_IN_C - c);
                K_STORE(v, i, h, w, c);
            }
        }
    }
}
/* kernel } */
