/* ast.h - what the parser builds: a model file as the user wrote it. The grammar knows no operator's name. */
#ifndef NETC_AST_H
#define NETC_AST_H

#include "diag.h"

typedef enum ExprKind {
    EXPR_INT,     /* 12 */
    EXPR_REAL,    /* 1e-4, .5 */
    EXPR_PERCENT, /* 10%: real is 0.10 */
    EXPR_SIZE,    /* 5x5, 227x227x3: dims */
    EXPR_STRING,  /* "text", escapes resolved */
    EXPR_BOOL,    /* yes, no */
    EXPR_NAME,    /* he_normal; dotted for labels inside: layer1.0.conv1 */
    EXPR_LIST,    /* [a, b] */
    EXPR_CALL,    /* normal(std=0.01) */
    EXPR_NEG,     /* -a */
    EXPR_BINARY,  /* a op b */
    EXPR_ERROR    /* stands for what could not be parsed: evaluates to nothing, silently */
} ExprKind;

enum {
    SIZE_MAX_DIMS = 4,
    AST_DEPTH_MAX = 200 /* brackets inside brackets, and operators inside operators: recursion over the tree is safe */
};

typedef struct Expr Expr;
typedef struct Arg Arg;

struct Expr {
    ExprKind kind;
    Loc loc;           /* the whole expression */
    int64_t integer;   /* INT; an integer too large for int64 is diagnosed by the lexer and becomes EXPR_ERROR */
    double real;       /* REAL, PERCENT */
    bool boolean;      /* BOOL */
    const char *text;  /* NAME, STRING, CALL (the callee); INT, REAL, PERCENT, SIZE: as written, or NULL where made */
    int64_t dims[SIZE_MAX_DIMS];
    int n_dims;        /* SIZE */
    char op;           /* BINARY: + - * / */
    Expr *left, *right; /* BINARY; NEG uses left */
    Arg *args;         /* CALL: arguments; LIST: elements (name is NULL) */
    int n_args;
    Loc name_loc;      /* CALL: the callee's name */
    bool parens;       /* was written in parentheses (for fmt) */
    int depth;         /* levels below and with this one: at most AST_DEPTH_MAX in what was parsed */
};

struct Arg {
    const char *name; /* NULL: positional */
    Loc name_loc;
    Expr *value;
    Loc loc;
};

typedef struct Stmt Stmt;

typedef struct StmtList {
    Stmt *items;
    int len, cap;
    Loc loc; /* from { to } */
} StmtList;

/* One operator of a chain: name, name(args), name { body } or name(args) { body }. */
typedef struct Element {
    const char *name;
    Loc name_loc;
    Loc loc; /* name and arguments, without the body */
    Arg *args;
    int n_args;
    bool has_parens;
    StmtList *body; /* NULL: none */
} Element;

struct Stmt {
    const char *label; /* NULL: none */
    Loc label_loc;
    Element *chain; /* element -> element -> ... ; at least one unless the statement was broken */
    int n_chain;
    Loc loc;
    bool broken; /* a syntax error was reported inside */
};

typedef struct Param {
    const char *name;
    Loc loc;
    Expr *default_value; /* NULL: required */
} Param;

typedef enum ItemKind { ITEM_USE, ITEM_LET, ITEM_BLOCK, ITEM_NETWORK, ITEM_SECTION } ItemKind;

/* key = value of a section (init, data, train). */
typedef struct Entry {
    const char *key; /* dotted keys allowed: layer1.0.conv1 */
    Loc key_loc;
    Expr *value;
} Entry;

typedef struct Item {
    ItemKind kind;
    Loc loc;
    const char *name; /* LET, BLOCK, NETWORK: the name; USE: the path; SECTION: "init", "data" or "train" */
    Loc name_loc;
    Expr *value;   /* LET */
    Param *params; /* BLOCK */
    int n_params;
    StmtList body; /* BLOCK, NETWORK */
    Entry *entries; /* SECTION */
    int n_entries;
    bool broken; /* a syntax error was reported inside */
} Item;

/* A comment, for fmt: from # to before the end of line. */
typedef struct Comment {
    Loc loc;
    bool own_line; /* nothing but blanks before it on its line */
} Comment;

typedef struct Ast {
    int file; /* index of the source */
    Item *items;
    int n_items;
    Comment *comments;
    int n_comments;
} Ast;

/* The words that begin an item; ends with NULL. */
extern const char *const item_words[];

/* Parses one file's text (source `file` of d). Syntax errors go to d, and parsing goes on behind them: the result holds
 * everything that could be read. Never NULL. Nesting deeper than 200 levels is an error, not a crash. */
Ast *ast_parse(Arena *a, Diags *d, int file);

/* Parses one expression given as text (for -D name=value), as a source of its own. */
Expr *ast_parse_expr(Arena *a, Diags *d, int file);

/* The tree as indented text, one node a line, for --dump=ast. */
void ast_dump(const Ast *ast, const Diags *d, Str *out);

/* The canonical form of a file that parsed without error: comments kept, idempotent. */
void ast_format(const Ast *ast, const Diags *d, Str *out);

/* One expression in canonical form. */
void expr_format(const Expr *e, Str *out);

#endif
