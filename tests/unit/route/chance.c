/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "route/chance.h"

#define PICK(c, array) ((array)[chance_below((c), sizeof(array) / sizeof(*(array)))])
#define BELOW(n) chance_below(c, (n))

const char *const chance_sinks[3] = {"search", "archive", "alerts"};
/* No path begins with another, so that all of them can be set in one rule. */
const char *const chance_paths[CHANCE_PATHS] = {
    "level", "service", "message", "status", "user.id", "user.name", "tags",
    "path",  "a.b.c",   "flag",    "odd",    "ip",      "client"};
const char *const chance_columns[3] = {"owner", "tier", "level"};

static const char *const words[] = {"error",
                                    "info",
                                    "warn",
                                    "catalog",
                                    "tile-server",
                                    "auth",
                                    "/api/v1",
                                    "/health",
                                    "500",
                                    "200",
                                    "5e2",
                                    "500.0",
                                    "-1",
                                    "0",
                                    "0500",
                                    "true",
                                    "false",
                                    "null",
                                    "",
                                    "a\"b",
                                    "back\\slash",
                                    "Zo\xc3\xab",
                                    "x*y",
                                    "[ab]",
                                    "aab",
                                    "time out",
                                    "1.5",
                                    "1e400",
                                    "/api/health",
                                    " 500",
                                    "error ",
                                    "Error",
                                    "tab\there",
                                    "abc",
                                    "9007199254740993",
                                    "AUTH",
                                    "ERR",
                                    "tile-Server"};
static const char *const pieces[] = {"connection refused by peer",
                                     "connection reset",
                                     "timeout after ",
                                     "30s",
                                     "user-42",
                                     "id-7",
                                     "Downloaded scene ",
                                     "GET /health",
                                     "token=",
                                     "abcabc",
                                     "refusedrefused",
                                     " - ",
                                     "disk full",
                                     "(1/3)",
                                     "Error: ",
                                     "\"quoted\"",
                                     "aaaaaaaa",
                                     "tile-server",
                                     "10.1.2.3"};
static const char *const addresses[] = {
    "10.1.2.3",        "10.255.0.1",      "192.168.0.1", "127.0.0.1",   "::1",   "2001:db8::1",
    "10.0.0.256",      "::ffff:10.0.0.1", "010.0.0.1",   "10.1.2.3:80", "[::1]", "fe80::1%eth0",
    "2001:DB8:0:0::2", "1.2.3",           "0.0.0.0",     "::"};

unsigned chance_below(struct chance *c, unsigned n)
{
    c->state ^= c->state << 13;
    c->state ^= c->state >> 7;
    c->state ^= c->state << 17;
    return (unsigned)((c->state >> 11) % n);
}

const char *chance_word(struct chance *c)
{
    return c->dense && BELOW(5) ? words[BELOW(5)] : PICK(c, words);
}

json_t *chance_number(struct chance *c)
{
    static const double reals[] = {0.5, 1.5, 2.25, 500.5, -1.75, 500.0, 0.0};
    static const json_int_t integers[] = {
        0, 1, 5, 200, 404, 499, 500, 501, -1, 9007199254740993, 9007199254740992};

    return BELOW(3) ? json_integer(PICK(c, integers)) : json_real(PICK(c, reals));
}

json_t *chance_taken(struct sl_buf *text)
{
    json_t *made = json_string(sl_buf_str(text));

    sl_buf_release(text);
    return made;
}

static json_t *sentence(struct chance *c)
{
    struct sl_buf text;

    sl_buf_init(&text, 1 << 10);
    for (unsigned n = 1 + BELOW(4); n > 0; n--)
        sl_buf_text(&text, PICK(c, pieces));
    return chance_taken(&text);
}

json_t *chance_plain(struct chance *c)
{
    switch (BELOW(12)) {
    case 0:
        return json_boolean(BELOW(2));
    case 1:
    case 2:
        return chance_number(c);
    case 3:
    case 4:
        return sentence(c);
    case 5:
        return json_string(PICK(c, addresses));
    default:
        return json_string(chance_word(c));
    }
}

