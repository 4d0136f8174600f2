#include "rng.h"

#include <math.h>

/* A Weyl sequence, then two rounds of xor-shift and multiply. The key enters before and between the rounds: with the
 * first alone, two keys that differ by a multiple of the sequence's step would give one stream at two offsets. */
uint64_t nt_random(uint64_t key, uint64_t index)
{
    uint64_t x = index * UINT64_C(0x9e3779b97f4a7c15) + key;
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    x ^= (x >> 29) ^ (key << 32 | key >> 32);
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ (x >> 31)) * UINT64_C(0x9fb21c651e98df25);
    return x ^ (x >> 28);
}

uint64_t nt_key(uint64_t key, uint64_t part)
{
    return nt_random(key ^ UINT64_C(0x6e65746b6579), part);
}

double nt_random_uniform(uint64_t key, uint64_t index)
{
    return (double)(nt_random(key, index) >> 11) * 0x1p-53;
}

double nt_random_normal(uint64_t key, uint64_t index)
{
    const double two_pi = 6.283185307179586476925;
    uint64_t pair = index & ~UINT64_C(1);
    double u = (double)((nt_random(key, pair) >> 11) + 1) * 0x1p-53; /* in (0, 1]: its logarithm is finite */
    double angle = two_pi * nt_random_uniform(key, pair + 1);
    return sqrt(-2 * log(u)) * (index & 1 ? sin(angle) : cos(angle));
}

uint64_t nt_random_below(uint64_t key, uint64_t index, uint64_t n)
{
    uint64_t mask = n - 1;
    for (int shift = 1; shift < 64; shift *= 2)
        mask |= mask >> shift;
    /* What lies above n-1 is drawn again, from a stream of this index's own; fewer than two draws on average. */
    uint64_t bits = nt_random(key, index);
    if ((bits & mask) < n)
        return bits & mask;
    uint64_t again = nt_key(bits, index);
    for (uint64_t i = 0;; i++) {
        bits = nt_random(again, i) & mask;
        if (bits < n)
            return bits;
    }
}

void nt_random_permutation(uint64_t key, int64_t *order, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t j = (int64_t)nt_random_below(key, (uint64_t)i, (uint64_t)i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}
