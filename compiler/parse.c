/* parse.c - what the grammar's rules do, and the words for what the grammar does not take. */
#include "net.tab.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>

/* ---- errors ---- */

void syntax_mark(Parser *p, uint32_t start, uint32_t line)
{
    p->errors = vec_grow(p->arena, p->errors, p->n_errors, &p->cap_errors, sizeof *p->errors);
    p->errors[p->n_errors++] = (Place){start, line};
}

/* The line of an offset. While the scanner is at work, its own. */
static uint32_t line_of(const Parser *p, uint32_t offset)
{
    const TokenList *list = &p->tokens;
    if (list->len == 0 || list->items[list->len - 1].kind != T_END) {
        return p->line;
    }
    int low = 0, high = list->len - 1; /* the last token that begins at or before the offset */
    while (low < high) {
        int middle = low + (high - low + 1) / 2;
        if (list->items[middle].loc.start <= offset) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return list->items[low].line;
}

Diag *syntax_error(Parser *p, Loc at, const char *format, ...)
{
    if (p->n_errors >= SYNTAX_ERRORS_MAX) {
        return diag_error(p->d, at, "a syntax error");
    }
    va_list ap;
    va_start(ap, format);
    const char *text = arena_vprintf(p->arena, format, ap);
    va_end(ap);
    syntax_mark(p, at.start, line_of(p, at.start));
    return diag_error(p->d, at, "%s", text);
}

const char *shown(Parser *p, Loc at)
{
    enum { LONGEST = 40 };
    if (p->n_errors >= SYNTAX_ERRORS_MAX) {
        return "";
    }
    uint32_t n = at.end - at.start;
    for (uint32_t i = 0; i < n; i++) {
        if (p->text[at.start + i] == '\n' || p->text[at.start + i] == '\r') {
            n = i;
        }
    }
    if (n <= LONGEST) {
        return arena_printf(p->arena, "%.*s%s", (int)n, p->text + at.start, n < at.end - at.start ? " ..." : "");
    }
    n = LONGEST;
    while (n > 0 && ((unsigned char)p->text[at.start + n] & 0xC0) == 0x80) {
        n--;
    }
    return arena_printf(p->arena, "%.*s...", (int)n, p->text + at.start);
}

static int by_start(const void *left, const void *right)
{
    const Place *a = left, *b = right;
    return a->start < b->start ? -1 : a->start > b->start;
}

/* The first of the early errors (sorted by start, and so by line) that is at or behind `start`, on or below `line`. */
static int early_error_from(const Parser *p, uint32_t start, uint32_t line)
{
    int low = 0, high = p->n_early;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (p->errors[middle].start < start || p->errors[middle].line < line) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* A second message about a line that already has one would most likely be about the same slip. */
static bool line_has_error(const Parser *p, uint32_t line)
{
    int i = early_error_from(p, 0, line);
    bool early = i < p->n_early && p->errors[i].line == line;
    return early || (p->n_errors > p->n_early && p->errors[p->n_errors - 1].line == line);
}

/* Was an error reported inside `at`, which the parser has just read to its end? */
static bool has_error(const Parser *p, Loc at)
{
    int i = early_error_from(p, at.start, 0);
    bool early = i < p->n_early && p->errors[i].start <= at.end;
    return early || (p->n_errors > p->n_early && p->errors[p->n_errors - 1].start >= at.start);
}

/* ---- after an error: where to go on ---- */

static bool is_item_token(int kind)
{
    return kind == T_NETWORK || kind == T_BLOCK || kind == T_LET || kind == T_USE || kind == T_SECTION;
}

const char *const item_words[] = {"network", "block", "let", "use", "init", "data", "train", NULL};
enum { N_ITEM_WORDS = sizeof item_words / sizeof item_words[0] - 1 };

static int kind_at(const Parser *p, int i)
{
    return i >= 0 && i < p->tokens.len ? p->tokens.items[i].kind : T_END;
}

/* The word that a misspelt one at token `i`, outside every item, was meant to be, or NULL. */
static const char *misspelt_item_word(const Parser *p, int i)
{
    int next = kind_at(p, i + 1);
    if (kind_at(p, i) != T_NAME || (next != T_NAME && next != T_STRING && next != '{')) {
        return NULL;
    }
    return did_you_mean(p->tokens.items[i].text, item_words, N_ITEM_WORDS);
}

/* The index of the token at which the part ends that the token at `i` broke. */
static int synchronize(const Parser *p, int i)
{
    const Token *tokens = p->tokens.items;
    int opener = tokens[i].opener;
    if (opener >= 0 && tokens[opener].kind != '{') {
        return tokens[opener].closer;
    }
    int end = opener >= 0 ? tokens[opener].closer : p->tokens.len - 1;
    for (int from = i; i < end;) {
        bool begins = tokens[i].first && (tokens[i].kind == T_NAME || tokens[i].kind == T_DOTTED);
        bool misspelt = begins && opener < 0 && i > from && misspelt_item_word(p, i) != NULL;
        if (is_item_token(tokens[i].kind) || (opener >= 0 && begins) || misspelt) {
            return i;
        }
        i = tokens[i].closer >= 0 ? tokens[i].closer + 1 : i + 1;
    }
    return end;
}

/* ---- the words for what was expected ---- */

static const Token *token_before(const Parser *p)
{
    return p->current > 0 ? &p->tokens.items[p->current - 1] : NULL;
}

/* What the bracket that the current token stands in belongs to: SECTION, BLOCK (parameters) or another token's kind. */
static int owner_kind(const Parser *p)
{
    int opener = p->tokens.items[p->current].opener;
    int kind = kind_at(p, opener - 1);
    return kind == T_NAME && kind_at(p, opener - 2) == T_BLOCK ? T_BLOCK : kind;
}

/* What a name would be here. */
static const char *name_words(const Parser *p)
{
    const Token *t = &p->tokens.items[p->current];
    int before = kind_at(p, p->current - 1), owner = owner_kind(p);
    if (before == T_ARROW || before == ':' || before == '=') {
        return "an operator";
    }
    if (before == T_LET || before == T_NETWORK || before == T_BLOCK) {
        return "a name";
    }
    if (owner == T_SECTION) {
        return "a key";
    }
    if (owner == T_BLOCK && kind_at(p, t->opener) == '(') {
        return "a parameter";
    }
    return before == '{' ? "a statement" : "a new statement";
}

/* "a", "a or b", "a, b or c" of what would have been right. */
static const char *expected_words(Parser *p, unsigned expected)
{
    const char *words[8];
    int n = 0;
    const Token *t = &p->tokens.items[p->current];
    bool statement = (expected & EXPECT_ARROW) != 0; /* behind an operator: what follows its name goes without saying */
    if (kind_at(p, p->current - 1) == ',') {
        expected &= ~(unsigned)(EXPECT_PAREN_END | EXPECT_BRACKET_END); /* allowed there, but hardly meant */
    }
    if (expected & EXPECT_VALUE) {
        words[n++] = "a value";
    } else if (expected & EXPECT_STRING) {
        words[n++] = "a path in double quotes";
    } else if (statement && !t->first) {
        words[n++] = "'->'";
    }
    if ((expected & EXPECT_NAME) && !(expected & EXPECT_VALUE)) {
        words[n++] = name_words(p);
    }
    bool comma = (expected & EXPECT_COMMA) && (expected & (EXPECT_PAREN_END | EXPECT_BRACKET_END));
    if (comma) {
        words[n++] = "','";
    }
    if ((expected & EXPECT_EQUALS) && !comma && !statement) {
        words[n++] = "'='";
    }
    if ((expected & EXPECT_PAREN) && (expected & EXPECT_BRACE) && !statement) {
        words[n++] = "'('";
    }
    if ((expected & EXPECT_BRACE) && !statement) {
        words[n++] = "'{'";
    }
    if (expected & EXPECT_PAREN_END) {
        words[n++] = "')'";
    }
    if (expected & EXPECT_BRACKET_END) {
        words[n++] = "']'";
    }
    if (expected & EXPECT_BRACE_END) {
        words[n++] = "'}'";
    }
    if (n == 0) {
        return expected & EXPECT_ITEM ? "a sign such as '+' or a new item" : "a sign such as '+' or the end";
    }
    const char *list = words[0];
    for (int i = 1; i < n; i++) {
        list = arena_printf(p->arena, "%s%s%s", list, i == n - 1 ? " or " : ", ", words[i]);
    }
    return list;
}

/* Something outside every item. */
static void report_no_item(Parser *p)
{
    const Token *t = &p->tokens.items[p->current];
    int next = kind_at(p, p->current + 1);
    const char *like = misspelt_item_word(p, p->current);
    if (like != NULL) {
        Diag *e = syntax_error(p, t->loc, "'%s' begins nothing", t->text);
        diag_help(p->d, e, "did you mean '%s'?", like);
    } else if (t->kind == T_NAME && next == '=') {
        Diag *e = syntax_error(p, t->loc, "'%s = ...' stands outside every section", t->text);
        diag_help(p->d, e, "a constant is 'let %s = ...'; settings belong in init { }, data { } or train { }", t->text);
    } else if (t->kind == T_NAME && next != T_NAME) {
        Diag *e = syntax_error(p, t->loc, "a statement stands outside the network");
        diag_help(p->d, e, "operators belong inside the braces of 'network NAME { ... }' or 'block NAME(...) { ... }'");
    } else {
        Diag *e = syntax_error(p, t->loc, "expected network, block, let, use, init, data or train before '%s'",
                               shown(p, t->loc));
        if (t->kind == T_STRING) {
            diag_help(p->d, e, "a file is brought in by: use \"path\"");
        }
    }
}

/* What the author wrote from the current token, which is not the end, to the end of its line. */
static const char *rest_of_line(Parser *p)
{
    const Token *first = &p->tokens.items[p->current], *last = first;
    while (last[1].kind != T_END && last[1].kind != '}' && last[1].line == first->line) {
        last++;
    }
    return shown(p, loc_join(first->loc, last->loc));
}

static void add_advice(Parser *p, Diag *e, unsigned expected)
{
    const Token *t = &p->tokens.items[p->current];
    const Token *before = token_before(p);
    int last = before != NULL ? before->kind : T_END;
    if (t->kind == T_END) {
        return;
    }
    bool in_section = owner_kind(p) == T_SECTION;
    bool in_body = (expected & EXPECT_BRACE_END) != 0 || last == ':';
    if ((last == T_NETWORK || last == T_BLOCK) && t->kind == '{') {
        bool network = last == T_NETWORK;
        diag_help(p->d, e, "a %s has a name: %s", network ? "network" : "block",
                  network ? "network lenet5 { ... }" : "block conv_bn(width) { ... }");
    } else if (kind_at(p, p->current - 2) == T_NETWORK && t->kind == '(') {
        diag_help(p->d, e, "a network has no parameters: what varies is a let constant, set by -D NAME=VALUE");
    } else if (last == T_USE) {
        diag_help(p->d, e, "write use \"%s\"", rest_of_line(p));
    } else if (last == '=' && !in_section && !(expected & EXPECT_VALUE)) {
        diag_help(p->d, e, "a constant is set by let, before the network; settings belong in init, data or train");
    } else if (in_body && t->kind == T_LITERAL && last == T_NAME && !in_section) {
        diag_help(p->d, e, "arguments stand in parentheses: %s(%s)", before->text, rest_of_line(p));
    } else if (t->kind == '{' && in_section && last == T_NAME) {
        diag_help(p->d, e, "a setting with parts is written as a call: %s = name(key=value)", before->text);
    } else if (in_section && last == T_NAME && (t->kind == '(' || t->kind == T_ARROW)) {
        diag_help(p->d, e, "a section holds settings, key = value; operators stand in a network or block");
    } else if (t->kind == ':') {
        diag_help(p->d, e, "a label stands once, at the start of its statement");
    } else if (t->kind == '{' && last == T_ARROW) {
        diag_help(p->d, e, "a '{' belongs to the name before it: seq { ... } runs statements one after the other, "
                           "add { ... } as branches");
    }
}

/* `lr =` with nothing behind it takes the next line's key for its value: true where token `i` is that key's '='. */
static bool value_is_next_key(const Parser *p, int i)
{
    return i >= 2 && kind_at(p, i) == '=' && kind_at(p, i - 1) == T_NAME && kind_at(p, i - 2) == '=' &&
           p->tokens.items[i - 1].first;
}

void unexpected_token(Parser *p, unsigned expected)
{
    if (value_is_next_key(p, p->current)) {
        p->current--;
        expected = EXPECT_VALUE;
    }
    const Token *t = &p->tokens.items[p->current];
    const Token *before = token_before(p);
    int sync = synchronize(p, p->current);
    if (sync <= p->last_sync) { /* twice the same place: step on */
        p->stuck = p->current == p->tokens.len - 1;
        sync = p->stuck ? p->current : p->current + 1;
    }
    p->next = p->last_sync = sync;
    bool repeated = line_has_error(p, t->line) || (before != NULL && line_has_error(p, before->line));
    if (sync != p->current) { /* the parser may stumble over the rest of this line */
        syntax_mark(p, t->loc.start, t->line);
    }
    if (repeated) {
        return;
    }
    if ((expected & EXPECT_ITEM) && !(expected & (EXPECT_BRACE_END | EXPECT_VALUE | EXPECT_SIGN)) && t->kind != T_END) {
        report_no_item(p);
        return;
    }
    const char *words = expected_words(p, expected);
    /* where a line could not have ended, it is the line before that lacks something */
    bool incomplete = !(expected & (EXPECT_BRACE_END | EXPECT_ITEM | EXPECT_END));
    Diag *e;
    if (before != NULL && (t->kind == T_END || (incomplete && t->line != before->line))) {
        Loc behind = {p->file, before->loc.end, before->loc.end};
        e = syntax_error(p, behind, "expected %s after '%s'", words, shown(p, before->loc));
    } else if (t->kind == T_END) {
        e = syntax_error(p, t->loc, "expected %s", words);
    } else {
        e = syntax_error(p, t->loc, "expected %s before '%s'", words, shown(p, t->loc));
    }
    add_advice(p, e, expected);
}

void label_in_chain(Parser *p, Loc arrow, Loc label)
{
    if (line_of(p, arrow.start) != line_of(p, label.start)) {
        Diag *e = syntax_error(p, (Loc){p->file, arrow.end, arrow.end}, "expected an operator after '->'");
        diag_note(p->d, e, label, "a new statement begins here, with its label");
    } else {
        Diag *e = syntax_error(p, label, "a label stands at the start of a statement");
        diag_help(p->d, e, "end the chain before it, without '->'");
    }
}

void wrong_separator(Parser *p, Loc at)
{
    if (!p->told[SLIP_SEPARATOR]) {
        p->told[SLIP_SEPARATOR] = true;
        Diag *e = syntax_error(p, at, "no '%s' is needed here", shown(p, at));
        diag_help(p->d, e, "leave it out: a statement ends where no '->' follows");
    }
}

void wrong_colon(Parser *p, Loc colon, Loc name, Loc value)
{
    Diag *e = syntax_error(p, colon, "a value is given with '=', not ':'");
    diag_help(p->d, e, "write %s=%s", shown(p, name), shown(p, value));
}

/* ---- expressions ---- */

Expr *new_expr(Parser *p, ExprKind kind, Loc at)
{
    Expr *e = arena_alloc(p->arena, sizeof *e);
    e->kind = kind;
    e->loc = at;
    e->depth = 1;
    return e;
}

Expr *make_name(Parser *p, Loc at, const char *text)
{
    bool is_true = strcmp(text, "true") == 0 || strcmp(text, "True") == 0;
    if (is_true || strcmp(text, "false") == 0 || strcmp(text, "False") == 0) {
        Diag *e = syntax_error(p, at, "'%s' is written '%s' here", text, is_true ? "yes" : "no");
        diag_help(p->d, e, "write %s", is_true ? "yes" : "no");
        return new_expr(p, EXPR_ERROR, at);
    }
    bool yes = strcmp(text, "yes") == 0;
    if (yes || strcmp(text, "no") == 0) {
        Expr *e = new_expr(p, EXPR_BOOL, at);
        e->boolean = yes;
        return e;
    }
    Expr *e = new_expr(p, EXPR_NAME, at);
    e->text = text;
    return e;
}

Expr *make_string(Parser *p, Loc at, const char *text)
{
    Expr *e = new_expr(p, EXPR_STRING, at);
    e->text = text;
    return e;
}

/* A tree deeper than what recursion may walk is an error, and gone. */
static Expr *checked_depth(Parser *p, Expr *e, int below)
{
    e->depth = below + 1;
    if (e->depth > AST_DEPTH_MAX) {
        syntax_error(p, e->loc, "this expression has operators nested more than %d deep", AST_DEPTH_MAX);
        return new_expr(p, EXPR_ERROR, e->loc);
    }
    return e;
}

static void check_arg_order(Parser *p, const ArgList *args)
{
    for (int i = 1; i < args->len; i++) {
        if (args->items[i].name == NULL && args->items[i - 1].name != NULL) {
            Diag *e = syntax_error(p, args->items[i].loc, "an argument without a name stands behind one with a name");
            diag_help(p->d, e, "write it first, or give its name: name=%s", shown(p, args->items[i].loc));
        }
    }
}

static Expr *with_args(Parser *p, Expr *e, const ArgList *args)
{
    int deepest = 0;
    for (int i = 0; i < args->len; i++) {
        int depth = args->items[i].value->depth;
        deepest = depth > deepest ? depth : deepest;
    }
    e->args = args->items;
    e->n_args = args->len;
    return checked_depth(p, e, deepest);
}

Expr *make_list(Parser *p, Loc at, const ArgList *elements)
{
    Expr *e = new_expr(p, EXPR_LIST, at);
    for (int i = 0; i < elements->len; i++) {
        Arg *element = &elements->items[i];
        if (element->name != NULL) {
            Diag *d = syntax_error(p, element->name_loc, "the elements of a list have no names");
            diag_help(p->d, d, "names are for arguments: something(%s=...)", element->name);
            element->name = NULL;
        }
    }
    return with_args(p, e, elements);
}

Expr *make_call(Parser *p, Loc at, const char *callee, Loc callee_loc, const ArgList *args)
{
    Expr *e = new_expr(p, EXPR_CALL, at);
    e->text = callee;
    e->name_loc = callee_loc;
    check_arg_order(p, args);
    return with_args(p, e, args);
}

Expr *make_neg(Parser *p, Loc at, Expr *operand)
{
    if (operand->kind == EXPR_ERROR) {
        return operand;
    }
    Expr *e = new_expr(p, EXPR_NEG, at);
    e->left = operand;
    return checked_depth(p, e, operand->depth);
}

Expr *make_binary(Parser *p, Loc at, char op, Expr *left, Expr *right)
{
    if (left->kind == EXPR_ERROR || right->kind == EXPR_ERROR) {
        return new_expr(p, EXPR_ERROR, at);
    }
    Expr *e = new_expr(p, EXPR_BINARY, at);
    e->op = op;
    e->left = left;
    e->right = right;
    return checked_depth(p, e, left->depth > right->depth ? left->depth : right->depth);
}

ArgList *add_arg(Parser *p, ArgList *list, const char *name, Loc name_loc, Expr *value, Loc at)
{
    if (list == NULL) {
        list = arena_alloc(p->arena, sizeof *list);
    }
    list->items = vec_grow(p->arena, list->items, list->len, &list->cap, sizeof *list->items);
    list->items[list->len++] = (Arg){.name = name, .name_loc = name_loc, .value = value, .loc = at};
    return list;
}

/* ---- statements ---- */

Element *make_element(Parser *p, Loc at, const char *name, Loc name_loc, const ArgList *args)
{
    Element *e = arena_alloc(p->arena, sizeof *e);
    *e = (Element){.name = name, .name_loc = name_loc, .loc = at};
    if (args != NULL) {
        check_arg_order(p, args);
        e->has_parens = true;
        e->args = args->items;
        e->n_args = args->len;
    }
    return e;
}

ElementList *add_element(Parser *p, ElementList *chain, const Element *element)
{
    if (chain == NULL) {
        chain = arena_alloc(p->arena, sizeof *chain);
    }
    chain->items = vec_grow(p->arena, chain->items, chain->len, &chain->cap, sizeof *chain->items);
    chain->items[chain->len++] = *element;
    return chain;
}

/* Without a chain: what stands for a statement that could not be read. */
Stmt *make_stmt(Parser *p, Loc at, const char *label, Loc label_loc, const ElementList *chain)
{
    Stmt *s = arena_alloc(p->arena, sizeof *s);
    *s = (Stmt){.label = label, .label_loc = label_loc, .loc = at, .broken = chain == NULL || has_error(p, at)};
    if (chain != NULL) {
        s->chain = chain->items;
        s->n_chain = chain->len;
    }
    return s;
}

StmtList *add_stmt(Parser *p, StmtList *list, const Stmt *stmt)
{
    list->items = vec_grow(p->arena, list->items, list->len, &list->cap, sizeof *list->items);
    list->items[list->len++] = *stmt;
    return list;
}

/* ---- items ---- */

/* yes and no are values; were they names too, a reference to one would mean the other. */
static void check_new_name(Parser *p, Loc at, const char *name)
{
    static const char *const values[] = {"yes", "no", "true", "false", "True", "False"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (strcmp(name, values[i]) == 0) {
            syntax_error(p, at, "'%s' is a value and cannot be a name", name);
        }
    }
}

ParamList *add_param(Parser *p, ParamList *list, const char *name, Loc at, Expr *default_value)
{
    check_new_name(p, at, name);
    if (list == NULL) {
        list = arena_alloc(p->arena, sizeof *list);
    }
    list->items = vec_grow(p->arena, list->items, list->len, &list->cap, sizeof *list->items);
    list->items[list->len++] = (Param){.name = name, .loc = at, .default_value = default_value};
    return list;
}

EntryList *add_entry(Parser *p, EntryList *list, const char *key, Loc key_loc, Expr *value)
{
    list->items = vec_grow(p->arena, list->items, list->len, &list->cap, sizeof *list->items);
    list->items[list->len++] = (Entry){.key = key, .key_loc = key_loc, .value = value};
    return list;
}

Item *make_item(Parser *p, ItemKind kind, Loc at, const char *name, Loc name_loc)
{
    Item *item = arena_alloc(p->arena, sizeof *item);
    *item = (Item){.kind = kind, .loc = at, .name = name, .name_loc = name_loc, .broken = has_error(p, at)};
    if (kind == ITEM_LET) {
        check_new_name(p, name_loc, name);
    }
    return item;
}

void add_item(Parser *p, Item *item)
{
    Ast *ast = p->ast;
    ast->items = vec_grow(p->arena, ast->items, ast->n_items, &p->cap_items, sizeof *ast->items);
    ast->items[ast->n_items++] = *item;
}

/* An item inside another: an error, but what it defines is known. */
void nested_item(Parser *p, Item *item)
{
    static const char *const what[] = {"use", "let", "a block", "a network", "a section"};
    Loc word = {item->loc.file, item->loc.start, item->name_loc.end};
    syntax_error(p, word, "%s stands at the top level of the file, not inside braces", what[item->kind]);
    add_item(p, item);
}

/* ---- entry points ---- */

static void read_tokens(Parser *p)
{
    if (lex_check_text(p)) {
        lex_all(p);
    } else {
        lex_add_token(p, T_END, (Loc){p->file, 0, 0}, NULL, NULL);
    }
    brackets_repair(p);
    if (p->n_errors > 1) {
        qsort(p->errors, (size_t)p->n_errors, sizeof *p->errors, by_start);
    }
    p->n_early = p->n_errors;
}

static void parse(Parser *p)
{
    read_tokens(p);
    (void)net_parse(p); /* fails only where net_error() has reported it */
}

static Parser new_parser(Arena *a, Diags *d, int file, int start)
{
    const Source *source = &d->sources[file];
    return (Parser){.arena = a,
                    .d = d,
                    .file = file,
                    .text = source->text,
                    .text_len = source->len,
                    .line = 1,
                    .start = start,
                    .last_sync = -1};
}

Ast *ast_parse(Arena *a, Diags *d, int file)
{
    Parser p = new_parser(a, d, file, T_START_FILE);
    p.ast = arena_alloc(a, sizeof *p.ast);
    p.ast->file = file;
    parse(&p);
    p.ast->comments = p.comments;
    p.ast->n_comments = p.n_comments;
    return p.ast;
}

Expr *ast_parse_expr(Arena *a, Diags *d, int file)
{
    Parser p = new_parser(a, d, file, T_START_EXPR);
    p.ast = arena_alloc(a, sizeof *p.ast);
    parse(&p);
    return p.expr != NULL ? p.expr : new_expr(&p, EXPR_ERROR, (Loc){file, 0, 0});
}
