/*
 * program - a compiled expression: a flat list of instructions over columns of values, run over slices of rows.
 *
 *     rows -> LOAD quantity -> r0     r2 = r0 > r1      keep rows where r2
 *             CONST 0       -> r1
 *
 * A register is a column of WSL_EXPR_SLICE values and null bytes. Each instruction computes its whole column: no branch
 * on a row, no jump. Where a row must not be evaluated (a branch of CASE it does not take, the right side of AND when
 * the left is false), the instruction has a mask: masked rows may hold any value, cannot fail, and dear functions skip
 * them.
 *
 * Rules that kernels keep: every row gets a valid value of its kind (an empty string, not garbage), also if it is null
 * or masked; a null boolean's value is 0; `null` counts only if has_null; dst is never one of the sources.
 *
 * Threads: one owner, as the expression it belongs to.
 */
#pragma once
#include "expr/types.h"

enum {
    WSL_EXPR_SLICE = 512,
    WSL_EXPR_SCRATCH_MAX = 64 << 20, /* bytes of strings made for one slice */
};
#define WSL_NO_REG UINT32_MAX

typedef struct wsl_vm wsl_vm;
typedef struct wsl_ins wsl_ins;
typedef struct wsl_call wsl_call;
typedef bool (*wsl_kernel)(wsl_vm *vm, const wsl_ins *ins); /* false: vm->fail_row says where */

/* One row of a function call. False: wsl_call_fail was called. Setting out->null gives NULL. */
typedef bool (*wsl_call_fn)(wsl_call *c, const wsl_value *a, wsl_value *out);

typedef struct wsl_reg {
    void *v;
    uint8_t *null;
    bool has_null;
    wsl_phys phys;
} wsl_reg;

struct wsl_ins {
    wsl_kernel run; /* NULL: a constant, its register was filled when the program was made */
    uint32_t dst;
    uint32_t a;
    uint32_t b;
    uint32_t c;
    uint32_t mask; /* register of booleans, or WSL_NO_REG */
    uint8_t op;    /* of kernels that have several */
    bool attempt;  /* inside TRY_CAST: a row that fails is null */
    wsl_phys phys; /* of dst */
    union {
        int64_t i;
        double d;
        const void *p;
    } k;                  /* constant operand, column, prepared pattern */
    const wsl_node *node; /* for types and messages */
    wsl_call_fn call;
    bool sees_nulls; /* the function wants null arguments, others give null for them */
    uint32_t n_args;
    const uint32_t *args;
};

struct wsl_vm {
    wsl_reg *reg;
    const wsl_row *const *rows;
    uint32_t n;          /* rows of the slice */
    uint32_t row_fields; /* fields of an input row */
    uint32_t nulls;      /* of all rows' headers, or-ed */
    wsl_arena *scratch;  /* strings of this slice */
    const wsl_expr_source *src;
    uint32_t fail_row;
    wsl_error *err;
};

struct wsl_call {
    wsl_vm *vm;
    const wsl_ins *ins;
    const wsl_node *node;
    uint32_t n; /* arguments */
    uint32_t row;
};

/* Ends the evaluation of this row with a message (or makes it NULL inside TRY_CAST); returns false. */
bool wsl_call_fail(wsl_call *c, wsl_status status, const char *format, ...) WSL_PRINTF(3, 4);
/* Memory for a result string, valid until the slice is done; NULL after wsl_call_fail if it is more than there may be.
 */
char *wsl_call_alloc(wsl_call *c, uint64_t size);

typedef struct wsl_program wsl_program;

void wsl_program_free(wsl_program *program);
WSL_DEFINE_AUTO(wsl_program)

/* Compiles typed trees; the arena and the source outlive the program. out_regs[i] is the register of roots[i]. */
WSL_MUST_CHECK wsl_status wsl_program_new(const wsl_expr_source *src, wsl_arena *arena, const wsl_schema *input,
                                          wsl_node *const *roots, uint32_t n_roots, uint32_t *out_regs,
                                          wsl_program **out_program, wsl_error *err);

/* Runs the program over the first rows: at most WSL_EXPR_SLICE, fewer if strings would need too much memory. *out_done
 * says how many; the registers then hold their values. On failure *out_fail_row is the first row that fails. */
WSL_MUST_CHECK wsl_status wsl_program_run(wsl_program *program, const wsl_row *const *rows, uint32_t n,
                                          uint32_t *out_done, uint32_t *out_fail_row, wsl_error *err);

const wsl_reg *wsl_program_reg(const wsl_program *program, uint32_t reg);

/* Value i of a register. Values are filled in place and read member by member: copying one whole right after a member
 * was written costs more than all the rest. */
void wsl_reg_value(const wsl_reg *reg, uint32_t i, wsl_value *out);

/* Evaluates a typed tree without columns. False if it fails; err then says why. */
bool wsl_expr_fold(const wsl_expr_source *src, wsl_arena *arena, wsl_node *node, wsl_value *out, wsl_error *err);
