/* window.h - windows that move over an image: what convolutions and pooling share. */
#ifndef NETC_OPS_WINDOW_H
#define NETC_OPS_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* How many windows of k taps, `dilation` apart, fit into one dimension of `in` pixels and `pad` zeros on each side,
 * `stride` apart: (in + 2*pad - dilation*(k - 1) - 1) / stride + 1, rounded down; 0 if none fits. With `same` there are
 * ceil(in / stride), and pad follows from that. *before is set to the zeros before the first pixel. */
int64_t window_count(int64_t in, int64_t k, int64_t stride, int64_t dilation, bool same, int64_t pad, int64_t *before);

#endif
