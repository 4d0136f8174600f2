#define _POSIX_C_SOURCE 200809L
#include "error.h"

#include <errno.h>
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

const char *nt_write_advice(int reason)
{
    switch (reason) {
    case ENOSPC:
    case EDQUOT: return "; free some space, or choose another folder with --out";
    case EFBIG: return "; the limit on file sizes (ulimit -f) is too low";
    case EACCES:
    case EROFS:
    case EPERM: return "; choose a folder you can write to with --out";
    case ENOENT: return "; the folder does not exist";
    default: return "";
    }
}
