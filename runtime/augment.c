#include "augment.h"

#include "data.h"
#include "eigen.h"
#include "rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------- shifts and mirror images alone */

nt_placement nt_placement_identity(int h, int w)
{
    return (nt_placement){.y0 = 0, .y1 = h, .y_shift = 0, .x0 = 0, .x1 = w, .x_shift = 0, .x_step = 1};
}

/* Moves the picture so that output pixel i shows what was at i + by; what was not in 0..size-1 is empty from now on. */
static void move_range(int *from, int *to, int by, int size)
{
    int a = *from - by, b = *to - by;
    *from = a < 0 ? 0 : a;
    *to = b > size ? size : b;
    if (*to < *from)
        *to = *from = 0;
}

static int draw_shift(int pixels, uint64_t key, uint64_t index)
{
    return (int)nt_random_below(key, index, 2 * (uint64_t)pixels + 1) - pixels;
}

static bool draw_mirror(uint64_t key)
{
    return nt_random(key, 0) >> 63;
}

nt_placement nt_augment_draw(const nt_augment *list, int n, int h, int w, uint64_t key)
{
    nt_placement p = nt_placement_identity(h, w);
    for (int i = 0; i < n; i++) {
        uint64_t own = nt_key(key, (uint64_t)i);
        if (list[i].kind != NT_AUG_MIRROR) {
            int dy = draw_shift(list[i].pixels, own, 0), dx = draw_shift(list[i].pixels, own, 1);
            move_range(&p.y0, &p.y1, dy, h);
            move_range(&p.x0, &p.x1, dx, w);
            p.y_shift += dy;
            p.x_shift += p.x_step * dx;
        } else if (draw_mirror(own)) {
            int x0 = p.x0;
            p.x0 = w - p.x1;
            p.x1 = w - x0;
            p.x_shift += p.x_step * (w - 1);
            p.x_step = -p.x_step;
        }
    }
    return p;
}

/* ---------------------------------------------------------------------------------------------------------- numbers */

/* cos and sin of 2 pi t, 0 <= t <= 1: Taylor series about the nearest quarter turn. */
static inline void turn(float t, float *cosine, float *sine)
{
    int quarter = (int)(t * 4 + 0.5f);
    float a = (t * 4 - (float)quarter) * 1.57079632679f, a2 = a * a;
    float s = a * (1 - a2 / 6 * (1 - a2 / 20 * (1 - a2 / 42 * (1 - a2 / 72))));
    float c = 1 - a2 / 2 * (1 - a2 / 12 * (1 - a2 / 30 * (1 - a2 / 56)));
    float x = quarter & 1 ? s : c, y = quarter & 1 ? c : s;
    *cosine = (quarter + 1) & 2 ? -x : x;
    *sine = quarter & 2 ? -y : y;
}

/* -2 log(u), 2^-24 <= u <= 1: log(2^e m) = e log 2 + 2 artanh((m - 1) / (m + 1)), sqrt(1/2) <= m < sqrt(2). */
static inline float minus_two_log(float u)
{
    int32_t bits, half = 0x3f3504f3; /* the bits of sqrt(1/2) */
    memcpy(&bits, &u, sizeof bits);
    int32_t e = (bits - half) >> 23;
    bits -= e * (1 << 23);
    float m;
    memcpy(&m, &bits, sizeof m);
    float s = (m - 1) / (m + 1), s2 = s * s;
    return -2 * ((float)e * 0.69314718056f + 2 * s * (1 + s2 * (1 / 3.f + s2 * (1 / 5.f + s2 * (1 / 7.f + s2 / 9)))));
}

/* Pairs of normal numbers (Box and Muller, 1958), 64 pairs a round so that the loops become vectors: value j of the
 * round is a cosine, value 64 + j the sine with it. */
static void add_noise(float *x, int64_t n, float std, uint64_t key)
{
    enum { PAIRS = 64 };
    float size[PAIRS], angle[PAIRS], normal[2 * PAIRS];
    for (int64_t first = 0; first < n; first += 2 * PAIRS) {
        for (int j = 0; j < PAIRS; j++) {
            uint64_t bits = nt_random(key, (uint64_t)(first / 2 + j));
            size[j] = (float)((int32_t)(bits >> 40) + 1) * 0x1p-24f;
            angle[j] = (float)(int32_t)(bits & 0xffffff) * 0x1p-24f;
        }
        for (int j = 0; j < PAIRS; j++)
            size[j] = minus_two_log(size[j]);
        for (int j = 0; j < PAIRS; j++)
            size[j] = std * sqrtf(size[j]);
        for (int j = 0; j < PAIRS; j++) {
            float c, s;
            turn(angle[j], &c, &s);
            normal[j] = size[j] * c;
            normal[PAIRS + j] = size[j] * s;
        }
        int64_t m = n - first < 2 * PAIRS ? n - first : 2 * PAIRS;
        for (int64_t i = 0; i < m; i++)
            x[first + i] += normal[i];
    }
}

