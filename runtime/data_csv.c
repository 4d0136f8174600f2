/* data_csv.c - tables of numeric features and a label column, as in RFC 4180: a line a row; fields may be quoted, "" in
 * one is a quote. Where a row has as many more columns than features as the network has outputs, these are not one
 * label but a vector to predict; they follow each other, at the end unless label= names the first.
 *
 * The separator is a comma, semicolon or tab, whichever the first line has most of. The first line names the columns if
 * none of its features is a number, or if it has the name of the label. Empty lines are skipped; a missing value is an
 * error. */
#include "data_source.h"

#include "rng.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------------------------------------------------- numbers */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads all of text[0..n-1] as a decimal number. Up to 15 digits and powers of ten up to 22 are exact in double, so
 * that one operation rounds correctly (Clinger, 1990); the C library takes the rest. */
static bool read_number(const char *text, size_t n, double *value)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *p = text, *end = text + n;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    uint64_t digits = 0;
    int64_t significant = 0, exponent = 0;
    bool seen = false;
    for (bool point = false; p < end && (is_digit(*p) || (*p == '.' && !point)); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        seen = true;
        significant += significant || *p != '0';
        if (significant <= 15) {
            digits = digits * 10 + (uint64_t)(*p - '0');
            exponent -= point;
        }
    }
    if (!seen)
        return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        bool minus = ++p < end && *p == '-';
        if (p < end && (*p == '-' || *p == '+'))
            p++;
        if (p == end)
            return false;
        int64_t written = 0;
        for (; p < end && is_digit(*p); p++)
            written = written < 10000 ? written * 10 + (*p - '0') : written;
        exponent += minus ? -written : written;
    }
    if (p != end)
        return false;
    if (significant <= 15 && exponent >= -22 && exponent <= 22) {
        double magnitude = exponent < 0 ? (double)digits / power[-exponent] : (double)digits * power[exponent];
        *value = negative ? -magnitude : magnitude;
        return true;
    }
    char copy[512];
    if (n >= sizeof copy)
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    *value = strtod(copy, NULL);
    return true;
}

/* ------------------------------------------------------------------------------------------------------------- rows */

typedef struct field {
    char *text; /* in the file's bytes; not terminated */
    size_t size;
} field;

typedef struct reader {
    const nt_file *file;
    char *at, *end;
    int64_t line;     /* of the next byte, from 1 */
    int64_t row_line; /* where the last row began */
    char separator;
} reader;

static char find_separator(const char *p, const char *end)
{
    static const char choices[] = {',', ';', '\t'};
    int64_t count[3] = {0};
    for (bool quoted = false; p < end && (quoted || (*p != '\n' && *p != '\r')); p++) {
        quoted ^= *p == '"';
        for (int i = 0; i < 3; i++)
            count[i] += !quoted && *p == choices[i];
    }
    int best = 0;
    for (int i = 1; i < 3; i++)
        best = count[i] > count[best] ? i : best;
    return choices[best];
}

static reader begin_reading(const nt_file *file)
{
    reader r = {.file = file, .at = (char *)file->bytes, .end = (char *)file->bytes + file->size, .line = 1};
    if (file->size >= 3 && memcmp(r.at, "\xef\xbb\xbf", 3) == 0)
        r.at += 3;
    r.separator = find_separator(r.at, r.end);
    return r;
}

static bool at_line_end(const reader *r)
{
    return r->at == r->end || *r->at == '\n' || *r->at == '\r';
}

static void skip_line_end(reader *r)
{
    if (r->at < r->end && *r->at == '\r')
        r->at++;
    if (r->at < r->end && *r->at == '\n')
        r->at++;
    r->line++;
}

