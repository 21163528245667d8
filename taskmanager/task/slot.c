/*
 * slot - see slot.h.
 *
 * Invariant: when tm_slot_step returns a deadline in the future, the mailbox and the inbox were empty after the last task
 * was stepped, so every later post finds an empty box and wakes the loop.
 */
#include "taskmanager/task/slot.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/ckpt/writer.h"

enum {
    /* How long one call of step may go on. Where slot and network share a thread, buffers and credits come and go between
     * two calls only: the way there and back takes four slices, and must be shorter than a channel's credits last. They
     * last some 500 us of a fast job; with slices of 200 us two processes waited for each other in turns. */
    SLICE_NS = 50000,
    FD_POLL_NS = 10 * WSL_NS_PER_MS,    /* without a loop that watches descriptors */
};

typedef enum mail_kind { MAIL_DEPLOY, MAIL_CANCEL, MAIL_FAIL, MAIL_SPLIT, MAIL_COLLECT_ACK, MAIL_LIMIT,
                         MAIL_TRIGGER, MAIL_CHECKPOINT_ENDED } mail_kind;

typedef struct mail {
    wsl_letter letter; /* first */
    mail_kind kind;
    tm_task *task;
    tm_task_key key;
    tm_channel_key channel;
    bool inbound;
    bool no_more;
    uint32_t operator_id;
    uint32_t number; /* of a split */
    uint64_t sequence;
    int64_t limit;
    char *text;
    void *bytes;
    uint32_t size;
    bool complete;
    Wsl__Pb__TriggerCheckpoint trigger; /* its task is unset */
} mail;

struct tm_slot {
    tm_slot_options options;
    wsl_mailbox box;   /* mail */
    wsl_mailbox inbox; /* ends of channels */
    wsl_mailbox written; /* results of state files */
    _Atomic(bool) poked; /* something has come for a task, by no letter */
    tm_task **tasks;
    uint32_t n_tasks, capacity;
    void (*watch)(void *arg, int fd);
    void (*unwatch)(void *arg, int fd);
    void *watch_arg;
    uint64_t stdout_failures;
};

tm_slot *tm_slot_new(const tm_slot_options *options)
{
    tm_slot *s = wsl_zalloc(sizeof *s);
    s->options = *options;
    wsl_mailbox_init(&s->box, (wsl_waker){0});
    wsl_mailbox_init(&s->inbox, (wsl_waker){0});
    wsl_mailbox_init(&s->written, (wsl_waker){0});
    return s;
}

void tm_slot_bind(tm_slot *s, wsl_waker waker, void (*watch)(void *arg, int fd), void (*unwatch)(void *arg, int fd),
                  void *arg)
{
    s->box.waker = waker;
    s->inbox.waker = waker;
    s->written.waker = waker;
    s->watch = watch;
    s->unwatch = unwatch;
    s->watch_arg = arg;
}

wsl_mailbox *tm_slot_inbox(tm_slot *s) { return &s->inbox; }

static void mail_free(mail *m)
{
    free(m->text);
    free(m->bytes);
    free(m);
}

void tm_report_free(tm_report *report)
{
    if (report != NULL) {
        free(report->text);
        free(report->rows);
        if (report->ack != NULL) {
            wsl__pb__checkpoint_ack__free_unpacked(report->ack, NULL);
        }
        free(report);
    }
}

static void take_inbox(tm_slot *s)
{
    for (wsl_letter *l = wsl_mailbox_take_all(&s->inbox), *next; l != NULL; l = next) {
        next = l->next;
        tm_channel_end *end = tm_channel_end_open(l);
        if (end->owner != NULL) {
            tm_task_on_channel(end->owner, end);
        }
        tm_channel_unref(end->channel);
    }
}

static void take_written(tm_slot *s)
{
    for (wsl_letter *l = wsl_mailbox_take_all(&s->written), *next; l != NULL; l = next) {
        next = l->next;
        tm_writer_result *result = (tm_writer_result *)(void *)l;
        for (uint32_t i = 0; i < s->n_tasks; i++) {
            if (s->tasks[i] != NULL && tm_task_on_written(s->tasks[i], result)) {
                break;
            }
        }
        tm_writer_result_free(result);
    }
}

void tm_slot_free(tm_slot *s)
{
    if (s == NULL) {
        return;
    }
    for (uint32_t i = 0; i < s->n_tasks; i++) {
        tm_task_free(s->tasks[i]);
    }
    s->n_tasks = 0;
    for (wsl_letter *l = wsl_mailbox_take_all(&s->box), *next; l != NULL; l = next) {
        next = l->next;
        mail *m = (mail *)(void *)l;
        if (m->kind == MAIL_DEPLOY) {
            tm_task_free(m->task);
        }
        mail_free(m);
    }
    take_inbox(s);
    take_written(s);
    free(s->tasks);
    free(s);
}

