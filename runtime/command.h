/* command.h - what the trainer's commands share. */
#ifndef NT_COMMAND_H
#define NT_COMMAND_H

#include "data.h"
#include "engine.h"
#include "error.h"
#include "model.h"
#include "options.h"
#include "trainer.h"
#include "weights.h"

typedef struct nt_context {
    const nt_model *model, *model_double;
    const nt_sketch *sketch;
    const char *exe; /* as the user called it */
} nt_context;

/* Each takes what follows the command's name and returns an exit status. */
int nt_cmd_train(const nt_context *context, int argc, char **argv);
int nt_cmd_eval(const nt_context *context, int argc, char **argv);
int nt_cmd_predict(const nt_context *context, int argc, char **argv);
int nt_cmd_gradient(const nt_context *context, int argc, char **argv);
int nt_cmd_gradcheck(const nt_context *context, int argc, char **argv);
int nt_cmd_overfit(const nt_context *context, int argc, char **argv);
int nt_cmd_stats(const nt_context *context, int argc, char **argv);
int nt_cmd_lr_range(const nt_context *context, int argc, char **argv);
int nt_cmd_sanity(const nt_context *context, int argc, char **argv);
int nt_cmd_dropout(const nt_context *context, int argc, char **argv);
int nt_cmd_adversarial(const nt_context *context, int argc, char **argv);
int nt_cmd_bench(const nt_context *context, int argc, char **argv);
int nt_cmd_samples(const nt_context *context, int argc, char **argv);
int nt_cmd_search(const nt_context *context, int argc, char **argv);
int nt_cmd_report(const nt_context *context, int argc, char **argv);
int nt_cmd_info(const nt_context *context, int argc, char **argv);

/* What `eval --weights FOLDER` prints, for the committee that is in the folder. */
int nt_eval_committee(const nt_context *context, const char *folder, const char *data, int64_t threads);

/* Prints "error: ..." and returns `status`. */
int nt_report(const nt_error *error, int status);

/* Threads to run batches of that size with: `asked`; where that is 0, as many as the machine offers and the work is
 * worth. (The number changes no result.) Also what OpenMP uses from then on. */
int nt_threads(const nt_model *model, int64_t asked, int batch);

/* The batch to use: `asked`, or the model's own where that is 0. */
int nt_batch(const nt_model *model, int64_t asked);

/* Loads weights for use with data that `data` holds: brings the normalizer's constants from the file; where the file
 * has none and they have to be estimated, from the training part, which is loaded for that (from `path`, or the model's
 * own) with a note. */
bool nt_load_for_use(const nt_model *model, const char *weights_path, const char *data_path, nt_engine *engine,
                     nt_data *data, nt_weights *weights, nt_error *error);

/* The name of a class: the data's, else the weights file's, else its number, for which `text` has room for 32 bytes. */
const char *nt_class_name(const nt_data *data, const nt_weights *weights, int i, char *text);

/* Whether --weights, which `command` cannot do without, is given; a message that says where weights are, if not. */
bool nt_weights_given(const nt_context *context, const char *command, const char *weights);

/* "text" or "json" for --format; false, with a message, for anything else. */
bool nt_format_is_json(const char *format, bool *json);

#endif
