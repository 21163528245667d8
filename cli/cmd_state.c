/*
 * cmd_state - `wiesel state export PATH`: the state in a checkpoint as JSON lines.
 *
 *     {"operator":"sums","subtask":0,"section":"state","state":"sum","key":{"id":7},"namespace":0,"value":{"n":70}}
 *
 * Of layers of an incremental checkpoint what counts is printed. Rows are written by format json; what it has no form for (maps with composite keys) as the text that print shows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "ckpt/layer_filter.h"
#include "ckpt/section_kind.h"
#include "ckpt/section_reader.h"
#include "ckpt/storage.h"
#include "cli/cmd.h"
#include "data/row_text.h"
#include "format/base64.h"
#include "format/format.h"

/* Rows of one schema. */
typedef struct writer {
    const wsl_schema *schema; /* NULL: there are none */
    wsl_format *format;       /* NULL: json has no form for it */
} writer;

typedef struct state_writers {
    writer value, map_key;
} state_writers;

typedef struct export {
    cli *c;
    wsl_config *format_config;
    wsl_strbuf line, key; /* key: of the KEY record in hand, as JSON */
    int64_t ns;
    uint64_t n_sections; /* that were asked for */

    const Wsl__Pb__OperatorMeta *op;
    uint32_t subtask;
    const Wsl__Pb__Section *section;
    writer key_writer;
    state_writers *states;
    wsl_layer_filter *filter; /* NULL: there are no layers */
} export;

/* ---- rows ---- */

static writer writer_of(const export *x, const wsl_schema *schema)
{
    writer w = {.schema = schema};
    if (schema != NULL && wsl_format_new("json", schema, x->format_config, &w.format, NULL) != WSL_OK) {
        w.format = NULL;
    }
    return w;
}

static void put_row(const writer *w, const wsl_row *row, wsl_strbuf *out)
{
    if (w->format != NULL) {
        wsl_format_encode(w->format, row, out);
        while (out->size > 0 && out->data[out->size - 1] == '\n') {
            out->data[--out->size] = '\0';
        }
    } else if (w->schema == NULL) {
        wsl_strbuf_puts(out, "{}"); /* a key without fields */
    } else {
        wsl_strbuf text;
        wsl_strbuf_init(&text);
        wsl_row_print(row, w->schema, &text);
        wsl_strbuf_json(out, text.data, text.size);
        wsl_strbuf_fini(&text);
    }
}

/* ---- lines ---- */

static void put_text(export *x, const char *name, const char *text)
{
    wsl_strbuf_printf(&x->line, "%s\"%s\":", x->line.size > 1 ? "," : "", name);
    wsl_strbuf_json(&x->line, text, strlen(text));
}

static void put_number(export *x, const char *name, int64_t number)
{
    wsl_strbuf_printf(&x->line, "%s\"%s\":%" PRId64, x->line.size > 1 ? "," : "", name, number);
}

static void put_named_row(export *x, const char *name, const writer *w, const wsl_row *row)
{
    wsl_strbuf_printf(&x->line, ",\"%s\":", name);
    put_row(w, row, &x->line);
}

static void begin_line(export *x)
{
    wsl_strbuf_clear(&x->line);
    wsl_strbuf_putc(&x->line, '{');
    put_text(x, "operator", x->op->uid);
    put_number(x, "subtask", x->subtask);
    put_text(x, "section", x->section->name);
}

static wsl_status end_line(export *x, wsl_error *err)
{
    wsl_strbuf_puts(&x->line, "}\n");
    return fwrite(x->line.data, 1, x->line.size, x->c->out) == x->line.size
               ? WSL_OK
               : wsl_fail(err, WSL_IO, "the output cannot be written");
}

static void put_value(export *x, const wsl_record *r)
{
    const state_writers *state = &x->states[r->state];
    put_text(x, "state", x->section->states[r->state]->name);
    if (x->section->kind == WSL__PB__SECTION_KIND__SECTION_KEYED) {
        wsl_strbuf_printf(&x->line, ",\"key\":%s", x->key.data);
        put_number(x, "namespace", x->ns);
    }
    const wsl_row *row = r->tag == WSL_RECORD_ENTRY ? wsl_record_second_row(r) : wsl_record_row(r);
    if (r->tag == WSL_RECORD_ENTRY) {
        put_named_row(x, "map_key", &state->map_key, wsl_record_row(r));
    }
    put_named_row(x, "value", &state->value, row);
    if (wsl_row_has_timestamp(row)) {
        put_number(x, "timestamp", row->timestamp);
    }
    if (r->number != 0) {
        put_number(x, "last_used", r->number);
    }
}

