/*
 * An entry is one block: the key's row in canonical form, then the value's. The canonical form serves as the map's key, too.
 */
#include "taskmanager/state/broadcast_state.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/map.h"
#include "data/key.h"

typedef struct entry {
    uint32_t value_at; /* offset in data */
    _Alignas(8) uint8_t data[];
} entry;

struct tm_broadcast_state {
    const char *name;
    const wsl_schema *key;
    const wsl_schema *value;
    wsl_key_spec spec; /* all fields of the key */
    wsl_str_map map;   /* canonical key -> entry */
    uint8_t *canonical;
    uint32_t capacity; /* of canonical */
};

static const wsl_row *key_of(const entry *e) { return (const wsl_row *)(const void *)e->data; }
static const wsl_row *value_of(const entry *e) { return (const wsl_row *)(const void *)(e->data + e->value_at); }

wsl_status tm_broadcast_state_new(const char *name, const wsl_schema *key, const wsl_schema *value,
                                  tm_broadcast_state **out_state, wsl_error *err)
{
    const char *fields[WSL_KEY_FIELDS_MAX];
    WSL_AUTO(tm_broadcast_state) s = wsl_zalloc(sizeof *s);
    *s = (tm_broadcast_state){.name = name, .key = key, .value = value};
    for (uint32_t i = 0; i < key->n_fields && i < WSL_KEY_FIELDS_MAX; i++) {
        fields[i] = key->fields[i].name;
    }
    const wsl_status status = wsl_key_spec_init(&s->spec, key, fields, key->n_fields, err);
    if (status != WSL_OK) {
        return wsl_fail_prefix(err, status, "the key of the broadcast state '%s'", name);
    }
    *out_state = WSL_TAKE(s);
    return WSL_OK;
}

void tm_broadcast_state_free(tm_broadcast_state *s)
{
    if (s == NULL) {
        return;
    }
    uint32_t at = 0;
    while (wsl_str_map_next(&s->map, &at)) {
        free(s->map.core.entries[at - 1].value);
    }
    wsl_str_map_fini(&s->map);
    free(s->canonical);
    free(s);
}

/* The key in canonical form; NULL: it is no row of the key's schema. */
static const wsl_row *canonical(tm_broadcast_state *s, const wsl_row *key)
{
    if (key->size < wsl_row_fixed_size(s->key->n_fields)) {
        return NULL;
    }
    if (s->capacity < key->size + wsl_row_fixed_size(s->key->n_fields)) {
        s->capacity = key->size + wsl_row_fixed_size(s->key->n_fields);
        free(s->canonical);
        s->canonical = wsl_alloc(s->capacity);
    }
    return wsl_key_extract(&s->spec, key, s->canonical, s->capacity) != 0 ? (const wsl_row *)(const void *)s->canonical
                                                                          : NULL;
}

const wsl_row *tm_broadcast_state_get(tm_broadcast_state *s, const wsl_row *key)
{
    const wsl_row *k = canonical(s, key);
    const entry *e = k != NULL ? wsl_str_map_get_bytes(&s->map, k, k->size) : NULL;
    return e != NULL ? value_of(e) : NULL;
}

static wsl_status check(const tm_broadcast_state *s, const char *what, const wsl_row *row, const wsl_schema *schema,
                        wsl_error *err)
{
    wsl_error why = {0};
    return wsl_row_check(row, row->size, schema, &why) == WSL_OK
               ? WSL_OK
               : wsl_fail(err, WSL_TYPE, "a %s of the broadcast state '%s' is not of its type: %s", what, s->name,
                          why.text);
}

wsl_status tm_broadcast_state_put(tm_broadcast_state *s, const wsl_row *key, const wsl_row *value, wsl_error *err)
{
    WSL_TRY(check(s, "key", key, s->key, err));
    WSL_TRY(check(s, "value", value, s->value, err));
    const wsl_row *k = canonical(s, key);
    WSL_ASSERT(k != NULL); /* it is of the key's type, and there is room for it */
    entry *e = wsl_alloc(sizeof *e + k->size + value->size);
    e->value_at = k->size; /* sizes of rows are multiples of 8 */
    memcpy(e->data, k, k->size);
    memcpy(e->data + e->value_at, value, value->size);
    wsl_row *copy = (wsl_row *)(void *)(e->data + e->value_at);
    copy->kind = WSL_KIND_DATA;
    copy->flags = 0;
    copy->key_hash = 0;
    copy->timestamp = 0;
    free(wsl_str_map_put_bytes(&s->map, k, k->size, e));
    return WSL_OK;
}

void tm_broadcast_state_remove(tm_broadcast_state *s, const wsl_row *key)
{
    const wsl_row *k = canonical(s, key);
    if (k != NULL) {
        free(wsl_str_map_remove_bytes(&s->map, k, k->size));
    }
}

bool tm_broadcast_state_next(const tm_broadcast_state *s, uint32_t *at, const wsl_row **out_key,
                             const wsl_row **out_value)
{
    if (!wsl_str_map_next(&s->map, at)) {
        return false;
    }
    const entry *e = s->map.core.entries[*at - 1].value;
    *out_key = key_of(e);
    *out_value = value_of(e);
    return true;
}

uint32_t tm_broadcast_state_size(const tm_broadcast_state *s) { return wsl_str_map_size(&s->map); }
