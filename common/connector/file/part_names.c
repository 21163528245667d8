/*
 * part_names.c - see the header.
 */
#include "connector/file/part_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

enum { JOB_ID_SIZE = 32, HASH_SIZE = 8 };

static const char in_progress[] = ".inprogress-";

/* FNV-1a; a 0 byte behind each text. */
static uint32_t hash_text(uint32_t hash, const char *text)
{
    for (;; text++) {
        hash = (hash ^ (uint8_t)*text) * 16777619u;
        if (*text == '\0') {
            return hash;
        }
    }
}

static uint32_t hash_uid(const char *uid) { return hash_text(2166136261u, uid); }

static uint32_t tag_of(const wsl_part_owner *owner)
{
    char attempt[16];
    (void)snprintf(attempt, sizeof attempt, "%" PRIu32, owner->attempt);
    return hash_text(hash_text(hash_uid(owner->uid), owner->job_id), attempt);
}

void wsl_part_name_hidden(const wsl_part_owner *owner, uint64_t number, const char *suffix, char out[WSL_PART_NAME_MAX])
{
    (void)snprintf(out, WSL_PART_NAME_MAX,
                   ".part-%" PRIu32 "-%" PRIu64 "-%08" PRIx32 "%.32s%s%.32s-%08" PRIx32 "-%" PRIu32, owner->subtask,
                   number, tag_of(owner), suffix, in_progress, owner->job_id, hash_uid(owner->uid), owner->attempt);
}

/* The last place where that text stands, or NULL. */
static const char *find_last(const char *name, const char *text)
{
    const char *found = NULL;
    for (const char *at = name; (at = strstr(at, text)) != NULL; at++) {
        found = at;
    }
    return found;
}

static bool is_hex(const char *text, size_t size) { return strspn(text, "0123456789abcdef") >= size; }

static bool parse_u32(const char *text, size_t *out_used, uint32_t *out)
{
    int64_t value;
    if (!wsl_parse_int64(text, strlen(text), &value, out_used) || value < 0 || value > UINT32_MAX) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

bool wsl_part_name_parse(const char *name, wsl_part_name *out)
{
    static const char prefix[] = ".part-";
    const size_t prefix_size = sizeof prefix - 1;
    if (strlen(name) >= WSL_PART_NAME_MAX || strncmp(name, prefix, prefix_size) != 0 || strchr(name, '/') != NULL) {
        return false;
    }
    const char *end = find_last(name, in_progress);
    size_t used;
    if (end == NULL || !parse_u32(name + prefix_size, &used, &out->subtask) || name[prefix_size + used] != '-') {
        return false;
    }
    const char *job = end + sizeof in_progress - 1;
    if (!is_hex(job, JOB_ID_SIZE) || job[JOB_ID_SIZE] != '-') {
        return false;
    }
    const char *uid = job + JOB_ID_SIZE + 1;
    if (!is_hex(uid, HASH_SIZE) || uid[HASH_SIZE] != '-') {
        return false;
    }
    memcpy(out->job_id, job, JOB_ID_SIZE);
    out->job_id[JOB_ID_SIZE] = '\0';
    out->uid = 0;
    for (size_t i = 0; i < HASH_SIZE; i++) {
        out->uid = out->uid << 4 | (uint32_t)(uid[i] <= '9' ? uid[i] - '0' : uid[i] - 'a' + 10);
    }
    const char *attempt = uid + HASH_SIZE + 1;
    if (!parse_u32(attempt, &used, &out->attempt) || attempt[used] != '\0') {
        return false;
    }
    memcpy(out->visible, name + 1, (size_t)(end - name) - 1);
    out->visible[end - name - 1] = '\0';
    return true;
}

bool wsl_part_name_is_of(const wsl_part_name *name, const wsl_part_owner *owner)
{
    return name->uid == hash_uid(owner->uid) && strcmp(name->job_id, owner->job_id) == 0;
}
