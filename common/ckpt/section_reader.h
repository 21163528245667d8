/*
 * section_reader - the records of one section that are for one task.
 *
 *     open: the file is there, as long as said, its checksum right; then next, next, ... until there are no more
 *
 * Nothing of a file that does not check out is given out, and every record is checked before it is given out: size, tag, rows
 * that are rows of the section's schemas (common/data), key hashes that are right, key groups where they belong (if the section
 * has its max_parallelism). Damage is WSL_CORRUPT with path and offset. Memory: 1 MiB, or the largest record.
 *
 * Threads: one. Reads block.
 */
#pragma once
#include <wiesel/status.h>
#include <wiesel/type.h>

#include "base/fs.h"
#include "checkpoint.pb-c.h"
#include "ckpt/record.h"

/* Where a file is: malloc'ed. base: directory that relative paths begin at. */
char *wsl_state_file_path(const char *base, const Wsl__Pb__StateFile *file);
/* Checks a file whole: length and checksum. A file that is not there is WSL_CORRUPT as well. */
WSL_MUST_CHECK wsl_status wsl_state_file_check(wsl_fs *fs, const char *base, const Wsl__Pb__StateFile *file, wsl_error *err);

typedef struct wsl_section_reader wsl_section_reader;

void wsl_section_reader_free(wsl_section_reader *r);
/* All pointers outlive the reader. The section's own checksum is checked here, by reading it once. A section without bytes may
 * have any file. */
WSL_MUST_CHECK wsl_status wsl_section_reader_new(wsl_fs *fs, const char *base, const Wsl__Pb__StateFile *file,
                                                 const Wsl__Pb__Section *section, wsl_section_reader **out_reader,
                                                 wsl_error *err);
WSL_DEFINE_AUTO(wsl_section_reader)

/* The next record, valid until the next call; WSL_END: no more. KEYED and timers: *out_group is its key group; else 0. */
WSL_MUST_CHECK wsl_status wsl_section_reader_next(wsl_section_reader *r, const wsl_record **out_record,
                                                  uint32_t *out_group, wsl_error *err);
/* Schemas as they were when it was written; NULL: the section has none. */
const wsl_schema *wsl_section_key_schema(const wsl_section_reader *r);
const wsl_schema *wsl_section_value_schema(const wsl_section_reader *r, uint32_t state);
const wsl_schema *wsl_section_map_key_schema(const wsl_section_reader *r, uint32_t state);
