/* config_transfer.c - the settings of the train section that say what training starts from and which parameters it
 * changes, by how much: weights, freeze, trainable, groups.
 *
 * They choose parameters by names: a label, or any part of a name that ends before a dot, stands for all that is under
 * it, a full name for one parameter, and either may be a pattern of the shell (fnmatch: * ? [...], where * also stands
 * for dots). The trainer reads `except` by the same rule (runtime/start.c). */
#define _POSIX_C_SOURCE 200809L
#include "sections.h"

#include <fnmatch.h>
#include <string.h>

/* ---- names ---- */

/* Whether the pattern is the parameter's name, or that of something around it. */
static bool chooses(Arena *a, const char *pattern, const NetParam *p)
{
    char *name = arena_strdup(a, p->name);
    for (;;) {
        if (fnmatch(pattern, name, 0) == 0) {
            return true;
        }
        char *dot = strrchr(name, '.');
        if (!dot) {
            return false;
        }
        *dot = '\0';
    }
}

/* Parameters' names, and what they begin with up to a dot, each at least once: what a name that chooses nothing may
 * have been. */
static const char **all_names(Sections *cx, int *n)
{
    const Net *net = cx->s->net;
    const char **names = NULL;
    int cap = 0;
    *n = 0;
    for (int i = 0; i < net->n_params; i++) {
        const char *name = net->params[i]->name;
        for (const char *dot = name; dot; dot = strchr(dot + 1, '.')) {
            names = vec_grow(cx->s->arena, names, *n, &cap, sizeof *names);
            names[(*n)++] = dot == name ? name : arena_strndup(cx->s->arena, name, (size_t)(dot - name));
        }
    }
    return names;
}

static void chooses_nothing(Sections *cx, const char *pattern, Loc at, const NetParam *statistic)
{
    enum { SHOWN = 6 };
    Diags *ds = cx->s->diags;
    if (statistic) {
        Diag *d = diag_error(ds, at, "'%s' is a statistic, not trained by gradients", statistic->name);
        diag_help(ds, d, "it stays as it is where all parameters of %s are frozen", statistic->layer->path);
        return;
    }
    const bool glob = pattern[strcspn(pattern, "*?[")] != '\0';
    Diag *d = glob ? diag_error(ds, at, "no parameter's name matches \"%s\"", pattern)
                   : diag_error(ds, at, "nothing with parameters is called '%s'", pattern);
    int n = 0;
    const char **names = all_names(cx, &n);
    const char *near = did_you_mean(pattern, names, n);
    if (near) {
        diag_help(ds, d, "did you mean '%s'?", near);
        return;
    }
    const Net *net = cx->s->net;
    const char *list = "";
    for (int i = 0; i < net->n_params && i < SHOWN; i++) {
        list = arena_printf(cx->s->arena, "%s%s%s", list, i ? ", " : "", net->params[i]->name);
    }
    diag_help(ds, d, "the parameters are %s%s", list, net->n_params > SHOWN ? ", ..." : "");
}

/* Sets chosen[i] of net->params for those that the names choose; reports names that choose none. Without `statistics`
 * these cannot be chosen. Returns whether all names chose something. */
static bool choose(Sections *cx, const Names *names, bool statistics, bool *chosen)
{
    const Net *net = cx->s->net;
    bool all = true;
    for (int k = 0; k < names->n; k++) {
        bool found = false;
        const NetParam *statistic = NULL;
        for (int i = 0; i < net->n_params; i++) {
            const NetParam *p = net->params[i];
            if (!chooses(cx->s->arena, names->items[k], p)) {
                continue;
            }
            if (p->role == PARAM_STAT && !statistics) {
                statistic = p;
            } else {
                found = chosen[i] = true;
            }
        }
        if (!found) {
            chooses_nothing(cx, names->items[k], names->locs[k], statistic);
            all = false;
        }
    }
    return all;
}

static bool *new_choice(const Sections *cx)
{
    return arena_array(cx->s->arena, (size_t)cx->s->net->n_params + 1, sizeof(bool));
}

