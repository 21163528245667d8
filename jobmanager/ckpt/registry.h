/*
 * registry - who still needs which shared file.
 *
 *     acknowledgement of checkpoint n names f  -->  last use of f is n
 *     n becomes the oldest that is retained    -->  every f whose last use is before n is needless
 *
 * A checkpoint that is given up leaves its files registered: the task that wrote them may count on them in a later one. They
 * go when a later checkpoint is retained that does not use them. Files of one checkpoint alone (chk-N/) are not here, they go
 * with their directory.
 *
 * Threads: one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/macros.h>

typedef struct jm_registry jm_registry;

void jm_registry_free(jm_registry *r);
WSL_NEW_BY(jm_registry_free) jm_registry *jm_registry_new(void);
WSL_DEFINE_AUTO(jm_registry)

/* path: relative to the job's directory, "shared/..."; copied. */
void jm_registry_use(jm_registry *r, const char *path, uint64_t checkpoint);
bool jm_registry_has(const jm_registry *r, const char *path);
/* All of them, sorted as strcmp does: malloc'ed, with its texts. */
void jm_registry_paths(const jm_registry *r, char ***out_paths, uint32_t *out_n);
uint32_t jm_registry_size(const jm_registry *r);
/* `oldest` is the oldest checkpoint that is retained: what nobody uses since goes. *out_paths: malloc'ed, with its texts. */
void jm_registry_release(jm_registry *r, uint64_t oldest, char ***out_paths, uint32_t *out_n);
