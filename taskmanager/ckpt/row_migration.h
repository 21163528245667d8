/*
 * row_migration - rows of state as they were written, brought to today's schema (data/migrate.h), in memory that grows.
 *
 * Threads: one owner. Embedded, zeroed.
 */
#pragma once
#include "data/migrate.h"

typedef struct tm_row_migration {
    wsl_migration *migration; /* NULL: rows are as they were */
    uint8_t *memory;
    uint32_t capacity;
} tm_row_migration;

/* Both schemas and pasts (NULL: none) outlive it. from == NULL (stored without schema): WSL_CORRUPT. WSL_TYPE: rows cannot be read
 * any more. */
WSL_MUST_CHECK wsl_status tm_row_migration_init(tm_row_migration *m, const wsl_schema *from, const wsl_schema *to,
                                                const wsl_field_past *pasts, wsl_error *err);
void tm_row_migration_fini(tm_row_migration *m);
/* The row itself, or one that is valid until the next call. */
const wsl_row *tm_row_migration_run(tm_row_migration *m, const wsl_row *row);
