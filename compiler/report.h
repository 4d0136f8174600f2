/* report.h - what a network is made of, in figures: the rows and totals that every format of `netc report` shows.
 *
 * Counts of values, products and parameters are of one sample and come from the layers as written; memory is in bytes
 * for a batch and comes from the planned graphs: it is what emitted code allocates. */
#ifndef NETC_REPORT_H
#define NETC_REPORT_H

#include "driver.h"

/* A layer with memory of its own, and the layers that work on it in place: activations, batchnorm, dropout, sums. */
typedef struct Row {
    const Layer *layer;
    const Layer **fused;
    int n_fused, cap_fused;
    const char *file; /* base name of the file that the layer stands in */
    int line;
    int64_t activations; /* values a sample; 0 for what only joins others' memory */
    int64_t weights, biases, parameters, macs, flops;
} Row;

typedef struct Totals {
    int64_t activations, weights, biases, parameters, macs, flops;
} Totals;

/* Bytes, for the report's batch. training = parameters + gradients + optimizer + activations + workspace, which are the
 * four blocks of runtime/params.c (activations and workspace share one). */
typedef struct Memory {
    int64_t inference, training, parameters, gradients, optimizer, activations, workspace, unplanned_training;
} Memory;

/* How much a backward pass does, without what only the gradient of the input needs. */
typedef struct Backward {
    int operators, functions;
} Backward;

/* What training would be with nothing frozen. */
typedef struct Thawed {
    Memory memory;
    Backward backward;
} Thawed;

typedef struct Report {
    Arena *arena;
    const Net *net;
    int64_t batch;
    Row *rows;
    int n_rows, cap_rows;
    Totals totals;
    Memory memory;
    const Front *front;       /* with a limit of memory; else NULL */
    const TrainingPlan *plan;
    const char *limit;        /* what is done for it, in words */
    int64_t frozen; /* parameters that are; if there are some: */
    Thawed thawed;
} Report;

/* Rows and totals alone. */
Report *report_rows(Arena *a, const Net *net);
/* Pre: compile_graphs was called. Everything is in the compilation's arena. */
Report *report_make(Compilation *c);
/* Parameters, gradients and the optimizer's state: what does not depend on the plan. */
Memory report_blocks(const Compilation *c);
/* And what training with this planned graph takes, beside the one for inference, which validates. */
Memory report_training(const Compilation *c, const Graph *train, const Graph *infer, int64_t batch);
/* What training takes with nothing frozen and no limit. Pre: compile_graphs was called. Post: the graphs are what they
 * were, but no code can be made of them, as the layers know others. */
Thawed report_thawed(Compilation *c, int64_t batch);
Backward report_backward(const Graph *train);
/* Parameters that are frozen, statistics not counted. */
int64_t report_frozen(const Net *net);
/* "frozen: 269,072 of 269,722 parameters; with none training takes 227.8 MB". Pre: there are some. */
const char *report_frozen_text(const Report *r);

void report_text(const Report *r, Str *out, int width, bool color);
void report_markdown(const Report *r, Str *out);
void report_csv(const Report *r, Str *out);
void report_json(const Report *r, Str *out);
void report_html(const Report *r, Str *out);

/* Memory against time: the plans of a front. */
void report_front_text(const Compilation *c, const Front *f, Str *out);
void report_front_json(const Compilation *c, const Front *f, Str *out);

/* ---- shared by the formats ---- */

/* Neighbouring rows that hold most of something: first..last hold `share` of the total. first < 0: no such rows. */
typedef struct Span {
    int first, last;
    double share;
} Span;
typedef int64_t RowFigure(const Row *row);
int64_t row_activations(const Row *row); /* none of the input's: that is no layer's doing */
int64_t row_parameters(const Row *row);
/* The fewest neighbouring layers that hold more than half of the total `of`, and the neighbours of these that hold a
 * twentieth each. */
Span report_most(const Report *r, RowFigure *figure, int64_t of);
/* "conv1..conv2 (59%)", or "fc6 (61%)". */
const char *report_span_text(const Report *r, Span s);

/* Length of the name of the innermost block around two layers: that of layer1.0 for layer1.0.conv1 and layer1.0.conv2;
 * 0: none. */
size_t block_around(const char *a, const char *b);
/* Whether a layer's name begins with that of the block of length n. */
bool is_in_block(const char *name, const char *block, size_t n);
/* "conv 11x11 /4": operator, window and stride. */
const char *operator_text(Arena *a, const Layer *l);
/* "227x227x3 -> 1000", with every output. */
const char *network_shapes(Arena *a, const Net *net);
/* "(11*11*3)*96", the product behind the layer's weights; "" without any. */
const char *weights_arithmetic(Arena *a, const Layer *l);
/* Values in that product. */
int64_t weights_of_product(const Layer *l);
/* "55*55*96" */
const char *shape_arithmetic(Arena *a, Shape s);

/* Of numbers from 0 on. They stay at the largest one rather than wrap: absurd models have absurd figures, not wrong
 * signs. */
int64_t plus(int64_t a, int64_t b);
int64_t times(int64_t a, int64_t b);
/* 62,378,344 */
const char *grouped(Arena *a, int64_t x);
/* 290K, 3.2M: what a lecture would write */
const char *scaled(Arena *a, double x);
/* 249.5 MB */
const char *bytes_text(Arena *a, int64_t bytes);
/* The least products that a layer has which has any. */
int64_t report_macs_least(const Report *r);
/* The unit for a column of products: 1e3 where no layer has a million, else 1e6, but 1e3 or 1 where a layer's tenths would
 * be 0.0; and its name. */
int64_t report_macs_unit(const Report *r);
const char *report_macs_name(const Report *r);
/* A cell of it: 1,135.3, or with the unit 1 whole. */
const char *macs_text(Arena *a, int64_t macs, int64_t unit);
/* 1.14 GMAC */
const char *three_digits(Arena *a, double x, const char *unit);
/* x in units of at least 1000, with one decimal: 1,135.3 */
const char *tenths(Arena *a, int64_t x, int64_t unit);
/* Columns that a text takes on a terminal: its code points. */
int text_width(const char *s);
/* Columns of the terminal on standard output; 100 (or $COLUMNS) where it is none. */
int terminal_width(void);
bool terminal_color(void);

#endif
