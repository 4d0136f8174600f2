/* draw_layout.c - where boxes go. A box stands one rank below the lowest that it reads; an arrow over several ranks
 * gets a bend in each. Boxes of a rank are ordered by what they are joined to, then moved sideways towards it, as far
 * as their neighbours allow. */
#include "draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE = 15,
    RANK_GAP = 36,
    BOX_GAP = 20,
    MARGIN = 28,
    FRAME_PAD = 9,
    FRAME_LABEL = 9,
    BEND = 2,
    ORDER_SWEEPS = 8,
    MOVE_SWEEPS = 24
};
enum { WIDEST_ORDERED = 300 }; /* wider ranks stay in the order of the model */

static const double CHAR = 6.4, SKIP_WEIGHT = 1e-4;

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* Boxes of a frame are equally wide, so that its chains are straight; joins are as wide as their text. */
static void measure(Drawing *d)
{
    double *widths = arena_array(d->arena, (size_t)d->n_frames + 1, sizeof *widths);
    for (int i = 0; i < d->n_boxes; i++) {
        Box *b = d->boxes[i];
        int n = text_width(b->title);
        for (int k = 0; k < 2; k++) {
            n = text_width(b->text[k]) > n ? text_width(b->text[k]) : n;
        }
        b->width = larger(n * CHAR + 24, 90);
        b->height = 3 * LINE + 12;
        if (b->frame >= 0 && b->n_in < 2) {
            widths[b->frame] = larger(widths[b->frame], b->width);
        }
    }
    for (int i = 0; i < d->n_boxes; i++) {
        Box *b = d->boxes[i];
        if (b->frame >= 0 && b->n_in < 2) {
            b->width = widths[b->frame];
        }
    }
}

static void set_ranks(Drawing *d)
{
    for (int i = 0; i < d->n_boxes; i++) { /* what a box reads stands before it */
        Box *b = d->boxes[i];
        for (int k = 0; k < b->n_in; k++) {
            b->rank = b->in[k]->rank + 1 > b->rank ? b->in[k]->rank + 1 : b->rank;
        }
        d->n_ranks = b->rank + 1 > d->n_ranks ? b->rank + 1 : d->n_ranks;
        if (b->frame >= 0) {
            Frame *f = &d->frames[b->frame];
            f->first = f->last == 0 || b->rank < f->first ? b->rank
                                                          : f->first; /* no frame ends with the input's rank */
            f->last = b->rank > f->last ? b->rank : f->last;
        }
        b->key = i;
    }
}

static bool spans(const Drawing *d, int frame, int rank)
{
    return frame >= 0 && d->frames[frame].first <= rank && rank <= d->frames[frame].last;
}

/* A bend of the arrow from `start` to `end`; it belongs to the frame that it runs through. */
static Box *new_bend(Drawing *d, Box *from, const Box *start, const Box *end, int rank, double key)
{
    Box *b = arena_alloc(d->arena, sizeof *b);
    b->id = d->n_boxes;
    b->frame = spans(d, end->frame, rank) ? end->frame : spans(d, start->frame, rank) ? start->frame : -1;
    b->aside = end->aside;
    b->width = BEND;
    b->rank = rank;
    b->key = key;
    b->in = arena_array(d->arena, 1, sizeof *b->in);
    b->in[0] = from;
    b->n_in = 1;
    d->boxes = vec_grow(d->arena, d->boxes, d->n_boxes, &d->cap_boxes, sizeof *d->boxes);
    d->boxes[d->n_boxes++] = b;
    return b;
}

/* An arrow from a fork to a join that passes by: a shortcut. It should not pull the chain beside it. */
static bool is_skip(const Box *from, const Box *to)
{
    while (!from->layer) {
        from = from->in[0];
    }
    while (!to->layer) {
        to = to->out[0];
    }
    return from->n_out > 1 && to->n_in > 1;
}

static void add_out(Drawing *d, Box *from, Box *to)
{
    from->out = vec_grow(d->arena, from->out, from->n_out, &from->cap_out, sizeof *from->out);
    from->out[from->n_out++] = to;
}

/* What only lesser outputs need, heads beside the main one, should not pull that aside either. */
static void find_trunk(Drawing *d)
{
    for (int i = 0; i < d->n_boxes; i++) {
        d->boxes[i]->aside = !d->boxes[i]->is_main;
    }
    for (int i = d->n_boxes - 1; i >= 0; i--) {
        Box *b = d->boxes[i];
        for (int k = 0; k < b->n_in && !b->aside; k++) {
            b->in[k]->aside = false;
        }
    }
}

