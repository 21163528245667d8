/*
 * keyed - what operators on a keyed stream share: the current key, its state, timers, and the keyed context that user
 * functions see.
 *
 * A batch is worked on in blocks of TM_KEY_BLOCK rows: the state of a block's keys is on its way before the callback
 * runs row by row (tm_keyed_block, tm_keyed_select).
 *
 * Timers fire in runs that are bounded in number and time; what is left sets op->busy and goes on in resume. The watermark
 * is passed on after all its timers have fired. Processing-time timer t fires once the clock shows t + 1.
 *
 * State that has expired is looked for a little before each batch, at each watermark, and once a second if nothing comes.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "base/assert.h"
#include "taskmanager/ops/fn_ctx.h"
#include "taskmanager/state/backend.h"
#include "taskmanager/time/timer_service.h"

typedef struct tm_keyed {
    tm_fn_ctx f; /* first */
    tm_key_ctx key;
    tm_state *state;
    bool namespaces; /* of the state; set before open */
    const wsl_state_desc *const *descs; /* of the function, NULL-terminated; may be NULL */
    const wsl_state_desc *first;        /* the first of them, if its values lie in the keys' entries */
    tm_value_place first_place;         /* where values of the first state lie */
    struct tm_keyed_states *states; /* what is behind the functions of state.h; keyed_state.c */
    tm_timers event;
    tm_timers processing;
    bool advancing; /* the watermark waits for timers */
    bool visiting;  /* tm_keyed_each_key: no timers */
    struct tm_keyed_each {
        bool begun;         /* the walk stopped on its way */
        tm_state_walk walk;
        uint32_t calls;     /* of tm_keyed_each_key by the callback that runs ... */
        uint32_t done;      /* ... of which that many have come to their end, if need be in an earlier run of it */
    } each;
    int64_t armed;  /* processing time for which a wake-up was asked; WSL_TIME_MAX: none */
    int64_t clean_at; /* when expired state is looked for next if nothing comes; WSL_TIME_MAX: there is none to expire */
    bool has_ttl;
} tm_keyed;

/* value: NULL, or the schema of the one state of an operator that is no user function with states. */
wsl_status tm_keyed_open(tm_keyed *k, tm_op *op, const wsl_schema *value, wsl_error *err);
void tm_keyed_close(tm_keyed *k);
/* A further state with the same current key, such as that of windows; the caller frees it before tm_keyed_close. */
WSL_MUST_CHECK wsl_status tm_keyed_open_state(tm_keyed *k, const tm_state_spec *states, uint32_t n_states,
                                              bool namespaces, tm_state **out_state, wsl_error *err);

/* Makes rows[at .. *out_end) of a batch of n ready for select; at = 0, then what *out_end was. */
wsl_status tm_keyed_block(tm_keyed *k, const wsl_row *const *rows, uint32_t n, uint32_t at, uint32_t *out_end);
/* Before the blocks of a batch, for operators that are keyed on both inputs. */
static inline void tm_keyed_input(tm_keyed *k, uint32_t input) { tm_key_ctx_set_input(&k->key, input); }
/* Row i of the batch is the one in hand. */
static inline void tm_keyed_select(tm_keyed *k, uint32_t i, const wsl_row *row)
{
    tm_key_ctx_select(&k->key, i, row);
    if (!k->key.fast) {
        k->f.k.key = k->key.row; /* a long key may have moved it */
    }
    tm_fn_ctx_row(&k->f, row);
}

/* tm_fn_ctx_rows with keys: `call` begins with tm_keyed_select. */
static inline __attribute__((always_inline)) wsl_status tm_keyed_rows(tm_keyed *k, tm_fn_ctx_call call,
                                                                      const void *function, uint32_t input,
                                                                      const wsl_row *const *rows, uint32_t n)
{
    uint32_t i = 0;
    while (i < n) {
        uint32_t end = 0;
        WSL_TRY(tm_keyed_block(k, rows, n, i, &end));
        WSL_TRY(tm_fn_ctx_each(&k->f, call, function, rows, end, &i));
        if (i < end) {
            break;
        }
    }
    WSL_TRY(tm_fn_ctx_flush(&k->f));
    return i == n ? WSL_OK : tm_op_suspend(k->f.op, input, rows + i, n - i);
}
static inline tm_keyed *tm_keyed_of(tm_fn_ctx *f) { return (tm_keyed *)(void *)f; }

