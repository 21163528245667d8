/*
 * config_file - libyaml's events, one after the other.
 *
 *     mapping start   one level deeper: what was read as key becomes part of the prefix
 *     scalar          a key, or the value of the last key
 *     sequence        scalars until its end, joined
 *
 * The prefix is one text that grows and shrinks with the levels.
 */
#include "base/config_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/strbuf.h"

enum { DEPTH_MAX = 16, KEY_MAX = 256 };

typedef struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    const char *name;
    wsl_config *config;
    wsl_strbuf prefix; /* "taskmanager.memory." */
    wsl_str_map lines; /* full key -> line, as a number in the pointer */
} reader;

static size_t line_of(const reader *r) { return r->event.start_mark.line + 1; }

static wsl_status fail_here(const reader *r, wsl_error *err, const char *what)
{
    return wsl_fail(err, WSL_FORMAT, "%s:%zu: %s", r->name, line_of(r), what);
}

static wsl_status next_event(reader *r, wsl_error *err)
{
    yaml_event_delete(&r->event);
    memset(&r->event, 0, sizeof r->event);
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        const char *const problem = r->parser.problem != NULL ? r->parser.problem : "not YAML";
        return wsl_fail(err, WSL_FORMAT, "%s:%zu: %s", r->name, r->parser.problem_mark.line + 1, problem);
    }
    return WSL_OK;
}

/* Only plain content: what changes the meaning of a node is refused. */
static wsl_status check_plain(const reader *r, const yaml_char_t *anchor, const yaml_char_t *tag, wsl_error *err)
{
    if (anchor != NULL) {
        return fail_here(r, err, "anchors (&) are not supported; write the value where it is needed");
    }
    return tag != NULL ? fail_here(r, err, "tags (!) are not supported") : WSL_OK;
}

static wsl_status check_scalar(const reader *r, wsl_error *err)
{
    const char *const text = (const char *)r->event.data.scalar.value;
    WSL_TRY(check_plain(r, r->event.data.scalar.anchor, r->event.data.scalar.tag, err));
    return strlen(text) != r->event.data.scalar.length ? fail_here(r, err, "a value contains a 0 character") : WSL_OK;
}

static wsl_status check_new_key(reader *r, const char *key, wsl_error *err)
{
    const size_t before = (size_t)(uintptr_t)wsl_str_map_get(&r->lines, key);
    if (before != 0) {
        return wsl_fail(err, WSL_FORMAT, "%s:%zu: '%s' is given a second time, first in line %zu", r->name, line_of(r),
                        key, before);
    }
    (void)wsl_str_map_put(&r->lines, key, (void *)(uintptr_t)line_of(r));
    return WSL_OK;
}

static wsl_status set_value(reader *r, const char *key, const char *value, size_t line, wsl_error *err)
{
    char *const origin = wsl_asprintf("%s:%zu", r->name, line);
    const wsl_status status = wsl_config_set(r->config, key, value, origin, err);
    free(origin);
    return status;
}

/* The current event is a scalar, the value of key. */
static wsl_status read_scalar_value(reader *r, const char *key, wsl_error *err)
{
    WSL_TRY(check_scalar(r, err));
    const char *const value = (const char *)r->event.data.scalar.value;
    if (r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
        (value[0] == '\0' || strcmp(value, "~") == 0 || strcmp(value, "null") == 0)) {
        return wsl_fail(err, WSL_FORMAT, "%s:%zu: '%s' has no value; give one or take the line away", r->name,
                        line_of(r), key);
    }
    WSL_TRY(check_new_key(r, key, err));
    return set_value(r, key, value, line_of(r), err);
}

/* The current event is the start of a list. */
static wsl_status read_list_value(reader *r, const char *key, wsl_strbuf *joined, wsl_error *err)
{
    const size_t line = line_of(r);
    WSL_TRY(check_plain(r, r->event.data.sequence_start.anchor, r->event.data.sequence_start.tag, err));
    WSL_TRY(check_new_key(r, key, err));
    for (bool first = true;; first = false) {
        WSL_TRY(next_event(r, err));
        if (r->event.type == YAML_SEQUENCE_END_EVENT) {
            return set_value(r, key, joined->data, line, err);
        }
        if (r->event.type != YAML_SCALAR_EVENT) {
            return fail_here(r, err, "a list may hold plain values only");
        }
        WSL_TRY(check_scalar(r, err));
        if (!first) {
            wsl_strbuf_putc(joined, ';');
        }
        wsl_strbuf_puts(joined, (const char *)r->event.data.scalar.value);
    }
}

