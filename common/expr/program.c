/*
 * program.c - instructions to a program, and the loop that runs it.
 *
 * Instructions that nobody reads go, and registers are packed: a register's memory is used again after its last reader.
 * Constants keep theirs; they are filled here, once.
 */
#include "expr/program.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "expr/compile.h"
#include "expr/kernels.h"

enum { CACHE_LINE = 64, SCRATCH_CHUNK = 64 << 10 };

struct wsl_program {
    wsl_ins *ins;
    uint32_t n_ins;
    wsl_reg *reg; /* by instruction number while compiling; many share memory */
    uint8_t *memory;
    bool reads_nulls; /* some column read may be null */
    wsl_vm vm;
};

/* ---- packing ---- */

static size_t value_size(wsl_phys phys)
{
    static const size_t sizes[] = {[WSL_PHYS_BOOL] = 1,
                                   [WSL_PHYS_INT] = 8,
                                   [WSL_PHYS_DBL] = 8,
                                   [WSL_PHYS_DEC] = 16,
                                   [WSL_PHYS_STR] = sizeof(wsl_str)};
    return sizes[phys];
}

static void mark(bool *used, uint32_t reg)
{
    if (reg != WSL_NO_REG) {
        used[reg] = true;
    }
}

/* c of wsl_k_eq_short_str is a size, not a register. */
static uint32_t third_source(const wsl_ins *i) { return i->run == wsl_k_eq_short_str ? WSL_NO_REG : i->c; }

static void mark_sources(const wsl_ins *i, bool *used)
{
    mark(used, i->a);
    mark(used, i->b);
    mark(used, third_source(i));
    mark(used, i->mask);
    for (uint32_t k = 0; k < i->n_args; k++) {
        mark(used, i->args[k]);
    }
}

static void touch(uint32_t *last, uint32_t reg, uint32_t at)
{
    if (reg != WSL_NO_REG && last[reg] < at) {
        last[reg] = at;
    }
}

/* Memory of registers: offsets into one block, handed on after the last reader. Constants and results are kept. */
typedef struct packer {
    size_t size;
    uint32_t n_free[3];
    size_t *free_at[3]; /* by value size: 1, 8, 16 */
} packer;

static uint32_t size_class(wsl_phys phys) { return value_size(phys) == 1 ? 0 : value_size(phys) == 8 ? 1 : 2; }

/* Constants are written once, so theirs must not have been anybody's before. */
static size_t pack_take(packer *p, wsl_phys phys, bool constant)
{
    const uint32_t k = size_class(phys);
    if (!constant && p->n_free[k] > 0) {
        return p->free_at[k][--p->n_free[k]];
    }
    const size_t at = p->size;
    p->size += (value_size(phys) + 1) * WSL_EXPR_SLICE; /* values, then null bytes */
    return at;
}

static void fill_constant(wsl_reg *reg, const wsl_value *value)
{
    for (uint32_t i = 0; i < WSL_EXPR_SLICE; i++) {
        switch (reg->phys) {
        case WSL_PHYS_BOOL:
            ((uint8_t *)reg->v)[i] = !value->null && value->i != 0;
            break;
        case WSL_PHYS_INT:
            ((int64_t *)reg->v)[i] = value->null ? 0 : value->i;
            break;
        case WSL_PHYS_DBL:
            ((double *)reg->v)[i] = value->null ? 0 : value->d;
            break;
        case WSL_PHYS_DEC:
            ((__int128 *)reg->v)[i] = value->null ? 0 : value->dec;
            break;
        case WSL_PHYS_STR:
            ((wsl_str *)reg->v)[i] = value->null ? (wsl_str){"", 0} : value->s;
            break;
        }
        reg->null[i] = value->null;
    }
    reg->has_null = value->null;
}

