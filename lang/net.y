/* net.y - the grammar. It knows no operator's name; it knows places, and which slips deserve advice.
 *
 * Brackets are balanced before the parser sees them (brackets.c). After an error, `recover` takes the parser to the end
 * of the broken part (synchronize() in parse.c): the closing bracket, the next statement or the next item. For that to
 * be the right place, a rule that opens a bracket must end with the one that closes it. */

%define api.pure full
%define api.prefix {net_}
%define api.token.prefix {T_}
%define api.location.type {Loc}
%define parse.error custom
%define parse.lac full
%define lr.type ielr
%locations
%param { Parser *p }
%expect 0

%code requires {
#include "parse.h"
}

%code {
#define YYLLOC_DEFAULT(Current, Rhs, N)                                                                                \
    ((Current) = (N) > 0 ? loc_join(YYRHSLOC(Rhs, 1), YYRHSLOC(Rhs, N))                                                \
                         : (Loc){YYRHSLOC(Rhs, 0).file, YYRHSLOC(Rhs, 0).end, YYRHSLOC(Rhs, 0).end})

static int net_lex(NET_STYPE *value, Loc *at, Parser *p);
static void net_error(const Loc *at, Parser *p, const char *message);
}

%union {
    const char *text;
    Expr *expr;
    ArgList *args;
    Element *element;
    ElementList *chain;
    Stmt *stmt;
    StmtList *stmts;
    ParamList *params;
    EntryList *entries;
    Item *item;
}

%token END 0
%token START_FILE START_EXPR
%token NETWORK BLOCK LET USE
%token <text> SECTION NAME DOTTED STRING
%token <expr> LITERAL
%token ARROW

%type <expr> expr
%type <args> args arg_list
%type <element> element head
%type <text> head_name label key
%type <chain> chain
%type <stmt> stmt
%type <stmts> body stmts
%type <params> params param_list
%type <entries> entries
%type <item> item use let block network section

%left '+' '-'
%left '*' '/'
%precedence NEGATION

%%

start
    : START_FILE items
    | START_EXPR expr                   { p->expr = $expr; }
    | START_EXPR recover                { p->expr = new_expr(p, EXPR_ERROR, @recover); }
    ;

recover
    : error                             { if (p->stuck) { YYABORT; }
                                          yyclearin; yyerrok; }
    ;

separator
    : ','                               { wrong_separator(p, @$); }
    | ';'                               { wrong_separator(p, @$); }
    ;

/* ---- items ---- */

items
    : %empty
    | items item                        { add_item(p, $item); }
    | items separator
    | items recover
    ;

item
    : use
    | let
    | block
    | network
    | section
    ;

use
    : USE STRING                        { $$ = make_item(p, ITEM_USE, @$, $STRING, @STRING); }
    ;

let
    : LET NAME '=' expr                 { $$ = make_item(p, ITEM_LET, @$, $NAME, @NAME); $$->value = $expr; }
    | LET NAME ':' expr                 { wrong_colon(p, @3, @NAME, @expr);
                                          $$ = make_item(p, ITEM_LET, @$, $NAME, @NAME); $$->value = $expr; }
    | LET NAME recover                  { $$ = make_item(p, ITEM_LET, @$, $NAME, @NAME);
                                          $$->value = new_expr(p, EXPR_ERROR, @NAME); }
    ;

block
    : BLOCK NAME body                   { $$ = make_item(p, ITEM_BLOCK, @$, $NAME, @NAME); $$->body = *$body; }
    | BLOCK NAME params body            { $$ = make_item(p, ITEM_BLOCK, @$, $NAME, @NAME); $$->body = *$body;
                                          $$->params = $params->items; $$->n_params = $params->len; }
    | BLOCK NAME recover                { $$ = make_item(p, ITEM_BLOCK, @$, $NAME, @NAME); }
    ;

params
    : '(' ')'                           { $$ = arena_alloc(p->arena, sizeof *$$); }
    | '(' param_list ')'                { $$ = $2; }
    | '(' param_list ',' ')'            { $$ = $2; }
    | '(' recover ')'                   { $$ = arena_alloc(p->arena, sizeof *$$); }
    ;

