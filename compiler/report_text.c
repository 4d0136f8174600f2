/* report_text.c - the report as a lecturer would put it on a slide: aligned columns, the arithmetic behind each figure,
 * bars of its share, layers of a block under its name and its sums. What does not fit the width goes in the order of
 * `levels`. */
#include "budget.h"
#include "report.h"

#include <string.h>

enum { NAME, OPERATOR, SHAPE, MEM_ARITHMETIC, MEM, MEM_BAR, PAR_ARITHMETIC, PAR, PAR_REST, PAR_BAR, MACS, N_COLUMNS };
enum { INDENT = 2, MAX_BAR = 10 };

/* What a width can afford. */
typedef struct Level {
    bool exact;     /* parameters to the last digit */
    bool shape;     /* a column for the output's shape besides the arithmetic of memory, which otherwise is the shape */
    int fused;      /* layers fused in: 2 by name, 1 by short names, 0 not at all */
    int op;         /* 2 by name, 1 not by name where the parameters tell, 0 not at all */
    int arithmetic; /* of parameters: 2 with biases, 1 without, 0 only the sum */
    int min_bar;    /* 0: none */
    int name;       /* longest name; 0: any */
} Level;

static const Level levels[] = {
    {.exact = true, .shape = true, .fused = 2, .op = 2, .arithmetic = 2, .min_bar = 8},
    {.exact = true, .shape = true, .fused = 1, .op = 2, .arithmetic = 2, .min_bar = 6},
    {.exact = false, .shape = true, .fused = 2, .op = 2, .arithmetic = 2, .min_bar = 6},
    {.exact = false, .shape = true, .fused = 1, .op = 2, .arithmetic = 2, .min_bar = 5},
    {.exact = false, .shape = false, .fused = 2, .op = 2, .arithmetic = 2, .min_bar = 5},
    {.exact = false, .shape = false, .fused = 1, .op = 2, .arithmetic = 2, .min_bar = 4},
    {.exact = false, .shape = false, .fused = 1, .op = 1, .arithmetic = 2, .min_bar = 4},
    {.exact = false, .shape = false, .fused = 1, .op = 1, .arithmetic = 1, .min_bar = 4},
    {.exact = false, .shape = false, .fused = 0, .op = 1, .arithmetic = 1, .min_bar = 4},
    {.exact = false, .shape = false, .fused = 1, .op = 1, .arithmetic = 2},
    {.exact = false, .shape = false, .fused = 1, .op = 1, .arithmetic = 1},
    {.exact = false, .shape = false, .fused = 0, .op = 1, .arithmetic = 1},
    {.exact = false, .shape = false, .fused = 0, .op = 1, .arithmetic = 0},
    {.exact = false, .shape = false, .fused = 0, .op = 0, .arithmetic = 0},
    {.exact = false, .shape = false, .fused = 0, .op = 0, .arithmetic = 0, .name = 12},
};

/* A row of the report, or the sums of the rows of a block, under whose name they stand. */
typedef struct TableRow {
    const Row *row;   /* NULL: sums */
    const char *name; /* without the block's */
    bool inside;
    int64_t activations, parameters, macs;
    const char *cells[N_COLUMNS]; /* "" where empty */
} TableRow;

typedef struct Table {
    const Report *r;
    const Level *level;
    TableRow *rows;
    int n_rows, cap_rows;
    int widths[N_COLUMNS], starts[N_COLUMNS];
    int end; /* of the last column */
    int bar; /* columns of a bar */
    int64_t macs_unit;
    bool macs_tenths;
    const char *total[3]; /* below memory, parameters, products */
} Table;

/* ---- rows ---- */

static TableRow *new_table_row(Table *t, const char *name)
{
    t->rows = vec_grow(t->r->arena, t->rows, t->n_rows, &t->cap_rows, sizeof *t->rows);
    TableRow *e = &t->rows[t->n_rows++];
    *e = (TableRow){.name = name};
    return e;
}

