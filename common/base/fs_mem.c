/*
 * fs_mem - names and contents.
 *
 *     names     path -> node, sorted by path          what programs see
 *     durable   path -> node as of the last sync      what is left after a crash
 *     node      content, and content as of the last sync; counted
 *
 * sync of a file notes how much of its content is safe; sync_dir copies the names directly in that directory from
 * `names` to `durable`. Making a directory is durable at once (no test asks more of it).
 */
#include "base/fs_mem.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/vec.h"

enum { PATH_SIZE_MAX = 4096 };

typedef struct node {
    uint32_t refs;    /* by names, durable names and open files */
    uint32_t visible; /* of these, by names and open files: its content takes up room */
    bool is_dir;
    char *data;
    uint64_t size, capacity;
    char *synced_data; /* content at the last sync; NULL: none */
    uint64_t synced_size;
    int64_t mtime_ns;
} node;

typedef struct name {
    char *path; /* normal form */
    node *node;
} name;

typedef WSL_VEC(name) names;

struct wsl_mem_fs {
    wsl_fs fs; /* first */
    pthread_mutex_t lock;
    wsl_clock *clock;
    names names, durable; /* sorted by path */
    uint64_t used, capacity;
    uint64_t operations, fail_at;
    wsl_status fail_status;
    bool fail_for_ever, failed;
    uint32_t open_files;
};

typedef struct mem_file {
    wsl_file file; /* first */
    wsl_mem_fs *fs;
    node *node;
    char *path;
    bool can_write;
} mem_file;

static wsl_mem_fs *mem_of(wsl_fs *fs) { return (wsl_mem_fs *)fs; }

static void lock(wsl_mem_fs *m) { WSL_ASSERT(pthread_mutex_lock(&m->lock) == 0); }
static wsl_status unlock(wsl_mem_fs *m, wsl_status status)
{
    WSL_ASSERT(pthread_mutex_unlock(&m->lock) == 0);
    return status;
}

/* Counts an operation and gives the fault if it is the one. */
static wsl_status begin(wsl_mem_fs *m, const char *doing, const char *path, wsl_error *err)
{
    m->operations++;
    if (m->fail_at != 0 && (m->operations == m->fail_at || (m->fail_for_ever && m->operations > m->fail_at))) {
        m->failed = true;
        return wsl_fail(err, m->fail_status, "cannot %s %s: injected fault", doing, path);
    }
    return WSL_OK;
}

/* ---- paths and names ---- */

static wsl_status normalize(const char *path, char out[PATH_SIZE_MAX], wsl_error *err)
{
    size_t n = 0;
    for (const char *p = path; *p != '\0'; p++) {
        if (*p == '/' && (p[1] == '/' || (p[1] == '\0' && n != 0))) {
            continue;
        }
        if (n + 1 >= PATH_SIZE_MAX) {
            return wsl_fail(err, WSL_INVALID, "a path is longer than %d bytes: %.64s...", PATH_SIZE_MAX - 1, path);
        }
        out[n++] = *p;
    }
    if (n == 0) {
        return wsl_fail(err, WSL_NOT_FOUND, "an empty path names nothing");
    }
    out[n] = '\0';
    return WSL_OK;
}

