/* build.c - emit, build, train: sources into a folder, a C compiler over them, the program run. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "driver.h"
#include "emit/emit.h"
#include "sketch.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OK = 0, BAD_MODEL = 1, BAD_USAGE = 2, ENVIRONMENT = 3, INTERRUPTED = 130 };

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
                        "MODEL = %s.o %s_backward.o\n"
                        "DOUBLE = $(MODEL:.o=.double.o) runtime/params.double.o runtime/gradcheck_double.double.o\n\n"
                        "%s: %s_main.o $(MODEL) $(RUNTIME:.c=.o) $(DOUBLE)\n"
                        "\t$(CC) $(CFLAGS) -o $@ $^ -ljansson -lpng -ljpeg -lz -lm\n"
                        "%%.double.o: %%.c\n\t$(CC) $(CFLAGS) -DNT_DOUBLE -c -o $@ $<\n",
                        model, t->cflags, t->define ? "-D" : "", t->define ? t->define : "", model, model, model, model);
}

static bool write_one(Arena *a, const char *folder, const char *name, const char *text, size_t len)
{
    const char *path = arena_printf(a, "%s/%s", folder, name);
    if (!file_update(path, text, len)) {
        fprintf(stderr, "netc: cannot write %s: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}

/* Which files of the runtime go beside a model's own: all of a trainer, or what it takes to compile against the archive of it, or the
 * little that a library includes. */
static bool trainer_needs(const char *name)
{
    return !is_kernel(name) && strcmp(name, "loader.h") != 0;
}

static bool trainer_includes(const char *name)
{
    return is_header(name) && trainer_needs(name);
}

static bool library_includes(const char *name)
{
    static const char *const headers[] = {"real.h", "forward.h", "loader.h"};
    bool found = is_header(name) && strncmp(name, "simd", 4) == 0;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        found |= strcmp(name, headers[i]) == 0;
    }
    return found;
}

static int write_files(Compilation *c, const char *folder, const Output *out, bool (*wanted)(const char *name))
{
    const char *runtime = arena_printf(&c->arena, "%s/runtime", folder);
    if (!make_folders(&c->arena, runtime)) {
        fprintf(stderr, "netc: cannot make the folder %s: %s\n", runtime, strerror(errno));
        return ENVIRONMENT;
    }
    for (int i = 0; i < out->n; i++) {
        if (!write_one(&c->arena, folder, out->files[i].name, out->files[i].text.data, out->files[i].text.len)) {
            return ENVIRONMENT;
        }
    }
    for (const EmbeddedFile *f = embedded_files; f->name; f++) {
        if (wanted(f->name) && !write_one(&c->arena, runtime, f->name, f->text, strlen(f->text))) {
            return ENVIRONMENT;
        }
    }
    return OK;
}

/* A trainer's own files. */
static void emit_trainer(Compilation *c, Output *out)
{
    emit_model(&c->arena, c->net, c->train, c->probe, c->infer, c->target, out);
    sketch_file(c, out);
}

/* A trainer: whole, with the runtime's sources and a Makefile, or only what netc compiles. */
static int write_trainer(Compilation *c, const char *folder, bool whole)
{
    Output out = {0};
    emit_trainer(c, &out);
    int status = write_files(c, folder, &out, whole ? trainer_needs : trainer_includes);
    output_free(&out);
    if (status == OK && whole) {
        const char *text = makefile_text(&c->arena, c_name(&c->arena, c->net->name), c->target);
        status = write_one(&c->arena, folder, "Makefile", text, strlen(text)) ? OK : ENVIRONMENT;
    }
    return status;
}

static int write_library(Compilation *c, const char *folder)
{
    Output out = {0};
    const bool good = emit_library(&c->arena, c->net, c->infer, c->target, c->options->weights, &out);
    const int status = good ? write_files(c, folder, &out, library_includes) : BAD_MODEL;
    output_free(&out);
    return status;
}

static bool is_library(const Options *o)
{
    return strcmp(o->kind, "library") == 0;
}

/* What emit and build ask of their options. */
static bool good_options(const Options *o, const char *needs)
{
    if (!o->output) {
        fprintf(stderr, "netc: %s\n", needs);
        return false;
    }
    if (o->weights && !is_library(o)) {
        fprintf(stderr, "netc: --weights compiles weights into a library: add --kind library (a trainer takes its weights when it runs)\n");
        return false;
    }
    return true;
}

