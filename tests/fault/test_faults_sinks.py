# SPDX-License-Identifier: Apache-2.0
"""Rows of the fault table that need real servers: those of the destinations, and of sinks that are left behind.
Each is named after its row and ends with the auditor."""
import json

import pytest

from tests.integration.world import fewer
from tests.stack.process import wait_until

# A sink that is down is left behind soon, and so is one whose queue is small.
SMALL = {"queue": {"bytes": "1MiB"}, "batch": {"bytes": "64KiB", "records": 100, "age": "300ms"},
         "overflow": {"mode": "detach", "after": "1s"}}


def state(router, sink):
    return router.metrics().sink_state(sink)


def others_have(world, router, count, *sinks):
    wait_until(lambda: all(world.delivered(router, s) >= count for s in sinks), 120,
               lambda: f"{ {s: world.delivered(router, s) for s in sinks} } of {count}\n{router.log_tail(5)}")


def test_f28_retention_overtakes(world):
    """What retention took while a sink was away is an exact, told range; the others lack nothing."""
    total, low = 30_000, 25_000             # more than what is fetched ahead
    world.make_topic(partitions=1)
    config = world.config(sinks=world.sinks(alerts=SMALL), kafka={"memory": "1MiB"})
    router = world.router(config)
    world.produce(world.for_all(500))
    world.wait_done(router)
    world.receiver.behave("503")
    world.produce(world.for_all(total - 500))
    others_have(world, router, total, "search", "archive")
    wait_until(lambda: state(router, "alerts") == "detached", 60, "alerts is detached")
    path = world.folder / "delete.json"
    path.write_text(json.dumps({"version": 1, "partitions": [
        {"topic": world.topic, "partition": 0, "offset": low}]}))
    world.stack.kafka.tool("DeleteRecordsCommand", "--offset-json-file", str(path))
    world.receiver.behave("ok")
    wait_until(lambda: router.metrics().sum("sluice_expired_offsets_total", sink="alerts") > 0, 120,
               lambda: f"it expires\n{router.log_tail(8)}")
    world.wait_done(router)
    expired = router.metrics().by("sluice_expired_offsets_total", "sink")
    world.finish(router)
    have = {int(i[1:]) for i in world.receiver.ids()}
    missing = sorted(set(range(total)) - have)
    # Exactly what was not delivered and lies below the log's start, and nothing else.
    assert missing and missing == list(range(missing[0], low)), (missing[:3], missing[-3:])
    assert expired == {"alerts": len(missing), "search": 0, "archive": 0}
    assert f'"first":"{missing[0]}","last":"{low - 1}"' in router.log_text()
    world.audit(sinks=("search", "archive"))


def test_f36_reply_cut_after_apply(world):
    """The index took the batch and the answer is lost: sent again, it is told 409, and that counts."""
    world.make_topic(partitions=2)
    router = world.router(world.config(sinks=world.sinks()))
    world.proxy.do("cut", "search", 60, "down")
    world.produce(world.traffic(2000))
    wait_until(lambda: world.proxy.stats("search")["cuts"] >= 3, 60, "replies are cut")
    assert world.search.count(world.indexes) > 0, "they were applied"
    world.audit_commits()
    world.proxy.do("pass", "search")
    world.wait_done(router)
    world.finish(router)
    world.audit()


def test_f36_put_cut_after_apply(world):
    """The same with an object: it meets itself, and is there once."""
    world.make_topic(partitions=2)
    router = world.router(world.config(sinks=world.sinks()))
    world.proxy.do("cut", "archive", 20, "down")
    world.produce(world.traffic(2000))
    wait_until(lambda: world.proxy.stats("archive")["cuts"] >= 3, 60, "replies are cut")
    wait_until(lambda: world.store.keys(world.bucket), 30, "they were applied")
    world.audit_commits()
    world.proxy.do("pass", "archive")
    world.wait_done(router)
    world.finish(router)
    world.audit()