/* A setting that is a list of names. */
static bool read_names(Sections *cx, const SettingDef *def, const Val *v, Names *out)
{
    Diags *ds = cx->s->diags;
    if (v->kind != VAL_LIST) {
        if (v->kind != VAL_NAME && v->kind != VAL_STRING) {
            return setting_wrong(cx, def, v);
        }
        Diag *d = diag_error(ds, v->loc, "%s is a list", def->key);
        diag_help(ds, d, "write %s = [%s]", def->key, val_text(cx->s->arena, v));
        return false;
    }
    for (int i = 0; i < v->n_items; i++) {
        if (v->items[i].kind != VAL_NAME && v->items[i].kind != VAL_STRING) {
            Diag *d = diag_error(ds, v->items[i].loc, "%s lists names, and this is %s", def->key,
                                 val_kind_text(&v->items[i]));
            diag_help(ds, d, "write %s = [conv1, \"layer?.*.bias\"]", def->key);
            return false;
        }
    }
    *out = val_names(cx->s->arena, v);
    return true;
}

/* ---- weights ---- */

static const AttrDef file_attrs[] = {
    {.name = "path",
     .type = ATTR_STRING,
     .offset = offsetof(WeightsArgs, path),
     .positional = true,
     .required = true,
     .doc = "the path of a safetensors file"},
    {.name = "except",
     .type = ATTR_NAMES,
     .offset = offsetof(WeightsArgs, except),
     .standard = "[]",
     .doc = "what starts as the init section says, whatever the file holds: a new head. What else the file holds is "
            "passed over then"},
    {.name = "partial",
     .type = ATTR_BOOL,
     .offset = offsetof(WeightsArgs, partial),
     .standard = "no",
     .doc = "takes what has the name and shape of a parameter, and leaves the rest"},
    {0},
};

const FormDef weights_forms[] = {
    {"none", WEIGHTS_NONE, NULL, "what the init section says"},
    {"file", WEIGHTS_FILE, file_attrs,
     "the weights of a file, which must have all parameters in their shapes, and no others; `\"PATH\"` alone is "
     "`file(\"PATH\")`; the folder of a run stands for its best.safetensors"},
    {0},
};

void set_weights(Sections *cx, const SettingDef *def, const Val *v)
{
    WeightsArgs *args = arena_alloc(cx->s->arena, sizeof *args);
    const FormDef *form = &weights_forms[WEIGHTS_FILE];
    Loc locs[SETTINGS_MAX];
    if (v->kind == VAL_STRING) {
        *args = (WeightsArgs){.path = v->text};
    } else if (v->kind == VAL_NAME || (v->kind == VAL_CALL && v->expr->kind == EXPR_CALL)) {
        form = form_read(cx, def, weights_forms, v, args, locs);
    } else {
        setting_wrong(cx, def, v);
        return;
    }
    if (form && form->kind == WEIGHTS_FILE && !*args->path) {
        Diag *d = diag_error(cx->s->diags, v->loc, "the path of the weights is empty");
        diag_help(cx->s->diags, d, "write weights = none to start from what the init section says");
    } else if (form) {
        cx->config->weights = (FormValue){form, args};
        cx->weights_at = v->loc;
    }
}

/* ---- freeze, trainable ---- */

void set_freeze(Sections *cx, const SettingDef *def, const Val *v)
{
    cx->freeze_at = v->loc;
    read_names(cx, def, v, &cx->config->freeze);
}

void set_trainable(Sections *cx, const SettingDef *def, const Val *v)
{
    cx->trainable_at = v->loc;
    cx->config->trainable_given = read_names(cx, def, v, &cx->config->trainable);
}

/* A statistic stays as it is if nothing of its operator is trained. */
static void freeze_statistics(const Net *net)
{
    for (int i = 0; i < net->n_layers; i++) {
        const Layer *l = net->layers[i];
        bool trained = false;
        for (int k = 0; k < l->n_params; k++) {
            trained |= param_is_trained(l->params[k]);
        }
        for (int k = 0; k < l->n_params; k++) {
            l->params[k]->frozen |= !trained;
        }
    }
}

