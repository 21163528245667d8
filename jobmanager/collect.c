#include "jobmanager/collect.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/control.h"

typedef struct collect_chunk {
    struct collect_chunk *next;
    uint64_t first; /* number of its first row */
    uint64_t n_rows;
    uint64_t sequence; /* to acknowledge */
    uint32_t attempt;  /* of its subtask, counted here: nobody waits for acknowledgements of an earlier one */
    uint32_t subtask;
    size_t size;
    _Alignas(8) uint8_t bytes[];
} collect_chunk;

typedef struct collect_subtask {
    uint64_t unacknowledged; /* bytes */
    uint64_t last_sequence;
    uint32_t attempt;
    bool any; /* last_sequence is set */
    bool ended;
} collect_subtask;

struct jm_collect {
    uint32_t operator_id;
    uint32_t parallelism;
    uint32_t parallelism_max; /* elements of subtasks: chunks of more of them than there are now may wait */
    wsl_schema *schema;
    jm_collect_ack_fn ack;
    void *ack_arg;
    collect_chunk *chunks;
    collect_chunk **tail;
    uint64_t first; /* reads before this number begin there */
    uint64_t taken; /* rows before this number are forgotten */
    uint64_t next;  /* number of the next row to arrive */
    uint64_t kept_bytes;
    bool closed;
    collect_subtask subtasks[];
};

jm_collect *jm_collect_new(uint32_t operator_id, wsl_schema *schema, uint32_t parallelism, jm_collect_ack_fn ack,
                           void *ack_arg)
{
    jm_collect *c = wsl_zalloc(sizeof *c + parallelism * sizeof c->subtasks[0]);
    c->operator_id = operator_id;
    c->parallelism = c->parallelism_max = parallelism;
    c->schema = schema;
    c->ack = ack;
    c->ack_arg = ack_arg;
    c->tail = &c->chunks;
    return c;
}