static void make_table_rows(Table *t)
{
    const Report *r = t->r;
    const char *block = "";
    size_t n = 0;
    int sums = -1;
    for (int i = 0; i < r->n_rows; i++) {
        const Row *row = &r->rows[i];
        const char *name = row->layer->name;
        if (!is_in_block(name, block, n)) {
            block = name;
            n = i + 1 < r->n_rows ? block_around(name, r->rows[i + 1].layer->name) : 0;
            sums = t->n_rows;
            if (n > 0) {
                new_table_row(t, arena_strndup(r->arena, name, n));
            }
        }
        TableRow *e = new_table_row(t, n > 0 ? name + n + 1 : name);
        e->row = row;
        e->inside = n > 0;
        e->activations = row->activations;
        e->parameters = row->parameters;
        e->macs = row->macs;
        if (n > 0) {
            TableRow *sum = &t->rows[sums];
            sum->activations += row->activations;
            sum->parameters += row->parameters;
            sum->macs = plus(sum->macs, row->macs);
        }
    }
}

/* ---- cells ---- */

static const char *short_name(const char *op)
{
    static const char *const names[][2] = {
        {"batchnorm", "bn"}, {"dropout", "drop"}, {"leaky_relu", "leaky"}, {"softplus", "softp"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i][0], op) == 0) {
            return names[i][1];
        }
    }
    return op;
}

static const char *operator_cell(const Table *t, const Row *row)
{
    Arena *a = t->r->arena;
    const Layer *l = row->layer;
    const char *text = l->n_inputs > 0 ? operator_text(a, l) : "";
    if (t->level->op == 1 && weights_of_product(l) > 0) {
        text += strcspn(text, " ");
        text += *text == ' ';
    }
    for (int i = 0; i < row->n_fused && t->level->fused > 0; i++) {
        const char *name = row->fused[i]->op->name;
        if (strcmp(name, "identity") != 0) {
            text = arena_printf(a, "%s%s+%s", text, *text ? " " : "", t->level->fused > 1 ? name : short_name(name));
        }
    }
    return text;
}

/* The name, its middle left out if it is too long. */
static const char *name_cell(const Table *t, const TableRow *e)
{
    const char *name = e->name, *indent = e->inside ? "  " : "";
    int most = t->level->name, n = (int)strlen(name);
    if (most == 0 || n <= most) {
        return arena_printf(t->r->arena, "%s%s", indent, name);
    }
    int tail = most / 2;
    return arena_printf(t->r->arena, "%s%.*s…%s", indent, most - 1 - tail, name, name + n - tail);
}

static const char *macs_cell(const Table *t, int64_t macs)
{
    if (macs == 0) {
        return "";
    }
    return t->macs_tenths ? tenths(t->r->arena, macs, t->macs_unit)
                          : grouped(t->r->arena, macs / t->macs_unit + (macs % t->macs_unit * 2 >= t->macs_unit));
}

static const char *count_cell(const Table *t, int64_t n)
{
    return t->level->exact ? grouped(t->r->arena, n) : scaled(t->r->arena, (double)n);
}

static void fill_memory(Table *t, TableRow *e)
{
    Arena *a = t->r->arena;
    Shape s = e->row->layer->out;
    const char **cell = e->cells;
    cell[SHAPE] = t->level->shape ? shape_text(a, s) : "";
    if (e->activations == 0) {
        cell[MEM_ARITHMETIC] = t->level->shape ? "" : shape_text(a, s);
    } else if (s.vector) { /* 4096 = 4.1K would say nothing */
        cell[MEM] = shape_text(a, s);
    } else {
        cell[MEM_ARITHMETIC] = t->level->shape ? shape_arithmetic(a, s) : shape_text(a, s);
        cell[MEM] = scaled(a, (double)e->activations);
    }
}

static void fill_parameters(Table *t, TableRow *e)
{
    int64_t product = weights_of_product(e->row->layer), rest = e->parameters - product;
    const char **cell = e->cells;
    if (product > 0 && t->level->arithmetic > 0) {
        cell[PAR_ARITHMETIC] = weights_arithmetic(t->r->arena, e->row->layer);
        cell[PAR] = count_cell(t, product);
        cell[PAR_REST] = rest > 0 && t->level->arithmetic > 1 ? count_cell(t, rest) : "";
    } else if (e->parameters > 0) {
        cell[PAR] = count_cell(t, e->parameters);
    }
}

