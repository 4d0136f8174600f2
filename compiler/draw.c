/* draw.c - `netc graph`: the network as a picture, for graphviz or as a finished SVG. */
#include "report.h"

#include <stdio.h>
#include <string.h>

static void add_dot(Compilation *c, Str *out)
{
    const Net *net = c->net;
    str_printf(out, "digraph %s {\n", net->name);
    str_add(out, "    node [shape=box, style=rounded, fontname=\"Helvetica\", fontsize=11];\n    edge [fontname=\"Helvetica\", fontsize=9];\n");
    for (int i = 0; i < net->n_layers; i++) {
        const Layer *l = net->layers[i];
        str_printf(out, "    n%d [label=\"%s\\n%s\\n%s\"%s];\n", i, l->name, operator_text(&c->arena, l), shape_text(&c->arena, l->out),
                   l->is_output ? ", penwidth=2" : "");
    }
    for (int i = 0; i < net->n_layers; i++) {
        const Layer *l = net->layers[i];
        for (int k = 0; k < l->n_inputs; k++) {
            str_printf(out, "    n%d -> n%d;\n", l->inputs[k]->index, i);
        }
    }
    str_add(out, "}\n");
}

int command_graph(const Options *o)
{
    if (!o->format || strcmp(o->format, "dot") != 0) {
        fprintf(stderr, "netc: graph needs --format dot\n");
        return 2;
    }
    Compilation c = {0};
    if (!compile_front(&c, o)) {
        compilation_free(&c);
        return 1;
    }
    Str out = {0};
    add_dot(&c, &out);
    bool ok = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    if (!ok) {
        fprintf(stderr, "netc: cannot write the picture\n");
    }
    str_free(&out);
    compilation_free(&c);
    return ok ? 0 : 3;
}
