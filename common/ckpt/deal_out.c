/*
 * deal_out - see deal_out.h; the arithmetic is in parts.
 *
 *     for each operator of the chain, for each old subtask, for each of its sections:
 *         does any of it go to this new subtask?  -->  a copy that says which part, its file among those of the snapshot
 */
#include "ckpt/deal_out.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/vec.h"
#include "ckpt/parts.h"
#include "ckpt/section_kind.h"
#include "ckpt/section_reader.h"
#include "data/key.h"
#include "graph/pb.h"

enum { NOT_YET = UINT32_MAX };

/* The parts of the lists of one name. */
typedef struct list_parts {
    const char *name; /* borrowed */
    wsl_part *parts;
    uint32_t n;
} list_parts;

/* One operator going to one new subtask. */
typedef struct deal {
    const Wsl__Pb__CheckpointMeta *meta;
    const char *job_dir;
    Wsl__Pb__TaskSnapshot *out;
    uint32_t *file_at; /* by file of meta: its place among those of out, or NOT_YET */
    const Wsl__Pb__OperatorMeta *op;
    uint32_t id; /* in the new graph */
    uint32_t subtask, n_new;
    uint32_t max_parallelism;
    WSL_VEC(list_parts) lists;
} deal;

/* ---- pieces of the message ---- */

static uint32_t place_of_file(deal *d, uint32_t file)
{
    if (d->file_at[file] == NOT_YET) {
        Wsl__Pb__StateFile *copy = (Wsl__Pb__StateFile *)(void *)wsl_pb_copy(&d->meta->files[file]->base);
        if (wsl_pb_is_set(copy->path)) {
            char *path = wsl_state_file_path(d->job_dir, copy);
            wsl_pb_set(&copy->path, path);
            free(path);
        }
        d->file_at[file] = (uint32_t)d->out->n_files;
        *WSL_PB_APPEND(d->out->files, d->out->n_files) = copy;
    }
    return d->file_at[file];
}

static int64_t smallest_watermark(const Wsl__Pb__OperatorMeta *op)
{
    int64_t least = INT64_MAX;
    bool all_ended = true;
    for (size_t i = 0; i < op->n_subtasks; i++) {
        if (!op->subtasks[i]->finished) {
            all_ended = false;
            least = op->subtasks[i]->watermark < least ? op->subtasks[i]->watermark : least;
        }
    }
    return all_ended && op->n_subtasks > 0 ? op->subtasks[0]->watermark : least;
}

static bool all_finished(const Wsl__Pb__OperatorMeta *op)
{
    bool all = op->n_subtasks > 0;
    for (size_t i = 0; i < op->n_subtasks; i++) {
        all = all && op->subtasks[i]->finished;
    }
    return all;
}

static Wsl__Pb__OperatorState *add_operator(deal *d, uint32_t old_subtask)
{
    const bool same = d->op->parallelism == d->n_new;
    const Wsl__Pb__OperatorState *own = same ? d->op->subtasks[d->subtask] : NULL;
    Wsl__Pb__OperatorState *state = wsl_alloc(sizeof *state);
    wsl__pb__operator_state__init(state);
    state->operator_ = d->id;
    wsl_pb_set(&state->uid, d->op->uid);
    state->subtask = old_subtask;
    state->watermark = own != NULL ? own->watermark : smallest_watermark(d->op);
    state->finished = own != NULL ? own->finished : all_finished(d->op);
    *WSL_PB_APPEND(d->out->operators, d->out->n_operators) = state;
    return state;
}

/* ---- who gets what ---- */

static const Wsl__Pb__Section *section_named(const Wsl__Pb__OperatorState *state, Wsl__Pb__SectionKind kind,
                                             const char *name)
{
    for (size_t i = 0; i < state->n_sections; i++) {
        if (state->sections[i]->kind == kind && strcmp(state->sections[i]->name, name) == 0) {
            return state->sections[i];
        }
    }
    return NULL;
}

