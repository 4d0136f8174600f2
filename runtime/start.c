#define _POSIX_C_SOURCE 200809L
#include "start.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "params.h"
#include "progress.h"
#include "suggest.h"
#include "weights.h"

/* -- The command line -------------------------------------------------------------------------------------------- */

/* Splits "head,layer3.*" at its commas, into memory of its own. */
static bool split(nt_start *start, const char *names, nt_error *error)
{
    size_t most = 1;
    for (const char *p = names; *p; p++)
        most += *p == ',';
    size_t size = most * sizeof(char *);
    char *memory = malloc(size + strlen(names) + 1);
    if (!memory)
        return nt_fail_memory(error, "--except", (double)size);
    const char **list = (const char **)(void *)memory;
    start->n_except = 0;
    for (char *p = strcpy(memory + size, names); p;) {
        char *comma = strchr(p, ',');
        if (comma)
            *comma++ = '\0';
        if (*p)
            list[start->n_except++] = p;
        p = comma;
    }
    start->except = list;
    return true;
}

bool nt_start_choose(nt_start *start, const nt_start *model, const char *weights, const char *except, bool partial,
                     nt_error *error)
{
    *start = (nt_start){.path = weights ? weights : model->path, .partial = partial};
    if (!start->path && (except || partial))
        return nt_fail(error, "%s is about a weights file, and there is none: give --weights F as well",
                       except ? "--except" : "--partial");
    if (!weights && !partial)
        start->partial = model->partial;
    if (weights || except)
        return split(start, except ? except : "", error);
    const char **list = calloc((size_t)model->n_except + 1, sizeof *list);
    if (!list)
        return nt_fail_memory(error, "the names of parameters", (double)model->n_except * sizeof *list);
    for (int i = 0; i < model->n_except; i++)
        list[i] = model->except[i];
    start->except = list;
    start->n_except = model->n_except;
    return true;
}

void nt_start_free(nt_start *start)
{
    free((void *)start->except);
    *start = (nt_start){0};
}

/* -- What of the file is taken ----------------------------------------------------------------------------------- */

/* Whether the pattern is the name, or that of something around it. */
static bool chooses(const char *pattern, const char *name)
{
    char part[512];
    bool found = fnmatch(pattern, name, 0) == 0;
    for (const char *dot = strchr(name, '.'); dot && !found; dot = strchr(dot + 1, '.')) {
        int length = (int)(dot - name);
        found = snprintf(part, sizeof part, "%.*s", length, name) == length && fnmatch(pattern, part, 0) == 0;
    }
    return found;
}

static bool unknown_name(const nt_model *model, const char *pattern, nt_error *error)
{
    const char **names = calloc((size_t)model->n_params + 1, sizeof *names);
    char *paths = calloc((size_t)model->n_params + 1, 128), text[160] = "";
    const char *near = NULL;
    for (int i = 0; i < model->n_params && names && paths; i++) { /* labels: names without their last part */
        const char *name = model->params[i].name, *dot = strrchr(name, '.');
        snprintf(paths + (size_t)i * 128, 128, "%.*s", dot ? (int)(dot - name) : 0, name);
        names[i] = paths + (size_t)i * 128;
    }
    if (names && paths)
        near = nt_suggest(pattern, names, (size_t)model->n_params);
    if (near)
        snprintf(text, sizeof text, "; did you mean '%s'?", near);
    free(names);
    free(paths);
    return nt_fail(error, "no parameter is chosen by '%s', which weights or --except leaves out%s", pattern, text);
}

/* Marks what `except` names. */
static bool leave_out(const nt_start *start, const nt_model *model, nt_origin *origins, nt_error *error)
{
    for (int k = 0; k < start->n_except; k++) {
        bool found = false;
        for (int i = 0; i < model->n_params; i++)
            if (chooses(start->except[k], model->params[i].name)) {
                origins[i] = NT_LEFT_OUT;
                found = true;
            }
        if (!found)
            return unknown_name(model, start->except[k], error);
    }
    return true;
}