static bool read_quoted(reader *r, field *f, nt_error *err)
{
    int64_t line = r->line;
    f->text = ++r->at;
    for (;; r->at++) {
        if (r->at == r->end)
            return nt_fail(
                err,
                "%s: line %lld: a field begins with \" and never ends: close it, or write \"\" for a quote in a field",
                r->file->name, (long long)line);
        r->line += *r->at == '\n';
        if (*r->at != '"')
            continue;
        if (r->at + 1 == r->end || r->at[1] != '"')
            break;
        r->at++;
    }
    f->size = (size_t)(r->at - f->text);
    r->at++;
    while (r->at < r->end && *r->at == ' ')
        r->at++;
    return at_line_end(r) || *r->at == r->separator ||
           nt_fail(err, "%s: line %lld: something follows a field's closing quote: write \"\" for a quote in a field",
                   r->file->name, (long long)r->line);
}

static void read_plain(reader *r, field *f)
{
    f->text = r->at;
    while (!at_line_end(r) && *r->at != r->separator)
        r->at++;
    f->size = (size_t)(r->at - f->text);
    while (f->size && (f->text[f->size - 1] == ' ' || f->text[f->size - 1] == '\t'))
        f->size--;
}

/* Reads the next row that is not empty. *n is its number of fields, 0 at the end of the file; up to `room` of them are
 * stored. */
static bool read_row(reader *r, field *fields, int room, int *n, nt_error *err)
{
    *n = 0;
    while (r->at < r->end && at_line_end(r))
        skip_line_end(r);
    r->row_line = r->line;
    while (r->at < r->end) {
        field f;
        while (r->at < r->end && *r->at == ' ')
            r->at++;
        if (r->at < r->end && *r->at == '"') {
            if (!read_quoted(r, &f, err))
                return false;
        } else {
            read_plain(r, &f);
        }
        if (*n == INT32_MAX)
            return nt_fail(err, "%s: line %lld has too many fields", r->file->name, (long long)r->row_line);
        if (*n < room)
            fields[*n] = f;
        ++*n;
        if (at_line_end(r)) {
            skip_line_end(r);
            break;
        }
        r->at++; /* the separator; a line that ends in one has an empty last field */
        if (at_line_end(r)) {
            if (*n < room)
                fields[*n] = (field){r->at, 0};
            ++*n;
            skip_line_end(r);
            break;
        }
    }
    return true;
}

/* Makes "" in a quoted field a single quote, in place: only once its row has been read for the last time. */
static void unescape(field *f)
{
    size_t to = 0;
    for (size_t i = 0; i < f->size; i++, to++) {
        f->text[to] = f->text[i];
        i += f->text[i] == '"' && i + 1 < f->size && f->text[i + 1] == '"';
    }
    f->size = to;
}

/* ----------------------------------------------------------------------------------------------------------- tables */

typedef struct table {
    nt_file *file;
    reader data;   /* at the first row of data */
    field *row;    /* room for one row */
    field *header; /* names of the columns, or NULL */
    int columns;
    int label;   /* first column of the answer */
    int answers; /* columns of the answer: 0, 1, or the length of a target vector */
    int64_t rows;
    float *values;        /* rows * features */
    field *labels;        /* rows; in the file's bytes */
    double *label_values; /* rows * answers, where these are numbers to predict, or NULL */
    int64_t *lines;       /* rows: where each begins */
} table;

static void free_table(table *t)
{
    free(t->row);
    free(t->header);
    free(t->values);
    free(t->labels);
    free(t->label_values);
    free(t->lines);
}

static bool same_text(const field *f, const char *text)
{
    return strlen(text) == f->size && memcmp(f->text, text, f->size) == 0;
}

static bool is_answer(const table *t, int column)
{
    return column >= t->label && column < t->label + t->answers;
}

/* The names of the columns for a message: "a, b, c", shortened. */
static void list_fields(const field *fields, int64_t n, char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (int64_t i = 0; i < n; i++) {
        if (at + fields[i].size + 8 > size) {
            snprintf(text + at, size - at, ", ...");
            return;
        }
        at += (size_t)snprintf(text + at, size - at, "%s%.*s", i ? ", " : "", (int)fields[i].size, fields[i].text);
    }
}

