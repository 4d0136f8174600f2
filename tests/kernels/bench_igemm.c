/* bench_igemm.c - speed of the product kernels on layers of well-known networks, as a share of the machine's peak, one
 * thread.
 *
 *   bench_igemm [-c COMPILER] [-f FLAGS] [-k KERNEL-DIR] [-t SECONDS] [NAME-PART]
 *
 * For each layer whose name contains NAME-PART it chooses constants by the rules below, writes a C file that includes
 * the kernels with them, compiles that as the product's code is compiled, loads it and times forward, gradient to the
 * input (packing included) and gradient of the weights: the best of several runs, in processor time. Samples of the
 * results are compared with naive sums.
 *
 * choose_igemm() and choose_igemm_dw() are the rules for the tuning constants; the compiler's target uses the same. */
#define _POSIX_C_SOURCE 200809L

#include <dlfcn.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../runtime/simd.h"

/* A convolution without groups and dilation; a dense layer is one whose window is the input. */
typedef struct layer {
    const char *name;
    int n, h, w, ci, co, k, stride, pad;
} layer;

static const layer layers[] = {
    {"vgg.conv1_1 224x224x3-64 3x3", 1, 224, 224, 3, 64, 3, 1, 1},
    {"vgg.conv1_2 224x224x64-64 3x3", 1, 224, 224, 64, 64, 3, 1, 1},
    {"alexnet.conv1 227x227x3-96 11x11/4", 4, 227, 227, 3, 96, 11, 4, 0},
    {"resnet.conv1 224x224x3-64 7x7/2", 2, 224, 224, 3, 64, 7, 2, 3},
    {"resnet.56 56x56x64-64 3x3", 4, 56, 56, 64, 64, 3, 1, 1},
    {"resnet.56 1x1 56x56x64-256", 4, 56, 56, 64, 256, 1, 1, 0},
    {"resnet.56 1x1 56x56x256-64", 4, 56, 56, 256, 64, 1, 1, 0},
    {"resnet.28 28x28x128-128 3x3/2", 8, 56, 56, 128, 128, 3, 2, 1},
    {"resnet.28 1x1/2 56x56x256-512", 4, 56, 56, 256, 512, 1, 2, 0},
    {"vgg.28 28x28x512-512 3x3", 1, 28, 28, 512, 512, 3, 1, 1},
    {"vgg.14 14x14x512-512 3x3", 4, 14, 14, 512, 512, 3, 1, 1},
    {"resnet.7 7x7x512-512 3x3", 8, 7, 7, 512, 512, 3, 1, 1},
    {"resnet.7 1x1 7x7x2048-512", 8, 7, 7, 2048, 512, 1, 1, 0},
    {"resnet20.32 32x32x16-16 3x3", 64, 32, 32, 16, 16, 3, 1, 1},
    {"resnet20.16 16x16x32-32 3x3", 64, 16, 16, 32, 32, 3, 1, 1},
    {"resnet20.16 32x32x16-32 3x3/2", 64, 32, 32, 16, 32, 3, 2, 1},
    {"resnet20.8 8x8x64-64 3x3", 128, 8, 8, 64, 64, 3, 1, 1},
    {"resnet20.conv1 32x32x3-16 3x3", 128, 32, 32, 3, 16, 3, 1, 1},
    {"lenet5.conv1 28x28x1-6 5x5", 128, 28, 28, 1, 6, 5, 1, 2},
    {"lenet5.conv2 14x14x6-16 5x5", 128, 14, 14, 6, 16, 5, 1, 0},
    {"lenet5.conv3 5x5x16-120", 128, 5, 5, 16, 120, 5, 1, 0},
    {"lenet5.dense 120-84", 128, 1, 1, 120, 84, 1, 1, 0},
    {"lenet5.dense 84-10", 128, 1, 1, 84, 10, 1, 1, 0},
    {"mlp.dense 784-2500", 128, 1, 1, 784, 2500, 1, 1, 0},
    {"mlp.dense 2500-2000", 128, 1, 1, 2500, 2000, 1, 1, 0},
    {"alexnet.dense 9216-4096", 32, 6, 6, 256, 4096, 6, 1, 0},
    {"alexnet.dense 4096-4096", 32, 1, 1, 4096, 4096, 1, 1, 0},
    {"inference 14x14x512-512 3x3", 1, 14, 14, 512, 512, 3, 1, 1},
    {"inference 7x7x512-512 3x3", 1, 7, 7, 512, 512, 3, 1, 1},
};

