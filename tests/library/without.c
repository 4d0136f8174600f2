/* without.c - a safetensors file without the tensors whose names begin with PREFIX.
 *
 *   without IN OUT PREFIX */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void fail(const char *path)
{
    perror(path);
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    static unsigned char file[1 << 20], values[1 << 20];
    if (argc != 4)
        return EXIT_FAILURE;
    FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
    size_t bytes = in ? fread(file, 1, sizeof file, in) : 0, length = 0, kept = 0, dropped = 0;
    if (!out || bytes < 9 || bytes == sizeof file)
        fail(argv[1]);
    for (int i = 7; i >= 0; i--)
        length = length << 8 | file[i];
    json_t *header = json_loadb((char *)file + 8, length, 0, NULL), *left = json_object(), *entry;
    const char *name;
    json_object_foreach(header, name, entry) {
        json_t *offsets = json_object_get(entry, "data_offsets");
        if (strncmp(name, argv[3], strlen(argv[3])) == 0) {
            dropped++;
            continue;
        }
        if (offsets) {
            const size_t from = (size_t)json_integer_value(json_array_get(offsets, 0));
            const size_t size = (size_t)json_integer_value(json_array_get(offsets, 1)) - from;
            memcpy(values + kept, file + 8 + length + from, size);
            json_array_set_new(offsets, 0, json_integer((json_int_t)kept));
            json_array_set_new(offsets, 1, json_integer((json_int_t)(kept += size)));
        }
        json_object_set(left, name, entry);
    }
    char *text = json_dumps(left, JSON_COMPACT);
    if (!text || dropped == 0)
        fail(argv[3]);
    for (size_t n = strlen(text), i = 0; i < 8; i++, n >>= 8)
        fputc((int)(n & 255), out);
    fwrite(text, 1, strlen(text), out);
    fwrite(values, 1, kept, out);
    if (fclose(out) != 0)
        fail(argv[2]);
    fclose(in);
    free(text);
    json_decref(left);
    json_decref(header);
    return EXIT_SUCCESS;
}