static wsl_status read_mapping(reader *r, int depth, wsl_error *err);

/* The current event is the first of what stands behind the key, whose full name is the prefix. */
static wsl_status read_value(reader *r, int depth, wsl_error *err)
{
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        return read_scalar_value(r, r->prefix.data, err);
    case YAML_SEQUENCE_START_EVENT: {
        wsl_strbuf joined;
        wsl_strbuf_init(&joined);
        const wsl_status status = read_list_value(r, r->prefix.data, &joined, err);
        wsl_strbuf_fini(&joined);
        return status;
    }
    case YAML_MAPPING_START_EVENT:
        wsl_strbuf_putc(&r->prefix, '.');
        return read_mapping(r, depth + 1, err);
    default:
        return fail_here(r, err, "aliases (*) are not supported; write the value where it is needed");
    }
}

static wsl_status read_key(reader *r, wsl_error *err)
{
    if (r->event.type != YAML_SCALAR_EVENT) {
        return fail_here(r, err, "a key must be a plain word");
    }
    WSL_TRY(check_scalar(r, err));
    if (r->event.data.scalar.length == 0 || r->prefix.size + r->event.data.scalar.length > KEY_MAX) {
        return fail_here(r, err, "a key has 1 to 256 characters");
    }
    wsl_strbuf_puts(&r->prefix, (const char *)r->event.data.scalar.value);
    return WSL_OK;
}

/* The current event is the start of a mapping; reads to its end. */
static wsl_status read_mapping(reader *r, int depth, wsl_error *err)
{
    if (depth > DEPTH_MAX) {
        return fail_here(r, err, "nested too deeply");
    }
    WSL_TRY(check_plain(r, r->event.data.mapping_start.anchor, r->event.data.mapping_start.tag, err));
    const size_t prefix_size = r->prefix.size;
    for (;;) {
        WSL_TRY(next_event(r, err));
        if (r->event.type == YAML_MAPPING_END_EVENT) {
            return WSL_OK;
        }
        WSL_TRY(read_key(r, err));
        WSL_TRY(next_event(r, err));
        WSL_TRY(read_value(r, depth, err));
        r->prefix.size = prefix_size;
        r->prefix.data[prefix_size] = '\0';
    }
}

/* The current event is the first inside the document. */
static wsl_status read_document(reader *r, wsl_error *err)
{
    if (r->event.type == YAML_SCALAR_EVENT && r->event.data.scalar.length == 0) {
        return WSL_OK; /* "---" and nothing else */
    }
    if (r->event.type != YAML_MAPPING_START_EVENT) {
        return fail_here(r, err, "expected lines of the form 'key: value'");
    }
    wsl_strbuf_reserve(&r->prefix, KEY_MAX);
    return read_mapping(r, 0, err);
}

static wsl_status read_stream(reader *r, wsl_error *err)
{
    WSL_TRY(next_event(r, err)); /* the stream's start */
    WSL_TRY(next_event(r, err));
    if (r->event.type == YAML_STREAM_END_EVENT) {
        return WSL_OK; /* empty, or comments only */
    }
    WSL_TRY(next_event(r, err));
    WSL_TRY(read_document(r, err));
    WSL_TRY(next_event(r, err)); /* the document's end */
    WSL_TRY(next_event(r, err));
    return r->event.type == YAML_STREAM_END_EVENT ? WSL_OK : fail_here(r, err, "a second document (---) begins here");
}

wsl_status wsl_config_read_text(wsl_config *config, const char *name, const char *text, size_t size, wsl_error *err)
{
    reader r = {.name = name, .config = config};
    if (!yaml_parser_initialize(&r.parser)) {
        return wsl_fail(err, WSL_NO_RESOURCE, "%s: out of memory", name);
    }
    wsl_strbuf_init(&r.prefix);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
    const wsl_status status = read_stream(&r, err);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    wsl_strbuf_fini(&r.prefix);
    wsl_str_map_fini(&r.lines);
    return status;
}

wsl_status wsl_config_read_file(wsl_config *config, wsl_fs *fs, const char *path, wsl_error *err)
{
    char *text = NULL;
    size_t size = 0;
    WSL_TRY(wsl_fs_read_all(fs, path, WSL_CONFIG_FILE_MAX, &text, &size, err));
    const wsl_status status = wsl_config_read_text(config, path, text, size, err);
    free(text);
    return status;
}
