#include "harness/wsl_test.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs_mem.h"
#include "base/log.h"

static void copy_line(void *arg, const char *line) { (void)snprintf(arg, 8192, "%s", line); }

#define HEAD "2026-11-21T09:04:10.123Z "
static const int64_t wall_ms = INT64_C(1795251850123); /* 2026-11-21T09:04:10.123Z */

typedef struct fixture {
    wsl_manual_clock clock;
    wsl_log_sink *sink;
    wsl_logger *logger;
    char line[8192];
} fixture;

static void up(fixture *f)
{
    wsl_manual_clock_init(&f->clock, wall_ms);
    f->sink = wsl_log_sink_memory(10);
    f->logger = wsl_logger_new(f->sink, &f->clock.clock, WSL_LOG_INFO);
}

static void down(fixture *f)
{
    wsl_logger_free(f->logger);
    wsl_log_sink_free(f->sink);
}

static const char *last(fixture *f)
{
    f->line[0] = '\0';
    wsl_log_sink_each(f->sink, copy_line, f->line);
    return f->line;
}

Test(log, a_line_is_time_level_event_and_fields)
{
    fixture f;
    up(&f);
    wsl_log(f.logger, WSL_LOG_INFO, "job.state", "job=%s from=%s to=%s", "bb88b0", "CREATED", "RUNNING");
    cr_assert_str_eq(last(&f), HEAD "INFO  job.state job=bb88b0 from=CREATED to=RUNNING");
    wsl_log(f.logger, WSL_LOG_ERROR, "x", "%s", "");
    cr_assert_str_eq(last(&f), HEAD "ERROR x \"\"");
    wsl_manual_clock_advance(&f.clock, 1000 * WSL_NS_PER_S);
    wsl_log(f.logger, WSL_LOG_WARN, "y", "n=%d", 1);
    cr_assert_str_eq(last(&f), "2026-11-21T09:20:50.123Z WARN  y n=1");
    down(&f);
}

Test(log, values_with_blanks_or_quotes_are_quoted_and_line_breaks_escaped)
{
    fixture f;
    up(&f);
    wsl_log(f.logger, WSL_LOG_INFO, "e", "why=%s n=%d", "no room \"here\"\nat\tall\\", 3);
    cr_assert_str_eq(last(&f), HEAD "INFO  e why=\"no room \\\"here\\\"\\nat\\tall\\\\\" n=3");
    wsl_log(f.logger, WSL_LOG_INFO, "e", "addr=%s:%u empty=%s two=%s", "tcp://h", 80u, "", "a=b");
    cr_assert_str_eq(last(&f), HEAD "INFO  e addr=tcp://h:80 empty=\"\" two=\"a=b\"");
    wsl_log(f.logger, WSL_LOG_INFO, "e", "bell=%s name=%s", "\a",
            "Gr\xC3\xBC\xC3\x9F"
            "e");
    cr_assert_str_eq(last(&f), HEAD "INFO  e bell=\"\\x07\" name=Gr\xC3\xBC\xC3\x9F"
                                    "e");
    down(&f);
}

Test(log, a_value_may_be_quoted_in_the_format)
{
    fixture f;
    up(&f);
    wsl_log(f.logger, WSL_LOG_INFO, "e", "why=\"%s is %s\" n=%d", "slot 1", "\"busy\"", 4);
    cr_assert_str_eq(last(&f), HEAD "INFO  e why=\"slot 1 is \\\"busy\\\"\" n=4");
    wsl_log(f.logger, WSL_LOG_INFO, "e", "words only %s", "a b");
    cr_assert_str_eq(last(&f), HEAD "INFO  e words only \"a b\"");
    down(&f);
}

