/*
 * snapshot - what one task gives to a checkpoint: sections of records per operator (ckpt/record.h).
 *
 *     begin --> operators: tm_snapshot_section, records | tm_snapshot_walk --> step, step, ... --> sealed
 *                                                                              (abort at any time)
 *
 * In tm_op_class.snapshot an operator opens its sections and puts what is small and must be of this moment; for tables it
 * registers a walk, which is stepped between batches until it says that it is done. A section is open for records until
 * its walk is done (or, without walk, until snapshot returns); several may be open at once. Walks take place one after the
 * other, so that sections lie in the file one after the other; what a section was given before its turn waits in memory.
 *
 * KEYED and timer sections: records come by key group, ascending; tm_section_group says so before the first of each group.
 *
 * Where the bytes go is the sink's business: memory (harness, tests, small state), or chunks to the writer.
 *
 * Threads: one slot loop.
 */
#pragma once
#include <wiesel/row.h>
#include <wiesel/state.h>
#include <wiesel/status.h>

#include "checkpoint.pb-c.h"
#include "ckpt/record.h"
#include "taskmanager/ckpt/layers.h"
#include "taskmanager/ops/operator.h"

typedef struct tm_snapshot tm_snapshot;
typedef struct tm_section tm_section;

/* Where the bytes of all sections go, in order. */
typedef struct tm_snapshot_sink {
    void *arg;
    bool (*full)(void *arg); /* walks rest while it says so; may be NULL */
    void (*write)(void *arg, const void *bytes, size_t size); /* copies; never blocks, never fails here */
} tm_snapshot_sink;

typedef struct tm_section_spec {
    Wsl__Pb__SectionKind kind;
    const char *name;                 /* unique per operator and kind: "state", "timers", "splits"; copied */
    uint32_t version;                 /* of the meaning of its records; 1 at first */
    Wsl__Pb__StateDesc *const *states; /* KEYED: by index; LIST, UNION, BROADCAST: one; else NULL. Borrowed until sealed */
    uint32_t n_states;
    const wsl_schema *key;            /* KEYED, timers */
    uint32_t layer;                   /* KEYED: see tm_snapshot_base */
} tm_section_spec;

/* ---- for operators ---- */

tm_section *tm_snapshot_section(tm_snapshot *s, tm_op *op, const tm_section_spec *spec);
/* What follows is of that key group, which is not below the last one. */
void tm_section_group(tm_section *section, uint32_t group);
void tm_section_key(tm_section *section, uint32_t hash, const wsl_row *key);
void tm_section_space(tm_section *section, int64_t ns);
/* tag: VALUE or ELEMENT; the element boundaries of LIST and UNION are kept. */
void tm_section_row(tm_section *section, wsl_record_tag tag, uint32_t state, int64_t number, const wsl_row *row);
void tm_section_entry(tm_section *section, uint32_t state, int64_t number, const wsl_row *key, const wsl_row *value);
void tm_section_timer(tm_section *section, int64_t timestamp, int64_t ns, const wsl_row *key);
void tm_section_bytes(tm_section *section, uint32_t state, int64_t number, const void *bytes, size_t size);

/* Later checkpoints may build on this one: a section can be a layer, and whoever keeps marks of what changes sets them back. Else
 * (savepoints, and if nobody wants layers) it holds everything and nothing is to be remembered of it. */
bool tm_snapshot_is_layered(const tm_snapshot *s);
/* What there is of the operator's KEYED section of that name, to build on; false: nothing, it must be layer 0. Layer 0 may be written
 * instead at any time. */
bool tm_snapshot_base(const tm_snapshot *s, const tm_op *op, const char *name, tm_layer_base *out_base);

/* Where it is at: for putting records directly; valid until the next call for the section. */
struct tm_records *tm_section_into(tm_section *section);
uint64_t tm_section_size(const tm_section *section); /* bytes put so far */
/* n records that were made elsewhere (ckpt/records.h). */
void tm_section_records(tm_section *section, const void *records, size_t size, uint64_t n);

/* step: puts about max_bytes more, or does what takes as long; true: done. cancel: the snapshot was given up, what it holds is freed; exactly one of "step
 * said done" and cancel ends a walk. */
typedef struct tm_snapshot_walk {
    void *arg;
    bool (*step)(void *arg, tm_section *section, uint32_t max_bytes);
    void (*cancel)(void *arg);
} tm_snapshot_walk;
void tm_snapshot_add_walk(tm_snapshot *s, tm_section *section, const tm_snapshot_walk *walk);

/* ---- for the task and the harness ---- */

tm_snapshot *tm_snapshot_new(uint64_t checkpoint, const tm_snapshot_sink *sink);
void tm_snapshot_free(tm_snapshot *s); /* aborts walks that are not done */
uint64_t tm_snapshot_checkpoint(const tm_snapshot *s);
/* Before the first operator: it is layered. layers outlives it. */
void tm_snapshot_build_on(tm_snapshot *s, const tm_layers *layers);
/* After the last one: some section may be built on later, so the file must outlive this checkpoint. */
bool tm_snapshot_wants_shared(const tm_snapshot *s);
/* Before the first step, if it was made with an empty one. */
void tm_snapshot_set_sink(tm_snapshot *s, const tm_snapshot_sink *sink);
/* Begins the state of that operator (its watermark is noted). */
void tm_snapshot_operator(tm_snapshot *s, tm_op *op);
/* Begins it and has it put in: what its function (.snapshot) and its class say, and its operator lists. */
WSL_MUST_CHECK wsl_status tm_snapshot_ask(tm_snapshot *s, tm_op *op);
/* What the last step did not do waits for the sink. */
bool tm_snapshot_rests(const tm_snapshot *s);
/* After the last operator. Goes on with the sections: about max_bytes; nothing while the sink is full. True: all were written. */
bool tm_snapshot_step(tm_snapshot *s, uint32_t max_bytes);
bool tm_snapshot_done(const tm_snapshot *s);
uint64_t tm_snapshot_bytes(const tm_snapshot *s); /* written so far */
/* Once done: the handles, all in file 0, which is `file` (taken: its texts and bytes are malloc'ed). For free_unpacked. */
Wsl__Pb__TaskSnapshot *tm_snapshot_handles(const tm_snapshot *s, Wsl__Pb__StateFile *file);

/* ---- in memory ---- */

typedef struct tm_memory_sink {
    uint8_t *data;
    size_t size, capacity;
} tm_memory_sink;
tm_snapshot_sink tm_memory_sink_of(tm_memory_sink *m); /* *m zeroed */
/* All of it: the rest of the walks, the handles with the bytes as content of file 0. Frees the snapshot. */
Wsl__Pb__TaskSnapshot *tm_snapshot_finish_in_memory(tm_snapshot *s, tm_memory_sink *m);
