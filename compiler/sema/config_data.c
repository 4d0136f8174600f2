/* config_data.c - the settings of the data section. */
#include "sections.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- source ---- */

typedef struct SourceArgs {
    const char *path, *label;
    int64_t classes, points, images, replace;
    double noise;
} SourceArgs;

static const AttrDef folder_attrs[] = {
    {.name = "path",
     .type = ATTR_STRING,
     .offset = offsetof(SourceArgs, path),
     .positional = true,
     .required = true,
     .doc = "its folder, in quotes"},
    {0},
};
static const AttrDef csv_attrs[] = {
    {.name = "path",
     .type = ATTR_STRING,
     .offset = offsetof(SourceArgs, path),
     .positional = true,
     .required = true,
     .doc = "its file, in quotes"},
    {.name = "label",
     .type = ATTR_COLUMN,
     .offset = offsetof(SourceArgs, label),
     .doc = "the column to predict, by name or number from 0; without it the last one"},
    {0},
};
static const AttrDef spiral_attrs[] = {
    {.name = "classes",
     .type = ATTR_INT,
     .offset = offsetof(SourceArgs, classes),
     .standard = "3",
     .min = 1,
     .max = 1000,
     .doc = "arms of the spiral"},
    {.name = "points",
     .type = ATTR_INT,
     .offset = offsetof(SourceArgs, points),
     .standard = "100",
     .min = 1,
     .max = 1000000,
     .doc = "points of one arm"},
    {.name = "noise",
     .type = ATTR_REAL,
     .offset = offsetof(SourceArgs, noise),
     .standard = "0.2",
     .min = 0,
     .max = 100,
     .doc = "standard deviation of the angle, in radians"},
    {0},
};
static const AttrDef road_attrs[] = {
    {.name = "images",
     .type = ATTR_INT,
     .offset = offsetof(SourceArgs, images),
     .standard = "200",
     .min = 1,
     .max = 100000,
     .doc = "pictures to train on at a time"},
    {.name = "replace",
     .type = ATTR_INT,
     .offset = offsetof(SourceArgs, replace),
     .standard = "15",
     .min = 0,
     .max = 100000,
     .doc = "how many of them give way to new ones after each epoch: a third at random, the others where the loss is smallest"},
    {0},
};

static const FormDef source_forms[] = {
    {"idx", SOURCE_IDX, folder_attrs, "a folder with MNIST's four files, plain or .gz"},
    {"csv", SOURCE_CSV, csv_attrs,
     "a table of numbers with a label column: a folder with train.csv and test.csv, or one file"},
    {"images", SOURCE_IMAGES, folder_attrs,
     "a folder with train/CLASS/* and test/CLASS/*, JPEG or PNG, resized to the input"},
    {"npy", SOURCE_NPY, folder_attrs, "a folder with x_train.npy, y_train.npy, x_test.npy and y_test.npy"},
    {"cifar", SOURCE_CIFAR, folder_attrs, "a folder with CIFAR-10's binary batches"},
    {"spiral", SOURCE_SPIRAL, spiral_attrs, "points on arms that wind around the origin; made, not read"},
    {"road", SOURCE_ROAD, road_attrs, "ALVINN's pictures of a road and positions of the wheel; made, not read"},
    {0},
};

