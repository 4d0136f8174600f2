/* eigen.c - the symmetric eigenproblem in two steps: Householder reflections make the matrix tridiagonal, T = Q' A Q,
 * and implicit QL with Wilkinson's shift makes T diagonal (Wilkinson, 1965; Dubrulle, Martin and Wilkinson, 1968).
 *
 * Eigenvectors are kept as rows, so that both steps work along rows. All parallel loops give each element to one
 * thread. */
#include "eigen.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Columns of the eigenvectors that a thread turns at a time: with all their rows they stay in its caches. */
enum { COLUMNS = 32 };

/* With fewer multiplications to share, waiting for each other costs threads more. */
static const double worth_sharing = 3e6;

typedef struct rotation {
    int row; /* of this row and the next */
    double s, c;
} rotation;

static double dot(const double *restrict x, const double *restrict y, int n)
{
    double sums[4] = {0};
    int i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++)
            sums[k] += x[i + k] * y[i + k];
    for (; i < n; i++)
        sums[0] += x[i] * y[i];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* Takes multiples of v and w from the n values of x. */
static void subtract(double *restrict x, double a, const double *restrict v, double b, const double *restrict w, int n)
{
    for (int i = 0; i < n; i++)
        x[i] -= a * v[i] + b * w[i];
}

/* A reflection I - beta v v' that brings the m values of x to (result, 0, .. 0). v takes the place of x. */
static double reflect(double *x, int m, double *beta)
{
    double scale = 0, rest = 0;
    for (int i = 1; i < m; i++)
        scale = fmax(scale, fabs(x[i]));
    *beta = 0;
    if (scale == 0)
        return x[0];
    scale = fmax(scale, fabs(x[0]));
    for (int i = 0; i < m; i++)
        x[i] /= scale;
    for (int i = 1; i < m; i++)
        rest += x[i] * x[i];
    double length = copysign(sqrt(x[0] * x[0] + rest), x[0]);
    x[0] += length;
    *beta = 2 / (x[0] * x[0] + rest);
    return -length * scale;
}

/* Leaves the diagonal in d and what is beside it in e[0..n-2], the vectors of the reflections in the rows of a (that of
 * step k in row k, from column k+1 on) and their factors in beta. work: 2n values. */
static void make_tridiagonal(double *a, int n, double *d, double *e, double *beta, double *work)
{
    double *p = work, *v = work + n;
    size_t stride = (size_t)n;
    for (int k = 0; k < n; k++) {
        double *row = a + (size_t)k * stride + k + 1, *below = a + ((size_t)k + 1) * stride + k + 1;
        int m = n - k - 1;
        d[k] = row[-1];
        if (m == 0)
            break;
        e[k] = reflect(row, m, &beta[k]);
        if (beta[k] == 0)
            continue;
        double work_here = (double)m * m;
        memcpy(v, row, (size_t)m * sizeof *v);
#pragma omp parallel for schedule(static) if (work_here > worth_sharing)
        for (int i = 0; i < m; i++)
            p[i] = beta[k] * dot(below + (size_t)i * stride, v, m);
        double half = beta[k] / 2 * dot(p, v, m);
        for (int i = 0; i < m; i++)
            p[i] -= half * v[i];
#pragma omp parallel for schedule(static) if (work_here > worth_sharing)
        for (int i = 0; i < m; i++)
            subtract(below + (size_t)i * stride, v[i], p, p[i], v, m);
    }
}

/* z = Q', the product of the reflections, the last one first. */
static void multiply_reflections(const double *a, int n, const double *beta, double *z)
{
    size_t stride = (size_t)n;
    memset(z, 0, stride * stride * sizeof *z);
    for (int i = 0; i < n; i++)
        z[(size_t)i * (stride + 1)] = 1;
    for (int k = n - 2; k >= 0; k--) {
        const double *v = a + (size_t)k * stride + k + 1;
        int m = n - k - 1;
        if (beta[k] == 0)
            continue;
#pragma omp parallel for schedule(static) if ((double)m * m > worth_sharing)
        for (int r = k + 1; r < n; r++) {
            double *row = z + (size_t)r * stride + k + 1, t = beta[k] * dot(row, v, m);
            for (int i = 0; i < m; i++)
                row[i] -= t * v[i];
        }
    }
}

