/* road.h - pictures of a road, and how to steer: the data for ALVINN (Pomerleau, 1989), drawn instead of driven. */
#ifndef NT_ROAD_H
#define NT_ROAD_H

#include <stdint.h>

enum { NT_ROAD_HEIGHT = 30, NT_ROAD_WIDTH = 32, NT_ROAD_UNITS = 30, NT_ROAD_COPIES = 15 };

/* Picture `number` of a series, NT_ROAD_HEIGHT * NT_ROAD_WIDTH values in 0..1, row by row from the top, and its target.
 *
 * A scene is a road of constant curvature in some light; NT_ROAD_COPIES pictures in a row show one scene from places
 * beside the middle of the road and in directions that are off, as ALVINN's distorted copies of a camera's picture did,
 * so that the network also sees what a good driver never gets into.
 *
 * The target is the position of the steering wheel blurred: unit i has exp(-D^2 / 10), D its distance from the unit of
 * the arc that leads back to the middle of the road in 12 metres; left of all units and right of them count as the
 * first and the last. */
void nt_road_picture(uint64_t key, int64_t number, float *values, float *target);

#endif
