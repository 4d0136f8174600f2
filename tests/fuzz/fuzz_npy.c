/* The NumPy reader on arbitrary bytes: the first byte chooses inputs or answers, and a shape. */
#include "../../runtime/data_source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int shapes[8][3] = {{1, 1, 1}, {1, 1, 2}, {1, 1, 8},   {2, 2, 1},
                                     {2, 3, 3}, {4, 4, 2}, {28, 28, 1}, {3, 3, 3}};
    if (size == 0)
        return 0;
    const int *shape = shapes[data[0] >> 2 & 7];
    nt_data_config config = {.source = NT_SOURCE_NPY};
    nt_data_request request = {.config = &config,
                               .h = shape[0],
                               .w = shape[1],
                               .c = shape[2],
                               .outputs = 1 + (data[0] >> 5 & 3),
                               .dense = data[0] >> 7};
    nt_file file = {.name = "input", .bytes = malloc(size), .size = size - 1};
    nt_part part = {.count = data[0] >> 2 & 7};
    char note[64];
    nt_error err;
    if (!file.bytes)
        return 0;
    memcpy(file.bytes, data + 1, size - 1);
    if (data[0] & 1) {
        if (nt_npy_answers(&request, &file, &part, &err))
            for (int64_t i = 0; i < part.count; i++)
                if (part.labels ? part.labels[i] < 0 || part.labels[i] >= request.outputs
                                : !isfinite(part.targets[i * request.outputs]))
                    abort();
    } else if (nt_npy_inputs(&request, &file, data[0] & 2, &part, note, sizeof note, &err)) {
        int64_t last = part.count * shape[0] * shape[1] * shape[2] - 1;
        if (part.values ? !isfinite(part.values[last]) : part.bytes[last] > 255)
            abort();
    }
    nt_part_free(&part);
    nt_file_free(&file);
    return 0;
}
