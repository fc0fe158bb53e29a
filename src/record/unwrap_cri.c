/* SPDX-License-Identifier: Apache-2.0 */
#include "record/unwrap_private.h"

/* Lines of containerd and CRI-O, as kubelet keeps them:
 *
 *   2016-10-06T00:17:09.669794202Z stdout F The content of the log entry
 *
 * The tag is F for a full line, P for a part of one that was too long, and may say more behind a
 * colon. One space stands between each. The member is container_time, for the entry's `time` is
 * often its logger's, and then a number or a date of another spelling. */

enum { TIME_MAX = 64, TAG_MAX = 64 };

/* The word that ends at the next space, and goes on behind it; n == 0: none. */
static struct sl_slice word(struct sl_slice *rest, size_t max)
{
    size_t n = rest->n < max ? rest->n : max;
    const char *space = n ? memchr(rest->p, ' ', n) : NULL;
    struct sl_slice w;

    if (!space)
        return sl_slice(NULL, 0);
    w = sl_slice(rest->p, (size_t)(space - rest->p));
    *rest = sl_slice(space + 1, rest->n - w.n - 1);
    return w;
}

static bool is_stream(struct sl_slice s)
{
    return sl_slice_is(s, "stdout") || sl_slice_is(s, "stderr");
}

static bool looks(struct sl_slice value)
{
    struct sl_slice rest = value;

    if (value.n < sizeof("2016-10-06T00:17:09Z stdout F ") - 1 || value.p[0] < '0' ||
        value.p[0] > '9' || value.p[4] != '-' || value.p[10] != 'T')
        return false;
    return word(&rest, TIME_MAX).n > 0 && is_stream(word(&rest, TIME_MAX));
}

static bool is_tag(struct sl_slice tag)
{
    for (size_t i = 0; i < tag.n; i++)
        if (tag.p[i] <= ' ' || tag.p[i] > '~')
            return false;
    return tag.n > 0;
}

static enum sl_unwrap_outcome open_line(struct sl_unwrapped *u, const struct sl_form_context *c,
                                        struct sl_slice value, size_t *ret_n, const char **ret_why)
{
    struct sl_slice rest = value;

    u->time = word(&rest, TIME_MAX);
    *ret_why = NULL;
    if (u->time.n < 11 || u->time.p[10] != 'T' || !sl_time_parse(u->time, c->zone, &u->time_ns))
        *ret_why = "cri: no time in front";
    if (!*ret_why && !is_stream(u->stream = word(&rest, TIME_MAX)))
        *ret_why = "cri: neither stdout nor stderr behind the time";
    if (!*ret_why && !is_tag(u->tag = word(&rest, TAG_MAX)))
        *ret_why = "cri: no tag behind the stream";
    if (*ret_why)
        return SL_UNWRAP_NOT;
    u->document = value;
    u->head = sl_slice(value.p, value.n - rest.n);
    *ret_n = 1;
    return SL_UNWRAP_OK;
}

static void piece(struct sl_unwrapped *u, size_t i, struct sl_members *members,
                  struct sl_piece *ret)
{
    (void)i;
    sl_members_string(members, SL_SLICE_LITERAL("container_time"), u->time);
    sl_members_string(members, SL_SLICE_LITERAL("stream"), u->stream);
    sl_members_string(members, SL_SLICE_LITERAL("logtag"), u->tag);
    *ret = (struct sl_piece){
        .text = sl_slice(u->document.p + u->head.n, u->document.n - u->head.n),
        .raw = u->document,
        .time_ns = u->time_ns,
        .has_time = true,
        .wrapper = u->head,
    };
}

const struct sl_wrapper sl_wrapper_cri = {
    .name = "cri", .looks = looks, .open = open_line, .piece = piece};
