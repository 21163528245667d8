/*
 * migrate.c - for each field of the new schema, where it comes from in the old one; values are then copied or, where
 * their shape changed (float to double, small decimal to wide one, anything nested), rebuilt.
 *
 * Whether a value of a type can be copied as it is ("same bits") is decided once for the outermost fields. Nested rows
 * are looked up by name while running: they are rare, and so the plan stays one flat array.
 */
#include "data/migrate.h"

#include "base/alloc.h"
#include "data/evolution.h"
#include "data/row_nested.h"

struct wsl_migration {
    const wsl_schema *from;
    const wsl_schema *to;
    bool identity;
    struct {
        int from;       /* field in the old schema, -1: there is none */
        bool same_bits; /* slot or bytes are copied */
        bool has_value; /* ... what it is then; else null */
        wsl_past_value value;
    } field[];
};

static bool same_bits(const wsl_type *a, const wsl_type *b);

static bool same_rows(const wsl_schema *a, const wsl_schema *b)
{
    if (a->n_fields != b->n_fields) {
        return false;
    }
    for (uint32_t i = 0; i < a->n_fields; i++) {
        if (strcmp(a->fields[i].name, b->fields[i].name) != 0 || !same_bits(&a->fields[i].type, &b->fields[i].type)) {
            return false;
        }
    }
    return true;
}

/* Types are known to be readable; do the bits stay? Integers are sign-extended, so they do. */
static bool same_bits(const wsl_type *a, const wsl_type *b)
{
    switch (a->id) {
    case WSL_T_FLOAT:
        return b->id == WSL_T_FLOAT;
    case WSL_T_DECIMAL:
        return wsl_type_is_fixed(a) == wsl_type_is_fixed(b);
    case WSL_T_ARRAY:
        return same_bits(a->element, b->element);
    case WSL_T_MAP:
        return same_bits(a->key, b->key) && same_bits(a->element, b->element);
    case WSL_T_ROW:
        return same_rows(a->row, b->row);
    default:
        return true;
    }
}

void wsl_migration_free(wsl_migration *m) { free(m); }

bool wsl_migration_is_identity(const wsl_migration *m) { return m->identity; }

wsl_status wsl_migration_new(const wsl_schema *from, const wsl_schema *to, wsl_migration **out_migration,
                             wsl_error *err)
{
    return wsl_migration_new_with(from, to, NULL, out_migration, err);
}

wsl_status wsl_migration_new_with(const wsl_schema *from, const wsl_schema *to, const wsl_field_past *pasts,
                                  wsl_migration **out_migration, wsl_error *err)
{
    WSL_TRY(wsl_evolution_check(from, to, pasts, err));
    wsl_migration *m = wsl_zalloc(sizeof *m + to->n_fields * sizeof m->field[0]);
    m->from = from;
    m->to = to;
    m->identity = same_rows(from, to);
    for (uint32_t i = 0; i < to->n_fields; i++) {
        const wsl_field_past *past = wsl_field_past_find(pasts, to->fields[i].name);
        m->field[i].from = wsl_evolution_source(from, to, i, pasts);
        m->field[i].same_bits =
            m->field[i].from >= 0 && same_bits(&from->fields[m->field[i].from].type, &to->fields[i].type);
        m->field[i].has_value =
            m->field[i].from < 0 && past != NULL && past->value != NULL &&
            wsl_past_value_of(&to->fields[i].type, past->value, &m->field[i].value, NULL) == WSL_OK;
    }
    *out_migration = m;
    return WSL_OK;
}

/* ---- rebuilding values ---- */

static uint64_t widen_float(uint64_t slot)
{
    const uint32_t bits = (uint32_t)slot;
    float f;
    uint64_t wide;
    memcpy(&f, &bits, sizeof f);
    const double d = (double)f;
    memcpy(&wide, &d, sizeof wide);
    return wide;
}

static bool is_widened_float(const wsl_type *a, const wsl_type *b)
{
    return a->id == WSL_T_FLOAT && b->id == WSL_T_DOUBLE;
}

static void convert_row(wsl_row_writer *w, const wsl_schema *to, const wsl_row *row, const wsl_schema *from);

