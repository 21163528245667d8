/*
 * What is checked about a windowing, in the words of whoever wrote the job.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "expr/aggregate.h"
#include "graph/window_options.h"

/* ---- numbers ---- */

static wsl_status check_aligned(const wsl_assigner *a, wsl_error *err)
{
    const bool sliding = a->kind == WSL_WINDOWS_SLIDING;
    const int64_t period = sliding ? a->slide_ms : a->size_ms;
    if (a->size_ms <= 0) {
        return wsl_fail(err, WSL_INVALID, "a %s window needs a size above 0, not %" PRId64 " ms",
                        sliding ? "sliding" : "tumbling", a->size_ms);
    }
    if (period <= 0) {
        return wsl_fail(err, WSL_INVALID, "a sliding window needs a slide above 0, not %" PRId64 " ms", period);
    }
    if (a->offset_ms <= -period || a->offset_ms >= period) {
        return wsl_fail(err, WSL_INVALID,
                        "an offset of %" PRId64 " ms is not smaller than the %s of %" PRId64
                        " ms; windows repeat after that, so take the rest",
                        a->offset_ms, sliding ? "slide" : "size", period);
    }
    return WSL_OK;
}

static wsl_status check_assigner(const wsl_assigner *a, wsl_error *err)
{
    switch (a->kind) {
    case WSL_WINDOWS_TUMBLING:
    case WSL_WINDOWS_SLIDING:
        return check_aligned(a, err);
    case WSL_WINDOWS_SESSION:
        return a->gap == NULL && a->size_ms < 0
                   ? wsl_fail(err, WSL_INVALID, "a session window needs a gap above 0, not %" PRId64 " ms", a->size_ms)
                   : WSL_OK;
    case WSL_WINDOWS_GLOBAL:
        return WSL_OK;
    case WSL_WINDOWS_COUNT:
        if (a->size_ms <= 0 || a->slide_ms < 0) {
            return wsl_fail(err, WSL_INVALID,
                            "a count window needs a number of rows above 0, not %" PRId64 "%s", a->size_ms,
                            a->slide_ms < 0 ? ", and a slide above 0" : "");
        }
        return WSL_OK;
    }
    return wsl_fail(err, WSL_INVALID, "there is no window assigner %d", (int)a->kind);
}

static wsl_status check_threshold(const char *what, const char *field, double threshold, wsl_error *err)
{
    if (field == NULL || field[0] == '\0') {
        return wsl_fail(err, WSL_INVALID, "a delta %s needs a field to look at", what);
    }
    if (!(threshold >= 0) || isinf(threshold)) {
        return wsl_fail(err, WSL_INVALID, "a delta %s needs a threshold of 0 or more, not %g", what, threshold);
    }
    return WSL_OK;
}

static wsl_status check_trigger(const wsl_trigger *t, wsl_error *err)
{
    switch (t->kind) {
    case WSL_TRIGGER_DEFAULT:
    case WSL_TRIGGER_EVENT_TIME:
    case WSL_TRIGGER_PROCESSING_TIME:
    case WSL_TRIGGER_CUSTOM:
        return WSL_OK;
    case WSL_TRIGGER_CONTINUOUS_EVENT_TIME:
    case WSL_TRIGGER_CONTINUOUS_PROCESSING_TIME:
        return t->interval_ms > 0 ? WSL_OK
                                  : wsl_fail(err, WSL_INVALID,
                                             "a continuous trigger needs an interval above 0, not %" PRId64 " ms",
                                             t->interval_ms);
    case WSL_TRIGGER_COUNT:
        return t->count > 0 ? WSL_OK
                            : wsl_fail(err, WSL_INVALID, "a count trigger needs a count above 0, not %" PRId64,
                                       t->count);
    case WSL_TRIGGER_DELTA:
        return check_threshold("trigger", t->field, t->threshold, err);
    }
    return wsl_fail(err, WSL_INVALID, "there is no trigger %d", (int)t->kind);
}

