/*
 * The scanner against jansson: thousands of seeded random lines, a third of them damaged. What we take, jansson takes,
 * with the same values; what jansson calls no JSON is a bad record; what is JSON of the right types is a row.
 */
#include <jansson.h>
#include <math.h>

#include "format_fixture.h"

#include "base/rng.h"
#include "data/row_nested.h"

enum { SEEDS = 30000, LINE_MAX = 4096 };

/* ---- random documents ---- */

static void blanks(wsl_rng *rng, wsl_strbuf *out)
{
    static const char *const some[] = {"", "", "", "", "", "", " ", "\t", "  ", " \r"};
    wsl_strbuf_puts(out, some[wsl_rng_below(rng, WSL_ARRAY_LEN(some))]);
}

static void random_string(wsl_rng *rng, wsl_strbuf *out)
{
    static const char *const parts[] = {"a",
                                        "B7",
                                        " ",
                                        "\\\"",
                                        "\\\\",
                                        "\\/",
                                        "\\b",
                                        "\\n",
                                        "\\u00e9",
                                        "\\uD834\\uDD1E",
                                        "\xC3\xA9",
                                        "\xE2\x82\xAC",
                                        "\xF0\x9F\x98\x80",
                                        "{",
                                        "]",
                                        ",",
                                        ":",
                                        "longer than sixteen bytes",
                                        "\\u0041",
                                        "'"};
    wsl_strbuf_putc(out, '"');
    for (uint64_t n = wsl_rng_below(rng, 6); n > 0; n--) {
        wsl_strbuf_puts(out, parts[wsl_rng_below(rng, WSL_ARRAY_LEN(parts))]);
    }
    wsl_strbuf_putc(out, '"');
}

static void random_number(wsl_rng *rng, wsl_strbuf *out)
{
    const int64_t v = (int64_t)wsl_rng_next(rng) >> wsl_rng_below(rng, 64);
    switch (wsl_rng_below(rng, 5)) {
    case 0:
    case 1:
        wsl_strbuf_printf(out, "%lld", (long long)v);
        break;
    case 2:
        wsl_strbuf_printf(out, "%lld.%02llu", (long long)(v >> 20), (unsigned long long)wsl_rng_below(rng, 100));
        break;
    case 3:
        wsl_strbuf_printf(out, "%.17g", wsl_rng_double(rng) * pow(10, (double)wsl_rng_below(rng, 40) - 20));
        break;
    default:
        wsl_strbuf_printf(out, "%lld%s%lld", (long long)(v % 1000), wsl_rng_below(rng, 2) ? "e" : "E-",
                          (long long)wsl_rng_below(rng, 30));
        break;
    }
}

static void random_value(wsl_rng *rng, int depth, wsl_strbuf *out);

static void random_many(wsl_rng *rng, int depth, bool object, wsl_strbuf *out)
{
    wsl_strbuf_putc(out, object ? '{' : '[');
    blanks(rng, out);
    const uint64_t n = wsl_rng_below(rng, 4);
    for (uint64_t i = 0; i < n; i++) {
        if (object) {
            wsl_strbuf_printf(out, "\"k%llu\"", (unsigned long long)i);
            blanks(rng, out);
            wsl_strbuf_putc(out, ':');
            blanks(rng, out);
        }
        random_value(rng, depth + 1, out);
        blanks(rng, out);
        if (i + 1 < n) {
            wsl_strbuf_putc(out, ',');
            blanks(rng, out);
        }
    }
    wsl_strbuf_putc(out, object ? '}' : ']');
}

static void random_value(wsl_rng *rng, int depth, wsl_strbuf *out)
{
    static const char *const words[] = {"true", "false", "null"};
    const uint64_t kind = wsl_rng_below(rng, depth < 4 ? 6 : 4);
    if (kind < 2) {
        random_string(rng, out);
    } else if (kind == 2) {
        random_number(rng, out);
    } else if (kind == 3) {
        wsl_strbuf_puts(out, words[wsl_rng_below(rng, 3)]);
    } else {
        random_many(rng, depth, kind == 4, out);
    }
}

