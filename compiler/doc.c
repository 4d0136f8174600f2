/* doc.c - the files of lang/ that are made from the compiler's own tables: the reference of operators and settings, and
 * the words for an editor. tests/docs/check.sh compares them with what is in the tree. */
#include "driver.h"

#include <stdio.h>
#include <string.h>

/* ---- operators.md ---- */

/* A sentence of a definition: what is formula outside `code` must not become emphasis or a column. */
static void add_prose(Str *out, const char *text)
{
    bool code = false;
    for (; *text; text++) {
        code ^= *text == '`';
        if (strchr("*|<", *text) && !code) {
            str_addc(out, '\\');
        }
        str_addc(out, *text);
    }
}

static void add_cell(Str *out, const char *text)
{
    str_add(out, " | ");
    add_prose(out, text);
}

static const char *type_text(const AttrDef *a)
{
    static const char *const text[] = {
        [ATTR_INT] = "integer",
        [ATTR_REAL] = "number",
        [ATTR_REAL_OR_AUTO] = "number or `auto`",
        [ATTR_BOOL] = "`yes` or `no`",
        [ATTR_SIZE2] = "number or HxW",
        [ATTR_WINDOW] = "number, HxW or `global`",
        [ATTR_PAD] = "number, HxW or `same`",
        [ATTR_SHAPE] = "HxWxC or number",
        [ATTR_CHOICE] = "word",
        [ATTR_INIT] = "initialiser",
        [ATTR_STRING] = "text in quotes",
        [ATTR_COLUMN] = "name, text or number from 0",
        [ATTR_REALS] = "list of numbers",
        [ATTR_NAMES] = "list of names",
        [ATTR_LEARNT] = "number or `learn`",
        [ATTR_RATE] = "number or [range](reference.md#search)",
    };
    return text[a->type];
}

static bool is_shown(const AttrDef *a)
{
    return !a->hidden;
}

/* `conv(channels, size, stride=1, pad=0)`: what is required without a value, the rest with its default. */
static void add_signature(Str *out, const char *name, const AttrDef *attrs)
{
    const char *between = "";
    str_printf(out, "`%s", name);
    for (int i = 0; i < attr_count(attrs); i++) {
        const AttrDef *a = &attrs[i];
        if (!is_shown(a)) {
            continue;
        }
        str_printf(out, "%s%s%s", *between ? between : "(", a->name, a->required && a->positional ? "" : "=");
        str_add(out, a->standard ? a->standard : a->required && a->positional ? "" : "...");
        between = ", ";
    }
    str_add(out, *between ? ")`" : "`");
}

/* 1e-6 rather than printf's 1e-06. */
static void add_limit(Str *out, double x)
{
    char text[32];
    snprintf(text, sizeof text, "%.10g", x);
    char *zero = strstr(text, "e-0");
    if (zero) {
        memmove(zero + 2, zero + 3, strlen(zero + 3) + 1);
    }
    str_add(out, text);
}

static void add_range(Str *out, const AttrDef *a)
{
    if (a->type == ATTR_CHOICE) {
        for (int i = 0; a->choices[i]; i++) {
            str_printf(out, "%s`%s`", i ? ", " : "", a->choices[i]);
        }
    } else if (a->min != 0 || a->max != 0) {
        add_limit(out, a->min);
        str_add(out, " .. ");
        add_limit(out, a->max);
    }
}

/* A row an argument. `owner` begins each row where several things share a table, else NULL. */
static void add_attr_rows(Str *out, const char *owner, const AttrDef *attrs)
{
    for (int i = 0; i < attr_count(attrs); i++) {
        const AttrDef *a = &attrs[i];
        if (!is_shown(a)) {
            continue;
        }
        if (owner) {
            str_printf(out, "| `%s` ", owner);
        }
        str_printf(out, "| `%s` | %s | ", a->name, type_text(a));
        if (a->standard) {
            str_printf(out, "`%s` | ", a->standard);
        } else {
            str_add(out, a->required ? "required | " : "| ");
        }
        add_range(out, a);
        add_cell(out, a->doc);
        str_add(out, " |\n");
    }
}

static void add_attrs(Str *out, const AttrDef *attrs)
{
    Str rows = {0};
    add_attr_rows(&rows, NULL, attrs);
    if (rows.len > 0) {
        str_printf(out, "| argument | takes | default | range | |\n|---|---|---|---|---|\n%s\n", rows.data);
    }
    str_free(&rows);
}

