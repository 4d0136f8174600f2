/* test_run_log.c - the epochs of a log: of runs that were resumed, of lines that were cut off, of values that are not there. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../runtime/run_log.h"

/* Reads a log of that text. */
static nt_run_log read_text(const char *text)
{
    char path[] = "/tmp/test_run_log.XXXXXX";
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    assert_int_equal(write(handle, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(handle), 0);
    nt_run_log log;
    nt_error error = {0};
    assert_true(nt_run_log_read(path, &log, &error));
    assert_int_equal(unlink(path), 0);
    return log;
}

static void test_values(void **state)
{
    (void)state;
    nt_run_log log =
        read_text("{\"epoch\":1,\"step\":10,\"train_loss\":2.5,\"val_loss\":null,\"lr\":0.1,\"note\":\"x\"}\n"
                  "{\"epoch\":2,\"step\":20,\"train_loss\":1,\"val_loss\":1.25,\"lr\":0.1}\n");
    assert_int_equal(log.n, 2);
    assert_float_equal(log.epoch[1], 2, 0);
    assert_float_equal(log.values[NT_LOG_TRAIN_LOSS][0], 2.5, 0);
    assert_float_equal(log.values[NT_LOG_TRAIN_LOSS][1], 1, 0);
    assert_true(isnan(log.values[NT_LOG_VAL_LOSS][0]));
    assert_float_equal(log.values[NT_LOG_VAL_LOSS][1], 1.25, 0);
    assert_int_equal(log.known[NT_LOG_VAL_LOSS], 1);
    assert_int_equal(log.known[NT_LOG_LR], 2);
    assert_int_equal(log.known[NT_LOG_VAL_ACCURACY], 0);
    nt_run_log_free(&log);
}

/* A run that was killed after it had logged epochs 2 and 3, and went on from the state after epoch 1. */
static void test_resumed(void **state)
{
    (void)state;
    nt_run_log log =
        read_text("{\"epoch\":1,\"train_loss\":1}\n{\"epoch\":2,\"train_loss\":2}\n{\"epoch\":3,\"train_loss\":3}\n"
                  "{\"epoch\":2,\"train_loss\":20}\n");
    assert_int_equal(log.n, 2);
    assert_float_equal(log.epoch[1], 2, 0);
    assert_float_equal(log.values[NT_LOG_TRAIN_LOSS][1], 20, 0);
    assert_int_equal(log.known[NT_LOG_TRAIN_LOSS], 2);
    nt_run_log_free(&log);
}

static void test_odd_lines(void **state)
{
    (void)state;
    nt_run_log log =
        read_text("\n[1,2]\n{\"step\":3}\n{\"epoch\":1,\"train_loss\":\"no number\"}\nnot json\n{\"epoch\":2,\"trai");
    assert_int_equal(log.n, 1);
    assert_int_equal(log.known[NT_LOG_TRAIN_LOSS], 0);
    nt_run_log_free(&log);
    log = read_text("");
    assert_int_equal(log.n, 0);
    nt_run_log_free(&log);
}

static void test_many(void **state)
{
    (void)state;
    enum { N = 1000, LINE = 48 };
    char *text = calloc(N, LINE);
    assert_non_null(text);
    for (int i = 0, used = 0; i < N; i++)
        used += snprintf(text + used, LINE, "{\"epoch\":%d,\"seconds\":%d.5}\n", i + 1, i);
    nt_run_log log = read_text(text);
    assert_int_equal(log.n, N);
    for (int i = 0; i < N; i++) {
        assert_float_equal(log.epoch[i], i + 1, 0);
        assert_float_equal(log.values[NT_LOG_SECONDS][i], i + 0.5, 0);
    }
    nt_run_log_free(&log);
    free(text);
}

static void test_no_file(void **state)
{
    (void)state;
    nt_run_log log;
    nt_error error = {0};
    assert_false(nt_run_log_read("/nowhere/log.jsonl", &log, &error));
    assert_non_null(strstr(error.text, "/nowhere/log.jsonl: cannot read the log"));
    assert_false(nt_run_log_read("/dev/zero", &log, &error)); /* which has no end */
    assert_non_null(strstr(error.text, "not a file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_resumed), cmocka_unit_test(test_odd_lines),
        cmocka_unit_test(test_many),   cmocka_unit_test(test_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
