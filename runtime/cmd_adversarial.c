/* cmd_adversarial.c - EXE adversarial: the fast gradient sign method (Goodfellow, Shlens, Szegedy: Explaining and Harnessing Adversarial
 * Examples, ICLR 2015), x' = x + eps sign(dL/dx) with L the loss of the right class, and the accuracy that it leaves.
 *
 * x is the input as it was read, before normalisation: eps = 0.1 moves each value of a picture by a tenth of the way from black to white.
 * Pictures stay between the two. The gradient is that of the training pass without dropout and noise (batchnorm has the batch's statistics
 * there); what is judged is the network at inference. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"
#include "progress.h"
#include "trial.h"
#include "whiten.h"

enum { MOST_EPS = 32, EXAMPLES = 4 };

typedef struct options {
    const char *weights, *data, *eps, *format, *picture;
    int64_t samples, batch, threads;
    bool json;
} options;

/* A sample that was right as it was and is not any more. */
typedef struct example {
    float *clean, *changed; /* as read */
    int right, wrong;
    double was, is; /* probabilities: of the right class before, of the wrong one after */
} example;

/* What one eps leaves. */
typedef struct outcome {
    double eps;
    int64_t correct;
    double probability; /* of the right class, summed */
    example examples[EXAMPLES];
    int n_examples;
} outcome;

typedef struct attack {
    const options *o;
    nt_trial *trial;
    outcome outcomes[MOST_EPS]; /* the first is of eps 0 */
    int n;
    int64_t samples;
    size_t size;     /* values of a sample */
    bool mixed;      /* the normalizer has a matrix, which is applied here */
    float *clean;    /* a batch, normalised but for the matrix */
    float *changed;
    int8_t *sign;
    double *values;  /* of the head */
    int *predicted;  /* of the clean batch */
    double *certain; /* the probability of that */
} attack;

static nt_parsed parse(const nt_context *context, options *o, int argc, char **argv)
{
    const nt_option list[] = {
        {"--weights", NT_OPTION_TEXT, &o->weights, "F", "weights to use, or a folder of train", 0, NULL},
        {"--eps", NT_OPTION_TEXT, &o->eps, "X,Y,...", "how far each value is moved, black to white being 1 (0.01 to 0.3)", 0, NULL},
        {"--samples", NT_OPTION_COUNT, &o->samples, "N", "test samples to take (all)", 1, NULL},
        {"--data", NT_OPTION_TEXT, &o->data, "P", "folder or file of the data, instead of the model's", 0, NULL},
        {"--picture", NT_OPTION_TEXT, &o->picture, "F", "the accuracy's curve and some examples, an .html file", 0, NULL},
        {"--batch", NT_OPTION_COUNT, &o->batch, "N", "samples at a time", 1, NULL},
        {"--threads", NT_OPTION_COUNT, &o->threads, "N", "threads to use; no result depends on them", 1, NULL},
        {"--format", NT_OPTION_TEXT, &o->format, "text|json", "of the result", 0, NULL},
    };
    const nt_usage usage = {
        context->exe,
        "adversarial",
        NULL,
        "Moves every value of the test samples by eps against the network (the fast gradient sign), and tells the\n"
        "accuracy that is left.",
        list,
        sizeof list / sizeof *list,
    };
    int rest;
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, &rest);
    if (parsed == NT_PARSED && !nt_weights_given(context, "adversarial", o->weights))
        return NT_PARSED_WRONG;
    if (parsed == NT_PARSED && !nt_format_is_json(o->format, &o->json))
        return NT_PARSED_WRONG;
    return parsed;
}

/* The list after --eps, behind 0. */
static bool read_eps(attack *a, const char *text)
{
    a->n = 1;
    for (const char *p = text; *p;) {
        char *end;
        double eps = strtod(p, &end);
        if (end == p || !(eps > 0) || !isfinite(eps) || (*end && *end != ',') || a->n == MOST_EPS) {
            fprintf(stderr, "error: --eps %s: up to %d numbers above 0 are wanted, with commas between them\n", text, MOST_EPS - 1);
            return false;
        }
        a->outcomes[a->n++].eps = eps;
        p = *end ? end + 1 : end;
    }
    return true;
}

/* -- The attack -------------------------------------------------------------------------------------------------- */

/* Lays a batch into the network's input, through the matrix if there is one. */
static void feed(attack *a, const float *values, int n)
{
    nt_engine *engine = &a->trial->engine;
    if (a->mixed)
        nt_whiten_apply(a->trial->data.normalizer.packed, (int)a->size, values, n, engine->input);
    else
        memcpy(engine->input, values, (size_t)n * a->size * sizeof *values);
}

