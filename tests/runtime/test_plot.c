/* test_plot.c - drawings: well-formed whatever the values and names are, ticks where people expect them, images that
 * decode to what was given, and files that are whole or not there. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <math.h>
#include <png.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../runtime/plot.h"

/* -- A reader of XML, strict enough to find what a browser's parser of XML would refuse --------------------------- */

/* Behind an entity that XML itself knows, or NULL. */
static const char *entity(const char *p)
{
    static const char *const known[] = {"&lt;", "&gt;", "&amp;", "&quot;"};
    for (int i = 0; i < 4; i++)
        if (strncmp(p, known[i], strlen(known[i])) == 0)
            return p + strlen(known[i]);
    return NULL;
}

/* Text up to one of the characters of `end`. */
static const char *text_to(const char *p, char end)
{
    while (*p && *p != end) {
        unsigned char c = (unsigned char)*p;
        if (*p == '<' || (c < 0x20 && c != '\n' && c != '\t'))
            return NULL;
        p = *p == '&' ? entity(p) : p + 1;
        if (!p)
            return NULL;
    }
    return p;
}

/* Attributes of a tag, up to '>' or '/'. */
static const char *attributes(const char *p)
{
    while (*p == ' ') {
        const char *name = ++p;
        while (isalpha((unsigned char)*p) || *p == '-' || *p == ':' || isdigit((unsigned char)*p))
            p++;
        if (p == name || p[0] != '=' || p[1] != '"')
            return NULL;
        p = text_to(p + 2, '"');
        if (!p || *p++ != '"')
            return NULL;
    }
    return p;
}

/* Whether tags are balanced, attributes quoted, text escaped, and there is one element around all. */
static bool is_well_formed(const char *p)
{
    char open[64][24];
    int depth = 0, roots = 0;
    if (strncmp(p, "<!DOCTYPE html>\n", 16) == 0)
        p += 16;
    while (*p) {
        if (*p != '<') {
            if (depth == 0 && !isspace((unsigned char)*p))
                return false;
            p = text_to(p, '<');
            if (!p)
                return false;
            continue;
        }
        bool closing = p[1] == '/';
        p += 1 + closing;
        size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
        if (n == 0 || n >= 24 || depth >= 63)
            return false;
        if (closing) {
            if (depth == 0 || strncmp(open[depth - 1], p, n) != 0 || open[depth - 1][n] != '\0' || p[n] != '>')
                return false;
            depth--;
            p += n + 1;
            continue;
        }
        snprintf(open[depth], sizeof open[depth], "%.*s", (int)n, p);
        roots += depth == 0;
        p = attributes(p + n);
        if (!p)
            return false;
        if (*p == '/')
            p++;
        else
            depth++;
        if (*p++ != '>')
            return false;
    }
    return depth == 0 && roots == 1;
}

static void test_reader(void **state)
{
    (void)state;
    assert_true(is_well_formed("<a b=\"c &lt; d\"><e/>text &amp; more</a>"));
    assert_false(is_well_formed("<a><b></a></b>"));
    assert_false(is_well_formed("<a b=c/>"));
    assert_false(is_well_formed("<a>&nbsp;</a>"));
    assert_false(is_well_formed("<a>\001</a>"));
    assert_false(is_well_formed("<a b=\"<\"/>"));
    assert_false(is_well_formed("<a/><b/>"));
}

/* -- What is in a page ------------------------------------------------------------------------------------------- */

/* As nt_page_save would end it, and checked. */
static const char *finish(nt_page *page)
{
    if (!page->picture)
        nt_page_add(page, "%s</body></html>", page->in_section ? "</section>" : "");
    assert_false(page->lost);
    assert_true(is_well_formed(page->text));
    return page->text;
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *p = strstr(text, part); p; p = strstr(p + 1, part))
        n++;
    return n;
}

