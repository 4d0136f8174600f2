/* data_images.c - folders of JPEG and PNG images, a folder a class.
 *
 * JPEG is decoded with the library's defaults (accurate integer DCT, smooth chroma upsampling), so that pixels equal
 * those of other tools built on libjpeg-turbo. Transparency, colour profiles and the camera's orientation are
 * disregarded. An image of another size is resized to the network's input, whatever its proportions, by linear
 * interpolation that averages over the area when it shrinks. */
#define _POSIX_C_SOURCE 200809L

#include "data_source.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>
#include <png.h>

enum {
    MAX_PIXELS = 1 << 26,     /* of one image */
    JPEG_EXPANSION = 2048,    /* pixels that a byte of JPEG can stand for: 16x16 flat ones take 1.5 bytes */
    DEFLATE_EXPANSION = 1032, /* bytes that a byte of deflate can stand for */
    SMALL = 1 << 16,          /* pixels or bytes that need no such argument */
    MAX_SCANS = 100           /* of a progressive JPEG; real ones have about ten */
};

/* A decoded image: h rows of w pixels of 1 (grey) or 3 (red, green, blue) bytes. */
typedef struct picture {
    int h, w, channels;
    uint8_t *pixels;
} picture;

static bool begin_picture(picture *p, const nt_file *file, double w, double h, double limit, int channels,
                          nt_error *err)
{
    if (w < 1 || h < 1)
        return nt_fail(err, "%s: has the size %.0fx%.0f: there is nothing in it", file->name, w, h);
    if (w * h > MAX_PIXELS)
        return nt_fail(err, "%s: has %.0fx%.0f pixels (width x height); at most %d are allowed: make it smaller",
                       file->name, w, h, MAX_PIXELS);
    if (w * h > limit)
        return nt_fail(err,
                       "%s: has %zu bytes, too few for the %.0fx%.0f pixels (width x height) that its header "
                       "announces: fetch it again",
                       file->name, file->size, w, h);
    *p = (picture){.h = (int)h, .w = (int)w, .channels = channels};
    p->pixels = nt_allocate((int64_t)p->h * p->w, (size_t)channels, file->name, err);
    return p->pixels != NULL;
}

/* ------------------------------------------------------------------------------------------------------------- JPEG */

typedef struct jpeg_decoding {
    struct jpeg_error_mgr errors; /* first, so that the library's pointer to it is a pointer to the whole */
    struct jpeg_progress_mgr progress;
    struct jpeg_decompress_struct info;
    jmp_buf failed;
    const nt_file *file;
    nt_error *err;
    picture *out;
    uint8_t *row; /* a row of CMYK */
} jpeg_decoding;

static void jpeg_give_up(j_common_ptr info)
{
    jpeg_decoding *d = (jpeg_decoding *)info->err;
    char why[JMSG_LENGTH_MAX];
    d->errors.format_message(info, why);
    size_t left = d->info.src ? d->info.src->bytes_in_buffer : 0;
    nt_fail(d->err, "%s: cannot be decoded at byte %zu: %s: fetch it again, or take it out", d->file->name,
            left < d->file->size ? d->file->size - left : 0, why);
    longjmp(d->failed, 1);
}

/* The library carries on after damage, with grey for what is missing. Training on that would go unseen: what is damage
 * is an error; what is only untidy is not. */
static void jpeg_warn(j_common_ptr info, int level)
{
    int code = info->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR &&
        code != JWRN_TOO_MUCH_DATA)
        jpeg_give_up(info);
}

static void jpeg_watch(j_common_ptr info)
{
    jpeg_decoding *d = (jpeg_decoding *)info->err;
    if (d->info.input_scan_number > MAX_SCANS) {
        nt_fail(d->err, "%s: has more than %d scans, which no camera writes: take it out", d->file->name, MAX_SCANS);
        longjmp(d->failed, 1);
    }
}

/* Ink to light; Adobe's files, which is all that there are, hold both inverted. */
static void cmyk_to_rgb(const uint8_t *from, uint8_t *to, int pixels)
{
    for (int i = 0; i < pixels; i++)
        for (int c = 0; c < 3; c++)
            to[3 * i + c] = (uint8_t)((from[4 * i + c] * from[4 * i + 3] + 127) / 255);
}

