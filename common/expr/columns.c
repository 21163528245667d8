/*
 * columns.c - writing is done column by column: first the size of every row, then the memory, then each column into all
 * rows. So the kind of a value is looked at once per column, not once per row.
 */
#include "expr/columns.h"

#include "base/alloc.h"
#include "data/row_nested.h"

void wsl_columns_fini(wsl_columns *c)
{
    wsl_program_free(c->program);
    c->program = NULL;
}

wsl_status wsl_columns_init(wsl_columns *c, const wsl_expr_source *src, wsl_arena *arena, const wsl_schema *input,
                            wsl_node *const *nodes, uint32_t n, wsl_error *err)
{
    wsl_node **computed = wsl_arena_alloc(arena, (n + 1) * sizeof *computed);
    uint32_t *regs = wsl_arena_alloc(arena, (n + 1) * sizeof *regs);
    uint32_t n_computed = 0;
    *c = (wsl_columns){.n = n, .in_fields = input->n_fields};
    c->type = wsl_arena_alloc(arena, (n + 1) * sizeof *c->type);
    c->direct = wsl_arena_alloc(arena, (n + 1) * sizeof *c->direct);
    c->reg = wsl_arena_alloc(arena, (n + 1) * sizeof *c->reg);
    for (uint32_t k = 0; k < n; k++) {
        c->type[k] = nodes[k]->type;
        c->direct[k] = nodes[k]->kind == WSL_NODE_COLUMN ? (int32_t)nodes[k]->column : -1;
        if (c->direct[k] < 0) {
            computed[n_computed++] = nodes[k];
        }
    }
    if (n_computed > 0) {
        WSL_TRY(wsl_program_new(src, arena, input, computed, n_computed, regs, &c->program, err));
    }
    for (uint32_t k = 0, at = 0; k < n; k++) {
        c->reg[k] = c->direct[k] < 0 ? regs[at++] : WSL_NO_REG;
    }
    return WSL_OK;
}

wsl_status wsl_columns_run(wsl_columns *c, const wsl_row *const *rows, uint32_t n, uint32_t *out_done,
                           uint32_t *out_fail_row, wsl_error *err)
{
    if (c->program == NULL) {
        *out_done = n < WSL_EXPR_SLICE ? n : WSL_EXPR_SLICE;
        return WSL_OK;
    }
    return wsl_program_run(c->program, rows, n, out_done, out_fail_row, err);
}

void wsl_field_value(const wsl_row *row, uint32_t f, uint32_t n_fields, const wsl_type *type, wsl_value *out)
{
    out->null = wsl_row_is_null(row, f, n_fields);
    if (out->null) {
        return;
    }
    switch (wsl_phys_of(type)) {
    case WSL_PHYS_DBL:
        out->d = type->id == WSL_T_FLOAT ? (double)wsl_row_float(row, f) : wsl_row_double(row, f);
        break;
    case WSL_PHYS_DEC:
        out->dec = wsl_row_decimal(row, f, type);
        break;
    case WSL_PHYS_STR:
        out->s = wsl_row_str(row, f);
        break;
    default:
        out->i = wsl_row_int64(row, f);
        break;
    }
}

void wsl_columns_value(const wsl_columns *c, const wsl_row *const *rows, uint32_t k, uint32_t i, wsl_value *out)
{
    if (c->direct[k] >= 0) {
        wsl_field_value(rows[i], (uint32_t)c->direct[k], c->in_fields, &c->type[k], out);
    } else {
        wsl_reg_value(wsl_program_reg(c->program, c->reg[k]), i, out);
    }
}

/* ---- writing ---- */

static uint64_t padded(uint32_t size) { return ((uint64_t)size + 7) & ~(uint64_t)7; }

