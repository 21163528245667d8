/*
 * tag_group - 16 tags looked at at once. A tag is 7 bits of a key's hash, or says that its place is empty or was
 * deleted.
 */
#pragma once
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { TM_TAGS = 16, TM_TAG_EMPTY = 0x80, TM_TAG_DELETED = 0xFE };

/* Bit i of the masks stands for place i. */
#ifdef __SSE2__

static inline uint32_t tm_tags_match(const uint8_t *tags, uint8_t tag)
{
    const __m128i group = _mm_load_si128((const __m128i *)(const void *)tags);
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(group, _mm_set1_epi8((char)tag)));
}
/* Empty or deleted: those with the top bit. */
static inline uint32_t tm_tags_free(const uint8_t *tags)
{
    return (uint32_t)_mm_movemask_epi8(_mm_load_si128((const __m128i *)(const void *)tags));
}

#else

static inline uint32_t tm_tags_match(const uint8_t *tags, uint8_t tag)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < TM_TAGS; i++) {
        mask |= (uint32_t)(tags[i] == tag) << i;
    }
    return mask;
}
static inline uint32_t tm_tags_free(const uint8_t *tags)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < TM_TAGS; i++) {
        mask |= (uint32_t)(tags[i] >> 7) << i;
    }
    return mask;
}

#endif

static inline uint32_t tm_tags_empty(const uint8_t *tags) { return tm_tags_match(tags, TM_TAG_EMPTY); }
