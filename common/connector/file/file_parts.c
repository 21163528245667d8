/*
 * file_parts.c - see the header.
 */
#include "connector/file/file_parts.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "connector/file/little_endian.h"

enum { VERSION = 1, PENDING = 1, OPEN = 2, NEXT = 3, PIECE_SIZE = 10 };

void wsl_file_parts_init(wsl_file_parts *p, wsl_sink_ctx *ctx, const char *dir)
{
    *p = (wsl_file_parts){
        .fs = ctx->fs,
        .dir = dir,
        .owner = {.job_id = ctx->job_id, .uid = ctx->operator_uid, .subtask = ctx->subtask, .attempt = ctx->attempt},
        .parallelism = ctx->parallelism,
    };
}

static char *path_of(const wsl_file_parts *p, const char *name) { return wsl_asprintf("%s/%s", p->dir, name); }

static void remove_quietly(const wsl_file_parts *p, const char *name)
{
    char *path = path_of(p, name);
    (void)p->fs->remove(p->fs, path, NULL);
    free(path);
}

static void fini_list(wsl_file_part_list *list)
{
    for (uint32_t i = 0; i < list->n; i++) {
        free(list->items[i].name);
    }
    wsl_vec_fini(list);
}

void wsl_file_parts_fini(wsl_file_parts *p)
{
    for (uint32_t i = 0; i < p->pending.n; i++) {
        if (p->pending.items[i].checkpoint == 0 && !p->pending.items[i].was_open) {
            remove_quietly(p, p->pending.items[i].name);
        }
    }
    fini_list(&p->pending);
    fini_list(&p->copied);
}

void wsl_file_parts_add(wsl_file_parts *p, char *name, uint64_t size, bool was_open)
{
    const wsl_file_part part = {.name = name, .size = size, .was_open = was_open};
    wsl_vec_push(&p->pending, part);
}

/* ---- prepare ---- */

static void save_piece(wsl_saver *save, const char *name, uint8_t kind, uint64_t size)
{
    wsl_strbuf bytes;
    wsl_strbuf_init(&bytes);
    wsl_strbuf_putc(&bytes, VERSION);
    wsl_strbuf_putc(&bytes, (char)kind);
    wsl_add_u64(&bytes, size);
    const wsl_split piece = {.name = name, .bytes = bytes.data, .size = (uint32_t)bytes.size};
    save->add(save, &piece);
    wsl_strbuf_fini(&bytes);
}

static void number_list(wsl_file_part_list *list, uint64_t checkpoint)
{
    for (uint32_t i = 0; i < list->n; i++) {
        if (list->items[i].checkpoint == 0) {
            list->items[i].checkpoint = checkpoint;
        }
    }
}

wsl_status wsl_file_parts_prepare(wsl_file_parts *p, uint64_t checkpoint, const char *open, uint64_t open_size,
                                  wsl_saver *save, wsl_error *err)
{
    if (p->new_names) {
        WSL_TRY(p->fs->sync_dir(p->fs, p->dir, err));
        p->new_names = false;
    }
    number_list(&p->pending, checkpoint);
    number_list(&p->copied, checkpoint);
    for (uint32_t i = 0; i < p->pending.n; i++) {
        save_piece(save, p->pending.items[i].name, PENDING, p->pending.items[i].size);
    }
    if (open != NULL) {
        save_piece(save, open, OPEN, open_size);
    }
    save_piece(save, "", NEXT, p->next_number);
    return WSL_OK;
}

/* ---- commit ---- */

static wsl_status rename_part(const wsl_file_parts *p, const char *hidden, const char *visible, uint64_t size,
                              wsl_error *err)
{
    wsl_file_info info;
    WSL_TRY(p->fs->stat(p->fs, hidden, &info, err));
    if (info.size != size) {
        return wsl_fail(err, WSL_STATE, "'%s' should have %" PRIu64 " bytes and has %" PRIu64 "; somebody wrote to it", hidden,
                        size, info.size);
    }
    const wsl_status s = p->fs->stat(p->fs, visible, &info, err);
    if (s == WSL_OK) {
        return wsl_fail(err, WSL_EXISTS, "'%s' is there already; nothing is written over, remove or move it", visible);
    }
    return s == WSL_NOT_FOUND ? p->fs->rename(p->fs, hidden, visible, err) : s;
}

/*
 * A hidden file that is gone was renamed: by us, by an earlier attempt, or by one that still runs and was told of the
 * checkpoint late. restored: the visible one may have been taken away since by whoever reads the results.
 */
static wsl_status commit_part(const wsl_file_parts *p, const wsl_file_part *part, bool restored, wsl_error *err)
{
    wsl_part_name name;
    wsl_file_info info;
    if (!wsl_part_name_parse(part->name, &name)) {
        return wsl_fail(err, WSL_CORRUPT, "'%.100s' is not the name of a part", part->name);
    }
    char *hidden = path_of(p, part->name);
    char *visible = path_of(p, name.visible);
    wsl_status s = rename_part(p, hidden, visible, part->size, err);
    if (s != WSL_OK && p->fs->stat(p->fs, hidden, &info, NULL) == WSL_NOT_FOUND &&
        (restored || p->fs->stat(p->fs, visible, &info, NULL) == WSL_OK)) {
        s = WSL_OK;
    }
    free(hidden);
    free(visible);
    return s;
}