void jm_collect_free(jm_collect *c)
{
    if (c == NULL) {
        return;
    }
    for (collect_chunk *chunk = c->chunks; chunk != NULL;) {
        collect_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    wsl_schema_free(c->schema);
    free(c);
}

static wsl_status count_rows(const jm_collect *c, const uint8_t *bytes, size_t size, uint64_t *out_n, wsl_error *err)
{
    uint64_t n = 0;
    for (size_t at = 0; at < size; n++) {
        const size_t left = size - at;
        WSL_TRY(wsl_row_check(bytes + at, left > UINT32_MAX ? UINT32_MAX : (uint32_t)left, c->schema, err));
        uint32_t row_size;
        memcpy(&row_size, bytes + at, sizeof row_size);
        at += row_size;
    }
    *out_n = n;
    return WSL_OK;
}

static wsl_status check_window(const jm_collect *c, uint32_t subtask, uint64_t sequence, size_t size, wsl_error *err)
{
    const collect_subtask *s = &c->subtasks[subtask];
    if (s->ended || (s->any && sequence <= s->last_sequence)) {
        return wsl_fail(err, WSL_INVALID,
                        "collected rows of subtask %u came with sequence %" PRIu64 " after %" PRIu64 "%s", subtask,
                        sequence, s->last_sequence, s->ended ? ", which was the last" : "");
    }
    if (s->unacknowledged >= 2 * (uint64_t)WSL_COLLECT_WINDOW) {
        return wsl_fail(err, WSL_INVALID,
                        "subtask %u sent %zu more bytes of collected rows though the client has yet to take %" PRIu64,
                        subtask, size, s->unacknowledged);
    }
    return WSL_OK;
}

static void append(jm_collect *c, collect_chunk *chunk)
{
    chunk->first = c->next;
    c->next += chunk->n_rows;
    c->kept_bytes += chunk->size;
    c->subtasks[chunk->subtask].unacknowledged += chunk->size;
    *c->tail = chunk;
    c->tail = &chunk->next;
}

wsl_status jm_collect_add(jm_collect *c, uint32_t subtask, uint64_t sequence, const void *rows, size_t size, bool end,
                          wsl_error *err)
{
    WSL_ASSERT(subtask < c->parallelism);
    WSL_TRY(check_window(c, subtask, sequence, size, err));
    collect_subtask *s = &c->subtasks[subtask];
    if (size > 0) {
        collect_chunk *chunk = wsl_zalloc(sizeof *chunk + size);
        memcpy(chunk->bytes, rows, size);
        const wsl_status status = count_rows(c, chunk->bytes, size, &chunk->n_rows, err);
        if (status != WSL_OK) {
            free(chunk);
            return wsl_fail_prefix(err, status, "collected rows of subtask %u are broken", subtask);
        }
        chunk->sequence = sequence;
        chunk->attempt = s->attempt;
        chunk->subtask = subtask;
        chunk->size = size;
        append(c, chunk);
    } else {
        c->ack(c->ack_arg, c->operator_id, subtask, sequence);
    }
    s->any = true;
    s->last_sequence = sequence;
    s->ended = end;
    return WSL_OK;
}

void jm_collect_restart(jm_collect *c, uint32_t subtask)
{
    WSL_ASSERT(subtask < c->parallelism);
    c->subtasks[subtask] = (collect_subtask){.attempt = c->subtasks[subtask].attempt + 1};
}

void jm_collect_set_parallelism(jm_collect *c, uint32_t parallelism)
{
    WSL_ASSERT(parallelism > 0 && parallelism <= c->parallelism_max);
    for (uint32_t i = 0; i < c->parallelism_max; i++) {
        c->subtasks[i] = (collect_subtask){.attempt = c->subtasks[i].attempt + 1};
    }
    c->parallelism = parallelism;
}

void jm_collect_close(jm_collect *c) { c->closed = true; }

void jm_collect_begin_at(jm_collect *c, uint64_t first, bool skip)
{
    WSL_ASSERT(c->next == 0);
    c->first = skip ? first : 0;
    c->taken = c->next = first;
}

uint64_t jm_collect_next(const jm_collect *c) { return c->next; }

/* Drops chunks that lie wholly before `from`. */
static void forget_before(jm_collect *c, uint64_t from)
{
    while (c->chunks != NULL && c->chunks->first + c->chunks->n_rows <= from) {
        collect_chunk *chunk = c->chunks;
        c->chunks = chunk->next;
        if (c->chunks == NULL) {
            c->tail = &c->chunks;
        }
        c->kept_bytes -= chunk->size;
        if (chunk->attempt == c->subtasks[chunk->subtask].attempt) {
            c->subtasks[chunk->subtask].unacknowledged -= chunk->size;
            if (!c->closed) {
                c->ack(c->ack_arg, c->operator_id, chunk->subtask, chunk->sequence);
            }
        }
        free(chunk);
    }
    c->taken = from > c->taken ? from : c->taken;
}

static bool all_ended(const jm_collect *c)
{
    for (uint32_t i = 0; i < c->parallelism; i++) {
        if (!c->subtasks[i].ended) {
            return false;
        }
    }
    return true;
}

wsl_status jm_collect_read(jm_collect *c, uint64_t from, uint64_t max_bytes, void (*fn)(void *arg, const wsl_row *row),
                           void *arg, uint64_t *out_next, bool *out_end, wsl_error *err)
{
    from = from < c->first ? c->first : from;
    if (from < c->taken || from > c->next) {
        return wsl_fail(err, WSL_INVALID,
                        "collected rows can be read from number %" PRIu64 " to %" PRIu64 ", not from %" PRIu64,
                        c->taken, c->next, from);
    }
    forget_before(c, from);
    uint64_t number = c->chunks == NULL ? from : c->chunks->first;
    uint64_t seen = 0;
    for (const collect_chunk *chunk = c->chunks; chunk != NULL && seen < max_bytes; chunk = chunk->next) {
        for (size_t at = 0; at < chunk->size && seen < max_bytes; number++) {
            const wsl_row *row = (const wsl_row *)(const void *)(chunk->bytes + at);
            at += row->size;
            if (number < from) {
                continue;
            }
            seen += row->size;
            if (fn != NULL) {
                fn(arg, row);
            }
        }
    }
    *out_next = number < from ? from : number;
    *out_end = *out_next == c->next && (c->closed || all_ended(c));
    return WSL_OK;
}

uint32_t jm_collect_operator(const jm_collect *c) { return c->operator_id; }
const wsl_schema *jm_collect_schema(const jm_collect *c) { return c->schema; }
uint64_t jm_collect_kept_bytes(const jm_collect *c) { return c->kept_bytes; }
