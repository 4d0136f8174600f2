#include "plot.h"

#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_HEIGHT = 18,     /* of a line of text */
    MOST_TICKS = 40,      /* more than fit anywhere */
    MOST_SHOWN_DOTS = 60, /* values of a curve that are also drawn as dots, with their numbers under the pointer */
    LEAST_DECADE = 40,    /* pixels of a power of ten that has lines inside */
    N_COLOURS = 8,
    MOST_NUMBERED = 20, /* columns of a matrix whose cells have numbers */
};

/* Larger values are taken for no numbers: pixels could not be worked out of them without overflow. */
static const double largest_shown = 1e100;

/* Width of text in these fonts, on the generous side. */
static double text_width(const char *text, double size)
{
    double n = 0;
    for (const char *p = text; *p; p++)
        n += ((unsigned char)*p & 0xc0) != 0x80; /* characters, not bytes */
    return n * size * 0.56;
}

/* -- PNG ----------------------------------------------------------------------------------------------------------- */

/* The image as a PNG in the page's text. */
static void add_png(nt_page *page, const nt_image *image)
{
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)image->w,
                     .height = (png_uint_32)image->h,
                     .format = image->c == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
    unsigned char *file = malloc(size);
    if (file && png_image_write_to_memory(&png, file, &size, 0, image->bytes, 0, NULL))
        nt_page_base64(page, file, size);
    else
        page->lost = true;
    free(file);
}

/* -- Axes -------------------------------------------------------------------------------------------------------- */

typedef struct axis {
    bool log;
    double low, high; /* of values */
    double from, to;  /* of pixels: low is at `from` */
    double ticks[MOST_TICKS], step;
    int n_ticks;
} axis;

static bool is_shown(double value, bool log)
{
    return fabs(value) < largest_shown && (!log || value > 1 / largest_shown);
}

static double at(const axis *a, double value)
{
    double share = a->log ? log(value / a->low) / log(a->high / a->low) : (value - a->low) / (a->high - a->low);
    return a->from + share * (a->to - a->from);
}

/* 1, 2 or 5 times a power of ten, not below `least`. */
static double round_step(double least)
{
    double power = pow(10, floor(log10(least))), digit = least / power;
    return power * (digit <= 1 + 1e-9 ? 1 : digit <= 2 + 1e-9 ? 2 : digit <= 5 + 1e-9 ? 5 : 10);
}

/* The largest of 1, 2, 5 times a power of ten that is not above `value`; or, upwards, the smallest not below it. */
static double round_log(double value, bool up)
{
    static const double digits[] = {1, 2, 5, 10};
    double power = pow(10, floor(log10(value) + 1e-12));
    if (up) {
        int i = 0;
        while (i < 3 && digits[i] * power < value * (1 - 1e-9))
            i++;
        return digits[i] * power;
    }
    int i = 3;
    while (i > 0 && digits[i] * power > value * (1 + 1e-9))
        i--;
    return digits[i] * power;
}

static void add_tick(axis *a, double value)
{
    double slack = a->log ? 0 : (a->high - a->low) * 1e-9;
    bool inside = a->log ? value >= a->low * (1 - 1e-9) && value <= a->high * (1 + 1e-9)
                         : value >= a->low - slack && value <= a->high + slack;
    if (inside && a->n_ticks < MOST_TICKS)
        a->ticks[a->n_ticks++] = value;
}

/* Ticks at every power of ten, or some of them; where there are few, at 2 and 5 times these as well. */
static void log_ticks(axis *a, int most)
{
    int first = (int)floor(log10(a->low) + 1e-9), last = (int)ceil(log10(a->high) - 1e-9);
    int every = (last - first) / most + 1;
    double decades = log10(a->high / a->low);
    bool fine = decades < 1 || (decades < 2 && most >= 4);
    for (int e = first; e <= last; e += every) {
        add_tick(a, pow(10, e));
        if (fine) {
            add_tick(a, 2 * pow(10, e));
            add_tick(a, 5 * pow(10, e));
        }
    }
    if (a->n_ticks < 2) { /* a single number tells nothing of the scale */
        a->n_ticks = 0;
        add_tick(a, a->low);
        add_tick(a, pow(10, first + 1));
        add_tick(a, a->high);
    }
}

