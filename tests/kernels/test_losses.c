/* The losses with their gradients against the formulas in double, of labels and of dense targets; large values and NaN. */
#include "nn_test.h"

#include <stdbool.h>

static struct {
    int h, w, c, cp, with_grad;
    double weight, smoothing, delta;
    int x_s, x_r, x_p;
} k;

#define K_H k.h
#define K_W k.w
#define K_C k.c
#define K_CP k.cp
#define K_WITH_GRAD k.with_grad
#define K_WEIGHT k.weight
#define K_SMOOTHING k.smoothing
#define K_X_S k.x_s
#define K_X_R k.x_r
#define K_X_P k.x_p
#define K_DX_S k.x_s
#define K_DX_R k.x_r
#define K_DX_P k.x_p

#define K_DELTA k.delta

#define k_main cross_entropy
#define k_masked cross_entropy_masked
#define k_target cross_entropy_target
#include "../../runtime/kernels/cross_entropy.k.c"
#undef k_main
#undef K_ARGS
#undef K_PASS
#undef K_STORE

#define k_main mse
#include "../../runtime/kernels/mse.k.c"
#undef k_main
#undef K_ARGS
#undef K_PASS
#undef K_STORE

#define k_main huber
#include "../../runtime/kernels/huber.k.c"
#undef k_main
#undef K_ARGS
#undef K_PASS
#undef K_STORE

#define k_main binary_cross_entropy
#include "../../runtime/kernels/binary_cross_entropy.k.c"

typedef enum loss_kind { CROSS_ENTROPY, MSE, HUBER, BINARY } loss_kind;

/* targets NULL: labels count */
static void run(loss_kind kind, int team, const tensor *x, const int32_t *labels, const real *targets, real *loss,
                real *dx)
{
    if (kind == CROSS_ENTROPY)
        WITH_TEAM(team, cross_entropy(x->n, x->at, labels, targets, loss, dx));
    else if (kind == MSE)
        WITH_TEAM(team, mse(x->n, x->at, labels, targets, loss, dx));
    else if (kind == HUBER)
        WITH_TEAM(team, huber(x->n, x->at, labels, targets, loss, dx));
    else
        WITH_TEAM(team, binary_cross_entropy(x->n, x->at, labels, targets, loss, dx));
}

/* Loss of one sample, before the weight, and its gradient to element (q, c). */
static double naive(loss_kind kind, const tensor *x, int i, const int32_t *labels, const real *targets, double *dx)
{
    double loss = 0;
    const int pixels = k.h * k.w;
    for (int q = 0; q < pixels; q++) {
        double top = -INFINITY, sum = 0, mass = 0, wanted[1024];
        for (int c = 0; c < k.c; c++) {
            const int label = kind == CROSS_ENTROPY ? labels[i * pixels + q] == c : labels[i] == q * k.c + c;
            const double t = targets ? targets[(i * pixels + q) * k.c + c] : label;
            wanted[c] = kind == CROSS_ENTROPY ? (1 - k.smoothing) * t + k.smoothing / k.c : t;
            mass += wanted[c];
            top = fmax(top, *tensor_ref(x, i, q / k.w, q % k.w, c));
        }
        for (int c = 0; c < k.c; c++)
            sum += exp(*tensor_ref(x, i, q / k.w, q % k.w, c) - top);
        for (int c = 0; c < k.c; c++) {
            const double v = *tensor_ref(x, i, q / k.w, q % k.w, c), t = wanted[c];
            double *d = dx + q * k.c + c;
            if (kind == CROSS_ENTROPY) {
                loss -= t * (v - top - log(sum)) / pixels;
                *d = (mass * exp(v - top) / sum - t) / pixels;
            } else if (kind == BINARY) {
                loss -= t * -log1p(exp(-v)) + (1 - t) * -log1p(exp(v)); /* log p, log(1 - p) */
                *d = 1 / (1 + exp(-v)) - t;
            } else if (kind == MSE || fabs(v - t) <= k.delta) {
                loss += (v - t) * (v - t) / 2;
                *d = v - t;
            } else {
                loss += k.delta * (fabs(v - t) - k.delta / 2);
                *d = v > t ? k.delta : -k.delta;
            }
        }
    }
    return loss;
}