/* The value that lies in the entry of the key in hand, if that was found beforehand; NULL: ask the state. To write to it, or to
 * read it only. */
static inline wsl_row *tm_keyed_value_in_entry(const tm_keyed *k, bool to_write)
{
    uint8_t *entry = k->key.entry;
    if (WSL_LIKELY(entry != NULL)) {
        WSL_DEBUG_ASSERT(k->first_place.owner == NULL || k->first_place.bit == 0 ||
                         k->key.owner == k->first_place.owner);
        const uint32_t bits = *(const uint32_t *)(const void *)(entry + k->first_place.bits_offset);
        const bool usable = to_write ? tm_value_may_write(&k->first_place, bits) : (bits & k->first_place.bit) != 0;
        return WSL_LIKELY(usable) ? (wsl_row *)(void *)(entry + k->first_place.offset) : NULL;
    }
    return NULL;
}

/* Calls visit for each key that has something in that state of the function, by key group and key bytes, with that key current.
 * Ends with the first status that is not WSL_OK. In steps: WSL_AGAIN after some keys, or if those behind need a pause; the callback
 * passes that on and is called again with the same row, where the same call goes on and those that came to their end before it do
 * nothing. No timers fire in between. */
wsl_status tm_keyed_each_key(tm_keyed *k, const wsl_state_desc *state,
                             wsl_status (*visit)(wsl_keyed_ctx *k, void *arg), void *arg);
/* Before a callback that may do so, and after it with what it said; the latter gives what really happened. */
static inline void tm_keyed_each_begin(tm_keyed *k) { k->each.calls = 0; }
wsl_status tm_keyed_each_end(tm_keyed *k, wsl_status status);

/* The accumulator of a reducing or aggregating state, as it is folded; NULL: unset, or it failed. */
const wsl_row *tm_keyed_accumulator(tm_keyed *k, const wsl_state_desc *state);
/* Merges such an accumulator, of another namespace, into the state's. The function can merge (.reduce or .merge). */
WSL_MUST_CHECK wsl_status tm_keyed_merge(tm_keyed *k, const wsl_state_desc *state, const wsl_row *acc);

/* Looks for expired state: at about max_entries values. Between batches; called by tm_keyed_block, too. */
void tm_keyed_clean_up(tm_keyed *k, uint32_t max_entries);

/* State ("state") and timers ("timers") into a snapshot. */
void tm_keyed_snapshot(tm_keyed *k, struct tm_snapshot *out);
/* Takes a section if it is one of those; *out_taken says whether. */
struct tm_restore_piece;
WSL_MUST_CHECK wsl_status tm_keyed_restore_piece(tm_keyed *k, const struct tm_restore_piece *piece, bool *out_taken,
                                                 wsl_error *err);
/* The state alone, under a name of the operator's choice: of operators with several. */
void tm_keyed_snapshot_state(tm_keyed *k, struct tm_snapshot *out, const char *name);
WSL_MUST_CHECK wsl_status tm_keyed_restore_state(tm_keyed *k, const struct tm_restore_piece *piece, const char *name,
                                                 bool *out_taken, wsl_error *err);
/* The same for any tm_state. */
WSL_MUST_CHECK wsl_status tm_state_restore_piece(tm_state *s, const struct tm_restore_piece *piece, const char *name,
                                                 bool *out_taken, wsl_error *err);
/* All sections of an operator that has nothing else: a class's restore. */
WSL_MUST_CHECK wsl_status tm_keyed_restore(tm_keyed *k, struct tm_restore *in);

wsl_status tm_keyed_watermark(tm_keyed *k, int64_t watermark);
/* The rest of a watermark's timers, then due processing-time timers. */
wsl_status tm_keyed_resume(tm_keyed *k);
