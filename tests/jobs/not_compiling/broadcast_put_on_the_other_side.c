#include <wiesel/wiesel.h>

WSL_ROW(rule, (string, name));
WSL_MAP_STATE(rules, "rules", &rule_schema, &rule_schema);
wsl_status wrong(wsl_broadcast_view *b, const wsl_row *in);
wsl_status wrong(wsl_broadcast_view *b, const wsl_row *in) { return wsl_broadcast_put(b, &rules, in, in); }
