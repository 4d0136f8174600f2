/* progress.h - what a run shows while it trains: one line that updates on a terminal, plain lines elsewhere. */
#ifndef NT_PROGRESS_H
#define NT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct nt_progress {
    FILE *to;
    bool terminal; /* redraw one line; otherwise no control characters at all */
    bool utf8, colour;
    int width;   /* columns, 0: unlimited */
    double last; /* when something was last shown, see nt_seconds() */
} nt_progress;

/* What the updating line says. NAN where a figure does not apply. */
typedef struct nt_moment {
    int64_t epoch, epochs; /* from 1 */
    int64_t done, total;   /* steps of this epoch */
    double loss, accuracy; /* of this epoch so far; accuracy as a share of 1 */
    double lr;
    double rate; /* samples a second */
    double left; /* seconds until the end of the run */
} nt_moment;

/* What an epoch's line says. */
typedef struct nt_epoch_summary {
    int64_t epoch, epochs;
    double train_loss, train_accuracy;
    double val_loss, val_accuracy;
    double lr, seconds;
    bool best;
} nt_epoch_summary;

/* Monotonic time in seconds. */
double nt_seconds(void);

/* Looks at `to` and at the environment (TERM, NO_COLOR, COLUMNS, the locale's character set). `plain`: as if it were a
 * pipe. */
void nt_progress_init(nt_progress *progress, FILE *to, bool plain);

/* Shows the moment, unless something was shown just now: at most ten times a second on a terminal, every five seconds
 * elsewhere. */
void nt_progress_update(nt_progress *progress, const nt_moment *moment);

/* Replaces the updating line by the epoch's own. */
void nt_progress_epoch(nt_progress *progress, const nt_epoch_summary *summary);

/* Removes the updating line, so that something else can be written. */
void nt_progress_clear(nt_progress *progress);

/* Writes `n` fields separated by two spaces, on as many lines as the width needs. */
void nt_progress_fields(nt_progress *progress, const char *const *fields, int n);

/* Into `line`, without line end or control characters except colours: what the calls above write. Public for the tests.
 * The line takes at most progress->width - 1 columns. */
void nt_progress_format(const nt_progress *progress, const nt_moment *moment, char *line, size_t size);
void nt_progress_format_epoch(const nt_progress *progress, const nt_epoch_summary *summary, char *line, size_t size);

/* 12345678 as "12,345,678"; seconds as "0:05", "12:00" or "3:04:05"; bytes as "12.3 MB". `text` has room for 32
 * bytes. */
const char *nt_format_count(char *text, int64_t value);
const char *nt_format_time(char *text, double seconds);
const char *nt_format_bytes(char *text, double bytes);

#endif
