/*
 * Options are named after the members of wsl_windowing: assigner, time, size, slide, offset; trigger, trigger-*;
 * evictor, evictor-*; lateness, late-tag. Times are durations, so that a graph in JSON can say "1 h".
 */
#include "graph/window_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "expr/aggregate.h"
#include "graph/pb.h"

/* clang-format off */
const wsl_option wsl_window_options[] = {
    {.name = "assigner", .type = WSL_OPT_ENUM, .required = true, .choices = "tumbling|sliding|session|global|count",
     .help = "Which windows a row belongs to."},
    {.name = "time", .type = WSL_OPT_ENUM, .default_value = "event", .choices = "event|processing",
     .help = "What places a row: its timestamp, or the clock when it comes."},
    {.name = "size", .type = WSL_OPT_DURATION, .help = "tumbling, sliding: length of a window. session: the gap that ends one."},
    {.name = "slide", .type = WSL_OPT_DURATION, .help = "sliding: how far apart windows begin."},
    {.name = "offset", .type = WSL_OPT_INT, .default_value = "0",
     .help = "Milliseconds. tumbling, sliding: windows begin at multiples of the size (slide) plus this, which may be negative."},
    {.name = "count", .type = WSL_OPT_INT, .help = "count: rows of a window."},
    {.name = "count-slide", .type = WSL_OPT_INT, .help = "count: give the last `count` rows at each so many; unset: each row is in one window only."},
    {.name = "lateness", .type = WSL_OPT_DURATION, .default_value = "0",
     .help = "How long a window is kept after its end, for rows that come late."},
    {.name = "late-tag", .type = WSL_OPT_STRING, .help = "Side output of rows that come too late; unset: they are counted and dropped."},
    {.name = "late-left", .type = WSL_OPT_STRING, .help = "Two inputs: the side output of late rows of input 0; unset: counted and dropped."},
    {.name = "late-right", .type = WSL_OPT_STRING, .help = "Two inputs: the side output of late rows of input 1; unset: counted and dropped."},
    {.name = "trigger", .type = WSL_OPT_ENUM, .default_value = "default",
     .choices = "default|event-time|processing-time|continuous-event-time|continuous-processing-time|count|delta|custom",
     .help = "When windows fire; default: at their end."},
    {.name = "trigger-interval", .type = WSL_OPT_DURATION, .help = "continuous triggers: how often."},
    {.name = "trigger-count", .type = WSL_OPT_INT, .help = "count trigger: at each so many rows."},
    {.name = "trigger-field", .type = WSL_OPT_STRING, .help = "delta trigger: a numeric field."},
    {.name = "trigger-threshold", .type = WSL_OPT_DOUBLE, .help = "delta trigger: fires when the field is further than this from its value at the last firing."},
    {.name = "purging", .type = WSL_OPT_BOOL, .default_value = "false", .help = "Rows of a window that fired are forgotten."},
    {.name = "evictor", .type = WSL_OPT_ENUM, .default_value = "none", .choices = "none|count|time|delta|custom",
     .help = "Which rows leave a window that fires."},
    {.name = "evictor-count", .type = WSL_OPT_INT, .help = "count evictor: keeps the last so many."},
    {.name = "evictor-duration", .type = WSL_OPT_DURATION, .help = "time evictor: keeps rows younger than the youngest less this."},
    {.name = "evictor-field", .type = WSL_OPT_STRING, .help = "delta evictor: a numeric field."},
    {.name = "evictor-threshold", .type = WSL_OPT_DOUBLE, .help = "delta evictor: drops rows whose field is at least this far from the last row's."},
    {.name = "evictor-after", .type = WSL_OPT_BOOL, .default_value = "false", .help = "Evict after the function has seen the rows instead of before."},
    {.name = "select", .type = WSL_OPT_STRING,
     .help = "Aggregate list in place of functions: symbol, WINDOW_END AS ts, SUM(price) AS total, ..."},
    {.name = NULL},
};
/* clang-format on */

/* In the order of the enums in <wiesel/window.h>. */
static const char *const assigner_texts[] = {"tumbling", "sliding", "session", "global", "count"};
static const char *const trigger_texts[] = {"default",
                                            "event-time",
                                            "processing-time",
                                            "continuous-event-time",
                                            "continuous-processing-time",
                                            "count",
                                            "delta",
                                            "custom"};
static const char *const evictor_texts[] = {"none", "count", "time", "delta", "custom"};

static uint32_t index_of(const char *const *texts, size_t n, const char *text)
{
    uint32_t i = 0;
    while (i + 1 < n && strcmp(texts[i], text) != 0) {
        i++;
    }
    return i;
}
#define INDEX_OF(texts, text) index_of(texts, WSL_ARRAY_LEN(texts), text)

