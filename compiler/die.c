/* die.c - the end of a run that the environment made impossible. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void die(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fputs("netc: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(3);
}
