/* loader.h - parameters of an emitted library out of a safetensors file: 8 bytes of header length, a JSON header, then the values,
 * little endian. Needs nothing but the C library and trusts nothing: whatever the bytes are, nt_load() ends with a
 * status, in time that grows with them and the number of parameters, and has written only to the memory it was given.
 *
 * The header is read where it lies. A cursor is a place in it and a depth: at depth 0 it gives the bytes themselves, at depth 1
 * the characters of a JSON string with its escapes undone, at depth 2 those of a string in JSON text that is such a string. */
#ifndef NT_LOADER_H
#define NT_LOADER_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum nt_loaded {
    NT_LOADED = 0,
    NT_LOADED_UNNORMALIZED = 1,
    NT_CANNOT_READ = -1,
    NT_NO_MEMORY = -2,
    NT_NOT_SAFETENSORS = -3,
    NT_CUT_SHORT = -4,
    NT_PARAMETER_MISSING = -5,
    NT_PARAMETER_UNKNOWN = -6,
    NT_PARAMETER_TWICE = -7,
    NT_PARAMETER_SHAPE = -8,
    NT_PARAMETER_TYPE = -9,
    NT_CONSTANTS_INVALID = -10
} nt_loaded;

static inline const char *nt_loaded_text(int status)
{
    switch (status) {
    case NT_LOADED:
        return "loaded";
    case NT_LOADED_UNNORMALIZED:
        return "loaded, but the file holds no preprocessing constants: normalise the input yourself";
    case NT_CANNOT_READ:
        return "the file cannot be read";
    case NT_NO_MEMORY:
        return "there is not enough memory to read the file";
    case NT_NOT_SAFETENSORS:
        return "not a safetensors file, or its header is damaged";
    case NT_CUT_SHORT:
        return "the file is cut short, or its tensors do not fill it exactly";
    case NT_PARAMETER_MISSING:
        return "a parameter of the network is missing";
    case NT_PARAMETER_UNKNOWN:
        return "the file has a tensor that is no parameter of the network";
    case NT_PARAMETER_TWICE:
        return "a parameter is in the file twice";
    case NT_PARAMETER_SHAPE:
        return "a parameter has another shape in the file";
    case NT_PARAMETER_TYPE:
        return "a parameter is not of type F32, F64, F16 or BF16";
    case NT_CONSTANTS_INVALID:
        return "the preprocessing constants do not fit the network's input";
    default:
        return "unknown status";
    }
}

/* A parameter as it is on disk and in memory. On disk: [out][in][window] in row-major order, where the window may have two sizes or
 * none, or a plain vector. In memory, with a panel: for each group, panels of `panel` output channels (the last may be narrower)
 * padded with zeros to `out_padded` a group; a panel holds window*in rows of its width, ordered window, input channel. */
typedef struct nt_stored {
    const char *name;
    int n_dims, dims[4];             /* of the tensor on disk */
    int out, in, window;             /* output channels of all groups, or values of a vector; input channels of one group */
    int groups, panel, out_padded;   /* panel 0: a vector, which lies in memory as on disk */
    size_t offset;                   /* of its first value in memory */
} nt_stored;

/* A load: what the network wants, where it shall go, and what was found. */
typedef struct nt_loading {
    const nt_stored *stored;
    int n;
    unsigned char *seen;             /* n bytes */
    const char *const *unneeded;     /* names that a file may also have: of what only training computes */
    int n_unneeded;
    int h, w, c;                     /* of the input */
    const double *mean, *std;        /* what the model file says of normalisation, for files that say nothing; NULL: 0 and 1 */
    int n_constants;                 /* of each: c, or 1 for all */
    double scale;
    int estimated;                   /* the constants come from training data: only a weights file can have them */
    float *parameters;
    size_t n_parameters;             /* with padding */
    float *factor, *shift;           /* input * factor + shift; room for h*w*c values each */
    float *matrix;                   /* of whitening, room for (h*w*c)^2 values: then it is matrix * input + shift; or NULL */
    size_t next_row;                 /* found: from one row's constants to the next; 0: all rows have the same */
    const char *about;               /* found: the parameter that a failure is about, or NULL */
} nt_loading;