@pytest.mark.parametrize("block", ["write", "read_only_allow_delete"])
def test_f39_index_read_only(world, block):
    """Capacity is not content (the second block is what a full disk brings on): it waits and says so, nothing is a
    dead letter, and it goes on when it may."""
    world.make_topic(partitions=2)
    router = world.router()
    world.produce(world.traffic(1000))
    world.wait_done(router)
    letters = len(world.letters())
    world.search.call("PUT", f"/{world.indexes}/_settings", {f"index.blocks.{block}": True})
    try:
        before = world.delivered(router, "search")
        world.produce(world.for_all(500))
        wait_until(lambda: state(router, "search") != "live" or "tried apart" in router.log_text(), 60, "it says so")
        others_have(world, router, 500, "alerts")
        assert world.delivered(router, "search") == before
        assert len(world.letters()) == letters
        world.audit_commits()
    finally:
        world.search.call("PUT", f"/{world.indexes}/_settings", {f"index.blocks.{block}": None})
    world.wait_done(router)
    world.finish(router)
    world.audit()


def test_f39_shard_limit(world):
    """No further index may be made: an operator's matter, not the records'."""
    world.make_topic(partitions=2)
    full = f"full-{world.name}"
    world.search.call("PUT", f"/{full}")         # with it there is no room for one more, whatever others remove
    world.search.call("PUT", "/_cluster/settings", {"persistent": {"cluster.max_shards_per_node": 1}})
    try:
        router = world.router()
        world.produce(world.traffic(1000))
        wait_until(lambda: state(router, "search") in ("stalled", "detached"), 60, "search is stalled")
        assert world.letters() == []
        world.audit_commits()
    finally:
        world.search.call("PUT", "/_cluster/settings", {"persistent": {"cluster.max_shards_per_node": None}})
        world.search.remove(full)
    world.wait_done(router)
    world.finish(router)
    world.audit()


def test_f41_f44_the_store_goes_and_comes(world, stack):
    """kill -9 of the store under load; what it confirmed is there, once."""
    world.make_topic(partitions=4)
    router = world.router()
    world.produce(world.traffic(fewer(10_000)))
    world.wait_metric(router, "sluice_delivered_records_total", 1, sink="archive")
    stack.s3proxy.kill()
    world.produce(world.traffic(2000))
    wait_until(lambda: router.metrics().sum("sluice_retries_total", sink="archive") > 0, 60, "it notices")
    stack.s3proxy.start()
    world.wait_done(router)
    world.finish(router)
    world.audit()


def test_f46_webhook_one_byte_a_second(world):
    """The deadline is for the whole exchange: it is given up, and the others go on."""
    world.make_topic(partitions=2)
    router = world.router(world.config(sinks=world.sinks(alerts={"timeout": "2s", **SMALL})))
    world.proxy.do("rate", "alerts", 1)
    world.produce(world.for_all(1000))
    others_have(world, router, 1000, "search", "archive")
    wait_until(lambda: router.metrics().sum("sluice_retries_total", sink="alerts") > 0, 30, "given up")
    world.proxy.do("drop", "alerts")
    world.proxy.do("pass", "alerts")
    world.wait_done(router)
    world.finish(router)
    world.audit(duplicates=("alerts",))


def test_f51_detached_sink_recovers(world):
    """Down for long: it is let go and the others have everything; back, it catches up, and nothing is twice."""
    world.make_topic(partitions=4)
    router = world.router(world.config(sinks=world.sinks(alerts=SMALL)))
    world.receiver.behave("503")
    world.produce(world.for_all(8000))
    others_have(world, router, 8000, "search", "archive")
    wait_until(lambda: state(router, "alerts") == "detached", 60, "alerts is detached")
    assert router.metrics().ledger_problems() == []
    world.receiver.behave("ok")
    world.produce(world.for_all(2000))
    world.wait_done(router)
    wait_until(lambda: state(router, "alerts") == "live", 60, "alerts is live")
    world.finish(router)
    world.audit()


def test_f51_detached_archive_recovers(world):
    """The same for the sink whose cuts are planned."""
    world.make_topic(partitions=4)
    router = world.router(world.config(sinks=world.sinks(archive={**SMALL, "queue": {"bytes": "2MiB"}})))
    world.produce(world.for_all(500))
    world.wait_done(router)
    world.proxy.do("refuse", "archive")
    world.produce(world.for_all(12_000))
    others_have(world, router, 12_500, "search", "alerts")
    wait_until(lambda: state(router, "archive") == "detached", 60, "archive is detached")
    world.proxy.do("pass", "archive")
    world.produce(world.for_all(2000))
    world.wait_done(router)
    wait_until(lambda: state(router, "archive") == "live", 60, "archive is live")
    world.finish(router)
    world.audit()


