/* page.h - pages for a browser that are complete in themselves: HTML that is also well-formed XML, its style inside,
 * nothing fetched, no scripts, readable on light and dark screens. plot.h draws into them.
 *
 *     nt_page page;
 *     nt_page_begin(&page, "lenet5");
 *     nt_page_section(&page, "Learning curves");
 *     nt_plot_lines(&page, &chart);
 *     nt_page_save(&page, "runs/lenet5/report.html", &error);
 *
 * A page grows in memory. Where that runs out, what is added is lost, and nt_page_save says so: nothing else needs
 * to be checked on the way. */
#ifndef NT_PAGE_H
#define NT_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

enum { NT_PAGE_COLUMNS = 15 };

typedef struct nt_page {
    char *text;
    size_t length, room;
    bool lost;    /* memory ran out */
    bool picture; /* one SVG instead of HTML */
    bool in_section;
    char align[NT_PAGE_COLUMNS + 1]; /* of the table that is being written */
} nt_page;

/* Begins a page of HTML with a heading. */
void nt_page_begin(nt_page *page, const char *title);

/* Begins a file that is one SVG: exactly one drawing of plot.h follows, other than images. */
void nt_page_begin_svg(nt_page *page);

/* Begins a section, which ends where the next begins. */
void nt_page_section(nt_page *page, const char *title);

/* A paragraph of text, which is escaped as a whole. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void nt_page_paragraph(nt_page *page, const char *format, ...);

/* Figures that stand out, side by side. NULL as the note: none. */
typedef struct nt_fact {
    const char *name, *value, *note;
} nt_fact;
void nt_page_facts(nt_page *page, const nt_fact *facts, int n);

/* A table: `align` has 'l' or 'r' for each column, up to NT_PAGE_COLUMNS. Titles and cells are escaped; NULL is an
 * empty cell. */
void nt_page_table(nt_page *page, const char *align, const char *const *titles);
void nt_page_row(nt_page *page, const char *const *cells);
void nt_page_table_end(nt_page *page);

/* Markup as it is. Text in it that comes from elsewhere goes through nt_page_text. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void nt_page_add(nt_page *page, const char *format, ...);

/* Text, escaped for elements and attributes; bytes that are no UTF-8, or that XML forbids, become U+FFFD. */
void nt_page_text(nt_page *page, const char *text);

/* The opening tag of a drawing of that size in pixels, with what it is for those who cannot see it (or NULL); in a
 * file of its own with its style and background. The caller writes what is in it, and "</svg>". */
void nt_page_svg(nt_page *page, double width, double height, const char *label);

/* So many bytes as base64. */
void nt_page_base64(nt_page *page, const unsigned char *bytes, size_t n);

/* Ends the page and writes it to a file, through one beside it that is renamed, so that there is always a whole one
 * (what is no file, as a pipe, is written to directly); then frees it, whatever came of it. */
bool nt_page_save(nt_page *page, const char *path, nt_error *error);

void nt_page_free(nt_page *page);

#endif
