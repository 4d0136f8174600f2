/* effective.c - the init, data and train sections as they are in effect, defaults included, in the language's own
 * syntax. */
#include "sema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shortest decimal that, divided by `unit`, reads back as the same double. */
static void add_scaled(Str *out, double x, double unit)
{
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x * unit);
        if (strtod(text, NULL) / unit == x) {
            break;
        }
    }
    str_add(out, text);
}

static void add_number(Str *out, double x)
{
    add_scaled(out, x, 1);
}

static void add_numbers(Str *out, const double *x, int n)
{
    str_addc(out, '[');
    for (int i = 0; i < n; i++) {
        str_add(out, i ? ", " : "");
        add_number(out, x[i]);
    }
    str_addc(out, ']');
}

static void add_string(Str *out, const char *text)
{
    Expr e = {.kind = EXPR_STRING, .text = text};
    expr_format(&e, out);
}

static void add_init(Str *out, const char *key, const InitSpec *init)
{
    const InitDef *def = init_find(init->name);
    str_printf(out, "    %s = ", key);
    if (def->law == INIT_CONSTANT) {
        add_number(out, init->value);
    } else {
        str_add(out, init->name);
        if (def->argument) {
            str_printf(out, "(%s=", def->argument);
            add_number(out, init->value);
            str_addc(out, ')');
        }
    }
    str_addc(out, '\n');
}

/* layer1.0 as it is, "layer?.*" in quotes. */
static void add_names(Str *out, const Names *names)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";
    str_addc(out, '[');
    for (int i = 0; i < names->n; i++) {
        const char *name = names->items[i];
        str_add(out, i ? ", " : "");
        if (name[strspn(name, plain)] == '\0') {
            str_add(out, name);
        } else {
            add_string(out, name);
        }
    }
    str_addc(out, ']');
}

static void add_rate(Str *out, double value, const Range *range)
{
    const Reals ends = {(double[]){range->from, range->to}, 2};
    const Reals *list = range->kind == RANGE_CHOICE ? &range->values : &ends;
    if (range->kind == RANGE_NONE) {
        add_number(out, value);
        return;
    }
    str_add(out, range_names[range->kind]);
    for (int i = 0; i < list->n; i++) {
        str_add(out, i ? ", " : "(");
        add_number(out, list->items[i]);
    }
    str_addc(out, ')');
}

static void add_attr(Str *out, const AttrDef *a, const void *values)
{
    const void *at = (const char *)values + a->offset;
    switch (a->type) {
    case ATTR_BOOL:
        str_add(out, *(const bool *)at ? "yes" : "no");
        return;
    case ATTR_INT:
        str_printf(out, "%lld", (long long)*(const int64_t *)at);
        return;
    case ATTR_REAL_OR_AUTO:
        if (*(const double *)at == 0) {
            str_add(out, "auto");
            return;
        }
        add_number(out, *(const double *)at);
        return;
    case ATTR_REAL:
        add_number(out, *(const double *)at);
        return;
    case ATTR_RATE:
        add_rate(out, *(const double *)at, (const Range *)(const void *)((const char *)values + a->range_offset));
        return;
    case ATTR_CHOICE:
        str_add(out, a->choices[*(const int *)at]);
        return;
    case ATTR_REALS:
        add_numbers(out, ((const Reals *)at)->items, ((const Reals *)at)->n);
        return;
    case ATTR_NAMES:
        add_names(out, at);
        return;
    case ATTR_STRING:
        add_string(out, *(const char *const *)at);
        return;
    case ATTR_LEARNT:
    case ATTR_SIZE2:
    case ATTR_WINDOW:
    case ATTR_PAD:
    case ATTR_SHAPE:
    case ATTR_INIT:
    case ATTR_COLUMN:
        break;
    }
    die("internal error: a setting has an argument '%s' that --effective cannot write", a->name);
}

/* name(value, key=value, ...) with every attribute: those that must be given without their names. */
static void add_call(Str *out, const char *name, const AttrDef *attrs, const void *values)
{
    str_add(out, name);
    for (int i = 0; attrs && attrs[i].name; i++) {
        str_add(out, i ? ", " : "(");
        if (!(attrs[i].positional && attrs[i].required)) {
            str_printf(out, "%s=", attrs[i].name);
        }
        add_attr(out, &attrs[i], values);
    }
    str_add(out, attrs && attrs[0].name ? ")" : "");
}

