/* sections.h - what the files that check the init, data and train sections share: config.c, config_init.c,
 * config_data.c, config_train.c, config_steps.c. */
#ifndef NETC_SECTIONS_H
#define NETC_SECTIONS_H

#include "sema.h"

enum { SETTINGS_MAX = 24 };

struct Sections {
    Sema *s;
    Scope *scope;
    Config *config;
    bool whole;                      /* the network has no error: its labels, shapes and outputs can be compared with */
    const Item *init, *data, *train; /* NULL: no such section */
    bool loss_given, metrics_given;
    Loc loss_at, optimizer_at, momentum_schedule_at; /* values of settings; file -1: not given, also below */
    Loc lr_at, momentum_at;      /* of the optimizer */
    Loc rates_at, momenta_at;    /* of piecewise schedules */
    Loc accuracy_at;             /* in the list of metrics */
    Loc weights_at, freeze_at, trainable_at;
    Loc *groups_at;              /* of config->groups */
};

/* "none, center_image, scale" of a FormDef table. */
const char *form_names(Arena *a, const FormDef *forms);

/* The form that a value (a name or a call) of the setting is, its arguments in `attrs` (zeroed by the caller; room for
 * the form's struct) and where they were written in locs (SETTINGS_MAX of them). NULL: reported. */
const FormDef *form_read(Sections *cx, const SettingDef *def, const FormDef *forms, const Val *v, void *attrs,
                         Loc *locs);

/* Reports that a value is not what the setting takes; false. */
bool setting_wrong(Sections *cx, const SettingDef *def, const Val *v);

/* An integer between min and max. False: reported, *out is untouched. */
bool setting_integer(Sections *cx, const SettingDef *def, const Val *v, int64_t min, int64_t max, int64_t *out);

/* Reports a name that no form has: not available yet, or unknown, with what there is. */
void unknown_form(Sections *cx, Loc at, const char *noun, const char *name, const char *const *names, int n,
                  const char *const *later);

/* The first output, which labels are compared with; its number of values. Pre: cx->whole. */
const Layer *main_output(const Sections *cx);
int64_t main_size(const Sections *cx);

void read_init(Sections *cx);
void finish_train(Sections *cx);

/* Settings of config_steps.c, for the table of config_train.c. */
void set_optimizer(Sections *cx, const SettingDef *def, const Val *v);
void set_schedule(Sections *cx, const SettingDef *def, const Val *v);
void set_momentum_schedule(Sections *cx, const SettingDef *def, const Val *v);
void set_batch(Sections *cx, const SettingDef *def, const Val *v);
void set_clip(Sections *cx, const SettingDef *def, const Val *v);
void set_gradient_noise(Sections *cx, const SettingDef *def, const Val *v);
void set_early_stop(Sections *cx, const SettingDef *def, const Val *v);
void set_decay(Sections *cx, const SettingDef *def, const Val *v);
extern const FormDef schedule_forms[], momentum_forms[], batch_forms[], clip_forms[], noise_forms[], stop_forms[],
    decay_forms[];
void check_schedules(Sections *cx);

/* Settings of config_transfer.c; check_transfer marks the parameters that they name. */
void set_weights(Sections *cx, const SettingDef *def, const Val *v);
void set_freeze(Sections *cx, const SettingDef *def, const Val *v);
void set_trainable(Sections *cx, const SettingDef *def, const Val *v);
void set_groups(Sections *cx, const SettingDef *def, const Val *v);
extern const FormDef weights_forms[], group_forms[];
void check_transfer(Sections *cx);

#endif
