/* test_roundtrip.c - properties of the front end on random trees and on random damage to their text. */
#include "ast.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- random trees ---- */

static uint64_t random_state;

/* xorshift64* (Vigna 2016): the same sequence on every machine. */
static int random_below(int n)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (int)((random_state * UINT64_C(2685821657736338717) >> 33) % (uint64_t)n);
}

static const char *random_name(void)
{
    static const char *const names[] = {"conv", "relu", "k", "width", "seq", "add", "x1", "_", "data", "a_long_name"};
    return names[random_below(10)];
}

static Expr *random_expr(Arena *a, int depth);

static Arg *random_args(Arena *a, int depth, int n, bool named)
{
    Arg *args = arena_array(a, (size_t)n, sizeof *args);
    bool names = false;
    for (int i = 0; i < n; i++) {
        names = names || (named && random_below(2) == 0);
        args[i].name = names ? random_name() : NULL;
        args[i].value = random_expr(a, depth - 1);
    }
    return args;
}

static Expr *random_expr(Arena *a, int depth)
{
    static const char *const texts[] = {"", "a", "\"", "\\", "\n", "\t # no comment", "\xC3\xA9"};
    static const double reals[] = {0.5, 1e-4, 3, 1e300, 0.1, 123456.789, 1.0 / 3, 0};
    Expr *e = arena_alloc(a, sizeof *e);
    e->kind = depth <= 0 ? random_below(EXPR_LIST) : random_below(EXPR_ERROR);
    e->parens = random_below(5) == 0;
    switch (e->kind) {
    case EXPR_INT: e->integer = random_below(3) == 0 ? INT64_MAX : random_below(1000); break;
    case EXPR_REAL: e->real = reals[random_below(8)]; break;
    case EXPR_PERCENT: e->real = random_below(1000) / 10.0 / 100; break;
    case EXPR_SIZE:
        e->n_dims = 2 + random_below(SIZE_MAX_DIMS - 1);
        for (int i = 0; i < e->n_dims; i++) {
            e->dims[i] = random_below(300);
        }
        break;
    case EXPR_STRING: e->text = texts[random_below(7)]; break;
    case EXPR_BOOL: e->boolean = random_below(2); break;
    case EXPR_NAME: e->text = random_below(4) == 0 ? "layer1.0.conv1" : random_name(); break;
    case EXPR_LIST:
    case EXPR_CALL:
        e->text = e->kind == EXPR_CALL ? random_name() : NULL;
        e->n_args = random_below(4);
        e->args = random_args(a, depth, e->n_args, e->kind == EXPR_CALL);
        break;
    case EXPR_NEG: e->left = random_expr(a, depth - 1); break;
    case EXPR_BINARY:
        e->op = "+-*/"[random_below(4)];
        e->left = random_expr(a, depth - 1);
        e->right = random_expr(a, depth - 1);
        break;
    case EXPR_ERROR: break;
    }
    return e;
}

static void random_body(Arena *a, StmtList *body, int depth)
{
    body->len = body->cap = random_below(4);
    body->items = arena_array(a, (size_t)body->len, sizeof *body->items);
    for (int i = 0; i < body->len; i++) {
        Stmt *s = &body->items[i];
        s->label = random_below(3) == 0 ? random_name() : NULL;
        s->n_chain = 1 + random_below(4);
        s->chain = arena_array(a, (size_t)s->n_chain, sizeof *s->chain);
        for (int k = 0; k < s->n_chain; k++) {
            Element *e = &s->chain[k];
            e->name = random_name();
            e->n_args = random_below(3);
            e->args = random_args(a, 2, e->n_args, true);
            if (depth > 0 && random_below(3) == 0 && strcmp(e->name, "data") != 0) {
                e->body = arena_alloc(a, sizeof *e->body);
                random_body(a, e->body, depth - 1);
            }
        }
    }
}

static void random_item(Arena *a, Item *item)
{
    item->kind = random_below(ITEM_SECTION + 1);
    item->name = random_name();
    switch (item->kind) {
    case ITEM_USE: item->name = "blocks/\"a b\".net"; break;
    case ITEM_LET: item->value = random_expr(a, 5); break;
    case ITEM_BLOCK:
        item->n_params = random_below(4);
        item->params = arena_array(a, (size_t)item->n_params, sizeof *item->params);
        for (int i = 0; i < item->n_params; i++) {
            item->params[i].name = random_name();
            item->params[i].default_value = random_below(2) ? random_expr(a, 2) : NULL;
        }
        random_body(a, &item->body, 3);
        break;
    case ITEM_NETWORK: random_body(a, &item->body, 3); break;
    case ITEM_SECTION:
        item->name = random_below(2) ? "train" : "init";
        item->n_entries = random_below(4);
        item->entries = arena_array(a, (size_t)item->n_entries, sizeof *item->entries);
        for (int i = 0; i < item->n_entries; i++) {
            item->entries[i] = (Entry){.key = random_name(), .value = random_expr(a, 4)};
        }
        break;
    }
}