static void convert_array(wsl_array_writer *w, const wsl_type *to, wsl_array a, const wsl_type *from)
{
    for (uint32_t j = 0; j < a.n && !w->overflow; j++) {
        if (wsl_array_is_null(a, j)) {
            continue;
        }
        if (same_bits(from, to)) {
            if (wsl_type_is_fixed(from)) {
                wsl_array_set_slot(w, j, wsl_array_slot(a, j));
            } else {
                wsl_array_set_str(w, j, wsl_array_str(a, j));
            }
        } else if (is_widened_float(from, to)) {
            wsl_array_set_slot(w, j, widen_float(wsl_array_slot(a, j)));
        } else if (from->id == WSL_T_DECIMAL) {
            wsl_array_set_decimal(w, j, to, wsl_array_decimal(a, j, from));
        } else if (from->id == WSL_T_ARRAY) {
            const wsl_array inner = wsl_array_array(a, j);
            wsl_array_writer iw = wsl_array_begin_array(w, inner.n);
            convert_array(&iw, to->element, inner, from->element);
            wsl_array_end_array(w, j, &iw);
        } else if (from->id == WSL_T_MAP) {
            const wsl_map inner = wsl_array_map(a, j);
            wsl_map_writer mw = wsl_array_begin_map(w, inner.keys.n);
            convert_array(&mw.keys, to->key, inner.keys, from->key);
            wsl_map_begin_values(&mw);
            convert_array(&mw.values, to->element, inner.values, from->element);
            wsl_array_end_map(w, j, &mw);
        } else {
            wsl_row_writer rw = wsl_array_begin_row(w, to->row->n_fields);
            convert_row(&rw, to->row, wsl_array_row(a, j), from->row);
            wsl_array_end_row(w, j, &rw);
        }
    }
}

/* Field `f` of `row`, which is not null and changes its bits, becomes field i. */
static void convert_field(wsl_row_writer *w, uint32_t i, const wsl_type *to, const wsl_row *row, uint32_t f,
                          const wsl_type *from)
{
    if (is_widened_float(from, to)) {
        wsl_row_set_slot(w, i, widen_float(row->slot[f]));
    } else if (from->id == WSL_T_DECIMAL) {
        wsl_row_set_decimal(w, i, to, wsl_row_decimal(row, f, from));
    } else if (from->id == WSL_T_ARRAY) {
        const wsl_array a = wsl_row_array(row, f);
        wsl_array_writer aw = wsl_row_begin_array(w, a.n);
        convert_array(&aw, to->element, a, from->element);
        wsl_row_end_array(w, i, &aw);
    } else if (from->id == WSL_T_MAP) {
        const wsl_map m = wsl_row_map(row, f);
        wsl_map_writer mw = wsl_row_begin_map(w, m.keys.n);
        convert_array(&mw.keys, to->key, m.keys, from->key);
        wsl_map_begin_values(&mw);
        convert_array(&mw.values, to->element, m.values, from->element);
        wsl_row_end_map(w, i, &mw);
    } else {
        wsl_row_writer rw = wsl_row_begin_row(w, to->row->n_fields);
        convert_row(&rw, to->row, wsl_row_row(row, f), from->row);
        wsl_row_end_row(w, i, &rw);
    }
}

static void copy_head(wsl_row *to, const wsl_row *from)
{
    to->op = from->op;
    to->flags = from->flags;
    to->key_hash = from->key_hash;
    to->timestamp = from->timestamp;
}

static void move_field(wsl_row_writer *w, uint32_t i, const wsl_type *to, const wsl_row *row, uint32_t f,
                       const wsl_schema *from, bool copy)
{
    const wsl_type *type = &from->fields[f].type;
    if (wsl_row_is_null(row, f, from->n_fields)) {
        return;
    }
    if (!copy) {
        convert_field(w, i, to, row, f, type);
    } else if (wsl_type_is_fixed(type)) {
        wsl_row_set_slot(w, i, row->slot[f]);
    } else {
        wsl_row_set_str(w, i, wsl_row_str(row, f));
    }
}

static void convert_row(wsl_row_writer *w, const wsl_schema *to, const wsl_row *row, const wsl_schema *from)
{
    if (w->overflow) {
        return;
    }
    copy_head(w->row, row);
    for (uint32_t i = 0; i < to->n_fields && !w->overflow; i++) {
        const int f = wsl_schema_find(from, to->fields[i].name);
        if (f >= 0) {
            const wsl_type *type = &to->fields[i].type;
            move_field(w, i, type, row, (uint32_t)f, from, same_bits(&from->fields[f].type, type));
        }
    }
}

static void set_value(wsl_row_writer *w, uint32_t i, const wsl_type *type, const wsl_past_value *value)
{
    if (type->id == WSL_T_DECIMAL) {
        wsl_row_set_decimal(w, i, type, value->number);
    } else if (wsl_type_is_fixed(type)) {
        wsl_row_set_slot(w, i, value->slot);
    } else {
        wsl_row_set_str(w, i, value->text);
    }
}

uint32_t wsl_migration_run(const wsl_migration *m, const wsl_row *row, void *out, uint32_t capacity)
{
    wsl_row_writer w;
    if (!wsl_row_writer_init(&w, out, capacity, m->to->n_fields)) {
        return 0;
    }
    copy_head(w.row, row);
    for (uint32_t i = 0; i < m->to->n_fields && !w.overflow; i++) {
        if (m->field[i].from >= 0) {
            move_field(&w, i, &m->to->fields[i].type, row, (uint32_t)m->field[i].from, m->from, m->field[i].same_bits);
        } else if (m->field[i].has_value) {
            set_value(&w, i, &m->to->fields[i].type, &m->field[i].value);
        }
    }
    return w.overflow ? 0 : w.row->size;
}
