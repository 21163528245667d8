/*
 * migrate - rows written with one schema, read with another, by the rules of evolution.h: fields are matched by name, or by the
 * name they had; new ones get the value declared for them or null, missing ones are dropped, integers, floats and decimals are
 * widened, at every depth.
 *
 * Threads: a migration does not change after it was made. It borrows both schemas and what is declared about the past.
 */
#pragma once
#include <wiesel/row.h>

typedef struct wsl_migration wsl_migration;

void wsl_migration_free(wsl_migration *m);
WSL_DEFINE_AUTO(wsl_migration)
WSL_MUST_CHECK wsl_status wsl_migration_new(const wsl_schema *from, const wsl_schema *to, wsl_migration **out_migration,
                                            wsl_error *err);
/* pasts: ended by one without field; NULL: nothing is declared. */
WSL_MUST_CHECK wsl_status wsl_migration_new_with(const wsl_schema *from, const wsl_schema *to, const wsl_field_past *pasts,
                                                 wsl_migration **out_migration, wsl_error *err);
/* Rows are the same bytes in both schemas: nothing to do. */
bool wsl_migration_is_identity(const wsl_migration *m);

/* Writes `row` as a row of the new schema to `out` (8-aligned); op, timestamp and key hash are kept. Returns its size,
 * or 0 if it needs more than `capacity` bytes. */
uint32_t wsl_migration_run(const wsl_migration *m, const wsl_row *row, void *out, uint32_t capacity);