/* Adds what would make the file fit to an error that says how it does not. */
static void add_help(const nt_start *start, const nt_model *model, const nt_tensors *tensors, const nt_origin *origins,
                     nt_error *error)
{
    enum { MOST = 3 };
    char labels[256] = "", said[NT_ERROR_MAX];
    size_t used = 0;
    const char *last = "";
    size_t last_length = 0;
    int n = 0;
    for (int i = 0; i < model->n_params; i++) {
        const nt_param *param = &model->params[i];
        const nt_tensor *tensor = nt_tensors_find(tensors, param->name);
        const char *dot = strrchr(param->name, '.');
        size_t length = dot ? (size_t)(dot - param->name) : strlen(param->name);
        bool fits = origins[i] == NT_LEFT_OUT || (tensor && nt_tensor_fits(tensor, param));
        bool under = last_length > 0 && strncmp(param->name, last, last_length) == 0 && param->name[last_length] == '.';
        if (fits || under)
            continue;
        if (n++ < MOST && used < sizeof labels)
            used += (size_t)snprintf(labels + used, sizeof labels - used, "%s%.*s", used ? "," : "", (int)length,
                                     param->name);
        last = param->name;
        last_length = length;
    }
    snprintf(said, sizeof said, "%s", error->text);
    if (n > 0 && n <= MOST && used < sizeof labels && start->n_except == 0)
        nt_fail(error,
                "%s\nhelp: weights = file(\"%s\", except=[%s]) under train, or --except %s, starts that anew;\n"
                "      partial=yes, or --partial, takes whatever fits",
                said, start->path, labels, labels);
    else
        nt_fail(error,
                "%s\nhelp: partial=yes in weights = file(...), or --partial, takes what fits and leaves the rest",
                said);
}

static nt_origin origin_of(const nt_tensors *tensors, const nt_param *param)
{
    const nt_tensor *tensor = nt_tensors_find(tensors, param->name);
    return !tensor ? NT_NOT_IN_FILE : nt_tensor_fits(tensor, param) ? NT_LOADED : NT_OTHER_SHAPE;
}

static bool load(const nt_start *start, const nt_model *model, const nt_tensors *tensors, real *params,
                 nt_origin *origins, nt_error *error)
{
    nt_item *items = calloc((size_t)model->n_params + 1, sizeof *items);
    size_t n = 0;
    if (!items)
        return nt_fail_memory(error, start->path, 0);
    for (int i = 0; i < model->n_params; i++) {
        if (origins[i] == NT_LEFT_OUT)
            continue;
        origins[i] = start->partial ? origin_of(tensors, &model->params[i]) : NT_LOADED;
        if (origins[i] == NT_LOADED)
            items[n++] = (nt_item){model->params[i].name, &model->params[i], params};
    }
    bool more = start->partial || start->n_except > 0,
         good = nt_items_check(tensors, items, n, more, model->name, error);
    if (!good)
        add_help(start, model, tensors, origins, error);
    if (good && n == 0)
        good = nt_fail(error, "%s: no tensor has the name and shape of a parameter of %s that is to be loaded",
                       start->path, model->name);
    good = good && nt_items_fill(tensors, items, n, error);
    free(items);
    return good;
}

/* -- The account ------------------------------------------------------------------------------------------------- */

/* Parameters of one fate under one name: the first `length` bytes of `name`, none for all. */
typedef struct row {
    const char *name;
    int length;
    int first; /* the lowest index of its parameters: rows are in the network's order */
    int tensors;
    size_t values;
    const nt_param *example; /* one that is no statistic, if it has one */
    nt_origin origin;
} row;

typedef struct account {
    const nt_model *model;
    const nt_origin *origins;
    const nt_param **sorted; /* by name: what is under one name stands together */
    row *rows;
    int n;
} account;

static int by_name(const void *a, const void *b)
{
    const nt_param *const *p = a, *const *q = b;
    return strcmp((*p)->name, (*q)->name);
}

static int by_first(const void *a, const void *b)
{
    const row *p = a, *q = b;
    return p->first - q->first;
}

static int index_of(const account *a, const nt_param *param)
{
    return (int)(param - a->model->params);
}

/* The parameters from..to-1 of the sorted ones as a row, as far as they go. */
static row sum_up(const account *a, int from, int to, int length)
{
    row r = {.name = a->sorted[from]->name, .length = length, .first = a->model->n_params, .tensors = to - from};
    for (int i = from; i < to; i++) {
        const nt_param *param = a->sorted[i];
        int at = index_of(a, param);
        r.first = at < r.first ? at : r.first;
        r.values += nt_param_count(param);
        if (!r.example || (r.example->role == NT_STAT && param->role != NT_STAT))
            r.example = param;
    }
    r.origin = a->origins[index_of(a, r.example)];
    return r;
}