/* Computed at the first mention of the name. */
static const list_parts *parts_of(deal *d, const char *name)
{
    for (uint32_t i = 0; i < d->lists.n; i++) {
        if (strcmp(d->lists.items[i].name, name) == 0) {
            return &d->lists.items[i];
        }
    }
    const uint32_t n_old = (uint32_t)d->op->n_subtasks;
    uint64_t *sizes = wsl_calloc(n_old, sizeof *sizes);
    list_parts parts = {.name = name, .parts = wsl_calloc(n_old, sizeof *parts.parts)};
    for (uint32_t i = 0; i < n_old; i++) {
        const Wsl__Pb__Section *s =
            section_named(d->op->subtasks[i], WSL__PB__SECTION_KIND__SECTION_LIST, name);
        sizes[i] = s != NULL ? s->n_element_ends : 0;
    }
    parts.n = wsl_parts_of_list(sizes, n_old, d->subtask, d->n_new, parts.parts);
    free(sizes);
    wsl_vec_push(&d->lists, parts);
    return &d->lists.items[d->lists.n - 1];
}

static bool take_of_list(deal *d, const Wsl__Pb__Section *s, uint32_t old, Wsl__Pb__Section *take)
{
    const list_parts *parts = parts_of(d, s->name);
    for (uint32_t i = 0; i < parts->n; i++) {
        if (parts->parts[i].subtask == old) {
            const bool all = parts->parts[i].n == s->n_element_ends;
            take->take_element = all ? 0 : parts->parts[i].from;
            take->take_elements = all ? 0 : parts->parts[i].n;
            return true;
        }
    }
    return false;
}

/* What the section has of our key groups; nothing is taken where no byte is. */
static bool take_of_groups(const deal *d, const Wsl__Pb__Section *s, Wsl__Pb__Section *take)
{
    const uint32_t end_of_section = s->first_group + (uint32_t)s->n_group_ends;
    uint32_t from = wsl_key_group_first(d->subtask, d->max_parallelism, d->n_new);
    uint32_t end = wsl_key_group_first(d->subtask + 1, d->max_parallelism, d->n_new);
    from = from > s->first_group ? from : s->first_group;
    end = end < end_of_section ? end : end_of_section;
    if (from >= end) {
        return false;
    }
    const uint64_t begin = from > s->first_group ? s->group_ends[from - s->first_group - 1] : 0;
    if (s->group_ends[end - s->first_group - 1] == begin) {
        return false;
    }
    const bool all = end - from == s->n_group_ends;
    take->take_group = all ? 0 : from;
    take->take_groups = all ? 0 : end - from;
    take->max_parallelism = d->max_parallelism;
    return true;
}

/* All had the same: that of old subtask i mod old parallelism, or, where that one had ended, of the next one that has it. */
static bool take_of_broadcast(const deal *d, const Wsl__Pb__Section *s, uint32_t old)
{
    const uint32_t n_old = (uint32_t)d->op->n_subtasks;
    for (uint32_t i = 0; i < n_old; i++) {
        const uint32_t candidate = (uint32_t)(((uint64_t)d->subtask + i) % n_old);
        if (!d->op->subtasks[candidate]->finished) {
            return candidate == old && section_named(d->op->subtasks[candidate], s->kind, s->name) == s;
        }
    }
    return false;
}

/* Does (some of) it go to this subtask? Then *take says which part. */
static bool takes(deal *d, const Wsl__Pb__Section *s, uint32_t old, Wsl__Pb__Section *take)
{
    switch (s->kind) {
    case WSL__PB__SECTION_KIND__SECTION_KEYED:
    case WSL__PB__SECTION_KIND__SECTION_EVENT_TIMERS:
    case WSL__PB__SECTION_KIND__SECTION_PROCESSING_TIMERS:
        return take_of_groups(d, s, take);
    case WSL__PB__SECTION_KIND__SECTION_LIST:
        return take_of_list(d, s, old, take);
    case WSL__PB__SECTION_KIND__SECTION_UNION:
        return true;
    case WSL__PB__SECTION_KIND__SECTION_BROADCAST:
        return take_of_broadcast(d, s, old);
    default: /* SUBTASK; CHANNEL only at the same parallelism */
        return old % d->n_new == d->subtask;
    }
}