static void even_ticks(axis *a, int most, bool whole)
{
    do { /* a single number tells nothing of the scale */
        a->step = round_step((a->high - a->low) / most++);
        if (whole && a->step < 1)
            a->step = 1;
        a->n_ticks = 0;
        double first = ceil(a->low / a->step - 1e-9);
        for (int i = 0; i < MOST_TICKS; i++)
            add_tick(a, (first + i) * a->step);
    } while (a->n_ticks < 2 && most < MOST_TICKS && !(whole && a->step == 1));
}

/* Makes an axis of what values there are (low > high: none), with about `most` ticks. `round`: its ends are moved
 * outwards to ticks. */
static void lay_axis(axis *a, int most, bool round, bool whole)
{
    if (a->low > a->high) {
        a->low = a->log ? 1 : 0;
        a->high = a->log ? 10 : 1;
    }
    if (a->log) {
        if (round || a->high / a->low < 1 + 1e-9) {
            a->low = round_log(a->low, false);
            a->high = round_log(a->high, true);
        }
        if (a->high / a->low < 1 + 1e-9) {
            a->low /= 2;
            a->high *= 2;
        }
        log_ticks(a, most);
        return;
    }
    double scale = fmax(fabs(a->low), fabs(a->high));
    if (a->high - a->low <= scale * 1e-9 || scale == 0) {
        double half = scale > 0 && !whole ? scale / 10 : 0.5;
        a->low -= half;
        a->high += half;
    }
    for (int i = 0; round && i < 2; i++) { /* what is rounded may want longer steps */
        double step = round_step((a->high - a->low) / most);
        a->low = floor(a->low / step + 1e-9) * step;
        a->high = ceil(a->high / step - 1e-9) * step;
    }
    even_ticks(a, most, whole);
}

/* A number as it is written in model files: 1e-4, 0.05, 12,000. */
static void tick_text(const axis *a, double value, char *text, size_t room)
{
    double size = fabs(value);
    if (a->log ? size > 0 && (size < 9e-4 || size > 99999) : (size > 999999 || (a->step < 9e-5 && size > 0))) {
        double power = floor(log10(size) + 1e-9), digit = value / pow(10, power);
        int places = a->log || fabs(digit - round(digit)) < 1e-6   ? 0
                     : fabs(10 * digit - round(10 * digit)) < 1e-5 ? 1
                                                                   : 2;
        snprintf(text, room, "%.*fe%.0f", places, digit, power);
        return;
    }
    int places = 0;
    for (double unit = a->log ? size : a->step; places < 6 && unit > 0 && unit * pow(10, places) < 1 - 1e-9;)
        places++;
    snprintf(text, room, "%.*f", places, fabs(value) < 1e-12 ? 0 : value);
    if (size >= 9999.5 && places == 0) {
        long number = lround(value);
        snprintf(text, room, "%ld,%03ld", number / 1000, labs(number) % 1000);
    }
}

/* -- Frame: the axes with grid, ticks and titles ----------------------------------------------------------------- */

typedef struct frame {
    nt_page *page;
    axis x, y;
    double width, height, left, top, right, bottom; /* pixels; the last four are the plot's sides */
} frame;

/* No wider than the drawing: a long caption takes two lines. 0: as wide as its contents. */
static void begin_figure(nt_page *page, const char *caption, double width)
{
    if (page->picture)
        return;
    if (width > 0)
        nt_page_add(page, "<figure style=\"width:%.0fpx\">\n", width);
    else
        nt_page_add(page, "<figure>\n");
    if (caption) {
        nt_page_add(page, "<figcaption>");
        nt_page_text(page, caption);
        nt_page_add(page, "</figcaption>\n");
    }
}

static void end_figure(nt_page *page)
{
    if (!page->picture)
        nt_page_add(page, "</figure>\n");
}

/* Text at a place; `class` is of the style sheet. */
static void add_text(nt_page *page, const char *class, double x, double y, const char *text)
{
    nt_page_add(page, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, x, y);
    nt_page_text(page, text);
    nt_page_add(page, "</text>\n");
}