/* What a source can only be. Shapes of files are checked when they are read. */
static void check_source(Sections *cx, const Val *v, const SourceArgs *args, Loc classes_at)
{
    Diags *ds = cx->s->diags;
    const Layer *input = cx->s->net->input;
    Shape in = input->out;
    if (cx->config->source == SOURCE_SPIRAL && shape_size(in) != 2) {
        Diag *d = diag_error(ds, v->loc, "spiral gives points of 2 values, and the network reads %s",
                             shape_text(cx->s->arena, in));
        diag_note(ds, d, input->loc, "the input is here");
        diag_help(ds, d, "write input(2)");
    } else if (cx->config->source == SOURCE_SPIRAL && args->classes != main_size(cx)) {
        Diag *d = diag_error(ds, classes_at.file >= 0 ? classes_at : v->loc,
                             "spiral has %lld classes, and the network gives %lld values", (long long)args->classes,
                             (long long)main_size(cx));
        diag_note(ds, d, main_output(cx)->loc, "the output is here");
        diag_help(ds, d, "write classes=%lld, or end the network with dense(%lld)", (long long)main_size(cx),
                  (long long)args->classes);
    } else if (cx->config->source == SOURCE_ROAD &&
               !(shape_size(in) == 960 && (in.vector || (in.h == 30 && in.w == 32)))) {
        Diag *d = diag_error(ds, v->loc, "road gives pictures of 30x32x1, and the network reads %s",
                             shape_text(cx->s->arena, in));
        diag_note(ds, d, input->loc, "the input is here");
        diag_help(ds, d, "write input(30x32x1)");
    } else if (cx->config->source == SOURCE_ROAD && main_size(cx) != 30) {
        Diag *d = diag_error(ds, v->loc, "road has a wheel of 30 positions, and the network gives %lld values",
                             (long long)main_size(cx));
        diag_note(ds, d, main_output(cx)->loc, "the output is here");
        diag_help(ds, d, "end the network with dense(30) -> sigmoid");
    } else if (cx->config->source == SOURCE_ROAD && args->replace > args->images) {
        Diag *d = diag_error(ds, v->loc, "road cannot replace %lld of %lld pictures", (long long)args->replace,
                             (long long)args->images);
        diag_help(ds, d, "replace is at most images; with 0 the pictures stay the same");
    } else if (cx->config->source == SOURCE_CIFAR &&
               !(shape_size(in) == 3072 && in.h == 32 && in.w == 32)) {
        Diag *d = diag_error(ds, v->loc, "cifar gives images of 32x32x3, and the network reads %s%s",
                             shape_text(cx->s->arena, in), in.vector ? " values in no order" : "");
        diag_note(ds, d, input->loc, "the input is here");
        diag_help(ds, d, in.vector ? "write input(32x32x3): a dense layer reads that just as well" : "write input(32x32x3)");
    }
}

static void set_source(Sections *cx, const SettingDef *def, const Val *v)
{
    Config *c = cx->config;
    SourceArgs args = {0};
    Loc locs[SETTINGS_MAX];
    const FormDef *form = form_read(cx, def, source_forms, v, &args, locs);
    if (!form) {
        return;
    }
    if (args.path && !*args.path) {
        Diag *d = diag_error(cx->s->diags, locs[0], "the path of %s is empty", form->name);
        diag_help(cx->s->diags, d, "write \".\" for the folder that the trainer runs in");
        return;
    }
    c->source = form->kind;
    c->path = args.path;
    c->label = args.label;
    c->spiral_classes = args.classes;
    c->spiral_points = args.points;
    c->spiral_noise = args.noise;
    c->road_images = args.images;
    c->road_replace = args.replace;
    if (cx->whole) {
        check_source(cx, v, &args, locs[0]);
    }
}

/* ---- validation ---- */

enum { VALIDATION_AUTO, VALIDATION_FOLDS };

typedef struct FoldArgs {
    int64_t folds;
} FoldArgs;

static const AttrDef fold_attrs[] = {
    {.name = "k",
     .type = ATTR_INT,
     .offset = offsetof(FoldArgs, folds),
     .positional = true,
     .required = true,
     .min = 2,
     .max = 100,
     .doc = "a number of parts"},
    {0},
};

static const FormDef validation_forms[] = {
    {"auto", VALIDATION_AUTO, NULL, "10,000 samples or a tenth, whichever is less"},
    {"k_fold", VALIDATION_FOLDS, fold_attrs, "cross-validation: k runs, each with another of k parts held out"},
    {0},
};

static void set_validation(Sections *cx, const SettingDef *def, const Val *v)
{
    if (v->kind == VAL_NAME || (v->kind == VAL_CALL && v->expr->kind == EXPR_CALL)) {
        FoldArgs args = {0};
        Loc locs[SETTINGS_MAX];
        const FormDef *form = form_read(cx, def, validation_forms, v, &args, locs);
        cx->config->validation_auto = form && form->kind == VALIDATION_AUTO;
        cx->config->folds = form ? args.folds : 0;
    } else if (v->kind == VAL_INT) {
        setting_integer(cx, def, v, 0, INT64_MAX, &cx->config->validation_count);
    } else if (v->kind != VAL_REAL && v->kind != VAL_PERCENT) {
        setting_wrong(cx, def, v);
    } else if (!(v->real >= 0 && v->real < 1)) {
        Diag *d = diag_error(cx->s->diags, v->loc,
                             "the share held out for validation must be at least 0%% and below 100%%, and this is %s",
                             val_text(cx->s->arena, v));
        diag_help(cx->s->diags, d, "a count is written as a whole number: validation = 5000");
    } else {
        cx->config->validation_share = v->real;
    }
}

