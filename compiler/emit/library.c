/* library.c - an inference library: the forward pass alone, a public header, a loader of weights, an example, a Makefile.
 *
 * Texts have @ for the network's name as it is in C, and ^ for the same in capitals. */
#include "emit.h"

#include "../../runtime/loader.h"
#include "../config.h"
#include "../op.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINE = 16 }; /* floats in 64 bytes */

typedef struct Library {
    Emit *e;
    const char *name;         /* in C */
    const char *source;       /* "lenet5.net for avx2" */
    bool pretrained;          /* its weights are compiled in */
    Shape in, out;
    const Value *result;
    int64_t parameters;       /* with padding */
    const char **unneeded;    /* names of parameters that only training uses */
    int n_unneeded;
    int64_t sample, fixed;    /* of the workspace */
    double operations;        /* a sample */
    bool classes;             /* their names are known */
    bool whitens;             /* the input goes through a matrix */
    Output *output;
} Library;

static void add_text(const Library *lib, const char *file, const char *text)
{
    Str whole = {0};
    str_add(&whole, put_name(lib->e->arena, text, lib->name));
    add_file(lib->e->arena, lib->output, put_name(lib->e->arena, file, lib->name), whole);
}

static void add_tree(const Library *lib, const char *file, const Ct *tree)
{
    Str text = {0};
    ct_render(tree, 0, &text);
    add_text(lib, file, text.data);
    str_free(&text);
}

/* ---- what inference needs of the network ---- */

/* Of the network's parameters, those that the graph reads, moved together; auxiliary heads serve training only. */
static void take_params(Library *lib, const Graph *g)
{
    const Net *net = lib->e->net;
    Arena *a = lib->e->arena;
    bool *read = arena_array(a, (size_t)net->n_params + 1, sizeof *read);
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        for (int k = 0; !n->dead && k < n->n_in; k++) {
            if (n->in[k]->param) {
                read[n->in[k]->param->index] = true;
            }
        }
    }
    lib->e->params = arena_array(a, (size_t)net->n_params + 1, sizeof *lib->e->params);
    lib->e->n_params = 0;
    lib->unneeded = arena_array(a, (size_t)net->n_params + 1, sizeof *lib->unneeded);
    for (int i = 0; i < net->n_params; i++) {
        if (!read[i]) {
            lib->unneeded[lib->n_unneeded++] = net->params[i]->name;
            continue;
        }
        NetParam *p = arena_alloc(a, sizeof *p);
        *p = *net->params[i];
        p->offset = lib->parameters;
        lib->parameters += p->elements;
        lib->e->params[lib->e->n_params++] = p;
    }
}

/* Of a sample's pass. */
static double count_operations(const Net *net, const Graph *g, Arena *a)
{
    bool *counted = arena_array(a, (size_t)net->n_layers + 1, sizeof *counted);
    double operations = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        if (!n->dead && n->layer && !counted[n->layer->index]) {
            counted[n->layer->index] = true;
            operations += 2.0 * (double)n->layer->macs;
        }
    }
    return operations;
}

/* ---- what the loader needs to know ---- */

static nt_stored stored_form(const NetParam *p)
{
    nt_stored s = {.name = p->name, .n_dims = 1, .dims = {(int)p->out}, .out = (int)p->out, .offset = (size_t)p->offset};
    if (p->panels) {
        s.in = (int)p->in;
        s.window = (int)(p->kh * p->kw);
        s.groups = p->groups;
        s.panel = p->panel;
        s.out_padded = (int)p->out_padded;
        s.n_dims = p->dense ? 2 : 4;
        s.dims[1] = p->dense ? s.in * s.window : s.in;
        s.dims[2] = p->dense ? 0 : (int)p->kh;
        s.dims[3] = p->dense ? 0 : (int)p->kw;
    }
    return s;
}

