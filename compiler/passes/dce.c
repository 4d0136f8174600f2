/* dce.c - dead code: a backward walk that keeps what is read, stored as a result, or has a side effect. */
#include "passes.h"

void pass_dce(Graph *g, const Target *t)
{
    (void)t;
    graph_count_uses(g);
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        Node *n = g->nodes[i];
        bool needed = (n->op->traits & OP_SIDE_EFFECT) != 0;
        for (int k = 0; k < n->n_out; k++) {
            const Value *v = n->out[k];
            needed |= v->uses > 0 || v->keep || v->kind == VALUE_GRAD;
        }
        for (int k = 0; !needed && k < n->n_in; k++) {
            n->in[k]->uses--;
            if (n->in[k]->base) {
                n->in[k]->base->uses--;
            }
        }
        n->dead = !needed;
    }
}
