#include "data.h"

#include "data_source.h"
#include "rng.h"
#include "road.h"
#include "whiten.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

/* ---------------------------------------------------------------------------------------------------------- loading */

static bool load_source(const nt_data_request *q, const char *path, nt_loaded *out, nt_error *err)
{
    nt_source_kind kind = q->config->source;
    if (kind == NT_SOURCE_NONE)
        return nt_fail(err, "the model has no data section: add one, such as data { source = idx(\"FOLDER\") }");
    if (kind != NT_SOURCE_SPIRAL && kind != NT_SOURCE_ROAD && !path)
        return nt_fail(err, "the data source has no path: give one with --data");
    switch (kind) {
    case NT_SOURCE_IDX:
        return nt_load_idx(q, path, out, err);
    case NT_SOURCE_CSV:
        return nt_load_csv(q, path, out, err);
    case NT_SOURCE_IMAGES:
        return nt_load_images(q, path, out, err);
    case NT_SOURCE_NPY:
        return nt_load_npy(q, path, out, err);
    case NT_SOURCE_CIFAR:
        return nt_load_cifar(q, path, out, err);
    case NT_SOURCE_SPIRAL:
        return nt_load_spiral(q, out, err);
    case NT_SOURCE_ROAD:
        return nt_load_road(q, out, err);
    case NT_SOURCE_NONE:
        break;
    }
    return nt_fail(err, "data source number %d is not known to this trainer", (int)kind);
}

/* Names for people: the data section's, or else the source's. */
static bool name_classes(const nt_data_request *q, nt_loaded *loaded, nt_data *out, nt_error *err)
{
    const nt_data_config *config = q->config;
    out->class_names = loaded->names;
    loaded->names = NULL;
    if (!config->classes)
        return true;
    if (!out->class_names) {
        out->class_names = calloc((size_t)q->outputs, sizeof *out->class_names);
        if (!out->class_names)
            return nt_fail_memory(err, "class names", (double)q->outputs * sizeof *out->class_names);
    }
    for (int i = 0; i < q->outputs; i++) {
        free(out->class_names[i]);
        out->class_names[i] = nt_copy_text(config->classes[i], SIZE_MAX);
        if (!out->class_names[i])
            return nt_fail_memory(err, "class names", (double)strlen(config->classes[i]));
    }
    return true;
}

