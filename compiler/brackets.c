/* brackets.c - balances the tokens, so that the parser sees no bracket that is not closed and none that closes nothing.
 *
 * A bracket that is missing is reported where a person would put it, and put in. Indentation means nothing in the
 * language, but it tells what the author meant: it is used here, to word errors, and nowhere else. */
#include "net.tab.h"
#include "parse.h"

#include <string.h>

/* Tokens looked at to guess what was meant, and how often in a file: bounds the work on hostile input. */
enum { LOOK_AHEAD = 2000, LOOKS_MAX = 500 };

typedef struct Repair {
    Parser *p;
    TokenList raw, out;
    int at;                   /* the token of raw that is looked at */
    int open[AST_DEPTH_MAX];  /* the brackets now open: indices into out */
    int depth;
    int suspect, suspect_end; /* a '{' closed by a '}' that by its indentation belongs to another; -1: none */
    int minus_signs;          /* just before this token */
    int looks;                /* ahead, so far */
    bool too_deep;            /* reported */
    bool silent;              /* brackets are missing for another reason, which was reported */
} Repair;

static Token *last_out(Repair *r)
{
    return r->out.len > 0 ? &r->out.items[r->out.len - 1] : NULL;
}

static int last_kind(Repair *r)
{
    return r->out.len > 0 ? last_out(r)->kind : T_END;
}

static Token *top(Repair *r)
{
    return r->depth > 0 ? &r->out.items[r->open[r->depth - 1]] : NULL;
}

static const Token *raw_at(const Repair *r, int i)
{
    return &r->raw.items[i < r->raw.len ? i : r->raw.len - 1];
}

static bool is_opener(int kind)
{
    return kind == '(' || kind == '[' || kind == '{';
}

static bool is_closer(int kind)
{
    return kind == ')' || kind == ']' || kind == '}';
}

static int closer_of(int kind)
{
    return kind == '(' ? ')' : kind == '[' ? ']' : '}';
}

static bool in_parens(Repair *r)
{
    return r->depth > 0 && top(r)->kind != '{';
}

/* The number of brackets open outside the parentheses that surround this place. */
static int depth_outside_parens(Repair *r)
{
    int depth = r->depth;
    while (depth > 0 && r->out.items[r->open[depth - 1]].kind != '{') {
        depth--;
    }
    return depth;
}

static void emit(Repair *r, Token t)
{
    if (is_closer(t.kind)) {
        r->depth--;
        t.opener = r->open[r->depth];
        r->out.items[t.opener].closer = r->out.len;
    } else {
        t.opener = r->depth > 0 ? r->open[r->depth - 1] : -1;
    }
    TokenList *out = &r->out;
    out->items = vec_grow(r->p->arena, out->items, out->len, &out->cap, sizeof *out->items);
    out->items[out->len++] = t;
    if (is_opener(t.kind)) {
        r->open[r->depth++] = out->len - 1;
    }
}

/* Puts in a token that is not in the text, behind the last one. */
static void imply(Repair *r, int kind)
{
    Token t = *last_out(r);
    t.kind = kind;
    t.loc.start = t.loc.end;
    t.text = NULL;
    t.literal = NULL;
    t.first = false;
    t.implied = true;
    t.closer = -1;
    emit(r, t);
}

/* ---- which words begin an item ---- */

static int item_word(const Token *t)
{
    static const struct {
        const char *word;
        int kind;
    } words[] = {{"network", T_NETWORK}, {"block", T_BLOCK}, {"let", T_LET},    {"use", T_USE},
                 {"init", T_SECTION},    {"data", T_SECTION}, {"train", T_SECTION}};
    if (t->kind != T_NAME) {
        return 0;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(t->text, words[i].word) == 0) {
            return words[i].kind;
        }
    }
    return 0;
}

/* Can nothing but a value, a name or an operator follow such a token? */
static bool is_incomplete(int kind)
{
    return kind == T_ARROW || kind == T_LET || kind == T_NETWORK || kind == T_BLOCK || kind == T_USE ||
           (kind != T_END && kind < 256 && strchr("=:,([+-*/", kind) != NULL);
}

/* The kind of the item that begins here, or 0. Where they begin none, these words are names: a layer may be called
 * `data`. */
