/* draw_svg.c - the picture as SVG, complete in itself, for light and dark screens. */
#include "draw.h"

/* Every rule is for what is inside this picture: it may stand in a page with others. */
static const char style[] =
    ".network text { font: 11px Helvetica, Arial, sans-serif; text-anchor: middle; fill: #22272e; }\n"
    ".network .title { font-weight: bold; } .network .quiet { fill: #68707a; }\n"
    ".network .frame { fill: #f4f6f8; stroke: #dde2e7; }\n"
    ".network .label { text-anchor: start; font-size: 10px; fill: #8a929b; } .network .page { fill: #fff; }\n"
    ".network .box { stroke-width: 1.2; fill: #fff; stroke: #9aa4af; }\n"
    ".network .weights { fill: #e3eefb; stroke: #6c9bd2; } .network .pool { fill: #e4f3e6; stroke: #76b07e; }\n"
    ".network .merge { fill: #fdf0dc; stroke: #d3a254; } .network .end { stroke-width: 2.4; }\n"
    ".network .arrow { fill: none; stroke: #8b95a0; stroke-width: 1.3; } .network .tip { fill: #8b95a0; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  .network .page { fill: #15181c; } .network text { fill: #e4e7eb; } .network .quiet { fill: #98a1ab; }\n"
    "  .network .frame { fill: #1c2026; stroke: #2d333b; } .network .label { fill: #7c858f; }\n"
    "  .network .box { fill: #22272e; stroke: #68727d; } .network .weights { fill: #1b2f48; stroke: #4c7fb8; }\n"
    "  .network .pool { fill: #1e3524; stroke: #528c5b; } .network .merge { fill: #3c2f18; stroke: #a67c35; }\n"
    "  .network .arrow { stroke: #6b7580; } .network .tip { fill: #6b7580; }\n"
    "}\n";

static void add_frame(Str *out, const Frame *f)
{
    str_printf(out, "<rect class=\"frame\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"8\"/>\n", f->left,
               f->top, f->right - f->left, f->bottom - f->top);
    str_printf(out, "<text class=\"label\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", f->left + 6, f->top + 11, f->name);
}

static const char *class_of(const Box *b)
{
    const Layer *l = b->layer;
    for (int i = 0; i < l->n_params; i++) {
        if (l->params[i]->panels) {
            return "box weights";
        }
    }
    return l->op->traits & OP_MERGE                                        ? "box merge"
           : l->n_inputs > 0 && (l->out.h < l->in.h || l->out.w < l->in.w) ? "box pool"
                                                                           : "box";
}

static void add_box(Str *out, const Box *b)
{
    str_printf(out, "<rect class=\"%s%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"6\"/>\n",
               class_of(b), b->is_output ? " end" : "", b->x - b->width / 2, b->y - b->height / 2, b->width, b->height);
    str_printf(out, "<text class=\"title\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", b->x, b->y - 11, b->title);
    for (int i = 0; i < 2; i++) {
        str_printf(out, "<text class=\"quiet\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", b->x, b->y + 4 + 15 * i, b->text[i]);
    }
}

/* From the bottom of what is read to the box: straight through bends, curved between ranks. */
static void add_arrow(Str *out, const Box *from, const Box *to)
{
    const Box *path[2] = {from, to};
    double end = to->y - to->height / 2 - 5;
    while (!path[0]->layer) {
        path[0] = path[0]->in[0];
    }
    str_printf(out, "<path class=\"arrow\" d=\"M%.1f %.1f", path[0]->x, path[0]->y + path[0]->height / 2);
    double x = path[0]->x, y = path[0]->y + path[0]->height / 2;
    const Box *at = path[0];
    while (at != to) {
        const Box *next = to;
        for (const Box *b = from; b != at; b = b->in[0]) { /* the bend behind `at` */
            next = b;
        }
        double top = next == to ? end : next->y - next->height / 2;
        if (next->x == x) {
            str_printf(out, " V%.1f", top);
        } else {
            str_printf(out, " C%.1f %.1f %.1f %.1f %.1f %.1f", x, (y + top) / 2, next->x, (y + top) / 2, next->x, top);
        }
        x = next->x;
        y = next == to ? top : next->y + next->height / 2;
        if (next != to) {
            str_printf(out, " V%.1f", y);
        }
        at = next;
    }
    str_printf(out, "\"/>\n<path class=\"tip\" d=\"M%.1f %.1f l-4 -7 h8 z\"/>\n", x, end + 5);
}

void draw_svg(const Drawing *d, Str *out)
{
    str_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"network\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f "
               "%.0f\">\n<title>%s</title>\n",
               d->width, d->height, d->width, d->height, d->net->name);
    str_printf(out, "<style>\n%s</style>\n<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n", style);
    for (int i = 0; i < d->n_frames; i++) {
        add_frame(out, &d->frames[i]);
    }
    for (int i = 0; i < d->n_boxes; i++) {
        const Box *b = d->boxes[i];
        for (int k = 0; b->layer && k < b->n_in; k++) {
            add_arrow(out, b->in[k], b);
        }
    }
    for (int i = 0; i < d->n_boxes; i++) {
        if (d->boxes[i]->layer) {
            add_box(out, d->boxes[i]);
        }
    }
    str_add(out, "</svg>\n");
}
