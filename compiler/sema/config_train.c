/* config_train.c - the settings of the train section, the losses among them. */
#include "sections.h"

#include <string.h>

/* ---- loss ---- */

enum { LOSS_NODES_MAX = 400 }; /* of the expression: constants that double each other could make it endless */

typedef struct LossWalk {
    Sections *cx;
    const SettingDef *def;
    LossTerm *terms;
    int n, cap;
    int nodes;
} LossWalk;

static const OpDef *find_loss(const char *name)
{
    const OpDef *op = op_find(name);
    return op && (op->traits & OP_LOSS) ? op : NULL;
}

static void unknown_loss(LossWalk *w, Loc at, const char *name)
{
    const char *names[32];
    int n = 0;
    for (int i = 0; op_registry[i] && n < 32; i++) {
        if (op_registry[i]->summary && (op_registry[i]->traits & OP_LOSS)) {
            names[n++] = op_registry[i]->name;
        }
    }
    unknown_form(w->cx, at, "loss", name, names, n, NULL);
}

/* The output that a loss reads, by its name; -1: reported. */
static int find_head(LossWalk *w, const Expr *name)
{
    const Net *net = w->cx->s->net;
    Diags *ds = w->cx->s->diags;
    for (int i = 0; i < net->n_outputs; i++) {
        if (strcmp(net->output_names[i], name->text) == 0) {
            return i;
        }
    }
    Diag *d = diag_error(ds, name->loc, "no output of the network is called '%s'", name->text);
    const char *near = did_you_mean(name->text, net->output_names, net->n_outputs);
    if (near) {
        diag_help(ds, d, "did you mean '%s'?", near);
    } else if (net->n_outputs == 1) {
        diag_help(ds, d, "the only one is %s; more are named by output(%s, ...) at the end of the network",
                  net->output_names[0], net->output_names[0]);
    } else {
        const char *list = net->output_names[0];
        for (int i = 1; i < net->n_outputs && i < 8; i++) {
            list = arena_printf(w->cx->s->arena, "%s, %s", list, net->output_names[i]);
        }
        diag_help(ds, d, "the outputs are %s", list);
    }
    return -1;
}

/* A loss of classes ends in a softmax of its own, binary cross entropy in a sigmoid: behind the other one they hardly learn. */
static void warn_of_other_end(LossWalk *w, const LossTerm *t, const Layer *head)
{
    bool softmax = (head->op->traits & OP_SOFTMAX) && (t->op->traits & OP_TAKES_SIGMOID);
    bool sigmoid = (head->op->traits & OP_SIGMOID) && (t->op->traits & OP_TAKES_SOFTMAX);
    if (softmax || sigmoid) {
        Diag *d = diag_warning(w->cx->s->diags, t->loc, "%s applies a %s to its input, and that has been through a %s already",
                               t->op->name, softmax ? "sigmoid" : "softmax", head->op->name);
        diag_note(w->cx->s->diags, d, head->loc, "the output is here");
        diag_help(w->cx->s->diags, d, "end the network before the %s, or write loss = %s", head->op->name,
                  softmax ? "cross_entropy" : "binary_cross_entropy");
    }
}

static bool loss_fits(LossWalk *w, const LossTerm *t)
{
    const Net *net = w->cx->s->net;
    Diags *ds = w->cx->s->diags;
    const Layer *head = net->outputs[t->head];
    const char *name = net->output_names[t->head];
    for (int i = 0; i < w->n; i++) {
        if (w->terms[i].op == t->op && w->terms[i].head == t->head) {
            Diag *d = diag_error(ds, t->loc, "%s of %s stands twice in the loss", t->op->name, name);
            diag_note(ds, d, w->terms[i].loc, "the first is here");
            diag_help(ds, d, "write it once, with the sum of the two weights");
            return false;
        }
    }
    Shape out = head->out;
    warn_of_other_end(w, t, head);
    if (!(t->op->traits & OP_LABELS)) {
        if (!shape_equal(out, main_output(w->cx)->out)) {
            Diag *d = diag_error(ds, t->loc, "%s gives %s and %s gives %s, but both are compared with the same targets", name,
                                 shape_text(w->cx->s->arena, out), net->output_names[0],
                                 shape_text(w->cx->s->arena, main_output(w->cx)->out));
            diag_note(ds, d, head->loc, "%s is here", name);
            diag_note(ds, d, main_output(w->cx)->loc, "%s is here", net->output_names[0]);
            return false;
        }
        return true;
    }
    if (out.h * out.w != 1 || out.c < 2) {
        Diag *d =
            diag_error(ds, t->loc, "%s reads a vector with a value for each of at least 2 classes, and %s gives %s",
                       t->op->name, name, shape_text(w->cx->s->arena, out));
        diag_note(ds, d, head->loc, "the output is here");
        diag_help(ds, d, "end the network with dense(classes), or write loss = mse");
        return false;
    }
    if (out.c != main_size(w->cx)) {
        Diag *d = diag_error(ds, t->loc,
                             "%s gives %lld values and %s gives %lld, but both are compared with the same class labels",
                             name, (long long)out.c, net->output_names[0], (long long)main_size(w->cx));
        diag_note(ds, d, head->loc, "%s is here", name);
        diag_note(ds, d, main_output(w->cx)->loc, "%s is here", net->output_names[0]);
        return false;
    }
    return true;
}