/* Which column holds the label, or begins the vector to predict: by number from 0, by name, or the last. t->row holds the
 * first line; *named becomes true if it names it. */
static bool find_label(table *t, const char *label, bool *named, nt_error *err)
{
    double number;
    t->label = t->columns - t->answers;
    if (!label)
        return true;
    if (read_number(label, strlen(label), &number) && number == floor(number)) {
        if (number < 0 || number >= t->columns)
            return nt_fail(err, "%s: label=%s, but its columns, counted from 0, are 0 to %d", t->file->name, label,
                           t->columns - 1);
        t->label = (int)number;
        return true;
    }
    for (int i = 0; i < t->columns; i++) {
        if (same_text(&t->row[i], label)) {
            t->label = i;
            *named = true;
            return true;
        }
    }
    char list[400];
    list_fields(t->row, t->columns, list, sizeof list);
    return nt_fail(err, "%s: its first line has no column named '%s' to be the label: it has %s", t->file->name, label,
                   list);
}

/* Reads the first line, finds the answer's columns (unless `labelled` is false: there are none) and counts the rows. */
static bool open_table(const nt_data_request *q, table *t, nt_file *file, bool labelled, nt_error *err)
{
    const char *label = q->config->label;
    *t = (table){.file = file};
    reader r = begin_reading(file), first = r;
    if (!read_row(&r, NULL, 0, &t->columns, err))
        return false;
    if (t->columns == 0)
        return nt_fail(err, "%s: has no rows", file->name);
    if (labelled)
        t->answers = q->outputs > 1 && t->columns == (int64_t)q->h * q->w * q->c + q->outputs ? q->outputs : 1;
    t->row = nt_allocate(t->columns, sizeof *t->row, "a row", err);
    bool named = false;
    if (!t->row || !read_row(&first, t->row, t->columns, &t->columns, err) ||
        (labelled && !find_label(t, label, &named, err)))
        return false;
    if (t->answers > 1 && t->label + t->answers > t->columns)
        return nt_fail(err,
                       "%s: label=%s begins the %d values to predict in column %d, and there are %d columns: put them "
                       "side by side",
                       file->name, label, t->answers, t->label + 1, t->columns);
    if (t->columns == t->answers)
        return nt_fail(err, "%s: has one column, the label: there are no features to learn from", file->name);
    int numbers = 0;
    double number;
    for (int i = 0; i < t->columns; i++)
        numbers += !is_answer(t, i) && read_number(t->row[i].text, t->row[i].size, &number);
    named = named || numbers == 0;
    t->data = named ? r : begin_reading(file);
    if (named) {
        t->header = nt_allocate(t->columns, sizeof *t->header, "the names of the columns", err);
        if (!t->header)
            return false;
        memcpy(t->header, t->row, (size_t)t->columns * sizeof *t->header);
    }
    r = t->data;
    for (int n;; t->rows++) {
        if (!read_row(&r, NULL, 0, &n, err))
            return false;
        if (n == 0)
            break;
        if (n != t->columns)
            return nt_fail(err, "%s: line %lld has %d fields, the first line has %d", file->name, (long long)r.row_line,
                           n, t->columns);
    }
    return t->rows > 0 || nt_fail(err, "%s: has a line of names and no rows of data", file->name);
}

