/* fuzz_check.c - netc on any bytes at all as a model: it reports what is wrong, or plans it, makes every report, and the C.
 *
 * The model lies in examples/, so that its blocks are found. Seeds: every .net file of examples/ and tests/. */
#include "driver.h"
#include "emit/emit.h"
#include "report.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_NODES = 400 }; /* larger networks are not emitted: that takes time and shows nothing new */

static void report(Compilation *c)
{
    Report *r = report_make(c);
    Str out = {0};
    report_text(r, &out, 80, true);
    report_markdown(r, &out);
    report_csv(r, &out);
    report_json(r, &out);
    report_html(r, &out);
    str_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Options options = {.target = "generic", .kind = "trainer"};
    Compilation c = {.options = &options};
    c.diags.arena = &c.arena;
    char *text = arena_alloc(&c.arena, size + 1);
    if (size > 0) {
        memcpy(text, data, size);
    }
    c.ast = ast_parse(&c.arena, &c.diags, diag_add_source(&c.diags, "examples/m.net", text, (uint32_t)size));
    c.net = sema_network(&c.arena, &c.diags, c.ast, NULL, 0);
    Str messages = {0};
    diag_render(&c.diags, &messages, true);
    if (c.net == NULL && c.diags.errors == 0) {
        abort(); /* refused without a word */
    }
    str_free(&messages);
    if (c.net != NULL && c.diags.errors == 0 && compile_graphs(&c)) {
        report(&c);
        if (c.train->n_nodes <= MOST_NODES) {
            Output out = {0};
            emit_model(&c.arena, c.net, c.train, c.probe, c.infer, c.target, &out);
            output_free(&out);
        }
    }
    compilation_free(&c);
    return 0;
}
