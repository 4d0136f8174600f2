/* config.h - the init, data and train sections, checked: what the emitted trainer is told. */
#ifndef NETC_CONFIG_H
#define NETC_CONFIG_H

#include "graph.h"

typedef struct OptimizerDef OptimizerDef;

/* An optimizer: one const OptimizerDef in optimizers.c, and its kernel. */
struct OptimizerDef {
    const char *name, *summary, *doc; /* doc: Markdown, with the formula and its source */
    const struct AttrDef *attrs;      /* of an OptimizerAttrs */
    const char *kernel;      /* file of runtime/kernels, without .k.c */
    int state_slots;
    bool counts_steps;       /* its kernel takes the number of the step, from 1 */
};

typedef struct OptimizerAttrs {
    double lr, momentum, weight_decay, beta1, beta2, eps;
    bool nesterov;
} OptimizerAttrs;

typedef enum SourceKind {
    SOURCE_NONE, SOURCE_IDX, SOURCE_CSV, SOURCE_IMAGES, SOURCE_NPY, SOURCE_CIFAR, SOURCE_SPIRAL
} SourceKind;
typedef enum Normalize {
    NORMALIZE_NONE, NORMALIZE_CENTER_IMAGE, NORMALIZE_CENTER_CHANNEL, NORMALIZE_STANDARDIZE, NORMALIZE_SCALE, NORMALIZE_GIVEN
} Normalize;
typedef enum AugmentKind {
    AUGMENT_SHIFT, AUGMENT_MIRROR, AUGMENT_CROP, AUGMENT_ROTATE, AUGMENT_SCALE, AUGMENT_SHEAR, AUGMENT_DISTORT, AUGMENT_BLUR,
    AUGMENT_COLOR, AUGMENT_NOISE, AUGMENT_KINDS
} AugmentKind;
typedef enum ScheduleKind { SCHEDULE_CONSTANT, SCHEDULE_STEP, SCHEDULE_PIECEWISE, SCHEDULE_COSINE } ScheduleKind;
typedef enum ClipKind { CLIP_NONE, CLIP_NORM, CLIP_VALUE } ClipKind;

typedef struct Augment {
    AugmentKind kind;
    int64_t pixels;          /* shift, crop */
    double amount;           /* degrees, share, alpha or standard deviation; see augment_forms */
    double sigma;            /* distort, blur: in pixels */
} Augment;

/* label = initialiser: everything under that path, or one parameter by its full name. */
typedef struct InitEntry {
    const char *key;
    Loc key_loc;
    InitSpec init;
} InitEntry;

typedef struct Config {
    /* init */
    InitSpec weight_init, bias_init;
    InitEntry *inits;        /* in the order of the file */
    int n_inits;
    /* data */
    bool has_data, has_train;
    SourceKind source;
    const char *path, *label;    /* label: csv's column, by name or as a number; NULL: the last */
    int64_t spiral_classes, spiral_points;
    double spiral_noise;
    double validation_share;     /* of the training part, 0..1 */
    int64_t validation_count;    /* instead of the share; 0: not given */
    Normalize normalize;
    double norm_scale;
    double *given_mean, *given_std;
    int n_given;                 /* as many as the input has channels (features of a vector), or 1 for all */
    Augment *augment;
    int n_augment;
    const char **classes;
    int n_classes;
    /* train */
    const OptimizerDef *optimizer;       /* whose kernel runs: sgd with a momentum is momentum or nesterov */
    const OptimizerDef *optimizer_asked; /* as the model file calls it */
    OptimizerAttrs opt;
    ScheduleKind schedule;
    bool schedule_per_step;
    double step_every, step_factor;
    double *piece_at, *piece_lr; /* piece_lr has one more than piece_at */
    int n_pieces;                /* elements of piece_at */
    double cosine_final;         /* the last rate as a share of lr */
    int64_t batch, epochs;
    ClipKind clip;
    double clip_at;
    int64_t patience;            /* epochs without a better validation loss; 0: no early stop */
    int64_t seed;
    bool metric_accuracy;
    int64_t top_k;               /* 0: not asked for */
} Config;

/* Every setting, defaults included, as the sections of a model file. Pre: sema_sections found no error. */
void config_effective(const Net *net, Str *out);

/* ---- what the sections may hold: drives checking, messages and the reference ---- */

/* A word or call that a setting takes: none, step(every=10, factor=0.1). */
typedef struct FormDef {
    const char *name;
    int kind;                    /* the setting's own number for it */
    const struct AttrDef *attrs; /* NULL: takes no arguments */
    const char *doc;
} FormDef;

typedef struct Sections Sections;
struct Val;

/* A key of the data or train section. */
typedef struct SettingDef {
    const char *section, *key;
    const char *noun;            /* of its forms, for messages: "schedule" */
    const char *takes;           /* what it takes, in words */
    const char *standard;        /* the default, as the user would write it; NULL: none */
    const char *doc;
    const FormDef *forms;        /* ends with name NULL; NULL: it takes no words, or has a registry of its own (loss, optimizer) */
    const char *const *later;    /* words that are not available yet; ends with NULL; may be NULL */
    void (*set)(Sections *cx, const struct SettingDef *def, const struct Val *v);
} SettingDef;
extern const SettingDef data_settings[], train_settings[]; /* end with key NULL */

extern const OptimizerDef *const optimizer_registry[]; /* NULL-terminated */
const OptimizerDef *optimizer_find(const char *name);
/* The one whose kernel does the step: of sgd, the form that its momentum asks for. */
const OptimizerDef *optimizer_to_run(const OptimizerDef *asked, const OptimizerAttrs *attrs);

/* Initialisers (inits.c). */
typedef struct InitDef {
    const char *name, *doc;
    const char *argument;   /* name of its number; NULL: none, the value comes from the fans */
    InitLaw law;
    double (*value)(double argument, double fan_in, double fan_out);
} InitDef;
extern const InitDef init_registry[]; /* ends with name NULL */
const InitDef *init_find(const char *name);
/* Works out law and law_value of a parameter from its init and fans. Pre: p->init.name is that of a registered initialiser. */
void init_resolve(NetParam *p);

#endif