static Ast *random_ast(Arena *a, Diags *d)
{
    Ast *ast = arena_alloc(a, sizeof *ast);
    ast->file = diag_add_source(d, "none", "", 0);
    ast->n_items = random_below(5);
    ast->items = arena_array(a, (size_t)ast->n_items, sizeof *ast->items);
    for (int i = 0; i < ast->n_items; i++) {
        random_item(a, &ast->items[i]);
    }
    return ast;
}

/* ---- comparing ---- */

/* The dump of a tree without the places at the ends of its lines. */
static void tree(const Ast *ast, const Diags *d, Str *out)
{
    Str dump = {0};
    ast_dump(ast, d, &dump);
    for (const char *s = dump.data; s != NULL && *s != '\0';) {
        const char *end = strchr(s, '\n'), *at = end;
        while (*at != '@') {
            at--;
        }
        str_addn(out, s, (size_t)(at - s));
        str_addc(out, '\n');
        s = end + 1;
    }
    str_add(out, "");
    str_free(&dump);
}

static Ast *parse(Arena *a, Diags *d, const char *text, size_t len)
{
    return ast_parse(a, d, diag_add_source(d, "m.net", arena_strndup(a, text, len), (uint32_t)len));
}

/* The canonical form of `ast` must parse, to the same tree, and be its own canonical form. Returns that form. */
static void check_format(Arena *a, Diags *d, const Ast *ast, Str *form)
{
    ast_format(ast, d, form);
    str_add(form, "");
    Ast *again = parse(a, d, form->data, form->len);
    if (d->errors > 0) {
        Str out = {0};
        diag_render(d, &out, false);
        fail_msg("the canonical form does not parse:\n%s", out.data);
    }
    Str before = {0}, after = {0}, second = {0};
    tree(ast, d, &before);
    tree(again, d, &after);
    assert_string_equal(before.data, after.data);
    ast_format(again, d, &second);
    str_add(&second, "");
    assert_string_equal(form->data, second.data);
    str_free(&before);
    str_free(&after);
    str_free(&second);
}

static void test_random_trees_survive(void **state)
{
    (void)state;
    random_state = 1;
    for (int i = 0; i < 2000; i++) {
        Arena a = {0};
        Diags d = {.arena = &a};
        Str form = {0};
        check_format(&a, &d, random_ast(&a, &d), &form);
        str_free(&form);
        arena_free(&a);
    }
}

/* ---- damage ---- */

static void damage(Str *text)
{
    static const char *const pieces[] = {"{", "}", "(", ")", "[", "]", "->", "\n", " # c\n", "=",
                                         ":", ",", "\"", "conv", "5x5", "- 1.", "1e9", "-", ";", "//",
                                         "train {", "network b {", "\n\n\n", "#d\n", "let a", "\t", "'", "yes", "/*", "\xFF"};
    size_t at = text->len > 0 ? (size_t)random_below((int)text->len) : 0;
    size_t cut = random_below(2) ? (size_t)random_below(4) : 0;
    if (cut > text->len - at) {
        cut = text->len - at;
    }
    Str out = {0};
    str_addn(&out, text->data, at);
    if (random_below(4) > 0) {
        str_add(&out, pieces[random_below(30)]);
    }
    str_addn(&out, text->data + at + cut, text->len - at - cut);
    str_free(text);
    *text = out;
}

static void test_damaged_text_is_reported_or_still_formats(void **state)
{
    (void)state;
    random_state = 2;
    int broken = 0, sound = 0;
    for (int i = 0; i < 6000; i++) {
        Arena a = {0};
        Diags d = {.arena = &a};
        Str text = {0}, form = {0};
        ast_format(random_ast(&a, &d), &d, &text);
        str_add(&text, "");
        for (int k = random_below(6); k >= 0; k--) {
            damage(&text);
        }
        Ast *ast = parse(&a, &d, text.data, text.len);
        if (d.errors > 0) {
            broken++;
            diag_render(&d, &form, false);
            ast_dump(ast, &d, &form); /* what is there can be walked */
        } else {
            sound++;
            check_format(&a, &d, ast, &form);
        }
        str_free(&text);
        str_free(&form);
        arena_free(&a);
    }
    assert_true(broken > 500); /* both happen, or the test tests nothing */
    assert_true(sound > 500);
}

