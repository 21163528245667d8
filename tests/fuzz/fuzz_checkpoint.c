/*
 * fuzz_checkpoint - metadata and sections of strangers. What decodes passes its own check and encodes to something that decodes; what
 * is a snapshot is read record by record, whatever its bytes are.
 *
 * Input: a byte that chooses, then metadata, or a TaskSnapshot whose files travel as content (checksums are made to fit, so
 * that the bytes behind them are reached).
 */
#include "fuzz.h"

#include "base/fs.h"
#include "ckpt/checksum.h"
#include "ckpt/metadata.h"
#include "ckpt/record.h"
#include "ckpt/section_reader.h"
#include "data/pb_check.h"
#include "graph/job_graph.h"

static const wsl_pb_limits limits = {.depth = 64, .members = 1 << 16};

static void metadata(const uint8_t *data, size_t size)
{
    Wsl__Pb__CheckpointMeta *meta = NULL, *again = NULL;
    wsl_error err = {0};
    uint8_t *bytes = NULL;
    if (wsl_metadata_decode(data, size, "input", &meta, &err) != WSL_OK) {
        FUZZ_CHECK(err.text[0] != 0);
        /* behind a header that fits */
        if (wsl_pb_check(&wsl__pb__checkpoint_meta__descriptor, data, size, &limits, NULL) != WSL_OK ||
            (meta = wsl__pb__checkpoint_meta__unpack(NULL, size, data)) == NULL) {
            return;
        }
    }
    const wsl_status checked = wsl_metadata_check(meta, &err);
    wsl_metadata_encode(meta, &bytes, &size);
    FUZZ_CHECK((wsl_metadata_decode(bytes, size, "again", &again, &err) == WSL_OK) == (checked == WSL_OK));
    wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
    if (again != NULL) {
        wsl__pb__checkpoint_meta__free_unpacked(again, NULL);
    }
    free(bytes);
}

/* Touches all that a record points at. */
static uint64_t touch(const wsl_record *r)
{
    uint64_t sum = (uint64_t)r->number;
    if (r->tag == WSL_RECORD_BYTES) {
        const wsl_str s = wsl_record_bytes(r);
        return sum + wsl_checksum_of(s.data, s.size);
    }
    if (r->tag == WSL_RECORD_TIMER) {
        return sum + wsl_record_timer_key(r)->size + (uint64_t)wsl_record_namespace(r);
    }
    if (r->tag == WSL_RECORD_ENTRY) {
        sum += wsl_checksum_of(wsl_record_second_row(r), wsl_record_second_row(r)->size);
    }
    return r->tag == WSL_RECORD_SPACE ? sum : sum + wsl_checksum_of(wsl_record_row(r), wsl_record_row(r)->size);
}

static void section(const Wsl__Pb__StateFile *file, Wsl__Pb__Section *s)
{
    wsl_section_reader *reader = NULL;
    const wsl_record *r = NULL;
    wsl_error err = {0};
    uint32_t group = 0;
    if (s->offset <= file->content.len && s->length <= file->content.len - s->offset && s->length > 0) {
        s->checksum = wsl_checksum_of(file->content.data + s->offset, s->length);
    }
    wsl_status status = wsl_section_reader_new(wsl_fs_posix(), "/nowhere", file, s, &reader, &err);
    while (status == WSL_OK) {
        status = wsl_section_reader_next(reader, &r, &group, &err);
        if (status == WSL_OK) {
            volatile uint64_t sum = touch(r);
            (void)sum;
        }
    }
    FUZZ_CHECK(status == WSL_END || err.text[0] != 0);
    wsl_section_reader_free(reader);
}

static void snapshot(const uint8_t *data, size_t size)
{
    wsl_error err = {0};
    if (wsl_pb_check(&wsl__pb__task_snapshot__descriptor, data, size, &limits, &err) != WSL_OK) {
        return;
    }
    Wsl__Pb__TaskSnapshot *t = wsl__pb__task_snapshot__unpack(NULL, size, data);
    if (t == NULL) {
        return;
    }
    for (size_t i = 0; i < t->n_files; i++) {
        t->files[i]->size = t->files[i]->path[0] == '\0' ? t->files[i]->content.len : t->files[i]->size;
    }
    (void)wsl_task_snapshot_check(t, &err);
    (void)wsl_task_snapshot_check_dealt(t, &err);
    /* also what does not pass the check: the reader has to stand it */
    for (size_t i = 0; i < t->n_operators; i++) {
        for (size_t k = 0; k < t->operators[i]->n_sections; k++) {
            Wsl__Pb__Section *s = t->operators[i]->sections[k];
            if (s->file < t->n_files && t->files[s->file]->path[0] == '\0') {
                section(t->files[s->file], s);
            }
        }
    }
    wsl__pb__task_snapshot__free_unpacked(t, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] % 2 == 0) {
        metadata(data + 1, size - 1);
    } else if (size > 0) {
        snapshot(data + 1, size - 1);
    }
    return 0;
}

/* ---- seeds ---- */

static const wsl_field field = {"n", {.id = WSL_T_INT64}};
static const wsl_schema schema = {"", 1, &field};

static void add_record(uint8_t *to, size_t *size, uint8_t tag, int64_t number, const void *body, size_t body_size)
{
    const wsl_record r = {.size = (uint32_t)(sizeof r + body_size), .tag = tag, .number = number};
    memcpy(to + *size, &r, sizeof r);
    memcpy(to + *size + sizeof r, body, body_size);
    *size += r.size;
}

