/* to_vector_dx.k.c - a plain vector as a volume: dx[h,w,c] = dy[(c*H + h)*W + w], the gradient of to_vector.
 *
 *   dy   vectors of K_H*K_W*K_C values, K_DY_S elements between samples
 *   K_STORE(v, n, h, w, c)   takes VL channels of the volume; its padded lanes are zero
 *
 * Ints: K_H K_W K_C, K_CP (C up to a multiple of VL), K_DY_S. */
#include "../simd.h"

#ifndef K_H
#define K_H 4
#define K_W 4
#define K_C 10
#define K_CP 16
#define K_DY_S 160
#define K_DX_S 256
#define K_DX_R 64
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
    for (int row = 0; row < n * K_H; row++) {
        const int i = row / K_H, h = row % K_H;
        for (int w = 0; w < K_W; w++) {
            const real *from = dy + (size_t)i * K_DY_S + h * K_W + w;
            for (int c = 0; c < K_CP; c += VL) {
                real lanes[VL];
                for (int l = 0; l < VL; l++) {
                    lanes[l] = c + l < K_C ? from[(c + l) * (K_H * K_W)] : 0;
                }
                K_STORE(v_load(lanes), i, h, w, c);
            }
        }
    }
}
/* kernel } */
