/*
 * log_sink - stderr, a rotating file, a ring in memory, and a pair of sinks.
 */
#include "base/log_sink.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

typedef bool (*write_fn)(wsl_log_sink *sink, const char *line, size_t size); /* under the lock; line ends with \n */

struct wsl_log_sink {
    pthread_mutex_t lock;
    write_fn write;
    void (*fini)(wsl_log_sink *sink);
    uint64_t dropped;
};

static void sink_init(wsl_log_sink *sink, write_fn write, void (*fini)(wsl_log_sink *sink))
{
    WSL_ASSERT(pthread_mutex_init(&sink->lock, NULL) == 0);
    sink->write = write;
    sink->fini = fini;
}

void wsl_log_sink_free(wsl_log_sink *sink)
{
    if (sink != NULL) {
        if (sink->fini != NULL) {
            sink->fini(sink);
        }
        (void)pthread_mutex_destroy(&sink->lock);
        free(sink);
    }
}

static void report_dropped(wsl_log_sink *sink)
{
    char text[64];
    const int n = snprintf(text, sizeof text, "WARN  log.dropped lines=%" PRIu64 "\n", sink->dropped);
    if (sink->write(sink, text, (size_t)n)) {
        sink->dropped = 0;
    }
}

void wsl_log_sink_write(wsl_log_sink *sink, const char *line, size_t size)
{
    char *const whole = wsl_alloc(size + 2);
    memcpy(whole, line, size);
    whole[size] = '\n';
    whole[size + 1] = '\0';
    WSL_ASSERT(pthread_mutex_lock(&sink->lock) == 0);
    if (sink->dropped != 0) {
        report_dropped(sink);
    }
    if (sink->dropped != 0 || !sink->write(sink, whole, size + 1)) {
        sink->dropped++;
    }
    WSL_ASSERT(pthread_mutex_unlock(&sink->lock) == 0);
    free(whole);
}

/* ---- stderr ---- */

static bool stderr_write(wsl_log_sink *sink, const char *line, size_t size)
{
    (void)sink;
    return fwrite(line, 1, size, stderr) == size && fflush(stderr) == 0;
}

wsl_log_sink *wsl_log_sink_stderr(void)
{
    wsl_log_sink *const sink = wsl_zalloc(sizeof *sink);
    sink_init(sink, stderr_write, NULL);
    return sink;
}

/* ---- memory ---- */

typedef struct memory_sink {
    wsl_log_sink sink; /* first */
    char **lines;      /* ring of max; oldest at `first` */
    uint32_t max, first, used;
} memory_sink;

static bool memory_write(wsl_log_sink *sink, const char *line, size_t size)
{
    memory_sink *const m = (memory_sink *)sink;
    if (m->used == m->max) {
        free(m->lines[m->first]);
        m->first = (m->first + 1) % m->max;
        m->used--;
    }
    m->lines[(m->first + m->used) % m->max] = wsl_strndup(line, size - 1);
    m->used++;
    return true;
}

static void memory_fini(wsl_log_sink *sink)
{
    memory_sink *const m = (memory_sink *)sink;
    for (uint32_t i = 0; i < m->used; i++) {
        free(m->lines[(m->first + i) % m->max]);
    }
    free(m->lines);
}

wsl_log_sink *wsl_log_sink_memory(uint32_t max_lines)
{
    WSL_ASSERT(max_lines > 0);
    memory_sink *const m = wsl_zalloc(sizeof *m);
    sink_init(&m->sink, memory_write, memory_fini);
    m->lines = wsl_calloc(max_lines, sizeof *m->lines);
    m->max = max_lines;
    return &m->sink;
}