static int compare_places(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* How many of the training part's samples are held out, and where they begin in the permutation of all. */
static bool count_validation(const nt_data_request *q, int64_t all, int64_t *first, int64_t *held, nt_error *err)
{
    const nt_data_config *config = q->config;
    enum { AUTO_MOST = 10000 };
    *first = 0;
    *held = config->validation_count;
    if (config->folds > 0) {
        if (config->folds > all)
            return nt_fail(err, "validation = k_fold(%d) of %lld training samples: a fold needs at least one",
                           config->folds, (long long)all);
        *first = all * q->fold / config->folds;
        *held = all * (q->fold + 1) / config->folds - *first;
    } else if (config->validation_auto) {
        *held = all / 10 < AUTO_MOST ? (all + 5) / 10 : AUTO_MOST;
    } else if (*held == 0 && config->validation_share > 0) {
        double share = floor((double)all * config->validation_share + 0.5);
        *held = share < (double)all ? (int64_t)share : all;
        if (*held == 0)
            return nt_fail(err, "validation = %g%% of %lld training samples is none: ask for more, or for a count",
                           config->validation_share * 100, (long long)all);
    }
    return true;
}

/* Takes validation samples out of the training part at random, and leaves both in their stored order. */
static bool split_validation(const nt_data_request *q, nt_data *d, nt_error *err)
{
    int64_t all = d->train_part.count, first, held;
    d->train = (nt_split){.count = all, .part = d->train_part};
    d->validation = (nt_split){.part = d->train_part};
    if (!count_validation(q, all, &first, &held, err))
        return false;
    if (held == 0)
        return true;
    if (held < 0 || held >= all)
        return nt_fail(err, "validation takes %lld of %lld training samples: at least one must be left to train on",
                       (long long)held, (long long)all);
    d->split_index = nt_allocate(all, sizeof *d->split_index, "the validation split", err);
    if (!d->split_index)
        return false;
    nt_random_permutation(nt_key(q->seed, NT_KEY_VALIDATION), d->split_index, all);
    for (int64_t i = 0; i < held && first > 0; i++) { /* what is held out to the front */
        int64_t other = d->split_index[i];
        d->split_index[i] = d->split_index[first + i];
        d->split_index[first + i] = other;
    }
    qsort(d->split_index, (size_t)held, sizeof *d->split_index, compare_places);
    qsort(d->split_index + held, (size_t)(all - held), sizeof *d->split_index, compare_places);
    d->validation.index = d->split_index;
    d->validation.count = held;
    d->train.index = d->split_index + held;
    d->train.count = all - held;
    return true;
}

/* What can be said before any file is opened. */
static bool check_request(const nt_data_request *q, nt_error *err)
{
    int64_t pixels = (int64_t)q->h * q->w;
    if (q->h < 1 || q->w < 1 || q->c < 1 || pixels > INT32_MAX / q->c)
        return nt_fail(err, "the network's input %dx%dx%d is not a size that data can have", q->h, q->w, q->c);
    if (q->outputs < 1)
        return nt_fail(err, "the network has %d outputs", q->outputs);
    if (q->config->classes && q->config->n_classes != q->outputs)
        return nt_fail(err, "classes = [...] has %d names, the network has %d outputs: one name for each is needed",
                       q->config->n_classes, q->outputs);
    return true;
}

/* Draws the training samples for a member of a committee, and gets ready to keep what a run finds out about them. */
static bool prepare_training(const nt_data_request *q, nt_data *d, nt_error *err)
{
    if (q->bootstrap > 0) {
        d->drawn = nt_allocate(d->train.count, sizeof *d->drawn, "a bootstrap sample", err);
        if (!d->drawn)
            return false;
        nt_sampling_bootstrap(d->train.index, d->train.count,
                              nt_key(nt_key(q->seed, NT_KEY_BOOTSTRAP), (uint64_t)q->bootstrap), d->drawn);
        d->train.index = d->drawn;
    }
    if (d->replace > d->train.count)
        return nt_fail(err, "road(replace=%d): there are %lld pictures to train on without those held out for validation",
                       d->replace, (long long)d->train.count);
    return !(d->hard > 0 || d->replace > 0) || nt_recall_init(&d->recall, d->train.count, err);
}

static bool begin_data(const nt_data_request *q, nt_data *out, nt_error *err)
{
    *out = (nt_data){.h = q->h,
                     .w = q->w,
                     .c = q->c,
                     .outputs = q->outputs,
                     .hard = q->config->hard_examples,
                     .replace = q->config->source == NT_SOURCE_ROAD ? q->config->road_replace : 0};
    const nt_data_config *config = q->config;
    return check_request(q, err) &&
           nt_augmenter_init(&out->augmenter, config->augment, config->n_augment, q->h, q->w, q->c, err) &&
           nt_normalizer_init(&out->normalizer, config, q->h, q->w, q->c, err);
}

/* What both parts are compared with must be of one kind, and targets such as the losses take. */
static bool check_answers(const nt_data_request *q, const nt_loaded *loaded, nt_error *err)
{
    const nt_part *parts[2] = {&loaded->train, &loaded->test};
    if (parts[0]->count > 0 && parts[1]->count > 0 && !parts[0]->targets != !parts[1]->targets)
        return nt_fail(err, "the training part has %s and the test part has %s: both need the same",
                       parts[0]->targets ? "values to predict" : "class labels",
                       parts[1]->targets ? "values to predict" : "class labels");
    for (int i = 0; i < 2 && q->least_target < q->most_target; i++)
        for (int64_t k = 0; parts[i]->targets && k < parts[i]->count * q->outputs; k++)
            if (!(parts[i]->targets[k] >= q->least_target && parts[i]->targets[k] <= q->most_target))
                return nt_fail(err, "%s sample %lld has the target %g: %s", i == 0 ? "training" : "test",
                               (long long)(k / q->outputs), (double)parts[i]->targets[k],
                               q->most_target == 1
                                   ? "binary_cross_entropy takes values from 0 to 1; scale them, or write loss = mse"
                                   : "cross_entropy takes shares of the classes, from 0 on; write loss = mse");
    return true;
}

/* Takes over what a loader gave. */
static bool finish_data(const nt_data_request *q, nt_loaded *loaded, nt_data *out, nt_error *err)
{
    if (!check_answers(q, loaded, err))
        return false;
    memcpy(out->note, loaded->note, sizeof out->note);
    out->train_part = loaded->train;
    out->test_part = loaded->test;
    loaded->train = loaded->test = (nt_part){0};
    out->test = (nt_split){.count = out->test_part.count, .part = out->test_part};
    if (!name_classes(q, loaded, out, err))
        return false;
    if ((q->parts & NT_PART_TRAIN) && !split_validation(q, out, err)) /* nothing to split off the test part */
        return false;
    return out->train.count == 0 || (nt_augmenter_estimate(&out->augmenter, &out->train, err) &&
                                     nt_normalizer_estimate(&out->normalizer, &out->train, err) &&
                                     prepare_training(q, out, err));
}

static void free_loaded(nt_loaded *loaded, int n_names)
{
    nt_part_free(&loaded->train);
    nt_part_free(&loaded->test);
    for (int i = 0; loaded->names && i < n_names; i++)
        free(loaded->names[i]);
    free(loaded->names);
}

bool nt_data_load(const nt_data_request *q, nt_data *out, nt_error *err)
{
    const char *path = q->path ? q->path : q->config->path;
    nt_loaded loaded = {0};
    bool ok = begin_data(q, out, err) && load_source(q, path, &loaded, err) && finish_data(q, &loaded, out, err);
    free_loaded(&loaded, q->outputs);
    if (!ok)
        nt_data_free(out);
    return ok;
}

bool nt_data_load_inputs(const nt_data_request *q, const char *path, nt_data *out, nt_error *err)
{
    const char *dot = strrchr(path, '.');
    nt_loaded loaded = {0};
    bool ok = begin_data(q, out, err);
    if (ok && dot && strcmp(dot, ".npy") == 0)
        ok = nt_inputs_npy(q, path, &loaded.test, err);
    else if (ok && dot && strcmp(dot, ".csv") == 0)
        ok = nt_inputs_csv(q, path, &loaded.test, err);
    else if (ok)
        ok = nt_inputs_image(q, path, &loaded.test, err);
    nt_data_request test_only = *q;
    test_only.parts = NT_PART_TEST;
    nt_data_config no_split = *q->config;
    no_split.validation_count = 0;
    no_split.validation_share = 0;
    no_split.validation_auto = no_split.folds = 0;
    test_only.config = &no_split;
    ok = ok && finish_data(&test_only, &loaded, out, err);
    free_loaded(&loaded, q->outputs);
    if (!ok)
        nt_data_free(out);
    return ok;
}

void nt_data_free(nt_data *d)
{
    for (int i = 0; d->class_names && i < d->outputs; i++)
        free(d->class_names[i]);
    free(d->class_names);
    free(d->split_index);
    free(d->drawn);
    nt_recall_free(&d->recall);
    nt_part_free(&d->train_part);
    nt_part_free(&d->test_part);
    nt_augmenter_free(&d->augmenter);
    nt_normalizer_free(&d->normalizer);
    *d = (nt_data){0};
}

/* ---------------------------------------------------------------------------------------------------------- batches */

/* Samples that are whitened together: the matrix is read once for all of them. */
enum { TOGETHER = 8 };

/* Memory for the threads that may come. */
static bool begin_work(nt_epoch *e, nt_error *err)
{
    enum { LINE = 16 }; /* floats in a line of the caches: threads share none */
    const nt_data *d = e->data;
    size_t size = (size_t)d->h * (size_t)d->w * (size_t)d->c;
    size_t floats = (e->augment ? d->augmenter.scratch : 0) + (d->normalizer.matrix ? TOGETHER * size : 0);
    e->workers = INT_MAX;
    if (floats == 0)
        return true;
    e->workers = 1;
#ifdef _OPENMP
    e->workers = omp_get_max_threads();
#endif
    e->scratch_each = (floats + LINE - 1) / LINE * LINE;
    e->scratch = nt_allocate(e->workers, e->scratch_each * sizeof(float), "making batches", err);
    return e->scratch != NULL;
}

bool nt_epoch_begin(nt_epoch *e, const nt_data *data, const nt_split *split, bool training, uint64_t seed,
                    uint64_t number, nt_error *err)
{
    *e = (nt_epoch){.data = data, .split = split, .augment = training && data->augmenter.n > 0};
    if (!data->normalizer.ready)
        return nt_fail(
            err,
            "the normalization's constants are not known: give weights that this trainer wrote, which hold them, or a "
            "training part to estimate them from");
    if (!begin_work(e, err))
        return false;
    if (!training)
        return true;
    e->augment_key = nt_key(nt_key(seed, NT_KEY_AUGMENT), number);
    e->order = nt_allocate(split->count, sizeof *e->order, "the order of the samples", err);
    uint64_t key = nt_key(nt_key(seed, NT_KEY_SHUFFLE), number);
    if (e->order && nt_sampling_order(&data->recall, data->hard, key, e->order, split->count, err))
        return true;
    nt_epoch_end(e);
    return false;
}

void nt_epoch_end(nt_epoch *e)
{
    free(e->order);
    free(e->scratch);
    *e = (nt_epoch){0};
}

/* y = x * factor + shift over n values: the loops that the time goes into. */
static void apply_bytes(float *restrict y, const uint8_t *restrict x, const float *restrict factor,
                        const float *restrict shift, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)x[i] * factor[i] + shift[i];
}

