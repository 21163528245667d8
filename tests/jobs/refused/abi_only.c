/* The number, but not the function. */
#include <wiesel/wiesel.h>

extern const uint32_t wiesel_abi_version;
WSL_EXPORT const uint32_t wiesel_abi_version = WSL_ABI_VERSION;
