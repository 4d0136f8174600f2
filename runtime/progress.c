#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "progress.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static const double terminal_pause = 0.1, plain_pause = 5;

enum { FIELD = 48, MOST_FIELDS = 10, BAR_SHORTEST = 10, BAR_LONGEST = 32, COLUMNS_UNKNOWN = 80 };

/* A piece of a line. Where the line is too long, the fields of highest `rank` go first; rank 0 always stays. */
typedef struct field {
    char text[FIELD];
    int rank;
} field;

double nt_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

const char *nt_format_count(char *text, int64_t value)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)value);
    char *to = text;
    for (int i = 0; i < n; i++) {
        *to++ = digits[i];
        int after = n - 1 - i;
        if (after > 0 && after % 3 == 0 && digits[i] != '-')
            *to++ = ',';
    }
    *to = '\0';
    return text;
}

const char *nt_format_time(char *text, double seconds)
{
    if (!(seconds < 360000))
        return strcpy(text, "long");
    long whole = lround(fmax(seconds, 0));
    if (whole < 3600)
        snprintf(text, 32, "%ld:%02ld", whole / 60, whole % 60);
    else
        snprintf(text, 32, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    return text;
}

const char *nt_format_bytes(char *text, double bytes)
{
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
    int unit = 0;
    for (; bytes >= 1000 && unit < 4; unit++)
        bytes /= 1000;
    snprintf(text, 32, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

static int terminal_width(FILE *to)
{
    struct winsize size;
    if (ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *columns = getenv("COLUMNS");
    int width = columns ? atoi(columns) : 0;
    return width > 0 ? width : COLUMNS_UNKNOWN;
}

/* The locale is asked for its character set alone, and put back: numbers must keep their decimal point. */
static bool locale_is_utf8(void)
{
    const char *now = setlocale(LC_CTYPE, NULL);
    char *before = now ? strdup(now) : NULL;
    bool utf8 = setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (before)
        setlocale(LC_CTYPE, before);
    free(before);
    return utf8;
}

void nt_progress_init(nt_progress *progress, FILE *to, bool plain)
{
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    bool terminal = !plain && isatty(fileno(to)) && term && strcmp(term, "dumb") != 0;
    *progress = (nt_progress){
        .to = to,
        .terminal = terminal,
        .utf8 = terminal && locale_is_utf8(),
        .colour = terminal && !(no_colour && *no_colour),
        .width = isatty(fileno(to)) ? terminal_width(to) : 0,
        .last = -INFINITY,
    };
}

/* Columns that the fields of rank <= `rank` take, two spaces between them. */
static int columns(const field *fields, int n, int rank)
{
    int sum = 0;
    for (int i = 0; i < n; i++)
        if (fields[i].text[0] && fields[i].rank <= rank)
            sum += (int)strlen(fields[i].text) + (sum ? 2 : 0);
    return sum;
}

/* The highest rank that may stay in `width` columns (0: unlimited). */
static int rank_that_fits(const field *fields, int n, int width)
{
    int rank = MOST_FIELDS;
    while (width > 0 && rank > 0 && columns(fields, n, rank) > width)
        rank--;
    return rank;
}

/* Appends to a line; what does not fit in `size` bytes is left out. */
static void append(char *line, size_t size, const char *text)
{
    size_t used = strlen(line);
    if (used + 1 < size)
        snprintf(line + used, size - used, "%s", text);
}

static void append_field(char *line, size_t size, const field *f, int rank)
{
    if (!f->text[0] || f->rank > rank)
        return;
    if (line[0])
        append(line, size, "  ");
    append(line, size, f->text);
}

/* A bar of `width` columns, its share `done` filled to half a column. */
static void append_bar(char *line, size_t size, const nt_progress *progress, double done, int width)
{
    int halves = (int)(fmin(fmax(done, 0), 1) * width * 2);
    append(line, size, "  ");
    append(line, size, progress->colour ? "\033[32m" : "");
    for (int i = 0; i < width; i++) {
        if (i == (halves + 1) / 2)
            append(line, size, progress->colour ? "\033[90m" : "");
        if (2 * i + 1 < halves)
            append(line, size, progress->utf8 ? "\u2501" : "=");
        else if (2 * i < halves)
            append(line, size, progress->utf8 ? "\u2578" : ">");
        else
            append(line, size, progress->utf8 ? (progress->colour ? "\u2501" : "\u2500") : "-");
    }
    append(line, size, progress->colour ? "\033[0m" : "");
}

static void percent(char *text, const char *name, double share)
{
    if (isnan(share))
        text[0] = '\0';
    else
        snprintf(text, FIELD, "%s %4.1f%%", name, share * 100);
}

static void figure(char *text, const char *name, double value)
{
    if (isnan(value))
        text[0] = '\0';
    else
        snprintf(text, FIELD, value != 0 && (fabs(value) >= 1e4 || fabs(value) < 1e-3) ? "%s %.2e" : "%s %.4f", name,
                 value);
}

static void epoch_of(char *text, int64_t epoch, int64_t epochs)
{
    int digits = snprintf(NULL, 0, "%lld", (long long)epochs);
    snprintf(text, FIELD, "epoch %*lld/%lld", digits, (long long)epoch, (long long)epochs);
}

void nt_progress_format(const nt_progress *progress, const nt_moment *moment, char *line, size_t size)
{
    enum { EPOCH, STEPS, LOSS, ACCURACY, RATE_OF_LEARNING, SPEED, LEFT, N };
    field fields[N] = {{.rank = 0}, {.rank = 3}, {.rank = 0}, {.rank = 1}, {.rank = 5}, {.rank = 4}, {.rank = 2}};
    char number[32];

    epoch_of(fields[EPOCH].text, moment->epoch, moment->epochs);
    int digits = snprintf(NULL, 0, "%lld", (long long)moment->total);
    snprintf(fields[STEPS].text, FIELD, "%*lld/%lld", digits, (long long)moment->done, (long long)moment->total);
    figure(fields[LOSS].text, "loss", moment->loss);
    percent(fields[ACCURACY].text, "acc", moment->accuracy);
    snprintf(fields[RATE_OF_LEARNING].text, FIELD, "lr %.3g", moment->lr);
    if (moment->rate > 0)
        snprintf(fields[SPEED].text, FIELD, "%s/s", nt_format_count(number, llround(moment->rate)));
    if (!isnan(moment->left))
        snprintf(fields[LEFT].text, FIELD, "%s left", nt_format_time(number, moment->left));

    /* Room for the ^C that terminals show: a line that it makes wrap could not be cleared. */
    int width = progress->width > 3 ? progress->width - 3 : 0;
    /* The bar is worth more than the speed and the learning rate, and less than the rest. */
    int rank = rank_that_fits(fields, N, width > BAR_SHORTEST + 2 ? width - BAR_SHORTEST - 2 : width);
    if (rank < fields[STEPS].rank)
        rank = rank_that_fits(fields, N, width);
    int room = width - columns(fields, N, rank) - 2;
    line[0] = '\0';
    append_field(line, size, &fields[EPOCH], rank);
    if (progress->terminal && room >= BAR_SHORTEST && moment->total > 0)
        append_bar(line, size, progress, (double)moment->done / (double)moment->total,
                   room < BAR_LONGEST ? room : BAR_LONGEST);
    for (int i = STEPS; i < N; i++)
        append_field(line, size, &fields[i], rank);
}

void nt_progress_format_epoch(const nt_progress *progress, const nt_epoch_summary *s, char *line, size_t size)
{
    enum { EPOCH, LOSS, ACCURACY, VAL_LOSS, VAL_ACCURACY, RATE_OF_LEARNING, TIME, BEST, N };
    field fields[N] = {{.rank = 0}, {.rank = 0}, {.rank = 3}, {.rank = 1},
                       {.rank = 2}, {.rank = 6}, {.rank = 5}, {.rank = 4}};

    epoch_of(fields[EPOCH].text, s->epoch, s->epochs);
    figure(fields[LOSS].text, "loss", s->train_loss);
    percent(fields[ACCURACY].text, "acc", s->train_accuracy);
    figure(fields[VAL_LOSS].text, "val loss", s->val_loss);
    percent(fields[VAL_ACCURACY].text, "val acc", s->val_accuracy);
    snprintf(fields[RATE_OF_LEARNING].text, FIELD, "lr %.3g", s->lr);
    if (s->seconds < 60)
        snprintf(fields[TIME].text, FIELD, "%.1f s", s->seconds);
    else
        nt_format_time(fields[TIME].text, s->seconds);
    if (s->best)
        snprintf(fields[BEST].text, FIELD, "best");

    int rank = rank_that_fits(fields, N, progress->width > 0 ? progress->width - 1 : 0);
    line[0] = '\0';
    for (int i = 0; i < N; i++)
        append_field(line, size, &fields[i], rank);
}

void nt_progress_update(nt_progress *progress, const nt_moment *moment)
{
    char line[512];
    double now = nt_seconds();
    if (now - progress->last < (progress->terminal ? terminal_pause : plain_pause))
        return;
    /* Elsewhere the first line comes after a pause too: short epochs then have their own line only. */
    bool first = isinf(progress->last);
    progress->last = now;
    if (first && !progress->terminal)
        return;
    if (progress->terminal)
        progress->width = terminal_width(progress->to);
    nt_progress_format(progress, moment, line, sizeof line);
    fprintf(progress->to, progress->terminal ? "\r%s\033[K" : "%s\n", line);
    fflush(progress->to);
}

void nt_progress_clear(nt_progress *progress)
{
    if (progress->terminal) /* also where it only removes the ^C that the terminal shows */
        fputs("\r\033[K", progress->to);
    fflush(progress->to);
}

void nt_progress_epoch(nt_progress *progress, const nt_epoch_summary *summary)
{
    char line[512];
    nt_progress_clear(progress);
    nt_progress_format_epoch(progress, summary, line, sizeof line);
    fprintf(progress->to, "%s\n", line);
    fflush(progress->to);
    if (!isinf(progress->last))
        progress->last = nt_seconds();
}

void nt_progress_fields(nt_progress *progress, const char *const *fields, int n)
{
    nt_progress_clear(progress);
    int used = 0;
    for (int i = 0; i < n; i++) {
        int length = (int)strlen(fields[i]);
        if (used > 0 && progress->width > 0 && used + 2 + length >= progress->width) {
            fputs("\n  ", progress->to);
            used = 2;
        } else if (used > 0) {
            fputs("  ", progress->to);
            used += 2;
        }
        fputs(fields[i], progress->to);
        used += length;
    }
    fputc('\n', progress->to);
    fflush(progress->to);
}
