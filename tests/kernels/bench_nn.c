/* bench_nn.c - memory throughput of the kernels other than the products, on shapes of ResNet-20, VGG and AlexNet.
 *
 * Prints, for each, the bytes it must move (every tensor once), and GB/s with one thread and with two: the best of
 * several runs, after one that warms up. The first lines copy memory, for comparison. An argument shows only the lines
 * that contain it.
 *
 *   cc -std=c11 -D_POSIX_C_SOURCE=200809L -O3 -mavx2 -mfma -DNT_TARGET_AVX2 -fopenmp bench_nn.c -lm */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../runtime/simd.h"

/* A kernel's constants: each case has its own, which the C compiler folds as it does an emitted model's. */
typedef struct shape {
    int in_h, in_w, out_h, out_w, kh, sh, pt; /* windows are square */
    int c, cp;                                /* channels of the output (and the input, but for maxout) */
    int x_s, x_r, x_p, y_s, y_r, y_p;
} shape;

/* Window K at stride S, padding P, over H x H pixels of C channels; tensors without halo. */
#define POOL(H, C, K, S, P)                                                                                    \
    {H, H, ((H) + 2 * (P) - (K)) / (S) + 1, ((H) + 2 * (P) - (K)) / (S) + 1, K, S, P, C, C, (H) * (H) * (C),    \
     (H) * (C), C, (((H) + 2 * (P) - (K)) / (S) + 1) * (((H) + 2 * (P) - (K)) / (S) + 1) * (C),                 \
     (((H) + 2 * (P) - (K)) / (S) + 1) * (C), C}
/* H x H pixels of C channels, CP with padding. */
#define SAME(H, C, CP) {H, H, H, H, 1, 1, 0, C, CP, (H) * (H) * (CP), (H) * (CP), CP, (H) * (H) * (CP), (H) * (CP), CP}

static const shape pool_vgg = POOL(112, 128, 2, 2, 0), pool_alexnet = POOL(55, 96, 3, 2, 0);
static const shape pool_inception = POOL(28, 192, 3, 1, 1), global_resnet20 = POOL(8, 64, 8, 8, 0);
static const shape global_resnet50 = POOL(7, 512, 7, 7, 0);
static const shape norm_alexnet = SAME(27, 96, 96), batch_small = SAME(32, 16, 16), batch_large = SAME(8, 64, 64);
static const shape batch_wide = SAME(7, 512, 512), dense_4096 = SAME(1, 4096, 4096);
static const shape classes_10 = SAME(1, 10, 16), classes_1000 = SAME(1, 1000, 1000);
static const shape pieces_2 = {1, 1, 1, 1, 1, 1, 0, 240, 240, 480, 480, 480, 240, 240, 240};
static const shape shortcut_resnet20 = {32, 32, 16, 16, 1, 2, 0, 16, 32,
                                        32 * 32 * 16, 32 * 16, 16, 16 * 16 * 32, 16 * 32, 32};

#define K_IN_H k.in_h
#define K_IN_W k.in_w
#define K_OUT_H k.out_h
#define K_OUT_W k.out_w
#define K_H k.in_h
#define K_W k.in_w
#define K_KH k.kh
#define K_KW k.kh
#define K_SH k.sh
#define K_SW k.sh
#define K_STRIDE k.sh
#define K_PT k.pt
#define K_PL k.pt
#define K_ROOT 0
#define K_C k.c
#define K_CP k.cp
#define K_X_S k.x_s
#define K_X_R k.x_r
#define K_X_P k.x_p
#define K_DX_S k.x_s
#define K_DX_R k.x_r
#define K_DX_P k.x_p
#define K_Y_S k.y_s
#define K_Y_R k.y_r
#define K_Y_P k.y_p
#define K_DY_S k.y_s
#define K_DY_R k.y_r
#define K_DY_P k.y_p
#define K_IN_C k.c
#define K_IN_CP k.x_p
#define K_FROM 8
#define K_PIECES 2
#define K_DX_CP k.x_p
#define K_ARG 1
#define K_CHUNKS 64
#define K_SIZE 5
#define K_ALPHA 1e-4
#define K_BETA 0.75
#define K_K 2.0
#define K_EPS 1e-5
#define K_MOMENTUM 0.9
#define K_WITH_GRAD 1
#define K_WEIGHT 1.0
#define K_SMOOTHING 0.0
#define K_BETA1 0.9
#define K_BETA2 0.999

