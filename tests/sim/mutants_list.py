# SPDX-License-Identifier: Apache-2.0
"""What mutants.py breaks: (name, file, text, text in its place). The first ten are the readings of
reliability.md (e) that fail."""

MUTANTS = [
    (
        "A restart cut-over at the highest position",
        "src/position/era.c",
        "at = most(most(at, s->catch_up), s->plan.end);",
        "at = most(at, s->catch_up);",
    ),
    (
        "B reload cut-over at the live reader's next offset",
        "src/position/era.c",
        "era.begin = last ? most(beyond_all(p), last->begin) : before_all(p);",
        "era.begin = last ? most(p->next >= 0 ? p->next : beyond_all(p), last->begin) : before_all(p);",
    ),
    (
        "C detach keeps only the position",
        "src/position/serve.c",
        "    s->from = INT64_MAX;\n}\n\nvoid sl_partition_hand_over",
        "    s->from = INT64_MAX;\n    s->plan = (struct sl_plan){0};\n}\n\nvoid sl_partition_hand_over",
    ),
    (
        "D nothing outstanding means the reader's next offset",
        "src/position/tracker.c",
        "    else if (p->next >= 0 && s->from > p->next)\n        next = s->from;\n",
        "",
    ),
    (
        "E what is unread of a catch-up is not outstanding",
        "src/position/tracker.c",
        "    if (s->catch_up >= 0)\n        next = s->catch_up;",
        "    if (s->catch_up >= 0)\n        next = s->from != INT64_MAX ? s->from : s->catch_up;",
    ),
    (
        "F the key's hash is of the live rules",
        "src/sink/s3_upload.c",
        "&s->config->s3, b->rules->hash,",
        "&s->config->s3, s->env->rules->hash,",
    ),
    (
        "G two commits in flight",
        "src/kafka/consumer.c",
        "    if (!may || c->commit.in_flight || ",
        "    if (!may || ",
    ),
    (
        "H assigned again before one's own commit is settled",
        "src/kafka/rebalance.c",
        "        else if (!c->commit.in_flight)\n            settled(c);",
        "        else {\n            sl_commit_release(c);\n            c->commit.in_flight = false;\n            settled(c);\n        }",
    ),
    (
        "J the last commit extends an outstanding plan",
        "src/position/plan.c",
        "    p->noting_least = sl_partition_least(p);\n",
        "    p->noting_least = sl_partition_least(p);\n"
        "    for (size_t i = 0; p->draining && i < p->n_sinks; i++)\n"
        "        if (p->sinks[i].plan.end > 0 && p->sinks[i].plan.end < p->next && p->sinks[i].catch_up < 0)\n"
        "            p->sinks[i].plan.end = p->next;\n",
    ),
    (
        "K recorded plans before any sink's new records",
        "src/pipeline/pipeline.c",
        "    if (p->phase != SL_PHASE_RUNNING)\n        return false;\n    sl_way_cross",
        "    if (p->phase != SL_PHASE_RUNNING)\n        return false;\n"
        "    for (size_t i = 0; i < p->n_sinks; i++)\n"
        "        if (m->at->sinks[i].plan.end > 0)\n            return false;\n    sl_way_cross",
    ),
    (
        "the maximum is committed",
        "src/position/tracker.c",
        "        if (position < least)\n            least = position;",
        "        if (position > least)\n            least = position;",
    ),
    (
        "item statuses are ignored",
        "src/sink/elasticsearch_judge.c",
        "} else if (reply.good == b->n_items) {",
        "} else if (reply.good <= b->n_items) {",
    ),
    (
        "a refusal is an acknowledgement",
        "src/sink/policy.c",
        "    case SL_SPLIT:\n    case SL_REFUSED:\n        item->outcome = SL_REFUSED;\n",
        "    case SL_SPLIT:\n    case SL_REFUSED:\n        v->delivered++;\n"
        "        sl_books_item(b, item, SL_ENTRY_DELIVERED);\n        item->gone = true;\n        return;\n",
    ),
    (
        "an unknown answer does not end the epoch",
        "src/kafka/commit.c",
        "        sl_part_of(p)->doubt = true;\n",
        "",
    ),
    (
        "no epoch check: what an ended assignment left in a batch is sent and committed",
        "src/kafka/arrive.c",
        "        parts[i]->draining = parts[i]->ended = true;\n        sl_pause_drop_parked(c, sl_part_of(parts[i]));",
        "        sl_pause_drop_parked(c, sl_part_of(parts[i]));",
    ),
    (
        "the line's base is forgotten",
        "src/position/metadata_read.c",
        "if (!number(&line, 10, &base) || base != committed || ",
        "if (!number(&line, 10, &base) || ",
    ),
    (
        "an old record is judged by new rules",
        "src/pipeline/pipeline.c",
        "ret->routing = era && era->routing ? era->routing : p->routing;",
        "ret->routing = p->routing;",
    ),
    (
        "an unknown sink's position is dropped",
        "src/position/metadata.c",
        "        put_carried(&w);\n",
        "",
    ),
    (
        "handed over one early",
        "src/position/serve.c",
        "    if (s->catch_up >= s->from)\n        s->catch_up = -1;",
        "    if (s->from != INT64_MAX && s->catch_up + 1 >= s->from)\n        s->catch_up = -1;",
    ),
    (
        "handed over one late",
        "src/position/serve.c",
        "    s->from = most(most(p->next, s->catch_up), s->plan.end);",
        "    s->from = most(most(p->next, s->catch_up), s->plan.end);\n    s->catch_up = s->catch_up + 1;",
    ),
    (
        "cut elsewhere after a restart",
        "src/sink/cut.c",
        "    return cut->partition && cut->hold->catch_up &&\n           sl_plan_repeat_end(",
        "    return 0 && cut->partition && cut->hold->catch_up &&\n           sl_plan_repeat_end(",
    ),
    (
        "a dead letter counts before it is confirmed",
        "src/sink/letters.c",
        "        if (code != SL_OK) {\n            failed(b, code);",
        "        if (code == -12345) {\n            failed(b, code);",
    ),
    (
        "a partition that is not paused is resumed",
        "src/kafka/pause.c",
        "        if (!want && part->paused)\n            add(&resume",
        "        if (!want)\n            add(&resume",
    ),
    (
        "uploaded before the plan is recorded",
        "src/position/plan.c",
        "same(plan, span) && plan->confirmed ? SL_PLAN_GO",
        "same(plan, span) ? SL_PLAN_GO",
    ),
    (
        "what was thrown away is not sought again",
        "src/kafka/pause.c",
        "            add(&seek, c->n_partitions, part->p, part->expect);\n",
        "",
    ),
    (
        "a lost assignment is committed",
        "src/kafka/rebalance.c",
        '#include "kafka/consumer_private.h"\n',
        '#include "kafka/consumer_private.h"\n#define rd_kafka_assignment_lost(rk) 0\n',
    ),
    (
        "a detached sink goes on at the live reader's offset",
        "src/position/serve.c",
        "    s->catch_up = position < 0 ? s->from : position; /* -1: still arriving */",
        "    s->catch_up = p->next >= 0 ? p->next : s->from;",
    ),
    (
        "rules that cannot be had make nothing void",
        "src/pipeline/arrive.c",
        "    if (!resolve(p, at))\n        make_void(p, a);",
        "    resolve(p, at);",
    ),
    (
        "a plan that retention has come into is repeated all the same",
        "src/position/serve.c",
        "    if (s->catch_up < s->plan.end)\n        s->plan = (struct sl_plan){0};\n    sl_partition_caught_skip",
        "    sl_partition_caught_skip",
    ),
    (
        "what has expired is not told",
        "src/pipeline/headroom.c",
        "    *p->count.expired[sink] += (uint64_t)n;\n",
        "    (void)n;\n",
    ),
    (
        "a sink that comes back has lost its plan",
        "src/position/metadata_read.c",
        "    if (!shared && e->plan_end > 0)",
        "    if (!shared && e->plan_end > 0 && e->kind != 'u')",
    ),
    (
        "a sink that comes back begins at the committed offset",
        "src/position/metadata_read.c",
        "    bool behind = e->behind || e->plan_end > 0 || e->offset < r->committed;\n    int64_t position = e->offset;",
        "    bool behind = e->behind || e->plan_end > 0;\n"
        "    int64_t position = e->offset < r->committed ? r->committed : e->offset;",
    ),
    (
        "eras are forgotten as soon as the live reader is beyond them",
        "src/position/era.c",
        "p->eras[gone + 1].begin <= least)",
        "p->eras[gone + 1].begin <= most(p->next, least))",
    ),
    (
        "a cut-over forgets sinks that are away",
        "src/position/era.c",
        "        at = most(most(at, p->carried[i].position), p->carried[i].plan_end);",
        "        (void)i;",
    ),
    (
        "the queue is let go at a detach, and the side reader begins behind it",
        "src/pipeline/flow.c",
        "    bool let_go = in_hand_over(all, n, sink);",
        "    bool let_go = in_hand_over(all, n, sink) && 0;",
    ),
    (
        "the last commit does not wait for the drain",
        "src/kafka/commit.c",
        "        sl_partition_noting(p, line != NULL);\n",
        "        sl_partition_noting(p, line != NULL);\n        if (p->draining)\n            p->noting_least = p->next;\n",
    ),
    (
        "a partly failed commit counts as done",
        "src/kafka/commit.c",
        "list->elems[i].err ? list->elems[i].err : err);",
        "err);",
    ),
    (
        "a late answer of another cut confirms the plan",
        "src/position/plan.c",
        "            (plan->noting != plan->end && plan->noting != -plan->end))\n            continue;",
        "            false)\n            continue;",
    ),
    (
        "a line that has no room for plans records them",
        "src/position/metadata.c",
        "        if (w->squeeze >= SINKS_AT_BASE && plan->end == 0)\n            delta = 0;",
        "        if (plan->end > 0)\n            delta = 0;",
    ),
    (
        "the ledger forgets what is let go",
        "src/sink/books.c",
        "        p->let_go += n;\n",
        "",
    ),
    (
        "a cut reaches beyond the plan that it repeats",
        "src/pipeline/catchup.c",
        "    if (end > 0 && m->offset + 1 >= end)\n        plan_read(p, m->at, sink);",
        "    if (end > 0 && m->offset + 1 > end)\n        plan_read(p, m->at, sink);",
    ),
    (
        "the side reader gives the sink what the live reader gave it",
        "src/pipeline/catchup.c",
        "    if (m->offset >= s->from) {\n        skip_to(p, m->at, sink, s->from);\n        return true;\n    }\n",
        "",
    ),
    (
        "an object of the same name is taken for the same",
        "src/sink/s3_upload.c",
        "        go_beside(u);\n        break;",
        "        if (u)\n            finish(u, &v.result);\n        else\n            go_beside(u);\n        break;",
    ),
    (
        "a damaged object is taken for a good one",
        "src/sink/s3_upload.c",
        "    case SL_S3_DAMAGED:\n        u->over = true;\n        put(u);\n",
        "    case SL_S3_DAMAGED:\n        finish(u, &v.result);\n",
        "a cut that splits a message",
        "src/sink/take.c",
        "    if (r->many && !(s->type->flags & SL_SINK_CUTS) && (cut",
        "    if (r->many && (cut",
    ),
    (
        "a position that moves when half of a message's batches are done",
        "src/position/tracker.c",
        "        sl_list_remove(&span->node);\n        sl_list_remove(&span->crc_node);\n        sl_plan_drop_done(",
        "        struct sl_span *after = sl_container_of(span->node.next, struct sl_span, node);\n"
        "        if (&after->node != &span->partition->sinks[h->sink].spans && after->first == span->first)\n"
        "            after->first++;\n"
        "        sl_list_remove(&span->node);\n        sl_list_remove(&span->crc_node);\n        sl_plan_drop_done(",
    ),
    (
        "room is judged for the first record of a message only",
        "src/pipeline/many.c",
        "    for (size_t i = 0; i < w->n; i++) {\n        sl_way_judge(w, i);\n        for (size_t k",
        "    for (size_t i = 0; i < 1; i++) {\n        sl_way_judge(w, i);\n        for (size_t k",
    ),
]
