/* CSV tables: numbers, headers, quoting, labels by name and number, the held-out rows, and messages that give line and
 * column. */
#include "data_files.h"

#include <math.h>

static nt_data_config config = {.source = NT_SOURCE_CSV};

static nt_data_request request_of(int features, int outputs)
{
    return (nt_data_request){.config = &config,
                             .h = 1,
                             .w = 1,
                             .c = features,
                             .outputs = outputs,
                             .parts = NT_PART_TRAIN | NT_PART_TEST};
}

/* Loads two tables given as text; test may be NULL. */
static bool load(const char *train, const char *test, int features, int outputs, bool dense, nt_loaded *out,
                 nt_error *err)
{
    nt_data_request q = request_of(features, outputs);
    q.dense = dense;
    nt_file a = file_of(train, strlen(train)), b = {0};
    a.name = "train.csv";
    if (test) {
        b = file_of(test, strlen(test));
        b.name = "test.csv";
    }
    *out = (nt_loaded){0};
    bool ok = nt_csv_table(&q, &a, test ? &b : NULL, out, err);
    nt_file_free(&a);
    nt_file_free(&b);
    return ok;
}

static void unload(nt_loaded *out, int outputs)
{
    nt_part_free(&out->train);
    nt_part_free(&out->test);
    for (int i = 0; out->names && i < outputs; i++)
        free(out->names[i]);
    free(out->names);
}

static void expect_refusal(const char *train, const char *test, int features, int outputs, bool dense,
                           const char *first, const char *second)
{
    nt_loaded out;
    nt_error err = {""};
    expect_message(load(train, test, features, outputs, dense, &out, &err), &err, first, second, NULL);
    unload(&out, outputs);
}

static void setup_config(const char *label)
{
    config = (nt_data_config){.source = NT_SOURCE_CSV, .label = label};
}

static void names_become_classes_in_order(void **state)
{
    (void)state;
    nt_loaded out;
    nt_error err = {""};
    setup_config(NULL);
    const char *train =
        "\xef\xbb\xbfheight,width,kind\r\n1.5,-2e-3,iris\r\n+.25,3.,\"a \"\"b\"\", c\"\r\n\r\n  7 , 8 , iris \r\n";
    expect_ok(load(train, "height,width,kind\n0,0,iris\n1,1,\"a \"\"b\"\", c\"", 2, 2, false, &out, &err), &err);
    assert_int_equal(out.train.count, 3);
    assert_int_equal(out.test.count, 2);
    assert_string_equal(out.names[0], "a \"b\", c");
    assert_string_equal(out.names[1], "iris");
    static const float values[] = {1.5f, -2e-3f, .25f, 3, 7, 8};
    assert_memory_equal(out.train.values, values, sizeof values);
    static const int32_t expected[] = {1, 0, 1, 1, 0};
    assert_memory_equal(out.train.labels, expected, 3 * sizeof *expected);
    assert_memory_equal(out.test.labels, expected + 3, 2 * sizeof *expected);
    unload(&out, 2);
}