/* ---- to options ---- */

static void add(Wsl__Pb__Operator *op, const char *key, const char *value)
{
    wsl_pb_add_option(&op->options, &op->n_options, key, value);
}

static void add_ms(Wsl__Pb__Operator *op, const char *key, int64_t ms)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%" PRId64 " ms", ms);
    add(op, key, text);
}

static void add_int(Wsl__Pb__Operator *op, const char *key, int64_t value)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    add(op, key, text);
}

static void add_double(Wsl__Pb__Operator *op, const char *key, double value)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%.17g", value);
    add(op, key, text);
}

static void add_assigner(const wsl_assigner *a, Wsl__Pb__Operator *op)
{
    add(op, "assigner", assigner_texts[a->kind]);
    if (a->processing_time) {
        add(op, "time", "processing");
    }
    if (a->kind == WSL_WINDOWS_COUNT) {
        add_int(op, "count", a->size_ms);
        if (a->slide_ms != 0) {
            add_int(op, "count-slide", a->slide_ms);
        }
        return;
    }
    if (a->kind != WSL_WINDOWS_GLOBAL && a->gap == NULL) {
        add_ms(op, "size", a->size_ms);
    }
    if (a->kind == WSL_WINDOWS_SLIDING) {
        add_ms(op, "slide", a->slide_ms);
    }
    if (a->offset_ms != 0) {
        add_int(op, "offset", a->offset_ms);
    }
}

static void add_trigger(const wsl_trigger *t, Wsl__Pb__Operator *op)
{
    if (t->kind != WSL_TRIGGER_DEFAULT) {
        add(op, "trigger", trigger_texts[t->kind]);
    }
    if (t->kind == WSL_TRIGGER_CONTINUOUS_EVENT_TIME || t->kind == WSL_TRIGGER_CONTINUOUS_PROCESSING_TIME) {
        add_ms(op, "trigger-interval", t->interval_ms);
    } else if (t->kind == WSL_TRIGGER_COUNT) {
        add_int(op, "trigger-count", t->count);
    } else if (t->kind == WSL_TRIGGER_DELTA) {
        add(op, "trigger-field", t->field);
        add_double(op, "trigger-threshold", t->threshold);
    }
    if (t->purging) {
        add(op, "purging", "true");
    }
}

static void add_evictor(const wsl_evictor *e, Wsl__Pb__Operator *op)
{
    if (e->kind == WSL_EVICTOR_NONE) {
        return;
    }
    add(op, "evictor", evictor_texts[e->kind]);
    if (e->kind == WSL_EVICTOR_COUNT) {
        add_int(op, "evictor-count", e->count);
    } else if (e->kind == WSL_EVICTOR_TIME) {
        add_ms(op, "evictor-duration", e->duration_ms);
    } else if (e->kind == WSL_EVICTOR_DELTA) {
        add(op, "evictor-field", e->field);
        add_double(op, "evictor-threshold", e->threshold);
    }
    if (e->after) {
        add(op, "evictor-after", "true");
    }
}

void wsl_window_to_options(const wsl_windowing *w, const char *select, Wsl__Pb__Operator *op)
{
    add_assigner(&w->assigner, op);
    add_trigger(&w->trigger, op);
    add_evictor(&w->evictor, op);
    if (w->lateness_ms != 0) {
        add_ms(op, "lateness", w->lateness_ms);
    }
    if (w->late_tag != NULL) {
        add(op, "late-tag", w->late_tag);
    }
    if (select != NULL) {
        add(op, "select", select);
    }
}

/* ---- from options ---- */

/* Durations are kept in nanoseconds; windows know milliseconds. */
static wsl_status get_ms(const wsl_config *config, const char *key, int64_t *out_ms, wsl_error *err)
{
    const int64_t ns = wsl_config_duration_ns(config, key);
    if (ns % WSL_NS_PER_MS != 0) {
        return wsl_fail(err, WSL_INVALID, "option '%s': windows count in whole milliseconds, '%s' is none", key,
                        wsl_config_str(config, key));
    }
    *out_ms = ns / WSL_NS_PER_MS;
    return WSL_OK;
}

