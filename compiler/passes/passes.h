/* passes.h - what rewrites and plans a graph, in the order of the driver's table. */
#ifndef NETC_PASSES_H
#define NETC_PASSES_H

#include "../op.h"

/* Removes nodes whose results nobody reads. Pre: a well-formed graph. Post: every node is read, keeps an output, or has a
 * side effect. */
void pass_dce(Graph *g, const Target *t);
/* Puts copies of forward nodes before the nodes of the backward pass that read what graph->recompute does not keep. Pre: dce. Post:
 * no node of the backward pass reads such a result. */
void pass_recompute(Graph *g, const Target *t);
/* Gathers nodes into groups that run as one function: element-wise nodes join the group of their latest input where its kernel
 * has an epilogue; sums of gradients join the product that reads them. Post: graph->groups in order of execution. */
void pass_fuse(Graph *g, const Target *t);
/* Packing of the parameters: panels, padding, offsets. First what is trained, ranges of one rate and decay each in one piece, then what is
 * frozen, then statistics. The same for every graph of a net. */
void layout_params(Net *net, const Target *t);
/* Strides, zero borders and padding of every tensor; workspaces; branches of a concat that can be written in place. Pre: fused. */
void pass_layout(Graph *g, const Target *t);
/* Offsets of all that is stored, from when it is written to when it is last read. Pre: layout. Post: checked not to overlap. */
void pass_plan(Graph *g, const Target *t);

#endif