/* Texts of a class, in order, with a comma behind each. */
static const char *texts(const char *page, const char *class)
{
    static char all[1000];
    char begin[60];
    all[0] = '\0';
    snprintf(begin, sizeof begin, "<text class=\"%s\"", class);
    for (const char *p = strstr(page, begin); p; p = strstr(p + 1, begin)) {
        const char *text = strchr(p, '>') + 1;
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%.*s,", (int)strcspn(text, "<"), text);
    }
    return all;
}

/* The x (or y) of the n-th text of a class. */
static double place(const char *page, const char *class, int n, const char *which)
{
    char begin[60];
    snprintf(begin, sizeof begin, "<text class=\"%s\"", class);
    const char *p = strstr(page, begin);
    for (; n > 0; n--)
        p = strstr(p + 1, begin);
    return strtod(strstr(p, which) + strlen(which), NULL);
}

static nt_page svg(const nt_chart *chart)
{
    nt_page page;
    nt_page_begin_svg(&page);
    nt_plot_lines(&page, chart);
    return page;
}

static void test_escaping(void **state)
{
    (void)state;
    const char *const names[] = {"a<b & \"c\"", "bad \xff\xc0\x80 bytes\001", "\xed\xa0\x80",
                                 "caf\xc3\xa9 \xf0\x9f\x8e\x88"};
    double values[16] = {3, 1, 0, 0, 0, 5};
    nt_page page;
    nt_page_begin(&page, names[0]);
    nt_page_section(&page, names[1]);
    nt_page_paragraph(&page, "%s %d", names[2], 7);
    nt_page_table(&page, "lr", names);
    nt_page_row(&page, (const char *const[]){names[1], NULL});
    nt_page_table_end(&page);
    nt_plot_matrix(&page, &(nt_matrix){.caption = names[0],
                                       .row_title = names[1],
                                       .column_title = names[2],
                                       .values = values,
                                       .rows = 4,
                                       .columns = 4,
                                       .row_names = names,
                                       .column_names = names,
                                       .confusion = true});
    nt_plot_bars(&page, &(nt_bars){.caption = names[1], .values = values, .n = 4, .names = names, .y_title = names[0]});
    nt_series series[2] = {{.name = names[0], .y = values, .n = 4}, {.name = names[2], .y = values, .n = 4}};
    nt_plot_lines(&page, &(nt_chart){.caption = names[3],
                                     .x_title = names[0],
                                     .series = series,
                                     .n_series = 2,
                                     .mark = 2,
                                     .mark_text = names[0]});
    nt_image image = {.bytes = (const uint8_t *)"abcd", .h = 2, .w = 2, .c = 1, .label = names[0]};
    nt_plot_images(&page, names[2], &image, 1, 20);
    nt_page_section(&page, "next");
    const char *text = finish(&page);
    assert_non_null(strstr(text, "a&lt;b &amp; &quot;c&quot;"));
    assert_non_null(strstr(text, "bad \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd bytes\xef\xbf\xbd"));
    assert_non_null(strstr(text, "<p>\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd 7</p>")); /* half of a surrogate pair */
    assert_non_null(strstr(text, "caf\xc3\xa9 \xf0\x9f\x8e\x88"));
    assert_null(strstr(text, "http"));
    assert_null(strstr(text, "<script"));
    nt_page_free(&page);
}

static void test_ticks(void **state)
{
    (void)state;
    const double y[] = {0.13, 2.31, 1.2};
    nt_series s = {.y = y, .n = 3};
    nt_page page = svg(&(nt_chart){.series = &s, .n_series = 1});
    assert_string_equal(texts(finish(&page), "tick end"), "0.0,0.5,1.0,1.5,2.0,2.5,");
    assert_string_equal(texts(page.text, "tick mid"), "1,2,3,"); /* epochs have no halves */
    /* the points lie where the ticks say: x from left to right, y upwards */
    double x0 = place(page.text, "tick mid", 0, " x=\""), x2 = place(page.text, "tick mid", 2, " x=\"");
    double y0 = place(page.text, "tick end", 0, " y=\"") - 4, y25 = place(page.text, "tick end", 5, " y=\"") - 4;
    assert_true(x0 < x2 && y0 > y25);
    const char *path = strstr(strstr(page.text, "<path class=\"line"), " d=\"M") + 5;
    for (int i = 0; i < 3; i++) {
        char *next;
        assert_float_equal(strtod(path, &next), x0 + (x2 - x0) * i / 2, 0.11);
        assert_float_equal(strtod(next, &next), y0 + (y25 - y0) * y[i] / 2.5, 0.11);
        path = next + 1;
    }
    nt_page_free(&page);

    const double x[] = {0, 0.25, 1}, large[] = {12345, 70000, 23000};
    s = (nt_series){.x = x, .y = large, .n = 3};
    page = svg(&(nt_chart){.series = &s, .n_series = 1, .from_zero = true});
    assert_string_equal(texts(finish(&page), "tick end"), "0,20,000,40,000,60,000,80,000,");
    nt_page_free(&page);
}