static void add_bends(Drawing *d)
{
    int n = d->n_boxes;
    int *readers = arena_array(d->arena, (size_t)n, sizeof *readers);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < d->boxes[i]->n_in; k++) {
            readers[d->boxes[i]->in[k]->id]++;
        }
    }
    for (int i = 0; i < n; i++) {
        Box *b = d->boxes[i];
        for (int k = 0; k < b->n_in; k++) {
            const Box *start = b->in[k];
            /* beside what it passes: on the side of its place among the branches */
            double key = readers[start->id] > 1 && k > 0 ? b->key : start->key;
            for (int r = start->rank + 1; r < b->rank; r++) {
                b->in[k] = new_bend(d, b->in[k], start, b, r, key);
            }
        }
    }
    for (int i = 0; i < d->n_boxes; i++) {
        for (int k = 0; k < d->boxes[i]->n_in; k++) {
            add_out(d, d->boxes[i]->in[k], d->boxes[i]);
        }
    }
}

/* ---- order within ranks ---- */

static int by_key(const void *a, const void *b)
{
    const Box *x = *(Box *const *)a, *y = *(Box *const *)b;
    return x->key < y->key ? -1 : x->key > y->key ? 1 : x->id - y->id;
}

static int by_place(const void *a, const void *b)
{
    const Box *x = *(Box *const *)a, *y = *(Box *const *)b;
    return x->place - y->place;
}

static void sort_rank(Rank *r, int (*compare)(const void *, const void *))
{
    qsort(r->boxes, (size_t)r->n, sizeof *r->boxes, compare);
    for (int i = 0; i < r->n; i++) {
        r->boxes[i]->place = i;
    }
}

static void fill_ranks(Drawing *d)
{
    d->ranks = arena_array(d->arena, (size_t)d->n_ranks, sizeof *d->ranks);
    for (int i = 0; i < d->n_boxes; i++) {
        Rank *r = &d->ranks[d->boxes[i]->rank];
        r->boxes = vec_grow(d->arena, r->boxes, r->n, &r->cap, sizeof *r->boxes);
        r->boxes[r->n++] = d->boxes[i];
    }
    for (int i = 0; i < d->n_ranks; i++) {
        sort_rank(&d->ranks[i], by_key);
    }
}

static int widest(const Drawing *d)
{
    int n = 0;
    for (int i = 0; i < d->n_ranks; i++) {
        n = d->ranks[i].n > n ? d->ranks[i].n : n;
    }
    return n;
}

static int64_t crossings_above(const Rank *r)
{
    int64_t n = 0;
    for (int i = 0; i < r->n; i++) {
        for (int j = i + 1; j < r->n; j++) {
            for (int p = 0; p < r->boxes[i]->n_in; p++) {
                for (int q = 0; q < r->boxes[j]->n_in; q++) {
                    n += r->boxes[i]->in[p]->place > r->boxes[j]->in[q]->place;
                }
            }
        }
    }
    return n;
}

static int64_t crossings(const Drawing *d)
{
    int64_t n = 0;
    for (int i = 1; i < d->n_ranks; i++) {
        n += crossings_above(&d->ranks[i]);
    }
    return n;
}

/* The mean place of what a box is joined to on one side; its own place where there is nothing. */
static double mean_place(const Box *b, bool above)
{
    Box *const *list = above ? b->in : b->out;
    int n = above ? b->n_in : b->n_out;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += list[i]->place;
    }
    return n > 0 ? sum / n : b->place;
}

/* Rounds of ordering by the ranks above and below, as long as they save crossings. */
static void order_ranks(Drawing *d)
{
    int64_t best = crossings(d);
    int *kept = arena_array(d->arena, (size_t)d->n_boxes, sizeof *kept);
    for (int round = 0; round < ORDER_SWEEPS && best > 0 && widest(d) <= WIDEST_ORDERED; round++) {
        for (int i = 0; i < d->n_boxes; i++) {
            kept[i] = d->boxes[i]->place;
        }
        bool down = round % 2 == 0;
        for (int i = 0; i < d->n_ranks; i++) {
            Rank *r = &d->ranks[down ? i : d->n_ranks - 1 - i];
            for (int k = 0; k < r->n; k++) {
                r->boxes[k]->key = mean_place(r->boxes[k], down) + 1e-6 * k;
            }
            sort_rank(r, by_key);
        }
        int64_t now = crossings(d);
        if (now >= best) {
            for (int i = 0; i < d->n_boxes; i++) {
                d->boxes[i]->place = kept[i];
            }
            for (int i = 0; i < d->n_ranks; i++) {
                sort_rank(&d->ranks[i], by_place);
            }
        } else {
            best = now;
        }
    }
}

/* ---- places ---- */

static double apart(const Box *left, const Box *right)
{
    double gap = left->frame != right->frame && left->layer && right->layer ? BOX_GAP + 2 * FRAME_PAD : BOX_GAP;
    return (left->width + right->width) / 2 + gap;
}

