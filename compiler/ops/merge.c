/* merge.c - add, mul, max, concat: what joins branches. */
#include "../emit/rules.h"
#include "../interp.h"
#include "../op.h"

/* Every branch must have the first one's shape. */
static bool merge_shape(LayerCtx *cx)
{
    Layer *l = cx->layer;
    for (int i = 1; i < l->n_inputs; i++) {
        if (!shape_equal(l->inputs[i]->out, l->in)) {
            Diag *d = layer_error(cx, NULL, "%s joins %s and %s: the shapes must be equal", l->op->name,
                                  shape_text(cx->arena, l->in), shape_text(cx->arena, l->inputs[i]->out));
            layer_note_input(cx, d, 0);
            layer_note_input(cx, d, i);
            if (l->inputs[i]->out.h == l->in.h && l->inputs[i]->out.w == l->in.w) {
                diag_help(cx->diags, d, "give both branches the same number of channels, or join them with concat");
            } else {
                diag_help(cx->diags, d, "use the same strides and padding on both branches");
            }
            return false;
        }
    }
    l->out = l->in;
    return true;
}

/* A chain of binary nodes: a + b + c is (a + b) + c. */
static void merge_build(Graph *g, Layer *l, Value **in)
{
    Value *sum = in[0];
    for (int i = 1; i < l->n_inputs; i++) {
        Value *pair[2] = {sum, in[i]};
        sum = graph_apply(g, l->op, NULL, pair, 2, sum->shape,
                          i + 1 < l->n_inputs ? arena_printf(g->arena, "%s_%d", l->name, i) : l->name);
    }
    l->value = sum;
}

static const char *d_name(Graph *g, const Value *v)
{
    return arena_printf(g->arena, "d_%s", v->name);
}

/* ---- add ---- */

static double add_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] + in[1];
}

static void add_gradient(Autodiff *ad, Node *n)
{
    grad_add(ad, n->in[0], grad_of(ad, n->out[0]));
    grad_add(ad, n->in[1], grad_of(ad, n->out[0]));
}

const OpDef op_add = {
    .name = "add",
    .kind = "merge",
    .summary = "sum of the branches",
    .doc = "The residual connection of He et al., 2016. All branches have one shape.",
    .gradient_doc = "g to every branch",
    .example = "add { identity  conv(4, 3x3, pad=1) }",
    .traits = OP_MERGE,
    .shape = merge_shape,
    .build = merge_build,
    .gradient = add_gradient,
    .elt = &(const EltDef){.code = "v_add($0, $1)", .eval = add_eval},
};

/* ---- mul ---- */

static double mul_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] * in[1];
}

static void mul_gradient(Autodiff *ad, Node *n)
{
    extern const OpDef op_mul;
    Graph *g = grad_graph(ad);
    for (int i = 0; i < 2; i++) {
        if (grad_wanted(ad, n->in[i])) {
            Value *in[2] = {n->in[1 - i], grad_of(ad, n->out[0])};
            grad_add(ad, n->in[i], graph_apply(g, &op_mul, NULL, in, 2, n->in[i]->shape, d_name(g, n->in[i])));
        }
    }
}

const OpDef op_mul = {
    .name = "mul",
    .kind = "merge",
    .summary = "product of the branches, element by element",
    .doc = "Gates and attention over channels. All branches have one shape.",
    .gradient_doc = "g times the other branches",
    .example = "mul { identity  conv(4, 1x1) -> sigmoid }",
    .traits = OP_MERGE,
    .shape = merge_shape,
    .build = merge_build,
    .gradient = mul_gradient,
    .elt = &(const EltDef){.code = "v_mul($0, $1)", .eval = mul_eval},
};

/* ---- max ---- */

static double max_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] >= in[1] ? in[0] : in[1];
}

static double max_first_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] >= in[1] ? in[2] : 0;
}

static double max_second_eval(const Node *n, const double *in, int batch)
{
    (void)n;
    (void)batch;
    return in[0] >= in[1] ? 0 : in[2];
}

const OpDef op_max_first_dx = {
    .name = "max_first_dx",
    .elt = &(const EltDef){.code = "v_select(v_ge($0, $1), $2, v_zero())", .eval = max_first_eval},
};

