/* report_html.c - the report as one self-contained page with bars, for light and dark screens. */
#include "report.h"

static void add_escaped(Str *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            str_add(out, "&lt;");
            break;
        case '>':
            str_add(out, "&gt;");
            break;
        case '&':
            str_add(out, "&amp;");
            break;
        case '"':
            str_add(out, "&quot;");
            break;
        default:
            str_addc(out, *text);
        }
    }
}

static const char style[] =
    ":root { color-scheme: light dark; --text: #1b1f24; --quiet: #67707b; --line: #e3e6ea; --page: #fff;\n"
    "        --memory: #5aa9d6; --parameters: #d08ab8; --work: #d9a75c; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "    :root { --text: #e4e7eb; --quiet: #98a1ab; --line: #30363d; --page: #15181c;\n"
    "            --memory: #2f7da8; --parameters: #99507f; --work: #94702f; }\n"
    "}\n"
    "body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); margin: 2.5rem auto; "
    "max-width: 76rem;\n"
    "       padding: 0 1.5rem; }\n"
    "h1 { font-size: 1.6rem; margin: 0; }\n"
    "p { margin: .4rem 0; }\n"
    ".quiet, td small { color: var(--quiet); font-size: inherit; }\n"
    ".scroll { overflow-x: auto; margin: 1.5rem 0; }\n"
    "table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }\n"
    "th, td { text-align: left; padding: .28rem .8rem .28rem 0; border-bottom: 1px solid var(--line); white-space: "
    "nowrap; }\n"
    "th.n, td.n { text-align: right; }\n"
    "th { color: var(--quiet); font-weight: 500; }\n"
    "tfoot td { font-weight: 600; border-bottom: 0; }\n"
    "td.bar { width: 14%; min-width: 5rem; }\n"
    "td.bar i { display: block; height: .8em; border-radius: 2px; min-width: 1px; }\n"
    ".memory { background: var(--memory); } .parameters { background: var(--parameters); } .work { background: "
    "var(--work); }\n"
    ".parts { display: flex; height: 1.6rem; border-radius: 4px; overflow: hidden; margin: .6rem 0; max-width: 60rem; "
    "}\n"
    ".parts i { min-width: 1px; }\n"
    ".key i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 1em; }\n"
    ".key i:first-child { margin-left: 0; }\n"
    ".p0 { background: var(--parameters); } .p1 { background: var(--parameters); opacity: .75; }\n"
    ".p2 { background: var(--parameters); opacity: .5; } .p3 { background: var(--memory); } .p4 { background: "
    "var(--work); }\n";

static void add_bar(Str *out, const char *class, int64_t part, int64_t whole)
{
    str_add(out, "<td class=bar>");
    if (part > 0 && whole > 0) {
        str_printf(out, "<i class=%s style=\"width:%.2f%%\"></i>", class, 100 * (double)part / (double)whole);
    }
    str_add(out, "</td>");
}

static void add_row(const Report *r, Str *out, const Row *row, const Row *most)
{
    Arena *a = r->arena;
    const Layer *l = row->layer;
    str_add(out, "<tr><td>");
    add_escaped(out, l->name);
    str_printf(out, "</td><td><small>%s", operator_text(a, l));
    for (int i = 0; i < row->n_fused; i++) {
        str_printf(out, " +%s", row->fused[i]->op->name);
    }
    str_printf(out, "</small></td><td>%s</td>", shape_text(a, l->out));
    str_printf(out, "<td class=n>%s</td>", row->activations ? grouped(a, row->activations) : "");
    add_bar(out, "memory", row->activations, most->activations);
    int64_t product = weights_of_product(l), rest = row->parameters - product;
    str_printf(out, "<td><small>%s%s%s</small></td>", weights_arithmetic(a, l), product > 0 && rest > 0 ? " + " : "",
               rest > 0 ? grouped(a, rest) : "");
    str_printf(out, "<td class=n>%s</td>", row->parameters ? grouped(a, row->parameters) : "");
    add_bar(out, "parameters", row->parameters, most->parameters);
    str_printf(out, "<td class=n>%s</td>", row->macs ? macs_text(a, row->macs, report_macs_unit(r)) : "");
    add_bar(out, "work", row->macs, most->macs);
    str_add(out, "</tr>\n");
}

static void add_training(const Report *r, Str *out)
{
    Arena *a = r->arena;
    const Memory *m = &r->memory;
    const struct {
        const char *name;
        int64_t bytes;
    } parts[] = {{"parameters", m->parameters},
                 {"gradients", m->gradients},
                 {"optimizer", m->optimizer},
                 {"activations", m->activations},
                 {"workspace", m->workspace}};
    enum { N_PARTS = sizeof parts / sizeof *parts };
    str_printf(
        out,
        "<p>Batch %lld: inference %s, training %s <span class=quiet>(%s if no memory were used twice)</span></p>\n",
        (long long)r->batch, bytes_text(a, m->inference), bytes_text(a, m->training),
        bytes_text(a, m->unplanned_training));
    str_add(out, "<div class=parts>");
    for (int i = 0; i < N_PARTS; i++) {
        if (parts[i].bytes > 0) {
            str_printf(out, "<i class=p%d style=\"width:%.2f%%\"></i>", i,
                       100 * (double)parts[i].bytes / (double)m->training);
        }
    }
    str_add(out, "</div>\n<p class=\"key quiet\">");
    for (int i = 0; i < N_PARTS; i++) {
        str_printf(out, "<i class=p%d></i>%s %s", i, parts[i].name, bytes_text(a, parts[i].bytes));
    }
    str_add(out, "</p>\n");
    if (r->limit) {
        str_printf(out, "<p>Memory is limited to %s</p>\n", r->limit);
    }
    if (r->frozen > 0) {
        str_printf(out, "<p>%s.</p>\n", report_frozen_text(r));
    }
}

static void add_most(const Report *r, Str *out)
{
    const struct {
        const char *text;
        Span span;
    } most[] = {{"Most memory is in ", report_most(r, row_activations, r->totals.activations)},
                {"Most parameters are in ", report_most(r, row_parameters, r->totals.parameters)}};
    for (int i = 0; i < 2; i++) {
        if (most[i].span.first >= 0) {
            str_printf(out, "<p>%s", most[i].text);
            add_escaped(out, report_span_text(r, most[i].span));
            str_add(out, ".</p>\n");
        }
    }
}

void report_html(const Report *r, Str *out)
{
    Arena *a = r->arena;
    const Totals *t = &r->totals;
    str_printf(out,
               "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<meta name=viewport "
               "content=\"width=device-width\">\n<title>%s</title>\n"
               "<style>\n%s</style>\n",
               r->net->name, style);
    str_printf(out, "<h1>%s</h1>\n<p class=quiet>", r->net->name);
    add_escaped(out, network_shapes(a, r->net));
    str_printf(out, " · %s parameters (%s) · %s · activations %s a sample</p>\n", grouped(a, t->parameters),
               bytes_text(a, 4 * t->parameters), three_digits(a, (double)t->macs, "MAC"),
               bytes_text(a, 4 * t->activations));
    str_printf(out,
               "<div class=scroll><table>\n<thead><tr><th>layer<th>operator<th>output<th class=n>memory a "
               "sample<th><th>parameters<th><th>"
               "<th class=n>%s<th></tr></thead>\n<tbody>\n",
               report_macs_name(r));
    Row most = {0};
    for (int i = 0; i < r->n_rows; i++) {
        const Row *row = &r->rows[i];
        most.activations = row->activations > most.activations ? row->activations : most.activations;
        most.parameters = row->parameters > most.parameters ? row->parameters : most.parameters;
        most.macs = row->macs > most.macs ? row->macs : most.macs;
    }
    for (int i = 0; i < r->n_rows; i++) {
        add_row(r, out, &r->rows[i], &most);
    }
    str_printf(out,
               "</tbody>\n<tfoot><tr><td>total<td><td><td class=n>%s<td><td><td class=n>%s<td><td "
               "class=n>%s<td></tr></tfoot>\n"
               "</table></div>\n",
               grouped(a, t->activations), grouped(a, t->parameters), macs_text(a, t->macs, report_macs_unit(r)));
    add_most(r, out);
    add_training(r, out);
    str_add(out, "</html>\n");
}
