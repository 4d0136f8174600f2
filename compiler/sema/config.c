/* config.c - the init, data and train sections: finds them, and reads data and train by the tables of their settings.
 *
 * What a setting may be stands in one row of data_settings or train_settings; this file holds what rows have in common:
 * unknown and repeated keys, words that are unknown or not available yet, arguments. */
#include "sections.h"

#include <string.h>

const Layer *main_output(const Sections *cx)
{
    return cx->s->net->outputs[0];
}

int64_t main_size(const Sections *cx)
{
    return shape_size(main_output(cx)->out);
}

/* ---- values ---- */

static const char *name_list(Arena *a, const char *const *names, int n)
{
    Str list = {0};
    for (int i = 0; i < n; i++) {
        str_printf(&list, "%s%s", i ? ", " : "", names[i]);
    }
    const char *text = arena_strdup(a, list.data ? list.data : "");
    str_free(&list);
    return text;
}

static const char **names_of(Arena *a, const FormDef *forms, int *n)
{
    *n = 0;
    while (forms && forms[*n].name) {
        ++*n;
    }
    const char **names = arena_array(a, (size_t)*n + 1, sizeof *names);
    for (int i = 0; i < *n; i++) {
        names[i] = forms[i].name;
    }
    return names;
}

const char *form_names(Arena *a, const FormDef *forms)
{
    int n = 0;
    const char **names = names_of(a, forms, &n);
    return name_list(a, names, n);
}

static bool is_one_of(const char *const *words, const char *word)
{
    for (; words && *words; words++) {
        if (strcmp(*words, word) == 0) {
            return true;
        }
    }
    return false;
}

void unknown_form(Sections *cx, Loc at, const char *noun, const char *name, const char *const *names, int n,
                  const char *const *later)
{
    Diags *ds = cx->s->diags;
    if (is_one_of(later, name)) {
        Diag *d = diag_error(ds, at, "the %s '%s' is not available yet", noun, name);
        diag_help(ds, d, "there %s %s", n == 1 ? "is" : "are", name_list(cx->s->arena, names, n));
        return;
    }
    Diag *d = diag_error(ds, at, "unknown %s '%s'", noun, name);
    const char *near = did_you_mean(name, names, n);
    if (near) {
        diag_help(ds, d, "did you mean '%s'?", near);
    } else {
        diag_help(ds, d, "there %s %s", n == 1 ? "is" : "are", name_list(cx->s->arena, names, n));
    }
}

/* What a value is, for "and this is ...". */
static const char *described(Arena *a, const Val *v)
{
    if (v->kind == VAL_CALL && v->expr->kind == EXPR_BINARY) {
        return "an expression";
    }
    if (v->kind == VAL_NAME) {
        return arena_printf(a, "the name '%s'", v->text);
    }
    if (v->kind == VAL_CALL || v->kind == VAL_LIST) {
        return val_kind_text(v);
    }
    return arena_printf(a, "%s: %s", val_kind_text(v), val_text(a, v));
}

bool setting_wrong(Sections *cx, const SettingDef *def, const Val *v)
{
    if ((v->kind == VAL_NAME || v->kind == VAL_CALL) && is_one_of(def->later, v->text)) {
        Diag *d = diag_error(cx->s->diags, v->loc, "%s = %s is not available yet", def->key, v->text);
        diag_help(cx->s->diags, d, "%s is %s", def->key, def->takes);
        return false;
    }
    diag_error(cx->s->diags, v->loc, "%s is %s, and this is %s", def->key, def->takes, described(cx->s->arena, v));
    return false;
}

bool setting_integer(Sections *cx, const SettingDef *def, const Val *v, int64_t min, int64_t max, int64_t *out)
{
    if (v->kind != VAL_INT) {
        return setting_wrong(cx, def, v);
    }
    if (v->integer < min || v->integer > max) {
        if (max == INT64_MAX) {
            diag_error(cx->s->diags, v->loc, "%s must be at least %lld, and this is %lld", def->key, (long long)min,
                       (long long)v->integer);
        } else {
            diag_error(cx->s->diags, v->loc, "%s must lie between %lld and %lld, and this is %lld", def->key,
                       (long long)min, (long long)max, (long long)v->integer);
        }
        return false;
    }
    *out = v->integer;
    return true;
}