/* The first name not less than path; *out_found if it is path. */
static uint32_t lower_bound(const names *all, const char *path, bool *out_found)
{
    uint32_t low = 0, high = all->n;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (strcmp(all->items[middle].path, path) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out_found = low < all->n && strcmp(all->items[low].path, path) == 0;
    return low;
}

static node *find(const names *all, const char *path)
{
    bool found;
    const uint32_t i = lower_bound(all, path, &found);
    return found ? all->items[i].node : NULL;
}

static void node_show(wsl_mem_fs *m, node *n)
{
    if (n->visible++ == 0) {
        m->used += n->size;
    }
}

static void node_hide(wsl_mem_fs *m, node *n)
{
    if (--n->visible == 0) {
        m->used -= n->size;
    }
}

static void node_unref(node *n)
{
    if (--n->refs == 0) {
        free(n->data);
        free(n->synced_data);
        free(n);
    }
}

/* One name, seen or durable, stops pointing at the node. */
static void release(wsl_mem_fs *m, const names *all, node *n)
{
    if (all == &m->names) {
        node_hide(m, n);
    }
    node_unref(n);
}

static void names_set(wsl_mem_fs *m, names *all, const char *path, node *n)
{
    n->refs++;
    if (all == &m->names) {
        node_show(m, n);
    }
    bool found;
    const uint32_t i = lower_bound(all, path, &found);
    if (found) {
        release(m, all, all->items[i].node);
        all->items[i].node = n;
        return;
    }
    wsl_vec_push(all, ((name){NULL, NULL}));
    memmove(&all->items[i + 1], &all->items[i], (all->n - 1 - i) * sizeof(name));
    all->items[i] = (name){wsl_strdup(path), n};
}

static void names_drop(wsl_mem_fs *m, names *all, const char *path)
{
    bool found;
    const uint32_t i = lower_bound(all, path, &found);
    if (found) {
        name dropped = all->items[i];
        wsl_vec_remove(all, i);
        release(m, all, dropped.node);
        free(dropped.path);
    }
}

static void names_clear(wsl_mem_fs *m, names *all)
{
    for (uint32_t i = 0; i < all->n; i++) {
        release(m, all, all->items[i].node);
        free(all->items[i].path);
    }
    wsl_vec_fini(all);
}

static node *node_new(wsl_mem_fs *m, bool is_dir)
{
    node *const n = wsl_zalloc(sizeof *n);
    n->is_dir = is_dir;
    n->mtime_ns = wsl_wall_ms(m->clock) * WSL_NS_PER_MS;
    return n;
}

static void add_dir(wsl_mem_fs *m, const char *path)
{
    node *const n = node_new(m, true);
    names_set(m, &m->names, path, n);
    names_set(m, &m->durable, path, n);
}

/* Is path directly in dir? Returns its last part, or NULL. */
static const char *name_in(const char *path, const char *dir)
{
    const size_t n = strcmp(dir, "/") == 0 ? 0 : strlen(dir);
    if (strcmp(dir, ".") == 0) {
        return strchr(path, '/') == NULL && strcmp(path, ".") != 0 ? path : NULL;
    }
    if (strncmp(path, dir, n) != 0 || path[n] != '/' || path[n + 1] == '\0') {
        return NULL;
    }
    return strchr(path + n + 1, '/') == NULL ? path + n + 1 : NULL;
}

/* The directory that holds path exists? */
static wsl_status check_parent(wsl_mem_fs *m, const char *path, const char *doing, wsl_error *err)
{
    char parent[PATH_SIZE_MAX];
    const char *const slash = strrchr(path, '/');
    const size_t size = slash != NULL ? (size_t)(slash - path) : 0;
    memcpy(parent, slash == NULL ? "." : path, slash == NULL ? 1 : size);
    parent[slash == NULL ? 1 : size] = '\0';
    const node *const n = find(&m->names, slash == path ? "/" : parent);
    return n != NULL && n->is_dir
               ? WSL_OK
               : wsl_fail(err, WSL_NOT_FOUND, "cannot %s %s: No such file or directory", doing, path);
}

/* ---- open files ---- */

static wsl_status mem_read_at(wsl_file *file, uint64_t offset, void *to, size_t size, size_t *out_got, wsl_error *err)
{
    mem_file *const f = (mem_file *)file;
    lock(f->fs);
    const wsl_status status = begin(f->fs, "read", f->path, err);
    if (status == WSL_OK) {
        const uint64_t left = offset < f->node->size ? f->node->size - offset : 0;
        const size_t n = left < size ? (size_t)left : size;
        if (n != 0) {
            memcpy(to, f->node->data + offset, n);
        }
        *out_got = n;
    }
    return unlock(f->fs, status);
}

/* To size; new bytes are 0. */
static void resize(wsl_mem_fs *m, node *n, uint64_t size)
{
    if (size > n->capacity) {
        n->capacity = size * 2 < 64 ? 64 : size * 2;
        n->data = wsl_realloc(n->data, n->capacity);
    }
    if (size > n->size) {
        memset(n->data + n->size, 0, size - n->size);
    }
    m->used += size;
    m->used -= n->size;
    n->size = size;
    n->mtime_ns = wsl_wall_ms(m->clock) * WSL_NS_PER_MS;
}

static uint64_t room(const wsl_mem_fs *m) { return m->used < m->capacity ? m->capacity - m->used : 0; }

static wsl_status write_locked(mem_file *f, const void *from, size_t size, wsl_error *err)
{
    WSL_TRY(begin(f->fs, "write to", f->path, err));
    if (!f->can_write) {
        return wsl_fail(err, WSL_IO, "cannot write to %s: it is open for reading", f->path);
    }
    const uint64_t at = f->node->size;
    const size_t n = size <= room(f->fs) ? size : (size_t)room(f->fs);
    if (n != 0) {
        resize(f->fs, f->node, at + n);
        memcpy(f->node->data + at, from, n);
    }
    return n == size ? WSL_OK : wsl_fail(err, WSL_NO_SPACE, "cannot write to %s: No space left on device", f->path);
}

static wsl_status mem_write(wsl_file *file, const void *from, size_t size, wsl_error *err)
{
    mem_file *const f = (mem_file *)file;
    lock(f->fs);
    return unlock(f->fs, write_locked(f, from, size, err));
}

static wsl_status mem_sync(wsl_file *file, wsl_error *err)
{
    mem_file *const f = (mem_file *)file;
    lock(f->fs);
    const wsl_status status = begin(f->fs, "sync", f->path, err);
    if (status == WSL_OK) {
        free(f->node->synced_data);
        f->node->synced_data = wsl_memdup(f->node->data, f->node->size);
        f->node->synced_size = f->node->size;
    }
    return unlock(f->fs, status);
}

static wsl_status truncate_locked(mem_file *f, uint64_t size, wsl_error *err)
{
    WSL_TRY(begin(f->fs, "truncate", f->path, err));
    if (!f->can_write) {
        return wsl_fail(err, WSL_IO, "cannot truncate %s: it is open for reading", f->path);
    }
    if (size > f->node->size && size - f->node->size > room(f->fs)) {
        return wsl_fail(err, WSL_NO_SPACE, "cannot truncate %s: No space left on device", f->path);
    }
    resize(f->fs, f->node, size);
    return WSL_OK;
}

static wsl_status mem_truncate(wsl_file *file, uint64_t size, wsl_error *err)
{
    mem_file *const f = (mem_file *)file;
    lock(f->fs);
    return unlock(f->fs, truncate_locked(f, size, err));
}

static wsl_status mem_size(wsl_file *file, uint64_t *out_size, wsl_error *err)
{
    mem_file *const f = (mem_file *)file;
    lock(f->fs);
    const wsl_status status = begin(f->fs, "look at", f->path, err);
    if (status == WSL_OK) {
        *out_size = f->node->size;
    }
    return unlock(f->fs, status);
}

static void mem_close(wsl_file *file)
{
    mem_file *const f = (mem_file *)file;
    lock(f->fs);
    node_hide(f->fs, f->node);
    node_unref(f->node);
    f->fs->open_files--;
    (void)unlock(f->fs, WSL_OK);
    free(f->path);
    free(f);
}

/* ---- the file system ---- */

static wsl_status open_locked(wsl_mem_fs *m, const char *path, wsl_open_mode mode, node **out_node, wsl_error *err)
{
    WSL_TRY(begin(m, "open", path, err));
    node *n = find(&m->names, path);
    if (n != NULL && n->is_dir) {
        return wsl_fail(err, WSL_INVALID, "cannot open %s as a file: it is a directory", path);
    }
    if (n != NULL && mode == WSL_OPEN_CREATE) {
        return wsl_fail(err, WSL_EXISTS, "cannot open for writing %s: File exists", path);
    }
    if (n == NULL && mode == WSL_OPEN_READ) {
        return wsl_fail(err, WSL_NOT_FOUND, "cannot open %s: No such file or directory", path);
    }
    if (n == NULL) {
        WSL_TRY(check_parent(m, path, "open for writing", err));
        n = node_new(m, false);
        names_set(m, &m->names, path, n);
    } else if (mode == WSL_OPEN_TRUNCATE) {
        resize(m, n, 0);
    }
    *out_node = n;
    return WSL_OK;
}

static wsl_status mem_open(wsl_fs *fs, const char *path, wsl_open_mode mode, wsl_file **out_file, wsl_error *err)
{
    wsl_mem_fs *const m = mem_of(fs);
    char normal[PATH_SIZE_MAX];
    WSL_TRY(normalize(path, normal, err));
    lock(m);
    node *n = NULL;
    const wsl_status status = open_locked(m, normal, mode, &n, err);
    if (status == WSL_OK && n != NULL) {
        n->refs++;
        node_show(m, n);
        mem_file *const f = wsl_zalloc(sizeof *f);
        f->file = (wsl_file){mem_read_at, mem_write, mem_sync, mem_truncate, mem_size, mem_close};
        f->fs = m;
        f->node = n;
        f->path = wsl_strdup(normal);
        f->can_write = mode != WSL_OPEN_READ;
        m->open_files++;
        *out_file = &f->file;
    }
    return unlock(m, status);
}

static wsl_file_info info_of(const node *n)
{
    return (wsl_file_info){.size = n->size, .mtime_ns = n->mtime_ns, .is_dir = n->is_dir, .is_regular = !n->is_dir};
}

static wsl_status stat_locked(wsl_mem_fs *m, const char *path, wsl_file_info *out_info, wsl_error *err)
{
    WSL_TRY(begin(m, "look at", path, err));
    const node *const n = find(&m->names, path);
    if (n == NULL) {
        return wsl_fail(err, WSL_NOT_FOUND, "cannot look at %s: No such file or directory", path);
    }
    *out_info = info_of(n);
    return WSL_OK;
}

static wsl_status mem_stat(wsl_fs *fs, const char *path, wsl_file_info *out_info, wsl_error *err)
{
    wsl_mem_fs *const m = mem_of(fs);
    char normal[PATH_SIZE_MAX];
    WSL_TRY(normalize(path, normal, err));
    lock(m);
    return unlock(m, stat_locked(m, normal, out_info, err));
}

typedef struct found {
    char *name;
    wsl_file_info info;
} found;
typedef WSL_VEC(found) founds;

static wsl_status list_locked(wsl_mem_fs *m, const char *dir, founds *out, wsl_error *err)
{
    WSL_TRY(begin(m, "list the directory", dir, err));
    const node *const n = find(&m->names, dir);
    if (n == NULL || !n->is_dir) {
        return wsl_fail(err, WSL_NOT_FOUND, "cannot list the directory %s: %s", dir,
                        n == NULL ? "No such file or directory" : "Not a directory");
    }
    for (uint32_t i = 0; i < m->names.n; i++) {
        const char *const last = name_in(m->names.items[i].path, dir);
        if (last != NULL) {
            wsl_vec_push(out, ((found){wsl_strdup(last), info_of(m->names.items[i].node)}));
        }
    }
    return WSL_OK;
}

/* fn is called without the lock: it may use the file system. */
static wsl_status mem_list(wsl_fs *fs, const char *dir, wsl_dir_fn fn, void *arg, wsl_error *err)
{
    wsl_mem_fs *const m = mem_of(fs);
    char normal[PATH_SIZE_MAX];
    WSL_TRY(normalize(dir, normal, err));
    founds all = {.n = 0};
    lock(m);
    const wsl_status status = unlock(m, list_locked(m, normal, &all, err));
    bool go_on = true;
    for (uint32_t i = 0; i < all.n; i++) {
        go_on = go_on && fn(arg, all.items[i].name, &all.items[i].info);
        free(all.items[i].name);
    }
    wsl_vec_fini(&all);
    return status;
}

static wsl_status make_dirs_locked(wsl_mem_fs *m, char *path, wsl_error *err)
{
    WSL_TRY(begin(m, "make the directory", path, err));
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != '\0') {
            continue;
        }
        const char end = *p;
        *p = '\0';
        const node *const n = find(&m->names, path);
        if (n == NULL) {
            add_dir(m, path);
        } else if (!n->is_dir) {
            return wsl_fail(err, WSL_EXISTS, "cannot make the directory %s: File exists", path);
        }
        *p = end;
        if (end == '\0') {
            return WSL_OK;
        }
    }
}

