/* splice.c - a copy of a kernel file for one set of constants: names put in, hooks replaced by the group's tail. */
#include "emit.h"

#include "../op.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what rules say ---- */

const Target *emit_target(const Emit *e)
{
    return e->target;
}

Arena *emit_arena(const Emit *e)
{
    return e->arena;
}

void emit_kernel(Emit *e, const char *file)
{
    e->kernel = file;
    e->rest[0] = e->rest[1] = NULL;
    e->has_tail = false;
    e->n_constants = e->n_args = e->n_pointers = 0;
    e->step_h = e->ragged_padded = e->flat_channels = 0;
    e->load = NULL;
}

void emit_kernel_rest(Emit *e, const char *file)
{
    e->rest[e->rest[0] != NULL] = file;
}

static Constant *add_constant(Emit *e, const char *name)
{
    if (e->n_constants == MAX_CONSTANTS) {
        die("internal error: kernel %s has more than %d constants", e->kernel, MAX_CONSTANTS);
    }
    Constant *c = &e->constants[e->n_constants++];
    *c = (Constant){.name = name};
    return c;
}

void emit_int(Emit *e, const char *name, int64_t value)
{
    add_constant(e, name)->integer = value;
}

void emit_real(Emit *e, const char *name, double value)
{
    Constant *c = add_constant(e, name);
    c->is_real = true;
    c->real = value;
}

void emit_table(Emit *e, const char *name, const int64_t *values, int n)
{
    Constant *c = add_constant(e, name);
    c->table = values;
    c->n_table = n;
}

void emit_strides(Emit *e, const char *name, const Value *v)
{
    emit_int(e, arena_printf(e->arena, "%s_S", name), v->layout.sample);
    emit_int(e, arena_printf(e->arena, "%s_R", name), v->layout.row);
    emit_int(e, arena_printf(e->arena, "%s_P", name), v->layout.pixel);
}

void emit_arg(Emit *e, Value *v, int64_t delta)
{
    emit_arg_text(e, address_of(e, v, delta));
}

void emit_arg_text(Emit *e, const char *text)
{
    if (e->n_args == MAX_POINTERS) {
        die("internal error: kernel %s has too many arguments", e->kernel);
    }
    e->args[e->n_args++] = text;
}

void emit_pixels(Emit *e, int64_t step_h, int64_t from_h, int64_t step_w, int64_t from_w)
{
    e->step_h = step_h;
    e->from_h = from_h;
    e->step_w = step_w;
    e->from_w = from_w;
}

/* Zeroes what stores by lanes leave: the padding of the group's results. */
static void clear_padding(Emit *e)
{
    const Group *g = e->group;
    for (int i = -1; i < g->n_tail; i++) {
        const Value *v = i < 0 ? g->anchor->out[0] : g->tail[i]->out[0];
        const Layout *l = &v->layout;
        if (v->stored && l->channels > v->shape.c) {
            ct_line(e->calls, "nt_clear_padding((int)n, %s, %lld, %lld, %lld, %lld, %lld, %lld);", address_of(e, v, v->shape.c),
                    (long long)l->sample, (long long)l->row, (long long)l->pixel, (long long)v->shape.h, (long long)v->shape.w,
                    (long long)(l->channels - v->shape.c));
        }
    }
}

void emit_ragged(Emit *e, int64_t padded, int64_t real)
{
    if (e->cleared != e->group) { /* once for all kernels of a group */
        e->cleared = e->group;
        clear_padding(e);
    }
    e->ragged_padded = padded;
    e->ragged_real = real;
}

void emit_flat_channels(Emit *e, int64_t height, int64_t width, int64_t channels)
{
    e->flat_h = height;
    e->flat_w = width;
    e->flat_channels = channels;
}

void emit_load(Emit *e, Value *v)
{
    e->load = v;
}

/* ---- text ---- */

const char *embedded_text(const char *name)
{
    for (const EmbeddedFile *f = embedded_files; f->name; f++) {
        if (strcmp(f->name, name) == 0) {
            return f->text;
        }
    }
    die("internal error: no embedded file %s", name);
}

const char *c_name(Arena *a, const char *name)
{
    char *s = arena_strdup(a, name);
    for (char *p = s; *p; p++) {
        if (!isalnum((unsigned char)*p)) {
            *p = '_';
        }
    }
    const bool runtime = strcmp(s, "nt") == 0 || strcmp(s, "v") == 0; /* what the names of runtime/ begin with */
    return runtime || isdigit((unsigned char)*s) ? arena_printf(a, "n%s", s) : s;
}

