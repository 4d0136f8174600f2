/* draw.c - `netc graph`: boxes of a network, as a dot file or as a finished picture. */
#include "draw.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static Box *new_box(Drawing *d, const Layer *l)
{
    Box *b = arena_alloc(d->arena, sizeof *b);
    b->id = d->n_boxes;
    b->layer = l;
    b->title = l->name;
    b->frame = -1;
    d->boxes = vec_grow(d->arena, d->boxes, d->n_boxes, &d->cap_boxes, sizeof *d->boxes);
    d->boxes[d->n_boxes++] = b;
    return b;
}

/* An activation, batchnorm or dropout is written into the box of what it reads, if it is the only reader. */
static bool joins_box(const Layer *l)
{
    return l->n_inputs == 1 && l->inputs[0]->reads == 1 && !l->inputs[0]->is_output &&
           (l->op->elt || (l->op->traits & OP_FREE)) && !(l->op->traits & OP_MERGE);
}

static int64_t parameters_of(const Layer *l)
{
    int64_t n = 0;
    for (int i = 0; i < l->n_params; i++) {
        const NetParam *p = l->params[i];
        n += p->role == PARAM_STAT ? 0 : p->out * p->in * p->kh * p->kw;
    }
    return n;
}

static void add_frames(Drawing *d)
{
    const char *block = "";
    size_t n = 0;
    for (int i = 0; i < d->n_boxes; i++) {
        Box *b = d->boxes[i];
        const char *name = b->layer->name;
        if (!is_in_block(name, block, n)) {
            block = name;
            n = i + 1 < d->n_boxes ? block_around(name, d->boxes[i + 1]->layer->name) : 0;
            if (n > 0) {
                d->frames = vec_grow(d->arena, d->frames, d->n_frames, &d->cap_frames, sizeof *d->frames);
                d->frames[d->n_frames++] = (Frame){.name = arena_strndup(d->arena, name, n)};
            }
        }
        if (n > 0) {
            b->frame = d->n_frames - 1;
            b->title = name + n + 1;
        }
    }
}

Drawing *draw_boxes(Arena *a, const Net *net)
{
    Drawing *d = arena_alloc(a, sizeof *d);
    d->arena = a;
    d->net = net;
    Box **box_of = arena_array(a, (size_t)net->n_layers, sizeof(Box *));
    int64_t *parameters = arena_array(a, (size_t)net->n_layers, sizeof *parameters); /* by box id */
    for (int i = 0; i < net->n_layers; i++) {
        const Layer *l = net->layers[i];
        Box *b = NULL;
        if (joins_box(l)) {
            b = box_of[l->inputs[0]->index];
            b->text[0] = arena_printf(a, "%s +%s", b->text[0], l->op->name);
        } else {
            b = new_box(d, l);
            b->text[0] = l->n_inputs > 0 ? operator_text(a, l) : "";
            b->in = arena_array(a, (size_t)l->n_inputs, sizeof *b->in);
            for (int k = 0; k < l->n_inputs; k++) {
                b->in[b->n_in++] = box_of[l->inputs[k]->index];
            }
        }
        box_of[i] = b;
        b->is_output |= l->is_output;
        b->is_main |= l == net->outputs[0];
        parameters[b->id] += parameters_of(l);
        b->text[1] = shape_text(a, l->out);
        if (parameters[b->id] > 0) {
            b->text[1] = arena_printf(a, "%s · %s", b->text[1], scaled(a, (double)parameters[b->id]));
        }
    }
    for (int i = 0; i < d->n_boxes; i++) { /* the input: nothing but its shape */
        Box *b = d->boxes[i];
        if (*b->text[0] == '\0') {
            b->text[0] = b->text[1];
            b->text[1] = "";
        }
    }
    add_frames(d);
    return d;
}

void draw_dot(const Drawing *d, Str *out)
{
    str_printf(out, "digraph \"%s\" {\n", d->net->name);
    str_add(out, "    node [shape=box, style=rounded, fontname=\"Helvetica\", fontsize=11];\n"
                 "    graph [fontname=\"Helvetica\", fontsize=10, color=gray];\n");
    int frame = -1;
    for (int i = 0; i < d->n_boxes; i++) {
        const Box *b = d->boxes[i];
        if (b->frame != frame && frame >= 0) {
            str_add(out, "    }\n");
        }
        if (b->frame != frame && b->frame >= 0) {
            str_printf(out, "    subgraph cluster_%d {\n        label=\"%s\";\n", b->frame, d->frames[b->frame].name);
        }
        frame = b->frame;
        str_printf(out, "%sb%d [label=\"%s\\n%s\\n%s\"%s];\n", frame >= 0 ? "        " : "    ", b->id, b->title,
                   b->text[0], b->text[1], b->is_output ? ", penwidth=2" : "");
    }
    str_add(out, frame >= 0 ? "    }\n" : "");
    for (int i = 0; i < d->n_boxes; i++) {
        for (int k = 0; k < d->boxes[i]->n_in; k++) {
            str_printf(out, "    b%d -> b%d;\n", d->boxes[i]->in[k]->id, d->boxes[i]->id);
        }
    }
    str_add(out, "}\n");
}

int command_graph(const Options *o)
{
    const char *format = o->format ? o->format : "svg";
    bool dot = strcmp(format, "dot") == 0;
    if (!dot && strcmp(format, "svg") != 0) {
        fprintf(stderr, "netc: --format %s: it is dot or svg\n", format);
        return 2;
    }
    Compilation c = {0};
    if (!compile_front(&c, o)) {
        compilation_free(&c);
        return 1;
    }
    Drawing *d = draw_boxes(&c.arena, c.net);
    Str out = {0};
    if (dot) {
        draw_dot(d, &out);
    } else {
        draw_layout(d);
        draw_svg(d, &out);
    }
    bool ok = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    if (!ok) {
        fprintf(stderr, "netc: cannot write the picture: %s\n", strerror(errno));
    }
    str_free(&out);
    compilation_free(&c);
    return ok ? 0 : 3;
}
