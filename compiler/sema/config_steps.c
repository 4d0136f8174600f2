/* config_steps.c - the settings of the train section that say how steps are made and how long: optimizer, schedules,
 * batches, clipping, noise, decay, stopping.
 *
 * A setting that takes words has a table of forms. The trainer's enumerators and the members of its structs
 * (runtime/model.h) are called as the forms and their arguments are, so that checking, --effective, the reference and
 * emission all go by these tables. */
#include "sections.h"

#include <string.h>

/* Reads a form and its arguments, a struct of `size` bytes, into *out. False: reported, and *out is as it was. */
static bool read_form(Sections *cx, const SettingDef *def, const FormDef *forms, const Val *v, size_t size, Loc *locs,
                      FormValue *out)
{
    void *args = arena_alloc(cx->s->arena, size);
    const FormDef *form = form_read(cx, def, forms, v, args, locs);
    if (form) {
        *out = (FormValue){form, args};
    }
    return form != NULL;
}

#define REAL_ATTR(type_of_args, member, usual, least, most, text)                                                      \
    {                                                                                                                  \
        .name = #member, .type = ATTR_REAL, .offset = offsetof(type_of_args, member), .standard = usual, .min = least, \
        .max = most, .doc = text                                                                                       \
    }

/* ---- optimizer ---- */

void set_optimizer(Sections *cx, const SettingDef *def, const Val *v)
{
    Config *c = cx->config;
    int n = 0;
    while (optimizer_registry[n]) {
        n++;
    }
    FormDef *forms = arena_array(cx->s->arena, (size_t)n + 1, sizeof *forms);
    for (int i = 0; i < n; i++) {
        const OptimizerDef *o = optimizer_registry[i];
        forms[i] = (FormDef){.name = o->name, .kind = i, .attrs = o->attrs};
    }
    OptimizerAttrs attrs = {0};
    Loc locs[SETTINGS_MAX];
    const FormDef *form = form_read(cx, def, forms, v, &attrs, locs);
    if (!form) {
        return;
    }
    c->optimizer_asked = optimizer_registry[form->kind];
    c->optimizer = optimizer_to_run(c->optimizer_asked, &attrs);
    c->opt = attrs;
    cx->optimizer_at = v->loc;
    for (int i = 0; form->attrs[i].name; i++) {
        if (strcmp(form->attrs[i].name, "lr") == 0) {
            cx->lr_at = locs[i];
        } else if (strcmp(form->attrs[i].name, "momentum") == 0) {
            cx->momentum_at = locs[i];
        } else if (strcmp(form->attrs[i].name, "nesterov") == 0 && attrs.nesterov && attrs.momentum == 0) {
            Diag *d = diag_error(cx->s->diags, locs[i], "nesterov=yes is a form of momentum, and the momentum is 0");
            diag_help(cx->s->diags, d, "write momentum=0.9 as well");
        }
    }
}

/* ---- schedule ----
 *
 * The formulas stand in runtime/schedule.h. */

static const char *const per_choices[] = {"epoch", "step", NULL};
#define PER_ATTR(usual)                                                                               \
    {                                                                                                 \
        .name = "per", .type = ATTR_CHOICE, .offset = offsetof(ScheduleArgs, per), .standard = usual, \
        .choices = per_choices, .doc = "what time is counted in"                                      \
    }
#define LENGTH_ATTR(member, text)                                                                         \
    {                                                                                                     \
        .name = #member, .type = ATTR_REAL, .offset = offsetof(ScheduleArgs, member), .positional = true, \
        .required = true, .min = 1e-9, .max = 1e12, .doc = text                                           \
    }
#define AT_ATTR(text)                                                                                                 \
    {                                                                                                                 \
        .name = "at", .type = ATTR_REALS, .offset = offsetof(ScheduleArgs, at), .positional = true, .required = true, \
        .min = 1e-9, .max = 1e12, .doc = text                                                                         \
    }
#define VALUES_ATTR(least, most, text)                                                                      \
    {                                                                                                       \
        .name = "values", .type = ATTR_REALS, .offset = offsetof(ScheduleArgs, values), .positional = true, \
        .required = true, .min = least, .max = most, .doc = text                                            \
    }