static void put_bytes(export *x, const wsl_record *r)
{
    const wsl_str bytes = wsl_record_bytes(r);
    put_number(x, "number", r->number);
    put_number(x, "part", r->state);
    wsl_strbuf_puts(&x->line, ",\"bytes\":\"");
    wsl_base64_encode(bytes.data, bytes.size, &x->line);
    wsl_strbuf_putc(&x->line, '"');
}

static void put_timer(export *x, const wsl_record *r)
{
    const bool event = x->section->kind == WSL__PB__SECTION_KIND__SECTION_EVENT_TIMERS;
    put_number(x, event ? "event_timer" : "processing_timer", r->number);
    put_named_row(x, "key", &x->key_writer, wsl_record_timer_key(r));
    put_number(x, "namespace", wsl_record_namespace(r));
}

static bool asked_for(const export *x, const wsl_record *r)
{
    const char *name = x->c->args.state_name;
    const bool named = r->tag == WSL_RECORD_VALUE || r->tag == WSL_RECORD_ELEMENT || r->tag == WSL_RECORD_ENTRY;
    return name == NULL || strcmp(named ? x->section->states[r->state]->name : x->section->name, name) == 0;
}

static wsl_status put_record(export *x, const wsl_record *r, wsl_error *err)
{
    if (r->tag == WSL_RECORD_KEY) {
        wsl_strbuf_clear(&x->key);
        put_row(&x->key_writer, wsl_record_row(r), &x->key);
        return WSL_OK;
    }
    if (r->tag == WSL_RECORD_SPACE) {
        x->ns = r->number;
        return WSL_OK;
    }
    if (r->tag == WSL_RECORD_REPLACE || r->tag == WSL_RECORD_DROP || !asked_for(x, r)) {
        return WSL_OK;
    }
    begin_line(x);
    if (r->tag == WSL_RECORD_TIMER) {
        put_timer(x, r);
    } else if (r->tag == WSL_RECORD_BYTES) {
        put_bytes(x, r);
    } else {
        put_value(x, r);
    }
    return end_line(x, err);
}

/* ---- sections ---- */

static void open_writers(export *x, const wsl_section_reader *reader)
{
    x->key_writer = writer_of(x, wsl_section_key_schema(reader));
    x->states = wsl_calloc(x->section->n_states + 1, sizeof *x->states);
    for (uint32_t i = 0; i < x->section->n_states; i++) {
        x->states[i].value = writer_of(x, wsl_section_value_schema(reader, i));
        x->states[i].map_key = writer_of(x, wsl_section_map_key_schema(reader, i));
    }
}

static void close_writers(export *x)
{
    wsl_format_free(x->key_writer.format);
    for (uint32_t i = 0; i < x->section->n_states; i++) {
        wsl_format_free(x->states[i].value.format);
        wsl_format_free(x->states[i].map_key.format);
    }
    free(x->states);
    x->states = NULL;
}

static wsl_status export_section(export *x, const Wsl__Pb__CheckpointMeta *meta, const char *base, wsl_error *err)
{
    WSL_AUTO(wsl_section_reader) reader = NULL;
    Wsl__Pb__Section known = *x->section; /* a view: only the number is ours */
    const wsl_record *r = NULL;
    uint32_t group = 0;
    known.max_parallelism = x->op->max_parallelism;
    WSL_TRY(wsl_section_reader_new(x->c->fs, base, meta->files[known.file], &known, &reader, err));
    open_writers(x, reader);
    wsl_status status = WSL_OK;
    uint32_t last = UINT32_MAX; /* key group */
    while (status == WSL_OK) {
        status = wsl_section_reader_next(reader, &r, &group, err);
        if (status == WSL_OK && r != NULL) {
            x->ns = group != last ? 0 : x->ns; /* a group begins in namespace 0, its keys go on in that of the key before */
            last = group;
            if (x->filter == NULL || wsl_layer_filter_counts(x->filter, group, r)) {
                status = put_record(x, r, err);
            }
        }
    }
    close_writers(x);
    return status == WSL_END ? WSL_OK : status;
}

static bool has_state(const Wsl__Pb__Section *s, const char *name)
{
    bool has = name == NULL || strcmp(s->name, name) == 0;
    for (size_t i = 0; i < s->n_states && !has; i++) {
        has = strcmp(s->states[i]->name, name) == 0;
    }
    return has;
}

