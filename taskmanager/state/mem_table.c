/*
 * The bits of a hash. key group = high half of hash * max_parallelism; the low half, the place within the group, chooses
 * the segment by its top bits, so that splitting a segment is looking at one more bit. Tag and group of tags come from the
 * hash times an odd constant, whose top bits depend on all bits of the hash.
 *
 * An empty key group points to one constant segment of 16 empty places that is never written.
 */
#include "taskmanager/state/mem_table.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/state/tag_group.h"

enum { DIRECTORY_DEPTH_MAX = 20, LOG_MASK = 63 };

typedef struct segment {
    uint32_t used;
    uint32_t deleted;
    uint32_t log_groups;
    uint32_t depth; /* bits of the place that all its keys share */
    uint32_t limit; /* of used + deleted */
    uint32_t padding[11];
    _Alignas(64) uint8_t tags[]; /* a multiple of 64, then the entries */
} segment;

_Static_assert(sizeof(segment) == TM_SEGMENT_HEADER, "tags begin behind the header");

/* The bytes of a segment of 16 empty places; used, deleted and limit are 0. */
#define E16 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80
static const _Alignas(64) uint8_t nothing_bytes[TM_SEGMENT_HEADER + 64] = {[TM_SEGMENT_HEADER] = E16, E16, E16, E16};
#undef E16
static const segment *nothing(void) { return (const segment *)(const void *)nothing_bytes; }

/* ---- where a hash leads ---- */

typedef struct spot {
    tm_mem_group *group;
    uint32_t place; /* within the key group */
    uint8_t tag;
    uint32_t tags;  /* group of tags to begin at, before masking */
} spot;

static inline uint64_t mix(uint32_t hash) { return hash * UINT64_C(0x9E3779B97F4A7C15); }

static inline spot spot_of(const tm_mem_table *t, uint32_t hash)
{
    const uint64_t p = (uint64_t)hash * t->max_parallelism;
    const uint64_t m = mix(hash);
    return (spot){
        .group = &t->groups[(uint32_t)(p >> 32) - t->first_group],
        .place = (uint32_t)p,
        .tag = (uint8_t)(m >> 57),
        .tags = (uint32_t)(m >> 25),
    };
}

static inline uint64_t *directory_of(const spot *s)
{
    return &s->group->directory[(uint64_t)s->place >> s->group->shift];
}

static inline segment *segment_of(uint64_t directory) { return (segment *)(uintptr_t)(directory & ~(uint64_t)LOG_MASK); }
static inline uint32_t places_of(uint32_t log_groups) { return TM_TAGS << log_groups; }
static inline uint32_t tag_bytes(uint32_t log_groups)
{
    return places_of(log_groups) < 64 ? 64 : places_of(log_groups);
}

static inline uint8_t *entry_at(const tm_mem_table *t, segment *s, uint32_t log_groups, uint32_t i)
{
    return s->tags + tag_bytes(log_groups) + (size_t)i * t->stride;
}

static inline uint32_t hash_of(const tm_mem_table *t, const uint8_t *entry)
{
    return t->fast ? ((const tm_entry_fast *)(const void *)entry)->hash
                   : ((const tm_entry_general *)(const void *)entry)->hash;
}

/* ---- segments ---- */

static size_t segment_bytes(const tm_mem_table *t, uint32_t log_groups)
{
    const size_t bytes = TM_SEGMENT_HEADER + tag_bytes(log_groups) + (size_t)places_of(log_groups) * t->stride;
    return (bytes + 63) & ~(size_t)63;
}

static segment *segment_new(tm_mem_table *t, uint32_t log_groups, uint32_t depth)
{
    segment *s;
    if (log_groups > TM_SEGMENT_LOG_GROUPS) {
        s = aligned_alloc(64, segment_bytes(t, log_groups));
        WSL_ASSERT(s != NULL);
    } else if (t->free_segments[log_groups] != NULL) {
        s = t->free_segments[log_groups];
        memcpy(&t->free_segments[log_groups], s, sizeof(void *));
    } else {
        s = tm_region_alloc(t->region, segment_bytes(t, log_groups), 64);
    }
    *s = (segment){.log_groups = log_groups, .depth = depth, .limit = places_of(log_groups) / 8 * 7};
    memset(s->tags, TM_TAG_EMPTY, tag_bytes(log_groups));
    return s;
}

static void segment_release(tm_mem_table *t, segment *s)
{
    if (s == nothing()) {
        return;
    }
    const uint32_t log_groups = s->log_groups;
    if (log_groups > TM_SEGMENT_LOG_GROUPS) {
        free(s);
        return;
    }
    memcpy(s, &t->free_segments[log_groups], sizeof(void *));
    t->free_segments[log_groups] = s;
}

