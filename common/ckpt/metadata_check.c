/*
 * The rules of metadata.h, one function per thing they are about. Messages may come from anybody: every number is looked at
 * before it is used, and no rule costs more than sorting.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wiesel/state.h>

#include "base/alloc.h"
#include "ckpt/metadata.h"
#include "ckpt/record.h"
#include "ckpt/section_kind.h"
#include "data/key.h"
#include "graph/job_graph.h"
#include "graph/pb.h"

/* Where we are, for sentences, and what is allowed there. */
typedef struct check {
    wsl_status status; /* of what is wrong */
    wsl_error *err;
    Wsl__Pb__StateFile *const *files;
    size_t n_files;
    bool relative_only; /* paths */
    bool dealt;         /* takes may be set */
    uint32_t first_group, end_group; /* that sections may have */
    const Wsl__Pb__OperatorState *op;
    const Wsl__Pb__Section *section;
} check;

static wsl_status bad(const check *c, const char *format, ...) WSL_PRINTF(2, 3);

static wsl_status bad(const check *c, const char *format, ...)
{
    char what[512];
    char section[160] = "";
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (c->section != NULL) {
        (void)snprintf(section, sizeof section, ", section '%.100s'", c->section->name);
    }
    return c->op != NULL ? wsl_fail(c->err, c->status, "operator with uid '%.100s', subtask %u%s: %s", c->op->uid,
                                    c->op->subtask, section, what)
                         : wsl_fail(c->err, c->status, "%s", what);
}

static bool name_ok(const char *name) { return name[0] != '\0' && strlen(name) <= WSL_STATE_NAME_MAX; }

/* ---- files ---- */

/* No component is empty, "." or "..". */
static bool path_ok(const char *path, bool relative_only)
{
    if (strlen(path) > WSL_STATE_PATH_MAX || (path[0] == '/' && relative_only)) {
        return false;
    }
    for (const char *part = path[0] == '/' ? path + 1 : path;; part++) {
        const size_t size = strcspn(part, "/");
        if (size == 0 || (size == 1 && part[0] == '.') || (size == 2 && part[0] == '.' && part[1] == '.')) {
            return false;
        }
        part += size;
        if (*part == '\0') {
            return true;
        }
    }
}

static wsl_status check_file(const check *c, const Wsl__Pb__StateFile *file, size_t i)
{
    const bool shared = strncmp(file->path, "shared/", 7) == 0;
    if (file->checkpoint > INT64_MAX || (file->path[0] != '/' && shared != (file->checkpoint != 0))) {
        return bad(c, "file %zu says it was written for checkpoint %" PRIu64 ", and those in shared/ say so, no others", i,
                   file->checkpoint);
    }
    if (wsl_pb_is_set(file->path)) {
        if (file->content.len != 0) {
            return bad(c, "file %zu has a path and content", i);
        }
        return path_ok(file->path, c->relative_only)
                   ? WSL_OK
                   : bad(c, "file %zu has the path '%.200s', which is not possible here", i, file->path);
    }
    return file->content.len == file->size
               ? WSL_OK
               : bad(c, "file %zu has %zu bytes of content and says %" PRIu64, i, file->content.len, file->size);
}

static wsl_status check_files(const check *c, uint64_t *out_sum)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < c->n_files; i++) {
        WSL_TRY(check_file(c, c->files[i], i));
        if (c->files[i]->size > (uint64_t)INT64_MAX - sum) {
            return bad(c, "file %zu of %" PRIu64 " bytes is too large", i, c->files[i]->size);
        }
        sum += c->files[i]->size;
    }
    *out_sum = sum;
    return WSL_OK;
}

/* ---- sections ---- */

static wsl_status check_schema(const check *c, const Wsl__Pb__Schema *pb, const char *of)
{
    WSL_AUTO(wsl_schema) schema = NULL;
    wsl_error why = {0};
    return wsl_schema_from_pb(pb, &schema, &why) == WSL_OK ? WSL_OK : bad(c, "the schema of %s: %s", of, why.text);
}