/* offset[i] is where register i lies; SIZE_MAX for instructions nobody needs. */
static size_t pack(const wsl_code *c, const uint32_t *roots, uint32_t n_roots, size_t *offset)
{
    bool *used = wsl_calloc(c->n + 1, sizeof *used);
    uint32_t *last = wsl_calloc(c->n + 1, sizeof *last);
    packer p = {0};
    for (uint32_t k = 0; k < 3; k++) {
        p.free_at[k] = wsl_calloc(c->n + 1, sizeof *p.free_at[k]);
    }
    for (uint32_t r = 0; r < n_roots; r++) {
        mark(used, roots[r]);
    }
    for (uint32_t i = c->n; i-- > 0;) {
        if (used[i]) {
            mark_sources(&c->ins[i], used);
        }
    }
    for (uint32_t i = 0; i < c->n; i++) {
        if (used[i]) {
            const wsl_ins *ins = &c->ins[i];
            touch(last, ins->a, i);
            touch(last, ins->b, i);
            touch(last, third_source(ins), i);
            touch(last, ins->mask, i);
            for (uint32_t k = 0; k < ins->n_args; k++) {
                touch(last, ins->args[k], i);
            }
            if (ins->run == NULL) {
                last[i] = UINT32_MAX;
            }
        }
    }
    for (uint32_t r = 0; r < n_roots; r++) {
        last[roots[r]] = UINT32_MAX;
    }
    /* Readers in order of instruction: what is last read at i is free for i+1. */
    uint32_t *ending = wsl_alloc((c->n + 1) * sizeof *ending);
    uint32_t *chain = wsl_alloc((c->n + 1) * sizeof *chain);
    memset(ending, 0xff, (c->n + 1) * sizeof *ending);
    for (uint32_t i = 0; i < c->n; i++) {
        if (used[i] && last[i] < c->n) {
            chain[i] = ending[last[i]];
            ending[last[i]] = i;
        }
    }
    for (uint32_t i = 0; i < c->n; i++) {
        offset[i] = used[i] ? pack_take(&p, c->ins[i].phys, c->ins[i].run == NULL) : SIZE_MAX;
        for (uint32_t r = ending[i]; r != WSL_NO_REG; r = chain[r]) {
            const uint32_t k = size_class(c->ins[r].phys);
            p.free_at[k][p.n_free[k]++] = offset[r];
        }
    }
    for (uint32_t k = 0; k < 3; k++) {
        free(p.free_at[k]);
    }
    free(ending);
    free(chain);
    free(used);
    free(last);
    return p.size;
}

static wsl_program *finish(const wsl_code *c, const wsl_expr_source *src, const wsl_schema *input,
                           const uint32_t *roots, uint32_t n_roots)
{
    wsl_program *p = wsl_zalloc(sizeof *p);
    size_t *offset = wsl_calloc(c->n + 1, sizeof *offset);
    const size_t size = pack(c, roots, n_roots, offset);
    p->memory = aligned_alloc(CACHE_LINE, (size + CACHE_LINE) / CACHE_LINE * CACHE_LINE);
    WSL_ASSERT(p->memory != NULL);
    memset(p->memory, 0, (size + CACHE_LINE) / CACHE_LINE * CACHE_LINE);
    p->reg = wsl_calloc(c->n + 1, sizeof *p->reg);
    p->ins = wsl_calloc(c->n + 1, sizeof *p->ins);
    for (uint32_t i = 0; i < c->n; i++) {
        const wsl_ins *ins = &c->ins[i];
        if (offset[i] == SIZE_MAX) {
            continue;
        }
        uint8_t *at = p->memory + offset[i];
        p->reg[i] = (wsl_reg){at, at + value_size(ins->phys) * WSL_EXPR_SLICE, false, ins->phys};
        if (ins->run == NULL) {
            fill_constant(&p->reg[i], &ins->node->value);
        } else {
            p->ins[p->n_ins++] = *ins;
            p->reads_nulls |= ins->node != NULL && ins->node->kind == WSL_NODE_COLUMN;
        }
    }
    free(offset);
    p->vm = (wsl_vm){.reg = p->reg, .row_fields = input != NULL ? input->n_fields : 0, .src = src};
    p->vm.scratch = wsl_arena_new(SCRATCH_CHUNK);
    return p;
}

/* ---- entry ---- */

void wsl_program_free(wsl_program *p)
{
    if (p == NULL) {
        return;
    }
    wsl_arena_free(p->vm.scratch);
    free(p->ins);
    free(p->reg);
    free(p->memory);
    free(p);
}

