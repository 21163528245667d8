#include "taskmanager/window/window_past.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"

static const char *const section_name = "windows";

static tm_window_past past_of(const tm_window_op *w, int64_t way)
{
    const tm_window_spec *s = &w->spec;
    return (tm_window_past){
        .way = way,
        .assigner = (int64_t)s->assigner,
        .event_time = s->event_time,
        .size_ms = s->size_ms,
        .slide_ms = s->slide_ms,
        .offset_ms = s->offset_ms,
        .lateness_ms = s->lateness_ms,
    };
}

void tm_window_past_put(tm_snapshot *out, tm_window_op *w, int64_t way, const tm_key_ctx *kc, const int64_t numbers[2])
{
    const tm_section_spec spec = {.kind = WSL__PB__SECTION_KIND__SECTION_UNION, .name = section_name, .version = 1};
    tm_window_past past = past_of(w, way);
    past.first_group = kc->first_group;
    past.n_groups = kc->n_groups;
    memcpy(past.numbers, numbers, sizeof past.numbers);
    tm_section_bytes(tm_snapshot_section(out, &w->op, &spec), 0, 0, &past, sizeof past);
}

bool tm_window_past_is(const tm_restore_piece *piece)
{
    return piece->section->kind == WSL__PB__SECTION_KIND__SECTION_UNION && strcmp(piece->section->name, section_name) == 0;
}

static const char *time_of(const tm_window_past *p) { return p->event_time != 0 ? "event" : "processing"; }

static wsl_status check(const tm_window_past *was, const tm_window_past *is, bool lateness_may_change, wsl_error *err)
{
    const bool placed = is->assigner == WSL_WINDOWS_TUMBLING || is->assigner == WSL_WINDOWS_SLIDING;
    if (was->assigner != is->assigner || was->event_time != is->event_time) {
        return wsl_fail(err, WSL_INVALID,
                        "its windows were of another kind (or in %s time) when it was stored; give the operator another uid "
                        "if that state is not needed any more",
                        time_of(was));
    }
    if (placed &&
        (was->size_ms != is->size_ms || was->slide_ms != is->slide_ms || was->offset_ms != is->offset_ms)) {
        return wsl_fail(err, WSL_INVALID,
                        "its windows were %" PRId64 " ms long, every %" PRId64 " ms, offset %" PRId64 " ms when it was stored, "
                        "and are %" PRId64 " ms long, every %" PRId64 " ms, offset %" PRId64 " ms now: what is in them cannot "
                        "be put into others; give the operator another uid if it is not needed any more",
                        was->size_ms, was->slide_ms, was->offset_ms, is->size_ms, is->slide_ms, is->offset_ms);
    }
    if (was->lateness_ms != is->lateness_ms && !lateness_may_change) {
        return wsl_fail(err, WSL_INVALID,
                        "it was stored with an allowed lateness of %" PRId64 " ms, now it is %" PRId64 " ms: its windows wait to "
                        "be given up at the time that was right then",
                        was->lateness_ms, is->lateness_ms);
    }
    if (was->way != is->way) {
        return wsl_fail(err, WSL_INVALID,
                        "its windows keep something else than when it was stored: another trigger, evictor or function; give "
                        "the operator another uid if that state is not needed any more");
    }
    return WSL_OK;
}

wsl_status tm_window_past_next(const tm_restore_piece *piece, const tm_window_op *w, int64_t way,
                               bool lateness_may_change, tm_window_past *out_past, wsl_error *err)
{
    const wsl_record *record = NULL;
    uint32_t group = 0;
    WSL_TRY(wsl_section_reader_next(piece->reader, &record, &group, err));
    const wsl_str bytes = record->tag == WSL_RECORD_BYTES ? wsl_record_bytes(record) : (wsl_str){0};
    if (bytes.size != sizeof *out_past) {
        return wsl_fail(err, WSL_CORRUPT, "what it remembers of its windows is of %u bytes, not %zu", bytes.size,
                        sizeof *out_past);
    }
    memcpy(out_past, bytes.data, sizeof *out_past);
    const tm_window_past is = past_of(w, way);
    return check(out_past, &is, lateness_may_change, err);
}
