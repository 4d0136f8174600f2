/* winograd.c - when to multiply in Winograd's space, and how to say it to the kernels (Lavin and Gray, 2016). */
#include "winograd.h"

static int64_t tiles_of(const Geometry *g, int side)
{
    return ((g->out_h + side - 1) / side) * ((g->out_w + side - 1) / side);
}

/* Operations of the kernels' transforms of a line; the two-dimensional ones take lines both ways. */
typedef struct LineOperations {
    int input, gradient, weights, back, back_weights; /* k_forth; k_output; k_line; k_back; k_weights */
} LineOperations;

/* The algorithms that there are: a window of window x window, output tiles of side x side. */
typedef struct Way {
    int window, side;
    const char *name;
    LineOperations line;
} Way;

enum { N_WAYS = 3 };
static const Way ways[N_WAYS] = {
    {3, 2, "Winograd 2x2", {.input = 4, .gradient = 2, .weights = 5, .back = 4, .back_weights = 5}},
    {3, 4, "Winograd 4x4", {.input = 12, .gradient = 10, .weights = 11, .back = 12, .back_weights = 11}},
    {5, 2, "Winograd 2x2", {.input = 12, .gradient = 6, .weights = 15, .back = 8, .back_weights = 15}},
};

/* NULL: there is none for this window. */
static const Way *way_of(const Geometry *g, int side)
{
    for (int i = 0; i < N_WAYS; i++) {
        if (ways[i].window == g->kh && ways[i].side == side) {
            return &ways[i];
        }
    }
    return NULL;
}

/* Side of a tile's input pixels, and how many that is: positions of the transforms. */
static int64_t span_of(const Geometry *g, int side)
{
    return side + g->kh - 1;
}

static int64_t positions_of(const Geometry *g, int side)
{
    return span_of(g, side) * span_of(g, side);
}

bool winograd_fits(const Geometry *g, int side)
{
    return !g->exact && way_of(g, side) && g->kw == g->kh && g->stride_h == 1 && g->stride_w == 1 && g->dilation_h == 1 &&
           g->dilation_w == 1 && g->groups == 1 && g->pad_top == g->kh / 2 && g->pad_left == g->kh / 2 && g->out_h == g->in_h && g->out_w == g->in_w;
}

/* Estimated cycles a sample of each way, fitted to measurements. */
typedef struct Costs {
    double product;            /* multiply-adds a cycle of the products of channels */
    double transforms[N_WAYS]; /* of a tile, a channel in or out */
    double weights[N_WAYS];    /* a pair of channels: once for all samples */
} Costs;

/* The side of the cheaper tiles, or 0 if the direct product takes less: it does `direct` multiply-adds a cycle. */
static int cheapest(const Geometry *g, int64_t samples, const Costs *c, double direct)
{
    double pairs = (double)g->in_c * (double)g->out_c, sum = (double)(g->in_c + g->out_c);
    double least = (double)(g->kh * g->kw * g->out_h * g->out_w) * pairs / direct;
    int best = 0;
    for (int i = 0; i < N_WAYS; i++) {
        const int side = ways[i].side;
        if (ways[i].window != g->kh || !winograd_fits(g, side)) {
            continue;
        }
        double tiles = (double)tiles_of(g, side), positions = (double)positions_of(g, side);
        double cycles = positions * tiles * pairs / c->product + c->transforms[i] * tiles * sum + c->weights[i] * pairs / (double)samples;
        if (cycles < least) {
            least = cycles;
            best = side;
        }
    }
    return best;
}

int winograd_tile(const Geometry *g, int64_t samples)
{
    static const Costs costs = {.product = 14.4, .transforms = {8, 30, 27}, .weights = {14, 30, 45}};
    /* transformed before, they are 16 and 36 values for the 9 or 25 of a direct product, and come from memory */
    static const Costs prepared = {.product = 14.4, .transforms = {8, 30, 27}, .weights = {2, 12, 12}};
    return cheapest(g, samples, g->prepared ? &prepared : &costs, g->out_c <= 8 ? 9.9 : 14.7);
}

int winograd_dw_tile(const Geometry *g, int64_t samples)
{
    static const Costs costs = {.product = 14, .transforms = {15, 42, 38}, .weights = {42, 85, 120}};
    return cheapest(g, samples, &costs, g->out_c <= 8 ? 12.5 : 14.4);
}

typedef struct Sides {
    int64_t rows, channels; /* summed over; that come out, padded */
} Sides;

