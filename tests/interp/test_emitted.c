/* test_emitted.c - emitted C against the reference interpreter, on random small networks whose channels do not fill whole vectors.
 *
 *   test_emitted [NETWORKS [SEED]]     so many random ones, besides those that are known to be hard
 *
 * The networks are emitted, compiled and loaded twice: in double for the plain C target, where results must agree to rounding, and in
 * float for this machine's. The arena is filled with NaN before every pass, so that what a kernel reads without anybody having written it
 * (padded lanes, borders, another tensor's remains) shows in a result; and the gradients' padding must come out zero, as it is
 * part of the gradient's norm and of what the optimizer steps over. A third time they are emitted so that the backward
 * pass computes again all that it can, or what the least memory asks for: their results must have the bits of the ordinary ones. Exit status 1 if
 * a network differs; it is printed. */
#include "../../compiler/budget.h"
#include "../../compiler/driver.h"
#include "../../compiler/emit/emit.h"
#include "../../compiler/interp.h"
#include "../../runtime/model.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_LINES = 9, LINE = 400, MOST_SAMPLES = 3 };
/* In float a gradient may be all rounding (of a bias before batchnorm), or a unit fall on the other side of a kink: there gradients
 * only have to be finite. */
static const double tolerance_double = 1e-8, tolerance_float = 1e-2, any_number = 1e6;

static uint64_t random_state;

static int random_in(int low, int high)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return low + (int)((random_state >> 33) % (uint64_t)(high - low + 1));
}

static double random_real(void)
{
    return random_in(-1000000, 1000000) / 1e6;
}

static void *checked(void *memory)
{
    if (!memory) {
        die("out of memory");
    }
    return memory;
}

/* ---- networks ---- */

/* What was wrong once, or would be first: results that take another's place, lanes that a grouped convolution or a copied branch leaves. */
static const char *const known[] = {
    "input(9x8x16) conv(16, 3x3, pad=1) -> relu conv(24, 3x3, pad=1) -> batchnorm -> relu conv(20, 5x5, pad=2) conv(16, 3x3, pad=1) -> relu dense(3)",
    "input(2x2x3) add { seq { identity -> softplus } seq { conv(3, 1x1) -> relu } } dense(3)",
    "input(5x5x9) conv(9, 3x3, pad=1, groups=9) -> batchnorm -> tanh dense(4)",
    "input(7x6x5) concat { conv(9, 3x3, pad=1) -> prelu conv(8, 3x3, pad=1) -> tanh conv(1, 1x1) } lrn(2) conv(18, 1x2, stride=2x3, groups=6) dense(3)",
    "input(6x3x5) conv(1, 3x1, pad=1) -> batchnorm -> selu -> batchnorm conv(9, 2x2) dense(3)",
    "input(5x3x2) add { seq { identity -> sigmoid } seq { conv(2, 1x1, groups=2) -> prelu } } dense(3)",
    "input(8x8x5) conv(6, 3x3, pad=1) -> dropout(0.5) conv(7, 3x3, stride=2) dense(3)",
    "input(5x5x9) conv(9, 3x3, pad=1, groups=9) -> batchnorm -> swish conv(15, 2x2, groups=3) -> softplus avgpool(global) -> dense(4)",
    "input(5x5x3) conv(10, 1x1) conv(10, 3x3, groups=5) -> gelu -> prelu -> batchnorm -> lrn(5, alpha=0.3) -> maxpool(global) -> dense(4)",
    "input(5x5x3) concat { conv(5, 1x1) conv(6, 3x3, pad=1) } batchnorm -> swish concat { identity conv(3, 1x1) } batchnorm maxpool(2x2) lrn(3) dense(4)",
    "input(5x5x3) concat { conv(5, 1x1) conv(6, 3x3, pad=1) conv(6, 1x1, groups=3) -> elu } softmax maxpool(2x2, stride=1) softmax -> batchnorm avgpool(global)",
    "input(4x4x6) concat { conv(6, 1x1, groups=2) -> sigmoid maxpool(3x3, stride=1, pad=1) } maxout(4) -> batchnorm -> flatten -> batchnorm",
    "input(4x4x20) conv(15, 3x3, groups=5, pad=1) shortcut(19, stride=2, kind=pad) batchnorm mul { identity conv(19, 1x1, groups=19) -> sigmoid } dense(3)",
    "input(4x7x5) conv(1, 3x3, stride=2x3, pad=0x2, bias=no) -> batchnorm conv(3, 1x3, stride=2x3, pad=0x1) -> tanh dense(3)",
    "input(3x3x4) conv(4, 1x1) -> tanh conv(6, 3x3, groups=2) -> tanh dense(3)",
    "input(3x3x4) conv(4, 1x1) -> tanh conv(6, 3x3, pad=1, stride=3) -> tanh dense(3)",
};
enum { KNOWN = sizeof known / sizeof *known };