/* A free place for a hash; the segment has one. */
static uint32_t free_place(const segment *s, uint32_t tags)
{
    const uint32_t mask = (1u << s->log_groups) - 1;
    for (uint32_t g = tags & mask;; g = (g + 1) & mask) {
        const uint32_t found = tm_tags_free(s->tags + g * TM_TAGS);
        if (found != 0) {
            return g * TM_TAGS + (uint32_t)__builtin_ctz(found);
        }
    }
}

static void put_moved(tm_mem_table *t, segment *to, const uint8_t *entry)
{
    const uint64_t m = mix(hash_of(t, entry));
    const uint32_t i = free_place(to, (uint32_t)(m >> 25));
    to->tags[i] = (uint8_t)(m >> 57);
    to->used++;
    memcpy(entry_at(t, to, to->log_groups, i), entry, t->stride);
}

#define EACH_ENTRY(t, s, i, entry)                                                                                     \
    for (uint32_t i = 0; i < places_of((s)->log_groups); i++)                                                          \
        for (uint8_t *entry = (s)->tags[i] < TM_TAG_EMPTY ? entry_at(t, s, (s)->log_groups, i) : NULL; entry != NULL;  \
             entry = NULL)

/* ---- growing ---- */

/* All directory cells that lead to the segment of `s` with its `depth` bits get `to`. */
static void redirect(const spot *s, uint32_t depth, uint64_t to)
{
    tm_mem_group *g = s->group;
    const uint32_t cells = 1u << (g->depth - depth);
    const uint32_t first = (uint32_t)((uint64_t)s->place >> (32 - g->depth)) & ~(cells - 1);
    for (uint32_t i = 0; i < cells; i++) {
        g->directory[first + i] = to;
    }
}

static uint64_t directory_cell(const segment *s) { return (uint64_t)(uintptr_t)s | s->log_groups; }

static void rebuild(tm_mem_table *t, const spot *at, segment *old, uint32_t log_groups)
{
    segment *s = segment_new(t, log_groups, old->depth);
    EACH_ENTRY(t, old, i, entry) { put_moved(t, s, entry); }
    redirect(at, old->depth, directory_cell(s));
    segment_release(t, old);
}

static void double_directory(tm_mem_group *g)
{
    const uint32_t cells = 1u << g->depth;
    uint64_t *wider = wsl_calloc((size_t)cells * 2, sizeof *wider);
    for (uint32_t i = 0; i < cells; i++) {
        wider[2 * i] = wider[2 * i + 1] = g->directory[i];
    }
    if (g->directory != &g->one) {
        free(g->directory);
    }
    g->directory = wider;
    g->depth++;
    g->shift--;
}

/* The bit of the place that would tell an old segment's halves apart. */
static bool upper_half(const tm_mem_table *t, const segment *s, const uint8_t *entry)
{
    const uint32_t place = (uint32_t)((uint64_t)hash_of(t, entry) * t->max_parallelism);
    return place >> (31 - s->depth) & 1;
}

static bool can_split(const tm_mem_table *t, segment *s)
{
    uint32_t upper = 0;
    EACH_ENTRY(t, s, i, entry) { upper += upper_half(t, s, entry); }
    return s->depth < DIRECTORY_DEPTH_MAX && upper != 0 && upper != s->used;
}

static void split(tm_mem_table *t, const spot *at, segment *old)
{
    if (old->depth == at->group->depth) {
        double_directory(at->group);
    }
    segment *half[2] = {segment_new(t, old->log_groups, old->depth + 1), segment_new(t, old->log_groups, old->depth + 1)};
    EACH_ENTRY(t, old, i, entry) { put_moved(t, half[upper_half(t, old, entry)], entry); }
    const uint32_t bit = UINT32_C(1) << (31 - old->depth);
    const spot lower = {.group = at->group, .place = at->place & ~bit};
    const spot upper = {.group = at->group, .place = at->place | bit};
    redirect(&lower, old->depth + 1, directory_cell(half[0]));
    redirect(&upper, old->depth + 1, directory_cell(half[1]));
    segment_release(t, old);
}

static void make_room(tm_mem_table *t, const spot *at)
{
    segment *s = segment_of(*directory_of(at));
    if (s == nothing()) {
        redirect(at, 0, directory_cell(segment_new(t, 0, 0)));
    } else if (s->used < places_of(s->log_groups) / 2) {
        rebuild(t, at, s, s->log_groups); /* it is full of deleted places */
    } else if (s->log_groups >= TM_SEGMENT_LOG_GROUPS && can_split(t, s)) {
        split(t, at, s);
    } else {
        WSL_ASSERT(s->log_groups < TM_SEGMENT_LOG_GROUPS_MAX);
        rebuild(t, at, s, s->log_groups + 1);
    }
}

