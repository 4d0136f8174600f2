/* fuse.c - which nodes run as one function. */
#include "passes.h"

static Group *new_group(Graph *g, Node *anchor)
{
    Group *group = arena_alloc(g->arena, sizeof *group);
    group->anchor = anchor;
    group->step = g->n_groups;
    g->groups = vec_grow(g->arena, g->groups, g->n_groups, &g->cap_groups, sizeof *g->groups);
    g->groups[g->n_groups++] = group;
    return group;
}

/* The arrays that the node adds to a group's: what others made, and its result. */
static int arrays_of(const Node *n, const Group *group)
{
    int arrays = 1;
    for (int k = 0; k < n->n_in; k++) {
        const Value *v = n->in[k];
        arrays += !v->def || v->def->group != group->step || v->base;
    }
    return arrays;
}

static void add_tail(Graph *g, Group *group, Node *n)
{
    group->arrays += arrays_of(n, group);
    group->tail = vec_grow(g->arena, group->tail, group->n_tail, &group->cap_tail, sizeof *group->tail);
    group->tail[group->n_tail++] = n;
    n->group = group->step;
}

/* A gradient that a product reads anyway can be summed over the pixels while it does: the bias's gradient becomes the
 * product's second result. Channels of groups that do not fill whole vectors are spaced differently there, so those
 * stay apart. */
static void absorb_channel_sums(Graph *g, const Target *t)
{
    /* by value id: the first product whose gradient it is; by node id: the next one of the same gradient */
    Node **first = arena_array(g->arena, (size_t)g->n_values + 1, sizeof(Node *));
    Node **next = arena_array(g->arena, (size_t)g->n_nodes + 1, sizeof(Node *));
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        Node *n = g->nodes[i];
        if (!n->dead && (n->op->traits & OP_SUMS_DY)) {
            next[i] = first[n->in[1]->id];
            first[n->in[1]->id] = n;
        }
    }
    for (int i = 0; i < g->n_nodes; i++) {
        Node *sum = g->nodes[i];
        if (sum->dead || !(sum->op->traits & OP_CHANNEL_SUM)) {
            continue;
        }
        for (Node *product = first[sum->in[0]->id]; product && !sum->dead; product = next[product->id]) {
            const NetParam *w = product->out[0]->param;
            if (product->n_out == 1 && (w->groups == 1 || w->out / w->groups % t->vl == 0)) {
                node_output(g, product, sum->out[0]);
                sum->dead = true;
            }
        }
    }
}

/* The last group that writes one of the node's inputs, and that input. -1: parameters and the network's input only. */
static int latest_input(const Node *n, Value **input)
{
    int latest = -1;
    *input = NULL;
    for (int k = 0; k < n->n_in; k++) {
        const Value *v = n->in[k];
        int group = v->def ? v->def->group : -1;
        /* of several from one group a whole tensor is preferred: it decides whether the node can join */
        bool better = group > latest || (group == latest && *input && (*input)->kind != VALUE_TENSOR);
        if (group >= 0 && better) {
            latest = group;
            *input = n->in[k];
        }
    }
    return latest;
}

/* What is computed again comes when it is needed: not with what was made earlier, not even where its input was made again. */
static bool comes_too_early(const Group *group, const Node *n)
{
    const Node *first = group->anchor ? group->anchor : group->tail[0];
    return n->burst > 0 && first->burst != n->burst;
}

static void place_elementwise(Graph *g, Node *n)
{
    Value *input = NULL;
    int latest = latest_input(n, &input);
    if (latest < 0) {
        n->why_alone = "reads the network's input";
    } else {
        Group *group = g->groups[latest];
        bool has_epilogue = !group->anchor || (group->anchor->op->traits & OP_EPILOGUE);
        if (input->kind != VALUE_TENSOR) {
            n->why_alone = "needs sums that are complete only when the whole batch has been read";
        } else if (comes_too_early(group, n)) {
            n->why_alone = "is computed again, and not before that is needed";
        } else if (input->base) {
            n->why_alone = "reads some of the channels of a tensor";
        } else if (!has_epilogue) {
            n->why_alone = "reads the result of a kernel that stores whole tensors";
        } else if (group->anchor && input->def == group->anchor && input != group->anchor->out[0]) {
            n->why_alone = "reads a side result";
        } else if (group->arrays + arrays_of(n, group) > GROUP_ARRAYS - 1) { /* the anchor's result may be stored, too */
            n->why_alone = "reads one array more than a kernel takes";
        } else {
            add_tail(g, group, n);
            return;
        }
    }
    add_tail(g, new_group(g, NULL), n);
}

/* What is computed of parameters alone: a batchnorm's scale and shift at inference. */
static bool reads_only_parameters(const Node *n)
{
    bool only = n->n_in > 0 && n->phase == PHASE_FORWARD && !n->op->elt;
    for (int k = 0; k < n->n_in; k++) {
        only &= n->in[k]->kind == VALUE_PARAM;
    }
    return only;
}

void pass_fuse(Graph *g, const Target *t)
{
    absorb_channel_sums(g, t);
    for (int i = 0; i < g->n_nodes; i++) { /* first, so that what reads it can join the product that comes before it */
        Node *n = g->nodes[i];
        if (!n->dead && reads_only_parameters(n)) {
            n->group = new_group(g, n)->step;
        }
    }
    g->forward_groups = -1;
    for (int i = 0; i < g->n_nodes; i++) {
        Node *n = g->nodes[i];
        if (n->dead || reads_only_parameters(n)) {
            continue;
        }
        if (n->phase != PHASE_FORWARD && g->forward_groups < 0) {
            g->forward_groups = g->n_groups;
        }
        if (n->op->elt) {
            place_elementwise(g, n);
        } else {
            n->group = new_group(g, n)->step;
        }
    }
    if (g->forward_groups < 0) {
        g->forward_groups = g->n_groups;
    }
}
