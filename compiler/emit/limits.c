/* limits.c - what is too large for emitted C, whose offsets are enumerators: of type int, times the batch as size_t. */
#include "emit.h"

#include <limits.h>

/* The place of most of a sum, for a note. */
typedef struct Largest {
    const char *name, *what;
    int64_t elements;
    Loc loc;
} Largest;

static void consider(Largest *most, const char *name, const char *what, int64_t elements, const Layer *layer)
{
    if (elements > most->elements) {
        *most = (Largest){name, what, elements, layer->loc};
    }
}

static bool fits(const Net *net, int64_t elements, const char *what, const Largest *most, const char *help)
{
    if (elements <= INT_MAX) {
        return true;
    }
    Diag *d = diag_error(net->diags, net->loc, "network '%s' needs %lld values of %s: emitted C can count %d", net->name,
                         (long long)elements, what, INT_MAX);
    diag_note(net->diags, d, most->loc, "the largest belongs to %s: %lld values with its padding%s%s", most->name, (long long)most->elements,
              most->what[0] ? ", " : "", most->what);
    diag_help(net->diags, d, "%s", help);
    return false;
}

static bool parameters_fit(const Net *net)
{
    int64_t end = 0;
    Largest most = {0};
    for (int i = 0; i < net->n_params; i++) {
        const NetParam *p = net->params[i];
        end = p->offset + p->elements > end ? p->offset + p->elements : end;
        consider(&most, p->name, "", p->elements, p->layer);
    }
    return fits(net, end, "parameters", &most, "use fewer units or channels");
}

static bool memory_fits(const Graph *g)
{
    Arena *a = g->arena;
    Largest tensor = {0}, work = {0};
    for (int i = 0; i < g->n_values; i++) {
        const Value *v = g->values[i];
        if (v->stored && v->kind == VALUE_TENSOR && !v->base) {
            consider(&tensor, v->layer->name, shape_text(a, v->shape), v->layout.sample, v->layer);
        } else if (v->stored && (v->kind == VALUE_WORK || v->kind == VALUE_CHANNEL)) {
            consider(&work, v->layer->name, "", v->work_elements, v->layer);
        }
    }
    const char *when = graph_purpose(g);
    return fits(g->net, g->sample_elements, arena_printf(a, "activations for one sample in %s", when), &tensor,
                "use a smaller input, fewer channels, or a stride or pooling earlier") &&
           fits(g->net, g->fixed_elements, arena_printf(a, "workspace in %s", when), &work, "use fewer units or channels, or smaller windows");
}

bool emit_fits(const Net *net, const Graph *train, const Graph *probe, const Graph *infer)
{
    return parameters_fit(net) && (!train || memory_fits(train)) && (!probe || memory_fits(probe)) && memory_fits(infer);
}

int64_t emit_most_samples(const Graph *g)
{
    enum { FEWEST_CHANNELS = 4, ROUNDING = 1 << 16 }; /* of a panel or vector; what rounding up to whole blocks may add */
    int64_t most = 1;
    for (int i = 0; i < g->n_values; i++) {
        const Value *v = g->values[i];
        if (v->kind == VALUE_TENSOR || v->kind == VALUE_INDEX) {
            const int64_t pixels = v->shape.h * v->shape.w, groups = pixels == 1 ? v->shape.c / FEWEST_CHANNELS : 0;
            most = pixels > most ? pixels : most;
            most = groups > most ? groups : most;
        }
    }
    const int64_t samples = (INT_MAX - ROUNDING) / most;
    return samples > 0 ? samples : 1;
}
