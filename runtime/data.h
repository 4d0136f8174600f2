/* data.h - data sets for training and evaluation: loading, splits, shuffling, batches.
 *
 * Samples are held as they came: one byte a value where the source has bytes (images), float otherwise, in the order
 * [sample][row][pixel][channel]. A batch is made from them on the fly: gathered, brought to 0..1, augmented (training
 * only), normalized, written densely as float.
 *
 * Sources (nt_data_config.source; `path` is a folder unless said otherwise):
 *
 *     idx      train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-..., each plain or .gz (MNIST, Fashion-MNIST)
 *     cifar    data_batch_1.bin .. data_batch_5.bin, test_batch.bin; class names from batches.meta.txt if it is there
 *     images   train/CLASS/FILE, test/CLASS/FILE: JPEG or PNG; classes and files in byte order; resized to fit
 *     npy      x_train.npy, y_train.npy, x_test.npy, y_test.npy: class indices, or targets of the main output's shape
 *     csv      train.csv, test.csv; of a single file, or of train.csv alone, a fixed random 20% is the test part. A
 *              label column, or as many columns of numbers to predict as the main output has values
 *     spiral   no files: arms of points in the plane
 *     road     no files: pictures of a road with the position of the wheel; some are replaced by new ones every epoch
 *
 * A missing test part is no error until it is asked for alone. */
#ifndef NT_DATA_H
#define NT_DATA_H

#include "augment.h"
#include "error.h"
#include "model.h"
#include "normalize.h"
#include "sampling.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Samples as stored. Exactly one of bytes and values is set (neither when count is 0); of labels and targets at most
 * one. */
typedef struct nt_part {
    int64_t count;
    uint8_t *bytes;  /* count*h*w*c, 0..255 meaning 0..1 */
    float *values;   /* count*h*w*c, finite */
    int32_t *labels; /* count class indices, each 0..outputs-1 */
    float *targets;  /* count*outputs values, finite; volumes in the order row, column, channel */
} nt_part;

/* Some of a part's samples. */
typedef struct nt_split {
    int64_t count;
    const int64_t *index; /* the samples' places in the part, ascending; NULL: all of them, in order */
    nt_part part;         /* borrowed from nt_data's */
} nt_split;

typedef struct nt_data {
    int h, w, c;        /* shape of a sample; a vector is 1x1xc */
    int outputs;        /* classes, or the length of a target vector */
    char **class_names; /* `outputs` names, from the data section or else from the source; NULL if neither has any */
    nt_split train, validation, test;
    nt_normalizer normalizer;
    nt_augmenter augmenter;
    double hard; /* share of an epoch that is drawn by losses */
    int replace; /* training samples that are replaced after each epoch */
    nt_recall recall; /* of the samples of `train`, where the data section asks for what needs it */
    char note[512]; /* a line that says how the source was read, for the log ("" if there is nothing to say) */

    nt_part train_part, test_part; /* what is owned: samples, ... */
    int64_t *split_index, *drawn;  /* ... and the places that train.index and validation.index point into */
} nt_data;

enum { NT_PART_TRAIN = 1, NT_PART_TEST = 2 };

typedef struct nt_data_request {
    const nt_data_config *config;
    const char *path; /* instead of the config's; NULL: the config's */
    int h, w, c;      /* what the network reads */
    int outputs;      /* what its main head gives: h*w*c of the head */
    int out_h, out_w; /* the head's height and width; 0 as 1: a vector */
    bool dense; /* no loss is of classes (cross_entropy): a csv label column, or a one-dimensional array, is a number to
                   predict when outputs is 1. Target vectors are taken instead of labels with any loss */
    double least_target, most_target; /* what the losses take, if not equal */
    unsigned parts; /* NT_PART_TRAIN, NT_PART_TEST or both, or-ed */
    uint64_t seed;  /* of the validation split */
    int fold;       /* which of config->folds parts is held out, from 0 */
    int bootstrap;  /* above 0: the training samples are drawn anew from themselves, with replacement, for this member of
                       a committee. The normalizer's constants are those of all of them, the same for every member. */
} nt_data_request;

/* Loads the parts asked for, checks them, splits off the validation samples and, if the training part was asked for,
 * estimates the normalizer's constants on what remains of it. With the test part alone, a normalizer that is estimated
 * is left not ready: give it the constants from the weights file by nt_normalizer_set before making batches. On failure
 * *out needs no nt_data_free. */
bool nt_data_load(const nt_data_request *request, nt_data *out, nt_error *err);

/* Loads inputs without labels for prediction: an image (JPEG or PNG, resized to h x w), a .npy file of one sample or
 * more, or a .csv file with a row of h*w*c numbers each, with or without a line of names. They become out->test; the
 * rest is as after nt_data_load of a test part. Of the request, config, h, w, c and outputs are read. */
bool nt_data_load_inputs(const nt_data_request *request, const char *path, nt_data *out, nt_error *err);

void nt_data_free(nt_data *data);

/* To be called after epoch `number` of a run: its losses decide on the next epoch, and a source that replaces samples
 * does so: a third at random, the others where the loss is smallest. */
void nt_data_next_epoch(nt_data *data, uint64_t seed, uint64_t number);

/* To be called when data->recall was filled from a saved run. Fails on what no run can have saved. */
bool nt_data_recalled(nt_data *data, nt_error *err);

/* One pass over a split. */
typedef struct nt_epoch {
    const nt_data *data;
    const nt_split *split;
    int64_t *order; /* the split's samples in the order of this pass: split->count positions in it; NULL: as stored */
    uint64_t augment_key; /* of this epoch's augmentation: then the sample's place in the pass */
    bool augment;
    float *scratch; /* scratch_each floats for each of `workers` threads */
    size_t scratch_each;
    int workers;
} nt_epoch;

/* Begins a pass. In training the order is a permutation, or with hard_examples what nt_sampling_order says, and samples
 * are augmented: functions of (seed, number), where `number` counts epochs, and of data->recall; otherwise samples come as stored. Where samples take work, as many threads as
 * OpenMP would start now get memory to work in. Fails only for want of memory. */
bool nt_epoch_begin(nt_epoch *epoch, const nt_data *data, const nt_split *split, bool training, uint64_t seed,
                    uint64_t number, nt_error *err);

void nt_epoch_end(nt_epoch *epoch);

/* Writes samples first .. first+n-1 of the pass: x gets n*h*w*c values [sample][row][pixel][channel]; labels (n) and
 * targets (n*outputs) are written if not NULL and if the data has them. To be called by every thread of an OpenMP team
 * (the samples are shared out, barrier at the end), or by one thread alone. What a sample becomes depends on the epoch,
 * the sample and its place in the pass only. */
void nt_data_batch(const nt_epoch *epoch, int64_t first, int n, float *x, int32_t *labels, float *targets);

/* Notes the losses of samples first .. first+n-1 of a pass, if anyone asks for them. */
void nt_data_note_losses(const nt_epoch *epoch, int64_t first, int n, const real *losses);

#endif