static bool number_at(const table *t, int64_t line, int column, double *value, nt_error *err)
{
    const field *f = &t->row[column];
    const char *title = t->header ? t->header[column].text : "";
    int title_size = t->header ? (int)(t->header[column].size < 80 ? t->header[column].size : 80) : 0;
    const char *open = title_size ? " (" : "", *close = title_size ? ")" : "";
    if (!f->size)
        return nt_fail(err, "%s: line %lld, column %d%s%.*s%s is empty: fill in the value, or leave the row out",
                       t->file->name, (long long)line, column + 1, open, title_size, title, close);
    if (!read_number(f->text, f->size, value))
        return nt_fail(err, "%s: line %lld, column %d%s%.*s%s: '%.*s' is not a number: %s", t->file->name,
                       (long long)line, column + 1, open, title_size, title, close,
                       (int)(f->size < 60 ? f->size : 60), f->text,
                       is_answer(t, column) ? "this loss compares outputs with numbers, yes and no with 1 and 0; for "
                                              "names of classes write loss = cross_entropy and an output a class"
                                            : "encode it as numbers, or leave the column out");
    if (fabs(*value) > FLT_MAX)
        return nt_fail(err, "%s: line %lld, column %d%s%.*s%s: %.*s is too large for a float", t->file->name,
                       (long long)line, column + 1, open, title_size, title, close, (int)(f->size < 60 ? f->size : 60),
                       f->text);
    return true;
}

/* Reads all rows. `numeric`: the answers are numbers to predict. */
static bool fill_table(table *t, bool numeric, nt_error *err)
{
    int features = t->columns - t->answers;
    t->values = nt_allocate(t->rows, (size_t)features * sizeof *t->values, t->file->name, err);
    t->labels = nt_allocate(t->rows, sizeof *t->labels, t->file->name, err);
    t->lines = nt_allocate(t->rows, sizeof *t->lines, t->file->name, err);
    if (numeric)
        t->label_values = nt_allocate(t->rows, (size_t)t->answers * sizeof *t->label_values, t->file->name, err);
    if (!t->values || !t->labels || !t->lines || (numeric && !t->label_values))
        return false;
    reader r = t->data;
    float *to = t->values;
    for (int64_t s = 0; s < t->rows; s++) {
        int n;
        if (!read_row(&r, t->row, t->columns, &n, err))
            return false;
        t->lines[s] = r.row_line;
        for (int i = 0; i < t->columns; i++) {
            double value = 0;
            bool is_label = is_answer(t, i);
            if ((!is_label || numeric) && !number_at(t, r.row_line, i, &value, err))
                return false;
            if (is_label && numeric)
                t->label_values[s * t->answers + i - t->label] = value;
            else if (!is_label)
                *to++ = (float)value;
        }
        if (t->answers > 0 && !numeric) {
            t->labels[s] = t->row[t->label];
            unescape(&t->labels[s]);
            if (t->labels[s].size == 0)
                return nt_fail(err, "%s: line %lld has no label: fill it in, or leave the row out", t->file->name,
                               (long long)r.row_line);
        }
    }
    return true;
}

static bool read_table(const nt_data_request *q, nt_file *file, bool labelled, table *t, nt_error *err)
{
    if (!open_table(q, t, file, labelled, err))
        return false;
    int64_t features = t->columns - t->answers, wanted = (int64_t)q->h * q->w * q->c;
    if (features != wanted && !labelled)
        return nt_fail(err, "%s: has %lld column%s, the network reads %s: a row is the features alone, without the label",
                       file->name, (long long)features, features == 1 ? "" : "s",
                       nt_shape_name(q->h, q->w, q->c).text);
    if (features != wanted)
        return nt_fail(
            err, "%s: has %lld feature%s%s, the network reads %s: write input(%lld) in the model, or use other data",
            file->name, (long long)features, features == 1 ? "" : "s", t->answers > 0 ? " beside the label" : "",
            nt_shape_name(q->h, q->w, q->c).text, (long long)features);
    return fill_table(t, t->answers > 1 || (labelled && q->dense && q->outputs == 1), err);
}

/* ---------------------------------------------------------------------------------------------------------- classes */

static int compare_bytes(const void *a, const void *b)
{
    const field *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->size < y->size ? x->size : y->size);
    return order ? order : (x->size > y->size) - (x->size < y->size);
}