/* ---- hard_examples ---- */

static void set_hard_examples(Sections *cx, const SettingDef *def, const Val *v)
{
    if (!val_is_number(v)) {
        setting_wrong(cx, def, v);
    } else if (!(v->real >= 0 && v->real <= 1)) {
        diag_error(cx->s->diags, v->loc, "hard_examples is a share from 0 to 1, and this is %s",
                   val_text(cx->s->arena, v));
    } else {
        cx->config->hard_examples = v->real;
    }
}

/* ---- normalize ---- */

typedef struct NormalizeArgs {
    double scale;
    Reals mean, std;
    int pca;
    double eps;
} NormalizeArgs;

static const AttrDef scale_attrs[] = {
    {.name = "factor",
     .type = ATTR_REAL,
     .offset = offsetof(NormalizeArgs, scale),
     .positional = true,
     .required = true,
     .min = 1e-9,
     .max = 1e9,
     .doc = "a factor"},
    {0},
};
static const AttrDef given_attrs[] = {
    {.name = "mean",
     .type = ATTR_REALS,
     .offset = offsetof(NormalizeArgs, mean),
     .required = true,
     .min = -1e9,
     .max = 1e9,
     .doc = "mean=[...], a number for each channel"},
    {.name = "std",
     .type = ATTR_REALS,
     .offset = offsetof(NormalizeArgs, std),
     .required = true,
     .min = 1e-9,
     .max = 1e9,
     .doc = "std=[...], a number for each channel"},
    {0},
};

static const char *const whiten_kinds[] = {"zca", "pca", NULL};
static const AttrDef whiten_attrs[] = {
    {.name = "kind",
     .type = ATTR_CHOICE,
     .choices = whiten_kinds,
     .offset = offsetof(NormalizeArgs, pca),
     .positional = true,
     .standard = "zca",
     .doc = "zca: values stay where they were; pca: principal components, the largest first"},
    {.name = "eps",
     .type = ATTR_REAL,
     .offset = offsetof(NormalizeArgs, eps),
     .standard = "1e-5",
     .min = 0,
     .max = 1e6,
     .doc = "added to the variances, so that the smallest are not blown up"},
    {0},
};

static const FormDef normalize_forms[] = {
    {"none", NORMALIZE_NONE, NULL, "values as read: bytes as 0..1"},
    {"center_image", NORMALIZE_CENTER_IMAGE, NULL, "x minus the mean image of the training part"},
    {"center_channel", NORMALIZE_CENTER_CHANNEL, NULL, "x minus the mean of each channel over the training part"},
    {"standardize", NORMALIZE_STANDARDIZE, NULL,
     "(x - mean) / std of each channel (of each feature, for vectors) over the training part"},
    {"scale", NORMALIZE_SCALE, scale_attrs, "factor * x"},
    {"given", NORMALIZE_GIVEN, given_attrs, "(x - mean) / std with the numbers given, one a channel or one for all"},
    {"whiten", NORMALIZE_WHITEN, whiten_attrs,
     "x minus its mean, times the matrix that leaves values uncorrelated and of variance 1 over the training part"},
    {0},
};

static bool check_given(Sections *cx, const NormalizeArgs *args, const Loc *locs)
{
    Diags *ds = cx->s->diags;
    int n = args->mean.n;
    if (n != args->std.n) {
        Diag *d = diag_error(ds, locs[1], "std has %d number%s, and mean has %d", args->std.n,
                             args->std.n == 1 ? "" : "s", n);
        diag_note(ds, d, locs[0], "mean is here");
        diag_help(ds, d, "both have one a channel, or one for all");
        return false;
    }
    if (!cx->whole) {
        return n > 0;
    }
    const Layer *input = cx->s->net->input;
    if (n != 1 && n != input->out.c) {
        Diag *d = diag_error(ds, locs[0], "mean and std have %d number%s, and the network reads %lld %s (%s)", n,
                             n == 1 ? "" : "s", (long long)input->out.c, input->out.vector ? "features" : "channels",
                             shape_text(cx->s->arena, input->out));
        diag_note(ds, d, input->loc, "the input is here");
        diag_help(ds, d, "write %lld numbers, or one for all", (long long)input->out.c);
        return false;
    }
    return true;
}

