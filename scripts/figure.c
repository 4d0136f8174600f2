/* figure.c - a chart of what runs have logged, for docs/guide: make guide.
 *
 *   figure OUT.svg TITLE X_TITLE Y_TITLE [OPTION ...] NAME=LOG.jsonl:FIELD ...
 *
 * Each series is a field of a log's lines, an epoch each. Options: ylog for a logarithmic axis, dashed for the
 * series that follow, solid for those after that, most=Y to cut the axis off at Y. Exit status 1 where a log has no
 * such field, 2 for bad usage. */
#define _POSIX_C_SOURCE 200809L
#include <jansson.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/plot.h"

enum { MOST_SERIES = 16, MOST_EPOCHS = 10000 };

/* NAME=LOG:FIELD into a series, whose name and values are never freed. */
static bool read_series(const char *text, nt_style style, nt_series *series)
{
    char *copy = strdup(text), *equal = copy ? strrchr(copy, '=') : NULL, *colon = equal ? strrchr(equal, ':') : NULL;
    double *y = malloc(MOST_EPOCHS * sizeof *y);
    if (!equal || !colon || !y) {
        fprintf(stderr, "figure: '%s' is not NAME=LOG.jsonl:FIELD\n", text);
        free(copy);
        free(y);
        return false;
    }
    *equal = *colon = '\0';
    FILE *log = fopen(equal + 1, "r");
    int n = 0;
    bool found = false;
    json_t *line;
    while (log && n < MOST_EPOCHS && (line = json_loadf(log, JSON_DISABLE_EOF_CHECK, NULL))) {
        const json_t *value = json_object_get(line, colon + 1);
        found |= json_is_number(value);
        y[n++] = json_is_number(value) ? json_number_value(value) : NAN;
        json_decref(line);
    }
    if (log)
        fclose(log);
    if (!found)
        fprintf(stderr, "figure: %s has no %s\n", equal + 1, colon + 1);
    *series = (nt_series){.name = copy, .y = y, .n = n, .style = style};
    return found;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(
            stderr,
            "usage: figure OUT.svg TITLE X_TITLE Y_TITLE [ylog] [dashed] [solid] [most=Y] NAME=LOG.jsonl:FIELD ...\n");
        return 2;
    }
    nt_series series[MOST_SERIES];
    nt_chart chart = {.caption = argv[2], .x_title = argv[3], .y_title = argv[4], .series = series};
    nt_style style = NT_STYLE_LINE;
    for (int i = 5; i < argc; i++) {
        if (strcmp(argv[i], "ylog") == 0)
            chart.y_log = true;
        else if (strcmp(argv[i], "dashed") == 0 || strcmp(argv[i], "solid") == 0)
            style = argv[i][0] == 'd' ? NT_STYLE_DASHED : NT_STYLE_LINE;
        else if (strncmp(argv[i], "most=", 5) == 0)
            chart.most = strtod(argv[i] + 5, NULL);
        else if (chart.n_series == MOST_SERIES || !read_series(argv[i], style, &series[chart.n_series++]))
            return 1;
    }
    nt_page page;
    nt_error error;
    nt_page_begin_svg(&page);
    nt_plot_lines(&page, &chart);
    if (nt_page_save(&page, argv[1], &error))
        return 0;
    fprintf(stderr, "figure: %s\n", error.text);
    return 1;
}
