#define _POSIX_C_SOURCE 200809L
#include "weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suggest.h"
#include "whiten.h"

/* "1": the first version of what __metadata__ holds. */
static const char format_version[] = "1";

enum { MOST_COMPLAINTS = 8 };

static const char *const normalize_names[] = {
    [NT_NORM_NONE] = "none",
    [NT_NORM_CENTER_IMAGE] = "center_image",
    [NT_NORM_CENTER_CHANNEL] = "center_channel",
    [NT_NORM_STANDARDIZE] = "standardize",
    [NT_NORM_SCALE] = "scale",
    [NT_NORM_GIVEN] = "given",
    [NT_NORM_WHITEN] = "whiten",
};

/* -- Items ------------------------------------------------------------------------------------------------------- */

static void disk_dims(const nt_param *param, int64_t *dims)
{
    for (int i = 0; i < param->n_disk_dims; i++)
        dims[i] = param->disk_dims[i];
}

static void fill_from_item(void *context, size_t index, float *values)
{
    const nt_item *item = (const nt_item *)context + index;
    nt_param_unpack(item->param, item->block, values);
}

bool nt_items_write(const char *path, const nt_item *items, size_t n, json_t *metadata, nt_durability durability,
                    nt_error *error)
{
    nt_tensor_out *out = calloc(n + 1, sizeof *out);
    if (!out)
        return nt_fail_memory(error, path, (double)n * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        out[i].name = items[i].name;
        out[i].n_dims = items[i].param->n_disk_dims;
        disk_dims(items[i].param, out[i].dims);
    }
    bool good = nt_tensors_write(path, out, n, metadata, fill_from_item, (void *)items, durability, error);
    free(out);
    return good;
}

bool nt_tensor_is_passed_over(const nt_tensor *tensor)
{
    static const char suffix[] = "num_batches_tracked";
    size_t length = strlen(tensor->name), n = sizeof suffix - 1;
    return length >= n && strcmp(tensor->name + length - n, suffix) == 0;
}

bool nt_tensor_fits(const nt_tensor *tensor, const nt_param *param)
{
    if (tensor->n_dims != param->n_disk_dims)
        return false;
    for (int i = 0; i < tensor->n_dims; i++)
        if (tensor->dims[i] != param->disk_dims[i])
            return false;
    return true;
}

static bool has_item(const nt_item *items, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(items[i].name, name) == 0)
            return true;
    return false;
}

/* The tensors of the file that no item asks for. Returns how many. */
static size_t find_unexpected(const nt_tensors *tensors, const nt_item *items, size_t n, const nt_tensor **unexpected)
{
    size_t found = 0;
    for (size_t i = 0; i < tensors->n; i++)
        if (!has_item(items, n, tensors->list[i].name) && !nt_tensor_is_passed_over(&tensors->list[i]))
            unexpected[found++] = &tensors->list[i];
    return found;
}

/* Which unexpected tensor of its shape a missing item may be: one with a similar name, else the only one. `names` has
 * room for n. */
static const nt_tensor *likely(const nt_item *item, const nt_tensor *const *unexpected, const char **names, size_t n)
{
    const nt_tensor *found = NULL;
    size_t same = 0;
    for (size_t i = 0; i < n; i++) {
        bool fits = nt_tensor_fits(unexpected[i], item->param);
        names[i] = fits ? unexpected[i]->name : NULL;
        found = fits ? unexpected[i] : found;
        same += fits;
    }
    const char *near = nt_suggest(item->name, names, n);
    for (size_t i = 0; i < n && near; i++)
        if (names[i] == near)
            return unexpected[i];
    return same == 1 ? found : NULL;
}

/* Lists how names and shapes differ; returns in how many places. With `more`, what is unexpected is no complaint. */
static size_t complain(FILE *to, const nt_tensors *tensors, const nt_item *items, size_t n, bool more,
                       const nt_tensor **unexpected, const char **names, size_t n_unexpected)
{
    char have[NT_DIMS_TEXT], want[NT_DIMS_TEXT];
    int64_t dims[NT_TENSOR_DIMS];
    size_t complaints = 0;
    for (size_t i = 0; i < n; i++) {
        const nt_tensor *tensor = nt_tensors_find(tensors, items[i].name);
        if ((tensor && nt_tensor_fits(tensor, items[i].param)) || complaints++ >= MOST_COMPLAINTS)
            continue;
        disk_dims(items[i].param, dims);
        nt_dims_text(want, dims, items[i].param->n_disk_dims);
        if (tensor) {
            fprintf(to, "\n  shape       %s is %s in the file, %s in the network", items[i].name,
                    nt_dims_text(have, tensor->dims, tensor->n_dims), want);
            continue;
        }
        const nt_tensor *near = likely(&items[i], unexpected, names, n_unexpected);
        fprintf(to, "\n  missing     %s %s", items[i].name, want);
        if (near)
            fprintf(to, "; the file has %s %s: did you mean that?", near->name,
                    nt_dims_text(have, near->dims, near->n_dims));
    }
    for (size_t i = 0; i < n_unexpected && !more; i++)
        if (complaints++ < MOST_COMPLAINTS)
            fprintf(to, "\n  unexpected  %s %s", unexpected[i]->name,
                    nt_dims_text(have, unexpected[i]->dims, unexpected[i]->n_dims));
    if (complaints > MOST_COMPLAINTS)
        fprintf(to, "\n  and %zu more", complaints - MOST_COMPLAINTS);
    return complaints;
}

