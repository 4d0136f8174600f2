/* conv.c - convolution: the language's conv, and the graph operators of every product: conv (forward), conv_dx (gradient to
 * the input), conv_dw (gradient of weights and, on the way, of the bias). */
#include "bias.h"
#include "product.h"
#include "winograd.h"
#include "window.h"

#include "../config.h"
#include "../emit/rules.h"
#include "../interp.h"
#include "../target.h"
#include "../tuning.h"

typedef struct ConvAttrs {
    int64_t channels;
    Size2 size, stride, dilation;
    Pad pad;
    int64_t groups;
    bool bias, exact;
    InitSpec init;
    Geometry geo; /* set by the shape rule */
} ConvAttrs;

static const AttrDef conv_attrs[] = {
    {.name = "channels", .type = ATTR_INT, .offset = offsetof(ConvAttrs, channels), .positional = true, .required = true, .min = 1,
     .max = 1 << 20, .doc = "the number of filters"},
    {.name = "size", .type = ATTR_SIZE2, .offset = offsetof(ConvAttrs, size), .positional = true, .required = true, .min = 1,
     .max = 4096, .doc = "the window"},
    {.name = "stride", .type = ATTR_SIZE2, .offset = offsetof(ConvAttrs, stride), .standard = "1", .min = 1, .max = 4096,
     .doc = "distance between windows"},
    {.name = "pad", .type = ATTR_PAD, .offset = offsetof(ConvAttrs, pad), .standard = "0", .min = 0, .max = 4096,
     .doc = "zeros around the input; `same`: as many as keep ceil(extent / stride), the odd one below and on the right"},
    {.name = "dilation", .type = ATTR_SIZE2, .offset = offsetof(ConvAttrs, dilation), .standard = "1", .min = 1, .max = 4096,
     .doc = "distance between the window's taps"},
    {.name = "groups", .type = ATTR_INT, .offset = offsetof(ConvAttrs, groups), .standard = "1", .min = 1, .max = 1 << 20,
     .doc = "splits input and output channels into groups that do not mix"},
    {.name = "bias", .type = ATTR_BOOL, .offset = offsetof(ConvAttrs, bias), .standard = "yes", .doc = "add a learnt value a channel"},
    {.name = "exact", .type = ATTR_BOOL, .offset = offsetof(ConvAttrs, exact), .standard = "no",
     .doc = "sums in direct order only; else a 3x3 or 5x5 window of stride 1 may go through Winograd's filtering, whose results differ in the "
            "sixth digit of the largest"},
    {.name = "init", .type = ATTR_INIT, .offset = offsetof(ConvAttrs, init), .doc = "initialiser of the weights; if not given, the init section's"},
    {0},
};

static bool conv_shape(LayerCtx *cx)
{
    Layer *l = cx->layer;
    ConvAttrs *a = l->attrs;
    Shape in = l->in;
    if (in.vector) {
        Diag *d = layer_error(cx, NULL, "conv reads a vector of %lld: it needs height x width x channels", (long long)in.c);
        layer_note_input(cx, d, 0);
        diag_help(cx->diags, d, "use dense here, or move the convolution before what made a vector of it");
        return false;
    }
    if (in.c % a->groups != 0 || a->channels % a->groups != 0) {
        bool of_input = in.c % a->groups != 0;
        Diag *d = layer_error(cx, "groups", "%lld groups do not divide the %lld %s channels", (long long)a->groups,
                              (long long)(of_input ? in.c : a->channels), of_input ? "input" : "output");
        layer_note_input(cx, d, 0);
        return false;
    }
    Geometry *g = &a->geo;
    *g = (Geometry){.in_h = in.h, .in_w = in.w, .in_c = in.c, .out_c = a->channels, .kh = a->size.h, .kw = a->size.w,
                    .stride_h = a->stride.h, .stride_w = a->stride.w, .dilation_h = a->dilation.h, .dilation_w = a->dilation.w,
                    .groups = a->groups, .exact = a->exact};
    g->out_h = window_count(in.h, g->kh, g->stride_h, g->dilation_h, a->pad.same, a->pad.h, &g->pad_top);
    g->out_w = window_count(in.w, g->kw, g->stride_w, g->dilation_w, a->pad.same, a->pad.w, &g->pad_left);
    if (g->out_h < 1 || g->out_w < 1) {
        Diag *d = layer_error(cx, "size", "%s reads %s and asks for a %lldx%lld window%s: it does not fit", l->name,
                              shape_text(cx->arena, in), (long long)g->kh, (long long)g->kw,
                              g->dilation_h > 1 || g->dilation_w > 1 ? " with dilation" : "");
        layer_note_input(cx, d, 0);
        diag_help(cx->diags, d, "the largest window here is %lldx%lld; pad=same keeps the size",
                  (long long)((in.h + 2 * a->pad.h - 1) / g->dilation_h + 1), (long long)((in.w + 2 * a->pad.w - 1) / g->dilation_w + 1));
        return false;
    }
    l->out = (Shape){g->out_h, g->out_w, g->out_c, false};
    layer_param_panels(cx, "weight", g->out_c, in.c / g->groups, g->kh, g->kw, (int)g->groups, false, a->init);
    if (a->bias) {
        layer_param(cx, "bias", PARAM_BIAS, g->out_c, (InitSpec){0}, false);
    }
    int64_t k = g->kh * g->kw * (in.c / g->groups);
    if (!checked_mul(k, shape_size(l->out), &l->macs)) {
        layer_error(cx, NULL, "%s needs more than 2^63 products a sample", l->name);
        return false;
    }
    return true;
}

