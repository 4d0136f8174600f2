#include "whiten.h"

#include "data.h"
#include "data_source.h"
#include "eigen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Samples whose products are added in float before they go to double; a tile of the covariance, that many rows and
 * columns. */
enum { BLOCK = 64, TILE_ROWS = 4, TILE = 16 };

/* Rows of the matrix that lie together; samples that are multiplied together. */
enum { PANEL = 8, LARGEST_GROUP = 8 };

static int round_up(int n, int to)
{
    return (n + to - 1) / to * to;
}

/* n samples from `first` of the split on, centred, each padded with zeros to `stride`. */
static void centre(const nt_split *split, int64_t first, int n, int size, int stride, const double *mean, float *x)
{
    for (int s = 0; s < n; s++) {
        int64_t place = split->index ? split->index[first + s] : first + s, at = place * size;
        for (int i = 0; i < size; i++) {
            double v = split->part.bytes ? split->part.bytes[at + i] / 255.0 : (double)split->part.values[at + i];
            x[s * stride + i] = (float)(v - mean[i]);
        }
    }
}

/* Adds the products of n samples for rows i.. and columns j.. of the sums. */
static void add_tile(const float *restrict x, int n, int stride, int i, int j, double *restrict sums)
{
    float tile[TILE_ROWS][TILE] = {{0}};
    for (int s = 0; s < n; s++, x += stride)
        for (int r = 0; r < TILE_ROWS; r++)
            for (int k = 0; k < TILE; k++)
                tile[r][k] += x[i + r] * x[j + k];
    for (int r = 0; r < TILE_ROWS; r++)
        for (int k = 0; k < TILE; k++)
            sums[(size_t)(i + r) * (size_t)stride + (size_t)(j + k)] += (double)tile[r][k];
}

/* Sums of products, the lower triangle (and what its tiles have of the upper): sums[stride * stride]. */
static void add_products(const nt_split *split, int size, int stride, const double *mean, float *x, double *sums)
{
    for (int64_t first = 0; first < split->count; first += BLOCK) {
        int n = split->count - first < BLOCK ? (int)(split->count - first) : BLOCK;
        centre(split, first, n, size, stride, mean, x);
#pragma omp parallel for schedule(dynamic, 4) if (size > 256)
        for (int i = 0; i < stride; i += TILE_ROWS)
            for (int j = 0; j <= i; j += TILE)
                add_tile(x, n, stride, i, j, sums);
    }
}

/* From the eigenvectors u (rows) and factors f: PCA f_k u_k, ZCA sum_k f_k u_k u_k'. Every sum is one thread's. */
static void combine(const double *u, const double *f, int size, bool pca, float *matrix)
{
    enum { COLUMNS = 64 };
#pragma omp parallel for schedule(static) if (size > 512)
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j += COLUMNS) {
            int columns = size - j < COLUMNS ? size - j : COLUMNS;
            double row[COLUMNS] = {0};
            for (int k = pca ? i : 0; k < (pca ? i + 1 : size); k++) {
                const double *restrict vector = u + (size_t)k * (size_t)size;
                double factor = f[k] * (pca ? 1 : vector[i]);
                for (int l = 0; l < columns; l++)
                    row[l] += factor * vector[j + l];
            }
            for (int l = 0; l < columns; l++)
                matrix[(size_t)i * (size_t)size + (size_t)(j + l)] = (float)row[l];
        }
}

static bool estimate(const nt_split *split, int size, const double *mean, bool pca, double eps, double *sums,
                     double *values, float *x, float *matrix, nt_error *err)
{
    static const double smallest = 1e-6;
    int stride = round_up(size, TILE);
    add_products(split, size, stride, mean, x, sums);
    for (int i = 0; i < size; i++) /* leaves out the padding: what moves goes to where nothing is needed any more */
        for (int j = 0; j <= i; j++)
            sums[(size_t)i * (size_t)size + (size_t)j] =
                sums[(size_t)i * (size_t)stride + (size_t)j] / (double)split->count;
    for (int i = 0; i < size; i++)
        for (int j = i + 1; j < size; j++)
            sums[(size_t)i * (size_t)size + (size_t)j] = sums[(size_t)j * (size_t)size + (size_t)i];
    if (!nt_eigen(sums, size, values, err))
        return false;
    double least = smallest * values[0];
    for (int k = 0; k < size; k++)
        values[k] = values[k] > least && values[k] > 0 ? 1 / sqrt(values[k] + eps) : 0;
    combine(sums, values, size, pca, matrix);
    return true;
}

