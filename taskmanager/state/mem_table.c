/*
 * The bits of a hash. key group = high half of hash * max_parallelism; the low half, the place within the group,
 * chooses the segment by its top bits, so that splitting a segment is looking at one more bit. Tag and group of tags
 * are the top bits of the hash times an odd constant, which depend on all bits of the hash.
 *
 * An empty key group points to one constant segment of 16 empty places that is never written.
 */
#include "taskmanager/state/mem_table.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/state/mem_segment.h"
#include "taskmanager/state/mem_snapshot.h"

enum { DIRECTORY_DEPTH_MAX = 20, PREFETCH_MAX = 192 };

/* The bytes of a segment of 16 empty places; used, deleted and limit are 0. */
#define E16 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80
static const _Alignas(64) uint8_t nothing_bytes[TM_SEGMENT_HEADER + 64] = {[TM_SEGMENT_HEADER] = E16, E16, E16, E16};
#undef E16
static const tm_segment *nothing(void) { return (const tm_segment *)(const void *)nothing_bytes; }

/* What load knows of the rows of a batch whose turn has not come. */
struct tm_mem_ahead {
    uint32_t n_tags;              /* rows whose tags are known; kc->n_loaded: whose entries are */
    uint32_t group[TM_KEY_BLOCK]; /* directory */
    uint32_t place[TM_KEY_BLOCK];
    uint32_t mixed[TM_KEY_BATCH];
    const uint8_t *tags[TM_KEY_BATCH]; /* of its group of places */
    uint8_t *entries[TM_KEY_BATCH];    /* ... and their entries */
};

tm_mem_ahead *tm_mem_ahead_new(void) { return wsl_zalloc(sizeof(tm_mem_ahead)); }
void tm_mem_ahead_free(tm_mem_ahead *ahead) { free(ahead); }

/* ---- where a hash leads ---- */

typedef struct spot {
    tm_mem_group *group;
    uint32_t place; /* within the directory's key groups */
    uint32_t mixed; /* the hash again: tag and group of tags */
} spot;

static inline uint32_t mix(uint32_t hash) { return hash * UINT32_C(0x9E3779B9); }
static inline uint8_t tag_of(uint32_t mixed) { return (uint8_t)(mixed >> 25); }
/* The group of tags to begin at. */
static inline uint32_t group_of(uint32_t mixed, uint32_t log_groups)
{
    return (uint32_t)((uint64_t)(uint32_t)(mixed << 7) >> (32 - log_groups));
}

static inline spot spot_of(const tm_mem_table *t, uint32_t hash)
{
    const uint64_t p = tm_position_of(t, hash);
    return (spot){.group = &t->groups[p >> 32], .place = (uint32_t)p, .mixed = mix(hash)};
}

static inline tm_mem_cell *cell_of(const spot *s)
{
    return &s->group->directory[(uint64_t)s->place >> s->group->shift];
}

/* ---- segments ---- */

