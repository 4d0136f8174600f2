/* test_progress.c - the lines that a run shows. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime/progress.h"

static const nt_moment moment = {.epoch = 3,
                                 .epochs = 10,
                                 .done = 612,
                                 .total = 844,
                                 .loss = 0.34123,
                                 .accuracy = 0.876,
                                 .lr = 0.01,
                                 .rate = 31200.4,
                                 .left = 5.2};

/* Columns that a line takes: bytes that begin a character, without colours. */
static int columns(const char *line)
{
    int n = 0;
    for (; *line; line++) {
        if (*line == '\033')
            while (*line != 'm')
                line++;
        else
            n += ((unsigned char)*line & 0xc0) != 0x80;
    }
    return n;
}

static void plain_line_has_all_figures(void **state)
{
    (void)state;
    char line[512];
    nt_progress progress = {.width = 0};
    nt_progress_format(&progress, &moment, line, sizeof line);
    assert_string_equal(line, "epoch  3/10  612/844  loss 0.3412  acc 87.6%  lr 0.01  31,200/s  0:05 left");
}

static void terminal_line_has_a_bar_and_fits(void **state)
{
    (void)state;
    char line[512];
    for (int width = 20; width < 200; width++) {
        nt_progress progress = {.terminal = true, .utf8 = width % 2, .colour = width % 3 == 0, .width = width};
        nt_progress_format(&progress, &moment, line, sizeof line);
        assert_true(columns(line) < width || width < 26);
        assert_non_null(strstr(line, "loss 0.3412"));
        if (width >= 80)
            assert_non_null(strstr(line, progress.utf8 ? "\u2501" : "="));
    }
}

static void bar_fills_with_the_steps(void **state)
{
    (void)state;
    char line[512];
    nt_progress progress = {.terminal = true, .width = 120};
    nt_moment m = moment;
    m.done = m.total;
    nt_progress_format(&progress, &m, line, sizeof line);
    assert_null(strchr(line, '-'));
    m.done = 0;
    nt_progress_format(&progress, &m, line, sizeof line);
    assert_null(strchr(line, '='));
}

static void figures_that_do_not_apply_are_left_out(void **state)
{
    (void)state;
    char line[512];
    nt_progress progress = {.width = 0};
    nt_moment m = moment;
    m.accuracy = m.left = NAN;
    nt_progress_format(&progress, &m, line, sizeof line);
    assert_string_equal(line, "epoch  3/10  612/844  loss 0.3412  lr 0.01  31,200/s");
}

static void epoch_line(void **state)
{
    (void)state;
    char line[512];
    nt_progress progress = {.width = 0};
    nt_epoch_summary s = {.epoch = 3,
                          .epochs = 10,
                          .train_loss = 0.34123,
                          .train_accuracy = 0.876,
                          .val_loss = 0.3555,
                          .val_accuracy = 1,
                          .lr = 1e-5,
                          .seconds = 1.7,
                          .best = true};
    nt_progress_format_epoch(&progress, &s, line, sizeof line);
    assert_string_equal(line,
                        "epoch  3/10  loss 0.3412  acc 87.6%  val loss 0.3555  val acc 100.0%  lr 1e-05  1.7 s  best");
    progress.width = 80;
    nt_progress_format_epoch(&progress, &s, line, sizeof line);
    assert_true(columns(line) < 80);
    assert_non_null(strstr(line, "best"));
    s.val_loss = s.val_accuracy = NAN;
    nt_progress_format_epoch(&progress, &s, line, sizeof line);
    assert_null(strstr(line, "val"));
}

static void pipe_gets_no_control_characters(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *to = tmpfile();
    assert_non_null(to);
    nt_progress progress;
    nt_progress_init(&progress, to, false);
    assert_false(progress.terminal);
    nt_progress_update(&progress, &moment);
    nt_progress_update(&progress, &moment);
    nt_progress_epoch(&progress, &(nt_epoch_summary){.epoch = 1, .epochs = 2, .val_loss = NAN, .val_accuracy = NAN});
    size = (size_t)ftell(to);
    text = calloc(1, size + 1);
    rewind(to);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, size, to), size);
    for (size_t i = 0; i < size; i++)
        assert_true(text[i] == '\n' || (text[i] >= ' ' && text[i] < 127));
    assert_int_equal(strncmp(text, "epoch 1/2", 9), 0); /* no updating line before its pause */
    free(text);
    fclose(to);
}

static void numbers_and_times(void **state)
{
    (void)state;
    char text[32];
    assert_string_equal(nt_format_count(text, 0), "0");
    assert_string_equal(nt_format_count(text, 999), "999");
    assert_string_equal(nt_format_count(text, 1000), "1,000");
    assert_string_equal(nt_format_count(text, -12345678), "-12,345,678");
    assert_string_equal(nt_format_time(text, 5.4), "0:05");
    assert_string_equal(nt_format_time(text, 754), "12:34");
    assert_string_equal(nt_format_time(text, 3600 * 3 + 245), "3:04:05");
    assert_string_equal(nt_format_time(text, INFINITY), "long");
    assert_string_equal(nt_format_time(text, NAN), "long");
    assert_string_equal(nt_format_bytes(text, 999), "999 bytes");
    assert_string_equal(nt_format_bytes(text, 7136), "7.1 KB");
    assert_string_equal(nt_format_bytes(text, 1.2345e9), "1.2 GB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_line_has_all_figures),
        cmocka_unit_test(terminal_line_has_a_bar_and_fits),
        cmocka_unit_test(bar_fills_with_the_steps),
        cmocka_unit_test(figures_that_do_not_apply_are_left_out),
        cmocka_unit_test(epoch_line),
        cmocka_unit_test(pipe_gets_no_control_characters),
        cmocka_unit_test(numbers_and_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