static const char *conv_why(Arena *arena, const Layer *l)
{
    const ConvAttrs *a = l->attrs;
    const Geometry *g = &a->geo;
    if (a->pad.same) {
        return arena_printf(arena, "ceil(%lld / %lld) = %lld", (long long)g->in_h, (long long)g->stride_h, (long long)g->out_h);
    }
    if (g->dilation_h > 1) {
        return arena_printf(arena, "(%lld + 2*%lld - %lld*(%lld - 1) - 1) / %lld + 1 = %lld", (long long)g->in_h, (long long)a->pad.h,
                            (long long)g->dilation_h, (long long)g->kh, (long long)g->stride_h, (long long)g->out_h);
    }
    return arena_printf(arena, "(%lld + 2*%lld - %lld) / %lld + 1 = %lld", (long long)g->in_h, (long long)a->pad.h, (long long)g->kh,
                        (long long)g->stride_h, (long long)g->out_h);
}

static void conv_build(Graph *g, Layer *l, Value **in)
{
    const ConvAttrs *a = l->attrs;
    l->value = product_build(g, l, in[0], &a->geo, l->params[0], a->bias ? l->params[1] : NULL);
}

/* ---- graph operators ---- */

extern const OpDef op_conv, op_conv_dx, op_conv_dw;

int64_t choice_size(const Choice *c, int64_t size, int64_t unit)
{
    return c->blocks < 0 ? round_up((size + 1) / 2, unit) : c->blocks > 0 ? 2 * size : size;
}

/* The side that the cost model gives, or what was measured, if it can be done. */
static Choice choose(const Graph *g, const Layer *l, const Geometry *geo, Direction direction, int tile)
{
    const Choice *measured = tuning_find(g->net->tuning, l->name, g->training, direction);
    return measured && (measured->tile == 0 || winograd_fits(geo, measured->tile)) ? *measured : (Choice){.tile = tile};
}

Value *product_build(Graph *g, Layer *l, Value *x, const Geometry *geo, NetParam *weight, NetParam *bias)
{
    Value *in[2] = {x, graph_param(g, weight)};
    Geometry *own = arena_alloc(g->arena, sizeof *own); /* training and inference choose for themselves */
    *own = *geo;
    own->prepared = g->lasting;
    own->samples = !g->training && g->net->inference_batch ? g->net->inference_batch : g->net->config->batch;
    const int tile = winograd_tile(own, own->samples), dw_tile = winograd_dw_tile(geo, own->samples);
    own->choices[FORWARD] = choose(g, l, geo, FORWARD, tile);
    own->choices[TO_INPUT] = choose(g, l, geo, TO_INPUT, tile);
    own->choices[TO_WEIGHTS] = choose(g, l, geo, TO_WEIGHTS, dw_tile);
    Value *y = graph_apply(g, &op_conv, own, in, 2, l->out, bias ? arena_printf(g->arena, "%s_product", l->name) : l->name);
    if (!bias) {
        return y;
    }
    Value *sum[2] = {y, graph_param(g, bias)};
    return graph_apply(g, &op_bias, NULL, sum, 2, l->out, l->name);
}

static void weight_gradient(Graph *g, const Node *n, Value *dy)
{
    Value *in[2] = {n->in[0], dy};
    node_output(g, graph_node(g, &op_conv_dw, n->attrs, in, 2), graph_param_grad(g, n->in[1]->param));
}

static void conv_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    Value *x = n->in[0], *w = n->in[1], *dy = grad_of(ad, n->out[0]);
    const bool last = w->param->at_once; /* weights that change with their gradient must have been read before */
    if (grad_wanted(ad, w) && !last) {
        weight_gradient(g, n, dy);
    }
    if (grad_wanted(ad, x)) {
        Value *dx_in[2] = {dy, w};
        grad_add(ad, x, graph_apply(g, &op_conv_dx, n->attrs, dx_in, 2, x->shape, arena_printf(g->arena, "d_%s", x->name)));
    }
    if (grad_wanted(ad, w) && last) {
        weight_gradient(g, n, dy);
    }
}

/* The zero border that windows reach over: forward, and the input of conv_dw. */
static void window_halo(const Geometry *g, int *top, int *left, int *bottom, int *right)
{
    int64_t below = (g->out_h - 1) * g->stride_h + (g->kh - 1) * g->dilation_h + 1 - g->pad_top - g->in_h;
    int64_t beside = (g->out_w - 1) * g->stride_w + (g->kw - 1) * g->dilation_w + 1 - g->pad_left - g->in_w;
    *top = (int)g->pad_top;
    *left = (int)g->pad_left;
    *bottom = below > 0 ? (int)below : 0;
    *right = beside > 0 ? (int)beside : 0;
}

static void conv_halo(const Node *n, int input, int *top, int *left, int *bottom, int *right)
{
    if (input == 0) {
        window_halo(n->attrs, top, left, bottom, right);
    }
}

/* Floor of a/b for b > 0. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* Rows of dy that the gradient of rows 0..in-1 reaches, over all phases: from -*before to out-1 + *after. */
static void dx_reach(int64_t in, int64_t out, int64_t k, int64_t stride, int64_t dilation, int64_t pad, int *before, int *after)
{
    *before = *after = 0;
    for (int64_t a = 0; a < stride && a < in; a++) {
        for (int64_t i = 0; i < k; i++) {
            int64_t at = a + pad - i * dilation;
            if (((at % stride) + stride) % stride != 0) {
                continue;
            }
            int64_t low = floor_div(at, stride), high = low + (in - a + stride - 1) / stride - 1;
            if (-low > *before) {
                *before = (int)-low;
            }
            if (high - (out - 1) > *after) {
                *after = (int)(high - (out - 1));
            }
        }
    }
}

