/* config_init.c - initialisers, and who gets which: the init section's entries meet the parameters.
 *
 * The most specific one wins: an entry for the parameter's full name, then one for its operator (an error where the
 * operator says init= itself), then what the operator says, then entries for what is around it from the inside out,
 * then `weight` or `bias`. Entries other than full names are for weights only. */
#include "sections.h"

#include <stdlib.h>
#include <string.h>

static const char *const *init_names(Arena *a, int *n)
{
    *n = 0;
    while (init_registry[*n].name) {
        ++*n;
    }
    const char **names = arena_array(a, (size_t)*n, sizeof *names);
    for (int i = 0; i < *n; i++) {
        names[i] = init_registry[i].name;
    }
    return names;
}

bool sema_init(Sema *s, const Val *v, InitSpec *out)
{
    if (val_is_number(v)) {
        *out = (InitSpec){.name = "constant", .value = v->real, .loc = v->loc};
        return true;
    }
    bool named = v->kind == VAL_NAME || (v->kind == VAL_CALL && v->expr->kind == EXPR_CALL);
    int n = 0;
    const char *const *names = init_names(s->arena, &n);
    if (!named) {
        Diag *d = diag_error(s->diags, v->loc,
                             "an initialiser is a name such as he_normal, a call such as normal(std=0.01), or a "
                             "number, and this is %s",
                             v->kind == VAL_CALL ? "an expression" : val_kind_text(v));
        sema_note_calls(s, d, s->frame);
        return false;
    }
    const InitDef *def = init_find(v->text);
    if (!def) {
        Sections cx = {.s = s};
        unknown_form(&cx, v->kind == VAL_CALL ? v->name_loc : v->loc, "initialiser", v->text, names, n, NULL);
        return false;
    }
    /* bounds far outside anything useful keep the emitted floats finite */
    double limit = 1e6;
    AttrDef attrs[2] = {{0}, {0}};
    if (def->argument) {
        attrs[0] = (AttrDef){.name = def->argument,
                             .type = ATTR_REAL,
                             .positional = true,
                             .required = !def->standard,
                             .standard = def->standard,
                             .max = limit,
                             .min = def->law == INIT_CONSTANT ? -limit : 0,
                             .doc = arena_printf(s->arena, "its %s: %s", def->argument, def->doc)};
    }
    double value = 0;
    Loc locs[1];
    if (!sema_attrs_val(s, def->name, attrs, &value, locs, v)) {
        return false;
    }
    *out = (InitSpec){.name = def->name, .value = value, .loc = v->loc};
    return true;
}

/* ---- entries ---- */

typedef struct Labelled {
    InitEntry entry;
    bool valid;    /* its value could be read */
    bool repeated; /* an earlier one has its key */
    bool matched;  /* something has this name */
    bool applied;
    int order;
} Labelled;

static int by_key(const void *a, const void *b)
{
    const Labelled *p = *(Labelled *const *)a, *q = *(Labelled *const *)b;
    int order = strcmp(p->entry.key, q->entry.key);
    return order ? order : p->order - q->order;
}

typedef struct InitTable {
    Labelled *entries; /* in the order of the file */
    int n_entries;
    Labelled **sorted; /* by key, without repeated ones */
    int n;
} InitTable;