/* Uniform in -1..1. */
static double draw_even(uint64_t key, uint64_t index)
{
    return 2 * nt_random_uniform(key, index) - 1;
}

/* -------------------------------------------------------------------------------------------------------- smoothing */

static int gaussian_radius(double sigma)
{
    return (int)(4 * sigma + 0.5);
}

/* Half a kernel that adds up to 1, its middle first. */
static void make_gaussian(double sigma, float *kernel)
{
    int radius = gaussian_radius(sigma);
    double sum = 0;
    for (int k = -radius; k <= radius; k++)
        sum += exp(-0.5 * k * k / (sigma * sigma));
    for (int k = 0; k <= radius; k++)
        kernel[k] = (float)(exp(-0.5 * k * k / (sigma * sigma)) / sum);
}

/* y += k * (a + b) over n values. */
static inline void add_two(float *restrict y, float k, const float *restrict a, const float *restrict b, int n)
{
    for (int i = 0; i < n; i++)
        y[i] += k * (a[i] + b[i]);
}

static inline void multiply(float *restrict y, float k, const float *restrict x, int n)
{
    for (int i = 0; i < n; i++)
        y[i] = k * x[i];
}

/* What smooth() works in: the rows smoothed along, a row of zeros, a row with a border. */
static size_t smooth_scratch(int h, int w, int c, int radius)
{
    return ((size_t)h + 1) * (size_t)w * (size_t)c + ((size_t)w + 2 * (size_t)radius) * (size_t)c;
}

/* Smooths h x w pixels of c values along rows, then along columns. Beyond the edge is 0, or with `edge` what is at the
 * edge. */
static void smooth(float *image, int h, int w, int c, const float *kernel, int radius, bool edge, float *scratch)
{
    int row = w * c, border = radius * c;
    float *along = scratch, *zeros = along + (size_t)h * (size_t)row, *padded = zeros + row;
    memset(zeros, 0, (size_t)row * sizeof *zeros);
    memset(padded, 0, (size_t)(row + 2 * border) * sizeof *padded);
    for (int y = 0; y < h; y++) {
        const float *from = image + (size_t)y * (size_t)row;
        float *to = along + (size_t)y * (size_t)row;
        memcpy(padded + border, from, (size_t)row * sizeof *from);
        for (int i = 0; i < border && edge; i++) {
            padded[i] = from[i % c];
            padded[border + row + i] = from[row - c + i % c];
        }
        multiply(to, kernel[0], padded + border, row);
        for (int k = 1; k <= radius; k++)
            add_two(to, kernel[k], padded + border - k * c, padded + border + k * c, row);
    }
    for (int y = 0; y < h; y++) {
        float *to = image + (size_t)y * (size_t)row;
        multiply(to, kernel[0], along + (size_t)y * (size_t)row, row);
        for (int k = 1; k <= radius; k++) {
            int above = y - k, below = y + k;
            above = above < 0 && edge ? 0 : above;
            below = below >= h && edge ? h - 1 : below;
            add_two(to, kernel[k], above < 0 ? zeros : along + (size_t)above * (size_t)row,
                    below >= h ? zeros : along + (size_t)below * (size_t)row, row);
        }
    }
}

static void blur(const nt_augmenter *a, double sigma, float *image, float *scratch)
{
    int radius = gaussian_radius(sigma);
    if (radius == 0)
        return;
    make_gaussian(sigma, scratch);
    smooth(image, a->h, a->w, a->c, scratch, radius, true, scratch + radius + 1);
}

/* -------------------------------------------------------------------------------------------------------- movements */

/* Output (x, y) shows source (x', y') = (m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5]). */
typedef struct movement {
    double m[6];
} movement;

static const movement no_movement = {{1, 0, 0, 0, 1, 0}};