static void test_comments_are_all_kept(void **state)
{
    (void)state;
    random_state = 3;
    for (int i = 0; i < 1000; i++) {
        Arena a = {0};
        Diags d = {.arena = &a};
        Str text = {0}, form = {0};
        ast_format(random_ast(&a, &d), &d, &text);
        str_add(&text, "\n");
        for (int k = 0; k < 5; k++) { /* behind a random blank or line break */
            size_t at = (size_t)random_below((int)text.len);
            at += strcspn(text.data + at, " \n");
            Str out = {0};
            str_addn(&out, text.data, at);
            str_printf(&out, "%s# comment %d\n", random_below(2) ? "\n" : " ", k);
            str_add(&out, text.data + at);
            str_free(&text);
            text = out;
        }
        Ast *ast = parse(&a, &d, text.data, text.len);
        if (d.errors == 0) { /* else one got into a text in quotes */
            check_format(&a, &d, ast, &form);
            int kept = 0;
            for (const char *s = form.data; (s = strstr(s, "# comment ")) != NULL; s++) {
                kept++;
            }
            assert_int_equal(kept, 5);
        }
        str_free(&text);
        str_free(&form);
        arena_free(&a);
    }
}

/* ---- the rest of the interface ---- */

static void test_expressions_of_the_command_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *form;
    } cases[] = {{"10", "10"}, {" 2*( 3+k ) ", "2*(3 + k)"}, {"[1,2]", "[1, 2]"}, {"no", "no"}, {"\"a\"", "\"a\""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Arena a = {0};
        Diags d = {.arena = &a};
        int file = diag_add_source(&d, "-D k", cases[i].text, (uint32_t)strlen(cases[i].text));
        Str out = {0};
        expr_format(ast_parse_expr(&a, &d, file), &out);
        assert_int_equal(d.errors, 0);
        assert_string_equal(out.data, cases[i].form);
        str_free(&out);
        arena_free(&a);
    }
    static const char *const wrong[] = {"", "1 2", "(", "conv ->", "network a { }", "1 +"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        Arena a = {0};
        Diags d = {.arena = &a};
        int file = diag_add_source(&d, "-D k", wrong[i], (uint32_t)strlen(wrong[i]));
        assert_int_equal(ast_parse_expr(&a, &d, file)->kind, EXPR_ERROR);
        assert_int_equal(d.errors, 1);
        arena_free(&a);
    }
}

static void test_broken_parts_are_marked(void **state)
{
    (void)state;
    static const char text[] = "let k = \nlet m = 3\nblock b(n) { dense(n) }\n"
                               "network a {\n    input(3)\n    x: conv(,)\n    good: relu\n    z: tanh = 3\n"
                               "    y: -> -> relu\n}\n"
                               "train {\n    lr = )\n    batch = 3\n}\n";
    Arena a = {0};
    Diags d = {.arena = &a};
    Ast *ast = parse(&a, &d, text, sizeof text - 1);
    assert_int_equal(ast->n_items, 5);
    assert_int_equal(ast->items[0].value->kind, EXPR_ERROR);
    assert_int_equal(ast->items[1].value->integer, 3);
    assert_false(ast->items[2].broken);
    const StmtList *body = &ast->items[3].body;
    assert_int_equal(body->len, 5);
    static const bool broken[] = {false, true, false, true, true};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(body->items[i].broken, broken[i]);
    }
    assert_string_equal(body->items[1].label, "x");
    assert_string_equal(body->items[4].label, "y");
    assert_int_equal(body->items[4].n_chain, 0);
    assert_true(ast->items[3].broken);
    assert_int_equal(ast->items[4].n_entries, 2);
    assert_int_equal(ast->items[4].entries[0].value->kind, EXPR_ERROR);
    assert_int_equal(ast->items[4].entries[1].value->integer, 3);
    arena_free(&a);
}

static void test_too_large_a_text(void **state)
{
    (void)state;
    Arena a = {0};
    Diags d = {.arena = &a};
    size_t len = (16 << 20) + 1;
    char *text = arena_alloc(&a, len + 1);
    memset(text, ' ', len);
    Ast *ast = ast_parse(&a, &d, diag_add_source(&d, "m.net", text, (uint32_t)len));
    assert_int_equal(d.errors, 1);
    assert_int_equal(ast->n_items, 0);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_trees_survive),
        cmocka_unit_test(test_damaged_text_is_reported_or_still_formats),
        cmocka_unit_test(test_comments_are_all_kept),
        cmocka_unit_test(test_expressions_of_the_command_line),
        cmocka_unit_test(test_broken_parts_are_marked),
        cmocka_unit_test(test_too_large_a_text),
    };
    return cmocka_run_group_tests_name("round trip", tests, NULL, NULL);
}