static void add_line(nt_page *page, const char *class, double x1, double y1, double x2, double y2)
{
    nt_page_add(page, "<path class=\"%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", class, x1, y1, x2, y2);
}

/* Opens the SVG and gives the plot its sides: room for the caption of a picture in a file of its own, for `head`
 * lines above, for the numbers of the y axis, whose ticks are known. */
static void open_frame(frame *f, const char *caption, const char *x_title, const char *y_title, int head)
{
    nt_page *page = f->page;
    char text[40];
    double widest = 0;
    for (int i = 0; i < f->y.n_ticks; i++) {
        tick_text(&f->y, f->y.ticks[i], text, sizeof text);
        widest = fmax(widest, text_width(text, 11));
    }
    bool titled = page->picture && caption;
    f->left = 8 + (y_title ? LINE_HEIGHT : 0) + widest + 6;
    f->right = f->width - 14;
    f->top = 8 + LINE_HEIGHT * (head + (titled ? 1.4 : 0));
    f->bottom = f->height - 22 - (x_title ? LINE_HEIGHT : 0);
    f->x.from = f->left;
    f->x.to = f->right;
    f->y.from = f->bottom;
    f->y.to = f->top;
    nt_page_svg(page, f->width, f->height, caption);
    if (titled)
        add_text(page, "title", f->left, 8 + LINE_HEIGHT * 0.7, caption);
    if (x_title)
        add_text(page, "quiet mid", (f->left + f->right) / 2, f->height - 6, x_title);
    if (y_title) {
        nt_page_add(page, "<text class=\"quiet mid\" transform=\"translate(15 %.1f) rotate(-90)\">",
                    (f->top + f->bottom) / 2);
        nt_page_text(page, y_title);
        nt_page_add(page, "</text>\n");
    }
}

/* Lines between powers of ten, where there are few of these. */
static void add_fine_grid(const frame *f, const axis *a, bool vertical)
{
    if (!a->log || fabs(a->to - a->from) < LEAST_DECADE * log10(a->high / a->low))
        return;
    for (double power = pow(10, floor(log10(a->low) + 1e-9)); power < a->high; power *= 10)
        for (int digit = 2; digit < 10; digit++) {
            double value = digit * power;
            if (value <= a->low * (1 + 1e-9) || value >= a->high * (1 - 1e-9))
                continue;
            double p = at(a, value);
            if (vertical)
                add_line(f->page, "fine", p, f->top, p, f->bottom);
            else
                add_line(f->page, "fine", f->left, p, f->right, p);
        }
}

static void add_y_axis(const frame *f)
{
    char text[40];
    add_fine_grid(f, &f->y, false);
    for (int i = 0; i < f->y.n_ticks; i++) {
        double y = at(&f->y, f->y.ticks[i]);
        add_line(f->page, "grid", f->left, y, f->right, y);
        tick_text(&f->y, f->y.ticks[i], text, sizeof text);
        add_text(f->page, "tick end", f->left - 6, y + 4, text);
    }
}

/* With ticks, or with the axis alone. */
static void add_x_axis(const frame *f, bool grid)
{
    char text[40];
    if (grid)
        add_fine_grid(f, &f->x, true);
    for (int i = 0; i < f->x.n_ticks; i++) {
        double x = at(&f->x, f->x.ticks[i]);
        if (grid)
            add_line(f->page, "grid", x, f->top, x, f->bottom);
        else
            add_line(f->page, "axis", x, f->bottom, x, f->bottom + 4);
        tick_text(&f->x, f->x.ticks[i], text, sizeof text);
        add_text(f->page, "tick mid", x, f->bottom + 16, text);
    }
    add_line(f->page, "axis", f->left, f->bottom, f->right, f->bottom);
}

/* -- Curves ------------------------------------------------------------------------------------------------------ */

static double series_x(const nt_series *s, int i)
{
    return s->x ? s->x[i] : i + 1;
}

static bool point_shown(const nt_chart *chart, const nt_series *s, int i)
{
    return is_shown(series_x(s, i), chart->x_log) && is_shown(s->y[i], chart->y_log);
}

static void widen(axis *a, double value)
{
    a->low = fmin(a->low, value);
    a->high = fmax(a->high, value);
}

