/* The decoder of JPEG and PNG, with resizing, on arbitrary bytes: the first byte chooses the size and the channels
 * wanted, and whether a PNG's checksums are put right first: else hardly a changed file would get past them. */
#include "../../runtime/data_source.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Chunks of a PNG: length, type, data, checksum of type and data; big-endian. */
static void correct_checksums(nt_file *file)
{
    uint8_t *p = file->bytes;
    for (size_t at = 8; file->size >= 12 && at <= file->size - 12;) {
        size_t length = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 | p[at + 3];
        if (length > file->size - 12 - at)
            return;
        uint32_t crc = (uint32_t)crc32(0, p + at + 4, (unsigned)length + 4);
        for (int i = 0; i < 4; i++)
            p[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += 12 + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    int h = 1 + (data[0] & 7) * 4, w = 1 + (data[0] >> 3 & 7) * 4, c = data[0] >> 6 & 1 ? 3 : 1;
    nt_file file = {.name = "input", .bytes = malloc(size), .size = size - 1};
    uint8_t *pixels = malloc((size_t)(h * w * c));
    nt_error err;
    if (file.bytes && pixels) {
        memcpy(file.bytes, data + 1, size - 1);
        if (data[0] >> 7)
            correct_checksums(&file);
        if (!nt_image_decode(&file, h, w, c, pixels, &err) && !err.text[0])
            abort();
    }
    free(pixels);
    nt_file_free(&file);
    return 0;
}
