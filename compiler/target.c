/* target.c - the instruction sets, and the rules by which product kernels are tiled on them. tests/kernels/bench_igemm.c measures what
 * the rules choose. */
#include "target.h"

#include <string.h>

/* Caches, in floats: the sizes that common processors have at least, and the most that copies of a gradient may take. */
enum { L1 = 8192, L2 = 65536, COPIES = 1 << 20 };

/* A target of wider vectors follows the one that its processors have as well: see target_narrower. */
static const Target targets[] = {
    {.name = "generic", .vl = 8, .registers = 16, .cflags = "", .part = L1 / 2,
     .winograd_rows = 6, .winograd_tiles = 8, .winograd_scratch = 1 << 17},
    /* a vector is two registers of its 32 */
    {.name = "neon", .vl = 8, .registers = 16, .define = "NT_TARGET_NEON", .cflags = "-march=armv8-a", .part = L1 / 2,
     .winograd_rows = 6, .winograd_tiles = 8, .winograd_scratch = 1 << 17},
    {.name = "avx2", .vl = 8, .registers = 16, .define = "NT_TARGET_AVX2", .cflags = "-march=haswell", .part = L1 / 2,
     .winograd_rows = 6, .winograd_tiles = 8, .winograd_scratch = 1 << 17},
    /* its processors have 1 MB and more of second-level cache */
    {.name = "avx512", .vl = 16, .registers = 32, .define = "NT_TARGET_AVX512",
     .cflags = "-march=x86-64-v4 -mprefer-vector-width=512", .part = L2 / 2,
     .winograd_rows = 8, .winograd_tiles = 3, .winograd_scratch = 3 << 16},
};

const Target *target_find(const char *name)
{
    if (strcmp(name, "native") == 0) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_cpu_init();
        const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
        const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
        return target_find(avx512 ? "avx512" : avx2 ? "avx2" : "generic");
#elif defined(__aarch64__)
        return target_find("neon");
#else
        return target_find("generic");
#endif
    }
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        if (strcmp(targets[i].name, name) == 0) {
            return &targets[i];
        }
    }
    return NULL;
}

const Target *target_narrower(const Target *t)
{
    return t > targets && t[-1].vl < t->vl ? t - 1 : NULL;
}

const char *target_names(void)
{
    return "native, generic, avx2, avx512, neon";
}

int64_t round_up(int64_t x, int64_t to)
{
    return (x + to - 1) / to * to;
}

