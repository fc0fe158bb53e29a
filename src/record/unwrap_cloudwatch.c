/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/hash.h"
#include "record/unwrap_private.h"

/* What a subscription of CloudWatch Logs sends: one JSON document, gzipped, that holds many events.
 *
 *   {"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/aws/lambda/pay",
 *    "logStream":"2026/01/31/[$LATEST]f0","subscriptionFilters":["all"],
 *    "logEvents":[{"id":"319...","timestamp":1769862896789,"message":"..."}]}
 *
 * Forwarders inflate it, or put it into base64, or pass on what a function is called with:
 * {"awslogs":{"data":"<base64 of gzip>"}}. All are understood. Now and then comes a control message
 * that only asks whether the destination can be reached. */

static bool begins(struct sl_slice s, const char *with)
{
    size_t n = strlen(with);

    return s.n >= n && memcmp(s.p, with, n) == 0;
}

static bool looks(struct sl_slice value)
{
    static const char *const names[] = {"messageType", "owner",     "logGroup",
                                        "logStream",   "logEvents", "subscriptionFilters",
                                        "awslogs"};
    struct sl_slice name;

    if (sl_is_gzip(value) || begins(value, "H4sI")) /* 1f 8b 08 in base64 */
        return true;
    name = sl_first_name(value);
    for (size_t i = 0; name.n >= 5 && i < sizeof(names) / sizeof(names[0]); i++)
        if (sl_slice_is(name, names[i]))
            return true;
    return false;
}

/* ---- opening ---- */

static enum sl_unwrap_outcome outcome_of(int rc)
{
    return rc == SL_OK ? SL_UNWRAP_OK : rc == SL_EINVAL ? SL_UNWRAP_NOT : SL_UNWRAP_REFUSED;
}

/* Out of gzip, where it is that, and checked. */
static enum sl_unwrap_outcome check(struct sl_unwrapped *u, struct sl_slice value,
                                    const char **ret_why)
{
    if (sl_is_gzip(value)) {
        const char *why;
        int rc;

        if (!u->inflater)
            u->inflater = sl_inflater_new();
        sl_buf_clear(&u->inflated);
        rc = sl_inflate(u->inflater, value, &u->inflated, &why);
        if (rc != SL_OK) {
            *ret_why = rc == SL_EINVAL ? "cloudwatch: damaged gzip"
                                       : "cloudwatch: it inflates beyond its bounds";
            return outcome_of(rc);
        }
        value = sl_buf_as_slice(&u->inflated);
    }
    return sl_unwrap_check(u, value, ret_why) ? SL_UNWRAP_OK : SL_UNWRAP_NOT;
}

static enum sl_unwrap_outcome check_base64(struct sl_unwrapped *u, struct sl_slice value,
                                           const char **ret_why)
{
    int rc;

    while (value.n > 0 && (value.p[value.n - 1] == '\n' || value.p[value.n - 1] == '\r'))
        value.n--;
    sl_buf_clear(&u->decoded);
    rc = value.n == 0 ? SL_EINVAL : sl_base64_decode(value, &u->decoded);
    if (rc != SL_OK) {
        *ret_why = rc == SL_EINVAL ? "cloudwatch: neither gzip nor base64 nor a JSON object"
                                   : "cloudwatch: too large";
        return outcome_of(rc);
    }
    return check(u, sl_buf_as_slice(&u->decoded), ret_why);
}

/* The document, whatever it was packed in. */
static enum sl_unwrap_outcome unpack(struct sl_unwrapped *u, struct sl_slice value,
                                     const char **ret_why)
{
    struct sl_slice rest = value;
    enum sl_unwrap_outcome outcome;
    struct sl_value data;

    while (rest.n > 0 && memchr(" \t\r\n", *rest.p, 4))
        rest = sl_slice(rest.p + 1, rest.n - 1);
    if (!sl_is_gzip(value) && !begins(rest, "{"))
        return check_base64(u, value, ret_why);
    outcome = check(u, value, ret_why);
    if (outcome != SL_UNWRAP_OK)
        return outcome;
    data = sl_unwrap_member(u, SL_CLOUDWATCH_DATA);
    if (data.type != SL_VALUE_STRING)
        return outcome;
    /* A document that itself was inflated goes where the next one is inflated to. */
    if (sl_is_gzip(value)) {
        *ret_why = "cloudwatch: packed more than once";
        return SL_UNWRAP_NOT;
    }
    return check_base64(u, sl_unwrap_text(u, &data), ret_why);
}

static size_t shared_bytes(const struct sl_unwrapped *u)
{
    size_t n = 0;

    for (int i = SL_CLOUDWATCH_OWNER; i <= SL_CLOUDWATCH_FILTERS; i++)
        n += sl_unwrap_member(u, (enum sl_unwrap_field)i).n;
    return n;
}

static enum sl_unwrap_outcome data_message(struct sl_unwrapped *u, const char **ret_why)
{
    struct sl_value events = sl_unwrap_member(u, SL_CLOUDWATCH_EVENTS), event;
    bool few = true, objects = events.type == SL_VALUE_ARRAY;
    size_t at = 0;

