/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "audit_private.h"
#include "store.h"

/* Objects of the archive: named by a plan, and no two of the same records but the same cut. */

/* <topic>-<partition>-<first>-<last>-<hash>[-r<n>].ndjson behind the last slash. */
static bool parse_key(const char *key, struct audit_object *o)
{
    const char *name = strrchr(key, '/');
    char hash[17];
    int number;

    if (!name || strncmp(name, "/logs-", 6) != 0)
        return false;
    if (sscanf(name + 6, "%d-%ld-%ld-%16[0-9a-f]", &number, &o->first, &o->last, hash) != 4)
        return false;
    o->number = number;
    snprintf(o->hash, sizeof(o->hash), "%s", hash);
    o->key = sim_copy(key, strlen(key));
    o->prefix_n = (size_t)(name - key);
    return true;
}

static void compare_objects(unsigned sink, const struct audit_object *o)
{
    const struct audit *a = sim->audit;

    for (const struct audit_object *other = a->objects[sink]; other; other = other->next) {
        bool same_cut = other->first == o->first && other->last == o->last &&
                        strncmp(other->hash, o->hash, sizeof(o->hash)) == 0;

        if (other->number != o->number || other->incarnation != o->incarnation ||
            other->last < o->first || other->first > o->last || same_cut)
            continue;
        if (a->parts[o->number].excused || audit_torn(sink, o) || audit_torn(sink, other))
            continue;
        sim_find("I6: two objects of %s overlap: %s and %s", store_names[sink], other->key, o->key);
        return;
    }
}

/* One that goes beside another (-r<n>): its bounds are those of an object that is not whole, or of
 * the topic before. */
static void check_beside(unsigned sink, const struct audit_object *o)
{
    const struct audit_object *other = sim->audit->objects[sink];
    const char *behind = strstr(o->key + o->prefix_n, "-r");

    for (; behind && other; other = other->next)
        if (strncmp(other->key, o->key, (size_t)(behind - o->key)) == 0 &&
            other->incarnation == o->incarnation && !sim->audit->parts[o->number].excused)
            sim_find("I6: %s of %s goes beside one that is whole", o->key, store_names[sink]);
}

void audit_object(unsigned sink, const char *key, const char *body, size_t n)
{
    struct audit *a = sim->audit;
    struct audit_object *o = sim_new(sizeof(*o));
    const char *at = body, *end = body + n;

    if (!parse_key(key, o)) {
        sim_find("an object with a name of another form: %s", key);
        return;
    }
    o->incarnation = cluster_partition("logs", o->number)->incarnation;
    a->counts.objects++;
    for (struct audit_object *other = a->objects[sink]; other; other = other->next)
        if (strcmp(other->key, key) == 0) { /* written over: the same cut again */
            if (other->incarnation != o->incarnation)
                sim_find("%s was of the topic before, and is written over", key);
            audit_object_known(sink, body, n, false); /* it may be owed once more: a reset */
            return;
        }
    compare_objects(sink, o);
    check_beside(sink, o);
    audit_plan_names(sink, o);
    o->next = a->objects[sink];
    a->objects[sink] = o;
    while (at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        struct source_record *r;

        line = line ? line : end;
        r = audit_recognise(sink, at, (size_t)(line - at));
        if (!r)
            return;
        if (r->offset < o->first || r->offset > o->last || r->p->number != o->number)
            sim_find("I2: record %u does not belong into %s", r->n, key);
        audit_note(r, sink);
        at = line + 1;
    }
}

void audit_object_known(unsigned sink, const char *body, size_t n, bool sent)
{
    const char *at = body, *end = body + n;

    while (at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));

        line = line ? line : end;
        audit_known(sink, at, (size_t)(line - at), sent);
        at = line + 1;
    }
}
