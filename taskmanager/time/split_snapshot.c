/*
 * Elements of the section are BYTES; `number` says what: HEADER, or SPLIT with its name and a custom generator's memory behind.
 */
#include "taskmanager/time/split_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/vec.h"

enum { HEADER = 0, SPLIT = 1, BEGUN = 1, IDLE = 2, HAD_ROW = 4, CARRIED = 8 };

static const char *const section_name = "generators";

/* Part of the format. */
typedef struct header {
    int64_t parallelism;
    int64_t watermark;
    int64_t tick_in_ns;
} header;

typedef struct split {
    int64_t max_timestamp;
    int64_t watermark;
    int64_t quiet_ns;
    uint32_t flags;
    uint32_t name_size, local_size;
    uint32_t reserved;
} split;

typedef struct waiting {
    split head;
    bool taken;
    char *name;
    uint8_t *local;
} waiting;

struct tm_split_past {
    bool same; /* parallelism */
    bool released;
    bool any;
    int64_t watermark, tick_in_ns;
    WSL_VEC(waiting) splits;
};

/* ---- out ---- */

static void put_split(tm_section *section, const split *head, const char *name, const void *local)
{
    const size_t size = sizeof *head + head->name_size + head->local_size;
    uint8_t *bytes = wsl_alloc(size);
    memcpy(bytes, head, sizeof *head);
    memcpy(bytes + sizeof *head, name, head->name_size);
    if (head->local_size > 0) {
        memcpy(bytes + sizeof *head + head->name_size, local, head->local_size);
    }
    tm_section_bytes(section, 0, SPLIT, bytes, size);
    free(bytes);
}

static void put_time(tm_section *section, const tm_split_time *s, size_t local_size)
{
    const tm_watermark_gen *g = &s->gen;
    const bool begun = tm_watermark_gen_current(g) != INT64_MIN;
    const split head = {
        .max_timestamp = g->max_timestamp,
        .watermark = tm_watermark_gen_current(g),
        .quiet_ns = g->quiet_ns,
        .flags = (begun ? BEGUN : 0u) | (g->idle ? IDLE : 0u) | (g->had_row ? HAD_ROW : 0u),
        .name_size = (uint32_t)strlen(s->name),
        .local_size = s->local != NULL ? (uint32_t)local_size : 0,
    };
    put_split(section, &head, s->name, s->local);
}

void tm_split_past_put(tm_snapshot *out, tm_op *op, const tm_split_times *times, const tm_split_past *past,
                       int64_t tick_in_ns)
{
    const tm_section_spec spec = {.kind = WSL__PB__SECTION_KIND__SECTION_UNION, .name = section_name, .version = 1};
    tm_section *section = tm_snapshot_section(out, op, &spec);
    const header h = {.parallelism = op->env.parallelism, .watermark = op->out_watermark, .tick_in_ns = tick_in_ns};
    tm_section_bytes(section, 0, HEADER, &h, sizeof h);
    for (uint32_t i = 0; i < times->capacity; i++) {
        const tm_split_time *s = tm_split_times_get(times, i);
        if (s != NULL) {
            put_time(section, s, times->rule.local_size);
        }
    }
    for (uint32_t i = 0; past != NULL && i < past->splits.n; i++) {
        const waiting *w = &past->splits.items[i];
        if (!w->taken && (w->head.flags & CARRIED) == 0) {
            split head = w->head;
            head.flags |= CARRIED;
            put_split(section, &head, w->name, w->local);
        }
    }
}

/* ---- in ---- */

void tm_split_past_free(tm_split_past *p)
{
    if (p == NULL) {
        return;
    }
    for (uint32_t i = 0; i < p->splits.n; i++) {
        free(p->splits.items[i].name);
        free(p->splits.items[i].local);
    }
    wsl_vec_fini(&p->splits);
    free(p);
}

/* What follows of this old subtask's elements: is it for us? */
static bool read_header(tm_split_past *p, const header *h, const tm_op *op, uint32_t old)
{
    p->same = h->parallelism == op->env.parallelism;
    if (p->same && old != op->env.subtask) {
        return false;
    }
    if (!p->any || h->watermark < p->watermark) {
        p->watermark = h->watermark;
    }
    p->tick_in_ns = h->tick_in_ns;
    p->any = true;
    return true;
}

/* Of two of one name the one that is further is the living one. */
static bool is_known(tm_split_past *p, const split *head, const char *name)
{
    for (uint32_t i = 0; i < p->splits.n; i++) {
        waiting *w = &p->splits.items[i];
        if (name[0] != '\0' && strlen(w->name) == head->name_size && memcmp(w->name, name, head->name_size) == 0) {
            if ((w->head.flags & CARRIED) == 0 || (head->flags & CARRIED) != 0) {
                return true;
            }
            free(w->name);
            free(w->local);
            wsl_vec_remove(&p->splits, i);
            return false;
        }
    }
    return false;
}