static wsl_status check_evictor(const wsl_evictor *e, wsl_error *err)
{
    switch (e->kind) {
    case WSL_EVICTOR_NONE:
    case WSL_EVICTOR_CUSTOM:
        return WSL_OK;
    case WSL_EVICTOR_COUNT:
        return e->count >= 0 ? WSL_OK
                             : wsl_fail(err, WSL_INVALID, "a count evictor cannot keep %" PRId64 " rows", e->count);
    case WSL_EVICTOR_TIME:
        return e->duration_ms >= 0
                   ? WSL_OK
                   : wsl_fail(err, WSL_INVALID, "a time evictor needs a duration of 0 or more, not %" PRId64 " ms",
                              e->duration_ms);
    case WSL_EVICTOR_DELTA:
        return check_threshold("evictor", e->field, e->threshold, err);
    }
    return wsl_fail(err, WSL_INVALID, "there is no evictor %d", (int)e->kind);
}

wsl_status wsl_window_check(const wsl_windowing *w, wsl_error *err)
{
    WSL_TRY(check_assigner(&w->assigner, err));
    WSL_TRY(check_trigger(&w->trigger, err));
    WSL_TRY(check_evictor(&w->evictor, err));
    if (w->assigner.kind == WSL_WINDOWS_COUNT &&
        (w->trigger.kind != WSL_TRIGGER_DEFAULT || w->evictor.kind != WSL_EVICTOR_NONE)) {
        return wsl_fail(err, WSL_INVALID,
                        "a count window has a trigger and an evictor of its own; use a global window with yours");
    }
    if (w->lateness_ms < 0) {
        return wsl_fail(err, WSL_INVALID, "an allowed lateness of %" PRId64 " ms is not possible; it is 0 or more",
                        w->lateness_ms);
    }
    if (w->late_tag != NULL && w->late_tag[0] == '\0') {
        return wsl_fail(err, WSL_INVALID, "the side output of late rows needs a name");
    }
    return WSL_OK;
}

/* ---- functions ---- */

const wsl_function **wsl_window_function_at(wsl_window_functions *f, const char *role)
{
    const struct {
        const char *role;
        const wsl_function **at;
    } roles[] = {{"reduce", &f->reduce},   {"aggregate", &f->aggregate}, {"window", &f->window},
                 {"trigger", &f->trigger}, {"evictor", &f->evictor},     {"gap", &f->gap}};
    for (size_t i = 0; i < WSL_ARRAY_LEN(roles); i++) {
        if (strcmp(roles[i].role, role) == 0) {
            return roles[i].at;
        }
    }
    return NULL;
}

static wsl_status misses(const wsl_function *fn, const char *members, wsl_error *err)
{
    return wsl_fail(err, WSL_INVALID, "'%s' needs %s", fn->name, members);
}

/* Each function by itself. */
static wsl_status check_aggregate(const wsl_function *fn, wsl_error *err)
{
    if (fn->acc == NULL) {
        return misses(fn, ".acc, the schema of its accumulator", err);
    }
    if ((fn->add == NULL) == (fn->update == NULL)) {
        return misses(fn, "either .add, for accumulators of fixed-size fields, or .update", err);
    }
    for (uint32_t i = 0; fn->add != NULL && i < fn->acc->n_fields; i++) {
        if (!wsl_type_is_fixed(&fn->acc->fields[i].type)) {
            return wsl_fail(err, WSL_TYPE,
                            "'%s' changes its accumulator in place with .add, but field '%s' has no fixed size; use "
                            ".update",
                            fn->name, fn->acc->fields[i].name);
        }
    }
    return WSL_OK;
}

static wsl_status check_members(const wsl_window_functions *f, wsl_error *err)
{
    if (f->reduce != NULL && f->reduce->reduce == NULL) {
        return misses(f->reduce, ".reduce", err);
    }
    if (f->aggregate != NULL) {
        WSL_TRY(check_aggregate(f->aggregate, err));
    }
    if (f->window != NULL && f->window->window == NULL) {
        return misses(f->window, ".window", err);
    }
    if (f->trigger != NULL && f->trigger->on_element == NULL) {
        return misses(f->trigger, ".on_element", err);
    }
    if (f->evictor != NULL && f->evictor->evict == NULL) {
        return misses(f->evictor, ".evict", err);
    }
    if (f->gap != NULL && f->gap->session_gap == NULL) {
        return misses(f->gap, ".session_gap", err);
    }
    if (f->pair != NULL && (f->pair->kind == WSL_FN_JOIN ? f->pair->join == NULL : f->pair->co_group == NULL)) {
        return misses(f->pair, f->pair->kind == WSL_FN_JOIN ? ".join" : ".co_group", err);
    }
    return WSL_OK;
}

