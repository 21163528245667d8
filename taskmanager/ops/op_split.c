/*
 * op_split - one row per part of a string field.
 */
#include <string.h>

#include "base/alloc.h"
#include "graph/operator_options.h"
#include "taskmanager/ops/fn_ctx.h"
#include "taskmanager/ops/op_classes.h"

typedef struct op_split {
    tm_op op;
    tm_fn_ctx f;
    uint32_t field;
    uint32_t n_fields; /* of the input */
    char *separator;   /* NULL: white space */
    size_t separator_size;
    bool lower;
    bool skip_empty;
} op_split;

static op_split *self(tm_op *op) { return (op_split *)(void *)op; }

static wsl_status split_open(tm_op *op, wsl_error *err)
{
    op_split *s = self(op);
    const wsl_schema *in = op->env.input[0];
    WSL_AUTO(wsl_config) config = NULL;
    WSL_TRY(wsl_operator_config_new(op->env.desc, op->env.artifact, &config, err));
    const char *name = wsl_config_str(config, "field");
    const int field = wsl_schema_find(in, name);
    if (field < 0 || in->fields[field].type.id != WSL_T_STRING) {
        return wsl_fail(err, WSL_INVALID, "split needs a STRING field; '%s' is %s", name,
                        field < 0 ? "no field of its input" : "of another type");
    }
    s->field = (uint32_t)field;
    s->n_fields = in->n_fields;
    const char *separator = wsl_config_str(config, "separator");
    if (separator != NULL && separator[0] != '\0') {
        s->separator = wsl_strdup(separator);
        s->separator_size = strlen(separator);
    }
    s->lower = wsl_config_bool(config, "lower");
    s->skip_empty = wsl_config_bool(config, "skip-empty");
    return tm_fn_ctx_open(&s->f, op, err);
}

static void copy_lower(char *to, const char *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char c = from[i];
        to[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
}

static wsl_status add_part(op_split *s, const wsl_row *row, const char *part, size_t size)
{
    if (size == 0 && s->skip_empty) {
        return WSL_OK;
    }
    const uint32_t padded = ((uint32_t)size + 7) & ~UINT32_C(7);
    const uint32_t fixed = wsl_row_fixed_size(1);
    wsl_row *out = tm_fn_ctx_alloc(&s->f, fixed + padded);
    if (out == NULL) {
        return s->f.failed;
    }
    *out = (wsl_row){.size = fixed + padded,
                     .op = row->op,
                     .flags = (uint16_t)(row->flags & ~WSL_ROW_KEYED),
                     .timestamp = row->timestamp};
    out->slot[0] = (uint64_t)size << 32 | fixed;
    char *to = (char *)out + fixed;
    if (padded != 0) {
        memset(to + padded - 8, 0, 8);
    }
    if (s->lower) {
        copy_lower(to, part, size);
    } else if (size != 0) {
        memcpy(to, part, size);
    }
    return tm_fn_ctx_add(&s->f, out);
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Runs of white space separate; those at the ends give an empty part each. */
static wsl_status split_at_space(op_split *s, const wsl_row *row, wsl_str text)
{
    const char *at = text.data;
    const char *end = text.data + text.size;
    for (;;) {
        const char *part = at;
        while (at < end && !is_space(*at)) {
            at++;
        }
        WSL_TRY(add_part(s, row, part, (size_t)(at - part)));
        if (at == end) {
            return WSL_OK;
        }
        while (at < end && is_space(*at)) {
            at++;
        }
    }
}

static wsl_status split_at_separator(op_split *s, const wsl_row *row, wsl_str text)
{
    const char *at = text.data;
    const char *end = text.data + text.size;
    for (;;) {
        const char *found = memmem(at, (size_t)(end - at), s->separator, s->separator_size);
        const char *part_end = found != NULL ? found : end;
        WSL_TRY(add_part(s, row, at, (size_t)(part_end - at)));
        if (found == NULL) {
            return WSL_OK;
        }
        at = found + s->separator_size;
    }
}

static wsl_status split_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    op_split *s = self(op);
    uint32_t i = 0;
    while (i < n) {
        const wsl_row *row = rows[i++];
        op->current = row;
        if (!wsl_row_is_null(row, s->field, s->n_fields)) {
            const wsl_str text = wsl_row_str(row, s->field);
            WSL_TRY(s->separator == NULL ? split_at_space(s, row, text) : split_at_separator(s, row, text));
        }
        if (WSL_UNLIKELY(s->f.attention)) {
            s->f.attention = false;
            if (tm_op_blocked(op)) {
                break;
            }
        }
    }
    WSL_TRY(tm_fn_ctx_flush(&s->f));
    return i == n ? WSL_OK : tm_op_suspend(op, input, rows + i, n - i);
}

static void split_close(tm_op *op)
{
    tm_fn_ctx_close(&self(op)->f);
    free(self(op)->separator);
}

const tm_op_class tm_op_split_class = {
    .kind = "split",
    .size = sizeof(op_split),
    .open = split_open,
    .on_rows = split_rows,
    .close = split_close,
};
