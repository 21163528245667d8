/*
 * pieces - see the header.
 */
#include "taskmanager/ops/pieces.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"

enum { PIECES_MAX = 1 << 24 };

/* ---- out ---- */

static void add(wsl_saver *saver, const wsl_split *piece)
{
    tm_piece_saver *s = (tm_piece_saver *)(void *)saver;
    const uint32_t name_size = (uint32_t)strlen(piece->name);
    wsl_strbuf bytes;
    wsl_strbuf_init(&bytes);
    wsl_strbuf_add(&bytes, &name_size, sizeof name_size);
    wsl_strbuf_add(&bytes, piece->name, name_size);
    wsl_strbuf_add(&bytes, piece->bytes, piece->size);
    tm_section_bytes(s->section, 0, s->number != NULL ? s->number(s->op, piece->name) : 0, bytes.data, bytes.size);
    wsl_strbuf_fini(&bytes);
}

void tm_piece_saver_init(tm_piece_saver *s, tm_snapshot *out, tm_op *op, const char *section,
                         int64_t (*number)(tm_op *op, const char *name))
{
    const tm_section_spec spec = {.kind = WSL__PB__SECTION_KIND__SECTION_SUBTASK, .name = section, .version = 1};
    *s = (tm_piece_saver){.saver = {.add = add}, .section = tm_snapshot_section(out, op, &spec), .op = op, .number = number};
}

/* ---- in ---- */

void tm_pieces_fini(tm_pieces *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        free((void *)(uintptr_t)p->items[i].name);
        free((void *)(uintptr_t)p->items[i].bytes);
    }
    free(p->items);
    free(p->numbers);
    *p = (tm_pieces){0};
}

static wsl_status take(tm_pieces *p, const wsl_record *record, wsl_error *err)
{
    uint32_t name_size = 0;
    const wsl_str all = record->tag == WSL_RECORD_BYTES ? wsl_record_bytes(record) : (wsl_str){0};
    if (all.size >= sizeof name_size) {
        memcpy(&name_size, all.data, sizeof name_size);
    }
    if (all.size < sizeof name_size || name_size > all.size - sizeof name_size || p->n == PIECES_MAX) {
        return wsl_fail(err, WSL_CORRUPT, "a piece of it is not one");
    }
    const char *name = all.data + sizeof name_size;
    const uint32_t size = all.size - (uint32_t)sizeof name_size - name_size;
    if ((p->n & (p->n - 1)) == 0) { /* a power of two, or none: full */
        const uint32_t capacity = p->n == 0 ? 1 : 2 * p->n;
        p->items = wsl_realloc(p->items, capacity * sizeof *p->items);
        p->numbers = wsl_realloc(p->numbers, capacity * sizeof *p->numbers);
    }
    p->numbers[p->n] = record->number;
    p->items[p->n++] = (wsl_split){wsl_strndup(name, name_size), wsl_memdup(name + name_size, size), size};
    return WSL_OK;
}

static wsl_status read_section(tm_pieces *p, const tm_restore_piece *section, const char *name, wsl_error *err)
{
    if (section->section->kind != WSL__PB__SECTION_KIND__SECTION_SUBTASK || strcmp(section->section->name, name) != 0) {
        return wsl_fail(err, WSL_INVALID, "there is state '%s' of it that it does not know", section->section->name);
    }
    if (section->section->version != 1) {
        return wsl_fail(err, WSL_UNSUPPORTED, "its state '%s' is of version %u, this build knows version 1", name,
                        section->section->version);
    }
    const wsl_record *record = NULL;
    uint32_t group;
    wsl_status status;
    while ((status = wsl_section_reader_next(section->reader, &record, &group, err)) == WSL_OK) {
        WSL_TRY(take(p, record, err));
    }
    return status == WSL_END ? WSL_OK : status;
}

wsl_status tm_pieces_read(tm_pieces *out, tm_restore *in, const char *section)
{
    tm_restore_piece piece;
    wsl_status status;
    while ((status = tm_restore_next(in, &piece)) == WSL_OK) {
        status = read_section(out, &piece, section, tm_restore_error(in));
        if (status != WSL_OK) {
            return tm_restore_failed(in, status);
        }
    }
    return status == WSL_END ? WSL_OK : status;
}
