/* test_engine.c - losses, metrics, clipping and the search for what is not finite, on a model whose passes only
 * copy. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime/diagnose.h"
#include "../../runtime/engine.h"

/* The outputs are the inputs: 3 values, with padding and an offset in the arena. Gradients are 1, 2, 3, ... */
enum { VALUES = 3, STRIDE = 5, OFFSET = 2, SAMPLE = OFFSET + STRIDE, GRADIENTS = 40000 };

static real loss_to_give = 1, gradient_to_give = 1;

static void copy_input(nt_pass *p)
{
#pragma omp for schedule(static)
    for (int i = 0; i < p->n; i++)
        for (int k = 0; k < VALUES; k++)
            p->arena[OFFSET * p->n + i * STRIDE + k] = p->input[i * VALUES + k];
}

static void fake_train(nt_pass *p)
{
    copy_input(p);
#pragma omp for schedule(static)
    for (int i = 0; i < GRADIENTS; i++)
        p->grads[i] = gradient_to_give * (real)(1 + i % 7);
#pragma omp for schedule(static)
    for (int i = 0; i < p->n; i++)
        p->loss_sample[i] = loss_to_give;
}

static void fake_update(nt_pass *p)
{
#pragma omp for schedule(static)
    for (int i = 0; i < GRADIENTS; i++)
        p->params[i] -= (real)(p->lr * p->clip_scale) * p->grads[i];
}

static const nt_param params[] = {
    {.name = "first.weight", .disk_dims = {GRADIENTS / 2}, .n_disk_dims = 1, .elements = GRADIENTS / 2},
    {.name = "last.weight",
     .disk_dims = {GRADIENTS / 2},
     .n_disk_dims = 1,
     .offset = GRADIENTS / 2,
     .elements = GRADIENTS / 2},
};

static const nt_train_config config = {.top_k = 2}, no_metrics;
static const char *const layer_names[] = {"overwritten", "copied"};
static const size_t layer_offsets[] = {OFFSET, OFFSET}, layer_elements[] = {STRIDE, STRIDE};

/* A model with the losses and heads given. */
static nt_model model_of(const nt_head *heads, int n_heads, const nt_loss *losses, int n_losses)
{
    return (nt_model){
        .name = "fake",
        .input_h = 1,
        .input_w = 1,
        .input_c = VALUES,
        .params = params,
        .n_params = 2,
        .trainable_elements = GRADIENTS,
        .gradient_elements = GRADIENTS,
        .params_elements = GRADIENTS,
        .arena_sample = SAMPLE,
        .infer_sample = SAMPLE,
        .heads = heads,
        .n_heads = n_heads,
        .losses = losses,
        .n_losses = n_losses,
        .train = fake_train,
        .loss = copy_input,
        .update = fake_update,
        .infer = copy_input,
        .layer_names = layer_names,
        .layer_offsets = layer_offsets,
        .layer_elements = layer_elements,
        .n_layers = 2,
        .train_config = &config,
    };
}

static nt_head head_of(nt_output output)
{
    return (nt_head){.h = 1,
                     .w = 1,
                     .c = VALUES,
                     .offset = OFFSET,
                     .infer_offset = OFFSET,
                     .stride_sample = STRIDE,
                     .stride_row = STRIDE,
                     .stride_pixel = STRIDE,
                     .output = output};
}

/* Data of n samples, with labels or targets. */
static nt_data data_of(float *values, int32_t *labels, float *targets, int n)
{
    nt_data data = {.h = 1, .w = 1, .c = VALUES, .outputs = VALUES};
    data.test_part = (nt_part){.count = n, .values = values, .labels = labels, .targets = targets};
    data.test = (nt_split){.count = n, .part = data.test_part};
    nt_error error;
    const nt_data_config none = {.normalize = NT_NORM_NONE};
    assert_true(nt_normalizer_init(&data.normalizer, &none, 1, 1, VALUES, &error));
    return data;
}

/* The score of the data, in batches of 2 so that the last is smaller. */
static nt_score score_of(const nt_model *model, nt_data *data)
{
    nt_engine engine;
    nt_error error;
    nt_score score;
    assert_true(nt_engine_init(&engine, model, 2, NT_FOR_INFERENCE, 2, &error));
    nt_engine_use_data(&engine, data);
    assert_true(nt_engine_evaluate(&engine, data, &data->test, NULL, &score, &error));
    nt_engine_free(&engine);
    nt_normalizer_free(&data->normalizer);
    return score;
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-6 * fabs(want)))
        fail_msg("%.9g should be %.9g", got, want);
}