/* Where a box would like to be: between what it is joined to. */
static double wish(const Box *b, bool above, bool below)
{
    double sum = 0, weight = 0;
    for (int side = 0; side < 2; side++) {
        int n = side == 0 ? (above ? b->n_in : 0) : (below ? b->n_out : 0);
        for (int i = 0; i < n; i++) {
            const Box *other = side == 0 ? b->in[i] : b->out[i];
            bool skip = side == 0 ? is_skip(other, b) : is_skip(b, other);
            bool light = (skip && (b->layer || other->layer)) || other->aside != b->aside;
            double w = light ? SKIP_WEIGHT : 1;
            sum += w * other->x;
            weight += w;
        }
    }
    return weight > 0 ? sum / weight : b->x;
}

/* Moves the boxes of a rank as near to their wishes as their order and distances allow: the least sum of squares, by
 * joining neighbours that would collide (pool adjacent violators). */
static void settle(Drawing *d, Rank *r, bool above, bool below)
{
    typedef struct Pool {
        double wish, weight;
        int n;
    } Pool;
    Pool *pools = arena_array(d->arena, (size_t)r->n, sizeof *pools);
    double *shift = arena_array(d->arena, (size_t)r->n, sizeof *shift);
    int n = 0;
    for (int i = 0; i < r->n; i++) {
        Box *b = r->boxes[i];
        shift[i] = i > 0 ? shift[i - 1] + apart(r->boxes[i - 1], b) : 0;
        pools[n++] = (Pool){wish(b, above, below) - shift[i], b->layer && !b->aside ? 1 : SKIP_WEIGHT, 1};
        while (n > 1 && pools[n - 2].wish > pools[n - 1].wish) {
            Pool *p = &pools[n - 2], *q = &pools[n - 1];
            p->wish = (p->wish * p->weight + q->wish * q->weight) / (p->weight + q->weight);
            p->weight += q->weight;
            p->n += q->n;
            n--;
        }
    }
    for (int k = 0, i = 0; k < n; k++) {
        for (int j = 0; j < pools[k].n; j++, i++) {
            r->boxes[i]->x = pools[k].wish + shift[i];
        }
    }
}

static void place_boxes(Drawing *d)
{
    double y = MARGIN;
    for (int i = 0; i < d->n_ranks; i++) {
        Rank *r = &d->ranks[i];
        double x = 0, tallest = 0;
        for (int k = 0; k < r->n; k++) {
            Box *b = r->boxes[k];
            x += k > 0 ? apart(r->boxes[k - 1], b) : 0;
            b->x = x;
            tallest = b->height > tallest ? b->height : tallest;
        }
        for (int k = 0; k < r->n; k++) {
            r->boxes[k]->x -= x / 2;
            r->boxes[k]->y = y + tallest / 2;
            r->boxes[k]->height = r->boxes[k]->layer ? r->boxes[k]->height : tallest;
        }
        y += tallest + RANK_GAP;
    }
    d->height = y - RANK_GAP + MARGIN;
    for (int round = 0; round <= MOVE_SWEEPS; round++) { /* the last one goes down: chains come out straight */
        for (int i = 0; i < d->n_ranks; i++) {
            int k = round % 2 == 0 ? i : d->n_ranks - 1 - i;
            settle(d, &d->ranks[k], round % 2 == 0, round % 2 == 1);
        }
    }
}

static void place_frames(Drawing *d)
{
    for (int i = 0; i < d->n_frames; i++) {
        d->frames[i].left = d->frames[i].top = INFINITY;
        d->frames[i].right = d->frames[i].bottom = -INFINITY;
    }
    for (int i = 0; i < d->n_boxes; i++) {
        const Box *b = d->boxes[i];
        if (b->frame >= 0) {
            Frame *f = &d->frames[b->frame];
            f->left = fmin(f->left, b->x - b->width / 2 - FRAME_PAD);
            f->right = fmax(f->right, b->x + b->width / 2 + FRAME_PAD);
            f->top = fmin(f->top, b->y - b->height / 2 - FRAME_PAD - FRAME_LABEL);
            f->bottom = fmax(f->bottom, b->y + b->height / 2 + FRAME_PAD);
        }
    }
}

/* The picture begins at (0, 0). */
static void move_to_origin(Drawing *d)
{
    double left = INFINITY, right = -INFINITY;
    for (int i = 0; i < d->n_boxes; i++) {
        left = fmin(left, d->boxes[i]->x - d->boxes[i]->width / 2);
        right = fmax(right, d->boxes[i]->x + d->boxes[i]->width / 2);
    }
    for (int i = 0; i < d->n_boxes; i++) {
        d->boxes[i]->x += MARGIN - left;
    }
    d->width = right - left + 2 * MARGIN;
}

void draw_layout(Drawing *d)
{
    set_ranks(d);
    find_trunk(d);
    measure(d);
    add_bends(d);
    fill_ranks(d);
    order_ranks(d);
    place_boxes(d);
    move_to_origin(d);
    place_frames(d);
}
