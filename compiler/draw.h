/* draw.h - a network as boxes and arrows: what `netc graph` shows. */
#ifndef NETC_DRAW_H
#define NETC_DRAW_H

#include "report.h"

typedef struct Box Box;

/* A layer, and the chain of element-wise layers behind it; or a bend: where an arrow passes between the boxes of a
 * rank. */
struct Box {
    int id;
    const Layer *layer;  /* NULL: a bend */
    const char *title;   /* name, without the frame's */
    const char *text[2]; /* operator with what is fused in; shape and parameters */
    int frame;           /* index into the drawing's frames, -1: none */
    Box **in;            /* a bend has one */
    int n_in;
    Box **out;
    int n_out, cap_out;
    bool is_output, is_main;    /* an output; the first */
    bool aside;                 /* the main output does without it; set by draw_layout, like all that follows */
    int rank, place;            /* from the top; from the left */
    double key;                 /* order within the rank */
    double x, y, width, height; /* the centre; points, y downwards */
};

/* A block of the model, drawn around its boxes. */
typedef struct Frame {
    const char *name;
    int first, last; /* ranks of its boxes */
    double left, top, right, bottom;
} Frame;

typedef struct Rank {
    Box **boxes;
    int n, cap;
} Rank;

typedef struct Drawing {
    Arena *arena;
    const Net *net;
    Box **boxes; /* in the order of the model; bends behind them, after draw_layout */
    int n_boxes, cap_boxes;
    Frame *frames;
    int n_frames, cap_frames;
    Rank *ranks;
    int n_ranks;
    double width, height;
} Drawing;

Drawing *draw_boxes(Arena *a, const Net *net);
/* Sizes and places of boxes and frames: ranks from the top, few crossings, chains straight (after Sugiyama, Tagawa and
 * Toda, 1981). */
void draw_layout(Drawing *d);
void draw_dot(const Drawing *d, Str *out);
void draw_svg(const Drawing *d, Str *out);

#endif
