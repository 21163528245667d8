/*
 * connectors - the built-in sources and sinks, one const descriptor each. connector/builtin.h finds them by name.
 *
 * Threads: constants.
 */
#pragma once
#include <wiesel/connector.h>

extern const wsl_source_class wsl_file_source;       /* file/: files and directories, bounded or watched */
extern const wsl_source_class wsl_socket_source;     /* socket/: lines from a TCP connection */
extern const wsl_source_class wsl_datagen_source;    /* datagen/: rows by rule, with a rate */
extern const wsl_source_class wsl_collection_source; /* collection/: rows written in the job */

extern const wsl_sink_class wsl_print_sink;     /* print/: to the TaskManager's standard output */
extern const wsl_sink_class wsl_file_sink;      /* file/: part files, or one named file */
extern const wsl_sink_class wsl_blackhole_sink; /* blackhole/: counts and forgets */
extern const wsl_sink_class wsl_collect_sink;   /* collect/: to the client that submitted the job */
