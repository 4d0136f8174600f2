/* The optimizers' rules and what comes before them - clipping, noise, penalties - against the formulas in double, over
 * several steps and any range of the arrays. */
#include "nn_test.h"

#include "../../runtime/emitted.h"

/* What is a constant of an emitted model. */
static struct options {
    int nesterov, coupled, with_momentum, noise;
    double clip_value, clip_sign;
} o;
static size_t slot;
static const double beta1 = 0.9, beta2 = 0.99, epsilon = 1e-3, rho = 0.8;

#define K_NESTEROV o.nesterov
#define K_COUPLED o.coupled
#define K_WITH_MOMENTUM o.with_momentum
#define K_NOISE o.noise
#define K_CLIP_VALUE o.clip_value
#define K_CLIP_SIGN o.clip_sign
#define K_SLOT slot
#define K_BETA1 beta1
#define K_BETA2 beta2
#define K_EPS epsilon
#define K_RHO rho

/* Each rule with its own copy of the loop. */
#define k_rates sgd_rates
#define k_rule sgd_rule
#define k_clipped sgd_clipped
#define k_rates_of sgd_rates_of
#define k_step sgd_step
#define k_main sgd
#include "../../runtime/kernels/sgd.k.c"
#include "../../runtime/kernels/step.k.c"
#include "../../runtime/kernels/optimizer.k.c"
#undef k_rates
#undef k_rule
#undef k_clipped
#undef k_rates_of
#undef k_step
#undef k_main

#define k_rates momentum_rates
#define k_rule momentum_rule
#define k_clipped momentum_clipped
#define k_rates_of momentum_rates_of
#define k_step momentum_step
#define k_main momentum
#include "../../runtime/kernels/momentum.k.c"
#include "../../runtime/kernels/step.k.c"
#include "../../runtime/kernels/optimizer.k.c"
#undef k_rates
#undef k_rule
#undef k_clipped
#undef k_rates_of
#undef k_step
#undef k_main

#define k_rates adagrad_rates
#define k_rule adagrad_rule
#define k_clipped adagrad_clipped
#define k_rates_of adagrad_rates_of
#define k_step adagrad_step
#define k_main adagrad
#include "../../runtime/kernels/adagrad.k.c"
#include "../../runtime/kernels/step.k.c"
#include "../../runtime/kernels/optimizer.k.c"
#undef k_rates
#undef k_rule
#undef k_clipped
#undef k_rates_of
#undef k_step
#undef k_main

#define k_rates adadelta_rates
#define k_rule adadelta_rule
#define k_clipped adadelta_clipped
#define k_rates_of adadelta_rates_of
#define k_step adadelta_step
#define k_main adadelta
#include "../../runtime/kernels/adadelta.k.c"
#include "../../runtime/kernels/step.k.c"
#include "../../runtime/kernels/optimizer.k.c"
#undef k_rates
#undef k_rule
#undef k_clipped
#undef k_rates_of
#undef k_step
#undef k_main

#define k_rates rmsprop_rates
#define k_rule rmsprop_rule
#define k_clipped rmsprop_clipped
#define k_rates_of rmsprop_rates_of
#define k_step rmsprop_step
#define k_main rmsprop
#include "../../runtime/kernels/rmsprop.k.c"
#include "../../runtime/kernels/step.k.c"
#include "../../runtime/kernels/optimizer.k.c"
#undef k_rates
#undef k_rule
#undef k_clipped
#undef k_rates_of
#undef k_step
#undef k_main

#define k_rates adam_rates
#define k_rule adam_rule
#define k_clipped adam_clipped
#define k_rates_of adam_rates_of
#define k_step adam_step
#define k_main adam
#include "../../runtime/kernels/adam.k.c"
#include "../../runtime/kernels/step.k.c"
#include "../../runtime/kernels/optimizer.k.c"

typedef struct settings {
    double lr, momentum, clip_scale, decay, l1;
    struct options options;
} settings;

/* One step of one weight in double; a and b are its state. */
typedef void naive(const settings *s, double *w, double g, double *a, double *b, int step);

static void naive_sgd(const settings *s, double *w, double g, double *a, double *b, int step)
{
    (void)a, (void)b, (void)step;
    *w -= s->lr * g;
}

static void naive_momentum(const settings *s, double *w, double g, double *a, double *b, int step)
{
    (void)b, (void)step;
    *a = s->momentum * *a + g;
    *w -= s->lr * (s->options.nesterov ? g + s->momentum * *a : *a);
}

static void naive_adagrad(const settings *s, double *w, double g, double *a, double *b, int step)
{
    (void)b, (void)step;
    *a += g * g;
    *w -= s->lr * g / (sqrt(*a) + epsilon);
}

