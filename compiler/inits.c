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
    {"constant", "every value is c; a plain number means the same", "c", INIT_CONSTANT, own_argument},
    {"normal", "normal with mean 0 and standard deviation std", "std", INIT_NORMAL, own_argument},
    {"uniform", "uniform in [-a, a)", "a", INIT_UNIFORM, own_argument},
    {"lecun_normal", "normal with variance 1/n (LeCun et al. 1998, \"Efficient BackProp\")", NULL, INIT_NORMAL,
     normal_fan_in},
    {"lecun_uniform", "uniform with a = sqrt(3/n): variance 1/n (LeCun et al. 1998)", NULL, INIT_UNIFORM,
     uniform_fan_in},
    {"xavier_normal", "normal with variance 2/(n+m) (Glorot and Bengio 2010)", NULL, INIT_NORMAL, xavier_normal},
    {"xavier_uniform", "uniform with a = sqrt(6/(n+m)): variance 2/(n+m) (Glorot and Bengio 2010)", NULL, INIT_UNIFORM,
     xavier_uniform},
    {"xavier_fan_in", "normal with variance 1/n: Xavier's law without the outputs", NULL, INIT_NORMAL, normal_fan_in},
    {"xavier_caffe", "uniform with a = sqrt(3/n): the Xavier filler of Caffe", NULL, INIT_UNIFORM, uniform_fan_in},
    {"he_normal", "normal with variance 2/n (He et al. 2015)", NULL, INIT_NORMAL, he_normal},
    {"he_uniform", "uniform with a = sqrt(6/n): variance 2/n (He et al. 2015)", NULL, INIT_UNIFORM, he_uniform},
    {NULL, NULL, NULL, INIT_CONSTANT, NULL},
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
