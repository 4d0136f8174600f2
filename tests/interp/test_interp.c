/* test_interp.c - every operator's gradient rule against central differences, both by the naive definitions in double.
 *
 * For each documented operator a small network is made of its example; its graph with backward part is run by the reference
 * interpreter, and each parameter's and the input's gradient is compared with (L(x+h) - L(x-h)) / 2h. Nothing of the emitted
 * code takes part: this is about autodiff and the rules, tests/torch about what is emitted. Usage: test_interp [MODEL.net ...]
 * adds models of files. Prints a line a network; exit status 1 if one is off by more than 1e-6. */
#include "../../compiler/driver.h"
#include "../../compiler/interp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 3 };
static const double step = 1e-6, tolerance = 1e-6;

/* Uniform in [-1, 1), the same everywhere: a linear congruential generator is random enough to avoid ties. */
static double next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*state >> 11) / (double)(UINT64_C(1) << 52) - 1;
}

static int64_t param_size(const NetParam *p)
{
    return p->out * p->in * p->kh * p->kw;
}

static void fill(Eval *ev, uint64_t seed)
{
    Graph *g = ev->g;
    for (int i = 0; i < g->net->n_params; i++) {
        const NetParam *p = g->net->params[i];
        double *x = ev->data[g->param_values[i]->id], scale = p->panels ? sqrt(3.0 / (double)p->fan_in) : 0.5;
        for (int64_t k = 0; k < param_size(p); k++) {
            x[k] = scale * next_random(&seed) + (strcmp(p->suffix, "running_var") == 0 || (!p->panels && p->role == PARAM_WEIGHT));
        }
    }
    for (int64_t k = 0; k < BATCH * shape_size(g->input->shape); k++) {
        ev->data[g->input->id][k] = 2 * next_random(&seed);
    }
}

static double loss_at(Eval *ev, double *x, double value)
{
    double kept = *x;
    *x = value;
    interp_run(ev, PHASE_LOSS);
    *x = kept;
    return ev->loss;
}

/* ||numeric - rule|| / max of the norms over up to `most` elements of one array. */
static double error_of(Eval *ev, double *x, const double *rule, int64_t size, int most)
{
    double diff = 0, a = 0, b = 0;
    int64_t stride = size > most ? size / most : 1;
    for (int64_t k = 0; k < size; k += stride) {
        double numeric = (loss_at(ev, &x[k], x[k] + step) - loss_at(ev, &x[k], x[k] - step)) / (2 * step);
        diff += (numeric - rule[k]) * (numeric - rule[k]);
        a += numeric * numeric;
        b += rule[k] * rule[k];
    }
    double norm = sqrt(fmax(a, b));
    return norm > 1e-8 ? sqrt(diff) / norm : sqrt(diff); /* a bias before batchnorm has none: rounding only */
}

static double *copy(const double *x, int64_t n)
{
    double *y = malloc((size_t)n * sizeof *y);
    if (!y) {
        die("out of memory");
    }
    memcpy(y, x, (size_t)n * sizeof *y);
    return y;
}

/* True if every gradient of the network agrees. Targets are class labels, or `dense` vectors of values in 0..1. */
static bool check(Net *net, const char *name, bool dense)
{
    Graph *g = graph_build(net, true);
    graph_verify(g, "autodiff");
    Eval *ev = interp_new(g, BATCH);
    int labels[BATCH * 64];
    Shape out = net->outputs[0]->out;
    for (int i = 0; i < BATCH * 64; i++) {
        labels[i] = i % (int)out.c;
    }
    ev->labels = labels;
    double targets[BATCH * 64];
    uint64_t seed = 3;
    for (int i = 0; i < BATCH * 64; i++) {
        targets[i] = (next_random(&seed) + 1) / 2;
    }
    ev->targets = dense ? targets : NULL;
    fill(ev, 7);
    interp_run(ev, PHASE_BACKWARD);
    double worst = 0;
    const char *where = "input";
    int arrays = 0;
    bool nonzero = false;
    for (int i = -1; i < net->n_params; i++) {
        const NetParam *p = i < 0 ? NULL : net->params[i];
        const Value *x = i < 0 ? g->input : g->param_values[i], *d = i < 0 ? g->d_input : g->param_grads[i];
        if (p && p->role == PARAM_STAT) {
            continue;
        }
        int64_t size = p ? param_size(p) : BATCH * shape_size(g->input->shape);
        if (!d) {
            printf("FAIL  %-14s no gradient for %s\n", name, p ? p->name : "input");
            interp_free(ev);
            return false;
        }
        double *rule = copy(ev->data[d->id], size);
        for (int64_t k = 0; k < size; k++) {
            nonzero |= rule[k] != 0;
        }
        double error = error_of(ev, ev->data[x->id], rule, size, 24);
        if (!(error <= worst)) {
            worst = error;
            where = p ? p->name : "input";
        }
        free(rule);
        arrays++;
    }
    interp_free(ev);
    bool ok = worst <= tolerance && nonzero;
    printf("%s  %-14s %3d gradients, worst %.1e at %s\n", ok ? "ok  " : "FAIL", name, arrays, worst, where);
    return ok;
}