/* Of the gradient to a sample's values before the matrix, y = M z: dL/dz = M' dL/dy. Otherwise the gradient itself. */
static void sample_gradient(const attack *a, const float *from, float *to)
{
    const float *matrix = a->trial->data.normalizer.matrix;
    if (!a->mixed) {
        memcpy(to, from, a->size * sizeof *to);
        return;
    }
    memset(to, 0, a->size * sizeof *to);
    for (size_t row = 0; row < a->size; row++)
        for (size_t k = 0; k < a->size; k++)
            to[k] += matrix[row * a->size + k] * from[row];
}

/* The signs of the gradient of each sample's loss, from the arena. False without memory. */
static bool find_signs(attack *a, int n)
{
    const nt_engine *engine = &a->trial->engine;
    const nt_model *model = engine->model;
    const real *base = engine->pass.arena + model->input_grad * (size_t)n;
    bool good = true;
#pragma omp parallel for schedule(static) num_threads(engine->threads) reduction(&& : good)
    for (int i = 0; i < n; i++) {
        float *dense = malloc(2 * a->size * sizeof *dense), *gradient = dense + a->size;
        if (!dense) {
            good = false;
            continue;
        }
        float *to = dense;
        for (int y = 0; y < model->input_h; y++)
            for (int x = 0; x < model->input_w; x++)
                for (int c = 0; c < model->input_c; c++)
                    *to++ = (float)base[(ptrdiff_t)i * model->input_grad_stride_sample +
                                        (ptrdiff_t)y * model->input_grad_stride_row +
                                        (ptrdiff_t)x * model->input_grad_stride_pixel + c];
        sample_gradient(a, dense, gradient);
        for (size_t k = 0; k < a->size; k++)
            a->sign[(size_t)i * a->size + k] = (int8_t)((gradient[k] > 0) - (gradient[k] < 0));
        free(dense);
    }
    return good;
}

/* A normalised value is raw * factor + shift. */
static void change(attack *a, int n, double eps)
{
    const nt_normalizer *z = &a->trial->data.normalizer;
    bool pictures = a->trial->data.test_part.bytes != NULL;
    for (size_t i = 0; i < (size_t)n * a->size; i++) {
        size_t at = i % a->size % (size_t)z->period;
        float factor = z->factor[at], black = z->shift[at], white = factor + black;
        float value = a->clean[i] + (float)eps * fabsf(factor) * (float)a->sign[i];
        a->changed[i] = pictures ? fminf(fmaxf(value, fminf(black, white)), fmaxf(black, white)) : value;
    }
}

/* What the network says of sample i: the class, and in values all probabilities. */
static int judge(attack *a, int i)
{
    const nt_engine *engine = &a->trial->engine;
    const nt_head *head = &engine->model->heads[0];
    int best = 0;
    nt_head_values(engine, head, head->infer_offset, i, a->values);
    if (head->output != NT_OUTPUT_SOFTMAX)
        nt_softmax(a->values, engine->outputs);
    for (int k = 1; k < engine->outputs; k++)
        best = a->values[k] > a->values[best] ? k : best;
    return best;
}

static float *as_read(const attack *a, const float *values)
{
    const nt_normalizer *z = &a->trial->data.normalizer;
    float *raw = malloc(a->size * sizeof *raw);
    for (size_t k = 0; raw && k < a->size; k++)
        raw[k] = (values[k] - z->shift[k % (size_t)z->period]) / z->factor[k % (size_t)z->period];
    return raw;
}

static bool keep_example(attack *a, outcome *at, int i, int wrong)
{
    size_t first = (size_t)i * a->size;
    at->examples[at->n_examples++] = (example){
        .clean = as_read(a, a->clean + first),
        .changed = as_read(a, a->changed + first),
        .right = a->trial->engine.labels[i],
        .wrong = wrong,
        .was = a->certain[i],
        .is = a->values[wrong],
    };
    return at->examples[at->n_examples - 1].clean && at->examples[at->n_examples - 1].changed;
}

static bool try_eps(attack *a, int n, outcome *at)
{
    nt_engine *engine = &a->trial->engine;
    bool clean = at == a->outcomes, good = true;
    if (!clean)
        change(a, n, at->eps);
    feed(a, clean ? a->clean : a->changed, n);
#pragma omp parallel num_threads(engine->threads)
    engine->model->infer(&engine->pass);
    for (int i = 0; i < n && good; i++) {
        int said = judge(a, i), right = engine->labels[i];
        at->correct += said == right;
        at->probability += a->values[right];
        if (clean) {
            a->predicted[i] = said;
            a->certain[i] = a->values[said];
        } else if (a->o->picture && said != right && a->predicted[i] == right && at->n_examples < EXAMPLES) {
            good = keep_example(a, at, i, said);
        }
    }
    return good;
}