static wsl_status mem_make_dirs(wsl_fs *fs, const char *path, wsl_error *err)
{
    wsl_mem_fs *const m = mem_of(fs);
    char normal[PATH_SIZE_MAX];
    WSL_TRY(normalize(path, normal, err));
    lock(m);
    return unlock(m, make_dirs_locked(m, normal, err));
}

static bool has_children(const wsl_mem_fs *m, const char *dir)
{
    for (uint32_t i = 0; i < m->names.n; i++) {
        if (name_in(m->names.items[i].path, dir) != NULL) {
            return true;
        }
    }
    return false;
}

static wsl_status rename_locked(wsl_mem_fs *m, const char *from, const char *to, wsl_error *err)
{
    WSL_TRY(begin(m, "rename", from, err));
    node *const n = find(&m->names, from);
    if (n == NULL) {
        return wsl_fail(err, WSL_NOT_FOUND, "cannot rename %s to %s: No such file or directory", from, to);
    }
    WSL_TRY(check_parent(m, to, "rename to", err));
    const node *const target = find(&m->names, to);
    if (n->is_dir && has_children(m, from)) {
        return wsl_fail(err, WSL_UNSUPPORTED, "cannot rename %s to %s: the directory is not empty", from, to);
    }
    if (target != NULL && (target->is_dir || n->is_dir)) {
        return wsl_fail(err, WSL_EXISTS, "cannot rename %s to %s: File exists", from, to);
    }
    n->refs++;
    names_drop(m, &m->names, from);
    names_set(m, &m->names, to, n);
    node_unref(n);
    return WSL_OK;
}