static int compare_numbers(const void *a, const void *b)
{
    const field *x = a, *y = b;
    double u = 0, v = 0;
    read_number(x->text, x->size, &u);
    read_number(y->text, y->size, &v);
    return u < v ? -1 : u > v ? 1 : compare_bytes(a, b);
}

/* Are all labels of a table class numbers 0..outputs-1, written plainly? Then they are stored. */
static bool take_class_numbers(const table *t, int outputs, int32_t *labels)
{
    for (int64_t s = 0; s < t->rows; s++) {
        int64_t number = 0;
        for (size_t i = 0; i < t->labels[s].size; i++) {
            char c = t->labels[s].text[i];
            if (!is_digit(c) || number > outputs)
                return false;
            number = number * 10 + (c - '0');
        }
        if (number >= outputs)
            return false;
        labels[s] = (int32_t)number;
    }
    return true;
}

/* The distinct labels of a table, in order: of numbers if all are numbers, of bytes otherwise. New memory. */
static field *distinct_labels(const table *t, int64_t *n, nt_error *err)
{
    field *all = nt_allocate(t->rows, sizeof *all, "class names", err);
    if (!all)
        return NULL;
    memcpy(all, t->labels, (size_t)t->rows * sizeof *all);
    qsort(all, (size_t)t->rows, sizeof *all, compare_bytes);
    bool numbers = true;
    *n = 0;
    for (int64_t i = 0; i < t->rows; i++) {
        double number;
        if (*n && compare_bytes(&all[i], &all[*n - 1]) == 0)
            continue;
        numbers = numbers && read_number(all[i].text, all[i].size, &number);
        all[(*n)++] = all[i];
    }
    if (numbers)
        qsort(all, (size_t)*n, sizeof *all, compare_numbers);
    return all;
}

/* Finds every label of a table among the names. */
static bool look_up_labels(const table *t, char *const *names, int n, int32_t *labels, nt_error *err)
{
    for (int64_t s = 0; s < t->rows; s++) {
        labels[s] = -1;
        for (int i = 0; i < n && labels[s] < 0; i++)
            labels[s] = same_text(&t->labels[s], names[i]) ? i : -1;
        if (labels[s] < 0)
            return nt_fail(err,
                           "%s: line %lld: '%.*s' is none of the classes %s%s%s: correct the label, or name the class",
                           t->file->name, (long long)t->lines[s],
                           (int)(t->labels[s].size < 60 ? t->labels[s].size : 60), t->labels[s].text, names[0],
                           n > 1 ? ", ..., " : "", n > 1 ? names[n - 1] : "");
    }
    return true;
}

/* Names for the labels of `from`, checked against the number of outputs. */
static bool collect_names(const nt_data_request *q, const table *from, nt_loaded *out, nt_error *err)
{
    const nt_data_config *config = q->config;
    int64_t n = config->n_classes;
    field *distinct = config->classes ? NULL : distinct_labels(from, &n, err);
    bool ok = config->classes || distinct;
    if (ok && n != q->outputs) {
        char list[400];
        list_fields(distinct, n, list, sizeof list);
        if (n == 1)
            ok = nt_fail(err,
                         "%s: all its labels are '%s', and a network of classes tells two at least apart: use other rows, or "
                         "name the label's column with label=COLUMN",
                         from->file->name, list);
        else
            ok = nt_fail(err,
                         "%s: its labels are %lld classes (%s), the network has %d outputs: make its last layer "
                         "dense(%lld), or correct labels that are misspelt",
                         from->file->name, (long long)n, list, q->outputs, (long long)n);
    }
    if (ok) {
        out->names = calloc((size_t)q->outputs, sizeof *out->names);
        ok = out->names || nt_fail_memory(err, "class names", (double)n * sizeof *out->names);
    }
    for (int64_t i = 0; ok && i < n; i++) {
        out->names[i] = distinct ? nt_copy_text(distinct[i].text, distinct[i].size)
                                 : nt_copy_text(config->classes[i], SIZE_MAX);
        ok = out->names[i] || nt_fail_memory(err, "class names", 64);
    }
    free(distinct);
    return ok;
}