static void fill_cells(Table *t, TableRow *e)
{
    for (int k = 0; k < N_COLUMNS; k++) {
        e->cells[k] = "";
    }
    e->cells[NAME] = name_cell(t, e);
    e->cells[MACS] = macs_cell(t, e->macs);
    if (e->row) {
        e->cells[OPERATOR] = t->level->op > 0 ? operator_cell(t, e->row) : "";
        fill_memory(t, e);
        fill_parameters(t, e);
    } else {
        e->cells[MEM] = e->activations > 0 ? scaled(t->r->arena, (double)e->activations) : "";
        e->cells[PAR] = e->parameters > 0 ? count_cell(t, e->parameters) : "";
    }
}

/* ---- columns ---- */

/* What stands before a cell that continues the one on its left. */
static const char *lead(int column)
{
    return column == MEM || column == PAR ? " = " : column == PAR_REST ? " + " : "";
}

/* Space before a column, besides its lead. */
static int gap(int column)
{
    switch (column) {
    case OPERATOR:
    case MEM_BAR:
    case PAR_BAR:
        return 1;
    case SHAPE:
    case MEM_ARITHMETIC:
    case PAR_ARITHMETIC:
    case MACS:
        return 2;
    default:
        return 0;
    }
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static const char *memory_heading(const Table *t)
{
    return t->level->shape ? "memory a sample" : "output = memory";
}

static const char parameter_heading[] = "parameters";

/* Where each column begins. Headings and totals may be wider than what they stand over. */
static void place_columns(Table *t)
{
    int at = INDENT, memory = 0, parameters = 0;
    for (int k = 0; k < N_COLUMNS; k++) {
        if (k == PAR_ARITHMETIC) {
            at = larger(at, memory + larger(text_width(memory_heading(t)), text_width(t->total[0])));
        } else if (k == MACS) {
            at = larger(at, parameters + larger(text_width(parameter_heading), text_width(t->total[1])));
        }
        bool starts_block = k == MEM_ARITHMETIC || k == PAR_ARITHMETIC;
        t->starts[k] = at + (t->widths[k] > 0 || starts_block ? gap(k) : 0);
        memory = k == MEM_ARITHMETIC ? t->starts[k] : memory;
        parameters = k == PAR_ARITHMETIC ? t->starts[k] : parameters;
        if (t->widths[k] > 0) {
            t->starts[k] += *lead(k) && t->widths[k - 1] > 0 ? 3 : 0;
        }
        at = t->starts[k] + t->widths[k];
    }
    t->end = at;
}

/* Cells, widths and columns at the table's level, without bars. */
static void lay_out(Table *t)
{
    Arena *a = t->r->arena;
    int64_t values = t->r->totals.activations;
    const char *bytes = t->level->name > 0 ? "" : arena_printf(a, ", %s", bytes_text(a, 4 * values));
    t->total[0] = arena_printf(a, "%s values%s", three_digits(a, (double)values, ""), bytes);
    memset(t->widths, 0, sizeof t->widths);
    for (int i = 0; i < t->n_rows; i++) {
        TableRow *e = &t->rows[i];
        fill_cells(t, e);
        for (int k = e->row ? 0 : OPERATOR; k < N_COLUMNS; k++) { /* a block's name may reach over the operators */
            t->widths[k] = larger(t->widths[k], text_width(e->cells[k]));
        }
    }
    t->widths[NAME] = larger(t->widths[NAME], text_width("layer"));
    t->widths[SHAPE] = t->level->shape ? larger(t->widths[SHAPE], text_width("output")) : 0;
    t->widths[MACS] = larger(larger(t->widths[MACS], text_width(report_macs_name(t->r))), text_width(t->total[2]));
    place_columns(t);
}

/* The richest level that fits, and bars of what is left. */
static void fit(Table *t, int width)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        t->level = &levels[i];
        lay_out(t);
        if (t->level->min_bar == 0 && t->end <= width) {
            return;
        }
        for (t->bar = MAX_BAR; t->level->min_bar > 0 && t->bar >= t->level->min_bar; t->bar--) {
            t->widths[MEM_BAR] = t->widths[PAR_BAR] = t->bar;
            place_columns(t);
            if (t->end <= width) {
                return;
            }
        }
    }
}

