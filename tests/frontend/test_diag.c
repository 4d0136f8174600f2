/* test_diag.c - diagnostics: which are kept, in which order, and every character of how they look. */
#include "diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct Fixture {
    Arena arena;
    Diags d;
} Fixture;

static Fixture fixture; /* one a test */

static int set_up(void **state)
{
    fixture = (Fixture){0};
    fixture.d.arena = &fixture.arena;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&fixture.arena);
    return 0;
}

static int add_source(Fixture *f, const char *text)
{
    return diag_add_source(&f->d, "m.net", text, (uint32_t)strlen(text));
}

/* The span of the n-th place (from 0) where `word` stands in the text. */
static Loc find(const Fixture *f, int file, const char *word, int nth)
{
    const char *text = f->d.sources[file].text, *at = strstr(text, word);
    for (; nth > 0; nth--) {
        at = strstr(at + 1, word);
    }
    uint32_t start = (uint32_t)(at - text);
    return (Loc){file, start, start + (uint32_t)strlen(word)};
}

static void assert_render(const Fixture *f, const char *expected)
{
    Str out = {0};
    diag_render(&f->d, &out, false);
    assert_string_equal(out.data, expected);
    str_free(&out);
}

static void test_standard_form(void **state)
{
    Fixture *f = *state;
    int file = add_source(f, "network a {\n    conv1: conv(96, 11x11)\n    pool1: maxpool(60x60, stride=2)\n}\n");
    Diag *e = diag_error(&f->d, find(f, file, "60x60", 0), "%s reads %dx%d", "pool1", 55, 55);
    diag_note(&f->d, e, find(f, file, "conv1", 0), "conv1 gives 55x55x96");
    diag_note(&f->d, e, loc_none(), "a note of no place");
    diag_help(&f->d, e, "the largest window here is %s", "55x55");
    assert_render(f, "m.net:3:20: error: pool1 reads 55x55\n"
                     "    3 |     pool1: maxpool(60x60, stride=2)\n"
                     "      |                    ^~~~~\n"
                     "  note: conv1 gives 55x55x96      m.net:2:5\n"
                     "  note: a note of no place\n"
                     "  help: the largest window here is 55x55\n");
}

static void test_nothing_to_say(void **state)
{
    Fixture *f = *state;
    Str out = {0};
    diag_render(&f->d, &out, true);
    assert_int_equal(out.len, 0);
}

static void test_no_place(void **state)
{
    Fixture *f = *state;
    diag_error(&f->d, loc_none(), "cannot open 'x.net'");
    diag_error(&f->d, loc_none(), "no constant 'k'");
    diag_error(&f->d, loc_none(), "no constant 'k'");
    assert_int_equal(f->d.errors, 2);
    assert_render(f, "netc: error: cannot open 'x.net'\nnetc: error: no constant 'k'\n");
}

static void test_sorted_errors_first_and_no_repetition(void **state)
{
    Fixture *f = *state;
    int one = add_source(f, "aa bb\ncc\n");
    int two = diag_add_source(&f->d, "n.net", "dd\n", 3);
    diag_error(&f->d, (Loc){two, 0, 2}, "fifth");
    diag_error(&f->d, find(f, one, "cc", 0), "fourth");
    diag_warning(&f->d, find(f, one, "bb", 0), "third");
    diag_error(&f->d, find(f, one, "bb", 0), "second");
    diag_error(&f->d, find(f, one, "aa", 0), "first");
    Diag *again = diag_error(&f->d, find(f, one, "cc", 0), "what followed from the fourth");
    diag_note(&f->d, again, loc_none(), "unseen");
    assert_int_equal(f->d.errors, 4);
    assert_int_equal(f->d.warnings, 1);
    assert_render(f, "m.net:1:1: error: first\n    1 | aa bb\n      | ^~\n"
                     "m.net:1:4: error: second\n    1 | aa bb\n      |    ^~\n"
                     "m.net:1:4: warning: third\n    1 | aa bb\n      |    ^~\n"
                     "m.net:2:1: error: fourth\n    2 | cc\n      | ^~\n"
                     "n.net:1:1: error: fifth\n    1 | dd\n      | ^~\n");
}

