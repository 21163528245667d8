#include "plugin/registry.h"

#include <string.h>

#include "connector/connectors.h"

static const wsl_source_class *const sources[] = {
    &wsl_file_source, &wsl_socket_source, &wsl_datagen_source, &wsl_collection_source, NULL,
};

static const wsl_sink_class *const sinks[] = {
    &wsl_print_sink, &wsl_file_sink, &wsl_blackhole_sink, &wsl_collect_sink, NULL,
};

const wsl_source_class *const *wsl_source_classes(void) { return sources; }
const wsl_sink_class *const *wsl_sink_classes(void) { return sinks; }

const wsl_source_class *wsl_source_class_find(const char *name)
{
    for (const wsl_source_class *const *s = sources; *s != NULL; s++) {
        if (strcmp((*s)->name, name) == 0) {
            return *s;
        }
    }
    return NULL;
}

const wsl_sink_class *wsl_sink_class_find(const char *name)
{
    for (const wsl_sink_class *const *s = sinks; *s != NULL; s++) {
        if (strcmp((*s)->name, name) == 0) {
            return *s;
        }
    }
    return NULL;
}