typedef struct Text {
    char lines[MOST_LINES + 2][LINE];
    int n;
} Text;

/* A divisor of c, often 1. */
static int some_groups(int c)
{
    for (int tries = 0; tries < 4; tries++) {
        int g = random_in(2, 6);
        if (c % g == 0) {
            return g;
        }
    }
    return random_in(0, 3) == 0 ? c : 1;
}

static const char *random_of(const char *const *items, int n)
{
    return items[random_in(0, n - 1)];
}

static const char *activation(void)
{
    static const char *const items[] = {"relu", "tanh",     "sigmoid", "leaky_relu(0.1)",    "elu",   "prelu",        "gelu",
                                        "selu", "softplus", "swish",   "prelu(shared=yes)", "relu6", "dropout(0.5)", "identity"};
    return random_of(items, sizeof items / sizeof *items);
}

static void convolution(char *to, int channels, int wanted)
{
    int groups = random_in(0, 1) ? some_groups(channels) : 1;
    int out = wanted ? wanted : groups * random_in(1, groups > 8 ? 2 : 40 / groups);
    snprintf(to, LINE, "conv(%d, %dx%d, stride=%dx%d, pad=%dx%d, dilation=%d, groups=%d, bias=%s)", out, random_in(1, 4), random_in(1, 4),
             random_in(1, 2), random_in(1, 3), random_in(0, 2), random_in(0, 2), random_in(1, 5) / 5 + 1, out % groups == 0 ? groups : 1,
             random_in(0, 2) ? "yes" : "no");
}

/* A convolution that keeps height and width. */
static void plain_convolution(char *to, int channels, int out)
{
    int groups = some_groups(channels), size = random_in(0, 1) ? 3 : 1;
    snprintf(to, LINE, "conv(%d, %dx%d, pad=%d, groups=%d)", out, size, size, size / 2, out % groups == 0 ? groups : 1);
}

static void merge(char *to, int channels)
{
    static const char *const merges[] = {"concat", "concat", "add", "mul", "max"};
    const char *name = random_of(merges, 5);
    bool joins = strcmp(name, "concat") == 0;
    int len = snprintf(to, LINE, "%s {", name), branches = random_in(2, 3);
    for (int i = 0; i < branches; i++) {
        char branch[LINE] = "identity";
        if (i > 0 || random_in(0, 1)) {
            plain_convolution(branch, channels, joins ? random_in(1, 20) : channels);
        }
        len += snprintf(to + len, (size_t)(LINE - len), " seq { %s -> %s }", branch, activation());
    }
    snprintf(to + len, (size_t)(LINE - len), " }");
}

