#include "pace.h"

#include <math.h>

/* A window is at least so long, in seconds and in batches. */
static const double window_seconds = 0.02;
enum { WINDOW_BATCHES = 3 };

/* Seconds of work between trials: so many at first and after a change, twice as many after each trial that changed nothing. */
static const double patience_least = 0.1, patience_most = 10;

/* A trial that changes nothing may take this share of the time. */
static const double trial_share = 0.02;

/* Others have to be faster by this factor, lest noise make it change all the time ... */
static const double worth_changing = 1.05;

/* ... and a trial comes at once when work slows down to this share of what it was. */
static const double slowed_down = 0.7;

/* A trial ends early when a batch takes this many times as long as it usually does. */
static const double hopeless = 4;

nt_pace nt_pace_begin(int most, bool fixed)
{
    return (nt_pace){.most = fixed ? 0 : most, .used = most, .skip = true, .patience = patience_least};
}

int nt_pace_threads(const nt_pace *pace)
{
    return pace->tried > 0 ? pace->tried : pace->used;
}

static void begin_window(nt_pace *pace, bool skip)
{
    pace->seconds = pace->work = 0;
    pace->batches = 0;
    pace->skip = skip;
}

/* Half or twice as many as at present, in turns as far as there are both. */
static void begin_trial(nt_pace *pace)
{
    bool more = pace->used == 1 || (pace->more_next && pace->used < pace->most);
    int twice = pace->used > pace->most / 2 ? pace->most : 2 * pace->used;
    pace->tried = more ? twice : pace->used / 2;
    pace->more_next = !more;
    pace->trial = 0;
    begin_window(pace, true);
}

static void end_trial(nt_pace *pace, bool faster, double rate)
{
    if (faster) {
        pace->more_next = pace->tried > pace->used; /* go on in this direction */
        pace->used = pace->tried;
        pace->rate = pace->best = rate;
        pace->patience = patience_least;
    } else {
        pace->patience = fmax(fmin(2 * pace->patience, patience_most), pace->trial / trial_share);
    }
    pace->tried = 0;
    pace->since = 0;
    begin_window(pace, true);
}

/* What a window of the present number of threads says. */
static void judge_present(nt_pace *pace, double rate)
{
    bool slower = rate < slowed_down * pace->best;
    pace->rate = rate;
    pace->best = slower ? rate : fmax(pace->best, rate);
    begin_window(pace, false);
    if (pace->since >= pace->patience || (slower && pace->since >= pace->trial / trial_share))
        begin_trial(pace);
}

void nt_pace_note(nt_pace *pace, double seconds, double work)
{
    if (pace->most <= 1)
        return;
    if (pace->tried > 0)
        pace->trial += seconds;
    else
        pace->since += seconds;
    bool lost = pace->tried > 0 && seconds * pace->rate > hopeless * work && seconds > window_seconds;
    if (!pace->skip) {
        pace->seconds += seconds;
        pace->work += work;
        pace->batches++;
    }
    pace->skip = false;
    if (lost) {
        end_trial(pace, false, 0);
    } else if (pace->batches >= WINDOW_BATCHES && pace->seconds >= window_seconds) {
        double rate = pace->work / pace->seconds;
        if (pace->tried > 0)
            end_trial(pace, rate > worth_changing * pace->rate, rate);
        else
            judge_present(pace, rate);
    }
}
