# SPDX-License-Identifier: Apache-2.0
"""What a destination refuses for its content becomes a dead letter with everything needed to send it again;
what refuses everything stalls; hostile values stay values."""
import json
import re

from tests.stack.process import wait_until

HOSTILE = ["../../etc/passwd", "_all", "-x", "UPPER-Case", "a,b*?", 'a"b\\c|<d>', "..", ".", "é東京",
           "a" * 400, "%2e%2e%2f", " lead", "#hash", "+plus", ":colon", "x/../../y", "\u0000nul",
           "line\nbreak\r\nSet-Cookie: a=b", "{service}", ""]


def test_f38_mapping_conflict(world):
    """The good items of a batch arrive; the bad ones are letters with reason, place and original bytes."""
    world.make_topic(partitions=3)
    records = world.produce(world.traffic(20_000))
    bad = {r.id: r for r in records if r.kind == "conflict"}
    assert len(bad) > 10
    router = world.router()
    world.wait_done(router)
    metrics = router.metrics()
    assert metrics.sum("sluice_dead_letter_records_total", sink="search") == len(bad)
    world.finish(router)
    world.audit()
    for letter in world.letters():
        headers = {name: value.decode() for name, value in letter.headers}
        record = bad.pop(re.search(rb"r\d{8}", letter.value).group().decode())
        topic, partition, offset = world.place[record.id]
        assert letter.value == record.value.encode()
        assert letter.key == record.key.encode()
        assert headers["sluice-sink"] == "search"
        assert headers["sluice-status"] == "400"
        assert "status" in headers["sluice-reason"]
        assert headers["sluice-rule"] == "server-logs"
        assert (headers["sluice-topic"], headers["sluice-partition"], headers["sluice-offset"]) == \
            (topic, str(partition), str(offset))
        assert headers["sluice-index"] == "0"     # which of the message's records
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", headers["sluice-time"])
    assert bad == {}


def test_key_and_headers_travel_with_a_letter(world):
    """Binary keys, duplicate, empty and hostile header names and values: as they were."""
    world.make_topic()
    headers = [("a", b"\x00\xff\r\n"), ("a", b"again"), ("sluice-sink", b"forged"), ("", b""),
               ("x\r\ny", "é".encode())]
    value = b'{"id":"r00000001","service":"auth","status":{"no":"number"}}'
    world.broker.produce(world.topic, [(b"\x00\xfe key", value, headers), (None, value, None)])
    router = world.router()
    world.wait_done(router)
    world.finish(router)
    letters = sorted(world.letters(), key=lambda r: int(dict(r.headers)["sluice-offset"]))
    assert len(letters) == 2
    assert letters[0].key == b"\x00\xfe key" and letters[1].key is None
    assert letters[0].value == letters[1].value == value
    original = [h for h in letters[0].headers if not h[0].startswith("sluice-") or h[1] == b"forged"]
    assert original == headers
    assert letters[0].headers[-1][0].startswith("sluice-"), "Sluice's own come last"
    assert dict(letters[0].headers)["sluice-sink"] == b"search"


def test_c18_c19_hostile_index_names_and_keys(world):
    """A record can name neither another index nor a place outside its prefix."""
    world.make_topic()
    values = [json.dumps({"id": f"r{n:08d}", "service": text, "message": "hostile"}).encode()
              for n, text in enumerate(HOSTILE)]
    world.broker.produce(world.topic, [(b"k", value, None) for value in values])
    rules = world.rules([{"name": "all", "when": {"id": {"exists": True}}, "to": ["search", "archive"]}])
    sinks = {"search": world.search_sink(), "archive": world.archive_sink(key="svc={service}/x")}
    router = world.router(world.config(sinks=sinks, routes=rules))
    world.wait_done(router)
    world.finish(router)
    arrived, dead = world.arrived()
    letters = set(dead.get("search", ()))
    everything = {f"r{n:08d}" for n in range(len(HOSTILE))}
    assert set(arrived["search"]) | letters == everything
    assert letters == set(), "sanitised names are good names"
    assert set(arrived["archive"]) == everything
    for index, _, source in world.in_search():
        assert index.startswith(f"{world.name}-") and len(index.encode()) <= 255
        assert not re.search(r'[\\/*?"<>| ,#:A-Z\x00-\x1f]', index), index
    for key, line in world.in_archive():
        assert re.fullmatch(r"svc=[A-Za-z0-9._=%-]+/x/[A-Za-z0-9._=%-]+\.ndjson\.gz", key), key
        assert "/../" not in key and "/./" not in key
    by_id = {json.loads(line)["id"]: json.loads(line)["service"] for _, line in world.in_archive()}
    assert by_id == {f"r{n:08d}": text for n, text in enumerate(HOSTILE)}


def test_a_sink_that_refuses_everything_stalls(world):
    """More than half of the last 1,000 refused: the stream is not emptied into the dead-letter topic."""
    world.members_die()
    world.make_topic(partitions=3)
    world.search.template(world.name, world.indexes, {"id": {"type": "long"}})
    records = world.produce(world.traffic(20_000))
    router = world.router()
    wait_until(lambda: router.metrics().sink_state("search") == "stalled", 90, "search is stalled")
    world.audit_commits()
    letters = world.letters()
    assert 0 < len(letters) < 5000
    assert all(dict(letter.headers)["sluice-sink"] == b"search" for letter in letters)
    assert world.lag() > len(records) / 4
    # The operator repairs the mapping; nothing is lost, and nothing more is refused.
    router.kill()
    world.search.remove(world.indexes)
    world.search.template(world.name, world.indexes, {"status": {"type": "long"}})
    router = world.router(name="after")
    world.wait_done(router)
    world.finish(router)
    arrived, dead = world.arrived()
    want = {r.id for r in records if "search" in r.sinks}
    assert want <= set(arrived["search"]) | set(dead["search"])
    assert {r.id for r in records if "archive" in r.sinks} == set(arrived["archive"])


def test_a_pattern_does_not_match_the_dead_letter_topic(world):
    world.make_topic(f"{world.name}-app")
    world.produce(world.traffic(5000), topic=f"{world.name}-app")
    router = world.router(world.config(topics=[f"^{world.name}.*"]))
    world.wait_done(router, topics=[f"{world.name}-app"])
    consumed = router.metrics().by("sluice_consumed_records_total", "topic")
    world.finish(router)
    world.audit()
    assert len(world.letters()) > 0
    assert {topic for topic, n in consumed.items() if n} == {f"{world.name}-app"}
    assert set(world.broker.committed(world.group, world.dead).values()) == {None}


def test_f57_dead_letters_wait_for_kafka(world):
    """A letter counts only when Kafka has it: with the topic gone, the position stays."""
    world.make_topic()
    config = world.config(dead_letter={"topic": f"{world.name}.absent"})
    world.broker.produce(world.topic, [(b"k", b'{"id":"r00000000","service":"a","status":{}}', None)])
    router = world.router(config)
    world.wait_metric(router, "sluice_requests_total", 1, sink="search")
    assert router.metrics().sum("sluice_dead_letter_records_total") == 0
    assert world.broker.committed(world.group, world.topic)[0] in (None, 0)
    world.make_topic(f"{world.name}.absent")
    world.wait_done(router)
    world.finish(router)
    assert len(world.broker.read(f"{world.name}.absent")) == 1