static void element(char *to, int line, Shape now)
{
    int c = (int)now.c;
    switch (random_in(0, 13)) {
    case 0:
    case 1:
    case 2:
    case 3: convolution(to, c, 0); break;
    case 4: snprintf(to, LINE, "%s -> %s", random_in(0, 1) ? "batchnorm" : "identity", activation()); break;
    case 5:
    case 6: merge(to, c); break;
    case 7:
        snprintf(to, LINE, "%s(%dx%d, stride=%dx%d, pad=%d)", random_in(0, 1) ? "maxpool" : "avgpool", random_in(2, 3), random_in(2, 3),
                 random_in(1, 2), random_in(1, 2), random_in(0, 1));
        break;
    case 8: snprintf(to, LINE, "lrn(%d, alpha=0.3)", random_in(1, 5)); break;
    case 9: snprintf(to, LINE, "maxout(%d)", random_in(2, 4)); break;
    case 10: snprintf(to, LINE, "shortcut(%d, stride=%d, kind=%s)", c + random_in(0, 9), random_in(1, 2), random_in(0, 1) ? "pad" : "projection"); break;
    case 11: snprintf(to, LINE, "%s(l%d, l%d)", random_in(0, 1) ? "concat" : "add", random_in(0, line), random_in(0, line)); break;
    case 12: snprintf(to, LINE, "%s", random_in(0, 2) ? "batchnorm" : random_in(0, 1) ? "softmax" : "flatten"); break;
    default: snprintf(to, LINE, random_in(0, 2) ? "dense(%d)" : "avgpool(global) -> dense(%d)", random_in(1, 40));
    }
}

static Net *compile_text(Arena *arena, Diags *diags, const char *text)
{
    diags->arena = arena;
    int file = diag_add_source(diags, "random.net", arena_strdup(arena, text), (uint32_t)strlen(text));
    return sema_network(arena, diags, ast_parse(arena, diags, file), NULL, 0);
}

static void write_text(const Text *t, int number, Str *out)
{
    str_printf(out, "network n%d {\n", number);
    for (int i = 0; i < t->n; i++) {
        str_printf(out, "    l%d: %s\n", i, t->lines[i]);
    }
    str_printf(out, "}\n");
}

/* The network with some of its parameters frozen: each with the same probability, or the first ones. The text is freed. */
static char *freeze_some(char *text)
{
    Arena arena = {0};
    Diags diags = {0};
    const Net *net = compile_text(&arena, &diags, text);
    Str out = {0};
    const bool first = random_in(0, 1);
    int trained = 0, most = random_in(0, net->n_params);
    str_printf(&out, "%strain { freeze = [", text);
    for (int i = 0; i < net->n_params; i++) {
        const NetParam *p = net->params[i];
        bool freeze = first ? i < most : random_in(0, 1);
        if (p->role == PARAM_STAT) {
            continue;
        }
        if (freeze) {
            str_printf(&out, "%s, ", p->name);
        }
        trained += !freeze;
    }
    str_add(&out, "] }\n");
    arena_free(&arena);
    if (trained == 0) {
        str_free(&out);
        return text;
    }
    free(text);
    return out.data;
}

/* What the lines so far give. False: they are no network. */
static bool result_of(const Text *t, Shape *out)
{
    Arena arena = {0};
    Diags diags = {0};
    Str text = {0};
    write_text(t, 0, &text);
    const Net *net = compile_text(&arena, &diags, text.data);
    bool good = net && shape_size(net->outputs[0]->out) < 6000;
    if (good) {
        *out = net->outputs[0]->out;
    }
    str_free(&text);
    arena_free(&arena);
    return good;
}

/* Lines are tried and dropped if the language does not accept them there. */
static char *random_network(int number)
{
    Text t = {.n = 1};
    Shape now = {.h = random_in(3, 11), .w = random_in(3, 11), .c = random_in(1, 20)};
    snprintf(t.lines[0], LINE, "input(%dx%dx%d)", (int)now.h, (int)now.w, (int)now.c);
    for (int tries = 0, most = random_in(3, MOST_LINES); t.n < most && tries < 60; tries++) {
        element(t.lines[t.n], t.n - 1, now);
        t.n++;
        if (!result_of(&t, &now)) {
            t.n--;
        }
    }
    if (random_in(0, 3) > 0 || t.n == 1) {
        snprintf(t.lines[t.n++], LINE, "dense(%d)", random_in(2, 11));
    }
    Str text = {0};
    write_text(&t, number, &text);
    return text.data;
}