static Sides sides_of(const Geometry *g, const Target *t, bool backward)
{
    return backward ? (Sides){g->out_c, round_up(g->in_c, t->vl)} : (Sides){g->in_c, round_up(g->out_c, t->vl)};
}

static const Choice *choice_of(const Geometry *g, bool backward)
{
    return &g->choices[backward ? TO_INPUT : FORWARD];
}

static WinogradTile tile_of(const Geometry *g, const Target *t, bool backward)
{
    const Sides s = sides_of(g, t, backward);
    const Choice *choice = choice_of(g, backward);
    WinogradTile tile = target_winograd(t, positions_of(g, choice->tile), s.channels, s.rows, g->samples * tiles_of(g, choice->tile));
    tile.tb = (int)choice_size(choice, tile.tb, tile.mr);
    return tile;
}

int64_t winograd_work(const Geometry *g, const Target *t, bool backward)
{
    const Sides s = sides_of(g, t, backward);
    return positions_of(g, choice_of(g, backward)->tile) * s.rows * s.channels;
}

void winograd_emit(Emit *e, Node *n, Value *from, Value *w, bool backward)
{
    const Geometry *g = n->attrs;
    const Target *t = emit_target(e);
    Sides s = sides_of(g, t, backward);
    int nr = target_panel(t, s.channels);
    const int side = choice_of(g, backward)->tile;
    const WinogradTile tile = tile_of(g, t, backward);
    emit_once(e, n->work);
    emit_kernel(e, "winograd_weights");
    emit_int(e, "S", span_of(g, side));
    emit_int(e, "R", g->kh);
    emit_int(e, "BACKWARD", backward);
    emit_int(e, "CI", g->in_c);
    emit_int(e, "CO", w->param->out_padded);
    emit_int(e, "CO_REAL", g->out_c);
    emit_int(e, "NR", w->param->panel);
    emit_int(e, "U_NR", nr);
    emit_int(e, "KB", tile.kb);
    emit_int(e, "PG", tile.pg);
    emit_arg(e, w, 0);
    emit_arg(e, n->work, 0);
    emit_end(e);
    emit_end_once(e, n->work);

    const Layout *l = &from->layout;
    emit_kernel(e, "winograd");
    emit_int(e, "T", side);
    emit_int(e, "S", span_of(g, side));
    emit_int(e, "OUT_H", g->in_h); /* both ways: the extents are equal */
    emit_int(e, "OUT_W", g->in_w);
    emit_int(e, "IN_S", l->sample);
    emit_int(e, "IN_R", l->row);
    emit_int(e, "IN_P", l->pixel);
    emit_int(e, "CI", s.rows);
    emit_panels(e, s.channels, nr);
    emit_int(e, "MR", tile.mr);
    emit_int(e, "TB", tile.tb);
    emit_int(e, "KB", tile.kb);
    emit_int(e, "PG", tile.pg);
    emit_arg(e, from, -g->kh / 2 * (l->row + l->pixel)); /* the padding, both ways */
    emit_arg(e, n->work, 0);
    emit_end(e);
}

const char *winograd_describe(Arena *a, const Geometry *g, const Target *t, bool backward)
{
    const int side = choice_of(g, backward)->tile;
    const WinogradTile tile = tile_of(g, t, backward);
    return arena_printf(a, "Winograd F(%dx%d, %dx%d), blocks of %d tiles by %d panels, parts of %d channels", side, side, (int)g->kh,
                        (int)g->kw, tile.tb, tile.pg, tile.kb);
}

Arithmetic winograd_arithmetic(const Geometry *g, const Target *t, bool backward)
{
    const Way *way = way_of(g, choice_of(g, backward)->tile);
    const int side = way->side, span = side + way->window - 1, positions = span * span;
    const Sides s = sides_of(g, t, backward);
    const double tiles = (double)tiles_of(g, side), rows = (double)round_up(s.rows, t->vl), channels = (double)s.channels;
    const WinogradTile tile = tile_of(g, t, backward);
    /* where the input's channels come in parts, each group of panels transforms them anew */
    const int64_t group = (int64_t)tile.pg * target_panel(t, s.channels);
    const double repeats = s.rows > tile.kb ? (double)((s.channels + group - 1) / group) : 1;
    return (Arithmetic){
        .algorithm = way->name,
        .products = positions * tiles * (double)s.rows * channels,
        .others = tiles * (2 * span * way->line.input * rows * repeats + (side + span) * way->line.back * channels),
        .fixed = g->prepared ? 0 : (way->window + span) * way->line.weights * rows * channels,
        .work = (double)winograd_work(g, t, backward),
    };
}

