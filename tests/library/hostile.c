/* hostile.c - damaged and malicious weights files against the loader of an emitted library (see use.c for how it is compiled).
 *
 *   hostile WEIGHTS                  a good file of the network mini_lenet5
 *
 * Each file is handed over in a block of just its size, so that a sanitizer sees every byte read beyond it. Status 1 if one ends with
 * another status than it should. */
#include NETWORK_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bytes {
    unsigned char *at;
    size_t n;
} bytes;

static int failures;
static void *memory;

static bytes bytes_of(const void *from, size_t n)
{
    bytes b = {malloc(n > 0 ? n : 1), n};
    if (!b.at)
        exit(2);
    memcpy(b.at, from, n);
    return b;
}

static size_t header_length(bytes file)
{
    size_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | file.at[i];
    return n;
}

static void set_header_length(bytes file, uint64_t n)
{
    for (int i = 0; i < 8; i++, n >>= 8)
        file.at[i] = (unsigned char)(n & 255);
}

/* The file with the first `old` of its header replaced. */
static bytes edited(bytes file, const char *old, const char *new)
{
    size_t length = header_length(file), n_old = strlen(old), n_new = strlen(new);
    unsigned char *end = file.at + 8 + length, *found = file.at + 8;
    while (found + n_old <= end && memcmp(found, old, n_old) != 0)
        found++;
    if (found + n_old > end) {
        fprintf(stderr, "hostile: the header has no %s\n", old);
        exit(2);
    }
    bytes b = {malloc(file.n - n_old + n_new), file.n - n_old + n_new};
    if (!b.at)
        exit(2);
    size_t before = (size_t)(found - file.at);
    memcpy(b.at, file.at, before);
    memcpy(b.at + before, new, n_new);
    memcpy(b.at + before + n_new, found + n_old, file.n - before - n_old);
    set_header_length(b, length - n_old + n_new);
    return b;
}

static net_status load(net_model *model, bytes file)
{
    net_status status = net_load(model, memory, file.at, file.n);
    if (strlen(net_message(status)) < 5 || strcmp(net_message(status), net_message((net_status)99)) == 0) {
        fprintf(stderr, "hostile: status %d has no message\n", (int)status);
        failures++;
    }
    return status;
}

static void expect(bytes file, net_status wanted, const char *about, const char *what)
{
    net_model model;
    net_status status = load(&model, file);
    const char *got = model.about ? model.about : "nothing";
    if (status != wanted || strcmp(got, about ? about : "nothing") != 0) {
        fprintf(stderr, "hostile: %s: status %d about %s, not %d about %s\n", what, (int)status, got, (int)wanted, about ? about : "nothing");
        failures++;
    }
}

static void expect_edited(bytes file, const char *old, const char *new, net_status wanted, const char *about)
{
    bytes b = edited(file, old, new);
    expect(b, wanted, about, new);
    free(b.at);
}

static void cut_short(bytes file)
{
    for (size_t n = 0; n < file.n; n += n < 8 + header_length(file) ? 1 : 97) {
        bytes b = bytes_of(file.at, n);
        expect(b, NET_CUT_SHORT, NULL, "cut short");
        free(b.at);
    }
    bytes longer = bytes_of(file.at, file.n);
    longer.at = realloc(longer.at, ++longer.n);
    if (!longer.at)
        exit(2);
    longer.at[longer.n - 1] = 0;
    expect(longer, NET_CUT_SHORT, NULL, "a byte too many");
    free(longer.at);
    static const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 7, UINT64_MAX / 2, UINT32_MAX, 1 << 30};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        bytes b = bytes_of(file.at, file.n);
        set_header_length(b, lengths[i]);
        expect(b, NET_CUT_SHORT, NULL, "a header longer than the file");
        b.at[8] = 'x';
        expect(b, NET_NOT_SAFETENSORS, NULL, "a header longer than the file that is none");
        set_header_length(b, (uint64_t)i);
        expect(b, NET_NOT_SAFETENSORS, NULL, "a header of nearly nothing");
        free(b.at);
    }
}