static void freeze_parameters(Sections *cx)
{
    const Config *c = cx->config;
    const Net *net = cx->s->net;
    Diags *ds = cx->s->diags;
    if (cx->freeze_at.file >= 0 && cx->trainable_at.file >= 0) {
        Diag *d = diag_error(ds, cx->trainable_at, "freeze and trainable are both given");
        diag_note(ds, d, cx->freeze_at, "freeze is here");
        diag_help(ds, d, "give one: freeze names what keeps its values, trainable names all that does not");
        return;
    }
    const Names *names = c->trainable_given ? &c->trainable : &c->freeze;
    bool *chosen = new_choice(cx), any = false;
    if (!choose(cx, names, false, chosen) || (names->n == 0 && !c->trainable_given)) {
        return;
    }
    for (int i = 0; i < net->n_params; i++) {
        NetParam *p = net->params[i];
        p->frozen = p->role != PARAM_STAT && chosen[i] != c->trainable_given;
        any |= param_is_trained(p);
    }
    freeze_statistics(net);
    if (!any && net->n_params > 0) {
        Diag *d = diag_error(ds, c->trainable_given ? cx->trainable_at : cx->freeze_at,
                             "all parameters are frozen: there is nothing to train");
        diag_help(ds, d, "a new head is trained by trainable = [%s]", net->params[net->n_params - 1]->layer->path);
    }
}

/* ---- groups ---- */

static const AttrDef group_attrs[] = {
    {.name = "names",
     .type = ATTR_NAMES,
     .offset = offsetof(GroupArgs, names),
     .positional = true,
     .required = true,
     .doc = "a list of labels, and of patterns in quotes"},
    {.name = "lr_scale",
     .type = ATTR_REAL,
     .offset = offsetof(GroupArgs, lr_scale),
     .standard = "1",
     .min = 0,
     .max = 1e6,
     .doc = "factor on the learning rate of each step"},
    {.name = "decay_scale",
     .type = ATTR_REAL,
     .offset = offsetof(GroupArgs, decay_scale),
     .standard = "1",
     .min = 0,
     .max = 1e6,
     .doc = "factor on weight_decay and l1 of those that `decay` chooses"},
    {0},
};

const FormDef group_forms[] = {
    {"group", 0, group_attrs,
     "rate and decay of the parameters that are named, whatever the schedule makes of the rate"},
    {0},
};

void set_groups(Sections *cx, const SettingDef *def, const Val *v)
{
    Config *c = cx->config;
    const Val *items = v->kind == VAL_LIST ? v->items : v;
    const int n = v->kind == VAL_LIST ? v->n_items : 1;
    c->groups = arena_array(cx->s->arena, (size_t)n + 1, sizeof *c->groups);
    cx->groups_at = arena_array(cx->s->arena, (size_t)n + 1, sizeof *cx->groups_at);
    for (int i = 0; i < n; i++) {
        GroupArgs *args = arena_alloc(cx->s->arena, sizeof *args);
        Loc locs[SETTINGS_MAX];
        const FormDef *form = form_read(cx, def, group_forms, &items[i], args, locs);
        if (form && args->lr_scale == 0) {
            Diag *d = diag_error(cx->s->diags, locs[1], "lr_scale = 0 would train nothing of the group");
            diag_help(cx->s->diags, d, "write freeze = [...]: what is frozen needs no gradients");
        } else if (form) {
            cx->groups_at[c->n_groups] = items[i].loc;
            c->groups[c->n_groups++] = (FormValue){form, args};
        }
    }
}

static void place_in_groups(Sections *cx)
{
    const Config *c = cx->config;
    const Net *net = cx->s->net;
    Diags *ds = cx->s->diags;
    for (int g = 0; g < c->n_groups; g++) {
        const GroupArgs *args = c->groups[g].args;
        bool *chosen = new_choice(cx), trained = false;
        if (!choose(cx, &args->names, false, chosen)) {
            continue;
        }
        const NetParam *twice = NULL;
        for (int i = 0; i < net->n_params; i++) {
            NetParam *p = net->params[i];
            if (chosen[i] && p->group > 0 && !twice) {
                twice = p;
            } else if (chosen[i]) {
                p->group = g + 1;
                trained |= !p->frozen;
            }
        }
        if (twice) {
            Diag *d = diag_error(ds, cx->groups_at[g], "%s is in two groups", twice->name);
            diag_note(ds, d, cx->groups_at[twice->group - 1], "the other is here");
            diag_help(ds, d, "groups have no order: name each parameter in one of them");
        } else if (!trained && args->names.n > 0) {
            Diag *d = diag_warning(ds, cx->groups_at[g], "this group changes nothing: all of it is frozen");
            diag_note(ds, d, c->trainable_given ? cx->trainable_at : cx->freeze_at, "by this");
        }
    }
}

void check_transfer(Sections *cx)
{
    const WeightsArgs *weights = cx->config->weights.args;
    if (weights) {
        choose(cx, &weights->except, true, new_choice(cx));
    }
    freeze_parameters(cx);
    place_in_groups(cx);
}
