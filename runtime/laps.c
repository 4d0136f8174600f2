#include "laps.h"

#include "progress.h"

void nt_lap_end(nt_laps *laps, int step)
{
    if (laps->look) {
#pragma omp barrier
#pragma omp single
        laps->look(laps->context, step);
        return;
    }
#pragma omp barrier
#pragma omp master
    {
        double now = nt_seconds();
        laps->seconds[step] = now - laps->began;
        laps->began = now;
    }
}