static const AttrDef step_attrs[] = {
    {.name = "every",
     .type = ATTR_INT,
     .offset = offsetof(ScheduleArgs, every),
     .required = true,
     .min = 1,
     .max = 1e12,
     .doc = "every=, the epochs or steps between changes"},
    {.name = "factor",
     .type = ATTR_REAL,
     .offset = offsetof(ScheduleArgs, factor),
     .required = true,
     .min = 1e-9,
     .max = 1000,
     .doc = "factor=, what the rate is multiplied by"},
    PER_ATTR("epoch"),
    {0},
};
static const AttrDef piecewise_attrs[] = {
    AT_ATTR("the list of epochs or steps at which the rate changes"),
    VALUES_ATTR(1e-12, 1e6, "the list of rates, one more than changes"),
    PER_ATTR("epoch"),
    {0},
};
static const AttrDef power_attrs[] = {
    LENGTH_ATTR(s, "the epochs or steps until the rate is halved"),
    PER_ATTR("epoch"),
    {0},
};
static const AttrDef exponential_attrs[] = {
    LENGTH_ATTR(s, "the epochs or steps until the rate is a tenth"),
    PER_ATTR("epoch"),
    {0},
};
static const AttrDef cosine_attrs[] = {
    REAL_ATTR(ScheduleArgs, final, "0", 0, 1, "the last rate as a share of lr"),
    PER_ATTR("epoch"),
    {0},
};
static const AttrDef one_cycle_attrs[] = {
    REAL_ATTR(ScheduleArgs, peak, "10", 1, 1e6, "the highest rate as a multiple of lr"),
    REAL_ATTR(ScheduleArgs, final, "0.001", 0, 1, "the last rate as a share of lr"),
    REAL_ATTR(ScheduleArgs, rest, "10%", 0, 0.9, "the share of the training after the cycle"),
    PER_ATTR("step"),
    {0},
};
static const AttrDef plateau_attrs[] = {
    {.name = "patience",
     .type = ATTR_INT,
     .offset = offsetof(ScheduleArgs, patience),
     .positional = true,
     .required = true,
     .min = 1,
     .max = 1000000,
     .doc = "a number of epochs"},
    REAL_ATTR(ScheduleArgs, factor, "0.1", 1e-9, 1, "what the rate is multiplied by"),
    REAL_ATTR(ScheduleArgs, lowest, "0", 0, 1e6, "the rate below which it does not fall"),
    {0},
};
static const AttrDef warmup_attrs[] = {
    LENGTH_ATTR(length, "the epochs or steps that it takes"),
    PER_ATTR("epoch"),
    {0},
};

const FormDef schedule_forms[] = {
    {"constant", SCHEDULE_CONSTANT, NULL, "the rate stays"},
    {"power", SCHEDULE_POWER, power_attrs, "lr / (1 + t/s): a half after s, a third after 2s"},
    {"exponential", SCHEDULE_EXPONENTIAL, exponential_attrs, "lr * 0.1^(t/s)"},
    {"step", SCHEDULE_STEP, step_attrs, "lr * factor^floor(t / every)"},
    {"piecewise", SCHEDULE_PIECEWISE, piecewise_attrs,
     "piecewise([82, 123], [0.1, 0.01, 0.001]): 0.1, from 82 on 0.01, from 123 on 0.001"},
    {"cosine", SCHEDULE_COSINE, cosine_attrs,
     "lr * (final + (1 - final) * (1 + cos(pi * t / T)) / 2), T the end of the training"},
    {"one_cycle", SCHEDULE_ONE_CYCLE, one_cycle_attrs,
     "in straight lines from lr to peak * lr and back to lr, then for the rest of the training to final * lr"},
    {"plateau", SCHEDULE_PLATEAU, plateau_attrs,
     "the rate is multiplied by factor after each so many epochs in a row without a better validation loss"},
    {"warmup", SCHEDULE_WARMUP, warmup_attrs,
     "lr * (t+1)/(length+1) until length, then lr; [warmup(5), cosine] is cosine after it, its t counted from there"},
    {0},
};

