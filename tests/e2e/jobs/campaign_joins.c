/* campaign_joins - examples/joins whose trades are paced. */
#define PACED_SOURCE "trades"
#include "paced_example.h"

#include "../../../examples/joins/joins.c"
