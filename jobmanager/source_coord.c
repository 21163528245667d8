/*
 * Splits get a number when they are found. `ready` is a list in order of number; what comes back is put where its
 * number belongs, which is the front in practice, because what was handed out had lower numbers than what is left.
 */
#include "jobmanager/source_coord.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "checkpoint.pb-c.h"
#include "data/pb_check.h"
#include "graph/pb.h"

enum { RETRY_FIRST_MS = 1000, RETRY_MAX_MS = 30000 };

typedef struct coord_split {
    struct coord_split *next;
    uint64_t number;
    uint64_t after;   /* the last snapshot taken before it was assigned: not in the reader's state of that one or older ones */
    uint32_t subtask; /* of the reader, when assigned */
    uint32_t size;
    char *name;
    uint8_t bytes[];
} coord_split;

struct jm_source {
    wsl_enum_ctx ctx; /* first: enumerators get &ctx */
    jm_source_options options;
    const wsl_logger *log;
    void *enumerator; /* NULL until opened */
    int64_t due_ms;
    int64_t retry_ms;
    bool ended; /* the enumerator finds no more */
    bool restored;

    coord_split *ready;
    coord_split **ready_tail;
    coord_split *assigned;
    coord_split *done; /* finished, but not in every state that its reader may go back to */
    uint64_t n_ready;
    uint64_t n_assigned;
    uint64_t n_done;
    uint64_t snapshot; /* the last one */
    uint64_t complete; /* readers go back no further */
    uint64_t last_number;

    uint32_t *waiting; /* subtasks, first come first served */
    uint32_t n_waiting;
    uint32_t waiting_capacity;
};

static void split_free(coord_split *s)
{
    free(s->name);
    free(s);
}

static void free_list(coord_split *s)
{
    while (s != NULL) {
        coord_split *next = s->next;
        split_free(s);
        s = next;
    }
}

static wsl_status add_split(wsl_enum_ctx *ctx, const wsl_split *split)
{
    jm_source *source = (jm_source *)(void *)ctx;
    const size_t name_size = split->name == NULL ? 0 : strnlen(split->name, WSL_SPLIT_NAME_MAX + 1);
    if (split->size > WSL_SPLIT_SIZE_MAX || name_size > WSL_SPLIT_NAME_MAX || source->n_ready >= JM_SPLITS_MAX) {
        return WSL_TOO_LARGE;
    }
    coord_split *s = wsl_zalloc(sizeof *s + split->size);
    s->number = ++source->last_number;
    s->size = split->size;
    s->name = wsl_strndup(split->name == NULL ? "" : split->name, name_size);
    if (split->size > 0) {
        memcpy(s->bytes, split->bytes, split->size);
    }
    *source->ready_tail = s;
    source->ready_tail = &s->next;
    source->n_ready++;
    return WSL_OK;
}

jm_source *jm_source_new(const jm_source_options *options, const wsl_seams *seams)
{
    WSL_ASSERT(options->cls->enumerator != NULL);
    jm_source *source = wsl_zalloc(sizeof *source);
    source->options = *options;
    source->log = seams->log;
    source->ctx = (wsl_enum_ctx){
        .fs = seams->fs,
        .clock = seams->clock,
        .config = options->config,
        .parallelism = options->parallelism,
        .add_split = add_split,
    };
    source->ready_tail = &source->ready;
    source->due_ms = INT64_MAX;
    source->retry_ms = RETRY_FIRST_MS;
    return source;
}

void jm_source_free(jm_source *source)
{
    if (source == NULL) {
        return;
    }
    if (source->enumerator != NULL) {
        source->options.cls->enumerator->close(source->enumerator);
        free(source->enumerator);
    }
    free_list(source->ready);
    free_list(source->assigned);
    free_list(source->done);
    free(source->waiting);
    wsl_config_free(source->options.config);
    free(source);
}

static wsl_status failed(const jm_source *source, wsl_status status, wsl_error *err)
{
    return wsl_fail_prefix(err, status, "operator '%s': source '%s' on the JobManager", source->options.operator_name,
                           source->options.cls->name);
}

