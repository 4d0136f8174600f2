/* data_road.c - the source `road`: see road.h. Lengths are in metres, x to the right, z ahead. */
#include "data_source.h"
#include "rng.h"
#include "road.h"

#include <math.h>

/* The camera: its height, pixels a unit of x/z, the row of the horizon; the road: half its width. */
static const double camera_height = 2, focal = 32, horizon = 4, half_width = 2;

/* How far ahead the wheel looks, and units of the wheel a unit of curvature. */
static const double look_ahead = 12, wheel_gain = 150;

typedef struct view {
    double curvature, offset, heading; /* of the road; of the car to the right of its middle; of the car to the right */
    double road, ground, sky, light;   /* how bright */
} view;

static double draw_between(uint64_t key, uint64_t index, double low, double high)
{
    return low + (high - low) * nt_random_uniform(key, index);
}

static view draw_view(uint64_t key, int64_t number)
{
    uint64_t scene = nt_key(key, (uint64_t)(number / NT_ROAD_COPIES)), own = nt_key(scene, (uint64_t)number);
    view v = {.curvature = draw_between(scene, 0, -0.04, 0.04),
              .road = draw_between(scene, 1, 0.5, 0.8),
              .ground = draw_between(scene, 2, 0.15, 0.4),
              .sky = draw_between(scene, 3, 0.6, 1),
              .light = draw_between(scene, 4, -0.15, 0.15)};
    v.offset = draw_between(own, 0, -1.5, 1.5);
    v.heading = draw_between(own, 1, -0.15, 0.15);
    return v;
}

/* The middle of the road, seen from the car. */
static double middle(const view *v, double z)
{
    return v->curvature * z * z / 2 - v->heading * z - v->offset;
}

/* What a pixel shows: the road's edge goes through it where it is less than half a pixel away. */
static double brightness(const view *v, int row, int column)
{
    double below = row - horizon;
    if (below <= 0)
        return v->sky;
    double z = focal * camera_height / below, x = column - (NT_ROAD_WIDTH - 1) / 2.0;
    double inside = focal * half_width / z - fabs(x - focal * middle(v, z) / z);
    double share = fmin(fmax(inside + 0.5, 0), 1);
    return v->ground + (v->road - v->ground) * share;
}

void nt_road_picture(uint64_t key, int64_t number, float *values, float *target)
{
    const view v = draw_view(key, number);
    uint64_t grain = nt_key(nt_key(key, UINT64_MAX), (uint64_t)number);
    for (int row = 0; row < NT_ROAD_HEIGHT; row++)
        for (int column = 0; column < NT_ROAD_WIDTH; column++) {
            int i = row * NT_ROAD_WIDTH + column;
            double side = v.light * (column / (NT_ROAD_WIDTH - 1.0) - 0.5);
            double noise = 0.04 * nt_random_normal(grain, (uint64_t)i);
            values[i] = (float)fmin(fmax(brightness(&v, row, column) + side + noise, 0), 1);
        }
    double wheel = (NT_ROAD_UNITS - 1) / 2.0 + wheel_gain * 2 * middle(&v, look_ahead) / (look_ahead * look_ahead);
    wheel = fmin(fmax(wheel, 0), NT_ROAD_UNITS - 1);
    for (int i = 0; i < NT_ROAD_UNITS; i++)
        target[i] = (float)exp(-(i - wheel) * (i - wheel) / 10);
}

static bool make_part(int64_t count, uint64_t key, nt_part *part, nt_error *err)
{
    enum { PIXELS = NT_ROAD_HEIGHT * NT_ROAD_WIDTH };
    part->values = nt_allocate(count * PIXELS, sizeof *part->values, "pictures of the road", err);
    part->targets = nt_allocate(count * NT_ROAD_UNITS, sizeof *part->targets, "positions of the wheel", err);
    if (!part->values || !part->targets)
        return false;
    part->count = count;
    for (int64_t s = 0; s < count; s++)
        nt_road_picture(key, s, part->values + s * PIXELS, part->targets + s * NT_ROAD_UNITS);
    return true;
}

bool nt_load_road(const nt_data_request *q, nt_loaded *out, nt_error *err)
{
    enum { TEST_PICTURES = 600 };
    const nt_data_config *config = q->config;
    if (config->road_images < 1 || config->road_replace < 0 || config->road_replace > config->road_images)
        return nt_fail(err, "road(images=%d, replace=%d): at least one image, of which none to all are replaced",
                       config->road_images, config->road_replace);
    if (!nt_check_shape(q, "road", NT_ROAD_HEIGHT, NT_ROAD_WIDTH, 1, err))
        return false;
    if (q->outputs != NT_ROAD_UNITS)
        return nt_fail(err, "road has a wheel of %d positions, but the network has %d outputs: make its last layer dense(%d)",
                       NT_ROAD_UNITS, q->outputs, NT_ROAD_UNITS);
    /* The pictures are the same in every run, whatever its seed, so that runs can be compared. */
    return (!(q->parts & NT_PART_TRAIN) ||
            make_part(config->road_images, nt_key(0, NT_KEY_ROAD_TRAIN), &out->train, err)) &&
           (!(q->parts & NT_PART_TEST) || make_part(TEST_PICTURES, nt_key(0, NT_KEY_ROAD_TEST), &out->test, err));
}