static int round_up(int a, int to)
{
    return (a + to - 1) / to * to;
}

static int limit(int a, int low, int high)
{
    return a < low ? low : a > high ? high : a;
}

/* ---- The rules -------------------------------------------------------------------------------------------------- */

/* Registers of the target and how its tiles divide them; caches in elements of real. */
enum { WIDE_NR = 2 * VL, WIDE_MR = 6, NARROW_NR = VL, NARROW_MR = 8, L1 = 8192, L2 = 65536 };
/* Elements of a panel that pass at a time. */
enum { PART = VL == 16 ? L2 / 2 : L1 / 2 };

typedef struct tuning {
    int nr, mr, mb, kb;
} tuning;

/* igemm: `channels` = K_CO (padded), `rows` = K_TAPS*K_RUN (of the longest phase), `run` = K_RUN.
 *   NR, MR  6x2 vectors; 8x1 where there is one vector of channels only.
 *   KB      rows whose part of a panel takes half of the first-level cache, of the second-level one with vectors of 16, evened out
 *           over the parts, in whole taps if they are short.
 *   MB      32 tiles: their slice of x, KB rows deep, has room in the second-level cache. */
static tuning choose_igemm(int channels, int rows, int run)
{
    tuning t;
    t.nr = channels == NARROW_NR ? NARROW_NR : WIDE_NR;
    t.mr = t.nr == NARROW_NR ? NARROW_MR : WIDE_MR;
    int most = PART / t.nr, unit = run < most ? run : VL, parts = (rows + most - 1) / most;
    t.kb = round_up((rows + parts - 1) / parts, unit);
    t.mb = 32 * t.mr;
    return t;
}

typedef struct tuning_dw {
    int mr, mb, pb, ks, chunks, pack;
} tuning_dw;

/* igemm_dw: `nr` is given by the forward panels; `run` = K_RUN, `input_pixel` = elements that a pixel adds to the input of
 * a block, `pixels` = of the batch.
 *   PACK    from 64 channels, runs of 48 rows and 256 pixels on, or 16 pixels of 256 channels by 512 rows.
 *   MR      with 32 registers 8 where x is packed; where it is not and has up to 256 channels, what divides all rows, of 12 down to 7 (of
 *           one panel of one vector only where runs are shorter than a vector).
 *   MB      128, with vectors of 16 192, where x is not packed as many as have room in half of the second-level cache, 64..192; evened out.
 *   PB, KS  up to 16 panels by some 256 rows, or the whole taps in 384; where x is not packed 4 panels (their dy has room
 *           in the first-level cache) by as many rows as keep dw's part in the second-level cache.
 *   CHUNKS  1, 2, 4 or 8, so that there are 8 items, or more of even number, as long as the copies of dw stay below
 *           4 MB and chunks have 512 pixels, 1024 if x is not packed; if that does not do, KS of 192 and more is halved. */
static tuning_dw choose_igemm_dw(int nr, int channels, int rows, int run, int input_pixel, int pixels)
{
    tuning_dw t = {.mr = nr == NARROW_NR ? NARROW_MR : WIDE_MR, .chunks = 1};
    int panels = (channels + nr - 1) / nr;
    t.pack = channels >= 64 && run >= 48 && pixels >= (channels >= 256 && rows >= 512 ? 16 : 256);
    if (t.pack) {
        int sets = (panels + 15) / 16, slices = (rows + 255) / 256;
        t.mr = VL == 16 ? 8 : t.mr;
        t.mb = VL == 16 ? 192 : 128;
        t.pb = (panels + sets - 1) / sets;
        t.ks = round_up((rows + slices - 1) / slices, t.mr);
        if (run < rows && run <= 384) {
            int taps = rows / run, most = 384 / run;
            slices = (taps + most - 1) / most;
            t.ks = (taps + slices - 1) / slices * run;
        }
    } else {
        for (int mr = 12; VL == 16 && mr >= 7 && input_pixel <= 256 && (nr > VL || run < VL); mr--) {
            if (rows % mr == 0) {
                t.mr = mr;
                break;
            }
        }
        t.mb = limit(L2 / 2 / input_pixel, 64, 192);
        t.pb = limit(4, 1, panels);
        t.ks = limit(L2 / (t.pb * nr) / t.mr * t.mr, t.mr, rows > t.mr ? rows : t.mr);
    }
    int sets = (panels + t.pb - 1) / t.pb, least = t.pack ? 512 : 1024;
    int items = sets * ((rows + t.ks - 1) / t.ks);
    while ((items * t.chunks < 8 || (items * t.chunks % 2 == 1 && items < 32)) && pixels / (2 * t.chunks) >= least
           && 2 * t.chunks * rows * channels <= 1 << 20)
        t.chunks *= 2;
    while (sets * ((rows + t.ks - 1) / t.ks) * t.chunks < 8 && t.ks >= 192)
        t.ks = round_up(t.ks / 2, t.mr);
    int chunk = (pixels + t.chunks - 1) / t.chunks, blocks = (chunk + t.mb - 1) / t.mb;
    t.mb = (chunk + blocks - 1) / blocks;
    return t;
}

