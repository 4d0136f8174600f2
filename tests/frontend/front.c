/* front.c - the front end as a program, for golden files: front ast|fmt|err FILE
 *
 * Prints the tree, the canonical form, or the diagnostics. FILE is shown by its last component only, so that goldens do
 * not depend on where they lie. Status 1 when there were errors. */
#include "ast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void run(const char *what, const Ast *ast, const Diags *d, Str *out)
{
    if (strcmp(what, "ast") == 0) {
        ast_dump(ast, d, out);
    } else if (strcmp(what, "fmt") == 0) {
        ast_format(ast, d, out);
    } else {
        diag_render(d, out, false);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: front ast|fmt|err FILE\n", stderr);
        return 2;
    }
    size_t len;
    char *text = file_read(argv[2], &len);
    if (text == NULL) {
        perror(argv[2]);
        return 2;
    }
    Arena arena = {0};
    Diags d = {.arena = &arena};
    const char *slash = strrchr(argv[2], '/');
    int file = diag_add_source(&d, slash != NULL ? slash + 1 : argv[2], text, (uint32_t)len);
    Ast *ast = ast_parse(&arena, &d, file);
    Str out = {0};
    run(argv[1], ast, &d, &out);
    if (out.len > 0) {
        fputs(out.data, stdout);
    }
    str_free(&out);
    int status = d.errors > 0;
    arena_free(&arena);
    free(text);
    return status;
}