/* ---- characters ---- */

typedef struct nt_cursor {
    const unsigned char *at, *end;
    int depth;
} nt_cursor;

enum { NT_END = -1, NT_INVALID = -2, NT_NOT_ASCII = 0x80 };

static inline int nt_hex_digit(int ch)
{
    return ch >= '0' && ch <= '9' ? ch - '0' : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : -1;
}

static inline int nt_next_at(nt_cursor *c, int depth)
{
    if (depth == 0) {
        return c->at < c->end ? (int)*c->at++ : (int)NT_INVALID;
    }
    int ch = nt_next_at(c, depth - 1);
    if (ch == '"') {
        return NT_END;
    }
    if (ch != '\\') {
        return ch < ' ' ? NT_INVALID : ch;
    }
    ch = nt_next_at(c, depth - 1);
    switch (ch) {
    case '"':
    case '\\':
    case '/':
        return ch;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u':
        break;
    default:
        return NT_INVALID;
    }
    int code = 0;
    for (int i = 0; i < 4; i++) {
        ch = nt_next_at(c, depth - 1);
        const int digit = nt_hex_digit(ch);
        if (digit < 0) {
            return NT_INVALID;
        }
        code = 16 * code + digit;
    }
    return code < NT_NOT_ASCII ? code : NT_NOT_ASCII; /* no name that is looked for has such a character */
}

/* The next character; NT_END behind the last one of a string; NT_INVALID where the text ends or is no JSON. */
static inline int nt_next(nt_cursor *c)
{
    return nt_next_at(c, c->depth);
}

static inline int nt_peek(nt_cursor c)
{
    return nt_next(&c);
}

static inline void nt_skip_blanks(nt_cursor *c)
{
    for (int ch = nt_peek(*c); ch == ' ' || ch == '\n' || ch == '\t' || ch == '\r'; ch = nt_peek(*c)) {
        nt_next(c);
    }
}

/* Takes the character if it is the next one after blanks. */
static inline int nt_take(nt_cursor *c, int wanted)
{
    nt_skip_blanks(c);
    if (nt_peek(*c) != wanted) {
        return 0;
    }
    nt_next(c);
    return 1;
}

/* Takes a string; `inside` is then a cursor over its characters. */
static inline int nt_take_string(nt_cursor *c, nt_cursor *inside)
{
    if (!nt_take(c, '"')) {
        return 0;
    }
    *inside = *c;
    inside->depth++;
    nt_cursor walk = *inside;
    int ch = nt_next(&walk);
    while (ch >= 0) {
        ch = nt_next(&walk);
    }
    c->at = walk.at;
    return ch == NT_END;
}

/* Whether a string's characters are exactly `text`. */
static inline int nt_is(nt_cursor inside, const char *text)
{
    for (; *text; text++) {
        if (nt_next(&inside) != (unsigned char)*text) {
            return 0;
        }
    }
    return nt_next(&inside) == NT_END;
}

/* Whether they end in `text`, which begins with a character that it has only once. */
static inline int nt_ends_in(nt_cursor inside, const char *text)
{
    for (nt_cursor rest = inside; nt_next(&inside) >= 0; rest = inside) {
        if (nt_is(rest, text)) {
            return 1;
        }
    }
    return 0;
}

/* ---- numbers ---- */

static inline int nt_take_size(nt_cursor *c, uint64_t *size)
{
    nt_skip_blanks(c);
    int digits = 0;
    *size = 0;
    for (int ch = nt_peek(*c); ch >= '0' && ch <= '9'; ch = nt_peek(*c)) {
        if (++digits > 18) {
            return 0;
        }
        *size = *size * 10 + (uint64_t)(ch - '0');
        nt_next(c);
    }
    return digits > 0;
}