/* ---- One layer's kernels as a shared object --------------------------------------------------------------------- */

typedef struct kernels {
    void *library;
    void (*forward)(int n, const real *x, const real *w, real *y);
    void (*pack)(const real *w, real *turned);
    void (*backward)(int n, const real *dy, const real *w, real *turned, real *dx); /* turned: what pack made, or room for more than that */
    void (*gradient)(int n, const real *x, const real *dy, real *dw, real *db, real *work);
} kernels;

/* Everything about a layer's tensors and kernels. dy has the halo that the gradient to the input needs. */
typedef struct plan {
    const layer *l;
    int oh, ow, ci_padded, co_padded, dense;
    int x_p, x_r, x_s, y_p, y_r, y_s, dx_p, dx_r, dx_s, y_halo, x_first, y_first;
    int taps, run, tap[512];
    tuning forward, backward;
    tuning_dw gradient;
    int phases;
} plan;

static plan make_plan(const layer *l)
{
    plan p = {.l = l};
    p.oh = (l->h + 2 * l->pad - l->k) / l->stride + 1;
    p.ow = (l->w + 2 * l->pad - l->k) / l->stride + 1;
    p.ci_padded = round_up(l->ci, VL);
    p.co_padded = round_up(l->co, VL);
    p.dense = p.oh == 1 && p.ow == 1 && l->k == l->h && l->k == l->w;
    p.x_p = l->ci <= 4 || p.dense ? l->ci : p.ci_padded;
    p.x_r = (l->w + 2 * l->pad) * p.x_p;
    p.x_s = (l->h + 2 * l->pad) * p.x_r;
    p.y_halo = p.dense ? 0 : l->k - 1;
    p.y_p = p.co_padded;
    p.y_r = (p.ow + 2 * p.y_halo) * p.y_p;
    p.y_s = (p.oh + 2 * p.y_halo) * p.y_r;
    p.y_first = p.y_halo * (p.y_r + p.y_p);
    p.dx_p = p.ci_padded;
    p.dx_r = l->w * p.dx_p;
    p.dx_s = l->h * p.dx_r;
    if (p.dense) {
        p.taps = 1;
        p.run = l->k * l->k * l->ci;
    } else if (p.x_p == l->ci) {
        p.taps = l->k;
        p.run = l->k * l->ci;
        for (int i = 0; i < l->k; i++)
            p.tap[i] = i * p.x_r;
    } else {
        p.taps = l->k * l->k;
        p.run = l->ci;
        for (int i = 0; i < p.taps; i++)
            p.tap[i] = i / l->k * p.x_r + i % l->k * p.x_p;
    }
    int rows = p.taps * p.run, input_pixel = p.dense ? rows : p.x_p * l->stride * l->stride;
    int phase_side = (l->k + l->stride - 1) / l->stride, phase_taps = p.dense ? 1 : phase_side * phase_side;
    p.forward = choose_igemm(p.co_padded, rows, p.run);
    p.backward = choose_igemm(p.ci_padded, phase_taps * l->co, l->co);
    p.gradient = choose_igemm_dw(p.forward.nr, p.co_padded, rows, p.run, input_pixel, l->n * p.oh * p.ow);
    return p;
}

static void define(FILE *f, const char *name, int value)
{
    fprintf(f, "#undef K_%s\n#define K_%s %d\n", name, name, value);
}

