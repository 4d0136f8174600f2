/* masks.c - the emitted gradients of a step with its random masks on, against differences of the same step's loss: the backward pass
 * must make the very masks of the forward pass again. Compiled in double precision with the emitted model (see masks.sh). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/laps.h"
#include "runtime/model.h"
#include "runtime/params.h"
#include "runtime/rng.h"

extern const nt_model masks_double_model;
static const nt_model *const model = &masks_double_model;

enum { SAMPLES = 4 };

/* Passes take time for the bench command alone. */
void nt_lap_end(nt_laps *laps, int step)
{
    (void)laps;
    (void)step;
}

static double loss_of(nt_pass *pass)
{
    double sum = 0;
#pragma omp parallel num_threads(2)
    model->loss(pass);
    for (int i = 0; i < SAMPLES; i++)
        sum += pass->loss_sample[i];
    return sum / SAMPLES;
}

/* The whole of one parameter along a random direction, and some of its elements. */
static double worst_error(nt_pass *pass, const real *grads, const nt_param *p, uint64_t key)
{
    const double step = 1e-5;
    const size_t count = nt_param_count(p);
    double worst = 0;
    for (size_t turn = 0; turn <= 12; turn++) {
        const size_t one = (size_t)nt_random_below(key, turn, count);
        double want = 0, losses[2];
        for (int side = 0; side < 2; side++) {
            for (size_t k = turn ? one : 0; k < (turn ? one + 1 : count); k++) {
                const double by = turn ? 1 : nt_random_normal(key, 100 + k);
                pass->params[p->offset + nt_param_index(p, k)] += (side ? -2 : 1) * step * by;
                want += side ? 0 : by * grads[p->offset + nt_param_index(p, k)];
            }
            losses[side] = loss_of(pass);
        }
        for (size_t k = turn ? one : 0; k < (turn ? one + 1 : count); k++)
            pass->params[p->offset + nt_param_index(p, k)] += step * (turn ? 1 : nt_random_normal(key, 100 + k));
        const double error = fabs((losses[0] - losses[1]) / (2 * step) - want);
        worst = fmax(worst, error / fmax(fabs(want), 1e-4));
    }
    return worst;
}

int main(void)
{
    nt_memory memory;
    nt_error error = {0};
    if (!nt_memory_init(&memory, model, SAMPLES, NT_FOR_GRADIENT, &error)) {
        puts(error.text);
        return 1;
    }
    const size_t inputs = (size_t)SAMPLES * (size_t)(model->input_h * model->input_w * model->input_c);
    real *input = calloc(inputs, sizeof *input), *grads = calloc(model->params_elements, sizeof *grads);
    if (!input || !grads)
        return 1;
    for (size_t i = 0; i < inputs; i++)
        input[i] = nt_random_normal(1, i);
    for (int i = 0; i < model->n_params; i++)
        for (size_t k = 0; k < nt_param_count(&model->params[i]); k++)
            memory.params[model->params[i].offset + nt_param_index(&model->params[i], k)] = 0.3 * nt_random_normal(2 + (uint64_t)i, k);
    const int32_t labels[SAMPLES] = {0, 1, 2, 3};
    real losses[SAMPLES];
    nt_pass pass = {.n = SAMPLES, .params = memory.params, .grads = memory.grads, .arena = memory.arena, .input = input,
                    .labels = labels, .loss_sample = losses, .random = 1, .seed = 9, .step = 5};
    int failed = 0;
#pragma omp parallel num_threads(2)
    model->train(&pass);
    for (size_t i = 0; i < model->trainable_elements; i++)
        grads[i] = memory.grads[i];
    for (int i = 0; i < model->n_params; i++) {
        const double worst = worst_error(&pass, grads, &model->params[i], 50 + (uint64_t)i);
        printf("%-12s %.1e\n", model->params[i].name, worst);
        failed |= !(worst < 1e-6);
    }
    /* Masks are drawn anew for each step and seed, and are not there in passes without randomness. */
    double seen[4];
    for (int i = 0; i < 4; i++) {
        pass.step = i == 1 ? 6 : 5, pass.seed = i == 2 ? 8 : 9, pass.random = i != 3;
        seen[i] = loss_of(&pass);
        for (int k = 0; k < i; k++)
            failed |= !(fabs(seen[i] - seen[k]) > 1e-6);
    }
    pass.step = pass.seed = 77;
    failed |= loss_of(&pass) != seen[3];
    puts(failed ? "FAIL" : "gradients agree with differences under the same masks");
    nt_memory_free(&memory);
    free(input);
    free(grads);
    return failed;
}