/* A window that is the whole volume: the gradient to the input is a plain product with the weights as they lie. */
static bool is_dense(const Geometry *g)
{
    return g->out_h == 1 && g->out_w == 1 && g->kh == g->in_h && g->kw == g->in_w && g->pad_top == 0 && g->pad_left == 0 &&
           g->groups == 1 && g->dilation_h == 1 && g->dilation_w == 1;
}

/* Whether the gradient to the input is spread from the output's (scatter_dx.k.c): where gathering it would meet many zeros around a
 * small output. Weights and a sample's sums stay in near caches, a row of the window in registers. */
static bool is_scattered(const Geometry *g)
{
    enum { WEIGHTS = 1 << 14, PIXELS = 1 << 9, WINDOW = 9 };
    return !is_dense(g) && g->choices[TO_INPUT].tile == 0 && g->groups == 1 && g->stride_h == 1 && g->stride_w == 1 &&
           g->dilation_h == 1 && g->dilation_w == 1 && 4 * g->in_h * g->in_w >= 5 * g->out_h * g->out_w && g->kw <= WINDOW &&
           (g->out_h + g->kh - 1) * (g->out_w + g->kw - 1) <= PIXELS && g->kh * g->kw * g->out_c * g->in_c <= WEIGHTS;
}

static void conv_dx_halo(const Node *n, int input, int *top, int *left, int *bottom, int *right)
{
    const Geometry *g = n->attrs;
    if (input == 0 && !is_dense(g) && !is_scattered(g)) {
        dx_reach(g->in_h, g->out_h, g->kh, g->stride_h, g->dilation_h, g->pad_top, top, bottom);
        dx_reach(g->in_w, g->out_w, g->kw, g->stride_w, g->dilation_w, g->pad_left, left, right);
    }
}

static bool reads_any_pixels(const Node *n, int input)
{
    (void)n;
    return input == 0;
}

/* The taps of a window over x as igemm.k.c wants them: offsets, and how many elements follow each other. */
static int64_t *window_taps(Arena *arena, const Geometry *g, const Layout *x, int64_t *n_taps, int64_t *run)
{
    int64_t c = g->in_c / g->groups;
    bool gapless = x->pixel == c && g->groups == 1 && g->dilation_w == 1;
    bool whole_rows = gapless && x->row == g->kw * c && g->dilation_h == 1;
    int64_t rows = whole_rows ? 1 : g->kh, columns = gapless ? 1 : g->kw;
    int64_t *taps = arena_array(arena, (size_t)(rows * columns), sizeof *taps);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            taps[i * columns + j] = i * g->dilation_h * x->row + j * g->dilation_w * x->pixel;
        }
    }
    *n_taps = rows * columns;
    *run = c * (gapless ? g->kw : 1) * (whole_rows ? g->kh : 1);
    return taps;
}

/* A group's channels do not fill whole vectors: its neighbours share a vector, so stores are by lanes. */
static bool ragged(const Target *t, int64_t channels, int64_t groups)
{
    return groups > 1 && channels / groups % t->vl != 0;
}

static void emit_forward_window(Emit *e, const Geometry *g, const Value *x, const char *const names[4])
{
    int64_t n_taps = 0, run = 0;
    int64_t *taps = window_taps(emit_arena(e), g, &x->layout, &n_taps, &run);
    emit_int(e, "OUT_H", g->out_h);
    emit_int(e, "OUT_W", g->out_w);
    emit_int(e, names[0], x->layout.sample);
    emit_int(e, names[1], x->layout.row * g->stride_h);
    emit_int(e, names[2], x->layout.pixel * g->stride_w);
    emit_int(e, names[3], g->groups > 1 ? g->in_c / g->groups : 0);
    emit_int(e, "GROUPS", g->groups);
    emit_int(e, "TAPS", n_taps);
    emit_int(e, "RUN", run);
    emit_table(e, "TAP", taps, (int)n_taps);
}

/* Rows of k up to which a layer has a product of its own, its loops unrolled, and up to which a tile is over before memory
 * answers. */
enum { SHORT_PRODUCT = 32, EARLY_PRODUCT = 64 };

void emit_panels(Emit *e, int64_t out, int64_t nr)
{
    emit_int(e, "CO", out);
    emit_int(e, "NR", nr);
    if (out % nr != 0) {
        emit_int(e, "LAST", out % nr);
    }
}

static ProductTile product_tile(const Target *t, const ProductShape *p, const Choice *choice, int64_t samples)
{
    ProductTile tile = target_product(t, p, samples);
    tile.mb = (int)choice_size(choice, tile.mb, tile.mr);
    return tile;
}

static void emit_product_tile(Emit *e, const ProductShape *p, const Choice *choice, int64_t samples)
{
    ProductTile tile = product_tile(emit_target(e), p, choice, samples);
    emit_panels(e, p->out, tile.nr);
    if (p->k <= SHORT_PRODUCT) {
        emit_int(e, "SHORT", 1);
    }
    if (p->k <= EARLY_PRODUCT) {
        emit_int(e, "EARLY", 1);
    }
    if (tile.stream) {
        emit_int(e, "STREAM", tile.stream);
    }
    emit_int(e, "MR", tile.mr);
    emit_int(e, "MB", tile.mb);
    emit_int(e, "KB", tile.kb);
}

/* Ends the call of a product with so many rows and columns of results. Pixels are counted by number only where the tail reads at most one
 * tensor, none in short products: loads of more, which then follow each other at once, were measured to be slower. */
static void end_product(Emit *e, const ProductShape *p, int64_t height, int64_t width)
{
    const int most_reads = p->k <= SHORT_PRODUCT ? 0 : 1;
    if (emit_tail_is_flat(e, height, width) && emit_tail_reads(e) <= most_reads) {
        emit_int(e, "FLAT", 1);
    }
    emit_end(e);
}

