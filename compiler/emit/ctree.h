/* ctree.h - emitted C as a tree of lines and blocks; one renderer owns indentation, braces and line breaks. */
#ifndef NETC_EMIT_CTREE_H
#define NETC_EMIT_CTREE_H

#include "../base.h"

typedef struct Ct Ct;

/* An empty sequence of lines. */
Ct *ct_new(Arena *a);
/* A line (or several, at line breaks in the text). */
void ct_line(Ct *at, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ct_blank(Ct *at);
/* head { ... } : returns the inside. An empty head makes a plain block. */
Ct *ct_block(Ct *at, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A function or table: its brace opens on a line of its own (functions) or ends the head (tables, which close with "};"). */
Ct *ct_function(Ct *at, const char *format, ...) __attribute__((format(printf, 2, 3)));
Ct *ct_table(Ct *at, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A comment, wrapped at 120 columns. */
void ct_comment(Ct *at, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A directive: starts in the first column. */
void ct_directive(Ct *at, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text that is already C, as it stands, for the current indentation 0. It is not copied: it must live as long as the tree. */
void ct_raw(Ct *at, const char *text);
/* Appends all of another tree. */
void ct_append(Ct *at, Ct *other);

/* Whether nothing would be rendered. */
bool ct_is_empty(const Ct *tree);

void ct_render(const Ct *tree, int indent, Str *out);

#endif
