/* autodiff.c - derives the backward pass: a walk over the forward nodes in reverse, each node's own rule building the
 * nodes of its gradient. No operator is a special case here.
 *
 * Pre: the forward part and the loss nodes are built. Post: every trained parameter that the losses depend on has its gradient
 * in graph->param_grads, computed by nodes of PHASE_BACKWARD. */
#include "op.h"

#include <string.h>

struct Autodiff {
    Graph *g;
    Value **grad; /* by value id: the sum of the contributions so far */
    int n;        /* values when the walk began */
    bool *wanted; /* by value id: depends on a trained parameter (or is the input whose gradient is asked for) */
};

extern const OpDef op_add;

Graph *grad_graph(Autodiff *ad)
{
    return ad->g;
}

bool grad_wanted(Autodiff *ad, Value *v)
{
    return v->id < ad->n && ad->wanted[v->id];
}

Value *grad_of(Autodiff *ad, Value *v)
{
    return v->id < ad->n ? ad->grad[v->id] : NULL;
}

void grad_add(Autodiff *ad, Value *v, Value *contribution)
{
    if (!grad_wanted(ad, v)) {
        return;
    }
    Value *sum = ad->grad[v->id];
    if (!sum) {
        ad->grad[v->id] = contribution;
        return;
    }
    Value *in[2] = {sum, contribution};
    ad->grad[v->id] = graph_apply(ad->g, &op_add, NULL, in, 2, v->shape, arena_printf(ad->g->arena, "d_%s", v->name));
}

/* A value depends on a parameter if its node reads one that is trained, or reads a value that does. What does not gets no gradient: so
 * the backward pass ends where the lowest of the trained parameters is. */
static void find_wanted(Autodiff *ad)
{
    Graph *g = ad->g;
    for (int i = 0; i < ad->n; i++) {
        const Value *v = g->values[i];
        if (v->kind == VALUE_PARAM && param_is_trained(v->param)) {
            ad->wanted[i] = true;
        }
    }
    if (g->input_gradient) {
        ad->wanted[g->input->id] = true;
    }
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        bool any = false;
        for (int k = 0; k < n->n_in; k++) {
            any |= ad->wanted[n->in[k]->id];
        }
        for (int k = 0; k < n->n_out; k++) {
            ad->wanted[n->out[k]->id] = any && n->out[k]->kind == VALUE_TENSOR;
        }
    }
}

/* Moves what only the gradient of the input needs behind all else, in the order it has: training leaves it out, and `gradient` runs it
 * afterwards, when no other node may have taken the place of what it reads. */
static void put_input_gradient_last(Graph *g)
{
    bool *needed = arena_array(g->arena, (size_t)g->n_values + 1, sizeof *needed);
    bool *first = arena_array(g->arena, (size_t)g->n_nodes + 1, sizeof *first);
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        const Node *n = g->nodes[i];
        first[i] = n->phase != PHASE_BACKWARD || (n->op->traits & OP_SIDE_EFFECT);
        for (int k = 0; k < n->n_out; k++) {
            first[i] |= needed[n->out[k]->id] || n->out[k]->kind == VALUE_GRAD;
        }
        for (int k = 0; k < n->n_in && first[i]; k++) {
            needed[n->in[k]->id] = true;
        }
    }
    Node **nodes = arena_array(g->arena, (size_t)g->n_nodes + 1, sizeof(Node *));
    int at = 0;
    for (int last = 0; last < 2; last++) {
        for (int i = 0; i < g->n_nodes; i++) {
            if (first[i] != last) {
                nodes[at] = g->nodes[i];
                nodes[at]->id = at;
                at++;
            }
        }
    }
    memcpy(g->nodes, nodes, (size_t)g->n_nodes * sizeof(Node *));
}

void autodiff(Graph *g)
{
    Autodiff ad = {.g = g, .n = g->n_values};
    ad.grad = arena_array(g->arena, (size_t)ad.n, sizeof *ad.grad);
    ad.wanted = arena_array(g->arena, (size_t)ad.n, sizeof *ad.wanted);
    find_wanted(&ad);
    int n_forward = g->n_nodes;
    g->phase = PHASE_BACKWARD;
    for (int i = n_forward - 1; i >= 0; i--) {
        Node *n = g->nodes[i];
        bool reached = n->phase == PHASE_LOSS;
        for (int k = 0; k < n->n_out; k++) {
            reached |= ad.grad[n->out[k]->id] != NULL;
        }
        bool wanted = false;
        for (int k = 0; k < n->n_in; k++) {
            wanted |= ad.wanted[n->in[k]->id];
        }
        if (reached && wanted && n->op->gradient) {
            g->layer = n->layer;
            n->op->gradient(&ad, n);
        }
    }
    for (int i = 0; i < ad.n; i++) {
        g->values[i]->grad = ad.grad[i];
    }
    if (g->input_gradient) {
        g->d_input = ad.grad[g->input->id];
        if (g->d_input) {
            g->d_input->keep = true;
        }
        put_input_gradient_last(g);
    }
}
