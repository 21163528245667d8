#include "taskmanager/ops/lists_snapshot.h"

#include <string.h>

#include "base/alloc.h"
#include "graph/job_graph.h"
#include "taskmanager/ckpt/row_migration.h"

static Wsl__Pb__SectionKind kind_of(const tm_op_list *list)
{
    return tm_op_list_kind(list) == TM_OP_STATE_UNION ? WSL__PB__SECTION_KIND__SECTION_UNION
                                                      : WSL__PB__SECTION_KIND__SECTION_LIST;
}

static void put_list(const tm_op_list *list, tm_snapshot *out, tm_op *op)
{
    Wsl__Pb__StateDesc desc = WSL__PB__STATE_DESC__INIT;
    Wsl__Pb__StateDesc *const states[] = {&desc};
    desc.name = wsl_strdup(tm_op_list_name(list));
    desc.kind = WSL_STATE_LIST;
    desc.value = wsl_schema_to_pb(tm_op_list_schema(list));
    const tm_section_spec spec = {
        .kind = kind_of(list), .name = desc.name, .version = 1, .states = states, .n_states = 1};
    tm_section *section = tm_snapshot_section(out, op, &spec);
    free(desc.name);
    wsl__pb__schema__free_unpacked(desc.value, NULL);
    tm_op_list_walk walk = {0};
    for (const wsl_row *row; (row = tm_op_list_next(list, &walk)) != NULL;) {
        tm_section_row(section, WSL_RECORD_ELEMENT, 0, 0, row);
    }
}

void tm_op_lists_put(tm_op_lists *lists, tm_snapshot *out, tm_op *op)
{
    for (uint32_t i = 0; i < tm_op_lists_count(lists); i++) {
        put_list(tm_op_lists_at(lists, i), out, op);
    }
}

bool tm_op_lists_know(tm_op_lists *lists, const Wsl__Pb__Section *section)
{
    const bool list = section->kind == WSL__PB__SECTION_KIND__SECTION_LIST ||
                      section->kind == WSL__PB__SECTION_KIND__SECTION_UNION;
    const wsl_operator_state *desc = NULL;
    return list && tm_op_lists_for(lists, section->name, &desc) != NULL;
}

static wsl_status add_elements(tm_op_list *list, const tm_restore_piece *piece, tm_row_migration *m, wsl_error *err)
{
    for (;;) {
        const wsl_record *record = NULL;
        uint32_t group = 0;
        const wsl_status status = wsl_section_reader_next(piece->reader, &record, &group, err);
        if (status != WSL_OK) {
            return status == WSL_END ? WSL_OK : status;
        }
        if (record->tag != WSL_RECORD_ELEMENT) {
            return wsl_fail(err, WSL_CORRUPT, "the operator state '%s' has an element that is no row",
                            tm_op_list_name(list));
        }
        WSL_TRY(tm_op_list_add(list, tm_row_migration_run(m, wsl_record_row(record)), err));
    }
}

wsl_status tm_op_lists_take(tm_op_lists *lists, const tm_restore_piece *piece, wsl_error *err)
{
    const wsl_operator_state *desc = NULL;
    tm_op_list *list = tm_op_lists_for(lists, piece->section->name, &desc);
    if (kind_of(list) != piece->section->kind) {
        return wsl_fail(err, WSL_TYPE, "the operator state '%s' was a %s list when it was stored, and is a %s list now",
                        tm_op_list_name(list),
                        piece->section->kind == WSL__PB__SECTION_KIND__SECTION_UNION ? "union" : "split",
                        tm_op_list_kind(list) == TM_OP_STATE_UNION ? "union" : "split");
    }
    tm_row_migration m = {0};
    wsl_status status =
        tm_row_migration_init(&m, wsl_section_value_schema(piece->reader, 0), tm_op_list_schema(list), desc->pasts, err);
    if (status != WSL_OK) {
        status = wsl_fail_prefix(err, status, "the operator state '%s' cannot be read any more", tm_op_list_name(list));
    } else {
        status = add_elements(list, piece, &m, err);
    }
    tm_row_migration_fini(&m);
    return status;
}
