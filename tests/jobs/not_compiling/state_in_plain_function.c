#include <wiesel/wiesel.h>

WSL_VALUE_STATE(seen, "seen", (int64, n));
wsl_status wrong(wsl_ctx *ctx, const wsl_row *in);
wsl_status wrong(wsl_ctx *ctx, const wsl_row *in)
{
    (void)in;
    return wsl_value_get(ctx, &seen) != NULL ? WSL_OK : WSL_END;
}
