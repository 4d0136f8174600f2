/* verify.c - the rules a graph must keep between passes. */
#include "op.h"

static _Noreturn void broken(const char *after, const char *what, const char *name)
{
    die("internal error: after %s the graph is broken: %s (%s)", after, what, name);
}

void graph_verify(const Graph *g, const char *after)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        if (n->dead) {
            continue;
        }
        for (int k = 0; k < n->n_in; k++) {
            const Value *v = n->in[k];
            if (v->id >= g->n_values || g->values[v->id] != v) {
                broken(after, "an input is no value of the graph", n->op->name);
            }
            if (v->def && v->def->dead && v->kind != VALUE_GRAD) {
                broken(after, "an input's node is dead", v->name);
            }
            if (v->def && v->def->id >= n->id) {
                broken(after, "an input is computed later", v->name);
            }
            if (v->base && v->base_channel + v->shape.c > v->base->shape.c) {
                broken(after, "a slice reaches over the end", v->name);
            }
            bool tensor = v->kind == VALUE_TENSOR;
            if (n->op->elt && tensor && !shape_equal(v->shape, n->out[0]->shape)) {
                broken(after, "an element-wise node joins different shapes", n->out[0]->name);
            }
            if (n->op->elt && !tensor && v->kind != VALUE_INDEX && v->shape.c != 1 && v->shape.c != n->out[0]->shape.c) {
                broken(after, "a channel vector has the wrong length", v->name);
            }
            if (n->group >= 0 && v->def && !v->def->dead && v->def->group > n->group) {
                broken(after, "a group reads what a later one writes", v->name);
            }
        }
        for (int k = 0; k < n->n_out; k++) {
            if (n->out[k]->def != n && n->out[k]->kind != VALUE_GRAD) {
                broken(after, "an output belongs to another node", n->out[k]->name);
            }
            if (n->out[k]->kind == VALUE_GRAD && !param_is_trained(n->out[k]->param)) {
                broken(after, "a parameter that is not trained has a gradient", n->out[k]->name);
            }
        }
    }
}