void wsl_log_sink_each(wsl_log_sink *sink, void (*fn)(void *arg, const char *line), void *arg)
{
    WSL_ASSERT(sink->write == memory_write);
    memory_sink *const m = (memory_sink *)sink;
    WSL_ASSERT(pthread_mutex_lock(&sink->lock) == 0);
    for (uint32_t i = 0; i < m->used; i++) {
        fn(arg, m->lines[(m->first + i) % m->max]);
    }
    WSL_ASSERT(pthread_mutex_unlock(&sink->lock) == 0);
}

/* ---- file with rotation ---- */

typedef struct file_sink {
    wsl_log_sink sink; /* first */
    wsl_fs *fs;
    char *path;
    wsl_file *file; /* NULL after a failed rotation; opened again by the next line */
    uint64_t size, rotate_bytes;
    uint32_t keep;
} file_sink;

static wsl_status file_open(file_sink *f, wsl_error *err)
{
    WSL_TRY(f->fs->open(f->fs, f->path, WSL_OPEN_APPEND, &f->file, err));
    return f->file->size(f->file, &f->size, err);
}

/* path.2 -> path.3, path.1 -> path.2, path -> path.1; what was path.<keep> is gone. Missing ones are no matter. */
static void rotate(file_sink *f)
{
    wsl_file_free(WSL_TAKE(f->file));
    if (f->keep == 0) {
        (void)f->fs->remove(f->fs, f->path, NULL);
        return;
    }
    for (uint32_t i = f->keep; i >= 1; i--) {
        char *const from = i == 1 ? wsl_strdup(f->path) : wsl_asprintf("%s.%" PRIu32, f->path, i - 1);
        char *const to = wsl_asprintf("%s.%" PRIu32, f->path, i);
        (void)f->fs->rename(f->fs, from, to, NULL);
        free(from);
        free(to);
    }
}

static bool file_write(wsl_log_sink *sink, const char *line, size_t size)
{
    file_sink *const f = (file_sink *)sink;
    if (f->file != NULL && f->size != 0 && f->size + size > f->rotate_bytes) {
        rotate(f);
    }
    if ((f->file == NULL && file_open(f, NULL) != WSL_OK) || f->file->write(f->file, line, size, NULL) != WSL_OK) {
        return false;
    }
    f->size += size;
    return true;
}

static void file_fini(wsl_log_sink *sink)
{
    file_sink *const f = (file_sink *)sink;
    wsl_file_free(f->file);
    free(f->path);
}

wsl_status wsl_log_sink_file(wsl_fs *fs, const char *path, uint64_t rotate_bytes, uint32_t keep,
                             wsl_log_sink **out_sink, wsl_error *err)
{
    file_sink *const f = wsl_zalloc(sizeof *f);
    sink_init(&f->sink, file_write, file_fini);
    f->fs = fs;
    f->path = wsl_strdup(path);
    f->rotate_bytes = rotate_bytes;
    f->keep = keep;
    const wsl_status status = file_open(f, err);
    if (status != WSL_OK) {
        wsl_log_sink_free(&f->sink);
        return status;
    }
    *out_sink = &f->sink;
    return WSL_OK;
}

/* ---- both of two ---- */

typedef struct pair_sink {
    wsl_log_sink sink; /* first */
    wsl_log_sink *a, *b;
} pair_sink;

static bool pair_write(wsl_log_sink *sink, const char *line, size_t size)
{
    pair_sink *const p = (pair_sink *)sink;
    wsl_log_sink_write(p->a, line, size - 1);
    wsl_log_sink_write(p->b, line, size - 1);
    return true;
}

static void pair_fini(wsl_log_sink *sink)
{
    pair_sink *const p = (pair_sink *)sink;
    wsl_log_sink_free(p->a);
    wsl_log_sink_free(p->b);
}

wsl_log_sink *wsl_log_sink_pair(wsl_log_sink *a, wsl_log_sink *b)
{
    pair_sink *const p = wsl_zalloc(sizeof *p);
    sink_init(&p->sink, pair_write, pair_fini);
    p->a = a;
    p->b = b;
    return &p->sink;
}
