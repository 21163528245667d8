/* A function, but no WSL_JOB. */
#include <wiesel/wiesel.h>

static wsl_status pass(wsl_ctx *ctx, const wsl_row *in) { return wsl_emit(ctx, in); }
WSL_PROCESS(passing, .process = pass);