    while (few && objects && sl_value_element(&events, &at, &event)) {
        objects = event.type == SL_VALUE_OBJECT;
        few = !objects || sl_unwrap_add(u, sl_slice(event.p, event.n), 0);
    }
    if (!objects) {
        *ret_why = "cloudwatch: logEvents is no list of objects";
        return SL_UNWRAP_NOT;
    }
    if (!few || !sl_unwrap_shared(u, u->n, shared_bytes(u))) {
        *ret_why = "cloudwatch: too many events";
        return SL_UNWRAP_REFUSED;
    }
    if (u->n > 0)
        return SL_UNWRAP_OK;
    *ret_why = "a message of CloudWatch without events";
    return SL_UNWRAP_NOTHING;
}

static enum sl_unwrap_outcome open_envelope(struct sl_unwrapped *u, const struct sl_form_context *c,
                                            struct sl_slice value, size_t *ret_n,
                                            const char **ret_why)
{
    enum sl_unwrap_outcome outcome = unpack(u, value, ret_why);
    struct sl_value type;

    (void)c;
    if (outcome != SL_UNWRAP_OK)
        return outcome;
    type = sl_unwrap_member(u, SL_CLOUDWATCH_TYPE);
    if (type.type == SL_VALUE_STRING && sl_slice_is(sl_slice(type.p, type.n), "DATA_MESSAGE")) {
        outcome = data_message(u, ret_why);
        *ret_n = u->n;
        return outcome;
    }
    if (type.type == SL_VALUE_STRING && sl_slice_is(sl_slice(type.p, type.n), "CONTROL_MESSAGE")) {
        *ret_why = "a control message of CloudWatch";
        return SL_UNWRAP_NOTHING;
    }
    *ret_why = "cloudwatch: messageType is neither DATA_MESSAGE nor CONTROL_MESSAGE";
    return SL_UNWRAP_NOT;
}

/* ---- one event ---- */

struct event {
    struct sl_value id, timestamp, message, extracted;
    unsigned others;
};

static struct event take_apart(struct sl_slice object)
{
    struct event e = {0};
    struct sl_object_walk w;
    struct sl_slice name;
    struct sl_value v;

    for (sl_object_begin(&w, object); sl_object_next(&w, &name, &v);) {
        struct sl_value *to = sl_slice_is(name, "id")                ? &e.id
                              : sl_slice_is(name, "timestamp")       ? &e.timestamp
                              : sl_slice_is(name, "message")         ? &e.message
                              : sl_slice_is(name, "extractedFields") ? &e.extracted
                                                                     : NULL;

        if (to && to->type == SL_VALUE_ABSENT)
            *to = v;
        else
            e.others++;
    }
    return e;
}

static void add_members(struct sl_unwrapped *u, const struct event *e, struct sl_members *members)
{
    static const char *const names[] = {"account", "log_group", "log_stream",
                                        "subscription_filters"};

    for (int i = 0; i <= SL_CLOUDWATCH_FILTERS - SL_CLOUDWATCH_OWNER; i++) {
        struct sl_value v = sl_unwrap_member(u, (enum sl_unwrap_field)(SL_CLOUDWATCH_OWNER + i));

        sl_unwrap_keep(members, names[i], &v);
    }
    sl_unwrap_keep(members, "event_id", &e->id);
    sl_unwrap_keep(members, "event_time", &e->timestamp);
    sl_unwrap_keep(members, "extracted_fields", &e->extracted);
}

static void piece(struct sl_unwrapped *u, size_t i, struct sl_members *members,
                  struct sl_piece *ret)
{
    struct sl_slice raw = sl_unwrap_piece(u, i);
    struct event e = take_apart(raw);
    int64_t ms;

    *ret = (struct sl_piece){.text = raw, .raw = raw, .is_object = true};
    add_members(u, &e, members);
    ret->has_time =
        sl_unwrap_int(&e.timestamp, &ms) && !__builtin_mul_overflow(ms, 1000000, &ret->time_ns);
    /* An event without a message is the entry itself. */
    if (e.message.type == SL_VALUE_ABSENT || e.message.type == SL_VALUE_NULL)
        return;
    ret->text = sl_unwrap_text(u, &e.message);
    ret->is_object = e.message.type == SL_VALUE_OBJECT;
    if (e.others > 0 || sl_unwrap_inner(ret->text)) {
        sl_buf_clear(&u->wrapper);
        sl_unwrap_around(u, raw, &e.message, e.message.type == SL_VALUE_STRING ? "" : "null");
        ret->wrapper = sl_buf_as_slice(&u->wrapper);
    }
    if (e.others > 0)
        sl_members_string(members, SL_SLICE_LITERAL("wrapper"), ret->wrapper);
    if (e.message.type == SL_VALUE_STRING)
        sl_lambda_line(ret->text, members, &ret->level);
}

const struct sl_wrapper sl_wrapper_cloudwatch = {
    .name = "cloudwatch", .many = true, .looks = looks, .open = open_envelope, .piece = piece};