static void naive_adadelta(const settings *s, double *w, double g, double *a, double *b, int step)
{
    (void)step;
    *a = rho * *a + (1 - rho) * g * g;
    const double by = sqrt(*b + epsilon) / sqrt(*a + epsilon) * g;
    *b = rho * *b + (1 - rho) * by * by;
    *w -= s->lr * by;
}

static void naive_rmsprop(const settings *s, double *w, double g, double *a, double *b, int step)
{
    (void)step;
    *a = rho * *a + (1 - rho) * g * g;
    const double by = g / (sqrt(*a) + epsilon);
    *b = s->options.with_momentum ? s->momentum * *b + by : 0;
    *w -= s->lr * (s->options.with_momentum ? *b : by);
}

static void naive_adam(const settings *s, double *w, double g, double *a, double *b, int step)
{
    if (!s->options.coupled)
        *w *= 1 - s->lr * s->decay;
    *a = beta1 * *a + (1 - beta1) * g;
    *b = beta2 * *b + (1 - beta2) * g * g;
    const double first = *a / (1 - pow(beta1, step)), second = *b / (1 - pow(beta2, step));
    *w -= s->lr * first / (sqrt(second) + epsilon);
}

typedef struct rule {
    void (*run)(const nt_pass *p, size_t begin, size_t end, double lr_scale, double decay, double l1);
    naive *naive;
    int slots;
} rule;

static const rule rules[] = {
    {sgd, naive_sgd, 0},           {momentum, naive_momentum, 1}, {adagrad, naive_adagrad, 1},
    {adadelta, naive_adadelta, 2}, {rmsprop, naive_rmsprop, 2},   {adam, naive_adam, 2},
};

enum { N_RULES = sizeof rules / sizeof *rules };

static double sign(double x)
{
    return (x > 0) - (x < 0);
}

/* The gradient that a rule gets. */
static double treated(const settings *s, double g, double w)
{
    g *= s->clip_scale;
    if (s->options.clip_value > 0)
        g = fmax(-s->options.clip_value, fmin(s->options.clip_value, g));
    if (s->options.clip_sign > 0)
        g = s->options.clip_sign * sign(g);
    return g + (s->options.coupled ? s->decay * w : 0) + s->l1 * sign(w);
}

static nt_pass pass_of(const settings *s, real *w, real *g, real *state, int step)
{
    return (nt_pass){.params = w,
                     .grads = g,
                     .state = state,
                     .seed = 3,
                     .step = (uint64_t)step - 1,
                     .update_step = (uint64_t)step,
                     .lr = s->lr,
                     .momentum = s->momentum,
                     .clip_scale = s->clip_scale,
                     .decay_scale = 1,
                     .l1_scale = 1};
}

/* Five steps over begin..end-1 of `count` elements, by teams of one and two. */
static void check_range(int which, size_t count, size_t begin, size_t end, const settings *s)
{
    const rule *rule = &rules[which];
    real *w[2], *state[2], *g = values_new(count);
    double *wd = checked(malloc(count * sizeof *wd));
    double *ad = checked(calloc(count, sizeof *ad)), *bd = checked(calloc(count, sizeof *bd));
    o = s->options;
    slot = count;
    for (int t = 0; t < 2; t++) {
        w[t] = values_new(count), state[t] = values_new(2 * count);
        for (size_t e = begin; e < end; e++)
            state[t][e] = state[t][count + e] = 0;
    }
    values_fill(w[0], count, -1, 1);
    memcpy(w[1], w[0], count * sizeof *w[0]);
    for (size_t e = 0; e < count; e++)
        wd[e] = w[0][e];
    for (int step = 1; step <= 5; step++) {
        values_fill(g, count, -1, 1);
        if (step == 2 && begin < end)
            g[begin] = 0;
        for (int t = 0; t < 2; t++) {
            nt_pass p = pass_of(s, w[t], g, state[t], step);
            p.lr *= 4; /* and a range whose rate is a quarter of the others' */
            WITH_TEAM(t + 1, rule->run(&p, begin, end, 0.25, s->decay, s->l1));
        }
        for (size_t e = begin; e < end; e++)
            rule->naive(s, &wd[e], treated(s, g[e], wd[e]), &ad[e], &bd[e], step);
    }
    assert_memory_equal(w[0], w[1], count * sizeof *w[0]);
    assert_memory_equal(state[0], state[1], 2 * count * sizeof *state[0]);
    for (size_t e = 0; e < count; e++) {
        const int inside = e >= begin && e < end;
        check_close(w[0][e], wd[e], inside ? 200 * unit : 0, "w", which, 0, 0, (int)e);
        if (inside && rule->slots > 0)
            check_close(state[0][e], ad[e], 100 * unit, "first state", which, 0, 0, (int)e);
        if (inside && rule->slots > 1)
            check_close(state[0][count + e], bd[e], 400 * unit, "second state", which, 0, 0, (int)e);
        if (!inside) /* untouched */
            assert_true(isnan(state[0][e]) && isnan(state[0][count + e]));
    }
    for (int t = 0; t < 2; t++)
        free(w[t]), free(state[t]);
    free(g), free(wd), free(ad), free(bd);
}

