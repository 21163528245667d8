#include <wiesel/context.h>

wsl_status wsl_ctx_fail(wsl_ctx *ctx, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const wsl_status status = ctx->ops->fail(ctx, format, args);
    va_end(args);
    return status;
}
