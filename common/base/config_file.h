/*
 * config_file - a YAML file into a wsl_config.
 *
 * Nested mappings are joined with dots as in Flink's config.yaml, lists of scalars with ';':
 *
 *     taskmanager:
 *       numberOfTaskSlots: 2            taskmanager.numberOfTaskSlots: 2
 *     io.tmp.dirs: [/a, /b]             io.tmp.dirs: /a;/b
 *
 * Everything else that YAML can say (anchors, aliases, tags, several documents, lists of lists) is an error, as are
 * a key that comes twice, a key without a value, unknown keys and bad values; errors name file and line.
 */
#pragma once
#include <stddef.h>

#include <wiesel/config.h>
#include <wiesel/status.h>

#include "base/fs.h"

enum { WSL_CONFIG_FILE_MAX = 1 << 20 };

/* On an error the config may hold some of the file's values. */
WSL_MUST_CHECK wsl_status wsl_config_read_file(wsl_config *config, wsl_fs *fs, const char *path, wsl_error *err);
/* name: stands in errors and origins, "wiesel.yaml" gives "wiesel.yaml:12". */
WSL_MUST_CHECK wsl_status wsl_config_read_text(wsl_config *config, const char *name, const char *text, size_t size,
                                               wsl_error *err);