static void test_log_axis(void **state)
{
    (void)state;
    const double x[] = {1e-4, 1e-3, 0, -1, 1e-2, 0.1}, y[] = {1, 2, 3, 4, 5, 6};
    nt_series s = {.x = x, .y = y, .n = 6};
    nt_page page = svg(&(nt_chart){.series = &s, .n_series = 1, .x_log = true});
    assert_string_equal(texts(finish(&page), "tick mid"), "1e-4,0.001,0.01,0.1,");
    double first = place(page.text, "tick mid", 0, " x=\""), last = place(page.text, "tick mid", 3, " x=\"");
    assert_float_equal(place(page.text, "tick mid", 1, " x=\""), first + (last - first) / 3, 0.11);
    assert_int_equal(count(page.text, "<circle"), 4); /* what has no logarithm is not there ... */
    assert_int_equal(count(strstr(page.text, "<path class=\"line"), "M"), 2); /* ... and leaves a gap */
    nt_page_free(&page);

    const double narrow[] = {0.2, 0.5};
    s = (nt_series){.y = narrow, .n = 2};
    page = svg(&(nt_chart){.series = &s, .n_series = 1, .y_log = true});
    assert_string_equal(texts(finish(&page), "tick end"), "0.2,0.5,");
    nt_page_free(&page);
}

/* Values that are none leave gaps; the largest of numbers do no harm. */
static void test_no_values(void **state)
{
    (void)state;
    const double y[] = {1, NAN, 2, 3, INFINITY, -1e300, 2};
    nt_series s = {.y = y, .n = 7};
    nt_page page = svg(&(nt_chart){.series = &s, .n_series = 1});
    const char *line = strstr(finish(&page), "<path class=\"line");
    char path[300];
    snprintf(path, sizeof path, "%.*s", (int)strcspn(line, ">"), line);
    assert_int_equal(count(path, "M"), 3);
    assert_int_equal(count(path, "L"), 1);
    assert_int_equal(count(path, "h0"), 2);
    assert_null(strstr(page.text, "nan"));
    assert_null(strstr(page.text, "inf"));
    assert_string_equal(texts(page.text, "tick end"), "1.0,1.5,2.0,2.5,3.0,");
    nt_page_free(&page);

    const double none[] = {NAN, INFINITY}, same[] = {5, 5, 5}, zero[] = {0};
    const nt_series odd[] = {{.y = none, .n = 2}, {.y = same, .n = 3}, {.y = zero, .n = 1}, {.y = zero, .n = 0}};
    for (int i = 0; i < 4; i++)
        for (int log = 0; log < 4; log++) {
            page = svg(&(nt_chart){.series = &odd[i], .n_series = 1, .x_log = log & 1, .y_log = log & 2});
            assert_null(strstr(finish(&page), "nan"));
            assert_null(strstr(page.text, "inf"));
            bool shown = (i == 1) || (i == 2 && !(log & 2));
            assert_int_equal(strstr(page.text, "no values") != NULL, !shown);
            nt_page_free(&page);
        }
}