/* A real number, to the last place or two of a double, whatever the locale. */
static inline int nt_take_number(nt_cursor *c, double *number)
{
    const int negative = nt_take(c, '-');
    double value = 0;
    int digits = 0, exponent = 0, written = 0, behind_point = 0;
    for (int ch = nt_peek(*c); (ch >= '0' && ch <= '9') || (ch == '.' && !behind_point); ch = nt_peek(*c)) {
        nt_next(c);
        if (ch == '.') {
            behind_point = 1;
            continue;
        }
        digits++;
        if (value < 1e15) {
            value = value * 10 + (ch - '0');
            exponent -= behind_point;
        } else if (exponent < 10000) {
            exponent += !behind_point; /* a digit too many for a double */
        }
    }
    if (digits == 0) {
        return 0;
    }
    if (nt_peek(*c) == 'e' || nt_peek(*c) == 'E') {
        nt_next(c);
        const int down = nt_peek(*c) == '-';
        if (down || nt_peek(*c) == '+') {
            nt_next(c);
        }
        digits = 0;
        for (int ch = nt_peek(*c); ch >= '0' && ch <= '9'; ch = nt_peek(*c), digits++) {
            written = written < 10000 ? written * 10 + (ch - '0') : written;
            nt_next(c);
        }
        exponent += down ? -written : written;
    }
    for (; exponent > 0 && value < 1e300; exponent--) {
        value *= 10;
    }
    double divisor = 1;
    for (; exponent < 0 && divisor < 1e300; exponent++) {
        divisor *= 10;
    }
    value = exponent != 0 ? (exponent > 0 ? HUGE_VAL : 0) : value / divisor;
    *number = negative ? -value : value;
    return digits > 0;
}

/* Takes a list of numbers; `first` is then the place of the first one. */
static inline int nt_take_numbers(nt_cursor *c, nt_cursor *first, size_t *n)
{
    double number;
    *n = 0;
    if (!nt_take(c, '[')) {
        return 0;
    }
    *first = *c;
    if (nt_take(c, ']')) {
        return 1;
    }
    do {
        if (!nt_take_number(c, &number)) {
            return 0;
        }
        ++*n;
    } while (nt_take(c, ','));
    return nt_take(c, ']');
}

/* Takes a list of sizes, the first `room` of which are kept. */
static inline int nt_take_sizes(nt_cursor *c, uint64_t *sizes, size_t room, size_t *n)
{
    *n = 0;
    if (!nt_take(c, '[')) {
        return 0;
    }
    if (nt_take(c, ']')) {
        return 1;
    }
    do {
        uint64_t size;
        if (!nt_take_size(c, &size)) {
            return 0;
        }
        if (*n < room) {
            sizes[*n] = size;
        }
        ++*n;
    } while (nt_take(c, ','));
    return nt_take(c, ']');
}

/* ---- preprocessing constants ---- */

/* Constant i of the input's normalisation: (x - mean) / std * scale as x * factor + shift. False for what is no such constant. */
static inline int nt_set_constant(nt_loading *l, size_t i, double mean, double std, double scale)
{
    if (!isfinite(mean) || !isfinite(std) || std <= 0 || !isfinite(scale) || scale == 0) {
        return 0;
    }
    const double factor = scale / std;
    l->factor[i] = (float)factor;
    l->shift[i] = (float)(-mean * factor);
    return 1;
}

/* The first n constants, again and again up to a row of pixels or, where there is one for every value, the whole image. */
static inline void nt_spread_constants(nt_loading *l, size_t n)
{
    const size_t row = (size_t)l->w * (size_t)l->c;
    for (size_t i = n; i < row; i++) {
        l->factor[i] = l->factor[i - n];
        l->shift[i] = l->shift[i - n];
    }
    l->next_row = n > row ? row : 0;
}