/* Headers that are wrong in one place. */
static void damaged(bytes file)
{
    static const char entry[] = "\"zz\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},";
    char text[512];
    expect_edited(file, "\"c1.weight\"", "\"c1.weighs\"", NET_PARAMETER_MISSING, "c1.weight");
    expect_edited(file, "\"c1.weight\"", "\"c1.weight.\"", NET_PARAMETER_MISSING, "c1.weight");
    expect_edited(file, "\"c1.weight\"", "\"\"", NET_PARAMETER_MISSING, "c1.weight");
    expect_edited(file, "\"c1.weight\"", "\"\\u0063\\u0031.wei\\u0067ht\"", NET_LOADED, NULL);
    expect_edited(file, "\"c1.weight\"", "\"c1.weight\\u0000\"", NET_PARAMETER_MISSING, "c1.weight");
    expect_edited(file, "\"c1.weight\"", "\"\\u20ac1.weight\"", NET_PARAMETER_MISSING, "c1.weight");
    expect_edited(file, "\"c1.weight\"", "\"\\uzzzz.weight\"", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "\"c1.weight\"", "\"\\x63.weight\"", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "\"c1.weight\"", "\"c1\n\"", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "\"c1.weight\"", "c1.weight", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "\"c1.weight\"", "\"c1.bias\"", NET_PARAMETER_TWICE, "c1.bias");
    snprintf(text, sizeof text, "{%s", entry);
    expect_edited(file, "{", text, NET_PARAMETER_UNKNOWN, NULL);
    snprintf(text, sizeof text, "{%s%s%s", entry, entry, entry);
    expect_edited(file, "{", text, NET_PARAMETER_UNKNOWN, NULL);
    expect_edited(file, "{", "{\"bn.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[0],\"data_offsets\":[0,0]},", NET_LOADED, NULL);
    expect_edited(file, "{", "{ \n\t\r", NET_LOADED, NULL);
    expect_edited(file, "{", "{,", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "{", "[", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "{", "{}", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "{", "{{{{{{{{", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "{", "{\"", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "\"F32\"", "\"I32\"", NET_PARAMETER_TYPE, "c1.bias");
    expect_edited(file, "\"F32\"", "\"\"", NET_PARAMETER_TYPE, "c1.bias");
    expect_edited(file, "\"F32\"", "\"F64\"", NET_NOT_SAFETENSORS, "c1.bias");
    expect_edited(file, "\"F32\"", "32", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "[6,1,5,5]", "[6,5,5]", NET_PARAMETER_SHAPE, "c1.weight");
    expect_edited(file, "[6,1,5,5]", "[6,1,5,5,1]", NET_PARAMETER_SHAPE, "c1.weight");
    expect_edited(file, "[6,1,5,5]", "[5,1,5,6]", NET_PARAMETER_SHAPE, "c1.weight");
    expect_edited(file, "[6,1,5,5]", "[]", NET_PARAMETER_SHAPE, "c1.weight");
    expect_edited(file, "[6,1,5,5]", "[6,1,5,4294967301]", NET_PARAMETER_SHAPE, "c1.weight");
    expect_edited(file, "[6,1,5,5]", "[6,1,5,55555555555555555555]", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "[6,1,5,5]", "[6,1,5,-5]", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "[6,1,5,5]", "[6,1,5,5", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "[6,1,5,5]", "[6,1,5,]", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "[0,24]", "[24,0]", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "[0,24]", "[0]", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "[0,24]", "[0,24,48]", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "[0,24]", "[0,20]", NET_NOT_SAFETENSORS, "c1.bias");
    expect_edited(file, "[0,24]", "[999999999999999999,999999999999999999]", NET_CUT_SHORT, NULL);
    expect_edited(file, "[0,24]", "[0,999999999999999999]", NET_CUT_SHORT, NULL);
    expect_edited(file, "[0,24]", "[24,48]", NET_LOADED, NULL); /* a hole and an overlap of one size: wrong values, all from the file */
    expect_edited(file, "\"dtype\":\"F32\",", "", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "\"dtype\":\"F32\",", "\"dtype\":\"F32\",\"dtype\":\"F32\",", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "\"dtype\":\"F32\",", "\"type\":\"F32\",", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "{", "{\"__metadata__\":{},", NET_LOADED, NULL);
    expect_edited(file, "{", "{\"__metadata__\":{\"a\":1},", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "{", "{\"__metadata__\":{\"a\":\"b\",},", NET_NOT_SAFETENSORS, NULL);
    expect_edited(file, "{", "{\"__metadata__\":[],", NET_NOT_SAFETENSORS, NULL);
}

