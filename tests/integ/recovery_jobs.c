/*
 * recovery_jobs - a job that fails once: files -> a function that fails -> running count per key -> files; with --apart every
 * row says itself which count of its key it is, so that no subtask is connected with another. --dead DIR: then every hundredth
 * row is refused, and told of there.
 *
 * The function fails at the first row after results are visible in --out, and makes --marker, so that it fails once. Until then it takes
 * a millisecond per row.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../jobs/count_events.h"

typedef struct paths {
    char out[256], marker[256];
} paths;

typedef struct progress {
    bool failed;
} progress;

static bool results_are_visible(const char *path)
{
    DIR *dir = opendir(path);
    bool visible = false;
    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        visible |= strncmp(e->d_name, "part-", 5) == 0;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return visible;
}

static wsl_status fail_once(wsl_ctx *ctx, const wsl_row *in)
{
    const paths *p = ctx->config;
    progress *so_far = ctx->local;
    so_far->failed = so_far->failed || access(p->marker, F_OK) == 0;
    if (!so_far->failed) {
        usleep(1000);
        if (results_are_visible(p->out)) {
            const int fd = open(p->marker, O_CREAT | O_EXCL | O_WRONLY, 0600);
            if (fd >= 0) {
                close(fd);
                return wsl_error_here(ctx, "fails once, at row %lld", (long long)event_id(in));
            }
        }
    }
    return wsl_emit(ctx, in);
}
WSL_PROCESS(fails_once, .in = &event_schema, .local_size = sizeof(progress), .process = fail_once);

WSL_JOB(env, args)
{
    paths p = {0};
    strncpy(p.out, wsl_arg_required(args, "out"), sizeof p.out - 1);
    strncpy(p.marker, wsl_arg_required(args, "marker"), sizeof p.marker - 1);
    wsl_stream *checked = wsl_set_config(wsl_process(read_events(env, args), "fails once", &fails_once), &p, sizeof p);
    const char *dead = wsl_arg(args, "dead", "");
    wsl_stream *counts = wsl_arg_flag(args, "apart") ? number_events(checked, dead[0] != '\0') : count_events(checked);
    if (dead[0] != '\0') {
        wsl_set_on_error(counts, "side-output");
        wsl_to(wsl_side_output(counts, WSL_POISON_ROWS), "dead letters", "file",
               WSL_OPTIONS({"path", dead}, {"format", "json"}, {"roll-on-checkpoint", "true"}));
    }
    write_tallies(counts, args);
    return WSL_OK;
}