static void add_example(Str *out, const char *body, const char *section)
{
    str_printf(out, "```net complete\nnetwork t { input(8x8x4)  %s }\n%s```\n\n", body, section);
}

static void add_operator(Str *out, const OpDef *op)
{
    str_printf(out, "### %s\n\n", op->name);
    add_signature(out, op->name, op->attrs);
    str_add(out, " - ");
    add_prose(out, op->summary);
    str_add(out, "\n\n");
    add_prose(out, op->doc);
    str_add(out, "\n\n");
    add_attrs(out, op->attrs);
    if (op->gradient_doc) {
        str_add(out, "Gradient: ");
        add_prose(out, op->gradient_doc);
        str_add(out, ".\n\n");
    }
    if (op->traits & OP_LOSS) {
        Str section = {0};
        str_printf(&section, "train { loss = %s }\n", op->example);
        add_example(out, "dense(10)", section.data);
        str_free(&section);
    } else {
        add_example(out, op->example, "");
    }
}

static void add_operators(Str *out, const char *kind, const char *heading)
{
    str_printf(out, "## %s\n\n", heading);
    for (int i = 0; op_registry[i]; i++) {
        if (op_registry[i]->summary && strcmp(op_registry[i]->kind, kind) == 0) {
            add_operator(out, op_registry[i]);
        }
    }
}

static void add_optimizers(Str *out)
{
    str_add(out, "## Optimizers\n\nWith `w` a weight, `g` its gradient after clipping plus `weight_decay * w`, and "
                 "`lr` the rate of the step.\n\n");
    for (int i = 0; optimizer_registry[i]; i++) {
        const OptimizerDef *o = optimizer_registry[i];
        str_printf(out, "### %s\n\n", o->name);
        add_signature(out, o->name, o->attrs);
        str_add(out, " - ");
        add_prose(out, o->summary);
        str_add(out, "\n\n");
        add_prose(out, o->doc);
        str_add(out, "\n\n");
        add_attrs(out, o->attrs);
    }
}

static void add_inits(Str *out)
{
    str_add(out, "## Initialisers\n\nWith n = fan in, the inputs of one output (height * width * input channels of a "
                 "group), and m = fan out. They are\nfor `init=` of an operator and for the init section.\n\n"
                 "| initialiser | values |\n|---|---|\n");
    for (const InitDef *d = init_registry; d->name; d++) {
        str_printf(out, "| `%s", d->name);
        if (d->argument) {
            str_printf(out, "(%s%s%s)", d->argument, d->standard ? "=" : "", d->standard ? d->standard : "");
        }
        str_add(out, "`");
        add_cell(out, d->doc);
        str_add(out, " |\n");
    }
    str_add(out, "\n");
}

static void add_settings(Str *out, const SettingDef *settings)
{
    str_printf(out, "## The %s section\n\n| key | takes | default | |\n|---|---|---|---|\n", settings->section);
    for (const SettingDef *s = settings; s->key; s++) {
        str_printf(out, "| `%s` | %s | ", s->key, s->takes);
        if (s->standard) {
            str_printf(out, "`%s`", s->standard);
        }
        add_cell(out, s->doc);
        str_add(out, " |\n");
    }
    str_add(out, "\n");
    for (const SettingDef *s = settings; s->key; s++) {
        if (!s->forms) {
            continue;
        }
        Str rows = {0};
        str_printf(out, "### %s\n\n| %s | |\n|---|---|\n", s->key, s->noun);
        for (const FormDef *f = s->forms; f->name; f++) {
            str_add(out, "| ");
            add_signature(out, f->name, f->attrs);
            add_cell(out, f->doc);
            str_add(out, " |\n");
            add_attr_rows(&rows, f->name, f->attrs);
        }
        str_add(out, "\n");
        if (rows.len > 0) {
            str_printf(out, "| %s | argument | takes | default | range | |\n|---|---|---|---|---|---|\n%s\n", s->noun,
                       rows.data);
        }
        str_free(&rows);
    }
}

