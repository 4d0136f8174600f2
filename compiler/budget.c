/* budget.c - which results of the forward pass to keep for the backward pass, under a budget of memory.
 *
 * What is chosen among are the places that hold forward results for the backward pass: the `holds`. Dropping one saves its bytes from the
 * end of the forward pass on and costs the time of computing it again from what is kept. The rule, in the order of the forward pass,
 * with three parameters:
 *
 *   drop a hold if it costs at most `price` seconds a byte, if the results that are dropped in a row before it, which all have to be
 *   there at once when it is computed again, take at most `chain` bytes, and if it lies in the first `share` of all bytes: what is made
 *   last is needed first, and dropping it would save nothing.
 *
 * Low prices drop what is cheap: activations, normalised values, sums, pooling. Higher ones drop products too, and `chain` then puts
 * checkpoints between them: with chains of sqrt(n) layers, memory grows with sqrt(n) (Chen et al., 2016). Each combination of a grid
 * of parameters is built and planned as it would be emitted, which tells its memory to the byte; its time is predicted step by step,
 * from products and bytes moved. What is left is the front of those that no other beats in both. */
#include "budget.h"

#include "report.h"
#include "steps.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A place that keeps results of the forward pass for the backward pass: a tensor, with those that are slices of it. */
typedef struct Hold {
    int first;        /* node that writes it first: its place in the order */
    int64_t elements; /* a sample */
    double seconds;   /* to compute it again from other holds, a sample */
    bool product;     /* that takes a product */
    bool fixed;       /* cannot be dropped */
} Hold;

typedef struct Holds {
    Graph *g;         /* planned, with everything kept */
    Hold *items;
    int n;
    int *of;          /* by node id: the hold that it writes, or -1 */
    int64_t elements; /* of all */
} Holds;

/* Plans that were tried, and a hash of what each drops: many rules come to the same. */
typedef struct Search {
    Compilation *c;
    const Graph *infer;
    int64_t batch;
    TrainingPlan *plans;
    uint64_t *hashes;
    int n, cap, cap_hashes;
} Search;

/* ---- prediction ---- */

/* What a core of today does a second, about: multiply-adds of products, bytes moved by everything else. Only their ratio counts where
 * times are compared, and they are the same for every target, so that plans are. */
static const double macs_second = 50e9, bytes_second = 10e9;

static double seconds_of(double macs, double bytes)
{
    const double products = macs / macs_second, moved = bytes / bytes_second;
    return products > moved ? products : moved;
}

static double predicted_step(const Compilation *c, const Graph *g, int64_t batch)
{
    const bool *skip = graph_input_gradient_only(g);
    double sum = 0;
    for (int i = 0; i < g->n_groups; i++) {
        const Group *group = g->groups[i];
        const Node *n = group->anchor;
        if (!skip[i]) {
            sum += seconds_of(n && n->op->macs ? (double)batch * n->op->macs(n) : 0,
                              (double)batch * group_traffic(group) + group_parameter_traffic(group));
        }
    }
    for (int i = 0; i < step_update_ranges(c->net); i++) {
        sum += step_update(c->net->arena, c->net, i).bytes_fixed / bytes_second;
    }
    return sum;
}

/* ---- trying a plan ---- */

static Graph *build(const Compilation *c, const Recompute *r)
{
    Graph *g = graph_build(c->net, true);
    g->recompute = r;
    run_passes(g, c->target);
    return g;
}

static TrainingPlan measure(const Search *s, const Graph *g)
{
    Memory m = report_training(s->c, g, s->infer, s->batch);
    TrainingPlan p = {.memory = m.training, .activations = m.activations, .workspace = m.workspace, .seconds = predicted_step(s->c, g, s->batch)};
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        if (!n->dead && n->again_of) {
            p.copies++;
            p.macs += n->op->macs ? n->op->macs(n) : 0;
        }
    }
    return p;
}

/* Plans as the driver would, in memory that is given back. */
static TrainingPlan try_plan(const Search *s, const Recompute *r)
{
    Net *net = s->c->net;
    Arena scratch = {0}, *const own = net->arena;
    net->arena = &scratch;
    TrainingPlan p = measure(s, build(s->c, r));
    p.recompute = *r;
    net->arena = own;
    arena_free(&scratch);
    return p;
}

/* ---- holds ---- */