/* ---- lookups ---- */

/* What is known of a key of the block after looking at its hash. */
typedef struct loaded {
    const uint8_t *tags; /* of its group of places */
    uint64_t cell;       /* of its segment */
    uint8_t tag;
} loaded;

/* First pass: hashes, and their tags on the way to us. */
static bool load_hashes(const tm_mem_table *t, tm_key_ctx *kc, const wsl_row *const *rows, uint32_t n, loaded *out,
                        uint32_t *out_bad)
{
    const tm_mem_group *const groups = t->groups;
    const uint64_t max_parallelism = t->max_parallelism;
    const uint32_t first_group = t->first_group;
    const uint32_t n_groups = t->n_groups;
    for (uint32_t i = 0; i < n; i++) {
        const wsl_row *row = rows[i];
        const uint32_t hash = WSL_LIKELY(row->flags & WSL_ROW_KEYED) ? row->key_hash : wsl_key_hash(kc->spec, row);
        const uint64_t p = hash * max_parallelism;
        const uint32_t g = (uint32_t)(p >> 32) - first_group;
        if (WSL_UNLIKELY(g >= n_groups)) {
            *out_bad = i;
            return false;
        }
        const uint64_t cell = groups[g].directory[(p & UINT32_MAX) >> groups[g].shift];
        const uint64_t m = mix(hash);
        const uint64_t group_mask = (UINT64_C(1) << (cell & LOG_MASK)) - 1;
        const uint8_t *tags = segment_of(cell)->tags + ((m >> 25) & group_mask) * TM_TAGS;
        __builtin_prefetch(tags);
        kc->block_hash[i] = hash;
        out[i] = (loaded){.tags = tags, .cell = cell, .tag = (uint8_t)(m >> 57)};
    }
    return true;
}

/* Second pass: the first place with the right tag, and its entry on the way. */
static void load_entries(const tm_mem_table *t, tm_key_ctx *kc, uint32_t n, const loaded *keys)
{
    const uint32_t stride = t->stride;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t match = tm_tags_match(keys[i].tags, keys[i].tag);
        const uint32_t log_groups = (uint32_t)keys[i].cell & LOG_MASK;
        segment *s = segment_of(keys[i].cell);
        const size_t place = (size_t)(keys[i].tags - s->tags) + (uint32_t)__builtin_ctz(match | 1u << 16);
        uint8_t *entry = s->tags + tag_bytes(log_groups) + place * stride;
        __builtin_prefetch(entry, 1);
        if (stride > 64) {
            __builtin_prefetch(entry + 64, 1);
        }
        kc->block_entry[i] = match != 0 ? entry : NULL;
    }
}

/* Third pass: is it the key? What is not found here is looked up when it is asked for. */
static void check_fast(tm_key_ctx *kc, const wsl_row *const *rows, uint32_t n)
{
    const uint32_t field = kc->fast_field;
    for (uint32_t i = 0; i < n; i++) {
        const tm_entry_fast *e = kc->block_entry[i];
        if (WSL_LIKELY(e != NULL) &&
            WSL_UNLIKELY(e->slot != rows[i]->slot[field] || e->bits >> 31 != (rows[i]->nulls >> field & 1))) {
            kc->block_entry[i] = NULL;
        }
    }
}

bool tm_mem_table_load(tm_mem_table *t, tm_key_ctx *kc, const wsl_row *const *rows, uint32_t n, uint32_t *out_bad)
{
    loaded keys[TM_KEY_BLOCK];
    WSL_DEBUG_ASSERT(n <= TM_KEY_BLOCK);
    kc->n = n;
    if (!load_hashes(t, kc, rows, n, keys, out_bad)) {
        return false;
    }
    load_entries(t, kc, n, keys);
    if (t->fast) {
        check_fast(kc, rows, n);
    }
    return true;
}

uint8_t *tm_mem_table_find(tm_mem_table *t, const tm_key_ctx *kc)
{
    const spot at = spot_of(t, kc->hash);
    segment *s = segment_of(*directory_of(&at));
    const uint32_t mask = (1u << s->log_groups) - 1;
    for (uint32_t g = at.tags & mask;; g = (g + 1) & mask) {
        const uint8_t *tags = s->tags + g * TM_TAGS;
        for (uint32_t match = tm_tags_match(tags, at.tag); match != 0; match &= match - 1) {
            uint8_t *entry = entry_at(t, s, s->log_groups, g * TM_TAGS + (uint32_t)__builtin_ctz(match));
            if (tm_mem_key_equal(t, entry, kc)) {
                return entry;
            }
        }
        if (tm_tags_empty(tags) != 0) {
            return NULL;
        }
    }
}

