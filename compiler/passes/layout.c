/* layout.c - how everything lies in memory: padding of channels, zero borders, slices, packing of parameters. */
#include "passes.h"

#include "../config.h"

#include <string.h>

enum { ALIGN = 16 }; /* elements: 64 bytes of float */

/* The size of a parameter, and whether its gradient is used up where it is made. That takes a gradient that nobody wants to see before
 * the update, as clipping does, and pays where it would go to memory and come back. */
static void size_param(const Net *net, const Target *t, NetParam *p)
{
    enum { LARGE = 1 << 20 };
    if (p->panels) {
        p->out_padded = round_up(p->out / p->groups, t->vl);
        p->panel = target_panel(t, p->out_padded);
        p->elements = p->out_padded * p->groups * p->in * p->kh * p->kw;
    } else {
        p->out_padded = round_up(p->out, t->vl);
        p->panel = 1;
        p->elements = p->out_padded;
    }
    p->elements = round_up(p->elements, ALIGN);
    p->at_once = p->one_product && param_is_trained(p) && p->elements >= LARGE && net->config->clip.form->kind == CLIP_NONE;
}

void layout_params(Net *net, const Target *t)
{
    int64_t offset = 0;
    const int ranges = 2 * (net->config->n_groups + 1), frozen = 2 * ranges, statistics = frozen + 1;
    for (int i = 0; i < net->n_params; i++) {
        size_param(net, t, net->params[i]);
    }
    for (int turn = 0; turn <= statistics; turn++) { /* of each group what decays and what does not: each in one piece, or two */
        for (int i = 0; i < net->n_params; i++) {
            NetParam *p = net->params[i];
            const int trained = 2 * p->group + !p->decays + (p->at_once ? ranges : 0);
            if (turn == (p->role == PARAM_STAT ? statistics : p->frozen ? frozen : trained)) {
                p->offset = offset;
                offset += p->elements;
            }
        }
    }
}

/* A concat's branches write straight into its result where their channels begin and end on whole vectors. Later concats first, so that
 * nested ones find where the outer one lies. */
static void place_branches(Graph *g, const Target *t)
{
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        Node *n = g->nodes[i];
        if (n->dead || !(n->op->traits & OP_MERGE) || n->op->elt) {
            continue;
        }
        Value *y = n->out[0];
        int64_t from = 0;
        for (int k = 0; k < n->n_in; k++) {
            Value *x = n->in[k];
            bool aligned = (from + y->base_channel) % t->vl == 0 && (x->shape.c % t->vl == 0 || k + 1 == n->n_in);
            bool once = x->def && !x->base && !x->keep && x != g->input;
            for (int j = 0; j < k; j++) {
                once &= n->in[j] != x;
            }
            if (aligned && once) {
                x->base = value_root(y);
                x->base_channel = from + y->base_channel;
            }
            from += x->shape.c;
        }
    }
}

/* Parts of a tensor are views of it, on the same condition; outer ones first. */
static void place_parts(Graph *g, const Target *t)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        if (n->dead || !(n->op->traits & OP_PARTS)) {
            continue;
        }
        Value *x = n->in[0], *y = n->out[0];
        const int64_t from = *(const int64_t *)n->attrs, end = from + y->shape.c;
        if ((from + x->base_channel) % t->vl == 0 && (y->shape.c % t->vl == 0 || end == x->shape.c) && !y->keep) {
            y->base = value_root(x);
            y->base_channel = from + x->base_channel;
        }
    }
}

static void want_halo(Value *v, int top, int left, int bottom, int right)
{
    Layout *l = &value_root(v)->layout;
    l->top = top > l->top ? top : l->top;
    l->left = left > l->left ? left : l->left;
    l->bottom = bottom > l->bottom ? bottom : l->bottom;
    l->right = right > l->right ? right : l->right;
}

/* The network's input keeps its few channels without gaps if all who read it can take that. */
static bool gapless_input(const Graph *g)
{
    if (g->input->shape.c > 4) {
        return false;
    }
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        for (int k = 0; !n->dead && k < n->n_in; k++) {
            if (n->in[k] == g->input && !(n->op->dense_pixels && n->op->dense_pixels(n, k))) {
                return false;
            }
        }
    }
    return true;
}

void pass_layout(Graph *g, const Target *t)
{
    place_branches(g, t);
    place_parts(g, t);
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        for (int k = 0; !n->dead && n->op->halo && k < n->n_in; k++) {
            int top = 0, left = 0, bottom = 0, right = 0;
            n->op->halo(n, k, &top, &left, &bottom, &right);
            want_halo(n->in[k], top, left, bottom, right);
        }
    }
    bool gapless = gapless_input(g);
    for (int i = 0; i < g->n_values; i++) {
        Value *v = g->values[i];
        Layout *l = &v->layout;
        if (v->base) {
            continue;
        }
        switch (v->kind) {
        case VALUE_TENSOR:
            l->channels = v == g->input && gapless ? v->shape.c : round_up(v->shape.c, t->vl);
            l->pixel = l->channels;
            l->row = (v->shape.w + l->left + l->right) * l->pixel;
            l->sample = round_up((v->shape.h + l->top + l->bottom) * l->row, ALIGN);
            if (v->shape.h * v->shape.w == 1 && l->sample % 1024 == 0) {
                l->sample += ALIGN; /* the samples of a batch would all fall into one set of the cache */
            }
            break;
        case VALUE_INDEX:
            l->channels = round_up(v->shape.c, t->vl);
            l->sample = round_up((v->shape.h * v->shape.w * l->channels + 3) / 4, ALIGN);
            break;
        case VALUE_CHANNEL:
            l->channels = round_up(v->shape.c, t->vl);
            v->work_elements = round_up(l->channels, ALIGN);
            break;
        case VALUE_PARAM:
        case VALUE_GRAD:
        case VALUE_WORK:
            break;
        }
    }
    for (int i = 0; i < g->n_values; i++) {
        Value *v = g->values[i];
        if (v->base) {
            v->layout = value_root(v)->layout;
            v->layout.channels = round_up(v->shape.c, t->vl);
        }
    }
    int n_nodes = g->n_nodes;
    for (int i = 0; i < n_nodes; i++) {
        Node *n = g->nodes[i];
        int64_t elements = !n->dead && n->op->work ? n->op->work(n, t) : 0;
        if (elements > 0) {
            g->layer = n->layer;
            n->work = graph_work(g, round_up(elements, ALIGN), arena_printf(g->arena, "%s_work", n->out[0]->name));
            n->work->def = n;
        }
    }
}
