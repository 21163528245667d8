/*
 * rules - how datagen makes the values of a field; read from its option "fields", written like
 *
 *     id sequence 1 1000; price random 10 99.5; symbol list ACME,WIDGET,GEAR; name string 8; ts now; kind constant 7
 *
 * A field's value depends on seed, row number and field number only, so that any number of subtasks makes the same
 * rows. (But for `now`.)
 *
 * Threads: one owner.
 */
#pragma once
#include <wiesel/row.h>
#include <wiesel/type.h>

#include "base/rng.h"
#include "base/strbuf.h"

typedef enum wsl_rule_kind {
    WSL_RULE_RANDOM,   /* numbers, times: uniform from min to max; BOOL: either */
    WSL_RULE_SEQUENCE, /* min + row * step, up to max */
    WSL_RULE_STRING,   /* STRING, BYTES: `length` random letters or bytes */
    WSL_RULE_LIST,     /* one of the values, at random; CONSTANT is a list of one */
    WSL_RULE_NOW,      /* the clock: DATE, TIME, TIMESTAMP, INT64 */
} wsl_rule_kind;

typedef struct wsl_rule {
    wsl_rule_kind kind;
    const wsl_type *type;
    int64_t min, max, step; /* integers, times, unscaled decimals */
    double dmin, dmax;      /* FLOAT, DOUBLE */
    uint32_t length;
    uint32_t n_values;
    wsl_row **values; /* rows of one field of the type, for LIST */
} wsl_rule;

typedef struct wsl_rules {
    const wsl_schema *schema;
    wsl_rule *rules;     /* by field */
    uint64_t n_rows_max; /* where the shortest sequence ends; UINT64_MAX: nowhere */
    uint32_t row_room;   /* bytes that suffice for a row */
} wsl_rules;

enum { WSL_RULE_STRING_MAX = 1 << 20, WSL_RULE_VALUES_MAX = 10000 };

void wsl_rules_free(wsl_rules *rules);
/* text NULL or "": defaults. The schema outlives the rules. */
WSL_MUST_CHECK wsl_status wsl_rules_new(const wsl_schema *schema, const char *text, wsl_rules **out_rules,
                                        wsl_error *err);
WSL_DEFINE_AUTO(wsl_rules)

/* Row number `row` into memory of at least row_room bytes. */
void wsl_rules_row(const wsl_rules *rules, uint64_t seed, uint64_t row, int64_t now_ms, wsl_row_writer *w);