static wsl_status read_split(tm_split_past *p, wsl_str bytes, wsl_error *err)
{
    waiting w = {0};
    if (bytes.size < sizeof w.head) {
        return wsl_fail(err, WSL_CORRUPT, "a watermark generator of %u bytes is too short", bytes.size);
    }
    memcpy(&w.head, bytes.data, sizeof w.head);
    const char *name = bytes.data + sizeof w.head;
    if ((uint64_t)sizeof w.head + w.head.name_size + w.head.local_size != bytes.size) {
        return wsl_fail(err, WSL_CORRUPT, "a watermark generator of %u bytes has other sizes within", bytes.size);
    }
    if (is_known(p, &w.head, name)) {
        return WSL_OK;
    }
    w.name = wsl_alloc(w.head.name_size + 1);
    memcpy(w.name, name, w.head.name_size);
    w.name[w.head.name_size] = '\0';
    w.local = w.head.local_size > 0 ? wsl_memdup(name + w.head.name_size, w.head.local_size) : NULL;
    wsl_vec_push(&p->splits, w);
    return WSL_OK;
}

typedef struct reading {
    tm_split_past *past;
    const tm_op *op;
} reading;

static wsl_status take_piece(void *arg, const tm_restore_piece *piece, bool *out_taken, wsl_error *err)
{
    const reading *r = arg;
    bool ours = false;
    const wsl_record *record = NULL;
    uint32_t group = 0;
    *out_taken = piece->section->kind == WSL__PB__SECTION_KIND__SECTION_UNION &&
                 strcmp(piece->section->name, section_name) == 0;
    wsl_status status = *out_taken ? WSL_OK : WSL_END;
    while (status == WSL_OK && (status = wsl_section_reader_next(piece->reader, &record, &group, err)) == WSL_OK) {
        const wsl_str bytes = record->tag == WSL_RECORD_BYTES ? wsl_record_bytes(record) : (wsl_str){0};
        header h;
        if (record->number == HEADER && bytes.size == sizeof h) {
            memcpy(&h, bytes.data, sizeof h);
            ours = read_header(r->past, &h, r->op, piece->subtask);
        } else if (record->number != SPLIT) {
            return wsl_fail(err, WSL_CORRUPT, "a record of a watermark strategy is of no known kind");
        } else if (ours) {
            status = read_split(r->past, bytes, err);
        }
    }
    return status == WSL_END ? WSL_OK : status;
}

wsl_status tm_split_past_read(tm_restore *in, const tm_op *op, tm_split_past **out_past)
{
    tm_split_past *p = wsl_zalloc(sizeof *p);
    p->watermark = INT64_MIN;
    p->tick_in_ns = -1;
    reading r = {.past = p, .op = op};
    const wsl_status status = tm_restore_pieces(in, take_piece, &r);
    if (status != WSL_OK) {
        tm_split_past_free(p);
        return status;
    }
    *out_past = p;
    return WSL_OK;
}

int64_t tm_split_past_watermark(const tm_split_past *p) { return p->watermark; }
int64_t tm_split_past_tick_in_ns(const tm_split_past *p) { return p->tick_in_ns; }

static void put_into(waiting *w, tm_split_time *s, size_t local_size)
{
    w->taken = true;
    if ((w->head.flags & BEGUN) != 0) {
        s->gen.max_timestamp = w->head.max_timestamp;
    }
    s->gen.quiet_ns = w->head.quiet_ns;
    s->gen.idle = (w->head.flags & IDLE) != 0 && s->gen.idleness_ns > 0;
    s->gen.had_row = (w->head.flags & HAD_ROW) != 0;
    if (local_size > 0 && w->head.local_size == local_size) {
        memcpy(s->local, w->local, local_size);
    }
}

void tm_split_past_take(tm_split_past *p, tm_split_time *s, size_t local_size)
{
    for (uint32_t i = 0; i < p->splits.n; i++) {
        if (!p->splits.items[i].taken && strcmp(p->splits.items[i].name, s->name) == 0) {
            put_into(&p->splits.items[i], s, local_size);
            return;
        }
    }
}

int64_t tm_split_past_min(const tm_split_past *p)
{
    int64_t min = INT64_MAX;
    for (uint32_t i = 0; p != NULL && p->same && !p->released && i < p->splits.n; i++) {
        const waiting *w = &p->splits.items[i];
        if (!w->taken && (w->head.flags & (CARRIED | IDLE)) == 0) {
            const int64_t watermark = (w->head.flags & BEGUN) != 0 ? w->head.watermark : INT64_MIN;
            min = watermark < min ? watermark : min;
        }
    }
    return min;
}

void tm_split_past_release(tm_split_past *p)
{
    if (p != NULL) {
        p->released = true;
    }
}

void tm_split_past_take_least(tm_split_past *p, tm_split_time *s, size_t local_size)
{
    waiting *least = NULL;
    for (uint32_t i = 0; i < p->splits.n; i++) {
        waiting *w = &p->splits.items[i];
        const bool begun = (w->head.flags & BEGUN) != 0;
        if (least == NULL || !begun || ((least->head.flags & BEGUN) != 0 && w->head.max_timestamp < least->head.max_timestamp)) {
            least = w;
        }
        w->taken = true;
    }
    if (least != NULL) {
        put_into(least, s, local_size);
    }
}
