/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "route/chance.h"

#define PICK(c, array) ((array)[chance_below((c), sizeof(array) / sizeof(*(array)))])
#define BELOW(n) chance_below(c, (n))

static const char *const new_paths[] = {"new", "out.x", "out.y", "user.mail", "a.b.d", "a.e"};
static const char *const at_paths[] = {"@topic", "@key", "@headers.trace"};
static const char *const patterns[] = {
    "^err", "or$", "[0-9]+", "a|b", "(ab|aa)+", "^/api/.*", "time ?out", "^$",
    "e.r",  "o+",  "^.{3}$", "\\*", "^refused", "(x|y)",    "",          "peer|full|reset"};
/* Both dialects find the same places with these. */
static const char *const with_groups[] = {"(?<what>[a-z]+)-(?<rest>[0-9a-z]+)",
                                          "^(?<head>[a-z]+)(-(?<tail>[0-9]+))?",
                                          "=(?<what>.*)",
                                          "(?<path>/[a-z]+)",
                                          "(?<n>[0-9]+)",
                                          "^(?<level>[A-Za-z]*)$"};
static const char *const groups[] = {"what", "rest", "head", "tail", "path", "n", "level"};
static const char *const to_mask[] = {"[0-9]+", "refused|reset", "a+b?", "/[a-z]+", "[A-Z]"};
static const char *const globs[] = {"*",       "err*",   "*or",           "/api/*", "?00",
                                    "[!a-c]*", "[a-c]*", "*a*b*",         "\\[*",   "x\\*y",
                                    "",        "ERR*",   "*refused*peer*"};
static const char *const networks[] = {
    "10.0.0.0/8", "10.1.2.3",  "192.168.0.0/16", "2001:db8::/32",       "::1",
    "::/0",       "0.0.0.0/0", "10.1.2.0/31",    "::ffff:10.0.0.0/104", "128.0.0.0/1"};

/* ---- conditions ---- */

static void append_literal(struct chance *c, struct sl_buf *to)
{
    json_t *literal = chance_fragment(c);

    for (const char *p = json_string_value(literal); *p; p++) {
        if (strchr("\\^$.[]|()*+?{}", *p))
            sl_buf_byte(to, '\\');
        sl_buf_byte(to, *p);
    }
    json_decref(literal);
}

/* Only what means the same in POSIX and in PCRE. */
static json_t *pattern(struct chance *c)
{
    static const char *const joints[] = {".*", "[0-9]+", "x?", ".", " *", "[a-z]+", "", "(-|:)"};
    struct sl_buf text;

    if (BELOW(3) == 0)
        return json_string(PICK(c, patterns));
    if (BELOW(4) == 0)
        return json_string(PICK(c, with_groups));
    sl_buf_init(&text, 1 << 12);
    if (BELOW(6) == 0)
        sl_buf_text(&text, "^");
    for (unsigned n = 1 + BELOW(2); n > 0; n--) {
        bool choice = BELOW(3) == 0;

        if (choice)
            sl_buf_text(&text, "(");
        for (unsigned k = choice ? 2 + BELOW(2) : 1; k > 0; k--) {
            append_literal(c, &text);
            sl_buf_text(&text, choice && k > 1 ? "|" : "");
        }
        if (choice)
            sl_buf_text(&text, BELOW(4) ? ")" : ")?");
        sl_buf_text(&text, PICK(c, joints));
    }
    if (BELOW(8) == 0)
        sl_buf_text(&text, "$");
    /* An empty branch is the one thing POSIX libraries see differently. */
    if (strstr(sl_buf_str(&text), "(|") || strstr(sl_buf_str(&text), "||") ||
        strstr(sl_buf_str(&text), "|)"))
        sl_buf_clear(&text);
    return chance_taken(&text);
}

static const char *any_table(struct chance *c, const json_t *tables)
{
    size_t n = BELOW((unsigned)json_object_size(tables));
    void *at = json_object_iter((json_t *)tables);

    while (n-- > 0)
        at = json_object_iter_next((json_t *)tables, at);
    return json_object_iter_key(at);
}

