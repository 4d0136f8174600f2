/* interp.h - the reference: runs a graph node by node with each operator's naive definition, in double. The oracle of the
 * tests: slow, obvious, and sharing nothing with the kernels. */
#ifndef NETC_INTERP_H
#define NETC_INTERP_H

#include "op.h"

struct Eval {
    Graph *g;
    int n;              /* samples */
    double **data;      /* by value id. TENSOR, INDEX: [n][h][w][c]; PARAM, GRAD: as on disk; CHANNEL: [c] */
    const int *labels;  /* n, or NULL */
    const double *targets; /* n*outputs, or NULL */
    double loss;        /* mean over the samples */
    bool update_statistics;
};

/* Where element (i, y, x, c) of a tensor or index is; looks through slices. */
double *eval_at(Eval *ev, const Value *v, int i, int64_t y, int64_t x, int64_t c);
/* The data of a parameter, gradient or channel value. */
double *eval_vector(Eval *ev, const Value *v);

/* Sets all elements of a value to zero. */
void eval_clear(Eval *ev, const Value *v);
void eval_fill(Eval *ev, const Value *v, double x);

/* Makes room for all values of a graph for a batch of n; on the heap, freed by interp_free. */
Eval *interp_new(Graph *g, int n);
void interp_free(Eval *ev);
/* Runs all nodes up to (phase LOSS) or through the backward pass. */
void interp_run(Eval *ev, Phase last);

#endif