const FormDef *form_read(Sections *cx, const SettingDef *def, const FormDef *forms, const Val *v, void *attrs,
                         Loc *locs)
{
    bool named = v->kind == VAL_NAME || (v->kind == VAL_CALL && v->expr->kind == EXPR_CALL);
    if (!named) {
        Diag *d = diag_error(cx->s->diags, v->loc, "this is %s, where the name of %s %s belongs",
                             described(cx->s->arena, v), strchr("aeiou", def->noun[0]) ? "an" : "a", def->noun);
        diag_help(cx->s->diags, d, "there %s %s", forms[1].name ? "are" : "is", form_names(cx->s->arena, forms));
        return NULL;
    }
    for (const FormDef *f = forms; f->name; f++) {
        if (strcmp(f->name, v->text) == 0) {
            return sema_attrs_val(cx->s, f->name, f->attrs, attrs, locs, v) ? f : NULL;
        }
    }
    int n = 0;
    const char **names = names_of(cx->s->arena, forms, &n);
    unknown_form(cx, v->kind == VAL_CALL ? v->name_loc : v->loc, def->noun, v->text, names, n, def->later);
    return NULL;
}

/* ---- keys ---- */

/* Keys of later versions. */
static const char *const later_data[] = {"split", NULL};
static const char *const later_train[] = {"members", NULL};

static int find_setting(const SettingDef *settings, const char *key)
{
    for (int i = 0; settings[i].key; i++) {
        if (strcmp(settings[i].key, key) == 0) {
            return i;
        }
    }
    return -1;
}

/* Where a key belongs that is an argument of a setting, as people know it from elsewhere. */
static const char *call_with(const char *key)
{
    static const struct {
        const char *key, *call;
    } calls[] = {
        {"lr", "optimizer = sgd(lr=0.01)"},
        {"learning_rate", "optimizer = sgd(lr=0.01)"},
        {"momentum", "optimizer = sgd(lr=0.01, momentum=0.9)"},
        {"nesterov", "optimizer = sgd(lr=0.01, momentum=0.9, nesterov=yes)"},
        {"weight_decay", "optimizer = sgd(lr=0.01, weight_decay=5e-4)"},
        {"l2", "optimizer = sgd(lr=0.01, weight_decay=5e-4)"},
        {"l1", "optimizer = sgd(lr=0.01, l1=1e-5)"},
        {"warmup", "schedule = [warmup(5), constant]"},
        {"patience", "early_stop = patience(5)"},
        {"frozen", "freeze = [conv1]"},
        {"lr_scale", "groups = [group([conv1], lr_scale=0.1)]"},
        {"decay_scale", "groups = [group([conv1], decay_scale=0)]"},
        {"pretrained", "weights = \"file.safetensors\""},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (strcmp(calls[i].key, key) == 0) {
            return calls[i].call;
        }
    }
    return NULL;
}

static void unknown_key(Sections *cx, const Item *section, const SettingDef *settings, const Entry *e)
{
    Diags *ds = cx->s->diags;
    const char *names[SETTINGS_MAX];
    int n = 0;
    while (settings[n].key) {
        names[n] = settings[n].key;
        n++;
    }
    const SettingDef *others = settings == data_settings ? train_settings : data_settings;
    if (is_one_of(settings == data_settings ? later_data : later_train, e->key)) {
        Diag *d = diag_error(ds, e->key_loc, "the key '%s' is not available yet", e->key);
        if (strcmp(e->key, "members") == 0) {
            diag_help(ds, d, "a committee is trained by the command: train --members 5");
        } else {
            diag_help(ds, d, "%s takes %s", section->name, name_list(cx->s->arena, names, n));
        }
        return;
    }
    Diag *d = diag_error(ds, e->key_loc, "unknown key '%s' in %s", e->key, section->name);
    const char *near = did_you_mean(e->key, names, n);
    const char *call = settings == train_settings ? call_with(e->key) : NULL;
    if (find_setting(others, e->key) >= 0) {
        diag_help(ds, d, "'%s' belongs in the %s section", e->key, others[0].section);
    } else if (call) {
        diag_help(ds, d, "write %s", call);
    } else if (near) {
        diag_help(ds, d, "did you mean '%s'?", near);
    } else {
        diag_help(ds, d, "%s takes %s", section->name, name_list(cx->s->arena, names, n));
    }
}