static wsl_status mem_rename(wsl_fs *fs, const char *from, const char *to, wsl_error *err)
{
    wsl_mem_fs *const m = mem_of(fs);
    char normal_from[PATH_SIZE_MAX], normal_to[PATH_SIZE_MAX];
    WSL_TRY(normalize(from, normal_from, err));
    WSL_TRY(normalize(to, normal_to, err));
    lock(m);
    return unlock(m, rename_locked(m, normal_from, normal_to, err));
}

static wsl_status remove_locked(wsl_mem_fs *m, const char *path, wsl_error *err)
{
    WSL_TRY(begin(m, "remove", path, err));
    const node *const n = find(&m->names, path);
    if (n == NULL) {
        return wsl_fail(err, WSL_NOT_FOUND, "cannot remove %s: No such file or directory", path);
    }
    if (n->is_dir && has_children(m, path)) {
        return wsl_fail(err, WSL_IO, "cannot remove %s: Directory not empty", path);
    }
    const bool is_dir = n->is_dir;
    names_drop(m, &m->names, path);
    if (is_dir) {
        names_drop(m, &m->durable, path);
    }
    return WSL_OK;
}

static wsl_status mem_remove(wsl_fs *fs, const char *path, wsl_error *err)
{
    wsl_mem_fs *const m = mem_of(fs);
    char normal[PATH_SIZE_MAX];
    WSL_TRY(normalize(path, normal, err));
    lock(m);
    return unlock(m, remove_locked(m, normal, err));
}

