/*
 * file_source.c - options of the file source, and the checks before a job starts.
 */
#include "connector/file/file_source.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "connector/connectors.h"
#include "connector/file/file_split.h"
#include "format/format.h"

/* clang-format off */
static const wsl_option options[] = {
    {.name = "path", .type = WSL_OPT_STRING, .required = true,
     .help = "A file, or a directory whose files are read in the order of their modification times. Names that start with '.' or '_' are passed over."},
    {.name = "watch", .type = WSL_OPT_DURATION, .min = "0", .max = "1d",
     .help = "Look for new files this often, for ever. Unset or 0: read what is there, then end. A file is read once, by its path; move files into place when they are complete.", .also = "source.monitor-interval"},
    {.name = "create", .type = WSL_OPT_BOOL, .default_value = "false",
     .help = "A watched directory may be missing at first."},
    {.name = "recursive", .type = WSL_OPT_BOOL, .default_value = "false",
     .help = "Read the files of nested directories, too."},
    {.name = "split-size", .type = WSL_OPT_SIZE, .default_value = "32mb", .min = "64kb", .max = "1tb",
     .help = "Larger files are read by several subtasks in ranges of this size. csv files are not split unless csv.quote = none and csv.header = false."},
    {.name = "remember-paths", .type = WSL_OPT_INT, .default_value = "100000", .min = "10", .max = "10000000",
     .help = "Paths of files already found that a watched source keeps; when there are more, the older half is replaced by a modification time before which files count as found."},
    {0},
};
/* clang-format on */

wsl_file_path wsl_file_path_of(const wsl_config *config)
{
    const char *text = wsl_config_str(config, "path");
    if (text == NULL) {
        text = "";
    }
    if (strncmp(text, "file://", 7) == 0) {
        text += 7;
    }
    size_t size = strlen(text);
    while (size > 1 && text[size - 1] == '/') {
        size--;
    }
    return (wsl_file_path){text, size};
}

static wsl_status missing(const char *path, bool watched, wsl_error *err)
{
    const char *start = path[0] == '/' ? "" : " (relative paths start where the cluster was started)";
    return wsl_fail(err, WSL_NOT_FOUND, "there is no file or directory '%s'%s; make it%s", path, start,
                    watched ? ", or set create = true to wait for it" : " or correct the option path");
}

static wsl_status validate(wsl_fs *fs, const wsl_config *config, const wsl_schema *schema, wsl_error *err)
{
    WSL_TRY(wsl_format_check(wsl_config_str(config, "format"), schema, config, err));
    const wsl_file_path p = wsl_file_path_of(config);
    if (p.size == 0 || p.size >= WSL_FILE_PATH_MAX) {
        return wsl_fail(err, WSL_INVALID, "option path has %zu bytes; 1 to %d are possible", p.size,
                        WSL_FILE_PATH_MAX - 1);
    }
    char path[WSL_FILE_PATH_MAX];
    memcpy(path, p.text, p.size);
    path[p.size] = '\0';
    const bool watched = wsl_config_duration_ns(config, "watch") > 0;
    if (wsl_config_bool(config, "create") && !watched) {
        return wsl_fail(err, WSL_INVALID, "create = true is for a watched directory; set the option watch, too");
    }
    wsl_file_info info;
    const wsl_status s = fs->stat(fs, path, &info, err);
    if (s == WSL_NOT_FOUND) {
        return watched && wsl_config_bool(config, "create") ? WSL_OK : missing(path, watched, err);
    }
    if (s == WSL_OK && watched && !info.is_dir) {
        return wsl_fail(err, WSL_INVALID, "'%s' is not a directory; only directories can be watched", path);
    }
    return s;
}

const wsl_source_class wsl_file_source = {
    .name = "file",
    .help = "Reads files: one, or those of a directory, which may be watched for new ones.",
    .options = options,
    .has_format = true,
    .enumerator = &wsl_file_enumerator,
    .reader = &wsl_file_reader,
    .validate = validate,
};