#define JOIN(a, b) a##b
#define NAMED(case, part) JOIN(case, part)
#define k_main NAMED(CASE, _main)
#define k_window NAMED(CASE, _window)
#define k_windows NAMED(CASE, _windows)
#define k_channels NAMED(CASE, _channels)
#define k_power NAMED(CASE, _power)
#define k_masked NAMED(CASE, _masked)
#define k_target NAMED(CASE, _target)
#define k_run NAMED(CASE, _run)
#define k_combine NAMED(CASE, _combine)
#define k_rates NAMED(CASE, _rates)
#define k_rule NAMED(CASE, _rule)
#define k_clipped NAMED(CASE, _clipped)

/* Forward kernels write y, backward ones dx. */
#define K_ARGS , real *restrict y
#define K_PASS , y
#define K_STORE(v, n, h, w, c) v_store(y + (size_t)(n) * K_Y_S + (h) * K_Y_R + (w) * K_Y_P + (c), v)

enum { ELEMENTS = 8 << 20 }; /* of each buffer */

#define CASE maxpool_vgg
#define k pool_vgg
#include "../../runtime/kernels/maxpool.k.c"
#undef CASE
#undef k
#define CASE maxpool_alexnet
#define k pool_alexnet
#include "../../runtime/kernels/maxpool.k.c"
#undef CASE
#undef k
#define CASE maxpool_inception
#define k pool_inception
#include "../../runtime/kernels/maxpool.k.c"
#undef CASE
#undef k
#define CASE maxpool_global
#define k global_resnet50
#include "../../runtime/kernels/maxpool.k.c"
#undef CASE
#undef k
#define CASE avgpool_vgg
#define k pool_vgg
#include "../../runtime/kernels/avgpool.k.c"
#undef CASE
#undef k
#define CASE avgpool_alexnet
#define k pool_alexnet
#include "../../runtime/kernels/avgpool.k.c"
#undef CASE
#undef k
#define CASE avgpool_resnet20
#define k global_resnet20
#include "../../runtime/kernels/avgpool.k.c"
#undef CASE
#undef k
#define CASE avgpool_resnet50
#define k global_resnet50
#include "../../runtime/kernels/avgpool.k.c"
#undef CASE
#undef k
#define CASE lrn_alexnet
#define k norm_alexnet
#include "../../runtime/kernels/lrn.k.c"
#undef CASE
#undef k
#define CASE softmax_10
#define k classes_10
#include "../../runtime/kernels/softmax.k.c"
#undef CASE
#undef k
#define CASE softmax_1000
#define k classes_1000
#include "../../runtime/kernels/softmax.k.c"
#undef CASE
#undef k
#define CASE maxout_240
#define k pieces_2
#include "../../runtime/kernels/maxout.k.c"
#undef CASE
#undef k
#define CASE shortcut
#define k shortcut_resnet20
#include "../../runtime/kernels/pad_shortcut.k.c"
#undef CASE
#undef k

#undef K_ARGS
#undef K_PASS
#undef K_STORE
#define K_ARGS , real *restrict dx
#define K_PASS , dx
#define K_STORE(v, n, h, w, c) v_store(dx + (size_t)(n) * K_DX_S + (h) * K_DX_R + (w) * K_DX_P + (c), v)