static void apply_floats(float *restrict y, const float *restrict x, const float *restrict factor,
                         const float *restrict shift, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * factor[i] + shift[i];
}

static void scale_in_place(float *restrict y, const float *restrict factor, const float *restrict shift, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = y[i] * factor[i] + shift[i];
}

/* The same for a row of pixels of c channels read from right to left; x is its rightmost pixel. */
static inline void apply_bytes_mirrored(float *restrict y, const uint8_t *restrict x, const float *restrict factor,
                                        const float *restrict shift, int pixels, int c)
{
    for (int p = 0; p < pixels; p++)
        for (int k = 0; k < c; k++)
            y[p * c + k] = (float)x[k - p * c] * factor[p * c + k] + shift[p * c + k];
}

static inline void apply_floats_mirrored(float *restrict y, const float *restrict x, const float *restrict factor,
                                         const float *restrict shift, int pixels, int c)
{
    for (int p = 0; p < pixels; p++)
        for (int k = 0; k < c; k++)
            y[p * c + k] = x[k - p * c] * factor[p * c + k] + shift[p * c + k];
}

/* A sample as it is stored. */
static void write_plain(const nt_data *d, const nt_part *part, int64_t place, float *y)
{
    const nt_normalizer *z = &d->normalizer;
    int64_t size = (int64_t)d->h * d->w * d->c, at = place * size;
    for (int64_t i = 0; i < size; i += z->period) {
        if (part->bytes)
            apply_bytes(y + i, part->bytes + at + i, z->byte_factor, z->shift, z->period);
        else
            apply_floats(y + i, part->values + at + i, z->factor, z->shift, z->period);
    }
}