const char *c_upper(Arena *a, const char *name)
{
    char *s = arena_strdup(a, c_name(a, name));
    for (char *p = s; *p; p++) {
        *p = (char)toupper((unsigned char)*p);
    }
    return s;
}

const char *c_real(Arena *a, double x)
{
    char text[352]; /* 17 digits and an exponent are all; a compiler that does not follow `digits` allows for 310 */
    /* as few digits as give x back; whatever does so with some digits does so with more; of whole numbers they are counted */
    int least = 1, most = 17;
    if (x >= 1 && x < 1e15 && x == floor(x)) {
        int64_t whole = (int64_t)x;
        for (; whole % 10 == 0; whole /= 10) {
        }
        for (most = 1; whole >= 10 && most < 15; whole /= 10) {
            most++;
        }
        least = most;
    }
    while (least < most) {
        const int digits = (least + most) / 2;
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x) {
            most = digits;
        } else {
            least = digits + 1;
        }
    }
    snprintf(text, sizeof text, "%.*g", most, x);
    return strpbrk(text, ".einf") ? arena_strdup(a, text) : arena_printf(a, "%s.0", text);
}

static const Constant *find_constant(const Emit *e, const char *name, size_t len)
{
    for (int i = 0; i < e->n_constants; i++) {
        if (strlen(e->constants[i].name) == len && strncmp(e->constants[i].name, name, len) == 0) {
            return &e->constants[i];
        }
    }
    return NULL;
}

/* Splits the arguments of a hook at `p` (behind its open parenthesis); returns the position behind the closing one. */
static const char *hook_arguments(Arena *a, const char *p, const char *args[5], int n)
{
    int depth = 0, k = 0;
    const char *start = p;
    for (;; p++) {
        if (*p == '\0') {
            die("internal error: a kernel's hook does not end");
        }
        bool end = depth == 0 && (*p == ')' || *p == ',');
        if (end) {
            while (isspace((unsigned char)*start)) {
                start++;
            }
            if (k < n) {
                args[k] = arena_strndup(a, start, (size_t)(p - start));
            }
            k++;
            start = p + 1;
            if (*p == ')') {
                break;
            }
        } else if (strchr("([{", *p)) {
            depth++;
        } else if (strchr(")]}", *p)) {
            depth--;
        }
    }
    if (k != n) {
        die("internal error: a kernel's hook has %d arguments instead of %d", k, n);
    }
    return p + 1;
}

/* What a kernel leaves to the group: K_LOAD(to, n, h, w, c), K_STORE(vector, n, h, w, c), K_AHEAD(n, h, w, c). */
typedef enum Hook { HOOK_NONE, HOOK_LOAD, HOOK_STORE, HOOK_AHEAD } Hook;

enum { HOOK_ARGS = 5 };

static Hook hook_at(const char *text)
{
    return strncmp(text, "K_STORE(", 8) == 0 ? HOOK_STORE : strncmp(text, "K_LOAD(", 7) == 0 ? HOOK_LOAD
           : strncmp(text, "K_AHEAD(", 8) == 0 ? HOOK_AHEAD : HOOK_NONE;
}