static char *known_network(int number)
{
    Str text = {0};
    str_printf(&text, "network n%d { %s }\n", number, known[number]);
    return text.data;
}

/* ---- the reference ---- */

static int64_t param_size(const NetParam *p)
{
    return p->out * p->in * p->kh * p->kw;
}

/* Values that floats hold exactly. */
static void fill(double *x, int64_t n, double scale, double offset)
{
    for (int64_t i = 0; i < n; i++) {
        x[i] = (float)(offset + scale * random_real());
    }
}

typedef struct Reference {
    Graph *train, *infer;
    Eval *in_training, *at_inference;
    int n, labels[MOST_SAMPLES];
    double *input, *targets;
    bool classes; /* the loss wants labels */
} Reference;

static void make_reference(Reference *r, Net *net, int n)
{
    const Shape out = net->outputs[0]->out;
    const int64_t inputs = n * shape_size(net->input->out), outputs = n * shape_size(out);
    *r = (Reference){.train = graph_build(net, true), .infer = graph_build(net, false), .n = n};
    r->in_training = interp_new(r->train, n);
    r->at_inference = interp_new(r->infer, n);
    r->targets = checked(calloc((size_t)outputs, sizeof(double)));
    fill(r->targets, outputs, 1, 0);
    for (int i = 0; i < n; i++) {
        r->labels[i] = random_in(0, (int)out.c - 1);
    }
    for (int i = 0; i < net->n_params; i++) {
        const NetParam *p = net->params[i];
        double *x = r->in_training->data[r->train->param_values[i]->id];
        bool one = strcmp(p->suffix, "running_var") == 0 || (!p->panels && p->role == PARAM_WEIGHT);
        fill(x, param_size(p), p->panels ? sqrt(3.0 / (double)p->fan_in) : 0.5, one);
        memcpy(r->at_inference->data[r->infer->param_values[i]->id], x, (size_t)param_size(p) * sizeof *x);
    }
    r->input = r->in_training->data[r->train->input->id];
    fill(r->input, inputs, 2, 0);
    memcpy(r->at_inference->data[r->infer->input->id], r->input, (size_t)inputs * sizeof(double));
    r->in_training->labels = r->at_inference->labels = r->labels;
    r->classes = net->losses[0].op->traits & OP_LABELS;
    r->in_training->targets = r->at_inference->targets = r->classes ? NULL : r->targets;
    interp_run(r->in_training, PHASE_BACKWARD);
    interp_run(r->at_inference, PHASE_FORWARD);
}

static void free_reference(Reference *r)
{
    interp_free(r->in_training);
    interp_free(r->at_inference);
    free(r->targets);
}

/* ---- the emitted model ---- */

/* A block of reals of either size. */
typedef struct Block {
    void *at;
    size_t n;
    bool wide;
} Block;

static double get(const Block *b, size_t i)
{
    return b->wide ? ((const double *)b->at)[i] : (double)((const float *)b->at)[i];
}

static void put(Block *b, size_t i, double x)
{
    if (b->wide) {
        ((double *)b->at)[i] = x;
    } else {
        ((float *)b->at)[i] = (float)x;
    }
}

static Block new_block(size_t n, bool wide, double value)
{
    void *at = NULL;
    if (posix_memalign(&at, 64, (n + 16) * sizeof(double)) != 0) {
        die("out of memory");
    }
    Block b = {at, n, wide};
    for (size_t i = 0; i < n; i++) {
        put(&b, i, value);
    }
    return b;
}

static void refill(Block *b, double value)
{
    for (size_t i = 0; i < b->n; i++) {
        put(b, i, value);
    }
}

