/* str.c - text that grows, on the heap. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for n more bytes and the final NUL. */
static void reserve(Str *s, size_t n)
{
    if (n > SIZE_MAX / 2 || s->len > SIZE_MAX / 2 - n) {
        die("out of memory");
    }
    size_t need = s->len + n + 1;
    if (need <= s->cap) {
        return;
    }
    size_t cap = s->cap < 64 ? 64 : s->cap;
    while (cap < need) {
        cap *= 2;
    }
    char *data = realloc(s->data, cap);
    if (data == NULL) {
        die("out of memory");
    }
    s->data = data;
    s->cap = cap;
}

void str_addn(Str *s, const char *text, size_t n)
{
    reserve(s, n);
    if (n > 0) {
        memcpy(s->data + s->len, text, n);
    }
    s->len += n;
    s->data[s->len] = '\0';
}

void str_add(Str *s, const char *text)
{
    str_addn(s, text, strlen(text));
}

void str_addc(Str *s, char c)
{
    if (s->len + 1 >= s->cap) {
        reserve(s, 1);
    }
    s->data[s->len++] = c;
    s->data[s->len] = '\0';
}

void str_vprintf(Str *s, const char *format, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    const size_t room = s->cap - s->len;
    int n = vsnprintf(room > 0 ? s->data + s->len : NULL, room, format, ap);
    if (n < 0) {
        die("cannot format a text");
    }
    if ((size_t)n >= room) {
        reserve(s, (size_t)n);
        if (vsnprintf(s->data + s->len, (size_t)n + 1, format, again) != n) {
            die("cannot format a text");
        }
    }
    s->len += (size_t)n;
    va_end(again);
}

void str_printf(Str *s, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    str_vprintf(s, format, ap);
    va_end(ap);
}

void str_free(Str *s)
{
    free(s->data);
    *s = (Str){0};
}
