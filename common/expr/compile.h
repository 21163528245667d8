/*
 * compile - typed trees to instructions.
 *
 * Threads: any.
 */
#pragma once
#include "expr/program.h"

/* Instruction i writes register i; some are needed by nobody. */
typedef struct wsl_code {
    wsl_ins *ins; /* free with free() */
    uint32_t n;
} wsl_code;

/* out_regs[i] is the register of roots[i]. */
WSL_MUST_CHECK wsl_status wsl_compile(const wsl_expr_source *src, wsl_arena *arena, wsl_node *const *roots,
                                      uint32_t n_roots, uint32_t *out_regs, wsl_code *out_code, wsl_error *err);