/* Output pixels x0..x1-1 of a row, from the source row that begins at value `at` of the part. */
static void write_span(const nt_data *d, const nt_part *part, int64_t at, const nt_placement *p, int64_t constants,
                       float *y)
{
    const nt_normalizer *z = &d->normalizer;
    int c = d->c, pixels = p->x1 - p->x0;
    int64_t from = at + (int64_t)(p->x_step * p->x0 + p->x_shift) * c, to = (int64_t)p->x0 * c;
    const float *factor = (part->bytes ? z->byte_factor : z->factor) + constants + to,
                *shift = z->shift + constants + to;
    y += to;
    if (p->x_step > 0 && part->bytes)
        apply_bytes(y, part->bytes + from, factor, shift, (int64_t)pixels * c);
    else if (p->x_step > 0)
        apply_floats(y, part->values + from, factor, shift, (int64_t)pixels * c);
    else if (!part->bytes)
        apply_floats_mirrored(y, part->values + from, factor, shift, pixels, c);
    else if (c == 1) /* constants, for which the compiler can make vectors */
        apply_bytes_mirrored(y, part->bytes + from, factor, shift, pixels, 1);
    else if (c == 3)
        apply_bytes_mirrored(y, part->bytes + from, factor, shift, pixels, 3);
    else
        apply_bytes_mirrored(y, part->bytes + from, factor, shift, pixels, c);
}

