/*
 * ast - an expression as a tree: made by the parser, given types by the typer, walked by the compiler.
 *
 * Nodes live in the arena of the expression they belong to, and as long as it: messages at run time point back at them.
 *
 * Threads: one owner.
 */
#pragma once
#include <wiesel/row.h>
#include <wiesel/type.h>

#include "expr/source.h"

/* Types that exist inside expressions only. */
#define WSL_XT_NULL ((wsl_type_id)100)     /* the literal NULL, until it meets something with a type */
#define WSL_XT_INTERVAL ((wsl_type_id)101) /* milliseconds; precision 1: whole days */
#define WSL_XT_MONTHS ((wsl_type_id)102)   /* months and years, whose length depends on the date */

typedef enum wsl_node_kind {
    WSL_NODE_LITERAL,
    WSL_NODE_COLUMN,
    WSL_NODE_STAR, /* COUNT(*) and SELECT * only */
    WSL_NODE_NEGATE,
    WSL_NODE_NOT,
    WSL_NODE_ARITH,    /* op: + - * / % */
    WSL_NODE_CONCAT,   /* || */
    WSL_NODE_COMPARE,  /* op: wsl_compare_op */
    WSL_NODE_DISTINCT, /* a IS [NOT] DISTINCT FROM b; negated = NOT */
    WSL_NODE_AND,      /* any number of arguments */
    WSL_NODE_OR,
    WSL_NODE_IS,   /* op: wsl_is_op; negated = IS NOT */
    WSL_NODE_IN,   /* arg[0] IN (arg[1], ...); negated */
    WSL_NODE_LIKE, /* arg[0] LIKE arg[1] [ESCAPE arg[2]]; negated */
    WSL_NODE_CASE, /* condition, value, condition, value, ..., otherwise (always there) */
    WSL_NODE_CAST, /* to `type`; negated = TRY_CAST */
    WSL_NODE_CALL, /* name(arg...) */
} wsl_node_kind;

typedef enum wsl_compare_op { WSL_CMP_EQ, WSL_CMP_NE, WSL_CMP_LT, WSL_CMP_LE, WSL_CMP_GT, WSL_CMP_GE } wsl_compare_op;
typedef enum wsl_is_op { WSL_IS_NULL, WSL_IS_TRUE, WSL_IS_FALSE } wsl_is_op;
typedef enum wsl_time_unit {
    WSL_UNIT_MILLISECOND,
    WSL_UNIT_SECOND,
    WSL_UNIT_MINUTE,
    WSL_UNIT_HOUR,
    WSL_UNIT_DAY,
    WSL_UNIT_WEEK,
    WSL_UNIT_MONTH,
    WSL_UNIT_QUARTER,
    WSL_UNIT_YEAR,
    WSL_UNIT_DOW, /* these are for EXTRACT only */
    WSL_UNIT_ISODOW,
    WSL_UNIT_DOY,
    WSL_UNIT_EPOCH,
    WSL_UNIT_NONE,
} wsl_time_unit;

/* A value of any type; which member counts follows from the type. */
typedef struct wsl_value {
    union {
        int64_t i; /* bool, integers, times, intervals */
        double d;  /* float and double */
        wsl_str s; /* string, bytes, array, map, row */
        __int128 dec;
    };
    bool null;
} wsl_value;

typedef struct wsl_fn_def wsl_fn_def;

typedef struct wsl_node wsl_node;
struct wsl_node {
    wsl_node_kind kind;
    uint8_t op;
    bool negated;
    bool typed;   /* the typer was here (nodes may have two parents) */
    bool guard;   /* set by the typer: may fail, or is dear: evaluate only for rows that need it */
    uint8_t unit; /* wsl_time_unit of EXTRACT, FLOOR ... TO, TIMESTAMPADD */
    uint16_t depth;
    uint32_t at; /* in the source: [at, end) */
    uint32_t end;
    wsl_type type; /* after typing; nested parts are borrowed from the schema or the arena */
    uint32_t n;
    wsl_node **arg;
    wsl_str name;         /* column, function */
    uint32_t column;      /* after typing: index in the input schema */
    const wsl_fn_def *fn; /* calls, after typing */
    wsl_node *instead;    /* calls that are other forms written differently: that form */
    wsl_value value;      /* literal */
    uint32_t memo_reg;    /* compiler: register + 1 that holds it, computed for the rows of memo_mask; 0: none */
    uint32_t memo_mask;
};

/* One item of a select list. */
typedef struct wsl_select_item {
    wsl_node *node;
    const char *name; /* AS name, or NULL */
    uint32_t at;      /* of the name, or of the expression */
} wsl_select_item;