static size_t round_to_line(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

/* Whole cache lines, used again by size. */
static void *take_block(tm_mem_table *t, tm_region *region, void **free_list, uint32_t log_groups, size_t bytes)
{
    if (log_groups > TM_SEGMENT_LOG_GROUPS) {
        void *block = aligned_alloc(64, bytes);
        WSL_ASSERT(block != NULL);
        return block;
    }
    tm_free_block *block = free_list[log_groups];
    if (block == NULL) {
        return tm_region_alloc(region, bytes, 64);
    }
    free_list[log_groups] = block->next;
    t->returned -= block->returned;
    return block;
}

static void give_block(void **free_list, uint32_t log_groups, void *block)
{
    if (log_groups > TM_SEGMENT_LOG_GROUPS) {
        free(block);
        return;
    }
    *(tm_free_block *)block = (tm_free_block){.next = free_list[log_groups]};
    free_list[log_groups] = block;
}

static tm_segment *segment_new(tm_mem_table *t, uint32_t log_groups, uint32_t depth)
{
    const size_t places = tm_places_of(log_groups);
    const size_t tags = round_to_line(places);
    tm_segment *s = take_block(t, &t->tag_region, t->free_segments, log_groups, sizeof *s + tags);
    *s = (tm_segment){
        .entries = take_block(t, t->region, t->free_entries, log_groups, round_to_line(places * t->stride)),
        .log_groups = log_groups,
        .depth = depth,
        .limit = (uint32_t)places / 8 * 7,
    };
    memset(s->tags, TM_TAG_EMPTY, tags);
    t->n_places += log_groups > 0 ? places : 0;
    return s;
}

static void segment_release(tm_mem_table *t, tm_segment *s)
{
    if (s != nothing()) {
        t->n_places -= s->log_groups > 0 ? tm_places_of(s->log_groups) : 0;
        give_block(t->free_entries, s->log_groups, s->entries);
        give_block(t->free_segments, s->log_groups, s);
    }
}

/* A free place for a hash; the segment has one. */
static uint32_t free_place(const tm_segment *s, uint32_t mixed)
{
    const uint32_t mask = (1u << s->log_groups) - 1;
    for (uint32_t g = group_of(mixed, s->log_groups);; g = (g + 1) & mask) {
        const uint32_t found = tm_tags_free(s->tags + g * TM_TAGS);
        if (found != 0) {
            return g * TM_TAGS + (uint32_t)__builtin_ctz(found);
        }
    }
}

static void put_moved(tm_mem_table *t, tm_segment *to, const uint8_t *entry)
{
    const uint32_t mixed = mix(tm_hash_of(t, entry));
    const uint32_t i = free_place(to, mixed);
    to->tags[i] = tag_of(mixed);
    to->used++;
    memcpy(tm_entry_at(t, to, i), entry, t->stride);
}

/* ---- growing ---- */

/* All directory cells that lead to the segment of `s` with its `depth` bits get `to`. */
static void redirect(const spot *s, uint32_t depth, tm_mem_cell to)
{
    tm_mem_group *g = s->group;
    const uint32_t cells = 1u << (g->depth - depth);
    const uint32_t first = (uint32_t)((uint64_t)s->place >> (32 - g->depth)) & ~(cells - 1);
    for (uint32_t i = 0; i < cells; i++) {
        g->directory[first + i] = to;
    }
}

static tm_mem_cell cell_for(const tm_segment *s)
{
    return (tm_mem_cell){.segment = (uint64_t)(uintptr_t)s | s->log_groups, .entries = s->entries};
}

static void rebuild(tm_mem_table *t, const spot *at, tm_segment *old, uint32_t log_groups)
{
    tm_segment *s = segment_new(t, log_groups, old->depth);
    TM_EACH_ENTRY(t, old, i, entry) { put_moved(t, s, entry); }
    redirect(at, old->depth, cell_for(s));
    segment_release(t, old);
}

static void double_directory(tm_mem_group *g)
{
    const uint32_t cells = 1u << g->depth;
    tm_mem_cell *wider = wsl_calloc((size_t)cells * 2, sizeof *wider);
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
static bool upper_half(const tm_mem_table *t, const tm_segment *s, const uint8_t *entry)
{
    return tm_position_of(t, tm_hash_of(t, entry)) >> (31 - s->depth) & 1;
}

static bool can_split(const tm_mem_table *t, tm_segment *s)
{
    uint32_t upper = 0;
    TM_EACH_ENTRY(t, s, i, entry) { upper += upper_half(t, s, entry); }
    return s->depth < DIRECTORY_DEPTH_MAX && upper != 0 && upper != s->used;
}

static void split(tm_mem_table *t, const spot *at, tm_segment *old)
{
    if (old->depth == at->group->depth) {
        double_directory(at->group);
    }
    tm_segment *half[2] = {segment_new(t, old->log_groups, old->depth + 1),
                        segment_new(t, old->log_groups, old->depth + 1)};
    TM_EACH_ENTRY(t, old, i, entry) { put_moved(t, half[upper_half(t, old, entry)], entry); }
    const uint32_t bit = UINT32_C(1) << (31 - old->depth);
    const spot lower = {.group = at->group, .place = at->place & ~bit};
    const spot upper = {.group = at->group, .place = at->place | bit};
    redirect(&lower, old->depth + 1, cell_for(half[0]));
    redirect(&upper, old->depth + 1, cell_for(half[1]));
    segment_release(t, old);
}

static void make_room(tm_mem_table *t, const spot *at)
{
    tm_segment *s = tm_segment_of(cell_of(at));
    if (s == nothing()) {
        redirect(at, 0, cell_for(segment_new(t, 0, 0)));
    } else if (s->used < tm_places_of(s->log_groups) / 2) {
        rebuild(t, at, s, s->log_groups); /* it is full of deleted places */
    } else if (s->log_groups >= TM_SEGMENT_LOG_GROUPS && can_split(t, s)) {
        split(t, at, s);
    } else {
        WSL_ASSERT(s->log_groups < TM_SEGMENT_LOG_GROUPS_MAX);
        rebuild(t, at, s, s->log_groups + 1);
    }
}

void tm_segment_resize(tm_mem_table *t, uint32_t directory, uint32_t place, uint32_t log_groups)
{
    const spot at = {.group = &t->groups[directory], .place = place};
    rebuild(t, &at, tm_segment_of(cell_of(&at)), log_groups);
}

/* ---- lookups ---- */

/*
 * load(at) looks at rows a block at a time:
 *
 *     rows        | at ...  | + 1 block | + 2 blocks |
 *     looked at   | before  | entries   | tags       |       so what a pass reads was prefetched by the pass before
 *
 * tags: the hash, and the prefetch of the tags it leads to. entries: which place has the tag.
 */
enum { ENTRIES_AHEAD = 2 * TM_KEY_BLOCK, TAGS_AHEAD = 3 * TM_KEY_BLOCK };

static void look_at_hashes(tm_key_ctx *kc, const wsl_row *const *rows, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        const wsl_row *row = rows[i];
        kc->row_hash[i] = WSL_LIKELY(row->flags & WSL_ROW_KEYED) ? row->key_hash : wsl_key_hash(kc->spec, row);
    }
}

/* Arithmetic only, for the compiler to do several at once. False: a key group is not ours. */
static bool split_hashes(const tm_mem_table *t, const uint32_t *restrict hash, uint32_t n, tm_mem_ahead *restrict ahead,
                         uint32_t *restrict mixed)
{
    const uint64_t max_parallelism = t->max_parallelism;
    const uint64_t first = (uint64_t)t->first_group << 32;
    const uint64_t end = (uint64_t)t->n_groups << 32;
    const uint32_t shift = t->shift;
    uint32_t foreign = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t ours = hash[i] * max_parallelism - first;
        const uint64_t p = ours >> shift;
        foreign |= ours >= end;
        ahead->group[i] = (uint32_t)(p >> 32);
        ahead->place[i] = (uint32_t)p;
        mixed[i] = mix(hash[i]);
    }
    return foreign == 0;
}