/* The extents of all values; whether every x is a whole number. */
static bool measure(const nt_chart *chart, frame *f)
{
    bool whole = true;
    f->x = (axis){.log = chart->x_log, .low = INFINITY, .high = -INFINITY};
    f->y = (axis){.log = chart->y_log, .low = INFINITY, .high = -INFINITY};
    for (int k = 0; k < chart->n_series; k++)
        for (int i = 0; i < chart->series[k].n; i++) {
            if (!point_shown(chart, &chart->series[k], i))
                continue;
            double x = series_x(&chart->series[k], i);
            whole = whole && x == floor(x);
            widen(&f->x, x);
            widen(&f->y, chart->series[k].y[i]);
        }
    if (chart->mark_text && is_shown(chart->mark, chart->x_log))
        widen(&f->x, chart->mark);
    if (chart->from_zero && !chart->y_log && f->y.low > 0 && f->y.low <= f->y.high)
        f->y.low = 0;
    if (chart->least != 0 || chart->most != 0) {
        f->y.low = fmax(f->y.low, chart->least);
        f->y.high = fmin(f->y.high, chart->most);
    }
    return whole && !chart->x_log;
}

/* Where the legend's entries go: number of lines; draws them unless `page` is NULL. */
static int legend(nt_page *page, const nt_chart *chart, double left, double right, double top)
{
    if (chart->n_series < 2)
        return 0;
    double x = left;
    int line = 0;
    for (int k = 0; k < chart->n_series; k++) {
        const nt_series *s = &chart->series[k];
        const char *name = s->name ? s->name : "";
        double width = 26 + text_width(name, 12) + 16, y = top + line * LINE_HEIGHT + 7;
        if (x > left && x + width > right + 16) {
            x = left;
            line++;
            y += LINE_HEIGHT;
        }
        if (page && s->style == NT_STYLE_POINTS)
            nt_page_add(page, "<circle class=\"dot d%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", k % N_COLOURS, x + 10,
                        y);
        else if (page)
            nt_page_add(page, "<path class=\"line l%d%s\" d=\"M%.1f %.1fh20\"/>\n", k % N_COLOURS,
                        s->style == NT_STYLE_DASHED ? " dashed" : "", x, y);
        if (page)
            add_text(page, "name", x + 26, y + 4, name);
        x += width;
    }
    return line + 1;
}

/* One piece of a curve: values first .. last-1, all of them shown. Of many in one column of pixels only the first,
 * the lowest, the highest and the last can be told apart. */
static void add_piece(const frame *f, const nt_series *s, int first, int last)
{
    nt_page *page = f->page;
    char command = 'M';
    for (int i = first; i < last;) {
        int end = i + 1, low = i, high = i;
        double column = floor(2 * at(&f->x, series_x(s, i)));
        for (; end < last && floor(2 * at(&f->x, series_x(s, end))) == column; end++) {
            low = s->y[end] < s->y[low] ? end : low;
            high = s->y[end] > s->y[high] ? end : high;
        }
        const int seen[] = {i, low < high ? low : high, low < high ? high : low, end - 1};
        for (int k = 0; k < 4; k++)
            if (k == 0 || seen[k] != seen[k - 1]) {
                nt_page_add(page, "%c%.1f %.1f", command, at(&f->x, series_x(s, seen[k])), at(&f->y, s->y[seen[k]]));
                command = 'L';
            }
        i = end;
    }
    if (last - first == 1)
        nt_page_add(page, "h0"); /* a lone value between gaps: a dot, as lines have round ends */
}

static void add_curve(const frame *f, const nt_chart *chart, int k)
{
    const nt_series *s = &chart->series[k];
    nt_page_add(f->page, "<path class=\"line l%d%s\" d=\"", k % N_COLOURS,
                s->style == NT_STYLE_DASHED ? " dashed" : "");
    for (int i = 0; i < s->n; i++) {
        int first = i;
        while (i < s->n && point_shown(chart, s, i))
            i++;
        if (i > first)
            add_piece(f, s, first, i);
    }
    nt_page_add(f->page, "\"/>\n");
}

