/* Writes the seeds of the data loaders' fuzzers into the folders seeds/idx, seeds/npy and so on: make_seeds FOLDER. */
#include "../runtime/data_files.h"

#include "../runtime/data_images_golden.h"

static folder seeds;

/* One seed: the bytes that choose (as the fuzz target reads them), then the file. */
static void seed(const char *name, const char *choice, size_t n_choice, const void *bytes, size_t n)
{
    uint8_t buffer[4096];
    assert_true(n_choice + n <= sizeof buffer);
    memcpy(buffer, choice, n_choice);
    memcpy(buffer + n_choice, bytes, n);
    write_file(path_in(&seeds, name), buffer, n_choice + n);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_seeds FOLDER\n");
        return 2;
    }
    snprintf(seeds.path, sizeof seeds.path, "%s", argv[1]);
    static const uint32_t images[3] = {5, 3, 2}, colour[4] = {2, 1, 2, 3}, labels[1] = {5};
    static const uint8_t values[64] = {3, 1, 4, 1, 5};
    uint8_t bytes[1024];
    seed("idx/images", "\x14", 1, bytes, idx_bytes(bytes, 3, images, values));
    seed("idx/colour", "\x14", 1, bytes, idx_bytes(bytes, 4, colour, values));
    seed("idx/labels", "\x15", 1, bytes, idx_bytes(bytes, 1, labels, values));
    seed("cifar/records", "\x09\x02\x03", 3, values, sizeof values);
    seed("npy/vectors", "\x04", 1, bytes, npy_bytes(bytes, "<f4", "(3, 2)", values, 24));
    seed("npy/planes", "\x10", 1, bytes, npy_bytes(bytes, "|u1", "(2, 3, 2, 3)", values, 36));
    seed("npy/doubles", "\x14", 1, bytes, npy_bytes(bytes, "<f8", "(1, 2, 2, 2)", values, 64));
    seed("npy/labels", "\x6d", 1, bytes, npy_bytes(bytes, "<i8", "(3,)", (uint8_t[24]){1, 0, 0, 0, 0, 0, 0, 0, 2}, 24));
    seed("npy/targets", "\xa9", 1, bytes, npy_bytes(bytes, "<f4", "(2, 2)", values, 16));
    static const char *const tables[] = {"height,width,y\n1.5,-2e-3,a\n.25,3.,\"a\"\"b\"\n", "1;2;0\n3;4;1\n",
                                         "x\ty\r\n1e22\t10\r\n2\t9\r\n", "x,y\n1,2.5\n3,4.5\n1,2.5\n3,4.5\n",
                                         "a,kind\n1,a\n2,b\n3,c\n1,a\n2,b\n3,c\n"};
    static const char *const choices[] = {"\x14\x80", "\x14\0", "\x12\0", "\x40\0", "\x83\x80"};
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "csv/table%d", i);
        seed(name, choices[i], 2, tables[i], strlen(tables[i]));
    }
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        char name[64];
        snprintf(name, sizeof name, "images/%s", golden[i].name);
        seed(name, "\xdb", 1, golden[i].bytes, golden[i].size);
    }
    write_gzip(path_in(&seeds, "gzip/packed"), bytes, 200);
    write_file(path_in(&seeds, "gzip/plain"), bytes, 50);
    return 0;
}
