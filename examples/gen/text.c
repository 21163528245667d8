/*
 * text - lines of 3 to 12 words. The most frequent words are real ones, the others are spelled from their rank in
 * syllables, so any two ranks differ.
 */
#include "examples/gen/kind.h"
#include "examples/gen/zipf.h"

enum { WORDS_DEFAULT = 10000, LINE_WORDS_MIN = 3, LINE_WORDS_MAX = 12 };

static const char *const common_words[] = {"the", "big",  "data",  "of",    "and",   "streaming", "stream",
                                           "in",  "time", "event", "state", "key",   "window",    "a",
                                           "to",  "row",  "is",    "fast",  "small", "weasel"};
static const char *const syllables[] = {"ba", "ce", "di", "fo", "gu", "ka", "le", "mi",
                                        "no", "pu", "ra", "se", "ti", "vo", "zu", "ny"};

typedef struct words {
    gen_zipf *zipf;
} words;

static void words_open(void *state, const gen_options *o, wsl_rng *rng)
{
    words *w = state;

    (void)rng;
    w->zipf = gen_zipf_new(o->keys != 0 ? o->keys : WORDS_DEFAULT);
}

static void words_close(void *state)
{
    words *w = state;

    gen_zipf_free(w->zipf);
}

static void put_word(wsl_strbuf *out, uint64_t rank)
{
    if (rank < WSL_ARRAY_LEN(common_words)) {
        wsl_strbuf_puts(out, common_words[rank]);
        return;
    }
    /* at least two syllables: no spelled word is a real one of the list above */
    uint64_t left = rank - WSL_ARRAY_LEN(common_words) + WSL_ARRAY_LEN(syllables);
    for (; left != 0; left /= WSL_ARRAY_LEN(syllables)) {
        wsl_strbuf_puts(out, syllables[left % WSL_ARRAY_LEN(syllables)]);
    }
}

static void text_record(void *state, wsl_rng *rng, gen_record *record, wsl_strbuf *out)
{
    const words *w = state;
    const int64_t n = gen_between(rng, LINE_WORDS_MIN, LINE_WORDS_MAX);

    (void)record;
    for (int64_t i = 0; i < n; i++) {
        if (i != 0) {
            wsl_strbuf_putc(out, ' ');
        }
        put_word(out, gen_zipf_pick(w->zipf, rng));
    }
    wsl_strbuf_putc(out, '\n');
}

const gen_kind gen_text = {"text", ".txt", sizeof(words), words_open, text_record, words_close, NULL};
