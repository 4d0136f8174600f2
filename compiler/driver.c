/* driver.c - the front of every command, and the table of passes. */
#include "budget.h"

#include "emit/emit.h"
#include "tuning.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Prints those that were not printed before. */
static void print_diagnostics(Compilation *c)
{
    Str text = {0};
    diag_render(&c->diags, &text, isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
    if (text.len > 0) {
        fwrite(text.data, 1, text.len, stderr);
    }
    str_free(&text);
    c->diags.len = 0;
}

static bool parse_defines(Compilation *c, Define *defines)
{
    for (int i = 0; i < c->options->n_defines; i++) {
        const char *text = c->options->define_texts[i], *equals = strchr(text, '=');
        if (!equals || equals == text) {
            fprintf(stderr, "netc: -D %s: write -D name=value\n", text);
            return false;
        }
        int file = diag_add_source(&c->diags, "-D", arena_strdup(&c->arena, equals + 1), (uint32_t)strlen(equals + 1));
        defines[i].name = arena_strndup(&c->arena, text, (size_t)(equals - text));
        defines[i].value = ast_parse_expr(&c->arena, &c->diags, file);
    }
    return true;
}

bool compile_front(Compilation *c, const Options *o)
{
    c->options = o;
    c->diags.arena = &c->arena;
    size_t len = 0;
    char *text = file_read(o->file, &len);
    if (!text) {
        fprintf(stderr, "netc: cannot read %s: %s\n", o->file, strerror(errno));
        return false;
    }
    if (len > UINT32_MAX / 2) {
        fprintf(stderr, "netc: %s is too large for a model file\n", o->file);
        free(text);
        return false;
    }
    char *kept = arena_strndup(&c->arena, text, len);
    free(text);
    Define defines[DEFINES_MAX];
    int file = diag_add_source(&c->diags, o->file, kept, (uint32_t)len);
    if (!parse_defines(c, defines)) {
        return false;
    }
    c->ast = ast_parse(&c->arena, &c->diags, file);
    if (o->dump && strcmp(o->dump, "ast") == 0) {
        Str tree = {0};
        ast_dump(c->ast, &c->diags, &tree);
        printf("%s", tree.data ? tree.data : "");
        str_free(&tree);
    }
    c->net = sema_network(&c->arena, &c->diags, c->ast, defines, o->n_defines);
    if (c->net && o->memory) {
        int place = diag_add_source(&c->diags, "--memory", o->memory_text, (uint32_t)strlen(o->memory_text));
        c->net->config->memory = o->memory;
        c->net->config->memory_at = (Loc){place, 0, (uint32_t)strlen(o->memory_text)};
    }
    print_diagnostics(c);
    return c->net != NULL && c->diags.errors == 0;
}

/* The passes over a graph, in order. What each needs and leaves stands in passes/passes.h. */
static const struct Pass {
    const char *name;
    void (*run)(Graph *g, const Target *t);
} passes[] = {{"dce", pass_dce}, {"recompute", pass_recompute}, {"fuse", pass_fuse}, {"layout", pass_layout}, {"plan", pass_plan}};

enum { N_PASSES = sizeof passes / sizeof *passes };

bool is_stage(const char *name)
{
    bool found = strcmp(name, "ast") == 0 || strcmp(name, "graph") == 0;
    for (int i = 0; i < N_PASSES; i++) {
        found |= strcmp(name, passes[i].name) == 0;
    }
    return found;
}

void run_passes(Graph *g, const Target *t)
{
    for (int i = 0; i < N_PASSES; i++) {
        passes[i].run(g, t);
        graph_verify(g, passes[i].name);
    }
}

/* After each stage: the rules of graphs hold, and it is shown if that was asked for. */
static void stage_done(const Compilation *c, const Graph *g, const char *stage)
{
    graph_verify(g, stage);
    if (c->options->dump && strcmp(c->options->dump, stage) == 0) {
        Str text = {0};
        graph_dump(g, &text);
        printf("%s graph after %s\n%s", graph_purpose(g), stage, text.data ? text.data : "");
        str_free(&text);
    }
}

static Graph *plan_graph(const Compilation *c, Graph *g)
{
    stage_done(c, g, "graph");
    for (int i = 0; i < N_PASSES; i++) {
        passes[i].run(g, c->target);
        stage_done(c, g, passes[i].name);
    }
    return g;
}

int64_t planned_batch(const Compilation *c)
{
    return c->options->batch ? c->options->batch : c->net->config->batch;
}

/* Chooses what the backward pass computes again so that training fits into the memory that the model gives it. False: it never fits, as
 * was reported. */
static bool fit_memory(Compilation *c)
{
    const int64_t limit = c->net->config->memory;
    if (limit == 0 || strcmp(c->options->kind, "library") == 0) { /* a library does not train */
        return true;
    }
    c->front = budget_front(c, planned_batch(c));
    c->plan = budget_choose(c->front, limit);
    if (!c->plan) {
        budget_report(c, c->front);
        print_diagnostics(c);
    }
    return c->plan != NULL;
}

/* Multiply-adds of all products a sample, with those of lanes that pad output channels. */
static double padded_macs(const Net *net, const Target *t)
{
    double sum = 0;
    for (int i = 0; i < net->n_layers; i++) {
        const Layer *l = net->layers[i];
        if (l->macs > 0 && l->n_params > 0) {
            const int64_t out = l->params[0]->out / l->params[0]->groups;
            sum += (double)l->macs * (double)round_up(out, t->vl) / (double)out;
        }
    }
    return sum;
}

/* What the options name. "native" has vectors narrower than this machine's for a network of so few channels that padding them would cost
 * more than wide vectors gain. */
static const Target *target_of(const Compilation *c)
{
    const double worth = 1.15;
    const char *name = c->options->target;
    const Target *t = target_find(name), *narrower = target_narrower(t);
    return strcmp(name, "native") == 0 && narrower && padded_macs(c->net, t) > worth * padded_macs(c->net, narrower) ? narrower : t;
}

void compile_target(Compilation *c)
{
    c->target = target_of(c);
    layout_params(c->net, c->target);
}

bool compile_graphs(Compilation *c)
{
    compile_target(c);
    if (!fit_memory(c)) {
        return false;
    }
    Graph *train = graph_build(c->net, true);
    train->recompute = c->plan ? &c->plan->recompute : NULL;
    c->train = plan_graph(c, train);
    c->infer = plan_graph(c, graph_build(c->net, false));
    c->probe = net_has_lsuv(c->net) ? plan_graph(c, graph_build_probe(c->net)) : NULL;
    return true;
}

void take_batch(Compilation *c)
{
    if (c->options->batch) {
        c->net->config->batch = c->options->batch;
        c->net->config->batch_plan = (FormValue){0};
    }
    if (strcmp(c->options->kind, "library") == 0) { /* most callers classify one sample at a time */
        c->net->inference_batch = c->options->batch ? c->options->batch : 1;
    }
}

bool take_tuning(Compilation *c)
{
    Arena *a = &c->arena;
    const Options *o = c->options;
    const int64_t batch = c->net->inference_batch ? c->net->inference_batch : c->net->config->batch;
    const Target *target = target_of(c);
    const char *path = tuning_path(a, o->file), *error = NULL;
    Tuning *t = arena_alloc(a, sizeof *t);
    if (!tuning_read(a, path, t, &error)) {
        if (error) {
            fprintf(stderr,
                    "netc: %s: %s\n"
                    "  help: `netc tune %s` makes it anew; without it the compiler chooses by its own models\n",
                    path, error, o->file);
        }
        return !error;
    }
    if (t->model != architecture_hash(c->net)) {
        fprintf(stderr, "netc: %s is not used: the model has changed since; `netc tune %s` measures it anew\n", path, o->file);
    } else if (strcmp(t->target, target->name) != 0 || t->batch != batch) {
        fprintf(stderr, "netc: %s is not used: it is for batch %lld on %s, and this is batch %lld on %s\n", path, (long long)t->batch,
                t->target, (long long)batch, target->name);
    } else {
        c->net->tuning = t;
    }
    return true;
}

bool compile_as_built(Compilation *c)
{
    take_batch(c);
    return take_tuning(c) && compile_graphs(c);
}

bool compile_code(Compilation *c)
{
    return compile_as_built(c) && code_fits(c);
}

bool code_fits(Compilation *c)
{
    const bool library = strcmp(c->options->kind, "library") == 0;
    const bool fits = emit_fits(c->net, library ? NULL : c->train, library ? NULL : c->probe, c->infer);
    print_diagnostics(c);
    return fits;
}

void compilation_free(Compilation *c)
{
    arena_free(&c->arena);
}
