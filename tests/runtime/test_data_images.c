/* Images: decoding and resizing against another implementation's pixels, folders of classes, and damage of every kind.
 */
#include "data_files.h"

#include "data_images_golden.h"

#include <math.h>

#include <jpeglib.h>
#include <png.h>

static nt_data_config config = {.source = NT_SOURCE_IMAGES};

static nt_data_request request_of(int h, int w, int c, int outputs)
{
    return (nt_data_request){.config = &config,
                             .h = h,
                             .w = w,
                             .c = c,
                             .outputs = outputs,
                             .parts = NT_PART_TRAIN | NT_PART_TEST};
}

/* Pixel values that differ from place to place but change slowly, so that a lossy format keeps them to a few units. */
static uint8_t smooth(int y, int x, int c)
{
    return (uint8_t)(40 + 5 * x + 3 * y + 30 * c);
}

static nt_file encode_png(int h, int w, int bits, int type, int interlace)
{
    nt_file f = {.name = "made.png"};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    FILE *out = tmpfile();
    assert_non_null(out);
    png_init_io(png, out);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, bits, type, interlace, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    int passes = png_set_interlace_handling(png), channels = png_get_channels(png, info), bytes = bits / 8;
    uint8_t *row = malloc((size_t)(w * channels * bytes));
    for (int pass = 0; pass < passes; pass++) {
        for (int y = 0; y < h; y++) {
            for (int i = 0; i < w * channels * bytes; i++) {
                int c = i / bytes % channels;
                bool alpha = (type & PNG_COLOR_MASK_ALPHA) && c == channels - 1;
                row[i] = alpha ? 7 : smooth(y, i / bytes / channels, c); /* 16 bits: both bytes alike, which is v*257 */
            }
            png_write_row(png, row);
        }
    }
    free(row);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    f.size = (size_t)ftell(out);
    f.bytes = malloc(f.size);
    rewind(out);
    assert_int_equal(fread(f.bytes, 1, f.size, out), f.size);
    fclose(out);
    return f;
}

static nt_file encode_jpeg(int h, int w, int channels)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &bytes, &size);
    info.image_width = (JDIMENSION)w;
    info.image_height = (JDIMENSION)h;
    info.input_components = channels;
    info.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 98, TRUE);
    jpeg_start_compress(&info, TRUE);
    uint8_t *row = malloc((size_t)(w * channels));
    for (int y = 0; y < h; y++) {
        for (int i = 0; i < w * channels; i++)
            row[i] = smooth(y, i / channels, i % channels);
        jpeg_write_scanlines(&info, &row, 1);
    }
    free(row);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    nt_file f = file_of(bytes, size);
    free(bytes);
    return f;
}

static void pixels_equal_another_implementation(void **state)
{
    (void)state;
    uint8_t pixels[24 * 17 * 3];
    nt_error err = {""};
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        nt_file f = file_of(golden[i].bytes, golden[i].size);
        expect_ok(nt_image_decode(&f, golden[i].h, golden[i].w, golden[i].c, pixels, &err), &err);
        uint32_t crc = (uint32_t)crc32(0, pixels, (unsigned)(golden[i].h * golden[i].w * golden[i].c));
        if (crc != golden[i].crc)
            fail_msg("%s as %dx%dx%d: checksum %08x, expected %08x", golden[i].name, golden[i].h, golden[i].w,
                     golden[i].c, crc, golden[i].crc);
        nt_file_free(&f);
    }
}

static void every_png_format_is_read(void **state)
{
    (void)state;
    enum { H = 9, W = 11 };
    static const int types[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                PNG_COLOR_TYPE_RGB_ALPHA};
    uint8_t pixels[H * W * 3];
    nt_error err = {""};
    for (int t = 0; t < 4; t++) {
        for (int k = 0; k < 4; k++) {
            nt_file f = encode_png(H, W, k & 1 ? 16 : 8, types[t], k & 2 ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE);
            expect_ok(nt_image_decode(&f, H, W, 3, pixels, &err), &err);
            for (int i = 0; i < H * W * 3; i++)
                assert_int_equal(pixels[i], smooth(i / 3 / W, i / 3 % W, t < 2 ? 0 : i % 3));
            nt_file_free(&f);
        }
    }
}

/* A triangle's weights are symmetric, so that a linear slope keeps its value at the centre of each new pixel whose
 * window lies inside. */
static void shrinking_averages(void **state)
{
    (void)state;
    nt_error err = {""};
    nt_file f = encode_png(24, 24, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE);
    uint8_t pixels[16];
    expect_ok(nt_image_decode(&f, 4, 4, 1, pixels, &err), &err);
    for (int y = 1; y < 3; y++)
        for (int x = 1; x < 3; x++)
            assert_in_range(pixels[4 * y + x], 60 + 30 * x + 18 * y,
                            61 + 30 * x + 18 * y); /* smooth(6y + 2.5, 6x + 2.5), rounded twice */
    nt_file_free(&f);
}

