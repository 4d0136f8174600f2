/* augment.h - random changes of training samples: what `augment` of a data section lists.
 *
 * With u uniform in -1..1 and drawn for each sample and epoch, in the order of the list:
 *   SHIFT    moves by a uniform whole number of pixels in -pixels..pixels on each axis
 *   CROP     pads with so many pixels on every side and cuts out h x w at a uniform place: the same distribution
 *   MIRROR   left for right with probability 1/2
 *   ROTATE   turns about the centre by u * amount degrees
 *   SCALE    multiplies height and width about the centre by 1 + u * amount, each with its own u
 *   SHEAR    moves each row sideways by tan(u * amount degrees) times its distance from the centre row
 *   DISTORT  pixel p shows what was at p + amount * G(r), r a vector of two u of its own, G a Gaussian of standard
 *            deviation sigma pixels, cut off at 4 sigma, outside of the image 0 (Simard, Steinkraus and Platt, 2003)
 *   BLUR     a Gaussian of standard deviation sigma * (u + 1) / 2; beyond the edge the edge's value
 *   COLOR    adds sum_k p_k a_k l_k to every pixel, l and p the eigenvalues and eigenvectors of the covariance of the
 *            training part's colours, a normal with standard deviation `amount` (Krizhevsky et al., 2012)
 *   NOISE    adds to each value a normal number of standard deviation `amount`
 *
 * What comes in from outside is 0. Neighbours in the list that move pixels, up to and with a DISTORT, are put together,
 * and the image is read once, between four pixels where need be (bilinear). Values are as read, bytes as 0..1. */
#ifndef NT_AUGMENT_H
#define NT_AUGMENT_H

#include "error.h"
#include "model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nt_split;

/* Output pixel (y, x) shows source pixel (y + y_shift, x_step * x + x_shift) for y0 <= y < y1 and x0 <= x < x1, and 0
 * elsewhere. */
typedef struct nt_placement {
    int y0, y1, y_shift;
    int x0, x1, x_shift;
    int x_step; /* 1, or -1 for a mirror image */
} nt_placement;

/* The placement that shows the h x w source as it is. */
nt_placement nt_placement_identity(int h, int w);

/* Applies a list of nothing but SHIFT, CROP and MIRROR, each with random numbers of its own from `key`. */
nt_placement nt_augment_draw(const nt_augment *list, int n, int h, int w, uint64_t key);

/* A list, ready for samples of h x w x c. */
typedef struct nt_augmenter {
    const nt_augment *list;
    int n, h, w, c;
    bool moves_only;    /* nt_augment_draw serves; otherwise nt_augment_sample */
    float *gaussian;    /* half the kernel of each DISTORT, one after the other: its middle first */
    double color[3][3]; /* color[k][i]: channel i of component k, times its eigenvalue */
    size_t scratch;     /* floats that nt_augment_sample works in; 0 if moves_only */
} nt_augmenter;

/* Fails on a list that does not fit such samples. `list` must stay. */
bool nt_augmenter_init(nt_augmenter *a, const nt_augment *list, int n, int h, int w, int c, nt_error *err);

/* Estimates what a COLOR needs, from a split's samples; does nothing without one. */
bool nt_augmenter_estimate(nt_augmenter *a, const struct nt_split *split, nt_error *err);

void nt_augmenter_free(nt_augmenter *a);

/* Changes one sample of h*w*c values as read, with random numbers from `key`. `scratch` has a->scratch floats. */
void nt_augment_sample(const nt_augmenter *a, uint64_t key, float *image, float *scratch);

#endif