/* The matrix has the square of a sample's values. */
static bool check_whiten(Sections *cx, const Val *v)
{
    const int64_t most = 4096;
    if (!cx->whole || shape_size(cx->s->net->input->out) <= most) {
        return true;
    }
    const Layer *input = cx->s->net->input;
    Diag *d = diag_error(cx->s->diags, v->loc, "whiten would need a matrix of %lldx%lld values for an input of %s",
                         (long long)shape_size(input->out), (long long)shape_size(input->out),
                         shape_text(cx->s->arena, input->out));
    diag_note(cx->s->diags, d, input->loc, "the input is here");
    diag_help(cx->s->diags, d, "it is for samples of up to %lld values; standardize has no such limit", (long long)most);
    return false;
}

static void set_normalize(Sections *cx, const SettingDef *def, const Val *v)
{
    NormalizeArgs args = {0};
    Loc locs[SETTINGS_MAX];
    const FormDef *form = form_read(cx, def, normalize_forms, v, &args, locs);
    if (!form || (form->kind == NORMALIZE_GIVEN && !check_given(cx, &args, locs)) ||
        (form->kind == NORMALIZE_WHITEN && !check_whiten(cx, v))) {
        return;
    }
    Config *c = cx->config;
    c->normalize = form->kind;
    c->norm_scale = args.scale;
    c->given_mean = args.mean.items;
    c->given_std = args.std.items;
    c->n_given = args.mean.n;
    c->whiten_pca = args.pca;
    c->whiten_eps = args.eps;
}

/* ---- augment ---- */

static const AttrDef pixels_attrs[] = {
    {.name = "pixels",
     .type = ATTR_INT,
     .offset = offsetof(Augment, pixels),
     .positional = true,
     .required = true,
     .min = 1,
     .max = 10000,
     .doc = "a number of pixels"},
    {0},
};
static const AttrDef rotate_attrs[] = {
    {.name = "degrees",
     .type = ATTR_REAL,
     .offset = offsetof(Augment, amount),
     .positional = true,
     .required = true,
     .min = 1e-3,
     .max = 180,
     .doc = "a number of degrees"},
    {0},
};
static const AttrDef shear_attrs[] = {
    {.name = "degrees",
     .type = ATTR_REAL,
     .offset = offsetof(Augment, amount),
     .positional = true,
     .required = true,
     .min = 1e-3,
     .max = 80,
     .doc = "a number of degrees"},
    {0},
};
static const AttrDef scale_share_attrs[] = {
    {.name = "share",
     .type = ATTR_REAL,
     .offset = offsetof(Augment, amount),
     .positional = true,
     .required = true,
     .min = 1e-3,
     .max = 0.9,
     .doc = "a share such as 15%"},
    {0},
};
static const AttrDef distort_attrs[] = {
    {.name = "alpha",
     .type = ATTR_REAL,
     .offset = offsetof(Augment, amount),
     .positional = true,
     .standard = "34",
     .min = 1e-3,
     .max = 1e6,
     .doc = "what the smoothed displacements are multiplied by"},
    {.name = "sigma",
     .type = ATTR_REAL,
     .offset = offsetof(Augment, sigma),
     .positional = true,
     .standard = "4",
     .min = 0.1,
     .max = 100,
     .doc = "standard deviation of the smoothing, in pixels"},
    {0},
};
static const AttrDef blur_attrs[] = {
    {.name = "sigma",
     .type = ATTR_REAL,
     .offset = offsetof(Augment, sigma),
     .positional = true,
     .required = true,
     .min = 0.1,
     .max = 100,
     .doc = "the largest standard deviation, in pixels"},
    {0},
};
static const AttrDef color_attrs[] = {
    {.name = "std",
     .type = ATTR_REAL,
     .offset = offsetof(Augment, amount),
     .positional = true,
     .standard = "0.1",
     .min = 1e-6,
     .max = 100,
     .doc = "standard deviation of the three factors"},
    {0},
};
static const AttrDef noise_attrs[] = {
    {.name = "std",
     .type = ATTR_REAL,
     .offset = offsetof(Augment, amount),
     .positional = true,
     .required = true,
     .min = 1e-6,
     .max = 1e6,
     .doc = "a standard deviation"},
    {0},
};

