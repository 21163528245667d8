/*
 * file_source - inside of the file source: its two halves.
 */
#pragma once
#include <wiesel/connector.h>

extern const wsl_enumerator_class wsl_file_enumerator; /* file_enumerator.c */
extern const wsl_reader_class wsl_file_reader;         /* file_reader.c */

/* Option "path" without "file://" and slashes at the end. Points into the config. */
typedef struct wsl_file_path {
    const char *text;
    size_t size;
} wsl_file_path;
wsl_file_path wsl_file_path_of(const wsl_config *config);