/* One loss: e is its name, or its call. */
static void add_term(LossWalk *w, const Expr *e, double weight)
{
    Sections *cx = w->cx;
    Diags *ds = cx->s->diags;
    bool call = e->kind == EXPR_CALL;
    LossTerm t = {.op = find_loss(e->text), .weight = weight, .loc = e->loc};
    if (!t.op) {
        unknown_loss(w, call ? e->name_loc : e->loc, e->text);
        return;
    }
    const Arg *args = e->args;
    int n_args = call ? e->n_args : 0;
    if (n_args > 0 && !args[0].name) {
        if (args[0].value->kind != EXPR_NAME) {
            Diag *d = diag_error(ds, args[0].loc, "%s reads an output of the network, by its label", e->text);
            diag_help(ds, d, "write %s(main) where the network ends with output(main, ...), or only %s", e->text,
                      e->text);
            return;
        }
        t.head = cx->whole ? find_head(w, args[0].value) : 0;
        args++;
        n_args--;
    }
    Loc *locs = arena_array(cx->s->arena, (size_t)attr_count(t.op->attrs) + 1, sizeof *locs);
    t.attrs = arena_alloc(cx->s->arena, sizeof *t.attrs);
    bool ok = sema_attrs(cx->s, cx->scope, t.op->name, t.op->attrs, t.attrs, locs, args, n_args, e->loc);
    if (!(weight >= 1e-9 && weight <= 1e9)) {
        diag_error(ds, e->loc, "the weight of a loss must lie between 1e-9 and 1e9, and this one's is %.10g",
                   weight);
        ok = false;
    }
    if (!ok || !cx->whole || t.head < 0 || !loss_fits(w, &t)) {
        return;
    }
    w->terms = vec_grow(cx->s->arena, w->terms, w->n, &w->cap, sizeof *w->terms);
    w->terms[w->n++] = t;
}

/* Takes `scale * e` apart into weighted losses. */
static void walk_loss(LossWalk *w, const Expr *e, double scale)
{
    Sections *cx = w->cx;
    Diags *ds = cx->s->diags;
    if (w->nodes >= LOSS_NODES_MAX) {
        if (w->nodes == LOSS_NODES_MAX) {
            w->nodes++; /* say it once */
            diag_error(ds, e->loc, "the sum of losses is too long");
        }
        return;
    }
    w->nodes++;
    if (e->kind == EXPR_CALL) {
        add_term(w, e, scale);
        return;
    }
    if (e->kind == EXPR_BINARY && e->op == '+') {
        walk_loss(w, e->left, scale);
        walk_loss(w, e->right, scale);
        return;
    }
    if (e->kind == EXPR_BINARY && e->op == '-') {
        Diag *d = diag_error(ds, e->loc, "losses are added, not subtracted");
        diag_help(ds, d, "write a + 0.3*b with weights above 0");
        return;
    }
    if (e->kind == EXPR_BINARY) {
        Val left = sema_eval(cx->s, cx->scope, e->left), right = sema_eval(cx->s, cx->scope, e->right);
        if (e->op == '*' && val_is_number(&left) && !val_is_number(&right)) {
            walk_loss(w, e->right, scale * left.real);
        } else if (val_is_number(&right) && right.real != 0 && !val_is_number(&left)) {
            walk_loss(w, e->left, e->op == '*' ? scale * right.real : scale / right.real);
        } else {
            Diag *d = diag_error(ds, e->loc, "a loss is weighted by a number that is not 0");
            diag_help(ds, d, "write 0.3*cross_entropy(aux1)");
        }
        return;
    }
    Val v = sema_eval(cx->s, cx->scope, e);
    if (v.kind == VAL_NAME && v.expr == e) {
        add_term(w, e, scale);
    } else if (v.kind == VAL_NAME || v.kind == VAL_CALL) {
        walk_loss(w, v.expr, scale); /* a constant that stands for a loss */
    } else if (v.kind != VAL_NONE) {
        setting_wrong(cx, w->def, &v);
    }
}

