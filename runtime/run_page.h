/* run_page.h - report.html: what a run was, how it went, what its network looks like from inside and where it is
 * wrong. */
#ifndef NT_RUN_PAGE_H
#define NT_RUN_PAGE_H

#include "checkpoint.h"
#include "data.h"
#include "engine.h"
#include "page.h"
#include "sketch.h"
#include "verdict.h"

typedef struct nt_run_page {
    const nt_model *model;
    const nt_sketch *sketch;   /* NULL: nothing about the network itself */
    const nt_run *run;
    const char *log;           /* path: learning curves are drawn of what it has */
    const char *state;         /* "finished", "stopped in epoch 3" ... */
    const nt_data *data;
    nt_engine *engine;         /* holds the weights that are shown */
    const nt_verdict *verdict; /* NULL: the run is not over, so nothing was tested yet */
    const char *part;          /* what it is about: "test" */
} nt_run_page;

/* Makes the page and writes it. Where a part of it cannot be made for want of something to show, the page says so. */
bool nt_run_page_write(const nt_run_page *p, const char *path, nt_error *error);

/* ---- its sections; each begins with nt_page_section and may leave itself out ---- */

/* Weights of the first layer as pictures (page_layers.c). */
void nt_page_filters(nt_page *page, const nt_model *model, const real *params);

/* What it takes for what, and the mistakes it is surest of; for other outputs, answers beside targets
 * (page_mistakes.c). */
void nt_page_mistakes(nt_page *page, const nt_run_page *p);

/* A sample of the part that was tested, by its place in it, as a picture with its class. */
void nt_page_sample(nt_page *page, const nt_run_page *p, int64_t place);

/* Feature maps of two samples, and how the values of each layer are spread (page_inside.c). */
void nt_page_inside(nt_page *page, const nt_run_page *p);

/* Of networks that read two values: the class of every point (page_plane.c). */
void nt_page_plane(nt_page *page, const nt_run_page *p);

#endif
