#include "loss.h"

#include <math.h>
#include <stdbool.h>

/* log p of a probability that float could not hold any better. */
static double log_of(double p)
{
    return log(fmax(p, 1e-45));
}

/* log(1 + e^x) for any x. */
static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

/* log of the sum of e^x over a vector, whose largest value may be anything. NaN and infinity come out as such. */
static double log_sum(const real *values, int n)
{
    double largest = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++)
        largest = fmax(largest, (double)values[i]);
    for (int i = 0; i < n; i++)
        sum += exp((double)values[i] - largest);
    return log(sum) + largest;
}

static double wanted(const real *target, int label, int k)
{
    return target ? (double)target[k] : k == label;
}

static double cross_entropy(const nt_loss *loss, const nt_head *head, const real *values, int label, const real *target)
{
    const bool softmax = head->output == NT_OUTPUT_SOFTMAX;
    const double all = softmax ? 0 : log_sum(values, head->c);
    double sum = 0;
    for (int i = 0; i < head->c; i++) {
        const double t = (1 - loss->parameter) * wanted(target, label, i) + loss->parameter / head->c;
        if (t != 0) /* 0 times the logarithm of 0 is 0 here */
            sum -= t * (softmax ? log_of((double)values[i]) : (double)values[i] - all);
    }
    return sum;
}

/* Of one value. */
static double element(const nt_loss *loss, nt_output output, double x, double t)
{
    const double d = x - t, delta = loss->parameter;
    switch (loss->kind) {
    case NT_LOSS_BINARY_CROSS_ENTROPY:
        return output == NT_OUTPUT_SIGMOID ? -t * log_of(x) - (1 - t) * log_of(1 - x) : softplus(x) - t * x;
    case NT_LOSS_MSE:
        return d * d / 2;
    case NT_LOSS_SQUARED_ERROR:
        return d * d;
    case NT_LOSS_HUBER:
        return fabs(d) <= delta ? d * d / 2 : delta * (fabs(d) - delta / 2);
    case NT_LOSS_SMOOTH_L1:
        return fabs(d) <= delta ? d * d / (2 * delta) : fabs(d) - delta / 2;
    case NT_LOSS_CROSS_ENTROPY: /* not a sum over values by themselves */
        break;
    }
    return NAN;
}

double nt_loss_value(const nt_loss *loss, const nt_head *head, const real *values, int label, const real *target)
{
    if (loss->kind == NT_LOSS_CROSS_ENTROPY)
        return cross_entropy(loss, head, values, label, target);
    double sum = 0;
    for (int y = 0, k = 0; y < head->h; y++)
        for (int x = 0; x < head->w; x++)
            for (int c = 0; c < head->c; c++, k++)
                sum += element(loss, head->output,
                               (double)values[y * head->stride_row + x * head->stride_pixel + c], wanted(target, label, k));
    return sum;
}
