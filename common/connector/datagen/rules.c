/*
 * rules.c - see the header.
 */
#include "connector/datagen/rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "format/text_number.h"
#include "format/text_value.h"

enum { WORDS_MAX = 6, DEFAULT_STRING = 8, DAY_MS = 86400000, VALUE_ROOM = 64 };

/* Words of one rule: field, kind, arguments. They point into a copy of the text. */
typedef struct words {
    char *word[WORDS_MAX];
    uint32_t n;
} words;

static bool is_float(const wsl_type *t) { return t->id == WSL_T_FLOAT || t->id == WSL_T_DOUBLE; }

/* Whole numbers in the slot. */
static bool is_whole(const wsl_type *t)
{
    return (t->id >= WSL_T_INT8 && t->id <= WSL_T_INT64) || t->id == WSL_T_DATE || t->id == WSL_T_TIME ||
           t->id == WSL_T_TIMESTAMP || (t->id == WSL_T_DECIMAL && wsl_type_is_fixed(t));
}

static bool is_text(const wsl_type *t) { return t->id == WSL_T_STRING || t->id == WSL_T_BYTES; }

static wsl_status bad_rule(wsl_error *err, const char *field, const wsl_type *type, const char *why)
{
    char text[96];
    (void)wsl_type_text(type, text, sizeof text);
    return wsl_fail(err, WSL_INVALID, "option fields: field '%s' (%s): %s", field, text, why);
}

/* ---- values as text ---- */

/* A row of one field that holds the value; NULL if the text is none of the type. */
static wsl_row *value_row(const wsl_type *type, const char *text, size_t size)
{
    const uint32_t capacity = (uint32_t)(wsl_row_fixed_size(1) + VALUE_ROOM + ((size + 7) & ~(size_t)7));
    void *memory = wsl_alloc(capacity);
    wsl_row_writer w;
    wsl_strbuf scratch;
    wsl_strbuf_init(&scratch);
    (void)wsl_row_writer_init(&w, memory, capacity, 1);
    const wsl_status s = wsl_text_to_value(type, text, size, (wsl_dest){&w, NULL, 0}, &scratch);
    wsl_strbuf_fini(&scratch);
    if (s != WSL_OK) {
        free(memory);
        return NULL;
    }
    return w.row;
}

static bool whole_of(const wsl_type *type, const char *text, int64_t *out)
{
    wsl_row *row = value_row(type, text, strlen(text));
    if (row == NULL) {
        return false;
    }
    *out = wsl_row_int64(row, 0);
    free(row);
    return true;
}

/* ---- defaults ---- */

static wsl_status default_rule(const wsl_field *field, wsl_rule *rule, wsl_error *err)
{
    *rule = (wsl_rule){.kind = WSL_RULE_RANDOM, .type = &field->type, .step = 1, .dmax = 1, .length = DEFAULT_STRING};
    switch (field->type.id) {
    case WSL_T_INT8:
        rule->max = INT8_MAX;
        break;
    case WSL_T_INT16:
        rule->max = INT16_MAX;
        break;
    case WSL_T_INT32:
        rule->max = INT32_MAX;
        break;
    case WSL_T_INT64:
        rule->max = INT64_MAX;
        break;
    case WSL_T_DECIMAL:
        rule->max = 1;
        for (uint32_t i = 0; i < field->type.precision && wsl_type_is_fixed(&field->type); i++) {
            rule->max *= 10;
        }
        rule->max -= 1;
        break;
    case WSL_T_STRING:
    case WSL_T_BYTES:
        rule->kind = WSL_RULE_STRING;
        break;
    case WSL_T_DATE:
    case WSL_T_TIME:
    case WSL_T_TIMESTAMP:
        rule->kind = WSL_RULE_NOW;
        break;
    case WSL_T_BOOL:
    case WSL_T_FLOAT:
    case WSL_T_DOUBLE:
        break;
    case WSL_T_ARRAY:
    case WSL_T_MAP:
    case WSL_T_ROW:
        return bad_rule(err, field->name, &field->type, "datagen makes flat types only");
    }
    if (field->type.id == WSL_T_DECIMAL && !wsl_type_is_fixed(&field->type)) {
        return bad_rule(err, field->name, &field->type, "datagen makes decimals of up to 18 digits only");
    }
    return WSL_OK;
}

/* ---- reading a rule ---- */