/* Whether the row says all there is to say. What is not trained by gradients at all has no rate. */
static bool is_uniform(const account *a, const row *r, int from, int to)
{
    if (r->origin == NT_OTHER_SHAPE && r->tensors > 1)
        return false;
    for (int i = from; i < to; i++) {
        const nt_param *param = a->sorted[i], *other = r->example;
        bool rated = param->role != NT_STAT && other->role != NT_STAT;
        if (a->origins[index_of(a, param)] != r->origin || param->frozen != other->frozen ||
            (rated && (param->lr_scale > other->lr_scale || param->lr_scale < other->lr_scale)))
            return false;
    }
    return true;
}

/* Makes rows of the sorted parameters from..to-1, whose names share their first `length` bytes, as few as possible. */
static void make_rows(account *a, int from, int to, int length)
{
    row r = sum_up(a, from, to, length);
    if (is_uniform(a, &r, from, to)) {
        a->rows[a->n++] = r;
        return;
    }
    int begin = length > 0 ? length + 1 : 0;
    while (from < to) {
        const char *name = a->sorted[from]->name;
        int end = from + 1, part = length;
        if (strlen(name) > (size_t)length) {
            part = begin + (int)strcspn(name + begin, ".");
            while (end < to && strncmp(a->sorted[end]->name, name, (size_t)part) == 0 &&
                   strchr(".", a->sorted[end]->name[part]))
                end++;
        }
        if (end == from + 1)
            a->rows[a->n++] = sum_up(a, from, end, (int)strlen(name));
        else
            make_rows(a, from, end, part);
        from = end;
    }
}

static const char *row_name(const row *r, char text[80])
{
    if (r->length == 0)
        return "all parameters";
    snprintf(text, 80, "%.*s", r->length, r->name);
    return text;
}

static const char *start_text(const row *r, const nt_tensors *tensors, char *text, size_t size)
{
    char dims[NT_DIMS_TEXT];
    switch (r->origin) {
    case NT_LOADED:
        return "loaded";
    case NT_INITIAL:
        return "initial values";
    case NT_LEFT_OUT:
        return "initial values: left out by name";
    case NT_NOT_IN_FILE:
        return "initial values: not in the file";
    case NT_OTHER_SHAPE:
        break;
    }
    const nt_tensor *tensor = nt_tensors_find(tensors, r->example->name);
    snprintf(text, size, "initial values: %s in the file", nt_dims_text(dims, tensor->dims, tensor->n_dims));
    return text;
}

static int longer(int width, const char *text)
{
    return (int)strlen(text) > width ? (int)strlen(text) : width;
}

static void print_rows(const account *a, const nt_tensors *tensors, FILE *to)
{
    int width = 10, start_width = 0;
    char name[80], text[NT_DIMS_TEXT + 40], number[32], dims[NT_DIMS_TEXT];
    for (int i = 0; i < a->n; i++) {
        width = longer(width, row_name(&a->rows[i], name));
        start_width = longer(start_width, start_text(&a->rows[i], tensors, text, sizeof text));
    }
    fprintf(to, "  %-*s  tensors  %16s  %-*s  training\n", width, "parameters", "values", start_width, "start");
    for (int i = 0; i < a->n; i++) {
        const row *r = &a->rows[i];
        int64_t shape[4];
        for (int d = 0; d < r->example->n_disk_dims; d++)
            shape[d] = r->example->disk_dims[d];
        fprintf(to, "  %-*s  %7d  %16s  %-*s  ", width, row_name(r, name), r->tensors,
                r->tensors == 1 ? nt_dims_text(dims, shape, r->example->n_disk_dims)
                                : nt_format_count(number, (int64_t)r->values),
                start_width, start_text(r, tensors, text, sizeof text));
        if (r->example->frozen)
            fputs("frozen\n", to);
        else if (r->example->role == NT_STAT)
            fputs("statistics\n", to);
        else if (r->example->lr_scale > 1 || r->example->lr_scale < 1)
            fprintf(to, "trained, lr * %g\n", r->example->lr_scale);
        else
            fputs("trained\n", to);
    }
}

