/*
 * section_kind - what sections of a kind consist of.
 *
 * Threads: any; no state.
 */
#pragma once
#include <stdbool.h>

#include "checkpoint.pb-c.h"

/* Records by key group. */
static inline bool wsl_section_has_groups(const Wsl__Pb__Section *s)
{
    return s->kind == WSL__PB__SECTION_KIND__SECTION_KEYED || s->kind == WSL__PB__SECTION_KIND__SECTION_EVENT_TIMERS ||
           s->kind == WSL__PB__SECTION_KIND__SECTION_PROCESSING_TIMERS;
}
/* A list whose elements can be dealt out. */
static inline bool wsl_section_has_elements(const Wsl__Pb__Section *s)
{
    return s->kind == WSL__PB__SECTION_KIND__SECTION_LIST || s->kind == WSL__PB__SECTION_KIND__SECTION_UNION;
}
