#include "jobmanager/ckpt/registry.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/map.h"

/* The value of a path is the id of its last use, never 0. */
struct jm_registry {
    wsl_str_map last_use;
};

static void *pack(uint64_t checkpoint) { return (void *)(uintptr_t)checkpoint; }
static uint64_t unpack(const void *value) { return (uint64_t)(uintptr_t)value; }

jm_registry *jm_registry_new(void) { return wsl_zalloc(sizeof(jm_registry)); }

void jm_registry_free(jm_registry *r)
{
    if (r != NULL) {
        wsl_str_map_fini(&r->last_use);
        free(r);
    }
}

void jm_registry_use(jm_registry *r, const char *path, uint64_t checkpoint)
{
    WSL_ASSERT(checkpoint != 0);
    const uint64_t before = unpack(wsl_str_map_get(&r->last_use, path));
    if (checkpoint > before) {
        (void)wsl_str_map_put(&r->last_use, path, pack(checkpoint));
    }
}

bool jm_registry_has(const jm_registry *r, const char *path) { return wsl_str_map_get(&r->last_use, path) != NULL; }

uint32_t jm_registry_size(const jm_registry *r) { return wsl_str_map_size(&r->last_use); }

void jm_registry_release(jm_registry *r, uint64_t oldest, char ***out_paths, uint32_t *out_n)
{
    char **paths = wsl_calloc((size_t)wsl_str_map_size(&r->last_use) + 1, sizeof *paths);
    uint32_t n = 0, at = 0;
    while (wsl_str_map_next(&r->last_use, &at)) {
        if (unpack(r->last_use.core.entries[at - 1].value) < oldest) {
            paths[n++] = wsl_strdup(wsl_str_map_key(&r->last_use, at));
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        (void)wsl_str_map_remove(&r->last_use, paths[i]);
    }
    *out_paths = paths;
    *out_n = n;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void jm_registry_paths(const jm_registry *r, char ***out_paths, uint32_t *out_n)
{
    char **paths = wsl_calloc((size_t)wsl_str_map_size(&r->last_use) + 1, sizeof *paths);
    uint32_t n = 0, at = 0;
    while (wsl_str_map_next(&r->last_use, &at)) {
        paths[n++] = wsl_strdup(wsl_str_map_key(&r->last_use, at));
    }
    if (n > 1) {
        qsort(paths, n, sizeof *paths, compare_paths);
    }
    *out_paths = paths;
    *out_n = n;
}
