/* rng.h - random numbers that are a function of (key, index) and of nothing else.
 *
 * There is no state to save, restore or share: the i-th number of a stream is the same whoever asks for it, on any
 * thread, in any order, before or after a resume. Keys are derived from the run's seed by nt_key(), one for each
 * purpose. */
#ifndef NT_RNG_H
#define NT_RNG_H

#include <stdint.h>

/* What a stream is for: the second argument of nt_key() when the first is the run's seed. */
enum {
    NT_KEY_INIT = 1,   /* initial values: then nt_key(that, stream number of the parameter) */
    NT_KEY_SHUFFLE,    /* order of the samples: then the epoch */
    NT_KEY_AUGMENT,    /* augmentation: then the epoch, then the sample */
    NT_KEY_VALIDATION, /* split of the training set */
    NT_KEY_TEST_SHARE, /* split of a one-file csv source */
    NT_KEY_SPIRAL_TRAIN,
    NT_KEY_SPIRAL_TEST,
    NT_KEY_DROPOUT,    /* then the step */
    NT_KEY_DISTURB,    /* labels that are disturbed: then the epoch */
    NT_KEY_BOOTSTRAP,  /* then the member of the committee */
    NT_KEY_ROAD_TRAIN,
    NT_KEY_ROAD_TEST,
    NT_KEY_ROAD_BUFFER, /* which pictures are replaced: then the epoch */
    NT_KEY_SEARCH,     /* hyper-parameters: then the stage */
    NT_KEY_USER = 1000 /* first number free for others */
};

/* A key below `key`: different `part`s give unrelated streams. */
uint64_t nt_key(uint64_t key, uint64_t part);

/* 64 random bits. */
uint64_t nt_random(uint64_t key, uint64_t index);

/* Uniform in [0, 1), 53 bits. */
double nt_random_uniform(uint64_t key, uint64_t index);

/* Normal with mean 0 and standard deviation 1 (Box and Muller, 1958); indices 2i and 2i+1 share one pair. |value|
 * < 8.7. */
double nt_random_normal(uint64_t key, uint64_t index);

/* Uniform integer in 0..n-1, n >= 1, every value exactly equally likely. */
uint64_t nt_random_below(uint64_t key, uint64_t index, uint64_t n);

/* Fills order[0..n-1] with 0..n-1 in random order (Fisher and Yates). */
void nt_random_permutation(uint64_t key, int64_t *order, int64_t n);

#endif