/* Windows of two inputs hold rows of two types. */
static wsl_status check_pair(const wsl_windowing *w, const char *select, const wsl_window_functions *f, wsl_error *err)
{
    if (f->reduce != NULL || f->aggregate != NULL || f->window != NULL || select != NULL) {
        return wsl_fail(err, WSL_INVALID, "a window of two inputs has a join or co-group function and no other");
    }
    if (w->late_tag != NULL) {
        return wsl_fail(err, WSL_INVALID,
                        "a window of two inputs has late rows of two types: name a side output for each with "
                        "wsl_window_join_late, or they are counted");
    }
    if (w->trigger.kind == WSL_TRIGGER_DELTA || w->evictor.kind == WSL_EVICTOR_DELTA || f->evictor != NULL) {
        return wsl_fail(err, WSL_INVALID,
                        "a window of two inputs has rows of two types, which a delta trigger or evictor, or an evictor "
                        "of your own, could not tell apart");
    }
    const wsl_function *const readers[] = {f->trigger, f->gap};
    for (size_t i = 0; i < WSL_ARRAY_LEN(readers); i++) {
        if (readers[i] != NULL && readers[i]->in != NULL) {
            return wsl_fail(err, WSL_TYPE, "'%s' would be given rows of two types; leave its .in out", readers[i]->name);
        }
    }
    return WSL_OK;
}

/* Roles against the options that ask for them. */
static wsl_status check_roles(const wsl_windowing *w, const char *select, const wsl_window_functions *f, wsl_error *err)
{
    const int folds = (f->reduce != NULL) + (f->aggregate != NULL) + (select != NULL);
    if (f->pair != NULL) {
        WSL_TRY(check_pair(w, select, f, err));
    } else if (folds == 0 && f->window == NULL) {
        return wsl_fail(err, WSL_INVALID,
                        "a window needs something to do with its rows: a reduce, aggregate or window function, or an "
                        "aggregate list");
    }
    if (folds > 1 || (select != NULL && f->window != NULL)) {
        return wsl_fail(err, WSL_INVALID,
                        "a window has one reduce or aggregate function, with or without a window function, or an "
                        "aggregate list alone");
    }
    if ((w->trigger.kind == WSL_TRIGGER_CUSTOM) != (f->trigger != NULL)) {
        return wsl_fail(err, WSL_INVALID, "a custom trigger, and only that, has a function made with WSL_TRIGGER");
    }
    if ((w->evictor.kind == WSL_EVICTOR_CUSTOM) != (f->evictor != NULL)) {
        return wsl_fail(err, WSL_INVALID, "a custom evictor, and only that, has a function made with WSL_EVICTOR");
    }
    if (f->gap != NULL && w->assigner.kind != WSL_WINDOWS_SESSION) {
        return wsl_fail(err, WSL_INVALID, "only session windows have a function for their gap");
    }
    if (w->assigner.kind == WSL_WINDOWS_SESSION && f->gap == NULL && w->assigner.size_ms <= 0) {
        return wsl_fail(err, WSL_INVALID, "a session window needs a gap above 0, not %" PRId64 " ms",
                        w->assigner.size_ms);
    }
    return WSL_OK;
}

static wsl_status check_session(const wsl_windowing *w, const wsl_window_functions *f, wsl_error *err)
{
    if (w->assigner.kind != WSL_WINDOWS_SESSION) {
        return WSL_OK;
    }
    const bool keeps_rows = w->evictor.kind != WSL_EVICTOR_NONE;
    if (f->aggregate != NULL && f->aggregate->merge == NULL && !keeps_rows) {
        return wsl_fail(err, WSL_INVALID,
                        "session windows merge, and '%s' has no .merge to put two accumulators together",
                        f->aggregate->name);
    }
    if (f->trigger != NULL && f->trigger->on_merge == NULL) {
        return wsl_fail(err, WSL_INVALID, "session windows merge, and the trigger '%s' has no .on_merge",
                        f->trigger->name);
    }
    if (w->trigger.kind == WSL_TRIGGER_DELTA) {
        return wsl_fail(err, WSL_INVALID, "session windows merge, which a delta trigger cannot");
    }
    return WSL_OK;
}