/* As many values as pieces, at rising places. Pre: locs are those of the arguments. */
static bool check_pieces(Sections *cx, const ScheduleArgs *args, const Loc *locs, const char *noun)
{
    Diags *ds = cx->s->diags;
    if (args->values.n != args->at.n + 1) {
        Diag *d = diag_error(ds, locs[1], "%d %s%s for %d change%s: there is one %s more than changes", args->values.n,
                             noun, args->values.n == 1 ? "" : "s", args->at.n, args->at.n == 1 ? "" : "s", noun);
        diag_note(ds, d, locs[0], "the changes are here");
        diag_help(ds, d, "the first %s holds up to the first change: piecewise([82, 123], %s)", noun,
                  strcmp(noun, "rate") == 0 ? "[0.1, 0.01, 0.001]" : "[0.5, 0.9, 0.95]");
        return false;
    }
    for (int i = 1; i < args->at.n; i++) {
        if (!(args->at.items[i] > args->at.items[i - 1])) {
            diag_error(ds, locs[0], "the changes must rise, and %.10g comes after %.10g", args->at.items[i],
                       args->at.items[i - 1]);
            return false;
        }
    }
    return true;
}

static bool read_schedule(Sections *cx, const SettingDef *def, const Val *v, FormValue *out)
{
    Loc locs[SETTINGS_MAX];
    FormValue schedule;
    if (!read_form(cx, def, schedule_forms, v, sizeof(ScheduleArgs), locs, &schedule)) {
        return false;
    }
    if (schedule.form->kind == SCHEDULE_PIECEWISE) {
        if (!check_pieces(cx, schedule.args, locs, "rate")) {
            return false;
        }
        cx->rates_at = locs[1];
    }
    *out = schedule;
    return true;
}

/* A schedule, or a list of a warm-up and one. */
void set_schedule(Sections *cx, const SettingDef *def, const Val *v)
{
    Config *c = cx->config;
    Diags *ds = cx->s->diags;
    FormValue first = {0}, second = {0};
    if (v->kind != VAL_LIST) {
        if (read_schedule(cx, def, v, &first)) {
            *(first.form->kind == SCHEDULE_WARMUP ? &c->warmup : &c->schedule) = first;
        }
        return;
    }
    if (v->n_items != 2) {
        Diag *d = diag_error(ds, v->loc, "a list of schedules is a warm-up and what comes after it, and this has %d",
                             v->n_items);
        diag_help(ds, d, "write schedule = [warmup(5), cosine]");
        return;
    }
    bool good = read_schedule(cx, def, &v->items[0], &first);
    good &= read_schedule(cx, def, &v->items[1], &second);
    if (!good) {
        return;
    }
    if (first.form->kind != SCHEDULE_WARMUP || second.form->kind == SCHEDULE_WARMUP) {
        Diag *d =
            diag_error(ds, v->loc, "a list of schedules is a warm-up and what comes after it, and this is %s and %s",
                       first.form->name, second.form->name);
        diag_help(ds, d,
                  second.form->kind == SCHEDULE_WARMUP && first.form->kind != SCHEDULE_WARMUP
                      ? "the warm-up comes first"
                      : "write schedule = [warmup(5), cosine]; piecewise has as many rates as you like");
        return;
    }
    c->warmup = first;
    c->schedule = second;
}

/* ---- momentum_schedule ---- */

static const AttrDef momenta_attrs[] = {
    AT_ATTR("the list of epochs or steps at which the momentum changes"),
    VALUES_ATTR(0, 0.999999, "the list of momenta, one more than changes"),
    PER_ATTR("epoch"),
    {0},
};
static const AttrDef linear_attrs[] = {
    {.name = "to",
     .type = ATTR_REAL,
     .offset = offsetof(ScheduleArgs, to),
     .positional = true,
     .required = true,
     .max = 0.999999,
     .doc = "the last momentum"},
    LENGTH_ATTR(length, "the epochs or steps that it takes to get there"),
    PER_ATTR("epoch"),
    {0},
};
static const AttrDef momentum_cycle_attrs[] = {
    REAL_ATTR(ScheduleArgs, low, "0.85", 0, 0.999999, "the lowest momentum, where the rate is highest"),
    REAL_ATTR(ScheduleArgs, rest, "10%", 0, 0.9, "the share of the training after the cycle"),
    PER_ATTR("step"),
    {0},
};
const FormDef momentum_forms[] = {
    {"constant", SCHEDULE_CONSTANT, NULL, "the momentum stays"},
    {"piecewise", SCHEDULE_PIECEWISE, momenta_attrs, "piecewise([10], [0.5, 0.9]): 0.5, from 10 on 0.9"},
    {"linear", SCHEDULE_LINEAR, linear_attrs, "in a straight line from the optimizer's momentum to another, then that"},
    {"one_cycle", SCHEDULE_ONE_CYCLE, momentum_cycle_attrs,
     "in straight lines from the optimizer's momentum to low and back, then that: the rate's one_cycle upside down"},
    {0},
};