static uint32_t find_foreign(const tm_mem_table *t, const uint32_t *hash)
{
    uint32_t i = 0;
    while (wsl_key_group(hash[i], t->max_parallelism) - t->first_group < t->n_groups) {
        i++;
    }
    return i;
}

static void look_at_tags(const tm_mem_table *t, tm_mem_ahead *ahead, uint32_t from, uint32_t to)
{
    const tm_mem_group *const groups = t->groups;
    const size_t group_bytes = (size_t)TM_TAGS * t->stride;
    for (uint32_t i = from; i < to; i++) {
        const tm_mem_group *g = &groups[ahead->group[i - from]];
        const tm_mem_cell *cell = &g->directory[(uint64_t)ahead->place[i - from] >> g->shift];
        const uint32_t group = group_of(ahead->mixed[i], (uint32_t)cell->segment & TM_LOG_MASK);
        const uint8_t *tags = tm_segment_of(cell)->tags + group * TM_TAGS;
        __builtin_prefetch(tags);
        ahead->tags[i] = tags;
        ahead->entries[i] = cell->entries + group * group_bytes;
    }
}

/* The prefetch of the entries is left to select, a row at a time: one after the other they would wait for each other's
 * pages. Only a batch's first ones have nobody before them. */
static void look_at_entries(const tm_mem_table *t, const tm_mem_ahead *ahead, tm_key_ctx *kc, uint32_t from,
                            uint32_t to)
{
    const uint32_t stride = t->stride;
    for (uint32_t i = from; i < to; i++) {
        const uint32_t match = tm_tags_match(ahead->tags[i], tag_of(ahead->mixed[i]));
        uint8_t *entry = ahead->entries[i] + (size_t)(uint32_t)__builtin_ctz(match | 1u << 16) * stride;
        kc->row_entry[i] = match != 0 ? entry : NULL;
    }
    for (uint32_t i = from; i < to && i < TM_KEY_PREFETCH; i++) {
        tm_key_ctx_prefetch(kc, i);
    }
}

static __attribute__((noinline)) void touch_loaded(tm_mem_table *t, tm_key_ctx *kc, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) { /* all at once: one after the other they would wait for each other's lines */
        const char *entry = kc->row_entry[i];
        for (uint32_t at = 0; entry != NULL && at < t->stride && at < PREFETCH_MAX; at += 64) {
            __builtin_prefetch(entry + at, 1);
        }
    }
    for (uint32_t i = from; i < to; i++) {
        if (kc->row_entry[i] != NULL) {
            tm_mem_watch_touch(t->watch, kc->row_entry[i]);
        }
    }
}