static const FormDef augment_forms[] = {
    {"shift", AUGMENT_SHIFT, pixels_attrs, "moves by up to so many pixels each way, uniformly; what comes in is 0"},
    {"mirror", AUGMENT_MIRROR, NULL, "left for right, every second time"},
    {"crop", AUGMENT_CROP, pixels_attrs,
     "pads each side with so many zeros and cuts out the input's size at a uniform place"},
    {"rotate", AUGMENT_ROTATE, rotate_attrs, "turns about the centre by up to so many degrees each way, uniformly"},
    {"scale", AUGMENT_SCALE, scale_share_attrs,
     "stretches height and width about the centre, each by its own factor between 1 - share and 1 + share"},
    {"shear", AUGMENT_SHEAR, shear_attrs, "slants sideways about the centre row by up to so many degrees each way"},
    {"distort", AUGMENT_DISTORT, distort_attrs,
     "elastic distortion (Simard et al. 2003): random displacements, smoothed by a Gaussian"},
    {"blur", AUGMENT_BLUR, blur_attrs, "smooths by a Gaussian whose standard deviation is uniform from 0 to sigma"},
    {"color", AUGMENT_COLOR, color_attrs,
     "moves all pixels along the principal components of the training part's colours (Krizhevsky et al. 2012)"},
    {"noise", AUGMENT_NOISE, noise_attrs, "adds normal noise to each value as read, where a byte counts as 0..1"},
    {0},
};

static bool works_on_vectors(const Augment *a)
{
    return a->kind == AUGMENT_NOISE;
}

static bool augment_fits(Sections *cx, const Val *item, const Augment *a, const char *name)
{
    if (!cx->whole) {
        return true;
    }
    Diags *ds = cx->s->diags;
    const Layer *input = cx->s->net->input;
    Shape in = input->out;
    if (in.vector && !works_on_vectors(a)) {
        Diag *d = diag_error(ds, item->loc, "%s works on images, and the network reads a vector of %s", name,
                             shape_text(cx->s->arena, in));
        diag_note(ds, d, input->loc, "the input is here");
        return false;
    }
    if (a->kind == AUGMENT_COLOR && in.c != 3) {
        Diag *d = diag_error(ds, item->loc, "color works on images of 3 channels, and the network reads %s",
                             shape_text(cx->s->arena, in));
        diag_note(ds, d, input->loc, "the input is here");
        return false;
    }
    int64_t side = in.h < in.w ? in.h : in.w;
    if (a->pixels > 0 && a->pixels >= side) {
        Diag *d = diag_error(ds, item->loc, "%s(%lld) can move the whole image out of view: the network reads %s",
                             name, (long long)a->pixels, shape_text(cx->s->arena, in));
        diag_note(ds, d, input->loc, "the input is here");
        diag_help(ds, d, "the largest here is %s(%lld)", name, (long long)side - 1);
        return false;
    }
    if (a->sigma >= (double)side) {
        Diag *d = diag_error(ds, item->loc, "the sigma of %s is %g pixels, and the network reads %s", name, a->sigma,
                             shape_text(cx->s->arena, in));
        diag_note(ds, d, input->loc, "the input is here");
        diag_help(ds, d, "a sigma is less than the image's smaller side");
        return false;
    }
    return true;
}

static void set_augment(Sections *cx, const SettingDef *def, const Val *v)
{
    Config *c = cx->config;
    if (v->kind != VAL_LIST) {
        if (v->kind == VAL_NAME || (v->kind == VAL_CALL && v->expr->kind == EXPR_CALL)) {
            Diag *d = diag_error(cx->s->diags, v->loc, "augment is a list");
            diag_help(cx->s->diags, d, "write augment = [%s]", val_text(cx->s->arena, v));
        } else {
            setting_wrong(cx, def, v);
        }
        return;
    }
    Loc first[AUGMENT_KINDS];
    for (int i = 0; i < AUGMENT_KINDS; i++) {
        first[i] = loc_none();
    }
    c->augment = arena_array(cx->s->arena, (size_t)v->n_items + 1, sizeof *c->augment);
    for (int i = 0; i < v->n_items; i++) {
        const Val *item = &v->items[i];
        Augment a = {0};
        Loc locs[SETTINGS_MAX];
        const FormDef *form = form_read(cx, def, augment_forms, item, &a, locs);
        if (!form) {
            continue;
        }
        a.kind = form->kind;
        if (first[a.kind].file >= 0) {
            Diag *d = diag_error(cx->s->diags, item->loc, "%s is listed twice", form->name);
            diag_note(cx->s->diags, d, first[a.kind], "first listed here");
            continue;
        }
        first[a.kind] = item->loc;
        if (augment_fits(cx, item, &a, form->name)) {
            c->augment[c->n_augment++] = a;
        }
    }
}