/* Bytes of column k in the variable part, added to each row's size. */
static void add_sizes(const wsl_columns *c, uint32_t k, const wsl_row *const *rows, uint32_t n, uint64_t *size)
{
    if (wsl_type_is_fixed(&c->type[k])) {
        return;
    }
    if (c->direct[k] >= 0) {
        const uint32_t f = (uint32_t)c->direct[k];
        for (uint32_t i = 0; i < n; i++) {
            size[i] += padded((uint32_t)(rows[i]->slot[f] >> 32)); /* a null's slot is 0 */
        }
        return;
    }
    const wsl_reg *reg = wsl_program_reg(c->program, c->reg[k]);
    if (reg->phys == WSL_PHYS_DEC) {
        for (uint32_t i = 0; i < n; i++) {
            size[i] += 16;
        }
        return;
    }
    const wsl_str *s = reg->v;
    for (uint32_t i = 0; i < n; i++) {
        size[i] += reg->has_null && reg->null[i] ? 0 : padded(s[i].size);
    }
}

/* Appends bytes at row->size, where there is room for them. */
static void append(wsl_row *row, uint32_t k, const void *data, uint32_t size)
{
    const uint32_t at = row->size;
    uint8_t *to = (uint8_t *)row + at;
    if (size > 0) {
        memset(to + padded(size) - 8, 0, 8);
        memcpy(to, data, size);
    }
    row->slot[k] = (uint64_t)size << 32 | at;
    row->size = at + (uint32_t)padded(size);
}

static void set_null(wsl_row *row, uint32_t k, uint32_t n_fields)
{
    if (k < 32) {
        row->nulls |= 1u << k;
    } else {
        row->slot[n_fields + (k - 32) / 64] |= (uint64_t)1 << ((k - 32) % 64);
    }
    row->slot[k] = 0;
}

/* The same for bytes that come from a row: they are 8-aligned and padded, so whole words are copied. */
static void append_words(wsl_row *row, uint32_t k, wsl_str s)
{
    const uint32_t at = row->size;
    const uint32_t size = (uint32_t)padded(s.size);
    uint8_t *to = (uint8_t *)row + at;
    if (WSL_LIKELY(size <= 32)) {
        for (uint32_t w = 0; w < size; w += 8) {
            memcpy(to + w, s.data + w, 8);
        }
    } else {
        memcpy(to, s.data, size);
    }
    row->slot[k] = (uint64_t)s.size << 32 | at;
    row->size = at + size;
}

static void copy_column(const wsl_columns *c, uint32_t k, const wsl_row *const *rows, wsl_row *const *out, uint32_t n,
                        uint32_t nulls)
{
    const uint32_t f = (uint32_t)c->direct[k];
    if (wsl_type_is_fixed(&c->type[k])) {
        for (uint32_t i = 0; i < n; i++) {
            out[i]->slot[k] = rows[i]->slot[f];
        }
    } else {
        for (uint32_t i = 0; i < n; i++) {
            append_words(out[i], k, wsl_row_str(rows[i], f));
        }
    }
    if (f >= 32 || (nulls >> f & 1) != 0) {
        for (uint32_t i = 0; i < n; i++) {
            if (wsl_row_is_null(rows[i], f, c->in_fields)) {
                set_null(out[i], k, c->n);
            }
        }
    }
}