wsl_status jm_source_open(jm_source *source, wsl_error *err)
{
    const wsl_enumerator_class *cls = source->options.cls->enumerator;
    WSL_ASSERT(source->enumerator == NULL);
    source->enumerator = wsl_zalloc(cls->size == 0 ? 1 : cls->size);
    const wsl_status status = cls->open(source->enumerator, &source->ctx, err);
    if (status != WSL_OK) {
        return failed(source, status, err);
    }
    source->due_ms = wsl_wall_ms(source->ctx.clock);
    return WSL_OK;
}

/* ---- snapshots ---- */

static Wsl__Pb__SplitState *split_state(const char *name, const void *bytes, uint32_t size)
{
    Wsl__Pb__SplitState *s = wsl_alloc(sizeof *s);
    wsl__pb__split_state__init(s);
    wsl_pb_set(&s->name, name == NULL ? "" : name);
    s->split.data = wsl_memdup(bytes, size);
    s->split.len = size;
    return s;
}

typedef struct pieces {
    wsl_saver saver; /* first: connectors get &saver */
    Wsl__Pb__EnumeratorState *state;
} pieces;

static void add_piece(wsl_saver *saver, const wsl_split *piece)
{
    Wsl__Pb__EnumeratorState *state = ((pieces *)(void *)saver)->state;
    *WSL_PB_APPEND(state->pieces, state->n_pieces) = split_state(piece->name, piece->bytes, piece->size);
}

void jm_source_snapshot(jm_source *source, uint64_t checkpoint, uint8_t **out_bytes, size_t *out_size)
{
    WSL_ASSERT(checkpoint >= source->snapshot);
    source->snapshot = checkpoint;
    Wsl__Pb__EnumeratorState *state = wsl_alloc(sizeof *state);
    wsl__pb__enumerator_state__init(state);
    if (source->enumerator != NULL && source->options.cls->enumerator->snapshot != NULL) {
        pieces p = {.saver = {.add = add_piece}, .state = state};
        source->options.cls->enumerator->snapshot(source->enumerator, &source->ctx, &p.saver);
    }
    for (const coord_split *s = source->ready; s != NULL; s = s->next) {
        *WSL_PB_APPEND(state->ready, state->n_ready) = split_state(s->name, s->bytes, s->size);
    }
    state->no_more = source->ended;
    *out_size = wsl__pb__enumerator_state__get_packed_size(state);
    *out_bytes = wsl_alloc(*out_size + 1);
    (void)wsl__pb__enumerator_state__pack(state, *out_bytes);
    wsl__pb__enumerator_state__free_unpacked(state, NULL);
}

static wsl_status restore_pieces(jm_source *source, const Wsl__Pb__EnumeratorState *state, wsl_error *err)
{
    const wsl_enumerator_class *cls = source->options.cls->enumerator;
    if (cls->restore == NULL) {
        return WSL_OK; /* it needs nothing */
    }
    wsl_split *list = wsl_calloc(state->n_pieces + 1, sizeof *list);
    for (size_t i = 0; i < state->n_pieces; i++) {
        const Wsl__Pb__SplitState *s = state->pieces[i];
        list[i] = (wsl_split){.name = s->name, .bytes = s->split.data, .size = (uint32_t)s->split.len};
    }
    const wsl_status status = cls->restore(source->enumerator, &source->ctx, list, (uint32_t)state->n_pieces, err);
    free(list);
    return status;
}

static wsl_status restore_state(jm_source *source, const Wsl__Pb__EnumeratorState *state, wsl_error *err)
{
    WSL_TRY(restore_pieces(source, state, err));
    for (size_t i = 0; i < state->n_ready; i++) {
        const Wsl__Pb__SplitState *s = state->ready[i];
        const wsl_split split = {.name = s->name, .bytes = s->split.data, .size = (uint32_t)s->split.len};
        const wsl_status status = s->split.len > WSL_SPLIT_SIZE_MAX ? WSL_TOO_LARGE : add_split(&source->ctx, &split);
        if (status != WSL_OK) {
            return wsl_fail(err, WSL_CORRUPT, "split '%.100s' of the checkpoint is not usable: %s", s->name,
                            wsl_status_text(status));
        }
    }
    if (state->no_more) {
        source->ended = true;
        source->due_ms = INT64_MAX;
    }
    return WSL_OK;
}

