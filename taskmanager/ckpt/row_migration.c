#include "taskmanager/ckpt/row_migration.h"

#include <stdlib.h>

#include "base/alloc.h"

enum { FIRST_BYTES = 1024 };

wsl_status tm_row_migration_init(tm_row_migration *m, const wsl_schema *from, const wsl_schema *to,
                                 const wsl_field_past *pasts, wsl_error *err)
{
    if (from == NULL) {
        return wsl_fail(err, WSL_CORRUPT, "it was stored without the schema of its rows");
    }
    WSL_TRY(wsl_migration_new_with(from, to, pasts, &m->migration, err));
    if (wsl_migration_is_identity(m->migration)) {
        wsl_migration_free(m->migration);
        m->migration = NULL;
    }
    return WSL_OK;
}

void tm_row_migration_fini(tm_row_migration *m)
{
    wsl_migration_free(m->migration);
    free(m->memory);
    *m = (tm_row_migration){0};
}

const wsl_row *tm_row_migration_run(tm_row_migration *m, const wsl_row *row)
{
    if (m->migration == NULL) {
        return row;
    }
    while (wsl_migration_run(m->migration, row, m->memory, m->capacity) == 0) {
        free(m->memory);
        m->capacity = m->capacity == 0 ? FIRST_BYTES : 2 * m->capacity;
        m->memory = wsl_alloc(m->capacity);
    }
    return (const wsl_row *)(const void *)m->memory;
}