static inline int nt_base64_digit(int ch)
{
    return ch >= 'A' && ch <= 'Z'   ? ch - 'A'
           : ch >= 'a' && ch <= 'z' ? ch - 'a' + 26
           : ch >= '0' && ch <= '9' ? ch - '0' + 52
           : ch == '+'              ? 62
           : ch == '/'              ? 63
                                    : -1;
}

/* Takes a string of exactly n finite floats in base64, little endian. */
static inline int nt_take_floats(nt_cursor *c, float *values, size_t n)
{
    nt_cursor digits;
    uint32_t single = 0, group = 0;
    size_t held = 0, taken = 0; /* bytes of this float; floats */
    if (!nt_take_string(c, &digits)) {
        return 0;
    }
    for (int bits = 0; taken < n;) {
        const int digit = nt_base64_digit(nt_next(&digits));
        if (digit < 0) {
            return 0;
        }
        group = (group << 6 | (uint32_t)digit) & 0xffff;
        bits += 6;
        if (bits < 8) {
            continue;
        }
        bits -= 8;
        single |= (group >> bits & 255) << 8 * held++;
        if (held == 4) {
            if ((single & 0x7f800000) == 0x7f800000) {
                return 0;
            }
            memcpy(values + taken++, &single, sizeof single);
            single = 0;
            held = 0;
        }
    }
    while (nt_peek(digits) == '=') {
        nt_next(&digits);
    }
    return nt_next(&digits) == NT_END;
}

/* matrix * (input + shift) is matrix * input + matrix * shift. */
static inline void nt_mix_constants(nt_loading *l, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++) {
            sum += (double)l->matrix[i * n + j] * (double)l->shift[j];
        }
        l->factor[i] = (float)sum;
    }
    for (size_t i = 0; i < n; i++) {
        l->shift[i] = l->factor[i];
        l->factor[i] = 1;
    }
}

/* Constants from the JSON object that the trainer writes: {"kind": .., "scale": s, "mean": [..], "std": [..], "matrix": ".."}, the
 * lists with one number a channel or one a value of the input, or left out; the matrix is there where the network whitens. */
static inline int nt_read_constants(nt_loading *l, nt_cursor c)
{
    nt_cursor key, mean = c, std = c;
    const size_t channels = (size_t)l->c, all = (size_t)l->h * (size_t)l->w * channels;
    size_t n_mean = 0, n_std = 0;
    double scale = 1;
    int n_matrices = 0;
    if (!nt_take(&c, '{')) {
        return 0;
    }
    do {
        if (!nt_take_string(&c, &key) || !nt_take(&c, ':')) {
            return 0;
        }
        const int good = nt_is(key, "kind")     ? nt_take_string(&c, &key)
                         : nt_is(key, "scale")  ? nt_take_number(&c, &scale)
                         : nt_is(key, "mean")   ? nt_take_numbers(&c, &mean, &n_mean)
                         : nt_is(key, "std")    ? nt_take_numbers(&c, &std, &n_std)
                         : nt_is(key, "matrix") ? l->matrix && n_matrices++ == 0 && nt_take_floats(&c, l->matrix, all * all)
                                                : 0;
        if (!good) {
            return 0;
        }
    } while (nt_take(&c, ','));
    const size_t n = n_mean > 0 ? n_mean : n_std;
    if ((l->matrix && (n_matrices == 0 || n_mean != all)) || !nt_take(&c, '}') || nt_next(&c) != NT_END || (n > 0 && n != channels && n != all) || (n_std > 0 && n_std != n)) {
        return 0;
    }
    int valid = n > 0 || nt_set_constant(l, 0, 0, 1, scale);
    for (size_t i = 0; i < n && valid; i++) {
        double m = 0, s = 1;
        if (n_mean > 0) {
            nt_take_number(&mean, &m);
            nt_take(&mean, ',');
        }
        if (n_std > 0) {
            nt_take_number(&std, &s);
            nt_take(&std, ',');
        }
        valid = nt_set_constant(l, i, m, s, scale);
    }
    if (valid && l->matrix) {
        nt_mix_constants(l, all);
    } else if (valid) {
        nt_spread_constants(l, n > 0 ? n : 1);
    }
    return valid;
}