static uint64_t bits_of_double(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

static uint64_t bits_of_float(double d)
{
    const float f = (float)d;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

#define STORE_LOOP(ctype, expr)                                                                                        \
    do {                                                                                                               \
        const ctype *v = reg->v;                                                                                       \
        for (uint32_t i = 0; i < n; i++) {                                                                             \
            out[i]->slot[k] = expr;                                                                                    \
        }                                                                                                              \
    } while (0)

static void store_column(const wsl_columns *c, uint32_t k, wsl_row *const *out, uint32_t n)
{
    const wsl_reg *reg = wsl_program_reg(c->program, c->reg[k]);
    const wsl_type *type = &c->type[k];
    switch (reg->phys) {
    case WSL_PHYS_BOOL:
        STORE_LOOP(uint8_t, v[i]);
        break;
    case WSL_PHYS_INT:
        STORE_LOOP(int64_t, (uint64_t)v[i]);
        break;
    case WSL_PHYS_DBL:
        if (type->id == WSL_T_FLOAT) {
            STORE_LOOP(double, bits_of_float(v[i]));
        } else {
            STORE_LOOP(double, bits_of_double(v[i]));
        }
        break;
    case WSL_PHYS_DEC: {
        const __int128 *v = reg->v;
        for (uint32_t i = 0; i < n; i++) {
            if (wsl_type_is_fixed(type)) {
                out[i]->slot[k] = (uint64_t)v[i];
            } else if (!(reg->has_null && reg->null[i])) {
                append(out[i], k, &v[i], sizeof v[i]);
            }
        }
        break;
    }
    case WSL_PHYS_STR: {
        const wsl_str *v = reg->v;
        for (uint32_t i = 0; i < n; i++) {
            if (!(reg->has_null && reg->null[i])) {
                append(out[i], k, v[i].data, v[i].size);
            }
        }
        break;
    }
    }
    if (reg->has_null) {
        for (uint32_t i = 0; i < n; i++) {
            if (reg->null[i]) {
                set_null(out[i], k, c->n);
            }
        }
    }
}

static wsl_status alloc_rows(const wsl_columns *c, const wsl_row *const *rows, uint32_t n, const uint64_t *size,
                             wsl_expr_alloc_fn alloc, void *alloc_arg, wsl_row **out, uint32_t *out_fail_row,
                             wsl_error *err)
{
    const uint32_t fixed = wsl_row_fixed_size(c->n);
    for (uint32_t i = 0; i < n; i++) {
        if (WSL_UNLIKELY(size[i] > WSL_ROW_SIZE_MAX_DEFAULT)) {
            *out_fail_row = i;
            return wsl_fail(err, WSL_TOO_LARGE, "the resulting row has %llu bytes, at most %d are allowed",
                            (unsigned long long)size[i], WSL_ROW_SIZE_MAX_DEFAULT);
        }
        out[i] = alloc(alloc_arg, (uint32_t)size[i]);
        if (WSL_UNLIKELY(out[i] == NULL)) {
            *out_fail_row = i;
            return wsl_fail(err, WSL_NO_RESOURCE, "there is no room for a resulting row of %llu bytes",
                            (unsigned long long)size[i]);
        }
        const wsl_row *in = rows[i];
        *out[i] = (wsl_row){.size = fixed,
                            .op = in->op,
                            .flags = (uint16_t)(in->flags & ~WSL_ROW_KEYED),
                            .timestamp = in->timestamp};
        for (uint32_t w = c->n; w < (fixed - sizeof(wsl_row)) / 8; w++) {
            out[i]->slot[w] = 0; /* null words behind the slots */
        }
    }
    return WSL_OK;
}

wsl_status wsl_columns_write(const wsl_columns *c, const wsl_row *const *rows, uint32_t n, wsl_expr_alloc_fn alloc,
                             void *alloc_arg, const wsl_row **out_rows, uint32_t *out_fail_row, wsl_error *err)
{
    uint64_t size[WSL_EXPR_SLICE];
    wsl_row *out[WSL_EXPR_SLICE];
    const uint32_t fixed = wsl_row_fixed_size(c->n);
    uint32_t nulls = 0;
    for (uint32_t i = 0; i < n; i++) {
        size[i] = fixed;
        nulls |= rows[i]->nulls;
    }
    for (uint32_t k = 0; k < c->n; k++) {
        add_sizes(c, k, rows, n, size);
    }
    WSL_TRY(alloc_rows(c, rows, n, size, alloc, alloc_arg, out, out_fail_row, err));
    for (uint32_t k = 0; k < c->n; k++) {
        if (c->direct[k] >= 0) {
            copy_column(c, k, rows, out, n, nulls);
        } else {
            store_column(c, k, out, n);
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        out_rows[i] = out[i];
    }
    return WSL_OK;
}