/* First g, then f. */
static movement follow(movement f, movement g)
{
    const double *a = f.m, *b = g.m;
    return (movement){{a[0] * b[0] + a[1] * b[3], a[0] * b[1] + a[1] * b[4], a[0] * b[2] + a[1] * b[5] + a[2],
                       a[3] * b[0] + a[4] * b[3], a[3] * b[1] + a[4] * b[4], a[3] * b[2] + a[4] * b[5] + a[5]}};
}

/* (x', y') - centre = (a b; c d) ((x, y) - centre). */
static movement about_centre(const nt_augmenter *g, double a, double b, double c, double d)
{
    double x = (g->w - 1) / 2.0, y = (g->h - 1) / 2.0;
    return (movement){{a, b, x - a * x - b * y, c, d, y - c * x - d * y}};
}

/* The movement of one augmentation; none for those that do not move pixels. */
static movement draw_movement(const nt_augmenter *a, const nt_augment *g, uint64_t key)
{
    const double radian = 3.14159265358979323846 / 180;
    movement m = no_movement;
    double angle;
    switch (g->kind) {
    case NT_AUG_SHIFT:
    case NT_AUG_CROP:
        m.m[5] = draw_shift(g->pixels, key, 0);
        m.m[2] = draw_shift(g->pixels, key, 1);
        break;
    case NT_AUG_MIRROR:
        if (draw_mirror(key))
            m = (movement){{-1, 0, a->w - 1, 0, 1, 0}};
        break;
    case NT_AUG_ROTATE:
        angle = draw_even(key, 0) * g->amount * radian;
        return about_centre(a, cos(angle), -sin(angle), sin(angle), cos(angle));
    case NT_AUG_SCALE:
        return about_centre(a, 1 / (1 + draw_even(key, 1) * g->amount), 0, 0, 1 / (1 + draw_even(key, 0) * g->amount));
    case NT_AUG_SHEAR:
        return about_centre(a, 1, tan(draw_even(key, 0) * g->amount * radian), 0, 1);
    case NT_AUG_DISTORT:
    case NT_AUG_BLUR:
    case NT_AUG_COLOR:
    case NT_AUG_NOISE:
        break;
    }
    return m;
}

/* The displacements of a DISTORT, (x, y) for each pixel. */
static void draw_displacements(const nt_augmenter *a, const nt_augment *g, const float *kernel, uint64_t key,
                               float *field, float *scratch)
{
    int pixels = a->h * a->w;
    for (int i = 0; i < pixels; i++) {
        uint64_t bits = nt_random(key, (uint64_t)i);
        field[2 * i] = (float)(int32_t)(uint32_t)(bits >> 32) * 0x1p-31f;
        field[2 * i + 1] = (float)(int32_t)(uint32_t)bits * 0x1p-31f;
    }
    smooth(field, a->h, a->w, 2, kernel, gaussian_radius(g->sigma), false, scratch);
    for (int i = 0; i < 2 * pixels; i++)
        field[i] *= (float)g->amount;
}

/* The source has a border of zeros: a pixel before it, two behind. */
enum { BORDER = 3 };

static size_t bordered_size(const nt_augmenter *a)
{
    return ((size_t)a->h + BORDER) * ((size_t)a->w + BORDER) * (size_t)a->c;
}

/* A pixel between four: weights fx, fy towards the right and below. next: values from one row to the next. */
static inline void mix(float *restrict to, const float *restrict p, size_t next, int c, float fx, float fy)
{
    for (int k = 0; k < c; k++) {
        float above = p[k] + fx * (p[k + c] - p[k]), below = p[next + k] + fx * (p[next + k + c] - p[next + k]);
        to[k] = above + fy * (below - above);
    }
}

