/*
 * proc - Linux: /proc, getrusage, sysconf.
 */
#include "base/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"

/* The beginning of a small file as text; "" if it cannot be read. */
static void read_small(const char *path, char *to, size_t capacity)
{
    to[0] = '\0';
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    const ssize_t n = read(fd, to, capacity - 1);
    to[n > 0 ? n : 0] = '\0';
    (void)close(fd);
}

/* "Threads:\t12" in the text of /proc/self/status. */
static uint64_t status_number(const char *status, const char *name)
{
    const char *const line = strstr(status, name);
    return line != NULL ? strtoull(line + strlen(name), NULL, 10) : 0;
}

static uint32_t count_open_files(void)
{
    DIR *const d = opendir("/proc/self/fd");
    if (d == NULL) {
        return 0;
    }
    uint32_t n = 0;
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        n += e->d_name[0] != '.';
    }
    (void)closedir(d);
    return n > 0 ? n - 1 : 0; /* not the directory itself */
}

static void real_stats(wsl_proc *proc, wsl_proc_stats *out_stats)
{
    (void)proc;
    char status[4096];
    read_small("/proc/self/status", status, sizeof status);
    struct timespec cpu = {.tv_sec = 0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    struct rlimit files = {.rlim_cur = 0};
    (void)getrlimit(RLIMIT_NOFILE, &files);
    *out_stats = (wsl_proc_stats){
        .rss_bytes = status_number(status, "VmRSS:") * 1024,
        .peak_rss_bytes = status_number(status, "VmHWM:") * 1024,
        .cpu_ns = (int64_t)cpu.tv_sec * WSL_NS_PER_S + cpu.tv_nsec,
        .threads = (uint32_t)status_number(status, "Threads:"),
        .open_files = count_open_files(),
        .max_files = files.rlim_cur > UINT32_MAX ? UINT32_MAX : (uint32_t)files.rlim_cur,
    };
}

static uint64_t memory_of_machine(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);
    uint64_t memory = pages > 0 && page_size > 0 ? (uint64_t)pages * (uint64_t)page_size : 0;
    char limit[64];
    read_small("/sys/fs/cgroup/memory.max", limit, sizeof limit); /* "max" parses to 0: no limit */
    const uint64_t group = strtoull(limit, NULL, 10);
    return group != 0 && group < memory ? group : memory;
}

static uint32_t usable_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return (uint32_t)CPU_COUNT(&set);
    }
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (uint32_t)n : 1;
}

static void fill_host_id(char out[WSL_HOST_ID_SIZE])
{
    _Static_assert((int)WSL_HOST_ID_SIZE == (int)WSL_ID_TEXT_SIZE, "a host id is the text of an id");
    char boot[64], mount[64], both[128];
    read_small("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    const ssize_t n = readlink("/proc/self/ns/mnt", mount, sizeof mount - 1);
    out[0] = '\0';
    if (boot[0] != '\0' && n > 0) {
        mount[n] = '\0';
        const int size = snprintf(both, sizeof both, "%s %s", boot, mount);
        const wsl_id id = wsl_id_of_bytes(both, (size_t)size);
        (void)wsl_id_text(&id, out);
    }
}

static void real_machine(wsl_proc *proc, wsl_machine *out_machine)
{
    (void)proc;
    *out_machine = (wsl_machine){.memory_bytes = memory_of_machine(), .cores = usable_cores()};
    if (gethostname(out_machine->host_name, sizeof out_machine->host_name - 1) != 0) {
        out_machine->host_name[0] = '\0';
    }
    fill_host_id(out_machine->host_id);
}

wsl_proc *wsl_proc_real(void)
{
    static wsl_proc real = {.stats = real_stats, .machine = real_machine}; /* never written */
    return &real;
}

bool wsl_proc_program_path(char *out, size_t capacity)
{
    const ssize_t n = readlink("/proc/self/exe", out, capacity);
    if (n <= 0 || (size_t)n >= capacity) {
        return false;
    }
    out[n] = '\0';
    return true;
}
