/* config.h - the init, data and train sections, checked: what the emitted trainer is told. */
#ifndef NETC_CONFIG_H
#define NETC_CONFIG_H

#include "op.h"

typedef struct OptimizerDef OptimizerDef;

/* An optimizer: one const OptimizerDef in optimizers.c, and the kernel of its rule. Real attributes reach the kernel under
 * their names in capitals (K_BETA1); lr and momentum vary and come with each step. */
struct OptimizerDef {
    const char *name, *summary, *doc; /* doc: Markdown, with the formula and its source */
    const struct AttrDef *attrs;      /* of an OptimizerAttrs */
    const char *rule;        /* file of runtime/kernels, without .k.c */
    int state_slots;
    bool nesterov;           /* momentum: Nesterov's form */
    bool with_momentum;      /* rmsprop: with a velocity */
    bool decoupled;          /* the rule sees to the weight decay itself */
};

typedef struct OptimizerAttrs {
    double lr, momentum, weight_decay, l1, rho, beta1, beta2, eps;
    Range lr_range, momentum_range, weight_decay_range, l1_range;
    bool nesterov;
} OptimizerAttrs;

typedef enum SourceKind {
    SOURCE_NONE, SOURCE_IDX, SOURCE_CSV, SOURCE_IMAGES, SOURCE_NPY, SOURCE_CIFAR, SOURCE_SPIRAL,
    SOURCE_ROAD
} SourceKind;
typedef enum Normalize {
    NORMALIZE_NONE, NORMALIZE_CENTER_IMAGE, NORMALIZE_CENTER_CHANNEL, NORMALIZE_STANDARDIZE, NORMALIZE_SCALE, NORMALIZE_GIVEN,
    NORMALIZE_WHITEN
} Normalize;
typedef enum AugmentKind {
    AUGMENT_SHIFT, AUGMENT_MIRROR, AUGMENT_CROP, AUGMENT_ROTATE, AUGMENT_SCALE, AUGMENT_SHEAR, AUGMENT_DISTORT, AUGMENT_BLUR,
    AUGMENT_COLOR, AUGMENT_NOISE, AUGMENT_KINDS
} AugmentKind;
typedef enum ScheduleKind {
    SCHEDULE_CONSTANT, SCHEDULE_POWER, SCHEDULE_EXPONENTIAL, SCHEDULE_STEP, SCHEDULE_PIECEWISE, SCHEDULE_COSINE,
    SCHEDULE_ONE_CYCLE, SCHEDULE_PLATEAU, SCHEDULE_WARMUP, SCHEDULE_LINEAR
} ScheduleKind;
typedef enum BatchKind { BATCH_ALL, BATCH_GROW } BatchKind;
typedef enum ClipKind { CLIP_NONE, CLIP_NORM, CLIP_VALUE, CLIP_SIGN } ClipKind;
typedef enum NoiseKind { NOISE_NONE, NOISE_ANNEALED } NoiseKind;
typedef enum StopKind {
    STOP_NONE, STOP_PATIENCE, STOP_ERROR_CHANGE, STOP_WEIGHT_CHANGE, STOP_GRADIENT_NORM, STOP_KINDS
} StopKind;
typedef enum WeightsKind { WEIGHTS_NONE, WEIGHTS_FILE } WeightsKind;
typedef enum DecayKind { DECAY_WEIGHTS, DECAY_ALL } DecayKind;

enum { BATCH_MAX = 1000000, WINDOW_MAX = 100 /* NT_HISTORY of the runtime holds one more */ };

/* What the forms of some settings take. The trainer's structs have members of these names (runtime/model.h). */
typedef struct ScheduleArgs {
    int64_t every, patience;
    double factor, final, s, peak, rest, lowest, length, to, low;
    Reals at, values;
    int per; /* 0: epochs, 1: steps */
} ScheduleArgs;
typedef struct BatchArgs {
    int64_t first, last, every;
    double factor;
} BatchArgs;
typedef struct ClipArgs {
    double limit; /* 0: auto */
    double multiple, size;
} ClipArgs;
typedef struct NoiseArgs {
    double eta, gamma;
} NoiseArgs;
typedef struct StopArgs {
    int64_t epochs, window, then;
    double min_delta, rho, below, factor;
    bool relative;
} StopArgs;

