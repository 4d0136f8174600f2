#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suggest.h"

enum { MOST_OPTIONS = 32 };

static nt_parsed wrong(const nt_usage *usage)
{
    fprintf(stderr, "help: `%s %s --help` lists the options\n", usage->exe, usage->command);
    return NT_PARSED_WRONG;
}

static void print_help(const nt_usage *usage)
{
    int width = 6; /* of "--help" */
    for (int i = 0; i < usage->n; i++) {
        const nt_option *o = &usage->options[i];
        int length = (int)(strlen(o->name) + (o->value ? 1 + strlen(o->value) : 0));
        width = length > width ? length : width;
    }
    printf("usage: %s %s [options]%s%s\n%s\n\n", usage->exe, usage->command, usage->rest ? " " : "",
           usage->rest ? usage->rest : "", usage->summary);
    for (int i = 0; i < usage->n; i++) {
        const nt_option *o = &usage->options[i];
        int used = printf("  %s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        printf("%*s%s\n", width + 4 - used, "", o->help);
    }
    printf("  %-*s  %s\n", width, "--help", "this text");
}

static const nt_option *find(const nt_usage *usage, const char *name, size_t length)
{
    for (int i = 0; i < usage->n; i++)
        if (strlen(usage->options[i].name) == length && strncmp(usage->options[i].name, name, length) == 0)
            return &usage->options[i];
    return NULL;
}

static void unknown(const nt_usage *usage, const char *name, size_t length)
{
    const char *names[MOST_OPTIONS + 1];
    char word[64];
    int n = 0;
    for (; n < usage->n && n < MOST_OPTIONS; n++)
        names[n] = usage->options[n].name;
    names[n++] = "--help";
    snprintf(word, sizeof word, "%.*s", (int)length, name);
    const char *near = nt_suggest(word, names, (size_t)n);
    fprintf(stderr, "error: unknown option '%s'%s%s%s\n", word, near ? "; did you mean '" : "", near ? near : "",
            near ? "'?" : "");
}

/* A number that takes up the whole text. */
static bool read_number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*value);
}

static bool read_count(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *value = number;
    return end != text && *end == '\0' && errno == 0;
}

static bool read_seed(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    *value = number;
    return end != text && *end == '\0' && errno == 0 && !strchr(text, '-');
}

static bool set(const nt_option *option, const char *value)
{
    double number;
    int64_t count;
    switch (option->kind) {
    case NT_OPTION_FLAG: *(bool *)option->to = true; return true;
    case NT_OPTION_TEXT: *(const char **)option->to = value; return true;
    case NT_OPTION_SEED:
        if (read_seed(value, option->to))
            return true;
        fprintf(stderr, "error: %s takes a whole number from 0, not '%s'\n", option->name, value);
        return false;
    case NT_OPTION_COUNT:
        if (read_count(value, &count) && (double)count >= option->least && count <= INT32_MAX) {
            *(int64_t *)option->to = count;
            return true;
        }
        fprintf(stderr, "error: %s takes a whole number from %.0f, not '%s'\n", option->name, option->least, value);
        return false;
    case NT_OPTION_NUMBER:
        if (read_number(value, &number) && number >= option->least) {
            *(double *)option->to = number;
            return true;
        }
        fprintf(stderr, "error: %s takes a number from %g, not '%s'\n", option->name, option->least, value);
        return false;
    }
    return false;
}

nt_parsed nt_options_parse(const nt_usage *usage, int argc, char **argv, int *n_rest)
{
    bool options_end = false;
    *n_rest = 0;
    for (int i = 0; i < argc; i++) {
        char *word = argv[i];
        if (options_end || word[0] != '-' || word[1] == '\0') {
            if (!usage->rest) {
                fprintf(stderr, "error: unexpected argument '%s'\n", word);
                return wrong(usage);
            }
            argv[(*n_rest)++] = word;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            options_end = true;
            continue;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            print_help(usage);
            return NT_PARSED_HELP;
        }
        const char *equals = strchr(word, '=');
        size_t length = equals ? (size_t)(equals - word) : strlen(word);
        const nt_option *option = find(usage, word, length);
        if (!option) {
            unknown(usage, word, length);
            return wrong(usage);
        }
        const char *value = equals ? equals + 1 : NULL;
        if (option->kind == NT_OPTION_FLAG && value) {
            fprintf(stderr, "error: %s takes no value\n", option->name);
            return wrong(usage);
        }
        if (option->kind != NT_OPTION_FLAG && !value) {
            if (i + 1 == argc) {
                fprintf(stderr, "error: %s needs a value: %s %s\n", option->name, option->name, option->value);
                return wrong(usage);
            }
            value = argv[++i];
        }
        if (!set(option, value))
            return wrong(usage);
        if (option->given)
            *option->given = true;
    }
    return NT_PARSED;
}