/* ---- printing ---- */

/* A line of the terminal that knows its column; styles take none. */
typedef struct Line {
    Str *out;
    bool color;
    int at;
} Line;

static void put(Line *l, const char *text, const char *style)
{
    bool styled = l->color && style && *text;
    if (styled) {
        str_printf(l->out, "\033[%sm", style);
    }
    str_add(l->out, text);
    str_add(l->out, styled ? "\033[0m" : "");
    l->at += text_width(text);
}

static void move_to(Line *l, int column)
{
    for (; l->at < column; l->at++) {
        str_addc(l->out, ' ');
    }
}

static void end(Line *l)
{
    str_addc(l->out, '\n');
    l->at = 0;
}

static void put_bar(const Table *t, Line *l, int64_t part, int64_t whole, const char *style)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int filled = whole > 0 ? (int)((double)part / (double)whole * 8 * t->bar + 0.5) : 0;
    const char *text = "";
    if (filled == 0 && part > 0) {
        filled = 1;
    }
    for (int i = 0; i < filled / 8; i++) {
        text = arena_printf(t->r->arena, "%s█", text);
    }
    put(l, arena_printf(t->r->arena, "%s%s", text, eighths[filled % 8]), style);
}

static void put_table_row(const Table *t, Line *l, const TableRow *e, int64_t most_memory, int64_t most_parameters)
{
    static const char quiet[] = "2";
    static const char *const styles[N_COLUMNS] = {
        [OPERATOR] = quiet, [MEM_ARITHMETIC] = quiet, [PAR_ARITHMETIC] = quiet, [PAR_REST] = quiet};
    for (int k = 0; k < N_COLUMNS; k++) {
        const char *cell = e->cells[k];
        bool right = k == MEM || k == PAR || k == MACS;
        if (k == MEM_BAR || k == PAR_BAR) {
            bool memory = k == MEM_BAR;
            int64_t part = memory ? e->activations : e->parameters;
            if (e->row && part > 0 && t->widths[k] > 0) {
                move_to(l, t->starts[k]);
                put_bar(t, l, part, memory ? most_memory : most_parameters, memory ? "36" : "35");
            }
        } else if (*cell) {
            if (*lead(k) && *e->cells[k - 1]) {
                move_to(l, t->starts[k] - 3);
                put(l, lead(k), quiet);
            }
            move_to(l, t->starts[k] + (right ? t->widths[k] - text_width(cell) : 0));
            put(l, cell, !e->row ? "1" : k == MEM_ARITHMETIC && !t->level->shape ? NULL : styles[k]);
        }
    }
    end(l);
}

/* Parts of a sentence, in a new line where the width ends. */
static void put_wrapped(Line *l, const char *const *parts, int n, const char *between, int indent, int width)
{
    for (int i = 0; i < n; i++) {
        if (i > 0 && l->at + text_width(between) + text_width(parts[i]) > width) {
            end(l);
            move_to(l, indent);
        } else if (i > 0) {
            put(l, between, NULL);
        }
        put(l, parts[i], NULL);
    }
    end(l);
}

static void put_title(const Report *r, Line *l, int width)
{
    Arena *a = r->arena;
    const Totals *s = &r->totals;
    put(l, r->net->name, "1");
    const char *count = s->parameters < 1000000 ? arena_printf(a, "%s ", grouped(a, s->parameters))
                                                : three_digits(a, (double)s->parameters, " ");
    const char *parts[] = {
        "",
        network_shapes(a, r->net),
        arena_printf(a, "%sparameters (%s)", count, bytes_text(a, 4 * s->parameters)),
        three_digits(a, (double)s->macs, "MAC"),
        arena_printf(a, "activations %s a sample", bytes_text(a, 4 * s->activations)),
    };
    put_wrapped(l, parts, sizeof parts / sizeof *parts, " · ", INDENT, width);
    end(l);
}

