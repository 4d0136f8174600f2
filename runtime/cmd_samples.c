/* cmd_samples.c - EXE samples: a sheet of training samples as the augmentation makes them, to look at. */
#include <errno.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

enum { GAP = 4, SMALLEST_SIDE = 64, MOST_PIXELS = 1 << 26 };

typedef struct sheet {
    const nt_data *data;
    int rows, columns, zoom; /* pictures below and beside each other, screen pixels for one of theirs */
    float *pictures;         /* rows * columns * h*w*c */
    float low, high;         /* shown as black and white */
    uint8_t *pixels;         /* width * height * 3 */
    int width, height;
} sheet;

/* Sample s of the training part as it is (epoch < 0), or as it comes in an epoch. */
static bool make_picture(const nt_data *data, int64_t s, int epoch, uint64_t seed, float *to, nt_error *error)
{
    nt_epoch pass;
    if (!nt_epoch_begin(&pass, data, &data->train, epoch >= 0, seed, (uint64_t)(epoch >= 0 ? epoch : 0), error))
        return false;
    int64_t at = s;
    if (pass.order)
        for (at = 0; pass.order[at] != s; at++)
            continue;
    nt_data_batch(&pass, at, 1, to, NULL, NULL);
    nt_epoch_end(&pass);
    return true;
}

/* Rows are samples spread evenly over the training part; the first column shows them as they are. */
static bool make_pictures(sheet *t, uint64_t seed, nt_error *error)
{
    const nt_data *d = t->data;
    size_t size = (size_t)d->h * (size_t)d->w * (size_t)d->c;
    t->pictures = calloc((size_t)t->rows * (size_t)t->columns * size, sizeof *t->pictures);
    if (!t->pictures)
        return nt_fail_memory(error, "the pictures", (double)t->rows * t->columns * (double)size * 4);
    for (int r = 0; r < t->rows; r++)
        for (int k = 0; k < t->columns; k++)
            if (!make_picture(d, d->train.count * r / t->rows, k - 1, seed,
                              t->pictures + ((size_t)r * (size_t)t->columns + (size_t)k) * size, error))
                return false;
    return true;
}

/* Bytes are shown as they are, other values from the smallest to the largest. */
static void find_range(sheet *t, bool as_read)
{
    size_t n = (size_t)t->rows * (size_t)t->columns * (size_t)t->data->h * (size_t)t->data->w * (size_t)t->data->c;
    t->low = 0;
    t->high = 1;
    if (as_read && t->data->train_part.bytes)
        return;
    t->low = t->high = t->pictures[0];
    for (size_t i = 1; i < n; i++) {
        t->low = t->pictures[i] < t->low ? t->pictures[i] : t->low;
        t->high = t->pictures[i] > t->high ? t->pictures[i] : t->high;
    }
    t->high = t->high > t->low ? t->high : t->low + 1;
}

/* One pixel of a picture: its three channels, or their mean as a grey. */
static void show_pixel(const sheet *t, const float *from, uint8_t *to)
{
    int c = t->data->c;
    float mean = 0;
    for (int k = 0; k < c; k++)
        mean += from[k] / (float)c;
    for (int k = 0; k < 3; k++) {
        float v = ((c == 3 ? from[k] : mean) - t->low) / (t->high - t->low);
        to[k] = (uint8_t)(255 * (v < 0 ? 0 : v > 1 ? 1 : v) + 0.5f);
    }
}

/* Where column k begins: the originals stand apart. */
static int column_begin(const sheet *t, int k)
{
    return GAP + k * (t->data->w * t->zoom + GAP) + (k > 0 ? 2 * GAP : 0);
}

static int row_begin(const sheet *t, int r)
{
    return GAP + r * (t->data->h * t->zoom + GAP);
}

static bool draw(sheet *t, nt_error *error)
{
    int h = t->data->h, w = t->data->w, c = t->data->c;
    t->width = column_begin(t, t->columns);
    t->height = row_begin(t, t->rows);
    if ((double)t->width * t->height > MOST_PIXELS)
        return nt_fail(error, "the sheet would have %dx%d pixels: ask for fewer with --rows and --columns", t->width,
                       t->height);
    t->pixels = malloc((size_t)t->width * (size_t)t->height * 3);
    if (!t->pixels)
        return nt_fail_memory(error, "the sheet", (double)t->width * t->height * 3);
    memset(t->pixels, 255, (size_t)t->width * (size_t)t->height * 3);
    const float *from = t->pictures;
    for (int r = 0; r < t->rows; r++)
        for (int k = 0; k < t->columns; k++, from += (size_t)h * (size_t)w * (size_t)c)
            for (int y = 0; y < h * t->zoom; y++)
                for (int x = 0; x < w * t->zoom; x++)
                    show_pixel(t, from + ((size_t)(y / t->zoom) * (size_t)w + (size_t)(x / t->zoom)) * (size_t)c,
                               t->pixels + ((size_t)(row_begin(t, r) + y) * (size_t)t->width +
                                            (size_t)(column_begin(t, k) + x)) * 3);
    return true;
}

