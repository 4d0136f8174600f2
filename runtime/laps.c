#include "laps.h"

#include "progress.h"

void nt_lap_end(nt_laps *laps, int step)
{
#pragma omp barrier
#pragma omp master
    {
        double now = nt_seconds();
        laps->seconds[step] = now - laps->began;
        laps->began = now;
    }
}