static void put_headings(const Table *t, Line *l)
{
    static const char style[] = "1";
    move_to(l, INDENT);
    put(l, "layer", style);
    if (t->level->shape) {
        move_to(l, t->starts[SHAPE]);
        put(l, "output", style);
    }
    move_to(l, t->starts[MEM_ARITHMETIC]);
    put(l, memory_heading(t), style);
    move_to(l, t->starts[PAR_ARITHMETIC]);
    put(l, parameter_heading, style);
    move_to(l, t->end - text_width(report_macs_name(t->r)));
    put(l, report_macs_name(t->r), style);
    end(l);
}

static void put_total(const Table *t, Line *l)
{
    static const char style[] = "1";
    move_to(l, INDENT);
    put(l, "total", style);
    move_to(l, t->starts[MEM_ARITHMETIC]);
    put(l, t->total[0], style);
    move_to(l, t->starts[PAR_ARITHMETIC]);
    put(l, t->total[1], style);
    move_to(l, t->end - text_width(t->total[2]));
    put(l, t->total[2], style);
    end(l);
    end(l);
}

/* Both sentences in a line if they fit. */
static void put_most(const Report *r, Line *l, int width)
{
    const struct {
        const char *text;
        Span span;
    } most[] = {{"most memory is in", report_most(r, row_activations, r->totals.activations)},
                {"most parameters are in", report_most(r, row_parameters, r->totals.parameters)}};
    const char *sentences[2];
    int n = 0, together = INDENT;
    for (int i = 0; i < 2; i++) {
        if (most[i].span.first >= 0) {
            sentences[n] = arena_printf(r->arena, "%s %s", most[i].text, report_span_text(r, most[i].span));
            together += text_width(sentences[n++]) + 5;
        }
    }
    if (n > 0 && together - 5 <= width) {
        move_to(l, INDENT);
        put_wrapped(l, sentences, n, "     ", INDENT, width);
        return;
    }
    for (int i = 0; i < 2; i++) {
        if (most[i].span.first >= 0) {
            const char *parts[] = {most[i].text, report_span_text(r, most[i].span)};
            move_to(l, INDENT);
            put_wrapped(l, parts, 2, " ", 2 * INDENT, width);
        }
    }
}

/* A sentence, wrapped between its words. */
static void put_words(const Report *r, Line *l, const char *text, int width)
{
    enum { WORDS = 64 };
    const char *words[WORDS];
    int n = 0;
    while (*text && n < WORDS) {
        const size_t length = n + 1 < WORDS ? strcspn(text, " ") : strlen(text);
        words[n++] = arena_strndup(r->arena, text, length);
        text += length + (text[length] == ' ');
    }
    move_to(l, INDENT);
    put_wrapped(l, words, n, " ", 2 * INDENT, width);
}

static void put_memory(const Report *r, Line *l, int width)
{
    const Memory *m = &r->memory;
    Arena *a = r->arena;
    const char *parts[] = {
        arena_printf(a, "= parameters %s", bytes_text(a, m->parameters)),
        arena_printf(a, "+ gradients %s", bytes_text(a, m->gradients)),
        arena_printf(a, "+ optimizer %s", bytes_text(a, m->optimizer)),
        arena_printf(a, "+ activations %s", bytes_text(a, m->activations)),
        arena_printf(a, "+ workspace %s", bytes_text(a, m->workspace)),
    };
    const char *sums[] = {
        arena_printf(a, "batch %lld:", (long long)r->batch),
        arena_printf(a, "inference %s,", bytes_text(a, m->inference)),
        arena_printf(a, "training %s", bytes_text(a, m->training)),
        arena_printf(a, "(unplanned: %s)", bytes_text(a, m->unplanned_training)),
    };
    move_to(l, INDENT);
    put_wrapped(l, sums, sizeof sums / sizeof *sums, " ", 2 * INDENT, width);
    move_to(l, INDENT);
    put(l, "training ", NULL);
    put_wrapped(l, parts, sizeof parts / sizeof *parts, " ", l->at, width);
    if (r->limit) {
        put_words(r, l, r->limit, width);
    }
    if (r->frozen > 0) {
        put_words(r, l, report_frozen_text(r), width);
    }
}