/* ---- gradient of the weights ---- */

static WinogradGradientTile gradient_tile(const Geometry *g, const Target *t)
{
    const Choice *choice = &g->choices[TO_WEIGHTS];
    WinogradGradientTile tile = target_winograd_gradient(t, positions_of(g, g->choices[TO_WEIGHTS].tile), g->in_c, round_up(g->out_c, t->vl),
                                                         g->samples * tiles_of(g, choice->tile));
    tile.tb = (int)choice_size(choice, tile.tb, tile.tg);
    return tile;
}

int64_t winograd_dw_work(const Geometry *g, const Target *t)
{
    enum { LINE = 16 }; /* the kernel's pitch is an odd number of cache lines, in float or in double */
    WinogradGradientTile tile = gradient_tile(g, t);
    int64_t out = round_up(g->out_c, t->vl), pitches = round_up(g->in_c, LINE) + round_up(out, LINE) + 2 * LINE;
    int64_t block = positions_of(g, g->choices[TO_WEIGHTS].tile) * (tile.tb * pitches + g->in_c * out);
    return tile.chunks ? tile.chunks * (block + out) : block + (tile.tb + tile.tg - 1) / tile.tg * out;
}

void winograd_dw_emit(Emit *e, Node *n)
{
    const Geometry *g = n->attrs;
    const Value *x = n->in[0], *dy = n->in[1];
    const Layout *in = &x->layout, *out = &dy->layout;
    WinogradGradientTile tile = gradient_tile(g, emit_target(e));
    emit_kernel(e, "winograd_dw");
    emit_int(e, "T", g->choices[TO_WEIGHTS].tile);
    emit_int(e, "S", span_of(g, g->choices[TO_WEIGHTS].tile));
    emit_int(e, "OUT_H", g->out_h);
    emit_int(e, "OUT_W", g->out_w);
    emit_int(e, "IN_S", in->sample);
    emit_int(e, "IN_R", in->row);
    emit_int(e, "IN_P", in->pixel);
    emit_int(e, "DY_S", out->sample);
    emit_int(e, "DY_R", out->row);
    emit_int(e, "DY_P", out->pixel);
    emit_int(e, "CI", g->in_c);
    emit_panels(e, n->out[0]->param->out_padded, tile.nr);
    emit_int(e, "MR", tile.mr);
    emit_int(e, "TB", tile.tb);
    if (tile.chunks) {
        emit_int(e, "CHUNKS", tile.chunks);
    } else {
        emit_int(e, "TG", tile.tg);
    }
    emit_int(e, "BIAS", n->n_out > 1);
    emit_arg(e, n->in[0], -g->kh / 2 * (in->row + in->pixel));
    emit_arg(e, n->in[1], 0);
    emit_arg(e, n->out[0], 0);
    if (n->n_out > 1) {
        emit_arg(e, n->out[1], 0);
    } else {
        emit_arg_text(e, "NULL");
    }
    emit_arg(e, n->work, 0);
    emit_end(e);
}

Arithmetic winograd_dw_arithmetic(const Geometry *g, const Target *t)
{
    const Way *way = way_of(g, g->choices[TO_WEIGHTS].tile);
    const int side = way->side, span = side + way->window - 1, positions = span * span;
    const double tiles = (double)tiles_of(g, side), in = (double)round_up(g->in_c, t->vl), out = (double)round_up(g->out_c, t->vl);
    const double sums = positions * (double)g->in_c * out;
    const int chunks = gradient_tile(g, t).chunks; /* that have sums of their own */
    return (Arithmetic){
        .algorithm = way->name,
        .products = positions * tiles * (double)g->in_c * out,
        /* with the bias's sum, an operation for each pixel */
        .others = tiles * (2 * span * way->line.input * in + ((side + span) * way->line.gradient + side * side) * out),
        .fixed = (way->window + span) * way->line.back_weights * (double)g->in_c * out + chunks * sums,
        .work = (chunks ? chunks : 1) * sums,
    };
}

const char *winograd_dw_describe(Arena *a, const Geometry *g, const Target *t)
{
    const int side = g->choices[TO_WEIGHTS].tile;
    WinogradGradientTile tile = gradient_tile(g, t);
    const char *chunks = tile.chunks ? arena_printf(a, "%d chunks in ", tile.chunks) : "";
    return arena_printf(a, "Winograd F(%dx%d, %dx%d) transposed, %sblocks of %d tiles, register tile %dx%d", side, side, (int)g->kh, (int)g->kw,
                        chunks, tile.tb, tile.mr, tile.nr);
}