static bool write_png(const sheet *t, const char *path, nt_error *error)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)t->width,
                       .height = (png_uint_32)t->height,
                       .format = PNG_FORMAT_RGB};
    errno = 0;
    return png_image_write_to_file(&image, path, 0, t->pixels, 0, NULL) != 0 ||
           nt_fail(error, "%s: cannot be written: %s; name another file with --out", path,
                   errno ? strerror(errno) : image.message);
}

static void describe(const sheet *t, const char *path, bool as_read)
{
    const nt_data *d = t->data;
    nt_weights none = {0};
    char name[32];
    printf("%s: %d samples of the training part%s, as they are and in epochs 1 to %d\n", path, t->rows,
           as_read ? "" : ", normalized", t->columns - 1);
    for (int r = 0; r < t->rows; r++) {
        int64_t s = d->train.count * r / t->rows, place = d->train.index ? d->train.index[s] : s;
        printf("row %d  sample %lld", r + 1, (long long)place);
        if (d->train_part.labels)
            printf("  %s", nt_class_name(d, &none, d->train_part.labels[place], name));
        printf("\n");
    }
}

/* The data without its normalization, unless that is to be seen. */
static bool load(const nt_model *model, const char *path, bool normalized, uint64_t seed, nt_data *data, nt_error *error)
{
    nt_data_request request = nt_engine_request(model, path, NT_PART_TRAIN, seed);
    nt_data_config config = *request.config;
    if (!normalized)
        config.normalize = NT_NORM_NONE;
    request.config = &config;
    if (request.h * request.w == 1)
        return nt_fail(error, "samples draws pictures, and this network reads a vector of %d", request.c);
    return nt_data_load(&request, data, error);
}

int nt_cmd_samples(const nt_context *context, int argc, char **argv)
{
    const nt_model *model = context->model;
    const char *data_path = NULL, *out = "samples.png";
    int64_t rows = 8, columns = 9;
    uint64_t seed = model->train_config->seed;
    bool normalized = false;
    const nt_option list[] = {
        {"--data", NT_OPTION_TEXT, &data_path, "P", "folder or file of the data, instead of the model's", 0, NULL},
        {"--out", NT_OPTION_TEXT, &out, "FILE.png", "where the sheet goes (samples.png)", 0, NULL},
        {"--rows", NT_OPTION_COUNT, &rows, "N", "samples, spread over the training part (8)", 1, NULL},
        {"--columns", NT_OPTION_COUNT, &columns, "N", "the sample as it is, then in epochs 1 to N-1 (9)", 2, NULL},
        {"--seed", NT_OPTION_SEED, &seed, "N", "of the training run", 0, NULL},
        {"--normalized", NT_OPTION_FLAG, &normalized, NULL,
         "as the network reads them, from the smallest value to the largest", 0, NULL},
    };
    const nt_usage usage = {
        context->exe, "samples",
        NULL,         "A picture of training samples, as they are and as a run changes them by `augment`.",
        list,         sizeof list / sizeof *list,
    };
    int rest;
    nt_parsed parsed = nt_options_parse(&usage, argc, argv, &rest);
    if (parsed != NT_PARSED)
        return parsed == NT_PARSED_HELP ? NT_OK : NT_USAGE;

    nt_error error = {0};
    nt_data data;
    if (!load(model, data_path, normalized, seed, &data, &error))
        return nt_report(&error, NT_FAILED);
    int side = data.h > data.w ? data.h : data.w;
    sheet t = {.data = &data,
               .rows = (int)(rows < data.train.count ? rows : data.train.count),
               .columns = (int)(columns < 1000 ? columns : 1000),
               .zoom = side < SMALLEST_SIDE ? (SMALLEST_SIDE + side - 1) / side : 1};
    int status = NT_OK;
    if (!make_pictures(&t, seed, &error)) {
        status = nt_report(&error, NT_ENVIRONMENT);
    } else {
        find_range(&t, !normalized);
        if (!draw(&t, &error) || !write_png(&t, out, &error))
            status = nt_report(&error, NT_ENVIRONMENT);
        else
            describe(&t, out, !normalized);
    }
    free(t.pictures);
    free(t.pixels);
    nt_data_free(&data);
    return status;
}
