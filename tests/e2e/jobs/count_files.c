/* count_files - files -> paced (paced.h) -> running count per key -> files: tests/jobs/count_events.h. */
#include "../../jobs/count_events.h"

#include "paced.h"

WSL_JOB(env, args)
{
    write_tallies(count_events(paced(read_events(env, args), args, "id")), args);
    return WSL_OK;
}
