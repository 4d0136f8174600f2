#define _POSIX_C_SOURCE 200809L
#include "page.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Colours of series: those that Okabe and Ito (2008) chose for all kinds of colour vision, some of them darker where
 * they stand on white. */
static const char colours[] = ":root { color-scheme: light dark; --page: #fff; --text: #1b1f24; --quiet: #67707b; "
                              "--grid: #e6e9ed; --axis: #b3bac2;\n"
                              "  --right: #2f7ebc; --wrong: #d5661c; --bar: #4c93c7; --zero: #fff;\n"
                              "  --s0: #0072b2; --s1: #d55e00; --s2: #009e73; --s3: #b6549a; --s4: #b98b00; --s5: "
                              "#4aa3df; --s6: #8c564b; --s7: #6b7480; }\n"
                              "@media (prefers-color-scheme: dark) { :root { --page: #15181c; --text: #e4e7eb; "
                              "--quiet: #98a1ab; --grid: #2a3037; "
                              "--axis: #5a646f;\n"
                              "  --right: #4a9ad8; --wrong: #e8833f; --bar: #3f83b5; --zero: #1b1f24;\n"
                              "  --s0: #56a8e0; --s1: #f0823c; --s2: #2fc49a; --s3: #d98cc0; --s4: #dcb13a; --s5: "
                              "#8fd0ff; --s6: #c49a8c; --s7: #9aa4af; } }\n";

static const char drawing_style[] =
    ".chart text { font: 12px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: var(--text); }\n"
    ".chart .tick { font-size: 11px; fill: var(--quiet); } .chart .quiet { fill: var(--quiet); }\n"
    ".chart .small { font-size: 10px; } .chart .title { font-weight: 600; }\n"
    ".chart .end { text-anchor: end; } .chart .mid { text-anchor: middle; }\n"
    ".grid { stroke: var(--grid); stroke-width: 1; } .fine { stroke: var(--grid); stroke-width: .5; }\n"
    ".axis { stroke: var(--axis); stroke-width: 1; fill: none; } .mark { stroke: var(--quiet); stroke-dasharray: 3 3; "
    "}\n"
    ".line { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; } .dashed { "
    "stroke-dasharray: 5 4; }\n"
    ".dot { stroke: none; } .bar { fill: var(--bar); } .frame { fill: var(--page); }\n"
    ".right { fill: var(--right); } .wrong { fill: var(--wrong); } .cell { fill: var(--zero); stroke: var(--grid); }\n"
    ".chart .on { fill: #fff; }\n"
    ".l0 { stroke: var(--s0); } .l1 { stroke: var(--s1); } .l2 { stroke: var(--s2); } .l3 { stroke: var(--s3); }\n"
    ".l4 { stroke: var(--s4); } .l5 { stroke: var(--s5); } .l6 { stroke: var(--s6); } .l7 { stroke: var(--s7); }\n"
    ".d0 { fill: var(--s0); } .d1 { fill: var(--s1); } .d2 { fill: var(--s2); } .d3 { fill: var(--s3); }\n"
    ".d4 { fill: var(--s4); } .d5 { fill: var(--s5); } .d6 { fill: var(--s6); } .d7 { fill: var(--s7); }\n";

static const char page_style[] =
    "body { font: 15px/1.5 system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; color: var(--text); background: "
    "var(--page);\n"
    "  margin: 2.5rem auto; max-width: 76rem; padding: 0 1.5rem; }\n"
    "h1 { font-size: 1.7rem; margin: 0 0 .5rem; } h2 { font-size: 1.2rem; margin: 0 0 .6rem; }\n"
    "section { margin: 2.4rem 0 0; border-top: 1px solid var(--grid); padding-top: 1.2rem; }\n"
    "p { margin: .4rem 0 .8rem; max-width: 60rem; } .quiet, figcaption small { color: var(--quiet); }\n"
    "figure { display: inline-block; vertical-align: top; margin: .4rem 1.6rem 1.2rem 0; max-width: 100%; }\n"
    "figcaption { font-size: .87rem; color: var(--text); margin: 0 0 .35rem; white-space: pre-line; }\n"
    "svg { max-width: 100%; height: auto; display: block; }\n"
    ".scroll { overflow-x: auto; margin: .6rem 0 1.2rem; }\n"
    "table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }\n"
    "th, td { padding: .24rem 1.4rem .24rem 0; border-bottom: 1px solid var(--grid); text-align: left; white-space: "
    "nowrap; }\n"
    "th { color: var(--quiet); font-weight: 500; } .r { text-align: right; }\n"
    ".facts { display: flex; flex-wrap: wrap; gap: 1rem 2.6rem; margin: 1.2rem 0 .4rem; font-size: .87rem; }\n"
    ".facts .value { font-size: 1.45rem; line-height: 1.3; color: var(--text); }\n"
    ".beside { display: flex; gap: 2rem; align-items: flex-start; } .beside > div { min-width: 0; }\n"
    ".beside > .graph { flex: none; max-width: 52%; } .graph svg { max-width: none; } @media (max-width: 50rem) { "
    ".beside { display: block; } }\n"
    ".beside table { font-size: .84rem; } .beside th, .beside td { padding-right: .9rem; }\n"
    ".tall { max-height: 50rem; overflow: auto; } pre { font-size: .85rem; line-height: 1.45; margin: .6rem 0; "
    "overflow-x: auto; }\n"
    "summary { cursor: pointer; color: var(--quiet); }\n"
    ".images { display: flex; flex-wrap: wrap; gap: 6px; } .images.named { gap: 14px 10px; }\n"
    ".images div { font-size: .75rem; line-height: 1.3; white-space: pre-line; overflow-wrap: anywhere; }\n"
    ".images img { display: block; image-rendering: pixelated; background: var(--grid); margin-bottom: 2px; }\n";