static void cross_entropy_and_ranks(void **state)
{
    (void)state;
    float values[] = {1, 2, 3, /**/ 5, 5, 0, /**/ 1000, 0, -1000};
    int32_t labels[] = {2, 1, 2};
    nt_head head = head_of(NT_OUTPUT_VALUES);
    nt_loss loss = {NT_LOSS_CROSS_ENTROPY, 0, 1, 0};
    nt_model model = model_of(&head, 1, &loss, 1);
    nt_data data = data_of(values, labels, NULL, 3);
    nt_score score = score_of(&model, &data);
    double first = log(exp(-2) + exp(-1) + 1), second = log(2 + exp(-5)), third = 2000;
    near(nt_score_loss(&score), (first + second + third) / 3);
    assert_int_equal(score.samples, 3);
    assert_int_equal(score.correct, 1); /* of equals the first wins: the second sample is wrong, ... */
    assert_int_equal(score.top, 2);     /* ... but among the first two */
}

static void probabilities_are_not_softmaxed_again(void **state)
{
    (void)state;
    float values[] = {0.5f, 0.25f, 0.25f, /**/ 0, 1, 0};
    int32_t labels[] = {1, 1};
    nt_head head = head_of(NT_OUTPUT_SOFTMAX);
    nt_loss loss = {NT_LOSS_CROSS_ENTROPY, 0, 2, 0};
    nt_model model = model_of(&head, 1, &loss, 1);
    nt_data data = data_of(values, labels, NULL, 2);
    nt_score score = score_of(&model, &data);
    near(nt_score_loss(&score), 2 * log(4) / 2);
}

static void squared_error_of_targets_and_of_labels(void **state)
{
    (void)state;
    float values[] = {1, 2, 3, /**/ 0, 0, 1}, targets[] = {1, 0, 3, /**/ 0, 3, 1};
    int32_t labels[] = {2, 2};
    nt_head head = head_of(NT_OUTPUT_VALUES);
    nt_loss loss = {NT_LOSS_MSE, 0, 1, 0};
    nt_model model = model_of(&head, 1, &loss, 1);
    model.train_config = &no_metrics;
    nt_data data = data_of(values, NULL, targets, 2);
    nt_score score = score_of(&model, &data);
    near(nt_score_loss(&score), (4 / 2.0 + 9 / 2.0) / 2);
    assert_int_equal(score.correct, 0);
    data = data_of(values, labels, NULL, 2);
    score = score_of(&model, &data);
    near(nt_score_loss(&score), ((1 + 4 + 4) / 2.0 + 0) / 2);
    assert_int_equal(score.correct, 2);
}

/* The class of a target vector is its largest value, for cross entropy; for mse only where a metric asks for it. */
static void classes_of_targets(void **state)
{
    (void)state;
    float values[] = {0, 0, 2, /**/ 3, 1, 0, /**/ 0, 4, 0}, targets[] = {0, 0.25f, 0.75f, /**/ 0.2f, 0.8f, 0, /**/ 0, 1, 0};
    nt_head head = head_of(NT_OUTPUT_VALUES);
    nt_loss loss = {NT_LOSS_CROSS_ENTROPY, 0, 1, 0};
    nt_model model = model_of(&head, 1, &loss, 1);
    nt_data data = data_of(values, NULL, targets, 3);
    nt_score score = score_of(&model, &data);
    assert_int_equal(score.correct, 2);
    assert_int_equal(score.top, 3);
    double first = log(2 + exp(2)) - 1.5, second = log(exp(3) + exp(1) + 1) - 0.6 - 0.8, third = log(2 + exp(4)) - 4;
    near(nt_score_loss(&score), (first + second + third) / 3);
    loss.kind = NT_LOSS_MSE;
    data = data_of(values, NULL, targets, 3);
    score = score_of(&model, &data);
    assert_int_equal(score.correct, 2);
    assert_int_equal(score.top, 3);
    model.train_config = &no_metrics;
    data = data_of(values, NULL, targets, 3);
    score = score_of(&model, &data);
    assert_int_equal(score.correct, 0);
}