/* A value that mostly fits the field. */
static void value_for(wsl_rng *rng, uint32_t field, wsl_strbuf *out)
{
    if (wsl_rng_below(rng, 8) == 0) {
        random_value(rng, 0, out);
        return;
    }
    switch (field) {
    case 0:
        random_string(rng, out);
        break;
    case 1:
        wsl_strbuf_printf(out, "%lld", (long long)((int64_t)wsl_rng_next(rng) >> wsl_rng_below(rng, 64)));
        break;
    case 2:
        random_number(rng, out);
        break;
    case 3:
        wsl_strbuf_puts(out, wsl_rng_below(rng, 2) ? "true" : "false");
        break;
    case 4:
        random_many(rng, 3, false, out);
        break;
    case 5:
        random_many(rng, 3, true, out);
        break;
    default:
        wsl_strbuf_puts(out, "{\"x\":");
        random_number(rng, out);
        wsl_strbuf_puts(out, "}");
        break;
    }
}

static const char *const names[] = {"s", "i", "d", "b", "list", "map", "row"};

static void random_line(wsl_rng *rng, wsl_strbuf *out)
{
    uint32_t order[7] = {0, 1, 2, 3, 4, 5, 6};
    for (uint32_t i = 6; wsl_rng_below(rng, 3) == 0 && i > 0; i--) {
        const uint32_t j = (uint32_t)wsl_rng_below(rng, i + 1);
        const uint32_t t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    wsl_strbuf_clear(out);
    blanks(rng, out);
    wsl_strbuf_putc(out, '{');
    bool first = true;
    for (uint32_t i = 0; i < 7; i++) {
        const bool unknown = wsl_rng_below(rng, 6) == 0;
        if (wsl_rng_below(rng, 4) == 0 && !unknown) {
            continue;
        }
        blanks(rng, out);
        if (unknown) {
            wsl_strbuf_printf(out, "%s\"unknown%u\":", first ? "" : ",", i);
            random_value(rng, 0, out);
            first = false;
            continue;
        }
        wsl_strbuf_printf(out, "%s", first ? "" : ",");
        blanks(rng, out);
        wsl_strbuf_printf(out, "\"%s\"", names[order[i]]);
        blanks(rng, out);
        wsl_strbuf_putc(out, ':');
        blanks(rng, out);
        value_for(rng, order[i], out);
        first = false;
    }
    blanks(rng, out);
    wsl_strbuf_putc(out, '}');
    blanks(rng, out);
}

static void damage(wsl_rng *rng, wsl_strbuf *line)
{
    static const char bytes[] = "{}[]\",:\\ 019-+.eEtfnu/ \x01\x7F\x80\xC3\xFF";
    for (uint64_t n = wsl_rng_below(rng, 3) + 1; n > 0 && line->size > 0; n--) {
        const size_t at = wsl_rng_below(rng, line->size);
        switch (wsl_rng_below(rng, 3)) {
        case 0:
            line->data[at] = bytes[wsl_rng_below(rng, sizeof bytes - 1)];
            break;
        case 1:
            memmove(line->data + at, line->data + at + 1, line->size - at);
            line->size--;
            break;
        default:
            wsl_strbuf_putc(line, ' ');
            memmove(line->data + at + 1, line->data + at, line->size - at - 1);
            line->data[at] = bytes[wsl_rng_below(rng, sizeof bytes - 1)];
            break;
        }
    }
}

/* ---- comparing ---- */

typedef enum verdict { SAME, OTHER, EITHER, UNFIT } verdict;

/* Slot of row or array at base against what jansson read. UNFIT: must have been a bad record. EITHER: cannot tell. */
static verdict compare(const wsl_type *type, const void *base, uint64_t slot, bool null, const json_t *j);

static verdict compare_list(const wsl_type *type, wsl_array a, const json_t *j)
{
    if (a.n != json_array_size(j)) {
        return OTHER;
    }
    for (uint32_t i = 0; i < a.n; i++) {
        const verdict v =
            compare(type->element, a.base, wsl_array_slot(a, i), wsl_array_is_null(a, i), json_array_get(j, i));
        if (v != SAME) {
            return v;
        }
    }
    return SAME;
}

static verdict compare_map(const wsl_type *type, wsl_array keys, wsl_array values, const json_t *j)
{
    if (keys.n != json_object_size(j)) {
        return OTHER;
    }
    for (uint32_t i = 0; i < keys.n; i++) {
        const wsl_str key = wsl_array_str(keys, i);
        char name[LINE_MAX];
        (void)snprintf(name, sizeof name, "%.*s", (int)key.size, key.data);
        const json_t *value = json_object_get(j, name);
        if (value == NULL) {
            return OTHER;
        }
        const verdict v =
            compare(type->element, values.base, wsl_array_slot(values, i), wsl_array_is_null(values, i), value);
        if (v != SAME) {
            return v;
        }
    }
    return SAME;
}

static verdict compare_flat(const wsl_type *type, const void *base, uint64_t slot, const json_t *j)
{
    double d;
    switch (type->id) {
    case WSL_T_STRING:
        if (!json_is_string(j)) {
            return EITHER; /* kept as its JSON text */
        }
        return json_string_length(j) == slot >> 32 &&
                       memcmp((const char *)base + (uint32_t)slot, json_string_value(j), slot >> 32) == 0
                   ? SAME
                   : OTHER;
    case WSL_T_INT64:
        if (json_is_integer(j)) {
            return (int64_t)slot == json_integer_value(j) ? SAME : OTHER;
        }
        if (json_is_real(j)) {
            return (double)(int64_t)slot == json_real_value(j) ? SAME : OTHER;
        }
        return json_is_string(j) ? EITHER : UNFIT;
    case WSL_T_DOUBLE:
        memcpy(&d, &slot, sizeof d);
        if (json_is_number(j)) {
            return d == json_number_value(j) ? SAME : OTHER;
        }
        return json_is_string(j) ? EITHER : UNFIT;
    default: /* BOOL */
        if (json_is_boolean(j)) {
            return (slot != 0) == json_boolean_value(j) ? SAME : OTHER;
        }
        return json_is_integer(j) && (json_integer_value(j) | 1) == 1 ? EITHER : json_is_string(j) ? EITHER : UNFIT;
    }
}

static verdict compare(const wsl_type *type, const void *base, uint64_t slot, bool null, const json_t *j)
{
    const uint8_t *at = (const uint8_t *)base + (uint32_t)slot;
    if (json_is_null(j) || null) {
        return json_is_null(j) == null ? SAME : OTHER;
    }
    uint32_t n;
    memcpy(&n, at, type->id >= WSL_T_ARRAY ? sizeof n : 0);
    if (type->id == WSL_T_ARRAY) {
        return json_is_array(j) ? compare_list(type, (wsl_array){at, n}, j) : UNFIT;
    }
    if (type->id == WSL_T_MAP) {
        uint32_t n_values;
        memcpy(&n_values, at + 8 + n, sizeof n_values);
        uint32_t n_keys;
        memcpy(&n_keys, at + 8, sizeof n_keys);
        return json_is_object(j) ? compare_map(type, (wsl_array){at + 8, n_keys}, (wsl_array){at + 8 + n, n_values}, j)
                                 : UNFIT;
    }
    if (type->id == WSL_T_ROW) {
        const wsl_row *row = (const wsl_row *)(const void *)at;
        const json_t *x = json_object_get(j, "x");
        const bool is_null = wsl_row_is_null(row, 0, 1);
        return !json_is_object(j) ? UNFIT
               : x == NULL        ? (is_null ? SAME : OTHER)
                                  : compare(&type->row->fields[0].type, row, row->slot[0], is_null, x);
    }
    return compare_flat(type, base, slot, j);
}

/* Would the value fit if it were the only one? */
static bool fits(const wsl_type *type, const json_t *j)
{
    size_t i;
    const char *key;
    json_t *value;
    if (json_is_null(j)) {
        return true;
    }
    switch (type->id) {
    case WSL_T_STRING:
        return true;
    case WSL_T_INT64:
        return json_is_integer(j);
    case WSL_T_DOUBLE:
        return json_is_number(j);
    case WSL_T_BOOL:
        return json_is_boolean(j);
    case WSL_T_ARRAY:
        json_array_foreach(j, i, value)
        {
            if (!fits(type->element, value)) {
                return false;
            }
        }
        return json_is_array(j);
    case WSL_T_MAP:
        json_object_foreach((json_t *)(uintptr_t)j, key, value)
        {
            if (!fits(type->element, value)) {
                return false;
            }
        }
        return json_is_object(j);
    default:
        value = json_object_get(j, "x");
        return json_is_object(j) && (value == NULL || fits(&type->row->fields[0].type, value));
    }
}

static void check_row(const fx *x, const wsl_row *row, const json_t *doc, const char *line)
{
    for (uint32_t i = 0; i < x->schema->n_fields; i++) {
        const wsl_field *field = &x->schema->fields[i];
        const json_t *j = json_object_get(doc, field->name);
        const bool null = wsl_row_is_null(row, i, x->schema->n_fields);
        if (j == NULL) {
            cr_assert(null, "field %s of %s", field->name, line);
            continue;
        }
        const verdict v = compare(&field->type, row, row->slot[i], null, j);
        cr_assert(v == SAME || v == EITHER, "field %s of %s: verdict %d", field->name, line, (int)v);
    }
}

static bool all_fit(const wsl_schema *schema, const json_t *doc)
{
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        const json_t *j = json_object_get(doc, schema->fields[i].name);
        if (j != NULL && !fits(&schema->fields[i].type, j)) {
            return false;
        }
    }
    return true;
}