static void add_form(Str *out, const FormValue *v)
{
    add_call(out, v->form->name, v->form->attrs, v->args);
}

static void add_init_section(const Config *c, Str *out)
{
    str_add(out, "init {\n");
    add_init(out, "weight", &c->weight_init);
    add_init(out, "bias", &c->bias_init);
    for (int i = 0; i < c->n_inits; i++) {
        add_init(out, c->inits[i].key, &c->inits[i].init);
    }
    str_add(out, "}\n");
}

/* ---- data ---- */

static const FormDef *form_of(const SettingDef *settings, const char *key, int kind)
{
    while (strcmp(settings->key, key) != 0) {
        settings++;
    }
    const FormDef *f = settings->forms;
    while (f->kind != kind) {
        f++;
    }
    return f;
}

static const char *form_name(const SettingDef *settings, const char *key, int kind)
{
    return form_of(settings, key, kind)->name;
}

static void add_source(const Config *c, Str *out)
{
    str_printf(out, "    source = %s(", form_name(data_settings, "source", c->source));
    if (c->source == SOURCE_SPIRAL) {
        str_printf(out, "classes=%lld, points=%lld, noise=", (long long)c->spiral_classes, (long long)c->spiral_points);
        add_number(out, c->spiral_noise);
    } else if (c->source == SOURCE_ROAD) {
        str_printf(out, "images=%lld, replace=%lld", (long long)c->road_images, (long long)c->road_replace);
    } else {
        add_string(out, c->path);
    }
    if (c->label) {
        str_add(out, ", label=");
        bool number = *c->label && c->label[strspn(c->label, "0123456789")] == '\0';
        if (number) {
            str_add(out, c->label);
        } else {
            add_string(out, c->label);
        }
    }
    str_add(out, ")\n");
}

static void add_data_section(const Config *c, Str *out)
{
    str_add(out, "\ndata {\n");
    add_source(c, out);
    str_add(out, "    validation = ");
    if (c->validation_auto) {
        str_add(out, "auto");
    } else if (c->folds > 0) {
        str_printf(out, "k_fold(%lld)", (long long)c->folds);
    } else if (c->validation_share > 0) {
        add_scaled(out, c->validation_share, 100);
        str_addc(out, '%');
    } else {
        str_printf(out, "%lld", (long long)c->validation_count);
    }
    str_printf(out, "\n    normalize = %s", form_name(data_settings, "normalize", c->normalize));
    if (c->normalize == NORMALIZE_SCALE) {
        str_addc(out, '(');
        add_number(out, c->norm_scale);
        str_addc(out, ')');
    } else if (c->normalize == NORMALIZE_GIVEN) {
        str_add(out, "(mean=");
        add_numbers(out, c->given_mean, c->n_given);
        str_add(out, ", std=");
        add_numbers(out, c->given_std, c->n_given);
        str_addc(out, ')');
    }
    if (c->normalize == NORMALIZE_WHITEN) {
        str_printf(out, "(kind=%s, eps=", c->whiten_pca ? "pca" : "zca");
        add_number(out, c->whiten_eps);
        str_addc(out, ')');
    }
    str_add(out, "\n    augment = [");
    for (int i = 0; i < c->n_augment; i++) {
        str_add(out, i ? ", " : "");
        const FormDef *form = form_of(data_settings, "augment", c->augment[i].kind);
        add_call(out, form->name, form->attrs, &c->augment[i]);
    }
    str_add(out, "]\n    hard_examples = ");
    add_number(out, c->hard_examples);
    str_addc(out, '\n');
    if (c->classes) {
        str_add(out, "    classes = [");
        for (int i = 0; i < c->n_classes; i++) {
            str_add(out, i ? ", " : "");
            add_string(out, c->classes[i]);
        }
        str_add(out, "]\n");
    }
    str_add(out, "}\n");
}

/* ---- train ---- */

static void add_loss(const Net *net, Str *out)
{
    str_add(out, "    loss = ");
    for (int i = 0; i < net->n_losses; i++) {
        const LossTerm *t = &net->losses[i];
        str_add(out, i ? " + " : "");
        if (t->weight != 1) {
            add_number(out, t->weight);
            str_addc(out, '*');
        }
        str_add(out, t->op->name);
        const char *between = "(";
        if (net->n_outputs > 1) {
            str_printf(out, "(%s", net->output_names[t->head]);
            between = ", ";
        }
        if (t->op->attrs) {
            str_printf(out, "%s%s=", between, t->op->attrs->name);
            add_number(out, t->attrs->parameter);
            between = ", ";
        }
        str_add(out, *between == ',' ? ")" : "");
    }
    str_addc(out, '\n');
}