static void table(FILE *f, const char *name, const char *function, const int *values, int count)
{
    fprintf(f, "#undef K_%s\n#define K_%s %s_%s\nstatic const int K_%s[] = {", name, name, function, name, name);
    for (int i = 0; i < (count ? count : 1); i++)
        fprintf(f, "%s%d", i ? ", " : "", count ? values[i] : 0);
    fprintf(f, "};\n");
}

/* The kernel, its functions with names of their own. */
static void include(FILE *f, const char *folder, const char *kernel, const char *function)
{
    static const char *const names[] = {"main", "tile",    "any",          "next",      "next_last", "limit",   "rows",
                                        "turn", "rows_of", "rows_of_last", "set", "set_last", "step", "windows", "pixels",
                                        "places", "place", "pack_x", "pack_dy", "first_block", "blocks"};
    const size_t n = sizeof names / sizeof *names;
    for (size_t i = 0; i < n; i++)
        fprintf(f, "#define k_%s %s_%s\n", names[i], function, names[i]);
    fprintf(f, "#include \"%s/%s.k.c\"\n", folder, kernel);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "#undef k_%s\n", names[i]);
}

/* Channels in panels; the last one may be narrower. */
static void panels(FILE *f, int channels, int width)
{
    define(f, "CO", channels);
    define(f, "NR", width);
    fprintf(f, "#undef K_LAST\n");
    if (channels % width != 0)
        fprintf(f, "#define K_LAST %d\n", channels % width);
}

/* The rest of a product of `rows` rows of k for so many pixels. Weights that are many and pass by few tiles are asked for row by row, with
 * vectors of 16 all that the first-level cache does not hold. */
static void write_tuning(FILE *f, int channels, const tuning *t, int rows, int pixels)
{
    panels(f, channels, t->nr);
    fprintf(f, "#undef K_STREAM\n#undef K_SHORT\n#undef K_EARLY\n");
    if (rows <= 32)
        define(f, "SHORT", 1);
    if (rows <= 64)
        define(f, "EARLY", 1);
    if (pixels <= 9 * t->mr && rows * channels >= 1 << 16)
        define(f, "STREAM", pixels <= t->mr ? 1 : 2);
    else if (VL == 16 && rows * channels > L1)
        define(f, "STREAM", 2);
    define(f, "MR", t->mr);
    define(f, "MB", t->mb);
    define(f, "KB", t->kb);
}