static void choose_macs_unit(Table *t)
{
    int64_t most = 0;
    for (int i = 0; i < t->n_rows; i++) {
        most = t->rows[i].macs > most ? t->rows[i].macs : most;
    }
    t->macs_unit = report_macs_unit(t->r);
    t->macs_tenths = t->macs_unit > 1 && (most < 1000 * t->macs_unit || report_macs_least(t->r) < t->macs_unit / 2);
}

void report_text(const Report *r, Str *out, int width, bool color)
{
    Arena *a = r->arena;
    Table t = {.r = r};
    make_table_rows(&t);
    choose_macs_unit(&t);
    t.total[1] = grouped(a, r->totals.parameters);
    t.total[2] = macs_cell(&t, r->totals.macs);
    fit(&t, width);
    Line line = {.out = out, .color = color};
    put_title(r, &line, width);
    put_headings(&t, &line);
    int64_t most_memory = 0, most_parameters = 0;
    for (int i = 0; i < r->n_rows; i++) {
        most_memory = r->rows[i].activations > most_memory ? r->rows[i].activations : most_memory;
        most_parameters = r->rows[i].parameters > most_parameters ? r->rows[i].parameters : most_parameters;
    }
    for (int i = 0; i < t.n_rows; i++) {
        put_table_row(&t, &line, &t.rows[i], most_memory, most_parameters);
    }
    put_total(&t, &line);
    put_most(r, &line, width);
    put_memory(r, &line, width);
}

/* ---- memory against time ---- */

static const char *again_text(Arena *a, const TrainingPlan *p)
{
    if (p->copies == 0) {
        return "nothing";
    }
    const char *products = p->macs > 0 ? arena_printf(a, ", %s a sample", three_digits(a, p->macs, "MAC")) : "";
    return arena_printf(a, "%d operator%s%s", p->copies, p->copies == 1 ? "" : "s", products);
}

/* One line for plans that lie close together: the JSON form has them all. */
void report_front_text(const Compilation *c, const Front *f, Str *out)
{
    Arena *a = c->net->arena;
    enum { CLOSE = 50 }; /* a 50th of all memory that can be saved */
    const int64_t step = (f->plans[0].memory - f->plans[f->n - 1].memory) / CLOSE, limit = c->net->config->memory;
    const TrainingPlan *chosen = limit ? budget_choose(f, limit) : NULL;
    str_printf(out, "%s, training in batches of %lld: memory against time\n", c->net->name, (long long)f->batch);
    str_printf(out, "(%s of each are parameters, gradients and the optimizer's state; times are predicted)\n\n",
               bytes_text(a, f->plans[0].memory - f->plans[0].activations - f->plans[0].workspace));
    str_printf(out, "%12s %12s %12s %8s   %s\n", "memory", "activations", "workspace", "time", "computed again");
    for (int i = 0, shown = 0; i < f->n; i++) {
        const TrainingPlan *p = &f->plans[i];
        if (i > 0 && i + 1 < f->n && p != chosen && f->plans[shown].memory - p->memory < step) {
            continue;
        }
        shown = i;
        str_printf(out, "%12s %12s %12s %+7.1f%%   %s%s\n", bytes_text(a, p->memory), bytes_text(a, p->activations), bytes_text(a, p->workspace),
                   100 * budget_extra_time(f, p), again_text(a, p), p == chosen ? " <- the model's limit" : "");
    }
    if (limit && !chosen) {
        str_printf(out, "\nnone fits into the model's limit of %s\n", bytes_text(a, limit));
    }
}