static void add_dots(const frame *f, const nt_chart *chart, int k)
{
    const nt_series *s = &chart->series[k];
    if (s->style != NT_STYLE_POINTS && s->n > MOST_SHOWN_DOTS)
        return;
    for (int i = 0; i < s->n; i++)
        if (point_shown(chart, s, i)) {
            nt_page_add(f->page, "<circle class=\"dot d%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\">", k % N_COLOURS,
                        at(&f->x, series_x(s, i)), at(&f->y, s->y[i]), s->style == NT_STYLE_POINTS ? "3" : "2.2");
            nt_page_add(f->page, "<title>");
            if (s->name) {
                nt_page_text(f->page, s->name);
                nt_page_add(f->page, ": ");
            }
            nt_page_add(f->page, "%.5g at %.5g</title></circle>\n", s->y[i], series_x(s, i));
        }
}

static void add_mark(const frame *f, const nt_chart *chart)
{
    if (!chart->mark_text || !is_shown(chart->mark, chart->x_log))
        return;
    double x = at(&f->x, chart->mark), width = text_width(chart->mark_text, 12);
    double place = fmax(f->left + width / 2, fmin(x, f->right + 8 - width / 2));
    add_line(f->page, "mark", x, f->top - 3, x, f->bottom);
    add_text(f->page, "quiet mid", place, f->top - 7, chart->mark_text);
}

static void add_ground(const frame *f, const nt_image *image)
{
    nt_page_add(f->page,
                "<image x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" preserveAspectRatio=\"none\" "
                "href=\"data:image/png;base64,",
                f->left, f->top, f->right - f->left, f->bottom - f->top);
    add_png(f->page, image);
    nt_page_add(f->page, "\"/>\n");
}

void nt_plot_lines(nt_page *page, const nt_chart *chart)
{
    frame f = {.page = page, .width = chart->width ? chart->width : 560, .height = chart->height ? chart->height : 300};
    bool whole = measure(chart, &f), empty = f.x.low > f.x.high || f.y.low > f.y.high;
    double legend_left = 12;
    bool marked = chart->mark_text && chart->mark_text[0];
    int legend_lines = legend(NULL, chart, legend_left, f.width - 14, 0), lines = legend_lines + marked;
    if (chart->ground) {
        f.x.low = chart->ground_x[0], f.x.high = chart->ground_x[1];
        f.y.low = chart->ground_y[0], f.y.high = chart->ground_y[1];
        whole = false;
    }
    lay_axis(&f.x, (int)(f.width / (chart->x_log ? 50 : 80)), false, whole);
    lay_axis(&f.y, (int)((f.height - LINE_HEIGHT * lines) / 45), !chart->ground, false);

    begin_figure(page, chart->caption, f.width);
    open_frame(&f, chart->caption, chart->x_title, chart->y_title, lines);
    if (chart->ground)
        add_ground(&f, chart->ground);
    add_y_axis(&f);
    add_x_axis(&f, true);
    legend(page, chart, legend_left, f.width - 14, f.top - LINE_HEIGHT * lines - 4);
    add_mark(&f, chart);
    /* an SVG in the SVG cuts off what lies outside the axes */
    nt_page_add(page, "<svg x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" viewBox=\"%.1f %.1f %.1f %.1f\">\n",
                f.left - 4, f.top - 4, f.right - f.left + 8, f.bottom - f.top + 8, f.left - 4, f.top - 4,
                f.right - f.left + 8, f.bottom - f.top + 8);
    for (int k = 0; k < chart->n_series; k++) {
        if (chart->series[k].style != NT_STYLE_POINTS)
            add_curve(&f, chart, k);
        add_dots(&f, chart, k);
    }
    nt_page_add(page, "</svg>\n");
    if (empty)
        add_text(page, "quiet mid", (f.left + f.right) / 2, (f.top + f.bottom) / 2, "no values");
    nt_page_add(page, "</svg>\n");
    end_figure(page);
}

/* -- Bars -------------------------------------------------------------------------------------------------------- */

/* Names below the bars, slanted where they are wider than these. */
static bool are_slanted(const nt_bars *bars, double room)
{
    for (int i = 0; i < bars->n; i++)
        if (text_width(bars->names[i], 11) > room)
            return true;
    return false;
}

