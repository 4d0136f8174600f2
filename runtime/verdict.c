#include "verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "committee.h"

void nt_verdict_probabilities(const nt_engine *engine, int sample, double *values)
{
    const nt_head *head = &engine->model->heads[0];
    nt_head_values(engine, head, head->infer_offset, sample, values);
    if (head->c > 1 && head->output != NT_OUTPUT_SOFTMAX) {
        nt_softmax(values, head->c);
    } else if (head->c == 1) {
        double one = head->output == NT_OUTPUT_SIGMOID ? values[0] : 1 / (1 + exp(-values[0]));
        values[0] = 1 - one;
        values[1] = one;
    }
}

/* The place of a new mistake among the worst; NT_MOST_MISTAKES: none. */
static int place_of(const nt_verdict *v, double weight)
{
    int place = v->n_worst;
    while (place > 0 && v->worst[place - 1].weight < weight)
        place--;
    return place;
}

static void copy(float *to, const double *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float)from[i];
}

/* Puts a mistake in its place; `answer`, or NULL, is what the network gave. */
static void keep(nt_verdict *v, nt_mistake mistake, const double *answer)
{
    int place = place_of(v, mistake.weight);
    if (place == NT_MOST_MISTAKES)
        return;
    v->n_worst += v->n_worst < NT_MOST_MISTAKES;
    size_t later = (size_t)(v->n_worst - 1 - place), n = (size_t)v->outputs;
    memmove(&v->worst[place + 1], &v->worst[place], later * sizeof *v->worst);
    v->worst[place] = mistake;
    if (!v->worst_answers || place >= NT_FEW_SHOWN)
        return;
    float *to = v->worst_answers + (size_t)place * n;
    memmove(to + n, to, (size_t)(NT_FEW_SHOWN - 1 - place) * n * sizeof *to);
    copy(to, answer, n);
}

/* Samples whose answers are kept, if there are as many. */
static int most_shown(const nt_verdict *v)
{
    return v->outputs <= NT_FEW_VALUES ? NT_MANY_SHOWN : NT_FEW_SHOWN;
}

static void judge(nt_verdict *v, const nt_engine *engine, int i, int64_t sample, double *values)
{
    if (!v->classes) {
        nt_answer(engine, i, values);
        keep(v, (nt_mistake){.sample = sample, .weight = engine->sample_loss[i]}, values);
        if (v->shown_answers && v->n_shown < most_shown(v) && sample >= v->split->count * v->n_shown / most_shown(v)) {
            copy(v->shown_answers + (size_t)v->n_shown * (size_t)v->outputs, values, (size_t)v->outputs);
            v->shown[v->n_shown++] = sample;
        }
        return;
    }
    int guess = 0, truth = engine->labels[i];
    nt_verdict_probabilities(engine, i, values);
    for (int k = 1; k < v->n_classes; k++)
        guess = values[k] > values[guess] ? k : guess;
    if (v->counts)
        v->counts[(size_t)truth * (size_t)v->n_classes + (size_t)guess]++;
    if (guess != truth)
        keep(v, (nt_mistake){sample, truth, guess, values[guess]}, NULL);
    if (v->rejection.judged) {
        nt_answer(engine, i, values);
        v->rejection.judged[sample] = (nt_judged){nt_confidence(values, v->outputs, NT_REJECT_MARGIN), guess == truth};
    }
}

static bool begin(nt_verdict *v)
{
    size_t n = (size_t)v->n_classes, values = (size_t)v->outputs;
    if (v->classes) {
        v->counts = n <= NT_MOST_CONFUSED ? calloc(n * n, sizeof *v->counts) : NULL;
        if (values > 1)
            v->rejection.judged = calloc((size_t)v->split->count, sizeof *v->rejection.judged);
        return (v->counts || n > NT_MOST_CONFUSED) && (v->rejection.judged || values == 1);
    }
    if (values > NT_MOST_VALUES)
        return true;
    v->worst_answers = calloc(NT_FEW_SHOWN * values, sizeof *v->worst_answers);
    v->shown_answers = calloc((size_t)most_shown(v) * values, sizeof *v->shown_answers);
    return v->worst_answers && v->shown_answers;
}

bool nt_verdict_make(nt_verdict *v, nt_engine *engine, const nt_data *data, const nt_split *split,
                     volatile const sig_atomic_t *stop, nt_error *error)
{
    nt_epoch epoch;
    *v = (nt_verdict){
        .split = split,
        .outputs = engine->outputs,
        .classes = engine->classes,
        .n_classes = engine->outputs > 1 ? engine->outputs : 2,
    };
    bool finished = true;
    double *values = calloc((size_t)v->n_classes, sizeof *values);
    bool good =
        (values && begin(v)) || nt_fail_memory(error, "what is known of each class", 8.0 * v->n_classes * v->n_classes);
    bool begun = good && nt_epoch_begin(&epoch, data, split, false, 0, 0, error);
    for (int64_t first = 0; begun && first < split->count && finished; first += engine->infer_batch) {
        int64_t left = split->count - first;
        int n = left < engine->infer_batch ? (int)left : engine->infer_batch;
        nt_engine_infer_batch(engine, &epoch, first, n, &v->score);
        for (int i = 0; i < n; i++)
            judge(v, engine, i, first + i, values);
        finished = !stop || !*stop;
    }
    if (begun)
        nt_epoch_end(&epoch);
    free(values);
    bool whole = begun && finished &&
                 (!v->rejection.judged || nt_rejection_init(&v->rejection, v->rejection.judged, split->count, error));
    if (!whole)
        nt_verdict_free(v);
    return whole;
}

void nt_verdict_free(nt_verdict *v)
{
    free(v->counts);
    nt_rejection_free(&v->rejection);
    free(v->worst_answers);
    free(v->shown_answers);
    *v = (nt_verdict){0};
}
