/* order.c WEIGHTS - a network that only flattens its input gives channel after channel, each row by row. Status 1 if not. */
#include NETWORK_H

#include <stdio.h>

static _Alignas(64) unsigned char memory[NET_MODEL_BYTES], workspace[NET_WORKSPACE_BYTES(1)];

int main(int argc, char **argv)
{
    net_model model;
    float input[NET_INPUT], output[NET_OUTPUT];
    int wrong = 0;
    if (argc != 2 || net_load_file(&model, memory, argv[1]) != NET_LOADED) {
        fprintf(stderr, "no weights\n");
        return 1;
    }
    for (int i = 0; i < NET_INPUT; i++) {
        input[i] = (float)i;
    }
    net_run(&model, workspace, 1, input, output);
    for (int h = 0; h < NET_INPUT_H; h++) {
        for (int w = 0; w < NET_INPUT_W; w++) {
            for (int c = 0; c < NET_INPUT_C; c++) {
                wrong += output[(c * NET_INPUT_H + h) * NET_INPUT_W + w] != input[(h * NET_INPUT_W + w) * NET_INPUT_C + c];
            }
        }
    }
    printf("%d of %d values out of order\n", wrong, NET_OUTPUT);
    return wrong > 0;
}