static wsl_status sync_dir_locked(wsl_mem_fs *m, const char *dir, wsl_error *err)
{
    WSL_TRY(begin(m, "sync the directory", dir, err));
    const node *const n = find(&m->names, dir);
    if (n == NULL || !n->is_dir) {
        return wsl_fail(err, WSL_NOT_FOUND, "cannot sync the directory %s: No such file or directory", dir);
    }
    for (uint32_t i = m->durable.n; i-- > 0;) {
        char *const path = m->durable.items[i].path;
        if (name_in(path, dir) != NULL && find(&m->names, path) == NULL) {
            names_drop(m, &m->durable, path);
        }
    }
    for (uint32_t i = 0; i < m->names.n; i++) {
        if (name_in(m->names.items[i].path, dir) != NULL) {
            names_set(m, &m->durable, m->names.items[i].path, m->names.items[i].node);
        }
    }
    return WSL_OK;
}

static wsl_status mem_sync_dir(wsl_fs *fs, const char *dir, wsl_error *err)
{
    wsl_mem_fs *const m = mem_of(fs);
    char normal[PATH_SIZE_MAX];
    WSL_TRY(normalize(dir, normal, err));
    lock(m);
    return unlock(m, sync_dir_locked(m, normal, err));
}

/* ---- the object ---- */