static inline uint32_t at_most(uint32_t a, uint32_t b) { return a < b ? a : b; }

bool tm_mem_table_load(tm_mem_table *t, tm_key_ctx *kc, const wsl_row *const *rows, uint32_t n, uint32_t at,
                       uint32_t *out_bad)
{
    tm_mem_ahead *ahead = t->ahead;
    WSL_DEBUG_ASSERT(n <= TM_KEY_BATCH);
    if (at == 0 || kc->owner != t || kc->n_loaded < at) { /* a new batch, or another table was asked in between */
        ahead->n_tags = kc->n_loaded = at;
        kc->owner = t;
    }
    for (const uint32_t end = at_most(at + TAGS_AHEAD, n); ahead->n_tags < end;) {
        const uint32_t from = ahead->n_tags;
        const uint32_t to = at_most(from + TM_KEY_BLOCK, end);
        look_at_hashes(kc, rows, from, to);
        if (WSL_UNLIKELY(!split_hashes(t, kc->row_hash + from, to - from, ahead, ahead->mixed + from))) {
            *out_bad = from + find_foreign(t, kc->row_hash + from);
            return false;
        }
        look_at_tags(t, ahead, from, to);
        ahead->n_tags = to;
    }
    const uint32_t end = at_most(at + ENTRIES_AHEAD, n);
    if (kc->n_loaded < end) {
        look_at_entries(t, ahead, kc, kc->n_loaded, end);
        if (WSL_UNLIKELY(t->watch != NULL)) {
            touch_loaded(t, kc, kc->n_loaded, end);
        }
        kc->n_loaded = end;
    }
    return true;
}

uint8_t *tm_mem_table_find(tm_mem_table *t, const tm_key_ctx *kc)
{
    const spot at = spot_of(t, kc->hash);
    const tm_mem_cell *cell = cell_of(&at);
    const tm_segment *s = tm_segment_of(cell);
    const uint32_t log_groups = (uint32_t)cell->segment & TM_LOG_MASK;
    const uint32_t mask = (1u << log_groups) - 1;
    for (uint32_t g = group_of(at.mixed, log_groups);; g = (g + 1) & mask) {
        const uint8_t *tags = s->tags + g * TM_TAGS;
        for (uint32_t match = tm_tags_match(tags, tag_of(at.mixed)); match != 0; match &= match - 1) {
            uint8_t *entry = cell->entries + (size_t)(g * TM_TAGS + (uint32_t)__builtin_ctz(match)) * t->stride;
            if (tm_mem_key_equal(t, entry, kc)) {
                if (WSL_UNLIKELY(t->watch != NULL)) {
                    tm_mem_watch_touch(t->watch, entry);
                }
                return entry;
            }
        }
        if (tm_tags_empty(tags) != 0) {
            return NULL;
        }
    }
}

void tm_mem_table_prefetch_tags(const tm_mem_table *t, uint32_t hash)
{
    const spot at = spot_of(t, hash);
    const tm_mem_cell *cell = cell_of(&at);
    const uint32_t log_groups = (uint32_t)cell->segment & TM_LOG_MASK;
    __builtin_prefetch(tm_segment_of(cell)->tags + group_of(at.mixed, log_groups) * TM_TAGS);
}

