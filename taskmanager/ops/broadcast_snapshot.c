/*
 * Broadcast states into a snapshot and out of it. They are small and written rarely, so they are put in whole, at once.
 */
#include <string.h>

#include "base/alloc.h"
#include "data/evolution.h"
#include "graph/job_graph.h"
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/row_migration.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/ops/broadcast.h"

static const wsl_state_desc *desc_of(const tm_broadcast *b, uint32_t i)
{
    return b->op.env.function->broadcast_states[i];
}

static void put_map(tm_broadcast *b, uint32_t i, tm_snapshot *out)
{
    const wsl_state_desc *d = desc_of(b, i);
    Wsl__Pb__StateDesc state = WSL__PB__STATE_DESC__INIT;
    Wsl__Pb__StateDesc *const states[] = {&state};
    state.name = wsl_strdup(d->name);
    state.kind = WSL_STATE_MAP;
    state.key = wsl_schema_to_pb(d->key);
    state.value = wsl_schema_to_pb(d->value);
    const tm_section_spec spec = {.kind = WSL__PB__SECTION_KIND__SECTION_BROADCAST,
                                  .name = state.name,
                                  .version = 1,
                                  .states = states,
                                  .n_states = 1};
    tm_section *section = tm_snapshot_section(out, &b->op, &spec);
    free(state.name);
    wsl__pb__schema__free_unpacked(state.key, NULL);
    wsl__pb__schema__free_unpacked(state.value, NULL);
    const wsl_row *key = NULL;
    const wsl_row *value = NULL;
    for (uint32_t at = 0; tm_broadcast_state_next(b->maps[i], &at, &key, &value);) {
        tm_section_entry(section, 0, 0, key, value);
    }
}

void tm_broadcast_snapshot(tm_broadcast *b, tm_snapshot *out)
{
    for (uint32_t i = 0; i < b->n_maps; i++) {
        put_map(b, i, out);
    }
}

static wsl_status add_entries(tm_broadcast_state *map, const tm_restore_piece *piece, tm_row_migration *keys,
                              tm_row_migration *values, wsl_error *err)
{
    for (;;) {
        const wsl_record *record = NULL;
        uint32_t group = 0;
        const wsl_status status = wsl_section_reader_next(piece->reader, &record, &group, err);
        if (status != WSL_OK) {
            return status == WSL_END ? WSL_OK : status;
        }
        WSL_TRY(tm_broadcast_state_put(map, tm_row_migration_run(keys, wsl_record_row(record)),
                                       tm_row_migration_run(values, wsl_record_second_row(record)), err));
    }
}

/* Keys that only changed their names are the same rows. */
static wsl_status init_keys(tm_row_migration *keys, const wsl_schema *from, const wsl_schema *to, wsl_error *err)
{
    bool same = false;
    if (from != NULL) {
        WSL_TRY(wsl_evolution_check_key(from, to, &same, err));
    }
    return same ? WSL_OK : tm_row_migration_init(keys, from, to, NULL, err);
}

static wsl_status restore_map(const wsl_state_desc *d, tm_broadcast_state *map, const tm_restore_piece *piece,
                              wsl_error *err)
{
    tm_row_migration keys = {0};
    tm_row_migration values = {0};
    wsl_status status = init_keys(&keys, wsl_section_map_key_schema(piece->reader, 0), d->key, err);
    if (status == WSL_OK) {
        status = tm_row_migration_init(&values, wsl_section_value_schema(piece->reader, 0), d->value, d->pasts, err);
    }
    if (status != WSL_OK) {
        status = wsl_fail_prefix(err, status, "the broadcast state '%s' cannot be read any more", d->name);
    } else {
        status = add_entries(map, piece, &keys, &values, err);
    }
    tm_row_migration_fini(&keys);
    tm_row_migration_fini(&values);
    return status;
}

wsl_status tm_broadcast_restore_piece(tm_broadcast *b, const tm_restore_piece *piece, bool *out_taken, wsl_error *err)
{
    *out_taken = false;
    if (piece->section->kind != WSL__PB__SECTION_KIND__SECTION_BROADCAST) {
        return WSL_OK;
    }
    for (uint32_t i = 0; i < b->n_maps; i++) {
        if (strcmp(desc_of(b, i)->name, piece->section->name) == 0) {
            *out_taken = true;
            return restore_map(desc_of(b, i), b->maps[i], piece, err);
        }
    }
    for (uint32_t i = 0; i < b->n_maps; i++) {
        if (desc_of(b, i)->was != NULL && strcmp(desc_of(b, i)->was, piece->section->name) == 0) {
            *out_taken = true;
            return restore_map(desc_of(b, i), b->maps[i], piece, err);
        }
    }
    return WSL_OK;
}
