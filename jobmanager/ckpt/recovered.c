/* What the next JobManager has to know of a job's checkpoints beyond what lies in their directories. */
#include <string.h>

#include "ckpt/storage.h"
#include "jobmanager/ckpt/coordinator_core.h"

uint64_t jm_coordinator_last_id(const jm_coordinator *c) { return c->last_id; }

void jm_coordinator_go_on_behind(jm_coordinator *c, uint64_t id) { c->last_id = id > c->last_id ? id : c->last_id; }

const char *jm_coordinator_stops_with(const jm_coordinator *c, uint64_t *out_checkpoint, bool *out_drain)
{
    for (const jm_pending *p = c->pending; p != NULL; p = p->next) {
        if (p->kind == WSL__PB__CHECKPOINT_KIND__STOP_SAVEPOINT) {
            *out_checkpoint = p->id;
            *out_drain = p->drain;
            return p->target;
        }
    }
    *out_checkpoint = c->stopped_id;
    *out_drain = false; /* whatever it was: it is over */
    return c->stopped_with;
}

const char *jm_coordinator_target(const jm_coordinator *c, uint64_t checkpoint)
{
    const jm_pending *p = jm_pending_find(c, checkpoint);
    return p == NULL ? NULL : p->target;
}

bool jm_savepoint_is_there(wsl_fs *fs, const char *directory, const wsl_id *job, uint64_t checkpoint)
{
    Wsl__Pb__CheckpointMeta *meta = NULL;
    if (directory[0] == '\0' || wsl_ckpt_load(fs, directory, &meta, NULL) != WSL_OK) {
        return false;
    }
    const bool same = meta->checkpoint == checkpoint && meta->job.len == sizeof job->bytes &&
                      memcmp(meta->job.data, job->bytes, sizeof job->bytes) == 0;
    wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
    return same;
}