static void add_text_operator(struct chance *c, json_t *mapping, const json_t *tables)
{
    static const char *const texts[] = {"prefix", "suffix", "contains"};

    switch (BELOW(9)) {
    case 0:
    case 1:
    case 2:
        json_object_set_new(mapping, "regex", pattern(c));
        break;
    case 3:
        json_object_set_new(mapping, "glob", json_string(PICK(c, globs)));
        break;
    case 4:
    case 5:
        json_object_set_new(mapping, PICK(c, texts),
                            BELOW(3)   ? chance_fragment(c)
                            : BELOW(5) ? json_string(chance_word(c))
                                       : chance_number(c));
        break;
    case 6:
        json_object_set_new(mapping, "in_table", json_string(any_table(c, tables)));
        break;
    default:
        json_object_set_new(mapping, "equal", chance_plain(c));
        break;
    }
    if (BELOW(5) == 0)
        json_object_set_new(mapping, "case", json_string(BELOW(4) ? "insensitive" : "sensitive"));
}

static json_t *field(struct chance *c, unsigned depth, const json_t *tables);

static void add_operator(struct chance *c, json_t *mapping, unsigned depth, const json_t *tables)
{
    static const char *const orders[] = {"lt", "lte", "gt", "gte"};
    json_t *list;

    switch (BELOW(depth < 3 ? 13 : 9)) {
    case 0:
        json_object_set_new(mapping, "exists", json_boolean(BELOW(2)));
        break;
    case 1:
    case 2:
        json_object_set_new(mapping, PICK(c, orders),
                            BELOW(4) ? chance_number(c) : json_string("500"));
        break;
    case 3:
        list = json_array();
        for (unsigned n = 1 + BELOW(3); n > 0; n--)
            json_array_append_new(list, json_string(PICK(c, networks)));
        json_object_set_new(mapping, "cidr", list);
        break;
    case 9:
    case 10:
        json_object_set_new(mapping, "not", field(c, depth + 1, tables));
        break;
    case 11:
    case 12:
        list = json_array();
        for (unsigned n = 1 + BELOW(3); n > 0; n--)
            json_array_append_new(list, field(c, depth + 1, tables));
        json_object_set_new(mapping, BELOW(2) ? "all" : "any", list);
        break;
    default:
        add_text_operator(c, mapping, tables);
        break;
    }
}

static json_t *field(struct chance *c, unsigned depth, const json_t *tables)
{
    json_t *value;

    switch (BELOW(4)) {
    case 0:
        return chance_plain(c);
    case 1:
        value = json_array();
        for (unsigned n = 1 + BELOW(BELOW(8) ? 4 : 30); n > 0; n--)
            json_array_append_new(value, chance_plain(c));
        return value;
    default:
        value = json_object();
        for (unsigned n = 1 + BELOW(2); n > 0; n--)
            add_operator(c, value, depth, tables);
        return value;
    }
}

/* As a table has it: a few fields, each compared with a few words. */
static json_t *dense_when(struct chance *c)
{
    json_t *mapping = json_object();

    for (unsigned n = 1 + BELOW(3); n > 0; n--)
        json_object_set_new(mapping, chance_paths[BELOW(4)],
                            BELOW(6)   ? json_string(chance_word(c))
                            : BELOW(2) ? json_pack("[ss]", chance_word(c), chance_word(c))
                                       : json_pack("{so}", "prefix", chance_fragment(c)));
    return mapping;
}

static json_t *when(struct chance *c, unsigned depth, const json_t *tables)
{
    json_t *mapping = json_object(), *list;

    for (unsigned n = 1 + BELOW(2); n > 0; n--) {
        if (depth == 3 || BELOW(4)) {
            json_object_set_new(mapping, BELOW(15) ? PICK(c, chance_paths) : PICK(c, at_paths),
                                field(c, 0, tables));
        } else if (BELOW(3) == 0) {
            json_object_set_new(mapping, "not", when(c, depth + 1, tables));
        } else {
            list = json_array();
            for (unsigned k = 1 + BELOW(3); k > 0; k--)
                json_array_append_new(list, when(c, depth + 1, tables));
            json_object_set_new(mapping, BELOW(2) ? "all" : "any", list);
        }
    }
    return mapping;
}

/* ---- rows ---- */