static void write_source(FILE *f, plan *p, const char *folder)
{
    const layer *l = p->l;
    fprintf(f, "#include \"%s/../simd.h\"\n", folder);
    fprintf(f, "#define K_ARGS , real *restrict y\n#define K_PASS , y\n");
    fprintf(f,
            "#define K_STORE(v, n, h, w, c) v_store(y + (ptrdiff_t)(n) * %d + (h) * %d + (w) * %d + (c), "
            "v_max(v_zero(), v))\n",
            p->y_s, p->y_r, p->y_p);
    fprintf(f, "#define K_AHEAD(n, h, w, c) nt_prefetch_far(y, (ptrdiff_t)(n) * %d + (h) * %d + (w) * %d + (c))\n", p->y_s, p->y_r,
            p->y_p);
    define(f, "OUT_H", p->oh);
    define(f, "OUT_W", p->ow);
    define(f, "IN_S", p->x_s);
    define(f, "IN_R", l->stride * p->x_r);
    define(f, "IN_P", l->stride * p->x_p);
    define(f, "IN_G", 0);
    define(f, "GROUPS", 1);
    define(f, "TAPS", p->taps);
    define(f, "RUN", p->run);
    write_tuning(f, p->co_padded, &p->forward, p->taps * p->run, l->n * p->oh * p->ow);
    if (p->ow > 1 && p->y_s == p->oh * p->y_r && p->y_r == p->ow * p->y_p)
        define(f, "FLAT", 1);
    table(f, "TAP", "forward", p->tap, p->taps);
    include(f, folder, "igemm", "forward");
    fprintf(f, "#undef K_FLAT\n"); /* gradients to the input may have steps */
    fprintf(f, "void forward(int n, const real *x, const real *w, real *y)\n{\n    forward_main(n, x, w, y);\n}\n\n");

    define(f, "DY_S", p->y_s);
    define(f, "DY_R", p->y_r);
    define(f, "DY_P", p->y_p);
    define(f, "DY_G", 0);
    define(f, "MR", p->gradient.mr);
    define(f, "MB", p->gradient.mb);
    define(f, "PB", p->gradient.pb);
    define(f, "KS", p->gradient.ks);
    fprintf(f, "#undef K_PACK\n");
    if (p->gradient.pack)
        define(f, "PACK", 1);
    define(f, "CHUNKS", p->gradient.chunks);
    define(f, "BIAS", 1);
    include(f, folder, "igemm_dw", "gradient");
    fprintf(f, "void gradient(int n, const real *x, const real *dy, real *dw, real *db, real *work)\n{\n"
               "    gradient_main(n, x, dy, dw, db, work);\n}\n\n");

    define(f, "IN_S", p->y_s);
    define(f, "IN_R", p->y_r);
    define(f, "IN_P", p->y_p);
    define(f, "RUN", l->co);
    if (p->dense) {
        fprintf(f, "#undef K_AHEAD\n#define K_AHEAD(n, h, w, c) nt_prefetch_far(y, (ptrdiff_t)(n) * %d + (c))\n", p->dx_s);
        fprintf(f, "#undef K_STORE\n#define K_STORE(v, n, h, w, c) v_store(y + (ptrdiff_t)(n) * %d + (c), v)\n",
                p->dx_s);
        const int rows = l->k * l->k * p->ci_padded, items = round_up((rows + 95) / 96, 2), blocks = (l->n + 127) / 128;
        define(f, "PIXELS", l->k * l->k);
        define(f, "CI", l->ci);
        panels(f, p->co_padded, p->forward.nr);
        define(f, "MB", (l->n + blocks - 1) / blocks);
        define(f, "VB", (rows / VL + items - 1) / items);
        define(f, "PB", 4);
        define(f, "ABREAST", 4 * l->n <= VL ? 4 : 2 * l->n <= VL ? 2 : 1);
        include(f, folder, "dense_dx", "backward");
        fprintf(f, "void pack(const real *w, real *turned)\n{\n    (void)w;\n    (void)turned;\n}\n\n"
                   "void backward(int n, const real *dy, const real *w, real *turned, real *dx)\n{\n"
                   "    backward_main(n, dy, w, turned, dx);\n}\n");
        return;
    }
    int begin[65], order[512], position = 0, count = 0;
    static int offset[64][512];
    for (int a = 0; a < l->stride; a++) {
        for (int b = 0; b < l->stride; b++) {
            begin[count] = position;
            for (int i = 0; i < l->k; i++) {
                for (int j = 0; j < l->k; j++) {
                    int up = a + l->pad - i, left = b + l->pad - j;
                    if (up % l->stride || left % l->stride)
                        continue;
                    offset[count][position - begin[count]] = up / l->stride * p->y_r + left / l->stride * p->y_p;
                    order[position++] = i * l->k + j;
                }
            }
            count++;
        }
    }
    begin[count] = position;
    p->phases = count;
    define(f, "TAPS", l->k * l->k);
    define(f, "CI", l->ci);
    define(f, "CO_REAL", l->co);
    define(f, "DX_NR", p->backward.nr);
    define(f, "PHASES", count);
    table(f, "BEGIN", "pack", begin, count + 1);
    table(f, "ORDER", "pack", order, position);
    include(f, folder, "pack_dx", "pack");
    fprintf(f, "void pack(const real *w, real *turned)\n{\n    pack_main(w, turned);\n}\n\n");
    write_tuning(f, p->ci_padded, &p->backward, l->k * l->k * l->co, l->n * l->h * l->w);
    for (int i = 0; i < count; i++) {
        char name[32];
        int a = i / l->stride, b = i % l->stride;
        snprintf(name, sizeof name, "backward%d", i);
        fprintf(f,
                "#undef K_STORE\n#define K_STORE(v, n, h, w, c) v_store(y + (ptrdiff_t)(n) * %d + ((h) * %d + %d) * %d "
                "+ ((w) * %d + %d) * %d + (c), v)\n",
                p->dx_s, l->stride, a, p->dx_r, l->stride, b, p->dx_p);
        define(f, "OUT_H", (l->h - a + l->stride - 1) / l->stride);
        define(f, "OUT_W", (l->w - b + l->stride - 1) / l->stride);
        fprintf(f,
                "#undef K_AHEAD\n#define K_AHEAD(n, h, w, c) nt_prefetch_far(y, (ptrdiff_t)(n) * %d + ((h) * %d + %d) * %d "
                "+ ((w) * %d + %d) * %d + (c))\n",
                p->dx_s, l->stride, a, p->dx_r, l->stride, b, p->dx_p);
        if (begin[i + 1] == begin[i]) {
            define(f, "CHANNELS", p->ci_padded);
            include(f, folder, "zeros", name);
            continue;
        }
        define(f, "TAPS", begin[i + 1] - begin[i]);
        table(f, "TAP", name, offset[i], begin[i + 1] - begin[i]);
        include(f, folder, "igemm", name);
    }
    fprintf(f, "void backward(int n, const real *dy, const real *w, real *turned, real *dx)\n{\n    (void)w;\n");
    for (int i = 0; i < count; i++) {
        if (begin[i + 1] == begin[i])
            fprintf(f, "    backward%d_main(n, dx);\n", i);
        else
            fprintf(f, "    backward%d_main(n, dy, turned + %zu, dx);\n", i, (size_t)begin[i] * (size_t)l->co * (size_t)p->ci_padded);
    }
    fprintf(f, "}\n");
}