/* One output with binary cross entropy: right on the right side of 0, or of 1/2 behind a sigmoid; NaN is never right. */
static void one_output_tells_two_classes_apart(void **state)
{
    (void)state;
    float values[] = {0.4f, 0, 0, /**/ -0.1f, 0, 0, /**/ 0.7f, 0, 0, /**/ NAN, 0, 0}, targets[] = {1, 0, 0, 1};
    nt_head head = head_of(NT_OUTPUT_VALUES);
    head.c = 1;
    nt_loss loss = {NT_LOSS_BINARY_CROSS_ENTROPY, 0, 1, 0};
    nt_model model = model_of(&head, 1, &loss, 1);
    nt_data data = data_of(values, NULL, targets, 4);
    data.outputs = 1;
    assert_int_equal(score_of(&model, &data).correct, 2);
    head.output = NT_OUTPUT_SIGMOID;
    data = data_of(values, NULL, targets, 4);
    data.outputs = 1;
    assert_int_equal(score_of(&model, &data).correct, 1);
}

static void heads_that_inference_leaves_out_do_not_count(void **state)
{
    (void)state;
    float values[] = {0, 0, 0};
    int32_t labels[] = {1};
    nt_head heads[] = {head_of(NT_OUTPUT_VALUES), head_of(NT_OUTPUT_VALUES)};
    nt_loss losses[] = {{NT_LOSS_CROSS_ENTROPY, 0, 1, 0}, {NT_LOSS_CROSS_ENTROPY, 1, 0.5, 0}};
    nt_model model = model_of(heads, 2, losses, 2);
    nt_data data = data_of(values, labels, NULL, 1);
    nt_score score = score_of(&model, &data);
    near(nt_score_loss(&score), 1.5 * log(3));
    heads[1].infer_offset = SIZE_MAX;
    data = data_of(values, labels, NULL, 1);
    score = score_of(&model, &data);
    near(nt_score_loss(&score), log(3));
}

static void what_is_not_a_number_is_never_right(void **state)
{
    (void)state;
    float values[] = {0, 0, 0, /**/ 0, 0, 0};
    int32_t labels[] = {1, 0};
    nt_head head = head_of(NT_OUTPUT_VALUES);
    nt_loss loss = {NT_LOSS_CROSS_ENTROPY, 0, 1, 0};
    nt_model model = model_of(&head, 1, &loss, 1);
    nt_data data = data_of(values, labels, NULL, 2);
    values[1] = values[4] = NAN; /* the right class's output; another's */
    nt_score score = score_of(&model, &data);
    assert_int_equal(score.correct, 0);
    assert_true(isnan(nt_score_loss(&score)));
}

/* -- Steps ------------------------------------------------------------------------------------------------------- */

static nt_step_outcome step_once(nt_engine *engine, const nt_model *model, int threads, nt_step *step)
{
    nt_error error;
    assert_true(nt_engine_init(engine, model, 4, NT_FOR_TRAINING, threads, &error));
    engine->pass.n = 4;
    engine->pass.lr = 1;
    return nt_engine_step(engine, step);
}

static void gradients_are_clipped_to_the_norm(void **state)
{
    (void)state;
    nt_head head = head_of(NT_OUTPUT_VALUES);
    nt_loss loss = {NT_LOSS_MSE, 0, 1, 0};
    nt_model model = model_of(&head, 1, &loss, 1);
    double squares = 0, first_norm = 0;
    for (int i = 0; i < GRADIENTS; i++)
        squares += (1 + i % 7) * (1 + i % 7);
    for (int threads = 1; threads <= 3; threads++) {
        nt_engine engine;
        nt_step step = {.clip_norm = 2};
        assert_int_equal(step_once(&engine, &model, threads, &step), NT_STEP_DONE);
        near(step.norm, sqrt(squares));
        near(step.loss, 1);
        near((double)engine.memory.params[2], -3 * 2 / sqrt(squares));
        first_norm = threads == 1 ? step.norm : first_norm;
        assert_memory_equal(&first_norm, &step.norm, sizeof step.norm);
        nt_engine_free(&engine);
    }
    nt_engine engine;
    nt_step step = {.clip_norm = 1e6};
    assert_int_equal(step_once(&engine, &model, 1, &step), NT_STEP_DONE);
    near((double)engine.memory.params[2], -3); /* below the limit nothing is scaled */
    nt_engine_free(&engine);
}

