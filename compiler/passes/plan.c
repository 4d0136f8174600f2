/* plan.c - where everything stored lies, from the step that writes it to the last that reads it.
 *
 * Two areas: what scales with the batch (tensors; offsets and sizes are for one sample, all are multiplied by the
 * batch) and what does not (channel vectors, workspaces). Each is filled greedily, largest first, at the lowest offset
 * free for the whole lifetime. (Greedy by size: Pisarchyk and Lee, "Efficient memory management for deep neural net
 * inference", 2020.) */
#include "passes.h"

#include <stdlib.h>
#include <string.h>

/* Values that share memory by being computed in place: the first of the chain. */
static Value *buffer_of(Value *v)
{
    v = value_root(v);
    while (v->in_place_of) {
        v = value_root(v->in_place_of);
    }
    return v;
}

static bool is_planned(const Value *v)
{
    return v->kind == VALUE_TENSOR || v->kind == VALUE_INDEX || v->kind == VALUE_CHANNEL || v->kind == VALUE_WORK;
}

static bool per_sample(const Value *v)
{
    return v->kind == VALUE_TENSOR || v->kind == VALUE_INDEX;
}

static int64_t size_of(const Value *v)
{
    return per_sample(v) ? v->layout.sample : v->work_elements;
}

static void extend(Value *v, int step)
{
    Value *root = value_root(v);
    if (step < root->first) {
        root->first = step;
    }
    if (step > root->last) {
        root->last = step;
    }
}

static bool reads_parameters(const Node *n)
{
    bool only = n->n_in > 0;
    for (int k = 0; k < n->n_in; k++) {
        only &= n->in[k]->kind == VALUE_PARAM;
    }
    return only;
}

/* What is made of parameters alone lasts: a later pass reads it before, in its order, it would be made. */
static void mark_lasting(Graph *g)
{
    for (int i = 0; g->lasting && i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        for (int k = 0; k < n->n_out; k++) {
            n->out[k]->lasts = n->out[k]->kind == VALUE_CHANNEL && reads_parameters(n);
        }
        if (n->work) {
            n->work->lasts = (n->op->traits & OP_PREPARES) != 0;
        }
    }
}

/* A value is stored if a group other than the one that makes it reads it, or if it is kept. Lifetimes are those of the
 * roots. */
static void find_lifetimes(Graph *g)
{
    for (int i = 0; i < g->n_values; i++) {
        Value *v = g->values[i];
        v->first = g->n_groups;
        v->last = -1;
        v->stored = false;
    }
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        if (n->dead) {
            continue;
        }
        for (int k = 0; k < n->n_in; k++) {
            Value *v = n->in[k];
            if (is_planned(v) && (!v->def || v->def->group != n->group || v->base)) {
                v->stored = value_root(v)->stored = true;
                extend(v, n->group);
            }
        }
        if (n->work) {
            n->work->stored = true;
            extend(n->work, n->group);
        }
        for (int k = 0; k < n->n_out; k++) {
            if (n->out[k]->kind == VALUE_CHANNEL || n->out[k]->kind == VALUE_INDEX) {
                n->out[k]->stored = true; /* kernels write these themselves */
            }
        }
    }
    for (int i = 0; i < g->n_values; i++) {
        Value *v = g->values[i];
        if (!is_planned(v)) {
            continue;
        }
        if (v->lasts && v->stored) {
            extend(v, 0);
            extend(v, g->n_groups);
        }
        if (v->keep) {
            v->stored = value_root(v)->stored = true;
            extend(v, g->n_groups);
        }
        if (v == g->input) {
            v->stored = true;
            extend(v, 0);
        }
        if (v->stored && v->def && !v->def->dead) {
            extend(v, v->def->group);
        }
    }
}

static bool same_layout(const Layout *a, const Layout *b)
{
    return a->sample == b->sample && a->row == b->row && a->pixel == b->pixel && a->top == b->top &&
           a->left == b->left && a->bottom == b->bottom && a->right == b->right && a->channels == b->channels;
}

static bool anchor_reads(const Group *group, const Value *v)
{
    for (int k = 0; group->anchor && k < group->anchor->n_in; k++) {
        if (value_root(group->anchor->in[k]) == v) {
            return true;
        }
    }
    return false;
}

/* A tail's result may take the place of a tensor that dies in the same step, if that is read only by the tail, element
 * by element, and for the first time by a node before the store: the result's own, or an earlier one. Slices are left alone: their
 * neighbours live on. */
