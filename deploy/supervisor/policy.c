#include "deploy/supervisor/policy.h"

sv_verdict sv_decide(sv_history *history, bool by_signal, int code, int64_t lived_ns, int64_t *out_pause_ns)
{
    if (!by_signal && code == 0) {
        return SV_ENDED;
    }
    if (!by_signal && !history->up && history->starts <= 1 && lived_ns < SV_REFUSAL_NS) {
        return SV_REFUSED;
    }
    if (lived_ns >= SV_FORGIVEN_NS) {
        history->deaths = 0;
    }
    int64_t pause = history->deaths == 0 ? 0 : SV_PAUSE_FIRST_NS;
    for (uint32_t i = 1; i < history->deaths && pause < SV_PAUSE_MAX_NS; i++) {
        pause *= 2;
    }
    history->deaths++;
    *out_pause_ns = pause < SV_PAUSE_MAX_NS ? pause : SV_PAUSE_MAX_NS;
    return SV_START_AGAIN;
}