param_list
    : NAME                              { $$ = add_param(p, NULL, $NAME, @NAME, NULL); }
    | NAME '=' expr                     { $$ = add_param(p, NULL, $NAME, @NAME, $expr); }
    | NAME ':' expr                     { wrong_colon(p, @2, @NAME, @expr);
                                          $$ = add_param(p, NULL, $NAME, @NAME, $expr); }
    | param_list ',' NAME               { $$ = add_param(p, $1, $NAME, @NAME, NULL); }
    | param_list ',' NAME '=' expr      { $$ = add_param(p, $1, $NAME, @NAME, $expr); }
    | param_list ',' NAME ':' expr      { wrong_colon(p, @4, @NAME, @expr);
                                          $$ = add_param(p, $1, $NAME, @NAME, $expr); }
    ;

network
    : NETWORK NAME body                 { $$ = make_item(p, ITEM_NETWORK, @$, $NAME, @NAME); $$->body = *$body; }
    | NETWORK NAME recover              { $$ = make_item(p, ITEM_NETWORK, @$, $NAME, @NAME); }
    ;

section
    : SECTION '{' entries '}'           { $$ = make_item(p, ITEM_SECTION, @$, $SECTION, @SECTION);
                                          $$->entries = $entries->items; $$->n_entries = $entries->len; }
    ;

entries
    : %empty                            { $$ = arena_alloc(p->arena, sizeof *$$); }
    | entries key '=' expr              { $$ = add_entry(p, $1, $key, @key, $expr); }
    | entries key ':' expr              { wrong_colon(p, @3, @key, @expr); $$ = add_entry(p, $1, $key, @key, $expr); }
    | entries key recover               { $$ = add_entry(p, $1, $key, @key, new_expr(p, EXPR_ERROR, @key)); }
    | entries separator
    | entries item                      { nested_item(p, $item); $$ = $1; }
    | entries recover
    ;

key
    : NAME
    | DOTTED
    ;

/* ---- statements ---- */

body
    : '{' stmts '}'                     { $$ = $stmts; $$->loc = @$; }
    ;

stmts
    : %empty                            { $$ = arena_alloc(p->arena, sizeof *$$); }
    | stmts stmt                        { $$ = add_stmt(p, $1, $stmt); }
    | stmts separator
    | stmts item                        { nested_item(p, $item); $$ = $1; }
    | stmts recover                     { $$ = add_stmt(p, $1, make_stmt(p, @recover, NULL, @recover, NULL)); }
    ;

stmt
    : chain                             { $$ = make_stmt(p, @$, NULL, @$, $chain); }
    | label chain                       { $$ = make_stmt(p, @$, $label, @label, $chain); }
    | label recover                     { $$ = make_stmt(p, @$, $label, @label, NULL); }
    | NAME '=' chain                    { Diag *e = syntax_error(p, @2, "a label is followed by ':', not '='");
                                          diag_help(p->d, e, "write %s: %s", $NAME, shown(p, @chain));
                                          $$ = make_stmt(p, @$, $NAME, @NAME, $chain); }
    ;

label
    : NAME ':'                          { $$ = $NAME; @$ = @NAME; }
    | DOTTED ':'                        { Diag *e = syntax_error(p, @DOTTED, "a label is one name, without dots");
                                          diag_help(p->d, e, "dotted names come of labels inside labels: "
                                                    "a: seq { b: ... } gives a.b");
                                          $$ = $DOTTED; @$ = @DOTTED; }
    ;

chain
    : element                           { $$ = add_element(p, NULL, $element); }
    | chain ARROW element               { $$ = add_element(p, $1, $element); }
    | chain ARROW NAME ':' element      { label_in_chain(p, @ARROW, @NAME); $$ = add_element(p, $1, $element); }
    ;

element
    : head
    | head body                         { $$ = $head; $$->body = $body; }
    ;

head
    : head_name                         { $$ = make_element(p, @$, $1, @1, NULL); }
    | head_name '(' args ')'            { $$ = make_element(p, @$, $1, @1, $args); }
    | head_name '(' recover ')'         { $$ = make_element(p, @$, $1, @1, NULL); $$->has_parens = true; }
    ;

head_name
    : NAME
    | DOTTED                            { syntax_error(p, @$, "an operator's name has no dots");
                                          $$ = $DOTTED; }
    ;

/* ---- expressions ---- */

args
    : %empty                            { $$ = arena_alloc(p->arena, sizeof *$$); }
    | arg_list
    | arg_list ','
    ;

