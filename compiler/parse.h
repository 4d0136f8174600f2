/* parse.h - what the parts of the front end share: lang/net.l, lang/net.y, lex.c, brackets.c and parse.c.
 *
 * A file is read in three steps. The scanner makes tokens of the whole text. The bracket pass balances them: it reports
 * brackets that do not match and puts in the missing ones, so that the parser sees only balanced text and knows, after
 * an error, where the broken part ends. The parser builds the tree. Each step reports its errors and goes on. */
#ifndef NETC_PARSE_H
#define NETC_PARSE_H

#include "ast.h"

enum {
    TEXT_MAX = 16 << 20, /* bytes of a model file */
    TOKENS_MAX = 500000,
    SYNTAX_ERRORS_MAX = 1000, /* of one file; behind them, errors are counted and no more */
    NAME_MAX_LENGTH = 200
};

typedef struct Token {
    int kind; /* of net.tab.h */
    Loc loc;
    const char *text; /* NAME, DOTTED, STRING, SECTION */
    Expr *literal;    /* LITERAL */
    uint32_t line;
    uint32_t indent; /* blanks at the beginning of its line: only error messages care */
    bool first;      /* the first of its line */
    bool implied;    /* not in the text: put in by the bracket pass */
    int opener;      /* index of the bracket that this token stands in (of a closing bracket: its own); -1: none */
    int closer;      /* of an opening bracket: the index of the one that closes it */
} Token;

typedef struct TokenList {
    Token *items;
    int len, cap;
} TokenList;

/* Where an error was reported. */
typedef struct Place {
    uint32_t start, line;
} Place;

typedef struct ArgList {
    Arg *items;
    int len, cap;
} ArgList;

typedef struct ElementList {
    Element *items;
    int len, cap;
} ElementList;

typedef struct ParamList {
    Param *items;
    int len, cap;
} ParamList;

typedef struct EntryList {
    Entry *items;
    int len, cap;
} EntryList;

/* What the parser could have gone on with, as bits. */
enum {
    EXPECT_END = 1 << 0,
    EXPECT_ITEM = 1 << 1, /* network, block, let ... */
    EXPECT_NAME = 1 << 2,
    EXPECT_STRING = 1 << 3,
    EXPECT_VALUE = 1 << 4, /* an expression */
    EXPECT_ARROW = 1 << 5,
    EXPECT_SIGN = 1 << 6, /* + - * / */
    EXPECT_COMMA = 1 << 7,
    EXPECT_EQUALS = 1 << 8,
    EXPECT_PAREN = 1 << 9,
    EXPECT_PAREN_END = 1 << 10,
    EXPECT_BRACE = 1 << 11,
    EXPECT_BRACE_END = 1 << 12,
    EXPECT_BRACKET_END = 1 << 13
};

/* Slips that are explained once a file. */
typedef enum Slip { SLIP_COMMENT, SLIP_SEPARATOR, SLIP_COUNT } Slip;

typedef struct Parser {
    Arena *arena;
    Diags *d;
    int file;
    const char *text; /* of the file */
    uint32_t text_len;
    TokenList tokens;
    Comment *comments;
    int n_comments, cap_comments;

    /* scanner */
    uint32_t offset, line, line_start;
    bool line_begun; /* a token was seen on this line */
    bool cut_short;  /* the text was not read to its end: what is missing there is no error of its own */

    /* errors so far: the first n_early are of the scanner and the bracket pass, sorted; then the parser's */
    Place *errors;
    int n_errors, cap_errors, n_early;
    bool told[SLIP_COUNT];

    /* parser */
    int start; /* START_FILE or START_EXPR, until it was given to the parser; then 0 */
    int next, current; /* tokens: the one to read next, the one read last */
    int last_sync; /* where the last error made the parser go on */
    bool stuck;    /* an error at the end made it go on there already: it would do so forever */
    Ast *ast;
    int cap_items;
    Expr *expr; /* what ast_parse_expr returns */
} Parser;

/* ---- lex.c: what the scanner's rules do ---- */

void lex_advance(Parser *p, uint32_t length, Loc *loc);
void lex_newline(Parser *p);
void lex_comment(Parser *p, Loc at);
void lex_wrong_comment(Parser *p, Loc at);
void lex_stray(Parser *p, Loc at);
const char *lex_name(Parser *p, Loc at);
const char *lex_foreign_name(Parser *p, Loc at);
const char *lex_string(Parser *p, Loc at);
const char *lex_wrongly_quoted(Parser *p, Loc at, uint32_t quote_length);
/* Reports a string without an end; returns how many of its bytes to take as the string. */
uint32_t lex_unclosed(Parser *p, Loc at);
void lex_wrong_arrow(Parser *p, Loc at);
Expr *lex_integer(Parser *p, Loc at);
Expr *lex_real(Parser *p, Loc at);
Expr *lex_percent(Parser *p, Loc at);
Expr *lex_bytes(Parser *p, Loc at);
Expr *lex_size(Parser *p, Loc at);
Expr *lex_loose_size(Parser *p, Loc at);
Expr *lex_wrong_number(Parser *p, Loc at);
/* Checks what holds for the whole text: its size, UTF-8. False: not worth scanning. */
bool lex_check_text(Parser *p);
/* net.l: makes p->tokens of the text; the last one is END. */
void lex_all(Parser *p);
void lex_add_token(Parser *p, int kind, Loc at, const char *text, Expr *literal);

/* ---- brackets.c ---- */

/* Balances p->tokens, and tells words such as `network` that begin an item from names. */
void brackets_repair(Parser *p);

/* ---- parse.c: what the grammar's rules do ---- */

Diag *syntax_error(Parser *p, Loc at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Another place that the error just reported may make the parser stumble over. */
void syntax_mark(Parser *p, uint32_t start, uint32_t line);
/* Reports the token read last, which the grammar cannot take, and sets p->next to where the parser is to go on. */
void unexpected_token(Parser *p, unsigned expected);
/* The text at `at`, cut where it is long, for a message. */
const char *shown(Parser *p, Loc at);
Expr *new_expr(Parser *p, ExprKind kind, Loc at);

Expr *make_name(Parser *p, Loc at, const char *text);
Expr *make_string(Parser *p, Loc at, const char *text);
Expr *make_list(Parser *p, Loc at, const ArgList *elements);
Expr *make_call(Parser *p, Loc at, const char *callee, Loc callee_loc, const ArgList *args);
Expr *make_neg(Parser *p, Loc at, Expr *operand);
Expr *make_binary(Parser *p, Loc at, char op, Expr *left, Expr *right);
ArgList *add_arg(Parser *p, ArgList *list, const char *name, Loc name_loc, Expr *value, Loc at);
void wrong_separator(Parser *p, Loc at);
void wrong_colon(Parser *p, Loc colon, Loc name, Loc value);
void label_in_chain(Parser *p, Loc arrow, Loc label);
Element *make_element(Parser *p, Loc at, const char *name, Loc name_loc, const ArgList *args);
ElementList *add_element(Parser *p, ElementList *chain, const Element *element);
Stmt *make_stmt(Parser *p, Loc at, const char *label, Loc label_loc, const ElementList *chain);
StmtList *add_stmt(Parser *p, StmtList *list, const Stmt *stmt);
ParamList *add_param(Parser *p, ParamList *list, const char *name, Loc at, Expr *default_value);
EntryList *add_entry(Parser *p, EntryList *list, const char *key, Loc key_loc, Expr *value);
Item *make_item(Parser *p, ItemKind kind, Loc at, const char *name, Loc name_loc);
void add_item(Parser *p, Item *item);
void nested_item(Parser *p, Item *item);

#endif