static void add_setting(Str *out, const char *key, const FormValue *v)
{
    str_printf(out, "    %s = ", key);
    add_form(out, v);
    str_addc(out, '\n');
}

static void add_schedule(const Config *c, Str *out)
{
    str_add(out, "    schedule = ");
    if (c->warmup.form) {
        str_addc(out, '[');
        add_form(out, &c->warmup);
        str_add(out, ", ");
    }
    add_form(out, &c->schedule);
    str_add(out, c->warmup.form ? "]\n" : "\n");
    if (c->opt.momentum > 0) {
        add_setting(out, "momentum_schedule", &c->momentum_schedule);
    }
}

static void add_clip(const Config *c, Str *out)
{
    const ClipArgs *args = c->clip.args;
    if (c->clip.form->kind == CLIP_NORM && args->limit > 0) { /* `multiple` is for auto */
        str_add(out, "    clip = norm(");
        add_number(out, args->limit);
        str_add(out, ")\n");
        return;
    }
    add_setting(out, "clip", &c->clip);
}

static void add_decay(const Config *c, Str *out)
{
    if (c->decay.form) {
        add_setting(out, "decay", &c->decay);
        return;
    }
    str_add(out, "    decay = [");
    for (int i = 0; i < c->n_decay_labels; i++) {
        str_printf(out, "%s%s", i ? ", " : "", c->decay_labels[i]);
    }
    str_add(out, "]\n");
}

static void add_stops(const Config *c, Str *out)
{
    const char *const open = c->n_stops > 1 ? "[" : "", *const close = c->n_stops > 1 ? "]" : "";
    str_printf(out, "    early_stop = %s", c->n_stops > 0 ? open : "none");
    for (int i = 0; i < c->n_stops; i++) {
        str_add(out, i ? ", " : "");
        add_form(out, &c->stops[i]);
    }
    str_printf(out, "%s\n", close);
}

/* What the training starts from, and what of it is trained. */
static void add_transfer(const Config *c, Str *out)
{
    if (c->weights.form) {
        add_setting(out, "weights", &c->weights);
    }
    if (c->trainable_given) {
        str_add(out, "    trainable = ");
        add_names(out, &c->trainable);
    } else {
        str_add(out, "    freeze = ");
        add_names(out, &c->freeze);
    }
    str_add(out, "\n    groups = [");
    for (int i = 0; i < c->n_groups; i++) {
        str_add(out, i ? ", " : "");
        add_form(out, &c->groups[i]);
    }
    str_add(out, "]\n");
}

static void add_train_section(const Net *net, Str *out)
{
    const Config *c = net->config;
    str_add(out, "\ntrain {\n");
    add_loss(net, out);
    str_add(out, "    optimizer = ");
    add_call(out, c->optimizer_asked->name, c->optimizer_asked->attrs, &c->opt);
    str_addc(out, '\n');
    add_schedule(c, out);
    if (c->batch_plan.form) {
        add_setting(out, "batch", &c->batch_plan);
    } else {
        str_printf(out, "    batch = %lld\n", (long long)c->batch);
    }
    str_printf(out, "    epochs = %lld\n", (long long)c->epochs);
    add_clip(c, out);
    add_setting(out, "gradient_noise", &c->gradient_noise);
    add_decay(c, out);
    add_transfer(c, out);
    add_stops(c, out);
    str_add(out, "    disturb_label = ");
    add_number(out, c->disturb_label);
    str_addc(out, '\n');
    str_printf(out, "    memory = %s\n", c->memory ? bytes_exact(net->arena, c->memory) : "none");
    str_printf(out, "    seed = %lld\n    metrics = [%s", (long long)c->seed, c->metric_accuracy ? "accuracy" : "");
    if (c->top_k > 0) {
        str_printf(out, "%stop_k(%lld)", c->metric_accuracy ? ", " : "", (long long)c->top_k);
    }
    str_add(out, "]\n}\n");
}

void config_effective(const Net *net, Str *out)
{
    add_init_section(net->config, out);
    if (net->config->has_data) {
        add_data_section(net->config, out);
    }
    add_train_section(net, out);
}
