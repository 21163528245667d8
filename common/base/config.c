/*
 * config - values of the options of some tables, as text and as what they parse to.
 *
 * A value is parsed once, when it is set; reading is a look-up by name and a copy. Configurations have some dozens of
 * options and are read when something starts, so a look-up is a plain search.
 */
#include <wiesel/config.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/suggest.h"

typedef union parsed {
    bool boolean;
    int64_t integer; /* also durations, in ns */
    uint64_t size;
    double real;
} parsed;

typedef struct entry {
    const wsl_option *option;
    char *text;   /* NULL: unset */
    char *origin; /* NULL: the default */
    parsed value;
} entry;

struct wsl_config {
    entry *entries; /* in table order */
    uint32_t n_entries;
};

/* ---- parsing one value ---- */

typedef struct unit {
    const char *names; /* separated by '|' */
    uint64_t factor;
} unit;

static const unit size_units[] = {
    {"|b|byte|bytes", 1},
    {"k|kb|kib|kibibytes", UINT64_C(1) << 10},
    {"m|mb|mib|mebibytes", UINT64_C(1) << 20},
    {"g|gb|gib|gibibytes", UINT64_C(1) << 30},
    {"t|tb|tib|tebibytes", UINT64_C(1) << 40},
    {NULL, 0},
};

static const unit duration_units[] = {
    {"ns|nano|nanos|nanosecond|nanoseconds", 1},
    {"us|\xC2\xB5s|micro|micros|microsecond|microseconds", 1000},
    {"|ms|milli|millis|millisecond|milliseconds", WSL_NS_PER_MS},
    {"s|sec|secs|second|seconds", WSL_NS_PER_S},
    {"min|m|minute|minutes", 60 * WSL_NS_PER_S},
    {"h|hour|hours", 3600 * WSL_NS_PER_S},
    {"d|day|days", 86400 * WSL_NS_PER_S},
    {NULL, 0},
};

/* Is text[0..size) one of the words of list ("a|b|c")? Gives the word as the list spells it. */
static bool find_word(const char *list, const char *text, size_t size, const char **out_word, size_t *out_size)
{
    for (const char *word = list;; word++) {
        const size_t n = strcspn(word, "|");
        if (n == size && strncasecmp(word, text, size) == 0) {
            *out_word = word;
            *out_size = n;
            return true;
        }
        word += n;
        if (*word == '\0') {
            return false;
        }
    }
}

static bool parse_with_unit(const char *text, size_t size, const unit *units, uint64_t *out)
{
    int64_t number;
    size_t used;
    if (!wsl_parse_int64(text, size, &number, &used) || number < 0) {
        return false;
    }
    while (used < size && text[used] == ' ') {
        used++;
    }
    for (const unit *u = units; u->names != NULL; u++) {
        const char *word;
        size_t word_size;
        if (find_word(u->names, text + used, size - used, &word, &word_size)) {
            return !__builtin_mul_overflow((uint64_t)number, u->factor, out);
        }
    }
    return false;
}

static bool parse_bool(const char *text, size_t size, bool *out)
{
    const bool yes = size == 4 && strncasecmp(text, "true", 4) == 0;
    const bool no = size == 5 && strncasecmp(text, "false", 5) == 0;
    *out = yes;
    return yes || no;
}

/* text has no blanks around it. Enums have no parsed form: their text is the value. */
static bool parse_value(wsl_option_type type, const char *text, size_t size, parsed *out)
{
    *out = (parsed){.integer = 0};
    switch (type) {
    case WSL_OPT_STRING:
    case WSL_OPT_ENUM:
        return true;
    case WSL_OPT_BOOL:
        return parse_bool(text, size, &out->boolean);
    case WSL_OPT_INT:
        return wsl_parse_whole_int64(text, size, &out->integer);
    case WSL_OPT_DOUBLE:
        return wsl_parse_whole_double(text, size, &out->real);
    case WSL_OPT_SIZE:
        return parse_with_unit(text, size, size_units, &out->size);
    case WSL_OPT_DURATION:
        return parse_with_unit(text, size, duration_units, &out->size) && out->size <= INT64_MAX;
    }
    return false;
}

/* < 0, 0, > 0 */
static int compare(wsl_option_type type, parsed a, parsed b)
{
    switch (type) {
    case WSL_OPT_INT:
    case WSL_OPT_DURATION:
        return (a.integer > b.integer) - (a.integer < b.integer);
    case WSL_OPT_DOUBLE:
        return (a.real > b.real) - (a.real < b.real);
    case WSL_OPT_SIZE:
        return (a.size > b.size) - (a.size < b.size);
    default:
        return 0;
    }
}