static void damage_is_refused_everywhere(void **state)
{
    (void)state;
    uint8_t pixels[16 * 16 * 3];
    nt_error err = {""};
    nt_file whole[3] = {encode_jpeg(16, 16, 3), encode_png(16, 16, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE),
                        file_of(progressive_jpeg, sizeof progressive_jpeg)};
    for (int k = 0; k < 3; k++) {
        for (size_t n = 0; n < whole[k].size; n++) {
            nt_file f = file_of(whole[k].bytes, n);
            expect_message(nt_image_decode(&f, 16, 16, 3, pixels, &err), &err, "the file: ", NULL);
            nt_file_free(&f);
        }
        expect_ok(nt_image_decode(&whole[k], 16, 16, 3, pixels, &err), &err);
        nt_file_free(&whole[k]);
    }
    nt_file png = encode_png(16, 16, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE);
    png.bytes[png.size - 20] ^= 1;
    expect_message(nt_image_decode(&png, 16, 16, 3, pixels, &err), &err, "made.png: cannot be decoded at byte",
                   "incorrect data check", NULL);
    nt_file_free(&png);
    nt_file text = file_of("GIF89a", 6);
    expect_message(nt_image_decode(&text, 16, 16, 3, pixels, &err), &err, "neither JPEG nor PNG", NULL);
    text.size = 0;
    expect_message(nt_image_decode(&text, 16, 16, 3, pixels, &err), &err, "is empty", NULL);
    nt_file_free(&text);
}