/* A sample under a placement. Empty pixels are 0 before normalization: `shift` after it. */
static void write_placed(const nt_data *d, const nt_part *part, int64_t place, const nt_placement *p, float *y)
{
    const nt_normalizer *z = &d->normalizer;
    int64_t row = (int64_t)d->w * d->c, begin = place * d->h * row;
    int64_t left = p->x0 < p->x1 ? (int64_t)p->x0 * d->c : row, right = p->x0 < p->x1 ? (int64_t)p->x1 * d->c : row;
    for (int r = 0; r < d->h; r++, y += row) {
        int64_t constants = z->period == row ? 0 : r * row;
        if (r < p->y0 || r >= p->y1) {
            memcpy(y, z->shift + constants, (size_t)row * sizeof *y);
            continue;
        }
        for (int64_t i = 0; i < left; i++)
            y[i] = z->shift[constants + i];
        if (p->x0 < p->x1)
            write_span(d, part, begin + (r + p->y_shift) * row, p, constants, y);
        for (int64_t i = right; i < row; i++)
            y[i] = z->shift[constants + i];
    }
}

/* A sample under everything that a list of augmentations may do. */
static void write_augmented(const nt_data *d, const nt_part *part, int64_t place, uint64_t key, float *scratch,
                            float *y)
{
    const nt_normalizer *z = &d->normalizer;
    int64_t size = (int64_t)d->h * d->w * d->c, at = place * size;
    if (part->bytes)
        for (int64_t i = 0; i < size; i++)
            y[i] = (float)part->bytes[at + i] * (1 / 255.f);
    else
        memcpy(y, part->values + at, (size_t)size * sizeof *y);
    nt_augment_sample(&d->augmenter, key, y, scratch);
    for (int64_t i = 0; i < size; i += z->period)
        scale_in_place(y + i, z->factor, z->shift, z->period);
}

static void write_sample(const nt_epoch *e, int64_t place, int64_t position, float *scratch, float *y)
{
    const nt_data *d = e->data;
    const nt_part *part = &e->split->part;
    uint64_t key = nt_key(e->augment_key, (uint64_t)position);
    if (!e->augment) {
        write_plain(d, part, place, y);
    } else if (d->augmenter.moves_only) {
        nt_placement p = nt_augment_draw(d->augmenter.list, d->augmenter.n, d->h, d->w, key);
        write_placed(d, part, place, &p, y);
    } else {
        write_augmented(d, part, place, key, scratch, y);
    }
}

/* Which of n samples fall to this thread of the team: a range for each, as far as there is memory to work in. */
static void take_share(const nt_epoch *e, int n, int *first, int *end, int *worker)
{
    int threads = 1;
    *worker = 0;
#ifdef _OPENMP
    threads = omp_get_num_threads();
    *worker = omp_get_thread_num();
#endif
    threads = threads < e->workers ? threads : e->workers;
    *first = *worker < threads ? (int)((int64_t)n * *worker / threads) : n;
    *end = *worker < threads ? (int)((int64_t)n * (*worker + 1) / threads) : n;
}