static parsed parse_bound(const wsl_option *option, const char *bound)
{
    parsed value;
    WSL_ASSERT(parse_value(option->type, bound, strlen(bound), &value)); /* the table is ours */
    return value;
}

static bool is_in_range(const wsl_option *option, parsed value)
{
    return (option->min == NULL || compare(option->type, value, parse_bound(option, option->min)) >= 0) &&
           (option->max == NULL || compare(option->type, value, parse_bound(option, option->max)) <= 0);
}

/* ---- what is accepted, in words ---- */

static const char *accepted(const wsl_option *option)
{
    switch (option->type) {
    case WSL_OPT_STRING:
        return "a text";
    case WSL_OPT_BOOL:
        return "true or false";
    case WSL_OPT_INT:
        return "a whole number";
    case WSL_OPT_DOUBLE:
        return "a number";
    case WSL_OPT_SIZE:
        return "a size like 32kb, 64mb or 1g";
    case WSL_OPT_DURATION:
        return "a duration like 100ms, 10s or 5min";
    case WSL_OPT_ENUM:
        return "one of ";
    }
    return "";
}

static const char *from(const char *origin) { return origin != NULL ? origin : "default"; }

static wsl_status fail_value(const wsl_option *option, const char *value, const char *origin, wsl_error *err)
{
    const char *const choices = option->type == WSL_OPT_ENUM ? option->choices : "";
    char range[96] = "";
    if (option->min != NULL && option->max != NULL) {
        (void)snprintf(range, sizeof range, " from %s to %s", option->min, option->max);
    } else if (option->min != NULL) {
        (void)snprintf(range, sizeof range, " of at least %s", option->min);
    } else if (option->max != NULL) {
        (void)snprintf(range, sizeof range, " of at most %s", option->max);
    }
    return wsl_fail(err, WSL_INVALID, "bad value '%.200s' for %s (%s): give %s%s%s", value, option->name, from(origin),
                    accepted(option), choices, range);
}

/* ---- entries ---- */