/* All but the memory. */
static nt_loading loading_of(const Library *lib)
{
    const Config *c = lib->e->net->config;
    nt_loading l = {.n = lib->e->n_params, .unneeded = lib->unneeded, .n_unneeded = lib->n_unneeded, .h = (int)lib->in.h, .w = (int)lib->in.w, .c = (int)lib->in.c, .scale = 1,
                    .n_parameters = (size_t)lib->parameters};
    switch (c->normalize) {
    case NORMALIZE_NONE:
        break;
    case NORMALIZE_SCALE:
        l.scale = c->norm_scale;
        break;
    case NORMALIZE_GIVEN:
        l.mean = c->given_mean;
        l.std = c->given_std;
        l.n_constants = c->n_given;
        break;
    case NORMALIZE_CENTER_IMAGE:
    case NORMALIZE_CENTER_CHANNEL:
    case NORMALIZE_STANDARDIZE:
    case NORMALIZE_WHITEN:
        l.estimated = 1;
        break;
    }
    return l;
}

/* ---- NAME.h ---- */

static const struct {
    const char *name;
    nt_loaded status;
} statuses[] = {
    {"LOADED", NT_LOADED},
    {"LOADED_UNNORMALIZED", NT_LOADED_UNNORMALIZED},
    {"CANNOT_READ", NT_CANNOT_READ},
    {"NO_MEMORY", NT_NO_MEMORY},
    {"NOT_SAFETENSORS", NT_NOT_SAFETENSORS},
    {"CUT_SHORT", NT_CUT_SHORT},
    {"PARAMETER_MISSING", NT_PARAMETER_MISSING},
    {"PARAMETER_UNKNOWN", NT_PARAMETER_UNKNOWN},
    {"PARAMETER_TWICE", NT_PARAMETER_TWICE},
    {"PARAMETER_SHAPE", NT_PARAMETER_SHAPE},
    {"PARAMETER_TYPE", NT_PARAMETER_TYPE},
    {"CONSTANTS_INVALID", NT_CONSTANTS_INVALID},
};

static const char header_about[] =
    " *\n"
    " * The library allocates no memory (but for reading a file) and keeps none: it writes only to what it is given. A loaded model is\n"
    " * read only: any number of threads may run it at the same time, each with a workspace of its own. Compiled with OpenMP, a run\n"
    " * uses as many threads as its work is worth, at most those that OpenMP is set to use. Results do not depend on their number.\n"
    " * Kernels keep their blocks on the stack: mostly less than 32 KB, up to 600 KB for 3x3 and 5x5 convolutions (gcc -fstack-usage).\n"
    " * What `netc build` makes is compiled with OpenMP; link with it too: cc main.c lib@.a -fopenmp -lm\n"
    " *\n";

static const char header_usage[] =
    " *     @_model model;\n"
    " *     void *memory = aligned_alloc(^_ALIGNMENT, ^_MODEL_BYTES);\n"
    " *     void *workspace = aligned_alloc(^_ALIGNMENT, ^_WORKSPACE_BYTES(1));\n"
    " *     float input[^_INPUT], output[^_OUTPUT];\n"
    " *     ...\n"
    " *     if (@_load_file(&model, memory, \"weights.safetensors\") == ^_LOADED) {\n"
    " *         @_run(&model, workspace, 1, input, output);\n"
    " *     }\n"
    " */\n";

static const char header_usage_pretrained[] =
    " * Its weights are compiled in, so that no file is needed: @_weights.c holds them.\n"
    " *\n"
    " *     void *workspace = aligned_alloc(^_ALIGNMENT, ^_WORKSPACE_BYTES(1));\n"
    " *     float input[^_INPUT], output[^_OUTPUT];\n"
    " *     ...\n"
    " *     @_run(&@_pretrained, workspace, 1, input, output);\n"
    " */\n";

static const char header_model[] =
    "/* A network with its weights: where its numbers are. They are in the order that the library wants, not in a file's. */\n"
    "typedef struct @_model {\n"
    "    const float *parameters;\n"
    "    const float *factor, *shift; /* normalisation: value * factor + shift, constants for a row of pixels ... */\n"
    "    size_t next_row;             /* ... and the distance to the next row's; 0: all rows have the same */\n"
    "    const float *matrix;         /* whitening: matrix * input + shift instead; NULL: none */\n"
    "    const char *about;           /* the parameter that a failed load is about, or NULL */\n"
    "} @_model;\n"
    "\n";