static void *symbol(void *library, const char *name)
{
    void *address = dlsym(library, name);
    if (!address) {
        fprintf(stderr, "bench_igemm: %s\n", dlerror());
        exit(1);
    }
    return address;
}

static kernels build(plan *p, const char *compiler, const char *flags, const char *folder)
{
    char source[] = "/tmp/bench_igemm_XXXXXX.c", object[64], command[1024];
    int file = mkstemps(source, 2);
    FILE *f = file < 0 ? NULL : fdopen(file, "w");
    if (!f) {
        perror(source);
        exit(1);
    }
    write_source(f, p, folder);
    if (fclose(f) != 0) {
        perror(source);
        exit(1);
    }
    snprintf(object, sizeof object, "%.*s.so", (int)strlen(source) - 2, source);
    snprintf(command, sizeof command, "%s -std=c11 -fopenmp -fPIC -shared %s -o %s %s", compiler, flags, object,
             source);
    if (system(command) != 0) {
        fprintf(stderr, "bench_igemm: this failed: %s\n", command);
        exit(1);
    }
    kernels k = {.library = dlopen(object, RTLD_NOW)};
    if (!k.library) {
        fprintf(stderr, "bench_igemm: %s\n", dlerror());
        exit(1);
    }
    if (!getenv("BENCH_KEEP")) {
        unlink(source);
        unlink(object);
    }
    void *found = symbol(k.library, "forward");
    memcpy(&k.forward, &found, sizeof found);
    found = symbol(k.library, "pack");
    memcpy(&k.pack, &found, sizeof found);
    found = symbol(k.library, "backward");
    memcpy(&k.backward, &found, sizeof found);
    found = symbol(k.library, "gradient");
    memcpy(&k.gradient, &found, sizeof found);
    return k;
}

/* ---- Measuring -------------------------------------------------------------------------------------------------- */

/* Seconds of this thread's own processor time: what neighbours on the machine take is not counted. */
static double now(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0) {
        perror("clock_gettime");
        exit(1);
    }
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static volatile real sink;

/* Multiply-adds a second of 12 independent chains of v_fma. */
static double measure_peak(void)
{
    enum { ROUNDS = 400000 };
    vf acc[12], a = v_set1((real)0.9999), b = v_set1((real)1e-4);
    for (int i = 0; i < 12; i++)
        acc[i] = v_set1((real)i);
    double begin = now();
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < 12; i++)
            acc[i] = v_fma(acc[i], a, b);
    double seconds = now() - begin;
    vf sum = v_zero();
    for (int i = 0; i < 12; i++)
        sum = v_add(sum, acc[i]);
    sink = v_sum(sum);
    return 12.0 * VL * ROUNDS / seconds;
}

typedef struct tensors {
    real *x, *w, *y, *dy, *dx, *dw, *db, *turned, *work;
} tensors;

static real *fresh(size_t elements, unsigned *state)
{
    real *p = aligned_alloc(64, (elements * sizeof(real) + 127) / 64 * 64);
    if (!p) {
        perror("aligned_alloc");
        exit(1);
    }
    for (size_t i = 0; i < elements; i++) {
        *state = *state * 1664525u + 1013904223u;
        p[i] = state ? (real)((int)(*state >> 24) - 128) / 128 : 0;
    }
    return p;
}

