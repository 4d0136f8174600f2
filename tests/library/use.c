/* use.c - a user of an emitted library. check.sh compiles it for each network, which it calls `net`: -DNETWORK_H='"lenet5.h"',
 * -Dnet_run=lenet5_run and so on; with -DPRETRAINED the weights are compiled in.
 *
 *   use input OUT.npy SAMPLES        random samples from 0 to 1
 *   use run WEIGHTS|- IN.npy         the results, a line a sample, as hexadecimal floats
 *   use softmax WEIGHTS|- IN.npy     the probabilities, a line a sample, in decimal
 *
 * A run is made several times: all samples at once, one at a time, on a workspace full of NaNs, and by several threads at a time.
 * Status 1 if one of them differs in a bit. */
#include NETWORK_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "use: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void *room(size_t bytes)
{
    void *memory = aligned_alloc(NET_ALIGNMENT, (bytes + NET_ALIGNMENT - 1) / NET_ALIGNMENT * NET_ALIGNMENT);
    if (!memory)
        fail("memory", "not enough");
    return memory;
}

enum { NPY_HEADER = 128 };

static void write_input(const char *path, int samples)
{
    char header[NPY_HEADER + 1] = "\x93NUMPY\x01";
    FILE *out = fopen(path, "wb");
    if (!out)
        fail(path, "cannot be written");
    header[8] = NPY_HEADER - 10;
    int end = 10;
    if (NET_INPUT_H * NET_INPUT_W == 1)
        end += sprintf(header + end, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", samples, NET_INPUT);
    else
        end += sprintf(header + end, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, %d, %d), }", samples, NET_INPUT_H,
                       NET_INPUT_W, NET_INPUT_C);
    memset(header + end, ' ', (size_t)(NPY_HEADER - end));
    header[NPY_HEADER - 1] = '\n';
    fwrite(header, 1, NPY_HEADER, out);
    uint32_t state = 1;
    for (int i = 0; i < samples * NET_INPUT; i++) {
        state = state * 1664525u + 1013904223u;
        float value = (float)(state >> 8) / (1 << 24);
        fwrite(&value, sizeof value, 1, out);
    }
    if (fclose(out) != 0)
        fail(path, "cannot be written");
}

static float *read_input(const char *path, int *samples)
{
    FILE *in = fopen(path, "rb");
    if (!in || fseek(in, 0, SEEK_END) != 0)
        fail(path, "cannot be read");
    long bytes = ftell(in) - NPY_HEADER;
    float *input = room((size_t)bytes);
    *samples = (int)((size_t)bytes / sizeof(float) / NET_INPUT);
    if (fseek(in, NPY_HEADER, SEEK_SET) != 0 || fread(input, 1, (size_t)bytes, in) != (size_t)bytes)
        fail(path, "cannot be read");
    fclose(in);
    return input;
}

static void same(const float *a, const float *b, size_t n, const char *how)
{
    if (memcmp(a, b, n * sizeof *a) != 0)
        fail(how, "other results");
}

static float *results(const net_model *model, const float *input, int samples)
{
    size_t n = (size_t)samples * NET_OUTPUT, whole = NET_WORKSPACE_BYTES(samples), one = NET_WORKSPACE_BYTES(1);
    float *at_once = room(n * sizeof *at_once), *again = room(n * sizeof *again);
    void *workspace = room(whole);
    memset(workspace, 0, whole);
    net_run(model, workspace, samples, input, at_once);

    memset(workspace, 0xff, whole);
    net_run(model, workspace, samples, input, again);
    same(at_once, again, n, "on a workspace full of NaNs");

    memset(again, 0, n * sizeof *again);
    for (int i = 0; i < samples; i++)
        net_run(model, workspace, 1, input + (size_t)i * NET_INPUT, again + (size_t)i * NET_OUTPUT);
    same(at_once, again, n, "one at a time");

    memset(again, 0, n * sizeof *again);
#pragma omp parallel for num_threads(3) schedule(dynamic)
    for (int i = 0; i < samples; i++) {
        void *own = room(one);
        net_run(model, own, 1, input + (size_t)i * NET_INPUT, again + (size_t)i * NET_OUTPUT);
        free(own);
    }
    same(at_once, again, n, "by several threads");
    free(workspace);
    free(again);
    return at_once;
}

static void print_softmax(const float *x)
{
    double most = (double)x[0], sum = 0;
    for (int i = 1; i < NET_OUTPUT; i++)
        most = (double)x[i] > most ? (double)x[i] : most;
    for (int i = 0; i < NET_OUTPUT; i++)
        sum += exp((double)x[i] - most);
    for (int i = 0; i < NET_OUTPUT; i++)
        printf("%.9g%c", exp((double)x[i] - most) / sum, i + 1 < NET_OUTPUT ? ' ' : '\n');
}

int main(int argc, char **argv)
{
    if (argc != 4)
        fail("usage", "use input OUT.npy SAMPLES | use run|softmax WEIGHTS IN.npy");
    if (strcmp(argv[1], "input") == 0) {
        write_input(argv[2], atoi(argv[3]));
        return EXIT_SUCCESS;
    }
    int samples;
    float *input = read_input(argv[3], &samples);
#ifdef PRETRAINED
    const net_model model = net_pretrained;
    void *memory = NULL;
#else
    net_model model;
    void *memory = room(NET_MODEL_BYTES);
    net_status status = net_load_file(&model, memory, argv[2]);
    if (status != NET_LOADED)
        fail(model.about ? model.about : argv[2], net_message(status));
#endif
    float *output = results(&model, input, samples);
    for (int s = 0; s < samples; s++) {
        const float *x = output + (size_t)s * NET_OUTPUT;
        if (strcmp(argv[1], "softmax") == 0)
            print_softmax(x);
        for (int i = 0; i < NET_OUTPUT && strcmp(argv[1], "run") == 0; i++)
            printf("%a%c", (double)x[i], i + 1 < NET_OUTPUT ? ' ' : '\n');
    }
    free(output);
    free(input);
    free(memory);
    return EXIT_SUCCESS;
}