static void set_loss(Sections *cx, const SettingDef *def, const Val *v)
{
    LossWalk w = {.cx = cx, .def = def};
    cx->loss_given = true;
    cx->loss_at = v->loc;
    if (v->kind == VAL_NAME || v->kind == VAL_CALL) {
        walk_loss(&w, v->expr, 1);
    } else {
        setting_wrong(cx, def, v);
    }
    cx->s->net->losses = w.terms;
    cx->s->net->n_losses = w.n;
}

/* Without a loss: cross entropy where the main output is a vector of classes, else the squared error. */
static void default_loss(Sections *cx)
{
    Shape out = main_output(cx)->out;
    const OpDef *op = find_loss(out.h * out.w == 1 && out.c > 1 ? "cross_entropy" : "mse");
    if (!op) {
        die("this build has no loss operators");
    }
    Loc *locs = arena_array(cx->s->arena, (size_t)attr_count(op->attrs) + 1, sizeof *locs);
    LossTerm *t = arena_alloc(cx->s->arena, sizeof *t);
    *t = (LossTerm){.op = op, .weight = 1, .loc = main_output(cx)->loc};
    t->attrs = arena_alloc(cx->s->arena, sizeof *t->attrs);
    sema_attrs(cx->s, cx->scope, op->name, op->attrs, t->attrs, locs, NULL, 0, t->loc);
    cx->s->net->losses = t;
    cx->s->net->n_losses = 1;
}

static void warn_untrained(Sections *cx)
{
    const Net *net = cx->s->net;
    for (int i = 0; i < net->n_outputs; i++) {
        bool used = false;
        for (int k = 0; k < net->n_losses; k++) {
            used |= net->losses[k].head == i;
        }
        if (!used) {
            Diag *d = diag_warning(cx->s->diags, cx->loss_given ? cx->loss_at : cx->train->name_loc,
                                   "the output %s is in no loss: nothing teaches it", net->output_names[i]);
            diag_note(cx->s->diags, d, net->outputs[i]->loc, "it is here");
            diag_help(cx->s->diags, d, "add it to the sum: ... + 0.3*%s(%s)", net->losses[0].op->name,
                      net->output_names[i]);
            return; /* one is enough: all are seen when the sum is written */
        }
    }
}

/* ---- the small ones ---- */

static void set_epochs(Sections *cx, const SettingDef *def, const Val *v)
{
    setting_integer(cx, def, v, 1, 1000000, &cx->config->epochs);
}

static void set_seed(Sections *cx, const SettingDef *def, const Val *v)
{
    setting_integer(cx, def, v, 0, INT64_MAX, &cx->config->seed);
}

static void set_disturb_label(Sections *cx, const SettingDef *def, const Val *v)
{
    if (!val_is_number(v)) {
        setting_wrong(cx, def, v);
    } else if (!(v->real >= 0 && v->real < 1)) {
        diag_error(cx->s->diags, v->loc, "disturb_label is a share from 0 to less than 1, and this is %s",
                   val_text(cx->s->arena, v));
    } else if (v->real > 0 && cx->whole && main_size(cx) < 2) {
        Diag *d = diag_error(cx->s->diags, v->loc, "disturb_label needs classes to draw labels from, and %s gives one value",
                             cx->s->net->output_names[0]);
        diag_note(cx->s->diags, d, main_output(cx)->loc, "the output is here");
    } else {
        cx->config->disturb_label = v->real;
    }
}

static void set_memory(Sections *cx, const SettingDef *def, const Val *v)
{
    enum { LEAST = 1024 };
    cx->config->memory_at = v->loc;
    if (v->kind == VAL_NAME && strcmp(v->text, "none") == 0) {
        return;
    }
    if (v->kind != VAL_INT) {
        setting_wrong(cx, def, v);
    } else if (v->integer < LEAST) {
        Diag *d = diag_error(cx->s->diags, v->loc, "memory = %lld is a number of bytes", (long long)v->integer);
        diag_help(cx->s->diags, d, "give it with its unit, as in 2GiB or 500MB");
    } else {
        cx->config->memory = v->integer;
    }
}