/* ---- services for tasks ---- */

static tm_report *report_new(tm_slot *s, tm_report_kind kind, tm_task *task)
{
    tm_report *r = wsl_zalloc(sizeof *r);
    r->kind = kind;
    r->slot = s->options.index;
    r->task = task;
    return r;
}

static bool is_terminal(Wsl__Pb__TaskState state)
{
    return state == WSL__PB__TASK_STATE__TASK_FINISHED || state == WSL__PB__TASK_STATE__TASK_CANCELED ||
           state == WSL__PB__TASK_STATE__TASK_FAILED;
}

static void on_state(void *arg, tm_task *task, Wsl__Pb__TaskState state)
{
    tm_slot *s = arg;
    if (is_terminal(state)) {
        for (uint32_t i = 0; i < s->n_tasks; i++) {
            if (s->tasks[i] == task) {
                s->tasks[i] = NULL; /* compacted after the round */
            }
        }
    }
    tm_report *r = report_new(s, TM_REPORT_STATE, task);
    r->state = state;
    wsl_mailbox_post(s->options.control, &r->letter);
}

static void on_split_request(void *arg, tm_task *task, uint32_t operator_id, const char *finished)
{
    tm_slot *s = arg;
    tm_report *r = report_new(s, TM_REPORT_SPLIT_REQUEST, task);
    r->operator_id = operator_id;
    r->text = finished != NULL ? wsl_strdup(finished) : NULL;
    wsl_mailbox_post(s->options.control, &r->letter);
}

static void on_watermark(void *arg, tm_task *task, uint32_t operator_id, int64_t watermark, bool idle)
{
    tm_slot *s = arg;
    tm_report *r = report_new(s, TM_REPORT_WATERMARK, task);
    r->operator_id = operator_id;
    r->watermark = watermark;
    r->idle = idle;
    wsl_mailbox_post(s->options.control, &r->letter);
}

static wsl_status on_stdout(void *arg, const char *data, size_t size)
{
    tm_slot *s = arg;
    return s->options.write_stdout(s->options.stdout_arg, data, size);
}

static wsl_status on_collect(void *arg, tm_task *task, uint32_t operator_id, const wsl_row *const *rows, uint32_t n,
                             uint64_t sequence)
{
    tm_slot *s = arg;
    tm_report *r = report_new(s, TM_REPORT_COLLECT, task);
    r->operator_id = operator_id;
    r->sequence = sequence;
    r->n_rows = n;
    r->end = n == 0;
    for (uint32_t i = 0; i < n; i++) {
        r->rows_size += rows[i]->size;
    }
    r->rows = wsl_alloc(r->rows_size + 1);
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(r->rows + at, rows[i], rows[i]->size);
        at += rows[i]->size;
    }
    wsl_mailbox_post(s->options.control, &r->letter);
    return WSL_OK;
}

static void on_checkpoint_ack(void *arg, tm_task *task, Wsl__Pb__CheckpointAck *ack)
{
    tm_slot *s = arg;
    tm_report *r = report_new(s, TM_REPORT_CHECKPOINT, task);
    r->ack = ack;
    wsl_mailbox_post(s->options.control, &r->letter);
}

static void on_checkpoint_declined(void *arg, tm_task *task, uint64_t checkpoint, const char *reason)
{
    tm_slot *s = arg;
    tm_report *r = report_new(s, TM_REPORT_CHECKPOINT, task);
    r->sequence = checkpoint;
    r->text = wsl_strdup(reason);
    wsl_mailbox_post(s->options.control, &r->letter);
}

static void on_watch(void *arg, int fd)
{
    tm_slot *s = arg;
    if (s->watch != NULL) {
        s->watch(s->watch_arg, fd);
    }
}

static void on_unwatch(void *arg, int fd)
{
    tm_slot *s = arg;
    if (s->unwatch != NULL) {
        s->unwatch(s->watch_arg, fd);
    }
}

static void poke(void *arg)
{
    tm_slot *s = arg;
    atomic_store_explicit(&s->poked, true, memory_order_release);
    wsl_wake(&s->box.waker);
}

/* ---- mail ---- */

static tm_task *find_task(const tm_slot *s, const tm_task_key *key)
{
    for (uint32_t i = 0; i < s->n_tasks; i++) {
        if (s->tasks[i] != NULL && tm_task_key_equal(tm_task_get_key(s->tasks[i]), key)) {
            return s->tasks[i];
        }
    }
    return NULL;
}

