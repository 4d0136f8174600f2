/* main.c - the command line of netc. */
#define _POSIX_C_SOURCE 200809L
#include "driver.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Command {
    const char *name, *arguments, *summary, *options; /* summary NULL: for the project's own use, not listed */
    int (*run)(const Options *o);
} Command;

static int command_check(const Options *o);
static int command_fmt(const Options *o);

static const char train_help[] = "  --memory SIZE  what training may take: 2GiB, 500MB\n  --target T     native (the default: what this machine has), generic, avx2, avx512, neon\n  -D name=value  set a let constant\n";

static const Command commands[] = {
    {"check", "M.net", "check a model: silent, or diagnostics and status 1",
     "  --dump STAGE   print what a stage leaves: ast, graph, dce, recompute, fuse, layout, plan\n"
     "  -D name=value  set a let constant\n",
     command_check},
    {"report", "M.net", "table of shapes, memory, parameters",
     "  --batch N      samples that memory is planned for (the train section's batch)\n"
     "  --memory SIZE  what training may take: 2GiB, 500MB\n"
     "  --format F     text, md, csv, json or html\n"
     "  --pareto       memory against time: what computing results again, instead of keeping them, saves and costs\n"
     "  --effective    every setting, defaults included\n"
     "  -D name=value  set a let constant\n",
     command_report},
    {"explain", "M.net", "algorithms, layouts, fusion and the memory plan, operator by operator",
     "  --batch N      as build --batch N would make it (the train section's batch)\n"
     "  --memory SIZE  what training may take: 2GiB, 500MB\n"
     "  --target T     native (the default: what this machine has), generic, avx2, avx512, neon\n"
     "  --roofline     instead: what each step takes at least on a machine, and where time is lost\n"
     "  --machine M    of --roofline: peak=GFLOP/s,bandwidth=GB/s and, for what stays in caches, SIZE=GB/s, as in\n"
     "                 peak=118,bandwidth=21,1M=99,16M=62 (measured if not given; a --measured file has its own)\n"
     "  --measured F   of --roofline: times beside the predictions, from EXE bench --per-layer --format json\n"
     "  --threads N    of --roofline: threads that the machine is measured with (1)\n"
     "  --format F     of --roofline: text (the default) or json\n"
     "  -D name=value  set a let constant\n",
     command_explain},
    {"emit", "M.net -o DIR", "write the C sources",
     "  -o DIR         folder for the sources\n  --kind K       trainer (the default) or library\n"
     "  --batch N      train in batches of N samples, whatever the train section says\n"
     "  --memory SIZE  what training may take: 2GiB, 500MB\n"
     "  --weights F    with --kind library: a safetensors file, or a folder of train, to compile in\n"
     "  --target T     native (the default: what this machine has), generic, avx2, avx512, neon\n"
     "  -D name=value  set a let constant\n",
     command_emit},
    {"build", "M.net -o EXE", "emit, then compile with $CC or cc",
     "  -o EXE         the program; a library: X.a, with its header beside it, or a folder for both\n"
     "  --kind K       trainer (the default) or library\n"
     "  --batch N      train in batches of N samples, whatever the train section says\n"
     "  --memory SIZE  what training may take: 2GiB, 500MB\n"
     "  --weights F    with --kind library: a safetensors file, or a folder of train, to compile in\n"
     "  --target T     native (the default: what this machine has), generic, avx2, avx512, neon\n  -D name=value  set a let constant\n"
     "  the variable CC names the C compiler; flags in NETC_CFLAGS follow netc's own, as in NETC_CFLAGS='-O1 -g';\n"
     "  NETC_VERBOSE=1 shows all that the compiler prints, not only its first errors\n",
     command_build},
    {"train", "M.net [ARGS ...]", "build in a cache folder, then run EXE train ARGS", train_help, command_train},
    {"tune", "M.net", "measure other algorithms and blocks; build, emit, train and explain use the faster ones",
     "  --batch N      batches of N samples (the train section's batch); 1 is what libraries are made for\n"
     "  --threads N    threads to measure with (1)\n"
     "  --seconds S    time to spend (60): a large network takes longer to compile, and fewer choices are tried\n"
     "  --target T     native (the default: what this machine has), generic, avx2, avx512, neon\n  -D name=value  set a let constant\n"
     "  the result is kept beside the model, in M.tune, and counts for that target and batch; delete it to be rid of it\n",
     command_tune},
    {"fmt", "M.net", "rewrite in canonical form, comments kept",
     "  --check        status 1 and no change if the file is not in that form\n", command_fmt},
    {"graph", "M.net", "the network as a picture",
     "  --format F     svg (the default) or dot\n  -D name=value  set a let constant\n", command_graph},
    {"doc", "operators|editor", NULL,
     "  operators      lang/operators.md\n  editor         lang/editor/net.vim\n", command_doc},
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void usage(FILE *out)
{
    fprintf(out, "netc - compiles a declarative model of a neural network to C\n\nusage: netc COMMAND M.net [OPTIONS]\n\n");
    for (int i = 0; i < N_COMMANDS; i++) {
        if (commands[i].summary) {
            fprintf(out, "  %-8s %-18s %s\n", commands[i].name, commands[i].arguments, commands[i].summary);
        }
    }
    fprintf(out, "\n`netc COMMAND --help` lists a command's options. `netc --version` prints the version.\n");
}

static int bad_usage(const char *format, const char *what)
{
    fprintf(stderr, "netc: ");
    fprintf(stderr, format, what);
    fprintf(stderr, "\n");
    return 2;
}

static const Command *find_command(const char *name)
{
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* Takes the value of an option: `--name value` or `--name=value`. */
static const char *option_value(const char *name, int argc, char **argv, int *i)
{
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0) {
        return NULL;
    }
    if (argv[*i][n] == '=' && n > 2) {
        return argv[*i] + n + 1;
    }
    if (n == 2 && argv[*i][n] != '\0') {
        return argv[*i] + n; /* -Dname=value */
    }
    if (argv[*i][n] == '\0' && *i + 1 < argc) {
        return argv[++*i];
    }
    return NULL;
}

/* Whether a command's help lists the option: the help is the list of what it takes. */
static bool takes(const Command *c, const char *option)
{
    const char *at = strstr(c->options, option);
    return at && (at[strlen(option)] == ' ');
}

static bool take_count(const char *text, int64_t most, int64_t *to)
{
    char *end = NULL;
    *to = strtoll(text, &end, 10);
    return *text != '\0' && *end == '\0' && *to >= 1 && *to <= most;
}

static int parse_options(const Command *c, Options *o, int argc, char **argv)
{
    static const char *const valued[] = {"--batch", "--memory", "--format", "--target", "--kind", "--weights", "--dump", "--machine",
                                         "--measured", "--threads", "--seconds", "-o", "-D"};
    for (int i = 2; i < argc; i++) {
        const char *a = argv[i];
        if (a[0] != '-' && !o->file) {
            o->file = a;
            if (strcmp(c->name, "train") == 0) {
                o->args = argv + i + 1;
                o->n_args = argc - i - 1;
                return 0;
            }
            continue;
        }
        if (strcmp(a, "--effective") == 0 && takes(c, a)) {
            o->effective = true;
            continue;
        }
        if (strcmp(a, "--roofline") == 0 && takes(c, a)) {
            o->roofline = true;
            continue;
        }
        if (strcmp(a, "--pareto") == 0 && takes(c, a)) {
            o->pareto = true;
            continue;
        }
        if (strcmp(a, "--check") == 0 && takes(c, a)) {
            o->check = true;
            continue;
        }
        const char *value = NULL;
        const char *name = NULL;
        for (size_t k = 0; k < sizeof valued / sizeof *valued && !value; k++) {
            if (takes(c, valued[k]) && strncmp(a, valued[k], strlen(valued[k])) == 0) {
                value = option_value(valued[k], argc, argv, &i);
                name = valued[k];
            }
        }
        if (!value && name && strcmp(a, name) == 0) {
            return bad_usage("%s needs a value: give one behind it", name);
        }
        if (!value) {
            fprintf(stderr, "netc: %s takes no %s '%s'\nusage: netc %s %s\n%s", c->name, a[0] == '-' ? "option" : "second file", a, c->name,
                    c->arguments, c->options);
            return 2;
        }
        if (strcmp(name, "--batch") == 0) {
            if (!take_count(value, 1 << 24, &o->batch)) {
                return bad_usage("--batch %s: give a whole number from 1 on", value);
            }
        } else if (strcmp(name, "--threads") == 0) {
            if (!take_count(value, 1024, &o->threads)) {
                return bad_usage("--threads %s: give a whole number from 1 to 1024", value);
            }
        } else if (strcmp(name, "--seconds") == 0) {
            if (!take_count(value, 86400, &o->seconds)) {
                return bad_usage("--seconds %s: give a whole number from 1 to 86400", value);
            }
        } else if (strcmp(name, "--machine") == 0) {
            o->machine = value;
        } else if (strcmp(name, "--measured") == 0) {
            o->measured = value;
        } else if (strcmp(name, "--memory") == 0) {
            o->memory_text = value;
            if (!bytes_parse(value, strlen(value), &o->memory) || o->memory < 1) {
                return bad_usage("--memory %s: give a size with its unit, as 2GiB or 500MB", value);
            }
        } else if (strcmp(name, "--format") == 0) {
            o->format = value;
        } else if (strcmp(name, "--target") == 0) {
            o->target = value;
            if (!target_find(value)) {
                fprintf(stderr, "netc: no target '%s': there are %s\n", value, target_names());
                return 2;
            }
        } else if (strcmp(name, "--kind") == 0) {
            o->kind = value;
            if (strcmp(value, "trainer") != 0 && strcmp(value, "library") != 0) {
                return bad_usage("--kind %s: it is trainer or library", value);
            }
        } else if (strcmp(name, "--dump") == 0) {
            o->dump = value;
            if (!is_stage(value)) {
                return bad_usage("--dump %s: the stages are ast, graph, dce, recompute, fuse, layout and plan", value);
            }
        } else if (strcmp(name, "--weights") == 0) {
            o->weights = value;
        } else if (strcmp(name, "-o") == 0) {
            o->output = value;
        } else {
            if (o->n_defines == DEFINES_MAX) {
                return bad_usage("-D %s: too many constants", value);
            }
            o->define_texts[o->n_defines++] = value;
        }
    }
    return 0;
}

static int command_check(const Options *o)
{
    Compilation c = {0};
    bool ok = compile_front(&c, o);
    if (ok && ((o->dump && strcmp(o->dump, "ast") != 0) || c.net->config->memory > 0)) {
        ok = compile_graphs(&c);
    }
    compilation_free(&c);
    return ok ? 0 : 1;
}

static int command_fmt(const Options *o)
{
    Arena arena = {0};
    Diags diags = {.arena = &arena};
    size_t len = 0;
    char *text = file_read(o->file, &len);
    if (!text) {
        fprintf(stderr, "netc: cannot read %s\n", o->file);
        return 1;
    }
    int file = diag_add_source(&diags, o->file, arena_strndup(&arena, text, len), (uint32_t)len);
    const Ast *ast = ast_parse(&arena, &diags, file);
    int status = 0;
    Str out = {0};
    if (diags.errors > 0) {
        diag_render(&diags, &out, false);
        fwrite(out.data, 1, out.len, stderr);
        status = 1;
    } else {
        ast_format(ast, &diags, &out);
        bool same = out.len == len && memcmp(out.data ? out.data : "", text, len) == 0;
        if (o->check) {
            if (!same) {
                fprintf(stderr, "netc: %s is not in canonical form; `netc fmt %s` rewrites it\n", o->file, o->file);
                status = 1;
            }
        } else if (!same && !file_write(o->file, out.data ? out.data : "", out.len)) {
            fprintf(stderr, "netc: cannot write %s\n", o->file);
            status = 3;
        }
    }
    str_free(&out);
    free(text);
    arena_free(&arena);
    return status;
}

int main(int argc, char **argv)
{
    /* A limit on file sizes is an error of one write, with a message, and half a file is removed. */
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGXFSZ, &ignore, NULL);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        usage(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("netc %s\n", NETC_VERSION);
        return 0;
    }
    const Command *c = find_command(argv[1]);
    if (!c) {
        const char *names[N_COMMANDS];
        for (int i = 0; i < N_COMMANDS; i++) {
            names[i] = commands[i].summary ? commands[i].name : NULL;
        }
        const char *near = did_you_mean(argv[1], names, N_COMMANDS);
        fprintf(stderr, "netc: no command '%s'%s%s%s\n\n", argv[1], near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        usage(stderr);
        return 2;
    }
    for (int i = 2; i < argc && strcmp(c->name, "train") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            printf("netc %s %s: %s\n\n%s", c->name, c->arguments,
                   c->summary ? c->summary : "a file of lang/, to standard output", c->options);
            return 0;
        }
    }
    if (argc > 2 && strcmp(argv[2], "--help") == 0) {
        printf("netc %s %s: %s\n\n%s\nARGS are the trainer's: see them with `netc train M.net --help`.\n", c->name, c->arguments, c->summary,
               c->options);
        return 0;
    }
    Options o = {.target = "native", .kind = "trainer"};
    int status = parse_options(c, &o, argc, argv);
    if (status != 0) {
        return status;
    }
    if (!o.file) {
        fprintf(stderr, "netc: which model?\nusage: netc %s %s\n", c->name, c->arguments);
        return 2;
    }
    return c->run(&o);
}
