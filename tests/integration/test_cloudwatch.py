# SPDX-License-Identifier: Apache-2.0
"""CloudWatch's envelope: one message, many records, each delivered once, refused or dropped by itself, and the message
never split by what happens in between."""
import gzip
import json
import subprocess

import pytest

from tests.stack.process import wait_until
from tests.stack.router import program

EVENTS = 10_000
AT_MS = 1769862896789


def event(number, **fields):
    message = json.dumps({"id": f"r{number:08d}", "service": "pay", **fields}, separators=(",", ":"))
    return {"id": f"{number:056d}", "timestamp": AT_MS + number, "message": message}


def envelope(events, kind="DATA_MESSAGE"):
    return {"messageType": kind, "owner": "123456789012", "logGroup": "/aws/lambda/pay",
            "logStream": "2026/01/31/[$LATEST]f0", "subscriptionFilters": ["all"], "logEvents": events}


def packed(events, kind="DATA_MESSAGE"):
    return gzip.compress(json.dumps(envelope(events, kind), separators=(",", ":")).encode(), mtime=0)


CONTROL = packed([event(0)], "CONTROL_MESSAGE")


def configuration(world, sinks=None, when=None, **more):
    """All records go to all sinks, in small batches, so that a message is many requests."""
    sinks = sinks or {
        "search": world.search_sink(batch={"records": 250, "age": "100ms"}, requests=1),
        "archive": world.archive_sink(),
    }
    rules = world.rules([{"name": "all", "when": when or {"id": {"exists": True}}, "to": list(sinks)}])
    config = world.config(sinks=sinks, routes=rules, unmatched="drop", **more)
    config["source"]["decode"] = {world.topic: "cloudwatch"}
    return config


def produce(world, values):
    if world.topic not in world.topics:
        world.make_topic()
    world.broker.produce(world.topic, [(b"key %d" % n, value, [("h", b"%d" % n)]) for n, value in enumerate(values)])


def ids(numbers):
    return sorted(f"r{n:08d}" for n in numbers)


def check_all_there_once(world, numbers):
    assert sorted(source["id"] for _, _, source in world.in_search()) == ids(numbers)
    assert sorted(json.loads(line)["id"] for _, line in world.in_archive()) == ids(numbers)


@pytest.mark.parametrize("moment", ["routed", "first answers", "half", "most"])
def test_kill_in_the_middle_of_a_message(world, moment):
    """Of a message of 10,000 events some are delivered when the process dies: the position has not moved, and what
    comes again is the same records under the same ids, in the same objects."""
    world.members_die()
    produce(world, [packed([event(n) for n in range(EVENTS)])])
    config = configuration(world)
    router = world.router(config, name="first")

    def share():
        return router.metrics().sum("sluice_delivered_records_total", sink="search") / EVENTS

    least = {"routed": 0, "first answers": 0.01, "half": 0.4, "most": 0.8}[moment]
    wait_until(lambda: router.metrics().sum("sluice_routed_records_total", sink="search") == EVENTS, 60, "routed",
               every=0.005)
    wait_until(lambda: share() >= least, 60, f"{least} delivered", every=0.002)
    router.kill()
    done = world.broker.committed(world.group, world.topic)
    delivered = len(world.in_search())
    print(f"killed with {delivered} of {EVENTS} in the index, committed: {done}")
    if delivered < EVENTS:
        assert not done[0], done
    again = world.router(config, name="again")
    world.wait_done(again)
    metrics = again.metrics()
    world.finish(again)
    if delivered < EVENTS:
        # Decoded with it or, when the archive was done with the message, to catch up.
        assert metrics.sum("sluice_routed_records_total", sink="search") == EVENTS
    check_all_there_once(world, range(EVENTS))


def test_a_message_is_many_records(world):
    """Each by its own fields to its own sinks, counted as a record; what surrounds them comes with each; the ids say
    which of the message's each is."""
    produce(world, [packed([event(n, level="error" if n % 3 == 0 else "info") for n in range(30)]), CONTROL,
                    packed([event(n) for n in range(30, 33)])])
    config = configuration(world)
    config["routes"] = world.rules([
        {"name": "errors", "when": {"level": "error"}, "to": ["search", "archive"]},
        {"name": "rest", "when": {"id": {"exists": True}}, "to": ["archive"]}], name="apart")
    router = world.router(config)
    world.wait_done(router)
    metrics = router.metrics()
    world.finish(router)
    assert metrics.sum("sluice_consumed_records_total") == 3
    assert metrics.sum("sluice_decoded_records_total") == 34, "the control message counts as one that is dropped"
    assert metrics.sum("sluice_dropped_records_total", reason="control_message") == 1
    assert metrics.sum("sluice_rule_records_total", rule="errors") == 10
    found = world.in_search()
    assert sorted(source["id"] for _, _, source in found) == ids(range(0, 30, 3))
    assert len({doc for _, doc, _ in found}) == 10 and all(len(doc) == 32 for _, doc, _ in found)
    assert all(source["log_group"] == "/aws/lambda/pay" for _, _, source in found)
    assert sorted(json.loads(line)["id"] for _, line in world.in_archive()) == ids(range(33))