#define CASE maxpool_dx_vgg
#define k pool_vgg
#include "../../runtime/kernels/maxpool_dx.k.c"
#undef CASE
#undef k
#define CASE maxpool_dx_alexnet
#define k pool_alexnet
#include "../../runtime/kernels/maxpool_dx.k.c"
#undef CASE
#undef k
#define CASE maxpool_dx_inception
#define k pool_inception
#include "../../runtime/kernels/maxpool_dx.k.c"
#undef CASE
#undef k
#define CASE avgpool_dx_vgg
#define k pool_vgg
#include "../../runtime/kernels/avgpool_dx.k.c"
#undef CASE
#undef k
#define CASE avgpool_dx_resnet20
#define k global_resnet20
#include "../../runtime/kernels/avgpool_dx.k.c"
#undef CASE
#undef k
#define CASE lrn_dx_alexnet
#define k norm_alexnet
#include "../../runtime/kernels/lrn_dx.k.c"
#undef CASE
#undef k
#define CASE softmax_dx_1000
#define k classes_1000
#include "../../runtime/kernels/softmax_dx.k.c"
#undef CASE
#undef k
#define CASE cross_entropy_10
#define k classes_10
#include "../../runtime/kernels/cross_entropy.k.c"
#undef CASE
#undef k
#define CASE cross_entropy_1000
#define k classes_1000
#include "../../runtime/kernels/cross_entropy.k.c"
#undef CASE
#undef k
#define CASE mse_1000
#define k classes_1000
#include "../../runtime/kernels/mse.k.c"
#undef CASE
#undef k
#define CASE maxout_dx_240
#define k pieces_2
#include "../../runtime/kernels/maxout_dx.k.c"
#undef CASE
#undef k
#define CASE shortcut_dx
#define k shortcut_resnet20
#include "../../runtime/kernels/pad_shortcut_dx.k.c"
#undef CASE
#undef k

#undef K_ARGS
#undef K_PASS
#define K_ARGS
#define K_PASS
#define CASE bn_stats_16
#define k batch_small
#include "../../runtime/kernels/bn_stats.k.c"
#undef CASE
#undef k
#define CASE bn_stats_64
#define k batch_large
#include "../../runtime/kernels/bn_stats.k.c"
#undef CASE
#undef k
#define CASE bn_stats_512
#define k batch_wide
#include "../../runtime/kernels/bn_stats.k.c"
#undef CASE
#undef k
#define CASE bn_stats_4096
#define k dense_4096
#include "../../runtime/kernels/bn_stats.k.c"
#undef CASE
#undef k
#define CASE bn_sums_16
#define k batch_small
#include "../../runtime/kernels/bn_dx_sums.k.c"
#undef CASE
#undef k
#define CASE bn_sums_512
#define k batch_wide
#include "../../runtime/kernels/bn_dx_sums.k.c"
#undef CASE
#undef k
#define K_COUPLED 1
#define K_NOISE 0
#define K_CLIP_VALUE 0.0
#define K_CLIP_SIGN 0.0
#define K_SLOT (ELEMENTS + 256) /* c and d */
#define CASE sgd
#include "../../runtime/kernels/sgd.k.c"
#include "../../runtime/kernels/optimizer.k.c"
#undef CASE
#define CASE momentum
#define K_NESTEROV 0
#include "../../runtime/kernels/momentum.k.c"
#include "../../runtime/kernels/optimizer.k.c"
#undef CASE
#define CASE adagrad
#include "../../runtime/kernels/adagrad.k.c"
#include "../../runtime/kernels/optimizer.k.c"
#undef CASE
#define CASE adam
#include "../../runtime/kernels/adam.k.c"
#include "../../runtime/kernels/optimizer.k.c"
#undef CASE

#undef K_ARGS
#undef K_PASS
#define K_ARGS , const real *restrict x
#define K_PASS , x
#define K_LOAD(v, n, h, w, c) v = v_load(x + (size_t)(n) * K_X_S + (h) * K_X_R + (w) * K_X_P + (c))
#define CASE sum_16
#define k batch_small
#include "../../runtime/kernels/channel_sum.k.c"
#undef CASE
#undef k
#define CASE sum_512
#define k batch_wide
#include "../../runtime/kernels/channel_sum.k.c"
#undef CASE
#undef k
#define CASE sum_4096
#define k dense_4096
#include "../../runtime/kernels/channel_sum.k.c"
#undef CASE
#undef k

static real *a, *b, *c, *d;
static uint8_t *arg;
static int32_t labels[1024];

/* The cases: a label, elements moved (`bytes` of arg counted apart) and the call. */
typedef void (*call)(void);
typedef struct bench {
    const char *label;
    double bytes;
    call run;
} bench;

static void copy_small(void)
{
#pragma omp for schedule(static)
    for (int block = 0; block < 16; block++)
        memcpy(b + block * 4096, a + block * 4096, 4096 * sizeof *a);
}