static wsl_status check_state(const check *c, const Wsl__Pb__StateDesc *state)
{
    const bool map = state->kind == WSL_STATE_MAP;
    if (!name_ok(state->name) || state->kind < WSL_STATE_VALUE || state->kind > WSL_STATE_AGGREGATING ||
        state->value == NULL || map != (state->key != NULL)) {
        return bad(c, "the state '%.100s' has no name or type, or is of an unknown kind", state->name);
    }
    WSL_TRY(check_schema(c, state->value, state->name));
    return map ? check_schema(c, state->key, state->name) : WSL_OK;
}

static wsl_status check_states(const check *c)
{
    const Wsl__Pb__Section *s = c->section;
    const bool keyed = s->kind == WSL__PB__SECTION_KIND__SECTION_KEYED;
    const bool broadcast = s->kind == WSL__PB__SECTION_KIND__SECTION_BROADCAST;
    const size_t max = keyed ? WSL_SECTION_STATES_MAX : broadcast || wsl_section_has_elements(s) ? 1 : 0;
    if (s->n_states > max || (broadcast && s->n_states != 1)) {
        return bad(c, "%zu states are not possible there", s->n_states);
    }
    for (size_t i = 0; i < s->n_states; i++) {
        WSL_TRY(check_state(c, s->states[i]));
    }
    if (broadcast && s->states[0]->kind != WSL_STATE_MAP) {
        return bad(c, "broadcast state '%.100s' is not a map", s->states[0]->name);
    }
    if (s->key != NULL && !wsl_section_has_groups(s)) {
        return bad(c, "it has a key, but is not by key");
    }
    return s->key != NULL ? check_schema(c, s->key, "the key") : WSL_OK;
}

/* Ends of parts: they ascend to the section's length. `empty` says whether a part may be. */
static wsl_status check_ends(const check *c, const uint64_t *ends, size_t n, bool empty, const char *of)
{
    uint64_t before = 0;
    for (size_t i = 0; i < n; i++) {
        if (ends[i] < before || (!empty && ends[i] == before) || ends[i] % 8 != 0) {
            return bad(c, "%s %zu ends at %" PRIu64 ", the one before it at %" PRIu64, of, i, ends[i], before);
        }
        before = ends[i];
    }
    return before == c->section->length
               ? WSL_OK
               : bad(c, "its %ss end at %" PRIu64 ", it has %" PRIu64 " bytes", of, before, c->section->length);
}

static wsl_status check_parts(const check *c)
{
    const Wsl__Pb__Section *s = c->section;
    if ((s->n_group_ends > 0 && !wsl_section_has_groups(s)) || (s->n_element_ends > 0 && !wsl_section_has_elements(s))) {
        return bad(c, "it has key groups or elements where there are none");
    }
    if (wsl_section_has_groups(s)) {
        if (s->n_group_ends > 0 && (s->first_group < c->first_group || s->first_group > c->end_group ||
                                    s->n_group_ends > c->end_group - s->first_group)) {
            return bad(c, "it has %zu key groups from %u on; those of the subtask are from %u to before %u",
                       s->n_group_ends, s->first_group, c->first_group, c->end_group);
        }
        return check_ends(c, s->group_ends, s->n_group_ends, true, "key group");
    }
    if (wsl_section_has_elements(s)) {
        if (s->n_element_ends != s->records) {
            return bad(c, "it has %zu elements in %" PRIu64 " records", s->n_element_ends, s->records);
        }
        return check_ends(c, s->element_ends, s->n_element_ends, false, "element");
    }
    return WSL_OK;
}

static wsl_status check_takes(const check *c)
{
    const Wsl__Pb__Section *s = c->section;
    const bool none = s->take_group == 0 && s->take_groups == 0 && s->take_element == 0 && s->take_elements == 0;
    if (!c->dealt) {
        return none && s->max_parallelism == 0 ? WSL_OK : bad(c, "it says what a task takes of it");
    }
    if (s->max_parallelism > WSL_MAX_PARALLELISM_MAX) {
        return bad(c, "%u key groups are not possible", s->max_parallelism);
    }
    if (s->take_groups != 0 && (s->take_group < s->first_group || s->take_group - s->first_group > s->n_group_ends ||
                                s->take_groups > s->n_group_ends - (s->take_group - s->first_group))) {
        return bad(c, "it has no key groups %u to %" PRIu64, s->take_group,
                   (uint64_t)s->take_group + s->take_groups - 1);
    }
    if (s->take_elements != 0 &&
        (s->take_element > s->n_element_ends || s->take_elements > s->n_element_ends - s->take_element)) {
        return bad(c, "it has no %" PRIu64 " elements from %" PRIu64 " on", s->take_elements, s->take_element);
    }
    return WSL_OK;
}

