#include "graph/window_json.h"

#include <string.h>

#include <wiesel/config.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/suggest.h"
#include "graph/pb.h"
#include "graph/window_options.h"

/* Keys that say which windows, and the option that has their number; `slide` belongs to whichever it is. */
static const struct assigner {
    const char *name;
    const char *option; /* NULL: "global": true */
    const char *slide;  /* NULL: these windows do not slide */
} assigners[] = {
    {"tumbling", "size", NULL},        {"sliding", "size", "slide"}, {"session", "size", NULL},
    {"count", "count", "count-slide"}, {"global", NULL, NULL},
};

static const struct assigner *find_assigner(const char *key)
{
    for (size_t i = 0; i < WSL_ARRAY_LEN(assigners); i++) {
        if (strcmp(assigners[i].name, key) == 0) {
            return &assigners[i];
        }
    }
    return NULL;
}

static void add(Wsl__Pb__Operator *op, const char *option, const char *value)
{
    wsl_pb_add_option(&op->options, &op->n_options, option, value);
}

static wsl_status add_value(Wsl__Pb__Operator *op, const char *option, const json_t *value, const char *place,
                            const char *key, wsl_error *err)
{
    char number[WSL_NUMBER_TEXT_MAX + 1];
    const char *text = number;
    switch (json_typeof(value)) {
    case JSON_STRING:
        text = json_string_value(value);
        break;
    case JSON_INTEGER:
        number[wsl_print_int64(json_integer_value(value), number)] = '\0';
        break;
    case JSON_REAL:
        number[wsl_print_double(json_real_value(value), number)] = '\0';
        break;
    case JSON_TRUE:
        text = "true";
        break;
    case JSON_FALSE:
        text = "false";
        break;
    default:
        return wsl_fail(err, WSL_INVALID, "%s.%.60s: a text, a number, true or false is expected", place, key);
    }
    add(op, option, text);
    return WSL_OK;
}

/* An offset may be negative, which durations are not: "-1 h" becomes milliseconds. */
static wsl_status add_offset(Wsl__Pb__Operator *op, const json_t *value, const char *place, wsl_error *err)
{
    static const wsl_option table[] = {{.name = "offset", .type = WSL_OPT_DURATION}, {.name = NULL}};
    const wsl_option *const tables[] = {table};
    if (!json_is_string(value)) {
        return add_value(op, "offset", value, place, "offset", err);
    }
    const char *text = json_string_value(value);
    const bool back = text[0] == '-';
    WSL_AUTO(wsl_config) config = wsl_config_new(tables, 1);
    const wsl_status status = wsl_config_set(config, "offset", text + back, place, err);
    if (status != WSL_OK) {
        return wsl_fail_prefix(err, status, "%s.offset", place);
    }
    const int64_t ms = wsl_config_duration_ns(config, "offset") / WSL_NS_PER_MS;
    char number[WSL_NUMBER_TEXT_MAX + 1];
    number[wsl_print_int64(back ? -ms : ms, number)] = '\0';
    add(op, "offset", number);
    return WSL_OK;
}

/* Options that have another name here, or none. */
static bool is_own_name(const char *option)
{
    static const char *const hidden[] = {"assigner", "size", "slide", "count", "count-slide", "late-tag", "select"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(hidden); i++) {
        if (strcmp(hidden[i], option) == 0) {
            return false;
        }
    }
    return true;
}

static wsl_status add_further(Wsl__Pb__Operator *op, const json_t *value, const char *place, const char *key,
                              wsl_error *err)
{
    wsl_suggest near;
    char hint[WSL_SUGGEST_TEXT_MAX];
    if (strcmp(key, "late") == 0) {
        return add_value(op, "late-tag", value, place, key, err);
    }
    if (strcmp(key, "offset") == 0) {
        return add_offset(op, value, place, err);
    }
    wsl_suggest_init(&near, key);
    for (const wsl_option *o = wsl_window_options; o->name != NULL; o++) {
        if (is_own_name(o->name)) {
            if (strcmp(o->name, key) == 0) {
                return add_value(op, key, value, place, key, err);
            }
            wsl_suggest_offer(&near, o->name);
        }
    }
    for (size_t i = 0; i < WSL_ARRAY_LEN(assigners); i++) {
        wsl_suggest_offer(&near, assigners[i].name);
    }
    wsl_suggest_offer(&near, "slide");
    wsl_suggest_offer(&near, "late");
    return wsl_fail(err, WSL_NOT_FOUND, "%s.%.60s: unknown key%s", place, key, wsl_suggest_text(&near, hint));
}

static wsl_status choose(const json_t *window, const char *place, const struct assigner **out, wsl_error *err)
{
    const struct assigner *found = NULL;
    for (size_t i = 0; i < WSL_ARRAY_LEN(assigners); i++) {
        if (json_object_get(window, assigners[i].name) == NULL) {
            continue;
        }
        if (found != NULL) {
            return wsl_fail(err, WSL_INVALID, "%s: windows are either %s or %s", place, found->name, assigners[i].name);
        }
        found = &assigners[i];
    }
    if (found == NULL) {
        return wsl_fail(err, WSL_INVALID,
                        "%s does not say which windows: one of tumbling, sliding, session, count, global is needed",
                        place);
    }
    *out = found;
    return WSL_OK;
}

wsl_status wsl_window_from_json(const json_t *window, const char *place, Wsl__Pb__Operator *op, wsl_error *err)
{
    const struct assigner *a = NULL;
    const char *key;
    json_t *value;
    if (!json_is_object(window)) {
        return wsl_fail(err, WSL_INVALID, "%s: an object is expected, like {\"tumbling\": \"30 s\"}", place);
    }
    WSL_TRY(choose(window, place, &a, err));
    WSL_ASSERT(a != NULL);
    add(op, "assigner", a->name);
    json_object_foreach((json_t *)(uintptr_t)window, key, value)
    {
        if (find_assigner(key) != NULL) {
            if (a->option != NULL) {
                WSL_TRY(add_value(op, a->option, value, place, key, err));
            } else if (!json_is_true(value)) {
                return wsl_fail(err, WSL_INVALID, "%s.%s: true is expected", place, key);
            }
        } else if (strcmp(key, "slide") == 0) {
            if (a->slide == NULL) {
                return wsl_fail(err, WSL_INVALID, "%s.slide: %s windows do not slide", place, a->name);
            }
            WSL_TRY(add_value(op, a->slide, value, place, key, err));
        } else {
            WSL_TRY(add_further(op, value, place, key, err));
        }
    }
    return WSL_OK;
}