/* Labels or targets of the tables that are there (NULL: not). */
static bool answer_tables(const nt_data_request *q, const table *train, const table *test, nt_part *train_part,
                          nt_part *test_part, nt_loaded *out, nt_error *err)
{
    const table *tables[2] = {train, test};
    nt_part *parts[2] = {train_part, test_part};
    bool class_numbers = true;
    for (int i = 0; i < 2; i++) {
        if (!tables[i])
            continue;
        int64_t rows = tables[i]->rows;
        if (tables[i]->label_values) {
            int64_t answers = tables[i]->answers;
            parts[i]->targets = nt_allocate(rows, (size_t)answers * sizeof *parts[i]->targets, "targets", err);
            if (!parts[i]->targets)
                return false;
            for (int64_t k = 0; k < rows * answers; k++)
                parts[i]->targets[k] = (float)tables[i]->label_values[k];
            continue;
        }
        parts[i]->labels = nt_allocate(rows, sizeof *parts[i]->labels, "labels", err);
        if (!parts[i]->labels)
            return false;
        class_numbers = class_numbers && take_class_numbers(tables[i], q->outputs, parts[i]->labels);
    }
    if (class_numbers)
        return true;
    if (!collect_names(q, train ? train : test, out, err))
        return false;
    for (int i = 0; i < 2; i++)
        if (tables[i] && !look_up_labels(tables[i], out->names, q->outputs, parts[i]->labels, err))
            return false;
    return true;
}

/* ------------------------------------------------------------------------------------------------------------ files */

static void take_values(table *t, nt_part *part)
{
    part->count = t->rows;
    part->values = t->values;
    t->values = NULL;
}

/* Copies the rows at `index` out of a part. */
static bool pick_rows(const nt_part *all, const int64_t *index, int64_t n, int64_t features, int64_t answers,
                      nt_part *part, nt_error *err)
{
    part->values = nt_allocate(n, (size_t)features * sizeof *part->values, "the table", err);
    if (all->labels)
        part->labels = nt_allocate(n, sizeof *part->labels, "labels", err);
    if (all->targets)
        part->targets = nt_allocate(n, (size_t)answers * sizeof *part->targets, "targets", err);
    if (!part->values || (all->labels && !part->labels) || (all->targets && !part->targets))
        return false;
    for (int64_t i = 0; i < n; i++) {
        memcpy(part->values + i * features, all->values + index[i] * features, (size_t)features * sizeof *part->values);
        if (all->labels)
            part->labels[i] = all->labels[index[i]];
        if (all->targets)
            memcpy(part->targets + i * answers, all->targets + index[i] * answers, (size_t)answers * sizeof *part->targets);
    }
    part->count = n;
    return true;
}