wsl_status jm_source_restore(jm_source *source, const void *bytes, size_t size, wsl_error *err)
{
    static const wsl_pb_limits limits = {.depth = 4, .members = 4 * JM_SPLITS_MAX};
    WSL_ASSERT(source->enumerator != NULL && source->last_number == 0);
    source->restored = true;
    wsl_status status = wsl_pb_check(&wsl__pb__enumerator_state__descriptor, bytes, size, &limits, err);
    Wsl__Pb__EnumeratorState *state =
        status == WSL_OK ? wsl__pb__enumerator_state__unpack(NULL, size, bytes) : NULL;
    if (state != NULL) {
        status = restore_state(source, state, err);
        wsl__pb__enumerator_state__free_unpacked(state, NULL);
    } else if (status == WSL_OK) {
        status = wsl_fail(err, WSL_CORRUPT, "the state of the enumerator is not readable");
    }
    return status == WSL_OK ? WSL_OK : failed(source, status, err);
}

static void answer(jm_source *source, uint32_t subtask, jm_split_answer what, const wsl_split *split)
{
    source->options.answer(source->options.answer_arg, source->options.operator_id, subtask, what, split);
}

static void assign(jm_source *source, uint32_t subtask)
{
    coord_split *s = source->ready;
    source->ready = s->next;
    if (source->ready == NULL) {
        source->ready_tail = &source->ready;
    }
    source->n_ready--;
    s->subtask = subtask;
    s->after = source->snapshot;
    s->next = source->assigned;
    source->assigned = s;
    source->n_assigned++;
    const wsl_split split = {.name = s->name, .bytes = s->bytes, .size = s->size};
    answer(source, subtask, JM_SPLIT_ASSIGNED, &split);
}

static void serve_waiting(jm_source *source)
{
    uint32_t served = 0;
    while (served < source->n_waiting && (source->ready != NULL || source->ended)) {
        const uint32_t subtask = source->waiting[served++];
        if (source->ready != NULL) {
            assign(source, subtask);
        } else {
            answer(source, subtask, JM_SPLIT_NO_MORE, NULL);
        }
    }
    source->n_waiting -= served;
    if (served > 0) {
        memmove(source->waiting, source->waiting + served, source->n_waiting * sizeof *source->waiting);
    }
}

/* A passing trouble (a directory on a network disk): said once per try, tried again with growing pauses. */
static void retry_later(jm_source *source, const wsl_error *err, int64_t now_ms)
{
    wsl_log(source->log, WSL_LOG_WARN, "source.discover_failed", "operator=%s retry_ms=%" PRId64 " reason=%s",
            source->options.operator_name, source->retry_ms, err->text);
    source->due_ms = now_ms + source->retry_ms;
    source->retry_ms = source->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : source->retry_ms * 2;
}

wsl_status jm_source_step(jm_source *source, wsl_error *err)
{
    const int64_t now_ms = wsl_wall_ms(source->ctx.clock);
    if (source->ended || now_ms < source->due_ms) {
        return WSL_OK;
    }
    wsl_error why = {0};
    int64_t next_ms = INT64_MAX;
    const wsl_status status =
        source->options.cls->enumerator->discover(source->enumerator, &source->ctx, &next_ms, &why);
    if (status == WSL_OK) {
        source->due_ms = next_ms <= now_ms ? now_ms + 1 : next_ms; /* "at once, for ever" would be a busy loop */
        source->retry_ms = RETRY_FIRST_MS;
    } else if (status == WSL_END) {
        source->ended = true;
        source->due_ms = INT64_MAX;
    } else if (why.retriable) {
        retry_later(source, &why, now_ms);
    } else {
        source->due_ms = INT64_MAX;
        if (err != NULL) {
            *err = why;
        }
        return failed(source, status, err);
    }
    serve_waiting(source);
    return WSL_OK;
}

int64_t jm_source_due_ms(const jm_source *source) { return source->due_ms; }