void set_momentum_schedule(Sections *cx, const SettingDef *def, const Val *v)
{
    Loc locs[SETTINGS_MAX];
    FormValue schedule;
    if (!read_form(cx, def, momentum_forms, v, sizeof(ScheduleArgs), locs, &schedule)) {
        return;
    }
    if (schedule.form->kind == SCHEDULE_PIECEWISE) {
        if (!check_pieces(cx, schedule.args, locs, "value")) {
            return;
        }
        cx->momenta_at = locs[1];
    }
    cx->config->momentum_schedule = schedule;
    cx->momentum_schedule_at = v->loc;
}

static void range_unused(Sections *cx, Loc at, const char *name, const char *values, Loc values_at)
{
    Diag *d = diag_error(cx->s->diags, at, "a range for %s has nothing to change: piecewise has %s of its own", name,
                         values);
    diag_note(cx->s->diags, d, values_at, "the %s are here", values);
    diag_help(cx->s->diags, d, "write a number for %s, or another schedule", name);
}

/* What of the optimizer's rate and momentum the schedules leave unused, or cannot start from. */
void check_schedules(Sections *cx)
{
    const Config *c = cx->config;
    Diags *ds = cx->s->diags;
    if (c->schedule.form->kind == SCHEDULE_PIECEWISE && cx->lr_at.file >= 0) {
        double first = ((const ScheduleArgs *)c->schedule.args)->values.items[0];
        if (c->opt.lr_range.kind != RANGE_NONE) {
            range_unused(cx, cx->lr_at, "lr", "rates", cx->rates_at);
        } else if (c->opt.lr != first) {
            Diag *d = diag_warning(ds, cx->lr_at, "lr = %.10g is never used: the rates of piecewise begin with %.10g",
                                   c->opt.lr, first);
            diag_note(ds, d, cx->rates_at, "the rates are here");
        }
    }
    if (c->momentum_schedule.form->kind == SCHEDULE_CONSTANT) {
        return;
    }
    if (c->opt.momentum == 0) {
        Diag *d =
            diag_error(ds, cx->momentum_schedule_at,
                       "momentum_schedule changes the optimizer's momentum, and %s has none", c->optimizer_asked->name);
        if (cx->optimizer_at.file >= 0) {
            diag_note(ds, d, cx->optimizer_at, "the optimizer is here");
        }
        diag_help(ds, d, "write optimizer = sgd(lr=0.01, momentum=0.5), the momentum to begin with");
        return;
    }
    if (c->momentum_schedule.form->kind == SCHEDULE_PIECEWISE && cx->momentum_at.file >= 0) {
        double first = ((const ScheduleArgs *)c->momentum_schedule.args)->values.items[0];
        if (c->opt.momentum_range.kind != RANGE_NONE) {
            range_unused(cx, cx->momentum_at, "momentum", "momenta", cx->momenta_at);
        } else if (c->opt.momentum != first) {
            Diag *d = diag_warning(ds, cx->momentum_at,
                                   "momentum = %.10g is never used: the values of piecewise begin with %.10g",
                                   c->opt.momentum, first);
            diag_note(ds, d, cx->momenta_at, "the values are here");
        }
    }
}

/* ---- batch ---- */

static const AttrDef grow_attrs[] = {
    {.name = "first",
     .type = ATTR_INT,
     .offset = offsetof(BatchArgs, first),
     .positional = true,
     .required = true,
     .min = 1,
     .max = BATCH_MAX,
     .doc = "the samples of the first batches"},
    {.name = "last",
     .type = ATTR_INT,
     .offset = offsetof(BatchArgs, last),
     .positional = true,
     .required = true,
     .min = 1,
     .max = BATCH_MAX,
     .doc = "and of the last ones"},
    {.name = "every",
     .type = ATTR_INT,
     .offset = offsetof(BatchArgs, every),
     .required = true,
     .min = 1,
     .max = 1000000,
     .doc = "every=, the epochs between changes"},
    REAL_ATTR(BatchArgs, factor, "2", 1.0001, 1000, "what the batch is multiplied by"),
    {0},
};
const FormDef batch_forms[] = {
    {"all", BATCH_ALL, NULL, "the whole training part: one step an epoch"},
    {"grow", BATCH_GROW, grow_attrs, "min(last, round(first * factor^floor(epoch / every))), epochs counted from 0"},
    {0},
};

