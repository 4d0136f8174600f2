/* fuzz_safetensors.c - any bytes at all as a safetensors file, as weights of a model and as the state of a run.
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined tests/fuzz/fuzz_safetensors.c runtime/{...}.c -ljansson -lm
 * Seeds: tests/fuzz/seeds/safetensors. */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WEIGHT = 2 * 8, ELEMENTS = WEIGHT + 8 };

static const nt_param params[] = {
    {.name = "a.weight",
     .layout = NT_PANELS,
     .disk_dims = {3, 2},
     .n_disk_dims = 2,
     .out = 3,
     .in = 2,
     .kh = 1,
     .kw = 1,
     .groups = 1,
     .panel = 8,
     .out_padded = 8,
     .elements = WEIGHT},
    {.name = "a.bias",
     .role = NT_BIAS,
     .disk_dims = {3},
     .n_disk_dims = 1,
     .out = 3,
     .groups = 1,
     .offset = WEIGHT,
     .elements = 8},
};

/* Reads every value that there is. */
static void read_all(const nt_tensors *tensors)
{
    for (size_t i = 0; i < tensors->n; i++) {
        const nt_tensor *tensor = &tensors->list[i];
        float *floats = malloc((tensor->count + 1) * sizeof *floats);
        if (floats)
            nt_tensor_floats(tensor, floats);
        free(floats);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nt_tensors tensors;
    nt_error error = {0};
    unsigned char *bytes = malloc(size + 1);
    if (!bytes)
        return 0;
    memcpy(bytes, data, size);
    if (!nt_tensors_parse(&tensors, "fuzz", bytes, size, &error)) {
        if (!error.text[0])
            abort(); /* a refusal has to say why */
        return 0;
    }
    read_all(&tensors);
    real block[ELEMENTS];
    const nt_item items[] = {{params[0].name, &params[0], block}, {params[1].name, &params[1], block}};
    if (!nt_items_read(&tensors, items, 2, "fuzz", &error) && !error.text[0])
        abort();

    nt_weights weights = {.tensors = tensors};
    const char *text = nt_tensors_metadata(&tensors, "netc.preprocessing");
    weights.preprocessing = text ? json_loads(text, 0, NULL) : NULL;
    nt_normalizer normalizer = {.kind = NT_NORM_STANDARDIZE, .h = 1, .w = 1, .c = 2};
    bool found;
    if (!nt_weights_normalizer(&weights, &normalizer, &found, &error) && !error.text[0])
        abort();
    nt_normalizer_free(&normalizer);
    nt_weights_free(&weights);
    return 0;
}
