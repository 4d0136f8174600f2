/* shortcut.c - the shortcut of residual networks (He et al., 2016): nothing where the shape already fits; else a 1x1 projection with
 * batchnorm (kind=projection), or every stride-th pixel with its channels between zeros (kind=pad, the paper's option A). */
#include "../emit/rules.h"
#include "../interp.h"
#include "../op.h"

typedef struct ShortcutAttrs {
    int64_t channels;
    int64_t stride;
    int kind; /* 0 projection, 1 pad */
} ShortcutAttrs;

static const char *const kinds[] = {"projection", "pad", NULL};

static const AttrDef shortcut_attrs[] = {
    {.name = "channels", .type = ATTR_INT, .offset = offsetof(ShortcutAttrs, channels), .positional = true, .required = true,
     .min = 1, .max = 1 << 20, .doc = "the channels that the other branch ends with"},
    {.name = "stride", .type = ATTR_INT, .offset = offsetof(ShortcutAttrs, stride), .standard = "1", .min = 1, .max = 64,
     .doc = "stride of the other branch"},
    {.name = "kind", .type = ATTR_CHOICE, .offset = offsetof(ShortcutAttrs, kind), .standard = "projection", .choices = kinds,
     .doc = "what to do where the shape changes"},
    {0},
};

extern const OpDef op_conv, op_batchnorm, op_shortcut, op_shortcut_dx;

static Layer *shortcut_expand(LayerCtx *cx, bool *done)
{
    Layer *l = cx->layer;
    const ShortcutAttrs *a = l->attrs;
    Layer *from = l->inputs[0];
    if (a->stride == 1 && l->in.c == a->channels) {
        return from;
    }
    if (a->kind == 1) {
        *done = false;
        return NULL;
    }
    void *conv = layer_default_attrs(cx, &op_conv);
    layer_set_int(&op_conv, conv, "channels", a->channels);
    layer_set_size(&op_conv, conv, "size", 1, 1);
    layer_set_size(&op_conv, conv, "stride", a->stride, a->stride);
    layer_set_bool(&op_conv, conv, "bias", false);
    Layer **in = arena_array(cx->arena, 1, sizeof(Layer *));
    in[0] = from;
    Layer *projection = layer_make(cx, &op_conv, arena_printf(cx->arena, "%s.0", l->path), conv, in, 1);
    if (!projection) {
        return NULL;
    }
    in = arena_array(cx->arena, 1, sizeof(Layer *));
    in[0] = projection;
    return layer_make(cx, &op_batchnorm, arena_printf(cx->arena, "%s.1", l->path), layer_default_attrs(cx, &op_batchnorm), in, 1);
}

static bool shortcut_shape(LayerCtx *cx)
{
    Layer *l = cx->layer;
    const ShortcutAttrs *a = l->attrs;
    if (a->channels < l->in.c) {
        Diag *d = layer_error(cx, "channels", "shortcut(kind=pad) cannot reduce %lld channels to %lld", (long long)l->in.c,
                              (long long)a->channels);
        layer_note_input(cx, d, 0);
        diag_help(cx->diags, d, "use kind=projection");
        return false;
    }
    if (l->in.vector && a->stride > 1) {
        layer_error(cx, "stride", "shortcut reads a vector: it has no pixels to stride over");
        return false;
    }
    l->out = (Shape){(l->in.h + a->stride - 1) / a->stride, (l->in.w + a->stride - 1) / a->stride, a->channels, l->in.vector};
    return true;
}

static void shortcut_build(Graph *g, Layer *l, Value **in)
{
    l->value = graph_apply(g, &op_shortcut, l->attrs, in, 1, l->out, l->name);
}

static void shortcut_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    Value *dy = grad_of(ad, n->out[0]);
    grad_add(ad, n->in[0], graph_apply(g, &op_shortcut_dx, n->attrs, &dy, 1, n->in[0]->shape,
                                       arena_printf(g->arena, "d_%s", n->in[0]->name)));
}

static int64_t channels_before(const Value *small, const Value *large)
{
    return (large->shape.c - small->shape.c) / 2;
}

