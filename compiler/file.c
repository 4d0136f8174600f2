/* file.c - whole files in and out. */
#define _POSIX_C_SOURCE 200809L
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nothing the compiler reads is near this size; without a limit, /dev/zero would fill the memory. */
enum { FILE_READ_MAX = 64 << 20, READ_STEP = 1 << 16 };

/* Reads fd to its end. False, with errno, on failure. */
static bool read_all(int fd, Str *out)
{
    char step[READ_STEP];
    for (;;) {
        ssize_t n = read(fd, step, sizeof step);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0;
        }
        str_addn(out, step, (size_t)n);
        if (out->len > FILE_READ_MAX) {
            errno = EFBIG;
            return false;
        }
    }
}

char *file_read(const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    Str text = {0};
    bool ok = read_all(fd, &text);
    int why = errno;
    close(fd); /* nothing was written: nothing can be lost here */
    if (!ok) {
        str_free(&text);
        errno = why;
        return NULL;
    }
    str_add(&text, ""); /* an empty file is an empty text, not NULL */
    *len = text.len;
    return text.data;
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return false;
        }
        data += n;
        len -= (size_t)n;
    }
    return true;
}

bool file_write(const char *path, const char *data, size_t len)
{
    Str temporary = {0};
    str_printf(&temporary, "%s.%ld.tmp", path, (long)getpid());
    /* a leftover of a killed process that had our number must not be in the way */
    if (unlink(temporary.data) != 0 && errno != ENOENT) {
        int why = errno;
        str_free(&temporary);
        errno = why;
        return false;
    }
    int fd = open(temporary.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool ok = fd >= 0 && write_all(fd, data, len);
    int why = errno;
    if (fd >= 0 && close(fd) != 0 && ok) {
        ok = false;
        why = errno;
    }
    if (ok && rename(temporary.data, path) != 0) {
        ok = false;
        why = errno;
    }
    if (!ok && fd >= 0) {
        unlink(temporary.data); /* the first failure is the one to report */
    }
    str_free(&temporary);
    if (!ok) {
        errno = why;
    }
    return ok;
}

/* Whether a file holds exactly this. */
static bool holds(const char *path, const char *data, size_t len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    char step[READ_STEP];
    size_t done = 0;
    bool same = true, more = true;
    while (same && more) {
        ssize_t n = read(fd, step, sizeof step);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        same = n >= 0 && (size_t)n <= len - done && memcmp(step, data + done, (size_t)n) == 0;
        done += same ? (size_t)n : 0;
        more = n > 0;
    }
    close(fd); /* nothing was written: nothing can be lost here */
    return same && done == len;
}

bool file_update(const char *path, const char *data, size_t len)
{
    return holds(path, data, len) || file_write(path, data, len);
}
