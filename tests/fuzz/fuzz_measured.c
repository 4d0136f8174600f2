/* The reader of what `explain --measured` is given, on arbitrary bytes: what it takes are steps with names and times. */
#define _GNU_SOURCE /* memfd_create */
#include "machine.h"
#include "measured.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = {0};
    Measured measured;
    const int file = memfd_create("measured.json", 0);
    if (file < 0 || write(file, data, size) != (ssize_t)size) {
        abort();
    }
    if (measured_read(&arena, arena_printf(&arena, "/proc/self/fd/%d", file), &measured)) {
        Machine machine;
        bool known = measured.built_for >= 1 && measured.batch >= 1 && measured.threads >= 1 && measured.n_steps >= 1;
        for (int i = 0; i < measured.n_steps; i++) {
            const MeasuredStep *s = &measured.steps[i];
            known = known && s->phase && s->layer && s->what && s->how && s->seconds >= 0;
        }
        for (int training = 0; training < 2; training++) {
            const int first = measured_begin(&measured, training);
            known = known && first >= 0 && first <= measured.n_steps;
        }
        if (!known) {
            abort();
        }
        machine_parse(&arena, measured.machine, &machine);
    }
    close(file);
    arena_free(&arena);
    return 0;
}