static double longest_name(const char *const *names, int n)
{
    double most = 0;
    for (int i = 0; i < n; i++)
        most = fmax(most, text_width(names[i], 11));
    return most;
}

static void add_names(const frame *f, const nt_bars *bars, bool slanted)
{
    for (int i = 0; i < bars->n; i++) {
        double x = f->left + (f->right - f->left) * (i + 0.5) / bars->n;
        nt_page_add(f->page, "<text class=\"tick %s\" transform=\"translate(%.1f %.1f)%s\">", slanted ? "end" : "mid",
                    x + (slanted ? 4 : 0), f->bottom + (slanted ? 12 : 16), slanted ? " rotate(-40)" : "");
        nt_page_text(f->page, bars->names[i]);
        nt_page_add(f->page, "</text>\n");
    }
    add_line(f->page, "axis", f->left, f->bottom, f->right, f->bottom);
}

static void add_bars(const frame *f, const nt_bars *bars)
{
    double each = (f->right - f->left) / bars->n, gap = bars->names ? each * 0.15 : each > 4 ? 0.5 : 0;
    for (int i = 0; i < bars->n; i++) {
        double value = bars->values[i], top;
        if (!is_shown(value, bars->y_log) || value <= 0)
            continue;
        top = fmin(at(&f->y, value), f->bottom);
        nt_page_add(f->page, "<rect class=\"bar\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\"><title>",
                    f->left + i * each + gap, top, fmax(each - 2 * gap, 0.5), f->bottom - top);
        if (bars->names)
            nt_page_text(f->page, bars->names[i]);
        else
            nt_page_add(f->page, "%.4g to %.4g", bars->from + (bars->to - bars->from) * i / bars->n,
                        bars->from + (bars->to - bars->from) * (i + 1) / bars->n);
        nt_page_add(f->page, ": %.5g</title></rect>\n", value);
    }
}

void nt_plot_bars(nt_page *page, const nt_bars *bars)
{
    frame f = {.page = page, .width = bars->width ? bars->width : 360, .height = bars->height ? bars->height : 220};
    f.y = (axis){.log = bars->y_log, .low = INFINITY, .high = -INFINITY};
    for (int i = 0; i < bars->n; i++)
        if (is_shown(bars->values[i], bars->y_log))
            widen(&f.y, bars->values[i]);
    if (bars->y_log && f.y.low <= f.y.high)
        f.y.low /= 2; /* the smallest has some height, too */
    else if (!bars->y_log)
        widen(&f.y, 0);
    lay_axis(&f.y, (int)(f.height / 45), true, false);
    bool slanted = bars->names && are_slanted(bars, (f.width - 70) / fmax(bars->n, 1) - 4);
    double names = slanted ? fmin(longest_name(bars->names, bars->n) * 0.66, f.height / 3) : 0;

    begin_figure(page, bars->caption, f.width);
    open_frame(&f, bars->caption, bars->x_title, bars->y_title, 0);
    f.bottom -= names;
    f.y.from = f.bottom;
    add_y_axis(&f);
    add_bars(&f, bars);
    if (bars->names) {
        add_names(&f, bars, slanted);
    } else {
        f.x.low = bars->from;
        f.x.high = bars->to;
        lay_axis(&f.x, (int)(f.width / 70), false, false);
        add_x_axis(&f, false);
    }
    nt_page_add(page, "</svg>\n");
    end_figure(page);
}

/* -- Matrices ---------------------------------------------------------------------------------------------------- */

/* How strong a cell's colour is, 0 to 1. */
static double strength(const nt_matrix *m, int row, int column, const double *row_sum, double most)
{
    double value = m->values[row * m->columns + column];
    if (!is_shown(value, false) || value <= 0)
        return 0;
    if (!m->confusion)
        return most > 0 ? value / most : 0;
    double share = row_sum[row] > 0 ? value / row_sum[row] : 0;
    return row == column ? share : fmin(1, 0.12 + sqrt(share)); /* a hundredth is to be seen as well */
}

static void number_text(double value, char *text, size_t room)
{
    if (value == floor(value) && value < 1e6)
        snprintf(text, room, "%.0f", value);
    else
        snprintf(text, room, "%.3g", value);
}

