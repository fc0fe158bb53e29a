# SPDX-License-Identifier: Apache-2.0
"""Destinations that go away, refuse, hang or answer nonsense, one at a time: nothing is missing afterwards, no
commit is past what was delivered meanwhile, and /metrics tells the state."""
import os
import time

import pytest

from tests.stack.process import wait_until

from .world import SECRET, fewer

OUTAGE = float(os.environ.get("SLUICE_OUTAGE", "30"))   # seconds


def stays_safe_for(world, seconds):
    """While a sink is down: every commit that is seen meanwhile is of what has arrived."""
    end = time.monotonic() + seconds
    checks = 0
    while time.monotonic() < end or checks < 2:
        world.audit_commits()
        checks += 1


def troubled(router, sink):
    m = router.metrics()
    return m.sink_state(sink) == "stalled" or m.sum("sluice_retries_total", sink=sink) > 0


def test_f40_opensearch_is_stopped_and_started(world, stack):
    world.make_topic(partitions=6)
    world.produce(world.traffic(fewer(60_000)))
    router = world.router()
    world.wait_metric(router, "sluice_delivered_records_total", 1, sink="search")
    stack.opensearch.kill()
    try:
        world.produce(world.traffic(5000, seed=2))
        wait_until(lambda: troubled(router, "search"), 60, "the metrics tell of the outage")
        before = world.broker.committed(world.group, world.topic)
        time.sleep(OUTAGE)                   # not for something to happen: this is the fault itself
        delivered = router.metrics().sum("sluice_delivered_records_total", sink="search")
    finally:
        stack.opensearch.start()
    assert sum(v or 0 for v in before.values()) < len(world.produced)
    assert delivered < sum(1 for r in world.produced if "search" in r.sinks)
    world.wait_done(router)
    wait_until(lambda: router.metrics().sink_state("search") == "live", 30, "live again")
    world.finish(router)
    world.audit()


def test_f44_s3_with_a_wrong_secret_then_the_right_one(world, stack):
    world.make_topic(partitions=6)
    world.produce(world.traffic(fewer(20_000)))
    secret = world.folder / "s3-secret"
    secret.write_text("not-the-secret\n")
    sinks = {"search": world.search_sink(), "alerts": world.alerts_sink(),
             "archive": world.archive_sink(secret_key=f"${{file:{secret}}}")}
    router = world.router(world.config(sinks=sinks))
    wait_until(lambda: router.metrics().sink_state("archive") == "stalled", 60, "archive is stalled")
    stays_safe_for(world, OUTAGE * 2 / 3)
    m = router.metrics()
    assert m.sum("sluice_delivered_records_total", sink="archive") == 0
    assert m.sum("sluice_requests_total", sink="archive", code="403") >= 1
    assert m.sum("sluice_dead_letter_records_total", sink="archive") == 0
    # Every partition holds records of the archive, so none can be past them.
    for partition, offset in world.broker.committed(world.group, world.topic).items():
        first = min(world.place[r.id][2] for r in world.produced
                    if world.place[r.id][1] == partition and "archive" in r.sinks)
        assert (offset or 0) <= first
    secret.write_text(stack.s3proxy.credential)
    world.wait_done(router)
    assert router.metrics().sink_state("archive") == "live"
    world.finish(router)
    world.audit()


@pytest.mark.parametrize("mode", ["500", "429", "hang", "cut", "401"])
def test_f45_f47_webhook_that(world, mode):
    world.make_topic(partitions=4)
    world.produce(world.traffic(fewer(20_000)))
    world.receiver.behave(mode)
    sinks = {"search": world.search_sink(), "archive": world.archive_sink(),
             # Only what hangs is to meet it: what was taken and is answered late would come again.
             "alerts": world.alerts_sink(timeout="10s" if mode == "hang" else "60s")}
    router = world.router(world.config(sinks=sinks))
    wait_until(lambda: world.receiver.seen() and troubled(router, "alerts"), 60,
               "the metrics tell of the receiver")
    stays_safe_for(world, OUTAGE / 4)
    assert world.receiver.ids() == []
    m = router.metrics()
    assert m.sum("sluice_dead_letter_records_total", sink="alerts") == 0
    if mode.isdigit():
        assert m.sum("sluice_requests_total", sink="alerts", code=mode) >= 1
    if mode == "401":
        assert m.sink_state("alerts") == "stalled"
    if mode == "429":
        # Retry-After is 1 s: an attempt of the same batch never comes earlier.
        times = {}
        for moment, message_id, status, _ in world.receiver.seen():
            times.setdefault(message_id, []).append(moment)
        gaps = [b - a for one in times.values() for a, b in zip(one, one[1:])]
        assert all(gap > 0.9 for gap in gaps), gaps
    world.receiver.behave("ok")
    world.wait_done(router)
    world.finish(router)
    # What hung or was cut may have been taken: here the receiver keeps nothing then, so nothing is twice.
    world.audit()
    assert world.receiver.problems == []


def test_the_same_webhook_id_on_every_attempt(world):
    world.make_topic()
    world.produce(world.traffic(2000))
    world.receiver.behave("500", times=3)
    router = world.router()
    world.wait_done(router)
    world.finish(router)
    failed = {message_id for _, message_id, status, _ in world.receiver.seen(500)}
    accepted = {message_id for _, message_id, status, _ in world.receiver.seen(200)}
    assert failed and failed <= accepted
    world.audit()


def test_f49_private_webhook_targets_are_refused(world):
    """Where the address stands in the configuration it is an error; a name that resolves to one is not
    connected to."""
    world.make_topic()
    world.produce(world.traffic(500))
    sinks = {"search": world.search_sink(), "archive": world.archive_sink(),
             "alerts": world.alerts_sink(allow_private=False, url=f"https://127.0.0.1:{world.receiver.port}/in")}
    router = world.router(world.config(sinks=sinks), name="wrong", ready=False)
    assert router.process.wait(30) == 2
    assert "private" in router.log_text() and "allow_private" in router.log_text()
    # libcurl resolves every name below .localhost to the loopback addresses.
    sinks["alerts"]["url"] = f"https://hooks.localhost:{world.receiver.port}/in"
    router = world.router(world.config(sinks=sinks))
    wait_until(lambda: router.metrics().sink_state("alerts") == "stalled", 60, "alerts is stalled")
    assert "private" in router.log_text()
    assert world.receiver.connections == 0
    router.kill()


def test_every_wrong_signature_would_be_seen(world):
    """The receiver verifies: with another secret nothing is accepted."""
    world.make_topic()
    world.produce(world.traffic(500))
    sinks = {"search": world.search_sink(), "archive": world.archive_sink(),
             "alerts": world.alerts_sink(secret=SECRET[:-8] + "AAAAAAA=")}
    router = world.router(world.config(sinks=sinks))
    wait_until(lambda: world.receiver.problems, 60, "the receiver complains")
    assert world.receiver.ids() == []
    router.kill()
