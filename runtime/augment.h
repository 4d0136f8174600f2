/* augment.h - random shifts, crops and mirror images of training samples, as a placement of the source image under the
 * output. */
#ifndef NT_AUGMENT_H
#define NT_AUGMENT_H

#include "model.h"

#include <stdint.h>

/* Output pixel (y, x) shows source pixel (y + y_shift, x_step * x + x_shift) for y0 <= y < y1 and x0 <= x < x1, and 0
 * elsewhere. */
typedef struct nt_placement {
    int y0, y1, y_shift;
    int x0, x1, x_shift;
    int x_step; /* 1, or -1 for a mirror image */
} nt_placement;

/* The placement that shows the h x w source as it is. */
nt_placement nt_placement_identity(int h, int w);

/* Applies a list of augmentations in order, each with random numbers of its own from `key`:
 *   SHIFT k  moves by a uniform whole number of pixels in -k..k on each axis; what comes in from outside is 0
 *   CROP k   pads with k zeros on every side and cuts out h x w at a uniform place: the same distribution as SHIFT k
 *   MIRROR   left for right with probability 1/2 */
nt_placement nt_augment_draw(const nt_augment *list, int n, int h, int w, uint64_t key);

#endif