wsl_status wsl_file_parts_commit(wsl_file_parts *p, uint64_t checkpoint, wsl_error *err)
{
    bool renamed = false;
    for (uint32_t i = 0; i < p->pending.n;) {
        wsl_file_part *part = &p->pending.items[i];
        if (checkpoint != UINT64_MAX && (part->checkpoint == 0 || part->checkpoint > checkpoint)) {
            i++;
            continue;
        }
        WSL_TRY(commit_part(p, part, false, err));
        renamed = true;
        free(part->name);
        wsl_vec_remove(&p->pending, i);
    }
    for (uint32_t i = p->copied.n; i-- > 0;) {
        wsl_file_part *part = &p->copied.items[i];
        wsl_part_name name;
        if (part->checkpoint != 0 && part->checkpoint <= checkpoint) {
            if (wsl_part_name_parse(part->name, &name) && wsl_part_name_is_of(&name, &p->owner)) {
                remove_quietly(p, part->name);
            }
            free(part->name);
            wsl_vec_remove(&p->copied, i);
        }
    }
    return renamed ? p->fs->sync_dir(p->fs, p->dir, err) : WSL_OK;
}

/* ---- restore ---- */

/* A part that a checkpoint found open is there, or (an older checkpoint is gone back to) was made visible since. */
static wsl_status restore_open(wsl_file_parts *p, const wsl_file_part *part, wsl_error *err)
{
    wsl_part_name name;
    wsl_file_info info;
    if (!wsl_part_name_parse(part->name, &name)) {
        return wsl_fail(err, WSL_CORRUPT, "'%.100s' is not the name of a part", part->name);
    }
    char *hidden = path_of(p, part->name);
    char *visible = path_of(p, name.visible);
    wsl_status s = p->fs->stat(p->fs, hidden, &info, err);
    if (s == WSL_OK && info.size >= part->size) {
        const wsl_file_part copied = {.name = wsl_strdup(part->name), .size = part->size};
        wsl_vec_push(&p->copied, copied);
    } else if (s == WSL_OK) {
        s = wsl_fail(err, WSL_STATE, "'%s' should have %" PRIu64 " bytes at least and has %" PRIu64 "; rows are lost", hidden,
                     part->size, info.size);
    } else if (s == WSL_NOT_FOUND) {
        s = p->fs->stat(p->fs, visible, &info, NULL);
        if (s != WSL_OK || info.size < part->size) {
            s = wsl_fail(err, WSL_STATE, "neither '%s' nor '%s' is there with %" PRIu64 " bytes at least; rows are lost", hidden,
                         visible, part->size);
        }
    }
    free(hidden);
    free(visible);
    return s;
}

static wsl_status restore_piece(wsl_file_parts *p, const wsl_split *piece, wsl_error *err)
{
    const uint8_t *bytes = (const uint8_t *)piece->bytes;
    if (piece->size != PIECE_SIZE || bytes[0] != VERSION) {
        return wsl_fail(err, WSL_FORMAT, "what a file sink saved of part '%.100s' cannot be read", piece->name);
    }
    const wsl_file_part part = {.name = (char *)(uintptr_t)piece->name, .size = wsl_u64_at(bytes + 2)};
    switch (bytes[1]) {
    case PENDING:
        return commit_part(p, &part, true, err);
    case OPEN:
        return restore_open(p, &part, err);
    case NEXT:
        p->next_number = part.size > p->next_number ? part.size : p->next_number;
        return WSL_OK;
    default:
        return wsl_fail(err, WSL_FORMAT, "what a file sink saved of part '%.100s' is of an unknown kind", piece->name);
    }
}

wsl_status wsl_file_parts_restore(wsl_file_parts *p, const wsl_split *pieces, uint32_t n, wsl_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        WSL_TRY(restore_piece(p, &pieces[i], err));
    }
    WSL_TRY(n > 0 ? p->fs->sync_dir(p->fs, p->dir, err) : WSL_OK);
    return wsl_file_parts_clean(p, err);
}

/* ---- what is left behind ---- */

typedef struct cleaning {
    const wsl_file_parts *p;
    WSL_VEC(char *) names;
} cleaning;

static bool is_copied(const wsl_file_parts *p, const char *name)
{
    for (uint32_t i = 0; i < p->copied.n; i++) {
        if (strcmp(p->copied.items[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* With another parallelism a subtask takes over from several, as pieces are dealt out: by the remainder. */
static bool see_name(void *arg, const char *name, const wsl_file_info *info)
{
    cleaning *c = (cleaning *)arg;
    const wsl_part_owner *owner = &c->p->owner;
    wsl_part_name part;
    (void)info;
    if (wsl_part_name_parse(name, &part) && wsl_part_name_is_of(&part, owner) && part.attempt < owner->attempt &&
        part.subtask % c->p->parallelism == owner->subtask && !is_copied(c->p, name)) {
        wsl_vec_push(&c->names, wsl_strdup(name));
    }
    return true;
}

wsl_status wsl_file_parts_clean(wsl_file_parts *p, wsl_error *err)
{
    cleaning c = {.p = p};
    const wsl_status s = p->fs->list(p->fs, p->dir, see_name, &c, err);
    for (uint32_t i = 0; i < c.names.n; i++) {
        if (s == WSL_OK) {
            remove_quietly(p, c.names.items[i]);
        }
        free(c.names.items[i]);
    }
    wsl_vec_fini(&c.names);
    return s;
}