static wsl_status read_random(const wsl_field *field, const words *x, wsl_rule *rule, wsl_error *err)
{
    rule->kind = WSL_RULE_RANDOM;
    const wsl_type *type = &field->type;
    if (type->id == WSL_T_BOOL && x->n == 2) {
        return WSL_OK;
    }
    bool ok = x->n == 4;
    if (ok && is_float(type)) {
        ok = wsl_text_to_double(x->word[2], strlen(x->word[2]), false, &rule->dmin) &&
             wsl_text_to_double(x->word[3], strlen(x->word[3]), false, &rule->dmax) && rule->dmin <= rule->dmax;
    } else if (ok) {
        ok = is_whole(type) && whole_of(type, x->word[2], &rule->min) && whole_of(type, x->word[3], &rule->max) &&
             rule->min <= rule->max;
    }
    return ok ? WSL_OK
              : bad_rule(err, field->name, type,
                         "'random' takes the smallest and the largest value, for numbers and times");
}

static wsl_status read_sequence(const wsl_field *field, words *x, wsl_rule *rule, wsl_error *err)
{
    static const char *const how =
        "'sequence' takes a first value, perhaps a last one, perhaps 'step' and a step above 0, "
        "for whole numbers and times";
    rule->kind = WSL_RULE_SEQUENCE;
    rule->max = INT64_MAX;
    if (field->type.id != WSL_T_INT64 && field->type.id != WSL_T_TIMESTAMP) {
        wsl_rule ends;
        WSL_TRY(default_rule(field, &ends, err));
        rule->max = field->type.id == WSL_T_DATE ? INT32_MAX : field->type.id == WSL_T_TIME ? DAY_MS - 1 : ends.max;
    }
    if (x->n >= 5 && strcmp(x->word[x->n - 2], "step") == 0) {
        if (!wsl_text_to_int64(x->word[x->n - 1], strlen(x->word[x->n - 1]), &rule->step) || rule->step <= 0) {
            return bad_rule(err, field->name, &field->type, how);
        }
        x->n -= 2;
    }
    const bool ok = is_whole(&field->type) && (x->n == 3 || x->n == 4) &&
                    whole_of(&field->type, x->word[2], &rule->min) &&
                    (x->n == 3 || whole_of(&field->type, x->word[3], &rule->max)) && rule->min <= rule->max;
    return ok ? WSL_OK : bad_rule(err, field->name, &field->type, how);
}

static wsl_status read_string(const wsl_field *field, const words *x, wsl_rule *rule, wsl_error *err)
{
    int64_t n = 0;
    rule->kind = WSL_RULE_STRING;
    if (!is_text(&field->type) || x->n != 3 || !wsl_text_to_int64(x->word[2], strlen(x->word[2]), &n) || n < 0 ||
        n > WSL_RULE_STRING_MAX) {
        return bad_rule(err, field->name, &field->type,
                        "'string' takes a length of at most 1048576, for STRING and BYTES");
    }
    rule->length = (uint32_t)n;
    return WSL_OK;
}

/* Values are separated by commas. */
static wsl_status read_list(const wsl_field *field, const char *text, bool one, wsl_rule *rule, wsl_error *err)
{
    rule->kind = WSL_RULE_LIST;
    for (const char *p = text;; p++) {
        const size_t n = one ? strlen(p) : strcspn(p, ",");
        wsl_row *row = rule->n_values < WSL_RULE_VALUES_MAX ? value_row(&field->type, p, n) : NULL;
        if (row == NULL) {
            char why[160];
            (void)snprintf(why, sizeof why, "'%.*s' is no value of the type, or there are more than %d",
                           n < 64 ? (int)n : 64, p, WSL_RULE_VALUES_MAX);
            return bad_rule(err, field->name, &field->type, why);
        }
        rule->values = (wsl_row **)wsl_realloc(rule->values, (rule->n_values + 1) * sizeof *rule->values);
        rule->values[rule->n_values++] = row;
        p += n;
        if (*p == '\0') {
            return WSL_OK;
        }
    }
}

static wsl_status read_now(const wsl_field *field, const words *x, wsl_rule *rule, wsl_error *err)
{
    rule->kind = WSL_RULE_NOW;
    const wsl_type_id id = field->type.id;
    const bool ok = x->n == 2 && (id == WSL_T_DATE || id == WSL_T_TIME || id == WSL_T_TIMESTAMP || id == WSL_T_INT64);
    return ok ? WSL_OK : bad_rule(err, field->name, &field->type, "'now' is for DATE, TIME, TIMESTAMP and INT64");
}

/* Cuts at blanks; the last word keeps what is too much. `rest` is all behind the kind. */
static words cut(char *text, char **out_rest)
{
    words x = {0};
    *out_rest = text + strlen(text);
    for (char *p = text; *p != '\0' && x.n < WORDS_MAX;) {
        p += strspn(p, " \t\n\r");
        if (*p == '\0') {
            break;
        }
        x.word[x.n++] = p;
        p += strcspn(p, " \t\n\r");
        if (x.n == 2) {
            *out_rest = p + strspn(p, " \t\n\r");
        }
        if (*p != '\0' && x.n < WORDS_MAX) {
            *p++ = '\0';
        }
    }
    return x;
}