static int64_t first_window(const Geometry *g, const Layout *x)
{
    return -(g->pad_top * x->row + g->pad_left * x->pixel);
}

static ProductShape forward_product_shape(const Geometry *g, const NetParam *w)
{
    int64_t c = g->in_c / g->groups, k = g->kh * g->kw * c;
    return (ProductShape){.out = w->out_padded, .nr = w->panel, .pixels = g->out_h * g->out_w, .k = k, .groups = g->groups,
                          .run = is_dense(g) ? k : c, .input_pixel = is_dense(g) ? k : c * g->stride_h * g->stride_w};
}

static void conv_emit(Emit *e, Node *n)
{
    static const char *const names[4] = {"IN_S", "IN_R", "IN_P", "IN_G"};
    const Geometry *g = n->attrs;
    Value *x = n->in[0];
    const NetParam *w = n->in[1]->param;
    if (g->choices[FORWARD].tile) {
        winograd_emit(e, n, x, n->in[1], false);
        return;
    }
    emit_kernel(e, "igemm");
    emit_forward_window(e, g, x, names);
    ProductShape p = forward_product_shape(g, w);
    emit_product_tile(e, &p, &g->choices[FORWARD], g->samples);
    emit_arg(e, x, first_window(g, &x->layout));
    emit_arg(e, n->in[1], 0);
    if (ragged(emit_target(e), g->out_c, g->groups)) {
        emit_ragged(e, w->out_padded, g->out_c / g->groups);
    }
    end_product(e, &p, g->out_h, g->out_w);
}

static int64_t conv_work(const Node *n, const Target *t)
{
    const Geometry *g = n->attrs;
    return g->choices[FORWARD].tile ? winograd_work(g, t, false) : 0;
}

static const char *describe_product(Arena *a, const ProductShape *p, const Target *t, const Choice *choice, int64_t samples)
{
    ProductTile tile = product_tile(t, p, choice, samples);
    long long k = p->k, at_once = tile.kb < k ? tile.kb : k; /* a part is rounded up to whole vectors */
    return arena_printf(a, "implicit GEMM, direct, tile %dx%d, blocks of %d pixels and %lld of %lld products", tile.mr, tile.nr, tile.mb,
                        at_once, k);
}

static const char *conv_describe(Arena *a, const Node *n, const Target *t)
{
    const Geometry *g = n->attrs;
    if (g->choices[FORWARD].tile) {
        return winograd_describe(a, g, t, false);
    }
    ProductShape p = forward_product_shape(g, n->in[1]->param);
    return describe_product(a, &p, t, &g->choices[FORWARD], g->samples);
}

static const char direct[] = "direct";

static Arithmetic conv_arithmetic(const Node *n, const Target *t)
{
    const Geometry *g = n->attrs;
    if (g->choices[FORWARD].tile) {
        return winograd_arithmetic(g, t, false);
    }
    const ProductShape p = forward_product_shape(g, n->in[1]->param);
    return (Arithmetic){.algorithm = direct, .products = (double)(p.pixels * p.groups) * (double)(p.k * p.out)};
}

/* ---- gradient of weights ---- */

static ProductShape dw_shape(const Node *n)
{
    const Geometry *g = n->attrs;
    const NetParam *w = n->out[0]->param;
    return forward_product_shape(g, w);
}

static GradientTile dw_tile(const Node *n, const Target *t, const ProductShape *p)
{
    const Geometry *g = n->attrs;
    GradientTile tile = target_gradient(t, p, g->samples);
    tile.mb = (int)choice_size(&g->choices[TO_WEIGHTS], tile.mb, 1);
    return tile;
}

static int64_t conv_dw_work(const Node *n, const Target *t)
{
    const Geometry *g = n->attrs;
    if (g->choices[TO_WEIGHTS].tile) {
        return winograd_dw_work(g, t);
    }
    ProductShape p = dw_shape(n);
    GradientTile tile = dw_tile(n, t, &p);
    int64_t bias = n->n_out > 1 ? p.groups * p.out : 0;
    return tile.chunks > 1 ? tile.chunks * (p.groups * p.k * p.out + bias) : 0;
}

static const char *conv_dw_describe(Arena *a, const Node *n, const Target *t)
{
    const Geometry *g = n->attrs;
    if (g->choices[TO_WEIGHTS].tile) {
        return winograd_dw_describe(a, g, t);
    }
    ProductShape p = dw_shape(n);
    GradientTile tile = dw_tile(n, t, &p);
    const char *stepped = n->out[0]->param->at_once ? ", the optimizer's step tile by tile" : "";
    return arena_printf(a, "implicit GEMM, tile %dx%d, blocks of %d pixels, %d chunk%s%s", tile.mr, tile.nr, tile.mb, tile.chunks, tile.chunks == 1 ? "" : "s", stepped);
}

static Arithmetic conv_dw_arithmetic(const Node *n, const Target *t)
{
    const Geometry *g = n->attrs;
    if (g->choices[TO_WEIGHTS].tile) {
        return winograd_dw_arithmetic(g, t);
    }
    const ProductShape p = dw_shape(n);
    const GradientTile tile = dw_tile(n, t, &p);
    const double copy = (double)(p.groups * p.k * p.out);
    return (Arithmetic){
        .algorithm = direct,
        .products = (double)p.pixels * copy,
        .fixed = tile.chunks > 1 ? tile.chunks * copy : 0,
        .work = tile.chunks > 1 ? tile.chunks * copy : 0,
    };
}

