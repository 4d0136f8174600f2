/* The reader of MODEL.tune on arbitrary bytes: what it takes are choices that kernels have, each product's once. */
#define _GNU_SOURCE /* memfd_create */
#include "tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = {0};
    Tuning tuning;
    const char *error;
    const int file = memfd_create("model.tune", 0);
    if (file < 0 || write(file, data, size) != (ssize_t)size) {
        abort();
    }
    if (tuning_read(&arena, arena_printf(&arena, "/proc/self/fd/%d", file), &tuning, &error)) {
        for (int i = 0; i < tuning.n_steps; i++) {
            const TunedStep *s = &tuning.steps[i];
            const Choice *c = &s->choice;
            if ((c->tile != 0 && c->tile != 2 && c->tile != 4) || c->blocks < -1 || c->blocks > 1 ||
                tuning_find(&tuning, s->layer, s->training, s->direction) != c || !*choice_text(&arena, c)) {
                abort();
            }
        }
        Str text = {0};
        tuning_write(&tuning, &text);
        str_free(&text);
    } else if (!error || !*error) {
        abort(); /* refused without a word */
    }
    close(file);
    arena_free(&arena);
    return 0;
}