/* Files that end with their header, whatever it is in the middle of. */
static void headers_alone(void)
{
    static const char *const headers[] = {
        "{", "{\"", "{\"a", "{\"a\\", "{\"a\\u00", "{\"a\"", "{\"a\":", "{\"a\":{", "{\"a\":{\"shape\":[", "{\"a\":{\"shape\":[1",
        "{\"a\":{\"shape\":[1]", "{\"a\":{\"dtype\":\"F32", "{\"__metadata__\":{", "{\"__metadata__\":{\"netc.preprocessing\":\"{\\\"mean\\\":[1",
        "  ", "\"", "{} x", "{}}",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        unsigned char text[256] = {0};
        memcpy(text + 8, headers[i], strlen(headers[i]));
        bytes b = bytes_of(text, 8 + strlen(headers[i]));
        set_header_length(b, strlen(headers[i]));
        expect(b, NET_NOT_SAFETENSORS, NULL, headers[i]);
        free(b.at);
    }
    bytes none = bytes_of("\2\0\0\0\0\0\0\0{}", 10);
    expect(none, NET_PARAMETER_MISSING, "c1.weight", "no tensors");
    free(none.at);
}

/* The file with these preprocessing constants. */
static void expect_constants(bytes file, const char *json, net_status wanted, float factor, float shift)
{
    char text[1024];
    net_model model;
    snprintf(text, sizeof text, "{\"__metadata__\":{\"netc.preprocessing\":\"%s\"},", json);
    bytes b = edited(file, "{", text);
    net_status status = load(&model, b);
    if (status != wanted || (status == NET_LOADED && (model.factor[0] != factor || model.shift[0] != shift))) {
        fprintf(stderr, "hostile: constants %s: status %d, factor %.9g, shift %.9g\n", json, (int)status,
                status == NET_LOADED ? (double)model.factor[0] : 0, status == NET_LOADED ? (double)model.shift[0] : 0);
        failures++;
    }
    free(b.at);
}

static void constants(bytes file)
{
    static const char *const invalid[] = {
        "", "{", "{}", "[]", "null", "{\\\"scale\\\":0}", "{\\\"scale\\\":}", "{\\\"scale\\\":1e999}", "{\\\"scale\\\":\\\"1\\\"}",
        "{\\\"mean\\\":[1,2]}", "{\\\"mean\\\":[1}", "{\\\"mean\\\":[1,]}", "{\\\"std\\\":[0]}", "{\\\"std\\\":[-1]}", "{\\\"std\\\":[nan]}",
        "{\\\"mean\\\":[.]}", "{\\\"mean\\\":[1e]}", "{\\\"mean\\\":[1],\\\"std\\\":[1,1]}", "{\\\"mean\\\":[1]}x", "{\\\"mean\\\":[1]",
        "{\\\"resize\\\":1}", "{\\\"kind\\\":\\\"a\\\\\\\"}", "{\\\"mean\\\":[1.2.3]}", "{\\\"mean\\\":[[1]]}",
    };
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
        expect_constants(file, invalid[i], NET_CONSTANTS_INVALID, 0, 0);
    expect_constants(file, "{\\\"kind\\\":\\\"none\\\",\\\"scale\\\":1.0}", NET_LOADED, 1, 0);
    expect_constants(file, "{\\\"scale\\\":2}", NET_LOADED, 2, 0);
    expect_constants(file, " {\\\"mean\\\" : [ 0.5 ] , \\\"std\\\" : [ 0.25 ] }", NET_LOADED, 4, -2);
    expect_constants(file, "{\\\"kind\\\":\\\"\\\\\\\"\\\\u0041\\\",\\\"mean\\\":[-5e-1]}", NET_LOADED, 1, 0.5f);
    expect_constants(file, "{\\\"mean\\\":[123456789012345678901234567890e-29]}", NET_LOADED, 1, -1.23456789012345678901f);
    expect_constants(file, "{\\\"mean\\\":[0.0000000000000000000000000000012E+30]}", NET_LOADED, 1, -1.2f);
    expect_constants(file, "{\\\"mean\\\":[0.13066048147629737]}", NET_LOADED, 1, -0.13066048147629737f);
}