static wsl_status read_rule(wsl_rules *rules, char *text, wsl_error *err)
{
    char *tail = text + strlen(text);
    while (tail > text && (tail[-1] == ' ' || tail[-1] == '\t' || tail[-1] == '\n' || tail[-1] == '\r')) {
        *--tail = '\0';
    }
    char *rest_in_text;
    char *copy = wsl_strdup(text); /* a list may hold blanks: keep its text whole */
    words x = cut(copy, &rest_in_text);
    const char *rest = text + (rest_in_text - copy);
    wsl_status s = WSL_OK;
    if (x.n == 1) {
        s = wsl_fail(err, WSL_INVALID,
                     "option fields: '%s' has no rule; write: field, then random, sequence, string, list, "
                     "constant or now",
                     x.word[0]);
    }
    if (x.n >= 2) {
        const int i = wsl_schema_find(rules->schema, x.word[0]);
        if (i < 0) {
            s = wsl_fail(err, WSL_NOT_FOUND, "option fields: there is no field '%s' in the schema", x.word[0]);
        } else {
            const wsl_field *field = &rules->schema->fields[i];
            wsl_rule *rule = &rules->rules[i];
            const char *kind = x.word[1];
            if (rule->n_values != 0) {
                s = bad_rule(err, field->name, &field->type, "has two rules");
            } else if (strcmp(kind, "random") == 0) {
                s = read_random(field, &x, rule, err);
            } else if (strcmp(kind, "sequence") == 0) {
                s = read_sequence(field, &x, rule, err);
            } else if (strcmp(kind, "string") == 0) {
                s = read_string(field, &x, rule, err);
            } else if (strcmp(kind, "list") == 0 || strcmp(kind, "constant") == 0) {
                s = read_list(field, rest, *kind == 'c', rule, err);
            } else if (strcmp(kind, "now") == 0) {
                s = read_now(field, &x, rule, err);
            } else {
                s = bad_rule(err, field->name, &field->type,
                             "its rule is none of random, sequence, string, list, constant, now");
            }
        }
    }
    free(copy);
    return s;
}

static wsl_status read_rules(wsl_rules *rules, const char *text, wsl_error *err)
{
    char *copy = wsl_strdup(text);
    wsl_status s = WSL_OK;
    for (char *p = copy; s == WSL_OK && *p != '\0';) {
        const size_t n = strcspn(p, ";");
        const bool last = p[n] == '\0';
        p[n] = '\0';
        s = read_rule(rules, p, err);
        p += n + !last;
    }
    free(copy);
    return s;
}

/* ---- construction ---- */

void wsl_rules_free(wsl_rules *rules)
{
    if (rules == NULL) {
        return;
    }
    for (uint32_t i = 0; i < rules->schema->n_fields; i++) {
        for (uint32_t j = 0; j < rules->rules[i].n_values; j++) {
            free(rules->rules[i].values[j]);
        }
        free(rules->rules[i].values);
    }
    free(rules->rules);
    free(rules);
}

/* Bytes in the variable part, at most. */
static uint64_t variable_room(const wsl_rule *rule)
{
    uint64_t most = 0;
    if (rule->kind == WSL_RULE_STRING) {
        most = rule->length;
    }
    for (uint32_t j = 0; j < rule->n_values; j++) {
        most = rule->values[j]->size > most ? rule->values[j]->size : most;
    }
    return (most + 15) & ~(uint64_t)7;
}

static wsl_status finish(wsl_rules *rules, wsl_error *err)
{
    uint64_t room = wsl_row_fixed_size(rules->schema->n_fields);
    rules->n_rows_max = UINT64_MAX;
    for (uint32_t i = 0; i < rules->schema->n_fields; i++) {
        const wsl_rule *rule = &rules->rules[i];
        room += variable_room(rule);
        if (rule->kind == WSL_RULE_SEQUENCE) {
            const uint64_t n = ((uint64_t)rule->max - (uint64_t)rule->min) / (uint64_t)rule->step;
            rules->n_rows_max = n < rules->n_rows_max ? n + 1 : rules->n_rows_max;
        }
    }
    if (room > WSL_ROW_SIZE_MAX_DEFAULT) {
        return wsl_fail(err, WSL_TOO_LARGE,
                        "option fields: rows of %" PRIu64 " bytes are larger than a row may be (%d)", room,
                        WSL_ROW_SIZE_MAX_DEFAULT);
    }
    rules->row_room = (uint32_t)room;
    return WSL_OK;
}

