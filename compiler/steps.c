/* steps.c - see steps.h. */
#include "steps.h"

#include "config.h"

int graph_backward_begin(const Graph *g)
{
    int i = g->forward_groups;
    while (i < g->n_groups && g->groups[i]->anchor && g->groups[i]->anchor->phase == PHASE_LOSS) {
        i++;
    }
    return i;
}

const bool *graph_input_gradient_only(const Graph *g)
{
    bool *needed = arena_array(g->arena, (size_t)g->n_values + 1, sizeof *needed);
    bool *only = arena_array(g->arena, (size_t)g->n_groups + 1, sizeof *only);
    for (int i = 0; i < g->n_values; i++) {
        const Value *v = g->values[i];
        needed[i] = v->kind == VALUE_GRAD || (v->keep && v != g->d_input);
    }
    for (int i = 0; i < g->n_groups; i++) {
        only[i] = true;
    }
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        const Node *n = g->nodes[i];
        bool wanted = !n->dead && (n->op->traits & OP_SIDE_EFFECT);
        for (int k = 0; k < n->n_out; k++) {
            wanted |= needed[n->out[k]->id];
        }
        if (n->dead || !wanted) {
            continue;
        }
        only[n->group] = false;
        for (int k = 0; k < n->n_in; k++) {
            needed[n->in[k]->id] = true;
            if (n->in[k]->base) {
                needed[n->in[k]->base->id] = true;
            }
        }
    }
    return only;
}

Step step_load(Arena *a, const Graph *g)
{
    const Value *x = g->input;
    return (Step){
        .phase = g->training ? STEP_FORWARD : STEP_INFERENCE,
        .layer = "input",
        .what = "load",
        .shape = shape_text(a, x->shape),
        .how = "",
        .bytes_sample = 8.0 * (double)shape_size(x->shape),
    };
}

static StepPhase phase_of(const Graph *g, const Node *n, bool input_gradient)
{
    switch (n->phase) {
    case PHASE_FORWARD:
        return g->training ? STEP_FORWARD : STEP_INFERENCE;
    case PHASE_LOSS:
        return STEP_LOSS;
    case PHASE_BACKWARD:
        break;
    }
    return input_gradient ? STEP_INPUT_GRADIENT : STEP_BACKWARD;
}

const NetParam *stepped_at_once(const Group *group)
{
    const Node *n = group->anchor;
    for (int k = 0; n && k < n->n_out; k++) {
        if (n->out[k]->kind == VALUE_GRAD && n->out[k]->param->at_once) {
            return n->out[k]->param;
        }
    }
    return NULL;
}

Step step_of_group(Arena *a, const Graph *g, const Group *group, const Target *t, bool input_gradient)
{
    const Node *n = group->anchor ? group->anchor : group->tail[0];
    const Layer *l = n->layer;
    const char *what = n->again_of ? arena_printf(a, "again: %s", n->op->name) : n->op->name;
    for (int i = group->anchor ? 0 : 1; i < group->n_tail; i++) {
        what = arena_printf(a, "%s + %s", what, group->tail[i]->op->name);
    }
    const NetParam *p = stepped_at_once(group);
    if (p) {
        what = arena_printf(a, "%s + %s", what, g->net->config->optimizer->name);
    }
    const bool described = group->anchor && n->op->describe;
    return (Step){
        .phase = phase_of(g, n, input_gradient),
        .group = group,
        .layer = l ? l->name : g->net->name,
        .what = what,
        .shape = l ? arena_printf(a, "%s -> %s", shape_text(a, l->in), shape_text(a, l->out)) : "",
        .how = described ? n->op->describe(a, n, t) : "",
        .macs = n->op->macs ? n->op->macs(n) : 0,
        .bytes_sample = group_traffic(group),
        /* instead of a gradient written: parameters read and written, and so is the state */
        .bytes_fixed = group_parameter_traffic(group) + (p ? 4.0 * (double)p->elements * (1 + 2 * g->net->config->optimizer->state_slots) : 0),
    };
}

int step_update_ranges(const Net *net)
{
    return 2 * (net->config->n_groups + 1);
}

/* What the parameters of a range have in common. */
static const char *range_text(Arena *a, const Net *net, int range)
{
    const char *what = range % 2 == 0 ? "parameters that decay" : "other parameters";
    const int group = range / 2;
    if (group == 0) {
        return what;
    }
    const GroupArgs *args = net->config->groups[group - 1].args;
    return arena_printf(a, "%s of group %d, lr * %.4g", what, group, args->lr_scale);
}

Step step_update(Arena *a, const Net *net, int range)
{
    int64_t from = 0, to = 0;
    const NetParam *first = NULL;
    for (int i = 0; i < net->n_params; i++) {
        const NetParam *p = net->params[i];
        const int64_t stop = p->offset + p->elements;
        if (param_is_trained(p) && !p->at_once && range == 2 * p->group + !p->decays) {
            first = p;
            from = to == 0 || p->offset < from ? p->offset : from;
            to = stop > to ? stop : to;
        }
    }
    return (Step){
        .phase = STEP_UPDATE,
        .from = from,
        .to = to,
        .first = first,
        .layer = range_text(a, net, range),
        .what = net->config->optimizer->name,
        .shape = "",
        .how = "",
        /* parameters are read and written, and so is the state; gradients are read */
        .bytes_fixed = 4.0 * (double)(to - from) * (3 + 2 * net->config->optimizer->state_slots),
    };
}

Direction group_direction(const Group *group)
{
    const Node *n = group->anchor ? group->anchor : group->tail[0];
    if (n->op->macs || n->phase != PHASE_BACKWARD) {
        return n->op->towards;
    }
    return n->n_out > 0 && n->out[0]->kind == VALUE_GRAD ? TO_WEIGHTS : TO_INPUT;
}

Step *steps_of_training(Arena *a, const Graph *g, const Target *t, int *n)
{
    Step *list = arena_array(a, (size_t)(g->n_groups + step_update_ranges(g->net)) + 1, sizeof *list);
    const bool *skip = graph_input_gradient_only(g);
    const int backward = graph_backward_begin(g);
    *n = 0;
    list[(*n)++] = step_load(a, g);
    for (int i = 0; i < g->n_groups; i++) {
        if (i < backward || !skip[i]) {
            list[(*n)++] = step_of_group(a, g, g->groups[i], t, false);
        }
    }
    for (int i = 0; i < step_update_ranges(g->net); i++) {
        const Step s = step_update(a, g->net, i);
        if (s.to > s.from) {
            list[(*n)++] = s;
        }
    }
    return list;
}

Step *steps_of_inference(Arena *a, const Graph *g, const Target *t, int *n)
{
    Step *list = arena_array(a, (size_t)g->n_groups + 1, sizeof *list);
    *n = 0;
    list[(*n)++] = step_load(a, g);
    for (int i = 0; i < g->n_groups; i++) {
        list[(*n)++] = step_of_group(a, g, g->groups[i], t, false);
    }
    return list;
}