static void call(const plan *p, const kernels *k, const tensors *t, int what)
{
    int n = p->l->n;
    if (what == 0)
        k->forward(n, t->x, t->w, t->y + p->y_first);
    if (what == 1) {
        k->pack(t->w, t->turned);
        k->backward(n, t->dy + p->y_first, t->w, t->turned, t->dx);
    }
    if (what == 2)
        k->gradient(n, t->x, t->dy + p->y_first, t->dw, t->db, t->work);
}

/* Multiply-adds a second that `what` reaches at best in about `seconds`. */
static double measure(const plan *p, const kernels *k, const tensors *t, int what, double macs, double seconds)
{
    double best = 0, end = now() + seconds;
    int calls = 1 + (int)(1e8 / macs); /* some milliseconds, for the clock's sake */
    call(p, k, t, what);
    for (int runs = 0; runs < 3 || now() < end; runs++) {
        double begin = now();
        for (int i = 0; i < calls; i++)
            call(p, k, t, what);
        double speed = macs * calls / (now() - begin);
        best = speed > best ? speed : best;
    }
    return best;
}

static size_t panel_index(const plan *p, int k, int c)
{
    int first = c / p->forward.nr * p->forward.nr,
        width = p->co_padded - first < p->forward.nr ? p->co_padded - first : p->forward.nr;
    return (size_t)p->taps * (size_t)p->run * (size_t)first + (size_t)k * (size_t)width + (size_t)(c - first);
}

static void compare(const plan *p, const char *what, double got, double expected, double scale)
{
    if (fabs(got - expected) > 1e-4 * (scale + 1)) {
        fprintf(stderr, "%s: wrong %s: %g instead of %g\n", p->l->name, what, got, expected);
        exit(1);
    }
}

/* A few elements of every result, by naive sums. */
static void spot_check(const plan *p, const tensors *t)
{
    const layer *l = p->l;
    for (int trial = 0; trial < 40; trial++) {
        int n = trial * 7 % l->n, oh = trial * 11 % p->oh, ow = trial * 13 % p->ow, c = trial * 17 % l->co;
        int h = trial * 11 % l->h, w = trial * 13 % l->w, ci = trial * 17 % l->ci, k = trial * 97 % (p->taps * p->run);
        double sum = 0, size = 0;
        for (int i = 0; i < p->taps * p->run; i++) {
            double term = (double)t->w[panel_index(p, i, c)]
                          * (double)t->x[(ptrdiff_t)n * p->x_s + oh * l->stride * p->x_r + ow * l->stride * p->x_p
                                         + p->tap[i / p->run] + i % p->run];
            sum += term;
            size += fabs(term);
        }
        compare(p, "output", (double)t->y[p->y_first + (ptrdiff_t)n * p->y_s + oh * p->y_r + ow * p->y_p + c],
                sum > 0 ? sum : 0, size);
        sum = size = 0;
        for (int i = 0; i < l->k; i++) {
            for (int j = 0; j < l->k; j++) {
                int y = h + l->pad - i, x = w + l->pad - j;
                if (y < 0 || x < 0 || y % l->stride || x % l->stride || y / l->stride >= p->oh
                    || x / l->stride >= p->ow)
                    continue;
                for (int co = 0; co < l->co; co++) {
                    double term = (double)t->w[panel_index(p, (i * l->k + j) * l->ci + ci, co)]
                                  * (double)t->dy[p->y_first + (ptrdiff_t)n * p->y_s + y / l->stride * p->y_r
                                                  + x / l->stride * p->y_p + co];
                    sum += term;
                    size += fabs(term);
                }
            }
        }
        compare(p, "gradient to the input", (double)t->dx[(ptrdiff_t)n * p->dx_s + h * p->dx_r + w * p->dx_p + ci], sum,
                size);
        sum = size = 0;
        for (n = 0; n < l->n; n++) {
            for (int pixel = 0; pixel < p->oh * p->ow; pixel++) {
                int y = pixel / p->ow, x = pixel % p->ow;
                double term = (double)t->x[(ptrdiff_t)n * p->x_s + y * l->stride * p->x_r + x * l->stride * p->x_p
                                           + p->tap[k / p->run] + k % p->run]
                              * (double)t->dy[p->y_first + (ptrdiff_t)n * p->y_s + y * p->y_r + x * p->y_p + c];
                sum += term;
                size += fabs(term);
            }
        }
        compare(p, "gradient of the weights", (double)t->dw[panel_index(p, k, c)], sum, size);
    }
}

