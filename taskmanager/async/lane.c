#include "taskmanager/async/lane.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/loop.h"

struct tm_lane {
    tm_slot *slot;
    wsl_loop *loop;
};

static int64_t lane_step(void *arg) { return tm_slot_step(((tm_lane *)arg)->slot); }
static void lane_watch(void *arg, int fd) { wsl_loop_watch(((tm_lane *)arg)->loop, fd); }
static void lane_unwatch(void *arg, int fd) { wsl_loop_unwatch(((tm_lane *)arg)->loop, fd); }

wsl_status tm_lane_start(const tm_slot_options *options, uint32_t number, tm_lane **out_lane, wsl_error *err)
{
    WSL_AUTO(tm_lane) lane = wsl_zalloc(sizeof *lane);
    char name[16];
    (void)snprintf(name, sizeof name, "lane-%u", number);
    lane->slot = tm_slot_new(options);
    lane->loop = wsl_loop_new(options->clock, lane_step, lane, 0);
    tm_slot_bind(lane->slot, wsl_loop_waker(lane->loop), lane_watch, lane_unwatch, lane);
    WSL_TRY(wsl_loop_start(lane->loop, name, err));
    *out_lane = WSL_TAKE(lane);
    return WSL_OK;
}

tm_slot *tm_lane_slot(tm_lane *lane) { return lane->slot; }

void tm_lane_stop(tm_lane *lane) { wsl_loop_stop(lane->loop); }

void tm_lane_free(tm_lane *lane)
{
    if (lane == NULL) {
        return;
    }
    tm_lane_stop(lane);
    tm_slot_free(lane->slot);
    wsl_loop_free(lane->loop);
    free(lane);
}