static wsl_status check_place(const check *c)
{
    const Wsl__Pb__Section *s = c->section;
    if (s->records > s->length / sizeof(wsl_record) || (s->records == 0) != (s->length == 0)) {
        return bad(c, "%" PRIu64 " records in %" PRIu64 " bytes are not possible", s->records, s->length);
    }
    if (s->length == 0) {
        return WSL_OK; /* it is nowhere */
    }
    if (s->file >= c->n_files) {
        return bad(c, "it is in file %u of %zu", s->file, c->n_files);
    }
    const uint64_t size = c->files[s->file]->size;
    if (s->offset % 8 != 0 || s->length % 8 != 0 || s->offset > size || s->length > size - s->offset) {
        return bad(c, "%" PRIu64 " bytes at %" PRIu64 " are not all within its file of %" PRIu64, s->length, s->offset,
                   size);
    }
    return WSL_OK;
}

static wsl_status check_section(const check *c)
{
    const Wsl__Pb__Section *s = c->section;
    if (!name_ok(s->name)) {
        return bad(c, "its name is empty or longer than %d bytes", WSL_STATE_NAME_MAX);
    }
    if (s->kind < WSL__PB__SECTION_KIND__SECTION_KEYED || s->kind > WSL__PB__SECTION_KIND__SECTION_CHANNEL) {
        return bad(c, "kind %d is not known", (int)s->kind);
    }
    if (s->layer > WSL_SECTION_LAYERS_MAX || (s->layer > 0 && s->kind != WSL__PB__SECTION_KIND__SECTION_KEYED)) {
        return bad(c, "layer %u is not possible there", s->layer);
    }
    WSL_TRY(check_place(c));
    WSL_TRY(check_states(c));
    WSL_TRY(check_parts(c));
    return check_takes(c);
}

static int compare_sections(const void *a, const void *b)
{
    const Wsl__Pb__Section *left = *(Wsl__Pb__Section *const *)a;
    const Wsl__Pb__Section *right = *(Wsl__Pb__Section *const *)b;
    if (left->kind != right->kind) {
        return left->kind < right->kind ? -1 : 1;
    }
    const int order = strcmp(left->name, right->name);
    return order != 0 ? order : left->layer < right->layer ? -1 : left->layer > right->layer;
}

static wsl_status check_unique_sections(const check *c)
{
    const Wsl__Pb__OperatorState *op = c->op;
    if (op->n_sections < 2) {
        return WSL_OK;
    }
    Wsl__Pb__Section **sorted = wsl_memdup(op->sections, op->n_sections * sizeof *sorted);
    const Wsl__Pb__Section *twin = NULL;
    qsort(sorted, op->n_sections, sizeof *sorted, compare_sections);
    for (size_t i = 1; i < op->n_sections && twin == NULL; i++) {
        twin = compare_sections(&sorted[i - 1], &sorted[i]) == 0 ? sorted[i] : NULL;
    }
    free(sorted);
    return twin == NULL ? WSL_OK : bad(c, "it has two sections '%.100s' of one kind", twin->name);
}

/* Layers come from the lowest up: a restore reads them as they come. In what was dealt out those without bytes are left out. */
static wsl_status check_layers(check *c)
{
    const Wsl__Pb__OperatorState *op = c->op;
    for (size_t i = 0; i < op->n_sections; i++) {
        const Wsl__Pb__Section *s = op->sections[i];
        if (s->layer == 0) {
            continue;
        }
        uint32_t below = 0;
        bool any = false;
        for (size_t k = 0; k < op->n_sections; k++) {
            if (!wsl_section_same_layers(s, op->sections[k])) {
                continue;
            }
            if ((k < i && op->sections[k]->layer > s->layer) || (k > i && op->sections[k]->layer < s->layer)) {
                c->section = s;
                return bad(c, "its layer %u is not in its place", s->layer);
            }
            below = k < i && op->sections[k]->layer < s->layer ? op->sections[k]->layer : below;
            any = any || (k < i && op->sections[k]->layer < s->layer);
        }
        if (!c->dealt && (!any || below != s->layer - 1)) {
            c->section = s;
            return bad(c, "there is no layer below its layer %u", s->layer);
        }
    }
    return WSL_OK;
}