Test(json_model, agrees_with_jansson_on_random_lines)
{
    wsl_type type;
    wsl_error err = {0};
    cr_assert_eq(
        wsl_type_parse(
            "ROW<s STRING, i INT64, d DOUBLE, b BOOL, list ARRAY<DOUBLE>, map MAP<STRING, STRING>, row ROW<x DOUBLE>>",
            &type, &err),
        WSL_OK, "%s", err.text);
    fx x;
    fx_init(&x, "json", type.row, NULL);
    wsl_strbuf line;
    wsl_strbuf_init(&line);
    uint32_t n_rows = 0, n_bad = 0, n_no_json = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        wsl_rng rng;
        wsl_rng_seed(&rng, seed);
        random_line(&rng, &line);
        if (seed % 3 == 0) {
            damage(&rng, &line);
        }
        line.data[line.size] = '\0';
        json_error_t why;
        json_t *doc = json_loadb(line.data, line.size, JSON_ALLOW_NUL, &why);
        const enum json_error_code code = doc == NULL ? json_error_code(&why) : json_error_unknown;
        const bool jansson_limit =
            doc == NULL && (code == json_error_numeric_overflow || code == json_error_null_byte_in_key);
        json_t *strict = json_loadb(line.data, line.size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &why);
        const bool twins = doc != NULL && strict == NULL;
        json_decref(strict);

        wsl_decoded d;
        wsl_row *row;
        const size_t size = line.size;
        const bool alone = seed % 2 == 0; /* else in the middle of a block */
        wsl_strbuf_puts(&line, alone ? "" : "\n{\"s\":\"what comes behind it, enough of it for the widest of loads\"}\n");
        const wsl_status s = fx_decode_one(&x, line.data, line.size, alone, 0, &d, &row);
        cr_assert(s == WSL_OK || (s == WSL_END && line.size == 0));
        cr_assert(s == WSL_END || d.consumed == size + !alone, "%s", line.data);
        line.data[line.size = size] = '\0';
        if (row != NULL) {
            n_rows++;
            cr_assert_eq(wsl_row_check(row, row->size, type.row, &err), WSL_OK, "%s: %s", line.data, err.text);
            cr_assert(doc != NULL || jansson_limit, "seed %llu: we take %s, jansson does not: %s",
                      (unsigned long long)seed, line.data, why.text);
            if (doc != NULL && !twins) {
                check_row(&x, row, doc, line.data);
            }
        } else {
            n_bad++;
            n_no_json += doc == NULL;
            const bool blank = strspn(line.data, " \t\r") == line.size;
            cr_assert(blank || doc == NULL || twins || json_is_array(doc) || !all_fit(type.row, doc),
                      "seed %llu: jansson takes %s, we do not: %s", (unsigned long long)seed, line.data, d.reason);
        }
        free(row);
        json_decref(doc);
    }
    cr_assert_gt(n_rows, SEEDS / 4, "only %u rows", n_rows);
    cr_assert_gt(n_no_json, SEEDS / 10, "only %u lines of %u bad ones were no JSON", n_no_json, n_bad);
    wsl_strbuf_fini(&line);
    fx_fini(&x);
    wsl_type_clear(&type);
}