wsl_mem_fs *wsl_mem_fs_new(wsl_clock *clock)
{
    wsl_mem_fs *const m = wsl_zalloc(sizeof *m);
    m->fs = (wsl_fs){mem_open, mem_stat, mem_list, mem_make_dirs, mem_rename, mem_remove, mem_sync_dir};
    WSL_ASSERT(pthread_mutex_init(&m->lock, NULL) == 0);
    m->clock = clock;
    m->capacity = UINT64_MAX;
    add_dir(m, "/");
    add_dir(m, ".");
    return m;
}

void wsl_mem_fs_free(wsl_mem_fs *m)
{
    if (m != NULL) {
        WSL_ASSERT(m->open_files == 0);
        names_clear(m, &m->names);
        names_clear(m, &m->durable);
        (void)pthread_mutex_destroy(&m->lock);
        free(m);
    }
}

wsl_fs *wsl_mem_fs_seam(wsl_mem_fs *m) { return &m->fs; }

void wsl_mem_fs_fail_at(wsl_mem_fs *m, uint64_t n, wsl_status status, bool for_ever)
{
    lock(m);
    m->operations = 0;
    m->fail_at = n;
    m->fail_status = status;
    m->fail_for_ever = for_ever;
    m->failed = false;
    (void)unlock(m, WSL_OK);
}

uint64_t wsl_mem_fs_operations(wsl_mem_fs *m)
{
    lock(m);
    const uint64_t operations = m->operations;
    (void)unlock(m, WSL_OK);
    return operations;
}

bool wsl_mem_fs_failed(wsl_mem_fs *m)
{
    lock(m);
    const bool failed = m->failed;
    (void)unlock(m, WSL_OK);
    return failed;
}

uint64_t wsl_mem_fs_used(wsl_mem_fs *m)
{
    lock(m);
    const uint64_t used = m->used;
    (void)unlock(m, WSL_OK);
    return used;
}

void wsl_mem_fs_set_capacity(wsl_mem_fs *m, uint64_t bytes)
{
    lock(m);
    m->capacity = bytes;
    (void)unlock(m, WSL_OK);
}

void wsl_mem_fs_crash(wsl_mem_fs *m)
{
    lock(m);
    WSL_ASSERT(m->open_files == 0);
    names_clear(m, &m->names);
    for (uint32_t i = 0; i < m->durable.n; i++) {
        node *const n = m->durable.items[i].node;
        names_set(m, &m->names, m->durable.items[i].path, n);
        if (!n->is_dir) {
            resize(m, n, n->synced_size);
            if (n->synced_size != 0) {
                memcpy(n->data, n->synced_data, n->synced_size);
            }
        }
    }
    (void)unlock(m, WSL_OK);
}
