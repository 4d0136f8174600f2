/* interp.c - runs a graph by its operators' naive definitions. */
#include "interp.h"

#include <stdlib.h>

double *eval_vector(Eval *ev, const Value *v)
{
    return ev->data[v->id];
}

double *eval_at(Eval *ev, const Value *v, int i, int64_t y, int64_t x, int64_t c)
{
    if (v->base) {
        c += v->base_channel;
        v = v->base;
    }
    return ev->data[v->id] + (((int64_t)i * v->shape.h + y) * v->shape.w + x) * v->shape.c + c;
}

void eval_fill(Eval *ev, const Value *v, double x)
{
    int64_t size = v->param ? v->param->out * v->param->in * v->param->kh * v->param->kw : ev->n * shape_size(v->shape);
    for (int64_t k = 0; k < size; k++) {
        ev->data[v->id][k] = x;
    }
}

void eval_clear(Eval *ev, const Value *v)
{
    eval_fill(ev, v, 0);
}

Eval *interp_new(Graph *g, int n)
{
    Eval *ev = calloc(1, sizeof *ev);
    double **data = calloc((size_t)g->n_values + 1, sizeof *data);
    if (!ev || !data) {
        die("out of memory");
    }
    ev->g = g;
    ev->n = n;
    ev->data = data;
    for (int i = 0; i < g->n_values; i++) {
        const Value *v = g->values[i];
        if (v->base || v->kind == VALUE_WORK) {
            continue;
        }
        int64_t size = v->param ? v->param->out * v->param->in * v->param->kh * v->param->kw : n * shape_size(v->shape);
        data[i] = calloc((size_t)size + 1, sizeof **data);
        if (!data[i]) {
            die("out of memory");
        }
    }
    return ev;
}

void interp_free(Eval *ev)
{
    for (int i = 0; i < ev->g->n_values; i++) {
        free(ev->data[i]);
    }
    free(ev->data);
    free(ev);
}

static void run_elementwise(Eval *ev, const Node *n)
{
    Shape s = n->out[0]->shape;
    double in[8];
    for (int i = 0; i < ev->n; i++) {
        for (int64_t k = 0; k < shape_size(s); k++) {
            int64_t h = k / (s.w * s.c), w = k / s.c % s.w, c = k % s.c;
            for (int j = 0; j < n->n_in; j++) {
                const Value *v = n->in[j];
                in[j] = v->kind == VALUE_TENSOR ? *eval_at(ev, v, i, h, w, c) : eval_vector(ev, v)[v->shape.c == 1 ? 0 : c];
            }
            *eval_at(ev, n->out[0], i, h, w, c) = n->op->elt->eval(n, in, ev->n);
        }
    }
}

void interp_run(Eval *ev, Phase last)
{
    ev->loss = 0;
    for (int i = 0; i < ev->g->n_nodes; i++) {
        const Node *n = ev->g->nodes[i];
        if (n->dead || n->phase > last) {
            continue;
        }
        if (n->op->elt) {
            run_elementwise(ev, n);
        } else {
            n->op->eval(ev, n);
        }
    }
}
