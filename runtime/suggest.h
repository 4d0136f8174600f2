/* suggest.h - "did you mean": the nearest of some names. */
#ifndef NT_SUGGEST_H
#define NT_SUGGEST_H

#include <stddef.h>

/* Fewest insertions, deletions, replacements and swaps of neighbours that turn a into b; names longer than 127 bytes
 * count as infinitely far (INT_MAX). */
int nt_edit_distance(const char *a, const char *b);

/* The name among names[0..n) that is nearest to `word`, or NULL if none is near enough to be a likely slip
 * (at most a third of the word's length, and at least one edit is always forgiven). NULL entries are skipped. */
const char *nt_suggest(const char *word, const char *const *names, size_t n);

#endif