void set_batch(Sections *cx, const SettingDef *def, const Val *v)
{
    Config *c = cx->config;
    if (v->kind != VAL_NAME && v->kind != VAL_CALL) {
        setting_integer(cx, def, v, 1, BATCH_MAX, &c->batch);
        return;
    }
    Loc locs[SETTINGS_MAX];
    FormValue plan;
    if (!read_form(cx, def, batch_forms, v, sizeof(BatchArgs), locs, &plan)) {
        return;
    }
    if (plan.form->kind == BATCH_GROW) {
        const BatchArgs *args = plan.args;
        if (args->last <= args->first) {
            Diag *d = diag_error(cx->s->diags, locs[1], "a batch that grows from %lld cannot end at %lld",
                                 (long long)args->first, (long long)args->last);
            diag_help(cx->s->diags, d, "write batch = %lld for one that stays", (long long)args->first);
            return;
        }
        c->batch = args->last; /* what memory must be there for */
    }
    c->batch_plan = plan;
}

/* ---- clip ---- */

static const AttrDef value_attrs[] = {
    {.name = "limit",
     .type = ATTR_REAL,
     .offset = offsetof(ClipArgs, limit),
     .positional = true,
     .required = true,
     .min = 1e-12,
     .max = 1e12,
     .doc = "a limit"},
    {0},
};
static const AttrDef norm_attrs[] = {
    {.name = "limit",
     .type = ATTR_REAL_OR_AUTO,
     .offset = offsetof(ClipArgs, limit),
     .positional = true,
     .required = true,
     .min = 1e-12,
     .max = 1e12,
     .doc = "a limit, or auto"},
    REAL_ATTR(ClipArgs, multiple, "2", 0.01, 1000, "of auto: the limit as a multiple of the median norm"),
    {0},
};
static const AttrDef sign_attrs[] = {
    {.name = "size",
     .type = ATTR_REAL,
     .offset = offsetof(ClipArgs, size),
     .positional = true,
     .standard = "1",
     .min = 1e-12,
     .max = 1e12,
     .doc = "what each element becomes, but for its sign"},
    {0},
};
const FormDef clip_forms[] = {
    {"none", CLIP_NONE, NULL, "gradients as they are"},
    {"norm", CLIP_NORM, norm_attrs,
     "where the norm of the whole gradient is above the limit, it is scaled down to it; auto: the limit is a multiple "
     "of the median norm of the last 101 steps, once there were 10"},
    {"value", CLIP_VALUE, value_attrs, "each element of the gradient is limited to -limit..limit"},
    {"sign", CLIP_SIGN, sign_attrs, "size * sign(g): one bit of each element (Seide et al. 2014); 0 stays 0"},
    {0},
};

void set_clip(Sections *cx, const SettingDef *def, const Val *v)
{
    Loc locs[SETTINGS_MAX];
    FormValue clip;
    if (!read_form(cx, def, clip_forms, v, sizeof(ClipArgs), locs, &clip)) {
        return;
    }
    const ClipArgs *args = clip.args;
    if (clip.form->kind == CLIP_NORM && args->limit > 0 && locs[1].file >= 0) {
        Diag *d =
            diag_error(cx->s->diags, locs[1], "multiple belongs to norm(auto), and this limit is %.10g", args->limit);
        diag_help(cx->s->diags, d, "write norm(%.10g), or norm(auto, multiple=%.10g)", args->limit, args->multiple);
        return;
    }
    cx->config->clip = clip;
}

/* ---- gradient_noise ---- */

