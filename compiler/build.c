/* build.c - emit, build, train: sources into a folder, a C compiler over them, the program run. */
#include "driver.h"
#include "emit/emit.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OK = 0, BAD_MODEL = 1, BAD_USAGE = 2, ENVIRONMENT = 3 };

/* Makes a folder and those above it. */
static bool make_folders(Arena *a, const char *path)
{
    char *copy = arena_strdup(a, path);
    for (char *p = copy + 1; *p; p++) {
        if (*p == '/') {
            *p = '\0';
            if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
                return false;
            }
            *p = '/';
        }
    }
    return mkdir(copy, 0777) == 0 || errno == EEXIST;
}

static bool is_header(const char *name)
{
    size_t n = strlen(name);
    return n > 2 && strcmp(name + n - 2, ".h") == 0;
}

static bool is_kernel(const char *name)
{
    return strncmp(name, "kernels/", 8) == 0;
}

/* The trainer's Makefile: what a person runs who has only the emitted folder. */
static const char *makefile_text(Arena *a, const char *model, const Target *t)
{
    return arena_printf(a,
                        "# Builds the trainer of %s: needs a C compiler, zlib, libjpeg, libpng and jansson.\n"
                        "CC ?= cc\n"
                        "CFLAGS = -std=c11 -O3 %s %s%s -fopenmp -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wpedantic\n"
                        "RUNTIME = $(filter-out runtime/gradcheck_double.c,$(wildcard runtime/*.c))\n"
                        "DOUBLE = %s.double.o runtime/params.double.o runtime/gradcheck_double.double.o\n\n"
                        "%s: %s_main.o %s.o $(RUNTIME:.c=.o) $(DOUBLE)\n"
                        "\t$(CC) $(CFLAGS) -o $@ $^ -ljansson -lpng -ljpeg -lz -lm\n"
                        "%%.double.o: %%.c\n\t$(CC) $(CFLAGS) -DNT_DOUBLE -c -o $@ $<\n",
                        model, t->cflags, t->define ? "-D" : "", t->define ? t->define : "", model, model, model, model);
}

static bool write_one(Arena *a, const char *folder, const char *name, const char *text, size_t len)
{
    const char *path = arena_printf(a, "%s/%s", folder, name);
    if (!file_write(path, text, len)) {
        fprintf(stderr, "netc: cannot write %s: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}

/* Writes the model's own files and, with `runtime`, the runtime's beside them. */
static int write_sources(Compilation *c, const char *folder, bool runtime)
{
    Output out = {0};
    emit_model(&c->arena, c->net, c->train, c->infer, c->target, strcmp(c->options->kind, "library") == 0, &out);
    if (!make_folders(&c->arena, folder)) {
        fprintf(stderr, "netc: cannot make the folder %s: %s\n", folder, strerror(errno));
        return ENVIRONMENT;
    }
    for (int i = 0; i < out.n; i++) {
        if (!write_one(&c->arena, folder, out.files[i].name, out.files[i].text, out.files[i].len)) {
            return ENVIRONMENT;
        }
    }
    if (!make_folders(&c->arena, arena_printf(&c->arena, "%s/runtime", folder))) {
        fprintf(stderr, "netc: cannot make the folder %s/runtime: %s\n", folder, strerror(errno));
        return ENVIRONMENT;
    }
    for (const EmbeddedFile *f = embedded_files; f->name; f++) {
        if (!is_kernel(f->name) && (runtime || is_header(f->name)) &&
            !write_one(&c->arena, folder, arena_printf(&c->arena, "runtime/%s", f->name), f->text, strlen(f->text))) {
            return ENVIRONMENT;
        }
    }
    if (runtime) {
        const char *text = makefile_text(&c->arena, c_name(&c->arena, c->net->name), c->target);
        return write_one(&c->arena, folder, "Makefile", text, strlen(text)) ? OK : ENVIRONMENT;
    }
    return OK;
}

int command_emit(const Options *o)
{
    if (!o->output) {
        fprintf(stderr, "netc: emit needs a folder: netc emit %s -o DIR\n", o->file);
        return BAD_USAGE;
    }
    Compilation c = {0};
    int status = BAD_MODEL;
    if (compile_front(&c, o)) {
        compile_graphs(&c);
        status = write_sources(&c, o->output, true);
    }
    compilation_free(&c);
    return status;
}

/* ---- the C compiler ---- */

/* Runs a program and waits for it. -1: it could not be started. */
static int run(char *const argv[])
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        return -1;
    }
    if (pid == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Starts a program; its process id, or -1. */
static pid_t start(char *const argv[])
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    return pid;
}

static bool wait_for(pid_t pid)
{
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

typedef struct Words {
    char *items[256];
    int n;
} Words;

static void add_words(Arena *a, Words *w, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, " ");
        if (n > 0 && w->n < 255) {
            w->items[w->n++] = arena_strndup(a, text, n);
        }
        text += n + (text[n] == ' ');
    }
}

static const char *c_compiler(void)
{
    const char *cc = getenv("CC");
    return cc && *cc ? cc : "cc";
}

/* Flags of the user's, after ours: they win. */
static const char *own_flags(void)
{
    const char *flags = getenv("NETC_CFLAGS");
    return flags ? flags : "";
}

/* Whether $CC can be run at all; says how to get one if not. */
static bool have_compiler(Arena *a)
{
    Words w = {0};
    add_words(a, &w, c_compiler());
    const char *program = w.n > 0 ? w.items[0] : "cc";
    const char *path = getenv("PATH");
    bool found = strchr(program, '/') && access(program, X_OK) == 0;
    for (const char *p = path ? path : ""; !strchr(program, '/') && *p && !found;) {
        size_t n = strcspn(p, ":");
        found = access(arena_printf(a, "%.*s/%s", (int)n, p, program), X_OK) == 0;
        p += n + (p[n] == ':');
    }
    if (!found) {
        fprintf(stderr,
                "netc: no C compiler: '%s' is not on the PATH\n"
                "  help: install one (Debian, Ubuntu: apt-get install gcc; Fedora: dnf install gcc; macOS: xcode-select --install),\n"
                "        or name yours: CC=clang netc ...\n",
                program);
    }
    return found;
}

/* The runtime's archive beside this program: build/ in the source tree, ../lib/netc/ when installed. NULL: none. */
static const char *find_runtime(Arena *a)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) {
        return NULL;
    }
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    *slash = '\0';
    static const char *const places[] = {"", "/../lib/netc"};
    for (int i = 0; i < 2; i++) {
        const char *path = arena_printf(a, "%s%s/libnetc-runtime.a", self, places[i]);
        if (access(path, R_OK) == 0) {
            return path;
        }
    }
    return NULL;
}