static const char *name_of(const char *const *names, int i, char *text, size_t room)
{
    if (names)
        return names[i];
    snprintf(text, room, "%d", i);
    return text;
}

static void add_cell(nt_page *page, const nt_matrix *m, int r, int c, double strong, double x, double y, double side)
{
    double value = m->values[r * m->columns + c];
    bool numbered = m->columns <= MOST_NUMBERED;
    char text[40], a[16], b[16];
    number_text(value, text, sizeof text);
    if (strong > 0) {
        nt_page_add(
            page,
            "<rect class=\"%s\" fill-opacity=\"%.2f\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>",
            m->confusion && r != c ? "wrong" : "right", fmax(strong, 0.02), x, y, side, side);
        nt_page_text(page, name_of(m->row_names, r, a, sizeof a));
        nt_page_add(page, " \xe2\x86\x92 ");
        nt_page_text(page, name_of(m->column_names, c, b, sizeof b));
        nt_page_add(page, ": %s</title></rect>\n", text);
    }
    if (numbered && value != 0)
        add_text(page, strong > 0.55 ? "small mid on" : "small mid", x + side / 2, y + side / 2 + 3.5, text);
}

static void add_matrix_names(nt_page *page, const nt_matrix *m, double left, double top, double side)
{
    for (int r = 0; m->row_names && r < m->rows; r++)
        add_text(page, "tick end", left - 6, top + (r + 0.5) * side + 4, m->row_names[r]);
    for (int c = 0; m->column_names && c < m->columns; c++) {
        bool flat = longest_name(m->column_names, m->columns) <= side - 2;
        nt_page_add(page, "<text class=\"tick%s\" transform=\"translate(%.1f %.1f)%s\">", flat ? " mid" : "",
                    left + (c + 0.5) * side + (flat ? 0 : 4), top - 6, flat ? "" : " rotate(-50)");
        nt_page_text(page, m->column_names[c]);
        nt_page_add(page, "</text>\n");
    }
}

/* Sums of the rows and the largest value. */
static double sum_rows(const nt_matrix *m, double *sums)
{
    double most = 0;
    for (int r = 0; r < m->rows; r++)
        for (int c = 0; c < m->columns; c++) {
            double value = m->values[r * m->columns + c];
            if (!is_shown(value, false))
                continue;
            sums[r] += value;
            most = fmax(most, value);
        }
    return most;
}

void nt_plot_matrix(nt_page *page, const nt_matrix *m)
{
    double *sums = calloc((size_t)m->rows + 1, sizeof *sums);
    if (!sums) {
        page->lost = true;
        return;
    }
    double most = sum_rows(m, sums), side = m->columns <= 12              ? 36
                                            : m->columns <= MOST_NUMBERED ? 30
                                                                          : fmax(4, 620.0 / m->columns);
    bool flat = !m->column_names || longest_name(m->column_names, m->columns) <= side - 2;
    double left = 10 + (m->row_title ? LINE_HEIGHT : 0) + (m->row_names ? longest_name(m->row_names, m->rows) + 8 : 0);
    double names = !m->column_names ? 4 : flat ? LINE_HEIGHT : longest_name(m->column_names, m->columns) * 0.77 + 14;
    double top =
        4 + (m->column_title ? LINE_HEIGHT : 0) + names + (page->picture && m->caption ? LINE_HEIGHT * 1.4 : 0);
    double width = left + side * m->columns + (flat ? 10 : longest_name(m->column_names, m->columns) * 0.64),
           height = top + side * m->rows + 6;

    begin_figure(page, m->caption, fmax(width, 240));
    nt_page_svg(page, width, height, m->caption);
    if (page->picture && m->caption)
        add_text(page, "title", 10, 8 + LINE_HEIGHT * 0.7, m->caption);
    if (m->column_title)
        add_text(page, "quiet mid", left + side * m->columns / 2, top - names - 4, m->column_title);
    if (m->row_title) {
        nt_page_add(page, "<text class=\"quiet mid\" transform=\"translate(15 %.1f) rotate(-90)\">",
                    top + side * m->rows / 2);
        nt_page_text(page, m->row_title);
        nt_page_add(page, "</text>\n");
    }
    nt_page_add(page, "<rect class=\"cell\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", left, top,
                side * m->columns, side * m->rows);
    add_matrix_names(page, m, left, top, side);
    for (int r = 0; r < m->rows; r++)
        for (int c = 0; c < m->columns; c++)
            add_cell(page, m, r, c, strength(m, r, c, sums, most), left + c * side, top + r * side, side);
    nt_page_add(page, "</svg>\n");
    end_figure(page);
    free(sums);
}

