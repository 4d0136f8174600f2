/* traffic.c - bytes that the functions of a graph read and write, each value once and without padding. */
#include "graph.h"

static double bytes_of(const Value *v)
{
    double elements = (double)shape_size(v->shape);
    return v->kind == VALUE_TENSOR ? 4 * elements : v->kind == VALUE_INDEX ? elements : 0;
}

double node_traffic(const Node *n)
{
    double sum = 0;
    for (int k = 0; k < n->n_in; k++) {
        sum += bytes_of(n->in[k]);
    }
    for (int k = 0; k < n->n_out; k++) {
        sum += bytes_of(n->out[k]);
    }
    return sum;
}

/* The i-th of a group's nodes: the anchor, which may be NULL, then the tail. */
static const Node *node_of(const Group *g, int i)
{
    return i == 0 ? g->anchor : g->tail[i - 1];
}

/* Whether one of the group's first `n` nodes reads the value. */
static bool is_read_before(const Group *g, int n, const Value *v)
{
    for (int i = 0; i < n; i++) {
        const Node *node = node_of(g, i);
        for (int k = 0; node && k < node->n_in; k++) {
            if (node->in[k] == v) {
                return true;
            }
        }
    }
    return false;
}

double group_traffic(const Group *g)
{
    double sum = 0;
    for (int i = 0; i <= g->n_tail; i++) {
        const Node *n = node_of(g, i);
        for (int k = 0; n && k < n->n_in; k++) {
            const Value *v = n->in[k];
            bool in_registers = v->def && v->def->group == n->group && !v->base;
            sum += v->stored && !in_registers && !is_read_before(g, i, v) ? bytes_of(v) : 0;
        }
        for (int k = 0; n && k < n->n_out; k++) {
            sum += n->out[k]->stored ? bytes_of(n->out[k]) : 0;
        }
    }
    return sum;
}

double group_parameter_traffic(const Group *g)
{
    double sum = 0;
    for (int i = 0; i <= g->n_tail; i++) {
        const Node *n = node_of(g, i);
        for (int k = 0; n && k < n->n_in; k++) {
            sum += n->in[k]->kind == VALUE_PARAM ? 4 * (double)n->in[k]->param->elements : 0;
        }
        for (int k = 0; n && k < n->n_out; k++) {
            sum += n->out[k]->kind == VALUE_GRAD ? 4 * (double)n->out[k]->param->elements : 0;
        }
    }
    return sum;
}