static void test_updates(void **state)
{
    (void)state;
    static const settings all[] = {
        {0.1, 0.85, 1, 0, 0, {.coupled = 1}},
        {0.1, 0.5, 0.4, 0.01, 0, {.nesterov = 1, .coupled = 1, .with_momentum = 1}},
        {0.05, 0.9, 1, 0.1, 0.02, {.clip_value = 0.25}},
        {0.02, 0.7, 0.7, 0.1, 0.01, {.coupled = 1, .with_momentum = 1, .clip_sign = 0.3}},
    };
    for (int which = 0; which < N_RULES; which++)
        for (int s = 0; s < 4; s++) {
            for (int round = 0; round < 20; round++) {
                const int begin = VL * random_in(0, 3), end = begin + VL * random_in(0, 8);
                check_range(which, (size_t)end + (size_t)random_in(1, 9), (size_t)begin, (size_t)end, &all[s]);
            }
            check_range(which, VL * 2600 + 3, 3 * VL, VL * 2599, &all[s]);
        }
}

/* A NaN in the gradient must reach the weight, with and without clipping. */
static void test_nan_is_seen(void **state)
{
    (void)state;
    static const settings all[] = {
        {0.1, 0.9, 1, 0, 0, {.coupled = 1}},
        {0.1, 0.9, 1, 0, 0, {.coupled = 1, .clip_value = 0.5}},
        {0.1, 0.9, 1, 0, 0.1, {.clip_sign = 0.5, .with_momentum = 1}},
    };
    enum { N = 4 * VL };
    for (int which = 0; which < N_RULES; which++)
        for (int s = 0; s < 3; s++) {
            real w[N] = {0}, g[N] = {0}, kept[2 * N] = {0};
            g[3] = g[N - 1] = (real)NAN;
            o = all[s].options;
            slot = N;
            const nt_pass p = pass_of(&all[s], w, g, kept, 1);
            rules[which].run(&p, 0, N, 1, 0, all[s].l1);
            for (int e = 0; e < N; e++)
                assert_int_equal(isnan(w[e]) != 0, e == 3 || e == N - 1);
        }
}

/* The noise has the moments of a normal law, is the same for every team and range, and another one in each step. */
static void test_noise(void **state)
{
    (void)state;
    enum { N = 1 << 18 };
    const settings s = {1, 0, 1, 0, 0, {.coupled = 1, .noise = 1}};
    real *w[3], *g = checked(calloc(N, sizeof *g));
    o = s.options;
    for (int t = 0; t < 3; t++) {
        w[t] = checked(calloc(N, sizeof *w[t]));
        nt_pass p = pass_of(&s, w[t], g, NULL, t == 2 ? 2 : 1);
        p.noise = 0.5;
        if (t == 1) {
            WITH_TEAM(2, sgd(&p, N / 2, N, 1, 0, 0));
            WITH_TEAM(2, sgd(&p, 0, N / 2, 1, 0, 0));
        } else {
            sgd(&p, 0, N, 1, 0, 0);
        }
    }
    assert_memory_equal(w[0], w[1], N * sizeof *w[0]);
    double moments[5] = {0}, product = 0, inside = 0;
    for (int i = 0; i < N; i++) {
        double x = (double)w[0][i] / 0.5, power = 1;
        for (int k = 0; k < 5; k++, power *= x)
            moments[k] += power / N;
        product += x * (double)w[2][i] / 0.5 / N;
        inside += fabs(x) < 1 ? 1.0 / N : 0;
    }
    const double error = 5 / sqrt(N); /* five standard deviations of a mean of unit variance */
    assert_true(fabs(moments[1]) < error);
    assert_true(fabs(moments[2] - 1) < error * sqrt(2));
    assert_true(fabs(moments[3]) < error * sqrt(15));
    assert_true(fabs(moments[4] - 3) < error * sqrt(96));
    assert_true(fabs(inside - 0.682689492137) < error * 0.466);
    assert_true(fabs(product) < error);
    for (int t = 0; t < 3; t++)
        free(w[t]);
    free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_updates),
        cmocka_unit_test(test_nan_is_seen),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