static void deploy(tm_slot *s, tm_task *task)
{
    if (s->n_tasks == s->capacity) {
        s->capacity = s->capacity == 0 ? 8 : s->capacity * 2;
        s->tasks = wsl_realloc(s->tasks, s->capacity * sizeof(tm_task *));
    }
    s->tasks[s->n_tasks++] = task;
    const tm_task_services services = {
        .arg = s,
        .state_changed = on_state,
        .request_split = on_split_request,
        .write_stdout = on_stdout,
        .send_to_client = on_collect,
        .report_watermark = on_watermark,
        .watch_fd = on_watch,
        .unwatch_fd = on_unwatch,
        .poke = {poke, s},
        .written = &s->written,
        .checkpoint_ack = on_checkpoint_ack,
        .checkpoint_declined = on_checkpoint_declined,
    };
    tm_task_open(task, &services);
}

static bool task_uses(const tm_task *task, const tm_channel_key *channel, bool inbound)
{
    const tm_task_key *key = tm_task_get_key(task);
    uint64_t job;
    memcpy(&job, key->job.bytes, sizeof job);
    if (job != channel->job || key->attempt != channel->attempt) {
        return false;
    }
    const Wsl__Pb__DeployTask *d = tm_task_deployment(task);
    if (inbound) {
        for (size_t i = 0; i < d->n_inputs; i++) {
            if (d->inputs[i]->edge->id == channel->edge && key->subtask == channel->to) {
                return true;
            }
        }
        return false;
    }
    for (size_t i = 0; i < d->n_outputs; i++) {
        if (d->outputs[i]->edge->id == channel->edge && key->subtask == channel->from) {
            return true;
        }
    }
    return false;
}

static void open_mail(tm_slot *s, mail *m)
{
    switch (m->kind) {
    case MAIL_DEPLOY:
        deploy(s, m->task);
        return;
    case MAIL_FAIL:
        for (uint32_t i = 0; i < s->n_tasks; i++) {
            if (s->tasks[i] != NULL && task_uses(s->tasks[i], &m->channel, m->inbound)) {
                tm_task_fail(s->tasks[i], WSL_UNREACHABLE, m->text);
            }
        }
        return;
    case MAIL_CANCEL:
    case MAIL_SPLIT:
    case MAIL_COLLECT_ACK:
    case MAIL_LIMIT:
    case MAIL_TRIGGER:
    case MAIL_CHECKPOINT_ENDED:
        break;
    }
    tm_task *task = find_task(s, &m->key);
    if (task == NULL) {
        return; /* it has ended meanwhile */
    }
    if (m->kind == MAIL_CANCEL) {
        tm_task_cancel(task);
    } else if (m->kind == MAIL_SPLIT) {
        const wsl_split split = {m->text, m->bytes, m->size};
        tm_task_on_split(task, m->operator_id, m->bytes != NULL ? &split : NULL, m->number, m->no_more);
    } else if (m->kind == MAIL_TRIGGER) {
        tm_task_on_trigger(task, &m->trigger);
    } else if (m->kind == MAIL_CHECKPOINT_ENDED) {
        tm_task_on_checkpoint_ended(task, m->sequence, m->complete);
    } else if (m->kind == MAIL_LIMIT) {
        tm_task_on_limit(task, m->operator_id, m->limit);
    } else {
        tm_task_on_collect_ack(task, m->operator_id, m->sequence);
    }
}

static void take_mail(tm_slot *s)
{
    for (wsl_letter *l = wsl_mailbox_take_all(&s->box), *next; l != NULL; l = next) {
        next = l->next;
        mail *m = (mail *)(void *)l;
        open_mail(s, m);
        mail_free(m);
    }
}

/* ---- the loop's step ---- */

static void compact(tm_slot *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_tasks; i++) {
        if (s->tasks[i] != NULL) {
            s->tasks[n++] = s->tasks[i];
        }
    }
    s->n_tasks = n;
}

/* One step of each task. True if any of them has more to do. */
static bool round_of_tasks(tm_slot *s, int64_t *now_ns)
{
    bool ran = false;
    bool gone = false;
    for (uint32_t i = 0; i < s->n_tasks; i++) {
        const tm_step step = tm_task_step(s->tasks[i], now_ns);
        ran |= step == TM_STEP_RAN || step == TM_STEP_ENDED;
        gone |= s->tasks[i] == NULL;
    }
    if (gone) {
        compact(s);
    }
    return ran;
}

/* Partly filled buffers go: nobody has more to do now, or it has taken long enough. */
static void flush_tasks(tm_slot *s)
{
    bool gone = false;
    for (uint32_t i = 0; i < s->n_tasks; i++) {
        tm_task_flush(s->tasks[i]);
        gone |= s->tasks[i] == NULL; /* it failed */
    }
    if (gone) {
        compact(s);
    }
}

