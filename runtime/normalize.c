#include "normalize.h"

#include "data.h"
#include "whiten.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool nt_normalizer_estimated(nt_normalize kind)
{
    return kind == NT_NORM_CENTER_IMAGE || kind == NT_NORM_CENTER_CHANNEL || kind == NT_NORM_STANDARDIZE ||
           kind == NT_NORM_WHITEN;
}

static int64_t sample_size(const nt_normalizer *z)
{
    return (int64_t)z->h * z->w * z->c;
}

/* Constants of so many values stay in the first-level cache: then one long loop a sample beats a short one a row. */
enum { SMALL_SAMPLE = 4096 };

/* Works out factor, byte_factor and shift from n, mean, std and scale. */
static bool spread(nt_normalizer *z, nt_error *err)
{
    int64_t size = sample_size(z);
    int64_t period = z->n > z->c || size <= SMALL_SAMPLE ? size : (int64_t)z->w * z->c;
    float *block = calloc((size_t)period * 3, sizeof(float));
    if (!block)
        return nt_fail_memory(err, "the normalization constants", (double)period * 12);
    free(z->factor);
    z->period = (int)period;
    z->factor = block;
    z->byte_factor = block + period;
    z->shift = block + 2 * period;
    for (int64_t i = 0; i < period; i++) {
        int64_t k = z->n ? i % z->n : 0;
        double factor = z->scale / (z->std ? z->std[k] : 1);
        z->factor[i] = (float)factor;
        z->byte_factor[i] = (float)(factor / 255);
        z->shift[i] = z->mean ? (float)(-z->mean[k] * factor) : 0;
    }
    z->ready = true;
    return true;
}

/* Copies `n` constants, or one repeated, into new memory. */
static double *copy_constants(const double *from, int n_from, int n)
{
    double *copy = malloc((size_t)n * sizeof *copy);
    for (int i = 0; copy && i < n; i++)
        copy[i] = from[n_from == 1 ? 0 : i];
    return copy;
}

static bool set_constants(nt_normalizer *z, const double *mean, const double *std, int n_from, int n, nt_error *err)
{
    double *new_mean = mean ? copy_constants(mean, n_from, n) : NULL;
    double *new_std = std ? copy_constants(std, n_from, n) : NULL;
    free(z->mean);
    free(z->std);
    z->mean = new_mean;
    z->std = new_std;
    z->n = mean || std ? n : 0;
    if ((mean && !new_mean) || (std && !new_std))
        return nt_fail_memory(err, "the normalization constants", (double)n * 16);
    return spread(z, err);
}

static bool check_constants(const char *what, const double *mean, const double *std, int n, double scale, nt_error *err)
{
    for (int i = 0; i < n; i++) {
        if (mean && !isfinite(mean[i]))
            return nt_fail(err, "%s: mean number %d is %g: write a finite number", what, i + 1, mean[i]);
        if (std && !(isfinite(std[i]) && std[i] > 0))
            return nt_fail(err, "%s: std number %d is %g: write a number above 0", what, i + 1, std[i]);
    }
    if (!isfinite(scale) || scale == 0)
        return nt_fail(err, "%s: the scale is %g: write a finite number other than 0", what, scale);
    return true;
}

bool nt_normalizer_init(nt_normalizer *z, const nt_data_config *config, int h, int w, int c, nt_error *err)
{
    *z = (nt_normalizer){.kind = config->normalize, .h = h, .w = w, .c = c, .scale = 1};
    z->whiten_pca = config->whiten_pca;
    z->whiten_eps = config->whiten_eps;
    if (z->kind == NT_NORM_WHITEN && sample_size(z) > NT_WHITEN_MOST)
        return nt_fail(err, "normalize = whiten is for at most %d values a sample, and the network reads %lld",
                       NT_WHITEN_MOST, (long long)sample_size(z));
    if (nt_normalizer_estimated(z->kind))
        return true;
    if (z->kind == NT_NORM_SCALE) {
        z->scale = config->norm_scale;
        return check_constants("normalize = scale", NULL, NULL, 0, z->scale, err) && spread(z, err);
    }
    if (z->kind != NT_NORM_GIVEN)
        return spread(z, err);
    int n = config->n_given;
    if (n != 1 && n != c)
        return nt_fail(
            err, "normalize = given has %d number%s, the input has %d %s: write one for each, or a single one for all",
            n, n == 1 ? "" : "s", c, h * w == 1 ? "features" : "channels");
    return check_constants("normalize = given", config->given_mean, config->given_std, n, 1, err) &&
           set_constants(z, config->given_mean, config->given_std, n, c, err);
}

