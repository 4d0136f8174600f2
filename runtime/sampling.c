#include "sampling.h"

#include "data_source.h"
#include "rng.h"

#include <stdlib.h>

bool nt_recall_init(nt_recall *recall, int64_t count, nt_error *err)
{
    *recall = (nt_recall){0};
    float *block = nt_allocate(count, NT_RECALL_ROWS * sizeof *block, "what is known of each sample", err);
    if (!block)
        return false;
    *recall = (nt_recall){.count = count, .last = block, .before = block + count, .picture = block + 2 * count};
    for (int64_t i = 0; i < count; i++) {
        recall->last[i] = recall->before[i] = 0;
        recall->picture[i] = (float)i;
    }
    return true;
}

void nt_recall_free(nt_recall *recall)
{
    free(recall->last);
    *recall = (nt_recall){0};
}

/* The first place whose running sum is above x; the last one if none is. */
static int64_t find_sum(const double *sums, int64_t n, double x)
{
    int64_t low = 0, high = n - 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (sums[middle] > x)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

bool nt_sampling_order(const nt_recall *recall, double hard, uint64_t key, int64_t *order, int64_t n, nt_error *err)
{
    enum { KEY_DRAW = 1, KEY_MIX };
    int64_t drawn = (int64_t)(hard * (double)n + 0.5);
    nt_random_permutation(key, order, n);
    if (drawn == 0 || recall->count != n)
        return true;
    double *sums = nt_allocate(n, sizeof *sums, "the order of the samples", err), total = 0;
    if (!sums)
        return false;
    for (int64_t i = 0; i < n; i++)
        sums[i] = total += (double)recall->before[i];
    if (total > 0) {
        for (int64_t j = 0; j < drawn; j++)
            order[n - 1 - j] = find_sum(sums, n, total * nt_random_uniform(nt_key(key, KEY_DRAW), (uint64_t)j));
        for (int64_t i = n - 1; i > 0; i--) {
            int64_t j = (int64_t)nt_random_below(nt_key(key, KEY_MIX), (uint64_t)i, (uint64_t)i + 1), held = order[i];
            order[i] = order[j];
            order[j] = held;
        }
    }
    free(sums);
    return true;
}

static int compare_places(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void nt_sampling_bootstrap(const int64_t *places, int64_t n, uint64_t key, int64_t *drawn)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t at = (int64_t)nt_random_below(key, (uint64_t)i, (uint64_t)n);
        drawn[i] = places ? places[at] : at;
    }
    qsort(drawn, (size_t)n, sizeof *drawn, compare_places);
}