static entry *find(const wsl_config *config, const char *key)
{
    for (uint32_t i = 0; i < config->n_entries; i++) {
        const wsl_option *const option = config->entries[i].option;
        if (strcmp(option->name, key) == 0 || (option->also != NULL && strcmp(option->also, key) == 0)) {
            return &config->entries[i];
        }
    }
    return NULL;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* An enum's value in the spelling of its table; any other text as it is. NULL: not among the choices. */
static char *canonical_text(const wsl_option *option, const char *text, size_t size)
{
    if (option->type != WSL_OPT_ENUM) {
        return wsl_strndup(text, size);
    }
    const char *word;
    size_t word_size;
    return find_word(option->choices, text, size, &word, &word_size) ? wsl_strndup(word, word_size) : NULL;
}

static wsl_status entry_set(entry *e, const char *value, const char *origin, wsl_error *err)
{
    const char *text = value;
    size_t size = strlen(value);
    if (e->option->type != WSL_OPT_STRING) { /* blanks around a text may be meant */
        while (size != 0 && is_blank(text[size - 1])) {
            size--;
        }
        while (size != 0 && is_blank(*text)) {
            text++;
            size--;
        }
    }
    parsed parsed_value;
    char *canonical = NULL;
    if (!parse_value(e->option->type, text, size, &parsed_value) || !is_in_range(e->option, parsed_value) ||
        (canonical = canonical_text(e->option, text, size)) == NULL) {
        return fail_value(e->option, value, origin, err);
    }
    free(e->text);
    free(e->origin);
    e->text = canonical;
    e->origin = origin != NULL ? wsl_strdup(origin) : NULL;
    e->value = parsed_value;
    return WSL_OK;
}

wsl_config *wsl_config_new(const wsl_option *const *tables, uint32_t n_tables)
{
    wsl_config *const config = wsl_zalloc(sizeof *config);
    uint32_t n = 0;
    for (uint32_t t = 0; t < n_tables; t++) {
        for (const wsl_option *o = tables[t]; o->name != NULL; o++) {
            n++;
        }
    }
    config->entries = wsl_calloc(n, sizeof *config->entries);
    for (uint32_t t = 0; t < n_tables; t++) {
        for (const wsl_option *o = tables[t]; o->name != NULL; o++) {
            WSL_ASSERT(find(config, o->name) == NULL); /* an option stands in one table */
            entry *const e = &config->entries[config->n_entries++];
            e->option = o;
            wsl_error err;
            WSL_ASSERT(o->default_value == NULL || entry_set(e, o->default_value, NULL, &err) == WSL_OK);
        }
    }
    return config;
}

void wsl_config_free(wsl_config *config)
{
    if (config != NULL) {
        for (uint32_t i = 0; i < config->n_entries; i++) {
            free(config->entries[i].text);
            free(config->entries[i].origin);
        }
        free(config->entries);
        free(config);
    }
}

static wsl_status fail_unknown(const wsl_config *config, const char *key, const char *origin, wsl_error *err)
{
    wsl_suggest near;
    wsl_suggest_init(&near, key);
    for (uint32_t i = 0; i < config->n_entries; i++) {
        wsl_suggest_offer(&near, config->entries[i].option->name);
    }
    char hint[WSL_SUGGEST_TEXT_MAX];
    return wsl_fail(err, WSL_NOT_FOUND, "unknown option '%.200s' (%s)%s", key, from(origin),
                    wsl_suggest_text(&near, hint));
}

wsl_status wsl_config_set(wsl_config *config, const char *key, const char *value, const char *origin, wsl_error *err)
{
    entry *const e = find(config, key);
    return e != NULL ? entry_set(e, value, origin != NULL ? origin : "set", err)
                     : fail_unknown(config, key, origin, err);
}

wsl_status wsl_config_set_pair(wsl_config *config, const char *pair, const char *origin, wsl_error *err)
{
    const char *const equals = strchr(pair, '=');
    if (equals == NULL || equals == pair) {
        return wsl_fail(err, WSL_INVALID, "'%.200s' (%s) is not of the form key=value", pair, from(origin));
    }
    char *const key = wsl_strndup(pair, (size_t)(equals - pair));
    const wsl_status status = wsl_config_set(config, key, equals + 1, origin, err);
    free(key);
    return status;
}

void wsl_config_copy_set(wsl_config *config, const wsl_config *from)
{
    for (uint32_t i = 0; i < from->n_entries; i++) {
        const entry *const e = &from->entries[i];
        entry *const mine = e->origin != NULL ? find(config, e->option->name) : NULL;
        if (mine != NULL) {
            wsl_error err;
            WSL_ASSERT(entry_set(mine, e->text, e->origin, &err) == WSL_OK); /* a key means the same in all tables */
        }
    }
}

wsl_status wsl_config_check(const wsl_config *config, wsl_error *err)
{
    for (uint32_t i = 0; i < config->n_entries; i++) {
        const entry *const e = &config->entries[i];
        if (e->option->required && e->text == NULL) {
            return wsl_fail(err, WSL_INVALID, "the option '%s' is missing (%s)", e->option->name,
                            e->option->help != NULL ? e->option->help : "required");
        }
    }
    return WSL_OK;
}

/* ---- reading ---- */

static const entry *get(const wsl_config *config, const char *key)
{
    const entry *const e = find(config, key);
    WSL_ASSERT(e != NULL);
    return e;
}

static const entry *get_typed(const wsl_config *config, const char *key, wsl_option_type type)
{
    const entry *const e = get(config, key);
    WSL_ASSERT(e->option->type == type);
    return e;
}

bool wsl_config_is_set(const wsl_config *config, const char *key) { return get(config, key)->origin != NULL; }

const char *wsl_config_str(const wsl_config *config, const char *key)
{
    const entry *const e = get(config, key);
    WSL_ASSERT(e->option->type == WSL_OPT_STRING || e->option->type == WSL_OPT_ENUM);
    return e->text;
}

bool wsl_config_bool(const wsl_config *config, const char *key)
{
    return get_typed(config, key, WSL_OPT_BOOL)->value.boolean;
}

int64_t wsl_config_int(const wsl_config *config, const char *key)
{
    return get_typed(config, key, WSL_OPT_INT)->value.integer;
}

double wsl_config_double(const wsl_config *config, const char *key)
{
    return get_typed(config, key, WSL_OPT_DOUBLE)->value.real;
}

uint64_t wsl_config_size(const wsl_config *config, const char *key)
{
    return get_typed(config, key, WSL_OPT_SIZE)->value.size;
}

int64_t wsl_config_duration_ns(const wsl_config *config, const char *key)
{
    return get_typed(config, key, WSL_OPT_DURATION)->value.integer;
}

void wsl_config_each(const wsl_config *config,
                     void (*fn)(void *arg, const wsl_option *option, const char *value, const char *origin), void *arg)
{
    for (uint32_t i = 0; i < config->n_entries; i++) {
        const entry *const e = &config->entries[i];
        fn(arg, e->option, e->text, e->origin);
    }
}
