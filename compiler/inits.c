/* inits.c - the laws by which initial values are drawn.
 *
 * With n = fan_in (inputs of one output: height * width * input channels of a group) and m = fan_out. A normal law is
 * given by its standard deviation, a uniform one by its bound a: values in [-a, a), whose variance is a^2 / 3. */
#include "config.h"

#include <math.h>
#include <string.h>

static double own_argument(double argument, double n, double m)
{
    (void)n;
    (void)m;
    return argument;
}

static double one(double argument, double n, double m)
{
    (void)argument;
    (void)n;
    (void)m;
    return 1;
}

static double normal_fan_in(double argument, double n, double m)
{
    (void)argument;
    (void)m;
    return sqrt(1 / n);
}

static double uniform_fan_in(double argument, double n, double m)
{
    (void)argument;
    (void)m;
    return sqrt(3 / n);
}

static double xavier_normal(double argument, double n, double m)
{
    (void)argument;
    return sqrt(2 / (n + m));
}

static double xavier_uniform(double argument, double n, double m)
{
    (void)argument;
    return sqrt(6 / (n + m));
}

static double he_normal(double argument, double n, double m)
{
    (void)argument;
    (void)m;
    return sqrt(2 / n);
}

static double he_uniform(double argument, double n, double m)
{
    (void)argument;
    (void)m;
    return sqrt(6 / n);
}

const InitDef init_registry[] = {
    {.name = "constant",
     .doc = "every value is c; a plain number means the same",
     .argument = "c",
     .law = INIT_CONSTANT,
     .value = own_argument},
    {.name = "normal",
     .doc = "normal with mean 0 and standard deviation std",
     .argument = "std",
     .law = INIT_NORMAL,
     .value = own_argument},
    {.name = "uniform", .doc = "uniform in [-a, a)", .argument = "a", .law = INIT_UNIFORM, .value = own_argument},
    {.name = "lecun_normal",
     .doc = "normal with variance 1/n (LeCun et al. 1998, \"Efficient BackProp\")",
     .law = INIT_NORMAL,
     .needs = INIT_NEEDS_FANS,
     .value = normal_fan_in},
    {.name = "lecun_uniform",
     .doc = "uniform with a = sqrt(3/n): variance 1/n (LeCun et al. 1998)",
     .law = INIT_UNIFORM,
     .needs = INIT_NEEDS_FANS,
     .value = uniform_fan_in},
    {.name = "xavier_normal",
     .doc = "normal with variance 2/(n+m) (Glorot and Bengio 2010)",
     .law = INIT_NORMAL,
     .needs = INIT_NEEDS_FANS,
     .value = xavier_normal},
    {.name = "xavier_uniform",
     .doc = "uniform with a = sqrt(6/(n+m)): variance 2/(n+m) (Glorot and Bengio 2010)",
     .law = INIT_UNIFORM,
     .needs = INIT_NEEDS_FANS,
     .value = xavier_uniform},
    {.name = "xavier_fan_in",
     .doc = "normal with variance 1/n: Xavier's law without the outputs",
     .law = INIT_NORMAL,
     .needs = INIT_NEEDS_FANS,
     .value = normal_fan_in},
    {.name = "xavier_caffe",
     .doc = "uniform with a = sqrt(3/n): the Xavier filler of Caffe",
     .law = INIT_UNIFORM,
     .needs = INIT_NEEDS_FANS,
     .value = uniform_fan_in},
    {.name = "he_normal",
     .doc = "normal with variance 2/n (He et al. 2015)",
     .law = INIT_NORMAL,
     .needs = INIT_NEEDS_FANS,
     .value = he_normal},
    {.name = "he_uniform",
     .doc = "uniform with a = sqrt(6/n): variance 2/n (He et al. 2015)",
     .law = INIT_UNIFORM,
     .needs = INIT_NEEDS_FANS,
     .value = he_uniform},
    {.name = "orthogonal",
     .doc = "of the matrix of outputs by inputs, each group's its own, the rows (the columns, if they are fewer) are at right "
            "angles and of length gain: a normal matrix, made orthogonal (Saxe et al. 2013)",
     .argument = "gain",
     .standard = "1",
     .law = INIT_ORTHOGONAL,
     .needs = INIT_NEEDS_MATRIX,
     .value = own_argument},
    {.name = "lsuv",
     .doc = "orthogonal, then layer by layer divided by the standard deviation of the layer's results on up to 256 training "
            "samples, until their variance is within 0.1 of 1, ten times at most (Mishkin and Matas 2015)",
     .law = INIT_LSUV,
     .needs = INIT_NEEDS_MATRIX,
     .value = one},
    {.name = NULL},
};

const InitDef *init_find(const char *name)
{
    for (const InitDef *d = init_registry; d->name; d++) {
        if (strcmp(d->name, name) == 0) {
            return d;
        }
    }
    return NULL;
}

void init_resolve(NetParam *p)
{
    const InitDef *d = init_find(p->init.name);
    p->law = d->law;
    p->law_value = d->value(p->init.value, (double)p->fan_in, (double)p->fan_out);
}