static void copy_large(void)
{
#pragma omp for schedule(static)
    for (int block = 0; block < 16; block++)
        memcpy(b + block * (ELEMENTS / 16), a + block * (ELEMENTS / 16), ELEMENTS / 16 * sizeof *a);
}

static void run_maxpool_vgg(void) { maxpool_vgg_main(2, a, arg, b); }
static void run_maxpool_alexnet(void) { maxpool_alexnet_main(8, a, arg, b); }
static void run_maxpool_inception(void) { maxpool_inception_main(8, a, arg, b); }
static void run_maxpool_global(void) { maxpool_global_main(32, a, arg, b); }
static void run_maxpool_dx_vgg(void) { maxpool_dx_vgg_main(2, b, arg, a); }
static void run_maxpool_dx_alexnet(void) { maxpool_dx_alexnet_main(8, b, arg, a); }
static void run_maxpool_dx_inception(void) { maxpool_dx_inception_main(8, b, arg, a); }
static void run_avgpool_vgg(void) { avgpool_vgg_main(2, a, b); }
static void run_avgpool_alexnet(void) { avgpool_alexnet_main(8, a, b); }
static void run_avgpool_resnet20(void) { avgpool_resnet20_main(128, a, b); }
static void run_avgpool_resnet50(void) { avgpool_resnet50_main(32, a, b); }
static void run_avgpool_dx_vgg(void) { avgpool_dx_vgg_main(2, b, a); }
static void run_avgpool_dx_resnet20(void) { avgpool_dx_resnet20_main(128, b, a); }
static void run_lrn(void) { lrn_alexnet_main(8, a, b); }
static void run_lrn_dx(void) { lrn_dx_alexnet_main(8, a, b, c); }
static void run_softmax_10(void) { softmax_10_main(256, a, b); }
static void run_softmax_1000(void) { softmax_1000_main(128, a, b); }
static void run_softmax_dx_1000(void) { softmax_dx_1000_main(128, a, b, c); }
static void run_cross_entropy_10(void) { cross_entropy_10_main(256, a, labels, NULL, d, b); }
static void run_cross_entropy_1000(void) { cross_entropy_1000_main(128, a, labels, NULL, d, b); }
static void run_mse_1000(void) { mse_1000_main(128, a, labels, NULL, d, b); }
static void run_maxout(void) { maxout_240_main(256, a, arg, b); }
static void run_maxout_dx(void) { maxout_dx_240_main(256, b, arg, a); }
static void run_shortcut(void) { shortcut_main(128, a, b); }
static void run_shortcut_dx(void) { shortcut_dx_main(128, b, a); }
static void run_bn_stats_16(void) { bn_stats_16_main(128, a, c, c + 16, c + 32, c + 48, 1, d); }
static void run_bn_stats_64(void) { bn_stats_64_main(128, a, c, c + 64, c + 128, c + 192, 1, d); }
static void run_bn_stats_512(void) { bn_stats_512_main(32, a, c, c + 512, c + 1024, c + 1536, 1, d); }
static void run_bn_stats_4096(void) { bn_stats_4096_main(64, a, c, c + 4096, c + 8192, c + 12288, 1, d); }
static void run_bn_sums_16(void) { bn_sums_16_main(128, b, a, c, c + 16, c + 32, c + 48, d); }
static void run_bn_sums_512(void) { bn_sums_512_main(32, b, a, c, c + 512, c + 1024, c + 1536, d); }
static void run_sum_16(void) { sum_16_main(128, c, d, a); }
static void run_sum_512(void) { sum_512_main(32, c, d, a); }
static void run_sum_4096(void) { sum_4096_main(64, c, d, a); }
/* A pass of a rate too small to change anything. */
static nt_pass update_pass(void)
{
    return (nt_pass){.params = a, .grads = b, .state = c, .lr = 1e-9, .momentum = 0.9, .clip_scale = 1, .update_step = 1};
}

