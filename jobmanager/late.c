#include "jobmanager/late.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"

static void row_fini(jm_late_row *row)
{
    free(row->key);
    free(row->split);
}

void jm_late_fini(jm_late *late)
{
    for (uint32_t i = 0; i < late->n; i++) {
        jm_late_operator *op = late->operators[i];
        for (uint32_t k = 0; k < JM_LATE_ROWS; k++) {
            row_fini(&op->rows[k]);
        }
        free(op->counts);
        free(op);
    }
    free(late->operators);
    *late = (jm_late){0};
}

static jm_late_operator *find(const jm_late *late, uint32_t operator_id)
{
    for (uint32_t i = 0; i < late->n; i++) {
        if (late->operators[i]->operator_id == operator_id) {
            return late->operators[i];
        }
    }
    return NULL;
}

static jm_late_operator *find_or_make(jm_late *late, uint32_t operator_id, uint32_t parallelism)
{
    jm_late_operator *op = find(late, operator_id);
    if (op == NULL) {
        op = wsl_zalloc(sizeof *op);
        op->operator_id = operator_id;
        op->parallelism = parallelism;
        op->counts = wsl_calloc(parallelism, sizeof *op->counts);
        late->operators = wsl_realloc(late->operators, (late->n + 1) * sizeof(jm_late_operator *));
        late->operators[late->n++] = op;
    }
    return op;
}

void jm_late_add(jm_late *late, uint32_t parallelism, uint32_t subtask, const Wsl__Pb__LateMetrics *m,
                 const jm_split_names *splits)
{
    jm_late_operator *op = find_or_make(late, m->operator_, parallelism);
    WSL_ASSERT(subtask < op->parallelism);
    op->counts[subtask] = m->count > op->counts[subtask] ? m->count : op->counts[subtask];
    for (size_t i = 0; i < m->n_samples; i++) {
        const Wsl__Pb__LateSample *s = m->samples[i];
        jm_late_row *row = &op->rows[op->n_rows++ % JM_LATE_ROWS];
        row_fini(row);
        *row = (jm_late_row){
            .subtask = subtask,
            .timestamp = s->timestamp,
            .watermark = s->watermark,
            .lateness_ms = s->lateness_ms,
            .key = wsl_strdup(s->key),
            .split = wsl_strdup(jm_split_names_get(splits, s->split)),
        };
    }
}

void jm_late_restart(const jm_late *late, uint32_t operator_id, uint32_t subtask)
{
    const jm_late_operator *op = find(late, operator_id);
    if (op != NULL) {
        op->counts[subtask] = 0;
    }
}

const jm_late_operator *jm_late_find(const jm_late *late, uint32_t operator_id) { return find(late, operator_id); }

uint64_t jm_late_count(const jm_late_operator *op)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < op->parallelism; i++) {
        sum += op->counts[i];
    }
    return sum;
}

const jm_late_row *jm_late_row_at(const jm_late_operator *op, uint32_t i)
{
    const uint64_t kept = op->n_rows < JM_LATE_ROWS ? op->n_rows : JM_LATE_ROWS;
    return i < kept ? &op->rows[(op->n_rows - kept + i) % JM_LATE_ROWS] : NULL;
}
