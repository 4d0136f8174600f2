#include "error.h"

#include <stdio.h>
#include <string.h>

bool nt_fail(nt_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (length < 0)
        snprintf(err->text, sizeof err->text, "an error whose message could not be written");
    else if ((size_t)length >= sizeof err->text)
        memcpy(err->text + sizeof err->text - 4, "...", 4);
    for (char *p = err->text; *p; p++) {
        unsigned char byte = (unsigned char)*p;
        if ((byte < 0x20 && byte != '\n') || byte == 0x7f)
            *p = '?';
    }
    return false;
}

bool nt_fail_memory(nt_error *err, const char *what, double bytes)
{
    return nt_fail(err, "not enough memory for %s (%.1f MB): close other programs, or use less data", what,
                   bytes * 1e-6);
}
