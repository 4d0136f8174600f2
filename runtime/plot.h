/* plot.h - drawings for a page: curves, bars, matrices, small images. All of them are SVG or PNG inside the page.
 *
 * Each is a <figure> with its caption above it; in a page begun by nt_page_begin_svg the SVG alone. Values that are
 * no numbers are left out, as are those that are not positive on a logarithmic axis: a curve has a gap there. */
#ifndef NT_PLOT_H
#define NT_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"

/* Label: below it where it stands among others, lines separated by '\n'; NULL: none. */
typedef struct nt_image {
    const uint8_t *bytes; /* h*w*c: rows, pixels, channels; c is 1 (grey) or 3 (red, green, blue) */
    int h, w, c;
    const char *label;
} nt_image;

/* -- Curves ------------------------------------------------------------------------------------------------------ */

typedef enum nt_style { NT_STYLE_LINE, NT_STYLE_DASHED, NT_STYLE_POINTS } nt_style;

typedef struct nt_series {
    const char *name; /* for the legend, which is drawn where there are two series and more */
    const double *x;  /* n values; NULL: 1, 2, 3 ... */
    const double *y;  /* n values */
    int n;
    nt_style style;
} nt_series;

typedef struct nt_chart {
    const char *caption, *x_title, *y_title; /* NULL: none */
    const nt_series *series;                 /* colours repeat after eight */
    int n_series;
    bool x_log, y_log;
    bool from_zero;        /* the y axis begins at 0 if no value is below it */
    double least, most;    /* the y axis shows these at most; both 0: all values */
    const char *mark_text; /* a vertical line at x = mark with this text ("" for none); NULL: no line */
    double mark;
    const nt_image *ground; /* fills the axes, of which it gives the ends, and lies below all else; NULL: none */
    double ground_x[2], ground_y[2]; /* left and right, bottom and top */
    int width, height; /* in pixels; 0: 560 x 300 */
} nt_chart;

/* Ticks stand at 1, 2 or 5 times a power of ten; where all x are whole numbers (epochs), at whole numbers. Of long
 * series as much is drawn as can be seen. */
void nt_plot_lines(nt_page *page, const nt_chart *chart);

/* -- Bars -------------------------------------------------------------------------------------------------------- */

/* Bars that have names, or a histogram: n bins of equal width over from .. to. */
typedef struct nt_bars {
    const char *caption, *x_title, *y_title;
    const double *values; /* n heights, not negative */
    int n;
    const char *const *names; /* n; NULL: a histogram */
    double from, to;
    bool y_log;        /* the axis begins below the smallest height above 0 */
    int width, height; /* 0: 360 x 220 */
} nt_bars;

void nt_plot_bars(nt_page *page, const nt_bars *bars);

/* -- Matrices ---------------------------------------------------------------------------------------------------- */

/* rows * columns cells, row by row, not negative: the larger, the darker. A confusion matrix (square, a row a true
 * class) has its cells coloured by their share of the row, what is off the diagonal in another colour and more
 * strongly. Numbers are written into the cells of up to 20 columns. */
typedef struct nt_matrix {
    const char *caption, *row_title, *column_title;
    const double *values;
    int rows, columns;
    const char *const *row_names;    /* NULL: none */
    const char *const *column_names; /* NULL: none */
    bool confusion;
} nt_matrix;

void nt_plot_matrix(nt_page *page, const nt_matrix *matrix);

/* -- Small images ------------------------------------------------------------------------------------------------ */

/* Side by side, as many in a line as fit. `side`: pixels of the screen for the longer side; not smoothed. Pages of
 * HTML only. */
void nt_plot_images(nt_page *page, const char *caption, const nt_image *images, int n, int side);

/* n values as bytes for an image: `low` and below is 0, `high` and above 255. Where low == high, or a value is no
 * number, 128. */
void nt_image_bytes(const float *values, size_t n, double low, double high, uint8_t *bytes);

#endif
