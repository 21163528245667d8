/*
 * buffer_pool - the network memory of a TaskManager, and the shares of it that tasks hold.
 *
 * One region is mapped at start (reserved, touched only when used) and cut into buffers of equal size. A task reserves a
 * share when it is deployed, for its output or for the buffers of its inbound channels; when the region has not enough
 * left, deployment fails and says how much is needed. Take is for the share's owner only; release (data/buffer.h) works
 * from any thread: a lock-free stack the owner empties when its own list has run out.
 *
 * The share counts its buffers: freeing it waits for none, the last release of a freed share returns it.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <wiesel/status.h>

#include "base/waker.h"
#include "data/buffer.h"

typedef struct wsl_buffer_region wsl_buffer_region;

void wsl_buffer_region_free(wsl_buffer_region *region);
WSL_MUST_CHECK wsl_status wsl_buffer_region_new(size_t bytes, uint32_t buffer_size, wsl_buffer_region **out_region,
                                                wsl_error *err);
uint32_t wsl_buffer_region_buffer_size(const wsl_buffer_region *region);
uint32_t wsl_buffer_region_total(const wsl_buffer_region *region); /* buffers */
uint32_t wsl_buffer_region_free_count(wsl_buffer_region *region);  /* not reserved; any thread */

/* Any thread. */
WSL_MUST_CHECK wsl_status wsl_buffer_pool_new(wsl_buffer_region *region, uint32_t n, wsl_buffer_pool **out_pool,
                                              wsl_error *err);
void wsl_buffer_pool_free(wsl_buffer_pool *pool); /* owner; buffers still out come back later */

wsl_buffer *wsl_buffer_pool_take(wsl_buffer_pool *pool); /* owner; NULL: none free. used = 0 */
uint32_t wsl_buffer_pool_size(const wsl_buffer_pool *pool);
uint32_t wsl_buffer_pool_available(wsl_buffer_pool *pool); /* owner */
/* Called (by the releasing thread) when a buffer comes back to a pool that had none. */
void wsl_buffer_pool_on_available(wsl_buffer_pool *pool, wsl_waker waker);
