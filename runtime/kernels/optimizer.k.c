/* optimizer.k.c - one step of the optimizer in one pass over the elements begin..end-1 of the parameters, their
 * gradients and the optimizer's state, both multiples of VL. What is done to each is step.k.c's, whose text comes before this one's,
 * behind a rule's. No hooks. */
#include "../emitted.h"

#ifndef K_COUPLED
#include "step.k.c"
#endif

/* kernel { */
static void k_main(const nt_pass *p, size_t begin, size_t end, double lr_scale, double decay, double l1)
{
    enum { CHUNK = 4096 };
    const nt_rates rates = k_rates_of(p, lr_scale, decay);
#pragma omp for schedule(static)
    for (size_t chunk = begin; chunk < end; chunk += CHUNK)
        k_step(p, &rates, l1, p->grads + chunk, chunk, end - chunk < CHUNK ? end : chunk + CHUNK);
}
/* kernel } */