void tm_mem_table_prefetch_entry(const tm_mem_table *t, uint32_t hash)
{
    const spot at = spot_of(t, hash);
    const tm_mem_cell *cell = cell_of(&at);
    const uint32_t g = group_of(at.mixed, (uint32_t)cell->segment & TM_LOG_MASK);
    const uint32_t match = tm_tags_match(tm_segment_of(cell)->tags + g * TM_TAGS, tag_of(at.mixed));
    if (match != 0) {
        const uint8_t *entry = cell->entries + (size_t)(g * TM_TAGS + (uint32_t)__builtin_ctz(match)) * t->stride;
        __builtin_prefetch(entry, 1);
        if (t->stride > 32) { /* it may go beyond the line */
            __builtin_prefetch(entry + t->stride - 1 < entry + 64 ? entry + t->stride - 1 : entry + 64, 1);
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
    const tm_kept_key key = tm_key_ctx_kept(kc);
    *e = (tm_entry_general){.hash = kc->hash, .key_size = key.size, .key_nulls = key.nulls};
    void *to = e->key;
    if (e->key_size > TM_ENTRY_INLINE_KEY) {
        to = tm_slab_alloc(t->slab, e->key_size);
        e->key[0] = (uint64_t)(uintptr_t)to;
    }
    memcpy(to, key.bytes, key.size);
}

uint8_t *tm_mem_table_add(tm_mem_table *t, tm_key_ctx *kc)
{
    const spot at = spot_of(t, kc->hash);
    tm_segment *s = tm_segment_of(cell_of(&at));
    while (s->used + s->deleted >= s->limit) { /* again if a split has left our half full */
        make_room(t, &at);
        t->moves++;
        if (kc->owner == t) {
            tm_key_ctx_entries_moved(kc);
            t->ahead->n_tags = kc->n_loaded; /* tags that were looked at have moved, too */
        }
        s = tm_segment_of(cell_of(&at));
    }
    const uint32_t i = free_place(s, at.mixed);
    s->deleted -= s->tags[i] == TM_TAG_DELETED;
    s->tags[i] = tag_of(at.mixed);
    s->used++;
    t->n_keys++;
    uint8_t *entry = tm_entry_at(t, s, i);
    write_key(t, entry, kc);
    if (WSL_UNLIKELY(t->watch != NULL)) {
        tm_mem_watch_added(t->watch, entry);
    }
    return entry;
}

void tm_mem_table_remove(tm_mem_table *t, tm_key_ctx *kc, uint8_t *entry)
{
    const spot at = spot_of(t, tm_hash_of(t, entry));
    tm_segment *s = tm_segment_of(cell_of(&at));
    const uint32_t i = (uint32_t)((size_t)(entry - s->entries) / t->stride);
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
    if (kc->owner == t) {
        tm_key_ctx_entry_gone(kc, entry);
    }
}

/* ---- life ---- */

/* One cache line, or whole ones, if that costs little. */
static uint32_t stride_for(uint32_t bytes)
{
    const uint32_t lines = (bytes + 63) & ~UINT32_C(63);
    return (lines - bytes) * 4 <= bytes ? lines : (bytes + 7) & ~UINT32_C(7);
}

void tm_mem_table_init(tm_mem_table *t, tm_region *region, tm_slab *slab, tm_mem_ahead *ahead, const tm_key_ctx *kc,
                       uint32_t payload, bool small)
{
    *t = (tm_mem_table){
        .region = region,
        .slab = slab,
        .fast = kc->fast,
        .bytes = kc->bytes,
        .stride = stride_for((kc->fast ? TM_ENTRY_FAST_HEADER : TM_ENTRY_GENERAL_HEADER) + payload),
        .max_parallelism = kc->max_parallelism,
        .first_group = kc->first_group,
        .n_groups = kc->n_groups,
        .shift = small && kc->n_groups > 1 ? 32u - (uint32_t)__builtin_clz(kc->n_groups - 1) : 0,
        .groups = &t->one_group,
        .ahead = ahead,
    };
    if (region->pool != NULL) {
        tm_region_init_pooled(&t->tag_region, region->pool, TM_SMALL_TAG_REGION);
    }
    if (tm_n_directories(t) > 1) {
        t->groups = wsl_calloc(kc->n_groups, sizeof *t->groups);
    }
    for (uint32_t i = 0; i < tm_n_directories(t); i++) {
        t->groups[i].one = cell_for(nothing());
        t->groups[i].directory = &t->groups[i].one;
        t->groups[i].shift = 32;
    }
}

void tm_mem_table_fini(tm_mem_table *t)
{
    for (uint32_t i = 0; t->groups != NULL && i < tm_n_directories(t); i++) {
        tm_mem_group *g = &t->groups[i];
        const uint32_t cells = 1u << g->depth;
        uint64_t last = 0;
        for (uint32_t c = 0; c < cells; c++) {
            const tm_mem_cell *cell = &g->directory[c];
            if (cell->segment != last && (cell->segment & TM_LOG_MASK) > TM_SEGMENT_LOG_GROUPS) {
                free(cell->entries);
                free(tm_segment_of(cell));
            }
            last = cell->segment;
        }
        if (g->directory != &g->one) {
            free(g->directory);
        }
    }
    tm_region_fini(&t->tag_region);
    if (t->groups != &t->one_group) {
        free(t->groups);
    }
    t->groups = NULL;
}