/* Where value `disk` of a parameter lies, by the description in model.h. */
static size_t place_of(const nt_param *p, size_t disk)
{
    if (p->layout == NT_VECTOR) {
        return p->offset + disk;
    }
    size_t window = (size_t)(p->kh * p->kw), in = (size_t)p->in, k = window * in, of_group = (size_t)(p->out / p->groups);
    size_t out = disk / k, i = disk / window % in, tap = disk % window, group = out / of_group, channel = out % of_group;
    size_t panel = channel / (size_t)p->panel, left = (size_t)p->out_padded - panel * (size_t)p->panel;
    size_t width = left < (size_t)p->panel ? left : (size_t)p->panel;
    return p->offset + group * (size_t)p->out_padded * k + panel * (size_t)p->panel * k + (tap * in + i) * width + channel % (size_t)p->panel;
}

typedef struct Verdict {
    const char *where;
    double worst;                  /* error over tolerance */
    double of_values, of_gradients; /* tolerances */
    uint64_t bits;                 /* of all that a training step gives, dropout and all */
} Verdict;

/* The largest difference against the largest value. */
static void judge(Verdict *v, const char *where, double tolerance, const double *got, const double *want, int64_t n)
{
    double size = 1e-4, difference = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs(got[i] - want[i]);
        size = fmax(size, fabs(want[i]));
        difference = isnan(d) ? INFINITY : fmax(difference, d);
    }
    if (difference / size / tolerance > v->worst) {
        v->worst = difference / size / tolerance;
        v->where = where;
    }
}

/* A tensor's values, of all samples, as the reference holds them. */
static double *read_tensor(const Block *arena, int n, size_t offset, int h, int w, int c, int sample, int row, int pixel)
{
    double *values = checked(calloc((size_t)(n * h * w * c), sizeof *values)), *to = values;
    for (int i = 0; i < n; i++) {
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                for (int k = 0; k < c; k++) {
                    *to++ = get(arena, offset * (size_t)n + (size_t)i * (size_t)sample + (size_t)(y * row + x * pixel + k));
                }
            }
        }
    }
    return values;
}

static void judge_head(Verdict *v, const char *where, const nt_model *m, const Block *arena, size_t offset, int n, const Eval *ev)
{
    const nt_head *head = &m->heads[0];
    double *values = read_tensor(arena, n, offset, head->h, head->w, head->c, head->stride_sample, head->stride_row, head->stride_pixel);
    judge(v, where, v->of_values, values, ev->data[ev->g->outputs[0]->id], (int64_t)n * head->h * head->w * head->c);
    free(values);
}

/* Adds all of a block to a hash of results: NaN is no result and changes it, too. */
static uint64_t hash_block(uint64_t hash, const Block *b)
{
    return hash_bytes(hash, b->at, b->n * (b->wide ? sizeof(double) : sizeof(float)));
}

static void judge_gradients(Verdict *v, const nt_model *m, Block *grads, const Reference *r)
{
    for (int i = 0; i < m->n_params; i++) {
        const nt_param *p = &m->params[i];
        const NetParam *q = r->train->net->params[i];
        if (p->role == NT_STAT || p->frozen) { /* it has no gradient, and no place for one */
            if (r->train->param_grads[i]) {
                v->worst = INFINITY;
                v->where = p->name;
            }
            continue;
        }
        double *got = checked(calloc((size_t)param_size(q), sizeof *got));
        for (size_t k = 0; k < (size_t)param_size(q); k++) {
            got[k] = get(grads, place_of(p, k));
            put(grads, place_of(p, k), 0);
        }
        const Value *d = r->train->param_grads[i];
        double *none = checked(calloc((size_t)param_size(q), sizeof *none)); /* of what the loss does not depend on */
        judge(v, p->name, v->of_gradients, got, d ? r->in_training->data[d->id] : none, param_size(q));
        free(none);
        free(got);
    }
    for (size_t i = 0; i < grads->n; i++) {
        if (get(grads, i) != 0) {
            v->worst = INFINITY;
            v->where = "padding of the gradients";
        }
    }
}

