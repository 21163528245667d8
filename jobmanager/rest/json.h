/*
 * json - writing JSON into a text, front to back, without building a tree.
 *
 *     jm_json j = jm_json_to(&text);
 *     jm_json_open(&j, NULL, '{');
 *     jm_json_str(&j, "name", "w");
 *     jm_json_open(&j, "tasks", '[');  jm_json_int(&j, NULL, 1);  jm_json_close(&j);
 *     jm_json_close(&j);                                            -> {"name":"w","tasks":[1]}
 *
 * Commas and nesting are its business. A key goes before each member of an object; inside an array it is NULL.
 *
 * Threads: any.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"

enum { JM_JSON_DEPTH_MAX = 32 };

typedef struct jm_json {
    wsl_strbuf *out;
    uint32_t depth;
    char closers[JM_JSON_DEPTH_MAX];
    bool any; /* something stands before us in this object or array */
} jm_json;

static inline jm_json jm_json_to(wsl_strbuf *out) { return (jm_json){.out = out}; }

void jm_json_open(jm_json *j, const char *key, char bracket); /* '{' or '[' */
void jm_json_close(jm_json *j);

void jm_json_str(jm_json *j, const char *key, const char *value);
void jm_json_str_or_null(jm_json *j, const char *key, const char *value);
void jm_json_int(jm_json *j, const char *key, int64_t value);
void jm_json_uint(jm_json *j, const char *key, uint64_t value);
void jm_json_num(jm_json *j, const char *key, double value); /* NaN and infinities become the text "NaN" */
void jm_json_bool(jm_json *j, const char *key, bool value);
void jm_json_null(jm_json *j, const char *key);
void jm_json_raw(jm_json *j, const char *key, const char *json, size_t size); /* a whole JSON value */
