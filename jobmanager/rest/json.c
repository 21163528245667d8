#include "jobmanager/rest/json.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/number.h"

static void begin(jm_json *j, const char *key)
{
    const bool in_object = j->depth > 0 && j->closers[j->depth - 1] == '}';
    WSL_ASSERT(in_object == (key != NULL));
    if (j->any) {
        wsl_strbuf_putc(j->out, ',');
    }
    j->any = true;
    if (key != NULL) {
        wsl_strbuf_json(j->out, key, strlen(key));
        wsl_strbuf_putc(j->out, ':');
    }
}

void jm_json_open(jm_json *j, const char *key, char bracket)
{
    WSL_ASSERT(j->depth < JM_JSON_DEPTH_MAX && (bracket == '{' || bracket == '['));
    begin(j, key);
    wsl_strbuf_putc(j->out, bracket);
    j->closers[j->depth++] = bracket == '{' ? '}' : ']';
    j->any = false;
}

void jm_json_close(jm_json *j)
{
    WSL_ASSERT(j->depth > 0);
    wsl_strbuf_putc(j->out, j->closers[--j->depth]);
    j->any = true;
}

void jm_json_str(jm_json *j, const char *key, const char *value)
{
    begin(j, key);
    wsl_strbuf_json(j->out, value, strlen(value));
}

void jm_json_str_or_null(jm_json *j, const char *key, const char *value)
{
    if (value == NULL) {
        jm_json_null(j, key);
    } else {
        jm_json_str(j, key, value);
    }
}

void jm_json_int(jm_json *j, const char *key, int64_t value)
{
    char text[WSL_NUMBER_TEXT_MAX];
    begin(j, key);
    wsl_strbuf_add(j->out, text, wsl_print_int64(value, text));
}

void jm_json_uint(jm_json *j, const char *key, uint64_t value)
{
    char text[WSL_NUMBER_TEXT_MAX];
    begin(j, key);
    wsl_strbuf_add(j->out, text, wsl_print_uint64(value, text));
}

void jm_json_num(jm_json *j, const char *key, double value)
{
    if (!isfinite(value)) {
        jm_json_str(j, key, "NaN");
        return;
    }
    char text[WSL_NUMBER_TEXT_MAX];
    begin(j, key);
    wsl_strbuf_add(j->out, text, wsl_print_double(value, text));
}

void jm_json_bool(jm_json *j, const char *key, bool value)
{
    begin(j, key);
    wsl_strbuf_puts(j->out, value ? "true" : "false");
}

void jm_json_null(jm_json *j, const char *key)
{
    begin(j, key);
    wsl_strbuf_puts(j->out, "null");
}

void jm_json_raw(jm_json *j, const char *key, const char *json, size_t size)
{
    begin(j, key);
    wsl_strbuf_add(j->out, json, size);
}