/* What the model file says, or nothing: values pass as they are. */
static inline void nt_standard_constants(nt_loading *l)
{
    const size_t all = l->matrix ? (size_t)l->h * (size_t)l->w * (size_t)l->c : 0;
    for (size_t i = 0; i < all * all; i++) {
        l->matrix[i] = i % (all + 1) == 0; /* passes everything on */
    }
    const size_t n = l->n_constants > 0 ? (size_t)l->n_constants : 1;
    for (size_t i = 0; i < n; i++) {
        nt_set_constant(l, i, l->mean ? l->mean[i] : 0, l->std ? l->std[i] : 1, l->scale);
    }
    nt_spread_constants(l, n);
}

/* ---- values ---- */

typedef enum nt_type { NT_F32, NT_F64, NT_F16, NT_BF16, NT_OTHER_TYPE } nt_type;

static inline nt_type nt_find_type(nt_cursor name)
{
    static const char *const names[] = {"F32", "F64", "F16", "BF16"};
    int type = 0;
    while (type < NT_OTHER_TYPE && !nt_is(name, names[type])) {
        type++;
    }
    return (nt_type)type;
}

static inline size_t nt_type_bytes(nt_type type)
{
    return type == NT_F32 ? 4 : type == NT_F64 ? 8 : 2;
}

static inline float nt_half(uint32_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double size = exponent > 0 ? ldexp(fraction + 1024, exponent - 25) : ldexp(fraction, -24);
    if (exponent == 31) {
        size = fraction > 0 ? NAN : INFINITY;
    }
    return (float)(bits >> 15 ? -size : size);
}

static inline float nt_read_value(const unsigned char *bytes, nt_type type)
{
    uint64_t bits = 0;
    for (size_t i = nt_type_bytes(type); i > 0; i--) {
        bits = bits << 8 | bytes[i - 1];
    }
    if (type == NT_F16) {
        return nt_half((uint32_t)bits);
    }
    if (type == NT_F64) {
        double wide;
        memcpy(&wide, &bits, sizeof wide);
        return (float)wide;
    }
    const uint32_t single = (uint32_t)(type == NT_BF16 ? bits << 16 : bits);
    float value;
    memcpy(&value, &single, sizeof value);
    return value;
}

/* One parameter from its order on disk to its packing (see nt_stored). Padding is zero already. */
static inline void nt_pack(const nt_stored *s, float *to, const unsigned char *from, nt_type type)
{
    const size_t bytes = nt_type_bytes(type), rows = (size_t)s->window * (size_t)s->in;
    for (int o = 0; o < s->out; o++) {
        if (s->panel == 0) {
            to[o] = nt_read_value(from, type);
            from += bytes;
            continue;
        }
        const int of_group = s->out / s->groups, channel = o % of_group, first = channel / s->panel * s->panel;
        const int left = s->out_padded - first, width = left < s->panel ? left : s->panel;
        float *lane = to + ((size_t)(o / of_group) * (size_t)s->out_padded + (size_t)first) * rows + (channel - first);
        for (int i = 0; i < s->in; i++) {
            for (int k = 0; k < s->window; k++, from += bytes) {
                lane[((size_t)k * (size_t)s->in + (size_t)i) * (size_t)width] = nt_read_value(from, type);
            }
        }
    }
}

/* ---- the file ---- */

/* A tensor of the header: {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}. */
typedef struct nt_entry {
    nt_cursor type;
    size_t n_dims;
    uint64_t dims[4];                /* the first of them */
    uint64_t offsets[2];
} nt_entry;

