/* campaign_clicks - examples/clicks whose clicks are paced: tumbling windows, sessions, and windows made by hand of state and timers. */
#define PACED_SOURCE "clicks"
#include "paced_example.h"

#include "../../../examples/clicks/clicks.c"