/* The constants of igemm_dw.k.c. */
static void dw_constants(Emit *e, const Node *n, const ProductShape *p, const GradientTile *tile)
{
    static const char *const names[4] = {"IN_S", "IN_R", "IN_P", "IN_G"};
    const Geometry *g = n->attrs;
    const Value *x = n->in[0], *dy = n->in[1];
    emit_forward_window(e, g, x, names);
    emit_strides(e, "DY", dy);
    emit_int(e, "DY_G", g->groups > 1 ? g->out_c / g->groups : 0);
    emit_panels(e, p->out, tile->nr);
    emit_int(e, "MR", tile->mr);
    emit_int(e, "MB", tile->mb);
    emit_int(e, "PB", tile->pb);
    emit_int(e, "KS", tile->ks);
    if (tile->pack) {
        emit_int(e, "PACK", 1);
    }
    emit_int(e, "CHUNKS", tile->chunks);
    emit_int(e, "BIAS", n->n_out > 1);
}

static void emit_bias_gradient(Emit *e, const Node *n)
{
    if (n->n_out > 1) {
        emit_arg(e, n->out[1], 0);
    } else {
        emit_arg_text(e, "NULL");
    }
}

/* The kernel with the optimizer's step in it. */
static void dw_emit_at_once(Emit *e, Node *n, const ProductShape *p, GradientTile tile)
{
    const Geometry *g = n->attrs;
    const NetParam *param = n->out[0]->param;
    Arena *a = emit_arena(e);
    tile = target_gradient_at_once(tile, p, g->samples);
    const int64_t panels = (p->out + tile.nr - 1) / tile.nr;
    const int64_t items = ((panels + tile.pb - 1) / tile.pb) * ((p->k + tile.ks - 1) / tile.ks);
    emit_optimizer(e, "igemm_dw");
    emit_int(e, "AT_ONCE", 1);
    dw_constants(e, n, p, &tile);
    emit_arg(e, n->in[0], first_window(g, &n->in[0]->layout));
    emit_arg(e, n->in[1], 0);
    emit_arg_text(e, "p");
    emit_arg_text(e, arena_printf(a, "%lld", (long long)param->offset));
    emit_step_args(e, param);
    emit_arg_text(e, emit_squares(e, items));
    emit_bias_gradient(e, n);
    emit_end(e);
}

static void conv_dw_emit(Emit *e, Node *n)
{
    const Geometry *g = n->attrs;
    if (g->choices[TO_WEIGHTS].tile) {
        winograd_dw_emit(e, n);
        return;
    }
    Value *x = n->in[0], *dy = n->in[1];
    ProductShape p = dw_shape(n);
    GradientTile tile = dw_tile(n, emit_target(e), &p);
    const bool at_once = n->out[0]->param->at_once;
    if (at_once) {
        emit_if(e, "p->gradients == NT_GRADIENTS_KEPT");
    }
    emit_kernel(e, "igemm_dw");
    dw_constants(e, n, &p, &tile);
    emit_arg(e, x, first_window(g, &x->layout));
    emit_arg(e, dy, 0);
    emit_arg(e, n->out[0], 0);
    emit_bias_gradient(e, n);
    if (n->work) {
        emit_arg(e, n->work, 0);
    } else {
        emit_arg_text(e, "NULL");
    }
    emit_end(e);
    if (ragged(emit_target(e), g->out_c, g->groups)) {
        emit_kernel(e, "clear_panels");
        emit_int(e, "GROUPS", g->groups);
        emit_int(e, "ROWS", p.k);
        emit_int(e, "CO", p.out);
        emit_int(e, "CO_REAL", g->out_c / g->groups);
        emit_int(e, "NR", p.nr);
        emit_arg(e, n->out[0], 0);
        emit_end(e);
    }
    if (at_once) {
        emit_endif(e);
        emit_if(e, "p->gradients == NT_GRADIENTS_USED");
        dw_emit_at_once(e, n, &p, tile);
        emit_endif(e);
    }
}

/* ---- gradient to the input ---- */

/* The taps of all stride phases, as pack_dx.k.c describes. order and begin are for its tables. */
typedef struct Phases {
    int64_t n, *begin, *order;
} Phases;

static bool tap_in_phase(int64_t phase, int64_t pad, int64_t i, int64_t dilation, int64_t stride)
{
    int64_t at = phase + pad - i * dilation;
    return ((at % stride) + stride) % stride == 0;
}

static Phases make_phases(Arena *arena, const Geometry *g)
{
    Phases p = {.n = g->stride_h * g->stride_w};
    p.begin = arena_array(arena, (size_t)p.n + 1, sizeof *p.begin);
    p.order = arena_array(arena, (size_t)(g->kh * g->kw), sizeof *p.order);
    int64_t at = 0;
    for (int64_t a = 0; a < g->stride_h; a++) {
        for (int64_t b = 0; b < g->stride_w; b++) {
            p.begin[a * g->stride_w + b] = at;
            for (int64_t i = 0; i < g->kh; i++) {
                for (int64_t j = 0; j < g->kw; j++) {
                    if (tap_in_phase(a, g->pad_top, i, g->dilation_h, g->stride_h) &&
                        tap_in_phase(b, g->pad_left, j, g->dilation_w, g->stride_w)) {
                        p.order[at++] = i * g->kw + j;
                    }
                }
            }
        }
    }
    p.begin[p.n] = at;
    return p;
}

static int64_t dx_channels(const Geometry *g, const Target *t)
{
    return round_up(g->in_c / g->groups, t->vl);
}

static DenseGradientTile dense_dx_tile(const Geometry *g, const Target *t)
{
    DenseGradientTile tile = target_dense_gradient(t, g->in_h * g->in_w * round_up(g->in_c, t->vl) / t->vl, g->samples);
    tile.vb = (int)choice_size(&g->choices[TO_INPUT], tile.vb, 1);
    return tile;
}