int command_emit(const Options *o)
{
    if (!good_options(o, "emit needs a folder: netc emit M.net -o DIR")) {
        return BAD_USAGE;
    }
    Compilation c = {0};
    int status = BAD_MODEL;
    if (compile_front(&c, o) && compile_code(&c)) {
        status = is_library(o) ? write_library(&c, o->output) : write_trainer(&c, o->output, true);
    }
    compilation_free(&c);
    return status;
}

/* ---- the C compiler ---- */

/* What runs of what netc has started, each a process group of its own (a compiler starts others). A signal that ends netc
 * ends them, and is noted, so that what they leave is removed. */
enum { MOST_RUNNING = 8 };
static volatile pid_t running[MOST_RUNNING]; /* 0: a free place */
static volatile sig_atomic_t interrupted;

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { N_ENDING = sizeof ending_signals / sizeof *ending_signals };

static void end_what_runs(int number)
{
    const int reason = errno;
    (void)number;
    interrupted = 1;
    for (int i = 0; i < MOST_RUNNING; i++) {
        if (running[i] > 0) {
            kill(-running[i], SIGTERM);
        }
    }
    errno = reason;
}

static void catch_interrupts(void)
{
    struct sigaction act = {.sa_handler = end_what_runs}, now;
    sigemptyset(&act.sa_mask);
    for (int i = 0; i < N_ENDING; i++) {
        if (sigaction(ending_signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN) { /* as nohup wants it */
            sigaction(ending_signals[i], &act, NULL);
        }
    }
}

/* Keeps those signals off while the list of what runs changes. */
static void hold_signals(sigset_t *before)
{
    sigset_t held;
    sigemptyset(&held);
    for (int i = 0; i < N_ENDING; i++) {
        sigaddset(&held, ending_signals[i]);
    }
    sigprocmask(SIG_BLOCK, &held, before);
}

static void note_running(pid_t from, pid_t to)
{
    for (int i = 0; i < MOST_RUNNING; i++) {
        if (running[i] == from) {
            running[i] = to;
            return;
        }
    }
}

/* In the child: what it prints goes into the file; on stdout alone, or on stdout and stderr. NULL: where netc's goes. */
static bool print_into(const char *path, bool errors)
{
    const int file = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    return !path || (file >= 0 && dup2(file, STDOUT_FILENO) >= 0 && (!errors || dup2(file, STDERR_FILENO) >= 0));
}

/* Starts a program; its process id, or -1. */
static pid_t start(char *const argv[], const char *printed, bool errors)
{
    sigset_t before;
    fflush(NULL);
    hold_signals(&before);
    pid_t pid = interrupted ? -1 : fork();
    if (pid == 0) {
        setpgid(0, 0);
        sigprocmask(SIG_SETMASK, &before, NULL);
        if (print_into(printed, errors)) {
            execvp(argv[0], argv);
        }
        _exit(127);
    }
    if (pid > 0) {
        setpgid(pid, pid); /* whichever of the two is first */
        note_running(0, pid);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

/* Waits for a program's end. Its exit status, 128 and its signal, or -1: it was not started. */
static int wait_for(pid_t pid)
{
    int status = 0;
    sigset_t before;
    siginfo_t about;
    if (pid <= 0) {
        return -1;
    }
    while (waitid(P_PID, (id_t)pid, &about, WEXITED | WNOWAIT) < 0) { /* its number stays its own until it is off the list */
        if (errno != EINTR) {
            return -1;
        }
    }
    hold_signals(&before);
    const bool ended = waitpid(pid, &status, 0) == pid;
    note_running(pid, 0);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return !ended ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Runs a program and waits for it; what it prints goes where it says. */
static bool run(char *const argv[], const char *printed)
{
    return wait_for(start(argv, printed, true)) == 0;
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

/* ---- what compilers print ---- */

enum { MOST_LINES = 20 };

/* NETC_VERBOSE=1 shows all of it. */
static bool is_verbose(void)
{
    const char *verbose = getenv("NETC_VERBOSE");
    return verbose && *verbose && strcmp(verbose, "0") != 0;
}

/* Where a compiler's output goes; NULL: to the terminal. */
static const char *log_of(Arena *a, const char *folder, const char *object)
{
    return is_verbose() ? NULL : arena_printf(a, "%s/%s.log", folder, object);
}

static const char *line_of(const char *text, const char *at)
{
    while (at > text && at[-1] != '\n') {
        at--;
    }
    return at;
}

/* The line of the first error, or the one before it if that tells the function. */
static const char *first_error(const char *text)
{
    static const char *const signs[] = {": error:", ": fatal error:", ": undefined reference", ": cannot find"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        const char *at = strstr(text, signs[i]);
        found = at && (!found || at < found) ? at : found;
    }
    if (!found) {
        return text;
    }
    const char *line = line_of(text, found), *before = line > text ? line_of(text, line - 1) : line;
    const char *in = strstr(before, ": In function");
    return in && in < line ? before : line;
}

/* Prints the first lines of a log from its first error on, and how many there are. Returns whether there was anything. */
static bool show_log(const char *path)
{
    size_t len = 0;
    char *text = path ? file_read(path, &len) : NULL;
    const bool any = text && *text;
    if (any) {
        const char *at = first_error(text);
        int all = 0, shown = 0;
        for (const char *p = text; *p; p++) {
            all += *p == '\n';
        }
        for (; *at && shown < MOST_LINES; shown++) {
            const size_t n = strcspn(at, "\n");
            fprintf(stderr, "%.*s\n", (int)n, at);
            at += n + (at[n] == '\n');
        }
        if (all > shown) {
            fprintf(stderr, "(%d of %d lines; NETC_VERBOSE=1 shows all)\n", shown, all);
        }
    }
    free(text);
    return any;
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
    return start(w.items, log_of(&c->arena, folder, object), true);
}

/* Waits for compilers of the objects; what one has to say is shown, the first that fails before all others. */
static bool wait_for_objects(Compilation *c, const char *folder, const pid_t *pids, const char *const *objects, int n)
{
    int failed = -1;
    for (int i = 0; i < n; i++) {
        if (wait_for(pids[i]) != 0 && failed < 0) {
            failed = i;
        }
    }
    for (int i = 0; i < n && !interrupted; i++) {
        if ((failed < 0 || i == failed) && show_log(log_of(&c->arena, folder, objects[i])) && failed < 0) {
            fprintf(stderr, "netc: '%s' compiled %s with these warnings\n", c_compiler(), c->net->name);
        }
    }
    return failed < 0;
}

static int cannot_compile(Compilation *c)
{
    if (interrupted) {
        return INTERRUPTED;
    }
    fprintf(stderr,
            "netc: '%s' could not compile what was emitted for %s\n"
            "  help: `netc emit %s -o DIR` writes the same sources to look at; NETC_CFLAGS and CC change how they are compiled\n",
            c_compiler(), c->net->name, c->options->file);
    return ENVIRONMENT;
}

static const char *target_flags(Compilation *c)
{
    const Target *t = c->target;
    return t->define ? arena_printf(&c->arena, "%s -D%s", t->cflags, t->define) : t->cflags;
}

/* What was made in a folder beside it. A device or a pipe is not to be replaced by a program. */
static int put_in_place(const char *made, const char *place)
{
    struct stat there;
    if (stat(place, &there) == 0 && !S_ISREG(there.st_mode)) {
        fprintf(stderr, "netc: cannot write %s: it is there and no regular file\n", place);
        return ENVIRONMENT;
    }
    if (rename(made, place) == 0) {
        return OK;
    }
    fprintf(stderr, "netc: cannot write %s: %s\n", place, strerror(errno));
    return ENVIRONMENT;
}

/* Compiles the sources in `folder` into `exe`, side by side. A program that is only to train comes without gradcheck, whose copy in
 * double precision would double the time. */
static int compile_sources(Compilation *c, const char *folder, const char *exe, bool train_only)
{
    Arena *a = &c->arena;
    const char *name = c_name(a, c->net->name), *runtime = find_runtime(a), *target = target_flags(c);
    const char *forward = arena_printf(a, "%s.c", name), *backward = arena_printf(a, "%s_backward.c", name);
    const char *single = arena_printf(a, "-O3 %s", target), *twice = arena_printf(a, "-O1 -DNT_DOUBLE %s", target);
    const struct {
        const char *source, *object, *flags;
    } all[] = {
        {backward, "backward.o", single}, /* what takes longest, first */
        {forward, "forward.o", single},
        {arena_printf(a, "%s_main.c", name), "main.o", train_only ? "-O1 -DNT_TRAIN_ONLY" : "-O1"},
        {backward, "double_backward.o", twice},
        {forward, "double_forward.o", twice},
    };
    enum { OBJECTS = sizeof all / sizeof *all, OF_DOUBLE = 2 };
    const int n = train_only ? OBJECTS - OF_DOUBLE : OBJECTS;
    const char *objects[OBJECTS];
    pid_t pids[OBJECTS];
    for (int i = 0; i < n; i++) {
        objects[i] = all[i].object;
        pids[i] = start_compile(c, folder, all[i].source, objects[i], all[i].flags);
    }
    if (!wait_for_objects(c, folder, pids, objects, n)) {
        return cannot_compile(c);
    }
    Words w = {0};
    add_words(a, &w, c_compiler());
    add_words(a, &w, own_flags());
    add_words(a, &w, "-fopenmp -o");
    char *program = arena_printf(a, "%s/program", folder); /* in its place only when it is whole */
    w.items[w.n++] = program;
    for (int i = 0; i < n; i++) {
        w.items[w.n++] = (char *)(uintptr_t)arena_printf(a, "%s/%s", folder, objects[i]);
    }
    if (!runtime) {
        fprintf(stderr, "netc: the runtime library libnetc-runtime.a is not beside this program: run make, or make install\n");
        return ENVIRONMENT;
    }
    w.items[w.n++] = (char *)(uintptr_t)runtime;
    add_words(a, &w, "-ljansson -lpng -ljpeg -lz -lm");
    const char *log = log_of(a, folder, "link");
    if (!run(w.items, log)) {
        if (interrupted) {
            return INTERRUPTED;
        }
        show_log(log);
        fprintf(stderr, "netc: linking failed: the trainer needs zlib, libjpeg, libpng and jansson\n"
                        "  help: apt-get install zlib1g-dev libjpeg-dev libpng-dev libjansson-dev\n");
        return ENVIRONMENT;
    }
    return interrupted ? INTERRUPTED : put_in_place(program, exe);
}

/* ---- programs that netc runs itself ---- */

char *scratch_folder(Compilation *c)
{
    const char *tmp = getenv("TMPDIR");
    char *folder = arena_printf(&c->arena, "%s/netc.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!have_compiler(&c->arena)) {
        return NULL;
    }
    catch_interrupts();
    if (!mkdtemp(folder)) {
        fprintf(stderr, "netc: cannot make a folder %s: %s\n  help: TMPDIR names another place\n", folder, strerror(errno));
        return NULL;
    }
    return folder;
}

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

void remove_scratch(const char *folder)
{
    enum { OPEN_FOLDERS = 8 };
    if (nftw(folder, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) != 0) {
        fprintf(stderr, "netc: cannot remove %s: %s\n", folder, strerror(errno));
    }
}

bool was_interrupted(void)
{
    return interrupted;
}

bool run_into(char *const argv[], const char *path)
{
    return wait_for(start(argv, path, false)) == 0;
}

/* The emitted trainers' own measure of a peak, compiled as they are. */
static const char machine_source[] =
    "#include \"runtime/emitted.h\"\n#include \"runtime/machine.h\"\n\n"
    "int main(int argc, char **argv)\n{\n    return nt_machine_main(argc, argv, nt_fma);\n}\n";

static bool ask_machine(Compilation *c, const char *folder, int threads, Machine *m)
{
    Arena *a = &c->arena;
    const char *runtime = find_runtime(a), *printed = arena_printf(a, "%s/printed", folder);
    static const char *const object = "machine.o";
    if (!runtime || write_files(c, folder, &(Output){0}, trainer_includes) != OK ||
        !write_one(a, folder, "machine.c", machine_source, sizeof machine_source - 1)) {
        return false;
    }
    const pid_t compiler = start_compile(c, folder, "machine.c", object, arena_printf(a, "-O3 %s", target_flags(c)));
    if (!wait_for_objects(c, folder, &compiler, &object, 1)) {
        return false;
    }
    char *exe = arena_printf(a, "%s/machine", folder);
    Words link = {0};
    add_words(a, &link, c_compiler());
    add_words(a, &link, own_flags());
    add_words(a, &link, "-fopenmp -o");
    link.items[link.n++] = exe;
    link.items[link.n++] = arena_printf(a, "%s/machine.o", folder);
    link.items[link.n++] = (char *)(uintptr_t)runtime;
    add_words(a, &link, "-lm");
    char *const asking[] = {exe, arena_printf(a, "%d", threads), NULL};
    size_t len = 0;
    char *text = run(link.items, log_of(a, folder, "link")) && run_into(asking, printed) ? file_read(printed, &len) : NULL;
    if (text) {
        text[strcspn(text, "\n")] = '\0';
    }
    const bool ok = text && !machine_parse(a, text, m);
    free(text);
    return ok;
}

bool measure_machine(Compilation *c, int threads, Machine *m)
{
    char *folder = scratch_folder(c);
    const bool ok = folder && ask_machine(c, folder, threads, m);
    if (folder) {
        remove_scratch(folder);
    }
    if (!ok && !interrupted) {
        fprintf(stderr, "netc: cannot measure what this machine gives\n"
                        "  help: --machine peak=GFLOP/s,bandwidth=GB/s says it\n");
    }
    return ok;
}

/* Where a library goes: X.a and NAME.h beside it, or libNAME.a and NAME.h in the folder X. */
static void library_places(Compilation *c, const char **folder, const char **archive)
{
    Arena *a = &c->arena;
    const char *output = c->options->output;
    const size_t n = strlen(output);
    const char *slash = strrchr(output, '/');
    const bool is_archive = n > 2 && strcmp(output + n - 2, ".a") == 0;
    *folder = !is_archive ? output : slash ? arena_strndup(a, output, (size_t)(slash - output) + 1) : ".";
    *archive = is_archive ? output : arena_printf(a, "%s/lib%s.a", output, c_name(a, c->net->name));
}

/* Compiles the library in `folder` into an archive, and puts the header beside it. */
static int compile_library(Compilation *c, const char *folder)
{
    Arena *a = &c->arena;
    const char *name = c_name(a, c->net->name), *place, *archive, *ar = getenv("AR");
    const char *flags = arena_printf(a, "-O3 -fPIC %s", target_flags(c));
    const char *other = arena_printf(a, "%s_%s", name, c->options->weights ? "weights" : "load");
    library_places(c, &place, &archive);
    static const char *const objects[] = {"forward.o", "weights.o"};
    const pid_t pids[] = {start_compile(c, folder, arena_printf(a, "%s.c", name), objects[0], flags),
                          start_compile(c, folder, arena_printf(a, "%s.c", other), objects[1], flags)};
    if (!wait_for_objects(c, folder, pids, objects, 2)) {
        return cannot_compile(c);
    }
    char *made = arena_printf(a, "%s/library.a", folder);
    Words w = {0};
    add_words(a, &w, ar && *ar ? ar : "ar");
    add_words(a, &w, "rcs");
    w.items[w.n++] = made;
    for (int i = 0; i < 2; i++) {
        w.items[w.n++] = arena_printf(a, "%s/%s", folder, objects[i]);
    }
    if (!run(w.items, NULL)) {
        if (interrupted) {
            return INTERRUPTED;
        }
        fprintf(stderr, "netc: %s could not make %s: it comes with the C compiler's binutils; AR names another\n", w.items[0], archive);
        return ENVIRONMENT;
    }
    const int status = interrupted ? INTERRUPTED : put_in_place(made, archive);
    if (status != OK) {
        return status;
    }
    size_t len = 0;
    const char *header = arena_printf(a, "%s.h", name);
    char *text = file_read(arena_printf(a, "%s/%s", folder, header), &len);
    bool written = text && write_one(a, place, header, text, len);
    free(text);
    return written ? OK : ENVIRONMENT;
}

/* Where trainers are kept; NULL, with a message, where the environment does not say. */
static const char *cache_folder(Arena *a)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache) {
        return arena_printf(a, "%s/netc", cache);
    }
    if (home && *home) {
        return arena_printf(a, "%s/.cache/netc", home);
    }
    fprintf(stderr, "netc: neither XDG_CACHE_HOME nor HOME is set: train keeps its programs in a cache folder there\n");
    return NULL;
}

/* Emits into a new folder `place`.XXXXXX, compiles there, and removes it. */
static int build(Compilation *c, const char *place, const char *output, bool train_only)
{
    const bool library = is_library(c->options);
    char *folder = arena_printf(&c->arena, "%s.XXXXXX", place);
    catch_interrupts();
    if (!mkdtemp(folder)) {
        fprintf(stderr, "netc: cannot make a folder beside %s: %s\n", place, strerror(errno));
        return ENVIRONMENT;
    }
    int status = library ? write_library(c, folder) : write_trainer(c, folder, false);
    if (status == OK) {
        status = library ? compile_library(c, folder) : compile_sources(c, folder, output, train_only);
    }
    remove_scratch(folder);
    return status;
}

int build_trainer(Compilation *c, const char *exe)
{
    return build(c, exe, exe, true);
}

static int build_output(Compilation *c)
{
    const char *place, *archive, *output = c->options->output;
    library_places(c, &place, &archive);
    if (is_library(c->options) && !make_folders(&c->arena, place)) {
        fprintf(stderr, "netc: cannot make the folder %s: %s\n", place, strerror(errno));
        return ENVIRONMENT;
    }
    return build(c, output, output, false);
}

int command_build(const Options *o)
{
    if (!good_options(o, "build needs the program's name: netc build M.net -o EXE")) {
        return BAD_USAGE;
    }
    Compilation c = {0};
    int status = BAD_MODEL;
    if (compile_front(&c, o) && compile_code(&c)) {
        status = have_compiler(&c.arena) ? build_output(&c) : ENVIRONMENT;
    }
    compilation_free(&c);
    return status;
}

/* What decides about the program: the emitted text, the C compiler, the runtime. */
static uint64_t build_key(Compilation *c)
{
    Output out = {0};
    emit_trainer(c, &out);
    uint64_t h = hash_text(hash_text(hash_text(hash_start(), NETC_VERSION), c_compiler()), own_flags());
    for (int i = 0; i < out.n; i++) {
        h = hash_bytes(h, out.files[i].text.data, out.files[i].text.len);
    }
    output_free(&out);
    for (const EmbeddedFile *f = embedded_files; f->name; f++) {
        h = hash_text(h, f->text);
    }
    return h;
}

/* Builds the trainer `exe` in the cache. Its name appears only when the program is whole: a build that was killed is begun again, and
 * of two at once the later one counts. */
static int build_cached(Compilation *c, const char *exe)
{
    const char *folder = arena_strndup(&c->arena, exe, (size_t)(strrchr(exe, '/') - exe));
    const bool terminal = isatty(STDERR_FILENO);
    if (!have_compiler(&c->arena)) {
        return ENVIRONMENT;
    }
    if (!make_folders(&c->arena, folder) || access(folder, W_OK | X_OK) != 0) {
        fprintf(stderr,
                "netc: cannot write to the cache folder %s: %s\n"
                "  help: name another one (XDG_CACHE_HOME=DIR netc train ...), or `netc build %s -o EXE` and `EXE train`\n",
                folder, strerror(errno), c->options->file);
        return ENVIRONMENT;
    }
    if (terminal) {
        fprintf(stderr, "compiling %s ...", c->net->name);
    }
    const int status = build(c, exe, exe, true);
    if (terminal) {
        fprintf(stderr, "\r\033[K");
    }
    return status;
}

/* The trainer in the cache, built if it is not there. */
static int cached_trainer(Compilation *c, const char **exe)
{
    Arena *a = &c->arena;
    const char *cache = cache_folder(a), *name = c_name(a, c->net->name);
    if (!cache) {
        return ENVIRONMENT;
    }
    *exe = arena_printf(a, "%s/%s-%016llx/%s", cache, name, (unsigned long long)build_key(c), name);
    return access(*exe, X_OK) == 0 ? OK : build_cached(c, *exe);
}

int command_train(const Options *o)
{
    Compilation c = {0};
    if (!compile_front(&c, o) || !compile_code(&c)) {
        compilation_free(&c);
        return BAD_MODEL;
    }
    const char *exe = NULL;
    int status = cached_trainer(&c, &exe);
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
