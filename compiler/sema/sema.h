/* sema.h - from syntax tree to network: names, values, blocks, shapes, sections. */
#ifndef NETC_SEMA_H
#define NETC_SEMA_H

#include "../ast.h"
#include "../config.h"
#include "../op.h"

/* ---- values of expressions ---- */

typedef enum ValKind {
    VAL_NONE,   /* could not be evaluated; reported already */
    VAL_INT,
    VAL_REAL,
    VAL_PERCENT,
    VAL_BOOL,
    VAL_STRING,
    VAL_SIZE,
    VAL_NAME,   /* a name that is no constant: same, he_normal, a label */
    VAL_LIST,
    VAL_CALL
} ValKind;

typedef struct Val Val;
typedef struct Scope Scope;

struct Val {
    ValKind kind;
    Loc loc;             /* where it was used */
    int64_t integer;
    double real;         /* REAL, PERCENT; INT: the same value */
    bool boolean;
    const char *text;    /* STRING, NAME, CALL */
    int64_t dims[SIZE_MAX_DIMS];
    int n_dims;
    Val *items;          /* LIST; CALL: argument values */
    const char **names;  /* CALL: argument names, NULL positional */
    Loc *name_locs;      /* CALL */
    int n_items;
    Loc name_loc;        /* CALL: of the callee */
    const Expr *expr;
};

/* A constant (`let`) or block parameter. */
typedef struct Binding Binding;
struct Binding {
    const char *name;
    Loc loc;
    const Expr *expr;    /* LET not yet evaluated */
    Val val;
    enum { BIND_NEW, BIND_BUSY, BIND_DONE } state;
    bool from_command_line, used;
    Binding *next;
};

struct Scope {
    Binding *bindings;
    Scope *outer;
};

typedef struct BlockDef BlockDef;
struct BlockDef {
    const Item *item;
    Scope *scope;        /* constants of the file it stands in */
    BlockDef *next;
    bool busy;           /* being expanded: recursion */
};

typedef struct Sema {
    Arena *arena;
    Diags *diags;
    Net *net;
    Scope *globals;
    BlockDef *blocks;
    CallFrame *frame;    /* of the block being expanded */
    int depth;
    int elements;        /* of chains, expanded so far */
    bool in_section;     /* values are settings: a sum may be one of losses */
} Sema;

Val sema_eval(Sema *s, Scope *scope, const Expr *e);
bool val_is_number(const Val *v); /* an integer, real or percentage */
/* "an integer", "a size 5x5", for messages. */
const char *val_kind_text(const Val *v);
/* The value as the user would write it. */
const char *val_text(Arena *a, const Val *v);
/* A list of names and texts as Names. */
Names val_names(Arena *a, const Val *list);
Binding *scope_find(Scope *scope, const char *name);

/* An error inside a block also shows the calls that led there. */
void sema_note_calls(Sema *s, Diag *d, CallFrame *frame);

/* Fills attrs (op->attrs_size bytes at `out`) from a call's arguments, checking names, types and ranges. locs gets a location an
 * attribute (file -1: default). False: at least one error. */
bool sema_attrs(Sema *s, Scope *scope, const char *owner, const AttrDef *attrs, void *out, Loc *locs, const Arg *args,
                int n_args, Loc call);
/* The same for an already evaluated VAL_CALL or VAL_NAME (no arguments). */
bool sema_attrs_val(Sema *s, const char *owner, const AttrDef *attrs, void *out, Loc *locs, const Val *call);
int attr_count(const AttrDef *attrs);

/* What stands in a chain like an operator but is part of the language: seq, repeat, from, output. Ends with NULL. */
extern const char *const structural_words[];

/* A command line constant: name=value. */
typedef struct Define {
    const char *name;
    const Expr *value;
} Define;

/* Reads the files that `path`'s tree uses, checks and expands everything. NULL if there were errors (in d). */
Net *sema_network(Arena *a, Diags *d, Ast *ast, const Define *defines, int n_defines);

/* The init, data and train sections (config.c). */
void sema_sections(Sema *s, const Ast *ast, Scope *scope);
/* `name` or `name(value)` as an initialiser. */
bool sema_init(Sema *s, const Val *v, InitSpec *out);

#endif
