/* The CSV reader on arbitrary bytes: the first byte chooses the request, and where the rest is cut into a training and
 * a test table. */
#include "../../runtime/data_source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static nt_file file_of(const uint8_t *data, size_t size)
{
    nt_file file = {.name = "input", .bytes = malloc(size ? size : 1), .size = size};
    if (!file.bytes)
        abort();
    if (size)
        memcpy(file.bytes, data, size);
    return file;
}

static void check(const nt_data_request *request, const nt_part *part)
{
    for (int64_t i = 0; i < part->count * request->c; i++)
        if (!isfinite(part->values[i]))
            abort();
    for (int64_t i = 0; part->labels && i < part->count; i++)
        if (part->labels[i] < 0 || part->labels[i] >= request->outputs)
            abort();
    for (int64_t i = 0; part->targets && i < part->count; i++)
        if (!isfinite(part->targets[i]))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const labels[] = {NULL, "1", "y", "kind"};
    static const char *const names[] = {"a", "b", "c"};
    if (size < 2)
        return 0;
    nt_data_config config = {.source = NT_SOURCE_CSV, .label = labels[data[0] & 3]};
    nt_data_request request = {.config = &config,
                               .h = 1,
                               .w = 1,
                               .c = 1 + (data[0] >> 2 & 3),
                               .outputs = 1 + (data[0] >> 4 & 3),
                               .dense = data[0] >> 6 & 1};
    if (data[0] >> 7) {
        config.classes = names;
        config.n_classes = request.outputs = 3;
    }
    size_t cut = data[1] ? 2 + (size - 2) * data[1] / 255 : size;
    nt_file train = file_of(data + 2, cut - 2), test = file_of(data + cut, size - cut);
    nt_loaded out = {.names = NULL};
    nt_error err;
    if (nt_csv_table(&request, &train, cut < size ? &test : NULL, &out, &err)) {
        check(&request, &out.train);
        check(&request, &out.test);
    }
    nt_part_free(&out.train);
    nt_part_free(&out.test);
    for (int i = 0; out.names && i < request.outputs; i++)
        free(out.names[i]);
    free(out.names);
    nt_file_free(&train);
    nt_file_free(&test);
    return 0;
}