/* ---- operators ---- */

/* One operator in one subtask. */
static wsl_status check_subtask(check *c, const Wsl__Pb__OperatorState *op)
{
    c->op = op;
    if (!name_ok(op->uid) || op->subtask >= WSL_PARALLELISM_MAX || op->operator_ >= WSL_GRAPH_OPERATORS_MAX) {
        return bad(c, "its uid, subtask or number %u is not possible", op->operator_);
    }
    if (op->finished && op->n_sections > 0) {
        return bad(c, "it has ended, but has state");
    }
    for (size_t i = 0; i < op->n_sections; i++) {
        c->section = op->sections[i];
        WSL_TRY(check_section(c));
    }
    c->section = NULL;
    WSL_TRY(check_unique_sections(c));
    WSL_TRY(check_layers(c));
    c->section = NULL;
    c->op = NULL;
    return WSL_OK;
}

static wsl_status check_operator(check *c, const Wsl__Pb__OperatorMeta *op)
{
    if (!name_ok(op->uid) || strlen(op->name) > WSL_STATE_NAME_MAX || strlen(op->kind) > WSL_STATE_NAME_MAX) {
        return bad(c, "an operator has no uid, or names that are longer than %d bytes", WSL_STATE_NAME_MAX);
    }
    if (op->parallelism < 1 || op->parallelism > WSL_PARALLELISM_MAX || op->max_parallelism < op->parallelism ||
        op->max_parallelism > WSL_MAX_PARALLELISM_MAX) {
        return bad(c, "operator '%.100s' has parallelism %u of at most %u", op->uid, op->parallelism,
                   op->max_parallelism);
    }
    if (op->n_subtasks != 0 && op->n_subtasks != op->parallelism) {
        return bad(c, "operator '%.100s' has %zu subtasks of %u", op->uid, op->n_subtasks, op->parallelism);
    }
    if (op->enumerator.len > 0 && !op->has_enumerator) {
        return bad(c, "operator '%.100s' has an enumerator's state and says it has none", op->uid);
    }
    for (uint32_t i = 0; i < op->n_subtasks; i++) {
        if (op->subtasks[i]->subtask != i || strcmp(op->subtasks[i]->uid, op->uid) != 0) {
            return bad(c, "operator '%.100s' has subtask %u of '%.100s' where its subtask %u should be", op->uid,
                       op->subtasks[i]->subtask, op->subtasks[i]->uid, i);
        }
        c->first_group = wsl_key_group_first(i, op->max_parallelism, op->parallelism);
        c->end_group = wsl_key_group_first(i + 1, op->max_parallelism, op->parallelism);
        WSL_TRY(check_subtask(c, op->subtasks[i]));
    }
    return WSL_OK;
}

static int compare_uids(const void *a, const void *b)
{
    return strcmp((*(Wsl__Pb__OperatorMeta *const *)a)->uid, (*(Wsl__Pb__OperatorMeta *const *)b)->uid);
}

static wsl_status check_unique_uids(const check *c, const Wsl__Pb__CheckpointMeta *meta)
{
    Wsl__Pb__OperatorMeta **sorted = wsl_calloc(meta->n_operators + 1, sizeof *sorted);
    const char *twin = NULL;
    for (size_t i = 0; i < meta->n_operators; i++) {
        sorted[i] = meta->operators[i];
    }
    qsort(sorted, meta->n_operators, sizeof *sorted, compare_uids);
    for (size_t i = 1; i < meta->n_operators && twin == NULL; i++) {
        twin = compare_uids(&sorted[i - 1], &sorted[i]) == 0 ? sorted[i]->uid : NULL;
    }
    free(sorted);
    return twin == NULL ? WSL_OK : bad(c, "two operators have the uid '%.100s'", twin);
}

