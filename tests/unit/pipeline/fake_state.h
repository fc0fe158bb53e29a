/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PIPELINE_FAKE_STATE_H
#define TESTS_PIPELINE_FAKE_STATE_H

/* What stands in for the state topic: it keeps what is put, and answers when the world says so. */

struct sl_state *sl_state_new(struct sl_loop *loop, const struct sl_config *config)
{
    (void)loop;
    (void)config;
    return (struct sl_state *)&world->state;
}

static void fake_put_run(struct sl_work *w)
{
    (void)w;
}

static void fake_put_done(struct sl_work *w)
{
    struct fake_put *put = sl_container_of(w, struct fake_put, work);

    put->done(put->user, SL_OK, "");
    free(put);
}

/* Of more than it can keep it forgets the first. */
static inline void fake_state_keep(const char *hash, struct sl_slice value)
{
    struct fake_state *s = &world->state;
    size_t at = s->n++ % FAKE_STATE_MAX;

    if (s->n > FAKE_STATE_MAX)
        sl_buf_release(&s->values[at]);
    snprintf(s->keys[at], sizeof(s->keys[0]), "%s", hash);
    sl_buf_init(&s->values[at], SL_STATE_VALUE_MAX);
    sl_buf_slice(&s->values[at], value);
}

void sl_state_put(struct sl_state *st, const char *hash, struct sl_slice value,
                  sl_state_put_fn done, void *user)
{
    struct fake_state *s = &world->state;
    struct fake_put *put = sl_zalloc(sizeof(*put));

    (void)st;
    fake_state_keep(hash, value);
    *put = (struct fake_put){
        .work = {.run = fake_put_run, .done = fake_put_done}, .done = done, .user = user};
    if (s->holds)
        s->held[s->n_held++] = put;
    else
        sl_work_start(&world->fake.rt, &put->work);
}

void sl_state_get(struct sl_state *st, const char *const *heads, size_t n, sl_state_got_fn done,
                  void *user)
{
    struct fake_get *get = &world->state.get;

    (void)st;
    assert_false(world->state.getting);
    world->state.getting = true;
    *get = (struct fake_get){.done = done, .user = user, .n = n};
    for (size_t i = 0; i < n; i++)
        snprintf(get->heads[i], sizeof(get->heads[0]), "%s", heads[i]);
}

static inline void fake_state_confirm(int code)
{
    struct fake_state *s = &world->state;

    while (s->n_held > 0) {
        struct fake_put *put = s->held[--s->n_held];

        put->done(put->user, code, code == SL_OK ? "" : "the broker said no");
        free(put);
    }
}

static inline size_t fake_state_n(void)
{
    return world->state.n < FAKE_STATE_MAX ? world->state.n : FAKE_STATE_MAX;
}

static inline void fake_state_answer(int code)
{
    struct fake_state *s = &world->state;
    struct sl_slice values[FAKE_STATE_MAX] = {{NULL, 0}};

    if (!s->getting)
        return;
    s->getting = false;
    for (size_t i = 0; i < s->get.n; i++)
        for (size_t k = 0; k < fake_state_n(); k++)
            if (strncmp(s->keys[k], s->get.heads[i], SL_STATE_HEAD) == 0)
                values[i] = sl_buf_as_slice(&s->values[k]);
    s->get.done(s->get.user, code, code == SL_OK ? "" : "the broker said no",
                code == SL_OK ? values : NULL, s->get.n);
}

static inline void fake_state_forget(void)
{
    for (size_t i = 0; i < fake_state_n(); i++)
        sl_buf_release(&world->state.values[i]);
    world->state.n = 0;
}

void sl_state_free(struct sl_state *st)
{
    (void)st;
    fake_state_confirm(SL_EAGAIN);
    fake_state_answer(SL_EAGAIN);
    fake_state_forget();
}

#endif
