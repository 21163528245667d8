/*
 * slice_tree.c - sharing of slices between overlapping windows.
 *
 *     level 2    |           2,0           |           2,1           |
 *     level 1    |     1,0    |    1,1     |     1,2    |    1,3     |
 *     slices     |  0  |   1  |  2  |   3  |  4  |   5  |  6  |   7  |
 *                         [===== window 1 .. 6 =====]                     = slice 1, node 1,1, node 1,2, slice 6
 *
 * Node (l, i) has the accumulators of slices i * 2^l ... (i + 1) * 2^l - 1, merged by key. A window of n slices is put
 * together from at most 2 log2 n of them, and building nodes costs about two merges per slice and key, so a firing
 * costs hardly more for an hour by a second than for ten seconds by a second. These are the dyadic base intervals
 * ("B-Int") of Arasu and Widom, Resource Sharing in Continuous Sliding-Window Aggregates, VLDB 2004; slices are the
 * panes of Li et al. 2005 and of Flink's slice-shared aggregation. A two-stacks queue (Tangwongsan et al.) merges less
 * often, but turns over all of its slices at once, and a row that comes late would have to be merged into half of them;
 * here it goes into one node per level.
 *
 * A node is built when the first window wants it, and only if it has fewer keys than its parts have together: where
 * keys come rarely, merging early would copy them level by level and save nothing. It is not part of what a checkpoint
 * has to hold.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/window/slice_internal.h"

/* In-order numbers of a binary tree whose leaves are the slices: odd for leaves, never 0. Wraps around for slices
 * beyond 2^62, which is harmless: no two that are alive at once are so far apart. */
int64_t tm_slice_node(uint32_t level, int64_t slice)
{
    return (int64_t)((((uint64_t)(slice >> level) << 1) + 1) << level);
}

bool tm_slice_node_exists(const tm_slice_op *o, int64_t node)
{
    int64_t found = 0;
    return o->tree->ops->next_namespace(o->tree, node, &found) && found == node;
}

void tm_slice_drop_nodes(tm_slice_op *o, int64_t slice)
{
    for (uint32_t level = 1; level <= o->levels; level++) {
        o->tree->ops->drop_namespace(o->tree, tm_slice_node(level, slice));
    }
}

/* ---- the plan ---- */

static void add_part(tm_slice_plan *p, tm_slice_part part)
{
    if (p->n_parts == p->parts_capacity) {
        p->parts_capacity = p->parts_capacity == 0 ? 64 : 2 * p->parts_capacity;
        p->parts = wsl_realloc(p->parts, p->parts_capacity * sizeof *p->parts);
    }
    p->parts[p->n_parts++] = part;
}

void tm_slice_plan_step(tm_slice_plan *p, tm_slice_step step)
{
    if (p->n_steps == p->steps_capacity) {
        p->steps_capacity = p->steps_capacity == 0 ? 64 : 2 * p->steps_capacity;
        p->steps = wsl_realloc(p->steps, p->steps_capacity * sizeof *p->steps);
    }
    p->steps[p->n_steps++] = step;
}

static uint64_t keys_in(tm_state *s, int64_t ns)
{
    s->ops->use(s, ns);
    return s->ops->keys_here(s);
}

static int64_t node_begin(uint32_t level, int64_t slice) { return slice & ~(int64_t)((UINT64_C(1) << level) - 1); }
static int64_t node_end(uint32_t level, int64_t slice) { return slice | (int64_t)((UINT64_C(1) << level) - 1); }

static void plan_range(tm_slice_op *o, int64_t from, int64_t to, uint32_t max_level, bool build);

/* A node in place of the parts from `mark` on, if that saves merges from now on. */
static void build_node(tm_slice_op *o, int64_t node, uint32_t mark)
{
    tm_slice_plan *p = &o->plan;
    uint64_t sum = 0;
    uint64_t most = o->active;
    for (uint32_t i = mark; i < p->n_parts; i++) {
        sum += p->parts[i].keys;
        most = p->parts[i].keys > most ? p->parts[i].keys : most;
    }
    if (p->n_parts - mark < 2 || 2 * sum < 3 * o->active) {
        return;
    }
    for (uint32_t i = mark; i < p->n_parts; i++) {
        tm_slice_plan_step(p, (tm_slice_step){.from = p->parts[i], .to = node});
    }
    p->n_parts = mark;
    add_part(p, (tm_slice_part){.node = true, .ns = node, .keys = sum < most ? sum : most});
}

/* The largest node or else the slice itself that begins with `slice`, or with slices before it that are empty. */
static int64_t plan_at(tm_slice_op *o, int64_t slice, int64_t from, int64_t to, uint32_t max_level, bool build)
{
    uint32_t level = max_level;
    while (level > 0 && (node_begin(level, slice) < from || node_end(level, slice) > to)) {
        level--;
    }
    for (; level > 0; level--) {
        const int64_t node = tm_slice_node(level, slice);
        if (tm_slice_node_exists(o, node)) {
            add_part(&o->plan, (tm_slice_part){.node = true, .ns = node, .keys = keys_in(o->tree, node)});
            return node_end(level, slice);
        }
        if (build) {
            const uint32_t mark = o->plan.n_parts;
            plan_range(o, node_begin(level, slice), node_end(level, slice), level - 1, true);
            build_node(o, node, mark);
            return node_end(level, slice);
        }
    }
    add_part(&o->plan, (tm_slice_part){.ns = slice, .keys = keys_in(o->state, slice)});
    return slice;
}

/* The depth of the recursion is the number of levels. */
static void plan_range(tm_slice_op *o, int64_t from, int64_t to, uint32_t max_level, bool build)
{
    int64_t slice = 0;
    while (from <= to && o->state->ops->next_namespace(o->state, from, &slice) && slice <= to) {
        const int64_t end = plan_at(o, slice, from, to, max_level, build);
        if (end == INT64_MAX) {
            return;
        }
        from = end + 1;
    }
}

void tm_slice_plan_window(tm_slice_op *o, int64_t from, int64_t to, bool build)
{
    o->plan.n_parts = o->plan.n_steps = 0;
    plan_range(o, from, to, o->levels, build);
}
