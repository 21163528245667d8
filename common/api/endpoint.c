/*
 * Where streams begin and end: sources and sinks.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/builder.h"
#include "base/assert.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "format/format.h"
#include "graph/pb.h"

WSL_ROW(wsl_int64_value, (int64, value));
WSL_ROW(wsl_double_value, (double, value));
WSL_ROW(wsl_string_value, (string, value));
WSL_ROW(wsl_line, (string, line));

/* ---- sources ---- */

wsl_stream *wsl_from(wsl_env *env, const char *name, const char *connector, const wsl_schema *schema,
                     const wsl_setting *options)
{
    if (wsl_env_failed(env)) {
        return &env->nothing.stream;
    }
    if (schema == NULL) {
        (void)wsl_env_fail(env, "'%s' has no schema; say what rows it produces", name);
        return &env->nothing.stream;
    }
    Wsl__Pb__Operator *op = wsl_env_operator(env, "source", name);
    wsl_pb_set(&op->connector, connector != NULL ? connector : "");
    op->output = wsl_schema_to_pb(schema);
    wsl_env_settings(op, options);
    return wsl_env_output(env, op);
}

wsl_stream *wsl_from_json(wsl_env *env, const char *name, const wsl_schema *schema, const char *lines)
{
    return wsl_from(env, name, "collection", schema, WSL_OPTIONS({"rows", lines}));
}

static wsl_status encode_rows(const wsl_schema *schema, const wsl_row *const *rows, uint32_t n, wsl_strbuf *out,
                              wsl_error *err)
{
    const wsl_option *const tables[] = {wsl_format_options};
    WSL_AUTO(wsl_config) config = wsl_config_new(tables, 1);
    WSL_AUTO(wsl_format) format = NULL;
    WSL_TRY(wsl_format_new("json", schema, config, &format, err));
    for (uint32_t i = 0; i < n; i++) {
        WSL_TRY(wsl_row_check(rows[i], rows[i]->size, schema, err));
        wsl_format_encode(format, rows[i], out);
        if (out->size > WSL_GRAPH_BYTES_MAX) {
            return wsl_fail(err, WSL_TOO_LARGE,
                            "rows that are part of the job may take %d bytes as text at most; put them "
                            "into a file and read that",
                            WSL_GRAPH_BYTES_MAX);
        }
    }
    return WSL_OK;
}

wsl_stream *wsl_from_rows(wsl_env *env, const char *name, const wsl_schema *schema, const wsl_row *const *rows,
                          uint32_t n)
{
    if (wsl_env_failed(env)) {
        return &env->nothing.stream;
    }
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    wsl_stream *stream = &env->nothing.stream;
    const wsl_status status = encode_rows(schema, rows, n, &text, &env->error);
    if (status == WSL_OK) {
        stream = wsl_from_json(env, name, schema, text.data);
    } else {
        (void)wsl_fail_prefix(&env->error, status, "'%s'", name);
    }
    wsl_strbuf_fini(&text);
    return stream;
}

wsl_stream *wsl_from_int64s(wsl_env *env, const char *name, const int64_t *values, uint32_t n)
{
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    for (uint32_t i = 0; i < n; i++) {
        wsl_strbuf_printf(&text, "{\"value\":%lld}\n", (long long)values[i]);
    }
    wsl_stream *stream = wsl_from_json(env, name, &wsl_int64_value_schema, text.data);
    wsl_strbuf_fini(&text);
    return stream;
}

wsl_stream *wsl_from_doubles(wsl_env *env, const char *name, const double *values, uint32_t n)
{
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    for (uint32_t i = 0; i < n; i++) {
        char number[WSL_NUMBER_TEXT_MAX];
        const size_t size = wsl_print_double(values[i], number);
        if (!isfinite(values[i])) {
            (void)wsl_env_fail(env, "'%s': value %u is %.*s, which JSON text cannot hold", name, i, (int)size, number);
        }
        wsl_strbuf_puts(&text, "{\"value\":");
        wsl_strbuf_add(&text, number, size);
        wsl_strbuf_puts(&text, "}\n");
    }
    wsl_stream *stream = wsl_from_json(env, name, &wsl_double_value_schema, text.data);
    wsl_strbuf_fini(&text);
    return stream;
}

wsl_stream *wsl_from_strings(wsl_env *env, const char *name, const char *const *values, uint32_t n)
{
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    for (uint32_t i = 0; i < n; i++) {
        wsl_strbuf_puts(&text, "{\"value\":");
        wsl_strbuf_json(&text, values[i], strlen(values[i]));
        wsl_strbuf_puts(&text, "}\n");
    }
    wsl_stream *stream = wsl_from_json(env, name, &wsl_string_value_schema, text.data);
    wsl_strbuf_fini(&text);
    return stream;
}

wsl_stream *wsl_from_files(wsl_env *env, const char *name, const char *path, const char *format,
                           const wsl_schema *schema)
{
    return wsl_from(env, name, "file", schema, WSL_OPTIONS({"path", path}, {"format", format}));
}

wsl_stream *wsl_from_socket(wsl_env *env, const char *name, const char *host, int64_t port)
{
    char number[32];
    (void)snprintf(number, sizeof number, "%lld", (long long)port);
    return wsl_from(env, name, "socket", &wsl_line_schema, WSL_OPTIONS({"host", host}, {"port", number}));
}

/* ---- sinks ---- */

wsl_sink *wsl_to(wsl_stream *stream, const char *name, const char *connector, const wsl_setting *options)
{
    WSL_ASSERT(stream != NULL);
    wsl_env *env = stream->env;
    if (wsl_env_failed(env)) {
        return &env->no_sink;
    }
    Wsl__Pb__Operator *op = wsl_env_operator(env, "sink", name);
    wsl_pb_set(&op->connector, connector != NULL ? connector : "");
    wsl_env_settings(op, options);
    wsl_env_connect(env, stream, op);
    return wsl_env_sink(env, op);
}

wsl_sink *wsl_print(wsl_stream *stream, const char *name) { return wsl_to(stream, name, "print", WSL_NO_OPTIONS); }
wsl_sink *wsl_blackhole(wsl_stream *stream, const char *name)
{
    return wsl_to(stream, name, "blackhole", WSL_NO_OPTIONS);
}
wsl_sink *wsl_collect(wsl_stream *stream, const char *name) { return wsl_to(stream, name, "collect", WSL_NO_OPTIONS); }

wsl_sink *wsl_to_files(wsl_stream *stream, const char *name, const char *path, const char *format)
{
    return wsl_to(stream, name, "file", WSL_OPTIONS({"path", path}, {"format", format}));
}