enum { METRIC_ACCURACY, METRIC_TOP_K };
static const AttrDef top_k_attrs[] = {
    {.name = "k",
     .type = ATTR_INT,
     .offset = 0,
     .positional = true,
     .required = true,
     .min = 1,
     .max = 1000000,
     .doc = "how many classes count"},
    {0},
};
static const FormDef metric_forms[] = {
    {"accuracy", METRIC_ACCURACY, NULL,
     "share of samples whose class has the largest output; of one output with binary_cross_entropy, on the right side of 1/2"},
    {"top_k", METRIC_TOP_K, top_k_attrs, "share of samples whose class is among the k largest outputs"},
    {0},
};

static void one_value(Sections *cx, Loc at, const char *metric)
{
    Diag *d = diag_error(cx->s->diags, at, "%s needs classes to tell apart, and %s gives one value", metric,
                         cx->s->net->output_names[0]);
    diag_note(cx->s->diags, d, main_output(cx)->loc, "the output is here");
    if (strcmp(metric, "accuracy") == 0) {
        diag_help(cx->s->diags, d, "one value tells two classes apart with loss = binary_cross_entropy");
    }
}

static bool metric_fits(Sections *cx, const Val *item, const FormDef *form, int64_t k)
{
    if (!cx->whole) {
        return true;
    }
    Diags *ds = cx->s->diags;
    if (form->kind == METRIC_ACCURACY) {
        cx->accuracy_at = item->loc; /* whether one value can have it depends on the loss: finish_train */
        return true;
    }
    if (main_size(cx) < 2) {
        one_value(cx, item->loc, form->name);
        return false;
    }
    if (form->kind == METRIC_TOP_K && k > main_size(cx)) {
        Diag *d = diag_error(ds, item->loc, "top_k(%lld) of %lld classes: there are not that many", (long long)k,
                             (long long)main_size(cx));
        diag_note(ds, d, main_output(cx)->loc, "the output is here");
        return false;
    }
    return true;
}

static void set_metrics(Sections *cx, const SettingDef *def, const Val *v)
{
    if (v->kind != VAL_LIST) {
        if (v->kind == VAL_NAME || (v->kind == VAL_CALL && v->expr->kind == EXPR_CALL)) {
            Diag *d = diag_error(cx->s->diags, v->loc, "metrics is a list");
            diag_help(cx->s->diags, d, "write metrics = [%s]", val_text(cx->s->arena, v));
        } else {
            setting_wrong(cx, def, v);
        }
        return;
    }
    cx->metrics_given = true;
    Loc first[2] = {loc_none(), loc_none()};
    for (int i = 0; i < v->n_items; i++) {
        const Val *item = &v->items[i];
        int64_t k = 0;
        Loc locs[SETTINGS_MAX];
        const FormDef *form = form_read(cx, def, metric_forms, item, &k, locs);
        if (!form) {
            continue;
        }
        if (first[form->kind].file >= 0) {
            Diag *d = diag_error(cx->s->diags, item->loc, "%s is listed twice", form->name);
            diag_note(cx->s->diags, d, first[form->kind], "first listed here");
            continue;
        }
        first[form->kind] = item->loc;
        if (!metric_fits(cx, item, form, k)) {
            continue;
        }
        if (form->kind == METRIC_ACCURACY) {
            cx->config->metric_accuracy = true;
        } else {
            cx->config->top_k = k;
        }
    }
}