/* What a cell can say: text, never empty, and ` | ` between alternatives. */
static json_t *cell(struct chance *c, const char *op, const json_t *tables)
{
    json_t *list;

    if (!strcmp(op, "regex"))
        return pattern(c);
    if (!strcmp(op, "glob"))
        return json_string(PICK(c, globs));
    if (!strcmp(op, "exists"))
        return json_boolean(BELOW(2));
    if (!strcmp(op, "cidr"))
        return json_string(PICK(c, networks));
    if (!strcmp(op, "in_table"))
        return json_string(any_table(c, tables));
    if (!strcmp(op, "gte") || !strcmp(op, "lt"))
        return chance_number(c);
    if (strcmp(op, "equal") != 0)
        return chance_fragment(c);
    list = json_array();
    for (unsigned n = 1 + BELOW(3); n > 0; n--)
        json_array_append_new(list, json_string(chance_word(c)));
    return list;
}

static bool is_blank_cell(const json_t *value)
{
    size_t i;
    const json_t *one;

    if (json_is_string(value))
        return !*json_string_value(value);
    json_array_foreach(value, i, one) if (is_blank_cell(one)) return true;
    return false;
}

static json_t *row_when(struct chance *c, const json_t *tables)
{
    static const char *const ops[] = {"equal",    "equal", "equal", "regex",  "glob", "prefix",
                                      "contains", "gte",   "lt",    "exists", "cidr", "in_table"};
    json_t *mapping = json_object(), *operators, *value;

    for (unsigned n = BELOW(4); n > 0; n--) {
        const char *path = chance_paths[BELOW(6)], *op = PICK(c, ops);

        value = cell(c, op, tables);
        if (is_blank_cell(value)) {
            json_decref(value);
            continue;
        }
        operators = json_object_get(mapping, path);
        if (!operators) {
            operators = json_object();
            json_object_set_new(mapping, path, operators);
        }
        if (BELOW(8) == 0 && !strcmp(op, "equal") && !json_object_get(operators, "not"))
            json_object_set_new(operators, "not", value);
        else if (BELOW(8) == 0 && !strcmp(op, "regex") && !json_object_get(operators, "not"))
            json_object_set_new(operators, "not", json_pack("{so}", "regex", value));
        else
            json_object_set_new(operators, op, value);
    }
    return mapping;
}

/* ---- actions ---- */

static const char *any_path(struct chance *c)
{
    return BELOW(3) ? PICK(c, chance_paths) : PICK(c, new_paths);
}

static const char *any_name(struct chance *c)
{
    switch (BELOW(6)) {
    case 0:
        return PICK(c, at_paths);
    case 1:
        return PICK(c, groups);
    case 2:
        return PICK(c, chance_columns);
    default:
        return any_path(c);
    }
}

static json_t *template(struct chance *c)
{
    static const char *const between[] = {"", "-", "{{", "}}", "\xc3\xab\"", " x "};
    struct sl_buf text;

    sl_buf_init(&text, 1 << 12);
    switch (BELOW(8)) {
    case 0:
        return chance_number(c);
    case 1:
        return json_boolean(BELOW(2));
    case 2:
    case 3:
        sl_buf_printf(&text, BELOW(3) ? "{%s}" : "{%s|other}", any_name(c));
        break;
    default:
        for (unsigned n = 1 + BELOW(3); n > 0; n--) {
            sl_buf_text(&text, PICK(c, between));
            sl_buf_printf(&text, BELOW(2) ? "{%s}" : "{%s|?}", any_name(c));
        }
        sl_buf_text(&text, BELOW(2) ? "!" : "");
        break;
    }
    return chance_taken(&text);
}

static json_t *renames(struct chance *c)
{
    json_t *mapping = json_object();
    const char *old = any_path(c), *new = any_path(c);

    if (!strcmp(old, new))
        new = "other";
    json_object_set_new(mapping, old, json_string(new));
    if (BELOW(4) == 0)
        json_object_set_new(mapping, new, json_string(old));
    return mapping;
}

/* What lies below is meant too, also where it is spelled beside it. */
static const char *const above[] = {"user", "a", "a.b"};