static bool is_result(const Value *v)
{
    return v->kind == VALUE_TENSOR || v->kind == VALUE_INDEX;
}

/* By value id: the backward pass reads it, or a slice of it. */
static bool *read_backward(const Graph *g)
{
    bool *read = arena_array(g->arena, (size_t)g->n_values + 1, sizeof *read);
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        for (int k = 0; !n->dead && n->phase == PHASE_BACKWARD && k < n->n_in; k++) {
            read[n->in[k]->id] = read[value_root(n->in[k])->id] = true;
        }
    }
    return read;
}

/* Time of a node when it runs again: what its group has in registers costs nothing. */
static double node_seconds(const Node *n)
{
    double bytes = 0;
    for (int k = 0; k < n->n_in; k++) {
        bytes += is_result(n->in[k]) && n->in[k]->stored ? 4 * (double)shape_size(n->in[k]->shape) : 0;
    }
    for (int k = 0; k < n->n_out; k++) {
        bytes += n->out[k]->stored ? 4 * (double)shape_size(n->out[k]->shape) : 0;
    }
    return seconds_of(n->op->macs ? n->op->macs(n) : 0, bytes);
}

static int hold_of_root(Holds *h, int *by_root, const Node *n)
{
    const Value *root = value_root(n->out[0]);
    if (by_root[root->id] < 0) {
        by_root[root->id] = h->n;
        h->items[h->n++] = (Hold){.first = n->id, .elements = root->layout.sample};
    }
    return by_root[root->id];
}

/* Finds what can be dropped. Costs are followed from the input on: through nodes whose results nobody keeps they add up. */
static Holds find_holds(Graph *g)
{
    Arena *a = g->arena;
    Holds h = {.g = g};
    h.items = arena_array(a, (size_t)g->n_nodes + 1, sizeof *h.items);
    h.of = arena_array(a, (size_t)g->n_nodes + 1, sizeof *h.of);
    int *by_root = arena_array(a, (size_t)g->n_values + 1, sizeof *by_root);
    double *seconds = arena_array(a, (size_t)g->n_nodes + 1, sizeof *seconds);
    bool *product = arena_array(a, (size_t)g->n_nodes + 1, sizeof *product);
    const bool *read = read_backward(g);
    memset(by_root, -1, ((size_t)g->n_values + 1) * sizeof *by_root);
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        h.of[i] = -1;
        if (n->dead || n->phase != PHASE_FORWARD || n->n_out == 0 || !is_result(n->out[0])) {
            continue;
        }
        seconds[i] = node_seconds(n);
        product[i] = n->op->macs != NULL;
        for (int k = 0; k < n->n_in; k++) {
            const Node *from = n->in[k]->def;
            if (from && h.of[from->id] < 0) {
                seconds[i] += seconds[from->id];
                product[i] |= product[from->id];
            }
        }
        bool held = false;
        for (int k = 0; k < n->n_out; k++) {
            held |= read[n->out[k]->id] || read[value_root(n->out[k])->id];
        }
        if (!held) {
            continue;
        }
        h.of[i] = hold_of_root(&h, by_root, n);
        Hold *hold = &h.items[h.of[i]];
        hold->seconds += seconds[i];
        hold->product |= product[i];
        hold->fixed |= !node_repeatable(n);
        for (int k = 1; k < n->n_out; k++) {
            hold->elements += n->out[k]->layout.sample;
        }
    }
    for (int i = 0; i < h.n; i++) {
        h.elements += h.items[i].elements;
    }
    return h;
}

/* ---- the rule ---- */

typedef struct Rule {
    double price;  /* seconds an element */
    int64_t chain; /* elements */
    double share;
    int reach;
} Rule;

/* Elements that have to be there at once to compute again what the node reads. */
static int64_t chain_before(const Holds *h, const Node *n, const bool *dropped, const int64_t *chain)
{
    int64_t longest = 0;
    for (int k = 0; k < n->n_in; k++) {
        const Node *from = n->in[k]->def;
        const bool goes_on = from && (h->of[from->id] < 0 || dropped[h->of[from->id]]);
        if (goes_on && chain[from->id] > longest) {
            longest = chain[from->id];
        }
    }
    return longest;
}

