/*
 * registry - the connectors that are linked in, by name.
 *
 * Threads: any; the tables are constants.
 */
#pragma once
#include <wiesel/connector.h>

/* NULL if there is none of that name. */
const wsl_source_class *wsl_source_class_find(const char *name);
const wsl_sink_class *wsl_sink_class_find(const char *name);

/* All of them, in a fixed order, ended by NULL: for help and documentation. */
const wsl_source_class *const *wsl_source_classes(void);
const wsl_sink_class *const *wsl_sink_classes(void);
