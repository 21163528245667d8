#include "jobmanager/artifacts.h"

#include <string.h>

#include "base/alloc.h"
#include "base/vec.h"

typedef struct artifact {
    wsl_id hash;
    uint64_t size;
} artifact;

struct jm_artifacts {
    wsl_fs *fs;
    char *dir;
    bool stays;
    artifact *all;
    uint32_t n;
};

jm_artifacts *jm_artifacts_new(wsl_fs *fs, const char *dir, bool stays)
{
    jm_artifacts *a = wsl_zalloc(sizeof *a);
    a->fs = fs;
    a->dir = wsl_strdup(dir);
    a->stays = stays;
    return a;
}

static char *path_of(const jm_artifacts *a, const wsl_id *hash)
{
    char text[WSL_ID_TEXT_SIZE];
    return wsl_asprintf("%s/%s.so", a->dir, wsl_id_text(hash, text));
}

void jm_artifacts_free(jm_artifacts *a)
{
    if (a == NULL) {
        return;
    }
    for (uint32_t i = 0; i < a->n && !a->stays; i++) {
        char *path = path_of(a, &a->all[i].hash);
        (void)a->fs->remove(a->fs, path, NULL);
        free(path);
    }
    if (a->n > 0 && !a->stays) {
        (void)a->fs->remove(a->fs, a->dir, NULL);
    }
    free(a->all);
    free(a->dir);
    free(a);
}

static const artifact *find(const jm_artifacts *a, const wsl_id *hash)
{
    for (uint32_t i = 0; i < a->n; i++) {
        if (wsl_id_equal(&a->all[i].hash, hash)) {
            return &a->all[i];
        }
    }
    return NULL;
}

bool jm_artifacts_has(const jm_artifacts *a, const wsl_id *hash) { return find(a, hash) != NULL; }

bool jm_artifacts_take_over(jm_artifacts *a, const wsl_id *hash)
{
    wsl_file_info info;
    if (find(a, hash) != NULL) {
        return true;
    }
    char *path = path_of(a, hash);
    const bool there = a->fs->stat(a->fs, path, &info, NULL) == WSL_OK && info.is_regular && info.size > 0;
    free(path);
    if (there) {
        a->all = wsl_realloc(a->all, (a->n + 1) * sizeof *a->all);
        a->all[a->n++] = (artifact){.hash = *hash, .size = info.size};
    }
    return there;
}

typedef struct sweeping {
    const jm_artifacts *a;
    WSL_VEC(char *) needless;
} sweeping;

static bool look_at(void *arg, const char *name, const wsl_file_info *info)
{
    sweeping *s = arg;
    wsl_id hash;
    char text[WSL_ID_TEXT_SIZE] = "";
    const bool named = strlen(name) == sizeof text - 1 + 3 && strcmp(name + sizeof text - 1, ".so") == 0;
    if (named) {
        memcpy(text, name, sizeof text - 1);
    }
    const bool ours = named && wsl_id_parse(text, &hash);
    if (info->is_regular && (ours ? find(s->a, &hash) == NULL : name[0] == '.' && strstr(name, ".tmp-") != NULL)) {
        char *path = wsl_asprintf("%s/%s", s->a->dir, name);
        wsl_vec_push(&s->needless, path);
    }
    return true;
}

void jm_artifacts_sweep(jm_artifacts *a)
{
    sweeping s = {.a = a};
    (void)a->fs->list(a->fs, a->dir, look_at, &s, NULL);
    for (uint32_t i = 0; i < s.needless.n; i++) {
        (void)a->fs->remove(a->fs, s.needless.items[i], NULL);
        free(s.needless.items[i]);
    }
    wsl_vec_fini(&s.needless);
}

static wsl_status write_file(jm_artifacts *a, const wsl_id *hash, const void *bytes, size_t size, wsl_error *err)
{
    WSL_TRY(a->fs->make_dirs(a->fs, a->dir, err));
    char *path = path_of(a, hash);
    const wsl_status status = wsl_fs_write_atomic(a->fs, path, bytes, size, err);
    free(path);
    return status;
}

wsl_status jm_artifacts_put(jm_artifacts *a, const void *bytes, size_t size, wsl_id *out_hash, wsl_error *err)
{
    if (size == 0) {
        return wsl_fail(err, WSL_INVALID, "the artifact is empty; send the bytes of a shared library");
    }
    if (size > JM_ARTIFACT_SIZE_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "the artifact has %zu bytes, the maximum is %d", size,
                        JM_ARTIFACT_SIZE_MAX);
    }
    const wsl_id hash = wsl_id_of_bytes(bytes, size);
    if (find(a, &hash) == NULL) {
        if (a->n == JM_ARTIFACTS_MAX) {
            return wsl_fail(err, WSL_NO_RESOURCE, "%d artifacts are kept already; restart the JobManager to clear them",
                            JM_ARTIFACTS_MAX);
        }
        const wsl_status status = write_file(a, &hash, bytes, size, err);
        if (status != WSL_OK) {
            return wsl_fail_prefix(err, status, "cannot keep the artifact");
        }
        a->all = wsl_realloc(a->all, (a->n + 1) * sizeof *a->all);
        a->all[a->n++] = (artifact){.hash = hash, .size = size};
    }
    *out_hash = hash;
    return WSL_OK;
}

wsl_status jm_artifacts_read(jm_artifacts *a, const wsl_id *hash, uint64_t offset, void *to, size_t size,
                             size_t *out_got, uint64_t *out_total, wsl_error *err)
{
    const artifact *found = find(a, hash);
    if (found == NULL) {
        return wsl_fail(err, WSL_NOT_FOUND, "there is no such artifact here");
    }
    size_t got = 0;
    if (offset < found->size) {
        WSL_AUTO(wsl_file) file = NULL;
        char *path = path_of(a, hash);
        const wsl_status status = a->fs->open(a->fs, path, WSL_OPEN_READ, &file, err);
        free(path);
        WSL_TRY(status);
        WSL_TRY(file->read_at(file, offset, to, size, &got, err));
    }
    *out_got = got;
    *out_total = found->size;
    return WSL_OK;
}
