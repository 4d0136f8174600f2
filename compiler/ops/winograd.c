/* winograd.c - when to multiply in Winograd's space, and how to say it to the kernels (Lavin and Gray, 2016). */
#include "winograd.h"

/* Channels from which the transforms, which are paid once a channel, are well below the products, paid once a pair of channels. */
enum { MIN_CHANNELS = 32 };

int winograd_tile(const Geometry *g, int64_t samples)
{
    bool fits = g->kh == 3 && g->kw == 3 && g->stride_h == 1 && g->stride_w == 1 && g->dilation_h == 1 && g->dilation_w == 1 &&
                g->groups == 1 && g->pad_top == 1 && g->pad_left == 1 && g->out_h == g->in_h && g->out_w == g->in_w;
    if (!fits || g->exact || g->in_c < MIN_CHANNELS || g->out_c < MIN_CHANNELS) {
        return 0;
    }
    /* A 4x4 tile saves 6.75 products a pixel and pair of channels; transforming a pair's weights costs about as much as 100. */
    if (g->out_h * g->out_w * samples < 64) {
        return 0;
    }
    return g->out_h > 2 || g->out_w > 2 ? 4 : 2;
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
    WinogradTile tile = target_winograd(t, s.channels, s.rows);
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
    WinogradTile tile = target_winograd(t, s.channels, s.rows);
    return arena_printf(a, "Winograd F(%dx%d, 3x3), blocks of %d tiles by %d panels, parts of %d channels", g->winograd, g->winograd, tile.tb,
                        tile.pg, tile.kb);
}