static pid_t start_compile(Compilation *c, const char *folder, const char *source, const char *object, const char *flags)
{
    Words w = {0};
    add_words(&c->arena, &w, c_compiler());
    add_words(&c->arena, &w, "-std=c11 -fopenmp -D_POSIX_C_SOURCE=200809L");
    add_words(&c->arena, &w, flags);
    add_words(&c->arena, &w, own_flags());
    w.items[w.n++] = "-c";
    w.items[w.n++] = "-o";
    w.items[w.n++] = (char *)(uintptr_t)arena_printf(&c->arena, "%s/%s", folder, object);
    w.items[w.n++] = (char *)(uintptr_t)arena_printf(&c->arena, "%s/%s", folder, source);
    return start(w.items);
}

/* Compiles the sources in `folder` into `exe`. The double-precision copy for gradcheck is compiled beside the model. */
static int compile_sources(Compilation *c, const char *folder, const char *exe)
{
    Arena *a = &c->arena;
    const char *name = c_name(a, c->net->name), *runtime = find_runtime(a);
    const char *target = c->target->define ? arena_printf(a, "%s -D%s", c->target->cflags, c->target->define) : c->target->cflags;
    pid_t model = start_compile(c, folder, arena_printf(a, "%s.c", name), "model.o", arena_printf(a, "-O3 %s", target));
    pid_t doubled = start_compile(c, folder, arena_printf(a, "%s.c", name), "model_double.o",
                                  arena_printf(a, "-O1 -DNT_DOUBLE %s", c->target->cflags));
    pid_t entry = start_compile(c, folder, arena_printf(a, "%s_main.c", name), "main.o", "-O1");
    bool ok = wait_for(model);
    ok = wait_for(doubled) && ok;
    ok = wait_for(entry) && ok;
    if (!ok) {
        fprintf(stderr, "netc: %s could not compile the emitted sources in %s\n", c_compiler(), folder);
        return ENVIRONMENT;
    }
    Words w = {0};
    add_words(a, &w, c_compiler());
    add_words(a, &w, own_flags());
    add_words(a, &w, "-fopenmp -o");
    w.items[w.n++] = (char *)(uintptr_t)exe;
    for (int i = 0; i < 3; i++) {
        static const char *const objects[] = {"main.o", "model.o", "model_double.o"};
        w.items[w.n++] = (char *)(uintptr_t)arena_printf(a, "%s/%s", folder, objects[i]);
    }
    if (!runtime) {
        fprintf(stderr, "netc: the runtime library libnetc-runtime.a is not beside this program: run make, or make install\n");
        return ENVIRONMENT;
    }
    w.items[w.n++] = (char *)(uintptr_t)runtime;
    add_words(a, &w, "-ljansson -lpng -ljpeg -lz -lm");
    if (run(w.items) != 0) {
        fprintf(stderr, "netc: linking failed: the trainer needs zlib, libjpeg, libpng and jansson\n"
                        "  help: apt-get install zlib1g-dev libjpeg-dev libpng-dev libjansson-dev\n");
        return ENVIRONMENT;
    }
    return OK;
}

