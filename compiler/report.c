/* report.c - the figures of a network, and the command that shows them. */
#include "report.h"

#include "budget.h"
#include "steps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- figures and their text ---- */

int64_t plus(int64_t a, int64_t b)
{
    int64_t sum = INT64_MAX;
    checked_add(a, b, &sum);
    return sum;
}

int64_t times(int64_t a, int64_t b)
{
    int64_t product = INT64_MAX;
    checked_mul(a, b, &product);
    return product;
}

const char *grouped(Arena *a, int64_t x)
{
    char digits[32], out[48];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)x), len = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) {
            out[len++] = ',';
        }
        out[len++] = digits[i];
    }
    return arena_strndup(a, out, (size_t)len);
}

const char *scaled(Arena *a, double x)
{
    static const char units[] = {'K', 'M', 'G', 'T', 'P'};
    if (x < 1000) {
        return arena_printf(a, "%.0f", x);
    }
    size_t unit = 0;
    x /= 1000;
    while (x >= 999.5 && unit + 1 < sizeof units) {
        x /= 1000;
        unit++;
    }
    /* thousands need no more than two digits, millions are worth three */
    bool decimal = x < (unit == 0 ? 9.95 : 99.95);
    return arena_printf(a, "%.*f%c", decimal ? 1 : 0, x, units[unit]);
}

const char *bytes_text(Arena *a, int64_t bytes)
{
    static const char *const units[] = {"KB", "MB", "GB", "TB", "PB", "EB"};
    double x = (double)bytes / 1000;
    size_t unit = 0;
    while (x >= 999.95 && unit + 1 < sizeof units / sizeof *units) {
        x /= 1000;
        unit++;
    }
    return bytes < 1000 ? arena_printf(a, "%d bytes", (int)bytes)
                        : arena_printf(a, "%.*f %s", unit > 1 ? 2 : 1, x, units[unit]);
}

const char *three_digits(Arena *a, double x, const char *unit)
{
    static const char *const prefixes[] = {"", "K", "M", "G", "T", "P", "E"};
    size_t i = 0;
    while (x >= 999.5 && i + 1 < sizeof prefixes / sizeof *prefixes) {
        x /= 1000;
        i++;
    }
    return arena_printf(a, "%.*f %s%s", i == 0 || x >= 99.95 ? 0 : x >= 9.995 ? 1 : 2, x, prefixes[i], unit);
}

const char *tenths(Arena *a, int64_t x, int64_t unit)
{
    int64_t n = x / (unit / 10) + (x % (unit / 10) >= unit / 20);
    return arena_printf(a, "%s.%d", grouped(a, n / 10), (int)(n % 10));
}

int text_width(const char *s)
{
    int n = 0;
    for (; *s; s++) {
        n += ((unsigned char)*s & 0xC0) != 0x80;
    }
    return n;
}

int terminal_width(void)
{
    struct winsize size;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    const char *columns = getenv("COLUMNS");
    int n = columns ? atoi(columns) : 0;
    return n >= 40 ? n : 100;
}

bool terminal_color(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && !(term && strcmp(term, "dumb") == 0);
}

/* ---- text of layers ---- */

static const char *size_text(Arena *a, Size2 s)
{
    return s.h == s.w ? arena_printf(a, "%lld", (long long)s.h)
                      : arena_printf(a, "%lldx%lld", (long long)s.h, (long long)s.w);
}

const char *operator_text(Arena *a, const Layer *l)
{
    const char *text = l->op->name;
    for (const AttrDef *d = l->op->attrs; d && d->name; d++) {
        const void *at = (const char *)l->attrs + d->offset;
        if (strcmp(d->name, "size") == 0 && d->type == ATTR_SIZE2) {
            const Size2 *s = at;
            text = arena_printf(a, "%s %lldx%lld", text, (long long)s->h, (long long)s->w);
        } else if (strcmp(d->name, "size") == 0 && d->type == ATTR_WINDOW) {
            const Window *w = at;
            text = w->global ? arena_printf(a, "%s global", text)
                             : arena_printf(a, "%s %lldx%lld", text, (long long)w->h, (long long)w->w);
            if (w->global) {
                return text;
            }
        } else if ((strcmp(d->name, "stride") == 0 || strcmp(d->name, "dilation") == 0) && d->type == ATTR_SIZE2) {
            const Size2 *s = at;
            bool stride = d->name[0] == 's';
            if (s->h != 1 || s->w != 1) {
                text = arena_printf(a, "%s %s%s", text, stride ? "/" : "dilation ", size_text(a, *s));
            }
        } else if (d->type == ATTR_INT && (strcmp(d->name, "stride") == 0 || strcmp(d->name, "groups") == 0)) {
            const int64_t *n = at;
            if (*n != 1) {
                text = arena_printf(a, "%s %s%lld", text, d->name[0] == 's' ? "/" : "groups ", (long long)*n);
            }
        }
    }
    return text;
}

