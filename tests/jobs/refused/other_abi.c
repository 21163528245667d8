/* As if compiled against the headers of another time. Its constructor must never run. */
#include <stdint.h>
#include <stdlib.h>

extern const uint32_t wiesel_abi_version;
const uint32_t wiesel_abi_version = 999;
int wiesel_job_main(void *env, const void *args);
int wiesel_job_main(void *env, const void *args) { return env == args; }

__attribute__((constructor)) static void boom(void) { abort(); }
