/* optimizers.c - the optimizers: what they are called, what they take, which kernel does the step.
 *
 * Notation: w a weight, g its gradient after clipping plus weight_decay * w, lr the rate of this step. Which parameters
 * decay is the operators' choice (the weights of products do; biases and batchnorm's vectors do not). */
#include "config.h"
#include "op.h"

#include <string.h>

/* Limits far outside anything useful: they keep the emitted floats finite. */
#define LR_ATTR                                                                                                  \
    {                                                                                                            \
        .name = "lr", .type = ATTR_REAL, .offset = offsetof(OptimizerAttrs, lr), .required = true, .min = 1e-12, \
        .max = 1e6, .doc = "lr, the learning rate"                                                               \
    }
#define DECAY_ATTR                                                                                                    \
    {                                                                                                                 \
        .name = "weight_decay", .type = ATTR_REAL, .offset = offsetof(OptimizerAttrs, weight_decay), .standard = "0", \
        .min = 0, .max = 100, .doc = "factor of the L2 penalty that is added to the gradient: g + weight_decay * w"   \
    }

static const AttrDef sgd_attrs[] = {
    LR_ATTR,
    {.name = "momentum",
     .type = ATTR_REAL,
     .offset = offsetof(OptimizerAttrs, momentum),
     .standard = "0",
     .min = 0,
     .max = 0.999999,
     .doc = "share of the last step's velocity that is kept; 0: none"},
    {.name = "nesterov",
     .type = ATTR_BOOL,
     .offset = offsetof(OptimizerAttrs, nesterov),
     .standard = "no",
     .doc = "Nesterov's form of the momentum"},
    DECAY_ATTR,
    {0},
};

static const AttrDef momentum_attrs[] = {
    LR_ATTR,
    {.name = "momentum",
     .type = ATTR_REAL,
     .offset = offsetof(OptimizerAttrs, momentum),
     .standard = "0.9",
     .min = 0,
     .max = 0.999999,
     .doc = "share of the last step's velocity that is kept"},
    DECAY_ATTR,
    {0},
};

static const AttrDef adam_attrs[] = {
    {.name = "lr",
     .type = ATTR_REAL,
     .offset = offsetof(OptimizerAttrs, lr),
     .standard = "0.001",
     .min = 1e-12,
     .max = 1e6,
     .doc = "the learning rate"},
    {.name = "beta1",
     .type = ATTR_REAL,
     .offset = offsetof(OptimizerAttrs, beta1),
     .standard = "0.9",
     .min = 0,
     .max = 0.999999,
     .doc = "decay of the mean of the gradients"},
    {.name = "beta2",
     .type = ATTR_REAL,
     .offset = offsetof(OptimizerAttrs, beta2),
     .standard = "0.999",
     .min = 0,
     .max = 0.99999999,
     .doc = "decay of the mean of their squares"},
    {.name = "eps",
     .type = ATTR_REAL,
     .offset = offsetof(OptimizerAttrs, eps),
     .standard = "1e-8",
     .min = 1e-30,
     .max = 1,
     .doc = "added to the root of the mean square, after its bias correction"},
    DECAY_ATTR,
    {0},
};

static const OptimizerDef sgd = {
    .name = "sgd",
    .summary = "gradient descent on mini-batches, plain or with momentum",
    .doc = "`w -= lr*g`. With `momentum=m`: `v = m*v + g`, `w -= lr*v` (`momentum`); with `nesterov=yes` as well: `w "
           "-= lr*(g + m*v)` "
           "(`nesterov`). `v` starts at zero. The rate stands outside the velocity, so a schedule acts at once.",
    .attrs = sgd_attrs,
    .kernel = "sgd",
    .state_slots = 0,
};

static const OptimizerDef momentum = {
    .name = "momentum",
    .summary = "gradient descent with momentum: `sgd(momentum=0.9)`",
    .doc = "`v = m*v + g`, `w -= lr*v`, with `v` zero at first (Polyak 1964, in the form of Sutskever et al. 2013 with "
           "the rate outside "
           "the velocity).",
    .attrs = momentum_attrs,
    .kernel = "momentum",
    .state_slots = 1,
};

static const OptimizerDef nesterov = {
    .name = "nesterov",
    .summary = "gradient descent with Nesterov's momentum: `sgd(momentum=0.9, nesterov=yes)`",
    .doc = "`v = m*v + g`, `w -= lr*(g + m*v)`, with `v` zero at first (Nesterov 1983; Sutskever et al. 2013, written "
           "for the weights at "
           "the point looked ahead to).",
    .attrs = momentum_attrs,
    .kernel = "nesterov",
    .state_slots = 1,
};

static const OptimizerDef adam = {
    .name = "adam",
    .summary = "rates of their own for each weight, from running means of the gradient and of its square",
    .doc = "`m = beta1*m + (1-beta1)*g`, `v = beta2*v + (1-beta2)*g^2`, "
           "`w -= lr * (m/(1-beta1^t)) / (sqrt(v/(1-beta2^t)) + eps)` at step `t` from 1, with `m` and `v` zero at "
           "first (Kingma and Ba "
           "2015, algorithm 1). `weight_decay` is coupled: it is part of `g`.",
    .attrs = adam_attrs,
    .kernel = "adam",
    .state_slots = 2,
    .counts_steps = true,
};

const OptimizerDef *const optimizer_registry[] = {&sgd, &momentum, &nesterov, &adam, NULL};

const OptimizerDef *optimizer_find(const char *name)
{
    for (int i = 0; optimizer_registry[i]; i++) {
        if (strcmp(optimizer_registry[i]->name, name) == 0) {
            return optimizer_registry[i];
        }
    }
    return NULL;
}

const OptimizerDef *optimizer_to_run(const OptimizerDef *asked, const OptimizerAttrs *attrs)
{
    if (asked != &sgd || attrs->momentum == 0) {
        return asked;
    }
    return attrs->nesterov ? &nesterov : &momentum;
}