/* Snapshots that are being written take what time there is. */
static bool walk_tasks(tm_slot *s, int64_t *now_ns)
{
    bool walked = false;
    for (uint32_t i = 0; i < s->n_tasks; i++) {
        walked |= tm_task_walk_idle(s->tasks[i], now_ns);
    }
    return walked;
}

static int64_t next_deadline(const tm_slot *s, int64_t now_ns)
{
    int64_t deadline = WSL_NEVER;
    for (uint32_t i = 0; i < s->n_tasks; i++) {
        const int64_t d = tm_task_deadline(s->tasks[i]);
        deadline = d < deadline ? d : deadline;
        if (tm_task_fd(s->tasks[i]) >= 0 && s->watch == NULL && now_ns + FD_POLL_NS < deadline) {
            deadline = now_ns + FD_POLL_NS;
        }
    }
    return deadline;
}

bool tm_slot_has_mail(const tm_slot *s)
{
    return !wsl_mailbox_is_empty(&s->box) || !wsl_mailbox_is_empty(&s->inbox) || !wsl_mailbox_is_empty(&s->written) ||
           atomic_load_explicit(&s->poked, memory_order_acquire);
}

int64_t tm_slot_step(tm_slot *s)
{
    int64_t now = wsl_now_ns(s->options.clock);
    const int64_t until = now + SLICE_NS;
    for (uint32_t i = 0; i < s->n_tasks; i++) {
        if (tm_task_fd(s->tasks[i]) >= 0) {
            tm_task_on_fd(s->tasks[i]); /* why we were woken is not known; a poll too many costs a read */
        }
    }
    for (;;) {
        if (tm_slot_has_mail(s)) {
            if (atomic_load_explicit(&s->poked, memory_order_relaxed)) {
                (void)atomic_exchange_explicit(&s->poked, false, memory_order_acq_rel);
            }
            take_mail(s);
            take_inbox(s);
            take_written(s);
            compact(s);
        }
        const bool ran = round_of_tasks(s, &now);
        if (ran && now < until) {
            continue;
        }
        flush_tasks(s);
        if (ran) {
            return now;
        }
        if (!tm_slot_has_mail(s) && !walk_tasks(s, &now)) {
            return next_deadline(s, now);
        }
        if (now >= until) {
            return now;
        }
    }
}

/* ---- posting ---- */

static void post(tm_slot *s, mail m)
{
    mail *copy = wsl_alloc(sizeof *copy);
    *copy = m;
    wsl_mailbox_post(&s->box, &copy->letter);
}

void tm_slot_post_deploy(tm_slot *s, tm_task *task) { post(s, (mail){.kind = MAIL_DEPLOY, .task = task}); }

void tm_slot_post_cancel(tm_slot *s, const tm_task_key *key) { post(s, (mail){.kind = MAIL_CANCEL, .key = *key}); }

void tm_slot_post_fail(tm_slot *s, const tm_channel_key *key, bool inbound, const char *reason)
{
    post(s, (mail){.kind = MAIL_FAIL, .channel = *key, .inbound = inbound, .text = wsl_strdup(reason)});
}

void tm_slot_post_split(tm_slot *s, const tm_task_key *key, uint32_t operator_id, const wsl_split *split,
                        uint32_t number, bool no_more)
{
    mail m = {.kind = MAIL_SPLIT, .key = *key, .operator_id = operator_id, .number = number, .no_more = no_more};
    if (split != NULL) {
        m.text = wsl_strdup(split->name);
        m.bytes = wsl_memdup(split->bytes, split->size);
        m.size = split->size;
    }
    post(s, m);
}

void tm_slot_post_collect_ack(tm_slot *s, const tm_task_key *key, uint32_t operator_id, uint64_t sequence)
{
    post(s, (mail){.kind = MAIL_COLLECT_ACK, .key = *key, .operator_id = operator_id, .sequence = sequence});
}

void tm_slot_post_limit(tm_slot *s, const tm_task_key *key, uint32_t operator_id, int64_t limit)
{
    post(s, (mail){.kind = MAIL_LIMIT, .key = *key, .operator_id = operator_id, .limit = limit});
}

void tm_slot_post_trigger(tm_slot *s, const tm_task_key *key, const Wsl__Pb__TriggerCheckpoint *trigger)
{
    mail m = {.kind = MAIL_TRIGGER, .key = *key, .trigger = *trigger};
    m.trigger.task = NULL;
    post(s, m);
}

void tm_slot_post_checkpoint_ended(tm_slot *s, const tm_task_key *key, uint64_t checkpoint, bool complete)
{
    post(s, (mail){.kind = MAIL_CHECKPOINT_ENDED, .key = *key, .sequence = checkpoint, .complete = complete});
}