static const char header_load[] =
    "/* Fills a model from a safetensors file that is in memory, as a trainer of this network or PyTorch wrote it. `memory` has room for\n"
    " * ^_MODEL_BYTES bytes, aligned to ^_ALIGNMENT, and has to stay; the file need not. The file may be damaged or\n"
    " * hostile: a status below 0 says what is wrong, and then the model must not be run. */\n"
    "@_status @_load(@_model *model, void *memory, const void *file, size_t bytes);\n"
    "\n"
    "/* The same from a path. Allocates memory for the file, and frees it. */\n"
    "@_status @_load_file(@_model *model, void *memory, const char *path);\n"
    "\n"
    "/* A status in words. */\n"
    "const char *@_message(@_status status);\n"
    "\n";

static const char header_run[] =
    "/* Runs the network on 1 to ^_MAX_BATCH samples. `workspace` has ^_WORKSPACE_BYTES(batch) bytes or more, aligned to\n"
    " * ^_ALIGNMENT, with any contents. input: ^_INPUT values a sample, output: ^_OUTPUT values a sample. */\n"
    "void @_run(const @_model *model, void *workspace, int batch, const float *input, float *output);\n"
    "\n"
    "#ifdef __cplusplus\n"
    "}\n"
    "#endif\n"
    "\n"
    "#endif\n";

static const char *shape_order(Shape s)
{
    return s.vector || s.h * s.w == 1 ? "" : s.c == 1 ? ": row, pixel" : ": row, pixel, channel";
}

static void emit_sizes(const Library *lib, Ct *file)
{
    const Shape in = lib->in, out = lib->out;
    const bool probabilities = lib->result->def && (lib->result->def->op->traits & OP_SOFTMAX);
    int64_t most = lib->sample > 0 ? INT_MAX / lib->sample : INT_MAX;
    Ct *sizes = ct_table(file, "enum");
    ct_line(sizes, "^_INPUT_H = %lld, ^_INPUT_W = %lld, ^_INPUT_C = %lld,", (long long)in.h, (long long)in.w, (long long)in.c);
    ct_line(sizes, "^_INPUT = %lld, /* values of a sample%s; raw, for images 0 to 1: the library normalises them */",
            (long long)shape_size(in), shape_order(in));
    ct_line(sizes, "^_OUTPUT_H = %lld, ^_OUTPUT_W = %lld, ^_OUTPUT_C = %lld,", (long long)out.h, (long long)out.w, (long long)out.c);
    ct_line(sizes, "^_OUTPUT = %lld, /* values of a result%s%s */", (long long)shape_size(out), shape_order(out),
            probabilities ? "; probabilities" : "");
    ct_line(sizes, "^_MAX_BATCH = %lld,", (long long)most);
    ct_line(sizes, "^_ALIGNMENT = 64");
    ct_blank(file);
    ct_comment(file, "Memory, in bytes: constants, so that it can be static.");
    if (!lib->pretrained) {
        int64_t constants = 2 * round_up(shape_size(in), LINE) + (lib->whitens ? shape_size(in) * shape_size(in) : 0);
        ct_directive(file, "define ^_MODEL_BYTES ((size_t)%lldu)",
                     (long long)round_up(lib->parameters + constants, LINE) * (long long)sizeof(float));
    }
    ct_directive(file, "define ^_WORKSPACE_BYTES(batch) ((size_t)(batch) * %lldu + %lldu)", (long long)lib->sample * (long long)sizeof(float),
                 (long long)round_up(lib->fixed, LINE) * (long long)sizeof(float));
    ct_blank(file);
}

static void emit_header(const Library *lib)
{
    Ct *file = ct_new(lib->e->arena);
    ct_line(file, "/* @.h - the network %s for inference: %s -> %s. Made by netc from %s; do not edit.", lib->e->net->name,
            shape_text(lib->e->arena, lib->in), shape_text(lib->e->arena, lib->out), lib->source);
    ct_raw(file, header_about);
    ct_raw(file, lib->pretrained ? header_usage_pretrained : header_usage);
    ct_directive(file, "ifndef ^_H");
    ct_directive(file, "define ^_H");
    ct_blank(file);
    ct_directive(file, "include <stddef.h>");
    ct_blank(file);
    ct_directive(file, "ifdef __cplusplus");
    ct_line(file, "extern \"C\" {");
    ct_directive(file, "endif");
    ct_blank(file);
    emit_sizes(lib, file);
    ct_raw(file, header_model);
    if (lib->pretrained) {
        ct_line(file, "extern const @_model @_pretrained;");
        ct_blank(file);
    } else {
        ct_line(file, "typedef enum @_status {");
        const int n = sizeof statuses / sizeof *statuses;
        for (int i = 0; i < n; i++) {
            ct_line(file, "    ^_%s = %d%s /* %s */", statuses[i].name, (int)statuses[i].status, i + 1 < n ? "," : "",
                    nt_loaded_text(statuses[i].status));
        }
        ct_line(file, "} @_status;");
        ct_blank(file);
        ct_raw(file, header_load);
    }
    if (lib->classes) {
        ct_comment(file, "The names of the classes.");
        ct_line(file, "extern const char *const @_classes[^_OUTPUT];");
        ct_blank(file);
    }
    ct_raw(file, header_run);
    add_tree(lib, "@.h", file);
}

