/*
 * count_files - files -> paced (paced.h) -> running count per key -> files: tests/jobs/count_events.h.
 *
 *     --apart    every row says itself which count of its key it is: subtasks have nothing to do with each other
 */
#include "../../jobs/count_events.h"

#include "paced.h"

WSL_JOB(env, args)
{
    wsl_stream *events = paced(read_events(env, args), args, "id");
    write_tallies(wsl_arg_flag(args, "apart") ? number_events(events, false) : count_events(events), args);
    return WSL_OK;
}