static int compare_places(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Splits one table: a fifth of its rows, the same in every run, are the test part. */
static bool split_rows(const nt_data_request *q, const char *name, const nt_part *all, nt_loaded *out, nt_error *err)
{
    int64_t test = (all->count + 2) / 5, train = all->count - test, features = (int64_t)q->h * q->w * q->c;
    int64_t *order = nt_allocate(all->count, sizeof *order, "the split of the table", err);
    if (!order)
        return false;
    nt_random_permutation(nt_key(0, NT_KEY_TEST_SHARE), order, all->count);
    qsort(order, (size_t)test, sizeof *order, compare_places);
    qsort(order + test, (size_t)train, sizeof *order, compare_places);
    snprintf(out->note, sizeof out->note,
             "%s: %lld of its %lld rows, chosen at random once and for all, are the test part", name, (long long)test,
             (long long)all->count);
    bool ok = pick_rows(all, order, test, features, q->outputs, &out->test, err) &&
              pick_rows(all, order + test, train, features, q->outputs, &out->train, err);
    free(order);
    return ok;
}

static bool same_columns(const table *a, const table *b, nt_error *err)
{
    for (int i = 0; a->header && b->header && i < a->columns && i < b->columns; i++)
        if (compare_bytes(&a->header[i], &b->header[i]) != 0)
            return nt_fail(
                err, "%s: its column %d is '%.*s', in %s it is '%.*s': both need the same columns in the same order",
                b->file->name, i + 1, (int)b->header[i].size, b->header[i].text, a->file->name, (int)a->header[i].size,
                a->header[i].text);
    return true;
}

bool nt_csv_table(const nt_data_request *q, nt_file *train_file, nt_file *test_file, nt_loaded *out, nt_error *err)
{
    table train = {0}, test = {0};
    nt_part whole = {0};
    bool one = !test_file;
    bool ok = (!train_file || read_table(q, train_file, true, &train, err)) &&
              (!test_file || read_table(q, test_file, true, &test, err));
    ok = ok && (!train_file || !test_file || same_columns(&train, &test, err));
    ok = ok && answer_tables(q, train_file ? &train : NULL, test_file ? &test : NULL, one ? &whole : &out->train,
                             &out->test, out, err);
    if (ok && one) {
        take_values(&train, &whole);
        ok = split_rows(q, train_file->name, &whole, out, err);
    } else if (ok) {
        if (train_file)
            take_values(&train, &out->train);
        take_values(&test, &out->test);
    }
    nt_part_free(&whole);
    free_table(&train);
    free_table(&test);
    return ok;
}

/* A folder with train.csv and, or, test.csv. Class names come from the training rows, so those are read even if only
 * the test part is wanted. */
static bool load_folder(const nt_data_request *q, const char *train_path, const char *test_path, nt_loaded *out,
                        nt_error *err)
{
    nt_file train = {0}, test = {0};
    bool has_train = nt_path_exists(train_path), has_test = nt_path_exists(test_path);
    bool ok = true;
    if (!has_train && (q->parts & NT_PART_TRAIN))
        ok = nt_fail(err, "%s: is missing: csv(\"...\") names a file, or a folder that holds train.csv and test.csv",
                     train_path);
    else if (!has_test && q->parts == NT_PART_TEST)
        ok = nt_fail(err, "%s: is missing: there is nothing to test on", test_path);
    ok = ok && (!has_train || nt_file_read(train_path, &train, err)) &&
         (!has_test || nt_file_read(test_path, &test, err));
    ok = ok && nt_csv_table(q, has_train ? &train : NULL, has_test ? &test : NULL, out, err);
    nt_file_free(&train);
    nt_file_free(&test);
    return ok;
}

bool nt_load_csv(const nt_data_request *q, const char *path, nt_loaded *out, nt_error *err)
{
    bool ok;
    if (nt_path_is_folder(path)) {
        char *train = nt_path_join(path, "train.csv"), *test = nt_path_join(path, "test.csv");
        ok = (train && test) || nt_fail_memory(err, path, (double)strlen(path));
        ok = ok && load_folder(q, train, test, out, err);
        free(train);
        free(test);
    } else {
        nt_file file;
        ok = nt_file_read(path, &file, err) && nt_csv_table(q, &file, NULL, out, err);
        nt_file_free(&file);
    }
    if (!(q->parts & NT_PART_TRAIN))
        nt_part_free(&out->train);
    if (!(q->parts & NT_PART_TEST))
        nt_part_free(&out->test);
    return ok;
}

bool nt_inputs_csv(const nt_data_request *q, const char *path, nt_part *out, nt_error *err)
{
    nt_file file;
    if (!nt_file_read(path, &file, err))
        return false;
    table t = {0};
    bool ok = read_table(q, &file, false, &t, err);
    if (ok)
        take_values(&t, out);
    free_table(&t);
    nt_file_free(&file);
    return ok;
}