static int64_t limit(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

int target_panel(const Target *t, int64_t out)
{
    return out == t->vl ? t->vl : 2 * t->vl;
}

/* 6x2 vectors of sums, or 8x1: with their operands they fill 16 registers. */
static int tile_rows(const Target *t, int nr)
{
    return nr == t->vl ? 8 : 6;
}

/* Rows of register tiles that so few pixels fill: 8, or 7 or 6 where fewer are left over. With 32 registers each of them leaves 12 sums and
 * more, and all operands their place. */
static int rows_that_fit(int64_t pixels)
{
    int64_t best = 8;
    for (int64_t rows = 7; rows >= 6; rows--) {
        best = round_up(pixels, rows) < round_up(pixels, best) ? rows : best;
    }
    return (int)best;
}

ProductTile target_product(const Target *t, const ProductShape *p, int64_t samples)
{
    /* Pixels up to which weights, if there are many, pass faster than memory gives them: as many as make 9 tiles of 6, more with vectors of
     * 16, which take half of the instructions that would wait. */
    enum { FEW = 54, FEW_WIDE = 128, MANY_WEIGHTS = 1 << 16 };
    const bool wide = t->vl == 16;
    const int64_t pixels = samples * p->pixels;
    ProductTile tile = {.nr = p->nr, .mr = tile_rows(t, p->nr)};
    /* Rows of k whose part of a panel takes half of a cache, evened out, in whole taps where those are short. What a single tile reads
     * and asks for is meant to stay in the first-level one. */
    int64_t most = t->part / p->nr;
    if (pixels <= (wide ? FEW_WIDE : FEW) * tile.mr / tile_rows(t, 2 * t->vl) && p->k * p->out >= MANY_WEIGHTS) {
        /* a single tile of 8 pixels waits for memory, two of 4 do not */
        if (wide && tile.nr > t->vl && pixels > 8) {
            tile.mr = rows_that_fit(pixels);
        }
        tile.stream = pixels <= tile.mr ? 1 : 2;
    } else if (wide && p->k * p->out > L1) { /* lines that are asked for at once wait for each other */
        tile.stream = 2;
    }
    if (tile.stream == 1) {
        most = L1 / 2 / p->nr;
    }
    const int64_t unit = p->run < most ? p->run : t->vl, parts = (p->k + most - 1) / most;
    tile.kb = (int)(p->k > 0 ? round_up((p->k + parts - 1) / parts, unit > 0 ? unit : 1) : t->vl);
    /* 32 tiles: their slice of the input, kb rows deep, has room in the second-level cache. */
    tile.mb = 32 * tile.mr;
    return tile;
}

/* Rows of dw that an item of a product with packed operands takes: some 256, evened out, or whole taps where there are several in 384. */
static int64_t packed_rows(const ProductShape *p, int mr)
{
    enum { ROWS = 256, TAPS = 384 };
    if (p->run < p->k && p->run <= TAPS) {
        int64_t taps = p->k / p->run, most = TAPS / p->run, slices = (taps + most - 1) / most;
        return (taps + slices - 1) / slices * p->run;
    }
    int64_t slices = (p->k + ROWS - 1) / ROWS;
    return round_up((p->k + slices - 1) / slices, mr);
}

/* Rows of a tile where x is read as it lies. With 32 registers as many as divide all rows, so that no tile is small: rows that follow each
 * other take one pointer, however many they are. Not where a block is of few pixels with many channels, nor for one panel of one vector
 * unless x has few channels: there this was measured to lose. */
static int lying_rows(const Target *t, const ProductShape *p)
{
    enum { MOST = 12, LEAST = 7, CHANNELS = 256 };
    const bool gains = t->registers >= 32 && p->input_pixel <= CHANNELS && (p->nr > t->vl || p->run < t->vl);
    for (int rows = MOST; gains && rows >= LEAST; rows--) {
        if (p->k % rows == 0) {
            return rows;
        }
    }
    return tile_rows(t, p->nr);
}

GradientTile target_gradient(const Target *t, const ProductShape *p, int64_t samples)
{
    enum { ITEMS = 8, PANELS = 16, FEW_PANELS = 4, LEAST_ROWS = 96 };
    GradientTile tile = {.nr = p->nr, .mr = tile_rows(t, p->nr)};
    const int64_t panels = (p->out + p->nr - 1) / p->nr, pixels = p->pixels * samples;
    /* Packing x pays from four panels on, where a tile's rows follow each other; with few pixels only in large products. */
    const bool large = p->out >= 256 && p->k >= 512;
    tile.pack = p->out >= 64 && p->run >= 48 && pixels >= (large ? 16 : 256);
    if (tile.pack) {
        /* Two blocks of x, its packed rows and the item's part of dw share the second-level cache. */
        int64_t sets = (panels + PANELS - 1) / PANELS;
        tile.mr = t->registers >= 32 ? 8 : tile.mr;
        tile.mb = t->vl == 16 ? 192 : 128; /* in half of the instructions what begins and ends a tile weighs twice as much */
        tile.pb = (int)((panels + sets - 1) / sets);
        tile.ks = (int)packed_rows(p, tile.mr);
    } else {
        tile.mr = lying_rows(t, p);
        /* Pixels whose input has room in half of the second-level cache. */
        tile.mb = (int)limit(L2 / 2 / p->input_pixel, 64, 192);
        /* Four panels, whose packed dy has room in the first-level cache, by as many rows as keep dw's part in the second-level one. */
        tile.pb = (int)limit(FEW_PANELS, 1, panels);
        tile.ks = (int)limit(L2 / (tile.pb * p->nr) / tile.mr * tile.mr, tile.mr, p->k > tile.mr ? p->k : tile.mr);
    }
    /* Eight items of work, or more whose number is even: by copies of dw for runs of pixels, of which each costs about what some 20
     * pixels do, as long as the copies stay small; then by fewer rows an item. */
    const int64_t run = tile.pack ? 512 : 1024, parts = p->groups * ((panels + tile.pb - 1) / tile.pb);
    int64_t items = parts * ((p->k + tile.ks - 1) / tile.ks);
    tile.chunks = 1;
    while ((items * tile.chunks < ITEMS || (items * tile.chunks % 2 == 1 && items < 4 * ITEMS)) && pixels / (2 * tile.chunks) >= run
           && 2 * tile.chunks * p->groups * p->k * p->out <= COPIES) {
        tile.chunks *= 2;
    }
    while (items * tile.chunks < ITEMS && tile.ks >= 2 * LEAST_ROWS) {
        tile.ks = (int)round_up(tile.ks / 2, tile.mr);
        items = parts * ((p->k + tile.ks - 1) / tile.ks);
    }
    /* blocks that fill a chunk evenly, so that threads have as much to do */
    const int64_t chunk = (pixels + tile.chunks - 1) / tile.chunks, blocks = (chunk + tile.mb - 1) / tile.mb;
    tile.mb = (int)((chunk + blocks - 1) / blocks);
    return tile;
}

GradientTile target_gradient_at_once(GradientTile tile, const ProductShape *p, int64_t samples)
{
    enum { FEW_SAMPLES = 16, ROWS = 1536 };
    if (samples <= FEW_SAMPLES) { /* memory is the bound, and long pieces of one panel are fastest */
        tile.pb = 1;
        tile.ks = (int)(p->k < ROWS ? p->k : ROWS);
        tile.pack = false;
    }
    return tile;
}

DenseGradientTile target_dense_gradient(const Target *t, int64_t vectors, int64_t samples)
{
    /* Items of 96 rows, an even number for two threads. Four panels at a time: rows of more lie a multiple of some KB apart and
     * push each other out of the caches. */
    enum { MOST = 128, ROWS = 96, PANELS = 4 };
    const int64_t items = round_up((vectors * t->vl + ROWS - 1) / ROWS, 2), blocks = (samples + MOST - 1) / MOST;
    return (DenseGradientTile){.abreast = 4 * samples <= t->vl ? 4 : 2 * samples <= t->vl ? 2 : 1,
                               .mb = (int)((samples + blocks - 1) / blocks), .vb = (int)((vectors + items - 1) / items), .pb = PANELS};
}

/* As tile_rows, but 8x2 vectors where there are 32 registers: they divide most numbers of channels and tiles. */
static int winograd_rows(const Target *t, int nr)
{
    return nr == t->vl ? 8 : t->winograd_rows;
}

WinogradTile target_winograd(const Target *t, int64_t positions, int64_t channels, int64_t rows, int64_t tiles)
{
    enum { ITEMS = 4, GROUP = 128, PART = 64 };
    int nr = target_panel(t, channels);
    WinogradTile tile = {.mr = winograd_rows(t, nr)};
    int64_t panels = (channels + nr - 1) / nr, most = GROUP / nr, groups = (panels + most - 1) / most, parts = (rows + PART - 1) / PART;
    /* 64 rows by 128 channels, evened out: a position's part of the input and of a panel fit the first-level cache together. Where that leaves
     * threads without work, groups are smaller, and up to 128 rows are one part, so that groups share the transformed input. */
    for (;;) {
        tile.pg = (int)((panels + groups - 1) / groups);
        tile.kb = (int)round_up((rows + parts - 1) / parts, t->vl);
        /* what keeps a block's scratch in the second-level cache, beside what memory is asked for */
        const int64_t most_tiles = t->winograd_scratch / (positions * (tile.kb + tile.pg * nr));
        tile.tb = (int)limit(most_tiles / tile.mr, 1, t->winograd_tiles) * tile.mr;
        if ((tiles + tile.tb - 1) / tile.tb * groups >= ITEMS || tile.pg == 1) {
            return tile;
        }
        groups = (panels + tile.pg - 2) / (tile.pg - 1); /* the next that is smaller */
        parts = rows <= 2 * PART ? 1 : parts;
    }
}

WinogradGradientTile target_winograd_gradient(const Target *t, int64_t positions, int64_t in, int64_t out, int64_t tiles)
{
    enum { GROUP = 8, WORKSPACE = 1 << 25 };
    int nr = target_panel(t, out);
    /* Sums of its own for a chunk pay where a chunk has tiles enough to sum up, fewer where the sums stay near: then threads need neither wait
     * for each other nor fetch what another one transformed. */
    int64_t least = positions * in * out <= L2 ? 48 : 96;
    int chunks = tiles >= 16 * least ? 16 : tiles >= 8 * least ? 8 : 0;
    /* Few tiles keep all positions of the transforms near, many spare the sums a way to memory: what is best grows with the channels. */
    int64_t block = limit(round_up((in + out) / 4, GROUP), 32, 96);
    if (tiles < block) {
        block = round_up(tiles, GROUP);
    }
    /* Each chunk has its own sums and transforms: sixteen of them would be the largest thing in the memory of some trainings. */
    if (chunks > 8 && chunks * positions * (block * (in + out) + in * out) > WORKSPACE) {
        chunks = 8;
    }
    return (WinogradGradientTile){.mr = winograd_rows(t, nr), .nr = nr, .tb = (int)block, .tg = GROUP, .chunks = chunks};
}
