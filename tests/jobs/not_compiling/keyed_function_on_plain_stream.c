#include <wiesel/wiesel.h>

extern const wsl_function count;
wsl_stream *wrong(wsl_stream *words);
wsl_stream *wrong(wsl_stream *words) { return wsl_keyed_process(words, "count", &count); }