static void shortcut_emit(Emit *e, Node *n)
{
    const ShortcutAttrs *a = n->attrs;
    const Value *x = n->in[0], *y = n->out[0];
    emit_kernel(e, "pad_shortcut");
    emit_int(e, "OUT_H", y->shape.h);
    emit_int(e, "OUT_W", y->shape.w);
    emit_int(e, "CP", y->layout.channels);
    emit_int(e, "IN_C", x->shape.c);
    emit_int(e, "FROM", channels_before(x, y));
    emit_int(e, "STRIDE", a->stride);
    emit_strides(e, "X", x);
    emit_arg(e, n->in[0], 0);
    emit_end(e);
}

static void shortcut_dx_emit(Emit *e, Node *n)
{
    const ShortcutAttrs *a = n->attrs;
    const Value *dy = n->in[0], *dx = n->out[0];
    emit_kernel(e, "pad_shortcut_dx");
    emit_int(e, "IN_H", dx->shape.h);
    emit_int(e, "IN_W", dx->shape.w);
    emit_int(e, "IN_C", dx->shape.c);
    emit_int(e, "IN_CP", dx->layout.channels);
    emit_int(e, "FROM", channels_before(dx, dy));
    emit_int(e, "STRIDE", a->stride);
    emit_strides(e, "DY", dy);
    emit_arg(e, n->in[0], 0);
    emit_end(e);
}

static void shortcut_eval(Eval *ev, const Node *n)
{
    const ShortcutAttrs *a = n->attrs;
    Shape in = n->in[0]->shape, out = n->out[0]->shape;
    int64_t from = channels_before(n->in[0], n->out[0]);
    eval_clear(ev, n->out[0]);
    for (int i = 0; i < ev->n; i++) {
        for (int64_t h = 0; h < out.h; h++) {
            for (int64_t w = 0; w < out.w; w++) {
                for (int64_t c = 0; c < in.c; c++) {
                    *eval_at(ev, n->out[0], i, h, w, c + from) = *eval_at(ev, n->in[0], i, h * a->stride, w * a->stride, c);
                }
            }
        }
    }
}

static void shortcut_dx_eval(Eval *ev, const Node *n)
{
    const ShortcutAttrs *a = n->attrs;
    Shape dx = n->out[0]->shape, dy = n->in[0]->shape;
    int64_t from = channels_before(n->out[0], n->in[0]);
    eval_clear(ev, n->out[0]);
    for (int i = 0; i < ev->n; i++) {
        for (int64_t h = 0; h < dy.h; h++) {
            for (int64_t w = 0; w < dy.w; w++) {
                for (int64_t c = 0; c < dx.c; c++) {
                    *eval_at(ev, n->out[0], i, h * a->stride, w * a->stride, c) = *eval_at(ev, n->in[0], i, h, w, c + from);
                }
            }
        }
    }
}

const OpDef op_shortcut_dx = {
    .name = "shortcut_dx",
    .traits = OP_EPILOGUE,
    .emit = shortcut_dx_emit,
    .eval = shortcut_dx_eval,
    .algorithm = "copy",
};

const OpDef op_shortcut = {
    .name = "shortcut",
    .kind = "layer",
    .summary = "the shortcut of a residual block",
    .doc = "Passes its input on where channels and stride leave the shape alone. Else, with `kind=projection`, a 1x1 convolution without bias and a "
           "batchnorm (named `.0` and `.1`); with `kind=pad` every stride-th pixel, its channels in the middle of zeros: option A of He et al., 2016.",
    .gradient_doc = "that of its parts; for kind=pad the copied elements of g",
    .example = "shortcut(8, stride=2)",
    .traits = OP_EPILOGUE,
    .attrs = shortcut_attrs,
    .attrs_size = sizeof(ShortcutAttrs),
    .expand = shortcut_expand,
    .shape = shortcut_shape,
    .build = shortcut_build,
    .gradient = shortcut_gradient,
    .emit = shortcut_emit,
    .eval = shortcut_eval,
    .algorithm = "copy",
};