static void numbers_are_classes_as_they_stand_or_in_order(void **state)
{
    (void)state;
    nt_loaded out;
    nt_error err = {""};
    setup_config("0");
    expect_ok(load("2;1\n0;2\n", "1;3", 1, 3, false, &out, &err), &err); /* no header, semicolons, label first */
    static const int32_t plain[] = {2, 0, 1};
    assert_memory_equal(out.train.labels, plain, 2 * sizeof *plain);
    assert_int_equal(out.test.labels[0], plain[2]);
    assert_null(out.names);
    assert_true(out.train.values[1] == 2);
    unload(&out, 3);

    setup_config("grade");
    expect_ok(load("x\tgrade\n1\t10\n2\t9\n3\t100\n", "x\tgrade\n1\t9\n", 1, 3, false, &out, &err),
              &err); /* 9 < 10 < 100 as numbers */
    static const int32_t ordered[] = {1, 0, 2};
    assert_memory_equal(out.train.labels, ordered, sizeof ordered);
    assert_string_equal(out.names[2], "100");
    unload(&out, 3);

    setup_config("2020"); /* a number is a column's, not a name */
    expect_refusal("2019,2020\n1,0\n", NULL, 1, 2, false, "label=2020", "0 to 1");
    setup_config("y"); /* the label's name makes it a line of names, though the others look like numbers */
    expect_ok(load("2019,y\n1,0\n", "2019,y\n5,1\n", 1, 2, false, &out, &err), &err);
    assert_int_equal(out.train.count, 1);
    unload(&out, 2);

    static const char *const names[] = {"yes", "no"};
    setup_config(NULL);
    config.classes = names;
    config.n_classes = 2;
    expect_ok(load("x,y\n1,no\n2,yes\n", "x,y\n1,no\n", 1, 2, false, &out, &err), &err); /* the data section's order */
    assert_int_equal(out.train.labels[0], 1);
    assert_int_equal(out.train.labels[1], 0);
    unload(&out, 2);
    expect_refusal("x,y\n1,no\n2,maybe\n", NULL, 1, 2, false, "line 3: 'maybe' is none of the classes", "yes");
}

/* Against strtod, which is exact. */
static void numbers_are_read_exactly(void **state)
{
    (void)state;
    static const char *const numbers[] = {"0",
                                          "-0",
                                          "1",
                                          "0.1",
                                          "123456789012345",
                                          "1234567890123456789",
                                          "3.4028234e38",
                                          "1e-45",
                                          "1e-400",
                                          "0.000000000000000000000000001",
                                          "9007199254740993",
                                          "1.7976931348623157e-3",
                                          "5e22",
                                          "5e23",
                                          "1E+2",
                                          "00012",
                                          ".5",
                                          "5.",
                                          "-.5e-7",
                                          "0.30000000000000004",
                                          "123456.7890123456789"};
    setup_config(NULL);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        nt_loaded out;
        nt_error err = {""};
        char text[128];
        snprintf(text, sizeof text, "x,y\n%s,0\n", numbers[i]);
        expect_ok(load(text, text, 1, 1, false, &out, &err), &err);
        float expected = (float)strtod(numbers[i], NULL);
        if (memcmp(&out.train.values[0], &expected, sizeof expected) != 0)
            fail_msg("%s was read as %.9g", numbers[i], (double)out.train.values[0]);
        unload(&out, 1);
    }
    static const char *const others[] = {"",    "-",   ".",   "e5",     "1e",  "1e+",  "1x",  "0x10",
                                         "nan", "inf", "1 2", "1,0.5e", "--1", "1..2", "1e39"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char text[128];
        snprintf(text, sizeof text, "a,b\n1,0\n\"%s\",0\n", others[i]);
        expect_refusal(text, NULL, 1, 1, false, "train.csv: line 3, column 1 (a)", "");
    }
}

static void a_number_to_predict_is_a_target(void **state)
{
    (void)state;
    nt_loaded out;
    nt_error err = {""};
    setup_config("price");
    expect_ok(load("price,x\n1.5,2\n-3,4\n", "price,x\n7,8\n", 1, 1, true, &out, &err), &err);
    assert_null(out.train.labels);
    assert_true(out.train.targets[0] == 1.5f && out.train.targets[1] == -3 && out.test.targets[0] == 7);
    unload(&out, 1);
    expect_refusal("price,x\ncheap,2\n", NULL, 1, 1, true, "line 2, column 1 (price): 'cheap' is not a number",
                   "an output a class");
}

