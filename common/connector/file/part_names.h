/*
 * part_names - names of the part files of a file sink whose job takes checkpoints.
 *
 *     hidden    .part-<subtask>-<n>-<tag><suffix>.inprogress-<job id>-<uid>-<attempt>
 *     visible    part-<subtask>-<n>-<tag><suffix>
 *
 * tag: a hash of job, operator and attempt, so that no two writers ever choose the same name. uid: a hash of the operator's uid.
 * So whoever comes later can tell what it may remove: files of its own job and operator, of a subtask it takes over from, and of
 * an earlier attempt. The visible name is part of the hidden one: renaming twice is renaming once.
 *
 * Threads: any; no state.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { WSL_PART_NAME_MAX = 256 };

typedef struct wsl_part_owner {
    const char *job_id; /* 32 hex digits */
    const char *uid;    /* of the operator */
    uint32_t subtask;
    uint32_t attempt;
} wsl_part_owner;

typedef struct wsl_part_name {
    char job_id[33];
    uint32_t uid; /* hash */
    uint32_t subtask;
    uint32_t attempt;
    char visible[WSL_PART_NAME_MAX];
} wsl_part_name;

void wsl_part_name_hidden(const wsl_part_owner *owner, uint64_t number, const char *suffix, char out[WSL_PART_NAME_MAX]);
/* False: it is no hidden name of a part. Anything may be given. */
bool wsl_part_name_parse(const char *name, wsl_part_name *out);
/* Is it of that job and operator? */
bool wsl_part_name_is_of(const wsl_part_name *name, const wsl_part_owner *owner);