/* ---- NAME.c ---- */

static void emit_load_input(const Library *lib)
{
    Emit *e = lib->e;
    Value *x = e->graph->input;
    e->group = NULL;
    e->part = 0;
    e->comment = arena_printf(e->arena, "input: %s, normalised, into the input tensor", shape_text(e->arena, lib->in));
    clear_border(e, x);
    emit_kernel(e, lib->whitens ? "whiten_input" : "normalize_input");
    emit_int(e, "H", lib->in.h);
    emit_int(e, "W", lib->in.w);
    emit_int(e, "C", lib->in.c);
    emit_int(e, "P", x->layout.pixel);
    emit_int(e, "X_S", x->layout.sample);
    emit_int(e, "X_R", x->layout.row);
    emit_arg_text(e, "input");
    emit_arg_text(e, lib->whitens ? "m->matrix" : "m->factor");
    emit_arg_text(e, "m->shift");
    if (!lib->whitens) {
        emit_arg_text(e, "m->next_row");
    }
    emit_arg(e, x, 0);
    emit_end(e);
}

static void emit_store_output(const Library *lib)
{
    Emit *e = lib->e;
    Value *y = e->graph->outputs[0];
    const Shape s = lib->out;
    e->group = NULL;
    e->part = 0;
    e->comment = arena_printf(e->arena, "output: %s, dense, to the caller", shape_text(e->arena, s));
    emit_kernel(e, "copy_channels");
    emit_int(e, "H", s.h);
    emit_int(e, "W", s.w);
    emit_int(e, "C", s.c);
    emit_int(e, "CP", s.c);
    emit_strides(e, "X", y);
    emit_int(e, "Y_S", shape_size(s));
    emit_int(e, "Y_R", s.w * s.c);
    emit_int(e, "Y_P", s.c);
    emit_arg(e, y, 0);
    emit_arg_text(e, "output");
    emit_end(e);
}

static void emit_forward(const Library *lib)
{
    Emit *e = lib->e;
    Ct *maps = ct_new(e->arena), *calls = ct_new(e->arena), *file = ct_new(e->arena);
    parameter_map(e, maps, false);
    memory_map(e, maps, "inference");
    e->calls = calls;
    emit_load_input(lib);
    ct_append(calls, pass_body(e, 0, e->graph->n_groups, NULL, false));
    e->calls = calls;
    emit_store_output(lib);

    ct_comment(file, "%s - %s -> %s. Made by netc from %s; do not edit.", e->net->name, shape_text(e->arena, lib->in),
               shape_text(e->arena, lib->out), lib->source);
    ct_directive(file, "include \"@.h\"");
    ct_directive(file, "include \"runtime/forward.h\"");
    ct_blank(file);
    ct_directive(file, "include <math.h>");
    ct_blank(file);
    ct_append(file, maps);
    Ct *functions = ct_new(e->arena);
    render_functions(e, functions);
    ct_append(file, functions);
    ct_comment(file, "The whole network on n samples: called by every thread of a team, or by one thread alone.");
    Ct *f = ct_function(file, "static void infer(const @_model *m, size_t n, const real *input, real *a, real *output)");
    ct_line(f, "const real *const w = m->parameters;");
    ct_line(f, "real *const f = a + n * %s_SAMPLE;", e->space);
    ct_line(f, "(void)w;");
    ct_line(f, "(void)f;");
    ct_blank(f);
    ct_append(f, calls);
    ct_blank(file);
    f = ct_function(file, "void @_run(const @_model *model, void *workspace, int batch, const float *input, float *output)");
    ct_directive(f, "pragma omp parallel num_threads(nt_team(%s * batch))", c_real(e->arena, lib->operations));
    ct_line(f, "infer(model, (size_t)batch, input, workspace, output);");
    if (lib->classes) {
        ct_blank(file);
        Ct *names = ct_table(file, "const char *const @_classes[^_OUTPUT] =");
        for (int i = 0; i < e->net->config->n_classes; i++) {
            ct_line(names, "%s,", c_string(e->arena, e->net->config->classes[i]));
        }
    }
    add_tree(lib, "@.c", file);
}