const char *network_shapes(Arena *a, const Net *net)
{
    const char *text = arena_printf(a, "%s ->", shape_text(a, net->input->out));
    for (int i = 0; i < net->n_outputs; i++) {
        text = arena_printf(a, "%s%s %s", text, i ? "," : "", shape_text(a, net->outputs[i]->out));
    }
    return text;
}

static const NetParam *product_of(const Layer *l)
{
    for (int i = 0; i < l->n_params; i++) {
        if (l->params[i]->panels) {
            return l->params[i];
        }
    }
    return NULL;
}

const char *weights_arithmetic(Arena *a, const Layer *l)
{
    const NetParam *p = product_of(l);
    if (!p) {
        return "";
    }
    if (p->kh == 1 && p->kw == 1) {
        return arena_printf(a, "%lld*%lld", (long long)p->in, (long long)p->out);
    }
    return arena_printf(a, "(%lld*%lld*%lld)*%lld", (long long)p->kh, (long long)p->kw, (long long)p->in,
                        (long long)p->out);
}

static int64_t param_values(const NetParam *p)
{
    return p->out * p->in * p->kh * p->kw;
}

int64_t weights_of_product(const Layer *l)
{
    const NetParam *p = product_of(l);
    return p ? param_values(p) : 0;
}

const char *shape_arithmetic(Arena *a, Shape s)
{
    if (s.vector) {
        return arena_printf(a, "%lld", (long long)s.c);
    }
    return arena_printf(a, "%lld*%lld*%lld", (long long)s.h, (long long)s.w, (long long)s.c);
}

size_t block_around(const char *a, const char *b)
{
    size_t n = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++) {
        n = a[i] == '.' ? i : n;
    }
    return n;
}

bool is_in_block(const char *name, const char *block, size_t n)
{
    return n > 0 && strncmp(name, block, n) == 0 && name[n] == '.';
}

/* ---- rows ---- */

/* Works on the memory of what it reads: element-wise operators, and those that only change how it is seen. */
static bool is_fused(const Layer *l)
{
    bool joins = (l->op->traits & OP_MERGE) && !l->op->elt;
    return l->n_inputs > 0 && !joins && (l->op->elt || (l->op->traits & OP_FREE));
}

static int new_row(Report *r, const Layer *l)
{
    r->rows = vec_grow(r->arena, r->rows, r->n_rows, &r->cap_rows, sizeof *r->rows);
    Row *row = &r->rows[r->n_rows];
    *row = (Row){.layer = l, .macs = l->macs, .flops = times(l->macs, 2)};
    if (!(l->op->traits & OP_FREE)) {
        row->activations = shape_size(l->out);
    }
    int column = 0;
    diag_position(r->net->diags, l->loc, &row->line, &column);
    const char *path = r->net->diags->sources[l->loc.file].path, *slash = strrchr(path, '/');
    row->file = slash ? slash + 1 : path;
    return r->n_rows++;
}

static void count_params(Row *row, const Layer *l)
{
    for (int i = 0; i < l->n_params; i++) {
        const NetParam *p = l->params[i];
        if (p->role == PARAM_WEIGHT) {
            row->weights = plus(row->weights, param_values(p));
        } else if (p->role == PARAM_BIAS) {
            row->biases = plus(row->biases, param_values(p));
        }
    }
    row->parameters = plus(row->weights, row->biases);
}

static void make_rows(Report *r)
{
    int *row_of = arena_array(r->arena, (size_t)r->net->n_layers, sizeof *row_of);
    for (int i = 0; i < r->net->n_layers; i++) {
        const Layer *l = r->net->layers[i];
        if (is_fused(l)) {
            row_of[i] = 0;
            for (int k = 0; k < l->n_inputs; k++) { /* a sum is done with the last of its branches */
                int from = row_of[l->inputs[k]->index];
                row_of[i] = from > row_of[i] ? from : row_of[i];
            }
            Row *row = &r->rows[row_of[i]];
            row->fused = vec_grow(r->arena, row->fused, row->n_fused, &row->cap_fused, sizeof *row->fused);
            row->fused[row->n_fused++] = l;
        } else {
            row_of[i] = new_row(r, l);
        }
        count_params(&r->rows[row_of[i]], l);
    }
}

static void add_totals(Report *r)
{
    Totals *t = &r->totals;
    for (int i = 0; i < r->n_rows; i++) {
        const Row *row = &r->rows[i];
        t->activations = plus(t->activations, row->activations);
        t->weights = plus(t->weights, row->weights);
        t->biases = plus(t->biases, row->biases);
        t->parameters = plus(t->parameters, row->parameters);
        t->macs = plus(t->macs, row->macs);
        t->flops = plus(t->flops, row->flops);
    }
}