/* Zeroes dy outside its pixels and real channels, as the kernels require. */
static void clear_padding(const plan *p, real *dy)
{
    const layer *l = p->l;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)l->n * p->y_s; i++) {
        int row = (int)(i % p->y_s / p->y_r) - p->y_halo, column = (int)(i % p->y_r / p->y_p) - p->y_halo;
        if (row < 0 || row >= p->oh || column < 0 || column >= p->ow || i % p->y_p >= l->co)
            dy[i] = 0;
    }
}

static void bench_layer(const layer *l, double peak, const char *compiler, const char *flags, const char *folder,
                        double seconds)
{
    plan p = make_plan(l);
    kernels k = build(&p, compiler, flags, folder);
    size_t rows = (size_t)(p.taps * p.run), n = (size_t)l->n, weights = rows * (size_t)p.co_padded;
    unsigned state = 1;
    tensors t = {.x = fresh(n * (size_t)p.x_s, &state),
                 .w = fresh(weights, &state),
                 .y = fresh(n * (size_t)p.y_s, &state),
                 .dy = fresh(n * (size_t)p.y_s, &state),
                 .dx = fresh(n * (size_t)p.dx_s, &state),
                 .dw = fresh(weights, &state),
                 .db = fresh((size_t)p.co_padded, &state),
                 .turned = fresh((size_t)(l->k * l->k * p.co_padded) * (size_t)(p.dense ? limit(p.ci_padded, 128, 1 << 20) : p.ci_padded),
                                 &state),
                 .work = fresh((size_t)p.gradient.chunks * (weights + (size_t)p.co_padded), &state)};
    clear_padding(&p, t.dy);
    double macs = (double)rows * (double)(p.oh * p.ow) * (double)l->co * (double)l->n, rate[3];
    for (int what = 0; what < 3; what++)
        rate[what] = measure(&p, &k, &t, what, macs, seconds);
    spot_check(&p, &t);
    printf("%-36s %4d %8.1f  %5.1f%% %5.1f%% %5.1f%%  %6.1f %6.1f %6.1f  %dx%d mb %d kb %d | %dx%d mb %d kb %d | mb %d "
           "pb %d ks %d packed %d chunks %d\n",
           l->name, l->n, macs * 1e-6, 100 * rate[0] / peak, 100 * rate[1] / peak, 100 * rate[2] / peak, rate[0] * 2e-9,
           rate[1] * 2e-9, rate[2] * 2e-9, p.forward.mr, p.forward.nr, p.forward.mb, p.forward.kb, p.backward.mr,
           p.backward.nr, p.backward.mb, p.backward.kb, p.gradient.mb, p.gradient.pb, p.gradient.ks,
           p.gradient.pack, p.gradient.chunks);
    fflush(stdout);
    free(t.x);
    free(t.w);
    free(t.y);
    free(t.dy);
    free(t.dx);
    free(t.dw);
    free(t.db);
    free(t.turned);
    free(t.work);
    dlclose(k.library);
}

int main(int argc, char **argv)
{
    const char *compiler = "gcc", *flags = "-O3 -march=haswell -DNT_TARGET_AVX2", *folder = "runtime/kernels";
    double seconds = 0.3;
    int option;
    while ((option = getopt(argc, argv, "c:f:k:t:")) != -1) {
        if (option == 'c')
            compiler = optarg;
        else if (option == 'f')
            flags = optarg;
        else if (option == 'k')
            folder = optarg;
        else if (option == 't')
            seconds = atof(optarg);
        else
            return 2;
    }
    char absolute[4096];
    if (!realpath(folder, absolute)) {
        perror(folder);
        return 1;
    }
    double peak = 0;
    for (int i = 0; i < 50; i++) {
        double speed = measure_peak();
        peak = speed > peak ? speed : peak;
    }
    printf("peak %.1f GFLOP/s\n", peak * 2e-9);
    printf("%-36s %4s %8s  %6s %6s %6s  %6s %6s %6s\n", "layer", "n", "MMAC", "y", "dx", "dw", "y", "dx", "dw GF/s");
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
        if (optind >= argc || strstr(layers[i].name, argv[optind]))
            bench_layer(&layers[i], peak, compiler, flags, absolute, seconds);
    return 0;
}