/* A few letters out of a sentence or a word. */
json_t *chance_fragment(struct chance *c)
{
    const char *from = BELOW(2) ? PICK(c, pieces) : PICK(c, words);
    size_t n = strlen(from), begin = n ? BELOW((unsigned)n) : 0, length = BELOW(12);

    while (begin > 0 && (from[begin] & 0xc0) == 0x80)
        begin--;
    length = begin + length > n ? n - begin : length;
    while (begin + length < n && (from[begin + length] & 0xc0) == 0x80)
        length++;
    return json_stringn(from + begin, length);
}

const char *chance_piece(struct chance *c)
{
    return PICK(c, pieces);
}

/* Keys without blanks, of which no two are equal, as numbers or but for their case. */
static json_t *keys(struct chance *c, bool header)
{
    static const char *const all[] = {
        "error", "catalog", "tile-server", "auth",    "500",      "200", "-1",       "true",
        "a\"b",  "x*y",     "aab",         "/health", "time out", "1.5", "10.1.2.3", "Zo\xc3\xab"};
    json_t *table = json_array(), *row;

    json_array_append_new(table, json_pack("[s]", "key"));
    for (size_t i = 0; header && i < 3; i++)
        json_array_append_new(json_array_get(table, 0), json_string(chance_columns[i]));
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        if (BELOW(2))
            continue;
        row = json_pack("[s]", all[i]);
        for (size_t k = 0; header && k < 3; k++)
            json_array_append_new(row, json_string(chance_word(c)));
        json_array_append_new(table, row);
    }
    return table;
}

json_t *chance_tables(struct chance *c)
{
    json_t *tables = json_object();

    json_object_set_new(tables, "tables/owners.csv", keys(c, true));
    json_object_set_new(tables, "tables/keys.txt", keys(c, false));
    return tables;
}

/* ---- records ---- */

/* Beyond SL_REGEX_PLAIN_MAX, where regular expressions run with their steps counted. */
static json_t *long_text(struct chance *c)
{
    const char *begin = PICK(c, words), *fill = PICK(c, pieces), *end = PICK(c, pieces);
    struct sl_buf text;

    sl_buf_init(&text, 1 << 12);
    sl_buf_text(&text, begin);
    while (text.n < 1100)
        sl_buf_text(&text, fill);
    sl_buf_text(&text, end);
    return chance_taken(&text);
}

static json_t *value(struct chance *c, unsigned depth)
{
    json_t *made;

    if (BELOW(400) == 0)
        return long_text(c);
    switch (BELOW(12)) {
    case 0:
        return json_null();
    case 1:
    case 2:
        made = json_array();
        for (unsigned n = BELOW(4); n > 0; n--)
            json_array_append_new(made, depth < 2 ? value(c, depth + 1) : chance_plain(c));
        return made;
    case 3:
        made = json_object();
        json_object_set_new(made, PICK(c, words), chance_plain(c));
        return made;
    default:
        return chance_plain(c);
    }
}

json_t *chance_record(struct chance *c, bool actions)
{
    json_t *record = json_object(), *user = json_object(), *a = json_object(), *b = json_object();
    char request[16];

    for (unsigned n = BELOW(9); n > 0; n--) /* dotted paths as literal keys */
        json_object_set_new(record, PICK(c, chance_paths), value(c, 0));
    if (BELOW(2))
        json_object_set_new(record, "message", sentence(c));
    if (BELOW(2)) {
        json_object_set_new(user, "id", value(c, 1));
        if (BELOW(2))
            json_object_set_new(user, "name", value(c, 1));
        json_object_set(record, "user", user);
    }
    if (BELOW(3) == 0) {
        json_object_set_new(b, "c", value(c, 1));
        json_object_set(a, "b", b);
        if (BELOW(2))
            json_object_set_new(a, "b.c", value(c, 1));
        json_object_set(record, "a", a);
    }
    if (actions) { /* nothing is left to add to it */
        snprintf(request, sizeof(request), "req-%u", BELOW(200));
        json_object_set_new(record, "request", json_string(request));
        json_object_set_new(record, "kind", json_string("server"));
        if (!json_object_get(record, "level"))
            json_object_set_new(record, "level", json_string(chance_word(c)));
    }
    json_decref(user);
    json_decref(a);
    json_decref(b);
    return record;
}

json_t *chance_names(struct chance *c)
{
    return json_pack("{ssssss}", "@topic", "logs", "@key", PICK(c, words), "@headers.trace",
                     PICK(c, pieces));
}