/* The entry for the first `length` bytes of a dotted name. */
static Labelled *lookup(const InitTable *table, const char *name, size_t length)
{
    int low = 0, high = table->n;
    while (low < high) {
        int mid = low + (high - low) / 2;
        const char *key = table->sorted[mid]->entry.key;
        int order = strncmp(key, name, length);
        if (order == 0 && key[length] != '\0') {
            order = 1;
        }
        if (order == 0) {
            return table->sorted[mid];
        }
        if (order < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return NULL;
}

/* Evaluates all entries; reports those given twice. */
static InitTable read_entries(Sections *cx, const Item *section)
{
    InitTable table = {0};
    if (!section || section->n_entries == 0) {
        return table;
    }
    size_t n = (size_t)section->n_entries;
    table.n_entries = section->n_entries;
    table.entries = arena_array(cx->s->arena, n, sizeof *table.entries);
    table.sorted = arena_array(cx->s->arena, n, sizeof *table.sorted);
    for (size_t i = 0; i < n; i++) {
        const Entry *e = &section->entries[i];
        Labelled *l = table.sorted[i] = &table.entries[i];
        l->entry.key = e->key;
        l->entry.key_loc = e->key_loc;
        l->order = (int)i;
        Val v = sema_eval(cx->s, cx->scope, e->value);
        l->valid = v.kind != VAL_NONE && sema_init(cx->s, &v, &l->entry.init);
    }
    qsort(table.sorted, n, sizeof *table.sorted, by_key);
    for (size_t i = 0; i < n; i++) {
        Labelled *l = table.sorted[i], *kept = table.n > 0 ? table.sorted[table.n - 1] : NULL;
        l->repeated = kept && strcmp(kept->entry.key, l->entry.key) == 0;
        if (l->repeated) {
            Diag *d = diag_error(cx->s->diags, l->entry.key_loc, "'%s' is given twice", l->entry.key);
            diag_note(cx->s->diags, d, kept->entry.key_loc, "first given here");
        } else {
            table.sorted[table.n++] = l;
        }
    }
    return table;
}

/* What an initialiser needs that a vector does not have. */
static const char *needed(const InitDef *def)
{
    return def->needs == INIT_NEEDS_FANS ? "fan-in" : "matrix";
}

static void read_default(Sections *cx, const InitTable *table, const char *key, InitSpec *out)
{
    Labelled *l = lookup(table, key, strlen(key));
    if (l) {
        l->matched = l->applied = true;
        if (l->valid) {
            *out = l->entry.init;
        }
    }
    const InitDef *def = init_find(out->name);
    if (strcmp(key, "bias") == 0 && def->needs) {
        Diag *d = diag_error(cx->s->diags, out->loc, "%s needs the %s of a product's weights, and a bias has none",
                             out->name, needed(def));
        diag_help(cx->s->diags, d, "biases start as a number, normal(std=...) or uniform(a=...)");
    }
}

/* ---- who gets what ---- */

static bool written_by_user(const Sections *cx, const InitSpec *init)
{
    /* what operators set themselves has no place, or one in the text of a default, which is no source any more */
    return init->name && init->loc.end > init->loc.start && init->loc.file >= 0 &&
           init->loc.file < cx->s->diags->n_sources;
}

static void take(Sections *cx, NetParam *p, Labelled *l, const char *owner)
{
    l->applied = true;
    if (written_by_user(cx, &p->init)) {
        Diag *d = diag_error(cx->s->diags, l->entry.key_loc,
                             "'%s' gets its initial values twice: here, and from init= on the operator", owner);
        diag_note(cx->s->diags, d, p->init.loc, "the operator says it here");
        diag_help(cx->s->diags, d, "remove one of the two");
        return;
    }
    if (l->valid) {
        p->init = l->entry.init;
    }
}

static void init_param(Sections *cx, const InitTable *table, NetParam *p)
{
    size_t length = strlen(p->name), operator_length = strlen(p->layer->path);
    bool done = false;
    for (;;) {
        Labelled *l = lookup(table, p->name, length);
        bool whole_name = p->name[length] == '\0', is_operator = length == operator_length;
        if (l) {
            l->matched = true;
        }
        if (l && whole_name && p->role == PARAM_STAT) {
            l->applied = done = true;
            diag_error(cx->s->diags, l->entry.key_loc, "%s is a statistic: it is measured, not initialised", p->name);
        } else if (l && whole_name) {
            take(cx, p, l, p->name);
            done = true;
        } else if (l && !done && p->role == PARAM_WEIGHT && (is_operator || !p->init.name)) {
            take(cx, p, l, l->entry.key);
            done = true;
        } else if (l && done && p->role == PARAM_WEIGHT) {
            l->applied = true; /* a more specific entry came first */
        }
        while (length > 0 && p->name[--length] != '.') {
        }
        if (length == 0) {
            break;
        }
    }
    if (!p->panels && written_by_user(cx, &p->init) && init_find(p->init.name)->needs) {
        Diag *d = diag_error(cx->s->diags, p->init.loc, "%s needs the %s of a product's weights, and %s is a plain vector",
                             p->init.name, needed(init_find(p->init.name)), p->name);
        diag_help(cx->s->diags, d, "write a number, normal(std=...) or uniform(a=...)");
    }
    if (!p->init.name) {
        p->init = p->role == PARAM_WEIGHT ? cx->config->weight_init : cx->config->bias_init;
    }
    init_resolve(p);
}

/* Paths of the operators that have weights: what entries are written for. At most `max`. */
static int weight_labels(const Net *net, const char **names, int max)
{
    int n = 0;
    for (int i = 0; i < net->n_params && n < max; i++) {
        const NetParam *p = net->params[i];
        if (p->role == PARAM_WEIGHT && (n == 0 || strcmp(names[n - 1], p->layer->path) != 0)) {
            names[n++] = p->layer->path;
        }
    }
    return n;
}

static void unknown_label(Sections *cx, const Labelled *l)
{
    enum { CANDIDATES = 500, SHOWN = 8 };
    Diags *ds = cx->s->diags;
    const char *key = l->entry.key;
    size_t length = strlen(key);
    for (int i = 0; i < cx->s->net->n_layers; i++) {
        const Layer *layer = cx->s->net->layers[i];
        if (strncmp(layer->name, key, length) == 0 && (layer->name[length] == '\0' || layer->name[length] == '.')) {
            Diag *d = diag_error(ds, l->entry.key_loc, "'%s' has no weights to initialise", key);
            diag_note(ds, d, layer->loc, "it is this %s", layer->op->name);
            return;
        }
    }
    const char *names[CANDIDATES + 2];
    int n = weight_labels(cx->s->net, names, CANDIDATES);
    Diag *d = diag_error(ds, l->entry.key_loc, "no operator with weights is called '%s'", key);
    names[n] = "weight";
    names[n + 1] = "bias";
    const char *near = did_you_mean(key, names, n + 2);
    if (near) {
        diag_help(ds, d, "did you mean '%s'?", near);
        return;
    }
    const char *list = "weight and bias, the defaults";
    for (int i = 0; i < n && i < SHOWN; i++) {
        list = arena_printf(cx->s->arena, "%s, %s", list, names[i]);
    }
    diag_help(ds, d, "init takes %s%s", list, n > SHOWN ? ", ..." : "");
}

void read_init(Sections *cx)
{
    Config *config = cx->config;
    Net *net = cx->s->net;
    InitTable table = read_entries(cx, cx->init);
    read_default(cx, &table, "weight", &config->weight_init);
    read_default(cx, &table, "bias", &config->bias_init);
    if (!cx->whole) {
        return;
    }
    for (int i = 0; i < net->n_params; i++) {
        init_param(cx, &table, net->params[i]);
    }
    int unknown = 0;
    config->inits = arena_array(cx->s->arena, (size_t)table.n + 1, sizeof *config->inits);
    for (int i = 0; i < table.n_entries; i++) {
        const Labelled *l = &table.entries[i];
        if (l->repeated) {
            continue;
        }
        if (!l->matched && unknown++ < DIAG_MAX) {
            unknown_label(cx, l);
        } else if (l->matched && !l->applied) {
            Diag *d = diag_warning(cx->s->diags, l->entry.key_loc, "'%s' initialises nothing", l->entry.key);
            diag_help(cx->s->diags, d, "every weight under it has initial values of its own");
        }
        if (strcmp(l->entry.key, "weight") != 0 && strcmp(l->entry.key, "bias") != 0) {
            config->inits[config->n_inits++] = l->entry;
        }
    }
}