/* Everything that may jump. */
static bool jpeg_work(jpeg_decoding *d)
{
    struct jpeg_decompress_struct *info = &d->info;
    jpeg_create_decompress(info);
    info->progress = &d->progress;
    jpeg_mem_src(info, d->file->bytes, (unsigned long)d->file->size);
    jpeg_read_header(info, TRUE);
    bool ink = info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK;
    info->out_color_space = ink ? JCS_CMYK : info->jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
    int channels = info->out_color_space == JCS_GRAYSCALE ? 1 : 3;
    if (!begin_picture(d->out, d->file, info->image_width, info->image_height,
                       (double)d->file->size * JPEG_EXPANSION + SMALL, channels, d->err))
        return false;
    if (ink) {
        d->row = nt_allocate(d->out->w, 4, d->file->name, d->err);
        if (!d->row)
            return false;
    }
    jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
        uint8_t *to = d->out->pixels + (size_t)info->output_scanline * (size_t)d->out->w * (size_t)channels;
        JSAMPROW row = ink ? d->row : to;
        jpeg_read_scanlines(info, &row, 1);
        if (ink)
            cmyk_to_rgb(d->row, to, d->out->w);
    }
    jpeg_finish_decompress(info);
    return true;
}

/* A function of its own, so that no variable of it changes between setjmp and the jump. */
static bool jpeg_guarded(jpeg_decoding *d)
{
    if (setjmp(d->failed))
        return false;
    return jpeg_work(d);
}

static bool decode_jpeg(const nt_file *file, picture *out, nt_error *err)
{
    jpeg_decoding d = {.file = file, .err = err, .out = out};
    d.info.err = jpeg_std_error(&d.errors);
    d.errors.error_exit = jpeg_give_up;
    d.errors.emit_message = jpeg_warn;
    d.progress.progress_monitor = jpeg_watch;
    bool ok = jpeg_guarded(&d);
    jpeg_destroy_decompress(&d.info);
    free(d.row);
    return ok;
}

/* -------------------------------------------------------------------------------------------------------------- PNG */

typedef struct png_decoding {
    png_structp png;
    png_infop info;
    const nt_file *file;
    size_t at;
    nt_error *err;
    picture *out;
} png_decoding;

static void png_give_up(png_structp png, png_const_charp why)
{
    png_decoding *d = png_get_error_ptr(png);
    nt_fail(d->err, "%s: cannot be decoded at byte %zu: %s: fetch it again, or take it out", d->file->name, d->at, why);
    png_longjmp(png, 1);
}

static void png_ignore(png_structp png, png_const_charp why)
{
    (void)png;
    (void)why;
}

static void png_read(png_structp png, png_bytep to, size_t n)
{
    png_decoding *d = png_get_io_ptr(png);
    if (n > d->file->size - d->at) {
        d->at = d->file->size;
        png_error(png, "the file ends too soon");
    }
    memcpy(to, d->file->bytes + d->at, n);
    d->at += n;
}

/* Everything that may jump. */
static bool png_work(png_decoding *d)
{
    png_structp png = d->png;
    png_infop info = d->info;
    png_set_read_fn(png, d, png_read);
    png_set_user_limits(png, MAX_PIXELS, MAX_PIXELS);
    png_set_chunk_malloc_max(png, 1 << 22);
    png_read_info(png, info);
    png_uint_32 w = png_get_image_width(png, info), h = png_get_image_height(png, info);
    int type = png_get_color_type(png, info);
    double bits = (double)png_get_bit_depth(png, info) * png_get_channels(png, info);
    double most = ((double)d->file->size * DEFLATE_EXPANSION + SMALL) * 8 / bits;
    if (!begin_picture(d->out, d->file, w, h, most, type & PNG_COLOR_MASK_COLOR ? 3 : 1, d->err))
        return false;
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    else if (type == PNG_COLOR_TYPE_GRAY)
        png_set_expand_gray_1_2_4_to_8(png);
    png_set_scale_16(png);
    png_set_strip_alpha(png);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t row = (size_t)d->out->w * (size_t)d->out->channels;
    if (png_get_rowbytes(png, info) != row)
        return nt_fail(d->err, "%s: has an unusual pixel format: save it as 8-bit grey or RGB", d->file->name);
    for (int pass = 0; pass < passes; pass++)
        for (png_uint_32 y = 0; y < h; y++)
            png_read_row(png, d->out->pixels + y * row, NULL);
    png_read_end(png, NULL);
    return true;
}