/* Exchanges the statistics with the values that `held` has for them. */
static void swap_statistics(const nt_model *m, Block *params, double *held)
{
    for (int i = 0; i < m->n_params; i++) {
        const nt_param *p = &m->params[i];
        for (size_t k = p->offset; p->role == NT_STAT && k < p->offset + p->elements; k++) {
            double x = get(params, k);
            put(params, k, held[k]);
            held[k] = x;
        }
    }
}

/* Another pass of inference, for which nothing is left of the one before but what that made of parameters alone. It must not make
 * this again: the statistics, of which nothing else is made, are NaN while it runs. */
static void infer_again(const nt_model *m, const Reference *r, nt_pass *pass, Block *params, Block *arena)
{
    double *held = checked(calloc(params->n + 1, sizeof *held));
    for (size_t i = 0; i < params->n; i++) {
        held[i] = r->infer->lasting ? NAN : get(params, i);
    }
    for (size_t i = 0; i < m->infer_sample * (size_t)r->n; i++) {
        put(arena, i, NAN);
    }
    pass->prepared = r->n;
    swap_statistics(m, params, held);
    m->infer(pass);
    swap_statistics(m, params, held);
    pass->prepared = 0;
    free(held);
}

/* Both passes of one network. */
static Verdict run_model(const nt_model *m, const Reference *r, bool wide)
{
    Verdict v = {.where = "", .of_values = wide ? tolerance_double : tolerance_float, .of_gradients = wide ? tolerance_double : any_number};
    const size_t n = (size_t)r->n, outputs = n * (size_t)shape_size(r->train->net->outputs[0]->out);
    const size_t inputs = n * (size_t)m->input_h * (size_t)m->input_w * (size_t)m->input_c;
    Block params = new_block(m->params_elements, wide, 0), grads = new_block(m->trainable_elements, wide, 0);
    Block arena = new_block(m->arena_sample * n + m->arena_fixed, wide, NAN), loss = new_block(n, wide, NAN);
    Block at_inference = new_block(m->infer_sample * n + m->infer_fixed, wide, NAN);
    Block input = new_block(inputs, wide, 0), targets = new_block(outputs, wide, 0);
    int32_t labels[MOST_SAMPLES];
    for (int i = 0; i < m->n_params; i++) {
        const double *x = r->at_inference->data[r->infer->param_values[i]->id];
        for (size_t k = 0; k < (size_t)param_size(r->infer->net->params[i]); k++) {
            put(&params, place_of(&m->params[i], k), x[k]);
        }
    }
    for (size_t i = 0; i < inputs; i++) {
        put(&input, i, r->input[i]);
    }
    for (size_t i = 0; i < outputs; i++) {
        put(&targets, i, r->targets[i]);
    }
    for (size_t i = 0; i < n; i++) {
        labels[i] = r->labels[i];
    }
    nt_pass pass = {.n = r->n, .params = params.at, .grads = grads.at, .arena = arena.at, .input = input.at, .labels = labels,
                    .targets = r->classes ? NULL : targets.at, .loss_sample = loss.at};
    for (int round = 0; round < 2; round++) { /* the second time among the first one's remains */
        m->gradient(&pass);
        double sum = 0, wanted = r->in_training->loss;
        for (size_t i = 0; i < n; i++) {
            sum += get(&loss, i) / (double)n;
        }
        judge(&v, "loss", v.of_values, &sum, &wanted, 1);
        judge_head(&v, "output", m, &arena, m->heads[0].offset, r->n, r->in_training);
        if ((m->input_grad == SIZE_MAX) != !r->train->d_input) {
            die("the emitted model and the graph differ on the gradient of the input");
        }
        if (m->input_grad == SIZE_MAX) { /* frozen parameters lie before all that is trained */
            judge_gradients(&v, m, &grads, r);
            continue;
        }
        double *dx = read_tensor(&arena, r->n, m->input_grad, m->input_h, m->input_w, m->input_c, m->input_grad_stride_sample,
                                 m->input_grad_stride_row, m->input_grad_stride_pixel);
        judge(&v, "gradient of the input", v.of_gradients, dx, r->in_training->data[r->train->d_input->id], (int64_t)inputs);
        free(dx);
        judge_gradients(&v, m, &grads, r);
    }
    pass.arena = at_inference.at;
    m->infer(&pass);
    judge_head(&v, "output at inference", m, &at_inference, m->heads[0].infer_offset, r->n, r->at_inference);
    infer_again(m, r, &pass, &params, &at_inference);
    judge_head(&v, "output at inference, prepared", m, &at_inference, m->heads[0].infer_offset, r->n, r->at_inference);
    pass.arena = arena.at;
    refill(&arena, NAN);
    refill(&grads, 0);
    pass.random = 1;
    m->train(&pass);
    v.bits = hash_block(hash_block(hash_block(hash_start(), &params), &grads), &loss);
    for (int i = 0; i < m->n_params; i++) { /* of what train() writes only the statistics' padding is new */
        const nt_param *p = &m->params[i];
        for (size_t k = (size_t)p->out; p->role == NT_STAT && k < p->elements; k++) {
            if (!isfinite(get(&params, p->offset + k))) {
                v.worst = INFINITY;
                v.where = "padding of the statistics";
            }
        }
    }
    const Block *all[] = {&params, &grads, &arena, &loss, &at_inference, &input, &targets};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        free(all[i]->at);
    }
    return v;
}