static inline int nt_take_entry(nt_cursor *c, nt_entry *entry)
{
    int types = 0, shapes = 0, ranges = 0, good;
    size_t n_offsets = 0;
    nt_cursor key;
    if (!nt_take(c, '{')) {
        return 0;
    }
    do {
        if (!nt_take_string(c, &key) || !nt_take(c, ':')) {
            return 0;
        }
        if (nt_is(key, "dtype") && types++ == 0) {
            good = nt_take_string(c, &entry->type);
        } else if (nt_is(key, "shape") && shapes++ == 0) {
            good = nt_take_sizes(c, entry->dims, 4, &entry->n_dims);
        } else if (nt_is(key, "data_offsets") && ranges++ == 0) {
            good = nt_take_sizes(c, entry->offsets, 2, &n_offsets);
        } else {
            good = 0;
        }
    } while (good && nt_take(c, ','));
    return good && types && shapes && n_offsets == 2 && entry->offsets[0] <= entry->offsets[1] && nt_take(c, '}');
}

/* Takes the object of strings under "__metadata__"; `constants` are the characters of the preprocessing constants, if any. */
static inline int nt_take_metadata(nt_cursor *c, nt_cursor *constants, int *found)
{
    nt_cursor key, value;
    if (!nt_take(c, '{')) {
        return 0;
    }
    if (nt_take(c, '}')) {
        return 1;
    }
    do {
        if (!nt_take_string(c, &key) || !nt_take(c, ':') || !nt_take_string(c, &value)) {
            return 0;
        }
        if (nt_is(key, "netc.preprocessing")) {
            *constants = value;
            *found = 1;
        }
    } while (nt_take(c, ','));
    return nt_take(c, '}');
}

/* PyTorch's batchnorm counts its batches, which nobody needs. */
static inline int nt_is_unneeded(const nt_loading *l, nt_cursor name)
{
    int k = 0;
    while (k < l->n_unneeded && !nt_is(name, l->unneeded[k])) {
        k++;
    }
    return k < l->n_unneeded || nt_ends_in(name, "num_batches_tracked");
}

/* Loads one tensor into the parameter of its name. */
static inline nt_loaded nt_load_tensor(nt_loading *l, nt_cursor name, const nt_entry *entry, const unsigned char *values)
{
    int k = 0;
    while (k < l->n && !nt_is(name, l->stored[k].name)) {
        k++;
    }
    if (k == l->n) {
        return nt_is_unneeded(l, name) ? NT_LOADED : NT_PARAMETER_UNKNOWN;
    }
    const nt_stored *s = &l->stored[k];
    const nt_type type = nt_find_type(entry->type);
    uint64_t count = 1;
    int same = entry->n_dims == (size_t)s->n_dims;
    for (int i = 0; same && i < s->n_dims; i++) {
        same = entry->dims[i] == (uint64_t)s->dims[i];
        count *= entry->dims[i];
    }
    l->about = s->name;
    if (l->seen[k]++) {
        return NT_PARAMETER_TWICE;
    }
    if (!same) {
        return NT_PARAMETER_SHAPE;
    }
    if (type == NT_OTHER_TYPE) {
        return NT_PARAMETER_TYPE;
    }
    if (entry->offsets[1] - entry->offsets[0] != count * nt_type_bytes(type)) {
        return NT_NOT_SAFETENSORS;
    }
    nt_pack(s, l->parameters + s->offset, values + entry->offsets[0], type);
    l->about = NULL;
    return NT_LOADED;
}