static bool png_guarded(png_decoding *d)
{
    if (setjmp(png_jmpbuf(d->png)))
        return false;
    return png_work(d);
}

static bool decode_png(const nt_file *file, picture *out, nt_error *err)
{
    png_decoding d = {.file = file, .err = err, .out = out};
    d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, png_give_up, png_ignore);
    d.info = d.png ? png_create_info_struct(d.png) : NULL;
    bool ok = d.info ? png_guarded(&d) : nt_fail_memory(err, file->name, (double)file->size);
    png_destroy_read_struct(&d.png, &d.info, NULL);
    return ok;
}

/* ----------------------------------------------------------------------------------------------- channels, resizing */

/* Makes p have c channels (1 or 3). Grey is luma as of ITU-R BT.601 in 16-bit fixed point. */
static bool change_channels(picture *p, const char *name, int c, nt_error *err)
{
    if (p->channels == c)
        return true;
    int64_t n = (int64_t)p->h * p->w;
    uint8_t *to = nt_allocate(n, (size_t)c, name, err);
    if (!to)
        return false;
    const uint8_t *from = p->pixels;
    for (int64_t i = 0; i < n; i++) {
        if (c == 1)
            to[i] = (uint8_t)((from[3 * i] * 19595u + from[3 * i + 1] * 38470u + from[3 * i + 2] * 7471u + 0x8000u) >>
                              16);
        else
            to[3 * i] = to[3 * i + 1] = to[3 * i + 2] = from[i];
    }
    free(p->pixels);
    p->pixels = to;
    p->channels = c;
    return true;
}

enum { WEIGHT_BITS = 22 }; /* 255 * 2^22 and the rounding fit 31 bits */

/* Where an output place gets its value: `count` input places from `first` on, with weights that add up to 2^WEIGHT_BITS
 * but for rounding. */
typedef struct window {
    int first, count;
    int32_t *weights;
} window;

/* Windows that turn `from` places into `to`: a triangle as wide as the larger of an input and an output place. One
 * block of memory. */
static window *make_windows(int from, int to, const char *name, nt_error *err)
{
    double scale = (double)from / to, reach = scale > 1 ? scale : 1;
    int widest = 2 * (int)ceil(reach) + 1;
    size_t one = sizeof(window) + (size_t)widest * sizeof(int32_t);
    window *windows = nt_allocate(to, one, name, err);
    double *weights = nt_allocate(widest, sizeof *weights, name, err);
    if (!windows || !weights) {
        free(windows);
        free(weights);
        return NULL;
    }
    int32_t *fixed = (int32_t *)(windows + to);
    for (int i = 0; i < to; i++, fixed += widest) {
        double centre = (i + 0.5) * scale, sum = 0;
        int first = (int)(centre - reach + 0.5), end = (int)(centre + reach + 0.5);
        first = first < 0 ? 0 : first;
        end = end > from ? from : end;
        for (int k = 0; k < end - first; k++) {
            double away = fabs((first + k - centre + 0.5) / reach);
            weights[k] = away < 1 ? 1 - away : 0;
            sum += weights[k];
        }
        for (int k = 0; k < end - first; k++)
            fixed[k] = (int32_t)floor(weights[k] / sum * (1 << WEIGHT_BITS) + 0.5);
        windows[i] = (window){first, end - first, fixed};
    }
    free(weights);
    return windows;
}