/* All tensors as another type: values that it holds exactly must come out the same. */
static void other_types(void)
{
    static const struct {
        const char *type;
        int width;
        unsigned char low[8], high[8];
        float low_value, high_value;
    } types[] = {
        {"F16", 2, {0x00, 0x3c}, {0x01, 0x80}, 1, -5.9604644775390625e-08f},
        {"F16", 2, {0xff, 0x7b}, {0x55, 0xb5}, 65504, -0.333251953125f},
        {"F16", 2, {0x00, 0x7c}, {0x00, 0x00}, INFINITY, 0},
        {"BF16", 2, {0x80, 0x3f}, {0x49, 0xc0}, 1, -3.140625f},
        {"F64", 8, {0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, {0x18, 0x2d, 0x44, 0x54, 0xfb, 0x21, 0x09, 0xc0}, 1, -3.14159274f},
    };
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        unsigned char file[512] = {0};
        int n = snprintf((char *)file + 8, sizeof file - 8, "{\"c1.bias\":{\"dtype\":\"%s\",\"shape\":[6],\"data_offsets\":[0,%d]}}", types[k].type,
                         6 * types[k].width);
        bytes b = bytes_of(file, (size_t)(8 + n + 6 * types[k].width));
        set_header_length(b, (uint64_t)n);
        for (int i = 0; i < 6; i++)
            memcpy(b.at + 8 + n + i * types[k].width, i == 0 ? types[k].low : types[k].high, (size_t)types[k].width);
        expect(b, NET_PARAMETER_MISSING, "c1.weight", types[k].type); /* but the one that is there was read */
        const float *found = memory;
        size_t at = 0, left = NET_MODEL_BYTES / sizeof(float) - 6;
        while (at < left && !(found[at] == types[k].low_value && found[at + 1] == types[k].high_value && found[at + 5] == types[k].high_value))
            at++;
        if (at == left) {
            fprintf(stderr, "hostile: values of type %s are not what they should be\n", types[k].type);
            failures++;
        }
        free(b.at);
    }
}

/* Random damage to the header: no status is asked for, only that it ends well. */
static void random_damage(bytes file, int rounds)
{
    static const char alphabet[] = "{}[]\",:\\0123456789-+.eEu ";
    uint32_t state = 7;
    size_t length = header_length(file);
    int loaded = 0;
    for (int round = 0; round < rounds; round++) {
        bytes b = bytes_of(file.at, file.n);
        for (int k = 0; k <= round % 4; k++) {
            state = state * 1664525u + 1013904223u;
            size_t at = 8 + (state >> 8) % length;
            state = state * 1664525u + 1013904223u;
            b.at[at] = round % 3 == 0 ? (unsigned char)(state >> 24) : (unsigned char)alphabet[(state >> 16) % (sizeof alphabet - 1)];
        }
        net_model model;
        loaded += load(&model, b) >= NET_LOADED;
        free(b.at);
    }
    if (loaded > rounds / 10) {
        fprintf(stderr, "hostile: %d of %d damaged headers were loaded\n", loaded, rounds);
        failures++;
    }
}

int main(int argc, char **argv)
{
    static unsigned char text[1 << 20];
    FILE *in = argc == 2 ? fopen(argv[1], "rb") : NULL;
    size_t n = in ? fread(text, 1, sizeof text, in) : 0;
    memory = malloc(NET_MODEL_BYTES);
    if (n == 0 || n == sizeof text || !memory)
        return 2;
    fclose(in);
    bytes file = bytes_of(text, n);
    net_model model;
    expect(file, NET_LOADED, NULL, "as it is");
    if (net_load_file(&model, memory, "/nonexistent/weights") != NET_CANNOT_READ || net_load_file(&model, memory, "/") != NET_CANNOT_READ) {
        fprintf(stderr, "hostile: a file that is not there was read\n");
        failures++;
    }
    cut_short(file);
    damaged(file);
    headers_alone();
    constants(file);
    other_types();
    random_damage(file, 20000);
    free(file.at);
    free(memory);
    return failures > 0;
}
