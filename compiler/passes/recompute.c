/* recompute.c - memory for time: results of the forward pass that are not kept for the backward pass, but computed a second time there.
 *
 * The graph says which (graph->recompute; budget.c chooses). Where a node of the backward pass reads such a result, copies of the nodes
 * that make it are put before, back to results that are kept, parameters and the network's input. (Chen, Xu, Zhang and Guestrin,
 * "Training deep nets with sublinear memory cost", 2016.)
 *
 * A copy is a node like others, so that fusion, layout, plan and emission have no special case for it: the same operator with the same
 * attributes reads the same values, and gives the same bits. Random operators draw by (seed, step, layer, element) and make the same
 * masks again. Nodes with side effects (a batchnorm's statistics) are never copied, and their results are small. */
#include "passes.h"


typedef struct Copies {
    Graph *g;
    Node **of;          /* by id of a forward node: its copy, or NULL */
    Node **passing;     /* forward nodes whose copies are forgotten after this burst */
    int n_passing;
    int burst;
} Copies;

static bool is_again(const Graph *g, const Node *n)
{
    return n && n->phase == PHASE_FORWARD && g->recompute->again[n->id];
}

static Value *copied_value(Copies *x, Value *v, int products);

/* `products`: how many lie between this node and what the backward pass reads. */
static Node *copy_node(Copies *x, Node *n, int products)
{
    Graph *g = x->g;
    const bool product = n->op->macs != NULL;
    Value **in = arena_array(g->arena, (size_t)n->n_in + 1, sizeof *in);
    for (int k = 0; k < n->n_in; k++) {
        in[k] = copied_value(x, n->in[k], products + product);
    }
    g->layer = n->layer;
    Node *copy = graph_node(g, n->op, n->attrs, in, n->n_in);
    copy->again_of = n;
    copy->burst = x->burst;
    for (int k = 0; k < n->n_out; k++) {
        Value *v = graph_value(g, n->out[k]->kind, n->out[k]->shape, arena_printf(g->arena, "%s_again", n->out[k]->name));
        v->is_grad = n->out[k]->is_grad;
        v->layer = n->out[k]->layer;
        node_output(g, copy, v);
    }
    x->of[n->id] = copy;
    if (!product && products > g->recompute->reach) {
        x->passing[x->n_passing++] = n;
    }
    return copy;
}

/* What stands for a value in the backward pass: the value, or its copy, which is made if it is not there yet. */
static Value *copied_value(Copies *x, Value *v, int products)
{
    Node *n = v->def;
    if (!is_again(x->g, n)) {
        return v;
    }
    Node *copy = x->of[n->id] ? x->of[n->id] : copy_node(x, n, products);
    for (int k = 0; k < n->n_out; k++) {
        if (n->out[k] == v) {
            return copy->out[k];
        }
    }
    die("internal error: %s is no result of its node", v->name);
}

static void read_copies(Copies *x, Node *n)
{
    x->burst++;
    for (int k = 0; k < n->n_in; k++) {
        n->in[k] = copied_value(x, n->in[k], 0);
    }
    while (x->n_passing > 0) {
        x->of[x->passing[--x->n_passing]->id] = NULL;
    }
}

void pass_recompute(Graph *g, const Target *t)
{
    (void)t;
    if (!g->recompute || !g->recompute->again) {
        return;
    }
    const int n_nodes = g->n_nodes;
    Node **nodes = g->nodes; /* those that there are; copies are added behind each other in a list of their own */
    Copies x = {.g = g};
    x.of = arena_array(g->arena, (size_t)n_nodes + 1, sizeof(Node *));
    x.passing = arena_array(g->arena, (size_t)n_nodes + 1, sizeof(Node *));
    g->nodes = NULL;
    g->n_nodes = g->cap_nodes = 0;
    g->phase = PHASE_BACKWARD;
    for (int i = 0; i < n_nodes; i++) {
        Node *n = nodes[i];
        if (!n->dead && n->phase == PHASE_BACKWARD) {
            read_copies(&x, n);
        }
        g->nodes = vec_grow(g->arena, g->nodes, g->n_nodes, &g->cap_nodes, sizeof *g->nodes);
        g->nodes[g->n_nodes++] = n;
    }
    for (int i = 0; i < g->n_nodes; i++) {
        g->nodes[i]->id = i;
    }
}
