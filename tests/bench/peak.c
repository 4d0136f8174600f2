/* peak.c - the most single-precision arithmetic that the cores of this machine give: independent fused multiply-adds in
 * registers.
 *
 *   cc -std=gnu11 -O3 -march=native -ffp-contract=fast -fopenmp -DLANES=8 peak.c -o peak
 *   ./peak THREADS
 *
 * Prints GFLOP/s, an FMA counting two, as the best of many runs of a few ms: other load on the machine only lowers a
 * run. The vectors have LANES lanes (GNU C), which become the machine's own registers, and 12 sums are enough to hide the
 * latency of two FMA units. What the machine gives is the better of 8 lanes and 16. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifndef LANES
#define LANES 8
#endif
enum { SUMS = 12, ROUNDS = 2000000, RUNS = 300 };

typedef float Vector __attribute__((vector_size(LANES * sizeof(float))));

static double now(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0) return 0;
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ROUNDS * SUMS vector FMAs; the result depends on all of them. */
static float work(float a, float b)
{
    Vector sum[SUMS], x, y;
    for (int l = 0; l < LANES; l++) {
        x[l] = a + 1e-7f * (float)l;
        y[l] = b;
    }
    for (int s = 0; s < SUMS; s++) sum[s] = y * (float)s;
    for (int r = 0; r < ROUNDS; r++)
        for (int s = 0; s < SUMS; s++) sum[s] = sum[s] * x + y;
    Vector all = sum[0];
    for (int s = 1; s < SUMS; s++) all += sum[s];
    float total = 0;
    for (int l = 0; l < LANES; l++) total += all[l];
    return total;
}

int main(int argc, char **argv)
{
    int threads = argc == 2 ? atoi(argv[1]) : 0;
    if (threads < 1 || threads > 1024) {
        fprintf(stderr, "usage: peak THREADS\n");
        return 2;
    }
    double best = 0;
    float sink = 0;
    for (int run = 0; run < RUNS; run++) {
        double start = now();
#pragma omp parallel num_threads(threads) reduction(+ : sink)
        sink += work(0.999f, 1e-3f);
        double rate = 2.0 * ROUNDS * SUMS * LANES * threads / (now() - start) * 1e-9;
        if (rate > best) best = rate;
    }
    printf("%.1f\n", best);
    return sink == 0; /* never: keeps the work from being removed */
}
