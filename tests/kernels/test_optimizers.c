/* The optimizers' updates against the formulas in double, over several steps: any range of the arrays, clipping,
 * decay. */
#include "nn_test.h"

static const double momentum_factor = 0.85, beta1 = 0.9, beta2 = 0.99, epsilon = 1e-6;

#define K_MOMENTUM momentum_factor
#define K_BETA1 beta1
#define K_BETA2 beta2
#define K_EPS epsilon

#define k_get sgd_get
#define k_put sgd_put
#define k_step sgd_step
#define k_main sgd
#include "../../runtime/kernels/sgd.k.c"
#undef k_get
#undef k_put
#undef k_step
#undef k_main

#define k_get momentum_get
#define k_put momentum_put
#define k_step momentum_step
#define k_main momentum
#include "../../runtime/kernels/momentum.k.c"
#undef k_get
#undef k_put
#undef k_step
#undef k_main

#define k_get nesterov_get
#define k_put nesterov_put
#define k_step nesterov_step
#define k_main nesterov
#include "../../runtime/kernels/nesterov.k.c"
#undef k_get
#undef k_put
#undef k_step
#undef k_main

#define k_get adam_get
#define k_put adam_put
#define k_step adam_step
#define k_main adam
#include "../../runtime/kernels/adam.k.c"

typedef enum rule { SGD, MOMENTUM, NESTEROV, ADAM } rule;

typedef struct settings {
    double lr, clip_scale, clip_value, decay;
} settings;

static void run(rule rule, int team, size_t begin, size_t end, real *w, const real *g, real *a, real *b,
                const settings *s, int step)
{
    const real lr = (real)s->lr, scale = (real)s->clip_scale, limit = (real)s->clip_value, decay = (real)s->decay;
    if (rule == SGD)
        WITH_TEAM(team, sgd(begin, end, w, g, lr, scale, limit, decay));
    else if (rule == MOMENTUM)
        WITH_TEAM(team, momentum(begin, end, w, g, a, lr, scale, limit, decay));
    else if (rule == NESTEROV)
        WITH_TEAM(team, nesterov(begin, end, w, g, a, lr, scale, limit, decay));
    else
        WITH_TEAM(team, adam(begin, end, w, g, a, b, lr, scale, limit, decay, (uint64_t)step));
}

static void naive(rule rule, double *w, double g, double *a, double *b, const settings *s, int step)
{
    g *= s->clip_scale;
    if (s->clip_value > 0)
        g = g > s->clip_value ? s->clip_value : g < -s->clip_value ? -s->clip_value : g;
    g += s->decay * *w;
    if (rule == SGD) {
        *w -= s->lr * g;
    } else if (rule == MOMENTUM) {
        *a = momentum_factor * *a + g;
        *w -= s->lr * *a;
    } else if (rule == NESTEROV) {
        *a = momentum_factor * *a + g;
        *w -= s->lr * (g + momentum_factor * *a);
    } else {
        *a = beta1 * *a + (1 - beta1) * g;
        *b = beta2 * *b + (1 - beta2) * g * g;
        const double first = *a / (1 - pow(beta1, step)), second = *b / (1 - pow(beta2, step));
        *w -= s->lr * first / (sqrt(second) + epsilon);
    }
}

static void check_range(rule rule, size_t count, size_t begin, size_t end, const settings *s)
{
    real *w[2], *a[2], *b[2], *g = values_new(count);
    double *wd = checked(malloc(count * sizeof *wd));
    double *ad = checked(calloc(count, sizeof *ad)), *bd = checked(calloc(count, sizeof *bd));
    for (int t = 0; t < 2; t++) {
        w[t] = values_new(count), a[t] = values_new(count), b[t] = values_new(count);
        for (size_t e = begin; e < end; e++)
            a[t][e] = b[t][e] = 0;
    }
    values_fill(w[0], count, -1, 1);
    memcpy(w[1], w[0], count * sizeof *w[0]);
    for (size_t e = 0; e < count; e++)
        wd[e] = w[0][e];
    for (int step = 1; step <= 5; step++) {
        values_fill(g, count, -1, 1);
        if (step == 2 && begin < end)
            g[begin] = 0;
        for (int t = 0; t < 2; t++)
            run(rule, t + 1, begin, end, w[t], g, a[t], b[t], s, step);
        for (size_t e = begin; e < end; e++)
            naive(rule, &wd[e], g[e], &ad[e], &bd[e], s, step);
    }
    assert_memory_equal(w[0], w[1], count * sizeof *w[0]);
    assert_memory_equal(a[0], a[1], count * sizeof *a[0]);
    assert_memory_equal(b[0], b[1], count * sizeof *b[0]);
    for (size_t e = 0; e < count; e++) {
        const int inside = e >= begin && e < end;
        check_close(w[0][e], wd[e], inside ? 60 * unit : 0, "w", rule, 0, 0, (int)e);
        if (inside && rule != SGD)
            check_close(a[0][e], ad[e], 60 * unit, "first state", rule, 0, 0, (int)e);
        if (inside && rule == ADAM)
            check_close(b[0][e], bd[e], 20 * unit, "second state", rule, 0, 0, (int)e);
        if (!inside) /* untouched */
            assert_true(isnan(a[0][e]) && isnan(b[0][e]));
    }
    for (int t = 0; t < 2; t++)
        free(w[t]), free(a[t]), free(b[t]);
    free(g), free(wd), free(ad), free(bd);
}

static void test_updates(void **state)
{
    (void)state;
    static const settings all[] = {{0.1, 1, 0, 0}, {0.1, 0.4, 0, 0.01}, {0.05, 1, 0.25, 0}, {0.2, 0.7, 0.3, 0.1}};
    for (rule rule = SGD; rule <= ADAM; rule++)
        for (int s = 0; s < 4; s++) {
            for (int round = 0; round < 20; round++) {
                const int begin = random_in(0, 20), end = begin + random_in(0, 60);
                check_range(rule, (size_t)end + (size_t)random_in(1, 9), (size_t)begin, (size_t)end, &all[s]);
            }
            check_range(rule, 20011, 3, 20001, &all[s]);
        }
}

/* A NaN in the gradient must reach the weight, with and without clipping by value. */
static void test_nan_is_seen(void **state)
{
    (void)state;
    static const settings all[] = {{0.1, 1, 0, 0}, {0.1, 1, 0.5, 0}};
    for (rule rule = SGD; rule <= ADAM; rule++)
        for (int s = 0; s < 2; s++) {
            real w[20] = {0}, g[20] = {0}, a[20] = {0}, b[20] = {0};
            g[3] = g[17] = (real)NAN;
            run(rule, 1, 0, 20, w, g, a, b, &all[s], 1);
            for (int e = 0; e < 20; e++)
                assert_int_equal(isnan(w[e]) != 0, e == 3 || e == 17);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_updates),
        cmocka_unit_test(test_nan_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
