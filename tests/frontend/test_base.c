/* test_base.c - arena, arrays, text, files, hashes, checked arithmetic. */
#include "base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void test_arena_gives_zeroed_aligned_memory(void **state)
{
    (void)state;
    Arena a = {0};
    size_t sizes[] = {0, 1, 15, 16, 17, 4096, 1 << 20, 3};
    unsigned char *last = NULL;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *p = arena_alloc(&a, sizes[i]);
        assert_non_null(p);
        assert_ptr_not_equal(p, last);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t k = 0; k < sizes[i]; k++) {
            assert_int_equal(p[k], 0);
        }
        memset(p, 0xAB, sizes[i]); /* what the next one must not see */
        last = p;
    }
    assert_true(a.total >= 4096 + (1 << 20));
    arena_free(&a);
    assert_null(a.head);
    assert_int_equal(a.total, 0);
}

static void test_arena_text(void **state)
{
    (void)state;
    Arena a = {0};
    assert_string_equal(arena_strdup(&a, "conv"), "conv");
    assert_string_equal(arena_strndup(&a, "conv1x", 5), "conv1");
    assert_string_equal(arena_strndup(&a, "", 0), "");
    assert_string_equal(arena_printf(&a, "%s: %dx%d", "conv", 5, 7), "conv: 5x7");
    char *wide = arena_printf(&a, "%05000d", 7);
    assert_int_equal(strlen(wide), 5000);
    /* a text that does not fit what is left of a block begins another, and leaves no traces of itself behind */
    const char *whole = arena_printf(&a, "%0*d", 1 << 14, 7);
    assert_int_equal(strlen(whole), 1 << 14);
    for (int i = 0; i < 3000; i++) {
        const char *piece = arena_alloc(&a, 16);
        for (int k = 0; k < 16; k++) {
            assert_int_equal(piece[k], 0);
        }
        assert_string_equal(arena_printf(&a, "%0*d", i, 7), arena_printf(&a, "%0*d", i, 7));
    }
    arena_free(&a);
}

static void test_vec_keeps_what_it_holds(void **state)
{
    (void)state;
    Arena a = {0};
    int *items = NULL, len = 0, cap = 0;
    for (int i = 0; i < 1000; i++) {
        items = vec_grow(&a, items, len, &cap, sizeof *items);
        assert_true(cap > len);
        items[len++] = i * i;
    }
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(items[i], i * i);
    }
    arena_free(&a);
}

static void test_str_grows(void **state)
{
    (void)state;
    Str s = {0};
    for (int i = 0; i < 300; i++) {
        str_printf(&s, "%d", i % 10);
        str_addc(&s, ',');
        str_add(&s, "ab");
        str_addn(&s, "cdef", 1);
    }
    assert_int_equal(s.len, 300 * 5);
    assert_int_equal(strlen(s.data), s.len);
    assert_memory_equal(s.data + 295 * 5, "5,abc", 5);
    str_addn(&s, "a\0b", 3);
    assert_int_equal(s.len, 1503);
    str_free(&s);
    assert_null(s.data);
}

static void test_checked_arithmetic(void **state)
{
    (void)state;
    int64_t out = 42;
    assert_true(checked_add(INT64_MAX - 1, 1, &out));
    assert_true(out == INT64_MAX);
    out = 42;
    assert_false(checked_add(INT64_MAX, 1, &out));
    assert_false(checked_sub(INT64_MIN, 1, &out));
    assert_false(checked_mul(INT64_C(3037000500), INT64_C(3037000500), &out));
    assert_false(checked_mul(INT64_MIN, -1, &out));
    assert_int_equal(out, 42);
    assert_true(checked_sub(0, INT64_MAX, &out));
    assert_true(out == -INT64_MAX);
    assert_true(checked_mul(-3, 7, &out));
    assert_int_equal(out, -21);
}

/* Values of the reference implementation: FNV-1a of "", "a" and "foobar". */
static void test_hash_is_fnv1a(void **state)
{
    (void)state;
    assert_true(hash_start() == UINT64_C(0xcbf29ce484222325));
    assert_true(hash_bytes(hash_start(), "a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(hash_bytes(hash_start(), "foobar", 6) == UINT64_C(0x85944171f73967e8));
    assert_true(hash_text(hash_text(hash_start(), "ab"), "c") != hash_text(hash_text(hash_start(), "a"), "bc"));
}

static void test_files(void **state)
{
    (void)state;
    char dir[] = "/tmp/netc-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    Str path = {0};
    str_printf(&path, "%s/file", dir);
    size_t len = 0;
    errno = 0;
    assert_null(file_read(path.data, &len));
    assert_int_equal(errno, ENOENT);
    assert_true(file_write(path.data, "one\0two", 7));
    assert_true(file_write(path.data, "three\0four", 10)); /* over what is there */
    char *text = file_read(path.data, &len);
    assert_non_null(text);
    assert_int_equal(len, 10);
    assert_memory_equal(text, "three\0four", 11); /* with the NUL behind it */
    free(text);
    assert_true(file_write(path.data, "", 0));
    text = file_read(path.data, &len);
    assert_non_null(text);
    assert_int_equal(len, 0);
    free(text);
    struct stat before, after;
    assert_int_equal(stat(path.data, &before), 0);
    assert_true(file_update(path.data, "", 0)); /* it holds this: not touched */
    assert_int_equal(stat(path.data, &after), 0);
    assert_true(before.st_ino == after.st_ino);
    assert_true(file_update(path.data, "new", 3));
    assert_int_equal(stat(path.data, &after), 0);
    assert_int_equal(after.st_size, 3);
    assert_true(file_update(path.data, "now", 3)); /* as long, but not the same */
    text = file_read(path.data, &len);
    assert_non_null(text);
    assert_string_equal(text, "now");
    free(text);
    assert_int_equal(remove(path.data), 0);
    assert_true(file_update(path.data, "x", 1));
    assert_int_equal(remove(path.data), 0);

    assert_null(file_read(dir, &len));
    assert_int_equal(errno, EISDIR);
    assert_null(file_read("/dev/zero", &len));
    assert_int_equal(errno, EFBIG);
    str_add(&path, "/below/it");
    assert_false(file_write(path.data, "x", 1));
    assert_int_equal(errno, ENOENT);
    assert_int_equal(remove(dir), 0); /* empty: nothing temporary was left */
    str_free(&path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(test_arena_text),
        cmocka_unit_test(test_vec_keeps_what_it_holds),
        cmocka_unit_test(test_str_grows),
        cmocka_unit_test(test_checked_arithmetic),
        cmocka_unit_test(test_hash_is_fnv1a),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
