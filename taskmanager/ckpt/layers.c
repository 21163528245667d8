/*
 * layers - see layers.h. The last acknowledgement is kept as it was; whoever needs something of it looks for it by name.
 */
#include "taskmanager/ckpt/layers.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/pb.h"

struct tm_layers {
    uint64_t checkpoint;
    Wsl__Pb__TaskSnapshot *last; /* NULL: nothing was acknowledged yet */
};

tm_layers *tm_layers_new(void) { return wsl_zalloc(sizeof(tm_layers)); }

static void forget(tm_layers *l)
{
    if (l->last != NULL) {
        wsl__pb__task_snapshot__free_unpacked(l->last, NULL);
        l->last = NULL;
    }
}

void tm_layers_free(tm_layers *l)
{
    if (l != NULL) {
        forget(l);
        free(l);
    }
}

void tm_layers_acknowledged(tm_layers *l, uint64_t checkpoint, const Wsl__Pb__TaskSnapshot *snapshot)
{
    forget(l);
    l->checkpoint = checkpoint;
    l->last = (Wsl__Pb__TaskSnapshot *)(void *)wsl_pb_copy(&snapshot->base);
}

static const Wsl__Pb__OperatorState *find_operator(const tm_layers *l, uint32_t op)
{
    for (size_t i = 0; l->last != NULL && i < l->last->n_operators; i++) {
        if (l->last->operators[i]->operator_ == op) {
            return l->last->operators[i];
        }
    }
    return NULL;
}

/* "state", and "state+" beside it. */
static bool is_named(const Wsl__Pb__Section *s, const char *name, size_t size)
{
    return s->kind == WSL__PB__SECTION_KIND__SECTION_KEYED && strncmp(s->name, name, size) == 0 &&
           (s->name[size] == '\0' || strcmp(s->name + size, "+") == 0);
}

static size_t size_without_plus(const char *name)
{
    const size_t size = strlen(name);
    return size > 1 && name[size - 1] == '+' ? size - 1 : size;
}

bool tm_layers_find(const tm_layers *l, uint32_t op, const char *name, tm_layer_base *out_base)
{
    const Wsl__Pb__OperatorState *state = find_operator(l, op);
    tm_layer_base base = {.checkpoint = l->checkpoint};
    bool found = false;
    for (size_t i = 0; state != NULL && i < state->n_sections; i++) {
        const Wsl__Pb__Section *s = state->sections[i];
        if (!is_named(s, name, strlen(name))) {
            continue;
        }
        if (s->layer == 0 && s->length > 0 && !wsl_pb_is_set(l->last->files[s->file]->path)) {
            return false;
        }
        found = true;
        base.next = s->layer + 1 > base.next ? s->layer + 1 : base.next;
        *(s->layer == 0 ? &base.lowest_bytes : &base.upper_bytes) += s->length;
    }
    *out_base = base;
    return found;
}

/* ---- completing ---- */

typedef struct completing {
    const tm_layers *l;
    Wsl__Pb__TaskSnapshot *out;
    uint32_t *file_at; /* by file of the last acknowledgement: 1 + its place in out */
} completing;

static uint32_t place_of_file(completing *c, uint32_t file)
{
    if (c->file_at[file] == 0) {
        *WSL_PB_APPEND(c->out->files, c->out->n_files) =
            (Wsl__Pb__StateFile *)(void *)wsl_pb_copy(&c->l->last->files[file]->base);
        c->file_at[file] = (uint32_t)c->out->n_files;
    }
    return c->file_at[file] - 1;
}

static void add_lower(completing *c, const Wsl__Pb__Section *above, const Wsl__Pb__OperatorState *last,
                      Wsl__Pb__OperatorState *to)
{
    const size_t size = size_without_plus(above->name);
    for (size_t i = 0; last != NULL && i < last->n_sections; i++) {
        const Wsl__Pb__Section *s = last->sections[i];
        if (is_named(s, above->name, size) && s->layer < above->layer) {
            Wsl__Pb__Section *copy = (Wsl__Pb__Section *)(void *)wsl_pb_copy(&s->base);
            copy->file = s->length > 0 ? place_of_file(c, s->file) : 0;
            *WSL_PB_APPEND(to->sections, to->n_sections) = copy;
        }
    }
}

/* The sections of one operator anew: before the first one of some name that is a layer above the lowest come those below it. */
static void complete_operator(completing *c, Wsl__Pb__OperatorState *state)
{
    const Wsl__Pb__OperatorState *last = find_operator(c->l, state->operator_);
    Wsl__Pb__Section **sections = state->sections;
    const size_t n = state->n_sections;
    state->sections = NULL;
    state->n_sections = 0;
    for (size_t i = 0; i < n; i++) {
        Wsl__Pb__Section *s = sections[i];
        bool first = s->layer > 0;
        for (size_t k = 0; k < i && first; k++) {
            first = !is_named(sections[k], s->name, size_without_plus(s->name));
        }
        if (first) {
            add_lower(c, s, last, state);
        }
        *WSL_PB_APPEND(state->sections, state->n_sections) = s;
    }
    free(sections);
    size_t kept = 0;
    for (size_t i = 0; i < state->n_sections; i++) {
        if (state->sections[i]->layer > 0 && state->sections[i]->length == 0) {
            wsl__pb__section__free_unpacked(state->sections[i], NULL);
        } else {
            state->sections[kept++] = state->sections[i];
        }
    }
    state->n_sections = kept;
}

void tm_layers_complete(const tm_layers *l, Wsl__Pb__TaskSnapshot *snapshot)
{
    if (l->last == NULL) {
        return;
    }
    completing c = {.l = l, .out = snapshot, .file_at = wsl_calloc(l->last->n_files + 1, sizeof *c.file_at)};
    for (size_t i = 0; i < snapshot->n_operators; i++) {
        complete_operator(&c, snapshot->operators[i]);
    }
    free(c.file_at);
}