/* ---- classes ---- */

static int by_text(const void *a, const void *b)
{
    const Val *p = *(const Val *const *)a, *q = *(const Val *const *)b;
    int order = strcmp(p->text, q->text);
    return order ? order : (p->loc.start > q->loc.start) - (p->loc.start < q->loc.start);
}

static void set_classes(Sections *cx, const SettingDef *def, const Val *v)
{
    Diags *ds = cx->s->diags;
    Config *c = cx->config;
    if (v->kind != VAL_LIST) {
        setting_wrong(cx, def, v);
        return;
    }
    int n = v->n_items;
    const char **names = arena_array(cx->s->arena, (size_t)n + 1, sizeof *names);
    const Val **sorted = arena_array(cx->s->arena, (size_t)n + 1, sizeof *sorted);
    for (int i = 0; i < n; i++) {
        const Val *item = &v->items[i];
        if (item->kind != VAL_STRING) {
            Diag *d = diag_error(ds, item->loc, "a class is a string in quotes, and this is %s: %s",
                                 val_kind_text(item), val_text(cx->s->arena, item));
            if (item->kind == VAL_NAME) {
                diag_help(ds, d, "write \"%s\"", item->text);
            }
            return;
        }
        names[i] = item->text;
        sorted[i] = item;
    }
    if (n > 0) {
        qsort(sorted, (size_t)n, sizeof *sorted, by_text);
    }
    for (int i = 1; i < n; i++) {
        if (strcmp(sorted[i]->text, sorted[i - 1]->text) == 0) {
            Diag *d = diag_error(ds, sorted[i]->loc, "two classes are called \"%s\"", sorted[i]->text);
            diag_note(ds, d, sorted[i - 1]->loc, "the other one is here");
        }
    }
    if (cx->whole && n != main_size(cx)) {
        const Layer *out = main_output(cx);
        Diag *d = diag_error(ds, v->loc, "there are %d classes, and %s gives %lld values", n,
                             cx->s->net->output_names[0], (long long)main_size(cx));
        diag_note(ds, d, out->loc, "the output is here");
        diag_help(ds, d, "name each of the %lld outputs once, in order", (long long)main_size(cx));
        return;
    }
    c->classes = names;
    c->n_classes = n;
}

const SettingDef data_settings[] = {
    {.section = "data",
     .key = "source",
     .noun = "source",
     .takes = "a data source",
     .forms = source_forms,
     .set = set_source,
     .doc = "where samples come from; `--data` of a trainer replaces its path"},
    {.section = "data",
     .key = "validation",
     .noun = "validation",
     .takes = "a share such as 10%, a count such as 5000, auto, or k_fold(5)",
     .standard = "0",
     .forms = validation_forms,
     .set = set_validation,
     .doc = "how much of the training part is held out, chosen by the seed"},
    {.section = "data",
     .key = "normalize",
     .noun = "normalization",
     .takes = "a normalization",
     .standard = "none",
     .forms = normalize_forms,
     .set = set_normalize,
     .doc = "what is done to every input; estimated on the training part alone, kept with the weights"},
    {.section = "data",
     .key = "augment",
     .noun = "augmentation",
     .takes = "a list of augmentations such as [shift(1), mirror]",
     .standard = "[]",
     .forms = augment_forms,
     .set = set_augment,
     .doc = "random changes of training samples, in order, drawn anew every epoch"},
    {.section = "data",
     .key = "hard_examples",
     .noun = "share",
     .takes = "a share such as 25%",
     .standard = "0",
     .set = set_hard_examples,
     .doc = "so much of an epoch is drawn with probabilities in proportion to the samples' last losses"},
    {.section = "data",
     .key = "classes",
     .noun = "class",
     .takes = "a list of strings",
     .standard = NULL,
     .set = set_classes,
     .doc = "names of the classes, in the order of the outputs; without them the source's own"},
    {0},
};