/* ---- NAME_load.c ---- */

static const char load_functions[] =
    "@_status @_load_file(@_model *model, void *memory, const char *path)\n"
    "{\n"
    "    void *file;\n"
    "    size_t bytes;\n"
    "    @_status status = (@_status)nt_read_file(path, &file, &bytes);\n"
    "    *model = (@_model){0};\n"
    "    if (status == ^_LOADED) {\n"
    "        status = @_load(model, memory, file, bytes);\n"
    "    }\n"
    "    free(file);\n"
    "    return status;\n"
    "}\n"
    "\n"
    "const char *@_message(@_status status)\n"
    "{\n"
    "    return nt_loaded_text((int)status);\n"
    "}\n";

static void emit_loader(const Library *lib)
{
    Emit *e = lib->e;
    const nt_loading l = loading_of(lib);
    Ct *file = ct_new(e->arena);
    ct_comment(file, "@_load.c - the weights of %s from safetensors files. Made by netc from %s; do not edit.", e->net->name, lib->source);
    ct_directive(file, "include \"@.h\"");
    ct_directive(file, "include \"runtime/loader.h\"");
    ct_blank(file);
    if (l.n > 0) {
        Ct *table = ct_table(file, "static const nt_stored stored[] =");
        for (int i = 0; i < l.n; i++) {
            const nt_stored s = stored_form(e->params[i]);
            const char *name = c_string(e->arena, s.name), *dims = "";
            for (int k = 0; k < s.n_dims; k++) {
                dims = arena_printf(e->arena, "%s%s%d", dims, k ? ", " : "", s.dims[k]);
            }
            if (s.panel == 0) {
                ct_line(table, "{.name = %s, .n_dims = 1, .dims = {%s}, .out = %d, .offset = %zu},", name, dims, s.out, s.offset);
                continue;
            }
            ct_line(table, "{.name = %s, .n_dims = %d, .dims = {%s}, .out = %d, .in = %d, .window = %d,", name, s.n_dims, dims, s.out, s.in,
                    s.window);
            ct_line(table, " .groups = %d, .panel = %d, .out_padded = %d, .offset = %zu},", s.groups, s.panel, s.out_padded, s.offset);
        }
        ct_blank(file);
    }
    if (l.n_unneeded > 0) {
        ct_comment(file, "Parameters that only training uses: a file may have them.");
        Ct *table = ct_table(file, "static const char *const unneeded[] =");
        for (int i = 0; i < l.n_unneeded; i++) {
            ct_line(table, "%s,", c_string(e->arena, l.unneeded[i]));
        }
        ct_blank(file);
    }
    const char *mean = real_list(e, file, "given_mean", l.mean, l.n_constants);
    const char *std = real_list(e, file, "given_std", l.std, l.n_constants);
    Ct *f = ct_function(file, "@_status @_load(@_model *model, void *memory, const void *file, size_t bytes)");
    ct_line(f, "unsigned char seen[%d];", l.n > 0 ? l.n : 1);
    ct_line(f, "float *const parameters = memory, *const constants = parameters + %zu;", l.n_parameters);
    Ct *t = ct_table(f, "nt_loading l =");
    ct_line(t, ".stored = %s, .n = %d, .seen = seen,", l.n > 0 ? "stored" : "NULL", l.n);
    if (l.n_unneeded > 0) {
        ct_line(t, ".unneeded = unneeded, .n_unneeded = %d,", l.n_unneeded);
    }
    ct_line(t, ".h = ^_INPUT_H, .w = ^_INPUT_W, .c = ^_INPUT_C,");
    ct_line(t, ".mean = %s, .std = %s, .n_constants = %d, .scale = %s, .estimated = %d,", mean, std, l.n_constants,
            c_real(e->arena, l.scale), l.estimated);
    ct_line(t, ".parameters = parameters, .n_parameters = %zu,", l.n_parameters);
    const long long room = (long long)round_up(shape_size(lib->in), LINE);
    ct_line(t, ".factor = constants, .shift = constants + %lld,", room);
    if (lib->whitens) {
        ct_line(t, ".matrix = constants + %lld,", 2 * room);
    }
    ct_line(f, "const nt_loaded status = nt_load(&l, file, bytes);");
    ct_line(f, "*model = (@_model){parameters, l.factor, l.shift, l.next_row, l.matrix, l.about};");
    ct_line(f, "return (@_status)status;");
    ct_blank(file);
    ct_raw(file, load_functions);
    add_tree(lib, "@_load.c", file);
}