/* The code of one hook, indented like the line it replaces. Arguments' own K_ and k_ names are put in afterwards. */
static const char *hook_text(Emit *e, const char *const args[HOOK_ARGS], Hook hook, int indent)
{
    Ct *block;
    if (hook == HOOK_LOAD) {
        const Value *x = e->load;
        block = ct_new(e->arena);
        e->n_pointers = 1;
        e->pointers[0] = (Pointer){.name = "x", .declaration = "const real *restrict x", .argument = address_of(e, x, 0), .value = x};
        ct_line(block, "%s = v_load(x + (size_t)(%s) * %lld + (size_t)(%s) * %lld + (size_t)(%s) * %lld + (size_t)(%s));", args[0], args[1],
                (long long)x->layout.sample, args[2], (long long)x->layout.row, args[3], (long long)x->layout.pixel, args[4]);
    } else if (hook == HOOK_AHEAD) {
        block = emit_tail_ahead(e, args[0], args[1], args[2], args[3]);
    } else {
        block = emit_tail(e, args[0], args[1], args[2], args[3], args[4]);
    }
    Str text = {0};
    ct_render(block, indent, &text);
    if (text.len > 0 && text.data[text.len - 1] == '\n') {
        text.data[--text.len] = '\0';
    }
    const char *out = arena_strndup(e->arena, text.data, text.len);
    str_free(&text);
    return out;
}

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The lines that `#ifdef K_FOO` (or #ifndef) .. `#else` .. `#endif` keep: whether the rule named the constant decides. */
static const char *keep_defined(const Emit *e, Arena *scratch, const char *text)
{
    Str out = {0};
    int depth = 0, dropped = 0; /* open conditions, and the outermost of them whose lines are dropped; 0: none */
    while (*text) {
        size_t len = strcspn(text, "\n");
        const bool wanted = strncmp(text, "#ifdef K_", 9) == 0, unwanted = strncmp(text, "#ifndef K_", 10) == 0;
        if (wanted || unwanted) {
            const size_t name = wanted ? 9 : 10;
            depth++;
            dropped = dropped || wanted == (find_constant(e, text + name, len - name) != NULL) ? dropped : depth;
        } else if (strncmp(text, "#else", 5) == 0) {
            dropped = dropped == 0 ? depth : dropped == depth ? 0 : dropped;
        } else if (strncmp(text, "#endif", 6) == 0) {
            dropped = dropped == depth ? 0 : dropped;
            depth--;
        } else if (!dropped) {
            str_addn(&out, text, len + (text[len] == '\n'));
        }
        text += len + (text[len] == '\n');
    }
    const char *done = arena_strndup(scratch, out.data, out.len);
    str_free(&out);
    return done;
}

/* First the hooks, which decide the extra parameters; leading blanks of a hook's line give its depth. Where the line before is a loop's
 * or a condition's head, the hook's block becomes its body. */
static const char *replace_hooks(Emit *e, Arena *scratch, const char *text)
{
    Str out = {0};
    for (const char *p = text; *p;) {
        size_t plain = strcspn(p, "K");
        str_addn(&out, p, plain);
        p += plain;
        const Hook hook = p == text || !word_char(p[-1]) ? hook_at(p) : HOOK_NONE;
        if (hook != HOOK_NONE) {
            const char *args[HOOK_ARGS] = {0};
            const char *end = hook_arguments(e->arena, strchr(p, '(') + 1, args, hook == HOOK_AHEAD ? HOOK_ARGS - 1 : HOOK_ARGS);
            end += *end == ';';
            size_t line = out.len;
            while (line > 0 && out.data[line - 1] == ' ') {
                line--;
            }
            int indent = (int)(out.len - line) / 4;
            out.len = line;
            if (line > 1 && indent > 0 && strncmp(out.data + line - 2, ")\n", 2) == 0) {
                out.data[line - 1] = ' ';
                str_add(&out, hook_text(e, args, hook, indent - 1) + 4 * (indent - 1));
            } else {
                str_add(&out, hook_text(e, args, hook, indent));
            }
            p = end;
        } else if (*p) {
            str_addc(&out, *p++);
        }
    }
    const char *done = arena_strndup(scratch, out.data, out.len);
    str_free(&out);
    return done;
}

/* One of a kernel's functions: the name in the kernel's file, and the emitted one. */
typedef struct Helper {
    const char *name; /* k_tile */
    const char *emitted; /* igemm_tile */
} Helper;

typedef struct Helpers {
    Helper items[MAX_HELPERS];
    int n;
} Helpers;

static const char *find_helper(const Helpers *helpers, const char *name, size_t len)
{
    for (int i = 0; i < helpers->n; i++) {
        if (strlen(helpers->items[i].name) == len && strncmp(helpers->items[i].name, name, len) == 0) {
            return helpers->items[i].emitted;
        }
    }
    return NULL;
}

/* In one function: K_FOO -> FOO (an enumerator or table, see add_constants) or a literal (a real); its own name -> @; those of the
 * helpers before it -> what they were emitted as; K_ARGS and K_PASS -> the tail's pointers. */
static const char *replace_names(Emit *e, Arena *scratch, const char *text, const Helpers *helpers)
{
    Str out = {0};
    for (const char *p = text; *p;) {
        size_t plain = strcspn(p, "Kk");
        str_addn(&out, p, plain);
        p += plain;
        if (*p == '\0') {
            break;
        }
        if (p[1] != '_' || (p > text && word_char(p[-1]))) {
            str_addc(&out, *p++);
            continue;
        }
        size_t len = 0;
        while (word_char(p[len])) {
            len++;
        }
        bool args = len == 6 && strncmp(p, "K_ARGS", 6) == 0;
        if (args || (len == 6 && strncmp(p, "K_PASS", 6) == 0)) {
            while (out.len > 0 && out.data[out.len - 1] == ' ') {
                out.data[--out.len] = '\0';
            }
            str_add(&out, args ? pointer_declarations(e) : pointer_names(e));
        } else if (*p == 'K') {
            const Constant *c = find_constant(e, p + 2, len - 2);
            if (!c) {
                die("internal error: kernel %s wants %.*s", e->kernel, (int)len, p);
            }
            if (c->is_real) {
                str_add(&out, c_real(e->arena, c->real));
            } else {
                str_printf(&out, "^%s", c->name);
            }
        } else {
            const char *helper = find_helper(helpers, p, len);
            str_add(&out, helper ? helper : "@");
        }
        p += len;
    }
    const char *done = arena_strndup(scratch, out.data, out.len);
    str_free(&out);
    return done;
}

/* Which constants the text up to `end` uses: ^name, a whole word. */
static void find_used(const Emit *e, const char *text, const char *end, bool used[MAX_CONSTANTS])
{
    for (const char *p = strchr(text, '^'); p && p < end; p = strchr(p, '^')) {
        const char *name = ++p;
        while (word_char(*p)) {
            p++;
        }
        const Constant *c = find_constant(e, name, (size_t)(p - name));
        if (c) {
            used[c - e->constants] = true;
        }
    }
}

/* The constants that a function's body uses, as its first lines. */
static void declare_constants(Emit *e, const char *body, const char *end, Str *out)
{
    size_t column = 0;
    bool used[MAX_CONSTANTS] = {false};
    find_used(e, body, end, used);
    for (int i = 0; i < e->n_constants; i++) {
        const Constant *c = &e->constants[i];
        if (c->is_real || c->table || !used[i]) {
            continue;
        }
        const char *text = arena_printf(e->arena, "%s = %lld", c->name, (long long)c->integer);
        if (column == 0) {
            str_add(out, "    enum { ");
            column = 11;
        } else if (column + strlen(text) > 110) {
            str_add(out, ",\n           ");
            column = 11;
        } else {
            str_add(out, ", ");
        }
        str_add(out, text);
        column += strlen(text) + 2;
    }
    str_add(out, column > 0 ? " };\n" : "");
    for (int i = 0; i < e->n_constants; i++) {
        const Constant *c = &e->constants[i];
        if (!c->table || !used[i]) {
            continue;
        }
        str_printf(out, "    static const int %s[] = {", c->name);
        for (int k = 0; k < c->n_table; k++) {
            str_printf(out, "%s%lld", k == 0 ? "" : k % 16 == 0 ? ",\n        " : ", ", (long long)c->table[k]);
        }
        str_add(out, "};\n");
    }
}

/* Puts each function's constants behind its opening brace, which stands alone at the beginning of a line. */
static const char *add_constants(Emit *e, Arena *scratch, const char *text)
{
    Str out = {0};
    for (const char *p = text; *p;) {
        if (strncmp(p, "{\n", 2) == 0 && p > text && p[-1] == '\n') {
            const char *end = strstr(p, "\n}\n");
            str_add(&out, "{\n");
            p += 2;
            declare_constants(e, p, end ? end : p + strlen(p), &out);
        } else if (*p == '^') {
            p++;
        } else {
            const size_t line = strcspn(p, "^\n"), len = line + (p[line] == '\n');
            str_addn(&out, p, len);
            p += len;
        }
    }
    const char *done = arena_strndup(scratch, out.data, out.len);
    str_free(&out);
    return done;
}

/* The function that begins at `text`, comment and all; *end is set to what follows it. */
static const char *next_function(const Emit *e, Arena *scratch, const char *text, const char **end)
{
    while (*text == '\n') {
        text++;
    }
    const char *close = strstr(text, "\n}\n");
    if (!close) {
        die("internal error: kernel %s: a function does not end", e->kernel);
    }
    *end = close + 3;
    return arena_strndup(scratch, text, (size_t)(*end - text));
}

/* The name of a kernel's function: the first word k_foo before a parenthesis in a line that begins with a word. */
static const char *function_name(Emit *e, const char *text)
{
    const char *line = text;
    while (strncmp(line, "static", 6) != 0 && strncmp(line, "NT_", 3) != 0) {
        line = strchr(line, '\n');
        if (!line) {
            die("internal error: kernel %s: a function has no name", e->kernel);
        }
        line++;
    }
    const char *open = strchr(line, '('), *name = open;
    while (name > line && word_char(name[-1])) {
        name--;
    }
    return arena_strndup(e->arena, name, (size_t)(open - name));
}

/* Functions equal to one that was emitted before share it: `text` without its name is what counts. A new one gets the wanted name, with
 * a number behind it where that is taken. */
static EmittedFunction *add_function(Emit *e, const char *text, const char *wanted, bool *is_new)
{
    Functions *all = &e->functions;
    const size_t len = strlen(text);
    for (int i = 0; i < all->n; i++) {
        if (all->items[i].len == len && memcmp(all->items[i].text, text, len) == 0) {
            *is_new = false;
            return &all->items[i];
        }
    }
    const char *name = wanted;
    for (int clash = 1, k = 2; clash; k++) {
        clash = strcmp(name, "run_forward") == 0; /* the whole pass */
        for (int i = 0; i < all->n; i++) {
            clash |= strcmp(all->items[i].name, name) == 0;
        }
        if (clash) {
            name = arena_printf(e->arena, "%s_%d", wanted, k);
        }
    }
    all->items = vec_grow(e->arena, all->items, all->n, &all->cap, sizeof *all->items);
    EmittedFunction *f = &all->items[all->n++];
    *f = (EmittedFunction){.name = name, .text = arena_strndup(e->arena, text, len), .len = len};
    *is_new = true;
    return f;
}

/* What stands between the markers of a kernel's file. */
static const char *kernel_text(const Emit *e, Arena *scratch, const char *name)
{
    const char *file = embedded_text(arena_printf(scratch, "kernels/%s.k.c", name));
    const char *begin = strstr(file, "/* kernel { */"), *end = strstr(file, "/* kernel } */");
    if (!begin || !end) {
        die("internal error: kernel %s has no markers", name);
    }
    begin = strchr(begin, '\n') + 1;
    return keep_defined(e, scratch, arena_strndup(scratch, begin, (size_t)(end - begin)));
}

/* What the group is called that a function is for. */
static const char *user_of(Emit *e)
{
    const Node *first = !e->group ? NULL : e->group->anchor ? e->group->anchor : e->group->tail[0];
    if (!first || !first->layer) {
        return e->kernel;
    }
    /* a suffix keeps labels such as `exp` or `n` from being names of C */
    const char *what = first->again_of ? "again" : first->phase != PHASE_FORWARD ? first->op->name : *e->space == 'I' ? "infer" : "forward";
    return arena_printf(e->arena, "%s_%s", c_name(e->arena, first->layer->name), what);
}

/* Notes that one more group uses a function. */
static void add_user(Emit *e, EmittedFunction *f, const char *user)
{
    bool listed = strcmp(f->name, user) == 0 || (f->users && strstr(f->users, user));
    if (e->comment && !listed && (!f->users || strlen(f->users) < 800)) {
        f->users = f->users ? arena_printf(e->arena, "%s, %s", f->users, user) : user;
    }
}

/* The index of the function with this text. */
static int function_for(Emit *e, const char *text)
{
    const char *user = user_of(e);
    bool is_new = false;
    EmittedFunction *f = add_function(e, text, e->part > 0 ? arena_printf(e->arena, "%s_%d", user, e->part + 1) : user, &is_new);
    if (is_new) {
        f->comment = e->comment;
    } else {
        add_user(e, f, user);
    }
    return (int)(f - e->functions.items);
}

const char *emit_function(Emit *e, const char *text)
{
    const int f = function_for(e, text);
    return e->functions.items[f].name;
}

static bool has_hook(const Emit *e, const char *hook)
{
    char name[64];
    snprintf(name, sizeof name, "kernels/%s.k.c", e->kernel);
    bool found = strstr(embedded_text(name), hook) != NULL;
    for (int i = 0; i < 2 && e->rest[i] && !found; i++) {
        snprintf(name, sizeof name, "kernels/%s.k.c", e->rest[i]);
        found = strstr(embedded_text(name), hook) != NULL;
    }
    return found;
}

/* All that a copy of the kernel depends on: its files, the constants, the tail as it would stand at a hook. */
static const char *splice_key(Emit *e, size_t *len)
{
    static const char *const places[HOOK_ARGS] = {"@vector", "@n", "@h", "@w", "@c"};
    Str key = {0};
    str_printf(&key, "%s %s %s ", e->kernel, e->rest[0] ? e->rest[0] : "", e->rest[1] ? e->rest[1] : "");
    for (int i = 0; i < e->n_constants; i++) {
        const Constant *c = &e->constants[i];
        str_add(&key, c->name);
        str_addn(&key, (const char *)&c->integer, sizeof c->integer);
        str_addn(&key, (const char *)&c->real, sizeof c->real);
        str_addn(&key, (const char *)c->table, (size_t)c->n_table * sizeof *c->table);
    }
    if (e->load) {
        str_add(&key, hook_text(e, places, HOOK_LOAD, 0));
    }
    if (has_hook(e, "K_STORE(")) {
        str_add(&key, hook_text(e, places, HOOK_STORE, 0));
    }
    str_add(&key, pointer_declarations(e));
    const char *kept = arena_strndup(e->arena, key.data, *len = key.len);
    str_free(&key);
    return kept;
}

/* The copy that e->kernel's constants and the group's tail make. The states between are many times its size, and not kept. */
static Splice new_splice(Emit *e, Arena *scratch)
{
    Helpers helpers = {.n = 0};
    e->n_pointers = 0;
    e->has_tail = false;
    const char *rest = kernel_text(e, scratch, e->kernel);
    for (int i = 0; i < 2 && e->rest[i]; i++) {
        rest = arena_printf(scratch, "%s%s", rest, kernel_text(e, scratch, e->rest[i]));
    }
    for (;;) {
        const char *text = next_function(e, scratch, rest, &rest), *name = function_name(e, text);
        const bool takes_more = strstr(text, "K_ARGS") != NULL; /* a kernel that prepares for another has no tail */
        text = add_constants(e, scratch, replace_names(e, scratch, replace_hooks(e, scratch, text), &helpers));
        if (strcmp(name, "k_main") == 0) {
            const bool samples = strstr(text, "static void @(int n") != NULL;
            /* a copy whose constants leave the hook out takes no more, although the key was made with a tail */
            const bool hooked = takes_more && (e->has_tail || e->n_pointers > 0);
            return (Splice){.function = function_for(e, text), .hooked = hooked, .samples = samples};
        }
        if (helpers.n == MAX_HELPERS) {
            die("internal error: kernel %s has more than %d functions", e->kernel, MAX_HELPERS);
        }
        bool is_new = false;
        EmittedFunction *f = add_function(e, text, arena_printf(e->arena, "%s_%s", e->kernel, name + 2), &is_new);
        f->is_helper = true;
        helpers.items[helpers.n++] = (Helper){name, f->name};
    }
}

/* An earlier copy is taken again, where there is an equal one: deep networks have many equal layers. */
static const Splice *splice(Emit *e)
{
    size_t len;
    const char *key = splice_key(e, &len);
    uint64_t hash = hash_bytes(hash_start(), key, len);
    Functions *all = &e->functions;
    for (int i = 0; i < all->n_splices; i++) {
        const Splice *s = &all->splices[i];
        if (s->hash == hash && s->len == len && memcmp(s->key, key, len) == 0) {
            add_user(e, &all->items[s->function], user_of(e));
            return s;
        }
    }
    all->splices = vec_grow(e->arena, all->splices, all->n_splices, &all->cap_splices, sizeof *all->splices);
    Splice *s = &all->splices[all->n_splices++];
    Arena scratch = {0};
    *s = new_splice(e, &scratch);
    arena_free(&scratch);
    s->key = key;
    s->len = len;
    s->hash = hash;
    return s;
}

void emit_end(Emit *e)
{
    const Splice *s = splice(e);
    const char *args = s->samples ? "(int)n" : "";
    for (int i = 0; i < e->n_args; i++) {
        args = arena_printf(e->arena, "%s%s%s", args, *args ? ", " : "", e->args[i]);
    }
    ct_line(e->calls, "%s(%s%s);", e->functions.items[s->function].name, args, s->hooked ? pointer_arguments(e) : "");
    e->part++;
}

void emit_if(Emit *e, const char *condition)
{
    e->outside = e->calls;
    e->calls = ct_block(e->calls, "if (%s)", condition);
}

void emit_endif(Emit *e)
{
    e->calls = e->outside;
}

void emit_once(Emit *e, const Value *v)
{
    if (v->lasts) {
        emit_if(e, "p->prepared != p->n");
    }
}

void emit_end_once(Emit *e, const Value *v)
{
    if (v->lasts) {
        emit_endif(e);
    }
}