const OpDef op_max_second_dx = {
    .name = "max_second_dx",
    .elt = &(const EltDef){.code = "v_select(v_ge($0, $1), v_zero(), $2)", .eval = max_second_eval},
};

static void max_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    for (int i = 0; i < 2; i++) {
        if (grad_wanted(ad, n->in[i])) {
            Value *in[3] = {n->in[0], n->in[1], grad_of(ad, n->out[0])};
            grad_add(ad, n->in[i], graph_apply(g, i == 0 ? &op_max_first_dx : &op_max_second_dx, NULL, in, 3, n->in[i]->shape,
                                               d_name(g, n->in[i])));
        }
    }
}

const OpDef op_max = {
    .name = "max",
    .kind = "merge",
    .summary = "largest of the branches, element by element",
    .doc = "Maxout over branches (Goodfellow et al., 2013). All branches have one shape.",
    .gradient_doc = "g to the branch that was largest; to the first of equals",
    .example = "max { conv(4, 3x3, pad=1)  conv(4, 3x3, pad=1) }",
    .traits = OP_MERGE,
    .shape = merge_shape,
    .build = merge_build,
    .gradient = max_gradient,
    .elt = &(const EltDef){.code = "v_select(v_ge($0, $1), $0, $1)", .eval = max_eval},
};

/* ---- concat ---- */

static bool concat_shape(LayerCtx *cx)
{
    Layer *l = cx->layer;
    l->out = l->in;
    l->out.c = 0;
    for (int i = 0; i < l->n_inputs; i++) {
        Shape s = l->inputs[i]->out;
        if (s.h != l->in.h || s.w != l->in.w) {
            Diag *d = layer_error(cx, NULL, "concat joins %s and %s along their channels: height and width must be equal",
                                  shape_text(cx->arena, l->in), shape_text(cx->arena, s));
            layer_note_input(cx, d, 0);
            layer_note_input(cx, d, i);
            diag_help(cx->diags, d, "use the same strides and padding on both branches");
            return false;
        }
        l->out.c += s.c;
    }
    return true;
}

static const char *concat_why(Arena *a, const Layer *l)
{
    const char *sum = "";
    for (int i = 0; i < l->n_inputs; i++) {
        sum = arena_printf(a, "%s%s%lld", sum, i ? " + " : "", (long long)l->inputs[i]->out.c);
    }
    return arena_printf(a, "%s = %lld channels", sum, (long long)l->out.c);
}

static void concat_build(Graph *g, Layer *l, Value **in)
{
    l->value = graph_apply(g, l->op, NULL, in, l->n_inputs, l->out, l->name);
}

/* The attributes of op_part. */
typedef struct PartAttrs {
    int64_t from;
} PartAttrs;

/* Whether all branches end in one element-wise operator whose gradient needs its result only: relu, tanh, sigmoid. Then that gradient is
 * taken once on the whole, where it can join the kernel that computes g, and the branches get slices of it. */
static const EltDef *common_end(const Node *n)
{
    const OpDef *op = n->in[0]->def ? n->in[0]->def->op : NULL;
    if (!op || !op->elt || !op->elt->dx || !op->elt->from_output || op->attrs_size > 0) {
        return NULL;
    }
    for (int i = 1; i < n->n_in; i++) {
        if (!n->in[i]->def || n->in[i]->def->op != op) {
            return NULL;
        }
    }
    return op->elt;
}

extern const OpDef op_part;

static void concat_gradient(Autodiff *ad, Node *n)
{
    Graph *g = grad_graph(ad);
    Value *dy = grad_of(ad, n->out[0]);
    const EltDef *end = common_end(n);
    if (end) {
        Value *in[2] = {n->out[0], dy};
        dy = graph_apply(g, end->dx, NULL, in, 2, n->out[0]->shape, d_name(g, n->out[0]));
    }
    int64_t from = 0;
    for (int i = 0; i < n->n_in; i++) {
        Value *branch = end ? n->in[i]->def->in[0] : n->in[i];
        if (grad_wanted(ad, branch)) {
            PartAttrs *part = arena_alloc(g->arena, sizeof *part);
            part->from = from;
            grad_add(ad, branch, graph_apply(g, &op_part, part, &dy, 1, n->in[i]->shape, d_name(g, branch)));
        }
        from += n->in[i]->shape.c;
    }
}