static void find_in_place(Graph *g)
{
    bool *shared = arena_array(g->arena, (size_t)g->n_values + 1,
                               sizeof *shared); /* by value id: has slices, or was taken */
    for (int i = 0; i < g->n_values; i++) {
        if (g->values[i]->base) {
            shared[g->values[i]->base->id] = true;
        }
    }
    for (int s = 0; s < g->n_groups; s++) {
        const Group *group = g->groups[s];
        for (int k = 0; k < group->n_tail; k++) {
            Value *y = group->tail[k]->out[0];
            if (!y->stored || y->base || y->in_place_of || y->first != s) {
                continue;
            }
            for (int j = 0; j <= k && !y->in_place_of; j++) {
                const Node *n = group->tail[j];
                for (int i = 0; i < n->n_in && !y->in_place_of; i++) {
                    Value *x = n->in[i];
                    bool free = x->kind == VALUE_TENSOR && x->stored && !x->base && !x->keep && x->last == s &&
                                x->first < s && x != g->input && !shared[x->id] && !anchor_reads(group, x) &&
                                same_layout(&x->layout, &y->layout);
                    if (free) {
                        y->in_place_of = x;
                        shared[x->id] = true;
                    }
                }
            }
        }
    }
    for (int i = 0; i < g->n_values; i++) {
        Value *v = g->values[i];
        if (v->in_place_of) {
            Value *buffer = buffer_of(v);
            if (v->last > buffer->last) {
                buffer->last = v->last;
            }
        }
    }
}

static int by_size(const void *a, const void *b)
{
    const Value *x = *(Value *const *)a, *y = *(Value *const *)b;
    if (size_of(x) != size_of(y)) {
        return size_of(x) > size_of(y) ? -1 : 1;
    }
    if (x->first != y->first) {
        return x->first - y->first;
    }
    return x->id - y->id;
}

/* Where something was placed and for how long, without the rest of the value: the loops below run over all of them for
 * each. */
typedef struct Place {
    int64_t offset, end;
    int first, last, id;
} Place;

static bool alive_together(const Place *a, const Place *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset with room for `size` elements, for as long as `v` lives. `placed` is in the order of offsets. */
static int64_t lowest_room(const Place *placed, int n, const Value *v, int64_t size)
{
    Place want = {.first = v->first, .last = v->last};
    int64_t at = 0;
    for (int k = 0; k < n && placed[k].offset < at + size; k++) {
        if (alive_together(&placed[k], &want) && placed[k].end > at) {
            at = placed[k].end;
        }
    }
    return at;
}

/* Position in `placed` behind all that lie lower. */
static int rank_of(const Place *placed, int n, int64_t offset)
{
    int low = 0, high = n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (placed[middle].offset <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Two things alive at once must not share memory: the plan's own check, cheap enough for every build. */
static void check_overlap(const Graph *g, const Place *placed, int n)
{
    for (int i = 0; i < n; i++) {
        for (int k = i + 1; k < n && placed[k].offset < placed[i].end; k++) {
            if (alive_together(&placed[i], &placed[k])) {
                die("internal error: the plan puts %s and %s in one place", g->values[placed[i].id]->name,
                    g->values[placed[k].id]->name);
            }
        }
    }
}

/* Gives each item its offset; returns the size of the area. */
static int64_t place(Graph *g, Value **items, int n, int64_t *unplanned)
{
    Place *placed = arena_array(g->arena, (size_t)n + 1, sizeof *placed);
    int64_t total = 0;
    *unplanned = 0;
    qsort(items, (size_t)n, sizeof *items, by_size);
    for (int i = 0; i < n; i++) {
        Value *v = items[i];
        int64_t size = size_of(v), at = lowest_room(placed, i, v, size);
        int rank = rank_of(placed, i, at);
        memmove(placed + rank + 1, placed + rank, (size_t)(i - rank) * sizeof *placed);
        placed[rank] = (Place){.offset = at, .end = at + size, .first = v->first, .last = v->last, .id = v->id};
        v->offset = at;
        total = at + size > total ? at + size : total;
        *unplanned += size;
    }
    check_overlap(g, placed, n);
    return total;
}

void pass_plan(Graph *g, const Target *t)
{
    (void)t;
    mark_lasting(g);
    find_lifetimes(g);
    find_in_place(g);
    Value **items = arena_array(g->arena, (size_t)g->n_values + 1, sizeof *items);
    for (int area = 0; area < 2; area++) {
        int n = 0;
        for (int i = 0; i < g->n_values; i++) {
            Value *v = g->values[i];
            if (is_planned(v) && v->stored && !v->base && !v->in_place_of && per_sample(v) == (area == 0)) {
                items[n++] = v;
            }
        }
        int64_t unplanned = 0, total = place(g, items, n, &unplanned);
        if (area == 0) {
            g->sample_elements = total;
            g->unplanned_sample = unplanned;
        } else {
            g->fixed_elements = total;
            g->unplanned_fixed = unplanned;
        }
    }
    for (int i = 0; i < g->n_values; i++) {
        Value *v = g->values[i];
        if (is_planned(v) && v->stored) {
            v->offset = buffer_of(v)->offset;
            if (v->in_place_of) {
                g->unplanned_sample += size_of(v);
            }
        }
    }
}