/* Whether there is room for `more` bytes and a zero. */
static bool make_room(nt_page *page, size_t more)
{
    if (page->lost)
        return false;
    if (page->room - page->length > more)
        return true;
    size_t room = page->room < 4096 ? 4096 : page->room;
    while (room - page->length <= more && room <= SIZE_MAX / 2)
        room *= 2;
    char *text = room - page->length > more ? realloc(page->text, room) : NULL;
    if (!text) {
        page->lost = true;
        return false;
    }
    page->text = text;
    page->room = room;
    return true;
}

static void add_bytes(nt_page *page, const char *bytes, size_t n)
{
    if (!make_room(page, n))
        return;
    memcpy(page->text + page->length, bytes, n);
    page->length += n;
    page->text[page->length] = '\0';
}

static void add_formatted(nt_page *page, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length < 0)
        page->lost = true;
    else if (make_room(page, (size_t)length))
        page->length += (size_t)vsnprintf(page->text + page->length, (size_t)length + 1, format, again);
    va_end(again);
}

void nt_page_add(nt_page *page, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_formatted(page, format, args);
    va_end(args);
}

/* Bytes of the character that begins at `text`, if it is well-formed UTF-8 (Unicode, table 3-7) that XML allows;
 * else 0. */
static size_t character(const unsigned char *text)
{
    unsigned char c = text[0];
    if (c < 0x80)
        return c >= 0x20 || c == '\n' || c == '\t' ? 1 : 0;
    size_t n = c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    bool outside = (c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f) || (c == 0xf0 && text[1] < 0x90) ||
                   (c == 0xf4 && text[1] > 0x8f) || (c == 0xef && text[1] == 0xbf && text[2] > 0xbd);
    return outside ? 0 : n;
}

void nt_page_text(nt_page *page, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t n = character(p);
        switch (*p) {
        case '<':
            nt_page_add(page, "&lt;");
            break;
        case '>':
            nt_page_add(page, "&gt;");
            break;
        case '&':
            nt_page_add(page, "&amp;");
            break;
        case '"':
            nt_page_add(page, "&quot;");
            break;
        default:
            if (n > 0)
                add_bytes(page, (const char *)p, n);
            else
                nt_page_add(page, "\xef\xbf\xbd");
        }
        p += n > 0 ? n : 1;
    }
}

void nt_page_base64(nt_page *page, const unsigned char *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (!make_room(page, n / 3 * 4 + 4))
        return;
    char *to = page->text + page->length;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        unsigned long bits = (unsigned long)bytes[i] << 16 | (left > 1 ? (unsigned long)bytes[i + 1] << 8 : 0) |
                             (left > 2 ? bytes[i + 2] : 0);
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? digits[bits & 63] : '=';
    }
    *to = '\0';
    page->length = (size_t)(to - page->text);
}

void nt_page_begin(nt_page *page, const char *title)
{
    *page = (nt_page){0};
    nt_page_add(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                      "<meta name=\"viewport\" content=\"width=device-width\"/>\n<title>");
    nt_page_text(page, title);
    nt_page_add(page, "</title>\n<style>\n%s%s%s</style>\n</head>\n<body>\n<h1>", colours, page_style, drawing_style);
    nt_page_text(page, title);
    nt_page_add(page, "</h1>\n");
}

void nt_page_begin_svg(nt_page *page)
{
    *page = (nt_page){.picture = true};
}