static void operators_markdown(Str *out)
{
    str_add(out, "# Operators and settings\n\n"
                 "Made from the definitions in compiler/ by `netc doc operators`; do not edit. The language itself is in "
                 "[reference.md](reference.md).\n\n"
                 "x is what an operator reads, y what it gives, g the gradient of the loss to y.\n\n");
    add_operators(out, "layer", "Layers");
    add_operators(out, "activation", "Activations");
    add_operators(out, "merge", "Merges");
    add_operators(out, "loss", "Losses");
    add_optimizers(out);
    add_inits(out);
    add_settings(out, data_settings);
    add_settings(out, train_settings);
    out->data[--out->len] = '\0'; /* the last empty line */
}

/* ---- net.vim ---- */

static void begin_words(Str *out, const char *group)
{
    str_printf(out, "syntax keyword %s", group);
}

static void add_word(Str *out, const char *word)
{
    str_printf(out, " %s", word);
}

static void add_form_words(Str *out, const SettingDef *settings)
{
    for (const SettingDef *s = settings; s->key; s++) {
        for (const FormDef *f = s->forms; f && f->name; f++) {
            add_word(out, f->name);
        }
    }
}

static void editor_vim(Str *out)
{
    str_add(out, "\" Vim syntax file of .net models. Made by `netc doc editor`; do not edit.\n"
                 "\" Use: copy to ~/.vim/syntax/net.vim, and put this into ~/.vim/ftdetect/net.vim:\n"
                 "\"   autocmd BufRead,BufNewFile *.net setfiletype net\n"
                 "if exists('b:current_syntax')\n  finish\nendif\n\n");
    begin_words(out, "netItem");
    for (int i = 0; item_words[i]; i++) {
        add_word(out, item_words[i]);
    }
    str_add(out, "\n");
    begin_words(out, "netStructure");
    for (int i = 0; structural_words[i]; i++) {
        add_word(out, structural_words[i]);
    }
    str_add(out, "\n");
    begin_words(out, "netOperator");
    for (int i = 0; op_registry[i]; i++) {
        if (op_registry[i]->summary) {
            add_word(out, op_registry[i]->name);
        }
    }
    str_add(out, "\n");
    begin_words(out, "netForm");
    for (int i = 0; optimizer_registry[i]; i++) {
        add_word(out, optimizer_registry[i]->name);
    }
    for (const InitDef *d = init_registry; d->name; d++) {
        add_word(out, d->name);
    }
    for (int i = RANGE_LOG; range_names[i]; i++) {
        if (!init_find(range_names[i])) {
            add_word(out, range_names[i]);
        }
    }
    add_form_words(out, data_settings);
    add_form_words(out, train_settings);
    str_add(out, "\nsyntax keyword netConstant yes no same global learn\n"
                 "syntax match netLabel '^\\s*\\h\\w*\\ze\\s*:'\n"
                 "syntax match netKey '\\h\\w*\\ze\\s*='\n"
                 "syntax match netNumber '\\<\\d\\+\\(x\\d\\+\\)*\\>'\n"
                 "syntax match netNumber '\\(\\<\\d\\+\\)\\?\\.\\d\\+\\([eE][-+]\\?\\d\\+\\)\\?'\n"
                 "syntax match netNumber '\\<\\d\\+[eE][-+]\\?\\d\\+\\>'\n"
                 "syntax match netNumber '\\<\\d\\+%'\n"
                 "syntax region netString start=+\"+ skip=+\\\\\"+ end=+\"+ oneline\n"
                 "syntax match netArrow '->'\n"
                 "syntax match netComment '#.*$'\n\n"
                 "highlight default link netItem Keyword\n"
                 "highlight default link netStructure Statement\n"
                 "highlight default link netOperator Function\n"
                 "highlight default link netForm Type\n"
                 "highlight default link netConstant Constant\n"
                 "highlight default link netLabel Label\n"
                 "highlight default link netKey Identifier\n"
                 "highlight default link netNumber Number\n"
                 "highlight default link netString String\n"
                 "highlight default link netArrow Operator\n"
                 "highlight default link netComment Comment\n\n"
                 "setlocal commentstring=#\\ %s\n"
                 "let b:current_syntax = 'net'\n");
}

int command_doc(const Options *o)
{
    bool operators = strcmp(o->file, "operators") == 0;
    if (!operators && strcmp(o->file, "editor") != 0) {
        fprintf(stderr, "netc: doc makes operators or editor, not '%s'\n", o->file);
        return 2;
    }
    Str out = {0};
    if (operators) {
        operators_markdown(&out);
    } else {
        editor_vim(&out);
    }
    bool written = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    str_free(&out);
    return written ? 0 : 3;
}