static wsl_status check_field(const char *what, const char *field, const wsl_schema *input, wsl_error *err)
{
    const int at = wsl_schema_find(input, field);
    const wsl_type_id id = at >= 0 ? input->fields[at].type.id : WSL_T_STRING;
    switch (id) {
    case WSL_T_INT8:
    case WSL_T_INT16:
    case WSL_T_INT32:
    case WSL_T_INT64:
    case WSL_T_FLOAT:
    case WSL_T_DOUBLE:
    case WSL_T_TIMESTAMP:
        return WSL_OK;
    default:
        break;
    }
    char text[WSL_ERROR_TEXT_MAX / 2];
    (void)wsl_schema_text(input, text, sizeof text);
    return wsl_fail(err, WSL_TYPE, "the delta %s looks at field '%s', which must be a number; the input has (%s)", what,
                    field, text);
}

static wsl_status fits(const wsl_schema *from, const wsl_schema *to, const char *what, const wsl_function *fn,
                       wsl_error *err)
{
    if (to == NULL) {
        return WSL_OK;
    }
    const wsl_status status = wsl_schema_check_assignable(from, to, err);
    return status != WSL_OK ? wsl_fail_prefix(err, status, "%s '%s'", what, fn->name) : WSL_OK;
}

static wsl_status check_inputs(const wsl_window_functions *f, const wsl_schema *input, wsl_error *err)
{
    const struct {
        const wsl_function *fn;
        const char *what;
    } readers[] = {{f->reduce, "the reduce function"},
                   {f->aggregate, "the aggregate function"},
                   {f->trigger, "the trigger"},
                   {f->evictor, "the evictor"},
                   {f->gap, "the session gap"}};
    for (size_t i = 0; i < WSL_ARRAY_LEN(readers); i++) {
        if (readers[i].fn != NULL) {
            WSL_TRY(fits(input, readers[i].fn->in, readers[i].what, readers[i].fn, err));
        }
    }
    if (f->reduce != NULL && f->reduce->out != NULL) {
        return fits(f->reduce->out, input, "what it reduces to: the reduce function", f->reduce, err);
    }
    return WSL_OK;
}

static wsl_status output_of(const wsl_window_functions *f, const wsl_schema *input, wsl_schema **out_schema,
                            wsl_error *err)
{
    const wsl_schema *result = f->pair != NULL && f->pair->out != NULL ? f->pair->out : input;
    if (f->aggregate != NULL) {
        result = f->aggregate->result != NULL && f->aggregate->out != NULL ? f->aggregate->out : f->aggregate->acc;
        if (f->aggregate->result != NULL && f->aggregate->out == NULL) {
            return misses(f->aggregate, ".out, the schema of its .result", err);
        }
    }
    if (f->window != NULL) {
        WSL_TRY(fits(result, f->window->in, "the window function", f->window, err));
        result = f->window->out != NULL ? f->window->out : result;
    }
    *out_schema = wsl_schema_copy(result);
    return WSL_OK;
}

wsl_status wsl_window_check_types(wsl_windowing *w, const char *select, const wsl_window_functions *f,
                                  const wsl_schema *input, const char *const *keys, uint32_t n_keys,
                                  wsl_schema **out_schema, wsl_error *err)
{
    w->trigger.function = f->trigger;
    w->evictor.function = f->evictor;
    w->assigner.gap = f->gap;
    WSL_TRY(wsl_window_check(w, err));
    WSL_TRY(check_roles(w, select, f, err));
    WSL_TRY(check_members(f, err));
    WSL_TRY(check_session(w, f, err));
    if (w->trigger.kind == WSL_TRIGGER_DELTA) {
        WSL_TRY(check_field("trigger", w->trigger.field, input, err));
    }
    if (w->evictor.kind == WSL_EVICTOR_DELTA) {
        WSL_TRY(check_field("evictor", w->evictor.field, input, err));
    }
    WSL_TRY(check_inputs(f, input, err));
    if (select != NULL) {
        WSL_AUTO(wsl_aggregate) aggregate = NULL;
        WSL_TRY(wsl_aggregate_new_windowed(select, input, keys, n_keys, &aggregate, err));
        *out_schema = wsl_schema_copy(wsl_aggregate_schema(aggregate));
        return WSL_OK;
    }
    return output_of(f, input, out_schema, err);
}
