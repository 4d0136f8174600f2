/* target.h - what an instruction set is to the compiler: its width, its register tiles, its compiler flags. */
#ifndef NETC_TARGET_H
#define NETC_TARGET_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Target {
    const char *name;       /* "avx2" */
    int vl;                 /* reals a vector */
    int registers;          /* vectors that a core's registers hold */
    const char *define;     /* NT_TARGET_AVX2, or NULL */
    const char *cflags;     /* -march=... */
    int part;               /* reals of a panel that pass at a time in a product: of the cache from which they cost nothing */
    int winograd_rows;      /* Winograd's products: of a register tile two vectors wide, */
    int winograd_tiles;     /* the most register tiles of a block, */
    int64_t winograd_scratch; /* and the most reals of its scratch, which the second-level cache holds */
} Target;

/* "native" is resolved to the widest vectors that this machine has. NULL: no such target. */
const Target *target_find(const char *name);
/* The target of narrower vectors that each processor of this one has as well, or NULL. */
const Target *target_narrower(const Target *t);
const char *target_names(void); /* "native, generic, avx2, ...", for messages */

/* Width of the weight panels of a product with `out` padded output channels a group: the widest register tile's. */
int target_panel(const Target *t, int64_t out);

/* A product, as igemm.k.c and igemm_dw.k.c see it. */
typedef struct ProductShape {
    int64_t out;    /* output channels of a group, padded */
    int nr;         /* width of the weights' panels */
    int64_t pixels; /* of a sample */
    int64_t k;      /* products an output */
    int64_t groups;
    int64_t run;    /* contiguous elements of a tap */
    int64_t input_pixel; /* elements of the input that a further output pixel adds to a block's, about */
} ProductShape;

/* Constants of igemm.k.c (see there), for a likely batch of so many samples. */
typedef struct ProductTile {
    int mr, nr, mb, kb;
    int stream; /* K_STREAM, or 0 */
} ProductTile;
ProductTile target_product(const Target *t, const ProductShape *p, int64_t samples);

/* Constants of igemm_dw.k.c (see there), for a likely batch of so many samples. */
typedef struct GradientTile {
    int mr, nr, mb, pb, ks, chunks;
    bool pack; /* x, too */
} GradientTile;
GradientTile target_gradient(const Target *t, const ProductShape *p, int64_t samples);
/* The same where the optimizer's step is taken tile by tile (K_AT_ONCE), from what target_gradient chose. */
GradientTile target_gradient_at_once(GradientTile tile, const ProductShape *p, int64_t samples);

/* Constants of dense_dx.k.c (see there) for a dense layer whose weights' rows make so many `vectors` in all pixels of the input volume
 * together. */
typedef struct DenseGradientTile {
    int abreast, mb, vb, pb;
} DenseGradientTile;
DenseGradientTile target_dense_gradient(const Target *t, int64_t vectors, int64_t samples);

/* Constants of winograd.k.c (see there) for transforms of so many positions, `channels` padded output channels, `rows` input channels and
 * `tiles` of a likely batch. */
typedef struct WinogradTile {
    int mr, tb, kb, pg;
} WinogradTile;
WinogradTile target_winograd(const Target *t, int64_t positions, int64_t channels, int64_t rows, int64_t tiles);

/* Constants of winograd_dw.k.c (see there) for transforms of so many positions, `in` and `out` (padded) channels and `tiles` of a likely
 * batch. */
typedef struct WinogradGradientTile {
    int mr, nr, tb, tg;
    int chunks; /* 0: all threads work on one block */
} WinogradGradientTile;
WinogradGradientTile target_winograd_gradient(const Target *t, int64_t positions, int64_t in, int64_t out, int64_t tiles);

int64_t round_up(int64_t x, int64_t to);

#endif