def test_f52_detach_rebalance_reattach_kill_looped(world):
    """Detached here, taken over there, caught up, killed, again and again."""
    world.members_die()
    world.make_topic(partitions=4)
    config = world.config(sinks=world.sinks(alerts=SMALL, archive=SMALL))
    a = world.router(config, name="a0")
    for turn in range(3):
        world.receiver.behave("503")
        if turn == 1:
            world.proxy.do("refuse", "archive")
        world.produce(world.for_all(4000))
        others_have(world, a, 1, "search")
        wait_until(lambda: state(a, "alerts") in ("detached", "stalled"), 60, "it is left behind")
        b = world.router(config, name=f"b{turn}")
        # Before alerts answers again: the first replica could deliver everything while the other is still joining.
        b.wait_assigned()
        world.produce(world.for_all(500))
        world.receiver.behave("ok")
        world.proxy.do("pass", "archive")
        wait_until(lambda: world.delivered(b, "alerts") > 0, 60, "the other one delivers")
        a.kill()
        world.audit_commits()
        a = world.router(config, name=f"a{turn + 1}")
        world.produce(world.for_all(500))
        assert b.terminate() == 0, b.log_tail()
    world.wait_done(a)
    world.finish(a)
    world.audit(duplicates=("alerts",))


def test_f53_two_sinks_detached_at_different_positions(world):
    world.make_topic(partitions=2)
    router = world.router(world.config(sinks=world.sinks(alerts=SMALL, archive={**SMALL, "queue": {"bytes": "2MiB"}})))
    world.produce(world.for_all(100))
    world.wait_done(router)
    world.receiver.behave("503")
    world.produce(world.for_all(5000))
    wait_until(lambda: state(router, "alerts") == "detached", 60, "alerts is detached")
    others_have(world, router, 5100, "archive")
    world.proxy.do("refuse", "archive")
    world.produce(world.for_all(12_000))
    others_have(world, router, 17_100, "search")
    wait_until(lambda: state(router, "archive") == "detached", 60, "archive is detached")
    # A restart between: where each of them was is known.
    assert router.terminate(20) == 0, router.log_tail()
    router = world.router(world.config(sinks=world.sinks(alerts=SMALL, archive=SMALL)), name="after")
    wait_until(lambda: state(router, "alerts") == "detached" and state(router, "archive") == "detached", 60,
               lambda: f"both are behind: {state(router, 'alerts')}, {state(router, 'archive')}")
    world.receiver.behave("ok")
    world.proxy.do("pass", "archive")
    world.wait_done(router)
    assert world.delivered(router, "search") == 0, "who had everything gets nothing again"
    world.finish(router)
    world.audit(duplicates=("alerts",))


def test_f56_sink_removed_renamed_and_added_in_backlog(world):
    """A sink that is behind goes from the configuration, comes back under another name and the same id, and lacks
    nothing; a new one begins where it says."""
    world.make_topic(partitions=2)
    local = world.folder / "local.ndjson"
    sinks = world.sinks(alerts=SMALL)
    router = world.router(world.config(sinks=sinks), name="with")
    world.receiver.behave("503")
    first = world.produce(world.for_all(3000))
    others_have(world, router, len(first), "search", "archive")
    assert router.terminate(20) == 0
    # Gone: its position is carried. Records of that time are not for it, for no rule can name it.
    rules = world.rules([{"name": "two", "to": ["search", "archive"]}], name="two")
    two = {name: sinks[name] for name in ("search", "archive")}
    router = world.router(world.config(sinks=two, routes=rules), name="without")
    world.produce(between := [r._replace(kind="metric") for r in world.for_all(500)])
    wait_until(lambda: world.delivered(router, "search") >= len(between), 60, "the others go on")
    wait_until(lambda: world.delivered(router, "archive") >= len(between), 60, "the others go on")
    assert router.terminate(20) == 0
    world.receiver.behave("ok")
    rules = world.rules([{"name": "all", "to": ["search", "archive", "pager", "local"]}], name="all")
    renamed = {**two, "pager": {**sinks["alerts"], "id": "alerts"},
               "local": {"type": "file", "path": str(local), "format": "json", "start": "committed"}}
    router = world.router(world.config(sinks=renamed, routes=rules), name="renamed")
    world.produce(world.for_all(500))
    world.wait_done(router)
    world.finish(router)
    world.audit(duplicates=("alerts",))
    assert len(local.read_text().splitlines()) >= 500