/* A size in the header that the file's bytes cannot hold is refused before memory is taken for it. */
static void announced_sizes_are_not_believed(void **state)
{
    (void)state;
    uint8_t pixels[16 * 16 * 3];
    nt_error err = {""};
    nt_file f = encode_jpeg(16, 16, 3);
    size_t frame = 2; /* walk the segments to the frame header: height and width follow its length and precision */
    while (f.bytes[frame + 1] != 0xc0)
        frame += 2 + (size_t)(f.bytes[frame + 2] << 8 | f.bytes[frame + 3]);
    memcpy(f.bytes + frame + 5, "\x1f\x40\x1f\x40", 4);
    expect_message(nt_image_decode(&f, 16, 16, 3, pixels, &err), &err, "too few for the 8000x8000 pixels", NULL);
    memcpy(f.bytes + frame + 5, "\xff\xff\xff\xff", 4);
    expect_message(nt_image_decode(&f, 16, 16, 3, pixels, &err), &err, "the file: ", NULL);
    nt_file_free(&f);
    nt_file png = encode_png(16, 16, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE);
    memcpy(png.bytes + 16, "\0\0\x1f\x40\0\0\x1f\x40", 8);
    uint32_t crc = (uint32_t)crc32(0, png.bytes + 12, 17);
    for (int i = 0; i < 4; i++)
        png.bytes[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
    expect_message(nt_image_decode(&png, 16, 16, 3, pixels, &err), &err, "too few for the 8000x8000 pixels", NULL);
    nt_file_free(&png);
}

static void save(const folder *f, const char *name, nt_file file)
{
    write_file(path_in(f, name), file.bytes, file.size);
    nt_file_free(&file);
}

static void folders_are_classes_in_byte_order(void **state)
{
    const folder *f = *state;
    nt_error err = {""};
    nt_data d;
    config = (nt_data_config){.source = NT_SOURCE_IMAGES, .path = f->path};
    nt_data_request q = request_of(8, 8, 3, 3);
    expect_message(nt_data_load(&q, &d, &err), &err, "train: is missing", "DIR/train/CLASS", NULL);
    save(f, "train/b/2.PNG", encode_png(8, 8, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE));
    save(f, "train/b/1.jpg", encode_jpeg(8, 8, 3));
    save(f, "train/a/x.jpeg", encode_jpeg(20, 10, 1));
    save(f, "train/Z/x.png", encode_png(8, 8, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE));
    save(f, "test/b/1.png", encode_png(8, 8, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE));
    write_text(path_in(f, "train/b/.hidden"), "");
    write_text(path_in(f, "train/README"), "");
    expect_ok(nt_data_load(&q, &d, &err), &err);
    assert_int_equal(d.train.count, 4);
    assert_int_equal(d.test.count, 1);
    static const char *const names[] = {"Z", "a", "b"};
    static const int32_t expected[] = {0, 1, 2, 2};
    for (int i = 0; i < 3; i++)
        assert_string_equal(d.class_names[i], names[i]);
    assert_memory_equal(d.train_part.labels, expected, sizeof expected);
    assert_int_equal(d.test_part.labels[0], 2);
    for (int i = 0; i < 192; i++) {
        int v = smooth(i / 3 / 8, i / 3 % 8, i % 3);
        assert_int_equal(d.train_part.bytes[3 * 192 + i], v);                     /* b/2.PNG */
        assert_true(abs(d.train_part.bytes[2 * 192 + i] - v) < 24);               /* b/1.jpg: lossy, chroma halved */
        assert_int_equal(d.train_part.bytes[i], smooth(i / 3 / 8, i / 3 % 8, 0)); /* grey in each channel */
    }
    nt_data_free(&d);
    q.parts = NT_PART_TEST; /* the training part still says which classes there are */
    expect_ok(nt_data_load(&q, &d, &err), &err);
    assert_int_equal(d.test_part.labels[0], 2);
    assert_int_equal(d.train_part.count, 0);
    nt_data_free(&d);
    q.parts = NT_PART_TRAIN | NT_PART_TEST;

    static const char *const renamed[] = {"zebra", "ant", "bee"}, *const moved[] = {"a", "b", "Z"};
    config.n_classes = 3;
    config.classes = renamed;
    expect_ok(nt_data_load(&q, &d, &err), &err);
    assert_string_equal(d.class_names[0], "zebra");
    nt_data_free(&d);
    config.classes = moved;
    expect_message(nt_data_load(&q, &d, &err), &err, "class 0 is Z", "has a in its place", NULL);
    config.classes = NULL;

    q.outputs = 4;
    expect_message(nt_data_load(&q, &d, &err), &err, "has 3 class folders, the network has 4 outputs", NULL);
    q = request_of(1, 1, 64, 3);
    expect_message(nt_data_load(&q, &d, &err), &err, "reads 64", NULL);
    q = request_of(8, 8, 3, 3);
    save(f, "test/new/1.png", encode_png(8, 8, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE));
    expect_message(nt_data_load(&q, &d, &err), &err, "test/new: is a class that the training part does not have", NULL);
}

static void the_first_damaged_file_is_named(void **state)
{
    const folder *f = *state;
    nt_error err = {""};
    nt_data d;
    config = (nt_data_config){.source = NT_SOURCE_IMAGES, .path = f->path};
    nt_data_request q = request_of(8, 8, 3, 1);
    char name[64];
    for (int i = 0; i < 60; i++) {
        nt_file image = encode_jpeg(8, 8, 3);
        if (i >= 16 && i % 16 == 0) /* the first of what each thread takes next */
            image.size -= 9;
        snprintf(name, sizeof name, "train/a/%02d.jpg", i);
        save(f, name, image);
    }
    for (int again = 0; again < 50; again++)
        expect_message(nt_data_load(&q, &d, &err), &err, "train/a/16.jpg: cannot be decoded at byte", NULL);
}

static void one_image_to_predict(void **state)
{
    const folder *f = *state;
    nt_error err = {""};
    nt_data d;
    config = (nt_data_config){.source = NT_SOURCE_IMAGES, .normalize = NT_NORM_STANDARDIZE, .validation_share = 0.5};
    nt_data_request q = request_of(8, 8, 1, 3);
    save(f, "x.png", encode_png(8, 8, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE));
    expect_ok(nt_data_load_inputs(&q, path_in(f, "x.png"), &d, &err), &err);
    assert_int_equal(d.test.count, 1);
    assert_null(d.test_part.labels);
    nt_epoch e;
    expect_message(nt_epoch_begin(&e, &d, &d.test, false, 0, 0, &err), &err, "constants are not known", NULL);
    double mean = 0.5, std = 0.25;
    float x[64];
    expect_ok(nt_normalizer_set(&d.normalizer, &mean, &std, 1, 1, NULL, &err), &err);
    expect_ok(nt_epoch_begin(&e, &d, &d.test, false, 0, 0, &err), &err);
    nt_data_batch(&e, 0, 1, x, NULL, NULL);
    for (int i = 0; i < 64; i++)
        assert_true(fabs(x[i] - (smooth(i / 8, i % 8, 0) / 255.0 - 0.5) / 0.25) < 1e-5);
    nt_epoch_end(&e);
    nt_data_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_equal_another_implementation),
        cmocka_unit_test(every_png_format_is_read),
        cmocka_unit_test(shrinking_averages),
        cmocka_unit_test(damage_is_refused_everywhere),
        cmocka_unit_test(announced_sizes_are_not_believed),
        cmocka_unit_test_setup_teardown(folders_are_classes_in_byte_order, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_first_damaged_file_is_named, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(one_image_to_predict, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
