/* winograd.c - when to multiply in Winograd's space, and how to say it to the kernels (Lavin and Gray, 2016). */
#include "winograd.h"

static int64_t tiles_of(const Geometry *g, int side)
{
    return ((g->out_h + side - 1) / side) * ((g->out_w + side - 1) / side);
}

/* Estimates in cycles a sample, fitted to what tests/kernels/bench_winograd.c measures: products of channels near the machine's peak,
 * transforms of a tile a channel in and out, and the making and reading of the transformed weights a pair of channels. */
int winograd_tile(const Geometry *g, int64_t samples)
{
    bool fits = g->kh == 3 && g->kw == 3 && g->stride_h == 1 && g->stride_w == 1 && g->dilation_h == 1 && g->dilation_w == 1 &&
                g->groups == 1 && g->pad_top == 1 && g->pad_left == 1 && g->out_h == g->in_h && g->out_w == g->in_w;
    if (!fits || g->exact) {
        return 0;
    }
    double pairs = (double)g->in_c * (double)g->out_c, sum = (double)(g->in_c + g->out_c);
    double least = 9.0 * (double)(g->out_h * g->out_w) * pairs / (g->out_c <= 8 ? 9.9 : 14.7);
    int best = 0;
    for (int side = 2; side <= 4; side += 2) {
        double tiles = (double)tiles_of(g, side), positions = (side + 2) * (side + 2);
        double cycles = positions * tiles * pairs / 14.4 + (side == 2 ? 8.0 : 30.0) * tiles * sum +
                        (side == 2 ? 14.0 : 30.0) * pairs / (double)samples;
        if (cycles < least) {
            least = cycles;
            best = side;
        }
    }
    return best;
}

typedef struct Sides {
    int64_t rows, channels; /* summed over; that come out, padded */
} Sides;

static Sides sides_of(const Geometry *g, const Target *t, bool backward)
{
    return backward ? (Sides){g->out_c, round_up(g->in_c, t->vl)} : (Sides){g->in_c, round_up(g->out_c, t->vl)};
}

int64_t winograd_work(const Geometry *g, const Target *t, bool backward)
{
    Sides s = sides_of(g, t, backward);
    return (int64_t)(g->winograd + 2) * (g->winograd + 2) * s.rows * s.channels;
}

void winograd_emit(Emit *e, Node *n, Value *from, Value *w, bool backward)
{
    const Geometry *g = n->attrs;
    const Target *t = emit_target(e);
    Sides s = sides_of(g, t, backward);
    int nr = target_panel(t, s.channels);
    WinogradTile tile = target_winograd(t, g->winograd, s.channels, s.rows, g->winograd_samples * tiles_of(g, g->winograd));
    emit_kernel(e, "winograd_weights");
    emit_int(e, "T", g->winograd);
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

    const Layout *l = &from->layout;
    emit_kernel(e, "winograd");
    emit_int(e, "T", g->winograd);
    emit_int(e, "OUT_H", g->in_h); /* both ways: the extents are equal */
    emit_int(e, "OUT_W", g->in_w);
    emit_int(e, "IN_S", l->sample);
    emit_int(e, "IN_R", l->row);
    emit_int(e, "IN_P", l->pixel);
    emit_int(e, "CI", s.rows);
    emit_int(e, "CO", s.channels);
    emit_int(e, "NR", nr);
    emit_int(e, "MR", tile.mr);
    emit_int(e, "TB", tile.tb);
    emit_int(e, "KB", tile.kb);
    emit_int(e, "PG", tile.pg);
    emit_arg(e, from, -(l->row + l->pixel)); /* padding 1 forward, 2 - 1 backward */
    emit_arg(e, n->work, 0);
    emit_end(e);
}

const char *winograd_describe(Arena *a, const Geometry *g, const Target *t, bool backward)
{
    Sides s = sides_of(g, t, backward);
    WinogradTile tile = target_winograd(t, g->winograd, s.channels, s.rows, g->winograd_samples * tiles_of(g, g->winograd));
    return arena_printf(a, "Winograd F(%dx%d, 3x3), blocks of %d tiles by %d panels, parts of %d channels", g->winograd, g->winograd, tile.tb,
                        tile.pg, tile.kb);
}