/* As many more columns than features as there are outputs are a vector to predict, with any loss. */
static void columns_to_predict_are_a_target_vector(void **state)
{
    (void)state;
    static const float train[6] = {1, 2, 3, 4, 5, 6}, test[3] = {7, 8, 9};
    nt_loaded out;
    nt_error err = {""};
    for (int dense = 0; dense < 2; dense++) {
        setup_config(NULL);
        expect_ok(load("x,a,b,c\n0,1,2,3\n0,4,5,6\n", "x,a,b,c\n0,7,8,9\n", 1, 3, dense, &out, &err), &err);
        assert_null(out.train.labels);
        assert_memory_equal(out.train.targets, train, sizeof train);
        assert_memory_equal(out.test.targets, test, sizeof test);
        unload(&out, 3);
        setup_config("a");
        expect_ok(load("x,a,b,c,y\n8,1,2,3,9\n", "x,a,b,c,y\n8,7,8,9,10\n", 2, 3, dense, &out, &err), &err);
        assert_memory_equal(out.test.targets, test, sizeof test);
        assert_true(out.train.values[0] == 8 && out.train.values[1] == 9);
        unload(&out, 3);
    }
    setup_config("c");
    expect_refusal("x,a,b,c\n0,1,2,3\n", NULL, 1, 3, true, "begins the 3 values to predict in column 4", "4 columns");
    setup_config(NULL);
    expect_refusal("x,a,b,c\n0,1,none,3\n", NULL, 1, 3, true, "line 2, column 3 (b): 'none' is not a number", "");
    /* of one file, the rows of both parts keep their vectors */
    expect_ok(load("1,1,10,100\n2,2,20,200\n3,3,30,300\n4,4,40,400\n5,5,50,500\n", NULL, 1, 3, true, &out, &err), &err);
    assert_int_equal(out.train.count, 4);
    assert_int_equal(out.test.count, 1);
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 3; k++)
            assert_true(out.train.targets[i * 3 + k] == out.train.values[i] * (k == 0 ? 1 : k == 1 ? 10 : 100));
    assert_true(out.test.targets[1] == 10 * out.test.values[0]);
    unload(&out, 3);
}

static void one_file_gives_a_fifth_to_the_test(void **state)
{
    (void)state;
    char text[4096] = "x,y\n";
    for (int i = 0; i < 150; i++)
        snprintf(text + strlen(text), 32, "%d,%d\n", i, i % 3);
    nt_loaded out, again;
    nt_error err = {""};
    setup_config(NULL);
    expect_ok(load(text, NULL, 1, 3, false, &out, &err), &err);
    assert_int_equal(out.train.count, 120);
    assert_int_equal(out.test.count, 30);
    assert_non_null(strstr(out.note, "30 of its 150 rows"));
    int seen[150] = {0};
    const nt_part *parts[2] = {&out.train, &out.test};
    for (int p = 0; p < 2; p++) {
        for (int64_t s = 0; s < parts[p]->count; s++) {
            int x = (int)parts[p]->values[s];
            seen[x]++;
            assert_int_equal(parts[p]->labels[s], x % 3);
        }
    }
    for (int i = 0; i < 150; i++)
        assert_int_equal(seen[i], 1);
    assert_true(out.test.values[29] - out.test.values[0] > 100); /* from all over the file, not its end */
    expect_ok(load(text, NULL, 1, 3, false, &again, &err), &err);
    assert_memory_equal(out.test.values, again.test.values, 30 * sizeof(float));
    unload(&out, 3);
    unload(&again, 3);
}

