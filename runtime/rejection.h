/* rejection.h - no answer where a network is not sure (LeCun et al., "Handwritten digit recognition with a
 * back-propagation network", NIPS 1989): the share that is rejected, against the share of errors in what is left. */
#ifndef NT_REJECTION_H
#define NT_REJECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "page.h"

typedef enum nt_reject_rule {
    NT_REJECT_MARGIN, /* by the largest output less the second largest */
    NT_REJECT_LARGEST /* by the largest output */
} nt_reject_rule;

/* "margin" or "largest"; false, with a message on standard error, for anything else. */
bool nt_reject_rule_named(const char *name, nt_reject_rule *rule);

/* How sure a network is that gives these n values; minus infinity if one is no number. A sample is rejected if this is
 * below the threshold. A single value p is the probability of yes, and no has 1 - p: their difference is twice the distance
 * of p from 1/2. */
double nt_confidence(const double *values, int n, nt_reject_rule rule);

/* A sample as the curve sees it. */
typedef struct nt_judged {
    double confidence;
    bool right;
} nt_judged;

/* All samples, in ascending order of confidence. */
typedef struct nt_rejection {
    nt_judged *judged;
    int64_t *wrong; /* n+1: among the first i */
    int64_t n;
} nt_rejection;

/* Takes `judged` (n >= 1, from malloc) over, and sorts it. */
bool nt_rejection_init(nt_rejection *rejection, nt_judged *judged, int64_t n, nt_error *error);
void nt_rejection_free(nt_rejection *rejection);

typedef struct nt_rejection_point {
    double threshold;
    int64_t rejected, wrong; /* wrong: of those that are not rejected */
    double share;            /* rejected / all */
    double error;            /* wrong / (all - rejected); 0 where all are rejected */
} nt_rejection_point;

/* What a threshold comes to. */
nt_rejection_point nt_rejection_at(const nt_rejection *rejection, double threshold);

/* The threshold that rejects so large a share of the samples, or as many below it as can be told apart. */
nt_rejection_point nt_rejection_of_share(const nt_rejection *rejection, double share);

/* The least rejection that leaves at most so large a share of errors. False if only rejecting everything would. */
bool nt_rejection_for_error(const nt_rejection *rejection, double error, nt_rejection_point *point);

/* Adds the curve to a page: the error of what is answered over what is rejected, both in percent, up to half of the
 * samples, with a mark where an error of 1% is left. */
void nt_rejection_draw(const nt_rejection *rejection, nt_reject_rule rule, nt_page *page);

/* The same as an SVG file. */
bool nt_rejection_picture(const nt_rejection *rejection, nt_reject_rule rule, const char *path, nt_error *error);

#endif