static int64_t conv_dx_work(const Node *n, const Target *t)
{
    const Geometry *g = n->attrs;
    if (g->choices[TO_INPUT].tile) {
        return winograd_work(g, t, true);
    }
    if (is_dense(g)) {
        const DenseGradientTile tile = dense_dx_tile(g, t);
        return round_up(tile.mb, 2 * t->vl / tile.abreast) * round_up(g->out_c, t->vl);
    }
    return g->kh * g->kw * g->groups * (g->out_c / g->groups) * dx_channels(g, t);
}

/* Of the phase of rows a, a + stride.. and columns b, b + stride.., which `taps` windows reach. */
static ProductShape conv_dx_shape(const Geometry *g, const Target *t, int64_t taps, int64_t a, int64_t b)
{
    int64_t channels = dx_channels(g, t), co = g->out_c / g->groups;
    int64_t out_h = (g->in_h - a + g->stride_h - 1) / g->stride_h, out_w = (g->in_w - b + g->stride_w - 1) / g->stride_w;
    return (ProductShape){.out = channels, .nr = target_panel(t, channels), .pixels = out_h * out_w, .k = taps * co,
                          .groups = g->groups, .run = co, .input_pixel = co};
}

static void dense_dx_emit(Emit *e, Node *n)
{
    const Geometry *g = n->attrs;
    const NetParam *w = n->in[1]->param;
    const Target *t = emit_target(e);
    const DenseGradientTile tile = dense_dx_tile(g, t);
    emit_kernel(e, "dense_dx");
    emit_int(e, "IN_S", n->in[0]->layout.sample);
    emit_int(e, "PIXELS", g->in_h * g->in_w);
    emit_int(e, "CI", g->in_c);
    emit_panels(e, w->out_padded, w->panel);
    emit_int(e, "MB", tile.mb);
    emit_int(e, "VB", tile.vb);
    emit_int(e, "PB", tile.pb);
    emit_int(e, "ABREAST", tile.abreast);
    emit_arg(e, n->in[0], 0);
    emit_arg(e, n->in[1], 0);
    emit_arg(e, n->work, 0);
    if (g->in_h * g->in_w > 1) {
        emit_flat_channels(e, g->in_h, g->in_w, round_up(g->in_c, t->vl));
    }
    emit_end(e);
}

/* The kernel's results are the input's rows a, a + stride.. and columns b, b + stride... */
static void emit_phase(Emit *e, const Node *n, int64_t a, int64_t b)
{
    const Geometry *g = n->attrs;
    emit_pixels(e, g->stride_h, a, g->stride_w, b);
    if (ragged(emit_target(e), g->in_c, g->groups)) {
        emit_ragged(e, dx_channels(g, emit_target(e)), g->in_c / g->groups);
    }
}

/* Pixels of dy in a register tile of scatter_dx.k.c: with the rest of their windows up to 14 sums, in tiles as equal as possible. */
static int64_t scattered_pixels(const Geometry *g)
{
    const int64_t most = 15 - g->kw, tiles = (g->out_w + most - 1) / most;
    return (g->out_w + tiles - 1) / tiles;
}

/* The product itself, once n->work holds the turned weights. */
static void scatter_dx_emit(Emit *e, Node *n)
{
    const Geometry *g = n->attrs;
    const int64_t pixels = scattered_pixels(g);
    emit_kernel(e, "scatter_dx");
    emit_int(e, "IN_H", g->in_h);
    emit_int(e, "IN_W", g->in_w);
    emit_int(e, "OUT_H", g->out_h);
    emit_int(e, "OUT_W", g->out_w);
    emit_strides(e, "DY", n->in[0]);
    emit_int(e, "KH", g->kh);
    emit_int(e, "KW", g->kw);
    emit_int(e, "PT", g->pad_top);
    emit_int(e, "PL", g->pad_left);
    emit_int(e, "CI", g->in_c);
    emit_int(e, "CO_REAL", g->out_c);
    emit_int(e, "X", pixels);
    if (g->out_w % pixels != 0) {
        emit_int(e, "X_LAST", g->out_w % pixels);
    }
    emit_arg(e, n->in[0], 0);
    emit_arg(e, n->work, 0);
    emit_end(e);
}