static void run_sgd_small(void) { const nt_pass p = update_pass(); sgd_main(&p, 0, 65024, 1, 0, 0); }
static void run_sgd(void) { const nt_pass p = update_pass(); sgd_main(&p, 0, ELEMENTS, 1, 0, 0); }
static void run_momentum_small(void) { const nt_pass p = update_pass(); momentum_main(&p, 0, 65024, 1, 1e-4, 0); }
static void run_momentum(void) { const nt_pass p = update_pass(); momentum_main(&p, 0, ELEMENTS, 1, 1e-4, 0); }
static void run_adagrad(void) { const nt_pass p = update_pass(); adagrad_main(&p, 0, ELEMENTS, 1, 1e-4, 0); }
static void run_adam_small(void) { const nt_pass p = update_pass(); adam_main(&p, 0, 65024, 1, 0, 0); }
static void run_adam(void) { const nt_pass p = update_pass(); adam_main(&p, 0, ELEMENTS, 1, 0, 0); }

#define MAXPOOL_BYTES(n, shape) ((n) * (4.0 * (shape).x_s + 5.0 * (shape).y_s))
#define POOL_BYTES(n, shape) ((n) * (4.0 * (shape).x_s + 4.0 * (shape).y_s))

static double seconds(void)
{
    struct timespec t;
    if (timespec_get(&t, TIME_UTC) != TIME_UTC) {
        fprintf(stderr, "bench_nn: no clock\n");
        exit(1);
    }
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* GB/s of the best of eight batches of calls by a team of so many threads. */
static double throughput(const bench *bench, int team)
{
    (void)team; /* without OpenMP */
    double best = 0;
    const int repeats = (int)(30e6 / bench->bytes) + 1;
#pragma omp parallel num_threads(team)
    {
        for (int round = 0; round < 9; round++) {
            double start = 0;
#pragma omp barrier
#pragma omp master
            start = seconds();
            for (int r = 0; r < repeats; r++)
                bench->run();
#pragma omp master
            {
                const double rate = bench->bytes * repeats / (seconds() - start) / 1e9;
                best = round > 0 && rate > best ? rate : best;
            }
        }
    }
    return best;
}

int main(int argc, char **argv)
{
    /* Buffers at different places of their pages: kernels that walk through several at the same offset in a page can
     * run at a sixth of their speed on processors that guess a line's place in the cache from its address. */
    const size_t stagger = 256;
    real *memory = aligned_alloc(4096, 4 * (ELEMENTS + 1024) * sizeof *memory);
    arg = malloc(ELEMENTS);
    if (!memory || !arg) {
        fprintf(stderr, "bench_nn: out of memory\n");
        return 1;
    }
    a = memory, b = a + ELEMENTS + stagger, c = b + ELEMENTS + stagger, d = c + ELEMENTS + stagger;
    uint32_t bits = 1;
    for (int e = 0; e < ELEMENTS; e++) {
        bits = bits * 1664525 + 1013904223;
        a[e] = (real)(bits >> 8) * (real)0x1p-23 - 1;
        b[e] = (real)(bits >> 20) * (real)0x1p-12;
        c[e] = d[e] = 0;
        arg[e] = (uint8_t)((bits >> 24) % 4);
    }
    for (int i = 0; i < 1024; i++)
        labels[i] = i % 10;

    const bench all[] = {
        {"copy 256 KB", 2 * 65536 * 4, copy_small},
        {"copy 32 MB", 2.0 * ELEMENTS * 4, copy_large},
        {"maxpool 2x2/2 112x112x128", MAXPOOL_BYTES(2, pool_vgg), run_maxpool_vgg},
        {"maxpool 3x3/2 55x55x96", MAXPOOL_BYTES(8, pool_alexnet), run_maxpool_alexnet},
        {"maxpool 3x3/1 28x28x192", MAXPOOL_BYTES(8, pool_inception), run_maxpool_inception},
        {"maxpool global 7x7x512", MAXPOOL_BYTES(32, global_resnet50), run_maxpool_global},
        {"maxpool_dx 2x2/2 112x112x128", MAXPOOL_BYTES(2, pool_vgg), run_maxpool_dx_vgg},
        {"maxpool_dx 3x3/2 55x55x96", MAXPOOL_BYTES(8, pool_alexnet), run_maxpool_dx_alexnet},
        {"maxpool_dx 3x3/1 28x28x192", MAXPOOL_BYTES(8, pool_inception), run_maxpool_dx_inception},
        {"avgpool 2x2/2 112x112x128", POOL_BYTES(2, pool_vgg), run_avgpool_vgg},
        {"avgpool 3x3/2 55x55x96", POOL_BYTES(8, pool_alexnet), run_avgpool_alexnet},
        {"avgpool global 8x8x64", POOL_BYTES(128, global_resnet20), run_avgpool_resnet20},
        {"avgpool global 7x7x512", POOL_BYTES(32, global_resnet50), run_avgpool_resnet50},
        {"avgpool_dx 2x2/2 112x112x128", POOL_BYTES(2, pool_vgg), run_avgpool_dx_vgg},
        {"avgpool_dx global 8x8x64", POOL_BYTES(128, global_resnet20), run_avgpool_dx_resnet20},
        {"lrn 5 27x27x96", POOL_BYTES(8, norm_alexnet), run_lrn},
        {"lrn_dx 5 27x27x96", POOL_BYTES(8, norm_alexnet) * 1.5, run_lrn_dx},
        {"softmax 10", POOL_BYTES(256, classes_10), run_softmax_10},
        {"softmax 1000", POOL_BYTES(128, classes_1000), run_softmax_1000},
        {"softmax_dx 1000", POOL_BYTES(128, classes_1000) * 1.5, run_softmax_dx_1000},
        {"cross_entropy 10", POOL_BYTES(256, classes_10), run_cross_entropy_10},
        {"cross_entropy 1000", POOL_BYTES(128, classes_1000), run_cross_entropy_1000},
        {"mse 1000", POOL_BYTES(128, classes_1000), run_mse_1000},
        {"maxout 2 of 480", MAXPOOL_BYTES(256, pieces_2), run_maxout},
        {"maxout_dx 2 of 480", MAXPOOL_BYTES(256, pieces_2), run_maxout_dx},
        {"pad_shortcut 32x32x16 -> 16x16x32", 128 * 6.0 * shortcut_resnet20.y_s, run_shortcut},
        {"pad_shortcut_dx", 128 * (4.0 * shortcut_resnet20.x_s + 2.0 * shortcut_resnet20.y_s), run_shortcut_dx},
        {"bn_stats 32x32x16", 4.0 * 128 * batch_small.x_s, run_bn_stats_16},
        {"bn_stats 8x8x64", 4.0 * 128 * batch_large.x_s, run_bn_stats_64},
        {"bn_stats 7x7x512", 4.0 * 32 * batch_wide.x_s, run_bn_stats_512},
        {"bn_stats 1x1x4096", 4.0 * 64 * dense_4096.x_s, run_bn_stats_4096},
        {"bn_dx_sums 32x32x16", 8.0 * 128 * batch_small.x_s, run_bn_sums_16},
        {"bn_dx_sums 7x7x512", 8.0 * 32 * batch_wide.x_s, run_bn_sums_512},
        {"channel_sum 32x32x16", 4.0 * 128 * batch_small.x_s, run_sum_16},
        {"channel_sum 7x7x512", 4.0 * 32 * batch_wide.x_s, run_sum_512},
        {"channel_sum 1x1x4096", 4.0 * 64 * dense_4096.x_s, run_sum_4096},
        {"sgd 65,000", 12.0 * 65000, run_sgd_small},
        {"sgd 8 M", 12.0 * ELEMENTS, run_sgd},
        {"momentum 65,000", 20.0 * 65000, run_momentum_small},
        {"momentum 8 M", 20.0 * ELEMENTS, run_momentum},
        {"adagrad 8 M", 20.0 * ELEMENTS, run_adagrad},
        {"adam 65,000", 28.0 * 65000, run_adam_small},
        {"adam 8 M", 28.0 * ELEMENTS, run_adam},
    };
    printf("%-36s %10s %10s %10s\n", "", "MB", "1: GB/s", "2: GB/s");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (argc < 2 || strstr(all[i].label, argv[1]))
            printf("%-36s %10.3f %10.1f %10.1f\n", all[i].label, all[i].bytes / 1e6, throughput(&all[i], 1),
                   throughput(&all[i], 2));
    free(memory), free(arg);
    return 0;
}