Test(log, prints_what_printf_prints)
{
    fixture f;
    char expected[512];
    up(&f);
#define FORMAT                                                                                                         \
    "a=%d b=%5.2f c=%-4dx d=%08" PRIx64 " e=%zu f=%lld g=%c h=%.*s i=%% j=%" PRIu32 " k=%+d l=%ld m=%g n=%*d o=%.3s"
#define ARGS                                                                                                           \
    -5, 3.14159, 7, UINT64_C(0xABCDEF), (size_t)99, -1234567890123LL, 'Q', 3, "abcdef", UINT32_MAX, 5, -7L, 1e-9, 4,   \
        2, "uvwxyz"
    wsl_log(f.logger, WSL_LOG_INFO, "e", FORMAT, ARGS);
    (void)snprintf(expected, sizeof expected, FORMAT, ARGS);
    /* Blanks that come out of arguments are the only difference: b, c and n are padded. */
    cr_assert_str_eq(last(&f), HEAD "INFO  e a=-5 b=\" 3.14\" c=\"7   x\" d=00abcdef e=99 f=-1234567890123 g=Q h=abc "
                                    "i=% j=4294967295 k=+5 l=-7 m=1e-09 n=\"   2\" o=uvw");
    cr_assert(has_text(expected, "d=00abcdef e=99 f=-1234567890123 g=Q h=abc i=% j=4294967295 k=+5 l=-7 m=1e-09"));
    const char *volatile nothing = NULL; /* where the compiler cannot see it */
    wsl_log(f.logger, WSL_LOG_INFO, "e", "p=%s", nothing);
    cr_assert_str_eq(last(&f), HEAD "INFO  e p=(null)");
    wsl_log(f.logger, WSL_LOG_INFO, "e", "i8=%hhd u16=%hu max=%jd", (signed char)-3, (unsigned short)65535, INTMAX_MIN);
    cr_assert_str_eq(last(&f), HEAD "INFO  e i8=-3 u16=65535 max=-9223372036854775808");
    down(&f);
}

Test(log, a_text_of_any_length_gives_a_bounded_line)
{
    fixture f;
    up(&f);
    char *const big = malloc(1 << 20);
    memset(big, 'x', (1 << 20) - 1);
    big[(1 << 20) - 1] = '\0';
    wsl_log(f.logger, WSL_LOG_INFO, "e", "a=%s b=%d", big, 1);
    const char *const line = last(&f);
    cr_assert_lt(strlen(line), 5000);
    cr_assert(has_text(line, "xxx... b=1"));
    free(big);
    down(&f);
}

Test(log, levels_below_the_loggers_are_silent_and_no_logger_is_fine)
{
    fixture f;
    up(&f);
    wsl_log(f.logger, WSL_LOG_DEBUG, "e", "a=%d", 1);
    cr_assert_str_eq(last(&f), "");
    wsl_log(NULL, WSL_LOG_ERROR, "e", "a=%d", 1);
    cr_assert_null(wsl_logger_with(NULL, "a=%d", 1));
    wsl_log_level level = WSL_LOG_INFO;
    cr_assert(wsl_log_level_parse("debug", &level) && level == WSL_LOG_DEBUG);
    cr_assert(wsl_log_level_parse("ERROR", &level) && level == WSL_LOG_ERROR);
    cr_assert_not(wsl_log_level_parse("loud", &level));
    cr_assert_eq(level, WSL_LOG_ERROR);
    down(&f);
}

Test(log, a_logger_carries_its_fields_on)
{
    fixture f;
    up(&f);
    WSL_AUTO(wsl_logger) job = wsl_logger_with(f.logger, "job=%s", "my job");
    WSL_AUTO(wsl_logger) task = wsl_logger_with(job, "task=%d", 7);
    wsl_log(task, WSL_LOG_INFO, "e", "n=%d", 1);
    cr_assert_str_eq(last(&f), HEAD "INFO  e job=\"my job\" task=7 n=1");
    wsl_log(job, WSL_LOG_INFO, "e", "n=%d", 2);
    cr_assert_str_eq(last(&f), HEAD "INFO  e job=\"my job\" n=2");
    down(&f);
}

static void count_line(void *arg, const char *line)
{
    int *const count = arg;
    char expected[16];
    (void)snprintf(expected, sizeof expected, "n=%d", 20 + (*count)++);
    cr_assert(has_text(line, expected), "%s", line);
}

Test(log, memory_keeps_the_newest_lines_oldest_first)
{
    fixture f;
    up(&f);
    for (int i = 0; i < 30; i++) {
        wsl_log(f.logger, WSL_LOG_INFO, "e", "n=%d", i);
    }
    int count = 0;
    wsl_log_sink_each(f.sink, count_line, &count);
    cr_assert_eq(count, 10);
    down(&f);
}

/* ---- files ---- */

static char *content(wsl_mem_fs *m, const char *path)
{
    char *data = NULL;
    size_t size;
    wsl_error err;
    return wsl_fs_read_all(wsl_mem_fs_seam(m), path, 1 << 20, &data, &size, &err) == WSL_OK ? data : NULL;
}

static void check_content(wsl_mem_fs *m, const char *path, const char *expected)
{
    char *const data = content(m, path);
    if (expected == NULL) {
        cr_assert_null(data, "%s", path);
    } else {
        cr_assert_not_null(data, "%s", path);
        cr_assert_str_eq(data, expected);
    }
    free(data);
}

