/* window.c - the extent of what windows make of an image. */
#include "window.h"

int64_t window_count(int64_t in, int64_t k, int64_t stride, int64_t dilation, bool same, int64_t pad, int64_t *before)
{
    int64_t window = (k - 1) * dilation + 1;
    *before = pad;
    if (same) {
        int64_t out = (in + stride - 1) / stride, total = (out - 1) * stride + window - in;
        *before = total > 0 ? total / 2 : 0;
        return out;
    }
    return in + 2 * pad < window ? 0 : (in + 2 * pad - window) / stride + 1;
}