/* By node id: whether the backward pass computes it again. NULL: no hold is dropped. */
static bool *apply_rule(Arena *a, const Holds *h, const Rule *rule)
{
    const Graph *g = h->g;
    bool *dropped = arena_array(a, (size_t)h->n + 1, sizeof *dropped), *decided = arena_array(a, (size_t)h->n + 1, sizeof *decided);
    bool *again = arena_array(a, (size_t)g->n_nodes + 1, sizeof *again);
    int64_t *chain = arena_array(a, (size_t)g->n_nodes + 1, sizeof *chain), before = 0;
    bool any = false;
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        if (n->dead || n->phase != PHASE_FORWARD) {
            continue;
        }
        chain[i] = chain_before(h, n, dropped, chain);
        if (h->of[i] >= 0) {
            const Hold *hold = &h->items[h->of[i]];
            const bool passes = rule->reach == 0 && !hold->product; /* is there only for a moment */
            const int64_t length = chain[i] + (passes ? 0 : hold->elements);
            if (!decided[h->of[i]]) {
                decided[h->of[i]] = true;
                before += hold->elements;
                dropped[h->of[i]] = !hold->fixed && hold->seconds <= rule->price * (double)hold->elements && length <= rule->chain &&
                                    (double)before <= rule->share * (double)h->elements;
                any |= dropped[h->of[i]];
            }
            chain[i] = length;
        }
        again[i] = node_repeatable(n) && (h->of[i] < 0 || dropped[h->of[i]]);
    }
    return any ? again : NULL;
}

/* ---- the front ---- */

/* Sides of the grid of rules. Of large networks, whose plans take long, only so many are tried as EFFORT nodes are planned, in strides that
 * give a cross-section. */
enum { PRICES = 6, CHAINS = 8, SHARES = 5, REACHES = 3, RULES = PRICES * CHAINS * SHARES * REACHES, STRIDE = 271, EFFORT = 600000 };

static int by_price(const void *x, const void *y)
{
    const Hold *a = x, *b = y;
    const double p = a->seconds * (double)b->elements, q = b->seconds * (double)a->elements;
    return p != q ? (p < q ? -1 : 1) : a->first - b->first;
}

/* Prices at which so many equal parts of what could be dropped are; the last one is enough for all. */
static void find_prices(const Holds *h, Arena *a, double prices[PRICES])
{
    Hold *sorted = arena_array(a, (size_t)h->n + 1, sizeof *sorted);
    memcpy(sorted, h->items, (size_t)h->n * sizeof *sorted);
    qsort(sorted, (size_t)h->n, sizeof *sorted, by_price);
    int64_t sum = 0;
    for (int i = 0, k = 0; i < h->n; i++) {
        sum += sorted[i].elements;
        while (k < PRICES && (double)sum * PRICES >= (double)h->elements * (k + 1)) {
            prices[k++] = 1.0001 * sorted[i].seconds / (double)sorted[i].elements;
        }
    }
}

static void add_plan(Search *s, Arena *a, TrainingPlan p, uint64_t hash)
{
    s->plans = vec_grow(a, s->plans, s->n, &s->cap, sizeof *s->plans);
    s->hashes = vec_grow(a, s->hashes, s->n, &s->cap_hashes, sizeof *s->hashes);
    p.order = s->n;
    s->plans[s->n] = p;
    s->hashes[s->n++] = hash;
}

static void try_rule(Search *s, const Holds *h, const Rule *rule)
{
    Arena *a = h->g->arena;
    Recompute r = {.again = apply_rule(a, h, rule), .reach = rule->reach};
    if (!r.again) {
        return;
    }
    const uint64_t hash = hash_bytes(hash_bytes(hash_start(), r.again, (size_t)h->g->n_nodes), &r.reach, sizeof r.reach);
    for (int i = 0; i < s->n; i++) {
        if (s->hashes[i] == hash) {
            return;
        }
    }
    add_plan(s, a, try_plan(s, &r), hash);
}

static int by_memory(const void *x, const void *y)
{
    const TrainingPlan *a = x, *b = y;
    if (a->memory != b->memory) {
        return a->memory < b->memory ? -1 : 1;
    }
    return a->seconds != b->seconds ? (a->seconds < b->seconds ? -1 : 1) : a->order - b->order;
}

/* Keeps the plans that no other beats, the fastest first. Keeping everything is one of them in any case, and none is said to take less time:
 * a prediction that finds some is not that exact. */