static const AttrDef annealed_attrs[] = {
    {.name = "eta",
     .type = ATTR_REAL,
     .offset = offsetof(NoiseArgs, eta),
     .positional = true,
     .required = true,
     .min = 1e-12,
     .max = 1e6,
     .doc = "eta, the variance at the first step"},
    REAL_ATTR(NoiseArgs, gamma, "0.55", 0, 10, "how fast the variance falls; 0: not at all"),
    {0},
};
const FormDef noise_forms[] = {
    {"none", NOISE_NONE, NULL, "no noise"},
    {"annealed", NOISE_ANNEALED, annealed_attrs,
     "normal noise of variance eta / (1+t)^gamma is added to each element after clipping, t the step from 0 "
     "(Neelakantan et al. 2015)"},
    {0},
};

void set_gradient_noise(Sections *cx, const SettingDef *def, const Val *v)
{
    Loc locs[SETTINGS_MAX];
    read_form(cx, def, noise_forms, v, sizeof(NoiseArgs), locs, &cx->config->gradient_noise);
}

/* ---- early_stop ---- */

#define THEN_ATTRS                                        \
    {.name = "then",                                      \
     .type = ATTR_INT,                                    \
     .offset = offsetof(StopArgs, then),                  \
     .standard = "0",                                     \
     .min = 0,                                            \
     .max = 1000000,                                      \
     .doc = "epochs that are still run once it strikes"}, \
        REAL_ATTR(StopArgs, factor, "0.1", 1e-9, 1, "what the rate is multiplied by for them")
#define WINDOW_ATTR                                                                                           \
    {                                                                                                         \
        .name = "window", .type = ATTR_INT, .offset = offsetof(StopArgs, window), .standard = "10", .min = 1, \
        .max = WINDOW_MAX, .doc = "a number of epochs"                                                        \
    }

static const AttrDef patience_attrs[] = {
    {.name = "epochs",
     .type = ATTR_INT,
     .offset = offsetof(StopArgs, epochs),
     .positional = true,
     .required = true,
     .min = 1,
     .max = 1000000,
     .doc = "a number of epochs"},
    THEN_ATTRS,
    {0},
};
static const AttrDef error_change_attrs[] = {
    WINDOW_ATTR,
    REAL_ATTR(StopArgs, min_delta, "0", 0, 1e6, "the least that the loss must have fallen over them"),
    THEN_ATTRS,
    {0},
};
static const AttrDef weight_change_attrs[] = {
    WINDOW_ATTR,
    {.name = "rho",
     .type = ATTR_REAL,
     .offset = offsetof(StopArgs, rho),
     .required = true,
     .min = 1e-12,
     .max = 1e6,
     .doc = "rho=, the change below which it stops"},
    {.name = "relative",
     .type = ATTR_BOOL,
     .offset = offsetof(StopArgs, relative),
     .standard = "no",
     .doc = "yes: rho is a share of the norm of all weights"},
    THEN_ATTRS,
    {0},
};
static const AttrDef gradient_norm_attrs[] = {
    {.name = "below",
     .type = ATTR_REAL,
     .offset = offsetof(StopArgs, below),
     .positional = true,
     .required = true,
     .min = 1e-30,
     .max = 1e12,
     .doc = "a norm"},
    THEN_ATTRS,
    {0},
};
const FormDef stop_forms[] = {
    {"none", STOP_NONE, NULL, "all epochs are run"},
    {"patience", STOP_PATIENCE, patience_attrs, "so many epochs in a row without a better validation loss"},
    {"error_change", STOP_ERROR_CHANGE, error_change_attrs,
     "the validation loss has not fallen, or by less than min_delta, from `window` epochs ago to the least since then"},
    {"weight_change", STOP_WEIGHT_CHANGE, weight_change_attrs,
     "no weight differs by rho or more from what it was `window` epochs ago; looked at every `window` epochs"},
    {"gradient_norm", STOP_GRADIENT_NORM, gradient_norm_attrs,
     "the norm of the gradient, its mean over an epoch as the log has it, is below a limit"},
    {0},
};

