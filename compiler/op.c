/* op.c - finding operators, and what element-wise ones share. */
#include "op.h"

#include <string.h>

const OpDef *op_find(const char *name)
{
    for (int i = 0; op_registry[i]; i++) {
        if (op_registry[i]->summary && strcmp(op_registry[i]->name, name) == 0) {
            return op_registry[i];
        }
    }
    return NULL;
}

bool elt_shape(LayerCtx *cx)
{
    cx->layer->out = cx->layer->in;
    return true;
}

void elt_build(Graph *g, Layer *l, Value **in)
{
    l->value = graph_apply(g, l->op, l->attrs, in, 1, in[0]->shape, l->name);
}

void elt_gradient(Autodiff *ad, Node *n)
{
    if (!grad_wanted(ad, n->in[0])) {
        return;
    }
    const EltDef *elt = n->op->elt;
    Value *in[2] = {elt->from_output ? n->out[0] : n->in[0], grad_of(ad, n->out[0])};
    Graph *g = grad_graph(ad);
    grad_add(ad, n->in[0], graph_apply(g, elt->dx, n->attrs, in, 2, n->in[0]->shape,
                                       arena_printf(g->arena, "d_%s", n->in[0]->name)));
}

static void *attr_field(const OpDef *op, void *attrs, const char *name)
{
    for (int i = 0; op->attrs[i].name; i++) {
        if (strcmp(op->attrs[i].name, name) == 0) {
            return (char *)attrs + op->attrs[i].offset;
        }
    }
    die("internal error: %s has no attribute %s", op->name, name);
}

void layer_set_int(const OpDef *op, void *attrs, const char *name, int64_t x)
{
    *(int64_t *)attr_field(op, attrs, name) = x;
}

void layer_set_bool(const OpDef *op, void *attrs, const char *name, bool x)
{
    *(bool *)attr_field(op, attrs, name) = x;
}

void layer_set_size(const OpDef *op, void *attrs, const char *name, int64_t h, int64_t w)
{
    *(Size2 *)attr_field(op, attrs, name) = (Size2){h, w};
}
