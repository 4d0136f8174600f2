/* hill.h - outputs that are places in a row, such as the positions of a wheel: where the answer's hill stands, and how
 * far that is from the target's (Pomerleau, "ALVINN: an autonomous land vehicle in a neural network", 1989). */
#ifndef NT_HILL_H
#define NT_HILL_H

#include "committee.h"

/* The centre of mass of the hill about the largest of values[0..n), n >= 1: of that value, the first of equals, and of
 * up to `radius` on either side of it, counted in outputs from 0. Values below 0 weigh nothing; where none weighs
 * anything, it is the place of the largest. NAN if one of the values is. */
double nt_hill_place(const double *values, int n, int radius);

/* Distances, in outputs, between the hills of answers and targets: their mean, the root of their mean square, and the
 * largest. */
typedef struct nt_hill_distances {
    double mean, rms, largest;
} nt_hill_distances;

/* Over all samples, of which there is at least one. A target that is only a class is a hill of that one output. False
 * if memory ran out. */
bool nt_hill_compare(const nt_answers *answers, int radius, nt_hill_distances *distances, nt_error *error);

#endif
