/* Reading a plain or gzip file of arbitrary bytes. */
#define _GNU_SOURCE /* memfd_create */

#include "../../runtime/data_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("input", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    nt_file file;
    nt_error err;
    if (nt_file_read(path, &file, &err) && file.size > 1100 * size + 64)
        abort();
    nt_file_free(&file);
    return 0;
}