static wsl_status read_assigner(const wsl_config *config, wsl_assigner *a, wsl_error *err)
{
    a->kind = (wsl_assigner_kind)INDEX_OF(assigner_texts, wsl_config_str(config, "assigner"));
    a->processing_time = strcmp(wsl_config_str(config, "time"), "processing") == 0;
    if (a->kind == WSL_WINDOWS_COUNT) {
        a->size_ms = wsl_config_int(config, "count");
        a->slide_ms = wsl_config_int(config, "count-slide");
        if (wsl_config_is_set(config, "count-slide") && a->slide_ms == 0) {
            return wsl_fail(err, WSL_INVALID, "option 'count-slide' is 0; leave it out for windows that do not overlap");
        }
        return WSL_OK;
    }
    WSL_TRY(get_ms(config, "size", &a->size_ms, err));
    WSL_TRY(get_ms(config, "slide", &a->slide_ms, err));
    a->offset_ms = wsl_config_int(config, "offset");
    return WSL_OK;
}

/* Options that the choice made elsewhere does not use, so that a slip of the pen is no silence. */
static wsl_status check_unused(const wsl_config *config, const wsl_windowing *w, wsl_error *err)
{
    const wsl_assigner_kind a = w->assigner.kind;
    const wsl_trigger_kind t = w->trigger.kind;
    const wsl_evictor_kind e = w->evictor.kind;
    const bool in_time = a == WSL_WINDOWS_TUMBLING || a == WSL_WINDOWS_SLIDING;
    const struct {
        const char *option;
        bool used;
        const char *where;
    } rules[] = {
        {"size", in_time || a == WSL_WINDOWS_SESSION, "assigner tumbling, sliding or session"},
        {"slide", a == WSL_WINDOWS_SLIDING, "assigner sliding"},
        {"offset", in_time, "assigner tumbling or sliding"},
        {"count", a == WSL_WINDOWS_COUNT, "assigner count"},
        {"count-slide", a == WSL_WINDOWS_COUNT, "assigner count"},
        {"trigger-interval", t == WSL_TRIGGER_CONTINUOUS_EVENT_TIME || t == WSL_TRIGGER_CONTINUOUS_PROCESSING_TIME,
         "a continuous trigger"},
        {"trigger-count", t == WSL_TRIGGER_COUNT, "trigger count"},
        {"trigger-field", t == WSL_TRIGGER_DELTA, "trigger delta"},
        {"trigger-threshold", t == WSL_TRIGGER_DELTA, "trigger delta"},
        {"evictor-count", e == WSL_EVICTOR_COUNT, "evictor count"},
        {"evictor-duration", e == WSL_EVICTOR_TIME, "evictor time"},
        {"evictor-field", e == WSL_EVICTOR_DELTA, "evictor delta"},
        {"evictor-threshold", e == WSL_EVICTOR_DELTA, "evictor delta"},
        {"evictor-after", e != WSL_EVICTOR_NONE, "an evictor"},
    };
    for (size_t i = 0; i < WSL_ARRAY_LEN(rules); i++) {
        if (wsl_config_is_set(config, rules[i].option) && !rules[i].used) {
            return wsl_fail(err, WSL_INVALID, "option '%s' is for %s; leave it out", rules[i].option, rules[i].where);
        }
    }
    return WSL_OK;
}

wsl_status wsl_window_from_config(const wsl_config *config, wsl_windowing *out_windows, const char **out_select,
                                  wsl_error *err)
{
    wsl_windowing w = {0};
    WSL_TRY(read_assigner(config, &w.assigner, err));
    w.trigger.kind = (wsl_trigger_kind)INDEX_OF(trigger_texts, wsl_config_str(config, "trigger"));
    WSL_TRY(get_ms(config, "trigger-interval", &w.trigger.interval_ms, err));
    w.trigger.count = wsl_config_int(config, "trigger-count");
    w.trigger.field = wsl_config_str(config, "trigger-field");
    w.trigger.threshold = wsl_config_double(config, "trigger-threshold");
    w.trigger.purging = wsl_config_bool(config, "purging");
    w.evictor.kind = (wsl_evictor_kind)INDEX_OF(evictor_texts, wsl_config_str(config, "evictor"));
    w.evictor.count = wsl_config_int(config, "evictor-count");
    WSL_TRY(get_ms(config, "evictor-duration", &w.evictor.duration_ms, err));
    w.evictor.field = wsl_config_str(config, "evictor-field");
    w.evictor.threshold = wsl_config_double(config, "evictor-threshold");
    w.evictor.after = wsl_config_bool(config, "evictor-after");
    WSL_TRY(get_ms(config, "lateness", &w.lateness_ms, err));
    w.late_tag = wsl_config_str(config, "late-tag");
    WSL_TRY(check_unused(config, &w, err));
    *out_windows = w;
    *out_select = wsl_config_str(config, "select");
    return WSL_OK;
}