float *nt_whiten_estimate(const nt_split *split, int size, const double *mean, bool pca, double eps, nt_error *err)
{
    size_t stride = (size_t)round_up(size, TILE), square = (size_t)size * (size_t)size;
    double *sums = calloc(stride * stride, sizeof *sums), *values = calloc(stride, sizeof *values);
    float *x = calloc(BLOCK * stride, sizeof *x), *matrix = malloc(square * sizeof *matrix);
    bool good = sums && values && x && matrix;
    if (!good)
        nt_fail_memory(err, "whitening", (double)(stride * stride * 8 + square * 4));
    else
        good = estimate(split, size, mean, pca, eps, sums, values, x, matrix, err);
    free(sums);
    free(values);
    free(x);
    if (good)
        return matrix;
    free(matrix);
    return NULL;
}

/* ---------------------------------------------------------------------------------------------------------- applying */

float *nt_whiten_pack(const float *matrix, int size)
{
    size_t n = (size_t)size;
    float *packed = calloc((size_t)round_up(size, PANEL) * n, sizeof *packed);
    for (size_t i = 0; packed && i < n; i++)
        for (size_t j = 0; j < n; j++)
            packed[(i / PANEL * n + j) * PANEL + i % PANEL] = matrix[i * n + j];
    return packed;
}

/* A panel's rows times `group` samples: each sum is over j in order, however many samples there are. */
static inline void multiply_panel(const float *restrict panel, const float *restrict x, int size, int group,
                                  float *restrict y)
{
    float sums[LARGEST_GROUP][PANEL] = {{0}};
    for (int j = 0; j < size; j++)
        for (int s = 0; s < group; s++)
#pragma omp simd
            for (int i = 0; i < PANEL; i++)
                sums[s][i] += x[(size_t)s * (size_t)size + (size_t)j] * panel[(size_t)j * PANEL + (size_t)i];
    for (int s = 0; s < group; s++)
        memcpy(y + (size_t)s * PANEL, sums[s], sizeof sums[s]);
}

typedef void multiply(const float *panel, const float *x, int size, float *y);

static void multiply_1(const float *panel, const float *x, int size, float *y)
{
    multiply_panel(panel, x, size, 1, y);
}

static void multiply_4(const float *panel, const float *x, int size, float *y)
{
    multiply_panel(panel, x, size, 4, y);
}

/* This is most of the work of a batch: where the processor has vectors of 8, they are worth asking for. Results are the
 * same, as no sum is split and nothing is fused. */
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx2"))) static void multiply_8(const float *panel, const float *x, int size, float *y)
{
    multiply_panel(panel, x, size, 8, y);
}

static multiply *wide_multiply(void)
{
    return __builtin_cpu_supports("avx2") ? multiply_8 : NULL;
}
#else
static multiply *wide_multiply(void)
{
    return NULL;
}
#endif

void nt_whiten_apply(const float *packed, int size, const float *x, int n, float *y)
{
    float sums[LARGEST_GROUP * PANEL];
    multiply *wide = wide_multiply();
    for (int i = 0; i < size; i += PANEL, packed += (size_t)size * PANEL) {
        size_t rows = (size_t)(size - i < PANEL ? size - i : PANEL);
        for (int s = 0, group; s < n; s += group) {
            group = n - s >= 8 && wide ? 8 : n - s >= 4 ? 4 : 1;
            (group == 8 ? wide : group == 4 ? multiply_4 : multiply_1)(packed, x + (size_t)s * (size_t)size, size, sums);
            for (int k = 0; k < group; k++)
                memcpy(y + (size_t)(s + k) * (size_t)size + i, sums + k * PANEL, rows * sizeof *y);
        }
    }
}
