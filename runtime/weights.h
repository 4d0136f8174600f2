/* weights.h - a model's parameters and statistics in a safetensors file, under PyTorch's names and in PyTorch's
 * order. */
#ifndef NT_WEIGHTS_H
#define NT_WEIGHTS_H

#include <jansson.h>

#include "error.h"
#include "model.h"
#include "normalize.h"
#include "params.h"
#include "safetensors.h"

/* One parameter's place in one block (params, grads, a slot of state), under a name for the file. */
typedef struct nt_item {
    const char *name;
    const nt_param *param;
    real *block;
} nt_item;

/* Writes items, in disk order; see nt_tensors_write for what it guarantees. */
bool nt_items_write(const char *path, const nt_item *items, size_t n, json_t *metadata, nt_durability durability,
                    nt_error *error);

/* Whether a tensor has a parameter's shape on disk; and whether it is one that PyTorch keeps and netc has no use for:
 * num_batches_tracked. */
bool nt_tensor_fits(const nt_tensor *tensor, const nt_param *param);
bool nt_tensor_is_passed_over(const nt_tensor *tensor);

/* Whether the tensors have all items in their shapes, and, unless `more` says that they may, no others. False with a list
 * of what is missing, unexpected or of another shape, and the network that the file was written for, if it says so. */
bool nt_items_check(const nt_tensors *tensors, const nt_item *items, size_t n, bool more, const char *network,
                    nt_error *error);

/* Fills items that nt_items_check found. False, with nothing changed, where a type cannot be read or memory runs out. */
bool nt_items_fill(const nt_tensors *tensors, const nt_item *items, size_t n, nt_error *error);

/* Both: fills items from the tensors of the same names. False, with a list of what is missing, unexpected or of another
 * shape, unless names and shapes agree; nothing is changed then. PyTorch's num_batches_tracked is passed over. */
bool nt_items_read(const nt_tensors *tensors, const nt_item *items, size_t n, const char *network, nt_error *error);

/* What a weights file says of itself besides the values. Free it with nt_weights_free. */
typedef struct nt_weights {
    nt_tensors tensors;
    bool other_model;      /* it carries the hash of another architecture, although names and shapes agree */
    json_t *preprocessing; /* the object under "preprocessing", or NULL */
    json_t *classes;       /* array of names, or NULL */
} nt_weights;

/* The weights file that a word names, into `path` of NT_WEIGHTS_PATH bytes: a file is itself, the folder of a run its
 * best.safetensors. False for other folders, with what to name instead: a committee's is not one network's. */
enum { NT_WEIGHTS_PATH = 4096 };
bool nt_weights_find(const char *word, char *path, nt_error *error);

/* Loads params (with statistics) from what nt_weights_find finds, which netc or PyTorch wrote. On failure nothing is
 * held. */
bool nt_weights_load(nt_weights *weights, const nt_model *model, const char *word, real *params, nt_error *error);
void nt_weights_free(nt_weights *weights);

/* Gives the normalizer the file's constants. `*found` tells whether there were any. */
bool nt_weights_normalizer(const nt_weights *weights, nt_normalizer *normalizer, bool *found, nt_error *error);

/* How the file's inputs were normalised, as the language calls it, in `text`; false where it does not say. */
bool nt_weights_normalize(const nt_tensors *tensors, char text[32]);
/* The language's name of a kind. */
const char *nt_normalize_name(nt_normalize kind);

/* The name of class i, or NULL. */
const char *nt_weights_class(const nt_weights *weights, int i);

/* New __metadata__: format version, network, hash, preprocessing constants, class names. NULL where memory ran out. */
json_t *nt_weights_metadata(const nt_model *model, const nt_normalizer *normalizer, char *const *class_names,
                            int n_classes);

/* Saves params (with statistics). */
bool nt_weights_save(const nt_model *model, real *params, json_t *metadata, const char *path, nt_durability durability,
                     nt_error *error);

#endif