static bool finish(jm_source *source, uint32_t subtask, const char *name)
{
    for (coord_split **at = &source->assigned; *at != NULL; at = &(*at)->next) {
        coord_split *s = *at;
        if (s->subtask == subtask && strcmp(s->name, name) == 0) {
            *at = s->next;
            source->n_assigned--;
            if (source->options.remember_finished && s->after >= source->complete) {
                s->next = source->done;
                source->done = s;
                source->n_done++;
            } else {
                split_free(s);
            }
            return true;
        }
    }
    return false;
}

static void remember(jm_source *source, uint32_t subtask)
{
    if (source->n_waiting == source->waiting_capacity) {
        source->waiting_capacity = source->waiting_capacity == 0 ? 16 : 2 * source->waiting_capacity;
        source->waiting = wsl_realloc(source->waiting, source->waiting_capacity * sizeof *source->waiting);
    }
    source->waiting[source->n_waiting++] = subtask;
}

wsl_status jm_source_request(jm_source *source, uint32_t subtask, const char *finished, wsl_error *err)
{
    WSL_ASSERT(subtask < source->options.parallelism);
    if (finished[0] != '\0' && !finish(source, subtask, finished) && !source->restored) {
        return wsl_fail(err, WSL_INVALID,
                        "operator '%s': subtask %u says it finished split '%s', which it does not have",
                        source->options.operator_name, subtask, finished);
    }
    if (source->ready != NULL && source->n_waiting == 0) {
        assign(source, subtask);
        return WSL_OK;
    }
    if (source->ended) {
        answer(source, subtask, JM_SPLIT_NO_MORE, NULL);
        return WSL_OK;
    }
    if (source->n_waiting >= JM_SOURCE_WAITING_MAX) {
        return wsl_fail(err, WSL_INVALID, "operator '%s': more than %d requests for splits at once",
                        source->options.operator_name, JM_SOURCE_WAITING_MAX);
    }
    remember(source, subtask);
    answer(source, subtask, JM_SPLIT_NONE_YET, NULL);
    return WSL_OK;
}

static void give_back(jm_source *source, coord_split *s)
{
    coord_split **at = &source->ready;
    while (*at != NULL && (*at)->number < s->number) {
        at = &(*at)->next;
    }
    s->next = *at;
    *at = s;
    if (s->next == NULL) {
        source->ready_tail = &s->next;
    }
    source->n_ready++;
}

/* Those of the reader that were assigned after that checkpoint. Returns how many left the list. */
static uint64_t take_back(jm_source *source, coord_split **list, uint32_t subtask, uint64_t checkpoint)
{
    uint64_t n = 0;
    for (coord_split **at = list; *at != NULL;) {
        coord_split *s = *at;
        if (s->subtask != subtask) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        n++;
        if (s->after >= checkpoint) {
            give_back(source, s);
        } else {
            split_free(s); /* it is in the reader's state, which says that it is finished when it is */
        }
    }
    return n;
}

void jm_source_on_complete(jm_source *source, uint64_t checkpoint)
{
    if (checkpoint <= source->complete) {
        return;
    }
    source->complete = checkpoint;
    source->snapshot = source->snapshot < checkpoint ? checkpoint : source->snapshot;
    for (coord_split **at = &source->done; *at != NULL;) {
        coord_split *s = *at;
        if (s->after >= checkpoint) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        split_free(s);
        source->n_done--;
    }
}

void jm_source_reader_back(jm_source *source, uint32_t subtask, uint64_t checkpoint)
{
    WSL_ASSERT(checkpoint >= source->complete);
    source->restored = true;
    source->n_assigned -= take_back(source, &source->assigned, subtask, checkpoint);
    source->n_done -= take_back(source, &source->done, subtask, checkpoint);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < source->n_waiting; i++) {
        if (source->waiting[i] != subtask) {
            source->waiting[kept++] = source->waiting[i];
        }
    }
    source->n_waiting = kept;
    serve_waiting(source);
}

uint32_t jm_source_operator(const jm_source *source) { return source->options.operator_id; }
uint64_t jm_source_ready(const jm_source *source) { return source->n_ready; }
uint64_t jm_source_assigned(const jm_source *source) { return source->n_assigned; }
uint64_t jm_source_done(const jm_source *source) { return source->n_done; }
