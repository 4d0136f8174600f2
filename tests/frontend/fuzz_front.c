/* The front end on arbitrary bytes: it reports, or the canonical form is one (it parses, and is its own). Build with
 * -fsanitize=fuzzer,address,undefined; the inputs of valid/ and broken/ are the seeds. */
#include "ast.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void format(Arena *a, Diags *d, const char *text, size_t len, Str *form)
{
    Ast *ast = ast_parse(a, d, diag_add_source(d, "m.net", text, (uint32_t)len));
    if (d->errors == 0) {
        ast_format(ast, d, form);
    } else {
        diag_render(d, form, true);
        ast_dump(ast, d, form);
    }
    str_add(form, "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena a = {0};
    Diags d = {.arena = &a};
    Str once = {0}, twice = {0};
    char *text = arena_alloc(&a, size + 1);
    if (size > 0) {
        memcpy(text, data, size);
    }
    format(&a, &d, text, size, &once);
    if (d.errors == 0) {
        format(&a, &d, once.data, once.len, &twice);
        if (d.errors > 0 || strcmp(once.data, twice.data) != 0) {
            abort();
        }
    }
    str_free(&once);
    str_free(&twice);
    arena_free(&a);
    return 0;
}
