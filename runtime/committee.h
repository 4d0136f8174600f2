/* committee.h - several networks of one model that answer together: which files they are, what they say, the
 * majority's and the average's answer. One network alone is a committee of one. */
#ifndef NT_COMMITTEE_H
#define NT_COMMITTEE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine.h"
#include "error.h"
#include "weights.h"

/* The weights files of the members. */
typedef struct nt_members {
    char **paths;
    int n;
} nt_members;

/* Lists the files that words name: a file is itself; a folder that `train --members` has filled is the best weights of
 * each member1, member2, ... in it, one of an ordinary run its best.safetensors. */
bool nt_members_find(nt_members *members, const char *const *words, int n, nt_error *error);
void nt_members_free(nt_members *members);

/* What one member says of a sample, `values[0..outputs)` of the main head, as it is averaged and compared:
 * probabilities where cross entropy or binary cross entropy trained it, whether or not the network ends in its
 * softmax or sigmoid; else the outputs as they are. */
void nt_answer(const nt_engine *engine, int sample, double *values);

/* The same of the outputs that are at `offset` of the arena: the head's own after a training pass. */
void nt_answer_at(const nt_engine *engine, size_t offset, int sample, double *values);

/* Whether the main head answers with one of several classes: cross entropy trained it, or the model asks for
 * accuracy. */
bool nt_answers_with_class(const nt_model *model);

/* Whether the main head is one value, trained by binary cross entropy: nt_answer gives the probability of yes. */
bool nt_answers_yes_or_no(const nt_model *model);

/* The largest of n values; the first of equals. */
int nt_largest(const double *values, int n);

/* What the members say of all samples of a split. */
typedef struct nt_answers {
    int64_t samples;
    int outputs, members;
    double *values;  /* samples*outputs: sums over members, then means */
    int32_t *votes;  /* samples*outputs: members whose largest output it is; of a single output: members above 1/2 */
    int32_t *labels; /* samples; NULL where the data has no classes */
    float *targets;  /* samples*outputs; NULL where the data has only classes */
} nt_answers;

/* For the samples of the split, with the data that the engine uses. */
bool nt_answers_init(nt_answers *answers, const nt_engine *engine, const nt_split *split, nt_error *error);
void nt_answers_free(nt_answers *answers);

/* Adds what a member, whose weights the engine has, has just inferred of samples first .. first+n-1. `values` has
 * room for one sample's outputs. */
void nt_answers_note(nt_answers *answers, const nt_engine *engine, int64_t first, int n, double *values);

/* To be called once so many members have answered all samples: now the values are means. */
void nt_answers_done(nt_answers *answers, int members);

/* The class that most members name; of those with equally many votes the one with the largest mean. */
int nt_vote(const double *means, const int32_t *votes, int n);

/* The class that the means stand for. */
int nt_answers_class(const nt_answers *answers, int64_t sample);

/* Samples that the vote and the averages get right. */
typedef struct nt_agreement {
    int64_t vote, average;
} nt_agreement;
nt_agreement nt_answers_right(const nt_answers *answers);

/* The mean loss of the averages; NAN for a model whose loss at inference is not of the main head alone. */
bool nt_answers_loss(const nt_answers *answers, const nt_model *model, double *loss, nt_error *error);

#endif