/* Takes over the matrix, or NULL. */
static bool set_matrix(nt_normalizer *z, float *matrix, nt_error *err)
{
    int size = (int)sample_size(z);
    free(z->matrix);
    free(z->packed);
    z->matrix = matrix;
    z->packed = matrix ? nt_whiten_pack(matrix, size) : NULL;
    return !matrix || z->packed || nt_fail_memory(err, "the whitening matrix", (double)size * size * 4);
}

static bool copy_matrix(nt_normalizer *z, const float *from, nt_error *err)
{
    int64_t size = sample_size(z);
    if (!from)
        return set_matrix(z, NULL, err);
    if (size > NT_WHITEN_MOST)
        return nt_fail(err, "a whitening matrix is for at most %d values a sample", NT_WHITEN_MOST);
    for (int64_t i = 0; i < size * size; i++)
        if (!isfinite(from[i]))
            return nt_fail(err, "normalization constants: the whitening matrix has a value that is not finite");
    float *copy = malloc((size_t)(size * size) * sizeof *copy);
    if (!copy)
        return nt_fail_memory(err, "the whitening matrix", (double)(size * size) * 4);
    memcpy(copy, from, (size_t)(size * size) * sizeof *copy);
    return set_matrix(z, copy, err);
}

bool nt_normalizer_set(nt_normalizer *z, const double *mean, const double *std, int n, double scale,
                       const float *matrix, nt_error *err)
{
    int64_t size = sample_size(z);
    if (!mean && !std)
        n = 0;
    else if (n != z->c && n != size)
        return nt_fail(
            err, "%d normalization constants do not fit the input %dx%dx%d: there must be %d (one a channel) or %lld",
            n, z->h, z->w, z->c, z->c, (long long)size);
    if (!check_constants("normalization constants", mean, std, n, scale, err))
        return false;
    z->scale = scale;
    return copy_matrix(z, matrix, err) && set_constants(z, mean, std, n, n, err);
}

void nt_normalizer_free(nt_normalizer *z)
{
    free(z->mean);
    free(z->std);
    free(z->factor);
    free(z->matrix);
    free(z->packed);
    *z = (nt_normalizer){.scale = 1};
}

/* ------------------------------------------------------------------------------------------------------- estimation */

/* Adds up values and their squares, place by place. Exact: a block of 65,536 samples fits 32 bits (65,536 * 255 * 255 <
 * 2^32). */
static void add_bytes(const nt_split *split, int64_t size, uint64_t *restrict sum, uint64_t *restrict squares,
                      uint32_t *restrict block_sum, uint32_t *restrict block_squares)
{
    for (int64_t first = 0; first < split->count; first += 65536) {
        int64_t end = split->count - first < 65536 ? split->count : first + 65536;
        memset(block_sum, 0, (size_t)size * sizeof *block_sum);
        memset(block_squares, 0, (size_t)size * sizeof *block_squares);
        for (int64_t s = first; s < end; s++) {
            const uint8_t *x = split->part.bytes + (split->index ? split->index[s] : s) * size;
            for (int64_t i = 0; i < size; i++) {
                uint32_t v = x[i];
                block_sum[i] += v;
                block_squares[i] += v * v;
            }
        }
        for (int64_t i = 0; i < size; i++) {
            sum[i] += block_sum[i];
            squares[i] += block_squares[i];
        }
    }
}

