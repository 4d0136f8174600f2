/* The IDX reader on arbitrary bytes: the first byte chooses images or labels, and a shape. */
#include "../../runtime/data_source.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    nt_data_config config = {.source = NT_SOURCE_IDX};
    nt_data_request request = {.config = &config, .h = 1, .w = 1, .c = 1 + (data[0] >> 2 & 15), .outputs = 10};
    nt_file file = {.name = "input", .bytes = malloc(size), .size = size - 1};
    nt_part part = {.count = data[0] >> 2};
    nt_error err;
    if (!file.bytes)
        return 0;
    memcpy(file.bytes, data + 1, size - 1);
    if (data[0] & 1) {
        if (nt_idx_labels(&request, &file, &part, &err))
            for (int64_t i = 0; i < part.count; i++)
                if (part.labels[i] < 0 || part.labels[i] >= request.outputs)
                    abort();
    } else if (nt_idx_images(&request, &file, &part, &err)) {
        volatile uint8_t last = part.bytes[part.count * request.c - 1]; /* as large as it says */
        (void)last;
    }
    nt_part_free(&part);
    nt_file_free(&file);
    return 0;
}