wsl_status wsl_metadata_check(const Wsl__Pb__CheckpointMeta *meta, wsl_error *err)
{
    check c = {.status = WSL_CORRUPT, .err = err, .files = meta->files, .n_files = meta->n_files};
    uint64_t sum = 0;
    if (wsl_pb_check_texts(&meta->base, err) != WSL_OK) {
        return wsl_fail(err, WSL_CORRUPT, "its texts are not UTF-8");
    }
    if (meta->checkpoint == 0 || meta->checkpoint > INT64_MAX || meta->job.len != 16) {
        return bad(&c, "the number of the checkpoint is %" PRIu64 ", the job's id has %zu bytes", meta->checkpoint,
                   meta->job.len);
    }
    if (meta->n_operators > WSL_GRAPH_OPERATORS_MAX) {
        return bad(&c, "it has %zu operators; at most %d are possible", meta->n_operators, WSL_GRAPH_OPERATORS_MAX);
    }
    WSL_TRY(check_files(&c, &sum));
    if (sum != meta->state_bytes) {
        return bad(&c, "its files have %" PRIu64 " bytes together and it says %" PRIu64, sum, meta->state_bytes);
    }
    WSL_TRY(check_unique_uids(&c, meta));
    for (size_t i = 0; i < meta->n_operators; i++) {
        WSL_TRY(check_operator(&c, meta->operators[i]));
    }
    return WSL_OK;
}

/* ---- snapshots of one task ---- */

static int compare_operators(const void *a, const void *b)
{
    const Wsl__Pb__OperatorState *left = *(Wsl__Pb__OperatorState *const *)a;
    const Wsl__Pb__OperatorState *right = *(Wsl__Pb__OperatorState *const *)b;
    return left->subtask != right->subtask ? (left->subtask < right->subtask ? -1 : 1) : strcmp(left->uid, right->uid);
}

static wsl_status check_unique_operators(const check *c, const Wsl__Pb__TaskSnapshot *snapshot)
{
    Wsl__Pb__OperatorState **sorted = wsl_calloc(snapshot->n_operators + 1, sizeof *sorted);
    const Wsl__Pb__OperatorState *twin = NULL;
    for (size_t i = 0; i < snapshot->n_operators; i++) {
        sorted[i] = snapshot->operators[i];
    }
    qsort(sorted, snapshot->n_operators, sizeof *sorted, compare_operators);
    for (size_t i = 1; i < snapshot->n_operators && twin == NULL; i++) {
        twin = compare_operators(&sorted[i - 1], &sorted[i]) == 0 ? sorted[i] : NULL;
    }
    free(sorted);
    return twin == NULL ? WSL_OK : bad(c, "operator '%.100s' is there twice in subtask %u", twin->uid, twin->subtask);
}

static wsl_status check_snapshot(check *c, const Wsl__Pb__TaskSnapshot *snapshot)
{
    uint64_t sum = 0;
    if (wsl_pb_check_texts(&snapshot->base, c->err) != WSL_OK) {
        return wsl_fail(c->err, c->status, "texts of a snapshot are not UTF-8");
    }
    c->files = snapshot->files;
    c->n_files = snapshot->n_files;
    c->end_group = WSL_MAX_PARALLELISM_MAX;
    WSL_TRY(check_files(c, &sum));
    for (size_t i = 0; i < snapshot->n_operators; i++) {
        WSL_TRY(check_subtask(c, snapshot->operators[i]));
        if (!c->dealt && snapshot->operators[i]->subtask != snapshot->operators[0]->subtask) {
            return bad(c, "a snapshot of one task is of subtasks %u and %u", snapshot->operators[0]->subtask,
                       snapshot->operators[i]->subtask);
        }
    }
    return check_unique_operators(c, snapshot);
}

wsl_status wsl_task_snapshot_check(const Wsl__Pb__TaskSnapshot *snapshot, wsl_error *err)
{
    check c = {.status = WSL_FORMAT, .err = err, .relative_only = true};
    return check_snapshot(&c, snapshot);
}

wsl_status wsl_task_snapshot_check_dealt(const Wsl__Pb__TaskSnapshot *snapshot, wsl_error *err)
{
    check c = {.status = WSL_FORMAT, .err = err, .dealt = true};
    return check_snapshot(&c, snapshot);
}