static void write_key(tm_mem_table *t, uint8_t *entry, const tm_key_ctx *kc)
{
    if (t->fast) {
        *(tm_entry_fast *)(void *)entry = (tm_entry_fast){
            .slot = kc->row->slot[0], .hash = kc->hash, .bits = kc->row->nulls != 0 ? TM_ENTRY_NULL_KEY : 0};
        return;
    }
    tm_entry_general *e = (tm_entry_general *)(void *)entry;
    *e = (tm_entry_general){.hash = kc->hash, .key_size = tm_key_ctx_size(kc), .key_nulls = kc->row->nulls};
    void *to = e->key;
    if (e->key_size > TM_ENTRY_INLINE_KEY) {
        to = tm_slab_alloc(t->slab, e->key_size);
        e->key[0] = (uint64_t)(uintptr_t)to;
    }
    memcpy(to, tm_key_ctx_bytes(kc), e->key_size);
}

uint8_t *tm_mem_table_add(tm_mem_table *t, tm_key_ctx *kc)
{
    const spot at = spot_of(t, kc->hash);
    segment *s = segment_of(*directory_of(&at));
    while (s->used + s->deleted >= s->limit) { /* again if a split has left our half full */
        make_room(t, &at);
        tm_key_ctx_forget_entries(kc);
        s = segment_of(*directory_of(&at));
    }
    const uint32_t i = free_place(s, at.tags);
    s->deleted -= s->tags[i] == TM_TAG_DELETED;
    s->tags[i] = at.tag;
    s->used++;
    t->n_keys++;
    uint8_t *entry = entry_at(t, s, s->log_groups, i);
    write_key(t, entry, kc);
    return entry;
}

void tm_mem_table_remove(tm_mem_table *t, tm_key_ctx *kc, uint8_t *entry)
{
    const spot at = spot_of(t, kc->hash);
    segment *s = segment_of(*directory_of(&at));
    const uint32_t i = (uint32_t)((size_t)(entry - entry_at(t, s, s->log_groups, 0)) / t->stride);
    if (!t->fast) {
        const tm_entry_general *e = (const tm_entry_general *)(void *)entry;
        if (e->key_size > TM_ENTRY_INLINE_KEY) {
            tm_slab_release(t->slab, (void *)(uintptr_t)e->key[0], e->key_size);
        }
    }
    /* Nobody probed past a group that still has an empty place. */
    const bool probed_past = tm_tags_empty(s->tags + (i & ~(uint32_t)(TM_TAGS - 1))) == 0;
    s->tags[i] = probed_past ? TM_TAG_DELETED : TM_TAG_EMPTY;
    s->deleted += probed_past;
    s->used--;
    t->n_keys--;
    tm_key_ctx_forget_entries(kc);
}

/* ---- life ---- */

/* One cache line, or whole ones, if that costs little. */
static uint32_t stride_for(uint32_t bytes)
{
    const uint32_t lines = (bytes + 63) & ~UINT32_C(63);
    return (lines - bytes) * 4 <= bytes ? lines : (bytes + 7) & ~UINT32_C(7);
}

void tm_mem_table_init(tm_mem_table *t, tm_region *region, tm_slab *slab, const tm_key_ctx *kc, uint32_t payload)
{
    *t = (tm_mem_table){
        .region = region,
        .slab = slab,
        .fast = kc->fast,
        .stride = stride_for((kc->fast ? TM_ENTRY_FAST_HEADER : TM_ENTRY_GENERAL_HEADER) + payload),
        .max_parallelism = kc->max_parallelism,
        .first_group = kc->first_group,
        .n_groups = kc->n_groups,
        .groups = wsl_calloc(kc->n_groups == 0 ? 1 : kc->n_groups, sizeof *t->groups),
    };
    for (uint32_t i = 0; i < t->n_groups; i++) {
        t->groups[i].one = directory_cell(nothing());
        t->groups[i].directory = &t->groups[i].one;
        t->groups[i].shift = 32;
    }
}

void tm_mem_table_fini(tm_mem_table *t)
{
    for (uint32_t i = 0; t->groups != NULL && i < t->n_groups; i++) {
        tm_mem_group *g = &t->groups[i];
        const uint32_t cells = 1u << g->depth;
        segment *last = NULL;
        for (uint32_t c = 0; c < cells; c++) {
            segment *s = segment_of(g->directory[c]);
            if (s != last && s->log_groups > TM_SEGMENT_LOG_GROUPS) {
                free(s);
            }
            last = s;
        }
        if (g->directory != &g->one) {
            free(g->directory);
        }
    }
    free(t->groups);
    t->groups = NULL;
}