/* The image under a movement of each pixel and its displacement (field may be NULL). scratch: bordered_size(). */
static void read_moved(const nt_augmenter *a, const movement *move, const float *field, float *image, float *scratch)
{
    int h = a->h, w = a->w, c = a->c;
    size_t row = (size_t)w * (size_t)c, next = row + BORDER * (size_t)c;
    float m[6];
    for (int i = 0; i < 6; i++)
        m[i] = (float)move->m[i];
    memset(scratch, 0, bordered_size(a) * sizeof *scratch);
    for (int y = 0; y < h; y++)
        memcpy(scratch + ((size_t)y + 1) * next + c, image + (size_t)y * row, row * sizeof *image);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++, image += c) {
            float px = (float)x, py = (float)y;
            if (field) {
                px += *field++;
                py += *field++;
            }
            /* Counted from the border's corner; beyond the border everything is 0 as well. */
            float sx = m[0] * px + m[1] * py + m[2] + 1, sy = m[3] * px + m[4] * py + m[5] + 1;
            sx = sx < 0 ? 0 : sx > (float)(w + 1) ? (float)(w + 1) : sx;
            sy = sy < 0 ? 0 : sy > (float)(h + 1) ? (float)(h + 1) : sy;
            int left = (int)sx, top = (int)sy;
            const float *p = scratch + (size_t)top * next + (size_t)left * (size_t)c;
            if (c == 1)
                mix(image, p, next, 1, sx - (float)left, sy - (float)top);
            else if (c == 3)
                mix(image, p, next, 3, sx - (float)left, sy - (float)top);
            else
                mix(image, p, next, c, sx - (float)left, sy - (float)top);
        }
}

/* ---------------------------------------------------------------------------------------------------------- the list */

static void add_color(const nt_augmenter *a, double std, uint64_t key, float *image)
{
    float shift[3] = {0};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 3; i++)
            shift[i] += (float)(std * nt_random_normal(key, (uint64_t)k) * a->color[k][i]);
    int64_t pixels = (int64_t)a->h * a->w;
    for (int64_t p = 0; p < pixels; p++)
        for (int i = 0; i < 3; i++)
            image[3 * p + i] += shift[i];
}

/* Whether it is a movement, which can be put together with others. */
static bool moves_pixels(nt_augment_kind kind)
{
    return kind == NT_AUG_SHIFT || kind == NT_AUG_CROP || kind == NT_AUG_MIRROR || kind == NT_AUG_ROTATE ||
           kind == NT_AUG_SCALE || kind == NT_AUG_SHEAR;
}

/* Whether a run of movements goes on with the next augmentation: another movement, or the DISTORT that ends it. */
static bool goes_on(const nt_augmenter *a, int next)
{
    return next < a->n && (moves_pixels(a->list[next].kind) || a->list[next].kind == NT_AUG_DISTORT);
}

void nt_augment_sample(const nt_augmenter *a, uint64_t key, float *image, float *scratch)
{
    movement move = no_movement;
    float *field = scratch, *work = scratch + 2 * (size_t)a->h * (size_t)a->w;
    const float *kernel = a->gaussian;
    bool moved = false;
    for (int i = 0; i < a->n; i++) {
        const nt_augment *g = &a->list[i];
        uint64_t own = nt_key(key, (uint64_t)i);
        bool distorts = g->kind == NT_AUG_DISTORT, moves = moves_pixels(g->kind);
        if (moves)
            move = follow(move, draw_movement(a, g, own));
        else if (distorts)
            draw_displacements(a, g, kernel, own, field, work);
        moved |= moves || distorts;
        kernel += distorts ? gaussian_radius(g->sigma) + 1 : 0;
        if (moved && (distorts || !goes_on(a, i + 1))) {
            read_moved(a, &move, distorts ? field : NULL, image, work);
            move = no_movement;
            moved = false;
        }
        if (g->kind == NT_AUG_BLUR)
            blur(a, g->sigma * nt_random_uniform(own, 0), image, work);
        else if (g->kind == NT_AUG_COLOR)
            add_color(a, g->amount, own, image);
        else if (g->kind == NT_AUG_NOISE)
            add_noise(image, (int64_t)a->h * a->w * a->c, (float)g->amount, own);
    }
}

/* ----------------------------------------------------------------------------------------------------- setting it up */

static const char *const names[] = {
    [NT_AUG_SHIFT] = "shift", [NT_AUG_MIRROR] = "mirror", [NT_AUG_CROP] = "crop",       [NT_AUG_ROTATE] = "rotate",
    [NT_AUG_SCALE] = "scale", [NT_AUG_SHEAR] = "shear",   [NT_AUG_DISTORT] = "distort", [NT_AUG_BLUR] = "blur",
    [NT_AUG_COLOR] = "color", [NT_AUG_NOISE] = "noise",
};