static const char *cache_folder(Arena *a)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache) {
        return arena_printf(a, "%s/netc", cache);
    }
    return home && *home ? arena_printf(a, "%s/.cache/netc", home) : "/tmp/netc-cache";
}

int command_build(const Options *o)
{
    if (!o->output) {
        fprintf(stderr, "netc: build needs the program's name: netc build %s -o EXE\n", o->file);
        return BAD_USAGE;
    }
    Compilation c = {0};
    int status = BAD_MODEL;
    if (compile_front(&c, o)) {
        compile_graphs(&c);
        status = ENVIRONMENT;
        if (have_compiler(&c.arena)) {
            char *folder = arena_printf(&c.arena, "%s.XXXXXX", o->output);
            if (!mkdtemp(folder)) {
                fprintf(stderr, "netc: cannot make a folder beside %s: %s\n", o->output, strerror(errno));
            } else {
                status = write_sources(&c, folder, false);
                status = status == OK ? compile_sources(&c, folder, o->output) : status;
                Words w = {.items = {"rm", "-rf", folder}, .n = 3};
                run(w.items);
            }
        }
    }
    compilation_free(&c);
    return status;
}

/* What decides about the program: the emitted text, the C compiler, the runtime. */
static uint64_t build_key(Compilation *c)
{
    Output out = {0};
    emit_model(&c->arena, c->net, c->train, c->infer, c->target, false, &out);
    uint64_t h = hash_text(hash_text(hash_text(hash_start(), NETC_VERSION), c_compiler()), own_flags());
    for (int i = 0; i < out.n; i++) {
        h = hash_bytes(h, out.files[i].text, out.files[i].len);
    }
    for (const EmbeddedFile *f = embedded_files; f->name; f++) {
        h = hash_text(h, f->text);
    }
    return h;
}

int command_train(const Options *o)
{
    Compilation c = {0};
    if (!compile_front(&c, o)) {
        compilation_free(&c);
        return BAD_MODEL;
    }
    compile_graphs(&c);
    const char *folder = arena_printf(&c.arena, "%s/%s-%016llx", cache_folder(&c.arena), c_name(&c.arena, c.net->name),
                                      (unsigned long long)build_key(&c));
    const char *exe = arena_printf(&c.arena, "%s/%s", folder, c_name(&c.arena, c.net->name));
    int status = OK;
    if (access(exe, X_OK) != 0) {
        status = have_compiler(&c.arena) ? write_sources(&c, folder, false) : ENVIRONMENT;
        if (status == OK) {
            /* the name appears only when the program is whole: a killed build is built again */
            const char *fresh = arena_printf(&c.arena, "%s.%ld", exe, (long)getpid());
            status = compile_sources(&c, folder, fresh);
            if (status == OK && rename(fresh, exe) != 0) {
                fprintf(stderr, "netc: cannot write %s: %s\n", exe, strerror(errno));
                status = ENVIRONMENT;
            }
        }
    }
    if (status == OK) {
        char **args = arena_array(&c.arena, (size_t)o->n_args + 3, sizeof *args);
        args[0] = (char *)(uintptr_t)exe;
        args[1] = "train";
        for (int i = 0; i < o->n_args; i++) {
            args[i + 2] = o->args[i];
        }
        fflush(NULL);
        execv(exe, args);
        fprintf(stderr, "netc: cannot run %s: %s\n", exe, strerror(errno));
        status = ENVIRONMENT;
    }
    compilation_free(&c);
    return status;
}
