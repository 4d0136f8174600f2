/* The reader of CIFAR-10's binary files on arbitrary bytes, repeated so that small inputs make whole records. */
#include "../../runtime/data_source.h"

#include <stdlib.h>
#include <string.h>

enum { RECORD = 3073, PIXELS = 3072 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    nt_data_config config = {.source = NT_SOURCE_CIFAR};
    nt_data_request request = {.config = &config, .h = 32, .w = 32, .c = 3, .outputs = 1 + data[0] % 16};
    size_t records = 1 + data[1] % 3, surplus = data[1] / 64;
    nt_file file = {.name = "input", .size = records * RECORD + surplus};
    nt_part part = {.bytes = malloc(records * PIXELS), .labels = malloc(records * sizeof *part.labels)};
    nt_error err;
    file.bytes = malloc(file.size);
    if (file.bytes && part.bytes && part.labels) {
        for (size_t i = 0; i < file.size; i++)
            file.bytes[i] = data[i % size];
        if (nt_cifar_batch(&request, &file, &part, (int64_t)records, &err))
            for (int64_t i = 0; i < part.count; i++)
                if (part.labels[i] < 0 || part.labels[i] >= request.outputs)
                    abort();
    }
    nt_part_free(&part);
    nt_file_free(&file);
    return 0;
}
