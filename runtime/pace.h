/* pace.h - how many threads to work with, by trial. Results do not depend on it, so it may change between two batches.
 *
 * More threads are not always faster: steps of a millisecond are mostly waiting for one another where another program
 * has one of the cores, or where the network is small. How long batches take says which it is; nothing else does. */
#ifndef NT_PACE_H
#define NT_PACE_H

#include <stdbool.h>

typedef struct nt_pace {
    int most, used;    /* threads there are; threads used at present */
    int tried;         /* threads on trial, 0 while none are */
    bool more_next;    /* the next trial is of more threads, if there are more */
    bool skip;         /* the next batch is the first with another number of threads, and is not timed */
    double rate, best; /* work a second with `used`: of the last window, of the best window since it was chosen; 0: not known */
    double seconds, work;
    int batches;            /* seconds, work, batches: of the window being timed */
    double since, patience; /* seconds worked since the last trial; seconds to work before the next */
    double trial;           /* seconds that a trial takes, about */
} nt_pace;

/* Starts with `most` threads. With `fixed` it stays there. */
nt_pace nt_pace_begin(int most, bool fixed);

/* Threads for the next batch. */
int nt_pace_threads(const nt_pace *pace);

/* Notes that a batch with so many threads took so many seconds; `work` is in any unit that is proportional to it,
 * samples for example. */
void nt_pace_note(nt_pace *pace, double seconds, double work);

#endif