/* A rule, or a list of them: the first that strikes counts. */
void set_early_stop(Sections *cx, const SettingDef *def, const Val *v)
{
    Config *c = cx->config;
    const Val *items = v->kind == VAL_LIST ? v->items : v;
    int n = v->kind == VAL_LIST ? v->n_items : 1;
    Loc first[STOP_KINDS], locs[SETTINGS_MAX];
    for (int i = 0; i < STOP_KINDS; i++) {
        first[i] = loc_none();
    }
    c->stops = arena_array(cx->s->arena, (size_t)n + 1, sizeof *c->stops);
    for (int i = 0; i < n; i++) {
        FormValue stop;
        if (!read_form(cx, def, stop_forms, &items[i], sizeof(StopArgs), locs, &stop)) {
            continue;
        }
        if (stop.form->kind == STOP_NONE && v->kind == VAL_LIST) {
            Diag *d = diag_error(cx->s->diags, items[i].loc, "none is no rule to list");
            diag_help(cx->s->diags, d, "write early_stop = none, or [] for a list without rules");
        } else if (first[stop.form->kind].file >= 0) {
            Diag *d = diag_error(cx->s->diags, items[i].loc, "%s is listed twice", stop.form->name);
            diag_note(cx->s->diags, d, first[stop.form->kind], "first listed here");
        } else if (stop.form->kind != STOP_NONE) {
            first[stop.form->kind] = items[i].loc;
            c->stops[c->n_stops++] = stop;
        }
    }
}

/* ---- decay ---- */

const FormDef decay_forms[] = {
    {"weights", DECAY_WEIGHTS, NULL, "the weights of products: conv, dense"},
    {"all", DECAY_ALL, NULL, "every parameter that is trained, biases and batchnorm's vectors among them"},
    {0},
};

/* Whether the label is the parameter's full name, or that of something around it. */
static bool names_param(const char *label, const NetParam *p)
{
    size_t n = strlen(label);
    return strncmp(label, p->name, n) == 0 && (p->name[n] == '\0' || p->name[n] == '.');
}

static void unknown_decay(Sections *cx, const Val *label)
{
    const Net *net = cx->s->net;
    const char **names = arena_array(cx->s->arena, 2 * (size_t)net->n_params + 1, sizeof *names);
    int n = 0;
    for (int i = 0; i < net->n_params; i++) {
        names[n++] = net->params[i]->name;
        names[n++] = net->params[i]->layer->path;
    }
    Diag *d = diag_error(cx->s->diags, label->loc, "nothing with parameters is called '%s'", label->text);
    const char *near = did_you_mean(label->text, names, n);
    if (near) {
        diag_help(cx->s->diags, d, "did you mean '%s'?", near);
    }
}

static void decay_label(Sections *cx, const Val *label)
{
    const Net *net = cx->s->net;
    bool found = false;
    for (int i = 0; i < net->n_params; i++) {
        NetParam *p = net->params[i];
        if (names_param(label->text, p) && p->role != PARAM_STAT) {
            found = true;
            p->decays |= p->role == PARAM_WEIGHT || strcmp(p->name, label->text) == 0;
        }
    }
    if (!found) {
        unknown_decay(cx, label);
    }
}

/* Which parameters decay: a word, or a list of labels, which mean the weights under them, and of full names. */
void set_decay(Sections *cx, const SettingDef *def, const Val *v)
{
    const Net *net = cx->s->net;
    Config *c = cx->config;
    Loc locs[SETTINGS_MAX];
    if (v->kind != VAL_LIST) {
        FormValue decay;
        if (read_form(cx, def, decay_forms, v, 1, locs, &decay)) {
            c->decay = decay;
        }
        for (int i = 0; c->decay.form->kind == DECAY_ALL && cx->whole && i < net->n_params; i++) {
            net->params[i]->decays = net->params[i]->role != PARAM_STAT;
        }
        return;
    }
    c->decay = (FormValue){0};
    c->decay_labels = arena_array(cx->s->arena, (size_t)v->n_items + 1, sizeof *c->decay_labels);
    for (int i = 0; cx->whole && i < net->n_params; i++) {
        net->params[i]->decays = false;
    }
    for (int i = 0; i < v->n_items; i++) {
        const Val *label = &v->items[i];
        if (label->kind != VAL_NAME) {
            Diag *d = diag_error(cx->s->diags, label->loc, "decay lists labels, and this is %s", val_kind_text(label));
            diag_help(cx->s->diags, d, "write decay = [conv1, fc8.bias]");
            continue;
        }
        c->decay_labels[c->n_decay_labels++] = label->text;
        if (cx->whole) {
            decay_label(cx, label);
        }
    }
}
