/* report_data.c - the report for other programs and for documents: csv, json, Markdown. */
#include "budget.h"
#include "report.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- csv: a line a layer; a program adds them up ---- */

static void add_field(Str *out, const char *text)
{
    bool plain = text[strcspn(text, "\",\n\r")] == '\0';
    str_add(out, plain ? "" : "\"");
    for (; *text; text++) {
        str_add(out, *text == '"' ? "\"" : "");
        str_addc(out, *text);
    }
    str_add(out, plain ? "" : "\"");
}

static const char *fused_text(const Report *r, const Row *row, const char *between)
{
    const char *text = "";
    for (int i = 0; i < row->n_fused; i++) {
        text = arena_printf(r->arena, "%s%s%s", text, i ? between : "", row->fused[i]->op->name);
    }
    return text;
}

void report_csv(const Report *r, Str *out)
{
    str_add(out, "name,op,fused,file,line,output,activations,weights,biases,parameters,macs,flops\n");
    for (int i = 0; i < r->n_rows; i++) {
        const Row *row = &r->rows[i];
        add_field(out, row->layer->name);
        str_printf(out, ",%s,%s,", row->layer->op->name, fused_text(r, row, " "));
        add_field(out, row->file);
        str_printf(out, ",%d,%s,%lld,%lld,%lld,%lld,%lld,%lld\n", row->line, shape_text(r->arena, row->layer->out),
                   (long long)row->activations, (long long)row->weights, (long long)row->biases,
                   (long long)row->parameters, (long long)row->macs, (long long)row->flops);
    }
}

/* ---- json ---- */

static json_t *made(json_t *x)
{
    if (!x) {
        die("out of memory");
    }
    return x;
}

static void set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, made(value)) != 0) {
        die("cannot write %s as JSON: it is no valid UTF-8", key);
    }
}

/* A file's name need not be UTF-8, and JSON must. */
static json_t *json_name(const char *name)
{
    json_t *s = json_string(name);
    if (s) {
        return s;
    }
    Str plain = {0};
    for (; *name; name++) {
        str_addc(&plain, (unsigned char)*name < 128 ? *name : '?');
    }
    s = json_string(plain.data);
    str_free(&plain);
    return s;
}

static void set_number(json_t *object, const char *key, int64_t x)
{
    set(object, key, json_integer(x));
}

static void append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, made(value)) != 0) {
        die("out of memory");
    }
}

/* A volume as [height, width, channels], a vector as [length]. */
static json_t *shape_json(Shape s)
{
    json_t *list = made(json_array());
    if (!s.vector) {
        append(list, json_integer(s.h));
        append(list, json_integer(s.w));
    }
    append(list, json_integer(s.c));
    return list;
}

static void set_counts(json_t *object, const Totals *t)
{
    set_number(object, "activations", t->activations);
    set_number(object, "weights", t->weights);
    set_number(object, "biases", t->biases);
    set_number(object, "parameters", t->parameters);
    set_number(object, "macs", t->macs);
    set_number(object, "flops", t->flops);
}

static json_t *row_json(const Row *row)
{
    json_t *object = made(json_object());
    set(object, "name", json_string(row->layer->name));
    set(object, "op", json_string(row->layer->op->name));
    set(object, "file", json_name(row->file));
    set_number(object, "line", row->line);
    set(object, "output", shape_json(row->layer->out));
    set_counts(object, &(Totals){row->activations, row->weights, row->biases, row->parameters, row->macs, row->flops});
    json_t *fused = made(json_array());
    for (int i = 0; i < row->n_fused; i++) {
        append(fused, json_string(row->fused[i]->op->name));
    }
    set(object, "fused", fused);
    return object;
}

static json_t *memory_json(const Memory *m)
{
    json_t *object = made(json_object());
    set_number(object, "inference", m->inference);
    set_number(object, "training", m->training);
    set_number(object, "parameters", m->parameters);
    set_number(object, "gradients", m->gradients);
    set_number(object, "optimizer", m->optimizer);
    set_number(object, "activations", m->activations);
    set_number(object, "workspace", m->workspace);
    set_number(object, "unplanned_training", m->unplanned_training);
    return object;
}

/* A plan of training: what it takes, and what its time is spent on. */
static json_t *plan_json(const Front *f, const TrainingPlan *p)
{
    json_t *object = made(json_object());
    set_number(object, "training", p->memory);
    set_number(object, "activations", p->activations);
    set_number(object, "workspace", p->workspace);
    set_number(object, "computed_again", p->copies);
    set_number(object, "macs_again", (int64_t)p->macs);
    set(object, "extra_time", json_real(budget_extra_time(f, p)));
    return object;
}

/* An object whose parts stand on a line each; of a list, each element does. */
static void add_json(Str *out, const char *key, const json_t *value, bool last)
{
    str_printf(out, "  \"%s\": ", key);
    if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
        str_add(out, "[\n");
        for (size_t i = 0; i < json_array_size(value); i++) {
            char *text = json_dumps(json_array_get(value, i), 0);
            str_printf(out, "    %s%s\n", text ? text : "", i + 1 < json_array_size(value) ? "," : "");
            free(text);
        }
        str_add(out, "  ]");
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        str_add(out, text ? text : "");
        free(text);
    }
    str_add(out, last ? "\n" : ",\n");
}

