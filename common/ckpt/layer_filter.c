/*
 * layer_filter - see layer_filter.h.
 *
 *     hidden      what layers above the one in hand replace or drop
 *     hides       what this one does: goes to `hidden` when a lower one begins
 */
#include "ckpt/layer_filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"

/* A key in a namespace: its namespace, null bits and bytes; or a namespace of a key group. */
typedef struct sets {
    wsl_str_map keys, spaces;
} sets;

struct wsl_layer_filter {
    sets hidden, hides;
    uint32_t layer;
    bool begun;
    uint32_t group;
    bool counts;    /* records of the key in hand */
    bool known;     /* `counts` is of the key and namespace in hand */
    int64_t ns;
    uint8_t *key;   /* | namespace | null bits | bytes | */
    size_t key_size, key_capacity;
};

static void fini(sets *s)
{
    wsl_str_map_fini(&s->keys);
    wsl_str_map_fini(&s->spaces);
}

wsl_layer_filter *wsl_layer_filter_new(void) { return wsl_zalloc(sizeof(wsl_layer_filter)); }

void wsl_layer_filter_free(wsl_layer_filter *f)
{
    if (f != NULL) {
        fini(&f->hidden);
        fini(&f->hides);
        free(f->key);
        free(f);
    }
}

static void add_all(wsl_str_map *to, wsl_str_map *from)
{
    uint32_t at = 0;
    while (wsl_str_map_next(from, &at)) {
        const wsl_map_entry *e = &from->core.entries[at - 1];
        (void)wsl_str_map_put_bytes(to, e->bytes, e->size, to);
    }
    wsl_str_map_fini(from);
    *from = (wsl_str_map){0};
}

void wsl_layer_filter_section(wsl_layer_filter *f, uint32_t layer)
{
    if (f->begun && layer < f->layer) {
        add_all(&f->hidden.keys, &f->hides.keys);
        add_all(&f->hidden.spaces, &f->hides.spaces);
    }
    f->begun = true;
    f->layer = layer;
    f->group = UINT32_MAX;
    f->known = false;
}

static void set_key(wsl_layer_filter *f, const wsl_row *key)
{
    const size_t size = key->size - sizeof *key;
    f->key_size = sizeof f->ns + sizeof key->nulls + size;
    if (f->key_capacity < f->key_size) {
        f->key_capacity = f->key_size + 64;
        f->key = wsl_realloc(f->key, f->key_capacity);
    }
    memcpy(f->key + sizeof f->ns, &key->nulls, sizeof key->nulls);
    memcpy(f->key + sizeof f->ns + sizeof key->nulls, key->slot, size);
    f->known = false;
}

static size_t space_key(uint32_t group, int64_t ns, uint8_t out[12])
{
    memcpy(out, &ns, sizeof ns);
    memcpy(out + sizeof ns, &group, sizeof group);
    return 12;
}

/* Is the key in hand in the namespace in hand hidden? */
static bool look_up(wsl_layer_filter *f)
{
    uint8_t space[12];
    memcpy(f->key, &f->ns, sizeof f->ns);
    return wsl_str_map_get_bytes(&f->hidden.spaces, space, space_key(f->group, f->ns, space)) == NULL &&
           wsl_str_map_get_bytes(&f->hidden.keys, f->key, f->key_size) == NULL;
}

bool wsl_layer_filter_counts(wsl_layer_filter *f, uint32_t group, const wsl_record *record)
{
    uint8_t space[12];
    if (group != f->group) {
        f->group = group;
        f->ns = 0;
        f->known = false;
    }
    switch (record->tag) {
    case WSL_RECORD_KEY:
        set_key(f, wsl_record_row(record));
        return true;
    case WSL_RECORD_SPACE:
        f->ns = record->number;
        f->known = false;
        return true;
    case WSL_RECORD_DROP:
        (void)wsl_str_map_put_bytes(&f->hides.spaces, space, space_key(group, record->number, space), f);
        return true;
    case WSL_RECORD_REPLACE:
        memcpy(f->key, &f->ns, sizeof f->ns); /* it follows a key: checked by the reader */
        (void)wsl_str_map_put_bytes(&f->hides.keys, f->key, f->key_size, f);
        return true;
    default:
        if (!f->known) {
            f->counts = look_up(f);
            f->known = true;
        }
        return f->counts;
    }
}
