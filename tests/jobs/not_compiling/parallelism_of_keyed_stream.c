#include <wiesel/wiesel.h>

void wrong(wsl_keyed_stream *words);
void wrong(wsl_keyed_stream *words) { wsl_set_parallelism(words, 2); }