static void labels_are_disturbed_at_random(void **state)
{
    (void)state;
    enum { N = 200000, CLASSES = 10 };
    int kept = 0, others[CLASSES] = {0}, same = 0;
    for (int i = 0; i < N; i++) {
        int32_t got = nt_disturbed_label(0.3, 5, (uint64_t)i, 4, CLASSES);
        kept += got == 4;
        others[got]++;
        same += got == nt_disturbed_label(0.3, 6, (uint64_t)i, 4, CLASSES);
        assert_int_equal(nt_disturbed_label(0, 5, (uint64_t)i, 4, CLASSES), 4);
    }
    /* 0.7 stay, and a tenth of the rest too; five standard deviations are allowed */
    assert_true(fabs((double)kept / N - 0.73) < 5 * sqrt(0.73 * 0.27 / N));
    for (int k = 0; k < CLASSES; k++)
        assert_true(k == 4 || fabs((double)others[k] / N - 0.03) < 5 * sqrt(0.03 * 0.97 / N));
    double chance = 0.73 * 0.73 + 9 * 0.03 * 0.03;
    assert_true(fabs((double)same / N - chance) < 5 * sqrt(chance * (1 - chance) / N));
}

static void nothing_is_updated_with_what_is_not_finite(void **state)
{
    (void)state;
    char why[256];
    nt_head head = head_of(NT_OUTPUT_VALUES);
    nt_loss loss = {NT_LOSS_MSE, 0, 1, 0};
    nt_model model = model_of(&head, 1, &loss, 1);
    nt_engine engine;
    nt_step step = {.want_norm = true};

    loss_to_give = NAN;
    assert_int_equal(step_once(&engine, &model, 2, &step), NT_STEP_LOSS_NOT_FINITE);
    assert_true(engine.memory.params[0] == 0);
    nt_diagnose(&engine, NT_STEP_LOSS_NOT_FINITE, why, sizeof why);
    assert_non_null(strstr(why, "every layer is finite"));
    engine.memory.params[GRADIENTS - 1] = INFINITY;
    nt_diagnose(&engine, NT_STEP_LOSS_NOT_FINITE, why, sizeof why);
    assert_non_null(strstr(why, "the parameter last.weight"));
    engine.memory.params[GRADIENTS - 1] = 0;
    engine.input[1] = NAN;
    nt_diagnose(&engine, NT_STEP_LOSS_NOT_FINITE, why, sizeof why);
    assert_non_null(strstr(why, "the input"));
    nt_engine_free(&engine);

    loss_to_give = 1;
    gradient_to_give = INFINITY;
    assert_int_equal(step_once(&engine, &model, 2, &step), NT_STEP_NORM_NOT_FINITE);
    assert_true(engine.memory.params[0] == 0);
    nt_diagnose(&engine, NT_STEP_NORM_NOT_FINITE, why, sizeof why);
    assert_non_null(strstr(why, "last.weight"));
    nt_engine_free(&engine);
    gradient_to_give = 1;
}

static void inf_from_here(nt_pass *p)
{
    copy_input(p);
#pragma omp single
    p->arena[OFFSET * p->n] = INFINITY;
}

static void the_layer_is_named(void **state)
{
    (void)state;
    char why[256];
    nt_head head = head_of(NT_OUTPUT_VALUES);
    nt_loss loss = {NT_LOSS_MSE, 0, 1, 0};
    nt_model model = model_of(&head, 1, &loss, 1);
    nt_engine engine;
    nt_step step = {0};
    model.loss = inf_from_here;
    loss_to_give = INFINITY;
    assert_int_equal(step_once(&engine, &model, 1, &step), NT_STEP_LOSS_NOT_FINITE);
    nt_diagnose(&engine, NT_STEP_LOSS_NOT_FINITE, why, sizeof why);
    assert_non_null(strstr(why, "is copied"));
    loss_to_give = 1;
    nt_engine_free(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cross_entropy_and_ranks),
        cmocka_unit_test(probabilities_are_not_softmaxed_again),
        cmocka_unit_test(squared_error_of_targets_and_of_labels),
        cmocka_unit_test(classes_of_targets),
        cmocka_unit_test(one_output_tells_two_classes_apart),
        cmocka_unit_test(heads_that_inference_leaves_out_do_not_count),
        cmocka_unit_test(what_is_not_a_number_is_never_right),
        cmocka_unit_test(gradients_are_clipped_to_the_norm),
        cmocka_unit_test(labels_are_disturbed_at_random),
        cmocka_unit_test(nothing_is_updated_with_what_is_not_finite),
        cmocka_unit_test(the_layer_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
