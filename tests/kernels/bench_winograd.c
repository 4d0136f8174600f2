/* bench_winograd.c - speed of 3x3 convolutions of stride 1: the direct product (igemm.k.c) against Winograd's tiles of
 * 2x2 and 4x4 pixels (winograd.k.c), one thread.
 *
 *   bench_winograd [-c COMPILER] [-f FLAGS] [-k KERNEL-DIR] [-t SECONDS] [-o TB,KB,PG] [NAME-PART]
 *
 * For each layer whose name contains NAME-PART it chooses constants by the rules below (or takes those of -o), writes a
 * C file that includes the kernels with them, compiles that as the product's code is compiled, loads it and times all
 * algorithms by turns: the best of several runs each, in processor time. Speeds are shares of the machine's peak and
 * count the multiply-adds of the direct sums, so that Winograd's may exceed 100%. Results are compared with naive sums.
 *
 * choose_winograd() and prefer() are the rules for the tuning constants and for the algorithm. (Build with -O3: the
 * peak is measured by this file's own loop.) */
#define _DEFAULT_SOURCE

#include <dlfcn.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../runtime/simd.h"

/* A 3x3 convolution with a border of one pixel. */
typedef struct layer {
    const char *name;
    int n, size, ci, co;
} layer;

static const layer layers[] = {
    {"vgg.conv1_2 224x224x64", 1, 224, 64, 64},
    {"vgg.conv2_2 112x112x128", 1, 112, 128, 128},
    {"vgg.conv3 56x56x256", 2, 56, 256, 256},
    {"vgg.conv4 28x28x512", 4, 28, 512, 512},
    {"vgg.conv5 14x14x512", 4, 14, 512, 512},
    {"vgg.conv5 b16 14x14x512", 16, 14, 512, 512},
    {"resnet.56 56x56x64", 4, 56, 64, 64},
    {"resnet.28 28x28x128", 4, 28, 128, 128},
    {"resnet.28 28x28x256", 4, 28, 256, 256},
    {"resnet.14 14x14x256", 8, 14, 256, 256},
    {"resnet.7 7x7x512", 8, 7, 512, 512},
    {"cifar.32 32x32x64", 64, 32, 64, 64},
    {"cifar.16 16x16x128", 64, 16, 128, 128},
    {"cifar.8 8x8x256", 64, 8, 256, 256},
    {"cifar.4 4x4x512", 64, 4, 512, 512},
    {"cifar.2 2x2x512", 64, 2, 512, 512},
    {"resnet20.32 32x32x16", 64, 32, 16, 16},
    {"resnet20.16 16x16x32", 64, 16, 32, 32},
    {"resnet20.8 8x8x64", 128, 8, 64, 64},
    {"googlenet.28 28x28x96-128", 4, 28, 96, 128},
    {"googlenet.14 14x14x160-320", 8, 14, 160, 320},
    {"googlenet.14 14x14x112-224", 8, 14, 112, 224},
    {"lenet 12x12x20-50", 64, 12, 20, 50},
    {"narrow 28x28x8-8", 64, 28, 8, 8},
    {"narrow 28x28x8-32", 64, 28, 8, 32},
    {"narrow 28x28x24-24", 64, 28, 24, 24},
    {"inference 56x56x64", 1, 56, 64, 64},
    {"inference 28x28x128", 1, 28, 128, 128},
    {"inference 14x14x512", 1, 14, 512, 512},
    {"inference 7x7x512", 1, 7, 512, 512},
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
enum { WIDE_NR = 2 * VL, WIDE_MR = 6, NARROW_NR = VL, NARROW_MR = 8, L1 = 8192 };

typedef struct tuning {
    int nr, mr, tb, kb, pg;
} tuning;

static int given[3]; /* TB, KB and PG of -o */

static int tiles_of(int t, int size)
{
    return ((size + t - 1) / t) * ((size + t - 1) / t);
}

/* winograd: `channels` = K_CO (padded), `rows` = K_CI, `tiles` = of a likely batch.
 *   KB, PG  64 rows by 8 panels: V's and a panel's part of a position fit the first-level cache together, and an input
 *           tile is transformed once for 128 output channels. Parts and groups are evened out.
 *           Where that leaves threads without work, groups are smaller; up to 128 rows are then one part, so that
 *           groups share V.
 *   TB      what keeps V and the sums within 512 KB of floats, up to 8 register tiles. */
static tuning choose_winograd(int t, int channels, int rows, int tiles)
{
    enum { SCRATCH = 1 << 17, ITEMS = 4, PANELS = 8, PART = 64 };
    tuning c = {.nr = channels == NARROW_NR ? NARROW_NR : WIDE_NR};
    c.mr = c.nr == NARROW_NR ? NARROW_MR : WIDE_MR;
    int panels = (channels + c.nr - 1) / c.nr;
    int groups = (panels + PANELS - 1) / PANELS, parts = (rows + PART - 1) / PART;
    for (;;) {
        c.pg = (panels + groups - 1) / groups;
        c.kb = round_up((rows + parts - 1) / parts, VL);
        c.tb = limit(SCRATCH / ((t + 2) * (t + 2) * (c.kb + c.pg * c.nr)) / c.mr, 1, 8) * c.mr;
        if ((tiles + c.tb - 1) / c.tb * groups >= ITEMS || c.pg == 1)
            break;
        groups = (panels + c.pg - 2) / (c.pg - 1); /* the next that is smaller */
        if (rows <= 2 * PART)
            parts = 1;
    }
    if (given[0]) {
        c.tb = round_up(given[0], c.mr);
        c.kb = limit(round_up(given[1], VL), VL, round_up(rows, VL));
        c.pg = limit(given[2], 1, panels);
    }
    return c;
}

/* The fastest algorithm for a square image in batches of `samples`: 0 (direct), 2 or 4. Estimates, in cycles a sample:
 * a product of channels at 90% of 16 multiply-adds a cycle (direct: 92%, or 62% with one vector of channels), the
 * transforms of a tile per channel in and out, and per pair of channels the making and reading of U. */
static int prefer(int size, int ci, int co, int samples)
{
    double pairs = (double)ci * co, least = 9.0 * size * size * pairs / (round_up(co, VL) == VL ? 9.9 : 14.7);
    int best = 0;
    for (int t = 2; t <= 4; t += 2) {
        int tiles = tiles_of(t, size);
        double cycles = (t + 2) * (t + 2) * tiles * pairs / 14.4 + (t == 2 ? 8.0 : 30.0) * tiles * (ci + co)
                        + (t == 2 ? 14.0 : 30.0) * pairs / samples;
        if (cycles < least) {
            least = cycles;
            best = t;
        }
    }
    return best;
}

/* ---- One layer's kernels as a shared object --------------------------------------------------------------------- */

enum { DIRECT, TWO, FOUR, ALGORITHMS };
static const char *const algorithms[] = {"direct", "T=2", "T=4"};

typedef void product(int n, const real *x, const real *w, real *y);
typedef void pack(const real *w, real *u);

/* A direction of a layer: x with a border of one pixel in, y out. Both tensors have `size` rows and columns. */
typedef struct direction {
    int backward, ci, co; /* channels that are summed over; that come out, padded */
    int in_p, in_r, in_s, out_r, out_s;
    product *run[ALGORITHMS];
    pack *pack[ALGORITHMS]; /* NULL: w is used as it is */
    tuning tuning[ALGORITHMS];
} direction;

static direction make_direction(const layer *l, int backward)
{
    direction d = {.backward = backward, .ci = backward ? l->co : l->ci, .co = round_up(backward ? l->ci : l->co, VL)};
    d.in_p = round_up(d.ci, VL);
    d.in_r = (l->size + 2) * d.in_p;
    d.in_s = (l->size + 2) * d.in_r;
    d.out_r = l->size * d.co;
    d.out_s = l->size * d.out_r;
    return d;
}

static void define(FILE *f, const char *name, int value)
{
    fprintf(f, "#undef K_%s\n#define K_%s %d\n", name, name, value);
}

/* `channels` in panels of nr. */
static void define_panels(FILE *f, int channels, int nr)
{
    define(f, "CO", channels);
    define(f, "NR", nr);
    fprintf(f, "#undef K_LAST\n");
    if (channels % nr)
        define(f, "LAST", channels % nr);
}

static void include(FILE *f, const char *folder, const char *kernel, const char *function)
{
    static const char *const names[] = {"any", "back", "edge_in", "forth", "in", "limit", "line", "load",
                                        "main", "next", "next_last", "next_of", "next_of_last", "out", "pitch",
                                        "product", "tile", "tile_in", "turn", "turn_line", "whole_in"};
    enum { COUNT = sizeof names / sizeof names[0] };
    for (int i = 0; i < COUNT; i++)
        fprintf(f, "#define k_%s %s_%s\n", names[i], function, names[i]);
    fprintf(f, "#include \"%s/%s.k.c\"\n", folder, kernel);
    for (int i = 0; i < COUNT; i++)
        fprintf(f, "#undef k_%s\n", names[i]);
}

static void write_pack(FILE *f, const char *name)
{
    fprintf(f, "void %s(const real *w, real *u)\n{\n    %s_main(w, u);\n}\n\n", name, name);
}

static void write_product(FILE *f, const char *name)
{
    fprintf(f, "void %s(int n, const real *x, const real *w, real *y)\n{\n    %s_main(n, x, w, y);\n}\n\n", name, name);
}

/* The direct product, tiled as bench_igemm.c's rules say. */
static void write_direct(FILE *f, const layer *l, const direction *d, const char *folder)
{
    const char *name = d->backward ? "backward0" : "forward0";
    int nr = d->co == NARROW_NR ? NARROW_NR : WIDE_NR, mr = nr == NARROW_NR ? NARROW_MR : WIDE_MR;
    int most = L1 * 3 / 8 / nr, parts = (9 * d->ci + most - 1) / most, unit = d->ci < most ? d->ci : VL;
    fprintf(f, "static const int %s_tap[] = {", name);
    for (int i = 0; i < 9; i++)
        fprintf(f, "%s%d", i ? ", " : "", i / 3 * d->in_r + i % 3 * d->in_p);
    fprintf(f, "};\n#undef K_TAP\n#define K_TAP %s_tap\n", name);
    define(f, "IN_G", 0);
    define(f, "GROUPS", 1);
    define(f, "TAPS", 9);
    define(f, "RUN", d->ci);
    define_panels(f, d->co, nr);
    define(f, "MR", mr);
    define(f, "MB", 32 * mr);
    define(f, "KB", round_up((9 * d->ci + parts - 1) / parts, unit));
    include(f, folder, "igemm", name);
    write_product(f, name);
    if (!d->backward)
        return;
    int forward_co = round_up(l->co, VL);
    fprintf(f, "static const int begin[] = {0, 9};\nstatic const int order[] = {8, 7, 6, 5, 4, 3, 2, 1, 0};\n"
               "#define K_BEGIN begin\n#define K_ORDER order\n");
    define(f, "CI", l->ci);
    define(f, "CO", forward_co);
    define(f, "CO_REAL", l->co);
    define(f, "NR", forward_co == NARROW_NR ? NARROW_NR : WIDE_NR);
    define(f, "DX_NR", nr);
    define(f, "PHASES", 1);
    include(f, folder, "pack_dx", "backward_pack0");
    write_pack(f, "backward_pack0");
}

static void write_winograd(FILE *f, const layer *l, const direction *d, int t, const tuning *c, const char *folder)
{
    char name[32], packed[32];
    snprintf(name, sizeof name, "%s%d", d->backward ? "backward" : "forward", t / 2);
    snprintf(packed, sizeof packed, "%s_pack%d", d->backward ? "backward" : "forward", t / 2);
    define(f, "T", t);
    define(f, "CI", d->ci);
    define_panels(f, d->co, c->nr);
    define(f, "MR", c->mr);
    define(f, "TB", c->tb);
    define(f, "KB", c->kb);
    define(f, "PG", c->pg);
    include(f, folder, "winograd", name);
    write_product(f, name);
    int forward_co = round_up(l->co, VL);
    define(f, "BACKWARD", d->backward);
    define(f, "CI", l->ci);
    define(f, "CO", forward_co);
    define(f, "CO_REAL", l->co);
    define(f, "NR", forward_co == NARROW_NR ? NARROW_NR : WIDE_NR);
    define(f, "U_NR", c->nr);
    include(f, folder, "winograd_weights", packed);
    write_pack(f, packed);
}

static void write_direction(FILE *f, const layer *l, direction *d, const char *folder)
{
    fprintf(f, "#undef K_STORE\n#define K_STORE(v, n, h, w, c) v_store(y + (ptrdiff_t)(n) * %d + (h) * %d + (w) * %d + "
               "(c), v)\n",
            d->out_s, d->out_r, d->co);
    define(f, "OUT_H", l->size);
    define(f, "OUT_W", l->size);
    define(f, "IN_S", d->in_s);
    define(f, "IN_R", d->in_r);
    define(f, "IN_P", d->in_p);
    write_direct(f, l, d, folder);
    for (int a = TWO; a <= FOUR; a++) {
        d->tuning[a] = choose_winograd(2 * a, d->co, d->ci, l->n * tiles_of(2 * a, l->size));
        write_winograd(f, l, d, 2 * a, &d->tuning[a], folder);
    }
}

static void *symbol(void *library, const char *direction, const char *what, int algorithm)
{
    char name[32];
    snprintf(name, sizeof name, "%s%s%d", direction, what, algorithm);
    return dlsym(library, name);
}

static void *build(const layer *l, direction d[2], const char *compiler, const char *flags, const char *folder)
{
    char source[] = "/tmp/bench_winograd_XXXXXX.c", object[64], command[1024];
    int file = mkstemps(source, 2);
    FILE *f = file < 0 ? NULL : fdopen(file, "w");
    if (!f) {
        perror(source);
        exit(1);
    }
    fprintf(f, "#include \"%s/../simd.h\"\n#define K_ARGS , real *restrict y\n#define K_PASS , y\n", folder);
    write_direction(f, l, &d[0], folder);
    write_direction(f, l, &d[1], folder);
    if (fclose(f) != 0) {
        perror(source);
        exit(1);
    }
    snprintf(object, sizeof object, "%.*s.so", (int)strlen(source) - 2, source);
    snprintf(command, sizeof command, "%s -std=c11 -fopenmp -fPIC -shared %s -o %s %s", compiler, flags, object,
             source);
    if (system(command) != 0) {
        fprintf(stderr, "bench_winograd: this failed: %s\n", command);
        exit(1);
    }
    void *library = dlopen(object, RTLD_NOW);
    if (!library) {
        fprintf(stderr, "bench_winograd: %s\n", dlerror());
        exit(1);
    }
    if (!getenv("BENCH_KEEP")) {
        unlink(source);
        unlink(object);
    }
    for (int b = 0; b < 2; b++) {
        const char *name = b ? "backward" : "forward";
        for (int a = 0; a < ALGORITHMS; a++) {
            void *found = symbol(library, name, "", a);
            memcpy(&d[b].run[a], &found, sizeof found);
            found = symbol(library, name, "_pack", a);
            memcpy(&d[b].pack[a], &found, sizeof found);
            if (!d[b].run[a]) {
                fprintf(stderr, "bench_winograd: %s is missing\n", name);
                exit(1);
            }
        }
    }
    return library;
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

/* Multiply-adds a second of 12 independent chains of v_fma, the best of several runs. */
static double measure_peak(void)
{
    enum { ROUNDS = 400000, RUNS = 50 };
    double best = 0;
    for (int run = 0; run < RUNS; run++) {
        vf acc[12], a = v_set1((real)0.9999), b = v_set1((real)1e-4);
        for (int i = 0; i < 12; i++)
            acc[i] = v_set1((real)i);
        double begin = now();
        for (int r = 0; r < ROUNDS; r++)
            for (int i = 0; i < 12; i++)
                acc[i] = v_fma(acc[i], a, b);
        double speed = 12.0 * VL * ROUNDS / (now() - begin);
        best = speed > best ? speed : best;
        vf sum = v_zero();
        for (int i = 0; i < 12; i++)
            sum = v_add(sum, acc[i]);
        sink = v_sum(sum);
    }
    return best;
}

static real *fresh(size_t elements)
{
    real *p = aligned_alloc(64, (elements * sizeof(real) + 127) / 64 * 64);
    if (!p) {
        perror("aligned_alloc");
        exit(1);
    }
    memset(p, 0, elements * sizeof(real));
    return p;
}

static unsigned state = 1;

static real fraction(void)
{
    state = state * 1664525u + 1013904223u;
    return (real)((int)(state >> 8) - (1 << 23)) / (1 << 23);
}

typedef struct tensors {
    real *x, *w, *y, *u[ALGORITHMS];
} tensors;

/* Fills the real channels of the pixels inside the border. */
static void fill(const layer *l, const direction *d, real *x)
{
    for (int n = 0; n < l->n; n++)
        for (int i = 0; i < l->size * l->size; i++)
            for (int c = 0; c < d->ci; c++)
                x[(ptrdiff_t)n * d->in_s + (i / l->size + 1) * d->in_r + (i % l->size + 1) * d->in_p + c] = fraction();
}

static size_t panel_index(const layer *l, int k, int c)
{
    int padded = round_up(l->co, VL), nr = padded == NARROW_NR ? NARROW_NR : WIDE_NR;
    int first = c / nr * nr, width = padded - first < nr ? padded - first : nr;
    return (size_t)9 * (size_t)l->ci * (size_t)first + (size_t)k * (size_t)width + (size_t)(c - first);
}

/* Largest and mean error (root of the squares) of many outputs, relative to the largest and the mean output. */
typedef struct errors {
    double largest, mean;
} errors;

static errors compare(const layer *l, const direction *d, const tensors *t)
{
    enum { OUTPUTS = 3000 };
    double worst = 0, largest = 0, squares = 0, error_squares = 0;
    for (int i = 0; i < OUTPUTS; i++) {
        unsigned at = (unsigned)i * 2654435761u >> 8;
        int n = (int)(at % (unsigned)l->n), h = (int)(at / 7 % (unsigned)l->size);
        int w = (int)(at / 49 % (unsigned)l->size), c = (int)(at / 343 % (unsigned)(d->backward ? l->ci : l->co));
        double sum = 0;
        for (int k = 0; k < 9 * d->ci; k++) {
            int tap = k / d->ci, r = k % d->ci;
            size_t weight = d->backward ? panel_index(l, (8 - tap) * l->ci + c, r) : panel_index(l, k, c);
            sum += (double)t->w[weight]
                   * (double)t->x[(ptrdiff_t)n * d->in_s + (h + tap / 3) * d->in_r + (w + tap % 3) * d->in_p + r];
        }
        double error = (double)t->y[(ptrdiff_t)n * d->out_s + h * d->out_r + w * d->co + c] - sum;
        worst = fmax(worst, fabs(error));
        largest = fmax(largest, fabs(sum));
        squares += sum * sum;
        error_squares += error * error;
    }
    if (!(worst <= 1e-4 * largest)) {
        fprintf(stderr, "%s: results are wrong\n", l->name);
        exit(1);
    }
    return (errors){worst / largest, sqrt(error_squares / squares)};
}

/* Multiply-adds a second, best of the runs of about `seconds` an algorithm: the product alone, and with the weights'
 * packing. */
static void measure(const layer *l, const direction *d, const tensors *t, double macs, double seconds,
                    double alone[ALGORITHMS], double packed[ALGORITHMS], errors found[ALGORITHMS])
{
    int calls = 1 + (int)(5e7 / macs); /* some milliseconds, for the clock's sake */
    for (int a = 0; a < ALGORITHMS; a++) {
        if (d->pack[a])
            d->pack[a](t->w, t->u[a]);
        d->run[a](l->n, t->x, d->pack[a] ? t->u[a] : t->w, t->y);
        found[a] = compare(l, d, t);
        alone[a] = packed[a] = 0;
    }
    double end = now() + ALGORITHMS * seconds;
    for (int runs = 0; runs < 3 || now() < end; runs++) {
        for (int a = 0; a < ALGORITHMS; a++) {
            double begin = now();
            for (int i = 0; i < calls && d->pack[a]; i++)
                d->pack[a](t->w, t->u[a]);
            double pack_seconds = now() - begin;
            begin = now();
            for (int i = 0; i < calls; i++)
                d->run[a](l->n, t->x, d->pack[a] ? t->u[a] : t->w, t->y);
            double run_seconds = now() - begin;
            alone[a] = fmax(alone[a], macs * calls / run_seconds);
            packed[a] = fmax(packed[a], macs * calls / (run_seconds + pack_seconds));
        }
    }
}

static void bench_layer(const layer *l, double peak, const char *compiler, const char *flags, const char *folder,
                        double seconds)
{
    direction d[2] = {make_direction(l, 0), make_direction(l, 1)};
    void *library = build(l, d, compiler, flags, folder);
    double macs = 9.0 * l->ci * l->co * l->size * l->size * l->n;
    for (int b = 0; b < 2; b++) {
        size_t n = (size_t)l->n, pairs = (size_t)round_up(l->ci, VL) * (size_t)round_up(l->co, VL);
        tensors t = {.x = fresh(n * (size_t)d[b].in_s), .w = fresh(9 * pairs), .y = fresh(n * (size_t)d[b].out_s)};
        static const size_t positions[] = {9, 16, 36};
        for (int a = 0; a < ALGORITHMS; a++)
            t.u[a] = fresh(positions[a] * pairs);
        fill(l, &d[b], t.x);
        for (int k = 0; k < 9 * l->ci; k++)
            for (int c = 0; c < l->co; c++)
                t.w[panel_index(l, k, c)] = fraction();
        double alone[ALGORITHMS], packed[ALGORITHMS];
        errors found[ALGORITHMS];
        measure(l, &d[b], &t, macs, seconds, alone, packed, found);
        printf("%-28s %3d %8.1f %2s", b ? "" : l->name, l->n, macs * 1e-6, b ? "dx" : "y");
        for (int a = 0; a < ALGORITHMS; a++)
            printf(" | %5.1f%% %5.1f%% %.1e %.1e", 100 * alone[a] / peak, 100 * packed[a] / peak, found[a].largest,
                   found[a].mean);
        int rule = prefer(l->size, d[b].ci, b ? l->ci : l->co, l->n) / 2, best = DIRECT;
        for (int a = TWO; a <= FOUR; a++)
            best = packed[a] > packed[best] ? a : best;
        const tuning *two = &d[b].tuning[TWO], *four = &d[b].tuning[FOUR];
        printf(" | %s%s | %d,%d,%d %d,%d,%d\n", algorithms[rule], rule == best ? "" : " not best", two->tb, two->kb,
               two->pg, four->tb, four->kb, four->pg);
        fflush(stdout);
        free(t.x);
        free(t.w);
        free(t.y);
        for (int a = 0; a < ALGORITHMS; a++)
            free(t.u[a]);
    }
    dlclose(library);
}

int main(int argc, char **argv)
{
    const char *compiler = "gcc", *flags = "-O3 -march=haswell -DNT_TARGET_AVX2", *folder = "runtime/kernels";
    double seconds = 0.1;
    int option;
    while ((option = getopt(argc, argv, "c:f:k:t:o:")) != -1) {
        if (option == 'c')
            compiler = optarg;
        else if (option == 'f')
            flags = optarg;
        else if (option == 'k')
            folder = optarg;
        else if (option == 't')
            seconds = atof(optarg);
        else if (option != 'o' || sscanf(optarg, "%d,%d,%d", &given[0], &given[1], &given[2]) != 3)
            return 2;
    }
    char absolute[4096];
    if (!realpath(folder, absolute)) {
        perror(folder);
        return 1;
    }
    double peak = measure_peak();
    printf("peak %.1f GFLOP/s; each algorithm: product alone, with packing of the weights, largest and mean error\n",
           peak * 2e-9);
    printf("%-28s %3s %8s   ", "layer", "n", "MMAC");
    for (int a = 0; a < ALGORITHMS; a++)
        printf(" | %-29s", algorithms[a]);
    printf(" | rule | TB,KB,PG (T=2, T=4)\n");
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
        if (optind >= argc || strstr(layers[i].name, argv[optind]))
            bench_layer(&layers[i], peak, compiler, flags, absolute, seconds);
    return 0;
}