/* 200,000 values take no more place than can be seen, and a single peak among them is seen. */
static void test_long_series(void **state)
{
    (void)state;
    enum { N = 200000 };
    double *y = malloc(N * sizeof *y);
    assert_non_null(y);
    for (int i = 0; i < N; i++)
        y[i] = i == 77777 ? 100 : sin(i);
    nt_series s = {.y = y, .n = N};
    nt_page page = svg(&(nt_chart){.series = &s, .n_series = 1});
    finish(&page);
    assert_true(page.length < 90000);
    char at[20];
    assert_string_equal(texts(page.text, "tick end"), "-20,0,20,40,60,80,100,");
    double top = place(page.text, "tick end", 6, " y=\"") - 4;
    snprintf(at, sizeof at, " %.1fL", top);
    assert_non_null(strstr(strstr(page.text, "<path class=\"line"), at));
    nt_page_free(&page);
    free(y);
}

static void test_bars(void **state)
{
    (void)state;
    const double heights[] = {4, 0, NAN, 8};
    nt_page page;
    nt_page_begin_svg(&page);
    nt_plot_bars(&page, &(nt_bars){.values = heights, .n = 4, .from = -1, .to = 1});
    finish(&page);
    assert_int_equal(count(page.text, "class=\"bar\""), 2);
    assert_non_null(strstr(page.text, "<title>0.5 to 1: 8</title>"));
    assert_string_equal(texts(page.text, "tick mid"), "-1.0,-0.5,0.0,0.5,1.0,");
    /* 8 is twice as high as 4 */
    const char *bar = strstr(page.text, "class=\"bar\"");
    double first = strtod(strstr(bar, " height=\"") + 9, NULL),
           second = strtod(strstr(strstr(bar + 1, "class=\"bar\""), " height=\"") + 9, NULL);
    assert_float_equal(second, 2 * first, 0.21);
    nt_page_free(&page);
}

static void test_matrix(void **state)
{
    (void)state;
    const double counts[] = {90, 10, 0, 100};
    const char *const names[] = {"cat", "dog"};
    nt_page page;
    nt_page_begin_svg(&page);
    nt_plot_matrix(
        &page,
        &(nt_matrix){
            .values = counts, .rows = 2, .columns = 2, .row_names = names, .column_names = names, .confusion = true});
    finish(&page);
    assert_int_equal(count(page.text, "<rect class=\"right\""), 2);
    assert_int_equal(count(page.text, "<rect class=\"wrong\""), 1);
    assert_non_null(strstr(page.text, "<title>cat \xe2\x86\x92 dog: 10</title>"));
    assert_non_null(strstr(page.text, "fill-opacity=\"0.90\"")); /* 90 of 100 */
    nt_page_free(&page);
}

/* -- Images ------------------------------------------------------------------------------------------------------ */

static size_t decode(const char *text, unsigned char *bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    unsigned bits = 0, have = 0;
    for (; *text && strchr(digits, *text); text++) {
        bits = (bits << 6 | (unsigned)(strchr(digits, *text) - digits)) & 0xffff;
        have += 6;
        if (have >= 8)
            bytes[n++] = (unsigned char)(bits >> (have -= 8));
    }
    return n;
}