static int begins_item(Repair *r)
{
    const Token *t = raw_at(r, r->at), *next = raw_at(r, r->at + 1);
    int kind = item_word(t);
    if (kind == 0) {
        return 0;
    }
    bool fits = kind == T_SECTION ? next->kind == '{' : kind == T_USE ? next->kind == T_STRING : next->kind == T_NAME;
    if (is_incomplete(last_kind(r))) {
        return fits && t->first ? kind : 0;
    }
    return fits || r->depth == 0 ? kind : 0;
}

/* ---- brackets that are missing ---- */

static void report_unclosed_brace(Repair *r, const Token *before)
{
    Parser *p = r->p;
    const Token *brace = top(r);
    bool suspected = r->suspect > r->open[r->depth - 1];
    const Token *shown_brace = suspected ? &r->out.items[r->suspect] : brace;
    Diag *e = syntax_error(p, shown_brace->loc, "this '{' is never closed");
    if (suspected) {
        int line, column;
        diag_position(p->d, brace->loc, &line, &column);
        diag_note(p->d, e, r->out.items[r->suspect_end].loc,
                  "this '}' closes it, but stands where the '}' for the '{' of line %d belongs", line);
    } else if (before->kind == T_END) {
        diag_note(p->d, e, before->loc, "the file ends here");
    } else {
        diag_note(p->d, e, before->loc, "a '}' is missing before '%s'", shown(p, before->loc));
    }
    for (int i = r->depth - 2, told = 0; i >= 0 && told < 3; i--) {
        const Token *other = &r->out.items[r->open[i]];
        if (other->kind == '{' && !other->implied && before->kind == T_END) {
            diag_note(p->d, e, other->loc, "nor is this one");
            told++;
        }
    }
}

static void report_unclosed_paren(Repair *r, const Token *before)
{
    Parser *p = r->p;
    const Token *paren = top(r), *last = last_out(r);
    char sign = (char)closer_of(paren->kind);
    if (paren->line != last->line) {
        Diag *e = syntax_error(p, paren->loc, "this '%c' is never closed", paren->kind);
        diag_note(p->d, e, before->loc, "a '%c' is missing before this", sign);
    } else if (before->kind == T_END || before->line != last->line) {
        Loc behind = {p->file, last->loc.end, last->loc.end};
        Diag *e = syntax_error(p, behind, "expected '%c' after '%s'", sign, shown(p, last->loc));
        diag_note(p->d, e, paren->loc, "to close this '%c'", paren->kind);
    } else {
        Diag *e = syntax_error(p, before->loc, "expected '%c' before '%s'", sign, shown(p, before->loc));
        diag_note(p->d, e, paren->loc, "to close this '%c'", paren->kind);
    }
}

/* Closes what is open beyond `depth` because `before` cannot stand inside it: one error for all of it. */
static void close_down_to(Repair *r, int depth, const Token *before)
{
    if (r->depth > depth && !r->silent && !top(r)->implied) {
        if (in_parens(r)) {
            report_unclosed_paren(r, before);
        } else {
            report_unclosed_brace(r, before);
        }
        syntax_mark(r->p, last_out(r)->loc.start, last_out(r)->line);
    }
    while (r->depth > depth) {
        imply(r, closer_of(top(r)->kind));
    }
}

/* Is the innermost parenthesis, open now, closed further on by its own bracket? */
static bool paren_is_closed_later(Repair *r)
{
    int depth = 0;
    int end = r->looks++ < LOOKS_MAX ? r->at + LOOK_AHEAD : r->at;
    for (int i = r->at; i < r->raw.len && i < end; i++) {
        int kind = raw_at(r, i)->kind;
        depth += is_opener(kind);
        depth -= is_closer(kind);
        if (depth < 0) {
            return kind == closer_of(top(r)->kind);
        }
    }
    return false;
}