/* ---- all of them ---- */

static char folder[] = "/tmp/netc-emitted-XXXXXX";
static int copies; /* nodes that are computed again, in all networks */

static void remove_folder(void)
{
    Str clear = {0};
    str_printf(&clear, "rm -rf %s", folder);
    if (system(clear.data) != 0) {
        fprintf(stderr, "cannot remove %s\n", folder);
    }
    str_free(&clear);
}

/* A training graph that keeps nothing for its backward pass, whether that saves memory or not; or that follows the plan with the least. */
static Graph *build_again(Compilation *c, bool least)
{
    const Front *front = budget_front(c, 4);
    Graph *g = graph_build(c->net, true);
    Recompute *r = arena_alloc(c->net->arena, sizeof *r);
    bool *again = arena_array(c->net->arena, (size_t)g->n_nodes + 1, sizeof *again);
    for (int i = 0; i < g->n_nodes; i++) {
        again[i] = node_repeatable(g->nodes[i]);
    }
    *r = (Recompute){.again = again, .reach = random_in(0, 1)};
    g->recompute = least ? &front->plans[front->n - 1].recompute : r;
    return g;
}

static int count_copies(const Graph *g)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        n += g->nodes[i]->again_of != NULL;
    }
    return n;
}

static void emit_network(const char *text, const char *target, bool again, bool least)
{
    Arena arena = {0};
    Diags diags = {0};
    Net *net = compile_text(&arena, &diags, text);
    const Target *t = target_find(target);
    Output out = {0};
    layout_params(net, t);
    Graph *graphs[2] = {again ? build_again(&(Compilation){.net = net, .target = t}, least) : graph_build(net, true),
                        graph_build(net, false)};
    for (int i = 0; i < 2; i++) {
        run_passes(graphs[i], t);
    }
    copies += count_copies(graphs[0]);
    emit_model(&arena, net, graphs[0], NULL, graphs[1], t, &out);
    for (int i = 0; i < out.n; i++) {
        if (!file_write(arena_printf(&arena, "%s/%s", folder, out.files[i].name), out.files[i].text.data, out.files[i].text.len)) {
            die("cannot write into %s", folder);
        }
    }
    output_free(&out);
    arena_free(&arena);
}