/* One section of that kind in a snapshot, as bytes behind the byte that chooses. */
static fuzz_seed seed_of(Wsl__Pb__SectionKind kind, bool whole)
{
    static uint8_t bytes[512] __attribute__((aligned(8)));
    size_t size = 0;
    uint64_t row[4] = {32, 0, 0, 5};
    uint64_t text[2] = {5, 0x6f6c6c6568};
    uint64_t timer[5] = {7, 32, 0, 0, 5};
    Wsl__Pb__Section s = WSL__PB__SECTION__INIT;
    Wsl__Pb__StateDesc state = WSL__PB__STATE_DESC__INIT;
    Wsl__Pb__StateDesc *states[] = {&state};
    state.kind = kind == WSL__PB__SECTION_KIND__SECTION_KEYED ? 1 : 2;
    state.name = (char *)(uintptr_t)"s";
    state.value = wsl_schema_to_pb(&schema);
    s.kind = kind;
    s.name = (char *)(uintptr_t)"state";
    s.records = 1;
    if (kind == WSL__PB__SECTION_KIND__SECTION_KEYED) {
        add_record(bytes, &size, WSL_RECORD_KEY, 0, row, sizeof row);
        add_record(bytes, &size, WSL_RECORD_SPACE, 3, row, 0);
        add_record(bytes, &size, WSL_RECORD_VALUE, 0, row, sizeof row);
        s.records = 3;
        s.n_states = 1;
    } else if (kind == WSL__PB__SECTION_KIND__SECTION_LIST) {
        add_record(bytes, &size, WSL_RECORD_ELEMENT, 0, row, sizeof row);
        s.n_states = 1;
    } else if (kind == WSL__PB__SECTION_KIND__SECTION_EVENT_TIMERS) {
        add_record(bytes, &size, WSL_RECORD_TIMER, 9, timer, sizeof timer);
    } else {
        add_record(bytes, &size, WSL_RECORD_BYTES, 9, text, sizeof text);
    }
    uint64_t end[] = {size};
    s.states = states;
    s.length = size;
    s.n_group_ends = kind == WSL__PB__SECTION_KIND__SECTION_KEYED || kind == WSL__PB__SECTION_KIND__SECTION_EVENT_TIMERS;
    s.n_element_ends = kind == WSL__PB__SECTION_KIND__SECTION_LIST;
    s.group_ends = s.element_ends = end;
    s.key = s.n_group_ends == 1 && kind != WSL__PB__SECTION_KIND__SECTION_KEYED ? state.value : NULL;
    Wsl__Pb__Section *sections[] = {&s};
    Wsl__Pb__OperatorState op = WSL__PB__OPERATOR_STATE__INIT;
    op.uid = (char *)(uintptr_t)"u";
    op.n_sections = 1;
    op.sections = sections;
    Wsl__Pb__OperatorState *ops[] = {&op};
    Wsl__Pb__StateFile file = WSL__PB__STATE_FILE__INIT;
    file.content = (ProtobufCBinaryData){size, bytes};
    file.size = size;
    Wsl__Pb__StateFile *files[] = {&file};
    fuzz_seed seed = {NULL, 0};
    if (!whole) {
        Wsl__Pb__TaskSnapshot t = WSL__PB__TASK_SNAPSHOT__INIT;
        t.files = files;
        t.operators = ops;
        t.n_files = t.n_operators = 1;
        uint8_t *out = malloc(1 + wsl__pb__task_snapshot__get_packed_size(&t));
        out[0] = 1;
        seed = (fuzz_seed){out, 1 + wsl__pb__task_snapshot__pack(&t, out + 1)};
    } else {
        static uint8_t job[16];
        Wsl__Pb__OperatorMeta m = WSL__PB__OPERATOR_META__INIT;
        Wsl__Pb__OperatorMeta *ms[] = {&m};
        Wsl__Pb__CheckpointMeta meta = WSL__PB__CHECKPOINT_META__INIT;
        m.uid = op.uid;
        m.parallelism = m.max_parallelism = 1;
        m.n_subtasks = 1;
        m.subtasks = ops;
        meta.checkpoint = 1;
        meta.job = (ProtobufCBinaryData){16, job};
        meta.files = files;
        meta.operators = ms;
        meta.n_files = meta.n_operators = 1;
        meta.state_bytes = size;
        FUZZ_CHECK(wsl_metadata_check(&meta, NULL) == WSL_OK);
        uint8_t *out = malloc(1 + wsl__pb__checkpoint_meta__get_packed_size(&meta));
        out[0] = 0;
        seed = (fuzz_seed){out, 1 + wsl__pb__checkpoint_meta__pack(&meta, out + 1)};
    }
    wsl__pb__schema__free_unpacked(state.value, NULL);
    return seed;
}

size_t fuzz_seeds(fuzz_seed *out, size_t max)
{
    static fuzz_seed seeds[8];
    static size_t n;
    static const Wsl__Pb__SectionKind kinds[] = {
        WSL__PB__SECTION_KIND__SECTION_KEYED, WSL__PB__SECTION_KIND__SECTION_EVENT_TIMERS,
        WSL__PB__SECTION_KIND__SECTION_LIST, WSL__PB__SECTION_KIND__SECTION_SUBTASK};
    for (size_t i = 0; n < 8 && i < 4; i++) {
        seeds[n++] = seed_of(kinds[i], false);
        seeds[n++] = seed_of(kinds[i], true);
    }
    for (size_t i = 0; i < n && i < max; i++) {
        out[i] = seeds[i];
    }
    return n < max ? n : max;
}