/* ---- memory ---- */

static int64_t float_bytes(int64_t elements)
{
    return times(elements, 4);
}

Memory report_blocks(const Compilation *c)
{
    const int64_t trained = net_trained_elements(c->net);
    int64_t all = 0;
    for (int i = 0; i < c->net->n_params; i++) {
        const NetParam *p = c->net->params[i];
        int64_t end = p->offset + p->elements;
        all = end > all ? end : all;
    }
    return (Memory){
        .parameters = float_bytes(all),
        .gradients = float_bytes(net_gradient_elements(c->net)),
        .optimizer = float_bytes(times(trained, config_state_slots(c->net->config))),
    };
}

Memory report_training(const Compilation *c, const Graph *train, const Graph *infer, int64_t batch)
{
    Memory m = report_blocks(c);
    m.activations = float_bytes(times(train->sample_elements, batch));
    m.workspace = float_bytes(train->fixed_elements);
    /* validation runs in the training arena, a sample at a time if need be */
    int64_t one = float_bytes(infer->sample_elements + infer->fixed_elements), arena = plus(m.activations, m.workspace);
    if (one > arena) {
        m.workspace += one - arena;
        arena = one;
    }
    int64_t blocks = plus(plus(m.parameters, m.gradients), m.optimizer);
    m.training = plus(blocks, arena);
    m.inference = plus(m.parameters, plus(float_bytes(times(infer->sample_elements, batch)), float_bytes(infer->fixed_elements)));
    m.unplanned_training = plus(blocks, plus(float_bytes(times(train->unplanned_sample, batch)), float_bytes(train->unplanned_fixed)));
    return m;
}

/* ---- what is frozen ---- */

int64_t report_frozen(const Net *net)
{
    int64_t n = 0;
    for (int i = 0; i < net->n_params; i++) {
        const NetParam *p = net->params[i];
        n += p->role != PARAM_STAT && p->frozen ? param_values(p) : 0;
    }
    return n;
}

Backward report_backward(const Graph *train)
{
    Backward b = {0};
    const bool *skip = graph_input_gradient_only(train);
    for (int i = 0; i < train->n_nodes; i++) {
        const Node *n = train->nodes[i];
        b.operators += !n->dead && n->phase == PHASE_BACKWARD && !skip[n->group];
    }
    for (int i = graph_backward_begin(train); i < train->n_groups; i++) {
        b.functions += !skip[i];
    }
    return b;
}

Thawed report_thawed(Compilation *c, int64_t batch)
{
    Options quiet = *c->options;
    quiet.dump = NULL;
    Net *net = c->net;
    bool *frozen = arena_array(&c->arena, (size_t)net->n_params + 1, sizeof *frozen);
    for (int i = 0; i < net->n_params; i++) {
        frozen[i] = net->params[i]->frozen;
        net->params[i]->frozen = false;
    }
    const int64_t limit = net->config->memory;
    net->config->memory = 0;
    Compilation other = *c;
    other.options = &quiet;
    other.front = NULL;
    other.plan = NULL;
    compile_graphs(&other);
    const Thawed thawed = {.memory = report_training(&other, other.train, other.infer, batch),
                           .backward = report_backward(other.train)};
    net->config->memory = limit;
    for (int i = 0; i < net->n_params; i++) {
        net->params[i]->frozen = frozen[i];
    }
    layout_params(net, c->target);
    return thawed;
}

const char *report_frozen_text(const Report *r)
{
    Arena *a = r->arena;
    return arena_printf(a, "frozen: %s of %s parameters; with none training takes %s", grouped(a, r->frozen),
                        grouped(a, r->totals.parameters), bytes_text(a, r->thawed.memory.training));
}

/* ---- where most of it is ---- */

int64_t row_activations(const Row *row)
{
    return row->layer->n_inputs > 0 ? row->activations : 0;
}

int64_t row_parameters(const Row *row)
{
    return row->parameters;
}

Span report_most(const Report *r, RowFigure *figure, int64_t of)
{
    double total = (double)of;
    Span best = {.first = -1};
    double sum = 0;
    for (int first = 0, last = 0; last < r->n_rows && total > 0; last++) {
        sum += (double)figure(&r->rows[last]);
        while (sum - (double)figure(&r->rows[first]) > total / 2) {
            sum -= (double)figure(&r->rows[first++]);
        }
        bool shorter = best.first < 0 || last - first < best.last - best.first;
        if (sum > total / 2 && (shorter || (last - first == best.last - best.first && sum > best.share))) {
            best = (Span){first, last, sum};
        }
    }
    while (best.first > 0 && (double)figure(&r->rows[best.first - 1]) >= total / 20) {
        best.share += (double)figure(&r->rows[--best.first]);
    }
    while (best.first >= 0 && best.last + 1 < r->n_rows && (double)figure(&r->rows[best.last + 1]) >= total / 20) {
        best.share += (double)figure(&r->rows[++best.last]);
    }
    best.share = best.first >= 0 ? best.share / total : 0;
    return best;
}

