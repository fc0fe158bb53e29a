/* SPDX-License-Identifier: Apache-2.0 */
#include "record/unwrap_private.h"

/* Lines of Docker's json-file driver:
 *
 *   {"log":"one line\n","stream":"stdout","attrs":{...},"time":"2015-10-01T18:21:26.123456789Z"}
 *
 * attrs is there where labels or variables are logged. An entry ends with its line break; one that
 * lacks it is a part of a line that was too long (16 KiB), and its tag is P as in cri's lines. */

static bool is_docker_name(struct sl_slice name)
{
    return sl_slice_is(name, "log") || sl_slice_is(name, "stream") || sl_slice_is(name, "time");
}

/* Loggers' own objects begin with a time too, so then the second name is looked at. */
static bool looks(struct sl_slice value)
{
    enum { SHORT = 64 };
    struct sl_slice name = sl_first_name(value);
    const char *p, *end = value.p + value.n;

    if (name.n < 3 || !is_docker_name(name))
        return false;
    if (sl_slice_is(name, "log"))
        return true;
    p = name.p + name.n + 1;
    end = end - p > SHORT ? p + SHORT : end;
    while (p < end && *p != ',')
        p++;
    while (p < end && *p != '"')
        p++;
    return end - p > 4 && (memcmp(p, "\"log\"", 5) == 0 || memcmp(p, "\"str", 4) == 0 ||
                           memcmp(p, "\"tim", 4) == 0);
}

static const char *why_not(struct sl_unwrapped *u, const struct sl_form_context *c)
{
    struct sl_value log = sl_unwrap_member(u, SL_DOCKER_LOG),
                    stream = sl_unwrap_member(u, SL_DOCKER_STREAM),
                    time = sl_unwrap_member(u, SL_DOCKER_TIME),
                    attrs = sl_unwrap_member(u, SL_DOCKER_ATTRS);
    struct sl_object_walk w;
    struct sl_slice name;
    struct sl_value v;
    size_t n = 0;

    if (log.type != SL_VALUE_STRING || stream.type != SL_VALUE_STRING ||
        time.type != SL_VALUE_STRING)
        return "docker: not the texts log, stream and time";
    if (!sl_slice_is(sl_slice(stream.p, stream.n), "stdout") &&
        !sl_slice_is(sl_slice(stream.p, stream.n), "stderr"))
        return "docker: neither stdout nor stderr";
    if (!sl_time_parse(sl_slice(time.p, time.n), c->zone, &u->time_ns))
        return "docker: time is none";
    for (sl_object_begin(&w, u->document); sl_object_next(&w, &name, &v);)
        n++;
    return n == 3 + (attrs.type != SL_VALUE_ABSENT) ? NULL
                                                    : "docker: members that it does not have";
}

static enum sl_unwrap_outcome open_line(struct sl_unwrapped *u, const struct sl_form_context *c,
                                        struct sl_slice value, size_t *ret_n, const char **ret_why)
{
    if (!sl_unwrap_check(u, value, ret_why))
        return SL_UNWRAP_NOT;
    *ret_why = why_not(u, c);
    if (*ret_why)
        return SL_UNWRAP_NOT;
    u->head = value;
    *ret_n = 1;
    return SL_UNWRAP_OK;
}

static void piece(struct sl_unwrapped *u, size_t i, struct sl_members *members,
                  struct sl_piece *ret)
{
    struct sl_value log = sl_unwrap_member(u, SL_DOCKER_LOG),
                    stream = sl_unwrap_member(u, SL_DOCKER_STREAM),
                    time = sl_unwrap_member(u, SL_DOCKER_TIME),
                    attrs = sl_unwrap_member(u, SL_DOCKER_ATTRS);
    struct sl_slice text = sl_unwrap_text(u, &log);
    bool whole = text.n > 0 && text.p[text.n - 1] == '\n';

    (void)i;
    text.n -= whole;
    sl_unwrap_keep(members, "container_time", &time);
    sl_unwrap_keep(members, "stream", &stream);
    sl_members_string(members, SL_SLICE_LITERAL("logtag"), sl_slice_str(whole ? "F" : "P"));
    sl_unwrap_keep(members, "attrs", &attrs);
    *ret = (struct sl_piece){
        .text = text,
        .raw = u->head,
        .time_ns = u->time_ns,
        .has_time = true,
    };
    if (!sl_unwrap_inner(text))
        return;
    sl_buf_clear(&u->wrapper);
    sl_unwrap_around(u, u->document, &log, whole ? "\\n" : "");
    ret->wrapper = sl_buf_as_slice(&u->wrapper);
}

const struct sl_wrapper sl_wrapper_docker = {
    .name = "docker", .looks = looks, .open = open_line, .piece = piece};