static Front *front_of(Arena *a, Search *s, int n_nodes)
{
    const TrainingPlan all = s->plans[0];
    Front *f = arena_alloc(a, sizeof *f);
    f->batch = s->batch;
    f->plans = arena_array(a, (size_t)s->n + 1, sizeof *f->plans);
    for (int i = 0; i < s->n; i++) {
        s->plans[i].seconds = s->plans[i].seconds > all.seconds ? s->plans[i].seconds : all.seconds;
    }
    qsort(s->plans, (size_t)s->n, sizeof *s->plans, by_memory);
    for (int i = 0; i < s->n; i++) {
        const bool beaten = f->n > 0 && s->plans[i].seconds >= f->plans[f->n - 1].seconds;
        if (!beaten && s->plans[i].memory < all.memory) {
            f->plans[f->n++] = s->plans[i];
        }
    }
    f->plans[f->n++] = all;
    for (int i = 0; i < f->n / 2; i++) {
        const TrainingPlan p = f->plans[i];
        f->plans[i] = f->plans[f->n - 1 - i];
        f->plans[f->n - 1 - i] = p;
    }
    for (int i = 0; i < f->n; i++) {
        Recompute *r = &f->plans[i].recompute;
        if (r->again) {
            r->again = memcpy(arena_array(a, (size_t)n_nodes, sizeof *r->again), r->again, (size_t)n_nodes * sizeof *r->again);
        }
    }
    return f;
}

/* The front of the plan that keeps everything and of those that so many rules give. */
static Front *search(Compilation *c, int64_t batch, int rules)
{
    static const double shares[SHARES] = {0.4, 0.6, 0.8, 0.9, 1};
    static const int reaches[REACHES] = {0, 1, INT_MAX};
    Arena scratch = {0}, *const own = c->net->arena;
    c->net->arena = &scratch;
    Graph *infer = graph_build(c->net, false);
    run_passes(infer, c->target);
    Search s = {.c = c, .infer = infer, .batch = batch};
    Graph *g = build(c, NULL);
    add_plan(&s, &scratch, measure(&s, g), hash_start());
    Holds h = find_holds(g);
    double prices[PRICES] = {0};
    find_prices(&h, &scratch, prices);
    for (int k = 0; k < rules && (s.n < 2 || s.n < EFFORT / g->n_nodes); k++) {
        const int i = (int)((int64_t)k * STRIDE % RULES);
        const int share = i % SHARES, reach = i / SHARES % REACHES, chain = i / (SHARES * REACHES) % CHAINS, price = i / (RULES / PRICES);
        const Rule rule = {prices[price], h.elements >> chain, shares[share], reaches[reach]};
        try_rule(&s, &h, &rule);
    }
    Front *f = front_of(own, &s, g->n_nodes);
    c->net->arena = own;
    arena_free(&scratch);
    return f;
}

Front *budget_front(Compilation *c, int64_t batch)
{
    return search(c, batch, RULES);
}

const TrainingPlan *budget_choose(const Front *f, int64_t bytes)
{
    for (int i = 0; i < f->n; i++) {
        if (f->plans[i].memory <= bytes) {
            return &f->plans[i];
        }
    }
    return NULL;
}

double budget_extra_time(const Front *f, const TrainingPlan *p)
{
    return p->seconds / f->plans[0].seconds - 1;
}

const char *budget_sentence(Arena *a, const Compilation *c)
{
    const TrainingPlan *p = c->plan, *all = &c->front->plans[0];
    const char *limit = bytes_text(a, c->net->config->memory);
    if (p->copies == 0) {
        return arena_printf(a, "at most %s: everything is kept, nothing is computed again", limit);
    }
    const char *products = p->macs > 0 ? arena_printf(a, " (%s a sample)", three_digits(a, p->macs, "MAC")) : "";
    return arena_printf(a, "at most %s: %s computed again%s, which takes about %.1f%% more time; with everything kept it would be %s", limit,
                        p->copies == 1 ? "1 operator is" : arena_printf(a, "%d operators are", p->copies), products,
                        100 * budget_extra_time(c->front, p), bytes_text(a, all->memory));
}

/* ---- a limit that is too low ---- */

