/* bench_gemm.c - what a BLAS needs for the three products of a dense layer, to hold the emitted code's times against.
 *
 *   cc -O2 bench_gemm.c -lopenblas -o bench_gemm
 *   OPENBLAS_NUM_THREADS=THREADS OMP_NUM_THREADS=THREADS ./bench_gemm BATCH IN OUT [SECONDS]
 *
 *   y[batch][out] = x[batch][in] w      dx[batch][in] = dy[batch][out] w'      dw = x' dy
 *
 * Prints {"forward_ms":..,"dx_ms":..,"dw_ms":..}: medians of SECONDS of runs, of the better of the two orders that w can lie
 * in. As in a training step, where other layers' parameters have passed through the caches in between, a large array is
 * read before each run, outside the time. One sum of each result is compared with a naive one. */
#define _POSIX_C_SOURCE 200809L
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_RUNS = 1000, LEAST_RUNS = 5, EVICT = 64 << 20 };

typedef struct dense {
    int n, in, out;
    float *x, *w, *y; /* n*in, in*out, n*out */
    char *evict;
} dense;

static double now(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        return 0;
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *fresh(size_t n)
{
    static unsigned state = 1;
    float *values = malloc(n * sizeof *values);
    if (!values) {
        fprintf(stderr, "bench_gemm: no memory for %zu values\n", n);
        exit(1);
    }
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) / (1 << 24) - 0.5f;
    }
    return values;
}

/* w lies as [out][in], as in PyTorch, or, turned, as [in][out]. */
static void forward(const dense *d, int turned)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, turned ? CblasNoTrans : CblasTrans, d->n, d->out, d->in, 1, d->x, d->in, d->w,
                turned ? d->out : d->in, 0, d->y, d->out);
}

static void to_input(const dense *d, int turned)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, turned ? CblasTrans : CblasNoTrans, d->n, d->in, d->out, 1, d->y, d->out, d->w,
                turned ? d->out : d->in, 0, d->x, d->in);
}

static void to_weights(const dense *d, int turned)
{
    if (turned)
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, d->in, d->out, d->n, 1, d->x, d->in, d->y, d->out, 0, d->w, d->out);
    else
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, d->out, d->in, d->n, 1, d->y, d->out, d->x, d->in, 0, d->w, d->in);
}

static float weight(const dense *d, int turned, int in, int out)
{
    return turned ? d->w[(size_t)in * (size_t)d->out + (size_t)out] : d->w[(size_t)out * (size_t)d->in + (size_t)in];
}

static void check(double got, double wanted, double size)
{
    if (fabs(got - wanted) > 1e-5 * size) {
        fprintf(stderr, "bench_gemm: %g instead of %g\n", got, wanted);
        exit(1);
    }
}

/* The last element of each result. */
static void check_products(const dense *d, int turned)
{
    int s = d->n - 1, i = d->in - 1, o = d->out - 1;
    double sum = 0, size = 0;
    forward(d, turned);
    for (int k = 0; k < d->in; k++) {
        double term = (double)d->x[(size_t)s * (size_t)d->in + (size_t)k] * (double)weight(d, turned, k, o);
        sum += term;
        size += fabs(term);
    }
    check((double)d->y[(size_t)s * (size_t)d->out + (size_t)o], sum, size);
    to_input(d, turned);
    sum = size = 0;
    for (int k = 0; k < d->out; k++) {
        double term = (double)d->y[(size_t)s * (size_t)d->out + (size_t)k] * (double)weight(d, turned, i, k);
        sum += term;
        size += fabs(term);
    }
    check((double)d->x[(size_t)s * (size_t)d->in + (size_t)i], sum, size);
    to_weights(d, turned);
    sum = size = 0;
    for (int k = 0; k < d->n; k++) {
        double term = (double)d->x[(size_t)k * (size_t)d->in + (size_t)i] * (double)d->y[(size_t)k * (size_t)d->out + (size_t)o];
        sum += term;
        size += fabs(term);
    }
    check((double)weight(d, turned, i, o), sum, size);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Fills the caches with clean lines: nothing is left to write back while a product runs. */
static void evict(const dense *d)
{
    const volatile char *lines = d->evict;
    for (size_t i = 0; i < EVICT; i += 64)
        (void)lines[i];
}

static double median_ms(const dense *d, void (*product)(const dense *d, int turned), double seconds)
{
    static double times[MOST_RUNS];
    double best = INFINITY;
    for (int turned = 0; turned < 2; turned++) {
        int runs = 0;
        product(d, turned);
        for (double end = now() + seconds; runs < MOST_RUNS && (runs < LEAST_RUNS || now() < end); runs++) {
            evict(d);
            double began = now();
            product(d, turned);
            times[runs] = now() - began;
        }
        qsort(times, (size_t)runs, sizeof *times, by_value);
        best = fmin(best, times[runs / 2]);
    }
    return 1e3 * best;
}

int main(int argc, char **argv)
{
    dense d = {.n = argc > 3 ? atoi(argv[1]) : 0, .in = argc > 3 ? atoi(argv[2]) : 0, .out = argc > 3 ? atoi(argv[3]) : 0};
    double seconds = argc > 4 ? atof(argv[4]) : 0.3;
    if (d.n < 1 || d.in < 1 || d.out < 1 || argc > 5) {
        fprintf(stderr, "usage: bench_gemm BATCH IN OUT [SECONDS]\n");
        return 2;
    }
    size_t n = (size_t)d.n, in = (size_t)d.in, out = (size_t)d.out;
    d.x = fresh(n * in);
    d.w = fresh(in * out);
    d.y = fresh(n * out);
    d.evict = malloc(EVICT);
    if (!d.evict) {
        fprintf(stderr, "bench_gemm: no memory\n");
        return 1;
    }
    memset(d.evict, 1, EVICT); /* untouched pages would all be one page of zeros */
    check_products(&d, 0);
    check_products(&d, 1);
    double forward_ms = median_ms(&d, forward, seconds), dx_ms = median_ms(&d, to_input, seconds);
    printf("{\"forward_ms\":%.6g,\"dx_ms\":%.6g,\"dw_ms\":%.6g}\n", forward_ms, dx_ms, median_ms(&d, to_weights, seconds));
    free(d.x);
    free(d.w);
    free(d.y);
    free(d.evict);
    return 0;
}
