/* optimizers.c - the optimizers: what they are called, what they take, which rule does the step.
 *
 * Notation: w a weight, g its gradient after clipping, with noise, plus weight_decay * w + l1 * sign(w), lr the rate of
 * this step. Which parameters decay is the train section's choice (`decay`). */
#include "config.h"
#include "op.h"

#include <string.h>

/* ---- arguments ----
 *
 * Limits are far outside anything useful: they keep the emitted floats finite. */

#define REAL_ATTR(member, usual, least, most, text)                                                        \
    {                                                                                                      \
        .name = #member, .type = ATTR_REAL, .offset = offsetof(OptimizerAttrs, member), .standard = usual, \
        .min = least, .max = most, .doc = text                                                             \
    }
/* Those that come with each step, and may be ranges. */
#define RATE_ATTR(member, usual, least, most, text)                                                             \
    {                                                                                                           \
        .name = #member, .type = ATTR_RATE, .offset = offsetof(OptimizerAttrs, member),                         \
        .range_offset = offsetof(OptimizerAttrs, member##_range), .standard = usual, .min = least, .max = most, \
        .doc = text                                                                                             \
    }
#define LR_REQUIRED                                                                                            \
    {                                                                                                          \
        .name = "lr", .type = ATTR_RATE, .offset = offsetof(OptimizerAttrs, lr),                               \
        .range_offset = offsetof(OptimizerAttrs, lr_range), .required = true, .min = 1e-12, .max = 1e6,        \
        .doc = "lr, the learning rate"                                                                         \
    }
#define LR(usual) RATE_ATTR(lr, usual, 1e-12, 1e6, "the learning rate")
#define MOMENTUM(usual, text) RATE_ATTR(momentum, usual, 0, 0.999999, text)
#define RHO(usual) REAL_ATTR(rho, usual, 0, 0.999999, "decay of the mean of the squared gradients")
#define EPS(usual, text) REAL_ATTR(eps, usual, 1e-30, 1, text)
#define L2 \
    RATE_ATTR(weight_decay, "0", 0, 100, "factor of the L2 penalty that is added to the gradient: g + weight_decay * w")
#define L1 RATE_ATTR(l1, "0", 0, 100, "factor of the L1 penalty that is added to the gradient: g + l1 * sign(w)")

static const AttrDef sgd_attrs[] = {
    LR_REQUIRED,
    MOMENTUM("0", "share of the last step's velocity that is kept; 0: none"),
    {.name = "nesterov",
     .type = ATTR_BOOL,
     .offset = offsetof(OptimizerAttrs, nesterov),
     .standard = "no",
     .doc = "Nesterov's form of the momentum"},
    L2,
    L1,
    {0},
};

static const AttrDef momentum_attrs[] = {
    LR_REQUIRED, MOMENTUM("0.9", "share of the last step's velocity that is kept"), L2, L1, {0},
};

static const AttrDef adagrad_attrs[] = {
    LR("0.01"), EPS("1e-8", "added to the root of the sum of squares"), L2, L1, {0},
};

static const AttrDef adadelta_attrs[] = {
    LR("1"), RHO("0.9"), EPS("1e-6", "added to both mean squares, inside the roots"), L2, L1, {0},
};

static const AttrDef rmsprop_attrs[] = {
    LR("0.001"),
    RHO("0.9"),
    MOMENTUM("0", "share of the last step's velocity that is kept; 0: none"),
    EPS("1e-8", "added to the root of the mean square"),
    L2,
    L1,
    {0},
};

#define BETA1 REAL_ATTR(beta1, "0.9", 0, 0.999999, "decay of the mean of the gradients")
#define BETA2 REAL_ATTR(beta2, "0.999", 0, 0.99999999, "decay of the mean of their squares")
#define ADAM_EPS EPS("1e-8", "added to the root of the mean square, after its bias correction")

static const AttrDef adam_attrs[] = {LR("0.001"), BETA1, BETA2, ADAM_EPS, L2, L1, {0}};

static const AttrDef adamw_attrs[] = {
    LR("0.001"),
    BETA1,
    BETA2,
    ADAM_EPS,
    RATE_ATTR(weight_decay, "0.01", 0, 100, "share of each weight that a step takes away, times lr"),
    L1,
    {0},
};

/* ---- definitions ---- */

static const OptimizerDef sgd = {
    .name = "sgd",
    .summary = "gradient descent on mini-batches, plain or with momentum",
    .doc = "`w -= lr*g`. With `momentum=m`: `v = m*v + g`, `w -= lr*v` (`momentum`); with `nesterov=yes` as well: `w "
           "-= lr*(g + m*v)` "
           "(`nesterov`). `v` starts at zero. The rate stands outside the velocity, so a schedule acts at once.",
    .attrs = sgd_attrs,
    .rule = "sgd",
};

static const OptimizerDef momentum = {
    .name = "momentum",
    .summary = "gradient descent with momentum: `sgd(momentum=0.9)`",
    .doc = "`v = m*v + g`, `w -= lr*v`, with `v` zero at first (Polyak 1964, in the form of Sutskever et al. 2013 with "
           "the rate outside "
           "the velocity).",
    .attrs = momentum_attrs,
    .rule = "momentum",
    .state_slots = 1,
};

static const OptimizerDef nesterov = {
    .name = "nesterov",
    .summary = "gradient descent with Nesterov's momentum: `sgd(momentum=0.9, nesterov=yes)`",
    .doc = "`v = m*v + g`, `w -= lr*(g + m*v)`, with `v` zero at first (Nesterov 1983; Sutskever et al. 2013, written "
           "for the weights at "
           "the point looked ahead to).",
    .attrs = momentum_attrs,
    .rule = "momentum",
    .state_slots = 1,
    .nesterov = true,
};

static const OptimizerDef adagrad = {
    .name = "adagrad",
    .summary = "rates of their own for each weight, from the sum of its squared gradients so far",
    .doc = "`s += g^2`, `w -= lr * g / (sqrt(s) + eps)`, with `s` zero at first (Duchi et al. 2011, with the diagonal "
           "of the matrix). Rates only fall: what is learnt early is kept, what comes late is learnt slowly.",
    .attrs = adagrad_attrs,
    .rule = "adagrad",
    .state_slots = 1,
};

static const OptimizerDef adadelta = {
    .name = "adadelta",
    .summary = "steps of the size of recent steps, over the size of recent gradients",
    .doc = "`s = rho*s + (1-rho)*g^2`, `u = sqrt(d + eps) / sqrt(s + eps) * g`, `d = rho*d + (1-rho)*u^2`, `w -= "
           "lr*u`, with `s` and `d` zero at first (Zeiler 2012, algorithm 1, which has no `lr`: it is 1 there).",
    .attrs = adadelta_attrs,
    .rule = "adadelta",
    .state_slots = 2,
};

static const OptimizerDef rmsprop = {
    .name = "rmsprop",
    .summary = "rates of their own for each weight, from the running mean of its squared gradients",
    .doc = "`s = rho*s + (1-rho)*g^2`, `u = g / (sqrt(s) + eps)`, `w -= lr*u` (Tieleman and Hinton 2012, lecture 6.5). "
           "With `momentum=m`: `v = m*v + u`, `w -= lr*v`. `s` and `v` start at zero.",
    .attrs = rmsprop_attrs,
    .rule = "rmsprop",
    .state_slots = 1,
};

/* What rmsprop(momentum=...) runs. */
static const OptimizerDef rmsprop_momentum = {
    .name = "rmsprop with momentum",
    .attrs = rmsprop_attrs,
    .rule = "rmsprop",
    .state_slots = 2,
    .with_momentum = true,
};

static const OptimizerDef adam = {
    .name = "adam",
    .summary = "rates of their own for each weight, from running means of the gradient and of its square",
    .doc = "`m = beta1*m + (1-beta1)*g`, `v = beta2*v + (1-beta2)*g^2`, "
           "`w -= lr * (m/(1-beta1^t)) / (sqrt(v/(1-beta2^t)) + eps)` at step `t` from 1, with `m` and `v` zero at "
           "first (Kingma and Ba "
           "2015, algorithm 1). `weight_decay` is coupled: it is part of `g`.",
    .attrs = adam_attrs,
    .rule = "adam",
    .state_slots = 2,
};

static const OptimizerDef adamw = {
    .name = "adamw",
    .summary = "adam with its weight decay outside the adaptive step",
    .doc =
        "`w -= lr*weight_decay*w`, then the step of `adam`, with a `g` that has no part of the decay (Loshchilov and "
        "Hutter 2019).",
    .attrs = adamw_attrs,
    .rule = "adam",
    .state_slots = 2,
    .decoupled = true,
};

const OptimizerDef *const optimizer_registry[] = {
    &sgd, &momentum, &nesterov, &adagrad, &adadelta, &rmsprop, &adam, &adamw, NULL,
};

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
    if (attrs->momentum == 0) {
        return asked;
    }
    return asked == &rmsprop ? &rmsprop_momentum : asked != &sgd ? asked : attrs->nesterov ? &nesterov : &momentum;
}

int config_state_slots(const Config *c)
{
    int slots = c->optimizer->state_slots;
    for (int i = 0; i < c->n_stops; i++) {
        slots += c->stops[i].form->kind == STOP_WEIGHT_CHANGE;
    }
    return slots;
}
