/* embed.c - turns the runtime's files into a C table of bytes: they are written beside emitted models, and kernels are spliced
 * from them. Run at build time: embed FILE... > embedded.c */
#include <stdio.h>
#include <string.h>

static int embed(const char *path, int index)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return 1;
    }
    printf("static const char file_%d[] = {", index);
    int c = 0;
    for (int column = 0; (c = fgetc(f)) != EOF; column++) {
        printf("%s%d,", column % 24 == 0 ? "\n" : "", c > 127 ? c - 256 : c);
    }
    printf("0};\n");
    int failed = ferror(f);
    if (fclose(f) != 0 || failed) {
        perror(path);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    printf("#include \"emit/emit.h\"\n");
    for (int i = 1; i < argc; i++) {
        if (embed(argv[i], i) != 0) {
            return 1;
        }
    }
    printf("const EmbeddedFile embedded_files[] = {\n");
    for (int i = 1; i < argc; i++) {
        const char *name = strncmp(argv[i], "runtime/", 8) == 0 ? argv[i] + 8 : argv[i];
        printf("    {\"%s\", file_%d},\n", name, i);
    }
    printf("    {NULL, NULL},\n};\n");
    return ferror(stdout) || fflush(stdout) != 0;
}