static json_t *redaction(struct chance *c)
{
    json_t *redact = json_object(), *fields = json_array();

    json_object_set_new(redact, "regex", json_string(PICK(c, to_mask)));
    json_object_set_new(redact, "mask", json_string(BELOW(2) ? "***" : "[x]"));
    if (BELOW(4) == 0) {
        json_array_append_new(fields, json_string(PICK(c, above)));
        json_object_set(redact, "fields", fields);
    } else if (BELOW(3)) {
        json_array_append_new(fields, json_string(chance_paths[BELOW(5)]));
        if (BELOW(2))
            json_array_append_new(fields, json_string(chance_paths[5 + BELOW(4)]));
        json_object_set(redact, "fields", fields);
    }
    json_decref(fields);
    return redact;
}

static void add_actions(struct chance *c, json_t *rule)
{
    json_t *value = json_object();

    if (BELOW(3) == 0) {
        for (unsigned n = 1 + BELOW(3); n > 0; n--)
            json_object_set_new(value, any_path(c), template(c));
        json_object_set(rule, "set", value);
    }
    json_decref(value);
    if (BELOW(16) == 0)
        json_object_set_new(rule, "remove", json_pack("[s]", PICK(c, above)));
    else if (BELOW(8) == 0) {
        value = json_array();
        for (unsigned n = 1 + BELOW(2); n > 0; n--)
            json_array_append_new(
                value, json_string(n == 2 ? chance_paths[BELOW(7)] : chance_paths[7 + BELOW(6)]));
        json_object_set_new(rule, "remove", value);
    }
    if (BELOW(8) == 0)
        json_object_set_new(rule, "rename", renames(c));
    if (BELOW(8) == 0)
        json_object_set_new(rule, "redact", redaction(c));
    if (BELOW(8) == 0) {
        value = json_string(PICK(c, with_groups));
        if (BELOW(2))
            value = json_pack("[os]", value, PICK(c, with_groups));
        json_object_set_new(rule, "parse", json_pack("{so}", any_path(c), value));
    }
    if (BELOW(12) == 0) {
        static const char *const shares[] = {"50%", "12.5%", "75%"};

        json_object_set_new(rule, "sample",
                            json_pack("{ssss}", "keep", PICK(c, shares), "by", "request"));
    }
    if (BELOW(12) == 0) {
        value = json_pack("{siss}", "records", 1 + (int)BELOW(20), "per", "1s");
        if (BELOW(2))
            json_object_set_new(value, "by", json_string("request"));
        json_object_set_new(rule, "rate_limit", value);
    }
}

/* ---- rules ---- */

static void add_destination(struct chance *c, json_t *rule, bool row)
{
    if (BELOW(10)) {
        unsigned bits = 1 + BELOW(7);
        json_t *to = json_array();

        for (unsigned i = 0; i < 3; i++)
            if (bits >> i & 1)
                json_array_append_new(to, json_string(chance_sinks[2 - i]));
        json_object_set_new(rule, "to", to);
    }
    if (!json_object_get(rule, "to") || BELOW(2))
        json_object_set_new(rule, "continue", json_true());
    else if (row && BELOW(4) == 0)
        json_object_set_new(rule, "drop", json_false());
}

static json_t *rule(struct chance *c, unsigned n, bool row, bool actions, const json_t *tables)
{
    json_t *made = json_object();
    char name[32];

    snprintf(name, sizeof(name), "rule-%u", n);
    json_object_set_new(made, "name", json_string(name));
    if (row || BELOW(100))
        json_object_set_new(made, "when",
                            row                    ? row_when(c, tables)
                            : c->dense && BELOW(4) ? dense_when(c)
                                                   : when(c, 0, tables));
    if (json_object_size(json_object_get(made, "when")) == 0)
        json_object_del(made, "when");
    if (row)
        json_object_set_new(made, "#row", json_true());
    if (BELOW(10) == 0) {
        json_object_set_new(made, "drop", json_true());
        return made;
    }
    add_destination(c, made, row);
    if (actions && !row)
        add_actions(c, made);
    return made;
}

json_t *chance_rules(struct chance *c, unsigned n, bool actions, const json_t *tables)
{
    json_t *rules = json_array(), *one;
    unsigned file = 0;
    bool row = false;

    for (unsigned i = 0; i < n; i++) {
        if (i == 0 || BELOW(25) == 0) {
            row = BELOW(3) == 0;
            file++;
        }
        one = rule(c, i, row, actions, tables);
        json_object_set_new(one, "#file", json_integer(file));
        json_array_append_new(rules, one);
    }
    return rules;
}
