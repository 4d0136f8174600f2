/* start.h - what training starts from: initial values, a weights file, or the part of one that fits; and an account of
 * that which people can read. */
#ifndef NT_START_H
#define NT_START_H

#include <stdio.h>

#include "error.h"
#include "model.h"

/* Where a parameter, or a statistic, has its first values from. */
typedef enum nt_origin {
    NT_INITIAL,     /* there is no file: from its own law */
    NT_LOADED,      /* the file; all the following are initial values as well */
    NT_LEFT_OUT,    /* named by `except` */
    NT_NOT_IN_FILE, /* with `partial` */
    NT_OTHER_SHAPE  /* with `partial` */
} nt_origin;

/* What the command line makes of the model's start: `weights` (NULL: not given) replaces it as a whole, `except`
 * (names with commas between them, or NULL) and `partial` what goes with the file. Free it with nt_start_free. False,
 * with the error set, where there is no file that they could be about. */
bool nt_start_choose(nt_start *start, const nt_start *model, const char *weights, const char *except, bool partial,
                     nt_error *error);
void nt_start_free(nt_start *start);

/* Fills params from the file that `start` names: all of them but those that `except` names, or, with `partial`, those
 * whose names and shapes the file has. A name of `except` is a label, which stands for all under it, a full name, or a
 * pattern of either (fnmatch). False, with the error set and params as they were, where a parameter is missing or of
 * another shape, where the file holds more and neither `except` nor `partial` says that it may, where nothing fits, or
 * where a name is nobody's.
 *
 * Pre: params hold initial values. origins[0..n_params) are written. To `account`, unless it is NULL, goes a table of
 * what was loaded, what not and why, and of what is trained; where there is no file, only if something is frozen or has
 * a rate of its own. */
bool nt_start_load(const nt_start *start, const nt_model *model, real *params, nt_origin *origins, FILE *account,
                   nt_error *error);

#endif