/* Means and standard deviations of n groups of places (place i belongs to group i % n), from exact integer sums. */
static bool estimate_bytes(const nt_split *split, int64_t size, int n, double *mean, double *std, nt_error *err)
{
    uint64_t *sums = calloc((size_t)size * 2, sizeof *sums);
    uint32_t *block = calloc((size_t)size * 2, sizeof *block);
    if (!sums || !block) {
        free(sums);
        free(block);
        return nt_fail_memory(err, "estimating the normalization", (double)size * 24);
    }
    add_bytes(split, size, sums, sums + size, block, block + size);
    for (int64_t i = n; i < size; i++) {
        sums[i % n] += sums[i];
        sums[size + i % n] += sums[size + i];
    }
    double count = (double)split->count * (double)(size / n);
    for (int g = 0; g < n; g++) {
        double m = (double)sums[g] / count;
        double variance = (double)sums[size + g] / count - m * m;
        mean[g] = m / 255;
        /* Bytes that differ at all have a variance of at least (count-1)/count^2, far above the rounding of the line
         * above. */
        std[g] = variance > 1e-9 ? sqrt(variance) / 255 : 1;
    }
    free(sums);
    free(block);
    return true;
}

/* The same for floats: two passes, sample after sample, in double. */
static bool estimate_values(const nt_split *split, int64_t size, int n, double *mean, double *std, nt_error *err)
{
    float *low = malloc((size_t)n * 2 * sizeof *low), *high = low + n;
    if (!low)
        return nt_fail_memory(err, "estimating the normalization", (double)n * 8);
    double count = (double)split->count * (double)(size / n);
    for (int pass = 0; pass < 2; pass++) {
        double *sum = pass ? std : mean;
        memset(sum, 0, (size_t)n * sizeof *sum);
        for (int64_t s = 0; s < split->count; s++) {
            const float *x = split->part.values + (split->index ? split->index[s] : s) * size;
            for (int64_t i = 0; i < size; i += n) {
                for (int g = 0; g < n; g++) {
                    double v = x[i + g];
                    sum[g] += pass ? (v - mean[g]) * (v - mean[g]) : v;
                    if (!pass) {
                        low[g] = (s == 0 && i == 0) || x[i + g] < low[g] ? x[i + g] : low[g];
                        high[g] = (s == 0 && i == 0) || x[i + g] > high[g] ? x[i + g] : high[g];
                    }
                }
            }
        }
        for (int g = 0; g < n; g++)
            sum[g] /= count;
    }
    for (int g = 0; g < n; g++)
        std[g] = low[g] < high[g] && std[g] > 0 ? sqrt(std[g]) : 1;
    free(low);
    return true;
}

bool nt_normalizer_estimate(nt_normalizer *z, const nt_split *split, nt_error *err)
{
    if (!nt_normalizer_estimated(z->kind))
        return true;
    if (split->count == 0)
        return nt_fail(err, "there are no training samples to estimate the normalization from");
    int64_t size = sample_size(z);
    int n = z->kind == NT_NORM_CENTER_IMAGE || z->kind == NT_NORM_WHITEN ? (int)size : z->c;
    double *mean = malloc((size_t)n * 2 * sizeof *mean);
    if (!mean)
        return nt_fail_memory(err, "the normalization constants", (double)n * 16);
    double *std = mean + n;
    bool ok = split->part.bytes ? estimate_bytes(split, size, n, mean, std, err)
                                : estimate_values(split, size, n, mean, std, err);
    if (ok && z->kind == NT_NORM_WHITEN) {
        float *matrix = nt_whiten_estimate(split, n, mean, z->whiten_pca, z->whiten_eps, err);
        ok = matrix && set_matrix(z, matrix, err);
    }
    ok = ok && set_constants(z, mean, z->kind == NT_NORM_STANDARDIZE ? std : NULL, n, n, err);
    free(mean);
    return ok;
}