wsl_status wsl_program_new(const wsl_expr_source *src, wsl_arena *arena, const wsl_schema *input,
                           wsl_node *const *roots, uint32_t n_roots, uint32_t *out_regs, wsl_program **out_program,
                           wsl_error *err)
{
    wsl_code code = {0};
    const wsl_status status = wsl_compile(src, arena, roots, n_roots, out_regs, &code, err);
    if (status == WSL_OK) {
        *out_program = finish(&code, src, input, out_regs, n_roots);
    }
    free(code.ins);
    return status;
}

const wsl_reg *wsl_program_reg(const wsl_program *p, uint32_t reg) { return &p->reg[reg]; }

/* One slice; strings of the one before are gone. */
static bool run_slice(wsl_program *p, const wsl_row *const *rows, uint32_t n, wsl_error *err)
{
    wsl_vm *vm = &p->vm;
    vm->rows = rows;
    vm->n = n;
    vm->err = err;
    vm->nulls = 0;
    err->status = WSL_OK;
    wsl_arena_reset(vm->scratch);
    if (p->reads_nulls) {
        uint32_t nulls = 0;
        for (uint32_t i = 0; i < n; i++) {
            nulls |= rows[i]->nulls;
        }
        vm->nulls = nulls;
    }
    for (uint32_t i = 0; i < p->n_ins; i++) {
        if (WSL_UNLIKELY(!p->ins[i].run(vm, &p->ins[i]))) {
            return false;
        }
    }
    return true;
}

/* Instructions run column by column, so the first failure found need not be of the first row that fails: go through the
 * rows up to it, one by one. */
static wsl_status first_failure(wsl_program *p, const wsl_row *const *rows, uint32_t *out_fail_row, wsl_error *err)
{
    const uint32_t known = p->vm.fail_row;
    wsl_error why = {0};
    uint32_t row = 0;
    while (run_slice(p, rows + row, 1, &why)) {
        WSL_ASSERT(row < known); /* what failed among others fails alone */
        row++;
    }
    *out_fail_row = row;
    if (err != NULL) {
        *err = why;
    }
    return why.status;
}

wsl_status wsl_program_run(wsl_program *p, const wsl_row *const *rows, uint32_t n, uint32_t *out_done,
                           uint32_t *out_fail_row, wsl_error *err)
{
    uint32_t slice = n < WSL_EXPR_SLICE ? n : WSL_EXPR_SLICE;
    wsl_error why = {0};
    while (!run_slice(p, rows, slice, &why)) {
        if (why.status != WSL_NO_RESOURCE || slice == 1) {
            return first_failure(p, rows, out_fail_row, err);
        }
        slice /= 2; /* too many long strings at a time */
    }
    *out_done = slice;
    return WSL_OK;
}

bool wsl_expr_fold(const wsl_expr_source *src, wsl_arena *arena, wsl_node *node, wsl_value *out, wsl_error *err)
{
    WSL_AUTO(wsl_program) p = NULL;
    uint32_t reg;
    const wsl_row *no_row = NULL;
    wsl_error why = {0};
    const wsl_status status = wsl_program_new(src, arena, NULL, &node, 1, &reg, &p, &why);
    node->memo_reg = 0;
    for (uint32_t i = 0; i < node->n; i++) {
        node->arg[i]->memo_reg = 0;
    }
    if (status != WSL_OK || !run_slice(p, &no_row, 1, &why)) {
        if (err != NULL) {
            *err = why;
        }
        return false;
    }
    wsl_reg_value(wsl_program_reg(p, reg), 0, out);
    const wsl_phys phys = wsl_program_reg(p, reg)->phys;
    if (phys == WSL_PHYS_STR && !out->null) {
        char *copy = wsl_arena_strndup(arena, out->s.data, out->s.size);
        out->s.data = copy;
    }
    return true;
}

char *wsl_call_alloc(wsl_call *c, uint64_t size)
{
    const size_t used = wsl_arena_used(c->vm->scratch);
    if (size > WSL_EXPR_SCRATCH_MAX || used + size > WSL_EXPR_SCRATCH_MAX) {
        (void)wsl_call_fail(c, WSL_NO_RESOURCE, "a string of %llu bytes, more than the %d that strings may take,",
                            (unsigned long long)size, WSL_EXPR_SCRATCH_MAX);
        return NULL;
    }
    return wsl_arena_alloc(c->vm->scratch, size > 0 ? size : 1);
}