wsl_status wsl_rules_new(const wsl_schema *schema, const char *text, wsl_rules **out_rules, wsl_error *err)
{
    WSL_AUTO(wsl_rules) rules = (wsl_rules *)wsl_zalloc(sizeof *rules);
    rules->schema = schema;
    rules->rules = (wsl_rule *)wsl_calloc(schema->n_fields, sizeof *rules->rules);
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        WSL_TRY(default_rule(&schema->fields[i], &rules->rules[i], err));
    }
    WSL_TRY(read_rules(rules, text != NULL ? text : "", err));
    WSL_TRY(finish(rules, err));
    *out_rules = WSL_TAKE(rules);
    return WSL_OK;
}

/* ---- making rows ---- */

static int64_t random_whole(wsl_rng *rng, int64_t min, int64_t max)
{
    const uint64_t range = (uint64_t)max - (uint64_t)min;
    const uint64_t v = range == UINT64_MAX ? wsl_rng_next(rng) : wsl_rng_below(rng, range + 1);
    return (int64_t)((uint64_t)min + v);
}

static void set_random(const wsl_rule *rule, wsl_rng *rng, uint32_t i, wsl_row_writer *w)
{
    if (rule->type->id == WSL_T_BOOL) {
        wsl_row_set_bool(w, i, wsl_rng_next(rng) >> 63);
    } else if (rule->type->id == WSL_T_DOUBLE) {
        wsl_row_set_double(w, i, rule->dmin + wsl_rng_double(rng) * (rule->dmax - rule->dmin));
    } else if (rule->type->id == WSL_T_FLOAT) {
        wsl_row_set_float(w, i, (float)(rule->dmin + wsl_rng_double(rng) * (rule->dmax - rule->dmin)));
    } else {
        wsl_row_set_int64(w, i, random_whole(rng, rule->min, rule->max));
    }
}

/* Twelve letters or eight bytes from each random number. */
static void set_string(const wsl_rule *rule, wsl_rng *rng, uint32_t i, wsl_row_writer *w)
{
    const uint32_t at = w->row->size;
    const uint32_t padded = (rule->length + 7) & ~7u;
    uint8_t *to = (uint8_t *)w->row + at;
    memset(to, 0, padded);
    const bool letters = rule->type->id == WSL_T_STRING;
    uint64_t bits = 0;
    for (uint32_t n = 0; n < rule->length; n++) {
        if (n % (letters ? 12 : 8) == 0) {
            bits = wsl_rng_next(rng);
        }
        to[n] = letters ? (uint8_t)('a' + bits % 26) : (uint8_t)bits;
        bits = letters ? bits / 26 : bits >> 8;
    }
    w->row->size = at + padded;
    wsl_row_set_slot(w, i, (uint64_t)rule->length << 32 | at);
}

static void set_listed(const wsl_rule *rule, wsl_rng *rng, uint32_t i, wsl_row_writer *w)
{
    const wsl_row *value = rule->values[rule->n_values == 1 ? 0 : wsl_rng_below(rng, rule->n_values)];
    if (wsl_type_is_fixed(rule->type)) {
        wsl_row_set_slot(w, i, value->slot[0]);
    } else {
        wsl_row_set_str(w, i, wsl_row_str(value, 0));
    }
}

static void set_now(const wsl_rule *rule, int64_t now_ms, uint32_t i, wsl_row_writer *w)
{
    const int64_t day = now_ms / DAY_MS - (now_ms % DAY_MS < 0);
    const int64_t v = rule->type->id == WSL_T_DATE   ? day
                      : rule->type->id == WSL_T_TIME ? now_ms - day * DAY_MS
                                                     : now_ms;
    wsl_row_set_int64(w, i, v);
}

void wsl_rules_row(const wsl_rules *rules, uint64_t seed, uint64_t row, int64_t now_ms, wsl_row_writer *w)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, seed ^ row * 0x9E3779B97F4A7C15u);
    for (uint32_t i = 0; i < rules->schema->n_fields; i++) {
        const wsl_rule *rule = &rules->rules[i];
        switch (rule->kind) {
        case WSL_RULE_RANDOM:
            set_random(rule, &rng, i, w);
            break;
        case WSL_RULE_SEQUENCE:
            wsl_row_set_int64(w, i, (int64_t)((uint64_t)rule->min + row * (uint64_t)rule->step));
            break;
        case WSL_RULE_STRING:
            set_string(rule, &rng, i, w);
            break;
        case WSL_RULE_LIST:
            set_listed(rule, &rng, i, w);
            break;
        case WSL_RULE_NOW:
            set_now(rule, now_ms, i, w);
            break;
        }
    }
}