static Net *compile_text(Arena *arena, Diags *diags, const char *name, const char *text)
{
    diags->arena = arena;
    int file = diag_add_source(diags, name, arena_strdup(arena, text), (uint32_t)strlen(text));
    Ast *ast = ast_parse(arena, diags, file);
    Net *net = sema_network(arena, diags, ast, NULL, 0);
    if (!net) {
        Str out = {0};
        diag_render(diags, &out, false);
        fputs(out.data ? out.data : "", stdout);
        str_free(&out);
    }
    return net;
}

static bool check_text(const char *name, const char *text, bool dense)
{
    Arena arena = {0};
    Diags diags = {0};
    Net *net = compile_text(&arena, &diags, name, text);
    bool ok = net && check(net, name, dense);
    arena_free(&arena);
    return ok;
}

/* A network of a chain, with a convolution before it, so that the chain's gradient to its input matters to a parameter. */
static const char *in_network(const char *chain)
{
    static char text[512];
    snprintf(text, sizeof text, "network t {\n input(8x8x4)\n conv(4, 3x3, pad=1)\n %s\n dense(5)\n}\n", chain);
    return text;
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0;
    for (int i = 0; op_registry[i]; i++) {
        const OpDef *op = op_registry[i];
        if (!op->summary || (op->traits & OP_LOSS)) {
            continue;
        }
        *(check_text(op->name, in_network(op->example), false) ? &passed : &failed) += 1;
    }
    /* what the examples leave out */
    static const char *const variants[] = {
        "swish(1.5)", "pdelu(0)", "pdelu(0.5)", "abrelu(-0.5)", "gelu(approximate=tanh)", "prelu(shared=yes)",
        "l2pool(3, stride=2, pad=1)", "l2pool(global)", "avgpool(global)", "maxpool(3, stride=2, pad=1)",
        "dense(6, dropconnect=0.5)", "dense(6, bias=no, dropconnect=0.5)",
    };
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        *(check_text(variants[i], in_network(variants[i]), false) ? &passed : &failed) += 1;
    }
    static const char *const losses[][2] = {
        {"cross_entropy", "network t {\n input(7)\n a: dense(6) -> tanh\n dense(4)\n}\n"},
        {"softmax loss", "network t {\n input(7)\n dense(4) -> softmax\n}\ntrain { loss = cross_entropy  optimizer = sgd(lr=1) }\n"},
        {"sigmoid loss", "network t {\n input(7)\n dense(4) -> sigmoid\n}\ntrain { loss = binary_cross_entropy  optimizer = sgd(lr=1) }\n"},
        {"a volume", "network t {\n input(3x3x2)\n conv(3, 2x2)\n}\ntrain { loss = huber(delta=0.5)  optimizer = sgd(lr=1) }\n"},
        {"mse", "network t {\n input(7)\n dense(4) -> sigmoid\n}\ntrain { loss = mse  optimizer = sgd(lr=1) }\n"},
        {"weighted heads",
         "network t {\n input(7)\n a: dense(6) -> tanh\n main: dense(4)\n aux: from(a) -> dense(4)\n output(main, aux)\n}\n"
         "train { loss = cross_entropy(main) + 0.3*cross_entropy(aux)  optimizer = sgd(lr=1) }\n"},
    };
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        *(check_text(losses[i][0], losses[i][1], false) ? &passed : &failed) += 1;
        *(check_text(losses[i][0], losses[i][1], true) ? &passed : &failed) += 1;
    }
    for (int i = 0; op_registry[i]; i++) {
        const OpDef *op = op_registry[i];
        if (op->summary && (op->traits & OP_LOSS)) {
            char text[256];
            snprintf(text, sizeof text, "network t {\n input(7)\n dense(6) -> tanh\n dense(5)\n}\ntrain { loss = 0.7*%s }\n", op->example);
            *(check_text(op->example, text, false) ? &passed : &failed) += 1;
            *(check_text(op->example, text, true) ? &passed : &failed) += 1;
        }
    }
    for (int i = 1; i < argc; i++) {
        size_t len = 0;
        char *text = file_read(argv[i], &len);
        const char *slash = strrchr(argv[i], '/');
        bool ok = text && check_text(argv[i], text, false);
        printf("%s  %s\n", ok ? "ok  " : "FAIL", slash ? slash + 1 : argv[i]);
        *(ok ? &passed : &failed) += 1;
        free(text);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