static void test_at_most_twenty(void **state)
{
    Fixture *f = *state;
    char text[2001];
    memset(text, '\n', 2000);
    text[2000] = '\0';
    int file = add_source(f, text);
    for (uint32_t i = 0; i < 1500; i++) {
        diag_error(&f->d, (Loc){file, i, i + 1}, "error %u", (unsigned)i);
    }
    for (uint32_t i = 0; i < 21; i++) {
        diag_warning(&f->d, (Loc){file, i, i + 1}, "warning %u", (unsigned)i);
    }
    assert_int_equal(f->d.errors, 1500);
    Str out = {0};
    diag_render(&f->d, &out, false);
    assert_non_null(strstr(out.data, "error 19\n"));
    assert_null(strstr(out.data, "error 20\n"));
    assert_non_null(strstr(out.data, "warning 19\n"));
    assert_null(strstr(out.data, "warning 20\n"));
    assert_non_null(strstr(out.data, "\n1480 more errors not shown\n1 more warning not shown\n"));
    str_free(&out);
}

static void test_tabs_and_wide_text_keep_the_caret_in_place(void **state)
{
    Fixture *f = *state;
    int file = add_source(f, "\tx:\tconv\n\"\xE7\xBD\x91\xE7\xBB\x9C\xC3\xA9\" conv\nconv \x1B[31m conv\r\n");
    diag_error(&f->d, find(f, file, "conv", 0), "tabs");
    diag_error(&f->d, find(f, file, "conv", 1), "wide");
    diag_error(&f->d, find(f, file, "conv", 3), "control characters");
    assert_render(f, "m.net:1:5: error: tabs\n    1 |     x:  conv\n      |         ^~~~\n"
                     "m.net:2:7: error: wide\n    2 | \"\xE7\xBD\x91\xE7\xBB\x9C\xC3\xA9\" conv\n"
                     "      |         ^~~~\n"
                     "m.net:3:12: error: control characters\n    3 | conv \\x1B[31m conv\n"
                     "      |               ^~~~\n");
}

static void test_what_is_not_utf8_is_escaped(void **state)
{
    Fixture *f = *state;
    int file = add_source(f, "a\xFF\xC3 \xED\xA0\x80 \xE2\x80\xAE b");
    diag_error(&f->d, find(f, file, "b", 0), "what \x1B[2J it names: \xC3\xA9\xFF\t");
    assert_render(f, "m.net:1:11: error: what \\x1B[2J it names: \xC3\xA9\\xFF\\x09\n"
                     "    1 | a\\xFF\\xC3 \\xED\\xA0\\x80 <U+202E> b\n"
                     "      |                                 ^\n");
}

static void test_spans(void **state)
{
    Fixture *f = *state;
    int file = add_source(f, "first (\n  second\n)");
    Loc whole = loc_join(find(f, file, "(", 0), find(f, file, ")", 0));
    diag_error(&f->d, whole, "over lines");
    diag_error(&f->d, (Loc){file, 18, 18}, "the end");
    diag_error(&f->d, (Loc){file, 7, 7}, "the end of a line");
    assert_render(f, "m.net:1:7: error: over lines\n    1 | first (\n      |       ^\n"
                     "m.net:1:8: error: the end of a line\n    1 | first (\n      |        ^\n"
                     "m.net:3:2: error: the end\n    3 | )\n      |  ^\n");
}

static void test_empty_source(void **state)
{
    Fixture *f = *state;
    int file = add_source(f, "");
    diag_error(&f->d, (Loc){file, 0, 0}, "nothing here");
    assert_render(f, "m.net:1:1: error: nothing here\n    1 |\n      | ^\n");
}