/* The largest batch that one of the plans has room for in so many bytes, if it changed nothing but their activations; 0: none. */
static int64_t room_for(const Front *f, int64_t bytes)
{
    int64_t most = 0;
    for (int i = 0; i < f->n; i++) {
        const TrainingPlan *p = &f->plans[i];
        const int64_t sample = p->activations / f->batch, fixed = p->memory - p->activations;
        const int64_t n = sample > 0 && bytes > fixed ? (bytes - fixed) / sample : 0;
        most = n > most ? n : most;
    }
    return most;
}

/* A batch that fits into so many bytes, the largest that was found; 0: none. Algorithms and their workspaces depend on the batch, so each
 * is planned. */
static int64_t fitting_batch(Compilation *c, int64_t bytes, int rules)
{
    Config *config = c->net->config;
    const int64_t own = config->batch;
    int64_t n = own, room = 0;
    while (n > 0 && room < n) {
        n = room > 0 ? room : n;
        config->batch = n;
        room = room_for(search(c, n, rules), bytes);
        n = room > 0 ? n : 0;
    }
    config->batch = own;
    return n;
}

/* The largest results of layers, which a smaller picture or fewer channels would make smaller. */
static void note_largest(Compilation *c, Diag *d, int64_t batch)
{
    enum { SHOWN = 3 };
    const Layer *shown[SHOWN] = {0};
    for (int s = 0; s < SHOWN; s++) {
        for (int i = 0; i < c->net->n_layers; i++) {
            const Layer *l = c->net->layers[i];
            bool taken = l == c->net->input || (l->op->traits & OP_FREE) || l->op->elt;
            for (int k = 0; k < s; k++) {
                taken |= l == shown[k];
            }
            if (!taken && (!shown[s] || shape_size(l->out) > shape_size(shown[s]->out))) {
                shown[s] = l;
            }
        }
        if (shown[s]) {
            diag_note(c->net->diags, d, shown[s]->loc, "%s gives %s, %s a batch", shown[s]->name, shape_text(&c->arena, shown[s]->out),
                      bytes_text(&c->arena, times(times(4, batch), shape_size(shown[s]->out))));
        }
    }
}

/* At least so many bytes, as the model file says it. */
static const char *in_language(Arena *a, int64_t bytes)
{
    enum { KB = 1000, MB = 1000000, LARGE = 100 * MB };
    return bytes < LARGE ? arena_printf(a, "%lldKB", (long long)((bytes + KB - 1) / KB)) : arena_printf(a, "%lldMB", (long long)((bytes + MB - 1) / MB));
}

void budget_report(Compilation *c, const Front *f)
{
    Arena *a = &c->arena;
    Diags *ds = c->net->diags;
    const int64_t limit = c->net->config->memory;
    const TrainingPlan *all = &f->plans[0], *least = &f->plans[f->n - 1];
    const int64_t batch = fitting_batch(c, limit, RULES), whole = fitting_batch(c, limit, 0);
    Memory m = report_blocks(c);
    const int64_t state = plus(plus(m.parameters, m.gradients), m.optimizer);
    Diag *d = diag_error(ds, c->net->config->memory_at, "training in batches of %lld takes at least %s, and memory is %s", (long long)f->batch,
                         bytes_text(a, least->memory), bytes_text(a, limit));
    diag_note(ds, d, c->net->loc, "%s of it are parameters, gradients and the optimizer's state: no batch makes them smaller",
              bytes_text(a, state));
    note_largest(c, d, f->batch);
    if (batch > 0) {
        const char *kept = whole > 0 ? arena_printf(a, ", %lld with nothing computed again", (long long)whole) : "";
        diag_help(ds, d, "a batch of %lld fits%s", (long long)batch, kept);
    }
    const char *enough = in_language(a, least->memory);
    if (least->copies > 0) {
        diag_help(ds, d, "memory = %s is the least for this batch, and takes about %.1f%% more time; with everything kept it would be %s", enough,
                  100 * budget_extra_time(f, least), bytes_text(a, all->memory));
    } else {
        diag_help(ds, d, "memory = %s is the least for this batch", enough);
    }
    if (m.optimizer > 0 && limit >= least->memory - m.optimizer) {
        diag_help(ds, d, "sgd without momentum keeps no state: it needs %s less", bytes_text(a, m.optimizer));
    }
    if (batch == 0) {
        diag_help(ds, d, "no batch fits: use fewer units or channels, or a smaller input");
    }
}
