/* error.h - one message for the person at the terminal: which file, where in it, what is wrong, what to do about it. */
#ifndef NT_ERROR_H
#define NT_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

enum { NT_ERROR_MAX = 2048 };

typedef struct nt_error {
    char text[NT_ERROR_MAX]; /* without "error:" before it and without a newline after it; "" while nothing failed */
} nt_error;

/* Writes the message and returns false, so that a function that fails can say `return nt_fail(err, ...)`. Text that
 * does not fit is cut off and ends in "...". Bytes that would disturb a terminal, which names taken from files may
 * hold, become '?'. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
bool nt_fail(nt_error *err, const char *format, ...);

/* The message for memory that could not be had: `what` names its use, `bytes` its size. Returns false. */
bool nt_fail_memory(nt_error *err, const char *what, double bytes);

/* What to do about a file that could not be written for that reason, an errno: goes behind the message. "" where there is
 * nothing to say. */
const char *nt_write_advice(int reason);

#endif