static void refusals_give_line_and_column(void **state)
{
    (void)state;
    setup_config(NULL);
    expect_refusal("", NULL, 1, 2, false, "train.csv: has no rows", "");
    expect_refusal("\n\n\r\n", NULL, 1, 2, false, "train.csv: has no rows", "");
    expect_refusal("x,y\n", NULL, 1, 2, false, "no rows of data", "");
    expect_refusal("x\n1\n", NULL, 1, 2, false, "one column", "");
    expect_refusal("a,b,y\n1,2,0\n1,2\n", NULL, 2, 2, false, "line 3 has 2 fields", "first line has 3");
    expect_refusal("a,b,y\n1,2,0\n1,2,0,\n", NULL, 2, 2, false, "line 3 has 4 fields", "");
    expect_refusal("a,b,y\n1,2,0\n1,,0\n", NULL, 2, 2, false, "line 3, column 2 (b) is empty", "");
    expect_refusal("1,2,0\n1,b,0\n", NULL, 2, 2, false, "line 2, column 2: 'b' is not a number", "");
    expect_refusal("1,2,0\n1,2,\n", NULL, 2, 2, false, "line 2 has no label", "");
    expect_refusal("a,b,y\n1,2,\"0\n1,2,0\n", NULL, 2, 2, false, "line 2: a field begins with", "never ends");
    expect_refusal("a,b,y\n1,2,\"0\"x\n", NULL, 2, 2, false, "line 2: something follows", "");
    expect_refusal("a,b,y\n\"1\n\n\",2,0\n5,x,0\n", NULL, 2, 2, false, "line 2, column 1 (a)", "");
    expect_refusal("a,b,y\n1,2,0\n", NULL, 3, 2, false, "has 2 features beside the label", "input(2)");
    expect_refusal("a,y\n1,u\n2,v\n3,w\n", NULL, 1, 2, false, "3 classes (u, v, w)", "dense(3)");
    expect_refusal("a,y\n1,u\n2,u\n", NULL, 1, 2, false, "all its labels are 'u'", "label=COLUMN");
    expect_refusal("a,y\n1,u\n2,v\n", "a,y\n1,u\n2,w\n", 1, 2, false, "test.csv: line 3: 'w' is none of the classes",
                   "");
    expect_refusal("a,b,y\n1,2,0\n", "b,a,y\n1,2,0\n", 2, 2, false, "column 1 is 'b', in train.csv it is 'a'", "");
    setup_config("kind");
    expect_refusal("a,b,y\n1,2,0\n", NULL, 2, 2, false, "no column named 'kind'", "a, b, y");
    setup_config("3");
    expect_refusal("a,b,y\n1,2,0\n", NULL, 2, 2, false, "label=3", "0 to 2");
}

static void folders_files_and_predictions(void **state)
{
    const folder *f = *state;
    nt_error err = {""};
    nt_data d;
    setup_config(NULL);
    config.path = f->path;
    nt_data_request q = request_of(2, 2);
    expect_message(nt_data_load(&q, &d, &err), &err, "train.csv: is missing", NULL);
    write_text(path_in(f, "train.csv"), "a,b,y\n1,2,u\n3,4,v\n");
    write_text(path_in(f, "test.csv"), "a,b,y\n5,6,v\n");
    expect_ok(nt_data_load(&q, &d, &err), &err);
    assert_int_equal(d.train.count, 2);
    assert_int_equal(d.test.count, 1);
    assert_string_equal(d.class_names[1], "v");
    nt_data_free(&d);
    q.parts = NT_PART_TEST; /* 'v' is class 1 still: the names are the training part's */
    expect_ok(nt_data_load(&q, &d, &err), &err);
    assert_int_equal(d.train_part.count, 0);
    assert_int_equal(d.test_part.labels[0], 1);
    nt_data_free(&d);

    write_text(path_in(f, "rows.csv"), "a,b\n0.5,1\n2,3\n");
    expect_ok(nt_data_load_inputs(&q, path_in(f, "rows.csv"), &d, &err), &err);
    assert_int_equal(d.test.count, 2);
    static const float rows[] = {.5f, 1, 2, 3};
    assert_memory_equal(d.test_part.values, rows, sizeof rows);
    nt_data_free(&d);
    expect_message(nt_data_load_inputs(&q, path_in(f, "train.csv"), &d, &err), &err,
                   "has 3 columns, the network reads 2: a row is the features alone", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_classes_in_order),
        cmocka_unit_test(numbers_are_classes_as_they_stand_or_in_order),
        cmocka_unit_test(numbers_are_read_exactly),
        cmocka_unit_test(a_number_to_predict_is_a_target),
        cmocka_unit_test(columns_to_predict_are_a_target_vector),
        cmocka_unit_test(one_file_gives_a_fifth_to_the_test),
        cmocka_unit_test(refusals_give_line_and_column),
        cmocka_unit_test_setup_teardown(folders_files_and_predictions, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