static bool check(const nt_augmenter *a, const nt_augment *g, nt_error *err)
{
    const char *name = names[g->kind];
    if (a->h * a->w == 1 && g->kind != NT_AUG_NOISE)
        return nt_fail(err,
                       "augment = %s needs images, but the network reads a vector: write "
                       "input(HEIGHTxWIDTHxCHANNELS), or leave it out",
                       name);
    if (g->kind == NT_AUG_COLOR && a->c != 3)
        return nt_fail(err, "augment = color needs images of 3 channels, and the network reads %d", a->c);
    if (g->pixels < 0 || g->pixels > 1 << 20)
        return nt_fail(err, "augment = %s(%d): the number of pixels must be 0 or above, and less than the image", name,
                       g->pixels);
    if (!isfinite(g->amount) || !(g->sigma >= 0 && g->sigma <= 10000))
        return nt_fail(err, "augment = %s: %g and %g are not numbers that it can take", name, g->amount, g->sigma);
    return true;
}

bool nt_augmenter_init(nt_augmenter *a, const nt_augment *list, int n, int h, int w, int c, nt_error *err)
{
    *a = (nt_augmenter){.list = list, .n = n, .h = h, .w = w, .c = c, .moves_only = true};
    size_t kernels = 0, work = bordered_size(a);
    for (int i = 0; i < n; i++) {
        const nt_augment *g = &list[i];
        if (!check(a, g, err))
            return false;
        size_t smoothing = smooth_scratch(h, w, g->kind == NT_AUG_BLUR ? c : 2, gaussian_radius(g->sigma)) +
                           (size_t)gaussian_radius(g->sigma) + 1;
        if (g->kind == NT_AUG_DISTORT)
            kernels += (size_t)gaussian_radius(g->sigma) + 1;
        if (g->kind == NT_AUG_DISTORT || g->kind == NT_AUG_BLUR)
            work = smoothing > work ? smoothing : work;
        a->moves_only &= g->kind == NT_AUG_SHIFT || g->kind == NT_AUG_CROP || g->kind == NT_AUG_MIRROR;
    }
    a->scratch = a->moves_only ? 0 : 2 * (size_t)h * (size_t)w + work;
    a->gaussian = malloc((kernels + 1) * sizeof *a->gaussian);
    if (!a->gaussian)
        return nt_fail_memory(err, "the augmentation", (double)kernels * 4);
    float *kernel = a->gaussian;
    for (int i = 0; i < n; i++) {
        if (list[i].kind != NT_AUG_DISTORT)
            continue;
        make_gaussian(list[i].sigma, kernel);
        kernel += gaussian_radius(list[i].sigma) + 1;
    }
    return true;
}

void nt_augmenter_free(nt_augmenter *a)
{
    free(a->gaussian);
    *a = (nt_augmenter){0};
}

/* Sums over the pixels of one sample, of each channel and of the products of two. */
static void add_colors(const nt_augmenter *a, const nt_part *part, int64_t place, double *sum, double product[3][3])
{
    int64_t pixels = (int64_t)a->h * a->w, at = place * pixels * 3;
    double one[3] = {0}, two[3][3] = {{0}};
    for (int64_t p = 0; p < pixels; p++, at += 3) {
        double x[3];
        for (int i = 0; i < 3; i++)
            x[i] = part->bytes ? part->bytes[at + i] / 255.0 : (double)part->values[at + i];
        for (int i = 0; i < 3; i++) {
            one[i] += x[i];
            for (int j = 0; j <= i; j++)
                two[i][j] += x[i] * x[j];
        }
    }
    for (int i = 0; i < 3; i++) {
        sum[i] += one[i];
        for (int j = 0; j <= i; j++)
            product[i][j] += two[i][j];
    }
}

bool nt_augmenter_estimate(nt_augmenter *a, const nt_split *split, nt_error *err)
{
    bool wanted = false;
    for (int i = 0; i < a->n; i++)
        wanted |= a->list[i].kind == NT_AUG_COLOR;
    if (!wanted || split->count == 0)
        return true;
    double sum[3] = {0}, product[3][3] = {{0}}, covariance[9], values[3];
    for (int64_t s = 0; s < split->count; s++)
        add_colors(a, &split->part, split->index ? split->index[s] : s, sum, product);
    double count = (double)split->count * a->h * a->w;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j <= i; j++)
            covariance[3 * i + j] = covariance[3 * j + i] = product[i][j] / count - sum[i] / count * (sum[j] / count);
    if (!nt_eigen(covariance, 3, values, err))
        return false;
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 3; i++)
            a->color[k][i] = covariance[3 * k + i] * values[k];
    return true;
}