/* Operators written as arguments, add(conv(8, 3) -> relu, identity), or a ')' that is missing. */
static void operator_in_parens(Repair *r, const Token *t)
{
    if (paren_is_closed_later(r)) {
        Diag *e = syntax_error(r->p, t->loc, "'%s' cannot stand inside parentheses", shown(r->p, t->loc));
        diag_note(r->p->d, e, top(r)->loc, "either this '%c' is not closed where it should be,", top(r)->kind);
        diag_help(r->p->d, e, "or these are branches, which stand in braces: add { conv(8, 3x3) -> relu  identity }");
    } else {
        close_down_to(r, depth_outside_parens(r), t);
    }
}

/* A statement that begins a line inside parentheses that its indentation does not respect. */
static bool begins_statement(Repair *r, const Token *t)
{
    int last = last_kind(r);
    bool name = t->kind == T_NAME || t->kind == T_DOTTED;
    bool complete = last == T_NAME || last == T_DOTTED || last == T_STRING || last == T_LITERAL || last == ')' ||
                    last == ']';
    return name && t->first && complete && in_parens(r) && t->indent <= top(r)->indent;
}

/* ---- brackets that are wrong ---- */

static void closes_nothing(Repair *r, const Token *t)
{
    if (last_out(r) == NULL || !r->p->n_errors || r->p->errors[r->p->n_errors - 1].line != t->line) {
        syntax_error(r->p, t->loc, "this '%c' closes nothing", t->kind);
    }
}

/* A '}' that ends a whole item although statements follow, and another '}' after them, is one too many. */
static bool closes_too_early(Repair *r)
{
    const Token *next = raw_at(r, r->at + 1);
    if (r->depth != 1 || (next->kind != T_NAME && next->kind != T_DOTTED) || item_word(next) != 0) {
        return false;
    }
    int depth = 0;
    int end = r->looks++ < LOOKS_MAX ? r->at + LOOK_AHEAD : r->at;
    for (int i = r->at + 1; i < r->raw.len && i < end; i++) {
        const Token *t = raw_at(r, i);
        if (depth == 0 && item_word(t) != 0) {
            return false;
        }
        depth += is_opener(t->kind);
        depth -= is_closer(t->kind);
        if (depth < 0) {
            return t->kind == '}';
        }
    }
    return false;
}

static void close_brace(Repair *r, const Token *t)
{
    Token *brace = top(r);
    if (closes_too_early(r)) {
        Diag *e = syntax_error(r->p, t->loc, "this '}' is one too many: statements follow it");
        diag_note(r->p->d, e, brace->loc, "it closes this '{'");
        return;
    }
    if (t->first && t->indent < brace->indent && r->suspect < r->open[r->depth - 1] && r->depth > 1) {
        r->suspect = r->open[r->depth - 1];
        r->suspect_end = r->out.len;
    }
    emit(r, *t);
    if (r->depth == 0) {
        r->suspect = -1;
    }
}

static void wrong_closer(Repair *r, const Token *t)
{
    const Token *opener = top(r);
    Token meant = *t;
    meant.kind = closer_of(opener->kind);
    Diag *e = syntax_error(r->p, t->loc, "expected '%c', not '%c'", meant.kind, t->kind);
    diag_note(r->p->d, e, opener->loc, "to close this '%c'", opener->kind);
    emit(r, meant);
}

/* conv(6, 5x5} -> relu: nothing that a brace ends goes on like this. */
static bool stands_for_paren(Repair *r, const Token *t)
{
    int next = raw_at(r, r->at + 1)->kind;
    return in_parens(r) && top(r)->line == t->line && (next == T_ARROW || next == ',' || next == ')');
}

static void close(Repair *r, const Token *t)
{
    int outside = depth_outside_parens(r);
    if (r->depth == 0 || (t->kind != '}' && outside == r->depth)) {
        closes_nothing(r, t);
    } else if (t->kind == '}') {
        if (outside == 0 || stands_for_paren(r, t)) {
            wrong_closer(r, t);
        } else {
            close_down_to(r, outside, t);
            close_brace(r, t);
        }
    } else {
        int depth = r->depth; /* of the bracket that t closes */
        while (depth > outside && closer_of(r->out.items[r->open[depth - 1]].kind) != t->kind) {
            depth--;
        }
        if (depth == outside) {
            wrong_closer(r, t);
        } else {
            close_down_to(r, depth, t);
            emit(r, *t);
        }
    }
}

/* ---- too much ---- */

