#define _POSIX_C_SOURCE 200809L

#include "data_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

char *nt_copy_text(const char *text, size_t n)
{
    size_t length = 0;
    while (length < n && text[length])
        length++;
    char *copy = malloc(length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *nt_path_join(const char *dir, const char *name)
{
    size_t length = strlen(dir), size = length + strlen(name) + 2;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s%s%s", dir, length && dir[length - 1] == '/' ? "" : "/", name);
    return path;
}

bool nt_path_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool nt_path_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

const char *nt_no_folder(const char *path)
{
    return nt_path_exists(path) ? "is not a folder" : "there is no such folder";
}

void *nt_allocate(int64_t count, size_t size, const char *what, nt_error *err)
{
    void *memory = NULL;
    if (count >= 0 && (uint64_t)count <= PTRDIFF_MAX / size)
        memory = malloc(count ? (size_t)count * size : 1);
    if (!memory)
        nt_fail_memory(err, what, (double)count * (double)size);
    return memory;
}

size_t nt_product(const int64_t *dims, int n)
{
    size_t product = 1;
    for (int i = 0; i < n; i++) {
        if (dims[i] && product > SIZE_MAX / (size_t)dims[i])
            return SIZE_MAX;
        product *= (size_t)dims[i];
    }
    return product;
}

void nt_part_free(nt_part *part)
{
    free(part->bytes);
    free(part->values);
    free(part->labels);
    free(part->targets);
    *part = (nt_part){0};
}

/* ------------------------------------------------------------------------------------------------------------ files */

void nt_file_free(nt_file *file)
{
    free(file->bytes);
    *file = (nt_file){0};
}

static bool read_plain(int fd, size_t size, nt_file *file, nt_error *err)
{
    file->bytes = malloc(size + 1);
    if (!file->bytes)
        return nt_fail_memory(err, file->name, (double)size);
    while (file->size < size) {
        size_t room = size - file->size;
        ssize_t got = read(fd, file->bytes + file->size, room > 1 << 30 ? 1 << 30 : room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return nt_fail(err, "%s: cannot be read at byte %zu: %s", file->name, file->size, strerror(errno));
        if (got == 0)
            break;
        file->size += (size_t)got;
    }
    return true;
}

/* Unpacks into memory that doubles as it fills: what the file says of its own unpacked size is not asked. */
static bool read_gzip(gzFile gz, size_t packed_size, nt_file *file, nt_error *err)
{
    size_t capacity = packed_size < SIZE_MAX / 8 ? 4 * packed_size + 64 : packed_size;
    file->bytes = malloc(capacity);
    int got = file->bytes ? 1 : 0;
    while (got > 0) {
        if (file->size == capacity) {
            uint8_t *larger = capacity < SIZE_MAX / 4 ? realloc(file->bytes, capacity * 2) : NULL;
            if (!larger)
                return nt_fail_memory(err, file->name, (double)capacity * 2);
            file->bytes = larger;
            capacity *= 2;
        }
        size_t room = capacity - file->size;
        got = gzread(gz, file->bytes + file->size, room > 1 << 30 ? 1 << 30 : (unsigned)room);
        if (got > 0)
            file->size += (size_t)got;
    }
    if (!file->bytes)
        return nt_fail_memory(err, file->name, (double)capacity);
    int code = Z_OK;
    const char *why = gzerror(gz, &code);
    if (code == Z_BUF_ERROR)
        return nt_fail(
            err, "%s: ends at byte %zu, in the middle of its compressed data (%zu bytes unpacked): fetch it again",
            file->name, packed_size, file->size);
    if (code != Z_OK && code != Z_STREAM_END)
        return nt_fail(err, "%s: is corrupt before byte %lld (%s): fetch it again", file->name, (long long)gzoffset(gz),
                       code == Z_ERRNO ? strerror(errno) : why);
    return true;
}

bool nt_file_read(const char *path, nt_file *file, nt_error *err)
{
    *file = (nt_file){.name = path};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        nt_fail(err, "%s: cannot be opened: %s%s", path, strerror(errno), errno == ENOENT ? ": check the path" : "");
        if (fd >= 0)
            close(fd);
        return false;
    }
    size_t size = (size_t)info.st_size;
    uint8_t magic[2] = {0};
    bool ok;
    if (!S_ISREG(info.st_mode)) {
        ok = nt_fail(err, "%s: is not a file", path);
    } else if (pread(fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b) {
        gzFile gz = gzdopen(fd, "rb");
        if (gz) {
            fd = -1; /* gzclose closes it */
            gzbuffer(gz, 1 << 17);
            ok = read_gzip(gz, size, file, err);
            gzclose(gz);
        } else {
            ok = nt_fail_memory(err, path, 1 << 17);
        }
    } else {
        ok = read_plain(fd, size, file, err);
    }
    if (fd >= 0)
        close(fd);
    if (!ok)
        nt_file_free(file);
    return ok;
}

/* ----------------------------------------------------------------------------------------------------------- shapes */

nt_shape_text nt_shape_name(int64_t h, int64_t w, int64_t c)
{
    nt_shape_text shape;
    if (h == 1 && w == 1)
        snprintf(shape.text, sizeof shape.text, "%lld", (long long)c);
    else
        snprintf(shape.text, sizeof shape.text, "%lldx%lldx%lld", (long long)h, (long long)w, (long long)c);
    return shape;
}

bool nt_check_shape(const nt_data_request *q, const char *name, int64_t h, int64_t w, int64_t c, nt_error *err)
{
    if (h == q->h && w == q->w && c == q->c)
        return true;
    /* Dimensions are at most 2^31 each; the comparison by division cannot overflow where the product could. */
    const bool vector = q->h == 1 && q->w == 1;
    if (vector && c == 1 && h > 0 && w > 0 && q->c % h == 0 && q->c / h % w == 0 && q->c / h / w == c)
        return true;
    if (vector && c > 1 && h * w > 1)
        return nt_fail(err,
                       "%s: holds pictures of %s, the network reads %d values in no order: write input(%s) in the model; a "
                       "dense layer reads that just as well",
                       name, nt_shape_name(h, w, c).text, q->c, nt_shape_name(h, w, c).text);
    nt_shape_text found = nt_shape_name(h, w, c), wanted = nt_shape_name(q->h, q->w, q->c);
    return nt_fail(err,
                   "%s: holds samples of %s, the network reads %s: write input(%s) in the model, or use other data",
                   name, found.text, wanted.text, found.text);
}