/* One section; of layers (filter not NULL) what no higher one hides. */
static wsl_status export_if_asked(export *x, const Wsl__Pb__CheckpointMeta *meta, const char *base,
                                  const Wsl__Pb__Section *section, wsl_error *err)
{
    x->section = section;
    if (!has_state(section, x->c->args.state_name)) {
        return WSL_OK;
    }
    x->n_sections++;
    if (x->filter != NULL) {
        wsl_layer_filter_section(x->filter, section->layer);
    }
    return section->length > 0 ? export_section(x, meta, base, err) : WSL_OK;
}

static bool has_layers(const Wsl__Pb__OperatorState *state, const Wsl__Pb__Section *s)
{
    bool has = false;
    for (size_t i = 0; i < state->n_sections && !has; i++) {
        has = state->sections[i]->layer > 0 && wsl_section_same_layers(s, state->sections[i]);
    }
    return has;
}

/* All layers of what `s` is the first section of, from the highest down. */
static wsl_status export_layers(export *x, const Wsl__Pb__CheckpointMeta *meta, const char *base,
                                const Wsl__Pb__OperatorState *state, const Wsl__Pb__Section *s, wsl_error *err)
{
    wsl_status status = WSL_OK;
    x->filter = wsl_layer_filter_new();
    for (size_t i = state->n_sections; i-- > 0 && status == WSL_OK;) {
        if (wsl_section_same_layers(s, state->sections[i])) {
            status = export_if_asked(x, meta, base, state->sections[i], err);
        }
    }
    wsl_layer_filter_free(x->filter);
    x->filter = NULL;
    return status;
}

static wsl_status export_operator(export *x, const Wsl__Pb__CheckpointMeta *meta, const char *base, wsl_error *err)
{
    for (uint32_t i = 0; i < x->op->n_subtasks; i++) {
        const Wsl__Pb__OperatorState *state = x->op->subtasks[i];
        x->subtask = i;
        for (size_t k = 0; k < state->n_sections; k++) {
            const Wsl__Pb__Section *s = state->sections[k];
            size_t first = 0;
            while (!wsl_section_same_layers(s, state->sections[first])) {
                first++;
            }
            if (!has_layers(state, s)) {
                WSL_TRY(export_if_asked(x, meta, base, s, err));
            } else if (first == k) {
                WSL_TRY(export_layers(x, meta, base, state, s, err));
            }
        }
    }
    return WSL_OK;
}

static wsl_status export_all(export *x, const Wsl__Pb__CheckpointMeta *meta, const char *base, wsl_error *err)
{
    const cli_args *args = &x->c->args;
    bool found = args->operator_name == NULL;
    WSL_TRY(wsl_ckpt_verify(x->c->fs, base, meta, err));
    for (size_t i = 0; i < meta->n_operators; i++) {
        x->op = meta->operators[i];
        if (args->operator_name == NULL || strcmp(x->op->uid, args->operator_name) == 0) {
            found = true;
            WSL_TRY(export_operator(x, meta, base, err));
        }
    }
    if (!found) {
        return wsl_fail(err, WSL_NOT_FOUND, "the checkpoint has no operator with uid '%.100s'; checkpoint show lists them",
                        args->operator_name);
    }
    if (args->state_name != NULL && x->n_sections == 0) {
        return wsl_fail(err, WSL_NOT_FOUND, "the checkpoint has no state '%.100s' there; checkpoint show lists them",
                        args->state_name);
    }
    return WSL_OK;
}

wsl_status cmd_state(cli *c, int *out_exit, wsl_error *err)
{
    static const wsl_option *const tables[] = {wsl_format_options};
    Wsl__Pb__CheckpointMeta *meta = NULL;

    (void)out_exit;
    if (c->args.n_positionals == 0 || strcmp(c->args.positionals[0], "export") != 0) {
        return wsl_fail(err, WSL_INVALID, "say export PATH");
    }
    if (c->args.n_positionals != 2) {
        return wsl_fail(err, WSL_INVALID, "state export takes one argument: the directory of a checkpoint");
    }
    WSL_TRY(wsl_ckpt_load(c->fs, c->args.positionals[1], &meta, err));
    export x = {.c = c, .format_config = wsl_config_new(tables, 1)};
    wsl_strbuf_init(&x.line);
    wsl_strbuf_init(&x.key);
    char *base = wsl_ckpt_base(c->args.positionals[1], meta);
    const wsl_status status = export_all(&x, meta, base, err);
    free(base);
    wsl_strbuf_fini(&x.line);
    wsl_strbuf_fini(&x.key);
    wsl_config_free(x.format_config);
    wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
    return status;
}