/* Emits and compiles all networks for one target; the handle of what was loaded. */
static void *load_networks(char *const *texts, int n, const char *target, bool wide, bool again)
{
    const Target *t = target_find(target);
    const char *cc = getenv("CC"), *flags = getenv("NETC_CFLAGS");
    Str command = {0};
    for (int i = 0; i < n; i++) {
        emit_network(texts[i], target, again, i % 3 == 2);
    }
    str_printf(&command, "%s -std=c11 -D_POSIX_C_SOURCE=200809L %s %s%s%s%s -fPIC -shared -I. -o %s/%s%d.so", cc ? cc : "cc", flags ? flags : "-O0",
               t->cflags, t->define ? " -D" : "", t->define ? t->define : "", wide ? " -DNT_DOUBLE" : "", folder, target, again);
    for (int i = 0; i < n; i++) {
        str_printf(&command, " %s/n%d.c %s/n%d_backward.c", folder, i, folder, i);
    }
    str_add(&command, " -lm");
    if (system(command.data) != 0) {
        die("cannot compile: %s", command.data);
    }
    str_free(&command);
    Str library = {0};
    str_printf(&library, "%s/%s%d.so", folder, target, again);
    void *handle = dlopen(library.data, RTLD_LAZY | RTLD_LOCAL); /* lazily: the clock of `bench` is the runtime's */
    if (!handle) {
        die("%s", dlerror());
    }
    str_free(&library);
    return handle;
}

enum { IN_FLOAT, IN_DOUBLE, IN_LITTLE, MODELS };
static const char *const model_names[MODELS] = {"float", "double", "float and little memory"};

static bool check_network(int number, const char *text, void *const *handles)
{
    Arena arena = {0};
    Diags diags = {0};
    Net *net = compile_text(&arena, &diags, text);
    bool good = true;
    random_state = (uint64_t)number;
    Reference r;
    make_reference(&r, net, random_in(1, MOST_SAMPLES));
    uint64_t bits[MODELS] = {0};
    for (int i = 0; i < MODELS; i++) {
        const bool wide = i == IN_DOUBLE;
        const char *symbol = arena_printf(&arena, "n%d_%smodel", number, wide ? "double_" : "");
        const nt_model *m = checked(dlsym(handles[i], symbol));
        Verdict v = run_model(m, &r, wide);
        bits[i] = v.bits;
        if (v.worst > 1) {
            printf("FAIL  n%d in %s, %d samples: %.1e times the tolerance at %s\n%s", number, model_names[i], r.n, v.worst, v.where, text);
            good = false;
        }
    }
    if (bits[IN_FLOAT] != bits[IN_LITTLE]) {
        printf("FAIL  n%d in little memory has not the bits of n%d\n%s", number, number, text);
        good = false;
    }
    free_reference(&r);
    arena_free(&arena);
    return good;
}

int main(int argc, char **argv)
{
    const int n = KNOWN + (argc > 1 ? atoi(argv[1]) : 4);
    char **texts = checked(calloc((size_t)n, sizeof *texts));
    int failed = 0;
    if (!mkdtemp(folder) || atexit(remove_folder) != 0) {
        die("cannot make a folder in /tmp");
    }
    random_state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    for (int i = 0; i < n; i++) {
        texts[i] = i < KNOWN ? known_network(i) : random_network(i);
    }
    for (int i = 1; i < n; i += 3) {
        texts[i] = freeze_some(texts[i]);
    }
    void *handles[MODELS] = {load_networks(texts, n, "native", false, false), load_networks(texts, n, "generic", true, false),
                             load_networks(texts, n, "native", false, true)};
    for (int i = 0; i < n; i++) {
        failed += !check_network(i, texts[i], handles);
        free(texts[i]);
    }
    free(texts);
    printf("%d of %d networks agree with the interpreter, and with themselves where %d operators are computed again\n", n - failed, n, copies);
    return failed > 0 || copies == 0;
}