/* The examples of RFC 4648. */
static void test_base64(void **state)
{
    (void)state;
    const char *const pairs[][2] = {
        {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        nt_page page = {0};
        nt_page_base64(&page, (const unsigned char *)pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(page.text, pairs[i][1]);
        nt_page_free(&page);
    }
}

static void test_images(void **state)
{
    (void)state;
    uint8_t bytes[5 * 3 * 3];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37);
    for (int c = 1; c <= 3; c += 2) {
        nt_image image = {.bytes = bytes, .h = 5, .w = 3, .c = c};
        nt_page page;
        nt_page_begin(&page, "images");
        nt_plot_images(&page, "of one", &image, 1, 50);
        const char *data = strstr(finish(&page), "base64,") + 7;
        assert_non_null(strstr(page.text, "width=\"30\" height=\"50\""));
        unsigned char file[1000], back[sizeof bytes];
        size_t n = decode(data, file);
        png_image png = {.version = PNG_IMAGE_VERSION};
        assert_true(png_image_begin_read_from_memory(&png, file, n));
        assert_int_equal(png.width, 3);
        assert_int_equal(png.height, 5);
        png.format = c == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
        assert_true(png_image_finish_read(&png, NULL, back, 0, NULL));
        assert_memory_equal(back, bytes, (size_t)(15 * c));
        nt_page_free(&page);
    }
    /* of a large one the means: 16 pixels of a chequered one are grey */
    uint8_t *large = malloc(130 * 100);
    assert_non_null(large);
    for (int i = 0; i < 130 * 100; i++)
        large[i] = (i / 100 + i % 100) % 2 ? 200 : 100;
    nt_page page;
    nt_page_begin(&page, "large");
    nt_plot_images(&page, NULL, &(nt_image){.bytes = large, .h = 130, .w = 100, .c = 1}, 1, 30);
    unsigned char file[1000], back[33 * 25];
    png_image png = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_memory(&png, file, decode(strstr(finish(&page), "base64,") + 7, file)));
    assert_int_equal(png.height, 32);
    assert_int_equal(png.width, 25);
    png.format = PNG_FORMAT_GRAY;
    assert_true(png_image_finish_read(&png, NULL, back, 0, NULL));
    for (int i = 0; i < 32 * 25; i++)
        assert_int_equal(back[i], 150);
    nt_page_free(&page);
    free(large);

    const float values[] = {-2, -1, 0, 1, 2, NAN};
    uint8_t shown[6];
    nt_image_bytes(values, 6, -1, 1, shown);
    assert_memory_equal(shown, ((uint8_t[]){0, 0, 128, 255, 255, 128}), 6);
    nt_image_bytes(values, 6, 1, 1, shown);
    assert_int_equal(shown[4], 128);
}

/* -- Files ------------------------------------------------------------------------------------------------------- */

static nt_page small_page(const char *title)
{
    nt_page page;
    nt_page_begin(&page, title);
    return page;
}

static bool file_has(const char *path, const char *text)
{
    static char all[20000];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(all, 1, sizeof all - 1, file);
    assert_int_equal(fclose(file), 0);
    all[n] = '\0';
    return is_well_formed(all) && strstr(all, text);
}

static void test_saving(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_plot.XXXXXX", path[60], temporary[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/page.html", folder);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    nt_error error = {0};
    nt_page page = small_page("first");
    assert_true(nt_page_save(&page, path, &error));
    assert_null(page.text);
    assert_true(file_has(path, "<h1>first</h1>"));

    /* no room: the page that was there stays, nothing is left beside it */
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){.rlim_cur = 100, .rlim_max = before.rlim_max};
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    page = small_page("second");
    bool saved = nt_page_save(&page, path, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_false(saved);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, "ulimit -f"));
    assert_true(file_has(path, "<h1>first</h1>"));
    assert_int_not_equal(access(temporary, F_OK), 0);

    /* what is no file stays what it is */
    page = small_page("full");
    assert_false(nt_page_save(&page, "/dev/full", &error));
    assert_non_null(strstr(error.text, "No space left"));
    struct stat full;
    assert_int_equal(stat("/dev/full", &full), 0);
    assert_true(S_ISCHR(full.st_mode));

    page = small_page("third");
    page.lost = true;
    assert_false(nt_page_save(&page, path, &error));
    assert_non_null(strstr(error.text, "not enough memory"));
    page = small_page("fourth");
    assert_false(nt_page_save(&page, "/nowhere/page.html", &error));
    assert_non_null(strstr(error.text, "/nowhere/page.html"));
    assert_non_null(strstr(error.text, "does not exist"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader),   cmocka_unit_test(test_escaping),  cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_log_axis), cmocka_unit_test(test_no_values), cmocka_unit_test(test_long_series),
        cmocka_unit_test(test_bars),     cmocka_unit_test(test_matrix),    cmocka_unit_test(test_base64),
        cmocka_unit_test(test_images),   cmocka_unit_test(test_saving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
