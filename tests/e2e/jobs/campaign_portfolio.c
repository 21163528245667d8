/* campaign_portfolio - examples/portfolio whose trades are paced. */
#define PACED_SOURCE "trades"
#include "paced_example.h"

#include "../../../examples/portfolio/portfolio.c"