def test_rules_changed_while_a_sink_is_behind_then_killed(world):
    """A record that one sink had under the old rules and another lacks is judged for both by the old rules."""
    world.members_die()
    world.make_topic(partitions=3)
    both = {"v1": ["search", "alerts"], "v2": ["archive", "alerts"]}

    def version(name):
        return world.rules([{"name": name, "set": {"version": name}, "to": both[name]}])

    routes = version("v1")
    config = world.config(sinks=world.sinks(alerts=SMALL), routes=routes)
    router = world.router(config, name="old")
    world.receiver.behave("503")
    old = world.produce(world.for_all(4000))
    others_have(world, router, len(old), "search")
    version("v2")
    router.reload()
    wait_until(lambda: '"rules reloaded"' in router.log_text(), 30, lambda: f"reloaded\n{router.log_tail(5)}")
    new = world.produce(world.for_all(1000))
    others_have(world, router, len(new), "archive")
    wait_until(lambda: world.committed_share() >= 0, 30, "committed")
    router.kill()
    world.receiver.behave("ok")
    router = world.router(config, name="new")
    world.wait_done(router)
    world.finish(router)
    archive = [json.loads(line) for _, line in world.in_archive()]
    arrived = {"search": [(s["id"], s["version"]) for _, _, s in world.in_search()],
               "archive": [(r["id"], r["version"]) for r in archive],
               "alerts": list({(r["id"], r["version"]) for r in world.receiver.records})}
    ids = {"v1": {r.id for r in old}, "v2": {r.id for r in new}}
    assert sorted(arrived["search"]) == sorted((i, "v1") for i in ids["v1"])
    assert sorted(arrived["archive"]) == sorted((i, "v2") for i in ids["v2"])
    assert sorted(arrived["alerts"]) == sorted([(i, "v1") for i in ids["v1"]] + [(i, "v2") for i in ids["v2"]])


def test_a_rolling_change_that_adds_a_sink(world):
    """One replica knows the new sink, the other does not, and partitions move between them."""
    world.make_topic(partitions=6)
    local = world.folder / "local.ndjson"
    old_rules = world.rules([{"name": "old", "to": ["search", "archive"]}], name="old")
    new_rules = world.rules([{"name": "new", "to": ["search", "archive", "local"]}], name="new")
    sinks = {name: sink for name, sink in world.sinks().items() if name != "alerts"}
    old = world.config(sinks=sinks, routes=old_rules, shutdown="60s")
    new = world.config(sinks={**sinks, "local": {"type": "file", "path": str(local), "format": "json"}}, routes=new_rules,
                       shutdown="60s")
    pair = [world.router(old, name="a"), world.router(old, name="b")]
    world.produce([r._replace(kind="metric") for r in world.for_all(2000)])
    for n, name in enumerate(("a", "b")):
        assert pair[n].terminate() == 0
        world.produce([r._replace(kind="metric") for r in world.for_all(1000)])
        pair[n] = world.router(new, name=f"{name}-new")
        world.produce([r._replace(kind="metric") for r in world.for_all(1000)])
    world.wait_done(*pair)
    last = world.produce([r._replace(kind="metric") for r in world.for_all(1000)])
    world.wait_done(*pair)
    for router in pair:
        world.finish(router)
    world.audit(sinks=("search", "archive"))
    lines = [json.loads(line)["id"] for line in local.read_text().splitlines()]
    assert len(lines) == len(set(lines)), "nothing is twice in the new sink"
    assert {r.id for r in last} <= set(lines)
