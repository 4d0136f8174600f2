#include "hill.h"

#include <math.h>
#include <stdlib.h>

double nt_hill_place(const double *values, int n, int radius)
{
    const int peak = nt_largest(values, n);
    double mass = 0, moment = 0;
    for (int i = 0; i < n; i++) {
        if (isnan(values[i]))
            return NAN;
        double weight = abs(i - peak) <= radius ? fmax(values[i], 0) : 0;
        mass += weight;
        moment += weight * i;
    }
    return mass > 0 ? moment / mass : peak;
}

/* Where a sample's target stands; `values` has room for its outputs. */
static double target_place(const nt_answers *answers, int64_t sample, int radius, double *values)
{
    if (!answers->targets)
        return answers->labels[sample];
    for (int i = 0; i < answers->outputs; i++)
        values[i] = answers->targets[sample * answers->outputs + i];
    return nt_hill_place(values, answers->outputs, radius);
}

bool nt_hill_compare(const nt_answers *answers, int radius, nt_hill_distances *distances, nt_error *error)
{
    const int64_t n = answers->samples, outputs = answers->outputs;
    double *values = calloc((size_t)outputs, sizeof *values);
    if (!values)
        return nt_fail_memory(error, "a target", (double)outputs * sizeof *values);
    double sum = 0, squares = 0, largest = 0;
    for (int64_t i = 0; i < n; i++) {
        double place = nt_hill_place(answers->values + i * outputs, answers->outputs, radius);
        double distance = fabs(place - target_place(answers, i, radius, values));
        sum += distance;
        squares += distance * distance;
        if (distance > largest || isnan(distance)) /* what is no number stays */
            largest = distance;
    }
    free(values);
    *distances = (nt_hill_distances){sum / (double)n, sqrt(squares / (double)n), largest};
    return true;
}
