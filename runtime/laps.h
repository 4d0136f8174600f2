/* laps.h - times of the steps of a pass, where a command asks for them. */
#ifndef NT_LAPS_H
#define NT_LAPS_H

#include "model.h"

/* Called by every thread of the team, which wait for each other: notes the time since the lap before as that of `step`, or
 * lets `look` see what it left. */
void nt_lap_end(nt_laps *laps, int step);

#endif