const SettingDef train_settings[] = {
    {.section = "train",
     .key = "loss",
     .noun = "loss",
     .takes = "the name of a loss, or a weighted sum of losses",
     .set = set_loss,
     .doc = "what training makes small; by default cross_entropy of the main output, mse where that is no vector of "
            "classes"},
    {.section = "train",
     .key = "optimizer",
     .noun = "optimizer",
     .takes = "an optimizer",
     .standard = "sgd(lr=0.01)",
     .set = set_optimizer,
     .doc = "how gradients change the weights"},
    {.section = "train",
     .key = "schedule",
     .noun = "schedule",
     .takes = "a schedule, or [warmup(n), schedule]",
     .standard = "constant",
     .forms = schedule_forms,
     .set = set_schedule,
     .doc = "the learning rate over time"},
    {.section = "train",
     .key = "momentum_schedule",
     .noun = "schedule of the momentum",
     .takes = "a schedule of the momentum",
     .standard = "constant",
     .forms = momentum_forms,
     .set = set_momentum_schedule,
     .doc = "the optimizer's momentum over time"},
    {.section = "train",
     .key = "batch",
     .noun = "kind of batch",
     .takes = "a number of samples, all, or grow(first, last, every=epochs)",
     .standard = "64",
     .forms = batch_forms,
     .set = set_batch,
     .doc = "samples of one step; the last batch of an epoch may be smaller"},
    {.section = "train",
     .key = "epochs",
     .noun = "number",
     .takes = "a number of passes over the training part",
     .standard = "10",
     .set = set_epochs,
     .doc = "passes over the training part"},
    {.section = "train",
     .key = "memory",
     .noun = "limit of memory",
     .takes = "none, or a size such as 2GiB",
     .standard = "none",
     .set = set_memory,
     .doc = "what training may take in all: parameters, gradients, the optimizer's state, activations and workspace for a batch. What does not fit "
            "is computed again in the backward pass"},
    {.section = "train",
     .key = "clip",
     .noun = "clipping",
     .takes = "none, norm(limit), norm(auto), value(limit) or sign",
     .standard = "none",
     .forms = clip_forms,
     .set = set_clip,
     .doc = "limits gradients before weight decay is added"},
    {.section = "train",
     .key = "gradient_noise",
     .noun = "noise",
     .takes = "none or annealed(eta)",
     .standard = "none",
     .forms = noise_forms,
     .set = set_gradient_noise,
     .doc = "noise that is added to gradients"},
    {.section = "train",
     .key = "decay",
     .noun = "choice of parameters",
     .takes = "weights, all, or a list of labels",
     .standard = "weights",
     .forms = decay_forms,
     .set = set_decay,
     .doc = "what weight_decay and l1 act on; a label stands for the weights under it, a full name for one parameter"},
    {.section = "train",
     .key = "early_stop",
     .noun = "stopping rule",
     .takes = "none, a rule or a list of rules",
     .standard = "none",
     .forms = stop_forms,
     .set = set_early_stop,
     .doc = "when to stop before the last epoch: the first rule that strikes. The best weights are kept in any case"},
    {.section = "train",
     .key = "weights",
     .noun = "start",
     .takes = "none, the path of a safetensors file, or file(path, except=[names], partial=yes)",
     .standard = "none",
     .forms = weights_forms,
     .set = set_weights,
     .doc = "the weights that training starts from, instead of what the init section says; `--weights` of a trainer replaces it"},
    {.section = "train",
     .key = "freeze",
     .noun = "list of names",
     .takes = "a list of labels, and of patterns in quotes",
     .standard = "[]",
     .set = set_freeze,
     .doc = "parameters that keep the values they start with; a batchnorm of which all is frozen uses its running statistics"},
    {.section = "train",
     .key = "trainable",
     .noun = "list of names",
     .takes = "a list of labels, and of patterns in quotes",
     .set = set_trainable,
     .doc = "instead of `freeze`: the only parameters that are trained; all others are frozen"},
    {.section = "train",
     .key = "groups",
     .noun = "group",
     .takes = "a group, or a list of groups",
     .standard = "[]",
     .forms = group_forms,
     .set = set_groups,
     .doc = "parameters with a learning rate and a decay of their own"},
    {.section = "train",
     .key = "disturb_label",
     .noun = "share",
     .takes = "a share such as 10%",
     .standard = "0",
     .set = set_disturb_label,
     .doc = "share of the training samples whose label is drawn anew each epoch, uniformly from all classes, the true "
            "one among them (Xie et al. 2016)"},
    {.section = "train",
     .key = "seed",
     .noun = "number",
     .takes = "a whole number from 0",
     .standard = "1",
     .set = set_seed,
     .doc = "of everything random: initial values, order, augmentation, dropout"},
    {.section = "train",
     .key = "metrics",
     .noun = "metric",
     .takes = "a list of metrics such as [accuracy, top_k(5)]",
     .forms = metric_forms,
     .set = set_metrics,
     .doc = "what is measured besides the loss; by default [accuracy] where the main output's loss is of classes"},
    {0},
};

/* What depends on more than one setting. */
void finish_train(Sections *cx)
{
    Config *c = cx->config;
    const Net *net = cx->s->net;
    check_schedules(cx);
    if (!cx->whole) {
        return;
    }
    check_transfer(cx);
    if (!cx->loss_given) {
        default_loss(cx);
    }
    if (cx->train && net->n_losses > 0 && cx->s->diags->errors == 0) {
        warn_untrained(cx);
    }
    bool classes = main_size(cx) > 1 && cx->metrics_given;
    for (int i = 0; i < net->n_losses; i++) {
        unsigned traits = net->losses[i].op->traits;
        bool two_classes = main_size(cx) == 1 && (traits & OP_TAKES_SIGMOID);
        classes |= net->losses[i].head == 0 && ((traits & OP_LABELS) || two_classes);
    }
    if (cx->accuracy_at.file >= 0 && !classes) {
        one_value(cx, cx->accuracy_at, "accuracy");
    }
    c->metric_accuracy |= classes && !cx->metrics_given;
}