/* ---- NAME_weights.c ---- */

/* The shortest of a few forms that is the same float again. */
static const char *float_text(char *text, size_t size, float x)
{
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, size, "%.*g", digits, (double)x);
        if (strtof(text, NULL) == x) {
            break;
        }
    }
    const bool whole = strpbrk(text, ".e") == NULL;
    if (whole && strcmp(text, "-0") != 0) {
        return text;
    }
    strcat(text, whole ? ".0f" : "f");
    return text;
}

static void add_floats(Str *out, const float *x, size_t n)
{
    char text[32];
    for (size_t i = 0, column = 0; i < n; i++) {
        const char *value = float_text(text, sizeof text, x[i]);
        const size_t length = strlen(value) + 2;
        if (column == 0 || column + length > 120) {
            str_add(out, i > 0 ? "\n    " : "    ");
            column = 4;
        } else {
            str_addc(out, ' ');
        }
        str_printf(out, "%s,", value);
        column += length;
    }
    str_addc(out, '\n');
}

static bool all_finite(const float *x, size_t n)
{
    size_t i = 0;
    while (i < n && isfinite(x[i])) {
        i++;
    }
    return i == n;
}

static void add_weights(const Library *lib, const nt_loading *l)
{
    const Emit *e = lib->e;
    Str text = {0};
    str_printf(&text, "/* @_weights.c - the weights of %s, packed for @.c. Made by netc from %s; do not edit. */\n#include \"@.h\"\n\n",
               e->net->name, lib->source);
    if (e->n_params > 0) {
        str_printf(&text, "static const _Alignas(64) float parameters[%zu] = {\n", l->n_parameters);
        for (int i = 0; i < e->n_params; i++) {
            str_printf(&text, "    /* %s */\n", e->params[i]->name);
            add_floats(&text, l->parameters + e->params[i]->offset, (size_t)e->params[i]->elements);
        }
        str_add(&text, "};\n\n");
    }
    const size_t constants = l->next_row > 0 || lib->whitens ? (size_t)shape_size(lib->in) : (size_t)(lib->in.w * lib->in.c);
    str_add(&text, "/* The input's normalisation. */\nstatic const float factor[] = {\n");
    add_floats(&text, l->factor, constants);
    str_add(&text, "};\n\nstatic const float shift[] = {\n");
    add_floats(&text, l->shift, constants);
    str_add(&text, "};\n\n");
    if (lib->whitens) {
        str_add(&text, "static const float matrix[] = {\n");
        add_floats(&text, l->matrix, (size_t)(shape_size(lib->in) * shape_size(lib->in)));
        str_add(&text, "};\n\n");
    }
    str_printf(&text, "const @_model @_pretrained = {%s, factor, shift, %zu, %s, NULL};\n", e->n_params > 0 ? "parameters" : "NULL",
               l->next_row, lib->whitens ? "matrix" : "NULL");
    add_text(lib, "@_weights.c", text.data);
    str_free(&text);
}

static bool weights_error(const char *path, const Net *net, const nt_loading *l, nt_loaded status)
{
    fprintf(stderr, "netc: %s: %s%s%s%s (network %s)\n", path, nt_loaded_text(status), l->about ? ": '" : "", l->about ? l->about : "",
            l->about ? "'" : "", net->name);
    return false;
}

/* A file is itself, the folder of a run its best weights: as every --weights of a trainer has it. */
static const char *weights_file(Arena *a, const char *word)
{
    struct stat found;
    const bool folder = stat(word, &found) == 0 && S_ISDIR(found.st_mode);
    return folder ? arena_printf(a, "%s/best.safetensors", word) : word;
}