/* Leaves out a bracket that is nested too deeply, with everything inside. */
static void skip_too_deep(Repair *r, const Token *t)
{
    if (!r->too_deep) {
        syntax_error(r->p, t->loc, "brackets are nested more than %d deep here", AST_DEPTH_MAX);
        r->too_deep = r->silent = true;
    }
    syntax_mark(r->p, t->loc.start, t->line);
    int depth = 0;
    for (; r->at < r->raw.len - 1; r->at++) {
        depth += is_opener(raw_at(r, r->at)->kind);
        depth -= is_closer(raw_at(r, r->at)->kind);
        if (depth == 0) {
            break;
        }
    }
    if (t->kind != '{' && last_kind(r) != T_NAME) { /* a value stood here */
        Token value = *t;
        value.kind = T_LITERAL;
        value.literal = new_expr(r->p, EXPR_ERROR, t->loc);
        emit(r, value);
    }
    if (r->at == r->raw.len - 1) {
        r->at--; /* the end itself is still to come */
    }
}

/* A row of minus signs as deep as no tree may be: true where t is one too many. */
static bool is_too_many_signs(Repair *r, const Token *t)
{
    r->minus_signs = t->kind == '-' ? r->minus_signs + 1 : 0;
    if (r->minus_signs == AST_DEPTH_MAX) {
        syntax_error(r->p, t->loc, "more than %d signs in a row", AST_DEPTH_MAX - 1);
    }
    return r->minus_signs >= AST_DEPTH_MAX;
}

/* ---- a '{' that is missing ---- */

/* Is the head of an item complete behind the last token, so that only its '{' can follow? */
static bool head_is_complete(Repair *r)
{
    const Token *t = last_out(r);
    if (t == NULL || r->depth > 0) {
        return false;
    }
    int i = t->kind == ')' ? t->opener - 1 : r->out.len - 1; /* of the name */
    int before = i > 0 ? r->out.items[i - 1].kind : T_END;
    if (t->kind == ')') {
        return before == T_BLOCK;
    }
    return t->kind == T_SECTION || before == T_NETWORK || before == T_BLOCK;
}

static void imply_missing_brace(Repair *r, const Token *next)
{
    if ((next->kind != T_NAME && next->kind != T_DOTTED) || begins_item(r) != 0 || !head_is_complete(r)) {
        return;
    }
    const Token *last = last_out(r);
    Loc behind = {r->p->file, last->loc.end, last->loc.end};
    syntax_error(r->p, behind, "expected '{' after '%s'", shown(r->p, last->loc));
    imply(r, '{');
}

/* An item's word inside a body: is the body's '}' missing, or does the item really stand inside? */
static void item_inside(Repair *r, const Token *t)
{
    if (t->first && t->indent <= r->out.items[r->open[0]].indent) {
        close_down_to(r, 0, t);
    } else {
        close_down_to(r, depth_outside_parens(r), t);
    }
}

/* ---- the pass ---- */

static void repair_token(Repair *r)
{
    const Token *t = raw_at(r, r->at);
    imply_missing_brace(r, t);
    if (is_too_many_signs(r, t)) {
        return;
    }
    int item = begins_item(r);
    if (item != 0) {
        if (r->depth > 0) {
            item_inside(r, t);
        }
        Token word = *t;
        word.kind = item;
        emit(r, word);
        return;
    }
    if (begins_statement(r, t)) {
        close_down_to(r, depth_outside_parens(r), t);
    }
    if (in_parens(r) && (t->kind == T_ARROW || t->kind == '{')) {
        operator_in_parens(r, t);
    }
    if (is_closer(t->kind)) {
        close(r, t);
    } else if (is_opener(t->kind) && r->depth == AST_DEPTH_MAX) {
        skip_too_deep(r, t);
    } else {
        if (t->kind == T_END) {
            close_down_to(r, 0, t);
        }
        emit(r, *t);
    }
}

void brackets_repair(Parser *p)
{
    Repair r = {.p = p, .raw = p->tokens, .suspect = -1, .silent = p->cut_short};
    for (r.at = 0; r.at < r.raw.len; r.at++) {
        repair_token(&r);
    }
    p->tokens = r.out;
}
