#include "suggest.h"

#include <limits.h>
#include <string.h>

enum { LONGEST = 127 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

int nt_edit_distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    if (na > LONGEST || nb > LONGEST)
        return INT_MAX;

    /* Three rows of the table are enough: a swap looks two rows back. */
    int rows[3][LONGEST + 1];
    int *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= nb; j++)
        last[j] = (int)j;
    for (size_t i = 1; i <= na; i++) {
        row[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            int replaced = last[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(replaced, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        int *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[nb];
}

const char *nt_suggest(const char *word, const char *const *names, size_t n)
{
    int limit = (int)(strlen(word) / 3);
    int best = limit > 1 ? limit : 1;
    const char *found = NULL;
    for (size_t i = 0; i < n; i++) {
        int distance = names[i] ? nt_edit_distance(word, names[i]) : INT_MAX;
        if (distance < best || (distance == best && !found)) {
            best = distance;
            found = names[i];
        }
    }
    return found;
}
