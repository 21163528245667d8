/*
 * connectors - the built-in connectors, each a constant defined in its own folder. plugin/registry.h finds them by name.
 */
#pragma once
#include <wiesel/connector.h>

extern const wsl_source_class wsl_file_source;
extern const wsl_source_class wsl_socket_source;
extern const wsl_source_class wsl_datagen_source;
extern const wsl_source_class wsl_collection_source;

extern const wsl_sink_class wsl_print_sink;
extern const wsl_sink_class wsl_file_sink;
extern const wsl_sink_class wsl_blackhole_sink;
extern const wsl_sink_class wsl_collect_sink;
