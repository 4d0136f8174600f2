#define _DEFAULT_SOURCE /* madvise */
#include "machine.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "progress.h"

/* Runs of which the fastest counts: other load on the machine only slows. */
enum { PEAK_RUNS = 30, RATE_RUNS = 8, FMA_ROUNDS = 400000 };

static const size_t least_area = 1 << 18, most_area = 1 << 28;

double nt_machine_flops(int threads, double (*fma)(int rounds))
{
    double best = 0;
    for (int i = 0; i < PEAK_RUNS; i++) {
        double began = nt_seconds(), done = 0;
#pragma omp parallel num_threads(threads) reduction(+ : done)
        done += fma(FMA_ROUNDS);
        best = fmax(best, done / (nt_seconds() - began));
    }
    return best;
}

/* In pieces: large copies would go past the caches, which kernels do not. */
static void copy(char *to, const char *from, size_t n)
{
    const size_t piece = 1 << 15;
    for (size_t at = 0; at < n; at += piece)
        memcpy(to + at, from + at, n - at < piece ? n - at : piece);
}

static void update(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 0.5f * x[i] + 1;
}

/* Like the trainer's own blocks: on huge pages if the system has them. NULL: there is no memory. */
static char *allocate(size_t bytes)
{
    const size_t huge = 2 << 20;
    void *held = NULL;
    if (posix_memalign(&held, bytes >= huge ? huge : 64, bytes) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= huge)
        (void)madvise(held, bytes, MADV_HUGEPAGE); /* a wish */
#endif
    memset(held, 0, bytes); /* pages that nobody wrote to are all the same one */
    return held;
}

/* Seconds of one round over all parts: each thread copies one half of its part to the other, or updates both. */
static double round_of(int threads, char *area, size_t part, int repeat, bool copies)
{
    double began = nt_seconds();
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int t = 0; t < threads; t++)
        for (int k = 0; k < repeat; k++) {
            char *own = area + (size_t)t * part;
            if (copies)
                copy(own + part / 2, own, part / 2);
            else
                update((float *)(void *)own, part / sizeof(float));
            own[0] = own[part / 2 + (size_t)k]; /* so that nothing is removed */
        }
    return (nt_seconds() - began) / repeat;
}

double nt_machine_bandwidth(int threads, size_t area)
{
    size_t part = (area < least_area ? least_area : area > most_area ? most_area : area) / (size_t)threads / 128 * 128;
    double moved = (double)part * (double)threads, best = 0; /* bytes read and bytes written, by a copy; an update moves twice as many */
    char *from = allocate(part * (size_t)threads);
    for (int i = 0; i < RATE_RUNS && from; i++) {
        int repeat = 1 + (int)((1 << 25) / moved);
        best = fmax(best, moved / round_of(threads, from, part, repeat, true));
        best = fmax(best, 2 * moved / round_of(threads, from, part, repeat, false));
    }
    free(from);
    return best;
}

void nt_machine_text(int threads, double (*fma)(int rounds), char text[NT_MACHINE_TEXT])
{
    static const int areas[] = {1, 4, 16, 64}; /* MiB */
    const double memory = nt_machine_bandwidth(threads, most_area);
    int n = snprintf(text, NT_MACHINE_TEXT, "peak=%.4g,bandwidth=%.4g", nt_machine_flops(threads, fma) * 1e-9,
                     memory * 1e-9);
    for (size_t i = 0; i < sizeof areas / sizeof *areas; i++) {
        const double rate = nt_machine_bandwidth(threads, (size_t)areas[i] << 20);
        if (rate >= 1.5 * memory)
            n += snprintf(text + n, NT_MACHINE_TEXT - (size_t)n, ",%dM=%.4g", areas[i], rate * 1e-9);
    }
}

int nt_machine_main(int argc, char **argv, double (*fma)(int rounds))
{
    char text[NT_MACHINE_TEXT], *end = NULL;
    const long threads = argc == 2 ? strtol(argv[1], &end, 10) : 0;
    if (threads < 1 || threads > 1024 || *end)
        return 2;
    nt_machine_text((int)threads, fma, text);
    return puts(text) < 0;
}
