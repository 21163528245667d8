/* A job that cannot be run: its own source has an enumerator. */
#include <wiesel/wiesel.h>

WSL_ROW(number, (int64, n));

static const wsl_option no_options[] = {{0}};

static wsl_status enumerator_open(void *self, wsl_enum_ctx *ctx, wsl_error *err)
{
    (void)self;
    (void)err;
    return ctx->add_split(ctx, &(wsl_split){.name = "all", .bytes = "", .size = 0});
}

static const wsl_enumerator_class enumerator = {.size = 1, .open = enumerator_open};

static wsl_status poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    (void)self;
    (void)ctx;
    (void)max_rows;
    (void)err;
    return WSL_END;
}

static const wsl_reader_class reader = {.size = 1, .poll = poll};

WSL_SOURCE_CONNECTOR(own_splits, .help = "With splits of its own.", .options = no_options, .enumerator = &enumerator,
                     .reader = &reader);

WSL_JOB(env, args)
{
    (void)args;
    wsl_to(wsl_from(env, "mine", "own_splits", &number_schema, WSL_NO_OPTIONS), "out", "blackhole", WSL_NO_OPTIONS);
    return WSL_OK;
}