/* " (it was written for ...)", where the file says that. */
static void tell_origin(FILE *to, const nt_tensors *tensors, const char *network)
{
    const char *name = nt_tensors_metadata(tensors, "netc.network");
    if (name && strcmp(name, network) != 0)
        fprintf(to, " (it was written for the network %s)", name);
    else if (name)
        fputs(" (it was written for another version of it)", to);
    fputc(':', to);
}

bool nt_items_check(const nt_tensors *tensors, const nt_item *items, size_t n, bool more, const char *network,
                    nt_error *error)
{
    const nt_tensor **unexpected = calloc(tensors->n + 1, sizeof(*unexpected));
    const char **names = calloc(tensors->n + 1, sizeof(*names));
    char *text = NULL;
    size_t length, complaints = 0;
    FILE *to = unexpected && names ? open_memstream(&text, &length) : NULL;
    bool enough = to != NULL;
    if (enough) {
        size_t n_unexpected = find_unexpected(tensors, items, n, unexpected);
        tell_origin(to, tensors, network);
        complaints = complain(to, tensors, items, n, more, unexpected, names, n_unexpected);
        enough = fclose(to) == 0;
    }
    if (!enough)
        nt_fail_memory(error, tensors->path, 0);
    else if (complaints > 0)
        nt_fail(error, "%s does not fit the network %s%s", tensors->path, network, text);
    free(text);
    free(names);
    free(unexpected);
    return enough && complaints == 0;
}

bool nt_items_fill(const nt_tensors *tensors, const nt_item *items, size_t n, nt_error *error)
{
    size_t largest = 1;
    for (size_t i = 0; i < n; i++) {
        const nt_tensor *tensor = nt_tensors_find(tensors, items[i].name);
        float probe = 0;
        nt_tensor empty = *tensor;
        empty.count = 0;
        if (!nt_tensor_floats(&empty, &probe))
            return nt_fail(error, "%s: %s is of type %s: convert it to F32", tensors->path, tensor->name,
                           tensor->dtype);
        largest = tensor->count > largest ? tensor->count : largest;
    }
    float *values = malloc(largest * sizeof *values);
    if (!values)
        return nt_fail_memory(error, tensors->path, (double)largest * sizeof *values);
    for (size_t i = 0; i < n; i++) {
        nt_tensor_floats(nt_tensors_find(tensors, items[i].name), values);
        nt_param_pack(items[i].param, items[i].block, values);
    }
    free(values);
    return true;
}

bool nt_items_read(const nt_tensors *tensors, const nt_item *items, size_t n, const char *network, nt_error *error)
{
    return nt_items_check(tensors, items, n, false, network, error) && nt_items_fill(tensors, items, n, error);
}

/* -- Weights ----------------------------------------------------------------------------------------------------- */

static nt_item *params_as_items(const nt_model *model, real *params)
{
    nt_item *items = calloc((size_t)model->n_params + 1, sizeof *items);
    for (int i = 0; i < model->n_params && items; i++)
        items[i] = (nt_item){model->params[i].name, &model->params[i], params};
    return items;
}