def test_control_messages_alone_are_committed(world):
    produce(world, [CONTROL, CONTROL])
    router = world.router(configuration(world))
    world.wait_done(router)
    metrics = router.metrics()
    world.finish(router)
    assert metrics.sum("sluice_dropped_records_total", reason="control_message") == 2
    assert world.in_search() == [] and world.in_archive() == [] and world.letters() == []


def test_a_gzip_bomb_is_a_dead_letter_of_each_sink(world):
    bomb = gzip.compress(b'{"messageType":"DATA_MESSAGE","logEvents":[' + b" " * (200 << 20) + b"]}", mtime=0)
    produce(world, [packed([event(0)]), bomb, packed([event(1)])])
    config = configuration(world)
    config["routes"] = world.rules([{"name": "all", "to": ["search", "archive"], "when": {"@topic": world.topic}}],
                                   name="everything")
    router = world.router(config)
    world.wait_done(router)
    rss = router.rss(peak=True)
    world.finish(router)
    check_all_there_once(world, range(2))
    letters = world.letters()
    assert sorted(dict(letter.headers)["sluice-sink"] for letter in letters) == [b"archive", b"search"]
    for letter in letters:
        headers = dict(letter.headers)
        assert letter.value == bomb and letter.key == b"key 1" and headers["h"] == b"1"
        assert headers["sluice-status"] == b"413" and b"inflates beyond" in headers["sluice-reason"]
    assert rss < 1 << 30


def test_a_refused_record_is_one_letter_and_is_redriven_alone(world):
    """The letter has the message and says which of its records it is; once it can be taken it is sent under the id
    that it had."""
    message = packed([event(n, **({"status": {"no": "number"}} if n in (2, 5) else {})) for n in range(8)])
    produce(world, [message])
    config = configuration(world, sinks={"search": world.search_sink()})
    router = world.router(config)
    world.wait_done(router)
    world.finish(router)
    letters = world.letters()
    assert sorted(int(dict(letter.headers)["sluice-index"]) for letter in letters) == [2, 5]
    assert all(letter.value == message and letter.key == b"key 0" for letter in letters)
    delivered = {source["id"]: doc for _, doc, source in world.in_search()}
    assert sorted(delivered) == ids([0, 1, 3, 4, 6, 7])
    shown = subprocess.run([program(), "dlq", "show", "-c", router.config, "--json", f"{world.dead}/0/0"],
                           capture_output=True, text=True, check=True)
    first = json.loads(shown.stdout)
    assert first["index"] in (2, 5) and json.loads(json.loads(first["record"])["message"])["id"] == \
        f"r{first['index']:08d}"
    explained = subprocess.run(
        [program(), "explain", "-c", router.config, "--json", "--topic", world.topic, "--partition", "0", "--offset", "0"],
        capture_output=True, text=True, check=True).stdout.splitlines()
    expected = {json.loads(json.loads(line)["value"])["id"]: json.loads(line)["sinks"][0]["action"]["create"]["_id"]
                for line in explained}
    elsewhere = f"x{world.name}"             # an index whose `status` may be anything
    relaxed = {**config, "sinks": {"search": world.search_sink(index=elsewhere)}}
    done = subprocess.run([program(), "dlq", "redrive", "-c", world.write(relaxed, "relaxed"), "--sink", "search"],
                          capture_output=True, text=True)
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        redriven = {source["id"]: doc for _, doc, source in world.search.documents(elsewhere)}
    finally:
        world.search.remove(elsewhere)
    assert redriven == {f"r{n:08d}": expected[f"{n:056d}"] for n in (2, 5)}


@pytest.mark.parametrize("format", ["json", "raw", "envelope"])
def test_archive_formats_give_the_events_back(world, format):
    events = [event(n, text='quotes " and \\ and \u00e9') for n in range(50)]
    plain = json.dumps(envelope(events), separators=(",", ":")).encode()     # as forwarders inflate it
    produce(world, [packed(events), plain])
    router = world.router(configuration(world, sinks={"archive": world.archive_sink(format=format)}))
    world.wait_done(router)
    world.finish(router)
    lines = [json.loads(line) for _, line in world.in_archive()]
    assert len(lines) == 100
    for i, line in enumerate(lines):
        want = events[i % 50]
        if format == "raw":
            assert line == want
        elif format == "envelope":
            assert (line["offset"], line["index"]) == (i // 50, i % 50)
            assert line["key"] == f"key {i // 50}" and line["headers"] == [["h", str(i // 50)]]
            assert json.loads(line["value"]) == want
        else:
            own = json.loads(want["message"])
            assert {name: line[name] for name in own} == own
            assert line["log_group"] == "/aws/lambda/pay" and line["event_id"] == want["id"]