static void check_shape(loss_kind kind, bool dense, int n, int h, int w, int channels, int halo, double low, double high)
{
    tensor x = tensor_new(n, h, w, channels, halo), dx = tensor_new(n, h, w, channels, halo);
    tensor dx2 = tensor_new(n, h, w, channels, halo), none = tensor_new(n, h, w, channels, halo);
    k.h = h, k.w = w, k.c = channels, k.cp = x.cp;
    k.x_s = x.sample, k.x_r = x.row, k.x_p = x.pixel;
    tensor_fill(&x, low, high, high + 9);
    const int outputs = h * w * channels;
    int32_t *labels = checked(malloc((size_t)n * h * w * sizeof *labels));
    for (int i = 0; i < n * h * w; i++)
        labels[i] = random_in(0, kind == CROSS_ENTROPY ? channels - 1 : outputs - 1);
    real *targets = dense ? values_new((size_t)n * outputs) : NULL;
    real *loss = values_new(n), *loss2 = values_new(n), *loss3 = values_new(n);
    double *want = checked(malloc(outputs * sizeof *want));
    if (dense)
        values_fill(targets, (size_t)n * outputs, kind == CROSS_ENTROPY || kind == BINARY ? 0 : -1, 1);
    for (int i = 0; i < n; i++)
        loss[i] = loss2[i] = loss3[i] = 2; /* the loss is added to what is there */
    k.with_grad = 1;
    run(kind, 1, &x, labels, targets, loss, dx.at);
    run(kind, 2, &x, labels, targets, loss2, dx2.at);
    k.with_grad = 0;
    run(kind, 2, &x, labels, targets, loss3, none.at);
    tensor_check_same(&dx, &dx2);
    tensor_check_around(&dx);
    tensor_check_padding(&dx, "dx");
    assert_memory_equal(loss, loss2, n * sizeof *loss);
    assert_memory_equal(loss, loss3, n * sizeof *loss);
    for (int i = 0; i < n; i++) {
        const double value = naive(kind, &x, i, labels, targets, want) * k.weight;
        check_close(loss[i], 2 + value, 16 * unit * (2 + value) + (dense ? 8 * outputs : 40) * unit * k.weight, "loss", i, 0, 0, 0);
        for (int q = 0; q < h * w; q++)
            for (int c = 0; c < channels; c++) {
                check_close(*tensor_ref(&dx, i, q / w, q % w, c), want[q * channels + c] * k.weight / n,
                            (20 + high - low) * (dense ? channels : 1) * unit * k.weight / n, "dx", i, q / w, q % w, c);
                check_close(*tensor_ref(&none, i, q / w, q % w, c), 0, 0, "dx without gradient", i, q / w, q % w, c);
            }
    }
    tensor_free(&x), tensor_free(&dx), tensor_free(&dx2), tensor_free(&none);
    free(labels), free(targets), free(loss), free(loss2), free(loss3), free(want);
}

static void random_shapes(loss_kind kind)
{
    for (int round = 0; round < 60; round++) {
        const bool dense = round % 2;
        k.weight = round % 4 < 2 ? 1 : 0.3;
        k.smoothing = round % 3 ? 0 : 0.1;
        k.delta = round % 5 ? 1 : 0.25;
        check_shape(kind, dense, random_in(1, 9), 1, 1, random_in(1, 40), random_in(0, 2), -3, 3);
        check_shape(kind, dense, random_in(1, 4), random_in(1, 4), random_in(1, 4), random_in(1, 40), random_in(0, 2), -3, 3);
    }
}

static void test_cross_entropy(void **state)
{
    (void)state;
    random_shapes(CROSS_ENTROPY);
    k.weight = 1, k.smoothing = 0;
    check_shape(CROSS_ENTROPY, false, 32, 1, 1, 1000, 0, -5, 5);
    check_shape(CROSS_ENTROPY, false, 4, 1, 1, 10, 0, 500, 520);
    check_shape(CROSS_ENTROPY, false, 4, 1, 1, 10, 0, -200, 200);
}

static void test_mse(void **state)
{
    (void)state;
    random_shapes(MSE);
}

static void test_huber(void **state)
{
    (void)state;
    random_shapes(HUBER);
    k.weight = 1, k.delta = 2;
    check_shape(HUBER, true, 3, 1, 1, 11, 0, -100, 100);
}

static void test_binary_cross_entropy(void **state)
{
    (void)state;
    random_shapes(BINARY);
    k.weight = 1;
    check_shape(BINARY, true, 3, 1, 1, 11, 0, -80, 80);
    check_shape(BINARY, false, 3, 1, 1, 11, 0, -600, 600);
}

/* A NaN among the logits must reach the loss of its sample, and no other. */
static void test_nan_is_seen(void **state)
{
    (void)state;
    tensor x = tensor_new(3, 1, 1, 10, 0), dx = tensor_new(3, 1, 1, 10, 0);
    const int32_t labels[] = {1, 2, 3};
    real loss[3] = {0, 0, 0};
    k.h = k.w = 1, k.c = 10, k.cp = x.cp, k.with_grad = 1, k.weight = 1, k.smoothing = 0;
    k.x_s = x.sample, k.x_r = x.row, k.x_p = x.pixel;
    *tensor_ref(&x, 1, 0, 0, 7) = (real)NAN;
    k.delta = 1;
    for (loss_kind kind = CROSS_ENTROPY; kind <= BINARY; kind++) {
        loss[0] = loss[1] = loss[2] = 0;
        run(kind, 1, &x, labels, NULL, loss, dx.at);
        assert_true(isnan(loss[1]));
        assert_true(isnan(*tensor_ref(&dx, 1, 0, 0, 7)));
        assert_false(isnan(loss[0]) || isnan(loss[2]) || isnan(*tensor_ref(&dx, 2, 0, 0, 0)));
    }
    tensor_free(&x), tensor_free(&dx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cross_entropy),
        cmocka_unit_test(test_mse),
        cmocka_unit_test(test_huber),
        cmocka_unit_test(test_binary_cross_entropy),
        cmocka_unit_test(test_nan_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
