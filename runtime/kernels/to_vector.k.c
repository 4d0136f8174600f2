/* to_vector.k.c - a volume as a plain vector in channel, height, width order, which is PyTorch's: y[(c*H + h)*W + w] = x[h,w,c].
 *
 *   x   K_H x K_W pixels of K_C channels, strides K_X_S, K_X_R, K_X_P
 *   K_STORE(v, n, h, w, c)   takes VL values of the vector, h = w = 0; its padded lanes are zero
 *
 * Ints: K_H K_W K_C, K_CP (H*W*C up to a multiple of VL), K_X_S K_X_R K_X_P. */
#include "../simd.h"

#ifndef K_H
#define K_H 4
#define K_W 4
#define K_C 10
#define K_CP 160
#define K_X_S 256
#define K_X_R 64
#define K_X_P 16
#define K_Y_S 160
#endif
#ifndef K_STORE
#define K_ARGS , real *restrict y
#define K_PASS , y
#define K_STORE(v, n, h, w, c) v_store(y + (size_t)(n) * K_Y_S + (c), v)
#endif

/* kernel { */
static void k_main(int n, const real *restrict x K_ARGS)
{
#pragma omp for schedule(static)
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < K_CP; k += VL) {
            real lanes[VL];
            for (int l = 0; l < VL; l++) {
                const int at = k + l;
                lanes[l] = at < K_H * K_W * K_C
                               ? x[(size_t)i * K_X_S + at / K_W % K_H * K_X_R + at % K_W * K_X_P + at / (K_H * K_W)]
                               : 0;
            }
            K_STORE(v_load(lanes), i, 0, 0, k);
        }
    }
}
/* kernel } */