arg_list
    : expr                              { $$ = add_arg(p, NULL, NULL, @1, $expr, @1); }
    | NAME '=' expr                     { $$ = add_arg(p, NULL, $NAME, @NAME, $expr, @$); }
    | NAME ':' expr                     { wrong_colon(p, @2, @NAME, @expr);
                                          $$ = add_arg(p, NULL, $NAME, @NAME, $expr, @$); }
    | arg_list ',' expr                 { $$ = add_arg(p, $1, NULL, @expr, $expr, @expr); }
    | arg_list ',' NAME '=' expr        { $$ = add_arg(p, $1, $NAME, @NAME, $expr, loc_join(@NAME, @expr)); }
    | arg_list ',' NAME ':' expr        { wrong_colon(p, @4, @NAME, @expr);
                                          $$ = add_arg(p, $1, $NAME, @NAME, $expr, loc_join(@NAME, @expr)); }
    ;

expr
    : LITERAL
    | STRING                            { $$ = make_string(p, @$, $STRING); }
    | NAME                              { $$ = make_name(p, @$, $NAME); }
    | DOTTED                            { $$ = make_name(p, @$, $DOTTED); }
    | NAME '(' args ')'                 { $$ = make_call(p, @$, $NAME, @NAME, $args); }
    | NAME '(' recover ')'              { $$ = new_expr(p, EXPR_ERROR, @$); }
    | '[' args ']'                      { $$ = make_list(p, @$, $args); }
    | '[' recover ']'                   { $$ = new_expr(p, EXPR_ERROR, @$); }
    | '(' expr ')'                      { $$ = $2; $$->parens = true; $$->loc = @$; }
    | '(' recover ')'                   { $$ = new_expr(p, EXPR_ERROR, @$); }
    | '-' expr %prec NEGATION           { $$ = make_neg(p, @$, $2); }
    | expr '+' expr                     { $$ = make_binary(p, @$, '+', $1, $3); }
    | expr '-' expr                     { $$ = make_binary(p, @$, '-', $1, $3); }
    | expr '*' expr                     { $$ = make_binary(p, @$, '*', $1, $3); }
    | expr '/' expr                     { $$ = make_binary(p, @$, '/', $1, $3); }
    ;

%%

/* The tokens of the bracket pass, one by one; before them, the one that chooses between file and expression. */
static int net_lex(NET_STYPE *value, Loc *at, Parser *p)
{
    if (p->start != 0) {
        int start = p->start;
        p->start = 0;
        *at = (Loc){p->file, 0, 0};
        return start;
    }
    const Token *t = &p->tokens.items[p->next];
    p->current = p->next;
    p->next += p->next + 1 < p->tokens.len;
    *at = t->loc;
    if (t->kind == T_LITERAL) {
        value->expr = t->literal;
    } else {
        value->text = t->text;
    }
    return t->kind;
}

/* Called for what is no syntax error: a stack that is full. */
static void net_error(const Loc *at, Parser *p, const char *message)
{
    syntax_error(p, *at, "the parser gives up here: %s", message);
}

static unsigned expectation(yysymbol_kind_t symbol)
{
    switch (symbol) {
    case YYSYMBOL_YYEOF: return EXPECT_END;
    case YYSYMBOL_NETWORK: return EXPECT_ITEM;
    case YYSYMBOL_NAME: return EXPECT_NAME;
    case YYSYMBOL_STRING: return EXPECT_STRING;
    case YYSYMBOL_LITERAL: return EXPECT_VALUE;
    case YYSYMBOL_ARROW: return EXPECT_ARROW;
    case YYSYMBOL_15_: return EXPECT_SIGN; /* '+' */
    case YYSYMBOL_20_: return EXPECT_COMMA;
    case YYSYMBOL_22_: return EXPECT_EQUALS;
    case YYSYMBOL_24_: return EXPECT_PAREN;
    case YYSYMBOL_25_: return EXPECT_PAREN_END;
    case YYSYMBOL_26_: return EXPECT_BRACE;
    case YYSYMBOL_27_: return EXPECT_BRACE_END;
    case YYSYMBOL_29_: return EXPECT_BRACKET_END;
    default: return 0; /* follows from the others, or is there only to give advice */
    }
}

static int yyreport_syntax_error(const yypcontext_t *context, Parser *p)
{
    yysymbol_kind_t symbols[YYNTOKENS];
    int n = yypcontext_expected_tokens(context, symbols, YYNTOKENS);
    unsigned expected = 0;
    for (int i = 0; i < n; i++) {
        expected |= expectation(symbols[i]);
    }
    unexpected_token(p, expected);
    return 0;
}