/* An object a line each, and frees it. */
static void write_json(json_t *root, Str *out)
{
    str_add(out, "{\n");
    for (void *at = json_object_iter(root); at; at = json_object_iter_next(root, at)) {
        add_json(out, json_object_iter_key(at), json_object_iter_value(at), !json_object_iter_next(root, at));
    }
    str_add(out, "}\n");
    json_decref(root);
}

void report_json(const Report *r, Str *out)
{
    json_t *root = made(json_object()), *layers = made(json_array()), *totals = made(json_object());
    for (int i = 0; i < r->n_rows; i++) {
        append(layers, row_json(&r->rows[i]));
    }
    set_counts(totals, &r->totals);
    set(root, "network", json_string(r->net->name));
    set_number(root, "batch", r->batch);
    set(root, "input", shape_json(r->net->input->out));
    set(root, "layers", layers);
    json_t *memory = memory_json(&r->memory);
    if (r->frozen > 0) {
        set_number(totals, "frozen", r->frozen);
        set_number(memory, "thawed_training", r->thawed.memory.training);
    }
    set(root, "totals", totals);
    set(root, "memory", memory);
    if (r->plan) {
        set_number(root, "limit", r->net->config->memory);
        set(root, "plan", plan_json(r->front, r->plan));
    }
    write_json(root, out);
}

void report_front_json(const Compilation *c, const Front *f, Str *out)
{
    json_t *root = made(json_object()), *plans = made(json_array());
    for (int i = 0; i < f->n; i++) {
        append(plans, plan_json(f, &f->plans[i]));
    }
    set(root, "network", json_string(c->net->name));
    set_number(root, "batch", f->batch);
    set(root, "plans", plans);
    write_json(root, out);
}

/* ---- Markdown ---- */

void report_markdown(const Report *r, Str *out)
{
    Arena *a = r->arena;
    const Totals *t = &r->totals;
    str_printf(out, "# %s\n\n%s. %s parameters (%s), %s, activations %s a sample.\n\n", r->net->name,
               network_shapes(a, r->net), grouped(a, t->parameters), bytes_text(a, 4 * t->parameters),
               three_digits(a, (double)t->macs, "MAC"), bytes_text(a, 4 * t->activations));
    const int64_t unit = report_macs_unit(r);
    str_printf(out, "| layer | operator | output | memory a sample | parameters | %s |\n|:--|:--|:--|--:|--:|--:|\n",
               report_macs_name(r));
    for (int i = 0; i < r->n_rows; i++) {
        const Row *row = &r->rows[i];
        const Layer *l = row->layer;
        str_printf(out, "| %s | %s%s%s | %s | ", l->name, operator_text(a, l), row->n_fused ? " +" : "",
                   fused_text(r, row, " +"), shape_text(a, l->out));
        str_printf(out, "%s | ", row->activations ? grouped(a, row->activations) : "");
        int64_t product = weights_of_product(l), rest = row->parameters - product;
        if (product > 0) {
            const char *sum = rest > 0 ? arena_printf(a, " + %s", grouped(a, rest)) : "";
            /* a star would begin emphasis */
            str_printf(out, "`%s` = %s%s | ", weights_arithmetic(a, l), grouped(a, product), sum);
        } else {
            str_printf(out, "%s | ", rest > 0 ? grouped(a, rest) : "");
        }
        str_printf(out, "%s |\n", row->macs ? macs_text(a, row->macs, unit) : "");
    }
    str_printf(out, "| **total** | | | **%s** | **%s** | **%s** |\n\n", grouped(a, t->activations),
               grouped(a, t->parameters), macs_text(a, t->macs, unit));
    Span memory = report_most(r, row_activations, t->activations),
         parameters = report_most(r, row_parameters, t->parameters);
    if (memory.first >= 0) {
        str_printf(out, "Most memory is in %s.\n", report_span_text(r, memory));
    }
    if (parameters.first >= 0) {
        str_printf(out, "Most parameters are in %s.\n", report_span_text(r, parameters));
    }
    const Memory *m = &r->memory;
    str_printf(out,
               "\nWith batches of %lld: inference takes %s, training %s\n(parameters %s, gradients %s, optimizer %s, "
               "activations %s, workspace %s; "
               "%s if no memory were used twice).\n",
               (long long)r->batch, bytes_text(a, m->inference), bytes_text(a, m->training),
               bytes_text(a, m->parameters), bytes_text(a, m->gradients), bytes_text(a, m->optimizer),
               bytes_text(a, m->activations), bytes_text(a, m->workspace), bytes_text(a, m->unplanned_training));
    if (r->limit) {
        str_printf(out, "\nMemory is limited to %s.\n", r->limit);
    }
}
