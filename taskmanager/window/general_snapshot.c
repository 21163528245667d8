/*
 * What a general window operator gives to a checkpoint:
 *
 *     "windows"     how its windows lie, numbers that sessions and arrivals have got so far (window_past.h)
 *     "contents"    of windows, by key and namespace: rows or folded values, sessions, numbers of built-in triggers
 *     "timers"      in both domains
 *     "function", "function-windows", "trigger", "evictor"    states that user functions declare
 *
 * Calls that are to go on (again, pairs), a row that is in some of its windows, timers that have not all fired: all of that
 * keeps the operator pending, so there is none of it at a barrier.
 *
 * Serial numbers of sessions must differ from those that timers of the same key may still have, arrival numbers be above those of
 * its rows: a new subtask goes on above the numbers of all old ones.
 */
#include "base/assert.h"
#include "taskmanager/time/timer_snapshot.h"
#include "taskmanager/window/general.h"
#include "taskmanager/window/window_past.h"

enum { WAY_GENERAL = 1 };

static const char *const contents_name = "contents";

/* A face, where it has states, and their section. */
typedef struct named_face {
    tm_face *face;
    const char *name;
} named_face;

enum { N_FACES = 4 };

static void list_faces(tm_general *g, named_face out[N_FACES])
{
    out[0] = (named_face){&g->out, "function"};
    out[1] = (named_face){&g->per_window, "function-windows"};
    out[2] = (named_face){&g->trigger, "trigger"};
    out[3] = (named_face){&g->evictor, "evictor"};
}

static bool has_states(const tm_face *face)
{
    return tm_face_is_open(face) && face->k.descs != NULL && face->k.descs[0] != NULL;
}

wsl_status tm_general_snapshot(tm_window_op *w, tm_snapshot *out)
{
    tm_general *g = tm_general_of(w);
    named_face faces[N_FACES];
    WSL_ASSERT(!g->walking && !g->advancing && !tm_again_waits(&g->again) && !tm_pairs_wait(&g->pairs));
    tm_window_past_put(out, w, WAY_GENERAL, &g->key, (const int64_t[2]){g->next_serial, g->next_arrival});
    g->state->ops->snapshot(g->state, out, g->op, contents_name);
    tm_timers_snapshot(&g->event, &g->key, true, out, g->op, "timers");
    tm_timers_snapshot(&g->processing, &g->key, false, out, g->op, "timers");
    list_faces(g, faces);
    for (uint32_t i = 0; i < N_FACES; i++) {
        if (has_states(faces[i].face)) {
            tm_keyed_snapshot_state(&faces[i].face->k, out, faces[i].name);
        }
    }
    return WSL_OK;
}

static wsl_status take_past(tm_general *g, const tm_restore_piece *piece, wsl_error *err)
{
    const bool lateness_may_change = g->spec->assigner == WSL_WINDOWS_GLOBAL || g->own_trigger;
    tm_window_past past;
    wsl_status status;
    while ((status = tm_window_past_next(piece, g->w, WAY_GENERAL, lateness_may_change, &past, err)) == WSL_OK) {
        g->next_serial = past.numbers[0] > g->next_serial ? past.numbers[0] : g->next_serial;
        g->next_arrival = past.numbers[1] > g->next_arrival ? past.numbers[1] : g->next_arrival;
    }
    return status == WSL_END ? WSL_OK : status;
}

static wsl_status take_timers(tm_general *g, const tm_restore_piece *piece, bool *out_taken, wsl_error *err)
{
    const Wsl__Pb__SectionKind kind = piece->section->kind;
    const bool event_time = kind == WSL__PB__SECTION_KIND__SECTION_EVENT_TIMERS;
    *out_taken = event_time || kind == WSL__PB__SECTION_KIND__SECTION_PROCESSING_TIMERS;
    return *out_taken ? tm_timers_restore(event_time ? &g->event : &g->processing, &g->key, piece, err) : WSL_OK;
}

static wsl_status take_piece(void *arg, const tm_restore_piece *piece, bool *out_taken, wsl_error *err)
{
    tm_general *g = arg;
    named_face faces[N_FACES];
    *out_taken = tm_window_past_is(piece);
    if (*out_taken) {
        return take_past(g, piece, err);
    }
    wsl_status status = take_timers(g, piece, out_taken, err);
    if (status == WSL_OK && !*out_taken) {
        status = tm_state_restore_piece(g->state, piece, contents_name, out_taken, err);
    }
    list_faces(g, faces);
    for (uint32_t i = 0; i < N_FACES && status == WSL_OK && !*out_taken; i++) {
        if (has_states(faces[i].face)) {
            status = tm_keyed_restore_state(&faces[i].face->k, piece, faces[i].name, out_taken, err);
        }
    }
    return status;
}

wsl_status tm_general_restore(tm_window_op *w, tm_restore *in)
{
    tm_general *g = tm_general_of(w);
    WSL_TRY(tm_restore_pieces(in, take_piece, g));
    if (g->spec->all) {
        tm_key_ctx_restore(&g->key, "", 0, 0, 0);
    }
    tm_general_arm(g);
    return WSL_OK;
}
