#include "augment.h"

#include "rng.h"

nt_placement nt_placement_identity(int h, int w)
{
    return (nt_placement){.y0 = 0, .y1 = h, .y_shift = 0, .x0 = 0, .x1 = w, .x_shift = 0, .x_step = 1};
}

/* Moves the picture so that output pixel i shows what was at i + by; what was not in 0..size-1 is empty from now on. */
static void move_range(int *from, int *to, int by, int size)
{
    int a = *from - by, b = *to - by;
    *from = a < 0 ? 0 : a;
    *to = b > size ? size : b;
    if (*to < *from)
        *to = *from = 0;
}

static int draw_shift(int amount, uint64_t key, uint64_t index)
{
    return (int)nt_random_below(key, index, 2 * (uint64_t)amount + 1) - amount;
}

nt_placement nt_augment_draw(const nt_augment *list, int n, int h, int w, uint64_t key)
{
    nt_placement p = nt_placement_identity(h, w);
    for (int i = 0; i < n; i++) {
        uint64_t own = nt_key(key, (uint64_t)i);
        switch (list[i].kind) {
        case NT_AUG_SHIFT:
        case NT_AUG_CROP: {
            int dy = draw_shift(list[i].amount, own, 0), dx = draw_shift(list[i].amount, own, 1);
            move_range(&p.y0, &p.y1, dy, h);
            move_range(&p.x0, &p.x1, dx, w);
            p.y_shift += dy;
            p.x_shift += p.x_step * dx;
            break;
        }
        case NT_AUG_MIRROR:
            if (nt_random(own, 0) >> 63) {
                int x0 = p.x0;
                p.x0 = w - p.x1;
                p.x1 = w - x0;
                p.x_shift += p.x_step * (w - 1);
                p.x_step = -p.x_step;
            }
            break;
        }
    }
    return p;
}
