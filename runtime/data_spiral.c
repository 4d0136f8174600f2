/* data_spiral.c - points on arms that wind around the origin: the toy set that a linear classifier cannot tell apart.
 */
#include "data_source.h"
#include "rng.h"

#include <math.h>

/* Arm j of K begins at angle 2 pi j / K and winds 4 radians while its radius grows from 0 to 1; point i of N lies at
 * radius i / (N - 1). The noise is normal, on the angle. */
static bool make_points(const nt_data_config *config, uint64_t key, nt_part *part, nt_error *err)
{
    const double two_pi = 6.283185307179586476925;
    int classes = config->spiral_classes, points = config->spiral_points;
    int64_t count = (int64_t)classes * points;
    part->values = nt_allocate(count * 2, sizeof *part->values, "the spiral's points", err);
    part->labels = nt_allocate(count, sizeof *part->labels, "the spiral's labels", err);
    if (!part->values || !part->labels)
        return false;
    part->count = count;
    for (int64_t s = 0; s < count; s++) {
        int64_t arm = s / points, point = s % points;
        double radius = points > 1 ? (double)point / (points - 1) : 1;
        double angle = two_pi * (double)arm / classes + 4 * radius +
                       config->spiral_noise * nt_random_normal(key, (uint64_t)s);
        part->values[2 * s] = (float)(radius * sin(angle));
        part->values[2 * s + 1] = (float)(radius * cos(angle));
        part->labels[s] = (int32_t)arm;
    }
    return true;
}

bool nt_load_spiral(const nt_data_request *q, nt_loaded *out, nt_error *err)
{
    const nt_data_config *config = q->config;
    if (config->spiral_classes < 1 || config->spiral_points < 1)
        return nt_fail(err, "spiral(classes=%d, points=%d): both must be at least 1", config->spiral_classes,
                       config->spiral_points);
    if (!(isfinite(config->spiral_noise) && config->spiral_noise >= 0))
        return nt_fail(err, "spiral(noise=%g): must be a number, 0 or above", config->spiral_noise);
    if (!nt_check_shape(q, "spiral", 1, 1, 2, err))
        return false;
    if (config->spiral_classes != q->outputs)
        return nt_fail(err, "spiral(classes=%d), but the network has %d outputs: make its last layer dense(%d)",
                       config->spiral_classes, q->outputs, config->spiral_classes);
    /* The points are the same in every run, whatever its seed, so that runs can be compared. */
    return (!(q->parts & NT_PART_TRAIN) || make_points(config, nt_key(0, NT_KEY_SPIRAL_TRAIN), &out->train, err)) &&
           (!(q->parts & NT_PART_TEST) || make_points(config, nt_key(0, NT_KEY_SPIRAL_TEST), &out->test, err));
}
