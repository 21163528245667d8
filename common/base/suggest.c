#include "base/suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { WORD_MAX = 64 }; /* longer words are not compared: nobody mistypes them in a way that we could mend */

static uint32_t min3(uint32_t a, uint32_t b, uint32_t c)
{
    const uint32_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static bool same(char a, char b) { return tolower((unsigned char)a) == tolower((unsigned char)b); }

/* Optimal string alignment (Levenshtein with neighbour swaps), three rows at a time. */
static uint32_t distance(const char *a, size_t n, const char *b, size_t m)
{
    uint32_t rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= m; j++) {
        rows[0][j] = (uint32_t)j;
    }
    for (size_t i = 1; i <= n; i++) {
        uint32_t *row = rows[i % 3];
        const uint32_t *above = rows[(i + 2) % 3];
        const uint32_t *above2 = rows[(i + 1) % 3];
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]) && above2[j - 2] + 1 < row[j]) {
                row[j] = above2[j - 2] + 1;
            }
        }
    }
    return rows[n % 3][m];
}

/* Is the word the last part of a dotted name? */
static bool is_tail(const char *word, size_t n, const char *name, size_t m)
{
    return n != 0 && n < m && name[m - n - 1] == '.' && strcasecmp(name + m - n, word) == 0;
}

void wsl_suggest_init(wsl_suggest *s, const char *word)
{
    *s = (wsl_suggest){.word = word};
    const size_t n = strlen(word);
    s->distance = n <= WORD_MAX ? (uint32_t)(n < 6 ? 1 : n / 3) + 1 : 0;
}

void wsl_suggest_offer(wsl_suggest *s, const char *candidate)
{
    const size_t n = strlen(s->word);
    const size_t m = strlen(candidate);
    if (s->distance == 0 || m > WORD_MAX) {
        return;
    }
    const uint32_t d = is_tail(s->word, n, candidate, m) ? 1 : distance(s->word, n, candidate, m);
    if (d < s->distance) {
        s->distance = d;
        s->best = candidate;
    }
}

const char *wsl_suggest_text(const wsl_suggest *s, char out[WSL_SUGGEST_TEXT_MAX])
{
    if (s->best == NULL) {
        out[0] = '\0';
    } else {
        (void)snprintf(out, WSL_SUGGEST_TEXT_MAX, "; did you mean '%s'?", s->best);
    }
    return out;
}
