/*
 * section_kind - what sections of a kind consist of.
 *
 * Threads: any; no state.
 */
#pragma once
#include <stdbool.h>
#include <string.h>

#include "checkpoint.pb-c.h"

/* Records by key group. */
static inline bool wsl_section_has_groups(const Wsl__Pb__Section *s)
{
    return s->kind == WSL__PB__SECTION_KIND__SECTION_KEYED || s->kind == WSL__PB__SECTION_KIND__SECTION_EVENT_TIMERS ||
           s->kind == WSL__PB__SECTION_KIND__SECTION_PROCESSING_TIMERS;
}
/* Do both hold layers of the same: "state", and "state+" beside it? */
static inline bool wsl_section_same_layers(const Wsl__Pb__Section *a, const Wsl__Pb__Section *b)
{
    const size_t n = strlen(a->name), m = strlen(b->name);
    const size_t na = n > 1 && a->name[n - 1] == '+' ? n - 1 : n, nb = m > 1 && b->name[m - 1] == '+' ? m - 1 : m;
    return a->kind == b->kind && na == nb && strncmp(a->name, b->name, na) == 0;
}
/* A list whose elements can be dealt out. */
static inline bool wsl_section_has_elements(const Wsl__Pb__Section *s)
{
    return s->kind == WSL__PB__SECTION_KIND__SECTION_LIST || s->kind == WSL__PB__SECTION_KIND__SECTION_UNION;
}
