/*
 * Where streams begin and end: sources and sinks.
 */
#include <stdio.h>
#include <string.h>

#include "api/builder.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/strbuf.h"
#include "format/base64.h"
#include "graph/pb.h"

WSL_ROW(wsl_int64_value, (int64, value));
WSL_ROW(wsl_double_value, (double, value));
WSL_ROW(wsl_string_value, (string, value));
WSL_ROW(wsl_line, (string, line));

enum { ROWS_MAX = WSL_GRAPH_BYTES_MAX / 2 }; /* bytes of rows in one operator; base64 makes a third more of them */

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

/* Option "bytes" of the collection source: rows one behind the other, in base64. */
static wsl_stream *from_bytes(wsl_env *env, const char *name, const wsl_schema *schema, const wsl_strbuf *rows)
{
    if (rows->size > ROWS_MAX) {
        (void)wsl_env_fail(env,
                           "'%s': rows that are part of the job may take %d bytes; put them into a file and read that",
                           name, ROWS_MAX);
        return &env->nothing.stream;
    }
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    wsl_base64_encode(rows->data, rows->size, &text);
    wsl_stream *stream = wsl_from(env, name, "collection", schema, WSL_OPTIONS({"bytes", text.data}));
    wsl_strbuf_fini(&text);
    return stream;
}

wsl_stream *wsl_from_rows(wsl_env *env, const char *name, const wsl_schema *schema, const wsl_row *const *rows,
                          uint32_t n)
{
    wsl_strbuf bytes;
    wsl_error why;
    wsl_strbuf_init(&bytes);
    for (uint32_t i = 0; i < n && bytes.size <= ROWS_MAX; i++) {
        if (wsl_row_check(rows[i], rows[i]->size, schema, &why) != WSL_OK) {
            (void)wsl_env_fail(env, "'%s': row %u is not of its type: %s", name, i, why.text);
        }
        wsl_strbuf_add(&bytes, rows[i], rows[i]->size);
    }
    wsl_stream *stream = from_bytes(env, name, schema, &bytes);
    wsl_strbuf_fini(&bytes);
    return stream;
}

/* One row of one 8-byte field. */
static void add_slot(wsl_strbuf *bytes, uint64_t slot)
{
    uint64_t memory[(sizeof(wsl_row) + 8) / 8];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, 1);
    wsl_row_set_slot(&w, 0, slot);
    wsl_strbuf_add(bytes, memory, w.row->size);
}

wsl_stream *wsl_from_int64s(wsl_env *env, const char *name, const int64_t *values, uint32_t n)
{
    wsl_strbuf bytes;
    wsl_strbuf_init(&bytes);
    for (uint32_t i = 0; i < n && bytes.size <= ROWS_MAX; i++) {
        add_slot(&bytes, (uint64_t)values[i]);
    }
    wsl_stream *stream = from_bytes(env, name, &wsl_int64_value_schema, &bytes);
    wsl_strbuf_fini(&bytes);
    return stream;
}

wsl_stream *wsl_from_doubles(wsl_env *env, const char *name, const double *values, uint32_t n)
{
    wsl_strbuf bytes;
    wsl_strbuf_init(&bytes);
    for (uint32_t i = 0; i < n && bytes.size <= ROWS_MAX; i++) {
        uint64_t slot;
        memcpy(&slot, &values[i], sizeof slot);
        add_slot(&bytes, slot);
    }
    wsl_stream *stream = from_bytes(env, name, &wsl_double_value_schema, &bytes);
    wsl_strbuf_fini(&bytes);
    return stream;
}

wsl_stream *wsl_from_strings(wsl_env *env, const char *name, const char *const *values, uint32_t n)
{
    wsl_strbuf bytes;
    wsl_strbuf_init(&bytes);
    for (uint32_t i = 0; i < n && bytes.size <= ROWS_MAX; i++) {
        const size_t size = strlen(values[i]);
        if (size > ROWS_MAX) {
            (void)wsl_env_fail(env, "'%s': text %u has %zu bytes, which is too many for a part of the job", name, i,
                               size);
            break;
        }
        const uint32_t capacity = wsl_row_fixed_size(1) + (uint32_t)size + 8;
        wsl_row_writer w;
        void *memory = wsl_alloc(capacity);
        (void)wsl_row_writer_init(&w, memory, capacity, 1);
        wsl_row_set_bytes(&w, 0, values[i], (uint32_t)size);
        wsl_strbuf_add(&bytes, memory, w.row->size);
        free(memory);
    }
    wsl_stream *stream = from_bytes(env, name, &wsl_string_value_schema, &bytes);
    wsl_strbuf_fini(&bytes);
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