/* A metadata value that is itself JSON. */
static json_t *parse_value(const nt_tensors *tensors, const char *key)
{
    const char *text = nt_tensors_metadata(tensors, key);
    return text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

static bool is_folder(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

/* Whether FOLDER/NAME is there; `path` is that. */
static bool holds(const char *folder, const char *name, char *path)
{
    return snprintf(path, NT_WEIGHTS_PATH, "%s/%s", folder, name) < NT_WEIGHTS_PATH && access(path, F_OK) == 0;
}

bool nt_weights_find(const char *word, char *path, nt_error *error)
{
    if (!is_folder(word))
        return snprintf(path, NT_WEIGHTS_PATH, "%s", word) < NT_WEIGHTS_PATH || nt_fail(error, "%s: the path is too long", word);
    if (holds(word, "best.safetensors", path))
        return true;
    if (holds(word, "member1", path))
        return nt_fail(error, "%s: the folder of a committee, and one network is wanted: name a member, such as %s", word, path);
    if (holds(word, "fold1", path))
        return nt_fail(error, "%s: the folder of a cross-validation, and one network is wanted: name a fold, such as %s", word,
                       path);
    return nt_fail(error, "%s: neither member1 nor best.safetensors is in this folder", word);
}

bool nt_weights_load(nt_weights *weights, const nt_model *model, const char *word, real *params, nt_error *error)
{
    char path[NT_WEIGHTS_PATH];
    *weights = (nt_weights){0};
    if (!nt_weights_find(word, path, error) || !nt_tensors_read(&weights->tensors, path, error))
        return false;
    nt_item *items = params_as_items(model, params);
    bool good = items ? nt_items_read(&weights->tensors, items, (size_t)model->n_params, model->name, error)
                      : nt_fail_memory(error, path, 0);
    free(items);
    if (!good) {
        nt_weights_free(weights);
        return false;
    }
    const char *hash = nt_tensors_metadata(&weights->tensors, "netc.hash");
    weights->other_model = hash && strcmp(hash, model->hash) != 0;
    weights->preprocessing = parse_value(&weights->tensors, "netc.preprocessing");
    weights->classes = parse_value(&weights->tensors, "netc.classes");
    return true;
}

void nt_weights_free(nt_weights *weights)
{
    json_decref(weights->preprocessing);
    json_decref(weights->classes);
    nt_tensors_free(&weights->tensors);
    *weights = (nt_weights){0};
}

const char *nt_weights_class(const nt_weights *weights, int i)
{
    return json_string_value(json_array_get(weights->classes, (size_t)i));
}

/* -- Base64 (RFC 4648) of floats, little-endian: what a large matrix is in JSON --------------------------------------- */

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t base64_length(size_t bytes)
{
    return (bytes + 2) / 3 * 4;
}

/* New memory; NULL where there is none. */
static char *base64_encode(const float *values, size_t n)
{
    const unsigned char *from = (const unsigned char *)values;
    size_t bytes = n * sizeof *values;
    char *text = malloc(base64_length(bytes) + 1), *to = text;
    for (size_t i = 0; text && i < bytes; i += 3) {
        size_t left = bytes - i;
        unsigned long group = (unsigned long)from[i] << 16 | (unsigned long)(left > 1 ? from[i + 1] : 0) << 8 |
                              (unsigned long)(left > 2 ? from[i + 2] : 0);
        *to++ = base64_digits[group >> 18];
        *to++ = base64_digits[group >> 12 & 63];
        *to++ = left > 1 ? base64_digits[group >> 6 & 63] : '=';
        *to++ = left > 2 ? base64_digits[group & 63] : '=';
    }
    if (text)
        *to = '\0';
    return text;
}

/* Exactly n floats, or NULL: the text holds something else, or there is no memory. */
static float *base64_decode(const char *text, size_t n)
{
    size_t bytes = n * sizeof(float), at = 0;
    if (strlen(text) != base64_length(bytes))
        return NULL;
    float *values = malloc(bytes + 1);
    unsigned char *to = (unsigned char *)values;
    for (unsigned long group = 0, i = 0; values && at < bytes; i++) {
        const char *digit = text[i] ? strchr(base64_digits, text[i]) : NULL;
        if (!digit && text[i] != '=') {
            free(values);
            return NULL;
        }
        group = group << 6 | (digit ? (unsigned long)(digit - base64_digits) : 0);
        for (int shift = 16; i % 4 == 3 && shift >= 0; shift -= 8)
            if (at < bytes)
                to[at++] = (unsigned char)(group >> shift & 255);
    }
    return values;
}

/* -- Preprocessing ----------------------------------------------------------------------------------------------- */

/* Reads a list of numbers into *values, to be freed; *n stays as it is where there is no such list. */
static bool read_constants(json_t *object, const char *key, double **values, int *n)
{
    json_t *list = json_object_get(object, key);
    if (!list)
        return true;
    size_t size = json_array_size(list);
    if (!json_is_array(list) || size > (size_t)INT32_MAX / sizeof **values || (*n >= 0 && (size_t)*n != size))
        return false;
    *n = (int)size;
    *values = calloc(size + 1, sizeof **values);
    for (size_t i = 0; i < size && *values; i++) {
        json_t *value = json_array_get(list, i);
        if (!json_is_number(value))
            return false;
        (*values)[i] = json_number_value(value);
    }
    return *values != NULL;
}

/* Reads the matrix of a whitening, if there is one. */
static bool read_matrix(json_t *object, const nt_normalizer *z, float **matrix)
{
    json_t *text = json_object_get(object, "matrix");
    size_t size = (size_t)z->h * (size_t)z->w * (size_t)z->c;
    if (!text)
        return true;
    *matrix = json_is_string(text) && size <= NT_WHITEN_MOST ? base64_decode(json_string_value(text), size * size) : NULL;
    return *matrix != NULL;
}

const char *nt_normalize_name(nt_normalize kind)
{
    return normalize_names[kind];
}

bool nt_weights_normalize(const nt_tensors *tensors, char text[32])
{
    json_t *object = parse_value(tensors, "netc.preprocessing");
    const char *kind = json_string_value(json_object_get(object, "kind"));
    snprintf(text, 32, "%s", kind ? kind : "");
    json_decref(object);
    return kind != NULL;
}

bool nt_weights_normalizer(const nt_weights *weights, nt_normalizer *normalizer, bool *found, nt_error *error)
{
    json_t *object = weights->preprocessing, *scale = json_object_get(object, "scale");
    double *mean = NULL, *std = NULL;
    float *matrix = NULL;
    int n = -1;
    *found = json_is_object(object);
    if (!*found)
        return true;
    bool good = read_constants(object, "mean", &mean, &n) && read_constants(object, "std", &std, &n) &&
                read_matrix(object, normalizer, &matrix) && (!scale || json_is_number(scale));
    if (!good)
        nt_fail(error, "%s: netc.preprocessing in its __metadata__ is not valid", weights->tensors.path);
    else
        good = nt_normalizer_set(normalizer, mean, std, n < 0 ? 0 : n, scale ? json_number_value(scale) : 1, matrix,
                                 error);
    free(matrix);
    free(mean);
    free(std);
    return good;
}

static int set_constants(json_t *object, const char *key, const double *values, int n)
{
    if (!values)
        return 0;
    json_t *list = json_array();
    int failed = 0;
    for (int i = 0; i < n; i++)
        failed |= json_array_append_new(list, json_real(values[i]));
    return json_object_set_new(object, key, list) | failed;
}

static int set_matrix(json_t *object, const nt_normalizer *z)
{
    size_t size = (size_t)z->h * (size_t)z->w * (size_t)z->c;
    if (!z->matrix)
        return 0;
    char *text = base64_encode(z->matrix, size * size);
    int failed = text ? json_object_set_new(object, "matrix", json_string(text)) : -1;
    free(text);
    return failed;
}

/* Moves `value` into the metadata as text. */
static int set_as_text(json_t *metadata, const char *key, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    int failed = text ? json_object_set_new(metadata, key, json_string(text)) : -1;
    free(text);
    json_decref(value);
    return failed;
}

static json_t *preprocessing_of(const nt_normalizer *z)
{
    json_t *object = json_pack("{s:s, s:f}", "kind", normalize_names[z->kind], "scale", z->scale);
    int failed = set_constants(object, "mean", z->mean, z->n) | set_constants(object, "std", z->std, z->n) |
                 set_matrix(object, z);
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

json_t *nt_weights_metadata(const nt_model *model, const nt_normalizer *normalizer, char *const *class_names,
                            int n_classes)
{
    json_t *metadata = json_pack("{s:s, s:s, s:s, s:s}", "format", "pt", "netc.format", format_version, "netc.network",
                                 model->name, "netc.hash", model->hash);
    int failed = metadata ? set_as_text(metadata, "netc.preprocessing", preprocessing_of(normalizer)) : -1;
    if (class_names && !failed) {
        json_t *names = json_array();
        for (int i = 0; i < n_classes; i++) {
            json_t *name = json_string(class_names[i]); /* NULL for a folder's name that is not UTF-8 */
            failed |= json_array_append_new(names, name ? name : json_sprintf("class %d", i));
        }
        failed |= set_as_text(metadata, "netc.classes", names);
    }
    if (!failed)
        return metadata;
    json_decref(metadata);
    return NULL;
}

bool nt_weights_save(const nt_model *model, real *params, json_t *metadata, const char *path, nt_durability durability,
                     nt_error *error)
{
    nt_item *items = params_as_items(model, params);
    bool good = items ? nt_items_write(path, items, (size_t)model->n_params, metadata, durability, error)
                      : nt_fail_memory(error, path, 0);
    free(items);
    return good;
}