/* Loads the file with the library's own loader, so that compiled-in weights are the same to the bit. */
static bool emit_weights(const Library *lib, const char *word)
{
    const Net *net = lib->e->net;
    Arena *a = lib->e->arena;
    const char *path = weights_file(a, word);
    void *file = NULL;
    size_t bytes = 0;
    nt_loading l = loading_of(lib);
    nt_stored *stored = arena_array(a, (size_t)l.n + 1, sizeof *stored);
    for (int i = 0; i < l.n; i++) {
        stored[i] = stored_form(lib->e->params[i]);
    }
    l.stored = stored;
    l.seen = arena_alloc(a, (size_t)l.n + 1);
    l.parameters = arena_array(a, l.n_parameters + 1, sizeof *l.parameters);
    l.factor = arena_array(a, (size_t)shape_size(lib->in), sizeof *l.factor);
    l.shift = arena_array(a, (size_t)shape_size(lib->in), sizeof *l.shift);
    if (lib->whitens) {
        l.matrix = arena_array(a, (size_t)(shape_size(lib->in) * shape_size(lib->in)), sizeof *l.matrix);
    }
    nt_loaded status = nt_read_file(path, &file, &bytes);
    if (status == NT_LOADED) {
        status = nt_load(&l, file, bytes);
    }
    free(file);
    if (status < NT_LOADED) {
        return weights_error(path, net, &l, status);
    }
    if (!all_finite(l.parameters, l.n_parameters)) {
        fprintf(stderr, "netc: %s: holds a value that is not finite: such weights are of no use\n", path);
        return false;
    }
    if (status != NT_LOADED) {
        weights_error(path, net, &l, status);
    }
    add_weights(lib, &l);
    return true;
}

/* ---- NAME_example.c, Makefile ---- */

static const char example_begin[] =
    "#include \"@.h\"\n"
    "\n"
    "#include <stdio.h>\n"
    "#include <stdlib.h>\n"
    "\n"
    "static int fail(const char *what, const char *why)\n"
    "{\n"
    "    fprintf(stderr, \"%s: %s\\n\", what, why);\n"
    "    return EXIT_FAILURE;\n"
    "}\n"
    "\n"
    "static void run(const @_model *model, void *workspace, const float *input)\n"
    "{\n"
    "    static float output[^_OUTPUT];\n"
    "    @_run(model, workspace, 1, input, output);\n"
    "    for (int i = 0; i < ^_OUTPUT; i++) {\n"
    "        printf(\"%.9g%s\", (double)output[i], i + 1 < ^_OUTPUT ? \" \" : \"\\n\");\n"
    "    }\n"
    "}\n"
    "\n"
    "/* Runs every sample of the files; without a file, one of zeros. */\n"
    "static int run_files(const @_model *model, void *workspace, char **paths, int n)\n"
    "{\n"
    "    static float input[^_INPUT];\n"
    "    if (n == 0) {\n"
    "        run(model, workspace, input);\n"
    "    }\n"
    "    for (int i = 0; i < n; i++) {\n"
    "        FILE *file = fopen(paths[i], \"rb\");\n"
    "        if (!file) {\n"
    "            return fail(paths[i], \"cannot be opened\");\n"
    "        }\n"
    "        while (fread(input, sizeof input, 1, file) == 1) {\n"
    "            run(model, workspace, input);\n"
    "        }\n"
    "        fclose(file);\n"
    "    }\n"
    "    return EXIT_SUCCESS;\n"
    "}\n"
    "\n";

static const char example_main[] =
    "int main(int argc, char **argv)\n"
    "{\n"
    "    if (argc < 2) {\n"
    "        return fail(\"usage\", \"@_example WEIGHTS.safetensors [INPUT.f32 ...]\");\n"
    "    }\n"
    "    @_model model;\n"
    "    void *memory = aligned_alloc(^_ALIGNMENT, ^_MODEL_BYTES);\n"
    "    void *workspace = aligned_alloc(^_ALIGNMENT, ^_WORKSPACE_BYTES(1));\n"
    "    int result = EXIT_FAILURE;\n"
    "    if (!memory || !workspace) {\n"
    "        fail(\"@\", \"not enough memory\");\n"
    "    } else {\n"
    "        const @_status status = @_load_file(&model, memory, argv[1]);\n"
    "        if (status != ^_LOADED) {\n"
    "            fail(model.about ? model.about : argv[1], @_message(status));\n"
    "        }\n"
    "        if (status >= ^_LOADED) {\n"
    "            result = run_files(&model, workspace, argv + 2, argc - 2);\n"
    "        }\n"
    "    }\n"
    "    free(memory);\n"
    "    free(workspace);\n"
    "    return result;\n"
    "}\n";