/* Loads all tensors of a header at `c`; they must fill the n_values bytes at `values`. */
static inline nt_loaded nt_load_tensors(nt_loading *l, nt_cursor c, const unsigned char *values, uint64_t n_values, nt_cursor *constants,
                                        int *has_constants)
{
    nt_loaded status = NT_LOADED;
    uint64_t covered = 0;
    if (!nt_take(&c, '{')) {
        return NT_NOT_SAFETENSORS;
    }
    const int empty = nt_take(&c, '}');
    for (int more = !empty; more; more = nt_take(&c, ',')) {
        nt_cursor name;
        nt_entry entry;
        if (!nt_take_string(&c, &name) || !nt_take(&c, ':')) {
            return NT_NOT_SAFETENSORS;
        }
        if (nt_is(name, "__metadata__")) {
            if (!nt_take_metadata(&c, constants, has_constants)) {
                return NT_NOT_SAFETENSORS;
            }
            continue;
        }
        if (!nt_take_entry(&c, &entry)) {
            return NT_NOT_SAFETENSORS;
        }
        const uint64_t size = entry.offsets[1] - entry.offsets[0];
        if (entry.offsets[1] > n_values || size > n_values - covered) {
            return NT_CUT_SHORT;
        }
        covered += size;
        const nt_loaded loaded = nt_load_tensor(l, name, &entry, values);
        if (loaded == NT_PARAMETER_UNKNOWN) {
            status = loaded; /* if another is missing, that one can be named */
        } else if (loaded != NT_LOADED) {
            return loaded;
        }
    }
    if (!empty && !nt_take(&c, '}')) {
        return NT_NOT_SAFETENSORS;
    }
    nt_skip_blanks(&c);
    return c.at != c.end ? NT_NOT_SAFETENSORS : covered != n_values ? NT_CUT_SHORT : status;
}

/* Loads the parameters and the input's constants from a safetensors file of so many bytes. After a status below 0 what was
 * loaded is of no use. */
static inline nt_loaded nt_load(nt_loading *l, const void *file, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)file;
    uint64_t header = 0;
    int has_constants = 0;
    l->about = NULL;
    if (bytes <= 8) {
        return NT_CUT_SHORT;
    }
    for (int i = 8; i > 0; i--) {
        header = header << 8 | at[i - 1];
    }
    if (header > bytes - 8) {
        return at[8] == '{' ? NT_CUT_SHORT : NT_NOT_SAFETENSORS;
    }
    memset(l->parameters, 0, l->n_parameters * sizeof *l->parameters);
    memset(l->seen, 0, (size_t)l->n);
    const unsigned char *values = at + 8 + header;
    nt_cursor c = {at + 8, values, 0}, constants = c;
    const nt_loaded status = nt_load_tensors(l, c, values, bytes - 8 - header, &constants, &has_constants);
    if (status < NT_LOADED && status != NT_PARAMETER_UNKNOWN) {
        return status;
    }
    for (int k = 0; k < l->n; k++) {
        if (!l->seen[k]) {
            l->about = l->stored[k].name;
            return NT_PARAMETER_MISSING;
        }
    }
    if (status != NT_LOADED) {
        return status;
    }
    if (has_constants) {
        return nt_read_constants(l, constants) ? NT_LOADED : NT_CONSTANTS_INVALID;
    }
    nt_standard_constants(l);
    return l->estimated ? NT_LOADED_UNNORMALIZED : NT_LOADED;
}

/* Reads a whole file into memory of its own, which the caller frees. */
static inline nt_loaded nt_read_file(const char *path, void **file, size_t *bytes)
{
    FILE *in = fopen(path, "rb");
    unsigned char *text = NULL;
    size_t room = 0, used = 0;
    nt_loaded status = in ? NT_LOADED : NT_CANNOT_READ;
    while (status == NT_LOADED) {
        if (used == room) {
            room = room > 0 ? 2 * room : 1 << 16;
            unsigned char *more = room > used ? (unsigned char *)realloc(text, room) : NULL;
            if (!more) {
                status = NT_NO_MEMORY;
                break;
            }
            text = more;
        }
        const size_t got = fread(text + used, 1, room - used, in);
        used += got;
        if (got == 0) {
            break;
        }
    }
    if (in) {
        status = status == NT_LOADED && ferror(in) ? NT_CANNOT_READ : status;
        fclose(in);
    }
    if (status != NT_LOADED) {
        free(text);
        text = NULL;
    }
    *file = text;
    *bytes = used;
    return status;
}

#endif
