/* annotate.c - adds preprocessing constants to a safetensors file, as the trainer writes them.
 *
 *   annotate IN OUT MEANS STDS SCALE       so many of each, made up; 0: none */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void fail(const char *path)
{
    perror(path);
    exit(EXIT_FAILURE);
}

static void add_list(char **to, const char *name, int n, double first, double step, int period)
{
    if (n == 0)
        return;
    *to += sprintf(*to, ",\\\"%s\\\":[", name);
    for (int i = 0; i < n; i++)
        *to += sprintf(*to, "%s%.17g", i ? "," : "", first + step * (i % period));
    *to += sprintf(*to, "]");
}

int main(int argc, char **argv)
{
    static unsigned char file[1 << 20];
    static char header[1 << 20];
    if (argc != 6)
        return EXIT_FAILURE;
    FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
    size_t bytes = in ? fread(file, 1, sizeof file, in) : 0, length = 0;
    if (!out || bytes < 9 || bytes == sizeof file)
        fail(argv[1]);
    for (int i = 7; i >= 0; i--)
        length = length << 8 | file[i];
    char *to = header + sprintf(header, "{\"__metadata__\":{\"netc.preprocessing\":\"{\\\"kind\\\":\\\"given\\\",\\\"scale\\\":%s", argv[5]);
    add_list(&to, "mean", atoi(argv[3]), 0.2, 0.1, 5);
    add_list(&to, "std", atoi(argv[4]), 0.5, 0.07, 3);
    to += sprintf(to, "}\"},%.*s", (int)length - 1, (char *)file + 9);
    for (size_t n = (size_t)(to - header), i = 0; i < 8; i++, n >>= 8)
        fputc((int)(n & 255), out);
    fwrite(header, 1, (size_t)(to - header), out);
    fwrite(file + 8 + length, 1, bytes - 8 - length, out);
    if (fclose(out) != 0)
        fail(argv[2]);
    fclose(in);
    return EXIT_SUCCESS;
}