static void conv_dx_emit(Emit *e, Node *n)
{
    const Geometry *g = n->attrs;
    if (is_dense(g)) {
        dense_dx_emit(e, n);
        return;
    }
    if (g->choices[TO_INPUT].tile) {
        winograd_emit(e, n, n->in[0], n->in[1], true);
        return;
    }
    Value *dy = n->in[0];
    const NetParam *w = n->in[1]->param;
    const Target *t = emit_target(e);
    int64_t channels = dx_channels(g, t), co = g->out_c / g->groups;
    int nr = is_scattered(g) ? t->vl : target_panel(t, channels);
    Phases phases = make_phases(emit_arena(e), g);
    emit_kernel(e, "pack_dx");
    emit_int(e, "GROUPS", g->groups);
    emit_int(e, "TAPS", g->kh * g->kw);
    emit_int(e, "CI", g->in_c / g->groups);
    emit_int(e, "CO", w->out_padded);
    emit_int(e, "CO_REAL", co);
    emit_int(e, "NR", w->panel);
    emit_int(e, "DX_NR", nr);
    emit_int(e, "PHASES", phases.n);
    emit_table(e, "BEGIN", phases.begin, (int)phases.n + 1);
    emit_table(e, "ORDER", phases.order, (int)(g->kh * g->kw));
    emit_arg(e, n->in[1], 0);
    emit_arg(e, n->work, 0);
    emit_end(e);
    if (is_scattered(g)) {
        scatter_dx_emit(e, n);
        return;
    }
    for (int64_t f = 0; f < phases.n; f++) {
        int64_t a = f / g->stride_w, b = f % g->stride_w, n_taps = phases.begin[f + 1] - phases.begin[f];
        int64_t out_h = (g->in_h - a + g->stride_h - 1) / g->stride_h, out_w = (g->in_w - b + g->stride_w - 1) / g->stride_w;
        if (out_h < 1 || out_w < 1) {
            continue;
        }
        if (n_taps == 0) {
            emit_kernel(e, "zeros");
            emit_int(e, "OUT_H", out_h);
            emit_int(e, "OUT_W", out_w);
            emit_int(e, "CHANNELS", g->groups * channels);
            emit_phase(e, n, a, b);
            emit_end(e);
            continue;
        }
        int64_t *taps = arena_array(emit_arena(e), (size_t)n_taps, sizeof *taps);
        for (int64_t k = 0; k < n_taps; k++) {
            int64_t i = phases.order[phases.begin[f] + k] / g->kw, j = phases.order[phases.begin[f] + k] % g->kw;
            taps[k] = (a + g->pad_top - i * g->dilation_h) / g->stride_h * dy->layout.row +
                      (b + g->pad_left - j * g->dilation_w) / g->stride_w * dy->layout.pixel;
        }
        emit_kernel(e, "igemm");
        emit_int(e, "OUT_H", out_h);
        emit_int(e, "OUT_W", out_w);
        emit_int(e, "IN_S", dy->layout.sample);
        emit_int(e, "IN_R", dy->layout.row);
        emit_int(e, "IN_P", dy->layout.pixel);
        emit_int(e, "IN_G", g->groups > 1 ? co : 0);
        emit_int(e, "GROUPS", g->groups);
        emit_int(e, "TAPS", n_taps);
        emit_int(e, "RUN", co);
        emit_table(e, "TAP", taps, (int)n_taps);
        ProductShape p = conv_dx_shape(g, t, n_taps, a, b);
        emit_product_tile(e, &p, &g->choices[TO_INPUT], g->samples);
        emit_arg(e, dy, 0);
        emit_arg(e, n->work, phases.begin[f] * g->groups * co * channels);
        emit_phase(e, n, a, b);
        end_product(e, &p, out_h, out_w);
    }
}

static Arithmetic conv_dx_arithmetic(const Node *n, const Target *t)
{
    const Geometry *g = n->attrs;
    if (g->choices[TO_INPUT].tile) {
        return winograd_arithmetic(g, t, true);
    }
    const double turned = (double)conv_dx_work(n, t); /* weights, or a dense layer's dy, element by element */
    Arithmetic sum = {.algorithm = direct, .fixed = turned, .work = turned};
    if (is_dense(g)) {
        sum.products = (double)(g->in_h * g->in_w * g->in_c) * (double)g->out_c;
        return sum;
    }
    if (is_scattered(g)) {
        sum.products = (double)(g->out_h * g->out_w * g->out_c) * (double)(g->kh * g->kw * dx_channels(g, t));
        return sum;
    }
    for (int64_t a = 0; a < g->stride_h; a++) {
        for (int64_t b = 0; b < g->stride_w; b++) {
            int64_t taps = 0;
            for (int64_t i = 0; i < g->kh * g->kw; i++) {
                taps += tap_in_phase(a, g->pad_top, i / g->kw, g->dilation_h, g->stride_h) &&
                        tap_in_phase(b, g->pad_left, i % g->kw, g->dilation_w, g->stride_w);
            }
            const ProductShape p = conv_dx_shape(g, t, taps, a, b);
            sum.products += (double)(p.pixels * p.groups) * (double)(p.k * p.out);
        }
    }
    return sum;
}

static const char *conv_dx_describe(Arena *a, const Node *n, const Target *t)
{
    const Geometry *g = n->attrs;
    if (is_dense(g)) {
        const DenseGradientTile tile = dense_dx_tile(g, t);
        const char *abreast = tile.abreast > 1 ? arena_printf(a, ", %d outputs abreast", tile.abreast) : "";
        return arena_printf(a, "weights as they lie, dy turned%s, tile 6x%d, %d panels at a time, blocks of %d samples and %d x %d inputs",
                            abreast, 2 * t->vl / tile.abreast, tile.pb, tile.mb, tile.vb, t->vl);
    }
    if (g->choices[TO_INPUT].tile) {
        return winograd_describe(a, g, t, true);
    }
    if (is_scattered(g)) {
        return arena_printf(a, "each pixel spread over its window, direct, tile %lldx%d", (long long)scattered_pixels(g), t->vl);
    }
    Phases phases = make_phases(a, g);
    ProductShape p = conv_dx_shape(g, t, phases.begin[1], 0, 0);
    const char *text = describe_product(a, &p, t, &g->choices[TO_INPUT], g->samples);
    return phases.n > 1 ? arena_printf(a, "%lld phases, the first: %s", (long long)phases.n, text) : text;
}

/* ---- naive definitions ---- */

/* Calls visit(ev, n, sample, y pixel, x pixel, out channel, in channel, weight index) for every product of the layer. */
typedef void Visit(Eval *ev, const Node *n, int i, int64_t oh, int64_t ow, int64_t ih, int64_t iw, int64_t co, int64_t ci, int64_t w);

