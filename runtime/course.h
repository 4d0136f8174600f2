/* course.h - what a run does because of how it goes: which epoch was the best, when the rate falls on a plateau, when
 * to stop, and the limit that clip = norm(auto) sets. */
#ifndef NT_COURSE_H
#define NT_COURSE_H

#include <stdbool.h>

#include "model.h"

enum { NT_HISTORY = 101, NT_REASON = 160 };

/* The last NT_HISTORY values, the newest last. */
typedef struct nt_history {
    int64_t n;
    double values[NT_HISTORY];
} nt_history;

void nt_history_add(nt_history *history, double value);

/* The state of it, all of which is saved. Begins as nt_course_begin leaves it. */
typedef struct nt_course {
    double best_loss;
    int64_t best_epoch; /* counted from 1, 0: none yet */
    int64_t stale;      /* epochs since the best */
    double scale;       /* what the rate has been multiplied by on plateaus */
    int64_t waited;     /* epochs since the best or the last fall of the rate, whichever is later */
    nt_history losses;  /* of the epochs */
    nt_history norms;   /* of the gradient, of the steps, for norm(auto) */
    int64_t struck;     /* the epoch, counted from 1, after which a stopping rule struck; 0: none yet */
    int64_t rule;       /* that rule's place in config->stops */
    char reason[NT_REASON];
} nt_course;

void nt_course_begin(nt_course *course);

/* What an epoch has shown. */
typedef struct nt_result {
    int64_t epoch;      /* its number, from 1 */
    double loss;        /* of the validation part, or of the training part where there is none */
    bool validated;     /* which of the two; for messages */
    double norm;        /* mean norm of the gradient; NAN: none was worked out */
    double lr;          /* rate of its last step */
    double change;      /* largest change of a weight since the weights were last put aside; NAN: not looked at */
    double weight_norm; /* norm of all weights, where there is a change */
} nt_result;

/* Takes an epoch's result into account. True if it is the best so far. Where something happens, `note` (NT_REASON
 * bytes, else "") says it: "plateau: lr 0.01 -> 0.001".
 *
 * plateau(patience): the rate falls, to `lowest` at least, when as many epochs in a row were not better than the best,
 * counted anew after each fall (as PyTorch's ReduceLROnPlateau with threshold 0 and its patience one less).
 * The stopping rules, with e[t] the loss after epoch t:
 *   patience       the best epoch is `epochs` epochs ago
 *   error_change   d = e[t - window] - min(e[t - window + 1 .. t]) is less than min_delta, or not above 0
 *   weight_change  t is a multiple of window, and max over the weights of |w[t] - w[t - window]| is below rho, times
 *                  the norm of all of w[t] if relative
 *   gradient_norm  the mean norm is below `below` */
bool nt_course_epoch(nt_course *course, const nt_train_config *config, const nt_result *result, char *note);

/* What the schedule's rate is multiplied by. */
double nt_course_scale(const nt_course *course, const nt_train_config *config);

/* Whether a rule struck, and the epochs it grants have been run. */
bool nt_course_over(const nt_course *course, const nt_train_config *config, int64_t epochs_done);

/* The limit on this step's norm, 0 for none: config->clip's own, or `multiple` times the median of the norms so far, of
 * which there must be ten at least. */
double nt_course_clip(const nt_course *course, const nt_clip *clip);

/* The rule weight_change among the config's, or NULL. */
const nt_stop *nt_weight_rule(const nt_train_config *config);

#endif