const char *report_span_text(const Report *r, Span s)
{
    const char *first = r->rows[s.first].layer->name, *last = r->rows[s.last].layer->name;
    if (s.first == s.last) {
        return arena_printf(r->arena, "%s (%.0f%%)", first, 100 * s.share);
    }
    return arena_printf(r->arena, "%s..%s (%.0f%%)", first, last, 100 * s.share);
}

int64_t report_macs_least(const Report *r)
{
    int64_t least = 0;
    for (int i = 0; i < r->n_rows; i++) {
        const int64_t macs = r->rows[i].macs;
        least = macs > 0 && (least == 0 || macs < least) ? macs : least;
    }
    return least;
}

int64_t report_macs_unit(const Report *r)
{
    const int64_t least = report_macs_least(r);
    bool large = false;
    for (int i = 0; i < r->n_rows; i++) {
        large |= r->rows[i].macs >= 1000000;
    }
    int64_t unit = large ? 1000000 : 1000;
    while (unit > 1 && least > 0 && least < unit / 20) { /* it would be printed as 0.0 */
        unit /= 1000;
    }
    return unit;
}

const char *report_macs_name(const Report *r)
{
    const int64_t unit = report_macs_unit(r);
    return unit == 1 ? "MAC" : unit == 1000 ? "KMAC" : "MMAC";
}

const char *macs_text(Arena *a, int64_t macs, int64_t unit)
{
    return unit == 1 ? grouped(a, macs) : tenths(a, macs, unit);
}

/* ---- the command ---- */

Report *report_rows(Arena *a, const Net *net)
{
    Report *r = arena_alloc(a, sizeof *r);
    r->arena = a;
    r->net = net;
    make_rows(r);
    add_totals(r);
    return r;
}

Report *report_make(Compilation *c)
{
    Report *r = report_rows(&c->arena, c->net);
    r->batch = planned_batch(c);
    r->memory = report_training(c, c->train, c->infer, r->batch);
    r->front = c->front;
    r->plan = c->plan;
    r->limit = c->plan ? budget_sentence(&c->arena, c) : NULL;
    r->frozen = report_frozen(c->net);
    if (r->frozen > 0) {
        r->thawed = report_thawed(c, r->batch);
    }
    return r;
}

typedef struct Format {
    const char *name;
    void (*write)(const Report *r, Str *out);
} Format;

static void write_text(const Report *r, Str *out)
{
    report_text(r, out, terminal_width(), terminal_color());
}

/* Without a limit, memory for any batch is a product of the one plan. With one, plans and algorithms are those of the batch. */
static bool compile_report(Compilation *c)
{
    if (c->options->effective) {
        return true;
    }
    if (c->options->pareto) {
        take_batch(c);
        compile_target(c);
        return true;
    }
    return c->net->config->memory > 0 ? compile_as_built(c) : take_tuning(c) && compile_graphs(c);
}

int command_report(const Options *o)
{
    static const Format formats[] = {
        {"text", write_text},  {"md", report_markdown}, {"csv", report_csv},
        {"json", report_json}, {"html", report_html},
    };
    const Format *format = formats;
    for (size_t i = 0; o->format && i <= sizeof formats / sizeof *formats; i++) {
        if (i == sizeof formats / sizeof *formats) {
            fprintf(stderr, "netc: --format %s: it is text, md, csv, json or html\n", o->format);
            return 2;
        }
        if (strcmp(formats[i].name, o->format) == 0) {
            format = &formats[i];
            break;
        }
    }
    if (o->pareto && format->write != write_text && format->write != report_json) {
        fprintf(stderr, "netc: --pareto is written as text or json\n");
        return 2;
    }
    Compilation c = {0};
    if (!compile_front(&c, o) || !compile_report(&c)) {
        compilation_free(&c);
        return 1;
    }
    Str out = {0};
    if (o->effective) {
        config_effective(c.net, &out);
    } else if (o->pareto) {
        const Front *front = budget_front(&c, planned_batch(&c));
        (format->write == report_json ? report_front_json : report_front_text)(&c, front, &out);
    } else {
        format->write(report_make(&c), &out);
    }
    const bool ok = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    if (!ok) {
        fprintf(stderr, "netc: cannot write the report: %s\n", strerror(errno));
    }
    str_free(&out);
    compilation_free(&c);
    return ok ? 0 : 3;
}
