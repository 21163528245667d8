/*
 * elf - what a shared object says about itself, read from its bytes without running or loading anything of it.
 *
 * The bytes are a stranger's: every offset is checked against their number.
 *
 * Threads: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

typedef struct wsl_elf_symbol {
    const char *name; /* in: what to look for */
    bool found;       /* out: defined and visible to others */
    bool has_value;   /* out: its first four bytes are in the file ... */
    uint32_t value;   /*      ... and are this, as a little-endian number */
} wsl_elf_symbol;

/* Looks the symbols up in the dynamic symbol table. WSL_FORMAT, with a sentence that begins with `path`, if the bytes
 * are no shared object for this kind of machine. */
WSL_MUST_CHECK wsl_status wsl_elf_inspect(const char *path, const void *bytes, size_t size, wsl_elf_symbol *symbols,
                                          uint32_t n_symbols, wsl_error *err);