/* Reads a section's entries into the configuration. Settings that are not given keep what is there. */
static void read_settings(Sections *cx, const Item *section, const SettingDef *settings)
{
    Loc keys[SETTINGS_MAX];
    for (int i = 0; i < SETTINGS_MAX; i++) {
        keys[i] = loc_none();
    }
    int errors = cx->s->diags->errors;
    for (int i = 0; section && i < section->n_entries; i++) {
        const Entry *e = &section->entries[i];
        int k = find_setting(settings, e->key);
        if (k < 0) {
            unknown_key(cx, section, settings, e);
            continue;
        }
        if (keys[k].file >= 0) {
            Diag *d = diag_error(cx->s->diags, e->key_loc, "'%s' is given twice", e->key);
            diag_note(cx->s->diags, d, keys[k], "first given here");
            continue;
        }
        keys[k] = e->key_loc;
        Val v = sema_eval(cx->s, cx->scope, e->value);
        if (v.kind != VAL_NONE) {
            settings[k].set(cx, &settings[k], &v);
        }
    }
    if (section && settings == data_settings && keys[0].file < 0 && cx->whole && cx->s->diags->errors == errors) {
        Diag *d = diag_error(cx->s->diags, section->name_loc, "the data section has no source");
        diag_help(cx->s->diags, d, "write source = idx(\"folder\"); there are %s",
                  form_names(cx->s->arena, settings[0].forms));
    }
}

/* ---- the whole ---- */

static void find_sections(Sections *cx, const Ast *ast)
{
    const struct {
        const char *name;
        const Item **item;
    } sections[] = {{"init", &cx->init}, {"data", &cx->data}, {"train", &cx->train}};
    for (int i = 0; i < ast->n_items; i++) {
        const Item *item = &ast->items[i];
        for (int k = 0; item->kind == ITEM_SECTION && k < 3; k++) {
            if (strcmp(sections[k].name, item->name) != 0) {
                continue;
            }
            if (*sections[k].item) {
                Diag *d = diag_error(cx->s->diags, item->name_loc, "a second %s section", item->name);
                diag_note(cx->s->diags, d, (*sections[k].item)->name_loc, "the first is here");
                diag_help(cx->s->diags, d, "a model file has at most one: put all its keys there");
            } else {
                *sections[k].item = item;
            }
        }
    }
}

/* Heads are called what output(...) calls them. Pre: the network has no error. */
static void name_outputs(Sections *cx, const Ast *ast)
{
    Net *net = cx->s->net;
    net->output_names = arena_array(cx->s->arena, (size_t)net->n_outputs, sizeof *net->output_names);
    const Stmt *last = NULL;
    for (int i = 0; i < ast->n_items; i++) {
        const Item *item = &ast->items[i];
        if (item->kind == ITEM_NETWORK && item->body.len > 0) {
            last = &item->body.items[item->body.len - 1];
        }
    }
    for (int i = 0; i < net->n_outputs; i++) {
        net->output_names[i] = net->outputs[i]->name;
        if (last->n_chain > 0 && strcmp(last->chain[0].name, "output") == 0) {
            net->output_names[i] = last->chain[0].args[i].value->text;
        } else if (last->label) {
            net->output_names[i] = last->label;
        }
    }
}

void sema_sections(Sema *s, const Ast *ast, Scope *scope)
{
    Config *config = arena_alloc(s->arena, sizeof *config);
    *config = (Config){
        .weight_init = {.name = "he_normal", .loc = loc_none()},
        .bias_init = {.name = "constant", .loc = loc_none()},
        .optimizer = optimizer_find("sgd"),
        .optimizer_asked = optimizer_find("sgd"),
        .opt = {.lr = 0.01},
        .schedule = {.form = &schedule_forms[0]},
        .momentum_schedule = {.form = &momentum_forms[0]},
        .batch = 64,
        .epochs = 10,
        .clip = {.form = &clip_forms[0]},
        .gradient_noise = {.form = &noise_forms[0]},
        .decay = {.form = &decay_forms[0]},
        .weights = {.form = &weights_forms[0]},
        .seed = 1,
    };
    s->net->config = config;
    const Loc nowhere = loc_none();
    Sections cx = {
        .s = s,
        .scope = scope,
        .config = config,
        .loss_at = nowhere,
        .optimizer_at = nowhere,
        .momentum_schedule_at = nowhere,
        .lr_at = nowhere,
        .momentum_at = nowhere,
        .rates_at = nowhere,
        .momenta_at = nowhere,
        .accuracy_at = nowhere,
        .weights_at = nowhere,
        .freeze_at = nowhere,
        .trainable_at = nowhere,
    };
    cx.whole = s->diags->errors == 0 && s->net->input && s->net->n_outputs > 0;
    if (cx.whole) {
        name_outputs(&cx, ast);
    }
    find_sections(&cx, ast);
    config->has_data = cx.data != NULL;
    config->has_train = cx.train != NULL;
    read_init(&cx);
    read_settings(&cx, cx.data, data_settings);
    read_settings(&cx, cx.train, train_settings);
    finish_train(&cx);
}