static void test_long_lines_show_what_surrounds_the_caret(void **state)
{
    Fixture *f = *state;
    char text[3001];
    memset(text, 'a', 3000);
    memcpy(text + 1500, "CARET", 5);
    text[3000] = '\0';
    int file = add_source(f, text);
    diag_error(&f->d, find(f, file, "CARET", 0), "far right");
    Str out = {0};
    diag_render(&f->d, &out, false);
    const char *line = strchr(out.data, '\n') + 1, *caret = strchr(line, '\n') + 1;
    const char *word = strstr(line, "CARET"), *mark = strchr(caret, '^');
    assert_memory_equal(line, "    1 | ...aaa", 14);
    assert_int_equal(word - line, mark - caret);
    assert_string_equal(mark, "^~~~~\n");
    assert_memory_equal(caret - 4, "...", 3);
    assert_true(caret - line < 130);
    str_free(&out);
}

static void test_long_messages_are_cut(void **state)
{
    Fixture *f = *state;
    char name[5001];
    memset(name, 'x', 5000);
    name[5000] = '\0';
    diag_error(&f->d, loc_none(), "unknown name '%s'", name);
    Str out = {0};
    diag_render(&f->d, &out, false);
    assert_true(out.len < 1100);
    assert_non_null(strstr(out.data, "xxx...\n"));
    str_free(&out);
}

static void test_color(void **state)
{
    Fixture *f = *state;
    int file = add_source(f, "aa\n");
    Diag *e = diag_error(&f->d, (Loc){file, 0, 2}, "wrong");
    diag_help(&f->d, e, "right");
    Str out = {0};
    diag_render(&f->d, &out, true);
    assert_non_null(strstr(out.data, "\033[1;31merror:\033[0m"));
    assert_non_null(strstr(out.data, "\033[1;31m^~\033[0m"));
    assert_non_null(strstr(out.data, "\033[1;32mhelp:\033[0m right\n"));
    str_free(&out);
}

static void test_positions(void **state)
{
    Fixture *f = *state;
    int file = add_source(f, "\xEF\xBB\xBF" "ab\n\xC3\xA9x"); /* the mark at the start is no column */
    int line, column;
    diag_position(&f->d, (Loc){file, 0, 1}, &line, &column);
    assert_int_equal(line, 1);
    assert_int_equal(column, 1);
    diag_position(&f->d, (Loc){file, 5, 6}, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 2);
    diag_position(&f->d, (Loc){file, 999, 999}, &line, &column); /* behind the end: the end */
    assert_int_equal(line, 2);
    assert_int_equal(column, 3);
}

static void test_did_you_mean(void **state)
{
    (void)state;
    const char *const names[] = {"conv", NULL, "dense", "momentum", "maxpool", "avgpool", "relu", "k", ""};
    int n = sizeof names / sizeof names[0];
    assert_string_equal(did_you_mean("momentun", names, n), "momentum");
    assert_string_equal(did_you_mean("mommentum", names, n), "momentum");
    assert_string_equal(did_you_mean("mometnum", names, n), "momentum"); /* two letters swapped */
    assert_string_equal(did_you_mean("cnov", names, n), "conv");
    assert_string_equal(did_you_mean("RELU", names, n), "relu");
    assert_string_equal(did_you_mean("maxpol", names, n), "maxpool");
    assert_string_equal(did_you_mean("K", names, n), "k");
    assert_null(did_you_mean("j", names, n));
    assert_null(did_you_mean("softmax", names, n));
    assert_null(did_you_mean("", names, n));
    assert_null(did_you_mean("conv", NULL, 0));
    char monster[100001];
    memset(monster, 'm', 100000);
    monster[100000] = '\0';
    assert_null(did_you_mean(monster, names, n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_standard_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_to_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sorted_errors_first_and_no_repetition, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_at_most_twenty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tabs_and_wide_text_keep_the_caret_in_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_utf8_is_escaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_spans, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_source, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_lines_show_what_surrounds_the_caret, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_messages_are_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_color, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_positions, set_up, tear_down),
        cmocka_unit_test(test_did_you_mean),
    };
    return cmocka_run_group_tests_name("diag", tests, NULL, NULL);
}