static uint8_t to_byte(int32_t sum)
{
    int32_t value = sum >> WEIGHT_BITS; /* sums are never negative: neither are weights */
    return (uint8_t)(value > 255 ? 255 : value);
}

static void resize_row(const uint8_t *from, uint8_t *to, const window *windows, int w, int c)
{
    for (int x = 0; x < w; x++) {
        const window *v = &windows[x];
        for (int k = 0; k < c; k++) {
            int32_t sum = 1 << (WEIGHT_BITS - 1);
            for (int i = 0; i < v->count; i++)
                sum += from[(v->first + i) * c + k] * v->weights[i];
            to[x * c + k] = to_byte(sum);
        }
    }
}

static void resize_column(const uint8_t *from, uint8_t *to, const window *v, int64_t row)
{
    for (int64_t x = 0; x < row; x++) {
        int32_t sum = 1 << (WEIGHT_BITS - 1);
        for (int i = 0; i < v->count; i++)
            sum += from[(v->first + i) * row + x] * v->weights[i];
        to[x] = to_byte(sum);
    }
}

/* Resizes to h x w, rows first, with bytes in between. */
static bool resize(const picture *p, const char *name, int h, int w, uint8_t *to, nt_error *err)
{
    int c = p->channels;
    int64_t row = (int64_t)w * c;
    window *across = make_windows(p->w, w, name, err);
    window *down = across ? make_windows(p->h, h, name, err) : NULL;
    uint8_t *narrow = down ? nt_allocate(p->h, (size_t)row, name, err) : NULL;
    if (narrow) {
        for (int y = 0; y < p->h; y++)
            resize_row(p->pixels + (int64_t)y * p->w * c, narrow + y * row, across, w, c);
        for (int y = 0; y < h; y++)
            resize_column(narrow, to + y * row, &down[y], row);
    }
    free(narrow);
    free(down);
    free(across);
    return narrow != NULL;
}

bool nt_image_decode(const nt_file *file, int h, int w, int c, uint8_t *pixels, nt_error *err)
{
    static const uint8_t jpeg_magic[] = {0xff, 0xd8}, png_magic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    picture p = {0};
    bool ok;
    if (file->size >= sizeof jpeg_magic && memcmp(file->bytes, jpeg_magic, sizeof jpeg_magic) == 0)
        ok = decode_jpeg(file, &p, err);
    else if (file->size >= sizeof png_magic && memcmp(file->bytes, png_magic, sizeof png_magic) == 0)
        ok = decode_png(file, &p, err);
    else
        ok = nt_fail(err, "%s: %s, or take it out", file->name,
                     file->size > 0 ? "is neither JPEG nor PNG: convert it" : "is empty: fetch it again");
    ok = ok && change_channels(&p, file->name, c, err);
    if (ok && (p.h != h || p.w != w))
        ok = resize(&p, file->name, h, w, pixels, err);
    else if (ok)
        memcpy(pixels, p.pixels, (size_t)h * (size_t)w * (size_t)c);
    free(p.pixels);
    return ok;
}

/* ---------------------------------------------------------------------------------------------------------- folders */

/* Names, in byte order. */
typedef struct name_list {
    char **names;
    int64_t count, room;
} name_list;

