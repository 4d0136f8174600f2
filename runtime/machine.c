#include "machine.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"

/* Runs of which the fastest counts: other load on the machine only slows. */
enum { PEAK_RUNS = 30, COPY_RUNS = 12, FMA_ROUNDS = 400000 };

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

double nt_machine_copy(int threads, size_t area)
{
    size_t part = (area < least_area ? least_area : area > most_area ? most_area : area) / 2 / (size_t)threads;
    size_t half = part * (size_t)threads;
    char *from = malloc(2 * half);
    double best = 0;
    if (from)
        memset(from, 1, 2 * half); /* pages that nobody wrote to are all the same one */
    for (int i = 0; i < COPY_RUNS && from; i++) {
        double began = nt_seconds();
        int repeat = 1 + (int)((1 << 24) / half);
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int t = 0; t < threads; t++)
            for (int k = 0; k < repeat; k++) {
                copy(from + half + (size_t)t * part, from + (size_t)t * part, part);
                from[(size_t)t * part] =
                    from[half + (size_t)t * part + (size_t)k % part]; /* so that no copy is removed */
            }
        best = fmax(best, 2.0 * (double)half * repeat / (nt_seconds() - began));
    }
    free(from);
    return best;
}

void nt_machine_text(int threads, double (*fma)(int rounds), char text[NT_MACHINE_TEXT])
{
    static const int areas[] = {1, 4, 16, 64}; /* MiB */
    const double memory = nt_machine_copy(threads, most_area);
    int n = snprintf(text, NT_MACHINE_TEXT, "peak=%.4g,bandwidth=%.4g", nt_machine_flops(threads, fma) * 1e-9,
                     memory * 1e-9);
    for (size_t i = 0; i < sizeof areas / sizeof *areas; i++) {
        const double rate = nt_machine_copy(threads, (size_t)areas[i] << 20);
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