typedef struct WeightsArgs {
    const char *path;
    Names except;
    bool partial;
} WeightsArgs;
typedef struct GroupArgs {
    Names names;
    double lr_scale, decay_scale;
} GroupArgs;

/* A form as it was chosen, with its arguments (the struct that its attrs describe). */
typedef struct FormDef FormDef;
typedef struct FormValue {
    const FormDef *form;
    void *args;
} FormValue;

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
    bool validation_auto;        /* 10,000 or a tenth, whichever is less */
    int64_t folds;               /* above 0: each of so many parts in turn */
    double hard_examples;        /* share of an epoch that is drawn by losses */
    int64_t road_images, road_replace;
    Normalize normalize;
    double norm_scale;
    double *given_mean, *given_std;
    bool whiten_pca;             /* else ZCA */
    double whiten_eps;
    int n_given;                 /* as many as the input has channels (features of a vector), or 1 for all */
    Augment *augment;
    int n_augment;
    const char **classes;
    int n_classes;
    /* train */
    const OptimizerDef *optimizer;       /* that runs: sgd with a momentum is momentum or nesterov */
    const OptimizerDef *optimizer_asked; /* as the model file calls it */
    OptimizerAttrs opt;
    FormValue schedule, momentum_schedule;
    FormValue warmup;            /* before the schedule; form NULL: none */
    FormValue batch_plan;        /* form NULL: all batches are of `batch` samples */
    int64_t batch, epochs;       /* batch: the largest; of batch_plan `all`, which is known to the trainer only, the default */
    FormValue clip, gradient_noise;
    FormValue *stops;            /* the first that strikes counts */
    int n_stops;
    FormValue decay;             /* form NULL: what decay_labels name */
    const char **decay_labels;
    int n_decay_labels;
    FormValue weights;           /* what it starts from */
    Names freeze, trainable;     /* of the two, the one that is given */
    bool trainable_given;
    FormValue *groups;           /* parameters with a rate and decay of their own: GroupArgs; a parameter is in one at most */
    int n_groups;
    double disturb_label;        /* share of the training samples that get a random label */
    int64_t seed;
    int64_t memory;              /* bytes that training may take; 0: no limit */
    Loc memory_at;
    bool metric_accuracy;
    int64_t top_k;               /* 0: not asked for */
} Config;

/* Every setting, defaults included, as the sections of a model file. Pre: sema_sections found no error. */
void config_effective(const Net *net, Str *out);

/* Copies of the trainable parameters that training keeps: the optimizer's, and the weights that weight_change compares with. */
int config_state_slots(const Config *c);

/* ---- what the sections may hold: drives checking, messages and the reference ---- */

/* A word or call that a setting takes: none, step(every=10, factor=0.1). */
struct FormDef {
    const char *name;
    int kind;                    /* the setting's own number for it */
    const struct AttrDef *attrs; /* NULL: takes no arguments */
    const char *doc;
};

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
/* The one that does the step: of sgd and rmsprop, the form that the momentum asks for. */
const OptimizerDef *optimizer_to_run(const OptimizerDef *asked, const OptimizerAttrs *attrs);

/* Initialisers (inits.c). */
typedef struct InitDef {
    const char *name, *doc;
    const char *argument;   /* name of its number; NULL: it has none */
    const char *standard;   /* the number unless given; NULL: it must be given */
    InitLaw law;
    enum { INIT_NEEDS_NOTHING, INIT_NEEDS_FANS, INIT_NEEDS_MATRIX } needs; /* what only a product's weights have */
    double (*value)(double argument, double fan_in, double fan_out);
} InitDef;
extern const InitDef init_registry[]; /* ends with name NULL */
const InitDef *init_find(const char *name);
/* Works out law and law_value of a parameter from its init and fans. Pre: p->init.name is that of a registered initialiser. */
void init_resolve(NetParam *p);

#endif