static void concat_eval(Eval *ev, const Node *n)
{
    const Value *y = n->out[0];
    int64_t from = 0;
    for (int k = 0; k < n->n_in; k++) {
        Shape s = n->in[k]->shape;
        for (int i = 0; i < ev->n; i++) {
            for (int64_t h = 0; h < s.h; h++) {
                for (int64_t w = 0; w < s.w; w++) {
                    for (int64_t c = 0; c < s.c; c++) {
                        *eval_at(ev, y, i, h, w, from + c) = *eval_at(ev, n->in[k], i, h, w, c);
                    }
                }
            }
        }
        from += s.c;
    }
}

/* Only branches that could not be written in place are copied. */
static void concat_emit(Emit *e, Node *n)
{
    int64_t from = 0;
    for (int i = 0; i < n->n_in; i++) {
        const Value *x = n->in[i], *y = n->out[0];
        if (!(x->base == (y->base ? y->base : y) && x->base_channel == from + y->base_channel)) {
            emit_kernel(e, "copy_channels");
            emit_int(e, "H", x->shape.h);
            emit_int(e, "W", x->shape.w);
            emit_int(e, "C", x->shape.c);
            emit_int(e, "CP", i + 1 < n->n_in ? x->shape.c : y->layout.channels - from);
            emit_strides(e, "X", x);
            emit_strides(e, "Y", y);
            emit_arg(e, n->in[i], 0);
            emit_arg(e, n->out[0], from);
            emit_end(e);
        }
        from += x->shape.c;
    }
}

/* ---- part: some of a tensor's channels, from attrs->from on ---- */

static void part_eval(Eval *ev, const Node *n)
{
    const PartAttrs *a = n->attrs;
    Shape s = n->out[0]->shape;
    for (int i = 0; i < ev->n; i++) {
        for (int64_t k = 0; k < shape_size(s); k++) {
            int64_t h = k / (s.w * s.c), w = k / s.c % s.w, c = k % s.c;
            *eval_at(ev, n->out[0], i, h, w, c) = *eval_at(ev, n->in[0], i, h, w, c + a->from);
        }
    }
}

/* A view, where its lanes are its own; else neighbours would stand where zeros belong. */
static void part_emit(Emit *e, Node *n)
{
    const PartAttrs *a = n->attrs;
    const Value *x = n->in[0], *y = n->out[0];
    if (y->base) {
        return;
    }
    emit_kernel(e, "copy_channels");
    emit_int(e, "H", y->shape.h);
    emit_int(e, "W", y->shape.w);
    emit_int(e, "C", y->shape.c);
    emit_int(e, "CP", y->layout.channels);
    emit_strides(e, "X", x);
    emit_strides(e, "Y", y);
    emit_arg(e, n->in[0], a->from);
    emit_arg(e, n->out[0], 0);
    emit_end(e);
}

static const AttrDef part_attrs[] = {
    {.name = "from", .type = ATTR_INT, .offset = offsetof(PartAttrs, from), .hidden = true, .doc = "the first channel"},
    {0},
};

const OpDef op_part = {
    .name = "part",
    .traits = OP_PARTS,
    .attrs = part_attrs,
    .attrs_size = sizeof(PartAttrs),
    .eval = part_eval,
    .emit = part_emit,
    .algorithm = "in place, or a copy of channels",
};

const OpDef op_concat = {
    .name = "concat",
    .kind = "merge",
    .summary = "the branches' channels one after the other",
    .doc = "As in Inception (Szegedy et al., 2015). Height and width are equal. Branches whose channels fill whole vectors are written in "
           "place: nothing is copied.",
    .gradient_doc = "to each branch its channels of g, without a copy",
    .example = "concat { conv(8, 1x1)  maxpool(3x3, stride=1, pad=1) }",
    .traits = OP_MERGE | OP_FREE,
    .shape = concat_shape,
    .build = concat_build,
    .why = concat_why,
    .gradient = concat_gradient,
    .eval = concat_eval,
    .emit = concat_emit,
    .algorithm = "in place, or a copy of channels",
};
