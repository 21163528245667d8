#include "taskmanager/window/window_spec.h"

#include <string.h>

#include "data/key.h"
#include "graph/operator_options.h"

static wsl_status find_functions(tm_window_spec *spec, const tm_op *op, wsl_error *err)
{
    const Wsl__Pb__Operator *desc = op->env.desc;
    for (size_t i = 0; i < desc->n_functions; i++) {
        const wsl_function **at = wsl_window_function_at(&spec->fn, desc->functions[i]->role);
        if (at == NULL || *at != NULL) {
            return wsl_fail(err, WSL_INVALID, "a window has %s function '%s'", at == NULL ? "no" : "only one",
                            desc->functions[i]->role);
        }
        *at = op->env.functions[i];
    }
    return WSL_OK;
}

static tm_window_trigger own_trigger(const wsl_assigner *a)
{
    return a->kind == WSL_WINDOWS_GLOBAL ? TM_TRIGGER_NEVER
           : a->processing_time          ? TM_TRIGGER_PROCESSING_TIME
                                         : TM_TRIGGER_EVENT_TIME;
}

static void take_trigger(tm_window_spec *spec, const wsl_windowing *w, const wsl_schema *input)
{
    static const tm_window_trigger kinds[] = {
        [WSL_TRIGGER_EVENT_TIME] = TM_TRIGGER_EVENT_TIME,
        [WSL_TRIGGER_PROCESSING_TIME] = TM_TRIGGER_PROCESSING_TIME,
        [WSL_TRIGGER_CONTINUOUS_EVENT_TIME] = TM_TRIGGER_CONTINUOUS_EVENT_TIME,
        [WSL_TRIGGER_CONTINUOUS_PROCESSING_TIME] = TM_TRIGGER_CONTINUOUS_PROCESSING_TIME,
        [WSL_TRIGGER_COUNT] = TM_TRIGGER_COUNT,
        [WSL_TRIGGER_DELTA] = TM_TRIGGER_DELTA,
        [WSL_TRIGGER_CUSTOM] = TM_TRIGGER_CUSTOM,
    };
    const wsl_trigger *t = &w->trigger;
    spec->trigger = t->kind == WSL_TRIGGER_DEFAULT ? own_trigger(&w->assigner) : kinds[t->kind];
    spec->trigger_interval_ms = t->interval_ms;
    spec->trigger_count = t->count;
    spec->trigger_field = t->kind == WSL_TRIGGER_DELTA ? (uint32_t)wsl_schema_find(input, t->field) : 0;
    spec->trigger_threshold = t->threshold;
    spec->purging = t->purging;
}

static void take_evictor(tm_window_spec *spec, const wsl_evictor *e, const wsl_schema *input)
{
    spec->evictor = e->kind;
    spec->evictor_count = e->count;
    spec->evictor_duration_ms = e->duration_ms;
    spec->evictor_field = e->kind == WSL_EVICTOR_DELTA ? (uint32_t)wsl_schema_find(input, e->field) : 0;
    spec->evictor_threshold = e->threshold;
    spec->evict_after = e->after;
}

static void take_assigner(tm_window_spec *spec, const wsl_windowing *w)
{
    const wsl_assigner *a = &w->assigner;
    spec->assigner = a->kind;
    spec->event_time = a->kind != WSL_WINDOWS_GLOBAL && a->kind != WSL_WINDOWS_COUNT && !a->processing_time;
    spec->size_ms = a->size_ms;
    spec->slide_ms = a->kind == WSL_WINDOWS_SLIDING ? a->slide_ms : a->size_ms;
    spec->offset_ms = a->offset_ms;
    spec->lateness_ms = spec->event_time ? w->lateness_ms : 0;
    if (a->kind != WSL_WINDOWS_COUNT) {
        return;
    }
    spec->assigner = WSL_WINDOWS_GLOBAL;
    spec->trigger = TM_TRIGGER_COUNT;
    spec->trigger_count = a->slide_ms != 0 ? a->slide_ms : a->size_ms;
    spec->purging = a->slide_ms == 0;
    if (a->slide_ms != 0) {
        spec->evictor = WSL_EVICTOR_COUNT;
        spec->evictor_count = a->size_ms;
    }
}

/* NULL: rows that are late are counted only. */
static wsl_status find_late_side(const tm_op *op, const char *tag, uint32_t *out_side, wsl_error *err)
{
    if (tag == NULL) {
        return WSL_OK;
    }
    for (uint32_t i = 0; i < op->n_sides; i++) {
        if (strcmp(op->env.desc->sides[i]->tag, tag) == 0) {
            *out_side = i;
            return WSL_OK;
        }
    }
    return wsl_fail(err, WSL_INTERNAL, "the graph has no side output '%s' for late rows", tag);
}

static wsl_status check_output(tm_window_spec *spec, tm_op *op, wsl_windowing *w, wsl_error *err)
{
    const char *keys[WSL_KEY_FIELDS_MAX];
    const uint32_t n_keys = op->env.key->n_fields;
    for (uint32_t i = 0; i < n_keys; i++) {
        keys[i] = op->env.key_schema->fields[i].name;
    }
    WSL_AUTO(wsl_schema) output = NULL;
    WSL_TRY(wsl_window_check_types(w, spec->select, &spec->fn, op->env.input[0], keys, n_keys, &output, err));
    return op->env.output == NULL ? WSL_OK : wsl_schema_check_assignable(output, op->env.output, err);
}

wsl_status tm_window_spec_init(tm_window_spec *spec, tm_op *op, wsl_error *err)
{
    wsl_windowing w;
    *spec = (tm_window_spec){.late_side = {UINT32_MAX, UINT32_MAX}};
    spec->all = strcmp(op->env.desc->kind, "window_all") == 0;
    if (!spec->all && op->env.key == NULL) {
        return wsl_fail(err, WSL_INVALID, "its input is not keyed: put a key_by before it, or use a window over all");
    }
    WSL_TRY(wsl_operator_config_new(op->env.desc, op->env.artifact, &spec->config, err));
    WSL_TRY(wsl_window_from_config(spec->config, &w, &spec->select, err));
    WSL_TRY(find_functions(spec, op, err));
    spec->fn.pair = op->env.function;
    WSL_TRY(check_output(spec, op, &w, err));
    take_trigger(spec, &w, op->env.input[0]);
    take_evictor(spec, &w.evictor, op->env.input[0]);
    take_assigner(spec, &w);
    spec->keeps_rows = spec->evictor != WSL_EVICTOR_NONE ||
                       (spec->fn.reduce == NULL && spec->fn.aggregate == NULL && spec->select == NULL);
    const bool two_inputs = spec->fn.pair != NULL;
    WSL_TRY(find_late_side(op, two_inputs ? wsl_config_str(spec->config, "late-left") : w.late_tag, &spec->late_side[0], err));
    return two_inputs ? find_late_side(op, wsl_config_str(spec->config, "late-right"), &spec->late_side[1], err) : WSL_OK;
}

void tm_window_spec_fini(tm_window_spec *spec)
{
    wsl_config_free(spec->config);
    spec->config = NULL;
}

bool tm_window_spec_is_sliced(const tm_window_spec *spec)
{
    const bool aligned = spec->assigner == WSL_WINDOWS_TUMBLING || spec->assigner == WSL_WINDOWS_SLIDING;
    const tm_window_trigger own = spec->event_time ? TM_TRIGGER_EVENT_TIME : TM_TRIGGER_PROCESSING_TIME;
    return aligned && spec->trigger == own && !spec->purging && !spec->keeps_rows;
}