Test(log, a_file_rotates_by_size_and_keeps_so_many)
{
    wsl_manual_clock clock;
    wsl_manual_clock_init(&clock, wall_ms);
    WSL_AUTO(wsl_mem_fs) m = wsl_mem_fs_new(&clock.clock);
    wsl_log_sink *sink = NULL;
    wsl_error err;
    cr_assert_eq(wsl_log_sink_file(wsl_mem_fs_seam(m), "a.log", 60, 2, &sink, &err), WSL_OK);
    wsl_logger *const logger = wsl_logger_new(sink, &clock.clock, WSL_LOG_INFO);
    for (int i = 0; i < 5; i++) {
        wsl_log(logger, WSL_LOG_INFO, "e", "n=%d", i); /* 37 bytes: one line per file */
    }
    check_content(m, "a.log", HEAD "INFO  e n=4\n");
    check_content(m, "a.log.1", HEAD "INFO  e n=3\n");
    check_content(m, "a.log.2", HEAD "INFO  e n=2\n");
    check_content(m, "a.log.3", NULL);
    wsl_logger_free(logger);
    wsl_log_sink_free(sink);
    /* A new sink goes on in the same file. */
    cr_assert_eq(wsl_log_sink_file(wsl_mem_fs_seam(m), "a.log", 1000, 2, &sink, &err), WSL_OK);
    wsl_log_sink *const both = wsl_log_sink_pair(sink, wsl_log_sink_memory(3));
    wsl_logger *const second = wsl_logger_new(both, &clock.clock, WSL_LOG_INFO);
    wsl_log(second, WSL_LOG_INFO, "e", "n=%d", 5);
    check_content(m, "a.log", HEAD "INFO  e n=4\n" HEAD "INFO  e n=5\n");
    wsl_logger_free(second);
    wsl_log_sink_free(both);
}

Test(log, lines_that_could_not_be_written_are_counted_when_it_works_again)
{
    wsl_manual_clock clock;
    wsl_manual_clock_init(&clock, wall_ms);
    WSL_AUTO(wsl_mem_fs) m = wsl_mem_fs_new(&clock.clock);
    wsl_log_sink *sink = NULL;
    wsl_error err;
    cr_assert_eq(wsl_log_sink_file(wsl_mem_fs_seam(m), "a.log", 1000, 2, &sink, &err), WSL_OK);
    wsl_logger *const logger = wsl_logger_new(sink, &clock.clock, WSL_LOG_INFO);
    wsl_mem_fs_fail_at(m, 1, WSL_IO, true);
    for (int i = 0; i < 3; i++) {
        wsl_log(logger, WSL_LOG_INFO, "e", "n=%d", i);
    }
    wsl_mem_fs_fail_at(m, 0, WSL_OK, false);
    wsl_log(logger, WSL_LOG_INFO, "e", "n=%d", 3);
    check_content(m, "a.log", "WARN  log.dropped lines=3\n" HEAD "INFO  e n=3\n");
    wsl_logger_free(logger);
    wsl_log_sink_free(sink);
    cr_assert_eq(wsl_log_sink_file(wsl_mem_fs_seam(m), "nowhere/a.log", 1000, 2, &sink, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "nowhere/a.log"));
}

static void *log_many(void *arg)
{
    for (int i = 0; i < 500; i++) {
        wsl_log(arg, WSL_LOG_INFO, "event", "aaaaaaaaaaaaaaaaaaaa=%d", i);
    }
    return NULL;
}

Test(log, lines_of_several_threads_never_mix)
{
    wsl_manual_clock clock;
    wsl_manual_clock_init(&clock, wall_ms);
    WSL_AUTO(wsl_mem_fs) m = wsl_mem_fs_new(&clock.clock);
    wsl_log_sink *sink = NULL;
    wsl_error err;
    cr_assert_eq(wsl_log_sink_file(wsl_mem_fs_seam(m), "a.log", 1 << 20, 2, &sink, &err), WSL_OK);
    wsl_logger *const logger = wsl_logger_new(sink, &clock.clock, WSL_LOG_INFO);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, log_many, logger), 0);
    }
    for (int i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    char *const data = content(m, "a.log");
    int lines = 0;
    for (char *line = strtok(data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        cr_assert_eq(strncmp(line, HEAD "INFO  event aaaaaaaaaaaaaaaaaaaa=", strlen(HEAD) + 33), 0, "%s", line);
        lines++;
    }
    cr_assert_eq(lines, 2000);
    free(data);
    wsl_logger_free(logger);
    wsl_log_sink_free(sink);
}
