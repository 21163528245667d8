#include "taskmanager/ops/row_time.h"

#include <string.h>

#include "base/arena.h"
#include "expr/expr.h"
#include "taskmanager/ops/operator.h"

enum { CHUNK_BYTES = 128 << 10 };

void tm_row_time_fini(tm_row_time *t)
{
    wsl_expr_free(t->expr);
    wsl_arena_free(t->arena);
    *t = (tm_row_time){0};
}

static wsl_status check_type(const char *text, const wsl_type *type, wsl_error *err)
{
    if (type->id == WSL_T_TIMESTAMP || type->id == WSL_T_INT64) {
        return WSL_OK;
    }
    char name[64];
    (void)wsl_type_text(type, name, sizeof name);
    return wsl_fail(err, WSL_TYPE, "timestamp '%s' is of type %s; it must be TIMESTAMP or INT64 (milliseconds)", text,
                    name);
}

wsl_status tm_row_time_init(tm_row_time *t, const char *text, const wsl_schema *in, wsl_error *err)
{
    *t = (tm_row_time){.field = -1, .n_fields = in->n_fields, .arena = wsl_arena_new(CHUNK_BYTES)};
    if (text == NULL || text[0] == '\0') {
        return WSL_OK;
    }
    t->field = wsl_schema_find(in, text);
    if (t->field >= 0) {
        return check_type(text, &in->fields[t->field].type, err);
    }
    WSL_TRY(wsl_expr_projection(text, in, &t->expr, err));
    const wsl_schema *made = wsl_expr_schema(t->expr);
    if (made->n_fields != 1) {
        return wsl_fail(err, WSL_INVALID, "timestamp '%s' must be a single expression", text);
    }
    return check_type(text, &made->fields[0].type, err);
}

static void *alloc_row(void *arena, uint32_t size) { return wsl_arena_alloc(arena, size); }

static inline void set(wsl_row *row, bool is_null, int64_t timestamp)
{
    row->flags &= (uint16_t)~WSL_ROW_HAS_TIMESTAMP;
    row->timestamp = 0;
    if (!is_null) {
        wsl_row_set_timestamp(row, timestamp);
    }
}

static inline const wsl_row *with_timestamp(tm_row_time *t, const wsl_row *row, bool is_null, int64_t timestamp)
{
    wsl_row *to = (wsl_row *)(uintptr_t)row; /* in_place: our owner says that we may */
    if (!t->in_place) {
        to = wsl_arena_alloc(t->arena, row->size);
        memcpy(to, row, row->size);
    }
    set(to, is_null, timestamp);
    return to;
}

wsl_status tm_row_time_stamp(tm_row_time *t, const wsl_row *const *rows, uint32_t n, const wsl_row **room,
                             const wsl_row *const **out_rows, uint32_t *out_bad, wsl_error *err)
{
    *out_rows = rows;
    if (t->expr == NULL && t->field < 0) {
        return WSL_OK;
    }
    wsl_arena_reset(t->arena);
    if (t->expr != NULL) {
        const wsl_row *made[TM_BATCH_ROWS];
        WSL_TRY(wsl_expr_project(t->expr, rows, n, alloc_row, t->arena, made, out_bad, err));
        for (uint32_t i = 0; i < n; i++) {
            room[i] = with_timestamp(t, rows[i], wsl_row_is_null(made[i], 0, 1), wsl_row_int64(made[i], 0));
        }
    } else {
        const uint32_t f = (uint32_t)t->field;
        for (uint32_t i = 0; i < n; i++) {
            room[i] = with_timestamp(t, rows[i], wsl_row_is_null(rows[i], f, t->n_fields), wsl_row_int64(rows[i], f));
        }
    }
    *out_rows = t->in_place ? rows : room;
    return WSL_OK;
}
