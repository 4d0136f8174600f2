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

/* name(key=value, ...) with every attribute. */
static void add_call(Str *out, const char *name, const AttrDef *attrs, const void *values)
{
    str_printf(out, "%s(", name);
    for (int i = 0; attrs[i].name; i++) {
        const void *at = (const char *)values + attrs[i].offset;
        str_printf(out, "%s%s=", i ? ", " : "", attrs[i].name);
        if (attrs[i].type == ATTR_BOOL) {
            str_add(out, *(const bool *)at ? "yes" : "no");
        } else {
            add_number(out, *(const double *)at);
        }
    }
    str_addc(out, ')');
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

/* A form with its arguments, out of the struct that they were read into: those that must be given without their names. */
static void add_form(Str *out, const SettingDef *settings, const char *key, int kind, const void *values)
{
    const FormDef *form = form_of(settings, key, kind);
    str_add(out, form->name);
    for (const AttrDef *a = form->attrs; a && a->name; a++) {
        const void *at = (const char *)values + a->offset;
        str_add(out, a == form->attrs ? "(" : ", ");
        if (!(a->positional && a->required)) {
            str_printf(out, "%s=", a->name);
        }
        if (a->type == ATTR_INT) {
            str_printf(out, "%lld", (long long)*(const int64_t *)at);
        } else {
            add_number(out, *(const double *)at);
        }
    }
    str_add(out, form->attrs ? ")" : "");
}

static void add_source(const Config *c, Str *out)
{
    str_printf(out, "    source = %s(", form_name(data_settings, "source", c->source));
    if (c->source == SOURCE_SPIRAL) {
        str_printf(out, "classes=%lld, points=%lld, noise=", (long long)c->spiral_classes, (long long)c->spiral_points);
        add_number(out, c->spiral_noise);
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
    if (c->validation_share > 0) {
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
    str_add(out, "\n    augment = [");
    for (int i = 0; i < c->n_augment; i++) {
        str_add(out, i ? ", " : "");
        add_form(out, data_settings, "augment", c->augment[i].kind, &c->augment[i]);
    }
    str_add(out, "]\n");
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
        if (net->n_outputs > 1) {
            str_printf(out, "(%s)", net->output_names[t->head]);
        }
    }
    str_addc(out, '\n');
}

static void add_schedule(const Config *c, Str *out)
{
    str_printf(out, "    schedule = %s", form_name(train_settings, "schedule", c->schedule));
    switch (c->schedule) {
    case SCHEDULE_CONSTANT:
        str_addc(out, '\n');
        return;
    case SCHEDULE_STEP:
        str_printf(out, "(every=%.0f, factor=", c->step_every);
        add_number(out, c->step_factor);
        break;
    case SCHEDULE_PIECEWISE:
        str_addc(out, '(');
        add_numbers(out, c->piece_at, c->n_pieces);
        str_add(out, ", ");
        add_numbers(out, c->piece_lr, c->n_pieces + 1);
        break;
    case SCHEDULE_COSINE:
        str_add(out, "(final=");
        add_number(out, c->cosine_final);
        break;
    }
    str_printf(out, ", per=%s)\n", c->schedule_per_step ? "step" : "epoch");
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
    str_printf(out, "    batch = %lld\n    epochs = %lld\n", (long long)c->batch, (long long)c->epochs);
    str_printf(out, "    clip = %s", form_name(train_settings, "clip", c->clip));
    if (c->clip != CLIP_NONE) {
        str_addc(out, '(');
        add_number(out, c->clip_at);
        str_addc(out, ')');
    }
    if (c->patience > 0) {
        str_printf(out, "\n    early_stop = patience(%lld)\n", (long long)c->patience);
    } else {
        str_add(out, "\n    early_stop = none\n");
    }
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