static void free_names(name_list *list)
{
    for (int64_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (name_list){0};
}

/* Takes over `name`, which may be NULL for want of memory. */
static bool add_name(name_list *list, char *name, nt_error *err)
{
    if (name && list->count == list->room) {
        int64_t room = list->room ? 2 * list->room : 64;
        char **larger = realloc(list->names, (size_t)room * sizeof *larger);
        if (larger) {
            list->names = larger;
            list->room = room;
        }
    }
    if (!name || list->count == list->room) {
        free(name);
        return nt_fail_memory(err, "a list of files", (double)list->count * 64);
    }
    list->names[list->count++] = name;
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lists what is in a folder, without hidden files. */
static bool list_folder(const char *folder, name_list *list, nt_error *err)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return nt_fail(err, "%s: cannot be opened: %s", folder, strerror(errno));
    bool ok = true;
    errno = 0;
    for (struct dirent *entry; ok && (entry = readdir(dir)) != NULL; errno = 0)
        if (entry->d_name[0] != '.')
            ok = add_name(list, nt_copy_text(entry->d_name, SIZE_MAX), err);
    if (ok && errno)
        ok = nt_fail(err, "%s: cannot be read: %s", folder, strerror(errno));
    closedir(dir);
    if (list->count)
        qsort(list->names, (size_t)list->count, sizeof *list->names, compare_names);
    return ok;
}

/* The folders in a folder: its classes. */
static bool list_classes(const char *folder, name_list *classes, nt_error *err)
{
    name_list all = {0};
    bool ok = list_folder(folder, &all, err);
    for (int64_t i = 0; ok && i < all.count; i++) {
        char *path = nt_path_join(folder, all.names[i]);
        bool is_class = path && nt_path_is_folder(path);
        ok = path || nt_fail_memory(err, folder, 64);
        free(path);
        if (ok && is_class) {
            ok = add_name(classes, all.names[i], err);
            all.names[i] = NULL;
        }
    }
    free_names(&all);
    return ok;
}

static int64_t find_name(const name_list *list, const char *name)
{
    char **found = list->count ? bsearch(&name, list->names, (size_t)list->count, sizeof *list->names, compare_names)
                               : NULL;
    return found ? found - list->names : -1;
}

/* The files of a part, class after class, and the label of each. */
typedef struct file_list {
    name_list paths;
    int32_t *labels;
    int64_t room;
} file_list;

static bool list_class(const char *folder, const char *name, int32_t label, file_list *files, nt_error *err)
{
    char *path = nt_path_join(folder, name);
    name_list names = {0};
    bool ok = path ? list_folder(path, &names, err) : nt_fail_memory(err, folder, 64);
    int64_t needed = files->paths.count + names.count;
    if (ok && needed > files->room) {
        int32_t *larger = realloc(files->labels, (size_t)needed * 2 * sizeof *larger);
        ok = larger || nt_fail_memory(err, "labels", (double)needed * 2 * sizeof *larger);
        if (ok) {
            files->labels = larger;
            files->room = needed * 2;
        }
    }
    for (int64_t i = 0; ok && i < names.count; i++) {
        files->labels[files->paths.count] = label;
        ok = add_name(&files->paths, nt_path_join(path, names.names[i]), err);
    }
    free_names(&names);
    free(path);
    return ok;
}

static bool list_part(const char *folder, const name_list *classes, file_list *files, nt_error *err)
{
    name_list here = {0};
    bool ok = list_classes(folder, &here, err);
    for (int64_t i = 0; ok && i < here.count; i++) {
        int64_t label = find_name(classes, here.names[i]);
        if (label < 0)
            ok = nt_fail(err, "%s/%s: is a class that the training part does not have", folder, here.names[i]);
        else
            ok = list_class(folder, here.names[i], (int32_t)label, files, err);
    }
    if (ok && files->paths.count == 0)
        ok = nt_fail(err, "%s: holds no images: it needs a folder for each class, with JPEG or PNG files in it",
                     folder);
    free_names(&here);
    return ok;
}

/* Reads and decodes all files, in parallel. If several fail, the message is that of the first in order. */
static bool decode_files(const nt_data_request *q, const file_list *files, nt_part *part, nt_error *err)
{
    int64_t count = files->paths.count, size = (int64_t)q->h * q->w * q->c, failed = count;
    part->bytes = nt_allocate(count, (size_t)size, "the images", err);
    if (!part->bytes)
        return false;
#pragma omp parallel for schedule(dynamic, 16)
    for (int64_t i = 0; i < count; i++) {
        int64_t first;
#pragma omp atomic read
        first = failed;
        if (i > first)
            continue;
        nt_file file;
        nt_error error = {{0}};
        bool ok = nt_file_read(files->paths.names[i], &file, &error) &&
                  nt_image_decode(&file, q->h, q->w, q->c, part->bytes + i * size, &error);
        nt_file_free(&file);
        if (!ok) {
#pragma omp critical(nt_decode_files)
            if (i < failed) {
                *err = error;
#pragma omp atomic write
                failed = i;
            }
        }
    }
    part->count = count;
    return failed == count;
}

static bool load_part(const nt_data_request *q, const char *folder, const name_list *classes, nt_part *part,
                      nt_error *err)
{
    file_list files = {0};
    bool ok = list_part(folder, classes, &files, err) && decode_files(q, &files, part, err);
    if (ok) {
        part->labels = files.labels;
        files.labels = NULL;
    }
    free_names(&files.paths);
    free(files.labels);
    return ok;
}

static bool check_input(const nt_data_request *q, nt_error *err)
{
    if ((q->c == 1 || q->c == 3) && (int64_t)q->h * q->w > 1)
        return true;
    return nt_fail(err,
                   "the network reads %s, images are HEIGHTxWIDTHx3 or x1 (grey): write, for example, input(32x32x3)",
                   nt_shape_name(q->h, q->w, q->c).text);
}

/* The classes are the training part's folders, or the test part's where there is no training part. A list of names in
 * the data section may rename them, but not put them in another order: that would be a mix-up. */
static bool check_classes(const nt_data_request *q, const char *folder, const name_list *classes, nt_error *err)
{
    if (classes->count != q->outputs) {
        const char *hint = classes->count ? "make its last layer as wide as there are classes"
                                          : "it needs a folder for each class";
        return nt_fail(err, "%s: has %lld class folders, the network has %d outputs: %s", folder,
                       (long long)classes->count, q->outputs, hint);
    }
    int64_t moved = -1;
    for (int64_t i = 0; q->config->classes && i < classes->count; i++) {
        int64_t at = find_name(classes, q->config->classes[i]);
        if (at < 0)
            return true;
        if (at != i && moved < 0)
            moved = i;
    }
    return moved < 0 ||
           nt_fail(err, "%s: class %lld is %s, but classes = [...] has %s in its place: list the names in byte order",
                   folder, (long long)moved, classes->names[moved], q->config->classes[moved]);
}

static bool load_folders(const nt_data_request *q, const char *train, const char *test, nt_loaded *out, nt_error *err)
{
    bool has_train = nt_path_is_folder(train), has_test = nt_path_is_folder(test);
    if ((q->parts & NT_PART_TRAIN) && !has_train)
        return nt_fail(err, "%s: is missing: images(\"DIR\") needs DIR/train/CLASS/* and DIR/test/CLASS/*", train);
    if (q->parts == NT_PART_TEST && !has_test)
        return nt_fail(err, "%s: is missing: there is nothing to test on", test);
    name_list classes = {0};
    const char *named_by = has_train ? train : test;
    bool ok = list_classes(named_by, &classes, err) && check_classes(q, named_by, &classes, err);
    if (ok && (q->parts & NT_PART_TRAIN))
        ok = load_part(q, train, &classes, &out->train, err);
    if (ok && has_test && (q->parts & NT_PART_TEST))
        ok = load_part(q, test, &classes, &out->test, err);
    if (ok) {
        out->names = classes.names;
        classes = (name_list){0};
    }
    free_names(&classes);
    return ok;
}

bool nt_load_images(const nt_data_request *q, const char *path, nt_loaded *out, nt_error *err)
{
    if (!check_input(q, err))
        return false;
    char *train = nt_path_join(path, "train"), *test = nt_path_join(path, "test");
    bool ok = (train && test) || nt_fail_memory(err, path, (double)strlen(path));
    ok = ok && load_folders(q, train, test, out, err);
    free(train);
    free(test);
    return ok;
}

bool nt_inputs_image(const nt_data_request *q, const char *path, nt_part *out, nt_error *err)
{
    if (!check_input(q, err))
        return false;
    nt_file file;
    bool ok = nt_file_read(path, &file, err);
    if (ok) {
        out->count = 1;
        out->bytes = nt_allocate(1, (size_t)q->h * (size_t)q->w * (size_t)q->c, path, err);
        ok = out->bytes && nt_image_decode(&file, q->h, q->w, q->c, out->bytes, err);
    }
    nt_file_free(&file);
    return ok;
}