/* The batch that is in the engine's buffers. */
static bool attack_batch(attack *a, int n)
{
    nt_engine *engine = &a->trial->engine;
    memcpy(a->clean, engine->input, (size_t)n * a->size * sizeof *a->clean);
    feed(a, a->clean, n);
#pragma omp parallel num_threads(engine->threads)
    engine->model->gradient(&engine->pass);
    bool good = find_signs(a, n);
    for (int i = 0; i < a->n && good; i++)
        good = try_eps(a, n, &a->outcomes[i]);
    return good;
}

static bool run(attack *a, nt_error *error)
{
    nt_trial *trial = a->trial;
    nt_engine *engine = &trial->engine;
    int batch = engine->batch < engine->infer_batch ? engine->batch : engine->infer_batch;
    size_t room = (size_t)batch;
    nt_epoch epoch;
    a->samples = a->o->samples > 0 && a->o->samples < trial->data.test.count ? a->o->samples : trial->data.test.count;
    a->size = (size_t)engine->model->input_h * (size_t)engine->model->input_w * (size_t)engine->model->input_c;
    a->clean = malloc(room * a->size * sizeof *a->clean);
    a->changed = malloc(room * a->size * sizeof *a->changed);
    a->sign = malloc(room * a->size);
    a->values = malloc((size_t)engine->outputs * sizeof *a->values);
    a->predicted = malloc(room * sizeof *a->predicted);
    a->certain = malloc(room * sizeof *a->certain);
    if (!a->clean || !a->changed || !a->sign || !a->values || !a->predicted || !a->certain)
        return nt_fail_memory(error, "the changed samples", (double)room * (double)a->size * 9);

    /* samples are loaded without the matrix, as it is between eps and the network */
    float *matrix = trial->data.normalizer.matrix;
    a->mixed = matrix != NULL;
    bool good = nt_epoch_begin(&epoch, &trial->data, &trial->data.test, false, 0, 0, error), begun = good;
    engine->pass.random = 0;
    for (int64_t first = 0; first < a->samples && good; first += batch) {
        int n = a->samples - first < batch ? (int)(a->samples - first) : batch;
        trial->data.normalizer.matrix = NULL;
        nt_trial_batch(engine, &epoch, first, n);
        trial->data.normalizer.matrix = matrix;
        good = attack_batch(a, n) || nt_fail_memory(error, "the changed samples", (double)a->size * 9);
    }
    trial->data.normalizer.matrix = matrix;
    if (begun)
        nt_epoch_end(&epoch);
    return good;
}

/* -- Printing ---------------------------------------------------------------------------------------------------- */

static void print_text(const attack *a)
{
    char number[32];
    printf("%s, %s test samples, each value moved by eps against the network\n\n", a->trial->model->name,
           nt_format_count(number, a->samples));
    printf("  %8s  %9s  %s\n", "eps", "accuracy", "probability of the right class");
    for (int i = 0; i < a->n; i++)
        printf("  %8.4g  %8.2f%%  %8.1f%%\n", a->outcomes[i].eps, 100.0 * (double)a->outcomes[i].correct / (double)a->samples,
               100 * a->outcomes[i].probability / (double)a->samples);
}

static void print_json(const attack *a)
{
    printf("{\"network\":\"%s\",\"samples\":%lld,\"results\":[\n", a->trial->model->name, (long long)a->samples);
    for (int i = 0; i < a->n; i++)
        printf("{\"eps\":%.9g,\"accuracy\":%.9g,\"probability\":%.9g}%s", a->outcomes[i].eps,
               (double)a->outcomes[i].correct / (double)a->samples, a->outcomes[i].probability / (double)a->samples,
               i + 1 < a->n ? ",\n" : "");
    printf("]}\n");
}

/* -- The picture ------------------------------------------------------------------------------------------------- */

static void draw_curve(const attack *a, nt_page *page)
{
    double eps[MOST_EPS], accuracy[MOST_EPS];
    for (int i = 0; i < a->n; i++) {
        eps[i] = a->outcomes[i].eps;
        accuracy[i] = 100.0 * (double)a->outcomes[i].correct / (double)a->samples;
    }
    const nt_series series = {.name = "accuracy", .x = eps, .y = accuracy, .n = a->n};
    nt_plot_lines(page, &(nt_chart){.caption = "Accuracy that is left, in percent",
                                    .x_title = "eps",
                                    .y_title = "accuracy, %",
                                    .series = &series,
                                    .n_series = 1,
                                    .from_zero = true});
}