static void turn_rows(double *z, int n, const rotation *list, int count)
{
#pragma omp parallel for schedule(static) if (4.0 * count * n > worth_sharing)
    for (int first = 0; first < n; first += COLUMNS) {
        int columns = n - first < COLUMNS ? n - first : COLUMNS;
        for (int r = 0; r < count; r++) {
            double *restrict low = z + (size_t)list[r].row * (size_t)n + first, *restrict high = low + n;
            double s = list[r].s, c = list[r].c;
            for (int i = 0; i < columns; i++) {
                double x = low[i], y = high[i];
                low[i] = c * x - s * y;
                high[i] = s * x + c * y;
            }
        }
    }
}

/* Rows first..last of T are a block of their own: one implicit QL sweep through it, from the bottom. */
static int sweep(double *d, double *e, int first, int last, rotation *list)
{
    double s = 1, c = 1, shifted = 0;
    double g = (d[first + 1] - d[first]) / (2 * e[first]), r = hypot(g, 1);
    int count = 0;
    g = d[last] - d[first] + e[first] / (g + copysign(r, g));
    for (int i = last - 1; i >= first; i--) {
        double f = s * e[i], b = c * e[i];
        r = hypot(f, g);
        if (i + 1 < last)
            e[i + 1] = r;
        if (r == 0) { /* it falls apart here already */
            d[i + 1] -= shifted;
            return count;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - shifted;
        r = (d[i] - g) * s + 2 * c * b;
        shifted = s * r;
        d[i + 1] = g + shifted;
        g = c * r - b;
        list[count++] = (rotation){i, s, c};
    }
    d[first] -= shifted;
    e[first] = g;
    return count;
}

/* Convergence is cubic: two or three sweeps a value. The limit is for matrices that are not finite. */
static void make_diagonal(double *d, double *e, int n, double *z, rotation *list)
{
    enum { MOST_SWEEPS = 60 };
    for (int first = 0; first < n; first++) {
        for (int sweeps = 0; sweeps < MOST_SWEEPS; sweeps++) {
            int last = first;
            while (last < n - 1 && fabs(e[last]) > DBL_EPSILON / 2 * (fabs(d[last]) + fabs(d[last + 1])))
                last++;
            if (last == first)
                break;
            if (last < n - 1)
                e[last] = 0;
            turn_rows(z, n, list, sweep(d, e, first, last, list));
        }
    }
}

typedef struct place {
    double value;
    int row;
} place;

static int larger_first(const void *x, const void *y)
{
    const place *a = x, *b = y;
    return a->value != b->value ? (a->value < b->value) - (a->value > b->value) : (a->row > b->row) - (a->row < b->row);
}

/* Rows of z to a, in the order of their values, with one sign of the two that an eigenvector may have. */
static void put_in_order(const double *z, const double *d, int n, place *order, double *a, double *values)
{
    for (int i = 0; i < n; i++)
        order[i] = (place){d[i], i};
    qsort(order, (size_t)n, sizeof *order, larger_first);
    for (int k = 0; k < n; k++) {
        const double *from = z + (size_t)order[k].row * (size_t)n;
        double *to = a + (size_t)k * (size_t)n;
        int largest = 0;
        for (int i = 1; i < n; i++)
            largest = fabs(from[i]) > fabs(from[largest]) ? i : largest;
        for (int i = 0; i < n; i++)
            to[i] = from[largest] < 0 ? -from[i] : from[i];
        values[k] = order[k].value;
    }
}

bool nt_eigen(double *a, int n, double *values, nt_error *err)
{
    size_t size = (size_t)n;
    double *z = malloc(size * size * sizeof *z), *vectors = calloc(size * 5, sizeof *vectors);
    rotation *list = malloc(size * sizeof *list);
    place *order = malloc(size * sizeof *order);
    bool enough = z && vectors && list && order;
    if (enough) {
        double *d = vectors, *e = vectors + size, *beta = vectors + 2 * size;
        make_tridiagonal(a, n, d, e, beta, vectors + 3 * size);
        multiply_reflections(a, n, beta, z);
        make_diagonal(d, e, n, z, list);
        put_in_order(z, d, n, order, a, values);
    }
    free(z);
    free(vectors);
    free(list);
    free(order);
    return enough || nt_fail_memory(err, "eigenvectors", (double)n * n * 8);
}