static void for_products(Eval *ev, const Node *n, Visit *visit)
{
    const Geometry *g = n->attrs;
    int64_t in_g = g->in_c / g->groups, out_g = g->out_c / g->groups;
    for (int i = 0; i < ev->n; i++) {
        for (int64_t co = 0; co < g->out_c; co++) {
            for (int64_t oh = 0; oh < g->out_h; oh++) {
                for (int64_t ow = 0; ow < g->out_w; ow++) {
                    for (int64_t ci = 0; ci < in_g; ci++) {
                        for (int64_t kh = 0; kh < g->kh; kh++) {
                            for (int64_t kw = 0; kw < g->kw; kw++) {
                                int64_t ih = oh * g->stride_h + kh * g->dilation_h - g->pad_top;
                                int64_t iw = ow * g->stride_w + kw * g->dilation_w - g->pad_left;
                                if (ih >= 0 && ih < g->in_h && iw >= 0 && iw < g->in_w) {
                                    visit(ev, n, i, oh, ow, ih, iw, co, co / out_g * in_g + ci,
                                          ((co * in_g + ci) * g->kh + kh) * g->kw + kw);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

static void forward_product(Eval *ev, const Node *n, int i, int64_t oh, int64_t ow, int64_t ih, int64_t iw, int64_t co, int64_t ci,
                            int64_t w)
{
    *eval_at(ev, n->out[0], i, oh, ow, co) += *eval_at(ev, n->in[0], i, ih, iw, ci) * eval_vector(ev, n->in[1])[w];
}

static void dx_product(Eval *ev, const Node *n, int i, int64_t oh, int64_t ow, int64_t ih, int64_t iw, int64_t co, int64_t ci,
                       int64_t w)
{
    *eval_at(ev, n->out[0], i, ih, iw, ci) += *eval_at(ev, n->in[0], i, oh, ow, co) * eval_vector(ev, n->in[1])[w];
}

static void dw_product(Eval *ev, const Node *n, int i, int64_t oh, int64_t ow, int64_t ih, int64_t iw, int64_t co, int64_t ci,
                       int64_t w)
{
    eval_vector(ev, n->out[0])[w] += *eval_at(ev, n->in[0], i, ih, iw, ci) * *eval_at(ev, n->in[1], i, oh, ow, co);
}

/* The same number forward and for either gradient. */
static double product_macs(const Node *n)
{
    const Geometry *g = n->attrs;
    return (double)(g->out_h * g->out_w * g->out_c) * (double)(g->kh * g->kw * (g->in_c / g->groups));
}

static const Choice *conv_choice(const Node *n)
{
    return &((const Geometry *)n->attrs)->choices[FORWARD];
}

static const Choice *conv_dx_choice(const Node *n)
{
    return &((const Geometry *)n->attrs)->choices[TO_INPUT];
}

static const Choice *conv_dw_choice(const Node *n)
{
    return &((const Geometry *)n->attrs)->choices[TO_WEIGHTS];
}

static void conv_eval(Eval *ev, const Node *n)
{
    eval_clear(ev, n->out[0]);
    for_products(ev, n, forward_product);
}

static void conv_dx_eval(Eval *ev, const Node *n)
{
    eval_clear(ev, n->out[0]);
    for_products(ev, n, dx_product);
}

static void conv_dw_eval(Eval *ev, const Node *n)
{
    eval_clear(ev, n->out[0]);
    for_products(ev, n, dw_product);
    if (n->n_out > 1) {
        Node sum = {.in = &n->in[1], .n_in = 1, .out = &n->out[1], .n_out = 1};
        op_channel_sum.eval(ev, &sum);
    }
}

const OpDef op_conv = {
    .name = "conv",
    .kind = "layer",
    .summary = "convolution with a window over height and width",
    .doc = "y[h,w,o] = b[o] + sum over i, j, c of x[h*stride + i*dilation - pad, w*stride + j*dilation - pad, c] * weight[o,c,i,j] "
           "(a cross-correlation, as everywhere in this field). Output extent: (in + 2*pad - dilation*(size - 1) - 1) / stride + 1, "
           "rounded down. Parameters: `weight` and, unless `bias=no`, `bias`. LeCun et al., 1998.",
    .gradient_doc = "to x the correlation of g with the flipped window, to weight that of x with g, to bias the sum of g",
    .example = "conv(8, 3x3, stride=2, pad=1)",
    .traits = OP_EPILOGUE | OP_PREPARES,
    .attrs = conv_attrs,
    .attrs_size = sizeof(ConvAttrs),
    .shape = conv_shape,
    .build = conv_build,
    .why = conv_why,
    .gradient = conv_gradient,
    .halo = conv_halo,
    .dense_pixels = reads_any_pixels,
    .work = conv_work,
    .macs = product_macs,
    .arithmetic = conv_arithmetic,
    .emit = conv_emit,
    .eval = conv_eval,
    .algorithm = "product",
    .choice = conv_choice,
    .describe = conv_describe,
};

const OpDef op_conv_dx = {
    .name = "conv_dx",
    .towards = TO_INPUT,
    .traits = OP_EPILOGUE,
    .halo = conv_dx_halo,
    .work = conv_dx_work,
    .macs = product_macs,
    .arithmetic = conv_dx_arithmetic,
    .emit = conv_dx_emit,
    .eval = conv_dx_eval,
    .algorithm = "product over the output's gradient",
    .choice = conv_dx_choice,
    .describe = conv_dx_describe,
};

const OpDef op_conv_dw = {
    .name = "conv_dw",
    .towards = TO_WEIGHTS,
    .traits = OP_SUMS_DY,
    .halo = conv_halo,
    .dense_pixels = reads_any_pixels,
    .work = conv_dw_work,
    .macs = product_macs,
    .arithmetic = conv_dw_arithmetic,
    .emit = conv_dw_emit,
    .eval = conv_dw_eval,
    .algorithm = "product of the input and the output's gradient",
    .choice = conv_dw_choice,
    .describe = conv_dw_describe,
};