/* The file's tensors that have no place in the network. */
static void print_unused(const nt_model *model, const nt_tensors *tensors, FILE *to)
{
    enum { MOST = 6 };
    char dims[NT_DIMS_TEXT];
    size_t n = 0;
    for (size_t k = 0; k < tensors->n; k++) {
        const nt_tensor *tensor = &tensors->list[k];
        bool used = nt_tensor_is_passed_over(tensor);
        for (int i = 0; i < model->n_params && !used; i++)
            used = strcmp(model->params[i].name, tensor->name) == 0;
        if (!used && n++ < MOST)
            fprintf(to, "%s%s %s", n == 1 ? "  only in the file: " : ", ", tensor->name,
                    nt_dims_text(dims, tensor->dims, tensor->n_dims));
    }
    if (n > MOST)
        fprintf(to, " and %zu more", n - MOST);
    if (n > 0)
        fputc('\n', to);
}

static void print_notes(const account *a, const nt_tensors *tensors, FILE *to)
{
    char all[32], trained[32];
    int64_t values = 0;
    bool statistics = false, untaught = false;
    for (int i = 0; i < a->model->n_params; i++) {
        const nt_param *param = &a->model->params[i];
        values += nt_param_is_trained(param) ? (int64_t)nt_param_count(param) : 0;
        statistics |= param->frozen && param->role == NT_STAT;
        untaught |= param->frozen && a->origins[i] != NT_LOADED;
    }
    fprintf(to, "  %s of %s parameters are trained%s\n", nt_format_count(trained, values),
            nt_format_count(all, a->model->parameters),
            statistics ? "; frozen batchnorms use their running statistics, which stay" : "");
    char kind[32];
    if (nt_weights_normalize(tensors, kind) && strcmp(kind, nt_normalize_name(a->model->data->normalize)) != 0)
        fprintf(to,
                "warning: the file is of a run with normalize = %s, and this one has %s: what was loaded expects other "
                "inputs\n",
                kind, nt_normalize_name(a->model->data->normalize));
    if (untaught)
        fputs("warning: what is frozen and not loaded stays at initial values that nothing has trained\n", to);
}

/* Of the file at `path`, or NULL. */
static bool write_account(const char *path, const nt_model *model, const nt_tensors *tensors,
                          const nt_origin *origins, FILE *to, nt_error *error)
{
    size_t n = (size_t)model->n_params;
    account a = {.model = model,
                 .origins = origins,
                 .sorted = calloc(n + 1, sizeof *a.sorted),
                 .rows = calloc(n + 1, sizeof *a.rows)};
    bool good = a.sorted && a.rows;
    if (good && n > 0) {
        for (size_t i = 0; i < n; i++)
            a.sorted[i] = &model->params[i];
        qsort(a.sorted, n, sizeof *a.sorted, by_name);
        make_rows(&a, 0, (int)n, 0);
        qsort(a.rows, (size_t)a.n, sizeof *a.rows, by_first);
        if (path)
            fprintf(to, "weights  %s\n", path);
        print_rows(&a, tensors, to);
        print_unused(model, tensors, to);
        print_notes(&a, tensors, to);
    }
    free(a.sorted);
    free(a.rows);
    return good || nt_fail_memory(error, "the list of parameters", (double)n * sizeof *a.rows);
}

bool nt_start_load(const nt_start *start, const nt_model *model, real *params, nt_origin *origins, FILE *account,
                   nt_error *error)
{
    nt_tensors tensors = {0};
    bool good = true, plain = !start->path;
    for (int i = 0; i < model->n_params; i++) {
        const nt_param *param = &model->params[i];
        origins[i] = NT_INITIAL;
        plain = plain && !param->frozen && !(param->lr_scale > 1 || param->lr_scale < 1);
    }
    char path[NT_WEIGHTS_PATH];
    if (start->path && (!nt_weights_find(start->path, path, error) || !nt_tensors_read(&tensors, path, error))) {
        char said[NT_ERROR_MAX];
        snprintf(said, sizeof said, "%s", error->text);
        return nt_fail(error, "%s\nhelp: the path is relative to where the trainer runs; --weights F names another",
                       said);
    }
    if (start->path)
        good = leave_out(start, model, origins, error) && load(start, model, &tensors, params, origins, error);
    if (good && account && !plain)
        good = write_account(start->path ? path : NULL, model, &tensors, origins, account, error);
    nt_tensors_free(&tensors);
    return good;
}
