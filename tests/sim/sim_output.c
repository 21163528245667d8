/*
 * sim_output - see sim_output.h.
 */
#include "sim_output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/strbuf.h"

enum { FILE_MAX = 64 << 20 };

typedef struct reading {
    wsl_fs *fs;
    const char *dir;
    sim_output *out;
    wsl_strbuf text;
} reading;

static bool read_part(void *arg, const char *name, const wsl_file_info *info)
{
    reading *r = arg;
    char path[512], *data = NULL;
    size_t size = 0;
    wsl_error err = {0};
    (void)info;
    if (name[0] == '.') {
        r->out->hidden++;
        snprintf(r->out->hidden_name, sizeof r->out->hidden_name, "%s", name);
        return true;
    }
    snprintf(path, sizeof path, "%s/%s", r->dir, name);
    const bool read = wsl_fs_read_all(r->fs, path, FILE_MAX, &data, &size, &err) == WSL_OK;
    WSL_ASSERT(read);
    r->out->torn |= size > 0 && data[size - 1] != '\n';
    wsl_strbuf_add(&r->text, data, size);
    free(data);
    return true;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void cut_lines(sim_output *o, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        o->n += o->text[i] == '\n';
    }
    o->lines = wsl_calloc(o->n + 1, sizeof *o->lines);
    char *line = o->text;
    for (uint32_t i = 0; i < o->n; i++) {
        char *end = strchr(line, '\n');
        *end = '\0';
        o->lines[i] = line;
        line = end + 1;
    }
    if (o->n > 1) {
        qsort(o->lines, o->n, sizeof *o->lines, compare);
    }
}

sim_output *sim_output_read(wsl_fs *fs, const char *dir)
{
    reading r = {.fs = fs, .dir = dir, .out = wsl_zalloc(sizeof *r.out)};
    wsl_strbuf_init(&r.text);
    (void)fs->list(fs, dir, read_part, &r, NULL);
    const size_t text_size = r.text.size;
    r.out->text = text_size > 0 ? wsl_strbuf_take(&r.text) : wsl_strdup("");
    cut_lines(r.out, text_size);
    wsl_strbuf_fini(&r.text);
    return r.out;
}

void sim_output_free(sim_output *o)
{
    if (o != NULL) {
        free(o->lines);
        free(o->text);
        free(o);
    }
}

bool sim_output_equal(const sim_output *expected, const sim_output *o, char *why, size_t why_size)
{
    for (uint32_t i = 0; i < expected->n || i < o->n; i++) {
        const int order = i == expected->n ? 1 : i == o->n ? -1 : strcmp(expected->lines[i], o->lines[i]);
        if (order != 0) {
            snprintf(why, why_size, "%u lines instead of %u; %s %s", o->n, expected->n,
                     order < 0 ? "missing" : "too much, or twice, is", order < 0 ? expected->lines[i] : o->lines[i]);
            return false;
        }
    }
    return true;
}