/* The picture as it is, what was added, and what became of it. */
static bool draw_example(const attack *a, nt_page *page, const outcome *at, const example *e)
{
    const nt_model *model = a->trial->model;
    char name[32], was[96], added[48], is[96];
    float *difference = malloc(a->size * sizeof *difference);
    uint8_t *bytes = malloc(3 * a->size);
    bool good = difference && bytes;
    if (good) {
        for (size_t k = 0; k < a->size; k++)
            difference[k] = e->changed[k] - e->clean[k];
        nt_image_bytes(e->clean, a->size, 0, 1, bytes);
        nt_image_bytes(difference, a->size, -at->eps, at->eps, bytes + a->size);
        nt_image_bytes(e->changed, a->size, 0, 1, bytes + 2 * a->size);
        snprintf(was, sizeof was, "%s\n%.1f%%", nt_class_name(&a->trial->data, &a->trial->weights, e->right, name), 100 * e->was);
        snprintf(added, sizeof added, "%g times\nthe sign", at->eps);
        snprintf(is, sizeof is, "%s\n%.1f%%", nt_class_name(&a->trial->data, &a->trial->weights, e->wrong, name), 100 * e->is);
        const char *labels[] = {was, added, is};
        nt_image images[3];
        for (int i = 0; i < 3; i++)
            images[i] = (nt_image){bytes + (size_t)i * a->size, model->input_h, model->input_w, model->input_c, labels[i]};
        nt_plot_images(page, NULL, images, 3, 120);
    }
    free(difference);
    free(bytes);
    return good;
}

static bool draw(const attack *a, nt_error *error)
{
    nt_page page;
    bool good = true, pictures = a->trial->model->input_h * a->trial->model->input_w > 1 &&
                                 (a->trial->model->input_c == 1 || a->trial->model->input_c == 3);
    nt_page_begin(&page, a->trial->model->name);
    nt_page_section(&page, "Adversarial examples");
    nt_page_paragraph(&page, "Every value is moved by eps in the direction in which the loss of the right class grows: "
                             "the fast gradient sign of Goodfellow, Shlens and Szegedy (2015).");
    draw_curve(a, &page);
    for (int i = 1; i < a->n && pictures && good; i++) {
        char title[64];
        snprintf(title, sizeof title, "eps = %g", a->outcomes[i].eps);
        if (a->outcomes[i].n_examples > 0)
            nt_page_section(&page, title);
        for (int k = 0; k < a->outcomes[i].n_examples && good; k++)
            good = draw_example(a, &page, &a->outcomes[i], &a->outcomes[i].examples[k]);
    }
    if (good)
        return nt_page_save(&page, a->o->picture, error);
    nt_page_free(&page);
    return nt_fail_memory(error, "the pictures", (double)a->size * 7);
}

static void free_attack(attack *a)
{
    for (int i = 0; i < a->n; i++)
        for (int k = 0; k < a->outcomes[i].n_examples; k++) {
            free(a->outcomes[i].examples[k].clean);
            free(a->outcomes[i].examples[k].changed);
        }
    free(a->clean);
    free(a->changed);
    free(a->sign);
    free(a->values);
    free(a->predicted);
    free(a->certain);
}

static bool is_possible(const nt_model *model, const nt_data *data, nt_error *error)
{
    if (!nt_model_classifies(model) || model->heads[0].h * model->heads[0].w != 1)
        return nt_fail(error, "adversarial is about classes: %s has no loss of classes", model->name);
    if (model->input_grad == SIZE_MAX)
        return nt_fail(error, "there is no gradient of the input: what it would go through is frozen; leave out freeze, which "
                              "the weights do not depend on");
    return data->test_part.labels || nt_fail(error, "the test part has no class labels, whose loss is to grow");
}

int nt_cmd_adversarial(const nt_context *context, int argc, char **argv)
{
    options o = {.format = "text", .eps = "0.01,0.02,0.05,0.1,0.2,0.3"};
    nt_parsed parsed = parse(context, &o, argc, argv);
    attack a = {.o = &o};
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;
    if (!read_eps(&a, o.eps))
        return NT_USAGE;

    nt_error error = {0};
    nt_trial trial;
    nt_trial_request request = {
        .weights = o.weights,
        .data = o.data,
        .batch = o.batch,
        .threads = o.threads,
        .parts = NT_PART_TEST,
        .purpose = NT_FOR_GRADIENT,
        .seed = context->model->train_config->seed,
    };
    int status = nt_trial_begin(&trial, context->model, &request, &error);
    if (status != NT_OK)
        return nt_report(&error, status);
    a.trial = &trial;
    if (!is_possible(context->model, &trial.data, &error) || !run(&a, &error)) {
        status = nt_report(&error, NT_FAILED);
    } else {
        if (o.json)
            print_json(&a);
        else
            print_text(&a);
        if (o.picture && !draw(&a, &error))
            status = nt_report(&error, NT_ENVIRONMENT);
    }
    free_attack(&a);
    nt_trial_end(&trial);
    return status;
}