void nt_page_svg(nt_page *page, double width, double height, const char *label)
{
    nt_page_add(page, "<svg class=\"chart\" role=\"img\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\"%s",
                width, height, width, height, page->picture ? " xmlns=\"http://www.w3.org/2000/svg\"" : "");
    if (label) {
        nt_page_add(page, " aria-label=\"");
        nt_page_text(page, label);
        nt_page_add(page, "\"");
    }
    nt_page_add(page, ">\n");
    if (page->picture)
        nt_page_add(page, "<style>\n%s%s</style>\n<rect class=\"frame\" width=\"100%%\" height=\"100%%\"/>\n", colours,
                    drawing_style);
}

void nt_page_section(nt_page *page, const char *title)
{
    nt_page_add(page, "%s<section>\n<h2>", page->in_section ? "</section>\n" : "");
    nt_page_text(page, title);
    nt_page_add(page, "</h2>\n");
    page->in_section = true;
}

void nt_page_paragraph(nt_page *page, const char *format, ...)
{
    nt_page text = {0};
    va_list args;
    va_start(args, format);
    add_formatted(&text, format, args);
    va_end(args);
    nt_page_add(page, "<p>");
    nt_page_text(page, text.text ? text.text : "");
    nt_page_add(page, "</p>\n");
    page->lost = page->lost || text.lost;
    nt_page_free(&text);
}

static void add_div(nt_page *page, const char *class, const char *text)
{
    nt_page_add(page, "<div class=\"%s\">", class);
    nt_page_text(page, text);
    nt_page_add(page, "</div>");
}

void nt_page_facts(nt_page *page, const nt_fact *facts, int n)
{
    nt_page_add(page, "<div class=\"facts\">\n");
    for (int i = 0; i < n; i++) {
        nt_page_add(page, "<div>");
        add_div(page, "quiet", facts[i].name);
        add_div(page, "value", facts[i].value);
        if (facts[i].note)
            add_div(page, "quiet", facts[i].note);
        nt_page_add(page, "</div>\n");
    }
    nt_page_add(page, "</div>\n");
}

static void add_row(nt_page *page, const char *element, const char *const *cells)
{
    nt_page_add(page, "<tr>");
    for (int i = 0; page->align[i]; i++) {
        nt_page_add(page, "<%s%s>", element, page->align[i] == 'r' ? " class=\"r\"" : "");
        nt_page_text(page, cells[i] ? cells[i] : "");
        nt_page_add(page, "</%s>", element);
    }
    nt_page_add(page, "</tr>\n");
}

void nt_page_table(nt_page *page, const char *align, const char *const *titles)
{
    snprintf(page->align, sizeof page->align, "%s", align);
    nt_page_add(page, "<div class=\"scroll\"><table>\n<thead>");
    add_row(page, "th", titles);
    nt_page_add(page, "</thead>\n<tbody>\n");
}

void nt_page_row(nt_page *page, const char *const *cells)
{
    add_row(page, "td", cells);
}

void nt_page_table_end(nt_page *page)
{
    nt_page_add(page, "</tbody>\n</table></div>\n");
}

static bool write_page(const nt_page *page, const char *path)
{
    FILE *file = fopen(path, "wbe");
    if (!file)
        return false;
    bool good = fwrite(page->text, 1, page->length, file) == page->length && fflush(file) == 0;
    int reason = errno;
    if (fclose(file) != 0 && good) {
        good = false;
        reason = errno;
    }
    errno = reason;
    return good;
}

/* Whether there is something else than a file at the path: a pipe or a terminal is written to, and not replaced. */
static bool is_no_file(const char *path)
{
    struct stat there;
    return stat(path, &there) == 0 && !S_ISREG(there.st_mode);
}

/* Through a file beside it, which is renamed. */
static bool replace(const nt_page *page, const char *path, const char *beside)
{
    if (write_page(page, beside) && rename(beside, path) == 0)
        return true;
    int reason = errno;
    unlink(beside);
    errno = reason;
    return false;
}

bool nt_page_save(nt_page *page, const char *path, nt_error *error)
{
    if (!page->picture)
        nt_page_add(page, "%s</body>\n</html>\n", page->in_section ? "</section>\n" : "");
    nt_page name = {0};
    nt_page_add(&name, "%s.tmp", path);
    bool good = true;
    if (page->lost || name.lost)
        good = nt_fail_memory(error, path, (double)page->length);
    else if (!(is_no_file(path) ? write_page(page, path) : replace(page, path, name.text)))
        good = nt_fail(error, "%s: cannot write: %s%s", path, strerror(errno), nt_write_advice(errno));
    nt_page_free(&name);
    nt_page_free(page);
    return good;
}

void nt_page_free(nt_page *page)
{
    free(page->text);
    *page = (nt_page){0};
}