static void add_section(deal *d, Wsl__Pb__OperatorState *state, const Wsl__Pb__Section *s, const Wsl__Pb__Section *take)
{
    Wsl__Pb__Section *copy = (Wsl__Pb__Section *)(void *)wsl_pb_copy(&s->base);
    copy->file = place_of_file(d, s->file);
    copy->take_group = take->take_group;
    copy->take_groups = take->take_groups;
    copy->take_element = take->take_element;
    copy->take_elements = take->take_elements;
    copy->max_parallelism = take->max_parallelism;
    *WSL_PB_APPEND(state->sections, state->n_sections) = copy;
}

static void deal_operator(deal *d)
{
    /* What had ended before does not get what others have to go on with. */
    bool something = false;
    const bool ended = d->op->parallelism == d->n_new && d->op->subtasks[d->subtask]->finished;
    for (uint32_t old = 0; !ended && old < d->op->n_subtasks; old++) {
        const Wsl__Pb__OperatorState *from = d->op->subtasks[old];
        Wsl__Pb__OperatorState *state = NULL;
        for (size_t i = 0; i < from->n_sections; i++) {
            Wsl__Pb__Section take = WSL__PB__SECTION__INIT;
            if (from->sections[i]->length == 0 || !takes(d, from->sections[i], old, &take)) {
                continue;
            }
            state = state != NULL ? state : add_operator(d, old);
            add_section(d, state, from->sections[i], &take);
        }
        something = something || state != NULL;
    }
    if (!something) {
        (void)add_operator(d, d->subtask % (uint32_t)d->op->n_subtasks);
    }
    for (uint32_t i = 0; i < d->lists.n; i++) {
        free(d->lists.items[i].parts);
    }
    wsl_vec_clear(&d->lists);
}

Wsl__Pb__TaskSnapshot *wsl_deal_out(const Wsl__Pb__CheckpointMeta *meta, const char *job_dir, const wsl_job_plan *plan,
                                    uint32_t vertex, uint32_t subtask)
{
    const wsl_vertex *v = &plan->vertices[vertex];
    deal d = {.meta = meta, .job_dir = job_dir, .subtask = subtask, .n_new = v->parallelism};
    WSL_ASSERT(subtask < v->parallelism);
    d.max_parallelism = v->max_parallelism;
    d.out = wsl_alloc(sizeof *d.out);
    wsl__pb__task_snapshot__init(d.out);
    d.file_at = wsl_calloc(meta->n_files + 1, sizeof *d.file_at);
    for (size_t i = 0; i < meta->n_files; i++) {
        d.file_at[i] = NOT_YET;
    }
    for (uint32_t i = 0; i < v->n_operators; i++) {
        d.id = v->operators[i];
        d.op = wsl_deal_out_find(meta, plan->graph->operators[d.id]->uid);
        if (d.op != NULL && d.op->n_subtasks > 0) {
            deal_operator(&d);
        }
    }
    wsl_vec_fini(&d.lists);
    free(d.file_at);
    if (d.out->n_operators == 0) {
        wsl__pb__task_snapshot__free_unpacked(d.out, NULL);
        return NULL;
    }
    return d.out;
}

void wsl_deal_out_may_leave_out(Wsl__Pb__TaskSnapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n_operators; i++) {
        for (size_t k = 0; k < snapshot->operators[i]->n_sections; k++) {
            snapshot->operators[i]->sections[k]->may_leave_out = true;
        }
    }
}
