/* sketch.c - NAME_sketch.h, which a trainer's main() includes: what the page about a run shows of the network
 * itself. The trainer cannot work these out, as it knows tensors and not layers; drawn by the compiler, the picture
 * is the one of `netc graph`. */
#include "sketch.h"
#include "draw.h"
#include "emit/ctree.h"
#include "report.h"

#include <string.h>

/* Pictures of more boxes are no help to anybody. */
enum { MOST_BOXES = 500 };

/* NULL-terminated: a line of the text each, as C compilers have to take literals of 4095 bytes only. */
static void add_lines(Arena *a, Ct *out, const char *name, const char *text)
{
    Ct *table = ct_table(out, "static const char *const %s[] =", name);
    while (*text) {
        const size_t n = strcspn(text, "\n");
        ct_line(table, "%s,", c_string(a, arena_strndup(a, text, n)));
        text += n + (text[n] == '\n');
    }
    ct_line(table, "NULL,");
    ct_blank(out);
}

static const char *row_text(Arena *a, const Row *row)
{
    const char *text = row->layer->n_inputs > 0 ? operator_text(a, row->layer) : "";
    for (int i = 0; i < row->n_fused; i++) {
        text = arena_printf(a, "%s + %s", text, row->fused[i]->op->name);
    }
    return text;
}

static void add_layers(Arena *a, Ct *out, const Report *r)
{
    Ct *table = ct_table(out, "static const nt_sketch_layer sketch_layers[] =");
    for (int i = 0; i < r->n_rows; i++) {
        const Row *row = &r->rows[i];
        ct_line(table, "{%s, %s, %s, %lld, %lld, %lld},", c_string(a, row->layer->name), c_string(a, row_text(a, row)),
                c_string(a, shape_text(a, row->layer->out)), (long long)row->activations, (long long)row->parameters,
                (long long)row->macs);
    }
    ct_blank(out);
}

static void add_graph(Arena *a, Ct *out, const Net *net)
{
    Str text = {0};
    Drawing *d = draw_boxes(a, net);
    if (d->n_boxes <= MOST_BOXES) {
        draw_layout(d);
        draw_svg(d, &text);
    }
    add_lines(a, out, "sketch_graph", text.data ? text.data : "");
    str_free(&text);
}

void sketch_file(Compilation *c, Output *output)
{
    Arena *a = &c->arena;
    const Report *r = report_rows(a, c->net);
    Str settings = {0}, text = {0};
    Ct *file = ct_new(a);
    ct_comment(file,
               "What report.html shows of %s: its layers, all settings, its graph. Made by netc from %s; do not edit.",
               c->net->name, c->net->file);
    ct_directive(file, "include \"runtime/sketch.h\"");
    ct_blank(file);
    ct_directive(file, "include <stddef.h>");
    ct_blank(file);
    add_layers(a, file, r);
    config_effective(c->net, &settings);
    add_lines(a, file, "sketch_settings", settings.data ? settings.data : "");
    str_free(&settings);
    add_graph(a, file, c->net);
    Ct *sketch = ct_table(file, "static const nt_sketch sketch =");
    ct_line(sketch, ".layers = sketch_layers, .n_layers = %d, .shapes = %s,", r->n_rows,
            c_string(a, network_shapes(a, c->net)));
    ct_line(sketch, ".settings = sketch_settings, .graph = sketch_graph,");
    ct_render(file, 0, &text);
    add_file(a, output, arena_printf(a, "%s_sketch.h", c_name(a, c->net->name)), text);
}