/* -- Small images ------------------------------------------------------------------------------------------------ */

void nt_image_bytes(const float *values, size_t n, double low, double high, uint8_t *bytes)
{
    for (size_t i = 0; i < n; i++) {
        double share = high > low ? (values[i] - low) / (high - low) : NAN;
        bytes[i] = isnan(share) ? 128 : (uint8_t)lround(255 * fmin(1, fmax(0, share)));
    }
}

/* The image at `by` times smaller sides, of the means of its pixels; the caller frees the bytes. */
static nt_image reduced(const nt_image *image, int by)
{
    nt_image small = {.h = image->h / by, .w = image->w / by, .c = image->c};
    small.h += small.h == 0;
    small.w += small.w == 0;
    int high = image->h < by ? image->h : by, wide = image->w < by ? image->w : by;
    uint8_t *bytes = malloc((size_t)small.h * (size_t)small.w * (size_t)small.c), *to = bytes;
    for (int y = 0; bytes && y < small.h; y++)
        for (int x = 0; x < small.w; x++)
            for (int c = 0; c < small.c; c++) {
                int sum = 0;
                for (int i = 0; i < high * wide; i++)
                    sum += image->bytes[((size_t)(y * by + i / wide) * (size_t)image->w + (size_t)(x * by + i % wide)) *
                                            (size_t)image->c +
                                        (size_t)c];
                *to++ = (uint8_t)((sum + high * wide / 2) / (high * wide));
            }
    small.bytes = bytes;
    return small;
}

/* As the screen shows it: what has more pixels than twice as many is made smaller first, as pages of full
 * photographs would be large. */
static void add_shown(nt_page *page, const nt_image *image, int side)
{
    int longer = image->h > image->w ? image->h : image->w;
    if (longer <= 2 * side) {
        add_png(page, image);
        return;
    }
    nt_image small = reduced(image, longer / side);
    if (small.bytes)
        add_png(page, &small);
    else
        page->lost = true;
    free((void *)(uintptr_t)small.bytes);
}

/* The width of images with their labels, so that few words of these have to be broken. */
static int labelled_width(const nt_image *images, int n, int side)
{
    double most = side;
    for (int i = 0; i < n; i++)
        for (const char *p = images[i].label; p && *p;) {
            char word[24];
            size_t length = strcspn(p, " \n");
            snprintf(word, sizeof word, "%.*s", (int)length, p);
            most = fmax(most, text_width(word, 12) + 2);
            p += length + (p[length] != '\0');
        }
    return (int)fmin(most, 2 * side);
}

void nt_plot_images(nt_page *page, const char *caption, const nt_image *images, int n, int side)
{
    bool named = false;
    int column = labelled_width(images, n, side);
    for (int i = 0; i < n; i++)
        named = named || images[i].label;
    begin_figure(page, caption, 0);
    nt_page_add(page, "<div class=\"images%s\">\n", named ? " named" : "");
    for (int i = 0; i < n; i++) {
        const nt_image *image = &images[i];
        int longer = image->h > image->w ? image->h : image->w;
        int height = side * image->h / longer, width = side * image->w / longer;
        nt_page_add(page, "<div style=\"width:%dpx\"><img width=\"%d\" height=\"%d\" alt=\"", column,
                    width > 0 ? width : 1, height > 0 ? height : 1);
        nt_page_text(page, image->label ? image->label : "");
        nt_page_add(page, "\" src=\"data:image/png;base64,");
        add_shown(page, image, side);
        nt_page_add(page, "\"/>");
        if (image->label)
            nt_page_text(page, image->label);
        nt_page_add(page, "</div>\n");
    }
    nt_page_add(page, "</div>\n");
    end_figure(page);
}