static const char example_main_pretrained[] =
    "int main(int argc, char **argv)\n"
    "{\n"
    "    void *workspace = aligned_alloc(^_ALIGNMENT, ^_WORKSPACE_BYTES(1));\n"
    "    const int result = workspace ? run_files(&@_pretrained, workspace, argv + 1, argc - 1) : fail(\"@\", \"not enough memory\");\n"
    "    free(workspace);\n"
    "    return result;\n"
    "}\n";

static void emit_example(const Library *lib)
{
    Ct *file = ct_new(lib->e->arena);
    ct_comment(file,
               "@_example.c - the library in use: prints the results for samples in files of raw floats, ^_INPUT each, in this machine's "
               "byte order. Made by netc from %s; change what you like.",
               lib->source);
    ct_raw(file, example_begin);
    ct_raw(file, lib->pretrained ? example_main_pretrained : example_main);
    add_tree(lib, "@_example.c", file);
}

static const char makefile[] =
    "# Builds the inference library of @ and its example.\n"
    "#   make run%s INPUT=a.f32   runs the example; without INPUT, on zeros\n"
    "#   make OPENMP=   builds for one thread\n"
    "CC ?= cc\n"
    "OPENMP = -fopenmp\n"
    "CFLAGS = -std=c11 -O3 -fPIC %s%s%s -Wall -Wextra -Wpedantic\n"
    "OBJECTS = @.o %s\n"
    "\n"
    "all: lib@.a @_example\n"
    "lib@.a: $(OBJECTS)\n"
    "\trm -f lib@.a\n"
    "\t$(AR) rcs lib@.a $(OBJECTS)\n"
    "@_example: @_example.o lib@.a\n"
    "\t$(CC) $(CFLAGS) $(OPENMP) -o @_example @_example.o lib@.a -lm\n"
    "%%.o: %%.c @.h\n"
    "\t$(CC) $(CFLAGS) $(OPENMP) -c $<\n"
    "run: @_example\n"
    "\t./@_example%s $(INPUT)\n"
    "clean:\n"
    "\trm -f lib@.a @_example @_example.o $(OBJECTS)\n"
    ".PHONY: all run clean\n";

static void emit_makefile(const Library *lib)
{
    const Target *t = lib->e->target;
    add_text(lib, "Makefile",
             arena_printf(lib->e->arena, makefile, lib->pretrained ? "" : " WEIGHTS=w.safetensors", t->cflags, t->define ? " -D" : "",
                          t->define ? t->define : "", lib->pretrained ? "@_weights.o" : "@_load.o", lib->pretrained ? "" : " $(WEIGHTS)"));
}

bool emit_library(Arena *arena, Net *net, Graph *infer, const Target *target, const char *weights, Output *output)
{
    Emit emit = emit_start(arena, net, target);
    emit_graph(&emit, infer, "T");
    Library lib = {
        .e = &emit,
        .name = c_name(arena, net->name),
        .source = arena_printf(arena, "%s for %s", net->file, target->name),
        .pretrained = weights != NULL,
        .in = net->input->out,
        .out = net->outputs[0]->out,
        .result = infer->outputs[0],
        .sample = infer->sample_elements,
        .fixed = infer->fixed_elements,
        .operations = count_operations(net, infer, arena),
        .output = output,
    };
    take_params(&lib, infer);
    lib.whitens = net->config->normalize == NORMALIZE_WHITEN;
    lib.classes = net->config->n_classes > 0 && net->config->n_classes == shape_size(lib.out);
    emit_forward(&lib);
    emit_header(&lib);
    if (!weights) {
        emit_loader(&lib);
    } else if (!emit_weights(&lib, weights)) {
        return false;
    }
    emit_example(&lib);
    emit_makefile(&lib);
    return true;
}