void nt_data_batch(const nt_epoch *e, int64_t first, int n, float *x, int32_t *labels, float *targets)
{
    const nt_data *d = e->data;
    const nt_part *part = &e->split->part;
    int64_t size = (int64_t)d->h * d->w * d->c;
    int begin, end, worker;
    take_share(e, n, &begin, &end, &worker);
    float *scratch = e->scratch ? e->scratch + (size_t)worker * e->scratch_each : NULL;
    float *mixed = d->normalizer.matrix ? scratch + (e->augment ? d->augmenter.scratch : 0) : NULL;
    for (int i = begin; i < end; i++) {
        int64_t place = e->order ? e->order[first + i] : first + i;
        if (e->split->index)
            place = e->split->index[place];
        write_sample(e, place, first + i, scratch, mixed ? mixed + (i - begin) % TOGETHER * size : x + i * size);
        if (mixed && ((i - begin) % TOGETHER == TOGETHER - 1 || i + 1 == end)) {
            int n_mixed = (i - begin) % TOGETHER + 1;
            nt_whiten_apply(d->normalizer.packed, (int)size, mixed, n_mixed, x + (i + 1 - n_mixed) * size);
        }
        if (labels && part->labels)
            labels[i] = part->labels[place];
        if (targets && part->targets)
            memcpy(targets + (int64_t)i * d->outputs, part->targets + place * d->outputs,
                   (size_t)d->outputs * sizeof *targets);
    }
#pragma omp barrier
}

/* ----------------------------------------------------------------------------------------------- from epoch to epoch */

void nt_data_note_losses(const nt_epoch *e, int64_t first, int n, const real *losses)
{
    float *last = e->data->recall.last;
    if (!last || e->split != &e->data->train)
        return;
    for (int i = 0; i < n; i++)
        last[e->order ? e->order[first + i] : first + i] = (float)losses[i];
}

/* Draws the picture that belongs in a place of the training samples. */
static void draw_picture(nt_data *d, int64_t at)
{
    int64_t place = d->train.index ? d->train.index[at] : at;
    nt_road_picture(nt_key(0, NT_KEY_ROAD_TRAIN), (int64_t)d->recall.picture[at],
                    d->train_part.values + place * NT_ROAD_HEIGHT * NT_ROAD_WIDTH,
                    d->train_part.targets + place * NT_ROAD_UNITS);
}

/* The place of the smallest loss. */
static int64_t smallest(const float *losses, int64_t n)
{
    int64_t found = 0;
    for (int64_t i = 1; i < n; i++)
        found = losses[i] < losses[found] ? i : found;
    return found;
}

/* Replaced places have an infinite loss meanwhile, so that each is chosen once. Pictures are numbered on. */
static void replace_pictures(nt_data *d, uint64_t seed, uint64_t number)
{
    nt_recall *r = &d->recall;
    uint64_t key = nt_key(nt_key(seed, NT_KEY_ROAD_BUFFER), number), draw = 0;
    for (int i = 0; i < d->replace; i++) {
        int64_t at;
        if (i < d->replace / 3) {
            do
                at = (int64_t)nt_random_below(key, draw++, (uint64_t)r->count);
            while (isinf(r->last[at]));
        } else {
            at = smallest(r->last, r->count);
        }
        r->last[at] = INFINITY;
        r->picture[at] = (float)(d->train_part.count + (int64_t)number * d->replace + i);
        draw_picture(d, at);
    }
    for (int64_t i = 0; i < r->count; i++)
        r->last[i] = isinf(r->last[i]) ? 0 : r->last[i];
}

void nt_data_next_epoch(nt_data *d, uint64_t seed, uint64_t number)
{
    nt_recall *r = &d->recall;
    if (d->replace > 0)
        replace_pictures(d, seed, number);
    if (r->count > 0)
        memcpy(r->before, r->last, (size_t)r->count * sizeof *r->last);
}

bool nt_data_recalled(nt_data *d, nt_error *err)
{
    static const float most_pictures = 0x1p24f; /* whole numbers up to here are floats */
    const nt_recall *r = &d->recall;
    for (int64_t i = 0; i < r->count; i++) {
        if (!isfinite(r->last[i]) || !isfinite(r->before[i]) || !(r->picture[i] >= 0 && r->picture[i] < most_pictures))
            return nt_fail(err, "the saved run has no sense in what it knows of sample %lld: train anew", (long long)i);
        if (d->replace > 0)
            draw_picture(d, i);
    }
    return true;
}
